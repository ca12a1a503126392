"""What somebody may have meant by a path that is not there."""

from __future__ import annotations

from pathlib import Path

from analyzer.model.message import say


def meant(path: str) -> str:
    """The end of a sentence that says so; empty if nothing is near."""
    if "://" in path:
        return say("; it is an address: download it first, this tool uses no network")
    place = Path(path)
    names = [found.name for found in place.parent.iterdir()] if place.parent.is_dir() else []
    import difflib  # noqa: PLC0415 - only a wrong name needs it

    near = difflib.get_close_matches(place.name, names, 1, 0.7)
    return say("; did you mean {near}?", near=place.parent / near[0]) if near else ""

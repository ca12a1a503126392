"""The collector: a shell script for the host of the incident, where neither Python nor this tool is."""

from __future__ import annotations

from importlib.resources import files


def script() -> str:
    """The text of collect.sh, as ``analyze collect`` prints it."""
    return files("analyzer.app").joinpath("collect.sh").read_text(encoding="utf-8")

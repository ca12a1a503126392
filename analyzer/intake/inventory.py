"""Files of a support bundle that say nothing of threads and connections: listed, neither held against the verdict nor called not understood."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from analyzer.intake.layouts import INVENTORY, is_skipped, roots_of, sos_root_of, sos_roots
from analyzer.intake.parts import Part
from parsers.records import Parsed
from parsers.text.looks import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from analyzer.intake.read import Content, Reading

_Reading = TypeVar("_Reading", bound="Reading")
_DOCUMENTS = (".yaml", ".yml", ".json", ".xml", ".html", ".md", ".properties", ".conf", ".cfg", ".ini")
"""Ends of the names of files that hold settings and states: their lines may look like a table's."""
_SKIPPED = "the system's inventory; not looked into"
_UNKNOWN = "of a support bundle, and of no known format"
_PART = Part(INVENTORY, None, Parsed((), 0))


def skipping(names: Mapping[str, str]) -> Callable[[str, Content], bool]:
    """What tells files that nobody needs to look into, by their names. ``names``: path → what its files are called by."""
    roots: list[str | None] = []
    for path, name in names.items():
        if Path(path).is_dir():
            inside = (file.relative_to(path).as_posix() for file in Path(path).glob("**/sos_commands/*"))
            root = sos_root_of(inside)
            if root is not None:
                roots.append(f"{name}/{root}" if len(names) > 1 else root)
    return lambda file, data: isinstance(data, bytes) and any(is_skipped(file, root) for root in roots or [None])


def skipped(reading: type[_Reading], file: str, data: Content) -> _Reading:
    """A file that is not looked into."""
    content = data if isinstance(data, bytes) else b""
    return reading(file, None, (_PART,), _SKIPPED, len(content), hashlib.sha256(content).hexdigest())


def settled(readings: Sequence[_Reading]) -> list[_Reading]:
    """The readings; what no format knows in a bundle is its inventory, but for logs, stacks of another shape, and tables that somebody may have put there."""
    files = [reading.file for reading in readings]
    roots, inventories = roots_of(files), sos_roots(files)
    return [
        reading._replace(parts=(_PART,), note=_UNKNOWN)
        if roots and reading.file.startswith(roots) and _is_inventory(reading, tables=reading.file.startswith(inventories))
        else reading
        for reading in readings
    ]


def _is_inventory(reading: Reading, *, tables: bool) -> bool:
    """True if no line of a file is known, and none looks like evidence. ``tables``: those of the tool that saved all else here are none."""
    kinds = {None, TABLE} if tables or reading.file.lower().endswith(_DOCUMENTS) else {None}
    return bool(reading.parts) and all(part.form is None and part.looks_like in kinds for part in reading.parts)

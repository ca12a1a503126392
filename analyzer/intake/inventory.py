"""Files of a support bundle that say nothing of threads and connections: listed, neither held against the verdict nor called not understood."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from analyzer.intake.layouts import INVENTORY, is_skipped, roots_of, sos_root_of
from analyzer.intake.parts import Part
from parsers.records import Parsed
from parsers.text.looks import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from analyzer.intake.read import Content, Reading

_Reading = TypeVar("_Reading", bound="Reading")
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
    """The readings; what no format knows in a bundle is its inventory, but for logs and stacks of another shape."""
    roots = roots_of([reading.file for reading in readings])
    return [_settled(reading) if roots and reading.file.startswith(roots) else reading for reading in readings]


def _settled(reading: _Reading) -> _Reading:
    unknown = bool(reading.parts) and all(part.form is None and part.looks_like in {None, TABLE} for part in reading.parts)
    return reading._replace(parts=(_PART,), note=_UNKNOWN) if unknown else reading

"""The file of finished rows: what is done is not done again unless its bytes, the options or the tool have changed.

One JSON object a line: the key of the incident's bytes, and its row. A row is appended as soon as it is done, so that an interrupted run
goes on where it ended; a last line that is torn is left out.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.fleet.together import Ends
from analyzer.intake.read import is_hidden
from analyzer.model.errors import UsageError
from analyzer.model.message import say
from reports.contract.json_v1 import encode
from reports.fleet.contract import Row  # noqa: TC001 - msgspec reads the annotations when a line is decoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from analyzer.fleet.find import Unit

_PIECE: Final = 1 << 20
_ROOMS: Final = ("analyzer", "parsers", "reports")


class Line(msgspec.Struct, frozen=True):
    """A finished incident: the key of its bytes, its row, and what ties it to others."""

    key: str
    row: Row
    ends: Ends = Ends()


class Finished:
    """The rows of earlier runs, and those of this one."""

    def __init__(self, file: Path) -> None:
        """Read what is there.

        Raises:
            UsageError: if the file is none of ours, or cannot be written.
        """
        self._lines: dict[str, Line] = {}
        try:
            old = file.read_bytes() if file.exists() else b""
        except OSError as error:
            raise UsageError(say("--resume: {file}: {error}", file=file, error=error.strerror or error)) from error
        for number, line in enumerate(old.splitlines()):
            try:
                done = msgspec.json.decode(line, type=Line)
            except msgspec.MsgspecError as error:
                if number == 0 and not line.startswith(b'{"key"'):
                    raise UsageError(say("--resume: {file} is no file of finished incidents: {error}", file=file, error=error)) from error
                continue
            self._lines[done.key] = done
        try:
            self._stream: BinaryIO = file.open("ab")
            if old and not old.endswith(b"\n"):
                self._stream.write(b"\n")
        except OSError as error:
            raise UsageError(say("--resume: {file}: {error}", file=file, error=error.strerror or error)) from error

    def line(self, key: str) -> Line | None:
        """What is finished of these bytes, None if it is still to be done."""
        return self._lines.get(key)

    def keep(self, line: Line) -> None:
        """Append what is done, at once."""
        self._lines[line.key] = line
        self._stream.write(encode(line).encode() + b"\n")
        self._stream.flush()

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()


def bytes_of(unit: Unit) -> str | None:
    """One word for the bytes of an incident, wherever they lie; None if something cannot be read."""
    digest = hashlib.sha256((unit.inside or "").encode("utf-8", "surrogateescape"))
    try:
        for name, file in files_of(unit):
            digest.update(f"\0{name}\0{file.stat().st_size}\0".encode("utf-8", "surrogateescape"))
            with file.open("rb") as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
    except OSError:
        return None
    return digest.hexdigest()


def key_of(content: str | None, options: Sequence[str]) -> str | None:
    """One word for an incident's bytes, the options and the tool; None where there is none for the bytes, which are then read again."""
    if content is None:
        return None
    return hashlib.sha256("\0".join((tool(), *options, content)).encode("utf-8", "surrogateescape")).hexdigest()


def files_of(unit: Unit) -> Iterator[tuple[str, Path]]:
    """Every file of an incident with its name in it, in order."""
    for number, path in enumerate(unit.paths):
        for name, file in files_at(Path(path)):
            yield f"{number}/{name}", file


def files_at(root: Path) -> Iterator[tuple[str, Path]]:
    """A file, or every file in a folder that is evidence, with its name in it, in order."""
    if not root.is_dir():
        yield "", root
        return
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root)
        if file.is_file() and not is_hidden(name):
            yield name.as_posix(), file


@cache
def tool() -> str:
    """One word for the code of the tool and for what it knows of software: another version judges anew."""
    home = Path(__file__).resolve().parent.parent.parent
    digest = hashlib.sha256()
    for room in _ROOMS:
        for file in sorted((home / room).rglob("*")):
            if file.suffix in {".py", ".toml", ".mo", ".html", ".css"}:
                digest.update(file.read_bytes())
    return digest.hexdigest()

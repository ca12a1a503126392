"""``analyze report OLD.html``: a kept report once more, in any format or language."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.app.command import ANALYSED, UNUSABLE
from analyzer.app.output import Job, write
from analyzer.app.writing import complain
from analyzer.model.errors import text_of
from analyzer.model.message import say
from reports.contract.kept import KeptError, kept, said_in
from reports.language.catalogue import speaking

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST: Final = 1 << 30
"""Bytes of a kept report; one of a million sockets has some 300 MB."""


class Asked(msgspec.Struct, frozen=True):
    """What the user asked for; see :class:`analyzer.app.command.RunOptions`."""

    path: str
    formats: Sequence[str] = ()
    output: str | None = None
    language: str = "en"
    quiet: bool = False


def run(asked: Asked, command: str) -> int:
    """Read the report and write it anew; without a format or a place it is printed as text.

    Raises:
        UsageError: if an option does not fit.
    """
    try:
        old = kept(_read(Path(asked.path)))
        with speaking(asked.language):
            diagnosis = said_in(old, asked.language)
    except KeptError as error:
        complain(say("{path}: {error}", path=asked.path, error=text_of(error)))
        return UNUSABLE
    formats = asked.formats or (("text",) if asked.output is None else ())
    write(Job(diagnosis, (asked.path,), formats, asked.output, asked.quiet, command, old.version, language=asked.language))
    return ANALYSED


def _read(path: Path) -> bytes:
    try:
        if not path.exists():
            raise KeptError(say("no such file"))
        if not path.is_file():
            raise KeptError(say("no regular file; a report is a page or a JSON that analyze wrote"))
        if path.stat().st_size > LARGEST:
            raise KeptError(say("larger than {limit} GB", limit=LARGEST >> 30))
        return path.read_bytes()
    except OSError as error:
        raise KeptError(say("cannot be read: {error}", error=error.strerror or error)) from error

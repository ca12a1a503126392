"""The files behind a diagnosis, and the lines of them that nobody understood."""

from __future__ import annotations

import msgspec


class UnreadLine(msgspec.Struct, frozen=True):
    """The first line of a run of ``lines`` lines that nobody understood, and why."""

    line: int
    lines: int
    why: str


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read: ``format`` is None if nobody recognised it; several formats are joined by `` + ``.

    ``sha256`` is empty for a file that could not be read, and for a large capture, of which ``sha256_head`` is the SHA-256 of the first 64 MiB.
    """

    file: str
    format: str | None
    records: int
    unread: tuple[UnreadLine, ...]
    sha256: str
    bytes: int
    snapshot: str | None
    elided: int = 0
    note: str | None = None
    sha256_head: str | None = None

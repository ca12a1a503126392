"""How much of a process the evidence can show: what nothing may be concluded from when it is absent.

A table may be filtered (``lsof -i:8080``, ``| grep CLOSE_WAIT``, ``| head``), cut or largely unread; a dump may be cut, a piece, or torn.
What such an artifact does not show may exist all the same. Rules and the verdict ask here before they conclude from absence.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Final

from analyzer.model.incident import TABLES
from analyzer.model.message import say
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from analyzer.model.incident import ArtifactPart, Incident, Snapshot
    from parsers.records import SocketRow, ThreadDump

_ALL: Final = re.compile(r"\b(?:ss|netstat)\s(?:.*\s)?-\w*a|\blsof\s(?!.*LISTEN)")
"""Commands that print listeners and connections alike: a table of theirs without a connection says that none was open."""
COUNTS: Final = "socket_counts"
TOLD: Final = "told_counts"
"""Somebody's own words that count: the sentences around them are no evidence that nobody understood."""
"""What a row that was cut short may be taken for."""
UNREAD_SHARE: Final = 0.1
"""Share of an output's lines that nobody understood from which on it is not known what the output shows."""
FEW_ROWS: Final = 4
"""Rows below which a common port or state says nothing of a filter."""
_FILTER: Final = re.compile(
    r"\|\s*(?:\w*grep|head|tail|awk|sed|cut)\b"
    r"|\blsof\b[^|]*\s-sTCP:"
    r"|\blsof\b[^|]*\s-i\s*(?:[46]?(?:tcp|udp)?)?[@:]\S"
    r"|\bss\b[^|]*[\s'\"](?:state\s|exclude\s|sport\b|dport\b|dst\s|src\s|\(\s*[sd]port)",
    re.IGNORECASE,
)
"""Commands that print only a part of what there is, by their own options or by the pipe behind them."""


def is_filtered(incident: Incident, file: str) -> bool:
    """True if a list in the file is what a command printed that leaves rows out."""
    parts = (
        part
        for artifact in incident.artifacts
        for part in artifact.parts
        if part.file == file and not (part.format or "").endswith("counts")
    )
    return any(part.format is not None and part.prompt is not None and _FILTER.search(part.prompt) is not None for part in parts)


class Coverage:
    """What the artifacts of one process in one snapshot leave out. Each list has sentences; an empty one means: nothing that is known."""

    def __init__(self, snapshot: Snapshot, dump: ThreadDump | None, parts: Sequence[ArtifactPart], elided: frozenset[str]) -> None:
        """Look at the files that the snapshot's sockets and the threads of ``dump`` come from. ``elided``: files that somebody left lines out of."""
        self._snapshot = snapshot
        self._dump = dump
        self._all = [part for part in parts if part.format != TOLD]
        self._elided = elided

    @cached_property
    def threads(self) -> tuple[str, ...]:
        """Why a thread that the dump does not show may exist."""
        dump = self._dump
        if dump is None:
            return (say("there is no thread dump"),)
        return tuple(self._of_dump(dump.where.file, fragment=dump.fragment, complete=dump.complete))

    def _of_dump(self, file: str, *, fragment: bool, complete: bool | None) -> Iterator[str]:
        if fragment:
            yield say("{file} is only a piece of a thread dump", file=file)
        elif complete is False or (
            complete is None and any(part.cut and part.format not in TABLES for part in self._all if part.file == file)
        ):
            yield say("the thread dump in {file} is not whole", file=file)
        yield from self._damaged(file, threads=True)

    @cached_property
    def sockets(self) -> tuple[str, ...]:
        """Why a connection that the tables do not show may exist."""
        rows = self._snapshot.rows
        if not rows:
            return () if self._snapshot.has_table else (say("there is no socket table"),)
        files = sorted({file for _, file in self._snapshot.tables})
        tables = [part for part in self._all if part.file in files and part.format in TABLES]
        whole = [part for part in tables if not (part.prompt and _FILTER.search(part.prompt))]
        if tables and not whole:
            return (say("the command above {file} prints only a part: {prompt}", file=tables[0].file, prompt=tables[0].prompt),)
        found = tuple(reason for file in files for reason in self._damaged(file, threads=False))
        if found:
            return found
        if all(row.state is TcpState.LISTEN for row in rows) and not any(part.says_all or _lists_all(part.prompt) for part in tables):
            return (say("{file} shows listeners only, as with -l: connections may be open", file=files[0]),)
        listed = {part.where.file for part in self._snapshot.open_files if part.tool == "lsof"}
        if listed.issuperset(files):
            return ()  # a filter by port or state leaves no files and devices among the descriptors
        return (self._shared,) if self._shared else ()

    @cached_property
    def _shared(self) -> str:
        """What all rows share, empty if nothing."""
        rows = self._snapshot.rows
        files = {file for _, file in self._snapshot.tables}
        tables = [part for part in self._all if part.file in files and part.format in TABLES]
        return _common(rows, headed=any(part.headed and not part.format.startswith("lsof") for part in tables if part.format))

    @cached_property
    def guessed(self) -> bool:
        """True if the only reason is what all rows share: a small process, of which a whole table was saved, may show the same."""
        return len(self.sockets) == 1 and self.sockets[0] == self._shared

    @cached_property
    def unread(self) -> tuple[tuple[str, str], ...]:
        """Files of which a large part was not understood, each with the sentence that says so."""
        lines: dict[str, list[int]] = {}
        for part in self._all:
            if part.format is not None:
                known = lines.setdefault(part.file, [0, 0])
                known[0] += part.read
                known[1] += part.unread
        return tuple((file, _not_understood(file, read, unread)) for file, (read, unread) in lines.items() if _is_unread(read, unread))

    @cached_property
    def queues(self) -> bool:
        """True if a table shows accept queues: lsof shows none, and Windows none either."""
        return any(row.state is TcpState.LISTEN and row.recv_q is not None for row in self._snapshot.rows)

    def prompts_of(self, files: Collection[str]) -> tuple[str, ...]:
        """The commands above the tables in these files."""
        return tuple(part.prompt for part in self._all if part.file in files and part.format in TABLES and part.prompt)

    def list_gaps(self, file: str) -> tuple[str, ...]:
        """Why a session that the list in ``file`` does not show may exist all the same."""
        parts = [part for part in self._all if part.file == file]
        filtered = tuple(
            say("the command above {file} prints only a part: {prompt}", file=file, prompt=part.prompt)
            for part in parts
            if part.prompt and _FILTER.search(part.prompt)
        )
        broken = any(part.cut or part.unread for part in parts)
        cut = (say("{file} has lines that were not understood, or is cut", file=file),) if broken else ()
        return (*filtered, *cut, *self._damaged(file, threads=True))

    def _damaged(self, file: str, *, threads: bool) -> Iterator[str]:
        """What is missing inside a file."""
        if file in self._elided:
            yield say("lines were left out of {file}", file=file)
        parts = [part for part in self._all if part.file == file and (part.format not in TABLES) is threads]
        read, unread = sum(part.read for part in parts), sum(part.unread for part in parts)
        if _is_unread(read, unread):
            yield _not_understood(file, read, unread)
        elif not threads and any(part.cut for part in self._all if part.file == file and part.format in {*TABLES, COUNTS}):
            yield say("{file} ends in the middle of a line", file=file)


def _is_unread(read: int, unread: int) -> bool:
    return unread > UNREAD_SHARE * (read + unread)


def _not_understood(file: str, read: int, unread: int) -> str:
    return say("{unread:,} of {lines:,} lines of {file} were not understood", unread=unread, lines=read + unread, file=file)


def _lists_all(prompt: str | None) -> bool:
    return prompt is not None and _ALL.search(prompt) is not None


def _common(rows: Sequence[SocketRow], *, headed: bool) -> str:
    """What all rows share, as they do behind a filter; empty if nothing.

    ``headed``: a table has its heading, which ``grep`` would have taken away, and is not lsof's, which filters by port itself.
    """
    if len(rows) < FEW_ROWS:
        return ""
    state = rows[0].state
    if state is not TcpState.LISTEN and all(row.state is state for row in rows):
        return say("every row of the table is in state {state}, as behind a filter", state=state or "?")
    if headed:
        return ""
    first = rows[0]
    for port in (first.local.port, first.remote.port if first.remote else None):  # of every row, so of the first
        if port is not None and all(row.local.port == port or (row.remote is not None and row.remote.port == port) for row in rows):
            return say("every row of the table has port {port}, as behind a filter", port=port)
    return ""

"""One command's output after parsing: its records, and how whole it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from msgspec.structs import replace

from analyzer.model.incident import TABLES, ArtifactPart
from parsers.records import BESIDE, Elision, HostFact, LogEvent, LogLines, Parsed, Runtime, Session, SessionBlock, ThreadDump
from parsers.text.looks import LOOKED_AT, NO_LOG, looks_like

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from parsers import Format
    from parsers.text.large_log import LargeLog
    from parsers.text.source import Section

_FOREIGN_CAPTURES = {
    b"snoop\0\0\0": "snoop (RFC 1761)",
    b"GMBU": "Microsoft Network Monitor",
    b"RTSS": "Microsoft Network Monitor",
    b"TRSNIFF data    \x1a": "Sniffer",
    b"XCP\0": "NetXRay",
}
_Kind = TypeVar("_Kind")
_clock = re.compile(r"top - (\d\d:\d\d:\d\d) up ").match
_QUOTED = 200  # lines of a text, up to which one of a log among them is looked for
_TOLD = "told_counts"
WORKER_TIMEOUTS = "worker_timeouts"
_OWNERS = (b"/", b")")  # what the last column of netstat and of ss ends with
_EVERY_STATE = "(servers and established)"  # netstat's heading of a table without a choice of states
_TAIL = 4096  # bytes that hold the last two rows of a table


class Part(NamedTuple):
    """A section after parsing: the format's name (None: nobody knew it), the command line above it, and what was made of it."""

    form: str | None
    prompt: str | None
    parsed: Parsed
    headed: bool = False
    says_all: bool = False
    cut: bool = False
    looks_like: str | None = None
    log: LogLines | None = None
    events: tuple[LogEvent, ...] = ()
    clock: str | None = None

    @property
    def is_empty_table(self) -> bool:
        """True for the heading of a socket table without a row: it says that there was no socket."""
        return self.form in TABLES and self.headed and not self.parsed.records and not self.parsed.unread

    @property
    def has_facts(self) -> bool:
        """True for a section with more than marks of lines that were left out."""
        return any(not isinstance(record, Elision) for record in self.parsed.records)

    @property
    def listed(self) -> str:
        """What tells lists of sessions apart that one format reads: sessions, their waits, their transactions. One after the other is one moment."""
        first = next(iter(self.parsed.records), None)
        if isinstance(first, SessionBlock):
            return "waits"
        return "transactions" if isinstance(first, Session) and first.client is None and first.own_link is not None else ""

    def of(self, kind: type[_Kind]) -> Sequence[_Kind]:
        """The records of one kind."""
        return self.parsed.of(kind)


def part_of(section: Section, form: Format | None, parsed: Parsed) -> Part:
    """A section with what its format made of it. Of one that no format knows, what it looks like is remembered."""
    if form is None:
        return _unknown(section, parsed)
    if form.NAME == _TOLD and not parsed.read:  # words tell of something, and no line is read for it alone
        unknown = _unknown(section, parsed)
        return unknown if unknown.log is not None else unknown._replace(form=form.NAME)
    told = tuple(parsed.of(LogEvent))
    if told:
        parsed = replace(parsed, records=tuple(record for record in parsed.records if not isinstance(record, LogEvent)))
    first = next((text for _, text in section.rows()), "")
    if form.NAME == WORKER_TIMEOUTS and all(
        isinstance(record, Elision) or getattr(record, "pid", None) is None for record in parsed.records
    ):
        # A log of workers that were ended, and no stack that it says is of one of them.
        from parsers.logs import events_of  # noqa: PLC0415 - as below

        return Part(form.NAME, section.prompt, parsed, events=events_of(section))
    clock = _clock(first)
    headed = re.match(form.HEADER, first) is not None
    says_all = headed and _EVERY_STATE in first
    return Part(
        form.NAME, section.prompt, parsed, headed, says_all, events=(*told, *_between(section, parsed)), clock=clock[1] if clock else None
    )


def _unknown(section: Section, parsed: Parsed) -> Part:
    """A section that no format knows: a log, whose lines are counted, or a text of which is said what it looks like."""
    looks = looks_like(section.head(LOOKED_AT))
    from parsers.logs import NAME, events_of, log_of, thrown_in  # noqa: PLC0415 - dozens of patterns, for incidents with a log

    log = log_of(section) if looks not in NO_LOG else None
    if log is None:
        # A line of a log that somebody quotes in a few words of his own proves what it says as well.
        quoted = events_of(section) if section.nonblank <= _QUOTED else ()
        if section.nonblank <= _QUOTED and all(event.kind in BESIDE for event in quoted):
            from parsers.logs import noted  # noqa: PLC0415 - as above

            quoted = (*quoted, *(thrown_in(section) or noted.events_of(section)))
        return Part(None, section.prompt, parsed, looks_like=looks, events=quoted)
    return Part(NAME, section.prompt, Parsed(log.clients, log.lines.lines), log=log.lines, events=log.events)


def _between(section: Section, parsed: Parsed) -> tuple[LogEvent, ...]:
    """What lines of a log prove that stand between or below the dumps of its file."""
    gaps = [gap.where for gap in parsed.unread]
    if not gaps:
        return ()
    from parsers.logs import events_of  # noqa: PLC0415 - as above

    pieces = (
        section._replace(first=gap.first, lines=section.lines[gap.first - section.first : gap.last - section.first + 1]) for gap in gaps
    )
    return tuple(event for piece in pieces for event in events_of(piece))


def ends_inside(data: bytes, *, rows: bool) -> bool:
    """True if the last line has no end, and in a table less than the one before it: the file may have been cut there.

    Less are fewer columns, no blanks behind the last one where the others have some, or a column that ends before its owner's name.
    """
    if data.endswith(b"\n"):
        return False
    if not rows:
        return True
    lines = data[-_TAIL:].splitlines()
    if len(lines) < 2:  # noqa: PLR2004 - nothing to compare with
        return False
    before, last = lines[-2], lines[-1]
    if last[:1].isspace() and not before[:1].isspace():
        return True  # the details that ss prints below a row
    if len(last.split()) < len(before.split()):
        return True
    padded = before[-1:].isspace() and len(last) < len(before)
    return padded or any(mark in before.split()[-1] and mark not in last.split()[-1] for mark in _OWNERS if before.split() and last.split())


def facts_of(file: str, part: Part) -> ArtifactPart:
    """What rules and the verdict may know of a section: how whole it is, never its text."""
    return ArtifactPart(
        file=file,
        format=part.form,
        prompt=part.prompt,
        read=part.parsed.read,
        unread=sum(gap.lines for gap in part.parsed.unread),
        records=len(part.parsed.records),
        headed=part.headed,
        says_all=part.says_all,
        cut=part.cut,
        looks_like=part.looks_like,
    )


def weight_of(part: Part) -> int:
    """How many things of the system a section holds. A dump counts its threads; an elision is no record of the system."""
    dumps = part.of(ThreadDump)
    return len(part.parsed.records) - len(dumps) + sum(len(dump.threads) for dump in dumps) - len(part.of(Elision))


def time_of(part: Part) -> str | None:
    """The first time that a section states; no format makes both kinds of record that do."""
    times = (*(dump.time for dump in part.of(ThreadDump)), *(fact.time for fact in part.of(HostFact)))
    return next((time for time in times if time), None)


def left_out_of(log: LargeLog) -> Part:
    """The lines of a large log that were counted and not kept."""
    from parsers.logs import NAME  # noqa: PLC0415 - as above

    return Part(NAME, None, Parsed((), log.left_out))


def large_log(stream: BinaryIO) -> LargeLog | None:
    """What is kept of a large log; None if it is none."""
    from parsers.logs import WORDS  # noqa: PLC0415 - as above
    from parsers.text.large_log import read  # noqa: PLC0415 - as above

    return read(stream, [word.encode() for word in WORDS])


_FOREIGN_ARCHIVES: Final = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; not opened: unpack it, or pack it as zip or tar.gz",
    b"Rar!\x1a\x07": "a RAR archive; not opened: unpack it, or pack it as zip or tar.gz",
    b"\x04\x22\x4d\x18": "packed with LZ4; not opened: unpack it, or pack it with gzip",
}
"""What the standard library does not unpack, by its first octets."""


def foreign(head: bytes) -> str:
    """What a file is that is no text: some archives are not opened, some captures are of formats that Wireshark turns into the one that is read."""
    archive = next((sentence for magic, sentence in _FOREIGN_ARCHIVES.items() if head.startswith(magic)), None)
    if archive is not None:
        return archive
    name = next((name for magic, name in _FOREIGN_CAPTURES.items() if head.startswith(magic)), None)
    if name is None:
        return "not a text file"
    return f"a capture in the format of {name}, which is not read; “editcap -F pcap IN OUT” turns it into one that is"


def kind_of(part: Part, above: Sequence[Part]) -> str:
    """What an output is, by which outputs of one command at several moments are told from those of several commands at one.

    A profile of goroutines without a command below one that has a command is of the same program: people copy the command once.
    """
    prompt = part.prompt
    if prompt is None and _is_profile(part):
        prompt = next((one.prompt for one in reversed(above) if _is_profile(one)), None)
    return f"{part.form} {prompt or ''}{part.listed}{_stacks_of(part)}"


def _is_profile(part: Part) -> bool:
    return any(dump.runtime is Runtime.GO and dump.total is not None for dump in part.of(ThreadDump))


def _stacks_of(part: Part) -> str:
    """What tells stacks of one moment apart where a runtime is no JVM: a file has those of many processes, a program prints its own in two forms."""
    dumps = [dump for dump in part.of(ThreadDump) if dump.runtime is not Runtime.JVM]
    return "".join(f" {dump.pid or ''}{'' if dump.complete is None else 'counted'}" for dump in dumps[:1])

"""Servers' own warnings about threads that hang, with the stacks below them: WebSphere, WebLogic, Tomcat, Vert.x; and consoles' dumps.

    [3/2/26 10:00:17:420 CET] 00000027 ThreadMonitor W   WSVR0605W: Thread "WebContainer : 11" (00000025) has been active for 733344 milliseconds and may be hung.
        at java.net.SocketInputStream.socketRead0(Native Method)
        at com.example.Order.list(Order.java:61)
    <BEA-000337> <[STUCK] ExecuteThread: '49' for queue: 'weblogic.kernel.Default (self-tuning)' has been busy for "612" seconds working on the request "x". Stack trace:
        com.example.Order.list(Order.java:61)
    [STUCK] ExecuteThread: '50' for queue: 'weblogic.kernel.Default (self-tuning)' - priority:10 - threadId:0x00007ff0b0003800 - nativeId:0x9de7 - state:RUNNABLE
    stackTrace:
    java.lang.Thread.State: RUNNABLE
    at com.example.Order.list(Order.java:61)

Written after the products' documentation and public reports, not captured here. A warning shows the threads it is about, and says nothing of others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import JavaState, LogEvent, LogKind, NativeId, Parsed, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.grammar import JAVA_STATES, LOCK_LINE, LOCK_VERBS, STATE_LINE
from parsers.text.patterns import lazy
from parsers.text.source import ELISION, Section, leftovers
from parsers.text.stack import Stack, frame_of, identity

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "stuck_threads"
SHOWS: Final = frozenset({Shows.THREADS})

MARKS: Final = (
    "WSVR0605W: ",
    "WSVR0606W: ",
    "BEA-000337",
    " has been active for ",
    " has been blocked for ",
    " - threadId:0x",
)
"""What such a line cannot do without, wherever it stands in the line: a search for words is many times faster than one for a pattern."""
_LEAD: Final = r"[^\n]{0,900}?"
_EXECUTE: Final = r"\[(?:STUCK|ACTIVE|STANDBY|HOGGING)\] ExecuteThread: '\d+'"
HEADER: Final = r"(?!)"
ROW_SHAPE: Final = r"(?!)"
REPORT = lazy(
    rf"(?:{_LEAD}WSVR060[56]W: Thread \"(?P<was>[^\"\n]{{1,300}})\""
    rf"|{_LEAD}BEA-000337>? ?<?(?P<wls>{_EXECUTE}[^\"<>\n]{{0,200}}?) has been busy for \"(?P<busy>\d{{1,9}})\" seconds"
    rf"|{_LEAD}Thread [\"\[](?P<tomcat>[^\"\[\]\n]{{1,300}})[\"\]] \(id=\[?(?P<id>\d{{1,18}})\]?\) has been active for \[?(?P<ms>[\d,. \u00a0]{{1,20}})\]? milliseconds"
    rf"|{_LEAD}(?:Thread )?Thread\[(?:#\d+,)?(?P<vertx>[^,\]\n]{{1,200}})[^\n]{{0,100}}\]=? ?has been blocked for (?P<blocked>\d{{1,12}}) ms"
    r"|(?P<console>\S[^\n]{0,300}?) - priority:-?\d{1,4} - threadId:0x[0-9a-fA-F]{1,16} - nativeId:(?P<nid>0x[0-9a-fA-F]{1,15}|\d{1,15})"
    r"(?: - nativeId \(decimal\):\d{1,15})? - state:(?P<state>[A-Z_]{3,15}))"
)
_REQUEST: Final = 40
_report, _state, _lock = REPORT.match, STATE_LINE.match, LOCK_LINE.match
_active = lazy(r"has been active for \[?(?P<ms>[\d,. \u00a0]{1,20})\]? milliseconds").search
_hung = lazy(r"There is/are \[?(?P<count>\d{1,6})\]? thread").search
"""How many threads hang in all, as the warning says."""
_done = lazy(r"WSVR0606W|has completed|BEA-000339").search
_ended = lazy(
    r"WSVR0606W: Thread \"(?P<was>[^\"\n]{1,300})\"(?:[^\n]{0,120}?approximately (?P<ms>\d{1,12}) milliseconds)?"
    r"(?:[^\n]{0,40}?There is/are (?P<hanging>\d{1,9}) thread)?"
    r"|Thread [\"\[](?P<tomcat>[^\"\[\]\n]{1,300})[\"\]][^\n]{0,120}?has completed(?:[^\n]{0,60}?approximately \[?(?P<took>\d{1,12})\]? milliseconds)?"
    rf"|BEA-000339>? ?<?(?P<wls>{_EXECUTE}[^\"<>\n]{{0,200}}?) has become \"?unstuck"
).search
"""A thread that ended what it was reported for."""
_SOURCES: Final = {"was": "WebSphere", "tomcat": "Tomcat", "wls": "WebLogic"}
_remark = lazy(
    r"\s*(?:Thread-\d+ \"[^\"\n]{1,200}\" <[^\n]{0,200}\{\s*$|\}\s*>?\s*$|stackTrace:|Stack trace:|java\.lang\.Throwable\b|io\.vertx\.core\.VertxException: Thread blocked|Locked ownable synchronizers:|- None|>\s*$)"
).match


def sniff(head: Sequence[str]) -> bool:
    """True if such a warning, or a thread as the consoles print it, is among the lines."""
    return any(any(mark in line for mark in MARKS) and _report(line) for line in head)


def parse(section: Section) -> Parsed:
    """One piece of a dump with the threads that the warnings are about."""
    reader = _Reader(section)
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if reader.take(index, line):
            read += 1
        else:
            if ELISION.match(line) is None:
                reader.close()  # below frames that somebody left out the stack goes on
            unread.append((index, "no line of a stuck thread"))
    reader.close()
    gaps, elisions = leftovers(section, unread)
    threads = tuple(reader.threads)
    if not threads:
        return Parsed((*reader.ended, *elisions), read + len(elisions), gaps)
    first, last = min(one.where.first for one in threads), max(one.where.last for one in threads)
    dump = ThreadDump(where=section.where(first - section.first, last - section.first), dialect=NAME, threads=threads, fragment=True)
    return Parsed((dump, *reader.ended, *elisions), read + len(elisions), gaps)


def _plain(name: str) -> str:
    """A thread's name without the state that WebLogic puts in front: it changes when the thread comes back."""
    return name.partition("] ")[2] if name.startswith(("[STUCK] ", "[ACTIVE] ", "[STANDBY] ", "[HOGGING] ")) else name


class _Reader:
    """One pass over a section: the threads so far, and the one whose stack is read."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.threads: list[Thread] = []
        self.names: set[str] = set()
        self.ended: list[LogEvent] = []
        """That threads came back: they are no part of the dump any more."""
        self.open: Stack | None = None
        self.name = ""
        self.java_id: int | None = None
        self.native_id: NativeId | None = None
        self.state: JavaState | None = None
        self.remark: str | None = None
        self.request = 0
        """Lines that the request, which the warning quotes, may still have: its head stands between the warning and the stack."""

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of a warning or its stack."""
        if any(mark in line for mark in MARKS) and (match := _report(line)) is not None:
            self._begin(index, line, match)
            if _done(line):
                self._came_back(index, line)
            return True
        if _done(line):
            self.close()
            self._came_back(index, line)
            return True
        stack = self.open
        if stack is None:
            return False
        if self.request:
            self.request = 0 if "Stack trace:" in line else self.request - 1
            stack.reach(index)
            return True
        if (state := _state(line)) and state["state"] in JAVA_STATES:
            self.state = JAVA_STATES[state["state"]]
        elif (match := _lock(line)) is not None:
            verb = LOCK_VERBS[match["verb"]]
            address, cls = match["address"] or match["plain"], match["cls"]
            stack.lock(verb, *(identity(address) if cls is None and address and "@" in address else (address, cls)), index)
        elif (frame := frame_of(line)) is not None:
            stack.frame(frame, index)
        elif not _remark(line):
            return False
        stack.reach(index)
        return True

    def _begin(self, index: int, line: str, match: re.Match[str]) -> None:
        self.close()
        fields = match.groupdict()
        self.name = next(fields[key] for key in ("was", "wls", "tomcat", "vertx", "console") if fields[key]).strip()
        self.java_id = int(fields["id"]) if fields["id"] else None
        nid = fields["nid"]
        self.native_id = NativeId(int(nid, 16 if nid.startswith("0x") else 10)) if nid else None
        self.state = JAVA_STATES.get(fields["state"] or "")
        active = _active(line)
        seconds = (
            int(fields["busy"])
            if fields["busy"]
            else int("".join(filter(str.isdigit, active["ms"])) or 0) // 1000
            if active
            else int(fields["blocked"]) // 1000
            if fields["blocked"]
            else None
        )
        self.request = _REQUEST if fields["wls"] and "Stack trace:" not in line else 0
        hung = _hung(line)
        others = f", one of {hung['count']} that hang" if hung and int(hung["count"]) > 1 else ""
        self.remark = None if seconds is None else f"reported to be at it for {seconds} s{others}"
        self.open = None if _done(line) else Stack(self.section, index)

    def _came_back(self, index: int, line: str) -> None:
        """Take a thread out whose server says that it has ended what it was reported for; its stack stays with the event."""
        match = _ended(line)
        if match is None:
            return
        fields = match.groupdict()
        key = next(key for key in _SOURCES if fields[key])
        name = _plain(fields[key])
        was = next((one for one in self.threads if _plain(one.name) == name), None)
        # Where others still hang and no stack of theirs is here, this one shows where.
        if len(self.threads) > 1 or not int(fields["hanging"] or 0):
            self.threads = [one for one in self.threads if one is not was]
        took = fields["ms"] or fields["took"]
        figures = (("seconds", int(took) / 1000),) if took else ()
        still = (("hanging", float(fields["hanging"])),) if fields["hanging"] else ()
        self.ended.append(
            LogEvent(
                where=self.section.where(index),
                kind=LogKind.RECOVERED,
                source=_SOURCES[key],
                subject=name,
                figures=(*figures, *still),
                frames=was.frames if was is not None else (),
            )
        )

    def close(self) -> None:
        """End the thread that is open. A warning that comes again a minute later is about the same thread."""
        if self.open is not None and (self.name not in self.names or self.open.frames):
            self.threads = [one for one in self.threads if one.name != self.name]
            self.names.add(self.name)
            self.threads.append(
                self.open.thread(name=self.name, java_id=self.java_id, native_id=self.native_id, state=self.state, native_state=self.remark)
            )
        elif self.open is not None and self.remark is not None:
            # Still at it: the time of the last warning is what is known.
            self.threads = [
                replace(one, native_state=self.remark) if one.name == self.name and _longer(self.remark, one.native_state) else one
                for one in self.threads
            ]
        self.open = None


def _longer(remark: str, before: str | None) -> bool:
    """True if the first of two remarks tells of more seconds."""
    first, second = (int("".join(filter(str.isdigit, text.partition(",")[0])) or 0) for text in (remark, before or ""))
    return first > second

r"""Thread dumps of Oracle (BEA) JRockit R26 to R28: ``jrcmd PID print_threads``, ``kill -3``.

    ===== FULL THREAD DUMP ===============
    Mon Nov 23 12:27:08 2026
    Oracle JRockit(R) R28.2.5-20-152429-1.6.0_37-20120927-1915-linux-x86_64

    "Main Thread" id=1 idx=0x4 tid=12345 prio=5 alive, waiting, native_blocked
        -- Waiting for notification on: java/lang/Object@0xE7A5F7E0[fat lock]
        at jrockit/vm/Threads.waitForNotifySignal(JLjava/lang/Object;)Z(Native Method)
        at java/lang/Object.wait(J)V(Native Method)
        at com/example/Server.await(Server.java:10)
        ^-- Lock released while waiting: java/lang/Object@0xE7A5F7E0[fat lock]
        at com/example/Main.main(Main.java:7)
        ^-- Holding lock: java/util/HashMap@0xE7A5F000[thin lock]
        -- end of trace

    ===== END OF THREAD DUMP ===============

Written after the published dumps of JRockit's diagnostics guide, not captured here. A lock that a thread waits for stands above its frames, one that it
holds below the frame that took it. ``tid`` is the kernel's thread id, ``native_blocked`` says nothing of a monitor. Circular lock chains are deadlocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Deadlock, DeadlockEntry, Frame, JavaState, LockVerb, NativeId, Parsed, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack, iso_time

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "jrockit"
SHOWS: Final = frozenset({Shows.THREADS})

# The date below belongs to it, and is no output of its own.
HEADER: Final = r"={3,}[ ]FULL THREAD DUMP[ ]={3,}(?:[ ]*\n[A-Z][a-z]{2}[ ][A-Z][a-z]{2}[ ][^\n]{10,20})?"
ROW_SHAPE: Final = (
    r"\"[^\n]{0,500}\"(?:[ ]id=(?:\d+|\?)[ ]idx=0x[0-9a-f]+[ ]tid=\d+[ ]|[ ]prio=\d+[ ]id=0x[0-9a-f]+[ ]tid=0x|[ ]{1,2}id:[ ]0x[0-9a-f]+[ ]{1,2}prio:)"
    r"|Thread-0x[0-9a-f]+[ ]\"[^\n]{0,500}\"[ ]<[A-Z]"
)

THREAD = lazy(
    r'"(?P<name>.*)" id=(?P<id>\d{1,18}|\?) idx=0x[0-9a-f]{1,16} tid=(?P<tid>\d{1,18}) (?:lastJavaFrame=\S+ )?prio=-?\d{1,4} (?P<words>[a-z][a-z_, ]*)$'
)
OLD_THREAD = lazy(
    r'"(?P<name>.*)"(?: prio=-?\d{1,4} id=0x[0-9A-Fa-f]{1,16} tid=0x(?P<tid>[0-9A-Fa-f]{1,15})| +id: 0x[0-9A-Fa-f]{1,16} +prio: -?\d{1,4} )'
    r" *(?P<words>[A-Za-z][A-Za-z_, ]*)$"
)
"""R23 and R24 (2004 to 2006): ``"Finalizer" prio=8 id=0x380 tid=0x7c8 waiting, daemon`` and ``"Thread-1"  id: 0x00000480  prio: 5  WAITING, DAEMON``."""
CONSOLE_THREAD = lazy(
    r'Thread-0x(?P<tid>[0-9A-Fa-f]{1,15}) "(?P<name>.*)" <(?P<words>[A-Za-z][A-Za-z_ ]*)(?:, priority=-?\d{1,4})?[^<>]{0,80}> \{\s*$'
)
"""What management consoles print: ``Thread-0x80 "Main Thread" <Waiting, priority=5> {``, frames without ``at``, and a brace below."""
FRAME = lazy(
    r"\s*(?:at )?(?P<cls>[\w$/<>]+)\.(?P<method>[\w$<>]+)\((?:[^()]*\)[^()\s]{1,500}\()?(?P<source>[^()]*)\)(?:\[\w+\]|@(?:0x)?[0-9A-Fa-f]{1,16})?\s*$"
)
LOCK = lazy(
    r"\s*(?:--|\^--) (?P<verb>Waiting for notification on|Blocked trying to get lock|Parking to wait for|Holding lock|Lock released while waiting): "
    r"(?P<cls>[\w$/\[;]+)@(?P<address>(?:0x)?[0-9A-Fa-f]{1,16})(?:\[[^\]]*\])?\s*$"
)
CHAIN_LINK = lazy(
    r'\s*"(?P<name>.*)" id=\d{1,18} idx=\S+ tid=\d{1,18} waiting for (?P<cls>[\w$/\[;]+)@(?P<address>0x[0-9A-Fa-f]{1,16})(?: held by:)?\s*$'
)
_frame, _lock, _link = FRAME.match, LOCK.match, CHAIN_LINK.match
_forms = (THREAD.match, OLD_THREAD.match, CONSOLE_THREAD.match)
_date = lazy(
    r"[A-Z][a-z]{2} (?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?P<clock>\d\d:\d\d:\d\d) (?:[A-Z]{2,5} )?(?P<year>\d{4})\s*$"
).match
_vm = lazy(r"(?:Oracle |BEA )JRockit\S* .*").match
_begin = lazy(HEADER).match
_end = lazy(r"={3,} END OF THREAD DUMP ={3,}").match
_circular = lazy(r"\s*Circular \(deadlocked\) lock chains").match
_remark = lazy(
    r"\s*(?:-- end of trace|--- End of stack trace|\}\s*$|thread: 0x[0-9A-F]{1,16}\s|={5,}\s*$|(?:Blocked|Open) lock chains|Chain \d+:|\"[^\"]*\" id=\d+ .*(?:in chain \d+|held by:?)|\"[^\"]*\" id=\d+ idx=\S+ tid=\d+ [a-z][a-z_, ()]*$|\.\.\. )"
).match
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_VERBS: Final = {
    "Waiting for notification on": LockVerb.WAITING_ON,
    "Blocked trying to get lock": LockVerb.WAITING_TO_LOCK,
    "Parking to wait for": LockVerb.PARKING,
    "Holding lock": LockVerb.LOCKED,
}
_STATES: Final = {
    "blocked": JavaState.BLOCKED,
    "waiting": JavaState.WAITING,
    "parked": JavaState.WAITING,
    "sleeping": JavaState.TIMED_WAITING,
}


def sniff(head: Sequence[str]) -> bool:
    """True if JRockit's banner or a thread with ``idx=`` is among the lines."""
    return any(_begin(line) or _thread(line) for line in head)


def _thread(line: str) -> re.Match[str] | None:
    """A thread's header of any age."""
    return next((match for form in _forms if (match := form(line))), None) if line.startswith(('"', "Thread-0x")) else None


def parse(section: Section) -> Parsed:
    """Read one dump, or a piece of one."""
    reader = _Reader(section)
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if reader.take(index, line):
            read += 1
        else:
            unread.append((index, "no line of JRockit's dump"))
    gaps, elisions = leftovers(section, unread)
    dump = reader.dump(elided=bool(elisions))
    return Parsed((dump, *elisions) if dump else elisions, read + len(elisions), gaps)


class _Reader:
    """One pass over a section: the threads so far, the one that is open, and the chain of locks that is open."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.threads: list[Thread] = []
        self.deadlocks: list[Deadlock] = []
        self.chain: list[tuple[int, re.Match[str]]] = []
        self.time: str | None = None
        self.vm: str | None = None
        self.begun = self.ended = self.in_circle = False
        self.last = 0
        self.open: Stack | None = None
        self.header: re.Match[str] | None = None
        self.pending: tuple[LockVerb, str, str, int] | None = None
        """The lock that the open thread waits for; it is printed above the frame that it belongs to."""

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of a dump."""
        taken = self._thread_line(index, line) or self._other(index, line)
        if taken:
            self.last = index
        return taken

    def _thread_line(self, index: int, line: str) -> bool:
        if match := _thread(line):
            self._close()
            self.open, self.header = Stack(self.section, index), match
            return True
        stack = self.open
        if stack is None:
            return False
        if match := _frame(line):
            stack.frame(Frame(match["cls"].replace("/", "."), match["method"], match["source"] or None), index)
            if self.pending:
                verb, address, cls, at = self.pending
                stack.lock(verb, address, cls, at)
                self.pending = None
            return True
        if match := _lock(line):
            known = _VERBS.get(match["verb"])
            address, cls = match["address"], match["cls"].replace("/", ".")
            if known is LockVerb.LOCKED:
                stack.lock(known, address, cls, index)
            elif known is not None:
                self.pending = known, address, cls, index
            stack.reach(index)
            return True
        return False

    def _other(self, index: int, line: str) -> bool:
        if _begin(line):
            self.begun = True
        elif _end(line):
            self._close()
            self._end_chain()
            self.ended = True
        elif match := _vm(line):
            self.vm = match[0].strip()
        elif self.time is None and not self.threads and (match := _date(line)) and match["month"] in _MONTHS:
            month = _MONTHS.index(match["month"]) + 1
            self.time = iso_time(f"{match['year']}-{month:02}-{int(match['day']):02}T{match['clock']}")
            return self.time is not None
        elif _circular(line):
            self._close()
            self.in_circle = True
        elif self.in_circle and (match := _link(line)):
            self.chain.append((index, match))
        elif _remark(line):
            if line.lstrip().startswith(("Chain", "Blocked", "Open")):
                self._close()
                self._end_chain()
                self.in_circle = self.in_circle and line.lstrip().startswith("Chain")
        else:
            return False
        return True

    def _end_chain(self) -> None:
        """Each waits for a lock that the next one holds, the last for one of the first."""
        if self.chain:
            names = [match["name"] for _, match in self.chain]
            # Some versions print the first thread once more to close the circle.
            links = self.chain[:-1] if len(names) > 1 and names[0] == names[-1] else self.chain
            holders = [match["name"] for _, match in (*links[1:], links[0])]
            entries = tuple(
                DeadlockEntry(match["name"], match["address"], match["cls"].replace("/", "."), holder)
                for (_, match), holder in zip(links, holders, strict=True)
            )
            self.deadlocks.append(Deadlock(self.section.where(self.chain[0][0], self.chain[-1][0]), entries))
        self.chain = []

    def _close(self) -> None:
        if self.open is not None and self.header is not None:
            words = [word.strip().lower() for word in self.header["words"].split(",")]
            fields = self.header.groupdict()
            number, tid = fields.get("id"), fields.get("tid")
            state = next((_STATES[word] for word in words if word in _STATES), JavaState.RUNNABLE)
            thread = self.open.thread(
                name=self.header["name"],
                java_id=int(number) if number and number != "?" else None,
                # The old forms have the system's number of the thread in hexadecimal, the console's its own.
                native_id=NativeId(int(tid, 10 if "id" in fields else 16)) if tid and not self.header[0].startswith("Thread-") else None,
                daemon="daemon" in words,
                state=state,
                native_state=", ".join(words),
            )
            self.threads.append(thread)
        self.open = self.header = self.pending = None

    def dump(self, *, elided: bool) -> ThreadDump | None:
        """The dump, None if there was nothing of one."""
        self._close()
        self._end_chain()
        if not self.begun and not self.threads:
            return None
        return ThreadDump(
            where=self.section.where(0, self.last),
            dialect=NAME,
            threads=tuple(self.threads),
            deadlocks=tuple(self.deadlocks),
            time=self.time,
            vm=self.vm,
            complete=False if elided or (self.begun and not self.ended) else True if self.ended else None,
            fragment=not self.begun,
        )

r"""Single threads as consoles and programs print them: JConsole and VisualVM, and ``Thread.toString`` above a stack.

    Name: http-nio-8080-exec-3
    State: BLOCKED on com.example.Cart@5f2a owned by: http-nio-8080-exec-7
    Total blocked: 3  Total waited: 12

    Stack trace:
    com.example.Cart.total(Cart.java:41)
       - locked com.example.Order@1b9c
    com.example.Order.show(Order.java:12)

    Thread[#42,order-pool-4,5,main] WAITING
        at java.base/jdk.internal.misc.Unsafe.park(Native Method)
        at com.example.Search.all(Search.java:44)

What is printed so is a piece: it says nothing of threads that are not there. Written after the JDK's ``ThreadTab`` and ``Thread.toString``, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import JavaState, LockVerb, Parsed, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.grammar import JAVA_STATES
from parsers.text.one_pass import read_by
from parsers.text.patterns import lazy
from parsers.text.source import ELISION
from parsers.text.stack import Stack, frame_of, identity, waiting_verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section

NAME: Final = "console_threads"
SHOWS: Final = frozenset({Shows.THREADS})

_STATES: Final = "|".join(JAVA_STATES)
_PRINTED: Final = (
    r"Thread\[(?:#\d{1,18},)?(?>(?:[^\n\]\[,]|\[[^\]\[\n]{0,200}\]|,(?!\d{1,2},[^\n,\]]{0,200}\])){0,300}),\d{1,2},[^\n,\]]{0,200}\]"
)
HEADER: Final = r"(?!)"
ROW_SHAPE: Final = rf"Current Thread: [^\n]{{1,200}}\n[^\n]{{0,80}}?PID: \d{{1,18}} \| Suspended: |Name:[ ][^\n]{{1,500}}\n[ \t]*State:[ ](?:{_STATES})\b|{_PRINTED}(?:[ :,(-]{{0,3}}(?:state[=:][ ]?)?(?:{_STATES})\)?)?:?[ ]*\n[ \t]+(?:at[ ]|[\w$.]{{3,200}}\([\w$.]{{1,80}}(?::\d|[ ]Method\)))"

_name = lazy(r"\s*Name: (?P<name>.{1,500}?)\s*$").match
_state = lazy(rf"\s*State: (?P<state>{_STATES})(?: on (?P<lock>\S+?))?(?: owned by: (?P<owner>.*?))?\s*$").match
_printed = lazy(
    rf"\s*Thread\[(?:#(?P<id>\d{{1,18}}),)?(?P<name>(?>(?:[^\n\]\[,]|\[[^\]\[\n]{{0,200}}\]|,(?!\d{{1,2}},[^\n,\]]{{0,200}}\])){{0,300}})),\d{{1,2}},[^\n,\]]{{0,200}}\]"
    rf"(?:[ :,(-]{{0,3}}(?:state[=:] ?)?(?P<state>{_STATES})\)?)?:?\s*$"
).match
_watched = lazy(r"\s*Current Thread: (?P<name>\S.{0,200}?)\s*$").match
_detail = lazy(rf"\s*PID: (?P<id>\d{{1,18}}) \| Suspended: \w+ \| Native: \w+ \| State: (?P<state>{_STATES})\s*$").match
"""What the watchdog of Bukkit's game servers (Spigot, Paper) prints of a thread: ``PID`` is the number that Java gives it."""
_locked = lazy(r"\s*- locked (?P<object>\S+)\s*$").match
_remark = lazy(
    r"\s*(?:Total blocked: [\d,.]+\s+Total waited: [\d,.]+|Stack(?: trace)?:|-{10,}\s*$|Entire Thread Dump:|Thread is waiting on monitor\(s\):|\tLocked on:|\(no stack\))\s*$"
).match


def sniff(head: Sequence[str]) -> bool:
    """True if a thread's name with its state below, or a printed thread with a frame below, is among the lines."""
    pairs = zip(head, head[1:], strict=False)  # noqa: RUF007 - pairwise would read the same
    return any(
        (_name(one) and _state(other))
        or (_watched(one) and _detail(other))
        or (_printed(one) and "CarrierThreads" not in one and frame_of(other))
        for one, other in pairs
    )


def parse(section: Section) -> Parsed:
    """One piece of a dump with the threads that are printed."""
    return read_by(_Reader(section), section, "no line of a printed thread")


class _Reader:
    """One pass over a section: the threads so far, and the one whose stack is read."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.threads: list[Thread] = []
        self.records: list[ThreadDump] = []
        self.open: Stack | None = None
        self.name = ""
        self.java_id: int | None = None
        self.state: JavaState | None = None

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of a printed thread, which ends there unless the line says that frames were left out."""
        if self._take(index, line):
            return True
        if self.open is None or not self.open.frames or not ELISION.match(line):
            self._close()
        return False

    def _take(self, index: int, line: str) -> bool:
        if match := _printed(line):
            self._begin(index, match["name"], match["state"], match["id"])
            return True
        if match := _name(line) or _watched(line):
            self._begin(index, match["name"], None, None)
            return True
        stack = self.open
        if stack is None:
            return False
        if match := _detail(line):
            self.java_id, self.state = int(match["id"]), JAVA_STATES[match["state"]]
        elif match := _state(line):
            self.state = JAVA_STATES[match["state"]]
            if match["lock"]:
                address, cls = identity(match["lock"])
                stack.lock(waiting_verb(self.state, cls), address, cls, index, depth=0, holder=match["owner"] or None)
        elif match := _locked(line):
            stack.lock(LockVerb.LOCKED, *identity(match["object"]), index)
        elif (frame := frame_of(line)) is not None:
            stack.frame(frame, index)
        elif not _remark(line):
            return False
        stack.reach(index)
        return True

    def _begin(self, index: int, name: str, state: str | None, number: str | None) -> None:
        self._close()
        self.open, self.name = Stack(self.section, index), name
        self.java_id = int(number) if number else None
        self.state = JAVA_STATES.get(state or "")

    def end(self) -> None:
        """The last thread is whole: they are one piece of a dump."""
        self._close()
        if self.threads:
            first, last = self.threads[0].where.first, self.threads[-1].where.last
            where = self.section.where(first - self.section.first, last - self.section.first)
            self.records.append(ThreadDump(where=where, dialect=NAME, threads=tuple(self.threads), fragment=True))

    def _close(self) -> None:
        if self.open is not None and (self.open.frames or self.state is not None):
            self.threads.append(self.open.thread(name=self.name, java_id=self.java_id, state=self.state))
        self.open = None

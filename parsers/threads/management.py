r"""Dumps that Java code makes of ``ThreadMXBean``: ``ThreadInfo.toString``, VisualVM and JConsole, Spring Boot's actuator (text and JSON).

    "http-nio-8080-exec-3" daemon prio=5 Id=22 WAITING on java.util.concurrent.locks.ReentrantLock$NonfairSync@6615435c owned by "right lock" Id=23
        at java.base@25.0.2/jdk.internal.misc.Unsafe.park(Native Method)
        -  waiting on java.util.concurrent.locks.ReentrantLock$NonfairSync@6615435c
        at java.base@25.0.2/java.util.concurrent.locks.LockSupport.park(Unknown Source)
        at app//com.example.Orders.twoL(Orders.java:11)
        ...

        Number of locked synchronizers = 1
        - java.util.concurrent.locks.ReentrantLock$NonfairSync@1936f0f5

``ThreadInfo.toString`` prints at most eight frames (``MAX_FRAMES``), then three dots: that is no line left out by whoever pasted it. It says "waiting on" for a
parked thread, too. VisualVM and the actuator's text have HotSpot's header, ``"name" - Thread t@22`` and ``<6615435c> (a Class)``; the
actuator calls every owned lock "waiting to lock", though a thread that waits for a ReentrantLock is parked. Objects are named by their
identity hash. The JSON form is read by :mod:`parsers.threads.management_json`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.records import JavaState, LockVerb, Parsed, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.grammar import JAVA_STATES, STATE_LINE
from parsers.text.patterns import lazy
from parsers.text.source import LONGEST, Section, leftovers
from parsers.text.stack import NAME_LINES, Stack, frame_of, identity, iso_time, joined, waiting_verb, with_holders
from parsers.threads.management_json import is_json, json_dump

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME: Final = "management"
SHOWS: Final = frozenset({Shows.THREADS})

_TIME: Final = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[ ]*"
_STATES: Final = "|".join(JAVA_STATES)
_AFTER_NAME: Final = (
    r"(?:[ ]daemon)?(?:[ ]prio=\d{1,9})?[ ](?:[iI]d=\d{1,18}|tid=0x[0-9a-f]{1,16}(?=[ ]in[ ]))(?:[ ]Group=[^\n=]{1,200}?)?(?:[ ]in)?[ ]"
)
_ROW: Final = (
    rf"\"[^\n]{{0,1000}}\"(?:[ ]- Thread t@\d{{1,18}}[ ]*$|{_AFTER_NAME}(?:{_STATES})\b|[ ]id=\d{{1,18}}[ ]\(0x[0-9a-f]{{1,16}}\)[ ]state=)"
)
HEADER: Final = (
    rf"(?:{_TIME}\n)?Full thread dump [^\n]*\n(?:[ ]*\n)?{_ROW}"
    rf"|[^\s\"][^\n]{{0,200}}+\n={{6,}}[ ]*\n[ ]*\n(?={_ROW})"
    r"|\{\s{0,20}\"threads\"\s?:\s?\[|\[\s{0,20}\{\s{0,20}\"threadName\"|\{\s{0,20}\"threadName\"\s?:"
)
ROW_SHAPE: Final = _ROW

_OBJECT: Final = r"[^\s@]{1,1000}@[0-9a-f]{1,16}"
INFO = lazy(
    r'"(?P<name>.*)"(?P<daemon> daemon)?(?: prio=\d{1,9})? (?:[iI]d=(?P<id>\d{1,18})|tid=0x(?P<hex>[0-9a-f]{1,16})(?= in ))'
    rf"(?: Group=[^\n=]{{1,200}}?)?(?: in)? (?P<state>{_STATES})(?: on (?:lock=)?(?P<lock>{_OBJECT}))?"
    r'(?: owned by "?(?P<holder>[^\n]{0,1000}?)"? Id=(?P<owner>\d{1,18}))?(?: \(suspended\))?(?P<native> \((?:running )?in native\))?\s*$',
    flags=re.DOTALL,
)
"""Also as the JDK's ThreadMonitor prints it, whom many consoles copy: ``"name" id=31 in BLOCKED on lock=…``, and Jenkins: ``Group=main`` before the state."""
SUPPORT = lazy(
    rf'"(?P<name>.*)" id=(?P<id>\d{{1,18}}) \(0x[0-9a-f]{{1,16}}\) state=(?P<state>{_STATES})(?: [a-z]\w*=\S+)*(?: \(suspended\))?'
    r"(?P<native> \(running in native\))?\s*$",
    flags=re.DOTALL,
)
"""Of Jenkins' support bundle. What the thread waits for stands below, and once more as ``locked``, though it holds it no longer."""
STATE_ON = lazy(rf"\s*java\.lang\.Thread\.State: (?P<state>{_STATES}) on (?P<lock>{_OBJECT})(?: owned by: (?P<holder>\S.{{0,1000}}?))?\s*$")
"""VisualVM's state of a thread that waits."""
VISUAL = lazy(r'"(?P<name>.*)" - Thread t@(?P<id>\d{1,18})\s*$', flags=re.DOTALL)
LOCK = lazy(
    r"\s*-\s+(?P<verb>blocked on|waiting on|waiting to lock|parking to wait for|[lL]ocked) "
    rf"(?:(?P<object>{_OBJECT})|<(?P<hash>(?:0x)?[0-9a-f]{{1,16}})> \(a (?P<cls>[^()]{{1,1000}})\))"
    r'(?: owned by ".*" t@(?P<owner>\d{1,18}))?(?: \(suspended\))?(?: \(running in native\))?\s*$'
)
SYNCHRONIZER = lazy(rf"\s*- (?:None|(?P<object>{_OBJECT}))\s*$")
_info, _visual, _lock, _state, _synchronizer = INFO.match, VISUAL.match, LOCK.match, STATE_LINE.match, SYNCHRONIZER.match
_synchronizers = lazy(
    r"\s*(?:Number of locked synchronizers = \d+|Locked ownable synchronizers:|Locked synchronizers: count = \d+)\s*$"
).match
_state_on, _unnumbered = STATE_ON.match, lazy(r'"(?P<name>.*)"\s*$').match
_owned_by = lazy(r"\s+owned by \"?(?P<holder>[^\s\"].{0,1000}?)\"?(?: [iI]d=(?P<owner>\d{1,18})(?: \(0x[0-9a-f]{1,16}\))?)?\s*$").match
_support = SUPPORT.match
_underline = lazy(r"={6,}\s*$").match
_deadlock = lazy(r"\s*Deadlock Found\s*$").match
_element = lazy(r"\s*(?:\S+/)?[\w$.]+\.[\w$<>]+\([^()\n]*\)\s*$").match
_detail = lazy(
    r"\s*(?:Blocked: \d+\[-?\d+ms\], Waited: \d+|Locked monitors: count = \d+\s*$|- \S{1,1000}@[0-9a-f]{1,16} locked at\s*$|\d{1,9} [\w$.@/]+\([^()]*\)\s*$)"
).match
_cut = lazy(r"\s+\.\.\.\s*$").match
_dump_header = lazy(r"Full thread dump (?P<vm>.*\S)\s*$").match
_time = lazy(_TIME + "$").match
_VERBS: Final = {
    "blocked on": LockVerb.WAITING_TO_LOCK,
    "waiting to lock": LockVerb.WAITING_TO_LOCK,
    "parking to wait for": LockVerb.PARKING,
}


def sniff(head: Sequence[str]) -> bool:
    """True if a thread of one of the forms is among the lines, or the JSON begins with them."""
    return any(line.startswith('"') and (_info(line) or _visual(line) or _support(line)) for line in head) or is_json(head)


def parse(section: Section) -> Parsed:
    """Read the dumps: nothing stands between two of ``ThreadInfo.toString``, but an id comes twice only in two of them."""
    if is_json(section.head(5)):
        return json_dump(section, NAME)
    reader = _Reader(section)
    for index, line in section.rows():
        if index >= reader.next:
            reader.take(index, line)
    reader.flush()
    gaps, elisions = leftovers(section, reader.unread)
    return Parsed((*reader.dumps, *elisions), reader.read + len(elisions), gaps)


class _Reader:
    """One pass over a section. ``next`` is the first line that is not taken yet."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.lines = section.lines
        self.next = self.read = self.first = 0
        self.unread: list[tuple[int, str]] = []
        self.dumps: list[ThreadDump] = []
        self.threads: list[Thread] = []
        self.time: str | None = None
        self.vm: str | None = None
        self.open: Stack | None = None
        self.header: dict[str, str | None] = {}
        self.state: JavaState | None = None
        self.lists = False
        self.ids: set[int] = set()
        self.supports = self.reports = False
        """Jenkins' support bundle wrote it; its list of deadlocked stacks has begun, which names no threads."""

    def take(self, index: int, line: str) -> None:
        """Take a line, with those that belong to a name of several lines."""
        count = self._report(line) or self._inside(index, line) or self._thread(index, line) or self._preamble(index, line)
        self.next = index + max(count, 1)
        if count:
            self.read += sum(1 for text in self.lines[index : index + count] if text and not text.isspace())
        else:
            self.unread.append((index, "no line of a thread dump"))

    def _report(self, line: str) -> int:
        """A line of what the support bundle adds below the threads: the stacks of those that are deadlocked, once more."""
        if not self.supports:
            return 0
        if _deadlock(line):
            self.flush()
            self.reports = True
            return 1
        return int(self.reports and _element(line) is not None)

    def _inside(self, index: int, line: str) -> int:
        """A line of the open thread: state, frame, lock, synchronizer, or the dots after eight frames."""
        stack = self.open
        if stack is None:
            return 0
        if self._state_of(line) or (not stack.frames and self._owner_of(line)):
            pass
        elif _synchronizers(line):
            self.lists = True
        elif match := _lock(line):
            self._lock_line(stack, match, index)
        elif match := _synchronizer(line):
            if match["object"]:
                stack.lock(LockVerb.OWNS, *identity(match["object"]), index)
        elif line.lstrip().startswith("at ") and (frame := frame_of(line)):
            stack.frame(frame, index)
        elif not (_cut(line) or _detail(line)):
            return 0
        stack.reach(index)
        return 1

    def _state_of(self, line: str) -> bool:
        """The state below the header, which in VisualVM names the lock, too."""
        match = _state(line) or _state_on(line)
        if match is None or match["state"] not in JAVA_STATES:
            return False
        self.state = JAVA_STATES[match["state"]]
        fields = match.groupdict()
        if "lock" in fields:
            self.header["lock"], self.header["holder"] = fields["lock"], fields["holder"]
        return True

    def _owner_of(self, line: str) -> bool:
        """The line of a console below its header: who owns the lock that this names."""
        match = _owned_by(line) if self.header.get("lock") else None
        if match is not None:
            self.header["holder"], self.header["owner"] = match["holder"], match["owner"]
        return match is not None

    def _lock_line(self, stack: Stack, match: re.Match[str], index: int) -> None:
        # An identity hash is a number: some print it with zeros in front.
        address, cls = identity(match["object"]) if match["object"] else (f"{match['cls']}@{int(match['hash'], 16):x}", match["cls"])
        if self.supports and not stack.frames and match["hash"]:
            if match["verb"] != "locked":
                self.header["lock"] = address
            return
        if match["verb"] in {"locked", "Locked"}:
            verb = LockVerb.OWNS if self.lists else LockVerb.LOCKED
        else:
            verb = stack.wait_verb(self.state, _VERBS.get(match["verb"], LockVerb.WAITING_ON))
        named = self.header if verb is not LockVerb.LOCKED and address == self.header.get("lock") else {}
        owner = match["owner"] or named.get("owner")
        stack.lock(verb, address, cls, index, owner=int(owner) if owner else None, holder=named.get("holder"))

    def _thread(self, index: int, line: str) -> int:
        """A thread's header; its name may run over several lines."""
        if line[0] != '"':
            return 0
        for count in range(1, min(NAME_LINES, len(self.lines) - index) + 1):
            text = joined(self.lines, index, count)
            if len(text) > LONGEST:
                break
            if match := _info(text) or _visual(text) or _support(text) or self._without_id(index, count, text):
                self._close()
                if (number := _number(match)) in self.ids:
                    self.flush()
                    self.first = index
                if number is not None:
                    self.ids.add(number)
                self.supports, self.reports = match.re.pattern == SUPPORT.pattern, False
                self.open, self.header = Stack(self.section, index, index + count - 1), match.groupdict()
                self.state, self.lists = JAVA_STATES.get(self.header.get("state") or ""), False
                return count
        return 0

    def _without_id(self, index: int, count: int, text: str) -> re.Match[str] | None:
        """A name alone, as the actuator prints it of some threads; the state below it tells that it is a header."""
        below = self.lines[index + count] if index + count < len(self.lines) else ""
        return _unnumbered(text) if _state(below) or _state_on(below) else None

    def _preamble(self, index: int, line: str) -> int:
        if self.threads or self.open:
            return 0
        if match := _dump_header(line):
            self.vm = match["vm"].removesuffix(":")
        elif _time(line):
            self.time = iso_time(line)
        else:
            return self._title(index)
        return 1

    def _title(self, index: int) -> int:
        """The name of a node of Jenkins, underlined."""
        if index + 1 < len(self.lines) and _underline(self.lines[index + 1]):
            return 2
        return 0

    def _close(self) -> None:
        stack, header = self.open, self.header
        if stack is None:
            return
        waited = header.get("lock")
        if waited and not any(lock.address == waited and lock.verb not in {LockVerb.LOCKED, LockVerb.OWNS} for lock in stack.locks):
            # A thread without frames: only the header says what it waits for.
            owner, holder = header.get("owner"), header.get("holder")
            printed = waiting_verb(self.state, identity(waited)[1])
            verb = stack.wait_verb(self.state, printed)
            stack.lock(verb, *identity(waited), stack.first, depth=0, owner=int(owner) if owner else None, holder=holder)
        self.threads.append(
            stack.thread(
                name=header["name"] or "",
                java_id=_number(header),
                daemon=header.get("daemon") is not None,
                state=self.state,
                native_state="in native" if header.get("native") else None,
                lists_synchronizers=self.lists,
            )
        )
        self.open = None

    def flush(self) -> None:
        """End the dump that is going on."""
        self._close()
        if self.threads or self.vm is not None:
            last = self.threads[-1].where.last - self.section.first if self.threads else self.first
            self.dumps.append(
                ThreadDump(
                    where=self.section.where(self.first, max(last, self.first)),
                    dialect=NAME,
                    threads=with_holders(self.threads),
                    time=self.time,
                    vm=self.vm,
                    fragment=self.vm is None,
                )
            )
        self.threads, self.time, self.vm = [], None, None
        self.ids.clear()


def _number(header: Mapping[str, str | None] | re.Match[str]) -> int | None:
    """The Java id of a thread, None where its header has none."""
    fields = header.groupdict() if isinstance(header, re.Match) else header
    if fields.get("id"):
        return int(fields["id"] or 0)
    return int(fields["hex"] or "0", 16) if fields.get("hex") else None

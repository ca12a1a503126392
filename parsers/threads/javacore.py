"""Javacores of OpenJ9 and IBM's VM (``kill -3``, ``jcmd Dump.java``, javacore.DATE.TIME.PID.N.txt).

    0SECTION       TITLE subcomponent dump routine
    1TIDATETIME    Date: 2021/09/29 at 15:12:40:123
    1CIJAVAVERSION JRE 11 Linux amd64-64 (build 11.0.12+7)
    1CIPROCESSID   Process ID: 29409 (0x72E1)
    1XMTHDINFO     Thread Details
    NULL
    3XMTHREADINFO      "Default Executor-thread-2" J9VMThread:0x0000000000FD0100, omrthread_t:0x00007FF4F022A520, java/lang/Thread:0x00000000FFE26F40, state:B, prio=5
    3XMJAVALTHREAD            (java/lang/Thread getId:0x21, isDaemon:true)
    3XMTHREADINFO1            (native thread ID:0x765A, native priority:0x5, native policy:UNKNOWN, vmstate:B, vm thread flags:0x00080181)
    3XMCPUTIME               CPU usage total: 12.470131900 secs, current category="Application"
    3XMTHREADBLOCK     Blocked on: com/acme/Cache@0x00000000F0001000 Owned by: "worker-2" (J9VMThread:0x0000000000012200, java/lang/Thread:0x0000000000000005)
    3XMTHREADINFO3           Java callstack:
    4XESTACKTRACE                at com/acme/Cache.get(Cache.java:10(Compiled Code))
    5XESTACKTRACE                   (entered lock: com/acme/Pool@0x00000000F0002000, entry count: 1)
    4XESTACKTRACE                at java/lang/Thread.run(Thread.java:857)

Written after OpenJ9's documentation of Java dumps, not captured here. Every line has a tag; tags that say nothing of threads are read over.
State CW is any wait on a condition: Object.wait, Thread.sleep, and waits inside the VM; P is parked. A lock whose owner is ``<unowned>`` is being
waited on, not fought over. Class names have slashes, as in the VM.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import replace

from parsers.records import Deadlock, DeadlockEntry, Frame, JavaState, Lock, LockVerb, NativeId, Parsed, Pid, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import LONGEST, Section, leftovers
from parsers.text.stack import Stack, iso_time, with_holders

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "javacore"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"0SECTION[ ]+TITLE |(?:NULL[ -]*\n)0SECTION[ ]+TITLE "
ROW_SHAPE: Final = r"(?:0SECTION[ ]|[1-5](?:TI|CI|XM|XE|LK|XH)[A-Z0-9]{3,}[ ]|X?M?THREADINFO[ ]{2,}\")"

TAG = lazy(r"(?P<tag>\d?[A-Z][A-Z0-9]{2,22}|NULL)(?:\s+(?P<text>\S.*))?$")
THREAD = lazy(
    r'"(?P<name>.*)" (?:\(TID:|J9VMThread:)(?P<vm>0x[0-9A-Fa-f]{1,16}),?.*?(?:java/lang/Thread:(?P<object>0x[0-9A-Fa-f]{1,16}), )?'
    r"state:(?P<state>[A-Z]{1,3})\b.*$"
)
BLOCK = lazy(
    r"(?P<verb>Blocked|Waiting|Parked) on: (?:<unknown>|(?P<cls>[^@\s]{1,1000})@(?P<address>0x[0-9A-Fa-f]{1,16}))"
    r'(?: Owned by: (?:"(?P<owner>.*)" \(J9VMThread:(?P<vm>0x[0-9A-Fa-f]{1,16})\b.*|<\w+>.*))?$'
)
FRAME = lazy(r"at (?P<call>[^\s()][^()]{0,1000})\((?P<source>[^()]*)(?:\([^()]*\))?\)$")
ENTERED = lazy(r"\(entered lock: (?P<cls>[^@\s]{1,1000})@(?P<address>0x[0-9A-Fa-f]{1,16}), entry count: \d{1,9}\)$")

_tag, _thread, _block, _frame, _entered = TAG.match, THREAD.match, BLOCK.match, FRAME.match, ENTERED.match
_telling = lazy(
    r"0SECTION\s+[A-Z]+ subcomponent dump routine|(?:3?X)?M?THREADINFO\s{2,}\"|3XMTHREADBLOCK\s|4XESTACKTRACE\s+at |1TIDATETIME\s"
    r"|3LKMONOBJECT\s|3LKWAITER\s|1LKDEADLOCK\s"
).match
_monitor = lazy(
    r"(?P<cls>[^@\s]{1,1000})@(?P<address>0x[0-9A-Fa-f]{1,16}): "
    r"(?:(?:Flat locked by|owner) \"(?P<owner>.*)\" \((?:J9VMThread:)?(?P<vm>0x[0-9A-Fa-f]{1,16})\).*|.*)$"
).match
_queued = lazy(r'"(?P<name>.*)" \((?:J9VMThread:)?(?P<vm>0x[0-9A-Fa-f]{1,16})\)').match
_LONGEST_NAME: Final = 400
"""Characters of a thread's name that are kept: some hold a whole statement. A tagged line may be long."""
_LONGEST_LINE: Final = 1 << 18
_TAGS: Final = ("3XMTHREADINFO", "3XMTHREADINFO1", "3XMTHREADINFO3", "3XMTHREADBLOCK", "3XMJAVALTHREAD", "4XESTACKTRACE", "5XESTACKTRACE")
_FEWEST_LEFT: Final = 8
_java_id = lazy(r"\(java/lang/Thread getId:0x(?P<id>[0-9A-Fa-f]{1,15}), isDaemon:(?P<daemon>true|false)").match
_native_id = lazy(r"\(native (?:thread )?ID:0x(?P<id>[0-9A-Fa-f]{1,15})\b").match
_cpu = lazy(r"CPU usage total: (?P<cpu>\d{1,12}(?:\.\d{1,12})?) secs").match
_date = lazy(r"Date: +(?P<y>\d{4})/(?P<m>\d\d)/(?P<d>\d\d) at (?P<time>\d\d:\d\d:\d\d)").match
_pid = lazy(r"Process ID: (?P<pid>\d{1,10})\b").match
_locker = lazy(r'Thread "(?P<name>.*)" \((?:J9VMThread:)?0x[0-9A-Fa-f]{1,16}\)$').match
_object = lazy(r"(?P<cls>[^@\s]{1,1000})@(?P<address>0x[0-9A-Fa-f]{1,16})$").match

_VERBS: Final = {"Blocked": LockVerb.WAITING_TO_LOCK, "Waiting": LockVerb.WAITING_ON, "Parked": LockVerb.PARKING}
_STATES: Final = {
    "R": JavaState.RUNNABLE,
    "B": JavaState.BLOCKED,
    "P": JavaState.WAITING,
    "CW": JavaState.WAITING,
}
"""S (suspended) and Z (zombie) have no counterpart in ``Thread.State``."""


def sniff(head: Sequence[str]) -> bool:
    """True if a section's title or a thread's line is among the lines."""
    return any(_telling(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read one javacore; every tagged line is understood, at least as one that says nothing of threads."""
    reader = _Reader(section)
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in enumerate(section.lines):
        if not line or line.isspace():
            continue
        match = _tag(_shortened(line))
        if match and reader.take(index, _whole_tag(match["tag"]), (match["text"] or "").rstrip()):
            read += 1
        else:
            unread.append((index, "no line of a javacore"))
    gaps, elisions = leftovers(section, unread)
    dump = reader.dump(elided=bool(elisions))
    return Parsed((dump, *elisions) if dump else elisions, read + len(elisions), gaps)


def _shortened(line: str) -> str:
    """The line, a thread's name that is too long cut in its middle; beyond any size that a name has, it is read as nothing."""
    if len(line) <= LONGEST:
        return line
    end = line.rfind('" J9VMThread:') if len(line) <= _LONGEST_LINE else -1
    begin = line.find('"')
    if end - begin > _LONGEST_NAME and end + LONGEST > len(line):
        return f"{line[: begin + _LONGEST_NAME]}…{line[end:]}"
    return line[:LONGEST] if len(line) <= _LONGEST_LINE else "\N{REPLACEMENT CHARACTER}"


def _whole_tag(tag: str) -> str:
    """The tag, of which the first characters may have got lost when it was copied."""
    if tag[0].isdigit() or len(tag) < _FEWEST_LEFT:
        return tag
    return next((known for known in _TAGS if known.endswith(tag)), tag)


class _Monitor(NamedTuple):
    """A lock of the LOCKS section: who holds it and who waits, each with the place (VM's address of the thread, name, index of the line)."""

    cls: str
    address: str
    owner: tuple[str, str, int] | None
    waiters: list[tuple[str, str, int, LockVerb]]


class _Reader:
    """One pass over a javacore."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.facts: dict[str, str] = {}
        self.threads: list[tuple[Stack, dict[str, Any]]] = []
        self.by_vm: dict[str, int] = {}
        self.owners: dict[tuple[int, int], str] = {}
        self.deadlocks: list[Deadlock] = []
        self.cycle: list[DeadlockEntry] = []
        self.cycle_first = self.cycle_last = 0
        self.waiter: str | None = None
        self.awaited: tuple[str | None, str | None] = (None, None)
        self.ended = False
        self.monitors: list[_Monitor] = []
        self.queue = LockVerb.WAITING_TO_LOCK

    def take(self, index: int, tag: str, text: str) -> bool:
        """Take a line; False if its tag promises what the text does not hold."""
        if tag.startswith("3XM") or tag in {"4XESTACKTRACE", "5XESTACKTRACE"}:
            return self._of_thread(index, tag, text)
        if "LKDEADLOCK" in tag:
            return self._of_deadlock(index, tag, text)
        if tag == "1XMTHDINFO":
            # Above this line stands the current thread alone, which the list below has again.
            self.threads.clear()
            self.by_vm.clear()
            self.owners.clear()
        elif tag.startswith("3LK"):
            return self._of_lock(index, tag, text)
        elif tag in {"1TIDATETIME", "1CIJAVAVERSION", "1CIPROCESSID"}:
            self.facts.setdefault(tag, text)
        self.ended = self.ended or (tag == "NULL" and "END OF DUMP" in text)
        return True

    def _of_thread(self, index: int, tag: str, text: str) -> bool:
        if tag == "3XMTHREADINFO":
            if match := _thread(text):
                self.by_vm[match["vm"].lower()] = len(self.threads)
                self.threads.append((Stack(self.section, index), {"name": match["name"], "state": _STATES.get(match["state"])}))
                return True
            # "Anonymous native thread" has no Java thread behind it.
            anonymous = text.startswith("Anonymous native thread")
            if anonymous:
                self.threads.append((Stack(self.section, index), {"name": "Anonymous native thread"}))
            return anonymous
        if not self.threads:
            return True
        stack, fields = self.threads[-1]
        stack.reach(index)
        if tag == "4XESTACKTRACE":
            match = _frame(text)
            if match:
                cls, _, method = match["call"].rpartition(".")
                stack.frame(Frame(_dotted(cls), method, match["source"].rpartition("/")[2]), index)
            return match is not None
        if tag == "5XESTACKTRACE":
            match = _entered(text)
            if match:
                stack.lock(LockVerb.LOCKED, match["address"].lower(), _dotted(match["cls"]), index)
            return match is not None
        return self._detail(stack, fields, tag, text, index)

    def _detail(self, stack: Stack, fields: dict[str, Any], tag: str, text: str, index: int) -> bool:
        """The lines between a thread's name and its stack."""
        if tag == "3XMJAVALTHREAD" and (match := _java_id(text)):
            fields["java_id"], fields["daemon"] = int(match["id"], 16), match["daemon"] == "true"
        elif tag == "3XMTHREADINFO1" and (match := _native_id(text)):
            fields["native_id"] = NativeId(int(match["id"], 16))
            state = re.search(r"vmstate:(\w{1,3})", text)
            fields["native_state"] = f"vmstate {state[1]}" if state else None
        elif tag == "3XMCPUTIME" and (match := _cpu(text)):
            fields["cpu"] = float(match["cpu"])
        elif tag == "3XMTHREADBLOCK":
            match = _block(text)
            if match is None:
                return False
            if match["address"]:
                # Printed above the stack, it belongs to the frame on top.
                place = self.section.first + index
                stack.locks.append(
                    Lock(_VERBS[match["verb"]], match["address"].lower(), _dotted(match["cls"]), 0, place, None, match["owner"])
                )
            if match["vm"] and match["address"]:
                self.owners[len(self.threads) - 1, len(stack.locks) - 1] = match["vm"].lower()
        return True

    def _of_lock(self, index: int, tag: str, text: str) -> bool:
        """The LOCKS section, which is complete in itself: the owner of each monitor, and who waits to enter it or to be notified."""
        if tag == "3LKMONOBJECT" and (match := _monitor(text)):
            owner = (match["vm"].lower(), match["owner"], index) if match["owner"] is not None else None
            self.monitors.append(_Monitor(_dotted(match["cls"]), match["address"].lower(), owner, []))
        elif tag in {"3LKWAITERQ", "3LKNOTIFYQ"}:
            self.queue = LockVerb.WAITING_TO_LOCK if tag == "3LKWAITERQ" else LockVerb.WAITING_ON
        elif tag in {"3LKWAITER", "3LKWAITNOTIFY"} and self.monitors and (match := _queued(text)):
            self.monitors[-1].waiters.append((match["vm"].lower(), match["name"], index, self.queue))
        return True

    def _lock_threads(self) -> None:
        """Give the threads what the LOCKS section says of them; of those that the THREADS section does not have, as it is not here or cut, it is all there is."""
        alone = not self.threads or not self.facts
        for monitor in self.monitors:
            owners = () if monitor.owner is None or not monitor.waiters else ((*monitor.owner, LockVerb.LOCKED),)
            for vm, name, index, verb in (*owners, *monitor.waiters):
                if alone and vm not in self.by_vm:
                    self.by_vm[vm] = len(self.threads)
                    state = (
                        JavaState.BLOCKED
                        if verb is LockVerb.WAITING_TO_LOCK
                        else JavaState.WAITING
                        if verb is LockVerb.WAITING_ON
                        else None
                    )
                    self.threads.append((Stack(self.section, index), {"name": name, "state": state}))
                place = self.by_vm.get(vm)
                if place is None or any(lock.address == monitor.address for lock in self.threads[place][0].locks):
                    continue
                self.threads[place][0].locks.append(Lock(verb, monitor.address, monitor.cls, -1, self.section.first + index))
                if verb is LockVerb.WAITING_TO_LOCK and monitor.owner:
                    self.owners[place, len(self.threads[place][0].locks) - 1] = monitor.owner[0]

    def _of_deadlock(self, index: int, tag: str, text: str) -> bool:
        """``2LKDEADLOCKTHR`` names a thread, ``4LKDEADLOCKOBJ`` what it waits for; the next thread owns that."""
        if tag == "1LKDEADLOCK":
            self._end_cycle()
            self.cycle_first = self.cycle_last = index
            return True
        self.cycle_last = index
        if tag == "2LKDEADLOCKTHR":
            match = _locker(text)
            if match is None:
                return False
            if self.waiter is not None:
                self.cycle.append(DeadlockEntry(self.waiter, *self.awaited, match["name"]))
            self.waiter, self.awaited = match["name"], (None, None)
            if self.cycle and self.cycle[0].thread == self.waiter:
                self._end_cycle()
        elif tag in {"4LKDEADLOCKOBJ", "4LKDEADLOCKREG"} and (match := _object(text)):
            self.awaited = match["address"].lower(), _dotted(match["cls"])
        return True

    def _end_cycle(self) -> None:
        if self.cycle:
            self.deadlocks.append(Deadlock(self.section.where(self.cycle_first, self.cycle_last), tuple(self.cycle)))
        self.cycle, self.waiter = [], None
        self.cycle_first = self.cycle_last

    def dump(self, *, elided: bool) -> ThreadDump | None:
        """The dump, None if there was nothing of one."""
        self._end_cycle()
        self._lock_threads()
        if not self.threads and not self.facts and not self.deadlocks:
            return None
        threads = with_holders([self._finished(number) for number in range(len(self.threads))])
        date, pid = _date(self.facts.get("1TIDATETIME", "")), _pid(self.facts.get("1CIPROCESSID", ""))
        last = max([thread.where.last for thread in threads] + [self.section.first]) - self.section.first
        return ThreadDump(
            where=self.section.where(0, last),
            dialect=NAME,
            threads=threads,
            deadlocks=tuple(self.deadlocks),
            time=iso_time(f"{date['y']}-{date['m']}-{date['d']}T{date['time']}") if date else None,
            vm=self.facts.get("1CIJAVAVERSION"),
            pid=Pid(int(pid["pid"])) if pid else None,
            complete=False if elided else True if self.ended else None,
            fragment=not self.facts,
        )

    def _finished(self, number: int) -> Thread:
        stack, fields = self.threads[number]
        for at, lock in enumerate(stack.locks):
            if (vm := self.owners.get((number, at))) is not None and (holder := self.by_vm.get(vm)) is not None:
                owner = self.threads[holder][1].get("java_id") if holder < len(self.threads) else None
                stack.locks[at] = replace(lock, owner=owner)
            if not stack.frames:
                stack.locks[at] = replace(stack.locks[at], depth=-1)
        if fields.get("state") is JavaState.WAITING and stack.frames and stack.frames[0].full.startswith("java.lang.Thread.sleep"):
            fields["state"] = JavaState.TIMED_WAITING
        return stack.thread(**fields)


def _dotted(cls: str) -> str:
    return cls.replace("/", ".")

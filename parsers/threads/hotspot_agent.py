"""Dumps that the serviceability agent reads out of a stopped or hung VM: ``jhsdb jstack``, ``jstack -F``, both with ``-m`` and ``--locks``.

    Attaching to process ID 9414, please wait...
    Debugger attached successfully.
    Server compiler detected.
    JVM version is 17.0.15+6-Debian-1deb12u1
    Deadlock Detection:

    No deadlocks found.

    "http-nio-8084-exec-1" #21 daemon prio=5 tid=0x00007f10d0a6b340 nid=0x2509 waiting on condition [0x00007f108a5fd000]
       java.lang.Thread.State: WAITING (parking)
       JavaThread state: _thread_blocked
     - jdk.internal.misc.Unsafe.park(boolean, long) @bci=0 (Interpreted frame)
        - parking to wait for <0x0000000687a3b2d0> (a java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject)
     - org.apache.tomcat.util.threads.TaskQueue.take() @bci=36, line=117 (Interpreted frame)

    Locked ownable synchronizers:
        - None

Printed by ``StackTrace.java`` and ``PStack.java`` of ``jdk.hotspot.agent``. JDK 8 and older print ``Thread 9415: (state = BLOCKED)`` instead of names and
states; that word is the VM's own state (``_thread_blocked``), which every waiting thread has: it says nothing of a monitor. Files of the
sources are not printed, only line numbers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import Deadlock, Frame, JavaState, Lock, LockVerb, NativeId, Parsed, Pid, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.grammar import JAVA_STATES, LOCK_LINE, LOCK_VERBS, STATE_LINE, THREAD_HEADER
from parsers.text.patterns import lazy
from parsers.text.source import LONGEST, Section, leftovers
from parsers.text.stack import NAME_LINES, Stack, joined
from parsers.threads.hotspot_deadlock import deadlock_at

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "hotspot_agent"
SHOWS: Final = frozenset({Shows.THREADS})

_HEAD: Final = (
    r"\"[^\n]{0,1000}[ ]tid=0x[0-9a-f]{1,16}[ ]nid=[^\n]{1,80}\n[ ]*java\.lang\.Thread\.State:[^\n]{1,60}\n[ ]*JavaThread state: _"
)
HEADER: Final = r"(?:Attaching to (?:process|core|remote)[^\n]*\n(?:[^\n]+\n){0,6}?)?Deadlock Detection:"
ROW_SHAPE: Final = rf"Attaching to (?:process ID|core)[ ]|Thread \d{{1,10}}: \(state = [A-Z_]+\)|-{{5,}} \d{{1,10}} -{{5,}}[ ]*\n0x[0-9a-f]{{8,16}}\s|{_HEAD}"

FRAME = lazy(
    r"\s*- (?P<call>[^\s()@][^()@]{0,1000})\([^()]{0,4000}\) @bci=-?\d{1,9}(?:, line=(?P<line>\d{1,9}))?(?: pc=0x[0-9a-f]+)?"
    r"(?:, pc=0x[0-9a-f]+)?(?:, Method\*=0x[0-9a-f]+)? \([^()]*\)\s*$"
)
MIXED_FRAME = lazy(
    r"0x[0-9a-f]{1,16}\s+(?:\* )?(?P<call>[^\s()@][^()@]{0,1000})\([^()]{0,4000}\) bci:-?\d{1,9}(?: line:(?P<line>\d{1,9}))? \([^()]*\)\s*$"
)
OLD_THREAD = lazy(r"Thread (?P<nid>\d{1,10}): \(state = (?P<state>[A-Z_]{2,30})\)\s*$")
BARE_THREAD = lazy(r"-{5,} (?P<nid>\d{1,10}) -{5,}\s*$")
"""What ``-m`` prints above the stack of a thread; newer VMs print the thread's own header below it."""
SYNCHRONIZER = lazy(r"\s*- (?:None|<(?P<address>0x[0-9a-f]{1,16})>,? \(a (?P<cls>[^()]+)\))\s*$")
_frame, _mixed, _old, _bare = FRAME.match, MIXED_FRAME.match, OLD_THREAD.match, BARE_THREAD.match
_header = lazy(str(THREAD_HEADER.pattern), re.DOTALL).match
_lock, _state, _synchronizer = LOCK_LINE.match, STATE_LINE.match, SYNCHRONIZER.match
_synchronizers = lazy(r"\s*Locked ownable synchronizers:").match
_pid = lazy(r"Attaching to process ID (?P<pid>\d{1,10})\b").match
_version = lazy(r"JVM version is (?P<vm>\S.*\S)\s*$").match
_remark = lazy(
    r"Attaching to |Debugger attached|(?:Server|Client|Core|Zero) compiler|Deadlock Detection:|No deadlocks found|JVM version is |"
    r"-{5,} \d+ -{5,}|\s*JavaThread state: |0x[0-9a-f]{1,16}\s+(?:\S|$)|Locked ownable|\s*- \(?(?:eliminated|Unknown)"
).match
_telling = lazy(r"Attaching to (?:process ID|core) |Deadlock Detection:|\s*JavaThread state: _thread|\s*- \S.{0,1000}@bci=").match


def sniff(head: Sequence[str]) -> bool:
    """True if the agent's preamble, or one of its frames or threads, is among the lines."""
    return any(_telling(line) or _old(line) or _mixed(line) for line in head) and not any("Full thread dump " in line for line in head)


def parse(section: Section) -> Parsed:
    """Read one dump; what the agent could not read of a broken VM stays unread."""
    reader = _Reader(section)
    for index, line in section.rows():
        if index >= reader.next:
            reader.take(index, line)
    gaps, elisions = leftovers(section, reader.unread)
    dump = reader.dump(elided=bool(elisions))
    return Parsed((dump, *elisions) if dump else elisions, reader.read + len(elisions), gaps)


class _Reader:
    """One pass over a section. ``next`` is the first line that is not taken yet."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.lines = [line if len(line) <= LONGEST else "\N{REPLACEMENT CHARACTER}" for line in section.lines]
        self.next = self.read = 0
        self.unread: list[tuple[int, str]] = []
        self.threads: list[Thread] = []
        self.deadlocks: list[Deadlock] = []
        self.pid: Pid | None = None
        self.vm: str | None = None
        self.open: Stack | None = None
        self.header: re.Match[str] | None = None
        self.state: JavaState | None = None
        self.lists = False

    def take(self, index: int, line: str) -> None:
        """Take a line, with those that belong to it."""
        count = self._inside(index, line) or self._thread(index, line) or self._other(index, line)
        self.next = index + max(count, 1)
        if count:
            self.read += sum(1 for text in self.section.lines[index : index + count] if text and not text.isspace())
        else:
            self.unread.append((index, "no line of the agent's dump"))

    def _inside(self, index: int, line: str) -> int:
        """A line of the open thread: frame, state, lock, synchronizer."""
        stack = self.open
        if stack is None:
            return 0
        if match := _frame(line) or _mixed(line):
            cls, _, method = match["call"].rpartition(".")
            stack.frame(Frame(cls, method, f"line={match['line']}" if match["line"] else None), index)
        elif match := _state(line):
            self.state = JAVA_STATES.get(match["state"])
            stack.reach(index)
        elif _synchronizers(line):
            self.lists = True
            stack.reach(index)
        elif self.lists and (match := _synchronizer(line)):
            if match["address"]:
                stack.lock(LockVerb.OWNS, match["address"], match["cls"].replace("/", "."), index)
            stack.reach(index)
        elif match := _lock(line):
            stack.lock(LOCK_VERBS[match["verb"]], match["address"], match["cls"] or match["plain"], index)
        else:
            return 0
        return 1

    def _thread(self, index: int, line: str) -> int:
        """A thread's header in the new or the old form; a name may run over several lines."""
        if match := _old(line) or _bare(line):
            self._begin(index, 1, match)
            return 1
        if line[0] != '"':
            return 0
        for count in range(1, min(NAME_LINES, len(self.lines) - index) + 1):
            text = joined(self.lines, index, count)
            if len(text) > LONGEST:
                break
            if "tid=" in text:
                if match := _header(text):
                    self._begin(index, count, match)
                    return count
                break
        return 0

    def _begin(self, index: int, count: int, header: re.Match[str]) -> None:
        self._close()
        self.open, self.header, self.state, self.lists = Stack(self.section, index, index + count - 1), header, None, False

    def _other(self, index: int, line: str) -> int:
        if line.startswith("Found ") and "deadlock" in line:
            self._close()
            deadlocks, count = deadlock_at(self.section, self.lines, index)
            self.deadlocks.extend(_dotted(one) for one in deadlocks)
            return count
        if match := _pid(line):
            self.pid = Pid(int(match["pid"]))
        elif match := _version(line):
            self.vm = match["vm"]
        return int(bool(_remark(line)))

    def _close(self) -> None:
        if self.open is not None and self.header is not None and (self.open.frames or len(self.header.groupdict()) > 1):
            _correct(self.open, self.state)
            self.threads.append(_finished(self.open, self.header.groupdict(), self.state, lists=self.lists))
        self.open = self.header = None

    def dump(self, *, elided: bool) -> ThreadDump | None:
        """The dump, None if there was nothing of one."""
        self._close()
        if not self.threads and self.vm is None and not self.deadlocks:
            return None  # the agent could not attach, or was cut off before it had
        last = max([self.next - 1, 0]) if not self.threads else self.threads[-1].where.last - self.section.first
        return ThreadDump(
            where=self.section.where(0, min(last, len(self.lines) - 1)),
            dialect=NAME,
            threads=tuple(self.threads),
            deadlocks=tuple(self.deadlocks),
            vm=self.vm,
            pid=self.pid,
            complete=False if elided else None,
            fragment=self.vm is None,
        )


def _dotted(deadlock: Deadlock) -> Deadlock:
    """The agent prints the VM's spelling of classes, ``java/lang/Object``."""
    entries = (replace(entry, cls=entry.cls.replace("/", ".") if entry.cls else None) for entry in deadlock.entries)
    return replace(deadlock, entries=tuple(entries))


def _correct(stack: Stack, state: JavaState | None) -> None:
    """Put right what the agent prints of a thread that waits for a second monitor of its top frame: ``locked``.

    ``JavaVFrame.printLockInfo`` asks only for the first monitor of the frame whether the thread waits for it. Monitors are printed in the
    order they were entered, so the one that a BLOCKED thread waits for is the last.
    """
    top = [at for at, lock in enumerate(stack.locks) if lock.depth == 0]
    if state is not JavaState.BLOCKED or not top or any(stack.locks[at].verb is not LockVerb.LOCKED for at in top):
        return
    wrong = stack.locks[top[-1]]
    stack.locks[top[-1]] = Lock(LockVerb.WAITING_TO_LOCK, wrong.address, wrong.cls, wrong.depth, wrong.line)


def _finished(stack: Stack, header: dict[str, str | None], state: JavaState | None, *, lists: bool) -> Thread:
    if "name" not in header:  # the old form
        return stack.thread(
            name="", native_id=NativeId(int(header["nid"] or 0)), native_state=header.get("state"), lists_synchronizers=lists
        )
    nid = header["nid"] if header["nid"] != "NA" else None
    native_id = None if nid is None else NativeId(int(nid, 16) if nid.startswith("0x") else int(nid))
    return stack.thread(
        name=header["name"],
        java_id=int(header["jid"]) if header["jid"] else None,
        native_id=native_id,
        daemon=header["daemon"] is not None,
        state=state,
        native_state=(header["state"] or "").strip() or None,
        lists_synchronizers=lists,
    )

r"""One thread of a HotSpot dump: the lines below its header, each read by itself, and the record they make together.

"main" #1 prio=5 os_prio=0 cpu=71.06ms elapsed=5.55s tid=0x00007fe7ac0178b0 nid=0x2a69 waiting on condition  [0x00007fe7b2dde000]
   java.lang.Thread.State: TIMED_WAITING (sleeping)
\tat java.lang.Thread.sleep(java.base@17.0.15/Native Method)
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

from msgspec.structs import replace

from parsers.records import Frame, JavaState, Lock, LockVerb, NativeId, Thread, Where
from parsers.text.grammar import FRAME, JAVA_STATES, LOCK_LINE, LOCK_VERBS, STATE_LINE, SYNCHRONIZER, decimal
from parsers.text.stack import waiting_verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section
    from parsers.threads.hotspot_header import Header

_frame = FRAME.match
_lock = LOCK_LINE.match
_synchronizer = SYNCHRONIZER.match
_state = STATE_LINE.match
_DETAIL = re.compile(
    r"\s*(?:No compile task|Compiling: |JavaThread state:|Locked ownable synchronizers:|blocks \S|\((?:in native|suspended)[^()]{0,40}\)\s*$)"
)
_CARRYING = re.compile(r"\s+Carrying virtual thread #(\d{1,18})")
_SYNCHRONIZERS = re.compile(r"\s*Locked ownable synchronizers:")
# IntelliJ's dumps have no lock lines of the VM: one of its two kinds says who holds the lock below the state, the other also whom a thread blocks.
_ON = re.compile(
    r"\s*on (?P<object>(?P<cls>[^\s@]{1,1000})@[0-9a-f]{1,16})(?: owned by \"?(?P<holder>[^\"]{1,1000}?)\"?(?: Id=\d{1,18})?)?\s*$"
).match
_RELEASE = re.compile(
    r"\s*waiting for (?P<holder>\S.{0,1000}?) to release lock on <(?P<address>0x[0-9a-fA-F]+)> \(a (?P<cls>[^()]+)\)\s*$"
).match
_DEBUGGER_ID = re.compile(r"@\d{1,9}$")
_BARE_FRAME = re.compile(
    r"\s*(?:[\w.@+-]+/){0,2}(?P<call>[\w$]+(?:\.[\w$<>-]+)+)\((?P<source>[\w$.-]+\.\w{1,8}(?::\d{1,9})?|Native Method|Unknown Source|<generated>)\)\s*$"
).match

INSIDE: Final = (" ", "\t", "at ", "- ", "java.lang.Thread.State:", "Locked ownable synchronizers:")
"""How lines below a thread's header begin; some tickets lose the indentation."""
_MOST_LINES: Final = 65536
_known: dict[str, Frame] = {}


def frames_of(lines: Sequence[str]) -> list[Frame | None]:
    """The frame on each line, None where there is none, and a None more.

    Stacks repeat from thread to thread and from dump to dump: a line is read, and its frame held in memory, once.
    """
    if len(_known) > _MOST_LINES:
        _known.clear()
    found = list(map(_known.get, lines))
    # Of the first dump this is every line, of the next ones hardly any but headers and locks.
    unknown = set(lines).difference(_known)
    new = {line: frame for line in unknown if line.startswith(INSIDE) and (frame := _frame_on(line))}
    if new:
        _known.update(new)
        found = list(map(_known.get, lines))
    found.append(None)
    return found


class OpenThread:
    """The thread whose lines are being read."""

    def __init__(self, section: Section, first: int, last: int, header: Header) -> None:
        self.section, self.first, self.last, self.header = section, first, last, header
        self.virtual: int | None = None
        self.state: JavaState | None = None
        self.frames: list[Frame] = []
        self.frame_lines: list[int] = []
        self.locks: list[Lock] = []
        self.carrying: int | None = None
        self.lists_synchronizers = False

    def take(self, frames: Sequence[Frame], line: int) -> None:
        """Add frames that stand on neighbouring lines, from ``line`` on."""
        self.frames.extend(frames)
        self.frame_lines.extend(range(line, line + len(frames)))
        self.last = line + len(frames) - 1

    def add(self, fact: object, line: int) -> None:
        """Add what a line says (see ``line_fact``), found at ``line``."""
        self.last = line
        if fact.__class__ is tuple:
            known, address, cls, holder = cast("tuple[LockVerb | None, str | None, str | None, str | None]", fact)
            verb = waiting_verb(self.state, cls) if known is None else known
            depth = -1 if verb is LockVerb.OWNS else len(self.frames) - 1
            self.locks.append(Lock(verb, address, cls, depth, line, None, holder))
        elif isinstance(fact, JavaState):
            self.state = fact
        elif isinstance(fact, int) and fact > 0:
            self.carrying = fact
        elif fact == _SYNCHRONIZERS.pattern:
            self.lists_synchronizers = True

    def mounted(self, java_id: int, line: int) -> OpenThread:
        """The virtual thread that this one carries, described from ``line`` on. It runs as the carrier's native thread."""
        thread = OpenThread(self.section, line, line, self.header)
        thread.virtual = java_id
        return thread

    def thread(self) -> Thread:
        """The finished record."""
        name, java_id, nid, daemon, cpu, elapsed, state = self.header
        where = Where(self.section.file, self.first, self.last)
        native_id = None if nid is None else NativeId(int(nid, 16) if nid.startswith("0x") else int(nid)) or None
        frames, frame_lines, locks = tuple(self.frames), tuple(self.frame_lines), tuple(self.locks)
        if frames and any(lock.depth < 0 and lock.verb is not LockVerb.OWNS for lock in locks):
            # Printed above the stack, it belongs to the frame on top.
            locks = tuple(lock if lock.depth >= 0 or lock.verb is LockVerb.OWNS else replace(lock, depth=0) for lock in locks)
        if self.virtual is not None:
            return Thread(
                where=where,
                name="",
                java_id=self.virtual,
                native_id=native_id,
                daemon=True,
                frames=frames,
                frame_lines=frame_lines,
                locks=locks,
                virtual=True,
                carrier=int(java_id) if java_id else None,
            )
        milliseconds = decimal(cpu)
        return Thread(
            where=where,
            name=_DEBUGGER_ID.sub("", name) if nid is None else name,
            java_id=int(java_id) if java_id else None,
            native_id=native_id,
            daemon=daemon,
            state=self.state,
            native_state=state,
            cpu=None if milliseconds is None else milliseconds / 1000,
            elapsed=decimal(elapsed),
            carrying=self.carrying,
            frames=frames,
            frame_lines=frame_lines,
            locks=locks,
            lists_synchronizers=self.lists_synchronizers,
        )


def _frame_on(line: str) -> Frame | None:
    match = _frame(line)
    if match is None:
        return None
    cls, _, method = match["call"].rpartition(".")
    source = match["source"]
    return Frame(cls, method, source.rpartition("/")[2] if "/" in source and "$$" not in source else source)


def bare_frame(line: str) -> Frame | None:
    """A frame that lost its ``at``; only a source that Java prints tells it from prose."""
    match = _BARE_FRAME(line) if line.rstrip().endswith(")") else None
    if match is None:
        return None
    cls, _, method = match["call"].rpartition(".")
    return Frame(cls, method, match["source"])


def line_fact(line: str) -> tuple[LockVerb | None, str | None, str | None, str | None] | JavaState | int | str | None:
    """What an indented line that is no frame says: a lock, a state, the number of a carried virtual thread, or a known detail; else None.

    A lock is its verb (None if the line does not tell), address, class, and the name of the thread that holds it, if the line has that.
    """
    text = line.lstrip()
    if not text.startswith("-"):
        return _held_elsewhere(line) if text.startswith(("on ", "waiting for ")) else _detail(line)
    if match := _lock(line):
        verb, address, _, plain, cls = match.groups()
        return LOCK_VERBS[verb], address, cls or plain, None
    if match := _synchronizer(line):
        return (LockVerb.OWNS, match["address"], match["cls"], None) if match["address"] else 0
    return None


def _held_elsewhere(line: str) -> tuple[LockVerb | None, str | None, str | None, str | None] | None:
    """What IntelliJ prints of a lock that another thread holds."""
    if match := _ON(line):
        return None, match["object"], match["cls"], match["holder"]
    if match := _RELEASE(line):
        return LockVerb.WAITING_TO_LOCK, match["address"], match["cls"], _DEBUGGER_ID.sub("", match["holder"])
    return None


@lru_cache(maxsize=256)
def _detail(line: str) -> JavaState | int | str | None:
    """The lines between header and frames, of which there are a dozen kinds."""
    if match := _state(line):
        return JAVA_STATES.get(match["state"], 0)
    if match := _CARRYING.match(line):
        return int(match[1])
    if _SYNCHRONIZERS.match(line):
        return _SYNCHRONIZERS.pattern
    return 0 if _DETAIL.match(line) else None

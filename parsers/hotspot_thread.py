r"""One thread of a HotSpot dump: the lines below its header, each read by itself, and the record they make together.

"main" #1 prio=5 os_prio=0 cpu=71.06ms elapsed=5.55s tid=0x00007fe7ac0178b0 nid=0x2a69 waiting on condition  [0x00007fe7b2dde000]
   java.lang.Thread.State: TIMED_WAITING (sleeping)
\tat java.lang.Thread.sleep(java.base@17.0.15/Native Method)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from parsers.grammar import FRAME, JAVA_STATES, LOCK_LINE, LOCK_VERBS, STATE_LINE, SYNCHRONIZER, decimal
from parsers.records import Frame, JavaState, Lock, LockVerb, NativeId, Thread

if TYPE_CHECKING:
    from parsers.source import Section

_frame = FRAME.re.match
_lock = LOCK_LINE.re.match
_synchronizer = SYNCHRONIZER.re.match
_state = STATE_LINE.re.match
_DETAIL = re.compile(r"\s+(?:No compile task|Compiling: |JavaThread state:|Locked ownable synchronizers:)")
_CARRYING = re.compile(r"\s+Carrying virtual thread #(\d{1,18})")
_SYNCHRONIZERS = re.compile(r"\s+Locked ownable synchronizers:")


class OpenThread:
    """The thread whose lines are being read."""

    def __init__(self, section: Section, first: int, last: int, header: re.Match[str]) -> None:
        self.section, self.first, self.last, self.header = section, first, last, header
        self.virtual: int | None = None
        self.state: JavaState | None = None
        self.frames: list[Frame] = []
        self.frame_lines: list[int] = []
        self.locks: list[Lock] = []
        self.carrying: int | None = None
        self.lists_synchronizers = False

    def add(self, fact: object, line: int) -> None:
        """Add what a line says (see ``line_fact``), found at ``line``."""
        self.last = line
        if isinstance(fact, Frame):
            self.frames.append(fact)
            self.frame_lines.append(line)
        elif isinstance(fact, tuple):
            verb, address, cls = fact
            depth = -1 if verb is LockVerb.OWNS else len(self.frames) - 1
            self.locks.append(Lock(verb, address, cls, depth, line))
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
        header = self.header
        nid = header["nid"]
        if nid == "NA":
            nid = None
        if nid is None and header["tidb"]:
            nid = header["tidb"]
        where = self.section.where(self.first - self.section.first, self.last - self.section.first)
        native_id = None if nid is None else NativeId(int(nid, 16) if nid.startswith("0x") else int(nid))
        frames, frame_lines, locks = tuple(self.frames), tuple(self.frame_lines), tuple(self.locks)
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
                carrier=int(header["jid"]) if header["jid"] else None,
            )
        cpu = decimal(header["cpu"])
        return Thread(
            where=where,
            name=header["name"],
            java_id=int(header["jid"]) if header["jid"] else None,
            native_id=native_id,
            daemon=header["daemon"] is not None,
            state=self.state,
            native_state=header["state"].strip() or None,
            cpu=None if cpu is None else cpu / 1000,
            elapsed=decimal(header["elapsed"]),
            carrying=self.carrying,
            frames=frames,
            frame_lines=frame_lines,
            locks=locks,
            lists_synchronizers=self.lists_synchronizers,
        )


def line_fact(line: str) -> Frame | tuple[LockVerb, str | None, str | None] | JavaState | int | str | None:
    """What an indented line says: a frame, a lock, a state, the number of a carried virtual thread, or a known detail; else None."""
    if match := _frame(line):
        cls, _, method = match["call"].rpartition(".")
        source = match["source"]
        return Frame(cls, method, source.rpartition("/")[2] if "/" in source and "$$" not in source else source)
    if match := _lock(line):
        verb = LOCK_VERBS[match["verb"]]
        return verb, match["address"], match["cls"] or match["plain"]
    if match := _synchronizer(line):
        return (LockVerb.OWNS, match["address"], match["cls"]) if match["address"] else 0
    if match := _state(line):
        return JAVA_STATES.get(match["state"], 0)
    if match := _CARRYING.match(line):
        return int(match[1])
    if _SYNCHRONIZERS.match(line):
        return _SYNCHRONIZERS.pattern
    return 0 if _DETAIL.match(line) else None

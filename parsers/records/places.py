"""What every record of the vocabulary is built from: places in an artifact, and the kernel's numbers."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NewType

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

Pid = NewType("Pid", int)
"""A process id as the kernel of the host (or of the container) numbers it."""
NativeId = NewType("NativeId", int)
"""A kernel thread id (TID): HotSpot's ``nid``, the PID column of ``top -H``."""
Inode = NewType("Inode", int)
"""A socket's inode: lsof's DEVICE, netstat -e's Inode, ss' ``ino:``. Zero: no process owns the socket."""

# A call of a NewType takes longer than the conversion itself, in every row.
to_pid: Callable[[str], Pid] = int  # type: ignore[assignment]
"""Digits → pid."""
to_inode: Callable[[str], Inode] = int  # type: ignore[assignment]
"""Digits → inode."""


class Unit(StrEnum):
    """What a place counts in."""

    LINE = "line"
    PACKET = "packet"


class Where(msgspec.Struct, frozen=True, gc=False, order=True):
    """A place in an artifact: lines (or packets) ``first`` to ``last``, both counted from 1 and both included."""

    file: str
    first: int
    last: int
    unit: Unit = Unit.LINE

    def __str__(self) -> str:
        """``file:first`` or ``file:first-last``, as compilers print it."""
        return f"{self.file}:{self.first}" if self.first == self.last else f"{self.file}:{self.first}-{self.last}"

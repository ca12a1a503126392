"""What a stack is made of, and which runtime it is of."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from parsers.records import Endpoint
    from parsers.records.places import Pid, Where


LOADER_LOCK: Final = "ntdll!LdrpLoaderLock"
"""The lock under which Windows loads and unloads libraries, and starts and ends threads."""
END_OF_THREAD: Final = "thread's end"
"""What a wait for a thread's handle waits for, as a lock: the thread itself has it until it ends."""


class Runtime(StrEnum):
    """What runs the threads of a dump. Frames, states and limits of one runtime mean nothing in another one."""

    JVM = "jvm"
    GO = "go"
    PYTHON = "python"
    NATIVE = "native"
    NODE = "node"
    RUBY = "ruby"
    PHP = "php"
    DOTNET = "dotnet"
    ERLANG = "erlang"


class Frame(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """A stack frame: ``cls`` with package, ``method``, ``source`` as printed (``File.java:12``, ``Native Method``, ``Unknown Source``).

    ``cls`` of other runtimes is the module, type or library that the function belongs to; empty for a function of C, which belongs to nothing.
    """

    cls: str
    method: str
    source: str | None = None

    @property
    def line(self) -> int | None:
        """The line in the source, None where the stack does not name it."""
        number = (self.source or "").rpartition(":")[2]
        return int(number) if number.isascii() and number.isdigit() else None

    @property
    def call(self) -> str:
        """``Class.method`` without package, as engineers say it."""
        return f"{self.cls.rpartition('.')[2]}.{self.method}" if self.cls else self.method

    @property
    def full(self) -> str:
        """``pkg.Class.method``."""
        return f"{self.cls}.{self.method}" if self.cls else self.method

    def __str__(self) -> str:
        """``pkg.Class.method(File.java:12)``."""
        return f"{self.full}({self.source})" if self.source else self.full


class LoopHandle(msgspec.Struct, frozen=True, kw_only=True):
    """A TCP handle of an event loop, as the loop's own report lists it. ``reading`` False: nobody reads what comes. ``remote`` None: it listens."""

    where: Where
    pid: Pid
    descriptor: int | None
    local: Endpoint
    remote: Endpoint | None
    reading: bool


class LockQueue(msgspec.Struct, frozen=True, gc=False):
    """A monitor of which a table counts the waiters and names the owner by its native id."""

    where: Where
    address: str
    cls: str
    waiters: int
    owner: int

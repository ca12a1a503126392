r"""Stacks of .NET threads: ``dotnet-stack report``, and ``clrstack -all``, ``syncblk`` of ``dotnet-dump analyze`` and WinDbg.

    Thread (0x25968):
      [Native Frames]
      System.Private.CoreLib.il!System.Threading.ManualResetEventSlim.Wait(int32,value class System.Threading.CancellationToken)
      Shop.dll!Shop.Catalog.Price(class System.String)

    OS Thread Id: 0x1dc88 (20)
            Child SP               IP Call Site
    00007F8B5BFFE4A0 00007F8C3A4F0A8B [HelperMethodFrame_1OBJ: 00007f8b5bffe4a0] System.Threading.Monitor.ReliableEnter(System.Object, Boolean ByRef)
    00007F8B5BFFE5F0 00007F8BD0B6B3A7 Shop.Catalog.Cached(System.String) [/src/Catalog.cs @ 51]

    Index         SyncBlock MonitorHeld Recursion Owning Thread Info          SyncBlock Owner
       12 00007F8B4C00A0B8            9         1 00007F8B6000A2B0 1dc88  20   00007f8b4d0113c8 System.Object

Written after Microsoft's documentation and the tools' sources, not captured here. The number of a thread is the operating system's. Async methods are
shown as their state machines (``Program+<Price>d__2.MoveNext``): a frame has the method's own name. What an ``await`` waits for no stack shows.
``syncblk`` names the owner of a monitor; MonitorHeld is one for the owner and two for each waiter.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import Frame, Lock, LockQueue, LockVerb, NativeId, Parsed, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "dotnet_stacks"
SHOWS: Final = frozenset({Shows.THREADS})

_THREAD: Final = r"Thread \(0x[0-9A-Fa-f]{1,16}\):[ ]*$"
HEADER: Final = r"Loading core dump: \S"
ROW_SHAPE: Final = rf"{_THREAD}|OS Thread Id: 0x[0-9A-Fa-f]{{1,16}}|Index[ ]+SyncBlock[ ]+MonitorHeld|>[ ]?(?:clrstack|syncblk)\b"

_reported = lazy(r"Thread \(0x(?P<id>[0-9A-Fa-f]{1,16})\):\s*$").match
_walked = lazy(r"OS Thread Id: 0x(?P<id>[0-9A-Fa-f]{1,16})(?: \(\w{1,10}\))?\s*$").match
_call = r"(?P<name>[\w.+<>`$@|-]++(?:\[\[?[^\]]*\]?\])?[\w.+<>`$@|-]*+)(?:\((?P<args>[^\n]*?)\))?"
_plain_frame = lazy(rf"\s+(?:(?P<asm>[\w.-]{{1,200}})!)?{_call}\s*$").match
_frame = lazy(
    rf"\s*[0-9A-Fa-f]{{8,16}} [0-9A-Fa-f]{{8,16}} (?:\[(?P<helper>\w+): [0-9A-Fa-f]{{8,16}}\]\s?)?(?:(?P<asm>[\w.-]{{1,200}})!)?"
    rf"(?:{_call})?(?: \[(?P<file>[^\]@]+?) @ (?P<line>\d{{1,9}})\])?\s*$"
).match
_remark = lazy(
    r"\s*(?:\[Native Frames\]|CPU_TIME|Child SP\s+IP Call Site|-{5,}|Total\s+\d+|CCW\s+\d+|RCW\s+\d+|ComClassFactory\s+\d+|Free\s+\d+"
    r"|Unable to walk the managed stack.*|Failed to start stack walk.*|> ?(?:clrstack|syncblk|clrthreads|threads).*|Loading core dump: .*|Ready to process .*|Type .quit. .*)\s*$"
).match
_block_head = lazy(r"Index\s+SyncBlock\s+MonitorHeld").match
_block = lazy(
    r"\s*\d{1,9}\s+(?P<block>[0-9A-Fa-f]{8,16})\s+(?P<held>\d{1,9})\s+\d{1,9}\s+[0-9A-Fa-f]{8,16}\s+(?P<owner>[0-9A-Fa-f]{1,8})\s+\S{1,5}"
    r"\s+(?P<object>[0-9A-Fa-f]{8,16})\s+(?P<cls>\S{1,500})\s*$"
).match
_MACHINE: Final = lazy(r"\+<(?P<method>[\w$|]+)>[bdg]?_{1,2}[\w|]*(?:`\d+)?$")
_GENERIC: Final = lazy(r"`\d+(?:\[[^\n]*\])?|\[\[[^\n]{0,1000}\]\]|\[\w[^\]\n]{0,1000}\]")
_WORKERS: Final = (
    "PortableThreadPool+WorkerThread.WorkerThreadStart",
    "ThreadPoolWorkQueue.Dispatch",
    "_ThreadPoolWaitCallback.PerformWaitCallback",
)
_ENTERS: Final = ("Monitor.Enter", "Monitor.ReliableEnter", "Monitor.TryEnter", "Monitor.Enter_Slowpath")
_NEAR: Final = 4
"""Frames of the runtime's own above the one that enters a monitor."""
WORKER: Final = ".NET thread pool"
"""The group of threads of the runtime's own pool: their names are not printed, their lowest frames are."""


def sniff(head: Sequence[str]) -> bool:
    """True if a header of a thread, or of the table of monitors, is among the lines, and below one of the first a frame of these tools."""
    if any(_walked(line) or _block_head(line) for line in head):
        return True
    below = [line for before, line in pairwise(head) if _reported(before)]
    return any(_remark(line) or (line[:1] == " " and _plain_frame(line)) for line in below)


def parse(section: Section) -> Parsed:
    """Read all threads of a section as one dump; owners that ``syncblk`` names hold their monitors."""
    threads: list[Thread] = []
    unread: list[tuple[int, str]] = []
    owned: list[tuple[int, Lock]] = []
    wanted: list[Lock] = []
    queues: list[LockQueue] = []
    stack: Stack | None = None
    number = read = last = 0
    walked = in_blocks = False

    def close() -> None:
        if stack is not None:
            threads.append(_thread(stack, number))

    for index, line in section.rows():
        if match := _walked(line) or _reported(line):
            close()
            stack, number, walked, in_blocks = Stack(section, index), int(match["id"], 16), line.startswith("OS"), False
        elif _block_head(line):
            close()
            stack, in_blocks = None, True
        elif in_blocks and (match := _block(line)):
            lock = Lock(LockVerb.LOCKED, match["object"].lower(), match["cls"], -1, section.first + index)
            owned.append((int(match["owner"], 16), lock))
            wanted += [lock] * (int(match["held"]) > 1)  # one for the owner, two for each that waits
            waiters = int(match["held"]) // 2
            queues.append(LockQueue(section.where(index), match["object"].lower(), match["cls"], waiters, int(match["owner"], 16)))
        elif _remark(line):
            pass
        elif stack is not None and (match := (_frame if walked else _plain_frame)(line)) and (match["name"] or walked):
            if match["name"]:
                stack.frame(_as_frame(match["name"], match["file"] if walked else None, match["line"] if walked else None), index)
        else:
            unread.append((index, "no line of .NET stacks"))
            continue
        read += 1
        last = index
    close()
    gaps, elisions = leftovers(section, unread)
    dump = _dump(section, _with_owners([_waiting(one, wanted) for one in threads], owned), last, queues)
    return Parsed((*dump, *elisions), read + len(elisions), gaps)


def _thread(stack: Stack, number: int) -> Thread:
    in_pool = any(frame.full.endswith(_WORKERS) for frame in stack.frames)
    return stack.thread(name=f"thread {number:#x}", native_id=NativeId(number), group=WORKER if in_pool else None)


def _with_owners(threads: Sequence[Thread], owned: Sequence[tuple[int, Lock]]) -> list[Thread]:
    locks: dict[int, list[Lock]] = {}
    for owner, lock in owned:
        locks.setdefault(owner, []).append(lock)
    return [replace(one, locks=(*one.locks, *locks.get(one.native_id or 0, ()))) for one in threads]


def _waiting(thread: Thread, wanted: Sequence[Lock]) -> Thread:
    """A thread that enters a monitor, with the only one that it can be: the one that others wait for, or of these the one of the class that enters."""
    entering = [at for at, frame in enumerate(thread.frames[:_NEAR]) if frame.full.endswith(_ENTERS)]
    if not entering:
        return thread
    below = thread.frames[entering[-1] + 1].cls if entering[-1] + 1 < len(thread.frames) else ""
    mine = list(wanted) if len(wanted) == 1 else [lock for lock in wanted if lock.cls == below]
    return (
        replace(
            thread, locks=(*thread.locks, replace(mine[0], verb=LockVerb.WAITING_TO_LOCK, depth=0, line=thread.frame_lines[entering[0]]))
        )
        if len(mine) == 1
        else thread
    )


def _dump(section: Section, threads: Sequence[Thread], last: int, queues: Sequence[LockQueue]) -> tuple[ThreadDump, ...]:
    if not threads:
        return ()
    where = section.where(threads[0].where.first - section.first, last)
    return (
        ThreadDump(
            where=where,
            dialect=NAME,
            threads=tuple(threads),
            complete=None,
            runtime=Runtime.DOTNET,
            queues=tuple(one for one in queues if one.waiters),
        ),
    )


@lru_cache(maxsize=65536)
def _as_frame(name: str, file: str | None, line: str | None) -> Frame:
    """``Shop.Catalog+<Price>d__2.MoveNext`` is ``Shop.Catalog.Price``; type arguments are left out."""
    cls, _, method = _GENERIC.sub("", name).rpartition(".")
    if match := _MACHINE.search(cls):
        cls, method = cls[: match.start()], match["method"]
    elif method.startswith("<") and ">" in method:
        method = method[1:].partition(">")[0]
    cls = cls.removesuffix("+<>c").rstrip(".")
    short = file.replace("\\", "/").rpartition("/")[2] if file else None
    return Frame(cls, method, f"{short}:{line}" if short else None)

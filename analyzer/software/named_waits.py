"""Waits that the names of methods tell, where no table lists them: for something that a pool lends, for a free worker, and for the next message.

A pool's frames stand between the wait and the call that takes, whatever their package:

    java.lang.Object.wait
    net.mill.dbpool.Slots.await
    net.mill.dbpool.MillDataSource.getConnection      this call takes a connection
    net.mill.orders.OrderStore.load                   the application

A pool that makes a connection is no pool that waits for one: between the wait and the call stands who connects. Consumers wait for the next message by
their own wish, as most of them do most of the time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from analyzer.model.message import say
from analyzer.software.knowledge import JDBC, OBJECT, Lender
from parsers.records import Runtime

if TYPE_CHECKING:
    from analyzer.software.knowledge import Knowledge
    from parsers.records import Frame, Thread

_RUNTIME: Final = ("java.", "jdk.", "sun.")
_DEEPEST: Final = 12
"""Frames between the wait and the call that takes: pools are no deep programs."""
_SOURCES: Final = frozenset({"getConnection", "getPooledConnection", "getXAConnection"})
_TAKES: Final = _SOURCES | {
    "borrowObject",
    "borrowConnection",
    "acquireConnection",
    "takeConnection",
    "checkoutConnection",
    "checkOutConnection",
    "allocateConnection",
    "reserveConnection",
    "waitForConnection",
}
_MAKES: Final = ("connect", "create", "make", "open", "newConnection", "login", "initialize", "init", "authenticate", "<init>")
"""What the methods' names begin with that make something new to lend."""
_OTHERS: Final = ("Thread", "Executor", "ForkJoin", "Worker")
"""Words in the names of pools that lend nothing."""


def taking_frame(frames: tuple[Frame, ...]) -> int | None:
    """The index of the lowest of the frames with which a thread takes something of a pool; None for a stack that does not wait so."""
    first = next((at for at, frame in enumerate(frames[:_DEEPEST]) if not frame.cls.startswith(_RUNTIME)), None)
    if not first:  # a wait of the runtime's own stands above
        return None
    found: int | None = None
    for at in range(first, min(first + _DEEPEST, len(frames))):
        frame = frames[at]
        if _takes(frame):
            found = at
        elif found is not None:
            return found
        elif frame.method.startswith(_MAKES):
            return None
    return found


@lru_cache(maxsize=1024)
def unlisted_lender(frames: tuple[Frame, ...]) -> Lender | None:
    """The pool that a thread waits for, as its own class is called."""
    at = taking_frame(frames)
    if at is None:
        return None
    return Lender(
        software=_plain(frames[at]),
        lends=JDBC if "DataSource" in _plain(frames[at]) else OBJECT,
        frames=(frames[at].full,),
        limit=say("the largest number that the pool may have"),
        patience=say("the pool's limit for a wait"),
        watch=say("the pool's own watch for what is not given back"),
    )


def _takes(frame: Frame) -> bool:
    plain = _plain(frame)
    if "DataSource" in plain:
        return frame.method in _SOURCES
    return "Pool" in plain and frame.method in _TAKES and not any(word in plain for word in _OTHERS)


def _plain(frame: Frame) -> str:
    """The name of the class, without its package and what is nested in it."""
    return frame.cls.rpartition(".")[2].partition("$")[0]


_RECEIVES: Final = frozenset(
    {
        "receive",
        "receiveMessage",
        "receiveMessages",
        "receiveImmediate",
        "poll",
        "pollMessage",
        "nextMessage",
        "nextDelivery",
        "dequeue",
        "blpop",
        "brpop",
        "pull",
        "fetchMessage",
        "awaitMessage",
    }
)
_POPS: Final = frozenset({"blpop", "brpop", "brpoplpush", "blmove", "bzpopmin", "bzpopmax", "xreadgroup"})
"""Commands of Redis that wait for the next entry, as clients of every language call them."""
_RUNS: Final = frozenset({"perform", "process_one", "perform_job", "execute_job", "trace_task", "__protected_call__", "process_message"})
"""Methods in which libraries of workers run somebody's job."""
_RECEIVERS: Final = ("Consumer", "Subscri", "Receiver")
_ASKS: Final = frozenset(
    {"request", "sendAndReceive", "convertSendAndReceive", "requestReply", "doSendAndReceive", "sendAndReceiveMessage", "exchange"}
)
"""Methods of those who send a message and wait for its answer: that is a call."""


_TOP: Final = 6
_WORKERS: Final = re.compile(
    r"(?:block|wait|await)(?:For|Until)(?:Available|Free|Idle|An?Available|AFree|Next)?(?:Thread|Worker)s?(?:Available|Free|Idle)?|findControlRunnable|getWorkerThread"
)
"""Methods that wait for a free worker, as their names say."""
_WAITING: Final = ("java.lang.Object.wait", "java.util.concurrent.locks.", "sun.misc.Unsafe.park", "jdk.internal.misc.Unsafe.park")


def worker_frame(frames: tuple[Frame, ...]) -> Frame | None:
    """The frame in which a thread waits for a free worker of a pool; None for a thread that does anything else."""
    if not frames or not frames[0].full.startswith(_WAITING):
        return None
    return next((frame for frame in frames[:_TOP] if _WORKERS.fullmatch(frame.method)), None)


@lru_cache(maxsize=8192)
def push_frame(frames: tuple[Frame, ...], known: Knowledge) -> Frame | None:
    """The call that waits for the next message: a listed one, or a library's consumer that receives, and no request that waits for its answer."""
    if known.runtime is not Runtime.JVM:
        return _taking_of_library(frames, known)
    listed = next((frame for frame in frames if frame.full in known.push_frames), None) if known.push_frames else None
    if listed is not None:
        return listed
    for frame in frames:
        if known.is_application(frame.cls):
            return None
        if frame.method in _RECEIVES and any(word in frame.cls.rpartition(".")[2] for word in _RECEIVERS):
            calls = any(other.method in _ASKS or known.serves(other.full) is not None for other in frames)
            return None if calls else frame
    return None


def _taking_of_library(frames: tuple[Frame, ...], known: Knowledge) -> Frame | None:
    """The listed call, or one that pops from a list of Redis and waits for it: of a consumer that is connected, and works on no job meanwhile."""
    for at, frame in enumerate(frames):
        if frame.full in known.push_frames or frame.method.rpartition(".")[2] in _POPS:
            return None if _in_a_job(frames[at + 1 :], known) else frame
        if known.is_application(frame.cls) or "connect" in frame.method.split("_"):
            return None
    return None


def _in_a_job(below: tuple[Frame, ...], known: Knowledge) -> bool:
    """True if code of the application waits so as part of a job that a library of workers runs."""
    app = next((at for at, frame in enumerate(below) if known.is_application(frame.cls)), len(below))
    return any(frame.method.rpartition(".")[2] in _RUNS for frame in below[app:])


def takes_messages(frame: Frame) -> bool:
    """True for the loop of a consumer, as its class says."""
    return any(word in frame.cls.rpartition(".")[2] for word in (*_RECEIVERS, "PubSub"))


def asks(thread: Thread) -> bool:
    """True if the thread sent a message and waits for its answer."""
    return any(frame.method in _ASKS for frame in thread.frames)


def listens(thread: Thread, known: Knowledge) -> bool:
    """True for a thread of its own that does nothing but wait for the next message: it serves no request, and asked nobody for an answer."""
    return not asks(thread) and not any(known.serves(frame.full) is not None for frame in thread.frames)

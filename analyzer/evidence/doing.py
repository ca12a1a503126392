"""What a thread does, as a sentence has it: whose answer it waits for, which other thread's result, which client's bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import kind_in_words
from analyzer.evidence.goroutine_states import at_channel, is_stuck
from analyzer.model.message import Message, say, say_of
from analyzer.software.blockers import FUTURES, application_frame, blocking_frame
from analyzer.software.kinds import ActivityKind, SocketSide
from analyzer.software.named_waits import asks, listens, push_frame, takes_messages, worker_frame
from parsers.records import PINNED, SILENT, TASK, JavaState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.software.knowledge import Knowledge
    from analyzer.software.pools import ThreadActivity
    from parsers.records import Frame, Thread

_TASKS: Final = frozenset(
    {
        "java.util.concurrent.FutureTask.run",
        "java.util.concurrent.CompletableFuture$AsyncSupply.run",
        "java.util.concurrent.CompletableFuture$AsyncRun.run",
    }
)
_RUNTIME: Final = ("java.", "javax.", "jdk.", "sun.", "com.sun.", "jrockit.")
_READS: Final = "net/http.(*persistConn).readLoop"
_WRITES: Final = "net/http.(*persistConn).writeLoop"
_REPORTED: Final = "reported to be at it for "


_WORDS: Final = {
    ActivityKind.CALL: say_of(1, "waits for an answer{through} in {frame}", "wait for an answer{through} in {frame}"),
    ActivityKind.SOCKET_READ: say_of(1, "waits for bytes of a socket in {frame}", "wait for bytes of a socket in {frame}"),
    ActivityKind.REQUEST_READ: say_of(1, "waits for what a client sends in {frame}", "wait for what a client sends in {frame}"),
    ActivityKind.SOCKET_WRITE: say_of(1, "is writing to a socket in {frame}", "are writing to a socket in {frame}"),
    ActivityKind.SOCKET_CONNECT: say_of(
        1, "waits for a connection to be made{through} in {frame}", "wait for a connection to be made{through} in {frame}"
    ),
    ActivityKind.DNS: say_of(1, "waits for a host's name to be looked up in {frame}", "wait for a host's name to be looked up in {frame}"),
    ActivityKind.HANDSHAKE: say_of(
        1, "waits for the other side of a TLS handshake in {frame}", "wait for the other side of a TLS handshake in {frame}"
    ),
    ActivityKind.FUTURE: say_of(
        1, "waits{unlimited} for another thread's result in {frame}", "wait{unlimited} for another thread's result in {frame}"
    ),
    ActivityKind.COMPLETABLE_FUTURE: say_of(
        1, "waits{unlimited} for another thread's result in {frame}", "wait{unlimited} for another thread's result in {frame}"
    ),
    ActivityKind.LATCH: say_of(1, "waits{unlimited} for a latch in {frame}", "wait{unlimited} for a latch in {frame}"),
    ActivityKind.BARRIER: say_of(1, "waits{unlimited} for others to come in {frame}", "wait{unlimited} for others to come in {frame}"),
    ActivityKind.JOIN: say_of(1, "waits{unlimited} for a thread to end in {frame}", "wait{unlimited} for a thread to end in {frame}"),
    ActivityKind.PROCESS: say_of(1, "waits for a child process in {frame}", "wait for a child process in {frame}"),
    ActivityKind.FILE_IO: say_of(1, "is reading or writing a file in {frame}", "are reading or writing a file in {frame}"),
    ActivityKind.FILE_LOCK: say_of(1, "waits for a lock on a file in {frame}", "wait for a lock on a file in {frame}"),
    ActivityKind.DATAGRAM: say_of(1, "waits for a datagram in {frame}", "wait for a datagram in {frame}"),
    ActivityKind.SLEEP: say_of(1, "is sleeping in {frame}", "are sleeping in {frame}"),
    ActivityKind.LOCK: say_of(1, "waits{unlimited} for a lock in {frame}", "wait{unlimited} for a lock in {frame}"),
    ActivityKind.SEMAPHORE: say_of(1, "waits{unlimited} for a permit in {frame}", "wait{unlimited} for a permit in {frame}"),
    ActivityKind.OBJECT_WAIT: say_of(1, "waits{unlimited} to be notified in {frame}", "wait{unlimited} to be notified in {frame}"),
    ActivityKind.CONDITION: say_of(1, "waits{unlimited} to be notified in {frame}", "wait{unlimited} to be notified in {frame}"),
    ActivityKind.QUEUE: say_of(1, "waits{unlimited} at a queue in {frame}", "wait{unlimited} at a queue in {frame}"),
    ActivityKind.CONNECTION_LATCH: say_of(
        1,
        "waits for a connection to end, as the limit of connections is reached, in {frame}",
        "wait for a connection to end, as the limit of connections is reached, in {frame}",
    ),
}
"""What a thread does, without a word about a limit where none can be seen: a socket's own is set elsewhere."""

_PYTHON: Final = ".py"
_OPTIONAL: Final = ("threading", "queue", "multiprocessing", "concurrent", "subprocess", "billiard")
"""Modules of Python whose waits are the same function with a time limit and without one."""
_FUTEX: Final = say_of(
    1,
    "waits in {frame}: for a lock, a signal or a permit, which the frames below would tell",
    "wait in {frame}: for a lock, a signal or a permit, which the frames below would tell",
)

_MEANWHILE: Final = {
    ActivityKind.SOCKET_READ: say("waits for an answer on a socket"),
    ActivityKind.SOCKET_CONNECT: say("waits for a connection to be made"),
    ActivityKind.SOCKET_WRITE: say("waits for a peer that does not read"),
    ActivityKind.CALL: say("waits for the answer of a remote call"),
    ActivityKind.SLEEP: say("sleeps"),
    ActivityKind.FILE_IO: say("waits for a file"),
    ActivityKind.FILE_LOCK: say("waits for a lock on a file"),
    ActivityKind.DATAGRAM: say("waits for a datagram"),
    ActivityKind.DNS: say("waits for a name server"),
    ActivityKind.LEASE: say("waits for a connection from a pool"),
    ActivityKind.FUTURE: say("waits for a result"),
    ActivityKind.COMPLETABLE_FUTURE: say("waits for a result"),
    ActivityKind.LATCH: say("waits for a latch"),
    ActivityKind.BARRIER: say("waits for other threads"),
    ActivityKind.RUNNING: say("is running"),
    ActivityKind.LOCK: say("waits for a lock itself"),
    ActivityKind.MONITOR: say("waits for a lock itself"),
}
"""What the owner of a lock does while others wait for it."""


def meanwhile(member: ThreadActivity) -> Message:
    """``waits for a file``: what one thread does, told of one that others wait for."""
    return _MEANWHILE.get(member.activity.kind, say("is in {kind_in_words}", kind_in_words=kind_in_words((member,))))


def doing(member: ThreadActivity, frame: Frame, *, several: bool) -> Message | None:
    """``waits for an answer through Oracle driver in Packet.receive``; None for what only the frame tells."""
    found = member.activity
    called = found.kind is ActivityKind.SOCKET_READ and found.side is SocketSide.CLIENT
    words = _WORDS.get(ActivityKind.CALL if called else found.kind)
    if words is None and frame.cls == "libc" and frame.method.startswith("futex_") and len(member.thread.frames) == 1:
        words = _FUTEX
    if words is None:
        return _at_channel(member, frame, several=several)
    limited = found.timed or member.thread.state is JavaState.TIMED_WAITING
    outward = found.library is not None and found.side is not SocketSide.SERVER
    if member.thread.virtual and found.kind is ActivityKind.COMPLETABLE_FUTURE and member.thread.native_state == TASK:
        words = say_of(1, "waits{unlimited} for other tasks in {frame}", "wait{unlimited} for other tasks in {frame}")
    slots = {
        "unlimited": ""
        if limited or (_PYTHON in (frame.source or "") and frame.cls.startswith(_OPTIONAL))
        else say(", without a timeout,"),
        "through": say(" through {library}", library=found.library) if outward else "",
        "frame": frame.call,
    }
    return words.numbered(2 if several else 1, slots)


def _at_channel(member: ThreadActivity, frame: Frame, *, several: bool) -> Message | None:
    """What a goroutine does at a channel, where, and what that means after a long time."""
    waits = at_channel(member.thread, several=several) if member.activity.kind is ActivityKind.CHANNEL else None
    if waits is None:
        return None
    if is_stuck(member.thread):
        return say("{waits} in {frame}: whoever should take it has gone, or hangs itself", waits=waits, frame=frame.call)
    return say("{waits} in {frame}", waits=waits, frame=frame.call)


def kept(member: ThreadActivity, *, several: bool) -> Message | None:
    """What the two goroutines of each connection of Go's HTTP client do, as far as their state tells; None for any other thread."""
    thread = member.thread
    if thread.group not in {_READS, _WRITES}:
        return None
    if thread.group == _READS and thread.native_state == "select":
        return say_of(
            2 if several else 1,
            "waits until somebody reads the body of an answer to its end, or closes it, in Go's HTTP client",
            "wait until somebody reads the body of an answer to its end, or closes it, in Go's HTTP client",
        )
    return say_of(
        2 if several else 1,
        "keeps a connection of Go's HTTP client open, for the next request or until an answer begins",
        "keep connections of Go's HTTP client open, for the next request or until an answer begins",
    )


def named_wait(number: int, thread: Thread, known: Knowledge) -> tuple[Message, Frame] | None:
    """What a thread waits for by the name of a library's method, and the frame: the next message, or a free worker."""
    if (pushed := push_frame(thread.frames, known)) is not None:
        return next_message(number, pushed, thread, known), pushed
    if (frame := worker_frame(thread.frames)) is None:
        return None
    return say_of(
        number,
        "waits for a free worker in {frame}, and starts nothing meanwhile: what all the workers do, the rest of the dump would show",
        "wait for a free worker in {frame}, and start nothing meanwhile: what all the workers do, the rest of the dump would show",
        frame=frame.call,
    ), frame


def next_message(number: int, frame: Frame, thread: Thread, known: Knowledge) -> Message:
    """``is idle: it waits for the next message``, or for the answer to one that it sent; a thread that serves a request meanwhile is not idle."""
    if asks(thread):
        return say_of(
            number,
            "waits for the answer to a message that it sent, in {frame}",
            "wait for the answers to messages that they sent, in {frame}",
            frame=frame.call,
        )
    if not listens(thread, known):
        return say_of(number, "waits for a push by its own wish in {frame}", "wait for a push by its own wish in {frame}", frame=frame.call)
    return _next_message(number, frame)


def _next_message(number: int, frame: Frame) -> Message:
    return say_of(
        number,
        "is idle: it waits for the next message in {frame}, which is normal while none comes",
        "are idle: they wait for the next message in {frame}, which is normal while none comes",
        frame=frame.call,
    )


def idle(group: Sequence[ThreadActivity]) -> Message:
    """``is idle: waits for work in ThreadPoolExecutor.getTask``."""
    member = group[0]
    at = blocking_frame(member.thread, member.activity)
    if at is not None and takes_messages(at):
        return _next_message(len(group), at)
    where = say(" in {frame}", frame=at.call) if at is not None else ""
    return say_of(len(group), "is idle: it waits for work{where}", "are idle: they wait for work{where}", where=where)


def caller(member: ThreadActivity) -> Frame | None:
    """The application's frame that called; without one, the first that is not the runtime's own."""
    app = application_frame(member.thread, member.activity)
    if app is not None:
        return app
    below = member.thread.frames[max(member.activity.frame, 0) :]
    if not below or "." not in below[0].cls:
        return None
    others = [frame for frame in below if not frame.cls.startswith(_RUNTIME)]
    if not others or member.activity.library is None:
        return others[0] if others else None
    # The driver's own frames are no callers of it: of those, the outermost is what was called.
    family = ".".join((*others[0].cls.split(".")[:2], ""))
    end = next((at for at, frame in enumerate(others) if not frame.cls.startswith(family)), len(others))
    return others[end] if end < len(others) else others[-1]


def reported_for(members: Sequence[ThreadActivity]) -> tuple[int, int] | None:
    """The least and the most seconds that a server's own warnings say these threads are at it; None if no warning speaks of one of them."""
    remarks = [
        (member.thread.native_state or "").removeprefix(_REPORTED).partition(", one of ")[0].removesuffix(" s") for member in members
    ]
    told = [int(lasts) for lasts, member in zip(remarks, members, strict=True) if _is_reported(member) and lasts.isdigit()]
    return (min(told), max(told)) if told and len(told) == len(remarks) else None


def _is_reported(member: ThreadActivity) -> bool:
    return (member.thread.native_state or "").startswith(_REPORTED)


def reported_in_words(members: Sequence[ThreadActivity]) -> str:
    """`` Its server's own warnings say that they are at it for 615 s or longer.``; empty where none does."""
    lasts = reported_for(members)
    return (
        say(" The server's own warnings say that each is at it for {seconds:,} s or longer.", seconds=lasts[0]) if lasts is not None else ""
    )


def reported(member: ThreadActivity) -> Message | str:
    """How long a server's own warning says that the thread is at it."""
    remark = member.thread.native_state or ""
    if remark == SILENT:
        return say(", when its server ended it because it was silent for longer than its timeout")
    if remark == PINNED:
        return say(", and keeps its carrier thread meanwhile, as the runtime's own report says")
    if not remark.startswith(_REPORTED):
        return ""
    lasts, _, others = remark.removeprefix(_REPORTED).partition(", one of ")
    seconds, count = lasts.removesuffix(" s"), others.partition(" ")[0]
    if not seconds.isdigit():
        return ""
    if not count:
        return say(", for {seconds} s as the server's own warning says", seconds=f"{int(seconds):,}")
    return say(
        ", for {seconds} s as the server's own warning says, which counts {count} that hang", seconds=f"{int(seconds):,}", count=count
    )


def instead_of_accepting(acceptor: ThreadActivity, frame: Frame | None) -> str:
    """What an acceptor does while connections wait for it."""
    doing = (
        say("is in {call}", call=acceptor.thread.frames[acceptor.activity.frame].call)
        if acceptor.activity.frame >= 0
        else say("does something else")
    )
    return say(
        "the acceptor “{name}” {doing}{called_from}, instead of accepting",
        name=acceptor.thread.label,
        doing=doing,
        called_from=say(", called from {frame}", frame=frame) if frame else "",
    )


def of_a_task(group: Sequence[ThreadActivity]) -> str:
    """That threads which wait for results without a limit are tasks of a pool themselves: these results may be queued behind them."""
    waits = all(one.activity.kind in FUTURES and not one.activity.timed for one in group)
    if not waits or not all(any(frame.full in _TASKS for frame in one.thread.frames[one.activity.frame + 1 :]) for one in group):
        return ""
    several = len(group) > 1
    return (
        say(
            "; they are tasks of a pool themselves: if what they wait for is queued in the same pool and none of its threads is free, it never comes"
        )
        if several
        else say(
            "; it is a task of a pool itself: if what it waits for is queued in the same pool and none of its threads is free, it never comes"
        )
    )


def of_a_reader(group: Sequence[ThreadActivity]) -> str:
    """That a thread of its own that reads what comes next looks so while all is well: many wonder at its state RUNNABLE."""
    member = group[0]
    if len(group) > 1 or member.activity.kind is not ActivityKind.SOCKET_READ or member.activity.library or member.activity.serving:
        return ""
    app = application_frame(member.thread, member.activity)
    if app is None or app.method != "run" or member.thread.state is not JavaState.RUNNABLE:
        return ""
    return say(
        "; a thread of its own that waits for what its peer sends next looks so while all is well, and uses no processor, though the JVM calls it RUNNABLE"
    )

"""Stack → what the thread waits for.

The topmost frames say how a thread waits, the first application frame below says who is to blame. Read from the top down to that
frame, the last known frame counts: ``HikariPool.getConnection`` says more than the ``SynchronousQueue.poll`` above it. What a thread
does below its first application frame is its history, not its state.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.software.kinds import ActivityKind, SocketSide
from analyzer.software.named_waits import push_frame, taking_frame
from parsers.records import Frame, JavaState, Lock, LockVerb, Runtime, Thread

if TYPE_CHECKING:
    from analyzer.software.knowledge import Blocker, Knowledge, Library

IDLE: Final = frozenset({ActivityKind.IDLE, ActivityKind.RESERVED, ActivityKind.ACCEPT, ActivityKind.SELECT, ActivityKind.NONE})
"""Kinds of threads that wait for work by design (native frames report RUNNABLE while they wait)."""
SOCKET: Final = frozenset({ActivityKind.SOCKET_READ, ActivityKind.SOCKET_WRITE, ActivityKind.SOCKET_CONNECT})
"""Kinds that hold a descriptor while they wait."""
FUTURES: Final = frozenset({ActivityKind.FUTURE, ActivityKind.COMPLETABLE_FUTURE, ActivityKind.LATCH})
"""Kinds that wait for another thread's result."""
RESULTS: Final = FUTURES | {ActivityKind.JOIN}
"""The same, and waits for another thread's end."""
OUTBOUND: Final = frozenset({ActivityKind.SOCKET_READ, ActivityKind.SOCKET_CONNECT, ActivityKind.CALL})
"""Kinds of a call to a service, if the far end is not our own client."""

_WORKS: Final = (
    SOCKET
    | FUTURES
    | {ActivityKind.LEASE, ActivityKind.FILE_IO, ActivityKind.FILE_LOCK, ActivityKind.DNS, ActivityKind.CALL, ActivityKind.PROCESS}
)
"""Kinds that no queue of work has above it: above an idle loop and the application's code they are that code's."""
_PLAIN_WAITS: Final = frozenset(
    {ActivityKind.OBJECT_WAIT, ActivityKind.CONDITION, ActivityKind.SEMAPHORE, ActivityKind.QUEUE, ActivityKind.PARK}
)
"""Kinds that say how a thread waits, and not for what."""
_BARE: Final = frozenset({ActivityKind.OBJECT_WAIT, ActivityKind.CONDITION, ActivityKind.PARK}) | FUTURES
"""Kinds of waits that say nothing of what is waited for."""
_LISTENS: Final = (
    "receive",
    "poll",
    "consume",
    "subscri",
    "listen",
    "dequeue",
    "nextmessage",
    "nextdelivery",
    "take",
    "backoff",
    "mqget",
    "waitforwork",
    "dispatch",
    "throttl",
    "pause",
    "runtask",
    "sleep",
    "join",
    "close",
    "shutdown",
)
_LENDS: Final = ("borrow", "lease", "acquire", "checkout", "getconnection")
"""Words of methods that wait for whatever comes, for work of their own or for an end; and of those that wait for a connection of a pool."""
_WAITING_VERBS: Final = frozenset(
    {LockVerb.WAITING_ON, LockVerb.WAITING_TO_LOCK, LockVerb.PARKING, LockVerb.RELOCKING, LockVerb.CLASS_INIT}
)
_CHILD: Final = "$ProcessPipeInputStream"
"""The stream of what a child process writes (``java.lang.ProcessImpl``): its own monitor is held while somebody reads from it."""


class Activity(NamedTuple):
    """What a thread does. ``frame`` and ``app`` are indices into its frames, -1 for none: the frame that says it, the first of the application."""

    kind: ActivityKind
    frame: int
    app: int
    library: str | None
    side: SocketSide | None
    timed: bool
    serving: str | None
    """The server software on whose behalf the thread runs, None if no frame shows one."""


def activity(thread: Thread, known: Knowledge) -> Activity:
    """What ``thread`` waits for or does; kinds are those of ``knowledge.toml``, and monitor, class-init, running, none."""
    if thread.virtual and not thread.frames:
        return _of_stack((), known)._replace(kind=ActivityKind.QUEUED)  # it has not run yet: no carrier was free
    frame = 0 if thread.frames else -1
    if thread.state is JavaState.BLOCKED or (
        thread.locks and any(lock.verb is LockVerb.WAITING_TO_LOCK and lock.depth == 0 for lock in thread.locks)
    ):
        return _in_state(thread.frames, known, thread.state, ActivityKind.MONITOR, frame)
    if awaits_class(thread):
        return _in_state(thread.frames, known, thread.state, ActivityKind.CLASS_INIT, frame)
    waits = thread.state in {JavaState.WAITING, JavaState.TIMED_WAITING}
    found = _in_state(
        thread.frames, known, thread.state, known.waits.get(thread.native_state or "", ActivityKind.WAITING) if waits else None, None
    )
    reads_child = found.kind is ActivityKind.FILE_IO and any((lock.cls or "").endswith(_CHILD) for lock in thread.locks)
    return found._replace(kind=ActivityKind.PROCESS) if reads_child else found


def parks_in_its_loop(frames: tuple[Frame, ...]) -> bool:
    """True for a thread of a JVM that parked itself in its own run method, with no call in between, as workers do that whoever brings work wakes.

    A program may wait for an answer so, too: it is a word for what a stack shows, and no ground for health.
    """
    below = next((at for at, frame in enumerate(frames[:_PARKS]) if frame.full not in _PARK), 0)
    if 0 < below < len(frames) and all(frame.method == "run" for frame in frames[below:]):
        return True
    # A native program: the wait, the function that the thread began in, and what the C library has below it.
    names = [frame.method.partition("@")[0] for frame in frames]
    began = next((at for at, name in enumerate(names) if name in _BEGINS), 0)
    return (
        began > 1
        and names[began - 2] in _WAITS_IN_C
        and all(name in _WAITS_IN_C or name.startswith("futex") or "futex" in name for name in names[: began - 1])
    )


_BEGINS: Final = frozenset({"start_thread", "__clone", "clone", "clone3", "__clone3", "thread_start", "_pthread_start"})
_WAITS_IN_C: Final = frozenset(
    {
        "pthread_cond_wait",
        "__pthread_cond_wait",
        "___pthread_cond_wait",
        "__pthread_cond_wait_common",
        "pthread_cond_timedwait",
        "__pthread_cond_timedwait",
    }
)
"""What a worker's own loop waits in (glibc, musl)."""
_PARKS: Final = 4
"""Frames that parking takes at most, and the one below."""
_PARK: Final = frozenset(
    {"sun.misc.Unsafe.park", "jdk.internal.misc.Unsafe.park"}
    | {f"java.util.concurrent.locks.LockSupport.{name}" for name in ("park", "parkNanos", "parkUntil")}
)


@lru_cache(maxsize=8192)
def _in_state(
    frames: tuple[Frame, ...], known: Knowledge, state: JavaState | None, kind: ActivityKind | None, frame: int | None
) -> Activity:
    """What a stack does in a state; equal stacks share it. ``kind`` with a frame is what the state says, without one what it says of a stack that runs."""
    found = _of_stack(frames, known)
    if kind is not None and frame is not None:
        found = found._replace(kind=kind, frame=frame)
    elif kind is not None and found.kind == ActivityKind.RUNNING:
        found = found._replace(kind=kind)
    return found._replace(timed=found.timed or state is JavaState.TIMED_WAITING)


def hides_call(found: Activity) -> bool:
    """True for a thread that waits in a line of the application: what the line calls is written in C, which the stack leaves out (py-spy without --native)."""
    return found.kind is ActivityKind.WAITING and found.app == 0


def awaits_class(thread: Thread) -> bool:
    """True if the thread waits for a class: named by a line, or RUNNABLE in a wait that no frame of Object.wait explains."""
    if any(lock.verb is LockVerb.CLASS_INIT for lock in thread.locks):
        return True
    in_wait = thread.state is JavaState.RUNNABLE and (thread.native_state or "").startswith("in Object.wait()")
    return in_wait and not any(frame.cls == "java.lang.Object" for frame in thread.frames)


@lru_cache(maxsize=8192)
def _of_stack(frames: tuple[Frame, ...], known: Knowledge) -> Activity:
    kind, at, app, final, timed = ActivityKind.RUNNING if frames else ActivityKind.NONE, -1, -1, False, False
    library: Library | None = None
    serving: str | None = None
    for index, frame in enumerate(frames):
        row = known.blocker(frame.full)
        if row is not None and row.above and (frames[index - 1].full if index else "") not in row.above:
            row = None
        if app < 0 and row is None and known.is_application(frame.cls):
            app = index
        held_up = final and kind == ActivityKind.CONDITION and known.runtime is Runtime.JVM
        if row is not None and row.kind == ActivityKind.IDLE and not (app >= 0 and kind in _WORKS) and not held_up:
            # The loop of a worker that waits for work: whatever stands above it is how it waits, but for what code that it calls back does.
            kind, at, final = ActivityKind.IDLE, index, True
        elif row is not None and (row.kind == ActivityKind.DNS or _is_file(row)) and app < 0 and kind in SOCKET:
            # A resolver asks over a socket of its own: what stands in a read is the look-up. And files are read by the same calls as sockets.
            kind, at, final = row.kind, index, True
        elif row is not None and row.kind == ActivityKind.PROCESS and kind == ActivityKind.IDLE:
            # A loop inside the loop, which runs until a child has ended (Node's execSync): no event of a client is seen meanwhile.
            kind, at, final = ActivityKind.PROCESS, index, True
        elif row is not None and app < 0 and not final and not (kind in SOCKET and row.kind not in SOCKET and not row.final):
            kind, at, final = row.kind, index, row.final
        timed = timed or (app < 0 and frame.method in {"timedRead", "timedFinishConnect"})
        if library is None and (app < 0 or index == app):
            library = known.library(frame.cls)
        serving = serving or known.serves(frame.full)
    kind, at, app = _of_pool(frames, known, kind, at, app, final=final)
    if not final:
        kind, at, library = _asked(frames, kind, at, app, library, known)
    side = _side(kind, library, app, serving)
    reads = kind == ActivityKind.SOCKET_READ and side == SocketSide.SERVER
    return Activity(ActivityKind.REQUEST_READ if reads else kind, at, app, library.name if library else None, side, timed, serving)


def _is_file(row: Blocker) -> bool:
    return row.final and row.kind == ActivityKind.FILE_IO


def _asked(
    frames: tuple[Frame, ...], kind: ActivityKind, at: int, app: int, library: Library | None, known: Knowledge
) -> tuple[ActivityKind, int, Library | None]:
    """A bare wait as a call, if the code of a client stands below it, and the application below that: it waits for what the client has asked for.

    A client that receives, polls or is subscribed waits for whatever comes.
    """
    if kind not in _BARE:
        return kind, at, library
    above = frames[: max(app, 0)]
    asks = ((index, found) for index, frame in enumerate(above) if (found := known.library(frame.cls)) is not None)
    index, client = next(((index, found) for index, found in asks if found.side is SocketSide.CLIENT), (-1, None))
    if client is None or any(_waits_for_more(frame) or frame.full in known.push_frames for frame in above):
        return kind, at, library
    return ActivityKind.CALL, index, client


def _waits_for_more(frame: Frame) -> bool:
    name = frame.method.lower()
    return name == "run" or any(word in name for word in _LISTENS) or name.startswith(_LENDS)


def _of_pool(
    frames: tuple[Frame, ...], known: Knowledge, kind: ActivityKind, at: int, app: int, *, final: bool
) -> tuple[ActivityKind, int, int]:
    """Kind, place and first frame of the application of a stack that waits inside a pool which no table lists; any other's stay."""
    plain = kind in _PLAIN_WAITS and not final and known.runtime is Runtime.JVM
    taken = taking_frame(frames) if plain else None
    if taken is None:
        return kind, at, app
    if 0 <= app <= taken:  # the pool is no part of the application, in whatever package it stands
        app = next((index for index in range(taken + 1, len(frames)) if known.is_application(frames[index].cls)), -1)
    return ActivityKind.LEASE, taken, app


def _side(kind: ActivityKind, library: Library | None, app: int, serving: str | None) -> SocketSide | None:
    """Whose far end the socket is: a service we call (client), or our own client (server); None if the stack does not tell."""
    if kind not in SOCKET and kind != ActivityKind.CALL:
        return None
    if library is not None:
        return library.side
    # Application code that reads a socket of its own while it serves a request calls somebody: the request itself is read by the server's frames.
    return SocketSide.CLIENT if serving and app >= 0 else None


@lru_cache(maxsize=8192)
def calls_of(frames: tuple[Frame, ...]) -> frozenset[str]:
    """The full names of the calls of a stack; equal stacks share them."""
    return frozenset(frame.full for frame in frames)


def waits_for_push(known: Knowledge, thread: Thread) -> bool:
    """True if the thread waits for a push by its own wish, as consumers do."""
    return push_frame(thread.frames, known) is not None


@lru_cache(maxsize=8192)
def calls_below(frames: tuple[Frame, ...]) -> frozenset[str]:
    """As :func:`calls_of`, without the call at the top."""
    return calls_of(frames[1:])


def waited_lock(thread: Thread) -> Lock | None:
    """The lock, monitor or synchronizer that the thread waits for, None if no line names one."""
    return next((lock for lock in thread.locks if lock.verb in _WAITING_VERBS), None) if thread.locks else None


def held_locks(thread: Thread) -> tuple[Lock, ...]:
    """What the thread really holds: HotSpot also prints ``locked`` for a monitor that Object.wait has released."""
    if not thread.locks:
        return ()
    released = {lock.address for lock in thread.locks if lock.verb in {LockVerb.WAITING_ON, LockVerb.RELOCKING}}
    if not released - {None}:
        released |= _let_go(thread)
    return tuple(
        lock for lock in thread.locks if lock.verb in {LockVerb.LOCKED, LockVerb.OWNS} and lock.address and lock.address not in released
    )


def _let_go(thread: Thread) -> set[str | None]:
    """The monitor that Object.wait has released where the dump does not print which it is: the one that the frame below the wait took."""
    depth = next((at for at, frame in enumerate(thread.frames) if not frame.full.startswith("java.lang.Object.wait")), 0)
    return {lock.address for lock in thread.locks if depth and lock.verb is LockVerb.LOCKED and lock.depth == depth}


def blocking_frame(thread: Thread, found: Activity) -> Frame | None:
    """The frame that says what the thread does."""
    return thread.frames[found.frame] if 0 <= found.frame < len(thread.frames) else None


def application_frame(thread: Thread, found: Activity) -> Frame | None:
    """The first frame outside the JDK and known frameworks."""
    return thread.frames[found.app] if found.app >= 0 else None

"""What is told of the owner of a lock that others wait for: its call, through which library, what for and from where; or that it waits itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from analyzer.contention.scopes import waits_itself
from analyzer.evidence.citations import of_lock, of_silence, of_threads
from analyzer.evidence.file_locks import holder_of, meanwhile_of
from analyzer.evidence.stalled_writes import of_unread, unread_by, unread_in_words
from analyzer.model.finding import Evidence, Outlook, RecoversWhen
from analyzer.model.message import say
from analyzer.model.text import Either
from analyzer.software.blockers import application_frame, blocking_frame
from analyzer.software.kinds import ActivityKind, SocketSide
from parsers.records import LockVerb, Runtime, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.contention.locks import LockQueue
    from analyzer.model.text import Filled
    from analyzer.software.pools import ThreadActivity
    from parsers.records import Frame

_CALLS: Final = frozenset({ActivityKind.CALL, ActivityKind.SOCKET_READ, ActivityKind.SOCKET_CONNECT})
_TRANSPORT: Final = (
    "java.io.",
    "java.net.",
    "java.nio.",
    "java.security.",
    "java.util.",
    "javax.net.",
    "jdk.internal.",
    "sun.net.",
    "sun.nio.",
    "sun.security.",
    "sun.reflect.",
    "com.sun.net.",
)
"""Packages of the JVM that carry bytes for others: below them stands who wanted the answer."""
_UNDECIDED: Final = Outlook(
    RecoversWhen.UNKNOWN, say("A thread that waits for itself never goes on; one that waits for another lock goes on with that.")
)
_HANDED: Final = Outlook(
    RecoversWhen.UNKNOWN, say("It goes on when somebody takes what the owner hands over; who waits for this lock first never does.")
)
_ASKS_WEB: Final = frozenset(
    {"curl_exec", "curl_multi_exec", "curl_multi_select", "file_get_contents", "fopen", "fsockopen", "get_headers"}
)
"""PHP's functions that make a request of HTTP."""
_SERVICES: Final = ("sun.", "com.sun.", "javax.", "java.")


FIX: Final = Either(
    "bare",
    "If {place} takes the lock that its caller has already, do not take it twice, or make it reentrant (RLock). If it waits for another one, take both in the same order everywhere.",
    Either(
        "session",
        "Call session_write_close() before slow work: PHP keeps a session locked until then, and requests of one session wait for each other.",
        Either(
            "appender",
            "The lock is the logger's: every line of the log waits for {appender}. Take that out of the logger, or put an asynchronous appender before it, and give its calls short time limits.",
            Either(
                "foreign",
                "The lock is not of the program's own code: let {site} ask for what it needs there once and keep it, instead of each time; and see what the owner does.",
                Either(
                    "same_place",
                    "Do not hold the lock in {place} during slow work: do the work first and lock only to publish its result, or let one thread refresh in the background. Give the call a timeout.",
                    "Release the lock of {site} before the slow work in {place}: do the work first and lock only to publish its result, or let one thread refresh in the background. Give the call a timeout.",
                ),
            ),
        ),
    ),
)
"""What to do about a lock that many wait for."""


def holding(queue: LockQueue) -> str:
    """What the owner of a lock does; of picked threads, which call it is in and what that is for."""
    owner = queue.owner
    if owner is None:
        return say("holds it")
    plain = meanwhile_of(queue.view, owner)
    frame = blocking_frame(*owner)
    if frame is None or not (queue.few or queue.multiple is not None) or owner.activity.kind not in _CALLS:
        return plain
    outward = owner.activity.library is not None or owner.activity.side is SocketSide.CLIENT
    app, asks = application_frame(*owner), _appender(queue) or _asked_by(owner)
    through = owner.activity.library if outward and owner.activity.kind is not ActivityKind.SOCKET_CONNECT else None
    return say(
        "{what}{asks}{called}",
        what=say("waits for an answer through {library}", library=through) if through is not None else plain,
        asks=say(", for {frame}", frame=asks.call) if asks is not None and asks != frame else "",
        called=say(", called from {frame}", frame=app) if app is not None and app != frame else "",
    )


def _asked_by(owner: ThreadActivity) -> Frame | None:
    """The frame of the JVM's own that wanted the answer, as a look-up of printers does: the first one below the transport."""
    frames, app = owner.thread.frames, owner.activity.app
    between = frames[max(owner.activity.frame, 0) + 1 : app if app >= 0 else len(frames)]
    found = next((frame for frame in between if not frame.cls.startswith(_TRANSPORT)), None)
    return found if found is not None and found.cls.startswith(_SERVICES) else None


_PLAIN: Final = ("java.util.concurrent.", "java.lang.Object", "java.lang.String", "java.lang.Class")
"""Classes of locks that tell nobody which one is meant."""
_SCHEDULED: Final = (
    "schedul",
    "quartz",
    "timertask",
    "calendartimer",
    "timerservice",
    "crontrigger",
    "hangfire",
    "apscheduler",
    "celery.beat",
)
"""What stands in a frame of whatever starts a job at its times."""


def which(queue: LockQueue) -> str:
    """Which lock picked threads wait for: its class, or the place where they take it; of a file its path."""
    if queue.file is not None:
        return say(" on {file}", file=queue.file.target)
    if not (queue.few or queue.multiple is not None) or queue.lock is None:
        return ""
    cls = queue.lock.cls or ""
    return say(" ({name})", name=cls) if cls and not cls.startswith(_PLAIN) else say(", asked for in {site}", site=queue.site)


def overlap(queue: LockQueue) -> str:
    """That runs of one scheduled job pile up: the owner of the lock and those that wait are in the same method of it."""
    owner, frame = queue.owner, queue.frame
    if owner is None or frame is None or not any(one.full == frame.full for one in owner.thread.frames):
        return ""
    frames = (one.full.lower() for member in (owner, *queue.members) for one in member.thread.frames)
    if not any(word in call for call in frames for word in _SCHEDULED):
        return ""
    return say(": runs of {job} overlap", job=frame.call)


class Words(TypedDict):
    """Values of the sentences about a queue: which lock, what its owner does, whether it waits for a lock itself, whether runs overlap, whether the lock is a session's of PHP, the appender that writes under the lock of a logger, whether the owner waits to be woken, until somebody takes what it hands over, or for a connection to be made."""

    doing: str
    bare: bool
    holding: str
    which: str
    overlap: str
    unsure: bool
    session: bool
    asks_web: bool
    awaits: bool
    hands: bool
    connects: bool
    taken_in: str
    foreign: bool
    appender: str | None
    unread: str


def undecided(queue: LockQueue) -> Outlook | None:
    """Whether it heals, where the owner seems to wait for a lock itself; None where it does something else."""
    if queue.owner is None or queue.named or not waits_itself(queue.view, queue.owner):
        return None
    return _UNDECIDED


def open_outlook(queue: LockQueue) -> Outlook | None:
    """That nobody knows whether it heals: the owner waits for a lock itself, or for somebody who may wait for this one."""
    if queue.owner is not None and queue.owner.activity.kind is ActivityKind.CHANNEL:
        return _HANDED
    return undecided(queue)


def _foreign(queue: LockQueue) -> Frame | None:
    """The call of a library, or of the JDK, that enters the monitor which all wait for; None where the program's own code does."""
    if queue.lock is None or queue.lock.verb is not LockVerb.WAITING_TO_LOCK or queue.view.known.runtime is not Runtime.JVM:
        return None
    tops = {member.thread.frames[0] for member in queue.members if member.thread.frames}
    top = next(iter(tops)) if len(tops) == 1 else None
    return top if top is not None and not queue.view.known.is_application(top.cls) else None


def _appender(queue: LockQueue) -> Frame | None:
    """The innermost call of the logging library that writes a line under the lock of a logger; None for any other lock."""
    packages = queue.view.known.tables.logging.packages
    if queue.owner is None or queue.lock is None or not (queue.lock.cls or "").startswith(packages):
        return None
    return next((frame for frame in queue.owner.thread.frames if frame.cls.startswith(packages)), None)


def _doing(queue: LockQueue, *, bare: bool) -> str:
    if queue.owner is None:
        return say("holds it")
    if bare:
        return say("waits itself in {call}, maybe for the same lock", call=queue.owner.thread.frames[0].call)
    return meanwhile_of(queue.view, queue.owner)


def in_words(queue: LockQueue) -> Words:
    """The values for one queue."""
    owner = queue.owner
    bare = undecided(queue) is not None
    foreign = _foreign(queue)
    row = unread_by(queue.view, owner)
    session = any(frame.method == "session_start" for frame in queue.members[0].thread.frames[:1])
    return Words(
        doing=_doing(queue, bare=bare),
        bare=bare,
        holding=_doing(queue, bare=bare) if bare else holding(queue),
        which=which(queue),
        overlap=overlap(queue),
        unsure=queue.guessed or (queue.few and owner is not None and not queue.named),
        taken_in=say("{call}, called from {site}", call=foreign.call, site=queue.site) if foreign is not None else queue.site,
        foreign=foreign is not None and owner is None,
        appender=appender.cls if (appender := _appender(queue)) is not None else None,
        awaits=owner is not None and owner.activity.kind in {ActivityKind.OBJECT_WAIT, ActivityKind.CONDITION},
        hands=owner is not None and owner.activity.kind is ActivityKind.CHANNEL,
        connects=owner is not None and owner.activity.kind is ActivityKind.SOCKET_CONNECT,
        session=session,
        unread=unread_in_words(queue.view, row) if row is not None else "",
        asks_web=session and owner is not None and any(frame.method in _ASKS_WEB for frame in owner.thread.frames[:1]),
    )


def evidence_of(queue: LockQueue, text: Filled) -> Iterator[Evidence]:
    """Who waits, what the owner does, and whom it waits for itself."""
    lock, owner, target, more = queue.lock, queue.owner, queue.target, len(queue.members) - 1
    yield of_threads(queue.members, queue.waiting) if lock is None else of_lock(queue.members[0].thread, lock, queue.waiting, more=more)
    if owner is not None:
        yield of_threads((owner,), text["does"])
    if owner is not None and (taken := queue.taken) is not None:
        yield Evidence(Where(owner.thread.where.file, taken.line, taken.line), text["holds"], (taken.address or "",))
    if queue.file is not None:
        yield Evidence(
            queue.file.where,
            say("process {pid} has the lock on {file}", pid=queue.file.pid or 0, file=queue.file.target),
            (queue.file.fd or str(queue.file.pid),),
        )
    yield from holder_of(queue.view, owner)
    if target is not None:
        yield of_silence(target.connections, target.remote)
    if (row := unread_by(queue.view, owner)) is not None:
        yield of_unread(row)
    yield from (of_threads(other.members, other.waiting) for other in queue.also)

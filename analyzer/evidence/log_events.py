"""What the lines of logs prove: in words, as evidence, and as reasons against health. Lines of another moment prove nothing of this one.

A line is what a program met, once. It tells neither the cause nor that it lasts: a log alone gives no more than a suspicion.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Evidence
from analyzer.model.message import joined, plural, say
from analyzer.software.runtimes import OF_LOGS
from parsers.records import BESIDE, LogKind, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.incident import Artifact, Incident
    from analyzer.software.knowledge import Knowledge
    from parsers.records import Frame, LogEvent

NEAR: Final = timedelta(hours=1)
"""How far from a dump or a table a line may be that is of the same trouble."""
_ZONES: Final = timedelta(hours=14)
"""How far two clocks may be apart of which one names no zone."""
MANY: Final = 10
"""Failures of one call each from which on they are no ordinary noise of a log."""
_RUNTIME: Final = ("java.", "javax.", "jdk.", "sun.", "com.sun.", "System.")
_MODULES: Final = ("node:", "node_modules/")
"""What comes with Node, or is installed for a program."""
_WRITTEN_IN: Final = (
    (".py:", Runtime.PYTHON),
    (".rb:", Runtime.RUBY),
    (".cs:", Runtime.DOTNET),
    (".vb:", Runtime.DOTNET),
    (".fs:", Runtime.DOTNET),
)
"""How the sources of a runtime's frames end: what comes with it is known by that."""
_FIGURES: Final = 6
_TOLD_ELSEWHERE: Final = frozenset(
    {"seconds", "answered", "places", "times", "hanging", "before", "after", "size", "percent", "probe", "endless"}
)
"""Figures that sentences have in words of their own, or that have no unit; HAProxy's port is that of a client."""
_ANY: Final = "program"
"""The source of lines that many kinds of software write alike."""
_EXHAUSTED: Final = frozenset(
    {
        LogKind.POOL_EMPTY,
        LogKind.DESCRIPTORS,
        LogKind.THREADS,
        LogKind.WORKERS,
        LogKind.MAILBOX,
        LogKind.NO_THREAD,
        LogKind.MEMORY,
        LogKind.SLOTS,
        LogKind.LEAK,
        LogKind.TRACKED,
        LogKind.FLOODED,
        LogKind.ORPHANS,
        LogKind.ENDED,
        LogKind.REACHED,
        LogKind.NEIGHBOURS,
        LogKind.STORE_FULL,
        LogKind.ARCHIVE,
        LogKind.NO_SPACE,
        LogKind.QUOTA,
        LogKind.NEARLY_FULL,
        LogKind.UNSAVED,
        LogKind.KERNEL_LIMIT,
    }
)
"""Something was used up: one line is enough to keep health away."""
_ORDINARY: Final = frozenset({LogKind.THROWN, LogKind.DEADLOCK, LogKind.CLIENT_LEFT, LogKind.RECOVERED, LogKind.POOL_FREE})
"""What counts speak of nothing: it is told by itself, clients do so on every server, or it is good news."""
_QUIET: Final = BESIDE | {LogKind.COLLECTED, LogKind.HEAP}
"""What is asked for beside other lines, and tells nothing by itself."""
_OF_POOLS: Final = {"DBCP": "Commons DBCP", "Tomcat JDBC pool": "Tomcat JDBC", "UCP": "Oracle UCP"}
"""Software as a log is read, and as its lender is called; where they differ."""

_SAYS: Final = {
    LogKind.POOL_EMPTY: say("a pool of connections had none to give"),
    LogKind.READ_TIMEOUT: say("a read timed out"),
    LogKind.CONNECT_TIMEOUT: say("a connection attempt timed out"),
    LogKind.REFUSED: say("a connection was refused"),
    LogKind.DESCRIPTORS: say("no file descriptor was left"),
    LogKind.THREADS: say("a pool of threads reached its limit"),
    LogKind.WORKERS: say("no worker process was free while connections waited for one"),
    LogKind.SLOW_REQUEST: say("a request took longer than the limit of its log"),
    LogKind.MAILBOX: say("messages lay unread before a process"),
    LogKind.NO_THREAD: say("no further thread could be made"),
    LogKind.MEMORY: say("memory ran out"),
    LogKind.SLOTS: say("a server had no place for another connection"),
    LogKind.LOCK_WAIT: say("a session waited for a lock"),
    LogKind.DEADLOCK: say("the database ended a deadlock"),
    LogKind.SLOW_STATEMENT: say("a statement took long"),
    LogKind.LIMIT_ENDED: say("a time limit of the server ended a session or statement"),
    LogKind.PROXY_GAVE_UP: say("a proxy gave up on a server"),
    LogKind.CLIENT_GAVE_UP: say("a client gave up on a proxy"),
    LogKind.CLIENT_LEFT: say("a client left, or took no more, while an answer was sent"),
    LogKind.QUEUE_GAVE_UP: say("a request left a proxy's queue unserved"),
    LogKind.WORKER_ENDED: say("a worker took longer than its limit and was ended"),
    LogKind.KILLED: say("a process was killed by signal 9"),
    LogKind.SIGKILLED: say("a container was ended with SIGKILL, exit code 137"),
    LogKind.SIGTERMED: say("a container was asked to end with SIGTERM, exit code 143"),
    LogKind.LEAK: say("a connection or response was not given back"),
    LogKind.PAUSE: say("the virtual machine stood still"),
    LogKind.COLLECTED: say("the whole heap was collected"),
    LogKind.HEAP: say("a heap had room behind each collection"),
    LogKind.TRACKED: say("the table of tracked connections was full, and packets were dropped"),
    LogKind.FLOODED: say("new connections came faster than they were taken: a stalled listener shows the same as a flood of SYNs"),
    LogKind.STOOD: say("a task stood in the kernel, where no signal reaches it"),
    LogKind.STORE: say("a file server did not answer"),
    LogKind.QUORUM: say("too few of the nodes answered that must agree to each write"),
    LogKind.DISK: say("a disk answered slowly"),
    LogKind.LOOP: say("an event loop was held up"),
    LogKind.UNREAD: say("messages lie in a queue that nobody reads"),
    LogKind.ALARM: say("no more messages were taken, as a limit of disk or memory was reached"),
    LogKind.STARVED: say("a task waited long for a thread of its pool"),
    LogKind.BLOCKING: say("a call that blocks was made on a thread that must not block"),
    LogKind.GIVEN_BACK: say("a connection that was reported as leaked came back: it was kept for long, and not lost"),
    LogKind.RETURNED: say("a proxy forwards requests to its own port, until it has no connection left"),
    LogKind.OVERFLOW: say("a proxy refused a request at once, as its limit for the service (its circuit breaker) was reached"),
    LogKind.PROBED: say("the program did not answer its health check in time"),
    LogKind.WATCHED: say("the program did not report to its watchdog in time, and was ended"),
    LogKind.DOWN: say("the proxy takes a server for dead, as its check got no answer in time, or has none left"),
    LogKind.LOCKUP: say("a processor was stuck in the kernel"),
    LogKind.ORPHANS: say(
        "there were more connections that programs had closed and whose last bytes nobody acknowledged than the kernel keeps"
    ),
    LogKind.RECOVERED: say("a thread that was reported to hang has ended its work"),
    LogKind.POOL_FREE: say("a pool of connections had nobody waiting"),
    LogKind.ADDRESSES: say("a socket got no local address: its ports were used up, or the address is not this host's"),
    LogKind.THREAD_LEFT: say("an application that was stopped left a thread behind"),
    LogKind.UNRELEASED: say("a buffer was garbage before it was released: memory outside of the heap leaks"),
    LogKind.CURSORS: say("a session had as many open cursors as it may: statements or results are not closed"),
    LogKind.NEIGHBOURS: say("the kernel's table of neighbours was full, and packets to new hosts were dropped"),
    LogKind.RESTED: say("a connection was used that had rested for long, and was dead"),
    LogKind.THROWN: say("an exception was thrown"),
    LogKind.POLLED_LATE: say("working on a batch took longer than a member of the group may be away, and its partitions went to others"),
    LogKind.SIZE: say("a setting of a pool, or of those who share it"),
    LogKind.BATCH: say("a batch was worked on"),
    LogKind.BUSY: say("a process uses a whole processor"),
    LogKind.PATTERN: say("a pattern repeats a repetition"),
    LogKind.UNTIMED: say("a call is made without a timeout"),
    LogKind.BEAN_LOCK: say("a call did not get the lock of a bean in time"),
    LogKind.ENDED: say("all goroutines waited for each other, and the runtime ended the program"),
    LogKind.REACHED: say("a limit of its own was reached"),
    LogKind.STORE_FULL: say("the place where logs are archived is full"),
    LogKind.ARCHIVE: say("the log could not be archived, so that no session can write"),
    LogKind.NO_SPACE: say("no space was left on a device"),
    LogKind.QUOTA: say("a quota of disk space was used up"),
    LogKind.NEARLY_FULL: say("no more writes were taken, as the disk was nearly full"),
    LogKind.UNSAVED: say("what it holds could not be saved to its disk"),
    LogKind.KERNEL_LIMIT: say("a limit of the kernel was reached, which has the same words as a full disk"),
    LogKind.DISCARDED: say("work that had waited longer than its timeout was thrown away"),
    LogKind.BESIDE_LIMIT: say("a setting of a limit, or how much of it one host has"),
    LogKind.NOTED: say("a line that was not understood stands out"),
    LogKind.TAKES: say("a line of code takes a lock"),
    LogKind.COPIED: say("a WaitGroup was handed over by value"),
    LogKind.MADE: say("a line of code makes a client with threads of its own"),
}


class Told(msgspec.Struct, frozen=True):
    """A kind of event, the last line that proves it, and how many lines do."""

    event: LogEvent
    lines: int

    @property
    def evidence(self) -> Evidence:
        """The last line, with what it says."""
        return Evidence(self.event.where, in_words(self.event), (), self.lines - 1)


_NONE_IDLE: Final = say("no thread of the pool is idle")
"""What a table of a pool shows that names no work which waits."""


def in_words(event: LogEvent) -> str:
    """What a line proves: "HikariCP orders: a pool of connections had none to give (total 10, active 10)"."""
    subject = event.subject.removesuffix("/<NOSRV>") if event.subject is not None else None
    about = " ".join(filter(None, (event.source if event.source != _ANY else None, subject)))
    hidden = _TOLD_ELSEWHERE | ({"port"} if event.source == "HAProxy" else set())
    figures = [f"{name} {value:.0f}" if value.is_integer() else f"{name} {value:g}" for name, value in event.figures if name not in hidden]
    seconds = event.figure("seconds")
    if seconds is not None:
        figures.insert(0, say("after {seconds:g} s", seconds=seconds))
    listed = say(" ({figures})", figures=joined(", ", figures[:_FIGURES])) if figures else ""
    says = _NONE_IDLE if event.kind is LogKind.STARVED and event.figure("idle") == 0 and not event.figure("queued") else _SAYS[event.kind]
    what = say("{what}{figures}", what=says, figures=listed)
    if event.kind is LogKind.RECOVERED and (hanging := event.figure("hanging")) is not None:
        what = say("{what}, and {threads} may hang now", what=what, threads=plural(int(hanging), "thread"))
    return say("{about}: {what}", about=about, what=what) if about else what


def site_of(event: LogEvent, known: Knowledge) -> Frame | None:
    """Where the application met it, by the stack below the line: the first frame outside the JDK and known frameworks, else outside the JDK."""
    written = next((runtime for end, runtime in _WRITTEN_IN for frame in event.frames if end in (frame.source or "")), None)
    written = written or OF_LOGS.get(event.source)
    known = known if written is None else known.of(written)
    own = next(
        (frame for frame in event.frames if known.is_application(frame.cls) and not frame.cls.startswith((*_MODULES, *_RUNTIME))), None
    )
    return own or next((frame for frame in event.frames if not frame.cls.startswith(_RUNTIME)), None)


def caller_of(event: LogEvent, site: Frame, known: Knowledge) -> Frame | None:
    """The application's frame of another class that called ``site``: a method by which all of a program take something tells little."""
    below = event.frames[event.frames.index(site) + 1 :] if site in event.frames and known.is_application(site.cls) else ()
    return next((frame for frame in below if known.is_application(frame.cls) and frame.cls != site.cls), None)


def caller_in_words(event: LogEvent, known: Knowledge) -> str:
    """:func:`site_of` in words."""
    frame = site_of(event, known)
    if frame is not None and event.kind is LogKind.STOOD:
        return say(", in {frame}", frame=frame.method)
    return say(", called from {frame}", frame=frame) if frame is not None else ""


def of_this_moment(incident: Incident) -> tuple[Told, ...]:
    """What logs prove of the time around the dumps and tables, the gravest and most frequent first. A short collection proves nothing."""
    groups: dict[tuple[LogKind, str, str | None], list[LogEvent]] = {}
    for event in near(incident):
        if event.kind in _QUIET:
            continue
        groups.setdefault((event.kind, event.source, event.subject), []).append(event)
    for _, source, _ in [key for key in groups if key[0] is LogKind.GIVEN_BACK]:
        back = sum(len(events) for key, events in groups.items() if key[:2] == (LogKind.GIVEN_BACK, source))
        lost = sum(len(events) for key, events in groups.items() if key[:2] == (LogKind.LEAK, source))
        if back >= lost:  # what was reported as leaked was only late
            groups = {key: events for key, events in groups.items() if key[:2] != (LogKind.LEAK, source)}
    told = [Told(events[-1], len(events)) for events in groups.values()]
    return tuple(sorted(told, key=lambda one: (one.event.kind not in _EXHAUSTED, -one.lines, one.event.where)))


def asyncio_was_late(incident: Incident) -> bool:
    """True if asyncio's own watch reports steps that took long: something in its loop blocks or computes."""
    return any(one.event.kind is LogKind.LOOP and one.event.source == "asyncio" for one in of_this_moment(incident))


def of_pool(incident: Incident, software: str, kind: LogKind = LogKind.POOL_EMPTY) -> tuple[Told, ...]:
    """What pools of that software wrote themselves when they had no connection to give, or of one that was not given back."""
    return tuple(
        one
        for one in of_this_moment(incident)
        if one.event.kind is kind and software.startswith(_OF_POOLS.get(one.event.source, one.event.source))
    )


def against_health(incident: Incident) -> Iterator[str]:
    """Lines of this moment that no healthy server writes: something was used up, or many calls failed. One call that failed is no alarm."""
    told = of_this_moment(incident)
    for one in told:
        if one.event.kind in _EXHAUSTED or one.event.kind is LogKind.DEADLOCK:
            yield say("the line {place} says: {event}", place=str(one.event.where), event=in_words(one.event))
    counts = Counter[LogKind]()
    for one in told:
        counts[one.event.kind] += one.lines
    for kind, count in counts.items():
        last = max((one.event for one in told if one.event.kind is kind), key=lambda event: event.where)
        if count >= MANY and kind not in _EXHAUSTED | _ORDINARY:
            yield say("{lines} of {file} say: {event}", lines=plural(count, "line"), file=last.where.file, event=_SAYS[kind])
    for artifact in incident.artifacts:
        for log in artifact.logs:
            if log.errors and (log.until is None or _is_near(log.until, _moments(incident))):
                yield say("{file} has errors that were not understood, as in line {line}", file=artifact.file, line=log.errors[-1].first)


def near(incident: Incident) -> Iterator[LogEvent]:
    """The events of logs around the time of the dumps and tables, file by file, in order."""
    moments = _moments(incident)
    for artifact in incident.artifacts:
        # Without dumps and tables that state their time, a log that was saved with them ends at their moment.
        ends = moments or _ends(artifact)
        yield from (event for event in artifact.events if event.time is None or _is_near(event.time, ends))


def _ends(artifact: Artifact) -> list[datetime]:
    """The last moment of a log. Lines of an earlier day may be quoted below it: then an event is later than the last line."""
    ends = [time for log in artifact.logs if (time := time_of(log.until)) is not None]
    told = [time for event in artifact.events if (time := time_of(event.time)) is not None]
    later = [time for time in told if ends and all((time.tzinfo is None) == (end.tzinfo is None) and time > end for end in ends)]
    return [*ends, max(later)] if later else ends


def _moments(incident: Incident) -> list[datetime]:
    stated = (time for snapshot in incident.snapshots for time in (snapshot.time, *(dump.time for dump in snapshot.dumps)))
    return [time for text in stated if (time := time_of(text)) is not None]


def _is_near(text: str, moments: Sequence[datetime]) -> bool:
    """True for a time near one of the moments, and where nothing tells."""
    time = time_of(text)
    return time is None or not moments or any(_apart(time, moment) <= NEAR for moment in moments)


def _apart(first: datetime, second: datetime) -> timedelta:
    """How far two times are apart at least: a clock without a zone may be another zone's."""
    if (first.tzinfo is None) == (second.tzinfo is None):
        return abs(first - second)
    utc, plain = sorted((first, second), key=lambda time: time.tzinfo is None)
    return max(abs(utc.astimezone(UTC).replace(tzinfo=None) - plain) - _ZONES, timedelta())


def time_of(text: str | None) -> datetime | None:
    """A printed time; None where it is none."""
    try:
        return datetime.fromisoformat(text) if text is not None else None
    except ValueError:
        return None

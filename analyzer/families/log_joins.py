"""What counts and other lines beside a line of a log tell of its cause: who has a full server's connections, who holds a lock."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.evidence.doing import doing
from analyzer.evidence.log_events import MANY, of_this_moment
from analyzer.evidence.settings_beside import lent_at_most, long_batch, small_pool
from analyzer.families import container_stories
from analyzer.families.counted_sockets import process_of, whose
from analyzer.model.finding import Confidence, Doubt
from analyzer.model.message import plural, say
from analyzer.software.blockers import application_frame, blocking_frame
from parsers.records import Counted, LogKind, TcpState

LOG_ALONE: Final = "log-alone"
"""The code of the doubt about a finding that rests on lines of a log alone."""
FROM_ONE: Final = 5
"""Connections of one host that are no chance."""
MOSTLY: Final = 0.7
"""Share of all connections, or of the workers, that one host, or one service, must have."""
_PORTS: Final = {"sshd": 22, "MySQL": 3306, "PostgreSQL": 5432, "memcached": 11211}
"""Servers that nearly always listen on one port: connections of another are not theirs."""

if TYPE_CHECKING:
    from analyzer.evidence.log_events import Told
    from analyzer.evidence.settings_beside import Sizes
    from analyzer.join.counts import Count
    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case
    from parsers.records import LogEvent


_OF_ANYBODY: Final = frozenset({"queue", "broker"})
COMMITS: Final = "Kafka client"
"""Whose words say that a commit failed, and not which of two limits was passed."""
_FEW: Final = 10_000
"""Messages below which a queue without a consumer is told, and no trouble by itself."""


def alone(sure: Confidence) -> Doubt:
    """The doubt about a finding that rests on lines of a log."""
    return Doubt(LOG_ALONE, say("a line is what a program met once, and not that it lasts"), sure)


def who_has_them(case: Case) -> str:
    """The process that has most of the connections which were counted by their far end and owner, if these are many to one port."""
    owned: dict[tuple[str, int | None], list[Count]] = {}
    for one in case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED):
        process, remote = process_of(case, one), one.last.remote or (one.last.end if one.last.local is None else None)
        if remote is not None and remote.port is not None and (process.pid is not None or process.command is not None):
            owned.setdefault((whose(process), remote.port), []).append(one)
    (who, port), most = max(owned.items(), key=lambda item: sum(one.number for one in item[1]), default=(("", None), []))
    number = sum(one.number for one in most)
    if number < MANY:
        return ""
    hosts = plural(len({end.host for one in most if (end := one.last.remote or one.last.end) is not None}), "host")
    return say(
        ", while {who} has {connections} to port {port} of {hosts}",
        who=who,
        connections=plural(number, "connection"),
        port=str(port),
        hosts=hosts,
    )


def who_holds(case: Case) -> float | None:
    """The session that a line names as the holder of a lock, None if no line names one."""
    held = (one.event.figure("holder") for one in of_this_moment(case.incident) if one.event.kind is LogKind.LOCK_WAIT)
    return next((number for number in held if number is not None), None)


def may_rest(event: LogEvent) -> bool:
    """True for a queue in somebody's own list or words that has a few thousand messages and no consumer: it may be read at night."""
    return event.kind is LogKind.UNREAD and event.source in _OF_ANYBODY and (event.figure("messages") or 0) < _FEW


def unread_queue(case: Case) -> Told | None:
    """The queue with the most messages that nobody reads, where a line names one, and they are enough to fill a broker."""
    queues = [one for one in of_this_moment(case.incident) if one.event.kind is LogKind.UNREAD and one.event.subject is not None]
    most = max(queues, key=lambda one: one.event.figure("messages") or 0, default=None)
    return most if most is not None and (most.event.figure("messages") or 0) >= _FEW else None


def counted_to(case: Case, subject: str) -> str:
    """How many connections to the port that a line names were counted."""
    port = subject.rpartition(":")[2]
    ends = ((one, one.last.remote or one.last.end) for one in case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED))
    number = max((one.number for one, end in ends if end is not None and port.isdigit() and end.port == int(port)), default=0)
    return say(" {connections} to port {port} were counted.", connections=plural(number, "connection"), port=port) if number >= MANY else ""


def one_client(case: Case, source: str = "") -> str:
    """The host that most connections of a server come from, as rows show it: it has the places that others lack."""
    usual = _PORTS.get(source)
    for view in case.latest:
        for port in sorted(view.listeners) or sorted({row.local.port for row in view.sockets.of(TcpState.ESTABLISHED) if row.local.port}):
            if usual is not None and port != usual:
                continue
            rows = [row for row in view.sockets.of(TcpState.ESTABLISHED) if row.local.port == port and row.remote is not None]
            hosts = Counter(row.remote.host for row in rows if row.remote is not None)
            host, number = hosts.most_common(1)[0] if hosts else ("", 0)
            if number >= FROM_ONE and number >= MOSTLY * len(rows):
                return say(
                    ", while {host} has {number} of the {connections} of port {port}",
                    host=host,
                    number=number,
                    connections=plural(len(rows), "connection"),
                    port=str(port),
                )
    return ""


def behind(case: Case, event: LogEvent) -> str:
    """The service that the busy workers of a server wait for, as their own lines and a count of connections tell."""
    limit = event.figure("limit") or event.figure("active") or 0
    for one in of_this_moment(case.incident):
        late = one.event
        if late.kind is not LogKind.READ_TIMEOUT or late.subject is None or late.source.split()[0] != event.source.split()[0]:
            continue
        port = late.subject.rpartition(":")[2]
        ends = ((count.number, count.last.remote or count.last.end) for count in case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED))
        number = max((found for found, end in ends if end is not None and port.isdigit() and end.port == int(port)), default=0)
        return say(
            ", while {service} leaves its calls without an answer{counted}",
            service=late.subject,
            counted=say(" ({connections} to it were counted)", connections=plural(number, "connection"))
            if limit and number >= MOSTLY * limit
            else "",
        )
    return ""


_FOR_CONNECTIONS: Final = 0.8
"""Share of its limit of open files that MongoDB gives to connections (``listen.cpp``: 80 % of RLIMIT_NOFILE), whatever its own setting says."""


def of_files(case: Case, event: LogEvent) -> str:
    """That the limit of a full server is that of its open files, where both are here; empty for anything else."""
    limit, used, free = case.counts.limit(), event.figure("connections"), event.figure("available")
    if event.source != "MongoDB" or limit is None or limit.soft is None or used is None:
        return ""
    most = used + (free or 0)
    if abs(most - _FOR_CONNECTIONS * limit.soft) > 1:
        return ""
    return say(
        ": {most:,.0f} are 80 % of its limit of open files ({limit:,}), which is all that it gives to connections; ulimit -n (LimitNOFILE) sets it",
        most=most,
        limit=limit.soft,
    )


_KEPT: Final = 100
"""Connections to one place from which on they are most of what a usual limit of descriptors allows."""


def of_far_ends(case: Case, event: LogEvent) -> str:
    """Where most of the connections lead that were counted by their far end, where a process had no descriptor left: empty for few, or none that most lead to."""
    ends = [one for one in case.counts.of(Counted.SOCKETS) if one.last.remote is not None and one.last.remote.port]
    most = max(ends, key=lambda one: one.number, default=None)
    if event.kind is not LogKind.DESCRIPTORS or most is None:
        return ""
    number, remote, first = most.number, most.last.remote, most.readings[0].count
    if number < _KEPT or number < MOSTLY * sum(one.number for one in ends):
        return ""
    if number >= 2 * first:
        return say(
            ": {connections} lead to {remote}, of those that were counted, and {first:,} did when they were counted first: what opens them keeps them, as a client that is made for each call and never closed does",
            connections=plural(number, "connection"),
            remote=remote,
            first=first,
        )
    return say(
        ": {connections} lead to {remote}, of those that were counted: what opens them keeps them, as a client that is made for each call and never closed does",
        connections=plural(number, "connection"),
        remote=remote,
    )


_FAR: Final = 1.5
"""Times the limit from which on the threads are of other users, too, and say nothing of this one."""
_COUNTS_THREADS: Final = re.compile(
    r"\bps\s+(?:\S+\s+){0,6}?-[A-Za-z]*L[A-Za-z]*\b[^|]*\|\s*wc\s+-l|\bps\s+(?:\S+\s+){0,6}?-[A-Za-z]*m[A-Za-z]*\b[^|]*\|\s*wc\s+-l"
)
"""Commands that count the threads of a host or a user: a line for each."""
_ALL_BUT: Final = 0.9
"""Share of the limit from which on it is reached: threads come and go between the error and the count."""


def of_thread_limit(case: Case, event: LogEvent) -> str:
    """That the threads which were counted reach the user's limit, where a program could make no further one; empty for anything else."""
    limit = case.counts.setting("ulimit -u")
    if event.kind is not LogKind.NO_THREAD or limit is None or limit.values[0] <= 0:
        return ""
    lines = (tally for snapshot in case.incident.snapshots for tally in snapshot.tallies if tally.what is Counted.LINES)
    counts = [one.count for one in lines if one.command and _COUNTS_THREADS.search(one.command)]
    most = max(counts, default=0)
    if not _ALL_BUT * limit.values[0] <= most <= _FAR * limit.values[0]:
        return ""
    return say(": {count:,} threads were counted, and the user may have {limit:,} (ulimit -u)", count=most, limit=limit.values[0])


def of_ports(case: Case, event: LogEvent) -> str:
    """That TIME_WAIT alone takes all but the last local ports, where a connect got none; empty for anything else."""
    span = case.counts.port_range()
    if event.kind is not LogKind.ADDRESSES or span is None:
        return ""
    size = span[1] - span[0] + 1
    counters = (one for snapshot in case.incident.snapshots for one in snapshot.counters if one.name == "TCP timewait")
    waiting = max((one.value for one in counters), default=0)
    if waiting < _ALL_BUT * size:
        return ""
    return say(": {waiting:,} sockets are in TIME_WAIT, and there are {size:,} local ports", waiting=waiting, size=size)


def by_client(case: Case, told: Told) -> Finding | None:
    """Who has the places of a full server, or the threads of a process: where its own list, its limit or the threads' names tell more than the line."""
    if told.event.kind is LogKind.NO_THREAD:
        from analyzer.families import client_threads  # noqa: PLC0415 - few lines are about threads

        return client_threads.finding_of(case, told)
    if told.event.kind is not LogKind.SLOTS:
        return None
    from analyzer.families import client_handles, unused_places  # noqa: PLC0415 - few lines are about places

    found = client_handles.finding_of(case, told) or unused_places.finding_of(case, told)
    # Who has the places is known; what they are for the line alone does not tell.
    open_ = found is not None and found.confidence is Confidence.SUSPECTED
    return replace(found, doubts=(alone(Confidence.SUSPECTED),)) if found is not None and open_ else found


def sizes_of(case: Case, event: LogEvent, figure: str) -> Sizes | None:
    """The pool that the settings make smaller than its threads, and how many of these use what it has."""
    sizes = small_pool(case.incident, lent_at_most(event), figure)
    if sizes is None:
        return None
    from analyzer.families import at_work  # noqa: PLC0415 - few texts have both

    return at_work.with_workers(case, sizes)


def of_limits(case: Case, event: LogEvent) -> str:
    """Which limit the line met, where numbers beside it show that."""
    return of_files(case, event) or of_thread_limit(case, event) or of_ports(case, event) or of_far_ends(case, event)


def _of_server(case: Case, event: LogEvent) -> str:
    """What others suffer from a full or busy server, or what keeps it so."""
    if event.kind is LogKind.SLOTS:
        return who_has_them(case) or one_client(case, event.source)
    if event.kind is LogKind.SLOW_STATEMENT:
        return say(": Redis runs one command at a time, and all its clients wait meanwhile") if event.source == "Redis" else ""
    return behind(case, event)


def tail_of(case: Case, event: LogEvent) -> str:
    """What a line, or those beside it, tells of the cause."""
    if (reached := of_limits(case, event) or container_stories.tail_of(event)) != "":
        return reached
    answered, places = event.figure("answered"), event.figure("places")
    if event.kind is LogKind.QUEUE_GAVE_UP and answered is not None:
        return say(
            ", while the servers take {answered:.1f} s for a request{places}",
            answered=answered,
            places=say(" and have {places:.0f} each", places=places) if places else "",
        )
    if event.kind is LogKind.OVERFLOW:
        late = next(
            (one for one in of_this_moment(case.incident) if one.event.kind is LogKind.PROXY_GAVE_UP and one.event.source == event.source),
            None,
        )
        return (
            say(
                ", while {server} left {requests} without an answer until the limit{after}",
                server=late.event.subject,
                requests=plural(late.lines, "request"),
                after=say(" of {seconds:g} s", seconds=late.event.figure("seconds")) if late.event.figure("seconds") else "",
            )
            if late is not None and late.event.subject
            else ""
        )
    if event.kind is LogKind.LOCK_WAIT:
        holder = who_holds(case)
        return say(": session {session} holds it", session=f"{holder:.0f}") if holder and event.figure("holder") is None else ""
    if event.kind is LogKind.ALARM and (queue := unread_queue(case)) is not None:
        return say(
            ": whoever publishes to it waits, and queue {name} has {messages} and no consumer",
            name=queue.event.subject,
            messages=plural(int(queue.event.figure("messages") or 0), "message"),
        )
    if event.kind is LogKind.POLLED_LATE and (batch := long_batch(case.incident)) is not None:
        return say(": {batch}", batch=batch.words)
    if event.kind in {LogKind.SLOTS, LogKind.WORKERS, LogKind.THREADS, LogKind.SLOW_STATEMENT}:
        return _of_server(case, event)
    if event.kind is LogKind.MAILBOX:
        named = (one for view in case.latest for pool in view.pools for one in pool.members if one.thread.name == event.subject)
        return next((_doing(one) for one in named if one.thread.frames), "")
    if event.kind is LogKind.PROBED and event.subject is not None:
        return say(": the kubelet kills it for that and starts it again")
    return ""


def _doing(member: ThreadActivity) -> str:
    """What the process that does not keep up does at that moment."""
    frame = blocking_frame(*member) or member.thread.frames[0]
    app = application_frame(*member)
    return say(
        "; at that moment it {what}{called}",
        what=doing(member, frame, several=False) or say("is in {frame}", frame=frame.call),
        called=say(", called from {frame}", frame=app) if app is not None and app != frame else "",
    )


def says_less(event: LogEvent) -> bool:
    """True for a check of no container that was killed for it, and for a consumer's commit that fails for whatever reason."""
    if event.kind is LogKind.DISK:
        return not event.figures
    return (event.kind is LogKind.PROBED and event.subject is None) or event.source == COMMITS

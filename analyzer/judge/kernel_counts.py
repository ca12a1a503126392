"""What the kernel's counters, the states of ``ss -s`` and threads counted by state show, where no rows and stacks are here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.judge.counted import DEFAULT_RANGE, QUIET
from analyzer.model.message import joined, plural, say, say_of
from parsers.records import THREADS_IN, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.model.incident import Snapshot
    from analyzer.waits.case import Case
    from parsers.records import Setting

PIECE: Final = 0.1
"""Share of the sockets that were counted up to which rows are a few that somebody chose: the numbers tell more."""
_KERNELS: Final = {
    "TcpExtListenOverflows": say("so often a connection found an accept queue full"),
    "TcpExtListenDrops": say("so many connections were dropped at a listener"),
    "TcpExtTCPReqQFullDrop": say("so many SYNs were dropped as the queue for them was full"),
    "TcpExtTCPReqQFullDoCookies": say("so often the queue of SYNs was full and a cookie was sent"),
    "TcpExtTCPBacklogDrop": say("so many packets were dropped as a socket's backlog was full"),
    "TcpExtTCPAbortOnMemory": say("so many connections were ended for want of memory"),
    "TcpExtTCPMemoryPressures": say("so often TCP ran short of memory"),
}
"""Counters of the kernel that a quiet host keeps at zero, of what they count since they were reset."""
_USED_UP: Final = "ephemeral-port-exhaustion"
_LINES: Final = 3
"""Limits that are told."""


def of_counts(snapshot: Snapshot, every: Sequence[Snapshot] = ()) -> Iterator[str]:
    """Counters of the kernel, the states of ``ss -s``, and threads by state; ``every``: the snapshots with what was read before."""
    yield from _of_thread_states(snapshot)
    counts = _states(snapshot)
    if counts:
        listed = joined(", ", (say("{count:,} {state}", count=count, state=state) for count, state in counts))
        yield (
            say_of(
                len(snapshot.rows),
                "sockets were counted by state ({list}); {rows} of them is here",
                "sockets were counted by state ({list}); {rows} of them are here",
                list=listed,
                rows=plural(len(snapshot.rows), "row"),
            )
            if snapshot.rows
            else say(
                "sockets were counted by state ({list}); only rows tell whose they are, of which port, and whether requests were read",
                list=listed,
            )
        )
    yield from _of_totals(snapshot)
    yield from _of_pools(snapshot)
    yield from _of_servers(snapshot)
    yield from _of_readings([one for one in every if one.host == snapshot.host] or [snapshot])


def _of_readings(snapshots: Sequence[Snapshot]) -> Iterator[str]:
    """Counters that a quiet host keeps at zero, each once, with its first and its last reading where there are several."""
    readings: dict[str, list[int]] = {}
    for snapshot in snapshots:
        for counter in snapshot.counters:
            readings.setdefault(counter.name, []).append(counter.value)
    for name, values in readings.items():
        words = _KERNELS.get(name)
        if words is None or not values[-1]:
            continue
        if len(values) == 1:
            yield say(
                "{counter} is {count:,}: {words}; whether it still grows, a second reading shows",
                counter=name,
                count=values[-1],
                words=words,
            )
        elif values[-1] > values[0]:
            yield say(
                "{counter} grew from {first:,} to {count:,} between the readings: {words}",
                counter=name,
                first=values[0],
                count=values[-1],
                words=words,
            )
        else:
            yield say("{counter} is {count:,} in each reading: {words}, and it does not grow", counter=name, count=values[-1], words=words)


def _states(snapshot: Snapshot) -> list[tuple[int, str]]:
    """Sockets by state as ``ss -s`` counts them; none where more than a few rows are here, which tell more."""
    counts = [(one.value, one.name.removeprefix("TCP ")) for one in snapshot.counters if one.name.startswith("TCP ") and one.value]
    return counts if len(snapshot.rows) <= PIECE * sum(count for count, _ in counts) else []


def calm_sockets(case: Case, findings: Sequence[Finding] = ()) -> Iterator[str]:
    """That TIME_WAIT is normal, which many wonder at: where there are few, or they are of ports that this host serves, as far as rows are here; never where ports run out."""
    if any(finding.rule == _USED_UP for finding in findings):
        return
    for snapshot in case.incident.snapshots[-1:]:
        yield from _calm(snapshot, case.counts.port_range())


def _calm(snapshot: Snapshot, known: tuple[int, int, Setting] | None) -> Iterator[str]:
    waiting = next((count for count, state in _states(snapshot) if state == "timewait"), 0)
    if not waiting:
        return
    listens = {row.local.port for row in snapshot.rows if row.state is TcpState.LISTEN}
    ports = {row.local.port for row in snapshot.rows if row.state is TcpState.TIME_WAIT}
    if ports and ports <= listens:
        yield say(
            "the {waiting:,} TIME_WAIT are normal, if all are like those that are shown: each connection that this host closes first stays so for a minute, without a descriptor; these are of port {ports}, which this host serves, so that they take no further local port",
            waiting=waiting,
            ports=joined(", ", map(str, sorted(filter(None, ports)))),
        )
    elif waiting <= QUIET * (known[1] - known[0] + 1 if known is not None else DEFAULT_RANGE):
        yield say(
            "the {waiting:,} TIME_WAIT are normal: each connection that this host closes first stays so for a minute, without a descriptor, and they are far fewer than the local ports",
            waiting=waiting,
        )


def _of_thread_states(snapshot: Snapshot) -> Iterator[str]:
    """Threads counted by state: ``jstack PID | grep State | sort | uniq -c``."""
    states = [
        (counter.value, counter.name.removeprefix(THREADS_IN)) for counter in snapshot.counters if counter.name.startswith(THREADS_IN)
    ]
    if states:
        listed = joined(", ", (say("{count:,} {state}", count=count, state=state) for count, state in states))
        yield say("threads were counted by state ({list}); only their stacks tell what they wait for", list=listed)


def _of_pools(snapshot: Snapshot) -> Iterator[str]:
    """What a server's own table of its pools says: in which of them tasks wait."""
    pending = [
        (counter.value, counter.name.removesuffix(end)) for counter in snapshot.counters for end in _PENDING if counter.name.endswith(end)
    ]
    if not pending:
        return
    waiting = sorted((one for one in pending if one[0]), reverse=True)
    if not waiting:
        yield say("no task waits in the {pools} that the server lists", pools=plural(len(pending), "pool"))
        return
    listed = joined(", ", (say("{count:,} in {pool}", count=count, pool=pool) for count, pool in waiting[:_LINES]))
    yield say(
        "tasks wait in {waiting} of the {pools} that the server lists: {list}",
        waiting=len(waiting),
        pools=plural(len(pending), "pool"),
        list=listed,
    )


def _of_servers(snapshot: Snapshot) -> Iterator[str]:
    """What a server counts of its own workers and connections."""
    for counter in snapshot.counters:
        if (words := _SERVERS.get(counter.name)) is not None:
            yield say("{server}: {words} {count:,}", server=counter.name.partition(" ")[0], words=words, count=counter.value)


_SERVERS: Final = {
    "nginx requests being served": say("requests being served:"),
    "nginx idle connections": say("idle connections:"),
    "Apache busy workers": say("busy workers:"),
    "Apache idle workers": say("idle workers:"),
}
"""Counts that tell how much a server does at the moment."""
_PENDING: Final = (" pending", " backlog")
"""How the counts of tasks that wait for a thread of a pool end."""


def uncounted(snapshot: Snapshot) -> int:
    """How many sockets of TCP ``ss -s`` counts in no state of its own: listeners, and those that are half closed."""
    counts = {counter.name: counter.value for counter in snapshot.counters}
    return counts.get("sockets of TCP", 0) - sum(counts.get(f"TCP {state}", 0) for state in ("estab", "closed", "synrecv"))


def _of_totals(snapshot: Snapshot) -> Iterator[str]:
    """All sockets of TCP that the kernel has, those of states that ``ss -s`` does not count, and how many descriptors a process may have."""
    counts = {counter.name: counter.value for counter in snapshot.counters}
    total = counts.get("sockets of TCP")
    if total and not snapshot.rows:
        rest = uncounted(snapshot)
        others = say("; {rest:,} of them listen or are half closed (CLOSE_WAIT, FIN_WAIT)", rest=rest) if rest > 0 else ""
        yield say("the kernel has {sockets} of TCP{others}", sockets=plural(total, "socket"), others=others)
    if not snapshot.rows or total:
        yield from (
            say("the limit of open files is {limit:,}", limit=limit.soft)
            for limit in snapshot.limits[:_LINES]
            if limit.name == "Max open files" and limit.soft is not None
        )

"""What is said of connections that somebody else saw: a tracker of connections, a capture as text, a count by far end, a proxy's statistics."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.evidence.queues import name_of, queue_in_words
from analyzer.model.message import joined, plural, say
from parsers.records import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.incident import Snapshot
    from analyzer.model.message import Message
    from parsers.records import FarCount, ProxyLoad

MOST: Final = 4
"""Places, or servers of a proxy, that are told one by one."""
_TRACKER: Final = "conntrack"
_UP: Final = ("UP", "OPEN", "no check", "")
_FATES: Final = {
    Fate.UNANSWERED: say(
        "{connections} to {remote} without an answer to the SYN, which was sent again ({packets} SYNs in all): the other side is down or drops them, or its answer is lost"
    ),
    Fate.SILENT: say("of {connections} to {remote} only the SYN is here, and no answer: a filter of the capture may hide it"),
    Fate.REFUSED: say(
        "{connections} to {remote} refused at once, with a reset: nobody listens on that port there, or something on the way refuses for it"
    ),
    Fate.RESET_BY_CLIENT: say("{connections} to {remote} reset by the client"),
    Fate.RESET_BY_SERVER: say("{connections} to {remote} reset by the server"),
    Fate.CROSSED: say("{connections} to {remote} closed by the server after some idle seconds, just as a request was sent"),
    Fate.VAIN: say("{connections} to {remote} sent data again and again ({packets} packets), and nothing came back"),
    Fate.AGAIN: say("{connections} with {remote} had to send data again ({packets} packets): it was not acknowledged in time"),
}
_SOME_UNANSWERED: Final = say(
    "{connections} to {remote} without an answer to the SYN, which was sent again ({packets} SYNs in all), while another one was answered in the same seconds: the other side is up, and these are dropped on the way or at a full queue"
)
_ORDER: Final = (*_FATES, Fate.LISTED)


def far_counts_in_words(snapshot: Snapshot) -> Iterator[str]:
    """Sentences without their full stops, what tells most first."""
    seen = sorted(
        (count for count in snapshot.far_counts if count.tool != _TRACKER and count.fate is not Fate.LISTED),
        key=lambda one: (_ORDER.index(one.fate), -one.count),
    )
    yield from (_fate(one) for one in seen[:MOST])
    yield from _tracked([count for count in snapshot.far_counts if count.tool == _TRACKER])
    yield from _proxied(snapshot.loads)


def asleep_in_words(snapshot: Snapshot) -> Iterator[str]:
    """Threads in a sleep of the kernel that no signal ends, by process and by the function that sleeps."""
    groups = Counter((task.pid, task.command, task.wait_channel) for task in snapshot.tasks if task.state == "D")
    for (pid, command, channel), count in groups.most_common(MOST):
        yield say(
            "{threads} of {command} (pid {pid}) in uninterruptible sleep{channel}",
            threads=plural(count, "thread"),
            command=command or say("a process"),
            pid=pid,
            channel=say(", in the kernel's {function}", function=channel) if channel else "",
        )


def _fate(count: FarCount) -> Message:
    words = _SOME_UNANSWERED if count.fate is Fate.UNANSWERED and count.alive else _FATES[count.fate]
    slots = {"connections": plural(count.count, "connection"), "remote": str(count.remote), "packets": f"{count.packets:,}"}
    return words.with_slots(slots)


def _tracked(rows: Sequence[FarCount]) -> Iterator[str]:
    """Flows of which no packet came back, by where they lead; and all by state."""
    silent = Counter[tuple[str, str, str]]()
    for row in rows:
        if row.fate is Fate.SILENT:
            silent[row.proto, str(row.remote), str(row.onward) if row.onward is not None else ""] += row.count
    answered = {(one.proto, str(one.remote)) for one in rows if one.fate is not Fate.SILENT}
    for (proto, remote, onward), count in silent.most_common(MOST):
        yield say(
            "of {connections} ({proto}) to {remote}{onward} no packet came back to the host that tracks them{others}",
            connections=plural(count, "connection"),
            proto=proto,
            remote=remote,
            onward=say(", sent on to {remote},", remote=onward) if onward else "",
            others=say(", while others to the same place were answered") if (proto, remote) in answered else "",
        )
    states = Counter[str]()
    for connection in rows:
        states[_state(connection)] += connection.count
    if rows:
        listed = joined(", ", (say("{count:,} {state}", count=count, state=state) for state, count in states.most_common()))
        yield say("the host tracks {connections}: {states}", connections=plural(states.total(), "connection"), states=listed)


def _state(count: FarCount) -> str:
    """``SYN_SENT unreplied``: as the tracker prints it."""
    return " ".join(filter(None, (count.state or count.proto, "unreplied" if count.fate is Fate.SILENT else "")))


def _proxied(loads: Sequence[ProxyLoad]) -> Iterator[str]:
    """Queues of a proxy or pooler, servers that a proxy takes for dead, and how many sessions are left."""
    servers = [load for load in loads if load.server not in {"FRONTEND", "BACKEND", ""}]
    waiting = sorted(
        (load for load in loads if load.queued and load.server != "FRONTEND"), key=lambda one: (one.server == "BACKEND", -(one.queued or 0))
    )
    yield from (queue_in_words(one) for one in waiting[:MOST])
    for one in [load for load in servers if not (load.status or "").startswith(_UP[:3]) and load.status][:MOST]:
        yield say(
            "HAProxy takes {server} for {status}{failed}",
            server=name_of(one),
            status=one.status,
            failed=say(" ({connections} to it failed since it began)", connections=plural(one.failed, "connection")) if one.failed else "",
        )
    full = [load for load in loads if load.limit and load.current is not None and load.current >= load.limit and load not in waiting]
    for one in full[:MOST]:
        yield say("{server} has all of its {limit:,} sessions in use", server=name_of(one), limit=one.limit)
    for one in [load for load in loads if not load.server and load.software == "HAProxy" and load not in full]:
        yield say("HAProxy as a whole has {current:,} connections of the {limit:,} that it may have", current=one.current, limit=one.limit)
    if servers and not waiting and not full:
        yield say("HAProxy lists {servers}, none with a queue", servers=plural(len(servers), "server"))
    pools = [load for load in loads if load.software == "PgBouncer"]
    if pools and not waiting:
        yield say("PgBouncer lists {pools}, and no client waits in them", pools=plural(len(pools), "pool"))

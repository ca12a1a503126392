"""ZooKeeper refuses one host, which has as many connections as an address may: handles that are made again and again, one connection and one thread each."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.families.counted_sockets import process_of, whose
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.text import Do, Either, Text
from analyzer.software.kinds import PoolRole
from parsers.records import Counted, TcpState

if TYPE_CHECKING:
    from analyzer.evidence.log_events import Told
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import Session

NAME: Final = "ZooKeeper"
FEWEST: Final = 20
"""Handles of one process that are no design: most programs need one."""
_PORT: Final = 2181
_OF_CLIENT: Final = "-SendThread("
_SERVED: Final = re.compile(r"-SendThread\([^()]{1,120}?:(\d{1,5})\)").search
"""What the name of the thread of each handle has behind the name of the thread that made it."""
_NAMED: Final = 2
TEXT: Final = Text(
    "connection-leak",
    headline=Either(
        "made",
        "ZooKeeper refuses {client} further connections{limited}: {who} makes handles of ZooKeeper in threads that serve requests, and does not close them{counted}.",
        Either(
            "many",
            "ZooKeeper refuses {client} further connections{limited}: {who} has {counted_there}.",
            "ZooKeeper refuses {client} further connections{limited}.",
        ),
    ),
    explanation=Either(
        "made",
        "Each handle has one connection, one session and one SendThread, whose name begins with the thread that made it: {makers}{pings}.{twice} A client that reconnects keeps its handle, so that does not add any. The limit is one for each client address, and other hosts are served; a higher one, or none (maxClientCnxns=0), only moves the moment.",
        "The limit is one for each client address, and other hosts are served. Each handle has one connection, one session and one SendThread. Handles that are made again and again and never closed, and many programs behind one address, look the same: the names of the SendThreads begin with the thread that made them{pings}.",
    ),
    why=Either(
        "made",
        "The server names the host, and the names of the threads who made the handles. That none of them is closed their number shows.",
        "The server wrote itself whom it refuses; who makes the handles is not shown.",
    ),
    do=(
        Do(When.NOW, "Restart {who}: its sessions end, and the host is let in again.", on="made"),
        Do(
            When.NOW,
            "See which process of {client} has the connections, and who made its handles.",
            "ss -tnp dport = :{port}; jstack PID | grep SendThread",
            on="open",
        ),
        Do(
            When.FIX,
            "Make one handle (ZooKeeper, CuratorFramework) for the whole process, share it between the threads, and close it when the process ends. What is made for one task must be closed in a finally block.",
        ),
        Do(When.PREVENT, "Keep the limit for each address: it has kept one client from taking the places of all others."),
    ),
    figures=(("{connections}", "{who} has to port {port}"), ("{threads_said}", "threads of handles were counted")),
    chain=(("{who}", "makes handles and keeps them at", "ZooKeeper"), ("ZooKeeper", "refuses further connections of", "{client}")),
    phrases={
        "limited": Either("limit", ", as an address may have {limit:,.0f} at each server"),
        "counted": Either(
            "number",
            Either("sends", " ({connections} to all servers together, {threads})", " ({connections} to all servers together)"),
            Either("sends", " ({threads})"),
        ),
        "counted_there": Either("number", "{connections} to port {port} of all servers together", "{threads} of handles"),
        "twice": Either("again", " “{again}” has made {again_number}."),
        "pings": Either("resting", "; the listed {sessions} of {client} only send their heartbeat (PING){hours}"),
        "hours": Either("least", ", connected for {least:.1f} hours and more"),
        "threads_said": Either("sends", "{sends:,}"),
        "named": "threads of handles, made by {makers}",
        "held": "{who} has {connections} to port {port}",
        "rests": "a session that only sends its heartbeat",
    },
)
_LASTS: Final = Outlook(
    RecoversWhen.RESTART, say("Handles that nobody closes stay connected, whatever the load is; they go when their program ends.")
)


class _Handles(msgspec.Struct, frozen=True):
    """The handles of one process: connections that were counted to the servers' port, threads by the name of who made them, and where both stand."""

    process: Process
    port: int
    connections: int
    sends: int
    makers: Counter[str]
    evidence: tuple[Evidence, ...]


def finding_of(case: Case, told: Told) -> Finding | None:
    """What the limit for each address means, and who has the connections; None for another server's line."""
    client = told.event.subject
    if told.event.source != NAME or client is None:
        return None
    handles = _handles(case)
    of_requests = {
        name: number
        for name, number in handles.makers.items()
        if (match := case.known.pool_of(name)) is not None and match.role is PoolRole.SERVER
    }
    number = max(handles.connections, handles.sends)
    again, again_number = Counter(of_requests).most_common(1)[0] if of_requests else ("", 0)
    made = number >= FEWEST and len(of_requests) > 1
    pings = _at_rest(case, client)
    ages = [one.age for one in pings if one.age is not None]
    text = TEXT.filled(
        handles.process,
        client=client,
        who=whose(handles.process)
        if handles.process.pid is not None or handles.process.command
        else say("a process of {host}", host=client),
        limit=told.event.figure("limit"),
        made=made,
        many=number >= FEWEST,
        open=not made,
        number=handles.connections,
        connections=plural(handles.connections, "connection") if handles.connections else "",
        port=str(handles.port),
        sends=handles.sends,
        threads=plural(handles.sends, "SendThread", "SendThreads"),
        makers=joined(", ", (say("“{name}”", name=name) for name in list(of_requests)[:_NAMED])),
        again=again if again_number > 1 else None,
        again_number=plural(again_number, "handle"),
        resting=pings,
        sessions=plural(len(pings), "session"),
        least=min(ages) / 3600 if ages and min(ages) >= 3600 else None,  # noqa: PLR2004 - an hour
    )
    shown = tuple(Evidence(one.where, text[one.says], one.mark, one.more) for one in handles.evidence)
    rests = (Evidence(pings[0].where, text["rests"], ("PING",), len(pings) - 1),) if pings else ()
    return text.finding(
        rule=TEXT.rule if made else "connection-limit",
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if made else Confidence.SUSPECTED,
        evidence=(*shown, *rests, told.evidence),
        chain=text.steps((*shown, *rests), (told.evidence,)),
        culprit=Culprit(library=NAME),
        outlook=_LASTS if made else None,
    )


def _handles(case: Case) -> _Handles:
    """What is here of the handles of the process that has most connections to a server's port."""
    owned: dict[tuple[Process, int], int] = {}
    where: dict[tuple[Process, int], Evidence] = {}
    for one in case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED):
        remote = one.last.remote or (one.last.end if one.last.local is None else None)
        if remote is not None and remote.port is not None:
            key = process_of(case, one), remote.port
            owned[key] = owned.get(key, 0) + one.number
            where.setdefault(key, Evidence(one.last.where, "held", (str(one.number),)))
    ports = _ports(case)
    ours = {key: number for key, number in owned.items() if key[1] in ports}
    (process, port), number = max(ours.items(), key=lambda item: item[1], default=((Process(None, None, None), min(ports)), 0))
    counts = [one for one in case.counts.of(Counted.THREADS) if "SendThread" in f"{one.last.name} {one.last.command}"]
    named = [
        (thread.where, maker)
        for view in case.latest
        if view.dump is not None
        for thread in view.dump.threads
        if (maker := thread.name.partition(_OF_CLIENT)[0]) != thread.name
    ]
    makers = Counter(maker for _, maker in named)
    evidence: tuple[Evidence, ...] = (where[process, port],) if number else ()
    if named:
        evidence += (Evidence(named[0][0], "named", ("SendThread",), len(named) - 1),)
    return _Handles(process, port, number, max([one.number for one in counts] + [len(named)]), makers, evidence)


def _ports(case: Case) -> set[int]:
    """The server's port: as the names of the clients' threads have it, else the usual one."""
    names = (thread.name for view in case.latest if view.dump is not None for thread in view.dump.threads)
    found = {int(match[1]) for name in names if (match := _SERVED(name)) is not None}
    return found or {_PORT}


def _at_rest(case: Case, client: str) -> list[Session]:
    """The sessions of a host in the server's list, if all of them do nothing but say that they are alive."""
    listed = [
        one
        for snapshot in case.incident.snapshots
        for one in snapshot.sessions
        if one.server == "zookeeper" and one.client is not None and one.client.host == client
    ]
    return listed if all(one.statement == "PING" for one in listed) else []

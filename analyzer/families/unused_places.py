"""A server without a place for another client, where its list shows one host's connections at rest: each was made for one use, and none is closed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.sessions import SERVERS
from analyzer.join.coverage import is_filtered
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Do, Either, Text
from parsers.records import SessionState

if TYPE_CHECKING:
    from analyzer.evidence.log_events import Told
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import Session

LISTED: Final = {"Redis": "redis"}
"""Servers whose lists say how long a client is connected, and how long it rests, by the name that their lines have."""
FEWEST: Final = 20
"""Connections of one host that are no chance."""
MOSTLY: Final = 0.7
"""Share of all connections that one host must have to be why no place is left."""
_SHOWN: Final = 3
"""Listed connections that show how all of a host are used: two may be anybody's."""
_RESTS: Final = 60.0
_AT_ONCE: Final = 2.0
"""Seconds between connecting and the last command within which there was one use."""
_APART: Final = 10.0
"""Seconds over which the connections were opened: a pool that a burst has filled is of one moment."""
_OF_OPENING: Final = frozenset(
    {
        "",
        "NULL",
        "auth",
        "client",
        "cluster",
        "command",
        "config",
        "echo",
        "hello",
        "info",
        "ping",
        "readonly",
        "role",
        "script",
        "select",
        "sentinel",
    }
)
"""Commands that clients send when they open a connection, or to see whether it works: a pool that was filled in advance has them as its last."""
TEXT: Final = Text(
    "connection-leak",
    headline=Either(
        "once",
        "{server} has no place left: {host} keeps {number:,} of its {total:,} connections, each used once and idle since. It opens one for each use, and closes none.",
        "{server} has no place left: {host} has {number:,} of its {total:,} connections.",
    ),
    explanation=Either(
        "once",
        "{shown} of {host} in the list have done nothing since their first command, {idle} ago, and were opened one after the other: a pool would have used them again. They are alive, so TCP keepalive keeps them, and {server} drops a client that rests only where it is told to (timeout, 0 by default). {server} itself is not the cause, and a higher limit only moves the moment.{next}",
        "Connections that are never closed, a pool that is too large, and many processes on one host look the same. The list of the clients tells: one that was used once has rested for as long as it is connected.{next}",
    ),
    why=Either(
        "once",
        "The list shows who has the places, and that they are not used. Which code opens them it does not show.",
        "The number of each host is counted; what the connections do is not shown.",
    ),
    do=(
        Do(
            When.NOW,
            "Restart what runs on {host}, or end its idle connections: new clients are let in at once.",
            on="once",
        ),
        Do(When.NOW, "Compare how long the connections of {host} are open (age) and at rest (idle).", on="open"),
        Do(
            When.FIX,
            "Make one client, or one pool, for each process of {host} and share it: search for code that makes a client in a request or a job. Close what is made for one use.",
        ),
        Do(When.PREVENT, "A time limit of the server for idle clients (timeout) helps for the moment; it ends those of honest pools, too."),
    ),
    figures=(("{number:,} of {total:,}", "connections are of {host}"),),
    chain=(("{host}", "opens a connection for each use and closes none at", "{server}"), ("{server}", "has no place for", "other clients")),
    phrases={
        "next": Either("other", " {other}, the next host, has {other_number:,}: look at what runs on {host} alone."),
        "listed": "{shown} of {host} at rest since their first command",
        "counted": "{number:,} of {total:,} connections are of {host}",
        "idle": Either("span", "{least:,.0f} to {most:,.0f} s", "{most:,.0f} s"),
    },
)
_LASTS: Final = Outlook(
    RecoversWhen.RESTART, say("Nobody closes these connections, whatever the load is; they go when the program that opened them ends.")
)


class Share(msgspec.Struct, frozen=True):
    """How many of a server's connections one host has. ``other``: the host that has most of the others."""

    host: str
    number: int
    total: int
    evidence: Evidence
    other: tuple[str, int] | None


def finding_of(case: Case, told: Told) -> Finding | None:
    """What the server's list says of who has its places, None where no host has nearly all."""
    server = LISTED.get(told.event.source)
    share = _share(case, server) if server is not None else None
    if server is None or share is None or share.number < FEWEST or share.number < MOSTLY * share.total:
        return None
    listed = [
        one for snapshot in case.incident.snapshots for one in snapshot.sessions if one.server == server and _of_host(one, share.host)
    ]
    rests = sorted(one.state_age or 0.0 for one in listed)
    once = _used_once(listed)
    text = TEXT.filled(
        None,
        once=once,
        open=not once,
        server=SERVERS.get(server, server),
        host=share.host,
        number=share.number,
        total=share.total,
        shown=plural(len(listed), "connection"),
        least=rests[0] if rests else 0.0,
        most=rests[-1] if rests else 0.0,
        span=len(rests) > 1 and round(rests[0]) != round(rests[-1]),
        other=share.other[0] if share.other is not None else None,
        other_number=share.other[1] if share.other is not None else 0,
    )
    counted = Evidence(share.evidence.where, text["counted"], share.evidence.mark)
    rows = (Evidence(listed[0].where, text["listed"], (listed[0].id,), len(listed) - 1),) if once else ()
    return text.finding(
        rule=TEXT.rule if once else "connection-limit",
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if once else Confidence.SUSPECTED,
        evidence=(counted, *rows, told.evidence),
        chain=text.steps((counted, *rows), (told.evidence,)),
        culprit=Culprit(library=told.event.source),
        outlook=_LASTS if once else None,
    )


def _share(case: Case, server: str) -> Share | None:
    """Who has most of the server's connections: by the rows of a count, else by the list itself."""
    counts = [
        one for snapshot in case.incident.snapshots for one in snapshot.session_counts if one.server == server and one.client is not None
    ]
    numbers = Counter[str]()
    if counts:
        for one in counts:
            numbers[one.client or ""] = one.count  # the last of two counts
        where = {one.client: one.where for one in counts}
    else:
        listed = [one for snapshot in case.incident.snapshots[-1:] for one in snapshot.sessions if one.server == server and one.client]
        if any(is_filtered(case.incident, file) for file in {one.where.file for one in listed}):
            return None  # whose connections a filter left out, nobody knows
        numbers.update(one.client.host for one in listed if one.client is not None)
        where = {one.client.host: one.where for one in listed if one.client is not None}
    if not numbers:
        return None
    (host, number), *others = numbers.most_common(2)
    mark = str(number) if counts else host
    return Share(host, number, numbers.total(), Evidence(where[host], "", (mark,)), others[0] if others else None)


def _of_host(session: Session, host: str) -> bool:
    return session.client is not None and session.client.host == host


def _used_once(listed: list[Session]) -> bool:
    """True if the connections of a host were opened one after the other, each for one command, and rest since."""
    if len(listed) < _SHOWN or any(one.state is not SessionState.IDLE or one.age is None or one.state_age is None for one in listed):
        return False
    ages = [one.age or 0.0 for one in listed]
    return max(ages) - min(ages) >= _APART and all(
        (one.statement or "").partition("|")[0] not in _OF_OPENING
        and (one.state_age or 0.0) >= _RESTS
        and (one.age or 0.0) - (one.state_age or 0.0) <= _AT_ONCE
        for one in listed
    )

"""No further thread could be made, and most of the counted ones are those of clients: a library's client object has threads of its own, and one is made for each use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.log_events import near, site_of
from analyzer.families.counted_limits import container_full
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Do, Either, Text
from parsers.records import Counted, LogKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.evidence.log_events import Told
    from analyzer.join.counts import Count
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import LogEvent

FEWEST: Final = 100
"""Threads of which each client has one, from which on clients are made for each use: a program needs a few."""
_ALIKE: Final = 0.05
"""Share by which the numbers of two names may differ that are two threads of each client."""
_OF_LIMIT: Final = 0.9
"""Share of the limit from which on it is reached: some threads end before they are counted, and not all were."""


class _Kind(msgspec.Struct, frozen=True):
    """A client of which each object has exactly one thread called ``begins`` … ``ends_with``. ``rests``: seconds after which the threads of an idle one end."""

    client: str
    begins: str = ""
    within: str = ""
    rests: float | None = None
    second: str | None = None
    """How the second thread of each object is called, if it has one."""
    builder: bool = False
    """True if objects are derived from one by its builder, which shares its threads."""


_KINDS: Final = (
    _Kind("OkHttpClient", begins="OkHttp ConnectionPool", rests=300.0, second="OkHttp ", builder=True),
    _Kind("java.net.http.HttpClient", begins="HttpClient-", within="-SelectorManager"),
    _Kind("ZooKeeper", within="-SendThread("),
    _Kind("KafkaProducer", begins="kafka-producer-network-thread"),
    _Kind("KafkaAdminClient", begins="kafka-admin-client-thread"),
    _Kind("DefaultAsyncHttpClient", begins="AsyncHttpClient-", within="timer"),
    _Kind("RabbitMQ Connection", begins="AMQP Connection "),
    _Kind("Redisson", begins="redisson-timer"),
    _Kind("Timer", begins="Timer-"),
)
TEXT: Final = Text(
    "thread-leak",
    headline="No further thread could be made{limited}: {number:,} “{name}” are the threads of as many objects {client}, made again and again where one is enough.",
    explanation="Each {client} has threads of its own, one of them called “{name}”{beside}.{made} {ended} More memory, a smaller stack (-Xss) and a higher limit only move the moment.",
    why="The error, the number of threads, and whose they are agree.{code}",
    do=(
        Do(When.NOW, "Restart the process if it does not go on; send it less until one {client} is shared."),
        Do(
            When.FIX,
            "Make one {client}, keep it in a field, and share it between all threads; what differs by call is set on a copy that shares its pool and threads (newBuilder()).",
            on="builder",
        ),
        Do(
            When.FIX, "Make one {client}, keep it in a field, and share it between all threads; close what is made for a while.", on="plain"
        ),
        Do(When.PREVENT, "Watch the number of threads of the process: it must not follow the number of calls."),
    ),
    figures=(("{number:,}", "threads “{name}”"),),
    chain=(("{who}", "makes another", "{client}"), ("its threads", "stay until no further one", "can be made")),
    phrases={
        "limited": Either("most", ", as {counted:,} threads were counted and the container may have {most:,} tasks"),
        "beside": Either("second", "; the {second_number:,} “{second}” are the second of each"),
        "made": Either("site", " The pasted code makes one ({site}): each time that it runs, another."),
        "who": Either("caller", "{caller}", "code that runs for each call"),
        "code": Either("site", " The code shows where they are made.", " The code that makes them is not here."),
        "ended": Either(
            "rests",
            "They end by themselves when the client has been idle for some time ({minutes} by default), so a burst of calls makes more than end. Closing each answer is right, and ends none of them.",
            "They do not end when a call does: only closing the client ends them.",
        ),
        "counted_threads": "threads of {client}",
        "code_line": "the code makes a {client}",
    },
)


def finding_of(case: Case, told: Told) -> Finding | None:
    """The clients whose threads are most of those that were counted; None if no name is one of theirs."""
    counts = [one for one in case.counts.of(Counted.THREADS) if one.last.name is not None]
    found = [(one, kind) for one in counts for kind in _KINDS if _is_of(one.last.name or "", kind)]
    if not found or found[0][0].number < FEWEST:
        return None
    most, kind = found[0]
    total = sum(one.number for one in counts)
    second = _second(counts, most, kind)
    tasks = _limit(case, total)
    code = next((one for one in near(case.incident) if one.kind is LogKind.MADE and one.subject == kind.client), None)
    rests, site = kind.rests, site_of(told.event, case.known)
    text = TEXT.filled(
        None,
        client=kind.client,
        name=most.last.name,
        number=most.number,
        counted=total,
        most=tasks[0] if tasks is not None else None,
        second=second.last.name if second is not None else None,
        second_number=second.number if second is not None else 0,
        site=str(code.where) if code is not None else None,
        caller=site if site is not None and case.known.is_application(site.cls) else None,
        rests=rests,
        minutes=plural(round((rests or 0.0) / 60), "minute"),
        builder=kind.builder,
        plain=not kind.builder,
    )
    threads = Evidence(most.last.where, text["counted_threads"], (str(most.number),))
    made = (Evidence(code.where, text["code_line"], (kind.client.rpartition(".")[2],)),) if code is not None else ()
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        evidence=(threads, *made, *((tasks[1],) if tasks is not None else ()), told.evidence),
        chain=text.steps((threads, *made), (told.evidence,)),
        culprit=Culprit(pool=most.last.name, library=kind.client),
        outlook=_outlook(kind),
    )


def _outlook(kind: _Kind) -> Outlook:
    if kind.rests is not None:
        return Outlook(
            RecoversWhen.LOAD,
            say("The threads of clients that nobody uses any more end after their idle time; the next burst makes them again."),
        )
    return Outlook(
        RecoversWhen.RESTART, say("The threads of a client end when somebody closes it; a restart ends them, and they grow again.")
    )


def _is_of(name: str, kind: _Kind) -> bool:
    return name.startswith(kind.begins) and kind.within in name


def _second(counts: Sequence[Count], most: Count, kind: _Kind) -> Count | None:
    """The second thread of each object, of which there are about as many."""
    named = (one for one in counts if one is not most and kind.second is not None and (one.last.name or "").startswith(kind.second))
    return next((one for one in named if abs(one.number - most.number) <= _ALIKE * most.number), None)


def _limit(case: Case, total: int) -> tuple[int, Evidence] | None:
    """How many tasks the container may have, if the counted threads all but reach it."""
    full = container_full(case)
    if full is not None:
        return full.most.values[0], full.evidence
    said: list[LogEvent] = [one for one in near(case.incident) if one.kind is LogKind.BESIDE_LIMIT and one.source == "tasks"]
    limits = {most for one in said if (most := one.figure("most"))}
    most = int(limits.pop()) if len(limits) == 1 else 0
    if not _OF_LIMIT * most <= total <= most:
        return None
    return most, Evidence(said[0].where, say("tasks that the container may have"), (str(most),))

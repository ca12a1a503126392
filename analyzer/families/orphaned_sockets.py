"""Sockets without a process: programs have closed them, and the last bytes are not acknowledged. Their number and the memory of TCP against the kernel's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.log_events import of_this_moment
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import Counted, LogKind, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.evidence.log_events import Told
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import Counter, Setting

FULL: Final = 0.97
"""Share of the limit at which the next burst finds it reached."""
_CLOSED: Final = (TcpState.FIN_WAIT1, TcpState.LAST_ACK, TcpState.CLOSING)
"""States in which a socket without a process waits for the last acknowledgement."""
OUTLOOK: Final = Outlook(
    RecoversWhen.TIMEOUT,
    say("The kernel gives each of them up after some minutes (tcp_orphan_retries); as long as clients go on to vanish, others follow."),
)
TEXT: Final = Text(
    "vanished-peer",
    headline=Either(
        "limit",
        "The kernel holds {orphans} that belong to no process any more{states}, and its limit is {limit:,}: it resets further ones.",
        "The kernel had more sockets that belong to no process any more than it may{counted}: it reset further ones.",
    ),
    explanation="A program has closed these connections, and the last bytes that it sent are not acknowledged: the clients have vanished without a word (phones, a cut way) or take nothing, and the kernel sends again for minutes. No process has them, so none of them leaks descriptors or memory.{memory} A flood of clients that connect and leave looks the same.",
    why=Either(
        "both",
        "The kernel's own line and its counter beside its limit agree.",
        Either(
            "counter",
            "The kernel's counter stands beside its limit.",
            "The kernel wrote the line itself; how many there are now, only its counters show.",
        ),
    ),
    do=(
        Do(
            When.NOW,
            "See who the far ends are, and whether they still answer.",
            "ss -tano state fin-wait-1 | awk '{print $4}' | cut -d: -f1 | sort | uniq -c | sort -rn | head",
        ),
        Do(
            When.FIX,
            "Lower net.ipv4.tcp_orphan_retries, so that the kernel gives such connections up sooner; raise tcp_max_orphans, and tcp_mem with it, only as far as there is memory.",
        ),
        Do(When.PREVENT, "Keep send buffers small for clients that may vanish, and end slow ones before the buffer is full."),
    ),
    figures=(("{shown}", "sockets without a process"),),
    ask=(
        Ask(
            "the kernel's counters",
            "how many there are now",
            "cat /proc/net/sockstat; sysctl net.ipv4.tcp_max_orphans net.ipv4.tcp_mem",
            on="unseen",
        ),
    ),
    chain=(("programs", "have closed", "{orphans}"), ("the far ends", "do not acknowledge the last bytes", "{closed}")),
    phrases={
        "counted": Either("number", " ({orphans} were counted)"),
        "states": Either("closed", " ({closed})"),
        "memory": Either("pages", " TCP's memory is used up with them: {pages:,} of {most:,} pages."),
        "says": "{orphans} without a process",
        "allowed": "{limit:,} are allowed",
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One finding where the kernel says so, or its counter has reached its limit."""
    told = next((one for one in of_this_moment(case.incident) if one.event.kind is LogKind.ORPHANS), None)
    counter, limit = _counter(case, "TCP orphan", "TCP orphaned"), case.counts.setting("net.ipv4.tcp_max_orphans")
    full = counter is not None and limit is not None and bool(limit.values) and counter.value >= FULL * limit.values[0] > 0
    if told is not None or full:
        yield _finding(case, told, counter, limit if full else None)


def _finding(case: Case, told: Told | None, counter: Counter | None, limit: Setting | None) -> Finding:
    pages, most = _memory(case)
    number = counter.value if counter is not None else 0
    text = TEXT.filled(
        None,
        limit=limit.values[0] if limit is not None else 0,
        both=told is not None and limit is not None,
        counter=limit is not None,
        number=number,
        orphans=plural(number, "socket") if number else say("sockets"),
        closed=_states(case),
        pages=pages,
        most=most,
        unseen=counter is None,
        shown=f"{number:,}" if number else say("more than allowed"),
    )
    shown = [told.evidence] if told is not None else []
    if counter is not None:
        shown.append(Evidence(counter.where, text["says"], (str(counter.value),)))
    if limit is not None:
        shown.append(Evidence(limit.where, text["allowed"], (str(limit.values[0]),)))
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if limit is not None else Confidence.SUSPECTED,
        evidence=tuple(shown),
        chain=text.steps(tuple(shown), ()),
        culprit=Culprit(),
        outlook=OUTLOOK,
    )


def _counter(case: Case, *names: str) -> Counter | None:
    """The last reading of the first of the counters that is here."""
    counters = [counter for snapshot in case.incident.snapshots for counter in snapshot.counters]
    return next((counter for name in names for counter in reversed(counters) if counter.name == name), None)


def _memory(case: Case) -> tuple[int, int]:
    """Pages of memory that TCP uses, and may use, where they are nearly all; else zeros."""
    used, allowed = _counter(case, "TCP mem"), case.counts.setting("net.ipv4.tcp_mem")
    if used is None or allowed is None or len(allowed.values) != 3 or used.value < FULL * allowed.values[2]:  # noqa: PLR2004 - low, pressure, high
        return 0, 0
    return used.value, allowed.values[2]


def _states(case: Case) -> str:
    """``15,902 in FIN_WAIT1 and 489 in LAST_ACK``: the states that wait for the last acknowledgement, as they were counted."""
    counts = {one.last.state: one.number for one in case.counts.of(Counted.SOCKETS) if one.last.local is None and one.last.remote is None}
    return joined(
        say(" and "), [say("{count:,} in {state}", count=counts[state], state=state.value) for state in _CLOSED if counts.get(state)]
    )

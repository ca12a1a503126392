"""The host's table of tracked connections is full: the kernel drops packets of new connections before any process sees them.

Looks for: as many tracked connections as the table may have (net.netfilter.nf_conntrack_count and nf_conntrack_max). The kernel's own line, "table full,
dropping packet", confirms it. Where the entries were counted by state, what fills the table is named.

Why it matters: connections to and from the host fail or time out at random, whatever the program, ssh included, while processes, sockets and CPU look
healthy. A router, a firewall or a node with containers tracks the connections of others, too.

Do next: raise net.netfilter.nf_conntrack_max (and the buckets with it), which works at once; then make fewer or shorter entries: reuse connections, lower
nf_conntrack_tcp_timeout_time_wait, take traffic that needs no state out of tracking.

Wrong when: entries of which only one side was seen (a flood, a sender without answers) fill the table: the kernel evicts them for new ones; or the values are of another network namespace than the traffic, or the table was full for a moment only. One reading does not show for how long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.families.counted_limits import told_of, tracked
from analyzer.families.counted_sockets import shown
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import joined, say
from analyzer.model.text import Do, Either, Text
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.need import Need
    from analyzer.waits.case import Case

NEEDS: Final[tuple[Need, ...]] = ()
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.LOAD, say("Each entry leaves at its own timeout: there is room again when fewer new connections come than leave.")
)
CLEAN: Final = say("no reading of the table of tracked connections is here, or it has room")
MOST: Final = 4
"""States of entries that are told one by one."""
TEXT: Final = Text(
    "conntrack-full",
    headline=Either(
        "logged",
        "The host's table of tracked connections is full ({used:,} of {most:,}): the kernel drops packets of new connections.",
        "The host's table of tracked connections is full ({used:,} of {most:,}): a new connection finds no place unless the kernel can evict another one.",
    ),
    explanation="The kernel tracks {used:,} connections of at most {most:,} (nf_conntrack).{log}{filled} A packet that needs a new entry is dropped unless an entry of which only one side was seen can go for it, so connections to and from this host fail or wait, whatever process makes them; those that are in the table go on. Who makes so many, the table's addresses tell.",
    why=Either(
        "logged",
        "The reading and the kernel's own message agree.",
        "The reading says that it is full; a message of the kernel that it dropped packets is not here.",
    ),
    do=(
        Do(
            When.NOW,
            "Raise the limit, which works at once and needs no restart; the buckets should grow with it.",
            "sysctl -w net.netfilter.nf_conntrack_max={double}; sysctl -w net.netfilter.nf_conntrack_buckets={buckets}",
        ),
        Do(When.NOW, "See who fills it.", "conntrack -L | awk '{print $1,$4}' | sort | uniq -c | sort -rn | head"),
        Do(
            When.FIX,
            "Make fewer or shorter entries: reuse connections (keep-alive, a pool), lower net.netfilter.nf_conntrack_tcp_timeout_time_wait, and take traffic that needs no state out of tracking (notrack).",
        ),
        Do(When.PREVENT, "Watch nf_conntrack_count against nf_conntrack_max."),
    ),
    figures=(("{used:,} of {most:,}", "tracked connections"),),
    chain=(
        ("new connections", "need an entry in", "the table of tracked connections"),
        ("the kernel", "has none left and drops", "their packets"),
    ),
    phrases={
        "log": Either("logged", " It says itself that the table was full and packets were dropped."),
        "filled": Either("list", " Most entries by state: {list}."),
        "count": "entries of the table",
        "limit": "entries that the table may have",
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding for a table that is full."""
    table = tracked(case)
    if table is None:
        return
    logged = told_of(case, LogKind.TRACKED)
    states = (
        say("{count:,} {state}", count=one.number, state=one.last.state.value if one.last.state else one.last.name or "?")
        for one in table.states[:MOST]
    )
    text = TEXT.filled(
        Process(),
        used=table.used,
        most=table.most,
        logged=logged,
        list=joined(", ", states) if table.states else "",
        double=2 * table.most,
        buckets=table.most // 2,
    )
    readings = table.evidence
    yield text.finding(
        severity=Severity.CRITICAL if logged is not None else Severity.WARNING,
        confidence=Confidence.CERTAIN if logged is not None else Confidence.LIKELY,
        evidence=(
            *readings,
            *((logged.evidence,) if logged is not None else ()),
            *(shown(one.last.where, one, one.number) for one in table.states[:1]),
        ),
        chain=text.steps(readings, (logged.evidence,) if logged is not None else ()),
        culprit=Culprit(),
    )

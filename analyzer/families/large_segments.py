"""Connections whose first, short bytes were acknowledged and whose first whole segment never was: packets of that size do not pass the way.

A link that carries less than its ends believe should be told of by ICMP (RFC 1191). Where that answer is dropped, each whole segment is lost for ever
while short ones pass: a path MTU black hole (RFC 2923, 2.1; RFC 4821).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.families.chosen_calls import callers_in_words
from analyzer.model.finding import Confidence, Culprit, Process, Severity, When
from analyzer.model.message import joined, plural
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.evidence.unanswered import Unanswered
    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case

FEWEST: Final = 2
"""Connections that must show it: one may have lost its far end at that moment."""
SPREAD: Final = 3000
"""Milliseconds between the last acknowledgements of the connections."""
NAMED: Final = 3
_LESS: Final = 76
"""Octets by which the first ping is smaller than a segment: a tunnel takes so much."""
TEXT: Final = Text(
    "vanished-peer",
    headline="Whole segments to {hosts} do not arrive, and short ones do: {connections} sent {acked} bytes with success, and {retransmit} the first full segment in vain{callers}.",
    explanation="Each acknowledged what fits into a short packet, and nothing since the first segment of {mss:,} bytes, which was sent again up to {times} times. The host is not down and the way is open: a link between carries no packet of that size, and the ICMP answer that should say so (fragmentation needed) does not come back: a path MTU black hole. A far end that was ended just then would show the same, but not on each connection at the same place.",
    why="The kernel's counters of each connection have both: what was acknowledged, and what is sent again.",
    do=(
        Do(
            When.NOW,
            "Find the largest packet that passes: lower the size until an answer comes.",
            "ping -c 2 -M do -s {ping} {first_host}; tracepath -n {first_host}",
        ),
        Do(
            When.NOW,
            "Let the kernel try smaller segments by itself, or set the MTU of the route.",
            "sysctl -w net.ipv4.tcp_mtu_probing=1; ip route get {first_host}",
        ),
        Do(
            When.FIX,
            "Let ICMP type 3 code 4 (IPv6: packet too big) through the firewalls, or clamp the MSS where tunnels and VPNs begin (TCPMSS --clamp-mss-to-pmtu).",
        ),
        Do(When.PREVENT, "Give reads and writes a timeout: a call to a far end like this should end in an error."),
    ),
    figures=(("{count:,}", "connections to {hosts} that lost their first full segment"), ("{times}", "retransmissions at most")),
    chain=(
        ("this host", "sends segments of {mss:,} bytes to", "{hosts}"),
        ("a link between", "drops them without a word", "{connections}"),
    ),
    phrases={
        "acked": Either("range", "{least} to {most_acked}", "{least}"),
        "group": "{connections} to {hosts}: {acked} bytes acknowledged, then a full segment sent again up to {times} times",
    },
)


def finding(case: Case, found: Unanswered) -> Finding | None:
    """One where every connection that retransmits shows it; None for all others."""
    rows = found.rows
    if len(rows) < FEWEST or not all(map(_lost_the_first, rows)) or not _at_times_of_their_own(rows):
        return None
    hosts, infos = list(found.by_host), [row.info for row in rows if row.info is not None]
    owner = next((row.owners[0] for row in rows if row.owners), None)
    acked = sorted((info.bytes_acked or 1) - 1 for info in infos)  # the SYN counts as one
    mss = max(info.mss or 0 for info in infos)
    text = TEXT.filled(
        Process(found.view.snapshot.host, owner.pid if owner else None, owner.command if owner else None),
        hosts=joined(", ", hosts[:NAMED]),
        first_host=hosts[0],
        connections=plural(len(rows), "connection"),
        retransmit=plural(len(rows), "connection repeats", "connections repeat"),
        callers=callers_in_words(case, found.view, hosts),
        range=acked[0] < acked[-1],
        least=f"{acked[0]:,}",
        most_acked=f"{acked[-1]:,}",
        mss=mss,
        ping=mss - _LESS,
        times=found.most,
        count=len(rows),
    )
    shown = of_sockets(rows, text["group"], (hosts[0], "on ("))
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        evidence=(shown,),
        chain=text.steps((shown,)),
        culprit=Culprit(remote=hosts[0]),
    )


def _at_times_of_their_own(rows: Sequence[Connection]) -> bool:
    """True if the last acknowledgements lie seconds apart: where the far host went down, they end at one moment."""
    last = [row.info.last_ack_ms for row in rows if row.info is not None and row.info.last_ack_ms is not None]
    return len(last) == len(rows) and max(last) - min(last) >= SPREAD


def _lost_the_first(row: Connection) -> bool:
    """True if less than a segment was acknowledged, and at least a whole one is not."""
    info = row.info
    if info is None or not info.mss or not info.bytes_acked:
        return False
    return info.bytes_acked < info.mss <= (row.send_q or 0) and bool(info.unacked)

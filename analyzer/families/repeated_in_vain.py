"""Data that a client sends again and again while nothing comes back, as packets show it: the way is cut, or packets of that size do not pass it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.finding import Confidence, Culprit, Evidence, Process, Severity, When
from analyzer.model.message import plural
from analyzer.model.text import ByNumber, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.captures import CapturedFlow, Port
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.capture.facts import Flow

FEWEST: Final = 2
"""Connections to one server: a single one may have lost its far end."""
AGAIN: Final = 3
"""Repetitions of one of them, from which on some seconds have passed: the kernel doubles the pause each time."""
LOOKED_AT: Final = 500
"""Connections of a server that are looked at."""
LARGE: Final = 1000
"""Octets of a segment, from which on it is a whole one on usual links."""
_OPENS: Final = 3
TEXT: Final = Text(
    "vanished-peer",
    headline=ByNumber(
        "count",
        "{connections} to {server} repeats data that nothing acknowledges, up to {most} times{alive}.",
        "{connections} to {server} repeat data that nothing acknowledges, up to {most} times{alive}.",
    ),
    explanation="After the first repetition not one packet of {server} came back on {them}{short}. {cause}",
    why="The packets show the repetitions and the silence. Where the packets, or their acknowledgements, are lost a capture on the other side shows.",
    do=(
        Do(
            When.NOW,
            "Find the largest packet that passes: lower the size until an answer comes.",
            "ping -c 2 -M do -s 1372 {host}; tracepath -n {host}",
            on="large",
        ),
        Do(
            When.NOW,
            "Capture on both sides at once: do these segments arrive there?",
            "tcpdump -ni any host {host} and port {port} -w other-side.pcap",
        ),
        Do(
            When.FIX,
            "Let ICMP type 3 code 4 (IPv6: packet too big) through, clamp the MSS where tunnels begin, or set net.ipv4.tcp_mtu_probing=1.",
            on="large",
        ),
        Do(
            When.FIX,
            "Give calls a timeout, and set TCP keepalive and TCP_USER_TIMEOUT, so that a cut way is noticed before a quarter of an hour has passed.",
        ),
    ),
    figures=(("{count:,}", "connections to {server} without an acknowledgement"), ("{most}", "repetitions at most")),
    chain=(("clients", "send again and again to", "{server}"), ("{server}", "does not acknowledge", "{connections}")),
    phrases={
        "alive": Either("alive", ", while others to it get answers"),
        "them": Either("several", "these connections", "this connection"),
        "short": Either("acked", ", though short packets had been acknowledged before"),
        "cause": Either(
            "large",
            "What is repeated are whole segments, and what passes is short: a link between that carries no packets of this size, and whose ICMP answer does not come back (a path MTU black hole), shows just that. A firewall that forgot these connections looks the same.",
            Either(
                "alive",
                "The server is there and the way is open, as other connections show: something between has forgotten these, or drops their packets.",
                "The host is down, the way is cut, or something between has forgotten the connections.",
            ),
        ),
        "shown": "{connections}: sent again up to {most} times, and nothing came back",
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One for each server that leaves repeated data of several clients' connections without an acknowledgement."""
    for port in case.ports:
        lost = [one for one in port.having("waiting", "taken", without=("reset",))[:LOOKED_AT] if _is_lost(one)]
        if len(lost) >= FEWEST and any(one.flow.by_client.retransmitted >= AGAIN for one in lost):
            yield _finding(port, lost)


def _is_lost(captured: CapturedFlow) -> bool:
    """True if the other end has sent nothing since the client's data were repeated."""
    client, server = captured.flow.by_client, captured.flow.by_server
    first = client.first_retransmission
    return first is not None and client.last_data is not None and (server.last is None or server.last.time < first.time)


def _are_whole(flow: Flow) -> bool:
    """True if the client's new data came in whole segments, but for what opens a connection: SYN, ACK, and a short head."""
    sent = flow.by_client
    return sent.octets >= LARGE * max(1, sent.segments - sent.retransmitted - (_OPENS if sent.syn is not None else 0))


def _finding(port: Port, lost: Sequence[CapturedFlow]) -> Finding:
    flows = [one.flow for one in lost]
    begun = min(flow.by_client.first_retransmission.time for flow in flows if flow.by_client.first_retransmission is not None)
    others = port.having("taken", "answered")[:LOOKED_AT] or port.having("ended both")[:LOOKED_AT]
    alive = any((last := one.flow.by_server.last) is not None and last.time > begun for one in others)
    acked = [flow for flow in flows if flow.by_server.segments > 1]
    large = alive and all(map(_are_whole, flows))
    most = max(flow.by_client.retransmitted for flow in flows)
    text = TEXT.filled(
        Process(host=None, pid=None, command=None),
        server=port.server,
        host=port.server.host,
        port=port.server.port,
        connections=plural(len(lost), "connection"),
        several=len(lost) > 1,
        most=most,
        alive=alive,
        large=large,
        acked=acked,
        count=len(lost),
    )
    shown = Evidence(flows[0].where, text["shown"], (), len(flows) - 1)
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        evidence=(shown,),
        chain=text.steps((shown,)),
        culprit=Culprit(remote=str(port.server)),
    )

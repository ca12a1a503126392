"""Data that a client sends again and again while nothing comes back, as packets show it: the way is cut, or packets of that size do not pass it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.finding import Confidence, Culprit, Evidence, Process, Severity, When
from analyzer.model.message import duration, plural
from analyzer.model.text import ByNumber, Do, Either, Text
from parsers.records import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.captures import CapturedFlow, Port
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.capture.facts import Flow
    from parsers.records import FarCount

FEWEST: Final = 2
"""Connections to one server: a single one may have lost its far end."""
AGAIN: Final = 3
"""Repetitions of one of them, from which on some seconds have passed: the kernel doubles the pause each time."""
LOOKED_AT: Final = 500
"""Connections of a server that are looked at."""
LARGE: Final = 1000
"""Octets of a segment, from which on it is a whole one on usual links."""
ANSWERED: Final = 2
"""Packets of the server that must be here: its SYN-ACK alone may be all that a filter lets through."""
IDLE: Final = 60.0
"""Seconds of rest from which on something between may have forgotten a connection."""
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


RESTED: Final = Text(
    "vanished-peer",
    headline="{remote} does not acknowledge what is sent to it: {connections} sent the same data again {packets} times in {span}{after}.",
    explanation="Not one packet came back.{forgotten}{up} No slow answer looks like this: whoever received the data would acknowledge it at once. The caller hangs until the kernel gives up, after about 15 minutes on Linux (tcp_retries2), and then gets “Connection timed out”.",
    why=Either(
        "rested",
        "The packets show the rest, the repetitions and the silence. Who dropped them they do not show: a restart of the far host looks the same, if no new connection was answered since.",
        "The packets show the repetitions and the silence. Where they are lost a capture on the other side shows.",
    ),
    do=(
        Do(
            When.NOW,
            "See whether the other end still has the connection: if it has, something between has forgotten it.",
            "ss -tno | grep {port}",
        ),
        Do(When.NOW, "End the dead connections: restart the pool or the process, instead of waiting for the kernel."),
        Do(
            When.FIX,
            "Set TCP keepalive below the idle limit of what lies between (firewall, NAT, load balancer), in the driver or by net.ipv4.tcp_keepalive_time, and TCP_USER_TIMEOUT and a read timeout.",
        ),
        Do(When.PREVENT, "Let the pool test a connection that has rested before it lends it, or retire it sooner than that."),
    ),
    figures=(("{packets}", "repetitions without an acknowledgement"),),
    chain=(("this host", "sends again and again to", "{remote}"), ("{remote}", "does not acknowledge", "{connections}")),
    phrases={
        "after": Either("rested", ", after {rest} without a packet"),
        "forgotten": Either(
            "rested",
            " The connection had rested for {rest}: a firewall, a NAT or a load balancer between that forgets idle connections drops their packets without a word, while both ends still hold them open.",
        ),
        "up": Either("alive", " Another connection to the same port was answered: the host is up, and the way to it is open."),
        "shown": "packets: the same data sent again {packets} times, and nothing came back",
    },
)


def rested(case: Case) -> Iterator[Finding]:
    """The same in the lines of tcpdump: one for each server."""
    for snapshot in case.incident.snapshots:
        for count in snapshot.far_counts:
            if count.fate is Fate.VAIN and count.idle is not None:
                yield _of_text(count)


def _of_text(count: FarCount) -> Finding:
    rest, span = (count.idle[1] if count.idle is not None else 0.0), count.late
    text = RESTED.filled(
        Process(host=None, pid=None, command=None),
        remote=count.remote,
        port=count.remote.port,
        connections=plural(count.count, "connection"),
        packets=count.packets,
        span=duration(span),
        rested=rest >= IDLE,
        rest=duration(rest),
        alive=count.alive,
    )
    shown = Evidence(count.where, text["shown"])
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        evidence=(shown,),
        chain=text.steps((shown,), (shown,)),
        culprit=Culprit(remote=str(count.remote)),
    )


def findings(case: Case) -> Iterator[Finding]:
    """One for each server that leaves repeated data of several clients' connections without an acknowledgement."""
    yield from rested(case)
    for port in case.ports:
        lost = [one for one in port.having("waiting", "taken", without=("reset",))[:LOOKED_AT] if _is_lost(one)]
        if len(lost) >= FEWEST and any(one.flow.by_client.retransmitted >= AGAIN for one in lost):
            yield _finding(port, lost)


def _is_lost(captured: CapturedFlow) -> bool:
    """True if the other end has sent nothing since the client's data were repeated."""
    client, server = captured.flow.by_client, captured.flow.by_server
    first = client.first_retransmission
    if first is None or client.last_data is None or server.last is None or server.segments < ANSWERED:
        return False  # of a server whose packets are not in the capture nothing is known
    return server.last.time < first.time and client.last_data.time <= first.time


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

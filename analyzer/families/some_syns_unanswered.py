"""SYNs that nothing answered, to a port that answered another connection in the same seconds, as the lines of tcpdump show: the service is up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import duration, plural, say
from analyzer.model.text import Ask, Do, Text
from parsers.records import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import FarCount

TEXT: Final = Text(
    "vanished-peer",
    headline="{remote} is up, but {connections} to it got no answer to {packets} SYNs within {span}, while another one was answered in the same seconds.",
    explanation="Neither a SYN-ACK nor a reset came back, and the other connection shows that the service listens and that the way is open. So these SYNs, or their answers, are dropped: on the way (a firewall, a NAT or a full table of tracked connections, one of several servers behind a load balancer), or by the kernel of the server where the accept queue or the queue of SYNs is full for the moment. A capture at this end can not tell which; a service that is down, or a port that is closed, would look otherwise.",
    why="The packets show the repetitions, the silence, and the answer to another connection. Where the SYNs are lost a capture at the server shows.",
    do=(
        Do(
            When.NOW,
            "Capture at the server at the same time: does the SYN arrive, and does an answer leave? There see whether the kernel counts overflows, and how long the queue is.",
            "tcpdump -ni any port {port} and 'tcp[tcpflags] & tcp-syn != 0'; nstat -az TcpExtListenOverflows TcpExtListenDrops; ss -ltn sport = :{port}",
        ),
        Do(
            When.FIX,
            "If the SYN does not arrive, look at what lies between, with the time and the ports of one such connection. If it arrives and no answer leaves, the queue of the server is what drops it.",
        ),
    ),
    ask=(
        Ask(
            "capture at the server, of the same moment",
            "whether the SYNs arrive there, and whether answers leave",
            "tcpdump -ni any port {port} -w server.pcap",
        ),
    ),
    figures=(("{packets}", "SYNs without an answer"),),
    chain=(("this host", "sends SYNs to", "{remote}"), ("something on the way, or a full queue,", "drops", "{connections}")),
    phrases={"shown": "packets: {connections} with a SYN that was sent again, and no answer"},
)
_OUTLOOK: Final = Outlook(
    RecoversWhen.TIMEOUT,
    say("A new attempt may get through at once. The kernel gives up on a SYN after about two minutes on Linux (tcp_syn_retries)."),
)


def is_up(case: Case, remote: object) -> bool:
    """True if packets show that a place answered another connection in the same seconds."""
    return any(str(one.remote) == str(remote) for one in _lost(case))


def findings(case: Case) -> Iterator[Finding]:
    """One for each such port."""
    yield from (_finding(one) for one in _lost(case))


def _lost(case: Case) -> list[FarCount]:
    return [one for snapshot in case.incident.snapshots for one in snapshot.far_counts if one.fate is Fate.UNANSWERED and one.alive]


def _finding(count: FarCount) -> Finding:
    text = TEXT.filled(
        Process(host=None, pid=None, command=None),
        remote=count.remote,
        port=count.remote.port,
        connections=plural(count.count, "connection"),
        packets=count.packets,
        span=duration(count.late),
    )
    shown = Evidence(count.where, text["shown"])
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=(shown,),
        chain=text.steps((shown,), (shown,)),
        culprit=Culprit(remote=str(count.remote)),
        outlook=_OUTLOOK,
    )

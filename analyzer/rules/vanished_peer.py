"""The peer is gone without a word: this host sends again and again, and nobody answers.

Looks for: connections with bytes that were never acknowledged and a retransmission timer that has fired several times, towards one peer or several at
once; SYNs to one service that were sent again and that nobody answered; sockets without a process, as many as the kernel may keep.

Why it matters: a process that waits on such a connection without a time limit waits until the kernel gives up, about a quarter of an hour, and
longer if it only reads. A cut cable, a crashed host or a firewall that forgot the connection show it alike.

Do next: is the peer's host up, and does a firewall between drop idle connections? Then set TCP keepalive, TCP_USER_TIMEOUT and time limits.

Wrong when: the network loses a few packets: then the timer fires once or twice and the bytes go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.evidence.unanswered import Unanswered, unanswered
from analyzer.families import kept_from_arriving, orphaned_sockets, unanswered_syns
from analyzer.families.chosen_calls import callers_in_words
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final = ("database-read-hang", "slow-backend")
OUTLOOK: Final = Outlook(
    RecoversWhen.TIMEOUT,
    say("TCP gives up after its last retransmission, about 15 minutes on Linux (tcp_retries2), or at the application's own limit."),
)
CLEAN: Final = say("no connection retransmits to a peer that does not answer")
NAMED: Final = 3  # hosts in a sentence
TEXT: Final = Text(
    "vanished-peer",
    headline="{does_not}: {retransmit} in vain{callers}.",
    explanation="Bytes on {connections} to {host} were sent again up to {most} times without an answer. {the_host} or something between has forgotten the connections. The kernel gives up after about 15 minutes (net.ipv4.tcp_retries2).",
    why="A retransmission timer of each has fired repeatedly. Where the packets are lost needs a capture on both sides.",
    do=(
        Do(
            When.NOW,
            "See whether {host} can be reached on these ports. ss -K ends the dead connections.",
            "ss -tnoi dst {first_host}",
        ),
        Do(When.FIX, "Set TCP keepalive (below the firewall's idle limit), TCP_USER_TIMEOUT and read timeouts on this client."),
    ),
    figures=(
        (
            "{group_count:,}",
            Either("alone", "connections to {host} without an answer", "connections to {hosts_count} hosts without an answer"),
        ),
        ("{most}", "retransmissions at most"),
    ),
    chain=(
        ("this host", "sends again and again to", "{host}"),
        ("{host}", Either("alone", "does not acknowledge", "do not acknowledge"), ""),
    ),
    phrases={
        "group": "{connections} to {host} with unacknowledged bytes, sent again up to {most} times",
        "does_not": Either(
            "alone", "{host} does not acknowledge what is sent to it", "{hosts_count} hosts do not acknowledge what is sent to them"
        ),
        "the_host": Either(
            "alone", "The host is down, the way to it is cut,", "That they are silent together points at the way to them: it is cut,"
        ),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per host: its peers that do not answer, together, because what they have in common is the way to them."""
    found = tuple(unanswered(case))
    yield from kept_from_arriving.findings(case, found, _finding)
    yield from orphaned_sockets.findings(case)
    yield from unanswered_syns.findings(case)


def _finding(case: Case, found: Unanswered) -> Finding:
    hosts, rows, left = list(found.by_host), found.rows, len(found.by_host) - NAMED
    owner = next((row.owners[0] for row in rows if row.owners), None)
    text = TEXT.filled(
        Process(found.view.snapshot.host, owner.pid if owner else None, owner.command if owner else None),
        alone=len(hosts) == 1,
        host=hosts[0]
        if len(hosts) == 1
        else say("{list}{and_more}", list=joined(", ", hosts[:NAMED]), and_more=say(" and {others} more", others=left) if left > 0 else ""),
        hosts_count=len(hosts),
        connections=plural(len(rows), "connection"),
        retransmit=plural(len(rows), "connection retransmits", "connections retransmit"),
        callers=callers_in_words(case, found.view, hosts),
        most=found.most,
        first_host=hosts[0],
        group_count=len(rows),
    )
    shown = of_sockets(rows, text["group"], (hosts[0], "on ("))
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        evidence=(shown,),
        chain=text.steps((shown,)),
        culprit=Culprit(remote=hosts[0]),
    )

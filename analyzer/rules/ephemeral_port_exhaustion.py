"""No local port is left for connections to one service: every port of the range is in use or waits out its TIME_WAIT.

Looks for: connections from this host to one remote address and port whose local ports fill a range without a gap, or nearly all of the
kernel's default range (net.ipv4.ip_local_port_range, 28,232 ports), most of them in TIME_WAIT.

Why it matters: connect fails with "Cannot assign requested address" although network, service and server are healthy. TIME_WAIT holds a port
for 60 seconds, so a few hundred short connections a second to one service are enough.

Do next: keep connections open and reuse them (a connection pool, HTTP keep-alive). A wider range or net.ipv4.tcp_tw_reuse only moves the
limit.

Wrong when: the local ports belong to a listener of this host (then clients come to it, and no local port is taken), or the ports happen to lie
close together. Linux chooses ports at random, so a gapless run of many is the sign of a range that is used up; Windows and others may give them
out in turn, and there only nearly all of the default range is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.families import bound_ports, counted_limits
from analyzer.families.local_ports import UsedUp, used_up_ranges
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.LOAD,
    say(
        "A port is free again a while after its close (60 seconds on Linux, two to four minutes on Windows): it heals when the rate of new connections falls."
    ),
)
CLEAN: Final = say("no range of local ports is used up towards one service")
TEXT: Final = Text(
    "ephemeral-port-exhaustion",
    headline="No local port is left for connections to {remote}: {ports_count:,} of the range {span} are in use.",
    explanation="{connections} to {remote}, {waiting_count:,} of them in TIME_WAIT, take {nearly_all} from {span}. A new connection to this service fails until a port is free again, which takes 60 seconds after each close. It heals when the rate falls.",
    why=Either(
        "default", "The ports fill the kernel's default range.", "The ports fill the range without a gap, which random choice does not do."
    ),
    do=(
        Do(
            When.NOW,
            "Confirm the range, and look for “Cannot assign requested address” in the log.",
            "sysctl net.ipv4.ip_local_port_range; ss -s",
        ),
        Do(
            When.FIX,
            "Reuse connections to {remote}: a connection pool or HTTP keep-alive on this side, and do not let the server close first.",
        ),
        Do(When.PREVENT, "A wider net.ipv4.ip_local_port_range, more target addresses or net.ipv4.tcp_tw_reuse only move the limit."),
    ),
    figures=(("{ports_count:,}", "local ports used towards {remote}"), ("{waiting_count:,}", "of them in TIME_WAIT")),
    ask=(Ask("the port range", "how many local ports the kernel may use", "sysctl net.ipv4.ip_local_port_range > port-range.txt"),),
    chain=(("short connections", "use up the local ports for", "{remote}"),),
    phrases={
        "shown": "{connections} to {remote} with local ports {span}",
        "nearly_all": Either("default", "nearly all of the default range", "every port"),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per service whose connections fill a range of ports."""
    yield from map(_finding, used_up_ranges(case))
    yield from counted_limits.ports(case)
    yield from bound_ports.findings(case)


def _finding(found: UsedUp) -> Finding:
    waiting = [row for row in found.rows if row.state is TcpState.TIME_WAIT]
    owner = next((row.owners[0] for row in found.rows if row.owners), None)
    text = TEXT.filled(
        Process(found.host, owner.pid if owner else None, owner.command if owner else None),
        remote=found.remote,
        ports_count=len(found.ports),
        span=say("{min} to {max}", min=min(found.ports), max=max(found.ports)),
        connections=plural(len(found.rows), "connection"),
        waiting_count=len(waiting),
        default=found.default,
    )
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        evidence=(of_sockets(waiting or found.rows, text["shown"], (str(found.remote),)),),
        culprit=Culprit(remote=str(found.remote)),
    )

"""Connections that were kept and rested, and that the server closed just when the next request was on its way: that request is lost.

Both sides keep a connection open for later requests, each as long as its own limit says. Where the server's limit is the shorter one, it closes first, and now and
then a request meets the close: the server's kernel answers it by a reset, and its program never sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Do, Either, Text
from parsers.capture.facts import SECOND
from parsers.records import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.captures import CapturedFlow, Port
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import Endpoint

IDLE: Final = 1.0
"""Seconds without data from which on a connection rested."""
PROMPT: Final = 3.0
"""Seconds in which a closed socket answers by a reset; one that comes later is of something else."""
ON_ITS_WAY: Final = 0.002
"""Seconds from a request to the server's FIN in which they meet on the way, where the round trip is not known."""
LATE: Final = 1.0
"""Seconds after the close from which on a caller could have seen it."""
_NEAR: Final = (0.05, 1.0)
"""Seconds before and after a limit at which a server's timer closes."""
_DEFAULTS: Final = (
    (2, "gunicorn (keepalive)"),
    (5, "Node.js (keepAliveTimeout), uvicorn, Apache httpd (KeepAliveTimeout)"),
    (20, "Tomcat (keepAliveTimeout), Puma (persistent_timeout)"),
    (30, "Jetty (idleTimeout)"),
    (75, "nginx (keepalive_timeout)"),
    (120, "IIS (connectionTimeout)"),
    (130, "Kestrel (KeepAliveTimeout)"),
)
"""For how many seconds servers keep a connection on which nothing comes, where nobody has set it."""
TEXT: Final = Text(
    "keep-alive-missing",
    headline="{remote} closed {connections} after {idle} s without a request, just as the next request was sent: that request was lost.",
    explanation="The connection was kept for further requests. {idle} s after its last answer the server closed it{default}, and a request crossed the close: the server's kernel answered by a reset, its program never saw the request, and whoever sent it tells of a reset or a 502. The server keeps resting connections for a shorter time than its caller.{late} No request was slow: a longer timeout for answers does not help, and neither the network nor a crash shows here.",
    why="The packets show it: rest, the server's FIN, the request, the reset. A server that ends at that moment closes its connections alike, but all of them, and its log tells of the start.",
    do=(
        Do(
            When.FIX,
            "Let the server keep resting connections for longer than its caller does (Node.js: keepAliveTimeout, and headersTimeout above it), or let the proxy or client give them up sooner than after {idle} s.",
        ),
        Do(
            When.FIX,
            "Let the caller send a request again on a new connection if none of its answer has come; only what may be done twice (GET, PUT), not a POST.",
        ),
        Do(
            When.PREVENT,
            "Order the limits of the whole way: who sends requests over a connection closes it first, a second or more before the other side.",
        ),
    ),
    figures=(("{idle} s", "rest before the server closed"), ("{count:,}", "requests that met a close in these packets")),
    chain=(
        ("{remote}", "closes after {idle} s of rest", "{connections}"),
        ("the next request", "meets the close", "and is answered by a reset"),
    ),
    phrases={
        "default": Either("usual", " ({seconds} s is the default of {usual})"),
        "late": Either(
            "behind", " Up to {behind} s had gone since the close: the caller does not look whether a kept connection is still open."
        ),
    },
)

OUTLOOK: Final = Outlook(
    RecoversWhen.RESTART, say("A lost request stays lost, and others follow now and then until one of the two limits is changed.")
)


class _Crossed(msgspec.Struct, frozen=True):
    """Connections of one server that it closed while a request was on its way: how long they had rested, and how long after the close the request came."""

    server: Endpoint
    evidence: Evidence
    count: int
    idle: tuple[float, float]
    late: float


def findings(case: Case) -> Iterator[Finding]:
    """One for each server that closed a resting connection just when a request was sent."""
    alone = not (case.incident.has_threads or case.incident.has_sockets)
    # Lines that somebody picked are what the report is about; one lost request in a capture beside other evidence need not be.
    yield from (_finding(crossed, alone=True) for crossed in _of_text(case))
    yield from (_finding(found, alone=alone) for port in case.ports if (found := _of_port(port)) is not None)


def _of_text(case: Case) -> Iterator[_Crossed]:
    for snapshot in case.incident.snapshots:
        for one in snapshot.far_counts:
            if one.fate is Fate.CROSSED and one.idle is not None:
                said = _shown(one.idle)
                yield _Crossed(
                    one.remote, Evidence(one.where, said, ("Flags [F", "Flags [R"), one.count - 1), one.count, one.idle, one.late
                )


def _of_port(port: Port) -> _Crossed | None:
    """The same in a capture."""
    found = [(seen, times) for seen in port.having("by server", "ended", "reset", "waiting") if (times := _times(seen)) is not None]
    if not found:
        return None
    rests, behind = [idle for _, (idle, _) in found], [late for _, (_, late) in found]
    idle = min(rests), max(rests)
    said = _shown(idle)
    return _Crossed(port.server, Evidence(found[0][0].flow.where, said, (), len(found) - 1), len(found), idle, max(behind))


def _times(seen: CapturedFlow) -> tuple[float, float] | None:
    """For how long the connection had rested, and how long after the close the request came; None where the server did not close what rested."""
    flow = seen.flow
    fin, reset, answered, asked = flow.by_server.fin, flow.by_server.rst, flow.by_server.last_data, flow.asked
    if fin is None or reset is None or answered is None or asked is None or flow.closed_first != "server":
        return None
    met = asked.time >= fin.time or asked.until(fin) <= (flow.round_trip or ON_ITS_WAY)
    rested = answered.until(min(fin.time, asked.time))
    prompt = fin.time <= reset.time and max(fin, asked).until(reset) <= PROMPT
    return (answered.until(fin), max(0.0, (asked.time - fin.time) / SECOND)) if met and prompt and rested >= IDLE else None


def _finding(crossed: _Crossed, *, alone: bool) -> Finding:
    seconds, usual = _default(crossed.idle)
    text = TEXT.filled(
        Process(),
        remote=crossed.server,
        connections=plural(crossed.count, "kept connection"),
        count=crossed.count,
        idle=_span(crossed.idle),
        seconds=seconds,
        usual=usual,
        behind=f"{crossed.late:.1f}" if crossed.late >= LATE else None,
    )
    return text.finding(
        severity=Severity.WARNING if alone else Severity.INFO,
        confidence=Confidence.LIKELY,
        evidence=(crossed.evidence,),
        chain=text.steps((crossed.evidence,), (crossed.evidence,)),
        culprit=Culprit(remote=str(crossed.server)),
        outlook=OUTLOOK,
    )


def _default(idle: tuple[float, float]) -> tuple[int, str | None]:
    """The usual limit that ended every rest, and whose it is."""
    before, after = _NEAR
    return next(((limit, whose) for limit, whose in _DEFAULTS if limit - before <= idle[0] and idle[1] <= limit + after), (0, None))


def _span(idle: tuple[float, float]) -> str:
    """``5.0``, ``4.9 to 5.3``."""
    shortest, longest = (f"{seconds:.1f}" for seconds in idle)
    return shortest if shortest == longest else say("{shortest} to {longest}", shortest=shortest, longest=longest)


def _shown(idle: tuple[float, float]) -> str:
    """What the packets show."""
    return say(
        "packets: the last answer, then {idle} s without data, the server's FIN, a request that crossed it, and a reset", idle=_span(idle)
    )

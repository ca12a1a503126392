"""Packets as evidence: what the flows of some sockets have in common, with the packet numbers behind it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from analyzer.correlate.witness import plural
from analyzer.course import Flow, FlowMark
from analyzer.finding import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.correlate import ProcessView
    from analyzer.correlate.packets import Port, Seen
    from analyzer.correlate.sockets import Connection
    from parsers.capture import facts

SECOND: Final = 1_000_000_000
FEWEST: Final = 3
"""Clients without an answer below which somebody just closed a page …"""
MANY: Final = 10
"""… and from which on it is no chance, whatever the share …"""
SHARE: Final = 0.2
"""… of all connections to that server. Also seconds of patience that make a span."""
LINGERS: Final = 10.0
"""Seconds after a client's FIN in which a server that has one closes its end: a worker may just be writing a log line."""
WAITED: Final = 1.0
"""Seconds without an answer when the capture ends: below it the capture was just too short."""
_MARKED: Final = 60
"""Characters of it that are highlighted."""
_REQUEST: Final = 120
"""Characters of a request line that are shown: a query string may be kilobytes."""


def packet_evidence(view: ProcessView, rows: Sequence[Connection]) -> Iterator[Evidence]:
    """What the packets show of ``rows``: at most one claim of each kind. Nothing if no capture has them."""
    seen = view.packets.seen(rows)
    if not seen:
        return
    of = f"{len(seen)} of these {len(rows)} connections" if len(seen) < len(rows) else f"these {plural(len(rows), 'connection')}"
    gave_up = [one for one in seen if one.gave_up]
    if gave_up:
        yield _claim(
            gave_up, f"packets: of {of}, {len(gave_up)} had a request that got no byte of an answer before the client's end{_span(gave_up)}"
        )
    kept = [one for one in seen if one.flow.half_closed is not None and one not in gave_up]
    if kept:
        closer = kept[0].flow.half_closed
        yield _claim(kept, f"packets: of {of}, {len(kept)} were closed by the {closer} and never by the other end")
    waiting = [one for one in seen if not one.gave_up and one.flow.half_closed is None and one.flow.unanswered is not None]
    longest = max((one.silent_for or 0 for one in waiting), default=0)
    if longest >= WAITED:
        yield _claim(
            waiting,
            f"packets: of {of}, {len(waiting)} carry a request without an answer, the oldest for {longest:.1f} s when the capture ends",
        )
    full = [one for one in seen if one.flow.by_client.still_full or one.flow.by_server.still_full]
    if full:
        yield _claim(full, f"packets: of {of}, {len(full)} end with a zero window: the receiver does not read")
    ignored = [one for one in seen if one.flow.ignored]
    if ignored:
        most = max(one.flow.by_client.syns for one in ignored)
        yield _claim(ignored, f"packets: of {of}, {len(ignored)} are SYNs that nothing answered, sent up to {plural(most, 'time')}")


def _span(seen: Sequence[Seen]) -> str:
    waited = [f"{one:.1f}" for one in sorted(one.silent_for or 0 for one in seen)]
    return f", which came after {waited[0]} s" if waited[0] == waited[-1] else f", which came after {waited[0]} to {waited[-1]} s"


def _claim(seen: Sequence[Seen], says: str) -> Evidence:
    first = min(seen, key=lambda one: one.flow.where)
    request = (first.flow.request.line[:_MARKED],) if first.flow.request else ()
    return Evidence(first.flow.where, says, (*request, "no answer", "no FIN"), len(seen) - 1)


def trouble_of(port: Port) -> Iterator[tuple[Evidence, str]]:
    """What a capture shows of one server that no healthy one shows, each with the words for a verdict."""
    gave_up, patience = port.gave_up, port.patience
    if len(gave_up) >= FEWEST and (len(gave_up) >= MANY or len(gave_up) >= SHARE * len(port.flows)):
        waited = f"{patience[0]:.1f} to {patience[-1]:.1f} s" if patience[-1] - patience[0] >= SHARE else f"{patience[0]:.1f} s"
        says = f"{plural(len(gave_up), 'request')} to {port.server} got no answer before the client gave up, after {waited}"
        yield _claim(gave_up, f"packets: {says}"), says
    kept = [seen for seen in port.never_closed if seen not in gave_up and (seen.half_closed_for or 0) >= LINGERS]
    if len(kept) >= MANY:
        longest = max(seen.half_closed_for or 0 for seen in kept)
        says = (
            f"{plural(len(kept), 'connection')} to {port.server} were closed by the client and not by the server, for up to {longest:.0f} s"
        )
        yield _claim(kept, f"packets: {says}"), says
    full = [seen for seen in port.flows if seen.flow.by_client.still_full]
    if len(full) >= FEWEST:
        says = f"{plural(len(full), 'client')} of {port.server} {'do' if len(full) > 1 else 'does'} not read: their windows are at zero when the capture ends"
        yield _claim(full, f"packets: {says}"), says
    ignored = port.ignored
    if len(ignored) >= FEWEST and port.accepted:
        says = f"{plural(len(ignored), 'connection attempt')} to {port.server} got no answer, while {port.accepted} others did"
        yield _claim(ignored, f"packets: {says}"), says


def telling(found: Iterable[Seen], most: int) -> tuple[Flow, ...]:
    """The flows that show most: half-closed and unanswered ones first, those longest in that state first."""
    ranked = sorted(found, key=lambda one: (-(one.half_closed_for or 0), -(one.silent_for or 0), one.flow.where))
    return tuple(flow_of(one) for one in ranked[:most])


def flow_of(seen: Seen) -> Flow:
    """The flow as a report tells it."""
    flow, capture = seen.flow, seen.capture
    opened = flow.by_client.syn
    return Flow(
        capture=capture.file,
        client=str(flow.client),
        server=str(flow.server),
        opened=_clock(opened.time) if opened else None,
        closed_first=flow.closed_first,
        fin={"client": flow.by_client.fin is not None, "server": flow.by_server.fin is not None},
        rst=flow.by_client.rst is not None or flow.by_server.rst is not None,
        request=flow.request.line[:_REQUEST] if flow.request else None,
        response=_response(flow),
        unanswered_for=_rounded(seen.silent_for),
        half_closed_for=_rounded(seen.half_closed_for),
        retransmitted=flow.by_client.retransmitted + flow.by_server.retransmitted,
        zero_windows=flow.by_client.zero_windows + flow.by_server.zero_windows,
        bytes={"client": flow.by_client.octets, "server": flow.by_server.octets},
        marks=tuple(_marks(flow, capture)),
    )


def _response(flow: facts.Flow) -> str | None:
    if flow.request is None or flow.request.answer is None:
        return None
    return str(flow.request.status) if flow.request.status is not None else "data"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _clock(time: int) -> str:
    """ISO 8601 in UTC, to the microsecond."""
    return datetime.fromtimestamp(time // SECOND, UTC).replace(microsecond=time % SECOND // 1000).isoformat()


def _marks(flow: facts.Flow, capture: facts.Capture) -> Iterator[FlowMark]:
    """The packets that tell the story, in order, with seconds since the flow's first packet; the end of the capture last (packet 0)."""
    client, server, request = flow.by_client, flow.by_server, flow.request
    found: list[tuple[facts.Mark, str, str]] = []

    def add(mark: facts.Mark | None, side: str, what: str) -> None:
        if mark is not None:
            found.append((mark, side, what))

    add(client.syn, "client", f"SYN{f', sent {client.syns} times' if client.syns > 1 else ''}")
    add(server.syn, "server", "SYN ACK")
    if request is not None:
        add(request.at, "client", request.line[:_REQUEST])
        add(request.answer, "server", f"answer {request.status}" if request.status is not None else "answer")
    else:
        add(flow.asked, "client", "data" if not flow.tls else "data (TLS)")
    add(client.full, "client", "zero window")
    add(server.full, "server", "zero window")
    add(client.fin, "client", "FIN")
    add(server.fin, "server", "FIN")
    add(client.rst, "client", "RST")
    add(server.rst, "server", "RST")
    begin = min((mark.time for mark in (client.first, server.first) if mark is not None), default=0)
    for mark, side, what in sorted(found, key=lambda item: item[0].packet):
        yield FlowMark(mark.packet, round((mark.time - begin) / SECOND, 3), side, what)
    if capture.ended is not None:
        yield FlowMark(0, round((capture.ended - begin) / SECOND, 3), "", "the capture ends")


def excerpt_of(flow: Flow) -> tuple[str, ...]:
    """The flow's telling packets as lines: number, seconds since its first packet, who, what; and what never came."""
    lines = [f"{flow.client} → {flow.server}"]
    for mark in flow.marks:
        number = f"packet {mark.packet}" if mark.packet else "         "
        lines.append(f"{number:<14} {mark.seconds:>+9.3f} s  {f'{mark.side}: ' if mark.side else ''}{mark.what}")
    missing = [f"no FIN of the {side}" for side in ("client", "server") if flow.closed_first and not flow.rst and not flow.fin[side]]
    if flow.unanswered_for is not None:
        missing.insert(0, "no answer")
    return (*lines, *missing)

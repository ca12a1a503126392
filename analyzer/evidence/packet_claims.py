"""Packets as evidence: what the flows of some sockets have in common, with the packet numbers behind it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from analyzer.model.finding import Evidence
from analyzer.model.message import plural, say, say_of
from analyzer.model.timeline import FlowMark, FlowSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.join.captures import CapturedFlow, Port
    from analyzer.join.connections import Connection
    from analyzer.waits.case import ProcessView
    from parsers.capture import facts

SECOND: Final = 1_000_000_000
FEWEST: Final = 3
"""Clients without an answer below which somebody just closed a page …"""
MANY: Final = 10
"""… and from which on it is no chance, whatever the share …"""
SHARE: Final = 0.2
"""… of all connections to that server."""
SPAN: Final = 0.2
"""Seconds between the first client that gave up and the last from which on both are told."""
LINGERS: Final = 10.0
"""Seconds after a client's FIN in which a server that has one closes its end: a worker may just be writing a log line."""
WAITED: Final = 1.0
"""Seconds without an answer when the capture ends: below it the capture was just too short."""
_MARKED: Final = 60
"""Characters of it that are highlighted."""
_REQUEST: Final = 120
"""Characters of a request line that are shown: a query string may be kilobytes."""
_SIDES: Final = {"client": say("client"), "server": say("server")}


def packet_evidence(view: ProcessView, rows: Sequence[Connection]) -> Iterator[Evidence]:
    """What the packets show of ``rows``: at most one claim of each kind. Nothing if no capture has them."""
    seen = view.packets.seen(rows)
    if not seen:
        return
    of = (
        say("{seen_count} of these {rows_count} connections", seen_count=len(seen), rows_count=len(rows))
        if len(seen) < len(rows)
        else say("these {connections}", connections=plural(len(rows), "connection"))
    )
    gave_up = [captured for captured in seen if captured.gave_up]
    if gave_up:
        yield claim(
            gave_up,
            say(
                "packets: of {of}, {gave_up_count} had a request that got no byte of an answer before the client's end{span}",
                of=of,
                gave_up_count=len(gave_up),
                span=_span(gave_up),
            ),
        )
    kept = [captured for captured in seen if captured.half_closed_for is not None and not captured.gave_up]
    if kept:
        yield claim(
            kept,
            say(
                "packets: of {of}, {kept_count} were closed by the {closer} and never by the other end",
                of=of,
                kept_count=len(kept),
                closer=_SIDES[str(kept[0].flow.half_closed)],
            ),
        )
    waiting = [
        captured for captured in seen if not captured.gave_up and captured.half_closed_for is None and captured.silent_for is not None
    ]
    longest = max((one.silent_for or 0 for one in waiting), default=0)
    if longest >= WAITED:
        yield claim(
            waiting,
            say(
                "packets: of {of}, {waiting_count} carry a request without an answer, the oldest for {longest:.1f} s when the capture ends",
                of=of,
                waiting_count=len(waiting),
                longest=longest,
            ),
        )
    full = [captured for captured in seen if captured.flow.by_client.still_full or captured.flow.by_server.still_full]
    if full:
        yield claim(
            full, say("packets: of {of}, {full_count} end with a zero window: the receiver does not read", of=of, full_count=len(full))
        )
    ignored = [captured for captured in seen if captured.flow.ignored]
    if ignored:
        most = max(captured.flow.by_client.syns for captured in ignored)
        yield claim(
            ignored,
            say(
                "packets: of {of}, {ignored_count} are SYNs that nothing answered, sent up to {times}",
                of=of,
                ignored_count=len(ignored),
                times=plural(most, "time"),
            ),
        )


def _span(seen: Sequence[CapturedFlow]) -> str:
    waited = [f"{one:.1f}" for one in sorted(captured.silent_for or 0 for captured in seen)]
    return (
        say(", which came after {waited} s", waited=waited[0])
        if waited[0] == waited[-1]
        else say(", which came after {waited} to {waited2} s", waited=waited[0], waited2=waited[-1])
    )


def claim(seen: Sequence[CapturedFlow], says: str) -> Evidence:
    """What ``seen`` have in common, shown by the first of them.

    Raises:
        ValueError: if there is none.
    """
    first = min(seen, key=lambda one: one.place)
    request = (first.flow.request.line[:_MARKED],) if first.flow.request else ()
    return Evidence(first.flow.where, says, (*request, say("no answer"), say("no FIN")), len(seen) - 1)


def trouble_of(port: Port) -> Iterator[tuple[Evidence, str]]:
    """What a capture shows of one server that no healthy one shows, each with the words for a verdict."""
    gave_up, patience = port.gave_up, port.patience
    if len(gave_up) >= FEWEST and (len(gave_up) >= MANY or len(gave_up) >= SHARE * len(port)):
        waited = (
            say("{patience:.1f} to {patience2:.1f} s", patience=patience[0], patience2=patience[-1])
            if patience[-1] - patience[0] >= SPAN
            else say("{seconds:.1f} s", seconds=patience[0])
        )
        says = say(
            "{requests} to {server} got no answer before the client gave up, after {waited}",
            requests=plural(len(gave_up), "request"),
            server=port.server,
            waited=waited,
        )
        yield claim(gave_up, say("packets: {says}", says=says)), says
    kept = [seen for seen in port.never_closed if not seen.gave_up and (seen.kept_for or 0) >= LINGERS]
    if len(kept) >= MANY:
        longest = max(seen.half_closed_for or 0 for seen in kept)
        says = say(
            "{connections} to {server} were closed by the client and not by the server, for up to {longest:.0f} s",
            connections=plural(len(kept), "connection"),
            server=port.server,
            longest=longest,
        )
        yield claim(kept, say("packets: {says}", says=says)), says
    full = [seen for seen in port.having("full") if seen.full_for >= WAITED]
    if len(full) >= FEWEST:
        says = say_of(
            len(full),
            "{clients} of {server} does not read: their windows are at zero when the capture ends",
            "{clients} of {server} do not read: their windows are at zero when the capture ends",
            clients=plural(len(full), "client"),
            server=port.server,
        )
        yield claim(full, say("packets: {says}", says=says)), says
    ignored = port.ignored
    if len(ignored) >= FEWEST and port.accepted:
        says = say(
            "{connection_attempt} to {server} got no answer, while {accepted} others did",
            connection_attempt=plural(len(ignored), "connection attempt"),
            server=port.server,
            accepted=port.accepted,
        )
        yield claim(ignored, say("packets: {says}", says=says)), says


def telling(found: Iterable[CapturedFlow], most: int) -> tuple[FlowSummary, ...]:
    """The flows that show most: half-closed and unanswered ones first, those longest in that state first."""
    ranked = sorted(found, key=lambda one: (-(one.half_closed_for or 0), -(one.silent_for or 0), one.place))
    return tuple(flow_of(one) for one in ranked[:most])


def flow_of(seen: CapturedFlow) -> FlowSummary:
    """The flow as a report tells it."""
    flow, capture = seen.flow, seen.capture
    opened = flow.by_client.syn
    return FlowSummary(
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

    add(client.syn, "client", say("SYN{sent_times}", sent_times=say(", sent {syns} times", syns=client.syns) if client.syns > 1 else ""))
    add(server.syn, "server", say("SYN ACK"))
    if request is not None:
        add(request.at, "client", request.line[:_REQUEST])
        add(request.answer, "server", say("answer {status}", status=request.status) if request.status is not None else say("answer"))
    else:
        add(flow.asked, "client", say("data") if not flow.tls else say("data (TLS)"))
    add(client.full, "client", say("zero window"))
    add(server.full, "server", say("zero window"))
    add(client.fin, "client", "FIN")
    add(server.fin, "server", "FIN")
    add(client.rst, "client", "RST")
    add(server.rst, "server", "RST")
    begin = min((mark.time for mark in (client.first, server.first) if mark is not None), default=0)
    for mark, side, what in sorted(found, key=lambda item: item[0].packet):
        yield FlowMark(mark.packet, round((mark.time - begin) / SECOND, 3), side, what)
    if capture.ended is not None:
        yield FlowMark(0, round((capture.ended - begin) / SECOND, 3), "", say("the capture ends"))


def excerpt_of(flow: FlowSummary) -> tuple[str, ...]:
    """The flow's telling packets as lines: number, seconds since its first packet, who, what; and what never came."""
    lines = [f"{flow.client} → {flow.server}"]
    for mark in flow.marks:
        number = say("packet {packet}", packet=mark.packet) if mark.packet else ""
        side = say("{side}: ", side=_SIDES[mark.side]) if mark.side else ""
        lines.append(say("{number:<14} {seconds:>+9.3f} s  {side}{what}", number=number, seconds=mark.seconds, side=side, what=mark.what))
    missing = [
        say("no FIN of the {side}", side=_SIDES[side])
        for side in ("client", "server")
        if flow.closed_first and not flow.rst and not flow.fin[side]
    ]
    if flow.unanswered_for is not None:
        missing.insert(0, say("no answer"))
    return (*lines, *missing)

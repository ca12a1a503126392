"""One connection, packet by packet: the flow that tells most, as a ladder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from reports.language.catalogue import label_of, tell
from reports.text_safety import plain
from reports.view.model import Ladder, Rung
from reports.view.wording import count, number, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.timeline import FlowSummary

Way: TypeAlias = Literal["out", "back", "gap", "missing"]
_STEP, _TOP, _TEXT = 28, 44, 38
_SIDES = ("client", "server")
_LONG = 1.0
"""Seconds without an answer below which the end of a capture says nothing."""
_PACKETS = 6
"""Packets of a ladder; gaps and what is missing make it nine rungs."""


def ladder(flows: Sequence[FlowSummary]) -> Ladder | None:
    """The flow that stayed half-closed or unanswered longest, with how many of the others have its shape."""
    if not flows:
        return None
    flow = max(flows, key=lambda item: (item.half_closed_for or 0.0, item.unanswered_for or 0.0, -flows.index(item)))
    alike = sum(_shape(other) == _shape(flow) for other in flows)
    steps = tuple(Rung(way, plain(text, _TEXT), _TOP + index * _STEP) for index, (way, text) in enumerate(_steps(flow)))
    extra = f", {count(flow.retransmitted, 'retransmission')}" if flow.retransmitted else ""
    extra += f", {count(flow.zero_windows, 'zero window')}" if flow.zero_windows else ""
    caption = tell(
        "{client} → {server} in {capture}, {share} of this shape{extra}",
        client=plain(flow.client, 80),
        server=plain(flow.server, 80),
        capture=plain(flow.capture, 80),
        share=tell("the only one") if alike == 1 else tell("one of {number}", number=number(alike)),
        extra=extra,
    )
    return Ladder(caption, plain(flow.client, 28), plain(flow.server, 28), steps, _TOP + len(steps) * _STEP)


def _marked(flow: FlowSummary) -> Iterator[tuple[Way, str]]:
    packets = [mark for mark in flow.marks if mark.packet][:_PACKETS]
    asked = next(
        (
            mark
            for mark in packets
            if mark.side == "client" and mark.what not in {tell("zero window"), "FIN", "RST"} and not mark.what.startswith("SYN")
        ),
        None,
    )
    for index, mark in enumerate(packets):
        yield "out" if mark.side == "client" else "back", f"{mark.packet} · {mark.what}"
        last = index + 1 == len(packets) or packets[index + 1].what in {"FIN", "RST"}
        if mark is asked and last and flow.unanswered_for is not None:
            # The capture ended while the answer was being made: nobody waited for long.
            cut = flow.unanswered_for < _LONG and bool(flow.marks) and not flow.marks[-1].packet
            time = seconds(flow.unanswered_for)
            yield (
                "gap",
                tell("the capture ends {time} later", time=time)
                if cut
                else tell("{unanswered_for} without an answer", unanswered_for=time),
            )
    other = next((side for side in _SIDES if flow.closed_first and not flow.fin.get(side)), None)
    if other and not flow.rst:
        yield "missing", tell("no FIN from the {other}", other=label_of(other))
        if flow.half_closed_for is not None:
            yield "gap", tell("half-closed for {half_closed_for}: CLOSE_WAIT", half_closed_for=seconds(flow.half_closed_for))


def _shape(flow: FlowSummary) -> tuple[object, ...]:
    return flow.closed_first, tuple(sorted(flow.fin.items())), flow.rst, flow.request is None, flow.response is None


def _steps(flow: FlowSummary) -> Iterator[tuple[Way, str]]:
    """At most nine rungs, from the handshake to the FIN that never came; with the packets' numbers where they are known."""
    if flow.marks:
        yield from _marked(flow)
        return
    if flow.opened is not None:
        yield "out", "SYN"
        yield "back", tell("SYN ACK")
    if flow.request:
        yield "out", flow.request
    if flow.response:
        yield "back", flow.response
    elif flow.unanswered_for is not None:
        yield "gap", tell("{unanswered_for} without an answer", unanswered_for=seconds(flow.unanswered_for))
    first = flow.closed_first if flow.closed_first in _SIDES else None
    if first:
        yield "out" if first == "client" else "back", tell("FIN: the {first} closes first", first=label_of(first))
        other = "server" if first == "client" else "client"
        if flow.fin.get(other):
            yield "back" if first == "client" else "out", "FIN"
        else:
            yield "missing", tell("no FIN from the {other}", other=label_of(other))
            if flow.half_closed_for is not None:
                yield "gap", tell("half-closed for {half_closed_for}: CLOSE_WAIT", half_closed_for=seconds(flow.half_closed_for))
    if flow.rst:
        yield "gap", tell("reset (RST)")

"""When a socket table was saved, by the clock of a capture: the packets bracket the moment.

A row in CLOSE_WAIT was saved after the other end's FIN and before the own end's; an ESTABLISHED one after its handshake and before any FIN. A
capture's clock is UTC; a dump's mostly is local time without a zone. What is left after whole quarters of an hour is how far the clocks differ.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.message import say
from parsers.capture.facts import SECOND
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.captures import CapturedFlow
    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ProcessView

FEWEST: Final = 3
"""Rows that must be in the capture: one may be an older connection of the same ports."""
WIDEST: Final = 60.0
"""Seconds that the two bounds may be apart: a wider one says nothing that the file names do not."""
ZONE: Final = 900
"""Seconds; zones differ from UTC by quarters of an hour."""
CLOSE: Final = 2.0
"""Seconds by which a dump's clock may miss the bracket before that is said: jstack and netstat are typed one after the other."""


class Bracket(msgspec.Struct, frozen=True):
    """Nanoseconds since 1970 UTC between which a table was saved."""

    after: int
    before: int


def bracket(view: ProcessView) -> Bracket | None:
    """The bracket of a view's table; None if too few of its rows are in the captures, or they contradict each other."""
    if not view.packets.captures:
        return None
    pairs = [(row, seen) for row in view.sockets if row.remote is not None and (seen := view.packets.of(row)) is not None]
    after = [time for one, seen in pairs for time in _earlier(one, seen)]
    before = [time for one, seen in pairs for time in _later(one, seen)]
    if len(pairs) < FEWEST or not after or not before:
        return None
    found = Bracket(max(after), min(before))
    return found if 0 <= found.before - found.after <= WIDEST * SECOND else None


def _sides(row: Connection, seen: CapturedFlow) -> tuple[int | None, int | None]:
    """When this end and the other one sent their FIN or RST."""
    client, server = (
        min((mark.time for mark in (side.fin, side.rst) if mark is not None), default=None)
        for side in (seen.flow.by_client, seen.flow.by_server)
    )
    return (client, server) if seen.flow.client == row.local else (server, client)


def _earlier(row: Connection, seen: CapturedFlow) -> Iterator[int]:
    """What had happened when the row was saved."""
    _, theirs = _sides(row, seen)
    if row.state is TcpState.CLOSE_WAIT and theirs is not None:
        yield theirs
    if (opened := seen.flow.by_client.syn) is not None:
        yield opened.time


def _later(row: Connection, seen: CapturedFlow) -> Iterator[int]:
    """What had not happened yet."""
    mine, theirs = _sides(row, seen)
    if mine is not None and row.state in {TcpState.CLOSE_WAIT, TcpState.ESTABLISHED}:
        yield mine
    if theirs is not None and row.state is TcpState.ESTABLISHED:
        yield theirs


class Saved(msgspec.Struct, frozen=True):
    """When a table was saved by the capture's clock; ``odd`` where the dump's clock contradicts it."""

    said: str
    odd: bool


def saved_times(case: Case) -> Iterator[Saved]:
    """One sentence per process and table: when it was saved by the capture's clock, and how the dump's clock compares."""
    for view in case.latest:
        found = bracket(view)
        if found is None:
            continue
        rows = next(row.where.file for row in view.sockets)
        dump, odd = _dump(view, found)
        if found.before - found.after <= 2 * CLOSE * SECOND:
            middle = _clock((found.after + found.before) // 2)
            yield Saved(
                say("{rows} was saved at about {clock} UTC by the clock of the capture{dump}.", rows=rows, clock=middle, dump=dump), odd
            )
        else:
            yield Saved(
                say(
                    "{rows} was saved between {clock} and {clock2} UTC by the clock of the capture{dump}.",
                    rows=rows,
                    clock=_clock(found.after),
                    clock2=_clock(found.before),
                    dump=dump,
                ),
                odd,
            )


def _dump(view: ProcessView, found: Bracket) -> tuple[str, bool]:
    """How the dump's own time lies to the bracket, empty without one; and whether it contradicts."""
    if view.dump is None or view.dump.time is None:
        return "", False
    stated = datetime.fromisoformat(view.dump.time)
    moment = stated.replace(tzinfo=UTC) if stated.tzinfo is None else stated
    middle = (found.after + found.before) / 2 / SECOND
    apart = moment.timestamp() - middle
    zone = 0 if stated.tzinfo is not None else round(apart / ZONE) * ZONE
    rest, slack = abs(apart - zone), (found.before - found.after) / 2 / SECOND + CLOSE
    if rest > slack:
        return say(
            "; {file} states {time}: the two clocks are {rest:.0f} s apart", file=view.dump.where.file, time=view.dump.time, rest=rest
        ), True
    if zone:
        return say("; {file} agrees if its times are UTC{hours:+g}", file=view.dump.where.file, hours=zone / 3600), False
    return say("; {file} agrees", file=view.dump.where.file), False


def _clock(time: int) -> str:
    return datetime.fromtimestamp(time // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")

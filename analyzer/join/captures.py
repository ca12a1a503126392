"""Flows ↔ sockets: what the packets say of a row of the socket table.

A socket and a flow are the same connection if both ends agree; of several with the same ends the newest counts. A capture mostly runs on after
the table was saved (until the server is restarted, for example), so what it shows at its end need not be the state of the row. Loopback
addresses say nothing across hosts.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from parsers.capture.facts import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.incident import Incident
    from parsers.capture.facts import Capture, Flow
    from parsers.capture.flows import Alike, Flows, Sign
    from parsers.records import Endpoint


PATIENCE: Final = 0.5
"""Seconds that a client waits at least before it is said to have given up."""


class CapturedFlow(msgspec.Struct, frozen=True):
    """A flow and the capture that has it. Its record is made when somebody asks for it."""

    capture: Capture
    number: int

    @property
    def flow(self) -> Flow:
        """The whole record."""
        return self.capture.flows[self.number]

    @property
    def client(self) -> Endpoint:
        """The end that asked."""
        return self.capture.flows.glance(self.number).client

    @property
    def place(self) -> tuple[str, int]:
        """The file and the flow's first packet, which no other flow has."""
        return self.capture.file, self.capture.flows.signs.first[self.number]

    @property
    def asked(self) -> int:
        """When the last request was sent, or the data that nothing followed, in nanoseconds since 1970."""
        return self.capture.flows.signs.asked[self.number]

    @property
    def silent_for(self) -> float | None:
        """Seconds from a request that got no answer to the client's end, or else to the end of the capture; None if it was answered."""
        silent = self.capture.flows.signs.silent[self.number]
        return silent / SECOND if silent >= 0 else None

    @property
    def gave_up(self) -> bool:
        """True if the client waited for an answer and ended the connection without one. That none is here when the capture ends proves nothing.

        What is sent at once before a FIN is a goodbye (a TLS alert, a database's quit), not a request.
        """
        flows = self.capture.flows
        return bool(flows.having((self.number,), "waiting", "left")) and _waited(flows, self.number)

    @property
    def half_closed_for(self) -> float | None:
        """Seconds since a FIN that the other end has not answered with its own."""
        kept = self.capture.flows.signs.kept[self.number]
        return kept / SECOND if kept >= 0 else None

    @property
    def kept_for(self) -> float | None:
        """Seconds since the client's FIN that the server has not answered, and since the server's last data: it may go on sending."""
        last, ended = self.capture.flows.glance(self.number).served, self.capture.ended
        since = (ended - last) / SECOND if last is not None and ended is not None else float("inf")
        return None if self.half_closed_for is None else min(self.half_closed_for, since)

    @property
    def syns(self) -> int:
        """SYNs that the client has sent."""
        return self.capture.flows.glance(self.number).syns

    @property
    def full_for(self) -> float:
        """Seconds since the client's window was first at zero; 0 if it never was."""
        full, ended = self.capture.flows.glance(self.number).full, self.capture.ended
        return (ended - full) / SECOND if full is not None and ended is not None else 0.0


def _waited(flows: Flows, number: int) -> bool:
    """True if a client that ended its connection without an answer had waited for one."""
    return flows.signs.silent[number] / SECOND >= PATIENCE


class Packets:
    """The captures that may show the connections of one host."""

    def __init__(self, captures: Sequence[Capture]) -> None:
        """``captures`` of this host, and those of others, of which only connections between hosts count."""
        self.captures = tuple(captures)

    def of(self, row: Connection) -> CapturedFlow | None:
        """The newest flow that ``one`` can be."""
        if not self.captures or row.remote is None or row.remote.truncated or row.local.truncated:
            return None
        found = [
            CapturedFlow(capture, number)
            for capture in self.captures
            if (number := capture.flows.between(row.local, row.remote)) is not None
        ]
        return max(found, key=lambda seen: seen.capture.ended or 0, default=None)

    def seen(self, sockets: Iterable[Connection]) -> tuple[CapturedFlow, ...]:
        """The flows of ``sockets``, in their order, of those that the captures have."""
        return tuple(found for row in sockets if (found := self.of(row)) is not None) if self.captures else ()


def packets_of(incident: Incident, host: str | None) -> Packets:
    """The captures that can show a host's connections: its own where files tell, else all."""
    mine = [one for one in incident.captures if len(incident.hosts) < 2 or host is None or f"/{host}/" in f"/{one.file}"]  # noqa: PLR2004 - several
    return Packets(mine or incident.captures)


class Port(msgspec.Struct, frozen=True, dict=True):
    """What the packets show of one server: its flows by their numbers, and those that end in trouble."""

    server: Endpoint
    capture: Capture
    numbers: Sequence[int]

    def __len__(self) -> int:
        """How many connections."""
        return len(self.numbers)

    def having(self, *wanted: Sign, without: Sequence[Sign] = ()) -> tuple[CapturedFlow, ...]:
        """The flows that show all that is wanted, and nothing of the rest."""
        return self._these(self._alike.having(*wanted, without=without))

    @cached_property
    def _alike(self) -> Alike:
        return self.capture.flows.alike(self.numbers)

    def _these(self, numbers: Iterable[int]) -> tuple[CapturedFlow, ...]:
        return tuple(CapturedFlow(self.capture, number) for number in numbers)

    @cached_property
    def gave_up(self) -> tuple[CapturedFlow, ...]:
        """Clients that ended their connection without an answer."""
        flows = self.capture.flows
        return self._these(number for number in self._alike.having("waiting", "left") if _waited(flows, number))

    @cached_property
    def never_closed(self) -> tuple[CapturedFlow, ...]:
        """Connections that the client has closed and the server has not."""
        return self.having("by client", "ended", without=("ended both", "reset"))

    @cached_property
    def ignored(self) -> tuple[CapturedFlow, ...]:
        """Connections whose SYN nothing answered, though it was sent again: a first one may just be on its way."""
        return self.having("ignored", "resent")

    @cached_property
    def accepted(self) -> int:
        """Connections that the server's kernel has answered, or that were open before."""
        return len(self._alike.having("taken"))

    @cached_property
    def patience(self) -> tuple[float, ...]:
        """How long each client that gave up had waited, in seconds, the shortest first."""
        return tuple(sorted(waited for seen in self.gave_up if (waited := seen.silent_for) is not None))

    def answered_since(self, time: int) -> int:
        """How many requests from that time on got their answer."""
        asked = self.capture.flows.signs.asked
        return sum(1 for number in self._alike.having("answered") if asked[number] >= time)


def ports(captures: Iterable[Capture]) -> Iterator[Port]:
    """The servers that the captures show, each with its flows; an address in several captures counts in each."""
    for capture in captures:
        yield from (Port(server, capture, numbers) for server, numbers in capture.flows.by_server())


def beginning_at(captures: Iterable[Capture], places: Collection[tuple[str, int]]) -> Iterator[CapturedFlow]:
    """The flows whose first packets these are, each by its file and number."""
    for capture in captures:
        wanted = {packet for file, packet in places if file == capture.file}
        if wanted:
            yield from (CapturedFlow(capture, number) for number, packet in enumerate(capture.flows.signs.first) if packet in wanted)

"""Flows ↔ sockets: what the packets say of a row of the socket table.

A socket and a flow are the same connection if both ends agree; of several with the same ends the newest counts. A capture mostly runs on after
the table was saved (until the server is restarted, for example), so what it shows at its end need not be the state of the row. Loopback
addresses say nothing across hosts.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.incident import Incident
    from parsers.capture.facts import Capture, Flow
    from parsers.records import Endpoint


PATIENCE: Final = 0.5
"""Seconds that a client waits at least before it is said to have given up."""


class CapturedFlow(msgspec.Struct, frozen=True):
    """A flow and the capture that has it."""

    capture: Capture
    flow: Flow

    @property
    def silent_for(self) -> float | None:
        """Seconds from a request that got no answer to the client's end, or else to the end of the capture; None if it was answered."""
        asked = self.flow.unanswered
        if asked is None or self.capture.ended is None:
            return None
        end = self.flow.by_client.fin or self.flow.by_client.rst
        return asked.until(end if end is not None and end.time >= asked.time else self.capture.ended)

    @property
    def gave_up(self) -> bool:
        """True if the client waited for an answer and ended the connection without one. That none is here when the capture ends proves nothing.

        What is sent at once before a FIN is a goodbye (a TLS alert, a database's quit), not a request.
        """
        asked = self.flow.unanswered
        end = self.flow.by_client.fin or self.flow.by_client.rst
        return asked is not None and end is not None and end.packet > asked.packet and asked.until(end) >= PATIENCE

    @property
    def half_closed_for(self) -> float | None:
        """Seconds since a FIN that the other end has not answered with its own."""
        side = self.flow.half_closed
        fin = None if side is None else self.flow.by_client.fin if side == "client" else self.flow.by_server.fin
        return None if fin is None or self.capture.ended is None else fin.until(self.capture.ended)

    @property
    def kept_for(self) -> float | None:
        """Seconds since the client's FIN that the server has not answered, and since the server's last data: it may go on sending."""
        last, ended = self.flow.by_server.last_data, self.capture.ended
        since = last.until(ended) if last is not None and ended is not None else float("inf")
        return None if self.half_closed_for is None else min(self.half_closed_for, since)

    @property
    def full_for(self) -> float:
        """Seconds since the client's window was first at zero; 0 if it never was."""
        full, ended = self.flow.by_client.full, self.capture.ended
        return full.until(ended) if full is not None and ended is not None else 0.0


class Packets:
    """The captures that may show the connections of one host."""

    def __init__(self, captures: Sequence[Capture]) -> None:
        """``captures`` of this host, and those of others, of which only connections between hosts count."""
        self.captures = tuple(captures)

    def of(self, row: Connection) -> CapturedFlow | None:
        """The newest flow that ``one`` can be."""
        if not self.captures or row.remote is None or row.remote.truncated or row.local.truncated:
            return None
        found = [CapturedFlow(capture, flow) for capture in self.captures if (flow := capture.flows.between(row.local, row.remote))]
        return max(found, key=lambda seen: seen.capture.ended or 0, default=None)

    def seen(self, sockets: Iterable[Connection]) -> tuple[CapturedFlow, ...]:
        """The flows of ``sockets``, in their order, of those that the captures have."""
        return tuple(found for row in sockets if (found := self.of(row)) is not None) if self.captures else ()


def packets_of(incident: Incident, host: str | None) -> Packets:
    """The captures that can show a host's connections: its own where files tell, else all."""
    mine = [one for one in incident.captures if len(incident.hosts) < 2 or host is None or f"/{host}/" in f"/{one.file}"]  # noqa: PLR2004 - several
    return Packets(mine or incident.captures)


class Port(msgspec.Struct, frozen=True):
    """What the packets show of one server: its flows, and those that end in trouble."""

    server: Endpoint
    flows: tuple[CapturedFlow, ...]

    @property
    def gave_up(self) -> tuple[CapturedFlow, ...]:
        """Clients that ended their connection without an answer."""
        return tuple(seen for seen in self.flows if seen.gave_up)

    @property
    def never_closed(self) -> tuple[CapturedFlow, ...]:
        """Connections that the client has closed and the server has not."""
        return tuple(seen for seen in self.flows if seen.flow.half_closed == "client")

    @property
    def ignored(self) -> tuple[CapturedFlow, ...]:
        """Connections whose SYN nothing answered, though it was sent again: a first one may just be on its way."""
        return tuple(seen for seen in self.flows if seen.flow.ignored and seen.flow.by_client.syns > 1)

    @property
    def accepted(self) -> int:
        """Connections that the server's kernel has answered, or that were open before."""
        return sum(1 for seen in self.flows if not seen.flow.ignored and not seen.flow.refused)

    @property
    def patience(self) -> tuple[float, ...]:
        """How long each client that gave up had waited, in seconds, the shortest first."""
        return tuple(sorted(waited for seen in self.gave_up if (waited := seen.silent_for) is not None))


def ports(captures: Iterable[Capture]) -> Iterator[Port]:
    """The servers that the captures show, each with its flows; an address in several captures counts in each."""
    for capture in captures:
        groups: dict[Endpoint, list[CapturedFlow]] = defaultdict(list)
        for flow in capture.flows:
            groups[flow.server].append(CapturedFlow(capture, flow))
        yield from (Port(server, tuple(flows)) for server, flows in sorted(groups.items()))

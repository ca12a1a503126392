"""Who closes first, per server port: the active close decides which end keeps TIME_WAIT, and whose FIN the other end leaves unanswered in CLOSE_WAIT.

Counted per server address and port, from flows alone. RFC 9293, 3.6: whoever sends the first FIN closes actively; the other end has to send its own.
A connection may end without a FIN, by a reset, or not at all while the capture runs: these are told apart and never counted as a close.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from analyzer.model.timeline import Ending

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.join.captures import CapturedFlow, Port
    from parsers.capture.facts import End
    from parsers.records import Endpoint


class Closed(msgspec.Struct, frozen=True):
    """The connections that one end closed first, with a FIN, by what the other end did then. Each is in exactly one of the three.

    ``returned``: it sent its own FIN. ``reset``: one of the two sent RST before that. ``unreturned``: neither, to the end of the capture; it sits in CLOSE_WAIT.
    """

    returned: tuple[CapturedFlow, ...] = ()
    reset: tuple[CapturedFlow, ...] = ()
    unreturned: tuple[CapturedFlow, ...] = ()

    @property
    def flows(self) -> tuple[CapturedFlow, ...]:
        """All of them."""
        return self.returned + self.reset + self.unreturned


class FirstCloses(msgspec.Struct, frozen=True):
    """How the connections of one server port ended. Each accepted connection is in exactly one place.

    ``server``: its address and port. ``by_client``, ``by_server``: closed first by this end. ``reset_by_client``, ``reset_by_server``: ended by
    a RST of this end, without any FIN. ``open``: neither, as long as the capture ran.
    """

    server: Endpoint
    by_client: Closed
    by_server: Closed
    reset_by_client: tuple[CapturedFlow, ...]
    reset_by_server: tuple[CapturedFlow, ...]
    open: tuple[CapturedFlow, ...]


def first_closes(port: Port) -> FirstCloses:
    """Who closed first at one server port."""
    accepted = [seen for seen in port.flows if not (seen.flow.ignored or seen.flow.refused)]
    fins: dict[End, list[CapturedFlow]] = {"client": [], "server": []}
    resets: dict[End, list[CapturedFlow]] = {"client": [], "server": []}
    still_open = []
    for seen in accepted:
        first = seen.flow.closed_first
        if first is None:
            still_open.append(seen)
        elif seen.flow.by_client.fin or seen.flow.by_server.fin:
            fins[first].append(seen)
        else:
            resets[first].append(seen)
    return FirstCloses(
        server=port.server,
        by_client=_closed(fins["client"]),
        by_server=_closed(fins["server"]),
        reset_by_client=tuple(resets["client"]),
        reset_by_server=tuple(resets["server"]),
        open=tuple(still_open),
    )


def ending_of(found: FirstCloses) -> Ending:
    """The counts, for a report."""
    import statistics  # noqa: PLC0415 - its exact fractions take as long to load as a small table to read

    gaps = [_gap(seen) for side in (found.by_client, found.by_server) for seen in side.returned]
    return Ending(
        server=str(found.server),
        client_first=len(found.by_client.flows),
        server_first=len(found.by_server.flows),
        client_never_closed=len(found.by_server.unreturned),
        server_never_closed=len(found.by_client.unreturned),
        reset_by_client=len(found.reset_by_client),
        reset_by_server=len(found.reset_by_server),
        open=len(found.open),
        seconds_between=round(statistics.median(gaps), 3) if gaps else None,
    )


def _closed(flows: Iterable[CapturedFlow]) -> Closed:
    returned: list[CapturedFlow] = []
    reset: list[CapturedFlow] = []
    unreturned: list[CapturedFlow] = []
    for seen in flows:
        client, server = seen.flow.by_client, seen.flow.by_server
        if client.fin and server.fin:
            returned.append(seen)
        elif client.rst or server.rst:
            reset.append(seen)
        else:
            unreturned.append(seen)
    return Closed(tuple(returned), tuple(reset), tuple(unreturned))


def _gap(seen: CapturedFlow) -> float:
    """Seconds between the two FINs. In a capture of two interfaces the second may bear the earlier time."""
    client, server = seen.flow.by_client.fin, seen.flow.by_server.fin
    assert client is not None
    assert server is not None
    return abs(client.until(server))

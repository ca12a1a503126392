"""Who closes first, per server port: the active close decides which end keeps TIME_WAIT, and whose FIN the other end leaves unanswered in CLOSE_WAIT.

Counted per server address and port, from flows alone. RFC 9293, 3.6: whoever sends the first FIN closes actively; the other end has to send its own.
A connection may end without a FIN, by a reset, or not at all while the capture runs: these are told apart and never counted as a close.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from analyzer.model.timeline import Ending
from parsers.capture.facts import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.captures import Port
    from parsers.capture.flows import Sign
    from parsers.records import Endpoint


class Closed(msgspec.Struct, frozen=True):
    """The connections that one end closed first, with a FIN, by what the other end did then. Each is in exactly one of the three.

    The numbers of the flows. ``returned``: it sent its own FIN. ``reset``: one of the two sent RST before that. ``unreturned``: neither, to the
    end of the capture; it sits in CLOSE_WAIT.
    """

    returned: tuple[int, ...] = ()
    reset: tuple[int, ...] = ()
    unreturned: tuple[int, ...] = ()

    @property
    def flows(self) -> tuple[int, ...]:
        """All of them."""
        return self.returned + self.reset + self.unreturned


class FirstCloses(msgspec.Struct, frozen=True):
    """How the connections of one server port ended. Each accepted connection is in exactly one place.

    ``server``: its address and port. ``by_client``, ``by_server``: closed first by this end. ``reset_by_client``, ``reset_by_server``: ended by
    a RST of this end, without any FIN. ``open``: neither, as long as the capture ran. ``between``: the seconds between two FINs, of all that have two.
    """

    server: Endpoint
    by_client: Closed
    by_server: Closed
    reset_by_client: tuple[int, ...]
    reset_by_server: tuple[int, ...]
    open: tuple[int, ...]
    between: tuple[float, ...]


def first_closes(port: Port) -> FirstCloses:
    """Who closed first at one server port."""
    flows = port.capture.flows
    taken = flows.having(port.numbers, "taken")

    def those(*signs: Sign, without: tuple[Sign, ...] = ()) -> tuple[int, ...]:
        return tuple(flows.having(taken, *signs, without=without))

    def closed(end: Sign) -> Closed:
        return Closed(
            returned=those(end, "ended both"),
            reset=those(end, "ended", "reset", without=("ended both",)),
            unreturned=those(end, "ended", without=("ended both", "reset")),
        )

    by_client, by_server = closed("by client"), closed("by server")
    # In a capture of two interfaces the second FIN may bear the earlier time.
    apart = flows.signs.apart
    return FirstCloses(
        server=port.server,
        by_client=by_client,
        by_server=by_server,
        reset_by_client=those("by client", without=("ended",)),
        reset_by_server=those("by server", without=("ended",)),
        open=those(without=("by client", "by server")),
        between=tuple(apart[number] / SECOND for side in (by_client, by_server) for number in side.returned),
    )


def ending_of(found: FirstCloses) -> Ending:
    """The counts, for a report."""
    return Ending(
        server=str(found.server),
        client_first=len(found.by_client.flows),
        server_first=len(found.by_server.flows),
        client_never_closed=len(found.by_server.unreturned),
        server_never_closed=len(found.by_client.unreturned),
        reset_by_client=len(found.reset_by_client),
        reset_by_server=len(found.reset_by_server),
        open=len(found.open),
        seconds_between=round(_median(found.between), 3) if found.between else None,
    )


def _median(seconds: Sequence[float]) -> float:
    """The middle one, or what lies between the two in the middle. The library's brings exact fractions, which take as long to load as a small table to read."""
    ordered = sorted(seconds)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2

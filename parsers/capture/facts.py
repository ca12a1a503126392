"""What a capture says: typed facts, each with the numbers of the packets behind it. Numbers count from 1, as Wireshark shows them.

``None`` means that the capture does not show it. Times are nanoseconds since 1970 UTC, as whole numbers: a 64-bit float would blur a round
trip on loopback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from parsers.capture.flows import Flows
    from parsers.records import Endpoint, Unread, Where

SECOND = 1_000_000_000
"""Nanoseconds."""

End: TypeAlias = Literal["client", "server"]


class Mark(msgspec.Struct, frozen=True, gc=False, order=True):
    """A packet: its number in the capture, and its time in nanoseconds since 1970."""

    packet: int
    time: int

    def until(self, later: Mark | int) -> float:
        """Seconds from this packet to a later one, or to a time."""
        return ((later if isinstance(later, int) else later.time) - self.time) / SECOND


class Sent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one end of a flow sent.

    ``octets``: payload without repetitions. ``retransmitted``: segments that brought nothing new (SYN and FIN too); ``reordered``: overtaken
    ones. ``gaps``: places where a segment is missing in front of another (lost by the network, or by the capture). ``syn``: of a server the
    SYN-ACK; ``syns`` counts them all. ``fin_acked``: where the other end acknowledged this end's FIN. ``zero_windows``: segments that
    announced a full receive buffer, ``full`` the first of them, ``still_full``: the last segment did. ``last_data``: the latest segment with new data.
    ``alert``: a TLS alert, ``alert_code`` its description (0 is close_notify), None if it was encrypted.
    """

    segments: int = 0
    octets: int = 0
    retransmitted: int = 0
    reordered: int = 0
    gaps: int = 0
    keepalives: int = 0
    zero_windows: int = 0
    syns: int = 0
    still_full: bool = False
    syn: Mark | None = None
    fin: Mark | None = None
    fin_acked: Mark | None = None
    rst: Mark | None = None
    first: Mark | None = None
    last: Mark | None = None
    last_data: Mark | None = None
    first_retransmission: Mark | None = None
    full: Mark | None = None
    alert: Mark | None = None
    alert_code: int | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The last HTTP/1 request of a flow, in clear. ``line`` as sent, at most 512 octets; ``host`` None if it was not captured.

    ``answer`` is the first data that came back, ``status`` its code; None if it was not captured or is no HTTP.
    """

    line: str
    host: str | None
    at: Mark
    answer: Mark | None = None
    status: int | None = None


class Flow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One TCP connection as the capture shows it.

    ``established``: the client's acknowledgment of the SYN-ACK. ``opened_before``: no SYN was captured. ``sure``: which end is the client was
    seen (SYN, request, ClientHello), not guessed from the ports. ``asked``: where the client's latest data begin, if the server has sent
    none since. ``copies``: packets that the capture holds twice, counted once.
    """

    where: Where
    client: Endpoint
    server: Endpoint
    by_client: Sent
    by_server: Sent
    opened_before: bool
    sure: bool
    established: Mark | None = None
    request: Request | None = None
    requests: int = 0
    answers: int = 0
    asked: Mark | None = None
    tls: bool = False
    server_name: str | None = None
    copies: int = 0

    @property
    def round_trip(self) -> float | None:
        """Seconds from the client's first SYN to its acknowledgment: the whole trip, wherever the capture was taken."""
        return self.by_client.syn.until(self.established) if self.established and self.by_client.syn else None

    @property
    def closed_first(self) -> End | None:
        """Who sent the first FIN, or the first RST if there is no FIN: the active close."""
        for client, server in ((self.by_client.fin, self.by_server.fin), (self.by_client.rst, self.by_server.rst)):
            if client or server:
                return "server" if client is None or (server is not None and server < client) else "client"
        return None

    @property
    def half_closed(self) -> End | None:
        """Who sent a FIN that the other end never answered with its own: the other end sits in CLOSE_WAIT. None after a RST."""
        client, server = self.by_client, self.by_server
        if client.rst or server.rst or bool(client.fin) == bool(server.fin):
            return None
        return "client" if client.fin else "server"

    @property
    def unanswered(self) -> Mark | None:
        """The request (or, where none can be read, the client's data) that no data of the server followed."""
        if self.request is not None:
            return None if self.request.answer else self.request.at
        return self.asked

    @property
    def refused(self) -> bool:
        """A SYN that was answered with RST: nobody listens there."""
        return self.by_client.syn is not None and self.by_server.syn is None and self.by_server.rst is not None

    @property
    def ignored(self) -> bool:
        """A SYN that nothing answered: dropped on the way, or by a listener whose accept queue is full.

        A client that acknowledges or sends data was answered, only the capture has not seen it (another way back).
        """
        return self.by_client.syn is not None and self.by_server.segments == 0 and self.by_client.segments == self.by_client.syns


class Dropped(msgspec.Struct, frozen=True, gc=False):
    """Flows that the bounded table let go: closed ones that show nothing, attempts without an answer, and the longest silent."""

    clean: int = 0
    attempts: int = 0
    silent: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.clean + self.attempts + self.silent


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """One packet capture.

    ``began`` and ``ended``: times of its earliest and latest packet, None without one. ``packets`` counts all records, ``segments`` the TCP ones
    (copies included), ``other`` what is no TCP. ``tunnelled``: packets inside a tunnel, which are not opened. ``unreadable``: captured too
    short for their headers, or with headers that contradict themselves. ``sliced``: cut by the snap length ``snap``. ``unknown``: of link
    types that are not understood; ``dissected``: those that scapy's dissectors read. ``lost``: packets that the capturing machine says it lost.
    """

    file: str
    format: str
    links: tuple[str, ...]
    flows: Flows
    began: int | None = None
    ended: int | None = None
    packets: int = 0
    segments: int = 0
    copies: int = 0
    other: int = 0
    fragments: int = 0
    tunnelled: int = 0
    unreadable: int = 0
    sliced: int = 0
    snap: int | None = None
    unknown: int = 0
    dissected: int = 0
    lost: int = 0
    dropped: Dropped = Dropped()
    notes: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = ()

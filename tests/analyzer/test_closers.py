"""Who closed first at each server port: every way in which a connection can end, and that each is counted once."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import asdict

from analyzer.evidence.first_close import FirstCloses, ending_of, first_closes
from analyzer.join.captures import ports
from parsers.capture import reader
from tests.parsers.capture.traffic import KINDS, write
from tests.parsers.capture.wire import ACK, FIN, PSH, RST, SYN, ether, ip4, pcap, tcp

CLIENT, SERVER = "192.0.2.1", "192.0.2.2"


class Wire:
    """Connections to one server, a second between two packets; ``letters``: S handshake, f and F the client's and the server's FIN, r and R their RST, d data."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.count = 0

    def put(self, port: int, flags: int, *, up: bool, server: int = 80, seq: int = 1) -> None:
        self.count += 1
        source, target = (port, server) if up else (server, port)
        near, far = (CLIENT, SERVER) if up else (SERVER, CLIENT)
        segment = tcp(flags=flags, seq=seq, ack=1, source=source, target=target)
        self.frames.append(ether(ip4(segment, ident=self.count, source=near, target=far)))

    def talk(self, port: int, letters: str, server: int = 80) -> Wire:
        for letter in letters:
            up = letter in "Ssfrd"
            if letter == "S":
                self.put(port, SYN, up=True, server=server, seq=0)
                self.put(port, SYN | ACK, up=False, server=server, seq=0)
                self.put(port, ACK, up=True, server=server)
            elif letter == "s":
                self.put(port, SYN, up=True, server=server, seq=0)
            else:
                self.put(port, {"f": FIN | ACK, "r": RST, "d": PSH | ACK, ".": ACK}[letter.lower()], up=up, server=server)
        return self

    def closers(self) -> list[FirstCloses]:
        return [first_closes(port) for port in ports([reader.read("x.pcap", pcap(*self.frames, step=1_000_000_000)).capture])]


def accepted(one: FirstCloses) -> int:
    return sum(map(len, (one.by_client.flows, one.by_server.flows, one.reset_by_client, one.reset_by_server, one.open)))


def only(wire: Wire) -> FirstCloses:
    (one,) = wire.closers()
    return one


@pytest.mark.parametrize(
    ("letters", "place"),
    [
        ("SfF", "by_client.returned"),
        ("SFf", "by_server.returned"),
        ("Sf.", "by_client.unreturned"),
        ("SF.", "by_server.unreturned"),
        ("Sfr", "by_client.reset"),
        ("SfR", "by_client.reset"),
        ("SFr", "by_server.reset"),
        ("Sr", "reset_by_client"),
        ("SR", "reset_by_server"),
        ("Sd", "open"),
    ],
)
def test_every_connection_has_one_place(letters: str, place: str) -> None:
    one = only(Wire().talk(40000, letters))
    places = {
        **{f"by_client.{name}": flows for name, flows in asdict(one.by_client).items()},
        **{f"by_server.{name}": flows for name, flows in asdict(one.by_server).items()},
        "reset_by_client": one.reset_by_client,
        "reset_by_server": one.reset_by_server,
        "open": one.open,
    }
    assert {name: len(flows) for name, flows in places.items() if flows} == {place: 1}


def test_attempts_are_no_connections() -> None:
    one = only(Wire().talk(40000, "s").talk(40001, "sR").talk(40002, "Sd"))
    assert (accepted(one), len(one.open)) == (1, 1)


def test_the_median_of_the_time_between_the_fins() -> None:
    one = only(Wire().talk(40000, "SfF").talk(40001, "Sf.F").talk(40002, "Sf......F").talk(40003, "SFf"))
    assert ending_of(one).seconds_between == 1.5
    assert ending_of(only(Wire().talk(40000, "SfF").talk(40001, "Sf.F").talk(40002, "Sf......F"))).seconds_between == 2.0


def test_nothing_is_claimed_where_nothing_was_closed_by_a_fin() -> None:
    one = only(Wire().talk(40000, "Sr").talk(40001, "Sd"))
    assert ending_of(one).seconds_between is None


def test_each_port_is_counted_by_itself() -> None:
    found = Wire().talk(40000, "SfF").talk(40000, "SFf", server=8080).closers()
    assert [(str(one.server), len(one.by_client.flows), len(one.by_server.flows)) for one in found] == [
        ("192.0.2.2:80", 1, 0),
        ("192.0.2.2:8080", 0, 1),
    ]


def test_generated_traffic_is_counted_as_it_was_made() -> None:
    file = io.BytesIO()
    truths = write(file, 2 * len(KINDS), 6)
    found = [first_closes(port) for port in ports([reader.read("x.pcap", file.getvalue()).capture])]
    kinds = [truth for truth in truths if truth.kind not in {"refused", "silent"}]
    assert sum(map(accepted, found)) == len(kinds)
    for end in ("client", "server"):
        closed = sum(len(getattr(one, f"by_{end}").flows) for one in found)
        assert closed == sum(1 for truth in kinds if truth.closed_first == end and truth.kind != "reset")
    assert sum(len(one.by_client.unreturned) for one in found) == sum(1 for truth in kinds if truth.half_closed)
    assert sum(len(one.reset_by_client) for one in found) == sum(1 for truth in kinds if truth.kind == "reset")

"""What a flow shows at a glance is what its record says, in both forms of the kernel."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

import pytest

from parsers.capture import reader
from parsers.records import Endpoint
from tests.parsers.capture import kernels
from tests.parsers.capture.traffic import KINDS, write
from tests.parsers.capture.wire import ACK, FIN, PSH, RST, SYN, ether, ip4, pcap, tcp

if TYPE_CHECKING:
    from parsers.capture.facts import Capture, Flow, Mark
    from parsers.capture.flows import Sign

SERVER = "192.0.2.80"
ASKED = b"GET /cart HTTP/1.1\r\nHost: shop\r\n\r\n"
SAID = (b"", b"", ASKED, b"\1\2\3", b"HTTP/1.1 200 OK\r\n\r\n")


def talk(dice: random.Random) -> bytes:
    """Conversations of chance, most of them in no right order: a client sends what a server should, ends come twice or too early."""
    frames = []
    for number in range(400):
        port, up, said = dice.choice((80, 8080, 40007)), dice.random() < 0.6, dice.choice(SAID)
        near, far = 40000 + dice.randrange(20), port
        flags = dice.choice((SYN, SYN | ACK, ACK, PSH | ACK, PSH | ACK, FIN | ACK, RST)) if not said else PSH | ACK
        segment = tcp(
            said,
            flags=flags,
            seq=dice.randrange(4) * 40,
            ack=dice.randrange(4) * 40,
            source=near if up else far,
            target=far if up else near,
            window=dice.choice((0, 500)),
        )
        hosts = ("192.0.2.1", SERVER) if up else (SERVER, "192.0.2.1")
        frames.append(ether(ip4(segment, ident=number, source=hosts[0], target=hosts[1])))
    return pcap(*frames, step=dice.choice((1_000, 700_000_000)))


def captures() -> list[bytes]:
    found = []
    for snap in (262_144, 70):
        file = io.BytesIO()
        write(file, 2 * len(KINDS), 4, snap=snap)
        found.append(file.getvalue())
    return found + [talk(random.Random(seed)) for seed in range(60)]


def signs_of(flow: Flow) -> set[Sign]:
    client, server, request = flow.by_client, flow.by_server, flow.request
    end, asked = client.fin or client.rst, flow.unanswered
    shown: dict[Sign, object] = {
        "taken": not flow.ignored and not flow.refused,
        "ignored": flow.ignored,
        "resent": client.syns > 1,
        "by client": flow.closed_first == "client",
        "by server": flow.closed_first == "server",
        "ended": client.fin or server.fin,
        "ended both": client.fin and server.fin,
        "reset": client.rst or server.rst,
        "reset by client": client.rst,
        "waiting": asked,
        "left": asked and end and end > asked and end.time >= asked.time,
        "requested": request,
        "answered": request and request.answer,
        "full": client.still_full,
    }
    return {sign for sign, holds in shown.items() if holds}


def silent(flow: Flow, capture: Capture) -> int:
    asked, end = flow.unanswered, flow.by_client.fin or flow.by_client.rst
    if asked is None or capture.ended is None:
        return -1
    return (end.time if end is not None and end.time >= asked.time else capture.ended) - asked.time


def kept(flow: Flow, capture: Capture) -> int:
    fin = {None: None, "client": flow.by_client.fin, "server": flow.by_server.fin}[flow.half_closed]
    return -1 if fin is None or capture.ended is None else capture.ended - fin.time


def apart(one: Mark | None, other: Mark | None) -> int:
    return abs(one.time - other.time) if one and other else -1


@pytest.mark.parametrize("form", kernels.WALKERS)
def test_signs_are_what_the_records_say(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "Walker", kernels.WALKERS[form])
    seen: set[Sign] = set()
    for data in captures():
        capture = reader.read("x.pcap", data).capture
        flows = capture.flows
        servers = {number: server for server, numbers in flows.by_server() for number in numbers}
        assert list(servers.values()) == sorted(servers.values())
        for number, flow in enumerate(flows):
            shown = signs_of(flow)
            seen |= shown
            assert servers[number] == flow.server
            assert flows.having((number,), *shown, without=sorted(ALL - shown)) == [number]
            assert flows.signs.first[number] == flow.where.first
            assert flows.signs.silent[number] == silent(flow, capture)
            assert flows.signs.kept[number] == kept(flow, capture)
            assert flows.signs.apart[number] == apart(flow.by_client.fin, flow.by_server.fin)
            asked = flow.request.at if flow.request else flow.asked
            assert flows.signs.asked[number] == (asked.time if asked else 0)
    assert seen == ALL


ALL: set[Sign] = {
    *("taken", "ignored", "resent", "by client", "by server", "ended", "ended both", "reset", "reset by client"),
    *("waiting", "left", "requested", "answered", "full"),
}


@pytest.mark.parametrize("form", kernels.WALKERS)
def test_a_flow_is_found_by_the_text_of_its_ends(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest of several; an address that is written in another way than ours is no end of it, as before any table knew numbers."""
    monkeypatch.setattr(reader, "Walker", kernels.WALKERS[form])
    file = io.BytesIO()
    write(file, 2 * len(KINDS), 4)
    flows = reader.read("x.pcap", file.getvalue()).capture.flows
    newest = {frozenset({flow.client, flow.server}): number for number, flow in enumerate(flows)}
    assert len(newest) < len(flows)
    for flow in flows:
        assert (
            flows.between(flow.client, flow.server)
            == flows.between(flow.server, flow.client)
            == newest[frozenset({flow.client, flow.server})]
        )
    one = flows[0]
    assert flows.between(one.client, one.client) is None
    assert flows.between(one.client, Endpoint(one.server.host, one.server.port and one.server.port + 1)) is None
    for host in (
        "*",
        "",
        "a.b.c.d",
        "192.0.2",
        "0192.0.2.80",
        "192.0.2.80.1",
        "::ffff:192.0.2.80",
        "fe80::1%eth0",
        "192.0.2.336",
        "²1.0.2.80",
    ):
        assert flows.between(one.client, Endpoint(host, one.server.port)) is None
    assert flows.between(one.client, Endpoint(one.server.host, None, "http-alt")) is None


def test_a_record_is_made_once() -> None:
    flows = reader.read("x.pcap", captures()[0]).capture.flows
    assert flows[3] is flows[3]
    assert flows[-1] is flows[len(flows) - 1]
    assert flows[:2] == (flows[0], flows[1])
    assert next(iter(flows)) == flows[0]
    with pytest.raises(IndexError):
        flows[len(flows)]


def test_flows_that_stand_by_what_they_show_are_chosen_alike() -> None:
    file = io.BytesIO()
    write(file, 2 * len(KINDS), 6)
    flows = reader.read("x.pcap", file.getvalue()).capture.flows
    numbers = range(len(flows))
    alike = flows.alike(numbers)
    for one in sorted(ALL):
        for other in sorted(ALL - {one}):
            assert alike.having(one, without=(other,)) == flows.having(numbers, one, without=(other,))
            assert alike.having(one, other) == flows.having(numbers, one, other)

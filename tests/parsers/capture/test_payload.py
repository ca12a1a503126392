"""The little that is read of payloads: what is a request, a status, a TLS record, and what only looks like one."""

from __future__ import annotations

import struct
import sys

import pytest

from parsers.capture import reader
from parsers.capture.kernel.payload import Payload
from tests.parsers.capture import kernels
from tests.parsers.capture.wire import ACK, ether, ip4, pcap, tcp

READERS = [Payload, *([vars(sys.modules["parsers.capture.kernel.compiled"])["Payload"]] if kernels.is_compiled() else [])]

pytestmark = pytest.mark.parametrize("kind", READERS)


@pytest.mark.parametrize(
    ("text", "line", "host"),
    [
        (b"GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n", b"GET / HTTP/1.1", b"a.example:8080"),
        (b"POST /x?y=1 HTTP/1.0\r\nAccept: */*\r\nhOsT:b\r\n", b"POST /x?y=1 HTTP/1.0", b"b"),
        (b"OPTIONS * HTTP/1.1\r\n\r\nHost: late\r\n", b"OPTIONS * HTTP/1.1", None),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: cut", b"CONNECT a:443 HTTP/1.1", None),
        (b"GET /cut/here", b"GET /cut/here", None),
        (b"GET /cut/here HT", b"GET /cut/here HT", None),
        (b"DELETE /" + b"a" * 1000 + b" HTTP/1.1\r\nHost: far\r\n", b"DELETE /" + b"a" * 504, b"far"),
        (b"GET /a HTTP/1.1\nHost: unix\n\n", b"GET /a HTTP/1.1", b"unix"),
    ],
)
def test_requests(kind: type[Payload], text: bytes, line: bytes, host: bytes | None) -> None:
    payload = kind()
    assert payload.look(text, 0, len(text)) == 1
    assert (payload.line, payload.host) == (line, host)


METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_and_nothing_like_one(kind: type[Payload], method: bytes) -> None:
    def looked(text: bytes) -> int:
        return kind().look(text, 0, len(text))

    assert looked(method + b" / HTTP/1.1") == 1
    for place in range(len(method)):
        for letter in range(256):
            word = method[:place] + bytes((letter,)) + method[place + 1 :]
            assert (looked(word + b" / HTTP/1.1") == 1) == (word in METHODS)
        assert looked(method[:place] + method[place + 1 :] + b" / HTTP/1.1") == 0
        assert looked(method[:place] + method[place : place + 1] + method[place:] + b" / HTTP/1.1") == 0


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"G",
        b"GET",
        b"GET ",
        b"GET  / HTTP/1.1",
        b"GET key\r\n",
        b"GET a b\r\n",
        b"GETS /a HTTP/1.1",
        b"T / HTTP/1.1",
        b"ET / HTTP/1.1",
        b"get / HTTP/1.1",
        b"PRI * HTTP/2.0\r\n",
        b"GET / SMTP/1.1\r\n",
        b"PUTT",
        b"HELLO there",
        b"GET \x00abc",
        b"OPTIONS\x00 / HTTP/1.1",
    ],
)
def test_what_is_no_request(kind: type[Payload], text: bytes) -> None:
    if text:
        assert kind().look(text, 0, len(text)) == 0


@pytest.mark.parametrize(
    ("text", "status"),
    [(b"HTTP/1.1 200 OK\r\n", 200), (b"HTTP/1.0 503", 503), (b"HTTP/1.1 20", 0), (b"HTTP/1.1", 0), (b"HTTP/1.1 2x0 OK", 0)],
)
def test_statuses(kind: type[Payload], text: bytes, status: int) -> None:
    payload = kind()
    assert payload.look(text, 0, len(text)) == 2
    assert payload.status == status


@pytest.mark.parametrize("text", [b"HTTP/2 200", b"HTTQ/1.1 200", b"HTML"])
def test_what_is_no_status(kind: type[Payload], text: bytes) -> None:
    assert kind().look(text, 0, len(text)) == 0


def record(code: int, body: bytes, version: int = 0x0303) -> bytes:
    return struct.pack(">BHH", code, version, len(body)) + body


def hello(name: bytes) -> bytes:
    server_name = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    other = struct.pack(">HH", 23, 0)
    extensions = other + server_name
    body = (
        b"\3\3"
        + bytes(32)
        + b"\x20"
        + bytes(32)
        + struct.pack(">H", 4)
        + bytes(4)
        + b"\1\0"
        + struct.pack(">H", len(extensions))
        + extensions
    )
    return record(22, b"\1" + len(body).to_bytes(3, "big") + body, 0x0301)


def test_the_server_name_of_a_client_hello(kind: type[Payload]) -> None:
    payload, text = kind(), hello(b"shop.example")
    assert payload.look(text, 0, len(text)) == 3
    assert (payload.name, payload.is_hello, payload.alert) == (b"shop.example", 1, -1)
    for size in range(len(text)):
        payload.look(text, 0, max(size, 1))
        assert payload.name is None


@pytest.mark.parametrize(
    ("text", "alert"),
    [
        (record(21, b"\1\0"), 0),
        (record(21, b"\2\x28"), 40),
        (record(21, bytes(26)), 256),
        (record(23, b"data") + record(21, b"\1\0"), 0),
        (record(23, b"data"), -1),
        (record(21, b"\7\0"), 256),
    ],
)
def test_alerts(kind: type[Payload], text: bytes, alert: int) -> None:
    payload = kind()
    assert payload.look(text, 0, len(text)) == 3
    assert payload.alert == alert


@pytest.mark.parametrize(
    "text", [b"\x16\x02\x03\x00\x05", b"\x16\x03\x09\x00\x05", b"\x15\x03\x03\x00\x00", b"\x16\x03", b"\x17\x03\x03\xff\xff"]
)
def test_what_is_no_record(kind: type[Payload], text: bytes) -> None:
    assert kind().look(text, 0, len(text)) == 0


def test_tls_makes_the_greeter_the_client_and_nothing_a_request(kind: type[Payload]) -> None:
    assert kind
    texts = [hello(b"shop.example"), record(23, b"x"), b"GET / HTTP/1.1\r\n", record(21, b"\1\0")]
    frames, seq = [], 1000
    for number, text in enumerate(texts):
        frames.append(ether(ip4(tcp(text, flags=ACK, seq=seq, source=80, target=40000), ident=number)))
        seq += len(text)
    (flow,) = reader.read("x", pcap(*frames)).capture.flows
    assert (flow.client.port, flow.sure, flow.tls, flow.server_name, flow.request) == (80, True, True, "shop.example", None)
    assert flow.by_client.alert is not None
    assert (flow.by_client.alert.packet, flow.by_client.alert_code) == (4, 0)

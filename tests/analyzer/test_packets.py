"""Packets and sockets joined: what a capture says of a row, of a clock, and what it says alone."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from analyzer.intake.read import assemble, read_one
from analyzer.model.finding import Confidence, Status
from parsers.records import Unit
from tests.builders import SERVED, dump, found, idle_exec, judge, netstat, sample, thread
from tests.parsers.capture.wire import ACK, FIN, PSH, RST, SYN, ether, ip4, tcp

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis

READ = ("sun.nio.ch.Net.poll", "sun.nio.ch.NioSocketImpl.park", "sun.nio.ch.NioSocketImpl.implRead", "sun.nio.ch.NioSocketImpl.read")
SERVER, BACK = "10.0.0.1", "10.2.2.2"
CLIENTS = 4
NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC).timestamp()
GET = b"GET /cart HTTP/1.1\r\nHost: shop\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Wire:
    """A capture, packet by packet; times in seconds after noon UTC."""

    def __init__(self) -> None:
        self.packets: list[tuple[float, bytes]] = []

    def send(
        self,
        at: float,
        near: tuple[str, int],
        far: tuple[str, int],
        flags: int,
        seq: int,
        ack: int,
        payload: bytes = b"",
        window: int = 500,
    ) -> None:
        segment = tcp(payload, flags=flags, seq=seq, ack=ack, source=near[1], target=far[1], window=window)
        self.packets.append((at, ether(ip4(segment, source=near[0], target=far[0], ident=len(self.packets) % 65536))))

    def ask(
        self, client: tuple[str, int], server: tuple[str, int], *, at: float = 0.0, answer: float | None = None, end: float | None = 4.0
    ) -> None:
        """A handshake and a request; the answer and the client's FIN if they come."""
        self.send(at, client, server, SYN, 100, 0)
        self.send(at, server, client, SYN | ACK, 500, 101)
        self.send(at, client, server, ACK, 101, 501)
        self.send(at, client, server, PSH | ACK, 101, 501, GET)
        self.send(at, server, client, ACK, 501, 101 + len(GET))
        sent = 0
        if answer is not None:
            self.send(at + answer, server, client, PSH | ACK, 501, 101 + len(GET), OK)
            sent = len(OK)
        if end is not None:
            self.send(at + end, client, server, FIN | ACK, 101 + len(GET), 501 + sent)
            self.send(at + end, server, client, ACK, 501 + sent, 102 + len(GET))

    def data(self) -> bytes:
        out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
        for at, frame in sorted(self.packets, key=lambda one: one[0]):
            seconds, micro = divmod(round((NOON + at) * 1_000_000), 1_000_000)
            out.append(struct.pack("<IIII", seconds, micro, len(frame), len(frame)) + frame)
        return b"".join(out)


def diagnose(wire: Wire, files: dict[str, str] | None = None, name: str = "any.pcap") -> Diagnosis:
    readings = [read_one(file, text.encode()) for file, text in sorted((files or {}).items())]
    return judge(assemble("incident", [*readings, read_one(name, wire.data())]))


def client(number: int) -> tuple[str, int]:
    return "10.0.0.9", 40000 + number


def slow_backend() -> dict[str, str]:
    """Request threads that read from another service; their clients gave up."""
    rows = ["0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java"]
    rows += [f"1 {SERVER}:8080 10.0.0.9:{40000 + n} CLOSE_WAIT 77/java" for n in range(CLIENTS)]
    rows += [f"0 {SERVER}:{50000 + n} {BACK}:9300 ESTABLISHED 77/java" for n in range(CLIENTS)]
    stack = (*READ, "sun.net.www.http.HttpClient.parseHTTP", "com.example.shop.Cart.total", *SERVED)
    threads = [thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *stack, native="runnable", nid=0x200 + n) for n in range(CLIENTS)]
    return {"netstat.txt": netstat(*rows), "jstack.txt": dump(*threads, time="2026-01-02 14:00:09")}


def whole() -> Wire:
    """Both sides of it: the clients' requests and the calls to the service; the clients leave after four seconds, the calls end after 20."""
    wire = Wire()
    for n in range(CLIENTS):
        wire.ask(client(n), (SERVER, 8080), end=4.0)
        wire.ask((SERVER, 50000 + n), (BACK, 9300), at=0.1, end=20.0)
    return wire


class TestTogether:
    def test_packets_are_evidence_of_the_rows(self) -> None:
        (finding,) = found(diagnose(whole(), slow_backend()), "slow-backend")
        packets = [one for one in finding.evidence if one.where.unit is Unit.PACKET]
        assert [one.says for one in packets] == [
            "packets: of these 4 connections, 4 had a request that got no byte of an answer before the client's end, which came after 20.0 s",
            "packets: of these 4 connections, 4 had a request that got no byte of an answer before the client's end, which came after 4.0 s",
        ]
        assert all(one.more == CLIENTS - 1 for one in packets)

    def test_the_excerpt_shows_the_packets_and_what_never_came(self) -> None:
        diagnosis = diagnose(whole(), slow_backend())
        (excerpt,) = [lines for where, lines in diagnosis.excerpts.items() if where.unit is Unit.PACKET and "8080" in lines[0]]
        assert excerpt[0] == "10.0.0.9:40000 → 10.0.0.1:8080"
        assert any("GET /cart HTTP/1.1" in line and line.startswith("packet ") for line in excerpt)
        assert excerpt[-2:] == ("no answer", "no FIN of the server")

    def test_flows_for_the_report_have_numbers_and_durations(self) -> None:
        flows = diagnose(whole(), slow_backend()).flows
        assert len(flows) == 2 * CLIENTS
        inner = next(flow for flow in flows if flow.server == f"{SERVER}:8080")
        assert (inner.request, inner.response, inner.unanswered_for, inner.closed_first) == ("GET /cart HTTP/1.1", None, 4.0, "client")
        assert inner.opened == "2026-01-02T12:00:00+00:00"
        assert [mark.what for mark in inner.marks] == ["SYN", "SYN ACK", "GET /cart HTTP/1.1", "FIN", "the capture ends"]

    def test_the_moment_of_the_table_is_bracketed(self) -> None:
        """After the clients' FINs, before the calls' end; the dump's clock is two hours ahead, and otherwise right."""
        made = diagnose(whole(), slow_backend())
        (said,) = made.clocks
        assert said.startswith("netstat.txt was saved between 2026-01-02 12:00:04 and 2026-01-02 12:00:20 UTC by the clock of the capture")
        assert said.endswith("; jstack.txt agrees if its times are UTC+2.")
        assert not [one for one in made.notes if "clock of the capture" in one]

    def test_a_clock_that_is_wrong_is_said(self) -> None:
        files = slow_backend()
        files["jstack.txt"] = files["jstack.txt"].replace("14:00:09", "14:02:09")
        made = diagnose(whole(), files)
        (note,) = [one for one in made.notes if "clock of the capture" in one]
        assert "the two clocks are 117 s apart" in note
        assert not made.clocks

    def test_a_capture_of_other_connections_says_nothing(self) -> None:
        wire = Wire()
        for n in range(CLIENTS):
            wire.ask(("10.0.0.8", 40000 + n), (SERVER, 8080))
        diagnosis = diagnose(wire, slow_backend())
        (finding,) = found(diagnosis, "slow-backend")
        assert not [one for one in finding.evidence if one.where.unit is Unit.PACKET]
        assert not [one for one in diagnosis.notes if "clock of the capture" in one]
        assert not diagnosis.clocks

    def test_loopback_of_another_host_is_no_evidence(self) -> None:
        wire = Wire()
        for n in range(CLIENTS):
            wire.ask(("127.0.0.1", 40000 + n), ("127.0.0.1", 8080))
        rows = [
            "0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java",
            *(f"1 127.0.0.1:8080 127.0.0.1:{40000 + n} CLOSE_WAIT 77/java" for n in range(CLIENTS)),
        ]
        files = {f"{host}/netstat.txt": netstat(*rows) for host in ("shop", "stock")}
        flows = diagnose(wire, files, name="shop/lo.pcap").flows
        assert len(flows) == CLIENTS


class TestAlone:
    def test_clients_that_gave_up_are_told_and_no_cause_is_claimed(self) -> None:
        wire = Wire()
        for n in range(CLIENTS):
            wire.ask(client(n), (SERVER, 8080), end=4.0 + n)
        diagnosis = diagnose(wire)
        assert diagnosis.verdict.status is Status.INSUFFICIENT
        assert "4 requests to 10.0.0.1:8080 got no answer before the client gave up, after 4.0 to 7.0 s" in diagnosis.verdict.headline
        assert not diagnosis.findings
        assert {one.artifact for one in diagnosis.missing} >= {"thread dump", "socket table with owners"}

    def test_answers_are_health_of_nothing(self) -> None:
        wire = Wire()
        for n in range(CLIENTS):
            wire.ask(client(n), (SERVER, 8080), answer=0.2, end=1.0)
        diagnosis = diagnose(wire)
        assert diagnosis.verdict.status is Status.INSUFFICIENT
        assert "the packets show no trouble" in diagnosis.verdict.headline

    def test_a_request_that_is_still_open_at_the_end_is_no_trouble(self) -> None:
        wire = Wire()
        for n in range(CLIENTS):
            wire.ask(client(n), (SERVER, 8080), end=None)
        assert "no trouble" in diagnose(wire).verdict.headline

    @pytest.mark.parametrize(("others", "told"), [(CLIENTS, True), (0, False)])
    def test_attempts_without_an_answer_while_others_get_one(self, others: int, told: bool) -> None:
        """A port that answers nobody is down or filtered; one that answers some drops the others."""
        wire = Wire()
        for n in range(CLIENTS):
            for at in (0.0, 1.0, 3.0):
                wire.send(at, client(100 + n), (SERVER, 8080), SYN, 100, 0)
        for n in range(others):
            wire.ask(client(n), (SERVER, 8080), answer=0.1, end=1.0)
        diagnosis = diagnose(wire)
        assert bool(found(diagnosis, "backlog-overflow")) is told
        assert ("10.0.0.1:8080 leaves 4 connection attempts without an answer" in diagnosis.verdict.headline) is told

    def test_clients_that_do_not_read(self) -> None:
        wire = Wire()
        for n in range(CLIENTS):
            wire.ask(client(n), (SERVER, 8080), answer=0.1, end=None)
            wire.send(1.0, client(n), (SERVER, 8080), ACK, 101 + len(GET), 501 + len(OK), window=0)
        wire.ask(client(99), (SERVER, 8080), at=9.0, answer=0.1, end=None)
        assert "4 clients of 10.0.0.1:8080 do not read" in diagnose(wire).verdict.headline

    def test_one_impatient_client_of_many_is_nobody_s_trouble(self) -> None:
        wire = Wire()
        for n in range(50):
            wire.ask(client(n), (SERVER, 8080), answer=None if n < 4 else 0.1, end=2.0)
        assert "no trouble" in diagnose(wire).verdict.headline

    def test_a_reset_is_no_half_close(self) -> None:
        wire = Wire()
        for n in range(20):
            wire.ask(client(n), (SERVER, 8080), answer=0.1, end=1.0)
            wire.send(1.1, (SERVER, 8080), client(n), RST | ACK, 501 + len(OK), 102 + len(GET))
        wire.send(60.0, client(99), (SERVER, 8080), SYN, 100, 0)
        assert "not by the server" not in diagnose(wire).verdict.summary


def test_a_healthy_server_with_a_capture_stays_healthy() -> None:
    wire = Wire()
    for n in range(CLIENTS):
        wire.ask(client(n), (SERVER, 8080), answer=0.2, end=None)
    rows = [
        "0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java",
        *(f"0 {SERVER}:8080 10.0.0.9:{40000 + n} ESTABLISHED 77/java" for n in range(CLIENTS)),
    ]
    diagnosis = diagnose(wire, {"netstat.txt": netstat(*rows), "jstack.txt": dump(*idle_exec(8))})
    assert diagnosis.verdict.status is Status.HEALTHY


@pytest.mark.parametrize("name", ["connection-limit", "slow-backend-connection-limit", "self-call-connection-limit"])
def test_captures_of_the_samples_confirm_the_sockets(name: str) -> None:
    diagnosis = sample(name)
    claims = [one for finding in diagnosis.findings for one in finding.evidence if one.where.unit is Unit.PACKET]
    assert any("got no byte of an answer before the client's end" in one.says for one in claims)
    assert diagnosis.flows


def test_packets_that_show_answers_are_a_doubt() -> None:
    """The sockets look stuck, but the capture has an answer on each of these very connections."""
    wire = Wire()
    for n in range(CLIENTS):
        wire.ask((SERVER, 50000 + n), (BACK, 9300), answer=0.2, end=None)
    (finding,) = found(diagnose(wire, slow_backend()), "slow-backend")
    assert finding.confidence is not Confidence.CERTAIN
    assert "the capture shows answers" in finding.why_confident

"""Causes from packets alone: suspected, with what looks the same, and only where other machines are seen."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Status
from reports.view import build as view
from tests.analyzer.test_packets import GET, OK, SERVER, Wire, client, diagnose, slow_backend, whole
from tests.parsers.capture.wire import ACK, FIN, PSH, SYN

HERE = (SERVER, 8080)
LOOPBACK = "127.0.0.1"
FAR = ("10.2.2.2", 9300)


def held(calls: int, near: str, far: tuple[str, int], clients: int = 4, answered: int = 0) -> Wire:
    """Clients without an answer, beside ``calls`` from one address to another without one; ``answered`` calls got theirs."""
    wire = Wire()
    for n in range(clients):
        wire.ask(client(n), HERE, end=4.0)
    for n in range(calls):
        wire.ask((near, 50000 + n), far, at=0.1, end=None)
    for n in range(answered):
        wire.ask((near, 51000 + n), far, at=0.1, answer=0.1, end=None)
    return wire


class TestOwnCalls:
    @pytest.mark.parametrize("near", [SERVER, LOOPBACK])
    def test_are_suspected_with_what_looks_the_same(self, near: str) -> None:
        diagnosis = diagnose(held(4, near, (near, 8080)))
        (finding,) = diagnosis.findings
        assert (finding.rule, finding.confidence) == ("self-call-starvation", Confidence.SUSPECTED)
        assert "self-call starvation, or own calls caught in another stall" in diagnosis.verdict.headline
        assert "4 requests to 10.0.0.1:8080 got no answer, and neither did 4 calls" in finding.explanation
        assert {one.artifact for one in diagnosis.missing} == {"thread dump", "socket table with owners"}
        assert all(one.where.unit.value == "packet" for one in finding.evidence)

    def test_one_may_have_been_in_flight(self) -> None:
        assert not diagnose(held(1, SERVER, HERE)).findings

    def test_that_are_answered_are_no_cause(self) -> None:
        assert not diagnose(held(0, SERVER, HERE, answered=4)).findings

    def test_with_clients_that_are_answered_are_no_cause(self) -> None:
        wire = held(4, SERVER, HERE, clients=0)
        for n in range(20):
            wire.ask(client(n), HERE, answer=0.1, end=5.0)
        assert diagnose(wire).verdict.status is Status.INSUFFICIENT

    def test_over_loopback_alone_cannot_be_told_from_clients(self) -> None:
        wire = Wire()
        for n in range(8):
            wire.ask((LOOPBACK, 40000 + n), (LOOPBACK, 8080), end=4.0)
        assert not diagnose(wire).findings


class TestSlowServices:
    def test_are_suspected_with_what_looks_the_same(self) -> None:
        diagnosis = diagnose(whole())
        (finding,) = diagnosis.findings
        assert (finding.rule, finding.confidence, finding.culprit.remote) == ("slow-backend", Confidence.SUSPECTED, "10.2.2.2:9300")
        assert "10.2.2.2:9300, which it calls, does not answer it" in diagnosis.verdict.headline

    def test_that_answer_most_calls_are_not(self) -> None:
        assert not diagnose(held(4, SERVER, FAR, answered=8)).findings

    def test_called_by_other_machines_are_not_behind_this_server(self) -> None:
        """A mirrored port: whose calls these are, nobody can tell."""
        wire = held(4, "10.0.0.77", FAR)
        wire.ask(("10.0.0.78", 50100), FAR, at=0.1, end=None)
        assert not diagnose(wire).findings

    def test_over_another_network_of_the_machine(self) -> None:
        wire = held(4, "10.0.1.1", FAR)
        (finding,) = diagnose(wire).findings
        assert (finding.rule, finding.culprit.remote) == ("slow-backend", "10.2.2.2:9300")

    def test_with_sockets_and_threads_the_packets_are_evidence_and_no_rule_of_their_own(self) -> None:
        (finding,) = [one for one in diagnose(whole(), slow_backend()).findings if one.rule == "slow-backend"]
        assert finding.confidence is not Confidence.SUSPECTED


class TestUnclosed:
    def wire(self, kept: int, *, closed: bool) -> Wire:
        wire = Wire()
        for n in range(kept):
            wire.ask(client(n), HERE, answer=0.1, end=1.0)
            if closed:
                wire.send(1.2, HERE, client(n), 0x11, 501 + len(OK), 102 + len(GET))
                wire.send(1.2, client(n), HERE, ACK, 102 + len(GET), 502 + len(OK))
        wire.ask(client(999), HERE, at=60.0, answer=0.1, end=None)
        return wire

    def test_are_suspected(self) -> None:
        diagnosis = diagnose(self.wire(12, closed=False))
        (finding,) = diagnosis.findings
        assert (finding.rule, finding.confidence) == ("server-never-closes", Confidence.SUSPECTED)
        assert "for up to 59 s" in finding.explanation

    @pytest.mark.parametrize(("kept", "closed"), [(12, True), (5, False)])
    def test_closed_ones_and_a_few_are_not(self, kept: int, closed: bool) -> None:
        assert not diagnose(self.wire(kept, closed=closed)).findings


def test_clients_that_do_not_read_are_suspected_to_hold_the_server() -> None:
    wire = Wire()
    for n in range(4):
        wire.ask(client(n), HERE, answer=0.1, end=None)
        wire.send(1.0, client(n), HERE, ACK, 101 + len(GET), 501 + len(OK), window=0)
    assert not diagnose(wire).findings  # they may read in a moment
    wire.ask(client(99), HERE, at=9.0, answer=0.1, end=None)
    (finding,) = diagnose(wire).findings
    assert (finding.rule, finding.confidence) == ("blocked-write", Confidence.SUSPECTED)


def test_a_report_shows_who_closes_first() -> None:
    wire = Wire()
    for n in range(4):
        wire.ask(client(n), HERE, answer=0.1, end=1.0)
        if n < 3:
            wire.send(1.2 + n, HERE, client(n), 0x11, 501 + len(OK), 102 + len(GET))
    diagnosis = diagnose(wire)
    (ending,) = diagnosis.endings
    assert (ending.client_first, ending.server_never_closed, ending.server_first, ending.open) == (4, 1, 0, 0)
    assert ending.seconds_between == 1.2
    (chart,) = view.build(diagnosis, "analyze any.pcap").endings
    assert [(bar.label, bar.value) for bar in chart.bars] == [("client first", "4"), ("and never the server", "1")]
    assert chart.caption == "Connections of 10.0.0.1:8080 in the capture. Half of the second FINs came within 1.2 s."


class TestHealthy:
    """Captures of servers that nothing is wrong with."""

    def test_a_goodbye_before_the_end_is_no_request(self) -> None:
        """A TLS alert or a database's quit, sent at once before the FIN."""
        wire = Wire()
        for n in range(12):
            wire.ask(client(n), HERE, answer=0.1, end=None)
            wire.send(1.0, client(n), HERE, PSH | ACK, 101 + len(GET), 501 + len(OK), b"\x15\x03\x03\x00\x02\x01\x00")
            wire.send(1.001, client(n), HERE, FIN | ACK, 108 + len(GET), 501 + len(OK))
        assert "no trouble" in diagnose(wire).verdict.headline

    def test_long_polls_beside_answered_requests_are_no_stall(self) -> None:
        wire = whole()
        for n in range(20):
            wire.ask(client(200 + n), HERE, at=1.0 + n / 10, answer=0.05, end=9.0)
        assert not diagnose(wire).findings

    def test_attempts_on_their_way_when_the_capture_ends(self) -> None:
        wire = Wire()
        for n in range(4):
            wire.ask(client(n), HERE, answer=0.1, end=1.0)
            wire.send(1.0 + n / 1000, client(100 + n), HERE, SYN, 100, 0)
        assert "no trouble" in diagnose(wire).verdict.headline

    def test_answers_that_take_another_way(self) -> None:
        """The capture has one direction of some connections: their clients acknowledge what it has not seen."""
        wire = Wire()
        for n in range(8):
            wire.ask(client(n), HERE, answer=0.1, end=1.0)
            for at in (0.0, 1.0):
                wire.send(at, client(100 + n), HERE, SYN, 100, 0)
            wire.send(1.1, client(100 + n), HERE, ACK, 101, 501)
        assert not diagnose(wire).findings

    def test_a_server_that_still_sends_after_the_end_of_its_client(self) -> None:
        wire = Wire()
        for n in range(12):
            wire.ask(client(n), HERE, answer=0.1, end=1.0)
            for second in range(2, 30, 4):
                wire.send(float(second), HERE, client(n), PSH | ACK, 501 + len(OK) + second * 10, 102 + len(GET), b"more rows ")
        assert not diagnose(wire).findings


def repeated(size: int = 1448, connections: int = 3, answered: int = 2, back: bool = False) -> Wire:
    """Connections whose first short data are acknowledged and whose next segment is sent again and again, beside others with answers."""
    wire = Wire()
    for n in range(answered):
        wire.ask((SERVER, 51000 + n), FAR, at=6.0 + n, answer=0.1, end=8.0 + n)
    for n in range(connections):
        near = (SERVER, 52000 + n)
        wire.send(1.0, near, FAR, SYN, 100, 0)
        wire.send(1.01, FAR, near, SYN | ACK, 500, 101)
        wire.send(1.02, near, FAR, ACK, 101, 501)
        wire.send(1.03, near, FAR, PSH | ACK, 101, 501, b"h" * 80)
        wire.send(1.04, FAR, near, ACK, 501, 181)
        for at in (1.05, 1.3, 2.0, 3.5, 7.0, 12.0):
            wire.send(at + n / 1000, near, FAR, ACK, 181, 501, b"b" * size)
        if back:
            wire.send(12.5, FAR, near, ACK, 501, 181 + size)
    return wire


def test_segments_that_are_repeated_in_vain_are_no_healthy_wire() -> None:
    (finding,) = diagnose(repeated()).findings
    assert (finding.rule, finding.confidence) == ("vanished-peer", Confidence.LIKELY)
    assert "3 connections to 10.2.2.2:9300 repeat data that nothing acknowledges" in finding.headline
    assert "path MTU black hole" in finding.explanation


def test_short_segments_that_are_repeated_in_vain_say_nothing_of_sizes() -> None:
    (finding,) = diagnose(repeated(size=200)).findings
    assert "MTU" not in finding.explanation
    assert "something between has forgotten these" in finding.explanation


@pytest.mark.parametrize("wire", [repeated(back=True), repeated(connections=1)], ids=["acknowledged in the end", "one alone"])
def test_segments_that_arrive_in_the_end_are_no_trouble(wire: Wire) -> None:
    assert not [one for one in diagnose(wire).findings if one.rule == "vanished-peer"]

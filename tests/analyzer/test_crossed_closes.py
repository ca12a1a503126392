"""Requests that cross the server's close of a kept connection: told from packets as text and from captures, and what only looks so."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Severity
from tests.analyzer.test_packets import GET, OK, SERVER, Wire, client, diagnose
from tests.builders import diagnosis_of, found
from tests.parsers.capture.wire import ACK, FIN, PSH, RST

PROXY, APP = "10.9.0.3.40400", "10.9.0.8.8600"
HERE = (SERVER, 8600)


def line(at: str, source: str, flags: str, rest: str) -> str:
    return f"17:40:{at} IP {source} > {APP if source == PROXY else PROXY}: Flags [{flags}], {rest}"


ASKED = line("10.000000", PROXY, "P.", "seq 100:300, ack 900, win 501, length 200")
ANSWERED = line("10.250000", APP, "P.", "seq 900:1400, ack 300, win 501, length 500")
SEEN = line("10.250100", PROXY, ".", "ack 1400, win 501, length 0")
CLOSED = line("12.260000", APP, "F.", "seq 1400, ack 300, win 501, length 0")
AGAIN = line("12.260300", PROXY, "P.", "seq 300:520, ack 1400, win 501, length 220")
RESET = line("12.260400", APP, "R", "seq 1400, win 0, length 0")
BEFORE = line("12.259900", PROXY, "P.", "seq 300:520, ack 1400, win 501, length 220")


def told(*lines: str) -> Diagnosis:
    return diagnosis_of({"report.md": "I saw this on the proxy:\n\n```\n" + "\n".join(lines) + "\n```\n"})


@pytest.mark.parametrize(
    "lines", [(CLOSED, AGAIN, RESET), (BEFORE, CLOSED, RESET), (CLOSED, AGAIN, SEEN.replace("10.250100", "12.260350"), RESET)]
)
def test_a_request_that_crosses_the_close_of_a_resting_connection_is_lost(lines: tuple[str, ...]) -> None:
    (finding,) = found(told(ASKED, ANSWERED, SEEN, *lines), "keep-alive-missing")
    assert finding.headline.startswith("10.9.0.8:8600 closed 1 kept connection after 2.0 s without a request")
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    assert "2 s is the default of gunicorn" in finding.explanation
    assert "Up to" not in finding.explanation


def test_a_limit_that_is_nobodys_default_is_told_by_its_seconds_alone() -> None:
    late = [one.replace("17:40:12", "17:40:54") for one in (CLOSED, AGAIN, RESET)]
    (finding,) = found(told(ASKED, ANSWERED, SEEN, *late), "keep-alive-missing")
    assert "after 44.0 s" in finding.headline
    assert "default" not in finding.explanation


def test_a_caller_that_does_not_look_whether_the_connection_is_open() -> None:
    late = [one.replace("17:40:12", "17:40:31") for one in (AGAIN, RESET)]
    (finding,) = found(told(ASKED, ANSWERED, SEEN, CLOSED, *late), "keep-alive-missing")
    assert "Up to 19.0 s had gone since the close" in finding.explanation


@pytest.mark.parametrize(
    "lines",
    [
        (ASKED, ANSWERED, SEEN, AGAIN, RESET),  # no FIN: whoever resets it need not be the server
        (ASKED, ANSWERED, *(one.replace(":12.26", ":10.36") for one in (CLOSED, AGAIN, RESET))),  # it did not rest
        (ASKED, ANSWERED, line("12.1", PROXY, "F.", "seq 300, ack 1400, win 501, length 0"), CLOSED, AGAIN, RESET),
        (ASKED, ANSWERED, BEFORE, CLOSED.replace("ack 300", "ack 520"), RESET),  # it has the request, and ends without an answer
        (ASKED, ANSWERED, BEFORE.replace(":12.25", ":11.25"), CLOSED.replace(":12.26", ":14.26"), RESET.replace(":12.26", ":14.26")),
        (ASKED, ANSWERED, line("12.25", APP, "FP.", "seq 1400:1600, ack 300, win 501, length 200"), AGAIN, RESET),  # still answering
        (ASKED, ANSWERED, CLOSED, AGAIN, RESET.replace("17:40:", "17:44:")),  # minutes later, by something on the way
        (ASKED, CLOSED, AGAIN, RESET),  # no answer
        (ASKED, ANSWERED, CLOSED, RESET),  # no request
        tuple(one.replace("17:40:", "00:00:") for one in (ASKED, ANSWERED, CLOSED, AGAIN, RESET)),  # times since the line before
    ],
)  # fmt: skip
def test_what_only_looks_so(lines: tuple[str, ...]) -> None:
    assert not found(told(*lines), "keep-alive-missing")


def kept(wire: Wire, number: int, *, closed: float, asked: float, reset: float, by_server: bool = True) -> None:
    """A request with its answer, then the ends of the connection."""
    near, sent, size = client(number), 101 + len(GET), len(OK)
    wire.ask(near, HERE, answer=0.01, end=None)
    if by_server:
        wire.send(closed, HERE, near, FIN | ACK, 501 + size, sent)
    else:
        wire.send(closed, near, HERE, FIN | ACK, sent, 501 + size)
    wire.send(asked, near, HERE, PSH | ACK, sent, 501 + size, GET)
    wire.send(reset, HERE, near, RST, 502 + size, 0)


def test_the_same_in_a_capture() -> None:
    wire = Wire()
    for number in range(2):
        kept(wire, number, closed=20.015, asked=20.0151, reset=20.0153)
    (finding,) = found(diagnose(wire), "keep-alive-missing")
    assert finding.headline.startswith(f"{SERVER}:8600 closed 2 kept connections after 20.0 s")
    assert "Tomcat" in finding.explanation
    assert finding.evidence[0].where.unit.value == "packet"


@pytest.mark.parametrize(
    "times",
    [
        {"closed": 0.2, "asked": 0.2001, "reset": 0.2003},
        {"closed": 20.0, "asked": 15.0, "reset": 20.1},
        {"closed": 20.0, "asked": 20.0001, "reset": 200.0},
        {"closed": 20.0, "asked": 20.0001, "reset": 20.1, "by_server": False},
    ],
)
def test_what_only_looks_so_in_a_capture(times: dict[str, float]) -> None:
    wire = Wire()
    kept(wire, 1, **times)  # type: ignore[arg-type]
    assert not found(diagnose(wire), "keep-alive-missing")

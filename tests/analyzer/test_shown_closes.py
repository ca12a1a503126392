"""A count of TIME_WAIT without its ends, beside rows that show where such connections lead."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis
from tests.builders import diagnosis_of, found

RANGE = "C:\\> netsh int ipv4 show dynamicport tcp\n\nProtocol tcp Dynamic Port Range\n---------------------------------\nStart Port      : 49152\nNumber of Ports : 16384\n"
FAILED = """System.Net.Sockets.SocketException: Only one usage of each socket address (protocol/network address/port) is normally permitted {end}
   at System.Net.Sockets.Socket.InternalEndConnect(IAsyncResult asyncResult)
   at System.Net.Sockets.Socket.EndConnect(IAsyncResult asyncResult)
"""
DEPOT, OTHER = "10.61.0.9:9440", "10.61.0.11:5671"


def row(port: int, remote: str, state: str = "TIME_WAIT", pid: int = 0) -> str:
    return f"  TCP    10.61.0.4:{port}      {remote}        {state}       {pid}"


def counted(number: int, *rows: str, error: str = "", span: str = RANGE) -> Diagnosis:
    table = "\n".join(
        (
            "C:\\> netstat -ano | more",
            "",
            "Active Connections",
            "",
            "  Proto  Local Address          Foreign Address        State           PID",
            "  TCP    0.0.0.0:8181           0.0.0.0:0              LISTENING       4",
            *rows,
            "-- More  --",
        )
    )
    blocks = (error, f'C:\\> netstat -ano | find /c "TIME_WAIT"\n{number}\n', table, span)
    return diagnosis_of({"report.md": "It fails after a while.\n\n" + "\n\n".join(f"```\n{one}\n```" for one in blocks if one) + "\n"})


ROWS = tuple(row(50000 + n, DEPOT) for n in range(7))
OPEN = row(50100, DEPOT, "ESTABLISHED", 5512)


def test_the_rows_tell_where_the_counted_ones_lead() -> None:
    (finding,) = found(counted(16002, *ROWS, OPEN, error=FAILED.format(end=DEPOT)), "ephemeral-port-exhaustion")
    assert finding.headline.startswith(f"The local ports for connections to {DEPOT} are used up: 16,002 of 16,384 are in use")
    assert finding.confidence is Confidence.CERTAIN
    assert finding.process is not None
    assert finding.process.pid == 5512
    assert "7 of the 7 rows in TIME_WAIT that are here lead to" in finding.explanation
    assert "a connection is made for each call" in finding.explanation
    assert "System.Net" not in finding.explanation


def test_without_the_error_the_rows_and_the_range_make_it_likely() -> None:
    (finding,) = found(counted(16002, *ROWS), "ephemeral-port-exhaustion")
    assert finding.confidence is Confidence.LIKELY
    assert finding.process is not None
    assert finding.process.pid is None


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:3],  # too few
        (*ROWS[:4], *(row(50200 + n, OTHER) for n in range(3))),  # several services
        tuple(f"  TCP    10.61.0.4:8181      10.61.7.{n}:61000        TIME_WAIT       0" for n in range(7)),  # of a port that is served
    ],
)
def test_rows_that_tell_nothing_of_the_rest(rows: tuple[str, ...]) -> None:
    assert not found(counted(16002, *rows), "ephemeral-port-exhaustion")


def test_far_from_the_range_nothing_is_used_up() -> None:
    assert not found(counted(9000, *ROWS, OPEN), "ephemeral-port-exhaustion")


def test_two_processes_with_open_connections_are_none() -> None:
    (finding,) = found(counted(16002, *ROWS, OPEN, row(50101, DEPOT, "ESTABLISHED", 7001)), "ephemeral-port-exhaustion")
    assert finding.process is not None
    assert finding.process.pid is None


def test_a_port_that_is_taken_by_a_listener_is_another_matter() -> None:
    bind = FAILED.format(end="").replace("permitted ", "permitted").replace("InternalEndConnect(IAsyncResult asyncResult)", "DoBind()")
    assert not found(counted(300, *ROWS, error=bind), "ephemeral-port-exhaustion")

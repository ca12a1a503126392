"""Tables of two hosts in one text are two hosts' tables; connections that only one of them has are dead."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence
from tests.builders import diagnosis_of, found, thread

NEAR = """web$ netstat -an | grep 6432
tcp        0   {queue} 10.9.1.5:41220          10.9.7.31:6432          ESTABLISHED
tcp        0   {queue} 10.9.1.5:41224          10.9.7.31:6432          ESTABLISHED
tcp        0      0 10.9.1.5:52810          10.9.7.31:6432          ESTABLISHED
"""
FAR = """and there, at the same time:

$ netstat -an | grep 10.9.1.5
tcp        0      0 10.9.7.31:6432          10.9.1.5:52810          ESTABLISHED
"""


def report(queue: int = 340, far: str = FAR) -> dict[str, str]:
    return {"report.md": f"It hangs every Monday.\n\n{NEAR.format(queue=queue)}\n{far}"}


def test_connections_that_the_far_table_lacks_are_dead() -> None:
    (finding,) = found(diagnosis_of(report()), "lost-session")
    assert finding.confidence is Confidence.LIKELY
    assert finding.headline.startswith("This host holds 2 connections to 10.9.7.31:6432 that 10.9.7.31 does not know")
    assert "680 bytes sent on them were never acknowledged" in finding.explanation
    assert {(item.where.first, item.where.last) for item in finding.evidence} == {(4, 4), (11, 11)}


def test_they_may_have_been_made_in_between_where_nothing_is_unacknowledged() -> None:
    (finding,) = found(diagnosis_of(report(queue=0)), "lost-session")
    assert finding.confidence is Confidence.SUSPECTED


@pytest.mark.parametrize(
    "far",
    [
        FAR.replace("ESTABLISHED", "ESTABLISHED\ntcp        0      0 10.9.7.31:6432          10.9.1.5:41220          ESTABLISHED\n"
                    "tcp        0      0 10.9.7.31:6432          10.9.1.5:41224          ESTABLISHED"),
        FAR.replace("10.9.7.31:6432          10.9.1.5:52810", "10.9.7.31:6432          10.9.1.6:52810"),
        FAR.replace("10.9.7.31:6432          10.9.1.5:52810", "10.9.1.5:52810          10.9.7.31:6432"),
    ],
    ids=["the far table has them all", "the far table has none", "the same host once more"],
)  # fmt: skip
def test_nothing_is_lost(far: str) -> None:
    assert not found(diagnosis_of(report(far=far)), "lost-session")


def test_the_far_host_s_service_is_no_own_port() -> None:
    stack = thread(
        "http-nio-8080-exec-3",
        "RUNNABLE",
        "at java.net.SocketInputStream.socketRead0(Native Method)",
        "at java.net.SocketInputStream.read(SocketInputStream.java:171)",
        "at org.postgresql.core.PGStream.receiveChar(PGStream.java:308)",
        "at berth.Ledger.load(Ledger.java:40)",
        "at javax.servlet.http.HttpServlet.service(HttpServlet.java:733)",
    )
    diagnosis = diagnosis_of({"report.md": f"{stack}\n\n{NEAR.format(queue=340)}\n{FAR}"})
    assert not found(diagnosis, "self-call-starvation")
    assert diagnosis.verdict.rule == "lost-session"


def test_a_host_that_calls_itself_is_one_host() -> None:
    rows = """$ netstat -an | grep 6432
tcp        0      0 10.9.1.5:41220          10.9.1.5:6432           ESTABLISHED
$ netstat -an | grep 41220
tcp        0      0 10.9.1.5:6432           10.9.1.5:41220          ESTABLISHED
"""
    assert diagnosis_of({"report.md": rows}).incident.hosts == ()


@pytest.mark.parametrize("command", ["| grep 6432 | head -1", "| grep -v CLOSE_WAIT", "| grep ESTABLISHED"])
def test_a_far_table_that_a_filter_cut_proves_nothing(command: str) -> None:
    (finding,) = found(diagnosis_of(report(far=FAR.replace("| grep 10.9.1.5", command))), "lost-session")
    assert finding.confidence is Confidence.SUSPECTED
    assert "if it is whole" in finding.headline


def test_other_hosts_at_the_far_port_may_be_the_same_connections_behind_a_nat() -> None:
    other = "".join(f"tcp        0      0 10.9.7.31:6432          10.9.9.9:6100{number}          ESTABLISHED\n" for number in (1, 2))
    (finding,) = found(diagnosis_of(report(far=FAR + other)), "lost-session")
    assert finding.confidence is Confidence.SUSPECTED

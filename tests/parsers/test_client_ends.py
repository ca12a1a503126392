"""PostgreSQL's log names the client of a session once: the list that does not is completed with it."""

from __future__ import annotations

import pytest

from parsers.logs.client_ends import clients_of
from parsers.text.source import Section
from tests.builders import evidence_of, netstat

STAMP = "2026-11-28 23:59:03.964 KST"


def clients(*lines: str) -> list[tuple[str, str]]:
    return [(one.id, str(one.client)) for one in clients_of(Section("pg.log", 1, list(lines)))]


@pytest.mark.parametrize(
    "line",
    [
        f"{STAMP} [2041] [unknown]@[unknown] LOG:  connection received: host=10.0.0.5 port=41234",
        f"{STAMP} [2041-1] LOG:  connection received: host=10.0.0.5 port=41234",
        f"{STAMP}:10.0.0.5(41234):[unknown]@[unknown]:[2041]:LOG:  connection received: host=10.0.0.5 port=41234",
        "pid=2041,user=[unknown] LOG: connection received: host=10.0.0.5 port=41234",
        f'{STAMP},,,2041,"10.0.0.5:41234",638f2,1,"",{STAMP},,0,LOG,00000,"connection received: host=10.0.0.5 port=41234",,,,,,,,,""',
    ],
)
def test_every_prefix_with_a_process_id(line: str) -> None:
    assert clients(line) == [("2041", "10.0.0.5:41234")]


def test_a_prefix_that_does_not_tell_is_left_alone() -> None:
    assert not clients(
        f"{STAMP} LOG:  connection received: host=10.0.0.5 port=41234", f"{STAMP} [7] LOG:  connection received: host=[local]"
    )
    assert not clients(f"{STAMP} [7] [8] LOG:  connection received: host=10.0.0.5 port=41234")
    assert not clients(f"{STAMP} [7] app ERROR: saw 'connection received: host=10.0.0.5 port=41234'")


def received(pid: int, port: int) -> str:
    return f"{STAMP} [{pid}] LOG:  connection received: host=10.0.0.5 port={port}"


def test_an_end_and_a_port_that_comes_again_are_heard() -> None:
    gone = f"{STAMP} [11] LOG:  disconnection: session time: 0:00:00.030 user=a database=b host=10.0.0.5 port=4001"
    assert clients(received(11, 4001), received(12, 4002), gone) == [("12", "10.0.0.5:4002")]
    assert clients(received(11, 4001), received(13, 4001)) == [("13", "10.0.0.5:4001")]


LOG = "\n".join([received(502, 41002), received(501, 41001), *(f"{STAMP} [502] a@b LOG:  statement {n}" for n in range(8))]) + "\n"


def test_a_list_without_ports_gets_them_from_the_log() -> None:
    files = {
        "postgresql.log": LOG,
        "activity.txt": "pid|state|wait_event_type|wait_event\n501|idle in transaction|Client|ClientRead\n502|active|Lock|transactionid\n503|idle|Client|x\n",
        "netstat.txt": netstat("0 10.0.0.5:41002 10.0.0.9:5432 ESTABLISHED 77/java"),
    }
    (snapshot,) = evidence_of(files).incident.snapshots
    assert [(one.id, str(one.client)) for one in snapshot.sessions] == [
        ("501", "10.0.0.5:41001"),
        ("502", "10.0.0.5:41002"),
        ("503", "None"),
    ]


def test_of_a_log_alone_no_session_is_known() -> None:
    assert not any(snapshot.sessions for snapshot in evidence_of({"postgresql.log": LOG}).incident.snapshots)


def test_waits_without_a_list_of_sessions_get_their_clients() -> None:
    files = {"postgresql.log": LOG, "blocked.txt": "pid|blocked_by\n502|{501}\n"}
    (snapshot,) = evidence_of(files).incident.snapshots
    assert [(one.id, str(one.client), one.state.value) for one in snapshot.sessions] == [
        ("502", "10.0.0.5:41002", "waits for a lock"),
        ("501", "10.0.0.5:41001", "unknown"),
    ]

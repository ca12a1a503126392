"""Tables of many rows: what is made of them does not depend on how they are gone through, and the work grows with the rows alone."""

from __future__ import annotations

import gc
import random
import time

from analyzer.join.connections import close_wait
from analyzer.join.socket_rows import connections
from analyzer.join.socket_table import listening_ports
from analyzer.model.finding import CloseWait
from analyzer.waits.case import Case
from parsers.records import Endpoint, Owner, Pid, SocketRow, TcpState, Where
from tests.builders import diagnosis_of, evidence_of, netstat, values

JAVA = (Owner(Pid(7), "java"),)


def row(number: int, tool: str = "netstat", **fields: object) -> SocketRow:
    usual: dict[str, object] = {
        "where": Where(f"{tool}.txt", number, number),
        "tool": tool,
        "proto": "tcp",
        "local": Endpoint("10.0.0.1", 8080),
        "remote": Endpoint("10.0.0.9", 1000 + number),
        "state": TcpState.ESTABLISHED,
        "owners": JAVA,
    }
    return SocketRow(**(usual | fields))  # type: ignore[arg-type]


def test_tables_of_two_tools_are_joined_in_whatever_order_they_come() -> None:
    first = [row(n, recv_q=n) for n in range(1, 200)]
    second = [row(n, "lsof", inode=5000 + n) for n in range(50, 300)]
    rows = [*first, *second]
    expected = connections(rows)
    assert len(expected) == 299
    assert [one.inode for one in expected if one.recv_q == 60] == [5060]
    assert [[where.file for where in one.rows] for one in expected if one.recv_q == 60] == [["netstat.txt", "lsof.txt"]]
    random.Random(1).shuffle(rows)
    assert values(connections(rows)) == values(expected)


def test_one_socket_of_several_processes_is_one_connection() -> None:
    """Of one table too: equal inodes are one socket, whatever else the rows say."""
    (one,) = connections([row(1, inode=9), row(2, inode=9, owners=(Owner(Pid(8), "worker"),))])
    assert [owner.pid for owner in one.owners] == [7, 8]
    (both,) = connections([row(1, remote=Endpoint("10.0.0.9", 1)), row(2, remote=Endpoint("10.0.0.9", 1))])
    assert len(both.rows) == 2


def test_equal_ends_are_one_socket_whether_or_not_their_endpoints_are_one_object() -> None:
    """Readers hold an end that repeats once, up to some thousand; a table may also have more local ends than are held apart."""
    near = [Endpoint("10.0.0.1", 8080), Endpoint("10.0.0.1", 8080)]
    (one,) = connections([row(1, remote=Endpoint("10.0.0.9", 1), local=near[0]), row(2, remote=Endpoint("10.0.0.9", 1), local=near[1])])
    assert [where.first for where in one.rows] == [1, 2]
    many = [row(n + 1, local=Endpoint("10.0.0.1", n % 3000), remote=Endpoint("10.0.0.9", n % 3000 % 7)) for n in range(6000)]
    assert [[where.first for where in one.rows] for one in connections(many)] == [[n + 1, n + 3001] for n in range(3000)]


def test_a_row_with_several_descriptors_of_a_process_has_it_once() -> None:
    (one,) = connections([row(1, owners=(Owner(Pid(7), "java", 3), Owner(Pid(7), "java", 4), Owner(Pid(8), "java", 3)))])
    assert one.owners == (Owner(Pid(7), "java", 3), Owner(Pid(8), "java", 3))


def test_queues_of_half_closed_sockets() -> None:
    states = [(TcpState.CLOSE_WAIT, queue) for queue in (0, 0, 1, 1, 1, 2, 700, None)] + [(TcpState.ESTABLISHED, 5)]
    table = connections([row(n, state=state, recv_q=queue) for n, (state, queue) in enumerate(states)])
    assert close_wait(table) == CloseWait(total=8, fin_only=3, unread=2, drained=2, unaccepted=0)
    waiting = connections([row(1), row(2, state=TcpState.CLOSE_WAIT, recv_q=1, inode=0, owners=None)])
    assert close_wait(waiting) == CloseWait(total=1, unaccepted=1)


def test_a_port_with_several_far_ends_is_served() -> None:
    several = connections([row(1), row(2), row(3, local=Endpoint("10.0.0.1", 40000), remote=Endpoint("10.0.0.9", 5432))])
    assert list(listening_ports(several)) == [8080]
    same = connections([row(1, local=Endpoint("10.0.0.1", 50000), remote=Endpoint("10.0.0.9", 443)), row(2, local=Endpoint("10.0.0.1", 50000), remote=Endpoint("10.0.0.8", 80))])  # fmt: skip
    assert list(listening_ports(same)) == []


PORTS = 2500
SECONDS = 2.0
"""Of the processor. It takes a fifth of a second; if the table is gone through once for each port, nearly five."""


def test_work_does_not_grow_with_ports_times_rows() -> None:
    rows = [f"0 10.0.0.1:{10000 + port} 0.0.0.0:* LISTEN 7/java" for port in range(PORTS)]
    rows += [f"1 10.0.0.1:{10000 + n % PORTS} 10.0.0.9:{40000 + n // PORTS} CLOSE_WAIT 7/java" for n in range(8 * PORTS)]
    started = time.process_time()
    diagnosis = diagnosis_of({"netstat.txt": netstat(*rows)})
    assert time.process_time() - started < SECONDS
    assert sum(table.close_wait.total for table in diagnosis.sockets) == 8 * PORTS


def test_an_incident_is_read_without_the_collector_and_leaves_it_on() -> None:
    assert gc.isenabled()
    seen = []
    gc.callbacks.append(lambda phase, _: seen.append(phase))
    try:
        case = Case(
            evidence_of({"netstat.txt": netstat(*(f"0 10.0.0.1:8080 10.0.0.9:{n} ESTABLISHED 7/java" for n in range(1, 30000)))}).incident
        )
        during = len(seen)
    finally:
        gc.callbacks.pop()
    assert len(case.incident.snapshots[0].rows) == 29999
    assert during <= 4  # once after each stage, not once for every 700 rows
    assert gc.isenabled()

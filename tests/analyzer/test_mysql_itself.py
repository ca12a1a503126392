"""Stacks of a MySQL server: it waits for its clients' commands in the functions with which a client waits for its answers."""

from __future__ import annotations

import pytest

from analyzer.software.kinds import ActivityKind
from analyzer.waits.case import Case
from tests.builders import evidence_of

READ = (
    "poll",
    "vio_io_wait",
    "vio_socket_io_wait",
    "vio_read",
    "net_read_raw_loop",
    "net_read_packet_header",
    "net_read_packet",
    "my_net_read",
)
OF_8 = (*READ, "Protocol_classic::read_packet", "Protocol_classic::get_command", "do_command", "handle_connection", "start_thread")
OF_MARIADB = ("poll", "vio_io_wait", "vio_read", "my_net_read_packet", "do_command", "do_handle_one_connection", "start_thread")
REPLICA = (*READ, "cli_safe_read", "read_event", "handle_slave_io", "start_thread")
LOCKED = (
    "pthread_cond_wait",
    "os_event::wait_low",
    "lock_wait_suspend_thread",
    "mysql_execute_command",
    "dispatch_command",
    "do_command",
    "start_thread",
)


@pytest.mark.parametrize(
    ("frames", "kind"),
    [
        (OF_8, ActivityKind.IDLE),
        (OF_MARIADB, ActivityKind.IDLE),
        (REPLICA, ActivityKind.SOCKET_READ),
        (LOCKED, ActivityKind.CONDITION),
    ],
    ids=["mysql-8", "mariadb", "replica", "locked"],
)
def test_what_a_connection_thread_does(frames: tuple[str, ...], kind: ActivityKind) -> None:
    stack = "\n".join(
        f"#{number}  0x00007f0000000{number:03x} in {name} () from {'/usr/sbin/mysqld' if number else '/lib64/libc.so.6'}"
        for number, name in enumerate(frames)
    )
    view = Case(evidence_of({"gdb.txt": f"Thread 7 (Thread 0x7f00 (LWP 4107)):\n{stack}\n"}).incident).latest[0]
    (activity,) = [member.activity for pool in view.pools for member in pool.members]
    assert activity.kind is kind

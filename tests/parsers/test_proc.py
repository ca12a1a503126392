"""What is copied out of /proc: socket tables, descriptors, limits."""

from __future__ import annotations

import pytest

from parsers.process import limits, proc_fd
from parsers.records import Endpoint, Limit, OpenFile, SocketRow, TcpState, TimerKind
from parsers.sockets import proc_net
from parsers.text.source import Section


def socket(line: str) -> SocketRow:
    (only,) = proc_net.parse(Section("tcp", 1, [line])).records
    assert isinstance(only, SocketRow)
    return only


def descriptors(*lines: str, prompt: str | None = None) -> list[OpenFile]:
    parsed = proc_fd.parse(Section("fd.txt", 1, lines, prompt))
    assert parsed.unread == ()
    return [record for record in parsed.records if isinstance(record, OpenFile)]


def limit(line: str) -> Limit:
    (only,) = limits.parse(Section("limits", 1, [line])).records
    assert isinstance(only, Limit)
    return only


def test_a_v4_row() -> None:
    found = socket("   1: 0100007F:80F8 0100007F:94CA 06 00000000:00000000 03:00001532 00000000     0        0 0 3 0000000069da8af2")
    assert (found.local, found.remote) == (Endpoint("127.0.0.1", 33016), Endpoint("127.0.0.1", 38090))
    assert (found.state, found.inode, found.proto) == (TcpState.TIME_WAIT, 0, "tcp")
    assert found.timer
    assert (found.timer.kind, found.timer.remaining) == (TimerKind.TIME_WAIT, 54.26)


def test_a_v4_mapped_row() -> None:
    found = socket(
        "   1: 0000000000000000FFFF00000100007F:94CA 0000000000000000FFFF00000500000A:8228 08 00000000:0000003A 02:000AFA6D 00000000  1000        0 172956 2 00000000575a4fbb 21 4 28 10 -1"
    )
    assert (found.local, found.remote) == (Endpoint("127.0.0.1", 38090), Endpoint("10.0.0.5", 33320))
    assert (found.state, found.recv_q, found.send_q, found.inode, found.user) == (TcpState.CLOSE_WAIT, 58, 0, 172956, "1000")
    assert found.timer
    assert found.timer.kind is TimerKind.KEEPALIVE
    assert found.timer.remaining == pytest.approx(7194.69)


def test_a_v6_row() -> None:
    found = socket(
        "   1: 00000000000000000000000001000000:94CA B80D01200000000000000000010000FF:8228 01 00000000:00000000 00:00000000 00000000 0 0 1 1 0 20 4 30 10 -1"
    )
    assert (found.local.host, found.remote and found.remote.host) == ("::1", "2001:db8::ff00:1")


def test_the_accept_queue_of_a_listener() -> None:
    found = socket(
        "   0: 00000000:07E8 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 1159 1 00000000c195f70f 100 0 0 10 0"
    )
    assert (found.state, found.recv_q, found.backlog, found.remote) == (TcpState.LISTEN, 3, None, None)
    assert found.local.is_wildcard


def test_udp_is_told_by_its_last_columns() -> None:
    found = socket(
        " 8578: 0100007F:B0F4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 24510 2 00000000f0daf968 0         "
    )
    assert (found.proto, found.state, found.remote) == ("udp", None, None)


def test_links() -> None:
    null, epoll, connection, deleted = descriptors(
        "total 0",
        "lr-x------ 1 root root 64 Nov 23 12:26 0 -> /dev/null",
        "lrwx------. 1 tomcat tomcat 64 2026-11-23 13:44:18.346312634 +0000 12 -> anon_inode:[eventpoll]",
        "lrwx------ 1 root root 64 Nov 23 12:27 14 -> socket:[172931]",
        "l-wx------ 1 root root 64 Nov 23 12:27 2 -> /var/log/a -> b.log (deleted)",
        prompt="sudo ls -l /proc/1493/fd",
    )
    assert (null.fd, null.kind, null.target, null.inode, null.pid) == ("0", "file", "/dev/null", None, 1493)
    assert epoll.kind == "anon_inode"
    assert (connection.kind, connection.target, connection.inode, connection.fd) == ("socket", "socket:[172931]", 172931, "14")
    assert deleted.target == "/var/log/a -> b.log (deleted)"


def test_the_heading_names_the_process() -> None:
    found = descriptors(
        "/proc/10833/fd:",
        "total 0",
        "dr-x------ 2 root root 11 Nov 23 13:44 .",
        "dr-xr-xr-x 9 root root  0 Nov 23 13:44 ..",
        "lr-x------ 1 root root 64 Nov 23 13:44 0 -> pipe:[77]",
        "ls: cannot read symbolic link '/proc/10833/fd/5': Permission denied",
    )
    assert [(one.pid, one.kind) for one in found] == [(10833, "pipe")]


def test_without_heading_and_prompt_the_process_is_unknown() -> None:
    assert descriptors("lr-x------ 1 root root 64 Nov 23 13:44 0 -> /dev/null")[0].pid is None


def test_open_files() -> None:
    found = limit("Max open files            4096                 1048576              files     ")
    assert (found.name, found.soft, found.hard, found.unit) == ("Max open files", 4096, 1048576, "files")


def test_unlimited_and_no_unit() -> None:
    found = limit("Max nice priority         0                    unlimited                    ")
    assert (found.soft, found.hard, found.unit) == (0, None, None)


def test_prlimit_has_the_kernels_names() -> None:
    found = limit("NOFILE     max number of open files                4096   1048576 files")
    assert (found.name, found.soft, found.hard) == ("Max open files", 4096, 1048576)


def test_a_cut_line_is_unread() -> None:
    parsed = limits.parse(
        Section("limits", 1, ["Limit                     Soft Limit           Hard Limit           Units", "Max open files            40"])
    )
    assert (parsed.records, parsed.read, [gap.where.first for gap in parsed.unread]) == ((), 1, [2])

"""strace -f: the call in which each thread stood when the trace ended."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Basis, Confidence
from parsers import recognise, sections
from parsers.process import strace
from parsers.records import TaskSyscall
from parsers.text.source import Source
from tests.builders import diagnosis_of, dump, netstat, thread

PLAIN = """\
strace: Process 30955 attached with 9 threads
[pid 30980] epoll_wait(14,  <unfinished ...>
[pid 30978] read(8,  <unfinished ...>
[pid 30977] read(7,  <unfinished ...>
[pid 30976] read(6,  <unfinished ...>
[pid 30975] futex(0x7f60a8041b00, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, NULL, FUTEX_BITSET_MATCH_ANY <unfinished ...>
[pid 30974] restart_syscall(<... resuming interrupted read ...> <unfinished ...>
[pid 30973] poll([{fd=57, events=POLLIN}, {fd=58, events=POLLIN}], 2, 10000 <unfinished ...>
[pid 30979] accept(4,  <unfinished ...>
[pid 30974] <... restart_syscall resumed>) = -1 ETIMEDOUT (Connection timed out)
[pid 30974] futex(0x7f60a8016608, FUTEX_WAKE_PRIVATE, 1) = 0
[pid 30977] <... read resumed>"HTTP/1.1 200", 8192) = 12
[pid 30977] sendto(7, "GET / HTTP/1.1", 14, 0, NULL, 0) = 14
[pid 30977] recvfrom(7,  <unfinished ...>
[pid 30976] --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x18} ---
[pid 30990] +++ exited with 0 +++
strace: Process 30955 detached
strace: Process 30976 detached
"""
TO_FILE = """\
30980 16:23:55.655630 epoll_wait(14<anon_inode:[eventpoll]>,  <unfinished ...>
30977 16:23:55.655706 read(7<TCPv6:[[::ffff:127.0.0.1]:49270->[::ffff:127.0.0.1]:39771]>,  <unfinished ...>
30976 16:23:55.657428 read(6<socket:[739942]>,  <unfinished ...>
30974 16:23:58.644236 futex(0x7f60a8016658, FUTEX_WAIT_BITSET_PRIVATE, 0, {tv_sec=11157, tv_nsec=864839685}, FUTEX_BITSET_MATCH_ANY <detached ...>
"""


def tasks(text: str) -> dict[int, TaskSyscall]:
    (section,) = sections(Source("strace.txt", text.encode()))
    assert recognise(section) is strace
    parsed = strace.parse(section)
    assert parsed.read + sum(gap.lines for gap in parsed.unread) == section.nonblank
    assert not parsed.unread
    return {int(record.native_id): record for record in parsed.records if isinstance(record, TaskSyscall)}


def test_what_is_unfinished_at_the_end_is_where_the_thread_stands() -> None:
    found = tasks(PLAIN)
    assert {tid: (one.call, one.descriptor) for tid, one in found.items()} == {
        30980: ("epoll_wait", 14),
        30978: ("read", 8),
        30976: ("read", 6),
        30975: ("futex", None),
        30973: ("poll", None),
        30979: ("accept", 4),
        30977: ("recvfrom", 7),
    }
    assert {one.pid for one in found.values()} == {30955}
    assert [one.number for one in found[30973].waits_for or ()] == [57, 58]
    assert found[30980].waits_for is None


def test_decoded_descriptors_and_an_output_file() -> None:
    found = tasks(TO_FILE)
    assert [(one.number, one.inode) for one in found[30976].waits_for or ()] == [(6, 739942)]
    assert [(one.number, one.inode, one.target) for one in found[30977].waits_for or ()] == [(7, None, None)]
    assert found[30974].call == "futex"


@pytest.mark.parametrize(
    "line",
    [
        "[pid 30979] accept(4<socket:[739941]>, strace: Process 30955 detached",
        "[pid 30979] accept(4<socket:[739941]>,  <detached ...>",
        "[pid 30979] 1700000000.123456 accept(4<socket:[739941]>,  <unfinished ...>",
        "30979 accept(4<socket:[739941]>,  <unfinished ...>",
    ],
)
def test_the_ways_a_trace_ends(line: str) -> None:
    (one,) = tasks(f"strace: Process 30955 attached with 9 threads\n{line}\n").values()
    assert (one.call, one.descriptor) == ("accept", 4)
    assert [target.inode for target in one.waits_for or ()] == [739941]


def test_one_thread_alone_has_no_number() -> None:
    (one,) = tasks("strace: Process 77 attached\nread(6, strace: Process 77 detached\n").values()
    assert (one.native_id, one.call) == (77, "read")


def test_a_strange_line_is_counted() -> None:
    (section,) = sections(Source("strace.txt", (PLAIN + "what is this\n").encode()))
    assert [gap.where.first for gap in strace.parse(section).unread] == [PLAIN.count("\n") + 1]


def test_each_thread_is_linked_to_its_own_socket() -> None:
    """The descriptor's inode comes from the trace (-y), the socket from the table."""
    read = ("sun.nio.ch.NioSocketImpl.implRead", "java.net.Socket$SocketInputStream.read", "com.example.shop.Feed.next")
    threads = [thread(f"feed-{n}", "RUNNABLE", *read, native="runnable", nid=100 + n) for n in range(3)]
    trace = "strace: Process 99 attached with 3 threads\n" + "".join(
        f"[pid {100 + n}] read({20 + n}<socket:[{5000 + n}]>,  <unfinished ...>\n" for n in range(3)
    )
    ss = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n" + "".join(
        f'ESTAB 0 0 10.0.0.1:4100{n} 10.0.0.9:7001 users:(("java",pid=99,fd={20 + n})) uid:0 ino:{5000 + n} sk:1 <->\n' for n in range(3)
    )
    links = diagnosis_of({"jstack.txt": dump(*threads), "strace.txt": trace, "ss.txt": ss}).links
    assert [(link.thread, link.local, link.basis, link.confidence) for link in links] == [
        (f"feed-{n}", f"10.0.0.1:4100{n}", Basis.DESCRIPTOR, Confidence.CERTAIN) for n in range(3)
    ]


def test_a_trace_of_another_process_links_nothing() -> None:
    read = ("sun.nio.ch.NioSocketImpl.implRead", "com.example.shop.Feed.next")
    trace = "strace: Process 99 attached with 3 threads\n[pid 100] read(20<socket:[5000]>,  <unfinished ...>\n"
    files = {
        "jstack.txt": dump(thread("feed-1", "RUNNABLE", *read, nid=100)),
        "strace.txt": trace,
        "netstat.txt": netstat("0 10.0.0.1:41000 10.0.0.9:7001 ESTABLISHED 77/java"),
    }
    assert not [link for link in diagnosis_of(files).links if link.basis is Basis.DESCRIPTOR]


def test_a_line_of_nginx_about_a_call_is_no_trace() -> None:
    line = "91823 connect() failed (111: Connection refused) while connecting to upstream, client: 10.1.2.3"
    assert not strace.sniff([line])
    assert strace.sniff(["91823 getpid() = 91823"])

"""Exact links: what they need, and what keeps them from being claimed."""

from __future__ import annotations

import pytest

from analyzer.join.descriptor_links import is_comm
from analyzer.model.finding import Basis, Confidence, Link
from tests.builders import READ, WORKER, diagnosis_of, dump, helpers_reading, netstat, thread, waiting_for_future

pytestmark = pytest.mark.slow

PID = 700
CLIENTS = [f"12 10.0.0.1:8080 10.0.0.9:{4000 + n} CLOSE_WAIT {PID}/java" for n in range(4)]
LISTENER = f"0 :::8080 :::* LISTEN {PID}/java"


def ss(*rows: tuple[str, str, str, int, int]) -> str:
    """A table of ``ss -tanpe``: state, local, remote, descriptor, inode."""
    lines = ["State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process"]
    lines += [
        f'{state} 0 0 {local} {remote} users:(("java",pid={PID},fd={fd})) timer:(keepalive,119min,0) ino:{inode} sk:1 <->'
        for state, local, remote, fd, inode in rows
    ]
    return "\n".join(lines) + "\n"


SOCKETS = ss(
    ("LISTEN", "*:8080", "*:*", 5, 900),
    ("ESTAB", "10.0.0.1:50001", "10.0.0.7:9000", 41, 901),
    ("ESTAB", "10.0.0.1:50002", "10.0.0.7:9000", 42, 902),
    ("ESTAB", "10.0.0.1:50003", "10.0.0.7:9000", 43, 903),
)
READERS = dump(*(thread(f"pool-1-thread-{n}", "RUNNABLE", *READ, "a.B.c", *WORKER, nid=PID + 10 + n, native="runnable") for n in (1, 2, 3)))


def call(tid: int, targets: str, comm: str, *, number: int = 0, inner: int | str = "-") -> str:
    first = targets.partition("=")[0] if targets[0].isdigit() and number != 7 else "139637976727552"
    return f"{tid} | {inner} | wait_woken | {number} {int(first):#x} 0x1 0x2 0x3 0x0 0x0 0x7f15c839be10 0x7f15f4b922ec | {targets} | {comm}"


def calls(*rows: str, pid: int = PID) -> str:
    title = f"System calls of the threads of process {pid}, x86_64, 2026-11-23T14:46:20Z"
    return "\n".join([title, "TID | IN CONTAINER | WCHAN | SYSCALL | DESCRIPTORS | COMM", *rows]) + "\n"


def reads(first_tid: int = PID + 11, inner: int | None = None, comm: str = "pool-1-thread-{n}", *, sockets: bool = True) -> tuple[str, ...]:
    return tuple(
        call(
            first_tid + n - 1,
            f"{40 + n}=socket:[{900 + n}]" if sockets else f"{40 + n}=",
            comm.format(n=n),
            inner="-" if inner is None else inner + n - 1,
        )
        for n in (1, 2, 3)
    )


def exact(**files: str) -> list[Link]:
    found = diagnosis_of({f"{name}.txt": text for name, text in files.items()}).links
    return [link for link in found if link.basis is Basis.DESCRIPTOR]


def test_each_thread_has_its_own_socket() -> None:
    found = exact(jstack=f"{PID}:\n{READERS}", ss=SOCKETS, threads=calls(*reads()))
    assert [(link.thread, link.tid, link.local, link.inode, link.role) for link in found] == [
        (f"pool-1-thread-{n}", PID + 10 + n, f"10.0.0.1:5000{n}", 900 + n, "calls") for n in (1, 2, 3)
    ]
    assert {link.confidence for link in found} == {Confidence.CERTAIN}


def test_the_lists_of_descriptors_do_where_the_collector_saw_no_link() -> None:
    assert len(exact(jstack=f"{PID}:\n{READERS}", ss=SOCKETS, threads=calls(*reads(sockets=False)))) == 3


def test_a_poll_through_its_pointer() -> None:
    rows = (call(PID + 11, "42=socket:[902]", "pool-1-thread-1", number=7), *reads()[1:])
    found = exact(jstack=f"{PID}:\n{READERS}", ss=SOCKETS, threads=calls(*rows))
    assert (found[0].thread, found[0].inode) == ("pool-1-thread-1", 902)


def test_raw_lines_of_proc() -> None:
    lines = [f"/proc/{PID}/task/{PID + 10 + n}/syscall:0 {40 + n:#x} 0x1 0x2 0x3 0x0 0x0 0x7f15c839be10 0x7f15f4b922ec" for n in (1, 2, 3)]
    found = exact(jstack=f"{PID}:\n{READERS}", ss=SOCKETS, syscalls="\n".join(lines) + "\n")
    assert [link.inode for link in found] == [901, 902, 903]


def test_a_descriptor_that_was_reused_between_two_lists_is_left_out() -> None:
    listed = f"/proc/{PID}/fd:\ntotal 0\nlrwx------ 1 root root 64 Nov 23 12:27 41 -> socket:[902]\n"
    found = exact(jstack=f"{PID}:\n{READERS}", ss=SOCKETS, fd=listed, threads=calls(*reads(sockets=False)))
    assert [link.inode for link in found] == [902, 903]


def test_a_container_numbers_its_own_threads() -> None:
    """The dump counts from the container's 1; the collector knows both numbers."""
    inside = dump(*(thread(f"pool-1-thread-{n}", "RUNNABLE", *READ, "a.B.c", *WORKER, nid=20 + n, native="runnable") for n in (1, 2, 3)))
    found = exact(jstack=f"{PID}:\n{inside}", ss=SOCKETS, threads=calls(*reads(first_tid=PID + 30, inner=21)))
    assert [(link.thread, link.tid, link.inode) for link in found] == [(f"pool-1-thread-{n}", 20 + n, 900 + n) for n in (1, 2, 3)]


class TestNothingIsClaimed:
    def test_where_the_dump_counts_in_a_container_and_the_table_does_not(self) -> None:
        inside = dump(
            *(thread(f"pool-1-thread-{n}", "RUNNABLE", *READ, "a.B.c", *WORKER, nid=20 + n, native="runnable") for n in (1, 2, 3))
        )
        assert exact(jstack=f"{PID}:\n{inside}", ss=SOCKETS, threads=calls(*reads())) == []

    def test_where_the_calls_are_another_process(self) -> None:
        assert exact(jstack=f"{PID}:\n{READERS}", ss=SOCKETS, threads=calls(*reads(), pid=701)) == []

    def test_where_the_pid_was_reused(self) -> None:
        """The same numbers, and other threads behind them."""
        assert exact(jstack=f"{PID}:\n{READERS}", ss=SOCKETS, threads=calls(*reads(comm="postgres: {n}"))) == []

    def test_where_the_pid_was_reused_and_the_lines_carry_no_names(self) -> None:
        parked = dump(*(thread(f"pool-1-thread-{n}", "WAITING (parking)", *WORKER, nid=PID + 10 + n) for n in (1, 2, 3)))
        line = f"/proc/{PID}/task/{PID + 11}/syscall:0 0x29 0x1 0x2 0x3 0x0 0x0 0x7f15c839be10 0x7f15f4b922ec\n"
        assert exact(jstack=f"{PID}:\n{parked}", ss=SOCKETS, syscalls=line) == []

    def test_where_most_threads_of_the_dump_are_not_in_the_table(self) -> None:
        """Numbers of a container's own counting that happen to exist on the host, too."""
        others = "\n".join(thread(f"task-{n}", "WAITING (parking)", *WORKER, nid=5000 + n) for n in range(5))
        whole = READERS.replace("\nJNI global refs", f"\n{others}\nJNI global refs")
        assert exact(jstack=f"{PID}:\n{whole}", ss=SOCKETS, threads=calls(*reads())) == []

    def test_of_a_thread_that_went_on_between_dump_and_table(self) -> None:
        moved = READERS.replace("java.lang.Thread.State: RUNNABLE", "java.lang.Thread.State: WAITING (parking)", 1)
        assert [link.inode for link in exact(jstack=f"{PID}:\n{moved}", ss=SOCKETS, threads=calls(*reads()))] == [902, 903]

    def test_of_a_socket_that_the_table_does_not_have(self) -> None:
        rows = (call(PID + 11, "41=socket:[999]", "pool-1-thread-1"), call(PID + 12, "42=/var/log/x", "pool-1-thread-2"), reads()[2])
        assert [link.inode for link in exact(jstack=f"{PID}:\n{READERS}", ss=SOCKETS, threads=calls(*rows))] == [903]

    def test_of_an_event_loop(self) -> None:
        loop = thread("nioEventLoopGroup-3-1", "RUNNABLE", "sun.nio.ch.EPoll.wait", "io.netty.channel.nio.NioEventLoop.run", nid=PID + 14)
        rows = (*reads(), call(PID + 14, "7=anon_inode:[eventpoll],41=socket:[901]", "nioEventLoopGro", number=232))
        found = exact(jstack=f"{PID}:\n{dump(loop)}", ss=SOCKETS, threads=calls(*rows))
        assert found == []


def test_what_the_kernel_shows_replaces_what_was_inferred() -> None:
    """Three helpers, three calls to the own port: one of them is known exactly, the others by count."""
    near = [f"0 10.0.0.1:{5000 + n} 10.0.0.1:8080 ESTABLISHED {PID}/java" for n in range(3)]
    far = [f"9 10.0.0.1:8080 10.0.0.1:{5000 + n} ESTABLISHED {PID}/java" for n in range(3)]
    threads = [*waiting_for_future(3), *helpers_reading(3)]
    stack = dump(*(text.replace("nid=0x100", f"nid={PID + n:#x}") for n, text in enumerate(threads, start=1)))
    files = {"jstack.txt": f"{PID}:\n{stack}", "netstat.txt": netstat(LISTENER, *CLIENTS, *near, *far)}
    inferred = [link for link in diagnosis_of(files).links if link.role == "calls"]
    assert len(inferred) == 3
    files["ss.txt"] = ss(("ESTAB", "10.0.0.1:5001", "10.0.0.1:8080", 61, 951))
    parked = [f"{PID + n} | - | futex | 202 0x1 0x1 0x2 0x3 0x0 0x0 0x7f15c839be10 0x7f15f4b922ec | - | http-nio-8080-e" for n in (1, 2, 3)]
    rows = (
        call(PID + 5, "61=socket:[951]", "pool-1-thread-2"),
        call(PID + 4, "-", "pool-1-thread-1"),
        call(PID + 6, "-", "pool-1-thread-3"),
    )
    files["threads.txt"] = calls(*parked, *rows)
    found = [link for link in diagnosis_of(files).links if link.role == "calls"]
    assert [(link.local, link.basis, link.thread) for link in found] == [
        ("10.0.0.1:5001", Basis.DESCRIPTOR, "pool-1-thread-2"),
        ("10.0.0.1:5000", Basis.COUNT, None),
        ("10.0.0.1:5002", Basis.COUNT, None),
    ]


@pytest.mark.parametrize(
    ("comm", "name", "same"),
    [
        ("http-nio-8080-e", "http-nio-8080-exec-1", True),
        ("http-ni..exec-1", "http-nio-8080-exec-1", True),
        ("pool-1-thread-1", "pool-1-thread-1", True),
        ("VM Thread", "VM Thread", True),
        ("java", "main", False),
        ("http-nio-8081-e", "http-nio-8080-exec-1", False),
    ],
)
def test_names_in_the_kernel(comm: str, name: str, same: bool) -> None:
    assert is_comm(comm, name) is same


def stuck_helpers(*calls_of: tuple[str, ...]) -> dict[str, str]:
    """Request threads that wait for three helpers, which read from one of two services: counts do not tell from which."""
    sockets = ss(
        ("LISTEN", "*:8080", "*:*", 5, 900),
        *(("ESTAB", f"10.0.0.1:5000{n}", "10.0.0.7:9000", 40 + n, 900 + n) for n in (1, 2, 3)),
        *(("ESTAB", f"10.0.0.1:5100{n}", "10.0.0.8:9100", 50 + n, 910 + n) for n in (1, 2, 3)),
        *(("CLOSE-WAIT", "10.0.0.1:8080", f"10.0.0.9:4000{n}", 60 + n, 920 + n) for n in (1, 2, 3)),
    ).replace("CLOSE-WAIT 0 0", "CLOSE-WAIT 1 0")
    helpers = [
        thread(
            f"pool-1-thread-{n}", "RUNNABLE", *READ, "com.example.shop.Search.lambda$all$0", *WORKER, nid=PID + 10 + n, native="runnable"
        )
        for n in (1, 2, 3)
    ]
    files = {"jstack.txt": f"{PID}:\n" + dump(*waiting_for_future(3), *helpers), "ss.txt": sockets}
    return {**files, "threads.txt": calls(*calls_of[0])} if calls_of else files


def test_system_calls_decide_between_two_services() -> None:
    """What counts leave open, the descriptors tell: all three read from the first."""
    waiting = "256 | - | futex_do_wait | 202 0x1 0x2 0x3 0x4 0x5 0x6 0x7f15c839be10 0x7f15f4b922ec | - | http-nio-8080-e"
    diagnosis = diagnosis_of(stuck_helpers((*reads(), waiting)))
    assert diagnosis.verdict.rule == "slow-backend"
    primary = diagnosis.primary
    assert primary is not None
    assert primary.culprit.remote == "10.0.0.7:9000"
    assert primary.confidence is Confidence.CERTAIN
    assert any("whose descriptors the threads' system calls name" in one.says for one in primary.evidence)


def test_without_them_neither_service_is_named() -> None:
    primary = diagnosis_of(stuck_helpers()).primary
    assert primary is None or primary.confidence is Confidence.SUSPECTED

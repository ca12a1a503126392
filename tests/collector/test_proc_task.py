"""The collector's table of system calls, and raw lines of /proc."""

from __future__ import annotations

import pytest

from parsers import recognise, sections
from parsers.process import proc_task
from parsers.records import Descriptor, TaskSyscall
from parsers.text.source import Section, Source

pytestmark = pytest.mark.slow

TITLE = "System calls of the threads of process 20065, {machine}, 2026-11-23T14:46:20Z"
COLUMNS = "TID | IN CONTAINER | WCHAN | SYSCALL | DESCRIPTORS | COMM"
REST = "0x1 0x927c0 0xc 0x0 0x69ed99bf8 0x7fe318717450 0x7fe343e6126f"


def table(row: str, machine: str = "x86_64") -> TaskSyscall:
    parsed = proc_task.parse(Section("threads.txt", 1, [TITLE.format(machine=machine), COLUMNS, row]))
    assert (parsed.unread, parsed.read) == ((), 3)
    (only,) = parsed.records
    assert isinstance(only, TaskSyscall)
    return only


def raw(line: str) -> TaskSyscall:
    (only,) = proc_task.parse(Section("syscalls", 1, [line])).records
    assert isinstance(only, TaskSyscall)
    return only


def test_a_read() -> None:
    found = table(
        "20138 | - | wait_woken | 0 0x1f 0x7f15bc006e00 0x2000 0xc 0x0 0x69e 0x7f15c839be10 0x7f15f4b922ec | 31=socket:[448458] | pool-1-thread-1"
    )
    assert (found.pid, found.native_id, found.inner_id, found.call) == (20065, 20138, None, "read")
    assert (found.descriptor, found.waits_for) == (31, (Descriptor(31, "socket:[448458]", 448458),))  # type: ignore[arg-type]
    assert (found.wait_channel, found.command) == ("wait_woken", "pool-1-thread-1")


def test_a_poll_waits_for_what_its_pointer_leads_to() -> None:
    found = table(f"28243 | - | poll_schedule_timeout.constprop.0 | 7 0x7fe318717488 {REST} | 7=socket:[479256] | reader-2")
    assert (found.call, found.descriptor) == ("poll", None)
    assert [one.number for one in found.waits_for or ()] == [7]


def test_an_epoll_is_not_what_it_watches() -> None:
    found = table(f"20093 | - | do_epoll_wait | 232 0xb {REST} | 11=anon_inode:[eventpoll],12=anon_inode:[eventfd],14=socket:[9] | poller")
    assert (found.call, found.descriptor) == ("epoll_wait", 11)
    assert found.waits_for == (Descriptor(12, "anon_inode:[eventfd]"), Descriptor(14, "socket:[9]", 9))  # type: ignore[arg-type]


def test_what_is_not_all_known_is_not_known() -> None:
    assert table(f"1 | - | - | 232 0xb {REST} | 11=anon_inode:[eventpoll],14=socket:[9],... | loop").waits_for is None
    assert table(f"1 | - | - | 7 0x7f00 {REST} | moved | x").waits_for is None
    assert table(f"1 | - | - | 7 0x7f00 {REST} | - | x").waits_for is None


def test_a_descriptor_without_a_link() -> None:
    assert table(f"1 | - | - | 0 0x5 {REST} | 5= | x").waits_for == (Descriptor(5),)


def test_the_numbers_of_calls_are_the_machines() -> None:
    """On aarch64 0 is io_setup, 63 read, 73 ppoll."""
    assert table(f"1 | - | - | 63 0x5 {REST} | 5=socket:[9] | x", "aarch64").call == "read"
    assert table(f"1 | - | - | 0 0x5 {REST} | - | x", "aarch64").call is None
    assert table(f"1 | - | - | 0 0x5 {REST} | - | x", "riscv64").call is None
    assert table(f"1 | - | - | 3 0x5 {REST} | - | x", "x86_64-32").call is None


def test_a_thread_in_a_container_has_two_numbers() -> None:
    found = table(f"3119 | 2 | inet_csk_accept | 43 0x4 {REST} | 4=socket:[489245] | java")
    assert (found.native_id, found.inner_id, found.call) == (3119, 2, "accept")


def test_running_blocked_elsewhere_and_unreadable() -> None:
    for call in ("running", "-1 0x7ffd 0x7f00", "-"):
        found = table(f"7 | - | - | {call} | - | a | b")
        assert (found.call, found.descriptor, found.waits_for, found.command) == (None, None, None, "a | b")


def test_raw_lines() -> None:
    found = raw(f"/proc/1493/task/1497/syscall:0 0x1f {REST}")
    assert (found.pid, found.native_id, found.call, found.descriptor, found.command) == (1493, 1497, "read", 31, None)
    assert found.waits_for == (Descriptor(31),)
    assert raw(f"/proc/1493/task/1497/syscall:7 0x7f0012 {REST}").waits_for is None


def test_raw_lines_of_another_machine_name_no_call() -> None:
    """The stack of a process on ARM lies elsewhere; 0 is no read there."""
    line = "/proc/1/task/2/syscall:0 0x5 0x1 0x2 0x3 0x0 0x0 0xffff8f6fe510 0xffff90c2a5d4"
    assert (raw(line).call, raw(line).waits_for) == (None, None)


def test_the_prompt_above_is_no_part_of_it() -> None:
    text = (
        f"$ cat /proc/20065/task/*/syscall (with descriptors)\n{TITLE.format(machine='x86_64')}\n{COLUMNS}\n7 | - | - | running | - | x\n"
    )
    (section,) = sections(Source("threads.txt", text.encode()))
    assert recognise(section) is proc_task
    assert len(proc_task.parse(section).records) == 1

"""Where in the kernel threads wait, as ps prints it, and what a dump makes of it."""

from __future__ import annotations

import pytest

from parsers import FORMATS, outputs, recognise
from parsers.process import wait_channels
from parsers.records import TaskSyscall
from parsers.text.source import Section, Source
from tests.builders import diagnosis_of, evidence_of
from tests.parsers.test_properties import check

ROWS = """\
   4410    4433 Dsl  rpc_wait_bit_killable            sorterd
   4410    4434 Dsl  rpc_wait_bit_killable            sorterd
   4410    4435 Ssl  futex_wait_queue                 sorterd
"""
HEADING = "    PID     TID STAT WCHAN                            COMMAND\n"


def tasks(text: str) -> list[TaskSyscall]:
    parsed = check(wait_channels, Section("x", 1, text.splitlines()))
    assert not parsed.unread
    return [one for one in parsed.records if isinstance(one, TaskSyscall)]


def test_rows_are_read_with_their_heading_and_without() -> None:
    first, _, last = tasks(HEADING + ROWS)
    assert (first.pid, first.native_id, first.state, first.wait_channel, first.command) == (
        4410,
        4433,
        "D",
        "rpc_wait_bit_killable",
        "sorterd",
    )
    assert (last.state, last.wait_channel) == ("S", "futex_wait_queue")
    assert [one.native_id for one in tasks(ROWS)] == [4433, 4434, 4435]
    assert tasks(HEADING + "   4410    4436 R    -    sorterd\n")[0].wait_channel is None


def test_nobody_else_claims_it_and_other_tables_of_ps_are_none() -> None:
    for text in (HEADING + ROWS, ROWS):
        assert recognise(Section("x", 1, text.splitlines())) is wait_channels
        assert [form.NAME for form in FORMATS if form.sniff(text.splitlines())] == [wait_channels.NAME]
    parents = "   4410       1 Ssl  ep_poll                          sorterd\n"
    assert not wait_channels.sniff([parents])  # its second number is a parent


@pytest.mark.parametrize("tail", ["", "         COMMAND"])
def test_with_parents_each_row_is_a_process(tail: str) -> None:
    rows = "".join(f"   {pid}    4410 T    do_signal_stop       sorterd{tail and '         /opt/sorterd -w'}\n" for pid in (4441, 4442))
    (snapshot,) = evidence_of({"ps.txt": f"    PID    PPID STAT WCHAN                COMMAND{tail}\n{rows}"}).incident.snapshots
    assert [(row.pid, row.parent, row.state) for row in snapshot.processes] == [(4441, 4410, "T"), (4442, 4410, "T")]
    assert not snapshot.tasks


def test_threads_asleep_in_the_kernel_are_told() -> None:
    verdict = diagnosis_of({"post.txt": f"The load climbs and nothing runs:\n\n{ROWS}\n"}).verdict
    assert "2 threads of sorterd (pid 4410) in uninterruptible sleep, in the kernel's rpc_wait_bit_killable" in verdict.headline


def test_they_name_the_stall_beside_a_dump_of_the_same_threads() -> None:
    stack = '"sort-{n}" #3{n} prio=5 os_prio=0 tid=0x1{n} nid={nid} runnable [0x1]\n   java.lang.Thread.State: RUNNABLE\n\tat java.io.FileInputStream.readBytes(Native Method)\n\tat org.crate.Box.read(Box.java:8)\n\n'
    dump = "Full thread dump OpenJDK 64-Bit Server VM (17.0.9+9 mixed mode):\n\n" + "".join(
        stack.format(n=n, nid=hex(4433 + n)) for n in range(2)
    )
    found = diagnosis_of({"jstack-4410.txt": dump, "ps.txt": HEADING + ROWS}).findings
    assert [one.rule for one in found][:1] == ["disk-stall"]
    assert any(item.where.file == "ps.txt" for item in found[0].evidence)


@pytest.mark.parametrize(
    ("name", "text", "pid", "thread"),
    [
        ("x", "$ cat /proc/4410/wchan\nrpc_wait_bit_killable\n", 4410, 4410),
        ("x", "$ cat /proc/4410/task/4433/wchan\nrpc_wait_bit_killable\n", 4410, 4433),
        ("proc/4410/wchan", "rpc_wait_bit_killable", 4410, 4410),
        ("4410/task/4433/wchan", "rpc_wait_bit_killable", 4410, 4433),
        ("wchan-4410.txt", "rpc_wait_bit_killable\n", 4410, 4410),
    ],
)
def test_one_word_of_the_thread_that_the_command_or_the_file_names(name: str, text: str, pid: int, thread: int) -> None:
    (output,) = outputs(Source(name, text.encode()))
    (task,) = output.parsed.records
    assert isinstance(task, TaskSyscall)
    assert (task.pid, task.native_id, task.wait_channel, task.state) == (pid, thread, "rpc_wait_bit_killable", "D")


def test_one_word_of_nobody_is_none() -> None:
    for name, text in (("wchan", "futex_wait_queue\n"), ("x", "futex_wait_queue\n"), ("wchan-7.txt", "futex_wait_queue\nep_poll\n")):
        assert not [one for output in outputs(Source(name, text.encode())) for one in output.parsed.records]
    (output,) = outputs(Source("7/wchan", b"0"))
    (task,) = output.parsed.records
    assert isinstance(task, TaskSyscall)
    assert (task.wait_channel, task.state) == (None, None)

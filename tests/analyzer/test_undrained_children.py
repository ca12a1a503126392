"""Threads that wait for a child whose output nobody reads: the child is seen by strace, by its wait channel, or not at all."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence
from tests.builders import diagnosis_of, evidence_of

WAITS = """Every conversion hangs, all 3 worker threads look like this:

"scaler-2" #31 prio=5 os_prio=0 tid=0x00007f1c0c2a1000 nid=0x2b31 in Object.wait() [0x00007f1bd4af3000]
   java.lang.Thread.State: WAITING (on object monitor)
\tat java.lang.Object.wait(Native Method)
\tat java.lang.Object.wait(Object.java:502)
\tat java.lang.UNIXProcess.waitFor(UNIXProcess.java:395)
\t- locked <0x00000000e1d70b18> (a java.lang.UNIXProcess)
\tat net.umbra.scale.Resizer.run(Resizer.java:71)
\tat java.lang.Thread.run(Thread.java:748)

"""
LISTED = """$ ps -eo pid,ppid,stat,etime,wchan:20,args | grep shrink
 6121  5990 S       01:12:55 {channel:<20} /usr/local/bin/shrink --in a.tif
 6144  5990 S       01:02:31 {channel:<20} /usr/local/bin/shrink --in b.tif
 6188  5990 S          40:10 {channel:<20} /usr/local/bin/shrink --in c.tif

"""
TRACED = """$ sudo strace -p 6121
strace: Process 6121 attached
write({fd}, "warning: tag 306 ignored"..., 81

and there it stays.
"""


def test_a_child_in_a_write_that_is_listed_as_often_as_threads_wait() -> None:
    found = diagnosis_of({"report.txt": WAITS + LISTED.format(channel="pipe_wait") + TRACED.format(fd=2)}).findings[0]
    assert (found.rule, found.confidence, found.loop) == ("blocked-write", Confidence.LIKELY, True)
    assert "“scaler-2” (1 pasted, 3 as the text says)" in found.headline
    assert "net.umbra.scale.Resizer.run(Resizer.java:71), and shrink (pid 6121) stands in a write to its standard error" in found.headline
    assert "3 of the same command stand so." in found.explanation


def test_a_child_in_a_write_alone_is_suspected() -> None:
    found = diagnosis_of({"report.txt": WAITS + TRACED.format(fd=1)}).findings[0]
    assert (found.rule, found.confidence) == ("blocked-write", Confidence.SUSPECTED)
    assert "process 6121 stands in a write to its standard output: nobody reads what it prints" in found.headline


@pytest.mark.parametrize("channel", ["pipe_write", "anon_pipe_write", "pipe_wait"])
def test_wait_channels_of_a_pipe_are_suspected(channel: str) -> None:
    found = diagnosis_of({"report.txt": WAITS + LISTED.format(channel=channel)}).findings[0]
    assert (found.rule, found.confidence) == ("blocked-write", Confidence.SUSPECTED)
    assert f"shrink (pid 6121) stands at a pipe ({channel})" in found.headline


@pytest.mark.parametrize("beside", ["", LISTED.format(channel="do_sys_poll"), LISTED.format(channel="pipe_read"), TRACED.format(fd=7)])
def test_children_that_do_anything_else_are_no_full_pipe(beside: str) -> None:
    diagnosis = diagnosis_of({"report.txt": WAITS + beside})
    assert not [found for found in diagnosis.findings if found.rule == "blocked-write"]


def test_a_process_of_another_parent_is_no_child() -> None:
    dump = "5001:\n2026-03-02 10:00:00\nFull thread dump OpenJDK 64-Bit Server VM (25.392-b08 mixed mode):\n\n" + WAITS.partition("\n\n")[2]
    listed = LISTED.format(channel="pipe_write")
    assert not [one for one in diagnosis_of({"jstack-5001.txt": dump, "ps.txt": listed}).findings if one.rule == "blocked-write"]
    own = listed.replace(" 5990 ", " 5001 ")
    assert [one.rule for one in diagnosis_of({"jstack-5001.txt": dump, "ps.txt": own}).findings][:1] == ["blocked-write"]


def test_columns_that_the_command_names_are_read_without_a_header() -> None:
    rows = " 811  1 Ssl  poller --all\n 902  1 D    writer /data\n"
    (snapshot,) = evidence_of({"ps.txt": "$ ps -eo pid,ppid,stat,args | grep er\n" + rows}).incident.snapshots
    assert [(row.pid, row.parent, row.state, row.command) for row in snapshot.processes] == [
        (811, 1, "S", "poller --all"),
        (902, 1, "D", "writer /data"),
    ]

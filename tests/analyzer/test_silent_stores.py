"""Threads in calls of files, while the kernel's log says that a file server does not answer."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Severity
from tests.builders import diagnosis_of, found

HOLDS = """The search page stands still since 9:40.

"web-14" #44 prio=5 os_prio=0 tid=0x00007f1c0c2a1000 nid=0x2b31 runnable [0x00007f1bd4af3000]
   java.lang.Thread.State: RUNNABLE
\tat java.io.UnixFileSystem.getLength(Native Method)
\tat java.io.File.length(File.java:974)
\tat net.umbra.index.Segments.size(Segments.java:88)
\t- locked <0x00000000e1d70b18> (a net.umbra.index.Segments)
\tat net.umbra.index.Search.run(Search.java:31)

"web-3" #33 prio=5 os_prio=0 tid=0x00007f1c0c2a2000 nid=0x2b26 waiting for monitor entry [0x00007f1bd4bf3000]
   java.lang.Thread.State: BLOCKED (on object monitor)
\tat net.umbra.index.Segments.size(Segments.java:80)
\t- waiting to lock <0x00000000e1d70b18> (a net.umbra.index.Segments)
\tat net.umbra.index.Search.run(Search.java:31)

"""
SILENT = "[88301.118421] nfs: server store4.umbra.example not responding, still trying\n"
HUNG = "[88401.003377] INFO: task java:7227 blocked for more than 120 seconds.\n"


def test_the_owner_of_a_lock_waits_for_a_file_of_a_silent_server() -> None:
    diagnosis = diagnosis_of({"report.txt": HOLDS + SILENT})
    first = diagnosis.findings[0]
    assert (first.rule, first.confidence, first.severity) == ("disk-stall", Confidence.LIKELY, Severity.WARNING)
    assert first.headline.startswith("The file server store4.umbra.example does not answer: “web-14” waits for a file in ")
    assert "net.umbra.index.Segments.size(Segments.java:88), and holds the lock that 1 other thread waits for" in first.headline


def test_a_hung_task_names_no_server() -> None:
    (finding,) = found(diagnosis_of({"report.txt": HOLDS + HUNG}), "disk-stall")
    assert finding.headline.startswith("A task hangs in the kernel: “web-14” waits for a file in ")


def test_without_the_kernels_line_the_lock_is_told() -> None:
    diagnosis = diagnosis_of({"report.txt": HOLDS})
    assert not found(diagnosis, "disk-stall")
    assert diagnosis.findings[0].rule == "lock-convoy"


def test_a_silent_server_beside_threads_that_call_out_is_not_theirs() -> None:
    reads = HOLDS.replace(
        "java.io.UnixFileSystem.getLength(Native Method)", "java.net.SocketInputStream.socketRead0(Native Method)"
    ).replace("java.io.File.length(File.java:974)", "java.net.SocketInputStream.read(SocketInputStream.java:150)")
    assert not [one for one in found(diagnosis_of({"report.txt": reads + SILENT}), "disk-stall") if "waits for a file" in one.headline]


LOGS = """Around 90 threads look like this one

"web-8" #42 daemon prio=5 os_prio=0 tid=0x00007fd1e80ac800 nid=0x6b0f waiting for monitor entry [0x00007fd15a3e1000]
   java.lang.Thread.State: BLOCKED (on object monitor)
\tat org.apache.log4j.Category.callAppenders(Category.java:204)
\t- waiting to lock <0x00000006c40a87f8> (a org.apache.log4j.spi.RootLogger)
\tat org.apache.log4j.Category.info(Category.java:666)
\tat net.umbra.gate.Door.enter(Door.java:44)

"web-3" #39 daemon prio=5 os_prio=0 tid=0x00007fd1e8039000 nid=0x6a9a runnable [0x00007fd15e0fd000]
   java.lang.Thread.State: RUNNABLE
\tat java.io.FileOutputStream.writeBytes(Native Method)
\tat java.io.FileOutputStream.write(FileOutputStream.java:326)
\tat org.apache.log4j.WriterAppender.append(WriterAppender.java:162)
\tat org.apache.log4j.Category.callAppenders(Category.java:206)
\t- locked <0x00000006c40a87f8> (a org.apache.log4j.spi.RootLogger)
\tat org.apache.log4j.Category.info(Category.java:666)
\tat net.umbra.gate.Door.enter(Door.java:44)

"""


def test_who_waits_to_log_waits_for_the_server_too() -> None:
    (finding,) = found(diagnosis_of({"report.txt": LOGS + SILENT}), "disk-stall")
    assert "“web-3” waits for a file in FileOutputStream.writeBytes" in finding.headline
    assert "holds the lock that 90 other threads wait for" in finding.headline

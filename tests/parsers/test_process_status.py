"""What is known of a process as a whole: /proc/PID/status, ps, and the message of a tool that got no answer."""

from __future__ import annotations

import pytest

from parsers import recognise, sections
from parsers.process import process_status, ps
from parsers.records import AttachFailure, ProcessRow, ProcessStatus
from parsers.text.source import Section, Source
from parsers.threads import attach_failure

STATUS = """\
Name:	java
Umask:	0022
State:	T (stopped)
Tgid:	9414
Pid:	9414
TracerPid:	0
FDSize:	64
NSpid:	9414	1
VmRSS:	   96992 kB
Threads:	41
SigQ:	0/96365
untag_mask:	0xffffffffffffffff
Cpus_allowed_list:	0-1
nonvoluntary_ctxt_switches:	2
"""


def statuses(text: str) -> list[ProcessStatus]:
    section = Section("status", 1, text.split("\n"))
    parsed = process_status.parse(section)
    assert parsed.unread == ()
    assert parsed.read == section.nonblank
    return [record for record in parsed.records if isinstance(record, ProcessStatus)]


def test_a_stopped_process() -> None:
    (found,) = statuses(STATUS)
    assert (found.pid, found.name, found.state, found.threads) == (9414, "java", "T", 41)
    assert (found.nspid, found.tracer, found.fd_size, found.rss, found.thread) == ((9414, 1), 0, 64, 96992 * 1024, None)
    assert (found.where.first, found.where.last) == (1, 14)


def test_the_status_of_a_thread_is_not_the_processs() -> None:
    (found,) = statuses(STATUS.replace("Pid:\t9414\nTracer", "Pid:\t9420\nTracer"))
    assert (found.pid, found.thread) == (9414, 9420)


def test_old_kernels_say_less() -> None:
    (found,) = statuses("Name:\tjava\nState:\tS (sleeping)\nPid:\t7\n")
    assert (found.pid, found.threads, found.nspid, found.tracer) == (7, None, None, None)


def test_many_processes_are_one_moment() -> None:
    text = STATUS + STATUS.replace("9414", "77").replace("T (stopped)", "S (sleeping)")
    (section,) = sections(Source("x", text.encode()))
    assert recognise(section) is process_status
    assert [(one.pid, one.state, one.where.first) for one in statuses(text)] == [(9414, "T", 1), (77, "S", 15)]


def test_prose_with_a_colon_is_unread() -> None:
    parsed = process_status.parse(Section("status", 1, [*STATUS.split("\n"), "Note: it was stopped with kill -STOP"]))
    assert [gap.where.first for gap in parsed.unread] == [16]


def failures(*lines: str) -> list[AttachFailure]:
    parsed = attach_failure.parse(Section("jstack.txt", 1, lines))
    assert parsed.unread == ()
    return [record for record in parsed.records if isinstance(record, AttachFailure)]


@pytest.mark.parametrize(
    "lines",
    [
        (
            "9414: Unable to open socket file /tmp/.java_pid9414: target process 9414 doesn't respond within 10500ms or HotSpot VM not loaded",
        ),
        (
            "9414: Unable to open socket file: target process not responding or HotSpot VM not loaded",
            "The -F option can be used when the target process is not responding",
        ),
        (
            "9414:",
            "com.sun.tools.attach.AttachNotSupportedException: Unable to open socket file: target process not responding or HotSpot VM not loaded",
            "\tat jdk.attach/sun.tools.attach.VirtualMachineImpl.<init>(VirtualMachineImpl.java:104)",
        ),
        ("com.sun.tools.attach.AttachNotSupportedException: Unable to open socket file /proc/9414/root/tmp/.java_pid9414: x",),
    ],
)
def test_no_answer(lines: tuple[str, ...]) -> None:
    (found,) = failures(*lines)
    assert found.pid == 9414
    assert found.text.startswith("Unable to open socket file")
    (section,) = sections(Source("x", "\n".join(lines).encode()))
    assert recognise(section) is attach_failure


@pytest.mark.parametrize("line", ["9414: No such process", "9414: Operation not permitted", "9414:"])
def test_other_refusals_say_nothing_of_the_process(line: str) -> None:
    assert not attach_failure.sniff([line])


def processes(*lines: str) -> list[ProcessRow]:
    parsed = ps.parse(Section("ps.txt", 1, lines))
    assert parsed.unread == ()
    return [record for record in parsed.records if isinstance(record, ProcessRow)]


def test_ps_aux() -> None:
    (found,) = processes(
        "USER       PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND",
        "tomcat    9414  4.1 12.3 8996052 96992 ?       Tl   13:20   1:02 /usr/bin/java -jar store front.jar",
    )
    assert (found.pid, found.state, found.rss, found.threads) == (9414, "T", 96992 * 1024, None)
    assert found.command == "/usr/bin/java -jar store front.jar"


def test_ps_ef_prints_no_state() -> None:
    (found,) = processes(
        "UID        PID  PPID  C STIME TTY          TIME CMD", "root      9414     1  0 Nov22 ?        00:00:20 java -version"
    )
    assert (found.pid, found.state, found.command) == (9414, None, "java -version")


def test_of_the_threads_of_a_process_the_first_stands_for_it() -> None:
    found = processes(
        "UID        PID  PPID   LWP  C NLWP STIME TTY          TIME CMD",
        "root      9414     1  9414  0   13 13:18 ?        00:00:20 java Store",
        "root      9414     1  9420  0   13 13:18 ?        00:00:00 java Store",
    )
    assert [(one.pid, one.threads) for one in found] == [(9414, 13)]


@pytest.mark.parametrize(
    "line",
    [
        "  PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND",
        "COMMAND   PID     USER   FD   TYPE    DEVICE SIZE/OFF NODE NAME",
    ],
)
def test_other_tables_with_pids_are_not_ps(line: str) -> None:
    assert not ps.sniff([line])

"""Advice fits where the evidence comes from: the runtime, the pid and the system that any of it names, and what is here already is not asked for."""

from __future__ import annotations

import pytest

from tests.builders import diagnosis_of

COUNT = "$ netstat -tan | awk '{print $6}' | sort | uniq -c\n   1877 CLOSE_WAIT\n     12 LISTEN\n"
LIMIT = "Error: EMFILE: too many open files, open '/var/mill/bag.idx'\n"
IDLE = (
    '"mill-{at}" #{at} prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x25{at} waiting on condition [0x00007f108a1fd000]\n'
    "   java.lang.Thread.State: WAITING (parking)\n\tat sun.misc.Unsafe.park(Native Method)\n"
    "\tat java.util.concurrent.LinkedBlockingQueue.take(LinkedBlockingQueue.java:442)\n"
    "\tat java.util.concurrent.ThreadPoolExecutor.getTask(ThreadPoolExecutor.java:1074)\n"
    "\tat java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1134)\n\n"
)


def commands(text: str) -> str:
    diagnosis = diagnosis_of({"post.md": text})
    asked = [one.command for one in diagnosis.missing]
    return "\n".join([*asked, *(act.command or "" for finding in diagnosis.findings for act in finding.actions)])


@pytest.mark.parametrize(
    ("words", "tool"),
    [
        ("Our shop runs on Node.js 18 behind nginx.", "kill -USR2"),
        ("It is a Django site under gunicorn.", "py-spy dump"),
        ("A Rails app, puma 5.", "pumactl"),
        ("Laravel on php8.1-fpm.", "phpspy"),
        ("A service in golang, nothing special.", "pprof"),
        ("ASP.NET Core 6 in a container.", "dotnet-stack"),
        ("The site is a WebForms one on .NET Framework 4.8.", "procdump"),
        ("Tomcat 9 on CentOS.", "jstack"),
    ],
)
def test_the_words_of_the_report_name_the_tool_that_takes_stacks(words: str, tool: str) -> None:
    asked = commands(f"{words}\n\n{COUNT}")
    assert tool in asked
    assert "jstack" not in asked or tool == "jstack"


def test_words_that_contradict_each_other_name_no_tool_alone() -> None:
    asked = commands(f"A Rails app calls a Django one.\n\n{COUNT}")
    assert "gdb -p PID" in asked
    assert "jstack" in asked


def test_a_signal_that_ends_node_is_asked_for_with_that_warning() -> None:
    assert "without it the signal ends node" in commands(f"Node.js 16 here.\n\n{COUNT}")


def test_the_only_pid_of_a_command_is_filled_in() -> None:
    asked = commands(f"Tomcat.\n\n$ lsof -p 3377 | wc -l\n1204\n\n{COUNT}")
    assert "3377" in asked
    assert "PID" not in asked.replace("GC.", "")
    several = commands(f"Tomcat.\n\n$ lsof -p 3377 | wc -l\n1204\n$ lsof -p 3378 | wc -l\n1204\n\n{COUNT}")
    assert "PID" in several


def test_a_system_without_proc_is_not_asked_for_it() -> None:
    asked = commands(f"macOS 13, node v18.\n\n{LIMIT}\n$ lsof -p 4471 | wc -l\n     291\n")
    assert "/proc" not in asked
    assert "lsof -p 4471" in asked


def test_what_was_saved_after_the_restart_asks_for_the_next_hang() -> None:
    dump = IDLE.format(at=41) + IDLE.format(at=42)
    after = diagnosis_of({"post.md": f"Tomcat hangs each week. I took this jstack right after the restart:\n\n{dump}"})
    assert [one.artifact for one in after.missing] == ["dump and socket table of the next hang"]
    before = diagnosis_of({"post.md": f"Tomcat hangs each week until we restart it. I took this jstack before:\n\n{dump}"})
    assert "dump and socket table of the next hang" not in [one.artifact for one in before.missing]


@pytest.mark.parametrize(
    "words",
    [
        "It hangs again three days after the restart, this dump is of then.",
        "After the restart it is fine. This is the dump of the hang.",
        "The dump was not taken after the restart.",
    ],
)
def test_a_restart_that_the_evidence_is_not_of_changes_nothing(words: str) -> None:
    diagnosis = diagnosis_of({"post.md": f"{words}\n\n{IDLE.format(at=41)}"})
    assert "dump and socket table of the next hang" not in [one.artifact for one in diagnosis.missing]


def test_a_second_dump_is_not_asked_for_where_the_text_tells_of_several() -> None:
    waits = (
        '"mill-1" #31 prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x251f waiting for monitor entry  [0x00007f108a1fd000]\n'
        "   java.lang.Thread.State: BLOCKED (on object monitor)\n\tat nl.mill.Vat.open(Vat.java:10)\n"
        "\t- waiting to lock <0x00000000f0000010> (a nl.mill.Vat)\n\n"
        '"mill-2" #32 prio=5 os_prio=0 tid=0x00007f10d0a20000 nid=0x2520 in Object.wait() [0x00007f108a20d000]\n'
        "   java.lang.Thread.State: WAITING (on object monitor)\n\tat java.lang.Object.wait(Native Method)\n\tat java.lang.Thread.join(Thread.java:1252)\n"
        "\tat nl.mill.Vat.fill(Vat.java:40)\n\t- locked <0x00000000f0000010> (a nl.mill.Vat)\n"
    )
    assert "jstack-2.txt" in commands(waits)
    assert "jstack-2.txt" not in commands("Three dumps in ten minutes, always the same.\n\n" + waits)

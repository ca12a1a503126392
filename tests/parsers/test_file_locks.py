"""Locks on files, as lslocks and the kernel list them, and what a dump or a list alone makes of them."""

from __future__ import annotations

from analyzer.model.finding import Confidence
from parsers import FORMATS, recognise
from parsers.process import file_locks
from parsers.records import FileLock
from parsers.text.source import Section
from tests.analyzer.test_rules_waiting import exec_threads
from tests.builders import diagnosis_of, dump, found, idle_exec
from tests.parsers.test_properties import check

HEAD = "COMMAND           PID  TYPE SIZE MODE   M START END PATH\n"
LISTED = (
    HEAD
    + "java             2207 POSIX   1B WRITE* 0     0   0 /srv/mill/sacks.lock\n"
    + "packer           2190 POSIX   1B WRITE  0     0   0 /srv/mill/sacks.lock\n"
    + "(unknown)        2101 FLOCK      WRITE  0     0   0 /...\n"
    + "(undefined)        -1 OFDLCK     READ   0     0   0 /srv/mill/index\n"
)
KERNEL = (
    "1: FLOCK  ADVISORY  WRITE 2101 fe:00:1105921 0 EOF\n"
    "2: POSIX  ADVISORY  WRITE 2190 fe:00:1622047 0 EOF\n"
    "2: -> POSIX  ADVISORY  WRITE 2207 fe:00:1622047 0 EOF\n"
)
SHUT = (
    "sun.nio.ch.FileDispatcherImpl.lock0",
    "sun.nio.ch.FileChannelImpl.lock",
    "org.mill.Sacks.take",
    "- locked <0x00000000000000a1> (a org.mill.Sacks)",
)
WANTS = ("org.mill.Sacks.take", "- waiting to lock <0x00000000000000a1> (a org.mill.Sacks)")
THREADS = (*exec_threads(8, *WANTS, state="BLOCKED (on object monitor)"), *exec_threads(1, *SHUT, state="RUNNABLE", first=9))


def locks(text: str) -> list[FileLock]:
    parsed = check(file_locks, Section("x", 1, text.splitlines()))
    assert not parsed.unread
    return [one for one in parsed.records if isinstance(one, FileLock)]


def test_rows_of_both_lists() -> None:
    wants, holds, unknown, nobody = locks(LISTED)
    assert (wants.pid, wants.command, wants.kind, wants.waits, wants.place) == (2207, "java", "POSIX", True, "/srv/mill/sacks.lock")
    assert (holds.waits, unknown.command, unknown.place, nobody.pid) == (False, None, None, None)
    _, holds, wants = locks(KERNEL)
    assert (holds.pid, holds.number, holds.waits) == (2190, 2, False)
    assert (wants.pid, wants.number, wants.waits, wants.place) == (2207, 2, True, "fe:00:1622047")
    named = HEAD.rstrip() + " BLOCKER\n" + "java  2207 POSIX 1B WRITE* 0 0 0 /srv/mill/two sacks.lock 2190\n"
    assert [(one.place, one.blocker) for one in locks(named)] == [("/srv/mill/two sacks.lock", 2190)]


def test_no_list_of_open_files_is_one() -> None:
    for text in (LISTED, KERNEL):
        assert recognise(Section("x", 1, text.splitlines())) is file_locks
    assert not file_locks.sniff(["java  77 app  5u  REG  254,1  12  7 /srv/mill/sacks.lock"])
    assert [form.NAME for form in FORMATS if form.sniff(KERNEL.splitlines())] == [file_locks.NAME]


def test_who_holds_the_file_that_the_owner_of_a_lock_waits_for() -> None:
    for files in (
        {"lslocks.txt": LISTED},
        {"locks.txt": KERNEL, "ps.txt": "UID PID PPID C STIME TTY TIME CMD\nroot 2190 1 0 10:00 ? 00:00:00 /opt/packer -x\n"},
    ):
        diagnosis = diagnosis_of({"jstack.txt": dump(*THREADS), **files})
        (finding,) = found(diagnosis, "lock-convoy")
        assert "that packer (pid 2190) holds" in finding.headline
        assert finding.actions[0].text.startswith("Look at packer (pid 2190):")
        assert any(one.where.file == next(iter(files)) for one in finding.evidence)
    table = "Proto Recv-Q Send-Q Local Address Foreign Address State PID/Program name\ntcp 0 0 0.0.0.0:8080 0.0.0.0:* LISTEN 2299/java\n"
    other = diagnosis_of(
        {"jstack.txt": dump(*THREADS), "lslocks.txt": LISTED, "netstat.txt": table}
    )  # another process than the one that waits
    assert "packer" not in found(other, "lock-convoy")[0].headline


def test_a_pool_that_waits_for_a_file() -> None:
    every = exec_threads(6, *(frame for frame in SHUT if not frame.startswith("-")), state="RUNNABLE")
    gone = "".join(f"tcp 1 0 10.1.1.5:8080 10.9.9.9:{33000 + n} CLOSE_WAIT 2207/java\n" for n in range(6))
    table = (
        "Proto Recv-Q Send-Q Local Address Foreign Address State PID/Program name\ntcp 0 0 0.0.0.0:8080 0.0.0.0:* LISTEN 2207/java\n" + gone
    )
    (finding,) = found(diagnosis_of({"jstack.txt": dump(*every), "netstat.txt": table, "lslocks.txt": LISTED}), "pool-stuck")
    assert "They wait for a lock on /srv/mill/sacks.lock that packer (pid 2190) holds." in finding.explanation


def test_a_list_alone_is_a_suspicion_where_many_wait() -> None:
    row = "php-fpm8          {} FLOCK      WRITE* 0     0   0 /var/lib/php/sess_a\n"
    holds = "php-fpm8          310 FLOCK      WRITE  0     0   0 /var/lib/php/sess_a\n"
    many = diagnosis_of({"lslocks.txt": HEAD + holds + "".join(row.format(n) for n in (311, 312, 313))})
    (finding,) = found(many, "lock-convoy")
    assert finding.headline == "3 processes wait for a lock on /var/lib/php/sess_a that php-fpm8 (pid 310) holds."
    assert finding.confidence is Confidence.SUSPECTED
    assert not found(diagnosis_of({"lslocks.txt": HEAD + holds + row.format(311)}), "lock-convoy")
    beside = {"jstack-77.txt": dump(*idle_exec(4)), "lslocks.txt": HEAD + holds + "".join(row.format(n) for n in (77, 312, 313))}
    assert not found(diagnosis_of(beside), "lock-convoy")

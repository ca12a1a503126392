"""Rows of lsof that show a few files open again and again, numbers of lines that are no descriptors, and lists that the command itself cut."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis
from tests.builders import diagnosis_of, found

FAILED = "OSError: [Errno 24] Too many open files: '/opt/quay/rates.db'\n"
PROMPT = "[ops@quay ~]$ "
RATES, FEES = "/opt/quay/rates.db", "/opt/quay/fees.db"


def row(fd: int, name: str, kind: str = "REG", thread: str = "") -> str:
    return f"python3  4410{thread}  port {fd:>4}r   {kind}    253,1   40960  7702{fd % 2} {name}\n"


def socket(fd: int) -> str:
    return f"python3  4410  port {fd:>4}u  IPv4  88100{fd}      0t0  TCP 10.8.0.3:{41000 + fd}->10.8.0.9:5432 (ESTABLISHED)\n"


TAIL = "".join(row(fd, RATES if fd % 3 else FEES) for fd in range(492, 512))
CUT = f"{PROMPT}lsof -p 4410 | tail -20\n"
LIMIT = f"{PROMPT}ulimit -n\n512\n"


def told(*blocks: str) -> Diagnosis:
    return diagnosis_of({"report.md": "It fails after an hour.\n\n" + "\n\n".join(f"```\n{block}```" for block in blocks) + "\n"})


def test_the_same_files_fill_the_table() -> None:
    diagnosis = told(FAILED, LIMIT + f"{PROMPT}lsof -p 4410 | wc -l\n560\n{CUT}{TAIL}{PROMPT}lsof -p 4410 | grep -c /opt/quay\n481\n")
    (finding,) = found(diagnosis, "fd-exhaustion")
    assert finding.headline.startswith("python3 (pid 4410) has no descriptor left")
    assert "opens the same 2 files again and again" in finding.headline
    assert "481 of at most 512" in finding.headline
    assert "run up to 511" in finding.explanation
    assert "The 560 lines of “lsof -p 4410 | wc -l” are no number of descriptors" in finding.explanation
    assert finding.confidence is Confidence.CERTAIN


def test_one_file_without_a_count_is_told_by_the_rows() -> None:
    rows = "".join(row(fd, RATES) for fd in range(240, 255))
    (finding,) = found(told(FAILED, rows), "fd-exhaustion")
    assert f"opens {RATES} again and again" in finding.headline
    assert "(15 of the 15 that are listed)" in finding.headline
    assert finding.confidence is Confidence.LIKELY


@pytest.mark.parametrize(
    "rows",
    [
        "".join(row(fd, f"/opt/quay/{fd}.db") for fd in range(60, 80)),  # each file once
        "".join(map(socket, range(60, 90))) + "".join(row(fd, RATES) for fd in range(90, 102)),  # connections are more
        "".join(row(fd, RATES) for fd in range(60, 66)),  # few
        "".join(row(7, RATES, thread=f" {4410 + n} python3") for n in range(20)),  # one descriptor, for each thread again
        "".join(row(fd, "/dev/null", "CHR") for fd in range(60, 80)),
    ],
)
def test_what_is_no_file_that_is_opened_again(rows: str) -> None:
    assert not any("again and again" in one.headline for one in found(told(FAILED, rows), "fd-exhaustion"))


def test_far_from_the_limit_nothing_has_run_out() -> None:
    rows = "".join(row(fd, RATES) for fd in range(60, 75))
    assert not found(told(LIMIT + f"{CUT}{rows}"), "fd-exhaustion")


THREADS = "".join(
    f"java  3120 {thread} ferry  cwd       DIR   253,0    4096   1048 /opt/ferry\njava  3120 {thread} ferry    0r      CHR     1,3     0t0   1028 /dev/null\n"
    for thread in ("           ", "3121 java  ", "3122 java  ")
)


def test_lines_that_repeat_for_each_thread_are_no_descriptors() -> None:
    text = (
        f"{PROMPT}sudo lsof | grep ferry | wc -l\n98000\n{PROMPT}sudo lsof | grep ferry | head -6\n{THREADS}"
        f"{PROMPT}sudo grep 'open files' /proc/3120/limits\nMax open files            32768                32768                files\n"
        f"{PROMPT}sudo ls /proc/3120/fd | wc -l\n244\n"
    )
    verdict = told(text).verdict
    said = f"{verdict.headline} {verdict.summary}"
    assert "244 descriptors of the process are open, far from its limit of 32,768" in said
    assert "its rows here stand there again for each thread" in said
    assert "The session counted" not in said
    assert "6 descriptors" not in said


def test_a_list_that_head_cut_counts_nothing() -> None:
    links = "".join(f"lr-x------ 1 port port 64 Mar  9 14:02 {fd} -> /srv/{fd}\n" for fd in range(5))
    cut = told(f"$ ls -l /proc/881/fd | head -6\ntotal 0\n{links}")
    whole = told(f"$ ls -l /proc/881/fd | head -60\ntotal 0\n{links}")
    assert "5 descriptors" not in f"{cut.verdict.headline} {cut.verdict.summary}"
    assert "5 descriptors" in f"{whole.verdict.headline} {whole.verdict.summary}"


def test_rows_without_numbers_are_one_descriptor_each() -> None:
    rows = "771     /opt/ferry/bin/ferryd /dev/null\n" + "".join(f"771     /opt/ferry/bin/ferryd socket:[{5500 + n}]\n" for n in range(8))
    verdict = diagnosis_of({"busybox-lsof.txt": rows}).verdict
    assert "9 descriptors" in f"{verdict.headline} {verdict.summary}"


def test_the_lines_of_lsof_are_called_lines() -> None:
    verdict = told(f"{PROMPT}lsof -p 4410 | wc -l\n560\n").verdict
    assert "lsof printed 560 lines" in f"{verdict.headline} {verdict.summary}"
    assert "560 descriptors" not in f"{verdict.headline} {verdict.summary}"


def test_macos_has_no_proc() -> None:
    rows = "".join(row(fd, "/Users/ines/quay/rates.db") for fd in range(60, 75))
    (finding,) = found(told(FAILED, rows), "fd-exhaustion")
    assert not any("/proc" in (one.command or "") for one in finding.actions)

"""Counts that people paste or tell: piles of CLOSE_WAIT beside a few rows, hidden addresses, the kernel's own table, sentences."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Finding, Severity, Status
from tests.builders import SAMPLES, diagnosis_of, found, netstat


def diagnosed(text: str) -> Diagnosis:
    return diagnosis_of({"report.md": text})


def only(text: str, rule: str) -> Finding:
    diagnosis = diagnosed(text)
    (finding,) = (one for one in found(diagnosis, rule) if one.severity is not Severity.INFO)
    assert diagnosis.verdict.rule == rule
    assert finding.confidence is Confidence.SUSPECTED
    return finding


def said(text: str) -> str:
    verdict = diagnosed(text).verdict
    assert verdict.status is Status.INSUFFICIENT
    return f"{verdict.headline} {verdict.summary}"


COUNT = "$ netstat -an | grep CLOSE_WAIT | wc -l\n{count}\n\n"
CALLS = "".join(f"tcp        1      0 x.x.x.x:4{at}122      x.x.x.x:5672       CLOSE_WAIT  2211/brokerd\n" for at in range(3))
SERVED = "".join(f"  TCP    10.20.1.5:9444         10.20.1.9:50{at}22        CLOSE_WAIT      4312\n" for at in range(4))


def test_a_pile_beside_rows_that_all_call_one_service() -> None:
    finding = only(COUNT.format(count=3912) + CALLS, "connection-leak")
    assert finding.headline.startswith("brokerd (pid 2211) keeps 3,912 sockets in CLOSE_WAIT (3 rows are here, to x.x.x.x:5672)")
    assert "calls of its own to x.x.x.x:5672, which has closed first" in finding.explanation


def test_a_pile_beside_rows_of_one_port_is_the_servers() -> None:
    finding = only(
        f'C:\\> netstat -ano | findstr CLOSE_WAIT\n{SERVED}\nC:\\> netstat -ano | find /c "CLOSE_WAIT"\n1188\n', "server-never-closes"
    )
    assert finding.culprit.listener == "*:9444"
    assert "the clients have closed, and the server has not" in finding.headline


def test_a_small_pile_beside_rows_is_none() -> None:
    assert not found(diagnosed(COUNT.format(count=30) + CALLS), "server-never-closes")
    assert all(one.severity is Severity.INFO for one in found(diagnosed(COUNT.format(count=30) + CALLS), "connection-leak"))


def test_rows_of_two_programs_do_not_tell_whose_the_pile_is() -> None:
    rows = CALLS.replace("2211/brokerd", "2211/brokerd", 1) + SERVED.replace("  TCP    ", "tcp 0 0 ").replace("4312", "99/other")
    assert "this host has 3,912 sockets in CLOSE_WAIT" in said(COUNT.format(count=3912) + rows) or not found(
        diagnosed(COUNT.format(count=3912) + rows), "server-never-closes"
    )


@pytest.mark.parametrize(
    ("rows", "remote"),
    [
        (
            "$ ss -tan state close-wait | awk '{print $4}' | sort | uniq -c\n   1407 [::ffff:10.x.x.12]:8089\n      1 Peer\n",
            "10.x.x.12:8089",
        ),
        ("$ netstat -an | grep CLOSE_WAIT | awk '{print $5}' | sort | uniq -c\n   1407 10.1.xx.xx:8089\n", "10.1.xx.xx:8089"),
        (
            "$ awk '{print $3, $4}' /proc/net/tcp | sort | uniq -c\n    912 0A00A8C0:1F99 08\n     20 0A00A8C0:1F99 01\n",
            "192.168.0.10:8089",
        ),
    ],
)
def test_hidden_and_hexadecimal_ends_are_ends(rows: str, remote: str) -> None:
    assert only(rows, "connection-leak").culprit.remote == remote


@pytest.mark.parametrize(
    "rows",
    [
        'PS C:\\> Get-NetTCPConnection | Group-Object State\n\nCount Name      Group\n----- ----      -----\n 2310 CloseWait {MSFT_NetTCPConnection (InstanceID = "...\n   33 Established {MSFT_NetTCPConnection (InstanceID = "...\n',
        "$ cat /proc/1/net/tcp | awk '{print $4}' | sort | uniq -c\n      4 01\n   2310 08\n      2 0A\n      1 st\n",
        "$ grep -c ' 08 ' /proc/net/tcp\n2310\n",
    ],
)
def test_states_are_counted_in_every_spelling(rows: str) -> None:
    text = said(rows)
    assert "this host has 2,310 sockets in CLOSE_WAIT" in text
    assert "process 1" not in text
    assert "port 8" not in text


def test_rows_of_the_kernels_table_without_their_last_columns() -> None:
    rows = "".join(f"   {at}: 0500A8C0:1F95 0A00A8C0:C35{at} 08\n" for at in range(4))
    text = said(f"cut from /proc/net/tcp:\n\n{rows}")
    assert "4 clients of port 8085 disconnected" in text or "4 connections" in text
    assert "whether what they sent was read, this table does not show" in text or "Recv" not in text


@pytest.mark.parametrize(
    ("sentence", "count"),
    [
        ("We have about 4000 connections in CLOSE_WAIT on the API server.", "4,000"),
        ("There are 4.2k sockets stuck in CLOSE_WAIT, restarting helps.", "4,200"),
        ("netstat shows ~1,500 CLOSE_WAIT, all from the balancer", "1,500"),
        ("The number of sockets in CLOSE-WAIT is now 2750.", None),
        ("CLOSE_WAIT count is 2750", "2,750"),
        ("We have 4100 sockets in CLOSE_WAIT, can anybody help?", "4,100"),
    ],
)
def test_a_sentence_that_counts_is_a_fact_and_no_cause(sentence: str, count: str | None) -> None:
    diagnosis = diagnosed(f"It hangs.\n\n{sentence}\n")
    assert diagnosis.verdict.status is Status.INSUFFICIENT
    if count is not None:
        assert f"{count} sockets in CLOSE_WAIT" in f"{diagnosis.verdict.headline} {diagnosis.verdict.summary}"


def test_a_sentence_that_tells_of_growth_or_names_the_service_raises_a_suspicion() -> None:
    grown = only("CLOSE_WAIT went from 120 to 3900 in two hours, then it stopped to accept.\n", "connection-leak")
    assert "120 → 3,900 within 120 minutes" in grown.explanation
    assert "A person tells the number" in grown.explanation
    assert only("There were 4200 sockets stuck in CLOSE_WAIT to 10.3.4.5:7092.\n", "connection-leak").culprit.remote == "10.3.4.5:7092"


@pytest.mark.parametrize(
    "sentence",
    [
        "Before the fix we had 4000 connections in CLOSE_WAIT, they are gone.",
        "There are no CLOSE_WAIT connections any more; before there were about 4000 connections in CLOSE_WAIT.",
        "If there are more than 500 connections in CLOSE_WAIT our alert fires.",
        "The limit of 4000 sockets in CLOSE_WAIT should never be reached.",
        "CLOSE_WAIT went from 3900 to 120 after the upgrade.",
        "I read that 4000 sockets in CLOSE_WAIT can hang a server. We have none here.",
        "Somewhere it says 5000 connections in CLOSE_WAIT may exhaust the descriptors.",
        "The patch is in 1.4.0 and CLOSE_WAIT is explained in RFC 793",
    ],
)
def test_a_sentence_about_what_is_not_counts_nothing(sentence: str) -> None:
    diagnosis = diagnosed(sentence + "\n")
    assert not diagnosis.findings
    assert "sockets in CLOSE_WAIT" not in f"{diagnosis.verdict.headline} {diagnosis.verdict.summary}"


def test_all_threads_are_busy_as_a_person_tells() -> None:
    finding = only("All 200 http worker threads are busy when this happens.\n", "pool-stuck")
    assert "200" in finding.headline
    assert not diagnosed("All 200 http worker threads are idle.\n").findings


def test_words_of_an_engineer_beside_a_whole_dump_keep_no_health_away() -> None:
    words = "# Load test\n\nThe server closes first: 1,359 TIME_WAIT after eight seconds.\nNothing hangs.\nTwenty clients asked.\nSee the dump.\n"
    files = {file.name: file.read_text(encoding="utf-8") for file in (SAMPLES / "healthy-time-wait").glob("*.txt")}
    assert diagnosis_of({**files, "NOTES.md": words}).verdict.status is Status.HEALTHY


def test_what_somebody_writes_in_another_file_is_not_compared_with_the_rows() -> None:
    """A README beside a table tells of any moment: the rows are all there are."""
    rows = [f"1 10.1.1.5:{42000 + at} 10.7.7.7:9000 CLOSE_WAIT 77/java" for at in range(12)]
    files = {"README.md": "At noon there were 96, 192, 288 sockets in CLOSE_WAIT.\n", "netstat.txt": netstat(*rows)}
    diagnosis = diagnosis_of(files)
    assert "were counted, of which" not in " ".join((diagnosis.verdict.headline, diagnosis.verdict.summary, *diagnosis.notes))


def test_time_waits_of_a_served_port_take_no_local_ports() -> None:
    states = "$ netstat -nat | awk '{{print $6}}' | sort | uniq -c\n      9 SYN_RECV\n    211 ESTABLISHED\n   {count} TIME_WAIT\n\n"
    rows = "$ netstat -nat | grep TIME_WAIT | head -1\ntcp        0      0 10.5.5.10:80              10.5.23.23:50121         TIME_WAIT\n\n"
    ports = "$ netstat -nat | grep TIME_WAIT | awk '{{print $4}}' | sort | uniq -c\n   {served} 10.5.5.10:80\n"
    text = states + rows + ports
    assert "6,093 of them are of ports that it serves, and take no further local port" in said(text.format(count=6104, served=6093))
    assert "TIME_WAIT are normal" not in said(text.format(count=16104, served=93))


MASKED = """$ jstack 3120 | grep '^"' | wc -l
{all}
$ jstack 3120 | grep '^"' | sed 's/[0-9]\\+/N/g' | cut -d'"' -f2 | sort | uniq -c | sort -rn | head -3
   {most} pool-N-thread-N
     25 web-N-exec-N
$ jstack 3120 | grep -o '"pool-[0-9]*-' | sort -u | wc -l
{pools}
"""


def test_pools_whose_numbers_are_masked_are_counted_apart() -> None:
    (finding,) = found(diagnosed(MASKED.format(all=8431, most=8344, pools=2086)), "thread-leak")
    assert finding.headline.startswith("8,344 threads of 2,086 pools named pool-N: executors are made again and again")
    assert not found(diagnosed(MASKED.format(all=8431, most=8344, pools=2)), "thread-leak")


COURSE = """$ netstat -antp | grep CLOSE_WAIT | head -3
tcp        1      0 10.5.4.33:41822     10.5.9.15:443       CLOSE_WAIT  8806/brokerd
tcp       38      0 10.5.4.33:52210     10.5.9.15:443       CLOSE_WAIT  8806/brokerd
tcp       38      0 10.5.4.33:52377     10.5.9.15:443       CLOSE_WAIT  8806/brokerd

{rows}
"""


@pytest.mark.parametrize(
    "rows",
    [
        "Mon 09:00   112\nMon 15:00   188\nTue 09:00   502",
        "2026-03-02 09:00 112\n2026-03-02 15:00 188\n2026-03-03 09:00 502",
        "09:00: 112\n15:00: 188\n9:00: 502",
    ],
)
def test_a_table_of_times_and_numbers_is_a_course(rows: str) -> None:
    finding = only(COURSE.format(rows=rows), "connection-leak")
    assert "keeps 502 sockets in CLOSE_WAIT (3 rows are here, to 10.5.9.15:443)" in finding.headline
    assert "They grow: 112 → 502 within 1,440 minutes" in finding.explanation


@pytest.mark.parametrize("rows", ["09:00 112\n15:00 502", "09:00 112\n12:00 188\n15:00 90", "2026-13-45 09:00 1\n2026-13-45 10:00 2\nx"])
def test_two_rows_or_a_course_that_falls_grow_nothing(rows: str) -> None:
    assert "They grow" not in said(COURSE.format(rows=rows))


@pytest.mark.parametrize("rows", ["Heap used:\n\n09:00 112\n15:00 188\n21:00 502", "09:00 112 MB\n15:00 188 MB\n21:00 502 MB"])
def test_a_table_of_something_else_is_no_course_of_sockets(rows: str) -> None:
    assert "They grow" not in said(COURSE.format(rows=rows))

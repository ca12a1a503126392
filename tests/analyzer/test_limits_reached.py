"""Lines in which a component says itself that nothing is left, and what stands beside them."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Severity, Status
from parsers.logs import events_of
from parsers.records import LogKind
from parsers.text.source import Section
from tests.builders import diagnosis_of


def kinds(text: str) -> list[LogKind]:
    return [event.kind for event in events_of(Section("x", 1, text.splitlines()))]


def told(text: str, rule: str, confidence: Confidence = Confidence.LIKELY) -> str:
    diagnosis = diagnosis_of({"post.txt": text})
    assert diagnosis.verdict.status is Status.PROBLEM
    finding = diagnosis.findings[0]
    assert (finding.rule, finding.confidence) == (rule, confidence)
    return finding.headline


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Jan  7 06:10:00 post dovecot: master: Warning: service(pop3-login): client_limit (40) reached, client connections are being dropped", LogKind.REACHED),
        ("AMQ9513E: Maximum number of channels reached.", LogKind.SLOTS),
        ("2026-01-05 10:00:00 ERROR Maximum number of active sessions (300) reached", LogKind.REACHED),
        ("WARN worker limit 25 has been reached", LogKind.REACHED),
        ("ERROR max_children (12) reached", LogKind.REACHED),
        ("VFS: file-max limit 80000 reached", LogKind.DESCRIPTORS),
        ("proc: table is full", LogKind.NO_THREAD),
        ("ORA-16038: log 2 sequence# 77 cannot be archived", LogKind.ARCHIVE),
    ],
)  # fmt: skip
def test_a_limit_that_a_component_says_it_reached_is_read(line: str, kind: LogKind) -> None:
    assert kinds(line) == [kind]


@pytest.mark.parametrize(
    "line",
    [
        "INFO  Maximum number of connections is 200",
        "2026-01-05 10:00:00 INFO session limit (300) reached 40 % of the day",
        "The connection limit was not reached.",
        "Would it help if the worker limit was reached?",
        "Before the upgrade we had: maximum number of channels reached",
        "WARN retry limit reached",
        "neighbour: arp_cache: neighbor table overflow! was what another host had last week",
        "ORA-19815: WARNING: db_recovery_file_dest_size of 1000 bytes is 61.00% used",
    ],
)
def test_what_is_denied_configured_or_of_another_time_is_none(line: str) -> None:
    assert [kind for kind in kinds(line) if kind is not LogKind.BESIDE_LIMIT] == []


def test_the_limit_of_neighbours_stands_beside_the_line_that_the_table_is_full() -> None:
    text = (
        "Some peers vanish.\n\n[ 77.120] neighbour: arp_cache: neighbor table overflow!\n\n"
        "# ip -4 neigh | wc -l\n2040\n# sysctl net.ipv4.neigh.default.gc_thresh3\nnet.ipv4.neigh.default.gc_thresh3 = 2048\n"
    )
    said = told(text, "connection-limit")
    assert "2,040 entries were counted, and it may have 2,048 (net.ipv4.neigh.default.gc_thresh3)" in said


def test_a_table_of_tracked_connections_that_the_kernel_calls_full_is_likely() -> None:
    line = "[ 812.001] nf_conntrack: table full, dropping packet\n"
    assert "the table of tracked connections was full" in told(f"It stalls.\n\n{line}", "conntrack-full")
    room = "net.netfilter.nf_conntrack_count = 310\nnet.netfilter.nf_conntrack_max = 65536\n"
    assert "while a reading shows 310 of 65,536" in told(f"It stalls.\n\n{line}\n{room}", "conntrack-full")


def test_a_database_that_cannot_archive_is_told_with_what_is_full_and_who_waits() -> None:
    text = (
        "Nobody can save.\n\nlog file switch (archiving needed)       37\n\n"
        "ORA-19815: WARNING: db_recovery_file_dest_size of 8000000000 bytes is 100.00% used, and has 0 remaining bytes available.\n"
        "ARC2: Archival stopped, error occurred. Will continue retrying\n"
    )
    said = told(text, "blocked-write")
    assert "db_recovery_file_dest_size (8,000,000,000 bytes) is 100 % used, and for that 37 sessions wait" in said


def test_the_setting_and_the_host_that_has_most_stand_beside_a_limit() -> None:
    text = (
        "AMQ9513: Maximum number of channels reached.\n\n"
        '$ echo "DIS CHS(*) CONNAME" | runmqsc HARBOUR | grep CONNAME | sort | uniq -c | sort -rn\n'
        "     70    CONNAME(10.1.1.9)        CURRENT\n      4    CONNAME(10.1.1.8)        CURRENT\n"
        "$ cat qm.ini\nCHANNELS:\n   MaxChannels=80\n"
    )
    assert "MaxChannels is 80, and 10.1.1.9 has 70 of 80" in told(text, "connection-limit")
    even = text.replace("     70 ", "      9 ")
    assert "10.1.1.9" not in told(even, "connection-limit")


GO = (
    "It prints all and dies.\n\n{code}fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n"
    "\t/home/l/sum/main.go:12 +0x5b\n\ngoroutine 9 [semacquire]:\nsync.runtime_Semacquire(0xc0000140b8)\n\t/usr/lib/go/src/runtime/sema.go:56 +0x45\n"
    "sync.(*WaitGroup).Wait(0xc0000140b0)\n\t/usr/lib/go/src/sync/waitgroup.go:130 +0x65\nmain.main.func2(0xc0000140b0)\n"
    "\t/home/l/sum/main.go:30 +0x32\ncreated by main.main\n\t/home/l/sum/main.go:29 +0x178\nexit status 2\n"
)


def test_a_program_whose_goroutines_all_wait_is_proven_by_its_runtime() -> None:
    said = told(GO.format(code="func part(in chan int, wg sync.WaitGroup) {\n}\n\n"), "java-deadlock", Confidence.CERTAIN)
    assert "“goroutine 1” waits for a value on a channel in main.main" in said
    assert "“goroutine 9” waits for a WaitGroup, of which a Done is missing" in said
    assert "hands sync.WaitGroup over by value" in said
    plain = told(GO.format(code="func part(in chan int, wg *sync.WaitGroup) {\n}\n\n"), "java-deadlock", Confidence.CERTAIN)
    assert "by value" not in plain


def test_the_words_of_gos_runtime_alone_are_likely() -> None:
    told("It dies.\n\nfatal error: all goroutines are asleep - deadlock!\n", "java-deadlock")
    denied = diagnosis_of({"post.txt": "It hangs, and does not say\n\nif it would be fatal error: all goroutines are asleep - deadlock!\n"})
    assert all(one.severity is Severity.INFO for one in denied.findings)


def test_dropped_work_of_cassandra_is_told() -> None:
    line = (
        "INFO  [ScheduledTasks:1] 2026-02-04 11:00:01,004 MessagingService.java:1236 - READ messages were dropped in last 5000 ms: "
        "41 internal and 7 cross node. Mean internal dropped latency: 7000 ms and Mean cross-node dropped latency: 8000 ms\n"
    )
    assert "Cassandra READ: work that had waited longer than its timeout was thrown away" in told(line, "pool-stuck")


def test_lines_that_stand_out_are_quoted_where_nothing_is_understood() -> None:
    text = (
        "The crane stops.\n\ncrane01 lift[4]: winch 3 FAILED state=down\nall else is calm\ncrane01 lift[4]: password refused for hook=7\n"
        "I think it failed [at 3].\nprobe: http delay=3s #failure=3\n"
    )
    verdict = diagnosis_of({"post.txt": text}).verdict
    assert verdict.status is Status.INSUFFICIENT
    assert "Not understood, but these lines stand out: “crane01 lift[4]: winch 3 FAILED state=down” (post.txt:3)." in verdict.summary
    assert "password" not in verdict.summary
    assert "Not understood" not in diagnosis_of({"post.txt": "The crane stops, and nobody knows why it failed.\n"}).verdict.summary

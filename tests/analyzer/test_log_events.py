"""What logs add to a verdict: reasons against health, a pool's own figures, and a few sentences where there is nothing else."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Status
from tests.analyzer.test_honesty import HEALTHY
from tests.analyzer.test_rules_waiting import HIKARI
from tests.builders import diagnosis_of, dump, found, thread

DAY = "2026-01-02"
NOISE = "".join(
    f"{DAY} 03:0{n % 6}:{n % 60:02d} WARN [w-{n}] c.e.Till - slow answer\njava.lang.IllegalStateException: no such item {n}\n"
    f"\tat c.e.Till.find(Till.java:{n})\n"
    for n in range(40)
)
EMFILE = "{day} 03:03:59 ERROR [main] c.e.Desk - accept failed: java.io.IOException: Too many open files\n"
TIMEOUT = "{day} 03:03:59 ERROR [w-1] c.e.Desk - java.net.SocketTimeoutException: Read timed out\n"


def status(log: str) -> Status:
    return diagnosis_of(HEALTHY | {"till.log": NOISE + log}).verdict.status


def test_an_ordinary_log_keeps_a_healthy_server_healthy() -> None:
    assert status("") is Status.HEALTHY


def test_one_time_limit_is_no_alarm_and_many_are() -> None:
    assert status(TIMEOUT.format(day=DAY)) is Status.HEALTHY
    assert status(TIMEOUT.format(day=DAY) * 30) is Status.INSUFFICIENT


def test_a_used_up_limit_keeps_health_away() -> None:
    verdict = diagnosis_of(HEALTHY | {"till.log": NOISE + EMFILE.format(day=DAY)}).verdict
    assert verdict.status is Status.INSUFFICIENT
    text = f"{verdict.headline} {verdict.summary}"
    assert "line till.log:121 says: no file descriptor was left" in text
    assert "Till.log" not in text


def test_lines_of_another_day_prove_nothing_of_this_moment() -> None:
    assert status(EMFILE.format(day="2025-12-24")) is Status.HEALTHY


@pytest.mark.parametrize("date", [f"{DAY}T03:03:59Z", f"{DAY}T12:03:59+09:00"])
def test_a_clock_of_another_zone_may_be_this_moment(date: str) -> None:
    assert status(f"{date} ERROR [main] c.e.Desk - java.lang.OutOfMemoryError: Java heap space\n") is Status.INSUFFICIENT


def test_a_pool_names_its_own_limit_in_the_evidence() -> None:
    waiting = dump(*(thread(f"exec-{n}", "TIMED_WAITING", *HIKARI, "c.e.Till.find", "c.e.Till.run") for n in range(8)))
    line = (
        f"{DAY} 03:03:59 WARN [exec-1] c.e.Till - java.sql.SQLTransientConnectionException: till - "
        "Connection is not available, request timed out after 2500ms (total=6, active=6, idle=0, waiting=8)\n"
    )
    (finding,) = found(diagnosis_of({"jstack.txt": waiting, "till.log": NOISE + line}), "jdbc-pool-exhausted")
    assert any("total 6, active 6, idle 0, waiting 8" in one.says for one in finding.evidence)
    (other,) = found(diagnosis_of({"jstack.txt": waiting, "till.log": NOISE + line.replace(DAY, "2025-12-24")}), "jdbc-pool-exhausted")
    assert not any("total 6" in one.says for one in other.evidence)


def test_a_log_alone_says_what_its_lines_say() -> None:
    verdict = diagnosis_of({"till.log": NOISE + EMFILE.format(day=DAY) * 2}).verdict
    text = f"{verdict.headline} {verdict.summary}"
    assert verdict.status is Status.INSUFFICIENT
    assert "The log says: no file descriptor was left, in 2 lines, the last one till.log:122." in text
    assert "A thread dump and a socket table of the same moment would" in text


def test_a_log_that_proves_nothing_is_counted() -> None:
    verdict = diagnosis_of({"till.log": NOISE}).verdict
    assert "120 lines of a log, and none that proves something" in verdict.headline


def test_lines_below_a_dump_count_too() -> None:
    lines = f"{DAY} 03:04:07 INFO [main] c.e.Till - on\n" * 2 + EMFILE.format(day=DAY)
    verdict = diagnosis_of(HEALTHY | {"jstack.txt": HEALTHY["jstack.txt"] + lines}).verdict
    assert verdict.status is Status.INSUFFICIENT
    assert "says: no file descriptor was left" in f"{verdict.headline} {verdict.summary}"

"""Loads as iostat, vmstat and Puma tell them: what has no rest, and what waits for it."""

from __future__ import annotations

import json

import pytest

from parsers import FORMATS
from parsers.process import iostat, puma_stats, vmstat
from parsers.records import Counter, LogEvent, LogKind
from parsers.text.source import Section
from tests.builders import diagnosis_of, found
from tests.parsers.test_properties import check

DISKS = """Linux 6.1.0-18-amd64 (heron) \t02/11/2026 \t_x86_64_\t(16 CPU)

avg-cpu:  %user   %nice %system %iowait  %steal   %idle
           2.11    0.00    1.10   71.40    0.00   25.39

Device            r/s     w/s     rMB/s     wMB/s   r_await w_await aqu-sz  %util
sda              1.20    3.40      0.01      0.05      1.20    2.10   0.01   0.28
nvme1n1          0.00  812.00      0.00     98.11      0.00 {slow:6.2f} 741.20 {busy:6.2f}
"""
OLD = """Device:         rrqm/s   wrqm/s     r/s     w/s    rkB/s    wkB/s avgrq-sz avgqu-sz   await  svctm  %util
sdb               0.00    12.00    1.00  190.00     4.00  9120.00    95.54   141.20  731.10   5.24 100.00
"""
HOST = """procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
 r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st
 1 31      0 812000  91000 402000    0    0    12 99120  812 1201  2  1 12 85  0
 2 {blocked:2}      0 812000  91000 402000    0    0    12 99120  812 1201  2  1 12 {waiting}  0
"""


def events(form: object, text: str) -> list[LogEvent]:
    return [one for one in check(form, Section("x", 1, text.splitlines())).records if isinstance(one, LogEvent)]  # type: ignore[arg-type]


def test_a_disk_without_rest_is_told() -> None:
    (event,) = events(iostat, DISKS.format(busy=100.0, slow=912.4))
    assert (event.kind, event.subject, event.figure("milliseconds a request")) == (LogKind.DISK, "nvme1n1", 912.4)
    (old,) = events(iostat, OLD)
    assert (old.subject, old.figure("waiting")) == ("sdb", 141.2)


@pytest.mark.parametrize(("busy", "slow"), [(40.0, 912.0), (100.0, 0.6)], ids=["with rest", "busy and quick"])
def test_a_disk_that_keeps_up_is_none(busy: float, slow: float) -> None:
    assert not events(iostat, DISKS.format(busy=busy, slow=slow))


def test_a_host_that_waits_for_disks_is_told_but_for_the_mean_since_the_boot() -> None:
    (event,) = events(vmstat, HOST.format(blocked=28, waiting=80))
    assert (event.where.first, event.figure("tasks")) == (4, 28.0)
    assert not events(vmstat, HOST.format(blocked=1, waiting=5))


def test_a_slow_disk_is_a_suspicion_of_its_own() -> None:
    assert "iostat nvme1n1" in found(diagnosis_of({"io.txt": DISKS.format(busy=100.0, slow=912.4)}), "disk-stall")[0].headline
    assert not found(diagnosis_of({"io.txt": DISKS.format(busy=3.0, slow=0.4)}), "disk-stall")


def stats(waiting: int, capacity: int, *, indent: int | None = None) -> str:
    figures = {"backlog": waiting, "running": 5, "pool_capacity": capacity, "max_threads": 5, "requests_count": 88211}
    worker = {"started_at": "2026-05-02T01:11:12Z", "pid": 4021, "index": 0, "phase": 0, "booted": True, "last_status": figures}
    root = {"started_at": "2026-05-02T01:11:12Z", "workers": 1, "phase": 0, "booted_workers": 1, "worker_status": [worker]}
    return json.dumps(root, indent=indent)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_worker_of_puma_without_a_free_thread_is_told(indent: int | None) -> None:
    text = stats(14, 0, indent=indent)
    (event,) = events(puma_stats, text)
    assert (event.source, event.subject, event.figure("waiting")) == ("Puma", "worker 4021", 14.0)
    assert [form.NAME for form in FORMATS if form.sniff(text.splitlines())] == [puma_stats.NAME]
    assert "Puma worker 4021" in found(diagnosis_of({"stats.json": text}), "pool-stuck")[0].headline


@pytest.mark.parametrize(("waiting", "capacity"), [(0, 4), (2, 0), (14, 3)], ids=["calm", "a moment", "threads to come"])
def test_a_worker_of_puma_that_keeps_up_is_none(waiting: int, capacity: int) -> None:
    records = check(puma_stats, Section("x", 1, stats(waiting, capacity).splitlines())).records
    assert [(one.name, one.value) for one in records if isinstance(one, Counter)] == [("Puma worker 4021 backlog", waiting)]
    assert not any(isinstance(one, LogEvent) for one in records)


def test_a_server_of_puma_without_workers() -> None:
    text = '{"started_at":"2026-05-02T01:11:12Z","backlog":6,"running":5,"pool_capacity":0,"max_threads":5,"requests_count":12}'
    assert events(puma_stats, text)[0].subject is None

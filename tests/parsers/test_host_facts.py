"""date, uptime and uname in the forms that systems and languages print."""

from __future__ import annotations

import pytest

from parsers import outputs, recognise, sections
from parsers.process import host_facts
from parsers.records import HostFact
from parsers.text.source import Section, Source
from tests.builders import evidence_of


def fact(line: str) -> HostFact:
    assert host_facts.sniff([line])
    parsed = host_facts.parse(Section("x", 1, [line]))
    assert parsed.unread == ()
    (only,) = parsed.records
    assert isinstance(only, HostFact)
    return only


@pytest.mark.parametrize(
    ("line", "zone"),
    [
        ("Mon Nov 23 15:52:19 UTC 2026", "UTC"),
        ("Mon Nov 23 03:52:19 PM KST 2026", "KST"),
        ("Mon 23 Nov 2026 15:52:19 GMT", "GMT"),
        ("Mon, 23 Nov 2026 15:52:19 +0900", "+0900"),
        ("2026-11-23T15:52:19+09:00", "+09:00"),
        ("2026-11-23 15:52:19 +0900", "+0900"),
        ("2026. 11. 23. (월) 15:52:19 KST", "KST"),
        ("2026年 11月 23日 月曜日 15:52:19 JST", "JST"),
        ("Mon Nov 23 15:52:19 2026", None),
    ],
)
def test_dates(line: str, zone: str | None) -> None:
    found = fact(line)
    assert (found.time, found.zone) == ("2026-11-23T15:52:19", zone)


@pytest.mark.parametrize(("line", "hour"), [("Mon Nov 23 12:05:00 AM KST 2026", "00"), ("Mon Nov 23 12:05:00 PM KST 2026", "12")])
def test_noon_and_midnight(line: str, hour: str) -> None:
    assert fact(line).time == f"2026-11-23T{hour}:05:00"


@pytest.mark.parametrize(
    ("line", "seconds", "load"),
    [
        (" 15:52:19 up 12 days,  3:22,  2 users,  load average: 2.07, 2.42, 2.14", (12 * 24 + 3) * 3600 + 22 * 60, (2.07, 2.42, 2.14)),
        (" 12:27:05 up 23 min,  0 user,  load average: 1,36, 1,83, 1,18", 23 * 60, (1.36, 1.83, 1.18)),
        ("12:27  up 1 day, 23 mins, 2 users, load averages: 1.36 1.83 1.18", 24 * 3600 + 23 * 60, (1.36, 1.83, 1.18)),
    ],
)
def test_uptimes(line: str, seconds: int, load: tuple[float, float, float]) -> None:
    assert (fact(line).uptime, fact(line).load) == (seconds, load)


def test_uname() -> None:
    found = fact("Linux app01 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01) x86_64 GNU/Linux")
    assert (found.host, found.kernel) == ("app01", "Linux 6.1.0-18-amd64")


@pytest.mark.parametrize(
    "line",
    [
        "Mon Nov 34 15:52:19 UTC 2026",
        "2026-11-23 12:27:08",
        "2026-11-23T14:14:04.338278458Z",
        "app01",
        "Linux",
        "Mon Nov 23 15:52:19 UTC 2026 ERROR no",
    ],
)
def test_other_lines_are_no_facts(line: str) -> None:
    assert not host_facts.sniff([line])


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("session.txt", "$ uname -n\nweb1\n"),
        ("session.txt", "[root@app01 ~]# hostname\nweb1\n\n"),
        ("session.txt", "$ /bin/hostname -f\nweb1\n"),
        ("uname.txt", "web1\n"),
        ("host/hostname", "web1\n"),
        ("uname-n.out", "web1."),
    ],
)
def test_a_bare_name_is_read_where_it_was_asked_for(file: str, text: str) -> None:
    (section,) = sections(Source(file, text.encode()))
    assert recognise(section) is host_facts
    (only,) = host_facts.parse(section).records
    assert isinstance(only, HostFact)
    assert only.host == "web1"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("session.txt", "web1\n"),
        ("uname.txt", "Linux\n"),
        ("uname.txt", "web1\nweb2\n"),
        ("hostname.txt", "no such file\n"),
        ("session.txt", "$ hostname -I\n10.0.0.5\n"),
        ("session.txt", "$ uname\nLinux\n"),
        ("session.txt", "$ ps\nweb1\n"),
    ],
)
def test_a_word_that_nobody_asked_for_is_no_host(file: str, text: str) -> None:
    (section,) = sections(Source(file, text.encode()))
    assert recognise(section) is None


def test_the_host_has_that_name() -> None:
    table = "tcp        0      0 10.0.0.5:8080           10.0.0.9:60494          ESTABLISHED\n"
    assert evidence_of({"hostname.txt": "web1\n", "netstat.txt": table}).incident.hosts == ("web1",)


def test_a_time_without_a_zone_only_where_date_was_asked_for() -> None:
    line = "2026-11-23 15:52:19"
    for name, text in (("x", f"$ date '+%F %T'\n{line}\n"), ("date.txt", f"{line}\n"), ("web-01/date", f"{line}\n")):
        (output,) = outputs(Source(name, text.encode()))
        (only,) = output.parsed.records
        assert isinstance(only, HostFact)
        assert (only.time, only.zone) == ("2026-11-23T15:52:19", None)
    assert recognise(Section("x", 1, [line])) is None  # a thread dump begins so, too
    assert recognise(Section("update.txt", 1, [line])) is None
    assert recognise(Section("date.txt", 1, [f"{line} ERROR"])) is None
    assert recognise(Section("date.txt", 1, [line, line])) is None


def test_the_load_as_the_kernel_lists_it() -> None:
    assert fact("0.42 0.30 0.25 1/234 5151").load == (0.42, 0.30, 0.25)
    for line in ("0.42 0.30 0.25", "0.42 0.30 0.25 1/234", "1.2.3.4 0.30 0.25 1/234 5151"):
        assert not host_facts.sniff([line])

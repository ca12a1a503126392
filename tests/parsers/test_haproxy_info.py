"""HAProxy's own state: how many connections the whole process has, and may have."""

from __future__ import annotations

from parsers import FORMATS
from parsers.records import ProxyLoad
from parsers.sessions import haproxy_info
from parsers.text.source import Section
from tests.builders import diagnosis_of
from tests.parsers.test_properties import check

STATE = (
    "Name: HAProxy\nVersion: 2.8.1-1\nRelease_date: 2026/01/02\nNbthread: 4\nPid: 812\nUptime: 3d 0h01m06s\nUlimit-n: 4099\nMaxconn: 2000\n"
    "Hard_maxconn: 2000\nCurrConns: {current}\nRun_queue: 0\nIdle_pct: 98\nnode: edge\nUnstoppable Jobs: 0\nBuild info: 2.8.1-1\n"
)


def said(text: str) -> str:
    verdict = diagnosis_of({"info.txt": text}).verdict
    return f"{verdict.headline} {verdict.summary}"


def test_the_connections_of_the_process() -> None:
    (load,) = check(haproxy_info, Section("x", 1, STATE.format(current=96).splitlines())).records
    assert isinstance(load, ProxyLoad)
    assert (load.current, load.limit, load.where.first) == (96, 2000, 10)
    assert [form.NAME for form in FORMATS if form.sniff(STATE.splitlines())] == [haproxy_info.NAME]


def test_all_places_taken_is_told_and_so_is_room() -> None:
    assert "HAProxy has all of its 2,000 sessions in use" in said(STATE.format(current=2000))
    assert "HAProxy as a whole has 96 connections of the 2,000 that it may have" in said(STATE.format(current=96))


def test_a_process_table_with_names_is_none() -> None:
    assert not haproxy_info.sniff(["Name:\thaproxy", "Umask:\t0022", "State:\tS (sleeping)"])


def test_a_state_without_numbers_says_nothing() -> None:
    assert not check(haproxy_info, Section("x", 1, ["Name: HAProxy", "Version: 2.8.1-1"])).records

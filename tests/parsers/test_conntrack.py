"""Tracked connections: counted by where they lead, their state, and whether an answer passed by."""

from __future__ import annotations

from parsers import FORMATS, recognise
from parsers.records import Elision, FarCount, Fate
from parsers.sockets import conntrack
from parsers.text.source import Section
from tests.builders import diagnosis_of
from tests.parsers.test_properties import check

TABLE = """\
tcp      6 117 SYN_SENT src=10.7.0.4 dst=10.7.9.20 sport=40112 dport=6379 [UNREPLIED] src=10.7.9.20 dst=10.7.0.4 sport=6379 dport=40112 mark=0 use=1
tcp      6 88 SYN_SENT src=10.7.0.4 dst=10.7.9.20 sport=40118 dport=6379 [UNREPLIED] src=10.7.9.20 dst=10.7.0.4 sport=6379 dport=40118 mark=0 use=1
tcp      6 431999 ESTABLISHED src=10.7.0.5 dst=10.7.9.20 sport=51300 dport=6379 src=10.7.9.20 dst=10.7.0.5 sport=6379 dport=51300 [ASSURED] mark=0 use=1
udp      17 21 src=10.7.0.4 dst=10.96.0.10 sport=40400 dport=53 [UNREPLIED] src=10.244.1.5 dst=10.7.0.4 sport=53 dport=40400 mark=0 use=1
icmp     1 29 src=10.7.0.4 dst=10.7.9.20 type=8 code=0 id=7 src=10.7.9.20 dst=10.7.0.4 type=0 code=0 id=7 mark=0 use=1
conntrack v1.4.6 (conntrack-tools): 5 flow entries have been shown.
"""
OF_PROC = (
    "ipv4     2 tcp      6 51 TIME_WAIT src=10.7.0.4 dst=10.7.9.9 sport=1 dport=80 src=10.7.9.9 dst=10.7.0.4 sport=80 dport=1 [ASSURED] mark=0 zone=0 use=2\n"
    "ipv6     10 tcp      6 9 CLOSE_WAIT src=fd00::4 dst=fd00::9 sport=2 dport=8443 src=fd00::9 dst=fd00::4 sport=8443 dport=2 [ASSURED] mark=0 use=2\n"
)


def section(text: str) -> Section:
    return Section("x", 1, text.splitlines())


def counts(text: str) -> list[FarCount]:
    return [one for one in check(conntrack, section(text)).records if isinstance(one, FarCount)]


def test_rows_are_counted_by_destination_state_and_answer() -> None:
    sent, open_one, asked = counts(TABLE)
    assert (str(sent.remote), sent.count, sent.state, sent.fate, sent.onward) == ("10.7.9.20:6379", 2, "SYN_SENT", Fate.SILENT, None)
    assert (open_one.count, open_one.state, open_one.fate) == (1, "ESTABLISHED", Fate.LISTED)
    assert (asked.proto, str(asked.remote), str(asked.onward)) == ("udp", "10.96.0.10:53", "10.244.1.5:53")


def test_the_table_of_proc_is_the_same() -> None:
    first, second = counts(OF_PROC)
    assert (str(first.remote), first.state) == ("10.7.9.9:80", "TIME_WAIT")
    assert (str(second.remote), second.state) == ("[fd00::9]:8443", "CLOSE_WAIT")


def test_nobody_else_claims_it_and_every_line_is_counted() -> None:
    for text in (TABLE, OF_PROC):
        assert recognise(section(text)) is conntrack
        assert [form.NAME for form in FORMATS if form.sniff(text.splitlines())] == [conntrack.NAME]
    parsed = check(conntrack, section(f"{TABLE}...\nwhat is this?\n"))
    assert (parsed.read, sum(gap.lines for gap in parsed.unread)) == (7, 1)
    assert any(isinstance(one, Elision) for one in parsed.records)


def test_a_row_of_netstat_is_none() -> None:
    assert not conntrack.sniff(["tcp        0      0 10.7.0.4:40112          10.7.9.20:6379          ESTABLISHED 77/java"])


def test_what_was_not_answered_is_told_beside_what_was() -> None:
    verdict = diagnosis_of({"flows.txt": f"Our cache hangs, on the gateway I see:\n\n{TABLE}"}).verdict
    text = f"{verdict.headline} {verdict.summary}"
    assert (
        "of 2 connections (tcp) to 10.7.9.20:6379 no packet came back to the host that tracks them, while others to the same place were answered"
        in text
    )
    assert "f 1 connection (udp) to 10.96.0.10:53, sent on to 10.244.1.5:53, no packet came back" in text
    assert "2 SYN_SENT unreplied" in text


def test_a_quiet_table_is_told_by_its_states_alone() -> None:
    verdict = diagnosis_of({"flows.txt": OF_PROC}).verdict
    assert "the host tracks 2 connections: 1 TIME_WAIT, 1 CLOSE_WAIT" in verdict.headline

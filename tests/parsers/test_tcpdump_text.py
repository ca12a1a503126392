"""Packets as text: what became of connections, and what a filter may only have hidden."""

from __future__ import annotations

import pytest

from parsers import FORMATS, recognise
from parsers.records import FarCount, Fate
from parsers.sockets import tcpdump_text
from parsers.text.source import Section
from tests.builders import diagnosis_of
from tests.parsers.test_properties import check


def packet(at: str, source: str, target: str, flags: str, rest: str) -> str:
    return f"09:12:{at} IP {source} > {target}: Flags [{flags}], {rest}\n"


ME, YOU = "10.4.0.7.51820", "10.4.0.9.9092"
OPTIONS = "win 64240, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0"
SYN = packet("44.1", ME, YOU, "S", f"seq 177120, {OPTIONS}")
AGAIN = packet("45.1", ME, YOU, "S", f"seq 177120, {OPTIONS}")
ANSWER = packet("44.2", YOU, ME, "S.", f"seq 9, ack 177121, {OPTIONS}")
RESET = packet("44.2", YOU, ME, "R.", "seq 0, ack 177121, win 0, length 0")
DATA = packet("44.3", ME, YOU, "P.", "seq 1:101, ack 1, win 502, length 100")
ACK = packet("44.4", YOU, ME, ".", "ack 101, win 502, length 0")


def fates(text: str) -> list[tuple[str, Fate, int, int]]:
    parsed = check(tcpdump_text, Section("x", 1, text.splitlines()))
    return [(str(one.remote), one.fate, one.count, one.packets) for one in parsed.records if isinstance(one, FarCount)]


@pytest.mark.parametrize(
    ("text", "fate", "packets"),
    [
        (SYN + AGAIN, Fate.UNANSWERED, 2),
        (SYN, Fate.SILENT, 1),
        (SYN + RESET, Fate.REFUSED, 1),
        (SYN + ANSWER + DATA + packet("50.0", YOU, ME, "R", "seq 10, win 0, length 0"), Fate.RESET_BY_SERVER, 0),
        (SYN + ANSWER + packet("50.0", ME, YOU, "R.", "seq 1, ack 1, win 0, length 0"), Fate.RESET_BY_CLIENT, 0),
        (SYN + ANSWER + DATA + DATA + DATA, Fate.AGAIN, 2),
        (DATA + packet("50.0", YOU, ME, "R", "seq 10, win 0, length 0"), Fate.RESET_BY_SERVER, 0),
    ],
)
def test_what_became_of_a_connection(text: str, fate: Fate, packets: int) -> None:
    assert fates(text) == [("10.4.0.9:9092", fate, 1, packets)]


@pytest.mark.parametrize("text", [SYN + ANSWER + DATA + ACK, SYN + ANSWER, SYN + AGAIN + ANSWER, ACK + ACK])
def test_what_goes_well_is_no_record(text: str) -> None:
    assert fates(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "2026-02-03 09:12:44.120511 IP 10.4.0.7.51820 > 10.4.0.9.9092: Flags [S], seq 177120, win 64240, length 0",
        "1769000000.120511 eth0  Out IP 10.4.0.7.51820 > 10.4.0.9.9092: Flags [S], seq 177120, win 64240, length 0",
        "09:12:44.120511 02:42:0a:04:00:07 > 02:42:0a:04:00:09, ethertype IPv4 (0x0800), length 74: 10.4.0.7.51820 > 10.4.0.9.9092: Flags [S], seq 177120, win 64240, length 0",
        "09:12:44.120511 IP (tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto TCP (6), length 60)\n    10.4.0.7.51820 > 10.4.0.9.9092: Flags [S], cksum 0x1448 (incorrect -> 0x1), seq 177120, win 64240, length 0",
        "09:12:44.120511 IP 10.4.0.7.51820 > 10.4.0.9.9092: S 177120:177120(0) win 5840 <mss 1460,sackOK>",
    ],
)  # fmt: skip
def test_the_ways_to_print_it_are_one(line: str) -> None:
    assert fates(f"{line}\n{line}\n") == [("10.4.0.9:9092", Fate.UNANSWERED, 1, 2)]
    assert recognise(Section("x", 1, line.splitlines())) is tcpdump_text


def test_addresses_of_ipv6_and_names_have_their_port_behind_the_last_dot() -> None:
    text = "09:12:44.1 IP6 fd00::7.5000 > fd00::9.9092: Flags [S], seq 1, win 1, length 0\n" * 2
    assert fates(text) == [("[fd00::9]:9092", Fate.UNANSWERED, 1, 2)]
    named = "09:12:44.1 IP app-1.lan.5000 > store.lan.postgresql: Flags [S], seq 1, win 1, length 0\n" * 2
    assert fates(named)[0][0] == "store.lan:5432"


def test_what_tcpdump_says_around_its_packets_is_read_and_prose_is_not() -> None:
    text = (
        "tcpdump: verbose output suppressed, use -v for full protocol decode\nlistening on ens3, link-type EN10MB (Ethernet), snapshot length 262144 bytes\n"
        f"{SYN}{AGAIN}09:13:00.0 ARP, Request who-has 10.4.0.9 tell 10.4.0.7, length 28\n09:13:00.1 IP 10.4.0.7.400 > 10.4.0.1.53: 77+ A? broker.lan. (28)\n"
        "^C\n2 packets captured\n0 packets dropped by kernel\nwhat now?\n"
    )
    parsed = check(tcpdump_text, Section("x", 1, text.splitlines()))
    assert (parsed.read, sum(gap.lines for gap in parsed.unread)) == (9, 1)
    assert [form.NAME for form in FORMATS if form.sniff(text.splitlines())] == [tcpdump_text.NAME]


def said(text: str) -> str:
    verdict = diagnosis_of({"post.txt": text}).verdict
    return f"{verdict.headline} {verdict.summary}"


def test_connections_that_fared_alike_are_told_together() -> None:
    refused = "".join(SYN.replace("51820", f"5182{n}") + RESET.replace("51820", f"5182{n}") for n in range(3))
    assert "3 connections to 10.4.0.9:9092 refused at once, with a reset" in said(f"I sniffed:\n\n{refused}")


def test_a_syn_alone_is_told_with_its_doubt_and_one_that_is_repeated_without() -> None:
    assert "of 1 connection to 10.4.0.9:9092 only the SYN is here, and no answer: a filter of the capture may hide it" in said(SYN)
    assert "1 connection to 10.4.0.9:9092 without an answer to the SYN, which was sent again (2 SYNs in all)" in said(SYN + AGAIN)

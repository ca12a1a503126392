"""Picked threads stand for many: what a command counted, or the text beside them says, is joined with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders import diagnosis_of, found, thread

if TYPE_CHECKING:
    from analyzer.model.finding import Finding

READS = (
    "java.net.SocketInputStream.socketRead0",
    "sun.net.www.http.HttpClient.parseHTTPHeader",
    "sun.net.www.protocol.http.HttpURLConnection.getInputStream",
    "nl.mill.Rates.ask",
)
STACK = thread("saw-7", "RUNNABLE", *READS)
LOCKED = thread(
    "saw-7",
    "BLOCKED (on object monitor)",
    "nl.mill.Desk.open",
    "- waiting to lock <0x00000000f0000010> (a nl.mill.Drawer)",
    "nl.mill.Desk.run",
)
OWNER = thread("saw-1", "RUNNABLE", *READS[:1], "nl.mill.Desk.count", "- locked <0x00000000f0000010> (a nl.mill.Drawer)")


def calls(text: str) -> Finding:
    (finding,) = found(diagnosis_of({"post.md": text}), "slow-backend")
    return finding


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("", "$ grep -c 'HttpClient.parseHTTPHeader' td.txt\n120\n", "(1 pasted, 120 counted)"),
        ("", "$ grep parseHTTPHeader td.txt | wc -l\n120\n", "(1 pasted, 120 counted)"),
        ("On this node I have 100 x\n", "", "(1 pasted, 100 as the text says)"),
        ("and ~390 x\n", "", "(1 pasted, 390 as the text says)"),
        ("", "(45 more like this)\n", "(1 pasted, 46 as the text says)"),
        ("", "[... 45 more threads like this]\n", "(1 pasted, 46 as the text says)"),
        ("", "(the other 187 are identical down to Rates.ask line 54)\n", "(1 pasted, 188 as the text says)"),
        ("", "and another 15 of these\n", "(1 pasted, 16 as the text says)"),
        ("", "(many more like this, saw-1 to saw-64)\n", "(1 pasted, 64 as the text says)"),
        ("The dump has 5 threads of this kind:\n", "", "(1 pasted, 5 as the text says)"),
    ],
)
def test_a_number_beside_a_stack_counts_it(before: str, after: str, words: str) -> None:
    assert words in calls(f"It hangs.\n\n{before}\n{STACK}\n\n{after}\nWhy?\n").headline


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "$ grep -c 'http-nio' td.txt\n120\n"),
        ("", "$ grep -c 'nl.mill.Other' td.txt\n120\n"),
        ("", "$ grep -v 'parseHTTPHeader' td.txt | grep -c RUNNABLE\n120\n"),
        ("We have 100 users\n", ""),
        ("It took 45 minutes more than this time\n", ""),
        ("Java 8, 4 x Xeon, since May 2 to 14 all is slow\n", ""),
    ],
)
def test_another_number_does_not(before: str, after: str) -> None:
    assert "(1 pasted)" in calls(f"It hangs.\n\n{before}\n{STACK}\n\n{after}\nWhy?\n").headline


def test_lines_that_wait_for_a_lock_are_counted_by_its_address() -> None:
    post = f'It hangs.\n\n{LOCKED}\n{OWNER}\n\napp1:~ # grep -c "waiting to lock <0x00000000f0000010>" td.txt\n46\n'
    (finding,) = found(diagnosis_of({"post.md": post}), "lock-convoy")
    assert "(1 pasted, 46 counted)" in finding.headline
    assert any(evidence.says == "46 counted stand so" for evidence in finding.evidence)
    other = post.replace('<0x00000000f0000010>" td', '<0x00000000f0000099>" td')
    assert "(1 pasted)" in found(diagnosis_of({"post.md": other}), "lock-convoy")[0].headline


SOCKETS = "$ netstat -tnp | awk '{{print $5,$6}}' | sort | uniq -c\n     {calls} 172.31.9.40:8080 ESTABLISHED\n     {others} 10.8.0.12:3306 ESTABLISHED\n"


def test_as_many_connections_name_the_service() -> None:
    post = f"It hangs.\n\n{STACK}\n\n(63 more like this)\n\n{SOCKETS.format(calls=64, others=23)}"
    finding = calls(post)
    assert "by the numbers 172.31.9.40:8080, does not answer" in finding.headline
    assert finding.culprit.remote == "172.31.9.40:8080"
    assert "64 connections to 172.31.9.40:8080 were counted" in finding.explanation


def test_other_numbers_name_none() -> None:
    finding = calls(f"It hangs.\n\n{STACK}\n\n(63 more like this)\n\n{SOCKETS.format(calls=12, others=23)}")
    assert finding.culprit.remote is None

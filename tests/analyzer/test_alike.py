"""One stack pasted for many: words beside it, or a command that counted its lines, say how many threads are alike."""

from __future__ import annotations

import time

import pytest

from analyzer.model.finding import Confidence, Diagnosis
from parsers.text.source import Section
from parsers.text.told_threads import told_of
from tests.builders import diagnosis_of

WRITES = """"pool-1-thread-9" #29 prio=5 os_prio=0 tid=0x00007f10d0a1f800 nid=0x2530 runnable [0x00007f10b00fe000]
   java.lang.Thread.State: RUNNABLE
	at java.io.FileOutputStream.writeBytes(Native Method)
	at java.io.FileOutputStream.write(FileOutputStream.java:326)
	at ch.qos.logback.core.OutputStreamAppender.writeBytes(OutputStreamAppender.java:199)
	- locked <0x00000006c1f3a0b8> (a java.util.concurrent.locks.ReentrantLock)
	at ch.qos.logback.classic.Logger.info(Logger.java:579)
	at shop.Basket.total(Basket.java:31)
"""
WAITS = """"pool-1-thread-{number}" #{number} prio=5 os_prio=0 tid=0x00007f10d0a1f{number}00 nid=0x25{number} waiting for monitor entry [0x00007f10b00fe000]
   java.lang.Thread.State: BLOCKED (on object monitor)
	at ch.qos.logback.core.OutputStreamAppender.writeBytes(OutputStreamAppender.java:197)
	- waiting to lock <0x00000006c1f3a0b8> (a java.util.concurrent.locks.ReentrantLock)
	at ch.qos.logback.classic.Logger.info(Logger.java:579)
	at shop.Basket.add(Basket.java:44)
"""
CALLS = """"crawl-{number}" #{number} prio=5 os_prio=0 tid=0x00007f10d0a1f{number}00 nid=0x25{number} runnable [0x00007f10b00fe000]
   java.lang.Thread.State: RUNNABLE
	at java.net.SocketInputStream.socketRead0(Native Method)
	at java.net.SocketInputStream.read(SocketInputStream.java:171)
	at sun.net.www.http.HttpClient.parseHTTP(HttpClient.java:735)
	at shop.Feed.load(Feed.java:19)
"""


def diagnosed(text: str) -> Diagnosis:
    return diagnosis_of({"report.md": text})


def test_the_lines_that_grep_counted_are_threads_like_the_pasted_one() -> None:
    counted = '$ grep -c "waiting to lock <0x00000006c1f3a0b8>" stacks.txt\n147\n'
    verdict = diagnosed(f"It stands still.\n\n{WAITS.format(number=12)}\n{WRITES}\n{counted}").verdict
    assert (verdict.rule, verdict.confidence) == ("logging-stall", Confidence.LIKELY)
    assert verdict.headline.startswith("Threads like “pool-1-thread-12” (1 pasted, 147 counted) wait to write a log line")


@pytest.mark.parametrize(
    "command",
    [
        'grep -vc "waiting to lock <0x00000006c1f3a0b8>" stacks.txt',
        'grep -c "shop.Basket" stacks.txt',
        'grep "waiting to lock" stacks.txt | sort -u | wc -l',
        'grep -c "no such thing" stacks.txt',
    ],
)
def test_a_number_of_other_lines_counts_no_threads(command: str) -> None:
    verdict = diagnosed(f"It stands still.\n\n{WAITS.format(number=12)}\n{WRITES}\n$ {command}\n147\n").verdict
    assert (verdict.rule, verdict.confidence) == ("logging-stall", Confidence.SUSPECTED)
    assert "147 counted" not in verdict.headline


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("63 threads as above.", 63),
        ("62 more like crawl-17, the rest is idle", 63),
        ("... (all 63 crawl threads, and the timer)", 63),
        ("[... 62 more threads in the same state ...]", 63),
    ],
)
def test_words_beside_a_stack_count_threads_and_prove_nothing(words: str, number: int) -> None:
    verdict = diagnosed(f"Nothing moves since noon.\n\n{CALLS.format(number=17)}\n{words}\n").verdict
    assert (verdict.rule, verdict.confidence) == ("slow-backend", Confidence.SUSPECTED)
    assert verdict.headline.startswith(f"Threads like “crawl-17” (1 pasted, {number} as the text says) wait for an answer")


def test_words_above_a_stack_are_about_what_follows() -> None:
    verdict = diagnosed(f"Since noon we have 63 threads like this:\n\n{CALLS.format(number=17)}").verdict
    assert verdict.headline.startswith("Threads like “crawl-17” (1 pasted, 63 as the text says)")


def test_a_row_of_names_is_a_number() -> None:
    other = (
        CALLS.format(number=16).split("\tat java.net.SocketInputStream.read(")[0] + "\t(same as crawl-17, all the way down to crawl-10)\n"
    )
    diagnosis = diagnosed(f"Nothing moves.\n\n{CALLS.format(number=17)}\n{other}")
    assert diagnosis.verdict.headline.startswith("Threads like “crawl-17”, “crawl-16” (2 pasted, 8 as the text says)")


def test_a_thread_whose_stack_is_the_same_has_that_stack() -> None:
    bare = '"crawl-{number}" #{number} prio=5 os_prio=0 tid=0x00007f10d0a1f{number}00 nid=0x25{number} runnable [0x00007f10b00fe000]\n   java.lang.Thread.State: RUNNABLE\n\t(same)\n'
    text = "\n".join([CALLS.format(number=17), *(bare.format(number=number) for number in (18, 19, 20))])
    (pool,) = diagnosed(f"Nothing moves.\n\n{text}").pools
    assert (pool.size, pool.doing) == (4, {"socket-read": 4})


@pytest.mark.parametrize(
    "words",
    [
        "These 63 threads are not like the others.",
        "we have 3 servers like that",
        "\t... 31 more",
        "it takes 5 minutes like always",
        "If 63 threads were in the same state it would stop.",
        "100 requests per second with 20 threads",
    ],
)
def test_other_sentences_count_no_threads(words: str) -> None:
    assert told_of(Section("report.md", 1, [words]), 0, words) is None


def test_what_is_told_of_a_piece_is_not_told_of_who_is_missing() -> None:
    waits = """#{number} "reader-{number}" virtual
      java.base/java.lang.VirtualThread.park(VirtualThread.java:582)
      com.zaxxer.hikari.util.ConcurrentBag.borrow(ConcurrentBag.java:151)
      com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:162)
      shop.Stock.read(Stock.java:20)
"""
    text = "\n".join(waits.format(number=number) for number in range(61, 65))
    verdict = diagnosed(f"Four of some hundred.\n\n{text}").verdict
    assert verdict.rule == "jdbc-pool-exhausted"
    assert "no thread uses one" not in verdict.headline
    assert "who has them is not among the threads that are here" in verdict.headline


def test_long_lines_take_no_time() -> None:
    started = time.perf_counter()
    for text in ("9 " * 200 + "like", "all " * 100 + "63 a b", "same " * 80, "1 a " * 100 + "same"):
        told_of(Section("report.md", 1, [text]), 0, text)
    assert time.perf_counter() - started < 1

"""Short lines that count threads beside a stack: what they mean, and what only looks like them."""

from __future__ import annotations

import pytest

from tests.builders import diagnosis_of

STACK = """"desk-8" daemon prio=10 tid=0x00007f2a1c0f1000 nid=0xa41 runnable
   java.lang.Thread.State: RUNNABLE
        at java.net.SocketInputStream.socketRead0(Native Method)
        at java.net.SocketInputStream.read(SocketInputStream.java:152)
        at oracle.net.ns.Packet.receive(Packet.java:317)
        at oracle.jdbc.driver.T4CPreparedStatement.executeForRows(T4CPreparedStatement.java:1046)
        at net.umbra.Dao.find(Dao.java:291)
"""


def said(words: str) -> str:
    verdict = diagnosis_of({"report.md": f"Our desk hangs.\n\n{STACK}\n{words}\n"}).verdict
    return f"{verdict.headline} {verdict.summary}"


@pytest.mark.parametrize(
    "words",
    [
        "(37 stuck in total)",
        "there are 37 of these",
        "[37 identical stacks removed]",
        "37 instances of this",
        "This repeats for 37 threads",
        "~37 of those",
        "37 threads at Dao.find",
        "37 threads total in socketRead0",
        "37 out of 40 workers look exactly like this",
        "37 threads are in this state",
        "+37 more",
        "(same stack trace for the remaining 37 threads)",
    ],
)
def test_a_line_of_few_words_counts(words: str) -> None:
    assert "37 as the text says" in said(words) or "38 as the text says" in said(words)


@pytest.mark.parametrize(
    "words",
    [
        "37 hours later it was the same",
        "We have 37 servers like this",
        "none of the 37 threads is like this",
        "37 threads should be in this state",
        "only 37 of these requests per hour",
        "This happened 37 times",
        "line 37 is the same",
        "worker 37 is the same",
        "37 connections like this one in netstat",
        "no more than 37 of these at a time",
        "37 of these were gone after a minute",
        "37% of these",
        "37 idle threads",
        "37 threads at Till.sell",
        "there are 37 in the pool",
        "the pool has 37 threads, all of them waiting",
        "all 37 waiting",
        "the following 37 are so",
        "It is 37 at least.",
        "I see this 37 times",
        "37 processes here",
        "37 tasks left",
        "37 more omitted",
        "[37 others trimmed]",
        "[... 37 more threads cut ...]",
        "37 other handlers in the pool",
        "37 other threads wait for work",
        "The other 37 are idle like this one was.",
    ],
)
def test_a_line_with_other_words_says_something_else(words: str) -> None:
    assert "as the text says" not in said(words)


def test_a_line_that_names_one_of_the_stacks_counts_those_like_it() -> None:
    """Python before 3.11 has no classes in its names, so that the pool is known by its module."""
    text = """Thread 41 (idle): "desk-1"
    wait (threading.py:316)
    get (sqlalchemy/util/queue.py:163)
    _do_get (sqlalchemy/pool/impl.py:138)
    list_items (shop/views.py:60)
Thread 42 (idle): "desk-2"
    wait (threading.py:316)
    get (sqlalchemy/util/queue.py:163)
    _do_get (sqlalchemy/pool/impl.py:138)
    list_items (shop/views.py:60)
Thread 55 (idle): "desk-3"
    read (ssl.py:1100)
    readinto (socket.py:704)
    begin (http/client.py:318)
    push (shop/notify.py:31)
[6 more like 41]
"""
    verdict = diagnosis_of({"report.md": text}).verdict
    assert verdict.rule == "jdbc-pool-exhausted"
    assert "7 as the text says) wait for an answer" not in f"{verdict.headline} {verdict.summary}"

"""As many threads in one call as the pool has connections: most likely these have them."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding
from tests.builders import diagnosis_of, found

LIMIT = "sqlalchemy.exc.TimeoutError: QueuePool limit of size {size} overflow 0 reached, connection timed out, timeout 45.00\n"
CALLS = """Thread {number} (idle): "pump-{number}"
    recv_into (socket.py:705)
    readinto (socket.py:705)
    _read_status (http/client.py:279)
    getresponse (http/client.py:1374)
    request (requests/sessions.py:589)
    quote (mill/rates.py:{line})
    order (mill/views.py:90)
"""
WAITS = """Thread {number} (idle): "pump-{number}"
    wait (threading.py:320)
    get (sqlalchemy/util/queue.py:180)
    _do_get (sqlalchemy/pool/impl.py:166)
    connect (sqlalchemy/pool/base.py:449)
    listing (mill/views.py:31)
"""


def pool(size: int, calls: str, limit: str = LIMIT) -> Finding:
    text = f"{limit.format(size=size)}\n\npy-spy:\n\n```\nProcess 71: /usr/bin/python3 mill.py\nPython v3.11.2 (/usr/bin/python3.11)\n\n{calls}{WAITS.format(number=90)}```\n"
    (finding,) = found(diagnosis_of({"post.md": text}), "jdbc-pool-exhausted")
    return finding


def calls(*numbers: int, line: int = 12) -> str:
    return "".join(CALLS.format(number=number, line=line) for number in numbers)


def test_as_many_in_one_call_most_likely_have_them() -> None:
    finding = pool(4, calls(81, 82, 83, 84))
    assert "just 4 threads wait for an answer" in finding.headline
    assert "called from mill.rates.quote(mill/rates.py:12), and the pool has 4 connections: most likely" in finding.headline
    assert "not among the threads" not in f"{finding.headline} {finding.explanation}"
    assert finding.confidence is Confidence.SUSPECTED
    assert not any("Restart" in action.text for action in finding.actions)


def test_those_that_the_text_counts_are_counted() -> None:
    assert "just 5 threads" in pool(5, f"{calls(81, 82)}(3 more of these: 83, 84, 85)\n").headline


@pytest.mark.parametrize(
    ("size", "stacks"),
    [(5, calls(81, 82, 83, 84)), (2, calls(81, 82)), (3, calls(81, 82, 83) + calls(84, 85, 86, line=40))],
    ids=["other numbers", "two are an accident", "two such groups"],
)
def test_no_equal_numbers(size: int, stacks: str) -> None:
    assert "most likely these have them" not in pool(size, stacks).headline


def test_a_pool_that_ended_a_wait_has_a_timeout() -> None:
    assert "without a timeout" not in pool(5, calls(81)).headline
    assert "without a timeout" in pool(5, calls(81), limit="It hangs.\n").headline

"""Dumps of Python's faulthandler, and the processes of which words above them say they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parsers import outputs
from parsers.records import ThreadDump
from parsers.text.source import Source
from tests.builders import diagnosis_of, found

if TYPE_CHECKING:
    from analyzer.model.finding import Finding

CHILD = """Current thread 0x00007f4410aa2740 (most recent call first):
  File "/usr/lib/python3.7/logging/__init__.py", line 812 in acquire
  File "/usr/lib/python3.7/logging/__init__.py", line 861 in handle
  File "/usr/lib/python3.7/logging/__init__.py", line 1382 in info
  File "/srv/mill/grind.py", line 31 in grind
  File "/usr/lib/python3.7/multiprocessing/pool.py", line 121 in worker
  File "/usr/lib/python3.7/multiprocessing/popen_fork.py", line 74 in _launch
  File "/usr/lib/python3.7/multiprocessing/popen_fork.py", line 20 in __init__
"""
PARENT = """Thread 0x00007f440e112700 (most recent call first):
  File "/usr/lib/python3.7/logging/__init__.py", line 1028 in emit
  File "/usr/lib/python3.7/logging/__init__.py", line 863 in handle
  File "/srv/mill/meter.py", line 9 in count

Current thread 0x00007f4410aa2740 (most recent call first):
  File "/usr/lib/python3.7/selectors.py", line 415 in select
  File "/srv/mill/main.py", line 88 in run
"""


def text(first: str = "A child that hangs (pid 512):", second: str = "And the parent, process 9:") -> str:
    return f"It hangs.\n\n{first}\n\n```\n{CHILD}```\n\n{second}\n\n```\n{PARENT}```\n"


def pids(words: str) -> list[int | None]:
    return [dump.pid for one in outputs(Source("post.md", words.encode())) for dump in one.parsed.of(ThreadDump)]


def forked(words: str) -> list[Finding]:
    return [one for one in found(diagnosis_of({"post.md": words}), "lock-convoy") if "nobody in this process" in one.headline]


def test_the_child_waits_for_a_lock_that_was_held_at_the_fork() -> None:
    (finding,) = forked(text())
    assert "the only thread of process 512" in finding.headline
    assert "of process 9 stands in the same code" in finding.explanation


def test_a_signal_that_was_sent_names_the_process_too() -> None:
    assert pids(f"```\n$ kill -USR1 512\n{CHILD}\n$ kill -ABRT 9\n{PARENT}```\n") == [512, 9]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("The dump:", "And the other one:", [None, None]),
        ("We saw error 512 on port 9.", "It took 88 processes.", [None, None]),
        ("The child, pid 512, of parent process 9:", "And its parent is process 9:", [512, 9]),
        ("It is not process 512.", "The parent, pid: 9", [None, 9]),
        ("First of pid 512:", "A minute later, pid 512:", [512, 512]),
    ],
)
def test_words_that_name_none(first: str, second: str, expected: list[int | None]) -> None:
    assert pids(text(first, second)) == expected


def test_two_moments_of_one_process_stay_two_moments() -> None:
    assert not forked(text("First of pid 512:", "A minute later, pid 512:"))

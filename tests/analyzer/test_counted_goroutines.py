"""Goroutines that hang at a channel: a command counted them by state, and somebody pasted one or two."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis
from tests.builders import diagnosis_of, found

ROWS = "$ grep '^goroutine ' all.txt | sed 's/.*\\[\\([a-zA-Z ]*\\).*/\\1/' | sort | uniq -c | sort -rn\n"


def goroutine(number: int, state: str, function: str = "nl.example/mill/grain.(*Mill).Grind.func2", line: int = 71) -> str:
    return f"goroutine {number} [{state}]:\n{function}(0xc000)\n\t/src/mill/grain.go:{line} +0x9d\ncreated by nl.example/mill/grain.(*Mill).Grind\n\t/src/mill/grain.go:64 +0x1a5\n\n"


def diagnosed(counts: str, *stacks: str) -> Diagnosis:
    return diagnosis_of({"post.md": f"Memory grows:\n\n{counts}\n\nSome of them:\n\n{''.join(stacks)}...\n"})


def test_a_send_that_nobody_takes_for_hours() -> None:
    told = diagnosed(
        f"{ROWS}  8204 chan send\n    31 IO wait\n    12 select\n",
        goroutine(81, "chan send, 300 minutes"),
        goroutine(90, "chan send, 296 minutes"),
    )
    (finding,) = found(told, "thread-leak")
    assert finding.headline.startswith(
        "8,204 goroutines of 8,247 wait to hand over a value on a channel, as “goroutine 81” and “goroutine 90” do in nl.example/mill/grain"
    )
    assert "for 300 minutes: nobody takes it any more" in finding.headline
    assert finding.confidence is Confidence.LIKELY


@pytest.mark.parametrize("command", ["grep -c 'chan send' all.txt", "grep -c '\\[chan send' all.txt", "grep 'chan send' all.txt | wc -l"])
def test_a_number_of_one_command(command: str) -> None:
    told = diagnosed(f"$ {command}\n8204\n$ grep -c '^goroutine ' all.txt\n9102\n", goroutine(81, "chan send, 300 minutes"))
    (finding,) = found(told, "thread-leak")
    assert finding.headline.startswith("8,204 goroutines of 9,102 wait")


@pytest.mark.parametrize(
    ("state", "words"), [("chan receive", "wait for a value on a channel"), ("select", "hang at a select of channels")]
)
def test_who_receives_may_serve_a_subscriber(state: str, words: str) -> None:
    told = diagnosed(f"{ROWS}  8204 {state}\n    31 IO wait\n", goroutine(81, f"{state}, 300 minutes"))
    (finding,) = found(told, "thread-leak")
    assert words in finding.headline
    assert finding.confidence is Confidence.SUSPECTED
    assert "subscriber" in finding.explanation


@pytest.mark.parametrize(
    ("counts", "stacks"),
    [
        (f"{ROWS}  204 chan send\n    31 IO wait\n", (goroutine(81, "chan send, 300 minutes"),)),  # few
        (f"{ROWS}  8204 IO wait\n  1031 chan send\n", (goroutine(81, "chan send, 300 minutes"),)),  # beside something else
        (f"{ROWS}  8204 chan send\n    31 IO wait\n", (goroutine(81, "select, 300 minutes"),)),  # another state
        (f"{ROWS}  8204 chan send\n    31 IO wait\n", (goroutine(81, "chan send"), goroutine(82, "chan send", line=99))),  # two places
        (f"{ROWS}  9204 select\n  9200 IO wait\n", (goroutine(81, "select, 300 minutes"),)),  # one of each for every connection
        (f"{ROWS}  8204 chan send\n    31 IO wait\n", (goroutine(81, "chan send", "net/http.(*persistConn).writeLoop"),)),  # a library's
    ],
)  # fmt: skip
def test_what_no_count_proves(counts: str, stacks: tuple[str, ...]) -> None:
    assert not found(diagnosed(counts, *stacks), "thread-leak")


def test_a_short_wait_is_suspected() -> None:
    (finding,) = found(diagnosed(f"{ROWS}  8204 chan send\n    31 IO wait\n", goroutine(81, "chan send")), "thread-leak")
    assert finding.confidence is Confidence.SUSPECTED


def test_one_goroutine_without_a_count_is_told_by_what_it_does() -> None:
    sends = diagnosed("", goroutine(81, "chan send, 300 minutes")).verdict
    assert (
        "waits for 300 minutes to hand over a value on a channel in Grind.func2: whoever should take it has gone, or hangs itself"
        in sends.headline.replace("\n", " ") + sends.summary
    )
    takes = diagnosed("", goroutine(81, "chan receive, 300 minutes")).verdict
    assert "has gone" not in takes.headline + takes.summary
    fresh = diagnosed("", goroutine(81, "chan send")).verdict
    assert "has gone" not in fresh.headline + fresh.summary


def test_a_heap_that_has_waited_for_long_in_a_whole_dump() -> None:
    text = "".join(goroutine(at, "chan send, 40 minutes") for at in range(1, 1200))
    (finding,) = found(diagnosis_of({"goroutines.txt": text}), "thread-leak")
    assert finding.confidence is Confidence.LIKELY
    (other,) = found(diagnosis_of({"goroutines.txt": text.replace(", 40 minutes", "")}), "thread-leak")
    assert other.confidence is Confidence.SUSPECTED


def test_a_lock_that_as_many_wait_for_as_are_in_its_state() -> None:
    stack = "goroutine 7 [sync.Mutex.Lock, 5 minutes]:\nsync.(*Mutex).lockSlow(0xc0000b2010)\n\t/go/src/sync/mutex.go:171 +0x15d\nnl.example/mill/grain.(*Mill).Sack(0xc0000b2000)\n\t/src/mill/grain.go:31 +0x45\nnl.example/mill/grain.serve(0x1)\n\t/src/mill/grain.go:90 +0x45\n\n"
    told = diagnosed(f"{ROWS}  8204 sync.Mutex.Lock\n    31 IO wait\n", stack)
    assert "8,204 counted in this state" in told.verdict.headline + told.verdict.summary

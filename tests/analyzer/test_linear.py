"""The work grows with the evidence and not with its square: many processes, pools, names and locks are what a hostile or a large dump has.

Counted are lines of Python that run, not seconds: the same evidence takes the same lines on every machine.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders import PARK, SERVED, WORKER, diagnosis_of, dump, netstat, thread

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 150
MOST = 2.5
"""Lines for twice the evidence: twice as many, and some for tables that are sorted. A square has four times as many."""
FUTURE = (*PARK, "java.util.concurrent.FutureTask.get")


def processes(count: int) -> dict[str, str]:
    return {"netstat.txt": netstat(*(f"1 10.0.0.5:{2000 + n} 10.1.0.9:4000 CLOSE_WAIT {n + 300}/java" for n in range(count)))}


def request_pools(count: int, times: int = 1) -> dict[str, str]:
    threads = [thread(f"desk-{n}-thread-1", "WAITING (parking)", *FUTURE, "org.acme.Desk.ask", *SERVED, nid=n + 300) for n in range(count)]
    return {f"jstack-{time}.txt": dump(*threads, time=f"2026-01-02 03:0{time}:05") for time in range(times)}


def request_pools_twice(count: int) -> dict[str, str]:
    return request_pools(count, 2)


def task_pools(count: int) -> dict[str, str]:
    return {
        "jstack.txt": dump(
            *(
                thread(f"mill-{n}-thread-1", "WAITING (parking)", *FUTURE, f"org.acme.mill.Wheel{n}.turn", *WORKER, nid=n + 300)
                for n in range(count)
            )
        )
    }


def names(count: int) -> dict[str, str]:
    letters = "abcdefghij"
    words = ("".join(letters[int(digit)] for digit in str(n)) for n in range(count))
    return {"jstack.txt": dump(*(thread(f"runner{word}", "RUNNABLE", "org.acme.Loop.spin", native="runnable") for word in words))}


def chain(count: int, step: int = 1) -> dict[str, str]:
    """Each thread waits for the lock of the next one, and the last two for each other."""
    links = [(n, n + 1 if n + 1 < count else count - 2) for n in range(count)]
    threads = [
        thread(
            f"link-{n}",
            "BLOCKED (on object monitor)",
            "org.acme.Chain.pull",
            f"- waiting to lock <{0x7000 + wanted:#018x}> (a org.acme.Ring)",
            f"- locked <{0x7000 + n:#018x}> (a org.acme.Ring)",
            nid=n + 300,
        )
        for n, wanted in links[::step]
    ]
    return {"jstack.txt": dump(*threads)}


def chain_upwards(count: int) -> dict[str, str]:
    return chain(count, -1)


def lines_run(files: dict[str, str]) -> int:
    counted = 0

    def local(_: object, event: str, __: object) -> Any:
        nonlocal counted
        counted += event == "line"
        return local

    gc.collect()
    before = sys.gettrace()
    sys.settrace(local)
    try:
        diagnosis_of(files)
    finally:
        sys.settrace(before)
    return counted


@pytest.mark.slow
@pytest.mark.parametrize("shape", [processes, request_pools, request_pools_twice, task_pools, names, chain, chain_upwards])
def test_twice_the_evidence_is_twice_the_work(shape: Callable[[int], dict[str, str]]) -> None:
    diagnosis_of(shape(3))  # what is made once does not count
    once, twice = lines_run(shape(SIZE)), lines_run(shape(2 * SIZE))
    assert twice <= MOST * once, f"{once:,} lines, then {twice:,}"


def test_who_waits_behind_a_deadlock_is_found_over_a_long_chain() -> None:
    for files in (chain(40), chain_upwards(40)):
        finding = next(one for one in diagnosis_of(files).findings if one.rule == "java-deadlock")
        assert {"“link-38”", "“link-39”"} <= {step.actor for step in finding.chain}
        assert "38" in finding.headline + finding.explanation, "the other threads are counted"

"""A thread that asks a ConcurrentHashMap for a key while it computes a value for the same map."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence
from tests.builders import diagnosis_of, found, thread

MAP = "java.util.concurrent.ConcurrentHashMap"
OUTER = ("net.umbra.Rates.of", "net.umbra.Desk.quote")
INNER = ("net.umbra.Rates.of", "net.umbra.Loader.base", "net.umbra.Rates.lambda$of$0")


def stuck(inner: tuple[str, ...] = INNER, method: str = "computeIfAbsent", state: str = "RUNNABLE") -> str:
    return thread("web-8", state, f"{MAP}.{method}", *inner, f"{MAP}.computeIfAbsent", *OUTER, native="runnable")


@pytest.mark.parametrize("method", ["computeIfAbsent", "compute", "merge"])
def test_the_same_map_from_within(method: str) -> None:
    (finding,) = found(diagnosis_of({"post.txt": f"One core is busy:\n\n{stuck(method=method)}"}), "cpu-spin")
    assert finding.confidence is Confidence.SUSPECTED
    assert "“web-8” computes a value for a ConcurrentHashMap in net.umbra.Rates.of(" in finding.headline
    assert "asks such a map again from within, in net.umbra.Loader.base(" in finding.headline
    assert "if it is the same one, it spins for ever." in finding.headline


def test_a_thread_that_stays_there_spins() -> None:
    dump = "2026-03-02 10:0{}:00\nFull thread dump OpenJDK 64-Bit Server VM (25.292-b10 mixed mode):\n\n" + stuck() + "\n"
    (finding,) = found(diagnosis_of({"1.txt": dump.format(1), "2.txt": dump.format(3)}), "cpu-spin")
    assert finding.confidence is Confidence.LIKELY
    assert "asks the same map again from within" in finding.headline
    assert "it spins for ever." in finding.headline


@pytest.mark.parametrize(
    "stack",
    [
        stuck(inner=("net.umbra.Other.of", "net.umbra.Loader.base", "net.umbra.Rates.lambda$of$0")),
        stuck(state="WAITING (parking)"),
        thread("web-8", "RUNNABLE", f"{MAP}.computeIfAbsent", *OUTER, native="runnable"),
        thread("web-8", "RUNNABLE", f"{MAP}.get", *INNER, f"{MAP}.computeIfAbsent", *OUTER, native="runnable"),
    ],
    ids=["another map", "not running", "once", "a plain look-up"],
)
def test_other_stacks_are_no_recursion(stack: str) -> None:
    diagnosis = diagnosis_of({"post.txt": f"One core is busy:\n\n{stack}"})
    assert not [one for one in found(diagnosis, "cpu-spin") if "from within" in one.headline]

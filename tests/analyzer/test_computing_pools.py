"""Pools that compute: what one dump tells of them, and what two do."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Severity, Status
from tests.analyzer.test_kinds_of_waits import HTTP, crew
from tests.analyzer.test_roles import ACCEPTS, LISTEN, left
from tests.builders import diagnosis_of, dump, found, netstat

IN = "org.acme.tide.Weir.churn"


def running(stack: tuple[str, ...], cpu: float = 400.0, elapsed: float = 7.0) -> list[str]:
    """Four threads that serve requests, with what they have used of a processor."""
    return [
        one.replace(" tid=", f" cpu={cpu:.2f}ms elapsed={elapsed:.2f}s tid=").replace("waiting on condition", "runnable")
        for one in crew(*stack, *HTTP, state="RUNNABLE")
    ]


def native(one: str) -> str:
    return one.replace("(Weir.java:10)", "(Native Method)")


class TestOneDump:
    """All compute in one function while clients leave."""

    def files(self, *members: str) -> dict[str, str]:
        return {"jstack-431.txt": dump(ACCEPTS, *members), "netstat.txt": netstat(LISTEN, *left(4, 3))}

    def test_it_is_suspected_and_what_else_looks_so_is_said(self) -> None:
        diagnosis = diagnosis_of(self.files(*running((IN, "org.acme.tide.Weir.serve"))))
        (finding,) = found(diagnosis, "cpu-spin")
        assert (diagnosis.verdict.rule, finding.severity, finding.confidence) == ("cpu-spin", Severity.CRITICAL, Confidence.SUSPECTED)
        assert (finding.culprit.frame or "").startswith(IN)
        assert "too many requests at once" in finding.headline

    @pytest.mark.parametrize(
        "members",
        [
            [*running((IN,))[:2], *running(("org.acme.tide.Sluice.sort",))[2:]],
            running((IN,), cpu=5.0, elapsed=900.0),
            [native(one) for one in running((IN,))],
        ],
        ids=["in several functions", "hardly any processor time", "a native method may wait"],
    )
    def test_what_is_not_said(self, members: list[str]) -> None:
        assert not found(diagnosis_of(self.files(*members)), "cpu-spin")

    def test_a_server_whose_clients_are_served_is_busy(self) -> None:
        files = {"jstack-431.txt": dump(ACCEPTS, *running((IN,))), "netstat.txt": netstat(LISTEN)}
        assert diagnosis_of(files).verdict.status is not Status.PROBLEM

    def test_threads_that_moved_on_are_no_spin(self) -> None:
        first = dump(ACCEPTS, *running(("org.acme.tide.Sluice.sort",), cpu=100.0, elapsed=4.0))
        second = dump(ACCEPTS, *running((IN,)), time="2026-01-02 03:04:08")
        files = {"jstack-431-1.txt": first, "jstack-431-2.txt": second, "netstat.txt": netstat(LISTEN, *left(4, 3))}
        assert not found(diagnosis_of(files), "cpu-spin")


def test_a_crowd_of_which_the_table_shows_no_queues() -> None:
    """Clients that left, in a table without queues, on a machine that does other work besides: each thread has little, and none waits."""
    rows = ["COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME", "java 431 app 9u IPv4 90 0t0 TCP 10.2.0.4:6612 (LISTEN)"]
    rows += [f"java 431 app {10 + at}u IPv4 {91 + at} 0t0 TCP 10.2.0.4:6612->10.2.9.7:{41000 + at} (CLOSE_WAIT)" for at in range(6)]
    first = dump(ACCEPTS, *running((IN,), cpu=500.0, elapsed=5.0))
    second = dump(ACCEPTS, *running((IN,), cpu=1300.0, elapsed=11.0), time="2026-01-02 03:04:11")
    diagnosis = diagnosis_of({"jstack-431-1.txt": first, "jstack-431-2.txt": second, "lsof-431.txt": "\n".join(rows) + "\n"})
    assert diagnosis.verdict.rule == "cpu-spin"

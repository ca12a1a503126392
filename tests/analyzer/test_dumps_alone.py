"""Whole thread dumps without a socket table: what groups of threads wait for is said, and a call that stands still is suspected."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Status
from tests.builders import PARK, READ, WORKER, diagnosis_of, dump, found, idle_exec, thread

ASK = ("till.Price.ask", "till.Price.run", *WORKER)
RECEIVE = "software.amazon.awssdk.services.sqs.DefaultSqsClient.receiveMessage"
QUEUED = (*PARK, "java.util.concurrent.ArrayBlockingQueue.put", "till.Journal.add", "till.Price.run", *WORKER)
TAKES = (*PARK, "java.util.concurrent.LinkedBlockingQueue.take", "java.util.concurrent.ThreadPoolExecutor.getTask", *WORKER[1:])
BARE = ("sun.nio.ch.SocketDispatcher.read0", "sun.nio.ch.NioSocketImpl.read", "java.net.Socket$SocketInputStream.read")
DRIVER = (*BARE, "org.postgresql.core.v3.QueryExecutorImpl.execute", "org.postgresql.jdbc.PgStatement.execute")


def clerks(*stack: str, cpu: float = 1.5, count: int = 6) -> list[str]:
    """Threads of one pool in one place; ``cpu`` in milliseconds since each began."""
    return [
        thread(f"clerk-{n}", "RUNNABLE", *stack, nid=0x200 + n).replace("os_prio=0", f"os_prio=0 cpu={cpu:.2f}ms elapsed=60.00s")
        for n in range(count)
    ]


def twice(first: list[str], second: list[str], seconds: int = 10) -> Diagnosis:
    return diagnosis_of(
        {"jstack-1.txt": dump(*first, time="2026-01-02 03:04:05"), "jstack-2.txt": dump(*second, time=f"2026-01-02 03:04:{5 + seconds:02}")}
    )


@pytest.mark.parametrize(("stack", "rule"), [((*READ, *ASK), "slow-backend"), ((*DRIVER, *ASK), "database-read-hang")])
def test_a_pool_that_stands_in_one_call_suspects_the_service(stack: tuple[str, ...], rule: str) -> None:
    diagnosis = twice(clerks(*stack), clerks(*stack))
    assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == (rule, Confidence.SUSPECTED)
    (one,) = found(diagnosis, rule)
    assert one.headline.startswith("All 6 threads of clerk wait for an answer through ")
    assert "and did so 10 seconds before" in one.headline
    assert (one.culprit.frame or "").startswith("till.Price.ask(Price.java:")
    assert any("ss -tanpoei" in (missing.command or "") for missing in diagnosis.missing)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (clerks(*READ, *ASK), clerks(*READ, *ASK, cpu=90)),
        (clerks(*READ, *ASK), [*clerks(*READ, *ASK, count=4), *clerks(*TAKES, count=6)[4:]]),
        (clerks(*BARE, *ASK), clerks(*BARE, *ASK)),
        (clerks(*READ, *ASK, count=2), clerks(*READ, *ASK, count=2)),
        (clerks(*READ, RECEIVE, *ASK), clerks(*READ, RECEIVE, *ASK)),
    ],
    ids=["they worked in between", "two are free", "a bare read may be of a client", "two threads", "consumers wait by their own wish"],
)
def test_others_are_no_suspicion(first: list[str], second: list[str]) -> None:
    assert twice(first, second).verdict.status is Status.INSUFFICIENT


def test_watchers_beside_free_request_threads_are_no_suspicion() -> None:
    watch = [one.replace("clerk", "feed") for one in clerks(*READ, "till.Feed.run", "java.lang.Thread.run")]
    tasks = [one.replace("clerk", "feed") for one in clerks(*READ, *ASK)]
    assert twice([*watch, *idle_exec(4)], [*watch, *idle_exec(4)]).verdict.status is Status.INSUFFICIENT
    assert twice(watch, watch).verdict.rule == "slow-backend"  # they may be all that serves
    assert twice([*tasks, *idle_exec(4)], [*tasks, *idle_exec(4)]).verdict.rule == "slow-backend"  # a task should end


def test_a_moment_is_no_suspicion() -> None:
    assert twice(clerks(*READ, *ASK), clerks(*READ, *ASK), seconds=1).verdict.status is Status.INSUFFICIENT
    assert diagnosis_of({"jstack.txt": dump(*clerks(*READ, *ASK))}).verdict.status is Status.INSUFFICIENT


def test_what_the_largest_groups_wait_for_is_said() -> None:
    verdict = twice([*clerks(*QUEUED, count=25)], [*clerks(*QUEUED, count=25)]).verdict
    assert verdict.status is Status.INSUFFICIENT
    assert "It shows this: 25 threads (“clerk-0”, “clerk-1”, “clerk-2” and others)" in verdict.headline
    assert "ArrayBlockingQueue.put" in verdict.headline
    assert "called from till.Journal.add" in verdict.headline
    assert "All of them stood on the same stack in the dump before, 10 seconds earlier" in verdict.summary
    assert "No thread of clerk is free." in verdict.summary


def test_idle_threads_are_told_as_before() -> None:
    verdict = twice(clerks(*TAKES, count=25), clerks(*TAKES, count=25)).verdict
    assert verdict.headline == "Not enough evidence for a verdict: the threads show no cause, and a socket table is missing."


GATHER = (*PARK, "java.util.concurrent.FutureTask.get", "till.Basket.sum", "till.Basket.run", *WORKER)


def gathering(cpu: float, *others: str) -> list[str]:
    lock = "- parking to wait for  <0x{:016x}> (a java.util.concurrent.FutureTask)"
    waits = (line for n in range(5) for line in clerks(PARK[0], lock.format(0x700 + n), *GATHER[1:], cpu=cpu, count=n + 1)[n:])
    return [*waits, *others]


def test_a_pool_that_got_its_results_does_not_wait_for_itself() -> None:
    """Requests that are made of parts wait for these all the time; whoever worked since the dump before had what it waited for."""
    assert found(twice(gathering(1.5), gathering(1.5)), "nested-task-starvation")
    assert not found(twice(gathering(1.5), gathering(90)), "nested-task-starvation")


def test_another_pool_may_run_what_they_wait_for() -> None:
    other = [one.replace("clerk-", "scale-").replace("till.Price", "till.Scale") for one in clerks(*READ, *ASK)]
    (one,) = found(twice(gathering(1.5, *other), gathering(1.5, *other)), "nested-task-starvation")
    assert one.confidence is Confidence.SUSPECTED
    assert one.headline.endswith("or one that scale has not finished.")
    assert "never ends" not in one.explanation


WAITS = (
    *PARK,
    "java.util.concurrent.CompletableFuture.get",
    "java.util.concurrent.CompletableFuture.join",
    "till.Total.of",
    "till.Total.run",
)
HELPS = (
    *READ,
    "till.Price.ask",
    "till.Total.lambda$of$0",
    "java.util.concurrent.CompletableFuture$AsyncSupply.run",
    "java.util.concurrent.ForkJoinWorkerThread.run",
)


def behind(helper: tuple[str, ...], waits: tuple[str, ...] = WAITS) -> list[str]:
    """Requests that wait for results, and the one worker of the common pool; no processor times are printed."""
    worker = thread("ForkJoinPool.commonPool-worker-1", "RUNNABLE", *helper)
    return [*[thread(f"clerk-{n}", "WAITING (parking)", *waits, nid=0x300 + n) for n in range(6)], worker]


def test_results_that_a_standing_call_holds_back_suspect_the_service() -> None:
    diagnosis = twice(behind(HELPS), behind(HELPS))
    (one,) = found(diagnosis, "slow-backend")
    assert one.headline.startswith("The only thread of ForkJoinPool.commonPool-worker waits for an answer through ")
    assert "called from till.Price.ask(Price.java:" in one.headline
    assert "what they call does not answer, and 6 threads wait for the results of these" in one.headline
    assert one.confidence is Confidence.SUSPECTED


@pytest.mark.parametrize(
    "helper",
    [
        (*READ, "till.Price.ask", "till.Other.lambda$of$0", "java.util.concurrent.ForkJoinWorkerThread.run"),
        (*READ, "till.Price.ask", "till.Total.lambda$sum$0", "java.util.concurrent.ForkJoinWorkerThread.run"),
        ("till.Price.compute", "till.Total.lambda$of$0", "java.util.concurrent.ForkJoinWorkerThread.run"),
    ],
    ids=["of another class", "of another method", "that computes"],
)
def test_results_that_others_deliver_are_no_suspicion(helper: tuple[str, ...]) -> None:
    assert not found(twice(behind(helper), behind(helper)), "slow-backend")

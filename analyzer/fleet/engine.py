"""Runs a task on each incident: in this process, on the cores of this machine, or wherever an executor leads.

An executor is all that an engine has to be (:class:`concurrent.futures.Executor`). Only so many tasks are under way that every worker has
work: the tasks may carry the bytes of incidents. What dies with its worker is run again, alone; if it kills those workers too, it is to blame.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TaskT = TypeVar("TaskT")
MadeT = TypeVar("MadeT")

AHEAD: Final = 3
"""Tasks that wait beside each one that is worked on."""


class Lost(msgspec.Struct, frozen=True):
    """A task that ended without an answer, and why."""

    why: str


class Engine(msgspec.Struct, frozen=True):
    """Where tasks run. ``open`` gives an executor, ``width`` says how many of its workers work at a time, ``fatal`` what a dead worker raises."""

    open: Callable[[], Executor]
    width: int
    fatal: tuple[type[BaseException], ...] = (BrokenProcessPool,)
    ahead: int = AHEAD


class _Here(Executor):
    """Runs what is submitted at once, in this process."""

    def submit(self, fn: Callable[..., MadeT], /, *args: object, **kwargs: object) -> Future[MadeT]:
        """Run it. An interruption is not kept for later."""
        future: Future[MadeT] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)
        return future


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def here() -> Engine:
    """No process but this one."""
    return Engine(_Here, 1, ahead=0)


def processes(count: int, prepare: Callable[[], None]) -> Engine:
    """``count`` processes, each of which calls ``prepare`` once and lives until the end.

    They are started afresh and share nothing with this one: a thread of it that holds a lock must not be copied.
    """

    def opened() -> Executor:
        return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin, initargs=(prepare,))

    return Engine(opened, count)


def _begin(prepare: Callable[[], None]) -> None:
    """Leave Ctrl-C to the process that gives the work; load what the work needs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare()


class Run(Generic[TaskT, MadeT]):
    """One pass over all tasks."""

    def __init__(self, engine: Engine, function: Callable[[TaskT], MadeT], task: Callable[[int], TaskT]) -> None:
        """``task`` makes the task of a number when its turn comes."""
        self._engine, self._function, self._task = engine, function, task
        self._suspects: list[int] = []

    def over(self, numbers: Sequence[int]) -> Iterator[tuple[int, MadeT | Lost]]:
        """(number, result) as they are done; a task that raised an error, or died with its worker, is :class:`Lost`."""
        waiting = list(reversed(numbers))
        while waiting or self._suspects:
            yield from self._pass(waiting)
            for number in self._taken():
                yield from self._pass([number])
            for number in self._taken():
                yield from self._pass([number], last=True)

    def _taken(self) -> list[int]:
        """Those that were under way when a worker died, or died alone once: another may have pulled them along, or the machine was short of memory."""
        found, self._suspects = sorted(self._suspects), []
        return found

    def _pass(self, waiting: list[int], *, last: bool = False) -> Iterator[tuple[int, MadeT | Lost]]:
        """Work until nothing waits or the executor breaks; what was under way then is suspected, and with ``last`` lost."""
        running: dict[Future[MadeT], int] = {}
        executor = self._engine.open()
        broken = False
        try:
            while running or (waiting and not broken):
                while waiting and not broken and len(running) < self._engine.width * (1 + self._engine.ahead):
                    number = waiting.pop()
                    try:
                        running[executor.submit(self._function, self._task(number))] = number
                    except self._engine.fatal:
                        waiting.append(number)
                        broken = True
                done, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), set())
                for future in done:
                    number = running.pop(future)
                    error = CancelledError("given up by the scheduler") if future.cancelled() else future.exception()
                    if error is None:
                        yield number, future.result()
                    elif not isinstance(error, self._engine.fatal):
                        yield number, Lost(f"{type(error).__name__}: {error}")
                    elif last:
                        yield number, Lost("the process that worked on it ended whenever it was worked on: out of memory?")
                    else:
                        broken = broken or isinstance(error, BrokenProcessPool)
                        self._suspects.append(number)
        finally:
            executor.shutdown(wait=not broken, cancel_futures=True)

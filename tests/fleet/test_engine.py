"""Engines: every task has one result, whoever does it and whoever dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.fleet.engine import Lost, Run, here, processes
from tests.fleet.work import fragile, prepare, squared

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_task_has_its_result(workers: int) -> None:
    engine = here() if workers == 1 else processes(workers, prepare)
    made = dict(Run(engine, squared, lambda number: number).over(range(40)))
    assert made.pop(7) == Lost("ValueError: seven")
    assert made == {number: number * number for number in range(40) if number != 7}


def test_tasks_are_made_when_their_turn_comes() -> None:
    made: list[int] = []

    def task(number: int) -> int:
        made.append(number)
        return number

    results = Run(here(), squared, task).over(range(100))
    next(results)
    assert len(made) < 10


@pytest.mark.slow
def test_only_the_task_that_kills_its_worker_is_lost(tmp_path: Path) -> None:
    run = Run(processes(2, prepare), fragile, lambda number: (number, str(tmp_path)))
    made = dict(run.over(range(12)))
    lost = {number: result for number, result in made.items() if isinstance(result, Lost)}
    assert list(lost) == [3]
    assert "ended" in lost[3].why
    assert {number for number, result in made.items() if result == number} == set(range(12)) - {3}

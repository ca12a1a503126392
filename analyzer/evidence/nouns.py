"""What the members of a pool are called: workers that were forked have a thread each, and are told as workers.

Goroutines, Erlang's processes and PHP's workers get their names where the findings are put in the words of their runtime (:mod:`analyzer.judge.members`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.model.message import say, say_of

if TYPE_CHECKING:
    from analyzer.join.process import ProcessView


def of_pool(view: ProcessView, count: str, total: int, name: str, more: str) -> str:
    """``7 of 8 threads of POOL``. ``total``: how many it has."""
    if len(view.pids) > 1:
        return say_of(total, "{all_of} worker of {name}{more}", "{all_of} workers of {name}{more}", all_of=count, name=name, more=more)
    return say_of(total, "{all_of} thread of {name}{more}", "{all_of} threads of {name}{more}", all_of=count, name=name, more=more)


def waiting_of(view: ProcessView, name: str) -> str:
    """The label of a number: who waits."""
    return say("workers of {name} waiting", name=name) if len(view.pids) > 1 else say("threads of {name} waiting", name=name)

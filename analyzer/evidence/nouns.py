"""What the members of a pool are called: not every runtime has threads that serve requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.model.message import say, say_of
from parsers.records import Runtime

if TYPE_CHECKING:
    from analyzer.join.process import ProcessView


def of_pool(view: ProcessView, count: str, total: int, name: str, more: str) -> str:
    """``7 of 8 threads of POOL``; goroutines, Erlang's processes and forked workers by their own name. ``total``: how many it has."""
    runtime = view.known.runtime
    if runtime is Runtime.GO:
        return say_of(
            total, "{all_of} goroutine of {name}{more}", "{all_of} goroutines of {name}{more}", all_of=count, name=name, more=more
        )
    if runtime is Runtime.ERLANG:
        return say_of(total, "{all_of} process of {name}{more}", "{all_of} processes of {name}{more}", all_of=count, name=name, more=more)
    if len(view.pids) > 1:
        return say_of(total, "{all_of} worker of {name}{more}", "{all_of} workers of {name}{more}", all_of=count, name=name, more=more)
    return say_of(total, "{all_of} thread of {name}{more}", "{all_of} threads of {name}{more}", all_of=count, name=name, more=more)


def waiting_of(view: ProcessView, name: str) -> str:
    """The label of a number: who waits."""
    runtime = view.known.runtime
    if runtime is Runtime.GO:
        return say("goroutines of {name} waiting", name=name)
    if runtime is Runtime.ERLANG:
        return say("processes of {name} waiting", name=name)
    if len(view.pids) > 1:
        return say("workers of {name} waiting", name=name)
    return say("threads of {name} waiting", name=name)

"""What the members of a pool are called: not every runtime has threads that serve requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.model.message import say
from parsers.records import Runtime

if TYPE_CHECKING:
    from analyzer.join.process import ProcessView


def of_pool(view: ProcessView, count: str, noun: str, name: str, more: str) -> str:
    """``7 of 8 threads of POOL``; goroutines, Erlang's processes and forked workers by their own name. ``noun``: thread or threads."""
    runtime = view.known.runtime
    if runtime is Runtime.GO:
        return say("{all_of} goroutine{s} of {name}{more}", all_of=count, s=noun.removeprefix("thread"), name=name, more=more)
    if runtime is Runtime.ERLANG:
        return say("{all_of} process{es} of {name}{more}", all_of=count, es="es" if noun == "threads" else "", name=name, more=more)
    if len(view.pids) > 1:
        return say("{all_of} worker{s} of {name}{more}", all_of=count, s=noun.removeprefix("thread"), name=name, more=more)
    return say("{all_of} {noun} of {name}{more}", all_of=count, noun=noun, name=name, more=more)


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

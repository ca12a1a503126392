"""What the members of a pool are called: workers that were forked have a thread each, and are told as workers.

Goroutines, Erlang's processes and PHP's workers get their names where the findings are put in the words of their runtime (:mod:`analyzer.judge.members`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from analyzer.model.message import say, say_of

if TYPE_CHECKING:
    from analyzer.join.process import ProcessView
    from parsers.records import Lock, Pid

_NOUN: Final = say("lock")


def of_pool(view: ProcessView, count: str, total: int, name: str, more: str) -> str:
    """``7 of 8 threads of POOL``. ``total``: how many it has."""
    if len(view.pids) > 1:
        return say_of(total, "{all_of} worker of {name}{more}", "{all_of} workers of {name}{more}", all_of=count, name=name, more=more)
    return say_of(total, "{all_of} thread of {name}{more}", "{all_of} threads of {name}{more}", all_of=count, name=name, more=more)


def waiting_of(view: ProcessView, name: str) -> str:
    """The label of a number: who waits."""
    return say("workers of {name} waiting", name=name) if len(view.pids) > 1 else say("threads of {name} waiting", name=name)


def program_in_words(command: str | None, pid: Pid | None) -> str:
    """``packer (pid 2190)``: the program of a command line, or ``process 2190`` where no list has it."""
    program = (command or "").partition(" ")[0].rpartition("/")[2]
    return say("{command} (pid {pid})", command=program, pid=pid or 0) if program else say("process {pid}", pid=pid or 0)


def lock_in_words(lock: Lock | None, noun: str = _NOUN) -> str:
    """``java.lang.Object 0x7f…``; ``noun`` stands for a class that the dump does not name."""
    if lock is None:
        return ""
    return _in_words(lock.cls, lock.address or "", noun)


@lru_cache(maxsize=8192)  # every thread that waits for the lock asks
def _in_words(cls: str | None, address: str, noun: str) -> str:
    if cls and address.startswith(f"{cls}@"):
        return address  # dumps to a file name a lock by its class and hash
    if cls == address:
        return address  # a lock that has a name alone
    return say("{lock} {address}", lock=cls or noun, address=address).strip()

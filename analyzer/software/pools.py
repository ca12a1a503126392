"""Threads → pools.

A pool is told by its threads' names with the trailing number removed; frames confirm or correct the role (a ``pool-7-thread`` whose
threads run an HTTP server's exchange is a server pool). A thread that was renamed while it serves a request belongs to the server pool
whose software its frames show, if there is only one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.model.message import say
from analyzer.software.blockers import IDLE, Activity, activity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.software.knowledge import Knowledge
    from parsers.records import Thread

_TRAILING_NUMBER = re.compile(r"^(?P<pool>.*?[^\d])[-_ #:./]*\d+\)?$", re.DOTALL)
_SEPARATORS: Final = "-_ #:.(/"
VIRTUAL: Final = say("virtual threads")
"""What the nameless virtual threads of a process are called together: they have no pool, and mostly no name."""
_NOT_WORKERS: Final = frozenset({"accept", "select", "reserved"})


class Busy(NamedTuple):
    """A thread and what it does."""

    thread: Thread
    activity: Activity


class Pool(NamedTuple):
    """Threads of one pool in one dump. ``port`` is the listener's, if the threads' names have one."""

    name: str
    role: str
    port: int | None
    members: tuple[Busy, ...]

    @property
    def workers(self) -> tuple[Busy, ...]:
        """Members that could run a task: not its acceptors and selectors (Jetty runs those on pool threads)."""
        return tuple(member for member in self.members if member.activity.kind not in _NOT_WORKERS)

    @property
    def busy(self) -> tuple[Busy, ...]:
        """Workers that are not waiting for work."""
        return tuple(member for member in self.members if member.activity.kind not in IDLE)

    @property
    def idle(self) -> int:
        """How many workers wait for work."""
        return len(self.workers) - len(self.busy)

    def doing(self) -> dict[str, int]:
        """Threads by kind of activity, the most first."""
        counts = Counter(member.activity.kind for member in self.members)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def pools(threads: Iterable[Thread], known: Knowledge) -> tuple[Pool, ...]:
    """Group threads into pools, in order of first appearance; single threads are pools of one."""
    groups: dict[tuple[str, str | None], list[Busy]] = defaultdict(list)
    ports: dict[tuple[str, str | None], int] = {}
    for thread in threads:
        found = activity(thread, known)
        match = known.pool_of(thread.name)
        key = (match.pool, match.role) if match else (VIRTUAL if thread.virtual and not thread.name else _generic(thread.name), None)
        if match and match.port is not None:
            ports.setdefault(key, match.port)
        groups[key].append(Busy(thread, found))
    _adopt_renamed(groups)
    return tuple(Pool(name, _confirmed(role, members), ports.get((name, role)), tuple(members)) for (name, role), members in groups.items())


def _generic(name: str) -> str:
    """``task-scheduler-3`` → ``task-scheduler``; a name without a trailing number stays."""
    match = _TRAILING_NUMBER.match(name)
    return match["pool"].rstrip(_SEPARATORS) or name if match else name


def _confirmed(role: str | None, members: list[Busy]) -> str:
    """The role of the name, unless that is one which every library gives (``pool-1-thread``) and its threads serve requests."""
    if role is None or (role == "executor" and any(member.activity.serving for member in members)):
        return _role(members)
    return role


def _role(members: list[Busy]) -> str:
    """The role of a pool whose name says nothing: server if any member serves requests, executor if tasks run in it."""
    if any(member.activity.serving for member in members):
        return "server"
    if any(
        frame.full.endswith(("ThreadPoolExecutor.runWorker", "ForkJoinWorkerThread.run"))
        for member in members
        for frame in member.thread.frames
    ):
        return "executor"
    return "other"


def _adopt_renamed(groups: dict[tuple[str, str | None], list[Busy]]) -> None:
    """Move single threads that serve a request under another name into the one server pool there is."""
    servers = [key for key in groups if key[1] == "server"]
    if len(servers) != 1:
        return
    for key in [key for key, members in groups.items() if key[1] is None and len(members) == 1]:
        if groups[key][0].activity.serving:
            groups[servers[0]].extend(groups.pop(key))

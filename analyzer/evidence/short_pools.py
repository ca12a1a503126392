"""What a runtime's own numbers say of its pool of threads: that work waits in its queue and none of its threads is free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.chosen_threads import chosen
from analyzer.evidence.log_events import Told, of_this_moment
from analyzer.model.message import plural, say
from analyzer.software.blockers import FUTURES, application_frame
from analyzer.software.kinds import PoolRole
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.model.finding import Evidence
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

POOL: Final = ".NET thread pool"
_OF_NET: Final = frozenset({POOL, "StackExchange.Redis"})
_MAIN: Final = frozenset({"Main", "<Main>", "<Main>$"})
_CROWD: Final = 3
"""Threads that wait for one monitor from which on its owner holds up more than a moment of others."""
FEWEST: Final = 10
"""Queued items from which on they are no moment between two threads."""


class Short(msgspec.Struct, frozen=True):
    """What the runtime says of its pool; nothing where it says nothing."""

    told: Told | None

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The line that says so."""
        return (self.told.evidence,) if self.told is not None else ()

    @property
    def words(self) -> str:
        """``; the pool starves: all 214 threads of it are busy and 1,892 pieces of work wait in its queue``."""
        return _in_words(self.told) if self.told is not None else ""


def blocks_on_task(member: ThreadActivity) -> bool:
    """True for a thread that blocks on a task in code of the application; the main thread of a server waits for its end so."""
    frame = application_frame(*member)
    return member.activity.kind in FUTURES and frame is not None and frame.method not in _MAIN


def blocked_by_site(case: Case, view: ProcessView, short: Short) -> Iterable[list[ThreadActivity]]:
    """The threads of the pool that block on tasks. One whose picked stack ends above the pool's own frames is one of those that stand at the same place."""
    found: dict[object, list[ThreadActivity]] = {}
    for pool in sorted(view.pools, key=lambda one: one.name != POOL):
        members = [member for member in pool.busy if blocks_on_task(member)]
        picked = chosen(case, view)
        pooled = pool.name == POOL or (picked and (bool(short.evidence) or pool.role == PoolRole.SERVER))
        if pooled and members and pool.idle <= len(members):
            site = application_frame(*members[0]) if picked else None
            found.setdefault(site or pool.name, []).extend(members)
    return found.values()


def owns_queue(member: ThreadActivity, view: ProcessView) -> bool:
    """True for the owner of a monitor for which a table counts threads that wait: these are among the pool's busy ones, and go on when the owner does."""
    queues = view.dump.queues if view.dump is not None else ()
    return any(queue.owner == member.thread.native_id and queue.waiters >= _CROWD for queue in queues)


def short_of_threads(case: Case) -> Short:
    """The line by which .NET's pool has no thread for the work that waits."""
    told = [one for one in of_this_moment(case.incident) if one.event.kind is LogKind.STARVED and one.event.source in _OF_NET]
    return Short(next((one for one in told if _is_grave(one)), None))


def _is_grave(told: Told) -> bool:
    queued, least = (told.event.figure(name) for name in ("queued", "minimum"))
    threads = told.event.figure("threads") or told.event.figure("busy")
    return (queued or 0) >= FEWEST or (threads is not None and least is not None and threads >= 2 * least and threads >= FEWEST)


def _in_words(told: Told) -> str:
    busy, threads, queued = (told.event.figure(name) for name in ("busy", "threads", "queued"))
    least = told.event.figure("minimum")
    if threads is None and busy is not None and not queued:
        return say(
            "; the pool starves: {threads} of it are busy, and its minimum is {least:,.0f}",
            threads=plural(int(busy), "thread"),
            least=least or 0,
        )
    total = threads if threads is not None else busy
    work = plural(int(queued), "piece of work waits", "pieces of work wait") if queued else None
    if total is None or (busy is not None and busy < total):
        return say("; the pool starves: {work} in its queue", work=work) if work else ""
    if busy is None:
        return say("; the pool starves: {work} for one of its {threads}", work=work, threads=plural(int(total), "thread")) if work else ""
    and_work = say(" and {work} in its queue", work=work) if work else ""
    return say("; the pool starves: all {threads} of it are busy{work}", threads=plural(int(total), "thread"), work=and_work)

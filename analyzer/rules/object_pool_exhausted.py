"""A pool of objects, or a semaphore, has nothing left, and the threads wait for something to come back.

Looks for: threads that wait in a pool that lends no database or HTTP connections (Commons Pool, Jedis, EJB instances), or for a permit of a semaphore,
and who uses what is lent meanwhile.

Why it matters: what is not given back in one path, mostly the one with an exception, is lost for good. After as many failures as the pool has
objects every request waits for ever, and nothing is wrong with any service.

Do next: give back in a finally block. Set a time limit for the wait, and let the pool report who took an object and kept it.

Wrong when: the objects are at work (threads that use them are named here if the stacks show them), the semaphore is a limit on purpose, or one
dump caught a burst. A dump does not tell who holds a permit or an object.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import BlockedGroup, common_frame, judge, place
from analyzer.contention.leases import Shortage, beyond, lender_of, shortages
from analyzer.evidence.chosen_threads import chosen
from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.families import blocked_threads
from analyzer.families.idle_leases import at_rest
from analyzer.families.leakers import leaker_of
from analyzer.families.pinned_pieces import keeps_carrier
from analyzer.model.finding import Confidence, Evidence, Finding, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say, say_of
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Text
from analyzer.software.blockers import waited_lock
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.software.knowledge import OBJECT
from analyzer.software.pools import ThreadSet, entry, in_own_loop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = ("java-deadlock", "self-call-starvation", "mutual-call-starvation", "blocking-commands", "slow-backend")
OUTLOOK: Final = Outlook(
    RecoversWhen.UNKNOWN, say("It heals when whoever holds the lent ones gives them back; what was lost stays lost until a restart.")
)
CLEAN: Final = say("no pool of request threads waits for a lease")
TEXT: Final = Text(
    "object-pool-exhausted",
    headline="{count} wait for {what}: {held}.",
    explanation="{count} wait for {what}, called from {site}; {held}.{doing}{lost}{clients}",
    do=(
        Do(
            When.NOW,
            "Restart; before that save a heap dump: it shows what is lent and who refers to it.",
            "jcmd {blocked_pid} GC.heap_dump pool.hprof",
        ),
        Do(
            When.FIX,
            "Give back in a finally block, in {site} and every other place that takes one; switch on {watch}: it names who kept one.",
        ),
        Do(When.PREVENT, "Set {patience}, so that a wait ends in an error that names the pool; size {limit} on purpose."),
    ),
    figures=(("{users_count:,}", "threads that are seen to use one"),),
    ask=(Ask("leak report of the pool", "who took an object and did not give it back", "{set_watch}"),),
    chain=(("{pool_name}", "waits for", "{count}, in {site}"), ("{whose}", "has none left", "{held}")),
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pool or semaphore that a crowd waits for."""
    for shortage in shortages(case, OBJECT):
        lender = shortage.lender
        what = say("an object of {software}", software=lender.software)
        yield _finding(shortage, shortage.users, what, lender.software, lender.software, (lender.limit, lender.patience, lender.watch))
    for view in case.latest:
        for permits, users in _semaphores(case, view):
            if permits.noteworthy and not (chosen(case, view) and all(keeps_carrier(member.thread) for member in permits.members)):
                settings = (
                    say("the number of permits"),
                    say("tryAcquire with a timeout"),
                    say("a count of acquire and release per place"),
                )
                yield _finding(
                    permits, users, say("a permit of a semaphore"), say("a semaphore"), "java.util.concurrent.Semaphore", settings
                )


def _semaphores(case: Case, view: ProcessView) -> Iterator[tuple[BlockedGroup, tuple[ThreadActivity, ...]]]:
    """Crowds that wait for permits, one per semaphore, and those who are beyond the place of the wait."""
    groups: dict[str | None, list[ThreadActivity]] = defaultdict(list)
    for pool in view.pools:
        for member in () if _may_rest(view, pool) else pool.busy:
            if member.activity.kind == ActivityKind.SEMAPHORE and member.activity.app >= 0 and lender_of(member, view.known) is None:
                lock = waited_lock(member.thread)
                groups[lock.address if lock else None].append(member)
    for waiters in groups.values():
        known = ThreadSet(waiters)
        users = beyond(waiters, (member for pool in view.pools for member in pool.busy if member not in known))
        yield BlockedGroup(case, view, waiters, users), users


def _may_rest(view: ProcessView, pool: Pool) -> bool:
    """True for workers of one loop that nothing says to serve anybody, where those before a semaphore may wait for work: whoever has some releases a permit."""
    waiting = [member for member in pool.busy if member.activity.kind is ActivityKind.SEMAPHORE]
    return (
        pool.role is not PoolRole.SERVER
        and all(in_own_loop(member, view.known) for member in waiting)
        and len({entry(member, view.known) for member in pool.busy}) == 1
    )


def _finding(
    blocked: BlockedGroup, users: tuple[ThreadActivity, ...], what: str, whose: str, library: str, settings: tuple[str, str, str]
) -> Finding:
    (limit, patience, watch), n = settings, len(blocked.members)
    rest = at_rest(blocked) if isinstance(blocked, Shortage) else None
    leak = leaker_of(blocked) if isinstance(blocked, Shortage) else None
    waits = say_of(n, "{threads} waits for {what}", "{threads} wait for {what}", threads=plural(n, "thread"), what=what)
    waiting = of_threads(blocked.members, waits)
    held_evidence = _evidence(blocked, users)
    held = (
        say_of(len(users), "{threads} uses one", "{threads} use one", threads=plural(len(users), "thread"))
        if users and isinstance(blocked, Shortage)
        else say_of(
            len(users),
            "{threads} is further on in the same method and should have one",
            "{threads} are further on in the same method and should have one",
            threads=plural(len(users), "thread"),
        )
        if users
        else leak.words
        if leak is not None
        else say("{resting}: what is lent is not in use, but was not given back", resting=rest.words)
        if rest is not None
        else say("who has them is not among the threads that are here")
        if blocked.few
        else say("no thread is seen to use one")
    )
    lost = (
        ""
        if users or blocked.few
        else say(
            " Those that are lent were not given back, or are kept during something that does not show them. The frame that waits is a victim."
        )
    )
    text = TEXT.filled(
        blocked.view.process,
        **blocked_threads.words(blocked),
        what=what,
        held=held,
        lost=lost,
        doing=say(" What they do with it: {site}.", site=place(common_frame(users))) if users else "",
        blocked_pid=blocked.pid,
        watch=watch,
        patience=patience,
        limit=limit,
        users_count=len(users),
        whose=whose,
        set_watch=say("switch on {watch}", watch=watch),
    )
    return blocked_threads.finding(
        blocked,
        text,
        _judge(blocked, users),
        (waiting, *held_evidence, *(one.evidence for one in (rest, leak.told if leak is not None else None) if one is not None)),
        ((waiting,), held_evidence),
        lasts=leak is not None,
        culprit=blocked.culprit(leak.site if leak is not None else blocked.frame, library=library),
    )


def _judge(blocked: BlockedGroup, users: tuple[ThreadActivity, ...]) -> tuple[Confidence, str]:
    doubts = list(blocked.doubts)
    if not isinstance(blocked, Shortage):
        return judge(
            doubts,
            say("The dump shows the wait."),
            other_cause=say("a semaphore may be a limit on purpose, and a dump does not name who holds its permits"),
        )
    if users:
        return judge(doubts, say("The stacks show who waits and who uses what is lent."))
    elsewhere = [member for pool in blocked.view.pools if pool is blocked.pool for member in pool.busy if member not in blocked.members]
    if elsewhere:
        doubts.append(say("{other_thread} of the pool may hold some", other_thread=plural(len(elsewhere), "other thread")))
    if not blocked.view.sockets:
        doubts.append(say("there is no socket table that shows what clients suffer"))
    return judge(doubts, say("The stacks show the wait and nobody who could give anything back."))


def _evidence(blocked: BlockedGroup, users: tuple[ThreadActivity, ...]) -> tuple[Evidence, ...]:
    if not users:
        return ()
    words = say_of(len(users), "{threads} uses what is lent", "{threads} use what is lent", threads=plural(len(users), "thread"))
    using = of_threads(users, words)
    if not isinstance(blocked, Shortage) or not blocked.rows:
        return (using,)
    lent = say("{connections} to {service}", connections=plural(len(blocked.rows), "connection"), service=blocked.service)
    return using, of_sockets(blocked.rows, lent, (str(blocked.service),))

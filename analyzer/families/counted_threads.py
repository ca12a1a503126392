"""Threads that a command counted by name or by process, and the limit that they reach."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.log_events import caller_in_words
from analyzer.families.counted_limits import MOST, TasksOfContainer, container_full, told_of
from analyzer.families.counted_sockets import growth_in_words, place, process_of, shown, stacks_of, whose
from analyzer.model.finding import Action, Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, Step, When
from analyzer.model.message import joined, plural, say
from parsers.records import Counted, LogKind, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.counts import Count
    from analyzer.waits.case import Case
    from parsers.records import Setting

OF_LIMIT: Final = 0.9
"""Share of the limit of processes that the counted threads take, where one more could not be made: others of the user count as well."""
MANY_POOLS: Final = 50
"""Pools of one pattern from which on they are made again and again: large applications have a few dozen by design."""
MANY_THREADS: Final = 500
"""Threads of one pattern below which they are no heap."""
_NUMBERED: Final = re.compile(
    r"(?P<stem>[A-Za-z][\w. -]*?[-_#]?)(?:N|\*|X|#|<n>|<N>|\d+)(?P<rest>[-_](?:thread|worker|exec|task|t)[-_]?(?:\d+|N|\*|X)?.*)?\Z"
)
_ONE_OF_ITS_POOL: Final = re.compile(r"\d")
"""The number of the thread in its pool: where it is masked, too, nothing tells whether the threads are of one pool or of many."""
_FIRST_OF_EACH: Final = re.compile(
    r"\bgrep\b[^|]*?\s-[A-Za-z]*c[A-Za-z]*\s[^|]*?(?P<stem>[A-Za-z][\w. -]{0,40}-)(?:\[0-9\]|\\d)(?:\*|\+|\\\+)-thread-1\b(?!\[)"
)
"""A command that counts the first thread of each pool: as many as there are pools."""
_THREAD_LIMITS: Final = ("ulimit -u", "kernel.threads-max", "kernel.pid_max")
_STATE_SHARE: Final = 0.5
"""Share of all threads that were counted from which on one name is most of them."""


_COUNTED: Final = Outlook(
    RecoversWhen.UNKNOWN,
    say("Threads of pools that end when they are idle go after minutes; those that nobody ends stay until a restart."),
)
"""A number does not tell of which kind they are."""


class _Family(msgspec.Struct, frozen=True):
    pattern: str
    pools: int
    threads: int
    counts: list[Count]


def of_many_pools(case: Case) -> Iterator[Finding]:
    """Threads that were counted by name: many pools of one pattern, and the limit that they reach."""
    limit = case.counts.setting("ulimit -u")
    failed = told_of(case, LogKind.NO_THREAD)
    for family in _families(case):
        used = family.threads
        reached = limit is not None and limit.values[0] > 0 and OF_LIMIT * limit.values[0] <= used <= limit.values[0]
        if family.pools < MANY_POOLS or (used < MANY_THREADS and failed is None):
            continue
        process = process_of(case, family.counts[0])
        per_pool = used // family.pools
        proofs = (
            [say("the limit of {limit:,} processes and threads is all but reached", limit=limit.values[0])]
            if reached and limit is not None
            else []
        )
        proofs += [say("the log says that no further thread could be made")] if failed is not None else []
        caller = caller_in_words(failed.event, case.known) if failed is not None else ""
        yield Finding(
            rule="thread-leak",
            severity=Severity.WARNING,
            confidence=Confidence.LIKELY if proofs or family.counts[0].grown else Confidence.SUSPECTED,
            headline=say(
                "{threads} of {pools} named {pattern}: executors are made again and again, and never shut down.",
                threads=plural(used, "thread"),
                pools=plural(family.pools, "pool"),
                pattern=family.pattern,
            ),
            explanation=say(
                "{used:,} threads were counted whose pools differ only in their number: {pools:,} pools of {per_pool} each.{growth}{proofs}{caller} Each pool keeps its threads until somebody shuts it down. Memory of the heap does not matter here: what runs out is threads.",
                used=used,
                pools=family.pools,
                per_pool=plural(per_pool, "thread"),
                growth=growth_in_words(family.counts[0]),
                proofs=say(" And {list}.", list=joined(say(" and "), proofs)) if proofs else "",
                caller=say(" It failed where a task was given to a pool{caller}: look there first for who makes the pools.", caller=caller)
                if caller
                else "",
            ),
            why_confident=say("Their number and what the system says agree; who makes the pools, idle threads do not show.")
            if proofs
            else say("One count cannot show growth, and a pool per customer, topic or plug-in looks the same."),
            evidence=(
                *(shown(one.last.where, one, one.number) for one in family.counts[:MOST]),
                *(
                    (Evidence(limit.where, say("the limit of processes and threads of the user"), (str(limit.values[0]),)),)
                    if reached and limit is not None
                    else ()
                ),
                *((failed.evidence,) if failed is not None else ()),
            ),
            process=process,
            culprit=Culprit(pool=family.pattern),
            chain=(
                Step(
                    say("code that runs per request"),
                    say("makes another"),
                    say("pool {pattern}", pattern=family.pattern),
                    (shown(family.counts[0].last.where, family.counts[0], family.counts[0].number),),
                ),
                Step(say("its threads"), say("never end"), say("nobody shuts the pool down")),
            ),
            actions=(
                Action(
                    When.FIX,
                    say(
                        "Make one executor and keep it, or shut it down in a finally block; search for Executors.new… in code that runs per request or per job."
                    ),
                ),
                Action(
                    When.PREVENT,
                    say("Give every pool a name through its ThreadFactory, so that a dump says whose it is, and watch the thread count."),
                ),
            ),
            figures=((f"{family.pools:,}", say("pools {pattern}", pattern=family.pattern)), (f"{used:,}", say("threads"))),
            missing=(stacks_of(process),) if process.command else (),
        )


def of_one(case: Case) -> Iterator[Finding]:
    """A process whose counted threads reach a limit, or one name that most of the counted threads have."""
    failed = told_of(case, LogKind.NO_THREAD)
    if failed is not None:
        from analyzer.families import client_threads  # noqa: PLC0415 - few incidents have such a line

        if (clients := client_threads.finding_of(case, failed)) is not None:
            yield clients
            return
    limits = [one for name in _THREAD_LIMITS if (one := case.counts.setting(name)) is not None]
    counts = [one for one in case.counts.of(Counted.THREADS) if one.number >= MANY_THREADS]
    every = case.counts.of(Counted.THREADS)
    whole = [one.number for one in every if one.last.name is None and not _distinct(one)]
    total = max(whole, default=0) or sum(one.number for one in every)
    told = {one.last.where for family in _families(case) for one in family.counts}
    alike = [
        one
        for one in counts
        if one.last.pid is not None
        or (
            (name := one.last.name) is not None
            and one.last.where not in told
            and not _counts_pools(name)
            and not case.known.pool_of(name)
            and one.number >= _STATE_SHARE * total
        )
    ]
    container = container_full(case)
    for count in alike[:1]:
        process, name = process_of(case, count), count.last.name
        reached = next((one for one in limits if OF_LIMIT * one.values[0] <= count.number <= one.values[0]), None)
        if count.last.pid is not None and reached is None and failed is None:
            continue  # a large server may have that many by design
        proof = reached is not None or failed is not None or count.grown
        what = say("threads of {who}", who=whose(process)) if name is None else say("threads named {name}", name=name)
        yield Finding(
            rule="thread-leak",
            severity=Severity.WARNING,
            confidence=Confidence.LIKELY if proof else Confidence.SUSPECTED,
            headline=say("{number:,} {what}: they are made again and again, and do not end.", number=count.number, what=what),
            explanation=say(
                "{number:,} {what} were counted{of}.{growth}{limit}{log}{sockets} One client, timer or executor made for each request leaves its threads behind when nobody closes it. Their stacks, grouped by name, show of what software they are.",
                number=count.number,
                what=what,
                of=say(" (of {total:,} in all)", total=total) if total > count.number else "",
                growth=growth_in_words(count),
                sockets=_as_many_sockets(case, count.number),
                limit=_limit_in_words(reached, container),
                log=say(" The log says that no further thread could be made{caller}.", caller=caller_in_words(failed.event, case.known))
                if failed is not None
                else "",
            ),
            why_confident=say("Their number and what the system says agree; who makes them, a count does not show.")
            if proof
            else say("One count cannot show growth, and a large pool of that name looks the same."),
            evidence=(
                shown(count.last.where, count, count.number),
                *((failed.evidence,) if failed is not None else ()),
                *((container.evidence,) if container is not None else ()),
            ),
            process=process,
            culprit=Culprit(pool=name),
            chain=(
                Step(
                    say("code that runs per request"), say("makes again and again"), what, (shown(count.last.where, count, count.number),)
                ),
                Step(say("its threads"), say("never end"), ""),
            ),
            actions=(Action(When.FIX, say("Make one client, timer or executor and keep it, or close it in a finally block.")),),
            figures=((f"{count.number:,}", say("threads")),),
            missing=(stacks_of(process),),
            outlook=None if count.grown else _COUNTED,
        )


def _limit_in_words(reached: Setting | None, container: TasksOfContainer | None) -> str:
    """The limit that their number reaches, or that the container's tasks reach together."""
    if reached is not None:
        return say(" The limit {name} is {limit:,}.", name=reached.name, limit=reached.values[0])
    return say(" The container has {tasks}.", tasks=container.words) if container is not None else ""


def _as_many_sockets(case: Case, threads: int) -> str:
    """That about as many connections are open: each of those who left a thread behind has one."""
    counts = [one for one in case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED) if abs(one.number - threads) <= _APART * threads]
    if not counts:
        return ""
    remote = counts[0].last.remote or counts[0].last.end
    to = say(" to {remote}", remote=place(remote)) if remote is not None else ""
    return say(" About as many connections{to} are open ({count:,}): each of them has one.", to=to, count=counts[0].number)


_APART: Final = 0.05
"""Share by which two counts of what belongs together may differ."""


def _distinct(count: Count) -> bool:
    """True for a number of different names: ``grep -o … | sort -u | wc -l``."""
    command = count.last.command or ""
    return count.last.name is None and "sort -u" in command and command.rstrip().endswith("wc -l")


def _counts_pools(name: str) -> bool:
    match = _NUMBERED.match(name)
    return match is not None and bool(_ONE_OF_ITS_POOL.search(match["rest"] or ""))


def _families(case: Case) -> Iterator[_Family]:
    """Counts of threads whose names have a placeholder for the number of their pool: as many of each thread as there are pools.

    Where the number of the thread is masked, too, the number of different pools tells, if somebody counted it.
    """
    groups: dict[str, list[Count]] = {}
    for count in case.counts.of(Counted.THREADS):
        match = _NUMBERED.match(count.last.name or "")
        if match is not None and _counts_pools(match[0]):
            groups.setdefault(f"{match['stem']}N", []).append(count)
    for count in case.counts.of(Counted.THREADS):
        match = _NUMBERED.match(count.last.name or "")
        if match is not None and match["rest"] and not _counts_pools(match[0]):
            pools = [one for one in case.counts.all if _distinct(one) and match["stem"] in (one.last.command or "")]
            if pools and pools[0].number <= count.number:
                yield _Family(f"{match['stem']}N", pools[0].number, count.number, [count, pools[0]])
    for count in (*case.counts.of(Counted.THREADS), *case.counts.of(Counted.LINES)):
        if (match := _FIRST_OF_EACH.search(count.last.command or "")) is not None:
            yield _Family(f"{match['stem']}N", count.number, count.number, [count])
    for pattern, counts in groups.items():
        yield _Family(pattern, max(one.number for one in counts), sum(one.number for one in counts), counts)

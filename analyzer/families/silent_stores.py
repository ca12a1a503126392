"""Threads stand in a call of a file while the kernel's log says that a file server does not answer, or that a task hangs: the storage is the cause.

Whoever needs a lock that such a thread holds waits behind it, and is told with it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from analyzer.contention.locks import LockQueue, lock_queues, owner_of, waits_for_lock
from analyzer.evidence.chosen_threads import chosen
from analyzer.evidence.citations import of_threads
from analyzer.evidence.doing import caller
from analyzer.evidence.log_events import of_this_moment
from analyzer.evidence.multiples import multiple, names_of, picked_in_words
from analyzer.model.finding import Confidence, Culprit, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import blocking_frame, waited_lock
from analyzer.software.kinds import ActivityKind, PoolRole
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from analyzer.evidence.log_events import Told
    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import TaskSyscall, Thread, ThreadUsage

_FILES: Final = frozenset({ActivityKind.FILE_IO, ActivityKind.FILE_LOCK})
_MOST_QUEUES: Final = 8
_COMM: Final = 15
"""Letters of a thread's name that the kernel keeps."""
_PROGRAMS: Final = frozenset({"java", "python", "node", "php", "php-fpm", "ruby", "dotnet", "puma", "uwsgi", "gunicorn"})
"""Programs that run whatever somebody wrote."""
FEWEST: Final = 2
"""Threads in state D at once: one may be in a short read."""
TEXT: Final = Text(
    "disk-stall",
    headline="{begins}: {who} for a file in {place}{called}{holding}.",
    explanation="{said} A call of a file on such storage does not return, and no signal ends it.{behind} All go on when the storage answers.",
    why=Either(
        "server",
        "The kernel's log names the server, and the stack stands in a call of a file; that this file lies there the lines do not show.",
        "The kernel's log says that a task hangs, and the stack stands in a call of a file; which storage that is the lines do not show.",
    ),
    do=(
        Do(
            When.NOW,
            "See which mount hangs, and whether the server can be reached. The locks are a consequence.",
            "mount -t nfs,nfs4,cifs; dmesg -T | tail -20; ps -eLo pid,tid,stat,wchan:32,comm | awk '$3 ~ /D/'",
        ),
        Do(
            When.FIX,
            "Mend the storage. Keep file access off request threads and out of locks{where}; mount NFS soft, with a timeout, where lost writes do no harm.",
        ),
    ),
    chain=(("{waiter}", "waits for", "a file, in {place}"), ("{store}", "does not answer", "")),
    phrases={
        "begins": Either("server", "The file server {server} does not answer", "A task hangs in the kernel"),
        "said": Either(
            "server",
            "The kernel writes that {server} is not responding.",
            "The kernel writes that a task has been blocked in it for minutes.",
        ),
        "called": Either("frame", ", called from {frame}"),
        "where": Either("frame", " ({frame})"),
        "holding": Either("queued", ", and holds the lock that {queued}"),
        "behind": Either("queued", " Threads that wait for the lock wait for the same."),
        "waits": "{threads} in a call of a file",
    },
)


def asleep(case: Case) -> Iterator[tuple[ProcessView, Sequence[ThreadActivity], Sequence[ThreadUsage | TaskSyscall], bool]]:
    """Threads of a process in uninterruptible sleep, the rows that say so, and whether a pool stands so whole; for each process with several."""
    for view in case.latest:
        rows: list[ThreadUsage | TaskSyscall] = [*view.snapshot.tasks, *view.snapshot.usages]
        states = {row.native_id: row for row in rows if row.state == "D"}
        members = [member for pool in view.pools for member in pool.members if member.thread.native_id in states]
        if len(members) >= FEWEST:
            whole = any(len(pool.members) >= FEWEST and all(member in members for member in pool.members) for pool in view.pools)
            yield view, members, [states[member.thread.native_id] for member in members if member.thread.native_id is not None], whole


def findings(case: Case) -> Iterator[Finding]:
    """One for each process with threads in a call of a file, where the kernel's log tells of storage."""
    told = [one for one in of_this_moment(case.incident) if one.event.kind in {LogKind.STORE, LogKind.STOOD}]
    if not told:
        return
    event = min(told, key=lambda one: one.event.kind is not LogKind.STORE)
    for view in case.latest:
        waiting = _waiting(view)
        if waiting:
            yield _finding(case, view, waiting, event)


def _is_of(view: ProcessView, told: Told) -> bool:
    """True unless the task that hangs is another program's, or the kernel's own."""
    name = (told.event.subject or "").rpartition(":")[0]
    if told.event.kind is LogKind.STORE or not name or (view.process.command or "").rpartition("/")[2].startswith(name):
        return True
    own = (member.thread.name[:_COMM] for pool in view.pools for member in pool.members if member.thread.name)
    return name.rstrip("0123456789.").lower() in _PROGRAMS or name in own


def _waiting(view: ProcessView) -> Sequence[ThreadActivity]:
    """The largest group of threads in one call of a file."""
    groups: dict[object, list[ThreadActivity]] = defaultdict(list)
    for pool in view.pools:
        for member in pool.members if pool.role is not PoolRole.JVM else ():
            if member.activity.kind in _FILES:
                groups[caller(member)].append(member)
    return max(groups.values(), key=len, default=())


def _finding(case: Case, view: ProcessView, group: Sequence[ThreadActivity], told: Told) -> Finding:
    owners = {member.thread for member in group}
    queues = [one for one in lock_queues(case)[:_MOST_QUEUES] if one.owner is not None and one.owner.thread in owners]
    queue = max(queues, key=lambda one: len(one.members), default=None) or _of_logger(case, view, owners)
    member = group[0] if queue is None or queue.owner is None else queue.owner
    app, frame = caller(member), blocking_frame(*member) or member.thread.frames[0]
    is_server = told.event.kind is LogKind.STORE
    who = _who(case, view, group) if queue is None else say("“{name}” waits", name=member.thread.label)
    text = TEXT.filled(
        view.process,
        server=told.event.subject if is_server else None,
        store=told.event.subject if is_server else say("the storage"),
        who=who,
        waiter=say("“{name}”", name=member.thread.label),
        place=frame.call,
        frame=app if app is not None and app != frame else None,
        queued=_queued(case, queue) if queue is not None else None,
        threads=plural(len(group), "thread"),
    )
    evidence = [told.evidence, of_threads(group, text["waits"])]
    if queue is not None:
        evidence.append(of_threads(queue.members, say("{threads} behind the lock", threads=plural(len(queue.members), "thread"))))
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if _is_of(view, told) else Confidence.SUSPECTED,
        evidence=tuple(evidence),
        chain=text.steps((evidence[1],), (evidence[0],)),
        culprit=Culprit(thread=member.thread.label, frame=str(app) if app is not None else None),
    )


def _of_logger(case: Case, view: ProcessView, owners: AbstractSet[Thread]) -> LockQueue | None:
    """The queue before a lock of one of ``owners`` that stands in a logger: no queue of the application's locks."""
    groups: dict[Thread, list[ThreadActivity]] = defaultdict(list)
    for pool in view.pools:
        for member in pool.members:
            owner = owner_of(view, waited_lock(member.thread)) if waits_for_lock(member) else None
            if owner is not None and owner.thread in owners:
                groups[owner.thread].append(member)
    waiters = max(groups.values(), key=len, default=None)
    return LockQueue(case, view, waiters) if waiters else None


def _who(case: Case, view: ProcessView, group: Sequence[ThreadActivity]) -> str:
    if chosen(case, view):
        more = multiple(case, group)
        if more is None:
            return say("{names} waits", names=names_of(group)) if len(group) == 1 else say("{names} wait", names=names_of(group))
        return say("{threads} wait", threads=picked_in_words(names_of(group), len(group), more))
    return plural(len(group), "thread waits", "threads wait")


def _queued(case: Case, queue: LockQueue) -> str:
    more = multiple(case, queue.members)
    number = more.number if more is not None else len(queue.members)
    return plural(number, "other thread waits for", "other threads wait for")

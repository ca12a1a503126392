"""What the lines at hand show, where they are too few for a cause: one or two threads, a few rows.

Never more than they do: who waits, on what, held by whom, called from where; and what else would have to be here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.leases import lender_of
from analyzer.contention.locks import waits_for_lock
from analyzer.evidence.at_rest import alike, at_rest, parked, rounds, unowned, unsignalled
from analyzer.evidence.doing import caller, doing, idle, kept, named_wait, of_a_reader, of_a_task, reported
from analyzer.evidence.lock_lists import listed
from analyzer.evidence.log_events import caller_in_words, in_words, of_this_moment
from analyzer.evidence.sessions import of_lists
from analyzer.evidence.waiting_groups import since_in_words, waiting_groups
from analyzer.families.counted_sessions import counted_in_words
from analyzer.families.given_up import is_told
from analyzer.families.heaps import heap_in_words
from analyzer.judge.counted import counted
from analyzer.judge.descriptors import of_descriptors
from analyzer.judge.far_counts import asleep_in_words, far_counts_in_words
from analyzer.judge.host_load import of_host
from analyzer.judge.kernel_counts import calm_sockets, of_counts
from analyzer.judge.one_lock import one_lock
from analyzer.judge.rows import of_rows
from analyzer.model.finding import Severity
from analyzer.model.message import joined, plural, say, say_of, unended
from analyzer.software.blockers import (
    FUTURES,
    IDLE,
    application_frame,
    blocking_frame,
    held_locks,
    parks_in_its_loop,
    waited_lock,
)
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.software.named_waits import push_frame
from analyzer.waits.deadlocks import lock_holders
from parsers.records import DESCRIPTOR_FIRST, TASK, JavaState, LockVerb, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.model.incident import Snapshot
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint, Frame, Lock, Pid, TaskSyscall, Thread, Where

FEW: Final = 20
"""Threads of a dump that are looked at one by one, though it has a header."""
MOST: Final = 6
"""Sentences about threads: as many as somebody pastes; a larger piece of a dump has its pools in the report."""
_NAMED: Final = 3
"""Names that a sentence holds."""
_LINES: Final = 3
"""Kinds of lines of a log that are told beside threads and rows."""
_LENT: Final = {"HTTP connection": say("an HTTP connection"), "JDBC connection": say("a JDBC connection"), "object": say("an object")}
_SYNCHRONIZERS: Final = ("java.util.concurrent.ThreadPoolExecutor", "sun.nio.ch.", "java.util.Collections$", "java.io.")
"""Locks that the runtime takes for itself: they tell nobody anything."""
_ENTERS: Final = frozenset({LockVerb.WAITING_TO_LOCK, LockVerb.RELOCKING})
_BY_ITSELF: Final = IDLE | {ActivityKind.SLEEP, ActivityKind.WAITING, ActivityKind.PROCESS, ActivityKind.SELECT}
_OF_LOCKS: Final = frozenset(
    {ActivityKind.LOCK, ActivityKind.SEMAPHORE, ActivityKind.OBJECT_WAIT, ActivityKind.CONDITION, ActivityKind.QUEUE}
)


def shown(case: Case, findings: Sequence[Finding]) -> list[str]:
    """Sentences without their full stops, what tells most first."""
    said: list[str] = [unended(finding.headline) for finding in findings if finding.severity is Severity.INFO]
    for view in sorted(case.latest, key=_nobody_waits):
        if view.dump is not None and len(view.dump.threads) <= FEW:
            said += of_threads(case, view)
        elif view.dump is not None and view.dump.runtime is Runtime.GO and not waiting_groups(view):
            from analyzer.judge.counted_stacks import in_words as of_stacks  # noqa: PLC0415 - few have such a piece

            said += of_stacks(case, view)
        elif view.dump is not None and (view.dump.fragment or not case.incident.has_sockets):
            said += _of_groups(case, view)
    return list(dict.fromkeys([*said, *beside_threads(case, findings)]))


def beside_threads(case: Case, findings: Sequence[Finding] = ()) -> list[str]:
    """What rows, lists, counts and lines of logs show, those lines aside that a finding is made of."""
    said: list[str] = [*calm_sockets(case, findings), *of_rows(case)]
    said += counted(case, {evidence.where for finding in findings for evidence in finding.evidence})
    said += of_lists(case.incident.snapshots)
    said += counted_in_words(case)
    said += heap_in_words(case)
    for snapshot in case.incident.snapshots[-1:]:
        said += [
            *asleep_in_words(snapshot),
            *far_counts_in_words(snapshot),
            *of_host(case.incident, snapshot),
            *of_counts(snapshot, case.incident.snapshots),
            *calls_of(snapshot),
            *of_descriptors(snapshot, {artifact.file for artifact in case.incident.artifacts if artifact.elisions}),
        ]
    said += _of_logs(case, {finding.rule for finding in findings})
    return said


def _of_logs(case: Case, rules: set[str]) -> Iterator[str]:
    """What lines of a log beside the threads and rows say."""
    events = [one for one in of_this_moment(case.incident) if not is_told(one.event, rules)]
    for told in events[:_LINES]:
        called = caller_in_words(told.event, case.known)
        yield (
            say("the log says in {lines}: {event}{called}", lines=plural(told.lines, "line"), event=in_words(told.event), called=called)
            if told.lines > 1
            else say("the log says: {event}{called}", event=in_words(told.event), called=called)
        )


FEWEST_FREE: Final = 3
"""Idle threads from which on it is worth a sentence that they are: many wonder at threads that are parked."""


def of_threads(case: Case, view: ProcessView) -> list[str]:
    """What the threads of a piece of a dump wait for. Those that wait alike are said together."""
    holders = lock_holders(view)
    waits = any(_wants(member) and not rounds(member) for pool in view.pools for member in pool.members)
    if not waits and (calm := at_rest(case, view)) is not None:
        return [calm, *unowned(view)]
    bare_list = listed(view)
    groups = _groups(view, holders)
    for member in bare_list[0] if bare_list is not None else ():
        groups.pop(_alike(member), None)
    resting = [member for pool in view.pools for member in pool.members if pool.role != PoolRole.JVM and _rests(member)]
    if not groups and bare_list is None and resting and len(resting) <= FEW:
        return [say("{who}{like} {what}{normal}", who=_who(resting), like=alike(case, resting), what=idle(resting), normal=parked(resting))]
    bare = [member for pool in view.pools for member in pool.members if not member.thread.frames and not member.thread.locks]
    if not groups and bare and len(bare) <= FEW:
        return [say("of {who} no stack was understood{since}", who=_who(bare), since=reported(bare[0]))]
    ordered = sorted(groups.values(), key=lambda group: (not _blocked(group[0]), _waits_for_nobody(group[0]), -len(group)))
    lost = unsignalled(view)
    first = (*one_lock(groups, _who), *((lost,) if lost is not None else ()), *((bare_list[1],) if bare_list is not None else ()))
    said = [*first, *(_sentence(case, view, group, holders) for group in ordered[:MOST])]
    free = [member for member in resting if member.activity.kind is ActivityKind.IDLE or parks_in_its_loop(member.thread.frames)]
    spare: list[str] = [say("{who} {what}", who=_who(free), what=idle(free))] if len(free) >= FEWEST_FREE else []
    return [*spare, *said] if len(free) >= sum(map(len, groups.values())) and lost is None else [*said, *spare]


def _groups(view: ProcessView, holders: dict[str, Thread]) -> dict[object, list[ThreadActivity]]:
    """The threads that wait or work, and those that others wait for; such of which one sentence is true together."""
    groups: dict[object, list[ThreadActivity]] = {}
    for pool in view.pools:
        for member in pool.members:
            if (pool.role != PoolRole.JVM and not _rests(member) and member.activity.kind is not ActivityKind.NONE) or _wants(
                member
            ) is not None:
                groups.setdefault(_alike(member), []).append(member)
    wanted = {lock.address for pool in view.pools for member in pool.members if (lock := waited_lock(member.thread)) is not None}
    for member in (member for pool in view.pools for member in pool.members):
        keeps = any(holder is member.thread and (address in wanted or not holder.frames) for address, holder in holders.items())
        if keeps and not any(member in group for group in groups.values()):
            groups.setdefault(_alike(member), []).append(member)
    return groups


def of_untold(case: Case, findings: Sequence[Finding]) -> Iterator[str]:
    """What threads of a piece of a dump wait for of which no finding speaks."""
    places = [evidence.where for finding in findings for evidence in finding.evidence]
    for view in case.latest:
        if view.dump is None or not (view.dump.fragment or len(view.dump.threads) <= FEW):
            continue
        groups: dict[object, list[ThreadActivity]] = {}
        for member in (member for pool in view.pools if pool.role not in _OWN for member in pool.members):
            if member.activity.kind in _STANDS and not any(_overlap(member.thread.where, place) for place in places):
                groups.setdefault(_alike(member), []).append(member)
        holders = lock_holders(view)
        yield from (_sentence(case, view, group, holders) for group in sorted(groups.values(), key=len, reverse=True)[:_UNTOLD])


def _overlap(one: Where, other: Where) -> bool:
    return one.file == other.file and one.first <= other.last and other.first <= one.last


_STANDS: Final = FUTURES | {
    ActivityKind.LEASE,
    ActivityKind.LATCH,
    ActivityKind.MONITOR,
    ActivityKind.LOCK,
    ActivityKind.CALL,
    ActivityKind.SEMAPHORE,
}
"""Kinds of waits for somebody else's work: what the threads that a finding is about do may be that."""
_OWN: Final = frozenset({PoolRole.JVM, PoolRole.EVENT_LOOP, PoolRole.ACCEPTOR})
_UNTOLD: Final = 2


def _of_groups(case: Case, view: ProcessView) -> Iterator[str]:
    """What the largest groups of a whole dump wait for."""
    holders = lock_holders(view)
    for group in waiting_groups(view):
        yield _sentence(case, view, group, holders)
        yield from since_in_words(case, view, group)


def _wants(member: ThreadActivity) -> Lock | None:
    """The lock that keeps a thread from going on: not the queue that an idle one waits at for work."""
    lock = waited_lock(member.thread)
    return lock if lock is not None and ((member.activity.kind not in IDLE and not _rests(member)) or lock.verb in _ENTERS) else None


def _rests(member: ThreadActivity) -> bool:
    """True for a thread that waits for work, as far as its stack shows."""
    return member.activity.kind in IDLE - {ActivityKind.NONE} or parks_in_its_loop(member.thread.frames)


def _blocked(member: ThreadActivity) -> bool:
    lock = waited_lock(member.thread)
    return member.activity.kind == ActivityKind.LEASE or (lock is not None and lock.verb in _ENTERS)


def _waits_for_nobody(member: ThreadActivity) -> bool:
    """True for what a master does whose workers do the work: it sleeps, is idle, or stands in a wait that no row names."""
    return member.activity.kind in _BY_ITSELF


def _nobody_waits(view: ProcessView) -> bool:
    """True for a process, such as a master beside its workers, of whose threads none waits for somebody."""
    return all(_waits_for_nobody(member) for pool in view.pools for member in pool.members)


def _alike(member: ThreadActivity) -> object:
    """Equal for threads of which one sentence is true."""
    lock = waited_lock(member.thread)
    app = application_frame(member.thread, member.activity)
    if lock is not None and lock.verb in _ENTERS and lock.address:
        return lock.address, app
    if (of_go := kept(member, several=False)) is not None:
        return str(of_go)
    frame = blocking_frame(member.thread, member.activity)
    return member.activity.kind, frame, app


def _sentence(case: Case, view: ProcessView, group: Sequence[ThreadActivity], holders: dict[str, Thread]) -> str:
    member = group[0]
    app = caller(member)
    what, named = _what(view, member, holders, several=len(group) > 1)
    by = app if app != named and (member.activity.app >= 0 or not push_frame(member.thread.frames, view.known)) else None
    called = say(", called from {frame}", frame=by) if by is not None else ""
    since = reported(member) if len(group) == 1 else ""
    own = of_a_task(group) or of_a_reader(group)
    held = _kept_meanwhile(group)
    like = alike(case, group)
    return say(
        "{who}{like} {what}{called}{since}{held}{own}",
        who=_who(group),
        like=like,
        what=what,
        called=called,
        since=since,
        held=held,
        own=own,
    )


def _kept_meanwhile(group: Sequence[ThreadActivity]) -> str:
    """What a single thread holds while it waits: others may wait for it."""
    if len(group) > 1 or group[0].activity.kind in {ActivityKind.RUNNING, ActivityKind.NONE}:
        return ""
    held = list(dict.fromkeys(lock.cls for lock in held_locks(group[0].thread) if lock.cls and not lock.cls.startswith(_SYNCHRONIZERS)))
    return say("; meanwhile it holds {list}", list=joined(", ", held[:_NAMED])) if held else ""


def _who(group: Sequence[ThreadActivity]) -> str:
    names = [say("“{name}”", name=member.thread.name) for member in group[:_NAMED]]
    if len(group) == 1:
        return names[0] if group[0].thread.name else say("A thread without a name")
    listed = joined(", ", names)
    return say(
        "{threads} ({list}{and_others})",
        threads=plural(len(group), "task") if group[0].thread.native_state == TASK else plural(len(group), "thread"),
        list=listed,
        and_others=say(" and others") if len(group) > _NAMED else "",
    )


def _what(view: ProcessView, member: ThreadActivity, holders: dict[str, Thread], *, several: bool) -> tuple[str, Frame | None]:
    """What the thread does, and the frame that the words name."""
    thread, found = member
    if (of_go := kept(member, several=several)) is not None:
        return of_go, None
    lock, lender = waited_lock(thread), lender_of(member, view.known) if found.kind == ActivityKind.LEASE else None
    frame = blocking_frame(thread, found) or (thread.frames[0] if thread.frames else None)
    number = 2 if several else 1
    unlimited = "" if found.timed or thread.state is JavaState.TIMED_WAITING else say(", without a timeout,")
    if lender is not None:
        lends = _LENT.get(lender.lends, lender.lends)
        return say_of(
            number,
            "waits{unlimited} for {lends} of {software} in {frame}",
            "wait{unlimited} for {lends} of {software} in {frame}",
            unlimited=unlimited,
            lends=lends,
            software=lender.software,
            frame=frame.call if frame is not None else found.kind,
        ), frame
    if lock is not None and lock.verb in _ENTERS:
        holder = holders.get(lock.address or "")
        name = holder.name if holder is not None and holder is not thread else lock.holder
        printed = view.known.runtime is Runtime.JVM
        untold = say(", whose owner is not among the threads that are here") if printed else say(", whose owner the dump does not print")
        owner = say(", which “{name}” holds", name=name) if name else untold
        return say_of(number, "waits to enter {cls}{owner}", "wait to enter {cls}{owner}", cls=lock.cls or say("a lock"), owner=owner), None
    holder = holders.get(lock.address or "") if lock is not None else None
    if frame is not None and lock is not None and holder is not None and holder is not thread and holder.name:
        return say_of(
            number,
            "waits{unlimited} in {frame} for a {cls}, which “{name}” holds",
            "wait{unlimited} in {frame} for a {cls}, which “{name}” holds",
            unlimited=unlimited,
            frame=frame.call,
            cls=lock.cls or say("lock"),
            name=holder.name,
        ), frame
    if frame is None:
        return _held(thread) or say("has no frames"), None
    if lock is None and found.kind == ActivityKind.MONITOR:
        return say_of(
            number,
            "waits to enter a monitor in {frame}; which one it is, and who holds it, these lines do not show",
            "wait to enter a monitor in {frame}; which one it is, and who holds it, these lines do not show",
            frame=frame.call,
        ), frame
    if (named := named_wait(number, thread, view.known)) is not None:
        return named
    does = doing(member, frame, several=several)
    if lock is not None and lock.cls and (does is None or found.kind in _OF_LOCKS):
        unowned = (
            ""
            if not waits_for_lock(member)
            else say(", whose owner is not printed here")
            if lock.holder is None
            else say(", which “{name}” holds", name=lock.holder)
        )
        return say_of(
            number,
            "waits{unlimited} in {frame} for a {cls}{unowned}",
            "wait{unlimited} in {frame} for a {cls}{unowned}",
            unlimited=unlimited,
            frame=frame.call,
            cls=lock.cls,
            unowned=unowned,
        ), frame
    if does is not None:
        return does, frame
    return say_of(number, "is in {frame}", "are in {frame}", frame=frame.call), frame


def _held(thread: Thread) -> str | None:
    held = next((lock.cls for lock in thread.locks if lock.verb is LockVerb.LOCKED and lock.cls), None)
    return say("holds {cls}; its frames are not here", cls=held) if held else None


def calls_of(snapshot: Snapshot) -> Iterator[str]:
    """The system calls on sockets and files that threads stand in, of processes of which no thread dump is here."""
    told = any(dump.runtime is not Runtime.NATIVE for dump in snapshot.dumps)  # a debugger's stacks show nothing that a call does not
    waiting = [task for task in snapshot.tasks if task.call in DESCRIPTOR_FIRST] if not told else []
    if not waiting:
        return
    commands = {row.pid: row.owners[0].command for row in snapshot.rows if row.owners}
    far = {(owner.pid, owner.fd): row.remote for row in snapshot.rows for owner in row.owners or () if row.remote is not None}
    alike: dict[tuple[Pid, str | None, Endpoint | None, str | None], list[TaskSyscall]] = {}
    for task in waiting:
        remote = far.get((task.pid, task.descriptor)) if task.descriptor is not None else None
        alike.setdefault((task.pid, task.call, remote, task.caller), []).append(task)
    for (_, _, remote, _), tasks in list(alike.items())[:MOST]:
        task = tasks[0]
        command = commands.get(task.pid) or task.command
        process = say("{command} (pid {pid})", command=command, pid=task.pid) if command else say("pid {pid}", pid=task.pid)
        caller = say(", called from {frame}", frame=task.caller) if task.caller else ""
        if len(tasks) > 1:
            yield say(
                "{threads} of {process} are in {call}{to}{caller}",
                threads=plural(len(tasks), "thread"),
                process=process,
                call=task.call,
                to=say(" on connections to {remote}", remote=remote) if remote else "",
                caller=caller,
            )
            continue
        yield say(
            "thread {thread} of {process} is in {call}{on}{peer}{caller}",
            thread=task.native_id,
            process=process,
            call=task.call,
            on=say(" on descriptor {number}", number=task.descriptor) if task.descriptor is not None else "",
            peer=say(", the connection to {remote}", remote=remote) if remote else "",
            caller=caller,
        )

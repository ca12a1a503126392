"""What a wait asks for next: who would have to act so that threads go on, and where to look for them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.calls import cut_in_words, role_doubt, stuck_in_words
from analyzer.evidence.citations import of_sockets, shown_of
from analyzer.evidence.file_locks import held_file
from analyzer.evidence.log_lines import failure_of
from analyzer.evidence.movement import MOST, has_stood
from analyzer.model.finding import Confidence
from analyzer.model.message import joined, say, say_of
from analyzer.software.blockers import IDLE, application_frame, waited_lock
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.software.pools import ThreadSet
from analyzer.waits.pool_dependencies import hands_over
from analyzer.waits.server_pools import SATURATED
from analyzer.waits.targets import FEW_CLIENTS
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.evidence.movement import Standing
    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView
    from analyzer.model.finding import Evidence
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case
    from analyzer.waits.server_pools import ServerPool
    from parsers.records import Frame, Thread

_TAKES = ("take", "poll", "get")
_HEAP = "jcmd PID GC.heap_dump stuck.hprof"
_ENDED = {
    Runtime.JVM: "grep -n 'Exception in thread' console.log",
    Runtime.GO: "grep -nE 'panic|recovered' server.log",
    Runtime.PYTHON: "grep -n -A20 'Traceback' server.log",
}
"""What finds the end of a thread in the log of a runtime."""


_REFERS = say("A heap dump shows who refers to that object.")


_MOVES: Final = frozenset({ActivityKind.RUNNING, ActivityKind.NONE, ActivityKind.QUEUED})
_SENDS: Final = "chan send"
_STARTERS: Final = IDLE | {ActivityKind.JOIN, ActivityKind.LATCH}
"""What a thread does that has started a server, and waits for its end."""


def waiting_workers(serving: ServerPool) -> tuple[ThreadActivity, ...]:
    """The workers that wait, those in the commonest kind of wait first."""
    waiting = [member for member in serving.pool.busy if member.activity.kind not in _MOVES]
    kinds = Counter(member.activity.kind for member in waiting)
    return tuple(sorted(waiting, key=lambda member: (-kinds[member.activity.kind], member.activity.kind)))


def members_in_words(serving: ServerPool, members: Sequence[ThreadActivity]) -> str:
    """``All 8 request threads of POOL``, or how many requests are in service."""
    if len(members) == serving.blocked:
        return stuck_in_words(serving)
    if not serving.pool.bounded:
        return say("{count} requests in service ({name})", count=len(members), name=serving.pool.name)
    count = shown_of(serving.view.dump, len(members), serving.workers)
    return say_of(
        serving.workers,
        "{all_of} request thread of {name}{cut}",
        "{all_of} request threads of {name}{cut}",
        all_of=count,
        name=serving.pool.name,
        cut=cut_in_words(serving),
    )


def shared_frame(members: Sequence[ThreadActivity]) -> Frame | None:
    """The application frame that most of those in the commonest kind of wait share."""
    kind = members[0].activity.kind
    frames = [frame for member in members if member.activity.kind == kind and (frame := application_frame(*member)) is not None]
    return max(sorted(set(frames), key=str), key=frames.count, default=None)


def kept_waiting(serving: ServerPool, members: Sequence[ThreadActivity]) -> tuple[Connection, ...]:
    """Clients that have had no answer for more than a moment while the threads cannot hand over what these asked for.

    A long poll has its clients wait as well, but its threads take from a queue: they never wait to give to one.
    """
    clients = serving.pressure.unanswered
    giving = sum(map(hands_over, members))
    return clients if giving >= max(FEW_CLIENTS, SATURATED * len(members)) and len(clients) >= FEW_CLIENTS else ()


def kept_evidence(clients: Sequence[Connection], says: str | None) -> tuple[Evidence, ...]:
    """The rows of clients that have had no answer; none if there are none."""
    return (of_sockets(clients, says, ("ESTAB",)),) if clients and says else ()


def is_bound(members: Sequence[ThreadActivity]) -> bool:
    """True if the threads wait as none does by design: to hand something over, or for a child. Who waits for a request takes, and never gives."""
    count = sum(hands_over(member) or member.activity.kind is ActivityKind.PROCESS for member in members)
    return count >= SATURATED * len(members)


def all_wait_for_children(serving: ServerPool, members: Sequence[ThreadActivity]) -> bool:
    """True if every thread of the pool waits for a child process while the sockets that are here show no client: one dump tells so much.

    Nobody waits for a child by design, but children that work for a moment look the same.
    """
    children = [member for member in members if member.activity.kind is ActivityKind.PROCESS]
    return len(children) >= max(FEW_CLIENTS, serving.workers) and bool(serving.view.sockets) and not serving.connected


def nobody_takes(serving: ServerPool, members: Sequence[ThreadActivity]) -> bool:
    """True if all of them give to a queue, and no other thread of a whole dump does anything at all: whoever should take is not there.

    Where the kernel counts how long clients wait, that tells.
    """
    view = serving.view
    counted = serving.port is not None and any(row.info is not None for row in view.server_side(serving.port))
    if (
        len(members) < FEW_CLIENTS
        or counted
        or view.dump is None
        or view.dump.fragment
        or view.coverage.threads
        or not all(map(hands_over, members))
    ):
        return False
    known = ThreadSet(members)
    others = (member for pool in view.pools if pool.role is not PoolRole.JVM for member in pool.busy if member not in known)
    return all(member.activity.kind in _STARTERS or _is_runtime(member.thread) for member in others)


def _is_runtime(thread: Thread) -> bool:
    """True for a goroutine of Go's runtime itself: it takes nothing from a program."""
    return bool(thread.frames) and all(frame.full.startswith("runtime.") for frame in thread.frames)


def fails_again(case: Case, members: Sequence[ThreadActivity], still: Standing | None) -> bool:
    """True if the threads pause in the same place in dump after dump, and the log tells of failures in these very threads, as often as there are threads."""
    if members[0].activity.kind is not ActivityKind.SLEEP or still is None or still.same < MOST * still.of:
        return False
    log = failure_of(case, (member.thread.name for member in members))
    return log is not None and log.own and log.lines >= max(FEW_CLIENTS, len(members))


def has_no_end(members: Sequence[ThreadActivity]) -> bool:
    """True if no wait of them has a limit: who holds requests back on purpose (long polls) lets them go after a while."""
    return not any(member.activity.timed for member in members)


def _name(frame: Frame) -> str:
    """A method without its class: Python's dumps print ``Queue.put`` of the module ``queue``."""
    return frame.method.rpartition(".")[2]


def judge(
    serving: ServerPool, members: Sequence[ThreadActivity], still: Standing | None, kept: Sequence[Connection]
) -> tuple[Confidence, str]:
    """How sure it is that the pool is stuck; the cause is open anyway."""
    bound = is_bound(members)
    doubts = [doubt for doubt in (role_doubt(serving.pool),) if doubt]
    if serving.abandoned:
        doubts.append(say("the clients may have come and gone between the dump and the table"))
    elif (kept or bound) and has_stood(still) and not serving.pressure.exists:
        doubts.append(say("whoever they wait for may only be slow"))
    elif not serving.pressure.exists and serving.pressure.unknown >= FEW_CLIENTS:
        doubts.append(say("the table does not show whether those who left still waited for an answer"))
    elif not serving.pressure.exists and not kept:
        doubts.append(say("there is no socket table that shows clients suffer"))
    elif not has_stood(still):
        doubts.append(say("one dump cannot show how long they have stood there"))
    elif still.idle is None and not serving.pressure.gave_up:
        doubts.append(say("the dumps do not show whether they have worked in between, and nobody has given up"))
    if all_wait_for_children(serving, members) and not has_stood(still):
        doubts.append(say("children that work for a moment look the same"))
    if serving.view.dump is not None and serving.view.dump.complete is False:
        doubts.append(say("the thread dump is cut off"))
    sure = serving.pool.sure
    giving = bound and any(map(hands_over, members))
    said = say("That the pool stands still the dump and its clients show together; why, they do not.")
    if not doubts:
        return Confidence.CERTAIN, said
    shown = (serving.pressure.exists and (serving.pressure.gave_up or has_stood(still))) or (
        (kept or giving or serving.abandoned or serving.pressure.unknown >= FEW_CLIENTS) and has_stood(still)
    )
    confidence = Confidence.SUSPECTED if sure is Confidence.SUSPECTED or not shown else Confidence.LIKELY
    return confidence, say("{proof} Not certain, because {list}.", proof=said, list=joined(" and ", doubts))


class Advice(NamedTuple):
    """``sentence`` says who would have to act, ``waits_for`` names it in the chain, ``look`` says where to look, with a command."""

    sentence: str
    waits_for: str
    look: str
    command: str | None = None


def advice_for(view: ProcessView, members: Sequence[ThreadActivity]) -> Advice:
    """What the wait of most of the threads asks for."""
    advice = _advice(view, members)
    runtime = view.known.runtime
    if advice.command != _HEAP or runtime is Runtime.JVM:
        return advice
    # Other runtimes have no dump that shows who refers to an object.
    look = say("Look in the code for who should act on it, and in the log for what ended that.") if advice.look == _REFERS else advice.look
    return advice._replace(look=look, command=_ENDED.get(runtime))


def _advice(view: ProcessView, members: Sequence[ThreadActivity]) -> Advice:
    thread, found = members[0]
    if (held := held_file(view, members[0])) is not None:
        look, command = (
            say("Look at {who}: what is it in?", who=held.who),
            f"ps -o pid,stat,wchan:32,etime,args -p {held.holder.pid or 'PID'}",
        )
        return Advice(say("They wait for a lock on {place} that {who} holds.", place=held.place, who=held.who), held.who, look, command)
    if found.kind == ActivityKind.CHANNEL:
        return _channel(view, thread.native_state or "")
    if found.kind == ActivityKind.QUEUE and hands_over(members[0]):
        return _full_queue(view)
    if found.kind == ActivityKind.QUEUE:
        return Advice(
            say("Somebody would have to put something into the queue that they take from."),
            say("whoever puts into the queue"),
            say("Look for the code that answers into this queue, and in the log for what ended it."),
            _HEAP,
        )
    if found.kind in _OTHERS:
        return _OTHERS[found.kind]
    lock = waited_lock(thread)
    what = lock.cls if lock is not None and lock.cls else say("an object")
    return Advice(
        say("Who should act on {what} the dump does not say.", what=what),
        what,
        _REFERS,
        _HEAP,
    )


def _full_queue(view: ProcessView) -> Advice:
    """A queue that is full: is there anybody who takes?"""
    takers = [
        member
        for pool in view.pools
        for member in pool.members
        if any(_name(frame).startswith(_TAKES) and "Queue" in frame.full for frame in member.thread.frames)
    ]
    sentence = (
        say("The queue is full, and no thread of the dump takes from a queue: whoever should take has ended, or stands elsewhere.")
        if not takers
        else say("The queue is full: whoever should take from it does not keep up, or stands elsewhere.")
    )
    return Advice(
        sentence,
        say("whoever takes from the queue"),
        say("Search the log for the exception that ended the consumer; look where the threads are that should take from it."),
        _ENDED.get(view.known.runtime, _ENDED[Runtime.JVM]),
    )


def _channel(view: ProcessView, state: str) -> Advice:
    """A channel: is there anybody at its other end?"""
    states = [member.thread.native_state or "" for pool in view.pools for member in pool.members if member.activity.app >= 0]
    if state.startswith(_SENDS):
        return Advice(
            say("Their channel is full, or nobody is ready to receive.")
            if view.coverage.threads or any(one.startswith(("chan receive", "select")) for one in states)
            else say(
                "Their channel is full, or has no buffer, and no goroutine of the application receives: whoever should has ended, or stands elsewhere."
            ),
            say("whoever receives from the channel"),
            say("Find the code that receives from this channel, and in the log what ended it: a panic, a return."),
            _ENDED[Runtime.GO],
        )
    return Advice(
        say("Somebody would have to send on a channel that they receive from, or close it."),
        say("whoever sends on the channel"),
        say("Find the code that sends on this channel, and every path on which it does not: an error, an early return."),
        _ENDED[Runtime.GO],
    )


_OTHERS = {
    ActivityKind.LATCH: Advice(
        say(
            "Somebody would have to count the latch down, and no thread of the dump is seen to be about to: a signal that was lost, or never comes."
        ),
        say("whoever counts the latch down"),
        say("Find the code that calls countDown for this latch, and every path on which it does not (an exception, an early return)."),
        _HEAP,
    ),
    ActivityKind.BARRIER: Advice(
        say("They meet other threads there: as many as were agreed would have to come, and one that ended on the way never does."),
        say("the others that should come"),
        say("Look for whoever should come there too, and in the log for what ended it; is the agreed number right?"),
        _HEAP,
    ),
    ActivityKind.CONDITION: Advice(
        say("Somebody would have to signal the condition: a signal that was given before anybody waited is lost."),
        say("whoever signals the condition"),
        say("Find the code that signals it: does it hold the lock, and is the state checked in a loop?"),
        _HEAP,
    ),
    ActivityKind.OBJECT_WAIT: Advice(
        say("Somebody would have to call notify on the object: one that was called before anybody waited is lost."),
        say("whoever notifies"),
        say("Find the code that calls notify: notifyAll instead, and the state checked in a loop before each wait."),
        _HEAP,
    ),
    ActivityKind.SEMAPHORE: Advice(
        say("Somebody would have to release a permit: permits that an error path never gave back are gone."),
        say("whoever releases a permit"),
        say("Find every path between acquire and release; release belongs into finally."),
        _HEAP,
    ),
    ActivityKind.PROCESS: Advice(
        say(
            "They wait for a child process, for its end or for what it writes: its own state says what it is in; a child whose output nobody reads blocks on a full pipe."
        ),
        say("the child process"),
        say("Look at the children: what are they waiting for?"),
        "ps -o pid,stat,wchan:32,etime,args --ppid PID",
    ),
    ActivityKind.FILE_IO: Advice(
        say("They read or write a file: a pipe whose other end is silent keeps them for ever, and so does a volume that does not answer."),
        say("the other end of the file"),
        say("Look which of the descriptors are pipes, and who has their other ends; is the volume of the file in order?"),
        "ls -l /proc/PID/fd; lsof -E -nP -p PID | grep -E 'FIFO|REG'",
    ),
    ActivityKind.FILE_LOCK: Advice(
        say(
            "They wait for a lock of the operating system on a file: another process may hold it, and gives it back when it ends at the latest."
        ),
        say("whoever holds the lock on the file"),
        say("Look who holds the lock: lslocks names the process and the file."),
        "lslocks",
    ),
    ActivityKind.DATAGRAM: Advice(
        say("They wait for a datagram (UDP): one that is lost, or that nobody answers, never comes, and nothing sends it again."),
        say("the answer"),
        say("See whom they ask, and whether it answers; set a timeout (setSoTimeout) and ask again."),
        "ss -uanp | grep 'pid=PID,'",
    ),
    ActivityKind.SLEEP: Advice(
        say("They sleep between attempts, or poll for something: what is tried again and again says the log."),
        say("what is tried again"),
        say("Search the log for what is tried again, and bound the number of attempts."),
        "grep -nE 'refused|timed out|retry|attempt' console.log | tail",
    ),
    ActivityKind.JOIN: Advice(
        say("They wait for another thread to end."),
        say("the thread that should end"),
        say("Find which thread is joined, and what it is in."),
    ),
    ActivityKind.FUTURE: Advice(
        say(
            "The result that they wait for is not seen to be made by any thread of the dump: a task that is queued behind them in their own pool never runs."
        ),
        say("whoever makes the result"),
        say("Find who completes it, and every path on which nobody does."),
        _HEAP,
    ),
}
_OTHERS[ActivityKind.COMPLETABLE_FUTURE] = _OTHERS[ActivityKind.FUTURE]

"""What the rules about calls that get no answer say in the same words: the pool, its chain, its clients, what would decide."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets, of_threads, shown_of
from analyzer.evidence.packet_claims import packet_evidence
from analyzer.join.connections import close_wait, left_unread
from analyzer.model.finding import CloseWait, Culprit, Evidence, Missing, Step
from analyzer.model.message import Message, joined, plural, say, say_of
from analyzer.software.blockers import application_frame, hides_call
from analyzer.software.kinds import ActivityKind
from analyzer.software.runtimes import fitted, runtime_of_command
from parsers.records import Runtime, TcpState, TimerKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import ProcessView, ServerPool
    from parsers.records import Endpoint

KEEPALIVE_TIME: Final = 7200.0
"""Seconds; Linux' default of net.ipv4.tcp_keepalive_time."""
ROUNDING: Final = 0.1

SOCKETS_MISSING: Final = Missing(
    say("socket table with owners"),
    say("whether the calls go to the server's own port or to another service"),
    "ss -tanpoei > ss.txt; lsof -nP -p PID > lsof.txt",
)
OWNERS_MISSING: Final = Missing(
    say("socket table with owners"),
    say("which process these sockets are of"),
    "ss -tanpoei > ss.txt",
)
DUMP_MISSING: Final = Missing(
    say("thread dump"),
    say("what the request threads wait for, and whether any is free"),
    "jstack -l PID > jstack.txt",
)
STACKS_MISSING: Final = Missing(
    say("stacks of all threads"),
    say("what the threads wait for"),
    "gdb -p PID -batch -ex 'thread apply all bt' > stacks.txt",
)
WHOLE_DUMP_MISSING: Final = Missing(
    say("whole thread dump"),
    say("what the threads behind the futures do, and whether any request thread is free"),
    "jstack -l PID > jstack.txt",
)
REST_MISSING: Final = Missing(
    say("rest of the thread dump"),
    say("what the other threads do, and whether any is free"),
    "jstack -l PID > jstack.txt",
)
WHOLE_TABLE_MISSING: Final = Missing(
    say("whole socket table"),
    say("connections from the process to its own port or to another service"),
    "ss -tanpoei > ss.txt; lsof -nP -p PID > lsof.txt",
)


def command(missing: Missing, view: ProcessView) -> Missing:
    """The same with the pid filled in, if it is known, and for the runtime of the process."""
    pid = view.process.pid if view.process.pid not in {0, 4} else None  # Windows' own: sockets of no process stand under them
    filled = missing.command.replace("PID", str(pid)) if pid is not None else missing.command
    return Missing(missing.artifact, missing.would_show, fitted(filled, runtime_of(view)))


def runtime_of(view: ProcessView) -> Runtime:
    """What runs a process: its stacks say it, else its command; the JVM where nothing does."""
    return view.dump.runtime if view.dump is not None else runtime_of_command(view.command) or Runtime.JVM


def process_in_words(far: ProcessView, near: ProcessView) -> str:
    """``java (pid 88)``, and the host where it is not that of ``near``."""
    pid = far.process.pid
    elsewhere = say(" on {host}", host=far.snapshot.host) if far.snapshot.host and far.snapshot.host != near.snapshot.host else ""
    return say(
        "{command}{pid}{elsewhere}",
        command=far.command.rstrip(":") if far.command else say("a process"),  # netstat cuts "nginx: worker process"
        pid=say(" (pid {pid})", pid=pid) if pid is not None else "",
        elsewhere=elsewhere,
    )


def stuck_in_words(serving: ServerPool) -> str:
    """``All 8 request threads of POOL``; of a dump that is cut off it is not known how many there are, nor where each request has a new thread."""
    if not serving.pool.bounded:
        return say(
            "{all_of} requests in service ({name}{turn})",
            all_of=shown_of(serving.view.dump, serving.blocked, serving.workers),
            name=serving.pool.name,
            turn=_turn_in_words(serving),
        )
    cut = cut_in_words(serving)
    piece = serving.view.dump is not None and serving.view.dump.fragment
    if serving.blocked == serving.workers == 1 and not piece:  # the verbs that follow are those of many
        return say("All request threads of {name} (there is one){cut}", name=serving.pool.name, cut=cut)
    count = shown_of(serving.view.dump, serving.blocked, serving.workers)
    if serving.held_back:
        return say(
            "{all_of} request threads of {name}{cut} (in a call{turn})",
            all_of=count,
            name=serving.pool.name,
            cut=cut,
            turn=_turn_in_words(serving),
        )
    return say("{all_of} request threads of {name}{cut}", all_of=count, name=serving.pool.name, cut=cut)


def cut_in_words(serving: ServerPool) -> str:
    """What a count of threads rests on where the dump is cut off; empty where it is whole."""
    return say(", as far as the cut dump shows them,") if serving.view.dump is not None and serving.view.dump.complete is False else ""


def _turn_in_words(serving: ServerPool) -> str:
    """How many more wait for their turn, and where; empty if none does."""
    if not serving.held_back:
        return ""
    frame = application_frame(*serving.held_back[0])
    return say(
        "; {count} more wait for their turn in {waits}{where}",
        count=len(serving.held_back),
        waits=kind_in_words(serving.held_back),
        where=say(", called from {frame}", frame=frame) if frame is not None else "",
    )


def calling_place(serving: ServerPool) -> str:
    """Where the calls are made and what bounds them there: `` in FRAME (SETTINGS)``; of threads that wait for helpers, the helpers' place."""
    frame = serving.calling_frame
    found = Counter(member.activity.library for member in serving.callers)
    library = found.most_common(1)[0][0] if found else None
    plain = bool(serving.callers) and library is None
    connecting = plain and all(member.activity.kind is ActivityKind.SOCKET_CONNECT for member in serving.callers)
    own = "Socket.connect(address, timeout)" if connecting else "setSoTimeout"
    limits = own if plain and serving.view.known.runtime is Runtime.JVM else serving.view.known.limits_of(library)
    place = say(" in {frame}", frame=frame) if frame is not None else ""
    return say("{place}{limits}", place=place, limits=f" ({limits})" if limits else "")


def role_doubt(pool: Pool) -> Message | None:
    """Why a pool may not be the one that serves: its role is inferred, and from what; None if a name or a frame says it."""
    if pool.basis is None:
        return None
    port = say(" port {port}", port=pool.port) if pool.port is not None else ""
    return say("that {name} serves{port} is inferred ({basis})", name=pool.name, port=port, basis=pool.basis)


def channel_in_words(state: str) -> str:
    """What Go's runtime says of a goroutine at a channel: it has no frame for that."""
    if state.startswith("chan send"):
        return say("a channel send")
    return say("a channel receive") if state.startswith("chan receive") else say("a select")


def kind_in_words(members: Sequence[ThreadActivity]) -> str:
    """What the first of the threads waits for: ``FutureTask.get``."""
    thread, found = members[0]
    if found.kind == ActivityKind.CHANNEL:
        return channel_in_words(thread.native_state or "")
    if hides_call(found):
        return thread.frames[0].call
    return thread.frames[found.frame].call if 0 <= found.frame < len(thread.frames) else found.kind


def chain_of(serving: ServerPool, last: Step | None) -> tuple[Step, ...]:
    """Pool → what it waits for → helper pool → … → ``last``."""
    steps = []
    for dependency in serving.dependencies:
        waiters, kind = dependency.waiters, kind_in_words(dependency.waiters)
        count = shown_of(serving.view.dump, len(waiters), len(dependency.pool.workers))
        name = dependency.helper.name
        words = (
            say("{all_of} wait in {kind_in_words} to hand over to {name}", all_of=count, kind_in_words=kind, name=name)
            if dependency.handed
            else say("{all_of} wait in {kind_in_words} for tasks of {name}", all_of=count, kind_in_words=kind, name=name)
        )
        steps.append(
            Step(
                dependency.pool.name,
                say("waits to hand over to") if dependency.handed else say("waits for a result of"),
                words,
                (thread_evidence(serving, dependency.waiters, dependency.pool.name, dependency.basis),),
            )
        )
    if serving.callers:
        pool = serving.calling_pool
        words = say(
            "{all_of} are in {kind_in_words}",
            all_of=shown_of(serving.view.dump, len(serving.callers), len(pool.workers)),
            kind_in_words=kind_in_words(serving.callers),
        )
        connecting = all(caller.activity.kind is ActivityKind.SOCKET_CONNECT for caller in serving.callers)
        verb = say("waits for a connection to") if connecting else say("waits for an answer from")
        steps.append(Step(pool.name, verb, words, (caller_evidence(serving),)))
    elif serving.waiters and not serving.dependencies:
        words = say(
            "{threads} in {kind_in_words}", threads=plural(len(serving.waiters), "thread"), kind_in_words=kind_in_words(serving.waiters)
        )
        steps.append(
            Step(
                serving.pool.name,
                say("waits for a result of"),
                words,
                (thread_evidence(serving, serving.waiters, serving.pool.name, None),),
            )
        )
    return (*steps, last) if last else tuple(steps)


def thread_evidence(serving: ServerPool, members: Sequence[ThreadActivity], pool: str, basis: str | None) -> Evidence:
    """Threads that wait for a result."""
    inferred = None if basis is None else say("A dump does not show which pool runs a future. This pool is inferred: {basis}.", basis=basis)
    frame = serving.culprit
    called = (
        say(", called from {frame}", frame=frame)
        if frame is not None and members and members[0] in (*serving.waiters, *serving.direct)
        else ""
    )
    return of_threads(
        members,
        say_of(
            len(members),
            "{threads} of {pool} waits in {kind_in_words}{called}",
            "{threads} of {pool} wait in {kind_in_words}{called}",
            threads=plural(len(members), "thread"),
            pool=pool,
            kind_in_words=kind_in_words(members),
            called=called,
        ),
        inferred,
    )


def culprit_of(serving: ServerPool, *, remote: Endpoint | None = None, library: str | None = None) -> Culprit:
    """What to blame: the pool, the frame that makes its calls, whoever does so for it, and its listener, and what the rule adds."""
    return Culprit(
        pool=serving.pool.name,
        frame=str(serving.blamed) if serving.blamed else None,
        listener=f"*:{serving.port}" if serving.port is not None else None,
        remote=str(remote) if remote is not None else None,
        library=library,
    )


def chain_evidence(serving: ServerPool) -> list[Evidence]:
    """The waits of the pool's chain."""
    return [evidence for step in chain_of(serving, None) for evidence in step.evidence]


def waits_of(serving: ServerPool) -> list[Evidence]:
    """The waits of the pool's chain; if it has none, the threads that stand in a call."""
    return chain_evidence(serving) or [caller_evidence(serving)]


def caller_evidence(serving: ServerPool) -> Evidence:
    """Threads that stand in a call."""
    members = serving.callers
    library = members[0].activity.library
    over = f" ({library})" if library else ""
    return of_threads(
        members,
        say_of(
            len(members),
            "{threads} of {name} waits in {kind_in_words}{over}",
            "{threads} of {name} wait in {kind_in_words}{over}",
            threads=plural(len(members), "thread"),
            name=serving.calling_pool.name,
            kind_in_words=kind_in_words(members),
            over=over,
        ),
    )


def client_evidence(view: ProcessView, port: int | None) -> list[Evidence]:
    """What the clients of a port suffer, one claim per class of Recv-Q, never more than three rows each; none without a port."""
    if port is None:
        return []
    clients = view.clients_of(port)
    found = []
    waiting = clients.of(TcpState.CLOSE_WAIT)
    for rows, says in (
        (
            [connection for connection in waiting if left_unread(connection) == 1 and not connection.unaccepted],
            say(
                "clients disconnected; the request was read, only the client's FIN is unread (Recv-Q 1). A thread still works on it, or nothing watches this socket"
            ),
        ),
        (
            [row for row in waiting if (left_unread(row) or 0) > 1 and not row.unaccepted],
            say("clients disconnected before anybody read their request (Recv-Q over 1)"),
        ),
        ([row for row in clients if row.unaccepted], say("connections are not even accepted: no process owns them (inode 0)")),
        (
            [row for row in waiting if row.recv_q == 0 and not row.unaccepted],
            say("clients disconnected and the FIN was read, but the socket is not closed (Recv-Q 0)"),
        ),
        (
            [row for row in waiting if row.recv_q is None and not row.unaccepted],
            say("clients disconnected and the server has not closed its side"),
        ),
        (
            [row for row in clients.of(TcpState.ESTABLISHED) if row.recv_q and left_unread(row) and not row.unaccepted],
            say("clients wait; their request lies unread"),
        ),
    ):
        if rows:
            found.append(
                of_sockets(
                    rows,
                    say("{sockets} on port {port}: {says}", sockets=plural(len(rows), "socket"), port=port, says=says),
                    _marks(rows),
                    age_in_words(rows),
                )
            )
    return [*found, *packet_evidence(view, waiting)]


def age_in_words(rows: Sequence[Connection]) -> str | None:
    """How old connections are by their keepalive timers, None if the table has none.

    The kernel arms the timer once, when the connection is made, and traffic does not restart it (measured on Linux 6): what is gone of
    the two hours of ``tcp_keepalive_time`` is the connection's age. An own setting of that time would make it something else.
    """
    ages = [
        KEEPALIVE_TIME - row.timer.remaining
        for row in rows
        if row.timer and row.timer.kind is TimerKind.KEEPALIVE and row.timer.remaining is not None
    ]
    ages = [age for age in ages if age >= 0]
    if not ages:
        return None
    youngest, oldest = min(ages), max(ages)
    span = (
        say("{seconds:.1f} s", seconds=youngest)
        if oldest - youngest < ROUNDING
        else say("{youngest:.1f} to {oldest:.1f} s", youngest=youngest, oldest=oldest)
    )
    return say(
        "These connections are about {span} old (from the keepalive timer, default 7200 s).",
        span=span,
    )


def _marks(rows: Sequence[Connection]) -> tuple[str, ...]:
    first = min(rows, key=lambda one: one.where)
    return tuple(word for word in (str(first.recv_q) if first.recv_q else None, first.state.value if first.state else None) if word)


def client_figures(view: ProcessView, port: int | None) -> list[tuple[str, str]]:
    """CLOSE_WAIT of the port as figures."""
    if port is None:
        return []
    counts = close_wait(view.server_side(port))
    return [(f"{counts.total:,}", say("sockets in CLOSE_WAIT"))] if counts.total else []


def clients_in_words(view: ProcessView, port: int | None) -> str:
    """One sentence about the clients of a port, empty if there is nothing to say, or no one port."""
    if port is None:
        return ""
    counts = close_wait(view.server_side(port))
    if not counts.total:
        unread = sum(1 for client in view.clients_of(port).of(TcpState.ESTABLISHED) if left_unread(client))
        return (
            say(
                " {client_waits} on port {port} with a request that nobody has read.",
                client_waits=plural(unread, "client waits", "clients wait"),
                port=port,
            )
            if unread
            else ""
        )
    return joined(" ", ("", *_gone_in_words(counts)))


def _unread_in_words(unread: int, read: int) -> str:
    return say("never read the other {count:,}", count=unread) if read else say("never read {count:,} of their requests", count=unread)


def _gone_in_words(counts: CloseWait) -> Iterator[str]:
    """Clients that left, one fact a sentence: how many, what became of their requests, and that the server does not close."""
    yield say_of(counts.total, "{total:,} client has disconnected.", "{total:,} clients have disconnected.", total=counts.total)
    read = counts.fin_only + counts.drained
    known = (
        say("had read {count:,} of their requests", count=read) if read else "",
        _unread_in_words(counts.unread, read) if counts.unread else "",
        say("never accepted {count:,} of their connections", count=counts.unaccepted) if counts.unaccepted else "",
    )
    said = [part for part in known if part]
    if said:
        yield say("The server {parts}.", parts=joined(" and ", said))
    yield say("It has not closed these sockets, so they stay in CLOSE_WAIT.")

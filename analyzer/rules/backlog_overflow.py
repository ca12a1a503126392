"""The accept queue overflows in bursts although threads are free: the backlog is too small.

Looks for: a LISTEN row with as many waiting connections as its backlog allows (or more), kernel counters of listen overflows, and a server pool
that has threads to spare. A queue that was full in an earlier snapshot counts while the counters grow. An acceptor that stands in code of the
application is named: it does more than accept.

Why it matters: the kernel drops the SYNs that do not fit; clients see connects that take one, three or seven seconds, or fail, while the
server idles.

Do next: raise the backlog of the listener (acceptCount, backlog) and net.core.somaxconn together; look whether the acceptor does more than accept.

Wrong when: no thread is free: then the queue is the consequence of a stall. The counters count from boot; only their growth says that it
happens now. From a capture alone it is
only suspected, and only where other machines are seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.evidence.overflows import Overflows, overflows
from analyzer.evidence.picked_reason import picked_reason
from analyzer.families import unaccepted_counts
from analyzer.families.captures_only import dropped_attempts
from analyzer.families.interpreter_locks import kept_ports
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import PoolRole
from analyzer.waits.acceptors import acceptor_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.SOCKETS,)
_STALLS: Final = ("event-loop-blocked", "lock-convoy", "process-stopped", "self-call-starvation", "slow-backend")
CONSEQUENCE_OF: Final = ("acceptor-stalled", "connection-limit", "fd-exhaustion", *_STALLS)
OUTLOOK: Final = Outlook(RecoversWhen.LOAD, say("The queue empties when connections are accepted faster than they come."))
UNSEEN: Final = Outlook(
    RecoversWhen.UNKNOWN, say("Whether threads are free is not known: before a stall the queue stays full until that ends.")
)
CLEAN: Final = say("no accept queue is full")
SMALLEST_BACKLOG: Final = 1
"""A backlog of nothing is full at once, and meant so."""
TEXT: Final = Text(
    "backlog-overflow",
    headline="The accept queue of port {port} is full ({recv_q} of {backlog}){while_threads}.",
    explanation="{connection_waits} to be accepted on port {port}, and the queue holds {backlog}: further SYNs are dropped, and clients try again after one, three and seven seconds.{which}",
    why=Either(
        "confirmed",
        "Queue and counters agree, and threads are free.",
        Either(
            "threads",
            "One moment of the queue; counters that grow would confirm it.",
            "Without a thread dump a stall of the server shows the same.",
        ),
    ),
    do=(
        Do(When.NOW, "Watch the counter for a minute: does it grow?", "nstat -az TcpExtListenOverflows TcpExtListenDrops"),
        Do(When.FIX, "Take the work in {frame} out of the acceptor: accept, and hand over at once.", on="frame_known"),
        Do(
            When.NOW,
            "Take a thread dump: if no thread is free, what they wait for is the cause.",
            "jstack -l {pid} > jstack.txt",
            on="unseen",
        ),
        Do(When.FIX, "Raise the listener's backlog (acceptCount, backlog) above {backlog}, and net.core.somaxconn with it.", on="threads"),
    ),
    figures=(("{recv_q} of {backlog}", "accept queue"),),
    ask=(
        Ask(
            "kernel counters, twice",
            "whether the queue overflows now",
            "nstat -az TcpExtListenOverflows > nstat-1.txt; sleep 60; nstat -az TcpExtListenOverflows > nstat-2.txt",
            on="undecided",
        ),
    ),
    chain=(("{cause}", "fills the accept queue of", "port {port}"), ("the kernel", "drops further SYNs", "")),
    phrases={
        "cause": Either("threads", "a burst of clients", "a server that stands still, or a burst of clients,"),
        "while_threads": Either("threads", " while threads are free", Either("picked", ", and {picked}")),
        "which": Either(
            "threads",
            Either(
                "which",
                " The server has free threads, so it is the queue that is too small, or the acceptor too slow.",
                " The server has free threads, and the acceptor was met in {frame}: it accepts, but not as fast as clients come.",
            ),
            Either(
                "picked",
                " Of the server's threads one alone is here: {picked}. If it is the one that should accept, or all others stand so, that is why.",
                " Whether threads are free is not in the evidence: a server that stands still fills its queue, too, and then a larger one only delays it.",
            ),
        ),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per listener whose queue is full while the server has threads."""
    held_up = unaccepted_counts.held_up(case)
    told = kept_ports(case)
    for view in sorted(case.latest, key=lambda one: one.dump is None):
        stuck = any(serving.view is view and serving.pool.idle == 0 and serving.workers for serving in case.server_pools)
        for port, listener in sorted(view.listeners.items()):
            if listener is None or stuck or (view, port) in held_up or (view.snapshot.host, port) in told:
                continue
            grown = overflows(case, view.snapshot.host)
            earlier = [one for other in case.history(view)[:-1] if (one := other.listeners.get(port)) is not None and _full(one)]
            if _full(listener):
                told.add((view.snapshot.host, port))
                yield _finding(case, view, port, listener, grown)
            elif earlier and grown is not None and grown.grown > 0:
                yield _finding(case, view, port, earlier[-1], grown)
    yield from unaccepted_counts.findings(case)
    yield from dropped_attempts(case)


def _full(listener: Connection) -> bool:
    return listener.backlog is not None and listener.backlog >= SMALLEST_BACKLOG and (listener.recv_q or 0) >= listener.backlog


def _finding(case: Case, view: ProcessView, port: int, listener: Connection, counted: Overflows | None) -> Finding:
    waits = plural(listener.recv_q or 0, "connection waits", "connections wait")
    says = say("{connection_waits} in an accept queue of {backlog}", connection_waits=waits, backlog=listener.backlog)
    queue = of_sockets([listener], says, (str(listener.recv_q), "LISTEN"))
    evidence = [queue]
    grown = 0
    if counted is not None and counted.last.value:
        counter, grown = counted.last, counted.grown
        evidence.append(
            Evidence(
                counter.where,
                say(
                    "{value:,} listen overflows{of_them}",
                    value=counter.value,
                    of_them=say(", {grown:,} of them between the snapshots", grown=grown) if grown else say(" since boot"),
                ),
                (str(counter.value),),
            )
        )
    # Free threads are shown, not concluded: a dump that is not whole may hold only the idle ones.
    threads = not view.coverage.threads and any(pool.idle for pool in view.pools if pool.role != PoolRole.JVM)
    acceptor = acceptor_of(view, port)
    frame = application_frame(*acceptor) if acceptor is not None else None
    picked = picked_reason(case) if not threads else None
    evidence += [picked.evidence] if picked is not None else []
    if acceptor is not None and frame is not None:
        evidence.append(of_threads([acceptor], say("the acceptor “{name}” is in {frame}", name=acceptor.thread.label, frame=frame)))
    text = TEXT.filled(
        view.process,
        port=port,
        recv_q=listener.recv_q,
        backlog=listener.backlog,
        threads=threads,
        picked=picked.words if picked is not None else None,
        unseen=not threads,
        connection_waits=waits,
        which=frame is None,
        frame=frame,
        confirmed=grown and threads,
        frame_known=frame is not None,
        undecided=not grown,
    )
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN if grown and threads else Confidence.LIKELY if threads else Confidence.SUSPECTED,
        evidence=tuple(evidence),
        chain=text.steps((queue,)),
        outlook=None if threads else UNSEEN,
        culprit=Culprit(
            thread=acceptor.thread.label if acceptor is not None and frame is not None else picked.member.thread.label if picked else None,
            frame=str(frame) if frame is not None else str(picked.frame) if picked else None,
            listener=f"*:{port}",
        ),
    )

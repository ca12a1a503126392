"""Nobody accepts: connections wait in the accept queue while the acceptor does something else, or is gone.

Looks for: connections to a listener that no process owns (inode 0, not accepted yet), and a thread dump in which the acceptor stands in
other code than accept, or in which no thread accepts or selects at all.

Why it matters: every new client waits although the process has threads and time. With the accept queue full the kernel drops SYNs.

Do next: look at what the acceptor does: it must hand over a connection at once. If it is gone, the log has the error that ended it.

Wrong when: the acceptor waits at the connection limit (connection-limit), pauses because descriptors are used up (fd-exhaustion), or the
queue was caught in a burst (the next snapshot has none of these connections). An acceptor that does a little more than accept looks the same in
one dump (backlog-overflow): only clients that gave up in the queue, or a queue that did not move between two snapshots, tell a stall from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_evidence
from analyzer.evidence.citations import of_dump, of_silence, of_sockets, of_threads
from analyzer.evidence.doing import instead_of_accepting
from analyzer.evidence.log_lines import ended_of, failed_accept
from analyzer.families import handshake_stall, queue_lengths
from analyzer.families.nobody_accepts import KEEP_FROM_ACCEPTING
from analyzer.model.finding import Confidence, Culprit, Finding, Kind, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind
from analyzer.waits.acceptors import acceptor_of, all_at_work, is_accepted, queue_of, shaking_hands, stayed
from analyzer.waits.targets import only_target
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final = KEEP_FROM_ACCEPTING
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("Clients wait until the acceptor accepts again; nothing else empties the queue."))
CLEAN: Final = say("somebody accepts, or nobody waits to be accepted")
LONG_QUEUE: Final = 3
"""Connections waiting to be accepted that are a pattern: one or two are caught between two calls of accept."""
_BRIEF: Final = frozenset({ActivityKind.RUNNING, ActivityKind.SLEEP, ActivityKind.WAITING})
"""What an acceptor may do between two calls of accept and come back from by itself."""
TEXT: Final = Text(
    "acceptor-stalled",
    headline="Nobody accepts the connections to port {port}: {the_acceptor}.",
    explanation="{connection_waits} in the accept queue of port {port}, and {what}.{holding} New clients are served again only when it returns to accept.",
    why=Either(
        "proven",
        "The socket table shows connections that nobody owns, the thread dump shows why.",
        Either(
            "acceptor",
            "One moment, or a queue that moved a little: an acceptor that does more than accept shows the same. A second snapshot tells whether the queue moves.",
            "The dump shows no acceptor; a thread that accepts in code this tool does not know would be one.",
        ),
    ),
    do=(
        Do(When.NOW, "Restart the listener or the process; the queue does not drain by itself while the acceptor is held up."),
        Do(When.FIX, "Let the acceptor only accept and hand over{take_the}; give every read there a timeout.", on="acceptor"),
        Do(
            When.FIX,
            Either(
                "ended",
                "See in the log what ended “{name}”{in_place}, and catch it inside its loop: one failed connection must not end it.",
                "Find in the log what ended the acceptor, and catch it inside its loop: one failed connection must not end it.",
            ),
            on="gone",
        ),
    ),
    figures=(("{queue_count:,}", "connections waiting to be accepted"),),
    chain=(("{who}", "does not accept", "{what}"), ("{listener}", "fills its accept queue", "{connections}")),
    phrases={
        "the_acceptor": Either(
            "acceptor",
            Either("target", "the acceptor waits for an answer of {target}", "the acceptor is busy with something else"),
            Either(
                "ended",
                "the acceptor is gone, and the log says that an exception ended the thread “{name}”{in_place}",
                Either("failed", "the acceptor is gone, and the log tells of a failure in accept", "the acceptor is gone"),
            ),
        ),
        "in_place": Either("place", " in {place}"),
        "holding": Either("only_one", " {accepted_connection_is} open: {remote} may be whom it waits for."),
        "unowned": "{connection_has} no owner: not accepted yet",
        "listener_says": "{queue_waits} in the accept queue of port {port}",
        "take_the": Either("frame", ": take the work out of {frame}"),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per listener that nobody accepts from."""
    for view in case.latest:
        if view.dump is None or (view.dump.fragment and not shaking_hands(view)):
            continue
        for port in sorted(view.listeners):
            queue = queue_of(view, port)
            if len(queue) < LONG_QUEUE or is_accepted(view, port):
                continue
            history = case.history(view)
            if any(_moved_on(queue, later, port) for later in history if later.snapshot.index > view.snapshot.index):
                continue
            past = (other for other in history if other.snapshot.index < view.snapshot.index)
            earlier = [before for other in past if (before := queue_of(other, port))]
            if (still := stayed(earlier[-1], queue) if earlier else 0) == 0 and earlier:
                continue
            lasting = still == len(earlier[-1]) if earlier else any(row.state is TcpState.CLOSE_WAIT for row in queue)
            acceptor = acceptor_of(view, port)
            if acceptor is not None or view.dump.complete is not False:  # in a dump that is cut off it may be among those that are missing
                yield _finding(case, view, port, queue, acceptor, lasting=lasting, twice=bool(earlier))
    yield from handshake_stall.findings(case)
    yield from queue_lengths.findings(case)


def _moved_on(queue: Sequence[Connection], later: ProcessView, port: int) -> bool:
    """True if a later table has none of the queue any more: somebody accepted them all."""
    return later.snapshot.has_table and not later.coverage.sockets and not stayed(queue, queue_of(later, port))


def _finding(
    case: Case, view: ProcessView, port: int, queue: Sequence[Connection], acceptor: ThreadActivity | None, *, lasting: bool, twice: bool
) -> Finding:
    listener = view.listeners.get(port)
    frame = application_frame(*acceptor) if acceptor else None
    what = instead_of_accepting(acceptor, frame) if acceptor is not None else say("no thread of the process accepts or selects")
    held = [row for row in view.server_side(port) if row.owners and row.state is TcpState.ESTABLISHED]
    target = only_target(view, acceptor) if acceptor is not None else None
    ended = ended_of(case, view) if acceptor is None else None
    failed = failed_accept(case) if acceptor is None and ended is None else None
    text = TEXT.filled(
        view.process,
        port=port,
        acceptor=acceptor,
        gone=acceptor is None,
        ended=ended,
        failed=failed,
        name=ended.thread if ended else None,
        place=ended.frame if ended else None,
        connection_waits=plural(len(queue), "connection waits", "connections wait"),
        connection_has=plural(len(queue), "connection has", "connections have"),
        queue_waits=plural((listener.recv_q if listener else None) or 0, "connection waits", "connections wait"),
        what=what,
        only_one=acceptor and not target and len(held) == 1,
        target=target.remote if target else None,
        accepted_connection_is=plural(len(held), "accepted connection is", "accepted connections are"),
        remote=held[0].remote if held else None,
        proven=acceptor and lasting and (twice or acceptor.activity.kind not in _BRIEF),
        frame=frame,
        queue_count=len(queue),
        who=acceptor.thread.label if acceptor else say("the acceptor"),
        listener=f"*:{port}",
        connections=plural(len(queue), "connection"),
    )
    waiting = of_sockets(queue, text["unowned"])
    evidence = [waiting]
    if listener is not None and listener.recv_q:
        evidence.append(of_sockets([listener], text["listener_says"], (str(listener.recv_q),)))
    if acceptor is not None:
        evidence.insert(0, of_threads([acceptor], what))
        evidence += [of_silence(target.connections, target.remote)] if target else []
    elif view.dump is not None:
        evidence.insert(0, of_dump(view.dump, say("{what}, in {threads}", what=what, threads=plural(len(view.dump.threads), "thread"))))
    return text.finding(
        severity=Severity.CRITICAL if lasting or acceptor is None else Severity.WARNING,
        confidence=_confidence(view, acceptor, lasting=lasting, twice=twice),
        evidence=(*evidence, *((ended.evidence,) if ended else (failed,) if failed else ()), *client_evidence(view, port)),
        chain=text.steps((evidence[0],), (waiting,)),
        absent=() if acceptor is not None else (Kind.THREADS,),
        culprit=Culprit(
            thread=acceptor.thread.label if acceptor else ended.thread if ended else None,
            frame=str(frame) if frame else ended.frame if ended else None,
            listener=f"*:{port}",
            remote=str(target.remote) if target else None,
        ),
    )


def _confidence(view: ProcessView, acceptor: ThreadActivity | None, *, lasting: bool, twice: bool) -> Confidence:
    """One table cannot tell a queue that stands from one that moves, unless the acceptor waits for somebody else."""
    if view.dump is not None and view.dump.fragment:
        return Confidence.SUSPECTED
    if acceptor is None:  # a program whose workers accept for themselves has none, and all of them may be at work
        # In a table without owners the listener may be another program's.
        return Confidence.SUSPECTED if all_at_work(view) or view.pid is None else Confidence.LIKELY
    if not twice and acceptor.activity.kind in _BRIEF:
        return Confidence.SUSPECTED
    return Confidence.CERTAIN if lasting else Confidence.LIKELY

"""A server that takes connections and has no thread left that would serve them: all of them have ended, one request after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_evidence, client_figures, clients_in_words
from analyzer.evidence.citations import of_threads
from analyzer.evidence.log_lines import ended_of
from analyzer.model.finding import Confidence, Culprit, Kind, Severity, When
from analyzer.model.message import plural
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.waits.server_pools import pressure
from analyzer.waits.targets import FEW_CLIENTS
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

_NO_WORKERS: Final = frozenset({ActivityKind.ACCEPT, ActivityKind.NONE})
"""What threads do that serve nobody: they take connections, or have no stack."""
_VIRTUAL: Final = ("VirtualThread-", "ForkJoinPool-1-worker-")
"""Helpers of virtual threads, which a dump of the usual kind does not show (``java.lang.VirtualThread``)."""
TEXT: Final = Text(
    "pool-stuck",
    headline="Nobody reads the requests of port {port}: connections are taken, and no thread that would serve them is left.",
    explanation="{unread} of port {port} lie unread, while “{acceptor}” takes new connections.{clients} The whole dump shows no thread that serves, neither a busy nor a free one: they have ended.{died}",
    why=Either(
        "gone",
        "The dump has no such thread, the table has what nobody reads, and the log says how one of them ended.",
        "The dump has no such thread, and the table has what nobody reads. That there were any, and what ended them, is not in the evidence.",
    ),
    do=(
        Do(
            When.NOW,
            "See in the log what ended the threads, then restart: no request is served any more.",
            "grep -n 'Exception in thread' console.log",
        ),
        Do(
            When.FIX,
            "Catch what a request throws inside the loop of the thread that serves it, or give requests to an executor, which replaces a thread that ends.",
        ),
        Do(When.PREVENT, "Watch how many threads serve, and set an uncaught exception handler that reports each one that ends."),
    ),
    figures=(("0", "threads that serve"),),
    ask=(Ask("log of the process", "which exception ended the threads", "grep -n -A5 'Exception in thread' console.log", on="untold"),),
    chain=(("{acceptor}", "hands requests to", "threads that have ended"),),
    phrases={
        "died": Either("gone", " The log says that an exception ended the thread “{gone}”{in_place}."),
        "in_place": Either("place", " in {place}"),
        "accepts": "“{acceptor}” takes connections",
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One for each port whose requests lie unread in a process without a thread that could read them."""
    for view in case.latest:
        acceptors = _acceptors(view)
        if not acceptors or _may_serve(view):
            continue
        for port in sorted(view.listeners):
            felt = pressure(view, port)
            if felt.unread + felt.close_wait.unread >= FEW_CLIENTS and not felt.accept_queue:
                yield _finding(case, view, port, acceptors[0], felt.unread + felt.close_wait.unread)


def _acceptors(view: ProcessView) -> Sequence[ThreadActivity]:
    """Threads that take connections, in a whole dump of a JVM."""
    if (
        view.dump is None
        or view.known.runtime is not Runtime.JVM
        or view.dump.fragment
        or view.dump.complete is False
        or view.coverage.threads
    ):
        return ()
    return [member for pool in view.pools for member in pool.members if member.activity.kind is ActivityKind.ACCEPT]


def _may_serve(view: ProcessView) -> bool:
    """True if any thread might read requests, or may be hidden."""
    members = [member for pool in view.pools if pool.role is not PoolRole.JVM for member in pool.members]
    hidden = view.dump is not None and any(thread.name.startswith(_VIRTUAL) for thread in view.dump.threads)
    return hidden or any(member.activity.kind not in _NO_WORKERS and not _started_it(member) for member in members)


def _started_it(member: ThreadActivity) -> bool:
    """True for the thread that has started the program, and waits for its end."""
    waits = member.activity.kind in {ActivityKind.JOIN, ActivityKind.LATCH, ActivityKind.SLEEP}
    return waits and bool(member.thread.frames) and member.thread.frames[-1].method == "main"


def _finding(case: Case, view: ProcessView, port: int, acceptor: ThreadActivity, unread: int) -> Finding:
    ended = ended_of(case, view)
    text = TEXT.filled(
        view.process,
        port=port,
        unread=plural(unread, "request"),
        acceptor=acceptor.thread.label,
        clients=clients_in_words(view, port),
        gone=ended.thread if ended else None,
        place=ended.frame if ended else None,
        untold=ended is None,
    )
    accepts = of_threads((acceptor,), text["accepts"])
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if ended else Confidence.SUSPECTED,
        evidence=(*((ended.evidence,) if ended else ()), accepts, *client_evidence(view, port)),
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps((accepts,)),
        absent=(Kind.THREADS,),
        culprit=Culprit(thread=ended.thread if ended else None, frame=ended.frame if ended else None, listener=f"*:{port}"),
    )

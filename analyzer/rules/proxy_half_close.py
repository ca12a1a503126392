"""A proxy keeps half-closed connections: one side has left, the proxy waits for the other.

Looks for: many connections in CLOSE_WAIT that a proxy or load balancer owns (haproxy, nginx, envoy …), read to their end or nearly. As many of its
own connections in FIN_WAIT2 say that it has passed the end on to the server behind and keeps both halves: then it waits for no answer.

Why it matters: a proxy may keep a connection half open on purpose, until its own time limit, which can be hours (timeout tunnel, timeout client-fin).
The sockets count against its limits.

Do next: set the proxy's limits for half-closed connections (haproxy: timeout client-fin, timeout server-fin; nginx: proxy_ignore_client_abort off, lingering
limits), and look at the servers behind it: a proxy waits for them.

Wrong when: the server behind the proxy hangs: then the proxy's sockets are a symptom, and its own connections to that server wait for an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.correlate.sockets import close_wait
from analyzer.correlate.witness import of_sockets, plural
from analyzer.finding import Action, Confidence, Culprit, Finding, Heals, Missing, Outlook, Severity, Step, When
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.correlate import Case, ProcessView
    from analyzer.correlate.sockets import Connection

NEEDS: Final = ("sockets",)
CONSEQUENCE_OF: Final = ("self-call-starvation", "slow-backend", "mutual-call-starvation", "database-read-hang")
OUTLOOK: Final = Outlook(Heals.TIMEOUT, "The proxy closes at its own time limit, or when the server behind it answers.")
CLEAN: Final = "no proxy owns a pile of connections in CLOSE_WAIT"
FEWEST: Final = 20
"""CLOSE_WAIT sockets of a proxy below which it is just closing them."""
MOST: Final = 0.9
"""Share of them whose other half is in FIN_WAIT2: the rest may have been caught between the two."""


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per proxy process."""
    for view in case.latest:
        if view.known.is_proxy(view.command):
            waiting = [one for one in view.sockets if one.state is TcpState.CLOSE_WAIT and not one.unaccepted]
            if len(waiting) >= FEWEST:
                passed = [one for one in view.client_side if one.state is TcpState.FIN_WAIT2 and one.owners]
                before = [{(one.local, one.remote) for one in other.sockets} for other in case.history(view)[:-1]]
                lasting = sum((one.local, one.remote) in before[-1] for one in waiting) if before else 0
                yield _finding(view, waiting, passed if len(passed) >= MOST * len(waiting) else [], lasting)


def _finding(view: ProcessView, waiting: Sequence[Connection], passed: Sequence[Connection], lasting: int) -> Finding:
    split = close_wait(waiting)
    shown = of_sockets(waiting, f"{plural(len(waiting), 'connection')} of {view.command} in CLOSE_WAIT")
    evidence = [shown]
    if passed:
        evidence.append(
            of_sockets(passed, f"{plural(len(passed), 'connection')} of {view.command} in FIN_WAIT2: it has passed the end on", ("FIN",))
        )
    calls = passed or [one for one in view.client_side if one.state is TcpState.ESTABLISHED]
    behind = sorted({str(one.remote) for one in calls if one.remote is not None})
    to = f"{behind[0]} and {len(behind) - 1} more" if len(behind) > 1 else behind[0] if behind else ""
    standing = f" {plural(lasting, 'of them was', 'of them were')} there in the table before." if lasting else ""
    return Finding(
        rule="proxy-half-close",
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if passed else Confidence.SUSPECTED,
        headline=f"{view.command} keeps {plural(len(waiting), 'connection')} whose peers have left: {f'it has passed their end on to {to} and holds both halves open' if passed else 'half-closed on purpose, or waiting for a server behind it'}.",
        explanation=(
            f"{view.command} (pid {view.pid}) owns {plural(len(waiting), 'connection')} in CLOSE_WAIT ({split.drained} read to the end, {split.fin_only} with only the FIN unread).{standing} "
            + (
                f"As many of its own connections to {to} are in FIN_WAIT2: it has sent their end there, and keeps both halves until that side closes or its own time limit comes."
                if passed
                else f"A proxy keeps such connections until its own time limit, or until the server behind answers{f' ({to})' if to else ''}."
            )
        ),
        why_confident=(
            "Both halves are in the table, and neither waits for an answer; the time limit is in the proxy's configuration."
            if passed
            else "The table shows the owner and the state; whether the proxy means it, its configuration says, and whether a server hangs, that server's own evidence."
        ),
        evidence=tuple(evidence),
        process=view.process,
        culprit=Culprit(library=view.command, remote=behind[0] if behind else None),
        chain=(Step("the peers", "leave", str(view.command), (shown,)), Step(str(view.command), "keeps its half open", "")),
        actions=(
            Action(
                When.NOW,
                f"Ask {to} why it keeps its side open after the end of the stream, and the proxy for its time limit."
                if passed
                else "Look at the servers behind the proxy first: does one of them not answer?",
            ),
            Action(
                When.FIX,
                "Limit half-closed connections (haproxy: timeout client-fin and server-fin, timeout tunnel; nginx: proxy_read_timeout, lingering_timeout; in a stream block proxy_half_close and proxy_timeout).",
            ),
        ),
        figures=((f"{len(waiting):,}", f"CLOSE_WAIT of {view.command}"),),
        missing=()
        if lasting
        else (Missing("second socket table, a minute later", "whether the same connections are still there", "ss -tanpoei > ss-2.txt"),),
    )

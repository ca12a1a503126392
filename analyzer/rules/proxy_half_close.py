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

from analyzer.evidence.citations import of_sockets
from analyzer.families.counted_halves import passed_on
from analyzer.join.connections import close_wait
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final = ("self-call-starvation", "slow-backend", "mutual-call-starvation", "database-read-hang")
OUTLOOK: Final = Outlook(RecoversWhen.TIMEOUT, say("The proxy closes at its own timeout, or when the server behind it answers."))
CLEAN: Final = say("no proxy owns a pile of connections in CLOSE_WAIT")
FEWEST: Final = 20
"""CLOSE_WAIT sockets of a proxy below which it is just closing them."""
MOST: Final = 0.9
"""Share of them whose other half is in FIN_WAIT2: the rest may have been caught between the two."""
TEXT: Final = Text(
    "proxy-half-close",
    headline="{command} keeps {connections} whose peers have left: {it_has}.",
    explanation="",
    why=Either(
        "passed",
        "Both halves are in the table, and neither waits for an answer; the timeout is in the proxy's configuration.",
        "The table shows the owner and the state; whether the proxy means it, its configuration says, and whether a server hangs, that server's own evidence.",
    ),
    do=(
        Do(
            When.NOW,
            Either(
                "passed",
                "Ask {to} why it keeps its side open after the end of the stream, and the proxy for its timeout.",
                "Look at the servers behind the proxy first: does one of them not answer?",
            ),
        ),
        Do(
            When.FIX,
            "Limit half-closed connections (haproxy: timeout client-fin and server-fin, timeout tunnel; nginx: proxy_read_timeout, lingering_timeout; in a stream block proxy_half_close and proxy_timeout).",
        ),
    ),
    figures=(("{waiting_count:,}", "CLOSE_WAIT of {command}"),),
    ask=(
        Ask(
            "second socket table, a minute later", "whether the same connections are still there", "ss -tanpoei > ss-2.txt", on="undecided"
        ),
    ),
    chain=(("the peers", "leave", "{command}"), ("{command}", "keeps its half open", "")),
    phrases={
        "it_has": Either(
            "passed",
            "it has passed their end on to {to} and holds both halves open",
            "half-closed on purpose, or waiting for a server behind it",
        )
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per proxy process."""
    for view in case.latest:
        if view.known.is_proxy(view.command):
            waiting = [row for row in view.sockets.of(TcpState.CLOSE_WAIT) if not row.unaccepted]
            if len(waiting) >= FEWEST:
                passed = [row for row in view.client_side.of(TcpState.FIN_WAIT2) if row.owners]
                before = [{(row.local, row.remote) for row in other.sockets} for other in case.history(view)[:-1]]
                lasting = sum((row.local, row.remote) in before[-1] for row in waiting) if before else 0
                yield _finding(view, waiting, passed if len(passed) >= MOST * len(waiting) else [], lasting)
    yield from (one for one in passed_on(case) if one.rule == "proxy-half-close")


def _finding(view: ProcessView, waiting: Sequence[Connection], passed: Sequence[Connection], lasting: int) -> Finding:
    split = close_wait(waiting)
    shown = of_sockets(
        waiting, say("{connections} of {command} in CLOSE_WAIT", connections=plural(len(waiting), "connection"), command=view.command)
    )
    evidence = [shown]
    if passed:
        evidence.append(
            of_sockets(
                passed,
                say(
                    "{connections} of {command} in FIN_WAIT2: it has passed the end on",
                    connections=plural(len(passed), "connection"),
                    command=view.command,
                ),
                ("FIN",),
            )
        )
    calls = passed or view.client_side.of(TcpState.ESTABLISHED)
    behind = sorted({str(row.remote) for row in calls if row.remote is not None})
    to = say("{behind} and {others} more", behind=behind[0], others=len(behind) - 1) if len(behind) > 1 else behind[0] if behind else ""
    standing = (
        say(" {of_them_was} there in the table before.", of_them_was=plural(lasting, "of them was", "of them were")) if lasting else ""
    )
    text = TEXT.filled(
        view.process,
        command=view.command,
        connections=plural(len(waiting), "connection"),
        passed=passed,
        to=to,
        waiting_count=len(waiting),
        undecided=not lasting,
    )
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if passed else Confidence.SUSPECTED,
        evidence=tuple(evidence),
        explanation=say(
            "{command} (pid {pid}) owns {connections} in CLOSE_WAIT ({drained} read to the end, {fin_only} with only the FIN unread).{standing} ",
            command=view.command,
            pid=view.pid,
            connections=plural(len(waiting), "connection"),
            drained=split.drained,
            fin_only=split.fin_only,
            standing=standing,
        )
        + (
            say(
                "As many of its own connections to {to} are in FIN_WAIT2: it has sent their end there, and keeps both halves until that side closes or its own timeout comes.",
                to=to,
            )
            if passed
            else say(
                "A proxy keeps such connections until its own timeout, or until the server behind answers{where}.",
                where=say(" ({to})", to=to) if to else "",
            )
        ),
        chain=text.steps((shown,)),
        culprit=Culprit(library=view.command, remote=behind[0] if behind else None),
    )

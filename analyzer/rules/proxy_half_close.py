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
from analyzer.evidence.half_closed import SECOND_TABLE
from analyzer.evidence.proxy_halves import ProxyHalves, proxy_halves
from analyzer.families.counted_halves import passed_on
from analyzer.join.connections import close_wait
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final = ("self-call-starvation", "slow-backend", "mutual-call-starvation", "database-read-hang")
OUTLOOK: Final = Outlook(RecoversWhen.TIMEOUT, say("The proxy closes at its own timeout, or when the server behind it answers."))
CLEAN: Final = say("no proxy owns a pile of connections in CLOSE_WAIT")
TEXT: Final = Text(
    "proxy-half-close",
    headline="{command} keeps {connections} whose peers have left: {it_has}.",
    explanation="{command} (pid {pid}) owns {connections} in CLOSE_WAIT ({drained} read to the end, {fin_only} with only the FIN unread).{standing} {half}",
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
    ask=(SECOND_TABLE,),
    chain=(("the peers", "leave", "{command}"), ("{command}", "keeps its half open", "")),
    phrases={
        "it_has": Either(
            "passed",
            "it has passed their end on to {to} and holds both halves open",
            "half-closed on purpose, or waiting for a server behind it",
        ),
        "half": Either(
            "passed",
            "As many of its own connections to {to} are in FIN_WAIT2: it has sent their end there, and keeps both halves until that side closes or its own timeout comes.",
            "A proxy keeps such connections until its own timeout, or until the server behind answers{where}.",
        ),
        "where": Either("to", " ({to})"),
        "standing": Either("lasting", " {of_them_was} there in the table before."),
        "waits": "{connections} of {command} in CLOSE_WAIT",
        "passes": "{passing} of {command} in FIN_WAIT2: it has passed the end on",
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per proxy process."""
    yield from map(_finding, proxy_halves(case))
    yield from (one for one in passed_on(case) if one.rule == "proxy-half-close")


def _finding(found: ProxyHalves) -> Finding:
    view, split = found.view, close_wait(found.waiting)
    text = TEXT.filled(
        view.process,
        command=view.command,
        pid=view.pid,
        connections=plural(len(found.waiting), "connection"),
        drained=split.drained,
        fin_only=split.fin_only,
        passed=found.passed,
        passing=plural(len(found.passed), "connection"),
        to=found.behind_in_words,
        lasting=found.lasting,
        of_them_was=plural(found.lasting, "of them was", "of them were"),
        waiting_count=len(found.waiting),
        undecided=not found.lasting,
    )
    shown = of_sockets(found.waiting, text["waits"])
    passes = [of_sockets(found.passed, text["passes"], ("FIN",))] if found.passed else []
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if found.passed else Confidence.SUSPECTED,
        evidence=(shown, *passes),
        chain=text.steps((shown,)),
        culprit=Culprit(library=view.command, remote=next(iter(found.behind), None)),
    )

"""Requests wait in a proxy or a pooler: they have not reached the server that is to answer them.

Looks for: connections of this process that HAProxy keeps in a backend's queue, or that PgBouncer lets wait for a server connection, by the lists of these
programs.

Why it matters: from the process all its calls look alike. Only the proxy knows that some wait for a place, and who takes the places. The cause is behind the
proxy: the server whose requests have no answer.

Do next: look at the named server and at what holds its places. Raise maxconn or pool_size only if the server can bear more.

Wrong when: the list is of another moment, or the queue was caught in a burst.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import blamed, of_threads
from analyzer.evidence.far_sessions import Queued, queued
from analyzer.evidence.sessions import of_session, server_of
from analyzer.families import listed_queues
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import ByNumber, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final = ("cross-system-deadlock", "lock-held-by-idle-transaction", "slow-statement")
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The queue moves when the server behind the proxy answers."))
CLEAN: Final = say("no connection of the process waits in a queue of a proxy or pooler, as far as one was listed")
TEXT: Final = Text(
    "queued-at-proxy",
    headline="{queued} of {all} requests wait in the queue of {proxy}{behind}.",
    explanation="{queued_requests} of this process in the queue of {proxy}, the oldest for {seconds:.0f} s{taken}. The service behind the proxy is what the process waits for; the queue only hides it.",
    why="The proxy's own list ties each of its sessions to a socket of the process; one list cannot show whether the queue moves.",
    do=(
        Do(When.NOW, "Look at {where}: what do its own threads or sessions wait for?"),
        Do(When.FIX, "Give the calls to {name} a timeout, and the queue one, too."),
        Do(When.PREVENT, "Raise the number of places (maxconn, pool_size) only if the server behind can bear more."),
    ),
    figures=(("{queued}", "requests in the proxy's queue"), ("{served_count}", "requests at the server")),
    chain=(
        ("this process", "waits in the queue of", "{queued_requests}"),
        ("{proxy}", "waits for a free place at", ""),
        ("{where}", "does not answer", "{alone}"),
    ),
    phrases={
        "stands": "{queued_requests} in the queue of {proxy}",
        "reading": ByNumber("threads_count", "{threads} waits for answers over {proxy}", "{threads} wait for answers over {proxy}"),
        "unanswered": "{served} at {name} without an answer",
        "alone": Either("served_count", "{served} at {name} without an answer"),
        "taken": Either("served_count", "; {served} at {name} without an answer"),
        "behind": Either("served_count", ": {served} at {name}{at} without an answer"),
        "at": Either("onward", " ({onward})"),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process and backend; without a process one for the statistics of the proxy or pooler."""
    found = [_finding(one) for one in queued(case)]
    yield from found or listed_queues.suspicions(case)


def _finding(found: Queued) -> Finding:
    first, served = found.waiting[0].session, found.served
    text = TEXT.filled(
        found.view.process,
        queued=len(found.waiting),
        queued_requests=plural(len(found.waiting), "request"),
        seconds=max(one.session.state_age or 0 for one in found.waiting),
        served=plural(len(served), "request"),
        served_count=len(served),
        all=len(found.waiting) + len(served),
        proxy=server_of(first),
        name=found.behind,
        onward=found.onward,
        where=found.onward or found.behind,
        threads=plural(len(found.threads), "thread"),
        threads_count=len(found.threads),
    )
    reading = [of_threads(found.threads, text["reading"])] if found.threads else []
    stands = of_session(first, text["stands"])
    unanswered = [of_session(served[0].session, text["unanswered"])] if served else []
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        evidence=(*reading, stands, *unanswered),
        chain=text.steps((stands,), tuple(unanswered or [stands])),
        culprit=Culprit(frame=blamed(found.threads), remote=found.onward),
    )

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

from analyzer.evidence.citations import of_threads
from analyzer.evidence.sessions import of_session, server_of
from analyzer.families import listed_queues
from analyzer.model.finding import Action, Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say, say_of
from analyzer.model.need import Need
from analyzer.model.text import Text
from analyzer.software.blockers import application_frame
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.far_side import FarSide, Joined
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final = ("cross-system-deadlock", "lock-held-by-idle-transaction", "slow-statement")
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The queue moves when the server behind the proxy answers."))
CLEAN: Final = say("no connection of the process waits in a queue of a proxy or pooler, as far as one was listed")
LASTING: Final = 2.0
"""Seconds in the queue from which on it is no burst."""
_PROXIES: Final = frozenset({"haproxy", "pgbouncer"})
TEXT: Final = Text(
    "queued-at-proxy",
    headline="{queued} of {all} requests wait in the queue of {proxy}{behind}.",
    explanation="",
    why="The proxy's own list ties each of its sessions to a socket of the process; one list cannot show whether the queue moves.",
    figures=(("{queued}", "requests in the proxy's queue"), ("{served_count}", "requests at the server")),
    chain=(
        ("this process", "waits in the queue of", "{requests}"),
        ("{proxy}", "waits for a free place at", ""),
        ("{where}", "does not answer", "{taken}"),
    ),
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process and backend; without a process one for the statistics of the proxy or pooler."""
    told = False
    for view in case.latest:
        far = case.far_side(view)
        groups: dict[tuple[str, str], list[Joined]] = {}
        for one in far.joined:
            if one.connection is not None and one.session.server in _PROXIES:
                groups.setdefault((one.session.server, one.session.database or ""), []).append(one)
        for _, members in sorted(groups.items()):
            queued = [
                member for member in members if member.session.state is SessionState.QUEUED and (member.session.state_age or 0) >= LASTING
            ]
            if queued:
                told = True
                yield _finding(view, far, queued, [member for member in members if member.session.state is SessionState.ACTIVE])
    if not told:
        yield from listed_queues.suspicions(case)


def _finding(view: ProcessView, far: FarSide, queued: Sequence[Joined], served: Sequence[Joined]) -> Finding:
    first, proxy = queued[0].session, server_of(queued[0].session)
    threads = far.waiting_on([*queued, *served])
    behind = served[0].session if served else None
    name = (behind.onward_name or first.database or "?") if behind is not None else first.database or "?"
    where = str(behind.onward) if behind is not None and behind.onward is not None and behind.server == "haproxy" else None
    alone = say("{requests} at {name} without an answer", requests=plural(len(served), "request"), name=name) if served else ""
    taken = say("; {served} at {name} without an answer", served=plural(len(served), "request"), name=name) if served else ""
    waits = of_session(first, say("{requests} in the queue of {proxy}", requests=plural(len(queued), "request"), proxy=proxy))
    at = say(" ({where})", where=where) if where else ""
    evidence = [waits]
    if behind is not None:
        evidence.append(
            of_session(behind, say("{requests} at {name} without an answer", requests=plural(len(served), "request"), name=name))
        )
    if threads:
        evidence.insert(
            0,
            of_threads(
                threads,
                say_of(
                    len(threads),
                    "{threads} waits for answers over {proxy}",
                    "{threads} wait for answers over {proxy}",
                    threads=plural(len(threads), "thread"),
                    proxy=proxy,
                ),
            ),
        )
    frame = application_frame(*threads[0]) if threads else None
    text = TEXT.filled(
        view.process,
        queued=len(queued),
        all=len(queued) + len(served),
        proxy=proxy,
        behind=say(": {served} at {name}{where} without an answer", served=plural(len(served), "request"), name=name, where=at)
        if served
        else "",
        served_count=len(served),
        requests=plural(len(queued), "request"),
        where=where or name,
        taken=alone,
    )
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        evidence=tuple(evidence),
        explanation=say(
            "{queued} of this process in the queue of {proxy}, the oldest for {seconds:.0f} s{taken}. The service behind the proxy is what the process waits for; the queue only hides it.",
            queued=plural(len(queued), "request"),
            proxy=proxy,
            seconds=max(one.session.state_age or 0 for one in queued),
            taken=taken,
        ),
        actions=(
            Action(When.NOW, say("Look at {name}: what do its own threads or sessions wait for?", name=where or name)),
            Action(When.FIX, say("Give the calls to {name} a timeout, and the queue one, too.", name=name)),
            Action(When.PREVENT, say("Raise the number of places (maxconn, pool_size) only if the server behind can bear more.")),
        ),
        chain=text.steps((waits,), tuple(evidence[-1:])),
        culprit=Culprit(frame=str(frame) if frame else None, remote=where),
    )

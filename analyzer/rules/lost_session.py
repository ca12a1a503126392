"""Threads wait for a database that knows nothing of them: the session behind their connection is gone.

Looks for: an established connection on which a thread reads, to a database whose list of sessions has other sessions of this process and none for this
port; connections that the table of the client's host has, and that of the server's host, which has others of them, has not.

Why it matters: nobody will ever answer. A server that ended the session, a firewall that forgot it, or a host that went away sent no FIN that arrived. Without
a read time limit the thread waits until keepalive notices, after two hours by default, or for ever.

Do next: set socketTimeout and TCP keepalive on the driver; look in the database's log for what ended the sessions.

Wrong when: the list was filtered, or taken before the connection was made, or a pooler stands between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import blamed, of_sockets, of_threads, quoted
from analyzer.evidence.far_sessions import Lost, lost
from analyzer.evidence.sessions import of_session, server_of
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, plural, say
from analyzer.model.need import Need
from analyzer.model.text import ByNumber, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.TIMEOUT, say("Only a read timeout, or TCP keepalive, ends the wait; without them it lasts."))
CLEAN: Final = say("every connection that a thread waits on has a session in the database's list, or there is no list")
TEXT: Final = Text(
    "lost-session",
    headline=ByNumber(
        "threads_count",
        "{server} knows no session for {connections} on which {threads} waits for an answer: nobody will send it.",
        "{server} knows no session for {connections} on which {threads} wait for an answer: nobody will send it.",
    ),
    explanation="The connections from ports {ports} to {remote} are open here, and the list of sessions of {server} has none of them, though it has others of this process. {all_threads} read on them.",
    why=Either(
        "proven",
        "The list is of the same moment, and the socket table, which shows the server's ends too, has no other half of these connections.",
        "The list has other sessions of this process. Whether it is complete and of the same moment, a second list would show.",
    ),
    do=(
        Do(
            When.NOW,
            "Close the dead connections here: restart the pool or the process. Search the log of {server} for what ended the sessions.",
        ),
        Do(When.FIX, "Set a read timeout on the driver (socketTimeout) and TCP keepalive below the firewall's idle limit (tcpKeepAlive)."),
        Do(When.PREVENT, "Let the pool retire connections (maxLifetime) before the server or the firewall does."),
    ),
    figures=(("{lost_count}", "connections without a session"),),
    chain=(("{thread}", "waits for an answer of", "{reading}"), ("{server}", "has no such session", "")),
    phrases={
        "reading": ByNumber(
            "threads_count", "{threads} waits for an answer on these connections", "{threads} wait for an answer on these connections"
        ),
        "unknown": "{connections} to {remote} without a session",
        "listed": "the list has other sessions of this process, such as {id}, and none for ports {ports}",
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process and database, and per service whose own table lacks connections of a client's."""
    yield from map(_finding, lost(case))
    if len({view.snapshot.host for view in case.latest}) > 1:
        from analyzer.families import forgotten_ends  # noqa: PLC0415 - few incidents are of several hosts

        yield from forgotten_ends.findings(case)


def _finding(found: Lost) -> Finding:
    text = TEXT.filled(
        found.view.process,
        threads_count=len(found.threads),
        threads=plural(len(found.threads), "thread"),
        all_threads=capitalized(plural(len(found.threads), "thread")),
        thread=quoted(found.threads[0]),
        server=server_of(found.known.session),
        id=found.known.session.id,
        connections=plural(len(found.connections), "connection"),
        lost_count=len(found.connections),
        ports=", ".join(str(one.local.port) for one in found.connections),
        remote=found.remote,
        proven=found.proven,
    )
    sockets = of_sockets(found.connections, text["unknown"], (str(found.connections[0].local),))
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if found.proven else Confidence.LIKELY if found.whole else Confidence.SUSPECTED,
        evidence=(of_threads(found.threads, text["reading"]), sockets, of_session(found.known.session, text["listed"])),
        culprit=Culprit(
            thread=found.threads[0].thread.label,
            frame=blamed(found.threads),
            remote=str(found.remote),
            library=found.threads[0].activity.library,
        ),
    )

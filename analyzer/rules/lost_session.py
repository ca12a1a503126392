"""Threads wait for a database that knows nothing of them: the session behind their connection is gone.

Looks for: an established connection on which a thread reads, to a database whose list of sessions has other sessions of this process and none for this
port.

Why it matters: nobody will ever answer. A server that ended the session, a firewall that forgot it, or a host that went away sent no FIN that arrived. Without
a read time limit the thread waits until keepalive notices, after two hours by default, or for ever.

Do next: set socketTimeout and TCP keepalive on the driver; look in the database's log for what ended the sessions.

Wrong when: the list was filtered, or taken before the connection was made, or a pooler stands between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.evidence.sessions import of_session, server_of
from analyzer.join.far_side import LISTS
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, Step, When
from analyzer.model.message import capitalized, plural, say, say_of
from analyzer.model.need import Need
from analyzer.model.text import ByNumber, Do, Either, Text
from analyzer.software.blockers import application_frame
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.far_side import FarSide, Joined
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
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
    explanation="",
    why=Either(
        "certain",
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
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process and database."""
    for view in case.latest:
        far = case.far_side(view)
        known = [listed for listed in far.joined if listed.connection is not None and listed.session.server in LISTS and not listed.via]
        if not known or view.coverage.list_gaps(known[0].session.where.file):
            continue
        lost = [one for one in far.unlisted if one in far.threads]
        if lost:
            yield _finding(view, far, known[0], lost)


def _finding(view: ProcessView, far: FarSide, known: Joined, lost: Sequence[Connection]) -> Finding:
    threads = [far.threads[one] for one in lost]
    server, remote = server_of(known.session), lost[0].remote
    ports = ", ".join(str(one.local.port) for one in lost)
    frame = application_frame(*threads[0])
    far_half = any(remote is not None and view.table.get(remote, one.local) is not None for one in lost)
    on_this_host = remote is not None and (remote.is_loopback or remote.host in view.table.local_hosts)
    reading = of_threads(
        threads,
        say_of(
            len(threads),
            "{threads} waits for an answer on these connections",
            "{threads} wait for an answer on these connections",
            threads=plural(len(threads), "thread"),
        ),
    )
    sockets = of_sockets(
        lost,
        say("{connections} to {remote} without a session", connections=plural(len(lost), "connection"), remote=remote),
        (str(lost[0].local),),
    )
    listed = of_session(
        known.session,
        say("the list has other sessions of this process, such as {id}, and none for ports {ports}", id=known.session.id, ports=ports),
    )
    # A list of the busy sessions alone says nothing of the others.
    whole = any(listed.session.state is SessionState.IDLE for listed in far.joined)
    certain = whole and all(map(far.is_exact, lost)) and on_this_host and not far_half
    text = TEXT.filled(
        view.process,
        threads_count=len(threads),
        server=server,
        connections=plural(len(lost), "connection"),
        threads=plural(len(threads), "thread"),
        certain=certain,
        lost_count=len(lost),
    )
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if certain else Confidence.LIKELY if whole else Confidence.SUSPECTED,
        evidence=(reading, sockets, listed),
        explanation=say(
            "The connections from ports {ports} to {remote} are open here, and the list of sessions of {server} has none of them, though it has others of this process. {threads} read on them.",
            ports=ports,
            remote=remote,
            server=server,
            threads=capitalized(plural(len(threads), "thread")),
        ),
        chain=_chain(threads, reading.says, server),
        culprit=Culprit(
            thread=threads[0].thread.label, frame=str(frame) if frame else None, remote=str(remote), library=threads[0].activity.library
        ),
    )


def _chain(threads: Sequence[ThreadActivity], detail: str, server: str) -> tuple[Step, ...]:
    return (
        Step(f"“{threads[0].thread.label}”", say("waits for an answer of"), detail),
        Step(server, say("has no such session"), ""),
    )

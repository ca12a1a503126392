"""Threads wait for a push on a server that is well: blocking commands keep all its connections, and nobody is left to push.

Looks for: sessions that wait by their own design (BLPOP, BRPOP, XREAD with BLOCK …) on every connection that this process has to the server, while other
threads of the process wait, too.

Why it matters: the server is blamed and is innocent. Whoever would push needs a connection of the same pool; if those in blocking commands have all of them,
nobody goes on.

Do next: give blocking commands connections of their own, and a time limit.

Wrong when: consumers wait for work on connections of their own, as they should: then nobody else waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import blamed, of_threads, quoted
from analyzer.evidence.far_sessions import Kept, kept_by_commands
from analyzer.evidence.sessions import of_session, server_of
from analyzer.families import listed_pushes, unpushed_pools
from analyzer.model.finding import Confidence, Culprit, Finding, Kind, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, plural, say
from analyzer.model.need import Need
from analyzer.model.text import ByNumber, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.CAUSE, say("The blocked commands return when somebody pushes; nobody of this process can while they keep the connections.")
)
CLEAN: Final = say("no server's connections are all kept by blocking commands, as far as sessions were listed")
TEXT: Final = Text(
    "blocking-commands",
    headline="All {n} connections to {server} are kept by {command}, which waits for a push, and {others} wait beside: {server} itself is well.",
    explanation="{server} has answered everything: its clients of this process wait in {command} by their own wish. {all_others} of the same pool wait, as threads do that want a connection; if one of them is to push, it never gets there.",
    why="The server's list shows that it waits for nobody. That the others want one of these connections is inferred from where they wait.",
    do=(
        Do(When.NOW, "Push by hand what the blocked commands wait for, or end one of these clients (CLIENT KILL ID {id})."),
        Do(When.FIX, "Give blocking commands connections of their own, apart from the pool that pushes."),
        Do(When.PREVENT, "Give {command} a timeout."),
    ),
    figures=(("{n}", "connections in {command}"), ("{beside_count}", "threads waiting beside")),
    chain=(
        ("{threads}", "waits for a push to", "{command}"),
        ("{server}", "waits for whoever pushes", ""),
        ("{beside}", "waits for a connection kept by the first", ""),
    ),
    phrases={
        "keeps": "session {id} is in {command}{since}",
        "since": Either("s", ", idle for {s:.0f} s"),
        "sent": ByNumber("holders_count", "{holders} waits in {command}", "{holders} wait in {command}"),
        "wanting": ByNumber("beside_count", "{others} waits beside them", "{others} wait beside them"),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process and server."""
    yield from map(_finding, kept_by_commands(case))
    yield from unpushed_pools.found(case)
    yield from listed_pushes.listed(case)


def _finding(kept: Kept) -> Finding:
    session, holders, called = kept.sessions[0].session, kept.holders, kept.sessions[0].connection
    text = TEXT.filled(
        kept.view.process,
        n=len(kept.sessions),
        server=server_of(session),
        command=(session.statement or "?").upper(),
        id=session.id,
        s=session.state_age,
        others=plural(len(kept.beside), "thread"),
        all_others=capitalized(plural(len(kept.beside), "thread")),
        beside_count=len(kept.beside),
        beside=quoted(kept.beside[0]),
        holders=plural(len(holders), "thread"),
        holders_count=len(holders),
        threads=quoted(holders[0]) if holders else say("this process"),
    )
    keeps = of_session(session, text["keeps"])
    wanting = of_threads(kept.beside, text["wanting"])
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if holders else Confidence.SUSPECTED,
        evidence=(keeps, *([of_threads(holders, text["sent"])] if holders else []), wanting),
        chain=text.steps((keeps,), (), (wanting,)),
        absent=(Kind.SOCKETS,),
        culprit=Culprit(frame=blamed(holders), remote=str(called.remote) if called else None),
        loop=True,
    )

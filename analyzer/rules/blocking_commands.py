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

from analyzer.evidence.citations import of_threads
from analyzer.evidence.sessions import of_session, server_of
from analyzer.families import listed_pushes, unpushed_pools
from analyzer.model.finding import Confidence, Culprit, Finding, Kind, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, plural, say, say_of
from analyzer.model.need import Need
from analyzer.model.text import Do, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind
from analyzer.software.pools import ThreadSet
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.far_side import FarSide, Joined
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.CAUSE, say("The blocked commands return when somebody pushes; nobody of this process can while they keep the connections.")
)
CLEAN: Final = say("no server's connections are all kept by blocking commands, as far as sessions were listed")
FEWEST: Final = 2
"""Threads that wait for a connection beside: one may wait for anything."""
_WAITS: Final = frozenset(
    {
        ActivityKind.LEASE,
        ActivityKind.QUEUE,
        ActivityKind.SEMAPHORE,
        ActivityKind.CONDITION,
        ActivityKind.OBJECT_WAIT,
        ActivityKind.WAITING,
        ActivityKind.PARK,
        ActivityKind.LOCK,
        ActivityKind.MONITOR,
    }
)
"""How threads wait that want a connection of a pool, whoever wrote it."""
TEXT: Final = Text(
    "blocking-commands",
    headline="All {n} connections to {server} are kept by {command}, which waits for a push, and {others} wait beside: {server} itself is well.",
    explanation="",
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
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process and server."""
    for view in case.latest:
        far = case.far_side(view)
        blocked = [listed for listed in far.joined if listed.connection is not None and listed.session.state is SessionState.WAITING]
        if not blocked or blocked[0].connection is None:
            continue
        remote = blocked[0].connection.remote
        every = [row for row in view.client_side if row.remote == remote and row.state == blocked[0].connection.state]
        beside = _beside(view, far, blocked)
        if len(blocked) >= len(every) and len(beside) >= FEWEST:
            yield _finding(view, far, blocked, beside)
    yield from unpushed_pools.found(case)
    yield from listed_pushes.listed(case)


def _beside(view: ProcessView, far: FarSide, blocked: Sequence[Joined]) -> list[ThreadActivity]:
    """Threads of the pools that hold the blocked connections, that wait for something else inside the application's code."""
    holders = ThreadSet(far.waiting_on(blocked))
    pools = [pool for pool in view.pools if any(member in holders for member in pool.members)]
    return [
        member
        for pool in pools
        for member in pool.members
        if member not in holders and member.activity.kind in _WAITS and member.activity.app >= 0
    ]


def _finding(view: ProcessView, far: FarSide, blocked: Sequence[Joined], beside: Sequence[ThreadActivity]) -> Finding:
    session = blocked[0].session
    server, command = server_of(session), (session.statement or "?").upper()
    holders = far.waiting_on(blocked)
    waits = of_session(
        session,
        say(
            "session {id} is in {command}{since}",
            id=session.id,
            command=command,
            since=say(", idle for {s:.0f} s", s=session.state_age) if session.state_age else "",
        ),
    )
    wanting = of_threads(
        beside, say_of(len(beside), "{threads} waits beside them", "{threads} wait beside them", threads=plural(len(beside), "thread"))
    )
    frame = application_frame(*holders[0]) if holders else None
    text = TEXT.filled(
        view.process,
        n=len(blocked),
        server=server,
        command=command,
        others=plural(len(beside), "thread"),
        id=session.id,
        beside_count=len(beside),
        threads=say("“{name}”", name=holders[0].thread.label) if holders else say("this process"),
        beside=say("“{name}”", name=beside[0].thread.label),
    )
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if holders else Confidence.SUSPECTED,
        evidence=(
            waits,
            *(
                [
                    of_threads(
                        holders,
                        say_of(
                            len(holders),
                            "{threads} waits in {command}",
                            "{threads} wait in {command}",
                            threads=plural(len(holders), "thread"),
                            command=command,
                        ),
                    )
                ]
                if holders
                else []
            ),
            wanting,
        ),
        explanation=say(
            "{server} has answered everything: its clients of this process wait in {command} by their own wish. {others} of the same pool wait, as threads do that want a connection; if one of them is to push, it never gets there.",
            server=server,
            command=command,
            others=capitalized(plural(len(beside), "thread")),
        ),
        chain=text.steps((waits,), (), (wanting,)),
        absent=(Kind.SOCKETS,),
        culprit=Culprit(frame=str(frame) if frame else None, remote=str(blocked[0].connection.remote) if blocked[0].connection else None),
        loop=True,
    )

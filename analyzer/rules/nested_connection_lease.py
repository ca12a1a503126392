"""Threads that have a connection wait for a second one from the same pool.

Looks for: threads that wait in a JDBC pool while a frame below shows that they hold a connection already: a transaction inside a transaction
(REQUIRES_NEW), a query inside a callback of JdbcTemplate, or a method that is past the line where other threads still wait for their
first connection.

Why it matters: when as many threads are half-way as the pool has connections, each waits for what only the others could give back. It is a
deadlock of the pool, and neither the database nor the VM sees it.

Do next: pass the first connection on, or give it back before asking for the second. Where two are needed, the pool needs more than threads × (connections
per thread - 1); HikariCP documents the formula.

Wrong when: the first connection comes from another pool (then these are two pools), or it was given back before the line where the thread waits
now: the stack shows where the thread is, not what it holds. As many open connections as such threads make it sure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import FEWEST, common_frame, judge
from analyzer.contention.leases import Shortage, shortages
from analyzer.evidence.citations import of_threads
from analyzer.families import blocked_threads, lent_connections
from analyzer.model.finding import Confidence, Finding, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from analyzer.software.knowledge import JDBC
from analyzer.software.pools import called_proxy, is_made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case
    from parsers.records import Frame

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.TIMEOUT, say("At the pool's timeout the waiters fail and give back what they hold; without one only a restart ends it.")
)
CLEAN: Final = say("no thread waits for a connection while it holds one")
_FOR_EVER: Final = Outlook(RecoversWhen.RESTART, say("The wait has no time limit, and nobody gives back what it holds."))
TEXT: Final = Text(
    "nested-connection-lease",
    headline=Either(
        "few",
        Either(
            "others",
            "Threads like “{name}” hold a connection of {software} and wait for another one from the same pool{numbers}.",
            "{count} hold a connection of {software} and wait for another one from the same pool{numbers}.",
        ),
        "{threads} hold a connection of {software} and wait for another one from the same pool.",
    ),
    explanation="{count} wait for a connection of {software}. {have} for the second in {frame}{calls}{below}.{opened} No thread is in the driver. Each waits for what only the others could give back.{clients}{ends}",
    do=(
        Do(
            When.NOW,
            Either(
                "untimed",
                "Restart: the wait has no time limit, and no connection comes back.",
                "Restart, or wait for {patience}: the threads that give up free the others for a while.",
            ),
        ),
        Do(
            When.FIX,
            "In {frame}{below}: use the connection that the thread has (pass it on, or join the outer transaction instead of REQUIRES_NEW), or close it first.",
        ),
        Do(
            When.PREVENT,
            "If two at once are needed, {limit} must exceed threads × (connections per thread - 1); set {patience} to a few seconds.",
        ),
    ),
    figures=(("{nested_count:,}", "threads that hold one already"),),
    chain=(
        ("{pool_name}", "waits for a connection of", "{count}"),
        ("the {software} pool", "has lent all to", "{nested_count} of the waiters"),
    ),
    ask=(Ask("socket table with owners", "whether as many connections are open as threads hold one", "ss -tanpoei > ss.txt", on="unseen"),),
    phrases={
        "waiters": ByNumber(
            "nested_count", "{threads} waits for a connection and holds one", "{threads} wait for a connection and hold one"
        ),
        "have": Either(
            "few",
            Either("others", "“{name}” has one already: it asks", "Each has one already: it asks"),
            "{nested_count} of them have one already: they ask",
        ),
        "numbers": Either("held", ": {held}"),
        "calls": Either("inner", ", which calls {inner}"),
        "ends": Either(
            "untimed",
            " The wait has no time limit: it never ends by itself.",
            " It ends only when {patience} runs out for some of them.",
        ),
        "below": Either("outer", ", below {outer}"),
        "opened": Either("rows", ByNumber("rows_count", " {connections} to {remote} is open.", " {connections} to {remote} are open.")),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pool whose waiters hold what they wait for."""
    for shortage in shortages(case, JDBC):
        picked = shortage.few and shortage.picked and shortage.proven and not shortage.users
        if len(shortage.nested) >= (1 if picked else max(FEWEST, len(shortage.users))):
            yield _finding(shortage)


def _finding(shortage: Shortage) -> Finding:
    nested, rows = shortage.nested, shortage.rows
    frame, outer, untimed = common_frame(nested), _outer(shortage), lent_connections.is_untimed(shortage)
    held = lent_connections.held_by_all(shortage) if shortage.proven else None
    text = TEXT.filled(
        shortage.view.process,
        **lent_connections.words(shortage),
        threads=plural(len(nested), "thread"),
        nested_count=len(nested),
        frame=frame,
        outer=outer,
        inner=called_proxy(nested[0]),
        untimed=untimed,
        unseen=not rows,
        others=len(nested) < len(shortage.members),
        name=nested[0].thread.label,
        held=held.words if held is not None else None,
    )
    holders = of_threads(nested, text["waiters"], None if shortage.proven else INFERRED)
    rest = lent_connections.beside_holders(shortage) + (held.evidence if held is not None else ())
    return blocked_threads.finding(
        shortage,
        text,
        _judge(shortage, rows),
        (holders, *rest),
        ((holders,), rest),
        figures=lent_connections.figures(shortage, text),
        culprit=shortage.culprit(frame, remote=shortage.service, library=shortage.lender.software),
        outlook=_FOR_EVER if untimed else None,
        loop=True,
        lasts=held is not None,
    )


INFERRED: Final = say(
    "A stack does not say what a thread holds. That these hold one rests on the lines: they are past the place in the same method where others wait for their first connection."
)


def _outer(shortage: Shortage) -> Frame | None:
    """The application frame below the wait that the holders share: where the first connection was taken, as a rule."""
    known = shortage.view.known
    outer = [
        frame
        for member in shortage.nested
        for frame in member.thread.frames[member.activity.app + 1 : member.activity.app + 2]
        if known.is_application(frame.cls) and not is_made(frame.cls)
    ]
    return max(sorted(set(outer), key=str), key=outer.count, default=None)


def _judge(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Confidence, str]:
    doubts = list(shortage.doubts)
    count = len(shortage.nested)
    proof = (
        say("Frames that are reached only with a connection in hand") if shortage.proven else say("The lines at which the waiters stand")
    )
    if len(rows) == count:
        return judge(
            doubts,
            say(
                "{proof} show {count} holders, and the socket table exactly as many connections to the database. The two are independent.",
                proof=proof,
                count=count,
            ),
        )
    if rows:
        doubts.append(say("{rows_count} connections are open, not {count}", rows_count=len(rows), count=count))
    else:
        doubts.append(say("the connections to the database are not in the evidence"))
    if not shortage.proven and not rows:
        return judge(
            doubts,
            say("{proof} show {count} holders.", proof=proof, count=count),
            other_cause=say("they may have given the first connection back: jdbc-pool-exhausted by a leak looks the same"),
        )
    return judge(doubts, say("{proof} show {count} holders.", proof=proof, count=count))

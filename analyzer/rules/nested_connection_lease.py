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

from analyzer.correlate.crowds import FEWEST, common_frame, judge
from analyzer.correlate.knowledge import JDBC
from analyzer.correlate.leases import Shortage, shortages
from analyzer.correlate.witness import of_sockets, of_threads, plural
from analyzer.finding import Action, Confidence, Evidence, Finding, Heals, Missing, Outlook, Step, When

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.correlate import Case
    from analyzer.correlate.sockets import Connection
    from parsers.records import Frame

NEEDS: Final = ("threads",)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    Heals.TIMEOUT, "At the pool's time limit the waiters fail and give back what they hold; without one only a restart ends it."
)
CLEAN: Final = "no thread waits for a connection while it holds one"


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pool whose waiters hold what they wait for."""
    for shortage in shortages(case, JDBC):
        if shortage.noteworthy and len(shortage.nested) >= max(FEWEST, len(shortage.users)):
            yield _finding(shortage)


def _finding(shortage: Shortage) -> Finding:
    nested, lender = shortage.nested, shortage.lender
    remote, rows = shortage.service, shortage.rows
    confidence, why = _judge(shortage, rows)
    frame, outer = common_frame(nested), _outer(shortage)
    below = f", below {outer}" if outer is not None else ""
    holders = of_threads(
        nested, f"{plural(len(nested), 'thread')} wait for a connection and hold one", None if shortage.proven else INFERRED
    )
    opened = f" {plural(len(rows), 'connection')} to {remote} {'is' if len(rows) == 1 else 'are'} open." if rows else ""
    return Finding(
        rule="nested-connection-lease",
        severity=shortage.severity,
        confidence=confidence,
        headline=f"{plural(len(nested), 'thread')} hold a connection of {lender.software} and wait for another one from the same pool.",
        explanation=(
            f"{shortage.count} wait for a connection of {lender.software}. {len(nested)} of them have one already: they ask for the second in {frame}{below}."
            f"{opened} No thread is in the driver. Each waits for what only the others could give back.{shortage.clients}"
            f" It ends only when {lender.patience} runs out for some of them."
        ),
        why_confident=why,
        evidence=(holders, *_rest(shortage, rows), *shortage.client_evidence),
        process=shortage.view.process,
        culprit=shortage.culprit(frame, remote=remote, library=lender.software),
        chain=(
            *shortage.before,
            Step(shortage.pool.name, "waits for a connection of", f"{shortage.count}", (holders,)),
            Step(f"the {lender.software} pool", "has lent all to", f"{len(nested)} of the waiters", _rest(shortage, rows)),
        ),
        loop=True,
        actions=(
            Action(When.NOW, f"Restart, or wait for {lender.patience}: the threads that give up free the others for a while."),
            Action(When.FIX, f"In {frame}{below}: use the connection that the thread has (pass it on, or join the outer transaction instead of REQUIRES_NEW), or close it first."),
            Action(When.PREVENT, f"If two at once are needed, {lender.limit} must exceed threads × (connections per thread - 1); set {lender.patience} to a few seconds."),
        ),
        figures=(*shortage.figures, (f"{len(nested):,}", "threads that hold one already"), *(((f"{len(rows):,}", f"connections to {remote}"),) if rows else ())),
        missing=() if confidence is Confidence.CERTAIN else _missing(shortage, rows),
    )  # fmt: skip


INFERRED: Final = (
    "A stack does not say what a thread holds. That these hold one rests on the lines: they are past the place in the same method where"
    " others wait for their first connection."
)


def _outer(shortage: Shortage) -> Frame | None:
    """The application frame below the wait that the holders share: where the first connection was taken, as a rule."""
    outer = [
        member.thread.frames[member.activity.app + 1] for member in shortage.nested if len(member.thread.frames) > member.activity.app + 1
    ]
    return max(sorted(set(outer), key=str), key=outer.count, default=None)


def _judge(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Confidence, str]:
    doubts = list(shortage.doubts)
    count = len(shortage.nested)
    proof = "Frames that are reached only with a connection in hand" if shortage.proven else "The lines at which the waiters stand"
    if len(rows) == count:
        return judge(
            doubts,
            f"{proof} show {count} holders, and the socket table exactly as many connections to the database. The two are independent.",
        )
    if rows:
        doubts.append(f"{len(rows)} connections are open, not {count}")
    else:
        doubts.append("the connections to the database are not in the evidence")
    if not shortage.proven and not rows:
        return judge(
            doubts,
            f"{proof} show {count} holders.",
            other_cause="they may have given the first connection back: jdbc-pool-exhausted by a leak looks the same",
        )
    return judge(doubts, f"{proof} show {count} holders.")


def _rest(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Evidence, ...]:
    held = {id(member.thread) for member in shortage.nested}
    others = [member for member in shortage.members if id(member.thread) not in held]
    found = []
    if others:
        found.append(
            of_threads(others, f"{plural(len(others), 'thread')} wait for {'its' if len(others) == 1 else 'their'} first connection")
        )
    if rows:
        found.append(of_sockets(rows, f"{plural(len(rows), 'connection')} to the database"))
    return tuple(found)


def _missing(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Missing, ...]:
    sockets = Missing("socket table with owners", "whether as many connections are open as threads hold one", "ss -tanpoei > ss.txt")
    return (*(() if rows else (sockets,)), *shortage.second_dump)

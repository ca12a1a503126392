"""Pools whose connections are all lent: the words and the finding that the rules about them have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from msgspec.structs import replace

from analyzer.contention.blocked_group import common_frame, place
from analyzer.contention.scopes import keepers, scope_of
from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.evidence.doing import doing, meanwhile, reported
from analyzer.evidence.multiples import multiple
from analyzer.evidence.settings_beside import small_pool
from analyzer.families import blocked_threads
from analyzer.families.idle_leases import OPEN, Resting, resting, resting_behind, running
from analyzer.families.leakers import leaker_of
from analyzer.model.finding import Confidence, Outlook, RecoversWhen, When
from analyzer.model.message import capitalized, plural, say, say_of
from analyzer.model.text import ByNumber, Do, Either
from analyzer.software.blockers import application_frame, blocking_frame
from analyzer.software.pools import ThreadSet
from analyzer.waits.targets import only_target
from parsers.records import Counted, JavaState, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.contention.leases import Shortage
    from analyzer.evidence.counted_holders import CountedHolders
    from analyzer.families.busy_leases import Busy
    from analyzer.families.idle_leases import CountedRest
    from analyzer.families.leakers import Leaker
    from analyzer.families.likely_keepers import Keepers
    from analyzer.model.finding import Evidence, Finding
    from analyzer.model.text import Filled, Sentence
    from analyzer.software.pools import ThreadActivity
    from parsers.records import Frame


JDBC: Final = "JDBC connection"
"""What pools of connections to databases lend."""
ELSEWHERE: Final = (
    Do(When.FIX, "Give back what {leaker} takes in every path (try-with-resources, finally, with).", on="leaker"),
    Do(
        When.NOW,
        "Restart: that gives the connections back. Before that save the stacks once more, and the pool's own numbers.",
        on="unused_elsewhere",
    ),
    Do(
        When.FIX,
        "Look at {watch}, and for every path on which a result, a transaction or a connection is not closed: an early return, an error (Go: rows.Close; Python: with; Ruby: a block).",
        on="unused_elsewhere",
    ),
)
"""What to do where nobody uses what is lent, and no heap dump tells who has it."""


PHRASES: Final[dict[str, Sentence]] = {
    "opened": Either(
        "rows", ByNumber("rows_count", " {connections} to {remote} is open.{rest}", " {connections} to {remote} are open.{rest}")
    ),
    "rest": Either("resting", " Nothing is done over them: {resting}."),
    "not_given_back": Either(
        "keeping",
        "{opened} No thread is in the driver: {keeping}. They are further on in the method where the others wait.",
        Either(
            "busy",
            "{opened} No thread is in the driver. {doing} may keep a connection meanwhile (a transaction around a call); if not, they were not given back.",
            "{opened} No thread is in the driver: the connections were not given back. The frame that waits is a victim.",
        ),
    ),
    "none_is_open": Either(
        "whole_table",
        " No connection to a database is open at all: the pool may have lost them and fail to make new ones.",
        " No thread is in the driver: the connections were not given back, or the pool cannot make any.",
    ),
}
"""Where the connections are, if no thread uses one."""


class Words(blocked_threads.Words):
    """Values of sentences about a pool: the lender and its settings, the connections that are lent."""

    software: str
    patience: str
    limit: str
    watch: str
    rows: object
    connections: str
    rows_count: int
    remote: object
    elsewhere: str
    keeping: str | None
    kept: bool
    kept_at: str
    not_here: str
    that_is_here: str
    resting: str | None
    leaker: Frame | None
    unlimited: str
    since: str


def _as_many(shortage: Shortage) -> Keepers | None:
    from analyzer.families.likely_keepers import as_many_as_lent  # noqa: PLC0415 - of picked threads alone

    return as_many_as_lent(shortage)


def words(shortage: Shortage) -> Words:
    """The values for one pool."""
    lender, rows = shortage.lender, shortage.rows
    rest = resting(shortage.case, of_database=True) if shortage.few and lender.lends == JDBC else None
    kept = shortage.keeping or (keepers(shortage.view) if shortage.few and lender.lends == JDBC else ())
    leak = leaker_of(shortage) if not kept else None
    runs = _busy(shortage) if rest is None and leak is None and not kept else None
    alike = _as_many(shortage) if shortage.few and runs is None and rest is None and leak is None and not kept else None
    return Words(
        **blocked_threads.words(shortage),
        software=lender.software,
        patience=lender.patience,
        limit=lender.limit,
        watch=lender.watch,
        rows=rows,
        connections=plural(len(rows), "connection"),
        rows_count=len(rows),
        remote=shortage.service or say("the service"),
        keeping=_keeping_in_words(shortage),
        kept=bool(kept) or alike is not None,
        kept_at=str(application_frame(*kept[0])) if kept else str(alike.site) if alike is not None else "",
        elsewhere=_kept_in_words(shortage, kept)
        if kept
        else _leak_in_words(leak, rest)
        if leak is not None
        else say("{running}: what is lent is in use", running=runs.words)
        if runs is not None
        else alike.words
        if alike is not None
        else _unseen(shortage)
        if rest is None
        else say("{resting}: what is lent is not in use, but was not given back", resting=rest.words),
        not_here=say(
            "A transaction, or a block that has a connection, keeps it until it ends, whatever is waited for meanwhile. How many threads stand so these lines do not show; as many as the pool has connections are enough.{rest}",
            rest=say(" {resting} fits.", resting=capitalized(rest.words)) if rest is not None else "",
        )
        if kept
        else say("{leak}. What is kept is missing for all others, and the threads that wait are victims.", leak=leak.words)
        if leak is not None
        else say("They are in use: a connection comes back when its statement ends, and the next run takes it again.")
        if runs is not None
        else say(
            "A transaction, or a session that was not closed, keeps its connection during such a call. That these have them is inferred from the equal numbers; connections that were never given back look the same."
        )
        if alike is not None
        else say("Who has them is not among the threads that are here: statements that take long, or threads that did not give them back.")
        if rest is None
        else say(
            "Calls that take long would show sessions that work; here {resting}. They were taken and never closed, or are kept during something else; the threads that wait are victims.",
            resting=rest.words,
        ),
        that_is_here=say(" that is here") if shortage.few else "",
        resting=idle.words if (idle := at_rest(shortage)) is not None else None,
        leaker=leak.site if leak is not None else None,
        since=reported(shortage.members[0]) if len(shortage.members) == 1 else "",
        unlimited=say(", without a timeout,") if shortage.few and is_untimed(shortage) and not shortage.written else "",
    )


def is_untimed(shortage: Shortage) -> bool:
    """True if no waiter has a time limit, as far as the stacks tell."""
    return not any(_is_limited(member) for member in shortage.members)


def _is_limited(member: ThreadActivity) -> bool:
    return member.activity.timed or member.thread.state is not JavaState.WAITING


def _busy(shortage: Shortage) -> Busy | None:
    """The listed sessions that run one statement for long, where picked threads wait and none that is here uses a connection."""
    return running(shortage.case) if shortage.few and not shortage.users and shortage.lender.lends == JDBC else None


def _leak_in_words(leak: Leaker, rest: Resting | CountedRest | None) -> str:
    return leak.words if rest is None else say("{leak}, and {resting}", leak=leak.words, resting=rest.words)


def open_outlook(shortage: Shortage) -> Outlook | None:
    """That nobody knows whether picked threads get one, where no line tells who has what they wait for."""
    if not shortage.few or leaker_of(shortage) is not None or resting(shortage.case, of_database=True) is not None:
        return None
    if _as_many(shortage) is not None:
        return Outlook(RecoversWhen.CAUSE, say("A connection comes back when whoever keeps it goes on."))
    if _busy(shortage) is not None:
        return Outlook(RecoversWhen.CAUSE, say("A connection comes back when a statement ends."))
    return OPEN


def _limit_in_words(shortage: Shortage) -> str:
    """How many the pool may lend, where the text beside the threads names one number; a pool that lends them all has no other limit."""
    told = {one.last.count for one in shortage.case.counts.of(Counted.LENT)}
    return say("; the pool may have {number:,}, as the text says", number=told.pop()) if len(told) == 1 else ""


def _unseen(shortage: Shortage) -> str:
    """That who has them is not here; and how many share the pool, where settings beside the threads tell."""
    sizes = small_pool(shortage.case.incident, None) if shortage.few else None
    if sizes is None:
        return say("who has them is not among the threads that are here{limit}", limit=_limit_in_words(shortage))
    return say("{sizes}, and who has them is not among the threads that are here", sizes=sizes.words)


def _keeping_in_words(shortage: Shortage) -> str | None:
    """Who has what is lent meanwhile, and what each of them waits for."""
    found = shortage.keeping
    if not found:
        return None
    target = only_target(shortage.view, found[0])
    return say_of(
        len(found),
        "{threads} in {place} has them and {what}{of}",
        "{threads} in {place} have them, each of which {what}{of}",
        threads=plural(len(found), "thread"),
        place=place(common_frame(found)),
        what=meanwhile(found[0]),
        of=say(" ({remote})", remote=target.remote) if target is not None else "",
    )


def _kept_in_words(shortage: Shortage, kept: tuple[ThreadActivity, ...]) -> str:
    """What threads do while they have a connection, and in which transaction or block."""
    first = kept[0]
    scope, app = scope_of(first, shortage.view.known), application_frame(*first)
    frame = blocking_frame(*first) or first.thread.frames[0]
    what = doing(first, frame, several=True) or say("are in {frame}", frame=frame.call)
    return say(
        "threads like “{name}” keep one meanwhile, as they {what}{called} inside {scope}",
        name=first.thread.label,
        what=what,
        called=say(", called from {frame},", frame=app) if app is not None and app != frame else "",
        scope=scope.call.rpartition("/")[2] if scope is not None else say("a transaction"),
    )


class Users(TypedDict):
    """Values of sentences about the threads that use what is lent."""

    users: object
    users_count: int
    unused: bool
    unused_jvm: bool
    unused_elsewhere: bool
    threads: str
    place: str


def users(shortage: Shortage) -> Users:
    """The values for the users of one pool."""
    found, jvm = shortage.users, shortage.view.known.runtime is Runtime.JVM
    alike = shortage.few and _as_many(shortage) is not None
    named = leaker_of(shortage) is not None or bool(shortage.keeping) or alike
    told = multiple(shortage.case, found) if shortage.picked and found else None
    number = told.number if told is not None else len(found)
    return Users(
        users=found,
        users_count=number,
        unused=not found,
        unused_jvm=not found and jvm and not named,
        unused_elsewhere=not found and not jvm and not alike,
        threads=plural(number, "thread"),
        place=place(common_frame(found)),
    )


def answers_outlook(*, own: bool) -> Outlook:
    """What becomes of a pool whose connections are in use: it has them back with each answer."""
    if own:
        return Outlook(
            RecoversWhen.UNKNOWN,
            say(
                "The calls that hold the connections wait for a thread of this server: only a timeout of theirs would end it, or a restart."
            ),
        )
    return Outlook(RecoversWhen.CAUSE, say("A connection comes back with each answer of the service."))


def shown(shortage: Shortage, text: Filled, mark: tuple[str, ...] = (), inferred: str | None = None) -> Iterator[Evidence]:
    """The threads that use what is lent, and the connections, in the rule's words for ``used`` and ``lent``."""
    if shortage.users:
        yield of_threads(shortage.users, text["used"])
    if shortage.rows:
        yield of_sockets(shortage.rows, text["lent"], mark, inferred)


def at_rest(shortage: Shortage) -> Resting | None:
    """The sessions of the lent connections, if no thread uses one and the server lists all of them as doing nothing."""
    return None if shortage.users or shortage.few else resting_behind(shortage.case, shortage.view, shortage.rows)


def why_none(shortage: Shortage) -> str:
    """Why no connection may be there to be lent."""
    if not shortage.view.sockets:
        return say("without a socket table a pool that cannot connect at all looks the same")
    if gaps := shortage.view.coverage.sockets:
        return say("the connections to the database may be among those not shown: {reason}", reason=gaps[0])
    return say("no connection to a database is open that could be lent: the pool may fail to make any")


def figures(shortage: Shortage, text: Filled) -> tuple[tuple[str, str], ...]:
    """Waiters, users and the connections that are lent."""
    connections = f"{len(shortage.rows):,}", say("connections to {remote}", remote=shortage.service)
    return (*shortage.figures, *text.figures, *((connections,) if shortage.rows else ()))


def finding(
    shortage: Shortage,
    text: Filled,
    judged: tuple[Confidence, str],
    held: tuple[Evidence, ...],
    frame: Frame | None,
    outlook: Outlook | None,
) -> Finding:
    """The pool and who waits for it; ``held`` shows where the connections are, ``frame`` is the one to blame."""
    leak = leaker_of(shortage) if text.values["leaker"] is not None else None
    proof = (leak.told.evidence,) if leak is not None else ()
    found = blocked_threads.finding(
        shortage,
        text,
        judged,
        (shortage.waiting, *held, *((rest.evidence,) if (rest := at_rest(shortage)) is not None else ()), *shortage.written, *proof),
        ((shortage.waiting,), held or proof),
        figures=figures(shortage, text),
        culprit=shortage.culprit(leak.site if leak is not None else frame, remote=shortage.service, library=shortage.lender.software),
        outlook=outlook,
    )
    if leak is None:
        return found
    if shortage.few:
        # The pool itself says who keeps what is missing: the threads that wait are no longer all that the finding rests on.
        return replace(found, confidence=min(found.confidence, Confidence.LIKELY, key=lambda one: one.rank), doubts=())
    return replace(found, explanation=say("{explanation} {leak}.", explanation=found.explanation, leak=leak.words))


def beside_holders(shortage: Shortage) -> tuple[Evidence, ...]:
    """What is shown beside those that hold a connection and want a second: who waits for a first one, and the connections."""
    holders = ThreadSet(shortage.nested)
    others = [member for member in shortage.members if member not in holders]
    found = []
    if others:
        found.append(
            of_threads(
                others,
                say_of(
                    len(others),
                    "{threads} waits for its first connection",
                    "{threads} wait for their first connection",
                    threads=plural(len(others), "thread"),
                ),
            )
        )
    if rows := shortage.rows:
        found.append(of_sockets(rows, say("{connections} to the database", connections=plural(len(rows), "connection"))))
    return tuple(found)


def held_by_all(shortage: Shortage) -> CountedHolders | None:
    """The threads that were counted to hold a connection already, if they have all that the pool has."""
    from analyzer.evidence.counted_holders import counted_holders  # noqa: PLC0415 - few texts count them

    return counted_holders(shortage.case, shortage.lender.software, shortage.view.known)

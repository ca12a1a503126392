"""What lines of logs alone let one suspect, where neither threads nor sockets tell more: a line is what a program met, not why, nor that it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.evidence.chosen_threads import chosen
from analyzer.evidence.log_events import MANY, caller_in_words, caller_of, in_words, of_this_moment, site_of
from analyzer.evidence.settings_beside import long_batch
from analyzer.families import log_joins
from analyzer.families.idle_leases import CHANNELS, CLIENTS, DATABASES, KEEPS_BY_THREAD, OPEN, counted_work, half_closed, resting, running
from analyzer.families.limit_joins import beside
from analyzer.families.log_joins import COMMITS, counted_to, may_rest, of_limits, says_less, tail_of, unread_queue, who_holds
from analyzer.families.log_stories import SERVICE, STORIES
from analyzer.families.pauses import OF_ONE_TIME, explained
from analyzer.join.coverage import TOLD
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, plural, say
from analyzer.model.text import Do, Either, Text
from analyzer.software.runtimes import OF_LOGS, stacks_command
from parsers.records import LogKind, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.log_events import Told
    from analyzer.families.story import Story
    from analyzer.model.finding import Evidence
    from analyzer.model.text import Filled
    from analyzer.waits.case import Case
    from parsers.records import Frame

SHORT: Final = 60
"""Lines of a log that somebody picked: each of them is there because it matters. In a longer one a failure of one call is noise."""
FEW_PROBES: Final = 5
"""Checks without an answer that a container which starts, or is busy for a moment, has too."""
_OF_JAVA: Final = (DATABASES | CLIENTS | {"JVM", "Tomcat", "Commons Pool", "OkHttp"}) - OF_LOGS.keys()


POOL: Final = Text(
    "",
    headline=Either(
        "leaker",
        Either(
            "channel",
            "{event}{often}: {leaker} makes channels, and nobody shuts them down.",
            "{event}{often}: what {leaker} takes{for_whom} is not given back.",
        ),
        Either(
            "resting",
            "{event}{called}{often}, and {resting}: what is lent is not in use, but was not given back.",
            Either(
                "working",
                Either(
                    "busy",
                    "{event}{called}{often}: {own}{working}.",
                    "{event}{called}{often}, while {working}: all that is lent is in use, and nothing here is a leak.",
                ),
                Either("sized", "{event}{often}: {sized}.", "{event}{called}{often}."),
            ),
        ),
    ),
    explanation=Either(
        "empty",
        "All that the pool has was lent when somebody asked for one more. {leak}",
        Either(
            "channel",
            "A channel keeps its connections, and memory outside of the heap, until somebody shuts it down: made for each call, channels pile up. One for each target is enough.{counted}{kept}",
            "What is taken and not given back is missing later: pools run empty, and connections that the other side closes stay in CLOSE_WAIT.{kept}",
        ),
    ),
    why=Either(
        "leaker",
        "The pool wrote both itself: that it was empty, and who kept one.",
        Either(
            "resting",
            "The line says that all were lent, and the far side's list that none of them is used. That both are of one moment, and whose code keeps them, they do not show.",
            "The line says so itself; why, and whether it lasts, a log does not show.",
        ),
    ),
    do=(
        Do(
            When.NOW,
            "Save the threads at such a moment, and the list of the far side's sessions: long calls, or sessions that are idle?",
            "{stacks}",
            on="unseen",
        ),
        Do(
            When.NOW,
            "Restart, or end the sessions that rest: the pool makes new ones. Before that save the threads.",
            "{stacks}",
            on="idle",
        ),
        Do(
            When.FIX,
            "Close what is taken{in_site} in every path, early returns and errors, too (try-with-resources, finally, with), and end the transaction before anything slow.",
            on="resting",
        ),
        Do(
            When.FIX,
            "Make one channel for each target and keep it; shut it down when the program ends. {leaker} makes them.",
            on="channels",
        ),
        Do(
            When.NOW,
            "Compare the pool's size with the number of threads that use it, for each process, and look which statements take long.",
            on="shared",
        ),
        Do(
            When.FIX,
            "Make the slow statements short; give the pool as many connections as threads use it, as far as the database can serve them.",
            on="shared",
        ),
        Do(When.NOW, "End the runs of the statement that nobody needs any more; the pool is free when they end.", on="busy"),
        Do(
            When.FIX,
            "Make the statement cheaper (an index, fewer rows), give it a timeout, and begin no run before the last one has ended.",
            on="busy",
        ),
        Do(When.FIX, "Give the pool as many connections as threads share it ({users}), or run fewer threads.", on="sized"),
        Do(When.FIX, "Give back what {leaker} takes in every path (try-with-resources, finally, with).", on="taken"),
        Do(When.FIX, "Switch on the pool's own watch for what is not given back: it names who took it.", on="unknown"),
        Do(When.PREVENT, "Give calls over the pool a timeout that is shorter than the patience of those who wait for one."),
    ),
    chain=(("{who}", "waits for a connection", "{event}"), ("the pool", "has none left", "{holder}")),
    phrases={
        "leak": Either(
            "leaker",
            "Its own watch names who took one and kept it: {leaker}. What is not given back is missing for all others.",
            Either(
                "halves",
                "Here {resting}: their services have closed them, and this process keeps them. Answers that are not read to their end, nor closed, keep their connections; a larger pool only moves the moment, and services that close idle connections are not the cause.",
                Either(
                    "resting",
                    "Calls that take long would show sessions that work; here {resting}. They were taken and never closed, or are kept during something else, such as a wait for another connection of the same pool; no statement is slow, and a larger pool only moves the moment.",
                    Either(
                        "working",
                        "Here {working}. Nothing is left to give back: a watch that takes back what is lent would only end statements that run. A pool that is smaller than the number of threads that use it, and statements that take long, leave the others waiting; what is never given back would rest.",
                        Either(
                            "sized",
                            "{sized}. When more of them work at once than the pool has, the others wait and fail. The limit of the server behind it says nothing of that.{worse}",
                            "Calls that take long, and connections that were never given back, write the same line.",
                        ),
                    ),
                ),
            ),
        ),
        "for_whom": Either("asked_by", ", called from {asked_by},"),
        "worse": Either("lost", " Calls that take long, and connections that were never given back, make it worse."),
        "in_site": Either("site", " in {site}"),
        "kept": Either("leaker", " Who took it the line names: {leaker}."),
        "holder": Either("leaker", "taken in {leaker}", Either("resting", "{resting}", "who has them the log does not say")),
    },
)
LINE: Final = Text(
    "",
    headline="{event}{called}{often}{tail}.",
    explanation="{reason}",
    why="{proof}",
    do=(Do(When.NOW, "{look}", "{order}"), Do(When.FIX, "{fix}")),
    chain=(("{who}", "{does}", "{event}"),),
)
_IN_USE: Final = Outlook(RecoversWhen.CAUSE, say("A connection comes back when a statement ends."))
_ORDER: Final = (LogKind.LEAK, LogKind.POOL_EMPTY, *STORIES)
"""Kinds in the order in which they are told: what names a cause before what follows from one."""
_OF_CALLS: Final = frozenset({LogKind.READ_TIMEOUT, LogKind.SLOW_STATEMENT, LogKind.PAUSE, LogKind.OVERFLOW, LogKind.LOCK_WAIT})
"""Kinds of which every healthy server's log has a line now and then."""
_POOLS: Final = frozenset({LogKind.LEAK, LogKind.POOL_EMPTY})


def suspicions(case: Case) -> Iterator[Finding]:
    """What the lines let one suspect, the kind that names a cause first; at most one finding for each rule. A whole dump tells more than they do."""
    if any(view.dump is not None and any(one.frames for one in view.dump.threads) and not chosen(case, view) for view in case.latest):
        return
    told = sorted((one for one in of_this_moment(case.incident) if _matters(case, one)), key=_place)
    # What waits while the machine stands still is thrown away behind that, as the same log says: it is no cause of its own.
    stood = {one.event.where.file for one in told if one.event.kind is LogKind.PAUSE and (one.event.figure("seconds") or 0) >= STANDS}
    told = [one for one in told if one.event.kind is not LogKind.DISCARDED or one.event.where.file not in stood]
    lines = (log_joins.by_client(case, one) or _of_line(case, one, STORIES[one.event.kind]) for one in told if one.event.kind in STORIES)
    found: dict[str, Finding] = {}
    for finding in (_of_pools(case, [one for one in told if one.event.kind in _POOLS]), *lines):
        follows = finding is not None and finding.rule == SERVICE.rule and finding.culprit.remote is None and "disk-stall" in found
        if finding is not None and not follows:  # a time limit that names no service is no other cause
            found.setdefault(finding.rule, finding)
    yield from found.values()


def _place(told: Told) -> tuple[int, bool]:
    """The kind that names a cause first; of checks without an answer the one that a container was killed for, of slow disks the one that was measured."""
    return _ORDER.index(told.event.kind), says_less(told.event)


def of_kind(case: Case, kind: LogKind) -> Iterator[Finding]:
    """What a server says itself, whatever else is known: why a broker takes no more messages, which session of a database keeps others waiting."""
    told = [one for one in of_this_moment(case.incident) if one.event.kind is kind and (kind is LogKind.ALARM or _matters(case, one))]
    yield from (_of_line(case, one, STORIES[kind]) for one in told[:1])


STANDS, LONG = 5.0, 30.0
"""Seconds of one pause behind which messages are older than their time limits, and of one that is no ordinary one."""
_TOLD_BY: Final = {LogKind.LOCK_WAIT: LogKind.DEADLOCK, LogKind.UNREAD: LogKind.ALARM}


def _matters(case: Case, told: Told) -> bool:
    """True if a line like this is a sign of trouble: it is one of few that somebody picked, or one of many. A single call that failed is no sign yet."""
    if told.event.kind not in _ORDER or may_rest(told.event):
        return False
    if (by := _TOLD_BY.get(told.event.kind)) is not None and any(one.event.kind is by for one in of_this_moment(case.incident)):
        return False  # the waits of a circle that the database has ended; the queue that an alarm names
    if told.event.kind is LogKind.PAUSE and ((told.event.figure("seconds") or 0) >= LONG or explained(case.incident) is not None):
        return True
    if told.event.kind is LogKind.PROBED and told.event.subject is None and (told.event.figure("times") or told.lines) < FEW_PROBES:
        return False
    if told.event.kind is LogKind.DOWN and "/" in (told.event.subject or ""):
        return False  # one of several servers: checks fail now and then
    artifact = next((one for one in case.incident.artifacts if one.file == told.event.where.file), None)
    lines = sum(log.lines for log in artifact.logs) if artifact is not None else 0
    picked = artifact is not None and any(part.format in {None, TOLD} and not part.looks_like for part in artifact.parts)
    several = told.lines > 1 or (told.event.kind is LogKind.LOCK_WAIT and who_holds(case) is not None)
    return told.lines >= MANY or (lines <= SHORT and (told.event.kind not in _OF_CALLS or several or picked))


def _of_pools(case: Case, told: Sequence[Told]) -> Finding | None:
    """A pool that had none to give, and what its own watch says of who kept one."""
    if not told:
        return None
    leaks = [one for one in told if one.event.kind is LogKind.LEAK]
    leak = next((one for one in leaks if site_of(one.event, case.known) is not None), leaks[0] if leaks else None)
    empty = next((one for one in told if one.event.kind is LogKind.POOL_EMPTY), None)
    main = empty or leak or told[0]
    leaker = site_of(leak.event, case.known) if leak is not None else None
    site = leaker or site_of(main.event, case.known)
    lends = main.event.source not in CLIENTS and _all_lent(main)
    idle = resting(case, of_database=main.event.source in DATABASES) if empty is not None and leaker is None and lends else None
    halves = half_closed(case, main.event) if empty is not None and leaker is None and main.event.source in CLIENTS else None
    rest = idle or halves
    searched = empty is not None and rest is None and leaker is None and main.event.source in DATABASES
    runs = running(case) if searched else None
    work = runs or (counted_work(case) if searched else None)
    sizes = (
        log_joins.sizes_of(case, main.event, "route" if main.event.source in CLIENTS else "pool")
        if empty is not None and rest is None and work is None and leaker is None
        else None
    )
    text = POOL.filled(
        None,
        sized=sizes.words if sizes is not None else None,
        users=sizes.users if sizes is not None else 0,
        lost=sizes is not None and not sizes.working,
        event=capitalized(in_words(main.event)),
        called=caller_in_words(main.event, case.known),
        often=_often(main),
        leaker=leaker,
        asked_by=caller_of(leak.event, leaker, case.known) if leak is not None and leaker is not None else None,
        empty=empty,
        channel=main.event.source in CHANNELS,
        channels=leaker if main.event.source in CHANNELS else None,
        taken=leaker if main.event.source not in CHANNELS else None,
        counted=counted_to(case, main.event.subject or "") if main.event.source in CHANNELS else "",
        unknown=leaker is None and work is None and sizes is None,
        resting=rest.words if rest is not None else None,
        idle=idle,
        halves=halves,
        working=work.words if work is not None else None,
        busy=runs,
        shared=work if runs is None else None,
        own=say("{number:,.0f} of its connections run one statement, ", number=counted)
        if runs is not None and (counted := main.event.figure("runningsqlcount"))
        else "",
        unseen=rest is None and work is None and sizes is None,
        site=site,
        who=main.event.subject or main.event.source,
        stacks=_stacks(main.event.source),
    )
    proven = (
        (leaker is not None and empty is not None) or (rest is not None and rest.sure) or (runs is not None and runs.explains(main.event))
    )
    sure = Confidence.LIKELY if proven else Confidence.SUSPECTED
    if empty is not None and leak is None and (again := _free_again(case, empty)) is not None:
        return _over(text, _rule_of_pool(main, empty), empty, again)
    beside = (
        rest.evidence
        if rest is not None
        else work.evidence
        if work is not None
        else leak.evidence
        if leak is not None and leak is not main
        else None
    )
    if sizes is not None and sizes.sure and main.event.source in KEEPS_BY_THREAD:
        sure = Confidence.LIKELY
    shown = (main.evidence, *((beside,) if beside is not None else ()), *(sizes.evidence if sizes is not None else ()))
    found = _finding(text, _rule_of_pool(main, empty), sure, shown, Culprit(frame=_named(site), library=main.event.source))
    if work is not None or sizes is not None:
        return replace(found, outlook=_IN_USE)
    return replace(found, outlook=OPEN) if leaker is None and rest is None and empty is not None else found


def _free_again(case: Case, empty: Told) -> Told | None:
    """The pool's own later word that connections were free and nobody waited; None where it did not say so after the last time that it was empty."""
    told = (one for one in of_this_moment(case.incident) if one.event.kind is LogKind.POOL_FREE)
    here = empty.event
    return next(
        (
            one
            for one in told
            if (one.event.source, one.event.subject) == (here.source, here.subject)
            and one.event.where.file == here.where.file
            and one.event.where > here.where
        ),
        None,
    )


def _over(text: Filled, rule: str, empty: Told, again: Told) -> Finding:
    """A pool that was empty and is no more: what happened then, and no trouble now."""
    found = _finding(text, rule, Confidence.CERTAIN, (empty.evidence, again.evidence), Culprit(library=empty.event.source))
    said = say(
        "Over: {event}{often}, and later {again}.",
        event=in_words(empty.event),
        often=_often(empty),
        again=in_words(again.event).partition(": ")[2],
    )
    return replace(found, severity=Severity.INFO, over=True, headline=said, doubts=())


def _all_lent(told: Told) -> bool:
    """False where the pool's own figures say that some were free, or that it had none at all: then it could not make or check them."""
    active, total = told.event.figure("active"), told.event.figure("total")
    return active is None or total is None or active >= total > 0


def _rule_of_pool(main: Told, empty: Told | None) -> str:
    source = main.event.source
    if source not in DATABASES | CLIENTS:
        return "object-pool-exhausted" if empty is not None else "connection-leak"
    return "jdbc-pool-exhausted" if source in DATABASES else "http-pool-exhausted"


def _of_line(case: Case, told: Told, story: Story) -> Finding:
    event = told.event
    pause = explained(case.incident) if event.kind is LogKind.PAUSE else None
    event = pause.pause if pause is not None else event
    limit = beside(case, event)
    text = LINE.filled(
        None,
        event=capitalized(in_words(event)),
        called=caller_in_words(event, case.known) if event.kind is not LogKind.POLLED_LATE else "",
        often=_often(told),
        tail=say(", and {limits}", limits=pause.ran_out) if pause else limit.words if limit else tail_of(case, event) or story.tail,
        reason=story.explanation,
        proof=OF_ONE_TIME if pause is not None else story.why,
        look=story.look,
        order=story.order(event.source) or _stacks(event.source),
        fix=story.fix,
        who=event.subject or event.source,
        does=story.does,
    )
    remote = event.subject if story is SERVICE else None
    queue = unread_queue(case) if event.kind is LogKind.ALARM else None
    batch = long_batch(case.incident) if event.kind is LogKind.POLLED_LATE else None
    shown = pause.evidence if pause is not None else (told.evidence,)
    shown += tuple(one.evidence for one in (queue, batch) if one is not None) + (limit.evidence if limit is not None else ())
    sure = Confidence.LIKELY if pause or queue or limit or of_limits(case, event) else story.confidence
    sure = Confidence.SUSPECTED if batch is None and event.source == COMMITS else sure
    found = _finding(text, story.rule, sure, shown, Culprit(frame=_named(site_of(event, case.known)), remote=remote, library=event.source))
    if limit is not None and limit.proven:
        found = replace(found, severity=Severity.CRITICAL, confidence=Confidence.CERTAIN, doubts=())
    return found if story.outlook is None else replace(found, outlook=story.outlook)


def _finding(text: Filled, rule: str, sure: Confidence, shown: tuple[Evidence, ...], culprit: Culprit) -> Finding:
    return text.finding(
        severity=Severity.WARNING,
        confidence=sure,
        evidence=shown,
        rule=rule,
        chain=text.steps(*(shown[:1], shown[1:])[: len(text.text.chain)]),
        culprit=culprit,
        doubts=(log_joins.alone(sure),),
    )


def _named(site: Frame | None) -> str | None:
    return str(site) if site is not None else None


def _often(told: Told) -> str:
    times = told.event.figure("times")
    if times is not None and times > 1:
        return say(", {times:,.0f} times", times=times)
    return say(", in {lines}", lines=plural(told.lines, "line")) if told.lines > 1 else ""


def _stacks(source: str) -> str | None:
    """The command that takes the stacks of what wrote the line; None where the line does not tell its runtime."""
    runtime = OF_LOGS.get(source, Runtime.JVM if source in _OF_JAVA else None)
    return stacks_command(runtime) if runtime is not None else None

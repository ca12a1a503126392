"""The process has no file descriptor left: it can neither accept connections nor open files.

Looks for: as many descriptors in use (/proc/PID/fd, or lsof -p) as the limit allows (/proc/PID/limits, Max open files). An acceptor that pauses
after a failed accept confirms it. What fills the table is named: one file opened again and again, or sockets.

Why it matters: accept fails, so clients queue up and time out; log files, class files and outgoing connections cannot be opened either.

Do next: find the leak behind it, which the list of descriptors shows. Raising the limit only buys time.

Wrong when: the limits are those of another process or were changed later, or the list was taken by lsof with threads listed one by one. A
table that is nearly full and stable may simply be a limit that is too low for the load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.join.descriptors import USUAL_LIMITS, Usage, limit_evidence, usage
from analyzer.model.finding import Action, Confidence, Culprit, Evidence, Finding, Missing, Outlook, RecoversWhen, Severity, Step, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.waits.acceptors import queue_of
from analyzer.waits.server_pools import pressure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final = ("self-call-starvation", "mutual-call-starvation", "slow-backend", "connection-leak")
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("Descriptors come back only when whatever holds them closes them."))
CLEAN: Final = say("the descriptors listed are fewer than the limit, or none are listed")
LONG_QUEUE: Final = 3
"""Connections that wait to be accepted and make it a pattern."""
SPARE: Final = 3
"""How far the highest number may lie below the limit: numbers are given back and given again."""
FULL: Final = 0.97
"""Share of the limit in use at which the next burst fails; listing itself takes a descriptor or two."""


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose descriptors are used up."""
    for view in case.latest:
        used = usage(view)
        if used is None and (numbered := _by_numbers(view)) is not None:
            yield numbered
            continue
        if used is None or (used.limit is None and _usual(used.used) is None):
            if pausing := _pausing(view):
                yield _unlisted(view, pausing, used)
            continue
        limit = used.limit.soft if used.limit is not None else _usual(used.used)
        if limit is not None and used.used >= FULL * limit:
            yield _finding(view, used, limit)


def _by_numbers(view: ProcessView) -> Finding | None:
    """The numbers of a process' descriptors run up to its limit, and nobody accepts: the kernel gives the lowest free number, so none is free below."""
    row = next((one for one in view.snapshot.limits if one.name == "Max open files"), None)
    numbers = [owner.fd for one in view.sockets for owner in one.owners if owner.pid == view.pid and owner.fd is not None]
    queue = [one for port in view.listeners for one in queue_of(view, port)]
    if row is None or row.soft is None or not numbers or len(queue) < LONG_QUEUE or max(numbers) + SPARE < row.soft:
        return None
    last = max(numbers)
    highest = [one for one in view.sockets if any(owner.pid == view.pid and owner.fd == last for owner in one.owners)]
    pid = view.pid if view.pid is not None else "PID"
    top = of_sockets(highest, say("descriptor {last} is a socket of this process", last=last), (str(last),))
    waiting = of_sockets(queue, say("{connections} wait to be accepted", connections=plural(len(queue), "connection")))
    return Finding(
        rule="fd-exhaustion",
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        headline=say(
            "The process' descriptors run up to number {last} of at most {limit}, and nobody accepts: they are used up.",
            last=last,
            limit=row.soft,
        ),
        explanation=say(
            "A new descriptor gets the lowest free number, so number {last} was given when {last} others were in use; the limit is {limit}. {waiting} wait to be accepted: accept fails as soon as no number is left.",
            last=last,
            limit=row.soft,
            waiting=plural(len(queue), "connection"),
        ),
        why_confident=say("The numbers and the limit agree; the whole list of descriptors would prove it."),
        evidence=(top, limit_evidence(row), waiting),
        process=view.process,
        chain=(
            Step(say("the process"), say("has no descriptor left for"), plural(len(queue), "connection"), (top,)),
            Step(say("its clients"), say("wait to be accepted"), "", (waiting,)),
        ),
        actions=(Action(When.NOW, say("Save the list of descriptors, then restart."), f"ls -l /proc/{pid}/fd > fd.txt"),),
        figures=((say("{used:,} of {limit:,}", used=last + 1, limit=row.soft), say("descriptor numbers")),),
        missing=(Missing(say("list of descriptors"), say("how many it has, and of what"), f"ls -l /proc/{pid}/fd > fd.txt"),),
    )


def _usual(used: int) -> int | None:
    """The usual limit that so many descriptors nearly reach, None if they reach none."""
    return next((usual for usual in USUAL_LIMITS if FULL * usual <= used <= usual), None)


def _unlisted(view: ProcessView, pausing: list[ThreadActivity], used: Usage | None) -> Finding:
    """An acceptor that pauses after a failed accept, where the limit is not in the evidence."""
    pid = view.process.pid if view.process.pid is not None else "PID"
    thread = pausing[0].thread
    listed = (
        say(" {descriptors} are listed; the limit is not in the evidence.", descriptors=plural(used.used, "descriptor")) if used else ""
    )
    paused = of_threads(pausing, say("“{name}” pauses after a failed accept", name=thread.name))
    return Finding(
        rule="fd-exhaustion",
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        headline=say("The acceptor pauses after a failed accept: the process may have used up its file descriptors."),
        explanation=say(
            "“{name}” waits before it tries to accept again, as it does after an error of accept. Too many open files is the usual error.{listed}",
            name=thread.name,
            listed=listed,
        ),
        why_confident=say("The stack shows that accept failed, not why: the server's log has the error, the limits file the limit."),
        evidence=(paused,),
        process=view.process,
        culprit=Culprit(thread=thread.name),
        chain=(Step(thread.name, say("pauses after a failed accept"), "", (paused,)),),
        actions=(
            Action(
                When.NOW, say("Compare the descriptors with the limit."), f"ls /proc/{pid}/fd | wc -l; grep 'open files' /proc/{pid}/limits"
            ),
            Action(When.NOW, say("Search the server's log for the error of accept (“Too many open files”).")),
        ),
        missing=(
            Missing(say("limits of the process"), say("how many descriptors it may have"), f"cat /proc/{pid}/limits > limits.txt"),
            Missing(say("list of descriptors"), say("how many it has, and of what"), f"ls -l /proc/{pid}/fd > fd.txt"),
        ),
    )


def _pausing(view: ProcessView) -> list[ThreadActivity]:
    """Acceptors that pause because accept failed."""
    return [
        member
        for pool in view.pools
        for member in pool.members
        if any(frame.method == "handleExceptionWithDelay" for frame in member.thread.frames)
    ]


def _finding(view: ProcessView, used: Usage, limit: int) -> Finding:
    pausing = _pausing(view)
    suffers = any(pressure(view, port).exists for port in view.listeners)
    top = used.fillers[0]
    evidence = [
        Evidence(
            top.where,
            say("{number:,} of {used:,} descriptors: {what}", number=top.number, used=used.used, what=top.what),
            (top.what,),
            top.number - 1,
        )
    ]
    if used.limit is not None:
        evidence.append(limit_evidence(used.limit))
    if pausing:
        evidence.append(of_threads(pausing, say("“{name}” pauses after a failed accept", name=pausing[0].thread.name)))
    pid = view.process.pid
    return Finding(
        rule="fd-exhaustion",
        severity=Severity.CRITICAL if suffers or pausing else Severity.WARNING,
        confidence=Confidence.CERTAIN
        if used.limit is not None and (pausing or suffers)
        else Confidence.LIKELY
        if used.limit is not None
        else Confidence.SUSPECTED,
        headline=say(
            "The process has used up its file descriptors: {used:,} of {limit:,}, most of them {what}.",
            used=used.used,
            limit=limit,
            what=top.what,
        ),
        explanation=(
            say(
                "{descriptors} of at most {limit:,} are in use; {number:,} of them are {what}.{the_acceptor} It does not recover by itself unless whatever holds these descriptors closes them.",
                descriptors=plural(used.used, "descriptor"),
                limit=limit,
                number=top.number,
                what=top.what,
                the_acceptor=say(" The acceptor pauses because accept fails, so nobody is accepted.") if pausing else "",
            )
        ),
        why_confident=_why(used, limit, bool(pausing)),
        evidence=tuple(evidence),
        process=view.process,
        culprit=Culprit(thread=pausing[0].thread.name if pausing else None),
        chain=(
            Step(top.what, say("fills"), say("{number:,} of {limit:,} descriptors", number=top.number, limit=limit), (evidence[0],)),
            Step(say("the process"), say("can open and accept nothing"), ""),
        ),
        actions=(
            Action(
                When.NOW, say("Save the list of descriptors, then restart."), f"ls -l /proc/{pid if pid is not None else 'PID'}/fd > fd.txt"
            ),
            Action(When.FIX, say("Find who opens {what} and does not close it (try-with-resources).", what=top.what)),
            Action(
                When.PREVENT,
                say(
                    "Watch the number of open descriptors against the limit; raise the limit (LimitNOFILE, ulimit -n) only above what a healthy process needs."
                ),
            ),
        ),
        figures=((say("{used:,} of {limit:,}", used=used.used, limit=limit), say("file descriptors used")), (f"{top.number:,}", top.what)),
        missing=()
        if used.limit is not None
        else (
            Missing(
                say("limits of the process"),
                say("how many descriptors it may have"),
                f"cat /proc/{pid if pid is not None else 'PID'}/limits > limits.txt",
            ),
        ),
    )


def _why(used: Usage, limit: int, pausing: bool) -> str:
    if used.limit is None:
        return say(
            "The list of descriptors ends near {limit:,}, a usual limit; the process' own limit is not in the evidence.", limit=limit
        )
    return say("The list of descriptors and the limits file agree") + (
        say(", and the acceptor pauses after a failed accept.") if pausing else "."
    )

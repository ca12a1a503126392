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

from analyzer.evidence.citations import of_threads
from analyzer.evidence.log_events import of_this_moment
from analyzer.families import counted_descriptors, logged_limit, numbered_descriptors, opened_again
from analyzer.join.descriptors import USUAL_LIMITS, Usage, limit_evidence, usage
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.waits.server_pools import pressure
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final = ("self-call-starvation", "mutual-call-starvation", "slow-backend", "connection-leak")
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("Descriptors come back only when whatever holds them closes them."))
CLEAN: Final = say("the descriptors listed are fewer than the limit, or none are listed")
FULL: Final = 0.97
"""Share of the limit in use at which the next burst fails; listing itself takes a descriptor or two."""
UNLISTED: Final = Text(
    "fd-exhaustion",
    headline="The acceptor pauses after a failed accept: the process may have used up its file descriptors.",
    explanation="“{name}” waits before it tries to accept again, as it does after an error of accept. Too many open files is the usual error.{listed}",
    why="The stack shows that accept failed, not why: the server's log has the error, the limits file the limit.",
    do=(
        Do(When.NOW, "Compare the descriptors with the limit.", "ls /proc/{pid}/fd | wc -l; grep 'open files' /proc/{pid}/limits"),
        Do(When.NOW, "Search the server's log for the error of accept (“Too many open files”)."),
    ),
    ask=(
        Ask("limits of the process", "how many descriptors it may have", "cat /proc/{pid}/limits > limits.txt"),
        Ask("list of descriptors", "how many it has, and of what", "ls -l /proc/{pid}/fd > fd.txt"),
    ),
    chain=(("{name}", "pauses after a failed accept", ""),),
    phrases={
        "listed": Either("used", " {descriptors} are listed; the limit is not in the evidence."),
        "paused": "“{name}” pauses after a failed accept",
    },
)
TEXT: Final = Text(
    "fd-exhaustion",
    headline="The process has used up its file descriptors: {used:,} of {limit:,}, most of them {what}.",
    explanation="{descriptors} of at most {limit:,} are in use; {number:,} of them are {what}.{the_acceptor} It does not recover by itself unless whatever holds these descriptors closes them.",
    why=Either(
        "limit_known",
        "{lists_agree}{and_log}{and_pauses}",
        "The list of descriptors ends near {limit:,}, a usual limit; the process' own limit is not in the evidence.",
    ),
    do=(
        Do(When.NOW, "Save the list of descriptors, then restart.", "ls -l /proc/{pid}/fd > fd.txt"),
        Do(When.FIX, "Find who opens {what} and does not close it: every path must, also after an error."),
        Do(
            When.PREVENT,
            "Watch the number of open descriptors against the limit; raise the limit (LimitNOFILE, ulimit -n) only above what a healthy process needs.",
        ),
    ),
    figures=(("{used:,} of {limit:,}", "file descriptors used"), ("{number:,}", "{what}")),
    ask=(Ask("limits of the process", "how many descriptors it may have", "cat /proc/{pid}/limits > limits.txt", on="undecided"),),
    chain=(("{what}", "fills", "{number:,} of {limit:,} descriptors"), ("the process", "can open and accept nothing", "")),
    phrases={
        "lists_agree": "The list of descriptors and the limits file agree",
        "and_log": Either("logged", ", the log tells of it"),
        "and_pauses": Either("pausing", ", and the acceptor pauses after a failed accept.", "."),
        "paused": "“{name}” pauses after a failed accept",
        "fillers": "{number:,} of {used:,} descriptors: {what}",
        "the_acceptor": Either("pausing", " The acceptor pauses because accept fails, so nobody is accepted."),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose descriptors are used up."""
    found = [*_of_lists(case), *counted_descriptors.descriptors(case), *logged_limit.findings(case)]
    yield from found or opened_again.findings(case)


def _of_lists(case: Case) -> Iterator[Finding]:
    """Whole lists of descriptors, or an acceptor that pauses."""
    for view in case.latest:
        used = usage(view)
        if used is None and (numbered := numbered_descriptors.finding(view)) is not None:
            yield numbered
            continue
        if used is None or (used.limit is None and _usual(used.used) is None):
            if pausing := _pausing(view):
                yield _unlisted(view, pausing, used)
            continue
        limit = used.limit.soft if used.limit is not None else _usual(used.used)
        if limit is not None and used.used >= FULL * limit:
            yield _finding(case, view, used, limit)


def _usual(used: int) -> int | None:
    """The usual limit that so many descriptors nearly reach, None if they reach none."""
    return next((usual for usual in USUAL_LIMITS if FULL * usual <= used <= usual), None)


def _unlisted(view: ProcessView, pausing: list[ThreadActivity], used: Usage | None) -> Finding:
    """An acceptor that pauses after a failed accept, where the limit is not in the evidence."""
    text = UNLISTED.filled(view.process, name=pausing[0].thread.name, used=used, descriptors=plural(used.used if used else 0, "descriptor"))
    paused = of_threads(pausing, text["paused"])
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=(paused,),
        chain=text.steps((paused,)),
        culprit=Culprit(thread=pausing[0].thread.name),
    )


def _pausing(view: ProcessView) -> list[ThreadActivity]:
    """Acceptors that pause because accept failed."""
    return [
        member
        for pool in view.pools
        for member in pool.members
        if any(frame.method == "handleExceptionWithDelay" for frame in member.thread.frames)
    ]


def _finding(case: Case, view: ProcessView, used: Usage, limit: int) -> Finding:
    pausing = _pausing(view)
    suffers = any(pressure(view, port).exists for port in view.listeners)
    told = next((one for one in of_this_moment(case.incident) if one.event.kind is LogKind.DESCRIPTORS), None)
    fails = bool(pausing or suffers or told)
    top = used.fillers[0]
    text = TEXT.filled(
        view.process,
        used=used.used,
        limit=limit,
        what=top.what,
        descriptors=plural(used.used, "descriptor"),
        number=top.number,
        pausing=pausing,
        logged=told,
        undecided=used.limit is None,
        limit_known=used.limit is not None,
        name=pausing[0].thread.name if pausing else None,
    )
    fillers = Evidence(top.where, text["fillers"], (top.what,), top.number - 1)
    paused = (of_threads(pausing, text["paused"]),) if pausing else ()
    return text.finding(
        severity=Severity.CRITICAL if fails else Severity.WARNING,
        confidence=Confidence.SUSPECTED if used.limit is None else Confidence.CERTAIN if fails else Confidence.LIKELY,
        evidence=(
            fillers,
            *((limit_evidence(used.limit),) if used.limit is not None else ()),
            *paused,
            *((told.evidence,) if told else ()),
        ),
        chain=text.steps((fillers,)),
        culprit=Culprit(thread=pausing[0].thread.name if pausing else None, remote=top.remote),
        consequence_of="fd-leak-without-tcp" if top.gone else None,
    )

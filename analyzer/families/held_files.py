"""Processes that wait for a lock on one file, as the system's list of locks tells: no stack is needed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.file_locks import HeldFile, crowds
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, Do, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.model.incident import Snapshot
    from analyzer.waits.case import Case

TEXT: Final = Text(
    "lock-convoy",
    headline="{waiting} for a lock on {place} that {who} holds.",
    explanation="{waiting} for a lock of the operating system on {place}, such as {first}. {who_begins} holds it. Such a lock is kept until its owner unlocks it, closes the file, or ends.",
    why="The list of locks names who holds the file and who waits. Whether that is the trouble it does not show: jobs may wait for their turn on purpose.",
    do=(
        Do(When.NOW, "Look at {who}: what is it in?", "ps -o pid,stat,wchan:32,etime,args -p {holder}"),
        Do(When.FIX, "Do slow work before the lock is taken, or after it is given back; ask for it with a time limit."),
    ),
    figures=(("{count:,}", "processes waiting for the file"),),
    ask=(
        Ask(
            "stacks of the holder", "what it does while it holds the lock", "gdb -p {holder} -batch -ex 'thread apply all bt' > stacks.txt"
        ),
    ),
    chain=(("{first}", "waits for a lock held by", "{place}"), ("{who}", "holds", "{place}")),
)
_OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The queue moves when the owner lets the lock go."))


def suspicions(case: Case) -> Iterator[Finding]:
    """One for each file that several processes wait for, unless a dump of one of them tells more."""
    dumped = {view.pid for view in case.latest if view.dump is not None}
    for snapshot, held in crowds(case):
        if dumped.isdisjoint(one.pid for one in held.waiters) and None not in dumped:
            yield _finding(snapshot, held)


def _finding(snapshot: Snapshot, held: HeldFile) -> Finding:
    first, count = held.waiters[0], len(held.waiters)
    text = TEXT.filled(
        Process(snapshot.host, first.pid, first.command or held.commands.get(first.pid) if first.pid is not None else None),
        waiting=plural(count, "process waits", "processes wait"),
        place=held.place,
        who=held.who,
        who_begins=held.who,
        first=held.named(first),
        holder=held.holder.pid if held.holder.pid is not None else "PID",
        count=count,
    )
    waits = Evidence(first.where, say("{waiting} for the lock", waiting=text.values["waiting"]), (str(first.pid),), count - 1)
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=(waits, held.evidence),
        chain=text.steps((waits,), (held.evidence,)),
        culprit=Culprit(lock=held.place),
        outlook=_OUTLOOK,
    )

"""Descriptors of connections that are gone: the process keeps sockets that no socket table shows any more.

Looks for: lsof rows of type ``sock`` with "protocol: TCP" or "can't identify protocol". After a reset, or when both sides have closed, a socket
leaves ss and netstat, but its descriptor stays until the process closes it. Besides, descriptors of files that grow from list to list.

Why it matters: it is a leak like CLOSE_WAIT that socket tables do not show. It ends in "Too many open files".

Do next: close the socket in every path, also after an exception on read or write.

Wrong when: they are few: some are closed a moment later, and the VM keeps one or two of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.families.counted_selectors import left_open
from analyzer.join.descriptors import is_gone
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.incident import Snapshot
    from analyzer.waits.case import Case
    from parsers.records import OpenFile

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.RESTART, say("Only the code that opened a descriptor closes it; a restart frees them, and they grow again.")
)
CLEAN: Final = say("no pile of descriptors without a TCP state")
FEWEST: Final = 20
"""Rows of one table below which they may be on their way out."""
GROWTH: Final = 3
"""New ones between first and last table that are a trend."""
TEXT: Final = Text(
    "fd-leak-without-tcp",
    headline="{command} keeps {descriptors} of connections that are gone: a leak that socket tables do not show.",
    explanation="lsof lists {sockets} without a TCP state: their connections were reset or have ended, and the process never closed them.{grown} ss and netstat do not show them. Only close(), or the end of the process, frees the descriptors.",
    why=Either("grows", "They grow from table to table.", "More than a process has on its way out; a second table would show growth."),
    do=(
        Do(When.NOW, "Compare with the limit of descriptors.", "grep 'open files' /proc/{pid}/limits; ls /proc/{pid}/fd | wc -l"),
        Do(
            When.FIX, "Close the socket in every path, also after an exception on read or write (try-with-resources, finally, with, defer)."
        ),
    ),
    figures=(("{rows_count:,}", "descriptors without a TCP state"),),
    ask=(Ask("second lsof, some minutes later", "whether they grow", "lsof -nP -p {pid} > lsof-2.txt", on="undecided"),),
    chain=(("the peer", "resets the connection", ""), ("{process}", "never closes", "its descriptor")),
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process that keeps such descriptors."""
    tables = [(snapshot, _by_process(snapshot)) for snapshot in case.incident.snapshots]
    for key, rows in (tables[-1][1] if tables else {}).items():
        host = tables[-1][0].host
        counts = [len(found.get(key, [])) for snapshot, found in tables if snapshot.host == host]
        grows = len(counts) > 1 and counts[-1] - counts[0] >= GROWTH
        if grows or len(rows) >= FEWEST:
            yield _finding(case, key, rows, counts, grows=grows)
    yield from left_open(case)
    if sum(bool(snapshot.open_files) for snapshot, _ in tables) > 1:
        from analyzer.families import growing_files  # noqa: PLC0415 - it takes two lists

        yield from growing_files.findings(case)


def _by_process(snapshot: Snapshot) -> dict[tuple[int | None, str | None], list[OpenFile]]:
    groups: dict[tuple[int | None, str | None], list[OpenFile]] = {}
    for file in snapshot.open_files:
        if is_gone(file):
            groups.setdefault((file.pid, file.command), []).append(file)
    return groups


def _finding(case: Case, key: tuple[int | None, str | None], rows: list[OpenFile], counts: list[int], *, grows: bool) -> Finding:
    pid, command = key
    view = next((view for view in case.latest if view.pid == pid), None)
    listed = Evidence(
        rows[0].where,
        say("{descriptors} of sockets without a TCP state", descriptors=plural(len(rows), "descriptor")),
        (rows[0].target,),
        len(rows) - 1,
    )
    grown = say(" They grow: {list}.", list=joined(" → ", (say("{count:,}", count=count) for count in counts))) if grows else ""
    text = TEXT.filled(
        view.process if view else Process(None, pid, command),
        command=command or say("The process"),
        descriptors=plural(len(rows), "descriptor"),
        sockets=plural(len(rows), "socket"),
        grown=grown,
        grows=grows,
        rows_count=len(rows),
        undecided=not grows,
        process=command or say("the process"),
    )
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN if grows else Confidence.LIKELY,
        evidence=(listed,),
        chain=text.steps((), (listed,)),
        culprit=Culprit(),
    )

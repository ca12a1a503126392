"""A child process keeps the connections of its parent open: one socket, two owners.

Looks for: connections in CLOSE_WAIT that two processes hold (one inode, two pids), where the second is another program than the first.

Why it matters: when the parent closes its descriptor the connection stays open, because the child has one too. The peer waits for a FIN
that does not come, and the parent's code looks correct.

Do next: open sockets with close-on-exec (SOCK_CLOEXEC; the JDK does), or close descriptors before exec. Ending the child ends the connections.

Wrong when: the processes share sockets on purpose (worker processes of nginx, PostgreSQL or PHP, socket activation): these run the same
program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.correlate.witness import of_sockets, plural
from analyzer.finding import Action, Confidence, Culprit, Finding, Heals, Outlook, Process, Severity, Step, When
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.correlate import Case
    from analyzer.correlate.sockets import Connection
    from parsers.records import Owner

NEEDS: Final = ("sockets",)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(Heals.RESTART, "The socket is free only when the process that inherited it ends.")
CLEAN: Final = "no connection in CLOSE_WAIT is held by two programs"
FEWEST: Final = 3
"""Connections that two programs share: one or two may have been caught between fork and exec."""


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pair of processes."""
    for host, table in {id(view.table): (view.snapshot.host, view.table) for view in case.latest}.values():
        groups: dict[tuple[Owner, Owner], list[Connection]] = {}
        for one in table.connections:
            if one.state is TcpState.CLOSE_WAIT and len(one.owners) > 1:
                first, second = sorted(one.owners, key=lambda owner: owner.pid)[:2]
                if first.command != second.command:
                    key = (_anyone(first), _anyone(second))
                    groups.setdefault(key, []).append(one)
        for (first, second), group in groups.items():
            if len(group) >= FEWEST:
                yield _finding(host, first, second, group)


def _anyone(owner: Owner) -> Owner:
    """The process without the descriptor's number, which differs from socket to socket."""
    return type(owner)(owner.pid, owner.command)


def _finding(host: str | None, first: Owner, second: Owner, group: Sequence[Connection]) -> Finding:
    parent, child = f"{first.command} (pid {first.pid})", f"{second.command} (pid {second.pid})"
    shown = of_sockets(group, f"{plural(len(group), 'connection')} held by {parent} and {child}", (str(first.pid), str(second.pid)))
    return Finding(
        rule="inherited-fd",
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        headline=f"{child} holds {plural(len(group), 'connection')} of {parent} open.",
        explanation=(
            f"{plural(len(group), 'connection')} in CLOSE_WAIT have two owners, {parent} and {child}: the second inherited the descriptors when it was started. Even if"
            " the first closes them, the peer gets no FIN before the second ends."
        ),
        why_confident="The table shows both owners of the same sockets. Which of them should have closed needs the program.",
        evidence=(shown,),
        process=Process(host, first.pid, first.command),
        culprit=Culprit(library=second.command),
        chain=(
            Step(parent, "starts with its descriptors open", child, (shown,)),
            Step(child, "keeps open", plural(len(group), "connection")),
        ),
        actions=(
            Action(When.NOW, f"End {child} if it can be spared: its descriptors go with it.", f"ls -l /proc/{second.pid}/fd"),
            Action(When.FIX, "Open sockets close-on-exec (SOCK_CLOEXEC, FD_CLOEXEC), or close descriptors above 2 between fork and exec."),
        ),
        figures=((f"{len(group):,}", "connections with two owners"),),
    )

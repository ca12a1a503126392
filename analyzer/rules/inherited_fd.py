"""A child process keeps the connections of its parent open: one socket, two owners, or only the wrong one.

Looks for: connections in CLOSE_WAIT that two processes hold (one inode, two pids), where the second is another program than the first. Or, after the
parent closed its own: a listener that two programs hold, one of which serves its connections, while the other one has only some in
CLOSE_WAIT.

Why it matters: when the parent closes its descriptor the connection stays open, because the child has one too. The peer waits for a FIN
that does not come, and the parent's code looks correct. An inherited listener also keeps the port taken after the parent has ended.

Do next: open sockets with close-on-exec (SOCK_CLOEXEC; the JDK does), or close descriptors before exec. Ending the child ends the connections.

Wrong when: the processes share sockets on purpose (worker processes of nginx, PostgreSQL or PHP, socket activation): these run the same
program, or the one that shares the listener serves nothing itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.socket_table import SocketTable
    from analyzer.model.incident import Snapshot
    from analyzer.waits.case import Case
    from parsers.records import Owner, Pid

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("The socket is free only when the process that inherited it ends."))
CLEAN: Final = say("no connection in CLOSE_WAIT is held by two programs")
FEWEST: Final = 3
"""Connections that two programs share: one or two may have been caught between fork and exec."""
TEXT: Final = Text(
    "inherited-fd",
    headline="{child} holds {connections} of {parent} open.",
    explanation="",
    why=Either(
        "closed",
        "The table shows both owners of the same sockets. Which of them should have closed needs the program.",
        "The table shows who serves the port and who only keeps. That the one started the other, its parent's pid shows (ps -o pid,ppid,comm).",
    ),
    do=(
        Do(When.NOW, "End {child} if it can be spared: its descriptors go with it.", "ls -l /proc/{second_pid}/fd"),
        Do(When.FIX, "Open sockets close-on-exec (SOCK_CLOEXEC, FD_CLOEXEC), or close descriptors above 2 between fork and exec."),
    ),
    figures=(("{group_count:,}", Either("closed", "connections with two owners", "connections that {command} keeps")),),
    chain=(("{parent}", "starts with its descriptors open", "{child}"), ("{child}", "keeps open", "{connections}")),
    phrases={"shown": "the listener is held by {parent} and {child}", "group": "{connections} held by {parent} and {child}"},
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pair of processes."""
    for snapshot, table in {view.table: (view.snapshot, view.table) for view in case.latest}.values():
        groups: dict[tuple[Owner, Owner], list[Connection]] = {}
        for one in table.in_state(TcpState.CLOSE_WAIT):
            if len(one.owners) > 1:
                first, second = sorted(one.owners, key=lambda owner: owner.pid)[:2]
                if not _one_program(first.command, second.command):
                    key = (_anyone(first), _anyone(second))
                    groups.setdefault(key, []).append(one)
        for (first, second), group in groups.items():
            if len(group) >= FEWEST and _is_one_socket(snapshot, first, second, group[0]):
                yield _finding(snapshot.host, first, second, group)
        # A port may be listened to for IPv4 and for IPv6: the connections are the same.
        shared = {row.local.port: row for row in table.in_state(TcpState.LISTEN) if len(row.owners) > 1}
        for _, listener in sorted(shared.items()):
            for parent, child, group in _left_alone(table, listener):
                if _is_one_socket(snapshot, parent, child, listener):
                    yield _finding(snapshot.host, parent, child, group, listener)


def _is_one_socket(snapshot: Snapshot, first: Owner, second: Owner, connection: Connection) -> bool:
    """True if a table shows both with the same socket: in one row, by one inode, or without inodes side by side. Two hosts listen on equal ports as well."""
    holders: dict[object, set[Pid]] = {}
    for row in snapshot.rows:
        if row.local == connection.local and row.remote == connection.remote:
            pids = {owner.pid for owner in row.owners or ()}
            holders.setdefault(row.inode or row.where.file, set()).update(pids)
    return any({first.pid, second.pid} <= pids for pids in holders.values())


def _left_alone(table: SocketTable, listener: Connection) -> Iterator[tuple[Owner, Owner, list[Connection]]]:
    """(who serves the listener, who only keeps connections of it that nobody serves any more, these connections).

    A master that hands its listener to workers serves nothing itself; workers of two programs serve both. Both are told apart here: the pids are not, for
    they say who came first only until they wrap.
    """
    alone: dict[Owner, list[Connection]] = {_anyone(owner): [] for owner in listener.owners}
    for one in table.connections:
        if one.local.port == listener.local.port and one.remote is not None and len(one.owners) == 1:
            alone.setdefault(_anyone(one.owners[0]), []).append(one)
    holders = {_anyone(owner) for owner in listener.owners}
    serving = [owner for owner in holders if any(one.state is TcpState.ESTABLISHED for one in alone[owner])]
    for child in sorted(holders - set(serving), key=lambda owner: owner.pid):
        kept = [one for one in alone[child] if one.state is TcpState.CLOSE_WAIT]
        if len(serving) == 1 and len(kept) >= FEWEST and not _one_program(child.command, serving[0].command):
            yield serving[0], child, kept


def _anyone(owner: Owner) -> Owner:
    """The process without the descriptor's number, which differs from socket to socket."""
    return type(owner)(owner.pid, owner.command)


def _finding(host: str | None, first: Owner, second: Owner, group: Sequence[Connection], listener: Connection | None = None) -> Finding:
    """With a listener: the second owns the connections alone, and the listener together with the first."""
    parent, child = (
        say("{command} (pid {pid})", command=first.command, pid=first.pid),
        say("{command} (pid {pid})", command=second.command, pid=second.pid),
    )
    marks = (str(first.pid), str(second.pid))
    text = TEXT.filled(
        Process(host, first.pid, first.command),
        child=child,
        connections=plural(len(group), "connection"),
        parent=parent,
        closed=listener is None,
        second_pid=second.pid,
        group_count=len(group),
        command=second.command,
    )
    if listener is None:
        evidence = [of_sockets(group, text["group"], marks)]
    else:
        evidence = [
            of_sockets(
                group,
                say(
                    "{connections} to port {port} held by {child} alone",
                    connections=plural(len(group), "connection"),
                    port=listener.local.port,
                    child=child,
                ),
                marks,
            ),
            of_sockets([listener], text["shown"], marks),
        ]
    shown = evidence[0]
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        evidence=tuple(evidence),
        explanation=say(
            "{connections} in CLOSE_WAIT have two owners, {parent} and {child}: the second inherited the descriptors when it was started. Even if the first closes them, the peer gets no FIN before the second ends.",
            connections=plural(len(group), "connection"),
            parent=parent,
            child=child,
        )
        if listener is None
        else say(
            "{connections} in CLOSE_WAIT on port {port} belong to {child} alone, which serves nothing there: {parent} does, and both hold the listener. So {child} inherited the descriptors when it was started; {command} has closed its own since, and the peer gets no FIN before the other ends.",
            connections=plural(len(group), "connection"),
            port=listener.local.port,
            child=child,
            parent=parent,
            command=first.command,
        ),
        chain=text.steps((shown,)),
        culprit=Culprit(library=second.command, listener=f"*:{listener.local.port}" if listener is not None else None),
    )


def _one_program(one: str | None, other: str | None) -> bool:
    """True for parts of one program that share sockets on purpose: a master and its workers, sshd and its sessions (sshd-session)."""
    first, second = sorted(((one or "").partition(":")[0], (other or "").partition(":")[0]), key=len)
    return second.startswith(first)

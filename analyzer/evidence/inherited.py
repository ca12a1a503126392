"""Sockets that a second program holds open: it inherited the descriptors of whoever started it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.join.socket_table import SocketTable
    from analyzer.model.incident import Snapshot
    from analyzer.waits.case import Case
    from parsers.records import Owner, Pid

FEWEST: Final = 3
"""Connections that two programs share: one or two may have been caught between fork and exec."""


class Inherited(msgspec.Struct, frozen=True):
    """Connections in CLOSE_WAIT that ``child`` holds. With a ``listener`` it owns them alone, and the listener together with ``parent``; else both own them."""

    host: str | None
    parent: Owner
    child: Owner
    rows: tuple[Connection, ...]
    listener: Connection | None = None


def inherited(case: Case) -> Iterator[Inherited]:
    """One per pair of processes."""
    for snapshot, table in {view.table: (view.snapshot, view.table) for view in case.latest}.values():
        for (first, second), group in _with_two_owners(table).items():
            if len(group) >= FEWEST and _is_one_socket(snapshot, first, second, group[0]):
                yield Inherited(snapshot.host, first, second, tuple(group))
        # A port may be listened to for IPv4 and for IPv6: the connections are the same.
        shared = {row.local.port: row for row in table.in_state(TcpState.LISTEN) if len(row.owners) > 1}
        for _, listener in sorted(shared.items()):
            for parent, child, group in _left_alone(table, listener):
                if _is_one_socket(snapshot, parent, child, listener):
                    yield Inherited(snapshot.host, parent, child, tuple(group), listener)


def _with_two_owners(table: SocketTable) -> dict[tuple[Owner, Owner], list[Connection]]:
    """Connections in CLOSE_WAIT that two programs own, by these two."""
    groups: dict[tuple[Owner, Owner], list[Connection]] = {}
    for one in table.in_state(TcpState.CLOSE_WAIT):
        if len(one.owners) > 1:
            first, second = sorted(one.owners, key=lambda owner: owner.pid)[:2]
            if not _one_program(first.command, second.command):
                groups.setdefault((_anyone(first), _anyone(second)), []).append(one)
    return groups


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


def _one_program(one: str | None, other: str | None) -> bool:
    """True for parts of one program that share sockets on purpose: a master and its workers, sshd and its sessions (sshd-session)."""
    first, second = sorted(((one or "").partition(":")[0], (other or "").partition(":")[0]), key=len)
    return second.startswith(first)

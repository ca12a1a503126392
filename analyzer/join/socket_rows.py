"""Rows of all tools → connections.

The same connection shows in lsof, netstat, ss and /proc, each with other facts: queues here, owners there. Rows are joined by inode, else
by 4-tuple; addresses are already normalised. Where tables disagree (they are never taken at one instant) the kernel's tables win over
lsof, because they carry the queues that the state belongs to.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from analyzer.join.connections import Connection, Sockets
from parsers.records import SocketRow, TcpState
from parsers.text.endpoint import is_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from parsers.records import Endpoint, Owner

_ORDER: Final = {"netstat": 0, "ss": 1, "proc_net": 2, "lsof": 3}
"""The first table that has a fact wins; a netstat row is also the one that people read best."""
_LINUX: Final = frozenset(_ORDER)
_FIN_NOT_COUNTED: Final = frozenset({"netstat_bsd", "netstat_solaris"})
_OF_ONE: Final = "pfiles"
"""Shows the descriptors of one process: that a row has no owner elsewhere says nothing."""
_LAST: Final = 9  # any other tool
_where: Final = attrgetter("where")
_line: Final = attrgetter("where.first")
_Group: TypeAlias = "SocketRow | list[SocketRow]"
_FEW_LOCALS: Final = 1024
_ACCEPTABLE = frozenset({TcpState.ESTABLISHED, TcpState.CLOSE_WAIT})


def connections(rows: Sequence[SocketRow]) -> Sockets:
    """Join the TCP rows of one snapshot; order as in the tables that were read first."""
    if (found := _of_one_table(rows)) is not None:
        return _without_passing(found)
    tcp = _in_order([row for row in rows if row.proto == "tcp"])
    groups = _groups(tcp)
    if _any_loose(tcp):
        from analyzer.join.loose_rows import join_loose  # noqa: PLC0415 - few tables have names

        merged = {key: group if isinstance(group, list) else [group] for key, group in groups.items()}
        join_loose(merged)
        groups = dict(merged)
    # What a table says of its other rows is needed only where a row says neither inode nor owner.
    unsaid = any(row.inode is None and row.owners is None for row in tcp)
    shows_owner = {(row.where.file, row.local.port) for row in tcp if row.owners and row.tool != _OF_ONE} if unsaid else set()
    joined = [_join(group, shows_owner) if isinstance(group, list) else _alone(group, shows_owner) for group in groups.values()]
    return _without_passing(Sockets(joined))


def _without_passing(found: Sockets) -> Sockets:
    """The connections, those without an owner as accepted whose listener's queue is empty by the same table: they are just being taken or closed.

    ss prints both numbers of a listener's queue (``sk_ack_backlog`` and its limit); other tools may print zeros that say nothing.
    """
    listeners = [row for row in found.of(TcpState.LISTEN) if row.backlog is not None]
    waiting = {row.local.port for row in listeners if row.recv_q}
    empty = {row.local.port for row in listeners} - waiting
    passing = [row for row in found.unaccepted if row.local.port in empty] if empty else []
    return found.with_other((row, msgspec.structs.replace(row, unaccepted=False)) for row in passing) if passing else found


def _of_one_table(rows: Sequence[SocketRow]) -> Sockets | None:  # noqa: C901, PLR0912 - one look at each row, see below
    """The connections of one table's rows, if its addresses are whole and no inode is there twice, as in nearly all large tables; None for others.

    One look at each row: every further one would wait for memory.
    """
    if not rows or rows[0].tool not in _LINUX or rows[0].tool != rows[-1].tool or rows[0].where.file != rows[-1].where.file:
        return None
    tool, file, line, listen = rows[0].tool, rows[0].where.file, 0, TcpState.LISTEN
    made = Sockets()
    doubtful: list[int] = []
    again: dict[int, list[SocketRow]] = {}
    keys: dict[object, SocketRow] = {}
    # A server has few local ends: under each of them the far end alone is the key. Equal ones mostly are one object, which is found faster.
    by_local: dict[Endpoint, dict[object, SocketRow]] = {}
    by_identity: dict[int, dict[object, SocketRow]] = {}
    inodes: list[int] = []
    hosts: set[str] = set()
    by_state: dict[TcpState | None, Sockets] = defaultdict(Sockets)
    for row in rows:
        where, local, remote, state, owners, inode = row.where, row.local, row.remote, row.state, row.owners, row.inode
        if row.tool != tool or where.first <= line or where.file != file:
            return None
        line = where.first
        if row.proto != "tcp":
            continue
        known = by_identity.get(id(local))
        if known is None:
            if local.truncated:
                return None
            hosts.add(local.host)
            known = by_local.get(local)
            if known is None and len(by_local) < _FEW_LOCALS:
                known = by_local[local] = {}
            if known is not None and len(by_identity) < _FEW_LOCALS:
                by_identity[id(local)] = known
        if state is listen or remote is None:
            first = keys.setdefault((local.host, local.port, local.service), row)
        elif remote.truncated:
            return None
        else:
            hosts.add(remote.host)
            first = keys.setdefault((local, remote), row) if known is None else known.setdefault(remote, row)
        if first is not row:
            again.setdefault(first.where.first, [first]).append(row)
            continue
        if inode:
            inodes.append(inode)
        elif inode is None and owners is None and state in _ACCEPTABLE:
            doubtful.append(len(made))
        one = Connection(
            local,
            remote,
            state,
            row.recv_q,
            row.send_q,
            row.backlog,
            () if owners is None else owners if len(owners) < 2 else _by_pid(owners),  # noqa: PLR2004 - there is another one
            inode,
            row.timer,
            where,
            (),
            inode == 0 and not owners and state in _ACCEPTABLE,
            False,  # noqa: FBT003 - by their names, all would take a tenth longer
            row.info,
        )
        made.append(one)
        by_state[state].append(one)
    inodes += [row.inode for group in again.values() for row in group[1:] if row.inode]
    hosts.discard("*")
    if len(set(inodes)) < len(inodes) or not all(map(is_address, hosts)):
        return None
    if doubtful or again:
        _settle(made, rows, doubtful, again)
    elif len(by_state) > 1:
        made.by_state = dict(by_state)  # sorted out here, where each connection is at hand
    return made


def _settle(made: Sockets, rows: Sequence[SocketRow], doubtful: Sequence[int], again: Mapping[int, Sequence[SocketRow]]) -> None:
    """Say of the doubtful ones whether anybody has accepted them, and join the rows of those that have several."""
    # Most tables say an inode or an owner in each row: then nobody asks which ports have owners.
    unsaid = doubtful or any(row.inode is None and row.owners is None for group in again.values() for row in group)
    file = rows[0].where.file
    shows_owner = {(file, row.local.port) for row in rows if row.owners and row.proto == "tcp"} if unsaid else set()
    for number in doubtful:
        if (file, made[number].local.port) in shows_owner:
            made[number] = msgspec.structs.replace(made[number], unaccepted=True)
    for number, group in again.items():
        made[bisect_left(made, number, key=_line)] = _join(group, shows_owner)


def _in_order(rows: Sequence[SocketRow]) -> Sequence[SocketRow]:
    """The rows by tool, then by place. They mostly lie so already: then to sort is to look through them once."""
    by_tool: dict[int, list[SocketRow]] = {}
    for row in rows:
        by_tool.setdefault(_ORDER.get(row.tool, _LAST), []).append(row)
    for found in by_tool.values():
        found.sort(key=_where)
    return [row for _, found in sorted(by_tool.items()) for row in found] if len(by_tool) > 1 else next(iter(by_tool.values()), [])


def _groups(rows: Sequence[SocketRow]) -> dict[object, _Group]:
    """The rows of each socket, under what identifies it; where only one row shows it, as nearly always, that row itself, without a list."""
    groups: dict[object, _Group] = {}
    inodes = [row.inode for row in rows if row.inode]
    by_inode: dict[int, object] | None = {} if len(set(inodes)) < len(inodes) else None
    listen = TcpState.LISTEN
    for row in rows:
        local, remote = row.local, row.remote
        key: object
        if row.state is listen or remote is None:
            key = ("listen", local.host, local.port, local.service)
        elif local.truncated or remote.truncated:
            key = row.where  # a cut address identifies nothing
        else:
            key = (local, remote)
        if by_inode is not None and row.inode:
            key = by_inode.setdefault(row.inode, key)
        known = groups.setdefault(key, row)
        if isinstance(known, list):
            known.append(row)
        elif known is not row:
            groups[key] = [known, row]
    return groups


def _any_loose(rows: Sequence[SocketRow]) -> bool:
    """True if any row may have a name or a cut address for an end. Hosts repeat: each is looked at once."""
    ends = {row.local.host for row in rows}
    ends.update([row.remote.host for row in rows if row.remote is not None])
    ends.discard("*")
    return not all(map(is_address, ends)) or any(row.local.truncated or (row.remote is not None and row.remote.truncated) for row in rows)


def _queue(row: SocketRow) -> int | None:
    """Recv-Q as Linux counts it, the FIN among the bytes. Kernels of the BSDs, macOS and Solaris do not: there 0 tells nothing of the end."""
    if row.tool not in _FIN_NOT_COUNTED or row.state is not TcpState.CLOSE_WAIT:
        return row.recv_q
    return row.recv_q + 1 if row.recv_q else None


def _alone(row: SocketRow, shows_owner: set[tuple[str, int | None]]) -> Connection:
    """The connection that one row shows."""
    owners, inode, state = row.owners or (), row.inode, row.state
    return Connection(
        local=row.local,
        remote=row.remote,
        state=state,
        recv_q=row.recv_q if row.tool in _LINUX else _queue(row),
        send_q=row.send_q,
        backlog=row.backlog,
        owners=owners if len(owners) < 2 else _by_pid(owners),  # noqa: PLR2004 - there is another one
        inode=inode,
        timer=row.timer,
        where=row.where,
        unaccepted=not owners
        and state in _ACCEPTABLE
        and (inode == 0 or (inode is None and row.owners is None and (row.where.file, row.local.port) in shows_owner)),
        info=row.info,
    )


def _by_pid(owners: Iterable[Owner]) -> tuple[Owner, ...]:
    """The first descriptor of every process."""
    found: dict[int, Owner] = {}
    for owner in owners:
        found.setdefault(owner.pid, owner)
    return tuple(found.values())


def _join(group: Sequence[SocketRow], shows_owner: set[tuple[str, int | None]]) -> Connection:
    first = group[0]
    owners = _by_pid(owner for row in group for owner in row.owners or ())
    inode = _first(group, "inode")
    nobody = inode == 0 or (inode is None and any(row.owners is None and (row.where.file, row.local.port) in shows_owner for row in group))
    named = next((row for row in group if row.local.port is not None and (row.remote is None or row.remote.port is not None)), first)
    timers = [row.timer for row in group if row.timer]
    return Connection(
        local=named.local,
        remote=named.remote,
        state=first.state,
        recv_q=next((queue for row in group if (queue := _queue(row)) is not None), None),
        send_q=_first(group, "send_q"),
        backlog=_first(group, "backlog"),
        owners=owners,
        inode=inode,
        timer=next((timer for timer in timers if not timer.rounded), timers[0] if timers else None),
        where=first.where,
        beside=tuple([row.where for row in group[1:]]),
        unaccepted=not owners and nobody and first.state in _ACCEPTABLE,
        info=_first(group, "info"),
    )


def _first(group: Sequence[SocketRow], name: str) -> Any:
    """The field of the first row that says it; nearly all groups are one row."""
    for row in group:
        value = getattr(row, name)
        if value is not None:
            return value
    return None

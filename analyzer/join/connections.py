"""Rows of all tools → connections.

The same connection shows in lsof, netstat, ss and /proc, each with other facts: queues here, owners there. Rows are joined by inode, else
by 4-tuple; addresses are already normalised. Where tables disagree (they are never taken at one instant) the kernel's tables win over
lsof, because they carry the queues that the state belongs to.
"""

from __future__ import annotations

import re
from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from analyzer.model.finding import CloseWait
from parsers.records import Endpoint, Inode, Owner, Pid, SocketRow, TcpState, Timer, Where
from parsers.records.tcp_info import TcpInfo  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_ORDER: Final = {"netstat": 0, "ss": 1, "proc_net": 2, "lsof": 3}
"""The first table that has a fact wins; a netstat row is also the one that people read best."""
_LINUX: Final = frozenset(_ORDER)
_FIN_NOT_COUNTED: Final = frozenset({"netstat_bsd", "netstat_solaris"})
_LAST: Final = 9  # any other tool
_where: Final = attrgetter("where")
_Group: TypeAlias = "SocketRow | list[SocketRow]"
EPHEMERAL: Final = 32768
"""First port of Linux' default ip_local_port_range: used only where no LISTEN row and no count says which end is the server."""
_ADDRESS: Final = re.compile(r"[\d.]+\Z|[\da-fA-F]*:").match
_ACCEPTABLE = frozenset({TcpState.ESTABLISHED, TcpState.CLOSE_WAIT})


class Connection(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A socket with an endpoint, as all tables together show it. ``remote`` is None for a listener; ``rows`` are its places."""

    local: Endpoint
    remote: Endpoint | None
    state: TcpState | None
    recv_q: int | None
    send_q: int | None
    backlog: int | None
    owners: tuple[Owner, ...]
    inode: Inode | None
    timer: Timer | None
    rows: tuple[Where, ...]
    unaccepted: bool = False
    """In the accept queue still: nobody owns it though the table shows owners."""
    farewell: bool = False
    """The receive queue holds the farewell of TLS and nothing else that anybody would have to read."""
    info: TcpInfo | None = None
    """The kernel's counters, where the table has them (``ss -i``)."""

    @property
    def pid(self) -> Pid | None:
        """The owner's pid."""
        return self.owners[0].pid if self.owners else None

    @property
    def command(self) -> str | None:
        """The owner's command."""
        return self.owners[0].command if self.owners else None

    @property
    def where(self) -> Where:
        """The place that shows most (the kernel's table before lsof)."""
        return self.rows[0]

    @property
    def label(self) -> str:
        """``local → remote`` for people."""
        return f"{self.local} → {self.remote}" if self.remote else str(self.local)


def connections(rows: Sequence[SocketRow]) -> tuple[Connection, ...]:
    """Join the TCP rows of one snapshot; order as in the tables that were read first."""
    tcp = _in_order([row for row in rows if row.proto == "tcp"])
    groups = _groups(tcp)
    if _any_loose(tcp):
        merged = {key: group if isinstance(group, list) else [group] for key, group in groups.items()}
        _join_loose(merged)
        groups = dict(merged)
    # What a table says of its other rows is needed only where a row says neither inode nor owner.
    unsaid = any(row.inode is None and row.owners is None for row in tcp)
    shows_owner = {(row.where.file, row.local.port) for row in tcp if row.owners} if unsaid else set()
    return tuple([_join(group, shows_owner) if isinstance(group, list) else _alone(group, shows_owner) for group in groups.values()])


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
    return not all(map(_ADDRESS, ends)) or any(row.local.truncated or (row.remote is not None and row.remote.truncated) for row in rows)


def _join_loose(merged: dict[object, list[SocketRow]]) -> None:
    """Give rows with resolved names (lsof without -n) or cut addresses (netstat without -W) to the whole rows of the same sockets.

    One process and the same two ports make a pair. Where several clients happen to have the same port, what is left of the address, or what
    the other rows tell of the names, decides; if that does not, they stay apart.
    """
    loose = [
        key for key, rows in merged.items() if rows[0].remote is not None and rows[0].state is not TcpState.LISTEN and _is_loose(rows[0])
    ]
    if not loose:
        return
    whole: dict[tuple[int | None, int | None], list[object]] = {}
    for key, rows in merged.items():
        if rows[0].remote is not None and not _is_loose(rows[0]):
            whole.setdefault(_ports(rows[0]), []).append(key)
    found = {key: [one for one in whole.get(_ports(merged[key][0]), ()) if _same_owner(merged[key], merged[one])] for key in loose}
    names: dict[str, Counter[str]] = {}
    for key, keys in found.items():
        if len(keys) == 1:
            for name, address in zip(_hosts(merged[key][0]), _hosts(merged[keys[0]][0]), strict=True):
                names.setdefault(name, Counter())[address] += 1
    known = {name: counts.most_common(1)[0][0] for name, counts in names.items()}
    for key, keys in found.items():
        meant = keys if len(keys) == 1 else [one for one in keys if _is_same(merged[key][0], merged[one][0], known)]
        if len(meant) == 1:
            merged[meant[0]] += merged.pop(key)


def _is_loose(row: SocketRow) -> bool:
    """True if an end is a name, or a cut address."""
    ends = [end for end in (row.local, row.remote) if end is not None]
    return any(end.truncated or not (end.is_wildcard or _ADDRESS(end.host)) for end in ends)


def _is_same(loose: SocketRow, whole: SocketRow, known: Mapping[str, str]) -> bool:
    """True if both ends fit: by name as far as it is known, by the beginning of a cut address, or exactly."""
    ends = ((loose.local, whole.local), (loose.remote, whole.remote))
    return all(
        one is not None
        and other is not None
        and (other.host.startswith(one.host) if one.truncated else known.get(one.host, one.host) == other.host)
        for one, other in ends
    )


def _ports(row: SocketRow) -> tuple[int | None, int | None]:
    return row.local.port, row.remote.port if row.remote is not None else None


def _hosts(row: SocketRow) -> tuple[str, str]:
    return row.local.host, row.remote.host if row.remote is not None else ""


def _same_owner(one: Sequence[SocketRow], other: Sequence[SocketRow]) -> bool:
    """False only if both show owners, and different ones."""
    first, second = ({owner.pid for row in rows for owner in row.owners or ()} for rows in (one, other))
    return not first or not second or bool(first & second)


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
        rows=(row.where,),
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
        rows=tuple([row.where for row in group]),
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


def listening_ports(found: Iterable[Connection]) -> dict[int, Connection | None]:
    """Ports that the given connections' process serves, with the LISTEN row; None where the port is inferred.

    ``netstat -tonp`` prints no LISTEN rows and ``lsof -i:8080`` may be cut: a local port with several remotes is a server's.
    """
    ports: dict[int, Connection | None] = {}
    remotes: dict[int, _FarEnds] = {}
    for connection in found:
        port = connection.local.port
        if port is None:
            continue
        if connection.state is TcpState.LISTEN:
            ports[port] = connection
        elif connection.remote is not None:
            far = remotes.get(port)
            if far is None:
                far = remotes[port] = _FarEnds(connection.remote)
            elif not far.several and connection.remote != far.first:
                far.several = True
            if (connection.remote.port or 0) < EPHEMERAL:
                far.low = True
            else:
                far.high = True
    for port, far in remotes.items():
        # The kernel gives an ephemeral port to calls of several services at once; then no far end is ephemeral.
        is_reused = port >= EPHEMERAL and not far.high
        if (far.several and not is_reused) or (port < EPHEMERAL and not ports and not far.low):
            ports.setdefault(port, None)
    return ports


class _FarEnds:
    """What the far ends of a local port have in common: whether there are several, and whether their ports are ephemeral."""

    __slots__ = ("first", "high", "low", "several")

    def __init__(self, first: Endpoint) -> None:
        self.first = first
        self.several = self.low = self.high = False


def left_unread(connection: Connection) -> int | None:
    """The receive queue, where the farewell of TLS counts for nothing, and the FIN that follows it as ever: neither is a request."""
    if connection.farewell:
        return int(connection.state is TcpState.CLOSE_WAIT)
    return connection.recv_q


def close_wait(found: Iterable[Connection]) -> CloseWait:
    """Split CLOSE_WAIT sockets by Recv-Q, which counts the FIN (see :class:`analyzer.model.finding.CloseWait`)."""
    state = TcpState.CLOSE_WAIT
    waiting = [connection for connection in found if connection.state is state]
    # Nearly all of a large pile have one of a few lengths: they are counted before they are looked at.
    queues = Counter([None if connection.unaccepted else left_unread(connection) for connection in waiting])
    return CloseWait(
        total=len(waiting),
        fin_only=queues[1],
        unread=sum(count for queue, count in queues.items() if queue is not None and queue > 1),
        drained=queues[0],
        unaccepted=sum(connection.unaccepted for connection in waiting),
    )


def states(found: Iterable[Connection]) -> dict[str, int]:
    """How many sockets are in each state, the most first."""
    counts = Counter([connection.state for connection in found])
    named = {state.value: count for state, count in counts.items() if state is not None}
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))


def command_of(pid: int | None, sockets: Iterable[Connection]) -> str | None:
    """The command of a process as the socket tables print it."""
    return next((owner.command for socket in sockets for owner in socket.owners if owner.pid == pid and owner.command), None)

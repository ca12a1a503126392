"""Rows of all tools → connections.

The same connection shows in lsof, netstat, ss and /proc, each with other facts: queues here, owners there. Rows are joined by inode, else
by 4-tuple; addresses are already normalised. Where tables disagree (they are never taken at one instant) the kernel's tables win over
lsof, because they carry the queues that the state belongs to.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from analyzer.finding import CloseWait
from parsers.records import Endpoint, Inode, Owner, Pid, SocketRow, TcpState, Timer, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_ORDER: Final = {"netstat": 0, "ss": 1, "proc_net": 2, "lsof": 3}
"""The first table that has a fact wins; a netstat row is also the one that people read best."""
EPHEMERAL: Final = 32768
"""First port of Linux' default ip_local_port_range: used only where no LISTEN row and no count says which end is the server."""
_ADDRESS: Final = re.compile(r"[\d.]+\Z|[\da-fA-F]*:").match
_ACCEPTABLE = frozenset({TcpState.ESTABLISHED, TcpState.CLOSE_WAIT})


class Connection(msgspec.Struct, frozen=True, kw_only=True):
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
    merged: dict[object, list[SocketRow]] = {}
    by_inode: dict[int, object] = {}
    tcp = [row for row in rows if row.proto == "tcp"]
    for row in sorted(tcp, key=lambda row: (_ORDER.get(row.tool, 9), row.where)):
        key = _key(row)
        if row.inode:
            key = by_inode.setdefault(row.inode, key)
        merged.setdefault(key, []).append(row)
    _join_loose(merged)
    shows_owner = {(row.where.file, row.local.port) for row in tcp if row.owners}
    return tuple(_join(group, shows_owner) for group in merged.values())


def _key(row: SocketRow) -> object:
    if row.state is TcpState.LISTEN or row.remote is None:
        return ("listen", row.local.host, row.local.port, row.local.service)
    if row.local.truncated or row.remote.truncated:
        return row.where  # a cut address identifies nothing
    return (row.local, row.remote)


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


def _join(group: Sequence[SocketRow], shows_owner: set[tuple[str, int | None]]) -> Connection:
    first = group[0]
    by_pid: dict[int, Owner] = {}
    for row in group:
        for owner in row.owners or ():
            by_pid.setdefault(owner.pid, owner)
    inode = _first(group, "inode")
    nobody = inode == 0 or (inode is None and any(row.owners is None and (row.where.file, row.local.port) in shows_owner for row in group))
    named = next((row for row in group if row.local.port is not None and (row.remote is None or row.remote.port is not None)), first)
    timers = [row.timer for row in group if row.timer]
    return Connection(
        local=named.local,
        remote=named.remote,
        state=first.state,
        recv_q=_first(group, "recv_q"),
        send_q=_first(group, "send_q"),
        backlog=_first(group, "backlog"),
        owners=tuple(by_pid.values()),
        inode=inode,
        timer=next((timer for timer in timers if not timer.rounded), timers[0] if timers else None),
        rows=tuple([row.where for row in group]),
        unaccepted=not by_pid and nobody and first.state in _ACCEPTABLE,
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
    remotes: Counter[int] = Counter()
    seen: set[tuple[int, Endpoint]] = set()
    for connection in found:
        port = connection.local.port
        if port is None:
            continue
        if connection.state is TcpState.LISTEN:
            ports[port] = connection
        elif connection.remote is not None and (port, connection.remote) not in seen:
            seen.add((port, connection.remote))
            remotes[port] += 1
    for port, count in remotes.items():
        if (count > 1 and not _is_reused(port, seen)) or (port < EPHEMERAL and not ports and _remote_is_ephemeral(port, seen)):
            ports.setdefault(port, None)
    return ports


def _is_reused(port: int, seen: set[tuple[int, Endpoint]]) -> bool:
    """True for a local port that the kernel gave to calls of several services at once: it is ephemeral, and none of the far ends is."""
    return port >= EPHEMERAL and all((remote.port or 0) < EPHEMERAL for local, remote in seen if local == port)


def _remote_is_ephemeral(port: int, seen: set[tuple[int, Endpoint]]) -> bool:
    return all((remote.port or 0) >= EPHEMERAL for local, remote in seen if local == port)


def close_wait(found: Iterable[Connection]) -> CloseWait:
    """Split CLOSE_WAIT sockets by Recv-Q, which counts the FIN (see :class:`analyzer.finding.CloseWait`)."""
    counts: Counter[str] = Counter()
    for connection in found:
        if connection.state is not TcpState.CLOSE_WAIT:
            continue
        counts["total"] += 1
        if connection.unaccepted:
            counts["unaccepted"] += 1
        elif connection.recv_q is not None:
            counts["drained" if connection.recv_q == 0 else "fin_only" if connection.recv_q == 1 else "unread"] += 1
    return CloseWait(**counts)


def states(found: Iterable[Connection]) -> dict[str, int]:
    """How many sockets are in each state, the most first."""
    counts = Counter(connection.state.value for connection in found if connection.state is not None)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

"""A connection as all tables together show it, and many of them, sorted out by state and port for whoever asks."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import CloseWait
from parsers.records import Endpoint, Inode, Owner, Pid, TcpState, Timer, Where
from parsers.records.tcp_info import TcpInfo  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Connection(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A socket with an endpoint, as all tables together show it. ``remote`` is None for a listener.

    ``where``: the place that shows most (the kernel's table before lsof); ``beside``: the others. A table may have a million: each is small.
    """

    local: Endpoint
    remote: Endpoint | None
    state: TcpState | None
    recv_q: int | None
    send_q: int | None
    backlog: int | None
    owners: tuple[Owner, ...]
    inode: Inode | None
    timer: Timer | None
    where: Where
    beside: tuple[Where, ...] = ()
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
    def rows(self) -> tuple[Where, ...]:
        """All its places."""
        return self.where, *self.beside

    @property
    def label(self) -> str:
        """``local → remote`` for people."""
        return f"{self.local} → {self.remote}" if self.remote else str(self.local)


class Sockets(list[Connection]):
    """Connections in the order of their tables. Those of a state and of a port are sorted out once, for whoever asks: a table may have a million.

    A list, because to make a tuple of one takes two more looks at each connection. Nobody changes it once it is made.
    """

    @cached_property
    def by_state(self) -> dict[TcpState | None, Sockets]:
        """The connections of each state that occurs."""
        found: dict[TcpState | None, Sockets] = defaultdict(Sockets)
        for row in self:
            found[row.state].append(row)
        return dict(found) if len(found) > 1 else dict.fromkeys(found, self)

    @cached_property
    def by_port(self) -> dict[int | None, Sockets]:
        """The connections of each local port, listeners among them."""
        found: dict[int | None, Sockets] = defaultdict(Sockets)
        for row in self:
            found[row.local.port].append(row)
        return dict(found) if len(found) > 1 else dict.fromkeys(found, self)

    def of(self, *states: TcpState | None) -> Sockets:
        """The connections in any of these states."""
        parts = [part for state in states if (part := self.by_state.get(state)) is not None]
        if len(parts) > 1:
            return Sockets([row for row in self if row.state in states])
        return parts[0] if parts else NO_SOCKETS

    @cached_property
    def close_wait(self) -> CloseWait:
        """Those that wait for this end to close, by what is left unread."""
        return _close_wait(self.of(TcpState.CLOSE_WAIT))

    @cached_property
    def unaccepted(self) -> Sockets:
        """Those that nobody has accepted."""
        return Sockets([row for row in self if row.unaccepted])

    def followed_by(self, more: Sequence[Connection]) -> Sockets:
        """These and others behind them; what was sorted out of these is not sorted out again."""
        both, others = Sockets((*self, *more)), Sockets(more)
        ports = {port: Sockets((*self.by_port.get(port, ()), *others.by_port.get(port, ()))) for port in {**self.by_port, **others.by_port}}
        states = {
            state: Sockets((*self.by_state.get(state, ()), *others.by_state.get(state, ())))
            for state in {**self.by_state, **others.by_state}
        }
        both.by_port = ports if len(ports) > 1 else dict.fromkeys(ports, both)
        both.by_state = states if len(states) > 1 else dict.fromkeys(states, both)
        return both

    def with_other(self, other: Iterable[tuple[Connection, Connection]]) -> Sockets:
        """These, with another connection of the same state and port in the place of some; what was sorted out by state stays so.

        ``other`` gives pairs: one of these, and what takes its place.
        """
        pairs = list(other)
        instead = {id(old): new for old, new in pairs}
        made = Sockets([instead.get(id(row), row) for row in self])
        changed = {old.state for old, _ in pairs}
        parts = {
            state: Sockets([instead.get(id(row), row) for row in part]) if state in changed else part
            for state, part in self.by_state.items()
        }
        made.by_state = parts if len(parts) > 1 else dict.fromkeys(parts, made)
        return made

    @cached_property
    def opened(self) -> Sockets:
        """All but the listeners."""
        if (listen := TcpState.LISTEN) not in self.by_state:
            return self
        rest = Sockets([row for row in self if row.state is not listen])
        rest.by_state = {state: part for state, part in self.by_state.items() if state is not listen}
        return rest


NO_SOCKETS: Final = Sockets()


def in_state(found: Iterable[Connection], state: TcpState) -> Sequence[Connection]:
    """Those of the connections that are in this state."""
    return found.of(state) if isinstance(found, Sockets) else [row for row in found if row.state is state]


def left_unread(connection: Connection) -> int | None:
    """The receive queue, where the farewell of TLS counts for nothing, and the FIN that follows it as ever: neither is a request."""
    if connection.farewell:
        return int(connection.state is TcpState.CLOSE_WAIT)
    return connection.recv_q


def close_wait(found: Iterable[Connection]) -> CloseWait:
    """Split CLOSE_WAIT sockets by Recv-Q, which counts the FIN (see :class:`analyzer.model.finding.CloseWait`)."""
    if isinstance(found, Sockets):
        return found.close_wait
    return _close_wait([connection for connection in found if connection.state is TcpState.CLOSE_WAIT])


def _close_wait(waiting: Sequence[Connection]) -> CloseWait:
    # Nearly all of a large pile have one of a few lengths: they are counted before they are looked at.
    queues = Counter([-1 if row.unaccepted else int(row.farewell) if row.farewell else row.recv_q for row in waiting])
    return CloseWait(
        total=len(waiting),
        fin_only=queues[1],
        unread=sum(count for queue, count in queues.items() if queue is not None and queue > 1),
        drained=queues[0],
        unaccepted=queues[-1],
    )


def states(found: Iterable[Connection]) -> dict[str, int]:
    """How many sockets are in each state, the most first."""
    counts = (
        {state: len(rows) for state, rows in found.by_state.items()}
        if isinstance(found, Sockets)
        else Counter([one.state for one in found])
    )
    named = {state.value: count for state, count in counts.items() if state is not None}
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))


def command_of(pid: int | None, sockets: Iterable[Connection]) -> str | None:
    """The command of a process as the socket tables print it."""
    return next((owner.command for socket in sockets for owner in socket.owners if owner.pid == pid and owner.command), None)

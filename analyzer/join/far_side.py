"""Sessions of databases, poolers and proxies joined with the process' own sockets: both ends of one connection.

A session's client end is the local end of our socket, address and port. A pooler stands between with two connections of its own: its lists tell which
belong together. Who waits for whom inside the server comes from the server; this module only ties it to sockets.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.join.descriptor_links import exact_sockets
from analyzer.join.session_waits import SessionWaits
from analyzer.software.blockers import OUTBOUND
from analyzer.software.pools import ThreadSet
from parsers.records import SessionState, TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView
    from analyzer.software.pools import ThreadActivity
    from parsers.records import Endpoint, Session, SessionBlock

_POOLER_SERVER: Final = "pgbouncer-server"
_POOLER: Final = "pgbouncer"
LISTS: Final = frozenset({"postgresql", "mysql", "oracle", "sqlserver"})
"""Servers whose own list of sessions is complete for a user who may see all."""
RUNS: Final = LISTS | {"mongodb"}
"""Servers that run statements; MongoDB hides its idle connections."""


_STRAY: Final = 3
"""How many times fewer connections lead to a far end that is not the server's: their near ports are the same by chance."""


class Joined(msgspec.Struct, frozen=True):
    """A session and our connection behind it, None if it is not of this process. ``via``: the pooler's sessions between the two."""

    session: Session
    connection: Connection | None
    via: tuple[Session, ...] = ()


class FarSide(SessionWaits):
    """The far side of one process' connections, as lists of sessions show it."""

    def __init__(self, view: ProcessView, sessions: Sequence[Session], blocks: Sequence[SessionBlock], *, same_moment: bool = True) -> None:
        """Join ``sessions`` with the connections of ``view``; ``blocks`` are the waits that the servers state.

        ``same_moment``: the lists were saved with the process' own snapshot. A port may be another connection's by then, and a wait over.
        """
        super().__init__(sessions, blocks)
        self.view = view
        self.same_moment = same_moment

    @cached_property
    def joined(self) -> tuple[Joined, ...]:
        """Every session, with our connection where it has one."""
        links = {end.link: end for end in self.sessions if end.server == _POOLER and end.link}
        behind = {end.client: end for end in self.sessions if end.server == _POOLER_SERVER and end.client is not None}
        found = []
        for session in self.sessions:
            server_end = behind.get(session.client) if session.client is not None else None
            client_end = links.get(server_end.id) if server_end is not None and session.server != _POOLER_SERVER else None
            if client_end is not None and server_end is not None:
                found.append(Joined(session, self.connection_of(client_end.client, client_end.server), (client_end, server_end)))
            else:
                found.append(Joined(session, self.connection_of(session.client, session.server)))
        return tuple(found)

    def connection_of(self, client: Endpoint | None, server: str) -> Connection | None:
        """Our socket whose local end this is. A name in place of an address (reverse DNS) is known by its port alone, if only one socket has it.

        A host uses one port for several far ends at once: the connection must lead where most of that server's do.
        """
        if client is None or client.port is None:
            return None
        exact = self._by_end.get((client.host, client.port))
        if exact is not None and not self._leads_to(server, exact):
            return None
        if exact is not None or client.host.replace(".", "").isdigit() or ":" in client.host:
            return exact
        same_port = [one for (_, port), one in self._by_end.items() if port == client.port]
        return same_port[0] if len(same_port) == 1 else None

    def _leads_to(self, server: str, connection: Connection) -> bool:
        """False if the far ends of the server's other sessions show that it listens elsewhere."""
        counts = self._far_ends.get(server, Counter["Endpoint | None"]())
        return _STRAY * counts[connection.remote] >= max(counts.values(), default=0)

    @cached_property
    def _far_ends(self) -> dict[str, Counter[Endpoint | None]]:
        """Where the connections of a table lead whose near ends a server lists as those of its clients, by server."""
        clients: dict[tuple[str, int | None], set[str]] = {}
        for session in self.sessions:
            if session.client is not None and session.client.port is not None:
                clients.setdefault((session.client.host, session.client.port), set()).add(session.server)
        found: dict[str, Counter[Endpoint | None]] = {}
        for row in self.view.table.connections if clients else ():
            for server in clients.get((row.local.host, row.local.port), ()):
                found.setdefault(server, Counter())[row.remote] += 1
        return found

    @cached_property
    def _by_end(self) -> dict[tuple[str, int], Connection]:
        return {(row.local.host, row.local.port): row for row in self.view.client_side if row.local.port is not None}

    def joined_of(self, session: Session) -> Joined:
        """The session with our connection."""
        return next(joined for joined in self.joined if joined.session is session)

    @cached_property
    def threads(self) -> dict[Connection, ThreadActivity]:
        """Connection → the thread that waits on it: by its system call, or as the only other reader of the only other busy session."""
        told = self._told
        known = ThreadSet(told.values())
        readers = [member for member in self._readers if member not in known]
        busy = [connection for connection in self._busy if connection not in told]
        return {**told, busy[0]: readers[0]} if len(readers) == len(busy) == 1 else dict(told)

    @cached_property
    def _told(self) -> dict[Connection, ThreadActivity]:
        """The same, as far as system calls tell it: of connections that the process made."""
        members = {member.thread: member for pool in self.view.pools for member in pool.members}
        calls = set(self.view.client_side)
        found = [exact for exact in exact_sockets(self.view) if exact.alone and exact.socket in calls]
        return {exact.socket: members[exact.thread] for exact in found if exact.thread in members}

    def is_exact(self, connection: Connection) -> bool:
        """True if a system call shows which thread waits on it."""
        return connection in self._told

    def waiting_on(self, members: Sequence[Joined]) -> list[ThreadActivity]:
        """The threads that wait on these connections, as far as it is told.

        Without system calls they are told by number alone: where as many threads read as sessions are busy, and these are all of them.
        """
        one_by_one = [thread for one in members if one.connection is not None and (thread := self.threads.get(one.connection)) is not None]
        if one_by_one:
            return one_by_one
        return list(self._readers) if len(self._readers) == len(self._busy) == len(members) else []

    @cached_property
    def _readers(self) -> list[ThreadActivity]:
        return [member for pool in self.view.pools for member in pool.members if member.activity.kind in OUTBOUND]

    @cached_property
    def _busy(self) -> list[Connection]:
        """Our connections whose sessions do something, or wait for something."""
        busy = {SessionState.LOCKED, SessionState.ACTIVE, SessionState.QUEUED, SessionState.WAITING}
        found = {
            joined.connection: joined.connection for joined in self.joined if joined.connection is not None and joined.session.state in busy
        }
        return list(found.values())

    def waits_by_design(self, remote: Endpoint) -> bool:
        """True if the server at ``remote`` lists every connection of the process, and says of each that its client waits by its own wish.

        A list of the waiting ones alone leaves out whose answer does not come.
        """
        waiting = {one.connection for one in self.joined if one.session.state is SessionState.WAITING}
        rows = [row for row in self.view.client_side if row.remote == remote and row.state is TcpState.ESTABLISHED]
        return bool(rows) and waiting.issuperset(rows)

    def queues_before(self, remote: Endpoint) -> bool:
        """True if a proxy or a pooler at ``remote`` keeps some of the process' requests in a queue."""
        queued = (one.connection for one in self.joined if one.session.state is SessionState.QUEUED)
        return any(connection is not None and connection.remote == remote for connection in queued)

    @cached_property
    def unlisted(self) -> tuple[Connection, ...]:
        """Our established connections to a server that lists other sessions of ours, and none for these; empty where a pooler stands between."""
        known = [
            joined
            for joined in self.joined
            if joined.connection is not None
            and joined.session.server in LISTS
            and joined.session.client_from is None  # a log tells of some
        ]
        if not known or not self.same_moment or any(joined.via for joined in self.joined):
            return ()
        listed = {one.connection for one in known}
        remotes = {one.connection.remote for one in known if one.connection is not None}
        return tuple(
            row for row in self.view.client_side if row.remote in remotes and row not in listed and row.state is TcpState.ESTABLISHED
        )

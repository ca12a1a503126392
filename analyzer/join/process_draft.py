"""A process while it is found out which dump is of it; nothing but the assembly sees it unfinished."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from analyzer.join.connections import Sockets, command_of
from analyzer.software.pools import Pool, pools

if TYPE_CHECKING:
    from analyzer.join.dump_basis import DumpBasis
    from analyzer.software.knowledge import Knowledge
    from parsers.records import Pid, ThreadDump


class ProcessDraft:
    """A process whose dump is still looked for. Attributes as of :class:`analyzer.join.process.ProcessView`."""

    def __init__(self, pid: Pid | None, sockets: Sockets, known: Knowledge) -> None:
        """A process without a dump yet."""
        self.pid = pid
        self.pids: frozenset[Pid] = frozenset(() if pid is None else (pid,))
        self.sockets = sockets
        self.known = known
        self.dump: ThreadDump | None = None
        self.dump_basis: DumpBasis | None = None
        self.names_differ = False
        self.torn: str | None = None

    @cached_property
    def command(self) -> str | None:
        """The command as the socket tables print it."""
        return command_of(self.pid, self.sockets)

    @cached_property
    def local_ports(self) -> frozenset[int | None]:
        """The local ports of its sockets."""
        return frozenset(self.sockets.by_port)

    @property
    def named_pools(self) -> tuple[Pool, ...]:
        """Pools of the dump with the roles that names and stacks tell; none without a dump."""
        return pools(self.dump.threads, self.known, picked=self.dump.fragment) if self.dump else ()

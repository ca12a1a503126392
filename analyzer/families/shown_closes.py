"""Whose the connections in TIME_WAIT are that a command counted without their ends: the rows beside the count tell, where all lead to one service."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.citations import of_sockets
from analyzer.model.finding import Process
from analyzer.model.message import plural, say
from parsers.records import TcpState

if TYPE_CHECKING:
    from analyzer.join.connections import Connection
    from analyzer.model.finding import Evidence
    from analyzer.waits.case import Case
    from parsers.records import Endpoint

FEWEST: Final = 5
"""Rows in TIME_WAIT from which on those that are not shown are taken to be like them."""
_SHARE: Final = 0.9
"""Share of these rows that must lead to one service."""


class Closed(msgspec.Struct, frozen=True):
    """Rows in TIME_WAIT of connections that a host opened to one service, ``of`` so many in that state, and the one process that has open ones to it."""

    remote: Endpoint
    rows: tuple[Connection, ...]
    of: int
    process: Process | None

    @property
    def words(self) -> str:
        """Where the rows lead, and whose they are."""
        whose = (
            say(
                " TIME_WAIT has no owner any more (Windows prints pid 0); the connections to it that are open are of {process}.",
                process=say("{command} (pid {pid})", command=self.process.command, pid=self.process.pid)
                if self.process.command
                else say("pid {pid}", pid=self.process.pid),
            )
            if self.process is not None
            else ""
        )
        return say(
            " {count:,} of the {rows} in TIME_WAIT that are here lead to {remote}: a connection is made for each call and closed by this side, and not used again.{whose}",
            rows=plural(self.of, "row"),
            count=len(self.rows),
            remote=self.remote,
            whose=whose,
        )

    @property
    def evidence(self) -> Evidence:
        """The rows."""
        says = say("{connections} to {remote} in TIME_WAIT", connections=plural(len(self.rows), "connection"), remote=self.remote)
        return of_sockets(self.rows, says, (str(self.remote), "TIME_WAIT"))


def closed_towards(case: Case, host: str | None) -> Closed | None:
    """The service that nearly all rows in TIME_WAIT of a host lead to; None where they lead to several, as those of clients do."""
    for table in dict.fromkeys(view.table for view in case.latest if view.snapshot.host == host):
        waiting = [row for row in table.in_state(TcpState.TIME_WAIT) if row.remote is not None]
        ends = Counter(row.remote for row in waiting)
        if not ends:
            continue
        ((remote, number),) = ends.most_common(1)
        if remote is None or remote.port is None or number < max(FEWEST, _SHARE * len(waiting)):
            continue
        open_rows = [row for row in table.in_state(TcpState.ESTABLISHED) if row.remote == remote]
        owners = {(owner.pid, owner.command) for row in open_rows for owner in row.owners}
        process = Process(host, *owners.pop()) if len(owners) == 1 else None
        return Closed(remote, tuple(row for row in waiting if row.remote == remote), len(waiting), process)
    return None

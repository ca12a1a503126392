"""The address that the text beside picked threads says they call, where it is their own server's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Evidence
from analyzer.model.message import say
from analyzer.software.kinds import PoolRole, SocketSide
from parsers.records import Counted, Endpoint, Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import Case, ProcessView


_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class OwnAddress(msgspec.Struct, frozen=True):
    """The address, the line that names it, and the pool of the threads that call it. ``sure``: the pool's own name has the port; else the host alone is its own."""

    remote: Endpoint
    tally: Tally
    pool: Pool
    sure: bool

    @property
    def evidence(self) -> Evidence:
        """The line."""
        return Evidence(self.tally.where, say("the text says that {remote} is called", remote=self.remote), (str(self.remote.port),))


def own_address(case: Case, view: ProcessView, group: Sequence[ThreadActivity]) -> OwnAddress | None:
    """What the text says that these threads call, if they are request threads of the only port that it names; None for anything else."""
    if not group or group[0].activity.side is not SocketSide.CLIENT or group[0].activity.library in view.known.drivers:
        return None
    pool = next((pool for pool in view.pools if any(member.thread is group[0].thread for member in pool.members)), None)
    told = [one for snapshot in case.incident.snapshots for one in snapshot.tallies if one.what is Counted.CALLED and one.end is not None]
    ends = {one.end for one in told}
    if pool is None or pool.role is not PoolRole.SERVER or len(ends) != 1 or any(row.remote is not None for row in view.client_side):
        return None
    remote = ends.pop()
    if remote is None or (pool.port is not None and pool.port != remote.port) or (pool.port is None and remote.host not in _LOOPBACK):
        return None
    return OwnAddress(remote, told[0], pool, sure=pool.port is not None)

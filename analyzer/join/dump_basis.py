"""Why a thread dump and a socket table are taken for the same process."""

from __future__ import annotations

from enum import StrEnum


class DumpBasis(StrEnum):
    """The fact that joins a dump and a process of the socket table, the strongest first."""

    PID = "pid"
    PORT = "port"
    """A pool's name has the port that the process listens on."""
    PORT_AGAINST_PID = "port-against-pid"
    """The same, though dump and table name different pids: a container's own numbers, or a restart between them."""
    NATIVE_IDS = "native-ids"
    """The native ids of the threads follow the pid closely."""
    SAME_THREADS = "same-threads"
    """The dump of another moment that has these threads names the pid."""
    ONLY = "only"
    """There is no other candidate."""

    @property
    def agrees(self) -> bool:
        """False if the join is against what dump and table say of the pid."""
        return self is not DumpBasis.PORT_AGAINST_PID

"""The inputs without which a rule is skipped."""

from __future__ import annotations

from enum import StrEnum


class Need(StrEnum):
    """One thing that a rule needs; a rule with several needs all of them."""

    THREADS = "threads"
    SOCKETS = "sockets"
    THREADS_OR_SOCKETS = "threads or sockets"

    @property
    def of_threads(self) -> bool:
        """True if the rule looks at threads."""
        return self is not Need.SOCKETS

    @property
    def of_sockets(self) -> bool:
        """True if the rule looks at sockets."""
        return self is not Need.THREADS

"""What a format shows: each format declares it, and whoever asks "does this text list sockets?" asks the format, not its name."""

from __future__ import annotations

from enum import StrEnum


class Shows(StrEnum):
    """Facts that a text of a format may hold."""

    THREADS = "threads"
    """Stacks, or states of single threads."""
    SOCKETS = "sockets"
    """A table of sockets, one row each: a heading without a row is an empty table."""
    SESSIONS = "sessions"
    """Who is connected to a database, a pooler or a proxy, and what it waits for."""
    PROCESS = "process"
    """Descriptors, limits, counters, CPU time or the host: what is around threads and sockets."""

"""Closed sets of what threads, pools and sockets are: the words of ``knowledge.toml``, checked when it is loaded."""

from __future__ import annotations

from enum import StrEnum


class ActivityKind(StrEnum):
    """What a thread waits for or does. The stack tells it; three are told by its state alone: monitor, waiting, queued."""

    ACCEPT = "accept"
    BARRIER = "barrier"
    """A place where threads meet: a barrier, a phaser, an exchange."""
    CALL = "call"
    CHANNEL = "channel"
    CLASS_INIT = "class-init"
    COMPLETABLE_FUTURE = "completable-future"
    CONDITION = "condition"
    CONNECTION_LATCH = "connection-latch"
    DATAGRAM = "datagram"
    """A wait for a datagram (UDP), which nothing sends again if it is lost."""
    DNS = "dns"
    FILE_IO = "file-io"
    FILE_LOCK = "file-lock"
    """A lock of the operating system on a file: another process may hold it."""
    FUTURE = "future"
    HANDSHAKE = "handshake"
    IDLE = "idle"
    JOIN = "join"
    LATCH = "latch"
    LEASE = "lease"
    LOCK = "lock"
    MONITOR = "monitor"
    NONE = "none"
    """There is no stack to tell it."""
    OBJECT_WAIT = "object-wait"
    PARK = "park"
    PROCESS = "process"
    QUEUE = "queue"
    QUEUED = "queued"
    """A virtual thread that has not run yet: no carrier was free."""
    REQUEST_READ = "request-read"
    RESERVED = "reserved"
    RUNNING = "running"
    SELECT = "select"
    SEMAPHORE = "semaphore"
    SLEEP = "sleep"
    SOCKET_CONNECT = "socket-connect"
    SOCKET_READ = "socket-read"
    SOCKET_WRITE = "socket-write"
    WAITING = "waiting"


class PoolRole(StrEnum):
    """What the threads of a pool are for."""

    SERVER = "server"
    EXECUTOR = "executor"
    ACCEPTOR = "acceptor"
    EVENT_LOOP = "event-loop"
    CLIENT = "client"
    JVM = "jvm"
    """Threads of the runtime itself: collectors, compilers, the finalizer."""
    OTHER = "other"


class SocketSide(StrEnum):
    """On which side of a connection a library stands: it calls a service, or it serves a request."""

    CLIENT = "client"
    SERVER = "server"

"""Pools that lend things: who waits for a connection, who has one, and what the socket table knows of the rest.

A thread that waits for a lease stands in the lender's own frames. Who holds the others is seen only while the holder uses what it holds
(a driver's read) or in a frame that cannot be reached without it. A lent thing that no thread holds was never given back, or is
kept between two uses.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.correlate.blockers import IDLE, SOCKET, waited_lock
from analyzer.correlate.crowds import Crowd
from analyzer.correlate.knowledge import knowledge
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.correlate import Case, ProcessView
    from analyzer.correlate.pools import Busy
    from analyzer.correlate.sockets import Connection
    from parsers.records import Endpoint, Frame, Thread

HTTP: Final = "HTTP connection"
JDBC: Final = "JDBC connection"
OBJECT: Final = "object"


class Lender(NamedTuple):
    """Software that lends: the frames in which a thread waits for a lease, and the settings that a fix is about.

    ``through``: packages that must stand on the stack too, for a lender that is built on another one's pool; empty for none.
    """

    name: str
    lends: str
    frames: tuple[str, ...]
    through: tuple[str, ...]
    limit: str
    patience: str
    watch: str


_POOL2: Final = (
    "org.apache.commons.pool2.impl.GenericObjectPool.borrowObject",
    "org.apache.tomcat.dbcp.pool2.impl.GenericObjectPool.borrowObject",
)
_POOL1: Final = ("org.apache.commons.pool.impl.GenericObjectPool.borrowObject",)
_KEYED: Final = ("org.apache.commons.pool2.impl.GenericKeyedObjectPool.borrowObject",)
_JCA: Final = "org.jboss.jca.core.connectionmanager.pool.mcp."
_ABANDONED: Final = "removeAbandonedOnBorrow with logAbandoned"

LENDERS: Final[tuple[Lender, ...]] = (
    Lender("HikariCP", JDBC, ("com.zaxxer.hikari.pool.HikariPool.getConnection",), (), "maximumPoolSize (10 by default)", "connectionTimeout", "leakDetectionThreshold"),
    Lender("Commons DBCP 2", JDBC, _POOL2, ("org.apache.commons.dbcp2.", "org.apache.tomcat.dbcp."), "maxTotal (8 by default)", "maxWaitMillis", _ABANDONED),
    Lender("Commons DBCP", JDBC, _POOL1, ("org.apache.commons.dbcp.",), "maxActive (8 by default)", "maxWait", "removeAbandoned with logAbandoned"),
    Lender("Tomcat JDBC", JDBC, ("org.apache.tomcat.jdbc.pool.ConnectionPool.borrowConnection",), (), "maxActive (100 by default)", "maxWait", "removeAbandoned with logAbandoned"),
    Lender("c3p0", JDBC, ("com.mchange.v2.resourcepool.BasicResourcePool.awaitAvailable",), (), "maxPoolSize (15 by default)", "checkoutTimeout", "unreturnedConnectionTimeout with debugUnreturnedConnectionStackTraces"),
    Lender("Druid", JDBC, ("com.alibaba.druid.pool.DruidDataSource.takeLast", "com.alibaba.druid.pool.DruidDataSource.pollLast"), (), "maxActive (8 by default)", "maxWait", "removeAbandoned with logAbandoned"),
    Lender("IronJacamar", JDBC, (f"{_JCA}SemaphoreArrayListManagedConnectionPool.getConnection", f"{_JCA}SemaphoreConcurrentLinkedQueueManagedConnectionPool.getConnection"), (), "max-pool-size (20 by default)", "blocking-timeout-wait-millis", "the cached connection manager's debug setting"),
    Lender("WebLogic", JDBC, ("weblogic.common.resourcepool.ResourcePoolImpl.reserveResource",), (), "MaxCapacity (15 by default)", "ConnectionReserveTimeoutSeconds", "InactiveConnectionTimeoutSeconds with leak profiling"),
    Lender("Apache HttpClient 4", HTTP, ("org.apache.http.pool.AbstractConnPool.getPoolEntryBlocking", "org.apache.http.impl.conn.tsccm.ConnPoolByRoute.getEntryBlocking"), (), "maxConnPerRoute (2 by default) and maxConnTotal (20 by default)", "connectionRequestTimeout", "debug logging of org.apache.http.impl.conn"),
    Lender("Commons HttpClient 3", HTTP, ("org.apache.commons.httpclient.MultiThreadedHttpConnectionManager.doGetConnection",), (), "defaultMaxConnectionsPerHost (2 by default) and maxTotalConnections (20 by default)", "connectionManagerTimeout", "debug logging of org.apache.commons.httpclient"),
    Lender("Apache HttpClient 5", HTTP, ("org.apache.hc.core5.pool.StrictConnPool.lease", "org.apache.hc.core5.pool.LaxConnPool.lease", "org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManager$1.get"), (), "maxConnPerRoute (5 by default) and maxConnTotal (25 by default)", "connectionRequestTimeout", "debug logging of org.apache.hc.client5"),
    Lender("Jedis", OBJECT, (*_POOL2, "redis.clients.jedis.JedisPool.getResource"), ("redis.clients.jedis.",), "maxTotal (8 by default)", "maxWaitMillis", "testOnBorrow and logAbandoned"),
    Lender("EJB instance pool", OBJECT, ("org.jboss.ejb3.pool.strictmax.StrictMaxPool.get", "org.jboss.as.ejb3.pool.strictmax.StrictMaxPool.get"), (), "max-pool-size", "instance-acquisition-timeout", "a thread dump taken while the pool is empty"),
    Lender("Commons Pool 2", OBJECT, (*_POOL2, *_KEYED), (), "maxTotal (8 by default)", "maxWaitMillis", _ABANDONED),
    Lender("Commons Pool", OBJECT, _POOL1, (), "maxActive (8 by default)", "maxWait", "removeAbandoned with logAbandoned"),
)  # fmt: skip
"""Every lender, those that are built on another one's pool before it."""

DATABASES: Final = frozenset({"MySQL driver", "PostgreSQL driver", "Oracle driver", "SQL Server driver", "DB2 driver"})
"""Libraries of ``knowledge.toml`` whose connections JDBC pools lend."""
_ELSEWHERE: Final = IDLE | SOCKET | {"running", "dns", "file-io", "sleep", "monitor", "lock"}
"""Kinds of threads that do something else than wait for a lease, whatever lender's frames are on their stack (making one, for example)."""
_HAS_ONE: Final = (
    "org.springframework.transaction.support.AbstractPlatformTransactionManager.handleExistingTransaction",
    "org.springframework.jdbc.core.JdbcTemplate.execute",
)
"""Frames below a lease that are reached only with a connection in hand: REQUIRES_NEW inside a transaction, a callback of JdbcTemplate."""
_LINE: Final = re.compile(r":(\d+)$")


class Shortage(Crowd):
    """Threads that wait for one lender.

    Attributes:
        lender: the software that lends.
        users: threads that use what is lent: they stand in the driver or client whose connections the pool has.
        nested: those of the waiters that have a lease already.
        proven: True if frames prove that, False if it is inferred from where others of the same method wait.
    """

    def __init__(self, case: Case, view: ProcessView, lender: Lender, waiters: Sequence[Busy]) -> None:
        """``waiters`` wait for ``lender``."""
        self.lender = lender
        self.users = _users(view, lender, waiters)
        super().__init__(case, view, waiters, self.users)
        sure = tuple(member for member in waiters if _holds(member, lender))
        self.proven = bool(sure)
        self.nested = sure or _further_on(waiters)

    @property
    def busy(self) -> tuple[Busy, ...]:
        """Threads of the same thread pool that neither wait for a lease nor are seen to use one: they may keep one meanwhile."""
        known = {id(member.thread) for member in (*self.members, *self.users)}
        return tuple(member for member in self.pool.busy if id(member.thread) not in known and member.activity.app >= 0)

    @property
    def connections(self) -> dict[Endpoint, tuple[Connection, ...]]:
        """Open connections of the kind that is lent, by service: those that can be meant."""
        groups: dict[Endpoint, list[Connection]] = defaultdict(list)
        wanted = self._ports()
        database_ports = _ports(DATABASES)
        for one in self.view.client_side:
            if one.remote is None or one.state not in {TcpState.ESTABLISHED, TcpState.CLOSE_WAIT, TcpState.SYN_SENT}:
                continue
            if self.lender.lends == HTTP and one.remote.port in database_ports:
                continue
            groups[one.remote].append(one)
        known = {remote: group for remote, group in groups.items() if remote.port in wanted}
        return {remote: tuple(group) for remote, group in sorted((known or groups).items())}

    def _ports(self) -> frozenset[int]:
        names = {member.activity.library for member in self.users if member.activity.library} or (
            DATABASES if self.lender.lends == JDBC else set()
        )
        return _ports(names)


def shortages(case: Case, lends: str) -> tuple[Shortage, ...]:
    """Crowds of threads that wait for a lender of that kind, at each process' last view."""
    found = []
    for view in case.latest:
        groups: dict[Lender, list[Busy]] = defaultdict(list)
        for pool in view.pools:
            for member in pool.members:
                if (lender := lender_of(member)) is not None and lender.lends == lends:
                    groups[lender].append(member)
        found += [Shortage(case, view, lender, queue) for lender, waiters in groups.items() for queue in _queues(waiters)]
    return tuple(found)


def lender_of(member: Busy) -> Lender | None:
    """The lender that a thread waits for; None if it does not wait for a lease."""
    if member.activity.kind in _ELSEWHERE:
        return None
    frames = _above(member)
    calls = {frame.full for frame in frames}
    return next(
        (
            lender
            for lender in LENDERS
            if not calls.isdisjoint(lender.frames) and (not lender.through or any(frame.cls.startswith(lender.through) for frame in frames))
        ),
        None,
    )


def _above(member: Busy) -> tuple[Frame, ...]:
    """The frames above the first one of the application."""
    return member.thread.frames[: member.activity.app] if member.activity.app >= 0 else member.thread.frames


def _queues(waiters: Sequence[Busy]) -> list[list[Busy]]:
    """One list per pool of the same software: told apart by what the threads park on, if that is the pool's (and not each thread's own)."""
    by_lock: dict[str | None, list[Busy]] = defaultdict(list)
    for member in waiters:
        lock = waited_lock(member.thread)
        by_lock[lock.address if lock else None].append(member)
    return list(by_lock.values()) if max(map(len, by_lock.values())) > 1 else [list(waiters)]


def _users(view: ProcessView, lender: Lender, waiters: Sequence[Busy]) -> tuple[Busy, ...]:
    waiting = {id(member.thread) for member in waiters}
    return tuple(
        member
        for pool in view.pools
        for member in pool.busy
        if id(member.thread) not in waiting and lender_of(member) is None and _uses(member, lender)
    )


def _uses(member: Busy, lender: Lender) -> bool:
    """True if the thread uses what ``lender`` lends. A thread that makes a new connection for the pool does not."""
    library = member.activity.library
    if lender.lends == JDBC:
        return library in DATABASES and not any(frame.full in lender.frames for frame in _above(member))
    if lender.lends == HTTP:
        return member.activity.kind in SOCKET and library == "Apache HttpClient"
    prefixes = lender.through
    return bool(prefixes) and any(frame.cls.startswith(prefixes) for frame in _above(member))


def _holds(member: Busy, lender: Lender) -> bool:
    """True if a frame below the wait shows that the thread has a lease of the same kind already."""
    if lender.lends != JDBC:
        return False
    frames = member.thread.frames
    template = any(frame.full in _HAS_ONE for frame in frames[max(0, member.activity.app) :])
    return template or any(frame.full == _HAS_ONE[0] for frame in frames)


def _further_on(waiters: Iterable[Busy]) -> tuple[Busy, ...]:
    """Waiters that passed, in a method below, the line at which other threads still wait for their first lease in that method."""
    sites: dict[str, int] = {}
    waiters = tuple(waiters)
    for thread, found in waiters:
        if found.app >= 0 and (line := _line(thread.frames[found.app])) is not None:
            call = thread.frames[found.app].full
            sites[call] = min(line, sites.get(call, line))
    return tuple(member for member in waiters if _passed(member.thread, member.activity.app, sites))


def _passed(thread: Thread, app: int, sites: dict[str, int]) -> bool:
    if app < 0:
        return False
    return any((line := _line(frame)) is not None and line > sites.get(frame.full, line) for frame in thread.frames[app + 1 :])


def _line(frame: Frame) -> int | None:
    match = _LINE.search(frame.source or "")
    return int(match[1]) if match else None


def _ports(names: Iterable[str]) -> frozenset[int]:
    wanted = set(names)
    return frozenset(port for row in knowledge().tables.library if row.name in wanted for port in row.ports)


def main_service(groups: dict[Endpoint, tuple[Connection, ...]]) -> Endpoint | None:
    """The only service, or the one with most of the connections; None if that is not clear."""
    counts = Counter({remote: len(group) for remote, group in groups.items()})
    first = counts.most_common(2)
    return first[0][0] if first and (len(first) == 1 or first[0][1] > 2 * first[1][1]) else None

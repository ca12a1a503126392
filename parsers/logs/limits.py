r"""Lines about a limit that a server, a pool or a watch of the platform reached, in the words of each.

    rejected from java.util.concurrent.ThreadPoolExecutor@6d5f[Running, pool size = 20, active threads = 20, queued tasks = 1000, completed tasks = 551]
    ERR max number of clients reached
    *** uWSGI listen queue of socket "127.0.0.1:3031" (fd: 3) full !!! (101/100) ***
    Server bk_app/a2 is DOWN, reason: Layer7 timeout, check duration: 2002ms.
    pumpd.service: Watchdog timeout (limit 30s)!
    HikariPool-1 - Thread starvation or clock leap detected (housekeeper delta=1m12s871ms221µs).
    ThreadPool Queue Length                        1,284

Each is written at the moment itself. None says what uses the limit up. Written after the documentation and sources of these programs, not captured here.
"""

from __future__ import annotations

import re
from typing import Final

from parsers.logs.lines import Shape
from parsers.records import LogKind


def _shape(source: str, kind: LogKind, word: str, pattern: str, *, loud: bool = False) -> Shape:
    return Shape(source, kind, word, re.compile(pattern), loud)


_EXECUTOR: Final = r"\[Running, pool size = (?P<threads>\d{1,9}), active threads = (?P<active>\d{1,9}), queued tasks = (?P<queued>\d{1,12})"
SHAPES: Final = (
    _shape(
        "Elasticsearch",
        LogKind.THREADS,
        "EsThreadPoolExecutor[",
        rf"EsThreadPoolExecutor\[name = (?P<subject>[\w./-]{{1,120}}), [^\n]{{0,500}}?{_EXECUTOR}",
    ),
    _shape("program", LogKind.THREADS, " rejected from ", rf" rejected from [\w.$]{{1,120}}(?:@[0-9a-f]{{1,12}})?{_EXECUTOR}"),
    _shape(
        "StackExchange.Redis",
        LogKind.STARVED,
        "WORKER: (Busy=",
        r"Timeout (?:performing|awaiting response)[^\n]{0,1500}?\bqs: (?P<unanswered>\d{1,9})[^\n]{0,1500}?WORKER: \(Busy=(?P<busy>[1-9]\d{1,5}),Free=\d{1,6},Min=(?P<minimum>\d{1,5}),(?:[^\n]{0,200}?QueuedItems=(?P<queued>\d{1,9}))?",
    ),
    _shape(
        "StackExchange.Redis",
        LogKind.READ_TIMEOUT,
        "Timeout performing ",
        r"Timeout performing [A-Z]{2,20}[^\n]{0,400}?\b(?:inst|next|mgr)\b: ",
    ),
    _shape("Tomcat", LogKind.THREADS, "are currently busy, waiting", r"All threads \((?P<limit>\d{1,9})\) are currently busy, waiting"),
    _shape(
        "Hystrix",
        LogKind.THREADS,
        "could not be queued for execution",
        r"\b(?P<subject>[\w.$-]{1,80}) could not be queued for execution and (?:no fallback|fallback)",
    ),
    _shape(
        "Akka",
        LogKind.STARVED,
        "heartbeat was delayed",
        r"[Ss]ending of heartbeat was delayed\. Previous heartbeat was sent \[(?P<ms>\d{1,12})\] ms ago",
    ),
    _shape("Sequelize", LogKind.POOL_EMPTY, "ConnectionAcquireTimeoutError", r"Sequelize\w*ConnectionAcquireTimeoutError\b", loud=True),
    _shape(
        "node-postgres",
        LogKind.POOL_EMPTY,
        "timeout exceeded when trying to connect",
        r"Error: timeout exceeded when trying to connect",
        loud=True,
    ),
    _shape("Redis", LogKind.SLOTS, "max number of clients reached", r"\bmax number of clients reached", loud=True),
    _shape(
        "ZooKeeper",
        LogKind.SLOTS,
        "Too many connections from ",
        r"Too many connections from (?:/|\[)?(?P<subject>[\w.:-]{2,60}?)\]? - max is (?P<limit>\d{1,7})",
    ),
    _shape(
        "ZooKeeper client",
        LogKind.READ_TIMEOUT,
        "have not heard from server in",
        r"(?:\((?P<subject>[\w.-]{1,120}:\d{1,5})\)\][^\n]{0,120}?)?(?:[Cc]lient session timed out|session timed out), have not heard from server in (?P<ms>\d{1,9}) ?ms",
    ),
    _shape("PostgreSQL", LogKind.SLOTS, "too many clients already", r"\bsorry, too many clients already", loud=True),
    _shape("Oracle", LogKind.SLOTS, "appropriate service handler", r"ORA-125(?:16|19|20)\b[^\n]{0,40}appropriate service handler"),
    _shape("psycopg2", LogKind.POOL_EMPTY, "PoolError: connection pool exhausted", r"PoolError: connection pool exhausted"),
    _shape(
        "MongoDB driver",
        LogKind.POOL_EMPTY,
        "imeout waiting for a pooled item",
        r"Timeout waiting for a pooled item after (?P<ms>\d{1,12}) MILLISECONDS",
    ),
    _shape(
        "MongoDB driver", LogKind.POOL_EMPTY, "threads are already waiting for a", r"Too many threads are already waiting for a connection"
    ),
    _shape("Kubernetes", LogKind.MEMORY, "OOMKilled", r"\bReason:? *\"?:? ?\"?OOMKilled\b|\bOOMKilled\b(?= +\d)"),
    _shape("Node", LogKind.MEMORY, "JavaScript heap out of memory", r"FATAL ERROR: [^\n]{0,120}JavaScript heap out of memory"),
    _shape(
        "HAProxy",
        LogKind.DOWN,
        " is DOWN, reason: ",
        r"Server (?P<subject>[\w.:-]{1,80}/[\w.:-]{1,80}) is DOWN, reason: [^\n]{0,60}?timeout(?:[^\n]{0,80}?check duration: (?P<ms>\d{1,9})ms)?",
    ),
    _shape("HAProxy", LogKind.DOWN, "has no server available!", r"\b(?:backend|proxy) (?P<subject>[\w.:-]{1,80}) has no server available!"),
    _shape(
        "systemd",
        LogKind.WATCHED,
        "Watchdog timeout (limit ",
        r"(?P<subject>[\w@.-]{1,120}\.service): Watchdog timeout \(limit (?P<s>\d{1,6})s\)",
    ),
    _shape(
        "HikariCP",
        LogKind.PAUSE,
        "hread starvation or clock leap",
        r"[Tt]hread starvation or clock leap detected \(housekeeper delta=(?:(?P<minutes>\d{1,6})m)?(?:(?P<s>\d{1,6})s)?",
    ),
    _shape("Kafka consumer", LogKind.POLLED_LATE, "consumer poll timeout has expired", r"consumer poll timeout has expired"),
    _shape(
        "Kafka client",
        LogKind.POLLED_LATE,
        "not part of an active group",
        r"Offset commit cannot be completed since the consumer is not part of an active group",
    ),
    _shape(
        "uWSGI",
        LogKind.WORKERS,
        "uWSGI listen queue of socket",
        r"uWSGI listen queue of socket \"(?P<subject>[/@][^\"\n]{1,160})\"[^\n]{0,20} full !!! \((?P<queued>\d{1,9})/(?P<limit>\d{1,9})\)",
    ),
    _shape(
        "nginx",
        LogKind.WORKERS,
        "(11: Resource temporarily unavailable)",
        r"connect\(\) to unix:(?P<subject>[/@][^\s:]{1,160}) failed \(11: Resource temporarily unavailable\) while connecting to upstream",
    ),
    _shape(
        "uWSGI",
        LogKind.FLOODED,
        "uWSGI listen queue of socket",
        r"uWSGI listen queue of socket \"(?P<subject>[^\"\n]{1,160})\"[^\n]{0,20} full !!! \((?P<queued>\d{1,9})/(?P<limit>\d{1,9})\)",
    ),
    _shape(
        "kernel",
        LogKind.LOCKUP,
        "soft lockup - CPU#",
        r"soft lockup - CPU#\d{1,5} stuck for (?P<s>\d{1,6})s! \[(?P<subject>[^\]\n]{1,60})\]",
    ),
    _shape("kernel", LogKind.LOCKUP, "self-detected stall", r"rcu[\w ]{0,20}self-detected stall on CPU"),
    _shape(
        ".NET thread pool",
        LogKind.STARVED,
        "ThreadPool Queue Length",
        r"ThreadPool Queue Length(?: \([^)\n]{1,40}\))?\s+(?P<queued>[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d{2,8})\s*$",
    ),
    _shape("gRPC", LogKind.READ_TIMEOUT, "DeadlineExceeded", r"\bcode = DeadlineExceeded\b|StatusCode=\"?DeadlineExceeded", loud=True),
    _shape(
        "gRPC",
        LogKind.READ_TIMEOUT,
        "DEADLINE_EXCEEDED",
        r"(?:StatusRuntimeException: |StatusCode\.|code: ?4,? ?)DEADLINE_EXCEEDED",
        loud=True,
    ),
)

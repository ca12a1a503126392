r"""Lines of single products about limits and waits of their own, in the words of each.

    java.io.IOException: xceiverCount 4097 exceeds the limit of concurrent xcievers 4096
    fsync-ing the write ahead log in SyncThread:3 took 12311ms which will adversely effect operation latency.
    The web application [shop] appears to have started a thread named [poller-1] but has failed to stop it.
    runtime: program exceeds 10000-thread limit
    PoolAcquirePendingLimitException: Pending acquire queue has reached its maximum size of 1000
    javax.naming.NamingException: LDAP response read timed out, timeout used:5000ms.
    ORA-01000: maximum open cursors exceeded
    neighbour: arp_cache: neighbor table overflow!
    delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms.

Written after the documentation and sources of these programs, not captured here.
"""

from __future__ import annotations

import re
from typing import Final

from parsers.logs.lines import Shape
from parsers.records import LogKind


def _shape(source: str, kind: LogKind, word: str, pattern: str, *, least: float = 0.0) -> Shape:
    return Shape(source, kind, word, re.compile(pattern), loud=False, least=least)


SLOW: Final = 1.0
"""Seconds that a sync of a log to its disk takes, from which on whoever waits for it notices."""
SHAPES: Final = (
    _shape(
        "HDFS",
        LogKind.THREADS,
        "exceeds the limit of concurrent xc",
        r"[xX]ceiverCount:? ?(?P<threads>\d{1,9}) exceeds the limit of concurrent xc[ei]{2}vers?:? ?(?P<limit>\d{1,9})",
    ),
    _shape(
        "ZooKeeper",
        LogKind.DISK,
        "fsync-ing the write ahead log",
        r"fsync-ing the write ahead log in [\w:.-]{1,60} took (?P<ms>\d{1,9})ms",
        least=SLOW,
    ),
    _shape(
        "HDFS DataNode",
        LogKind.DISK,
        "Slow ",
        r"Slow (?:BlockReceiver write data to disk|flushOrSync|manageWriterOsCache)[^\n]{0,60}?(?:cost|took)[: ]{1,2}(?P<ms>\d{1,9}) ?ms",
        least=SLOW,
    ),
    _shape("HBase write-ahead log", LogKind.DISK, "Slow sync cost: ", r"Slow sync cost: (?P<ms>\d{1,9}) ?ms", least=SLOW),
    _shape(
        "HDFS JournalNode",
        LogKind.DISK,
        "Sync of transaction range",
        r"Sync of transaction range [\d-]{1,60} took (?P<ms>\d{1,9})ms",
        least=SLOW,
    ),
    _shape(
        "HDFS NameNode",
        LogKind.QUORUM,
        "ms for a quorum of nodes",
        r"Timed out waiting (?P<ms>\d{1,9})ms for a quorum of nodes to respond",
    ),
    _shape(
        "HDFS NameNode",
        LogKind.QUORUM,
        "Succeeded so far: [",
        r"Waited (?P<ms>\d{1,9}) ms \(timeout=\d{1,9} ms\) for a response for \w{1,60}\. Succeeded so far: \[[\w.:, -]{0,200}\]",
    ),
    _shape(
        "Redis",
        LogKind.DISK,
        "AOF fsync is taking too long",
        r"Asynchronous AOF fsync is taking too long \(disk is busy\?\)",
    ),
    _shape("etcd", LogKind.DISK, "slow fdatasync", r"slow fdatasync\"?,[^\n]{0,80}?\"took\":\"(?P<s>\d{1,6}(?:\.\d{1,9})?)s\"", least=SLOW),
    _shape(
        "Tomcat",
        LogKind.THREAD_LEFT,
        "but has failed to stop it",
        r"web application \[(?P<subject>[^\]\n]{1,120})\] (?:appears to have|is still|registered|created)[^\n]{0,40} started a thread named \[[^\]\n]{1,200}\] but has failed to stop it",
    ),
    _shape(
        "nginx",
        LogKind.DOWN,
        "no live upstreams while",
        r"no live upstreams while connecting to upstream[^\n]{0,2000}?upstream: \"\w+://(?P<subject>[\w.:-]{1,120})",
    ),
    _shape("Go", LogKind.NO_THREAD, "-thread limit", r"runtime: program exceeds (?P<limit>\d{1,9})-thread limit"),
    _shape("shell", LogKind.NO_THREAD, "fork: ", r"\bfork: (?:retry: )?Resource temporarily unavailable"),
    _shape(
        "Reactor Netty",
        LogKind.POOL_EMPTY,
        "Pending acquire queue has reached its maximum size",
        r"Pending acquire queue has reached its maximum size of (?P<limit>\d{1,9})",
    ),
    _shape(
        "Reactor",
        LogKind.READ_TIMEOUT,
        "Did not observe any item or terminal signal",
        r"Did not observe any item or terminal signal within (?P<ms>\d{1,12})ms",
    ),
    _shape(
        "Netty",
        LogKind.UNRELEASED,
        ".release() was not called",
        r"LEAK: (?P<subject>\w{1,60})\.release\(\) was not called before it's garbage-collected",
    ),
    _shape(
        "LDAP", LogKind.READ_TIMEOUT, "LDAP response read timed out", r"LDAP response read timed out, timeout used: ?-?(?P<ms>\d{1,12}) ?ms"
    ),
    _shape(
        "EJB container",
        LogKind.BEAN_LOCK,
        "ConcurrentAccessTimeoutException",
        r"(?:\b(?:component|bean) [\"'`\[]?(?P<subject>[\w$.-]{2,80})[\"'`\]]? [^\n]{0,300}?)?(?:javax|jakarta)\.ejb\.ConcurrentAccessTimeoutException",
    ),
    _shape("Oracle", LogKind.CURSORS, "ORA-01000", r"ORA-01000: maximum open cursors exceeded"),
    _shape("kernel", LogKind.NEIGHBOURS, "table overflow!", r"(?:neighbour: \w{1,20}: )?[nN]eighbou?r table overflow!"),
    _shape(
        "Kafka client",
        LogKind.POLLED_LATE,
        "since the group has already rebalanced",
        r"Commit cannot be completed since the group has already rebalanced",
    ),
    _shape(
        "Elasticsearch",
        LogKind.MEMORY,
        "Data too large, data for",
        r"\[(?P<subject>[\w-]{1,40})\] Data too large, data for \[",
    ),
    _shape(
        "RabbitMQ",
        LogKind.WORKER_ENDED,
        "elivery acknowledgement on channel",
        r"[dD]elivery acknowledgement on channel (?P<channel>\d{1,9}) timed out\. Timeout value used: (?P<ms>\d{1,12}) ms",
    ),
    _shape("Artemis", LogKind.ALARM, "start blocking producers", r"\bSystem will start blocking producers"),
    _shape(
        "Artemis",
        LogKind.ALARM,
        "Blocking message production on address",
        r"Blocking message production on address '?(?P<subject>[\w.:/-]{1,120})",
    ),
    _shape(
        "Netty",
        LogKind.MEMORY,
        "of direct memory (used:",
        r"failed to allocate \d{1,12} byte\(s\) of direct memory \(used: (?P<used>\d{1,15}), max: (?P<limit>\d{1,15})\)",
    ),
    _shape("sshd", LogKind.SLOTS, " past MaxStartups", r"drop connection #(?P<pending>\d{1,6}) from [^\n]{1,120} past MaxStartups"),
    _shape("sshd", LogKind.SLOTS, "MaxStartups throttling", r"beginning MaxStartups throttling"),
    _shape("memcached", LogKind.SLOTS, "STAT accepting_conns 0", r"STAT accepting_conns 0\b"),
    _shape(
        "Postfix",
        LogKind.THREADS,
        "has reached its process limit",
        r"service \"(?P<subject>[\w./-]{1,60})\" [^\n]{0,40}has reached its process limit \"(?P<limit>\d{1,6})\"",
    ),
    _shape(
        "Postfix milter",
        LogKind.READ_TIMEOUT,
        "reply packet header: Connection timed out",
        r"milter (?:inet6?:|unix:)?(?P<subject>[\w.:/\[\]-]{1,120}?): can't read [^\n]{0,60}reply packet header: Connection timed out",
    ),
    _shape(
        "MongoDB",
        LogKind.SLOTS,
        '"available"',
        r"\"current\" ?: ?(?P<connections>\d{1,9}), ?\"available\" ?: ?(?P<available>0)\b",
    ),
    _shape(
        "MySQL driver",
        LogKind.RESTED,
        "The last packet successfully received from the server was",
        r"The last packet successfully received from the server was (?P<ms>\d{1,3}(?:,\d{3})*|\d{1,15}) milliseconds ago",
        least=60.0,
    ),
)

r"""Lines of pools of connections that had none left, with their own figures where they print them.

    … HikariPool-1 - Connection is not available, request timed out after 30000ms (total=10, active=10, idle=0, waiting=25)
    … PoolExhaustedException: [exec-7] Timeout: Pool empty. Unable to fetch a connection in 30 seconds, none available[size:50; busy:50; idle:0; lastwait:30000].
    … GetConnectionTimeoutException: wait millis 5000, active 20, maxActive 20, creating 0
    sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00

Active equal to total: all were lent at that moment. Idle ones beside it, or none at all, say something else: connections could not be made or checked.
"""

from __future__ import annotations

import re
from typing import Final

from parsers.logs.lines import Shape
from parsers.records import LogKind

_EMPTY: Final = LogKind.POOL_EMPTY


def _shape(source: str, word: str, pattern: str, *, loud: bool = True) -> Shape:
    return Shape(source, _EMPTY, word, re.compile(pattern), loud)


SHAPES: Final = (
    _shape(
        "HikariCP",
        "Connection is not available",
        r"(?P<subject>[\w.$-]{1,80}) - Connection is not available, request timed out after (?P<ms>\d{1,12})ms\.?(?: ?\((?P<pairs>total=[^()\n]{1,200})\))?",
    ),
    _shape(
        "HikariCP",
        "tats (total=",
        r"(?P<subject>[\w.$-]{1,80}) - [\w ]{0,30}stats \((?P<pairs>total=[^()\n]{1,200}waiting=[1-9]\d{0,9}[^()\n]{0,40})\)",
        loud=False,
    ),
    Shape(
        "HikariCP",
        LogKind.POOL_FREE,
        "tats (total=",
        re.compile(r"(?P<subject>[\w.$-]{1,80}) - [\w ]{0,30}stats \((?P<pairs>total=[^()\n]{1,200}waiting=0)\)"),
        loud=False,
    ),
    _shape(
        "Tomcat JDBC pool",
        "Pool empty. Unable to fetch",
        r"Pool empty\. Unable to fetch a connection in (?P<s>\d{1,9}) seconds?, none available\[(?P<pairs>[^\]\n]{1,200})\]",
    ),
    _shape("DBCP", "Cannot get a connection, pool", r"Cannot get a connection, pool (?:error:? ?Timeout waiting|exhausted)"),
    _shape("Commons Pool", "Timeout waiting for idle object", r"NoSuchElementException: Timeout waiting for idle object"),
    _shape("c3p0", "checkout a Connection has timed out", r"attempt by a client to checkout a Connection has timed out"),
    _shape("Druid", "wait millis ", r"wait millis (?P<ms>\d{1,12}), (?P<pairs>active \d{1,9}, maxActive \d{1,9}[^\n]{0,80})"),
    _shape(
        "UCP",
        "UCP-",
        r"UCP-(?:29|45064)\b[^\n]{0,200}?(?:Failed to get a connection|All connections in the Universal Connection Pool are in use)",
    ),
    _shape("UCP", "All connections in the Universal", r"All connections in the Universal Connection Pool are in use"),
    _shape(
        "IronJacamar",
        "IJ000655",
        r"IJ000655: No managed connections available within configured blocking timeout \((?P<ms>\d{1,12}) ?\[ms\]\)",
    ),
    _shape(
        "GlassFish",
        "In-use connections equal max-pool-size",
        r"(?:connection pool \[ ?(?P<subject>[\w./-]{1,120}) ?\][^\n]{0,300})?In-use connections equal max-pool-size",
    ),
    _shape(
        "WebLogic",
        "No resources currently available in pool",
        r"No resources currently available in pool (?P<subject>[^\s\"]{1,120}) to allocate",
    ),
    _shape(
        "WebSphere",
        "ConnectionWaitTimeoutException",
        r"ConnectionWaitTimeoutException: [^\n]{0,300}?after waiting (?P<s>\d{1,9})\s+seconds",
    ),
    _shape(
        "SQLAlchemy",
        "QueuePool limit of size",
        r"QueuePool limit of size (?P<total>\d{1,9}) overflow (?P<overflow>\d{1,9}) reached, connection timed out, timeout (?P<s>\d{1,9}(?:\.\d{1,6})?)",
    ),
    _shape(
        "Active Record",
        "could not obtain a",
        r"could not obtain a (?:database )?connection (?:from the pool )?within (?P<s>\d{1,9}(?:\.\d{1,6})?) seconds",
    ),
    _shape("ADO.NET", "prior to obtaining a connection from the pool", r"period elapsed prior to obtaining a connection from the pool"),
    _shape("Knex", "Timeout acquiring a connection", r"Timeout acquiring a connection\. The pool is probably full"),
    _shape("Apache HttpClient", "Timeout waiting for connection from pool", r"Timeout waiting for connection from pool"),
    _shape(
        "Apache HttpClient",
        "ConnectionRequestTimeoutException",
        r"ConnectionRequestTimeoutException: Timeout deadline: (?P<ms>\d{1,12}) MILLISECONDS",
    ),
    _shape(
        "Reactor Netty",
        "Pool#acquire(Duration)",
        r"Pool#acquire\(Duration\) has been pending for more than the configured timeout of (?P<ms>\d{1,12})ms",
    ),
)

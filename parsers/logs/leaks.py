r"""Lines that say that a connection, or the response that keeps it, was not given back.

    WARNING: A connection to https://api.example.com/ was leaked. Did you forget to close a response body?
    … HikariPool-1 - Connection leak detection triggered for com.mysql.cj.jdbc.ConnectionImpl@5e8c92f4 on thread http-nio-8080-exec-3, stack trace follows
    … org.apache.tomcat.jdbc.pool.ConnectionPool abandon: Connection has been abandoned PooledConnection[…]
    DBCP object created 2014-04-09 13:02:51 by the following code was never closed:
    A potential connection leak detected for connection pool crmPool. The stack trace of the thread is provided below :
    IJ000100: Closing a connection for you. Please close them yourself: org.jboss.jca.adapters.jdbc.jdk8.WrappedConnectionJDK8@4a2b1c

The library saw it itself. It says that it happened; how many are kept, a table tells.
"""

from __future__ import annotations

import re
from typing import Final

from parsers.logs.lines import Shape
from parsers.records import LogKind


def _shape(source: str, word: str, pattern: str) -> Shape:
    return Shape(source, LogKind.LEAK, word, re.compile(pattern), loud=False)


SHAPES: Final = (
    _shape("OkHttp", " was leaked. Did you forget", r"A connection to (?P<subject>[^\s\"]{1,200}?)/? was leaked\. Did you forget"),
    _shape("OkHttp", "response.body().close()", r"java\.lang\.Throwable: response\.body\(\)\.close\(\)"),
    _shape(
        "gRPC",
        "was not shutdown properly",
        r"Channel ManagedChannelImpl\{[^}\n]{0,60}target=(?P<subject>[^},\s]{1,160})[^\n]{0,40} was not shutdown properly",
    ),
    Shape(
        "HikariCP",
        LogKind.GIVEN_BACK,
        "Previously reported leaked connection",
        re.compile(r"Previously reported leaked connection [^\n]{1,240} was returned to the pool \(unleaked\)"),
        loud=False,
    ),
    _shape(
        "HikariCP",
        "Connection leak detection triggered",
        r"(?:(?P<subject>[\w.$-]{1,80}) - )?Connection leak detection triggered for [\w.$@]{1,200}",
    ),
    _shape("Tomcat JDBC pool", "Connection has been abandoned", r"Connection has been abandoned (?:PooledConnection|ProxyConnection)\["),
    _shape(
        "Commons Pool",
        "Pooled object created ",
        r"Pooled object created [^\n]{0,80} by the following code (?:was never returned|has not been returned)",
    ),
    _shape(
        "DBCP",
        "by the following code was never closed",
        r"DBCP object created [^\n]{0,80} by the following code was never closed",
    ),
    _shape("c3p0", "Overdue resource check-out", r"Overdue resource check-out stack trace"),
    _shape("c3p0", "checked-out resource is overdue", r"A checked-out resource is overdue, and will be destroyed"),
    _shape("Druid", "abandon connection", r"abandon connection, owner thread: (?P<subject>[^\n,]{1,120})"),
    _shape("IronJacamar", "Closing a connection for you", r"Closing a connection for you\. {1,2}Please close them yourself"),
    _shape(
        "GlassFish",
        " leak detected for connection pool",
        r"A potential (?:connection|statement) leak detected for connection pool (?P<subject>[\w./-]{1,120}?)\.?(?= |$)",
    ),
    _shape("WebLogic", "BEA-001153", r"BEA-001153>? ?<?Forcibly releasing inactive"),
    _shape("aiohttp", "Unclosed c", r"\bUnclosed (?:client session|connection)\b"),
    _shape("Apache HttpClient", "still allocated", r"Invalid use of (?:Basic|Single)ClientConnManager: connection still allocated"),
)

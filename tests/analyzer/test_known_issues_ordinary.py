"""Known issues: stacks of the same software at its ordinary work look like none of them."""

from __future__ import annotations

import json

import pytest

from analyzer.judge.known_issues import known_issues
from analyzer.rules import RULES, slug
from analyzer.waits.case import Case
from parsers.records import Where
from tests.analyzer.test_known_issues import finding_of
from tests.builders import dump, evidence_of, judge, thread

ORDINARY = dump(
    thread("XNIO-1 I/O-2", "RUNNABLE", "sun.nio.ch.EPoll.wait", "org.xnio.nio.WorkerThread.run"),
    thread(
        "XNIO-1 I/O-3",
        "RUNNABLE",
        "io.undertow.protocols.http2.Http2Channel.parseFrame",
        "io.undertow.server.protocol.framed.AbstractFramedChannel.receive",
        "org.xnio.nio.WorkerThread.run",
    ),
    thread("Okio Watchdog", "TIMED_WAITING (parking)", "okio.AsyncTimeout$Companion.awaitTimeout", "okio.AsyncTimeout$Watchdog.run"),
    thread(
        "caller-1",
        "WAITING (on object monitor)",
        "java.lang.Object.wait",
        "okhttp3.internal.http2.Http2Stream.waitForIo",
        "okhttp3.internal.http2.Http2ExchangeCodec.readResponseHeaders",
    ),
    thread(
        "caller-2", "RUNNABLE", "okhttp3.internal.http2.Http2Connection.newStream", "okhttp3.internal.http2.Http2ExchangeCodec.writeHeaders"
    ),
    thread("caller-3", "RUNNABLE", "okio.AsyncTimeout.enter", "okhttp3.internal.http2.Http2Writer.flush", "com.example.Till.run"),
    thread(
        "Timer-0",
        "RUNNABLE",
        "java.net.SocketInputStream.socketRead0",
        "org.apache.commons.dbcp.PoolableConnectionFactory.makeObject",
        "org.apache.commons.pool.impl.GenericObjectPool$Evictor.run",
    ),
    thread("sql-1", "RUNNABLE", "java.net.SocketInputStream.socketRead0", "com.mysql.jdbc.MysqlIO.readFully", "com.example.Till.run"),
    thread("sql-2", "RUNNABLE", "com.mysql.jdbc.PreparedStatement.setTimestampInternal", "com.example.Till.run"),
    thread("sql-3", "RUNNABLE", "com.mysql.jdbc.PreparedStatement.realClose", "com.mysql.jdbc.ConnectionImpl.closeAllOpenStatements"),
    thread(
        "sql-4",
        "RUNNABLE",
        "java.net.SocketInputStream.socketRead0",
        "oracle.net.ns.Packet.receive",
        "oracle.jdbc.driver.T4CTTIfun.receive",
    ),
    thread("cache", "TIMED_WAITING (sleeping)", "java.lang.Thread.sleep", "oracle.jdbc.pool.OracleImplicitConnectionCacheThread.run"),
    thread(
        "log-1",
        "WAITING (parking)",
        "java.util.concurrent.locks.LockSupport.park",
        "java.util.concurrent.locks.ReentrantLock.lock",
        "ch.qos.logback.core.OutputStreamAppender.writeBytes",
    ),
    thread("log-2", "RUNNABLE", "java.io.FileOutputStream.writeBytes", "ch.qos.logback.core.OutputStreamAppender.writeBytes"),
    thread(
        "put-1",
        "TIMED_WAITING (on object monitor)",
        "java.lang.Object.wait",
        "org.apache.hadoop.hbase.client.AsyncProcess.waitForMaximumCurrentTasks",
        "org.apache.hadoop.hbase.client.HTable.put",
    ),
    thread("put-2", "RUNNABLE", "org.apache.hadoop.hbase.ipc.RpcClientImpl$Connection.close", "com.example.Till.run"),
    thread("agent", "RUNNABLE", "sun.nio.ch.EPoll.wait", "org.jenkinsci.remoting.protocol.IOHub.run"),
)
WORKER = """Process 9: /srv/bin/python3.11 /srv/bin/gunicorn -k gthread till:app
Python v3.11.2 (/usr/bin/python3.11)

Thread 9 (idle): "MainThread"
    select (selectors.py:468)
    ThreadWorker.run (gunicorn/workers/gthread.py:200)
    Worker.init_process (gunicorn/workers/base.py:143)
    Arbiter.spawn_worker (gunicorn/arbiter.py:609)
Thread 11 (idle): "ThreadPoolExecutor-0_0"
    StreamHandler.emit (logging/__init__.py:1113)
    Logger.access (gunicorn/glogging.py:366)
    ThreadWorker.handle_request (gunicorn/workers/gthread.py:353)
"""
LOOP = json.dumps(
    {
        "header": {"reportVersion": 3, "event": "Till", "trigger": "API", "dumpEventTime": "2026-10-04T08:11:12Z", "processId": 9},
        "javascriptStack": {
            "message": "Till",
            "stack": [
                "at Headers.append (/srv/till/node_modules/undici/lib/fetch/headers.js:212:9)",
                "at open (/srv/till/drawer.js:9:2)",
            ],
        },
        "libuv": [],
    },
    indent=2,
)


@pytest.mark.parametrize(("name", "stacks"), [("jstack-7.txt", ORDINARY), ("py-spy.txt", WORKER), ("report.json", LOOP)])
def test_ordinary_stacks_of_the_same_software_look_like_none(name: str, stacks: str) -> None:
    """Threads that wait for work, read, write and log, beside a finding of every rule."""
    read = evidence_of({name: stacks})
    case = Case(read.incident, None, lambda where: read.sources[where.file].excerpt(where))
    (view,) = (view for view in case.latest if view.dump is not None)
    beside = [finding_of(slug(rule), view, Where(name, 1, 1)) for rule in RULES]
    assert known_issues(case, beside, judge(read).verdict) == ()

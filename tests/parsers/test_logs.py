"""Lines of logs: what proves something becomes a record with its figures; quotations, quiet lines and other texts do not."""

from __future__ import annotations

import pytest

from parsers.logs import WORDS, events_of, log_of, pools, watchdogs
from parsers.records import LogKind
from parsers.text.source import Section

AT = "2026-05-06 07:08:09,123"


def section(*lines: str) -> Section:
    return Section("till.log", 1, list(lines))


@pytest.mark.parametrize(
    ("line", "kind", "subject", "figures"),
    [
        (
            f"{AT} WARN till-pool - Connection is not available, request timed out after 2500ms (total=7, active=7, idle=0, waiting=9)",
            LogKind.POOL_EMPTY,
            "till-pool",
            {"seconds": 2.5, "total": 7, "active": 7, "idle": 0, "waiting": 9},
        ),
        (
            (
                "org.apache.tomcat.jdbc.pool.PoolExhaustedException: [w-1] Timeout: Pool empty. Unable to fetch a connection in 4 seconds, "
                "none available[size:8; busy:8; idle:0; lastwait:4000]."
            ),
            LogKind.POOL_EMPTY,
            None,
            {"seconds": 4, "size": 8, "busy": 8, "idle": 0, "lastwait": 4000},
        ),
        (
            "com.alibaba.druid.pool.GetConnectionTimeoutException: wait millis 3000, active 6, maxActive 6, creating 0",
            LogKind.POOL_EMPTY,
            None,
            {"seconds": 3, "active": 6, "maxactive": 6, "creating": 0},
        ),
        ("java.sql.SQLException: An attempt by a client to checkout a Connection has timed out.", LogKind.POOL_EMPTY, None, {}),
        ("Caused by: java.net.SocketTimeoutException: Read timed out", LogKind.READ_TIMEOUT, None, {}),
        ("java.net.SocketTimeoutException: connect timed out", LogKind.CONNECT_TIMEOUT, None, {}),
        ("java.net.ConnectException: Connection refused (Connection refused)", LogKind.REFUSED, None, {}),
        ("Error: connect ECONNREFUSED 10.4.4.4:9200", LogKind.REFUSED, "10.4.4.4:9200", {}),
        (f"{AT} ERROR accept failed: java.io.IOException: Too many open files", LogKind.DESCRIPTORS, None, {}),
        ("OSError: [Errno 24] Too many open files", LogKind.DESCRIPTORS, None, {}),
        (
            "INFO: Maximum number of threads (150) created for connector with address null and port 8081",
            LogKind.THREADS,
            None,
            {"limit": 150, "port": 8081},
        ),
        ("java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory", LogKind.NO_THREAD, None, {}),
        ("java.lang.OutOfMemoryError: Java heap space", LogKind.MEMORY, None, {}),
        (
            "2026-05-06 07:08:09.584 UTC [812] shop@shop LOG:  process 812 still waiting for ShareLock on transaction 31 after 1000.077 ms",
            LogKind.LOCK_WAIT,
            "ShareLock on transaction 31",
            {"session": 812, "seconds": 1.000077},
        ),
        ("2026-05-06 07:08:09.584 UTC [812] shop@shop ERROR:  deadlock detected", LogKind.DEADLOCK, None, {}),
        (
            "java.sql.SQLException: (conn=77) Deadlock found when trying to get lock; try restarting transaction",
            LogKind.DEADLOCK,
            None,
            {"session": 77},
        ),
        (
            (
                "2026/05/06 07:08:09 [error] 31#31: *8 upstream timed out (110: Connection timed out) while reading response header from upstream, "
                'client: 10.1.1.1, server: , request: "GET /a HTTP/1.1", upstream: "http://10.2.2.2:8080/a", host: "x"'
            ),
            LogKind.PROXY_GAVE_UP,
            "10.2.2.2:8080",
            {},
        ),
        (
            '10.1.1.1 - - [06/May/2026:07:08:09 +0000] "GET /a HTTP/1.1" 499 0 "-" "-" rt=5.002 ua=10.2.2.2:8080',
            LogKind.CLIENT_GAVE_UP,
            "10.2.2.2:8080",
            {"status": 499, "seconds": 5.002},
        ),
        (
            '10.1.1.1:40123 [06/May/2026:07:08:09.882] front shop/shop2 0/0/0/-1/9001 504 198 - - sH-- 3/3/2/2/0 0/0 "GET /a HTTP/1.1"',
            LogKind.PROXY_GAVE_UP,
            "shop/shop2",
            {"seconds": 9.001, "port": 40123},
        ),
        (
            "[2026-05-06T07:08:09.123+0000][gc] GC(7) Pause Full (G1 Compaction Pause) 900M->890M(1024M) 8000.5ms",
            LogKind.PAUSE,
            "Full",
            {"seconds": 8.0005, "before": 900, "after": 890, "size": 1024},
        ),
    ],
)
def test_a_line_that_proves_something(line: str, kind: LogKind, subject: str | None, figures: dict[str, float]) -> None:
    (event,) = events_of(section(f"{AT} ERROR request failed", line))
    assert (event.kind, event.subject) == (kind, subject)
    assert dict(event.figures) == pytest.approx(figures)
    assert event.where.first == 2
    assert event.time is not None
    assert event.time.startswith("2026-05-06T07:08:09")


@pytest.mark.parametrize(
    "line",
    [
        f"{AT} INFO the manual says: java.net.SocketTimeoutException: Read timed out means that a limit was reached",
        f'{AT} ERROR payload was "java.io.IOException: Too many open files"',
        '10.1.1.1 - - [06/May/2026:07:08:09 +0000] "GET /a HTTP/1.1" 200 504 "-" "-"',
        '10.1.1.1:40123 [06/May/2026:07:08:09.882] front shop/shop2 0/0/0/2/3 200 198 - - ---- 3/3/2/2/0 0/0 "GET /a HTTP/1.1"',
        "[2026-05-06T07:08:09.123+0000][gc] GC(7) Pause Young (Normal) 90M->10M(1024M) 8.5ms",
        "till-pool - Pool stats (total=7, active=1, idle=6)",
    ],
)
def test_a_quotation_or_an_ordinary_line_proves_nothing(line: str) -> None:
    assert not events_of(section(line))


def test_every_line_of_a_log_is_counted() -> None:
    log = log_of(
        section(f"{AT} INFO a", "", f"{AT} ERROR b", "java.lang.IllegalStateException: c", "\tat a.b.C.d(C.java:1)", f"{AT} INFO e")
    )
    assert log is not None
    assert (log.lines.lines, log.lines.until, log.events) == (5, "2026-05-06T07:08:09", ())


def test_stacks_that_no_exception_explains_are_no_log() -> None:
    stacks = [line for n in range(3) for line in (f"{AT} INFO worker-{n} WAITING", "\tat a.b.C.take(C.java:1)", "\tat a.b.C.run(C.java:9)")]
    assert log_of(section(*stacks)) is None


def test_prose_is_no_log() -> None:
    assert log_of(section(*["We saw read timeouts after the release.", "Then we restarted it."] * 5)) is None


def test_errors_in_words_of_a_program_are_kept_apart() -> None:
    log = log_of(section(f"{AT} INFO a", f"{AT} INFO b", f"{AT} SEVERE every slot of the desk is exhausted"))
    assert log is not None
    assert [where.first for where in log.lines.errors] == [3]


def test_a_word_that_holds_another_one_is_not_looked_for() -> None:
    assert len(set(WORDS)) == len(WORDS) > 50
    assert not [(word, other) for word in WORDS for other in WORDS if other != word and other in word]
    assert all(any(word in shape.word for word in WORDS) for shape in (*pools.SHAPES, *watchdogs.SHAPES))


@pytest.mark.parametrize(
    "line",
    [
        "SQLSTATE[HY000] [1040] Too many connections",
        "pymysql.err.OperationalError: (1040, 'Too many connections')",
        "ERROR 1040 (HY000): Too many connections",
        'java.sql.SQLNonTransientConnectionException: Data source rejected establishment of connection,  message from server: "Too many connections"',
    ],
)
def test_mysql_without_a_place_as_its_clients_print_it(line: str) -> None:
    events = events_of(section("2026-05-06 07:08:09 worker started", f"2026-05-06 07:08:10 {line}"))
    assert [event.source for event in events if event.kind is LogKind.SLOTS] == ["MySQL"]


@pytest.mark.parametrize("moment", ["01 Dec 2026 12:00:00.000", "01 Dec 12:00:00.000"])
def test_what_redis_writes_is_a_log(moment: str) -> None:
    lines = [
        f"5151:M {moment} * Ready to accept connections",
        f"5151:M {moment} # Server initialized",
        f"5160:C {moment} * DB saved on disk",
    ]
    log = log_of(Section("x", 1, lines))
    assert log is not None
    assert log.lines.until == ("2026-12-01T12:00:00" if "2026" in moment else None)
    assert log_of(Section("x", 1, ["5151:M of it", "5151:M of it", "5151:M of it"])) is None

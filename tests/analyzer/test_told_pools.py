"""Pools that nobody listed, whose own watches name who keeps what they lend, beside what the text tells of their size and of the far side's sessions."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding, RecoversWhen
from tests.builders import diagnosis_of


def thread(name: str, *frames: str, state: str = "WAITING (on object monitor)") -> str:
    stack = "\n".join(f"\tat {frame}" for frame in frames)
    head = f'"{name}" daemon prio=10 tid=0x00007f8f3c05a000 nid=0x5a11 in Object.wait() [0x00007f8f1b7f5000]'
    return f"{head}\n   java.lang.Thread.State: {state}\n{stack}\n"


WAIT = ("java.lang.Object.wait(Native Method)", "java.lang.Object.wait(Object.java:503)")
TAKES = ("nl.mill.Desk.take(Desk.java:31)", "nl.mill.Orders.find(Orders.java:57)", "nl.mill.OrderPage.show(OrderPage.java:12)")
BUNDLED = (
    "org.apache.tomcat.dbcp.pool.impl.GenericObjectPool.borrowObject(GenericObjectPool.java:1118)",
    "org.apache.tomcat.dbcp.dbcp.PoolingDataSource.getConnection(PoolingDataSource.java:106)",
    "org.apache.tomcat.dbcp.dbcp.BasicDataSource.getConnection(BasicDataSource.java:1044)",
)
UNKNOWN = ("net.hut.pool.Slots.await(Slots.java:41)", "net.hut.pool.HutDataSource.getConnection(HutDataSource.java:77)")
SHADED = (
    "shop.shaded.pool.GenericObjectPool.borrowObject(GenericObjectPool.java:418)",
    "shop.shaded.jdbc.PoolingDataSource.getConnection(PoolingDataSource.java:134)",
)
SPHERE = (
    "com.ibm.ejs.j2c.poolmanager.FreePool.queueRequest(FreePool.java:438)",
    "com.ibm.ejs.j2c.poolmanager.FreePool.createOrWaitForConnection(FreePool.java:1353)",
    "com.ibm.ws.rsadapter.jdbc.WSJdbcDataSource.getConnection(WSJdbcDataSource.java:668)",
)
LEAKED = """org.apache.tomcat.dbcp.dbcp.AbandonedTrace$AbandonedObjectException: DBCP object created 2014-04-09 13:02:51 by the following code was never closed:
\tat org.apache.tomcat.dbcp.dbcp.AbandonedObjectPool.borrowObject(AbandonedObjectPool.java:81)
\tat org.apache.tomcat.dbcp.dbcp.BasicDataSource.getConnection(BasicDataSource.java:1044)
\tat nl.mill.Desk.take(Desk.java:31)
\tat nl.mill.Menu.week(Menu.java:44)
\tat nl.mill.MenuPage.show(MenuPage.java:38)
"""
OBJECTS = """2021-04-02 10:00:01,001 WARN [main] pool - org.apache.commons.pool2.impl.DefaultPooledObject$AbandonedObjectCreatedException: Pooled object created 2021-04-02 09:50:00 +0000 by the following code has not been returned to the pool:
\tat org.apache.commons.pool2.impl.GenericObjectPool.borrowObject(GenericObjectPool.java:430)
\tat org.apache.commons.dbcp2.PoolingDataSource.getConnection(PoolingDataSource.java:134)
\tat nl.mill.Desk.take(Desk.java:31)
\tat nl.mill.Stock.count(Stock.java:88)
"""


def found(text: str) -> Finding:
    diagnosis = diagnosis_of({"post.md": text})
    assert diagnosis.findings, diagnosis.verdict.headline
    return diagnosis.findings[0]


@pytest.mark.parametrize("pool", [BUNDLED, UNKNOWN, SHADED, SPHERE])
def test_a_wait_below_a_data_source_is_a_wait_for_its_pool(pool: tuple[str, ...]) -> None:
    finding = found(f"It hangs. All of them look like this:\n\n{thread('web-4', *WAIT, *pool, *TAKES)}")
    assert finding.rule == "jdbc-pool-exhausted"
    assert finding.confidence is Confidence.SUSPECTED
    assert finding.headline.startswith("Threads like “web-4” (1 pasted) wait, without a timeout, for a database connection: who has them")
    assert finding.outlook is not None
    assert finding.outlook.heals is RecoversWhen.UNKNOWN
    assert "called from nl.mill.Desk.take(Desk.java:31)" in finding.explanation


@pytest.mark.parametrize(
    "above",
    [
        ("net.hut.driver.Login.await(Login.java:31)", "net.hut.driver.HutDriver.connect(HutDriver.java:9)"),
        ("net.hut.pool.Factory.makeObject(Factory.java:31)",),
        ("nl.mill.ThreadPool.await(ThreadPool.java:31)",),
    ],
)
def test_a_pool_that_makes_a_connection_has_one_to_give(above: tuple[str, ...]) -> None:
    below = ("net.hut.pool.HutDataSource.getConnection(HutDataSource.java:77)",) if "ThreadPool" not in above[0] else ()
    diagnosis = diagnosis_of({"post.md": f"It hangs.\n\n{thread('web-4', *WAIT, *above, *below, *TAKES)}"})
    assert not any(one.rule == "jdbc-pool-exhausted" for one in diagnosis.findings)


def test_a_pool_of_something_else_lends_no_database_connection() -> None:
    frames = ("net.hut.ftp.Slots.await(Slots.java:4)", "net.hut.ftp.FtpClientPool.borrowObject(FtpClientPool.java:7)")
    finding = found(f"All 30 threads look like this:\n\n{thread('web-4', *WAIT, *frames, *TAKES)}")
    assert finding.rule == "object-pool-exhausted"
    assert "(1 pasted, 30 as the text says) wait for an object of FtpClientPool" in finding.headline


@pytest.mark.parametrize(("pool", "leak", "who"), [(BUNDLED, LEAKED, "nl.mill.Menu.week(Menu.java:44)")])
def test_the_watch_names_who_took_one_by_the_way_that_all_take(pool: tuple[str, ...], leak: str, who: str) -> None:
    finding = found(f"It hangs.\n\n{thread('web-4', *WAIT, *pool, *TAKES)}\nAnd the log:\n\n{leak}")
    assert finding.rule == "jdbc-pool-exhausted"
    assert finding.confidence is Confidence.LIKELY
    assert f"{who} took one through Desk.take and did not give it back" in finding.headline
    assert finding.culprit is not None
    assert finding.culprit.frame == who


def test_the_line_of_a_pool_below_the_lender_is_its_own() -> None:
    pool = (
        "org.apache.commons.pool2.impl.GenericObjectPool.borrowObject(GenericObjectPool.java:430)",
        "org.apache.commons.dbcp2.PoolingDataSource.getConnection(PoolingDataSource.java:134)",
    )
    finding = found(f"It hangs.\n\n{thread('web-4', *WAIT, *pool, *TAKES)}\nAnd the log:\n\n{OBJECTS}")
    assert "nl.mill.Stock.count(Stock.java:88) took one through Desk.take" in finding.headline


def test_a_pool_of_objects_names_who_took_one() -> None:
    pool = (
        "org.apache.commons.pool2.impl.GenericObjectPool.borrowObject(GenericObjectPool.java:441)",
        "redis.clients.jedis.JedisPool.getResource(JedisPool.java:226)",
    )
    leak = OBJECTS.replace("org.apache.commons.dbcp2.PoolingDataSource.getConnection(PoolingDataSource.java:134)", pool[1])
    finding = found(f"It hangs.\n\n{thread('web-4', *WAIT, *pool, *TAKES)}\nAnd the log:\n\n{leak}")
    assert (finding.rule, finding.confidence) == ("object-pool-exhausted", Confidence.LIKELY)
    assert "nl.mill.Stock.count(Stock.java:88) took one through Desk.take" in finding.headline
    other = leak.replace("redis.clients.jedis.JedisPool", "net.hut.ftp.FtpPool")
    assert "took one" not in found(f"It hangs.\n\n{thread('web-4', *WAIT, *pool, *TAKES)}\nAnd the log:\n\n{other}").headline


def test_a_leak_alone_names_the_method_and_who_called_it() -> None:
    finding = found(f"What is this?\n\n{LEAKED}")
    assert finding.rule in {"jdbc-pool-exhausted", "connection-leak"}
    assert "what nl.mill.Desk.take(Desk.java:31) takes, called from nl.mill.Menu.week(Menu.java:44), is not given back" in finding.headline


def test_a_warning_of_the_server_counts_those_that_hang() -> None:
    frames = "\n".join(f"\tat {frame}" for frame in (*WAIT, *SPHERE, *TAKES))
    head = '[3/2/26 10:00:17:420 CET] 00000027 ThreadMonitor W   WSVR0605W: Thread "WebContainer : 4" (00000025) has been active for 692417 milliseconds and may be hung.  There is/are {count} thread(s) in total in the server that may be hung.'
    many, alone = (found(f"{head.format(count=count)}\n{frames}\n").headline for count in (48, 1))
    assert "for a database connection, for 692 s as the server's own warning says, which counts 48 that hang: who has them" in many
    assert "for 692 s as the server's own warning says: who has them" in alone


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Connection pool max = 50, timeout = 0.", "the pool may have 50, as the text says"),
        ('<Resource maxActive="30" maxWait="-1"/> is our setting', "the pool may have 30, as the text says"),
        ("Our pool size is 20.", "the pool may have 20, as the text says"),
        ("SHOW PROCESSLIST shows 30 connections from this host, all Sleep.", "all 30 sessions of MySQL that the text tells of are idle"),
        (
            "In pg_stat_activity there are 12 sessions, all idle in transaction.",
            "all 12 sessions of PostgreSQL that the text tells of are idle in transaction",
        ),
    ],
)
def test_what_the_text_says_of_the_pool_is_told(words: str, told: str) -> None:
    assert told in found(f"It hangs.\n\n{thread('web-4', *WAIT, *BUNDLED, *TAKES)}\n\n{words}\n").headline


@pytest.mark.parametrize(
    "words",
    [
        "The thread pool size is 20.",
        "If all 30 connections were idle on mysql, we would know.",
        "On postgres there are 12 sessions, not all idle.",
        "2021-04-02 EsThreadPoolExecutor[name = n1, pool size = 8, active threads = 8]",
        "Each has a pool-3-thread-12 name.",
    ],
)
def test_other_words_say_nothing_of_the_pool(words: str) -> None:
    headline = found(f"It hangs.\n\n{thread('web-4', *WAIT, *BUNDLED, *TAKES)}\n\n{words}\n").headline
    assert "as the text says" not in headline
    assert "that the text tells of" not in headline

"""What the text beside picked threads tells of their call: that it is their own port, how many stand so, that a dispatcher waits for them, that dumps agree."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Finding
from tests.builders import diagnosis_of

READ = """"{name}" #211 daemon prio=5 os_prio=0 tid=0x00007f66dc1a6800 nid=0xe0 runnable [0x00007f6652dd2000]
   java.lang.Thread.State: RUNNABLE
	at java.net.SocketInputStream.socketRead0(Native Method)
	at java.net.SocketInputStream.read(SocketInputStream.java:171)
	at {client}
	at nl.mill.Rates.ask(Rates.java:27)
	at nl.mill.RatePage.show(RatePage.java:58)
	at {loop}
"""
HTTP = "sun.net.www.http.HttpClient.parseHTTP(HttpClient.java:678)"
FTP = "org.apache.commons.net.ftp.FTP.getReply(FTP.java:694)"
SERVES = "javax.servlet.http.HttpServlet.service(HttpServlet.java:647)"
WORKER = "org.quartz.simpl.SimpleThreadPool$WorkerThread.run(SimpleThreadPool.java:573)"
OLD_WORKER = "org.apache.tomcat.util.threads.ThreadPool$ControlRunnable.run(ThreadPool.java:684)"
WAITS = """"{name}" prio=10 tid=0x00007f1a90a44000 nid=0x7d3f in Object.wait() [0x00007f1a7d3f2000]
   java.lang.Thread.State: TIMED_WAITING (on object monitor)
	at java.lang.Object.wait(Native Method)
	at {frame}
	at {run}
"""
DISPATCHES = WAITS.format(
    name="night_QuartzSchedulerThread",
    frame="org.quartz.simpl.SimpleThreadPool.blockForAvailableThreads(SimpleThreadPool.java:452)",
    run="org.quartz.core.QuartzSchedulerThread.run(QuartzSchedulerThread.java:263)",
)


def diagnosed(text: str) -> Diagnosis:
    return diagnosis_of({"post.md": text})


def first(text: str) -> Finding:
    return diagnosed(text).findings[0]


def request(name: str = "http-nio-8080-exec-177", client: str = HTTP) -> str:
    return READ.format(name=name, client=client, loop=SERVES)


@pytest.mark.parametrize(
    "words",
    [
        "All 200 threads are the same. It calls `http://localhost:8080/api/rates/{id}` (the rates are in the same app):",
        "rates.url=http://127.0.0.1:8080/rates\n\nall 200 exec threads look like this:",
        'The code is\n\n    rest.getForObject("http://localhost:8080/rates", Rates.class);\n\nand all 200 exec threads look like this:',
        "The client calls http://shop.example.com:8080/rates, which is our own server. All 200 threads are the same:",
    ],
)
def test_a_call_to_the_own_port_that_the_text_names(words: str) -> None:
    finding = first(f"It hangs.\n\n{words}\n\n{request()}")
    assert (finding.rule, finding.confidence) == ("self-call-starvation", Confidence.LIKELY)
    assert "(1 pasted, 200 as the text says) wait for an answer" in finding.headline
    assert "so the server waits for itself, and none of its threads is left to answer" in finding.headline


def test_a_port_that_no_name_tells_may_be_the_own_one() -> None:
    words = 'Line 27 is rest.get("http://localhost:9000/rates"). All 200 threads are the same:'
    finding = first(f"It hangs.\n\n{words}\n\n{request('qtp77-12')}")
    assert (finding.rule, finding.confidence) == ("self-call-starvation", Confidence.SUSPECTED)
    assert "if that is the port of their own server, it waits for itself" in finding.headline


def test_a_call_to_the_own_port_of_one_thread_is_a_suspicion() -> None:
    finding = first(f"It hangs. It calls http://localhost:8080/rates.\n\n{request()}")
    assert (finding.rule, finding.confidence) == ("self-call-starvation", Confidence.SUSPECTED)


@pytest.mark.parametrize(
    "words",
    [
        "When I open http://localhost:8080/shop in a browser it hangs. All 200 threads are the same:",
        "curl http://localhost:8080/health hangs, too. All 200 threads are the same:",
        "It calls http://rates:8080/api, another service. All 200 threads are the same:",
        "It calls http://localhost:9090/api. All 200 threads are the same:",
        "Tests against http://localhost:8080/ pass, here it calls http://rates:8080/api. All 200 threads are the same:",
    ],
)
def test_another_address_is_no_call_to_itself(words: str) -> None:
    diagnosis = diagnosed(f"It hangs.\n\n{words}\n\n{request()}")
    assert not any(one.rule == "self-call-starvation" for one in diagnosis.findings)
    assert "200 as the text says" in diagnosis.verdict.headline


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("all 70 request threads hang in this call:", 70),
        ("The threads (all 32 of them):", 32),
        ("The server is dead (maxThreads 150 used, all looking the same):", 150),
        ("All 48 are the same stack.", 48),
        ("every one of the 64 workers stands in this call:", 64),
        ("our 32 threads all hang here:", 32),
    ],
)
def test_prose_that_counts_threads(words: str, number: int) -> None:
    assert f"(1 pasted, {number} as the text says)" in first(f"It hangs.\n\n{words}\n\n{request()}").headline


@pytest.mark.parametrize(
    "words", ["We have 150 threads.", "every one of the 64 users complains:", "our 32 servers all run Linux:", "5x faster than before"]
)
def test_prose_that_counts_something_else(words: str) -> None:
    assert "(1 pasted)" in first(f"It hangs.\n\n{words}\n\n{request()}").headline


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (".... [146 more BLOCKED at Journal.java:204]", 148),
        ("... 146 more at Journal.write", 148),
        ("(146 more threads)", 148),
        ("[snip: 146 more like this]", 148),
        ("Three dumps a minute apart, always the same. web-3 and web-4 look the same", 4),
    ],
)
def test_threads_that_were_left_out_stand_with_those_that_are_here(words: str, number: int) -> None:
    blocked = """"web-{number}" daemon prio=10 tid=0x00007f4d6c1e{number}800 nid=0x33b{number} waiting for monitor entry [0x00007f4d3a1e6000]
   java.lang.Thread.State: BLOCKED (on object monitor)
	at net.hut.Journal.write(Journal.java:204)
	- waiting to lock <0x00000006f8e14d20> (a net.hut.Journal)
	at nl.mill.Page.show(Page.java:{number})
"""
    owner = """"web-9" daemon prio=10 tid=0x00007f4d6c0a9000 nid=0x329f runnable [0x00007f4d3bafd000]
   java.lang.Thread.State: RUNNABLE
	at java.io.FileOutputStream.writeBytes(Native Method)
	at net.hut.Journal.write(Journal.java:206)
	- locked <0x00000006f8e14d20> (a net.hut.Journal)
	at nl.mill.Page.show(Page.java:3)
"""
    text = f"It hangs.\n\n{blocked.format(number=1)}\n{blocked.format(number=2)}\n{words}\n\n{owner}"
    assert f"{number} as the text says" in diagnosed(text).verdict.headline


@pytest.mark.parametrize(
    "words", ["server1 and server2 are identical", "3 others are blocked by the firewall", "5 more minutes and it dies", "\t... 12 more"]
)
def test_words_below_a_stack_that_count_something_else(words: str) -> None:
    between = "\n" if words[0].isalnum() else ""
    assert "(1 pasted)" in first(f"It hangs.\n\n{request()}{between}{words}\n").headline


def test_dumps_that_the_text_tells_of_make_a_wait_last() -> None:
    text = f"It hangs.\n\n{request()}\nThe 20 others are the same.\n"
    assert first(text).confidence is Confidence.SUSPECTED
    log = """"web-{number}" daemon prio=10 tid=0x00007f4d6c1e{number}800 nid=0x33b{number} waiting for monitor entry [0x00007f4d3a1e6000]
   java.lang.Thread.State: BLOCKED (on object monitor)
	at org.apache.log4j.Category.callAppenders(Category.java:204)
	- waiting to lock <0x00000006f8e14d20> (a org.apache.log4j.spi.RootLogger)
	at org.apache.log4j.Category.info(Category.java:666)
	at nl.mill.Page.show(Page.java:{number})
"""
    writer = """"web-9" daemon prio=10 tid=0x00007f4d6c0a9000 nid=0x329f runnable [0x00007f4d3bafd000]
   java.lang.Thread.State: RUNNABLE
	at java.io.FileOutputStream.writeBytes(Native Method)
	at org.apache.log4j.ConsoleAppender$SystemOutStream.write(ConsoleAppender.java:173)
	at org.apache.log4j.Category.callAppenders(Category.java:206)
	- locked <0x00000006f8e14d20> (a org.apache.log4j.spi.RootLogger)
	at nl.mill.Page.show(Page.java:3)
"""
    pasted = f"It hangs.\n\n{log.format(number=1)}\n{log.format(number=2)}\n{writer}\n"
    once, often = first(f"{pasted}Why?\n"), first(f"{pasted}Three dumps one minute apart, always web-9 at the same place.\n")
    assert (once.confidence, often.confidence) == (Confidence.SUSPECTED, Confidence.LIKELY)
    assert "wait for the lock of org.apache.log4j.spi.RootLogger to write a log line: “web-9” is writing to the console" in often.headline
    differs = first(f"{pasted}Three dumps one minute apart, but not all at the same place.\n")
    assert differs.confidence is Confidence.SUSPECTED


def test_a_dispatcher_that_waits_for_a_free_worker() -> None:
    worker = READ.format(name="night_Worker-7", client=FTP, loop=WORKER)
    finding = first(f"No job starts.\n\n{DISPATCHES}\n{worker}\nnight_Worker-1 to night_Worker-10 are all the same.\n")
    assert finding.confidence is Confidence.LIKELY
    assert "(1 pasted, 10 as the text says) wait for an answer through FTP client" in finding.headline
    assert "“night_QuartzSchedulerThread” waits for a free worker meanwhile, and starts nothing" in finding.headline
    assert finding.outlook is not None
    assert "database" not in finding.outlook.why


def test_a_dispatcher_alone_says_that_no_worker_is_free() -> None:
    headline = diagnosed(f"No job starts.\n\n{DISPATCHES}").verdict.headline
    assert "“night_QuartzSchedulerThread” waits for a free worker in SimpleThreadPool.blockForAvailableThreads" in headline
    rests = WAITS.format(
        name="night_QuartzSchedulerThread",
        frame="org.quartz.core.QuartzSchedulerThread.run(QuartzSchedulerThread.java:427)",
        run="java.lang.Thread.run(Thread.java:1)",
    )
    assert "is idle: it waits for work" in diagnosed(f"Is it stuck?\n\n{rests}").verdict.headline


def test_a_dispatcher_of_another_pool_says_nothing_of_these() -> None:
    other = READ.format(name="night_Worker-7", client=FTP, loop="net.hut.Loop.run(Loop.java:9)")
    finding = first(f"No job starts.\n\n{DISPATCHES}\n{other}\nnight_Worker-1 to night_Worker-10 are all the same.\n")
    assert finding.confidence is Confidence.SUSPECTED
    assert "waits for a free worker" not in finding.headline


def test_connections_that_nobody_answers_are_told_with_the_threads_that_make_them() -> None:
    maker = """"pool-helper-1" #9 prio=5 os_prio=0 tid=0x00007f66dc1a6800 nid=0xe0 runnable [0x00007f6652dd2000]
   java.lang.Thread.State: RUNNABLE
	at java.net.PlainSocketImpl.socketConnect(Native Method)
	at java.net.Socket.connect(Socket.java:589)
	at org.postgresql.core.PGStream.<init>(PGStream.java:70)
	at com.mchange.v2.c3p0.DriverManagerDataSource.getConnection(DriverManagerDataSource.java:175)
"""
    rows = "\n".join(f"tcp        0      1 10.1.4.20:{port}        10.1.9.5:5432          SYN_SENT" for port in (52811, 52814, 52817))
    text = f"Dead.\n\n{maker}\npool-helper-0 and pool-helper-2 the same\n\nnetstat:\n\n{rows}\n"
    finding = first(text)
    assert "(1 pasted, 3 as the text says) wait for a connection to be made" in finding.headline
    assert "10.1.9.5:5432 has not answered the SYN of 3 connections" in finding.headline
    assert "deadlock" not in finding.headline
    warned = "WARN c3p0 - com.mchange.v2.async.ThreadPoolAsynchronousRunner$DeadlockDetector@4c7a -- APPARENT DEADLOCK!!! Creating emergency threads"
    assert "(no deadlock of locks, though c3p0 calls it one)" in first(f"{text}\n2017-10-14 13:20:41,003 {warned}\n").headline

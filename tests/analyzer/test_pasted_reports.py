"""Reports as people paste them: a few stacks, a few rows and the numbers that commands counted, joined into one picture."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Status
from tests.builders import diagnosis_of

LOGS = """Everything stops, restart helps for a minute.

"web-4" #44 prio=5 os_prio=0 tid=0x00007fd0c402c000 nid=0x2ef1 runnable [0x00007fd07d2e0000]
   java.lang.Thread.State: TIMED_WAITING (parking)
	at sun.misc.Unsafe.park(Native Method)
	at java.util.concurrent.locks.LockSupport.parkNanos(LockSupport.java:338)
	at com.lmax.disruptor.MultiProducerSequencer.next(MultiProducerSequencer.java:136)
	at com.lmax.disruptor.RingBuffer.publishEvent(RingBuffer.java:465)
	at org.apache.logging.log4j.core.async.AsyncLogger.publish(AsyncLogger.java:225)
	at org.apache.logging.slf4j.Log4jLogger.info(Log4jLogger.java:183)
	at se.bygg.Offer.price(Offer.java:64)

"web-5" #45 prio=5 os_prio=0 tid=0x00007fd0c402e000 nid=0x2ef2 runnable [0x00007fd07d1df000]
   java.lang.Thread.State: TIMED_WAITING (parking)
	at sun.misc.Unsafe.park(Native Method)
	at java.util.concurrent.locks.LockSupport.parkNanos(LockSupport.java:338)
	at com.lmax.disruptor.MultiProducerSequencer.next(MultiProducerSequencer.java:136)
	... (all 60 web threads)

"Log-writer" #14 daemon prio=5 os_prio=0 tid=0x00007fd1889e4800 nid=0x2e77 runnable [0x00007fd154ffb000]
   java.lang.Thread.State: RUNNABLE
	at java.net.SocketOutputStream.socketWrite0(Native Method)
	at java.net.SocketOutputStream.write(SocketOutputStream.java:155)
	at org.apache.logging.log4j.core.net.TcpSocketManager.write(TcpSocketManager.java:138)
	at org.apache.logging.log4j.core.async.RingBufferLogEventHandler.onEvent(RingBufferLogEventHandler.java:29)
	at com.lmax.disruptor.BatchEventProcessor.run(BatchEventProcessor.java:129)

web1:~$ ss -tn dst 10.9.0.20
State      Recv-Q Send-Q      Local Address:Port        Peer Address:Port
ESTAB      0      {unsent}     10.9.1.11:38822          10.9.0.20:{port}
"""
FORKED = """One child stands still after each restart of children.

$ kill -USR1 {pid}
Current thread 0x00007f4b3c2d6740 (most recent call first):
  File "/usr/lib/python3.6/logging/__init__.py", line 812 in acquire
  File "/usr/lib/python3.6/logging/__init__.py", line 863 in handle
  File "/usr/lib/python3.6/logging/__init__.py", line 1308 in info
  File "/srv/mail/sender.py", line 37 in send
  ...

$ ps -o pid,ppid,nlwp,etime,cmd -p 771,770
  PID  PPID NLWP     ELAPSED CMD
  770     1    {others}  3-02:11:40 {parent}
  771   770    {threads}    05:40:13 /srv/venv/bin/python -m mailer
"""
GO = """Is this a leak?

goroutine 1 [chan receive, 212 minutes]:
main.main()
	/build/main.go:83 +0x5b4

goroutine 34 [select, 212 minutes]:
database/sql.(*DB).connectionOpener(0xc0001a8000, ...)
	/usr/local/go/src/database/sql/sql.go:1226 +0x8d
created by database/sql.OpenDB
	/usr/local/go/src/database/sql/sql.go:794 +0x18d

goroutine 35 [IO wait]:
internal/poll.runtime_pollWait(0x7f7d2dc38958, 0x72)
	/usr/local/go/src/runtime/netpoll.go:305 +0x89
net.(*TCPListener).Accept(0xc000012198)
	/usr/local/go/src/net/tcpsock.go:288 +0x3d
net/http.(*Server).Serve(0xc000156000, ...)
	/usr/local/go/src/net/http/server.go:3070 +0x385
main.main.func2()
	/build/main.go:71 +0x25

goroutine 7001 [IO wait, 2 minutes]:
internal/poll.runtime_pollWait(0x7f7d2dc38778, 0x72)
	/usr/local/go/src/runtime/netpoll.go:305 +0x89
net.(*conn).Read(0xc00009a008, ...)
	/usr/local/go/src/net/net.go:183 +0x45
bufio.(*Reader).Peek(0xc000066780, 0x4)
	/usr/local/go/src/bufio/bufio.go:144 +0x5d
net/http.(*conn).serve(0xc0000a6000, ...)
	/usr/local/go/src/net/http/server.go:2030 +0x77c

{words}

$ ss -tn sport = :9000 | awk 'NR>1{{print $1}}' | sort | uniq -c
     {connections} ESTAB
"""


def diagnosed(text: str) -> Diagnosis:
    return diagnosis_of({"report.md": text})


def said(text: str) -> str:
    verdict = diagnosed(text).verdict
    return f"{verdict.headline} {verdict.summary}"


def test_a_log_that_its_server_does_not_take_stops_all_who_log() -> None:
    verdict = diagnosed(LOGS.format(unsent=2_400_000, port=4560)).verdict
    assert (verdict.rule, verdict.confidence) == ("logging-stall", Confidence.LIKELY)
    assert verdict.headline == (
        "Threads like “web-4” and “web-5” (2 pasted, 60 as the text says) wait to write a log line: “Log-writer” is writing to 10.9.0.20:4560, which does not take the bytes."
    )


def test_a_log_whose_bytes_were_taken_is_only_suspected() -> None:
    verdict = diagnosed(LOGS.format(unsent=0, port=4560)).verdict
    assert (verdict.rule, verdict.confidence) == ("logging-stall", Confidence.SUSPECTED)
    assert "10.9.0.20" not in verdict.headline


class TestForkedChildren:
    def test_a_lock_held_at_the_fork_is_told_with_ps(self) -> None:
        text = FORKED.format(pid=771, others=3, threads=1, parent="/srv/venv/bin/python -m mailer")
        verdict = diagnosed(text).verdict
        assert (verdict.rule, verdict.confidence, verdict.pid) == ("lock-convoy", Confidence.LIKELY, 771)
        assert "the only thread of process 771, waits for a lock in logging.acquire" in verdict.headline

    @pytest.mark.parametrize(
        ("pid", "threads", "parent"),
        [
            (771, 4, "/srv/venv/bin/python -m mailer"),
            (771, 1, "/usr/bin/supervisord"),
            (9, 1, "/srv/venv/bin/python -m mailer"),
        ],
    )
    def test_another_process_is_no_forked_child_alone(self, pid: int, threads: int, parent: str) -> None:
        verdict = diagnosed(FORKED.format(pid=pid, others=3, threads=threads, parent=parent)).verdict
        assert verdict.rule != "lock-convoy"


class TestNothingUnusual:
    def test_idle_connections_of_a_go_server(self) -> None:
        text = said(GO.format(words="25 more like 7001 with 1 to 9 minutes", connections=26))
        assert "nobody among the 4 goroutines that are here is stuck or waits for another" in text
        assert "1 waits for the next request in (*conn).serve (26 as the text says)" in text
        assert "as many ESTABLISHED were counted" in text

    def test_other_numbers_of_connections_are_not_the_same(self) -> None:
        assert "as many ESTABLISHED" not in said(GO.format(words="25 more like 7001 with 1 to 9 minutes", connections=90))

    def test_a_pool_without_work_and_a_lock_that_nobody_holds(self) -> None:
        idle = """"exec-7" #71 daemon prio=5 os_prio=0 cpu=88.14ms elapsed=3554.20s tid=0x00007f37a0031800 nid=0x3f2 waiting on condition  [0x00007f376c9ca000]
   java.lang.Thread.State: WAITING (parking)
	at jdk.internal.misc.Unsafe.park(java.base@11.0.6/Native Method)
	- parking to wait for  <0x0000000711a3d9f0> (a java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject)
	at java.util.concurrent.LinkedBlockingQueue.take(java.base@11.0.6/LinkedBlockingQueue.java:433)
	at java.util.concurrent.ThreadPoolExecutor.getTask(java.base@11.0.6/ThreadPoolExecutor.java:1054)
	at java.util.concurrent.ThreadPoolExecutor$Worker.run(java.base@11.0.6/ThreadPoolExecutor.java:628)
"""
        text = said(f"Who holds the lock?\n\n{idle}\nAll 40 threads have the same trace.\n")
        assert "“exec-7” (40 as the text says) is idle" in text
        assert "that is normal: what it waits on is the condition of its pool's queue" in text

    def test_a_consumer_that_polls_and_its_heartbeat(self) -> None:
        text = said(
            """Stuck in epoll, RUNNABLE!

"orders-0-C-1" #33 prio=5 os_prio=0 cpu={cpu}ms elapsed=86021.73s tid=0x00007f1bc8e5b000 nid=0x2d runnable  [0x00007f1b8f4f7000]
   java.lang.Thread.State: RUNNABLE
	at sun.nio.ch.EPoll.wait(java.base@11.0.5/Native Method)
	at sun.nio.ch.SelectorImpl.select(java.base@11.0.5/SelectorImpl.java:136)
	at org.apache.kafka.clients.NetworkClient.poll(NetworkClient.java:539)
	at org.apache.kafka.clients.consumer.KafkaConsumer.poll(KafkaConsumer.java:1201)
	at java.lang.Thread.run(java.base@11.0.5/Thread.java:834)

"heartbeat | orders" #36 daemon prio=5 os_prio=0 cpu=40251.81ms elapsed=86020.40s tid=0x00007f1b54007000 nid=0x31 in Object.wait()  [0x00007f1b8ecf4000]
   java.lang.Thread.State: TIMED_WAITING (on object monitor)
	at java.lang.Object.wait(java.base@11.0.5/Native Method)
	- waiting on <no object reference available>
	at org.apache.kafka.clients.consumer.internals.AbstractCoordinator$HeartbeatThread.run(AbstractCoordinator.java:1053)
	- waiting to re-lock in wait() <0x00000000e31af4c8> (a org.apache.kafka.clients.consumer.internals.ConsumerCoordinator)
""".replace("{cpu}", "91133.20")
        )
        assert "nobody among the 2 threads that are here is stuck" in text
        assert "1 waits with a time limit in its own loop" in text
        assert "“orders-0-C-1” has used 91 s of processor time in 86,022 s: it waits, though the JVM calls it RUNNABLE" in text

    def test_an_applications_own_wait_is_no_loop_of_a_library(self) -> None:
        text = said("""Stuck?

"job" #36 daemon prio=5 os_prio=0 tid=0x00007f1b54007000 nid=0x31 in Object.wait()  [0x00007f1b8ecf4000]
   java.lang.Thread.State: TIMED_WAITING (on object monitor)
	at java.lang.Object.wait(java.base@11.0.5/Native Method)
	at no.fjord.Ferry.load(Ferry.java:10)
	at no.fjord.Ferry.run(Ferry.java:20)

"orders-0-C-1" #33 prio=5 os_prio=0 tid=0x00007f1bc8e5b000 nid=0x2d runnable  [0x00007f1b8f4f7000]
   java.lang.Thread.State: RUNNABLE
	at sun.nio.ch.EPoll.wait(java.base@11.0.5/Native Method)
	at sun.nio.ch.SelectorImpl.select(java.base@11.0.5/SelectorImpl.java:136)
	at org.apache.kafka.clients.consumer.KafkaConsumer.poll(KafkaConsumer.java:1201)
""")
        assert "nobody among" not in text
        assert "“job” waits to be notified" in text


class TestDescriptors:
    LIMITS = "$ grep 'open files' /proc/77/limits\nMax open files            1024                 4096                 files\n"

    def test_sockets_without_a_connection(self) -> None:
        text = f'accept: Too many open files\n\n$ lsof -p 77 | grep -c "can\'t identify protocol"\n1003\n{self.LIMITS}'
        verdict = diagnosed(text).verdict
        assert verdict.rule == "fd-exhaustion"
        assert verdict.headline == "The process has used up its file descriptors: 1,003 of 1,024 are sockets without a connection."
        assert "made and never connected, refused, or reset, and not closed since" in verdict.summary

    def test_connections_to_one_service(self) -> None:
        counted = "$ ss -tnp | grep pid=77 | awk '{print $1, $5}' | sort | uniq -c | sort -rn\n    960 ESTAB 10.4.0.8:8400\n      6 ESTAB 10.4.0.2:5432\n"
        text = f"It fails with EMFILE.\n\n{self.LIMITS}$ ls /proc/77/fd | wc -l\n1024\n{counted}"
        verdict = diagnosed(text).verdict
        assert verdict.headline == "The process has used up its file descriptors: 1,024 of 1,024, 960 of them connections to 10.4.0.8:8400."

    def test_few_connections_are_not_what_fills_it(self) -> None:
        counted = "$ ss -tnp | grep pid=77 | awk '{print $1, $5}' | sort | uniq -c | sort -rn\n    60 ESTAB 10.4.0.8:8400\n"
        text = f"It fails with EMFILE.\n\n{self.LIMITS}$ ls /proc/77/fd | wc -l\n1024\n{counted}"
        assert diagnosed(text).verdict.headline == "The process has used up its file descriptors: 1,024 of 1,024."


def test_answers_that_nobody_reads_empty_a_pool() -> None:
    text = """12:00:01 ERROR org.apache.http.conn.ConnectionPoolTimeoutException: Timeout waiting for connection from pool

$ netstat -tn | grep ':443' | awk '{print $5,$6}' | sed 's/:443//' | sort | uniq -c
     14 192.0.2.45 CLOSE_WAIT
     12 192.0.2.211 CLOSE_WAIT
$ netstat -tn | grep CLOSE_WAIT | head -1
tcp    38125      0 10.0.0.5:47236        192.0.2.45:443       CLOSE_WAIT
"""
    verdict = diagnosed(text).verdict
    assert verdict.rule == "http-pool-exhausted"
    assert "26 connections are in CLOSE_WAIT, with bytes that nobody has read: what is lent is not in use" in verdict.headline
    few = text.replace("     14 ", "      1 ").replace("     12 ", "      2 ")
    assert "CLOSE_WAIT, with" not in diagnosed(few).verdict.headline


def test_who_has_a_full_servers_connections_is_told_through_quotes() -> None:
    text = """> Since nine:
>
> $ redis-cli ping
> (error) ERR max number of clients reached
>
> on 10.0.0.31
>
> $ netstat -tnp | grep 10.0.0.9:6379 | awk '{print $6,$7}' | sort | uniq -c
>    3893 ESTABLISHED 17702/python
>
> I will raise it tonight.

Is it an attack?
"""
    verdict = diagnosed(text).verdict
    assert "python (pid 17702) has 3,893 connections to port 6379 of 1 host" in verdict.headline
    assert verdict.status is Status.PROBLEM


def test_clients_of_an_old_redis_have_no_id() -> None:
    row = (
        "addr=10.0.0.31:338{at} fd={fd} age=61022 idle=61022 flags=N db=3 sub=0 psub=0 multi=-1 qbuf=0 obl=0 oll=0 omem=0 events=r cmd=get"
    )
    text = said("Idle clients:\n\n" + "\n".join(row.format(at=at, fd=200 + at) for at in (10, 11, 12)))
    assert "3 sessions of Redis" in text


def test_goroutines_that_are_more_than_connections_are_no_subscribers() -> None:
    text = """goroutine profile: total 4177
4150 @ 0x43adf6 0x40708c 0x406c3d 0x7d1a47 0x467c21
#	0x7d1a46	github.com/bark/wood.(*Client).push+0x106	/src/wood/client.go:88

20 @ 0x43adf6 0x44a33c 0x7d1c2e 0x467c21
#	0x7d1c2d	github.com/bark/wood.(*Client).write+0x1ad	/src/wood/client.go:112

$ ss -tn sport = :9000 | awk 'NR>1{print $1}' | sort | uniq -c
     {number} ESTAB
"""
    verdict = diagnosed(text.replace("{number}", "20")).verdict
    assert (verdict.rule, verdict.confidence) == ("thread-leak", Confidence.LIKELY)
    assert diagnosed(text.replace("{number}", "4000")).verdict.confidence is Confidence.SUSPECTED


class TestPoolsWhoseConnectionsWork:
    LOG = "ERROR -- : ActiveRecord::ConnectionTimeoutError (could not obtain a connection from the pool within 5.000 seconds (waited 5.003 seconds); all pooled connections were in use):\n"
    COUNTED = """
=> select state, wait_event, count(*), max(now()-query_start) from pg_stat_activity group by 1,2;
 state  | wait_event | count |       max
--------+------------+-------+-----------------
 {state} |            |    10 | 00:00:02.910442
(1 row)
"""

    def test_a_pool_that_is_in_use_leaks_nothing(self) -> None:
        verdict = diagnosed(self.LOG + self.COUNTED.format(state="active")).verdict
        assert verdict.rule == "jdbc-pool-exhausted"
        assert (
            "while all 10 counted sessions of PostgreSQL run a statement, for up to 2.9 s: all that is lent is in use" in verdict.headline
        )

    def test_sessions_that_rest_are_not_in_use(self) -> None:
        assert "in use, and nothing here is a leak" not in diagnosed(self.LOG + self.COUNTED.format(state="idle  ")).verdict.headline


def test_another_machine_of_other_days_counts_nothing_here() -> None:
    text = "$ ss -tan | awk 'NR>1{print $1}' | sort | uniq -c\n     14 LISTEN\n    231 ESTAB\n   2318 TIME-WAIT\n      2 SYN-RECV\n\nnetstat on the old server (2 years ago) had maybe 200 TIME_WAIT.\n"
    shown = said(text)
    assert "nothing unusual is among the states that were counted: 2,318 TIME_WAIT are normal" in shown.replace("Nothing", "nothing")
    assert "200 TIME_WAIT" not in shown


def test_many_handshakes_are_unusual() -> None:
    text = "$ ss -tan | awk 'NR>1{print $1}' | sort | uniq -c\n     14 LISTEN\n    231 ESTAB\n   2318 TIME-WAIT\n    900 SYN-RECV\n"
    assert "nothing unusual" not in said(text).lower()


def test_the_connections_that_are_as_many_as_the_threads_are_theirs() -> None:
    stack = """"poll-8" #29 prio=5 tid=0x00007f10d0a1f800 nid=0x2530 runnable [0x00007f10b00fe000]
   java.lang.Thread.State: RUNNABLE
	at java.net.SocketInputStream.socketRead0(Native Method)
	at sun.rmi.transport.StreamRemoteCall.executeCall(StreamRemoteCall.java:240)
	at be.kaai.Crane.read(Crane.java:44)
"""
    rows = "".join(f"tcp 0 0 10.0.0.5:{4000 + at} 10.0.0.77:1100 ESTABLISHED\n" for at in range(8)) + "".join(
        f"tcp 0 0 10.0.0.5:{5000 + at} 10.0.0.6:1433 ESTABLISHED\n" for at in range(3)
    )
    text = f"Nothing fires.\n\n{stack}\n(same for all, poll-1 to poll-8)\n\n$ netstat -tn\n{rows}"
    verdict = diagnosed(text).verdict
    assert "what they call (10.0.0.77:1100) does not answer" in verdict.headline
    assert "10.0.0.77" not in diagnosed(text.replace("poll-1 to poll-8", "poll-1 to poll-5")).verdict.headline


STDOUT = """Frozen.

"w-1" #31 prio=5 tid=0x00007f10d0a1f100 nid=0x1b52 waiting for monitor entry [0x00007f10b00fe000]
   java.lang.Thread.State: BLOCKED (on object monitor)
	at org.apache.log4j.Category.callAppenders(Category.java:204)
	- waiting to lock <0x00000000e0c153f8> (a org.apache.log4j.spi.RootLogger)
	at dk.havn.Gate.open(Gate.java:58)

"w-2" #32 prio=5 tid=0x00007f10d0a1f200 nid=0x19f0 runnable [0x00007f10b00ff000]
   java.lang.Thread.State: RUNNABLE
	at java.io.FileOutputStream.writeBytes(Native Method)
	at org.apache.log4j.ConsoleAppender$SystemOutStream.write(ConsoleAppender.java:330)
	at org.apache.log4j.Category.callAppenders(Category.java:206)
	- locked <0x00000000e0c153f8> (a org.apache.log4j.spi.RootLogger)
	at dk.havn.Gate.open(Gate.java:58)

$ strace -p 6640
Process 6640 attached
{call}

It sits there.
"""


@pytest.mark.parametrize(
    ("call", "standard"),
    [
        ('write(1, "2014-06-12 04:10:33"..., 214', True),
        ('write(7, "2014-06-12 04:10:33"..., 214', False),
        ('write(1, "2014-06-12 04:10:33"..., 214) = 214', False),
    ],
)
def test_a_write_to_standard_output_that_strace_sees(call: str, *, standard: bool) -> None:
    verdict = diagnosed(STDOUT.format(call=call)).verdict
    assert verdict.rule == "logging-stall"
    assert ("is writing to standard output" in verdict.headline) is standard


def test_tasks_that_were_counted_over_the_whole_dump_are_likely() -> None:
    text = """Slow at peak.

OS Thread Id: 0x9d
        Child SP               IP Call Site
00007F1B3D7F8E30 00007F1C212B2C14 System.Threading.ManualResetEventSlim.Wait(Int32, System.Threading.CancellationToken) [/_/ManualResetEventSlim.cs @ 638]
00007F1B3D7F8EC0 00007F1C212B0FD9 System.Threading.Tasks.Task.SpinThenBlockingWait(Int32, System.Threading.CancellationToken) [/_/Task.cs @ 2939]
00007F1B3D7F8FC0 00007F1C22A0511C Kiosk.Prices.Client.Get(System.String) [/src/Kiosk/Client.cs @ 57]
00007F1B3D7F9CF0 00007F1C21ED1A41 System.Threading.ThreadPoolWorkQueue.Dispatch() [/_/ThreadPool.cs @ 663]

OS Thread Id: 0x9e
        (same, Client.cs @ 57)

$ grep -c 'Client.cs @ 57' stacks.txt
88
"""
    verdict = diagnosed(text).verdict
    assert (verdict.rule, verdict.confidence) == ("sync-over-async", Confidence.LIKELY)
    assert "(2 pasted, 88 counted)" in verdict.headline
    alone = diagnosed(text.partition("$ grep")[0]).verdict
    assert alone.confidence is Confidence.SUSPECTED

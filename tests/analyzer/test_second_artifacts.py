"""What one artifact asks, another one beside it answers: who holds a file, who should read a pipe, what sets a limit, which queue fills a broker."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis
from tests.builders import diagnosis_of, found


def told(text: str) -> Diagnosis:
    return diagnosis_of({"report.md": text})


ORACLE = """SQL> select sid, username, program, status, blocking_session {alias}, event, last_call_et from v$session where type='USER';

   SID USERNAME  PROGRAM              STATUS    {name:<4}EVENT                          LAST_CALL_ET
------ --------- -------------------- -------- ---- ------------------------------ ------------
    61 MOORAPP   JDBC Thin Client     ACTIVE    402 enq: TX - row lock contention           312
    77 MOORAPP   JDBC Thin Client     ACTIVE    402 enq: TX - row lock contention           820
   402 PETERS    Toad.exe             INACTIVE      SQL*Net message from client            3911
"""


@pytest.mark.parametrize("alias", ["bs", "blk", "blocker"])
def test_a_narrow_name_of_the_blocking_session_is_known(alias: str) -> None:
    verdict = told(ORACLE.format(alias=alias, name=alias.upper()[:3] if alias != "blocker" else "BS")).verdict
    assert verdict.rule == "lock-held-by-idle-transaction"
    assert "session 402 (Toad.exe) holds: it is idle in a transaction for 3911 s" in verdict.headline
    assert "session 77 (JDBC Thin Client) for 820 s" in verdict.summary


@pytest.mark.parametrize("event", ["db file sequential read", "log file sync"])
def test_a_wait_for_no_lock_names_no_holder(event: str) -> None:
    text = ORACLE.format(alias="blk", name="BLK").replace("enq: TX - row lock contention", event)
    assert told(text).verdict.rule != "lock-held-by-idle-transaction"
    assert told(text.replace("blk, event", ", event").replace("BLK ", "BLOCKING_SESSION ")).verdict.rule != "lock-held-by-idle-transaction"


SLOW_LOG = """[12-Apr-2026 10:11:20]  [pool www] pid 3107
script_filename = /srv/www/report.php
[0x00007f5a3e2141b0] curl_exec() /srv/www/lib/Depot.php:211
[0x00007f5a3e2140d0] fetchAll() /srv/www/report.php:40

"""
WAITS = """[12-Apr-2026 10:11:3{n}]  [pool www] pid 311{n}
script_filename = /srv/www/list.php
[0x00007f5a3e2140f0] session_start() /srv/www/inc/boot.php:18
[0x00007f5a3e214080] [INCLUDE_OR_EVAL]() /srv/www/list.php:3

"""
LSOF = "# lsof /var/lib/php/sessions/sess_77 | grep {mark}\nphp-fpm8. {pid} www-data   11{mark}  REG  252,1     2214 525031 /var/lib/php/sessions/sess_77\n"


def test_lsof_says_who_has_the_session() -> None:
    text = SLOW_LOG + "".join(WAITS.format(n=n) for n in range(3)) + LSOF.format(mark="uW", pid=3107)
    (finding,) = found(told(text), "lock-convoy")
    assert finding.confidence is Confidence.LIKELY
    assert "on /var/lib/php/sessions/sess_77, and “www 3107” holds it" in finding.headline
    assert any("process 3107 has the lock" in str(evidence.says) for evidence in finding.evidence)


@pytest.mark.parametrize(("mark", "pid"), [("u", 3107), ("uW", 3111), ("uW", 9999)])
def test_without_a_lock_of_another_worker_nobody_is_named(mark: str, pid: int) -> None:
    text = SLOW_LOG + "".join(WAITS.format(n=n) for n in range(3)) + LSOF.format(mark=mark, pid=pid)
    assert not any("holds it" in finding.headline for finding in found(told(text), "lock-convoy"))


@pytest.mark.parametrize("file", ["/var/log/depot/app.log", "/srv/www/.ZendSem.a1", "/srv/www/cache/depot.lock"])
def test_a_lock_on_another_file_is_none_on_the_session(file: str) -> None:
    text = (
        SLOW_LOG
        + "".join(WAITS.format(n=n) for n in range(3))
        + LSOF.format(mark="uW", pid=3107).replace("/var/lib/php/sessions/sess_77", file)
    )
    assert not any("holds it" in finding.headline for finding in found(told(text), "lock-convoy"))


LOG = """"web-{n}" daemon prio=10 tid=0x00007f2a1c0f1000 nid=0xa4{n} waiting for monitor entry [0x00007f29d1ad9000]
   java.lang.Thread.State: BLOCKED (on object monitor)
        at org.apache.log4j.Category.callAppenders(Category.java:204)
        - waiting to lock <0x0000000780042a10> (a org.apache.log4j.spi.RootLogger)
        at org.apache.log4j.Category.info(Category.java:666)
        at net.umbra.Desk.list(Desk.java:72)

"""
WRITER = """"web-9" daemon prio=10 tid=0x00007f2a1c05c800 nid=0x9b2 runnable [0x00007f29d7131000]
   java.lang.Thread.State: RUNNABLE
        at java.io.FileOutputStream.writeBytes(Native Method)
        at java.io.PrintStream.write(PrintStream.java:482)
        at org.apache.log4j.ConsoleAppender$SystemOutStream.write(ConsoleAppender.java:324)
        at org.apache.log4j.Category.callAppenders(Category.java:206)
        - locked <0x0000000780042a10> (a org.apache.log4j.spi.RootLogger)
        at net.umbra.Desk.list(Desk.java:72)

# ls -l /proc/2306/fd/1 /proc/2307/fd/0
l-wx------ 1 desk desk 64 Jul  3 11:20 /proc/2306/fd/1 -> pipe:[23917]
lr-x------ 1 desk desk 64 Jul  3 11:20 /proc/2307/fd/0 -> pipe:[{pipe}]
# ps -o pid,stat,cmd -p 2306,2307
  PID STAT CMD
 2306 Sl   /usr/bin/java -jar desk.jar
 2307 {state}    rotatelogs /var/log/desk.log
"""


def test_a_stopped_reader_of_the_pipe_is_the_end_of_the_chain() -> None:
    text = "".join(LOG.format(n=n) for n in range(3)) + WRITER.format(pipe=23917, state="T")
    (finding,) = found(told(text), "logging-stall")
    assert finding.headline.endswith("as rotatelogs (pid 2307) at the other end of the pipe is stopped.")
    assert finding.actions[0].command == "kill -CONT 2307"


@pytest.mark.parametrize(("pipe", "state"), [(23917, "S"), (4711, "T")])
def test_a_reader_that_runs_or_reads_another_pipe_is_not_called_stopped(pipe: int, state: str) -> None:
    text = "".join(LOG.format(n=n) for n in range(3)) + WRITER.format(pipe=pipe, state=state)
    (finding,) = found(told(text), "logging-stall")
    assert "is stopped" not in f"{finding.headline} {finding.explanation}"


def test_a_sibling_that_writes_to_the_same_pipe_is_not_its_reader() -> None:
    text = "".join(LOG.format(n=n) for n in range(3)) + WRITER.format(pipe=23917, state="T").replace("/proc/2307/fd/0", "/proc/2307/fd/2")
    (finding,) = found(told(text), "logging-stall")
    assert "2307" not in f"{finding.headline} {finding.explanation}"


ALARM = "2026-12-01 02:39:58.772 [warning] <0.458.0> memory resource limit alarm set on node rabbit@mq1.\n\n"
QUEUES = (
    "# rabbitmqctl list_queues name messages_ready consumers\nname\tmessages_ready\tconsumers\norders\t0\t6\naudit\t{number}\t{consumers}\n"
)


def test_the_queue_that_nobody_reads_belongs_to_the_alarm() -> None:
    diagnosis = told(ALARM + QUEUES.format(number=4102233, consumers=0))
    (finding,) = [one for one in diagnosis.findings if one.rule == "blocked-write"]
    assert "queue audit has 4,102,233 messages and no consumer" in finding.headline
    assert not found(diagnosis, "pool-stuck")
    assert "audit" not in told(ALARM + QUEUES.format(number=4102233, consumers=3)).verdict.headline
    assert "audit" not in told(ALARM + QUEUES.format(number=1300, consumers=0)).verdict.headline  # too few to fill a broker


MONGO = """2026-02-11T09:12:44.519+0000 I NETWORK  [thread1] connection refused because too many open connections: {used}
> db.serverStatus().connections
{{ "current" : {used}, "available" : 0, "totalCreated" : 918226 }}
# grep 'open files' /proc/$(pidof mongod)/limits
Max open files            {files}                {files}                 files
"""


def test_the_limit_of_files_sets_that_of_connections() -> None:
    verdict = told(MONGO.format(used=819, files=1024)).verdict
    assert verdict.confidence is Confidence.LIKELY
    assert "819 are 80 % of its limit of open files (1,024)" in verdict.headline
    assert "80 %" not in told(MONGO.format(used=500, files=1024)).verdict.headline


PILE = """OSError: [Errno 24] Too many open files: '/tmp/x.jpg'
$ ls /proc/4202/fd | wc -l
{used}
$ lsof -nP -p 4202 | awk '{{print $NF}}' | sort | uniq -c | sort -n
      3 (ESTABLISHED)
    {left} (CLOSE_WAIT)
$ lsof -nP -p 4202 | tail -3
depotd  4202 app 1008u  IPv4 88120391      0t0  TCP 172.31.7.20:46122->172.31.40.9:443 (CLOSE_WAIT)
depotd  4202 app 1009u  IPv4 88120644      0t0  TCP 172.31.7.20:46138->172.31.40.9:443 (CLOSE_WAIT)
depotd  4202 app 1010u  IPv4 88120702      0t0  TCP 172.31.7.20:46150->172.31.40.9:443 (CLOSE_WAIT)
"""


def test_what_used_up_the_descriptors_is_told_with_the_error() -> None:
    verdict = told(PILE.format(used=1024, left=987)).verdict
    assert verdict.confidence is Confidence.LIKELY
    assert verdict.headline.endswith("until no descriptor was left.")
    few = told(PILE.format(used=4096, left=987)).verdict
    assert few.confidence is Confidence.SUSPECTED
    assert "no descriptor was left" not in few.headline
    raised = told(
        PILE.format(used=1024, left=987)
        + "$ grep 'open files' /proc/4202/limits\nMax open files            65536                65536                files\n"
    )
    assert "no descriptor was left" not in raised.verdict.headline


NGINX = (
    '2026/05/18 10:41:07 [alert] 29#29: *2041 512 worker_connections are not enough while connecting to upstream, client: {client}, server: _, '
    'request: "GET /depot HTTP/1.0", upstream: "http://{upstream}/depot", host: "{host}"\n'
)  # fmt: skip


@pytest.mark.parametrize(
    ("client", "upstream", "host", "itself"),
    [
        ("127.0.0.1", "127.0.0.1:80", "localhost", True),
        ("10.1.4.9", "10.1.4.9:8088", "depot.local:8088", True),
        ("127.0.0.1", "127.0.0.1:8080", "localhost", False),
        ("172.17.0.1", "172.17.0.1:80", "depot.example.com", True),
        ("10.9.9.1", "127.0.0.1:80", "localhost", False),
    ],
)
def test_a_proxy_that_forwards_to_the_port_that_it_was_asked_at(client: str, upstream: str, host: str, itself: bool) -> None:
    verdict = told(NGINX.format(client=client, upstream=upstream, host=host) * 2).verdict
    assert (verdict.rule == "self-call-starvation") is itself
    assert "threads" not in verdict.headline


THREADS = "java.lang.OutOfMemoryError: unable to create new native thread\n\tat java.lang.Thread.start0(Native Method)\n\tat net.umbra.Feed.open(Feed.java:40)\n\n$ ulimit -u\n4096\n$ {command}\n{count}\n"


@pytest.mark.parametrize(
    ("command", "count", "reached"),
    [
        ("ps -eLf | wc -l", 4091, True),
        ("ps -L -u desk | wc -l", 4093, True),
        ("ps -eLf | wc -l", 900, False),
        ("ps -ef | wc -l", 4091, False),
    ],
)
def test_threads_that_were_counted_reach_the_limit_of_the_user(command: str, count: int, reached: bool) -> None:
    verdict = told(THREADS.format(command=command, count=count)).verdict
    assert verdict.rule == "thread-leak"
    assert ("the user may have 4,096" in verdict.headline) is reached
    assert verdict.confidence is (Confidence.LIKELY if reached else Confidence.SUSPECTED)


ROWS = "tcp        1      0 10.2.0.15:{near}            {far}             CLOSE_WAIT  2317/java\n"
COUNTED = "$ netstat -anp | grep 2317/java | awk '{print $6}' | sort | uniq -c\n   1873 CLOSE_WAIT\n     31 ESTABLISHED\n\n$ netstat -anp | grep 2317/java | grep CLOSE_WAIT | head\n"


@pytest.mark.parametrize(("calls", "others", "named"), [(9, 1, True), (3, 3, False)])
def test_rows_that_mostly_lead_to_one_service_name_it(calls: int, others: int, named: bool) -> None:
    rows = "".join(ROWS.format(near=48000 + n, far="10.2.0.40:8080") for n in range(calls))
    rows += "".join(ROWS.format(near=8009, far=f"10.2.0.11:{35000 + n}") for n in range(others))
    headline = told(COUNTED + rows).verdict.headline
    assert ("9 rows are here, of 10, to 10.2.0.40:8080" in headline) is named


LEAKS = """2026-11-12 16:40:18.211  WARN 1 --- [l-1 housekeeper] com.zaxxer.hikari.pool.ProxyLeakTask     : Connection leak detection triggered for org.postgresql.jdbc.PgConnection@5d1c7a0e on thread web-7, stack trace follows
2026-11-12 16:40:29.870 ERROR 1 --- [web-31] o.h.engine.jdbc.spi.SqlExceptionHelper   : DepotPool - Connection is not available, request timed out after 30001ms.
"""
BACK = "2026-11-12 16:40:47.502  INFO 1 --- [web-7] com.zaxxer.hikari.pool.ProxyLeakTask     : Previously reported leaked connection org.postgresql.jdbc.PgConnection@5d1c7a0e on thread web-7 was returned to the pool (unleaked)\n"
CALL = (
    "java.net.SocketInputStream.socketRead0(Native Method)",
    "java.net.SocketInputStream.read(SocketInputStream.java:168)",
    "sun.net.www.http.HttpClient.parseHTTP(HttpClient.java:709)",
    "net.umbra.Till.charge(Till.java:71)",
    "net.umbra.Orders.place(Orders.java:96)",
)
AROUND = "org.springframework.transaction.interceptor.TransactionInterceptor.invoke(TransactionInterceptor.java:118)"


def stack(*frames: str) -> str:
    return '"web-7" #33 daemon prio=5 os_prio=0 tid=0x00007f6f nid=0x34 runnable\n   java.lang.Thread.State: RUNNABLE\n' + "".join(
        f"\tat {one}\n" for one in frames
    )


def test_a_call_inside_a_transaction_keeps_a_connection_that_others_lack() -> None:
    headline = told(f"{LEAKS}\n{stack(*CALL, AROUND)}").verdict.headline
    assert "inside a transaction, which keeps a connection of DepotPool meanwhile: the pool had none left" in headline
    assert "inside a transaction" not in told(f"{LEAKS}\n{stack(*CALL)}").verdict.headline


def test_what_came_back_was_no_leak() -> None:
    warned = LEAKS.splitlines(keepends=True)[0]
    for text, leak in ((warned, True), (warned + BACK, False)):
        diagnosis = told(text)
        said = " ".join([diagnosis.verdict.headline, diagnosis.verdict.summary, *(one.headline for one in diagnosis.findings)])
        assert ("was not given back" in said) is leak, said


PORTS = "connect() failed: Cannot assign requested address (99)\n# ss -s | grep TCP\nTCP:   28911 (estab 301, closed 28201, orphaned 0, timewait {waiting})\n# sysctl net.ipv4.ip_local_port_range\nnet.ipv4.ip_local_port_range = 32768\t60999\n"


def test_time_wait_that_takes_all_local_ports() -> None:
    verdict = told(PORTS.format(waiting=28190)).verdict
    assert verdict.confidence is Confidence.LIKELY
    assert "28,190 sockets are in TIME_WAIT, and there are 28,232 local ports" in verdict.headline
    assert told(PORTS.format(waiting=9000)).verdict.confidence is Confidence.SUSPECTED


def test_the_caller_behind_the_files_of_a_library_is_named() -> None:
    log = """[03-Oct-2026 15:12:51]  [pool www] pid 20871
script_filename = /srv/www/index.php
[0x00007f8a1be1d4f0] curl_exec() /srv/www/wp-includes/Requests/Transport/cURL.php:162
[0x00007f8a1be1d3e0] request() /srv/www/wp-includes/http.php:186
[0x00007f8a1be1ce60] wp_remote_get() /srv/www/wp-content/plugins/harbour/inc/toll.php:112
[0x00007f8a1be1cd90] check() /srv/www/wp-content/plugins/harbour/harbour.php:77
"""
    verdict = told(log).verdict
    assert "check(toll.php:112)" in f"{verdict.headline} {verdict.summary}"


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2.0"])
def test_a_host_without_a_port_may_be_one_of_https(protocol: str) -> None:
    line = NGINX.format(client="127.0.0.1", upstream="127.0.0.1:80", host="depot.example.com").replace("HTTP/1.0", protocol)
    assert told(line * 2).verdict.rule == "connection-limit"


def test_the_first_threads_of_all_pools_are_as_many_as_there_are_pools() -> None:
    text = THREADS.format(command="grep -c '^\"pool-[0-9]*-thread-1\"' dump.txt", count=3971)
    headline = told(text).verdict.headline
    assert "3,971 pools named pool-N: executors are made again and again" in headline
    assert "executors" not in told(THREADS.format(command="grep -c 'pool-7-thread-1' dump.txt", count=3971)).verdict.headline


def test_threads_at_rest_beside_an_acceptor_of_older_names() -> None:
    parks = "\n".join(
        f'"web-{n}" #2{n} daemon prio=5 tid=0x1{n} nid=0x1c{n} waiting on condition\n   java.lang.Thread.State: WAITING (parking)\n'
        "\tat jdk.internal.misc.Unsafe.park(Native Method)\n\tat java.util.concurrent.LinkedBlockingQueue.take(LinkedBlockingQueue.java:433)\n"
        "\tat java.util.concurrent.ThreadPoolExecutor.getTask(ThreadPoolExecutor.java:1054)\n"
        for n in range(2)
    )
    door = '"web-door" #39 daemon prio=5 tid=0x3 nid=0x4 runnable\n   java.lang.Thread.State: RUNNABLE\n\tat sun.nio.ch.ServerSocketChannelImpl.accept0(Native Method)\n'
    verdict = told(f"{parks}\n{door}").verdict
    assert "nobody among the 3 threads that are here is stuck" in verdict.headline

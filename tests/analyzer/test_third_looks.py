"""Who keeps a table, a monitor's waiters by count, locks that a fork copied, outputs that stay open, hooks that wait, locks of maps inside async tasks."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, RecoversWhen, Status
from parsers.text.native_frames import native_frame
from tests.builders import diagnosis_of, found


def told(*texts: str) -> str:
    verdict = diagnosis_of({"report.md": "\n\n".join(texts) + "\n"}).verdict
    return f"{verdict.headline} {verdict.summary}"


SESSIONS = """   pid | state               | wait_event_type | wait_event | xact            | query
-------+---------------------+-----------------+------------+-----------------+------------------------------------------
  4121 | idle in transaction | Client          | ClientRead | 02:41:10.331204 | SELECT o.id FROM {asked} o WHERE o.sent IS
 28870 | idle in transaction | Client          | ClientRead | {age} | UPDATE quay_lease SET beat = now() WHERE w = 3
 29034 | active              | Lock            | relation   | 00:19:02.552310 | {first}
 29051 | active              | Lock            | relation   | 00:19:01.120934 | SELECT "berths".* FROM "berths" WHERE "berths"."id" = 7
 29052 | active              | Lock            | relation   | 00:19:01.077145 | SELECT "berths".* FROM "berths" WHERE "berths"."id" = 9
"""
QUERY = "shop=> select pid, state, wait_event_type, wait_event, now()-xact_start as xact, query from pg_stat_activity;\n"


def sessions(first: str = "ALTER TABLE berths ADD COLUMN note text", asked: str = "berths", age: str = "03:21:44.120071") -> str:
    return QUERY + SESSIONS.format(first=first, asked=asked, age=age)


def test_who_asked_the_table_last_in_an_open_transaction_is_suspected_to_keep_it() -> None:
    (finding,) = found(diagnosis_of({"report.md": f"All hang:\n\n```\n{sessions()}```\n"}), "lock-held-by-idle-transaction")
    assert "Session 4121 is suspected to keep it" in finding.headline
    assert "asked the same table last" in finding.explanation
    assert finding.confidence is Confidence.SUSPECTED
    assert "SELECT pg_cancel_backend(29034);" in [action.command for action in finding.actions]


def test_the_oldest_transaction_is_suspected_where_none_names_the_table() -> None:
    text = told("All hang:", f"```\n{sessions(asked='cranes')}```")
    assert "Session 28870 is suspected to keep it" in text


def test_nobody_is_suspected_where_no_statement_wants_the_table_for_itself() -> None:
    assert "suspected to keep" not in told("All hang:", f"```\n{sessions(first='UPDATE berths SET a = 1 WHERE id = 3')}```")


BLOCKS = """0:000> !syncblk
Index         SyncBlock MonitorHeld Recursion Owning Thread Info          SyncBlock Owner
  118 000001f2a5d3c8e8          {held}         1 000001f2a5e11c30 3a1c  41   000001eea0431f58 Quay.Mail.Sender
-----------------------------
Total           412
"""
OWNER = """0:000> ~41s; !clrstack
OS Thread Id: 0x3a1c (41)
        Child SP               IP Call Site
000000a0b5afc9a8 00007ffb1c3ef7e4 [InlinedCallFrame: 000000a0b5afc9a8] System.Net.UnsafeNclNativeMethods+OSSOCK.recv(IntPtr, Byte*, Int32)
000000a0b5afca60 00007ffac3e1ab32 System.Net.Sockets.Socket.Receive(Byte[], Int32, Int32, System.Net.Sockets.SocketFlags)
000000a0b5afcb10 00007ffac3e1a8d1 System.Net.Sockets.NetworkStream.Read(Byte[], Int32, Int32)
000000a0b5afd240 00007ffac3ee9f1d Quay.Mail.Sender.Send(System.String)
"""


def test_a_table_of_monitors_counts_those_who_wait() -> None:
    (finding,) = found(diagnosis_of({"report.md": f"Slow:\n\n<pre>\n{BLOCKS.format(held=187)}\n{OWNER}</pre>\n"}), "lock-convoy")
    assert finding.headline.startswith("93 threads wait for the lock of Quay.Mail.Sender: “thread 0x3a1c” owns it, and waits")
    assert "Quay.Mail.Sender.Send" in finding.headline
    assert finding.confidence is Confidence.LIKELY


@pytest.mark.parametrize("held", ["1", "3"])
def test_a_monitor_in_ordinary_use_is_no_queue(held: str) -> None:
    assert diagnosis_of({"report.md": f"Slow:\n\n<pre>\n{BLOCKS.format(held=held)}\n{OWNER}</pre>\n"}).verdict.status is not Status.PROBLEM


FORKED = """$ py-spy dump --pid 31207
Process 31207: /usr/local/bin/python -m quay.scheduler
Python v3.11.7 (/usr/local/bin/python3.11)

Thread 31207 (idle): "MainThread"
    {top}
    put (queue.py:133)
    put_nowait (queue.py:191)
    enqueue (logging/handlers.py:1454)
    emit (logging/handlers.py:1496)
    info (logging/__init__.py:1489)
    run_job (quay/jobs.py:44)
    run (multiprocessing/process.py:108)
    _bootstrap (multiprocessing/process.py:314)
    _launch (multiprocessing/popen_fork.py:71)
    __init__ (multiprocessing/popen_fork.py:19)
    start (multiprocessing/process.py:121)
    tick (quay/scheduler.py:118)
"""


def test_the_mutex_of_a_queue_may_be_copied_by_a_fork() -> None:
    text = told("It never does anything:", f"```\n{FORKED.format(top='__enter__ (threading.py:272)')}```")
    assert "the only thread of process 31207, waits for a lock" in text
    assert "quay/jobs.py:44" in text


def test_a_full_queue_is_no_copied_lock() -> None:
    text = told("It never does anything:", f"```\n{FORKED.format(top='wait (threading.py:320)')}```")
    assert "waits for a lock" not in text


WAIT = """goroutine 58 [{state}]:
os/exec.(*Cmd).Wait(0xc0003d4000)
\t/usr/local/go/src/os/exec/exec.go:515 +0x125
os/exec.(*Cmd).Run(0x6f2e08?)
\t/usr/local/go/src/os/exec/exec.go:341 +0x39
main.(*quay).fetch(0xc000132180)
\t/src/quay.go:88 +0x1f3
"""
COPY = """goroutine 60 [IO wait, 97 minutes]:
internal/poll.runtime_pollWait(0x7f0d6c3a4e58, 0x72)
\t/usr/local/go/src/runtime/netpoll.go:302 +0x89
os.(*File).Read(0xc00012c0e8, {0xc000612000?, 0x200?, 0x200?})
\t/usr/local/go/src/os/file.go:119 +0x5e
io.Copy(...)
\t/usr/local/go/src/io/io.go:385
os/exec.(*Cmd).writerDescriptor.func1()
\t/usr/local/go/src/os/exec/exec.go:311 +0x3a
created by os/exec.(*Cmd).Start
\t/usr/local/go/src/os/exec/exec.go:443 +0x845
"""


def test_a_child_that_has_ended_may_leave_its_output_open() -> None:
    (finding,) = found(
        diagnosis_of({"report.md": f"No timeout:\n\n```\n{WAIT.format(state='chan receive, 97 minutes')}\n{COPY}```\n"}), "inherited-fd"
    )
    assert "“goroutine 58” has waited for 97 minutes in Cmd.Wait, called from main.(*quay).fetch(quay.go:88), though" in finding.headline
    assert finding.confidence is Confidence.LIKELY


@pytest.mark.parametrize("state", ["syscall, 97 minutes", "chan receive"])
def test_a_child_that_runs_or_has_just_ended_is_no_open_output(state: str) -> None:
    assert "still has its output open" not in told("Runs:", f"```\n{WAIT.format(state=state)}\n{COPY}```")


EXITS = """"quay-0" #27 prio=5 os_prio=0 tid=0x00007f84c8b6d000 nid=0x24 in Object.wait()  [0x00007f848b1f0000]
   java.lang.Thread.State: WAITING (on object monitor)
\tat java.lang.Object.wait(Native Method)
\t- waiting on <0x00000000e1b2c8d0> (a org.quay.Hook)
\tat java.lang.Thread.join(Thread.java:1300)
\tat java.lang.Thread.join(Thread.java:1375)
\tat java.lang.ApplicationShutdownHooks.runHooks(ApplicationShutdownHooks.java:107)
\tat java.lang.ApplicationShutdownHooks$1.run(ApplicationShutdownHooks.java:46)
\tat java.lang.Shutdown.runHooks(Shutdown.java:130)
\tat java.lang.Shutdown.exit(Shutdown.java:174)
\t- locked <0x00000000e0a01470> (a java.lang.Class for java.lang.Shutdown)
\tat java.lang.Runtime.exit(Runtime.java:116)
\tat java.lang.System.exit(System.java:1752)
\tat org.quay.{runner}.fatal({runner}.java:140)
\tat java.lang.Thread.run(Thread.java:829)

"StopHook" #15 prio=5 os_prio=0 tid=0x00007f8468001000 nid=0x61 waiting on condition  [0x00007f8489ee4000]
   java.lang.Thread.State: WAITING (parking)
\tat jdk.internal.misc.Unsafe.park(Native Method)
\t- parking to wait for  <0x00000000e1d03b18> (a java.util.concurrent.CountDownLatch$Sync)
\tat java.util.concurrent.locks.LockSupport.park(LockSupport.java:194)
\tat java.util.concurrent.CountDownLatch.await(CountDownLatch.java:232)
\tat org.quay.Poller.close(Poller.java:166)
\tat org.quay.Hook.run(Hook.java:9)
"""


@pytest.mark.parametrize(
    ("runner", "confidence", "heals"),
    [("Poller", Confidence.LIKELY, RecoversWhen.RESTART), ("Crane", Confidence.SUSPECTED, RecoversWhen.CAUSE)],
)
def test_a_hook_that_waits_keeps_the_jvm_from_its_end(runner: str, confidence: Confidence, heals: RecoversWhen) -> None:
    (finding,) = found(diagnosis_of({"report.md": f"It stays:\n\n{EXITS.format(runner=runner)}"}), "java-deadlock")
    assert finding.headline.startswith(
        f"The JVM does not end: “quay-0”, which called System.exit in org.quay.{runner}.fatal({runner}.java:140),"
    )
    assert "“StopHook”, one of them, waits" in finding.headline
    assert finding.confidence is confidence
    assert finding.outlook is not None
    assert finding.outlook.heals is heals


WORKER = """Thread {number} (Thread 0x7f1c2bdff6c0 (LWP 1{number}) "tokio-runtime-w"):
#0  syscall () at ../sysdeps/unix/sysv/linux/x86_64/syscall.S:38
#1  0x000055b3a0f1c2d4 in parking_lot_core::thread_parker::imp::ThreadParker::futex_wait (self=0x1) at linux.rs:112
#2  <parking_lot_core::thread_parker::imp::ThreadParker as parking_lot_core::thread_parker::ThreadParkerT>::park
#4  0x000055b3a0e9b7a1 in dashmap::lock::RawRwLock::lock_exclusive_slow (self=0x55b3a2d91c40) at src/lock.rs
#5  dashmap::DashMap<K,V,S>::get_mut (...)
#6  0x000055b3a0c4410b in quay::berths::Registry::{call} (self=0x55b3a2d8ff10) at src/berths.rs:57
#8  <core::pin::Pin<P> as core::future::future::Future>::poll
#9  tokio::runtime::task::core::Core<T,S>::poll
#21 tokio::runtime::scheduler::multi_thread::worker::Context::run
"""


def test_workers_that_wait_for_the_lock_of_a_map_are_locked_out() -> None:
    text = told("Frozen:", f"```\n{WORKER.format(number=3, call='touch')}\n{WORKER.format(number=2, call='leave')}```")
    assert "All 2 workers of the async runtime that are here wait for a lock in quay::berths::Registry" in text


def test_threads_that_are_named_as_others_are_no_copies() -> None:
    stack = WORKER.format(number=3, call="touch")
    assert "as the text says" not in told("Frozen:", f"```\n{stack}```", "(threads 4-9 = signal handler + timers, all in futex wait)")


def test_a_quoted_refusal_names_who_made_the_thread() -> None:
    trace = """> java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached
>\tat java.base/java.lang.Thread.start0(Native Method)
>\tat java.base/java.lang.Thread.start(Thread.java:809)
>\tat org.crane.client.Courier.<init>(Courier.java:459)
>\tat org.crane.client.Courier.<init>(Courier.java:290)
>\tat org.quay.Sender.publish(Sender.java:38)
"""
    text = told("It dies:", trace)
    assert "called from org.quay.Sender.publish(Sender.java:38)" in text or "Sender.publish was making another Courier" in text
    assert "Sender.publish was making another Courier, which has threads of its own" in text


LOGGED = """"web-31" #88 daemon prio=5 os_prio=0 tid=0x00007f6a2c0e8000 nid=0x2412 waiting for monitor entry [0x00007f69f6bea000]
   java.lang.Thread.State: BLOCKED (on object monitor)
\tat org.apache.log4j.Category.callAppenders(Category.java:204)
\t- waiting to lock <0x00000006c0a1b2f8> (a org.apache.log4j.spi.RootLogger)
\tat org.apache.log4j.Category.info(Category.java:666)
\tat org.quay.Access.doFilter(Access.java:49)

"web-12" #61 daemon prio=5 os_prio=0 tid=0x00007f6a2c0b1800 nid=0x23c8 runnable [0x00007f69f7df9000]
   java.lang.Thread.State: RUNNABLE
\tat java.io.FileOutputStream.writeBytes(Native Method)
\tat java.io.FileOutputStream.write(FileOutputStream.java:326)
\tat java.io.PrintStream.write(PrintStream.java:482)
\t- locked <0x00000006c0041388> (a java.io.PrintStream)
\tat org.apache.log4j.WriterAppender.append(WriterAppender.java:162)
\t- locked <0x00000006c0a1b440> (a org.apache.log4j.ConsoleAppender)
\tat org.apache.log4j.Category.callAppenders(Category.java:206)
\t- locked <0x00000006c0a1b2f8> (a org.apache.log4j.spi.RootLogger)
\tat org.apache.log4j.Category.info(Category.java:666)
\tat org.quay.Stock.apply(Stock.java:203)
"""


@pytest.mark.parametrize(("target", "piped"), [("pipe:[88123]", True), ("/var/log/quay/out.log", False)])
def test_a_log_that_goes_to_a_pipe_waits_for_its_reader(target: str, piped: bool) -> None:
    descriptors = f"$ ls -l /proc/9127/fd/1\nl-wx------. 1 quay quay 64 Jun  3 17:02 /proc/9127/fd/1 -> {target}\n"
    (finding,) = found(diagnosis_of({"report.md": f"All hang:\n\n```\n{LOGGED}```\n\n```\n{descriptors}```\n"}), "logging-stall")
    assert ("that is a pipe, and whoever should read it does not" in finding.headline) is piped
    assert any("grep -F 'pipe:[88123]'" in (action.command or "") for action in finding.actions) is piped


SLOW = """[14-Mar-2023 10:22:41]  [pool www] pid 21877
script_filename = /var/www/quay/public/index.php
[0x00007f1b2c8145d0] {call}() /var/www/quay/src/Fetcher.php:58
[0x00007f1b2c814510] fetch() /var/www/quay/public/index.php:19

[14-Mar-2023 10:22:42]  [pool www] pid 21903
script_filename = /var/www/quay/public/index.php
[0x00007f1b2c8141d0] session_start() /var/www/quay/src/Session.php:22
[0x00007f1b2c814140] boot() /var/www/quay/public/index.php:12
"""
HELD = """# lsof /var/lib/php/sessions/sess_*
COMMAND     PID     USER   FD   TYPE DEVICE SIZE/OFF    NODE NAME
php-fpm8. 21877 www-data    7uW  REG  254,1      612 1573211 /var/lib/php/sessions/sess_k1v0q7
php-fpm8. 21903 www-data    7u   REG  254,1      612 1573211 /var/lib/php/sessions/sess_k1v0q7
"""


@pytest.mark.parametrize(("call", "may_be_own"), [("curl_exec", True), ("mysqli_query", False)])
def test_who_waits_for_a_session_may_be_the_call_of_its_holder(call: str, may_be_own: bool) -> None:
    text = told("It hangs:", f"```\n{SLOW.format(call=call)}```", f"```\n{HELD}```")
    assert ("the waiter may be that very call" in text) is may_be_own


CARRIED = """"ForkJoinPool-1-worker-1" #38 [51] daemon prio=5 os_prio=0 cpu=91820.55ms elapsed=30411.20s tid=0x00007f2b7c01e6d0  [0x00007f2b545fd000]
   Carrying virtual thread #1840277
\tat jdk.internal.vm.Continuation.run(java.base@21.0.1/Continuation.java:251)
\tat java.lang.VirtualThread.runContinuation(java.base@21.0.1/VirtualThread.java:221)
"""
PARKED = """#{number} "tomcat-handler-{number}" virtual
      {park}
      java.base/java.util.concurrent.locks.LockSupport.park(LockSupport.java:219)
      java.base/java.util.concurrent.locks.AbstractQueuedSynchronizer.acquire(AbstractQueuedSynchronizer.java:754)
      java.base/java.util.concurrent.locks.ReentrantLock.lock(ReentrantLock.java:322)
      org.quay.Buffer.append(Buffer.java:52)
      org.quay.{caller}
"""


def test_a_lock_may_be_handed_to_a_virtual_thread_without_a_carrier() -> None:
    pinned = PARKED.format(
        number=1840277,
        park="java.base/java.lang.VirtualThread.parkOnCarrierThread(VirtualThread.java:661)",
        caller="State.next(State.java:118)",
    )
    loose = PARKED.format(
        number=1840203, park="java.base/java.lang.VirtualThread.park(VirtualThread.java:582)", caller="List.show(List.java:33)"
    )
    (finding,) = found(diagnosis_of({"report.md": f"Hangs:\n\n{CARRIED}\n\n{pinned}\n\nand:\n\n{loose}"}), "virtual-thread-pinning")
    assert "“tomcat-handler-1840203”, which is on no carrier, waits for a lock there, too" in finding.headline
    assert finding.outlook is not None
    assert finding.outlook.heals is RecoversWhen.RESTART
    (alone,) = found(diagnosis_of({"report.md": f"Hangs:\n\n{CARRIED}\n\n{pinned}"}), "virtual-thread-pinning")
    assert "on no carrier" not in alone.headline


def test_entries_of_a_slow_log_a_minute_apart_are_of_one_moment() -> None:
    earlier = SLOW.format(call="curl_exec").replace("10:22:41", "10:21:58")
    assert "seems to hold it while it waits for an answer on a socket" in told("It hangs:", f"```\n{earlier}```", f"```\n{HELD}```")
    hours = SLOW.format(call="curl_exec").replace("10:22:41", "08:21:58")
    assert "seems to hold it" not in told("It hangs:", f"```\n{hours}```", f"```\n{HELD}```")


SPIED = """Thread 1 (idle): "MainThread"
    __poll (libc.so.6)
    0x7f52d0a1c8f1 (libc.so.6)
    getaddrinfo (libc.so.6)
    socket_getaddrinfo (_socket.cpython-311-x86_64-linux-gnu.so)
    getaddrinfo (socket.py:962)
    create_connection (urllib3/util/connection.py:72)
    post (requests/sessions.py:635)
    charge (quay_sdk/client.py:118)
    confirm (quay/handlers.py:57)
    _handle (aiohttp/web_app.py:504)
    _run (asyncio/events.py:80)
    _run_once (asyncio/base_events.py:1922)
    run_forever (asyncio/base_events.py:607)
"""


def test_frames_of_c_in_a_dump_of_py_spy_leave_the_call_to_python() -> None:
    text = told("Freezes:", f"```\n{SPIED}```")
    assert "The only event loop of MainThread is blocked in socket.getaddrinfo" in text
    assert "quay_sdk.client.charge" in text


def test_a_wait_for_a_child_in_old_python_meets_the_child_that_writes() -> None:
    dump = """$ py-spy dump --pid 4121
Process 4121: /usr/bin/python3 /opt/quay/worker.py
Python v3.8.10 (/usr/bin/python3.8)

Thread 4121 (idle): "MainThread"
    _try_wait (subprocess.py:1764)
    _wait (subprocess.py:1806)
    wait (subprocess.py:1083)
    convert (quay/films.py:77)
"""
    rows = "$ ps -o pid,ppid,stat,wchan:20,etime,args -C ffmpeg\n    PID    PPID STAT WCHAN                    ELAPSED COMMAND\n   4133    4121 Sl   pipe_write              03:12:44 ffmpeg -y -i a.mov b.mp4\n"
    trace = '$ strace -p 4133\nstrace: Process 4133 attached\nwrite(2, "frame=61877 fps= 29"..., 97^Cstrace: Process 4133 detached\n <detached ...>\n'
    text = told("Stops:", f"```\n{rows}{trace}{dump}```")
    assert "ffmpeg (pid 4133) stands in a write to its standard error: nobody reads what it prints" in text


NESTED = """"http-nio-8080-exec-7" #52 daemon prio=5 os_prio=0 tid=0x00007fd5a0b3c000 nid=0x1f4a waiting on condition [0x00007fd52c5f5000]
   java.lang.Thread.State: TIMED_WAITING (parking)
\tat jdk.internal.misc.Unsafe.park(Native Method)
\tat com.zaxxer.hikari.util.ConcurrentBag.borrow(ConcurrentBag.java:151)
\tat com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:180)
\tat com.zaxxer.hikari.HikariDataSource.getConnection(HikariDataSource.java:128)
\tat org.springframework.orm.jpa.JpaTransactionManager.doBegin(JpaTransactionManager.java:421)
\tat org.springframework.transaction.support.AbstractPlatformTransactionManager.startTransaction(AbstractPlatformTransactionManager.java:400)
\tat org.springframework.transaction.support.AbstractPlatformTransactionManager.handleExistingTransaction(AbstractPlatformTransactionManager.java:434)
\tat org.quay.Audit.record(Audit.java:31)
\tat org.quay.Berths.book(Berths.java:88)
"""


def test_idle_transactions_are_what_a_nested_lease_leaves() -> None:
    counts = " select state, count(*) from pg_stat_activity group by 1;\n        state        | count\n---------------------+-------\n idle in transaction |    10\n"
    verdict = diagnosis_of({"report.md": f"Stands:\n\n{NESTED}\n\nand from psql\n\n{counts}"}).verdict
    assert verdict.rule == "nested-connection-lease"
    alone = diagnosis_of({"report.md": f"Stands:\n\n{counts}"}).verdict
    assert alone.rule == "lock-held-by-idle-transaction"


PERMIT = PARKED.replace(
    "AbstractQueuedSynchronizer.acquire(AbstractQueuedSynchronizer.java:754)",
    "AbstractQueuedSynchronizer.acquireSharedInterruptibly(AbstractQueuedSynchronizer.java:1099)",
).replace("ReentrantLock.lock(ReentrantLock.java:322)", "Semaphore.acquire(Semaphore.java:318)")


def test_a_permit_that_pinned_threads_wait_for_may_be_kept_without_a_carrier() -> None:
    park = "java.base/java.lang.VirtualThread.{call}(VirtualThread.java:675)"
    pinned = "\n".join(
        PERMIT.format(number=2117 + n, park=park.format(call="parkOnCarrierThread"), caller="Rates.get(Rates.java:51)") for n in range(4)
    )
    loose = "\n".join(PERMIT.format(number=3117 + n, park=park.format(call="park"), caller="Rates.get(Rates.java:51)") for n in range(4))
    assert diagnosis_of({"report.md": f"Hangs:\n\n{pinned}"}).verdict.rule == "virtual-thread-pinning"
    assert diagnosis_of({"report.md": f"Hangs:\n\n{loose}"}).verdict.rule != "virtual-thread-pinning"


COLLECTED = """INFO  [Service Thread] 2022-09-06 13:05:26,730 GCInspector.java:285 - ConcurrentMarkSweep GC in {ms}ms.  CMS Old Gen: 6117392384 -> 5998213312; Par Eden Space: 1717567488 -> 902311040
INFO  [ScheduledTasks:1] 2022-09-06 13:05:30,101 MessagingService.java:1236 - MUTATION messages were dropped in last 5000 ms: 812 internal and 3097 cross node. Mean internal dropped latency: 9710 ms
"""


@pytest.mark.parametrize(("ms", "rule"), [(14287, "gc-thrash"), (612, "pool-stuck")])
def test_what_is_thrown_away_behind_a_long_pause_is_no_cause(ms: int, rule: str) -> None:
    assert (
        diagnosis_of({"report.md": f"Flaps:\n\n{COLLECTED.format(ms=ms)}{COLLECTED.format(ms=ms).replace('13:05', '13:06')}"}).verdict.rule
        == rule
    )


SIGDUMP = "Sigdump at 2022-05-17 11:20:33 +0200 process 48211 (puma: cluster worker 0: 48190 [quay])\n"
JOINS = """  Thread #<Thread:0x00007f8a3c0f2d48@puma srv tp 002 /srv/puma/thread_pool.rb:99 sleep_forever> status=sleep priority=0
      /srv/quay/app/controllers/berths_controller.rb:27:in `join'
      /srv/quay/app/controllers/berths_controller.rb:27:in `each'
      /srv/quay/app/controllers/berths_controller.rb:27:in `show'
"""
WANTS = """  Thread #<Thread:0x00007f8a3c1b6c{at} /srv/quay/app/controllers/berths_controller.rb:20 sleep_forever> status=sleep priority=0
      /usr/lib/ruby/3.0.0/monitor.rb:108:in `wait_for_cond'
      /usr/lib/ruby/3.0.0/monitor.rb:108:in `wait'
      /gems/activesupport-6.1.7/lib/active_support/concurrency/share_lock.rb:220:in `wait_for'
      /gems/activesupport-6.1.7/lib/active_support/concurrency/share_lock.rb:120:in `{call}'
      /srv/quay/app/controllers/berths_controller.rb:21:in `block (2 levels) in show'
"""


@pytest.mark.parametrize(
    ("pieces", "circle"),
    [
        ((JOINS, WANTS.format(at=90, call="start_sharing"), WANTS.format(at=91, call="start_exclusive")), True),
        ((JOINS, WANTS.format(at=90, call="start_sharing")), False),
        ((WANTS.format(at=90, call="start_sharing"), WANTS.format(at=91, call="start_exclusive")), False),
    ],
)
def test_a_reload_a_request_and_its_threads_wait_in_a_circle(pieces: tuple[str, ...], circle: bool) -> None:
    text = told("Freezes:", f"```\n{SIGDUMP}{''.join(pieces)}```")
    assert ("Three wait in a circle around Rails' interlock: the request in berths_controller.rb:27" in text) is circle


SERVED = """goroutine 90211 [IO wait, 2 minutes]:
internal/poll.runtime_pollWait(0x7f0c6c1d8e08, 0x72)
\t/usr/local/go/src/runtime/netpoll.go:306 +0x89
net.(*conn).Read(0xc00011a3c8, {0xc0004f1000?, 0x0?, 0xc0005b2e78?})
\t/usr/local/go/src/net/net.go:183 +0x45
net/http.(*connReader).Read(0xc0005b2e70, {0xc0004f1000, 0x1000, 0x1000})
\t/usr/local/go/src/net/http/server.go:782 +0x171
bufio.(*Reader).Peek(0xc00060e0c0, 0x4)
\t/usr/local/go/src/bufio/bufio.go:144 +0x5d
net/http.(*conn).serve(0xc0003f8140, {0x8c2a08, 0xc00013a390})
\t/usr/local/go/src/net/http/server.go:2030 +0x77c
created by net/http.(*Server).Serve
\t/usr/local/go/src/net/http/server.go:3089 +0x5ed

goroutine 1 [chan receive, 4021 minutes]:
main.main()
\t/src/quay.go:97 +0x6b4
"""


def test_a_main_that_waits_beside_clients_that_ask_nothing_is_no_trouble() -> None:
    text = told("Is it a leak?", f"```\n{SERVED}```")
    assert "nobody among the 2 goroutines that are here is stuck or waits for another" in text
    busy = SERVED.replace("bufio.(*Reader).Peek", "main.(*quay).load").replace("bufio/bufio.go", "quay/load.go")
    assert "nobody among" not in told("Is it a leak?", f"```\n{busy}```")


@pytest.mark.parametrize(
    ("frame", "call"),
    [
        ("<relay::Peer<K> as core::future::future::Future>::poll (self=0x1) at src/peer.rs:9", "relay::Peer.poll"),
        ("<relay::Peer as tower::Service<Vec<u8>>>::call", "relay::Peer.call"),
        ("<lambda()>::operator()(void) const (this=0x1) at quay.cc:9", "operator()"),
    ],
)
def test_a_method_of_a_trait_is_of_the_type_that_has_it(frame: str, call: str) -> None:
    assert native_frame(frame)[0].full == call


MAIN_JOINS = """  Thread #<Thread:0x00007f8a3c0f2000 run> status=sleep priority=10
      /gems/puma-5.6.4/lib/puma/single.rb:63:in `join'
      /gems/puma-5.6.4/lib/puma/single.rb:63:in `run'
"""


def test_the_main_thread_of_a_server_is_no_request_that_joins() -> None:
    pieces = MAIN_JOINS + WANTS.format(at=90, call="start_sharing") + WANTS.format(at=91, call="start_exclusive")
    assert "Three wait in a circle" not in told("Freezes:", f"```\n{SIGDUMP}{pieces}```")
    assert "the request in berths_controller.rb:27" in told("Freezes:", f"```\n{SIGDUMP}{MAIN_JOINS}{JOINS}{pieces}```")


def test_a_thread_that_is_only_called_after_the_shutdown_is_no_hook() -> None:
    monitor = EXITS.format(runner="Crane").replace("org.quay.Hook.run(Hook.java:9)", "org.quay.Monitor.loop(Monitor.java:9)")
    assert "one of them" not in told("It stays:", monitor.replace("StopHook", "shutdown-monitor"))


def test_a_pause_of_another_program_excuses_no_work_that_is_thrown_away() -> None:
    paused, dropped = COLLECTED.format(ms=14287).splitlines()
    one = "\n".join((paused, paused.replace("13:05", "13:06"))) + "\n"
    other = "\n".join((dropped, dropped.replace("13:05", "13:06"))) + "\n"
    diagnosis = diagnosis_of({"first.log": one, "second.log": other})
    assert "Cassandra MUTATION" in " ".join(finding.headline for finding in diagnosis.findings)

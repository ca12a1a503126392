"""Owners of locks among threads of equal names, exits that wait for themselves, children that wait for a prompt, queues that nobody drains."""

from __future__ import annotations

from analyzer.model.finding import Confidence
from tests.builders import diagnosis_of, found


def told(*texts: str) -> str:
    verdict = diagnosis_of({"report.md": "\n\n".join(texts) + "\n"}).verdict
    return f"{verdict.headline} {verdict.summary}"


GDB = """(gdb) info threads
  Id   Target Id                                    Frame
* 1    Thread 0x7f2b88d1a100 (LWP 7100) "quayd" 0x00007f2b895d4d2d in __GI___pthread_timedjoin_ex () at pthread_join_common.c:89
  2    Thread 0x7f2b88d1a200 (LWP 7101) "quayd" __lll_lock_wait () at lowlevellock.S:135
  3    Thread 0x7f2b88d1a300 (LWP 7102) "quayd" __lll_lock_wait () at lowlevellock.S:135
(gdb) thread 2
(gdb) bt
#0  __lll_lock_wait () at lowlevellock.S:135
#1  0x00007f2b895d6023 in __GI___pthread_mutex_lock (mutex=0x55d0c8a41f48) at ../nptl/pthread_mutex_lock.c:78
#2  0x000055d0c6d0d210 in Crane::lift (this=0x55d0c8a3b2d0) at crane.cpp:47
(gdb) thread 3
(gdb) bt
#0  __lll_lock_wait () at lowlevellock.S:135
#1  0x00007f2b895d6023 in __GI___pthread_mutex_lock (mutex=0x55d0c8a3b2e8) at ../nptl/pthread_mutex_lock.c:78
#2  0x000055d0c6d0c4f2 in Berth::leave (this=0x55d0c8a41f00) at berth.cpp:120
(gdb) p *(pthread_mutex_t*)0x55d0c8a3b2e8
$1 = {__data = {__lock = 2, __count = 0, __owner = 7101, __nusers = 1, __kind = 0, ...
(gdb) p *(pthread_mutex_t*)0x55d0c8a41f48
$2 = {__data = {__lock = 2, __count = 0, __owner = 7102, __nusers = 1, __kind = 0, ...
"""


def test_a_circle_of_threads_of_one_name_is_found_by_the_owners_that_gdb_prints() -> None:
    (finding,) = found(diagnosis_of({"report.md": GDB}), "java-deadlock")
    assert finding.confidence is Confidence.LIKELY
    assert finding.headline.startswith("2 threads are deadlocked: “quayd, LWP 7101” and “quayd, LWP 7102”")


EXIT = """"berthExecutor-2" #44 prio=5 tid=0x00007f8de8011800 nid=0x23f2 in Object.wait()
   java.lang.Thread.State: WAITING (on object monitor)
	at java.lang.Object.wait(java.base@17/Native Method)
	- waiting on <0x00000000e0c42010> (a quay.End$Hook)
	at java.lang.Thread.join(java.base@17/Thread.java:1300)
	at java.lang.ApplicationShutdownHooks.runHooks(java.base@17/ApplicationShutdownHooks.java:107)
	at java.lang.Shutdown.runHooks(java.base@17/Shutdown.java:130)
	at java.lang.Shutdown.exit(java.base@17/Shutdown.java:174)
	at java.lang.Runtime.exit(java.base@17/Runtime.java:116)
	at java.lang.System.exit(java.base@17/System.java:1752)
	at quay.Loader.giveUp(Loader.java:71)
	at {runs}(java.base@17/ThreadPoolExecutor.java:1128)
	at java.lang.Thread.run(java.base@17/Thread.java:829)

"end" #19 prio=5 tid=0x00007f8e2c0b7000 nid=0x2560 waiting on condition
   java.lang.Thread.State: TIMED_WAITING (parking)
	at jdk.internal.misc.Unsafe.park(java.base@17/Native Method)
	at java.util.concurrent.locks.LockSupport.parkNanos(java.base@17/LockSupport.java:234)
	at java.util.concurrent.ThreadPoolExecutor.awaitTermination(java.base@17/ThreadPoolExecutor.java:1454)
	at quay.End$Hook.run(End.java:19)
"""


def exiting(more: str = "", runs: str = "java.util.concurrent.ThreadPoolExecutor.runWorker") -> dict[str, str]:
    return {"report.md": f"kill does nothing.\n\n{EXIT.format(runs=runs)}{more}"}


def test_a_task_that_exits_waits_for_a_hook_that_waits_for_the_tasks() -> None:
    (finding,) = found(diagnosis_of(exiting()), "java-deadlock")
    assert finding.confidence is Confidence.LIKELY
    assert "“berthExecutor-2”, a thread of a pool, called System.exit in quay.Loader.giveUp(Loader.java:71)" in finding.headline
    assert "“end”, one of them, waits" in finding.headline


def test_the_hook_may_wait_for_another_pool_that_is_at_work() -> None:
    other = """
"cranes-1" #50 prio=5 tid=0x00007f8de8011900 nid=0x23f9 runnable
   java.lang.Thread.State: RUNNABLE
	at java.net.SocketInputStream.socketRead0(java.base@17/Native Method)
	at quay.Cranes.move(Cranes.java:9)
	at java.util.concurrent.ThreadPoolExecutor.runWorker(java.base@17/ThreadPoolExecutor.java:1128)
	at java.lang.Thread.run(java.base@17/Thread.java:829)
"""
    (finding,) = found(diagnosis_of(exiting(other)), "java-deadlock")
    assert finding.confidence is Confidence.SUSPECTED
    assert "Other pools are at work, too" in finding.why_confident


def test_whoever_exits_outside_a_pool_waits_for_no_task_of_its_own() -> None:
    diagnosis = diagnosis_of(exiting(runs="quay.Main.main"))
    assert all("a thread of a pool" not in finding.headline for finding in found(diagnosis, "java-deadlock"))


TREE = """$ ps -eo pid,ppid,tty,stat,wchan:20,etime,cmd --forest
   7100    7001 pts/2    Sl+  ep_poll                 01:10 node crane.js
   7140    7100 pts/2    S+   do_wait                 00:50 \\_ /bin/sh -c rsync -a /srv/a b:/srv/a
   7141    7140 pts/2    S+   {channel}              00:50     \\_ {leaf}
"""
KERNEL = """$ cat /proc/7141/stack
[<0>] wait_woken+0x6a/0x80
[<0>] n_tty_read+0x46d/0x8d0
[<0>] tty_read+0x132/0x260
"""
LOOP = """(gdb) bt
#0  0x00007f1d2a3d9fd6 in epoll_pwait () from /lib/x86_64-linux-gnu/libc.so.6
#1  0x0000000001654a2f in uv__io_poll (loop=0x7ffc0e3a2c80, timeout=-1) at ../deps/uv/src/unix/epoll.c:236
#2  0x00000000016419b6 in uv_run (loop=0x7ffc0e3a2c80, mode=UV_RUN_DEFAULT) at ../deps/uv/src/unix/core.c:406
#3  0x0000000000c6e0a4 in node::SyncProcessRunner::TryInitializeAndRunLoop(v8::Local<v8::Value>) ()
#4  0x0000000000c6e3c9 in node::SyncProcessRunner::Run(v8::Local<v8::Value>) ()
#5  0x0000000000c6e69f in node::SyncProcessRunner::Spawn(v8::FunctionCallbackInfo<v8::Value> const&) ()
"""


def test_a_loop_waits_for_a_child_that_asks_somebody_at_a_terminal() -> None:
    tree = TREE.format(channel="wait_woken", leaf="/usr/bin/ssh b rsync --server").replace("\\\\", "\\")
    (finding,) = found(diagnosis_of({"report.md": f"```\n{tree}{KERNEL}```\n\n```\n{LOOP}```\n"}), "event-loop-blocked")
    assert "ssh (pid 7141) waits for somebody to type at its terminal" in finding.headline
    assert "Its children: sh (pid 7140) → ssh (pid 7141)." in finding.explanation
    assert finding.confidence is Confidence.LIKELY


def test_a_child_that_works_asks_for_nothing() -> None:
    tree = TREE.format(channel="poll_schedule", leaf="rsync -a /srv/a b:/srv/a").replace("\\\\", "\\")
    (finding,) = found(diagnosis_of({"report.md": f"```\n{tree}```\n\n```\n{LOOP}```\n"}), "event-loop-blocked")
    assert "somebody" not in finding.headline + finding.explanation
    assert "rsync (pid 7141)" in finding.explanation


WORKER = """Process 611: python load.py
Python v3.11.4 (/usr/bin/python3.11)

Thread 611 (idle): "MainThread"
    join (threading.py:1119)
    _finalize_join (multiprocessing/queues.py:199)
    __call__ (multiprocessing/util.py:224)
    _bootstrap (multiprocessing/process.py:318)
Thread 640 (idle): "QueueFeederThread"
    {feeds}
    _feed (multiprocessing/queues.py:250)
    run (threading.py:982)
"""
PARENT = """Process 600: python load.py
Python v3.11.4 (/usr/bin/python3.11)

Thread 600 (idle): "MainThread"
    poll (multiprocessing/popen_fork.py:27)
    wait (multiprocessing/popen_fork.py:43)
    join (multiprocessing/process.py:149)
    gather (load.py:41)

"""
FEEDS = "_send (multiprocessing/connection.py:384)"


def test_a_worker_cannot_end_while_its_queue_is_not_read_and_its_parent_joins_it() -> None:
    (finding,) = found(diagnosis_of({"report.md": PARENT + WORKER.format(feeds=FEEDS)}), "blocked-write")
    assert finding.headline.startswith("Process 611 cannot end")
    assert "process 600 waits for its end in Process.join, called from load.gather(load.py:41)" in finding.headline
    assert finding.loop


def test_without_the_parent_the_worker_alone_is_told() -> None:
    (finding,) = found(diagnosis_of({"report.md": WORKER.format(feeds=FEEDS)}), "blocked-write")
    assert "Process.join" not in finding.headline
    assert not finding.loop


def test_a_feeder_without_anything_to_pass_on_blocks_nobody() -> None:
    files = {"report.md": PARENT + WORKER.format(feeds="wait (threading.py:320)")}
    assert not found(diagnosis_of(files), "blocked-write")


HALVES = """$ netstat -an | grep 9191 | head -5
tcp4       0      0  127.0.0.1.9191        127.0.0.1.50917       CLOSE_WAIT
tcp4       0      0  127.0.0.1.50917       127.0.0.1.9191        FIN_WAIT_2
tcp4       0      0  127.0.0.1.9191        127.0.0.1.50922       CLOSE_WAIT
tcp4       0      0  127.0.0.1.50922       127.0.0.1.9191        FIN_WAIT_2
tcp4       0      0  127.0.0.1.9191        127.0.0.1.50348       CLOSE_WAIT
$ netstat -an | grep 9191 | grep -c CLOSE_WAIT
612
"""


def test_the_rows_of_its_state_tell_on_which_side_a_count_is() -> None:
    text = told(HALVES)
    assert "The server keeps 612 connections of its port 9191 in CLOSE_WAIT" in text


OWNED = """$ netstat -anp | grep 7411 | awk '{print $6,$7}' | sort | uniq -c
      1 LISTEN 4871/stored
     44 ESTABLISHED 4871/stored
   3877 CLOSE_WAIT 9230/java
$ netstat -anp | grep 7411 | grep CLOSE_WAIT | head -3
tcp      171      0 10.9.1.17:58221      10.9.1.17:7411      CLOSE_WAIT  9230/java
tcp        1      0 10.9.1.17:40630      10.9.1.22:7411      CLOSE_WAIT  9230/java
tcp        1      0 10.9.1.17:33178      10.9.1.17:7411      CLOSE_WAIT  9230/java
$ grep 'open files' /proc/9230/limits
Max open files            4096                4096                files
"""


def test_a_filter_s_port_is_far_for_whoever_does_not_listen_there() -> None:
    (finding,) = found(diagnosis_of({"report.md": OWNED}), "connection-leak")[:1]
    assert finding.headline.startswith("java (pid 9230) keeps 3,877 connections to port 7411 in CLOSE_WAIT")
    assert "Its limit of descriptors is 4,096." in finding.explanation


COLLECTIONS = """    {line} INFO  [main-SendThread(zk2:2181)] zookeeper.ClientCnxn: Client session timed out, have not heard from server in 17420ms for sessionid 0x28, closing socket connection

gc.log:

    [2023-09-02T03:11:40.301+0000][info][gc] GC(9121) Pause Full (G1 Evacuation Pause) 8186M->8059M(8192M) 7288.905ms
    [2023-09-02T03:11:57.880+0000][info][gc] GC(9123) Pause Full (G1 Evacuation Pause) 8188M->8064M(8192M) 17398.114ms

The evening before:

    [2023-09-01T19:02:10.441+0000][info][gc] GC(6011) Pause Young (Normal) (G1 Evacuation Pause) 5102M->2644M(8192M) 38.310ms
"""


def test_lines_of_an_earlier_day_below_do_not_end_a_log_and_a_lost_session_is_its_pause() -> None:
    (finding,) = found(diagnosis_of({"report.md": COLLECTIONS.format(line="2023-09-02 05:11:57,902")}), "gc-thrash")
    assert "ZooKeeper client reports a wait of 17.4 s that ran out with one of these pauses" in finding.explanation


def test_a_session_that_was_lost_at_another_time_is_not_the_pause_s() -> None:
    (finding,) = found(diagnosis_of({"report.md": COLLECTIONS.format(line="2023-09-02 03:20:11,902")}), "gc-thrash")
    assert "ran out with" not in finding.explanation


def test_a_parent_that_reads_its_queue_is_not_waited_for() -> None:
    reading = PARENT.replace(
        "poll (multiprocessing/popen_fork.py:27)\n    wait (multiprocessing/popen_fork.py:43)\n    join (multiprocessing/process.py:149)",
        "_recv (multiprocessing/connection.py:379)\n    get (multiprocessing/queues.py:103)",
    )
    assert reading != PARENT
    assert not found(diagnosis_of({"report.md": reading + WORKER.format(feeds=FEEDS)}), "blocked-write")

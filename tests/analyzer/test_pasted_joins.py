"""Pasted pieces that say more together: a warning and a dump, a list of sessions and threads, a lock and who the debugger says has it."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Diagnosis, Status
from tests.builders import diagnosis_of, found

PARK = "sun.misc.Unsafe.park(Native Method)"


def report(*blocks: str, prose: str = "Our service stands still now and then. This is what I saved:") -> Diagnosis:
    return diagnosis_of({"report.md": "\n\n".join((prose, *(f"```\n{block.strip()}\n```" for block in blocks), "What is it?")) + "\n"})


def seed_thread(seconds: int) -> str:
    return (
        "Mar 02, 2026 9:10:11 AM io.vertx.core.impl.BlockedThreadChecker\n"
        f"WARNING: Thread Thread[vert.x-eventloop-thread-3,5,main] has been blocked for {seconds}000 ms, time limit is 2000\n"
        "io.vertx.core.VertxException: Thread blocked\n"
        "\tat java.io.FileInputStream.readBytes(Native Method)\n"
        "\tat java.io.FileInputStream.read(FileInputStream.java:255)\n"
        "\tat sun.security.provider.NativePRNG$RandomIO.readFully(NativePRNG.java:424)\n"
        "\tat sun.security.provider.NativePRNG$RandomIO.implGenerateSeed(NativePRNG.java:441)\n"
        "\tat java.security.SecureRandom.generateSeed(SecureRandom.java:533)\n"
        "\tat org.meadow.Gate.open(Gate.java:31)\n"
        "\tat io.netty.channel.nio.NioEventLoop.run(NioEventLoop.java:463)\n"
    )


def test_a_remark_about_left_out_lines_is_no_frame() -> None:
    again = "WARNING: Thread Thread[vert.x-eventloop-thread-3,5,main] has been blocked for 9000 ms, time limit is 2000\n"
    told = report(seed_thread(8) + again + "...  (so it goes on, the last was 60000 ms)")
    (stack,) = told.stacks
    assert stack.frames[0].startswith("java.io.FileInputStream.readBytes")


def test_a_loop_that_waits_for_a_seed_and_the_kernel_that_has_none() -> None:
    told = report(seed_thread(8), "$ cat /proc/sys/kernel/random/entropy_avail\n17")
    (finding,) = found(told, "entropy-stall")
    assert told.verdict.rule == "entropy-stall"
    assert finding.confidence is Confidence.LIKELY
    assert "The kernel has 17 bits of entropy." in finding.explanation
    assert [one.consequence_of for one in found(told, "event-loop-blocked")] == [finding.id]
    plenty = report(seed_thread(8), "$ cat /proc/sys/kernel/random/entropy_avail\n3719")
    assert "bits of entropy" not in found(plenty, "entropy-stall")[0].explanation


JROCKIT = """===== FULL THREAD DUMP ===============
Tue Mar  3 09:10:11 2026
Oracle JRockit(R) R28.0.0-679-130297-1.6.0_17-20100312-2123-linux-x86_64

"[STUCK] ExecuteThread: '3' for queue: 'weblogic.kernel.Default (self-tuning)'" id=30 idx=0x98 tid=5101 prio=1 alive, blocked, native_blocked, daemon
    -- Blocked trying to get lock: org/meadow/Book@0x2aab01[fat lock]
    at jrockit/vm/Threads.waitForUnblockSignal()V(Native Method)
    at jrockit/vm/Locks.monitorEnter(Locks.java:2179)[optimized]
    at org/meadow/Book.row(Book.java:12)
    at weblogic/kernel/ExecuteThread.run(ExecuteThread.java:173)
    -- end of trace

"[STUCK] ExecuteThread: '4' for queue: 'weblogic.kernel.Default (self-tuning)'" id=31 idx=0x9c tid=5102 prio=1 alive, blocked, native_blocked, daemon
    -- Blocked trying to get lock: org/meadow/Book@0x2aab01[fat lock]
    at jrockit/vm/Threads.waitForUnblockSignal()V(Native Method)
    at jrockit/vm/Locks.monitorEnter(Locks.java:2179)[optimized]
    at org/meadow/Book.row(Book.java:12)
    at weblogic/kernel/ExecuteThread.run(ExecuteThread.java:173)
    -- end of trace

"[STUCK] ExecuteThread: '5' for queue: 'weblogic.kernel.Default (self-tuning)'" id=32 idx=0xa0 tid=5103 prio=1 alive, blocked, native_blocked, daemon
    -- Blocked trying to get lock: org/meadow/Book@0x2aab01[fat lock]
    at jrockit/vm/Threads.waitForUnblockSignal()V(Native Method)
    at jrockit/vm/Locks.monitorEnter(Locks.java:2179)[optimized]
    at org/meadow/Book.row(Book.java:12)
    at weblogic/kernel/ExecuteThread.run(ExecuteThread.java:173)
    -- end of trace

"[STUCK] ExecuteThread: '7' for queue: 'weblogic.kernel.Default (self-tuning)'" id=34 idx=0xa8 tid=5105 prio=1 alive, in native, daemon
    at jrockit/net/SocketNativeIO.readBytesPinned(Ljava/io/FileDescriptor;[BIII)I(Native Method)
    at java/net/SocketInputStream.read(SocketInputStream.java:129)
    at oracle/net/ns/Packet.receive(Packet.java:240)
    ^-- Holding lock: org/meadow/Book@0x2aab01[fat lock]
    at org/meadow/Book.sum(Book.java:44)
    at weblogic/kernel/ExecuteThread.run(ExecuteThread.java:173)
    -- end of trace

Open lock chains
================
Chain 1:
"[STUCK] ExecuteThread: '3' for queue: 'weblogic.kernel.Default (self-tuning)'" id=30 idx=0x98 tid=5101 waiting for org/meadow/Book@0x2aab01 held by:
"[STUCK] ExecuteThread: '7' for queue: 'weblogic.kernel.Default (self-tuning)'" id=34 idx=0xa8 tid=5105 in native (active)

===== END OF THREAD DUMP ===============
"""
WARNED = "<BEA-000337> <[STUCK] ExecuteThread: '{}' for queue: 'weblogic.kernel.Default (self-tuning)' has been busy for \"701\" seconds working on the request \"x\""


def test_a_servers_warning_about_a_thread_hides_no_dump_of_it() -> None:
    told = diagnosis_of({"dump.txt": JROCKIT, "report.md": f"We get\n\n`{WARNED.format(4)}`\n\nAny idea?\n"})
    (finding,) = found(told, "lock-convoy")
    assert "ExecuteThread: '7'" in finding.headline
    assert not [one for one in told.inputs if one.file == "dump.txt" and one.unread]


SAMPLED = """::: {{es-2}}{{aBcDeF}}{{GhIjKl}}{{10.4.0.2}}{{10.4.0.2:9300}}{{dim}}
   Hot threads at 2026-05-04T08:09:10.112Z, interval=500ms, busiestThreads=3, ignoreIdleThreads=true:

   {share}% ({ms}ms out of 500ms) cpu usage by thread 'elasticsearch[es-2][search][T#3]'
     10/10 snapshots sharing following 4 elements
       app//org.apache.lucene.util.automaton.Operations.getLiveStates(Operations.java:900)
       app//org.apache.lucene.util.automaton.RegExp.toAutomaton(RegExp.java:549)
       app//org.elasticsearch.search.SearchService.parseSource(SearchService.java:877)
       java.base@21.0.1/java.lang.Thread.run(Thread.java:1583)
"""


def test_samples_of_a_busy_thread_say_that_it_computes() -> None:
    told = diagnosis_of({"hot.txt": SAMPLED.format(share="99.0", ms="495")})
    assert told.verdict.rule == "cpu-spin"
    assert told.verdict.confidence is Confidence.SUSPECTED
    assert "1 thread computes in Operations.getLiveStates" in told.verdict.headline
    assert "the samples show 99 % of a processor" in told.verdict.headline
    assert "A regular expression" in told.findings[0].explanation
    assert "_tasks" in (told.findings[0].actions[0].command or "")
    assert diagnosis_of({"hot.txt": SAMPLED.format(share="9.0", ms="45")}).verdict.status is Status.INSUFFICIENT
    merges = SAMPLED.format(share="99.0", ms="495").replace("automaton.RegExp", "index.SegmentMerger")
    assert diagnosis_of({"hot.txt": merges}).verdict.status is Status.INSUFFICIENT


def virtual(number: int, *frames: str) -> str:
    stack = ", ".join(f'"{frame}"' for frame in frames)
    return f'{{"tid": "{number}", "name": "quay-virtual-{number}", "stack": [{stack}]}}'


def carrier(number: int, *, carries: bool = True) -> str:
    frames = (
        (
            "java.base/jdk.internal.vm.Continuation.run(Continuation.java:251)",
            "java.base/java.lang.VirtualThread.runContinuation(VirtualThread.java:221)",
        )
        if carries
        else (
            "java.base/jdk.internal.misc.Unsafe.park(Native Method)",
            "java.base/java.util.concurrent.ForkJoinPool.awaitWork(ForkJoinPool.java:1893)",
        )
    )
    stack = ", ".join(
        f'"{frame}"' for frame in (*frames, "java.base/java.util.concurrent.ForkJoinWorkerThread.run(ForkJoinWorkerThread.java:188)")
    )
    return f'{{"tid": "{20 + number}", "name": "ForkJoinPool-1-worker-{number}", "stack": [{stack}]}}'


def dump_file(*threads: str) -> str:
    listed = ",\n".join(threads)
    return (
        '{"threadDump": {"processId": "1", "time": "2026-03-02T09:10:11Z", "runtimeVersion": "21.0.2+13-LTS",\n'
        f'"threadContainers": [{{"container": "<root>", "parent": null, "owner": null, "threads": [\n{listed}\n]}}]}}}}\n'
    )


PINNED = (
    "java.base/java.lang.VirtualThread.parkOnCarrierThread(VirtualThread.java:675)",
    "java.base/java.util.concurrent.locks.LockSupport.park(LockSupport.java:369)",
    "io.agroal.pool.ConnectionPool.handlerFromSharedCache(ConnectionPool.java:257)",
    "org.quay.Berth.reload(Berth.java:71)",
    "...",
)


def test_pinned_carriers_in_a_dump_file_with_shortened_stacks() -> None:
    files = {"vt.json": dump_file(carrier(1), carrier(2), virtual(101, *PINNED), virtual(102, *PINNED), virtual(140))}
    verdict = diagnosis_of(files).verdict
    assert (verdict.rule, verdict.confidence) == ("virtual-thread-pinning", Confidence.LIKELY)
    assert "All 2 carriers are pinned in org.quay.Berth.reload(Berth.java:71)" in verdict.headline
    assert "waits for a connection from a pool" in verdict.summary


def test_a_carrier_that_is_free_keeps_it_quiet() -> None:
    files = {"vt.json": dump_file(carrier(1), carrier(2, carries=False), virtual(101, *PINNED), virtual(140))}
    assert not found(diagnosis_of(files), "virtual-thread-pinning")


def native(number: int, lwp: int, mutex: str, *frames: str) -> str:
    own = "\n".join(f"#{at}  0x00000000004{at:04x} in {frame}" for at, frame in enumerate(frames, start=4))
    return (
        f"Thread {number} (Thread 0x7f1f8e7fc70{number} (LWP {lwp})):\n"
        "#0  0x00007f1f9a2d1f4d in __lll_lock_wait () from /lib64/libpthread.so.0\n"
        "#1  0x00007f1f9a2cdc08 in pthread_mutex_lock () from /lib64/libpthread.so.0\n"
        f"#2  0x000000000046b1d2 in __gthread_mutex_lock (__mutex={mutex}) at /usr/include/c++/4.8.2/x86_64-redhat-linux/bits/gthr-default.h:748\n"
        f"#3  std::lock_guard<std::mutex>::lock_guard (this=0x7f1f8e7fbb1{number}, __m=...) at /usr/include/c++/4.8.2/mutex:414\n{own}\n"
    )


def owner(number: int, mutex: str, lwp: int) -> str:
    return f"(gdb) p *(pthread_mutex_t*){mutex}\n${number} = {{__data = {{__lock = 2, __count = 0, __owner = {lwp}, __nusers = 1, __kind = 0}}}}\n"


TWO = native(2, 811, "0x1c3f8", "tide::Ledger::post (this=0x1) at ledger.cpp:58") + native(
    3, 812, "0x1c52d", "tide::Book::close (this=0x2) at book.cpp:302"
)


def test_mutexes_of_cpp_with_the_owners_that_gdb_prints() -> None:
    told = report(TWO + owner(1, "0x1c3f8", 812) + owner(2, "0x1c52d", 811))
    assert (told.verdict.rule, told.verdict.confidence) == ("java-deadlock", Confidence.LIKELY)
    assert "tide::Ledger.post(ledger.cpp:58)" in told.verdict.summary
    (finding,) = found(told, "java-deadlock")
    words = f"{finding.why_confident} {' '.join(one.text for one in finding.actions)}"
    assert "tryLock" not in words
    assert "VM" not in words
    once = report(TWO + owner(1, "0x1c3f8", 812) + owner(2, "0x1c52d", 900))
    assert not found(once, "java-deadlock")


def pg_threads(count: int, *frames: str) -> str:
    body = "".join(f"\tat {frame}\n" for frame in frames)
    return "2026-03-02 09:10:11\nFull thread dump OpenJDK 64-Bit Server VM (17.0.2+8 mixed mode):\n\n" + "".join(
        f'"http-nio-8080-exec-{at}" #{at + 20} daemon prio=5 os_prio=0 tid=0x00007f10d0a1{at:04x} nid=0x{at + 4096:x} runnable [0x00007f108a1fd000]\n'
        f"   java.lang.Thread.State: RUNNABLE\n{body}\n"
        for at in range(1, count + 1)
    )


SESSIONS = """  pid  | usename |        state        | wait_event_type |  wait_event   | xact_age | blocked_by |            query
-------+---------+---------------------+-----------------+---------------+----------+------------+-----------------------------
 20001 | ops     | idle in transaction | Client          | ClientRead    | 00:41:09 | {}         | update pier set lead = 'x'
 20010 | quay    | active              | Lock            | transactionid | 00:21:06 | {20001}    | update pier set n = $1
 20011 | quay    | active              | Lock            | tuple         | 00:20:06 | {20010}    | update pier set n = $1
(3 rows)
"""
READS = (
    "java.net.SocketInputStream.socketRead0(Native Method)",
    "org.postgresql.core.PGStream.receiveChar(PGStream.java:453)",
    "org.quay.Pier.save(Pier.java:47)",
    "...",
)
CALLS = (
    "java.net.SocketInputStream.socketRead0(Native Method)",
    "sun.net.www.http.HttpClient.parseHTTP(HttpClient.java:686)",
    "org.quay.Pier.ask(Pier.java:57)",
    "...",
)


def test_threads_that_wait_for_a_server_and_its_own_list_of_waits() -> None:
    told = diagnosis_of({"threads.txt": pg_threads(24, *READS), "pg.txt": SESSIONS, "report.md": "It hangs.\n"})
    assert (told.verdict.rule, told.verdict.confidence) == ("lock-held-by-idle-transaction", Confidence.LIKELY)
    assert "session 20001" in told.verdict.headline
    assert "24 threads wait for an answer of PostgreSQL, called from org.quay.Pier.save(Pier.java:47)" in told.findings[0].explanation
    other = diagnosis_of({"threads.txt": pg_threads(24, *CALLS), "pg.txt": SESSIONS, "report.md": "It hangs.\n"})
    (lock,) = found(other, "lock-held-by-idle-transaction")
    assert not any("threads" in words for words in (lock.headline, lock.explanation))
    assert found(other, "slow-backend")[0].consequence_of is None


def bean(name: str, number: int) -> str:
    frames = (
        ("jdk.internal.misc.Unsafe", "park"),
        ("org.apache.commons.pool2.impl.LinkedBlockingDeque", "takeFirst"),
        ("org.apache.commons.pool2.impl.GenericObjectPool", "borrowObject"),
        ("redis.clients.jedis.JedisPool", "getResource"),
        ("org.quay.Tickets", "seen"),
    )
    trace = ", ".join(
        f'{{"className": "{cls}", "methodName": "{method}", "fileName": "X.java", "lineNumber": 7, "nativeMethod": {str(method == "park").lower()}}}'
        for cls, method in frames
    )
    return f'{{\n "threadName": "{name}",\n "threadId": {number},\n "threadState": "WAITING",\n "stackTrace": [{trace}]\n}}\n'


def clients(*idle: int) -> str:
    return "".join(
        f"id={40 + at} addr=10.8.2.19:{41200 + at} fd={9 + at} name= age=90000 idle={seconds} flags=N db=0 sub=0 psub=0 multi=-1 cmd=hget user=default\n"
        for at, seconds in enumerate(idle)
    )


def test_single_threads_that_jq_chose_and_the_idle_sessions_of_redis() -> None:
    two = bean("elastic-3", 83) + bean("elastic-4", 84)
    verdict = report(two, clients(700, 650, 640)).verdict
    assert (verdict.rule, verdict.confidence) == ("object-pool-exhausted", Confidence.SUSPECTED)
    assert (
        "3 listed sessions of Redis (10.8.2.19) are idle, for 640 to 700 s, each after “hget”: what is lent is not in use"
        in verdict.headline
    )
    busy = report(two, clients(700, 0, 640)).verdict
    assert "who has them is not among the threads that are here" in busy.headline


def ldap(name: str, number: int, state: str, *lines: str) -> str:
    body = "".join(f"\t{line}\n" if line.startswith("- ") else f"\tat {line}\n" for line in lines)
    return f'"{name}" #{number} daemon prio=5 os_prio=0 tid=0x00007f10d0a1f0{number} nid=0x25{number} runnable [0x00007f108a1fd000]\n   java.lang.Thread.State: {state}\n{body}\n'


WAITS = (
    "com.sun.jndi.ldap.pool.Connections.get(Connections.java:125)",
    "- waiting to lock <0x00000000c1> (a com.sun.jndi.ldap.pool.Connections)",
    "com.sun.jndi.ldap.pool.Pool.getPooledConnection(Pool.java:135)",
    "org.quay.Groups.of(Groups.java:49)",
)


def test_the_owner_of_a_pools_monitor_connects_and_the_others_wait() -> None:
    connects = (
        "java.net.PlainSocketImpl.socketConnect(Native Method)",
        "com.sun.jndi.ldap.Connection.createSocket(Connection.java:375)",
        "com.sun.jndi.ldap.pool.Connections.get(Connections.java:126)",
        "- locked <0x00000000c1> (a com.sun.jndi.ldap.pool.Connections)",
        "org.quay.Groups.of(Groups.java:49)",
    )
    waiting = "".join(ldap(f"exec-{at}", at, "BLOCKED (on object monitor)", *WAITS) for at in range(31, 34))
    told = report(ldap("exec-4", 30, "RUNNABLE", *connects) + waiting)
    (finding,) = found(told, "lock-convoy")
    assert "“exec-4” holds it while it waits for a connection to be made" in finding.headline
    lends = (
        "java.lang.Object.wait(Native Method)",
        "com.sun.jndi.ldap.pool.Connections.get(Connections.java:126)",
        "- locked <0x00000000c1> (a com.sun.jndi.ldap.pool.Connections)",
        "org.quay.Groups.of(Groups.java:49)",
    )
    assert not found(report(ldap("exec-4", 30, "WAITING (on object monitor)", *lends) + waiting), "lock-convoy")


def spied(pid: int, *threads: tuple[str, ...]) -> str:
    shown = "".join(
        f'Thread {pid + at} ({state}): "{name}"\n' + "".join(f"    {frame}\n" for frame in frames) + "\n"
        for at, (name, state, *frames) in enumerate(threads)
    )
    return f"Process {pid}: /usr/bin/python worker.py\nPython v3.9.16 (/usr/bin/python3.9)\n\n{shown}"


CHILD = (
    "MainThread",
    "idle",
    "acquire (logging/__init__.py:908)",
    "handle (logging/__init__.py:952)",
    "info (logging/__init__.py:1446)",
    "begin (quay/worker.py:58)",
    "run (multiprocessing/process.py:108)",
    "_launch (multiprocessing/popen_fork.py:75)",
    "<module> (worker.py:8)",
)
PUSH = (
    "push",
    "active",
    "emit (quay/sink.py:41)",
    "handle (logging/__init__.py:954)",
    "info (logging/__init__.py:1446)",
    "loop (quay/metrics.py:77)",
)


def test_the_only_thread_of_a_fork_waits_for_a_lock_of_its_own_process() -> None:
    told = diagnosis_of({"py-spy.txt": spied(4471, CHILD), "parent.txt": spied(17, ("MainThread", "idle", "poll (quay/hub.py:83)"), PUSH)})
    (finding,) = found(told, "lock-convoy")
    assert finding.confidence is Confidence.LIKELY
    assert "the only thread of process 4471, waits for a lock in logging.acquire, called from quay.worker.begin" in finding.headline
    assert "“push” of process 17 stands in the same code" in finding.explanation
    assert not found(diagnosis_of({"py-spy.txt": spied(4471, CHILD, PUSH)}), "lock-convoy")

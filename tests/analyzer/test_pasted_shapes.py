"""Shapes that people paste from shells, consoles, watchdogs and admin pages, and what two of them say together."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Diagnosis, Status
from tests.builders import diagnosis_of, found


def report(*blocks: str, prose: str = "It stands still. What I have:") -> Diagnosis:
    return diagnosis_of({"report.md": "\n\n".join((prose, *(f"```\n{block.strip()}\n```" for block in blocks), "Any idea?")) + "\n"})


def process(name: str, module: str, line: int) -> str:
    return (
        f"1> erlang:process_info(whereis({name}), [current_stacktrace, message_queue_len]).\n"
        '[{current_stacktrace,[{gen,do_call,4,[{file,"gen.erl"},{line,167}]},\n'
        '                      {gen_server,call,3,[{file,"gen_server.erl"},{line,219}]},\n'
        f'                      {{{module},fetch,1,[{{file,"src/{module}.erl"}},{{line,{line}}}]}},\n'
        f'                      {{{module},handle_cast,2,[{{file,"src/{module}.erl"}},{{line,12}}]}}]}},\n'
        " {message_queue_len,7}]\n"
    )


TWO = process("ledger", "ledger", 41) + process("teller", "teller", 77)
QUOTED = "41 is   {ok, T} = gen_server:call(teller, all, infinity),\n77 is   ok = gen_server:call(ledger, {put, T}, infinity),\n"


def test_two_processes_that_call_each_other_at_quoted_lines() -> None:
    told = report(TWO + QUOTED)
    assert (told.verdict.rule, told.verdict.confidence) == ("java-deadlock", Confidence.LIKELY)
    assert "2 processes are deadlocked: “ledger” and “teller” call each other" in told.verdict.headline
    assert "“ledger” in ledger.fetch/1(ledger.erl:41) waits for an answer of “teller”." in told.verdict.summary
    assert not found(report(TWO), "java-deadlock")
    assert not found(report(TWO + QUOTED.replace("call(ledger,", "call(vault,")), "java-deadlock")


def clr(number: str, *calls: str) -> str:
    rows = "".join(f"000000002193d{at:03x} 000007fef3c1b7a4 {call}\n" for at, call in enumerate(calls))
    return f"0:000> ~31e !clrstack\nOS Thread Id: {number} (31)\n        Child SP               IP Call Site\n{rows}\n"


def block(index: int, held: int, owner: str, cls: str) -> str:
    return f"{index:5} 000000001be7c9a8 {held:12}         1 000000001c1f0a30  {owner}  31   0000000140{index:06x} {cls}\n"


HEAD = "0:000> !syncblk\nIndex         SyncBlock MonitorHeld Recursion Owning Thread Info          SyncBlock Owner\n"
STACKS = clr("0x1a4c", "System.Net.HttpWebRequest.GetResponse()", "Tide.Fonts.Load(System.String)", "Tide.Fonts.Get(System.String)") + clr(
    "0x22b0", "System.Threading.Monitor.Enter(System.Object)", "Tide.Fonts.Get(System.String)", "Tide.Page.Render()"
)


def test_the_owner_of_the_monitor_that_syncblk_shows() -> None:
    told = report(HEAD + block(58, 41, "1a4c", "Tide.Fonts") + block(60, 1, "1a4c", "System.Object") + "\n" + STACKS)
    (finding,) = found(told, "lock-convoy")
    assert "“thread 0x1a4c” holds it while it waits for an answer through .NET HTTP client, called from Tide.Fonts.Load" in finding.headline
    assert all(one.where.first <= one.where.last for one in finding.evidence)
    several = report(HEAD + block(58, 41, "1a4c", "Tide.Ink") + block(60, 7, "1a4c", "Tide.Paper") + "\n" + STACKS)
    (counted,) = found(several, "lock-convoy")
    assert counted.headline.startswith("20 threads wait for the lock of Tide.Ink: “thread 0x1a4c” owns it")


def stack(name: str, state: str, *frames: str) -> str:
    body = "".join(f"\tat {frame}\n" for frame in frames)
    return f'"{name}" #31 prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x251f waiting on condition [0x00007f108a1fd000]\n   java.lang.Thread.State: {state}\n{body}\n'


FLUSH = (
    "sun.misc.Unsafe.park(Native Method)",
    "java.util.concurrent.CountDownLatch.await(CountDownLatch.java:231)",
    "org.apache.kafka.clients.producer.internals.ProduceRequestResult.await(ProduceRequestResult.java:76)",
    "org.apache.kafka.clients.producer.KafkaProducer.flush(KafkaProducer.java:1114)",
    "org.tide.Sent.onCompletion(Sent.java:52)",
)
SENDER = ("org.apache.kafka.clients.producer.internals.Sender.run(Sender.java:242)", "java.lang.Thread.run(Thread.java:748)")


def test_a_clients_own_thread_that_waits_for_itself_in_a_callback() -> None:
    told = report(stack("kafka-producer-network-thread | tide-1", "WAITING (parking)", *FLUSH, *SENDER))
    assert told.verdict.rule == "event-loop-blocked"
    assert "called from org.tide.Sent.onCompletion(Sent.java:52)" in told.verdict.summary
    other = report(
        stack("tide-writer", "WAITING (parking)", *FLUSH, "org.tide.Writer.run(Writer.java:9)", "java.lang.Thread.run(Thread.java:748)")
    )
    assert not found(other, "event-loop-blocked")


def test_a_transport_that_waits_for_room_is_not_idle() -> None:
    waits = (
        "sun.misc.Unsafe.park(Native Method)",
        "java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject.awaitNanos(AbstractQueuedSynchronizer.java:2078)",
        "org.apache.activemq.usage.Usage.waitForSpace(Usage.java:95)",
        "org.apache.activemq.broker.region.Queue.send(Queue.java:735)",
    )
    run = ("org.apache.activemq.transport.tcp.TcpTransport.run(TcpTransport.java:215)", "java.lang.Thread.run(Thread.java:748)")
    name = "ActiveMQ Transport: tcp:///10.0.4.61:50822@61616"
    assert "Usage.waitForSpace" in report(stack(name, "TIMED_WAITING (parking)", *waits, *run)).verdict.headline
    reads = (
        "java.net.SocketInputStream.socketRead0(Native Method)",
        "org.apache.activemq.transport.tcp.TcpTransport.readCommand(TcpTransport.java:240)",
    )
    assert "is idle" in report(stack(name, "RUNNABLE", *reads, *run)).verdict.headline


WATCHDOG = """[19:44:21] [Watchdog Thread/ERROR]: Current Thread: Server thread
[19:44:21] [Watchdog Thread/ERROR]: 	PID: 19 | Suspended: false | Native: false | State: WAITING
[19:44:21] [Watchdog Thread/ERROR]: 	Stack:
[19:44:21] [Watchdog Thread/ERROR]: 		sun.misc.Unsafe.park(Native Method)
[19:44:21] [Watchdog Thread/ERROR]: 		java.util.concurrent.CompletableFuture.waitingGet(CompletableFuture.java:1742)
[19:44:21] [Watchdog Thread/ERROR]: 		java.util.concurrent.CompletableFuture.join(CompletableFuture.java:1947)
[19:44:21] [Watchdog Thread/ERROR]: 		org.tide.Purse.of(Purse.java:84)
[19:44:21] [Watchdog Thread/ERROR]: ------------------------------
[19:44:21] [Watchdog Thread/ERROR]: Current Thread: Scheduler Thread - 3
[19:44:21] [Watchdog Thread/ERROR]: 	PID: 88 | Suspended: false | Native: false | State: RUNNABLE
[19:44:21] [Watchdog Thread/ERROR]: 	Stack:
[19:44:21] [Watchdog Thread/ERROR]: 		org.tide.Purse.count(Purse.java:90)
[19:44:21] [Watchdog Thread/ERROR]: 		org.tide.Purse.run(Purse.java:99)
"""


def test_the_stacks_of_a_game_servers_watchdog() -> None:
    told = report(WATCHDOG)
    assert sorted(name for one in told.stacks for name in one.threads) == ["Scheduler Thread - 3", "Server thread"]
    assert (
        "“Server thread” waits, without a timeout, for another thread's result in CompletableFuture.join"
        in f"{told.verdict.headline} {told.verdict.summary}"
    )


SOLR = """    qtp1334204880-31 (31)
       java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject@3a5c1b07
         jdk.internal.misc.Unsafe.park\u200b(Native Method)
         org.eclipse.jetty.util.BlockingArrayQueue.poll\u200b(BlockingArrayQueue.java:392)
         org.eclipse.jetty.util.thread.QueuedThreadPool$Runner.idleJobPoll\u200b(QueuedThreadPool.java:875)
         java.lang.Thread.run\u200b(Thread.java:834)
       0.2900ms / 0.0000ms
"""


def test_threads_copied_from_solrs_page() -> None:
    verdict = report(SOLR).verdict
    assert verdict.status is Status.INSUFFICIENT
    assert "“qtp1334204880-31” is idle: it waits for work in QueuedThreadPool$Runner.idleJobPoll" in verdict.headline


def puma(number: int, *frames: str) -> str:
    return f"Thread: TID-ow2k{number} puma srv tp 00{number}\n" + "".join(f"{frame}\n" for frame in frames) + "\n"


GEMS = "/app/vendor/bundle/ruby/2.7.0/gems/activerecord-6.0.3.4/lib/active_record/"
WAITING = (
    "/usr/local/lib/ruby/2.7.0/monitor.rb:108:in `wait'",
    f"{GEMS}connection_adapters/abstract/connection_pool.rb:201:in `wait_poll'",
    f"{GEMS}connection_adapters/abstract/connection_pool.rb:589:in `checkout'",
    "/app/app/controllers/piers_controller.rb:12:in `index'",
)
CALLING = (
    "/usr/local/lib/ruby/2.7.0/net/protocol.rb:217:in `wait_readable'",
    "/usr/local/lib/ruby/2.7.0/net/http.rb:1528:in `block in transport_request'",
    "/app/app/services/tide.rb:27:in `at'",
    f"{GEMS}connection_adapters/abstract/database_statements.rb:280:in `transaction'",
    "/app/app/controllers/piers_controller.rb:41:in `create'",
)


def test_picked_threads_of_which_some_keep_what_others_wait_for() -> None:
    told = report("".join(puma(at, *(WAITING if at < 4 else CALLING)) for at in range(1, 8)))
    (finding,) = found(told, "jdbc-pool-exhausted")
    assert told.verdict.finding == finding.id
    assert "threads like “puma srv tp 004” keep one meanwhile, as they wait for an answer through Ruby HTTP client" in finding.headline
    outside = CALLING[:3] + CALLING[4:]
    assert not found(report("".join(puma(at, *(WAITING if at < 4 else outside)) for at in range(1, 8))), "jdbc-pool-exhausted")


def test_time_wait_is_normal_beside_rows_of_listeners() -> None:
    counts = "$ netstat -ant | awk '{print $6}' | sort | uniq -c\n      9 LISTEN\n     23 ESTABLISHED\n    412 TIME_WAIT\n"
    again = "$ netstat -ant | grep TIME_WAIT | awk '{print $4}' | sort | uniq -c\n        400 203.0.113.7:443\n         12 127.0.0.1:9000\n"
    rows = "$ ss -lnt\nState   Recv-Q Send-Q Local Address:Port  Peer Address:Port\nLISTEN  0      511    0.0.0.0:443         0.0.0.0:*\n"
    assert "412 TIME_WAIT are normal" in report(counts, again, rows).verdict.headline


def files(used: int) -> str:
    return (
        f"$ lsof | wc -l\n1194233\n$ ls /proc/20417/fd | wc -l\n{used}\n"
        "$ grep 'open files' /proc/20417/limits\nMax open files            65536                65536                files\n"
    )


def test_lines_of_lsof_are_no_descriptors() -> None:
    assert (
        "531 descriptors of the process are open, far from its limit of 65,536; the 1,194,233 lines" in report(files(531)).verdict.headline
    )
    assert "far from its limit" not in report(files(64000)).verdict.headline


def worker(number: int) -> str:
    return (
        f'Thread {number} (Thread 0x7f42a19fd6c{number} (LWP 121{number}) "tokio-runtime-w"):\n'
        "#0  syscall () at ../sysdeps/unix/sysv/linux/x86_64/syscall.S:38\n"
        "#1  0x000055d0c7a4e2d1 in std::sys::unix::futex::futex_wait () at library/std/src/sys/unix/futex.rs:62\n"
        "#2  0x000055d0c7a31c4b in tokio::runtime::scheduler::multi_thread::worker::Context::park_timeout ()\n\n"
    )


def test_parked_workers_of_tokio_are_idle() -> None:
    assert "3 threads" in (headline := report("".join(map(worker, range(2, 5)))).verdict.headline)
    assert "are idle: they wait for work" in headline


PIPE = (
    '# strace -p 93\nstrace: Process 93 attached\nwrite(2, "strip 11: 6 = 20 "..., 45\n\n'
    "# ls -l /proc/93/fd/[012] /proc/40/fd | grep pipe\n"
    "l-wx------ 1 svc svc 64 Oct 12 09:31 /proc/93/fd/2 -> pipe:[1877403]\n"
    "lr-x------ 1 svc svc 64 Oct 12 09:31 9 -> pipe:[{inode}]\n"
)


def test_a_full_pipe_between_a_child_and_its_parent() -> None:
    verdict = report(PIPE.format(inode=1877403)).verdict
    assert (verdict.rule, verdict.confidence) == ("blocked-write", Confidence.SUSPECTED)
    assert (
        verdict.headline
        == "Process 93 stands in a write to standard error, a pipe that process 40 holds and does not read: the pipe is full."
    )
    assert report(PIPE.format(inode=55)).verdict.status is Status.INSUFFICIENT


def status(idle: int, queue: int) -> str:
    return (
        "$ curl -s 'http://127.0.0.1/fpm-status'\npool:                 www\nprocess manager:      dynamic\naccepted conn:        190021\n"
        f"listen queue:         {queue}\nmax listen queue:     511\nlisten queue len:     511\nidle processes:       {idle}\n"
        f"active processes:     {50 - idle}\ntotal processes:      50\nmax active processes: 50\nmax children reached: 19\nslow requests:        0\n"
    )


def test_a_status_page_without_an_idle_child_while_connections_wait() -> None:
    full = report(status(0, 412)).verdict
    assert (full.rule, full.confidence) == ("pool-stuck", Confidence.SUSPECTED)
    assert "PHP-FPM www: no worker process was free while connections waited for one (active 50, total 50, queue 412" in full.headline
    assert report(status(9, 0)).verdict.status is Status.INSUFFICIENT

"""What tables add to a cause must not hide it: locks of a database, signal handlers, the interpreter's lock; and two ports of one process are two."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Severity
from tests.builders import diagnosis_of, dump, found, thread

PROCESSES = """Id	User	Host	db	Command	Time	State	Info	Progress
77	report	127.0.0.1:41100	quay	Sleep	95		NULL	0.000
90	deploy	127.0.0.1:41200	quay	Query	80	Waiting for table metadata lock	ALTER TABLE berth ADD COLUMN depth int	0.000
91	web	127.0.0.1:41301	quay	Query	79	Waiting for table metadata lock	SELECT id FROM berth WHERE id=1	0.000
92	web	127.0.0.1:41302	quay	Query	79	Waiting for table metadata lock	SELECT id FROM berth WHERE id=2	0.000
93	web	127.0.0.1:41303	quay	Query	78	Waiting for table metadata lock	SELECT id FROM berth WHERE id=3	0.000
"""
TRANSACTIONS = """trx_id	trx_state	trx_started	trx_mysql_thread_id	trx_query
4211	RUNNING	2026-03-04 10:00:01	77	NULL
"""
HEAD = "State      Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n"


def workers(queue: int = 40, own: str = "413") -> str:
    """A pre-fork server all of whose workers have a client and a call to the database."""
    rows = [f'LISTEN {queue} 64 127.0.0.1:9191 0.0.0.0:* users:(("php-fpm",pid={pid},fd=6))' for pid in (501,)]
    for number, pid in enumerate((501, 502, 503), start=1):
        rows.append(f'ESTAB 0 0 127.0.0.1:9191 127.0.0.1:5200{number} users:(("php-fpm",pid={pid},fd=4))')
        rows.append(f'ESTAB 0 0 127.0.0.1:{own}0{number} 127.0.0.1:7306 users:(("php-fpm",pid={pid},fd=5))')
    return HEAD + "\n".join(rows) + "\n"


def test_a_database_s_own_list_says_why_it_does_not_answer() -> None:
    diagnosis = diagnosis_of({"processlist.txt": PROCESSES, "innodb_trx.txt": TRANSACTIONS, "ss.txt": workers()})
    assert diagnosis.verdict.rule == "lock-held-by-idle-transaction"
    (finding,) = found(diagnosis, "lock-held-by-idle-transaction")
    assert "Session 77" in finding.headline
    assert "By their ports 3 connections to 127.0.0.1:7306 are among them" in finding.explanation
    assert "KILL 90;" in [action.command for action in finding.actions]
    (behind,) = found(diagnosis, "slow-backend")
    assert behind.consequence_of == finding.id


def test_sessions_of_other_clients_are_not_the_cause() -> None:
    diagnosis = diagnosis_of({"processlist.txt": PROCESSES, "innodb_trx.txt": TRANSACTIONS, "ss.txt": workers(own="415")})
    assert diagnosis.verdict.rule == "slow-backend"
    (lock,) = found(diagnosis, "lock-held-by-idle-transaction")
    (calls,) = found(diagnosis, "slow-backend")
    assert (lock.confidence, lock.consequence_of, calls.consequence_of) == (Confidence.SUSPECTED, None, None)


def test_a_table_of_listeners_alone_hides_no_lock() -> None:
    listens = HEAD + 'LISTEN 0 80 127.0.0.1:7306 0.0.0.0:* users:(("mariadbd",pid=77,fd=22))\n'
    diagnosis = diagnosis_of({"processlist.txt": PROCESSES, "innodb_trx.txt": TRANSACTIONS, "ss.txt": listens})
    assert diagnosis.verdict.rule == "lock-held-by-idle-transaction"


SPY = """Process 640: python3 serve.py
Python v3.11.7 (/usr/bin/python3.11)

Thread 640 (idle): "MainThread"
    select (selectors.py:468)
    run (serve.py:90)
    <module> (serve.py:99)
Thread {tid} (active+gil): "tally_{last}"
    weigh (cargo.py:9)
    handle (serve.py:40)
    _worker (concurrent/futures/thread.py:83)
"""
FULL = HEAD + 'LISTEN 65 64 127.0.0.1:9300 0.0.0.0:* users:(("python3",pid=640,fd=5))\n'


def spied(second: int = 652) -> dict[str, str]:
    return {
        "snap1/spy.txt": SPY.format(tid=652, last=2),
        "snap1/ss.txt": FULL,
        "snap2/spy.txt": SPY.format(tid=second, last=second % 10),
        "snap2/ss.txt": FULL,
    }


def test_who_keeps_the_interpreter_s_lock_is_why_nobody_accepts() -> None:
    diagnosis = diagnosis_of(spied())
    (finding,) = found(diagnosis, "cpu-spin")
    assert diagnosis.verdict.rule == "cpu-spin"
    assert finding.severity is Severity.CRITICAL
    assert finding.confidence is Confidence.LIKELY
    assert "“tally_2” computes in cargo.weigh(cargo.py:9) and keeps the interpreter's lock (GIL)" in finding.headline
    assert not found(diagnosis, "backlog-overflow")


def test_a_lock_that_goes_from_thread_to_thread_is_kept_by_nobody() -> None:
    diagnosis = diagnosis_of(spied(second=653))
    assert all(one.severity is Severity.INFO for one in found(diagnosis, "cpu-spin"))


def test_threads_that_moved_between_the_dumps_have_had_the_lock() -> None:
    files = spied()
    files["snap2/spy.txt"] = files["snap2/spy.txt"].replace("select (selectors.py:468)", "accept (socket.py:294)")
    assert all(one.severity is Severity.INFO for one in found(diagnosis_of(files), "cpu-spin"))


def test_a_queue_that_is_not_full_leaves_it_suspected() -> None:
    files = {name: text.replace("LISTEN 65 64", "LISTEN 5 2048") for name, text in spied().items()}
    assert all(one.confidence is Confidence.SUSPECTED for one in found(diagnosis_of(files), "cpu-spin"))


def streams(first: int, count: int) -> list[str]:
    """Threads that push to their clients, and wait for what to push."""
    frames = (
        "java.util.concurrent.LinkedBlockingQueue.take",
        "quay.Stream.push",
        "com.sun.net.httpserver.Filter$Chain.doFilter",
        "sun.net.httpserver.ServerImpl$Exchange.run",
        "java.util.concurrent.ThreadPoolExecutor.runWorker",
    )
    return [thread(f"tide-{number}", "WAITING (parking)", *frames, nid=0x200 + number) for number in range(first, first + count)]


def test_streams_of_one_port_serve_no_other_port() -> None:
    clients = [f'ESTAB 0 0 127.0.0.1:9402 127.0.0.1:{50000 + number} users:(("java",pid=88,fd={30 + number}))' for number in range(20)]
    busy = [f'ESTAB 0 0 127.0.0.1:9401 127.0.0.1:{51000 + number} users:(("java",pid=88,fd={60 + number}))' for number in range(18)]
    passing = [f"CLOSE-WAIT 1 0 127.0.0.1:9401 127.0.0.1:{52000 + number}" for number in range(3)]
    listen = [f'LISTEN 0 50 127.0.0.1:{port} 0.0.0.0:* users:(("java",pid=88,fd={port - 9380}))' for port in (9401, 9402)]
    table = HEAD + "\n".join([*listen, *clients, *busy, *passing]) + "\n"
    times = ("2026-01-02 03:04:05", "2026-01-02 03:04:25")
    files = {f"snap{number}/jstack.txt": dump(*streams(1, 20), time=time) for number, time in enumerate(times, start=1)}
    diagnosis = diagnosis_of(files | {f"snap{number}/ss.txt": table for number in (1, 2)})
    assert not [finding for finding in diagnosis.findings if finding.severity is Severity.CRITICAL]
    assert not found(diagnosis, "pool-stuck")


def listed(count: int, first: int = 1) -> str:
    rows = [
        f"ruby 910 web {number}u REG 254,0 5456 {21798000 + number} /var/spool/quay/load-910-{number}.raw (deleted)"
        for number in range(first, first + count)
    ]
    return "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\nruby 910 web 3u IPv4 88 0t0 TCP *:9500 (LISTEN)\n" + "\n".join(rows) + "\n"


LIMIT = "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 1024                 files\n"


def test_descriptors_of_deleted_files_that_grow_are_a_leak() -> None:
    diagnosis = diagnosis_of({"snap1/lsof-910.txt": listed(90, 10), "snap2/lsof-910.txt": listed(360, 10), "snap2/limits-910.txt": LIMIT})
    (finding,) = found(diagnosis, "fd-leak-without-tcp")
    assert "its descriptors of /var/spool/quay/* (deleted) grew from 90 to 360" in finding.headline
    assert "The limit is 1,024: about 2 more such steps reach it." in finding.explanation
    assert finding.confidence is Confidence.LIKELY


def test_a_store_may_have_more_and_more_files_open() -> None:
    first, last = (listed(count, 10).replace(" (deleted)", "") for count in (90, 360))
    (finding,) = found(diagnosis_of({"snap1/lsof-910.txt": first, "snap2/lsof-910.txt": last}), "fd-leak-without-tcp")
    assert finding.confidence is Confidence.SUSPECTED
    assert "has more and more files open" in finding.headline


def test_descriptors_that_stay_as_many_are_no_leak() -> None:
    diagnosis = diagnosis_of({"snap1/lsof-910.txt": listed(360, 10), "snap2/lsof-910.txt": listed(365, 10)})
    assert not found(diagnosis, "fd-leak-without-tcp")


def calls(retransmitted: int = 7, acked: int = 87, queued: int = 22000, apart: int = 7000) -> str:
    rows = ["State Recv-Q Send-Q Local Address:Port Peer Address:Port Process"]
    for number, port in enumerate((38520, 38544, 51430)):
        rows.append(f'ESTAB 0 {queued} 10.4.1.2:{port} 10.4.2.2:7202 users:(("java",pid=18,fd=13)) timer:(on,6sec,{retransmitted})')
        rows.append(
            f"\t ts sack cubic wscale:10,10 rto:26112 backoff:7 rtt:0.042/0.023 mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:1 bytes_sent:26150 bytes_retrans:10136 bytes_acked:{acked} segs_out:21 segs_in:2 data_segs_out:19 lastsnd:26380 lastrcv:52964 lastack:{40000 + apart * number} unacked:11 retrans:1/7 lost:11"
        )
    return "\n".join(rows) + "\n"


def test_whole_segments_that_never_arrive_after_short_ones_point_at_the_mtu() -> None:
    (finding,) = found(diagnosis_of({"ss.txt": calls()}), "vanished-peer")
    assert "Whole segments to 10.4.2.2 do not arrive, and short ones do: 3 connections sent 86 bytes" in finding.headline
    assert finding.severity is Severity.CRITICAL
    assert any("tcp_mtu_probing" in (action.command or "") for action in finding.actions)


def test_where_all_acknowledgements_end_at_one_moment_the_far_host_is_gone() -> None:
    (finding,) = found(diagnosis_of({"ss.txt": calls(apart=100)}), "vanished-peer")
    assert "Whole segments" not in finding.headline


def test_connections_that_had_carried_much_lost_their_far_end() -> None:
    (finding,) = found(diagnosis_of({"ss.txt": calls(acked=90_000)}), "vanished-peer")
    assert "do not acknowledge" in finding.headline or "does not acknowledge" in finding.headline


def test_short_data_that_is_not_acknowledged_says_nothing_of_sizes() -> None:
    (finding,) = found(diagnosis_of({"ss.txt": calls(queued=300)}), "vanished-peer")
    assert "Whole segments" not in finding.headline


SLEEPERS = """[root@quay ~]# ps axo pid,ppid,stat,wchan:22,etime,cmd | grep [q]uayd | head
  7120      1 Ss   poll_schedule_timeout  12-03:11:40 /usr/sbin/quayd -DFOREGROUND
  7331   7120 D    rpc_wait_bit_killable        33:10 /usr/sbin/quayd -DFOREGROUND
  7332   7120 D    rpc_wait_bit_killable        33:08 /usr/sbin/quayd -DFOREGROUND
  7340   7120 D    rpc_wait_bit_killable        32:51 /usr/sbin/quayd -DFOREGROUND
"""
SILENT = "[root@quay ~]# dmesg -T | tail -1\n[Mon Mar  6 05:18:44 2023] nfs: server vault03 not responding, still trying\n"


def test_processes_that_sleep_for_a_file_server_are_told_together() -> None:
    (finding,) = found(diagnosis_of({"report.md": SLEEPERS + SILENT}), "disk-stall")
    assert finding.headline.startswith("3 processes of quayd wait for the file server vault03 in the kernel (rpc_wait_bit_killable)")
    assert finding.confidence is Confidence.LIKELY


def test_which_server_it_is_the_list_alone_does_not_say() -> None:
    (finding,) = found(diagnosis_of({"report.md": SLEEPERS}), "disk-stall")
    assert "a file server" in finding.headline
    assert finding.confidence is Confidence.SUSPECTED


def test_processes_that_sleep_for_events_wait_for_no_server() -> None:
    accepting = SLEEPERS.replace("rpc_wait_bit_killable", "inet_csk_accept      ")
    assert all("processes of" not in one.headline for one in found(diagnosis_of({"report.md": accepting + SILENT}), "disk-stall"))


def test_a_dump_is_never_that_of_a_service_of_the_system() -> None:
    shell = HEAD + 'ESTAB 0 0 10.0.0.5:22 10.0.0.9:52114 users:(("sshd",pid=2612,fd=4))\n'
    idle = "java.util.concurrent.LinkedBlockingQueue.take", "java.util.concurrent.ThreadPoolExecutor.getTask"
    threads = [thread(f"load-{number}", "WAITING (parking)", *idle, nid=0x300 + number) for number in range(3)]
    diagnosis = diagnosis_of({"jstack.txt": dump(*threads), "ss.txt": shell})
    assert all(table.pid is None for table in diagnosis.pools)


INTERRUPTED = """worker 0 done
^CTraceback (most recent call last):
  File "weigh.py", line 41, in <module>
    p.join()
  File "/usr/lib/python3.9/multiprocessing/process.py", line 149, in join
    res = self._popen.wait(timeout)
  File "/usr/lib/python3.9/multiprocessing/popen_fork.py", line 43, in wait
    return self.poll(os.WNOHANG if timeout == 0.0 else 0)
KeyboardInterrupt
Process Process-1:
Traceback (most recent call last):
  File "/usr/lib/python3.9/multiprocessing/process.py", line 318, in _bootstrap
    util._exit_function()
  File "/usr/lib/python3.9/multiprocessing/queues.py", line {line}, in {function}
    thread.join()
  File "/usr/lib/python3.9/threading.py", line 1060, in join
    self._wait_for_tstate_lock()
{ends}
"""


def test_where_ctrl_c_met_the_processes_tells_of_a_queue_that_nobody_reads() -> None:
    text = INTERRUPTED.format(line=201, function="_finalize_join", ends="KeyboardInterrupt")
    (finding,) = found(diagnosis_of({"report.md": f"It hangs:\n\n```\n{text}```\n"}), "blocked-write")
    assert "“Process-1” cannot end" in finding.headline
    assert "called from weigh.<module>(weigh.py:41)" in finding.headline


def test_the_traceback_of_an_error_is_no_stack_of_a_wait() -> None:
    text = INTERRUPTED.format(line=201, function="_finalize_join", ends="ValueError: closed")
    assert not found(diagnosis_of({"report.md": text}), "blocked-write")


RESULT = """0:037> !clrstack
OS Thread Id: 0x1f24 (37)
        Child SP               IP Call Site
000000d5c1b7cb78 00007ffdb1d50c6a [HelperMethodFrame_1OBJ: 000000d5c1b7cb78] System.Threading.Monitor.ObjWait(Boolean, Int32, System.Object)
000000d5c1b7cd20 00007ffd9d2d3e1f System.Threading.Tasks.Task.SpinThenBlockingWait(Int32, System.Threading.CancellationToken)
000000d5c1b7ce60 00007ffd9dbfd5b2 System.Threading.Tasks.Task`1[[System.__Canon, mscorlib]].GetResultCore(Boolean)
000000d5c1b7cea0 00007ffd42b4f0d3 Quay.Web.BerthController.Show(Int32)
000000d5c1b7cf50 00007ffd42b4ec51 {below}(System.Object)
"""


def test_a_request_that_blocks_on_a_task_may_keep_what_the_task_needs() -> None:
    (finding,) = found(
        diagnosis_of({"stacks.txt": RESULT.format(below="System.Web.Mvc.ReflectedActionDescriptor.Execute")}), "sync-over-async"
    )
    assert "Quay.Web.BerthController.Show" in finding.headline
    assert "the request's context of ASP.NET" in finding.headline
    assert finding.confidence is Confidence.SUSPECTED


def test_asp_net_core_has_no_such_context() -> None:
    stacks = RESULT.format(below="Microsoft.AspNetCore.Mvc.Infrastructure.ActionMethodExecutor.Execute")
    assert all("context" not in one.headline for one in found(diagnosis_of({"stacks.txt": stacks}), "sync-over-async"))


HUNG = """[7/14/15 18:12:31:412 CEST] 0000004c ThreadMonitor W   WSVR0605W: Thread "WebContainer : 5" (00000061) has been active for 643219 milliseconds and may be hung.  There is/are {first} thread(s) in total in the server that may be hung.
\tat java.net.SocketInputStream.socketRead0(Native Method)
\tat java.net.SocketInputStream.read(SocketInputStream.java:163)
\tat oracle.net.ns.Packet.receive(Packet.java:311)
\tat berth.Ledger.post(Ledger.java:233)

[7/14/15 18:25:02:007 CEST] 00000061 ThreadMonitor W   WSVR0606W: Thread "WebContainer : 5" (00000061) was previously reported to be hung but has completed.  It was active for approximately 1393814 milliseconds.  There is/are {left} thread(s) in total in the server that still may be hung.
"""


def test_the_only_stack_of_hung_threads_is_kept_while_others_hang() -> None:
    text = diagnosis_of({"report.md": HUNG.format(first=18, left=11)}).verdict.headline
    assert "berth.Ledger.post(Ledger.java:233)" in text
    assert "counts 18 that hang" in text


def test_a_thread_that_has_ended_hangs_no_more() -> None:
    assert diagnosis_of({"report.md": HUNG.format(first=1, left=0)}).verdict.rule is None


REST = """    19:48:02.114530 IP 172.16.1.21.40514 > 172.20.5.10.5544: Flags [P.], seq 3723:3812, ack 11052, win 501, length 89
    19:48:02.116011 IP 172.20.5.10.5544 > 172.16.1.21.40514: Flags [P.], seq 11052:11240, ack 3812, win 510, length 188
    {begun} IP 172.16.1.21.40514 > 172.20.5.10.5544: Flags [P.], seq 3812:3901, ack 11240, win 501, length 89
    {begun}1 IP 172.16.1.21.40514 > 172.20.5.10.5544: Flags [P.], seq 3812:3901, ack 11240, win 501, length 89
    {begun}2 IP 172.16.1.21.40514 > 172.20.5.10.5544: Flags [P.], seq 3812:3901, ack 11240, win 501, length 89
    {ends} IP 172.16.1.21.40514 > 172.20.5.10.5544: Flags [P.], seq 3812:3901, ack 11240, win 501, length 89
"""
ACKED = "    {at} IP 172.20.5.10.5544 > 172.16.1.21.40514: Flags [.], ack 3901, win 501, length 0\n"


def test_data_that_nobody_acknowledges_after_a_rest_was_forgotten_between() -> None:
    (finding,) = found(diagnosis_of({"dump.txt": REST.format(begun="07:31:40.87021", ends="07:45:19.022301")}), "vanished-peer")
    assert "sent the same data again 3 times in 14 minutes, after 12 hours without a packet" in finding.headline
    assert finding.confidence is Confidence.LIKELY


def test_data_that_is_acknowledged_in_the_end_is_no_trouble() -> None:
    text = REST.format(begun="07:31:40.87021", ends="07:31:42.022301") + ACKED.format(at="07:31:43.0")
    assert not found(diagnosis_of({"dump.txt": text}), "vanished-peer")


PLACES = """$ netstat -ant | awk 'NR>2 {print $6}' | sort | uniq -c | sort -rn
  28244 TIME_WAIT
     64 ESTABLISHED
$ netstat -ant | grep TIME_WAIT | awk '{print $5}' | sort | uniq -c | sort -rn | head -3
  28219 10.20.1.15:9300
     14 10.20.1.9:6379
$ sysctl net.ipv4.ip_local_port_range
net.ipv4.ip_local_port_range = 32768	60999
Error: connect EADDRNOTAVAIL 10.20.1.15:9300 - Local (10.20.1.40:0)
"""


def test_one_service_that_fills_the_range_is_told_once() -> None:
    (finding,) = found(diagnosis_of({"report.md": PLACES}), "ephemeral-port-exhaustion")
    assert "10.20.1.15:9300" in finding.headline


MAPS = """"http-8080-12" daemon prio=10 tid=0x2 nid=0x4422 runnable
   java.lang.Thread.State: RUNNABLE
	at java.util.HashMap.getEntry(HashMap.java:347)
	at quay.Registry.isKnown(Registry.java:61)
	at quay.Page.show(Page.java:118)

"http-8080-30" daemon prio=10 tid=0x3 nid=0x4434 runnable
   java.lang.Thread.State: RUNNABLE
	at java.util.HashMap.put(HashMap.java:374)
	at quay.Registry.register(Registry.java:83)
	at quay.Page.show(Page.java:124)
"""


def test_who_writes_into_a_ring_is_told_beside_who_reads() -> None:
    (finding,) = found(diagnosis_of({"report.md": MAPS}), "cpu-spin")
    assert (
        "compute in HashMap.getEntry, HashMap.put, called from quay.Registry.isKnown(Registry.java:61) and quay.Registry.register(Registry.java:83)"
        in (finding.headline)
    )

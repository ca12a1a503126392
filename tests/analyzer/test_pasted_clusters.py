"""What numbers beside pasted stacks and logs tell: goroutines as many as connections, collections that free nothing, slow disks of clusters."""

from __future__ import annotations

import pytest

from tests.builders import diagnosis_of, found


def said(text: str) -> str:
    verdict = diagnosis_of({"post.txt": text}).verdict
    return f"{verdict.headline} {verdict.summary}"


GROUP = "{count} @ 0x43e0f6 0x44e6a5 0x829a3c\n#\t0x829a3b\t{call}+0x11b\t/go/pkg/mod/umbra.example/wire@v1.5.1/{file}:{line}\n\n"


def profile(*groups: tuple[int, str]) -> str:
    body = "".join(GROUP.format(count=count, call=call, file="conn.go", line=40 + n) for n, (count, call) in enumerate(groups))
    return f"Is this a leak?\n\ngoroutine profile: total {sum(count for count, _ in groups)}\n{body}"


ESTABLISHED = "$ ss -tn state established '( sport = :7070 )' | tail -n +2 | wc -l\n{count}\n"


@pytest.mark.parametrize(("count", "alike"), [(310, True), (12, False)])
def test_goroutines_as_many_as_connections_are_no_leak(count: int, alike: bool) -> None:
    calls = [(310, f"google.golang.org/grpc/internal/transport.(*http2Server).{name}") for name in ("HandleStreams", "write", "keepalive")]
    text = said(profile(*calls) + ESTABLISHED.format(count=count))
    assert (
        "stand 310 in transport.(*http2Server).HandleStreams, 310 in transport.(*http2Server).write, 310 in transport.(*http2Server).keepalive"
        in text
    )
    assert (
        "As many connections were counted (310): 3 for each" in text or "as many connections were counted (310): 3 for each" in text
    ) is alike


GC = "WARN  [Service Thread] 2026-03-02 09:{minute:02}:{second:02},902 GCInspector.java:282 - {name} GC in {ms}ms.  {gen} Old Gen: 6871947672 -> {after}; Par Eden Space: 1342177280 -> 0\n"


def watched(after: int, name: str = "ConcurrentMarkSweep", gen: str = "CMS", every: int = 22) -> str:
    return "".join(
        GC.format(minute=(n * every) // 60, second=(n * every) % 60, ms=19000, after=after, name=name, gen=gen) for n in range(4)
    )


@pytest.mark.parametrize(("name", "gen"), [("ConcurrentMarkSweep", "CMS"), ("G1 Old Generation", "G1")])
def test_collections_that_a_program_watches_and_that_free_nothing(name: str, gen: str) -> None:
    (finding,) = found(diagnosis_of({"system.log": watched(6858311904, name, gen)}), "gc-thrash")
    assert "frees next to nothing: the heap is full" in finding.headline


@pytest.mark.parametrize("text", [watched(2858311904), watched(6858311904, "ParNew"), watched(6858311904, every=400)])
def test_watched_collections_that_free_much_or_are_young_or_rare(text: str) -> None:
    assert not [one for one in found(diagnosis_of({"system.log": text}), "gc-thrash") if "frees next to nothing" in one.headline]


SLOW = {
    "HDFS DataNode": "2026-03-20 14:02:51,190 WARN datanode.DataNode: Slow BlockReceiver write data to disk cost:38104ms (threshold=300ms)",
    "HBase write-ahead log": "2026-03-20 14:02:51,206 INFO [sync.3] wal.FSHLog: Slow sync cost: 38259 ms, current pipeline: [a, b]",
    "HDFS JournalNode": "2026-03-20 01:33:29,870 WARN server.Journal: Sync of transaction range 881240112-881240131 took 28494ms",
}


@pytest.mark.parametrize("source", SLOW)
def test_writes_of_a_cluster_that_took_long_are_of_a_slow_disk(source: str) -> None:
    assert diagnosis_of({"node.log": SLOW[source] + "\n"}).verdict.headline.startswith(f"{source}: a disk answered slowly (after ")
    quick = SLOW[source].replace("38104", "310").replace("38259", "210").replace("28494", "120")
    assert "answered slowly" not in diagnosis_of({"node.log": quick + "\n"}).verdict.headline


QUORUM = """2026-08-14 01:33:20,323 WARN client.QuorumJournalManager: Waited 19013 ms (timeout=20000 ms) for a response for sendEdits. Succeeded so far: [10.9.0.12:8485]
2026-08-14 01:33:21,311 FATAL namenode.FSEditLog: Error: flush failed for required journal
java.io.IOException: Timed out waiting 20000ms for a quorum of nodes to respond.
"""


def test_too_few_nodes_that_agree_to_a_write() -> None:
    assert diagnosis_of({"nn.log": QUORUM}).verdict.headline.startswith(
        "HDFS NameNode: too few of the nodes answered that must agree to each write"
    )


def test_a_slow_command_of_redis_keeps_all_clients_waiting() -> None:
    slow = '127.0.0.1:6379> slowlog get 1\n1) 1) (integer) 90213\n   2) (integer) 1652180461\n   3) (integer) 3190448\n   4) 1) "KEYS"\n      2) "cart:*"\n   5) "10.60.1.88:51934"\n   6) ""\n'
    assert "Redis runs one command at a time, and all its clients wait meanwhile" in said(slow)


SLEEPING = """+---------+---------+------------------+--------+---------+------+----------+------------------+
| Id      | User    | Host             | db     | Command | Time | State    | Info             |
+---------+---------+------------------+--------+---------+------+----------+------------------+
| 1120331 | catalog | 10.44.1.15:41022 | catdb  | Sleep   |   12 |          | NULL             |
| 1120332 | catalog | 10.44.1.15:41024 | catdb  | Sleep   |    4 |          | NULL             |
| 1120402 | dba     | localhost        | NULL   | {command:<7} |    0 | starting | {info:<16} |
+---------+---------+------------------+--------+---------+------+----------+------------------+
"""


@pytest.mark.parametrize(("info", "rests"), [("show processlist", True), ("update t set a=1", False)])
def test_the_session_that_asks_for_the_list_does_not_count(info: str, rests: bool) -> None:
    assert ("none of them waits or has a transaction open" in said(SLEEPING.format(command="Query", info=info))) is rests


AT_REST = """Thread {number} (Thread 0x7f21337fe700 (LWP {lwp})):
#0  0x00007f217a6c8a35 in pthread_cond_wait@@GLIBC_2.3.2 () from /lib64/libpthread.so.0
#1  0x00007f217c1f31fb in {call} (pool=0x559dc1a2e0d0) at pool.c:945
#2  0x00007f217a6c4ea5 in {below} () from /lib64/libpthread.so.0
#3  0x00007f217a3ed9fd in clone () from /lib64/libc.so.6

"""
POLLS = """Thread 2 (Thread 0x7f2138e25700 (LWP 2215)):
#0  0x00007f217a3edfd3 in epoll_wait () from /lib64/libc.so.6
#1  0x0000559dbf8c81d9 in door_loop (ptr=0x1) at door.c:2538
#2  0x00007f217a6c4ea5 in start_thread () from /lib64/libpthread.so.0

Thread 1 (Thread 0x7f217c83b840 (LWP 2214)):
#0  0x00007f217a6c5f97 in pthread_join () from /lib64/libpthread.so.0
#1  0x0000559dbf8a8e4f in main (argc=7, argv=0x7ffd1b2c6a98) at main.c:1016
"""


@pytest.mark.parametrize(("below", "rests"), [("start_thread", True), ("serve_request", False)])
def test_native_workers_that_wait_in_the_function_that_they_began_in(below: str, rests: bool) -> None:
    stacks = "".join(AT_REST.format(number=3 + n, lwp=2216 + n, call="crew_loop", below=below) for n in range(2))
    text = said(f"What I still have:\n\n{stacks}{POLLS}")
    assert ("nobody among the 4 threads that are here is stuck or waits for another: 2 wait for work in " in text) is rests


WINDOWS = """System.Net.Http.HttpRequestException: Only one usage of each socket address (protocol/network address/port) is normally permitted
 ---> System.Net.Sockets.SocketException (10048)
   at System.Net.Http.ConnectHelper.ConnectAsync(String host, Int32 port, CancellationToken cancellationToken)
   at Umbra.Rates.Get() in C:\\src\\Rates.cs:line 31

PS> netstat -an | find /c "TIME_WAIT"
{count}
"""


@pytest.mark.parametrize(("count", "full"), [(16120, True), (4000, False)])
def test_the_ports_of_windows_are_fewer(count: int, full: bool) -> None:
    told = found(diagnosis_of({"post.txt": WINDOWS.format(count=count)}), "ephemeral-port-exhaustion")
    used_up = [one for one in told if "16,120 of 16,384 are in use" in one.headline]
    assert bool(used_up) is full
    for one in used_up:
        assert "49152 to 65535 (the default of Windows" in one.explanation
        assert "called from Umbra.Rates.Get(Rates.cs:31)" in one.explanation
        assert not any("net.ipv4" in action.text or "net.ipv4" in (action.command or "") for action in one.actions)


def test_the_states_of_ss_have_their_time_wait_called_normal() -> None:
    text = "Is this normal?\n\n$ ss -s\nTotal: 912\nTCP:   {all} (estab 610, closed {closed}, orphaned 0, timewait {waiting})\n"
    assert "the 178 TIME_WAIT are normal" in said(text.format(all=850, closed=180, waiting=178))
    assert "are normal" not in said(text.format(all=28000, closed=27010, waiting=27000))


def test_sessions_that_wait_for_a_flush_wait_for_a_lock() -> None:
    rows = SLEEPING.format(command="Query", info="FLUSH TABLES").replace("starting", "Waiting for table flush")
    assert "Waiting for table flush" in said(rows)


def test_direct_memory_of_netty_that_ran_out() -> None:
    line = "io.netty.util.internal.OutOfDirectMemoryError: failed to allocate 16777216 byte(s) of direct memory (used: 1056964615, max: 1073741824)\n"
    assert "Netty: memory ran out (used 1056964615, limit 1073741824)" in said(line)

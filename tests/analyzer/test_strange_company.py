"""Evidence in which the wrong pair could be joined: calls beside calls, another pool's port, another process' table, holders elsewhere."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence
from tests.builders import PARK, READ, SERVED, WORKER, diagnosis_of, dump, found, idle_exec, netstat, thread

POSTGRES = (*READ[:2], "org.postgresql.core.VisibleBufferedInputStream.readMore", "org.postgresql.jdbc.PgStatement.executeQuery")
HTTP = (*READ, "sun.net.www.protocol.http.HttpURLConnection.getInputStream")
HIKARI = ("java.util.concurrent.SynchronousQueue.poll", "com.zaxxer.hikari.pool.HikariPool.getConnection")
HTTP_POOL = ("java.util.concurrent.locks.LockSupport.park", "org.apache.http.pool.AbstractConnPool.getPoolEntryBlocking")


def _request_threads(count: int, port: int, *stack: str, state: str = "RUNNABLE") -> list[str]:
    return [thread(f"http-nio-{port}-exec-{n}", state, *stack, *SERVED, native="runnable") for n in range(1, count + 1)]


def _tasks(count: int, name: str, *stack: str) -> list[str]:
    return [thread(f"{name}-{n}", "RUNNABLE", *stack, *WORKER, native="runnable") for n in range(1, count + 1)]


def _own_calls(count: int, port: int, owner: str = "77/java") -> list[str]:
    near = [f"0 127.0.0.1:{51000 + n} 127.0.0.1:{port} ESTABLISHED {owner}" for n in range(count)]
    return near + [f"150 127.0.0.1:{port} 127.0.0.1:{51000 + n} ESTABLISHED {owner}" for n in range(count)]


def _gave_up(count: int, port: int = 8080, owner: str = "77/java") -> list[str]:
    return [f"1 10.0.0.1:{port} 10.0.9.{n}:{4000 + n} CLOSE_WAIT {owner}" for n in range(1, count + 1)]


def _calls(count: int, remote: str, owner: str = "77/java") -> list[str]:
    return [f"0 10.0.0.1:{41000 + n} {remote} ESTABLISHED {owner}" for n in range(count)]


LISTENS = "0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java"


def test_threads_in_a_database_driver_do_not_make_the_own_calls_of_others() -> None:
    stacks = dump(*_request_threads(10, 8080, *POSTGRES, "com.acme.Dao.load"), *_tasks(9, "health", *HTTP, "com.acme.Health.ping"))
    table = netstat(LISTENS, *_gave_up(10), *_own_calls(9, 8080), *_calls(10, "10.0.0.50:5432"))
    diagnosis = diagnosis_of({"jstack.txt": stacks, "netstat.txt": table})
    assert not found(diagnosis, "self-call-starvation")
    (finding,) = found(diagnosis, "database-read-hang")
    assert finding.culprit.remote == "10.0.0.50:5432"


def test_a_call_to_the_port_of_another_own_pool_is_no_call_to_oneself() -> None:
    listens = (LISTENS, "0 0.0.0.0:8081 0.0.0.0:* LISTEN 77/java")
    front = _request_threads(8, 8080, *HTTP, "com.acme.Front.call")
    table = netstat(*listens, *_gave_up(8), *_own_calls(8, 8081), *_calls(8, "10.0.0.50:5432"))
    behind = _request_threads(8, 8081, *POSTGRES, "com.acme.Dao.load")
    diagnosis = diagnosis_of({"jstack.txt": dump(*front, *behind), "netstat.txt": table})
    assert not found(diagnosis, "self-call-starvation")
    assert found(diagnosis, "database-read-hang")
    free = diagnosis_of({"jstack.txt": dump(*front, *idle_exec(8, 8081)), "netstat.txt": netstat(*listens, *_own_calls(8, 8081))})
    assert not found(free, "self-call-starvation")


def test_two_pools_of_one_process_that_call_each_other_wait_for_themselves() -> None:
    listens = (LISTENS, "0 0.0.0.0:8081 0.0.0.0:* LISTEN 77/java")
    back = [row.replace(":51", ":52") for row in _own_calls(4, 8080)]
    both = [*_request_threads(4, 8080, *HTTP, "com.acme.Front.call"), *_request_threads(4, 8081, *HTTP, "com.acme.Back.call")]
    table = netstat(*listens, *_own_calls(4, 8081), *back)
    assert found(diagnosis_of({"jstack.txt": dump(*both), "netstat.txt": table}), "self-call-starvation")


def test_without_owners_another_server_of_the_host_is_not_this_one() -> None:
    listens = [f"0 0.0.0.0:{port} 0.0.0.0:* LISTEN -" for port in (8080, 8081)]
    stacks = dump(*_request_threads(8, 8080, *HTTP, "com.acme.Front.call"))
    for port, own in ((8081, False), (8080, True)):
        table = netstat(*listens, *_gave_up(8, owner="-"), *_own_calls(8, port, "-"))
        diagnosis = diagnosis_of({"jstack.txt": stacks, "netstat.txt": table})
        assert bool(found(diagnosis, "self-call-starvation")) is own
        assert bool(found(diagnosis, "slow-backend")) is not own


def test_the_table_of_a_proxy_is_not_that_of_a_dump() -> None:
    jetty = ("org.eclipse.jetty.server.HttpChannel.handle", "java.lang.Thread.run")
    stacks = dump(*[thread(f"qtp17-{n}", "RUNNABLE", *HTTP, "com.acme.Front.call", *jetty, native="runnable") for n in range(10)])
    rows = (*_gave_up(10, 80, "5/nginx"), *_calls(10, "10.0.0.2:8080", "5/nginx"))
    table = netstat("0 0.0.0.0:80 0.0.0.0:* LISTEN 5/nginx", *rows)
    diagnosis = diagnosis_of({"jstack.txt": stacks, "netstat.txt": table})
    assert {finding.confidence for finding in diagnosis.findings} <= {Confidence.SUSPECTED}


def test_another_pool_that_works_may_hold_what_is_lent() -> None:
    waiting = _request_threads(20, 8080, *HIKARI, "com.acme.Dao.load", state="TIMED_WAITING (parking)")
    batch = _tasks(10, "batch", *HTTP, "com.acme.Export.push")
    table = netstat(LISTENS, *_gave_up(20), *_calls(10, "10.0.0.50:5432"))
    for others, confidence in ((batch, Confidence.LIKELY), ([], Confidence.CERTAIN)):
        (finding,) = found(diagnosis_of({"jstack.txt": dump(*waiting, *others), "netstat.txt": table}), "jdbc-pool-exhausted")
        assert finding.confidence is confidence


def test_a_thread_that_writes_to_a_disk_may_hold_a_response() -> None:
    waiting = _request_threads(20, 8080, *HTTP_POOL, "com.acme.Image.get", state="WAITING (parking)")
    copying = _tasks(2, "mirror", "java.io.FileOutputStream.writeBytes", "com.acme.Mirror.copy")
    table = netstat(LISTENS, *_gave_up(20), *_calls(2, "10.0.0.60:443"))
    for others, confidence in ((copying, Confidence.LIKELY), ([], Confidence.CERTAIN)):
        (finding,) = found(diagnosis_of({"jstack.txt": dump(*waiting, *others), "netstat.txt": table}), "http-pool-exhausted")
        assert finding.confidence is confidence


def test_event_loops_of_other_transports_accept() -> None:
    rows = [f"180 10.0.0.1:8080 10.0.9.{n}:{42000 + n} ESTABLISHED -" for n in range(3)]
    for call in ("io.netty.channel.uring.Native.ioUringEnter", "io.netty.channel.kqueue.Native.keventWait"):
        stacks = dump(
            *[thread(f"multiThreadIoEventLoopGroup-2-{n}", "RUNNABLE", call, "java.lang.Thread.run", native="runnable") for n in range(4)]
        )
        table = netstat(LISTENS, "0 10.0.0.1:8080 10.0.9.9:41000 ESTABLISHED 77/java", *rows)
        assert not found(diagnosis_of({"jstack.txt": stacks, "netstat.txt": table}), "acceptor-stalled")


def test_an_unnamed_executor_that_serves_requests_is_the_server_pool() -> None:
    exchange = ("sun.net.httpserver.ServerImpl$Exchange.run", *WORKER[1:])
    stacks = [thread(f"pool-1-thread-{n}", "RUNNABLE", *HTTP, "com.acme.Front.handle", *exchange, native="runnable") for n in range(1, 9)]
    table = netstat(LISTENS, *_gave_up(8), *_calls(8, "10.0.0.60:9000"))
    (finding,) = found(diagnosis_of({"jstack.txt": dump(*stacks), "netstat.txt": table}), "slow-backend")
    assert finding.confidence is Confidence.CERTAIN
    assert finding.culprit.pool == "pool-1-thread"


def test_a_pool_that_works_between_two_dumps_is_busy_and_not_stuck() -> None:
    def moment(cpu: int, time: str) -> str:
        stacks = dump(*_request_threads(8, 8080, *POSTGRES, "com.acme.Dao.load"), time=time)
        return stacks.replace("os_prio=0", f"os_prio=0 cpu={cpu}.00ms elapsed={cpu / 100:.2f}s")

    table = netstat(LISTENS, "0 10.0.0.1:8080 10.0.9.9:4009 ESTABLISHED 77/java", *_calls(8, "10.0.0.50:5432"))
    first = {"jstack-1.txt": moment(1000, "2026-01-02 03:04:05"), "netstat-1.txt": table}
    for cpu, stuck in ((4000, False), (1000, True)):
        diagnosis = diagnosis_of({**first, "jstack-2.txt": moment(cpu, "2026-01-02 03:04:15"), "netstat-2.txt": table})
        assert bool(found(diagnosis, "database-read-hang")) is stuck


def calls_away(service: str, count: int) -> list[str]:
    return [f"0 10.0.0.1:{50000 + n} {service} ESTABLISHED 77/java" for n in range(count)]


def stuck_in(*stack: str, threads: int = 6) -> str:
    return dump(
        *(
            thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *stack, "com.example.shop.Cart.total", *SERVED, nid=0x200 + n, native="runnable")
            for n in range(threads)
        )
    )


READING = (
    "sun.nio.ch.Net.poll",
    "sun.nio.ch.NioSocketImpl.implRead",
    "sun.nio.ch.NioSocketImpl.read",
    "sun.net.www.http.HttpClient.parseHTTP",
)
LISTENER = "0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java"


def gone(count: int) -> list[str]:
    return [f"1 10.0.0.1:8080 10.0.0.9:{40000 + n} CLOSE_WAIT 77/java" for n in range(count)]


@pytest.mark.parametrize(("clients", "confidence"), [(0, Confidence.SUSPECTED), (2, Confidence.SUSPECTED), (3, Confidence.CERTAIN)])
def test_one_or_two_clients_that_wait_are_a_moment(clients: int, confidence: Confidence) -> None:
    files = {"netstat.txt": netstat(LISTENER, *gone(clients), *calls_away("10.2.2.2:9300", 6)), "jstack.txt": stuck_in(*READING)}
    (finding,) = found(diagnosis_of(files), "slow-backend")
    assert finding.confidence is confidence


def test_calls_that_share_a_connection_are_not_counted() -> None:
    """Twenty gRPC calls over one connection beside twenty idle connections to something else: which it is stays open."""
    rows = [LISTENER, *gone(6), "0 10.0.0.1:49000 10.3.3.3:9090 ESTABLISHED 77/java", *calls_away("10.2.2.2:9300", 6)]
    grpc = stuck_in(*PARK, "io.grpc.stub.ClientCalls.blockingUnaryCall", "com.example.stock.StockGrpc.level")
    diagnosis = diagnosis_of({"netstat.txt": netstat(*rows), "jstack.txt": grpc})
    assert all(one.culprit.remote != "10.2.2.2:9300" or one.confidence is Confidence.SUSPECTED for one in diagnosis.findings)
    alone = diagnosis_of({"netstat.txt": netstat(*rows[:-6]), "jstack.txt": grpc})
    (finding,) = found(alone, "slow-backend")
    assert (finding.culprit.remote, finding.confidence) == ("10.3.3.3:9090", Confidence.LIKELY)


def test_another_process_dump_is_a_doubt() -> None:
    files = {"netstat.txt": netstat(LISTENER, *gone(6), *calls_away("10.2.2.2:9300", 6)), "jstack-78.txt": f"78:\n{stuck_in(*READING)}"}
    assert all(one.confidence is not Confidence.CERTAIN for one in diagnosis_of(files).findings)


def test_a_local_port_of_two_calls_is_no_listener() -> None:
    """The kernel gives one ephemeral port to calls of several services; they stay calls, and a leak among them is seen."""
    rows = [
        LISTENER,
        *(f"1 10.0.0.1:{40000 + n} 10.2.2.2:443 CLOSE_WAIT 77/java" for n in range(300)),
        *(f"0 10.0.0.1:{40000 + n} 10.2.2.3:443 ESTABLISHED 77/java" for n in range(300)),
    ]
    assert found(diagnosis_of({"netstat.txt": netstat(*rows)}), "connection-leak")


@pytest.mark.parametrize(
    ("clock", "confidence"), [("03:34:05", Confidence.LIKELY), ("03:04:25", Confidence.CERTAIN), ("12:04:05", Confidence.CERTAIN)]
)
def test_artifacts_taken_far_apart_are_a_doubt(clock: str, confidence: Confidence) -> None:
    """Half an hour is no difference of zones; nine hours to the minute are."""
    table = f"$ date\nFri Jan  2 {clock} UTC 2026\n$ netstat -tanp\n" + netstat(LISTENER, *gone(6), *calls_away("10.2.2.2:9300", 6))
    (finding,) = found(diagnosis_of({"netstat.txt": table, "jstack.txt": stuck_in(*READING)}), "slow-backend")
    assert finding.confidence is confidence


def test_a_program_and_its_session_share_sockets_on_purpose() -> None:
    rows = "".join(
        f"{command:<9} {pid} root 4u IPv4 900{n} 0t0 TCP 10.0.0.1:22->10.0.9.{n}:4000 (CLOSE_WAIT)\n"
        for n in range(1, 7)
        for command, pid in (("sshd", 700), ("sshd-sess", 800))
    )
    assert not found(diagnosis_of({"lsof.txt": "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\n" + rows}), "inherited-fd")


def test_a_service_that_half_of_the_threads_wait_for_is_not_said_to_hold_all() -> None:
    rows = [
        LISTENER,
        *gone(8),
        *calls_away("10.2.2.2:9300", 4),
        *(row.replace(":50", ":52").replace("10.2.2.2:9300", "10.3.3.3:9400") for row in calls_away("10.2.2.2:9300", 4)),
    ]
    for finding in found(diagnosis_of({"netstat.txt": netstat(*rows), "jstack.txt": stuck_in(*READING, threads=8)}), "slow-backend"):
        assert "every request thread" not in finding.headline
        assert finding.confidence is not Confidence.CERTAIN


def test_of_a_cut_dump_all_are_not_all() -> None:
    whole = stuck_in(*READING)
    files = {"netstat.txt": netstat(LISTENER, *gone(6), *calls_away("10.2.2.2:9300", 6)), "jstack.txt": whole[: len(whole) * 9 // 10]}
    (finding,) = found(diagnosis_of(files), "slow-backend")
    assert "as far as the cut dump shows them" in finding.explanation
    assert "cut dump" not in found(diagnosis_of({**files, "jstack.txt": whole}), "slow-backend")[0].explanation


def test_each_thread_waits_for_the_service_that_its_own_call_names() -> None:
    """Four of six read from one service and two from another: the list of waits does not give the first to all."""
    ss = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n" + "".join(
        f'ESTAB 0 0 10.0.0.1:{50000 + n} {service} users:(("java",pid=77,fd={40 + n})) uid:0 ino:{900 + n} sk:1 <->\n'
        for n, service in enumerate(["10.2.2.2:9300"] * 4 + ["10.3.3.3:9400"] * 2)
    )
    title = "System calls of the threads of process 77, x86_64, 2026-11-23T14:46:20Z\nTID | IN CONTAINER | WCHAN | SYSCALL | DESCRIPTORS | COMM\n"
    calls = "".join(
        f"{0x200 + n} | - | wait_woken | 0 {40 + n:#x} 0x1 0x2 0x3 0x0 0x0 0x7f15c839be10 0x7f15f4b922ec | {40 + n}=socket:[{900 + n}] | http-nio-8080-e\n"
        for n in range(6)
    )
    waits = diagnosis_of({"ss.txt": ss, "jstack.txt": f"77:\n{stuck_in(*READING)}", "threads.txt": title + calls}).waits
    assert [wait.object for wait in waits if wait.on == "socket"] == ["10.2.2.2:9300"] * 4 + ["10.3.3.3:9400"] * 2

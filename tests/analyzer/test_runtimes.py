"""Causes in processes that are no JVM: the same rules, with the runtime's own knowledge and commands."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Status
from tests.builders import diagnosis_of, found, netstat

SERVE = "net/http.(*conn).serve(0x1)\n\t/go/server.go:2157 +0x1\ncreated by net/http.(*Server).Serve in goroutine 1\n\t/go/server.go:3604 +0x1\n"
TRIP = "net/http.(*persistConn).roundTrip(0x2)\n\t/go/transport.go:3092 +0x1\nnet/http.(*Client).Do(...)\n\t/go/client.go:604\nexample.com/till.fetch(0x1)\n\t/b/till.go:40 +0x1\n"
LOCKED = "sync.(*Mutex).Lock(...)\n\t/go/mutex.go:46\n"
IDLE = "internal/poll.(*FD).Read(0x1)\n\t/go/fd_unix.go:165 +0x1\nnet/http.(*connReader).Read(0x1)\n\t/go/server.go:798 +0x1\nbufio.(*Reader).Peek(0x1)\n\t/go/bufio.go:148 +0x1\n"


def goroutine(number: int, state: str, stack: str) -> str:
    return f"goroutine {number} [{state}]:\n{stack}\n"


def table(*, waiting: int, calls: int, state: str = "ESTABLISHED", recv: int = 0) -> str:
    clients = [f"{recv} 10.0.0.1:8080 10.0.0.9:{4000 + at} CLOSE_WAIT 77/till" for at in range(waiting)]
    service = [f"{int(state == 'CLOSE_WAIT')} 10.0.0.1:{5000 + at} 10.0.0.7:9443 {state} 77/till" for at in range(calls)]
    return netstat("0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/till", *clients, *service)


def test_goroutines_that_all_call_one_service() -> None:
    stacks = "".join(goroutine(number, "select", TRIP + SERVE) for number in range(5, 13))
    diagnosis = diagnosis_of({"goroutines.txt": stacks, "netstat.txt": table(waiting=8, calls=8)})
    (finding,) = found(diagnosis, "slow-backend")
    assert diagnosis.verdict.rule == "slow-backend"
    assert finding.culprit.frame == "example.com/till.fetch(till.go:40)"
    assert "request thread" not in f"{diagnosis.verdict.headline} {finding.explanation}", "there is no pool of goroutines"
    assert "jstack" not in f"{finding.actions} {finding.missing} {diagnosis.missing}"


def test_idle_connections_beside_them_are_no_free_threads() -> None:
    stacks = "".join(goroutine(number, "select", TRIP + SERVE) for number in range(5, 13))
    stacks += "".join(goroutine(number, "IO wait", IDLE + SERVE) for number in range(20, 60))
    diagnosis = diagnosis_of({"goroutines.txt": stacks, "netstat.txt": table(waiting=8, calls=8)})
    assert diagnosis.verdict.rule == "slow-backend"


def test_a_mutex_held_over_a_call() -> None:
    lock = "sync.(*Mutex).lockSlow(0xc000123450)\n\t/go/mutex.go:171 +0x1\n" + LOCKED + "example.com/till.rate(0x1)\n\t/b/till.go:51 +0x1\n"
    owner = TRIP + "example.com/till.rate(0x1)\n\t/b/till.go:56 +0x1\n"
    stacks = goroutine(4, "select", owner + SERVE) + "".join(goroutine(number, "semacquire", lock + SERVE) for number in range(5, 13))
    diagnosis = diagnosis_of({"goroutines.txt": stacks, "netstat.txt": table(waiting=9, calls=1)})
    assert diagnosis.verdict.rule == "lock-convoy"
    (finding,) = found(diagnosis, "lock-convoy")
    assert (finding.culprit.thread, finding.culprit.remote) == ("goroutine 4", "10.0.0.7:9443")
    assert not any("jstack" in (action.command or "") for action in finding.actions)


LOOPS = "".join(
    goroutine(2 * number, "select", "net/http.(*persistConn).readLoop(0x1)\n\t/go/transport.go:2616 +0x1\n")
    + goroutine(2 * number + 1, "select", "net/http.(*persistConn).writeLoop(0x1)\n\t/go/transport.go:2833 +0x1\n")
    for number in range(10, 16)
)


def test_bodies_that_nobody_closes() -> None:
    main = goroutine(1, "IO wait", "net.(*TCPListener).Accept(0x1)\n\t/go/tcpsock.go:387 +0x1\nmain.main()\n\t/b/main.go:9 +0x1\n")
    diagnosis = diagnosis_of({"goroutines.txt": main + LOOPS, "netstat.txt": table(waiting=0, calls=6, state="CLOSE_WAIT")})
    (finding,) = found(diagnosis, "connection-leak")
    assert (diagnosis.verdict.rule, finding.confidence) == ("connection-leak", Confidence.CERTAIN)


def test_bodies_that_somebody_reads_are_no_leak_for_sure() -> None:
    reader = "net/http.(*bodyEOFSignal).Read(0x1)\n\t/go/transport.go:2900 +0x1\nexample.com/till.copy(0x1)\n\t/b/till.go:4 +0x1\n"
    stacks = LOOPS + "".join(goroutine(number, "select", reader + SERVE) for number in range(100, 106))
    diagnosis = diagnosis_of({"goroutines.txt": stacks, "netstat.txt": table(waiting=0, calls=6, state="CLOSE_WAIT")})
    assert not any(finding.confidence is Confidence.CERTAIN for finding in found(diagnosis, "connection-leak"))
    assert diagnosis.verdict.status is not Status.HEALTHY


def spied(tid: int, name: str, *frames: str) -> str:
    return f'Thread {tid} (idle): "{name}"\n' + "".join(f"    {frame}\n" for frame in frames)


def test_python_threads_on_the_line_that_takes_a_lock() -> None:
    below = ("Flask.wsgi_app (flask/app.py:1511)", "_worker (concurrent/futures/thread.py:83)")
    stacks = "Process 77: python till.py\nPython v3.12.1 (/usr/bin/python3)\n\n"
    stacks += spied(
        80,
        "ThreadPoolExecutor-0_0",
        "SocketIO.readinto (socket.py:706)",
        "get (requests/api.py:87)",
        "ask (till/rates.py:9)",
        "rate (till/rates.py:21)",
        *below,
    )
    stacks += "".join(spied(81 + at, f"ThreadPoolExecutor-0_{at + 1}", "rate (till/rates.py:20)", *below) for at in range(5))
    diagnosis = diagnosis_of({"spy.txt": stacks, "netstat.txt": table(waiting=6, calls=1, recv=1)})
    assert diagnosis.verdict.rule == "lock-convoy"
    assert found(diagnosis, "lock-convoy")[0].culprit.frame == "till.rates.ask(till/rates.py:9)"


def forked_workers(stranger: str = "") -> dict[str, str]:
    """Three workers of a master in a slow call each, and four connections that nobody has accepted; ``stranger`` is another row of lsof."""
    worker = (
        "SocketIO.readinto (socket.py:706)",
        "HTTPResponse._read_status (http/client.py:279)",
        "ask (till/rates.py:9)",
        "SyncWorker.handle_request (gunicorn/workers/sync.py:184)",
        "SyncWorker.run (gunicorn/workers/sync.py:132)",
    )
    stacks = ("-" * 80 + "\n").join(
        f"Process {pid}: gunicorn\nPython v3.12.1 (/usr/bin/python3)\n\n" + spied(pid, "MainThread", *worker) + "\n" for pid in (77, 78, 79)
    )
    rows: list[str] = []
    for at, pid in enumerate((77, 78, 79)):
        rows += [
            f"gunicorn {pid} app 3u IPv4 100 0t0 TCP *:8080 (LISTEN)",
            f"gunicorn {pid} app 7u IPv4 {200 + at} 0t0 TCP 10.0.0.1:8080->10.0.0.9:{4000 + at} (CLOSE_WAIT)",
            f"gunicorn {pid} app 8u IPv4 {300 + at} 0t0 TCP 10.0.0.1:{5000 + at}->10.0.0.7:9443 (ESTABLISHED)",
        ]
    rows += ["gunicorn 70 app 3u IPv4 100 0t0 TCP *:8080 (LISTEN)", *filter(None, [stranger])]
    lsof = "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\n" + "\n".join(rows) + "\n"
    queued = "".join(f"CLOSE-WAIT 61 0 10.0.0.1:8080 10.0.0.9:{4100 + at}\n" for at in range(4))
    ss = f"State Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 4 128 0.0.0.0:8080 0.0.0.0:*\n{queued}"
    return {"spy.txt": stacks, "lsof.txt": lsof, "ss.txt": ss}


def test_forked_workers_are_one_pool() -> None:
    (finding,) = found(diagnosis_of(forked_workers()), "slow-backend")
    assert "3 of 3" in str(finding.figures)
    assert finding.culprit.frame == "till.rates.ask(till/rates.py:9)"


def test_what_waits_in_the_queue_of_forked_workers_is_theirs() -> None:
    (finding,) = found(diagnosis_of(forked_workers()), "slow-backend")
    assert not found(diagnosis_of(forked_workers()), "acceptor-stalled")
    assert ("7", "sockets in CLOSE_WAIT") in [(str(value), str(label)) for value, label in finding.figures]


def test_the_queue_is_not_theirs_where_another_program_accepts_from_it() -> None:
    other = forked_workers("python3 99 app 9u IPv4 400 0t0 TCP 10.0.0.1:8080->10.0.0.9:4200 (CLOSE_WAIT)")
    (finding,) = found(diagnosis_of(other), "slow-backend")
    assert "7" not in [str(value) for value, _ in finding.figures]


class TestDotnet:
    """Threads of .NET's own pool have no names: their lowest frames make them one pool."""

    WORKER = "  CoreLib.il!System.Threading.PortableThreadPool+WorkerThread.WorkerThreadStart()\n"
    RESULT = "  CoreLib.il!System.Threading.Tasks.Task.InternalWait(int32)\n  Till!Till.Catalog.Price(class System.String)\n"
    SERVES = "  Kestrel.il!Microsoft.AspNetCore.Server.Kestrel.Core.Internal.Http.HttpProtocol+<ProcessRequests>d__238`1[System.__Canon].MoveNext()\n"
    FREE = "  CoreLib.il!System.Threading.LowLevelLifoSemaphore.WaitForSignal(int32)\n"

    def threads(self, *stacks: str) -> str:
        return "".join(f"Thread (0x{0x100 + at:x}):\n  [Native Frames]\n{stack}{self.WORKER}\n" for at, stack in enumerate(stacks))

    def test_tasks_that_wait_for_one_service(self) -> None:
        diagnosis = diagnosis_of(
            {"stacks.txt": self.threads(*[self.RESULT + self.SERVES] * 8), "netstat.txt": table(waiting=8, calls=8, recv=90)}
        )
        (finding,) = found(diagnosis, "slow-backend")
        assert finding.culprit.frame == "Till.Catalog.Price"
        assert "dotnet-stack" in f"{finding.actions} {finding.missing}"

    def test_without_a_call_the_pool_blocks_on_its_own_tasks(self) -> None:
        files = {"stacks.txt": self.threads(*[self.RESULT + self.SERVES] * 8), "netstat.txt": table(waiting=8, calls=0, recv=90)}
        diagnosis = diagnosis_of(files)
        assert diagnosis.verdict.rule == "sync-over-async"
        (finding,) = found(diagnosis, "sync-over-async")
        assert finding.confidence is Confidence.LIKELY
        assert finding.culprit.frame == "Till.Catalog.Price"
        assert "dotnet-counters" in f"{finding.actions}"
        assert "jstack" not in f"{finding.actions} {finding.missing}"

    def test_one_picked_thread_is_a_suspicion(self) -> None:
        (finding,) = found(diagnosis_of({"post.md": "It hangs:\n\n" + self.threads(self.RESULT) + "\nWhy?\n"}), "sync-over-async")
        assert finding.confidence is Confidence.SUSPECTED

    def test_a_picked_thread_whose_lowest_frames_were_cut_is_known_by_the_framework(self) -> None:
        invoked = "  Mvc.il!Microsoft.AspNetCore.Mvc.Infrastructure.ActionMethodExecutor.Execute()\n"
        post = "It hangs:\n\nThread (0x2F):\n  [Native Frames]\n" + self.RESULT
        (finding,) = found(diagnosis_of({"post.md": post + invoked}), "sync-over-async")
        assert (finding.confidence, finding.loop) == (Confidence.SUSPECTED, False)
        assert not found(diagnosis_of({"post.md": post}), "sync-over-async")

    def test_a_pool_with_more_free_threads_than_blocked_ones_is_well(self) -> None:
        assert not found(diagnosis_of({"stacks.txt": self.threads(*[self.RESULT] * 3, *[self.FREE] * 5)}), "sync-over-async")

    def test_with_free_threads_nothing_is_claimed(self) -> None:
        files = {"stacks.txt": self.threads(*[self.RESULT + self.SERVES] * 4, *[self.FREE] * 4), "netstat.txt": table(waiting=1, calls=4)}
        assert diagnosis_of(files).verdict.rule is None


def test_workers_that_gunicorn_ended_are_one_pool_though_netstat_names_the_master_alone() -> None:
    log = ""
    for pid in (4117, 4118, 4119):
        log += f"[2026-11-28 15:08:45 +0000] [4105] [CRITICAL] WORKER TIMEOUT (pid:{pid})\n[2026-11-28 15:08:45 +0000] [{pid}] [ERROR] Error handling request /\n"
        log += "Traceback (most recent call last):\n" + "".join(
            f'  File "{file}", line 9, in {name}\n    x()\n'
            for file, name in (
                ("/usr/lib/python3/dist-packages/gunicorn/workers/sync.py", "handle_request"),
                ("/srv/till/book.py", "post"),
                ("/usr/lib/python3.11/http/client.py", "_read_status"),
                ("/usr/lib/python3.11/socket.py", "readinto"),
                ("/srv/lib/gunicorn/workers/base.py", "handle_abort"),
            )
        )
        log += "SystemExit: 1\n"
    rows = [f"1 10.0.0.4:8000 10.0.0.9:4{pid} CLOSE_WAIT {pid}/gunicorn" for pid in (4117, 4118, 4119)]
    rows += [f"0 10.0.0.4:5{pid} 10.0.0.8:9000 ESTABLISHED {pid}/gunicorn" for pid in (4117, 4118, 4119)]
    diagnosis = diagnosis_of({"error.log": log, "netstat.txt": netstat("9 0.0.0.0:8000 0.0.0.0:* LISTEN 4105/gunicorn", *rows)})
    assert diagnosis.verdict.rule == "slow-backend"
    assert diagnosis.primary is not None
    assert diagnosis.primary.culprit.frame == "book.post(book.py:9)"
    first = diagnosis.primary.evidence[0].where
    assert first.first <= first.last


def test_stacks_belong_to_the_process_whose_number_their_main_thread_has() -> None:
    rows = (
        "0 10.0.0.1:22 10.0.0.9:6010 ESTABLISHED 202/sshd",
        "90000 10.0.0.1:4040 10.0.0.7:5672 ESTABLISHED 611/python3",
    )
    stacks = spied(611, "MainThread", "wait (threading.py:302)", "get (queue.py:170)", "publish (till/tasks.py:58)")
    diagnosis = diagnosis_of({"spy.txt": stacks, "netstat.txt": netstat(*rows)})
    assert [pool.pid for pool in diagnosis.pools] == [611]


def test_the_first_process_of_a_container_is_not_the_init_of_the_host() -> None:
    rows = ("0 0.0.0.0:111 0.0.0.0:* LISTEN 1/systemd", "0 0.0.0.0:8080 0.0.0.0:* LISTEN 4711/python3")
    stacks = spied(1, "MainThread", "wait (threading.py:302)", "get (queue.py:170)", "publish (till/tasks.py:58)")
    diagnosis = diagnosis_of({"spy.txt": stacks, "netstat.txt": netstat(*rows)})
    assert [pool.pid for pool in diagnosis.pools] != [1]

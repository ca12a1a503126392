"""Rules for servers that have threads to spare, or whose threads are held by nothing that a lock or a call shows."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Severity, When
from tests.builders import SERVED, diagnosis_of, dump, found, idle_exec, netstat, thread

ME = "77/java"
LISTEN = f"0 :::8080 :::* LISTEN {ME}"
POLLER = thread(
    "http-nio-8080-Poller",
    "RUNNABLE",
    "sun.nio.ch.EPoll.wait",
    "sun.nio.ch.SelectorImpl.select",
    "org.apache.tomcat.util.net.NioEndpoint$Poller.run",
)


def left(count: int, recv: int = 1) -> list[str]:
    return [f"{recv} 10.1.1.5:8080 10.9.9.9:{33000 + n} CLOSE_WAIT {ME}" for n in range(count)]


class TestUnclosed:
    @staticmethod
    def snapshots(*counts: int, recv: int = 1, threads: tuple[str, ...] = ()) -> Diagnosis:
        files = {f"netstat-{n}.txt": netstat(LISTEN, *left(count, recv)) for n, count in enumerate(counts, start=1)}
        files |= {f"jstack-{n}.txt": dump(POLLER, *(threads or idle_exec(6))) for n in range(1, len(counts) + 1)}
        return diagnosis_of(files)

    def test_catches_requests_that_never_end(self) -> None:
        finding = found(self.snapshots(40, 80), "async-never-completed")[0]
        assert (finding.confidence, finding.severity) == (Confidence.LIKELY, Severity.WARNING)
        assert "40 → 80" in finding.explanation

    def test_one_snapshot_is_a_suspicion(self) -> None:
        assert found(self.snapshots(40), "async-never-completed")[0].confidence is Confidence.SUSPECTED

    def test_a_cut_dump_may_hide_the_threads_that_have_them(self) -> None:
        files = {f"netstat-{n}.txt": netstat(LISTEN, *left(40)) for n in (1, 2)}
        files |= {f"jstack-{n}.txt": dump(POLLER, *idle_exec(6), complete=n == 1) for n in (1, 2)}
        assert found(diagnosis_of(files), "async-never-completed")[0].confidence is Confidence.SUSPECTED

    @staticmethod
    def own_server(*, sent: str | None, whole: bool = True) -> Diagnosis:
        """A server of own making; ``sent``: what its counters say of answers, None for a table without them; ``whole``: all of its threads are here."""

        def table(count: int) -> str:
            rows = [
                "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process",
                'LISTEN 0 50 *:8080 *:* users:(("java",pid=77,fd=5))',
            ]
            for n in range(count):
                rows.append(f'CLOSE-WAIT 1 0 10.1.1.5:8080 10.9.9.9:{33000 + n} users:(("java",pid=77,fd={9 + n}))')
                if sent is not None:
                    rows.append(f"\t cubic wscale:7,7 rto:204 bytes_received:60 data_segs_in:1 {sent}")
            return "\n".join(rows) + "\n"

        take = ("jdk.internal.misc.Unsafe.park", "java.util.concurrent.LinkedBlockingQueue.take")
        rest = [thread(f"desk-{n}", "WAITING (parking)", *take, "java.util.concurrent.ThreadPoolExecutor.getTask") for n in range(6)]
        door = thread("door", "RUNNABLE", "sun.nio.ch.Net.accept", "java.net.ServerSocket.accept", "org.acme.Door.run", native="runnable")
        files = {f"ss-{n}.txt": table(count) for n, count in enumerate((20, 30), start=1)}
        return diagnosis_of(files | {f"jstack-{n}.txt": dump(door, *rest, complete=whole) for n in (1, 2)})

    def test_an_own_server_whose_counters_show_no_answer_put_the_requests_aside(self) -> None:
        (finding,) = found(self.own_server(sent="lastsnd:5002 lastrcv:5002"), "async-never-completed")
        assert finding.confidence is Confidence.LIKELY
        assert "stay from snapshot to snapshot" in finding.why_confident

    @pytest.mark.parametrize("sent", [None, "bytes_sent:90 data_segs_out:1 lastsnd:5000 lastrcv:5002"], ids=["no counters", "answered"])
    def test_an_own_server_without_any_library_forgets_to_close(self, sent: str | None) -> None:
        diagnosis = self.own_server(sent=sent)
        (finding,) = found(diagnosis, "server-never-closes")
        assert finding.confidence is Confidence.SUSPECTED
        assert "no thread of it looks at them any more" in finding.headline
        assert not found(diagnosis, "async-never-completed")

    def test_a_cut_dump_may_lack_the_library_that_puts_requests_aside(self) -> None:
        assert not found(self.own_server(sent=None, whole=False), "server-never-closes")

    def test_read_to_the_end_is_the_server_that_never_closes(self) -> None:
        diagnosis = self.snapshots(40, 80, recv=0)
        finding = found(diagnosis, "server-never-closes")[0]
        assert finding.confidence is Confidence.LIKELY
        assert not [one for one in finding.actions if one.when is When.NOW], "nobody is asked for what is there already"
        assert not found(diagnosis, "async-never-completed")

    def test_one_snapshot_asks_whether_they_stay(self) -> None:
        finding = found(self.snapshots(40, recv=0), "server-never-closes")[0]
        assert finding.confidence is Confidence.SUSPECTED
        assert [one.command for one in finding.actions if one.when is When.NOW] == ["ss -tanpoei > ss-2.txt"]

    def test_catches_not_while_the_pool_is_busy(self) -> None:
        busy = tuple(thread(f"http-nio-8080-exec-{n}", "RUNNABLE", "com.example.Work.run", *SERVED) for n in range(6))
        diagnosis = self.snapshots(40, 80, threads=busy)
        assert not found(diagnosis, "async-never-completed")
        assert not found(diagnosis, "server-never-closes")

    def test_catches_not_a_few(self) -> None:
        assert not found(self.snapshots(4, 5), "async-never-completed")


class TestIdleConnections:
    @staticmethod
    def pinned(*rows: str, idle: int = 0) -> Diagnosis:
        reading = [
            thread(
                f"intake-{n}",
                "RUNNABLE",
                "java.net.SocketInputStream.socketRead0",
                "com.example.Intake.readRequest",
                "java.lang.Thread.run",
            )
            for n in range(10)
        ]
        resting = [
            thread(
                f"intake-{90 + n}", "WAITING (parking)", "jdk.internal.misc.Unsafe.park", "java.util.concurrent.ThreadPoolExecutor.getTask"
            )
            for n in range(idle)
        ]
        clients = [f"0 10.1.1.5:8080 10.9.9.9:{36000 + n} ESTABLISHED {ME}" for n in range(10)]
        return diagnosis_of(
            {
                "jstack.txt": dump(*reading, *resting).replace("0x100", "0x4f"),
                "netstat.txt": netstat(LISTEN, *clients, *left(8, recv=60), *rows),
            }
        )

    def test_catches_clients_that_send_nothing(self) -> None:
        finding = found(self.pinned(), "idle-connections-pin-threads")[0]
        assert finding.confidence is Confidence.CERTAIN
        assert finding.culprit.frame == "com.example.Intake.readRequest(Intake.java:11)"

    def test_catches_not_readers_of_another_service(self) -> None:
        assert not found(
            self.pinned(*(f"0 10.1.1.5:{41000 + n} 10.2.2.2:443 ESTABLISHED {ME}" for n in range(10))), "idle-connections-pin-threads"
        )

    def test_catches_not_while_a_thread_is_free(self) -> None:
        assert not found(self.pinned(idle=2), "idle-connections-pin-threads")


class TestLostDescriptors:
    @staticmethod
    def lsof(count: int) -> str:
        rows = [f"java    77 app {n + 9:>4}u  sock                0,8       0t0 {173000 + n} protocol: TCPv6" for n in range(count)]
        return "\n".join(["COMMAND PID USER   FD      TYPE             DEVICE  SIZE/OFF    NODE NAME", *rows]) + "\n"

    def test_catches_growth(self) -> None:
        finding = found(diagnosis_of({"lsof-1.txt": self.lsof(9), "lsof-2.txt": self.lsof(18)}), "fd-leak-without-tcp")[0]
        assert finding.confidence is Confidence.CERTAIN
        assert "9 → 18" in finding.explanation

    def test_many_at_once_are_likely(self) -> None:
        assert found(diagnosis_of({"lsof.txt": self.lsof(60)}), "fd-leak-without-tcp")[0].confidence is Confidence.LIKELY

    @pytest.mark.parametrize("counts", [(2,), (2, 2), (9, 4)])
    def test_catches_not_a_few_on_their_way_out(self, counts: tuple[int, ...]) -> None:
        assert not found(
            diagnosis_of({f"lsof-{n}.txt": self.lsof(count) for n, count in enumerate(counts, start=1)}), "fd-leak-without-tcp"
        )


class TestCollector:
    @staticmethod
    def dumps(collector: float, application: float) -> Diagnosis:
        files = {}
        for number in (1, 2):
            clock = 10.0 * number
            gc = f'"GC Thread#0" os_prio=0 cpu={collector * clock * 1000:.2f}ms elapsed={clock:.2f}s tid=0x00007fbc1002fc80 nid=0x7096 runnable  \n'
            one = thread("worker-1", "RUNNABLE", "com.example.Sum.total", *SERVED, native="runnable").replace(
                "tid=", f"cpu={application * clock * 1000:.2f}ms elapsed={clock:.2f}s tid=", 1
            )
            files[f"jstack-{number}.txt"] = dump(one, gc)
        return diagnosis_of(files)

    def test_catches_collectors_that_outrun_the_application(self) -> None:
        finding = found(self.dumps(1.6, 0.1), "gc-thrash")[0]
        assert finding.confidence is Confidence.LIKELY
        assert "1.6 processors" in finding.headline

    def test_catches_not_a_server_that_works_more_than_it_collects(self) -> None:
        assert not found(self.dumps(0.6, 1.2), "gc-thrash")

    def test_catches_not_an_idle_one(self) -> None:
        assert not found(self.dumps(0.05, 0.01), "gc-thrash")


class TestPinning:
    CARRIER = (
        '"ForkJoinPool-1-worker-1" #31 [4201] daemon prio=5 os_prio=0 cpu=1.00ms elapsed=9.00s tid=0x00007f0000000000  [0x00007f1000000000]\n'
        "   Carrying virtual thread #40\n\tat jdk.internal.vm.Continuation.run(Continuation.java:248)\n\tat java.lang.VirtualThread.runContinuation(VirtualThread.java:293)\n"
    )
    MOUNTED = "   Mounted virtual thread #40\n"

    def dump_of(self, *frames: str) -> str:
        stack = "".join(f"\tat {frame}(X.java:1)\n" for frame in frames)
        return dump(self.CARRIER + self.MOUNTED + stack)

    def test_catches_a_parked_thread_on_its_carrier(self) -> None:
        text = self.dump_of(
            "java.lang.VirtualThread.parkOnCarrierThread",
            "java.util.concurrent.locks.LockSupport.park",
            "com.example.Station.<clinit>",
            "com.example.Station.read",
        )
        rows = [f"60 10.1.1.5:8080 10.9.9.9:{33000 + n} CLOSE_WAIT {ME}" for n in range(8)]
        finding = found(diagnosis_of({"jstack-77.txt": "77:\n" + text, "netstat.txt": netstat(LISTEN, *rows)}), "virtual-thread-pinning")[0]
        assert finding.culprit.frame == "com.example.Station.<clinit>(X.java:1)"

    def test_catches_not_a_carrier_that_computes(self) -> None:
        text = self.dump_of("com.example.Sum.total", "com.example.Sum.run")
        assert not found(
            diagnosis_of({"jstack-77.txt": "77:\n" + text, "netstat.txt": netstat(LISTEN, *left(8))}), "virtual-thread-pinning"
        )


class TestStopped:
    STATUS = "Name:\tjava\nUmask:\t0022\nState:\t{state}\nTgid:\t77\nNgid:\t0\nPid:\t77\nPPid:\t1\nTracerPid:\t0\nThreads:\t41\n"
    FAILED = "77: Unable to open socket file /proc/77/root/tmp/.java_pid77: target process 77 doesn't respond within 10500ms or HotSpot VM not loaded\n"

    def judged(self, state: str, **more: str) -> Diagnosis:
        return diagnosis_of({"status.txt": self.STATUS.format(state=state), "netstat.txt": netstat(LISTEN, *left(6, recv=60)), **more})

    def test_catches_a_stopped_process(self) -> None:
        assert found(self.judged("T (stopped)"), "process-stopped")[0].confidence is Confidence.LIKELY

    def test_a_vm_that_does_not_answer_makes_it_certain(self) -> None:
        diagnosis = self.judged("T (stopped)", **{"jstack.txt": self.FAILED})
        assert found(diagnosis, "process-stopped")[0].confidence is Confidence.CERTAIN
        assert diagnosis.verdict.rule == "process-stopped"

    @pytest.mark.parametrize("state", ["S (sleeping)", "R (running)", "D (disk sleep)"])
    def test_catches_not_a_process_that_runs_or_sleeps(self, state: str) -> None:
        assert not found(self.judged(state), "process-stopped")


class TestAtRest:
    """No dump: by the kernel's counters nobody waits for an answer, and requests lie unread."""

    IDLE = "lastsnd:60000 lastrcv:60000"
    ANSWERED = "bytes_sent:900 bytes_received:60 data_segs_out:1 data_segs_in:1 lastsnd:60000 lastrcv:60002"
    ASKED = "bytes_received:60 data_segs_in:1 lastsnd:60000 lastrcv:5000"

    @staticmethod
    def told(
        idle: str, unread: str = "bytes_received:60 data_segs_in:1 lastsnd:5000 lastrcv:5000", count: int = 8, queue: int = 0
    ) -> Diagnosis:
        rows = ["State Recv-Q Send-Q Local Address:Port Peer Address:Port Process", 'LISTEN 0 50 *:8080 *:* users:(("java",pid=77,fd=5))']
        for n in range(6):
            rows.append(f'ESTAB 0 {queue} 10.1.1.5:8080 10.9.9.9:{33000 + n} users:(("java",pid=77,fd={9 + n}))')
            rows.append(f"\t cubic wscale:7,7 rto:204 {idle}")
        for n in range(count):
            rows.append(f'ESTAB 60 0 10.1.1.5:8080 10.9.9.9:{43000 + n} users:(("java",pid=77,fd={39 + n}))')
            rows.append(f"\t cubic wscale:7,7 rto:204 {unread}")
        return diagnosis_of({"ss.txt": "\n".join(rows) + "\n"})

    @pytest.mark.parametrize("idle", [IDLE, ANSWERED])
    def test_idle_clients_may_hold_the_threads(self, idle: str) -> None:
        (finding,) = found(self.told(idle), "idle-connections-pin-threads")
        assert finding.confidence is Confidence.SUSPECTED
        assert "8 requests wait unread" in finding.headline

    def test_other_tables_are_none(self) -> None:
        assert not found(self.told(self.ASKED), "idle-connections-pin-threads")  # requests are in service: something else is slow
        assert not found(self.told(self.ANSWERED, queue=9000), "idle-connections-pin-threads")  # clients that do not read
        assert not found(self.told(self.ANSWERED, count=0), "idle-connections-pin-threads")  # nobody waits
        assert not found(self.told(self.ANSWERED, "bytes_received:60 data_segs_in:1 lastsnd:9 lastrcv:9"), "idle-connections-pin-threads")

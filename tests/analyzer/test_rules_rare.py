"""Rules for rarer causes, on inputs as the tools print them."""

from __future__ import annotations

from analyzer.finding import Confidence
from tests.builders import diagnosis_of, dump, found, idle_exec, netstat, thread

ME = "77/java"
LISTEN = f"0 :::8080 :::* LISTEN {ME}"


class TestVanishedPeer:
    @staticmethod
    def table(retransmits: int, count: int = 3, send_q: int = 120) -> str:
        rows = [
            f"tcp        0 {send_q:>6} 10.1.1.5:{41000 + n} 10.2.2.2:5432 ESTABLISHED {ME}             on (12.30/{retransmits}/0)"
            for n in range(count)
        ]
        return netstat(LISTEN) + "\n".join(rows) + "\n"

    def test_catches_a_peer_that_acknowledges_nothing(self) -> None:
        finding = found(diagnosis_of({"netstat.txt": self.table(7)}), "vanished-peer")[0]
        assert finding.confidence is Confidence.LIKELY
        assert finding.culprit.remote == "10.2.2.2"
        assert "up to 7 times" in finding.explanation

    def test_catches_not_one_lost_packet_or_one_connection(self) -> None:
        assert not found(diagnosis_of({"netstat.txt": self.table(1)}), "vanished-peer")
        assert not found(diagnosis_of({"netstat.txt": self.table(7, count=1)}), "vanished-peer")
        assert not found(diagnosis_of({"netstat.txt": self.table(7, send_q=0)}), "vanished-peer")


class TestInherited:
    @staticmethod
    def lsof(second: str) -> str:
        rows = [
            f"{name} {pid} app {n + 9}u IPv4 {900 + n} 0t0 TCP 10.1.1.5:41{n:03}->10.2.2.2:443 (CLOSE_WAIT)"
            for n in range(5)
            for name, pid in (("java", 77), (second, 99))
        ]
        return "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\n" + "\n".join(rows) + "\n"

    def test_catches_a_child_of_another_program(self) -> None:
        finding = found(diagnosis_of({"lsof.txt": self.lsof("ffmpeg")}), "inherited-fd")[0]
        assert "ffmpeg (pid 99) holds 5 connections of java (pid 77) open" in finding.headline

    def test_catches_not_workers_of_one_program(self) -> None:
        assert not found(diagnosis_of({"lsof.txt": self.lsof("java")}), "inherited-fd")


class TestFinalizer:
    STUCK = thread(
        "Finalizer",
        "BLOCKED (on object monitor)",
        "com.example.Handle.finalize",
        "- waiting to lock <0x00000000000000b1> (a java.lang.Object)",
        "java.lang.ref.Finalizer.runFinalizer",
    )
    IDLE = thread(
        "Finalizer",
        "WAITING (on object monitor)",
        "java.lang.Object.wait",
        "java.lang.ref.ReferenceQueue.remove",
        "java.lang.ref.Finalizer$FinalizerThread.run",
    )

    def test_catches_a_finalizer_that_waits_for_a_lock(self) -> None:
        assert found(diagnosis_of({"jstack.txt": dump(self.STUCK)}), "finalizer-stuck")[0].confidence is Confidence.LIKELY

    def test_two_dumps_make_it_certain(self) -> None:
        files = {"jstack-1.txt": dump(self.STUCK), "jstack-2.txt": dump(self.STUCK)}
        assert found(diagnosis_of(files), "finalizer-stuck")[0].confidence is Confidence.CERTAIN

    def test_catches_not_a_finalizer_at_rest(self) -> None:
        assert not found(diagnosis_of({"jstack.txt": dump(self.IDLE)}), "finalizer-stuck")


class TestEntropy:
    READER = thread(
        "exec-1",
        "RUNNABLE",
        "java.io.FileInputStream.readBytes",
        "java.io.FileInputStream.read",
        "sun.security.provider.NativePRNG$RandomIO.readFully",
        "sun.security.provider.NativePRNG$RandomIO.implGenerateSeed",
        "com.example.Token.make",
    )

    @staticmethod
    def behind(count: int) -> list[str]:
        return [
            thread(
                f"exec-{n}",
                "BLOCKED (on object monitor)",
                "sun.security.provider.NativePRNG$RandomIO.implNextBytes",
                "- waiting to lock <0x00000000000000b1> (a java.lang.Object)",
                "com.example.Token.make",
            )
            for n in range(2, 2 + count)
        ]

    def test_catches_a_read_of_the_source_and_its_queue(self) -> None:
        assert (
            "6 threads wait for random numbers"
            in found(diagnosis_of({"jstack.txt": dump(self.READER, *self.behind(5))}), "entropy-stall")[0].headline
        )

    def test_catches_not_a_shared_generator_without_a_read(self) -> None:
        assert not found(diagnosis_of({"jstack.txt": dump(*self.behind(5))}), "entropy-stall")


class TestBacklog:
    @staticmethod
    def ss(waiting: int) -> str:
        return f'State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\nLISTEN {waiting}      50     *:8080 *:* users:(("java",pid=77,fd=7))\n'

    @staticmethod
    def nstat(value: int) -> str:
        return f"#kernel\nTcpExtListenOverflows           {value}                0.0\nTcpExtListenDrops               {value}                0.0\n"

    def test_catches_a_full_queue_beside_free_threads(self) -> None:
        finding = found(diagnosis_of({"ss.txt": self.ss(51), "jstack.txt": dump(*idle_exec(5))}), "backlog-overflow")[0]
        assert finding.confidence is Confidence.LIKELY

    def test_counters_that_grow_make_it_certain(self) -> None:
        files = (
            {f"ss-{n}.txt": self.ss(51) for n in (1, 2)}
            | {f"nstat-{n}.txt": self.nstat(100 * n) for n in (1, 2)}
            | {f"jstack-{n}.txt": dump(*idle_exec(5)) for n in (1, 2)}
        )
        assert found(diagnosis_of(files), "backlog-overflow")[0].confidence is Confidence.CERTAIN

    def test_without_threads_it_is_a_suspicion(self) -> None:
        assert found(diagnosis_of({"ss.txt": self.ss(51)}), "backlog-overflow")[0].confidence is Confidence.SUSPECTED

    def test_catches_not_a_queue_with_room(self) -> None:
        assert not found(diagnosis_of({"ss.txt": self.ss(3), "jstack.txt": dump(*idle_exec(5))}), "backlog-overflow")


class TestDisk:
    @staticmethod
    def files(state: str) -> dict[str, str]:
        writing = [
            thread(f"exec-{n}", "RUNNABLE", "java.io.FileOutputStream.writeBytes", "com.example.Audit.append", nid=256 + n)
            for n in range(3)
        ]
        rows = "".join(f"{256 + n:>5} app       20   0 2683480 100468  22284 {state}   0.0   0.4   0:00.10 exec-{n}\n" for n in range(3))
        top = f"top - 03:04:15 up 1 day\nThreads:  30 total,   1 running\n\n  PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n{rows}"
        return {"jstack.txt": dump(*writing), "top.txt": top}

    def test_catches_threads_in_uninterruptible_sleep(self) -> None:
        finding = found(diagnosis_of(self.files("D")), "disk-stall")[0]
        assert finding.confidence is Confidence.LIKELY
        assert finding.culprit.frame == "com.example.Audit.append(Audit.java:11)"

    def test_catches_not_threads_that_sleep(self) -> None:
        assert not found(diagnosis_of(self.files("S")), "disk-stall")


class TestProxy:
    @staticmethod
    def table(command: str, count: int) -> str:
        return netstat(
            f"0 0.0.0.0:443 0.0.0.0:* LISTEN 99/{command}",
            *(f"0 10.1.1.5:443 10.9.9.9:{33000 + n} CLOSE_WAIT 99/{command}" for n in range(count)),
        )

    def test_suspects_a_proxy_that_keeps_connections(self) -> None:
        assert found(diagnosis_of({"netstat.txt": self.table("haproxy", 60)}), "proxy-half-close")[0].confidence is Confidence.SUSPECTED

    def test_catches_not_a_few_or_another_program(self) -> None:
        assert not found(diagnosis_of({"netstat.txt": self.table("haproxy", 5)}), "proxy-half-close")
        assert not found(diagnosis_of({"netstat.txt": self.table("java", 60)}), "proxy-half-close")

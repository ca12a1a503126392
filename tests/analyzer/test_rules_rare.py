"""Rules for rarer causes, on inputs as the tools print them."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Severity
from tests.builders import READ, diagnosis_of, dump, found, idle_exec, netstat, thread

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

    def test_a_single_call_that_was_sent_for_long_is_enough_and_a_single_client_is_not(self) -> None:
        (finding,) = found(diagnosis_of({"netstat.txt": self.table(11, count=1)}), "vanished-peer")
        assert finding.headline == "10.2.2.2 does not acknowledge what is sent to it: 1 connection retransmits in vain."
        client = self.table(11, count=1).replace("10.1.1.5:41000 10.2.2.2:5432", "10.1.1.5:8080 10.2.2.2:51432")
        assert not found(diagnosis_of({"netstat.txt": client}), "vanished-peer")

    def test_picked_threads_that_call_are_told_with_the_silent_host(self) -> None:
        stack = thread("till-4", "RUNNABLE", *READ, "org.acme.Till.price", native="runnable")
        (finding,) = found(diagnosis_of({"post.txt": f"They hang:\n\n{stack}\n{self.table(11, count=1)}"}), "vanished-peer")
        assert "retransmits in vain, and threads like “till-4” (1 pasted) wait for an answer" in finding.headline
        assert "called from org.acme.Till.price" in finding.headline

    def test_several_peers_at_once_are_one_cause(self) -> None:
        others = "".join(row + "\n" for row in self.table(5).replace("10.2.2.2", "10.2.2.3").splitlines() if "10.2.2.3" in row)
        (finding,) = found(diagnosis_of({"netstat.txt": self.table(7) + others}), "vanished-peer")
        assert finding.headline == "2 hosts do not acknowledge what is sent to them: 6 connections retransmit in vain."
        assert "10.2.2.2, 10.2.2.3" in finding.explanation
        assert "points at the way to them" in finding.explanation


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

    @staticmethod
    def shared(*, child: str = "ffmpeg", served: int = 2, kept: str = "CLOSE-WAIT", families: int = 1) -> str:
        """A listener that two programs hold; pid 77 serves connections, pid 9 (pids wrap) has others alone."""
        holders = f'users:(("java",pid=77,fd=7),("{child}",pid=9,fd=7))'
        rows = [f"LISTEN 0 50 {host}:8080 {host}:* {holders}" for host in ("*", "[::]")[:families]]
        rows += [f'ESTAB 0 0 10.1.1.5:8080 10.9.9.9:4{n:04} users:(("java",pid=77,fd={20 + n}))' for n in range(served)]
        rows += [f'{kept} 0 0 10.1.1.5:8080 10.9.9.9:5{n:04} users:(("{child}",pid=9,fd={20 + n}))' for n in range(5)]
        return "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n" + "\n".join(rows) + "\n"

    @pytest.mark.parametrize("families", [1, 2])
    def test_catches_a_child_that_alone_keeps_what_the_parent_has_closed(self, families: int) -> None:
        (finding,) = found(diagnosis_of({"ss.txt": self.shared(families=families)}), "inherited-fd")
        assert finding.headline == "ffmpeg (pid 9) holds 5 connections of java (pid 77) open."
        assert finding.culprit.listener == "*:8080"

    def test_catches_not_who_serves_a_listener_that_another_program_opened(self) -> None:
        """Socket activation, a master and its workers: the second holder serves nothing; and the one with the CLOSE_WAITs serves others."""
        assert not found(diagnosis_of({"ss.txt": self.shared(served=0)}), "inherited-fd")
        both = self.shared() + 'ESTAB 0 0 10.1.1.5:8080 10.9.9.9:60000 users:(("ffmpeg",pid=9,fd=60))\n'
        assert not found(diagnosis_of({"ss.txt": both}), "inherited-fd")

    def test_catches_not_two_hosts_that_listen_on_equal_ports(self) -> None:
        """Two tables that do not name their hosts: equal endpoints, and sockets of their own."""
        head = "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\n"
        first = (
            head
            + "java 77 app 7u IPv4 5001 0t0 TCP *:8080 (LISTEN)\n"
            + "".join(f"java 77 app {20 + n}u IPv4 51{n:02} 0t0 TCP 10.1.1.5:8080->10.9.9.9:4{n:04} (ESTABLISHED)\n" for n in range(2))
        )
        second = (
            head
            + "ffmpeg 9 app 7u IPv4 7001 0t0 TCP *:8080 (LISTEN)\n"
            + "".join(f"ffmpeg 9 app {20 + n}u IPv4 71{n:02} 0t0 TCP 10.1.1.5:8080->10.9.9.9:5{n:04} (CLOSE_WAIT)\n" for n in range(5))
        )
        assert not found(diagnosis_of({"a-lsof.txt": first, "b-lsof.txt": second}), "inherited-fd")

    def test_catches_not_the_old_process_of_a_reload(self) -> None:
        assert not found(diagnosis_of({"ss.txt": self.shared(child="java")}), "inherited-fd")
        assert not found(diagnosis_of({"ss.txt": self.shared(kept="ESTAB")}), "inherited-fd")


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

    def test_names_the_owner_of_the_lock_that_it_waits_for(self) -> None:
        owner = thread(
            "loader-1",
            "RUNNABLE",
            "java.net.SocketInputStream.socketRead0",
            "com.example.Arena.refill",
            "- locked <0x00000000000000b1> (a java.lang.Object)",
        )
        finding = found(diagnosis_of({"jstack.txt": dump(self.STUCK, owner)}), "finalizer-stuck")[0]
        assert "for a lock that “loader-1” holds" in finding.headline
        assert "that one waits for an answer on a socket, called from com.example.Arena.refill" in finding.explanation

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
        "- locked <0x00000000000000b1> (a java.lang.Object)",
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

    def test_the_same_read_in_two_dumps_makes_it_certain(self) -> None:
        files = {f"jstack-{n}.txt": dump(self.READER, *self.behind(5)) for n in (1, 2)}
        (finding,) = found(diagnosis_of(files), "entropy-stall")
        assert finding.confidence is Confidence.CERTAIN
        assert finding.severity is Severity.CRITICAL

    def test_another_reader_is_a_queue_that_moves(self) -> None:
        other = self.READER.replace("exec-1", "exec-9")
        files = {"jstack-1.txt": dump(other, *self.behind(5)), "jstack-2.txt": dump(self.READER, *self.behind(5))}
        assert found(diagnosis_of(files), "entropy-stall")[0].confidence is Confidence.LIKELY

    def test_free_threads_beside_it_make_it_a_warning(self) -> None:
        idle = thread(
            "exec-20",
            "WAITING (parking)",
            "java.util.concurrent.LinkedBlockingQueue.take",
            "java.util.concurrent.ThreadPoolExecutor.getTask",
        )
        (finding,) = found(diagnosis_of({"jstack.txt": dump(self.READER, *self.behind(5), idle)}), "entropy-stall")
        assert finding.severity is Severity.WARNING

    def test_the_convoy_behind_the_reader_is_its_consequence(self) -> None:
        diagnosis = diagnosis_of({"jstack.txt": dump(self.READER, *self.behind(5))})
        (cause,), (convoy,) = found(diagnosis, "entropy-stall"), found(diagnosis, "lock-convoy")
        assert convoy.consequence_of == cause.id
        assert diagnosis.verdict.rule == "entropy-stall"

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

    def test_an_acceptor_that_does_more_than_accept_is_named(self) -> None:
        pausing = thread("relay-acceptor", "TIMED_WAITING (sleeping)", "java.lang.Thread.sleep", "com.example.Relay.throttle")
        (finding,) = found(diagnosis_of({"ss.txt": self.ss(51), "jstack.txt": dump(pausing, *idle_exec(5))}), "backlog-overflow")
        assert finding.culprit.frame == "com.example.Relay.throttle(Relay.java:11)"
        assert any("out of the acceptor" in one.text for one in finding.actions)

    @pytest.mark.parametrize(("last", "catches"), [(200, True), (100, False)])
    def test_a_queue_that_was_full_counts_while_the_counters_grow(self, last: int, catches: bool) -> None:
        files = {f"jstack-{n}.txt": dump(*idle_exec(5)) for n in (1, 2)} | {"ss-1.txt": self.ss(51), "ss-2.txt": self.ss(40)}
        files |= {"nstat-1.txt": self.nstat(100), "nstat-2.txt": self.nstat(last)}
        assert bool(found(diagnosis_of(files), "backlog-overflow")) is catches

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
        assert finding.severity is Severity.CRITICAL
        assert finding.culprit.frame == "com.example.Audit.append(Audit.java:11)"

    def test_a_thread_that_is_free_makes_it_a_warning(self) -> None:
        files = self.files("D")
        files["jstack.txt"] += thread(
            "exec-9",
            "WAITING (parking)",
            "java.util.concurrent.LinkedBlockingQueue.take",
            "java.util.concurrent.ThreadPoolExecutor.getTask",
            nid=999,
        )
        assert found(diagnosis_of(files), "disk-stall")[0].severity is Severity.WARNING

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

    def passed_on(self, state: str, count: int = 60) -> str:
        behind = "".join(f"tcp        0      0 10.1.1.5:{43000 + n} 10.2.2.2:8100 {state} 99/haproxy\n" for n in range(count))
        return self.table("haproxy", 60) + behind

    def test_halves_that_were_passed_on_wait_for_no_answer(self) -> None:
        (finding,) = found(diagnosis_of({"netstat.txt": self.passed_on("FIN_WAIT2")}), "proxy-half-close")
        assert finding.confidence is Confidence.LIKELY
        assert "passed their end on to 10.2.2.2:8100" in finding.headline

    def test_calls_that_are_open_or_a_few_ends_do_not_tell(self) -> None:
        for table in (self.passed_on("ESTABLISHED"), self.passed_on("FIN_WAIT2", 30)):
            assert found(diagnosis_of({"netstat.txt": table}), "proxy-half-close")[0].confidence is Confidence.SUSPECTED

    def test_a_second_table_says_that_it_lasts(self) -> None:
        once = found(diagnosis_of({"netstat.txt": self.table("haproxy", 60)}), "proxy-half-close")[0]
        twice = found(diagnosis_of({f"netstat-{n}.txt": self.table("haproxy", 60) for n in (1, 2)}), "proxy-half-close")[0]
        assert any("second socket table" in one.artifact for one in once.missing)
        assert not any("second socket table" in one.artifact for one in twice.missing)
        assert "60 of them were there in the table before" in twice.explanation

    def test_catches_not_a_few_or_another_program(self) -> None:
        assert not found(diagnosis_of({"netstat.txt": self.table("haproxy", 5)}), "proxy-half-close")
        assert not found(diagnosis_of({"netstat.txt": self.table("java", 60)}), "proxy-half-close")

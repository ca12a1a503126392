"""Rules about the process itself: descriptors, acceptors, event loops, writes, processors, databases."""

from __future__ import annotations

from typing import ClassVar

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Severity
from tests.analyzer.test_roles import ACCEPTS
from tests.builders import PARK, READ, SERVED, diagnosis_of, dump, found, idle_exec, netstat, thread

ME = "77/java"
LISTEN = f"3 :::8080 :::* LISTEN {ME}"
WAITING = [f"60 10.1.1.5:8080 10.9.9.9:{34000 + n} CLOSE_WAIT -" for n in range(8)]
ACCEPT = thread(
    "http-nio-8080-Acceptor",
    "RUNNABLE",
    "sun.nio.ch.Net.accept",
    "sun.nio.ch.ServerSocketChannelImpl.accept",
    "org.apache.tomcat.util.net.Acceptor.run",
)
PAUSE = thread(
    "http-nio-8080-Acceptor",
    "TIMED_WAITING (sleeping)",
    "java.lang.Thread.sleep",
    "org.apache.tomcat.util.net.AbstractEndpoint.handleExceptionWithDelay",
    "org.apache.tomcat.util.net.Acceptor.run",
)


def limits(soft: int) -> str:
    return f"Limit                     Soft Limit           Hard Limit           Units     \nMax open files            {soft:<20} {soft:<20} files     \n"


def descriptors(count: int) -> str:
    rows = [f"lr-x------ 1 app app 64 Jan  2 03:04 {n} -> /srv/data/thumb.jpg" for n in range(count)]
    return "\n".join(["total 0", *rows]) + "\n"


class TestDescriptors:
    RULE = "fd-exhaustion"

    def test_catches_a_full_table(self) -> None:
        files = {
            "fd.txt": descriptors(255),
            "limits.txt": limits(256),
            "jstack.txt": dump(PAUSE, *idle_exec(4)),
            "netstat.txt": netstat(LISTEN, *WAITING),
        }
        diagnosis = diagnosis_of(files)
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("fd-exhaustion", Confidence.CERTAIN)
        assert "/srv/data/thumb.jpg" in diagnosis.verdict.headline
        assert not found(diagnosis, "acceptor-stalled")

    def test_sockets_that_are_gone_fill_it(self) -> None:
        """Two findings of one story: the leak is the cause. What the log says makes it sure."""
        rows = [f"java  431 app  {n}u  sock  0,8  0t0  {9000 + n} protocol: TCPv6" for n in range(3, 64)]
        rows += ["java  431 app  64u  IPv6  7000  0t0  TCP *:8080 (LISTEN)", "java  431 app  65r  REG  254,1  1  7 /srv/app.jar"]
        files = {"lsof.txt": "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\n" + "\n".join(rows) + "\n", "limits-431.txt": limits(64)}
        diagnosis = diagnosis_of(files)
        (full,), (leak,) = found(diagnosis, self.RULE), found(diagnosis, "fd-leak-without-tcp")
        assert diagnosis.verdict.rule == "fd-leak-without-tcp"
        assert (full.consequence_of, full.confidence) == (leak.id, Confidence.LIKELY)
        assert "most of them sockets of connections that are gone" in full.headline
        (full,) = found(diagnosis_of({**files, "app.log": "accept: java.io.IOException: Too many open files\n"}), self.RULE)
        assert (full.severity, full.confidence) == (Severity.CRITICAL, Confidence.CERTAIN)
        assert any(one.where.file == "app.log" for one in full.evidence)

    def test_catches_not_half_a_table(self) -> None:
        assert not found(
            diagnosis_of({"fd.txt": descriptors(120), "limits.txt": limits(256), "jstack.txt": dump(*idle_exec(4))}), self.RULE
        )

    def test_without_limits_a_usual_one_is_an_assumption(self) -> None:
        files = {"fd.txt": descriptors(1020), "jstack.txt": dump(*idle_exec(4)), "netstat.txt": netstat(LISTEN)}
        assert found(diagnosis_of(files), self.RULE)[0].confidence is Confidence.SUSPECTED


class TestAcceptor:
    BUSY = thread(
        "relay-acceptor", "RUNNABLE", "java.net.SocketInputStream.socketRead0", "com.example.Relay.greet", "com.example.Relay.acceptLoop"
    )

    def test_catches_an_acceptor_that_reads(self) -> None:
        diagnosis = diagnosis_of(
            {"jstack.txt": dump(self.BUSY, time="2026-01-02 03:04:05").replace("0x100", "0x4f"), "netstat.txt": netstat(LISTEN, *WAITING)}
        )
        finding = found(diagnosis, "acceptor-stalled")[0]
        assert finding.confidence is Confidence.CERTAIN
        assert finding.culprit.frame == "com.example.Relay.greet(Relay.java:11)"

    def test_an_acceptor_that_is_gone_is_likely(self) -> None:
        diagnosis = diagnosis_of({"jstack.txt": dump(*idle_exec(4)), "netstat.txt": netstat(LISTEN, *WAITING)})
        assert found(diagnosis, "acceptor-stalled")[0].confidence is Confidence.LIKELY

    def test_the_log_tells_what_ended_the_acceptor(self) -> None:
        """A thread that is no more, by the words of the runtime; or a logger's words above a stack that leads through accept."""
        files = {"jstack.txt": dump(*idle_exec(4)), "netstat.txt": netstat(LISTEN, *WAITING)}
        stack = "\tat java.base/java.net.ServerSocket.implAccept(ServerSocket.java:675)\n\tat com.example.Relay.acceptLoop(Relay.java:31)\n"
        ended = 'Exception in thread "relay-door" java.lang.IllegalStateException: no room\n\tat com.example.Relay.admit(Relay.java:40)\n'
        (finding,) = found(diagnosis_of({**files, "app.log": ended}), "acceptor-stalled")
        assert finding.headline.endswith(
            "the log says that an exception ended the thread “relay-door” in com.example.Relay.admit(Relay.java:40)."
        )
        assert (finding.culprit.thread, finding.culprit.frame) == ("relay-door", "com.example.Relay.admit(Relay.java:40)")
        logged = f"2026-01-02 03:03:00 ERROR relay stopped\njava.net.SocketException: failed\n{stack}"
        (finding,) = found(diagnosis_of({**files, "app.log": logged}), "acceptor-stalled")
        assert finding.headline.endswith("the acceptor is gone, and the log tells of a failure in accept.")
        assert any(one.where.file == "app.log" for one in finding.evidence)
        (finding,) = found(diagnosis_of({**files, "app.log": logged.replace("implAccept", "close")}), "acceptor-stalled")
        assert finding.headline.endswith(": the acceptor is gone.")

    def test_catches_not_an_acceptor_in_accept(self) -> None:
        assert not found(
            diagnosis_of({"jstack.txt": dump(ACCEPT, *idle_exec(4)), "netstat.txt": netstat(LISTEN, *WAITING)}), "acceptor-stalled"
        )

    @staticmethod
    def queue(first: int, count: int = 6) -> str:
        return netstat(LISTEN, *(f"58 10.1.1.5:8080 10.9.9.9:{first + n} ESTABLISHED -" for n in range(count)))

    def test_one_moment_of_young_clients_is_likely(self) -> None:
        (finding,) = found(diagnosis_of({"jstack.txt": dump(self.BUSY), "netstat.txt": self.queue(41000)}), "acceptor-stalled")
        assert (finding.confidence, finding.severity) == (Confidence.LIKELY, Severity.WARNING)

    def test_a_queue_that_stands_still_is_certain(self) -> None:
        files = {f"jstack-{n}.txt": dump(self.BUSY) for n in (1, 2)} | {
            "netstat-1.txt": self.queue(41000),
            "netstat-2.txt": self.queue(41000, 9),
        }
        (finding,) = found(diagnosis_of(files), "acceptor-stalled")
        assert (finding.confidence, finding.severity) == (Confidence.CERTAIN, Severity.CRITICAL)

    def test_catches_not_a_queue_that_moves(self) -> None:
        """The acceptor was met in the same place twice, and has accepted everybody in between."""
        files = {f"jstack-{n}.txt": dump(self.BUSY) for n in (1, 2)} | {
            "netstat-1.txt": self.queue(41000),
            "netstat-2.txt": self.queue(42000),
        }
        assert not found(diagnosis_of(files), "acceptor-stalled")

    def test_catches_not_two_connections_between_accepts(self) -> None:
        assert not found(
            diagnosis_of({"jstack.txt": dump(*idle_exec(4)), "netstat.txt": netstat(LISTEN, *WAITING[:2])}), "acceptor-stalled"
        )


class TestEventLoop:
    @staticmethod
    def loops(*stack: str, state: str = "RUNNABLE") -> str:
        return dump(
            *(
                thread(f"nioEventLoopGroup-3-{n}", state, *stack, "io.netty.channel.nio.NioEventLoop.run", "java.lang.Thread.run")
                for n in range(1, 5)
            )
        )

    def test_catches_a_blocking_call_in_the_loop(self) -> None:
        rows = [f"1 10.1.1.5:8080 10.9.9.9:{34000 + n} CLOSE_WAIT {ME}" for n in range(8)]
        diagnosis = diagnosis_of(
            {
                "jstack.txt": self.loops(*READ, "com.example.Handler.channelRead0"),
                "netstat.txt": netstat(f"0 :::8080 :::* LISTEN {ME}", *rows),
            }
        )
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("event-loop-blocked", Confidence.CERTAIN)

    def test_without_suffering_clients_it_is_likely_at_most(self) -> None:
        finding = found(diagnosis_of({"jstack.txt": self.loops(*READ, "com.example.Handler.channelRead0")}), "event-loop-blocked")[0]
        assert (finding.confidence, finding.severity) == (Confidence.LIKELY, Severity.WARNING)

    def test_a_second_dump_tells_whether_the_loops_stand(self) -> None:
        reads, sends = (self.loops(*READ, f"com.example.{name}.channelRead0") for name in ("Handler", "Greeting"))
        (stands,) = found(diagnosis_of({"jstack-1.txt": reads, "jstack-2.txt": reads}), "event-loop-blocked")
        assert stands.confidence is Confidence.LIKELY
        assert "dump before" in stands.why_confident
        assert "needs a second dump" not in stands.why_confident
        (moves,) = found(diagnosis_of({"jstack-1.txt": sends, "jstack-2.txt": reads}), "event-loop-blocked")
        assert moves.confidence is Confidence.SUSPECTED
        assert "stood elsewhere" in moves.why_confident

    def test_catches_not_loops_that_wait_for_events_or_compute(self) -> None:
        assert not found(
            diagnosis_of({"jstack.txt": self.loops("sun.nio.ch.EPoll.wait", "sun.nio.ch.SelectorImpl.select")}), "event-loop-blocked"
        )
        assert not found(diagnosis_of({"jstack.txt": self.loops("com.example.Handler.channelRead0")}), "event-loop-blocked")


class TestBlockedWrite:
    WRITING: ClassVar = [
        thread(
            f"http-nio-8080-exec-{n}",
            "RUNNABLE",
            "sun.nio.ch.SocketDispatcher.write0",
            "sun.nio.ch.NioSocketImpl.write",
            "org.apache.catalina.connector.CoyoteOutputStream.write",
            "com.example.Export.send",
            *SERVED,
        )
        for n in range(4)
    ]

    @staticmethod
    def table(send_q: int) -> str:
        rows = [f"tcp6  0 {send_q:>6} 10.1.1.5:8080 10.9.9.9:{34000 + n} ESTABLISHED {ME}  probe (1.20/0/3)" for n in range(4)]
        return netstat(f"0 :::8080 :::* LISTEN {ME}") + "\n".join(rows) + "\n"

    def test_catches_readers_that_do_not_read(self) -> None:
        diagnosis = diagnosis_of({"jstack.txt": dump(*self.WRITING), "netstat.txt": self.table(87380)})
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("blocked-write", Confidence.CERTAIN)

    def test_without_unsent_bytes_it_is_a_suspicion(self) -> None:
        assert (
            found(diagnosis_of({"jstack.txt": dump(*self.WRITING), "netstat.txt": self.table(0)}), "blocked-write")[0].confidence
            is Confidence.SUSPECTED
        )

    def test_catches_not_while_threads_are_free(self) -> None:
        assert not found(
            diagnosis_of({"jstack.txt": dump(*self.WRITING, *idle_exec(2, first=10)), "netstat.txt": self.table(87380)}), "blocked-write"
        )


class TestSpin:
    @staticmethod
    def dumps(frame: str, *cpu: float) -> dict[str, str]:
        files = {}
        for number, spent in enumerate(cpu, start=1):
            one = thread(
                "worker-1",
                "RUNNABLE",
                "java.util.regex.Pattern$Loop.match",
                frame if number == 1 else frame.replace("%", ""),
                "java.lang.Thread.run",
                native="runnable",
            )
            files[f"jstack-{number}.txt"] = dump(ACCEPTS, one.replace("tid=", f"cpu={spent * 1000:.2f}ms elapsed={number * 10:.2f}s tid="))
        return files

    def test_catches_a_thread_whose_cpu_grows_with_the_clock(self) -> None:
        finding = found(diagnosis_of(self.dumps("com.example.Filter.matches", 5, 14, 23)), "cpu-spin")[0]
        assert finding.confidence is Confidence.LIKELY
        assert finding.culprit.frame == "com.example.Filter.matches(Filter.java:11)"

    def test_top_makes_it_certain(self) -> None:
        files = self.dumps("com.example.Filter.matches", 5, 14)
        files["top-2.txt"] = (
            "top - 03:04:15 up 1 day\nThreads:  30 total,   1 running\n\n  PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n  256 app       20   0 2683480 100468  22284 R  97.0   0.4   0:23.00 worker-1\n"
        )
        assert found(diagnosis_of(files), "cpu-spin")[0].confidence is Confidence.CERTAIN

    @pytest.mark.parametrize(("gone", "spins"), [(8, True), (0, False)])
    def test_many_threads_share_few_processors(self, gone: int, spins: bool) -> None:
        """Eight threads on one processor get an eighth of it each: that they spin shows where their clients give up."""
        files = {}
        for number in (1, 2):
            head = f"cpu={number * 1000:.2f}ms elapsed={number * 10:.2f}s tid="
            stack = ("com.example.Filter.matches", *SERVED)
            pool = [thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *stack, nid=0x200 + n, native="runnable") for n in range(8)]
            files[f"jstack-{number}.txt"] = dump(*(one.replace("tid=", head) for one in pool))
            rows = (f"1 10.1.1.5:8080 10.9.9.9:{33000 + n} CLOSE_WAIT {ME}" for n in range(gone))
            files[f"netstat-{number}.txt"] = netstat(f"0 :::8080 :::* LISTEN {ME}", *rows)
        assert bool(found(diagnosis_of(files), "cpu-spin")) is spins

    def test_a_batch_may_compute(self) -> None:
        """No thread accepts or waits for events: nobody waits for an end, unless it lasts and lasts."""
        files = self.dumps("com.example.Filter.matches", 5, 14)
        alone = {name: text.replace(ACCEPTS, "") for name, text in files.items()}
        assert found(diagnosis_of(alone), "cpu-spin")[0].confidence is Confidence.SUSPECTED
        short = {name: text.replace("elapsed=20.00s", "elapsed=14.00s") for name, text in alone.items()}
        assert not found(diagnosis_of(short), "cpu-spin")

    def test_catches_not_a_thread_that_uses_no_cpu(self) -> None:
        assert not found(diagnosis_of(self.dumps("com.example.Filter.matches", 5, 5.1, 5.2)), "cpu-spin")

    def test_catches_not_one_dump(self) -> None:
        assert not found(diagnosis_of(self.dumps("com.example.Filter.matches", 5)), "cpu-spin")

    def test_catches_not_work_that_moves_on(self) -> None:
        files = self.dumps("com.example.Filter.matches", 5, 14)
        files["jstack-2.txt"] = files["jstack-2.txt"].replace("com.example.Filter", "com.example.Other")
        assert not found(diagnosis_of(files), "cpu-spin")


class TestDatabase:
    @staticmethod
    def reading(count: int) -> list[str]:
        stack = (
            "sun.nio.ch.NioSocketImpl.read",
            "org.postgresql.core.VisibleBufferedInputStream.readMore",
            "org.postgresql.jdbc.PgStatement.execute",
            "com.example.Orders.load",
        )
        return [thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *stack, *SERVED) for n in range(count)]

    def stuck(self, *rows: str) -> Diagnosis:
        return diagnosis_of({"jstack.txt": dump(*self.reading(5)), "netstat.txt": netstat(f"0 :::8080 :::* LISTEN {ME}", *rows)})

    def test_catches_a_driver_that_reads_without_end(self) -> None:
        rows = [f"0 10.1.1.5:{41000 + n} 10.2.2.2:5432 ESTABLISHED {ME}" for n in range(5)] + [
            f"1 10.1.1.5:8080 10.9.9.9:{34000 + n} CLOSE_WAIT {ME}" for n in range(5)
        ]
        diagnosis = self.stuck(*rows)
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("database-read-hang", Confidence.CERTAIN)
        assert not found(diagnosis, "slow-backend")

    def test_a_dump_alone_is_a_suspicion_and_not_of_the_own_port(self) -> None:
        files = {"jstack.txt": dump(*self.reading(5))}
        diagnosis = diagnosis_of(files)
        assert not found(diagnosis, "self-call-starvation")
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("database-read-hang", Confidence.SUSPECTED)

    def test_a_few_statements_at_a_moment_are_nothing(self) -> None:
        assert not found(diagnosis_of({"jstack.txt": dump(*self.reading(2))}), "database-read-hang")

    def test_catches_not_an_idle_pool(self) -> None:
        rows = [f"0 10.1.1.5:{41000 + n} 10.2.2.2:5432 ESTABLISHED {ME}" for n in range(5)]
        diagnosis = diagnosis_of({"jstack.txt": dump(*idle_exec(5)), "netstat.txt": netstat(f"0 :::8080 :::* LISTEN {ME}", *rows)})
        assert not found(diagnosis, "database-read-hang")
        assert PARK


class TestPorts:
    RULE = "ephemeral-port-exhaustion"

    @staticmethod
    def table(first: int, count: int, step: int = 1, port: int = 9000) -> Diagnosis:
        rows = [f"0 10.1.1.5:{first + n * step} 10.2.2.2:{port} TIME_WAIT -" for n in range(count)]
        return diagnosis_of({"netstat.txt": netstat(f"0 :::8080 :::* LISTEN {ME}", *rows), "jstack.txt": dump(*idle_exec(3))})

    def test_catches_a_range_without_a_gap(self) -> None:
        finding = found(self.table(40000, 128), self.RULE)[0]
        assert finding.culprit.remote == "10.2.2.2:9000"
        assert finding.confidence is Confidence.LIKELY

    def test_catches_not_ports_with_gaps_or_few(self) -> None:
        assert not found(self.table(33000, 128, step=7), self.RULE)
        assert not found(self.table(40000, 20), self.RULE)

    def test_catches_not_clients_of_an_own_listener(self) -> None:
        rows = [f"0 10.1.1.5:8080 10.9.9.9:{40000 + n} TIME_WAIT -" for n in range(200)]
        assert not found(diagnosis_of({"netstat.txt": netstat(f"0 :::8080 :::* LISTEN {ME}", *rows)}), self.RULE)


class TestKeepAlive:
    """Short connections to one service, with gaps between their local ports."""

    RULE = "keep-alive-missing"

    @staticmethod
    def rows(count: int, state: str = "TIME_WAIT", first: int = 33000, remote: str = "10.2.2.2:9000") -> list[str]:
        return [f"0 10.1.1.5:{first + 2 * n} {remote} {state} -" for n in range(count)]

    def diagnosed(self, *rows: str) -> Diagnosis:
        return diagnosis_of({"netstat.txt": netstat(f"0 :::8080 :::* LISTEN {ME}", *rows), "jstack.txt": dump(*idle_exec(3))})

    def test_catches_connections_that_are_not_reused(self) -> None:
        diagnosis = self.diagnosed(*self.rows(900), *self.rows(3, "ESTABLISHED", 61000))
        finding = found(diagnosis, self.RULE)[0]
        assert finding.culprit.remote == "10.2.2.2:9000"
        assert (finding.severity, finding.confidence) == (Severity.INFO, Confidence.LIKELY)
        assert [value for value, _ in finding.figures] == ["900", "3"]
        assert diagnosis.verdict.status == "healthy"

    def test_warns_where_local_ports_run_short(self) -> None:
        assert found(self.diagnosed(*self.rows(7_500)), self.RULE)[0].severity is Severity.WARNING

    def test_catches_not_a_few_as_of_health_checks(self) -> None:
        assert not found(self.diagnosed(*self.rows(400)), self.RULE)

    def test_catches_not_many_services_with_a_few_each(self) -> None:
        rows = [row for n in range(10) for row in self.rows(90, first=33000 + 200 * n, remote=f"10.2.2.{n}:9000")]
        assert not found(self.diagnosed(*rows), self.RULE)

    def test_catches_not_a_pool_that_keeps_many(self) -> None:
        assert not found(self.diagnosed(*self.rows(900), *self.rows(120, "ESTABLISHED", 50001)), self.RULE)

    def test_catches_not_a_server_that_closes_first(self) -> None:
        """TIME_WAIT on the own port: the clients came, and this side closed."""
        rows = [f"0 10.1.1.5:8080 10.9.9.9:{20000 + n} TIME_WAIT -" for n in range(900)]
        assert not found(self.diagnosed(*rows), self.RULE)

    def test_catches_not_a_server_whose_listener_is_not_listed(self) -> None:
        rows = [f"0 10.1.1.5:8443 10.9.9.9:{20000 + n} TIME_WAIT -" for n in range(900)]
        assert not found(diagnosis_of({"netstat.txt": netstat(*rows)}), self.RULE)

    def test_leaves_a_range_that_is_used_up_to_its_own_rule(self) -> None:
        rows = [f"0 10.1.1.5:{40000 + n} 10.2.2.2:9000 TIME_WAIT -" for n in range(900)]
        diagnosis = self.diagnosed(*rows)
        assert found(diagnosis, "ephemeral-port-exhaustion")
        assert not found(diagnosis, self.RULE)


@pytest.mark.parametrize(("count", "claimed"), [(400, False), (16_000, True)])
def test_windows_gives_out_local_ports_in_turn(count: int, claimed: bool) -> None:
    rows = [f"  TCP    10.1.1.5:{49152 + n}        10.2.2.2:9000        TIME_WAIT       0" for n in range(count)]
    head = ["Active Connections", "", "  Proto  Local Address          Foreign Address        State           PID"]
    diagnosis = diagnosis_of({"netstat.txt": "\n".join([*head, *rows, ""])})
    assert bool(found(diagnosis, "ephemeral-port-exhaustion")) is claimed


def test_a_pool_that_waits_as_one_is_not_called_healthy() -> None:
    waiting = [
        thread(
            f"http-nio-8080-exec-{n}",
            "WAITING (parking)",
            *PARK,
            "java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject.await",
            "com.example.Gate.enter",
            *SERVED,
        )
        for n in range(6)
    ]
    diagnosis = diagnosis_of({"jstack.txt": dump(*waiting), "netstat.txt": netstat(f"0 :::8080 :::* LISTEN {ME}")})
    assert diagnosis.verdict.status != "healthy"

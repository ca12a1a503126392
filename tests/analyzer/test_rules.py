"""Each rule catches its cause and keeps silent on the look-alikes."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Finding, Severity, Status, When
from tests.builders import (
    PARK,
    READ,
    SERVED,
    WORKER,
    diagnosis_of,
    dump,
    found,
    helpers_reading,
    idle_exec,
    netstat,
    thread,
    waiting_for_future,
)

ME, OTHER = "77/java", "88/python3"


def own_pairs(count: int, port: int = 8080, unread: int = 120) -> list[str]:
    """Both halves of calls of pid 77 to its own port."""
    rows = []
    for n in range(count):
        rows += [
            f"0 10.1.1.5:{50000 + n} 10.1.1.5:{port} ESTABLISHED {ME}",
            f"{unread} 10.1.1.5:{port} 10.1.1.5:{50000 + n} ESTABLISHED {ME}",
        ]
    return rows


def calls_to(remote: str, count: int, owner: str = ME) -> list[str]:
    return [f"0 10.1.1.5:{41000 + n} {remote} ESTABLISHED {owner}" for n in range(count)]


def gave_up(count: int, port: int = 8080, recv: int = 1) -> list[str]:
    return [f"{recv} 10.1.1.5:{port} 10.9.9.{n % 200}:{33000 + n} CLOSE_WAIT {ME}" for n in range(count)]


LISTEN = f"0 :::8080 :::* LISTEN {ME}"


def stuck(*rows: str, threads: list[str] | None = None) -> Diagnosis:
    return diagnosis_of(
        {"netstat.txt": netstat(LISTEN, *rows), "jstack.txt": dump(*(threads or [*waiting_for_future(6), *helpers_reading(6)]))}
    )


class TestSelfCall:
    def test_catches_through_an_executor(self) -> None:
        diagnosis = stuck(*own_pairs(6), *gave_up(6))
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("self-call-starvation", Confidence.CERTAIN)

    def test_catches_direct_calls(self) -> None:
        threads = [thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *READ, "com.example.shop.Fetch.get", *SERVED) for n in range(6)]
        assert stuck(*own_pairs(6), threads=threads).verdict.rule == "self-call-starvation"

    def test_catches_completable_future(self) -> None:
        waiting = [
            thread(
                f"http-nio-8080-exec-{n}",
                "WAITING (parking)",
                *PARK,
                "java.util.concurrent.CompletableFuture$Signaller.block",
                "java.util.concurrent.CompletableFuture.join",
                "com.example.shop.Page.render",
                *SERVED,
            )
            for n in range(4)
        ]
        helpers = [
            thread(
                f"ForkJoinPool.commonPool-worker-{n}",
                "RUNNABLE",
                *READ,
                "com.example.shop.Page.lambda$render$0",
                "java.util.concurrent.CompletableFuture$AsyncSupply.run",
                "java.util.concurrent.ForkJoinWorkerThread.run",
            )
            for n in range(4)
        ]
        diagnosis = stuck(*own_pairs(4), threads=[*waiting, *helpers])
        assert diagnosis.verdict.rule == "self-call-starvation"
        assert diagnosis.primary is not None
        assert "ForkJoinPool.commonPool-worker" in diagnosis.primary.chain[1].actor

    def test_catches_a_loop_through_a_proxy_of_the_same_host(self) -> None:
        rows = []
        for n in range(6):
            rows += [
                f"0 10.1.1.5:{41000 + n} 10.1.1.5:80 ESTABLISHED {ME}",
                f"0 10.1.1.5:80 10.1.1.5:{41000 + n} ESTABLISHED 99/nginx:",
                f"0 127.0.0.1:{45000 + n} 127.0.0.1:8080 ESTABLISHED 99/nginx:",
                f"80 127.0.0.1:8080 127.0.0.1:{45000 + n} ESTABLISHED {ME}",
            ]
        diagnosis = stuck(*rows)
        assert diagnosis.verdict.rule == "self-call-starvation"
        assert "nginx" in diagnosis.verdict.headline

    def test_catches_not_another_process_of_the_same_host(self) -> None:
        diagnosis = stuck(*calls_to("10.1.1.5:9000", 6), f"0 10.1.1.5:9000 0.0.0.0:* LISTEN {OTHER}", *gave_up(6))
        assert diagnosis.verdict.rule == "slow-backend"

    def test_catches_not_while_a_thread_is_free(self) -> None:
        diagnosis = stuck(*own_pairs(3), threads=[*waiting_for_future(3), *helpers_reading(3), *idle_exec(2, first=10)])
        assert not [finding for finding in diagnosis.findings if finding.severity is not Severity.INFO]

    def test_a_few_own_calls_beside_a_stuck_remote_are_victims(self) -> None:
        threads = [*waiting_for_future(20), *helpers_reading(20)]
        diagnosis = stuck(*calls_to("10.2.2.2:443", 18), *own_pairs(2), *gave_up(20), threads=threads)
        assert diagnosis.verdict.rule == "slow-backend"
        assert not found(diagnosis, "self-call-starvation")

    def test_unknown_owners_are_no_certainty(self) -> None:
        rows = [row.replace(ME, "-") for row in (LISTEN, *own_pairs(6))]
        diagnosis = diagnosis_of({"netstat.txt": netstat(*rows), "jstack.txt": dump(*waiting_for_future(6), *helpers_reading(6))})
        assert diagnosis.verdict.rule == "self-call-starvation"
        assert diagnosis.verdict.confidence is Confidence.SUSPECTED

    def test_idle_own_connections_beside_a_stuck_remote_are_not_the_cause(self) -> None:
        rows = [*own_pairs(6, unread=0), *calls_to("10.2.2.2:9200", 6), *gave_up(6)]
        diagnosis = stuck(*rows)
        assert all(finding.confidence is Confidence.SUSPECTED for finding in diagnosis.findings)

    def test_own_calls_that_an_io_thread_has_read_are_likely(self) -> None:
        diagnosis = stuck(*own_pairs(6, unread=0), *gave_up(6))
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("self-call-starvation", Confidence.LIKELY)

    def test_a_cut_off_dump_lowers_confidence(self) -> None:
        files = {
            "netstat.txt": netstat(LISTEN, *own_pairs(6)),
            "jstack.txt": dump(*waiting_for_future(6), *helpers_reading(6), complete=False),
        }
        assert diagnosis_of(files).verdict.confidence is Confidence.LIKELY

    def test_a_cut_off_dump_may_hide_those_who_wait_elsewhere(self) -> None:
        files = {
            "netstat.txt": netstat(LISTEN, *own_pairs(3), *calls_to("10.2.2.2:443", 9)),
            "jstack.txt": dump(*waiting_for_future(4), *helpers_reading(4), complete=False),
        }
        assert not [one for one in found(diagnosis_of(files), "self-call-starvation") if one.confidence is not Confidence.SUSPECTED]


def tenants(*names: str) -> list[str]:
    """Four threads of each name, all in the same call."""
    return [thread(f"{name}-{n}", "RUNNABLE", *READ, "com.example.shop.Fetch.get", *SERVED) for name in names for n in range(4)]


class TestOneListener:
    """A server that names its threads after its tenants has one pool of them."""

    def test_a_cause_in_several_of_its_pools_is_told_once(self) -> None:
        diagnosis = stuck(*calls_to("10.2.2.2:9200", 12), *gave_up(12), threads=tenants("north", "south", "east"))
        (one,) = found(diagnosis, "slow-backend")
        assert one.confidence is Confidence.CERTAIN
        assert "every request thread of north, south, east waits" in one.headline
        assert [pool.name for pool in diagnosis.pools] == ["north, south, east"]

    @pytest.mark.parametrize("beside", [idle_exec(3), []], ids=["most are free", "all at work elsewhere"])
    def test_a_pool_that_hangs_hides_behind_no_other_one(self, beside: list[str]) -> None:
        """Those of another tenant that are free, or at other work, are no help to this one."""
        free = [one.replace("http-nio-8080-exec", "south") for one in beside]
        works = [thread(f"south-{10 + n}", "RUNNABLE", "com.example.shop.Cart.sum", *SERVED) for n in range(4 - len(free))]
        diagnosis = stuck(*calls_to("10.2.2.2:9200", 4), *gave_up(4), threads=[*tenants("north"), *free, *works])
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("slow-backend", Confidence.CERTAIN)
        assert "every request thread of north waits" in diagnosis.verdict.headline

    def test_of_two_listeners_nobody_knows_whose_a_pool_is(self) -> None:
        second = f"0 :::9090 :::* LISTEN {ME}"
        diagnosis = stuck(second, *calls_to("10.2.2.2:9200", 8), *gave_up(8), threads=tenants("north", "south"))
        assert {pool.name for pool in diagnosis.pools} >= {"north", "south"}

    def test_pools_that_other_code_hands_requests_to_stay_apart(self) -> None:
        serves = ("org.eclipse.jetty.server.HttpChannel.handle", *SERVED[1:])
        other = [thread(f"south-{n}", "RUNNABLE", *READ, "com.example.shop.Fetch.get", *serves) for n in range(4)]
        diagnosis = stuck(*calls_to("10.2.2.2:9200", 8), *gave_up(8), threads=[*tenants("north"), *other])
        assert {pool.name for pool in diagnosis.pools} >= {"north", "south"}


class TestSlowBackend:
    def test_catches_a_remote_service(self) -> None:
        diagnosis = stuck(*calls_to("10.2.2.2:9200", 6), *gave_up(6))
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("slow-backend", Confidence.CERTAIN)
        assert diagnosis.primary is not None
        assert diagnosis.primary.culprit.remote == "10.2.2.2:9200"

    def test_a_proxy_or_an_unseen_end_on_this_host_is_not_certain(self) -> None:
        halves = [f"0 10.1.1.5:9000 10.1.1.5:{41000 + n} ESTABLISHED 99/nginx:" for n in range(6)]
        assert stuck(*calls_to("10.1.1.5:9000", 6), *halves, *gave_up(6)).verdict.confidence is Confidence.LIKELY
        assert stuck(*calls_to("10.1.1.5:9000", 6), *gave_up(6)).verdict.confidence is Confidence.LIKELY

    def test_a_proxy_whose_rows_are_missing_is_suspected(self) -> None:
        listens = "0 10.1.1.5:9000 0.0.0.0:* LISTEN 99/nginx:"
        halves = [f"0 10.1.1.5:9000 10.1.1.5:{41000 + n} ESTABLISHED 99/nginx:" for n in range(6)]
        assert stuck(*calls_to("10.1.1.5:9000", 6), listens, *halves, *gave_up(6)).verdict.confidence is Confidence.LIKELY
        assert stuck(*calls_to("10.1.1.5:9000", 6), listens, *halves[:4], *gave_up(6)).verdict.confidence is Confidence.SUSPECTED

    def test_a_proxy_whose_calls_back_show_no_queue_here_is_suspected(self) -> None:
        """The row of this process' end may be missing from the table: whether it is the proxy's request that nobody reads decides all."""
        halves = [f"0 10.1.1.5:9000 10.1.1.5:{41000 + n} ESTABLISHED 99/nginx:" for n in range(6)]
        onward = [f"0 127.0.0.1:{45000 + n} 127.0.0.1:8080 ESTABLISHED 99/nginx:" for n in range(6)]
        read = [f"0 127.0.0.1:8080 127.0.0.1:{45000 + n} ESTABLISHED {ME}" for n in range(6)]
        calls = (*calls_to("10.1.1.5:9000", 6), *halves, *gave_up(6))
        assert stuck(*calls, *onward, *read).verdict.confidence is not Confidence.CERTAIN
        suspected = stuck(*calls, *onward).verdict
        assert (suspected.rule, suspected.confidence) == ("slow-backend", Confidence.SUSPECTED)
        assert "none of them leads back" not in suspected.summary

    @pytest.mark.parametrize(("shown", "confidence"), [(2, Confidence.SUSPECTED), (6, Confidence.LIKELY)])
    def test_a_few_threads_of_a_cut_dump_are_not_the_whole_pool(self, shown: int, confidence: Confidence) -> None:
        threads = [thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *READ, "com.example.shop.Fetch.get", *SERVED) for n in range(shown)]
        files = {"jstack.txt": dump(*threads, complete=False), "netstat.txt": netstat(LISTEN, *calls_to("10.2.2.2:9200", 6), *gave_up(6))}
        assert {one.confidence for one in found(diagnosis_of(files), "slow-backend")} == {confidence}

    def test_says_nothing_of_limits_that_an_old_stack_does_not_show(self) -> None:
        old = ("java.net.SocketInputStream.socketRead0", "java.net.SocketInputStream.read", "sun.net.www.http.HttpClient.parseHTTP")
        threads = [thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *old, "com.example.shop.Fetch.get", *SERVED) for n in range(6)]
        assert "timeout" not in stuck(*calls_to("10.2.2.2:9200", 6), *gave_up(6), threads=threads).verdict.summary

    def test_a_busy_moment_is_not_certain(self) -> None:
        diagnosis = stuck(*calls_to("10.2.2.2:9200", 6))
        assert diagnosis.verdict.confidence is Confidence.SUSPECTED
        assert diagnosis.verdict.severity is Severity.WARNING

    def test_threads_that_stood_there_before_need_no_second_dump(self) -> None:
        def at(moment: str) -> dict[str, str]:
            threads = dump(*waiting_for_future(8), *helpers_reading(8), time=f"2026-01-02 03:{moment}")
            return {"jstack.txt": threads, "netstat.txt": netstat(LISTEN, *calls_to("10.0.0.50:9090", 8))}

        def later(seconds: str) -> Finding:
            files = {f"{number}/{name}": text for number, when in (("1", "04:00"), ("2", seconds)) for name, text in at(when).items()}
            return found(diagnosis_of(files), "slow-backend")[0]

        brief, long = later("04:04"), later("04:30")
        assert (brief.confidence, brief.missing) == (Confidence.LIKELY, ())
        assert "one dump" not in brief.why_confident
        assert (long.confidence, long.missing) == (Confidence.CERTAIN, ())

    def test_catches_not_idle_pooled_connections(self) -> None:
        diagnosis = stuck(*calls_to("10.2.2.2:9200", 6), threads=idle_exec(6))
        assert diagnosis.verdict.status is Status.HEALTHY

    def test_two_services_that_fit_alike_are_not_guessed(self) -> None:
        rows = [*calls_to("10.2.2.2:9200", 6), *(row.replace(":41", ":42") for row in calls_to("10.3.3.3:9201", 6)), *gave_up(6)]
        diagnosis = stuck(*rows)
        assert all(finding.confidence is Confidence.SUSPECTED for finding in diagnosis.findings)

    def test_a_database_pool_beside_it_is_not_the_target_of_an_http_client(self) -> None:
        rows = [*calls_to("10.2.2.2:9200", 6), *(row.replace(":41", ":42") for row in calls_to("10.3.3.3:5432", 6)), *gave_up(6)]
        diagnosis = stuck(*rows)
        assert diagnosis.primary is not None
        assert diagnosis.primary.culprit.remote == "10.2.2.2:9200"


class TestMutualCall:
    def test_catches_two_servers_that_wait_for_each_other(self) -> None:
        rows = [LISTEN, "0 :::9090 :::* LISTEN 88/java"]
        for n in range(5):
            rows += [
                f"0 127.0.0.1:{41000 + n} 127.0.0.1:9090 ESTABLISHED {ME}",
                f"90 127.0.0.1:9090 127.0.0.1:{41000 + n} ESTABLISHED 88/java",
                f"0 127.0.0.1:{45000 + n} 127.0.0.1:8080 ESTABLISHED 88/java",
                f"80 127.0.0.1:8080 127.0.0.1:{45000 + n} ESTABLISHED {ME}",
            ]
        direct = [
            [thread(f"http-nio-{port}-exec-{n}", "RUNNABLE", *READ, "com.example.a.Call.go", *SERVED) for n in range(5)]
            for port in (8080, 9090)
        ]
        diagnosis = diagnosis_of({"netstat.txt": netstat(*rows), "jstack-a.txt": dump(*direct[0]), "jstack-b.txt": dump(*direct[1])})
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("mutual-call-starvation", Confidence.CERTAIN)
        assert len([finding for finding in diagnosis.findings if finding.severity is Severity.CRITICAL]) == 1
        assert diagnosis.verdict.headline == "Two servers wait for each other: java (pid 77) and java (pid 88)."


class TestDeadlock:
    LEFT = thread(
        "left",
        "BLOCKED (on object monitor)",
        "com.example.A.one",
        "- waiting to lock <0x00000000000000b2> (a java.lang.Object)",
        "- locked <0x00000000000000b1> (a java.lang.Object)",
        "java.lang.Thread.run",
    )
    RIGHT = thread(
        "right",
        "BLOCKED (on object monitor)",
        "com.example.B.two",
        "- waiting to lock <0x00000000000000b1> (a java.lang.Object)",
        "- locked <0x00000000000000b2> (a java.lang.Object)",
        "java.lang.Thread.run",
    )
    REPORT = (
        "\nFound one Java-level deadlock:\n=============================\n"
        '"left":\n  waiting to lock monitor 0x00007f01 (object 0x00000000000000b2, a java.lang.Object),\n  which is held by "right"\n'
        '"right":\n  waiting to lock monitor 0x00007f02 (object 0x00000000000000b1, a java.lang.Object),\n  which is held by "left"\n\n'
        "Java stack information for the threads listed above:\n===================================================\n"
        '"left":\n\tat com.example.A.one(A.java:10)\n\nFound 1 deadlock.\n'
    )

    def test_catches_hotspots_report(self) -> None:
        finding = found(diagnosis_of({"jstack.txt": dump(self.LEFT, self.RIGHT) + self.REPORT}), "java-deadlock")[0]
        assert finding.confidence is Confidence.CERTAIN
        assert finding.culprit.frame == "com.example.A.one(A.java:10)"

    def test_one_place_is_named_once(self) -> None:
        left, right = (text.replace("com.example.B.two(B.java", "com.example.A.one(A.java") for text in (self.LEFT, self.RIGHT))
        finding = found(diagnosis_of({"jstack.txt": dump(left, right)}), "java-deadlock")[0]
        (fix,) = [action.text for action in finding.actions if action.when is When.FIX]
        assert fix.count("com.example.A.one") == 1
        both = found(diagnosis_of({"jstack.txt": dump(self.LEFT, self.RIGHT)}), "java-deadlock")[0]
        assert any("see com.example.A.one(A.java:10) and com.example.B.two(B.java:10)" in action.text for action in both.actions)

    def test_lock_lines_alone_are_likely(self) -> None:
        finding = found(diagnosis_of({"jstack.txt": dump(self.LEFT, self.RIGHT)}), "java-deadlock")[0]
        assert finding.confidence is Confidence.LIKELY

    def test_names_the_queue_behind_it(self) -> None:
        queue = [
            thread(
                f"http-nio-8080-exec-{n}",
                "BLOCKED (on object monitor)",
                "com.example.A.one",
                "- waiting to lock <0x00000000000000b1> (a java.lang.Object)",
                *SERVED,
            )
            for n in range(7)
        ]
        finding = found(diagnosis_of({"jstack.txt": dump(self.LEFT, self.RIGHT, *queue) + self.REPORT}), "java-deadlock")[0]
        assert "7 more threads wait behind them (7 of 7 threads of http-nio-8080-exec)" in finding.explanation

    def test_a_thread_in_front_of_the_circle_only_waits_behind_it(self) -> None:
        """HotSpot's walk begins at any thread: the report lists it, but nobody waits for it."""
        tail = (
            "Found one Java-level deadlock:\n=============================\n"
            '"late":\n  waiting to lock monitor 0x00007f02 (object 0x00000000000000b1, a java.lang.Object),\n  which is held by "left"\n'
        )
        report = self.REPORT.replace("Found one Java-level deadlock:\n=============================\n", tail)
        late = thread(
            "late", "BLOCKED (on object monitor)", "com.example.A.one", "- waiting to lock <0x00000000000000b1> (a java.lang.Object)"
        )
        for text in (dump(late, self.LEFT, self.RIGHT) + report, report.partition("Java stack")[0]):
            (finding,) = found(diagnosis_of({"jstack.txt": text}), "java-deadlock")
            assert finding.headline == "2 threads are deadlocked: “left” and “right” wait for each other's locks."
            assert "“late” waits behind them." in finding.explanation
            assert finding.confidence is Confidence.CERTAIN

    def test_catches_not_a_queue_behind_a_working_owner(self) -> None:
        owner = thread(
            "right", "RUNNABLE", "com.example.B.two", "- locked <0x00000000000000b2> (a java.lang.Object)", "java.lang.Thread.run"
        )
        assert not found(diagnosis_of({"jstack.txt": dump(self.LEFT, owner)}), "java-deadlock")

    def test_catches_not_a_monitor_that_object_wait_released(self) -> None:
        waiting = thread(
            "right",
            "WAITING (on object monitor)",
            "java.lang.Object.wait",
            "- waiting on <0x00000000000000b2> (a java.lang.Object)",
            "com.example.B.two",
            "- locked <0x00000000000000b2> (a java.lang.Object)",
        )
        assert not found(diagnosis_of({"jstack.txt": dump(self.LEFT, waiting)}), "java-deadlock")


class TestConnectionLimit:
    LATCH = thread(
        "http-nio-8080-Acceptor",
        "WAITING (parking)",
        *PARK,
        "org.apache.tomcat.util.threads.LimitLatch.countUpOrAwait",
        "org.apache.tomcat.util.net.Acceptor.run",
        "java.lang.Thread.run",
    )
    ACCEPT = thread(
        "http-nio-8080-Acceptor",
        "RUNNABLE",
        "sun.nio.ch.Net.accept",
        "sun.nio.ch.ServerSocketChannelImpl.accept",
        "org.apache.tomcat.util.net.Acceptor.run",
        "java.lang.Thread.run",
    )

    def test_catches_an_acceptor_at_its_limit(self) -> None:
        diagnosis = diagnosis_of({"jstack.txt": dump(self.LATCH, *idle_exec(3)), "netstat.txt": netstat(LISTEN)})
        finding = found(diagnosis, "connection-limit")[0]
        assert (finding.confidence, finding.severity) == (Confidence.CERTAIN, Severity.WARNING)

    def test_catches_not_an_acceptor_in_accept(self) -> None:
        assert not found(diagnosis_of({"jstack.txt": dump(self.ACCEPT, *idle_exec(3)), "netstat.txt": netstat(LISTEN)}), "connection-limit")

    def test_without_a_dump_the_queue_is_a_suspicion(self) -> None:
        rows = [f"60 10.1.1.5:8080 10.9.9.9:{34000 + n} CLOSE_WAIT -" for n in range(5)]
        diagnosis = diagnosis_of({"netstat.txt": netstat(LISTEN, *gave_up(3), *rows)})
        assert found(diagnosis, "connection-limit")[0].confidence is Confidence.SUSPECTED


class TestConnectionLeak:
    @staticmethod
    def leaked(count: int, recv: int = 1) -> str:
        return netstat(*(f"{recv} 10.1.1.5:{41000 + n} 10.2.2.2:50010 CLOSE_WAIT {ME}" for n in range(count)))

    def test_catches_growth_over_snapshots(self) -> None:
        diagnosis = diagnosis_of({f"netstat-{n}.txt": self.leaked(count) for n, count in enumerate((24, 39, 65), start=1)})
        finding = found(diagnosis, "connection-leak")[0]
        assert (finding.confidence, finding.severity) == (Confidence.CERTAIN, Severity.WARNING)

    def test_growth_within_a_pool_s_size_is_not_certain(self) -> None:
        """Idle members of a pool that the service closes one after the other grow the same way."""
        diagnosis = diagnosis_of({f"netstat-{n}.txt": self.leaked(count) for n, count in enumerate((4, 9, 15), start=1)})
        finding = found(diagnosis, "connection-leak")[0]
        assert (finding.confidence, finding.severity) == (Confidence.LIKELY, Severity.WARNING)
        assert "4 → 9 → 15" in finding.explanation

    def test_growth_between_two_snapshots_is_likely(self) -> None:
        diagnosis = diagnosis_of({f"netstat-{n}.txt": self.leaked(count) for n, count in enumerate((4, 9), start=1)})
        assert found(diagnosis, "connection-leak")[0].confidence is Confidence.LIKELY

    def test_many_in_one_snapshot_are_suspected(self) -> None:
        finding = found(diagnosis_of({"netstat.txt": self.leaked(400)}), "connection-leak")[0]
        assert (finding.confidence, finding.severity) == (Confidence.SUSPECTED, Severity.WARNING)

    def test_a_socket_read_to_its_end_and_kept_is_suspected(self) -> None:
        assert found(diagnosis_of({"netstat.txt": self.leaked(1, recv=0)}), "connection-leak")[0].severity is Severity.WARNING

    @pytest.mark.parametrize("counts", [(5,), (5, 5), (5, 4)])
    def test_stale_pooled_connections_stay_info(self, counts: tuple[int, ...]) -> None:
        diagnosis = diagnosis_of({f"netstat-{n}.txt": self.leaked(count) for n, count in enumerate(counts, start=1)})
        assert {finding.severity for finding in found(diagnosis, "connection-leak")} == {Severity.INFO}

    def test_catches_not_the_servers_side(self) -> None:
        assert not found(diagnosis_of({"netstat.txt": netstat(LISTEN, *gave_up(30))}), "connection-leak")


class TestBenign:
    """Root causes' part D: patterns that look like trouble and are not."""

    @pytest.mark.parametrize(
        "stack",
        [
            (
                "java.lang.Object.wait",
                "org.apache.tomcat.util.net.JIoEndpoint$Worker.await",
                "org.apache.tomcat.util.net.JIoEndpoint$Worker.run",
            ),
            (
                *PARK,
                "java.util.concurrent.SynchronousQueue.poll",
                "java.util.concurrent.ThreadPoolExecutor.getTask",
                "java.lang.Thread.run",
            ),
            (
                *PARK,
                "org.eclipse.jetty.util.BlockingArrayQueue.poll",
                "org.eclipse.jetty.util.thread.QueuedThreadPool$Runner.idleJobPoll",
                "java.lang.Thread.run",
            ),
            ("sun.nio.ch.EPoll.wait", "sun.nio.ch.SelectorImpl.select", "org.apache.tomcat.util.net.NioEndpoint$Poller.run"),
            (
                *PARK,
                "org.jboss.threads.EnhancedQueueExecutor$PoolThreadNode.park",
                "org.jboss.threads.EnhancedQueueExecutor$ThreadBody.run",
            ),
        ],
    )
    def test_idle_threads_make_a_healthy_server(self, stack: tuple[str, ...]) -> None:
        state = "RUNNABLE" if stack[0].endswith("EPoll.wait") else "WAITING (parking)"
        threads = [thread(f"http-nio-8080-exec-{n}", state, *stack) for n in range(5)]
        assert stuck(f"0 10.1.1.5:8080 10.9.9.9:33000 ESTABLISHED {ME}", threads=threads).verdict.status is Status.HEALTHY

    def test_time_wait_piles(self) -> None:
        rows = [f"0 10.1.1.5:8080 10.9.9.9:{33000 + n} TIME_WAIT -" for n in range(500)]
        assert stuck(*rows, threads=idle_exec(5)).verdict.status is Status.HEALTHY

    def test_a_few_young_close_waits(self) -> None:
        busy = [f"0 10.1.1.5:8080 10.9.9.9:{33000 + n} ESTABLISHED {ME}" for n in range(100)]
        assert stuck(*busy, *gave_up(2), threads=idle_exec(5)).verdict.status is Status.HEALTHY

    def test_many_close_waits_without_a_cause_are_no_health(self) -> None:
        assert stuck(*gave_up(60), threads=idle_exec(5)).verdict.status is Status.INSUFFICIENT


def test_a_task_frame_in_the_helper_is_needed() -> None:
    """A thread that merely shares a class with the waiters, but runs no task, is not their pool."""
    reader = [thread(f"reader-{n}", "RUNNABLE", *READ, "com.example.shop.Search.poll", "java.lang.Thread.run") for n in range(6)]
    diagnosis = stuck(*own_pairs(6), *gave_up(6), threads=[*waiting_for_future(6), *reader])
    assert all(finding.confidence is not Confidence.CERTAIN for finding in found(diagnosis, "self-call-starvation"))
    assert WORKER[0] not in str(reader)


class TestOver:
    """A stall that the last snapshot no longer shows is past."""

    STUCK = dump(*waiting_for_future(6), *helpers_reading(6), time="2026-01-02 03:04:05")
    FREE = dump(*idle_exec(6), time="2026-01-02 03:05:05")

    def test_a_stall_that_is_gone_is_information(self) -> None:
        files = {
            "jstack-1.txt": self.STUCK,
            "netstat-1.txt": netstat(LISTEN, *own_pairs(6), *gave_up(6)),
            "jstack-2.txt": self.FREE,
            "netstat-2.txt": netstat(LISTEN),
        }
        diagnosis = diagnosis_of(files)
        assert diagnosis.verdict.status is Status.HEALTHY
        assert "Over by snapshot 2" in diagnosis.verdict.headline
        assert {finding.severity for finding in diagnosis.findings} == {Severity.INFO}

    def test_a_last_snapshot_without_threads_does_not_end_it(self) -> None:
        files = {
            "jstack-1.txt": self.STUCK,
            "netstat-1.txt": netstat(LISTEN, *own_pairs(6), *gave_up(6)),
            "netstat-2.txt": netstat(LISTEN, *own_pairs(6), *gave_up(9)),
        }
        assert diagnosis_of(files).verdict.status is not Status.HEALTHY

    def test_a_dump_of_the_first_moment_is_not_lost_when_only_sockets_follow(self) -> None:
        files = {
            "jstack-1.txt": self.STUCK,
            "netstat-1.txt": netstat(LISTEN, *own_pairs(6), *gave_up(6)),
            "netstat-2.txt": netstat(LISTEN, *own_pairs(6), *gave_up(9)),
        }
        diagnosis = diagnosis_of(files)
        assert diagnosis.verdict.confidence is Confidence.CERTAIN
        assert any("is of that moment, not of snapshot 2" in note for note in diagnosis.notes)

    def test_a_stall_that_lasts_is_no_past(self) -> None:
        files = {f"jstack-{n}.txt": self.STUCK for n in (1, 2)} | {
            f"netstat-{n}.txt": netstat(LISTEN, *own_pairs(6), *gave_up(6)) for n in (1, 2)
        }
        diagnosis = diagnosis_of(files)
        assert diagnosis.verdict.confidence is Confidence.CERTAIN
        assert len(diagnosis.findings) == 1


def test_what_is_missing_names_the_process_and_a_tool_that_fits_it() -> None:
    rows = [row.replace(ME, "88/python3") for row in (LISTEN, *gave_up(20))]
    commands = [missing.command for missing in diagnosis_of({"netstat.txt": netstat(*rows)}).missing]
    assert commands == ["py-spy dump --pid 88 > stacks.txt"]
    assert [missing.command for missing in diagnosis_of({"netstat.txt": netstat(LISTEN, *gave_up(20))}).missing] == [
        "jstack -l 77 > jstack.txt"
    ]

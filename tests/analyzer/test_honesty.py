"""Health is earned, absence proves nothing, and what speaks against a join lowers the confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.join.torn_stacks import mended, tear
from analyzer.model.finding import Confidence, Status
from analyzer.waits.case import Case
from tests.builders import PARK, READ, SERVED, diagnosis_of, dump, evidence_of, found, idle_exec, netstat, thread, waiting_for_future
from tests.reports.rendering import RENDERERS, seen

if TYPE_CHECKING:
    from parsers.records import ThreadDump

ME = "77/java"
LISTEN = f"0 :::8080 :::* LISTEN {ME}"
CLIENT = f"0 10.1.1.5:8080 10.9.9.9:33000 ESTABLISHED {ME}"
SERVICE = f"0 10.1.1.5:41000 10.7.7.7:5432 ESTABLISHED {ME}"
HEALTHY = {"netstat.txt": netstat(LISTEN, CLIENT, SERVICE), "jstack.txt": dump(*idle_exec(4))}
LSOF = (
    "COMMAND PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\n"
    "java     77  app    5u  IPv6  1001      0t0  TCP *:8080 (LISTEN)\n"
    "java     77  app    6u  IPv6  1002      0t0  TCP 10.1.1.5:8080->10.9.9.9:33000 (ESTABLISHED)\n"
)
CALLS = (
    "COMMAND PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\n"
    "java     77  app    6u  IPv6  1002      0t0  TCP 10.1.1.5:41000->10.7.7.7:5432 (ESTABLISHED)\n"
)
"""A process that serves nobody and calls a service, whose answer no column of lsof shows."""


def held(count: int) -> list[str]:
    return [f"1 10.1.1.5:{42000 + n} 10.7.7.7:9000 CLOSE_WAIT {ME}" for n in range(count)]


class TestHealth:
    def test_is_earned(self) -> None:
        assert diagnosis_of(HEALTHY).verdict.status is Status.HEALTHY

    def test_a_connection_within_the_host_has_two_ends(self) -> None:
        """Where one has lost its other half, whoever it leads to knows nothing of it."""
        pairs = [
            row
            for n in (41000, 41001)
            for row in (f"0 127.0.0.1:{n} 127.0.0.1:5432 ESTABLISHED {ME}", f"0 127.0.0.1:5432 127.0.0.1:{n} ESTABLISHED 99/postgres")
        ]
        listens = "0 127.0.0.1:5432 0.0.0.0:* LISTEN 99/postgres"
        whole = {"netstat.txt": netstat(LISTEN, listens, *pairs), "jstack.txt": dump(*idle_exec(4))}
        assert diagnosis_of(whole).verdict.status is Status.HEALTHY
        lost = diagnosis_of({**whole, "netstat.txt": netstat(LISTEN, listens, *pairs[:-1])})
        assert lost.verdict.status is Status.INSUFFICIENT
        assert "1 connection to 127.0.0.1:5432 has no other end on this host" in lost.verdict.headline

    @pytest.mark.parametrize("cut", [1, 21, 22, 26])
    def test_a_table_that_ends_without_its_last_column_is_cut(self, cut: int) -> None:
        """A row of netstat has blanks behind the owner; one without an end of its line and less than the others was cut."""
        padded = "".join(f"{line:<110}\n" for line in netstat(LISTEN, CLIENT, SERVICE).splitlines())
        assert diagnosis_of({**HEALTHY, "netstat.txt": padded}).verdict.status is Status.HEALTHY
        assert diagnosis_of({**HEALTHY, "netstat.txt": padded[:-1]}).verdict.status is Status.HEALTHY
        assert diagnosis_of({**HEALTHY, "netstat.txt": padded[: -1 - cut]}).verdict.status is Status.INSUFFICIENT

    def test_no_connection_is_health_where_the_table_would_show_one(self) -> None:
        assert diagnosis_of({**HEALTHY, "netstat.txt": netstat(LISTEN)}).verdict.status is Status.HEALTHY
        asked = (
            '$ ss -ltnp\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 100 *:8080 *:* users:(("java",pid=77,fd=5))\n'
        )
        assert diagnosis_of({"ss.txt": asked, "jstack.txt": dump(*idle_exec(4))}).verdict.status is not Status.HEALTHY
        assert diagnosis_of({"ss.txt": asked.replace("-ltnp", "-tanp"), "jstack.txt": dump(*idle_exec(4))}).verdict.status is Status.HEALTHY

    @pytest.mark.parametrize(
        ("files", "reason"),
        [
            ({"netstat.txt": netstat(LISTEN, CLIENT, SERVICE, *held(1))}, "1 connection that the other side has closed"),
            ({"netstat.txt": "", "lsof.txt": LSOF}, "no table shows accept queues"),
            ({"netstat.txt": "", "lsof.txt": CALLS}, "no table shows receive queues"),
            ({"netstat.txt": netstat(LISTEN).replace("servers and established", "only servers")}, "shows listeners only"),
            (
                {"netstat.txt": netstat(LISTEN, *[CLIENT.replace("33000", str(33000 + n)) for n in range(20)], SERVICE)[:-40]},
                "ends in the middle of a line",
            ),
            ({"netstat.txt": netstat(LISTEN, CLIENT, SERVICE) + "tcp6  0 nonsense\n" * 9}, "lines of netstat.txt were not understood"),
            (
                {"server.log": "2026-01-02 03:04:05 ERROR pool is empty\n" * 9},
                "server.log has errors that were not understood, as in line 9",
            ),
            ({"queue.txt": " job | owner  | note\n-----+--------+------\n" + "  17 | active | select\n" * 4}, "looks like a table"),
            (
                {
                    "sessions.txt": " pid | client_addr | client_port | state\n-----+-------------+-------------+------\n"
                    "  17 | 10.8.8.8    |       40001 | idle\n"
                },
                "none of the sessions in sessions.txt is a connection of a process here",
            ),
            ({"jstack.txt": dump(*idle_exec(4), complete=False)}, "jstack.txt"),
            (
                {
                    "jstack.txt": dump(
                        *idle_exec(4),
                        *(thread(f"till-{n}", "RUNNABLE", *READ, "com.example.Till.ask", "com.example.Till.run") for n in range(5)),
                    )
                },
                "5 threads of till all wait, in",
            ),
        ],
    )
    def test_is_not_shown(self, files: dict[str, str], reason: str) -> None:
        verdict = diagnosis_of(HEALTHY | files).verdict
        assert verdict.status is Status.INSUFFICIENT
        assert reason in f"{verdict.headline} {verdict.summary}"

    def test_a_reason_names_what_would_show_it(self) -> None:
        diagnosis = diagnosis_of(HEALTHY | {"netstat.txt": "", "lsof.txt": LSOF})
        assert any("accept queues" in gap.artifact for gap in diagnosis.missing)

    def test_a_pool_without_workers_is_not_counted(self) -> None:
        """Jetty's acceptor is named like its pool; of a group that only accepts nobody asks how many are free."""
        jetty = ("org.eclipse.jetty.util.thread.QueuedThreadPool.runJob", "org.eclipse.jetty.util.thread.QueuedThreadPool$Runner.run")
        accept = (
            "sun.nio.ch.Net.accept",
            "org.eclipse.jetty.server.ServerConnector.accept",
            "org.eclipse.jetty.server.AbstractConnector$Acceptor.run",
        )
        accepts = thread("desk-14-acceptor-0@1f1f23e6-ServerConnector@1e67a849", "RUNNABLE", *accept, *jetty, "java.lang.Thread.run")
        files = {**HEALTHY, "jstack.txt": dump(*idle_exec(4), accepts)}
        assert "0 of 0" not in diagnosis_of(files).verdict.summary

    def test_prose_beside_the_evidence_is_no_reason(self) -> None:
        assert (
            diagnosis_of(HEALTHY | {"notes.txt": "We restarted it at noon.\nIt was slow before.\nNobody knows why.\n"}).verdict.status
            is Status.HEALTHY
        )

    def test_stale_connections_of_a_pool_that_do_not_grow_are_healthy(self) -> None:
        files = {f"snap{n}/{file}": text for n in (1, 2) for file, text in HEALTHY.items()}
        table = netstat(LISTEN, CLIENT, SERVICE, *held(5))
        assert diagnosis_of(files | {"snap1/netstat.txt": table, "snap2/netstat.txt": table}).verdict.status is Status.HEALTHY

    def test_requests_that_stay_unread_are_no_health(self) -> None:
        """They come and go on a busy server; the one that lay there in the table before does not."""

        def tables(then: int, now: int) -> dict[str, str]:
            unread = (f"120 10.1.1.5:8080 10.9.9.9:{34000 + n} ESTABLISHED {ME}" for n in (then, now))
            return {
                f"{n}/{file}": text
                for n, row in enumerate(unread)
                for file, text in {**HEALTHY, "netstat.txt": netstat(LISTEN, CLIENT, SERVICE, row)}.items()
            }

        stays = diagnosis_of(tables(1, 1)).verdict
        assert stays.status is Status.INSUFFICIENT
        assert "1 request on port 8080 lay unread in the table before, too" in stays.headline
        assert diagnosis_of(tables(1, 2)).verdict.status is Status.HEALTHY

    def test_free_executors_of_a_loop_say_nothing_of_its_requests(self) -> None:
        loop = 'Process 77: python3 app.py\nPython v3.11.7 (/usr/bin/python3.11)\n\nThread 77 (idle): "MainThread"\n    select (selectors.py:468)\n    _run_once (asyncio/base_events.py:1884)\n    run_forever (asyncio/base_events.py:607)\n    <module> (app.py:40)\n'
        free = "".join(
            f'Thread {80 + n} (idle): "asyncio_{n}"\n    _worker (concurrent/futures/thread.py:81)\n    run (threading.py:982)\n'
            for n in range(4)
        )
        clients = (f"0 10.1.1.5:8080 10.9.9.9:{34000 + n} ESTABLISHED 77/python3" for n in range(8))
        calls = (f"0 10.1.1.5:{42000 + n} 10.7.7.7:5432 ESTABLISHED 77/python3" for n in range(4))
        table = netstat("0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/python3", *clients, *calls)
        assert diagnosis_of({"py-spy.txt": loop + free, "netstat.txt": table}).verdict.status is Status.INSUFFICIENT

    def test_most_clients_unread_are_no_health(self) -> None:
        def table(unread: int) -> dict[str, str]:
            rows = (f"{120 * (n < unread)} 10.1.1.5:8080 10.9.9.9:{34000 + n} ESTABLISHED {ME}" for n in range(8))
            return {**HEALTHY, "netstat.txt": netstat(LISTEN, SERVICE, *rows)}

        assert diagnosis_of(table(6)).verdict.status is Status.INSUFFICIENT
        assert diagnosis_of(table(2)).verdict.status is Status.HEALTHY

    def test_clients_that_left_and_are_gone_in_the_next_table_are_no_symptom(self) -> None:
        def tables(then: range, now: range) -> dict[str, str]:
            return {
                f"netstat-{n}.txt": netstat(LISTEN, CLIENT, *(f"0 10.1.1.5:8080 10.9.9.9:{35000 + one} CLOSE_WAIT {ME}" for one in left))
                for n, left in enumerate((then, now), start=1)
            }

        assert "Something is wrong" not in diagnosis_of(tables(range(3), range(5, 8))).verdict.headline
        for then, now in ((range(3), range(3)), (range(3), range(4, 8)), (range(0), range(3))):
            diagnosis = diagnosis_of(tables(then, now))
            assert diagnosis.findings or "Something is wrong" in diagnosis.verdict.headline

    def test_an_empty_table_is_no_health_and_ends_a_stall(self) -> None:
        serving = netstat(LISTEN, *(f"1 10.1.1.5:8080 10.9.9.9:{33000 + n} CLOSE_WAIT {ME}" for n in range(9)))
        files = {
            "t1-netstat.txt": serving,
            "t1-jstack.txt": dump(*waiting_for_future(6)),
            "t2-netstat.txt": netstat(),
            "t2-jstack.txt": dump(*idle_exec(6)),
        }
        diagnosis = diagnosis_of(files)
        assert diagnosis.verdict.status is Status.INSUFFICIENT
        assert not [finding for finding in diagnosis.findings if finding.severity != "info"]


def coverage(table: str, prompt: str = "") -> tuple[str, ...]:
    text = f"$ {prompt}\n{table}" if prompt else table
    (view,) = [view for view in Case(evidence_of({"table.txt": text}).incident).views if view.pid == 77]
    return view.coverage.sockets


class TestAbsence:
    ROWS = (LISTEN, CLIENT, SERVICE, f"0 10.1.1.5:41001 10.7.7.8:6379 ESTABLISHED {ME}")

    @pytest.mark.parametrize("prompt", ["netstat -tanp | grep 8080", "netstat -tanp | head -20", "netstat -tnp | grep CLOSE_WAIT"])
    def test_a_command_that_filters_proves_no_absence(self, prompt: str) -> None:
        assert prompt in coverage(netstat(*self.ROWS), prompt)[0]

    def test_a_whole_table_does(self) -> None:
        assert coverage(netstat(*self.ROWS), "netstat -tanp") == ()

    def test_one_state_in_all_rows_is_a_filter(self) -> None:
        assert "state CLOSE_WAIT" in coverage(netstat(*held(5)))[0]

    def test_one_port_in_all_rows_of_lsof_is_a_filter(self) -> None:
        rows = "".join(f"java 77 app {n}u IPv6 {n} 0t0 TCP 10.1.1.5:8080->10.9.9.9:{n} (ESTABLISHED)\n" for n in range(33000, 33005))
        assert "port 8080" in coverage(LSOF + rows)[0]

    def test_a_rule_that_saw_only_a_part_is_not_clean(self) -> None:
        diagnosis = diagnosis_of({"table.txt": netstat(*held(5))})
        leaks = next(check for check in diagnosis.checked if check.rule == "server-never-closes")
        assert leaks.outcome == "skipped"

    def test_free_threads_are_not_concluded_from_a_cut_dump(self) -> None:
        full = 'LISTEN 9 8 *:8080 *:* users:(("java",pid=77,fd=5))\n'
        ss = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n" + full
        texts = [
            found(diagnosis_of({"ss.txt": ss, "jstack.txt": dump(*idle_exec(4), complete=whole)}), "backlog-overflow")[0].headline
            for whole in (True, False)
        ]
        assert ["while threads are free" in text for text in texts] == [True, False]


class TestJoin:
    @staticmethod
    def files(first: int) -> dict[str, str]:
        threads = [
            thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *READ, "com.example.shop.Fetch.get", *SERVED, nid=first + n) for n in range(6)
        ]
        rows = [f"0 10.1.1.5:{41000 + n} 10.7.7.7:9000 ESTABLISHED 4077/java" for n in range(6)]
        gone = [f"1 10.1.1.5:8080 10.9.9.9:{33000 + n} CLOSE_WAIT 4077/java" for n in range(6)]
        return {"netstat.txt": netstat("0 :::8080 :::* LISTEN 4077/java", *rows, *gone), "jstack.txt": dump(*threads)}

    def test_ids_above_the_pid_are_certain(self) -> None:
        assert diagnosis_of(self.files(4078)).verdict.confidence is Confidence.CERTAIN

    @pytest.mark.parametrize("first", [900, 94078])
    def test_ids_of_another_process_are_not(self, first: int) -> None:
        diagnosis = diagnosis_of(self.files(first))
        assert diagnosis.verdict.confidence is Confidence.LIKELY
        assert diagnosis.primary is not None
        assert diagnosis.primary.doubts[0].code == "foreign-ids"
        assert diagnosis.primary.contradicted_by == (diagnosis.primary.doubts[0].text,)
        assert "Against it" in RENDERERS["md"](seen(diagnosis))

    def test_ids_of_a_container_say_nothing(self) -> None:
        assert diagnosis_of(self.files(9)).verdict.confidence is Confidence.CERTAIN


class TestTornStacks:
    SELECT = ("sun.nio.ch.EPoll.wait", "sun.nio.ch.EPollSelectorImpl.doSelect", "sun.nio.ch.SelectorImpl.lockAndDoSelect")
    LOCK = ("java.util.concurrent.locks.ReentrantLock.lock", "com.example.Audit.write", "com.example.Desk.serve")

    @staticmethod
    def dump_of(*frames: str, state: str = "RUNNABLE") -> ThreadDump:
        evidence = evidence_of({"jstack.txt": dump(thread("HTTP-Dispatcher", state, *frames, native="runnable"))})
        return next(dump for snapshot in evidence.incident.snapshots for dump in snapshot.dumps)

    @pytest.mark.parametrize(
        ("frames", "own"),
        [
            ((*SELECT, *LOCK), 3),
            ((SELECT[0], *LOCK), 1),
            (("com.example.A.run", "java.lang.Thread.run", "com.example.B.serve"), 2),
            ((*SELECT, "sun.nio.ch.SelectorImpl.select", "com.example.Loop.run"), None),
            ((*PARK, *LOCK), None),
            (("com.example.A.run", "java.lang.Thread.run", "jdk.internal.misc.InnocuousThread.run"), None),
        ],
    )
    def test_are_cut_where_two_threads_meet(self, frames: tuple[str, ...], own: int | None) -> None:
        whole = self.dump_of(*frames)
        assert tear(whole.threads[0]) == own
        assert len(mended(whole)[0].threads[0].frames) == (own or len(frames))

    def test_a_waiting_thread_stands_in_no_native_call(self) -> None:
        assert tear(self.dump_of(*self.SELECT, state="WAITING (parking)").threads[0]) == 0

    def test_no_loop_is_blocked_by_another_threads_frames(self) -> None:
        text = dump(thread("HTTP-Dispatcher", "RUNNABLE", *self.SELECT, *self.LOCK, "sun.net.httpserver.ServerImpl$Dispatcher.run"))
        assert not found(diagnosis_of({"jstack.txt": text}), "event-loop-blocked")


def test_an_acceptor_that_pauses_after_an_error_suspects_the_descriptors() -> None:
    pausing = thread(
        "http-nio-8080-Acceptor",
        "TIMED_WAITING (sleeping)",
        "java.lang.Thread.sleep",
        "org.apache.tomcat.util.net.Acceptor.handleExceptionWithDelay",
        "java.lang.Thread.run",
    )
    (finding,) = found(diagnosis_of(HEALTHY | {"jstack.txt": dump(*idle_exec(4), pausing)}), "fd-exhaustion")
    assert finding.confidence is Confidence.SUSPECTED

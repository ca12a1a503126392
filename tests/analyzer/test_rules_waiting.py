"""Rules about threads that wait for each other, for a lock or for a lease: each catches its cause and keeps silent on the look-alikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Severity, Status
from tests.builders import PARK, READ, SAMPLES, SERVED, WORKER, diagnosis_of, dump, found, idle_exec, netstat, sample, thread

if TYPE_CHECKING:
    from analyzer.model.finding import Finding

ME = "77/java"
LISTEN = f"0 :::8080 :::* LISTEN {ME}"
HIKARI = ("com.zaxxer.hikari.pool.HikariPool.getConnection", "com.zaxxer.hikari.HikariDataSource.getConnection")
POOL2 = ("org.apache.commons.pool2.impl.LinkedBlockingDeque.takeFirst", "org.apache.commons.pool2.impl.GenericObjectPool.borrowObject")
HTTP4 = ("org.apache.http.pool.AbstractConnPool.getPoolEntryBlocking", "org.apache.http.impl.client.CloseableHttpClient.execute")
PG_READ = ("sun.nio.ch.Net.poll", "sun.nio.ch.NioSocketImpl.read", "org.postgresql.core.VisibleBufferedInputStream.readMore")
LOCK = "0x00000000000000a1"
AQS = "java.util.concurrent.locks.ReentrantLock$NonfairSync"


def exec_threads(count: int, *stack: str, state: str = "WAITING (parking)", first: int = 1) -> list[str]:
    """Request threads of Tomcat with this stack above the server's frames."""
    return [thread(f"http-nio-8080-exec-{n}", state, *stack, *SERVED) for n in range(first, first + count)]


def workers(name: str, count: int, *stack: str, state: str = "WAITING (parking)") -> list[str]:
    """Threads of an executor that run a task with this stack."""
    return [thread(f"{name}-{n}", state, *stack, *WORKER) for n in range(1, count + 1)]


def calls(remote: str, count: int, state: str = "ESTABLISHED") -> list[str]:
    return [f"{int(state == 'CLOSE_WAIT')} 10.1.1.5:{41000 + n} {remote} {state} {ME}" for n in range(count)]


def gave_up(count: int) -> list[str]:
    return [f"1 10.1.1.5:8080 10.9.9.9:{33000 + n} CLOSE_WAIT {ME}" for n in range(count)]


def judged(threads: list[str], *rows: str, sockets: bool = True) -> Diagnosis:
    files = {"jstack.txt": dump(*threads)}
    return diagnosis_of({**files, "netstat.txt": netstat(LISTEN, *rows)} if sockets else files)


def one(diagnosis: Diagnosis, rule: str) -> Finding:
    """The only finding of ``rule``; every finding of these rules is whole."""
    (finding,) = found(diagnosis, rule)
    assert finding.evidence
    assert finding.chain
    assert finding.figures
    assert finding.actions
    assert "None" not in f"{finding.headline} {finding.explanation} {finding.why_confident} {finding.actions} {finding.chain}".replace(
        "=None", ""
    )
    if finding.confidence is Confidence.SUSPECTED:
        assert finding.missing
    return finding


class TestJdbcPool:
    WAIT = (*PARK, *HIKARI, "com.example.shop.Dao.find")
    USE = (*PG_READ, "com.example.shop.Dao.report")

    def test_catches_a_pool_whose_connections_are_at_work(self) -> None:
        threads = [*exec_threads(10, *self.WAIT), *exec_threads(4, *self.USE, state="RUNNABLE", first=11)]
        diagnosis = judged(threads, *calls("10.2.2.2:5432", 4), *gave_up(14))
        finding = one(diagnosis, "jdbc-pool-exhausted")
        assert (diagnosis.verdict.rule, finding.confidence, finding.severity) == (
            "jdbc-pool-exhausted",
            Confidence.CERTAIN,
            Severity.CRITICAL,
        )
        assert (finding.culprit.frame or "").startswith("com.example.shop.Dao.report")
        assert finding.culprit.remote == "10.2.2.2:5432"

    def test_a_call_inside_the_block_that_has_a_connection(self) -> None:
        """Who is further on in the method where the others wait has what they want, if as many are as connections are open; who stands before it has none."""
        inside = (*READ, "com.example.shop.Tax.ask", "com.example.shop.Dao.find")
        keeps = exec_threads(4, *inside, state="RUNNABLE", first=11)
        rows = (*calls("10.2.2.2:5432", 4), "0 10.1.1.5:42000 10.7.7.7:80 ESTABLISHED 77/java", *gave_up(14))
        finding = one(judged([*exec_threads(10, *self.WAIT), *keeps], *rows), "jdbc-pool-exhausted")
        assert finding.confidence is Confidence.LIKELY
        assert "4 threads in com.example.shop.Tax.ask" in finding.headline
        assert "each of which waits for an answer on a socket (10.7.7.7:80)" in finding.headline
        assert (finding.culprit.frame or "").startswith("com.example.shop.Tax.ask")
        assert not any("leakDetectionThreshold" in one.text or "Restart" in one.text for one in finding.actions)
        elsewhere = [one.replace("Dao.find", "Page.head") for one in keeps]
        for threads in ([*exec_threads(10, *self.WAIT), *elsewhere], [*exec_threads(10, *self.WAIT), *keeps[:2]]):
            assert "have them" not in one(judged(threads, *rows), "jdbc-pool-exhausted").headline

    def test_catches_a_leak(self) -> None:
        finding = one(judged(exec_threads(10, *self.WAIT), *calls("10.2.2.2:5432", 8), *gave_up(10)), "jdbc-pool-exhausted")
        assert finding.confidence is Confidence.CERTAIN
        assert "all 8 are lent, and no thread uses any" in finding.headline
        assert any("leakDetectionThreshold" in action.text for action in finding.actions)

    def test_threads_that_do_something_else_may_hold_them(self) -> None:
        threads = [*exec_threads(10, *self.WAIT), *exec_threads(2, *READ, "com.example.shop.Pay.call", state="RUNNABLE", first=11)]
        finding = one(judged(threads, *calls("10.2.2.2:5432", 8), *gave_up(10)), "jdbc-pool-exhausted")
        assert finding.confidence is Confidence.LIKELY
        assert "com.example.shop.Pay.call" in finding.explanation

    def test_no_connection_at_all_is_no_leak(self) -> None:
        finding = one(judged(exec_threads(10, *self.WAIT), *gave_up(10)), "jdbc-pool-exhausted")
        assert finding.confidence is Confidence.SUSPECTED
        assert "No connection to a database is open at all" in finding.explanation

    def test_a_dump_alone_is_no_certainty(self) -> None:
        finding = one(judged(exec_threads(10, *self.WAIT), sockets=False), "jdbc-pool-exhausted")
        assert finding.confidence is not Confidence.CERTAIN

    @pytest.mark.parametrize(
        ("frames", "library"),
        [
            ((*POOL2, "org.apache.commons.dbcp2.PoolingDataSource.getConnection"), "Commons DBCP 2"),
            (
                ("org.apache.tomcat.jdbc.pool.FairBlockingQueue.poll", "org.apache.tomcat.jdbc.pool.ConnectionPool.borrowConnection"),
                "Tomcat JDBC",
            ),
            (("java.lang.Object.wait", "com.mchange.v2.resourcepool.BasicResourcePool.awaitAvailable"), "c3p0"),
            (("com.alibaba.druid.pool.DruidDataSource.takeLast",), "Druid"),
        ],
    )
    def test_catches_every_pool(self, frames: tuple[str, ...], library: str) -> None:
        threads = exec_threads(6, *PARK, *frames, "com.example.shop.Dao.find")
        assert one(judged(threads, *calls("10.2.2.2:3306", 6), *gave_up(6)), "jdbc-pool-exhausted").culprit.library == library

    def test_catches_not_two_threads(self) -> None:
        threads = [*exec_threads(2, *self.WAIT), *idle_exec(6, first=11)]
        assert judged(threads, *calls("10.2.2.2:5432", 8)).verdict.status is Status.HEALTHY

    def test_catches_not_a_queue_beside_free_threads(self) -> None:
        threads = [*exec_threads(4, *self.WAIT), *idle_exec(16, first=11)]
        assert judged(threads, *calls("10.2.2.2:5432", 8)).verdict.status is Status.HEALTHY

    def test_a_burst_that_nobody_suffers_from_is_not_certain(self) -> None:
        finding = one(judged(exec_threads(8, *self.WAIT), *calls("10.2.2.2:5432", 8)), "jdbc-pool-exhausted")
        assert finding.confidence is not Confidence.CERTAIN
        assert [missing for missing in finding.missing if "second" in missing.artifact]

    def test_who_makes_a_connection_is_no_holder(self) -> None:
        making = (*PG_READ, "org.postgresql.Driver.connect", *HIKARI, "com.example.shop.Dao.find")
        threads = [*exec_threads(10, *self.WAIT), *exec_threads(3, *making, state="RUNNABLE", first=11)]
        finding = one(judged(threads, *calls("10.2.2.2:5432", 3), *gave_up(13)), "jdbc-pool-exhausted")
        assert ("0", "threads that use a connection") in finding.figures

    def test_catches_not_threads_that_make_a_connection(self) -> None:
        threads = exec_threads(
            6, *PG_READ, "org.postgresql.Driver.connect", *POOL2, "org.apache.commons.dbcp2.X.get", "com.example.Dao.find", state="RUNNABLE"
        )
        assert not found(judged(threads, *calls("10.2.2.2:5432", 6), *gave_up(6)), "jdbc-pool-exhausted")


class TestHttpPool:
    WAIT = (*PARK, *HTTP4, "com.example.shop.Pay.call")
    USE = (*READ[:2], "org.apache.http.impl.io.SessionInputBufferImpl.fillBuffer", "com.example.shop.Pay.call")

    def test_catches_responses_that_were_never_closed(self) -> None:
        diagnosis = judged(exec_threads(10, *self.WAIT), *calls("10.2.2.2:8443", 5, "CLOSE_WAIT"), *gave_up(10))
        finding = one(diagnosis, "http-pool-exhausted")
        assert (diagnosis.verdict.rule, finding.confidence) == ("http-pool-exhausted", Confidence.CERTAIN)
        assert finding.culprit.remote == "10.2.2.2:8443"
        assert {other.severity for other in found(diagnosis, "connection-leak")} <= {Severity.INFO}

    def test_catches_connections_that_are_still_open(self) -> None:
        finding = one(judged(exec_threads(10, *self.WAIT), *calls("10.2.2.2:8443", 5), *gave_up(10)), "http-pool-exhausted")
        assert "nobody uses them" in finding.headline

    def test_readers_are_named_as_the_holders(self) -> None:
        threads = [*exec_threads(10, *self.WAIT), *exec_threads(2, *self.USE, state="RUNNABLE", first=11)]
        finding = one(judged(threads, *calls("10.2.2.2:8443", 2), *gave_up(12)), "http-pool-exhausted")
        assert "2 threads in com.example.shop.Pay.call" in finding.headline
        assert "slow" in finding.explanation

    def test_holders_that_call_the_own_port_are_said_to(self) -> None:
        threads = [*exec_threads(10, *self.WAIT), *exec_threads(3, *self.USE, state="RUNNABLE", first=11)]
        rows = calls("10.1.1.5:8080", 3)
        rows += [f"90 10.1.1.5:8080 10.1.1.5:{41000 + n} ESTABLISHED {ME}" for n in range(3)]
        finding = one(judged(threads, *rows, *gave_up(13)), "http-pool-exhausted")
        assert finding.confidence is Confidence.SUSPECTED
        assert "own port" in finding.explanation

    def test_several_services_are_not_guessed(self) -> None:
        rows = [*calls("10.2.2.2:8443", 5), *(row.replace(":41", ":42") for row in calls("10.3.3.3:8443", 5))]
        finding = one(judged(exec_threads(10, *self.WAIT), *rows, *gave_up(10)), "http-pool-exhausted")
        assert (finding.confidence, finding.culprit.remote) == (Confidence.LIKELY, None)

    def test_a_database_beside_it_is_not_the_service(self) -> None:
        rows = [*calls("10.2.2.2:8443", 5), *(row.replace(":41", ":42") for row in calls("10.3.3.3:5432", 20))]
        assert one(judged(exec_threads(10, *self.WAIT), *rows, *gave_up(10)), "http-pool-exhausted").culprit.remote == "10.2.2.2:8443"

    def test_catches_not_a_stale_idle_pool(self) -> None:
        diagnosis = judged(idle_exec(10), *calls("10.2.2.2:8443", 5, "CLOSE_WAIT"))
        assert not found(diagnosis, "http-pool-exhausted")

    def test_catches_not_a_slow_service_alone(self) -> None:
        threads = exec_threads(10, *self.USE, state="RUNNABLE")
        diagnosis = judged(threads, *calls("10.2.2.2:8443", 10), *gave_up(10))
        assert (diagnosis.verdict.rule, found(diagnosis, "http-pool-exhausted")) == ("slow-backend", [])


class TestObjectPool:
    def test_catches_a_pool_of_anything(self) -> None:
        finding = one(judged(exec_threads(6, *PARK, *POOL2, "com.example.Rates.price"), *gave_up(6)), "object-pool-exhausted")
        assert finding.culprit.library == "Commons Pool 2"

    def test_catches_jedis_and_names_who_uses_it(self) -> None:
        read = (
            "sun.nio.ch.NioSocketImpl.read",
            "redis.clients.jedis.Protocol.read",
            "redis.clients.jedis.Jedis.blpop",
            "com.example.Cart.load",
        )
        wait = (*PARK, *POOL2, "redis.clients.jedis.util.Pool.getResource", "com.example.Cart.load")
        threads = [*exec_threads(8, *wait), *exec_threads(3, *read, state="RUNNABLE", first=9)]
        finding = one(judged(threads, *calls("10.2.2.2:6379", 3), *gave_up(11)), "object-pool-exhausted")
        assert finding.culprit.library == "Jedis"
        assert "3 threads use one" in finding.headline

    def test_a_semaphore_is_a_suspicion(self) -> None:
        threads = exec_threads(6, *PARK, "java.util.concurrent.Semaphore.acquire", "com.example.Limit.enter")
        assert one(judged(threads, *gave_up(6)), "object-pool-exhausted").confidence is Confidence.SUSPECTED

    def test_workers_may_wait_for_work_at_a_semaphore(self) -> None:
        """In a loop of their own, where nothing says that they serve anybody: a permit is what they work on. In a request it is what they lack."""
        turn = (*PARK, "java.util.concurrent.Semaphore.acquire", "com.example.Digger.next")
        loop = [thread(f"digger-{n}", "WAITING (parking)", *turn, "java.lang.Thread.run") for n in range(5)]
        assert not found(judged([*loop, *idle_exec(4)]), "object-pool-exhausted")
        tasks = workers("digger", 5, *turn)
        assert found(judged([*tasks, *idle_exec(4)]), "object-pool-exhausted")

    def test_catches_not_a_database_pool(self) -> None:
        threads = exec_threads(6, *PARK, *POOL2, "org.apache.commons.dbcp2.PoolingDataSource.getConnection", "com.example.Dao.find")
        assert not found(judged(threads, *gave_up(6)), "object-pool-exhausted")

    def test_catches_not_a_busy_moment_of_few(self) -> None:
        threads = [*exec_threads(2, *PARK, *POOL2, "com.example.Rates.price"), *idle_exec(4, first=5)]
        assert judged(threads).verdict.status is Status.HEALTHY


class TestNestedLease:
    SECOND = (*PARK, *HIKARI, "com.example.Dao.balance", "com.example.Dao.audit")
    FIRST = (*PARK, *HIKARI, "com.example.Dao.audit")

    def halves(self, second: int, first: int) -> list[str]:
        """Threads in ``balance``, called at line 15 of ``audit`` (the builder numbers lines by depth), and threads at line 12 of ``audit``."""
        holders = exec_threads(second, *self.SECOND)
        others = [
            text.replace("Dao.audit(Dao.java:14)", "Dao.audit(Dao.java:12)") for text in exec_threads(first, *self.FIRST, first=second + 1)
        ]
        return [*holders, *others]

    def test_catches_threads_past_the_line_where_others_wait(self) -> None:
        diagnosis = judged(self.halves(6, 3), *calls("10.2.2.2:5432", 6), *gave_up(9))
        finding = one(diagnosis, "nested-connection-lease")
        assert (diagnosis.verdict.rule, finding.confidence) == ("nested-connection-lease", Confidence.CERTAIN)
        assert (finding.culprit.frame or "").startswith("com.example.Dao.balance")
        assert one(diagnosis, "jdbc-pool-exhausted").consequence_of == finding.id

    def test_catches_a_transaction_within_a_transaction(self) -> None:
        spring = "org.springframework.transaction.support.AbstractPlatformTransactionManager.handleExistingTransaction"
        threads = exec_threads(5, *PARK, *HIKARI, spring, "com.example.Audit.write")
        assert one(judged(threads, *calls("10.2.2.2:5432", 5), *gave_up(5)), "nested-connection-lease").confidence is Confidence.CERTAIN

    def test_other_numbers_are_not_certain(self) -> None:
        finding = one(judged(self.halves(6, 3), *calls("10.2.2.2:5432", 20), *gave_up(9)), "nested-connection-lease")
        assert finding.confidence is Confidence.LIKELY

    def test_lines_alone_are_a_suspicion(self) -> None:
        assert one(judged(self.halves(6, 3), sockets=False), "nested-connection-lease").confidence is Confidence.SUSPECTED

    def test_catches_not_a_leak(self) -> None:
        assert not found(judged(exec_threads(9, *self.FIRST), *calls("10.2.2.2:5432", 6), *gave_up(9)), "nested-connection-lease")

    def test_catches_not_slow_statements_beside_few_of_them(self) -> None:
        threads = [*self.halves(3, 3), *exec_threads(8, *PG_READ, "com.example.Dao.report", state="RUNNABLE", first=20)]
        assert not found(judged(threads, *calls("10.2.2.2:5432", 11), *gave_up(9)), "nested-connection-lease")


FUTURE = (*PARK, "- parking to wait for  <0x00000000000000f1> (a java.util.concurrent.FutureTask)", "java.util.concurrent.FutureTask.get")


class TestNestedTasks:
    INNER = workers("report", 4, *FUTURE, "com.example.Report.build", "com.example.Page.lambda$0")
    OUTER = exec_threads(6, *FUTURE, "com.example.Page.render")

    def test_catches_a_pool_that_waits_for_itself(self) -> None:
        diagnosis = judged([*self.INNER, *self.OUTER], *gave_up(6))
        finding = one(diagnosis, "nested-task-starvation")
        assert (diagnosis.verdict.rule, finding.confidence, finding.severity) == (
            "nested-task-starvation",
            Confidence.CERTAIN,
            Severity.CRITICAL,
        )
        assert (finding.culprit.pool, finding.loop) == ("report", True)

    def test_the_pool_that_serves_may_wait_for_itself(self) -> None:
        """An own server that gives the parts of a request to the pool in which it runs."""
        door = thread(
            "door", "RUNNABLE", "sun.nio.ch.Net.accept", "java.net.ServerSocket.accept", "com.example.Door.run", native="runnable"
        )
        crew = workers("crew", 5, *FUTURE, "com.example.Door.lambda$serve$0")
        diagnosis = judged([door, *crew], *gave_up(5))
        assert diagnosis.verdict.rule == "nested-task-starvation"
        assert one(diagnosis, "nested-task-starvation").culprit.pool == "crew"

    def test_a_server_on_an_executor_of_the_application_may_wait_for_itself(self) -> None:
        """Frames say that these threads serve. The executor is the application's own all the same, which gives it the parts of a request."""
        served = ("jdk.httpserver/sun.net.httpserver.ServerImpl$Exchange.run", "com.sun.net.httpserver.Filter$Chain.doFilter", *WORKER)
        crew = [thread(f"crew-{n}", "WAITING (parking)", *FUTURE, "com.example.Desk.total", *served) for n in range(4)]
        diagnosis = judged(crew, *gave_up(5))
        assert diagnosis.verdict.rule == "nested-task-starvation"
        assert (one(diagnosis, "nested-task-starvation").culprit.frame or "").startswith("com.example.Desk.total")
        for other in (
            (*PARK, "java.util.concurrent.CompletableFuture.join"),  # a message from outside completes it as well
            (*PARK, "- parking to wait for  <0x00000000000000f1> (a com.example.Reply)", "com.example.Reply.get"),
        ):
            crew = [thread(f"crew-{n}", "WAITING (parking)", *other, "com.example.Desk.total", *served) for n in range(4)]
            assert not found(judged(crew, *gave_up(5)), "nested-task-starvation")

    def test_catches_not_while_a_worker_is_free(self) -> None:
        idle = thread("report-9", "WAITING (parking)", *PARK, "java.util.concurrent.ThreadPoolExecutor.getTask", "java.lang.Thread.run")
        assert not found(judged([*self.INNER, idle, *self.OUTER], *gave_up(6)), "nested-task-starvation")

    def test_catches_not_when_another_pool_runs_the_subtasks(self) -> None:
        helpers = workers("fetch", 4, *READ, "com.example.Report.lambda$1", state="RUNNABLE")
        diagnosis = judged([*self.INNER, *helpers, *self.OUTER], *calls("10.2.2.2:80", 4), *gave_up(6))
        assert not found(diagnosis, "nested-task-starvation")

    def test_another_busy_pool_leaves_a_suspicion(self) -> None:
        strangers = workers("mail", 4, *READ, "com.example.mail.Send.run", state="RUNNABLE")
        finding = one(judged([*self.INNER, *strangers, *self.OUTER], *calls("10.2.2.2:80", 4), *gave_up(6)), "nested-task-starvation")
        assert finding.confidence is Confidence.SUSPECTED

    def test_a_latch_may_wait_for_a_message(self) -> None:
        latched = workers("report", 4, *PARK, "java.util.concurrent.CountDownLatch.await", "com.example.Report.build")
        finding = one(judged([*latched, *self.OUTER], *calls("10.2.2.2:9092", 1), *gave_up(6)), "nested-task-starvation")
        assert finding.confidence is Confidence.SUSPECTED

    def test_a_promise_may_be_somebody_elses(self) -> None:
        """Nothing tells a promise that a queued task would keep from one that nobody keeps: that is no cause for sure, and requests just stand."""
        promised = (*PARK, "java.util.concurrent.CompletableFuture.get", "com.example.Report.build")
        finding = one(judged([*workers("report", 4, *promised), *self.OUTER], *gave_up(6)), "nested-task-starvation")
        assert finding.confidence is Confidence.SUSPECTED
        assert finding.headline.endswith("of a task that is queued behind them, or one that nobody makes.")
        door = thread(
            "door", "RUNNABLE", "sun.nio.ch.Net.accept", "java.net.ServerSocket.accept", "com.example.Report.run", native="runnable"
        )
        diagnosis = judged([door, *workers("crew", 5, *promised)], *gave_up(5))
        assert diagnosis.verdict.rule == "pool-stuck"
        assert not found(diagnosis, "nested-task-starvation")
        assert "a task that is queued behind them in their own pool never runs" in (
            diagnosis.primary.explanation if diagnosis.primary else ""
        )

    def test_catches_not_a_pool_of_two(self) -> None:
        assert not found(judged([*self.INNER[:2], *idle_exec(4)]), "nested-task-starvation")


class TestCommonPool:
    LATCH = (*PARK, "java.util.concurrent.CountDownLatch.await", "com.example.Board.legs", "com.example.Board.lambda$0")
    JOIN = (*PARK, "java.util.concurrent.CompletableFuture.join", "com.example.Board.quote")

    @staticmethod
    def common(count: int, *stack: str, state: str = "WAITING (parking)") -> list[str]:
        frames = ("java.util.concurrent.CompletableFuture$AsyncSupply.run", "java.util.concurrent.ForkJoinWorkerThread.run")
        return [thread(f"ForkJoinPool.commonPool-worker-{n}", state, *stack, *frames) for n in range(1, count + 1)]

    def test_catches_workers_that_wait(self) -> None:
        diagnosis = judged([*self.common(3, *self.LATCH), *exec_threads(8, *self.JOIN)], *gave_up(8))
        finding = one(diagnosis, "common-pool-starvation")
        assert (diagnosis.verdict.rule, finding.confidence) == ("common-pool-starvation", Confidence.CERTAIN)
        assert not found(diagnosis, "nested-task-starvation")

    def test_catches_a_sleep(self) -> None:
        stack = ("java.lang.Thread.sleep", "com.example.Board.retry", "com.example.Board.lambda$0")
        threads = [*self.common(4, *stack, state="TIMED_WAITING (sleeping)"), *exec_threads(8, *self.JOIN)]
        assert one(judged(threads, *gave_up(8)), "common-pool-starvation").severity is Severity.CRITICAL

    def test_requests_that_wait_for_it_do_not_run_what_it_waits_for(self) -> None:
        """Requests of an own server are tasks of the same class: all of them wait for the common pool, and none runs anything."""
        door = thread(
            "door", "RUNNABLE", "sun.nio.ch.Net.accept", "java.net.ServerSocket.accept", "com.example.Board.run", native="runnable"
        )
        diagnosis = judged([door, *self.common(3, *self.LATCH), *workers("crew", 8, *self.JOIN, "com.example.Board.lambda$1")], *gave_up(8))
        assert diagnosis.verdict.rule == "common-pool-starvation"
        assert (one(diagnosis, "common-pool-starvation").culprit.frame or "").startswith("com.example.Board.legs")

    def test_catches_not_calls_to_a_service(self) -> None:
        threads = [*self.common(4, *READ, "com.example.Board.lambda$0", state="RUNNABLE"), *exec_threads(8, *self.JOIN)]
        diagnosis = judged(threads, *calls("10.2.2.2:80", 4), *gave_up(8))
        assert not found(diagnosis, "common-pool-starvation")

    def test_catches_not_idle_workers(self) -> None:
        idle = [
            thread(f"ForkJoinPool.commonPool-worker-{n}", "WAITING (parking)", *PARK, "java.util.concurrent.ForkJoinPool.awaitWork")
            for n in range(4)
        ]
        assert judged([*idle, *idle_exec(4)]).verdict.status is Status.HEALTHY


class TestLockConvoy:
    WAIT = ("com.example.Cache.get", f"- waiting to lock <{LOCK}> (a com.example.Cache)", "com.example.Page.render")
    OWN = (*READ, "com.example.Cache.load", "com.example.Cache.get", f"- locked <{LOCK}> (a com.example.Cache)", "com.example.Page.render")
    QUEUE = exec_threads(8, *WAIT, state="BLOCKED (on object monitor)")

    def test_catches_an_owner_in_a_call(self) -> None:
        owner = exec_threads(1, *self.OWN, state="RUNNABLE", first=9)
        diagnosis = judged([*self.QUEUE, *owner], *calls("10.2.2.2:80", 1), *gave_up(9))
        finding = one(diagnosis, "lock-convoy")
        assert (diagnosis.verdict.rule, finding.confidence, finding.severity) == ("lock-convoy", Confidence.CERTAIN, Severity.CRITICAL)
        assert (finding.culprit.thread, finding.culprit.remote) == ("http-nio-8080-exec-9", "10.2.2.2:80")
        assert (finding.culprit.frame or "").startswith("com.example.Cache.load")
        assert LOCK in (finding.culprit.lock or "")

    def test_a_second_dump_is_asked_for_where_there_is_none(self) -> None:
        dumped = dump(*self.QUEUE, *exec_threads(1, *self.OWN, state="RUNNABLE", first=9))
        table = netstat(LISTEN, *calls("10.2.2.2:80", 1), *gave_up(9))
        for files, asked in (({"1/jstack.txt": dumped}, True), ({"1/jstack.txt": dumped, "2/jstack.txt": dumped}, False)):
            action = found(diagnosis_of({**files, f"{len(files)}/netstat.txt": table}), "lock-convoy")[0].actions[0]
            assert ("A second dump shows whether it moves." in action.text, action.command is not None) == (asked, asked)

    def test_infers_the_owner_of_a_lock_that_no_line_names(self) -> None:
        parked = (*PARK, f"- parking to wait for  <{LOCK}> (a {AQS})", "java.util.concurrent.locks.ReentrantLock.lock")
        threads = [
            *exec_threads(8, *parked, "com.example.Cache.get"),
            *exec_threads(1, *READ, "com.example.Cache.load", "com.example.Cache.get", state="RUNNABLE", first=9),
        ]
        finding = one(judged(threads, *calls("10.2.2.2:80", 1), *gave_up(9)), "lock-convoy")
        assert (finding.confidence, finding.culprit.thread) == (Confidence.LIKELY, "http-nio-8080-exec-9")
        assert "inferred" in finding.explanation

    def test_an_owner_that_nobody_names_is_a_suspicion(self) -> None:
        assert one(judged(self.QUEUE, *gave_up(8)), "lock-convoy").confidence is Confidence.SUSPECTED

    def test_an_owner_that_runs_may_be_a_short_lock(self) -> None:
        owner = exec_threads(1, "com.example.Cache.get", f"- locked <{LOCK}> (a com.example.Cache)", state="RUNNABLE", first=9)
        assert one(judged([*self.QUEUE, *owner], *gave_up(9)), "lock-convoy").confidence is Confidence.LIKELY

    def test_a_queue_that_moved_is_not_certain(self) -> None:
        owner = exec_threads(1, *self.OWN, state="RUNNABLE", first=9)
        files = {
            "jstack-1.txt": dump(*idle_exec(9), time="2026-01-02 03:04:05"),
            "jstack-2.txt": dump(*self.QUEUE, *owner, time="2026-01-02 03:04:15"),
        }
        finding = one(diagnosis_of(files), "lock-convoy")
        assert finding.confidence is Confidence.LIKELY
        assert "they may move on" in finding.why_confident

    def test_two_dumps_show_that_it_stands(self) -> None:
        threads = [*self.QUEUE, *exec_threads(1, *self.OWN, state="RUNNABLE", first=9)]
        files = {f"jstack-{n}.txt": dump(*threads, time=f"2026-01-02 03:04:{n}5") for n in (1, 2)}
        assert one(diagnosis_of(files), "lock-convoy").confidence is Confidence.CERTAIN

    def test_catches_not_a_deadlock(self) -> None:
        other = "0x00000000000000a2"
        left = thread(
            "left",
            "BLOCKED (on object monitor)",
            "com.example.A.one",
            f"- waiting to lock <{other}> (a X)",
            f"- locked <{LOCK}> (a com.example.Cache)",
        )
        right = thread(
            "right",
            "BLOCKED (on object monitor)",
            "com.example.B.two",
            f"- waiting to lock <{LOCK}> (a com.example.Cache)",
            f"- locked <{other}> (a X)",
        )
        diagnosis = judged([left, right, *self.QUEUE], *gave_up(8))
        assert (diagnosis.verdict.rule, found(diagnosis, "lock-convoy")) == ("java-deadlock", [])

    def test_catches_not_two_waiters(self) -> None:
        owner = exec_threads(1, *self.OWN, state="RUNNABLE", first=9)
        assert not found(judged([*self.QUEUE[:2], *owner, *idle_exec(5, first=20)], *calls("10.2.2.2:80", 1)), "lock-convoy")

    def test_catches_not_acceptors_that_take_turns(self) -> None:
        accept = "sun.nio.ch.ServerSocketChannelImpl.accept"
        waiting = [
            thread(f"acceptor-{n}", "BLOCKED (on object monitor)", accept, f"- waiting to lock <{LOCK}> (a java.lang.Object)")
            for n in range(3)
        ]
        owner = thread("acceptor-9", "RUNNABLE", "sun.nio.ch.Net.accept", accept, f"- locked <{LOCK}> (a java.lang.Object)")
        assert not found(judged([*waiting, owner, *idle_exec(4)]), "lock-convoy")


class TestLoggingStall:
    CALL = ("org.apache.log4j.Category.callAppenders", "org.apache.log4j.Category.info", "com.example.Gate.scan")
    WAIT = (CALL[0], f"- waiting to lock <{LOCK}> (a org.apache.log4j.spi.RootLogger)", *CALL[1:])
    WRITE = (
        "java.io.FileOutputStream.writeBytes",
        "java.io.PrintStream.write",
        "org.apache.log4j.ConsoleAppender.append",
        CALL[0],
        f"- locked <{LOCK}> (a org.apache.log4j.spi.RootLogger)",
        *CALL[1:],
    )
    THREADS = (*exec_threads(8, *WAIT, state="BLOCKED (on object monitor)"), *exec_threads(1, *WRITE, state="RUNNABLE", first=9))

    def test_catches_a_log_that_takes_no_bytes(self) -> None:
        diagnosis = judged([*self.THREADS], *gave_up(9))
        finding = one(diagnosis, "logging-stall")
        assert (diagnosis.verdict.rule, finding.confidence, finding.culprit.thread) == (
            "logging-stall",
            Confidence.CERTAIN,
            "http-nio-8080-exec-9",
        )
        assert (finding.culprit.frame or "").startswith("com.example.Gate.scan")
        assert not found(diagnosis, "lock-convoy")

    def test_catches_an_own_logger_that_locks_around_the_console(self) -> None:
        """The lock is none of the console's: whoever has it is in the same method, and writes. A lock that is taken elsewhere guards something else."""
        held = f"- locked <{LOCK}> (a java.lang.Class for com.example.Journal)"
        wants = held.replace("locked", "waiting to lock")
        write = (
            "java.io.FileOutputStream.writeBytes",
            "java.io.PrintStream.println",
            "com.example.Journal.note",
            held,
            "com.example.Gate.scan",
        )
        writer = exec_threads(1, *write, state="RUNNABLE", first=9)
        for place, rule in (("com.example.Journal.note", "logging-stall"), ("com.example.Gate.open", "lock-convoy")):
            waits = exec_threads(8, place, wants, "com.example.Gate.scan", state="BLOCKED (on object monitor)")
            diagnosis = judged([*waits, *writer], *gave_up(9))
            assert diagnosis.verdict.rule == rule, place
            assert {one.rule for one in diagnosis.findings} & {"logging-stall", "lock-convoy"} == {rule}

    def test_catches_an_asynchronous_appender_whose_queue_is_full(self) -> None:
        put = (*PARK, "java.util.concurrent.ArrayBlockingQueue.put", "ch.qos.logback.core.AsyncAppenderBase.put", "com.example.Gate.scan")
        writer = thread(
            "AsyncAppender-Worker-1",
            "RUNNABLE",
            "java.io.FileOutputStream.writeBytes",
            "ch.qos.logback.core.OutputStreamAppender.writeBytes",
        )
        assert one(judged([*exec_threads(8, *put), writer], *gave_up(8)), "logging-stall").culprit.thread == "AsyncAppender-Worker-1"

    def test_catches_a_console_that_takes_no_bytes(self) -> None:
        """Printed lines are a log, too: standard output is a pipe as often as a file."""
        call = ("java.io.PrintStream.println", f"- {{}} <{LOCK}> (a java.io.PrintStream)", "com.example.Gate.scan")
        waits = exec_threads(8, call[0], call[1].format("waiting to lock"), call[2], state="BLOCKED (on object monitor)")
        write = ("java.io.FileOutputStream.writeBytes", "java.io.PrintStream.write", call[0], call[1].format("locked"), call[2])
        diagnosis = judged([*waits, *exec_threads(1, *write, state="RUNNABLE", first=9)], *gave_up(9))
        assert diagnosis.verdict.rule == "logging-stall"
        assert one(diagnosis, "logging-stall").culprit.thread == "http-nio-8080-exec-9"
        assert not found(diagnosis, "lock-convoy")

    def test_nobody_who_writes_is_a_suspicion(self) -> None:
        assert one(judged([*self.THREADS[:8]], *gave_up(8)), "logging-stall").confidence is Confidence.SUSPECTED

    def test_catches_not_a_few_that_log(self) -> None:
        threads = [*self.THREADS[:2], self.THREADS[8], *idle_exec(9, first=20)]
        assert judged(threads).verdict.status is Status.HEALTHY

    @pytest.mark.parametrize("stuck", [True, False])
    def test_an_acceptor_that_logs_closes_the_server_alone(self, stuck: bool) -> None:
        """Free workers are no comfort where nobody lets clients in."""
        accepts = ("org.eclipse.jetty.server.ServerConnector.accept", "org.eclipse.jetty.server.AbstractConnector$Acceptor.run")
        state = "BLOCKED (on object monitor)" if stuck else "RUNNABLE"
        door = thread("http-nio-8080-Acceptor", state, *(self.WAIT if stuck else ("sun.nio.ch.Net.accept",)), *accepts)
        diagnosis = judged([self.THREADS[0], door, self.THREADS[8], *idle_exec(9, first=20)], *gave_up(9))
        assert bool(found(diagnosis, "logging-stall")) is stuck
        if stuck:
            assert "1 of other pools, the acceptor among them" in one(diagnosis, "logging-stall").headline
            assert one(diagnosis, "logging-stall").severity is Severity.CRITICAL

    def test_catches_not_a_convoy_of_the_application(self) -> None:
        owner = exec_threads(1, *TestLockConvoy.OWN, state="RUNNABLE", first=9)
        assert not found(judged([*TestLockConvoy.QUEUE, *owner], *gave_up(9)), "logging-stall")


class TestDns:
    ASK = (
        "java.net.Inet6AddressImpl.lookupAllHostAddr",
        "java.net.InetAddress$NameServiceAddresses.get",
        f"- locked <{LOCK}> (a java.net.X)",
    )
    WAIT = ("java.net.InetAddress$NameServiceAddresses.get", f"- waiting to lock <{LOCK}> (a java.net.X)")
    THREADS = (
        *exec_threads(7, *WAIT, "com.example.Tariff.get", state="BLOCKED (on object monitor)"),
        *exec_threads(1, *ASK, "com.example.Tariff.get", state="RUNNABLE", first=8),
    )

    def test_catches_a_silent_name_server(self) -> None:
        table = netstat(LISTEN, *gave_up(8)) + "udp        0      0 10.1.1.5:48430          10.2.2.2:53             ESTABLISHED 77/java\n"
        diagnosis = diagnosis_of({"jstack.txt": dump(*self.THREADS), "netstat.txt": table})
        finding = one(diagnosis, "dns-stall")
        assert (diagnosis.verdict.rule, finding.confidence, finding.culprit.remote) == ("dns-stall", Confidence.CERTAIN, "10.2.2.2:53")
        assert not found(diagnosis, "lock-convoy")

    def test_without_the_socket_it_may_be_another_source_of_names(self) -> None:
        finding = one(judged([*self.THREADS], *gave_up(8)), "dns-stall")
        assert finding.confidence is Confidence.LIKELY
        assert "LDAP" in finding.why_confident

    def test_catches_not_one_look_up(self) -> None:
        assert judged([self.THREADS[7], *idle_exec(6, first=20)]).verdict.status is Status.HEALTHY


class TestClassInit:
    @staticmethod
    def initialiser(number: int, mine: str, wanted: str, *, named: bool = True) -> str:
        line = (f"- waiting on the Class initialization monitor for {wanted}",) if named else ()
        return thread(
            f"boot-{number}",
            "RUNNABLE",
            f"{mine}.load",
            *line,
            f"{mine}.<clinit>",
            "com.example.Boot.run",
            *SERVED,
            native="in Object.wait()",
        )

    def test_catches_two_that_need_each_other(self) -> None:
        more = [
            thread(
                f"boot-{n}",
                "RUNNABLE",
                "com.example.Boot.run",
                "- waiting on the Class initialization monitor for com.example.B",
                *SERVED,
                native="in Object.wait()",
            )
            for n in range(3, 8)
        ]
        threads = [self.initialiser(1, "com.example.A", "com.example.B"), self.initialiser(2, "com.example.B", "com.example.A"), *more]
        diagnosis = judged(threads, *gave_up(7))
        finding = one(diagnosis, "class-init-deadlock")
        assert (diagnosis.verdict.rule, finding.confidence, finding.severity) == (
            "class-init-deadlock",
            Confidence.CERTAIN,
            Severity.CRITICAL,
        )
        assert "5 more threads" in finding.explanation
        assert [pool.doing for pool in diagnosis.pools if "class-init" in pool.doing] == [{"class-init": 7}]

    def test_a_thread_that_waits_for_a_class_does_not_run(self) -> None:
        """Named by a line, or by the wait that HotSpot calls RUNNABLE; in Object.wait of its own it waits for something else."""
        threads = [
            self.initialiser(1, "com.example.A", "com.example.B"),
            self.initialiser(2, "com.example.A", "", named=False),
            thread("boot-3", "RUNNABLE", "java.lang.Object.wait", "com.example.Boot.run", *SERVED, native="in Object.wait()"),
        ]
        doing = [pool.doing for pool in judged(threads).pools if "class-init" in pool.doing]
        assert [kinds["class-init"] for kinds in doing] == [2]

    def test_a_vm_that_names_no_class_is_not_certain(self) -> None:
        threads = [self.initialiser(n, cls, "", named=False) for n, cls in enumerate(("com.example.A", "com.example.B"), start=1)]
        assert one(judged(threads), "class-init-deadlock").confidence is Confidence.LIKELY

    def test_catches_not_a_circle_within_one_thread(self) -> None:
        assert not found(judged([self.initialiser(1, "com.example.A", "com.example.A")]), "class-init-deadlock")

    def test_catches_not_a_slow_initialiser(self) -> None:
        slow = thread("boot-1", "RUNNABLE", *READ, "com.example.B.load", "com.example.B.<clinit>", *SERVED)
        assert not found(judged([slow, self.initialiser(2, "com.example.A", "com.example.B")]), "class-init-deadlock")

    def test_catches_not_object_wait(self) -> None:
        waiting = [
            thread(f"t-{n}", "RUNNABLE", "java.lang.Object.wait", f"com.example.{cls}.<clinit>", native="in Object.wait()")
            for n, cls in enumerate("AB")
        ]
        assert not found(judged(waiting), "class-init-deadlock")


class TestThreadLeak:
    @staticmethod
    def pools(count: int, each: int = 1) -> str:
        idle = (*PARK, "java.util.concurrent.ThreadPoolExecutor.getTask", "java.lang.Thread.run")
        return dump(*(thread(f"pool-{n}-thread-{m}", "WAITING (parking)", *idle) for n in range(1, count + 1) for m in range(1, each + 1)))

    def test_catches_growth(self) -> None:
        dumps = {f"snap{n}/jstack.txt": self.pools(count) for n, count in enumerate((10, 40, 90), start=1)}
        finding = one(diagnosis_of(dumps), "thread-leak")
        assert (finding.confidence, finding.severity) == (Confidence.CERTAIN, Severity.WARNING)
        assert "10 → 40 → 90" in finding.explanation

    def test_one_dump_is_not_certain(self) -> None:
        assert one(diagnosis_of({"jstack.txt": self.pools(80)}), "thread-leak").confidence is Confidence.SUSPECTED

    @pytest.mark.parametrize("counts", [(12,), (80, 80), (80, 60), (10, 15)])
    def test_catches_not_pools_that_stay(self, counts: tuple[int, ...]) -> None:
        dumps = {f"snap{n}/jstack.txt": self.pools(count) for n, count in enumerate(counts, start=1)}
        assert not found(diagnosis_of(dumps), "thread-leak")

    def test_catches_not_one_large_pool(self) -> None:
        assert not found(diagnosis_of({"jstack.txt": self.pools(2, each=200)}), "thread-leak")


@pytest.mark.parametrize(
    ("name", "rule", "frame"),
    [
        ("jdbc-pool-busy", "jdbc-pool-exhausted", "net.ledger.account.AccountDao.lockBalance"),
        ("jdbc-pool-leaked", "jdbc-pool-exhausted", "net.ledger.account.AccountDao.balance"),
        ("http-pool-never-released", "http-pool-exhausted", "com.farego.payment.PaymentGateway.isSettled"),
        ("nested-tasks", "nested-task-starvation", "com.insight.report.ReportBuilder.build"),
        ("common-pool", "common-pool-starvation", "io.quoteboard.QuoteBoard.priceLegs"),
        ("lock-over-io", "lock-convoy", "com.parcel.tracking.RouteCache.refresh"),
        ("logging-stall", "logging-stall", "com.parcel.gate.GateServer.scan"),
        ("nested-connection-lease", "nested-connection-lease", "net.ledger.account.AccountDao.balance"),
        ("object-pool-lost", "object-pool-exhausted", "com.hotelier.rates.RateServer.price"),
        ("class-init-deadlock", "class-init-deadlock", "net.example.boot.Registry.count"),
        ("dns-stall", "dns-stall", "com.cargo.customs.CustomsServer.tariff"),
        ("thread-leak", "thread-leak", ""),
    ],
)
def test_samples(name: str, rule: str, frame: str) -> None:
    assert (SAMPLES / name).is_dir()
    diagnosis = sample(name)
    assert diagnosis.primary is not None
    assert diagnosis.verdict.rule == rule
    assert (diagnosis.primary.culprit.frame or "").startswith(frame)

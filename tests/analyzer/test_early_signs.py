"""What tables, lists and logs tell where threads are few, silent or missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.model.finding import Confidence, Severity
from tests.analyzer.test_quiet_roles import clerks, dumps
from tests.analyzer.test_roles import ACCEPTS, LISTEN, PLAIN_READ, open_to
from tests.builders import PARK, diagnosis_of, dump, found, netstat, thread

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis

EMFILE = "java.io.FileNotFoundException: /etc/rates.conf (Too many open files)\n\tat org.acme.counter.Rates.load(Rates.java:17)\n" * 3


def listed(same: int, others: int) -> str:
    """A list of ``lsof -p``: one file that is open again and again, and others."""
    names = [f"/etc/{'rates.conf' if n < same else f'file-{n}'}" for n in range(same + others)]
    rows = [f"java    431 app {n:>4}r   REG  254,0       49 {n + 9} {name}" for n, name in enumerate(names)]
    rows.append("java    431 app  900u  IPv4 7000      0t0  TCP *:6612 (LISTEN)")
    return "COMMAND PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\n" + "\n".join(rows) + "\n"


def left(count: int, unread: int = 1) -> list[str]:
    """Clients that hung up."""
    return [f"{unread} 10.2.0.4:6612 10.2.9.7:{41000 + n} CLOSE_WAIT 431/java" for n in range(count)]


class TestDescriptors:
    """The log says that none was left, the list says of what there are too many."""

    def test_the_list_names_what_is_not_closed(self) -> None:
        diagnosis = diagnosis_of({"lsof.txt": listed(70, 29), "app.log": EMFILE})
        (finding,) = found(diagnosis, "fd-exhaustion")
        assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
        assert "70 of 100 are /etc/rates.conf" in finding.headline
        assert finding.culprit.frame == "org.acme.counter.Rates.load(Rates.java:17)"

    def test_a_list_of_many_kinds_names_none(self) -> None:
        diagnosis = diagnosis_of({"lsof.txt": listed(30, 70), "app.log": EMFILE})
        assert all(one.confidence is Confidence.SUSPECTED for one in found(diagnosis, "fd-exhaustion"))

    def test_many_of_one_file_without_the_log_are_no_limit(self) -> None:
        assert not found(diagnosis_of({"lsof.txt": listed(70, 29)}), "fd-exhaustion")


class TestAcceptor:
    """A queue in a table without owners: the listener's length is all that says so."""

    SS = (
        "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
        "LISTEN {queue}      16     10.2.0.4:6612      0.0.0.0:*\n"
        + "".join(f"ESTAB  0      0      10.2.0.4:6612      10.2.9.7:{41000 + n}\n" for n in range(5))
    )
    FREE = thread("guard-1", "WAITING (parking)", *PARK, "java.util.concurrent.LinkedBlockingQueue.take", "org.acme.counter.Guard.run")

    def test_is_gone(self) -> None:
        diagnosis = diagnosis_of({"jstack.txt": dump(self.FREE), "ss.txt": self.SS.format(queue=5)})
        (finding,) = found(diagnosis, "acceptor-stalled")
        assert finding.confidence is Confidence.SUSPECTED
        assert any("ended the acceptor" in action.text for action in finding.actions)

    def test_a_shorter_queue_is_of_none_in_particular(self) -> None:
        assert not found(diagnosis_of({"jstack.txt": dump(self.FREE), "ss.txt": self.SS.format(queue=3)}), "acceptor-stalled")

    def test_stands_in_accept(self) -> None:
        assert not found(diagnosis_of({"jstack.txt": dump(self.FREE, ACCEPTS), "ss.txt": self.SS.format(queue=5)}), "acceptor-stalled")


class TestHandshake:
    """A silent client holds an acceptor that shakes hands itself, and lsof shows no queue."""

    HEAD = "COMMAND PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\njava    431 app  cwd    DIR  254,1     4096    2 /srv\n"
    ROWS = ("TCP *:6612 (LISTEN)", "TCP 10.2.0.4:6612->10.2.9.7:41000 (ESTABLISHED)")
    SHAKES = (*PLAIN_READ, "sun.security.ssl.SSLSocketImpl.readHandshakeRecord", "sun.security.ssl.SSLSocketImpl.startHandshake")

    def diagnosed(self, *threads: str, rows: tuple[str, ...] = ROWS) -> Diagnosis:
        table = self.HEAD + "".join(f"java    431 app {20 + n:>4}u  IPv4 {7000 + n}      0t0  {row}\n" for n, row in enumerate(rows))
        usher = thread("usher", "RUNNABLE", *self.SHAKES, "org.acme.counter.Gate.admit", "org.acme.counter.Gate.run", native="runnable")
        return diagnosis_of({"jstack-431.txt": dump(usher, *threads), "lsof.txt": table})

    def test_is_suspected(self) -> None:
        (finding,) = found(self.diagnosed(TestAcceptor.FREE), "acceptor-stalled")
        assert (finding.severity, finding.confidence, finding.culprit.thread) == (Severity.WARNING, Confidence.SUSPECTED, "usher")

    def test_is_no_acceptor_while_another_accepts(self) -> None:
        assert not found(self.diagnosed(ACCEPTS), "acceptor-stalled")

    def test_may_be_of_a_call(self) -> None:
        rows = (*self.ROWS, "TCP 10.2.0.4:51000->10.2.0.9:443 (ESTABLISHED)")
        assert not found(self.diagnosed(rows=rows), "acceptor-stalled")


class TestKept:
    """Tables alone: clients left, and nobody closes."""

    @staticmethod
    def tables(*counts: int, unread: int = 1, more: tuple[str, ...] = ()) -> dict[str, str]:
        return {f"netstat.txt.{n}": netstat(LISTEN, *left(count, unread), *more) for n, count in enumerate(counts, start=1)}

    def test_grows_and_was_read(self) -> None:
        (finding,) = found(diagnosis_of(self.tables(20, 45)), "server-never-closes")
        assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.SUSPECTED)
        assert "20 → 45" in finding.explanation

    def test_requests_that_nobody_read_are_of_a_stall(self) -> None:
        assert not found(diagnosis_of(self.tables(20, 45, unread=90)), "server-never-closes")

    def test_open_calls_may_be_what_they_wait_for(self) -> None:
        assert not found(diagnosis_of(self.tables(20, 45, more=tuple(open_to("10.2.0.8:7071", 40)))), "server-never-closes")

    def test_one_table_shows_no_growth(self) -> None:
        assert not found(diagnosis_of(self.tables(45)), "server-never-closes")


class TestLocks:
    """Locks whose owner no line names."""

    LOCK = "- parking to wait for  <0x00000000aa> (a java.util.concurrent.locks.ReentrantLock$NonfairSync)"

    def test_a_lock_that_nobody_works_under_may_never_have_been_unlocked(self) -> None:
        waits = clerks(PARK[0], self.LOCK, *PARK[1:], "java.util.concurrent.locks.ReentrantLock.lock", "org.acme.counter.Ledger.book")
        diagnosis = diagnosis_of({**dumps(*waits), "netstat.txt": netstat(LISTEN, *left(5))})
        (finding,) = found(diagnosis, "lock-convoy")
        assert "never have been unlocked" in finding.explanation
        assert any("finally" in action.text for action in finding.actions)

    def test_whoever_is_further_on_holds_it_in_dumps_of_virtual_threads(self) -> None:
        wait = (
            "    at java.base/java.lang.VirtualThread.park(Unknown Source)\n"
            "    - parking to wait for <java.util.concurrent.locks.ReentrantLock$NonfairSync@3a07>\n"
            "    at java.base/java.lang.System$1.parkVirtualThread(Unknown Source)\n"
            "    at java.base/java.util.concurrent.locks.ReentrantLock.lock(Unknown Source)\n"
            "    at org.acme.counter.Ledger.book(Ledger.java:52)\n"
            "    at org.acme.counter.Clerk.serve(Clerk.java:9)\n"
        )
        holds = (
            "    at java.base/java.lang.VirtualThread.park(Unknown Source)\n"
            "    at java.base/java.lang.System$1.parkVirtualThread(Unknown Source)\n"
            "    at java.base/sun.nio.ch.NioSocketImpl.implRead(Unknown Source)\n"
            "    at java.base/java.net.Socket$SocketInputStream.read(Unknown Source)\n"
            "    at org.acme.counter.Ledger.book(Ledger.java:55)\n"
            "    at org.acme.counter.Clerk.serve(Clerk.java:9)\n"
        )
        head = "431\n2026-03-04T05:06:07Z\n25+36\n"
        body = "".join(f'\n#{30 + n} "monk-{n}" virtual WAITING 2026-03-04T05:06:07Z\n{wait if n else holds}' for n in range(6))
        (finding,) = found(diagnosis_of({"dump.txt": head + body}), "lock-convoy")
        assert finding.culprit.thread == "monk-0"
        assert "NonfairSync java.util" not in finding.explanation


def test_more_idle_clients_than_threads_hold_them_all() -> None:
    """A queue before the workers takes connections that no thread reads from yet."""
    readers = [
        thread(f"vale-{n}", "RUNNABLE", *PLAIN_READ, "org.acme.counter.Clerk.next", "org.acme.counter.Clerk.run", native="runnable")
        for n in range(5)
    ]
    idle = [f"0 10.2.0.4:6612 10.2.9.7:{43000 + n} ESTABLISHED 431/java" for n in range(14)]
    waiting = [f"59 10.2.0.4:6612 10.2.9.7:{44000 + n} CLOSE_WAIT 431/java" for n in range(4)]
    diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *readers), "netstat.txt": netstat(LISTEN, *idle, *waiting)})
    assert diagnosis.verdict.rule == "idle-connections-pin-threads"
    calls = open_to("10.2.0.8:7071", 5)
    diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *readers), "netstat.txt": netstat(LISTEN, *idle, *waiting, *calls)})
    assert not found(diagnosis, "idle-connections-pin-threads")


def test_the_fix_names_the_helper_that_calls() -> None:
    waits = [
        thread(
            f"clerk-{n}",
            "WAITING (parking)",
            *PARK,
            "java.util.concurrent.FutureTask.get",
            "org.acme.counter.Basket.gather",
            "org.acme.counter.Clerk.run",
            nid=0x300 + n,
        )
        for n in range(4)
    ]
    helpers = [
        thread(
            f"picker-{n}",
            "RUNNABLE",
            *PLAIN_READ,
            "sun.net.www.protocol.http.HttpURLConnection.getInputStream",
            "org.acme.counter.Basket$Climb.call",
            "java.util.concurrent.FutureTask.run",
            "java.util.concurrent.ThreadPoolExecutor.runWorker",
            nid=0x500 + n,
            native="runnable",
        )
        for n in range(4)
    ]
    rows = [f"0 10.2.0.4:{51000 + n} 10.2.0.4:6612 ESTABLISHED 431/java" for n in range(4)]
    rows += [f"90 10.2.0.4:6612 10.2.0.4:{51000 + n} ESTABLISHED 431/java" for n in range(4)]
    diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *waits, *helpers), "netstat.txt": netstat(LISTEN, *rows, *left(4))})
    (finding,) = found(diagnosis, "self-call-starvation")
    assert any("serving a request in org.acme.counter.Basket$Climb.call(" in action.text for action in finding.actions)

"""Waits across a connection where other evidence stands beside: system calls of other threads, a proxy's two lists, a pool of one's own making."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Diagnosis, Finding
from tests.analyzer.test_far_side import BLOCKED, HELD, LOOP, TestBlockingCommands, reader, sockets, waiter
from tests.builders import READ, diagnosis_of, dump, found, thread

ROW = 'ESTAB 0 0 10.1.1.5:{port} {remote} users:(("java",pid=77,fd={fd})) uid:998 ino:{ino} sk:{ino} <->\n'
TABLE = (
    "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
    'LISTEN 0 100 *:8080 *:* users:(("java",pid=77,fd=9)) uid:998 ino:900 sk:1 <->\n'
    + ROW.format(port=41001, remote="10.3.0.9:5432", fd=21, ino=901)
    + ROW.format(port=41002, remote="10.3.0.9:5432", fd=22, ino=902)
    + ROW.format(port=41003, remote="10.4.0.4:9000", fd=23, ino=903)
)


def system_calls(*lines: str) -> str:
    return "".join(f"/proc/77/task/{line} 0x1 0x2 0x3 0x0 0x0 0x7f15c839be10 0x7f15f4b922ec\n" for line in lines)


class TestSystemCalls:
    FEED = thread("feed-1", "RUNNABLE", *READ, "com.example.feed.Rates.pull", "com.example.feed.Loop.run", nid=0x65)
    THREADS = (reader("clerk-1", HELD), waiter("clerk-2"), waiter("clerk-3", nid=0x63), FEED)

    def diagnosis(self, calls: str) -> Diagnosis:
        files = {"ss.txt": TABLE, "jstack.txt": dump(*self.THREADS), "s.txt": LOOP, "b.txt": BLOCKED, "threads.txt": calls}
        return diagnosis_of(files)

    def test_of_another_thread_do_not_hide_the_only_other_reader(self) -> None:
        """A poll names no descriptor: who waits on the database's connection is told by what is left."""
        calls = system_calls("97/syscall:7 0x7f0012", "98/syscall:202 0x7f0", "99/syscall:202 0x7f0", "101/syscall:0 0x17")
        (finding,) = found(self.diagnosis(calls), "cross-system-deadlock")
        assert finding.confidence is Confidence.LIKELY, "the feed might own the idle connection"
        assert "is inferred" in finding.why_confident

    def test_of_the_reader_itself_make_it_exact(self) -> None:
        calls = system_calls("97/syscall:0 0x16", "98/syscall:202 0x7f0", "99/syscall:202 0x7f0", "101/syscall:0 0x17")
        (finding,) = found(self.diagnosis(calls), "cross-system-deadlock")
        assert "is inferred" not in finding.why_confident

    def test_of_two_other_readers_tell_nothing_of_a_third(self) -> None:
        """Two readers are left, and one busy session: neither is named."""
        more = thread("feed-2", "RUNNABLE", *READ, "com.example.feed.Rates.pull", "com.example.feed.Loop.run", nid=0x66)
        files = {"ss.txt": TABLE, "jstack.txt": dump(*self.THREADS, more), "s.txt": LOOP, "b.txt": BLOCKED}
        assert not found(diagnosis_of(files), "cross-system-deadlock")


class TestOwnerOfTheIdleConnection:
    """The reader's way is Desk.run, Account.move: who waits in Account.move came the same way, and has not passed the lock yet."""

    OTHER = thread(
        "clerk-9",
        "BLOCKED (on object monitor)",
        "com.example.books.Ledger.close",
        "- waiting to lock <0x00000000f0000001> (a java.lang.Object)",
        "com.example.books.Desk.run",
        native="waiting for monitor entry",
        nid=0x69,
    )

    def finding(self, *threads: str) -> Finding:
        files = {
            "netstat.txt": sockets(41001, 41002),
            "jstack.txt": dump(reader("clerk-1", HELD), *threads),
            "s.txt": LOOP,
            "b.txt": BLOCKED,
        }
        return found(diagnosis_of(files), "cross-system-deadlock")[0]

    def test_is_probably_the_one_that_came_another_way(self) -> None:
        finding = self.finding(waiter("clerk-2"), waiter("clerk-3", nid=0x63), self.OTHER)
        assert finding.culprit.thread == "clerk-9"
        assert "probably that of “clerk-9”" in finding.explanation
        assert [step.actor for step in finding.chain][-1] == "“clerk-9”"

    def test_is_not_told_where_all_came_one_way(self) -> None:
        finding = self.finding(waiter("clerk-2"), waiter("clerk-3", nid=0x63))
        assert finding.culprit.thread is None
        assert [step.actor for step in finding.chain][-1] == "one of 2 threads"


def proxied(count: int, queued: int, *, service: str = "10.3.0.9:80") -> dict[str, str]:
    """A pool of Tomcat's that calls a proxy; of the calls some are in its queue. ``service``: where the pool's threads call."""
    ports = range(41001, 41001 + count)
    short = "0x55b34df100{n:02}: proto=tcpv4 src=10.1.1.5:{port} fe=web be=app srv={server} ts=00 epoch=0 age=9s calls=1\n"
    whole = (
        "0x55b34df100{n:02}: [28/Nov/2026:15:16:30.768670] id=1 proto=tcpv4 source=10.1.1.5:{port}\n"
        "  backend=app (id=3 mode=http) addr=10.3.0.9:57926\n  server={server} (id=1){addr}\n"
        "  task=0x55b34df15700 (state=0x00 nice=0 calls=3 rate=0 exp=1m21s tmask=0x1 age=9s)\n"
    )
    servers = ["<none>" if n < queued else "till3" for n in range(count)]
    threads = [
        thread(f"http-nio-8080-exec-{n + 1}", "RUNNABLE", *READ, "com.example.books.Rates.ask", "com.example.books.Desk.run", nid=0x61 + n)
        for n in range(count)
    ]
    gone = [f"1 10.1.1.5:8080 10.9.0.{n}:5000 CLOSE_WAIT 77/java" for n in range(1, count + 1)]
    table = sockets(*ports, remote=service) + "".join(f"tcp {row.split()[0]} 0 {' '.join(row.split()[1:])}\n" for row in gone)
    return {
        "netstat.txt": table,
        "jstack.txt": dump(*threads),
        "a-short.txt": "".join(short.format(n=n, port=port, server=servers[n]) for n, port in enumerate(ports)),
        "b-whole.txt": "".join(
            whole.format(n=n, port=port, server=servers[n], addr="" if n < queued else " addr=10.3.0.21:9081")
            for n, port in enumerate(ports)
        ),
    }


class TestQueueOfAProxy:
    def test_a_slow_proxy_is_a_consequence_of_its_queue(self) -> None:
        diagnosis = diagnosis_of(proxied(6, 4))
        assert diagnosis.verdict.rule == "queued-at-proxy"
        (slow,) = found(diagnosis, "slow-backend")
        assert slow.consequence_of == diagnosis.verdict.finding

    def test_the_long_list_adds_the_server_s_address_to_the_short_one(self) -> None:
        assert "till3 (10.3.0.21:9081)" in diagnosis_of(proxied(6, 4)).verdict.headline

    def test_another_service_that_is_slow_is_none(self) -> None:
        """The queue is of other connections: the pool's threads call elsewhere."""
        files = proxied(6, 4, service="10.3.0.8:90")
        far = sockets(42001, remote="10.3.0.9:80").splitlines()[-1] + "\n"
        files["netstat.txt"] += far
        files["a-short.txt"] = files["a-short.txt"].splitlines()[0].replace(":41001", ":42001") + "\n"
        del files["b-whole.txt"]
        (slow,) = found(diagnosis_of(files), "slow-backend")
        assert slow.consequence_of is None


class TestSemaphore:
    """A pool of one's own making: who is further on in the method that waits should have what the others want.

    The builder numbers the lines of a stack: the user's frames are one more, so its line of the method is a later one.
    """

    REDIS = (
        *READ[:2],
        "com.example.mail.Line.read",
        "com.example.mail.Line.ask",
        "com.example.mail.Lines.call",
        "com.example.mail.Inbox.next",
    )
    WANTS = (
        "jdk.internal.misc.Unsafe.park",
        "java.util.concurrent.locks.LockSupport.park",
        "java.util.concurrent.Semaphore.acquire",
        "com.example.mail.Lines.call",
        "com.example.mail.Outbox.push",
    )

    def diagnosis(self, holds: tuple[str, ...], listed: str = "") -> Diagnosis:
        threads = [thread("mail-1", "RUNNABLE", *holds, nid=0x61)]
        threads += [thread(f"mail-{n}", "WAITING (parking)", *self.WANTS, nid=0x60 + n) for n in (2, 3, 4, 5)]
        files = {"netstat.txt": sockets(41001, remote="10.3.0.9:6379"), "jstack.txt": dump(*threads)}
        return diagnosis_of(files | ({"clients.txt": listed} if listed else {}))

    def test_users_are_those_further_on(self) -> None:
        (finding,) = found(self.diagnosis(self.REDIS), "object-pool-exhausted")
        assert "1 thread is further on in the same method and should have one" in finding.headline
        assert "com.example.mail.Line.read" in finding.explanation
        assert finding.confidence is Confidence.SUSPECTED

    def test_a_thread_in_another_method_has_none(self) -> None:
        elsewhere = tuple(frame.replace("Lines.call", "Pages.load") for frame in self.REDIS)
        (finding,) = found(self.diagnosis(elsewhere), "object-pool-exhausted")
        assert "no thread is seen to use one" in finding.headline

    def test_blocking_commands_are_its_cause(self) -> None:
        diagnosis = self.diagnosis(self.REDIS, TestBlockingCommands.LIST)
        assert diagnosis.verdict.rule == "blocking-commands"
        (finding,) = found(diagnosis, "object-pool-exhausted")
        assert finding.consequence_of == diagnosis.verdict.finding


class TestWaitsByDesign:
    """A pool whose every thread reads from Redis looks like a service that does not answer; the server's list knows better."""

    def diagnosis(self, flags: str, left_out: int = 0) -> Diagnosis:
        ports = range(41001, 41005)
        redis = (*READ[:2], "com.example.mail.Line.read", "com.example.mail.Inbox.next", "org.apache.coyote.http11.Http11Processor.service")
        threads = [thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *redis, nid=0x60 + n) for n in range(1, 5)]
        gone = "".join(f"tcp 1 0 10.1.1.5:8080 10.9.0.{n}:5000 CLOSE_WAIT 77/java\n" for n in range(1, 5))
        table = sockets(*ports, remote="10.3.0.9:6379") + gone
        listed = "".join(
            f"id={n} addr=10.1.1.5:{port} fd=8 name=x age=8 idle=8 flags={flags} db=0 events=r cmd=blpop\n"
            for n, port in enumerate(ports[left_out:])
        )
        return diagnosis_of({"netstat.txt": table, "jstack.txt": dump(*threads), "clients.txt": listed})

    def test_is_no_slow_service(self) -> None:
        diagnosis = self.diagnosis("b")
        assert not found(diagnosis, "slow-backend")
        assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("blocking-commands", Confidence.SUSPECTED)
        assert "waits in BLPOP for a push to Redis" in diagnosis.verdict.headline

    def test_a_list_of_the_waiting_ones_alone_says_nothing_of_the_others(self) -> None:
        assert found(self.diagnosis("b", left_out=2), "slow-backend")

    def test_a_command_without_an_answer_is_one(self) -> None:
        assert found(self.diagnosis("N"), "slow-backend")

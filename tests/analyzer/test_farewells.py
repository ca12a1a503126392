"""The farewell of TLS is no request: where a port speaks TLS, and where the same length is a request after all."""

from __future__ import annotations

import pytest

from analyzer.waits.case import Case
from parsers.records import TcpState
from tests.analyzer.test_roles import ACCEPTS, LISTEN
from tests.builders import PARK, diagnosis_of, dump, evidence_of, netstat, thread

LATCH = (
    *PARK,
    "java.util.concurrent.CountDownLatch.await",
    "org.acme.counter.Ledger.book",
    "org.acme.counter.Clerk.serve",
    "java.lang.Thread.run",
)
PORCH = 6612


def clerks(count: int, *above: str) -> list[str]:
    return [thread(f"clerk-{n}", "WAITING (parking)", *above, *LATCH, nid=0x300 + n) for n in range(count)]


def gone(queue: int, count: int, first: int = 41000, port: int = PORCH) -> list[str]:
    """Clients that left, with so many octets unread."""
    return [f"{queue} 10.2.0.4:{port} 10.2.9.7:{first + n} CLOSE_WAIT 431/java" for n in range(count)]


def read(threads: list[str], *rows: str) -> int:
    """How many of the clients that left had their request read."""
    views = Case(evidence_of({"jstack-431.txt": dump(ACCEPTS, *threads), "netstat.txt": netstat(LISTEN, *rows)}).incident).latest
    return sum(one.farewell and one.state is TcpState.CLOSE_WAIT for view in views for one in view.server_side(PORCH))


@pytest.mark.parametrize("queue", [24, 25, 32])
def test_as_many_farewells_as_threads_at_work(queue: int) -> None:
    """The others have not even begun: a ClientHello lies unread."""
    assert read(clerks(5), *gone(queue, 5), *gone(518, 4, 42000)) == 5


def test_farewells_are_no_unread_requests() -> None:
    rows = (*gone(25, 5), *gone(518, 4, 42000))
    diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *clerks(5)), "netstat.txt": netstat(LISTEN, *rows)})
    assert diagnosis.verdict.rule == "pool-stuck"
    assert "had read 5 of their requests and never read the other 4" in diagnosis.findings[0].explanation
    assert {link.role for link in diagnosis.links if link.remote and ":41" in link.remote} == {"serves"}


@pytest.mark.parametrize("frame", ["sun.security.ssl.SSLSocketImpl.close", "io.netty.handler.ssl.SslHandler.wrap"])
def test_stacks_tell_of_tls(frame: str) -> None:
    """Here the numbers differ: one thread has ended its request already."""
    assert read([*clerks(2), *clerks(1, frame)], *gone(25, 8)) == 8


@pytest.mark.parametrize(
    ("threads", "rows"),
    [
        (5, [*gone(1, 5), *gone(25, 6, 42000)]),  # five were read: the others are probes in plain text
        (5, [*gone(25, 12)]),  # nothing says that it is TLS
        (5, [*gone(25, 5), *gone(31, 3, 42000)]),  # requests of two short lengths
        (5, [*gone(25, 2)]),
        (5, [*gone(25, 5), *(f"0 10.2.0.4:6612 10.2.9.7:{43000 + n} ESTABLISHED 431/java" for n in range(5))]),
    ],
)
def test_short_requests_stay_requests(threads: int, rows: list[str]) -> None:
    assert read(clerks(threads), *rows) == 0


def test_the_port_alone_tells() -> None:
    files = {"netstat.txt": netstat(LISTEN.replace("6612", "8443"), *gone(25, 4, port=8443))}
    (view,) = Case(evidence_of(files).incident).latest
    assert all(one.farewell for one in view.server_side(8443))


class TestEndOfInput:
    """A request in FastCGI ends with an empty record of eight octets, which PHP reads when it is done."""

    @staticmethod
    def read(queue: int, command: str, state: str = "CLOSE_WAIT") -> int:
        rows = [f"0 10.2.0.4:9001 0.0.0.0:* LISTEN 430/{command}"]
        rows += [f"{queue} 10.2.0.4:9001 10.2.9.7:{41000 + n} {state} {431 + n}/{command}" for n in range(4)]
        views = Case(evidence_of({"netstat.txt": netstat(*rows)}).incident).latest
        return sum(one.farewell for view in views for one in view.sockets)

    def test_of_a_child_of_php_is_no_request(self) -> None:
        assert self.read(9, "php-fpm8.2") == self.read(8, "php-fpm:", "ESTABLISHED") == 4

    def test_of_another_length_or_program_it_is_one(self) -> None:
        assert not self.read(217, "php-fpm8.2")
        assert not self.read(9, "nginx")
        assert not self.read(9, "php-fpm8.2", "ESTABLISHED")

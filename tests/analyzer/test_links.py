"""Which socket a thread has: by its name, by its driver's port; and unknown where several would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.model.finding import Basis, Confidence
from tests.builders import WORKER, diagnosis_of, dump, netstat, thread

if TYPE_CHECKING:
    from analyzer.model.finding import Link

READ = ("sun.nio.ch.Net.poll", "sun.nio.ch.NioSocketImpl.implRead", "java.net.Socket$SocketInputStream.read")
MYSQL = ("com.mysql.cj.protocol.ReadAheadInputStream.read", "com.example.shop.Report.load")
LISTEN = "0 0.0.0.0:9866 0.0.0.0:* LISTEN 77/java"


def links(threads: list[str], rows: list[str]) -> list[Link]:
    return list(diagnosis_of({"jstack.txt": dump(*threads), "netstat.txt": netstat(*rows)}).links)


def reader(name: str, *below: str) -> str:
    return thread(name, "RUNNABLE", *READ, *below, *WORKER, native="runnable")


class TestNames:
    def test_the_client_of_an_own_listener(self) -> None:
        threads = [reader(f"DataXceiver for client DFSClient_7 at /10.0.0.7:4100{n} [Receiving block blk_{n}]") for n in range(3)]
        rows = [LISTEN, *(f"0 10.0.0.1:9866 10.0.0.7:4100{n} ESTABLISHED 77/java" for n in range(3))]
        found = links(threads, rows)
        assert [(link.thread, link.remote, link.basis, link.confidence, link.role) for link in found if link.basis is Basis.NAME] == [
            (f"DataXceiver for client DFSClient_7 at /10.0.0.7:4100{n} [Receiving block blk_{n}]", f"10.0.0.7:4100{n}", Basis.NAME, Confidence.CERTAIN, "serves")
            for n in range(3)
        ]  # fmt: skip

    def test_both_ends_of_a_call(self) -> None:
        rows = [LISTEN, "0 10.0.0.1:51000 10.0.0.9:27017 ESTABLISHED 77/java", "0 10.0.0.1:51001 10.0.0.9:27017 ESTABLISHED 77/java"]
        (link,) = links([reader("feed 10.0.0.1:51001 -> 10.0.0.9:27017")], rows)
        assert (link.local, link.confidence, link.role) == ("10.0.0.1:51001", Confidence.CERTAIN, "calls")

    def test_a_service_with_one_connection_is_likely(self) -> None:
        rows = [LISTEN, "0 10.0.0.1:51000 [fd00::9]:27017 ESTABLISHED 77/java"]
        (link,) = links([reader("monitor-[fd00::9]:27017")], rows)
        assert link.confidence is Confidence.LIKELY

    @pytest.mark.parametrize(
        ("names", "rows"),
        [
            (["monitor-10.0.0.9:27017"], ["0 10.0.0.1:51000 10.0.0.9:27017 ESTABLISHED 77/java"] * 1 + ["0 10.0.0.1:51001 10.0.0.9:27017 ESTABLISHED 77/java"]),
            (["monitor-10.0.0.9:27017", "writer-10.0.0.9:27017"], ["0 10.0.0.1:51000 10.0.0.9:27017 ESTABLISHED 77/java"]),
            (["monitor-10.0.0.9:27018"], ["0 10.0.0.1:51000 10.0.0.9:27017 ESTABLISHED 77/java"]),
            (["monitor-10.0.0.9"], ["0 10.0.0.1:51000 10.0.0.9:27017 ESTABLISHED 77/java"]),
            (["build 1.10.0.0.9:27017.3"], ["0 10.0.0.1:51000 10.0.0.9:27017 ESTABLISHED 77/java"]),
            (["monitor-10.0.0.9:270170"], ["0 10.0.0.1:51000 10.0.0.9:27017 ESTABLISHED 77/java"]),
        ],
        ids=["two sockets", "two threads", "another port", "no port", "a version", "a longer number"],
    )  # fmt: skip
    def test_what_a_name_does_not_tell_stays_unknown(self, names: list[str], rows: list[str]) -> None:
        assert not [link for link in links([reader(name) for name in names], [LISTEN, *rows]) if link.basis is Basis.NAME]


class TestDrivers:
    ROWS = (
        LISTEN,
        *(f"0 10.0.0.1:5100{n} 10.0.0.9:3306 ESTABLISHED 77/java" for n in range(3)),
        "0 10.0.0.1:52000 10.0.0.8:443 ESTABLISHED 77/java",
    )

    def test_a_driver_of_a_pool_that_serves_nobody(self) -> None:
        found = links([reader(f"report-{n}", *MYSQL) for n in range(3)], [*self.ROWS])
        assert {(link.pool, link.remote, link.basis, link.thread) for link in found} == {
            ("report", "10.0.0.9:3306", Basis.FRAME_PORT, None)
        }
        assert all(link.confidence is Confidence.LIKELY for link in found)

    def test_one_thread_and_one_socket(self) -> None:
        (link,) = links([reader("report-1", *MYSQL)], [LISTEN, self.ROWS[1]])
        assert (link.thread, link.basis) == ("report-1", Basis.UNIQUE)

    def test_two_pools_of_one_driver_are_not_told_apart(self) -> None:
        assert not links([reader("report-1", *MYSQL), reader("export-1", *MYSQL)], [*self.ROWS])

    def test_a_client_without_a_port_of_its_own_is_not_guessed(self) -> None:
        assert not links(
            [reader(f"report-{n}", "org.apache.http.impl.io.SessionInputBufferImpl.streamRead") for n in range(3)], [*self.ROWS]
        )

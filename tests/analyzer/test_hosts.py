"""Several processes on several hosts: both halves of a connection found in two folders, and loops that only both together show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.model.finding import Confidence, Severity
from tests.builders import SERVED, diagnosis_of, dump, found, idle_exec, netstat, thread

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis

READ = ("sun.nio.ch.Net.poll", "sun.nio.ch.NioSocketImpl.park", "sun.nio.ch.NioSocketImpl.implRead", "sun.nio.ch.NioSocketImpl.read")
HTTP = ("sun.net.www.http.HttpClient.parseHTTP",)
THREADS = 6
ADDRESS = {"shop": "10.0.0.1", "stock": "10.0.0.2", "price": "10.0.0.3"}
PID = {"shop": 71, "stock": 72, "price": 73}


def stuck(app: str, read: tuple[str, ...] = (*READ, *HTTP)) -> str:
    return dump(
        *(thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *read, app, *SERVED, native="runnable", nid=0x200 + n) for n in range(THREADS))
    )


def listener(host: str) -> str:
    return f"0 0.0.0.0:8080 0.0.0.0:* LISTEN {PID[host]}/java"


def calls(near: str, far: str, *, port: int = 8080, first: int = 41000, count: int = THREADS) -> list[str]:
    """The caller's halves."""
    return [f"0 {ADDRESS[near]}:{first + n} {ADDRESS[far]}:{port} ESTABLISHED {PID[near]}/java" for n in range(count)]


def called(far: str, near: str, *, unread: int = 120, first: int = 41000, count: int = THREADS) -> list[str]:
    """The same connections as the far host shows them."""
    return [f"{unread} {ADDRESS[far]}:8080 {ADDRESS[near]}:{first + n} ESTABLISHED {PID[far]}/java" for n in range(count)]


def gave_up(host: str) -> list[str]:
    return [f"1 {ADDRESS[host]}:8080 10.0.0.9:5{n:03} CLOSE_WAIT {PID[host]}/java" for n in range(THREADS)]


def two(*, back: int = 120, dump_of_stock: str | None = None, stock_rows: list[str] | None = None) -> Diagnosis:
    """Shop calls stock, stock calls shop."""
    shop = [listener("shop"), *gave_up("shop"), *calls("shop", "stock"), *called("shop", "stock", unread=back)]
    stock = [listener("stock"), *calls("stock", "shop"), *called("stock", "shop", unread=0)]
    return diagnosis_of(
        {
            "shop/jstack.txt": stuck("com.example.shop.Cart.total"),
            "shop/netstat.txt": netstat(*shop),
            "stock/jstack.txt": dump_of_stock or stuck("com.example.stock.Level.reserve"),
            "stock/netstat.txt": netstat(*(stock_rows or stock)),
        }
    )


def test_two_hosts_that_wait_for_each_other() -> None:
    diagnosis = two()
    (finding,) = found(diagnosis, "mutual-call-starvation")
    assert diagnosis.verdict.rule == "mutual-call-starvation"
    assert finding.confidence is Confidence.CERTAIN
    assert "java (pid 72) on stock" in finding.headline
    assert not found(diagnosis, "slow-backend")
    assert {one.where.file for one in finding.evidence} >= {"shop/netstat.txt", "shop/jstack.txt", "stock/netstat.txt", "stock/jstack.txt"}


def test_requests_that_an_io_thread_read_show_the_ring_too() -> None:
    """Nothing lies unread: only that each pool waits for the other proves it."""
    (finding,) = found(two(back=0), "mutual-call-starvation")
    assert "in a ring" in finding.headline
    assert finding.loop
    assert finding.confidence is Confidence.CERTAIN


def one_side(unread: int, *, rows: int = THREADS) -> Diagnosis:
    """Shop's evidence alone: it calls stock, and so many requests from stock's host lie there, each with some bytes unread."""
    shop = [listener("shop"), *gave_up("shop"), *calls("shop", "stock"), *called("shop", "stock", unread=unread, count=rows)]
    return diagnosis_of({"jstack.txt": stuck("com.example.shop.Cart.total"), "netstat.txt": netstat(*shop)})


def test_one_side_alone_is_a_suspicion_of_both() -> None:
    diagnosis = one_side(120)
    (finding,) = found(diagnosis, "mutual-call-starvation")
    (slow,) = found(diagnosis, "slow-backend")
    assert finding.confidence is slow.confidence is Confidence.SUSPECTED
    assert diagnosis.verdict.rule == "mutual-call-starvation"
    assert "load balancer" in finding.explanation
    assert "it may wait for this server in turn" in slow.explanation
    assert finding.missing[0].artifact == "socket table and thread dump of 10.0.0.2"


@pytest.mark.parametrize(("unread", "rows"), [(0, THREADS), (120, 2), (120, 0)])
def test_requests_of_that_host_that_are_served_or_few_suspect_nobody(unread: int, rows: int) -> None:
    diagnosis = one_side(unread, rows=rows)
    assert not found(diagnosis, "mutual-call-starvation")
    (slow,) = found(diagnosis, "slow-backend")
    assert slow.confidence is Confidence.CERTAIN


def test_three_in_a_ring() -> None:
    order = ["shop", "stock", "price"]
    files: dict[str, str] = {}
    for index, near in enumerate(order):
        after, before = order[(index + 1) % 3], order[index - 1]
        rows = [listener(near), *gave_up(near), *calls(near, after), *called(near, before)]
        files |= {f"{near}/jstack.txt": stuck(f"com.example.{near}.Main.ask"), f"{near}/netstat.txt": netstat(*rows)}
    diagnosis = diagnosis_of(files)
    (finding,) = found(diagnosis, "mutual-call-starvation")
    assert finding.headline.startswith("3 servers wait for each other in a ring")
    assert [step.actor.split(" on ")[-1] for step in finding.chain] in (["price", "shop", "stock"], ["java (pid 73)", "shop", "stock"])
    assert not found(diagnosis, "slow-backend")


def test_a_callee_with_free_threads_closes_no_loop() -> None:
    diagnosis = two(back=0, dump_of_stock=dump(*idle_exec(THREADS)))
    assert not found(diagnosis, "mutual-call-starvation")


def test_the_cause_lies_at_the_end_of_the_chain() -> None:
    """Shop waits for stock, and stock for its database: stock's trouble explains shop's."""
    jdbc = ("com.mysql.cj.protocol.ReadAheadInputStream.read",)
    stock_rows = [listener("stock"), *gave_up("stock"), *called("stock", "shop", unread=0), *calls("stock", "price", port=3306)]
    diagnosis = two(back=0, dump_of_stock=stuck("com.example.stock.Level.load", (*READ, *jdbc)), stock_rows=stock_rows)
    (slow,) = found(diagnosis, "slow-backend")
    (database,) = found(diagnosis, "database-read-hang")
    assert "on stock" in slow.headline
    assert diagnosis.verdict.rule == "database-read-hang"
    assert slow.consequence_of == database.id
    assert database.process is not None
    assert database.process.host == "stock"


def test_a_suspicion_there_explains_nothing_here() -> None:
    """The far process has no trouble that is sure: the finding here stands."""
    diagnosis = two(back=0, dump_of_stock=dump(*idle_exec(THREADS)))
    (slow,) = found(diagnosis, "slow-backend")
    assert slow.consequence_of is None
    assert slow.severity is Severity.CRITICAL


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_loopback_of_one_host_is_not_that_of_another(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    near = [f"0 {host}:{41000 + n} {host}:9090 ESTABLISHED 71/java" for n in range(THREADS)]
    far = [f"120 {host}:9090 {host}:{41000 + n} ESTABLISHED 72/java" for n in range(THREADS)]
    diagnosis = diagnosis_of(
        {
            "shop/jstack.txt": stuck("com.example.shop.Cart.total"),
            "shop/netstat.txt": netstat(listener("shop"), *gave_up("shop"), *near),
            "stock/jstack.txt": stuck("com.example.stock.Level.reserve"),
            "stock/netstat.txt": netstat(listener("stock"), "0 0.0.0.0:9090 0.0.0.0:* LISTEN 72/java", *far),
        }
    )
    assert not found(diagnosis, "mutual-call-starvation")
    assert all("on stock" not in one.headline for one in diagnosis.findings)


def test_the_same_pid_on_two_hosts_is_two_processes() -> None:
    """Shop waits for a third party; stock, with the same pid, is healthy."""
    rows = [listener("shop"), *gave_up("shop"), *calls("shop", "price", port=9300)]
    diagnosis = diagnosis_of(
        {
            "shop/jstack.txt": stuck("com.example.shop.Cart.total"),
            "shop/netstat.txt": netstat(*rows),
            "stock/jstack.txt": dump(*idle_exec(THREADS)),
            "stock/netstat.txt": netstat(listener("shop").replace("8080", "8080")),
        }
    )
    (finding,) = found(diagnosis, "slow-backend")
    assert finding.process is not None
    assert finding.process.host == "shop"
    assert [one.process.host for one in diagnosis.findings if one.process and one.severity is Severity.CRITICAL] == ["shop"]

"""A full server whose own list shows that one host's connections are used once and kept, and a host that ZooKeeper refuses for its handles."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Diagnosis, RecoversWhen
from tests.builders import diagnosis_of, found

FULL = "redis.exceptions.ConnectionError: max number of clients reached"


def client(number: int, host: str, age: int, idle: int, command: str = "hget", flags: str = "N") -> str:
    return (
        f"id={900 + number} addr={host}:{40100 + number} fd={20 + number} name= age={age} idle={idle} flags={flags} db=0 sub=0 psub=0 multi=-1 "
        f"qbuf=0 qbuf-free=0 obl=0 oll=0 omem=0 events=r cmd={command}"
    )


def redis(rows: list[str], counts: dict[str, int]) -> Diagnosis:
    counted = "\n".join(f"   {number} addr={host}" for host, number in counts.items())
    text = (
        f"It says\n\n    {FULL}\n\nand\n\n```\n$ redis-cli client list | head\n"
        + "\n".join(rows)
        + "\n\n$ redis-cli client list | grep -o 'addr=[0-9.]*' | sort | uniq -c\n"
        + counted
        + "\n```\n"
    )
    return diagnosis_of({"report.md": text})


COUNTS = {"10.77.0.5": 3990, "10.77.0.6": 8}
ONCE = [client(number, "10.77.0.5", 4000 - 15 * number, 4000 - 15 * number) for number in range(5)]


def test_connections_that_were_used_once_are_never_closed() -> None:
    diagnosis = redis([*ONCE, client(9, "10.77.0.6", 900, 2, "brpop", "b")], COUNTS)
    (finding,) = found(diagnosis, "connection-leak")
    assert finding.confidence is Confidence.LIKELY
    assert "10.77.0.5 keeps 3,990 of its 3,998 connections, each used once and idle since" in finding.headline
    assert "3,940 to 4,000 s ago" in finding.explanation
    assert "10.77.0.6, the next host, has 8" in finding.explanation
    assert finding.outlook is not None
    assert finding.outlook.heals is RecoversWhen.RESTART
    assert not found(diagnosis, "connection-limit")


def test_a_pool_filled_in_advance_or_by_one_burst_is_only_suspected() -> None:
    opened = [client(number, "10.77.0.5", 4000 - 15 * number, 4000 - 15 * number, "ping") for number in range(5)]
    burst = [client(number, "10.77.0.5", 4000, 4000) for number in range(5)]
    used = [client(number, "10.77.0.5", 4000 - 15 * number, 70) for number in range(5)]
    for rows in (opened, burst, used, ONCE[:2]):
        (finding,) = found(redis(rows, COUNTS), "connection-limit")
        assert finding.confidence is Confidence.SUSPECTED
        assert "used once" not in finding.headline


def test_hosts_that_share_the_places_are_the_old_story() -> None:
    diagnosis = redis(ONCE, {"10.77.0.5": 2000, "10.77.0.6": 1990})
    assert not found(diagnosis, "connection-leak")
    (finding,) = found(diagnosis, "connection-limit")
    assert "10.77.0.5" not in finding.headline


REFUSED = (
    "2021-02-03 04:05:0{second},447 [myid:2] - WARN  [NIOServerCxn.Factory:0.0.0.0/0.0.0.0:2181:NIOServerCnxnFactory@188] - "
    "Too many connections from /10.78.1.9 - max is 40\n"
)
CONS = (
    " /10.78.1.9:{port}[1](queued=0,recved=412,sent=412,sid=0x20006c1a2b00{number},lop={last},est=1612320000000,to=30000,"
    "lcxid=0x3,lzxid=0xffffffffffffffff,lresp=1612330800000,llat=0,minlat=0,avglat=0,maxlat=4)\n"
)


def zookeeper(makers: list[str], *, last: str = "PING", counted: int = 95) -> Diagnosis:
    threads = "\n".join(
        f'"{name}-SendThread(quorum{at % 3}.dock:2181)" #{400 + at} daemon prio=5 os_prio=0 tid=0x00007f21a405{at:04x} nid=0x{600 + at:x} runnable [0x00007f21{at:04x}1000]'
        for at, name in enumerate(makers)
    )
    rows = "".join(CONS.format(port=51000 + at, number=10 + at, last=last) for at in range(3))
    text = (
        f"```\n{REFUSED.format(second=1)}{REFUSED.format(second=2)}```\n\n```\n{rows}```\n\n```\n"
        "$ netstat -tnp 2>/dev/null | grep :2181 | awk '{print $6, $7}' | sort | uniq -c\n"
        f"    {counted} ESTABLISHED 5511/java\n"
        "$ jstack 5511 | grep -c -- '-SendThread'\n"
        f"{counted + 2}\n$ jstack 5511 | grep -- '-SendThread' | head\n{threads}\n```\n"
    )
    return diagnosis_of({"report.md": text})


def test_handles_made_in_request_threads_fill_the_limit_of_an_address() -> None:
    diagnosis = zookeeper(["http-nio-9191-exec-4", "http-nio-9191-exec-11", "http-nio-9191-exec-4"])
    (finding,) = found(diagnosis, "connection-leak")
    assert finding.confidence is Confidence.LIKELY
    assert "ZooKeeper refuses 10.78.1.9 further connections, as an address may have 40 at each server" in finding.headline
    assert "java (pid 5511) makes handles of ZooKeeper in threads that serve requests" in finding.headline
    assert "95 connections to all servers together, 97 SendThreads" in finding.headline
    assert "“http-nio-9191-exec-4” has made 2 handles" in finding.explanation
    assert "only send their heartbeat (PING), connected for 3.0 hours and more" in finding.explanation


def test_other_makers_and_few_handles_are_only_suspected() -> None:
    for diagnosis in (
        zookeeper(["main", "main-EventThread-2"]),
        zookeeper(["http-nio-9191-exec-4", "http-nio-9191-exec-11"], counted=6),
        zookeeper(["main"], last="GETD", counted=6),
    ):
        (finding,) = found(diagnosis, "connection-limit")
        assert finding.confidence is Confidence.SUSPECTED
        assert "does not close" not in finding.headline
        assert "The limit is one for each client address" in finding.explanation
        assert not found(diagnosis, "connection-leak")

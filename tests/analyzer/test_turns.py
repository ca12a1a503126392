"""Whose move it is on a connection: the counters of ``ss -i`` say it without any thread dump."""

from __future__ import annotations

import pytest

from analyzer.join.connections import Connection
from analyzer.join.turns import awaited, follow, long_awaited, unanswered
from analyzer.model.finding import Confidence, Status
from parsers.records import Endpoint, TcpState, Where
from parsers.records.tcp_info import TcpInfo, info_of
from tests.builders import READ, SERVED, diagnosis_of, dump, found, thread

HEAD = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"


def connection(info: TcpInfo | None, *, port: int = 9443, state: TcpState = TcpState.ESTABLISHED, recv_q: int = 0) -> Connection:
    return Connection(
        local=Endpoint("10.0.0.1", 5000),
        remote=Endpoint("10.0.0.7", port),
        state=state,
        recv_q=recv_q,
        send_q=0,
        backlog=None,
        owners=(),
        inode=None,
        timer=None,
        where=Where("ss.txt", 2, 2),
        info=info,
    )


def info(text: str) -> TcpInfo | None:
    return info_of(f"\t ts sack cubic wscale:7,7 {text}")


@pytest.mark.parametrize(
    ("text", "waits", "owes"),
    [
        ("bytes_sent:120 bytes_acked:121 data_segs_out:1 lastsnd:6100 lastrcv:6100", 6.1, None),
        ("bytes_sent:120 bytes_received:900 lastsnd:6100 lastrcv:6050", None, 6.05),
        ("bytes_sent:240 bytes_received:900 lastsnd:4000 lastrcv:9000", 4.0, None),
        ("bytes_received:60 data_segs_in:1 lastsnd:5752 lastrcv:5752", None, 5.752),
        ("data_segs_out:2 lastsnd:3000 lastrcv:90000", 3.0, None),
        ("lastsnd:3000 lastrcv:3000", None, None),
        ("bytes_sent:120 rtt:1/1", None, None),
    ],
    ids=["never answered", "answered", "the second never answered", "asked, no answer yet", "older kernel", "no data at all", "no times"],
)
def test_whose_turn_it_is(text: str, waits: float | None, owes: float | None) -> None:
    one = connection(info(text))
    assert (awaited(one), unanswered(one)) == (waits, owes)


def test_only_open_connections_with_all_read_wait() -> None:
    text = "bytes_sent:120 lastsnd:6100 lastrcv:6100"
    assert awaited(connection(info(text), state=TcpState.CLOSE_WAIT)) is None
    assert awaited(connection(info(text), recv_q=7)) is None
    assert awaited(connection(None)) is None
    assert long_awaited([connection(info("bytes_sent:120 lastsnd:900 lastrcv:900"))]) == {}


def test_requests_that_calls_followed() -> None:
    requests = [connection(info(f"bytes_received:60 lastsnd:9999 lastrcv:{age}")) for age in (9000, 6000, 3000)]
    calls = [connection(info(f"bytes_sent:60 lastsnd:{age} lastrcv:{age}")) for age in (8990, 5500, 600_000)]
    assert follow(calls, requests) == 2
    assert follow([connection(info("bytes_sent:60 lastsnd:9500"))], requests) == 0, "a call that was there before"
    assert follow([], requests) == 0


def rows(*, calls: tuple[int, ...], requests: tuple[int, ...], state: str = "CLOSE-WAIT", unread: int = 1) -> str:
    """A table of ``ss -i``: ages in milliseconds of what was sent to a service and read from clients."""
    made = [HEAD, 'LISTEN 0 128 *:8080 *:* users:(("till",pid=77,fd=3))\n']
    for at, age in enumerate(requests):
        made.append(f'{state} {unread} 0 10.0.0.1:8080 10.0.0.9:{4000 + at} users:(("till",pid=77,fd={10 + at}))\n')
        made.append(f"\t cubic wscale:7,7 rto:204 bytes_received:60 data_segs_in:1 lastsnd:{age} lastrcv:{age} lastack:5\n")
    for at, age in enumerate(calls):
        made.append(f'ESTAB 0 0 10.0.0.1:{5000 + at} 10.0.0.7:9443 users:(("till",pid=77,fd={60 + at}))\n')
        made.append(f"\t cubic wscale:7,7 rto:204 bytes_sent:90 bytes_acked:91 lastsnd:{age} lastrcv:{age} lastack:{age}\n")
    return "".join(made)


AGES = (8000, 7000, 6000, 5000, 4000)


class TestSocketsAlone:
    """Without a dump the numbers are a suspicion, and the counters evidence."""

    def test_calls_that_followed_the_requests(self) -> None:
        text = rows(calls=tuple(age - 40 for age in AGES), requests=AGES)
        diagnosis = diagnosis_of({"ss.txt": text})
        (finding,) = found(diagnosis, "slow-backend")
        assert finding.confidence is Confidence.LIKELY
        assert "have had no answer for 4 to 8 s" in finding.explanation
        assert finding.culprit.remote == "10.0.0.7:9443"
        assert "jstack" in f"{finding.missing}"

    def test_more_calls_than_clients_that_are_left(self) -> None:
        calls = (*(age - 40 for age in AGES), 20_000, 15_000)
        (finding,) = found(diagnosis_of({"ss.txt": rows(calls=calls, requests=AGES, unread=0)}), "slow-backend")
        assert finding.confidence is Confidence.LIKELY

    def test_a_server_that_waits_for_itself_is_no_slow_service(self) -> None:
        text = rows(calls=(), requests=AGES, unread=0)
        for at, age in enumerate(AGES):
            near, far = f"127.0.0.1:{5000 + at}", "127.0.0.1:8080"
            text += f'ESTAB 0 0 {near} {far} users:(("till",pid=77,fd={60 + at}))\n\t cubic bytes_sent:90 bytes_acked:91 lastsnd:{age} lastrcv:{age}\n'
            text += f'ESTAB 0 0 {far} {near} users:(("till",pid=77,fd={80 + at}))\n\t cubic bytes_received:90 lastsnd:{age} lastrcv:{age}\n'
        assert not found(diagnosis_of({"ss.txt": text}), "slow-backend")

    def test_nobody_has_left_and_nobody_has_an_answer(self) -> None:
        diagnosis = diagnosis_of({"ss.txt": rows(calls=AGES, requests=AGES, state="ESTAB", unread=0)})
        assert diagnosis.verdict.status is Status.INSUFFICIENT
        assert "5 calls to 10.0.0.7:9443 have had no answer for 4 to 8 s" in diagnosis.verdict.headline
        assert "no trouble" not in f"{diagnosis.verdict}"

    def test_subscriptions_that_are_older_than_the_requests(self) -> None:
        text = rows(calls=(900_000,) * 5, requests=AGES)
        assert [one.confidence for one in found(diagnosis_of({"ss.txt": text}), "slow-backend")] == [Confidence.SUSPECTED]
        assert not found(diagnosis_of({"ss.txt": rows(calls=(900_000,) * 9, requests=AGES, unread=0)}), "slow-backend")


class TestHealth:
    """An event loop has no thread for a call: nobody stands anywhere, and everybody waits."""

    REPORT = (
        '"main" #1 prio=5 os_prio=0 tid=0x00007f1 nid=0x4d waiting on condition\n   java.lang.Thread.State: WAITING (parking)\n'
        "\tat jdk.internal.misc.Unsafe.park(java.base@17/Native Method)\n"
    )

    def loops(self) -> str:
        header = "2026-11-23 10:15:09\nFull thread dump OpenJDK 64-Bit Server VM (17.0.9 mixed mode):\n\n"
        loop = "".join(
            f'"turn-{at}" #{20 + at} prio=5 os_prio=0 tid=0x00007f{at} nid=0x{80 + at:x} runnable\n   java.lang.Thread.State: RUNNABLE\n'
            "\tat sun.nio.ch.EPoll.wait(java.base@17/Native Method)\n\tat sun.nio.ch.EPollSelectorImpl.doSelect(java.base@17/EPollSelectorImpl.java:118)\n"
            "\tat sun.nio.ch.SelectorImpl.lockAndDoSelect(java.base@17/SelectorImpl.java:129)\n\tat sun.nio.ch.SelectorImpl.select(java.base@17/SelectorImpl.java:141)\n"
            "\tat io.netty.channel.nio.NioEventLoop.select(NioEventLoop.java:883)\n\tat io.netty.channel.nio.NioEventLoop.run(NioEventLoop.java:526)\n\n"
            for at in range(2)
        )
        return f'{header}{loop}"VM Thread" os_prio=0 tid=0x00007e nid=0x70 runnable\n\nJNI global refs: 16\n'

    def test_calls_without_an_answer_keep_health_away(self) -> None:
        table = rows(calls=(6000,) * 6, requests=(6100,) * 6, state="ESTAB", unread=0)
        diagnosis = diagnosis_of({"jstack.txt": self.loops(), "ss.txt": table})
        assert diagnosis.verdict.status is Status.INSUFFICIENT
        assert "6 calls to 10.0.0.7:9443 have had no answer for 6 s" in diagnosis.verdict.headline
        assert "6 clients of port 8080 have had no answer for 6 s" in diagnosis.verdict.summary

    def test_a_table_without_counters_does_not_tell_whether_calls_wait(self) -> None:
        table = rows(calls=(6000,) * 6, requests=(6100,) * 6, state="ESTAB", unread=0)
        bare = "".join(line for line in table.splitlines(keepends=True) if not line.startswith("\t"))
        diagnosis = diagnosis_of({"jstack.txt": self.loops(), "ss.txt": bare})
        assert diagnosis.verdict.status is Status.INSUFFICIENT
        assert "no thread of an event loop shows" in diagnosis.verdict.headline
        assert any("counters" in str(missing.artifact) for missing in diagnosis.missing)

    def test_loops_without_calls_are_healthy(self) -> None:
        table = rows(calls=(), requests=(6100,) * 6, state="ESTAB", unread=0)
        bare = "".join(line for line in table.splitlines(keepends=True) if not line.startswith("\t"))
        assert diagnosis_of({"jstack.txt": self.loops(), "ss.txt": bare}).verdict.status is Status.HEALTHY

    def test_answered_calls_are_a_pool(self) -> None:
        table = rows(calls=(), requests=(), state="ESTAB", unread=0)
        for at in range(6):
            table += f'ESTAB 0 0 10.0.0.1:{5000 + at} 10.0.0.7:9443 users:(("till",pid=77,fd={60 + at}))\n'
            table += "\t cubic bytes_sent:90 bytes_received:500 lastsnd:6000 lastrcv:5900 lastack:5900\n"
        assert "no answer" not in diagnosis_of({"jstack.txt": self.loops(), "ss.txt": table}).verdict.headline


def test_threads_in_the_same_call_are_told_once() -> None:
    rows_of_lsof = ["till 77 app 90u IPv4 90 0t0 TCP *:8080 (LISTEN)"]
    rows_of_lsof += [f"till 77 app {at}u IPv4 {at} 0t0 TCP 10.0.0.1:8080->10.0.0.9:{4000 + at} (CLOSE_WAIT)" for at in range(20, 32)]
    rows_of_lsof += [f"till 77 app {at}u IPv4 {at} 0t0 TCP 10.0.0.1:{5000 + at}->10.0.0.7:9443 (ESTABLISHED)" for at in range(6)]
    stack = "0x7f15bc006e00 0x2000 0x0 0x0 0x0 0x7f15c839be10 0x7f15f4b922ec"
    task = "".join(f"/proc/77/task/{100 + at}/syscall:45 0x{at:x} {stack}\n" for at in range(6))
    text = "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\n" + "\n".join(rows_of_lsof) + "\n"
    summary = f"{diagnosis_of({'lsof.txt': text, 'syscalls.txt': task}).verdict}"
    assert "6 threads of till (pid 77) are in recvfrom on connections to 10.0.0.7:9443" in summary


@pytest.mark.parametrize(
    ("info", "confidence", "says"),
    [
        ("bytes_sent:900 bytes_acked:901 bytes_received:300 lastsnd:30 lastrcv:55", Confidence.SUSPECTED, "may be slow"),
        ("bytes_sent:900 bytes_acked:901 bytes_received:300 lastsnd:6100 lastrcv:7400", Confidence.CERTAIN, "does not answer"),
        ("bytes_sent:90 bytes_acked:91 lastsnd:6100 lastrcv:6100", Confidence.CERTAIN, "does not answer"),
    ],
    ids=["answers of this moment", "an old answer", "none at all"],
)
def test_a_service_that_answers_is_not_the_one_that_does_not(info: str, confidence: Confidence, says: str) -> None:
    """All threads are in calls at any moment where the pool is too small for its clients."""
    made = [HEAD, 'LISTEN 0 128 *:8080 *:* users:(("java",pid=77,fd=3))\n']
    for at in range(6):
        made.append(f'ESTAB 40 0 10.0.0.1:8080 10.0.0.9:{4000 + at} users:(("java",pid=77,fd={10 + at}))\n')
        made.append("\t cubic wscale:7,7 rto:204 bytes_received:40 data_segs_in:1 lastsnd:6000 lastrcv:6000 lastack:5\n")
        made.append(f'ESTAB 0 0 10.0.0.1:{5000 + at} 10.0.0.7:9443 users:(("java",pid=77,fd={60 + at}))\n')
        made.append(f"\t cubic wscale:7,7 rto:204 {info} lastack:5\n")
    readers = [
        thread(f"http-nio-8080-exec-{at}", "RUNNABLE", *READ, "com.example.Till.quote", *SERVED, nid=0x200 + at, native="runnable")
        for at in range(6)
    ]
    (finding,) = found(diagnosis_of({"jstack-77.txt": dump(*readers), "ss.txt": "".join(made)}), "slow-backend")
    assert finding.confidence is confidence
    assert says in finding.headline

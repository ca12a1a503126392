"""What is known of the far end of a wait: the process of the same host that listens there, and the client that does not read."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis
from tests.builders import diagnosis_of, found

HEAD = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"


def front(service: str = "127.0.0.1") -> str:
    """Four workers of one program, each with a client and a call, and four more clients that nobody has accepted."""
    listens = 'LISTEN 4 64 127.0.0.1:8440 0.0.0.0:* users:(("desk",pid=301,fd=4),("desk",pid=302,fd=4),("desk",pid=303,fd=4),("desk",pid=304,fd=4))\n'
    held = "".join(
        f'CLOSE-WAIT 1 0 127.0.0.1:8440 127.0.0.1:52{at}10 users:(("desk",pid=30{at},fd=7))\n'
        f'ESTAB 0 0 127.0.0.1:47{at}11 {service}:7510 users:(("desk",pid=30{at},fd=8))\n'
        for at in range(1, 5)
    )
    return listens + held + "".join(f"CLOSE-WAIT 90 0 127.0.0.1:8440 127.0.0.1:53{at}10\n" for at in range(1, 5))


def back() -> str:
    listens = 'LISTEN 4 511 127.0.0.1:7510 0.0.0.0:* users:(("rates",pid=77,fd=9))\n'
    return listens + "".join(f"ESTAB 150 0 127.0.0.1:7510 127.0.0.1:47{at}11\n" for at in range(1, 5))


def test_workers_wait_for_a_process_that_accepts_nobody() -> None:
    diagnosis = diagnosis_of({"ss.txt": HEAD + front() + back()})
    first = diagnosis.findings[0]
    assert (first.rule, first.process.pid if first.process else None) == ("acceptor-stalled", 77)
    (calls,) = found(diagnosis, "slow-backend")
    assert calls.consequence_of == first.id
    assert not found(diagnosis, "connection-limit")


def test_the_port_of_another_host_names_no_process_of_this_one() -> None:
    diagnosis = diagnosis_of({"ss.txt": HEAD + front("10.0.0.9") + back()})
    assert found(diagnosis, "slow-backend")[0].consequence_of is None


def test_a_queue_without_workers_leaves_open_whether_it_heals() -> None:
    listens = 'LISTEN 5 64 0.0.0.0:7405 0.0.0.0:* users:(("storage",pid=61,fd=6))\n'
    held = "".join(f'ESTAB 0 0 10.0.0.1:7405 10.0.0.{at}:41000 users:(("storage",pid=61,fd={at + 9}))\n' for at in range(2, 8))
    queue = "".join(f"ESTAB 22 0 10.0.0.1:7405 10.0.0.{at}:42000\n" for at in range(2, 7))
    (finding,) = found(diagnosis_of({"ss.txt": HEAD + listens + held + queue}), "connection-limit")
    assert finding.outlook
    assert finding.outlook.heals.value == "unknown"


def goroutine(number: int, state: str, *frames: str) -> str:
    return (
        f"goroutine {number} [{state}]:\n"
        + "".join(f"{frame}\n\t/srv/till/main.go:{line} +0x1d\n" for line, frame in enumerate(frames, start=10))
        + "\n"
    )


WRITER = goroutine(
    20,
    "IO wait, 4 minutes",
    "internal/poll.(*FD).Write(0xc0001, {0xc0002})",
    "net.(*netFD).Write(0xc0001)",
    "main.(*Till).Announce(0xc00009a100)",
)
WAITERS = "".join(
    goroutine(
        30 + at,
        "sync.Mutex.Lock, 4 minutes",
        "sync.runtime_SemacquireMutex(0xc00009a108)",
        "sync.(*Mutex).Lock(0xc00009a108)",
        "main.(*Till).Read(0xc00009a100)",
        "net/http.(*conn).serve(0xc0003)",
    )
    for at in range(8)
)


def till(*sent: int) -> Diagnosis:
    rows = "".join(
        f'ESTAB 0 {size} 127.0.0.1:9402 127.0.0.1:3401{at} users:(("till",pid=5,fd=1{at})) timer:(persist,2.2sec,0)\n'
        for at, size in enumerate(sent)
    )
    other = 'ESTAB 9000 0 127.0.0.1:34010 127.0.0.1:9402 users:(("screen",pid=17,fd=3))\n'
    listens = 'LISTEN 0 511 127.0.0.1:9402 0.0.0.0:* users:(("till",pid=5,fd=3))\n'
    return diagnosis_of({"goroutines.txt": WRITER + WAITERS, "ss.txt": HEAD + listens + rows + other})


def test_whom_a_write_under_a_lock_waits_for_is_named() -> None:
    (finding,) = found(till(80000), "lock-convoy")
    assert "waits for 127.0.0.1:34010, which does not read" in finding.headline
    assert "80,000 bytes wait for 127.0.0.1:34010, screen (pid 17): no other connection" in finding.explanation
    assert not any("lock owners" in one.artifact for one in finding.missing)


@pytest.mark.parametrize("sent", [(80000, 70000), (400,)], ids=["two", "a packet on its way"])
def test_of_several_or_none_nobody_is_named(sent: tuple[int, ...]) -> None:
    (finding,) = found(till(*sent), "lock-convoy")
    assert finding.culprit.remote is None
    assert finding.confidence is Confidence.SUSPECTED

"""An acceptor at other work, where a table says only how many connections wait behind it."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis
from tests.builders import PARK, diagnosis_of, dump, found, thread

JOINS = (*PARK, "java.util.concurrent.CompletableFuture.join", "net.umbra.Desk.price", "net.umbra.Desk.serve", "net.umbra.Shop.main")
ACCEPTS = ("sun.nio.ch.Net.accept", "java.net.ServerSocket.accept", "net.umbra.Desk.serve", "net.umbra.Shop.main")
LSOF = """COMMAND  PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME
java    8781  app   45u  IPv6 174601      0t0  TCP *:6350 (LISTEN)
java    8781  app   46u  IPv6 175174      0t0  TCP 192.0.2.10:6350->192.0.2.101:41827 (CLOSE_WAIT)
"""
LISTENS = "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\nLISTEN {queue:<6} 100                *:6350            *:*\n"


def moments(*queues: int, stack: tuple[str, ...] = JOINS, then: tuple[str, ...] | None = None) -> Diagnosis:
    files = {}
    for number, queue in enumerate(queues, 1):
        frames = then if then is not None and number > 1 else stack
        files[f"snap{number}/lsof.txt"] = LSOF + LISTENS.format(queue=queue)
        files[f"snap{number}/jstack.txt"] = dump(thread("main", "WAITING (parking)", *frames), time=f"2026-01-02 03:04:{number:02}")
    return diagnosis_of(files)


def test_a_queue_that_stays_long_behind_an_acceptor_that_waits() -> None:
    (finding,) = found(moments(30, 30), "acceptor-stalled")
    assert finding.confidence is Confidence.LIKELY
    assert (
        "Nobody accepts the connections to port 6350: the acceptor “main” is in CompletableFuture.join, called from net.umbra.Desk.price"
        in finding.headline
    )


def test_one_moment_is_a_suspicion() -> None:
    (finding,) = found(moments(30), "acceptor-stalled")
    assert finding.confidence is Confidence.SUSPECTED


@pytest.mark.parametrize("diagnosis", [moments(2, 2), moments(30, 30, stack=ACCEPTS), moments(30, 0)], ids=["short", "accepts", "drained"])
def test_short_queues_and_acceptors_that_accept_are_no_stall(diagnosis: Diagnosis) -> None:
    assert not [one for one in found(diagnosis, "acceptor-stalled") if not one.over]

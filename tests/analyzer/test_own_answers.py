"""An event loop that waits for an answer which lies unread in its own process' socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders import diagnosis_of, found, thread

if TYPE_CHECKING:
    from analyzer.model.finding import Finding

LOOP = thread(
    "lettuce-epollEventLoop-4-1",
    "TIMED_WAITING (parking)",
    "java.util.concurrent.CompletableFuture.get",
    "io.lettuce.core.protocol.AsyncCommand.await",
    "io.lettuce.core.LettuceFutures.awaitOrCancel",
    "nl.mill.Store.touch",
    "io.netty.channel.epoll.EpollEventLoop.run",
    "io.netty.util.concurrent.SingleThreadEventExecutor$5.run",
)
TABLE = '$ ss -tnp dst :6379\nState       Recv-Q Send-Q   Local Address:Port      Peer Address:Port\nESTAB       {unread:<6} 0        10.2.0.19:51620         10.2.0.30:6379      users:(("java",pid=1603,fd=87))\n'


def blocked(unread: int) -> Finding:
    (finding,) = found(diagnosis_of({"post.md": f"It hangs:\n\n{LOOP}\n\n{TABLE.format(unread=unread)}\nWhy?\n"}), "event-loop-blocked")
    return finding


def test_the_answer_that_the_loop_waits_for_lies_unread() -> None:
    finding = blocked(48316)
    assert "Meanwhile 48,316 bytes from 10.2.0.30:6379 lie unread" in finding.explanation
    assert any(evidence.says == "answers of 10.2.0.30:6379 lie unread" for evidence in finding.evidence)


def test_nothing_is_said_of_a_socket_that_was_read() -> None:
    assert "unread" not in blocked(0).explanation

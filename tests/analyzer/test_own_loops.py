"""Event loops that wait for what they must bring themselves, loops of one thread, and whose frame a driver's caller is."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding
from analyzer.software.knowledge import knowledge
from tests.builders import diagnosis_of, found

PARKED = "\tat jdk.internal.misc.Unsafe.park(Native Method)\n\tat java.util.concurrent.locks.LockSupport.parkNanos(LockSupport.java:252)\n"
BLOCKED = """Every call takes 20 s:

Mar 02, 2022 9:41:07 AM io.vertx.core.impl.BlockedThreadChecker
WARNING: Thread Thread[vert.x-eventloop-thread-1,5,main] has been blocked for 18004 ms, time limit is 2000 ms
io.vertx.core.VertxException: Thread blocked
{frames}\tat nl.mill.Grain.handle(Grain.java:33)
\tat io.vertx.core.http.impl.Http1xServerConnection.handleMessage(Http1xServerConnection.java:137)
\tat io.netty.channel.nio.NioEventLoop.run(NioEventLoop.java:493)
"""
FUTURE = (
    PARKED
    + "\tat java.util.concurrent.CompletableFuture.timedGet(CompletableFuture.java:1874)\n\tat java.util.concurrent.CompletableFuture.get(CompletableFuture.java:2021)\n"
)
CLIENT = "\tat java.util.concurrent.CompletableFuture.get(CompletableFuture.java:2021)\n\tat jdk.internal.net.http.HttpClientImpl.send(HttpClientImpl.java:553)\n"
READ = "\tat java.net.SocketInputStream.socketRead0(Native Method)\n\tat java.net.SocketInputStream.read(SocketInputStream.java:171)\n"
SLEEP = "\tat java.lang.Thread.sleep(Native Method)\n"


def blocked(frames: str) -> Finding:
    (finding,) = found(diagnosis_of({"post.md": BLOCKED.format(frames=frames)}), "event-loop-blocked")
    return finding


def test_a_loop_that_waits_for_a_future_of_its_own() -> None:
    finding = blocked(FUTURE)
    assert finding.headline.endswith("and what it waits for may need this very loop to come.")
    assert "the answer is not taken before the wait ends" in finding.explanation
    assert "until its time limit" in finding.explanation
    assert any("compose" in action.text for action in finding.actions)


@pytest.mark.parametrize("frames", [CLIENT, READ, SLEEP])
def test_what_threads_of_others_bring_needs_no_loop(frames: str) -> None:
    finding = blocked(frames)
    assert finding.headline.endswith("all its connections stand still.")
    assert "the loop waits for itself" not in finding.explanation


WORLD = """[20:11:03] [Watchdog/ERROR]: Current Thread: Server thread
[20:11:03] [Watchdog/ERROR]: \tPID: 29 | Suspended: false | Native: true | State: RUNNABLE
[20:11:03] [Watchdog/ERROR]: \tStack:
[20:11:03] [Watchdog/ERROR]: \t\tjava.base@17.0.2/sun.nio.ch.Net.poll(Native Method)
[20:11:03] [Watchdog/ERROR]: \t\tjava.base@17.0.2/java.net.Socket$SocketInputStream.read(Socket.java:966)
[20:11:03] [Watchdog/ERROR]: \t\torg.postgresql.core.VisibleBufferedInputStream.readMore(VisibleBufferedInputStream.java:161)
[...]
[20:11:03] [Watchdog/ERROR]: \t\torg.postgresql.jdbc.PgStatement.executeQuery(PgStatement.java:247)
[20:11:03] [Watchdog/ERROR]: \t\tnl.mill.warps.Warps.load(Warps.java:77)
[20:11:03] [Watchdog/ERROR]: \t\torg.bukkit.plugin.EventExecutor$1.execute(EventExecutor.java:69)
[20:11:03] [Watchdog/ERROR]: \t\tnet.minecraft.server.MinecraftServer.runServer(MinecraftServer.java:1015)
"""


def test_the_only_loop_of_a_game_server_in_a_query_of_a_plugin() -> None:
    (finding,) = found(diagnosis_of({"watchdog.log": f"It lags:\n\n{WORLD}\n"}), "event-loop-blocked")
    assert finding.culprit.frame == "nl.mill.warps.Warps.load(Warps.java:77)"
    assert "(PostgreSQL driver), called from nl.mill.warps.Warps.load" in finding.headline
    assert finding.confidence is Confidence.LIKELY


def test_a_thread_of_that_name_with_own_code_alone_is_no_loop() -> None:
    text = WORLD.replace("org.bukkit.plugin.EventExecutor$1.execute", "nl.mill.Task.run").replace(
        "net.minecraft.server.MinecraftServer.runServer", "nl.mill.Main.main"
    )
    assert not found(diagnosis_of({"watchdog.log": f"It lags:\n\n{text}\n"}), "event-loop-blocked")


@pytest.mark.parametrize(
    ("cls", "driver"),
    [
        ("nl.mill.libs.com.mysql.cj.protocol.ReadAheadInputStream", "MySQL driver"),
        ("nl.mill.shaded.org.postgresql.core.PGStream", "PostgreSQL driver"),
        ("nl.mill.io.lettuce.core.RedisClient", "Redis client"),
        ("nl.mill.net.Mill", None),
        ("com.example.org.Chart", None),
        ("com.example.io.Reader", None),
    ],
)
def test_a_library_that_a_build_has_moved(cls: str, driver: str | None) -> None:
    found_library = knowledge().library(cls)
    assert (found_library.name if found_library else None) == driver
    assert knowledge().is_application(cls) is (driver is None)


def test_a_driver_is_no_caller_of_itself() -> None:
    lines = "\n".join(
        f"\tat {frame}"
        for frame in (
            "java.net.SocketInputStream.socketRead0(Native Method)",
            "java.net.SocketInputStream.read(SocketInputStream.java:171)",
            "com.mysql.cj.protocol.ReadAheadInputStream.fill(ReadAheadInputStream.java:107)",
            "com.mysql.cj.protocol.a.SimplePacketReader.readHeader(SimplePacketReader.java:63)",
            "com.mysql.cj.jdbc.ClientPreparedStatement.executeQuery(ClientPreparedStatement.java:1009)",
        )
    )
    text = f'Stuck since noon:\n\n"mill-3" #31 prio=5 tid=0x00007f44c81d2000 nid=0x91e runnable\n   java.lang.Thread.State: RUNNABLE\n{lines}\n\t...\n'
    (finding,) = found(diagnosis_of({"post.md": text}), "database-read-hang")
    assert "ReadAheadInputStream" not in finding.headline
    assert "called from com.mysql.cj.jdbc.ClientPreparedStatement.executeQuery" in finding.headline

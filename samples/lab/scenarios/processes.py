"""The process itself: its acceptor, its descriptors, its event loops, its processor time."""

import os
import signal
import time

from host import BACKEND
from lab import Lab, Scenario, wait
from truth import Verdict


def acceptor(lab: Lab) -> None:
    """The acceptor reads from a client that says nothing; the others stay in the accept queue."""
    app = lab.java("net.relaypoint.RelayServer", "backlog=50", port=6800, user="app")
    lab.clients("hello", 6800, "/", count=1, every_ms=0, seconds=60)
    wait("the silent client is accepted", lambda: len(app.sockets("ESTABLISHED")) == 1)
    load = lab.clients("ask", 6800, "/relay", count=24, every_ms=10, seconds=3)
    load.finish(60)
    wait("24 CLOSE_WAIT, none accepted", lambda: app.close_waits() == 24)
    commands = {"netstat.txt": "netstat -tanpe", "ss.txt": "ss -tanpe", "lsof.txt": "lsof -nP -i", "jstack.txt": "jstack {pid}"}
    lab.snapshot(app, commands)
    lab.record(app)


def descriptors(lab: Lab) -> None:
    """Files are opened and never closed until accept(2) has no descriptor left either."""
    app = lab.java("com.mediabox.thumbs.ThumbServer", "threads=10", port=8400, user="app", open_files=256)
    load = lab.clients("ask", 8400, "/thumb", count=300, every_ms=5, seconds=3)
    load.finish(60)
    wait("too many open files", lambda: app.written("Too many open files") > 0)
    commands = {
        "ss.txt": "ss -tanpe",
        "limits.txt": "cat /proc/{pid}/limits",
        "fd.txt": "ls -l /proc/{pid}/fd",
        "lsof.txt": "lsof -nP -p {pid}",
        "jstack.txt": "timeout 15 jstack {pid} 2>&1",
        "-": "kill -3 {pid}; sleep 1",
        "console.log.gz": "gzip -9c /srv/mediabox/console.log",
    }
    lab.snapshot(app, commands)
    lab.record(app)


def event_loop(lab: Lab) -> None:
    """Netty handlers make a blocking call, so each of the four event loops stands still."""
    lab.backend(8066, "mute")
    app = lab.java("io.tickerline.gateway.TickerGateway", "loops=4", f"exchange=http://{BACKEND}:8066", port=7070, user="app")
    load = lab.clients("ask", 7070, "/ticker/dax", count=32, every_ms=10, seconds=4)
    load.finish(60)
    app.wait_close_waits(32)
    lab.snapshot(app, {"ss.txt": "ss -tanpoe", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def spin(lab: Lab) -> None:
    """Two requests with a text on which a pattern backtracks for ever."""
    app = lab.java("com.textworks.moderation.ModerationServer", "threads=8", port=8500, user="app")
    text = "/check/" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    load = lab.clients("ask", 8500, text, count=2, every_ms=50, seconds=3)
    load.finish(30)
    app.wait_close_waits(2)
    for number in (1, 2, 3):
        commands = {f"top-{number}.txt": "top -H -b -n1 -p {pid} | head -40", f"jstack-{number}.txt": "jstack {pid}"}
        lab.snapshot(app, commands, number=number)
    lab.record(app)


def slow_readers(lab: Lab) -> None:
    """Twelve clients that do not read hold all workers in write(2); the others are never served."""
    app = lab.java("com.datavault.export.ExportServer", "threads=12", port=8600, user="app")
    lab.clients("deaf", 8600, "/export/full", count=12, every_ms=20, seconds=60)
    wait("12 sockets with a full send queue", lambda: sum(s.send_queue > 0 for s in app.sockets("ESTABLISHED")) == 12)
    load = lab.clients("ask", 8600, "/export/small", count=18, every_ms=20, seconds=3)
    load.finish(60)
    app.wait_close_waits(18)
    packets = lab.packets("dumpcap -q -i eth0 -s 96 -w eth0.pcapng -f 'tcp port 8600'")
    lab.snapshot(app, {"ss.txt": "ss -tanpoei", "netstat.txt": "netstat -tanope", "jstack.txt": "jstack {pid}"})
    time.sleep(8)
    lab.end_packets(packets)
    lab.record(app)


def heap(lab: Lab) -> None:
    """A heap that is full of live data: the collector works all the time and finds next to nothing."""
    flags = ["-Xmx64m", "-Xms64m", "-XX:+UseParallelGC", "-XX:-UseGCOverheadLimit"]
    app = lab.java("com.insight.cube.CubeServer", "blocks=160", "threads=8", port=8720, user="app", folder="cube", flags=flags)
    load = lab.clients("ask", 8720, "/sum/", count=8, every_ms=10, seconds=4)
    load.finish(30)
    app.wait_close_waits(8)
    for number in (1, 2):
        commands = {
            f"top-{number}.txt": "top -H -b -d 2 -n 2 -p {pid}",
            f"jstack-{number}.txt": "jstack {pid}",
            f"jstat-{number}.txt": "jstat -gcutil {pid} 1000 3",
        }
        lab.snapshot(app, commands, number=number)
    lab.record(app)


def stopped(lab: Lab) -> None:
    """Somebody stopped the process: the kernel still takes connections for it, nobody in it does anything."""
    lab.backend(8062, "quick")
    app = lab.java("com.shopfront.web.StoreFront", "threads=20", f"prices=http://{BACKEND}:8062", port=8084)
    first = lab.clients("keep", 8084, "/espresso-mill", count=6, every_ms=10, seconds=4)
    wait("6 clients", lambda: len(app.sockets("ESTABLISHED")) >= 6)
    time.sleep(1)  # they have their answers
    os.kill(app.pid, signal.SIGSTOP)
    load = lab.clients("ask", 8084, "/sugar", count=20, every_ms=20, seconds=3)
    for clients in (first, load):
        clients.finish(60)
    wait("20 connections that nobody accepts", lambda: app.close_waits() >= 20)
    commands = {
        "status.txt": "cat /proc/{pid}/status",
        "ss.txt": "ss -tanpe",
        "jstack.txt": "jstack {pid} 2>&1",
        "jhsdb.txt": "jhsdb jstack --locks --pid {pid}",
        "top.txt": "top -H -b -n1 -p {pid} | head -40",
    }
    lab.snapshot(app, commands)
    lab.record(app)
    os.kill(app.pid, signal.SIGCONT)


def pinned_by_idle_clients(lab: Lab) -> None:
    """Twenty clients keep their connections, and with them all twenty threads."""
    app = lab.java("net.mailhub.intake.IntakeServer", "threads=20", port=2525, user="app")
    lab.clients("keep", 2525, "/letter", count=20, every_ms=10, seconds=60)
    wait("20 idle connections", lambda: len(app.sockets("ESTABLISHED")) == 20)
    load = lab.clients("ask", 2525, "/letter", count=15, every_ms=10, seconds=3)
    load.finish(60)
    app.wait_close_waits(15)
    lab.snapshot(app, {"netstat.txt": "netstat -tanope", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def never_completed(lab: Lab) -> None:
    """Asynchronous requests that nobody completes; the workers are idle, and the clients go one after the other."""
    app = lab.java("com.pushnews.stream.StreamServer", "threads=15", port=8330, user="app")
    for folder, gone in (("snap1", 40), ("snap2", 80)):
        load = lab.clients("ask", 8330, "/news", count=40, every_ms=10, seconds=3)
        load.finish(60)
        app.wait_close_waits(gone)
        lab.snapshot(app, {"ss.txt": "ss -tanpe", "jstack.txt": "jstack {pid}"}, folder)
    lab.record(app)


def never_closes(lab: Lab) -> None:
    """Gauges come, speak their own protocol and leave; the handler reads the end of their input and does not close. Eight are there still."""
    app = lab.java("net.tidewatch.gauge.GaugeServer", "threads=16", port=8340, user="app")
    lab.clients("talk", 8340, "/levels", count=8, every_ms=10, seconds=120)
    for folder, count in (("snap1", 36), ("snap2", 54)):
        load = lab.clients("talk", 8340, "/levels", count=count - app.close_waits(), every_ms=10, seconds=3)
        load.finish(30)
        app.wait_close_waits(count)
        time.sleep(12)
        lab.snapshot(app, {"ss.txt": "ss -tanpe", "jstack.txt": "jstack {pid}"}, folder)
    lab.record(app)


def thread_leak(lab: Lab) -> None:
    """A pool for each request, never shut down."""
    app = lab.java("org.acme.thumbnail.ThumbnailServer", "threads=10", port=8460, user="app", folder="thumbnail")
    for folder, count in (("snap1", 60), ("snap2", 120)):
        load = lab.clients("ask", 8460, "/scale/1", count=count, every_ms=20, seconds=3)
        load.finish(60)
        commands = {
            "jstack.txt": "jstack {pid}",
            "status.txt": "cat /proc/{pid}/status",
            "limits.txt": "cat /proc/{pid}/limits",
            "netstat.txt": "netstat -tanp",
        }
        lab.snapshot(app, commands, folder)
    lab.record(app)


SCENARIOS = (
    Scenario(
        "acceptor-blocked",
        "the acceptor thread reads from a silent client; 24 connections nobody accepted",
        Verdict(
            "acceptor-stalled",
            "net.relaypoint.RelayServer.greet",
            must_not=("connection-limit", "connection-leak", "self-call-starvation", "slow-backend"),
        ),
        acceptor,
    ),
    Scenario(
        "fd-exhaustion",
        "leaked files use up 256 descriptors; accept fails",
        Verdict("fd-exhaustion", must_not=("connection-leak", "slow-backend", "self-call-starvation"), pools={"http-nio-8400-exec-": 10}),
        descriptors,
    ),
    Scenario(
        "event-loop-blocked",
        "four Netty event loops in a blocking HTTP call",
        Verdict(
            "event-loop-blocked",
            "io.tickerline.gateway.TickerHandler.lastPrice",
            also=("slow-backend",),
            must_not=("self-call-starvation", "connection-leak"),
            pools={"nioEventLoopGroup-3-": 4},
        ),
        event_loop,
    ),
    Scenario(
        "cpu-spin",
        "two threads in a pattern that backtracks; three dumps with top",
        Verdict(
            "cpu-spin",
            "com.textworks.moderation.ModerationServer.isShouting",
            must_not=("self-call-starvation", "slow-backend", "connection-leak", "gc-thrash"),
            pools={"moderation-": 2},
        ),
        spin,
    ),
    Scenario(
        "slow-readers",
        "twelve workers in a write to clients that do not read; pcapng with window probes",
        Verdict(
            "blocked-write",
            "com.datavault.export.ExportServer.export",
            must_not=("self-call-starvation", "slow-backend", "connection-leak"),
            pools={"export-http-": 12},
        ),
        slow_readers,
    ),
    Scenario(
        "process-stopped",
        "SIGSTOP: state T, jstack gets no answer, 20 connections nobody accepts",
        Verdict(
            "process-stopped",
            must_not=("connection-limit", "connection-leak", "self-call-starvation", "slow-backend"),
            pools={"http-nio-8084-exec-": 20},
        ),
        stopped,
    ),
    Scenario(
        "idle-clients-pin-threads",
        "blocking input, 20 threads for 20 idle connections, 15 more wait",
        Verdict(
            "idle-connections-pin-threads",
            "net.mailhub.intake.IntakeServer.readRequest",
            must_not=("slow-backend", "self-call-starvation", "connection-leak"),
            pools={"intake-": 20},
        ),
        pinned_by_idle_clients,
    ),
    Scenario(
        "async-never-completed",
        "asynchronous requests without end, idle workers, growth by those who leave; two snapshots",
        Verdict(
            "async-never-completed",
            must_not=("self-call-starvation", "slow-backend", "connection-limit"),
            pools={"http-nio-8330-exec-": 15},
        ),
        never_completed,
    ),
    Scenario(
        "upgraded-never-closed",
        "upgraded connections, read to their end and kept; idle workers; two snapshots",
        Verdict(
            "server-never-closes",
            must_not=("self-call-starvation", "slow-backend", "connection-leak", "async-never-completed"),
            pools={"http-nio-8340-exec-": 16},
        ),
        never_closes,
    ),
    Scenario(
        "thread-leak",
        "a thread pool for each request; two snapshots",
        Verdict(
            "thread-leak",
            must_not=("self-call-starvation", "slow-backend", "connection-leak"),
            pools={"thumbnail-http-": 10},
        ),
        thread_leak,
    ),
    Scenario(
        "gc-thrash",
        "a heap full of live data; top, jstat and jstack twice",
        Verdict("gc-thrash", must_not=("cpu-spin", "self-call-starvation", "slow-backend", "connection-leak"), pools={"cube-http-": 8}),
        heap,
    ),
)

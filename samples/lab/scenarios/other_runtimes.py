"""Servers that are no JVM: goroutines that wait for a channel, a turn or a lock, and an event loop of Python that blocks."""

import os
import shutil
import subprocess
from pathlib import Path

from host import BACKEND
from lab import Lab, Scenario, shell, wait
from programs import HERE, Program
from truth import Verdict

PORT = 8070
PPROF = 6060
GOROUTINES = f"curl -s 'http://127.0.0.1:{PPROF}/debug/pprof/goroutine?debug=2'"


def tickets(lab: Lab, mode: str) -> Program:
    """The Go server in one of its modes."""
    home = Path("/srv/tickets")
    home.mkdir()
    environment = {**os.environ, "GO111MODULE": "off", "GOCACHE": "/tmp/closewait-go"}
    shutil.copy(HERE / "others" / "tickets.go", home)  # a stack names the file by the path it was compiled from
    subprocess.run(["go", "build", "-o", home / "tickets", home / "tickets.go"], check=True, env=environment)
    app = lab.start(f"env -C {home} {home}/tickets {mode} {PORT} {PPROF}", user="app")
    wait("it listens", lambda: app.listens(PORT) and app.listens(PPROF))
    return app


def snapshot(lab: Lab, app: Program) -> None:
    """Tables, and the goroutines twice."""
    commands = {
        "lsof.txt": "lsof -nP -p {pid}",
        "ss.txt": "ss -tanpoe",
        "goroutines-1.txt": GOROUTINES,
        "-": "sleep 3",
        "goroutines-2.txt": GOROUTINES,
    }
    lab.snapshot(app, commands)
    lab.record(app)


def receiver_gone(lab: Lab) -> None:
    """Handlers send to a channel whose receiver has ended."""
    app = tickets(lab, "receiver")
    load = lab.clients("ask", PORT, "/sell", count=24, every_ms=20, seconds=3)
    load.finish(60)
    lab.clients("ask", PORT, "/sell", count=6, every_ms=20, seconds=60)
    wait("all clients are connected", lambda: len(app.sockets("ESTABLISHED")) >= 6)
    snapshot(lab, app)


def turns(lab: Lab) -> None:
    """Six requests may be in at once; each asks the server itself, and waits for a turn that it holds."""
    app = tickets(lab, "turns")
    load = lab.clients("ask", PORT, "/offer", count=20, every_ms=1, seconds=3)
    load.finish(60)
    wait("six calls to itself", lambda: len(app.to(PORT)) == 6)
    snapshot(lab, app)


def lock_order(lab: Lab) -> None:
    """Two handlers take two locks in opposite order."""
    app = tickets(lab, "order")
    loads = [lab.clients("ask", PORT, path, count=9, every_ms=2, seconds=3) for path in ("/reserve", "/cancel")]
    for load in loads:
        load.finish(60)
    snapshot(lab, app)


def read_again(lab: Lab) -> None:
    """A handler asks for a read lock that it holds, while another one waits for the write lock."""
    app = tickets(lab, "reread")
    loads = [lab.clients("ask", PORT, path, count=count, every_ms=5, seconds=3) for path, count in (("/free", 12), ("/book", 4))]
    for load in loads:
        load.finish(60)
    snapshot(lab, app)


def well(lab: Lab) -> None:
    """Clients keep connections alive and ask every quarter of a second."""
    app = tickets(lab, "well")
    lab.clients("loop", PORT, "/fee", count=12, every_ms=250, seconds=40)
    wait("the clients are at work", lambda: len(app.sockets("ESTABLISHED")) == 12)
    snapshot(lab, app)


def blocked_loop(lab: Lab) -> None:
    """A coroutine calls a mute service with a blocking client."""
    home = Path("/srv/rates")
    home.mkdir()
    shutil.copy(HERE / "others" / "rates.py", home)
    shell(f"chown -R app {home}")
    lab.backend(8068, "mute")
    app = lab.start(f"env -C {home} /usr/bin/python3 {home}/rates.py {PORT} http://{BACKEND}:8068", user="app")
    wait("it listens", lambda: app.listens(PORT))
    load = lab.clients("ask", PORT, "/price", count=14, every_ms=20, seconds=3)
    load.finish(60)
    commands = {
        "lsof.txt": "lsof -nP -p {pid}",
        "netstat.txt": "netstat -tanope",
        "py-spy-1.txt": "py-spy dump --pid {pid}",
        "-": "sleep 3",
        "py-spy-2.txt": "py-spy dump --pid {pid}",
    }
    lab.snapshot(app, commands)
    lab.record(app)


NO_OTHER = ("connection-leak", "slow-backend", "idle-connections-pin-threads", "server-never-closes")
SCENARIOS = (
    Scenario(
        "go-receiver-gone",
        "handlers send to a channel, and its receiver has ended",
        Verdict("pool-stuck", "main.sell", must_not=(*NO_OTHER, "self-call-starvation", "lock-convoy")),
        receiver_gone,
    ),
    Scenario(
        "go-turns-self-call",
        "requests that hold a turn call their own server, which wants a turn for each call",
        Verdict("self-call-starvation", "main.offer", must_not=(*NO_OTHER, "pool-stuck")),
        turns,
    ),
    Scenario(
        "go-lock-order",
        "two handlers take two mutexes in opposite order",
        Verdict("lock-order-inversion", also=("lock-convoy",), must_not=(*NO_OTHER, "self-call-starvation")),
        lock_order,
    ),
    Scenario(
        "go-read-lock-twice",
        "a read lock is asked for again while a writer waits",
        Verdict("recursive-read-lock", "main.(*board).free", also=("lock-convoy",), must_not=NO_OTHER),
        read_again,
    ),
    Scenario("healthy-go-busy", "a Go server with keep-alive connections", Verdict("healthy", must_not=(*NO_OTHER, "pool-stuck")), well),
    Scenario(
        "python-loop-blocked",
        "a coroutine blocks the event loop of asyncio in a call to a mute service",
        Verdict("event-loop-blocked", "rates.rate", also=("slow-backend",), must_not=("self-call-starvation", "connection-leak")),
        blocked_loop,
    ),
)

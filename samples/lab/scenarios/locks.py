"""Threads that wait for each other."""

import time

from host import BACKEND
from lab import Lab, Scenario, wait
from truth import Verdict


def deadlock(lab: Lab) -> None:
    """Two opposite transfers lock each other; everything else about these accounts piles up behind them."""
    app = lab.java("net.example.bank.TransferServer", port=6010, user="app", folder="bank")
    first = lab.clients("ask", 6010, "/transfer/1/2", count=1, every_ms=0, seconds=6)
    second = lab.clients("ask", 6010, "/transfer/2/1", count=1, every_ms=0, seconds=6)
    wait("both transfers run", lambda: len(app.sockets("ESTABLISHED")) == 2)
    rest = lab.clients("ask", 6010, "/balance/1", count=28, every_ms=20, seconds=3)
    for load in (first, second, rest):
        load.finish(60)
    app.wait_close_waits(30)
    lab.snapshot(app, {"netstat.txt": "netstat -tanp", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def lock_over_io(lab: Lab) -> None:
    """One request refreshes a cache over HTTP with the lock held; the others want the lock."""
    lab.backend(8065, "mute")
    app = lab.java("com.parcel.tracking.TrackingServer", "threads=25", f"planner=http://{BACKEND}:8065", port=8190, folder="tracking")
    load = lab.clients("ask", 8190, "/parcel/00340434161094042557", count=40, every_ms=15, seconds=4)
    load.finish(60)
    app.wait_close_waits(40)
    for number in (1, 2):
        commands = {f"jstack-{number}.txt": "jstack -l {pid}", f"netstat-{number}.txt": "netstat -tonp"}
        lab.snapshot(app, commands, number=number)
        time.sleep(5)
    lab.record(app)


def logging(lab: Lab) -> None:
    """The console is a pipe that nobody reads any more."""
    app = lab.java("com.parcel.gate.GateServer", "threads=16", port=8300, user="app", folder="gate", unread_pipe=True)
    load = lab.clients("ask", 8300, "/scan/1", count=70, every_ms=15, seconds=4)
    load.finish(60)
    wait("some CLOSE_WAIT", lambda: app.close_waits() >= 40)
    lab.snapshot(app, {"jstack.txt": "jstack {pid}", "lsof.txt": "lsof -nP -p {pid}", "ss.txt": "ss -tanp"})
    lab.record(app)


def nested_tasks(lab: Lab) -> None:
    """Reports wait for chapters that are queued in the pool which the reports fill."""
    app = lab.java("com.insight.report.ReportServer", "threads=20", "builders=8", port=7080, user="app", folder="reports")
    load = lab.clients("ask", 7080, "/report/q3", count=35, every_ms=10, seconds=4)
    load.finish(60)
    app.wait_close_waits(35)
    lab.snapshot(app, {"netstat.txt": "netstat -tonpe", "jstack.txt": "jstack -l {pid}"})
    lab.record(app)


def common_pool(lab: Lab) -> None:
    """Tasks of the common pool wait for further tasks of the common pool."""
    flags = ["-Djava.util.concurrent.ForkJoinPool.common.parallelism=6"]
    app = lab.java("io.quoteboard.QuoteBoard", "threads=24", port=5080, user="app", flags=flags)
    load = lab.clients("ask", 5080, "/quote/bund", count=40, every_ms=10, seconds=4)
    load.finish(60)
    app.wait_close_waits(40)
    lab.snapshot(app, {"ss.txt": "ss -tanp", "-": "kill -3 {pid}; sleep 1", "quoteboard.log": "cat /srv/quoteboard/console.log"})
    lab.record(app)


def class_initialisation(lab: Lab) -> None:
    """Two static initialisers need each other; threads that only use the classes wait for ever."""
    app = lab.java("net.example.boot.BootServer", "threads=14", port=8910, user="app", folder="boot")
    one = lab.clients("ask", 8910, "/registry/", count=1, every_ms=0, seconds=4)
    other = lab.clients("ask", 8910, "/plugins/", count=1, every_ms=0, seconds=4)
    rest = lab.clients("ask", 8910, "/plugins/", count=20, every_ms=20, seconds=4)
    for load in (one, other, rest):
        load.finish(60)
    app.wait_close_waits(22)
    lab.snapshot(app, {"jstack.txt": "jstack -l {pid}", "netstat.txt": "netstat -tanp"})
    lab.record(app)


SCENARIOS = (
    Scenario(
        "deadlock-pile-up",
        "two opposite transfers in a monitor deadlock, 28 requests behind them",
        Verdict(
            "java-deadlock",
            "net.example.bank.Account.transferTo",
            must_not=("slow-backend", "self-call-starvation", "connection-leak", "lock-convoy"),
            pools={"conn-": 30},
        ),
        deadlock,
    ),
    Scenario(
        "lock-over-io",
        "a ReentrantLock held during an HTTP read; two dumps",
        Verdict(
            "lock-convoy",
            "com.parcel.tracking.RouteCache.refresh",
            also=("slow-backend",),
            must_not=("self-call-starvation", "java-deadlock", "connection-leak"),
            pools={"http-nio-8190-exec-": 25},
        ),
        lock_over_io,
    ),
    Scenario(
        "logging-stall",
        "logback writes to a pipe that is full",
        Verdict(
            "logging-stall",
            "com.parcel.gate.GateServer.scan",
            must_not=("self-call-starvation", "slow-backend", "java-deadlock", "connection-leak"),
            pools={"gate-": 16},
        ),
        logging,
    ),
    Scenario(
        "nested-tasks",
        "tasks wait for subtasks of their own full pool",
        Verdict(
            "nested-task-starvation",
            "com.insight.report.ReportBuilder.build",
            must_not=("self-call-starvation", "slow-backend", "connection-leak"),
            pools={"report-worker-": 8, "http-worker-": 20},
        ),
        nested_tasks,
    ),
    Scenario(
        "common-pool",
        "all workers of the common pool wait for tasks queued in it; dump in the log",
        Verdict(
            "common-pool-starvation",
            "io.quoteboard.QuoteBoard.priceLegs",
            must_not=("self-call-starvation", "slow-backend", "connection-leak"),
            pools={"ForkJoinPool.commonPool-worker-": 6, "board-http-": 24},
        ),
        common_pool,
    ),
    Scenario(
        "class-init-deadlock",
        "two static initialisers that need each other, twelve threads behind them",
        Verdict(
            "class-init-deadlock",
            "net.example.boot.Registry.count",
            must_not=("self-call-starvation", "slow-backend", "connection-leak"),
            pools={"boot-http-": 14},
        ),
        class_initialisation,
    ),
)

"""Servers that somebody wrote for himself: no name and no frame of a library says which threads serve."""

import time

from host import BACKEND
from lab import Lab, Scenario, wait
from truth import Verdict

PILOT = "net.harbor.pilot"
MAIN = f"{PILOT}.PilotServer"
NOT_THESE = ("connection-leak", "http-pool-exhausted", "jdbc-pool-exhausted", "connection-limit", "acceptor-stalled")
NOTHING = (*NOT_THESE, "self-call-starvation", "slow-backend", "pool-stuck", "server-never-closes", "async-never-completed")
USUAL = {"netstat.txt": "netstat -tanp", "jstack.txt": "jstack {pid}"}


def _stalled(lab: Lab, port: int, count: int, *settings: str, commands: dict[str, str] | None = None, closes: bool = False) -> None:
    """A burst of clients that give up after three seconds; then two snapshots. ``closes``: the server's library closes what clients leave."""
    app = lab.java(MAIN, *settings, port=port, user="app")
    load = lab.clients("ask", port, "/dock", count=count, every_ms=12, seconds=3)
    load.finish(60)
    wait("clients have left", lambda: closes or app.close_waits() >= count - 2)
    for folder in ("snap1", "snap2"):
        lab.snapshot(app, commands or USUAL, folder)
        time.sleep(3)
    lab.record(app)


def own_pool(lab: Lab) -> None:
    """An acceptor, a fixed pool, and a service that does not answer."""
    lab.backend(7071, "mute")
    _stalled(lab, 6620, 26, "server=pool", "threads=10", "crew=lighthouse-", "duty=plain", f"target=http://{BACKEND}:7071")


def unbounded(lab: Lab) -> None:
    """A new thread for each connection, all of which wait for the same service."""
    lab.backend(7072, "mute")
    _stalled(lab, 6621, 24, "server=each", "duty=fetch", f"target=http://{BACKEND}:7072")


def own_queue_self_call(lab: Lab) -> None:
    """Threads that take from a queue call their own port, through futures."""
    _stalled(lab, 6622, 30, "server=queue", "threads=8", "crew=keel[", "duty=exchange")


def http_server_self_call(lab: Lab) -> None:
    """The JDK's HTTP server with an executor of its own; requests call the server."""
    _stalled(lab, 6623, 30, "server=http", "threads=12", "crew=deck.", "duty=fetch")


def lost_signal(lab: Lab) -> None:
    """Requests wait for a signal that nobody gives."""
    _stalled(lab, 6624, 24, "server=notify", "threads=9", "crew=mast-", "duty=signal")


def dead_consumer(lab: Lab) -> None:
    """Requests put into a queue whose only reader has ended."""
    _stalled(lab, 6625, 24, "server=pool", "threads=9", "crew=rope #", "duty=logbook")


def child(lab: Lab) -> None:
    """Requests wait for a program that does not end."""
    commands = {**USUAL, "ps.txt": "ps -o pid,ppid,stat,etime,comm -p {pid} --ppid {pid}"}
    _stalled(lab, 6626, 20, "server=pool", "threads=6", "crew=boat-", "duty=tug", commands=commands)


def never_closes(lab: Lab) -> None:
    """The server reads to the end of each connection and forgets it."""
    app = lab.java(MAIN, "server=pool", "threads=8", "crew=anchor-", "duty=ready", "forgets=true", port=6627, user="app")
    for number in (1, 2):
        load = lab.clients("ask", 6627, "/dock", count=18, every_ms=20, seconds=3)
        load.finish(60)
        app.wait_close_waits(18 * number)
        lab.snapshot(app, USUAL, f"snap{number}")
        time.sleep(3)
    lab.record(app)


def _well(lab: Lab, port: int, mode: str, count: int, *settings: str) -> None:
    """Clients that are served; two snapshots."""
    app = lab.java(MAIN, *settings, port=port, user="app")
    lab.clients(mode, port, "/dock", count=count, every_ms=20, seconds=30)
    wait("the clients are there", lambda: len(app.sockets("ESTABLISHED")) >= count)
    time.sleep(1)
    for folder in ("snap1", "snap2"):
        lab.snapshot(app, USUAL, folder)
        time.sleep(4)
    lab.record(app)


def well_idle(lab: Lab) -> None:
    """Idle keep-alive connections, fewer than threads."""
    _well(lab, 6630, "keep", 6, "server=queue", "threads=12", "crew=gull-", "duty=ready")


def well_polls(lab: Lab) -> None:
    """Long polls in a pool of their own, each answered after some seconds."""
    _well(lab, 6631, "loop", 10, "server=http", "threads=10", "crew=fog-", "duty=poll", "millis=6000")


def well_busy(lab: Lab) -> None:
    """Request after request, each with a call to a service that answers."""
    lab.backend(7073, "quick")
    _well(lab, 6632, "loop", 14, "server=pool", "threads=20", "crew=wave-", "duty=plain", f"target=http://{BACKEND}:7073")


def well_unbounded(lab: Lab) -> None:
    """A thread for each of some idle connections."""
    _well(lab, 6633, "keep", 15, "server=each", "duty=ready")


def selector_self_call(lab: Lab) -> None:
    """A selector loop written by hand reads requests, own workers answer them and call the server."""
    _stalled(lab, 6640, 28, "server=selector", "threads=9", "crew=watch.", "duty=fetch")


def mina_slow_service(lab: Lab) -> None:
    """MINA hands messages to an executor of the application, whose threads wait for a service that does not answer."""
    lab.backend(7074, "mute")
    _stalled(lab, 6641, 22, "server=mina", "threads=7", "crew=kedge_", "duty=fetch", f"target=http://{BACKEND}:7074", closes=True)


def jetty_own_executor(lab: Lab) -> None:
    """Jetty over an executor of the application; requests call the server from threads of their own."""
    _stalled(lab, 6642, 26, "server=jettyOwn", "threads=8", "crew=oar-", "duty=dinghy")


def xnio_lock(lab: Lab) -> None:
    """Tasks of an XNIO worker queue for a lock whose holder waits for a service."""
    lab.backend(7075, "mute")
    _stalled(lab, 6643, 24, "server=xnio", "threads=8", "crew=buoy", "duty=berth", f"target=http://{BACKEND}:7075")


def simple_lost_signal(lab: Lab) -> None:
    """Requests of a server of the Simple framework wait for a signal that nobody gives."""
    _stalled(lab, 6644, 20, "server=simple", "threads=6", "duty=signal")


def well_xnio(lab: Lab) -> None:
    """An XNIO worker whose requests call a service that answers."""
    lab.backend(7076, "quick")
    _well(lab, 6645, "loop", 7, "server=xnio", "threads=12", "crew=lamp", "duty=fetch", f"target=http://{BACKEND}:7076")


def _sick(name: str, summary: str, cause: str, frame: str | None, pools: dict[str, int], run: object, *also: str) -> Scenario:
    forbidden = tuple(rule for rule in NOTHING if rule != cause and rule not in also)
    return Scenario(name, summary, Verdict(cause, frame, also=also, must_not=forbidden, pools=pools), run)  # type: ignore[arg-type]


def _healthy(name: str, summary: str, pools: dict[str, int], run: object) -> Scenario:
    return Scenario(name, summary, Verdict("healthy", must_not=NOTHING, pools=pools), run)  # type: ignore[arg-type]


DUTY = f"{PILOT}.Duty"
SCENARIOS = (
    _sick(
        "own-pool-slow-service", "10 own threads wait for a service", "slow-backend", f"{DUTY}$Plain.perform", {"lighthouse-": 10}, own_pool
    ),
    _sick(
        "own-threads-unbounded",
        "a thread for each connection, all wait for one service",
        "slow-backend",
        f"{DUTY}$Fetch.perform",
        {},
        unbounded,
    ),
    _sick(
        "own-queue-self-call",
        "8 own threads call themselves through futures",
        "self-call-starvation",
        f"{DUTY}$Exchange.perform",
        {"keel": 8},
        own_queue_self_call,
    ),
    _sick(
        "own-executor-self-call",
        "12 threads of the JDK's HTTP server call it",
        "self-call-starvation",
        f"{DUTY}$Fetch.perform",
        {"deck": 12},
        http_server_self_call,
    ),
    _sick(
        "lost-signal",
        "9 own threads wait for a signal that nobody gives",
        "pool-stuck",
        f"{DUTY}$Signal.perform",
        {"mast-": 9},
        lost_signal,
    ),
    _sick(
        "dead-consumer",
        "9 threads put into a full queue without a reader",
        "pool-stuck",
        f"{DUTY}$Logbook.perform",
        {"rope": 9},
        dead_consumer,
    ),
    _sick("child-never-ends", "6 threads wait for children that do not end", "pool-stuck", f"{DUTY}$Tug.perform", {"boat-": 6}, child),
    _sick(
        "own-server-never-closes",
        "connections read to their end and forgotten; two snapshots",
        "server-never-closes",
        None,
        {"anchor-": 8},
        never_closes,
    ),
    _sick(
        "selector-self-call",
        "9 workers behind an own selector loop call themselves",
        "self-call-starvation",
        f"{DUTY}$Fetch.perform",
        {"watch": 9},
        selector_self_call,
    ),
    _sick(
        "mina-slow-service",
        "7 threads of an executor behind MINA wait for a service",
        "slow-backend",
        f"{DUTY}$Fetch.perform",
        {"kedge": 7},
        mina_slow_service,
    ),
    _sick(
        "jetty-own-executor",
        "Jetty over an own executor calls itself from new threads",
        "self-call-starvation",
        f"{PILOT}.Duty$Fetch.perform",
        {},
        jetty_own_executor,
    ),
    _sick(
        "xnio-lock-over-io",
        "tasks of an XNIO worker queue for a lock held over a call",
        "lock-convoy",
        f"{DUTY}$Fetch.perform",
        {},
        xnio_lock,
        "slow-backend",
    ),
    _sick(
        "simple-lost-signal",
        "6 threads of the Simple framework wait for a signal that nobody gives",
        "pool-stuck",
        f"{DUTY}$Signal.perform",
        {},
        simple_lost_signal,
    ),
    _healthy("healthy-xnio-calls", "an XNIO worker whose calls are answered", {}, well_xnio),
    _healthy("healthy-own-idle", "idle keep-alive connections at an own server", {"gull-": 12}, well_idle),
    _healthy("healthy-long-polls", "long polls that hold every thread of a pool", {"fog-": 10}, well_polls),
    _healthy("healthy-own-busy", "a busy own pool that moves", {"wave-": 20}, well_busy),
    _healthy("healthy-thread-each", "a thread for each of 15 idle connections", {}, well_unbounded),
)

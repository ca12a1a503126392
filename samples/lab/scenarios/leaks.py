"""Connections that nobody closes."""

import time

from host import BACKEND
from lab import Lab, Scenario
from truth import Verdict


def seed_pair(lab: Lab) -> None:
    """The smallest CLOSE_WAIT: the server exits, the client has read to the end and sleeps."""
    server = lab.java("com.company.Server", port=12345, user="app", folder="pair")
    client = lab.java("com.company.Client", user="app", folder="pair")
    server.finish(20)
    client.wait_close_waits(1)
    commands = {
        "lsof.txt": "lsof -i:12345",
        "netstat.txt": "netstat -tonp",
        "ss.txt": "ss -tanpoe",
        "jstack.txt": "jstack {pid}",
        "fd.txt": "ls -l /proc/{pid}/fd",
    }
    lab.snapshot(client, commands)
    lab.record(client)


def growing(lab: Lab) -> None:
    """A feed that remembers every session; its server closes each after two seconds."""
    lab.backend(8090, "brief")
    app = lab.java("org.acme.feeds.RateFeed", f"host={BACKEND}", "source=8090", user="app")
    for number in (1, 2, 3):
        time.sleep(18)
        commands = {"lsof.txt": "lsof -nP -i", "ss.txt": "ss -tanpe", "jstack.txt": "jstack {pid}"}
        lab.snapshot(app, commands, f"snap{number}")
    lab.record(app)


def reset(lab: Lab) -> None:
    """The same feed against a source that resets: the sockets have no state any more, the descriptors stay."""
    lab.backend(8091, "reset")
    app = lab.java("org.acme.feeds.RateFeed", f"host={BACKEND}", "source=8091", user="app")
    for folder in ("snap1", "snap2"):
        time.sleep(15)
        commands = {"lsof.txt": "lsof -nP -p {pid}", "ss.txt": "ss -tanp", "fd.txt": "ls -l /proc/{pid}/fd", "jstack.txt": "jstack {pid}"}
        lab.snapshot(app, commands, folder)
    lab.record(app)


def okhttp(lab: Lab) -> None:
    """OkHttp responses that nobody closes."""
    lab.backend(8092, "brief")
    app = lab.java("com.tripline.maps.TileClient", f"tiles=http://{BACKEND}:8092", user="app")
    for folder in ("snap1", "snap2"):
        time.sleep(15)
        lab.snapshot(app, {"lsof.txt": "lsof -i -nP", "netstat.txt": "netstat -tanope", "jstack.txt": "jstack {pid}"}, folder)
    lab.record(app)


SCENARIOS = (
    Scenario(
        "leak-seed-pair",
        "server exits first, client sleeps in CLOSE_WAIT",
        Verdict("connection-leak", "com.company.Client.main", must_not=("self-call-starvation", "slow-backend")),
        seed_pair,
    ),
    Scenario(
        "leak-growing",
        "a client leaks a connection for each request; three snapshots",
        Verdict("connection-leak", must_not=("slow-backend", "http-pool-exhausted", "fd-exhaustion"), pools={"rate-feed-": 4}),
        growing,
    ),
    Scenario(
        "leak-after-reset",
        "leaked descriptors whose connections were reset; two snapshots",
        Verdict("fd-leak-without-tcp", must_not=("slow-backend", "self-call-starvation"), pools={"rate-feed-": 4}),
        reset,
    ),
    Scenario(
        "leak-okhttp",
        "OkHttp responses that are never closed; two snapshots",
        Verdict("connection-leak", must_not=("slow-backend", "self-call-starvation", "http-pool-exhausted"), pools={"tile-check-": 2}),
        okhttp,
    ),
)

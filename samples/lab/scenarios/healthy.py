"""Servers that are well, and look ill to whoever counts states."""

import time

from host import BACKEND
from lab import Lab, Scenario, wait
from truth import Verdict

NOTHING = ("self-call-starvation", "slow-backend", "connection-leak", "http-pool-exhausted", "jdbc-pool-exhausted", "connection-limit")


def busy(lab: Lab) -> None:
    """Thirty clients, request after request, and a price service that answers."""
    lab.backend(8061, "quick")
    app = lab.java("com.shopfront.web.StoreFront", "threads=40", f"prices=http://{BACKEND}:8061", port=8089)
    lab.clients("loop", 8089, "/espresso-mill", count=30, every_ms=20, seconds=40)
    packets = lab.packets("tcpdump -Z root -U -i eth0 -s 128 -w eth0.pcap tcp port 8089")
    for folder in ("snap1", "snap2"):
        lab.snapshot(app, {"jstack.txt": "jstack {pid}", "netstat.txt": "netstat -tanp"}, folder)
        time.sleep(4)
    lab.end_packets(packets)
    lab.record(app)


def stale_pool(lab: Lab) -> None:
    """An HTTP client's pool after a burst: its idle connections were closed by the other side, as many as before."""
    lab.backend(8446, "brief")
    app = lab.java("com.farego.checkout.CheckoutServer", "threads=30", f"provider=http://{BACKEND}:8446", port=9092, user="app")
    load = lab.clients("ask", 9092, "/checkout/4711", count=200, every_ms=1, seconds=5)
    load.finish(60)
    wait("all connections in CLOSE_WAIT", lambda: app.close_waits() >= 5 and not app.sockets("ESTABLISHED"))
    for folder in ("snap1", "snap2"):
        lab.snapshot(app, {"lsof.txt": "lsof -nP -i", "ss.txt": "ss -tanpe", "jstack.txt": "jstack {pid}"}, folder)
        time.sleep(15)
    lab.record(app)


def time_waits(lab: Lab) -> None:
    """A server that closes after every answer has been the active closer a thousand times in the last minute."""
    settings = ("threads=20", "maxKeepAliveRequests=1")
    app = lab.java("org.acme.billing.BillingServer", *settings, port=9083, user="app")
    load = lab.clients("fresh", 9083, "/templates/invoice.html", count=20, every_ms=5, seconds=8)
    load.finish(60)
    wait("no open connection", lambda: not app.sockets("ESTABLISHED"))
    lab.snapshot(app, {"netstat.txt": "netstat -tanpo", "ss-s.txt": "ss -s", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def database_idle(lab: Lab) -> None:
    """Ten pooled connections to the database, all idle, after a morning's work."""
    lab.postgres()
    app = lab.java("net.ledger.web.LedgerServer", "threads=25", "pool=10", f"database={BACKEND}:5432", port=8183)
    wait("the pool is full", lambda: len(app.to(5432)) == 10)
    load = lab.clients("ask", 8183, "/balance", count=40, every_ms=20, seconds=4)
    load.finish(60)
    wait("only the database's connections", lambda: len(app.sockets("ESTABLISHED")) == 10 and app.close_waits() == 0)
    lab.snapshot(app, {"lsof.txt": "lsof -i -nP", "netstat.txt": "netstat -tanope", "jstack.txt": "jstack -l {pid}"})
    lab.record(app)


SCENARIOS = (
    Scenario(
        "healthy-busy",
        "30 clients, request after request; two snapshots and packets",
        Verdict("healthy", must_not=NOTHING, pools={"http-nio-8089-exec-": 40}),
        busy,
    ),
    Scenario(
        "healthy-stale-pool",
        "idle pooled connections that the other side has closed; two snapshots alike",
        Verdict("healthy", must_not=NOTHING, pools={"qtp": 30}),
        stale_pool,
    ),
    Scenario(
        "healthy-time-wait",
        "a thousand TIME_WAITs of a server that closes first",
        Verdict("healthy", must_not=(*NOTHING, "ephemeral-port-exhaustion"), pools={"http-nio-9083-exec-": 20}),
        time_waits,
    ),
    Scenario(
        "healthy-database-idle",
        "10 idle pooled connections to PostgreSQL",
        Verdict("healthy", must_not=(*NOTHING, "database-read-hang"), pools={"http-nio-8183-exec-": 25}),
        database_idle,
    ),
)

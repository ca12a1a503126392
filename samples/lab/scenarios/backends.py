"""Servers that wait for somebody else: an HTTP service, a database."""

from pathlib import Path

from host import BACKEND
from lab import Lab, Scenario, shell, wait
from truth import Verdict


def http(lab: Lab) -> None:
    """Jetty's workers read from a payment provider that has stopped answering; host names in the captures."""
    lab.backend(8444, "mute")
    app = lab.java("com.farego.checkout.CheckoutServer", "threads=40", f"provider=http://{BACKEND}:8444", port=9090, user="app")
    load = lab.clients("ask", 9090, "/checkout/4711", count=60, every_ms=10, seconds=4)
    load.finish(60)
    app.wait_close_waits(60)
    lab.snapshot(app, {"lsof-i.txt": "lsof -i", "ss.txt": "ss -tanpoei", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def database(lab: Lab) -> None:
    """A forgotten transaction holds the row that every request wants; each worker has a connection of its own."""
    lab.postgres()
    lab.sql("begin; select * from account where id = 1 for update; select pg_sleep(300)")
    app = lab.java("net.ledger.web.LedgerServer", "threads=20", "pool=20", f"database={BACKEND}:5432", port=8180)
    wait("the pool is full", lambda: len(app.to(5432)) == 20)
    load = lab.clients("ask", 8180, "/transfer", count=50, every_ms=10, seconds=4)
    load.finish(60)
    app.wait_close_waits(50)
    lab.snapshot(app, {"netstat.txt": "netstat -tanope", "lsof.txt": "lsof -nP -i", "thread-print.txt": "jcmd {pid} Thread.print -l"})
    lab.record(app)


def connection_limit(lab: Lab) -> None:
    """A template server that never answers; the connector allows 15 connections and queues 5."""
    lab.backend(8070, "mute")
    settings = ("threads=10", "maxConnections=15", "acceptCount=5", f"templates=http://{BACKEND}:8070")
    app = lab.java("org.acme.billing.BillingServer", *settings, port=9085, user="app")
    packets = lab.packets("tcpdump -Z root -U -i any -s 80 -w any.pcap tcp port 9085 or tcp port 8070")
    load = lab.clients("ask", 9085, "/invoice/7", count=45, every_ms=20, seconds=4)
    load.finish(60)
    wait("all workers read from the backend", lambda: len(app.to(8070)) == 10)
    lab.snapshot(app, {"ss.txt": "ss -tanpe", "netstat.txt": "netstat -tanpe", "jstack.txt": "jstack -l {pid}"})
    lab.end_packets(packets)
    shell(f"gzip -9 {lab.out}/any.pcap")
    lab.record(app)


def decoy(lab: Lab) -> None:
    """Most pages wait for a price service elsewhere; two orders happen to wait for this server's own port, as victims."""
    lab.backend(8060, "mute")
    app = lab.java("com.shopfront.web.StoreFront", "threads=32", f"prices=http://{BACKEND}:8060", port=8095)
    most = lab.clients("ask", 8095, "/espresso-mill", count=30, every_ms=5, seconds=5)
    wait("30 calls to the price service", lambda: len(app.to(8060)) == 30)
    few = lab.clients("ask", 8095, "/linked/tea-pot", count=2, every_ms=5, seconds=5)
    wait("2 calls to itself", lambda: len(app.to(8095)) == 2)
    late = lab.clients("ask", 8095, "/sugar", count=10, every_ms=5, seconds=4)
    for load in (most, few, late):
        load.finish(60)
    app.wait_close_waits(42)
    lab.snapshot(app, {"netstat.txt": "netstat -tanp", "lsof.txt": "lsof -nP -i", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def http_pool(lab: Lab) -> None:
    """A status check that neither reads nor closes its response: the tenth one takes the last connection."""
    lab.backend(8445, "brief")
    settings = ("threads=50", "maxPerRoute=10", f"provider=http://{BACKEND}:8445")
    app = lab.java("com.farego.checkout.CheckoutServer", *settings, port=9091, user="app")
    first = lab.clients("ask", 9091, "/status/4711", count=10, every_ms=100, seconds=4)
    first.finish(30)
    load = lab.clients("ask", 9091, "/status/4712", count=40, every_ms=10, seconds=4)
    load.finish(60)
    wait("10 pooled and 40 served CLOSE_WAIT", lambda: len(app.to(8445, "CLOSE_WAIT")) == 10 and app.close_waits() == 50)
    lab.snapshot(app, {"lsof.txt": "lsof -nP -p {pid} -a -i", "ss.txt": "ss -tanpoe", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def jdbc_holder(lab: Lab) -> None:
    """Eight pooled connections wait for a locked row, thirty requests wait for a connection."""
    lab.postgres()
    lab.sql("begin; select * from account where id = 1 for update; select pg_sleep(300)")
    app = lab.java("net.ledger.web.LedgerServer", "threads=38", "pool=8", f"database={BACKEND}:5432", port=8181)
    wait("the pool is full", lambda: len(app.to(5432)) == 8)
    load = lab.clients("ask", 8181, "/transfer", count=60, every_ms=10, seconds=4)
    load.finish(60)
    app.wait_close_waits(60)
    lab.snapshot(app, {"netstat.txt": "netstat -tonp", "jstack.txt": "jstack -l {pid}"})
    lab.record(app)


def jdbc_leak(lab: Lab) -> None:
    """Eight failed exports kept their connections; nobody is at work with the database, and everybody waits."""
    lab.postgres()
    app = lab.java("net.ledger.web.LedgerServer", "threads=30", "pool=8", f"database={BACKEND}:5432", port=8182, user="app")
    wait("the pool is full", lambda: len(app.to(5432)) == 8)
    exports = lab.clients("ask", 8182, "/export", count=8, every_ms=100, seconds=5)
    exports.finish(30)
    load = lab.clients("ask", 8182, "/balance", count=45, every_ms=10, seconds=4)
    load.finish(60)
    wait("45 CLOSE_WAIT", lambda: app.close_waits() >= 45)
    lab.snapshot(app, {"ss.txt": "ss -tanpoei", "lsof.txt": "lsof -nP -i", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def probes(lab: Lab) -> None:
    """A load balancer's probes, which connect and close, pile up in front of workers that are stuck."""
    lab.backend(8064, "mute")
    app = lab.java("org.acme.billing.BillingServer", "threads=12", f"templates=http://{BACKEND}:8064", port=9087, user="app")
    load = lab.clients("ask", 9087, "/invoice/9", count=12, every_ms=5, seconds=4)
    wait("all workers read from the backend", lambda: len(app.to(8064)) == 12)
    health = lab.clients("probe", 9087, "/", count=40, every_ms=100, seconds=4)
    for clients in (load, health):
        clients.finish(60)
    app.wait_close_waits(52)
    lab.snapshot(app, {"ss.txt": "ss -tanpoei", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def database_gone(lab: Lab) -> None:
    """The cable to the database is cut while its connections are idle; the next statements are never acknowledged."""
    lab.postgres()
    app = lab.java("net.ledger.web.LedgerServer", "threads=12", "pool=12", f"database={BACKEND}:5432", port=8184)
    wait("the pool is full", lambda: len(app.to(5432)) == 12)
    warm = lab.clients("ask", 8184, "/balance", count=12, every_ms=5, seconds=4, remote=False)
    warm.finish(30)
    shell("ip -n remote link set eth0 down")
    load = lab.clients("ask", 8184, "/transfer", count=24, every_ms=10, seconds=4, remote=False)
    load.finish(60)
    app.wait_close_waits(24)
    lab.snapshot(app, {"netstat.txt": "netstat -tanope", "ss.txt": "ss -tanpoei", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def nested_lease(lab: Lab) -> None:
    """Each audit has one connection and wants a second one; ten audits at once take all ten."""
    lab.postgres()
    app = lab.java("net.ledger.web.LedgerServer", "threads=16", "pool=10", f"database={BACKEND}:5432", port=8186, user="app")
    wait("the pool is full", lambda: len(app.to(5432)) == 10)
    load = lab.clients("ask", 8186, "/audit", count=30, every_ms=5, seconds=4)
    load.finish(60)
    app.wait_close_waits(30)
    lab.snapshot(app, {"lsof.txt": "lsof -nP -i", "jstack.txt": "jstack -l {pid}", "ss.txt": "ss -tanp"})
    lab.record(app)


def object_pool(lab: Lab) -> None:
    """Eight objects of a commons-pool were lent and not given back."""
    app = lab.java("com.hotelier.rates.RateServer", "threads=18", port=8640, user="app")
    lost = lab.clients("ask", 8640, "/stay/unknown", count=8, every_ms=20, seconds=3)
    lost.finish(30)
    load = lab.clients("ask", 8640, "/stay/rome", count=26, every_ms=10, seconds=3)
    load.finish(60)
    app.wait_close_waits(26)
    lab.snapshot(app, {"netstat.txt": "netstat -tonp", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def no_ports_left(lab: Lab) -> None:
    """A connection for each call and few local ports: all of them are in TIME_WAIT."""
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40127")
    lab.backend(8063, "quick")
    app = lab.java("com.cargo.customs.CustomsServer", "threads=20", f"tariffs=http://{BACKEND}:8063", port=8340)
    load = lab.clients("ask", 8340, "/declare", count=400, every_ms=10, seconds=3)
    load.finish(60)
    wait("no local port left", lambda: app.written("Cannot assign requested address") > 0)
    commands = {
        "netstat.txt": "netstat -tanp",
        "port-range.txt": "sysctl net.ipv4.ip_local_port_range",
        "customs.log.gz": "gzip -9c /srv/cargo/console.log",
        "jstack.txt": "jstack {pid}",
    }
    lab.snapshot(app, commands)
    lab.record(app)


def no_keep_alive(lab: Lab) -> None:
    """A connection for each call, more than a hundred a second: a quarter of the local ports is in TIME_WAIT."""
    lab.backend(8067, "quick")
    app = lab.java("com.cargo.customs.CustomsServer", "threads=20", f"tariffs=http://{BACKEND}:8067", port=8342)
    load = lab.clients("ask", 8342, "/declare", count=8000, every_ms=5, seconds=3)
    load.finish(90)
    lab.snapshot(app, {"netstat.txt.gz": "netstat -tanp | gzip -9n", "ss-s.txt": "ss -s", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def name_server(lab: Lab) -> None:
    """The tariff service has a name, and the name server does not answer."""
    resolver = Path("/run/resolv.conf")
    resolver.write_text(f"nameserver {BACKEND}\noptions timeout:20 attempts:1\n")
    shell(f"mount --bind {resolver} /etc/resolv.conf")
    lab.backend(53, "datagrams")
    app = lab.java("com.cargo.customs.CustomsServer", "threads=16", "tariffs=http://tariffs.example.net", port=8341, user="app")
    load = lab.clients("ask", 8341, "/declare", count=25, every_ms=10, seconds=3)
    load.finish(60)
    app.wait_close_waits(25)
    lab.snapshot(app, {"jstack.txt": "jstack {pid}", "ss.txt": "ss -tuanp", "lsof.txt": "lsof -nP -i"})
    lab.record(app)


SCENARIOS = (
    Scenario(
        "slow-backend-http",
        "Jetty, 40 threads in reads from a payment provider, names instead of numbers",
        Verdict(
            "slow-backend",
            "com.farego.payment.PaymentGateway.authorize",
            must_not=("self-call-starvation", "connection-leak", "http-pool-exhausted"),
            pools={"qtp": 40},
        ),
        http,
    ),
    Scenario(
        "slow-database",
        "20 workers, 20 pooled connections, all in a read from PostgreSQL",
        Verdict(
            "database-read-hang",
            "net.ledger.account.AccountDao.lockBalance",
            must_not=("self-call-starvation", "jdbc-pool-exhausted", "connection-leak"),
            pools={"http-nio-8180-exec-": 20},
        ),
        database,
    ),
    Scenario(
        "slow-backend-connection-limit",
        "10 workers read from a mute backend, maxConnections 15, acceptCount 5, packets on any",
        Verdict(
            "slow-backend",
            "org.acme.billing.InvoiceRenderer.fetchTemplate",
            also=("connection-limit",),
            must_not=("self-call-starvation", "connection-leak", "acceptor-stalled"),
            pools={"http-nio-9085-exec-": 10},
        ),
        connection_limit,
    ),
    Scenario(
        "slow-backend-decoy",
        "30 calls stuck on a remote, two on the own port",
        Verdict(
            "slow-backend",
            "com.shopfront.catalog.PriceClient.quote",
            must_not=("self-call-starvation", "connection-leak"),
            pools={"http-nio-8095-exec-": 32, "pool-1-thread-": 32},
        ),
        decoy,
    ),
    Scenario(
        "http-pool-never-released",
        "Apache HttpClient, 10 connections per route lent and never given back",
        Verdict(
            "http-pool-exhausted",
            "com.farego.payment.PaymentGateway.isSettled",
            must_not=("self-call-starvation", "slow-backend"),
            pools={"qtp": 50},
        ),
        http_pool,
    ),
    Scenario(
        "jdbc-pool-busy",
        "HikariCP, 8 connections in a slow statement, 30 threads wait for one",
        Verdict(
            "jdbc-pool-exhausted",
            "net.ledger.account.AccountDao.lockBalance",
            also=("database-read-hang",),
            must_not=("self-call-starvation", "connection-leak"),
            pools={"http-nio-8181-exec-": 38},
        ),
        jdbc_holder,
    ),
    Scenario(
        "jdbc-pool-leaked",
        "HikariCP, 8 connections lent to nobody who still runs, 30 threads wait for one",
        Verdict(
            "jdbc-pool-exhausted",
            "net.ledger.account.AccountDao.balance",
            must_not=("self-call-starvation", "database-read-hang", "slow-backend"),
            pools={"http-nio-8182-exec-": 30},
        ),
        jdbc_leak,
    ),
    Scenario(
        "database-gone",
        "the cable to PostgreSQL is cut: statements sent and not acknowledged",
        Verdict(
            "database-read-hang",
            "net.ledger.account.AccountDao.lockBalance",
            must_not=("self-call-starvation", "jdbc-pool-exhausted", "connection-leak"),
            pools={"http-nio-8184-exec-": 12},
        ),
        database_gone,
    ),
    Scenario(
        "nested-connection-lease",
        "each of ten threads has a pooled connection and waits for a second one",
        Verdict(
            "nested-connection-lease",
            "net.ledger.account.AccountDao.balance",
            also=("jdbc-pool-exhausted",),
            must_not=("self-call-starvation", "database-read-hang", "slow-backend"),
            pools={"http-nio-8186-exec-": 16},
        ),
        nested_lease,
    ),
    Scenario(
        "object-pool-lost",
        "a commons-pool whose eight objects were never given back",
        Verdict(
            "object-pool-exhausted",
            "com.hotelier.rates.RateServer.price",
            must_not=("self-call-starvation", "jdbc-pool-exhausted", "slow-backend"),
            pools={"rates-http-": 18},
        ),
        object_pool,
    ),
    Scenario(
        "ephemeral-ports-used-up",
        "128 local ports, all in TIME_WAIT towards one service",
        Verdict(
            "ephemeral-port-exhaustion",
            must_not=("self-call-starvation", "slow-backend", "connection-leak"),
            pools={"http-nio-8340-exec-": 20},
        ),
        no_ports_left,
    ),
    Scenario(
        "keep-alive-missing",
        "8,000 calls in a minute, a connection for each, all closed by the caller",
        Verdict(
            "keep-alive-missing",
            must_not=("self-call-starvation", "slow-backend", "connection-leak", "ephemeral-port-exhaustion"),
            pools={"http-nio-8342-exec-": 20},
        ),
        no_keep_alive,
    ),
    Scenario(
        "dns-stall",
        "a name server that does not answer",
        Verdict(
            "dns-stall",
            "com.cargo.customs.CustomsServer.tariff",
            must_not=("self-call-starvation", "slow-backend", "connection-leak"),
            pools={"http-nio-8341-exec-": 16},
        ),
        name_server,
    ),
    Scenario(
        "slow-backend-with-probes",
        "12 stuck requests and 40 probes: 52 sockets in CLOSE_WAIT with Recv-Q 1",
        Verdict(
            "slow-backend",
            "org.acme.billing.InvoiceRenderer.fetchTemplate",
            must_not=("self-call-starvation", "connection-leak"),
            pools={"http-nio-9087-exec-": 12},
        ),
        probes,
    ),
)

"""Servers that call themselves: no worker is left to answer."""

import time

from lab import Lab, Scenario, shell, wait
from truth import Verdict


def executor(lab: Lab) -> None:
    """A page asks for prices through an executor; the price service is the same Tomcat."""
    app = lab.java("com.shopfront.web.StoreFront", "threads=24", "keepAlive=true", port=8085)
    load = lab.clients("ask", 8085, "/espresso-mill", count=70, every_ms=10, seconds=4)
    load.finish(60)
    wait("70 CLOSE_WAIT and 24 calls to itself", lambda: app.close_waits() == 70 and len(app.to(8085)) == 24)
    lab.snapshot(
        app,
        {
            "lsof.txt": "lsof -nP -p {pid}",
            "netstat.txt": "netstat -tanp",
            "jstack.txt": "jstack {pid}",
            "limits.txt": "cat /proc/{pid}/limits",
        },
    )
    lab.record(app)


def direct(lab: Lab) -> None:
    """The workers themselves read from their own port; saved by somebody who left -a out."""
    app = lab.java("org.acme.billing.BillingServer", "threads=16", port=9080, user="app")
    load = lab.clients("ask", 9080, "/invoice/2026-0815", count=40, every_ms=8, seconds=5, remote=False)
    load.finish(60)
    app.wait_close_waits(40)
    lab.snapshot(app, {"netstat.txt": "netstat -tonp", "threads.txt": "jstack -l {pid}"})
    lab.record(app)


def completable_future(lab: Lab) -> None:
    """The JDK's HTTP server and client: the waiting threads own no socket, the client's selector thread does."""
    app = lab.java("net.example.search.SearchNode", "threads=12", port=7700, user="app", folder="search-node")
    load = lab.clients("ask", 7700, "/search/shoes", count=30, every_ms=8, seconds=3)
    load.finish(60)
    app.wait_close_waits(30)
    lab.snapshot(app, {"ss.txt": "ss -tanp", "-": "kill -3 {pid}; sleep 1", "search-node.log": "cat /srv/search-node/console.log"})
    lab.record(app)


def connection_limit(lab: Lab) -> None:
    """The same, with so few connections allowed that the calls to itself never get accepted."""
    app = lab.java("com.shopfront.web.StoreFront", "threads=12", "maxConnections=20", "acceptCount=8", port=8086, folder="shop")
    packets = lab.packets("tcpdump -Z root -U -i eth0 -s 96 -w eth0.pcap tcp port 8086")
    load = lab.clients("ask", 8086, "/tea-pot", count=60, every_ms=15, seconds=4)
    load.finish(60)
    wait("calls to itself in SYN_SENT", lambda: len(app.to(8086, "SYN_SENT")) > 0)
    lab.snapshot(
        app,
        {
            "netstat.txt": "netstat -tanope",
            "ss.txt": "ss -tan",
            "lsof.txt": "lsof -nP -i:8086",
            "jstack.txt": "jstack {pid}",
            "netstat-s.txt": "netstat -s",
        },
    )
    lab.end_packets(packets)
    lab.record(app)


def at_scale(lab: Lab) -> None:
    """250 workers, 4,000 clients, and a pause of two seconds without which the same load passes."""
    app = lab.java("com.shopfront.web.StoreFront", "threads=250", "keepAlive=true", port=8080, user="app", folder="storefront")
    load = lab.clients("ask", 8080, "/gift-card", count=4000, every_ms=2, seconds=5)
    wait("the load runs", lambda: len(app.sockets("ESTABLISHED")) > 50)
    app.freeze(2)
    load.finish(120)
    wait("3,700 CLOSE_WAIT and 250 calls to itself", lambda: app.close_waits() >= 3700 and len(app.to(8080)) == 250)
    commands = {
        "lsof.txt.gz": "lsof -i:8080 | gzip -9",
        "netstat.txt.gz": "netstat -tanp | gzip -9",
        "jstack.txt.gz": "jstack {pid} | gzip -9",
        "limits.txt": "cat /proc/{pid}/limits",
    }
    for folder in ("snap1", "snap2"):
        lab.snapshot(app, commands, folder)
        if folder == "snap1":
            time.sleep(30)
    lab.record(app)


def mutual(lab: Lab) -> None:
    """Orders ask stock, stock asks orders; neither has a worker left for the other."""
    orders = lab.java("org.acme.orders.OrderService", "threads=10", "stock=http://127.0.0.1:8202", port=8201, user="app", folder="orders")
    stock = lab.java("org.acme.stock.StockService", "threads=10", "orders=http://127.0.0.1:8201", port=8202, user="app", folder="stock")
    load = lab.clients("ask", 8201, "/orders/4711", count=25, every_ms=8, seconds=4)
    load.finish(60)
    wait("25 CLOSE_WAIT", lambda: orders.close_waits() == 25 and len(stock.to(8201)) == 10)
    commands = {
        "netstat.txt": "netstat -tanp",
        "jstack-orders.txt": "jstack {pid}",
        "jstack-stock.txt": f"jstack {stock.pid}",
        "ps.txt": f"ps -ww -o pid,user,stat,etime,args -p {{pid}},{stock.pid}",
    }
    lab.snapshot(orders, commands)
    lab.record(orders, stock)


def through_proxy(lab: Lab) -> None:
    """The template address is the host's nginx, and nginx hands it to the very server that asked."""
    configuration = lab.out / "nginx.conf"
    configuration.write_text(PROXY)
    shell("mkdir -p /srv/proxy /run/nginx")
    shell(f"mv {configuration} /srv/proxy/nginx.conf")
    packets = lab.packets("tcpdump -Z root -U -i lo -s 200 -w lo.pcap tcp")
    proxy = lab.start("nginx -c /srv/proxy/nginx.conf -g 'daemon off;'")
    app = lab.java("org.acme.billing.BillingServer", "threads=14", "templates=http://127.0.0.1:8000/templates", port=9081, user="app")
    load = lab.clients("ask", 9081, "/invoice/2026-0816", count=36, every_ms=8, seconds=4)
    load.finish(60)
    app.wait_close_waits(36)
    lab.snapshot(app, {"ss.txt": "ss -tanp", "lsof.txt": "lsof -nP -i", "jstack.txt": "jstack {pid}"})
    lab.end_packets(packets)
    lab.record(app, proxy)


def without_root(lab: Lab) -> None:
    """The socket table was saved by somebody who may not see the owners."""
    app = lab.java("org.acme.billing.BillingServer", "threads=18", port=9082, user="app")
    load = lab.clients("ask", 9082, "/invoice/2026-0817", count=30, every_ms=8, seconds=4)
    load.finish(60)
    app.wait_close_waits(30)
    plain = "setpriv --reuid=33 --regid=33 --clear-groups"
    lab.snapshot(app, {"netstat.txt": f"{plain} netstat -tanp 2>&1", "ss.txt": f"{plain} ss -tanp", "jstack.txt": "jstack {pid}"})
    lab.record(app)


def ipv6(lab: Lab) -> None:
    """Addresses of version 6, which netstat without -W cuts short."""
    app = lab.java("org.acme.billing.BillingServer", "threads=15", "templates=http://[::1]:9086/templates", port=9086)
    load = lab.clients("ask", 9086, "/invoice/2026-0818", count=32, every_ms=8, seconds=4, ipv6=True)
    load.finish(60)
    app.wait_close_waits(32)
    lab.snapshot(app, {"netstat.txt": "netstat -tanp", "lsof.txt": "lsof -nP -i -a -p {pid}", "jstack.txt": "jstack {pid}"})
    lab.record(app)


PROXY = """\
user www-data;
worker_processes 1;
pid /run/nginx/nginx.pid;
error_log /srv/proxy/error.log;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path /run/nginx/body;
  proxy_temp_path /run/nginx/proxy;
  fastcgi_temp_path /run/nginx/fastcgi;
  uwsgi_temp_path /run/nginx/uwsgi;
  scgi_temp_path /run/nginx/scgi;
  server {
    listen 127.0.0.1:8000;
    location / { proxy_pass http://127.0.0.1:9081; proxy_read_timeout 3600s; }
  }
}
"""

SCENARIOS = (
    Scenario(
        "self-call-executor",
        "prices through invokeAll from the own port, 24 workers",
        Verdict(
            "self-call-starvation",
            "com.shopfront.catalog.PriceClient.quote",
            must_not=("slow-backend", "connection-leak", "connection-limit"),
            pools={"http-nio-8085-exec-": 24, "pool-1-thread-": 24},
        ),
        executor,
    ),
    Scenario(
        "self-call-direct",
        "workers read a template from their own port, 16 workers, client on the same host",
        Verdict(
            "self-call-starvation",
            "org.acme.billing.InvoiceRenderer.fetchTemplate",
            must_not=("slow-backend", "connection-leak"),
            pools={"http-nio-9080-exec-": 16},
        ),
        direct,
    ),
    Scenario(
        "self-call-completable-future",
        "supplyAsync and join, java.net.http against the own port, dump in the log",
        Verdict(
            "self-call-starvation",
            "net.example.search.FacetLoader.fetch",
            must_not=("slow-backend", "connection-leak"),
            pools={"web-worker-": 12, "search-fanout-": 12},
        ),
        completable_future,
    ),
    Scenario(
        "self-call-connection-limit",
        "12 workers, maxConnections 20, acceptCount 8: calls to itself stay in SYN_SENT",
        Verdict(
            "self-call-starvation",
            "com.shopfront.catalog.PriceClient.quote",
            also=("connection-limit",),
            must_not=("slow-backend", "connection-leak", "acceptor-stalled"),
            pools={"http-nio-8086-exec-": 12, "pool-1-thread-": 12},
        ),
        connection_limit,
    ),
    Scenario(
        "self-call-at-scale",
        "250 workers, 4,000 clients, two snapshots half a minute apart",
        Verdict(
            "self-call-starvation",
            "com.shopfront.catalog.PriceClient.quote",
            must_not=("slow-backend", "connection-leak"),
            pools={"http-nio-8080-exec-": 250, "pool-1-thread-": 250},
        ),
        at_scale,
    ),
    Scenario(
        "mutual-call",
        "orders and stock, two processes on one host, each read from the other",
        Verdict(
            "mutual-call-starvation",
            "org.acme.orders.OrderService.askStock",
            must_not=("self-call-starvation", "connection-leak"),
            pools={"order-http-": 10, "stock-http-": 10},
        ),
        mutual,
    ),
    Scenario(
        "self-call-through-proxy",
        "workers call nginx on the same host, nginx calls them",
        Verdict(
            "self-call-starvation",
            "org.acme.billing.InvoiceRenderer.fetchTemplate",
            must_not=("connection-leak",),
            pools={"http-nio-9081-exec-": 14},
        ),
        through_proxy,
    ),
    Scenario(
        "self-call-without-root",
        "18 workers read from their own port; sockets without owners",
        Verdict(
            "self-call-starvation",
            "org.acme.billing.InvoiceRenderer.fetchTemplate",
            must_not=("connection-leak", "acceptor-stalled", "connection-limit"),
            pools={"http-nio-9082-exec-": 18},
        ),
        without_root,
    ),
    Scenario(
        "self-call-ipv6",
        "15 workers call their own port over ::1; netstat cuts the clients' addresses",
        Verdict(
            "self-call-starvation",
            "org.acme.billing.InvoiceRenderer.fetchTemplate",
            must_not=("slow-backend", "connection-leak"),
            pools={"http-nio-9086-exec-": 15},
        ),
        ipv6,
    ),
)

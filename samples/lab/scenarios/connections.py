"""Connections that are not accepted in time, kept by the wrong process, or whose peer is gone."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

from host import BACKEND
from lab import Lab, Scenario, shell, wait
from programs import HERE
from truth import Verdict


def bursts(lab: Lab) -> None:
    """Eighty ticket machines ask at once while the process gets no time for a moment; the queue holds eleven."""
    app = lab.java("com.kiosk.fares.FareServer", "threads=20", "acceptCount=10", port=8350, user="app")
    warm = lab.clients("ask", 8350, "/fares", count=30, every_ms=5, seconds=4)
    warm.finish(30)
    for folder in ("snap1", "snap2"):
        os.kill(app.pid, signal.SIGSTOP)
        load = lab.clients("ask", 8350, "/fares", count=80, every_ms=0, seconds=8)
        wait("the accept queue is full", lambda: any(one.receive_queue > 10 for one in app.sockets("LISTEN")))
        time.sleep(0.5)
        commands = {
            "ss.txt": "ss -tanpe",
            "-": "kill -CONT {pid}; sleep 1",
            "nstat.txt": "nstat -asz TcpExtListenOverflows TcpExtListenDrops TcpExtTCPReqQFullDrop",
            "jstack.txt": "jstack {pid}",
        }
        lab.snapshot(app, commands, folder, attempts=1)
        load.finish(60)
    lab.record(app)


def tracked(lab: Lab) -> None:
    """The host tracks connections, and flows of datagrams fill the table: clients get no answer from a server that is idle."""
    lab.backend(8069, "quick")
    app = lab.java("com.cargo.customs.CustomsServer", "threads=20", f"tariffs=http://{BACKEND}:8069", port=8343)
    lab.start(f"{sys.executable} {HERE}/tracking.py answer {BACKEND}", remote=True)
    lab.start(f"{sys.executable} {HERE}/tracking.py fill {BACKEND}")
    count, most = (Path("/proc/sys/net/netfilter") / name for name in ("nf_conntrack_count", "nf_conntrack_max"))
    wait("the table of tracked connections is full", lambda: int(count.read_text()) >= int(most.read_text()), 120)
    time.sleep(12)
    load = lab.clients("ask", 8343, "/declare", count=40, every_ms=10, seconds=3)
    load.finish(60)
    commands = {
        "sysctl.txt": "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
        "dmesg.txt": "dmesg | grep nf_conntrack | tail -8",
        "ss.txt": "ss -tanp",
        "jstack.txt": "jstack {pid}",
    }
    lab.snapshot(app, commands)
    lab.record(app)


def slow_acceptor(lab: Lab) -> None:
    """The acceptor pauses 20 ms for each connection; sixty clients are faster than that, and the workers are idle."""
    app = lab.java("com.railway.turnstile.TurnstileServer", "threads=20", "backlog=20", port=8360, user="app", folder="turnstile")
    lab.clients("fresh", 8360, "/open", count=60, every_ms=5, seconds=40)
    wait("the accept queue is full", lambda: any(one.receive_queue > 20 for one in app.sockets("LISTEN")))
    commands = {
        "ss.txt": "ss -tanpe",
        "nstat.txt": "nstat -asz TcpExtListenOverflows TcpExtListenDrops",
        "jstack.txt": "jstack {pid}",
    }
    for folder in ("snap1", "snap2"):
        time.sleep(2)
        lab.snapshot(app, commands, folder, attempts=1)
    lab.record(app)


def inherited(lab: Lab) -> None:
    """A helper was started while thirty connections were open; they left since, and the service closed its own ends."""
    home = Path("/srv/gallery")
    home.mkdir()
    for source in ("gallery", "thumbnailer"):
        shutil.copy(HERE / f"{source}.py", home / source)
        (home / source).chmod(0o755)
    app = lab.start(f"{home}/gallery 8880 {home}/thumbnailer", user="app")
    wait("it listens", lambda: app.listens(8880))
    first = lab.clients("keep", 8880, "/photo/1", count=30, every_ms=5, seconds=6)
    wait("30 connections", lambda: len(app.sockets("ESTABLISHED")) == 30)
    os.kill(app.pid, signal.SIGUSR1)
    first.finish(30)
    lab.clients("keep", 8880, "/photo/2", count=8, every_ms=5, seconds=60)
    wait("8 connections of its own", lambda: len(app.sockets("ESTABLISHED")) == 8)
    helper = lab.child(app)
    helper.wait_close_waits(30)
    commands = {
        "ss.txt": "ss -tanpe",
        "lsof.txt": "lsof -nP -i",
        "ps.txt": f"ps -o pid,ppid,user,stat,etime,comm -p {{pid}},{helper.pid}",
    }
    lab.snapshot(app, commands)
    lab.record(app, helper)


def half_close(lab: Lab) -> None:
    """A tunnel that passes each end on by itself: the clients have left, the event server keeps its side open."""
    lab.backend(8100, "hold")
    _leave_proxy(lab, TUNNEL, 9600, "/events")


def ignored_aborts(lab: Lab) -> None:
    """A proxy that is told to ignore that clients leave, before a server that does not answer."""
    lab.backend(8089, "mute")
    _leave_proxy(lab, PROXY, 8000, "/report/annual")


def _leave_proxy(lab: Lab, configuration: str, port: int, path: str) -> None:
    shell("mkdir -p /srv/proxy /run/nginx")
    Path("/srv/proxy/nginx.conf").write_text(configuration)
    proxy = lab.start("nginx -c /srv/proxy/nginx.conf -g 'daemon off;'")
    worker = lab.child(proxy)
    wait("it listens", lambda: worker.listens(port))
    load = lab.clients("ask", port, path, count=48, every_ms=10, seconds=4)
    load.finish(60)
    worker.wait_close_waits(48)
    commands = {
        "ss.txt": "ss -tanpoei",
        "lsof.txt": "lsof -nP -i",
        "ps.txt": f"ps -o pid,ppid,user,stat,etime,comm -p {proxy.pid},{{pid}}",
    }
    for folder in ("snap1", "snap2"):
        lab.snapshot(worker, commands, folder)
        if folder == "snap1":
            time.sleep(20)
    lab.record(worker, proxy)


def vanished(lab: Lab) -> None:
    """Twenty subscribers get a pulse twice a second; their cable is cut."""
    app = lab.java("com.pushnews.pulse.PulseServer", port=9310, user="app", folder="pulse")
    lab.clients("deaf", 9310, "/subscribe", count=20, every_ms=10, seconds=120)
    wait("20 subscribers", lambda: len(app.sockets("ESTABLISHED")) == 20)
    time.sleep(2)
    shell("ip -n remote link set eth0 down")
    time.sleep(15)
    commands = {"ss.txt": "ss -tanpoei", "netstat.txt": "netstat -tanope", "jstack.txt": "jstack {pid}"}
    lab.snapshot(app, commands)
    lab.record(app)


TUNNEL = f"""\
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
user www-data;
worker_processes 1;
pid /run/nginx/nginx.pid;
error_log /srv/proxy/error.log;
events {{ worker_connections 512; }}
stream {{
  server {{ listen 9600; proxy_pass {BACKEND}:8100; proxy_half_close on; proxy_timeout 12h; }}
}}
"""

PROXY = f"""\
user www-data;
worker_processes 1;
pid /run/nginx/nginx.pid;
error_log /srv/proxy/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path /run/nginx/body;
  proxy_temp_path /run/nginx/proxy;
  fastcgi_temp_path /run/nginx/fastcgi;
  uwsgi_temp_path /run/nginx/uwsgi;
  scgi_temp_path /run/nginx/scgi;
  server {{
    listen 8000;
    location / {{ proxy_pass http://{BACKEND}:8089; proxy_ignore_client_abort on; proxy_read_timeout 3600s; }}
  }}
}}
"""

SCENARIOS = (
    Scenario(
        "backlog-overflow",
        "80 clients at once, a queue of eleven, 20 threads free; two snapshots with kernel counters",
        Verdict(
            "backlog-overflow",
            must_not=("acceptor-stalled", "process-stopped", "connection-limit", "self-call-starvation", "slow-backend"),
            pools={"http-nio-8350-exec-": 20},
        ),
        bursts,
    ),
    Scenario(
        "xt-table-full",
        "flows of datagrams fill the table of tracked connections; clients get no answer from an idle server",
        Verdict(
            "conntrack-full",
            must_not=("self-call-starvation", "slow-backend", "backlog-overflow", "connection-leak"),
            pools={"http-nio-8343-exec-": 20},
        ),
        tracked,
    ),
    Scenario(
        "slow-acceptor",
        "the acceptor does more than accept: a full queue that moves, 20 threads free; two snapshots",
        Verdict(
            "backlog-overflow",
            "com.railway.turnstile.TurnstileServer.throttle",
            must_not=("acceptor-stalled", "connection-limit", "connection-leak", "slow-backend", "cpu-spin"),
            pools={"turnstile-": 20},
        ),
        slow_acceptor,
    ),
    Scenario(
        "inherited-sockets",
        "a helper program inherited 30 connections and the listener",
        Verdict("inherited-fd", must_not=("connection-leak", "server-never-closes", "slow-backend", "self-call-starvation")),
        inherited,
    ),
    Scenario(
        "proxy-half-close",
        "nginx as a tunnel keeps 48 connections half open; two snapshots",
        Verdict("proxy-half-close", must_not=("slow-backend", "connection-leak", "server-never-closes", "self-call-starvation")),
        half_close,
    ),
    Scenario(
        "slow-backend-behind-proxy",
        "nginx ignores that 48 clients have left, and waits for a server; two snapshots",
        Verdict(
            "slow-backend",
            also=("proxy-half-close",),
            must_not=("connection-leak", "server-never-closes", "self-call-starvation"),
        ),
        ignored_aborts,
    ),
    Scenario(
        "vanished-subscribers",
        "20 subscribers behind a cut cable: pulses sent again and again",
        Verdict("vanished-peer", must_not=("blocked-write", "connection-leak", "slow-backend", "self-call-starvation")),
        vanished,
    ),
)

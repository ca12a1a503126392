"""Several runtimes in one chain: a proxy, Python workers, a JVM, a database. The cause is at its end, the symptoms are at its beginning."""

import shutil
from pathlib import Path

from host import BACKEND
from lab import Lab, Scenario, shell, wait
from programs import HERE, Program
from truth import Verdict

NGINX = """\
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /srv/nginx/error.log warn;
events { worker_connections 512; }
http {
LOG  client_body_temp_path /srv/nginx/body;
  proxy_temp_path /srv/nginx/proxy;
  fastcgi_temp_path /srv/nginx/fastcgi;
  uwsgi_temp_path /srv/nginx/uwsgi;
  scgi_temp_path /srv/nginx/scgi;
  proxy_read_timeout PATIENCE;
  server {
    listen 80;
    PLACES
  }
}
"""


def nginx(
    lab: Lab,
    patience: str = "300s",
    log: str = "  access_log /srv/nginx/access.log;\n",
    places: str = "location / { proxy_pass http://127.0.0.1:8000; }",
) -> Program:
    """Start nginx, by default in front of what listens on port 8000."""
    home = Path("/srv/nginx")
    home.mkdir()
    (home / "nginx.conf").write_text(NGINX.replace("PATIENCE", patience).replace("LOG", log).replace("PLACES", places))
    front = lab.start(f"nginx -c {home}/nginx.conf -g 'daemon off;'")
    wait("nginx listens", lambda: front.listens(80))
    return front


def gunicorn(lab: Lab, behind: str, workers: int) -> Program:
    """The portal, by forked workers of gunicorn."""
    home = Path("/srv/portal")
    home.mkdir()
    shutil.copy(HERE / "portal.py", home)
    shell(f"chown -R app {home}")
    master = lab.start(
        f"env BEHIND={behind} HOME={home} gunicorn --chdir {home} --workers {workers} --bind 127.0.0.1:8000 --timeout 600 portal:app",
        user="app",
    )
    wait("gunicorn listens", lambda: master.listens(8000))
    children = Path(f"/proc/{master.pid}/task/{master.pid}/children")
    wait("the workers are forked", lambda: len(children.read_text().split()) == workers)
    return master


PY_SPY = (
    'for pid in {master} $(cat /proc/{master}/task/{master}/children); do echo "$ py-spy dump --pid $pid"; py-spy dump --pid $pid; done'
)
SESSIONS = (
    f"psql -XA -h {BACKEND} -U ledger -d postgres -c 'select pid, pg_blocking_pids(pid) as blocked_by, usename, datname, application_name,"
    " client_addr, client_port, state, wait_event_type, wait_event, xact_start, query_start, state_change, now(), query from pg_stat_activity'"
)


def locked_row(lab: Lab) -> None:
    """A forgotten transaction holds a row; the JVM's threads want it, the Python workers wait for the JVM, the proxy for the workers."""
    lab.postgres()
    forgotten = "begin; select balance from account where id = 1 for update;"
    lab.start(f"bash -c \"(echo '{forgotten}'; sleep 600) | psql -q -h {BACKEND} -U ledger -d postgres\"", remote=True)
    app = lab.java("net.ledger.web.LedgerServer", "threads=6", "pool=6", f"database={BACKEND}:5432", port=8190, user="app")
    wait("the pool is full", lambda: len(app.to(5432)) == 6)
    master = gunicorn(lab, "http://127.0.0.1:8190", 8)
    front = nginx(lab)
    load = lab.clients("ask", 80, "/transfer", count=24, every_ms=20, seconds=4)
    load.finish(60)
    wait("eight calls to the JVM", lambda: len(app.sockets("ESTABLISHED")) >= 6 + 6)
    commands = {
        "ss.txt": "ss -tanpe",
        "jstack-1.txt": "jstack -l {pid}",
        "-": "sleep 2",
        "jstack-2.txt": "jstack -l {pid}",
        "py-spy.txt": PY_SPY.format(master=master.pid),
        "pg_stat_activity.txt": SESSIONS,
        "nginx-access.log": "cat /srv/nginx/access.log",
        "nginx-error.log": "cat /srv/nginx/error.log",
    }
    lab.snapshot(app, commands)
    lab.record(app, master, front)


def mute_service(lab: Lab) -> None:
    """A price service that never answers; the JVM's threads wait for it, the Python workers for the JVM, the proxy for the workers."""
    lab.backend(8068, "mute")
    app = lab.java("org.acme.billing.BillingServer", "threads=5", f"templates=http://{BACKEND}:8068", port=9091, user="app")
    master = gunicorn(lab, "http://127.0.0.1:9091", 8)
    front = nginx(lab)
    load = lab.clients("ask", 80, "/invoice/3", count=20, every_ms=20, seconds=4)
    load.finish(60)
    wait("all workers of the JVM read from the service", lambda: len(app.to(8068)) == 5)
    commands = {
        "lsof.txt": "lsof -nP -i",
        "ss.txt": "ss -tanpoe",
        "jstack.txt": "jstack {pid}",
        "py-spy.txt": PY_SPY.format(master=master.pid),
    }
    lab.snapshot(app, commands)
    lab.record(app, master, front)


def proxy_gave_up(lab: Lab) -> None:
    """The server calls itself; nginx in front gives up after two seconds and answers 504, clients that give up earlier leave 499."""
    app = lab.java("com.shopfront.web.StoreFront", "threads=8", "keepAlive=true", port=8000, user="app")
    front = nginx(lab, patience="2s")
    patient = lab.clients("ask", 80, "/espresso-mill", count=20, every_ms=20, seconds=6)
    hasty = lab.clients("ask", 80, "/espresso-mill", count=10, every_ms=20, seconds=1)
    for clients in (hasty, patient):
        clients.finish(60)
    wait("nobody waits at the proxy any more", lambda: not front.sockets("ESTABLISHED"))
    commands = {
        "ss.txt": "ss -tanpe",
        "jstack.txt": "jstack {pid}",
        "access.log": "cat /srv/nginx/access.log",
        "error.log": "cat /srv/nginx/error.log",
    }
    lab.snapshot(app, commands)
    lab.record(app, front)


def database_busy(lab: Lab) -> None:
    """Sixteen clients, request after request, and a database that answers each in a millisecond."""
    lab.postgres()
    app = lab.java(
        "net.ledger.web.LedgerServer", "threads=30", "pool=12", "maxKeepAliveRequests=-1", f"database={BACKEND}:5432", port=8191, user="app"
    )
    wait("the pool is full", lambda: len(app.to(5432)) == 12)
    lab.clients("loop", 8191, "/balance", count=16, every_ms=5, seconds=40)
    wait("the clients are at work", lambda: len(app.sockets("ESTABLISHED")) == 28)
    for number in (1, 2, 3):
        commands = {
            f"jstack-{number}.txt": "jstack -l {pid}",
            f"ss-{number}.txt": "ss -tanpe",
            f"pg_stat_activity-{number}.txt": SESSIONS,
        }
        lab.snapshot(app, commands, number=number)
    lab.record(app)


SCENARIOS = (
    Scenario(
        "proxy-gave-up",
        "nginx answers 504 and notes 499, and behind it a server waits for itself",
        Verdict("self-call-starvation", "com.shopfront.catalog.PriceClient.quote", also=("proxy-timeout",), must_not=("slow-backend",)),
        proxy_gave_up,
    ),
    Scenario(
        "healthy-database-busy",
        "a busy server whose database answers at once",
        Verdict(
            "healthy",
            must_not=("slow-backend", "database-read-hang", "slow-statement", "jdbc-pool-exhausted", "lost-session", "pool-stuck"),
        ),
        database_busy,
    ),
    Scenario(
        "chain-locked-row",
        "nginx, gunicorn, a JVM and PostgreSQL: a forgotten transaction at the end",
        Verdict("lock-held-by-idle-transaction", also=("slow-backend", "database-read-hang"), must_not=("self-call-starvation",)),
        locked_row,
    ),
    Scenario(
        "chain-mute-service",
        "nginx, gunicorn and a JVM in front of a service that never answers",
        Verdict("slow-backend", must_not=("self-call-starvation", "mutual-call-starvation")),
        mute_service,
    ),
)

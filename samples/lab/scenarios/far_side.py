"""What the other side wrote or lists: logs of proxies and databases, lists of sessions."""

import subprocess
import time
from pathlib import Path

from host import BACKEND
from lab import Lab, Scenario, wait
from truth import Verdict

from scenarios.mixed import nginx

TIMED = """\
  log_format timed '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" '
                   'rt=$request_time urt=$upstream_response_time ua=$upstream_addr us=$upstream_status';
  access_log /srv/nginx/access.log timed;
"""
PRICES = f"location /prices {{ proxy_pass http://{BACKEND}:8090; }}\n    location / {{ proxy_pass http://{BACKEND}:8091; }}"
TWO_ROWS = "create table stock (sku varchar(20) primary key, n int); insert into stock values ('bolt', 40), ('nut', 70)"


def proxy_time_limits(lab: Lab) -> None:
    """The price service never answers: nginx gives up after three seconds, hasty clients after one. Only nginx' logs are saved."""
    lab.backend(8090, "mute")
    lab.backend(8091, "quick")
    front = nginx(lab, patience="3s", log=TIMED, places=PRICES)
    for target, count, seconds in (("/catalog", 40, 4), ("/prices/mill", 6, 1), ("/prices/mill", 14, 8), ("/catalog", 20, 4)):
        lab.clients("ask", 80, target, count=count, every_ms=20, seconds=seconds).finish(60)
    lab.snapshot(front, {"access.log": "cat /srv/nginx/access.log", "error.log": "cat /srv/nginx/error.log"})
    lab.record(front)


def postgres_deadlock(lab: Lab) -> None:
    """Two sessions change two rows, each in its own order, a second apart; PostgreSQL ends one of them. Its log is saved, whole."""
    log = Path("/srv/postgres/server.log")
    server = lab.postgres(
        "-c log_lock_waits=on -c logging_collector=on -c log_directory=/srv/postgres -c log_filename=server.log"
        " -c 'log_line_prefix=%m [%p] %q%u@%d '"
    )
    lab.sql(TWO_ROWS).finish(20)
    opposite = (("bolt", "nut"), ("nut", "bolt"))
    steps = "begin; update stock set n = n - 1 where sku = '{}'; select pg_sleep(1); update stock set n = n - 2 where sku = '{}'; commit"
    sessions = [lab.sql(steps.format(*order).replace("; ", '" -c "')) for order in opposite]
    for session in sessions:
        session.finish(30)
    wait("PostgreSQL has told of it", lambda: "deadlock detected" in log.read_text())
    lab.snapshot(server, {"postgresql.log": f"cat {log}"})
    lab.record(server)


def row_after_a_deadlock(lab: Lab) -> None:
    """MariaDB ended a deadlock some time ago. Now a forgotten transaction holds a row that three sessions want."""
    server = lab.mariadb()
    lab.mysql("create database shop", "grant all on shop.* to orders@'%' identified by 'orders'", "use shop", TWO_ROWS).finish(20)
    take = "update stock set n = n - 1 where sku = '{}'"
    opposite = (("bolt", "nut"), ("nut", "bolt"))
    past = [lab.mysql("use shop", "begin", take.format(a), "do sleep(1)", take.format(b), "commit") for a, b in opposite]
    for session in past:
        session.finish(30)
    time.sleep(75)
    lab.mysql("use shop", "begin", take.format("bolt"), user="orders", stay=120)
    time.sleep(1)
    for _ in range(3):
        lab.mysql("use shop", take.format("bolt"), user="orders")
    ask = f"mariadb --no-defaults --socket={lab.mariadb_socket} -t -e"
    status = f"mariadb --no-defaults --socket={lab.mariadb_socket} -e 'show engine innodb status\\G'"
    wait("three wait for the row", lambda: _said(status).count("LOCK WAIT") == 3)
    time.sleep(12)
    waits = (
        "select r.trx_mysql_thread_id as waiting_pid, b.trx_mysql_thread_id as blocking_pid, r.trx_query as waiting_query,"
        " b.trx_query as blocking_query, b.trx_started as blocking_trx_started from information_schema.innodb_lock_waits w"
        " join information_schema.innodb_trx r on r.trx_id = w.requesting_trx_id"
        " join information_schema.innodb_trx b on b.trx_id = w.blocking_trx_id"
    )
    commands = {
        "processlist.txt": f"{ask} 'show full processlist'",
        "innodb_status.txt": status,
        "innodb_lock_waits.txt": f"{ask} '{waits}'",
    }
    lab.snapshot(server, commands)
    lab.record(server)


def _said(command: str) -> str:
    return subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True, timeout=20).stdout


SCENARIOS = (
    Scenario(
        "proxy-time-limits",
        "nginx and its clients give up on a service that does not answer; nobody saved more than nginx' logs",
        Verdict("proxy-timeout", must_not=("slow-backend", "self-call-starvation", "database-read-hang")),
        proxy_time_limits,
    ),
    Scenario(
        "database-deadlock",
        "PostgreSQL ends a deadlock of two sessions that take two rows in different orders",
        Verdict(
            "database-deadlock",
            must_not=("cross-system-deadlock", "java-deadlock", "lock-held-by-idle-transaction", "slow-statement"),
        ),
        postgres_deadlock,
    ),
    Scenario(
        "row-lock-after-a-deadlock",
        "MariaDB's status still tells of an old deadlock; what holds the others up is a forgotten transaction",
        Verdict("lock-held-by-idle-transaction", must_not=("database-deadlock", "slow-statement", "cross-system-deadlock")),
        row_after_a_deadlock,
    ),
)

"""What the threads wait for is in another server: a row lock, a pooler's connection, a proxy's queue, a push to Redis."""

import time

import services
from host import BACKEND
from lab import Lab, Scenario, wait
from truth import Verdict

from scenarios.hosts import COLLECTOR

PSQL = f"psql -X -h {BACKEND} -U ledger"
ACTIVITY = (
    "select pid, usename, datname, application_name, client_addr, client_port, backend_start, xact_start, query_start, state_change,"
    " wait_event_type, wait_event, state, query from pg_stat_activity where client_addr is not null order by pid"
)
BLOCKED = "select pid, pg_blocking_pids(pid) as blocked_by, now() - query_start as waited, query from pg_stat_activity where wait_event_type = 'Lock'"
SYSCALLS = "grep -H . /proc/{pid}/task/*/syscall"
COLLECTED = f"sh {COLLECTOR} --stdout {{pid}} 1 2>/dev/null | tar xzO --wildcards '*/round3/threads.txt'"
LEDGER = "net.ledger.web.LedgerServer"
NIGHTLY = "begin; update account set balance = balance where id = 1;"
OF_PROCESS = {
    "lsof.txt": "lsof -nP -p {pid}",
    "ss.txt": "ss -tanpoei",
    "threads.txt": COLLECTED,
    "jstack.txt": "jstack -l {pid}",
}
"""What is saved of the process itself: descriptors, sockets, system calls and stacks."""


def crossed(lab: Lab) -> None:
    """A request holds the row and wants the register, another one holds the register and wants the row; then many want the register."""
    lab.postgres()
    app = lab.java(LEDGER, "threads=8", "pool=8", f"database={BACKEND}:5432", port=8192, user="app")
    wait("the pool is full", lambda: len(app.to(5432)) == 8)
    loads = [lab.clients("ask", 8192, "/settle/1", count=1, every_ms=1, seconds=4)]
    time.sleep(0.3)
    loads.append(lab.clients("ask", 8192, "/book/1", count=14, every_ms=60, seconds=4))
    for load in loads:
        load.finish(60)
    app.wait_close_waits(15)
    time.sleep(8)
    commands = {
        **OF_PROCESS,
        "pg_stat_activity.txt": f"{PSQL} -x -d postgres -c '{ACTIVITY}'",
        "blocking_pids.txt": f'{PSQL} -d postgres -c "{BLOCKED}"',
    }
    lab.snapshot(app, commands)
    lab.record(app)


def pooled(lab: Lab) -> None:
    """A nightly program keeps the row in an open transaction; over PgBouncer two wait for it, and the pooler has no third connection."""
    lab.postgres()
    services.pgbouncer(lab, 2)
    lab.start(f"env PGAPPNAME=nightly bash -c \"(echo '{NIGHTLY}'; sleep 600) | psql -q -h {BACKEND} -U ledger -d postgres\"", remote=True)
    app = lab.java(LEDGER, "threads=6", "pool=4", f"database={BACKEND}:6432", port=8193, user="app")
    wait("the pool is full", lambda: len(app.to(6432)) == 4)
    load = lab.clients("ask", 8193, "/transfer", count=16, every_ms=40, seconds=4)
    load.finish(60)
    app.wait_close_waits(16)
    time.sleep(6)
    lists = {f"pgbouncer_{name}.txt": f"{PSQL} -p 6432 -d pgbouncer -c 'show {name}'" for name in ("clients", "servers", "pools")}
    commands = {
        **OF_PROCESS,
        **lists,
        "pg_stat_activity.csv": f"{PSQL} --csv -d postgres -c '{ACTIVITY}'",
        "blocking_pids.txt": f'{PSQL} -d postgres -c "{BLOCKED}"',
    }
    lab.snapshot(app, commands)
    lab.record(app)


def stranger(lab: Lab) -> None:
    """A batch program updates a row of MariaDB and forgets to commit; the workers of the server want to lock the row."""
    server = lab.mariadb()
    rows = "create table account (id int primary key, balance bigint); insert into account values (1, 100000), (2, 250)"
    grants = [f"grant all on shop.* to {name}@'%' identified by '{name}'" for name in ("ledger", "batch")]
    lab.mysql("create database shop", *grants, "use shop", rows).finish(20)
    url = f"jdbc:mariadb://{BACKEND}:3306/shop?password=ledger"
    app = lab.java(LEDGER, "threads=7", "pool=7", f"jdbc={url}", port=8194, user="app")
    wait("the pool is full", lambda: len(app.to(3306)) == 7)
    lab.mysql("use shop", "begin", "update account set balance = balance - 1 where id = 1", user="batch", stay=300)
    time.sleep(2)
    load = lab.clients("ask", 8194, "/transfer", count=18, every_ms=40, seconds=4)
    load.finish(60)
    app.wait_close_waits(18)
    time.sleep(6)
    ask = f"mariadb --no-defaults --socket={lab.mariadb_socket}"
    commands = {
        "ss.txt": "ss -tanpoei",
        "threads.txt": SYSCALLS,
        "jstack.txt": "jstack -l {pid}",
        "processlist.txt": f"{ask} -t -e 'show full processlist'",
        "innodb_lock_waits.txt": f"{ask} -e 'select * from sys.innodb_lock_waits\\G'",
        "innodb_status.txt": f"{ask} -e 'show engine innodb status\\G'",
    }
    lab.snapshot(app, commands)
    lab.record(app, server)


def queue(lab: Lab) -> None:
    """Eight calls go over HAProxy to a service that never answers and may have three at a time: five wait in the proxy's queue."""
    lab.backend(8069, "mute")
    front = services.haproxy(lab, 8089, f"catalog1 {BACKEND}:8069 maxconn 3")
    app = lab.java("org.acme.billing.BillingServer", "threads=8", "templates=http://127.0.0.1:8089", port=9092, user="app")
    load = lab.clients("ask", 9092, "/invoice/5", count=20, every_ms=20, seconds=4)
    load.finish(60)
    app.wait_close_waits(20)
    wait("three are at the service", lambda: len(front.to(8069)) == 3)
    commands = {
        "ss.txt": "ss -tanpoei",
        "jstack.txt": "jstack -l {pid}",
        "show_sess.txt": services.asked_haproxy("show sess"),
        "show_sess_all.txt": services.asked_haproxy("show sess all"),
        "show_info.txt": services.asked_haproxy("show info"),
        "show_stat.csv": services.asked_haproxy("show stat"),
    }
    lab.snapshot(app, commands)
    lab.record(app, front)


def pops(lab: Lab) -> None:
    """Four requests wait for replies and keep all four connections to Redis; six that bring the replies find none."""
    redis = services.redis(lab)
    app = lab.java("net.mailhub.reply.ReplyServer", "threads=12", "pool=4", f"redis={BACKEND}:6379", port=8420, user="app")
    wait("the pool is full", lambda: len(app.to(6379)) == 4)
    waiting = [lab.clients("ask", 8420, f"/await/{letter}", count=1, every_ms=1, seconds=8) for letter in (11, 12, 13, 14)]
    wait("four wait for replies", lambda: len(app.sockets("ESTABLISHED")) >= 4 + 4)
    time.sleep(1)
    bringing = lab.clients("ask", 8420, "/bring/11", count=6, every_ms=20, seconds=4)
    for load in (*waiting, bringing):
        load.finish(60)
    app.wait_close_waits(10)
    ask = f"redis-cli -h {BACKEND}"
    commands = {
        "lsof.txt": "lsof -nP -p {pid}",
        "ss.txt": "ss -tanpoei",
        "threads.txt": SYSCALLS,
        "jstack.txt": "jstack -l {pid}",
        "redis_client_list.txt": f"{ask} client list",
        "redis_info.txt": f"{ask} info clients",
    }
    lab.snapshot(app, commands)
    lab.record(app, redis)


SCENARIOS = (
    Scenario(
        "cross-system-deadlock",
        "one request holds a row and wants a monitor, another one holds the monitor and wants the row",
        Verdict(
            "cross-system-deadlock",
            "net.ledger.account.Settlement.enter",
            also=("lock-convoy", "lock-held-by-idle-transaction"),
            must_not=("slow-backend", "lost-session", "java-deadlock", "slow-statement"),
            pools={"http-nio-8192-exec-": 8},
        ),
        crossed,
    ),
    Scenario(
        "row-lock-behind-a-pooler",
        "a nightly program holds a row, two connections of PgBouncer wait for it, the others wait for PgBouncer",
        Verdict(
            "lock-held-by-idle-transaction",
            also=("queued-at-proxy", "jdbc-pool-exhausted", "database-read-hang"),
            must_not=("lost-session", "cross-system-deadlock", "slow-backend", "slow-statement"),
            pools={"http-nio-8193-exec-": 6},
        ),
        pooled,
    ),
    Scenario(
        "row-lock-of-a-stranger",
        "a batch program holds a row of MariaDB, and seven workers wait for it",
        Verdict(
            "lock-held-by-idle-transaction",
            also=("database-read-hang",),
            must_not=("java-deadlock", "lost-session", "slow-statement", "cross-system-deadlock", "slow-backend"),
            pools={"http-nio-8194-exec-": 7},
        ),
        stranger,
    ),
    Scenario(
        "haproxy-queue",
        "eight calls over HAProxy: three are at a service that never answers, five wait in the queue",
        Verdict(
            "queued-at-proxy",
            also=("slow-backend",),
            must_not=("lost-session", "self-call-starvation", "mutual-call-starvation"),
            pools={"http-nio-9092-exec-": 8},
        ),
        queue,
    ),
    Scenario(
        "redis-blocking-pops",
        "blocking pops keep all connections to Redis, and those who would push find none",
        Verdict(
            "blocking-commands",
            also=("object-pool-exhausted",),
            must_not=("slow-backend", "self-call-starvation", "connection-leak"),
            pools={"reply-http-": 12},
        ),
        pops,
    ),
)

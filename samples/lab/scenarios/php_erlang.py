"""PHP-FPM behind nginx, and Erlang: what their own logs, pages and dumps say of workers and processes that wait."""

import os
import shutil
import signal
import time
from pathlib import Path

from host import BACKEND
from lab import Lab, Scenario, shell, wait
from programs import HERE, Program
from truth import Verdict

from scenarios.mixed import nginx

FPM = """\
[global]
error_log = HOME/fpm.log
daemonize = no
[www]
listen = 127.0.0.1:9001
pm = static
pm.max_children = CHILDREN
pm.status_path = /fpm-status
pm.status_listen = 127.0.0.1:9002
slowlog = HOME/fpm-slow.log
request_slowlog_timeout = 2s
env[PRICING] = PRICING
php_value[session.save_path] = HOME/sessions
catch_workers_output = yes
"""
PLACES = """\
location / {
      fastcgi_pass 127.0.0.1:9001;
      fastcgi_param SCRIPT_FILENAME /srv/shop$uri;
      fastcgi_param SCRIPT_NAME $uri;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_read_timeout 300s;
    }
    location /fpm-status {
      fastcgi_pass 127.0.0.1:9002;
      fastcgi_param SCRIPT_FILENAME /fpm-status;
      fastcgi_param SCRIPT_NAME /fpm-status;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param QUERY_STRING $query_string;
    }"""
SAVED = {
    "lsof.txt": "lsof -nP -i",
    "ss.txt": "ss -tanpoei",
    "fpm-status.txt": "curl -s 'http://127.0.0.1/fpm-status?full'",
    "fpm-slow.log": "cat /srv/shop/fpm-slow.log",
    "fpm.log": "cat /srv/shop/fpm.log",
    "ps.txt": "ps -ef | grep -v samples/lab",
}


def shop(lab: Lab, children: int) -> tuple[Program, Program]:
    """PHP-FPM with some children, and nginx in front."""
    home = Path("/srv/shop")
    (home / "sessions").mkdir(parents=True)
    shutil.copy(HERE / "others" / "price.php", home)
    config = FPM.replace("HOME", str(home)).replace("CHILDREN", str(children)).replace("= PRICING", f"= {BACKEND}:8071")
    (home / "fpm.conf").write_text(config)
    shell(f"chown -R app {home}")
    lab.backend(8071, "mute")
    master = lab.start(f"php-fpm8.2 -n --fpm-config {home}/fpm.conf", user="app")
    wait("PHP-FPM listens", lambda: master.listens(9001))
    return master, nginx(lab, places=PLACES)


def slow_service(lab: Lab) -> None:
    """Each of five children asks a pricing service that never answers; the others' requests wait unaccepted."""
    master, front = shop(lab, 5)
    load = lab.clients("ask", 80, "/price.php?sku=mill", count=14, every_ms=30, seconds=5)
    load.finish(60)
    lab.snapshot(front, SAVED)
    lab.record(front, master)


def session_lock(lab: Lab) -> None:
    """One request of a basket asks the pricing service while it has the session open; six more of the same basket wait for the session."""
    master, front = shop(lab, 8)
    first = lab.clients("ask", 80, "/price.php?basket=b71&sku=mill", count=1, every_ms=1, seconds=7)
    time.sleep(1)
    others = lab.clients("ask", 80, "/price.php?basket=b71", count=6, every_ms=30, seconds=6)
    for load in (first, others):
        load.finish(60)
    lab.snapshot(front, SAVED)
    lab.record(front, master)


def ledger(lab: Lab) -> None:
    """A process for each connection waits for one ledger process, which waits for a rate service; then the crash dump is asked for."""
    home = Path("/srv/desk")
    home.mkdir()
    shell(f"erlc -o {home} {HERE / 'others' / 'desk.erl'}")
    shell(f"chown -R app {home}")
    lab.backend(8072, "mute")
    app = lab.start(
        f"env -C {home} HOME={home} ERL_CRASH_DUMP={home}/erl_crash.dump erl -noinput +S 2:2 -pa {home} -run desk start 8073 {BACKEND} 8072",
        user="app",
    )
    wait("it listens", lambda: app.listens(8073))
    load = lab.clients("ask", 8073, "/", count=11, every_ms=30, seconds=4)
    load.finish(60)
    wait("the ledger asks", lambda: len(app.to(8072)) == 1)
    lab.snapshot(app, {"lsof.txt": "lsof -nP -p {pid}", "ss.txt": "ss -tanpoei"})
    lab.record(app)
    os.kill(app.pid, signal.SIGUSR1)
    app.finish(30)
    shell(f"gzip -9n {home}/erl_crash.dump")
    shutil.copyfile(home / "erl_crash.dump.gz", lab.out / "erl_crash.dump.gz")


SCENARIOS = (
    Scenario(
        "php-fpm-slow-backend",
        "all five children of PHP-FPM wait for a pricing service, behind nginx",
        Verdict(
            "slow-backend",
            "fetch_price",
            must_not=("lock-convoy", "connection-leak", "self-call-starvation", "server-never-closes"),
        ),
        slow_service,
    ),
    Scenario(
        "php-fpm-session-lock",
        "a request keeps a PHP session while it waits for a service, and six more want that session",
        Verdict("lock-convoy", also=("slow-backend",), must_not=("connection-leak", "self-call-starvation", "server-never-closes")),
        session_lock,
    ),
    Scenario(
        "erlang-one-ledger",
        "a process for each connection waits for one server process, which waits for a service that never answers",
        Verdict("lock-convoy", also=("slow-backend",), must_not=("connection-leak", "self-call-starvation", "server-never-closes")),
        ledger,
    ),
)

"""Servers between the programs and behind them, each with a configuration of its own in a folder of its own: Redis, HAProxy, PgBouncer.

A scenario starts them through the laboratory, which waits until they listen and stops them by pid.
"""

from pathlib import Path

from host import BACKEND
from lab import Lab, shell, wait
from programs import Program

HAPROXY = """\
global
  stats socket SOCKET mode 660 level admin
  maxconn 256
defaults
  mode http
  timeout connect 5s
  timeout client 120s
  timeout server 120s
  timeout queue 120s
frontend prices
  bind 127.0.0.1:PORT
  default_backend catalog
backend catalog
"""
PGBOUNCER = """\
[databases]
* = host=BACKEND port=5432
[pgbouncer]
listen_addr = BACKEND
listen_port = 6432
unix_socket_dir =
auth_type = trust
auth_file = HOME/users.txt
admin_users = ledger
pool_mode = transaction
default_pool_size = SIZE
max_client_conn = 60
ignore_startup_parameters = extra_float_digits
"""
HAPROXY_SOCKET = Path("/srv/haproxy/admin.sock")


def redis(lab: Lab) -> Program:
    """Start Redis in the remote network; it keeps nothing on disk."""
    home = _home("redis", "redis")
    program = lab.start(
        f"redis-server --bind {BACKEND} --port 6379 --protected-mode no --dir {home} --save '' --appendonly no --maxclients 60",
        remote=True,
        user="redis",
    )
    wait("Redis listens", lambda: program.listens(6379))
    return program


def haproxy(lab: Lab, port: int, *servers: str) -> Program:
    """Start HAProxy on this host, in front of servers such as ``catalog1 192.0.2.50:8069 maxconn 3``."""
    home = _home("haproxy", "haproxy")
    lines = "".join(f"  server {server}\n" for server in servers)
    config = HAPROXY.replace("SOCKET", str(HAPROXY_SOCKET)).replace("PORT", str(port)) + lines
    (home / "haproxy.cfg").write_text(config)
    program = lab.start(f"haproxy -db -f {home}/haproxy.cfg", user="haproxy")
    wait("HAProxy listens", lambda: program.listens(port))
    return program


def asked_haproxy(command: str) -> str:
    """The shell's command that puts a question to HAProxy's administration socket."""
    return f"echo '{command}' | socat stdio {HAPROXY_SOCKET}"


def pgbouncer(lab: Lab, size: int) -> Program:
    """Start PgBouncer beside PostgreSQL, with a pool of some connections."""
    home = _home("pgbouncer", "postgres")
    (home / "users.txt").write_text('"ledger" ""\n')
    config = PGBOUNCER.replace("BACKEND", BACKEND).replace("HOME", str(home)).replace("SIZE", str(size))
    (home / "pgbouncer.ini").write_text(config)
    program = lab.start(f"pgbouncer {home}/pgbouncer.ini", remote=True, user="postgres")
    wait("PgBouncer listens", lambda: program.listens(6432))
    return program


def _home(name: str, user: str) -> Path:
    home = Path("/srv") / name
    home.mkdir()
    shell(f"chown {user} {home}")
    return home

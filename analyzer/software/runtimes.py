"""Runtimes as operators meet them: the commands that their processes are called, and how to take their stacks."""

from __future__ import annotations

import re
from typing import Final

from parsers.records import Runtime

_COMMANDS: Final = {
    Runtime.JVM: ("java", "jsvc", "tomcat", "catalina"),
    Runtime.PYTHON: ("python", "gunicorn", "uwsgi", "uvicorn", "celery", "hypercorn", "waitress"),
    Runtime.NODE: ("node", "nodejs", "npm", "mainthread"),
    Runtime.RUBY: ("ruby", "puma", "unicorn", "passenger", "sidekiq", "bundle"),
    Runtime.PHP: ("php",),
    Runtime.DOTNET: ("dotnet", "w3wp"),
    Runtime.ERLANG: ("beam.smp", "beam", "erl", "rabbitmq", "ejabberd", "couchdb"),
    Runtime.GO: (
        *(
            "vault",
            "consul",
            "etcd",
            "prometheus",
            "grafana",
            "traefik",
            "caddy",
            "dockerd",
            "containerd",
            "kubelet",
            "kube-",
            "minio",
            "influxd",
        ),
        *(
            "telegraf",
            "nomad",
            "coredns",
            "cockroach",
            "nats-server",
            "gitea",
            "loki",
            "jaeger-",
            "alertmanager",
            "node_exporter",
            "boulder",
        ),
    ),
    Runtime.NATIVE: (
        "nginx",
        "haproxy",
        "httpd",
        "apache2",
        "envoy",
        "squid",
        "varnish",
        "redis",
        "mysqld",
        "mariadbd",
        "postgres",
        "memcached",
    ),
}
"""How the commands of processes begin. Other programs in Go and C have names of their own."""
_STACKS: Final = {
    Runtime.JVM: "jstack -l {pid} > {file}",
    Runtime.GO: "curl -s 'localhost:PPROF_PORT/debug/pprof/goroutine?debug=2' > {file}  # without pprof: kill -QUIT {pid} prints the stacks and ends it",
    Runtime.PYTHON: "py-spy dump --pid {pid} > {file}",
    Runtime.NATIVE: "gdb -p {pid} -batch -ex 'thread apply all bt' > {file}",
    Runtime.NODE: "kill -USR2 {pid}  # only if node runs with --report-on-signal: without it the signal ends the process",
    Runtime.RUBY: "pumactl -p {pid} thread-backtraces > {file}",
    Runtime.DOTNET: "dotnet-stack report -p {pid} > {file}",
    Runtime.ERLANG: "RELEASE/bin/NAME rpc 'file:write_file(\"{file}\", erlang:system_info(procs))'  # kill -USR1 {pid} writes erl_crash.dump, and ends it",
    Runtime.PHP: "gdb -p {pid} -batch -ex 'thread apply all bt' > {file}",
}
OF_LOGS: Final = {
    "gunicorn": Runtime.PYTHON,
    "SQLAlchemy": Runtime.PYTHON,
    "aiohttp": Runtime.PYTHON,
    "PHP-FPM": Runtime.PHP,
    "Knex": Runtime.NODE,
    "Sequelize": Runtime.NODE,
    "node-postgres": Runtime.NODE,
    "ADO.NET": Runtime.DOTNET,
    "StackExchange.Redis": Runtime.DOTNET,
    "Active Record": Runtime.RUBY,
    "rack-timeout": Runtime.RUBY,
    "Puma": Runtime.RUBY,
    "Celery": Runtime.PYTHON,
    "uWSGI": Runtime.PYTHON,
    "asyncio": Runtime.PYTHON,
    "Node": Runtime.NODE,
    "Erlang": Runtime.ERLANG,
    "RabbitMQ": Runtime.ERLANG,
    "ActiveMQ": Runtime.JVM,
    "Cassandra": Runtime.JVM,
    "Elasticsearch": Runtime.JVM,
}
"""Runtimes by the software that wrote a line of a log; what runs on many of them, or on the JVM, is not here."""
_JSTACK: Final = re.compile(r"jstack (?:-l )?(?P<pid>\S+) > (?P<file>\S+)")


def runtime_of_command(command: str | None) -> Runtime | None:
    """The runtime of a process by what it is called; None for a name that tells nothing."""
    name = (command or "").lower().rpartition("/")[2]
    return next((runtime for runtime, starts in _COMMANDS.items() if name.startswith(starts)), None)


def may_run(command: str | None, runtime: Runtime) -> bool:
    """False for a process whose name says that it is of another runtime."""
    return (
        command is None or runtime_of_command(command) in {None, runtime} if runtime in _COMMANDS else runtime_of_command(command) is None
    )


def stacks_command(runtime: Runtime, pid: str = "PID", file: str = "stacks.txt") -> str:
    """The command that takes the stacks of a process of this runtime."""
    return _STACKS[runtime].format(pid=pid, file=file)


def fitted(command: str, runtime: Runtime) -> str:
    """A command for the JVM's stacks as that of another runtime; any other command as it is."""
    if runtime is Runtime.JVM or "jstack" not in command:
        return command
    return _JSTACK.sub(lambda match: stacks_command(runtime, match["pid"], match["file"].replace("jstack", "stacks")), command)

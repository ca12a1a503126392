"""What a scenario works with: it starts programs and clients, takes snapshots, and leaves its truth."""

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import host
import programs
import truth
from programs import Program

ATTEMPTS = 4
POSTGRES = "/usr/lib/postgresql/15/bin"


@dataclass(frozen=True)
class Scenario:
    """One incident: what happens in it, its verdict, and the function that makes it happen."""

    name: str
    summary: str
    verdict: truth.Verdict
    run: Callable[["Lab"], None]


class Lab:
    """The host of one incident. Leaving the context stops every process that was started in it."""

    mariadb_socket = Path("/srv/mariadb/mariadbd.sock")

    def __init__(self, scenario: Scenario, out: Path, sources: Path = programs.HERE / "java") -> None:
        """Compiles the programs; out is the folder of the sample."""
        self.scenario = scenario
        self.out = out
        self.programs: list[Program] = []
        self.snapshots: list[dict[str, object]] = []
        classes = Path("/srv/lib/classes")
        classes.mkdir(parents=True)
        programs.compile_java(classes, sources)

    def __enter__(self) -> Self:
        """Nothing more to set up."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stops what still runs, latest first."""
        for program in reversed(self.programs):
            program.stop()

    def java(self, main: str, *settings: str, port: int | None = None, **more: Any) -> Program:
        """Starts a Java program and waits for its listener, if it has one. What else there is: see programs.Service."""
        words = (f"port={port}", *settings) if port else settings
        program = programs.start_java(programs.Service(main, words, **more), _journal(main))
        self.programs.append(program)
        if port:
            programs.wait_until(f"{main} listens on {port}", lambda: program.listens(port))
        return program

    def start(self, command: str, *, remote: bool = False, user: str = "root") -> Program:
        """Starts another command, in the folder of the sample."""
        program = programs.start(shlex.split(command), remote=remote, user=user, cwd=self.out)
        self.programs.append(program)
        return program

    def child(self, parent: Program) -> Program:
        """The first child of a program, as soon as it has one; it ends with its parent, or with the namespaces."""
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        wait(f"a child of {parent.pid}", lambda: bool(children.read_text()))
        return programs.Child(int(children.read_text().split()[0]))

    def clients(
        self, mode: str, port: int, path: str, *, count: int, every_ms: int, seconds: float, remote: bool = True, ipv6: bool = False
    ) -> Program:
        """Starts client load, from the remote network or from this host; see load.py for the modes."""
        address, sources = (host.SERVER6, host.CLIENTS6) if ipv6 else (host.SERVER, host.CLIENTS) if remote else ("127.0.0.1", ())
        words = [address, str(port), mode, path, str(count), str(every_ms), str(seconds), *sources]
        program = programs.start([sys.executable, str(programs.HERE / "load.py"), *words], remote=remote)
        self.programs.append(program)
        return program

    def snapshot(
        self, program: Program, commands: Mapping[str, str], folder: str = ".", number: int | None = None, attempts: int = ATTEMPTS
    ) -> None:
        """Runs an operator's commands, each into its file, and notes what the kernel says at the same time.

        A command without a file name (``-``) only has an effect, such as ``kill -3``. ``{pid}`` is the program's. If the
        kernel's numbers moved meanwhile, the snapshot is taken again; one that never was steady says so. Snapshots that
        share a folder have a number, which is in their file names. A moment that does not come back has one attempt.
        """
        place = self.out / folder
        place.mkdir(exist_ok=True)
        for _ in range(attempts):
            before = truth.count(program)
            moment = datetime.now(UTC).isoformat(timespec="seconds")
            for name, command in commands.items():
                text = command.format(pid=program.pid)
                done = subprocess.run(["bash", "-c", text], capture_output=True, cwd=place, timeout=60, check=False)
                if not name.startswith("-"):
                    (place / name).write_bytes(done.stdout)
            steady = truth.count(program) == before
            if steady:
                break
        self.snapshots.append({"name": folder if number is None else str(number), "time": moment, "steady": steady, **before})

    def backend(self, port: int, mode: str) -> Program:
        """Starts a backend in the remote network; see backend.py for the modes."""
        words = [sys.executable, str(programs.HERE / "backend.py"), host.BACKEND, str(port), mode]
        program = programs.start(words, remote=True)
        self.programs.append(program)
        wait(f"the backend listens on {port}", lambda: program.listens(port))
        return program

    def postgres(self, settings: str = "") -> Program:
        """Starts PostgreSQL in the remote network, with one account row in it."""
        home = Path("/srv/postgres")
        home.mkdir()
        shell(f"chown postgres {home}")
        shell(f"setpriv --reuid=106 --regid=114 --clear-groups {POSTGRES}/initdb -D {home}/data -A trust -U ledger")
        (home / "data" / "pg_hba.conf").write_text("host all all 192.0.2.0/24 trust\n")
        command = f"{POSTGRES}/postgres -D {home}/data -c listen_addresses={host.BACKEND} -c unix_socket_directories={home} {settings}"
        program = self.start(command, remote=True, user="postgres")
        wait("PostgreSQL listens", lambda: program.listens(5432))
        self.sql("create table account (id int primary key, balance bigint); insert into account values (1, 100000)").finish(20)
        return program

    def sql(self, statements: str) -> Program:
        """Starts psql with some statements, as another user of the database would."""
        return self.start(f'psql -h {host.BACKEND} -U ledger -d postgres -c "{statements}"', remote=True)

    def mariadb(self) -> Program:
        """Starts MariaDB in the remote network; its root comes in over the Unix socket."""
        home = self.mariadb_socket.parent
        home.mkdir()
        shell(f"chown mysql {home}")
        plain = f"--no-defaults --user=mysql --datadir={home}/data"
        shell(f"mariadb-install-db {plain} --auth-root-authentication-method=normal --skip-test-db")
        network = f"--bind-address={host.BACKEND} --port=3306 --socket={self.mariadb_socket} --pid-file={home}/pid"
        program = self.start(f"mariadbd {plain} {network}", remote=True)
        wait("MariaDB listens", lambda: program.listens(3306))
        return program

    def mysql(self, *statements: str, user: str = "root", stay: float = 0) -> Program:
        """Starts a client of MariaDB that runs statements, one after the other, and stays for some seconds with its transaction open."""
        words = "".join(f"{statement};\n" for statement in statements)
        script = self.mariadb_socket.parent / f"{len(self.programs)}.sql"
        script.write_text(words)
        way = f"--socket={self.mariadb_socket}" if user == "root" else f"-h {host.BACKEND} -u {user} -p{user}"
        return self.start(f"bash -c '(cat {script}; sleep {stay}) | mariadb --no-defaults --unbuffered {way}'", remote=True)

    def packets(self, command: str) -> Program:
        """Starts tcpdump or dumpcap and waits until it captures."""
        program = self.start(command)
        time.sleep(1)
        return program

    def end_packets(self, program: Program) -> None:
        """Ends a packet capture so that the file is whole."""
        time.sleep(0.5)
        program.stop(signal.SIGINT)

    def record(self, program: Program, *others: Program) -> None:
        """Writes truth.json; call it while the program still is as in the last snapshot."""
        journals = {one.pid: _journal(one.command.split()[1]) for one in (program, *others) if one.command.startswith("java ")}
        content = {
            "scenario": self.scenario.name,
            **asdict(self.scenario.verdict),
            "snapshots": self.snapshots,
            **truth.observed(program, others, journals),
        }
        (self.out / "truth.json").write_text(json.dumps(content, indent=1) + "\n")


def shell(command: str, seconds: float = 60) -> None:
    """Runs a preparing command to its end."""
    subprocess.run(shlex.split(command), check=True, timeout=seconds, stdout=subprocess.DEVNULL)


def wait(what: str, true: Callable[[], bool], seconds: float = 30) -> None:
    """Waits for a symptom."""
    programs.wait_until(what, true, seconds)


def by_name(groups: Sequence[Sequence[Scenario]]) -> dict[str, Scenario]:
    """All scenarios by name."""
    return {scenario.name: scenario for group in groups for scenario in group}


def _journal(main: str) -> Path:
    """The journal of a program; a folder that every user may write to."""
    folder = Path("/run/lab")
    if not folder.exists():
        folder.mkdir()
        folder.chmod(0o777)
    return folder / main

"""Starting, freezing and stopping the processes of an incident; all by pid, all bounded in time."""

import os
import pwd
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import kernel

HERE = Path(__file__).parent
LIBRARIES = (
    "tomcat10-embed-core",
    "tomcat10-annotations-api",
    "jetty9-server",
    "jetty9-http",
    "jetty9-io",
    "jetty9-util",
    "servlet-api",
    "httpclient",
    "httpcore",
    "commons-logging",
    "HikariCP",
    "postgresql",
    "mariadb-java-client",
    "slf4j-api",
    "logback-classic",
    "logback-core",
    "commons-pool2",
    "netty-buffer",
    "netty-codec",
    "netty-codec-http",
    "netty-common",
    "netty-handler",
    "netty-resolver",
    "netty-transport",
    "simple",
    "mina2-core",
    "xnio-api",
    "xnio-nio",
    "jboss-threads",
    "jboss-logging",
    "wildfly-common",
    "okhttp",
    "okio",
)
CLASS_PATH = [f"/usr/share/java/{name}.jar" for name in LIBRARIES]
REMOTE = ("ip", "netns", "exec", "remote")


class Program:
    """A running process; Java ones work in /srv/NAME and write to /srv/NAME/console.log."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path | None = None, command: str = "") -> None:
        """Takes over a process that was started."""
        self.process = process
        self.pid = process.pid
        self.log = log
        self.command = command

    def sockets(self, state: str = "") -> list[kernel.Socket]:
        """The TCP sockets it owns, all or those of one state."""
        return [socket for socket in kernel.owned(self.pid) if state in ("", socket.state)]

    def listens(self, port: int) -> bool:
        """Whether it has a listener on the port."""
        return any(socket.local_port == port for socket in self.sockets("LISTEN"))

    def to(self, port: int, state: str = "ESTABLISHED") -> list[kernel.Socket]:
        """Its connections towards a port."""
        return [socket for socket in self.sockets(state) if socket.remote_port == port]

    def close_waits(self) -> int:
        """How many of its sockets, and of its listeners' not yet accepted ones, are in CLOSE_WAIT."""
        return sum(kernel.close_wait_kinds(self.sockets(), kernel.unaccepted(self.pid)).values())

    def wait_close_waits(self, count: int) -> None:
        """Waits until it has exactly so many of them."""
        wait_until(f"{count} CLOSE_WAIT", lambda: self.close_waits() == count)

    def freeze(self, seconds: float) -> None:
        """SIGSTOP, a pause, SIGCONT: what a long collection or a starved host does to a server under load."""
        os.kill(self.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self.pid, signal.SIGCONT)

    def written(self, pattern: str) -> int:
        """How often a pattern occurs in its log."""
        return len(re.findall(pattern, self.log.read_text(errors="replace"))) if self.log else 0

    def finish(self, seconds: float) -> None:
        """Waits for its own end."""
        self.process.wait(seconds)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends it, if it runs."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)


class Child(Program):
    """A process that another program started: it can be looked at, and is not ours to stop."""

    def __init__(self, pid: int) -> None:
        """Knows it by its pid."""
        self.pid = pid
        self.log = None
        self.command = Path(f"/proc/{pid}/comm").read_text().strip()


def compile_java(classes: Path, folder: Path = HERE / "java") -> None:
    """Compiles every program of the laboratory, or of another folder."""
    sources = sorted(str(path) for path in folder.rglob("*.java"))
    command = ["javac", "-g", "-nowarn", "-XDsuppressNotes", "-d", str(classes), "-cp", ":".join(CLASS_PATH), *sources]
    if subprocess.run(command, check=False).returncode:
        sys.exit("javac: the programs do not compile")


@dataclass(frozen=True)
class Service:
    """A Java program as it is operated."""

    main: str
    settings: Sequence[str]
    user: str = "tomcat"
    folder: str = ""
    """Below /srv; empty: the second part of the package name."""
    flags: Sequence[str] = ()
    java: str = "java"
    open_files: int = 20000
    remote: bool = False
    """In the remote network, as a second host."""
    unread_pipe: bool = False
    """The console is a pipe whose other end is open and never read, instead of a file."""


def start_java(service: Service, journal: Path) -> Program:
    """Starts a Java program: own folder, own user, console output in a file."""
    home = Path("/srv") / (service.folder or service.main.split(".")[1])
    home.mkdir(exist_ok=True)
    account = pwd.getpwnam(service.user)
    os.chown(home, account.pw_uid, account.pw_gid)
    log = home / "console.log"
    class_path = ":".join(["/srv/lib/classes", *CLASS_PATH])
    limit = f"--nofile={service.open_files}"
    with log.open("ab") as console:
        process = subprocess.Popen(
            [
                "prlimit",
                limit,
                *_prefix(service.user, remote=service.remote),
                service.java,
                *service.flags,
                "-cp",
                class_path,
                service.main,
                *service.settings,
            ],
            cwd=home,
            env={"PATH": os.environ["PATH"], "LAB_JOURNAL": str(journal), "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if service.unread_pipe else console,
            stderr=subprocess.STDOUT,
        )
    return Program(process, log, f"java {service.main} {' '.join(service.settings)}".strip())


def start(command: Sequence[str], *, remote: bool = False, cwd: Path | None = None, user: str = "root") -> Program:
    """Starts any other command, without a terminal and without output."""
    process = subprocess.Popen(
        [*_prefix(user, remote=remote), *command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return Program(process, command=" ".join(command))


def wait_until(what: str, true: Callable[[], bool], seconds: float = 30) -> None:
    """Waits for a condition that the caller reads in the kernel's tables."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            message = f"not within {seconds} s: {what}"
            raise TimeoutError(message)
        time.sleep(0.05)


def _prefix(user: str, *, remote: bool = False) -> list[str]:
    """The words before a command that give it a network and a user; each of them replaces itself, so the pid stays."""
    words = list(REMOTE) if remote else []
    if user != "root":
        account = pwd.getpwnam(user)
        words += ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    return words

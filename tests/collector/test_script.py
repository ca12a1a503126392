"""The collector as a shell script: what every shell must accept, and what it does with a process that is no JVM."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzer.app.collect import script
from parsers.process import collection
from parsers.records import Collection
from parsers.text.source import Section
from tests.builders import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROOT = SAMPLES.parent
CLI = "from analyzer.app.cli import main; main()"
SCRIPT = ROOT / "analyzer" / "app" / "collect.sh"
SHELLS = [shell for shell in (["dash"], ["busybox", "sh"], ["bash", "--posix"], ["sh"]) if shutil.which(shell[0])]

TOOLS = [
    "cat",
    "cut",
    "date",
    "dd",
    "dirname",
    "grep",
    "gzip",
    "head",
    "id",
    "ls",
    "mkdir",
    "mv",
    "od",
    "readlink",
    "rm",
    "sed",
    "sleep",
    "sort",
]
TOOLS += ["tail", "tar", "tr", "uname", "wc"]
"""All that the script cannot do without: POSIX, readlink, gzip and tar."""


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["sleep", "120"]) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def jvm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A program that is called java, runs the class ``Idle`` and has a secret among its arguments. It waits for its standard input."""
    folder = tmp_path_factory.mktemp("jvm")
    shutil.copy(shutil.which("dash") or "/bin/sh", folder / "java")
    (folder / "Idle").write_text("read line\n")
    with subprocess.Popen(["./java", "-e", "Idle", "-Dpassword=secret"], cwd=folder, stdin=subprocess.PIPE) as process:
        yield process.pid


LEAK = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
ends = []
for _ in range(3):
    client = socket.create_connection(listener.getsockname())
    ends.append(listener.accept()[0])
    client.close()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def leaking() -> Iterator[int]:
    """A program with three sockets in CLOSE_WAIT."""
    with subprocess.Popen([sys.executable, "-c", LEAK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid


def test_the_command_prints_the_script(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from analyzer.app.cli import main; main()", "collect"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == SCRIPT.read_text(encoding="utf-8") == script()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_shell_can_read_it(shell: list[str], tmp_path: Path) -> None:
    assert run(*shell, "-n", str(SCRIPT), cwd=tmp_path).stderr == ""


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say(tmp_path: Path) -> None:
    assert run("shellcheck", "--shell=sh", str(SCRIPT), cwd=tmp_path).stdout == ""


def test_it_uses_nothing_that_a_bare_host_lacks() -> None:
    code = "\n".join(line for line in script().splitlines() if not line.lstrip().startswith("#"))
    for word in ("python3", "python -", "perl", " jq ", " awk ", "if [[", "local ", "function ", "$'"):
        assert word not in code, word


@pytest.mark.parametrize("words", [(), ("abc",), ("1", "x"), ("--wrong", "1"), ("999999999",)], ids=str)
def test_wrong_usage_writes_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run("sh", str(SCRIPT), *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("collect: ")
    assert not list(tmp_path.iterdir())


def test_without_a_process_it_lists_jvms_and_who_leaks(jvm: int, leaking: int, tmp_path: Path) -> None:
    for shell in SHELLS:
        done = run(*shell, str(SCRIPT), cwd=tmp_path)
        assert done.returncode == 2
        rows = {line.split(":")[1].split()[1]: line for line in done.stderr.splitlines() if line.startswith("collect: PID ")}
        assert rows[str(jvm)].endswith("java Idle"), "the main class, without options and arguments"
        assert "secret" not in done.stderr
        if shutil.which("ss"):
            assert ": 3 sockets in CLOSE_WAIT, " in rows[str(leaking)]
        assert done.stderr.splitlines()[-1].startswith("collect: usage:")
    assert not list(tmp_path.iterdir())


def test_the_archive_goes_through_the_pipe(sleeper: int, tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-s", "--", "--stdout", str(sleeper), "0"],
        cwd=tmp_path,
        input=script().encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        assert any(name.endswith("/manifest.txt") for name in archive.getnames())
    assert not list(tmp_path.iterdir())


def test_collect_of_a_process_analyses_it(sleeper: int, tmp_path: Path) -> None:
    done = run(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {CLI}", "collect", str(sleeper), "0", cwd=tmp_path)
    assert "Report: " in done.stdout, done.stderr
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".gz", ".html"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("999999999",), "no process 999999999"),
        (("--gdb",), "--gdb is for a process"),
        (("1", "-o", "x.sh"), "-o is for the script"),
        (("-o", "."), "cannot write"),
    ],
)
def test_collect_says_what_is_wrong(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = run(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {CLI}", "collect", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert not list(tmp_path.iterdir())


def test_collect_writes_the_script(tmp_path: Path) -> None:
    done = run(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {CLI}", "collect", "-o", "c.sh", cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "c.sh").read_text() == script()


def test_database_hints_are_printed_and_nothing_is_run(tmp_path: Path) -> None:
    done = run("sh", str(SCRIPT), "--database", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for server in ("PostgreSQL", "MySQL", "PgBouncer", "Redis", "HAProxy", "nginx"):
        assert f"\n{server} " in done.stdout
    assert "password" not in done.stdout.lower()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_stacks_of_a_go_program_come_from_its_profile(sleeper: int, tmp_path: Path) -> None:
    stacks = b"goroutine 7 [chan receive]:\nmain.wait()\n\t/srv/till/main.go:9 +0x1\n"

    class Profile(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/debug/pprof/goroutine?debug=2" else 404)
            self.end_headers()
            self.wfile.write(stacks)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Profile) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        done = run("sh", str(SCRIPT), "--pprof", url, str(sleeper), "0", cwd=tmp_path)
        server.shutdown()
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.iterdir()
    with tarfile.open(archive) as tar:
        (name,) = [name for name in tar.getnames() if name.endswith("round1/stacks.txt")]
        assert (tar.extractfile(name) or sys.stdin.buffer).read().endswith(stacks)


@pytest.fixture(scope="module")
def collected(sleeper: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    tmp_path = tmp_path_factory.mktemp("collected")
    done = run("sh", str(SCRIPT), str(sleeper), "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.iterdir()
    assert done.stdout == f"{archive.name}\n"
    assert archive.stat().st_mode & 0o077 == 0, "others may read it"
    assert "rounds" in done.stderr
    with tarfile.open(archive) as tar:
        members = [member for member in tar.getmembers() if member.isfile()]
        assert {member.name.partition("/")[0] for member in members} == {archive.name.removesuffix(".tar.gz")}
        return {member.name.partition("/")[2]: (tar.extractfile(member) or sys.stdin.buffer).read().decode() for member in members}


@pytest.mark.skipif(not Path("/proc/self/syscall").exists(), reason="needs Linux' /proc")
class TestAnyProcess:
    def test_three_rounds(self, collected: dict[str, str]) -> None:
        for kind in ("threads", "fd", "limits", "status", "tcp"):
            assert {name for name in collected if name.endswith(f"/{kind}.txt")} == {f"round{n}/{kind}.txt" for n in (1, 2, 3)}

    def test_the_manifest_accounts_for_every_file(self, collected: dict[str, str], sleeper: int) -> None:
        manifest = collected["manifest.txt"]
        assert manifest.startswith("closewait collection 1\n")
        parsed = collection.parse(Section("manifest.txt", 1, manifest.splitlines()))
        assert parsed.unread == ()
        head, *commands = parsed.records
        assert isinstance(head, Collection)
        assert head.pid == sleeper
        assert len(commands) == manifest.count("\nround")
        assert f"process: {sleeper}, uid {os.getuid()}" in manifest
        for name in collected.keys() - {"manifest.txt"}:
            assert f"\n{name} | " in manifest, name
        assert manifest.count("the process is no JVM") == 3

    def test_one_line_for_each_thread(self, collected: dict[str, str], sleeper: int) -> None:
        prompt, title, columns, *rows = collected["round1/threads.txt"].splitlines()
        assert prompt.startswith("$ cat /proc/")
        assert title.startswith(f"System calls of the threads of process {sleeper}, ")
        assert columns == "TID | IN CONTAINER | WCHAN | SYSCALL | DESCRIPTORS | COMM"
        (row,) = rows
        assert row.startswith(f"{sleeper} | ")
        assert row.endswith(" | sleep")

    def test_no_command_line_is_collected(self, collected: dict[str, str]) -> None:
        """Arguments hold passwords."""
        assert not any("sleep 120" in text or "sleep\x00120" in text for text in collected.values())


@pytest.mark.skipif(not Path("/proc/self/syscall").exists(), reason="needs Linux' /proc")
def test_a_command_that_hangs_does_not_hang_the_collector(sleeper: int, tmp_path: Path) -> None:
    """A lsof that never ends and ignores TERM, without timeout(1): the shell's own watch ends it."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        if path := shutil.which(tool):
            (tools / tool).symlink_to(path)
    (tools / "lsof").write_text("#!/bin/sh\ntrap '' TERM\n[ \"$1\" = -v ] || while :; do sleep 1; done\n")
    (tools / "lsof").chmod(0o755)
    quick = tmp_path / "quick.sh"
    quick.write_text(script().replace("TABLE_LIMIT=20", "TABLE_LIMIT=-4"))
    shell = shutil.which("sh") or "/bin/sh"
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        [shell, str(quick), str(sleeper), "0"],
        cwd=work, capture_output=True, text=True, timeout=100, check=False, env={"PATH": str(tools)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (archive,) = work.iterdir()
    with tarfile.open(archive) as tar:
        member = tar.extractfile(next(name for name in tar.getnames() if name.endswith("manifest.txt")))
        assert member is not None
        manifest = member.read().decode()
    assert manifest.count("lsof -nP -p") == 3
    assert "timeout(1) is missing" in manifest
    assert "exit 124 | lsof" in manifest
    assert "no answer within its time" in manifest

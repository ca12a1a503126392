"""The command line as users and scripts meet it: outputs, exit codes, messages."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analyzer.intake.read import read
from tests.builders import SAMPLES, judge

pytestmark = pytest.mark.slow

ROOT = SAMPLES.parent
MOST_MODULES = 553
"""Of ours, in a plain run: each costs a third of a millisecond. A new rule or format may raise it."""
RUN = "from analyzer.app.cli import main; main()"


def analyze(*arguments: str, cwd: Path, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **environment},
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def incident(tmp_path: Path) -> Path:
    """A copy of a sample, and beside it a folder to work in."""
    folder = tmp_path / "evidence" / "self-call"
    shutil.copytree(SAMPLES / "self-call-after", folder)
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_verdict_on_the_terminal_and_a_page_beside(incident: Path, tmp_path: Path) -> None:
    before = snapshot(incident)
    done = analyze(str(incident), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The server waits for itself" in done.stdout
    assert "Report: self-call-report.html" in done.stdout
    assert "\x1b" not in done.stdout
    assert (tmp_path / "self-call-report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert snapshot(incident) == before


def test_the_evidence_is_never_written_to(incident: Path) -> None:
    before = snapshot(incident)
    done = analyze(".", cwd=incident)
    assert done.returncode == 0, done.stderr
    assert snapshot(incident) == before
    assert (incident.parent / "self-call-report.html").exists()
    refused = analyze(".", "-o", "report.html", cwd=incident)
    assert refused.returncode == 2
    assert "never written to" in refused.stderr
    assert snapshot(incident) == before


@pytest.mark.parametrize("form", ["html", "md", "jira", "text", "json", "summary"])
def test_two_runs_and_any_order_of_files_give_the_same_bytes(form: str, tmp_path: Path) -> None:
    copies = []
    names = [path.name for path in sorted((SAMPLES / "connection-limit").iterdir())]
    for seed in range(2):
        folder = tmp_path / str(seed) / "incident"
        folder.mkdir(parents=True)
        random.Random(seed).shuffle(names)
        for name in names:
            shutil.copyfile(SAMPLES / "connection-limit" / name, folder / name)
        copies.append(folder)
    outputs = {
        analyze("incident", "-f", form, "-o", "-", cwd=folder.parent, PYTHONHASHSEED=str(seed)).stdout for seed, folder in enumerate(copies)
    }
    assert len(outputs) == 1
    assert outputs.pop().strip()


def test_json_goes_to_stdout_alone(incident: Path, tmp_path: Path) -> None:
    done = analyze("-f", "json", str(incident), cwd=tmp_path)
    report = json.loads(done.stdout)
    assert report["schema"] == "diagnosis/1"
    assert report["verdict"]["rule"] == "self-call-starvation"
    assert not list(tmp_path.glob("*.html"))


def test_format_is_guessed_from_the_ending(incident: Path, tmp_path: Path) -> None:
    assert analyze(str(incident), "-q", "-o", "report.md", cwd=tmp_path).returncode == 0
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("**CRITICAL**")
    refused = analyze(str(incident), "-o", "report.pdf", cwd=tmp_path)
    assert refused.returncode == 2
    assert "names no format" in refused.stderr


def test_several_formats_into_a_folder(incident: Path, tmp_path: Path) -> None:
    assert analyze(str(incident), "-q", "-f", "html", "-f", "json", "-f", "md", "-o", "out/", cwd=tmp_path).returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "self-call-report.html",
        "self-call-report.json",
        "self-call-report.md",
    ]


def test_fail_on(incident: Path, tmp_path: Path) -> None:
    failed = analyze(str(incident), "-q", "--fail-on", "critical", cwd=tmp_path)
    assert failed.returncode == 1
    assert "F1 self-call-starvation is critical" in failed.stderr


def test_single_files_and_stdin(tmp_path: Path) -> None:
    dump = SAMPLES / "self-call-after" / "jstack.txt"
    one = analyze("-f", "json", str(dump), cwd=tmp_path)
    piped = analyze("-f", "json", "-", cwd=tmp_path, stdin=dump.read_bytes())
    assert json.loads(one.stdout)["verdict"]["confidence"] == "suspected"
    assert json.loads(piped.stdout)["inputs"][0]["file"] == "stdin"
    both = analyze("-f", "json", str(dump), str(SAMPLES / "self-call-after" / "netstat_tanope.txt"), cwd=tmp_path)
    assert json.loads(both.stdout)["verdict"]["confidence"] == "certain"


def test_a_pasted_ticket_with_prompts_is_evidence(tmp_path: Path) -> None:
    seed = SAMPLES / "seed-2015"
    ticket = "Hi, it hangs again. This is what I saved:\n\n" + "\n\n".join(
        (seed / name).read_text() for name in ("lsof.txt", "netstat.txt", "jstack.txt")
    )
    (tmp_path / "ticket.txt").write_text(ticket.replace("\n", "\r\n"), encoding="utf-16")
    report = json.loads(analyze("-f", "json", "ticket.txt", cwd=tmp_path).stdout)
    assert report["inputs"][0]["format"] == "lsof + netstat + hotspot"
    assert report["verdict"]["rule"] == "self-call-starvation"
    assert report["findings"][0]["process"]["pid"] == 27836


class TestHonestFailures:
    def test_no_arguments(self, tmp_path: Path) -> None:
        done = analyze(cwd=tmp_path)
        assert done.returncode == 2
        assert "Example:" in done.stderr

    def test_no_such_path(self, tmp_path: Path) -> None:
        done = analyze("nowhere", cwd=tmp_path)
        assert done.returncode == 3
        assert "nowhere: no such file or folder" in done.stderr

    def test_empty_folder(self, tmp_path: Path) -> None:
        (tmp_path / "incident").mkdir()
        done = analyze("incident", cwd=tmp_path)
        assert done.returncode == 3
        assert "holds no files" in done.stderr

    def test_only_unknown_files(self, tmp_path: Path) -> None:
        folder = tmp_path / "incident"
        folder.mkdir()
        (folder / "notes.txt").write_text("the server hangs\n")
        (folder / "core").write_bytes(bytes(range(256)) * 20)
        done = analyze("incident", cwd=tmp_path)
        assert done.returncode == 3
        assert "none of the 2 files" in done.stderr
        assert "notes.txt: no format that is known" in done.stderr
        assert "None of the files is of a kind that this tool reads." in done.stdout
        assert "Report: " not in done.stdout
        assert not list(tmp_path.glob("*report*"))

    def test_a_file_of_a_known_kind_in_which_nothing_tells_is_not_called_unknown(self, tmp_path: Path) -> None:
        (tmp_path / "lines.txt").write_text("[<0>] ep_poll+0x3a5/0x3b0\n[<0>] do_epoll_wait+0x9c/0xd0\n")
        done = analyze("lines.txt", cwd=tmp_path)
        assert done.returncode == 3
        assert "nothing in the 1 files tells of trouble; lines.txt: kernel_stacks" in done.stderr

    def test_who_asks_for_a_report_of_unknown_files_gets_it(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("the server hangs\n")
        done = analyze("notes.txt", "-f", "json", "-o", "report.json", "-q", cwd=tmp_path)
        assert done.returncode == 3
        assert json.loads((tmp_path / "report.json").read_text())["verdict"]["status"] == "insufficient"

    def test_healthy(self, tmp_path: Path) -> None:
        from tests.builders import dump, idle_exec, netstat  # noqa: PLC0415

        folder = tmp_path / "incident"
        folder.mkdir()
        (folder / "jstack.txt").write_text(dump(*idle_exec(5)))
        (folder / "netstat.txt").write_text(netstat("0 :::8080 :::* LISTEN 7/java", "0 10.0.0.1:8080 10.0.0.2:4000 ESTABLISHED 7/java"))
        done = analyze("incident", "--fail-on", "warning", cwd=tmp_path)
        assert done.returncode == 0
        assert "Nothing is wrong in what was saved" in done.stdout

    def test_unreadable_file(self, incident: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = Path.read_bytes

        def denied(path: Path) -> bytes:
            if path.name == "jstack.txt":
                raise PermissionError(13, "Permission denied")
            return whole(path)

        monkeypatch.setattr(Path, "read_bytes", denied)
        evidence = read([str(incident)])
        note = next(artifact.note for artifact in evidence.incident.artifacts if artifact.file == "jstack.txt")
        assert note == "cannot be read: Permission denied"
        assert judge(evidence).verdict.confidence == "suspected"

    def test_links_and_pipes_are_said_and_not_followed(self, incident: Path, tmp_path: Path) -> None:
        (tmp_path / "secret.txt").write_text("tcp 0 0 10.0.0.1:1 10.0.0.2:2 ESTABLISHED 1/secret")
        (incident / "out.txt").symlink_to(tmp_path / "secret.txt")
        (incident / "gone.txt").symlink_to(tmp_path / "nothing")
        os.mkfifo(incident / "pipe")
        report = json.loads(analyze("-f", "json", str(incident), cwd=tmp_path).stdout)
        notes = {item["file"]: item["note"] for item in report["inputs"]}
        assert "leads out of the folder" in notes["out.txt"]
        assert "leads to nothing" in notes["gone.txt"]
        assert "no regular file" in notes["pipe"]
        assert report["verdict"]["confidence"] == "certain"

    def test_a_cut_off_dump_says_so(self, incident: Path, tmp_path: Path) -> None:
        dump = incident / "jstack.txt"
        dump.write_bytes(dump.read_bytes()[:31_111])
        report = json.loads(analyze("-f", "json", str(incident), cwd=tmp_path).stdout)
        assert report["verdict"]["confidence"] != "certain"
        assert any("cut off" in note for note in report["notes"])

    def test_a_file_that_changes_mid_line(self, incident: Path, tmp_path: Path) -> None:
        table = (incident / "netstat_tanope.txt").read_bytes()
        (incident / "netstat_tanope.txt").write_bytes(table[:5000] + (incident / "jstack.txt").read_bytes()[3000:])
        done = analyze("-f", "json", str(incident), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        broken = next(item for item in json.loads(done.stdout)["inputs"] if item["file"] == "netstat_tanope.txt")
        assert broken["unread"]
        assert broken["unread"][0]["why"]

    def test_a_place_that_cannot_be_written_to(self, incident: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        done = analyze(str(incident), "-o", "file/report.html", cwd=tmp_path)
        assert done.returncode == 2
        assert "cannot write file/report.html" in done.stderr

    def test_unknown_zone(self, incident: Path, tmp_path: Path) -> None:
        done = analyze(str(incident), "--timezone", "Mars/Olympus", cwd=tmp_path)
        assert done.returncode == 2
        assert "no such zone" in done.stderr

    def test_unknown_rule(self, tmp_path: Path) -> None:
        done = analyze("explain", "gremlins", cwd=tmp_path)
        assert done.returncode == 2
        assert "analyze explain" in done.stderr


def test_zone_and_host_are_stated(incident: Path, tmp_path: Path) -> None:
    report = json.loads(analyze("-f", "json", str(incident), "--timezone", "Asia/Seoul", "--host", "app01", cwd=tmp_path).stdout)
    assert report["incident"]["hosts"] == ["app01"]
    assert report["incident"]["from"] == "2026-11-23T12:27:08+09:00"


def test_a_path_wins_over_a_command(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "slow-backend", tmp_path / "explain")
    assert "does not answer" in analyze("explain", cwd=tmp_path).stdout


def test_explain_lists_and_explains(tmp_path: Path) -> None:
    assert "self-call-starvation" in analyze("explain", cwd=tmp_path).stdout
    text = analyze("explain", "slow-backend", cwd=tmp_path).stdout
    assert all(part in text for part in ("Looks for:", "Why it matters:", "Do next:", "Wrong when:"))


def test_schema_is_json_schema(tmp_path: Path) -> None:
    import jsonschema  # noqa: PLC0415

    schema = json.loads(analyze("schema", cwd=tmp_path).stdout)
    report = json.loads(analyze("-f", "json", str(SAMPLES / "connection-limit"), cwd=tmp_path).stdout)
    jsonschema.validate(report, schema)
    assert set(report) >= {
        "schema",
        "tool",
        "incident",
        "verdict",
        "findings",
        "sockets",
        "pools",
        "links",
        "waits",
        "flows",
        "checked",
        "missing",
        "inputs",
    }


def test_version_loads_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys\nfrom analyzer.app.cli import main\ntry: main(['--version'])\nfinally: print(*(name for name in ('jinja2', 'pyparsing', 'scapy', 'analyzer.judge.engine') if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.stdout.splitlines()[0].startswith("closewait ")
    assert done.stdout.splitlines()[1].strip() == ""


@pytest.mark.parametrize("options", [[], ["-f", "md", "-o", "report.md", "--lang", "ko"]])
def test_a_plain_run_loads_only_what_it_uses(tmp_path: Path, options: list[str]) -> None:
    code = f"import sys\nfrom analyzer.app.cli import main\ntry: main({[str(SAMPLES / 'slow-backend'), *options]!r})\nfinally: print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "analyzer.judge.engine" in loaded
    heavy = {"pyparsing", "typer", "click", "scapy", "tomllib", "sqlite3", "zstandard", "analyzer.fleet", "reports.anonymize"}
    heavy |= {"csv", "statistics", "difflib"}
    assert loaded & heavy == set()
    assert len([name for name in loaded if name.split(".")[0] in {"analyzer", "parsers", "reports"}]) <= MOST_MODULES


def test_no_network_and_no_scapy_for_text(tmp_path: Path) -> None:
    code = f"import sys, socket\nsocket.socket = None\nfrom analyzer.app.cli import main\ntry: main([{str(SAMPLES / 'seed-2015')!r}, '-q'])\nfinally: print('scapy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.stdout.strip().endswith("False"), done.stderr


AUDIT = """
import os, sys
def refuse(event, given):
    if event.startswith(("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "ctypes.")):
        os.write(2, f"refused: {event} {given}".encode())
        os._exit(99)
    if event == "open" and not isinstance(given[0], int) and isinstance(given[1], str) and set(given[1]) & set("wax+") and not str(given[0]).startswith((os.getcwd(), "/dev/")):
        os.write(2, f"written: {given}".encode())
        os._exit(98)
sys.addaudithook(refuse)
from analyzer.app.cli import main
main()
"""


@pytest.mark.parametrize("name", ["self-call-after", "connection-limit", "cross-system-deadlock", "self-call-collected"])
def test_an_analysis_starts_no_program_opens_no_socket_and_writes_only_here(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", AUDIT, str(SAMPLES / name), "-f", "html", "-f", "json", "-f", "md", "--lang", "ko"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == 3


def test_what_could_not_be_read_is_named(tmp_path: Path) -> None:
    """Neither "all files are empty" nor silence: the first file and why, and how many more."""
    (tmp_path / "incident").mkdir()
    for number in range(3):
        (tmp_path / "incident" / f"dump-{number}.txt").symlink_to("/etc/hostname")
    done = analyze("incident", cwd=tmp_path)
    assert done.returncode == 3
    assert "incident: nothing could be read: dump-0.txt: a link that leads out of the folder; not followed (and 2 more)" in done.stderr

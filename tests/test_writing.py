"""Where reports go: links, pipes, devices, folders that are not there, and standard output that takes no more."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from analyzer.app.cli import main
from analyzer.app.writing import write_whole
from tests.builders import SAMPLES, dump, idle_exec

ROOT = SAMPLES.parent
NULL = os.makedev(1, 3)
DISK = os.makedev(7, 250)


def node(path: Path, kind: int, device: int) -> Path:
    """A device of our own; no test touches one of the machine."""
    try:
        os.mknod(path, kind | 0o666, device)
    except OSError as error:
        pytest.skip(f"cannot make a device node: {error}")
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def incident(tmp_path: Path) -> Path:
    folder = tmp_path / "incident"
    folder.mkdir()
    (folder / "jstack.txt").write_text(dump(*idle_exec(6)))
    return folder


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, words)))
    return int(ended.value.code or 0)


class TestWholeFiles:
    def test_a_file_is_replaced_with_its_permissions(self, work: Path) -> None:
        target = work / "r.md"
        target.write_text("yesterday")
        target.chmod(0o640)
        before = target.stat().st_ino
        write_whole(target, "today")
        assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("today", 0o640)
        assert target.stat().st_ino != before, "a reader of the old file still has it whole"
        assert names(work) == ["r.md"]

    def test_a_new_file_has_the_permissions_that_the_mask_leaves(self, work: Path) -> None:
        mask = os.umask(0o027)
        try:
            write_whole(work / "r.md", "x")
            write_whole(work / "map.json", "x", private=True)
        finally:
            os.umask(mask)
        assert [stat.S_IMODE((work / name).stat().st_mode) for name in ("r.md", "map.json")] == [0o640, 0o600]

    @pytest.mark.parametrize("there", [True, False])
    def test_a_link_stays_and_its_target_is_replaced(self, work: Path, there: bool) -> None:
        (work / "shared").mkdir()
        real, link, chain = work / "shared" / "latest.md", work / "link.md", work / "chain.md"
        if there:
            real.write_text("yesterday")
        link.symlink_to("shared/latest.md")
        chain.symlink_to("link.md")
        write_whole(chain, "today")
        assert chain.is_symlink()
        assert link.is_symlink()
        assert real.read_text() == "today"
        assert names(real.parent) == ["latest.md"]

    def test_a_failure_leaves_the_old_file_and_nothing_beside(self, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (work / "r.md").write_text("yesterday")

        def broken(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Path, "replace", broken)
        with pytest.raises(KeyboardInterrupt):
            write_whole(work / "r.md", "today")
        assert [(path.name, path.read_text()) for path in work.iterdir()] == [("r.md", "yesterday")]

    def test_a_name_as_long_as_names_can_be(self, work: Path) -> None:
        write_whole(work / ("n" * 252 + ".md"), "x")
        assert len(names(work)) == 1


class TestOtherThanFiles:
    def test_a_device_is_written_into_and_stays(self, incident: Path, work: Path) -> None:
        device = node(work / "nowhere", stat.S_IFCHR, NULL)
        assert run(incident, "-o", device, "-f", "md") == 0
        assert stat.S_ISCHR(device.stat().st_mode)
        (work / "link.md").symlink_to("nowhere")
        assert run(incident, "-o", "link.md") == 0
        assert stat.S_ISCHR(device.stat().st_mode)
        assert (work / "link.md").is_symlink()

    def test_a_disk_is_refused(self, incident: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
        device = node(work / "disk.md", stat.S_IFBLK, DISK)
        assert run(incident, "-o", device) == 2
        assert "it is a disk" in capsys.readouterr().err
        assert stat.S_ISBLK(device.stat().st_mode)

    @pytest.mark.parametrize("command", ["analyze", "diff"])
    def test_a_pipe_gets_the_report(self, incident: Path, work: Path, command: str) -> None:
        os.mkfifo(work / "pipe.md")
        got: list[str] = []
        reader = threading.Thread(target=lambda: got.append((work / "pipe.md").read_text()), daemon=True)
        reader.start()
        words = (incident,) if command == "analyze" else ("diff", incident, incident)
        assert run(*words, "-o", "pipe.md") == 0
        reader.join(20)
        assert got
        assert "http-nio-8080-exec" in got[0] or "incident" in got[0]
        assert stat.S_ISFIFO((work / "pipe.md").stat().st_mode)

    def test_links_in_a_circle_are_refused(self, incident: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (work / "a.md").symlink_to("b.md")
        (work / "b.md").symlink_to("a.md")
        assert run(incident, "-o", "a.md") == 2
        assert "cannot write a.md" in capsys.readouterr().err
        assert names(work) == ["a.md", "b.md"]

    def test_a_map_is_kept_in_a_file_or_not_at_all(self, incident: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
        device = node(work / "nowhere", stat.S_IFCHR, NULL)
        os.mkfifo(work / "pipe")
        for target in (device, work / "pipe"):
            assert run(incident, "-f", "text", "--anonymize-map", target) == 2
            assert "no map can be kept in it" in capsys.readouterr().err
            assert not target.is_file()
        (work / "real").mkdir()
        (work / "map.json").symlink_to("real/map.json")
        assert run(incident, "-f", "text", "--anonymize-map", "map.json") == 0
        assert (work / "map.json").is_symlink()
        assert stat.S_IMODE((work / "real" / "map.json").stat().st_mode) == 0o600


class TestFolders:
    def test_a_folder_that_exists_gets_the_report(self, incident: Path, work: Path) -> None:
        (work / "out.md").mkdir()
        assert run(incident, "-o", "out.md", "-f", "md") == 0
        assert names(work / "out.md") == ["incident-report.md"]

    @pytest.mark.parametrize(
        ("words", "made"),
        [
            (("-o", "a/b/", "-f", "md"), ["a/b/incident-report.md"]),
            (("-o", "two", "-f", "md", "-f", "text"), ["two/incident-report.md", "two/incident-report.txt"]),
        ],
    )
    def test_folders_are_made(self, incident: Path, work: Path, words: tuple[str, ...], made: list[str]) -> None:
        assert run(incident, *words) == 0
        assert sorted(path.relative_to(work).as_posix() for path in work.rglob("*") if path.is_file()) == made

    def test_a_folder_is_not_made_for_a_slip_of_the_pen(self, incident: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for words in (("-o", "a/b/c.md"), ("-o", "no/two", "-f", "md,text")):
            assert run(incident, *words) == 2
            assert "mkdir -p" in capsys.readouterr().err
        assert run("diff", incident, incident, "-o", "a/b/c.md") == 2
        assert not names(work)

    def test_a_folder_that_cannot_be_made_is_a_sentence(self, incident: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (work / "file").write_text("in the way")
        assert run(incident, "-o", "file/more/", "-f", "md") == 2
        assert "cannot write file/more/incident-report.md: Not a directory" in capsys.readouterr().err

    def test_a_folder_is_no_place_for_a_comparison(self, incident: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (work / "out.md").mkdir()
        assert run("diff", incident, incident, "-o", "out.md") == 2
        assert "it is a folder" in capsys.readouterr().err

    def test_the_evidence_is_never_written_to(self, incident: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
        dumped = incident / "jstack.txt"
        before = dumped.read_bytes()
        (work / "alias.txt").symlink_to(dumped)
        for target in (dumped, work / "alias.txt"):
            for words in ((dumped,), (incident,), ("diff", dumped, dumped)):
                assert run(*words, "-o", target) == 2
                assert "never written to" in capsys.readouterr().err
        assert dumped.read_bytes() == before


def shell(line: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A line of bash; ``A`` is the tool."""
    tool = shlex.join([sys.executable, "-c", "from analyzer.app.cli import main; main()"])
    return subprocess.run(
        ["bash", "-c", f'A() {{ {tool} "$@"; }}\n{line}'],
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
        capture_output=True,
        text=True,
        check=False,
    )


def test_standard_input_that_is_closed_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert run("-") == 3
    assert "stdin" in capsys.readouterr().err


@pytest.mark.slow
class TestStandardOutput:
    """Each command prints: a report, the verdict beside a page, a comparison, and what the option parser says itself."""

    WORDS = (
        "{incident}",
        "{incident} -f json",
        "{incident} -f html -o -",
        "diff {incident} {incident}",
        "explain",
        "collect",
        "schema",
        "--help",
    )

    @pytest.mark.parametrize("words", WORDS)
    def test_a_reader_that_has_seen_enough(self, incident: Path, words: str) -> None:
        done = shell(f"A {words.format(incident=incident)} | head -c 1 >&2; exit ${{PIPESTATUS[0]}}")
        assert (done.returncode, len(done.stderr)) == (0, 1), done.stderr

    @pytest.mark.parametrize("words", [*WORDS, "--version"])
    @pytest.mark.parametrize("place", [">&-", "> full"])
    def test_closed_or_full_is_a_sentence(self, incident: Path, work: Path, words: str, place: str) -> None:
        if "full" in place:
            node(work / "full", stat.S_IFCHR, os.makedev(1, 7))
        elif words == "--help":
            pytest.skip("the option parser prints nothing then, and says so to nobody")
        done = shell(f"A {words.format(incident=incident)} {place}")
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("analyze: cannot write to stdout: ")
        assert done.stderr.count("\n") == 1

    def test_what_was_found_still_decides(self) -> None:
        sample = SAMPLES / "slow-backend"
        done = shell(f"A {sample} -f json --fail-on critical | head -c 1 >&2; exit ${{PIPESTATUS[0]}}")
        assert done.returncode == 1
        assert "exit 1 because of --fail-on" in done.stderr

    def test_a_page_is_written_before_the_reader_goes(self, incident: Path, work: Path) -> None:
        done = shell(f"A {incident} -f md -f html | true; exit ${{PIPESTATUS[0]}}")
        assert done.returncode == 0
        assert [path.name for path in work.iterdir()] == ["incident-report.html"]

    def test_a_closed_stderr_costs_no_exit_code(self, work: Path) -> None:
        node(work / "full", stat.S_IFCHR, os.makedev(1, 7))
        for place in ("2>&-", "2> full", "2>&1 | true; exit ${PIPESTATUS[0]}"):
            assert shell(f"A nowhere {place}").returncode == 3

    @pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/dev/fd/7"])
    def test_what_stands_in_a_file_already_stays(self, incident: Path, work: Path, name: str) -> None:
        (work / "log").write_text("before\n")
        done = shell(f"A {incident} -f json -q -o {name} >> log 7>> log")
        assert done.returncode == 0, done.stderr
        first, _, rest = (work / "log").read_text().partition("\n")
        assert first == "before"
        assert json.JSONDecoder().raw_decode(rest)[0]["schema"] == "diagnosis/1"

"""Patterns that were compiled when the package was built are those that ``re`` makes, and a run without them says the same."""

from __future__ import annotations

import importlib
import marshal
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analyzer.app import compiled_patterns
from analyzer.app.compiled_patterns import FILE, kept, recorded, write

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent.parent
COMPILER: Any = importlib.import_module("re._compiler")
FEW = 40
"""Patterns that a plain run may compile itself: those made of what the incident holds, and those that start-up itself compiles."""
COUNTED = """
import re, sys
compiler = sys.modules["re._compiler"]
compiles, counted = compiler.compile, []
def compile(pattern, flags=0):
    counted.append(pattern)
    return compiles(pattern, flags)
compiler.compile = compile
from analyzer.app.cli import main
try: main([sys.argv[1], "-q", *sys.argv[2:]])
finally: print(len(counted))
"""


def loaded(file: Path) -> tuple[str, dict[tuple[str, int], tuple[Any, ...]]]:
    made_for, known = marshal.loads(file.read_bytes())  # noqa: S302 - written here
    return made_for, known


def shipped() -> Mapping[tuple[str, int], tuple[Any, ...]]:
    return loaded(FILE)[1]


def test_every_kept_pattern_is_what_re_makes_of_its_text() -> None:
    known = shipped()
    assert len(known) > 500
    with recorded() as made:
        for pattern, flags in known:
            re.compile(pattern, flags)
            re.purge()
    assert {key: tuple(item) for key, item in made.items()} == dict(known)


def test_a_kept_pattern_matches_groups_and_all(tmp_path: Path) -> None:
    pattern = r"(?P<word>[a-zé]+)-(?:(\d+)|(?P<none>x))(?=\s|$)"
    with recorded() as made:
        plain = re.compile(pattern, re.IGNORECASE)
    write(tmp_path / "kept", made)
    re.purge()
    with kept(tmp_path / "kept"):
        ready = re.compile(pattern, re.IGNORECASE)
    for text in ("QUEUE-17 ", "é-X", "-1", "queue-17x"):
        one, other = plain.search(text), ready.search(text)
        assert (one and (one.span(), one.groupdict(), one.groups(), one.lastgroup)) == (
            other and (other.span(), other.groupdict(), other.groups(), other.lastgroup)
        )
    assert (ready.flags, ready.groups, ready.groupindex, ready.pattern) == (plain.flags, plain.groups, plain.groupindex, plain.pattern)


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other version", "no table", "code of nothing"])
def test_without_a_file_of_this_python_patterns_are_compiled(tmp_path: Path, damage: str) -> None:
    file, before = tmp_path / "kept", COMPILER.compile
    with recorded() as made:
        re.compile("zeta+(?P<tail>.)")
    write(file, made)
    whole = file.read_bytes()
    made_for, known = loaded(file)
    match damage:
        case "missing":
            file.unlink()
        case "empty":
            file.write_bytes(b"")
        case "cut":
            file.write_bytes(whole[: len(whole) // 2])
        case "other version":
            file.write_bytes(marshal.dumps((f"{made_for}x", known)))
        case "no table":
            file.write_bytes(marshal.dumps((made_for, [])))
        case _:
            broken = {key: (item[0], b"\xff" * 64, *item[2:]) for key, item in known.items()}
            file.write_bytes(marshal.dumps((made_for, broken)))
    re.purge()
    with kept(file):
        found = re.compile("zeta+(?P<tail>.)").search("a zetaaab")
    assert found is not None
    assert found["tail"] == "b"
    assert COMPILER.compile is before


@pytest.mark.slow
def test_the_same_sources_make_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for seed in ("1", "2"):
        code = f"import sys; from pathlib import Path; from analyzer.app import compiled_patterns as c; c.compile_all(Path({str(tmp_path / seed)!r}))"
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code], check=True, env=env)
        files.append((tmp_path / seed).read_bytes())
    assert files[0] == files[1]
    assert len(loaded(tmp_path / "1")[1]) > 500


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("-f", "json", "-o", "-")])
def test_a_plain_run_compiles_few_patterns(tmp_path: Path, options: tuple[str, ...]) -> None:
    sample = str(ROOT / "samples" / "self-call-after")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, sample, *options], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert int(done.stdout.splitlines()[-1]) <= FEW, done.stderr


def test_a_run_without_the_file_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from analyzer.app import cli  # noqa: PLC0415

    told = []
    monkeypatch.chdir(tmp_path)
    for file in (FILE, tmp_path / "none"):
        monkeypatch.setattr(cli, "kept", lambda file=file: compiled_patterns.kept(file))
        re.purge()
        with pytest.raises(SystemExit):
            cli.main([str(ROOT / "samples" / "slow-backend"), "-f", "text", "-o", "-"])
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] != ""

"""The whole pipe on damaged evidence: files cut, bytes flipped, re-encoded, or gone. Always an answer, never a defect, never a wrong certainty."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from analyzer.intake.read import assemble, expanded, read_one
from analyzer.judge.engine import diagnose
from analyzer.model.finding import Confidence, Outcome, Severity
from parsers.records import Unit
from reports.contract import json_v1 as json_contract
from reports.formats import markdown, terminal
from reports.view import build as view
from tests import fuzz
from tests.builders import SAMPLES
from tests.score import folders, truth_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LARGEST = 300_000
pytestmark = pytest.mark.slow

SEEDS = range(4)
NAMES = [folder.name for folder in folders()]


def files_of(name: str) -> list[tuple[str, bytes]]:
    folder = SAMPLES / name
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"README.md", "truth.json"} and path.stat().st_size < LARGEST
    ]
    parts = [part for path in paths for part in expanded(path.relative_to(folder).as_posix(), path.read_bytes())]
    return [(file, data) for file, data in parts if isinstance(data, bytes)]


def flipped(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(min(40, len(changed))):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
def test_any_damage_gets_an_answer(name: str, seed: int) -> None:
    dice = random.Random(f"{name} {seed}")
    damage: list[Callable[[bytes], bytes]] = [
        lambda data: data[: dice.randrange(len(data) + 1)],
        lambda data: flipped(data, dice),
        lambda data: b"\n".join(line for line in data.split(b"\n") if dice.random() > 0.1),
        lambda data: data.decode("utf-8", "replace").replace("\n", "\r\n").encode("utf-16"),
        lambda data: dice.randbytes(len(data) // 4),
        lambda data: data,
    ]
    evidence = assemble(name, [read_one(file, dice.choice(damage)(data)) for file, data in files_of(name)])
    diagnosis = diagnose(evidence.incident, lambda where: evidence.sources[where.file].excerpt(where))
    assert not [check for check in diagnosis.checked if check.outcome is Outcome.FAULT]
    for evidence_ in (one for finding in diagnosis.findings for one in finding.evidence):
        assert 1 <= evidence_.where.first <= evidence_.where.last
        if evidence_.where.unit is Unit.LINE:
            assert evidence_.where.last <= len(evidence.sources[evidence_.where.file].lines)
    shown = view.build(diagnosis, "analyze x", "0")
    assert terminal.verdict(shown, 80, color=False)
    assert markdown.render(shown)
    assert json_contract.render(diagnosis, "0")


@pytest.mark.parametrize("seed", SEEDS[:3])
@pytest.mark.parametrize("name", NAMES)
def test_cut_or_missing_files_are_no_wrong_certainty(name: str, seed: int) -> None:
    truth = truth_of(name)
    dice = random.Random(f"cut {name} {seed}")
    kept = [
        (file, data[: dice.randrange(len(data))] if dice.random() < 0.3 and data else data)
        for file, data in files_of(name)
        if dice.random() < 0.8
    ]
    evidence = assemble(name, [read_one(file, data) for file, data in kept])
    findings = diagnose(evidence.incident, lambda _: ()).findings
    sure = {one.rule for one in findings if one.confidence is Confidence.CERTAIN and one.severity is not Severity.INFO}
    assert sure <= {truth["cause"], *truth["also"]}


@pytest.mark.parametrize("path", sorted(fuzz.CORPUS.iterdir()), ids=lambda path: path.name)
def test_what_once_broke_holds(path: Path) -> None:
    fuzz.whole_pipe()(path.read_bytes())

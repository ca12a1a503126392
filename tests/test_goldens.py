"""Whole outputs of every sample. ``make bless`` rewrites them; the diff is reviewed like code."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from analyzer.model.finding import Outcome
from reports.contract import json_v1 as json_contract
from reports.formats import markdown, terminal
from reports.view import build as view
from tests.builders import SAMPLES, sample

GOLDENS = Path(__file__).parent / "goldens"
WITH_JSON = {"seed-2015", "self-call-after", "slow-backend", "connection-limit", "leak-growing", "jdbc-pool-busy", "healthy-busy"}
"""The JSON of a large incident lists thousands of links; its words are those of the other two, so it is kept for these."""
NAMES = sorted(path.name for path in SAMPLES.iterdir() if (path / "README.md").exists() and path.name != "lab")


def outputs(name: str) -> dict[str, str]:
    """File name → text. HTML is left to the tests of its own: its look changes without its words."""
    diagnosis = sample(name)
    # A new rule that finds nothing here changes no golden: rules that were clean or skipped are left out.
    found = tuple(check for check in diagnosis.checked if check.outcome in {Outcome.FOUND, Outcome.FAULT})
    # Stacks are long, and mostly the dump's own lines: the same few samples have them, the others are held by tests of their own.
    stacks = diagnosis.stacks if name in WITH_JSON else ()
    diagnosis = msgspec.structs.replace(diagnosis, checked=found, stacks=stacks)
    shown = view.build(diagnosis, f"analyze samples/{name}", "0")
    texts = {"verdict.txt": terminal.verdict(shown, 80, color=False), "report.md": markdown.render(shown)}
    return texts | ({"report.json": json_contract.render(diagnosis, "0")} if name in WITH_JSON else {})


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str) -> None:
    folder = GOLDENS / name
    for file, text in outputs(name).items():
        path = folder / file
        if os.environ.get("BLESS"):
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.read_bytes().decode() == text, f"{path} differs; run 'make bless' and review the diff"


def test_no_golden_without_a_sample() -> None:
    assert sorted(path.name for path in GOLDENS.iterdir()) == NAMES

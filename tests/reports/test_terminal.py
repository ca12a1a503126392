"""The verdict on a terminal."""

from __future__ import annotations

import re

import pytest

from reports.formats import terminal
from reports.text_safety import width_of
from tests.builders import SAMPLES, sample
from tests.reports import diagnoses, parts
from tests.reports.hostile import endless
from tests.reports.rendering import EVERY, seen

NAMES = sorted(path.name for path in SAMPLES.iterdir() if (path / "README.md").exists() and path.name != "lab")
SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("state", [*EVERY, "endless"])
def test_no_line_is_wider_than_the_terminal(state: str, width: int) -> None:
    view = seen({**EVERY, "endless": endless}[state]())
    plain = terminal.verdict(view, width, color=False)
    assert max(width_of(line) for line in plain.splitlines()) <= width
    assert SGR.sub("", terminal.verdict(view, width, color=True)) == plain


def test_a_narrower_terminal_gets_forty_columns_and_a_wide_one_no_more_than_120() -> None:
    view = seen(diagnoses.self_call())
    assert terminal.verdict(view, 3, color=False) == terminal.verdict(view, 40, color=False)
    assert terminal.verdict(view, 500, color=False) == terminal.verdict(view, 120, color=False)


def test_colours_only_when_asked_for_and_red_only_for_trouble() -> None:
    view = seen(diagnoses.self_call())
    assert "\x1b" not in terminal.verdict(view, 80, color=False)
    assert terminal.verdict(view, 80, color=True).startswith("\x1b[1;31mCRITICAL\x1b[0m")
    assert terminal.verdict(seen(diagnoses.healthy()), 80, color=True).startswith("\x1b[1mHEALTHY\x1b[0m")


def test_a_colour_never_runs_over_the_end_of_a_line() -> None:
    for line in terminal.verdict(seen(diagnoses.self_call()), 40, color=True).splitlines():
        assert line.count("\x1b[0m") * 2 == line.count("\x1b")


def test_it_says_who_why_where_and_what_to_do() -> None:
    lines = terminal.verdict(seen(diagnoses.self_call()), 80, color=False).splitlines()
    assert 10 <= len(lines) <= terminal.LINES
    text = " ".join(" ".join(lines).split())
    assert text.startswith("CRITICAL app01 · java, pid 1493 · 2026-11-23 12:27:08 to 12:27:11, no zone given · certain")
    for part in (
        parts.SELF_CALL.headline,
        parts.SELF_CALL.explanation.partition(". ")[0],
        "No wait has a timeout: it does not recover without a restart.",
        "→ back to the first",
        "app01/jstack.txt:140-148",
        "Now Save one more thread dump, then restart the process. $ jstack -l 1493 > jstack-last.txt",
        "Fix Give the wait in",
        "Missing A second snapshot: sh collect.sh --pid 1493 --snapshots 3",
    ):
        assert part in text


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_fits_twenty_lines_with_all_that_decides(name: str) -> None:
    made = sample(name)
    shown = seen(made)
    for width in (80, 100, 120):
        text = terminal.verdict(shown, width, color=False)
        lines = text.splitlines()
        assert len(lines) < 20, "with the path of the report it is more than twenty lines"
        flat = " ".join(text.split())
        assert lines[0].split("  ")[0] == shown.word.upper()
        assert " ".join(shown.headline.split())[:40] in flat
        if made.primary is None or not shown.cases:
            continue
        assert made.primary.confidence.value in lines[0] + lines[1]
        assert shown.cases[0].proofs[0].place in "".join(text.replace(" \\\n", "").split()) or shown.cases[0].proofs[0].place in flat
        for action in made.primary.actions:
            if action.when == "now":
                assert not action.command or "".join(action.command.split()) in "".join(text.replace(" \\\n", "").split())
                break
        if shown.missing:
            assert "".join(shown.missing[0].command.split()) in "".join(text.replace(" \\\n", "").split())


def test_what_is_left_out_goes_in_the_order_of_its_worth() -> None:
    view = seen(diagnoses.self_call())
    wide = terminal.verdict(view, 120, color=False)
    narrow = terminal.verdict(view, 40, color=False)
    assert "8 of 8 request threads wait in FutureTask.get" in " ".join(wide.split())
    assert "8 of 8 request threads wait in FutureTask.get" not in " ".join(narrow.split())
    for label in ("Evidence", "Now", "Fix", "Missing"):
        assert re.search(rf"^{label} ", narrow, re.MULTILINE), f"{label} is gone"


def test_both_causes_are_named() -> None:
    text = terminal.verdict(seen(diagnoses.two_causes()), 80, color=False)
    assert "Two causes at once" in text
    assert re.search(r"^F2 +jdbc-pool-exhausted", text, re.MULTILINE)


def test_without_a_cause_it_says_what_is_missing_and_what_was_read() -> None:
    text = terminal.verdict(seen(diagnoses.unknown_files()), 80, color=False)
    assert text.startswith("NOT ENOUGH EVIDENCE")
    assert text.count("Missing") == 2
    assert "2 files of no known format" in " ".join(text.split())

"""What holds for every format of every state: ids, limits, determinism, the verdict in full."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

import reports
from reports.contract import json_v1 as json_contract
from reports.formats import jira, markdown, terminal
from reports.language.catalogue import speaking, spoken
from reports.text_safety import BREAK
from reports.view.build import build
from reports.view.wording import text_of
from tests.builders import sample
from tests.reports import diagnoses
from tests.reports.hostile import blocked, endless
from tests.reports.rendering import EVERY, LIMITS, RENDERERS, seen, visible
from tests.test_goldens import NAMES

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis
    from reports.view.model import View

every_format = pytest.mark.parametrize("name", RENDERERS)
every_state = pytest.mark.parametrize("state", EVERY)


@cache
def huge(which: str) -> tuple[Diagnosis, View]:
    made = {"crowd": blocked, "endless": endless}[which]()
    return made, seen(made)


def squeezed(text: str) -> str:
    """Without white space and escapes, so that a wrapped or escaped sentence can be looked for."""
    return "".join(char for char in text if not char.isspace() and char not in "\\`{}" + BREAK)


def test_the_formats_are_those_of_the_command_line() -> None:
    assert reports.FORMATS == ("html", "md", "jira", "text", "json", "summary")
    assert {*RENDERERS, "json"} == set(reports.FORMATS)


@every_format
@every_state
def test_every_findings_id_is_there(name: str, state: str) -> None:
    diagnosis = EVERY[state]()
    printed = visible(name, seen(diagnosis))
    for finding in diagnosis.findings:
        assert finding.id in printed


@every_state
def test_every_findings_id_is_in_the_json(state: str) -> None:
    diagnosis = EVERY[state]()
    printed = json_contract.render(diagnosis, "0.1.0")
    assert all(f'"id": "{finding.id}"' in printed for finding in diagnosis.findings)


@every_format
@every_state
def test_a_typical_report_stays_far_below_its_limit(name: str, state: str) -> None:
    printed = RENDERERS[name](seen(EVERY[state]()))
    assert len(printed.encode()) <= 200_000
    assert len(printed) <= LIMITS[name]


@every_format
@pytest.mark.parametrize("which", ["crowd", "endless"])
def test_thousands_of_everything_stay_within_the_limit_and_keep_the_verdict(name: str, which: str) -> None:
    diagnosis, view = huge(which)
    printed = RENDERERS[name](view)
    assert len(printed.encode() if name == "html" else printed) <= LIMITS[name]
    printed = visible(name, view)
    assert diagnosis.findings[0].id in printed
    if which == "crowd" and name != "summary":
        assert squeezed(diagnosis.verdict.headline) in squeezed(printed)
        assert squeezed("does not recover without a restart.") in squeezed(printed)
        assert squeezed(diagnosis.findings[-1].id) in squeezed(printed)


@pytest.mark.parametrize("name", ["md", "jira", "text"])
def test_what_was_cut_is_said(name: str) -> None:
    printed = RENDERERS[name](huge("crowd")[1])
    assert squeezed("4,993 more pieces of evidence for F1") in squeezed(printed) or squeezed("Cut to fit") in squeezed(printed)
    assert squeezed("Cut to fit") not in squeezed(RENDERERS[name](seen(diagnoses.healthy())))


def test_the_page_says_what_was_cut() -> None:
    printed = RENDERERS["html"](huge("crowd")[1])
    assert "4,993 more pieces of evidence for F1 in the JSON format." in printed
    assert "159 more findings, F41 to F199, in the JSON format." in printed
    assert "4,994 more tables" in printed
    assert "Cut from this copy: 4,960 links" in printed or "Cut from this copy: 4,990 links" in printed or "Cut from this copy" in printed


@every_format
@every_state
def test_two_renders_are_equal(name: str, state: str) -> None:
    made = EVERY[state]
    assert RENDERERS[name](seen(made())) == RENDERERS[name](seen(made()))


@pytest.mark.slow
def test_no_output_depends_on_the_order_of_hashes() -> None:
    code = (
        "import hashlib; from tests.reports.rendering import *; from reports.contract import json_v1 as json_contract;"
        "print(hashlib.sha256(''.join([json_contract.render(f(), '1') + ''.join(r(seen(f())) for r in RENDERERS.values())"
        " for f in EVERY.values()]).encode()).hexdigest())"
    )
    sums = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(sums) == 1
    assert len(sums.pop()) == 65


@every_format
@every_state
def test_headline_and_summary_are_never_shortened(name: str, state: str) -> None:
    if state == "hostile":
        pytest.skip("its texts are replaced on purpose")
    diagnosis = EVERY[state]()
    if name == "summary":
        # Five lines have room for the first sentence only.
        diagnosis = replace(diagnosis, verdict=replace(diagnosis.verdict, summary=diagnosis.verdict.summary.partition(". ")[0][:40]))
    printed = squeezed(visible(name, seen(diagnosis)).replace("<code>", "").replace("</code>", ""))
    assert squeezed(diagnosis.verdict.headline) in printed
    assert squeezed(diagnosis.verdict.summary) in printed


def test_a_healthy_report_accuses_nobody() -> None:
    view = seen(diagnoses.healthy())
    assert (view.word, view.alarm, view.cases) == ("healthy", False, ())
    page = RENDERERS["html"](view)
    assert 'class="alarm"' not in page
    assert 'class="hot" style="width:0.0%"' in page
    assert "What to do" not in page
    assert [figure.value for figure in view.figures] == ["0", "17", "1 of 8", "3 of 3"]


def test_an_insufficient_report_asks_first_for_what_would_decide() -> None:
    page = RENDERERS["html"](seen(diagnoses.insufficient()))
    assert page.index("What would decide") < page.index("Could not be checked") < page.index("What was read")
    assert "What is missing" not in page
    assert "Sockets by state" not in page


def test_two_causes_are_both_told_and_their_evidence_is_numbered_through() -> None:
    view = seen(diagnoses.two_causes())
    assert [case.id for case in view.cases] == ["F1", "F2"]
    assert view.rivals == "Two causes at once: F1 (above) and F2 (jdbc-pool-exhausted). Neither follows from the other."
    assert [proof.id for case in view.cases for proof in case.proofs] == ["E1", "E2", "E3", "E4", "E5", "E6", "E7"]


def test_suspected_rivals_are_explanations_and_not_causes() -> None:
    assert seen(diagnoses.broken_rule()).rivals.startswith("Two causes are possible")


def test_a_consequence_is_no_cause_of_its_own() -> None:
    view = seen(diagnoses.consequence())
    assert [case.id for case in view.cases] == ["F1"]
    assert [(case.id, case.follows) for case in view.followed] == [("F2", "F1")]
    assert [case.id for case in view.also] == ["F3"]
    page = RENDERERS["html"](view)
    assert page.index("Evidence") < page.index("What followed") < page.index("Sockets by state")


@every_format
def test_a_warning_about_the_evidence_is_printed(name: str) -> None:
    assert squeezed("taken 19 hours apart") in squeezed(visible(name, seen(diagnoses.far_apart())))


@every_format
def test_unknown_files_are_named_as_such(name: str) -> None:
    printed = squeezed(visible(name, seen(diagnoses.unknown_files())))
    assert squeezed("2 files of no known format") in printed
    if name in {"html", "md", "jira"}:
        assert "photo.png" in printed


@pytest.mark.parametrize("name", ["html", "md", "jira"])
def test_a_broken_rule_is_shown_as_broken(name: str) -> None:
    printed = visible(name, seen(diagnoses.broken_rule()))
    assert "Rules that broke" in printed
    assert squeezed("dns-stall") in squeezed(printed)
    assert "Rules that broke" not in visible(name, seen(diagnoses.self_call()))


def test_a_jira_title_is_one_short_line() -> None:
    assert len(jira.title(seen(diagnoses.self_call()))) <= 120
    assert "\n" not in jira.title(huge("endless")[1])
    assert len(jira.title(huge("endless")[1])) == 120


def test_the_flowchart_names_every_actor_and_closes_the_loop() -> None:
    case = seen(diagnoses.self_call()).cases[0]
    drawn = markdown.mermaid(case)
    assert drawn.count("[") == len(case.chain)
    assert drawn.splitlines()[-2].endswith("n0")
    assert all(text_of(node.actor).split()[0] in drawn for node in case.chain)


def test_a_flowchart_that_would_be_too_large_is_left_out() -> None:
    case = seen(diagnoses.self_call()).cases[0]
    assert markdown.mermaid(replace(case, chain=case.chain * 5)) == ""
    long = replace(case, chain=tuple(replace(node, verb="v" * 3_000) for node in case.chain))
    assert len(markdown.mermaid(long)) <= 4_000


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("sample_name", NAMES)
def test_the_summary_of_a_sample_is_a_chat_message(sample_name: str, language: str) -> None:
    with speaking(language):
        view = build(spoken(sample(sample_name)), f"analyze samples/{sample_name}", "0")
        printed = RENDERERS["summary"](view)
    lines = printed.splitlines()
    assert len(lines) <= 5
    assert len(printed) <= 700
    assert lines[0].startswith(f"*{view.word.upper()}* ")
    assert all(case.id in printed for case in view.findings[:1])
    if view.cases and view.cases[0].agenda:
        command = view.cases[0].agenda[0].todos[0].command
        assert not command or len(command) > 110 or "@" in command or f"`{command}`" in printed
    if view.cases and view.cases[0].proofs:
        assert view.cases[0].proofs[0].place.rpartition(":")[2] in lines[-1], "the place to look at is in the last line"


@pytest.mark.parametrize("which", ["crowd", "endless"])
def test_the_summary_stays_a_chat_message_whatever_comes(which: str) -> None:
    printed = RENDERERS["summary"](huge(which)[1])
    assert printed.count("\n") <= 5
    assert len(printed) <= 700


def test_text_has_72_columns() -> None:
    for state in (*EVERY.values(), blocked, endless):
        assert max(map(len, RENDERERS["text"](seen(state())).splitlines())) <= 72


def test_the_version_is_looked_up_when_it_is_not_given() -> None:
    assert build(diagnoses.healthy(), "analyze x").tool.startswith("closewait ")


def test_the_command_to_repeat_is_plain_too() -> None:
    view = build(diagnoses.healthy(), "analyze \x1b[31mincident\n\u202e", "0.1.0")
    assert view.command == "analyze incident \ufffd"


@pytest.mark.slow
def test_no_format_but_html_loads_the_template_engine() -> None:
    code = (
        "import sys; from reports.view import build as view; from reports.formats import markdown, jira, text, summary, terminal; from reports.contract import json_v1;"
        "from tests.reports.diagnoses import self_call; v = view.build(self_call(), 'x', '1');"
        "terminal.verdict(v, 80, False); markdown.render(v); assert 'jinja2' not in sys.modules; assert 'rich' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_terminal_verdict_is_short() -> None:
    lines = terminal.verdict(seen(diagnoses.self_call()), 80, color=False).splitlines()
    assert 10 <= len(lines) <= 24

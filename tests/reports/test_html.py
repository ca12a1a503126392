"""The page: its parts in their order, its anchors, its charts."""

from __future__ import annotations

import importlib.util
import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from reports.formats import compiled_templates, environment, html
from tests.reports import diagnoses, parts
from tests.reports.hostile import benign
from tests.reports.rendering import seen, visible

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_parts_stand_in_their_order() -> None:
    made = replace(diagnoses.consequence(), sockets=diagnoses.three_snapshots().sockets, checked=diagnoses.broken_rule().checked)
    page = visible("html", seen(made))
    titles = re.findall(r"<h[123][^>]*>([^<]*)", page[: page.rindex('<div class="fold">')])
    assert titles == [
        parts.SELF_CALL.headline,
        *("What to do", "How it locks up", "Evidence", "What followed", "Also noticed"),
        *("Sockets by state", "CLOSE_WAIT over time", "Thread pools", "One connection, packet by packet"),
        *(
            "Checked",
            "Could not be checked",
            "Rules that broke: a defect of this tool",
            "What is missing",
            "What was read",
        ),
    ]
    folded = re.findall(r"<summary>([^<]*)", page)
    assert folded[0].startswith("5 causes checked, none fits; 3 causes not checked")
    assert folded[2:] == ["All findings (3)", "Who waits for whom", "Sockets and their threads", "How to repeat this report"]


def test_the_top_says_severity_process_time_and_confidence_and_the_verdict_is_the_heading() -> None:
    page = visible("html", seen(diagnoses.self_call()))
    assert (
        '<span class="word">critical</span> app01 · java, pid 1493 · 2026-11-23 12:27:08 to 12:27:11, no zone given · certain</p>' in page
    )
    assert f"<h1>{parts.SELF_CALL.headline}</h1>" in page
    assert page.count("<h1") == 1
    assert re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd></div>", page)[0] == ("sockets in CLOSE_WAIT", "40")


def test_every_link_has_its_anchor_and_no_anchor_is_double() -> None:
    for made in (*diagnoses.STATES.values(), benign):
        page = visible("html", seen(made()))
        anchors = re.findall(r' id="([^"]+)"', page)
        assert len(anchors) == len(set(anchors))
        assert set(re.findall(r'href="#([^"]+)"', page)) <= set(anchors)


def test_every_finding_has_its_place_among_all_findings() -> None:
    page = visible("html", seen(diagnoses.two_causes()))
    for finding in diagnoses.two_causes().findings:
        assert f'<article id="{finding.id}"><h3>{finding.id} {finding.headline}</h3>' in page
    assert page.count("See the top of the page.") == 2


def test_marks_are_highlighted_and_identifiers_are_code() -> None:
    page = visible("html", seen(diagnoses.self_call()))
    assert "at java.util.concurrent.<mark>FutureTask.get</mark>(java.base@17.0.15" in page
    assert "All 8 threads of <code>http-nio-38090-exec</code> wait in <code>FutureTask.get</code> for <code>pool-1</code>. Its" in page


def test_the_loop_is_closed_by_a_line_and_a_chain_is_not() -> None:
    assert '<ol class="chain loop">' in visible("html", seen(diagnoses.self_call()))
    page = visible("html", seen(diagnoses.two_causes()))
    assert '<ol class="chain">' in page
    assert page.count("back to ") == 1


def test_the_chart_appears_with_the_second_snapshot() -> None:
    assert 'points="34.0,' in visible("html", seen(diagnoses.three_snapshots()))
    page = visible("html", seen(diagnoses.self_call()))
    assert "<svg" not in page
    assert "a second one would show whether CLOSE_WAIT grows" in page


def test_the_packets_appear_only_with_a_capture() -> None:
    assert "packet by packet" in visible("html", seen(diagnoses.consequence()))
    assert "packet by packet" not in visible("html", seen(diagnoses.self_call()))


def test_a_page_that_would_be_too_large_loses_its_data_first() -> None:
    view = seen(diagnoses.self_call())
    page = html.render(replace(view, data='{"a":"' + "x" * html.LIMIT + '"}'))
    assert len(page) < html.LIMIT
    assert "application/json" not in page
    assert "All findings (2)" in page
    assert "SHA-256" in page


def loaded(path: Path) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


def test_a_template_gives_the_same_page_from_its_module_and_from_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = seen(diagnoses.self_call())
    compiled_templates.compile_all(built=tmp_path)
    modules = {path.stem: loaded(path) for path in tmp_path.glob("*.py")}
    stale = {name: {**module, "MADE_OF": "of another template", "root": None} for name, module in modules.items()}
    pages = []
    for built in (modules, stale, {}):
        monkeypatch.setattr(compiled_templates, "_built", lambda name, built=built: built.get(name.replace(".", "_")))
        environment.template.cache_clear()
        pages.append(html.render(view))
    environment.template.cache_clear()
    assert pages[0] == pages[1] == pages[2]
    assert set(modules) == {path.name.replace(".", "_") for path in compiled_templates.TEMPLATES.glob("*.html")}


def test_the_built_modules_are_of_these_templates() -> None:
    for path in compiled_templates.TEMPLATES.glob("*.html"):
        module = compiled_templates._built(path.name)
        assert module is not None, f"{path.name} is not built: python reports/formats/compiled_templates.py"
        assert module["MADE_OF"] == compiled_templates._stamp(path.read_bytes())


def test_the_page_asks_nobody_for_anything() -> None:
    page = visible("html", seen(diagnoses.consequence()))
    assert re.findall(r" src=|@import|url\(|href=\"(?!#)", page) == []

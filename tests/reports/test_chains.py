"""The chain of a cause: it ends in a box, no verb ends in a preposition, and a loop closes where it really does."""

from __future__ import annotations

import re

import pytest

from analyzer.judge.chain_end import PREPOSITIONS
from reports.formats import html
from reports.formats.prose import loop_sentence
from reports.view import build as view
from reports.view.wording import text_of
from tests.builders import SAMPLES, sample
from tests.test_goldens import NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_chain_ends_in_a_node_without_an_edge(name: str) -> None:
    for case in view.build(sample(name), f"analyze samples/{name}", "0").cases:
        if not case.chain:
            continue
        assert case.loop != case.chain[-1].end
        assert [node.end for node in case.chain[:-1]] == [False] * (len(case.chain) - 1)
        page = html.render(view.build(sample(name), "x", "0"))
        assert case.loop or 'class="node end"' in page


@pytest.mark.parametrize("name", NAMES)
def test_no_verb_ends_in_a_preposition(name: str) -> None:
    for case in view.build(sample(name), f"analyze samples/{name}", "0").cases:
        for node in case.chain:
            assert node.verb.rpartition(" ")[2] not in PREPOSITIONS - {"on"}, node.verb


def test_a_loop_of_one_pool_goes_back_to_that_pool() -> None:
    case = view.build(sample("nested-tasks"), "x", "0").cases[0]
    assert text_of(case.closing) == "back to report-worker"
    assert case.loop_from == 1
    assert loop_sentence(case).endswith("→ back to report-worker")


def test_a_loop_over_all_goes_back_to_the_first() -> None:
    case = view.build(sample("self-call-after"), "x", "0").cases[0]
    assert case.loop_from == 0
    assert text_of(case.closing) == f"back to {text_of(case.chain[0].actor)}"


def test_a_box_says_how_busy_its_own_pool_is() -> None:
    """Jetty accepts on threads of its pool: two pools of one name. A single thread has no such number."""
    pool, service = view.build(sample("slow-backend-http"), "x", "0").cases[0].chain
    assert (pool.note, service.note) == ("37 of 39 busy", "")
    assert text_of(service.detail) == ""
    first, thread, _ = view.build(sample("dns-stall"), "x", "0").cases[0].chain
    assert first.note == "16 of 16 busy"
    assert text_of(thread.actor).startswith("“")
    assert thread.note == ""


@pytest.mark.parametrize("name", ["self-call-after", "connection-limit", "slow-backend-decoy"])
def test_quoted_rows_have_the_heading_of_their_table(name: str) -> None:
    rows = [
        proof
        for case in view.build(sample(name), "x", "0").cases
        for proof in case.proofs
        if proof.excerpt and re.match(r"\s*tcp6?\s", text_of(proof.excerpt[0]))
    ]
    assert rows
    assert all("Recv-Q" in proof.head for proof in rows)


def test_paths_lose_the_folder_that_all_files_share() -> None:
    shown = view.build(sample("self-call-collected"), "analyze samples/self-call-collected", "0")
    assert all(proof.place.startswith(("round", "capture")) for case in shown.cases for proof in case.proofs)
    folder = re.search(r"lie below (\S+/)\.", shown.sources_note)
    assert folder
    assert (SAMPLES / "self-call-collected" / folder[1].partition("/")[0]).exists()


def test_paths_without_a_shared_folder_stay_whole() -> None:
    shown = view.build(sample("mutual-call-two-hosts"), "x", "0")
    assert "lie below" not in shown.sources_note
    assert all("/" in item.file for item in shown.sources)

"""Sentences that say that others stand alike: by number words, by "both", by which ones are left; and sentences that only look so."""

from __future__ import annotations

import pytest

from parsers.text.source import Section
from parsers.text.told_besides import dumps_in
from parsers.text.told_kinds import ToldKind, kinds_told


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("the spy on both workers gives the same:", ToldKind(2)),
        ("both children look identical", ToldKind(2, before=False)),
        ("I have some 45 entries of that hour, all of them look like", ToldKind(45)),
        ("the twelve which are not waiting for the pool all look like this", ToldKind(12)),
        ("all of the 33 are as the first one", ToldKind(33, ordinal=1)),
        ("the four others are identical", ToldKind(4, before=True)),
    ],
)
def test_others_that_stand_alike_are_counted(words: str, kind: ToldKind) -> None:
    assert kinds_told(words, below=words.endswith((":", "like", "this"))) == [kind]


@pytest.mark.parametrize(
    "words",
    [
        "both workers look different",
        "Both servers are of the same version",
        "45 entries of the log, all of them alike",
        "the twelve do not all look alike",
        "all of the 33 are not as the first one",
        "the four others are fine",
        "if both workers give the same",
    ],
)
def test_other_sentences_count_nothing(words: str) -> None:
    assert not kinds_told(words, below=False)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("Two dumps ten minutes apart are the same.", 1),
        ("Three dumps in a quarter of an hour, and mill-4 is always in the read.", 1),
        ("Two dumps of two hosts are not the same.", 0),
        ("Two dumps are here.", 0),
    ],
)
def test_dumps_that_show_the_same(words: str, count: int) -> None:
    assert len(list(dumps_in(Section("post.md", 1, (words,)), 0, words))) == count

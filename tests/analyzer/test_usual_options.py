"""The usual options, read without the option parser, mean what the option parser says, and what is not usual is left to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st

from analyzer.app import options
from analyzer.app.usual_options import usual

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.app.command import RunOptions

WORDS = (
    *("-f", "--format", "-o", "--output", "--lang", "--host", "--timezone", "--config", "--fail-on", "-q", "--quiet", "-v", "--verbose"),
    *("json", "html", "text,md", "en", "ko", "critical", "here", "a/b.html", "-", "--", "", "--format=json", "--lang=ko", "--lang=", "-fmd", "--anonymize"),
)  # fmt: skip


def parsed(words: Sequence[str]) -> RunOptions | None:
    """What the option parser makes of the words; None where it refuses them or asks for something else."""
    asked: list[RunOptions] = []

    def run(request: RunOptions, command: str) -> int:
        del command
        asked.append(request)
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(options, "run", run)
        try:
            typer.main.get_command(options.app).main(options.prepared(words), prog_name="analyze", standalone_mode=False, obj=tuple(words))
        except Exception:  # noqa: BLE001 - the parser has many words for "wrong"
            return None
    return asked[0] if asked else None


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))
def test_it_says_what_the_option_parser_says_or_nothing(words: list[str]) -> None:
    if (read := usual(words)) is not None:
        assert parsed(words) == read


@pytest.mark.parametrize(
    "words",
    [
        ["here"],
        ["here", "-"],
        ["-f", "json", "-o", "-", "here"],
        ["here", "--format=summary", "-f", "md", "--lang", "ko", "-q"],
        ["here", "--output=x.html", "--host", "app01", "--timezone", "Asia/Seoul", "--config", "own.toml", "--fail-on", "warning", "-v"],
    ],
)
def test_the_usual_is_read(words: list[str]) -> None:
    read = usual(words)
    assert read is not None
    assert read == parsed(words)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-q"],
        ["--help"],
        ["here", "--version"],
        ["here", "-f", "pdf"],
        ["here", "-f"],
        ["here", "-o", "-q"],
        ["here", "--anonymize"],
        ["here", "--lang", "de"],
        ["here", "--", "-f"],
        ["here", "-qv"],
        ["here", "-f", "json,md"],
    ],
)
def test_the_rest_is_left_to_the_option_parser(words: list[str]) -> None:
    assert usual(words) is None

"""The options of most calls, read without the option parser, whose loading costs a third of a small incident's time.

What is written in any other way than the usual, or is wrong, is left to :mod:`analyzer.app.options`, which knows every form and says what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.app.command import RunOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

_WITH_VALUE: Final = {
    "-f": "formats",
    "--format": "formats",
    "-o": "output",
    "--output": "output",
    "--lang": "language",
    "--host": "host",
    "--timezone": "timezone",
    "--config": "config",
    "--fail-on": "fail_on",
}
_FLAGS: Final = {"-q": "quiet", "--quiet": "quiet", "-v": "verbose", "--verbose": "verbose", "--hash": "hashed"}
_VALUES: Final = {
    "formats": frozenset({"html", "md", "jira", "text", "json", "summary"}),
    "language": frozenset({"en", "ko"}),
    "fail_on": frozenset({"critical", "warning"}),
}


def usual(given: Sequence[str]) -> RunOptions | None:
    """What was asked for; None where only the option parser can tell."""
    paths: list[str] = []
    formats: list[str] = []
    values: dict[str, str] = {}
    flags: dict[str, bool] = {}
    words = iter(given)
    for word in words:
        if word == "-" or not word.startswith("-"):
            paths.append(word)
        elif word in _FLAGS:
            flags[_FLAGS[word]] = True
        else:
            name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
            field = _WITH_VALUE.get(name)
            if field is None:
                return None
            if not equals:
                value = next(words, "")
            known = _VALUES.get(field)
            if not value or (value != "-" and value.startswith("-")) or (known is not None and value not in known):
                return None
            if field == "formats":
                formats.append(value)
            else:
                values[field] = value
    if not paths:
        return None
    return RunOptions(
        paths,
        tuple(formats),
        values.get("output"),
        values.get("host"),
        values.get("timezone"),
        values.get("fail_on"),
        flags.get("quiet", False),
        flags.get("verbose", False),
        config=values.get("config"),
        language=values.get("language", "en"),
        hashed=flags.get("hashed", False),
    )

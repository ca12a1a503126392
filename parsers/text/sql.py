"""Statements without other people's data: every literal becomes ``?``."""

from __future__ import annotations

import re
from typing import Final

from parsers.text.patterns import lazy

LONGEST: Final = 300
"""Characters of a statement that are kept: enough to find it in the code."""
_LITERAL: Final = lazy(r"'(?:[^'\\]|\\.|'')*+(?:'|\Z)|\$\w*\$.*|(?<![\w$.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w)|\b0[xX][0-9a-fA-F]+\b")
_DOUBLE_QUOTED: Final = lazy(r"\"(?:[^\"\\]|\\.|\"\")*+(?:\"|\Z)")
_BLANKS: Final = lazy(r"\s+")
_VERB: Final = lazy(
    r"\b(?:select|insert|update|delete|merge|with|call|exec|execute|alter|create|drop|truncate|set|begin|commit|replace|declare|fetch|copy)\b(?=\s*+[^\s|])"
    r"|\block\s+(?:tables?\b|[\w.\"]+\s+in\b)",
    re.IGNORECASE,
)


def without_literals(statement: str, *, double_quoted: bool = False) -> str:
    """The statement on one line, cut at a length that shows which it is, every literal replaced by ``?``, without the sign of its end.

    ``double_quoted``: strings may stand in double quotes, as in MySQL; elsewhere these are names of columns.
    """
    line = _BLANKS.sub(" ", statement[: LONGEST * 4])
    if double_quoted:
        line = _DOUBLE_QUOTED.sub("?", line)
    return _LITERAL.sub("?", line).strip().removesuffix(";").rstrip()[:LONGEST]


_DOCUMENT: Final = lazy(
    r"[\"']?\b(?:command|query|cursor|originatingCommand|filter|q|u|updates|updateobj|insert|documents|pipeline)[\"']?\s*:\s*[\[{\"']"
)
_VALUE: Final = lazy(r"\"(?:[^\"\\]|\\.)*+\"(?!\s*:)|'(?:[^'\\]|\\.)*+'(?!\s*:)|(?<=[:\[,(\s])-?\d+(?:\.\d+)?\b|/(?:[^/\\\n]|\\.)+/")


def redacted(line: str) -> str:
    """A line of a session list with the literals of its statement replaced; what stands before the statement stays."""
    document = _DOCUMENT.search(line)
    if document is not None:
        return line[: document.start()] + _VALUE.sub("?", line[document.start() :])
    found = _VERB.search(line)
    if found is None:
        return line
    return line[: found.start()] + _LITERAL.sub("?", _DOUBLE_QUOTED.sub("?", line[found.start() :]))

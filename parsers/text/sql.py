"""Statements without other people's data: every literal becomes ``?``."""

from __future__ import annotations

import re
from typing import Final

from parsers.text.patterns import lazy

LONGEST: Final = 300
"""Characters of a statement that are kept: enough to find it in the code."""
_LITERAL: Final = lazy(r"'(?:[^'\\]|\\.|'')*+(?:'|\Z)|\$\w*\$.*|(?<![\w$.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w)|\b0[xX][0-9a-fA-F]+\b")
_BLANKS: Final = lazy(r"\s+")
_VERB: Final = lazy(
    r"\b(?:select|insert|update|delete|merge|with|call|exec|execute|alter|create|drop|truncate|lock|set|begin|commit|replace|declare|fetch|copy)\b",
    re.IGNORECASE,
)


def without_literals(statement: str) -> str:
    """The statement on one line, cut at a length that shows which it is, every literal replaced by ``?``."""
    return _LITERAL.sub("?", _BLANKS.sub(" ", statement[: LONGEST * 4])).strip()[:LONGEST]


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
    return line if found is None else line[: found.start()] + _LITERAL.sub("?", line[found.start() :])

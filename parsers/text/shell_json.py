"""JSON as MongoDB's shells print it, made JSON: ``NumberLong(5)``, ``ISODate("…")``, keys without quotes, single quotes, ``...`` where somebody left fields out. Lines stay where they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from parsers.text.patterns import lazy

if TYPE_CHECKING:
    import re

_TOKEN: Final = lazy(
    r'"(?:[^"\\\n]|\\.)*+"'
    r"|'(?P<single>(?:[^'\\\n]|\\.)*+)'"
    r"|(?:new[ ])?(?:NumberLong|NumberInt|NumberDecimal|Long|Int32|Double|Decimal128)(?:\.from\w+)?\([ ]*[\"']?(?P<number>-?\d[\d.]*)[\"']?[ ]*\)"
    r"|(?<!\w)(?:new[ ])?(?P<made>[A-Z]\w*(?:\.\w+)?)\((?P<inside>[^()\n]*)\)"
    r"|(?<![\w$])(?P<key>[A-Za-z_$][\w$]*+)(?=[ ]*:)"
    r"|(?P<left>,?[ ]{0,8}(?:\.\.\.|\u2026)(?=\s{0,40}[}\],]))"
    r"|\bundefined\b|/(?P<regex>(?:[^/\\\n]|\\.)+)/[a-z]*(?=[ ]*[,}\]])"
)


def plain_json(text: str) -> str:
    """The text with what is no JSON replaced; what is neither stays, for whoever reads it to skip."""
    return _TOKEN.sub(_plain, text)


def _plain(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return json.dumps(match["single"].replace("\\'", "'"))
    if match["number"] is not None:
        return match["number"]
    if match["made"] is not None:
        return json.dumps(match["inside"].strip(" \"'"))
    if match["key"] is not None:
        return json.dumps(match["key"])
    if match["left"] is not None:
        return ""
    return match[0] if match[0].startswith('"') else '"?"' if match["regex"] is not None else "null"

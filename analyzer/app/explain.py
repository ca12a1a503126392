"""Rules in the user's words: their docstrings are the explanation."""

from __future__ import annotations

import difflib
import inspect
import textwrap

from analyzer.rules import RULES, Rule, slug

WIDTH = 88


def listing() -> str:
    """Every rule with its one-line description."""
    width = max(len(slug(rule)) for rule in RULES)
    return "".join(f"{slug(rule):<{width}}  {_first_line(rule)}\n" for rule in RULES)


def text(name: str) -> str | None:
    """The explanation of one rule, None if there is no such rule. Underscores may stand for dashes."""
    wanted = name.replace("_", "-")
    rule = next((rule for rule in RULES if slug(rule) == wanted), None)
    if rule is None:
        return None
    paragraphs = (inspect.cleandoc(rule.__doc__ or "")).split("\n\n")
    return f"{wanted}\n\n" + "\n\n".join(textwrap.fill(" ".join(part.split()), WIDTH) for part in paragraphs) + "\n"


def near_rules(name: str) -> list[str]:
    """At most three rules that somebody may have meant: by the beginning, a part, or a near spelling."""
    names, wanted = [slug(rule) for rule in RULES], name.lower().replace("_", "-")
    found = [one for one in names if one.startswith(wanted)] or [one for one in names if wanted in one]
    return (found or difflib.get_close_matches(wanted, names, 3, 0.6))[:3] if wanted else []


def _first_line(rule: Rule) -> str:
    return (rule.__doc__ or "").strip().partition("\n")[0]

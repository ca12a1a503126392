"""Rules in the user's words: their docstrings are the explanation. Known issues of other software by their identifiers."""

from __future__ import annotations

import difflib
import inspect

from analyzer.model.message import say
from analyzer.rules import RULES, Rule, slug
from analyzer.software.known_issues import Issue, Source, known_issue
from reports.formats.prose import wrap
from reports.language.catalogue import explanation, tell
from reports.language.catalogue import known_issue as known_issue_text

WIDTH = 88


def listing() -> str:
    """Every rule with its one-line description."""
    width = max(len(slug(rule)) for rule in RULES)
    return "".join(f"{slug(rule):<{width}}  {explanation(paragraphs(rule)[0])}\n" for rule in RULES)


def text(name: str) -> str | None:
    """The explanation of one rule, or of a known issue; None if there is neither. Underscores may stand for dashes."""
    wanted = name.replace("_", "-")
    rule = next((rule for rule in RULES if slug(rule) == wanted), None)
    if rule is None:
        issue = known_issue(name)
        return None if issue is None else told(issue)
    return f"{wanted}\n\n" + "\n\n".join("\n".join(wrap(explanation(part), WIDTH)) for part in paragraphs(rule)) + "\n"


def paragraphs(rule: Rule) -> list[str]:
    """What a rule says of itself: its first line, then what it looks for, why it matters, what to do, when it is wrong."""
    return [" ".join(part.split()) for part in inspect.cleandoc(rule.__doc__ or "").split("\n\n")]


def names() -> list[str]:
    """The names of all rules."""
    return sorted(slug(rule) for rule in RULES)


def near_rules(name: str) -> list[str]:
    """At most three rules that somebody may have meant: by the beginning, a part, or a near spelling."""
    known, wanted = names(), name.lower().replace("_", "-")
    found = [one for one in known if one.startswith(wanted)] or [one for one in known if wanted in one]
    return (found or difflib.get_close_matches(wanted, known, 3, 0.6))[:3] if wanted else []


def told(issue: Issue) -> str:
    """A known issue: what it is, which releases have it, the stack, what helps, where to read on."""
    lines = [*wrap(known_issue_text(issue.title), WIDTH), "", *(f"{issue.product} {release}" for release in affected(issue))]
    lines += ["", tell("The stack that it is known by, others may stand between:"), *(f"    at {frame}" for frame in issue.frames)]
    lines += [tell("Thread state: {state}", state=issue.state)] if issue.state else []
    lines += [tell("Locks: {locks}", locks=", ".join(issue.locks))] if issue.locks else []
    lines += [tell("Only beside: {rules}", rules=", ".join(issue.rules))] if issue.rules else []
    lines += ["", *wrap(tell("What helps: {text}", text=known_issue_text(issue.workaround)), WIDTH)] if issue.workaround else []
    return "\n".join([issue.id, "", *lines, "", tell("Version from: {source}", source=_source(issue)), issue.link]) + "\n"


def _source(issue: Issue) -> str:
    """Where the evidence states the product's version."""
    if issue.source is Source.JVM:
        return say("the heading of the thread dump")
    if issue.source is Source.GO:
        return say("the paths of the standard library")
    if issue.source is Source.PYTHON:
        return say("the heading of the stacks")
    return say("open files, command lines and paths that name {names}", names=", ".join(issue.names))


def affected(issue: Issue) -> list[str]:
    """The releases with the defect, one range each."""
    return [tell(_range(row.first, row.fixed)) for row in issue.affected]


def _range(first: str, fixed: str) -> str:
    """Releases from one to another."""
    if first and fixed:
        return say("from {first} before {fixed}, which has the fix", first=first, fixed=fixed)
    if fixed:
        return say("of any version before {fixed}, which has the fix", fixed=fixed)
    if first:
        return say("from {first}; no release is known to have a fix", first=first)
    return say("of any version; no release is known to have a fix")

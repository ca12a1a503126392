"""Rules in the user's words: their docstrings are the explanation. Known issues of other software by their identifiers."""

from __future__ import annotations

import difflib
import inspect
import textwrap

from analyzer.rules import RULES, Rule, slug
from analyzer.software.known_issues import Issue, Source, known_issue
from reports.formats.prose import wrap
from reports.language.catalogue import explanation

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
    lines = [textwrap.fill(issue.title, WIDTH), "", *(f"{issue.product} {release}" for release in affected(issue))]
    lines += ["", "The stack that it is known by, others may stand between:", *(f"    at {frame}" for frame in issue.frames)]
    lines += [f"Thread state: {issue.state}"] if issue.state else []
    lines += [f"Locks: {', '.join(issue.locks)}"] if issue.locks else []
    lines += [f"Only beside: {', '.join(issue.rules)}"] if issue.rules else []
    lines += ["", textwrap.fill(f"What helps: {issue.workaround}", WIDTH)] if issue.workaround else []
    return (
        "\n".join([issue.id, "", *lines, "", f"Version from: {_SOURCES[issue.source].format(names=', '.join(issue.names))}", issue.link])
        + "\n"
    )


_SOURCES = {
    Source.JVM: "the heading of the thread dump",
    Source.GO: "the paths of the standard library",
    Source.PYTHON: "the heading of the stacks",
    Source.ARTIFACT: "open files, command lines and paths that name {names}",
}


def affected(issue: Issue) -> list[str]:
    """The releases with the defect, one range each."""
    return [
        " ".join(
            part
            for part in (
                f"from {row.first}" if row.first else "of any version",
                f"before {row.fixed}, which has the fix" if row.fixed else "; no release is known to have a fix",
            )
        ).replace(" ;", ";")
        for row in issue.affected
    ]

"""Selectors that nobody closes, told by counts of descriptors alone: each has a descriptor of epoll and both ends of a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.families.counted_sockets import process_of, shown, stacks_of, whose
from analyzer.model.finding import Action, Confidence, Culprit, Finding, Severity, Step, When
from analyzer.model.message import capitalized, plural, say
from parsers.records import Counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.counts import Count
    from analyzer.waits.case import Case

MANY: Final = 300
"""Selectors from which on they are no loops of a server: it has one or two for each processor."""
_POLLS: Final = ("a_inode", "anon_inode:[eventpoll]", "[eventpoll]", "eventpoll")
_PIPES: Final = ("FIFO", "pipe")
_BOTH: Final = 2
"""Ends of a pipe, which the JVM's selectors wake themselves with."""
_LIKE: Final = 0.1
"""Share by which the pipes may differ from two for each selector."""


def left_open(case: Case) -> Iterator[Finding]:
    """One for each process whose descriptors are selectors, by what they were counted as."""
    files = case.counts.of(Counted.DESCRIPTORS)
    for polls in (one for one in files if one.last.name in _POLLS and one.number >= MANY):
        pipes = next((one for one in files if (one.last.name or "").startswith(_PIPES) and one.host == polls.host), None)
        if pipes is not None and abs(pipes.number - _BOTH * polls.number) <= _LIKE * pipes.number:
            yield _finding(case, polls, pipes)
            return


def _finding(case: Case, polls: Count, pipes: Count) -> Finding:
    process = process_of(case, polls)
    evidence = (shown(polls.last.where, polls, polls.number), shown(pipes.last.where, pipes, pipes.number))
    return Finding(
        rule="fd-leak-without-tcp",
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        headline=say(
            "{who} has about {selectors:,} selectors open ({pipes:,} ends of pipes beside them): event loops that are made and never closed.",
            who=capitalized(whose(process)),
            selectors=polls.number,
            pipes=pipes.number,
        ),
        explanation=say(
            "{descriptors} of epoll and {pipes:,} ends of pipes were counted, two for each: that is what a selector of the JVM is made of. A server has one or two for each processor. So many are left by clients or loops that are made for each call and not closed: asynchronous HTTP clients, Netty's event loop groups, selectors of one's own. Each has threads, too: what these are called tells whose they are.",
            descriptors=plural(polls.number, "descriptor"),
            pipes=pipes.number,
        ),
        why_confident=say("The counts fit selectors; who makes them, and that they grow, a count does not show."),
        evidence=evidence,
        process=process,
        culprit=Culprit(),
        chain=(
            Step(say("the application"), say("makes"), say("event loops"), evidence[:1]),
            Step(whose(process), say("never closes"), plural(polls.number, "selector"), evidence[1:]),
        ),
        actions=(
            Action(When.NOW, say("Count the threads by name: the loops' own name tells which client or library made them.")),
            Action(
                When.FIX, say("Make one asynchronous client or event loop group and share it, and close those that are made for a while.")
            ),
        ),
        figures=((f"{polls.number:,}", say("selectors")),),
        missing=(stacks_of(process),),
    )

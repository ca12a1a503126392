"""What changed between diagnoses of one server, from the first to the last: findings gone, new and the same, counts, pools, and what that means.

Honest about what it cannot know: a finding is gone only if the second evidence could have shown it. All sides are read through the JSON
contract, so that a report of last week compares with the folder of today.
"""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Confidence, Outcome, Severity, Status
from reports.compare.course import Course, StayedStack, courses, rates, stayed
from reports.compare.report_v1 import Finding, Incident, Pool, Side, Verdict
from reports.language.catalogue import label_of, tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCHEMA: Final = "difference/1"
NOTABLE: Final = 10
"""Change of a count below which it is what comes and goes between two moments …"""
NOTABLE_SHARE: Final = 0.2
"""… and the share of the larger count below which it is, too."""


_HARMLESS: Final = 2
"""The rank of no trouble at all: that of information."""


class Change(StrEnum):
    """The verdict of a comparison."""

    FIXED = "fixed"
    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    UNKNOWN = "cannot be compared"


class Pair(msgspec.Struct, frozen=True):
    """A finding of both sides, or of one of them; ``why`` says what cannot be known or what else changed."""

    before: Finding | None
    after: Finding | None
    why: str = ""


class Count(msgspec.Struct, frozen=True):
    """A number before and after, and on every side; None where a side does not show it. ``bad`` numbers are better when small."""

    label: str
    before: int | None
    after: int | None
    bad: bool = True
    values: tuple[int | None, ...] = ()

    @property
    def notable(self) -> bool:
        """True if the change is more than what comes and goes."""
        if self.before is None or self.after is None:
            return False
        change = abs(self.after - self.before)
        return change >= NOTABLE and change >= NOTABLE_SHARE * max(self.before, self.after)


class PoolPair(msgspec.Struct, frozen=True):
    """A pool before and after, and on every side; None where it is not there."""

    name: str
    before: Pool | None
    after: Pool | None
    sides: tuple[Pool | None, ...] = ()


class Step(msgspec.Struct, frozen=True):
    """What a side changed against the side before it."""

    change: Change
    reason: str


class SideHead(msgspec.Struct, frozen=True):
    """The verdict of one of the sides."""

    incident: Incident
    verdict: Verdict
    kinds: tuple[str, ...]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The whole comparison: the first side with the last, and all sides in their order."""

    schema: str
    before: Incident
    after: Incident
    change: Change
    reason: str
    gone: tuple[Pair, ...]
    new: tuple[Pair, ...]
    same: tuple[Pair, ...]
    unknown: tuple[Pair, ...]
    counts: tuple[Count, ...]
    pools: tuple[PoolPair, ...]
    notes: tuple[str, ...]
    sides: tuple[SideHead, ...] = ()
    steps: tuple[Step, ...] = ()
    courses: tuple[Course, ...] = ()
    rates: tuple[float | None, ...] = ()
    """Sockets in CLOSE_WAIT that came each minute, on every side."""
    stayed: tuple[StayedStack, ...] = ()


def compare(*sides: Side, same_server: bool = False) -> Difference:
    """Pair the findings of the first and the last, count on all, and judge. ``same_server``: the user says so, whatever ports are served."""
    before, after = sides[0], sides[-1]
    pairs = _paired(before, after)
    counts, pools = tuple(_counts(sides)), tuple(_pools(sides))
    ports = "" if same_server else _strangers(before, after)
    change, reason = _judged(before, after, pairs, counts, ports)
    return Difference(
        schema=SCHEMA,
        before=before.incident,
        after=after.incident,
        change=change,
        reason=reason,
        gone=pairs.gone,
        new=pairs.new,
        same=pairs.same,
        unknown=pairs.unknown,
        counts=counts,
        pools=pools,
        notes=tuple(_notes(before, after, ports)),
        sides=tuple(SideHead(side.incident, side.verdict, tuple(sorted(side.kinds))) for side in sides),
        steps=tuple(_step(*neighbours, same_server=same_server) for neighbours in pairwise(sides)),
        courses=courses(sides, _blind),
        rates=rates(sides),
        stayed=stayed(sides),
    )


def _step(before: Side, after: Side, *, same_server: bool) -> Step:
    ports = "" if same_server else _strangers(before, after)
    return Step(*_judged(before, after, _paired(before, after), tuple(_counts((before, after))), ports))


class Pairs(msgspec.Struct, frozen=True):
    """The findings of both sides, sorted out."""

    gone: tuple[Pair, ...]
    new: tuple[Pair, ...]
    same: tuple[Pair, ...]
    unknown: tuple[Pair, ...]


def _paired(before: Side, after: Side) -> Pairs:
    """Gone, new, same, and those of which the second evidence says nothing. By fingerprint first, then by rule."""
    left, right = list(before.trouble), list(after.trouble)
    same: list[Pair] = []
    for by in ("key", "rule"):
        for finding in tuple(left):
            other = next((one for one in right if getattr(one, by) == getattr(finding, by)), None)
            if other is not None:
                left.remove(finding)
                right.remove(other)
                same.append(Pair(finding, other, _shift(finding, other)))
    # What was information before is no trouble that is new: it is more of the same.
    for finding in tuple(right):
        was = next((one for one in before.findings if one.severity is Severity.INFO and one.key == finding.key), None)
        if was is not None:
            right.remove(finding)
            same.append(Pair(was, finding, _shift(was, finding)))
    gone: list[Pair] = []
    unknown: list[Pair] = []
    for finding in left:
        why = _blind(finding, before, after)
        (unknown if why else gone).append(Pair(finding, None, why))
    return Pairs(tuple(gone), tuple(Pair(None, one) for one in right), tuple(same), tuple(unknown))


def _shift(before: Finding, after: Finding) -> str:
    """What changed in a finding that is still there."""
    said = []
    if before.severity is not after.severity:
        said.append(tell("was {before}, is {after}", before=label_of(before.severity.value), after=label_of(after.severity.value)))
    if before.confidence is not after.confidence:
        said.append(tell("was {before}, is {after}", before=label_of(before.confidence.value), after=label_of(after.confidence.value)))
    if before.key != after.key:
        said.append(tell("the same rule, at another place in the code"))
    return "; ".join(said)


def _blind(finding: Finding, before: Side, after: Side) -> str:
    """Why the second evidence cannot say that a finding is gone; empty if it can."""
    lacking = before.kinds - after.kinds
    if lacking:
        return tell("the second evidence has no {kinds}", kinds=tell(" and no ").join(label_of(kind) for kind in sorted(lacking)))
    check = next((check for check in after.checked if check.rule == finding.rule), None)
    if check is None:
        return tell("the second report does not know this rule")
    if check.outcome in {Outcome.SKIPPED, Outcome.FAULT}:
        return tell("{outcome} in the second: {why}", outcome=label_of(check.outcome.value), why=check.why)
    return ""


def _counts(sides: Sequence[Side]) -> Iterable[Count]:
    """Numbers of the last snapshot of each side."""

    def counted(label: str, kind: str, values: Sequence[int], *, bad: bool = True) -> Iterable[Count]:
        known = [value if kind in side.kinds else None for value, side in zip(values, sides, strict=True)]
        if any(known):
            yield Count(label, known[0], known[-1], bad, tuple(known))

    tables = [side.servers for side in sides]
    yield from counted(tell("clients in CLOSE_WAIT"), "sockets", [sum(one.close_wait.total for one in served) for served in tables])
    yield from counted(
        tell("of these with an unread request"), "sockets", [sum(one.close_wait.unread for one in served) for served in tables]
    )
    yield from counted(tell("of these not accepted"), "sockets", [sum(one.close_wait.unaccepted for one in served) for served in tables])
    yield from counted(
        tell("clients connected (ESTABLISHED)"),
        "sockets",
        [sum(one.states.get("ESTABLISHED", 0) for one in served) for served in tables],
        bad=False,
    )
    own = [[one for one in side.sockets if one.side == "client" and one.snapshot in side.last(side.sockets)] for side in sides]
    yield from counted(tell("own connections in CLOSE_WAIT"), "sockets", [sum(one.close_wait.total for one in opened) for opened in own])
    pools = [[pool for pool in side.now if pool.role == "server"] for side in sides]
    yield from counted(tell("busy request threads"), "threads", [sum(pool.busy for pool in those) for those in pools])
    yield from counted(tell("request threads"), "threads", [sum(pool.size for pool in those) for those in pools], bad=False)


def _pools(sides: Sequence[Side]) -> Iterable[PoolPair]:
    """Pools of all sides by name; numbers in names may differ after a restart."""
    rows: list[tuple[str, list[Pool | None]]] = []
    for at, side in enumerate(sides):
        left = {pool.name: pool for pool in side.now}
        for similar in (str, _unnumbered):
            for name, row in rows:
                match = None if len(row) > at else next((own for own in left if similar(own) == similar(name)), None)
                if match is not None:
                    row.append(left.pop(match))
        for _, row in rows:
            row.extend([None] * (at + 1 - len(row)))
        rows += [(name, [*[None] * at, pool]) for name, pool in left.items()]
    if sum("threads" in side.kinds for side in sides) > 1:
        yield from (PoolPair(name, row[0], row[-1], tuple(row)) for name, row in rows)


def _unnumbered(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _notes(before: Side, after: Side, ports: str) -> Iterable[str]:
    """What a reader must know before trusting the comparison."""
    for kind in sorted(before.kinds - after.kinds):
        yield tell("Only the first has {kind}: what they showed cannot be looked for in the second.", kind=label_of(kind))
    for kind in sorted(after.kinds - before.kinds):
        yield tell("Only the second has {kind}: what is new may have been there before.", kind=label_of(kind))
    if ports:
        yield tell("No served port is common ({ports}): are these the same server? --same-server says so.", ports=ports)
    if after.kinds and not after.in_use:
        yield tell("In the second nobody is connected and no request thread works: without load a stall cannot show.")


def _strangers(before: Side, after: Side) -> str:
    """The served ports of both sides if none is common, else an empty text."""
    ports = [{str(table.local_port) for table in side.servers} for side in (before, after)]
    return "; ".join(", ".join(sorted(one)) for one in ports) if all(ports) and not ports[0] & ports[1] else ""


_NONE: Final = Finding("", "", Severity.INFO, Confidence.SUSPECTED, "")


def _judged(before: Side, after: Side, pairs: Pairs, counts: Sequence[Count], ports: str) -> tuple[Change, str]:
    """The verdict and its reason in one sentence."""
    for side, word in ((before, "first"), (after, "second")):
        if not side.kinds:
            return Change.UNKNOWN, tell("the {which} evidence shows neither threads nor sockets", which=label_of(word))
    if not before.trouble and not after.trouble:
        if Status.INSUFFICIENT in {before.verdict.status, after.verdict.status}:
            said = tell("at least one of the two has not enough evidence for a verdict")
            more = _told(count for count in counts if _grew(count))
            return Change.UNKNOWN, tell("{said}; more than before: {more}", said=said, more=more) if more else said
        return Change.SAME, tell("neither shows trouble")
    change, reason = _changed(before, after, pairs, counts)
    if ports and change in {Change.FIXED, Change.BETTER}:
        return Change.UNKNOWN, tell(
            "{reason}, but no served port is common ({ports}): these may be different servers", reason=reason, ports=ports
        )
    return change, reason


def _changed(before: Side, after: Side, pairs: Pairs, counts: Sequence[Count]) -> tuple[Change, str]:
    """What the findings say, and where they are the same, the counts."""
    worst = [min((finding.severity.rank for finding in side.trouble), default=_HARMLESS) for side in (before, after)]
    added = [pair for pair in pairs.new if not (pair.after or _NONE).consequence_of]
    if worst[1] < worst[0]:
        more = [count for count in counts if _grew(count)]
        if more and pairs.same and not added:
            return Change.WORSE, tell("not new, but more: {named} ({told})", named=_named(pairs.same), told=_told(more))
        return Change.WORSE, tell("more severe than what was there before: {named}", named=_named(pairs.new or pairs.same))
    if pairs.unknown and not pairs.same and not pairs.new:
        return Change.UNKNOWN, tell("no search was possible for {named}: {why}", named=_named(pairs.unknown), why=pairs.unknown[0].why)
    if added and not pairs.gone:
        return Change.WORSE, tell("new: {named}", named=_named(added))
    if pairs.gone and not pairs.same and not pairs.new:
        return _gone(after, pairs.gone)
    if pairs.gone and worst[1] > worst[0]:
        return Change.BETTER, tell(
            "gone: {named}; less severe and still to mend: {rest}", named=_named(pairs.gone), rest=_named((*pairs.same, *pairs.new))
        )
    if pairs.gone and added:
        return Change.SAME, tell("gone: {named}; in its place: {rest}", named=_named(pairs.gone), rest=_named(added))
    if any(not (pair.before or _NONE).consequence_of for pair in pairs.gone):
        return Change.BETTER, tell("gone: {named}; still there: {rest}", named=_named(pairs.gone), rest=_named(pairs.same))
    return _moved((*pairs.same, *pairs.new), counts)


def _grew(count: Count) -> bool:
    return count.bad and count.notable and (count.after or 0) > (count.before or 0)


def _told(counts: Iterable[Count]) -> str:
    """Numbers before and after."""
    return "; ".join(f"{count.label} {count.before:,} → {count.after:,}" for count in counts)


def _gone(after: Side, gone: Sequence[Pair]) -> tuple[Change, str]:
    """All that hurt is gone: fixed if the second is healthy and in use."""
    if after.verdict.status is not Status.HEALTHY:
        return Change.BETTER, tell(
            "no longer seen: {named}; but the second evidence is not enough to call the server healthy", named=_named(gone)
        )
    if not after.in_use:
        return Change.BETTER, tell(
            "no longer seen: {named}; but nobody uses the server in the second: a restart looks the same", named=_named(gone)
        )
    return Change.FIXED, tell("gone: {named}; what came later shows a healthy server in use", named=_named(gone))


def _moved(same: Sequence[Pair], counts: Sequence[Count]) -> tuple[Change, str]:
    """The same findings: the numbers decide."""
    moved = [count for count in counts if count.bad and count.notable and count.before is not None and count.after is not None]
    told = _told(moved)
    what = tell("still there: {named}", named=_named(same))
    ways = {(count.after or 0) > (count.before or 0) for count in moved}
    if ways == {True}:
        return Change.WORSE, tell("{what}; there is more of it: {told}", what=what, told=told)
    if ways == {False}:
        return Change.BETTER, tell("{what}; there is less of it: {told}", what=what, told=told)
    return Change.SAME, f"{what} ({told})" if told else tell("{what}; the numbers are about the same", what=what)


def _named(pairs: Sequence[Pair]) -> str:
    """The rules of some pairs, causes before consequences."""
    found = [pair.after or pair.before or _NONE for pair in pairs]
    rules = dict.fromkeys(one.rule for one in sorted(found, key=lambda one: (bool(one.consequence_of), one.severity.rank)))
    return tell(" and ").join(rules)

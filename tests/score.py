"""Holds every sample against the truth that its program recorded (``make samples`` prints the table).

Right, wrong and unknown are told apart everywhere: what the tool does not claim is unknown, not wrong. A sample whose cause no rule
looks for yet is an open row.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from analyzer.model.finding import Confidence, Diagnosis, Severity
from analyzer.rules import RULES, slug
from analyzer.software.pools import VIRTUAL
from tests.builders import SAMPLES, sample

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = {slug(rule) for rule in RULES} | {"healthy"}


class Score(NamedTuple):
    """One sample's row. ``links`` and ``waits`` are (right, wrong, unknown)."""

    name: str
    cause: str
    said: str
    verdict: str
    culprit: str
    links: tuple[int, int, int]
    waits: tuple[int, int, int]
    false_claims: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """True if no rule looks for the cause yet."""
        return self.cause not in KNOWN


def folders() -> list[Path]:
    """Samples with recorded truth."""
    return sorted(path.parent for path in SAMPLES.glob("*/truth.json"))


def truth_of(name: str) -> dict[str, Any]:
    """The recorded truth."""
    found: dict[str, Any] = json.loads((SAMPLES / name / "truth.json").read_text(encoding="utf-8"))
    return found


@cache
def score(name: str) -> Score:
    """Compare the diagnosis of a sample with its truth."""
    truth = truth_of(name)
    diagnosis = sample(name)
    said = diagnosis.verdict.rule or str(diagnosis.verdict.status)
    return Score(
        name=name,
        cause=truth["cause"],
        said=f"{said} {diagnosis.verdict.confidence or ''}".strip(),
        verdict="right" if said == truth["cause"] else "unknown" if diagnosis.verdict.rule is None and said != "healthy" else "wrong",
        culprit=_culprit(truth, diagnosis),
        links=_links(truth, diagnosis),
        waits=_waits(truth, diagnosis),
        false_claims=_false_claims(truth, diagnosis),
    )


def _culprit(truth: dict[str, Any], diagnosis: Diagnosis) -> str:
    frame = diagnosis.primary.culprit.frame if diagnosis.primary else None
    if truth["culprit_frame"] is None:
        return "-"
    if frame is None:
        return "unknown"
    # The source stands in the last parentheses: Go's names have some of their own.
    return "right" if (frame.rpartition("(")[0] or frame) == truth["culprit_frame"] else "wrong"


def _links(truth: dict[str, Any], diagnosis: Diagnosis) -> tuple[int, int, int]:
    """Calls and served connections of threads: linked to the right thread or pool, to a wrong one, or not at all."""
    right = wrong = unknown = 0
    last = {(link.local, link.remote, link.role == "calls"): link for link in diagnosis.links}
    for socket in truth["sockets"]:
        link = last.get((socket["local"], socket["remote"], socket["role"] == "calls"))
        if link is None:
            unknown += 1
        elif link.thread is not None:
            right, wrong = (right + 1, wrong) if link.thread == socket["thread"] else (right, wrong + 1)
        elif link.pool is not None and _is_of(socket["thread"], link.pool) and (link.role != "queued" or socket["role"] == "calls"):
            right += 1
        else:
            wrong += 1
    return right, wrong, unknown


def _is_of(thread: str, pool: str) -> bool:
    """True if the truth's thread belongs to the pool; a virtual thread without a name is recorded as ``#N``."""
    return thread.startswith("#") if pool == VIRTUAL else thread.startswith(pool)


def _waits(truth: dict[str, Any], diagnosis: Diagnosis) -> tuple[int, int, int]:
    """The pool behind each future."""
    right = wrong = unknown = 0
    found = {wait.waiter: wait for wait in diagnosis.waits if wait.on in {"future", "completable-future", "latch"}}
    for future in truth["futures"]:
        wait = found.get(future["waiter"])
        if wait is None or wait.holder_pool is None:
            unknown += 1
        elif str(future["pool"]).startswith(wait.holder_pool):
            right += 1
        else:
            wrong += 1
    return right, wrong, unknown


def _false_claims(truth: dict[str, Any], diagnosis: Diagnosis) -> tuple[str, ...]:
    """Rules that must not be claimed above info, and certainties that are neither the cause nor a true consequence."""
    claimed = {finding.rule for finding in diagnosis.findings if finding.severity is not Severity.INFO}
    sure = {
        finding.rule for finding in diagnosis.findings if finding.confidence is Confidence.CERTAIN and finding.severity is not Severity.INFO
    }
    allowed = {truth["cause"], *truth["also"]}
    return tuple(sorted((claimed & set(truth["must_not"])) | (sure - allowed)))


def main() -> None:
    """Print the table."""
    rows = [score(folder.name) for folder in folders()]
    out = sys.stdout.write
    out(f"{'sample':<30} {'cause':<28} {'said':<38} {'verdict':<8} {'culprit':<8} {'links':>12} {'waits':>12}  false claims\n")
    for row in rows:
        verdict = "open" if row.is_open and row.verdict != "right" else row.verdict
        counts = [f"{'/'.join(map(str, part)):>12}" for part in (row.links, row.waits)]
        out(
            f"{row.name:<30} {row.cause:<28} {row.said:<38} {verdict:<8} {row.culprit:<8} {' '.join(counts)}  {', '.join(row.false_claims)}\n"
        )
    right = sum(row.verdict == "right" for row in rows)
    links = [sum(row.links[n] for row in rows) for n in range(3)]
    waits = [sum(row.waits[n] for row in rows) for n in range(3)]
    out(
        f"\n{right} of {len(rows)} causes right, {sum(row.is_open for row in rows)} open; links {links[0]} right, {links[1]} wrong, {links[2]} unknown: "
        f"{links[0] / sum(links):.0%} of the sockets that blocked threads had are linked;"
    )
    out(
        f" waits {waits[0]} right, {waits[1]} wrong, {waits[2]} unknown; {sum(bool(row.false_claims) for row in rows)} samples with a false claim\n"
    )


if __name__ == "__main__":
    main()

"""The laws of evidence, tried over all samples: less evidence never makes surer, damage never makes a cause, nothing makes a sick server healthy.

``python -m tests.laws [subsets|cuts|pairs]`` tries everything and counts; the tests try a seeded part of it.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from analyzer.intake.read import assemble, read_one
from analyzer.model.finding import Confidence, Severity, Status
from tests.builders import SAMPLES, judge, readings, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analyzer.intake.read import Reading
    from analyzer.model.finding import Diagnosis

NAMES = sorted(path.parent.name for path in SAMPLES.glob("*/truth.json"))
STEPS = 20
"""Cuts at every twentieth of a file."""
MOST_SUBSETS = 40


Kind: TypeAlias = "Callable[[str], Iterator[Trial]]"
"""Makes the trials of one sample."""


class Trial(NamedTuple):
    """One damaged incident: the sample, what was done to it, and how to read what is left."""

    sample: str
    damage: str
    left: Callable[[], tuple[Reading, ...]]


def subsets(name: str) -> Iterator[Trial]:
    """Every subset of the files, or a seeded choice where there are too many."""
    whole = readings(name)
    sizes = range(1, len(whole))
    every = [part for size in sizes for part in itertools.combinations(whole, size)] if len(whole) <= 8 else []
    chance = random.Random(name)
    chosen = chance.sample(every, min(MOST_SUBSETS, len(every))) if every else [_some(whole, chance) for _ in range(MOST_SUBSETS)]
    for part in chosen:
        yield Trial(name, "only " + ", ".join(reading.file for reading in part), partial(tuple, part))


def _some(whole: Sequence[Reading], chance: random.Random) -> tuple[Reading, ...]:
    return tuple(reading for reading in whole if chance.random() < 0.5) or tuple(whole[:1])


def cuts(name: str) -> Iterator[Trial]:
    """Each text file in turn cut at every twentieth, in the middle of a line."""
    whole = readings(name)
    for index, reading in enumerate(whole):
        path = SAMPLES / name / reading.file
        if reading.source is None or not path.is_file() or path.suffix == ".gz":
            continue
        data = path.read_bytes()
        for step in range(1, STEPS):
            left = partial(_with_cut, whole, index, data[: len(data) * step // STEPS])
            yield Trial(name, f"{reading.file} cut at {step}/{STEPS}", left)


def _with_cut(whole: tuple[Reading, ...], index: int, data: bytes) -> tuple[Reading, ...]:
    return (*whole[:index], read_one(whole[index].file, data), *whole[index + 1 :])


def broken(trial: Trial) -> str | None:
    """How the diagnosis of what is left breaks the law, None if it does not."""
    truth = json.loads((SAMPLES / trial.sample / "truth.json").read_text())
    diagnosis = judge(assemble(trial.sample, trial.left()))
    whole = {finding.rule for finding in sample(trial.sample).findings if finding.confidence is not Confidence.SUSPECTED}
    return _false_claim(diagnosis, truth, whole)


def _false_claim(diagnosis: Diagnosis, truth: dict[str, object], whole: set[str]) -> str | None:
    """A claim that neither the truth nor the whole evidence makes, or health where there is none."""
    allowed = {truth["cause"], *_words(truth["also"]), *whole}
    surely = [
        finding
        for finding in diagnosis.findings
        if finding.confidence is not Confidence.SUSPECTED
        and finding.severity is not Severity.INFO
        and not finding.cause_unknown
        and finding.rule not in allowed
    ]
    if surely:
        return f"claims {surely[0].rule} {surely[0].confidence}: {surely[0].headline}"
    if diagnosis.verdict.status is Status.HEALTHY and truth["cause"] != "healthy":
        return "calls a sick server healthy"
    return None


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else []


def main() -> int:
    """Try everything; a line for each broken law, and a count."""
    kinds = {"subsets": subsets, "cuts": cuts}
    tried = failed = 0
    for kind in sys.argv[1:] or list(kinds):
        for name in NAMES:
            for trial in kinds[kind](name):
                tried += 1
                if (wrong := broken(trial)) is not None:
                    failed += 1
                    print(f"{name}: {trial.damage}: {wrong}", flush=True)  # noqa: T201
        print(f"{kind}: {failed} of {tried} broken", flush=True)  # noqa: T201
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

"""Coverage-guided fuzzing of the whole pipe: bytes → outputs → incident → every rule → every report.

    make fuzz SECONDS=3600          needs atheris; begins with the samples and with what broke before (tests/corpus)

What must hold for any bytes: nothing raises, no rule breaks, every line that is not blank is either read or counted as unread, and every format
of the report can be made. An input that breaks something is kept in build/fuzz; once it is mended it belongs to tests/corpus, and
tests/test_fuzz.py runs it for ever.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).parent.parent
CORPUS: Final = ROOT / "tests" / "corpus"
KEPT: Final = ROOT / "build" / "fuzz"
LARGEST: Final = 40_000
"""Bytes of an input: a report of it takes some ten milliseconds."""


def whole_pipe() -> Callable[[bytes], None]:
    """What is run for each input; imported late, so that a fuzzer can look at the modules as they are loaded."""
    from analyzer.intake.read import assemble, read_one
    from analyzer.judge.engine import diagnose
    from analyzer.model.finding import Outcome
    from parsers import outputs
    from parsers.text.source import Source
    from reports.contract import json_v1
    from reports.formats import html, jira, markdown, summary, terminal, text
    from reports.language.catalogue import speaking
    from reports.view import build

    def run(data: bytes) -> None:
        evidence = assemble("fuzz", [read_one("evidence.txt", data)])
        diagnosis = diagnose(evidence.incident, lambda where: evidence.sources[where.file].excerpt(where))
        broken = [check.rule for check in diagnosis.checked if check.outcome is Outcome.FAULT]
        assert not broken, f"rules broke: {broken}"
        source = evidence.sources.get("evidence.txt")
        for section, _, parsed in outputs(Source("evidence.txt", data)) if source is not None else ():
            assert parsed.read + sum(gap.lines for gap in parsed.unread) == section.nonblank, section.where(0)
        json_v1.render(diagnosis, "0")
        for language in ("en", "ko"):
            with speaking(language):
                view = build.build(diagnosis, "analyze fuzz", "0")
                for form in (html, markdown, jira, text, summary):
                    form.render(view)
                terminal.verdict(view, 80, color=False)

    return run


def seeds() -> list[bytes]:
    """The artifacts of the samples that are small enough, and what broke before."""
    paths = [path for folder in (ROOT / "samples", CORPUS) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path.read_bytes() for path in paths if "lab" not in path.parts and path.stat().st_size <= LARGEST]


def mixed(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """An input with whole lines lost, doubled, exchanged, or taken from another one: what copying and pasting does."""
    lines = data.split(b"\n")
    for _ in range(dice.randrange(1, 6)):
        at, kind = dice.randrange(len(lines) + 1), dice.randrange(5)
        if kind == 0:
            del lines[at : at + dice.randrange(1, 20)]
        elif kind == 1:
            lines[at:at] = lines[at : at + dice.randrange(1, 20)]
        elif kind == 2:
            other = dice.choice(others).split(b"\n")
            begin = dice.randrange(len(other))
            lines[at:at] = other[begin : begin + dice.randrange(1, 60)]
        elif kind == 3 and lines:
            at = min(at, len(lines) - 1)
            cut = dice.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:cut]
        else:
            prefix = dice.choice([b"> ", b"    ", b"12:", b"2026-01-02T03:04:05Z ", b"\t", b"[pod/a] "])
            lines[at : at + 40] = [prefix + line for line in lines[at : at + 40]]
        lines = lines or [b""]
    return b"\n".join(lines)[:LARGEST]


def main() -> None:
    """Run atheris; further arguments are those of libFuzzer."""
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore] # not part of the development environment: it is not built for every Python

    with atheris.instrument_imports(include=["parsers", "analyzer", "reports"]):
        run = whole_pipe()
    inputs = seeds()
    corpus = KEPT / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        corpus.joinpath(f"seed-{number:04}").write_bytes(data)

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        dice = random.Random(seed)
        return mixed(data, inputs, dice)[:most] if dice.random() < 0.6 else bytes(atheris.Mutate(data, most))

    arguments = [
        sys.argv[0],
        f"-max_len={LARGEST}",
        f"-artifact_prefix={KEPT}/",
        "-rss_limit_mb=3000",
        "-timeout=120",
        *sys.argv[1:],
        str(corpus),
    ]
    atheris.Setup(arguments, run, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

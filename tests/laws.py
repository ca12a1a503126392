"""The laws of evidence, tried over all samples: less evidence never makes surer, damage never makes a cause, nothing makes a sick server healthy.

What a log driver, a mail or a chat does to every line changes nothing. Of two incidents in one folder each keeps its truth, or silence. A dump of an idle
program, or a table of sockets of the host's other programs, beside an incident takes no cause away, and makes none surer.

``python -m tests.laws [subsets|cuts|disguises|pairs|strangers]`` tries everything and counts; the tests try a seeded part of it.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from analyzer.intake.read import assemble, expanded, read_one
from analyzer.model.finding import Confidence, Severity, Status
from tests.builders import NO_EVIDENCE, SAMPLES, judge, readings, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analyzer.intake.read import Reading
    from analyzer.model.finding import Diagnosis

NAMES = sorted(path.parent.name for path in SAMPLES.glob("*/truth.json"))
STEPS = 20
"""Cuts at every twentieth of a file."""
MOST_SUBSETS = 40
MOMENT = "2026-05-04T03:02:01"
"""Stands for the moment of the incident in a disguise: a log line with another day's stamp is told of another day."""
PARTNERS = 4
"""Other incidents that each is mixed with."""
DISGUISES: dict[str, Callable[[str], str]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "quoted": lambda text: "".join(f"> {line}\n" for line in text.splitlines()),
    "indented": lambda text: "".join(f"    {line}\n" for line in text.splitlines()),
    "service": lambda text: "".join(f"till-service-1  | {line}\n" for line in text.splitlines()),
    "stamped": lambda text: "".join(f"{MOMENT}.{n % 1000:03}Z {line}\n" for n, line in enumerate(text.splitlines())),
    "syslog": lambda text: "".join(f"May  4 03:02:01 web-01 till[4105]: {line}\n" for line in text.splitlines()),
    "fenced": lambda text: f"```\n{text.rstrip()}\n```\n",
    "spaces at the end": lambda text: "".join(f"{line}  \n" for line in text.splitlines()),
}
IDLE = "beside the dump of an idle program"
OTHERS = "beside the sockets of other programs"
OTHERS_TABLE = """State      Recv-Q Send-Q Local Address:Port  Peer Address:Port Process
LISTEN     0      128    0.0.0.0:22          0.0.0.0:*         users:(("sshd",pid=612,fd=3))
LISTEN     0      511    127.0.0.1:631       0.0.0.0:*         users:(("cupsd",pid=700,fd=7))
ESTAB      0      0      192.0.2.15:22       192.0.2.99:52114  users:(("sshd",pid=2612,fd=4))
"""


Kind: TypeAlias = "Callable[[str], Iterator[Trial]]"
"""Makes the trials of one sample."""


class Trial(NamedTuple):
    """One damaged incident: the sample, what was done to it, and how to read what is left."""

    sample: str
    damage: str
    left: Callable[[], tuple[Reading, ...]]
    partner: str | None = None


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


def disguises(name: str) -> Iterator[Trial]:
    """All text files at once in each disguise."""
    whole = readings(name)
    for disguise, change in DISGUISES.items():
        yield Trial(name, disguise, partial(_disguised, name, whole, change))


def _disguised(name: str, whole: tuple[Reading, ...], change: Callable[[str], str]) -> tuple[Reading, ...]:
    return tuple(_changed(name, reading, change) for reading in whole)


def _changed(name: str, reading: Reading, change: Callable[[str], str]) -> Reading:
    path = SAMPLES / name / reading.file
    if reading.source is None or not path.is_file() or path.suffix == ".gz":
        return reading
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return reading
    return read_one(reading.file, change(text).replace(MOMENT, _moment(name)).encode())


@cache
def _moment(name: str) -> str:
    """When the sample's last snapshot was taken, to the second; any moment where that is not recorded."""
    snapshots = json.loads((SAMPLES / name / "truth.json").read_text())["snapshots"]
    return str(snapshots[-1]["time"])[: len(MOMENT)] if snapshots else MOMENT


def pairs(name: str) -> Iterator[Trial]:
    """The incident beside others, each in a folder of its own."""
    # A number for each pair of names: a new sample changes no other one's partners but where it is one.
    others = sorted((other for other in NAMES if other != name), key=lambda other: random.Random(f"{name} {other}").random())
    for partner in others[:PARTNERS]:
        yield Trial(name, f"beside {partner}", partial(_beside, name, partner), partner)


def _beside(name: str, partner: str) -> tuple[Reading, ...]:
    return (*_in_folder(name), *_in_folder(partner))


@cache
def _in_folder(name: str) -> tuple[Reading, ...]:
    """The files of a sample, as they lie below a folder of its name."""
    files = [(path.relative_to(SAMPLES).as_posix(), path) for path in sorted((SAMPLES / name).rglob("*")) if path.is_file()]
    return tuple(read_one(*part) for file, path in files if path.name not in NO_EVIDENCE for part in expanded(file, path.read_bytes()))


def strangers(name: str) -> Iterator[Trial]:
    """The incident, and in its folder something of a program that has no part in it."""
    yield Trial(name, IDLE, partial(_and, name, "zz-idle-jstack.txt", _idle_dump()))
    if not any(snapshot.has_table for snapshot in assemble(name, readings(name)).incident.snapshots):
        yield Trial(name, OTHERS, partial(_and, name, "zz-others-ss.txt", OTHERS_TABLE))


def _and(name: str, file: str, text: str) -> tuple[Reading, ...]:
    return (*readings(name), read_one(file, text.encode()))


def _idle_dump() -> str:
    """Workers of a pool without work, in a dump of another day."""
    frames = "".join(
        f"\tat {frame}\n"
        for frame in (
            "jdk.internal.misc.Unsafe.park(java.base@17.0.15/Native Method)",
            "java.util.concurrent.locks.LockSupport.park(java.base@17.0.15/LockSupport.java:341)",
            "java.util.concurrent.LinkedBlockingQueue.take(java.base@17.0.15/LinkedBlockingQueue.java:435)",
            "java.util.concurrent.ThreadPoolExecutor.getTask(java.base@17.0.15/ThreadPoolExecutor.java:1062)",
            "java.util.concurrent.ThreadPoolExecutor$Worker.run(java.base@17.0.15/ThreadPoolExecutor.java:635)",
            "java.lang.Thread.run(java.base@17.0.15/Thread.java:840)",
        )
    )
    threads = "".join(
        f'"pier-worker-{n}" #{20 + n} prio=5 os_prio=0 cpu=1.50ms elapsed=90.10s tid=0x00007f31b400{n}000 nid=0x1f{n} waiting on condition  [0x00007f319c0{n}e000]\n'
        f"   java.lang.Thread.State: WAITING (parking)\n{frames}\n"
        for n in range(1, 5)
    )
    return f"2026-01-02 03:04:05\nFull thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing):\n\n{threads}"


def broken(trial: Trial) -> str | None:
    """How the diagnosis of what is left breaks the law, None if it does not."""
    if trial.damage in DISGUISES:
        return _changed_verdict(trial)
    if trial.partner is not None:
        return _foreign_claim(trial)
    if trial.damage in {IDLE, OTHERS}:
        return _lost_or_surer(trial)
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


def _changed_verdict(trial: Trial) -> str | None:
    """Another verdict for the same evidence in other clothes."""
    plain, worn = sample(trial.sample).verdict, judge(assemble(trial.sample, trial.left())).verdict
    before, after = ((one.status, one.rule, one.confidence) for one in (plain, worn))
    return None if before == after else f"{before} becomes {after}: {worn.headline}"


def _lost_or_surer(trial: Trial) -> str | None:
    """Another cause than without the stranger, or a surer one. What a log alone told may become one of the things that are shown."""
    evidence = assemble(trial.sample, trial.left())
    plain, beside = sample(trial.sample).verdict, judge(evidence).verdict
    before, after = ((one.status, one.rule, one.confidence) for one in (plain, beside))
    of_logs = not any(snapshot.dumps or snapshot.rows for snapshot in assemble(trial.sample, readings(trial.sample)).incident.snapshots)
    silent = plain.status is Status.HEALTHY or of_logs
    if plain.rule == beside.rule or (silent and beside.status is Status.INSUFFICIENT):
        order = list(Confidence)
        surer = plain.confidence and beside.confidence and order.index(beside.confidence) < order.index(plain.confidence)
        return f"{before} becomes surer, {after}" if surer else None
    return f"{before} becomes {after}: {beside.headline}"


def _foreign_claim(trial: Trial) -> str | None:
    """A claim that neither of two incidents makes alone, or health where one is sick."""
    assert trial.partner is not None
    names = (trial.sample, trial.partner)
    truths = [json.loads((SAMPLES / name / "truth.json").read_text()) for name in names]
    whole = {finding.rule for name in names for finding in sample(name).findings if finding.confidence is not Confidence.SUSPECTED}
    also = [word for truth in truths for word in (truth["cause"], *_words(truth["also"]))]
    sick = next((truth["cause"] for truth in truths if truth["cause"] != "healthy"), "healthy")
    return _false_claim(judge(assemble("pair", trial.left())), {"cause": sick, "also": also}, whole)


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else []


def main() -> int:
    """Try everything; a line for each broken law, and a count."""
    kinds = {"subsets": subsets, "cuts": cuts, "disguises": disguises, "pairs": pairs, "strangers": strangers}
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

"""The law of names: another name for each thread, pool, class, package, host and port changes neither the rule nor whom it blames.

``python -m tests.renaming [SEED]`` tries all samples and lists those that break it.
"""

from __future__ import annotations

import random
import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from analyzer.intake.read import assemble, read_one
from analyzer.waits.case import Case
from parsers.records import Runtime, ThreadDump
from tests.builders import SAMPLES, judge, readings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.intake.read import IntakeResult
    from analyzer.model.finding import Diagnosis

NAMES = sorted(path.parent.name for path in SAMPLES.glob("*/truth.json"))
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su", "ta", "ve", "wi", "xo", "zu")
HOSTS = ("web-01", "backend-01", "edge-01", "edge-02", "edge-03")
EXCEPTIONS = {
    "common-pool": "only the JDK's own name tells the common pool from another fork-join pool; the rule is then the general one",
    "self-call-collected": "its tables hold the kernel's short names of threads, its capture the ports",
    "seed-2015": "a text of fragments, whose addresses are host names that its lines share",
}
"""Samples whose files hold names in forms that are not replaced here, so that the map would not be consistent."""
_BINARY = (".pcap", ".pcapng", ".zip", ".gz", ".xz", ".zst")


class Renamed(NamedTuple):
    """A sample under other names, and the map that made it."""

    diagnosis: Diagnosis
    classes: dict[str, str]


def texts(name: str) -> dict[str, str]:
    """The text files of a sample, but for what tells its truth."""
    folder = SAMPLES / name
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in {"truth.json", "README.md"}]
    return {path.relative_to(folder).as_posix(): path.read_text(errors="surrogateescape") for path in paths if path.suffix not in _BINARY}


def evidence(name: str, files: dict[str, str]) -> IntakeResult:
    """The incident that the files make."""
    return assemble(name, [read_one(file, text.encode(errors="surrogateescape")) for file, text in sorted(files.items())])


def renamed(name: str, seed: int) -> tuple[Diagnosis, Renamed]:
    """The diagnosis of a sample as it stands, and under other names."""
    files = texts(name)
    before = evidence(name, files)
    chance = random.Random(f"{seed}/{name}")
    case = Case(before.incident)
    classes = _class_names(case, chance)
    ports = _ports(case, chance, files)
    quoted = _thread_names(case, chance, ports)
    names = {host: _word(chance, 2).lower() for host in HOSTS}
    replaced = {file: _replaced(text, quoted, classes, ports, names) for file, text in files.items()}
    return judge(before), Renamed(judge(evidence(name, replaced)), classes)


def _word(chance: random.Random, length: int) -> str:
    return "".join(chance.choice(SYLLABLES) for _ in range(length)).capitalize()


def _thread_names(case: Case, chance: random.Random, ports: dict[str, str]) -> dict[str, str]:
    """Thread → another name: each word of the old one has another word, numbers stay."""
    words: dict[str, str] = {}
    names = {member.thread.name for view in case.views for pool in view.pools if pool.role != "jvm" for member in pool.members}

    def other(match: re.Match[str]) -> str:
        return ports.get(match[0], match[0]) if match[0].isdecimal() else words.setdefault(match[0], _word(chance, 2))

    return {name: re.sub(r"[^\W\d_]+|\d+", other, name) for name in sorted(names) if name}


def _class_names(case: Case, chance: random.Random) -> dict[str, str]:
    """Application class (the outer one, with its package) → another name."""
    outer = {
        frame.cls.partition("$")[0]
        for view in case.views
        if view.dump
        for thread in view.dump.threads
        for frame in thread.frames
        if case.known.is_application(frame.cls) and "/" not in frame.cls
    }
    packages = {
        package: ".".join(_word(chance, 2).lower() for _ in range(package.count(".") + 1))
        for package in {_package(one) for one in outer}
        if package
    }
    return {one: f"{packages[_package(one)]}.{_word(chance, 3)}" if _package(one) else _word(chance, 3) for one in sorted(outer)}


def _package(cls: str) -> str:
    return cls.rpartition(".")[0]


def _ports(case: Case, chance: random.Random, files: dict[str, str]) -> dict[str, str]:
    """Listening port → another one; none where files hold ports in other forms than decimal digits behind a colon."""
    if any(word in text for text in files.values() for word in ("sl  local_address", "localhost:", "ip6-localhost")):
        return {}
    ports = sorted({str(port) for view in case.views for port in view.listeners if port < 30000})
    fresh = chance.sample(range(2000, 9999), len(ports))
    return dict(zip(ports, map(str, fresh), strict=True))


def _replaced(text: str, quoted: dict[str, str], classes: dict[str, str], ports: dict[str, str], hosts: dict[str, str]) -> str:
    if quoted:
        text = re.sub(
            "|".join(re.escape(f'"{one}"') for one in sorted(quoted, key=len, reverse=True)),
            lambda found: f'"{quoted[found[0][1:-1]]}"',
            text,
        )
    if classes:
        simple = {one.rpartition(".")[2]: other.rpartition(".")[2] for one, other in classes.items()}
        text = re.sub(
            "|".join(rf"(?<![\w.]){re.escape(one)}(?!\w)" for one in sorted(classes, key=len, reverse=True)),
            lambda found: classes[found[0]],
            text,
        )
        text = re.sub(r"\((\w+)\.java:", lambda found: f"({simple.get(found[1], found[1])}.java:", text)
    if ports:
        text = re.sub(r"(?<=[\d*:\]]:)(" + "|".join(ports) + r")(?![\d:.])", lambda found: ports[found[1]], text)
    return re.sub("|".join(map(re.escape, hosts)), lambda found: hosts[found[0]], text)


def broken(name: str, seed: int) -> str | None:
    """What the other names changed, None if nothing that they may not change."""
    before, after = renamed(name, seed)
    told, retold = before.verdict, after.diagnosis.verdict
    if (told.status, told.rule) != (retold.status, retold.rule):
        return f"{told.rule or told.status} became {retold.rule or retold.status}"
    if told.confidence is not None and retold.confidence is not None and abs(told.confidence.rank - retold.confidence.rank) > 1:
        return f"{told.confidence} became {retold.confidence}"
    first, second = before.primary, after.diagnosis.primary
    if first is None or second is None:
        return None
    frame, other = ((one.culprit.frame or "").partition("(")[0] for one in (first, second))
    if _mapped(frame, after.classes) != other:
        return f"{frame} became {other}"
    if [value for value, _ in first.figures] != [value for value, _ in second.figures]:
        return f"figures {first.figures} became {second.figures}"
    return None


def _mapped(frame: str, classes: dict[str, str]) -> str:
    cls, dot, method = frame.rpartition(".")
    outer, dollar, inner = cls.partition("$")
    return f"{classes.get(outer, outer)}{dollar}{inner}{dot}{method}"


def _is_java(name: str) -> bool:
    """True if all dumps of a sample are of a JVM: what is renamed here are classes and packages as Java spells them."""
    dumps = (dump for reading in readings(name) for part in reading.parts for dump in part.of(ThreadDump))
    return all(dump.runtime is Runtime.JVM for dump in dumps)


def trials() -> Iterator[str]:
    """The samples that the law is tried on."""
    yield from (name for name in NAMES if name not in EXCEPTIONS and _is_java(name))


def main() -> None:
    """Tries all samples."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    found = {name: why for name in trials() if (why := broken(name, seed)) is not None}
    for name, why in found.items():
        sys.stdout.write(f"{name:32} {why}\n")
    count = len(list(trials()))
    sys.stdout.write(f"{count - len(found)} of {count} samples keep rule, culprit and counts\n")


if __name__ == "__main__":
    main()

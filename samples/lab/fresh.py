"""Incidents that nobody has seen: names, packages, ports, sizes, kinds of servers, causes and saved files are drawn from a seed.

``python fresh.py --seed 7 --count 20 ANALYZE`` makes each of them happen on a host of its own, diagnoses what an operator would have saved, and
scores it against the truth: a line each, and sums. One third is healthy. Needs root, for the namespaces. ``--keep DIR`` keeps the files.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import host
import programs
from drawing import EVENT_LOOPS, JDK, PACKAGE, VIRTUAL, Drawn, draw
from lab import Lab, Scenario, shell, wait
from truth import Verdict

SOURCES = programs.HERE / "java"
CONSEQUENCES = {"acceptor-stalled", "connection-limit", "backlog-overflow", "fd-exhaustion"}
"""Rules that may be told beside any cause: they follow from it."""
GROWING = {"never closes", "leak", "threads leak"}
"""Troubles that a second wave of clients makes worse."""
KEPT_OPEN = {"hello", "deaf"}
"""Clients that stay."""


def write_sources(drawn: Drawn, folder: Path) -> None:
    """The programs under the drawn names."""
    pattern = re.compile(r"(?<!Exchanges\.)\b(" + "|".join(map(re.escape, drawn.renamed)) + r")\b")
    for path in [*(SOURCES / "infra").glob("*.java"), *(SOURCES / "net" / "harbor" / "pilot").glob("*.java")]:
        text = path.read_text()
        if path.parent.name == "infra":
            target = folder / "infra" / path.name
        else:
            text = pattern.sub(lambda match: drawn.renamed[match[1]], text)
            target = folder.joinpath(*drawn.renamed[PACKAGE].split("."), f"{drawn.renamed[path.stem]}.java")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def happen(drawn: Drawn, lab: Lab) -> None:
    """The incident, and what is saved of it."""
    if drawn.backend and not drawn.backend.endswith("gone"):
        port, mode = drawn.backend.split()
        lab.backend(int(port), mode)
    if drawn.trouble == "names":
        resolver = Path("/run/resolv.conf")
        resolver.write_text(f"nameserver {host.BACKEND}\noptions timeout:20 attempts:1\n")
        shell(f"mount --bind {resolver} /etc/resolv.conf")
    java = "java"
    if drawn.server in VIRTUAL:
        host.mount_newer_jdk()
        java = f"{JDK}/java"
    more = {"java": java, "unread_pipe": drawn.trouble == "console", "flags": _keys() if drawn.tls else ()}
    app = lab.java(drawn.main, *drawn.settings, port=drawn.port, user="app", folder="service", **more)
    commands = {name.format(pid=app.pid): text.replace("console.log", "/srv/service/console.log") for name, text in drawn.commands.items()}
    mode = f"tls:{drawn.mode}" if drawn.tls else drawn.mode
    if drawn.cause == "healthy" or drawn.mode in KEPT_OPEN:
        lab.clients(mode, drawn.port, "/dock", count=drawn.clients, every_ms=15, seconds=40)
        if drawn.mode != "probe":
            wait("the clients are there", lambda: len(app.sockets("ESTABLISHED")) >= min(drawn.clients, drawn.threads))
        time.sleep(3 if drawn.mode in KEPT_OPEN else 1)
    if drawn.mode == "hello":
        lab.clients(mode.replace("hello", "ask"), drawn.port, "/dock", count=drawn.clients, every_ms=12, seconds=2).finish(60)
    for number in range(1, drawn.snapshots + 1):
        if drawn.cause != "healthy" and drawn.mode not in KEPT_OPEN and (number == 1 or drawn.trouble in GROWING):
            lab.clients(mode, drawn.port, "/dock", count=drawn.clients, every_ms=12, seconds=3).finish(60)
            wait("clients have left", lambda: not app.sockets("ESTABLISHED") or _left(drawn) or app.close_waits() >= 0.8 * drawn.clients)
        time.sleep(3 if drawn.trouble == "leak" else 0)
        lab.snapshot(app, commands, f"snap{number}", attempts=2)
        time.sleep(3)
    lab.record(app)


def _left(drawn: Drawn) -> bool:
    """Whether clients that leave need not stay behind as CLOSE_WAIT: event loops close, and answered ones are closed."""
    return drawn.server in {"mina", "netty", "nettyOwn"} or drawn.trouble in GROWING or drawn.tls


def _keys() -> tuple[str, ...]:
    """A key of its own for a server that speaks TLS."""
    store = "/srv/lib/keys.p12"
    words = f"-genkeypair -alias own -keyalg EC -dname CN=web-01 -keystore {store} -storepass changeit"
    shell(f"keytool {words}")
    return f"-Djavax.net.ssl.keyStore={store}", "-Djavax.net.ssl.keyStorePassword=changeit"


def inside(drawn: Drawn, out: Path) -> None:
    """Runs the incident in the namespaces that were made for it."""
    host.settle(f"fresh-{drawn.number}")
    with tempfile.TemporaryDirectory() as sources:
        write_sources(drawn, Path(sources))
        scenario = Scenario(f"fresh-{drawn.number}", drawn.trouble, Verdict(drawn.cause, drawn.frame), lambda lab: happen(drawn, lab))
        with Lab(scenario, out, Path(sources)) as lab:
            scenario.run(lab)


def judged(drawn: Drawn, report: dict[str, object]) -> str:
    """Right, silent, wrong, or worse: an alarm on a healthy server, health on a sick one."""
    verdict: dict[str, str | None] = report["verdict"]  # type: ignore[assignment]
    if drawn.cause == "healthy":
        return "alarm" if verdict["status"] == "problem" else "right"
    if verdict["status"] != "problem":
        return "called healthy" if verdict["status"] == "healthy" else "silent"
    return "right" if verdict["rule"] in _causes(drawn) else "wrong"


def _causes(drawn: Drawn) -> set[str]:
    """What may be called the cause: where the duty runs in an event loop, that it does is as true as what it waits for."""
    return {drawn.cause, *drawn.also, *({"event-loop-blocked", "acceptor-stalled"} if drawn.server in EVENT_LOOPS else ())}


def false_claims(drawn: Drawn, report: dict[str, object]) -> list[str]:
    """Rules above information that are claimed likely or certain, and are neither the cause nor may follow from it."""
    findings: list[dict[str, str]] = report["findings"]  # type: ignore[assignment]
    told = {one["rule"] for one in findings if one["severity"] != "info" and one["confidence"] != "suspected"}
    return sorted(told - CONSEQUENCES - _causes(drawn))


def run(drawn: Drawn, arguments: argparse.Namespace, folder: Path) -> str:
    """One incident: made, diagnosed, scored; its word for the sums."""
    out = folder / f"{arguments.seed}-{drawn.number}"
    out.mkdir(parents=True)
    command = [*host.NAMESPACES, sys.executable, __file__, "--seed", str(arguments.seed), "--inside", str(drawn.number), str(out)]
    done = subprocess.run(command, check=False, timeout=300, capture_output=True, text=True)
    name = f"{arguments.seed}/{drawn.number:<3} {drawn.server:11} {drawn.trouble:27} {drawn.cause:22} {'thin' if drawn.thin else 'tls' if drawn.tls else '':4}"
    if done.returncode:
        print(f"{name} did not happen: {done.stderr.strip().splitlines()[-1:]}")
        return "did not happen"
    with tempfile.TemporaryDirectory() as work:
        saved = Path(work) / "incident"
        saved.mkdir()
        for path in out.glob("snap*"):
            path.rename(saved / path.name)
        subprocess.run(
            [arguments.analyze, str(saved), "-f", "json", "-o", str(Path(work) / "report.json"), "-q"],
            check=False,
            timeout=120,
            stdout=subprocess.DEVNULL,
        )
        report = json.loads((Path(work) / "report.json").read_text())
        for path in saved.glob("snap*"):
            path.rename(out / path.name)
    word, claims = judged(drawn, report), false_claims(drawn, report)
    verdict = report["verdict"]
    culprit = next((one["culprit"] for one in report["findings"] if one["id"] == verdict["finding"]), {})
    frame = (culprit.get("frame") or "").partition("(")[0]
    place = "" if drawn.frame is None or word != "right" else " frame right" if frame == drawn.frame else f" frame {frame}"
    said = f"{verdict['rule'] or verdict['status']} {verdict['confidence'] or ''}".strip()
    print(f"{name} {word:14} {said}{place}{' FALSE ' + ', '.join(claims) if claims else ''}", flush=True)
    word = f"{word}, thin" if drawn.thin else word
    return f"{word}, false claim" if claims else word


def main(words: Sequence[str] | None = None) -> int:
    """Makes, diagnoses and scores; exit 1 unless all sick ones are told and no healthy one alarms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("analyze", nargs="?", default="analyze", help="the command to measure")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--only", type=int, help="one number of the seed alone")
    parser.add_argument("--keep", type=Path, help="a folder that keeps the files")
    parser.add_argument("--inside", nargs=2, metavar=("NUMBER", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.inside:
        inside(draw(arguments.seed, int(arguments.inside[0])), Path(arguments.inside[1]))
        return 0
    with tempfile.TemporaryDirectory() as work:
        folder = arguments.keep or Path(work)
        numbers = range(arguments.count) if arguments.only is None else [arguments.only]
        drawn = [draw(arguments.seed, number) for number in numbers]
        told = [(one, run(one, arguments, folder)) for one in drawn]
    sick = Counter(word for one, word in told if one.cause != "healthy")
    well = Counter(word for one, word in told if one.cause == "healthy")
    print(f"sick: {dict(sick)}; healthy: {dict(well)}")
    return int(bool((set(sick) | set(well)) - {"right", "right, thin", "silent, thin"}))


if __name__ == "__main__":
    sys.exit(main())

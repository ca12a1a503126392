"""Incidents that nobody has seen: names, packages, ports, sizes, kinds of servers, causes and saved files are drawn from a seed.

``python fresh.py --seed 7 --count 20 ANALYZE`` makes each of them happen on a host of its own, diagnoses what an operator would have saved, and
scores it against the truth: a line each, and sums. One third is healthy. Needs root, for the namespaces. ``--keep DIR`` keeps the files.
"""

import argparse
import dataclasses
import json
import random
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
from lab import Lab, Scenario, wait
from truth import Verdict

SOURCES = programs.HERE / "java"
PACKAGE = "net.harbor.pilot"
CLASSES = (
    "PilotServer", "Quay", "Duty", "OwnQueue", "OwnMonitor", "Ready", "Fetch", "Exchange", "Plain", "Berth", "Signal", "Logbook", "Tug", "Retry", "Poll", "Radio",
    "Convoy", "Spread", "Fleet", "Dinghy", "Stream", "Nested", "Knot", "Guard", "Moorings", "NettyHandler", "Lookout",
)  # fmt: skip
METHODS = ("moor", "takeTurns", "hail", "respond", "perform", "watch", "settle", "openTogether", "gaze", "meet", "greet", "tell")
WORDS = (
    "amber", "birch", "cobalt", "delta", "ember", "fjord", "garnet", "hazel", "iris", "juniper", "kelp", "linden", "maple", "nettle", "onyx", "poplar",
    "quartz", "rowan", "sable", "thistle", "umber", "violet", "willow", "yarrow", "zephyr", "atlas", "beacon", "cinder", "dune", "echo", "flint", "grove",
)  # fmt: skip
MARKS = ("-", "-", "-", " #", ".", "_", "[", "")
SERVERS = ("pool", "queue", "notify", "each", "prefork", "http", "selector", "virtual")
LIBRARIES = ("tomcat", "jetty", "jettyOwn", "netty", "nettyOwn", "mina", "xnio", "simple")
TOMCAT = Path("/usr/share/java/tomcat10-embed-core.jar")
TABLES = ("netstat -tanp", "netstat -tanope", "ss -tanpe", "ss -tanpoei")
DUMPS = ("jstack {pid}", "jstack -l {pid}", "jcmd {pid} Thread.print", "jcmd {pid} Thread.print -l")
JDK = "/srv/jdk-25/bin"
VIRTUAL_DUMPS = tuple(
    f"{JDK}/jcmd {{pid}} Thread.dump_to_file -overwrite {form} /srv/service/dump > /dev/null; cat /srv/service/dump"
    for form in ("", "-format=json")
)
"""No other dump shows virtual threads."""
CONSEQUENCES = {"acceptor-stalled", "connection-limit", "backlog-overflow", "fd-exhaustion"}
"""Rules that may be told beside any cause: they follow from it."""


@dataclasses.dataclass(frozen=True)
class Drawn:
    """One incident as it was drawn."""

    number: int
    server: str
    trouble: str
    cause: str
    frame: str | None
    threads: int
    port: int
    crew: str
    clients: int
    renamed: dict[str, str]
    settings: tuple[str, ...]
    backend: str | None
    commands: dict[str, str]
    snapshots: int

    @property
    def main(self) -> str:
        """The program's class."""
        return f"{self.renamed[PACKAGE]}.{self.renamed['PilotServer']}"


TROUBLES = {
    "calls itself": ("self-call-starvation", "Fetch", "fetch", None),
    "calls itself later": ("self-call-starvation", "Exchange", "exchange", None),
    "slow service": ("slow-backend", "Fetch", "fetch", "mute"),
    "slow own protocol": ("slow-backend", "Plain", "plain", "mute"),
    "slow service later": ("slow-backend", "Exchange", "exchange", "mute"),
    "calls itself by a client": ("self-call-starvation", "Radio", "radio", None),
    "calls itself in common pool": ("self-call-starvation", "Fetch", "spread", None),
    "calls itself in own pool": ("self-call-starvation", "Fetch", "fleet", None),
    "calls itself in threads": ("self-call-starvation", "Fetch", "dinghy", None),
    "calls itself in streams": ("self-call-starvation", "Fetch", "stream", None),
    "slow in common pool": ("slow-backend", "Fetch", "spread", "mute"),
    "slow in own pool": ("slow-backend", "Fetch", "fleet", "mute"),
    "slow in threads": ("slow-backend", "Fetch", "dinghy", "mute"),
    "slow in streams": ("slow-backend", "Fetch", "stream", "mute"),
    "slow by a client": ("slow-backend", "Radio", "radio", "mute"),
    "nested tasks": ("nested-task-starvation", "Nested", "nested", None),
    "two locks": ("java-deadlock", "Knot", "knot", None),
    "monitor over a call": ("lock-convoy", "Fetch", "guard", "mute"),
    "lock over a call": ("lock-convoy", "Fetch", "berth", "mute"),
    "lost signal": ("pool-stuck", "Signal", "signal", None),
    "full queue": ("pool-stuck", "Logbook", "logbook", None),
    "child": ("pool-stuck", "Tug", "tug", None),
    "retries": ("pool-stuck", "Retry", "retry", "gone"),
    "never closes": ("server-never-closes", None, "ready", None),
}
HEALTHY = {
    "idle": ("keep", "ready", None),
    "busy": ("loop", "plain", "quick"),
    "polls": ("loop", "poll", None),
    "calls": ("loop", "fetch", "quick"),
}


def draw(seed: int, number: int) -> Drawn:
    """The incident of that number."""
    dice = random.Random(f"{seed}/{number}")
    words = dice.sample(WORDS, len(WORDS))
    renamed = {PACKAGE: ".".join(words[:3])}
    renamed |= {name: word.capitalize() + dice.choice(("", "er", "Desk", "Task")) for name, word in zip(CLASSES, words[3:], strict=False)}
    renamed |= {name: f"{dice.choice(WORDS)}{index}" for index, name in enumerate(METHODS)}
    well = number % 3 == 2
    server = dice.choice((*SERVERS, *LIBRARIES) if TOMCAT.exists() else SERVERS)
    kinds = [name for name in TROUBLES if _fits(name, server)]
    calm = [name for name in HEALTHY if (name, server) != ("polls", "netty")]  # a poll that holds an event loop is no health
    trouble = dice.choice(calm) if well else dice.choice(kinds)
    threads = dice.randint(5, 16)
    port, far = dice.sample(range(2000, 9999), 2)
    cause, cls, duty, backend = ("healthy", None, *HEALTHY[trouble][1:]) if well else TROUBLES[trouble]
    crew = words[-1] + dice.choice(MARKS)
    settings = [f"server={server}", f"threads={threads}", f"crew={crew}", f"duty={duty}", f"millis={dice.randint(2000, 6000)}"]
    settings += [f"target=http://{host.BACKEND}:{far}"] if backend else []
    settings += [f"fleet={dice.randint(3, 8)}", f"fleetCrew={dice.choice(WORDS)}{dice.choice(MARKS)}"]
    settings += ["renames=true"] if dice.random() < 0.2 else []
    settings += ["forgets=true"] if trouble == "never closes" else []
    commands = {"sockets.txt": dice.choice(TABLES), "threads.txt": dice.choice(DUMPS)}
    if server == "virtual":
        commands["threads.txt"] = dice.choice(VIRTUAL_DUMPS)
    if dice.random() < 0.3:
        commands["lsof.txt"] = "lsof -nP -i -a -p {pid}"
    if trouble == "retries":
        commands["console.txt"] = "tail -n 40 console.log"
    return Drawn(
        number=number,
        server=server,
        trouble=trouble,
        cause=cause,
        frame=f"{renamed[PACKAGE]}.{renamed['Duty']}${renamed[cls]}.{renamed['perform']}"
        if cls and cls not in {"Nested", "Knot"}
        else None,
        threads=threads,
        port=port,
        crew=crew,
        clients=max(2, threads // 2) if well else threads + dice.randint(6, 25),
        renamed=renamed,
        settings=tuple(settings),
        backend=f"{far} {backend}" if backend else None,
        commands=commands,
        snapshots=2 if trouble == "never closes" or dice.random() < 0.6 else 1,
    )


def _fits(trouble: str, server: str) -> bool:
    """Whether a trouble can befall a server: with a thread for each connection nobody starves, and libraries close what was read."""
    if trouble.startswith("calls itself"):
        return server not in {"each", "virtual"}
    return trouble != "never closes" or server in {"pool", "queue", "notify"}


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
    java = "java"
    if drawn.server == "virtual":
        host.mount_newer_jdk()
        java = f"{JDK}/java"
    app = lab.java(drawn.main, *drawn.settings, port=drawn.port, user="app", folder="service", java=java)
    commands = {name: command.replace("console.log", "/srv/service/console.log") for name, command in drawn.commands.items()}
    if drawn.cause == "healthy":
        lab.clients(HEALTHY[drawn.trouble][0], drawn.port, "/dock", count=drawn.clients, every_ms=15, seconds=40)
        wait("the clients are there", lambda: len(app.sockets("ESTABLISHED")) >= drawn.clients)
        time.sleep(1)
    for number in range(1, drawn.snapshots + 1):
        if drawn.cause != "healthy" and (number == 1 or drawn.trouble == "never closes"):
            lab.clients("ask", drawn.port, "/dock", count=drawn.clients, every_ms=12, seconds=3).finish(60)
            wait("clients have left", lambda: drawn.server in {"mina", "netty", "nettyOwn"} or app.close_waits() >= 0.8 * drawn.clients)
        lab.snapshot(app, commands, f"snap{number}", attempts=2)
        time.sleep(3)
    lab.record(app)


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
    return {drawn.cause, *({"event-loop-blocked"} if drawn.server == "netty" else ())}


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
    name = f"{arguments.seed}/{drawn.number:<3} {drawn.server:8} {drawn.trouble:20} {drawn.cause:22}"
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
    return int(set(sick) | set(well) != {"right"})


if __name__ == "__main__":
    sys.exit(main())

"""What may be drawn: names, ports, sizes, kinds of servers, causes, healthy loads, saved files and their names; all from a seed and a number.

Each trouble has its cause by rule name, and what else is as true of it. Where little was saved (a table alone, no owners, a dump that is cut), silence
is no fault: such incidents are *thin*, and only what is false counts against them.
"""

import dataclasses
import random
from pathlib import Path

import host

PACKAGE = "net.harbor.pilot"
CLASSES = (
    "PilotServer", "Quay", "Duty", "OwnQueue", "OwnMonitor", "Ready", "Fetch", "Exchange", "Plain", "Berth", "Signal", "Logbook", "Tug", "Retry", "Poll", "Radio",
    "Convoy", "Spread", "Fleet", "Dinghy", "Stream", "Nested", "Knot", "Guard", "Moorings", "NettyHandler", "Lookout", "Wreck", "Sluice", "Turnstile", "Ration",
    "Promise", "Handover", "Assembly", "Hatch", "Figurehead", "Ledger", "Bilge", "Locker", "Relay", "Clock", "Whirl", "Siesta", "Orphan", "Stamp", "Brood",
    "Flood", "Litter", "Chart", "Gate", "Listeners",
)  # fmt: skip
METHODS = (
    "moor",
    "takeTurns",
    "hail",
    "respond",
    "perform",
    "watch",
    "settle",
    "openTogether",
    "gaze",
    "meet",
    "greet",
    "tell",
    "lease",
    "hear",
)
WORDS = (
    "amber", "birch", "cobalt", "delta", "ember", "fjord", "garnet", "hazel", "iris", "juniper", "kelp", "linden", "maple", "nettle", "onyx", "poplar",
    "quartz", "rowan", "sable", "thistle", "umber", "violet", "willow", "yarrow", "zephyr", "atlas", "beacon", "cinder", "dune", "echo", "flint", "grove",
    "almond", "basalt", "cedar", "drift", "elm", "falcon", "ginger", "heron", "indigo", "jasper", "kestrel", "lotus", "mint", "north", "opal", "pine",
    "quill", "raven", "slate", "teal", "ultra", "vale", "wren", "yew", "zinc", "acorn", "bluff", "coral", "denim", "eagle", "fern", "glade", "holly",
)  # fmt: skip
MARKS = ("-", "-", "-", " #", ".", "_", "[", "")
SERVERS = ("pool", "queue", "notify", "each", "prefork", "http", "selector", "loop", "gate", "virtual", "httpVirtual")
LIBRARIES = ("tomcat", "jetty", "jettyOwn", "netty", "nettyOwn", "mina", "xnio", "simple")
EVENT_LOOPS = frozenset({"netty", "loop"})
"""Servers whose duties run in the loop that reads."""
UNBOUNDED = frozenset({"each", "virtual", "httpVirtual"})
VIRTUAL = frozenset({"virtual", "httpVirtual"})
OWN_SOCKETS = frozenset({"pool", "queue", "notify", "each", "prefork", "gate"})
"""Servers that read from blocking sockets: those that can speak TLS, that see a client leave only when they read, that idle clients hold."""
TOMCAT = Path("/usr/share/java/tomcat10-embed-core.jar")
TABLES = ("netstat -tanp", "netstat -tanope", "ss -tanpe", "ss -tanpoei", "lsof -nP -a -p {pid} -i; ss -tln")
THIN_TABLES = (
    "ss -tan",
    "netstat -tan",
    "lsof -nP -i -a -p {pid}",
    "lsof -nP -p {pid}",
    "cat /proc/net/tcp /proc/net/tcp6",
    "ss -tanp state close-wait",
    "",
)
DUMPS = (
    "jstack {pid}",
    "jstack -l {pid}",
    "jcmd {pid} Thread.print",
    "jcmd {pid} Thread.print -l",
    "kill -3 {pid}; sleep 1; cat console.log",
)
THIN_DUMPS = ("jstack {pid} | head -c 9000", "jstack {pid} | head -60", "")
TABLE_NAMES = ("sockets.txt", "netstat.out", "net_{pid}.log", "conn.txt", "tcp", "lsof-or-so.txt", "out1.txt")
DUMP_NAMES = ("threads.txt", "jstack-{pid}.txt", "td.log", "app.tdump", "{pid}.threads", "stack", "out2.txt")
JDK = "/srv/jdk-25/bin"
VIRTUAL_DUMPS = tuple(
    f"{JDK}/jcmd {{pid}} Thread.dump_to_file -overwrite {form} /srv/service/dump > /dev/null; cat /srv/service/dump"
    for form in ("", "-format=json")
)
"""No other dump shows virtual threads."""


@dataclasses.dataclass(frozen=True)
class Trouble:
    """``cls`` is the class whose method ``perform`` makes the decisive call, with the class around it where that is not Duty."""

    cause: str
    duty: str
    cls: str | None = None
    backend: str | None = None
    also: tuple[str, ...] = ()
    """Rules that tell the same as truly."""
    clients: str = "ask"
    settings: tuple[str, ...] = ()
    snapshots: int | None = None


CALLS = ("nested-task-starvation", "lock-convoy")
TROUBLES = {
    "calls itself": Trouble("self-call-starvation", "fetch", "Fetch"),
    "calls itself later": Trouble("self-call-starvation", "exchange", "Exchange"),
    "calls itself by a client": Trouble("self-call-starvation", "radio", "Radio"),
    "calls itself in common pool": Trouble("self-call-starvation", "spread", "Fetch"),
    "calls itself in own pool": Trouble("self-call-starvation", "fleet", "Fetch"),
    "calls itself in threads": Trouble("self-call-starvation", "dinghy", "Fetch"),
    "calls itself in streams": Trouble("self-call-starvation", "stream", "Fetch"),
    "calls itself by two pools": Trouble("self-call-starvation", "relay", "Fetch"),
    "calls itself by a clock": Trouble("self-call-starvation", "clock", "Fetch"),
    "slow service": Trouble("slow-backend", "fetch", "Fetch", "mute"),
    "slow own protocol": Trouble("slow-backend", "plain", "Plain", "mute"),
    "slow service later": Trouble("slow-backend", "exchange", "Exchange", "mute"),
    "slow in common pool": Trouble("slow-backend", "spread", "Fetch", "mute", also=("common-pool-starvation",)),
    "slow in own pool": Trouble("slow-backend", "fleet", "Fetch", "mute"),
    "slow in threads": Trouble("slow-backend", "dinghy", "Fetch", "mute"),
    "slow in streams": Trouble("slow-backend", "stream", "Fetch", "mute", also=("common-pool-starvation",)),
    "slow by a client": Trouble("slow-backend", "radio", "Radio", "mute"),
    "slow by two pools": Trouble("slow-backend", "relay", "Fetch", "mute"),
    "slow by a clock": Trouble("slow-backend", "clock", "Fetch", "mute"),
    "nested tasks": Trouble("nested-task-starvation", "nested"),
    "two locks": Trouble("java-deadlock", "knot"),
    "two classes": Trouble("class-init-deadlock", "figurehead"),
    "monitor over a call": Trouble("lock-convoy", "guard", "Fetch", "mute", also=("slow-backend",)),
    "lock over a call": Trouble("lock-convoy", "berth", "Fetch", "mute", also=("slow-backend",)),
    "read lock over a call": Trouble("lock-convoy", "sluice", "Fetch", "mute", also=("slow-backend", "pool-stuck")),
    "monitor over a sleep": Trouble("lock-convoy", "siesta", "Wreck.Siesta", also=("pool-stuck",)),
    "lock without owner": Trouble("pool-stuck", "orphan", "Wreck.Orphan", also=("lock-convoy",)),
    "stamped lock": Trouble("pool-stuck", "stamp", "Wreck.Stamp", also=("lock-convoy",)),
    "file lock": Trouble("lock-convoy", "hatch", "Wreck.Hatch", also=("pool-stuck",)),
    "lost permits": Trouble("pool-stuck", "turnstile", "Wreck.Turnstile", also=("object-pool-exhausted",)),
    "own pool of connections": Trouble("pool-stuck", "locker", None, "quick", also=("object-pool-exhausted", "http-pool-exhausted")),
    "lost signal": Trouble("pool-stuck", "signal", "Signal"),
    "no tokens": Trouble("pool-stuck", "ration", "Wreck.Ration", also=("object-pool-exhausted",)),
    "promise": Trouble("pool-stuck", "promise", "Wreck.Promise"),
    "handover": Trouble("pool-stuck", "handover", "Wreck.Handover"),
    "barrier": Trouble("pool-stuck", "assembly", "Wreck.Assembly"),
    "full queue": Trouble("pool-stuck", "logbook", "Logbook"),
    "child": Trouble("pool-stuck", "tug", "Tug"),
    "child's output": Trouble("pool-stuck", "bilge", "Wreck.Bilge"),
    "retries": Trouble("pool-stuck", "retry", "Retry", "gone"),
    "console": Trouble("logging-stall", "ledger", "Wreck.Ledger"),
    "names": Trouble("dns-stall", "chart", "Wreck.Chart", "53 datagrams", also=("slow-backend",)),
    "spin": Trouble("cpu-spin", "whirl", "Wreck.Whirl"),
    "idle clients": Trouble("idle-connections-pin-threads", "ready", clients="hello"),
    "deaf clients": Trouble("blocked-write", "flood", clients="deaf"),
    "never closes": Trouble("server-never-closes", "ready", settings=("forgets=true",), snapshots=2),
    "leak": Trouble("connection-leak", "litter", None, "brief", snapshots=2),
    "threads leak": Trouble("thread-leak", "brood", snapshots=2),
}
HEALTHY = {
    "idle": ("keep", "ready", None),
    "busy": ("loop", "plain", "quick"),
    "polls": ("loop", "poll", None),
    "calls": ("loop", "fetch", "quick"),
    "few": ("keep", "ready", None),
    "subscribers": ("loop", "ready", "mute"),
    "takers": ("loop", "plain", "quick"),
    "nobody": ("probe", "ready", None),
}


@dataclasses.dataclass(frozen=True)
class Drawn:
    """One incident as it was drawn."""

    number: int
    server: str
    trouble: str
    cause: str
    also: tuple[str, ...]
    frame: str | None
    threads: int
    port: int
    crew: str
    clients: int
    mode: str
    renamed: dict[str, str]
    settings: tuple[str, ...]
    backend: str | None
    commands: dict[str, str]
    snapshots: int
    thin: bool
    tls: bool

    @property
    def main(self) -> str:
        """The program's class."""
        return f"{self.renamed[PACKAGE]}.{self.renamed['PilotServer']}"


def draw(seed: int, number: int) -> Drawn:
    """The incident of that number."""
    dice = random.Random(f"{seed}/{number}")
    words = dice.sample(WORDS, len(WORDS))
    renamed = {PACKAGE: ".".join(words[:3])}
    renamed |= {name: word.capitalize() + dice.choice(("", "er", "Desk", "Task")) for name, word in zip(CLASSES, words[3:], strict=False)}
    renamed |= {name: f"{dice.choice(WORDS)}{index}" for index, name in enumerate(METHODS)}
    server = dice.choice((*SERVERS, *LIBRARIES) if TOMCAT.exists() else SERVERS)
    well = number % 3 == 2
    name = dice.choice([kind for kind in HEALTHY if well_with(kind, server)] if well else [kind for kind in TROUBLES if fits(kind, server)])
    trouble = Trouble("healthy", HEALTHY[name][1], None, HEALTHY[name][2], clients=HEALTHY[name][0]) if well else TROUBLES[name]
    threads = dice.randint(5, 16)
    port, far = dice.sample(range(2000, 9999), 2)
    crew = words[-1] + dice.choice(MARKS)
    tls = server in OWN_SOCKETS and trouble.clients != "hello" and not trouble.cause.startswith("self") and dice.random() < 0.25
    settings = [f"server={server}", f"threads={threads}", f"crew={crew}", f"duty={trouble.duty}", f"millis={dice.randint(2000, 6000)}"]
    settings += [f"target=http://{host.BACKEND}:{far}"] if trouble.backend else []
    settings += [f"fleet={dice.randint(3, 8)}", f"fleetCrew={dice.choice(WORDS)}{dice.choice(MARKS)}"]
    settings += ["renames=true"] if dice.random() < 0.2 else []
    settings += trouble.settings
    settings += ["tls=true"] if tls else []
    settings += [f"subscribers={dice.randint(4, 12)}", f"broker=http://{host.BACKEND}:{far}"] if name == "subscribers" else []
    settings += [f"takers={dice.randint(4, 12)}", f"takerCrew={dice.choice(WORDS)}-"] if name == "takers" else []
    commands, thin = saved(dice, server, DUMPS[:-1] if name == "console" else DUMPS)
    if name == "retries":
        commands["console.txt"] = "tail -n 40 console.log"
    return Drawn(
        number=number,
        server=server,
        trouble=name,
        cause=trouble.cause,
        also=trouble.also,
        frame=_frame(renamed, trouble.cls),
        threads=threads,
        port=port,
        crew=crew,
        clients=(2 if name in {"few", "nobody"} else max(2, threads // 2))
        if well
        else (threads + dice.randint(6, 25)) * (4 if name == "threads leak" else 1),
        mode=trouble.clients,
        renamed=renamed,
        settings=tuple(settings),
        backend=None if trouble.backend is None else trouble.backend if " " in trouble.backend else f"{far} {trouble.backend}",
        commands=commands,
        snapshots=trouble.snapshots or (2 if dice.random() < 0.6 else 1),
        thin=thin,
        tls=tls,
    )


def saved(dice: random.Random, server: str, dumps: tuple[str, ...]) -> tuple[dict[str, str], bool]:
    """What is saved, under which names, and whether that is little."""
    dump = dice.choice(VIRTUAL_DUMPS if server in VIRTUAL else dumps)
    table, thin = dice.choice(TABLES), dice.random() < 0.25
    if thin and (dice.random() < 0.5 or server in VIRTUAL):
        table = dice.choice(THIN_TABLES)
    elif thin:
        dump = dice.choice(THIN_DUMPS)
    names = dice.choice(TABLE_NAMES), dice.choice(DUMP_NAMES)
    commands = {name: command for name, command in zip(names, (table, dump), strict=True) if command}
    if dice.random() < 0.3 and not thin:
        commands["lsof.txt"] = "lsof -nP -i -a -p {pid}"
    return commands, thin


def well_with(kind: str, server: str) -> bool:
    """Whether a load is healthy for a server: what holds an event loop is not."""
    return (kind, server) not in {(load, loop) for load in ("polls", "busy", "calls", "takers") for loop in EVENT_LOOPS}


def fits(kind: str, server: str) -> bool:
    """Whether a trouble can befall a server: with a thread for each connection nobody starves, and libraries close what was read."""
    trouble = TROUBLES[kind]
    if trouble.cause in {"self-call-starvation", "idle-connections-pin-threads"} and server in UNBOUNDED:
        return False
    if trouble.clients == "hello":
        return server in OWN_SOCKETS
    if trouble.clients == "deaf":
        return server in OWN_SOCKETS | {"http"}
    if trouble.cause in {"server-never-closes", "connection-leak", "thread-leak"}:
        return server in {"pool", "queue", "notify"} | ({"tomcat", "jetty", "http"} if trouble.cause != "server-never-closes" else set())
    if kind in {"console", "names", "spin", "file lock", "two classes"}:  # carriers of virtual threads stand there, too: another incident
        return server not in VIRTUAL | EVENT_LOOPS
    return not (kind == "nested tasks" and server in EVENT_LOOPS) and not (kind == "two locks" and server in EVENT_LOOPS)


def _frame(renamed: dict[str, str], cls: str | None) -> str | None:
    if cls is None:
        return None
    around, _, inner = cls.rpartition(".")
    return f"{renamed[PACKAGE]}.{renamed[around or 'Duty']}${renamed[inner]}.{renamed['perform']}"

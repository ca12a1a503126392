"""What a support tool brings home: the whole tree that it made."""

import re
import shutil
from pathlib import Path

from lab import Lab, Scenario, wait
from programs import HERE
from truth import Verdict

SOS = "sos report --batch --quiet --build --only-plugins networking,process,host,date --tmp-dir {folder}"
KEPT = (
    "sos_commands/date/date*",
    "sos_commands/host/hostname",
    "sos_commands/host/uptime",
    "sos_commands/networking/ip_-o_addr",
    "sos_commands/networking/*netstat*",
    "sos_commands/process/lsof*",
    "sos_commands/process/ps_auxwww",
    "sos_commands/process/ps_-elfL",
    "sos_commands/process/ps_axo_flags*",
    "sos_reports/manifest.json",
    "etc/host*",
    "proc/*/net/tcp*",
    "proc/*/net/netstat",
    "proc/*/net/snmp*",
    "proc/*/net/sockstat*",
    "version.txt",
)
"""What of its hundreds of files a sample keeps: all that says something of processes and sockets, and an inventory or two."""
OWN = re.compile(rf"^(?:python\s+1\s.*|.*{re.escape(str(HERE))}.*)\n", re.MULTILINE)
"""Lines about the laboratory's own process, whose paths are of this machine."""


def sos(lab: Lab) -> None:
    """A server that calls itself, saved by sos and, beside it, by one thread dump."""
    app = lab.java("com.shopfront.web.StoreFront", "threads=14", port=8088, user="app", folder="store")
    load = lab.clients("ask", 8088, "/espresso-mill", count=40, every_ms=10, seconds=4)
    load.finish(60)
    wait("40 CLOSE_WAIT and 14 calls to itself", lambda: app.close_waits() == 40 and len(app.to(8088)) == 14)
    folder = Path("/srv/sos")
    folder.mkdir()
    lab.snapshot(app, {"jstack.txt": "jstack {pid}", "-": SOS.format(folder=folder)}, attempts=1)
    for tree in folder.glob("sosreport-*/"):
        keep(tree, lab.out)
    lab.record(app)


def keep(tree: Path, out: Path) -> None:
    """Copies what a sample keeps of sos' tree. Its links to files of the tree are left out: git and tests would see these twice."""
    for path in sorted(path for pattern in KEPT for path in tree.glob(pattern)):
        if path.is_file() and path == path.resolve():
            place = out / path.relative_to(tree.parent)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
            place.write_text(OWN.sub("", place.read_text()).replace(str(out), "/root"))


SCENARIOS = (
    Scenario(
        "sos-self-call",
        "prices from the own port, 14 workers; the tree that sos made, and a thread dump beside it",
        Verdict(
            "self-call-starvation",
            "com.shopfront.catalog.PriceClient.quote",
            must_not=("slow-backend", "connection-leak", "connection-limit"),
            pools={"http-nio-8088-exec-": 14},
        ),
        sos,
    ),
)

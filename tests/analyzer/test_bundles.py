"""Support bundles as people send them: hosts and moments by their layout, and an inventory that is neither noise nor evidence."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from analyzer.intake.read import read
from analyzer.model.finding import Confidence
from tests.builders import SAMPLES, diagnosis_of, dump, evidence_of, idle_exec, judge, netstat

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.model.incident import Incident

TABLE = netstat("0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java")
PS = "USER       PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\nroot         77  0.3  0.0  43944 14320 ?        SLl  13:18   0:20 java\n"
INTERFACE = "ifIndex                         \t2\nIp6InReceives                   \t0\nIp6InHdrErrors                  \t0\n"
LSOF = (
    "".join(
        f"lsof: avoiding readlink(/mnt/{n}): -b was specified.\nlsof: WARNING: can't stat() ext4 file system /mnt/{n}\n      Output information may be incomplete.\n"
        for n in range(60)
    )
    + "COMMAND   PID     USER   FD   TYPE    DEVICE SIZE/OFF NODE NAME\n"
    + "java       77   tomcat   12u  IPv4 844147418      0t0  TCP 10.0.0.26:8080->10.0.0.149:60494 (CLOSE_WAIT)\n"
)


def sos(host: str) -> dict[str, str]:
    return {
        "sos_commands/networking/netstat_-W_-neopa": TABLE,
        "sos_commands/process/lsof_-b_M_-n_-l_-c": LSOF,
        "sos_commands/process/ps_auxwww": PS,
        "sos_commands/date/date": "Mon Nov 23 15:52:19 UTC 2026\n",
        "sos_commands/host/hostname": f"{host}\n",
        "etc/hostname": f"{host}.example.com\n",
        "sos_commands/networking/ip_-s_-d_link": "1: lo: <LOOPBACK> mtu 65536\n    RX: bytes  packets  errors\n    12  3  0\n",
        "sos_commands/kernel/lsmod": "Module                  Size  Used by\nxfs                  1  0\nip_tables            2  1\n",
        "proc/912/net/dev_snmp6/ifb0": INTERFACE,
        "proc/912/net/dev_snmp6/ifb1": INTERFACE,
        "sys/class/net/ifb0/mtu": "1500\n",
        "etc/hosts": "127.0.0.1 localhost\n",
    }


def saved(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def unknown(incident: Incident) -> list[str]:
    return [artifact.file for artifact in incident.artifacts if not artifact.formats]


def test_a_sosreport_is_one_moment_of_one_host(tmp_path: Path) -> None:
    folder = saved(tmp_path / "from-the-customer", sos("web01"))
    (folder / "netstat").symlink_to("sos_commands/networking/netstat_-W_-neopa")
    incident = read([str(folder)]).incident
    (snapshot,) = incident.snapshots
    assert (snapshot.host, snapshot.time) == ("web01", "2026-11-23T15:52:19")
    assert len(snapshot.rows) == 2, "the link was read as another table, or the header of lsof was not found"
    assert not snapshot.counters, "counters of a network card are none of the host"
    assert unknown(incident) == ["netstat"]
    assert sum(artifact.formats == ("inventory",) for artifact in incident.artifacts) == 6


def test_the_archive_that_sos_made_says_what_its_tree_says(tmp_path: Path) -> None:
    """With sos' own links to files of the tree, which the sample leaves out."""
    (tree,) = (SAMPLES / "sos-self-call").glob("sosreport-*")
    archive = tmp_path / f"{tree.name}.tar.xz"
    with tarfile.open(archive, "w:xz") as packed:
        packed.add(tree, tree.name)
        for link, to in (("netstat", "sos_commands/networking/netstat_-W_-neopa"), ("proc/net", "self/net"), ("proc/self", "13192")):
            entry = tarfile.TarInfo(f"{tree.name}/{link}")
            entry.type, entry.linkname = tarfile.SYMTYPE, to
            packed.addfile(entry)
    one, other = (judge(read([str(path)])) for path in (tree, archive))
    assert (one.verdict.rule, one.verdict.confidence) == ("self-call-starvation", Confidence.SUSPECTED)
    assert (other.verdict.headline, other.verdict.summary) == (one.verdict.headline, one.verdict.summary)
    assert (one.incident.first, one.incident.zone) == ("2026-11-30T02:22:04+00:00", "UTC")
    assert one.incident == replace(other.incident, name=one.incident.name)


@pytest.mark.parametrize(("printed", "shown"), [("UTC ", "+00:00"), ("+0900 ", "+09:00"), ("CST ", ""), ("", "")])
def test_the_shell_tells_when_it_was_where_no_dump_does(printed: str, shown: str) -> None:
    """An abbreviation may be of several zones, so that it is no offset."""
    date = f"Mon Nov 23 15:52:19 {printed}2026\n" if printed[:1] != "+" else f"Mon, 23 Nov 2026 15:52:19 {printed.strip()}\n"
    facts = diagnosis_of({"netstat.txt": TABLE, "date.txt": date}).incident
    assert facts.first == f"2026-11-23T15:52:19{shown}"


def test_a_log_in_a_sosreport_has_moments_of_its_own(tmp_path: Path) -> None:
    log = dump(*idle_exec(2), time="2026-11-23 15:40:00") + "\n" + dump(*idle_exec(2), time="2026-11-23 15:52:00")
    folder = saved(tmp_path / "sosreport-web01-2026-11-23-abcdefg", {**sos("web01"), "var/log/tomcat/catalina.out": log})
    incident = read([str(tmp_path)]).incident
    assert folder.is_dir()
    assert [(len(snapshot.dumps), len(snapshot.rows)) for snapshot in incident.snapshots] == [(1, 0), (1, 2)]


def test_two_sosreports_are_two_hosts() -> None:
    files = {f"sosreport-{host}-2026-11-23-abcdefg/{name}": text for host in ("web01", "db01") for name, text in sos(host).items()}
    assert evidence_of(files).incident.hosts == ("db01", "web01")


def test_nodes_of_jenkins_are_hosts() -> None:
    stack = '"main" id=1 (0x1) state=RUNNABLE cpu=0%\n    at a.B.c(B.java:1)\n\n'
    files = {f"nodes/{node}/thread-dump.txt": f"{node}\n======\n\n{stack}" for node in ("master", "slave/linux-7", "slave/arm")}
    assert evidence_of(files).incident.hosts == ("arm", "linux-7", "master")


def test_pods_are_hosts_and_a_previous_log_an_earlier_moment() -> None:
    pod = "must-gather/registry-sha256-1/namespaces/shop/pods/{}/cart/cart/logs/{}.log"
    files = {
        pod.format("cart-7d9f-x2x4z", "previous"): dump(*idle_exec(2), time="2026-11-23 10:00:00"),
        pod.format("cart-7d9f-x2x4z", "current"): dump(*idle_exec(2), time="2026-11-23 15:00:00"),
        pod.format("stock-55b-qqq", "current"): dump(*idle_exec(2), time="2026-11-23 15:00:01"),
    }
    incident = evidence_of(files).incident
    assert [(snapshot.host, snapshot.time) for snapshot in incident.snapshots] == [
        ("cart-7d9f-x2x4z", "2026-11-23T10:00:00"),
        ("cart-7d9f-x2x4z", "2026-11-23T15:00:00"),
        ("stock-55b-qqq", "2026-11-23T15:00:01"),
    ]


def test_a_pod_whose_dump_alone_is_evidence_is_named() -> None:
    """The logs of the others say nothing; whose threads hang must be told all the same."""
    pod = "must-gather/registry-sha256-1/namespaces/shop/pods/{}/cart/cart/logs/current.log"
    files = {pod.format("cart-7d9f-x2x4z"): dump(*idle_exec(2)), pod.format("stock-55b-qqq"): "ready\n"}
    assert evidence_of(files).incident.hosts == ("cart-7d9f-x2x4z",)


def test_a_pod_beside_files_of_no_place_is_no_host() -> None:
    """A table that lies beside is of the pod, too, as far as anybody can say: two hosts would keep them apart."""
    files = {"pods/cart-1/jstack.txt": dump(*idle_exec(2)), "netstat.txt": TABLE}
    assert not evidence_of(files).incident.hosts


def test_pods_of_a_cluster_dump_are_hosts() -> None:
    files = {f"shop/{pod}/logs.txt": dump(*idle_exec(2)) for pod in ("cart-1-a", "cart-2-b")} | {"shop/pods.json": "{}\n"}
    assert evidence_of(files).incident.hosts == ("cart-1-a", "cart-2-b")


def top(second: int) -> str:
    return (
        f"top - 07:{28 + second // 60}:{second % 60:02} up 3 days,  1:01,  0 user,  load average: 0.1, 0.2, 0.3\n"
        "Threads:   1 total,   0 running,   1 sleeping,   0 stopped,   0 zombie\n\n"
        "  PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n"
        f"   77 root      20   0 2683480 100524  22284 S  {second:>3}.0   0.4   0:01.30 java\n\n"
    )


def test_rounds_of_different_paces_meet_by_their_times() -> None:
    """Four dumps in 91 seconds, tops each five, netstat before and after: by number the second netstat would be of the second dump."""
    files = {
        "threaddump.out": "\n".join(dump(*idle_exec(2), time=f"2026-03-09 07:{clock}") for clock in ("28:00", "28:30", "29:01", "29:31")),
        "topdashH.77.out": "".join(top(5 * number) for number in range(19)),
        "netstat.out": f"Mon Mar  9 07:27:59 UTC 2026\n{TABLE}\nMon Mar  9 07:29:33 UTC 2026\n{TABLE}",
    }
    snapshots = evidence_of(files).incident.snapshots
    assert [len(snapshot.rows) for snapshot in snapshots] == [1, 0, 0, 1]
    assert [len(snapshot.usages) for snapshot in snapshots] == [1, 1, 1, 1]
    assert [snapshot.time for snapshot in snapshots] == [f"2026-03-09T07:{clock}" for clock in ("28:00", "28:30", "29:01", "29:31")]


def test_a_table_between_two_dumps_has_a_moment_of_its_own() -> None:
    clocks = ("28:01", "28:14", "29:01")
    files = {
        "jstack.txt": "\n".join(dump(*idle_exec(2), time=f"2026-03-09 07:{clock}") for clock in ("28:00", "29:00")),
        "netstat.txt": "".join(f"Mon Mar  9 07:{clock} UTC 2026\n{TABLE}\n" for clock in clocks),
    }
    snapshots = evidence_of(files).incident.snapshots
    assert [(len(snapshot.dumps), len(snapshot.rows)) for snapshot in snapshots] == [(1, 1), (0, 1), (1, 1)]


def test_rounds_of_top_beside_one_dump_make_no_moments() -> None:
    files = {"jstack.txt": dump(*idle_exec(2)), "top.txt": top(1) + top(6) + top(11), "netstat.txt": TABLE}
    (snapshot,) = evidence_of(files).incident.snapshots
    assert (len(snapshot.dumps), len(snapshot.rows), len(snapshot.usages)) == (1, 1, 1)
    assert snapshot.usages[0].cpu_percent == 11


def test_one_round_of_top_belongs_to_the_dump_of_its_time() -> None:
    files = {f"app_threads.{1764370800 + n}.txt": dump(*idle_exec(2), time=f"2026-03-09 07:28:{n:02}") for n in (0, 20, 40)}
    snapshots = evidence_of(files | {"app_cpu_usage.1764370820.txt": top(21)}).incident.snapshots
    assert [len(snapshot.usages) for snapshot in snapshots] == [0, 1, 0]


def test_pods_and_containers_that_were_copied_are_hosts() -> None:
    """Whatever was saved of each: a folder of another name is no pod."""
    pods = {"cart-7d9f8b6c5-x2x4z/tmp/jstack.txt": dump(*idle_exec(2)), "cart-7d9f8b6c5-bbbbb/tmp/netstat.txt": TABLE}
    assert evidence_of(pods).incident.hosts == ("cart-7d9f8b6c5-bbbbb", "cart-7d9f8b6c5-x2x4z")
    assert evidence_of({"java-thread-dumps/jstack.txt": dump(*idle_exec(2)), "kernel-table-files/netstat.txt": TABLE}).incident.hosts == ()
    logs = {f"containers/{letter * 64}/{letter * 64}-json.log": dump(*idle_exec(2)) for letter in "ab"}
    assert evidence_of(logs).incident.hosts == ("a" * 12, "b" * 12)


def test_a_table_that_nobody_reads_is_no_inventory_of_a_bundle(tmp_path: Path) -> None:
    """It may be a list of sessions: what looks like evidence keeps health away, wherever it lies."""
    table = "".join(f" id {n} | who | what |\n" for n in range(9))
    files = {
        "application-properties/application.xml": "<a>1</a>\n",
        "application-logs/pod.yaml": "kind: Pod\nname: x\nstatus: y\nhost: z\n",
        "sessions-of-the-database.txt": table,
    }
    incident = read([str(saved(tmp_path / "support", files))]).incident
    assert unknown(incident) == ["sessions-of-the-database.txt"]

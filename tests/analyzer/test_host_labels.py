"""Names of files that tell of several machines, and names that only look so."""

from __future__ import annotations

import pytest

from analyzer.model.host_labels import at_odds, label
from tests.builders import diagnosis_of, dump, evidence_of, helpers_reading, netstat, waiting_for_future

TABLE = netstat("0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java", "0 10.0.0.1:8080 10.0.0.9:4001 ESTABLISHED 77/java")
DUMP = dump(*waiting_for_future(4))


def hosts(*names: str) -> dict[str, str | None]:
    """The host of each file: what is said of threads is a dump, all else a table."""
    files = {name: DUMP if any(word in name for word in ("jstack", "thread")) else TABLE for name in names}
    incident = evidence_of(files).incident
    found: dict[str, str | None] = dict.fromkeys(names)
    for snapshot in incident.snapshots:
        found |= {record.where.file: snapshot.host for record in snapshot.rows}
        found |= {record.where.file: snapshot.host for record in snapshot.dumps}
    return found


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("web1-jstack.txt", "web2-netstat.txt"), ("web1", "web2")),
        (("app01_jstack.txt", "app01_ss.txt", "app02_netstat.txt"), ("app01", "app01", "app02")),
        (("jstack.nodeA", "netstat.nodeB"), ("nodeA", "nodeB")),
        (("jstack-web-1.txt", "netstat-web-2.txt"), ("web-1", "web-2")),
        (("kr-was03-jstack.20261123.txt", "kr-was04-ss.20261123.txt"), ("was03", "was04")),
        (("web1.example.com-jstack.txt", "web2.example.com-netstat.txt"), ("web1", "web2")),
        (("10.0.0.5-jstack.txt", "netstat-10.0.0.6.txt"), ("10.0.0.5", "10.0.0.6")),
        (("dump/web1-jstack.txt", "dump/db1-netstat.txt"), ("web1", "db1")),
        (("web1-jstack.txt", "web2-netstat.txt", "lsof.txt"), ("web1", "web2", None)),
    ],
)
def test_names_of_machines(names: tuple[str, ...], expected: tuple[str | None, ...]) -> None:
    assert tuple(hosts(*names).values()) == expected


@pytest.mark.parametrize(
    "names",
    [
        ("jstack1.txt", "jstack2.txt", "netstat-1.txt", "netstat-2.txt"),
        ("before-jstack.txt", "after-jstack.txt", "before-netstat.txt", "after-netstat.txt"),
        ("round1-jstack.txt", "round2-netstat.txt"),
        ("jstack-27836.txt", "netstat-27836.txt"),
        ("jstack_101500.txt", "netstat_101510.txt"),
        ("tomcat1-jstack.txt", "tomcat2-jstack.txt", "netstat.txt"),
        ("orders1-jstack.txt", "orders2-jstack.txt", "netstat.txt"),  # two programs of the host whose table it is
        ("jdk17-jstack.txt", "jdk21-jstack.txt", "netstat.txt"),
        ("web1-jstack.txt", "web1-netstat.txt"),
        ("web1.txt", "web2.txt"),  # nothing says what they hold
        ("tcp4-netstat.txt", "tcp6-netstat.txt"),
        ("jstack.txt", "netstat-web2.txt"),
    ],
)
def test_names_of_moments_and_programs(names: tuple[str, ...]) -> None:
    assert set(hosts(*names).values()) == {None}


def test_snapshots_of_each_machine_stay_snapshots() -> None:
    files = {f"web{host}-jstack-{moment}.txt": DUMP for host in (1, 2) for moment in (1, 2)}
    snapshots = evidence_of(files).incident.snapshots
    assert [(one.host, one.index) for one in snapshots] == [("web1", 0), ("web1", 1), ("web2", 0), ("web2", 1)]


SELF_CALL = {
    "jstack.txt": dump(*waiting_for_future(4), *helpers_reading(4)),
    "netstat.txt": netstat(
        "0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java",
        *(f"0 127.0.0.1:{40000 + n} 127.0.0.1:8080 ESTABLISHED 77/java" for n in range(4)),
        *(f"58 127.0.0.1:8080 127.0.0.1:{40000 + n} ESTABLISHED 77/java" for n in range(4)),
        *(f"58 10.0.0.1:8080 10.0.0.9:{50000 + n} CLOSE_WAIT 77/java" for n in range(30)),
    ),
}


def confidences(jstack: str, table: str) -> set[str]:
    diagnosis = diagnosis_of({jstack: SELF_CALL["jstack.txt"], table: SELF_CALL["netstat.txt"]})
    return {finding.confidence.value for finding in diagnosis.findings}


def test_files_of_two_machines_prove_nothing_together() -> None:
    assert "certain" in confidences("jstack.txt", "netstat.txt")
    assert "certain" in confidences("web1-jstack.txt", "web1-netstat.txt")
    assert "certain" not in confidences("web1-jstack.txt", "web2-netstat.txt")
    assert "certain" not in confidences("alpha-jstack.txt", "beta-netstat.txt")


def test_words_in_front() -> None:
    assert at_odds("alpha-jstack.txt", "beta-netstat.txt")
    assert not at_odds("alpha-jstack.txt", "alpha-netstat.txt")
    assert not at_odds("jstack.txt", "beta-netstat.txt")
    assert not at_odds("full-jstack.txt", "all-netstat.txt")
    assert not at_odds("jstack-full.txt", "netstat-tanop.txt")


def test_a_name_with_two_machines_names_none() -> None:
    assert label("web1-to-db1-netstat.txt") is None


@pytest.mark.parametrize(
    ("jstack", "table"),
    [
        ("dump/web1/jstack.txt", "dump/web2/netstat.txt"),
        ("case.tar/evidence/web1/jstack.txt", "case.tar/evidence/web2/netstat.txt"),
        ("10.0.0.5/jstack.txt", "10.0.0.6/netstat.txt"),
    ],
)
def test_folders_of_two_machines_below_others(jstack: str, table: str) -> None:
    assert "certain" not in confidences(jstack, table)
    assert "certain" in confidences(jstack, jstack.replace("jstack", "netstat"))

"""Every sample against the truth that its own program recorded, and against counts made by independent means."""

from __future__ import annotations

import gzip
import re
import subprocess
import tarfile

import pytest

from analyzer.model.finding import Confidence, Severity
from tests.builders import SAMPLES, sample, sample_without
from tests.score import KNOWN, folders, score, truth_of

NAMES = [folder.name for folder in folders()]
RESERVED = 1  # Jetty counts its acceptor and selector among the threads of its pool
LARGEST_SAMPLE, ALL_SAMPLES, FEWEST_SAMPLES = 2_000_000, 15_000_000, 20
KINDS = (
    "jstack",
    "lsof",
    "netstat",
    "ss",
    "threads",
    "limits",
    "fd",
    "top",
    "console",
    "status",
    "jhsdb",
    "nstat",
    "ps",
    "tcp",
    "manifest",
    "capture",
)


@pytest.mark.parametrize("name", NAMES)
def test_cause_and_culprit(name: str) -> None:
    row = score(name)
    assert not row.false_claims
    assert row.verdict != "wrong" or row.is_open
    if row.cause in KNOWN:
        assert row.verdict == "right", row.said
        assert row.culprit != "wrong"


@pytest.mark.parametrize("name", NAMES)
def test_links_and_waits_are_never_wrong(name: str) -> None:
    row = score(name)
    assert row.links[1] == 0
    assert row.waits[1] == 0


@pytest.mark.parametrize("name", NAMES)
def test_close_wait_of_each_snapshot(name: str) -> None:
    """The split by Recv-Q equals the kernel's own at that moment, wherever the saved tables carry queues and owners."""
    truth = truth_of(name)
    tables = [table for table in sample(name).sockets if table.pid == truth["process"]["pid"]]
    for snapshot in {table.snapshot for table in tables}:
        moment = truth["snapshots"][min(int(snapshot), len(truth["snapshots"])) - 1]
        found = [table.close_wait for table in tables if table.snapshot == snapshot]
        classes = {part: sum(getattr(counts, part) for counts in found) for part in moment["close_wait"]}
        total = sum(counts.total for counts in found)
        if total == sum(classes.values()) and moment["steady"]:  # else a table carries no queues
            assert classes == moment["close_wait"]


def parts_of(name: str) -> dict[str, bytes]:
    """Every saved file of a sample as it was written, by its name; those in an archive are called ``archive/member``."""
    parts: dict[str, bytes] = {}
    for path in sorted((SAMPLES / name).rglob("*")):
        file = path.relative_to(SAMPLES / name).as_posix()
        if path.name.endswith(".tar.gz"):
            with tarfile.open(path) as archive:
                members = [(member.name, archive.extractfile(member)) for member in archive if member.isfile()]
                parts |= {f"{file}/{inside}": content.read() for inside, content in members if content is not None}
        elif path.is_file() and file not in {"truth.json", "README.md"}:
            parts[file] = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return parts


@pytest.mark.parametrize("name", NAMES)
def test_rows_equal_what_awk_counts(name: str) -> None:
    """CLOSE_WAIT rows of each table, counted by grep and awk in the raw text, are the records of that table."""
    from analyzer.intake.read import read  # noqa: PLC0415
    from analyzer.join.moments import views  # noqa: PLC0415
    from analyzer.software.knowledge import knowledge  # noqa: PLC0415

    incident = read([str(SAMPLES / name)]).incident
    by_file: dict[str, int] = {}
    for snapshot in incident.snapshots:
        for row in snapshot.rows:
            if row.state is not None and row.state.value == "CLOSE_WAIT":
                by_file[row.where.file] = by_file.get(row.where.file, 0) + 1
    parts = parts_of(name)
    for file, count in by_file.items():
        counted = subprocess.run(
            ["awk", r"/CLOSE[-_]WAIT/ || $4 == \"08\" {n++} END {print n+0}".replace(r"\"", '"')],
            input=parts[file].decode("utf-8", "replace"),
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(counted.stdout) == count, file
    assert views(incident, knowledge()) or not by_file


@pytest.mark.parametrize("name", NAMES)
def test_less_evidence_stays_true(name: str) -> None:
    """Each kind of file taken away in turn: weaker or insufficient, never a wrong certainty, never a false alarm on a healthy server."""
    truth = truth_of(name)
    files = sorted(parts_of(name))
    for kind in KINDS:
        of_kind = [file for file in files if file.rpartition("/")[2].startswith(kind)]
        if not of_kind:
            continue
        diagnosis = sample_without(name, tuple(of_kind))
        sure = {one.rule for one in diagnosis.findings if one.confidence is Confidence.CERTAIN and one.severity is not Severity.INFO}
        assert sure <= {truth["cause"], *truth["also"]}, f"without {kind}: {sure}"
        if truth["cause"] == "healthy":
            assert all(one.severity is Severity.INFO for one in diagnosis.findings), f"without {kind}"
        elif truth["cause"] in KNOWN:
            assert diagnosis.verdict.status != "healthy", f"without {kind}"


def test_the_samples_fit_into_the_repository() -> None:
    folders_of_samples = [folder for folder in SAMPLES.iterdir() if folder.is_dir()]
    sizes = [sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) for folder in folders_of_samples]
    assert max(sizes) <= LARGEST_SAMPLE
    assert sum(sizes) <= ALL_SAMPLES
    assert len(NAMES) >= FEWEST_SAMPLES


def test_no_sample_names_this_machine() -> None:
    for folder in SAMPLES.iterdir():
        if folder.is_dir() and folder.name != "lab":
            parts = parts_of(folder.name) | {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in {".json", ".md"}}
            for file, data in parts.items():
                capture = file.endswith((".pcap", ".pcapng"))
                assert capture or not re.search(rb"/tmp/(?!hsperf)[a-z]|[/]work[/]|[/]home[/]", data), (folder.name, file)


@pytest.mark.parametrize("name", NAMES)
def test_pools_have_their_configured_size(name: str) -> None:
    """No pool of the truth is missing from the dumps, and none is larger than the program made it."""
    sizes = truth_of(name)["pools"]
    found = sample(name).pools
    for prefix, size in sizes.items():
        named = [pool for pool in found if pool.name.rstrip("-") == prefix.rstrip("-") or pool.name.startswith(prefix)]
        assert named or not found, f"no pool {prefix}"
        assert all(0 < pool.size <= size + RESERVED for pool in named), [(pool.name, pool.size) for pool in named]

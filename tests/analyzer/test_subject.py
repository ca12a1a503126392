"""A collection says of which process it was made: that one comes first, its neighbours are told apart."""

from __future__ import annotations

from analyzer.model.finding import Severity, Status
from tests.builders import READ, SERVED, diagnosis_of, dump, idle_exec, netstat, thread

MANIFEST = """closewait collection 1
host: till-7
process: {pid}, uid 998 (till), in its container {pid}
FILE | BEGAN | TOOK | RESULT | COMMAND | REMARK
round1/netstat.txt | 2026-11-23T14:46:20Z | 0 s | exit 0 | netstat -tanp | -
ended: 2026-11-23T14:46:28Z
"""
LISTENS = ("0 0.0.0.0:8080 0.0.0.0:* LISTEN 501/java", "0 0.0.0.0:9090 0.0.0.0:* LISTEN 777/java")
OWN_CALLS = tuple(
    row
    for n in range(8)
    for row in (
        f"0 10.0.0.1:{50000 + n} 10.0.0.1:9090 ESTABLISHED 777/java",
        f"120 10.0.0.1:9090 10.0.0.1:{50000 + n} ESTABLISHED 777/java",
    )
)
WAITING = [thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *READ, "com.example.shop.Fetch.get", *SERVED, native="runnable") for n in range(6)]
CALLS = tuple(f"0 10.0.0.1:{41000 + n} 10.2.2.2:9200 ESTABLISHED 501/java" for n in range(6))
GAVE_UP = tuple(f"1 10.0.0.1:8080 10.9.9.9:{33000 + n} CLOSE_WAIT 501/java" for n in range(6))


def files(pid: int, threads: list[str], *rows: str) -> dict[str, str]:
    return {"manifest.txt": MANIFEST.format(pid=pid), "round1/jstack.txt": dump(*threads), "round1/netstat.txt": netstat(*LISTENS, *rows)}


def test_the_collected_process_comes_first_whatever_its_neighbour_does() -> None:
    diagnosis = diagnosis_of(files(501, WAITING, *CALLS, *GAVE_UP, *OWN_CALLS))
    assert diagnosis.primary is not None
    assert diagnosis.primary.process is not None
    assert (diagnosis.verdict.rule, diagnosis.primary.process.pid) == ("slow-backend", 501)
    assert diagnosis.findings[0].id == diagnosis.primary.id
    assert any(str(note).startswith("Also on this host") and "self-call-starvation" in str(note) for note in diagnosis.notes)


def test_nothing_against_the_collected_process_is_said_first() -> None:
    diagnosis = diagnosis_of(files(501, idle_exec(8), *OWN_CALLS))
    assert diagnosis.verdict.status is Status.PROBLEM
    assert diagnosis.verdict.headline.startswith("Nothing was found against process 501, which was collected.")
    assert diagnosis.verdict.severity is Severity.CRITICAL


def test_without_a_collection_the_worst_comes_first() -> None:
    evidence = files(501, WAITING, *CALLS, *OWN_CALLS)
    del evidence["manifest.txt"]
    diagnosis = diagnosis_of(evidence)
    assert diagnosis.verdict.severity is Severity.CRITICAL
    assert not any("Also on this host" in str(note) for note in diagnosis.notes)


def test_workers_of_the_collected_master_are_no_neighbours() -> None:
    evidence = files(4105, WAITING, *(row.replace("501/", "4117/") for row in (*CALLS, *GAVE_UP)))
    evidence["round1/netstat.txt"] = evidence["round1/netstat.txt"].replace("501/java", "4105/java")
    diagnosis = diagnosis_of(evidence)
    assert not diagnosis.verdict.headline.startswith("Nothing was found against")
    assert not any("Also on this host" in str(note) for note in diagnosis.notes)


def named(file: str, *rows: str) -> dict[str, str]:
    return {file: dump(*WAITING), "netstat.txt": netstat(*LISTENS, *rows)}


def test_a_pid_in_the_name_of_the_only_dump_is_the_subject() -> None:
    diagnosis = diagnosis_of(named("jstack-501.txt", *CALLS, *GAVE_UP, *OWN_CALLS))
    assert (diagnosis.verdict.rule, diagnosis.verdict.pid) == ("slow-backend", 501)
    assert any(str(note).startswith("Also on this host") and "self-call-starvation" in str(note) for note in diagnosis.notes)


def test_dumps_of_several_processes_have_no_subject() -> None:
    evidence = named("jstack-501.txt", *CALLS, *GAVE_UP, *OWN_CALLS) | {"jstack-777.txt": dump(*idle_exec(3, 9090))}
    assert not any("Also on this host" in str(note) for note in diagnosis_of(evidence).notes)
    assert not any("Also on this host" in str(note) for note in diagnosis_of(named("jstack-1.txt", *CALLS, *OWN_CALLS)).notes)

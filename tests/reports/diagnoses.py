"""Diagnoses to print: one of each state a report can be in. Numbers and excerpts are those of a controlled reproduction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from analyzer.model.finding import (
    Check,
    CloseWait,
    Confidence,
    Diagnosis,
    Evidence,
    Finding,
    Missing,
    Outcome,
    Status,
    Verdict,
)
from analyzer.model.incident_facts import IncidentFacts
from analyzer.model.inputs import UnreadLine
from analyzer.model.timeline import FlowSummary
from parsers.records import Unit, Where

if TYPE_CHECKING:
    from collections.abc import Callable
from tests.reports.parts import (
    BACKEND,
    CHECKED,
    EXCERPTS,
    IDLE,
    INPUTS,
    LIMIT,
    LINKS,
    MISSING,
    POOLS,
    SELF_CALL,
    WAITS,
    pool,
    read,
    sockets,
)


def verdict_of(finding: Finding) -> Verdict:
    return Verdict(
        status=Status.PROBLEM,
        finding=finding.id,
        rule=finding.rule,
        severity=finding.severity,
        confidence=finding.confidence,
        headline=finding.headline,
        summary=finding.explanation,
        fingerprint="3f9c1b7a20de",
    )


def self_call() -> Diagnosis:
    """The rich one: a server that calls itself."""
    return Diagnosis(
        incident=IncidentFacts(name="checkout-hang", hosts=("app01",), first="2026-11-23T12:27:08", last="2026-11-23T12:27:11"),
        verdict=verdict_of(SELF_CALL),
        findings=(SELF_CALL, IDLE),
        sockets=(sockets(),),
        pools=POOLS,
        links=LINKS,
        waits=WAITS,
        flows=(),
        checked=CHECKED,
        missing=MISSING,
        inputs=INPUTS,
        excerpts=EXCERPTS,
    )


def healthy() -> Diagnosis:
    """Threads and sockets were read, and nothing is wrong."""
    return replace(
        self_call(),
        incident=IncidentFacts(name="quiet-morning", hosts=("app01",), first="2026-11-23T09:00:00+09:00", last="2026-11-23T09:00:02+09:00"),
        verdict=Verdict(
            status=Status.HEALTHY,
            finding=None,
            rule=None,
            severity=None,
            confidence=None,
            headline="Nothing wrong was found: the server has idle threads, and its sockets are in use.",
            summary="7 of 8 threads of http-nio-38090-exec are idle, the accept queue is empty, and no socket is in CLOSE_WAIT.",
            fingerprint="0a0a0a0a0a0a",
        ),
        findings=(replace(IDLE, id="F1"),),
        sockets=(sockets(waiting=0),),
        pools=(pool("http-nio-38090-exec", 8, 1, "server", {"idle": 7, "running": 1}),),
        links=(),
        waits=(),
        checked=tuple(
            replace(check, outcome=Outcome.CLEAN, why="looked, and it is not so") if check.rule == "self-call-starvation" else check
            for check in CHECKED
        ),
        missing=MISSING[1:],
        inputs=INPUTS[:3],
    )


def insufficient() -> Diagnosis:
    """One fragment that supports no verdict."""
    return replace(
        self_call(),
        incident=IncidentFacts(name="fragment", hosts=(), first=None, last=None),
        verdict=Verdict(
            status=Status.INSUFFICIENT,
            finding=None,
            rule=None,
            severity=None,
            confidence=None,
            headline="The evidence supports neither a cause nor health.",
            summary="One piece of a thread dump with 3 threads was read. It says nothing of the threads it leaves out, and there is no socket table.",
            fingerprint="000000000000",
        ),
        findings=(),
        sockets=(),
        pools=(),
        links=(),
        waits=(),
        checked=(
            Check("self-call-starvation", Outcome.SKIPPED, "needs a socket table"),
            Check("java-deadlock", Outcome.CLEAN, "no cycle among 3 threads"),
        ),
        missing=(
            Missing("a complete thread dump", "what all threads do", "jstack -l PID > jstack.txt"),
            Missing("a socket table with processes", "who is connected to whom", "lsof -nP -i > lsof.txt"),
        ),
        inputs=(read("paste.txt", "HotSpot thread dump (fragment)", 3, 2_100),),
        excerpts={},
    )


def two_causes() -> Diagnosis:
    """Two critical causes, neither the consequence of the other."""
    return replace(self_call(), findings=(SELF_CALL, BACKEND, replace(IDLE, id="F3")))


def consequence() -> Diagnosis:
    """A cause and what followed from it, with the accept queue full."""
    table = replace(sockets(waiting=16), close_wait=CloseWait(total=16, fin_only=8, unread=2, unaccepted=6))
    flow = FlowSummary(
        capture="app01/lo.pcap",
        client="127.0.0.1:54278",
        server="127.0.0.1:38092",
        opened="2026-11-23T12:41:02",
        closed_first="client",
        fin={"client": True, "server": False},
        rst=False,
        request="GET /slow HTTP/1.1",
        response=None,
        unanswered_for=4.0,
        half_closed_for=5.2,
        retransmitted=0,
        zero_windows=0,
        bytes={"client": 57, "server": 0},
    )
    return replace(
        self_call(),
        findings=(SELF_CALL, LIMIT, replace(IDLE, id="F3")),
        sockets=(table,),
        flows=(flow, replace(flow, client="127.0.0.1:54280")),
    )


def three_snapshots() -> Diagnosis:
    """Three snapshots five minutes apart, with growth."""
    times = ("2026-11-23T12:17:00", "2026-11-23T12:22:00", "2026-11-23T12:27:00")
    tables = tuple(sockets(time, waiting) for time, waiting in zip(times, (3, 1_210, 4_023), strict=True))
    pools = tuple(replace(table, snapshot=time) for time in times for table in POOLS)
    return replace(self_call(), sockets=tables, pools=pools)


def far_apart() -> Diagnosis:
    """Artifacts taken long after one another."""
    return replace(
        self_call(),
        incident=IncidentFacts(name="checkout-hang", hosts=("app01",), first="2026-11-23T12:27:08Z", last="2026-11-24T08:02:00Z"),
        notes=("The thread dump and the socket table were taken 19 hours apart: links between them may be false.",),
    )


def unknown_files() -> Diagnosis:
    """Files were given, and nobody recognised any."""
    base = insufficient()
    return replace(
        base,
        verdict=replace(
            base.verdict,
            headline="None of the 2 files is of a known format.",
            summary="No thread dump, socket table or capture was recognised.",
        ),
        checked=(
            Check("self-call-starvation", Outcome.SKIPPED, "needs a thread dump"),
            Check("java-deadlock", Outcome.SKIPPED, "needs a thread dump"),
        ),
        inputs=(
            read("notes.md", None, 0, 412, (UnreadLine(1, 9, "no known format"),)),
            read("photo.png", None, 0, 88_213, (UnreadLine(1, 1, "not text"),)),
        ),
    )


def broken_rule() -> Diagnosis:
    """A rule that broke, a contradiction, no figures, packets as places."""
    packet = Where("app01/lo.pcap", 17, 17, Unit.PACKET)
    finding = replace(
        SELF_CALL,
        confidence=Confidence.SUSPECTED,
        figures=(),
        contradicted_by=("One thread of the pool is idle.",),
        evidence=(Evidence(packet, "A request that was acknowledged and never answered"),),
    )
    return replace(
        self_call(),
        findings=(finding, replace(BACKEND, confidence=Confidence.SUSPECTED)),
        verdict=verdict_of(finding),
        checked=(*CHECKED, Check("dns-stall", Outcome.FAULT, "IndexError in the rule: please report it")),
    )


STATES: dict[str, Callable[[], Diagnosis]] = {
    made.__name__: made
    for made in (self_call, healthy, insufficient, two_causes, consequence, three_snapshots, far_apart, unknown_files, broken_rule)
}

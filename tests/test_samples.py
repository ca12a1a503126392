"""What each sample must and must not say: the tool's conscience."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Severity, Status
from tests.builders import found, sample, sample_without

SOCKETS = ("lsof", "netstat", "ss_", "proc_net", "proc_fd", "nstat")
DUMP = ("jstack",)


@pytest.mark.parametrize(("name", "port"), [("self-call-after", 38090), ("self-call-during", 38090), ("connection-limit", 38092)])
def test_self_call_is_certain_with_its_loop(name: str, port: int) -> None:
    diagnosis = sample(name)
    primary = diagnosis.primary
    assert primary is not None
    assert (primary.rule, primary.confidence, primary.severity) == ("self-call-starvation", Confidence.CERTAIN, Severity.CRITICAL)
    assert primary.loop
    assert [step.actor for step in primary.chain] == [f"http-nio-{port}-exec", "pool-1-thread", f"127.0.0.1:{port}"]
    assert "FutureTask.get" in primary.chain[0].detail
    assert primary.culprit.frame == "SelfCall$2.lambda$doGet$0(SelfCall.java:13)"
    assert any(f"8 connections from this process to its own port {port}" in evidence.says for evidence in primary.evidence)
    assert all(evidence.where.file and evidence.where.first >= 1 and diagnosis.excerpts[evidence.where] for evidence in primary.evidence)
    assert not found(diagnosis, "slow-backend")


def test_close_wait_is_split_by_what_was_read() -> None:
    table = next(table for table in sample("self-call-after").sockets if table.local_port == 38090)
    assert (table.close_wait.total, table.close_wait.fin_only, table.close_wait.unread) == (40, 8, 32)
    assert table.states["ESTABLISHED"] == 8


def test_the_same_stacks_over_another_process_are_a_slow_backend() -> None:
    diagnosis = sample("slow-backend")
    primary = diagnosis.primary
    assert primary is not None
    assert (primary.rule, primary.confidence) == ("slow-backend", Confidence.CERTAIN)
    assert primary.culprit.remote == "127.0.0.1:38099"
    assert "python3, pid 2492" in primary.headline
    assert not found(diagnosis, "self-call-starvation")


def test_no_limit_is_denied_that_the_stack_cannot_show() -> None:
    """JDK 17 shows whether a socket read is timed; a SocketInputStream of JDK 8 and an HttpClient.send do not."""
    assert "without a timeout" in sample("slow-backend").verdict.summary


def test_connection_limit_is_the_consequence() -> None:
    diagnosis = sample("connection-limit")
    limit = found(diagnosis, "connection-limit")[0]
    assert diagnosis.verdict.rule == "self-call-starvation"
    assert limit.consequence_of == diagnosis.verdict.finding
    said = " ".join(evidence.says for evidence in limit.evidence)
    assert "6 connections wait in the accept queue" in said
    assert "6 connections have no owner" in said
    assert "8 connection attempts to port 38092 without an answer" in said
    assert "LimitLatch.countUpOrAwait" in limit.explanation


@pytest.mark.parametrize("name", ["self-call-after", "self-call-during", "slow-backend", "connection-limit"])
def test_a_dump_alone_names_both_causes(name: str) -> None:
    diagnosis = sample_without(name, SOCKETS)
    suspicions = [finding for finding in diagnosis.findings if finding.rule in {"self-call-starvation", "slow-backend"}]
    assert {finding.rule for finding in suspicions} == {"self-call-starvation", "slow-backend"}
    assert all(finding.confidence is Confidence.SUSPECTED for finding in suspicions)
    assert "calls itself" in diagnosis.verdict.headline
    assert "slow service" in diagnosis.verdict.headline
    assert any("ss -tanp" in missing.command for missing in diagnosis.missing)


@pytest.mark.parametrize("name", ["self-call-after", "self-call-during", "connection-limit"])
def test_sockets_alone_prove_the_own_calls_and_no_more(name: str) -> None:
    diagnosis = sample_without(name, DUMP)
    primary = diagnosis.primary
    assert primary is not None
    assert (primary.rule, primary.confidence) == ("self-call-starvation", Confidence.SUSPECTED)
    assert any(missing.command.startswith("jstack") for missing in diagnosis.missing)


def test_sockets_alone_of_a_slow_backend_are_never_certain() -> None:
    diagnosis = sample_without("slow-backend", DUMP)
    assert diagnosis.verdict.rule == "slow-backend"
    assert diagnosis.verdict.confidence is Confidence.LIKELY, "ss -i counts what was sent and received on each connection"
    assert "127.0.0.1:38099" in diagnosis.verdict.headline


def test_the_published_fragments_are_a_suspicion_with_what_would_prove_it() -> None:
    diagnosis = sample("seed-2015")
    primary = diagnosis.primary
    assert primary is not None
    assert diagnosis.verdict.status is Status.PROBLEM
    assert (primary.rule, primary.confidence) == ("self-call-starvation", Confidence.SUSPECTED)
    assert found(diagnosis, "slow-backend")[0].confidence is Confidence.SUSPECTED
    table = next(table for table in diagnosis.sockets if table.local_port == 8080)
    assert table.close_wait.fin_only == 7
    assert table.states == {"CLOSE_WAIT": 13, "ESTABLISHED": 1}
    assert primary.culprit.frame == "net.daum.crystal.core.execute.SearchManager.search(SearchManager.java:104)"
    shown = [line for evidence in primary.evidence for line in diagnosis.excerpts[evidence.where]]
    assert any("FutureTask.get(" in line for line in shown)
    assert any("AbstractExecutorService.invokeAll" in line for line in shown)
    assert "2.2 to 3.0 s old" in primary.explanation
    assert {missing.artifact for missing in diagnosis.missing} == {"whole thread dump", "whole socket table"}
    assert any("27836" in missing.command for missing in diagnosis.missing)


@pytest.mark.parametrize("name", ["self-call-after", "self-call-during", "slow-backend", "connection-limit", "seed-2015"])
@pytest.mark.parametrize("gone", [SOCKETS, DUMP, ("netstat",), ("ss_",), ("lsof",), ("netstat", "ss_", "proc_net")])
def test_less_evidence_is_never_a_wrong_certainty(name: str, gone: tuple[str, ...]) -> None:
    truth = "slow-backend" if name == "slow-backend" else "self-call-starvation"
    diagnosis = sample_without(name, gone)
    for finding in diagnosis.findings:
        if finding.confidence is Confidence.CERTAIN:
            assert finding.rule in {truth, "connection-limit"}

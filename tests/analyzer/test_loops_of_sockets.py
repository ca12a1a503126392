"""Socket tables alone: a service that calls back, and whose calls nobody reads, is no slow service."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Diagnosis, Severity
from tests.analyzer.test_rules import LISTEN, ME, gave_up
from tests.builders import diagnosis_of, found, netstat


def tables(owner: str, count: int = 6, unread: int = 80) -> Diagnosis:
    """Calls of pid 77 to port 9000 of another process, and that process' calls to port 8080 of pid 77."""
    rows = [LISTEN, f"0 127.0.0.1:9000 0.0.0.0:* LISTEN {owner}", *gave_up(count)]
    for n in range(count):
        rows += [
            f"0 127.0.0.1:{41000 + n} 127.0.0.1:9000 ESTABLISHED {ME}",
            f"0 127.0.0.1:9000 127.0.0.1:{41000 + n} ESTABLISHED {owner}",
            f"0 127.0.0.1:{45000 + n} 127.0.0.1:8080 ESTABLISHED {owner}",
            f"{unread} 127.0.0.1:8080 127.0.0.1:{45000 + n} ESTABLISHED {ME}",
        ]
    return diagnosis_of({"netstat.txt": netstat(*rows)})


def test_through_a_proxy_the_server_calls_itself() -> None:
    diagnosis = tables("99/nginx:")
    (one,) = [
        finding for finding in diagnosis.findings if finding.severity is not Severity.INFO and finding.process and finding.process.pid == 77
    ]
    assert (one.rule, one.confidence) == ("self-call-starvation", Confidence.SUSPECTED)
    assert one.headline.startswith("The server calls nginx (pid 99), which calls its own port 8080")
    assert one.loop


def test_two_servers_wait_for_each_other() -> None:
    diagnosis = tables("99/java")
    assert diagnosis.verdict.rule == "mutual-call-starvation"
    (one,) = found(diagnosis, "mutual-call-starvation")
    assert one.confidence is Confidence.SUSPECTED
    assert not found(diagnosis, "slow-backend")


def test_calls_back_that_were_read_are_no_loop() -> None:
    diagnosis = tables("99/java", unread=0)
    assert not found(diagnosis, "mutual-call-starvation")
    assert diagnosis.verdict.rule == "slow-backend"


def test_two_calls_are_a_passing_moment() -> None:
    assert not found(tables("99/java", count=2), "mutual-call-starvation")


def test_a_proxy_of_many_ports_is_one_loop_and_costs_no_square() -> None:
    rows = [LISTEN]
    for port in range(600):
        for n in range(4):
            end = 20000 + port * 4 + n
            rows += [
                f"0 127.0.0.1:{end} 127.0.0.1:{1000 + port} ESTABLISHED {ME}",
                f"0 127.0.0.1:{1000 + port} 127.0.0.1:{end} ESTABLISHED 99/nginx:",
                f"0 127.0.0.2:{end} 127.0.0.1:8080 ESTABLISHED 99/nginx:",
                f"80 127.0.0.1:8080 127.0.0.2:{end} ESTABLISHED {ME}",
            ]
    view_of_java = [one for one in found(diagnosis_of({"netstat.txt": netstat(*rows)}), "self-call-starvation") if "nginx" in one.headline]
    assert len(view_of_java) == 1

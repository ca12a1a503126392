"""Erlang's processes: a server process that everybody calls, one service, and nobody at work; and goroutines that go on to other requests."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Status
from tests.analyzer.test_runtimes import SERVE, TRIP, table
from tests.builders import diagnosis_of, found, netstat
from tests.parsers.test_erlang_crash_dump import HEAD, PROC, STACK, node


def sockets(*, left: int, calls: int, idle: int = 0) -> str:
    """A table of a node that serves port 5999."""
    rows = ["0 0.0.0.0:5999 0.0.0.0:* LISTEN 44/beam.smp"]
    rows += [f"1 10.4.0.1:5999 10.4.0.8:{4000 + at} CLOSE_WAIT 44/beam.smp" for at in range(left)]
    rows += [f"0 10.4.0.1:5999 10.4.0.8:{4500 + at} ESTABLISHED 44/beam.smp" for at in range(idle)]
    rows += [f"0 10.4.0.1:{5000 + at} 10.4.0.9:7788 ESTABLISHED 44/beam.smp" for at in range(calls)]
    return netstat(*rows)


def test_a_server_process_that_calls_out_keeps_its_callers_waiting() -> None:
    diagnosis = diagnosis_of({"erl_crash.dump": node(callers=8), "netstat.txt": sockets(left=8, calls=1)})
    (finding,) = found(diagnosis, "lock-convoy")
    assert diagnosis.verdict.rule == "lock-convoy"
    assert (finding.culprit.thread, finding.culprit.remote) == ("stock", "10.4.0.9:7788")
    assert "processes of desk:session/1" in finding.headline
    assert "lock" not in f"{finding.headline} {finding.explanation} {finding.actions} {finding.outlook}".replace("lock_", "")
    assert "jstack" not in f"{finding.actions} {finding.missing} {diagnosis.missing}"


def sessions(count: int, below: str) -> str:
    """Sessions that read a socket, in a function of theirs."""
    made = [
        PROC.format(number=80 + at, name="", began="desk:session/1", messages=0, links="", top="prim_inet:recv0/3") for at in range(count)
    ]
    return HEAD + "".join(made) + "".join(STACK.format(number=80 + at, below=below) for at in range(count)) + "=end\n"


def test_sessions_that_all_call_one_service() -> None:
    diagnosis = diagnosis_of({"erl_crash.dump": sessions(8, "desk:fetch/2"), "netstat.txt": sockets(left=8, calls=8)})
    (finding,) = found(diagnosis, "slow-backend")
    assert finding.culprit.remote == "10.4.0.9:7788"
    assert "threads" not in f"{finding.headline} {finding.explanation}"


def test_sessions_that_wait_for_their_clients_are_no_trouble() -> None:
    diagnosis = diagnosis_of({"erl_crash.dump": sessions(8, "desk:session/1"), "netstat.txt": sockets(left=0, calls=0, idle=8)})
    assert diagnosis.verdict.status is not Status.PROBLEM


def handler(number: int, request: str) -> str:
    """A goroutine that calls out while it serves a request."""
    serve = f"net/http.serverHandler.ServeHTTP({{0xc0001?}}, {{0x75ed40, 0xc0002}}, {request})\n\t/go/server.go:2947 +0x1\n"
    return f"goroutine {number} [select]:\n{TRIP}{serve}{SERVE}\n"


class TestRequestsThatGoOn:
    """The same goroutines on the same stack in two dumps: a connection is served by one, request after request."""

    def files(self, *, later: int) -> dict[str, str]:
        first = "".join(handler(number, f"0xc000{number:06x}") for number in range(16, 24))
        second = "".join(handler(number, f"0xc000{number + later:06x}") for number in range(16, 24))
        clients = netstat(
            "0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/till",
            *(f"0 10.0.0.1:8080 10.0.0.9:{4000 + at} ESTABLISHED 77/till" for at in range(8)),
            *(f"0 10.0.0.1:{5000 + at} 10.0.0.7:9443 ESTABLISHED 77/till" for at in range(8)),
        )
        return {"goroutines-1.txt": first, "goroutines-2.txt": second, "netstat-2.txt": clients}

    def test_other_requests_than_before(self) -> None:
        diagnosis = diagnosis_of(self.files(later=512))
        assert not diagnosis.findings
        assert diagnosis.verdict.status is not Status.PROBLEM

    def test_the_same_requests_as_before(self) -> None:
        (finding,) = found(diagnosis_of(self.files(later=0)), "slow-backend")
        assert finding.confidence is Confidence.LIKELY
        assert "stood on the same stack" in finding.explanation

    def test_clients_that_gave_up_keep_the_alarm(self) -> None:
        files = self.files(later=512)
        assert found(diagnosis_of({**files, "netstat-2.txt": table(waiting=8, calls=8)}), "slow-backend")

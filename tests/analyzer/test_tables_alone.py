"""Tables without a dump: what a queue that nobody accepts, and equal numbers of clients and calls, may mean."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence
from tests.analyzer.test_roles import LISTEN, left, open_to
from tests.builders import diagnosis_of, found, netstat

QUEUE = tuple(f"59 10.2.0.4:6612 10.2.9.7:{43000 + at} CLOSE_WAIT -" for at in range(6))


class TestNobodyAccepts:
    """How many connections are held tells a limit from a server that takes one after the other."""

    def test_next_to_nothing_accepted_is_no_limit(self) -> None:
        diagnosis = diagnosis_of({"netstat.txt": netstat(LISTEN, *left(1, 0), *QUEUE, *open_to("10.9.9.9:7000", 1))})
        (finding,) = found(diagnosis, "acceptor-stalled")
        assert (diagnosis.verdict.rule, finding.confidence) == ("acceptor-stalled", Confidence.SUSPECTED)
        assert finding.culprit.remote == "10.9.9.9:7000"
        assert not found(diagnosis, "connection-limit")

    def test_of_several_services_none_is_named(self) -> None:
        rows = (*open_to("10.9.9.9:7000", 1), "0 10.2.0.4:52000 10.9.9.8:7001 ESTABLISHED 431/java")
        (finding,) = found(diagnosis_of({"netstat.txt": netstat(LISTEN, *left(1, 0), *QUEUE, *rows)}), "acceptor-stalled")
        assert finding.culprit.remote is None

    @pytest.mark.parametrize("accepted", [left(40, 0), []], ids=["many accepted", "a table without owners"])
    def test_else_it_may_be_a_limit(self, accepted: list[str]) -> None:
        listen = LISTEN if accepted else LISTEN.replace("431/java", "-")
        diagnosis = diagnosis_of({"netstat.txt": netstat(listen, *accepted, *QUEUE)})
        assert not found(diagnosis, "acceptor-stalled")


def lsof(*, clients: int, calls: int, first: int = 0, service: str = "10.9.9.9:7000") -> str:
    """What ``lsof -i`` prints: no queues."""
    rows = ["COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME", "java 431 app 5u IPv4 90 0t0 TCP 10.2.0.4:6612 (LISTEN)"]
    rows += [f"java 431 app {10 + at}u IPv4 {100 + at} 0t0 TCP 10.2.0.4:6612->10.2.9.7:{41000 + at} (CLOSE_WAIT)" for at in range(clients)]
    rows += [
        f"java 431 app {200 + at}u IPv4 {300 + at} 0t0 TCP 10.2.0.4:{51000 + first + at}->{service} (ESTABLISHED)" for at in range(calls)
    ]
    return "\n".join(rows) + "\n"


class TestEqualNumbers:
    """Clients that left and calls that stay, in two tables without queues."""

    def test_the_service_is_suspected(self) -> None:
        (finding,) = found(diagnosis_of({"lsof-1.txt": lsof(clients=9, calls=9), "lsof-2.txt": lsof(clients=9, calls=9)}), "slow-backend")
        assert (finding.confidence, finding.culprit.remote) == (Confidence.SUSPECTED, "10.9.9.9:7000")

    @pytest.mark.parametrize(
        "files",
        [
            {"lsof-1.txt": lsof(clients=9, calls=9)},
            {"lsof-1.txt": lsof(clients=9, calls=9), "lsof-2.txt": lsof(clients=9, calls=9, first=50)},
            {"lsof-1.txt": lsof(clients=30, calls=9), "lsof-2.txt": lsof(clients=30, calls=9)},
            {
                "lsof-1.txt": lsof(clients=9, calls=9, service="10.2.0.4:6612"),
                "lsof-2.txt": lsof(clients=9, calls=9, service="10.2.0.4:6612"),
            },
        ],
        ids=["one table", "other calls", "unequal numbers", "own port"],
    )
    def test_what_does_not_suffice(self, files: dict[str, str]) -> None:
        assert not found(diagnosis_of(files), "slow-backend")

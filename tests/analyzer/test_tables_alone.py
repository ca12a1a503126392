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


CLOSED = "Recv-Q Send-Q   Local Address:Port    Peer Address:Port\n{rows}"
ROW = '1      0          10.5.5.9:8081        10.5.8.{host}:{port}   users:(("java",pid=1811,fd={fd}))\n'


def later(first: tuple[int, ...], second: tuple[int, ...]) -> str:
    """Two tables of one terminal, the second some seconds later."""
    rows = ["".join(ROW.format(host=host, port=52000 + host, fd=600 + host) for host in hosts) for hosts in (first, second)]
    asked = "ss -tnp state close-wait '( sport = :8081 )'"
    tables = [CLOSED.format(rows=one) for one in rows]
    return f"Is this a leak?\n\n    $ {asked}\n{tables[0]}\n    $ sleep 5; {asked}\n{tables[1]}\n"


def test_clients_that_left_and_are_gone_in_the_next_table_are_no_alarm() -> None:
    diagnosis = diagnosis_of({"post.txt": later((31, 33, 34), (40,))})
    said = f"{diagnosis.verdict.headline} {diagnosis.verdict.summary}"
    assert "CLOSE_WAIT of port 8081 comes and goes, as is normal for a moment" in said
    assert "1 here, and none of the 3 such connections of the table before is left" in said
    assert not diagnosis.findings


def test_clients_that_left_and_stay_are_told_as_before() -> None:
    diagnosis = diagnosis_of({"post.txt": later((31, 33, 34), (31, 33, 34, 40))})
    said = f"{diagnosis.verdict.headline} {diagnosis.verdict.summary}"
    assert "comes and goes" not in said
    assert "clients of port 8081 disconnected and the server has not closed its side" in said


def test_descriptors_that_were_counted_twice_do_not_grow() -> None:
    counted = "    $ ls /proc/1811/fd | wc -l\n    731\n    $ ls /proc/1811/fd | wc -l      # two hours later\n    {last}\n"
    calm, grown = (diagnosis_of({"post.txt": later((31,), (40,)) + counted.format(last=last)}) for last in (728, 3990))
    assert "728 descriptors were counted" in calm.verdict.summary
    assert "731 before: they do not grow" in calm.verdict.summary
    assert "do not grow" not in grown.verdict.summary

"""Servers that fork, locks whose owner no line names, and what they wait for."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Status
from tests.analyzer.test_runtimes import SERVE, goroutine, table
from tests.builders import diagnosis_of, found, netstat

FPM = "[02-Mar-2026 10:00:{at:02}] WARNING: [pool till] child {pid}, script '/srv/order.php' (request: \"GET /order.php\") executing too slow (5.{at:06} sec), logging\n"
LOG = "[02-Mar-2026 09:59:00] NOTICE: fpm is running, pid 700\n[02-Mar-2026 09:59:00] NOTICE: ready to handle connections\n"


def workers(count: int, *, queue: int = 6, service: str = "10.3.0.9:8899", command: str = "php-fpm:", connected: int | None = None) -> str:
    """A table of a pre-fork server: each worker has accepted one connection, and is connected to the service."""
    rows = [f"{queue} 10.3.0.4:9123 0.0.0.0:* LISTEN 700/{command}"]
    for at in range(count):
        rows.append(f"8 10.3.0.4:9123 10.3.0.8:{4000 + at} ESTABLISHED {710 + at}/{command}")
        if at < (count if connected is None else connected):
            rows.append(f"0 10.3.0.4:{5000 + at} {service} ESTABLISHED {710 + at}/{command}")
    rows += [f"300 10.3.0.4:9123 10.3.0.8:{4500 + at} ESTABLISHED -" for at in range(queue)]
    return netstat(*rows)


class TestWorkersBySocketsAlone:
    """Each serves one request at a time: what it is connected to is what the request needs."""

    def test_all_are_connected_to_one_service(self) -> None:
        (finding,) = found(diagnosis_of({"netstat.txt": workers(5)}), "slow-backend")
        assert (finding.confidence, finding.culprit.remote, finding.culprit.listener) == (Confidence.SUSPECTED, "10.3.0.9:8899", "*:9123")

    def test_their_own_log_says_that_their_requests_take_long(self) -> None:
        log = LOG + "".join(FPM.format(at=at, pid=710 + at) for at in range(5))
        (finding,) = found(diagnosis_of({"netstat.txt": workers(5), "fpm.log": log}), "slow-backend")
        assert finding.confidence is Confidence.LIKELY

    def test_the_log_of_other_workers_says_nothing_of_these(self) -> None:
        log = LOG + "".join(FPM.format(at=at, pid=910 + at) for at in range(5))
        (finding,) = found(diagnosis_of({"netstat.txt": workers(5), "fpm.log": log}), "slow-backend")
        assert finding.confidence is Confidence.SUSPECTED

    def test_nobody_waits_for_a_worker(self) -> None:
        assert not found(diagnosis_of({"netstat.txt": workers(5, queue=0)}), "slow-backend")

    def test_some_are_connected_to_nothing(self) -> None:
        assert not found(diagnosis_of({"netstat.txt": workers(5, connected=2)}), "slow-backend")

    def test_a_pool_without_a_free_child_is_not_healthy(self) -> None:
        status = "pool:                 till\nprocess manager:      static\nlisten queue:         4\nidle processes:       0\nactive processes:     5\ntotal processes:      5\n"
        assert diagnosis_of({"status.txt": status, "netstat.txt": workers(5, queue=0)}).verdict.status is not Status.HEALTHY


def slow_log(*stacks: tuple[str, int]) -> str:
    entry = "\n[02-Mar-2026 10:00:0{n}]  [pool till] pid {pid}\nscript_filename = /srv/cart.php\n[0x00007f] {call}() /srv/cart.php:{line}\n"
    return "".join(entry.format(n=at % 10, pid=710 + at, call=call, line=line) for at, (call, line) in enumerate(stacks))


class TestOwnersThatNoLineNames:
    """Who works in the code that a lock guards may be its owner, and no more than that."""

    def test_a_session_that_a_slow_request_keeps_locked(self) -> None:
        stacks = slow_log(*[("session_start", 3)] * 4, ("fgets", 9))
        diagnosis = diagnosis_of({"slow.log": stacks, "netstat.txt": workers(5, connected=0)})
        (finding,) = found(diagnosis, "lock-convoy")
        assert diagnosis.verdict.rule == "lock-convoy"
        assert (finding.culprit.thread or "").startswith("till 714")
        assert finding.confidence is Confidence.SUSPECTED
        assert any("session_write_close" in action.text for action in finding.actions)

    def test_who_is_further_on_in_the_script_inside_a_function_that_stands_above(self) -> None:
        """PHP prints each call with the line of its caller: the function's own lines are of another place than the script's."""
        inside = "\n[02-Mar-2026 10:00:09]  [pool till] pid 714\nscript_filename = /srv/cart.php\n[0x1] fgets() /srv/cart.php:2\n[0x2] price() /srv/cart.php:{line}\n"
        for line, owner in ((9, "till 714"), (1, None)):
            stacks = slow_log(*[("session_start", 3)] * 4) + inside.format(line=line)
            (finding,) = found(diagnosis_of({"slow.log": stacks, "netstat.txt": workers(5, connected=0)}), "lock-convoy")
            assert finding.culprit.thread == owner or (owner and (finding.culprit.thread or "").startswith(owner))

    def test_who_has_not_come_to_the_session_yet_is_no_owner(self) -> None:
        stacks = slow_log(*[("session_start", 3)] * 4, ("fgets", 2))
        (finding,) = found(diagnosis_of({"slow.log": stacks, "netstat.txt": workers(5, connected=0)}), "lock-convoy")
        assert finding.culprit.thread is None

    def test_a_method_of_the_same_type_that_calls_out(self) -> None:
        waits = "sync.(*RWMutex).RLock(...)\n\t/go/rwmutex.go:71\nexample.com/till.(*Rates).get(0xc0001?)\n\t/b/rates.go:21 +0x1\n"
        calls = "net.(*conn).Read(0x1)\n\t/go/net.go:183 +0x1\nexample.com/till.(*Rates).fill(0xc0001)\n\t/b/rates.go:44 +0x1\n"
        stacks = goroutine(4, "IO wait", calls + SERVE) + "".join(goroutine(n, "semacquire", waits + SERVE) for n in range(5, 13))
        (finding,) = found(diagnosis_of({"goroutines.txt": stacks, "netstat.txt": table(waiting=9, calls=1)}), "lock-convoy")
        assert (finding.culprit.thread, finding.culprit.remote, finding.confidence) == (
            "goroutine 4",
            "10.0.0.7:9443",
            Confidence.SUSPECTED,
        )
        assert "seems to hold it" in finding.headline

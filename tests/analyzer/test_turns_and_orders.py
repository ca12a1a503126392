"""Goroutines at channels, requests that wait for their turn, and two locks taken in opposite order."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, RecoversWhen, Status
from tests.analyzer.test_runtimes import SERVE, TRIP, goroutine, table
from tests.builders import diagnosis_of, found, netstat

SEND = "example.com/till.book(0x1)\n\t/b/till.go:70 +0x1\n"
TURN = "example.com/till.inTurn.func1(0x1)\n\t/b/till.go:36 +0x1\n"
PAST = "example.com/till.inTurn.func1(0x1)\n\t/b/till.go:38 +0x1\n"
RECEIVE = "example.com/till.writer(0x1)\n\t/b/till.go:90 +0x1\ncreated by main.main\n\t/b/main.go:8 +0x1\n"
READ_NEXT = "internal/poll.(*FD).Read(0x1)\n\t/go/fd_unix.go:165 +0x1\nnet/http.(*conn).readRequest(0x1)\n\t/go/server.go:980 +0x1\n"
BACKGROUND = "internal/poll.(*FD).Read(0x1)\n\t/go/fd_unix.go:165 +0x1\nnet/http.(*connReader).backgroundRead(0x1)\n\t/go/server.go:683 +0x1\ncreated by net/http.(*connReader).startBackgroundRead\n\t/go/server.go:679 +0x1\n"


def goroutines(*stacks: tuple[int, str, str]) -> str:
    """``(count, state, stack)`` each."""
    made, number = [], 10
    for count, state, stack in stacks:
        for _ in range(count):
            made.append(goroutine(number, state, stack))
            number += 1
    return "".join(made)


class TestChannels:
    """A channel has no owner: what is known is whether anybody stands at its other end."""

    def test_nobody_receives(self) -> None:
        stacks = goroutines((9, "chan send, 4 minutes", SEND + SERVE), (9, "IO wait", BACKGROUND))
        diagnosis = diagnosis_of({"goroutines.txt": stacks, "netstat.txt": table(waiting=9, calls=0)})
        (finding,) = found(diagnosis, "pool-stuck")
        assert diagnosis.verdict.rule == "pool-stuck"
        assert "no goroutine of the application receives" in finding.explanation
        assert "a channel send" in finding.headline
        assert "jcmd" not in f"{finding.actions} {finding.missing} {diagnosis.missing}"

    def test_a_whole_dump_in_which_nobody_could_receive(self) -> None:
        """No client has left yet, and the runtime's own goroutines take nothing from a program."""
        runtime = "runtime.gopark(0x1)\n\t/go/proc.go:381 +0x1\nruntime.forcegchelper()\n\t/go/proc.go:305 +0x1\ncreated by runtime.init.6\n\t/go/proc.go:293 +0x1\n"
        other = "example.com/till.count(0x1)\n\t/b/till.go:99 +0x1\ncreated by main.main\n\t/b/main.go:9 +0x1\n"
        rows = [f"0 10.0.0.1:8080 10.0.0.9:{6000 + at} ESTABLISHED 77/till" for at in range(9)]
        listed = netstat("0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/till", *rows)
        for more, told in (((), True), (((1, "sleep", other),), False)):
            stacks = goroutines((9, "chan send", SEND + SERVE), (1, "force gc (idle)", runtime), *more)
            assert bool(found(diagnosis_of({"goroutines.txt": stacks, "netstat.txt": listed}), "pool-stuck")) is told

    def test_somebody_receives_elsewhere(self) -> None:
        stacks = goroutines((9, "chan send", SEND + SERVE), (1, "chan receive", RECEIVE))
        (finding,) = found(diagnosis_of({"goroutines.txt": stacks, "netstat.txt": table(waiting=9, calls=0)}), "pool-stuck")
        assert "no goroutine" not in finding.explanation

    def test_nobody_sends(self) -> None:
        stacks = goroutines((9, "chan receive", SEND + SERVE))
        (finding,) = found(diagnosis_of({"goroutines.txt": stacks, "netstat.txt": table(waiting=9, calls=0)}), "pool-stuck")
        assert "would have to send" in finding.explanation

    def test_goroutines_that_read_ahead_are_pinned_by_nobody(self) -> None:
        stacks = goroutines((6, "chan send", SEND + SERVE), (12, "IO wait", BACKGROUND))
        idle = [f"0 10.0.0.1:8080 10.0.0.9:{6000 + at} ESTABLISHED 77/till" for at in range(12)]
        files = {"goroutines.txt": stacks, "netstat.txt": table(waiting=6, calls=0) + netstat(*idle).partition("\n")[2].partition("\n")[2]}
        assert not found(diagnosis_of(files), "idle-connections-pin-threads")


class TestTurns:
    """A limit inside the server: those in the calls hold what the others wait for."""

    OWN = tuple(
        row
        for at in range(4)
        for row in (
            f"0 127.0.0.1:{5000 + at} 127.0.0.1:8080 ESTABLISHED 77/till",
            f"0 127.0.0.1:8080 127.0.0.1:{5000 + at} ESTABLISHED 77/till",
        )
    )

    def files(self, *rows: str, calls: int = 4, turns: int = 8) -> dict[str, str]:
        stacks = goroutines((calls, "select", TRIP + PAST + SERVE), (turns, "chan send", TURN + SERVE), (5, "IO wait", READ_NEXT + SERVE))
        clients = [f"0 10.0.0.1:8080 10.0.0.9:{4000 + at} CLOSE_WAIT 77/till" for at in range(8)]
        tables = netstat("0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/till", *clients, *rows)
        return {"goroutines-1.txt": stacks, "goroutines-2.txt": stacks, "netstat-2.txt": tables}

    def test_own_calls_that_wait_for_a_turn(self) -> None:
        diagnosis = diagnosis_of(self.files(*self.OWN))
        (finding,) = found(diagnosis, "self-call-starvation")
        assert diagnosis.verdict.rule == "self-call-starvation"
        assert "8 more wait for their turn in a channel send, called from example.com/till.inTurn.func1" in finding.explanation
        assert finding.culprit.frame == "example.com/till.fetch(till.go:40)"

    def test_calls_to_a_service_by_those_whose_turn_it_is(self) -> None:
        service = [f"0 10.0.0.1:{5000 + at} 10.0.0.7:9443 ESTABLISHED 77/till" for at in range(4)]
        assert diagnosis_of(self.files(*service)).verdict.rule == "slow-backend"

    @pytest.mark.parametrize(
        ("state", "stack"),
        [("chan send", SEND), ("chan receive", TURN), ("chan send", "example.com/till.inTurn.func1(0x1)\n\t/b/till.go:44 +0x1\n")],
        ids=["elsewhere", "for a result", "after the call"],
    )
    def test_waits_that_are_no_turn(self, state: str, stack: str) -> None:
        service = [f"0 10.0.0.1:{5000 + at} 10.0.0.7:9443 ESTABLISHED 77/till" for at in range(4)]
        files = self.files(*service, turns=0)
        files = {name: text + goroutines((8, state, stack + SERVE)) if "goroutines" in name else text for name, text in files.items()}
        assert diagnosis_of(files).verdict.rule != "slow-backend"

    def test_many_other_requests_are_no_turn(self) -> None:
        files = self.files(*self.OWN, turns=0)
        files = {name: text + goroutines((30, "running", SEND + SERVE)) if "goroutines" in name else text for name, text in files.items()}
        assert diagnosis_of(files).verdict.rule != "self-call-starvation"


def test_an_idle_server_is_healthy_though_the_profile_came_over_a_connection_of_its_own() -> None:
    profile = "runtime/pprof.(*Profile).WriteTo(0x1)\n\t/go/pprof.go:330 +0x1\n"
    stacks = goroutines((6, "IO wait", READ_NEXT + SERVE), (1, "running", profile + SERVE), (1, "IO wait", BACKGROUND))
    rows = ["State Recv-Q Send-Q Local Address:Port Peer Address:Port Process", 'LISTEN 0 128 *:8080 *:* users:(("till",pid=77,fd=3))']
    rows += [f'ESTAB 0 0 10.0.0.1:8080 10.0.0.9:{4000 + at} users:(("till",pid=77,fd={4 + at}))' for at in range(6)]
    diagnosis = diagnosis_of({"goroutines.txt": stacks, "ss.txt": "\n".join(rows) + "\n"})
    assert diagnosis.verdict.status is Status.HEALTHY
    assert "threads of net/http" not in diagnosis.verdict.summary


def test_handlers_that_read_the_body_of_a_request_are_in_service() -> None:
    body = (
        "internal/poll.(*FD).Read(0x1)\n\t/go/fd_unix.go:165 +0x1\nnet/http.(*connReader).Read(0x1)\n\t/go/server.go:786 +0x1\n"
        "net/http.(*body).readLocked(0x1)\n\t/go/transfer.go:839 +0x1\nexample.com/till.upload(0x1)\n\t/b/till.go:52 +0x1\n"
    )
    stacks = goroutines((12, "IO wait", body + SERVE), (1, "IO wait", "net.(*TCPListener).Accept(0x1)\n\t/go/tcpsock.go:288 +0x1\n"))
    rows = ["State Recv-Q Send-Q Local Address:Port Peer Address:Port Process", 'LISTEN 0 128 *:8080 *:* users:(("till",pid=77,fd=3))']
    rows += [f'ESTAB 0 0 10.0.0.1:8080 10.0.0.9:{4000 + at} users:(("till",pid=77,fd={4 + at}))' for at in range(12)]
    diagnosis = diagnosis_of({"goroutines.txt": stacks, "ss.txt": "\n".join(rows) + "\n"})
    assert diagnosis.verdict.status is Status.INSUFFICIENT
    assert "Requests in service (net/http.(*conn).serve): 12" in diagnosis.verdict.summary


def go_lock(address: str, function: str, line: int) -> str:
    return (
        f"sync.(*Mutex).lockSlow({address})\n\t/go/mutex.go:171 +0x1\nsync.(*Mutex).Lock(...)\n\t/go/mutex.go:46\n"
        f"example.com/till.{function}(0x1)\n\t/b/till.go:{line} +0x1\n"
    )


def native_lock(number: int, lwp: int, address: str, name: str, function: str) -> str:
    return (
        f'Thread {number} (Thread 0x7f{lwp:08x} (LWP {lwp}) "till"):\n'
        "#0  futex_wait (private=0, expected=2) at ../sysdeps/nptl/futex-internal.h:146\n"
        "#1  __GI___lll_lock_wait (private=0) at ./nptl/lowlevellock.c:49\n"
        f"#2  0x00007f6f87184482 in lll_mutex_lock_optimized (mutex={address} <{name}>) at ./nptl/pthread_mutex_lock.c:48\n"
        f"#3  ___pthread_mutex_lock (mutex={address} <{name}>) at ./nptl/pthread_mutex_lock.c:93\n"
        f"#4  0x00005606b0bb02a7 in {function} (c=9) at till.c:{20 + len(function)}\n"
        "#5  0x00005606b0bb03ef in worker (a=0x0) at till.c:90\n"
        "#6  0x00007f6f871811f5 in start_thread (arg=<optimized out>) at ./nptl/pthread_create.c:442\n"
    )


class TestOppositeOrder:
    """The stacks name no owners: where the threads stand tells them."""

    A, B = "0xc000012340", "0xc000012348"

    def go(self, *stacks: tuple[int, str, str, int], extra: str = "") -> dict[str, str]:
        """``(count, lock, function, line)`` each."""
        text = goroutines(
            *((count, "sync.Mutex.Lock, 3 minutes", go_lock(lock, function, line) + SERVE) for count, lock, function, line in stacks)
        )
        return {"goroutines.txt": text + extra, "netstat.txt": table(waiting=8, calls=0)}

    CROSSED = ((4, A, "book", 11), (1, B, "book", 13), (4, B, "void", 31), (1, A, "void", 33))

    def test_two_functions_that_wait_for_each_other(self) -> None:
        diagnosis = diagnosis_of(self.go(*self.CROSSED))
        (finding,) = found(diagnosis, "lock-order-inversion")
        assert diagnosis.verdict.rule == "lock-order-inversion"
        assert (finding.confidence, finding.outlook and finding.outlook.heals) == (Confidence.LIKELY, RecoversWhen.RESTART)
        assert "example.com/till.book and example.com/till.void" in finding.headline
        assert all(other.consequence_of == finding.id for other in found(diagnosis, "lock-convoy"))

    def test_nobody_has_given_up_and_there_is_one_dump(self) -> None:
        files = {"goroutines.txt": self.go(*self.CROSSED)["goroutines.txt"]}
        assert [item.confidence for item in found(diagnosis_of(files), "lock-order-inversion")] == [Confidence.SUSPECTED]

    @pytest.mark.parametrize(
        "stacks",
        [
            ((4, A, "book", 11), (1, B, "book", 13), (4, A, "void", 31)),
            ((4, A, "book", 11), (4, B, "void", 31)),
            ((4, A, "book", 11), (2, B, "book", 13), (4, B, "void", 31), (1, A, "void", 33)),
        ],
        ids=["one order", "two locks apart", "two threads past one lock"],
    )
    def test_what_is_no_inversion(self, stacks: tuple[tuple[int, str, str, int], ...]) -> None:
        assert not found(diagnosis_of(self.go(*stacks)), "lock-order-inversion")

    FEW = ((4, A, "book", 11), (1, B, "book", 13), (1, B, "void", 31), (1, A, "void", 33))

    def test_one_thread_before_a_lock_suffices_where_all_wait(self) -> None:
        (finding,) = found(diagnosis_of(self.go(*self.FEW)), "lock-order-inversion")
        assert finding.confidence is Confidence.LIKELY

    def test_one_thread_before_a_lock_proves_nothing_while_others_work(self) -> None:
        works = goroutine(99, "running", "example.com/till.audit(0x1)\n\t/b/till.go:75 +0x1\n" + SERVE)
        assert not found(diagnosis_of(self.go(*self.FEW, extra=works)), "lock-order-inversion")

    def test_somebody_else_is_at_work_in_one_of_them(self) -> None:
        works = goroutine(99, "running", "example.com/till.book(0x1)\n\t/b/till.go:15 +0x1\n" + SERVE)
        assert not found(diagnosis_of(self.go(*self.CROSSED, extra=works)), "lock-order-inversion")

    def test_a_dump_that_is_cut_may_hide_who_works_there(self) -> None:
        cut = "goroutine 99 [running]:\nexample.com/till.bo"
        (finding,) = found(diagnosis_of(self.go(*self.CROSSED, extra=cut)), "lock-order-inversion")
        assert finding.confidence is Confidence.SUSPECTED

    def test_native_threads(self) -> None:
        table_lock, log_lock = "0x5606b0bb30c0", "0x5606b0bb3100"
        waits = [(log_lock, "log_lock", "rotate")] * 3 + [(table_lock, "table_lock", "rotate")]
        waits += [(table_lock, "table_lock", "enter")] * 3 + [(log_lock, "log_lock", "enter")]
        stacks = "\n".join(native_lock(at, 100 + at, *wait) for at, wait in enumerate(waits, 1))
        diagnosis = diagnosis_of({"gdb.txt": stacks})
        (finding,) = found(diagnosis, "lock-order-inversion")
        assert f"log_lock {log_lock}" in finding.explanation
        assert f"table_lock {table_lock}" in finding.explanation

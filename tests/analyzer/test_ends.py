"""What a table's small print tells: farewells of TLS, numbers of descriptors, states that ps prints, handshakes in an acceptor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.model.finding import Confidence, Severity
from tests.builders import diagnosis_of, evidence_of, found, netstat

if TYPE_CHECKING:
    from parsers.records import TaskSyscall


def tasks(text: str) -> list[TaskSyscall]:
    """The system calls of a file."""
    return [task for snapshot in evidence_of({"calls.txt": text}).incident.snapshots for task in snapshot.tasks]


class TestLoopsOverThreads:
    """People type the loop over /proc/PID/task in many ways."""

    FUTEX = "202 0x7f01 0x109 0x2bd 0x0 0x0 0xffffffff 0x7ffe01 0x7f02"
    READ = "0 0x1c 0x7f03 0x2000 0x0 0x0 0x0 0x7ffe03 0x7f04"

    def test_number_before_the_line(self) -> None:
        for mark in (" ", ": "):
            first, second = tasks(f"431{mark}{self.FUTEX}\n447{mark}{self.READ}\n")
            assert (second.pid, second.native_id, second.call, second.descriptor) == (431, 447, "read", 28)
            assert first.call == "futex"

    def test_heading_with_a_name(self) -> None:
        _, second = tasks(f"## 431 java\n{self.FUTEX}\n## 447 clerk-2\n{self.READ}\n")
        assert (second.native_id, second.descriptor, second.command) == (447, 28, "clerk-2")

    def test_heading_of_tail(self) -> None:
        text = "".join(f"==> /proc/431/task/{tid}/syscall <==\n{line}\n\n" for tid, line in ((431, self.FUTEX), (447, self.READ)))
        assert [(task.pid, task.native_id) for task in tasks(text)] == [(431, 431), (431, 447)]

    def test_a_machine_that_nothing_tells_names_no_call(self) -> None:
        assert [task.call for task in tasks(f"431 {self.FUTEX}\n")] == [None]


def ss(*rows: str) -> str:
    """A table of ``ss -tanp``."""
    return "State      Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n" + "".join(f"{row}\n" for row in rows)


def test_a_farewell_of_tls_is_no_request() -> None:
    rows = [f'CLOSE-WAIT 25 0 10.2.0.4:9443 10.2.9.7:{41000 + n} users:(("java",pid=431,fd={9 + n}))' for n in range(4)]
    (table,) = [
        one
        for one in diagnosis_of({"ss.txt": ss('LISTEN 0 128 *:9443 *:* users:(("java",pid=431,fd=5))', *rows)}).sockets
        if one.side == "server"
    ]
    assert (table.close_wait.fin_only, table.close_wait.unread) == (4, 0)


def test_as_few_octets_on_a_plain_port_may_be_a_request() -> None:
    rows = [f"25 10.2.0.4:6612 10.2.9.7:{41000 + n} CLOSE_WAIT 431/java" for n in range(4)]
    (table,) = [
        one
        for one in diagnosis_of({"netstat.txt": netstat("0 0.0.0.0:6612 0.0.0.0:* LISTEN 431/java", *rows)}).sockets
        if one.side == "server"
    ]
    assert (table.close_wait.fin_only, table.close_wait.unread) == (0, 4)


class TestNumbersOfDescriptors:
    LIMIT = "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            {0}                   {0}                   files     \n"

    def table(self) -> str:
        held = [f'CLOSE-WAIT 1 0 10.2.0.4:6612 10.2.9.7:{41000 + n} users:(("java",pid=431,fd={8 + n}))' for n in range(23)]
        queue = [f"CLOSE-WAIT 90 0 10.2.0.4:6612 10.2.9.7:{42000 + n}" for n in range(4)]
        return ss('LISTEN 4 64 *:6612 *:* users:(("java",pid=431,fd=5))', *held, *queue)

    def test_up_to_the_limit(self) -> None:
        diagnosis = diagnosis_of({"ss.txt": self.table(), "limits.txt": self.LIMIT.format(32)})
        (finding,) = found(diagnosis, "fd-exhaustion")
        assert diagnosis.verdict.rule == "fd-exhaustion"
        assert finding.confidence is Confidence.LIKELY
        assert "number 30 of at most 32" in finding.headline

    def test_far_below_it(self) -> None:
        assert not found(diagnosis_of({"ss.txt": self.table(), "limits.txt": self.LIMIT.format(64)}), "fd-exhaustion")


class TestStoppedByPs:
    HEAD = "  PID   TID STAT WCHAN            COMMAND\n"
    TABLE = netstat("4 0.0.0.0:6612 0.0.0.0:* LISTEN 431/java", *(f"90 10.2.0.4:6612 10.2.9.7:{41000 + n} CLOSE_WAIT -" for n in range(4)))

    def test_of_the_process_in_question(self) -> None:
        ps = self.HEAD + "  431   431 Tl   do_signal_stop   java\n  431   432 Tl   do_signal_stop   clerk-1\n"
        diagnosis = diagnosis_of({"ps.txt": ps, "netstat.txt": self.TABLE})
        assert diagnosis.verdict.rule == "process-stopped"
        assert found(diagnosis, "acceptor-stalled")[0].consequence_of is not None

    def test_of_a_child_that_works_for_it(self) -> None:
        for heading, row in (
            ("  PID  PPID STAT WCHAN                COMMAND         COMMAND\n", "  {} {} {} do_signal_stop   java   /opt/press --worker\n"),
            ("USER       PID    PPID STAT COMMAND\n", "press {} {} {} /opt/press --worker\n"),
        ):
            ps = heading + row.format(431, 1, "Sl") + row.format(440, 431, "T") + row.format(441, 431, "T") + row.format(977, 900, "T")
            (finding,) = found(diagnosis_of({"ps.txt": ps, "netstat.txt": self.TABLE}), "process-stopped")
            assert finding.headline == "The process (pid 440, a child of pid 431) does not run: it is stopped."
            assert (finding.process and finding.process.pid, finding.severity) == (431, Severity.WARNING)

    def test_another_one_is_none_of_ours(self) -> None:
        ps = self.HEAD + "  431   431 Sl   futex_wait       java\n  977   977 T    do_signal_stop   vim\n"
        assert not found(diagnosis_of({"ps.txt": ps, "netstat.txt": self.TABLE}), "process-stopped")


def test_an_acceptor_in_a_handshake_is_suspected() -> None:
    piece = (
        '"<tcp" #31 prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x251f runnable  [0x00007f108a1fd000]\n   java.lang.Thread.State: RUNNABLE\n'
        "\tat sun.nio.ch.EPollArrayWrapper.epollWait(Native Method)\n\tat sun.nio.ch.SelectorImpl.select(SelectorImpl.java:98)\n"
        "\tat org.jruby.ext.openssl.SSLSocket.doHandshake(SSLSocket.java:440)\n\tat org.jruby.ext.openssl.SSLSocket.accept(SSLSocket.java:238)\n"
    )
    queue = [f"ESTAB 300 0 10.2.0.4:6612 10.2.9.7:{41000 + n}" for n in range(5)]
    diagnosis = diagnosis_of({"jstack.txt": piece, "ss.txt": ss('LISTEN 5 50 *:6612 *:* users:(("java",431,28))', *queue)})
    (finding,) = found(diagnosis, "acceptor-stalled")
    assert finding.confidence is Confidence.SUSPECTED
    assert "SSLSocket" in finding.explanation

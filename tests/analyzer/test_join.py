"""Rows of all tools become connections; dumps find their process; a broken rule is a fault."""

from __future__ import annotations

from types import ModuleType

import pytest

from analyzer.join.socket_rows import connections
from analyzer.judge.engine import diagnose
from analyzer.model.finding import Confidence, Outcome
from analyzer.waits.case import Case
from parsers.records import TcpState
from tests.builders import SERVED, diagnosis_of, dump, evidence_of, found, helpers_reading, idle_exec, netstat, thread, waiting_for_future

LSOF = """COMMAND  PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME
java    1493 root    7u  IPv6 173374      0t0  TCP *:38090 (LISTEN)
java    1493 root   14u  IPv6 172931      0t0  TCP app01.example.com:38090->client.example.com:33048 (CLOSE_WAIT)
java    1493 root   15u  IPv6 173394      0t0  TCP 10.0.0.1:38090->10.0.0.2:33026 (ESTABLISHED)
"""
NETSTAT_E = """Proto Recv-Q Send-Q Local Address           Foreign Address         State       User       Inode      PID/Program name
tcp6       1      0 10.0.0.1:38090          10.0.0.7:33048          CLOSE_WAIT  0          172931     -
tcp6      57      0 10.0.0.1:38090          10.0.0.2:33026          CLOSE_WAIT  0          0          -
"""


def joined(files: dict[str, str]) -> dict[str, object]:
    return {str(one.remote): one for one in connections(evidence_of(files).incident.snapshots[0].rows)}


def test_rows_join_by_inode_even_when_one_tool_resolved_names() -> None:
    found = joined({"lsof.txt": LSOF, "netstat.txt": NETSTAT_E})
    one = found["10.0.0.7:33048"]
    assert (one.pid, one.recv_q, one.state) == (1493, 1, TcpState.CLOSE_WAIT)  # type: ignore[attr-defined]
    assert len(one.rows) == 2  # type: ignore[attr-defined]


def test_the_kernels_table_wins_where_tools_disagree() -> None:
    found = joined({"lsof.txt": LSOF, "netstat.txt": NETSTAT_E})
    assert found["10.0.0.2:33026"].state is TcpState.CLOSE_WAIT  # type: ignore[attr-defined]


def test_mapped_addresses_are_one() -> None:
    ss = 'State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\nESTAB  0      0      [::ffff:10.0.0.1]:38090 [::ffff:10.0.0.2]:33026 users:(("java",pid=1493,fd=15)) ino:173394 sk:1\n'
    assert len([key for key in joined({"lsof.txt": LSOF, "ss.txt": ss}) if key == "10.0.0.2:33026"]) == 1


def views(files: dict[str, str]) -> list[tuple[int | None, str | None]]:
    return [(view.pid, view.dump_basis) for view in Case(evidence_of(files).incident).views if view.dump]


TWO_JAVAS = netstat("0 :::8080 :::* LISTEN 70/java", "0 :::9090 :::* LISTEN 900/java")


def test_a_dump_is_matched_by_the_port_in_its_pools() -> None:
    assert views({"netstat.txt": TWO_JAVAS, "jstack.txt": dump(*idle_exec(3, port=9090))}) == [(900, "port")]


def test_a_dump_is_matched_by_native_ids_that_follow_the_pid() -> None:
    assert views({"netstat.txt": TWO_JAVAS, "jstack.txt": dump(thread("main", "RUNNABLE", "com.example.Main.main", nid=902))}) == [
        (900, "native-ids")
    ]


def test_a_dump_that_fits_no_process_is_not_joined() -> None:
    assert views({"netstat.txt": TWO_JAVAS, "jstack.txt": dump(thread("main", "RUNNABLE", "com.example.Main.main", nid=5000))}) == [
        (None, None)
    ]


def test_a_pid_in_a_files_name_is_a_fact() -> None:
    assert views({"netstat.txt": TWO_JAVAS, "jstack-70.txt": dump(thread("main", "RUNNABLE", "com.example.Main.main", nid=5000))}) == [
        (70, "pid")
    ]


def test_another_pid_is_said_not_glossed_over() -> None:
    diagnosis = diagnosis_of({"netstat.txt": netstat("0 :::8080 :::* LISTEN 70/java"), "jcmd.txt": "1:\n" + dump(*idle_exec(3))})
    assert any("names pid 1, the listener's owner is pid 70" in note for note in diagnosis.notes)


def test_a_broken_rule_is_a_fault_and_takes_nothing_with_it() -> None:
    broken = ModuleType("analyzer.rules.broken_rule", "Breaks.")
    broken.NEEDS, broken.CONSEQUENCE_OF, broken.CLEAN = ("threads",), (), ""  # type: ignore[attr-defined]

    def explode(_: object) -> list[object]:
        raise ZeroDivisionError("no")

    broken.diagnose = explode  # type: ignore[attr-defined]
    diagnosis = diagnose(evidence_of({"jstack.txt": dump(*idle_exec(2))}).incident, lambda _: (), (broken,))
    assert diagnosis.checked[0].outcome is Outcome.FAULT
    assert "ZeroDivisionError" in diagnosis.checked[0].why


def test_a_rule_without_its_input_is_skipped_not_clean() -> None:
    checks = {check.rule: check for check in diagnosis_of({"jstack.txt": dump(*idle_exec(2))}).checked}
    assert checks["connection-leak"].outcome is Outcome.SKIPPED
    assert checks["java-deadlock"].outcome is Outcome.CLEAN


def test_a_service_name_without_a_port_breaks_nothing() -> None:
    """lsof without -P prints names that /etc/services of the captured host had and this tool's table has not."""
    rows = [
        f"java 77 app {n}u IPv6 {900 + n} 0t0 TCP 10.0.0.1:4000{n}->10.0.0.9:{port} (CLOSE_WAIT)"
        for n, port in enumerate(("8443", "oddservice", "other-svc", "443"))
    ]
    diagnosis = diagnosis_of({"lsof.txt": "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\n" + "\n".join(rows) + "\n"})
    assert {table.remote for table in diagnosis.sockets} == {"10.0.0.9:8443", "10.0.0.9:oddservice", "10.0.0.9:other-svc", "10.0.0.9:443"}
    assert not [check for check in diagnosis.checked if check.outcome is Outcome.FAULT]


def test_a_piece_of_a_dump_with_many_pools_breaks_no_rule() -> None:
    """A dump that lost its header says nothing of the threads it leaves out: rules that count must not count it, nor break on it."""
    pieces = "\n".join(
        thread(
            f"pool-{n}-thread-1", "WAITING (parking)", "jdk.internal.misc.Unsafe.park", "java.util.concurrent.ThreadPoolExecutor.getTask"
        )
        for n in range(80)
    )
    diagnosis = diagnosis_of({"jstack.txt": pieces})
    assert not [check for check in diagnosis.checked if check.outcome is Outcome.FAULT]


def test_a_dump_with_lines_missing_inside_is_doubted_and_says_so() -> None:
    """A header that is gone makes two stacks one: which frames belong together is no longer known."""
    threads = waiting_for_future(4)
    whole = dump(*threads, *helpers_reading(4))
    lines = whole.splitlines(keepends=True)
    header = next(number for number, line in enumerate(lines) if line.startswith('"pool-1-thread-2"'))
    rows = ["0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java"]
    rows += [f"1 10.0.0.1:8080 10.0.0.9:{40000 + n} CLOSE_WAIT 77/java" for n in range(4)]
    rows += [f"0 127.0.0.1:{50000 + n} 127.0.0.1:8080 ESTABLISHED 77/java" for n in range(4)]
    rows += [f"120 127.0.0.1:8080 127.0.0.1:{50000 + n} ESTABLISHED 77/java" for n in range(4)]
    sound = diagnosis_of({"jstack.txt": whole, "netstat.txt": netstat(*rows)})
    torn = diagnosis_of({"jstack.txt": "".join([*lines[: header - 1], *lines[header + 2 :]]), "netstat.txt": netstat(*rows)})
    assert (sound.verdict.rule, sound.verdict.confidence) == ("self-call-starvation", Confidence.CERTAIN)
    assert torn.verdict.confidence is not Confidence.CERTAIN
    assert any("lines are missing inside the thread dump" in note for note in torn.notes)
    assert not any("missing inside" in note for note in sound.notes)


def test_a_subclass_of_thread_that_calls_super_is_whole() -> None:
    """Common-Cleaner of every JDK since 9: ``Thread.run``, called by ``InnocuousThread.run``."""
    cleaner = thread(
        "Common-Cleaner",
        "TIMED_WAITING (on object monitor)",
        "java.lang.Object.wait",
        "java.lang.ref.ReferenceQueue.remove",
        "jdk.internal.ref.CleanerImpl.run",
        "java.lang.Thread.run",
        "jdk.internal.misc.InnocuousThread.run",
    )
    assert not diagnosis_of(
        {"jstack.txt": dump(cleaner, *idle_exec(4)), "netstat.txt": netstat("0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java")}
    ).notes


@pytest.mark.parametrize(("served", "confidence"), [(7401, "certain"), (7400, "likely")])
def test_a_pool_without_a_port_in_its_name_answers_the_port_where_its_clients_are(served: int, confidence: str) -> None:
    """Of two listeners the one that is called may be answered by other threads, or by nobody."""
    read = ("java.net.SocketInputStream.socketRead0", "sun.net.www.http.HttpClient.parseHTTP", "com.example.depot.Stock.load", *SERVED)
    threads = [thread(f"depot-worker-{n}", "RUNNABLE", *read, native="runnable", nid=0x300 + n) for n in range(6)]
    rows = [f"0 0.0.0.0:{port} 0.0.0.0:* LISTEN 77/java" for port in (7400, 7401)]
    rows += [f"0 127.0.0.1:{40000 + n} 127.0.0.1:7401 ESTABLISHED 77/java" for n in range(6)]
    rows += [f"58 127.0.0.1:7401 127.0.0.1:{40000 + n} ESTABLISHED 77/java" for n in range(6)]
    rows += [f"1 10.0.0.1:{served} 10.0.0.9:{50000 + n} CLOSE_WAIT 77/java" for n in range(6)]
    (finding,) = found(diagnosis_of({"jstack.txt": dump(*threads), "netstat.txt": netstat(*rows)}), "self-call-starvation")
    assert finding.confidence.value == confidence
    assert ("nothing shows that these threads answer port 7401" in finding.why_confident) is (confidence == "likely")

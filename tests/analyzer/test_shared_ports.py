"""Clients that have closed, in the hands of several worker processes with one listener: they are one number."""

from __future__ import annotations

from analyzer.model.finding import Severity
from tests.builders import diagnosis_of, found, netstat

HEAD = "COMMAND  PID   USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\n"
GDB = "Thread 1 (LWP 31):\n#0  0x0000000000ee182b in grind () from /opt/mill/libgrind.so\n#1  0x0000000000f5117f in main ()\n[Inferior 1 (process 31) detached]\n"


def listens(pid: int, port: int = 8733) -> str:
    return f"millrace  {pid}   mill    3u  IPv4 391132      0t0  TCP 127.0.0.1:{port} (LISTEN)\n"


def client(pid: int, remote: int, state: str = "CLOSE_WAIT", port: int = 8733) -> str:
    return f"millrace  {pid}   mill    7u  IPv4 {392000 + remote}      0t0  TCP 127.0.0.1:{port}->127.0.0.1:{remote} ({state})\n"


def workers(*left: int, first: int = 52000, port: int = 8733) -> str:
    """A master and its workers with so many clients that have closed."""
    rows = [listens(40)]
    for at, count in enumerate(left):
        rows += [listens(41 + at), *(client(41 + at, first + 10 * at + one, port=port) for one in range(count))]
    return HEAD + "".join(rows)


def test_few_clients_of_each_worker_are_one_number() -> None:
    verdict = diagnosis_of({"lsof.txt": workers(1, 1, 1, 1)}).verdict
    assert verdict.headline.startswith(
        "Something is wrong, but the evidence does not tell what: 4 clients of port 8733 disconnected and the server has not closed its side"
    )
    assert "1 client of" not in verdict.summary


def test_two_that_may_be_caught_closing_are_told_and_not_called_wrong() -> None:
    verdict = diagnosis_of({"lsof.txt": workers(1, 1)}).verdict
    said = "2 clients of port 8733 disconnected and 2 processes of millrace that serve it together have not closed their side"
    assert verdict.headline.startswith(f"Not enough evidence for a verdict. It shows this: {said}")
    assert "1 client of" not in f"{verdict.headline} {verdict.summary}"


def test_what_is_counted_together_is_not_counted_again() -> None:
    verdict = diagnosis_of({"lsof.txt": workers(3, 3)}).verdict
    assert "6 clients of port 8733" in verdict.headline
    assert "3 clients of" not in verdict.summary


def test_no_trouble_is_seen_is_not_said_beside_clients_that_left() -> None:
    beside = {"gdb-31.txt": GDB, "lsof.txt": workers(1, 1)}
    verdict = diagnosis_of(beside).verdict
    assert "No trouble is seen" not in verdict.headline
    assert "2 clients of port 8733 disconnected" in f"{verdict.headline} {verdict.summary}"
    calm = diagnosis_of({**beside, "lsof.txt": workers(0, 0) + client(41, 52001, "ESTABLISHED")}).verdict
    assert "No trouble is seen" in calm.headline


def test_clients_that_come_and_go_are_no_symptom_of_workers_either() -> None:
    files = {"lsof_1.txt": workers(1, 1, 1, 1), "lsof_2.txt": workers(1, 1, 1, 1, first=53000)}
    assert "Something is wrong" not in diagnosis_of(files).verdict.headline
    stay = {**files, "lsof_2.txt": workers(1, 1, 1, 1)}
    assert "Something is wrong" in diagnosis_of(stay).verdict.headline


def test_two_programs_with_ports_of_their_own_are_not_one_server() -> None:
    rows = HEAD + listens(41) + client(41, 52000) + listens(42, 8734) + client(42, 52001, port=8734) + client(42, 52002, port=8734)
    verdict = diagnosis_of({"lsof.txt": rows}).verdict
    assert "1 client of port 8733" in f"{verdict.headline} {verdict.summary}"
    assert "together" not in f"{verdict.headline} {verdict.summary}"


def pyspy(pid: int) -> str:
    return (
        f'Process {pid}: /usr/bin/python3 winnow.py\n\nThread {pid} (idle): "MainThread"\n    sieve (winnow.py:9)\n    handle (winnow.py:14)\n'
        "    BaseRequestHandler.__init__ (socketserver.py:755)\n    BaseServer.finish_request (socketserver.py:361)\n    ForkingMixIn.process_request (socketserver.py:624)\n"
    )


def test_netstat_which_names_one_owner_of_a_listener_says_as_much_as_ss() -> None:
    pids = (61, 62, 63, 64)
    table = netstat(
        "5 127.0.0.1:8744 0.0.0.0:* LISTEN 60/python3",
        *(f"0 127.0.0.1:8744 127.0.0.1:45{pid}1 ESTABLISHED {pid}/python3" for pid in pids),
        *(f"9 127.0.0.1:8744 127.0.0.1:4600{at} ESTABLISHED -" for at in range(5)),
    )
    (finding,) = found(diagnosis_of({"netstat.txt": table, **{f"pyspy-{pid}.txt": pyspy(pid) for pid in pids}}), "pool-stuck")
    assert finding.severity is Severity.CRITICAL
    assert "port 8744 is not served" in finding.headline


def test_a_port_whose_connections_a_process_without_a_dump_holds_is_not_the_workers_alone() -> None:
    table = netstat(
        "5 127.0.0.1:8744 0.0.0.0:* LISTEN 60/python3",
        *(f"0 127.0.0.1:8744 127.0.0.1:45{pid}1 ESTABLISHED {pid}/python3" for pid in (60, 61, 62)),
        *(f"9 127.0.0.1:8744 127.0.0.1:4600{at} ESTABLISHED -" for at in range(5)),
    )
    diagnosis = diagnosis_of({"netstat.txt": table, "pyspy-61.txt": pyspy(61), "pyspy-62.txt": pyspy(62)})
    assert not any(finding.severity is Severity.CRITICAL for finding in found(diagnosis, "pool-stuck"))


def test_a_symptom_of_two_processes_in_the_same_words_is_said_once() -> None:
    rows = [f"0 10.9.0.{host}:8755 0.0.0.0:* LISTEN 7{host}/millrace" for host in (1, 2)]
    rows += [f"1 10.9.0.{host}:8755 10.9.0.9:470{host}{at} CLOSE_WAIT 7{host}/millrace" for host in (1, 2) for at in range(4)]
    verdict = diagnosis_of({"netstat.txt": netstat(*rows)}).verdict
    assert "4 clients of port 8755" in verdict.headline
    assert verdict.summary.count("4 clients of port 8755") <= 1

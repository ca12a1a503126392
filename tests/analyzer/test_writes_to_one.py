"""A thread that waits in a write to one client, by truss, pfiles and netstat of Solaris."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis
from parsers.formats import FORMATS
from parsers.process import pfiles, truss
from parsers.records import SocketRow, TaskSyscall
from parsers.text.source import Section
from tests.builders import diagnosis_of, found
from tests.parsers.test_properties import check

HEAD = "   Local Address        Remote Address    Swind Send-Q Rwind Recv-Q    State\n"
OTHERS = (
    "10.92.4.20.7400      10.92.4.71.41022     49640      0 49640      0 ESTABLISHED\n"
    "10.92.4.20.7400      10.92.4.73.38816     49640      0 49640      0 ESTABLISHED\n"
)
TRUSS = '/1:     lwp_park(0x00000000, 0)         (sleeping...)\n/6:     {call}({fd}, " 3 5 = A\\00 1".., 96)          (sleeping...)\n/2:     accept(5, 0xFDE7BEA8, 0xFDE7BE98, SOV_DEFAULT) (sleeping...)\n'
PFILES = (
    "  23: S_IFSOCK mode:0666 dev:330,0 ino:48211 uid:0 gid:0 size:0\n      O_RDWR\n"
    "        sockname: AF_INET 10.92.4.20  port: 7400\n        peername: AF_INET 10.92.4.77  port: 49233\n"
)


def closed(window: int = 0, bytes_: int = 41000) -> str:
    return f"10.92.4.20.7400      10.92.4.77.49233     {window:5} {bytes_:6} 49640      0 ESTABLISHED\n"


def told(*rows: str, call: str = "write", fd: int = 23) -> Diagnosis:
    tables = "\n".join(
        f"bash-3.2# date; netstat -n -P tcp\nThu Jun 12 04:1{at}:02 CEST\n{HEAD}{OTHERS}{row}" for at, row in enumerate(rows)
    )
    text = f"{tables}\nbash-3.2# truss -p 1502\n{TRUSS.format(call=call, fd=fd)}\nbash-3.2# pfiles 1502 | grep -A3 ' 23:'\n{PFILES}"
    return diagnosis_of({"mail.txt": f"Nobody gets anything.\n\n{text}"})


def test_a_write_to_a_client_that_does_not_read_is_told() -> None:
    (finding,) = found(told(closed(), closed()), "blocked-write")
    assert finding.confidence is Confidence.LIKELY
    assert "Thread 6 of process 1502 waits in write to one client that does not read: 10.92.4.77:49233" in finding.headline
    assert "41,000 bytes wait for it, the same in two tables" in finding.headline
    assert "For 2 other clients of port 7400 nothing waits" in finding.explanation


def test_one_table_is_one_moment() -> None:
    (finding,) = found(told(closed()), "blocked-write")
    assert finding.confidence is Confidence.SUSPECTED


@pytest.mark.parametrize(
    "diagnosis",
    [told(closed(49640), closed(49640)), told(closed(), closed(), fd=24), told(closed(), closed(), call="read"), told(closed(0, 100))],
    ids=["open window", "another descriptor", "a read", "few bytes"],
)
def test_others_are_no_such_write(diagnosis: Diagnosis) -> None:
    assert not any("does not read" in one.headline for one in diagnosis.findings)
    assert not found(diagnosis, "connection-limit")
    assert not found(diagnosis, "backlog-overflow")


def test_bytes_that_wait_under_another_timer_are_no_closed_window() -> None:
    """Bytes on their way to a client that acknowledges late: the kernel sends them again, it does not probe a window."""
    row = 'ESTAB 0 41000 10.92.4.20:7400 10.92.4.77:49233 timer:({timer},210ms,0) users:(("vane",pid=1502,fd=23))\n'
    head = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
    text = "$ ss -tnpo\n{head}{row}\nbash-3.2# truss -p 1502\n{calls}"
    probed = diagnosis_of({"mail.txt": text.format(head=head, calls=TRUSS.format(call="write", fd=23), row=row.format(timer="persist"))})
    resent = diagnosis_of({"mail.txt": text.format(head=head, calls=TRUSS.format(call="write", fd=23), row=row.format(timer="on"))})
    assert any("does not read" in one.headline for one in found(probed, "blocked-write"))
    assert not any("does not read" in one.headline for one in found(resent, "blocked-write"))


def test_truss_and_a_piece_of_pfiles_are_read() -> None:
    text = TRUSS.format(call="write", fd=23) + '/6:     write(23, "", 96)            = 96\n^C\n'
    assert [form.NAME for form in FORMATS if form.sniff(text.splitlines())] == [truss.NAME]
    records = check(truss, Section("x", 1, text.splitlines())).records
    assert [(one.native_id, one.call, one.descriptor) for one in records if isinstance(one, TaskSyscall)] == [
        (1, "lwp_park", None),
        (2, "accept", 5),
    ]
    (row,) = check(pfiles, Section("x", 1, PFILES.splitlines(), prompt="pfiles 1502 | grep -A3 ' 23:'")).records
    assert isinstance(row, SocketRow)
    assert (str(row.remote), row.owners and (row.owners[0].pid, row.owners[0].fd)) == ("10.92.4.77:49233", (1502, 23))

"""A process waits for a file server, and the kernel's log or a SYN says that the server does not answer."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Severity
from tests.builders import diagnosis_of, found

STACK = (
    "# cat /proc/512/stack\n[<0>] rpc_wait_bit_killable+0x25/0xb0 [sunrpc]\n[<0>] nfs4_run_open_task+0x152/0x1e0 [nfsv4]\n"
    "[<0>] nfs_atomic_open+0x1f3/0x5d0 [nfs]\n[<0>] path_openat+0x88/0x220\n\n"
)
LOG = "May  4 11:20:31 gw2 kernel: [ 4711.118812] nfs: server 10.8.0.4 not\nresponding, still trying\n"
STOOD = (
    "May  4 11:23:33 gw2 kernel: [ 4893.404101] INFO: task sorter:530 blocked\nfor more than 120 seconds.\n"
    "May  4 11:23:33 gw2 kernel: [ 4893.404177] Call Trace:\n"
    "May  4 11:23:33 gw2 kernel: [ 4893.404190]  schedule+0x69/0x110\n"
    "May  4 11:23:33 gw2 kernel: [ 4893.404193]\nrwsem_down_write_slowpath+0x230/0x3e0\n"
    "May  4 11:23:33 gw2 kernel: [ 4893.404199]  down_write+0x47/0x60\n"
    "May  4 11:23:33 gw2 kernel: [ 4893.404202]  {function}+0x3c2/0x470\n\n"
)
COUNT = "# ps -eo stat,comm | grep ^D | sort | uniq -c\n     14 D    sorter\n      1 D+   ls\n\n"
SYN = (
    "# ss -tn dst 10.8.0.4\nState     Recv-Q  Send-Q   Local Address:Port   Peer Address:Port  Process\n"
    "SYN-SENT  0       1            10.20.3.7:812      10.8.0.4:{port}\n"
)


def test_all_of_it_is_one_answer() -> None:
    text = f"Hi,\n\n{LOG}{STOOD.format(function='open_last_lookups')}{STACK}{COUNT}{SYN.format(port=2049)}"
    (one,) = diagnosis_of({"report.txt": text}).findings
    assert (one.rule, one.severity, one.confidence) == ("disk-stall", Severity.CRITICAL, Confidence.LIKELY)
    assert (
        one.headline
        == "Process 512 waits in the kernel for an answer of the file server 10.8.0.4, which does not respond (rpc_wait_bit_killable)."
    )
    for words in (
        "The connection to 10.8.0.4:2049 is in SYN_SENT",
        "In state D are 14 processes of sorter, 1 process of ls",
        "sorter:530 waits for a lock in the kernel (rwsem_down_write_slowpath)",
        "suspected to stand behind such a call",
    ):
        assert words in one.explanation


def test_a_syn_alone_gives_a_suspicion() -> None:
    (one,) = found(diagnosis_of({"report.txt": f"{STACK}{SYN.format(port=2049)}"}), "disk-stall")
    assert one.confidence is Confidence.SUSPECTED
    assert "does not respond" not in one.headline


def test_a_lock_that_is_of_no_directory_is_left_out() -> None:
    (one,) = found(diagnosis_of({"report.txt": f"{LOG}{STOOD.format(function='do_exit')}{STACK}"}), "disk-stall")
    assert "sorter:530" not in one.explanation


def test_one_process_in_a_call_may_be_in_a_short_read() -> None:
    for text in (STACK, f"{STACK}{SYN.format(port=5432)}"):
        assert not found(diagnosis_of({"report.txt": text}), "disk-stall")


def test_a_server_that_answers_again_is_no_cause() -> None:
    again = "May  4 11:25:31 gw2 kernel: [ 5011.118812] nfs: server 10.8.0.4 OK\n\n"
    assert not found(diagnosis_of({"report.txt": f"{LOG}{again}{STACK}"}), "disk-stall")

"""What lies outside the lines at hand: an owner that only its waiters name, workers that a log leaves out, commands that the VM has."""

from __future__ import annotations

from tests.builders import diagnosis_of

JAVACORE = "".join(
    f"""3XMTHREADINFO      "Porter : {number}" J9VMThread:0x0000000032A7{number:04X}, omrthread_t:0x00007F5C0C0A{number:04X}, java/lang/Thread:0x00000000C0A2{number:04X}, state:B, prio=5
3XMTHREADINFO1            (native thread ID:0x6D{number:02X}, native priority:0x5, native policy:UNKNOWN, vmstate:B, vm thread flags:0x00000201)
3XMTHREADBLOCK     Blocked on: org/quay/Ledger@0x00000000C0011238 Owned by: "Porter : 3" (J9VMThread:0x0000000032A71F00, java/lang/Thread:0x00000000C0A2D0F8)
3XMTHREADINFO3           Java callstack:
4XESTACKTRACE                at org/quay/Ledger.get(Ledger.java:88(Compiled Code))
4XESTACKTRACE                at org/quay/Desk.doGet(Desk.java:41(Compiled Code))
"""
    for number in (12, 14)
)
SLOW_LOG = "".join(
    f"""[24-Nov-2026 10:11:{number}]  [pool quay] pid 218{number}
script_filename = /srv/quay/index.php
[0x00007f0c1a21e2b0] curl_exec() /srv/quay/src/Client.php:31
[0x00007f0c1a21e180] fetch() /srv/quay/src/Desk.php:77

"""
    for number in (12, 14)
)


def test_an_owner_outside_the_piece_is_named() -> None:
    told = diagnosis_of({"javacore.txt": JAVACORE}).verdict
    assert "“Porter : 3” holds" in told.headline
    assert "does not name" not in told.headline + told.summary


def test_a_vm_without_jstack_is_asked_its_own_way() -> None:
    diagnosis = diagnosis_of({"javacore.txt": JAVACORE})
    finding = diagnosis.findings[0]
    commands = [one.command or "" for one in finding.actions]
    commands += [one.command for one in (*finding.missing, *diagnosis.missing)]
    assert any(command.startswith("kill -3 PID") for command in commands)
    assert not any("jstack" in command for command in commands)


def test_a_slow_log_does_not_count_all_workers() -> None:
    told = diagnosis_of({"slow.log": SLOW_LOG}).verdict
    assert "All 2 logged workers of quay wait in curl_exec" in told.headline

"""Names do not tell threads apart: they repeat, and virtual threads have none."""

from __future__ import annotations

from parsers.records import Thread, Where
from tests.builders import diagnosis_of, dump, found, thread

MONITOR = "(a org.acme.stall.Till)"
WANTS = ("org.acme.stall.Till.pay", f"- waiting to lock <0x00000000f0000010> {MONITOR}", "org.acme.stall.Desk.run", "java.lang.Thread.run")
HOLDS = ("java.lang.Thread.sleep", "org.acme.stall.Till.count", f"- locked <0x00000000f0000010> {MONITOR}", "org.acme.stall.Desk.run")


def test_threads_of_one_name_are_no_deadlock() -> None:
    waiting = [thread("desk", "BLOCKED (on object monitor)", *WANTS, nid=0x400 + n) for n in range(5)]
    diagnosis = diagnosis_of({"jstack-77.txt": dump(thread("desk", "TIMED_WAITING (sleeping)", *HOLDS, nid=0x410), *waiting)})
    assert not found(diagnosis, "java-deadlock")
    assert found(diagnosis, "lock-convoy")


def test_virtual_threads_without_names_are_no_deadlock() -> None:
    lock = "org.acme.stall.Till@3f1c2d0a"
    stack = f"    at org.acme.stall.Till.pay(Till.java:31)\n    - waiting to lock <{lock}>\n    at java.base/java.lang.VirtualThread.run(Unknown Source)\n"
    holder = (
        '#30 "" virtual TIMED_WAITING 2026-03-04T05:06:07Z\n    at java.base/java.lang.Thread.sleep(Unknown Source)\n'
        f"    at org.acme.stall.Till.count(Till.java:44)\n    - locked <{lock}>\n    at java.base/java.lang.VirtualThread.run(Unknown Source)\n"
    )
    text = (
        "77\n2026-03-04T05:06:07Z\n25.0.1+8\n\n"
        + holder
        + "".join(f'\n#{n} "" virtual BLOCKED 2026-03-04T05:06:07Z\n{stack}' for n in range(31, 36))
    )
    diagnosis = diagnosis_of({"threads.txt": text})
    assert not found(diagnosis, "java-deadlock")
    (finding,) = found(diagnosis, "lock-convoy")
    assert finding.culprit is not None
    assert finding.culprit.thread == "#30"


def test_two_threads_of_one_name_may_be_deadlocked() -> None:
    def side(mine: str, other: str, nid: int) -> str:
        stack = (
            "org.acme.stall.Till.pay",
            f"- waiting to lock <{other}> {MONITOR}",
            "org.acme.stall.Till.count",
            f"- locked <{mine}> {MONITOR}",
        )
        return thread("desk", "BLOCKED (on object monitor)", *stack, nid=nid)

    first, second = "0x00000000f0000010", "0x00000000f0000020"
    (finding,) = found(diagnosis_of({"j.txt": dump(side(first, second, 0x401), side(second, first, 0x402))}), "java-deadlock")
    assert len(finding.chain) == 2


def test_a_label_is_the_name_or_the_number() -> None:
    where = Where("a", 1, 2)
    assert Thread(where=where, name="till-1", java_id=9).label == "till-1"
    assert Thread(where=where, name="", java_id=9).label == "#9"
    assert Thread(where=where, name="").label == ""

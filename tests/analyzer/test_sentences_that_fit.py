"""Sentences agree with their numbers, and promise no more than is known: one thread waits, and what a client keeps does not come back by itself."""

from __future__ import annotations

import pytest

from analyzer.model.finding import RecoversWhen
from tests.builders import diagnosis_of

WAITER = (
    '"mill-{at}" #3{at} prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x25{at} waiting for monitor entry  [0x00007f108a1fd000]\n'
    "   java.lang.Thread.State: BLOCKED (on object monitor)\n\tat nl.mill.Vat.open(Vat.java:10)\n"
    "\t- waiting to lock <0x00000000f0000010> (a nl.mill.Vat)\n\n"
)
OWNER = (
    '"mill-9" #39 prio=5 os_prio=0 tid=0x00007f10d0a20000 nid=0x2520 in Object.wait() [0x00007f108a20d000]\n'
    "   java.lang.Thread.State: WAITING (on object monitor)\n\tat java.lang.Object.wait(Native Method)\n\tat java.lang.Thread.join(Thread.java:1252)\n"
    "\tat nl.mill.Vat.fill(Vat.java:40)\n\t- locked <0x00000000f0000010> (a nl.mill.Vat)\n"
)


@pytest.mark.parametrize(("waiters", "words"), [((1,), "1 thread waits for nl.mill.Vat"), ((1, 2), "2 threads wait for nl.mill.Vat")])
def test_evidence_of_a_lock_agrees_with_its_number(waiters: tuple[int, ...], words: str) -> None:
    dump = "".join(WAITER.format(at=at) for at in waiters) + OWNER
    finding = diagnosis_of({"post.md": dump}).findings[0]
    assert any(one.says.startswith(words) for one in finding.evidence)


@pytest.mark.parametrize(
    "line",
    [
        "redis.clients.jedis.exceptions.JedisDataException: ERR max number of clients reached",
        "java.lang.OutOfMemoryError: unable to create new native thread",
    ],
)
def test_what_may_be_kept_for_ever_is_not_said_to_come_back(line: str) -> None:
    (finding, *_) = diagnosis_of({"app.log": f"2024-03-01 10:00:00,000 ERROR [main] nl.mill.Vat - {line}\n"}).findings
    assert finding.outlook is not None
    assert finding.outlook.heals is RecoversWhen.UNKNOWN

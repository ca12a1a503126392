"""Frames that somebody left out of a pasted stack, and waits for an event below a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders import diagnosis_of, found

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis

WAITS = (
    '"mill-{n}" #{n} daemon prio=5 os_prio=0 tid=0x00007f0c2d183000 nid=0x2f{n} waiting for monitor entry [0x00007f0bd7456000]\n'
    "   java.lang.Thread.State: BLOCKED (on object monitor)\n\tat com.acme.mill.Hopper.read(Hopper.java:81)\n"
    "\t- waiting to lock <0x00000005c41d9930> (a com.acme.mill.Hopper)\n\tat com.acme.mill.Grind.run(Grind.java:{n})\n\n"
)
HOLDS = (
    '"mill-29" #108 daemon prio=5 os_prio=0 tid=0x00007f0c2d1b7000 nid=0x2f5a runnable [0x00007f0bd5a3c000]\n   java.lang.Thread.State: RUNNABLE\n'
    "\tat sun.nio.ch.EPollArrayWrapper.epollWait(Native Method)\n{left_out}"
    "\tat {reader}\n\tat com.acme.mill.Hopper.read(Hopper.java:90)\n\t- locked <0x00000005c41d9930> (a com.acme.mill.Hopper)\n\tat com.acme.mill.Grind.run(Grind.java:7)\n\n"
)
OWN = "com.acme.mill.Chute.await(Chute.java:40)"
HDFS = "org.apache.hadoop.hdfs.client.impl.BlockReaderRemote.read(BlockReaderRemote.java:146)"


def diagnosed(reader: str, left_out: str) -> Diagnosis:
    text = "Look:\n\n```\n" + HOLDS.format(reader=reader, left_out=left_out) + WAITS.format(n=31) + WAITS.format(n=32) + "\t...\n```\n"
    return diagnosis_of({"report.md": text})


def test_dots_below_a_selector_are_no_other_thread() -> None:
    (one,) = found(diagnosed(OWN, "\t...\n"), "lock-convoy")
    assert "“mill-29” holds it while it" in one.headline


def test_a_selector_on_other_code_without_dots_is_two_stacks() -> None:
    assert not any("mill-29" in one.headline for one in found(diagnosed(OWN, ""), "lock-convoy"))


def test_a_client_of_hdfs_waits_for_an_answer() -> None:
    (one,) = found(diagnosed(HDFS, "\t...\n"), "lock-convoy")
    assert "holds it while it waits for an answer through HDFS client" in one.headline


LEASE = (
    '"task-12" #151 prio=5 os_prio=0 tid=0x00007f9a2c0a4000 nid=0x3b17 waiting on condition [0x00007f99d1ce4000]\n   java.lang.Thread.State: TIMED_WAITING (parking)\n'
    "\tat sun.misc.Unsafe.park(Native Method)\n\t- parking to wait for  <0x00000006c0e1d290> (a java.util.concurrent.Semaphore$FairSync)\n"
    "\tat java.util.concurrent.locks.LockSupport.parkNanos(LockSupport.java:215)\n\tat java.util.concurrent.Semaphore.tryAcquire(Semaphore.java:409)\n"
    "\tat org.jboss.jca.core.connectionmanager.pool.mcp.SemaphoreConcurrentLinkedDequeManagedConnectionPool.getConnection(SemaphoreConcurrentLinkedDequeManagedConnectionPool.java:341)\n"
    "\tat com.acme.mill.Ledger.write(Ledger.java:37)\n\tat org.jboss.as.ejb3.tx.CMTTxInterceptor.invokeInOurTx(CMTTxInterceptor.java:237)\n{inner}"
    "\tat com.acme.mill.Orders.update(Orders.java:118)\n\tat org.jboss.as.ejb3.tx.CMTTxInterceptor.invokeInOurTx(CMTTxInterceptor.java:237)\n"
    "\tat org.jboss.as.ejb3.tx.CMTTxInterceptor.required(CMTTxInterceptor.java:362)\n\t...\n"
)


def test_a_transaction_of_its_own_inside_another_asks_for_a_second_connection() -> None:
    renews = LEASE.format(inner="\tat org.jboss.as.ejb3.tx.CMTTxInterceptor.requiresNew(CMTTxInterceptor.java:388)\n")
    (one,) = found(diagnosis_of({"report.md": f"Look:\n\n```\n{renews}```\n"}), "nested-connection-lease")
    assert "hold a connection of IronJacamar and wait for another one from the same pool" in one.headline
    joins = LEASE.format(inner="\tat org.jboss.as.ejb3.tx.CMTTxInterceptor.required(CMTTxInterceptor.java:362)\n")
    assert not found(diagnosis_of({"report.md": f"Look:\n\n```\n{joins}```\n"}), "nested-connection-lease")

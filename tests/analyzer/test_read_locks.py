"""Read-write locks that a thread asks for twice."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding
from tests.analyzer.test_runtimes import SERVE, goroutine, table
from tests.builders import diagnosis_of, found

RLOCK = "sync.runtime_SemacquireMutex(0x1)\n\t/go/sema.go:77 +0x1\nsync.(*RWMutex).RLock(...)\n\t/go/rwmutex.go:71\n"
LOCK = "sync.runtime_SemacquireMutex(0x1)\n\t/go/sema.go:77 +0x1\nsync.(*RWMutex).Lock(0xc000010000)\n\t/go/rwmutex.go:152 +0x1\n"
SIZE = "example.com/pier.(*Register).size(0x1)\n\t/b/register.go:31 +0x1\n"
LIST = "example.com/pier.(*Register).list(0x1)\n\t/b/register.go:44 +0x1\n"
ADD = "example.com/pier.(*Register).add(0x1)\n\t/b/register.go:60 +0x1\n"
PARK = "\tat jdk.internal.misc.Unsafe.park(Native Method)\n"


def of_go(*stacks: str) -> Finding | None:
    dump = "".join(goroutine(number, "semacquire, 3 minutes", stack + SERVE) for number, stack in enumerate(stacks, 10))
    diagnosis = diagnosis_of({"goroutines.txt": dump, "netstat.txt": table(waiting=len(stacks), calls=0)})
    rules = found(diagnosis, "recursive-read-lock")
    if rules:
        assert diagnosis.verdict.rule == "recursive-read-lock"
    return rules[0] if rules else None


def test_a_reader_that_was_called_from_a_reader_behind_a_writer() -> None:
    finding = of_go(RLOCK + SIZE + LIST, LOCK + ADD, RLOCK + LIST, LOCK + ADD)
    assert finding is not None
    assert finding.confidence is Confidence.LIKELY
    assert finding.culprit.frame == "example.com/pier.(*Register).list(register.go:44)"
    assert "asks for the read lock in example.com/pier.(*Register).size(register.go:31)" in finding.headline


def test_without_a_writer_a_second_read_lock_is_granted() -> None:
    assert of_go(RLOCK + SIZE + LIST, RLOCK + LIST, RLOCK + LIST) is None


def test_called_from_another_type_nothing_says_that_the_lock_is_held() -> None:
    assert of_go(RLOCK + SIZE, LOCK + ADD, RLOCK + LIST, LOCK + ADD) is None


def test_somebody_inside_may_hold_it_and_go_on() -> None:
    inside = "internal/poll.runtime_pollWait(0x1)\n\t/go/netpoll.go:305 +0x1\nnet.(*conn).Read(0x1)\n\t/go/net.go:183 +0x1\n" + LIST
    assert of_go(RLOCK + SIZE + LIST, LOCK + ADD, RLOCK + LIST, inside) is None


def pasted(kind: str, *frames: str, lock: str = "ReentrantReadWriteLock$NonfairSync") -> str:
    lines = "".join(f"\tat {frame}\n" for frame in frames)
    return (
        f'"{kind}" #31 prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x251f waiting on condition  [0x00007f108a1fd000]\n'
        f"   java.lang.Thread.State: WAITING (parking)\n{PARK}"
        f"\t- parking to wait for  <0x00000000c0a81770> (a java.util.concurrent.locks.{lock})\n{lines}\n"
    )


WRITE = "java.util.concurrent.locks.ReentrantReadWriteLock$WriteLock.lock(ReentrantReadWriteLock.java:959)"
READ = "java.util.concurrent.locks.ReentrantReadWriteLock$ReadLock.lock(ReentrantReadWriteLock.java:738)"


def test_a_read_lock_cannot_become_the_write_lock() -> None:
    text = pasted("clerk", WRITE, "org.pier.Tree.insert(Tree.java:90)", "org.pier.Tree.walk(Tree.java:71)") + pasted(
        "web-3", READ, "org.pier.Tree.find(Tree.java:40)"
    )
    (finding,) = found(diagnosis_of({"dump.txt": text}), "recursive-read-lock")
    assert finding.confidence is Confidence.SUSPECTED
    assert "asks for the write lock in org.pier.Tree.insert(Tree.java:90), called from org.pier.Tree.walk(Tree.java:71)" in finding.headline


def test_a_reentrant_lock_gives_a_reader_a_second_read_lock() -> None:
    text = pasted("web-2", READ, "org.pier.Tree.find(Tree.java:40)", "org.pier.Tree.walk(Tree.java:71)") + pasted(
        "clerk", WRITE, "org.pier.Tree.insert(Tree.java:90)"
    )
    assert not found(diagnosis_of({"dump.txt": text}), "recursive-read-lock")


def test_a_stamped_lock_does_not() -> None:
    stamped = "java.util.concurrent.locks.StampedLock"
    text = pasted(
        "web-2",
        f"{stamped}.readLock(StampedLock.java:500)",
        "org.pier.Tree.find(Tree.java:40)",
        "org.pier.Tree.walk(Tree.java:71)",
        lock="StampedLock",
    ) + pasted("clerk", f"{stamped}.writeLock(StampedLock.java:400)", "org.pier.Tree.insert(Tree.java:90)", lock="StampedLock")
    (finding,) = found(diagnosis_of({"dump.txt": text}), "recursive-read-lock")
    assert "asks for the read lock" in finding.headline


MUTEX = "sync.runtime_SemacquireMutex(0x1)\n\t/go/sema.go:77 +0x1\nsync.(*Mutex).Lock(0xc000010000)\n\t/go/mutex.go:90 +0x1\n"
TAKES = "example.com/pier.(*Register).put(0x1)\n\t/b/register.go:31 +0x1\n"
PASSED = "example.com/pier.(*Register).put(0x1)\n\t/b/register.go:38 +0x1\n"
BEFORE = "example.com/pier.(*Register).put(0x1)\n\t/b/register.go:22 +0x1\n"


def test_a_mutex_whose_place_an_outer_call_has_passed() -> None:
    finding = of_go(MUTEX + TAKES + LIST + PASSED, MUTEX + TAKES, MUTEX + TAKES)
    assert finding is not None
    assert finding.confidence is Confidence.SUSPECTED
    assert "asks for the lock in example.com/pier.(*Register).put(register.go:31)" in finding.headline
    assert "called from example.com/pier.(*Register).put(register.go:38)" in finding.headline
    assert finding.explanation.startswith("3 goroutines wait for the lock.")
    assert "let go before the call" in finding.explanation


def test_an_outer_call_that_has_not_reached_the_mutex_does_not_hold_it() -> None:
    assert of_go(MUTEX + TAKES + LIST + BEFORE, MUTEX + TAKES, MUTEX + TAKES) is None
    assert of_go(MUTEX + TAKES + LIST, MUTEX + TAKES, MUTEX + TAKES) is None


GDB = """\
Thread {n} (Thread 0x7f21d9ffb70{n} (LWP 552{n})):
#0  __lll_lock_wait () at ../sysdeps/unix/sysv/linux/x86_64/lowlevellock.S:135
#1  0x00007f21e0a1adb8 in __GI___pthread_mutex_lock (mutex=0x1a3f0c8) at ../nptl/pthread_mutex_lock.c:113
#2  0x00000000004a2b11 in quay::Log::add (this=0x1a3f0a0) at log.cc:88
"""
AGAIN = """\
#3  0x00000000004a31d0 in quay::Log::turn (this=0x1a3f0a0) at log.cc:141
#4  0x00000000004a2c04 in quay::Log::add (this=0x1a3f0a0) at log.cc:97
"""


def test_a_native_thread_that_enters_its_own_mutex() -> None:
    others = "\n".join(GDB.format(n=n) for n in (1, 2))
    (finding,) = found(diagnosis_of({"gdb.txt": f"{GDB.format(n=3)}{AGAIN}\n{others}"}), "recursive-read-lock")
    assert "it waits for itself" in finding.headline
    assert "one that each object has for itself" in finding.explanation
    assert not found(diagnosis_of({"gdb.txt": f"{GDB.format(n=3)}\n{others}"}), "recursive-read-lock")


@pytest.mark.parametrize("recursive", [True, False])
def test_a_recursive_mutex_and_an_owner_at_work_are_no_riddle(recursive: bool) -> None:
    others = "\n".join(GDB.format(n=n) for n in (1, 2))
    text = f"{GDB.format(n=3)}{AGAIN}\n{others}"
    if recursive:
        text = text.replace("#2  ", "#2  0x00000000004a2b00 in std::recursive_mutex::lock (this=0x1a3f0c8) at mutex:100\n#3  ")
    else:
        text += "\nThread 4 (Thread 0x7f21d9ffb704 (LWP 5524)):\n#0  0x0 in write () from libc.so.6\n#1  0x0 in quay::Log::add (this=0x1a3f0a0) at log.cc:99\n"
    assert not found(diagnosis_of({"gdb.txt": text}), "recursive-read-lock")

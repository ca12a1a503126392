"""Workers of an asynchronous runtime that wait for a blocking lock, and threads beside them that may have it."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding
from tests.analyzer.test_blocked_runtimes import LOOP, MAIN, TASK, thread
from tests.builders import diagnosis_of, found

WAITS = ("syscall () at syscall.S:38", "std::sys::unix::futex::futex_wait () at library/std/src/sys/unix/futex.rs:62")
STD = (*WAITS, "std::sys::sync::mutex::futex::Mutex::lock_contended () at library/std/src/sys/sync/mutex/futex.rs:120")
SITE = "mill::bins::Bins::take::{{closure}} () at src/bins.rs:31"
WORKER = (*STD, SITE, *TASK)
LOCKS = [
    STD,
    (*WAITS, "std::sys::unix::locks::futex_mutex::Mutex::lock_contended () at ..."),
    (*WAITS[:1], "parking_lot_core::thread_parker::imp::ThreadParker::futex_wait ()", "parking_lot::raw_mutex::RawMutex::lock_slow ()"),
    (*WAITS, "std::sys::unix::locks::futex_rwlock::RwLock::write_contended () at futex_rwlock.rs:1"),
]


def findings(*threads: str) -> list[Finding]:
    text = f"No answer any more:\n\n(gdb) thread apply all bt\n\n{''.join(threads)}"
    return [one for one in found(diagnosis_of({"post.md": text}), "lock-convoy") if "async runtime" in one.headline]


@pytest.mark.parametrize("lock", LOCKS)
def test_all_workers_wait_for_a_lock_that_no_thread_has(lock: tuple[str, ...]) -> None:
    worker = (*lock, SITE, *TASK)
    (finding,) = findings(thread(4, worker), thread(3, worker), thread(2, worker), thread(1, MAIN, "mill"))
    assert finding.headline.startswith(
        "All 3 workers of the async runtime that are here wait for a lock in mill::bins::Bins::take.{{closure}}"
    )
    assert finding.confidence is Confidence.LIKELY
    assert "guard that is kept over an .await" in finding.explanation


@pytest.mark.parametrize("words", ["Thread 3, Thread 2: same as Thread 4", "Threads 3 and 2: identical to thread 4", "Threads 2, 3 (same as thread 4)"])  # fmt: skip
def test_several_threads_of_which_words_alone_are_here(words: str) -> None:
    (finding,) = findings(thread(5, WORKER), thread(4, WORKER), f"{words}\n\n", thread(1, MAIN, "mill"))
    assert finding.headline.startswith("All 4 workers")


def test_two_may_be_a_moment() -> None:
    (finding,) = findings(thread(3, WORKER), thread(2, WORKER), thread(1, MAIN, "mill"))
    assert finding.confidence is Confidence.SUSPECTED
    assert finding.doubts


@pytest.mark.parametrize(
    ("frames", "name"),
    [
        (("read () from /lib64/libc.so.6", "mill::bins::Bins::load () at src/bins.rs:60", *TASK, *LOOP), "tokio-runtime-w"),
        (("read () from /lib64/libc.so.6", "mill::bins::Bins::load () at src/bins.rs:60", "start_thread () from /lib64/libc.so.6"), "loader"),
        (("read () from /lib64/libc.so.6", "mill::bins::Bins::load () at src/bins.rs:60", "tokio::runtime::blocking::pool::Inner::run () at pool.rs:3"), "tokio-runtime-w"),
        ((*WAITS, "tokio::runtime::thread_pool::worker::Context::park_timeout () at worker.rs:1"), "tokio-runtime-w"),
        ((*STD, "mill::silo::Silo::open () at src/silo.rs:8", *TASK), "tokio-runtime-w"),
    ],
    ids=["a worker works", "a thread works", "a blocking call works", "a worker is free", "another lock"],
)  # fmt: skip
def test_who_else_may_have_it(frames: tuple[str, ...], name: str) -> None:
    assert not findings(*(thread(at, WORKER) for at in (5, 4, 3)), thread(2, frames, name), thread(1, MAIN, "mill"))


@pytest.mark.parametrize(("second", "told"), [("Bins::give", True), ("Silo::open", False)])
def test_two_methods_of_one_type_take_what_guards_it(second: str, told: bool) -> None:
    other = (*STD, f"mill::bins::{second}::{{{{closure}}}} () at src/bins.rs:57", *TASK)
    assert bool(findings(thread(3, WORKER), thread(2, other), thread(1, MAIN, "mill"))) is told

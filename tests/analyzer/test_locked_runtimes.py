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


ROW = '  {number}    Thread 0x7f0d6a{number:03}640 (LWP 714{number:02}) "{name}"  {frame}\n'


def listed(*rows: tuple[int, str, str]) -> str:
    head = "(gdb) info threads\n  Id   Target Id                                   Frame\n"
    return head + "".join(ROW.format(number=number, name=name, frame=frame) for number, name, frame in rows)


LIST = listed((1, "mill", MAIN[0]), *((number, "tokio-runtime-w", WAITS[0]) for number in (2, 3, 4, 5, 6)))


@pytest.mark.parametrize("words", ["4 and 5 are equal to 2, 6 is the same as 3.", "Threads 4, 5 and 6 look exactly like thread 2."])
def test_rows_of_which_words_tell_the_stack_count(words: str) -> None:
    stacks = "".join((thread(1, MAIN, "mill"), thread(2, WORKER), thread(3, WORKER)))
    text = f"It hangs:\n\n```\n{LIST}(gdb) thread apply 1 2 3 bt\n\n{stacks}```\n\n{words}\n"
    (finding,) = [one for one in found(diagnosis_of({"post.md": text}), "lock-convoy") if "async runtime" in one.headline]
    assert finding.headline.startswith("All 5 workers")
    assert finding.confidence is Confidence.LIKELY


@pytest.mark.parametrize(
    "words",
    ["", "4 and 5 are not equal to 2.", "4 and 5 are equal to 9.", "Would 4 and 5 be equal to 2?", "Code 4 and 5 are like 2.5 before."],
)
def test_mere_rows_are_no_workers_whose_stacks_are_here(words: str) -> None:
    (finding,) = findings(LIST, thread(1, MAIN, "mill"), thread(2, WORKER), thread(3, WORKER), words)
    assert finding.headline.startswith("All 2 workers")
    assert finding.confidence is Confidence.SUSPECTED


def test_a_row_that_waits_for_the_network_is_a_worker_that_polls() -> None:
    rows = listed(
        (2, "tokio-runtime-w", WAITS[0]), (3, "tokio-runtime-w", WAITS[0]), (4, "tokio-runtime-w", "epoll_wait () at epoll_wait.c:30")
    )
    assert not findings(rows, thread(1, MAIN, "mill"), thread(2, WORKER), thread(3, WORKER))


def test_a_header_with_words_names_the_debuggers_number() -> None:
    other = (*WAITS, "tokio::runtime::thread_pool::worker::Context::park_timeout () at worker.rs:1")
    head = 'Thread {number} (Thread 0x7f0d6a00{number}640 (LWP 7140{number}) "tokio-runtime-w"): same as {meant}\n\n'
    same = thread(5, WORKER), thread(4, other, "blocking-1")
    (finding,) = findings(*same, head.format(number=3, meant=5), thread(1, MAIN, "mill"))
    assert finding.headline.startswith("All 2 workers")
    assert not findings(*same, head.format(number=3, meant=4), thread(1, MAIN, "mill"))

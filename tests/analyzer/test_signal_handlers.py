"""Threads that wait for themselves in a signal's handler, and those that only look so."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding
from tests.builders import diagnosis_of, evidence_of, found

WAITS = "__lll_lock_wait_private () from /lib64/libc.so.6"
LIST = (
    f'(gdb) info threads\n  Id   Target Id                               Frame\n* 1    Thread 0x7f11a8c3e740 (LWP 5120) "mooring" {WAITS}\n'
)


def stack(*frames: str) -> str:
    return "".join(
        f"#{at:<3}{'0x00007f11a80f3a4c in ' if at and not frame.startswith('<') else ''}{frame}\n" for at, frame in enumerate(frames)
    )


def handled(above: tuple[str, ...], below: tuple[str, ...], listed: str = LIST) -> list[Finding]:
    frames = (WAITS, *above, "on_hup (sig=1) at moor.c:77", "<signal handler called>", *below, "main () at moor.c:210")
    return found(diagnosis_of({"gdb.txt": f"{listed}(gdb) bt\n{stack(*frames)}"}), "lock-convoy")


MALLOC = (
    "_L_lock_9601 () from /lib64/libc.so.6",
    "__GI___libc_malloc (bytes=40) at malloc.c:2903",
    "operator new(unsigned long) () from /lib64/libstdc++.so.6",
)
FREE = ("_int_free (av=0x7f11a8f0, p=0x1c3f, have_lock=0) at malloc.c:3977", "rope_drop (rope=0x1c3f1f0) at rope.c:31")


def test_one_thread_that_the_debugger_shows_twice_is_one() -> None:
    (finding,) = handled(MALLOC, FREE)
    assert finding.headline.startswith(
        "“mooring” waits for itself: the handler of a signal wants the allocator's lock in malloc, and _int_free"
    )
    assert finding.confidence is Confidence.LIKELY
    assert "on_hup" in finding.explanation
    case = evidence_of({"gdb.txt": f"{LIST}(gdb) bt\n{stack(WAITS, *MALLOC, 'main () at moor.c:210')}"})
    (snapshot,) = case.incident.snapshots
    assert [thread.name for dump in snapshot.dumps for thread in dump.threads] == ["mooring"]


@pytest.mark.parametrize(
    ("above", "below", "lock"),
    [
        (("__tz_convert () from /lib64/libc.so.6",), ("read () from /lib64/libc.so.6", "__tzfile_read () from /lib64/libc.so.6", "__GI_tzset () from /lib64/libc.so.6"), "the lock of the time zone"),
        (("__vsyslog_internal () from /lib64/libc.so.6", "syslog () from /lib64/libc.so.6"), ("send () from /lib64/libc.so.6", "__vsyslog_chk () from /lib64/libc.so.6"), "the lock of syslog"),
    ],
)  # fmt: skip
def test_other_locks_of_the_c_library(above: tuple[str, ...], below: tuple[str, ...], lock: str) -> None:
    (finding,) = handled(above, below)
    assert lock in finding.headline


@pytest.mark.parametrize(
    ("above", "below"),
    [
        (MALLOC, ("epoll_wait () from /lib64/libc.so.6", "turn (loop=0x0) at loop.c:9")),
        (MALLOC, (WAITS, "_L_lock_5503 () from /lib64/libc.so.6", "free () from /lib64/libc.so.6", "rope_drop (rope=0x1c) at rope.c:31")),
        (("__vsyslog_internal () from /lib64/libc.so.6",), FREE),
        (("vfprintf () from /lib64/libc.so.6", "printf () from /lib64/libc.so.6"), ("vfprintf () from /lib64/libc.so.6", "printf () from /lib64/libc.so.6")),
        (MALLOC, ("memset () from /lib64/libc.so.6", "calloc () from /lib64/libc.so.6")),
        (MALLOC, ("je_arena_dalloc (arena=0x1) at arena.c:9", "je_free (ptr=0x1) at jemalloc.c:9")),
        (("__tz_convert () from /lib64/libc.so.6",), ("__strftime_internal () from /lib64/libc.so.6", "strftime () from /lib64/libc.so.6")),
        (("getpwnam () from /lib64/libc.so.6",), ("poll () from /lib64/libc.so.6", "gethostbyname () from /lib64/libc.so.6")),
        (("Pool::free (this=0x1c3f1f0) at pool.cpp:4",), ("Pool::malloc (this=0x1c3f1f0) at pool.cpp:8",)),
    ],
)  # fmt: skip
def test_what_a_signal_interrupted_need_not_have_the_lock(above: tuple[str, ...], below: tuple[str, ...]) -> None:
    assert not any("itself" in finding.headline for finding in handled(above, below))


def test_a_lock_of_the_program_in_the_same_function() -> None:
    above = ("pthread_mutex_lock () from /lib64/libpthread.so.0", "Log::write (this=0x6a41e0) at log.cpp:12")
    (finding,) = handled(above, ("write () from /lib64/libc.so.6", "Log::write (this=0x6a41e0) at log.cpp:19"))
    assert finding.confidence is Confidence.SUSPECTED
    assert "wants a lock in Log.write" in finding.headline
    waited = handled(above, ("__lll_lock_wait () from /lib64/libc.so.6", "Log::write (this=0x6a41e0) at log.cpp:12"))
    assert not any("itself" in finding.headline for finding in waited)


def test_another_thread_at_work_with_the_lock_leaves_a_suspicion() -> None:
    other = '\nThread 2 (Thread 0x7f11a8c3e742 (LWP 5122) "mooring-2"):\n' + stack(
        "_int_malloc (av=0x7f11a8f0) at malloc.c:3600", "malloc () at malloc.c:3", "work () at work.c:9"
    )
    row = '  2    Thread 0x7f11a8c3e742 (LWP 5122) "mooring-2" _int_malloc (av=0x7f11a8f0) at malloc.c:3600\n'
    (finding,) = handled(MALLOC, FREE, LIST + row + other)
    assert finding.confidence is Confidence.SUSPECTED


def test_others_wait_behind_it() -> None:
    row = '  {0}    Thread 0x7f11a8c3e74{0} (LWP 512{0}) "mooring-{0}" ' + WAITS + "\n"
    other = "".join(
        f'\nThread {at} (Thread 0x7f11a8c3e74{at} (LWP 512{at}) "mooring-{at}"):\n' + stack(WAITS, *MALLOC, "work () at work.c:9")
        for at in (2, 3)
    )
    listed = LIST + "".join(map(row.format, (2, 3)))
    (finding,) = handled(MALLOC, FREE, listed + other)
    assert "“mooring-2” and “mooring-3” wait behind it." in finding.explanation


def test_a_bare_stack_is_not_the_marked_thread_if_it_stands_elsewhere() -> None:
    text = f"{LIST}\nand of another run:\n\n{stack('epoll_wait () from /lib64/libc.so.6', 'turn (loop=0x0) at loop.c:9', 'main () at moor.c:210')}"
    names = {thread.name for dump in evidence_of({"gdb.txt": text}).incident.snapshots[0].dumps for thread in dump.threads}
    assert len(names) == 2


@pytest.mark.parametrize("top", ["__lll_lock_wait_private () at ../nptl/lowlevellock.S:95", WAITS])
def test_a_single_stack_without_a_header(top: str) -> None:
    below = ("on_hup (sig=1) at moor.c:77", "<signal handler called>", *FREE, "main () at moor.c:210")
    text = f"It hangs, and there is one thread only:\n\n(gdb) bt\n{stack(top, *MALLOC, *below)}\nWhy?\n"
    (finding,) = found(diagnosis_of({"mail.txt": text}), "lock-convoy")
    assert "wants the allocator's lock in malloc" in finding.headline
    assert "on_hup" in finding.explanation


def test_a_list_of_another_language_is_no_native_stack() -> None:
    text = "#0  main () called at [moor.php:3]\n#1  rope() called at [moor.php:9]\n"
    case = evidence_of({"mail.txt": f"It says:\n\n{text}"})
    assert not any(dump.dialect == "native_stacks" for snapshot in case.incident.snapshots for dump in snapshot.dumps)

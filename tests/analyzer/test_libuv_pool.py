"""libuv's pool: four threads for names, files and whatever else would wait."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis
from tests.builders import diagnosis_of, evidence_of, found

LOOKUP = (
    "0x00007f3a in __GI___poll (fds=0x7f3a1, nfds=1, timeout=5000) at ../sysdeps/unix/sysv/linux/poll.c:29",
    "0x00007f3b in send_dg (...) at res_send.c:1117",
    "__GI___res_context_search (...) at res_query.c:382",
    "0x00007f3c in _nss_dns_gethostbyname4_r () from /lib/x86_64-linux-gnu/libnss_dns.so.2",
    "0x00007f3d in gaih_inet (...) at getaddrinfo.c:765",
    '__GI_getaddrinfo (name="mill.example", ...) at getaddrinfo.c:2256',
    "0x0000000001511a40 in uv__getaddrinfo_work (w=0x6a41d90) at ../deps/uv/src/unix/getaddrinfo.c:106",
)
READ = (
    "0x00007f3a in __libc_read (fd=31, buf=0x1, nbytes=4096) at ../sysdeps/unix/sysv/linux/read.c:26",
    "0x0000000001509cc2 in uv__fs_work (w=0x55d0) at ../deps/uv/src/unix/fs.c:1679",
)
FREE = (
    "0x00007f3a in pthread_cond_wait () from /lib/libpthread.so.0",
    "0x00000001 in uv_cond_wait (cond=0x1) at ../deps/uv/src/unix/thread.c:780",
)
WORKER = ("0x0000000001505c24 in worker (arg=0x0) at ../deps/uv/src/threadpool.c:122", "start_thread (arg=0x1) at pthread_create.c:477")
LOOP = (
    "epoll_wait (epfd=13, events=0x7ffe, maxevents=1024, timeout=212)",
    "uv__io_poll (loop=0x4f2a1c0, timeout=1) at linux-core.c:324",
    "uv_run (loop=0x4f2a1c0) at core.c:389",
    "node::SpinEventLoop(node::Environment*) ()",
)


def thread(number: int, frames: tuple[str, ...]) -> str:
    lines = "".join(f"#{at:<3}{frame}\n" for at, frame in enumerate(frames))
    return f'Thread {number} (Thread 0x7f3a1eff{number}700 (LWP 2{number}) "node"):\n{lines}\n'


def diagnosed(*threads: str) -> Diagnosis:
    return diagnosis_of({"post.md": f"Reading a file takes long:\n\ngdb -p 20\n\n{''.join(threads)}{thread(1, LOOP)}"})


@pytest.mark.parametrize(
    "alike",
    [
        "Thread {} (LWP 2{}):  same, other name\n",
        'Thread {} (Thread 0x7f3a1 (LWP 2{}) "node"): same as thread 6\n',
        "Thread {} (LWP 2{}):\n... same\n\n",
    ],
)
def test_four_lookups_hold_up_every_file(alike: str) -> None:
    told = diagnosed(thread(6, (*LOOKUP, *WORKER)), *(alike.format(at, at) for at in (5, 4, 3)))
    (finding,) = found(told, "dns-stall")
    assert "4 of 5 threads of node wait for the address of a name" in finding.headline
    assert "files, compression and encryption wait behind them in libuv's pool" in finding.headline
    assert finding.confidence is Confidence.LIKELY


def test_a_free_thread_of_the_pool_reads_the_files() -> None:
    told = diagnosed(*(thread(at, (*LOOKUP, *WORKER)) for at in (6, 5, 4)), thread(3, (*FREE, *WORKER)))
    assert not any("libuv's pool" in finding.headline for finding in told.findings)


def test_lookups_of_own_threads_hold_up_no_pool() -> None:
    own = tuple(frame for frame in LOOKUP if "uv__" not in frame)
    told = diagnosed(
        *(thread(at, (*own, "fetch (job=0x1) at fetch.c:9", "start_thread (arg=0x1) at pthread_create.c:477")) for at in (6, 5, 4, 3))
    )
    assert found(told, "dns-stall")
    assert not any("libuv" in finding.headline + finding.explanation for finding in told.findings)


def test_four_reads_of_files() -> None:
    (finding,) = found(diagnosed(*(thread(at, (*READ, *WORKER)) for at in (6, 5, 4, 3))), "disk-stall")
    assert finding.headline.startswith("All 4 threads of libuv's pool are in calls of files")
    assert finding.confidence is Confidence.SUSPECTED


@pytest.mark.parametrize("other", [(*FREE, *WORKER), (*LOOKUP, *WORKER)])
def test_three_reads_of_files_are_work(other: tuple[str, ...]) -> None:
    assert not found(diagnosed(*(thread(at, (*READ, *WORKER)) for at in (6, 5, 4)), thread(3, other)), "disk-stall")


def test_same_as_another_thread_takes_its_stack() -> None:
    text = f"{thread(6, (*LOOKUP, *WORKER))}{thread(5, (*READ, *WORKER))}Thread 4 (LWP 24): same as thread 6\nThread 3 (LWP 23): same\n"
    (dump,) = evidence_of({"gdb.txt": text}).incident.snapshots[0].dumps
    assert [one.frames[0].method for one in dump.threads] == ["poll", "read", "poll", "poll"]
    assert [one.name for one in dump.threads] == ["node"] * 4

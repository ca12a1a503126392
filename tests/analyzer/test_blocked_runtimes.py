"""Workers of an asynchronous runtime that block on a future inside a task, and threads that may do so."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding
from tests.builders import diagnosis_of, found

PARK = (
    "syscall () at ../sysdeps/unix/sysv/linux/x86_64/syscall.S:38",
    "std::sys::unix::futex::futex_wait () at library/std/src/sys/unix/futex.rs:62",
    "std::thread::park () at library/std/src/thread/mod.rs:929",
)
TASK = (
    "mill::grain::weigh::{{closure}} () at src/grain.rs:23",
    "<core::future::from_generator::GenFuture<T> as core::future::future::Future>::poll () at /rustc/9d/library/core/src/future/mod.rs:84",
    "mill::routes::sack::{{closure}} () at src/routes.rs:18",
)
LOOP = ("tokio::runtime::thread_pool::worker::Context::run_task () at tokio/src/runtime/thread_pool/worker.rs:420",)
SITE = "mill::store::Store::read_now () at src/store.rs:57"
BLOCKS = "futures_executor::local_pool::block_on () at local_pool.rs:317"
IDLE = (*PARK, "tokio::runtime::thread_pool::worker::Context::park_timeout () at worker.rs:1")
MAIN = (
    "syscall () at syscall.S:38",
    "tokio::park::thread::CachedParkThread::block_on ()",
    "tokio::runtime::thread_pool::ThreadPool::block_on ()",
    "mill::main () at src/main.rs:31",
)


def thread(number: int, frames: tuple[str, ...], name: str = "tokio-runtime-w") -> str:
    lines = "".join(f"#{at:<3}{frame}\n" for at, frame in enumerate(frames))
    return f'Thread {number} (Thread 0x7f0d6a{number:03}640 (LWP 714{number:02}) "{name}"):\n{lines}\n'


def findings(*threads: str) -> list[Finding]:
    return found(
        diagnosis_of({"post.md": f"It freezes at two clients:\n\n(gdb) thread apply all bt\n\n{''.join(threads)}"}), "sync-over-async"
    )


@pytest.mark.parametrize(
    "blocks", [BLOCKS, "pollster::block_on () at lib.rs:9", "tokio::runtime::handle::Handle::block_on () at handle.rs:300"]
)
@pytest.mark.parametrize("below", [TASK, (*TASK, *LOOP), (TASK[0], *LOOP)])
def test_all_workers_block_inside_tasks(blocks: str, below: tuple[str, ...]) -> None:
    worker = (*PARK, blocks, SITE, *below)
    (finding,) = findings(thread(3, worker), thread(2, worker), thread(1, MAIN, "mill"))
    assert finding.headline.startswith("All 2 workers that are here block in")
    assert "called from mill::store::Store.read_now(store.rs:57)" in finding.headline
    assert "no worker is left" in finding.headline
    assert "main thread waits in block_on is normal" in finding.explanation
    assert finding.confidence is Confidence.LIKELY


@pytest.mark.parametrize("words", ["... identical to thread 3\n\n", "(same as #3)\n\n"])
def test_words_in_place_of_a_stack(words: str) -> None:
    head = 'Thread 2 (Thread 0x7f0d6a002640 (LWP 71402) "tokio-runtime-w"):\n'
    (finding,) = findings(thread(3, (*PARK, BLOCKS, SITE, *TASK)), head + words, thread(1, MAIN, "mill"))
    assert finding.headline.startswith("All 2 workers")


def test_one_worker_alone_is_suspected() -> None:
    (finding,) = findings(thread(3, (*PARK, BLOCKS, SITE, *TASK)))
    assert finding.confidence is Confidence.SUSPECTED
    assert "if all its workers do" in finding.headline


@pytest.mark.parametrize(
    ("frames", "name"),
    [
        ((*PARK, BLOCKS, SITE, "tokio::runtime::task::core::Core::poll () at core.rs:1", "tokio::runtime::blocking::pool::Inner::run () at pool.rs:3"), "tokio-runtime-w"),
        ((*PARK, BLOCKS, SITE, "tokio::runtime::context::block_in_place () at context.rs:1", *TASK, *LOOP), "tokio-runtime-w"),
        ((*PARK, BLOCKS, SITE, "std::sys::unix::thread::Thread::new::thread_start () at thread.rs:1"), "poller"),
        (MAIN, "mill"),
        (IDLE, "tokio-runtime-w"),
    ],
)  # fmt: skip
def test_threads_that_may_block(frames: tuple[str, ...], name: str) -> None:
    assert not findings(thread(3, frames, name), thread(2, frames, name), thread(1, MAIN, "mill"))


def test_a_free_worker_drives_the_others() -> None:
    worker = (*PARK, BLOCKS, SITE, *TASK, *LOOP)
    assert not findings(thread(4, worker), thread(3, worker), thread(2, IDLE), thread(1, MAIN, "mill"))


@pytest.mark.parametrize(
    ("frames", "name"),
    [
        (("mill::crunch () at src/crunch.rs:9", *TASK, *LOOP), "tokio-runtime-w"),
        (("epoll_wait () at epoll.c:30", "mio::poll::Poll::poll () at poll.rs:400", "tokio::runtime::scheduler::multi_thread::worker::Context::park () at worker.rs:1"), "store-worker"),
    ],
)  # fmt: skip
def test_a_worker_that_polls_another_task_or_is_of_another_runtime_drives_them(frames: tuple[str, ...], name: str) -> None:
    worker = (*PARK, BLOCKS, SITE, *TASK, *LOOP)
    assert not findings(thread(4, worker), thread(3, worker), thread(2, frames, name), thread(1, MAIN, "mill"))


KOTLIN = """"DefaultDispatcher-worker-{0}" #2{0} daemon prio=5 os_prio=0 tid=0x00007f44c81d200{0} nid=0x91{0} waiting on condition
   java.lang.Thread.State: TIMED_WAITING (parking)
\tat jdk.internal.misc.Unsafe.park(Native Method)
\tat java.util.concurrent.locks.LockSupport.parkNanos(LockSupport.java:252)
\tat kotlinx.coroutines.BlockingCoroutine.joinBlocking(Builders.kt:88)
\tat kotlinx.coroutines.BuildersKt__BuildersKt.runBlocking(Builders.kt:59)
\tat kotlinx.coroutines.BuildersKt.runBlocking(Unknown Source)
\tat nl.mill.Grain.weigh(Grain.kt:41)
{1}\tat kotlinx.coroutines.scheduling.CoroutineScheduler$Worker.run(CoroutineScheduler.kt:664)

"""


def test_a_dispatcher_of_kotlin() -> None:
    dump = "".join(KOTLIN.format(at, "\tat kotlinx.coroutines.DispatchedTask.run(DispatchedTask.kt:106)\n") for at in (1, 2))
    (finding,) = found(diagnosis_of({"post.md": f"It freezes:\n\n{dump}..."}), "sync-over-async")
    assert "called from nl.mill.Grain.weigh(Grain.kt:41)" in finding.headline
    assert finding.confidence is Confidence.SUSPECTED
    assert any("Dispatchers.IO" in doubt.text for doubt in finding.doubts)
    own = dump.replace("kotlinx.coroutines.scheduling.CoroutineScheduler$Worker.run", "nl.mill.Main.main")
    assert not found(diagnosis_of({"post.md": f"It freezes:\n\n{own}..."}), "sync-over-async")


PARKED = "\tat jdk.internal.misc.Unsafe.park(Native Method)\n\tat java.util.concurrent.locks.LockSupport.park(LockSupport.java:211)\n"
AWAIT = f"{PARKED}\tat scala.concurrent.impl.Promise$DefaultPromise.tryAwait(Promise.scala:212)\n\tat scala.concurrent.Await$.result(package.scala:124)\n"
BLOCK = f"{PARKED}\tat java.util.concurrent.CountDownLatch.await(CountDownLatch.java:230)\n\tat reactor.core.publisher.BlockingSingleSubscriber.blockingGet(BlockingSingleSubscriber.java:87)\n\tat reactor.core.publisher.Mono.block(Mono.java:1707)\n"
OWN = "\tat nl.mill.Grain.weigh(Grain.scala:41)\n"
MAILBOX = "\tat akka.actor.Actor.aroundReceive(Actor.scala:537)\n\tat akka.dispatch.Mailbox.run(Mailbox.scala:231)\n\tat java.util.concurrent.ForkJoinWorkerThread.run(ForkJoinWorkerThread.java:165)\n"
SCHEDULED = "\tat reactor.core.publisher.FluxMap$MapSubscriber.onNext(FluxMap.java:106)\n\tat reactor.core.scheduler.WorkerTask.call(WorkerTask.java:84)\n\tat java.util.concurrent.ThreadPoolExecutor$Worker.run(ThreadPoolExecutor.java:628)\n"
FREE = f"{PARKED}\tat java.util.concurrent.ForkJoinPool.awaitWork(ForkJoinPool.java:1724)\n\tat java.util.concurrent.ForkJoinWorkerThread.run(ForkJoinWorkerThread.java:165)\n"


def of_jvm(name: str, *stacks: str) -> list[Finding]:
    head = '"{}-{}" #3{} prio=5 os_prio=0 tid=0x00007f44c81d200{} nid=0x91e waiting on condition\n   java.lang.Thread.State: WAITING (parking)\n{}\n'
    text = "".join(head.format(name, at, at, at, stack) for at, stack in enumerate(stacks))
    return found(diagnosis_of({"post.md": f"It freezes:\n\n{text}..."}), "sync-over-async")


@pytest.mark.parametrize(
    ("name", "stack", "blocks"),
    [("mill-akka.actor.default-dispatcher", AWAIT + OWN + MAILBOX, "Await$.result"), ("parallel", BLOCK + OWN + SCHEDULED, "Mono.block")],
)
def test_dispatchers_that_block(name: str, stack: str, blocks: str) -> None:
    (finding,) = of_jvm(name, stack, stack)
    assert f"block in {blocks}, called from nl.mill.Grain.weigh" in finding.headline
    assert finding.confidence is Confidence.SUSPECTED
    assert finding.doubts


@pytest.mark.parametrize(
    ("name", "stacks"),
    [
        ("boundedElastic", (BLOCK + OWN + SCHEDULED,) * 2),
        ("main", (AWAIT + OWN,) * 2),
        ("web", (AWAIT + OWN + "\tat org.apache.tomcat.util.threads.TaskThread$WrappingRunnable.run(TaskThread.java:61)\n",) * 2),
        ("mill-akka.actor.default-dispatcher", (AWAIT + OWN + MAILBOX, FREE)),
    ],
)
def test_threads_of_the_jvm_that_may_block(name: str, stacks: tuple[str, ...]) -> None:
    assert not of_jvm(name, *stacks)

"""Threads and loops that wait for what only they could bring: own ports, own clients, own queues, own hooks, own locks."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Status
from tests.builders import diagnosis_of, found


def thread(name: str, state: str, *frames: str) -> str:
    """A thread as jstack prints it; a frame may have lock lines below it."""
    head = f'"{name}" #9 daemon prio=5 os_prio=0 tid=0x00007f0000000000 nid=0x100 waiting on condition  [0x00007f1000000000]\n'
    return head + f"   java.lang.Thread.State: {state}\n" + "".join(f"\tat {frame}\n" for frame in frames)


LOOP = """Process 7: python3 -m quay
Python v3.11.6 (/usr/bin/python3.11)

Thread 7 (idle): "MainThread"
    readinto (socket.py:706)
    _read_status (http/client.py:286)
    begin (http/client.py:325)
    getresponse (http/client.py:1386)
    send (requests/sessions.py:703)
    get (requests/api.py:73)
    rate (quay/desk.py:44)
    run_endpoint_function (fastapi/routing.py:191)
    app (fastapi/routing.py:273)
    _run_once (asyncio/base_events.py:1922)
    run_forever (asyncio/base_events.py:607)
"""
SOCKETS = """State    Recv-Q   Send-Q     Local Address:Port     Peer Address:Port   Process
LISTEN   3        2048             0.0.0.0:8100           0.0.0.0:*       users:(("python3",pid=7,fd=11))
ESTAB    0        0              127.0.0.1:41874        127.0.0.1:8100    users:(("python3",pid=7,fd=14))
ESTAB    168      0              127.0.0.1:8100         127.0.0.1:41874
ESTAB    83       0             10.18.0.4:8100         10.18.0.1:60312
"""


def test_a_loop_that_calls_its_own_port_waits_for_itself() -> None:
    (finding, *_) = diagnosis_of({"py-spy.txt": LOOP, "ss.txt": SOCKETS}).findings
    assert (finding.rule, finding.confidence) == ("self-call-starvation", Confidence.CERTAIN)
    assert "its event loop is blocked in a call to its own port 8100" in finding.headline
    assert "quay/desk.py:44" in finding.explanation


def test_where_another_thread_accepts_the_loop_does_not_wait_for_itself() -> None:
    second = '\nThread 9 (idle): "api"\n    accept (socket.py:294)\n    get_request (socketserver.py:500)\n    serve_forever (socketserver.py:233)\n'
    assert not found(diagnosis_of({"py-spy.txt": LOOP + second, "ss.txt": SOCKETS}), "self-call-starvation")


def test_a_call_to_another_host_is_no_own_call() -> None:
    other = SOCKETS.replace("127.0.0.1:8100    users", "10.18.0.9:8100    users").replace(
        "127.0.0.1:41874        10", "10.18.0.4:41874        10"
    )
    assert not found(diagnosis_of({"py-spy.txt": LOOP, "ss.txt": other}), "self-call-starvation")


CALLBACK = thread(
    "lettuce-nioEventLoop-6-1", "TIMED_WAITING (parking)", "jdk.internal.misc.Unsafe.park(Native Method)",
    "java.util.concurrent.locks.LockSupport.parkNanos(LockSupport.java:252)", "java.util.concurrent.CompletableFuture.get(CompletableFuture.java:2095)",
    "io.lettuce.core.protocol.AsyncCommand.await(AsyncCommand.java:83)", "io.lettuce.core.FutureSyncInvocationHandler.handleInvocation(FutureSyncInvocationHandler.java:75)",
    "org.quay.Sessions.lambda$load$2(Sessions.java:71)", "java.util.concurrent.CompletableFuture.postComplete(CompletableFuture.java:510)",
    "{below}", "io.netty.channel.nio.NioEventLoop.processSelectedKey(NioEventLoop.java:788)",
)  # fmt: skip


def test_a_client_called_in_its_own_callback_may_wait_for_its_own_loop() -> None:
    own = CALLBACK.replace("{below}", "io.lettuce.core.protocol.CommandHandler.decode(CommandHandler.java:682)")
    text = found(diagnosis_of({"report.md": f"Times out after 60 s:\n\n{own}\n"}), "event-loop-blocked")[0]
    assert "may need this very loop" in text.headline
    assert "in a callback of the same client" in text.explanation


def test_a_client_called_by_another_library_is_not_said_to() -> None:
    other = CALLBACK.replace("{below}", "com.fasterxml.jackson.core.Reader.next(Reader.java:82)")
    text = found(diagnosis_of({"report.md": f"Times out after 60 s:\n\n{other}\n"}), "event-loop-blocked")[0]
    assert "callback of the same client" not in text.explanation


def test_a_handler_of_the_same_library_is_no_callback_of_the_client() -> None:
    stack = thread(
        "grpc-default-worker-ELG-3-2", "WAITING (parking)", "jdk.internal.misc.Unsafe.park(Native Method)",
        "java.util.concurrent.locks.LockSupport.park(LockSupport.java:211)", "io.grpc.stub.ClientCalls$ThreadlessExecutor.waitAndDrain(ClientCalls.java:748)",
        "io.grpc.stub.ClientCalls.blockingUnaryCall(ClientCalls.java:157)", "org.quay.v1.GeoGrpc$GeoBlockingStub.find(GeoGrpc.java:214)",
        "org.quay.RouteService.route(RouteService.java:77)", "io.grpc.stub.ServerCalls$UnaryServerCallHandler.onHalfClose(ServerCalls.java:182)",
        "io.grpc.internal.ServerCallImpl.halfClosed(ServerCallImpl.java:355)", "io.grpc.netty.shaded.io.netty.channel.epoll.EpollEventLoop.run(EpollEventLoop.java:407)",
    )  # fmt: skip
    text = found(diagnosis_of({"report.md": f"Half of the clients hang:\n\n{stack}\n"}), "event-loop-blocked")[0]
    assert "RouteService.route(RouteService.java:77)" in text.headline  # not the generated stub
    assert "The handler runs on the loop itself" in text.explanation
    assert "callback of the same client" not in text.explanation


DRAIN = thread(
    "Log4j2-TF-1-AsyncLogger[q]-1", "TIMED_WAITING (on object monitor)", "java.lang.Object.wait(Native Method)",
    "org.apache.kafka.clients.producer.internals.ProducerMetadata.awaitUpdate(ProducerMetadata.java:119)",
    "org.apache.kafka.clients.producer.KafkaProducer.send(KafkaProducer.java:928)",
    "org.apache.logging.log4j.core.appender.mom.kafka.KafkaAppender.append(KafkaAppender.java:184)",
    "org.apache.logging.log4j.core.async.RingBufferLogEvent.execute(RingBufferLogEvent.java:165)",
    "org.apache.logging.log4j.core.async.RingBufferLogEventHandler.onEvent(RingBufferLogEventHandler.java:46)",
)  # fmt: skip
OWN_THREAD = thread(
    "kafka-producer-network-thread | producer-1", "TIMED_WAITING (parking)", "jdk.internal.misc.Unsafe.park(Native Method)",
    "com.lmax.disruptor.MultiProducerSequencer.next(MultiProducerSequencer.java:136)",
    "org.apache.logging.log4j.core.async.AsyncLoggerDisruptor.enqueueLogMessageWhenQueueFull(AsyncLoggerDisruptor.java:243)\n\t- locked <0x00000006c1a40d18> (a java.lang.Object)",
    "org.apache.kafka.clients.NetworkClient.processDisconnection(NetworkClient.java:780)", "org.apache.kafka.clients.producer.internals.Sender.runOnce(Sender.java:328)",
)  # fmt: skip
VICTIM = thread(
    "http-nio-8443-exec-9", "BLOCKED (on object monitor)",
    "org.apache.logging.log4j.core.async.AsyncLoggerDisruptor.enqueueLogMessageWhenQueueFull(AsyncLoggerDisruptor.java:243)\n\t- waiting to lock <0x00000006c1a40d18> (a java.lang.Object)",
    "org.quay.Feed.push(Feed.java:140)",
)  # fmt: skip


def test_a_logger_whose_appender_needs_a_thread_that_logs() -> None:
    verdict = diagnosis_of({"report.md": f"One request a minute:\n\n{DRAIN}\n{OWN_THREAD}\n{VICTIM}\n"}).verdict
    assert verdict.rule == "logging-stall"
    assert "which writes for all of them, is in KafkaProducer.send" in verdict.headline
    assert "each waits for the other" in verdict.headline


def test_a_logger_at_rest_writes_for_nobody() -> None:
    rest = thread(
        "AsyncAppender-Worker-LOG", "WAITING (parking)", "jdk.internal.misc.Unsafe.park(Native Method)",
        "java.util.concurrent.ArrayBlockingQueue.take(ArrayBlockingQueue.java:417)", "ch.qos.logback.core.AsyncAppenderBase$Worker.run(AsyncAppenderBase.java:289)",
    )  # fmt: skip
    assert "which writes for all" not in diagnosis_of({"report.md": f"Slow:\n\n{rest}\n{VICTIM}\n"}).verdict.headline


RUNNER = thread(
    "SIGTERM handler", "WAITING (on object monitor)", "java.lang.Object.wait(Native Method)", "java.lang.Thread.join(Thread.java:1304)",
    "java.lang.ApplicationShutdownHooks.runHooks(ApplicationShutdownHooks.java:107)", "java.lang.Shutdown.runHooks(Shutdown.java:130)",
    "java.lang.Shutdown.exit(Shutdown.java:173)\n\t- locked <0x00000000f00205f8> (a java.lang.Class for java.lang.Shutdown)", "java.lang.Terminator$1.handle(Terminator.java:51)",
)  # fmt: skip
HOOK = thread(
    "{name}", "BLOCKED (on object monitor)", "java.lang.Shutdown.exit(Shutdown.java:173)\n\t- waiting to lock <0x00000000f00205f8> (a java.lang.Class for java.lang.Shutdown)",
    "java.lang.Runtime.exit(Runtime.java:115)", "java.lang.System.exit(System.java:1860)", "org.quay.Keeper.stop(Keeper.java:112)", "java.lang.Thread.run(Thread.java:833)",
)  # fmt: skip


def test_a_hook_that_exits_keeps_the_vm_from_ending() -> None:
    text = f"Stop takes 90 s:\n\n{RUNNER}\n{HOOK.replace('{name}', 'QuayShutdownHook')}\n"
    (finding, *_) = found(diagnosis_of({"report.md": text}), "java-deadlock")
    assert "“QuayShutdownHook”, a shutdown hook, calls System.exit in org.quay.Keeper.stop" in finding.headline


def test_any_other_thread_that_exits_meanwhile_only_waits() -> None:
    text = f"Stop takes 90 s:\n\n{RUNNER}\n{HOOK.replace('{name}', 'worker-3')}\n"
    assert not found(diagnosis_of({"report.md": text}), "java-deadlock")


NESTED = thread(
    "http-nio-8080-exec-14", "WAITING (parking)", "jdk.internal.misc.Unsafe.park(Native Method)",
    "java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject.await(AbstractQueuedSynchronizer.java:2081)",
    "org.apache.commons.pool2.impl.LinkedBlockingDeque.takeFirst(LinkedBlockingDeque.java:1324)", "org.apache.commons.pool2.impl.GenericObjectPool.borrowObject(GenericObjectPool.java:306)",
    "org.apache.commons.dbcp2.PoolingDataSource.getConnection(PoolingDataSource.java:139)",
    "org.springframework.jdbc.datasource.DataSourceTransactionManager.doBegin(DataSourceTransactionManager.java:265)",
    "org.springframework.transaction.support.AbstractPlatformTransactionManager.handleExistingTransaction(AbstractPlatformTransactionManager.java:434)",
    "org.springframework.transaction.interceptor.TransactionInterceptor.invoke(TransactionInterceptor.java:119)",
    "org.quay.Trail$$EnhancerBySpringCGLIB$$6c1f02de.append(<generated>)", "org.quay.Ledger.book(Ledger.java:97)",
)  # fmt: skip


def test_who_has_the_rarest_word_stands_so_and_an_untimed_wait_never_ends() -> None:
    counts = "$ grep -c LinkedBlockingDeque.takeFirst td.txt\n39\n$ grep -c handleExistingTransaction td.txt\n8\n"
    (finding, *_) = found(diagnosis_of({"report.md": f"Freezes:\n\n{NESTED}\n\n{counts}"}), "nested-connection-lease")
    assert "(1 pasted, 8 counted)" in finding.headline
    assert "which calls Trail.append" in finding.explanation
    assert "no time limit" in finding.explanation
    assert "maxWaitMillis runs out" not in finding.explanation


@pytest.mark.parametrize(("second", "same"), [("Registry.touch", True), ("Sweeper.touch", False)])
def test_workers_before_one_type_s_lock_in_two_of_its_methods(second: str, same: bool) -> None:
    stacks = "".join(
        f'Thread {number} (Thread 0x7f8d2a{number}fe640 (LWP 5112{number}) "tokio-runtime-w"):\n#0  syscall () at syscall.S:38\n'
        "#1  0x000055d0c1a7be23 in std::sys::unix::futex::futex_wait () at library/std/src/sys/unix/futex.rs:62\n"
        "#2  std::sys::unix::locks::futex_mutex::Mutex::lock_contended () at library/std/src/sys/unix/locks/futex_mutex.rs:88\n"
        f"#3  0x000055d0c17f02c6 in quay::session::{call} (self=0x55d0c2b4f6c0) at src/session.rs:7{number}\n"
        "#4  0x000055d0c17c60aa in tokio::runtime::task::core::poll () at tokio-1.28.2/src/runtime/task/core.rs:311\n\n"
        for number, call in ((3, "Registry::remove"), (2, second.replace(".", "::")))
    )
    headline = diagnosis_of({"report.md": f"All stops:\n\n{stacks}"}).verdict.headline
    assert ("All 2 workers of the async runtime that are here wait for a lock" in headline) is same


FORKED = """Process 3127: python3 -m celery worker
Python v3.9.16 (/usr/bin/python3.9)

Thread 3127 (idle): "MainThread"
    emit (quaylog/handler.py:61)
    handle (logging/__init__.py:952)
    info (logging/__init__.py:1446)
    build (quay/tasks.py:44)
    workloop (billiard/pool.py:362)
    _launch (billiard/popen_fork.py:79)
    _Popen (billiard/context.py:333)
"""


def test_a_forked_child_before_a_lock_that_only_the_shown_line_tells() -> None:
    line = "\nhandler.py:\n\n      60          line = self.format(record)\n      61          with self._lock:      # shared\n"
    headline = diagnosis_of({"report.md": f"Stuck:\n\n{FORKED}{line}"}).verdict.headline
    assert "the only thread of process 3127, waits for self._lock" in headline
    assert "waits for" not in diagnosis_of({"report.md": f"Stuck:\n\n{FORKED}"}).verdict.headline


def test_a_wait_of_python_s_is_not_said_to_have_no_limit() -> None:
    dump = 'Process 5: python3\nPython v3.9.16 (x)\n\nThread 5 (idle): "flush"\n    wait (threading.py:316)\n    wait (threading.py:581)\n    _run (quaylog/flush.py:29)\n'
    diagnosis = diagnosis_of({"report.md": f"Stuck:\n\n{dump}"})
    assert diagnosis.verdict.status is Status.INSUFFICIENT
    assert "without a timeout" not in diagnosis.verdict.headline + diagnosis.verdict.summary


def test_a_monitor_that_object_wait_has_let_go_is_not_held() -> None:
    stack = thread(
        "handler-27", "TIMED_WAITING (on object monitor)", "java.lang.Object.wait(Native Method)",
        "org.quay.Future.get(Future.java:142)\n\t- locked <0x00000004c9a8ed10> (a org.quay.Future)", "org.quay.Log.sync(Log.java:720)",
    )  # fmt: skip
    verdict = diagnosis_of({"report.md": f"Writes hang:\n\n{stack}\n"}).verdict
    assert "waits to be notified" in verdict.headline
    assert "holds" not in verdict.headline + verdict.summary

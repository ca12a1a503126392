"""Stacks of debuggers as people type and paste them: gdb by hand, lldb, macOS' sample, llnode; Erlang's shell, and tables of pools."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Status
from tests.builders import diagnosis_of

GDB = """It hangs.

(gdb) t 2
[Switching to thread 2 (Thread 0x7f1c0a7fc700 (LWP 12346))]
#0  __lll_lock_wait () at ../sysdeps/unix/sysv/linux/x86_64/lowlevellock.S:135
(gdb) bt
#0  __lll_lock_wait () at ../sysdeps/unix/sysv/linux/x86_64/lowlevellock.S:135
#1  0x00007f1c0bd9bdcb in __GI___pthread_mutex_lock (mutex=0x6020c0 <seat_lock>) at ../nptl/pthread_mutex_lock.c:80
#2  0x0000000000400b21 in seat_take (t=0x602010) at seat.c:55
{printed}
(gdb) t 3
[Switching to thread 3 (Thread 0x7f1c09ffb700 (LWP 12347))]
#0  0x00007f1c0bd9f1ad in recvmsg () at ../sysdeps/unix/syscall-template.S:81
(gdb) bt
#0  0x00007f1c0bd9f1ad in recvmsg () at ../sysdeps/unix/syscall-template.S:81
#1  0x0000000000400d20 in fetch_row (fd=7) at remote.c:90
#2  0x0000000000400d99 in seat_reload (t=0x602010) at seat.c:102
"""


def diagnosed(text: str) -> Diagnosis:
    return diagnosis_of({"report.md": text})


@pytest.mark.parametrize(
    "printed",
    [
        '(gdb) p seat_lock\n$1 = {__data = {__lock = 2, __count = 0, __owner = 12347, __nusers = 1, __kind = 0}, __size = "x", __align = 2}',
        "(gdb) p *mutex\n$1 = {\n  __data = {\n    __lock = 2,\n    __count = 0,\n    __owner = 12347,\n    __nusers = 1\n  }\n}",
        "(gdb) p mutex->__data.__owner\n$1 = 12347",
        "(gdb) p *(pthread_mutex_t*)0x6020c0\n$1 = {__data = {__lock = 2, __owner = 12347}}",
    ],
)
def test_the_owner_that_a_debugger_printed_joins_waiter_and_holder(printed: str) -> None:
    verdict = diagnosed(GDB.format(printed=printed)).verdict
    assert (verdict.rule, verdict.confidence) == ("lock-convoy", Confidence.SUSPECTED)
    assert "“thread 12346” (1 pasted) wait for one lock (seat_lock), and “thread 12347” holds it" in verdict.headline


@pytest.mark.parametrize("printed", ["(gdb) p *other\n$1 = {__data = {__lock = 0, __owner = 0}}", "(gdb) info frame"])
def test_without_an_owner_nobody_holds_it(printed: str) -> None:
    verdict = diagnosed(GDB.format(printed=printed)).verdict
    assert verdict.status is Status.INSUFFICIENT
    assert "“thread 12347” holds" not in f"{verdict.headline} {verdict.summary}"


def test_a_thread_that_is_shown_twice_is_one() -> None:
    diagnosis = diagnosed(GDB.format(printed=""))
    assert sum(pool.size for pool in diagnosis.pools) == 2


BSD = """Thread 2 (LWP 101235 of process 877 "worker"):
#0  0x0000000800a5c3ac in ?? () from /lib/libthr.so.3
#1  0x0000000800a5a1f0 in pthread_mutex_lock () from /lib/libthr.so.3
#2  0x0000000000203a11 in seat_take (key=0x8) at seat.c:44

Thread 1 (LWP 101234 of process 877):
#0  0x0000000800a5c3ac in _umtx_op () from /lib/libc.so.7
#1  0x0000000000203c11 in seat_wait (s=0x8) at seat.c:12
"""


def test_threads_of_freebsd() -> None:
    verdict = diagnosed(BSD).verdict
    text = f"{verdict.headline} {verdict.summary}"
    assert "“worker” waits, without a timeout, for a lock in libc.pthread_mutex_lock, called from seat_take(seat.c:44)" in text


LLDB = """Stuck again:

(lldb) bt all
* thread #1, name = 'mill', queue = 'com.apple.main-thread', stop reason = signal SIGSTOP
  * frame #0: 0x00007ff81a5fa0ee libsystem_kernel.dylib`__psynch_mutexwait + 10
    frame #1: 0x00007ff81a632cbb libsystem_pthread.dylib`_pthread_mutex_firstfit_lock_slow + 205
    frame #2: 0x0000000100003c11 mill`Cache::get(this=0x0000600000c04000) at cache.cpp:41:5
  thread #2
    frame #0: 0x00007ff81a5f8c3a libsystem_kernel.dylib`__recvfrom + 10
    frame #1: 0x0000000100003e20 mill`Upstream::read(this=0x0000600000c05000) at upstream.cpp:88:9
    frame #2: 0x0000000100003f00 mill`{cls}::refill(this=0x0000600000c04000) at cache.cpp:77:3
"""


def test_threads_of_lldb_and_who_works_in_guarded_code() -> None:
    verdict = diagnosed(LLDB.format(cls="Cache")).verdict
    assert (verdict.rule, verdict.confidence) == ("lock-convoy", Confidence.SUSPECTED)
    assert "“thread #2” seems to hold it" in verdict.headline
    assert diagnosed(LLDB.format(cls="Ledger")).verdict.status is Status.INSUFFICIENT


SAMPLE = """Analysis of sampling mill (pid 877) every 1 millisecond
Process:         mill [877]

Call graph:
    2703 Thread_1201   DispatchQueue_1: com.apple.main-thread  (serial)
    + 2703 main  (in mill) + 120  [0x100003d10]  main.cpp:12
    +   2703 Cache::get(Key const&)  (in mill) + 60  [0x100003c11]  cache.cpp:41
    +     2600 __psynch_mutexwait  (in libsystem_kernel.dylib) + 10  [0x7ff81a5fa0ee]
    +     103 Cache::hash(Key const&)  (in mill) + 10  [0x100003aaa]  cache.cpp:9
    2703 Thread_1202
      2703 _pthread_start  (in libsystem_pthread.dylib) + 125  [0x7ff81a6311d3]
        2703 Cache::refill()  (in mill) + 90  [0x100003f00]  cache.cpp:77
          2703 __recvfrom  (in libsystem_kernel.dylib) + 10  [0x7ff81a5f8c3a]

Total number in stack (recursive counted multiple, when >=5):
"""


def test_the_heaviest_path_of_a_sample_is_the_stack() -> None:
    verdict = diagnosed(SAMPLE).verdict
    text = f"{verdict.headline} {verdict.summary}"
    assert "waits, without a timeout, for a lock in libc.pthread_mutex_lock, called from Cache.get(cache.cpp:41)" in text
    assert "“Thread_1202” waits for bytes of a socket in libc.recvfrom, called from Cache.refill(cache.cpp:77)" in text


LLNODE = """(llnode) v8 bt
 * thread #1: tid = 22140, 0x00007f1b libc.so.6`__GI___poll + 87, name = 'node', stop reason = signal SIGABRT
  * frame #0: 0x00007f1b3a7e1ad7 libc.so.6`__GI___poll + 87
    frame #2: 0x00001f2d5a1063c0 <builtin>
    frame #3: 0x00001f2d5a1123f0 {call}(this=0x000011aa:<Object: Object>) at {file}.js:590:19 fn=0x00002b11
    frame #4: 0x00001f2d5a1124f0 renderPdf(this=0x000011aa:<undefined>, 0x0000:<String: "x">) at /srv/moor/pdf.js:44:10 fn=0x00002b12
"""


def test_a_loop_of_node_that_waits_for_a_child_process() -> None:
    verdict = diagnosed(LLNODE.format(call="spawnSync", file="child_process")).verdict
    assert (verdict.rule, verdict.confidence) == ("event-loop-blocked", Confidence.SUSPECTED)
    assert "pdf.renderPdf(pdf.js:44)" in verdict.summary
    assert diagnosed(LLNODE.format(call="processTicks", file="internal/process/task_queues")).verdict.rule is None


def test_a_process_of_erlang_and_its_queue() -> None:
    stack = (
        '1> erlang:process_info(<0.412.0>, current_stacktrace).\n{current_stacktrace,[{gen,do_call,4,[{file,"gen.erl"},{line,237}]},\n'
        '                     {moor_cart,price,2,[{file,"src/moor_cart.erl"},{line,51}]}]}\n'
    )
    queue = "2> erlang:process_info(<0.412.0>, message_queue_len).\n{{message_queue_len,{length}}}\n"
    verdict = diagnosed(stack + queue.format(length=18233)).verdict
    assert (verdict.rule, verdict.confidence) == ("pool-stuck", Confidence.SUSPECTED)
    assert "18233" in verdict.headline
    assert "moor_cart.price/2(moor_cart.erl:51)" in verdict.summary
    assert not diagnosed(queue.format(length=3)).findings


STAGES = (
    "Pool Name                         Active   Pending      Completed   Blocked  All time blocked\n"
    "ReadStage                             32      {pending}       91823123         0                 0\n"
    "CompactionExecutor                     2        31          81233         0              {ever}\n\n"
    "Message type           Dropped\nREAD                      3112\n"
)


def test_a_stage_whose_tasks_wait() -> None:
    verdict = diagnosed(STAGES.format(pending=4112, ever=0)).verdict
    assert (verdict.rule, verdict.confidence) == ("pool-stuck", Confidence.SUSPECTED)
    assert "Cassandra ReadStage" in verdict.headline
    quiet = diagnosed(STAGES.format(pending=3, ever=90211))
    assert not quiet.findings, "what was counted since the start says nothing of now"
    assert "None of the files" not in quiet.verdict.headline


def test_a_function_without_arguments_has_its_place_in_lldb() -> None:
    text = "idle?\n\n(lldb) bt all\n  thread #2\n    frame #0: 0x00007ff81a5f8c3a libsystem_kernel.dylib`__psynch_cvwait + 10\n    frame #1: 0x0000000100003e20 mill`worker_wait at pool.c:88:9\n"
    assert "called from worker_wait(pool.c:88)" in diagnosed(text).verdict.headline


MEMBERS = """It hangs with these two.

(gdb) info threads
  Id   Target Id                                    Frame
  3    Thread 0x7f1c09ffb700 (LWP 8803) "flusher"   0x00007f1c0bd9f4ed in __lll_lock_wait () from /lib64/libpthread.so.0
  2    Thread 0x7f1c0a7fc700 (LWP 8802) "reader"    0x00007f1c0bd9f4ed in __lll_lock_wait () from /lib64/libpthread.so.0
(gdb) thread apply 2 3 bt

Thread 2 (Thread 0x7f1c0a7fc700 (LWP 8802)):
#0  0x00007f1c0bd9f4ed in __lll_lock_wait () from /lib64/libpthread.so.0
#1  0x00007f1c0bd9adcb in _L_lock_883 () from /lib64/libpthread.so.0
#2  0x00007f1c0bd9ac98 in pthread_mutex_lock () from /lib64/libpthread.so.0
#3  0x0000000000401b2a in Journal::append (this=0x1c3e010, rec=...) at journal.cc:90
#4  0x0000000000402c10 in Cache::evict (this=0x1c3f200) at cache.cc:41

Thread 3 (Thread 0x7f1c09ffb700 (LWP 8803)):
#0  0x00007f1c0bd9f4ed in __lll_lock_wait () from /lib64/libpthread.so.0
#1  0x00007f1c0bd9adcb in _L_lock_883 () from /lib64/libpthread.so.0
#2  0x00007f1c0bd9ac98 in pthread_mutex_lock () from /lib64/libpthread.so.0
#3  0x0000000000402d44 in Cache::drop (this=0x1c3f200, key=...) at cache.cc:77
#4  0x0000000000401d02 in Journal::flush (this=0x1c3e010) at journal.cc:131

(gdb) p ((Journal*)0x1c3e010)->lock_
$1 = {__data = {__lock = 2, __count = 0, __owner = 8803, __nusers = 1, __kind = 0}}
"""
OF_CACHE = (
    "(gdb) p ((Cache*)0x1c3f200)->{member}\n$2 = {{__data = {{__lock = 2, __count = 0, __owner = 8802, __nusers = 1, __kind = 0}}}}\n"
)


def test_the_printed_lock_of_an_object_is_the_one_that_its_methods_wait_for() -> None:
    verdict = diagnosed(MEMBERS + OF_CACHE.format(member="lock_")).verdict
    assert (verdict.rule, verdict.confidence) == ("java-deadlock", Confidence.LIKELY)
    assert verdict.headline == "2 threads are deadlocked: “flusher” and “reader” wait for each other's locks."


def test_of_two_locks_of_an_object_nobody_knows_which_one_a_method_waits_for() -> None:
    verdict = diagnosed(MEMBERS + OF_CACHE.format(member="lock_") + OF_CACHE.format(member="stats_lock_")).verdict
    assert verdict.rule != "java-deadlock"


def test_the_lock_of_another_object_is_nobodys_here() -> None:
    verdict = diagnosed(MEMBERS + OF_CACHE.format(member="lock_").replace("0x1c3f200", "0x1c3f900")).verdict
    assert verdict.rule != "java-deadlock"


INLINED = """#0  __futex_abstimed_wait_common64 (private=<optimized out>, cancel=true, futex_word=0x55d0c0ffee10) at ./nptl/futex-internal.c:57
#1  __futex_abstimed_wait_common (futex_word=futex_word@entry=0x55d0c0ffee10, cancel=cancel@entry=true) at ./nptl/futex-internal.c:87
#2  0x00007f20506aecff in do_futex_wait (sem=sem@entry=0x55d0c0ffee10, abstime=0x0, clockid=0) at ./nptl/sem_waitcommon.c:111
#3  0x00005587bdaa9370 in Ledger_take (lock=0x55d0c0ffee10) at src/ledger.c:483
"""
PHP = "#0  stamp() called at [/srv/till/stamp.php:10]\n#1  print() called at [/srv/till/print.php:21]\n"
NOTES = "#0  first (of two)\n#1  second (of two)\n"


def test_one_stack_whose_two_innermost_functions_were_inlined_is_read() -> None:
    (item,) = diagnosis_of({"bt.txt": INLINED}).inputs
    assert (item.format, item.records) == ("native_stacks", 1)


@pytest.mark.parametrize("text", [PHP, NOTES])
def test_numbered_lines_without_a_place_in_a_source_are_no_stack_of_a_debugger(text: str) -> None:
    assert all(item.format != "native_stacks" for item in diagnosis_of({"bt.txt": text}).inputs)

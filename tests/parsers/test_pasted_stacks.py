"""Stacks that debuggers, profilers and the kernel print without names of threads: Python's inner and outer orders, counted ones, those of /proc."""

from __future__ import annotations

from parsers import outputs
from parsers.records import TaskSyscall, ThreadDump
from parsers.text.source import Source
from tests.builders import diagnosis_of

PY_BT = """(gdb) py-bt
Traceback (most recent call first):
  File "/usr/lib64/python2.7/ssl.py", line 641, in read
    v = self._sslobj.read(len)
  File "/usr/lib64/python2.7/httplib.py", line 365, in _read_status
    line = self.fp.readline(_MAXLINE + 1)
  File "/opt/quay/rates.py", line 41, in fetch
    r = conn.getresponse()
"""
FRAMES = """# Thread: tide-3(140208173135616)
File: "/opt/quay/main.py", line 12, in <module>
  main()
File: "/opt/quay/worker.py", line 55, in run
  self.lock.acquire()

# ThreadID: 140208181528320
File: "/usr/lib/python2.7/threading.py", line 783, in __bootstrap
  self.__bootstrap_inner()
File: "/opt/quay/rates.py", line 41, in fetch
  r = urllib2.urlopen(url)
"""
MERGED = """    21 pthread_cond_wait,os_event::wait_low(os0event.cc:335),lock_wait_suspend_thread(lock0wait.cc:339)
     2 poll(libc.so.6),vio_io_wait(viosocket.c:797),net_read_raw_loop(net_serv.cc:669)
"""
KERNEL = """# cat /proc/4410/stack
[<ffffffff8113a1b4>] wait_on_page_bit+0x84/0xb0
[<ffffffffa0451d2e>] nfs_wait_on_request+0x2e/0x40 [nfs]
[<ffffffff8119bcb2>] vfs_write+0xb2/0x1e0
[<ffffffffffffffff>] 0xffffffffffffffff
"""


def records(text: str) -> list[object]:
    found = outputs(Source("x.txt", text.encode()))
    assert not any(one.parsed.unread for one in found)
    return [record for one in found for record in one.parsed.records]


def test_the_innermost_call_comes_first_whatever_the_order_was() -> None:
    (of_gdb,) = records(PY_BT.partition("\n")[2])
    (of_program,) = records(FRAMES)
    assert isinstance(of_gdb, ThreadDump)
    assert isinstance(of_program, ThreadDump)
    assert [frame.method for frame in of_gdb.threads[0].frames] == ["read", "_read_status", "fetch"]
    assert [(one.name, one.frames[0].method) for one in of_program.threads] == [("tide-3", "run"), ("140208181528320", "fetch")]
    assert of_program.threads[0].frame_lines == (4, 2)


def test_the_traceback_of_an_exception_is_none() -> None:
    thrown = PY_BT.replace("first", "last") + "ssl.SSLError: timed out\n"
    assert not any(isinstance(one, ThreadDump) for found in outputs(Source("x.txt", thrown.encode())) for one in found.parsed.records)


def test_a_call_over_http_in_gdbs_stack_of_python() -> None:
    headline = diagnosis_of({"r.md": f"It hangs:\n\n```\n{PY_BT}```\n"}).verdict.headline
    assert "wait for an answer through Python HTTP client in ssl.read, called from rates.fetch(rates.py:41)" in headline


def test_counted_stacks_are_as_many_threads() -> None:
    (dump,) = records(MERGED)
    assert isinstance(dump, ThreadDump)
    assert len(dump.threads) == 23
    assert dump.threads[0].frames[0].full == "libc.pthread_cond_wait"
    assert str(dump.threads[0].frames[1]) == "os_event.wait_low(os0event.cc:335)"


def test_counted_stacks_are_a_piece_and_a_count_beyond_reason_is_left_unread() -> None:
    """Rows of few threads stand last, and are left out first."""
    (dump,) = records(MERGED)
    assert isinstance(dump, ThreadDump)
    assert dump.fragment
    (found,) = outputs(Source("x.txt", MERGED.replace(" 2 poll", "9000000 poll").encode()))
    assert [(gap.where.first, gap.why) for gap in found.parsed.unread] == [(2, "more than 20,000 threads")]


def test_a_table_of_counts_is_no_stack() -> None:
    assert not any(found.parsed.records for found in outputs(Source("x.txt", b"    21 apples,pears(green)\n     2 plums,cherries(red)\n")))


def test_where_in_the_kernel_a_process_sleeps() -> None:
    (task,) = records(KERNEL)
    assert isinstance(task, TaskSyscall)
    assert (task.pid, task.native_id, task.wait_channel, task.state) == (4410, 4410, "wait_on_page_bit", "D")
    assert "uninterruptible sleep, in the kernel's wait_on_page_bit" in diagnosis_of({"r.md": KERNEL}).verdict.headline
    futex = KERNEL.replace("wait_on_page_bit", "futex_wait_queue_me").replace("nfs_wait_on_request", "futex_wait").replace(" [nfs]", "")
    (other,) = records(futex)
    assert isinstance(other, TaskSyscall)
    assert other.state is None

"""Stacks of runtimes other than the JVM: goroutines, native threads, Python, Ruby, PHP-FPM, Node.js."""

from __future__ import annotations

import json

from parsers import outputs
from parsers.records import LockVerb, LoopHandle, Record, Runtime, TaskSyscall, ThreadDump
from parsers.text.source import Source

GO = """\
goroutine 18 [sync.Mutex.Lock, 3 minutes]:
internal/sync.(*Mutex).lockSlow(0xc0000a1230)
	/usr/lib/go/src/internal/sync/mutex.go:149 +0x15a
example.com/till/ledger.(*Book[...]).Post(0xc00001, {0x1, 0x2}, 0x0?)
	/build/ledger/book.go:77 +0x72
net/http.(*conn).serve(0xc000120000, {0x7f, 0x8})
	/usr/lib/go/src/net/http/server.go:2157 +0x6dc
created by net/http.(*Server).Serve in goroutine 1
	/usr/lib/go/src/net/http/server.go:3604 +0x4fd

goroutine 19 gp=0xc0001 m=nil [IO wait] {route: /post}:
internal/poll.runtime_pollWait(0x7ff, 0x72)
	/usr/lib/go/src/runtime/netpoll.go:351 +0x85 fp=0xc1 sp=0xc2 pc=0x48
main.main()
	/build/main.go:9 +0x1
runtime.main()
	/usr/lib/go/src/runtime/proc.go:283 +0x2
...additional frames elided...
"""


def records_of(text: str) -> list[Record]:
    found = outputs(Source("stacks.txt", text.encode()))
    for output in found:
        assert output.parsed.read + sum(gap.lines for gap in output.parsed.unread) == output.section.nonblank
    return [record for output in found for record in output.parsed.records]


def dumps_of(text: str) -> list[ThreadDump]:
    return [record for record in records_of(text) if isinstance(record, ThreadDump)]


def test_goroutines_have_ids_states_locks_and_where_they_began() -> None:
    (dump,) = dumps_of(GO)
    assert dump.runtime is Runtime.GO
    first, second = dump.threads
    assert (first.java_id, first.native_state, first.group) == (18, "sync.Mutex.Lock", "net/http.(*conn).serve")
    assert [(lock.verb, lock.address) for lock in first.locks] == [(LockVerb.WAITING_TO_LOCK, "0xc0000a1230")]
    assert str(first.frames[1]) == "example.com/till/ledger.(*Book).Post(book.go:77)"
    assert second.group == "main.main", "runtime.main stands below every program's main"


def test_goroutines_in_a_log_that_lost_its_tabs_are_the_same() -> None:
    (plain,) = dumps_of(GO)
    (flush,) = dumps_of("2026/03/01 10:00:00 listening\nSIGQUIT: quit\nPC=0x1 m=0\n\n" + GO.replace("\t", ""))
    assert [thread.frames for thread in flush.threads] == [thread.frames for thread in plain.threads]


def test_goroutines_on_one_stack_are_read_as_one_by_one() -> None:
    # A stack that was read before is taken whole; what is odd about one goroutine must not be lost, nor be given to the others.
    ended = GO.partition("\n\n")[0]
    again = ended.replace("goroutine 18 ", "goroutine 21 ").replace("0xc0000a1230", "0xc0000a1777")
    unsure = ended.replace("goroutine 18 ", "goroutine 22 ").replace("0xc0000a1230", "0xc0000a1230?")
    starter = ended.replace("goroutine 18 ", "goroutine 23 ").replace("in goroutine 1\n", "in goroutine 18\n")
    elided = ended.replace("goroutine 18 ", "goroutine 24 ") + "\n...additional frames elided..."
    damaged = ended.replace("goroutine 18 ", "goroutine 25 ").replace("\t/build/ledger/book.go:77 +0x72\n", "")
    blocks = (ended, again, unsure, starter, elided, damaged, again.replace("21 [", "26 ["))
    (together,) = dumps_of("\n\n".join(blocks) + "\n")
    alone = [dumps_of(block + "\n")[0].threads[0] for block in blocks]
    shown = [
        [(one.name, one.native_state, one.group, one.frames, [lock.address for lock in one.locks]) for one in threads]
        for threads in (together.threads, alone)
    ]
    assert shown[0] == shown[1]
    text = "\n\n".join(blocks).split("\n")
    for one in together.threads:
        assert text[one.where.first - 1].startswith(f"goroutine {one.java_id} ")
        assert all(frame.method in text[line - 1] for frame, line in zip(one.frames, one.frame_lines, strict=True))


def test_a_lock_address_that_may_be_wrong_is_no_address() -> None:
    (dump,) = dumps_of(GO.replace("lockSlow(0xc0000a1230)", "lockSlow(0xc0000a1230?)"))
    assert dump.threads[0].locks == ()


def test_a_profile_counts_its_goroutines() -> None:
    (dump,) = dumps_of(
        "goroutine profile: total 3\n2 @ 0x43 0x44\n#\t0x43\tmain.poll+0x4\t/build/a b/poll.go:3\n\n1 @ 0x45 0x46\n#\t0x45\tmain.run+0x4\t/build/run.go:4\n"
    )
    assert dump.complete is True
    assert [thread.group for thread in dump.threads] == ["main.poll", "main.poll", "main.run"]


def test_gdb_tells_the_descriptor_and_the_process() -> None:
    text = """\
[New LWP 502]
Thread 2 (Thread 0x7f12 (LWP 502) "tellerd:1"):
#0  0x00007f12 in __GI___libc_read (fd=31, buf=0x7f, nbytes=10) at ../sysdeps/unix/sysv/linux/read.c:26
#1  0x000055f0 in bank::Wire<void (*)(int)>::take (this=0x1, fd=31) at wire.cpp:44
#2  0x00007f13 in ?? () from /lib/x86_64-linux-gnu/libstdc++.so.6
#3  0x00007f14 in start_thread (arg=0x0) at ./nptl/pthread_create.c:442

Thread 1 (Thread 0x7f11 (LWP 500) "tellerd"):
#0  futex_wait (private=0, expected=2, futex_word=0x55) at ../sysdeps/nptl/futex-internal.h:146
#1  0x00007f15 in accounts_lock (mutex=0x55) at accounts.c:9
[Inferior 1 (process 500) detached]
"""
    dump, *calls = records_of(text)
    assert isinstance(dump, ThreadDump)
    assert (dump.pid, dump.runtime) == (500, Runtime.NATIVE)
    assert [frame.full for frame in dump.threads[0].frames] == ["libc.read", "bank::Wire.take", "??.??", "libc.start_thread"]
    assert dump.threads[1].frames[0].full == "libc.futex_wait"
    assert [(one.native_id, one.call, one.descriptor) for one in calls if isinstance(one, TaskSyscall)] == [
        (502, "read", 31),
        (500, "futex", None),
    ]


def test_two_processes_of_gdb_in_one_file_are_two() -> None:
    text = "".join(
        f'Thread 1 (Thread 0x7f (LWP {pid}) "d"):\n#0  0x00007f12 in recv () from /lib64/libc.so.6\n[Inferior 1 (process {pid}) detached]\n'
        for pid in (7, 8)
    )
    assert [dump.pid for dump in dumps_of(text)] == [7, 8]


def test_eu_stack() -> None:
    (dump,) = dumps_of(
        "PID 70 - process\nTID 70:\n#0  0x00007fa61072872f accept\n#1  0x000055f0d273fda9 main\nTID 72:\n#0  0x00007fa610728974 __recv\n#1  0x000055f0d273f3c7 ask(int, char*)\n"
    )
    assert dump.pid == 70
    assert [[frame.full for frame in thread.frames] for thread in dump.threads] == [["libc.accept", "main"], ["libc.recv", "ask"]]


SPY = """\
Process 31: /opt/venv/bin/python /opt/venv/bin/gunicorn till:app
Python v3.12.1 (/usr/bin/python3.12)

Thread 31 (idle): "MainThread"
    SocketIO.readinto (socket.py:708)
        Arguments:
            self: <SocketIO at 0x7f>
    post (till/views.py:12)
Thread 33 (active+gil): "Thread-2 (work)"
    work (till/__init__.py:3)
"""


def test_py_spy_and_its_json_are_the_same_threads() -> None:
    (dump,) = dumps_of(SPY)
    frames = [{"name": "SocketIO.readinto", "filename": "/usr/lib/python3.12/socket.py", "short_filename": "socket.py", "line": 708}]
    frames.append({"name": "post", "filename": "/srv/till/views.py", "short_filename": "till/views.py", "line": 12})
    thread = {
        "pid": 31,
        "thread_id": 1,
        "thread_name": "MainThread",
        "os_thread_id": 31,
        "active": False,
        "owns_gil": False,
        "frames": frames,
    }
    (other,) = dumps_of(json.dumps([thread], indent=2))
    assert (dump.pid, dump.runtime, other.pid) == (31, Runtime.PYTHON, 31)
    assert dump.threads[0].frames == other.threads[0].frames
    assert [frame.full for frame in dump.threads[0].frames] == ["socket.SocketIO.readinto", "till.views.post"]
    assert dump.threads[1].frames[0].full == "till.work"
    assert [one.native_state for one in dump.threads] == ["idle", "active+gil"]


def test_faulthandler_of_one_process_twice_is_two_dumps() -> None:
    text = 'Thread 0x00007f6bb9dfa6c0 (most recent call first):\n  File "/usr/lib/python3.12/http/client.py", line 9 in _read_status\n  File "/srv/till.py", line 3 in post\n\n'
    first, second = dumps_of(text + text)
    assert [frame.full for frame in first.threads[0].frames] == ["http.client._read_status", "till.post"]
    assert first.pid is second.pid is None


def test_ruby_names_blocks_after_their_method_in_both_spellings() -> None:
    old = [
        {
            "name": "Thread: TID-a puma srv tp 001",
            "backtrace": ["/srv/till.rb:4:in `block (2 levels) in post'", "/var/gems/puma-6.0.0/lib/puma/server.rb:44:in `process_client'"],
        }
    ]
    new = [
        {
            "name": "Thread: TID-a puma srv tp 001",
            "backtrace": [
                "/srv/till.rb:4:in 'block in Till#post'",
                "/var/gems/puma-6.0.0/lib/puma/server.rb:44:in 'Puma::Server#process_client'",
            ],
        }
    ]
    for form in (old, new):
        (dump,) = dumps_of(json.dumps(form))
        assert dump.runtime is Runtime.RUBY
        assert [frame.full for frame in dump.threads[0].frames] == ["till.post", "gems/puma/server.process_client"]
        assert dump.threads[0].name == "puma srv tp 001"


def test_of_a_slow_log_the_last_entry_of_a_child_counts() -> None:
    entry = "\n[02-Mar-2026 10:00:0{n}]  [pool till] pid {pid}\nscript_filename = /srv/till.php\n[0x00007f] {call}() /srv/till.php:{n}\n[0x00007e] Till->post() /srv/till.php:20\n"
    dumps = dumps_of(
        entry.format(n=1, pid=5, call="sleep") + entry.format(n=2, pid=6, call="fgets") + entry.format(n=3, pid=5, call="curl_exec")
    )
    assert [(dump.pid, dump.threads[0].frames[0].full) for dump in dumps] == [(6, "fgets"), (5, "curl_exec")]
    assert dumps[0].threads[0].frames[1].full == "Till.post"


def test_a_slow_logs_places_are_where_functions_were_called() -> None:
    """Each function stands in the place that is printed behind the one above it; below the outermost is the script."""
    entry = "[02-Mar-2026 10:00:01]  [pool till] pid 5\nscript_filename = /srv/till.php\n[0x1] curl_exec() /srv/lib/Stock.php:61\n[0x2] Stock->ask() {last}:20\n"
    for last, name in (("/srv/till.php", "{main}"), ("/srv/lib/Cart.php", "Cart")):
        (dump,) = dumps_of(entry.format(last=last))
        places = [(frame.full, frame.source) for frame in dump.threads[0].frames]
        assert places == [("curl_exec", ""), ("Stock.ask", "Stock.php:61"), (name, f"{last.rpartition('/')[2]}:20")]


def test_a_nodes_report_lists_what_its_loop_does_not_read() -> None:
    end = {"host": "localhost", "ip4": "127.0.0.1", "port": 9}
    handles = [
        {"type": "tcp", "is_active": active, "fd": 20, "localEndpoint": {**end, "port": 5}, "remoteEndpoint": end}
        for active in (True, False)
    ]
    report = {
        "header": {"reportVersion": 3, "processId": 44},
        "javascriptStack": {"stack": ["at post (/srv/till.js:3:9)"]},
        "libuv": [*handles, {"type": "loop"}],
    }
    dump, *loop = records_of(json.dumps({**report, "environmentVariables": {"TOKEN": "secret"}}, indent=1))
    assert isinstance(dump, ThreadDump)
    assert (dump.pid, str(dump.threads[0].frames[0])) == (44, "till.post(till.js:3)")
    assert [(one.descriptor, str(one.remote), one.reading) for one in loop if isinstance(one, LoopHandle)] == [
        (20, "127.0.0.1:9", True),
        (20, "127.0.0.1:9", False),
    ]
    assert "secret" not in str(dump)


DOTNET = """\
> clrstack -all
OS Thread Id: 0x1dc88 (20)
        Child SP               IP Call Site
00007F8B5BFFE4A0 00007f8c3a4f0a8b [HelperMethodFrame_1OBJ: 00007f8b5bffe4a0] System.Threading.Monitor.ReliableEnter(System.Object, Boolean ByRef)
00007F8B5BFFE5F0 00007F8BD0B6B3A7 Till.Book.Post(System.String) [C:\\src\\Book.cs @ 51]
00007F8B5BFFE620 00007F8BD0B6B3B1 Till.Pages+<Pay>d__7.MoveNext()
00007F8B5BFFE640 00007F8BD0B6B3C0 System.Threading.PortableThreadPool+WorkerThread.WorkerThreadStart()
OS Thread Id: 0x1dc90 (21)
Unable to walk the managed stack. The current thread is likely not a managed thread.
> syncblk
Index         SyncBlock MonitorHeld Recursion Owning Thread Info          SyncBlock Owner
   12 00007F8B4C00A0B8            9         1 00007F8B6000A2B0 1dc90  21   00007f8b4d0113c8 Till.Ledger
-----------------------------
Total           12
"""


def test_dotnet_threads_have_methods_of_their_state_machines_and_owners_of_monitors() -> None:
    (dump,) = dumps_of(DOTNET)
    first, second = dump.threads
    assert dump.runtime is Runtime.DOTNET
    assert [str(frame) for frame in first.frames[1:3]] == ["Till.Book.Post(Book.cs:51)", "Till.Pages.Pay"]
    assert (first.group, second.group, first.native_id) == (".NET thread pool", None, 0x1DC88)
    assert [(lock.verb, lock.address, lock.cls) for lock in second.locks] == [(LockVerb.LOCKED, "00007f8b4d0113c8", "Till.Ledger")]


def test_dotnet_type_arguments_are_no_part_of_a_frame() -> None:
    text = "Thread (0x1a2b):\n  [Native Frames]\n  Till.dll!Till.Cache`2[System.__Canon,System.Int32].Get(!0)\n  Till.dll!Till.Pages+<>c.<Pay>b__7_0(class System.Object)\n"
    (dump,) = dumps_of(text)
    assert [frame.full for frame in dump.threads[0].frames] == ["Till.Cache.Get", "Till.Pages.Pay"]


TIMEOUTS = """\
[2026-11-28 15:08:44 +0000] [4105] [INFO] Listening at: http://0.0.0.0:8000 (4105)
[2026-11-28 15:08:45 +0000] [4105] [CRITICAL] WORKER TIMEOUT (pid:4117)
[2026-11-28 15:08:45 +0000] [4117] [ERROR] Error handling request /price?id=0
Traceback (most recent call last):
  File "/srv/lib/gunicorn/workers/sync.py", line 178, in handle_request
    respiter = self.wsgi(environ, resp.start_response)
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/srv/till/book.py", line 26, in post
    return client.get(URL)
  File "/usr/lib/python3.11/socket.py", line 706, in readinto
    return self._sock.recv_into(b)
  File "/srv/lib/gunicorn/workers/base.py", line 204, in handle_abort
    sys.exit(1)
SystemExit: 1
[2026-11-28 15:08:45 +0000] [4118] [ERROR] Error handling request /other
Traceback (most recent call last):
  File "/srv/till/book.py", line 90, in other
    raise ValueError(1)
ValueError: 1
"""


def test_a_worker_that_was_ended_shows_where_it_was_blocked() -> None:
    found = outputs(Source("error.log", TIMEOUTS.encode()))
    dumps = [record for output in found for record in output.parsed.records if isinstance(record, ThreadDump)]
    ((worker,),) = [dump.threads for dump in dumps]
    assert [frame.method for frame in worker.frames] == ["readinto", "post", "handle_request"]
    assert (dumps[0].pid, dumps[0].runtime, worker.group) == (4117, Runtime.PYTHON, "gunicorn workers")
    assert sum(gap.lines for output in found for gap in output.parsed.unread) == 2, "the line before, and the end of another error"
    lines = TIMEOUTS.split("\n")
    assert all(f", in {frame.method}" in lines[at - 1] for frame, at in zip(worker.frames, worker.frame_lines, strict=True))

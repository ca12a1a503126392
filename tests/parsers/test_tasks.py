"""Tasks of asyncio in each of the shapes that Python prints, and stacks without a header."""

from __future__ import annotations

from parsers import outputs
from parsers.records import Runtime, ThreadDump, Unread
from parsers.text.source import Source

TREE = """\
$ python3 -m asyncio pstree 90412
└── (T) Task-1
    └──  main depot.py:40
        └──  TaskGroup.__aexit__ Lib/asyncio/taskgroups.py:72
            ├── (T) load-1
            │   └──  load depot.py:18
            │       └──  Queue.get Lib/asyncio/queues.py:186
            └── (T) load 2
                └──  load depot.py:18
                    └──  Client._request site-packages/parcels/client.py:60
"""
GRAPH = """\
* Task(name='load-1', id=0x10a4f0fe0)
  + Call stack:
  |   File '/srv/depot.py', line 18, in async load()
  + Awaited by:
     * Task(name='Task-1', id=0x10a45e060)
        + Call stack:
        |   File '/usr/lib/python3.14/asyncio/taskgroups.py', line 107, in async TaskGroup.__aexit__()
        |   File '/srv/depot.py', line 40, in async main()
"""
TABLE = """\
tid        task id              task name            coroutine stack                                    awaiter chain                                      awaiter name    awaiter id
----------------------------------------------------------------------------------------------------------------------------------
81         0x7fc930c18050       Task-1               TaskGroup._aexit -> TaskGroup.__aexit__ -> main                                                                       0x0
81         0x7fc930c18230       load-1               sleep -> load                                      TaskGroup._aexit -> TaskGroup.__aexit__ -> main    Task-1          0x7fc930c18050
"""
SHOWN = """\
Stack for <Task pending name='load-1' coro=<load() running at /srv/depot.py:18> wait_for=<Future pending cb=[Task.task_wakeup()]>> (most recent call last):
  File "/srv/depot.py", line 18, in load
    await parcels.get(1)
{<Task pending name='load-2' coro=<Depot.load() running at /srv/depot.py:22> wait_for=<Future pending>>, <Task finished name='old' coro=<f() done, defined at a.py:3> result=None>}
"""


def dump_of(text: str, unread: int = 0) -> dict[str, list[str]]:
    found = outputs(Source("paste.txt", text.encode()))
    dumps = [record for output in found for record in output.parsed.records if isinstance(record, ThreadDump)]
    gaps: list[Unread] = [gap for output in found for gap in output.parsed.unread]
    assert sum(gap.lines for gap in gaps) == unread
    (dump,) = dumps
    assert dump.fragment
    return {thread.name: [frame.full for frame in thread.frames] for thread in dump.threads}


def test_a_tree_has_the_innermost_call_last_and_a_task_first() -> None:
    assert dump_of(TREE, unread=1) == {
        "load-1": ["asyncio.queues.Queue.get", "depot.load"],
        "load 2": ["parcels.client.Client._request", "depot.load"],
        "Task-1": ["asyncio.taskgroups.TaskGroup.__aexit__", "depot.main"],
    }


def test_a_call_graph_has_the_innermost_call_first() -> None:
    assert dump_of(GRAPH) == {"load-1": ["depot.load"], "Task-1": ["asyncio.taskgroups.TaskGroup.__aexit__", "depot.main"]}


def test_a_table_of_tasks() -> None:
    assert dump_of(TABLE) == {"Task-1": ["TaskGroup._aexit", "TaskGroup.__aexit__", "main"], "load-1": ["sleep", "load"]}


def test_stacks_and_names_of_tasks_without_those_that_are_done() -> None:
    assert dump_of(SHOWN) == {"load-1": ["depot.load"], "load-2": ["depot.Depot.load"]}


def test_tasks_are_of_python_and_no_threads_of_their_own() -> None:
    (dump,) = (
        record for output in outputs(Source("x", GRAPH.encode())) for record in output.parsed.records if isinstance(record, ThreadDump)
    )
    assert dump.runtime is Runtime.PYTHON
    assert all(thread.virtual and thread.native_id is None for thread in dump.threads)


STACK = """\
It hangs like this:

    at java.net.SocketInputStream.socketRead0(Native Method)
    at java.net.SocketInputStream.read(SocketInputStream.java:129)
    - locked <0x00000000c1d7e9f8> (a java.io.BufferedInputStream)
    at sun.net.www.http.HttpClient.parseHTTPHeader(HttpClient.java:687)
    at org.tide.Quote.calc(Quote.java:60)

What is it?
"""


def test_a_stack_without_a_header_is_a_thread_without_a_name() -> None:
    frames = dump_of(STACK, unread=2)[""]
    assert frames[0] == "java.net.SocketInputStream.socketRead0"
    assert frames[-1] == "org.tide.Quote.calc"


def test_the_stack_of_an_exception_is_no_thread() -> None:
    for above in ("java.net.SocketTimeoutException: Read timed out\n", "Caused by: it\n", "The error has this stack trace:\n"):
        text = above + STACK.partition("\n\n")[2]
        assert not [
            record for output in outputs(Source("x", text.encode())) for record in output.parsed.records if isinstance(record, ThreadDump)
        ]


def test_a_stack_whose_innermost_frame_is_not_native_proves_no_wait() -> None:
    text = STACK.replace("(Native Method)", "(SocketInputStream.java:9)")
    assert not [record for output in outputs(Source("x", text.encode())) for record in output.parsed.records]

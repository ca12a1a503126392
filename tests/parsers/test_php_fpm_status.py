"""PHP-FPM's status page: its children, and a pool that has none free."""

from __future__ import annotations

import json

from parsers import outputs
from parsers.records import JavaState, LogEvent, LogKind, ThreadDump
from parsers.text.source import Source
from parsers.threads import php_fpm_status

HEAD = """pool:                 shop
process manager:      ondemand
start time:           02/Mar/2026:10:00:00 +0100
start since:          4711
accepted conn:        90
listen queue:         {queue}
max listen queue:     9
listen queue len:     511
idle processes:       {idle}
active processes:     {active}
total processes:      {total}
max active processes: 4
max children reached: 1
slow requests:        7
"""
CHILD = """
************************
pid:                  {pid}
state:                {state}
start time:           02/Mar/2026:10:00:01 +0100
start since:          4710
requests:             12
request duration:     8100200
request method:       POST
request URI:          /order.php
content length:       18
user:                 -
script:               {script}
last request cpu:     0.00
last request memory:  2097152
"""


def page(*children: tuple[int, str, str], queue: int = 0) -> str:
    idle = sum(state == "Idle" for _, state, _ in children)
    head = HEAD.format(queue=queue, idle=idle, active=len(children) - idle, total=len(children))
    return head + "".join(CHILD.format(pid=pid, state=state, script=script) for pid, state, script in children)


def records(text: str) -> tuple[list[ThreadDump], list[LogEvent]]:
    found = [record for output in outputs(Source("status.txt", text.encode())) for record in output.parsed.records]
    return [one for one in found if isinstance(one, ThreadDump)], [one for one in found if isinstance(one, LogEvent)]


def test_a_child_is_a_process_with_one_thread() -> None:
    dumps, events = records(page((71, "Running", "/srv/order.php"), (72, "Idle", "/srv/cart.php")))
    assert [(dump.pid, dump.threads[0].group, str(dump.threads[0].frames[0].method)) for dump in dumps] == [
        (71, "shop", "order.php"),
        (72, "shop", "fcgi_accept_request"),
    ]
    assert [dump.threads[0].state for dump in dumps] == [None, JavaState.WAITING]
    assert not events


def test_a_pool_without_a_free_child_is_an_event() -> None:
    _, (event,) = records(page((71, "Running", "/srv/order.php"), queue=5))
    assert (event.kind, event.subject, event.figure("queue"), event.figure("active")) == (LogKind.WORKERS, "shop", 5, 1)


def test_nobody_waits_for_a_child() -> None:
    assert not records(page((71, "Running", "/srv/order.php")))[1]


def test_json_says_the_same() -> None:
    body = {
        "pool": "shop",
        "process manager": "static",
        "listen queue": 5,
        "idle processes": 0,
        "active processes": 1,
        "total processes": 1,
    }
    child = {"pid": 71, "state": "Running", "request duration": 81, "request uri": "/order.php", "script": "/srv/order.php"}
    (dump,), (event,) = records(json.dumps({**body, "processes": [child]}, separators=(",", ":")) + "\n")
    assert (dump.pid, dump.threads[0].name, event.subject) == (71, "shop 71", "shop")


def test_odd_lines_are_counted() -> None:
    text = page((71, "Running", "/srv/order.php")) + "what is this\n"
    (output,) = outputs(Source("status.txt", text.encode()))
    assert output.form is php_fpm_status
    lines = sum(bool(line.strip()) for line in text.splitlines())
    unread = sum(gap.lines for gap in output.parsed.unread)
    assert (output.parsed.read + unread, unread) == (lines, 1)


def test_a_number_that_is_no_pid_makes_no_child() -> None:
    assert records(page((71, "Running", "/srv/a.php")).replace("pid:                  71", "pid:                  x71"))[0] == []

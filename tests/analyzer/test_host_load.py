"""What a host and its processes do as a whole, where neither threads nor sockets tell anything."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Diagnosis, Status
from tests.builders import diagnosis_of

FREE = """               total        used        free      shared  buff/cache   available
Mem:            31Gi       2.8Gi       410Mi       1.0Mi        27Gi        {available}
Swap:          4.0Gi       {swapped}       4.0Gi
"""
TOP = """top - 03:11:09 up 3 days,  1:02,  1 user,  load average: 8.91, 8.80, 7.02
Tasks: 201 total,   1 running, 200 sleeping,   0 stopped,   0 zombie
%Cpu(s): 97.9 us,  1.0 sy,  0.0 ni,  1.1 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st
KiB Mem : 16303428 total,   409600 free,  1911300 used, 13982528 buff/cache

  PID USER      PR  NI    VIRT    RES    SHR S  %CPU %MEM     TIME+ COMMAND
 7011 depot     20   0    9.1g   3.3g  30112 S {percent} 21.0    612:37 java
  811 root      20   0  571180  16440   6104 S   0.3  0.1   3:11.70 tuned
"""
FAILS = """$ jstack 7011
7011: Unable to open socket file: target process not responding or HotSpot VM not loaded
The -F option can be used when the target process is not responding
$ jstack -F 7011
Attaching to process ID 7011, please wait...
Error attaching to process: sun.jvm.hotspot.debugger.DebuggerException: Can't attach to the process: ptrace(PTRACE_ATTACH, ..) failed for 7011: Operation not permitted
"""
IDLE_HEAP = """  S0     S1     E      O      M     CCS    YGC     YGCT    FGC    FGCT    CGC    CGCT     GCT
  0.00 100.00  41.20  {old}  96.11  92.40   1210   14.202     2    0.100    18    0.410   14.712
"""


def told(text: str) -> Diagnosis:
    diagnosis = diagnosis_of({"report.md": text})
    assert diagnosis.verdict.status is Status.INSUFFICIENT
    return diagnosis


def said(text: str) -> str:
    verdict = told(text).verdict
    return f"{verdict.headline} {verdict.summary}"


@pytest.mark.parametrize(
    ("available", "swapped", "says"),
    [("27Gi", "0B", "memory is not short: 27.0 of 31.0 GiB"), ("512Mi", "0B", "memory is short: 0.5 of 31.0 GiB"), ("27Gi", "3.9Gi", None), ("2Gi", "0B", None)],
)  # fmt: skip
def test_the_page_cache_is_no_shortage(available: str, swapped: str, says: str | None) -> None:
    text = said(FREE.format(available=available, swapped=swapped))
    assert says in text if says else "memory is" not in text


def test_a_busy_process_and_a_vm_that_gives_no_answer_are_facts() -> None:
    diagnosis = told(TOP.format(percent="764.2") + "\n" + FAILS)
    assert "the VM of process 7011 gave no answer" in diagnosis.verdict.headline
    assert "java (pid 7011) uses 764 % of a processor" in diagnosis.verdict.summary
    asked = {missing.artifact: missing.command for missing in diagnosis.missing}
    assert asked["thread dump"].startswith("kill -3 7011")
    assert not any("jstack" in command for command in asked.values())


def test_an_idle_process_is_not_told() -> None:
    assert "of a processor" not in said(TOP.format(percent="  3.1"))


@pytest.mark.parametrize(("old", "roomy"), [("30.88", True), ("94.10", False)])
def test_a_heap_with_room_is_not_what_grows(old: str, roomy: bool) -> None:
    assert ("memory of the process that grows is not the heap's" in said(IDLE_HEAP.format(old=old))) is roomy


def test_a_heap_that_grows_or_ran_out_is_not_called_roomy() -> None:
    head, row = IDLE_HEAP.format(old="12.10").splitlines()
    assert "not the heap's" not in said("\n".join([head, row, row.replace("12.10", "38.40"), row.replace("12.10", "61.77")]))
    assert "not the heap's" not in said(f"May 2:\n{IDLE_HEAP.format(old='30.88')}\nMay 6:\n{IDLE_HEAP.format(old='61.40')}")
    assert "not the heap's" in said(f"May 2:\n{IDLE_HEAP.format(old='30.88')}\nMay 6:\n{IDLE_HEAP.format(old='31.40')}")
    assert "not the heap's" not in said(IDLE_HEAP.format(old="30.88") + "\njava.lang.OutOfMemoryError: Java heap space\n")


def test_a_table_of_an_unknown_unit_gives_shares_alone() -> None:
    table = "               total        used        free      shared  buff/cache   available\nMem:           64315       12000        1200          10       51115       51452\n"
    assert "memory is not short: 80 % of the host's are available" in said(table)


def test_tables_of_two_hosts_say_nothing_of_one() -> None:
    short = FREE.format(available="300Mi", swapped="0B")
    assert "memory is" not in said(f"web:\n{FREE.format(available='27Gi', swapped='0B')}\nstore:\n{short}")


COUNTED = """# ss -s
Total: 402
TCP:   9183 (estab 164, closed 8998, orphaned 19, timewait 8911)

# ss -tan state time-wait | head -4
Recv-Q Send-Q   Local Address:Port     Peer Address:Port
0      0        192.0.2.80:8443      198.51.100.21:52811
0      0        192.0.2.80:8443       203.0.113.7:61002
0      0        192.0.2.80:8443      198.51.100.90:40418

# ss -tan state close-wait | wc -l
1
# ss -ltn
State    Recv-Q   Send-Q     Local Address:Port     Peer Address:Port  Process
LISTEN   0        511              0.0.0.0:{port}            0.0.0.0:*
"""


def test_time_wait_of_a_served_port_is_normal_and_a_heading_is_no_socket() -> None:
    text = said(COUNTED.format(port=8443))
    assert "8,911 TIME_WAIT are normal, if all are like those that are shown" in text
    assert "port 8443, which this host serves" in text
    assert "0 sockets in CLOSE_WAIT" in text


def test_so_many_time_wait_of_no_port_that_is_served_are_not_called_normal() -> None:
    assert "TIME_WAIT are normal" not in said(COUNTED.format(port=22))


@pytest.mark.parametrize(
    "words",
    ["# sysctl net.ipv4.ip_local_port_range\nnet.ipv4.ip_local_port_range = 32768\t33700\n", "connect: Cannot assign requested address\n"],
)
def test_time_wait_is_not_called_normal_where_ports_are_few_or_run_out(words: str) -> None:
    counts = "# ss -s\nTotal: 402\nTCP:   1200 (estab 164, closed 900, orphaned 19, timewait 900)\n\n"
    assert "TIME_WAIT are normal" in said(counts)
    verdict = diagnosis_of({"report.md": counts + words}).verdict
    assert "TIME_WAIT are normal" not in f"{verdict.headline} {verdict.summary}"


SIDEKIQ = """2026-02-20T13:02:33.121Z 1 TID-gq3v0 WARN: Thread TID-gq4io processor
2026-02-20T13:02:33.121Z 1 TID-gq3v0 WARN: /usr/local/bundle/gems/redis-4.1.4/lib/redis/connection/ruby.rb:68:in `wait_readable'
/usr/local/bundle/gems/redis-4.1.4/lib/redis/connection/ruby.rb:68:in `_read_from_socket'
/usr/local/bundle/gems/redis-4.1.4/lib/redis/client.rb:260:in `read'
{call}/usr/local/bundle/gems/sidekiq-5.2.9/lib/sidekiq/processor.rb:83:in `process_one'
/usr/local/bundle/gems/sidekiq-5.2.9/lib/sidekiq/processor.rb:71:in `run'
"""
FETCHES = (
    "/usr/local/bundle/gems/redis-4.1.4/lib/redis.rb:1224:in `block in brpop'\n"
    "/usr/local/bundle/gems/sidekiq-5.2.9/lib/sidekiq/fetch.rb:37:in `retrieve_work'\n"
)
WORKS = "/usr/local/bundle/gems/redis-4.1.4/lib/redis.rb:921:in `get'\n/srv/depot/app/jobs/weigh_job.rb:12:in `perform'\n"


def test_a_worker_that_waits_for_its_next_job_is_idle() -> None:
    assert "idle: it waits for the next message in gems/redis.brpop" in said(SIDEKIQ.format(call=FETCHES))


def test_a_job_that_waits_for_redis_is_not() -> None:
    verdict = diagnosis_of({"report.md": SIDEKIQ.format(call=WORKS)}).verdict
    assert "idle" not in f"{verdict.headline} {verdict.summary}"


CONSUMER = """Thread 0x7f11 (most recent call first):
  File "/usr/lib/python3.10/selectors.py", line 416 in select
  File "/srv/app/.venv/lib/python3.10/site-packages/pika/adapters/select_connection.py", line 580 in poll
  File "/srv/app/.venv/lib/python3.10/site-packages/pika/adapters/blocking_connection.py", line 833 in process_data_events
  File "/srv/app/.venv/lib/python3.10/site-packages/pika/adapters/blocking_connection.py", line 1884 in start_consuming
  File "/srv/app/weigh.py", line 30 in main
"""
IN_CALLBACK = """Thread 0x7f11 (most recent call first):
  File "/usr/lib/python3.10/socket.py", line 705 in readinto
  File "/usr/lib/python3.10/http/client.py", line 281 in _read_status
  File "/srv/app/weigh.py", line 19 in on_message
  File "/srv/app/.venv/lib/python3.10/site-packages/pika/adapters/blocking_connection.py", line 833 in process_data_events
  File "/srv/app/.venv/lib/python3.10/site-packages/pika/adapters/blocking_connection.py", line 1884 in start_consuming
  File "/srv/app/weigh.py", line 30 in main
"""


def test_a_consumer_is_idle_until_its_callback_runs() -> None:
    assert "is idle" in said(CONSUMER)
    verdict = diagnosis_of({"report.md": IN_CALLBACK}).verdict
    assert "idle" not in f"{verdict.headline} {verdict.summary}"


def test_a_table_of_sockets_is_not_asked_for_where_no_socket_is_part_of_the_cause() -> None:
    ring = "".join(
        f'"desk-{n}" #3{n} prio=5 tid=0x1{n} nid=0x2{n} runnable\n   java.lang.Thread.State: RUNNABLE\n\tat java.util.HashMap.get(HashMap.java:347)\n'
        f"\tat net.umbra.Desk.find(Desk.java:61)\n\n"
        for n in range(3)
    )
    diagnosis = diagnosis_of({"report.md": f"CPU is at 100 %:\n\n{ring}"})
    assert diagnosis.verdict.rule == "cpu-spin"
    assert not any("socket table" in missing.artifact for missing in diagnosis.missing)

"""A worker process that waits for the request of a client that sends none, in pasted pieces."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Diagnosis, Severity
from tests.builders import diagnosis_of, found

READS = """Thread 733 (idle): "MainThread"
    chunk (gunicorn/http/unreader.py:63)
    read (gunicorn/http/unreader.py:33)
    parse (gunicorn/http/message.py:192)
    __next__ (gunicorn/http/parser.py:41)
    handle (gunicorn/workers/sync.py:134)
    run_for_one (gunicorn/workers/sync.py:68)
    run (gunicorn/workers/sync.py:124)
"""
SERVES = """Thread 733 (idle): "MainThread"
    recv_into (socket.py:704)
    depth (harbour/tides.py:31)
    handle_request (gunicorn/workers/sync.py:184)
    handle (gunicorn/workers/sync.py:134)
    run_for_one (gunicorn/workers/sync.py:68)
    run (gunicorn/workers/sync.py:124)
"""
ENDED = "[2021-05-04 07:00:11 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:{pid})\n"
OWN = """COMMAND  PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME
gunicorn 733 port    6u  IPv4 551201      0t0  TCP *:8900 (LISTEN)
gunicorn 733 port    9u  IPv4 551930      0t0  TCP 10.31.0.4:8900->10.31.9.7:33410 (ESTABLISHED)
"""


def listener(queue: int) -> str:
    return f"State      Recv-Q Send-Q Local Address:Port   Peer Address:Port\nLISTEN     {queue}    50           *:8900              *:*\n"


def told(*blocks: str) -> Diagnosis:
    return diagnosis_of({"report.md": "It does not answer.\n\n" + "\n\n".join(f"```\n{block}```" for block in blocks) + "\n"})


def test_a_worker_that_waits_for_a_request_is_taken_by_a_silent_client() -> None:
    diagnosis = told(ENDED.format(pid=731) + ENDED.format(pid=732), listener(51), READS, OWN)
    (finding,) = found(diagnosis, "idle-connections-pin-threads")
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert "a connection to port 8900 of 10.31.9.7 is open, and sends nothing" in finding.headline
    assert "full meanwhile (51 of 50)" in finding.headline
    assert "the log has 2 lines of that" in finding.explanation
    assert not any("timeout, so that a request" in one.text for one in finding.actions)
    assert not found(diagnosis, "pool-stuck")


def test_the_queue_alone_or_the_log_alone_is_a_suspicion() -> None:
    (queue,) = found(told(listener(51), READS, OWN), "idle-connections-pin-threads")
    assert queue.confidence is Confidence.SUSPECTED
    (log,) = found(told(ENDED.format(pid=731), READS, OWN), "idle-connections-pin-threads")
    assert (log.severity, log.confidence) == (Severity.WARNING, Confidence.SUSPECTED)
    assert "queue is full" not in log.headline


def test_a_worker_at_rest_and_one_in_the_application_are_no_such() -> None:
    assert not found(told(listener(0), READS, OWN), "idle-connections-pin-threads")
    assert not found(told(ENDED.format(pid=731), listener(51), SERVES, OWN), "idle-connections-pin-threads")


def test_a_client_whose_bytes_wait_is_not_silent() -> None:
    sent = 'State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\nESTAB 412 0 10.31.0.4:8900 10.31.9.7:33410 users:(("gunicorn",pid=733,fd=9))\n'
    assert found(told(ENDED.format(pid=731), listener(51), READS, sent.replace("412", "0")), "idle-connections-pin-threads")
    assert not found(told(ENDED.format(pid=731), listener(51), READS, sent), "idle-connections-pin-threads")

"""What uWSGI says of a worker that it ends, and the full queue of a unix socket behind it."""

from __future__ import annotations

import pytest

from tests.builders import diagnosis_of, found

FULL = '*** uWSGI listen queue of socket "/run/till.sock" (fd: 3) full !!! (65/64) ***\n'
NGINX = "2026/05/04 09:42:17 [error] 71#71: *8 connect() to unix:/run/till.sock failed (11: Resource temporarily unavailable) while connecting to upstream, client: 10.0.0.4\n"


def ended(pid: int, time: str = "0xffffffff") -> str:
    return (
        f"*** HARAKIRI ON WORKER 2 (pid: {pid}, try: 1) ***\n"
        f"HARAKIRI: -- syscall> 7 0x7ffd3b4e1a10 0x1 {time} 0x0 0x0 0x0 0x7ffd3b4e19c8 0x7f51c8b0fa1f\n"
        "HARAKIRI: -- wchan> poll_schedule_timeout\nHARAKIRI [core 0] 10.0.0.4 - GET /bale/17?x=1 since 1778492490\n"
    )


def test_the_request_is_named_and_the_queue_follows() -> None:
    (one,) = found(diagnosis_of({"report.md": FULL + NGINX + ended(812) + ended(813)}), "pool-stuck")
    for words in (
        "GET /bale/17:",
        "poll() on 1 descriptor without a timeout",
        "2 workers were ended",
        "so the queue of /run/till.sock is full",
    ):
        assert words in one.headline
    assert "SYN" not in one.headline + one.explanation


@pytest.mark.parametrize("text", [FULL, NGINX])
def test_a_unix_socket_knows_no_syns(text: str) -> None:
    (one,) = diagnosis_of({"report.md": text}).findings
    assert (one.rule, "SYN" in one.headline + one.explanation) == ("pool-stuck", False)


def test_a_poll_with_a_timeout_is_not_called_endless() -> None:
    (one,) = found(diagnosis_of({"report.md": ended(812, "0x7530")}), "pool-stuck")
    assert "without a timeout" not in one.headline

"""Files of which every line is understood and in which nothing tells: they are not called unknown."""

from __future__ import annotations

import pytest

from tests.builders import diagnosis_of

PACKETS = "".join(
    f"11:02:{at:02}.655058 IP 192.0.2.4.41{at:03} > 192.0.2.9.7070: Flags [P.], seq 1:8, ack 11, win 63, length 7\n"
    f"11:02:{at:02}.655079 IP 192.0.2.9.7070 > 192.0.2.4.41{at:03}: Flags [P.], seq 11:21, ack 8, win 64, length 10\n"
    for at in range(6)
)
KERNEL = "[<0>] ep_poll+0x3a5/0x3b0\n[<0>] do_epoll_wait+0x9c/0xd0\n[<0>] do_syscall_64+0x3d/0x90\n"
ACCESS = '192.0.2.4 - - [04/Mar/2026:05:06:07 +0000] "GET /mill HTTP/1.1" 200 12 "-" "x"\n' * 3
UNREAD = "None of the files is of a kind that this tool reads."


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("lines.txt", PACKETS, "lines.txt has packets, and none of these lines shows a connection that fails."),
        ("wchan-b.txt", KERNEL, "wchan-b.txt is a stack of the kernel, and does not say of which process"),
        ("edge.txt", ACCESS, "A log does not show what threads wait for."),
    ],
)
def test_what_is_known_and_tells_nothing_is_said_to_be_that(name: str, text: str, words: str) -> None:
    verdict = diagnosis_of({name: text}).verdict
    assert verdict.headline.startswith("Not enough evidence for a verdict: ")
    assert words in verdict.summary


def test_beside_a_file_that_nobody_knows_the_known_one_is_told() -> None:
    verdict = diagnosis_of({"lines.txt": PACKETS, "notes.txt": "the till hangs\n"}).verdict
    assert "lines.txt has packets" in verdict.summary
    assert verdict.headline != UNREAD


def test_files_that_nobody_knows_are_called_so() -> None:
    assert diagnosis_of({"notes.txt": "the till hangs\n"}).verdict.headline == UNREAD

"""Lines of the kernel's log that mail wrapped: a time before the first part, the rest below."""

from __future__ import annotations

import pytest

from parsers.text.wrapped_lines import joined

HEAD = "May  4 11:20:31 gw2 kernel: [ 4711.118812]"


@pytest.mark.parametrize(
    ("lines", "first"),
    [
        ([f"{HEAD} nfs: server store-3 not", "responding, still trying", ""], f"{HEAD} nfs: server store-3 not responding, still trying"),
        (["[ 4711.118812] INFO: task sorter:77 blocked for more", "than 120 seconds."], "[ 4711.118812] INFO: task sorter:77 blocked for more than 120 seconds."),
        ([f"> {HEAD} nfs: server store-3", "> not responding,", "> still trying"], f"> {HEAD} nfs: server store-3 not responding,"),
        ([f"{HEAD}", "rwsem_down_write_slowpath+0x230/0x3e0", f"{HEAD}  down_write+0x47/0x60"], f"{HEAD} rwsem_down_write_slowpath+0x230/0x3e0"),
        (
            ["May 04 11:20:31 gw2 kernel: nfs: server store-3 not", "responding, still trying"],
            "May 04 11:20:31 gw2 kernel: nfs: server store-3 not responding, still trying",
        ),
    ],
)  # fmt: skip
def test_the_parts_of_a_line_are_joined(lines: list[str], first: str) -> None:
    found = joined(lines)
    assert found is not None
    assert found[0] == first
    assert found[1] == ""
    assert len(found) == len(lines)


@pytest.mark.parametrize(
    "lines",
    [
        [f"{HEAD} nfs: server store-3 OK", f"{HEAD} eth0: link up, and all that was waiting goes on", "I see no more than this."],
        [f"{HEAD} short", "", "responding, still trying"],
        [f"{HEAD} short", "```", "text"],
        [f"{HEAD} short", "# cat /proc/77/stack"],
        [f"{HEAD} short", "[...]"],
        [f"{HEAD} {'x' * 200}", "what stands below"],
        ["May  4 11:20:31 gw2 app[77]: java.lang.IllegalStateException: not", "\tat com.example.A.b(A.java:1)"],
        ["no log at all", "of any kind"],
        [f"{HEAD} nfs: server store-3 not", "May  4 11:20:32 gw2 sshd[8112]: Accepted publickey for root from 10.0.0.4"],
        [f"{HEAD} nfs: server store-3 not", "[<0>] rpc_wait_bit_killable+0x25/0xb0 [sunrpc]"],
    ],
)
def test_what_stands_below_a_line_is_left_alone(lines: list[str]) -> None:
    assert joined(lines) is None


def test_a_long_file_is_none_of_a_mail() -> None:
    assert joined([f"{HEAD} nfs: server store-3 not", "responding, still trying"] * 3000) is None

"""A dump of very many goroutines on few stacks: what is read does not depend on how the text is held, and equal stacks are one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parsers.records import ThreadDump
from parsers.text import lines as text_lines
from parsers.text.lines import Lines
from parsers.text.source import Section
from parsers.threads import goroutines
from tests.builders import values

if TYPE_CHECKING:
    from parsers.records import Parsed

GAPS = ("\n", "\n \n", "\n\n")


def dump(count: int) -> list[str]:
    """Goroutines on three stacks, with arguments of their own, one that was left out in part, a line of nobody, and one far too long."""
    lines = ["SIGQUIT: quit", "PC=0x46e2a1 m=0 sigcode=0", ""]
    for number in range(1, count + 1):
        match number % 7:
            case 0:
                lines += [f"goroutine {number} [sync.Mutex.Lock, {number % 9} minutes]:"]
                lines += ["sync.runtime_SemacquireMutex(0x3?, 0x0?, 0x1?)", "\t/usr/local/go/src/runtime/sema.go:77 +0x25"]
                lines += [f"sync.(*Mutex).lockSlow(0xc0000{number:05x})", "\t/usr/local/go/src/sync/mutex.go:171 +0x15d"]
            case 3 if number % 5 == 0:
                lines += [f"goroutine {number} [running]:", "\tgoroutine running on other thread; stack unavailable"]
            case _:
                lines += [f"goroutine {number} [IO wait]:", f"internal/poll.runtime_pollWait(0x7f{number:06x}, 0x72)"]
                lines += ["\t/usr/local/go/src/runtime/netpoll.go:345 +0x85"]
        lines += [f"main.(*Shop).Serve(0xc{number:07x}, {{0x8f1e40, 0x{number:x}}})", "\t/srv/shop/serve.go:41 +0x4c"]
        lines += ["created by net/http.(*Server).Serve in goroutine 1", "\t/usr/local/go/src/net/http/server.go:3286 +0x4b4"]
        lines += GAPS[number % 3].split("\n")[1:]
        if number == count // 2:
            lines += ["what somebody wrote between them", "x" * 9000, ""]
    return lines


def of(parsed: Parsed) -> ThreadDump:
    (found,) = (record for record in parsed.records if isinstance(record, ThreadDump))
    return found


@pytest.mark.parametrize("block", [64, 333, 1 << 12, 1 << 16])
def test_blocks_of_any_size_make_the_same_dump(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    lines = dump(400)
    monkeypatch.setattr(text_lines, "BLOCK", block)
    held = Section("goroutines.txt", 1, Lines("\n".join([*lines, ""]).encode()))
    whole, pieces = goroutines.parse(Section("goroutines.txt", 1, lines)), goroutines.parse(held)
    assert values(pieces) == values(whole)
    assert len(of(whole).threads) == 400
    assert whole.read + sum(gap.lines for gap in whole.unread) == sum(1 for line in lines if line.strip())


def test_a_goroutine_is_read_as_when_it_is_alone() -> None:
    """Known stacks are taken by a short way: it gives what the long one gives."""
    lines = dump(60)
    together = {thread.java_id: thread for thread in of(goroutines.parse(Section("all.txt", 1, lines))).threads}
    starts = [at for at, line in enumerate(lines) if line.startswith("goroutine ")]
    for at, until in zip(starts, [*starts[1:], len(lines)], strict=True):
        (alone,) = of(goroutines.parse(Section("all.txt", at + 1, lines[at:until]))).threads
        assert values(alone) == values(together[alone.java_id])


def test_equal_stacks_are_one_object() -> None:
    threads = of(goroutines.parse(Section("goroutines.txt", 1, dump(2000)))).threads
    assert len({id(thread.frames) for thread in threads if thread.native_state == "IO wait"}) <= 3
    assert {lock.address for thread in threads for lock in thread.locks} == {f"0xc0000{number:05x}" for number in range(7, 2001, 7)}

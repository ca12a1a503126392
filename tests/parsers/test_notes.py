"""Notes behind lines, and prefixes before lines that stand among a person's words."""

from __future__ import annotations

import pytest

from parsers import outputs
from parsers.records import SocketRow, ThreadDump
from parsers.text.notes import noted, without_notes
from parsers.text.source import Source
from parsers.threads import goroutines

STACK = (
    '"dock-1" #31 prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x251f waiting for monitor entry  [0x00007f108a1fd000]',
    "   java.lang.Thread.State: BLOCKED (on object monitor)",
    "\tat com.acme.dock.Crane.lift(Crane.java:110)",
    "\t- waiting to lock <0x00000000f0000010> (a com.acme.dock.Crane)",
)


def records(lines: list[str]) -> list[object]:
    return [record for output in outputs(Source("report.md", "\n".join(lines).encode())) for record in output.parsed.records]


@pytest.mark.parametrize(
    "note", ["<-- here", "<- waits", "<=== this one", "← here", "// the same lock", "# look", "-- stuck", "*** !!!", "   <--"]
)
def test_a_note_behind_a_frame_takes_nothing_from_it(note: str) -> None:
    lines = [STACK[0], STACK[1], f"{STACK[2]}   {note}", f"{STACK[3]} {note}"]
    (plain,), (noted_,) = records(list(STACK)), records(lines)
    assert isinstance(plain, ThreadDump)
    assert isinstance(noted_, ThreadDump)
    assert noted_.threads[0].frames == plain.threads[0].frames
    assert [lock.address for lock in noted_.threads[0].locks] == ["0x00000000f0000010"]


def test_a_note_behind_a_row_is_no_part_of_its_program() -> None:
    row = "tcp6     410      0 10.0.0.5:8080           10.0.0.9:40001          CLOSE_WAIT  1493/java"
    for note in (" <--- these", "   <== grow", "  ← and this"):
        (found,) = (one for one in records(["Look at this:", "", row + note, ""]) if isinstance(one, SocketRow))
        assert found.owners is not None
        assert found.owners[0].command == "java"


@pytest.mark.parametrize(
    "line",
    [
        "INFO okhttp3.OkHttpClient <-- 200 OK http://stock:8080/items (25ms)",
        "<-- GET /items",
        "app    71  0.0  0.1  1 1 ?  S  10:00 0:00 sh -c test 3 <= 4",
        "SELECT id FROM bale WHERE weight <= 5 AND n <- 3",
    ],
)
def test_arrows_of_a_program_are_left_alone(line: str) -> None:
    assert not noted([line])


def test_only_what_stands_behind_the_note_is_taken_off() -> None:
    assert without_notes(["  at a.B.c(B.java:1) <-- x", "plain", "- locked <0x1> (a b.C)  // y"]) == [
        "  at a.B.c(B.java:1)",
        "plain",
        "- locked <0x1> (a b.C)",
    ]


def test_a_prefix_is_found_among_the_words_of_a_report() -> None:
    prefix = "[pod/kiln-6d9f7c9c4b-q2x7t/kiln] "
    stack = [
        "goroutine 77 gp=0xc0004d8a80 m=nil [sync.Mutex.Lock, 37 minutes]:",
        "runtime.gopark(0x1a0f5c0?, 0xc000041808?, 0x20?, 0x41?, 0x4418a5?)",
        "\t/usr/local/go/src/runtime/proc.go:424 +0xce fp=0xc000c4bd90 sp=0xc000c4bd70 pc=0x47a1ee",
        "sync.(*Mutex).Lock(...)",
        "\t/usr/local/go/src/sync/mutex.go:92",
        "example.org/kiln/oven.(*Oven).Fire(0xc000214c00)",
        "\t/src/oven/oven.go:104 +0x4f fp=0xc000c4bed8 sp=0xc000c4be80 pc=0x8b238f",
        "created by example.org/kiln/oven.Start in goroutine 1",
        "\t/src/oven/oven.go:38 +0x2f1",
    ]
    prose = [f"Line {at} of what I think about the ovens, which is long." for at in range(60)]
    found = outputs(Source("report.md", "\n".join([*prose, "", "```", *(prefix + line for line in stack), "```", "", *prose]).encode()))
    assert goroutines in [output.form for output in found]
    (dump,) = (record for output in found for record in output.parsed.records if isinstance(record, ThreadDump))
    assert dump.threads[0].native_state == "sync.Mutex.Lock"
    assert any("Fire" in frame.call for frame in dump.threads[0].frames)

"""Stacks of WinDbg and cdb in their columns, and what stands beside them: critical sections, handles, chains of waits, times."""

from __future__ import annotations

import pytest

from parsers import outputs
from parsers.records import LockVerb, Parsed, ThreadDump
from parsers.text.source import Source

HEAD = "   3  Id: 6f0.1b44 Suspend: 1 Teb: 0000007e`10a2c000 Unfrozen"
BARE = [("ntdll!ZwDelayExecution", "0x14"), ("KERNELBASE!SleepEx", "0xa1"), ("quill!Spool::Drain", "0x3f [C:\\quill\\spool.cpp @ 71]")]
PLACES = "0000007e`11bff{n}58 00007ffb`20c7a{n}1e "
ARGS = "00000000`000000{n}0 00000000`00000000 00000000`00000000 00000000`00000000"
LAYOUTS = {
    "k": (" # Child-SP          RetAddr               Call Site", "{i} {places}    {call}"),
    "k without numbers": ("Child-SP          RetAddr           Call Site", "{places}{call}"),
    "kv": ("Child-SP          RetAddr           : Args to Child  : Call Site", "{places}: {args} : {call}"),
    "kb": ("RetAddr           : Args to Child  : Call Site", "00007ffb`20c71a1e : {args} : {call}"),
    "kc": (" # Call Site", "{i} {plain}"),
    "kf": (" #   Memory  Child-SP          RetAddr               Call Site", "{i}        48 {places}    {call}"),
}


def parsed(text: str) -> list[Parsed]:
    return [one.parsed for one in outputs(Source("w.txt", text.encode()))]


def dump_of(text: str) -> ThreadDump:
    found = parsed(text)
    assert not any(one.unread for one in found), [one.unread for one in found]
    (dump,) = (record for one in found for record in one.records)
    assert isinstance(dump, ThreadDump)
    return dump


def in_layout(name: str) -> str:
    heading, row = LAYOUTS[name]
    rows = [
        row.format(
            i=f"0{n}",
            n=n,
            places=PLACES.format(n=n),
            args=ARGS.format(n=n),
            plain=function,
            call=f"{function}+{place}" if place else function,
        )
        for n, (function, place) in enumerate(BARE)
    ]
    return "\n".join([HEAD, heading, *rows, ""])


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_of_the_columns_says_the_same(name: str) -> None:
    (thread,) = dump_of(in_layout(name)).threads
    assert (thread.name, thread.native_id) == ("thread 3", 0x1B44)
    assert [frame.full for frame in thread.frames] == ["ntdll.NtDelayExecution", "kernelbase.SleepEx", "Spool.Drain"]
    assert thread.frames[2].source == (None if name == "kc" else "spool.cpp:71")


def test_a_thread_that_somebody_switched_to_and_its_time() -> None:
    text = (
        "0:002> ~\n"
        "   0  Id: 6f0.210 Suspend: 1 Teb: 0000007e`10a20000 Unfrozen\n"
        '   3  Id: 6f0.1b44 Suspend: 1 Teb: 0000007e`10a2c000 Unfrozen "spooler"\n'
        "0:002> !runaway\n User Mode Time\n  Thread       Time\n   3:1b44      0 days 0:02:05.500\n   0:210       0 days 0:00:00.015\n"
        "0:002> ~3s\nntdll!NtDelayExecution+0x14:\n00007ffb`20c7d3a4 c3              ret\n0:003> k\n"
        " # Child-SP          RetAddr               Call Site\n"
        "00 0000007e`11bff058 00007ffb`20c71a1e     ntdll!NtDelayExecution+0x14\n"
        "01 (Inline Function) --------`--------     quill!Clock::Rest+0x9\n"
        "02 0000007e`11bff060 00007ff6`300112a4     quill!std::vector<quill::Page,std::allocator<quill::Page> >::emplace_back<int>+0x22\n"
        "03 0000007e`11bff0a0 00007ffb`20c71a1e     quill+0x1a40\n"
    )
    (thread,) = dump_of(text).threads
    assert (thread.name, thread.native_id, thread.cpu) == ("spooler", 0x1B44, 125.5)
    assert [frame.full for frame in thread.frames][1:] == ["Clock.Rest", "std::vector.emplace_back", "??.??"]


CS = (
    "   0  Id: 4c.100 Suspend: 1 Teb: 7ffdf000 Unfrozen\nChildEBP RetAddr  Args to Child\n"
    "0018f9a0 7791b24b 0040c1a0 00000000 00000000 ntdll!RtlEnterCriticalSection+0x46 (FPO: [Non-Fpo])\n"
    "0018fa34 00401f4c 0018fb08 00000001 00000000 mint!Press::Run+0x2c\n"
    "   1  Id: 4c.200 Suspend: 1 Teb: 7ffde000 Unfrozen\nChildEBP RetAddr  Args to Child\n"
    "0118f9a0 7791b24b 000003e8 00000000 00000000 ntdll!NtDelayExecution+0xc\n"
    "0118fa34 00401f4c 0018fb08 00000001 00000000 mint!Press::Cool+0x2c\n"
)


@pytest.mark.parametrize(
    "told",
    [
        "0:001> !locks\nCritSec mint!g_press+0 at 0040C1A0\nWaiterWoken        No\nLockCount          1\nRecursionCount     1\nOwningThread       200\n*** Locked\n",
        "0:001> !cs -l\nDebugInfo          = 0x77c8a4c0\nCritical section   = 0x0040c1a0 (mint!g_press+0x0)\nLOCKED\nLockCount          = 0x1\nOwningThread       = 0x00000200\n",
        "0:001> dt mint!_RTL_CRITICAL_SECTION 0040c1a0\n   +0x000 DebugInfo        : 0xffffffff _RTL_CRITICAL_SECTION_DEBUG\n   +0x004 LockCount        : 0n-6\n   +0x00c OwningThread     : 0x00000200 Void\n",
    ],
)
def test_the_argument_of_32_bits_is_the_section_whose_owner_is_printed(told: str) -> None:
    waiter, owner = dump_of(CS + told).threads
    assert [(lock.verb, lock.address, lock.guessed) for lock in waiter.locks] == [(LockVerb.WAITING_TO_LOCK, "0x40c1a0", False)]
    assert [(lock.verb, lock.address) for lock in owner.locks] == [(LockVerb.LOCKED, "0x40c1a0")]


def test_without_an_argument_only_the_last_section_that_is_left_is_meant() -> None:
    wide = CS.replace("7791b24b 0040c1a0 00000000 00000000", "7791b24b").replace("ChildEBP RetAddr  Args to Child", "ChildEBP RetAddr")
    one = "CritSec mint!g_press+0 at 0040c1a0\nOwningThread       200\n*** Locked\n"
    two = one + "CritSec mint!g_ink+0 at 0040c1d0\nOwningThread       200\n*** Locked\n"
    assert [lock.guessed for lock in dump_of(wide + one).threads[0].locks] == [True]
    assert not dump_of(wide + two).threads[0].locks


def test_a_path_of_a_program_or_a_sentence_is_no_stack() -> None:
    for text in ("see quill!Spool::Drain for the code\n", "00 01 02 great!\n", "it printed ntdll!NtDelayExecution and stopped\n"):
        assert not any(isinstance(record, ThreadDump) for one in parsed(text) for record in one.records)

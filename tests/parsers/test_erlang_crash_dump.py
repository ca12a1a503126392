"""Processes of an Erlang node: who they are, where they stand, and whose turn they wait for."""

from __future__ import annotations

from parsers import outputs
from parsers.records import LockVerb, LogEvent, LogKind, Runtime, ThreadDump
from parsers.text.source import Source
from parsers.threads import erlang_crash_dump

HEAD = "=erl_crash_dump:0.5\nMon Mar  2 10:00:00 2026\nSlogan: Received SIGUSR1\nSystem version: Erlang/OTP 26\n=memory\ntotal: 9\n"
PROC = """=proc:<0.{number}.0>
State: Waiting
{name}Spawned as: {began}
Spawned by: <0.9.0>
Message queue length: {messages}
Link list: [{links}]
Reductions: 7
Program counter: 0x00007ff98d01d7fc ({top} + 220)
Internal State: ACT_PRIO_NORMAL
"""
STACK = "=proc_stack:<0.{number}.0>\ny0:N\n0x00007ff957bd7b58:SReturn addr 0x8D397E30 ({below} + 312)\n"
CALL = "#Port<0.3>, {to,<0.70.0>,#Ref<0.1.2.3>}"


def node(*, callers: int = 3, messages: int = 3, service: str = "stock:reserve/2", end: bool = True) -> str:
    """A node in which sessions call one server that is in a call itself."""
    keeper = PROC.format(number=70, name="Name: stock\n", began="proc_lib:init_p/5", messages=messages, links="", top="prim_inet:recv0/3")
    sessions = [
        PROC.format(number=80 + at, name="", began="desk:session/1", messages=0, links=CALL, top="gen:do_call/4") for at in range(callers)
    ]
    stacks = [STACK.format(number=70, below=service), *(STACK.format(number=80 + at, below="desk:serve/1") for at in range(callers))]
    return HEAD + keeper + "".join(sessions) + "=port:#Port<0.3>\nSlot: 3\n" + "".join(stacks) + ("=end\n" if end else "")


def dump_of(text: str) -> ThreadDump:
    (output,) = outputs(Source("erl_crash.dump", text.encode()))
    assert output.form is erlang_crash_dump
    assert output.parsed.read == sum(bool(line.strip()) for line in text.splitlines())
    (dump,) = (record for record in output.parsed.records if isinstance(record, ThreadDump))
    return dump


def test_processes_are_threads_with_their_frames() -> None:
    dump = dump_of(node())
    assert (dump.runtime, dump.time, dump.complete) == (Runtime.ERLANG, "2026-03-02T10:00:00", True)
    assert [(thread.name, thread.group) for thread in dump.threads[:2]] == [("stock", "stock"), ("<0.80.0>", "desk:session/1")]
    assert [frame.full for frame in dump.threads[1].frames] == ["gen.do_call/4", "desk.serve/1"]


def test_whose_turn_they_wait_for() -> None:
    keeper, session, *_ = dump_of(node()).threads
    assert [(lock.verb, lock.address) for lock in session.locks] == [(LockVerb.WAITING_TO_LOCK, "<0.70.0>")]
    assert [(lock.verb, lock.address) for lock in keeper.locks] == [(LockVerb.LOCKED, "<0.70.0>")]


def test_a_dump_without_its_end_is_cut() -> None:
    assert dump_of(node(end=False)).complete is False


def test_the_list_of_processes_alone() -> None:
    dump = dump_of(node(end=False).partition("total: 9\n")[2])
    assert (len(dump.threads), dump.complete) == (4, None)


def test_a_long_mailbox_is_an_event() -> None:
    (output,) = outputs(Source("erl_crash.dump", node(messages=52000).encode()))
    (event,) = (record for record in output.parsed.records if isinstance(record, LogEvent))
    assert (event.kind, event.subject, event.figure("messages"), event.where.first) == (LogKind.MAILBOX, "stock", 52000, 12)

"""Calls of a host to a port of its own, of which a command counted both halves: as many accepted as opened, and unread; or that the text names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import DUMP_MISSING
from analyzer.evidence.citations import of_threads
from analyzer.families.counted_sockets import NEAR, process_of, shown
from analyzer.join.counts import is_place
from analyzer.model.finding import Action, Confidence, Culprit, Finding, Missing, Severity, Step, When
from analyzer.model.message import plural, say, say_of
from analyzer.software.blockers import OUTBOUND, application_frame
from analyzer.software.kinds import PoolRole
from parsers.records import Counted, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.counts import Count
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case

FEWEST: Final = 10
"""Own calls that lie unread before a count raises a suspicion: a few may have been caught in flight."""


def own_calls(case: Case) -> Iterator[Finding]:
    """One finding per port whose two halves were counted on one address of this host, or that the text beside picked threads says they call."""
    open_ones = case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED)
    for near in open_ones:
        local, remote = near.last.local, near.last.remote
        if (
            local is None
            or remote is None
            or not is_place(local)
            or is_place(remote)
            or local.host != remote.host
            or near.number < FEWEST
            or not near.last.recv_q
        ):
            continue
        calls = next(
            (one for one in open_ones if one.last.remote == local and not is_place(one.last.local) and one.number >= NEAR * near.number),
            None,
        )
        if calls is not None:
            yield _finding(case, near, calls, local.port or 0)
    if case.counts.of(Counted.CALLED):
        from analyzer.families import told_own_calls  # noqa: PLC0415 - for texts that name what is called

        yield from told_own_calls.suspicions(case)


def _finding(case: Case, near: Count, calls: Count, port: int) -> Finding:
    waiting = [
        member
        for view in case.latest
        for pool in view.pools
        if pool.role == PoolRole.SERVER and pool.port == port
        for member in pool.members
        if member.activity.kind in OUTBOUND
    ]
    proof = (
        of_threads(
            waiting,
            say(
                "{threads} of the server of port {port} in a call that waits for an answer",
                threads=plural(len(waiting), "thread"),
                port=port,
            ),
        )
        if waiting
        else None
    )
    app = _app(waiting)
    caller = say(", called from {frame}", frame=app) if app else ""
    here = near.last.local
    halves = (shown(near.last.where, near, near.number), shown(calls.last.where, calls, calls.number))
    return Finding(
        rule="self-call-starvation",
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if proof is not None else Confidence.SUSPECTED,
        headline=say(
            "The server of port {port} seems to wait for itself: {calls:,} calls from this host to {here} lie unread, and a request thread waits for an answer{caller}.",
            port=port,
            calls=near.number,
            here=here,
            caller=caller,
        )
        if proof is not None
        else say(
            "{calls:,} calls from this host to its own port {port} lie unread: the server calls itself, or another process beside it calls.",
            calls=near.number,
            port=port,
        ),
        explanation=say(
            "{opened:,} connections from this host to {here} were counted, and as many accepted ones at {here} hold {bytes:,} bytes each that nobody has read: the requests are sent, and no thread of the server takes them.{threads} If all of its threads wait for such calls, each request waits for another one, and only a time limit of the calls ends it. A proxy or another process of this host that calls the port while the server is stuck for another reason looks the same in a count; the stacks of all request threads decide.",
            opened=calls.number,
            here=here,
            bytes=near.last.recv_q or 0,
            threads=say_of(
                len(waiting),
                " {threads} of the same server stands in an HTTP call and waits for its answer{caller}.",
                " {threads} of the same server stand in an HTTP call and wait for its answer{caller}.",
                threads=plural(len(waiting), "thread"),
                caller=caller,
            )
            if waiting
            else "",
        ),
        why_confident=say(
            "Both halves of the calls were counted, unread, and a thread of that server waits in a call; whether all of them do, the rest of the dump would show."
        )
        if proof is not None
        else say("Both halves of the calls were counted; who calls, and what the threads wait for, is not here."),
        evidence=(*halves, *((proof,) if proof is not None else ())),
        process=case.latest[0].process if waiting and len(case.latest) == 1 else process_of(case, near),
        culprit=Culprit(listener=str(here), remote=str(here), frame=str(app) if app else None),
        loop=proof is not None,
        chain=(
            Step(say("requests"), say("call"), str(here), halves[1:]),
            Step(str(here), say("needs a free thread of"), say("the same server, which has none"), halves[:1]),
        ),
        actions=_actions(caller),
        figures=((f"{near.number:,}", say("own calls that no thread has read")),),
        missing=(Missing(DUMP_MISSING.artifact, DUMP_MISSING.would_show, DUMP_MISSING.command),),
    )


def _actions(caller: str) -> tuple[Action, ...]:
    return (
        Action(When.NOW, say("Save a dump of all threads, then restart the server; waiting does not help."), "jstack -l PID > jstack.txt"),
        Action(
            When.FIX,
            say(
                "Do not call the own port while serving a request{caller}: call in process, or move the resource to another process or a connector with its own pool.",
                caller=caller,
            ),
        ),
        Action(When.FIX, say("Set connect and read timeouts on the HTTP client, so that a stall ends in errors, not in a hang.")),
    )


def _app(waiting: list[ThreadActivity]) -> object:
    return next((frame for member in waiting if (frame := application_frame(member.thread, member.activity)) is not None), None)

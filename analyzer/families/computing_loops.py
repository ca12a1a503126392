"""Event loops that compute while their connections stand still: no call blocks them, and nobody fails to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from analyzer.evidence.calls import client_evidence, client_figures, clients_in_words
from analyzer.evidence.citations import of_threads, shown_of
from analyzer.evidence.doing import reported
from analyzer.evidence.movement import has_stood, standing
from analyzer.evidence.multiples import loops_in_words
from analyzer.families.hot_picked import outermost_of_pattern
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import say
from analyzer.model.text import ByNumber, Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.software.pools import Pool
from analyzer.waits.acceptors import held_loop, queue_of, queued_port, stayed
from analyzer.waits.server_pools import pressure
from analyzer.waits.targets import FEW_CLIENTS
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analyzer.evidence.movement import Standing
    from analyzer.evidence.multiples import Multiple
    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame

    Teller: TypeAlias = Callable[[ProcessView, Pool, list[ThreadActivity], Standing | None, Multiple | None], Finding]

TEXT: Final = Text(
    "event-loop-blocked",
    headline=ByNumber(
        "many",
        "{loops} of {name} is busy in {call}{deep}{by}: all its connections stand still.",
        "{loops} of {name} are busy in {call}{deep}{by}: all their connections stand still.",
    ),
    explanation="Threads of {name} must wait for events of many connections; {blocked} of {all} are at work in {call}{called_from}{since}.{clients}{pattern} {no_wait}",
    why=Either(
        "lasts",
        "The same stack stands in the dump before.",
        Either(
            "waited",
            "The stack shows it, and clients have waited for longer than a moment.",
            Either(
                "script_loop",
                "One moment: a loop that is busy for milliseconds while connections come in looks the same. A second dump and socket table tell.",
                "The stack shows it; whether it lasts needs a second dump.",
            ),
        ),
    ),
    do=(
        Do(When.NOW, "Take the stack again, and look at the thread's processor time: does it stand under {frame} still?", "{again}"),
        Do(
            When.NOW,
            "What runs is a script that a client sent: end it (a script that has written something ends with the server alone), and ask the list of clients who sent it.",
            "redis-cli -p {port} SCRIPT KILL; redis-cli -p {port} CLIENT LIST",
            on="script",
        ),
        Do(
            When.FIX,
            Either(
                "deep",
                "Look at the expression in {frame}: a repetition inside a repetition, such as (a+)+, tries all ways to match. Write it without one, with possessive quantifiers, or for an engine that does not go back (RE2), and bound the length of what it is given.",
                Either(
                    "script",
                    "Make the script shorter, and bound what it goes through.",
                    "Make the work in {frame} shorter, bound its input, or do it on a worker pool.",
                ),
            ),
        ),
        Do(When.PREVENT, "A worker pool alone only moves such work: a few inputs then fill the pool.", on="deep"),
    ),
    figures=(("{blocked} of {all}", "event loops busy"),),
    chain=(("{name}", "computes in", "{call}"),),
    phrases={
        "no_wait": Either(
            "in_c",
            "The stack does not show whether the loop computes or waits in C: a library that asks again and again for the lock of a file or a database is “active” and “idle” by turns.",
            "The stack shows no wait: neither a lock nor the far end of a call is what keeps the loop.",
        ),
        "loops": Either("told", "{told}", ByNumber("all", "{all_of} event loop", "{all_of} event loops")),
        "by": Either("called", ", called from {frame}"),
        "called_from": Either("called", ", called from {frame}"),
        "deep": Either("of_pattern", ", a regular expression that tries one way after the other"),
        "pattern": Either(
            "of_pattern",
            " A regular expression that tries all ways to match takes exponential time for some inputs: a few dozen characters are enough.",
        ),
    },
)
_SCRIPTS: Final = frozenset({"evalGenericCommand", "fcallCommandGeneric"})
"""Functions of Redis and Valkey that run the script of a client (script_lua.c, eval.c, functions.c)."""
_OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The loop goes on when the work is done; the next such input keeps it again."))


def teller(view: ProcessView, blocked: Sequence[ThreadActivity]) -> Teller | None:
    """What tells of loops that compute, or that wait for a child process; None for any others."""
    if blocked and blocked[0].activity.kind is ActivityKind.PROCESS:
        from analyzer.families import child_loops  # noqa: PLC0415 - few loops wait for children

        return child_loops.finding
    return finding if computes(view, blocked) else None


def _named(frames: Sequence[Frame]) -> Frame:
    """The innermost frame that has a name: a program without symbols shows few."""
    return next((frame for frame in frames if frame.cls != "??"), frames[0])


def computes(view: ProcessView, blocked: Sequence[ThreadActivity]) -> bool:
    """True if the first of them runs code, as far as the stack of a JVM tells."""
    return bool(blocked) and view.known.runtime is Runtime.JVM and blocked[0].activity.kind is ActivityKind.RUNNING


def held(case: Case, view: ProcessView) -> Iterator[Finding]:
    """The only loop of a process, if it is at work while connections wait to be accepted."""
    if (loop := held_loop(view)) is None:
        return
    port = queued_port(view)
    name = _pool_of(view, loop) if view.known.runtime is Runtime.PYTHON else view.command or say("the process")
    pool = Pool(name, PoolRole.EVENT_LOOP, port, (loop,))
    yield finding(view, pool, [loop], standing(case, view, [loop]), None, waited=_have_waited(case, view, port))


def _pool_of(view: ProcessView, loop: ThreadActivity) -> str:
    """The name of the pool that a thread is in."""
    return next(pool.name for pool in view.pools if loop in pool.members)


def _have_waited(case: Case, view: ProcessView, port: int | None) -> bool:
    """True if clients gave up unserved, or the queue holds those of an earlier table: a burst does neither."""
    if port is None or pressure(view, port).gave_up >= FEW_CLIENTS:
        return port is not None
    now = queue_of(view, port)
    earlier = (other for other in case.history(view) if other.snapshot.index < view.snapshot.index)
    return any(stayed(queue_of(other, port), now) >= FEW_CLIENTS for other in earlier)


def finding(
    view: ProcessView,
    pool: Pool,
    blocked: Sequence[ThreadActivity],
    still: Standing | None,
    more: Multiple | None,
    *,
    waited: bool = False,
) -> Finding:
    """The loops of a pool that compute; ``waited``: clients of the pool's port have waited for longer than a moment."""
    script_loop, lasting = view.known.runtime is Runtime.PYTHON, has_stood(still) or waited
    member, loops = blocked[0], [one for one in pool.members if one.activity.kind != ActivityKind.NONE]
    frame, pattern = application_frame(*member), outermost_of_pattern(member.thread.frames)
    call, pid = (pattern or _named(member.thread.frames)), view.process.pid if view.process.pid is not None else "PID"
    text = TEXT.filled(
        view.process,
        name=pool.name,
        call=call.call,
        frame=frame,
        called=frame is not None and frame != call,
        of_pattern=pattern,
        deep=pattern,
        all_of=shown_of(view.dump, len(blocked), len(loops)),
        blocked=len(blocked),
        all=len(loops),
        many=more.number if more is not None else len(blocked),
        told=loops_in_words(len(blocked), more) if more is not None else None,
        since=reported(member),
        clients=clients_in_words(view, pool.port),
        lasts=has_stood(still),
        waited=waited,
        script_loop=script_loop,
        in_c=script_loop and "+gil" not in (member.thread.native_state or ""),
        script=any(one.call in _SCRIPTS for one in member.thread.frames),
        port=pool.port if pool.port is not None else "PORT",
        again=f"{f'py-spy dump --native --pid {pid} > stacks-2.txt' if script_loop else f'jstack -l {pid} > jstack-2.txt'}; top -H -b -n 1 -p {pid} > top.txt",
    )
    shown = of_threads(blocked, say("an event loop of {name} is busy in {call}", name=pool.name, call=call.call))
    return text.finding(
        severity=Severity.CRITICAL if script_loop and lasting else Severity.WARNING,
        confidence=Confidence.LIKELY if lasting or not script_loop else Confidence.SUSPECTED,
        evidence=(shown, *((more.evidence,) if more else ()), *client_evidence(view, pool.port)),
        figures=(*client_figures(view, pool.port), *text.figures),
        chain=text.steps((shown,)),
        culprit=Culprit(pool=pool.name, frame=str(frame) if frame else None, thread=member.thread.label),
        outlook=_OUTLOOK,
    )

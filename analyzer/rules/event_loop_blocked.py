"""An event loop is blocked: a thread that must serve many connections waits for one thing.

Looks for: threads of an event loop (Netty, Vert.x, Reactor, XNIO I/O, a Tomcat poller, asyncio, Node) that stand in a blocking call of application code, a
socket read, a lock, a future, a sleep, instead of waiting for the next event.

Why it matters: every connection that is registered with this loop stands still, whatever it wants. A few blocked loops stop a server that
has thousands of connections and no busy thread.

Do next: move the blocking call to a worker pool (or use the non-blocking client), and set a limit on it.

Wrong when: the loop was caught in a short call. Two dumps with the same stack, or requests that lie unread, tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.evidence.calls import client_evidence, client_figures, clients_in_words, kind_in_words
from analyzer.evidence.chosen_threads import chosen
from analyzer.evidence.citations import of_silence, of_threads, shown_of
from analyzer.evidence.doing import reported
from analyzer.evidence.log_events import asyncio_was_late
from analyzer.evidence.movement import has_stood, standing
from analyzer.evidence.multiples import loops_in_words, multiple
from analyzer.evidence.own_clients import waits_for_itself
from analyzer.families import computing_loops, held_beside, own_loop_calls
from analyzer.families.own_answers import CHECKS, FIX, how_sure, self_wait, service_behind, unread_answers, unread_evidence, unread_in_words
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import ByNumber, Do, Either, Text
from analyzer.software.blockers import IDLE, application_frame
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.software.pools import Pool
from analyzer.waits.acceptors import is_loop, javascript_loop, standing_scripts
from analyzer.waits.server_pools import pressure
from analyzer.waits.targets import targets
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.evidence.movement import Standing
    from analyzer.evidence.multiples import Multiple
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = (
    "class-init-deadlock",
    "cross-system-deadlock",
    "dns-stall",
    "entropy-stall",
    "java-deadlock",
    "lock-convoy",
    "logging-stall",
)
OUTLOOK: Final = Outlook(
    RecoversWhen.CAUSE, say("The loop goes on when the call that blocks it returns; the next such call blocks it again.")
)
CLEAN: Final = say("every event loop waits for events or computes")
_WORKING: Final = IDLE | {ActivityKind.RUNNING, ActivityKind.SOCKET_WRITE, ActivityKind.NONE}
"""What a loop may do at any moment: wait for events, run code, write without waiting."""
TEXT: Final = Text(
    "event-loop-blocked",
    headline=ByNumber(
        "many",
        "{loops} of {name} is blocked in {waits}{by}: all its connections stand still{too}.",
        "{loops} of {name} are blocked in {waits}{by}: all their connections stand still{too}.",
    ),
    explanation="Threads of {name} must wait for events of many connections; {blocked_count} of {loops_count}{here} are in {waits}{called_from}{since}{and_does}.{clients_in_words}{own} Each goes on only when its call returns; more loops would only block as well.",
    why=Either(
        "moved",
        "The stacks show it in this dump only: in the one before, the same loops stood elsewhere or have worked since. Short calls, one after the other, look the same.",
        Either(
            "suffers",
            "The stack shows it, and the clients' requests lie unread.",
            Either(
                "lasts",
                "The same stack stands in the dump before.",
                "The stack shows it; whether it lasts needs a second dump.",
            ),
        ),
    ),
    do=(
        Do(
            When.NOW,
            Either(
                "target",
                "Look at {remote}; a restart only helps until the next slow call.",
                "Take a second dump: does the same loop stand there still?",
            ),
        ),
        Do(When.FIX, FIX),
        Do(When.PREVENT, "{check}"),
    ),
    figures=(("{blocked_count} of {loops_count}", "event loops blocked"),),
    chain=(
        ("{name}", "waits in", "{waits}"),
        ("{who}", Either("own", "may have to come through the same loop", Either("named", "has not answered yet", "has not come yet")), ""),
    ),
    phrases={
        "loops": Either("told", "{told}", ByNumber("loops_count", "{all_of} event loop", "{all_of} event loops")),
        "by": Either("piece", "{called_from}"),
        "too": Either("own", ", and what it waits for may need this very loop to come"),
        "called_from": Either("frame", ", called from {frame}"),
        "and_does": Either("target", ", and {remote} does not answer"),
        "in_": Either("frame", " in {frame}"),
        "stand": ByNumber("blocked_count", "{event_loop} of {name} stands in {waits}", "{event_loop} of {name} stand in {waits}"),
        "here": Either("piece", " that are here"),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per group of event loops that block."""
    for view in case.latest:
        for pool in view.pools:
            blocked = [
                member
                for member in pool.members
                if (pool.role == PoolRole.EVENT_LOOP or waits_for_itself(view, member))
                and (member.activity.kind not in _WORKING or reported(member))
                and member.activity.app >= 0
                and is_loop(view, pool, member)
            ]
            told = computing_loops.teller(view, blocked) or _finding
            if (target := own_loop_calls.own_target(view, pool, blocked)) is not None:
                yield own_loop_calls.finding(view, pool, blocked, target)
            elif blocked:
                more, still = multiple(case, blocked) if chosen(case, view) else None, standing(case, view, blocked)
                yield held_beside.with_holder(view, told(view, pool, blocked, still, more))
        yield from (_of_script(case, view, member) for member in standing_scripts(view, reported=asyncio_was_late(case.incident)))
        if (loop := javascript_loop(view)) is not None:
            yield _finding(view, Pool(say("the process"), PoolRole.EVENT_LOOP, None, (loop,)), [loop], standing(case, view, [loop]))
        yield from (held_beside.with_holder(view, one) for one in computing_loops.held(case, view))


def _of_script(case: Case, view: ProcessView, loop: ThreadActivity) -> Finding:
    """A loop inside a call that blocks: one moment does not show for how long."""
    pool = Pool(say("the process"), PoolRole.EVENT_LOOP, None, (loop,))
    found = _finding(view, pool, [loop], standing(case, view, [loop]))
    return found if found.severity is Severity.CRITICAL else replace(found, confidence=Confidence.SUSPECTED)


def _finding(view: ProcessView, pool: Pool, blocked: list[ThreadActivity], still: Standing | None, more: Multiple | None = None) -> Finding:
    port = pool.port if pool.port is not None else next(iter(view.listeners)) if len(view.listeners) == 1 else None
    suffers = port is not None and pressure(view, port).exists
    frame = application_frame(*blocked[0])
    loops = [member for member in pool.members if member.activity.kind != ActivityKind.NONE]
    runs = blocked[0].activity.kind in _WORKING  # its server's own warning says that it does not come back, or nobody is accepted meanwhile
    waits = blocked[0].thread.frames[0].call if runs else kind_in_words(blocked)
    driver = blocked[0].activity.library if {one.activity.library for one in blocked} <= view.known.drivers else None
    computes = runs and view.known.runtime is Runtime.NATIVE  # one moment of a debugger
    moved = still is not None and not has_stood(still)
    target = next((one for one in targets(view, blocked) if not one.own), None)
    piece, unread = view.dump is not None and view.dump.fragment, unread_answers(view, blocked)
    own = "" if unread else self_wait(view, blocked, named=target is not None)
    text = TEXT.filled(
        view.process,
        own=own,
        all_of=shown_of(view.dump, len(blocked), len(loops)),
        piece=piece,
        name=pool.name,
        since=reported(blocked[0]),
        waits=say("{call} ({library})", call=waits, library=driver) if driver is not None else waits,
        blocked_count=len(blocked),
        loops_count=len(loops),
        many=more.number if more is not None else len(blocked),
        told=loops_in_words(len(blocked), more) if more is not None else None,
        frame=frame,
        target=target,
        remote=target.remote if target else None,
        check=CHECKS.get(view.known.runtime, CHECKS[Runtime.JVM]),
        event_loop=plural(len(blocked), "event loop"),
        clients_in_words=joined("", (clients_in_words(view, port), unread_in_words(unread))),
        suffers=suffers,
        moved=moved,
        lasts=has_stood(still),
        named=target is not None or driver is not None,
        who=str(target.remote) if target else say("the result") if own else service_behind(driver),
    )
    evidence = [of_threads(blocked, text["stand"]), *((more.evidence,) if more else ())]
    evidence += [of_silence(target.connections, target.remote)] if target else []
    return text.finding(
        severity=Severity.CRITICAL if suffers else Severity.WARNING,
        confidence=Confidence.LIKELY if computes else how_sure(moved=moved, suffers=suffers),
        evidence=(*evidence, *unread_evidence(unread), *client_evidence(view, port)),
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps((evidence[0],))[: 1 if computes else None],
        culprit=Culprit(
            pool=pool.name,
            frame=str(frame) if frame else None,
            listener=f"*:{port}" if port is not None else None,
            remote=str(target.remote) if target else None,
            library=blocked[0].activity.library,
        ),
    )

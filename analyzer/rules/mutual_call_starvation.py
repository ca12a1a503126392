"""Two servers wait for each other: each one's request threads wait for an answer that only the other's free thread could give.

Looks for: a server pool without a free thread whose threads wait for calls to another process of the same host, while that process' own
calls to this server lie here unread. The dumps of both make it certain: then each pool is seen waiting for the other. With one host's evidence
alone it is a suspicion: as many requests from the host that the threads wait for lie here unread.

Why it matters: like a server that calls itself, the loop frees no thread when the load stops. Each of the two looks like a victim of a
slow service; only both together show the cause.

Do next: restart one of the two. Then break the loop: no call back into the caller while a request of it is being served, or a pool of its
own for calls that come from the other.

Wrong when: the far process is a proxy or load balancer that only passes the calls on (self-call-starvation, slow-backend), or it calls back over other threads than those
that serve our calls; its own thread dump tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.callbacks import unread_from
from analyzer.evidence.calls import (
    DUMP_MISSING,
    caller_evidence,
    chain_of,
    client_evidence,
    client_figures,
    clients_in_words,
    process_in_words,
    stuck_in_words,
)
from analyzer.evidence.recovery import how_it_ends, of_loop
from analyzer.evidence.witness import of_sockets
from analyzer.model.finding import Action, Confidence, Culprit, Finding, Heals, Missing, Outlook, Severity, Step, When
from analyzer.model.message import joined, plural, say
from analyzer.waits.targets import callee_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ProcessView, Stall
    from analyzer.waits.targets import Target

NEEDS: Final = ("threads", "sockets")
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    Heals.UNKNOWN, say("Neither side can end before the other one does; only a time limit of the calls would end it, or a restart.")
)
CLEAN: Final = say("no other process calls this one back while it is being called")


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per loop of two processes, told from the side that comes first, and per longer ring."""
    told: set[int] = set()
    for stall in case.stalls:
        target = stall.main_target
        if not stall.saturated or target is None or target.own or not target.back:
            continue
        far = callee_of(stall.view, target)
        if far is not None and id(far) not in told:
            told |= {id(stall.view), id(far)}
            yield _finding(stall, target, far, _other_side(case, stall, far))
    for stall in case.stalls:
        target = stall.main_target
        back = unread_from(stall, target) if stall.saturated and target is not None else ()
        if target is not None and back:
            yield _one_side(stall, target, back)
    for ring in case.rings:
        if not told & {id(stall.view) for stall in ring}:
            yield _of_ring(ring)


def _one_side(stall: Stall, target: Target, back: tuple[Connection, ...]) -> Finding:
    """Only this host was saved: which process of the other one the requests come from is not known."""
    view, pool, port, host = stall.view, stall.pool, stall.port, target.remote.host
    calls = of_sockets(
        target.connections,
        say("{connections} to {remote}", connections=plural(len(target.connections), "connection"), remote=target.remote),
        (str(target.remote),),
    )
    unread = of_sockets(
        back,
        say("{connections} from {host}, each with a request that nobody has read", connections=plural(len(back), "connection"), host=host),
        (str(host),),
    )
    return Finding(
        rule="mutual-call-starvation",
        severity=Severity.CRITICAL,
        confidence=Confidence.SUSPECTED,
        headline=say(
            "This server and {host} may wait for each other: calls to {remote} get no answer, and as many from there lie here unread.",
            host=host,
            remote=target.remote,
        ),
        explanation=(
            say(
                "{stuck_in_words} wait for {calls} to {remote}, and {requests} from {host} to port {port} cannot be read before one of them is free. If these come from the service that is being waited for, it is a loop. If {host} is a load balancer, before and behind this server, it is not.",
                stuck_in_words=stuck_in_words(stall),
                calls=plural(len(target.connections), "call"),
                remote=target.remote,
                requests=plural(len(back), "request"),
                host=host,
                port=port,
            )
        ),
        why_confident=say("Equal numbers in both directions; the evidence of {host} decides.", host=host),
        evidence=(*([one for step in chain_of(stall, None) for one in step.evidence] or [caller_evidence(stall)]), calls, unread),
        process=view.process,
        culprit=Culprit(
            pool=pool.name,
            frame=str(stall.culprit) if stall.culprit else None,
            listener=f"*:{port}",
            remote=str(target.remote),
        ),
        chain=chain_of(stall, Step(str(host), say("may wait for a free thread of"), say("{name} has none", name=pool.name), (unread,))),
        actions=(
            Action(
                When.NOW,
                say(
                    "Save socket table and thread dump of {host} too, before either is restarted, and analyze both folders together.",
                    host=host,
                ),
            ),
            Action(
                When.FIX,
                say(
                    "If it is a loop, break it: no call back into the caller while its request is served, or a pool of its own for such calls."
                ),
            ),
        ),
        figures=(
            (f"{len(target.connections):,}", say("calls to {remote}", remote=target.remote)),
            (f"{len(back):,}", say("requests from {host} that nobody has read", host=host)),
        ),
        missing=(
            Missing(
                say("socket table and thread dump of {host}", host=host),
                say("whether its threads wait for this server"),
                f"ss -tanpe > ss-{host}.txt; {DUMP_MISSING.command}",
            ),
        ),
    )


def _other_side(case: Case, stall: Stall, far: ProcessView) -> Stall | None:
    """The other process' pool, if its dump shows it waiting for this one."""
    return next(
        (
            other
            for other in case.stalls
            if other.view is far and other.saturated and other.main_target is not None and callee_of(far, other.main_target) is stall.view
        ),
        None,
    )


def _of_ring(ring: tuple[Stall, ...]) -> Finding:
    """Every pool of the ring waits for the next, and the last for the first; nobody's unread request shows which came first."""
    first = ring[0]
    names = [process_in_words(stall.view, first.view) for stall in ring]
    steps = [_ring_step(stall, name, after) for stall, name, after in zip(ring, names, (*names[1:], names[0]), strict=True)]
    doubts = [name for stall, name in zip(ring, names, strict=True) if not _sure(stall)]
    outlook = of_loop(first)
    ports = [(stall.view, stall.port) for stall in ring if stall.port is not None]
    return Finding(
        rule="mutual-call-starvation",
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if doubts else Confidence.CERTAIN,
        headline=say(
            "{ring_count} servers wait for each other in a ring: {list}.", ring_count=len(ring), list=joined(" → ", (*names, names[0]))
        ),
        explanation=(
            joined(
                "",
                (
                    say(
                        "{stuck_in_words} in {name} wait for answers of {after}. ",
                        stuck_in_words=stuck_in_words(stall),
                        name=name,
                        after=after,
                    )
                    for stall, name, after in zip(ring, names, (*names[1:], names[0]), strict=True)
                ),
            )
            + say(
                "None of the pools has a thread left to answer the one before it.{clients_in_words} It {how_it_ends}.",
                clients_in_words=clients_in_words(*ports[0]) if ports else "",
                how_it_ends=how_it_ends(outlook),
            )
        ),
        why_confident=(
            say(
                "Dumps and socket tables of all agree, except that the dump or the count of connections of {list} leaves a doubt.",
                list=joined(" and ", doubts),
            )
            if doubts
            else say("The dump of each shows no free thread, and its socket table that all of its calls go to the next one.")
        ),
        evidence=tuple(one for step in steps for one in step.evidence),
        process=first.view.process,
        culprit=Culprit(
            pool=first.pool.name,
            frame=str(first.culprit) if first.culprit else None,
            listener=f"*:{first.port}" if first.port is not None else None,
            remote=str(first.main_target.remote) if first.main_target else None,
        ),
        chain=tuple(steps),
        loop=True,
        outlook=outlook,
        actions=_ring_actions(ring),
        figures=tuple(
            (
                say("{blocked:,} of {workers:,}", blocked=stall.blocked, workers=stall.workers),
                say("threads waiting in {name}", name=name),
            )
            for stall, name in zip(ring, names, strict=True)
        )[:4],
    )


def _ring_step(stall: Stall, name: str, after: str) -> Step:
    target = stall.main_target
    assert target is not None
    calls = of_sockets(
        target.connections,
        say(
            "{connections} from {name} to {remote}, which is {after}",
            connections=plural(len(target.connections), "connection"),
            name=name,
            remote=target.remote,
            after=after,
        ),
        (str(target.remote),),
    )
    waiting = [one for step in chain_of(stall, None) for one in step.evidence][-1:]
    return Step(
        name,
        say("waits for an answer from"),
        say("{blocked} of {workers} threads of {name}", blocked=stall.blocked, workers=stall.workers, name=stall.pool.name),
        (*waiting, calls),
    )


def _sure(stall: Stall) -> bool:
    """True if the dump is whole and the connections to the next one explain its callers exactly."""
    whole = stall.view.dump is not None and stall.view.dump.complete is not False
    return whole and stall.main_target is not None and stall.main_target.confidence is Confidence.CERTAIN


def _ring_actions(ring: tuple[Stall, ...]) -> tuple[Action, ...]:
    frames = [str(stall.culprit) for stall in ring if stall.culprit]
    return (
        Action(When.NOW, say("Save a dump of each, then restart one of them: that frees the others, until the next burst.")),
        Action(
            When.FIX,
            say(
                "Break the ring at one place{where}: no call that comes back to its own caller while a request is served, or a pool of its own for such calls.",
                where=say(": {frames}", frames=frames[0]) if frames else "",
            ),
        ),
        Action(When.FIX, say("Set connect and read time limits on every call of the ring.")),
    )


def _finding(stall: Stall, target: Target, far: ProcessView, other: Stall | None) -> Finding:
    view, pool, port = stall.view, stall.pool, stall.port
    who = process_in_words(far, view)
    listener = target.back[0].remote
    outlook = of_loop(stall)
    evidence = [one for step in chain_of(stall, None) for one in step.evidence] or [caller_evidence(stall)]
    evidence.append(
        of_sockets(
            target.connections,
            say(
                "{connections} from this process to {remote}, which is {who}",
                connections=plural(len(target.connections), "connection"),
                remote=target.remote,
                who=who,
            ),
            (str(target.remote),),
        )
    )
    back = of_sockets(
        target.back,
        say(
            "{connections} of {who} back to port {port}, each with a request that nobody has read",
            connections=plural(len(target.back), "connection"),
            who=who,
            port=listener.port if listener else "",
        ),
    )
    evidence.append(back)
    if other is not None:
        evidence.append(caller_evidence(other))
    return Finding(
        rule="mutual-call-starvation",
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if other is not None else Confidence.LIKELY,
        headline=say("Two servers wait for each other: this one for {remote}, and {who} for this one.", remote=target.remote, who=who),
        explanation=(
            say(
                "{stuck_in_words} wait for {calls} to {remote}. That is {who}, and {calls2} of it back to {listener} lie here unread, because no thread is free to read them.{clients_in_words} It {how_it_ends}.",
                stuck_in_words=stuck_in_words(stall),
                calls=plural(len(target.connections), "call"),
                remote=target.remote,
                who=who,
                calls2=plural(len(target.back), "call"),
                listener=listener,
                clients_in_words=clients_in_words(view, port) if port is not None else "",
                how_it_ends=how_it_ends(outlook),
            )
        ),
        why_confident=(
            say("Both dumps and the socket table agree: {name} of the other process waits for this one in turn.", name=other.pool.name)
            if other is not None
            else say(
                "The socket table shows the calls in both directions. That the far process' threads wait for theirs needs its own thread dump."
            )
        ),
        evidence=(*evidence, *(client_evidence(view, port) if port is not None else ())),
        process=view.process,
        culprit=Culprit(
            pool=pool.name,
            frame=str(stall.culprit) if stall.culprit else None,
            listener=f"*:{port}" if port is not None else None,
            remote=str(target.remote),
        ),
        chain=chain_of(stall, Step(who, say("waits for a free thread of"), say("{name} has none", name=pool.name), (back,))),
        loop=True,
        outlook=outlook,
        actions=_actions(far.process.pid, stall),
        figures=(
            *client_figures(view, port),
            (f"{len(target.connections):,}", say("calls to {remote}", remote=target.remote)),
            (f"{len(target.back):,}", say("calls back that nobody has read")),
        ),
        missing=() if other is not None else (_other_dump(far.process.pid),),
    )


def _other_dump(pid: int | None) -> Missing:
    """What would show whether the other process waits in turn."""
    command = DUMP_MISSING.command.replace("PID", str(pid)) if pid is not None else DUMP_MISSING.command
    return Missing(say("thread dump of the other process"), say("whether its threads wait for this one"), command)


def _actions(pid: int | None, stall: Stall) -> tuple[Action, ...]:
    return (
        Action(
            When.NOW,
            say("Save a dump of both processes, then restart one of them; waiting does not help."),
            f"jstack -l {pid} > jstack-{pid}.txt",
        ),
        Action(
            When.FIX,
            say(
                "Break the loop: do not call back into the caller while serving its request, or serve such calls from a pool of their own."
            ),
        ),
        Action(
            When.FIX,
            say(
                "Set connect and read time limits on the calls in both directions{here_in}.",
                here_in=say(", here in {culprit}", culprit=stall.culprit) if stall.culprit else "",
            ),
        ),
    )

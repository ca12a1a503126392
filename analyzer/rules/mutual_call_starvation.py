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
from analyzer.evidence.citations import of_sockets
from analyzer.evidence.recovery import how_it_ends, of_loop
from analyzer.model.finding import Action, Confidence, Culprit, Finding, Missing, Outlook, RecoversWhen, Severity, Step, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.waits.targets import callee_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ProcessView, ServerPool
    from analyzer.waits.targets import Target

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.UNKNOWN, say("Neither side can end before the other one does; only a timeout of the calls would end it, or a restart.")
)
CLEAN: Final = say("no other process calls this one back while it is being called")
ONE_SIDE: Final = Text(
    "mutual-call-starvation",
    headline="This server and {host} may wait for each other: calls to {remote} get no answer, and as many from there lie here unread.",
    explanation="{stuck_in_words} wait for {calls} to {remote}, and {requests} from {host} to port {port} cannot be read before one of them is free. If these come from the service that is being waited for, it is a loop. If {host} is a load balancer, before and behind this server, it is not.",
    why="Equal numbers in both directions; the evidence of {host} decides.",
    do=(
        Do(When.NOW, "Save socket table and thread dump of {host} too, before either is restarted, and analyze both folders together."),
        Do(
            When.FIX,
            "If it is a loop, break it: no call back into the caller while its request is served, or a pool of its own for such calls.",
        ),
    ),
    figures=(("{connections_count:,}", "calls to {remote}"), ("{back_count:,}", "requests from {host} that nobody has read")),
    ask=(
        Ask(
            "socket table and thread dump of {host}",
            "whether its threads wait for this server",
            "ss -tanpe > ss-{host}.txt; {dump_command}",
        ),
    ),
    chain=(("{host}", "may wait for a free thread of", "{name} has none"),),
    phrases={"calls2": "{connections} to {remote}"},
)

OF_RING: Final = Text("mutual-call-starvation", headline="{ring_count} servers wait for each other in a ring: {list}.", explanation="")

TEXT: Final = Text(
    "mutual-call-starvation",
    headline="Two servers wait for each other: this one for {remote}, and {who} for this one.",
    explanation="{stuck_in_words} wait for {calls} to {remote}. That is {who}, and {calls2} of it back to {listener} lie here unread, because no thread is free to read them.{clients_in_words} It {how_it_ends}.",
    do=(
        Do(When.NOW, "Save a dump of both processes, then restart one of them; waiting does not help.", "{dump_commands}"),
        Do(
            When.FIX,
            "Break the loop: do not call back into the caller while serving its request, or serve such calls from a pool of their own.",
        ),
        Do(When.FIX, "Set connect and read timeouts on the calls in both directions{here_in}."),
    ),
    figures=(("{connections_count:,}", "calls to {remote}"), ("{back_count:,}", "calls back that nobody has read")),
    chain=(("{who}", "waits for a free thread of", "{name} has none"),),
    phrases={
        "connections_shown": "{connections} from this process to {remote}, which is {who}",
        "here_in": Either("here_in", ", here in {culprit}"),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per loop of two processes, told from the side that comes first, and per longer ring."""
    told: set[ProcessView] = set()
    for serving in case.server_pools:
        target = serving.main_target
        if not serving.saturated or target is None or target.own or not target.back:
            continue
        far = callee_of(serving.view, target)
        if far is not None and far not in told:
            told |= {serving.view, far}
            yield _finding(serving, target, far, _other_side(case, serving, far))
    for serving in case.server_pools:
        target = serving.main_target
        back = unread_from(serving, target) if serving.saturated and target is not None else ()
        if target is not None and back:
            yield _one_side(serving, target, back)
    for ring in case.wait_cycles:
        if not told & {serving.view for serving in ring}:
            yield _of_ring(ring)


def _one_side(serving: ServerPool, target: Target, back: tuple[Connection, ...]) -> Finding:
    """Only this host was saved: which process of the other one the requests come from is not known."""
    view, pool, port, host = serving.view, serving.pool, serving.port, target.remote.host
    text = ONE_SIDE.filled(
        view.process,
        host=host,
        remote=target.remote,
        stuck_in_words=stuck_in_words(serving),
        calls=plural(len(target.connections), "call"),
        requests=plural(len(back), "request"),
        port=port,
        connections_count=len(target.connections),
        back_count=len(back),
        dump_command=DUMP_MISSING.command,
        name=pool.name,
        connections=plural(len(target.connections), "connection"),
    )
    calls = of_sockets(target.connections, text["calls2"], (str(target.remote),))
    unread = of_sockets(
        back,
        say("{connections} from {host}, each with a request that nobody has read", connections=plural(len(back), "connection"), host=host),
        (str(host),),
    )
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.SUSPECTED,
        evidence=(*([one for step in chain_of(serving, None) for one in step.evidence] or [caller_evidence(serving)]), calls, unread),
        chain=chain_of(serving, *text.steps((unread,))),
        culprit=Culprit(
            pool=pool.name, frame=str(serving.culprit) if serving.culprit else None, listener=f"*:{port}", remote=str(target.remote)
        ),
    )


def _other_side(case: Case, serving: ServerPool, far: ProcessView) -> ServerPool | None:
    """The other process' pool, if its dump shows it waiting for this one."""
    return next(
        (
            other
            for other in case.server_pools
            if other.view is far and other.saturated and other.main_target is not None and callee_of(far, other.main_target) is serving.view
        ),
        None,
    )


def _of_ring(ring: tuple[ServerPool, ...]) -> Finding:
    """Every pool of the ring waits for the next, and the last for the first; nobody's unread request shows which came first."""
    first = ring[0]
    names = [process_in_words(serving.view, first.view) for serving in ring]
    steps = [_ring_step(serving, name, after) for serving, name, after in zip(ring, names, (*names[1:], names[0]), strict=True)]
    doubts = [name for serving, name in zip(ring, names, strict=True) if not _sure(serving)]
    outlook = of_loop(first)
    ports = [(serving.view, serving.port) for serving in ring if serving.port is not None]
    text = OF_RING.filled(first.view.process, ring_count=len(ring), list=joined(" → ", (*names, names[0])))
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if doubts else Confidence.CERTAIN,
        evidence=tuple(one for step in steps for one in step.evidence),
        explanation=joined(
            "",
            (
                say(
                    "{stuck_in_words} in {name} wait for answers of {after}. ",
                    stuck_in_words=stuck_in_words(serving),
                    name=name,
                    after=after,
                )
                for serving, name, after in zip(ring, names, (*names[1:], names[0]), strict=True)
            ),
        )
        + say(
            "None of the pools has a thread left to answer the one before it.{clients_in_words} It {how_it_ends}.",
            clients_in_words=clients_in_words(*ports[0]) if ports else "",
            how_it_ends=how_it_ends(outlook),
        ),
        why_confident=say(
            "Dumps and socket tables of all agree, except that the dump or the count of connections of {list} leaves a doubt.",
            list=joined(" and ", doubts),
        )
        if doubts
        else say("The dump of each shows no free thread, and its socket table that all of its calls go to the next one."),
        actions=_ring_actions(ring),
        figures=tuple(
            (
                (
                    say("{blocked:,} of {workers:,}", blocked=serving.blocked, workers=serving.workers),
                    say("threads waiting in {name}", name=name),
                )
                for serving, name in zip(ring, names, strict=True)
            )
        )[:4],
        chain=tuple(steps),
        culprit=Culprit(
            pool=first.pool.name,
            frame=str(first.culprit) if first.culprit else None,
            listener=f"*:{first.port}" if first.port is not None else None,
            remote=str(first.main_target.remote) if first.main_target else None,
        ),
        loop=True,
        outlook=outlook,
    )


def _ring_step(serving: ServerPool, name: str, after: str) -> Step:
    target = serving.main_target
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
    waiting = [one for step in chain_of(serving, None) for one in step.evidence][-1:]
    return Step(
        name,
        say("waits for an answer from"),
        say("{blocked} of {workers} threads of {name}", blocked=serving.blocked, workers=serving.workers, name=serving.pool.name),
        (*waiting, calls),
    )


def _sure(serving: ServerPool) -> bool:
    """True if the dump is whole and the connections to the next one explain its callers exactly."""
    whole = serving.view.dump is not None and serving.view.dump.complete is not False
    return whole and serving.main_target is not None and serving.main_target.confidence is Confidence.CERTAIN


def _ring_actions(ring: tuple[ServerPool, ...]) -> tuple[Action, ...]:
    frames = [str(serving.culprit) for serving in ring if serving.culprit]
    return (
        Action(When.NOW, say("Save a dump of each, then restart one of them: that frees the others, until the next burst.")),
        Action(
            When.FIX,
            say(
                "Break the ring at one place{where}: no call that comes back to its own caller while a request is served, or a pool of its own for such calls.",
                where=say(": {frames}", frames=frames[0]) if frames else "",
            ),
        ),
        Action(When.FIX, say("Set connect and read timeouts on every call of the ring.")),
    )


def _finding(serving: ServerPool, target: Target, far: ProcessView, other: ServerPool | None) -> Finding:
    view, pool, port = serving.view, serving.pool, serving.port
    who = process_in_words(far, view)
    listener = target.back[0].remote
    outlook = of_loop(serving)
    evidence = [one for step in chain_of(serving, None) for one in step.evidence] or [caller_evidence(serving)]
    text = TEXT.filled(
        view.process,
        remote=target.remote,
        who=who,
        stuck_in_words=stuck_in_words(serving),
        calls=plural(len(target.connections), "call"),
        calls2=plural(len(target.back), "call"),
        listener=listener,
        clients_in_words=clients_in_words(view, port) if port is not None else "",
        how_it_ends=how_it_ends(outlook),
        dump_commands="; ".join(
            f"jstack -l {one} > jstack-{one}.txt" for one in (serving.view.process.pid, far.process.pid) if one is not None
        )
        or None,
        here_in=serving.culprit,
        culprit=serving.culprit,
        connections_count=len(target.connections),
        back_count=len(target.back),
        name=pool.name,
        connections=plural(len(target.connections), "connection"),
    )
    evidence.append(of_sockets(target.connections, text["connections_shown"], (str(target.remote),)))
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
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if other is not None else Confidence.LIKELY,
        evidence=(*evidence, *(client_evidence(view, port) if port is not None else ())),
        why_confident=say(
            "Both dumps and the socket table agree: {name} of the other process waits for this one in turn.", name=other.pool.name
        )
        if other is not None
        else say(
            "The socket table shows the calls in both directions. That the far process' threads wait for theirs needs its own thread dump."
        ),
        figures=(*client_figures(view, port), *text.figures),
        missing=() if other is not None else (_other_dump(far.process.pid),),
        chain=chain_of(serving, *text.steps((back,))),
        culprit=Culprit(
            pool=pool.name,
            frame=str(serving.culprit) if serving.culprit else None,
            listener=f"*:{port}" if port is not None else None,
            remote=str(target.remote),
        ),
        loop=True,
        outlook=outlook,
    )


def _other_dump(pid: int | None) -> Missing:
    """What would show whether the other process waits in turn."""
    command = DUMP_MISSING.command.replace("PID", str(pid)) if pid is not None else DUMP_MISSING.command
    return Missing(say("thread dump of the other process"), say("whether its threads wait for this one"), command)

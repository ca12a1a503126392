"""An event loop that waits for the answer of its own process' port: nobody else could read the request, so the answer never comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_evidence, client_figures, clients_in_words, kind_in_words
from analyzer.evidence.citations import of_threads
from analyzer.families.own_calls import pair_evidence, state_in_words
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import OUTBOUND, application_frame
from analyzer.waits.acceptors import ACCEPTING
from analyzer.waits.targets import targets
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.process import OwnCall
    from analyzer.model.finding import Finding
    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import ProcessView
    from analyzer.waits.targets import Target

TEXT: Final = Text(
    "self-call-starvation",
    headline="The server waits for itself: its event loop is blocked in a call to its own port {port}, which that loop alone could answer.",
    explanation="The only event loop of {name} is in {waits}{called}, and its call goes to {remote}, the listener of the same process. {state}{clients} While the call waits, the loop accepts and reads nothing, the call's own request included: a faster server, a larger backlog and a longer timeout change nothing.",
    why=Either(
        "shared",
        "Both ends of the call are in the table, and the stack shows the wait; other processes of the listener, or threads that are not here, might answer.",
        "Both ends of the call are in the table: nobody has read the request. The stack shows that the loop waits for its answer.",
    ),
    do=(
        Do(When.NOW, "Restart the process: the call ends only by a timeout, and the next one blocks the loop again."),
        Do(
            When.FIX,
            Either(
                "python",
                "Do not call the own port{in_}: call the function itself, or await an asynchronous client, or let the handler run on a thread (def instead of async def, run_in_executor), so that the loop stays free to answer.",
                "Do not call the own port{in_}: call the function itself, or use a client that does not block, so that the loop stays free to answer.",
            ),
        ),
        Do(When.PREVENT, "Give the client connect and read timeouts. More processes only make the hang rarer."),
    ),
    figures=(("1 of 1", "event loops blocked"),),
    chain=(
        ("{name}", "waits in", "{waits}"),
        ("{remote}, the own listener,", "waits for this very loop", ""),
    ),
    phrases={
        "called": Either("frame", ", called from {frame}"),
        "in_": Either("frame", " in {frame}"),
        "stands": "the only event loop of {name} stands in {waits}",
    },
)
_OUTLOOK: Final = Outlook(RecoversWhen.TIMEOUT, say("The loop goes on when the call runs into its own time limit, if it has one."))


def own_target(view: ProcessView, pool: Pool, blocked: Sequence[ThreadActivity]) -> Target | None:
    """The own listener, where the only loop of the process waits in a call to it, as the table proves."""
    if len(pool.members) != 1 or len(blocked) != 1 or blocked[0].activity.kind not in OUTBOUND:
        return None
    if any(member.activity.kind in ACCEPTING for one in view.pools for member in one.members if member is not blocked[0]):
        return None  # another thread may accept and read it
    found = targets(view, blocked)
    return (
        found[0]
        if len(found) == 1 and found[0].own and found[0].confidence is not Confidence.SUSPECTED and _pairs(view, found[0])
        else None
    )


def _pairs(view: ProcessView, target: Target) -> list[OwnCall]:
    return [pair for pair in view.pairs if pair.pending and pair.proven and pair.near in target.connections]


def finding(view: ProcessView, pool: Pool, blocked: Sequence[ThreadActivity], target: Target) -> Finding:
    """The loop, and its call to itself."""
    pairs, frame = _pairs(view, target), application_frame(*blocked[0])
    port = target.remote.port
    listener = view.listeners.get(port) if port is not None else None
    shared = (listener is not None and len(listener.owners) > 1) or bool(view.coverage.threads)
    text = TEXT.filled(
        view.process,
        name=pool.name,
        port=port,
        remote=target.remote,
        waits=kind_in_words(blocked),
        frame=frame,
        state=state_in_words(pairs),
        clients=clients_in_words(view, port),
        shared=shared,
        python=view.known.runtime is Runtime.PYTHON,
    )
    shown = (of_threads(blocked, text["stands"]), pair_evidence(pairs))
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if shared else Confidence.CERTAIN,
        evidence=(*shown, *client_evidence(view, port)),
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps(shown[:1], shown[1:]),
        culprit=Culprit(
            pool=pool.name,
            frame=str(frame) if frame else None,
            listener=f"*:{port}",
            remote=str(target.remote),
            thread=blocked[0].thread.label,
        ),
        loop=True,
        outlook=_OUTLOOK,
    )

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

from analyzer.evidence.callbacks import CalledBack, called_back
from analyzer.evidence.calls import DUMP_MISSING, caller_evidence, clients_in_words, culprit_of, process_in_words, waits_of
from analyzer.evidence.citations import of_sockets
from analyzer.evidence.recovery import how_it_ends, of_loop
from analyzer.families import call_rings, loops_of_sockets, one_side_of_calls, stalled_pool
from analyzer.model.finding import Confidence, Finding, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.UNKNOWN, say("Neither side can end before the other one does; only a timeout of the calls would end it, or a restart.")
)
CLEAN: Final = say("no other process calls this one back while it is being called")
TEXT: Final = Text(
    "mutual-call-starvation",
    headline="Two servers wait for each other: {pair}.",
    why=Either(
        "far_pool",
        "Both dumps and the socket table agree: {far_pool} of the other process waits for this one in turn.",
        "The socket table shows the calls in both directions. That the far process' threads wait for theirs needs its own thread dump.",
    ),
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
    ask=(Ask("thread dump of the other process", "whether its threads wait for this one", "{other_dump}", on="undecided"),),
    chain=(("{who}", "waits for a free thread of", "{name} has none"),),
    phrases={
        "back": "{back_connections} of {who} back to port {port}, each with a request that nobody has read",
        "connections_shown": "{connections} from this process to {remote}, which is {who}",
        "pair": Either("both", "{me} and {who}", "this one for {remote}, and {who} for this one"),
        "here_in": Either("culprit", ", here in {culprit}"),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per loop of two processes, told from the side that comes first, and per longer ring."""
    pairs = tuple(called_back(case))
    told = {view for pair in pairs for view in (pair.serving.view, pair.far)}
    yield from map(_finding, pairs)
    yield from one_side_of_calls.suspicions(case)
    yield from call_rings.findings(case, told)
    yield from loops_of_sockets.of_two(case, told)


def _finding(found: CalledBack) -> Finding:
    serving, target, far, other = found.serving, found.target, found.far, found.other
    view, port, listener = serving.view, serving.port, target.back[0].remote
    pids = [one.process.pid for one in (view, far) if one.process.pid is not None]
    outlook = of_loop(serving)
    text = TEXT.filled(
        view.process,
        **stalled_pool.words(serving, target),
        me=process_in_words(view, far),
        both=len(pids) > 1,
        who=process_in_words(far, view),
        calls2=plural(len(target.back), "call"),
        listener=listener,
        clients_in_words=clients_in_words(view, port),
        how_it_ends=how_it_ends(outlook),
        dump_commands="; ".join(f"jstack -l {pid} > jstack-{pid}.txt" for pid in pids) or None,
        back_count=len(target.back),
        back_connections=plural(len(target.back), "connection"),
        port=listener.port if listener else "",
        far_pool=other.pool.name if other is not None else "",
        undecided=other is None,
        other_dump=DUMP_MISSING.command.replace("PID", str(far.process.pid if far.process.pid is not None else "PID")),
    )
    called = of_sockets(target.connections, text["connections_shown"], (str(target.remote),))
    back = of_sockets(target.back, text["back"])
    theirs = (caller_evidence(other),) if other is not None else ()
    sure = Confidence.CERTAIN if other is not None else Confidence.LIKELY
    evidence = (*waits_of(serving), called, back, *theirs)
    culprit = culprit_of(serving, remote=target.remote)
    return stalled_pool.finding(serving, text, sure, evidence, (back,), port, culprit=culprit, loop=True, outlook=outlook)

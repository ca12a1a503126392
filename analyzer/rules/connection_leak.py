"""A client never closes its connections: the services hang up, and the sockets stay in CLOSE_WAIT.

Looks for: CLOSE_WAIT on connections that this process opened itself, to one service, with no thread working on them. It is a leak for
sure when they grow from snapshot to snapshot. Sockets that were read to the end (Recv-Q 0) have been seen by the application, which still
holds them.

Why it matters: CLOSE_WAIT has no time limit. Each leaked connection keeps a descriptor, until the process reaches its limit and can open
neither files nor connections.

Do next: close the response, the stream or the client in every path (try-with-resources); for JDK HttpClient keep one client instead of one
per request. Take a second socket table a few minutes later if there is only one.

Wrong when: they are idle members of a connection pool that the service closed meanwhile. These are few, do not grow, and go when the pool
looks at them. A pool that leaks but is not empty yet looks exactly the same in one snapshot.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.citations import of_sockets
from analyzer.evidence.growth import growth, growth_text
from analyzer.evidence.held_answers import held_answers
from analyzer.evidence.packet_claims import packet_evidence
from analyzer.join.connections import close_wait
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.growth import Growth
    from analyzer.evidence.held_answers import HeldAnswers
    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final = ("http-pool-exhausted",)
OUTLOOK: Final = Outlook(
    RecoversWhen.RESTART, say("Only the code that opened a connection closes it; a restart frees them, and they grow again.")
)
CLEAN: Final = say("no connection that the process opened is in CLOSE_WAIT")
MANY: Final = 200
"""Stale members of one pool towards one service: pools for one service are rarely set above 200 (Tomcat's and many gateways' default)."""
TREND: Final = 3
"""Snapshots that make growth certain: of two tables, the first may be cut, or the pool was just filling."""
POOLED: Final = 50
"""Stale connections up to which a pool whose idle members expire one after the other shows the same growth: twice what HTTP clients keep by default."""
GROWTH: Final = 3
"""Sockets that must have come between first and last snapshot: fewer may be a pool that filled."""


_HOW: Final = {
    Runtime.GO: say(" (defer resp.Body.Close())"),
    Runtime.NODE: say(" (response.resume() or destroy())"),
    Runtime.PYTHON: say(" (a with block)"),
    Runtime.NATIVE: "",
}
"""How an answer is closed for sure."""


EARLIER: Final = 5
"""Earlier snapshots whose rows are quoted."""
TEXT: Final = Text(
    "connection-leak",
    headline="{who} keeps {connections} to {remote} that the service has closed{a_connection}.",
    explanation="{remote} closed {connections}; this process opened {it} and has not closed {its} own side{split}.{grown} CLOSE_WAIT has no timeout: only close(), or the end of the process, ends it.",
    do=(
        Do(
            When.NOW,
            "See how far the limit of descriptors is; restart before it is reached.",
            "ls /proc/{pid}/fd | wc -l; grep 'open files' /proc/{pid}/limits",
            on="grows",
        ),
        Do(
            When.NOW,
            "Take another socket table in a few minutes: growth makes it a leak.",
            "lsof -nP -a -i -p {pid} > lsof-2.txt",
            on="steady",
        ),
        Do(
            When.FIX,
            Either(
                "jvm",
                "Close every response, stream and connection to {remote} in all paths (try-with-resources); keep one client, not one per request.",
                "Read or close every answer of {remote} in all paths{how}; keep one client, not one per request.",
            ),
        ),
        Do(
            When.PREVENT,
            "Let the pool check or evict idle connections before the service closes them (keep-alive shorter than the service's).",
        ),
    ),
    figures=(("{sockets_count:,}", "CLOSE_WAIT to {remote}"),),
    ask=(
        Ask(
            "second socket table, some minutes later",
            "whether the sockets to {remote} grow",
            "lsof -nP -a -i -p {pid} > lsof-2.txt",
            on="sudden",
        ),
    ),
    chain=(("{remote}", "closed its side of", "{connections}"), ("{who}", "never closes", "its own side")),
    phrases={
        "sockets_shown": "{sockets} to {remote} in CLOSE_WAIT",
        "a_connection": Either("severe", ": a connection leak"),
        "split": Either("states", " ({states})"),
    },
)


class _Judged(NamedTuple):
    """How bad, how sure and why; how fast they grow, the answers that they hold, and the earlier sockets that show the growth."""

    severity: Severity
    confidence: Confidence
    why: str
    speed: Growth | None = None
    held: HeldAnswers | None = None
    before: Sequence[Sequence[Connection]] = ()


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process and service."""
    for process in case.latest:
        history = [view for view in case.history(process) if view.sockets]
        for remote, sockets in _groups(history[-1]).items() if history else ():
            earlier = [_groups(view).get(remote, []) for view in history[:-1]]
            counts = [len(group) for group in (*earlier, sockets)]
            yield _finding(history[-1], remote, sockets, counts, _judge(history, remote, sockets, earlier))


def _groups(view: ProcessView) -> dict[Endpoint, list[Connection]]:
    """CLOSE_WAIT sockets that the process opened, by service."""
    groups: dict[Endpoint, list[Connection]] = {}
    for row in view.client_side:
        if row.state is TcpState.CLOSE_WAIT and row.remote is not None:
            groups.setdefault(row.remote, []).append(row)
    return dict(sorted(groups.items()))


def _opened(view: ProcessView, remote: Endpoint) -> int:
    """Connections to a service, open ones too: those of a pool that the service closes change their state, and their number stays."""
    return sum(row.remote == remote for row in view.client_side)


def _judge(
    history: Sequence[ProcessView], remote: Endpoint, sockets: Sequence[Connection], earlier: Sequence[Sequence[Connection]]
) -> _Judged:
    view = history[-1]
    counts = [len(group) for group in earlier] + [len(sockets)]
    drained = close_wait(sockets).drained
    kept = {(row.local, row.remote) for row in earlier[0]} & {(row.local, row.remote) for row in sockets} if earlier else set()
    grows = (
        len(counts) > 1
        and counts[-1] - counts[0] >= GROWTH
        and all(b >= a for a, b in itertools.pairwise(counts))
        and len(kept) == counts[0]
        and _opened(history[-1], remote) - _opened(history[0], remote) >= GROWTH
    )
    if grows:
        why = say(
            "{list} sockets in {counts_count} snapshots; none of the first ones was ever closed.",
            list=joined(" → ", map(str, counts)),
            counts_count=len(counts),
        )
        sure = len(counts) >= TREND and counts[-1] > POOLED
        confidence = Confidence.CERTAIN if sure else Confidence.LIKELY
        return _Judged(Severity.WARNING, confidence, why, growth(history, counts), before=earlier)
    if (held := held_answers(view, sockets)) is not None:
        return _Judged(Severity.WARNING, Confidence.CERTAIN, held.why, held=held)
    if len(counts) == 1 and (drained or len(sockets) > MANY):
        return _Judged(Severity.WARNING, Confidence.LIKELY if drained > MANY else Confidence.SUSPECTED, _single(drained))
    harmless = say("Few, or not growing: idle pooled connections that the service closed look the same and are harmless.")
    return _Judged(Severity.INFO, Confidence.SUSPECTED, harmless)


def _single(drained: int) -> str:
    if drained:
        return say(
            "{socket_was} read to the end (Recv-Q 0) and not closed: the application has seen the end. A second snapshot would show growth.",
            socket_was=plural(drained, "socket was", "sockets were"),
        )
    return say(
        "More than a pool keeps idle by default, but one snapshot cannot show growth: a large pool of stale connections looks the same."
    )


def _earlier(before: Sequence[Sequence[Connection]], remote: Endpoint) -> Iterator[Evidence]:
    """The rows of earlier snapshots that show the growth: of the first, and of the last ones."""
    groups = [group for group in before if group]
    for group in groups if len(groups) <= EARLIER else (*groups[:1], *groups[1 - EARLIER :]):
        said = say("{sockets} to {remote} in CLOSE_WAIT in an earlier snapshot", sockets=plural(len(group), "socket"), remote=remote)
        yield of_sockets(group, said)


def _finding(view: ProcessView, remote: Endpoint, sockets: Sequence[Connection], counts: Sequence[int], judged: _Judged) -> Finding:
    grown = (
        say(
            " They grow: {list}.{in_words}",
            list=joined(" → ", (say("{count:,}", count=count) for count in counts)),
            in_words=growth_text(judged.speed),
        )
        if len(counts) > 1 and counts[-1] > counts[0]
        else ""
    )
    severe = judged.severity is not Severity.INFO
    text = TEXT.filled(
        view.process,
        who=view.command or say("The process"),
        connections=plural(len(sockets), "connection"),
        remote=remote,
        severe=severe,
        it="it" if len(sockets) == 1 else "them",
        its="its" if len(sockets) == 1 else "their",
        states=_states(sockets),
        grown=grown,
        sockets_count=len(sockets),
        sudden=len(counts) == 1 and judged.held is None,
        sockets=plural(len(sockets), "socket"),
        grows=counts[-1] > counts[0],
        steady=counts[-1] <= counts[0],
        jvm=view.known.runtime is Runtime.JVM,
        how=_HOW.get(view.known.runtime, _HOW[Runtime.NATIVE]),
    )
    return text.finding(
        severity=judged.severity,
        confidence=judged.confidence,
        evidence=(
            of_sockets(sockets, text["sockets_shown"]),
            *_earlier(judged.before, remote),
            *((judged.held.evidence,) if judged.held is not None else ()),
            *packet_evidence(view, sockets),
        ),
        why_confident=judged.why,
        actions=text.actions if severe else (),
        figures=(*text.figures, *(((f"+{counts[-1] - counts[0]:,}", say("since the first snapshot")),) if len(counts) > 1 else ())),
        culprit=Culprit(remote=str(remote)),
    )


def _states(sockets: Sequence[Connection]) -> str:
    """The sockets by what their Recv-Q says; empty if it says nothing."""
    split = close_wait(sockets)
    return joined(
        ", ",
        (
            part
            for part in (
                say("{drained} read to the end", drained=split.drained) if split.drained else "",
                say("{fin_only} with only the FIN unread", fin_only=split.fin_only) if split.fin_only else "",
                say("{unread} with data unread", unread=split.unread) if split.unread else "",
            )
            if part
        ),
    )

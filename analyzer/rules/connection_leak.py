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

from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.citations import of_sockets
from analyzer.evidence.growth import growth, growth_text
from analyzer.evidence.half_closed import split_in_words, unclosed_calls
from analyzer.evidence.held_answers import held_answers
from analyzer.evidence.packet_claims import packet_evidence
from analyzer.families import goroutine_heaps
from analyzer.families.counted_piles import unclosed_by_one
from analyzer.families.counted_sockets import unclosed_by_client
from analyzer.families.unread_answers import unread_answers
from analyzer.join.connections import close_wait
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.evidence.growth import Growth
    from analyzer.evidence.half_closed import UnclosedCalls
    from analyzer.evidence.held_answers import HeldAnswers
    from analyzer.waits.case import Case

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
_HOW: Final = {
    Runtime.GO: say(" (defer resp.Body.Close())"),
    Runtime.NODE: say(" (response.resume() or destroy())"),
    Runtime.PYTHON: say(" (a with block)"),
    Runtime.NATIVE: "",
}
"""How an answer is closed for sure."""
TEXT: Final = Text(
    "connection-leak",
    headline="{who} keeps {connections} to {remote} that the service has closed{a_connection}.",
    explanation=ByNumber(
        "sockets_count",
        "{remote} closed {connections}; this process opened it and has not closed its own side{split}.{grown} CLOSE_WAIT has no timeout: only close(), or the end of the process, ends it.",
        "{remote} closed {connections}; this process opened them and has not closed their own side{split}.{grown} CLOSE_WAIT has no timeout: only close(), or the end of the process, ends it.",
    ),
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
                "Close every response, stream and connection to {remote} in all paths (try-with-resources, finally, with, defer); keep one client, not one per request.",
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
        "grown": Either("grows", " They grow: {list}.{in_words}"),
        "a_connection": Either("severe", ": a connection leak"),
        "split": Either("states", " ({states})"),
    },
)


class _Judged(NamedTuple):
    """How bad, how sure and why; how fast they grow, the answers that they hold, and the rows of earlier snapshots that show the growth."""

    severity: Severity
    confidence: Confidence
    why: str
    speed: Growth | None = None
    held: HeldAnswers | None = None
    before: tuple[Evidence, ...] = ()


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process and service."""
    for leak in unclosed_calls(case):
        yield _finding(leak, _judge(leak))
    bodies = list(goroutine_heaps.unclosed_bodies(case))
    yield from bodies or (*unclosed_by_client(case), *unclosed_by_one(case), *goroutine_heaps.kept_idle(case))
    yield from unread_answers(case)


def _judge(leak: UnclosedCalls) -> _Judged:
    counts, drained = leak.counts, close_wait(leak.sockets).drained
    if leak.grows:
        why = say(
            "{list} sockets in {counts_count} snapshots; none of the first ones was ever closed.",
            list=joined(" → ", map(str, counts)),
            counts_count=len(counts),
        )
        sure = len(counts) >= TREND and counts[-1] > POOLED
        confidence = Confidence.CERTAIN if sure else Confidence.LIKELY
        return _Judged(Severity.WARNING, confidence, why, growth(leak.history, counts), before=tuple(leak.shown_earlier()))
    if (held := held_answers(leak.view, leak.sockets)) is not None:
        return _Judged(Severity.WARNING, Confidence.CERTAIN, held.why, held=held)
    if len(counts) == 1 and (drained or counts[0] > MANY):
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


def _finding(leak: UnclosedCalls, judged: _Judged) -> Finding:
    view, remote, sockets, counts = leak.view, leak.remote, leak.sockets, leak.counts
    severe = judged.severity is not Severity.INFO
    text = TEXT.filled(
        view.process,
        who=view.command or say("The process"),
        connections=plural(len(sockets), "connection"),
        remote=remote,
        severe=severe,
        sockets_count=len(sockets),
        states=split_in_words(sockets),
        list=joined(" → ", (say("{count:,}", count=count) for count in counts)),
        in_words=growth_text(judged.speed),
        sudden=len(counts) == 1 and judged.held is None,
        sockets=plural(len(sockets), "socket"),
        grows=leak.more > 0,
        steady=leak.more <= 0,
        jvm=view.known.runtime is Runtime.JVM,
        how=_HOW.get(view.known.runtime, _HOW[Runtime.NATIVE]),
    )
    return text.finding(
        severity=judged.severity,
        confidence=judged.confidence,
        evidence=(
            of_sockets(sockets, text["sockets_shown"]),
            *judged.before,
            *((judged.held.evidence,) if judged.held is not None else ()),
            *packet_evidence(view, sockets),
        ),
        why_confident=judged.why,
        actions=text.actions if severe else (),
        figures=(*text.figures, *(((f"+{leak.more:,}", say("since the first snapshot")),) if len(counts) > 1 else ())),
        culprit=Culprit(remote=str(remote)),
    )

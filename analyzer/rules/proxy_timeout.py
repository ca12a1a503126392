"""A proxy, or the clients in front of it, gave up on requests that had no answer in time.

Looks for: entries of access and error logs about requests that were given up: 499 and 504 and “upstream timed out” of nginx, HAProxy's termination flags (sH, sQ,
sC, CH …), UT and DC of Envoy, expired timeouts of Apache httpd. With the times that they took, and the server that was asked.

Why it matters: the shortest limit on the way decides who sees the error. The server goes on with work that nobody waits for any more, and clients that try
again add to it. Why no answer came the log cannot know: it is the last one to learn of it.

Do next: look at the server that the log names: its threads, its sockets, what it waits for, at such a moment. Let each limit be shorter than that of the caller in front.

Wrong when: the slow requests are slow by design (exports, long polls), or clients leave because they have gone to another page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.families.given_up import STALLS, GivenUp, each_in_words, given_up, in_words, patience, server_of
from analyzer.families.pauses import explained
from analyzer.model.finding import Confidence, Culprit, Doubt, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, joined, say
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.need import Need
    from analyzer.waits.case import Case

NEEDS: Final[tuple[Need, ...]] = ()
CONSEQUENCE_OF: Final = STALLS
OUTLOOK: Final = Outlook(
    RecoversWhen.CAUSE, say("The log does not show the cause; requests are answered again when the server that is named answers.")
)
CLEAN: Final = say("no log of a proxy tells of requests that were given up, or of no more than every proxy has")
LOG_ALONE: Final = "log-alone"
"""The code of the doubt of findings that rest on a log: what else the log tells stands beside them."""
TEXT: Final = Text(
    "proxy-timeout",
    headline="{first}{then}: no answer came in time.",
    explanation="{whose}{queued} The requests have ended for those who asked, but not for the server: it may still work on them for nobody. {pause}",
    why=Either(
        "proven",
        "The proxy wrote it itself: whose patience ended, after how long, for which server. Why the server did not answer a proxy's log does not show.",
        Either(
            "left",
            "The entries say that the clients left. How long they had waited, and whether for an answer at all, a log without times does not show.",
            "The entries have the status of requests without an answer; whether the proxy or the server behind it gave that status, they do not show.",
        ),
    ),
    do=(
        Do(
            When.NOW,
            "Look at {server}: save the stacks of its threads and its sockets at such a moment. What most of its threads wait for is the cause.",
        ),
        Do(
            When.FIX,
            "Order the limits: the innermost call ends first, each caller waits a little longer. A longer limit at the proxy only hides the wait.",
        ),
        Do(
            When.FIX,
            "Let the proxy log how long each request took, and at which server (nginx: $request_time $upstream_response_time $upstream_addr).",
            on="untimed",
        ),
        Do(When.PREVENT, "Limit how often clients and proxies try again: each try adds to the work of a server that is late already."),
    ),
    figures=(("{count:,}", "requests that had no answer in time"),),
    ask=(
        Ask(
            "thread dump and socket table of {server}",
            "what the server waits for",
            "jstack -l PID > jstack.txt; ss -tanpoei > ss.txt",
            on="alone",
        ),
    ),
    chain=(("clients and proxy", "wait for", "{first}"), ("{server}", "gives no answer in time", "the reason is not in the log")),
    phrases={
        "queued": Either("in_queue", " Those in the queue no server has seen: all places were taken, and the server may be well."),
        "pause": Either(
            "paused",
            "A pause explains it: {paused}.",
            Either(
                "beside",
                "What the server waits for, its own dump and sockets tell.",
                "Threads that hang, a slow service behind it, too few workers and lost packets look alike in this log.",
            ),
        ),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding for each server behind a proxy. Of a log alone that speaks of the proxy's queue only, the rule for that says more."""
    alone = not (case.incident.has_threads or case.incident.has_sockets)
    for one in given_up(case.incident):
        if not alone or set(one.ends) != {LogKind.QUEUE_GAVE_UP}:
            yield _finding(case, one, alone=alone)


def _finding(case: Case, one: GivenUp, *, alone: bool) -> Finding:
    view = server_of(case, one)
    told = list(in_words(one))
    limits = [event for ended in one.ends.values() for event in ended.events]
    pause = explained(case.incident, limits)
    text = TEXT.filled(
        view.process if view is not None else None,
        first=capitalized(told[0]),
        then=say(", and {others}", others=joined(say(" and "), told[1:])) if told[1:] else "",
        whose=patience(one),
        in_queue=LogKind.QUEUE_GAVE_UP in one.ends,
        paused=pause.words if pause is not None else None,
        proven=one.of_proxy,
        left=LogKind.PROXY_GAVE_UP not in one.ends,
        server=one.upstream or say("the server behind the proxy"),
        untimed=all(ended.shortest is None for ended in one.ends.values()),
        count=sum(ended.number for ended in one.ends.values()),
        alone=alone,
        beside=view is not None,
    )
    evidence = tuple(ended.evidence(says) for (_, ended), says in zip(one.ends.items(), each_in_words(one), strict=True))
    sure = Confidence.LIKELY if one.of_proxy else Confidence.SUSPECTED
    doubt = Doubt(LOG_ALONE, say("a log tells what a proxy met, and neither the reason nor that it lasts"), sure)
    finding = text.finding(
        # Beside another process' threads it is no reason why these hang.
        severity=Severity.WARNING if alone or view is not None else Severity.INFO,
        confidence=sure,
        evidence=(*evidence, *(pause.evidence[:1] if pause is not None else ())),
        chain=text.steps(evidence[:1], evidence[-1:]),
        culprit=Culprit(remote=one.upstream),
        doubts=(doubt,) if view is None else (),
    )
    return replace(finding, consequence_of="gc-thrash") if pause is not None else finding

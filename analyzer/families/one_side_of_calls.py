"""Two servers that may wait for each other, where only one host was saved: calls out without an answer, and as many requests from there unread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.callbacks import unread_from
from analyzer.evidence.calls import DUMP_MISSING, culprit_of, waits_of
from analyzer.evidence.citations import of_sockets
from analyzer.families import stalled_pool
from analyzer.model.finding import Confidence, Doubt, Finding, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, Do, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ServerPool
    from analyzer.waits.targets import Target

COMMONER: Final = Doubt(
    "commoner-cause", say("a service that takes no connections is mostly down, or cut off by the network"), Confidence.SUSPECTED
)
"""Why the slow service is told first where the calls are not even accepted: one that only waits for this server goes on taking connections."""
TEXT: Final = Text(
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
    phrases={
        "called": "{connections} to {remote}",
        "unread": "{back_connections} from {host}, each with a request that nobody has read",
    },
)


def suspicions(case: Case) -> Iterator[Finding]:
    """One per stalled pool whose service's host has as many requests here that nobody has read."""
    for serving in case.server_pools:
        target = serving.main_target
        back = unread_from(serving, target) if serving.saturated and target is not None else ()
        if target is not None and back:
            yield _finding(serving, target, back)


def _finding(serving: ServerPool, target: Target, back: tuple[Connection, ...]) -> Finding:
    """Only this host was saved: which process of the other one the requests come from is not known."""
    host = target.remote.host
    text = TEXT.filled(
        serving.view.process,
        **stalled_pool.words(serving, target),
        host=host,
        requests=plural(len(back), "request"),
        port=serving.port,
        back_count=len(back),
        dump_command=DUMP_MISSING.command,
        back_connections=plural(len(back), "connection"),
    )
    calls = of_sockets(target.connections, text["called"], (str(target.remote),))
    unread = of_sockets(back, text["unread"], (str(host),))
    return stalled_pool.finding(
        serving,
        text,
        Confidence.SUSPECTED,
        (*waits_of(serving), calls, unread),
        (unread,),
        None,
        culprit=culprit_of(serving, remote=target.remote),
        doubts=(COMMONER,) if target.connecting else (),
    )

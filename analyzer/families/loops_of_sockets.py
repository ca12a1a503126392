"""Two processes without a thread dump: one calls the other, and the other's own calls to the first lie unread. A loop, as far as sockets show it."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.calls import DUMP_MISSING, client_evidence, client_figures, clients_in_words, command, process_in_words
from analyzer.evidence.citations import of_silence, of_sockets
from analyzer.model.finding import Confidence, Culprit, Finding, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import ByNumber, Do, Either, Text
from analyzer.waits.targets import MAJORITY, way_back
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint

SMALLEST: Final = 3
"""Calls in each direction from which on they are no passing moment."""
TEXT: Final = Text(
    "",
    headline=Either(
        "proxy",
        "The server calls {far}, which calls its own port {port}, and nobody reads these calls: it waits for itself, as it seems.",
        "The server calls {far}, which calls its port {port}, and nobody reads these calls: the two wait for each other, as it seems.",
    ),
    explanation=ByNumber(
        "back_count",
        "{calls} to {service} are open with nothing to read. {back} from there to port {port} of this process lies unread.{clients} If all request threads wait for these calls, no thread is left to answer the ones that come back. If they wait for something else, both are victims. Only thread dumps tell.",
        "{calls} to {service} are open with nothing to read. {back} from there to port {port} of this process lie unread.{clients} If all request threads wait for these calls, no thread is left to answer the ones that come back. If they wait for something else, both are victims. Only thread dumps tell.",
    ),
    why="The socket table proves the calls in both directions; what the threads wait for it does not show.",
    do=(
        Do(When.NOW, "Take a thread dump before the restart: it decides.", "jstack -l {pid} > jstack.txt"),
        Do(
            When.FIX,
            "Find the code that calls {service} while it serves a request, and break the loop: call in process, or give calls that come back a pool of their own.",
        ),
    ),
    figures=(("{calls_count:,}", "open connections to {service}"), ("{back_count:,}", "calls back that nobody has read")),
    chain=(("{own}", "waits for an answer from", "{service}"), ("{far}", "waits for an answer from", "{own}")),
    phrases={"calling": "{back} from {far} to this process"},
)


class Loop(msgspec.Struct, frozen=True):
    """The calls of ``view`` to ``service``, the most called one of ``services`` of the process ``far``, and the unread calls of ``far`` to a port of ``view``."""

    view: ProcessView
    far: ProcessView
    service: Endpoint
    calls: tuple[Connection, ...]
    back: tuple[Connection, ...]
    services: Collection[Endpoint | None]

    @property
    def proxied(self) -> bool:
        """True if the other process only passes calls on."""
        return self.view.known.is_proxy(self.far.command)


@lru_cache(maxsize=64)  # three rules ask
def loops(view: ProcessView) -> tuple[Loop, ...]:
    """Each process of this host or another that calls back over about as many connections as it is called, whatever ports of it are called."""
    called: dict[ProcessView, list[Connection]] = defaultdict(list)
    for row in view.client_side.of(TcpState.ESTABLISHED):
        if row.recv_q == 0 and not view.calls_itself(row):
            end = view.peers.far(view, row)
            if end is not None and end.view is not None and end.view is not view:
                called[end.view].append(row)
    found: list[Loop] = []
    for far, calls in called.items():
        back = way_back(view, calls) if len(calls) >= SMALLEST else ()
        if len(back) >= max(SMALLEST, MAJORITY * len(calls)):
            ((service, _),) = Counter(row.remote for row in calls if row.remote is not None).most_common(1)
            found.append(
                Loop(view, far, service, tuple(row for row in calls if row.remote == service), back, {row.remote for row in calls})
            )
    return tuple(sorted(found, key=lambda loop: loop.service))


def of_two(case: Case, told: set[ProcessView]) -> Iterator[Finding]:
    """One finding for each two processes without dumps that wait for each other, but for those ``told`` already."""
    for view in case.latest:
        for loop in loops(view) if not view.pools and view not in told else ():
            if not loop.proxied:
                told |= {view, loop.far}
                yield finding(loop)


def finding(loop: Loop) -> Finding:
    """The suspicion, as the rule of the loop's kind reports it."""
    view, port = loop.view, loop.back[0].remote.port if loop.back[0].remote is not None else None
    assert port is not None
    text = TEXT.filled(
        view.process,
        proxy=loop.proxied,
        far=process_in_words(loop.far, view),
        own=view.command or say("this process"),
        port=port,
        service=loop.service,
        calls=plural(len(loop.calls), "call"),
        back=plural(len(loop.back), "call"),
        clients=clients_in_words(view, port),
        calls_count=len(loop.calls),
        back_count=len(loop.back),
    )
    out, back = of_silence(loop.calls, loop.service), of_sockets(loop.back, text["calling"])
    return text.finding(
        rule="self-call-starvation" if loop.proxied else "mutual-call-starvation",
        severity=Severity.CRITICAL,
        confidence=Confidence.SUSPECTED,
        evidence=(out, back, *client_evidence(view, port)),
        chain=text.steps((out,), (back,)),
        loop=True,
        figures=(*client_figures(view, port), *text.figures),
        missing=(command(DUMP_MISSING, view),),
        culprit=Culprit(listener=f"*:{port}", remote=str(loop.service)),
    )

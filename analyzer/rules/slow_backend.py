"""The server's threads wait for another service that does not answer.

Looks for: a server pool without a free thread, whose threads wait (directly, or over futures of a helper pool) for answers on
connections to one service that is not this process. As many connections to it are open as threads wait, and nothing is left to read on
them.

Why it matters: the server is as slow as the slowest service it waits for without a limit. Its own clients give up and leave sockets in
CLOSE_WAIT, which look like a defect of this server.

Do next: look at the named service. Then set connect and read time limits for it, a limit of how many threads may wait for it at once, and a
circuit breaker.

Wrong when: the far end is the process' own listener (self-call-starvation), the threads wait for a connection from a pool (then nobody
reads), or one dump has caught a busy but moving server: only a second dump, or clients that gave up, tell a stall from a busy moment. From a capture alone it is
only suspected, and only where other machines are seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import DUMP_MISSING, calling_place, client_evidence, client_figures, clients_in_words, command, kind_in_words
from analyzer.evidence.citations import of_silence
from analyzer.evidence.turns import hides_tasks, quiet_clients, span
from analyzer.families import chosen_calls, forked_servers, loops_of_sockets, standing_calls, tables_without_queues, undecided
from analyzer.families import remote_service as remote
from analyzer.families.captures_only import slow_services
from analyzer.join.connections import close_wait
from analyzer.join.turns import follow, long_awaited
from analyzer.model.finding import Action, Confidence, Culprit, Finding, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import ByNumber, Do, Either, Text
from analyzer.waits.targets import COUNT_TOLERANCE
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.families.forked_servers import Workers
    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ProcessView, ServerPool
    from analyzer.waits.targets import Target
    from parsers.records import Endpoint

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final = ("lost-session",)
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The threads are free when the service answers or closes."))
CLEAN: Final = say("the request threads do not all wait for one other service")
SMALLEST_GROUP: Final = 3
"""Without a thread dump: fewer open connections to one service than this are no pattern."""
TEXT: Final = Text(
    "slow-backend",
    headline=Either(
        "shown",
        "The service at {service} does not answer, and clients of port {port} have given up.",
        "Clients of port {port} gave up, and as many calls to {service} are open as requests are in service: a slow service, or a stall of the server itself.",
    ),
    explanation=Either(
        "shown",
        "{strip} {calls} to {service} have had no answer for {time}: what was sent there was taken, and nothing came back. Each followed a request of these clients at once{tells}.",
        Either(
            "dumped",
            ByNumber(
                "group_count",
                "{strip} {connections} to {service} is open with nothing to read: as many as requests are in service. The stacks show loops that wait for events, whose tasks (greenlets, coroutines) leave no thread. The connections could also be idle members of a pool, while the tasks wait for something else.",
                "{strip} {connections} to {service} are open with nothing to read: as many as requests are in service. The stacks show loops that wait for events, whose tasks (greenlets, coroutines) leave no thread. The connections could also be idle members of a pool, while the tasks wait for something else.",
            ),
            ByNumber(
                "group_count",
                "{strip} {connections} to {service} is open with nothing to read. That fits threads which wait for this service. The connections could also be idle members of a pool, while the threads wait for something else (a lock, a connection pool, each other). Only a thread dump tells.",
                "{strip} {connections} to {service} are open with nothing to read. That fits threads which wait for this service. The connections could also be idle members of a pool, while the threads wait for something else (a lock, a connection pool, each other). Only a thread dump tells.",
            ),
        ),
    ),
    why=Either(
        "shown",
        "The kernel counts what was sent and received on each connection. That the requests wait for these calls rests on their times.",
        "Equal numbers in the socket table, and nothing about the threads.",
    ),
    do=(
        Do(When.NOW, "Look at {service}: is it up, does it accept, what do its own threads wait for?", on="dumped"),
        Do(When.NOW, "Take a thread dump before the restart, and look at {service}.", "jstack -l {pid} > jstack.txt", on="dumpless"),
        Do(When.FIX, "If the threads wait for {service}: set connect and read timeouts on that client."),
    ),
    figures=(("{group_count:,}", "open connections to {service}"),),
    phrases={"tells": Either("dumped", "", "; a thread dump would show that the requests wait for them")},
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per server pool that waits for another service, or that may."""
    for serving, target in remote.waiting(case, driver=False):
        yield remote.finding(case, serving, target, WORDS)
    yield from undecided.suspicions(case, "slow-backend")
    behind = tuple(forked_servers.waiting_workers(case))
    for view in case.latest:
        if not any(serving.view is view for serving in case.server_pools):
            yield from _sockets_only(view, behind)
    for workers in behind:
        yield forked_servers.finding(case, workers)
    yield from slow_services(case)
    yield from tables_without_queues.findings(case)
    yield from chosen_calls.suspicions(case, "slow-backend", driver=False)
    yield from standing_calls.suspicions(case, "slow-backend", driver=False)


def _actions(serving: ServerPool, target: Target) -> tuple[Action, ...]:
    limits = kind_in_words(serving.waiters) if serving.waiters else say("the call")
    return (
        Action(
            When.NOW,
            say(
                "Look at {remote}: is it up, does it accept, what do its own threads wait for? Restarting this server only helps until it waits again.",
                remote=target.remote,
            ),
        ),
        Action(
            When.FIX,
            say(
                "Set connect and read timeouts on the client that calls {remote}{frame}, and a timeout on {limits}.",
                remote=target.remote,
                frame=calling_place(serving),
                limits=limits,
            ),
        ),
        Action(
            When.PREVENT,
            say(
                "Bound how many request threads may wait for this service at once (bulkhead), and stop calling it while it fails (circuit breaker)."
            ),
        ),
    )


WORDS: Final = remote.ServiceText("slow-backend", say("service"), _actions)


def _sockets_only(view: ProcessView, behind: Sequence[Workers]) -> Iterator[Finding]:
    """No thread dump: clients gave up, and as many calls to one service are open as requests are in service."""
    if any(pair.pending for pair in view.pairs):
        return
    # A server that waits for itself is no other service.
    calls_out = [row for row in view.client_side.of(TcpState.ESTABLISHED) if not view.calls_itself(row)]
    groups: dict[Endpoint, list[Connection]] = {}
    for row in calls_out:
        if row.remote is not None and row.recv_q == 0:
            groups.setdefault(row.remote, []).append(row)
    mute = long_awaited(calls_out)
    loops = hides_tasks(view)  # their tasks leave no thread: the numbers are all there is
    for port in sorted(view.listeners):
        counts = close_wait(view.server_side(port))
        in_service = counts.fin_only + (len(quiet_clients(view, port)) if loops and counts.fin_only >= SMALLEST_GROUP else 0)
        matching = [
            (service, group) for service, group in sorted(groups.items()) if abs(len(group) - in_service) <= COUNT_TOLERANCE * in_service
        ]
        # Go takes the FIN while a request is in service: then the counters tell which calls belong to the requests.
        requests = [one for one in view.server_side(port).of(TcpState.CLOSE_WAIT) if one.recv_q in {0, 1}] if mute else []
        proven = [
            (service, calls)
            for service, calls in sorted(mute.items())
            if len(requests) >= SMALLEST_GROUP and follow(calls, requests) >= (1 - COUNT_TOLERANCE) * len(requests)
        ]
        if len(proven) != 1 and (in_service < SMALLEST_GROUP or len(matching) != 1):
            continue
        shown = len(proven) == 1
        if view.dump is not None and not (shown or loops):
            continue  # its threads are here, and equal numbers alone say less than they do
        service, group = proven[0] if shown else matching[0]
        if any(service in loop.services for loop in loops_of_sockets.loops(view)):
            continue  # it calls back and waits for this process in turn
        text = TEXT.filled(
            view.process,
            port=port,
            service=service,
            strip=clients_in_words(view, port).strip(),
            connections=plural(len(group), "connection"),
            group_count=len(group),
            shown=shown,
            dumped=view.dump is not None,
            dumpless=view.dump is None,
            calls=plural(len(group), "call"),
            time=span(group),
        )
        yield text.finding(
            severity=Severity.CRITICAL,
            confidence=Confidence.LIKELY if shown else Confidence.SUSPECTED,
            evidence=(of_silence(group, service), *client_evidence(view, port)),
            figures=(*client_figures(view, port), *text.figures),
            missing=(command(DUMP_MISSING, view),) if view.dump is None else (),
            waits_for=_stuck_behind(view, group) or next((one.process for one in behind if one.port == service.port), None),
            culprit=Culprit(listener=f"*:{port}", remote=str(service)),
        )


def _stuck_behind(view: ProcessView, group: Sequence[Connection]) -> Process | None:
    """The process at the far end, where its stacks are here: what it waits for is the cause of this wait, too."""
    ends = [far.view for row in group if (far := view.peers.far(view, row)) is not None and far.view is not None]
    return ends[0].process if ends and ends[0] is not view and ends[0].dump is not None else None

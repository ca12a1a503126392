"""A server pool that waits for another service: the one story that several rules tell of different services."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from analyzer.evidence.calls import (
    clients_in_words,
    culprit_of,
    role_doubt,
    stuck_in_words,
    waits_of,
)
from analyzer.evidence.citations import of_silence
from analyzer.evidence.doing import reported_for, reported_in_words
from analyzer.evidence.movement import has_stood, moved_on, only_busy, progress_text, standing
from analyzer.evidence.packet_claims import packet_evidence
from analyzer.evidence.recovery import has_no_limit, of_calls
from analyzer.families import stalled_pool
from analyzer.families.far_end import leads, service, ways_back, whose
from analyzer.join.clocks import far_apart
from analyzer.join.turns import BRIEF
from analyzer.model.finding import Basis, Confidence, Evidence, Finding, Kind, Missing, Severity
from analyzer.model.message import joined, plural, say
from analyzer.model.text import ByNumber, Either, Text
from analyzer.software.blockers import waits_for_push
from analyzer.waits.targets import COUNT_TOLERANCE, FEW_CLIENTS, MAJORITY, callee_of
from parsers.records import Runtime, TimerKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from analyzer.evidence.movement import Standing
    from analyzer.model.finding import Action
    from analyzer.model.message import Message
    from analyzer.software.pools import Pool
    from analyzer.waits.case import Case, ProcessView, ServerPool
    from analyzer.waits.targets import Target


LONG_WAIT: Final = 10
"""Seconds of one call after which no request is merely slow: people leave, and proxies give up not much later."""
FEWEST_SHOWN: Final = 5
"""Threads of a pool in a dump that is cut, from which on it is no chance that all of them are busy."""
SMALLEST_POOL: Final = 2
"""A pool of one that is in a call serves a request; servers grow their pools on demand."""
TEXT: Final = Text(
    "",
    headline=Either(
        "connecting",
        ByNumber(
            "waiting_number",
            "{who} takes no connections, and {waiters} waits for it.",
            "{who} takes no connections, and {waiters} wait for it.",
        ),
        Either(
            "lasting",
            ByNumber(
                "waiting_number", "{who} does not answer, and {waiters} waits for it.", "{who} does not answer, and {waiters} wait for it."
            ),
            Either(
                "unacknowledged",
                ByNumber(
                    "waiting_number",
                    "{who} does not acknowledge what is sent to it, and {waiters} waits for its answer.",
                    "{who} does not acknowledge what is sent to it, and {waiters} wait for its answer.",
                ),
                ByNumber(
                    "waiting_number",
                    "{who} may be slow: at this moment {waiters} waits for it.",
                    "{who} may be slow: at this moment {waiters} wait for it.",
                ),
            ),
        ),
    ),
    explanation=Either(
        "connecting",
        "{waiting} wait{through} for connections to {remote}: {connections} to it are being made, and nothing has answered them (SYN_SENT), {leads}.{limits}{in_words}{clients_in_words}{go_on}",
        "{waiting} wait{through} for answers from {remote}: {connections} to it{unread}, {leads}.{unsent}{limits}{in_words}{clients_in_words}{go_on}",
    ),
    phrases={
        "unread": Either("queues", ", none with anything left to read", " (whether answers lie unread the table does not show)"),
        "unsent": Either(
            "unacknowledged",
            " What was sent over them, {unacknowledged:,} bytes in all, {remote} has not acknowledged: its host is gone, or something on the way (a firewall that forgot the connections) drops the packets. A service that is only slow would have acknowledged it.",
        ),
        "go_on": Either(
            "threads",
            " The threads are free again as soon as {remote} answers or the connections end.",
            " The requests go on as soon as {remote} answers or the connections end.",
        ),
    },
    figures=(
        ("{blocked:,} of {workers:,}", Either("threads", "threads of {name} waiting", "requests in service that wait")),
        ("{connections_count:,}", Either("connecting", "connections to {remote} being made", "open connections to {remote}")),
    ),
    chain=(
        (
            "{remote}",
            Either("connecting", "takes no connections", Either("lasting", "does not answer", "has not answered yet")),
            Either("whose", "({whose})"),
        ),
    ),
)


class ServiceText(msgspec.Struct, frozen=True):
    """How a rule tells the story: its id, what it calls the far end, and what to do."""

    rule: str
    noun: str
    actions: Callable[[ServerPool, Target], tuple[Action, ...]]


def waiting(case: Case, *, driver: bool) -> Iterator[tuple[ServerPool, Target]]:
    """Stalled pools and the one other service that they wait for, over a driver of a known service or over anything else."""
    for serving in case.server_pools:
        target = serving.main_target
        if (
            serving.saturated
            and (serving.workers >= SMALLEST_POOL or serving.pressure.exists)
            and target is not None
            and not target.own
            and not target.back
            and not only_busy(case, serving)
            and not _by_their_own_wish(serving)
            and not _comes_and_goes(case, serving, target)
            and not is_called_back(case, serving)
            and is_driver(serving) is driver
            and not case.far_side(serving.view).waits_by_design(target.remote)
        ):
            yield serving, target


def _comes_and_goes(case: Case, serving: ServerPool, target: Target) -> bool:
    """True where nothing bounds the threads, and nothing shows more than a moment: whatever such a server is asked, all its requests are in some call."""
    if serving.pool.bounded or serving.pressure.unanswered or serving.pressure.unknown >= FEW_CLIENTS:
        return False
    return not _lasts(serving, target, standing(case, serving.view, (*serving.waiters, *serving.direct)))


def _by_their_own_wish(serving: ServerPool) -> bool:
    """True where only numbers say that the pool serves, nobody suffers, and its threads wait for pushes: consumers do so however well all is."""
    known = serving.view.known
    waits = bool(serving.callers) and all(waits_for_push(known, member.thread) for member in serving.callers)
    return waits and serving.pool.basis is not None and not serving.pressure.exists


def _may_watch(serving: ServerPool, target: Target) -> bool:
    """True where the pool is only suspected to serve, and nobody is seen to suffer: threads that watch for events call with a connection each as well."""
    felt = serving.pressure
    if target.connecting:
        return False  # nobody watches before there is a connection
    return role_doubt(serving.pool) is not None and serving.pool.sure is Confidence.SUSPECTED and not felt.exists and not felt.unanswered


def is_driver(serving: ServerPool) -> bool:
    """True if most of the callers stand in the driver of a service that has a port of its own."""
    drivers = serving.view.known.drivers
    return sum(caller.activity.library in drivers for caller in serving.callers) * 2 > len(serving.callers)


def is_called_back(case: Case, serving: ServerPool) -> bool:
    """True for the second half of a mutual-call-starvation: the other side's finding tells both."""
    return serving.view in _called_back(case) or any(serving in ring for ring in case.wait_cycles)


@lru_cache(maxsize=4)  # every pool of an incident asks
def _called_back(case: Case) -> frozenset[ProcessView | None]:
    """The processes that a service they wait for calls back in vain."""
    targets = ((serving.view, serving.main_target) for serving in case.server_pools)
    return frozenset(callee_of(view, target) for view, target in targets if target is not None and target.back)


def finding(case: Case, serving: ServerPool, target: Target, words: ServiceText) -> Finding:
    """The finding of one stalled pool and the service it waits for, in the words of the rule that reports it."""
    view, pool, port = serving.view, serving.pool, serving.port
    still = standing(case, view, (*serving.waiters, *serving.direct))
    confidence, severity, why = _judge(serving, target, still)
    far = callee_of(view, target)
    who = service(view, target.remote, words.noun, far)
    lasting = _lasts(serving, target, still) and not _answers_come(target) and not _may_watch(serving, target)
    whole = target.share >= 1 - COUNT_TOLERANCE
    fewer = len(target.connections) < len(serving.callers)
    pasted = view.dump is not None and view.dump.fragment and whole and not fewer and pool.bounded
    waiters = _waiters_in_words(pool, whole=whole, count=len(target.connections) if fewer else None, of=serving.workers, pasted=pasted)
    waiting = (
        stuck_in_words(serving)
        if whole
        else say(
            "About {connections_count:,} of the {workers:,} request threads of {name}",
            connections_count=len(target.connections),
            workers=serving.workers,
            name=pool.name,
        )
    )
    limits = say(" They read without a timeout.") if serving.callers and all(has_no_limit(caller) for caller in serving.callers) else ""
    text = TEXT.filled(
        view.process,
        **stalled_pool.words(serving, target),
        lasting=lasting,
        connecting=target.connecting,
        unacknowledged=_unacknowledged(target),
        queues=any(row.recv_q is not None for row in target.connections),
        who=who,
        whose=whose(view, target.remote, far),
        waiters=waiters,
        waiting_number=len(target.connections) if fewer and whole else serving.workers if pasted else 1,  # “every request thread” is one
        waiting=waiting,
        leads=leads(serving, target),
        limits=limits,
        in_words=joined("", (progress_text(still), reported_in_words(serving.callers))),
        clients_in_words=clients_in_words(view, port),
        threads=pool.bounded or view.known.runtime is Runtime.JVM,
    )
    found = stalled_pool.finding(
        serving,
        text,
        confidence,
        (*waits_of(serving), _target_evidence(target), *packet_evidence(view, target.connections)),
        (_target_evidence(target),),
        port,
        severity=severity,
        rule=words.rule,
        why_confident=why,
        actions=words.actions(serving, target),
        missing=() if confidence is Confidence.CERTAIN or has_stood(still) else (_second_dump(view),),
        absent=() if _unseen_end(view, target) is None else (Kind.SOCKETS,),
        waits_for=far.process if far is not None and far.dump is not None else None,
        culprit=culprit_of(serving, remote=target.remote, library=serving.ends[0].activity.library),
        outlook=of_calls(serving, str(target.remote)),
    )
    return replace(found, consequence_of="queued-at-proxy") if case.far_side(view).queues_before(target.remote) else found


def _unacknowledged(target: Target) -> int:
    """Bytes in Send-Q, where every connection to the service has some and no window is closed; 0 for a moment's packets on their way."""
    rows = target.connections
    waits = all(row.send_q and (row.timer is None or row.timer.kind is not TimerKind.PROBE) for row in rows)
    return sum(row.send_q or 0 for row in rows) if len(rows) > 1 and waits else 0


def _waiters_in_words(pool: Pool, *, whole: bool, count: int | None, of: int, pasted: bool) -> str:
    """Who waits, for the headline. ``count``: how many threads have a connection to the service, None if all that call have."""
    if pasted:
        return say("{threads} of {name}", threads=plural(of, "pasted request thread"), name=pool.name)
    if not pool.bounded:
        return say("every request in service") if whole else say("a part of the requests in service")
    return say(
        "{every_request} of {name}",
        every_request=say("every request thread")
        if whole and count is None
        else say("{count:,} of {of:,} request threads", count=count, of=of)
        if whole and count is not None
        else say("a part of the request threads"),
        name=pool.name,
    )


def _judge(serving: ServerPool, target: Target, still: Standing | None) -> tuple[Confidence, Severity, str]:
    """Certain: dump and sockets agree in number, there is no other service, and clients already suffer (so it is no busy moment)."""
    agree = say(
        "The dump shows {threads} {in_a_call}, the socket table {connections} to {remote}",
        threads=plural(len(serving.ends), "thread"),
        in_a_call=say("in a call") if serving.callers else say("waiting for a result"),
        connections=plural(len(target.connections), "connection"),
        remote=target.remote,
    )
    doubts = _contradictions(serving, target)
    if heard := _answers_come(target):
        doubts.append(say("the kernel's counters show answers on these connections within the last moment"))
    if not serving.callers or serving.inferred:
        doubts.append(say("the dump shows no call: that they wait for one rests on the numbers"))
    if (patient := _nobody_suffers(serving, still)) is not None:
        doubts.append(patient)
    if moved_on(still):
        doubts.append(say("most of the threads have used CPU since the dump before, so answers do come"))
    if target.confidence is not Confidence.CERTAIN or target.share < 1 - COUNT_TOLERANCE:
        doubts.append(say("the connections explain only a part of the threads, or another service is connected too"))
    doubts += [doubt for doubt in (_unseen_end(serving.view, target), role_doubt(serving.pool)) if doubt]
    if watching := _may_watch(serving, target):
        doubts.append(say("threads that watch another service for events (long polls) stand so by design"))
    if serving.view.dump is not None and serving.view.dump.complete is False:
        doubts.append(say("the thread dump is cut off"))
    doubts += (calls_back := ways_back(serving, target))
    if any(dependency.confidence is Confidence.SUSPECTED for dependency in serving.dependencies):
        doubts.append(say("the pool behind the futures is a guess"))
    if not doubts:
        return (
            Confidence.CERTAIN,
            Severity.CRITICAL,
            say("{agree} and to no other service, and clients wait or have given up. The two artifacts are independent.", agree=agree)
            if serving.pressure.exists
            else say(
                "{agree} and to no other service, and the threads stood there {seconds:.0f} seconds before. The two artifacts are independent.",
                agree=agree,
                seconds=(still.seconds if still is not None else None) or 0,
            ),
        )
    severity = Severity.CRITICAL if serving.pressure.exists else Severity.WARNING
    # What a proxy leads to may stand in the rows that are missing, this process itself among them.
    hidden = _is_cut(serving.view, target) and _unseen_end(serving.view, target) is not None
    cut = serving.view.dump is not None and serving.view.dump.complete is False
    guess = cut and (target.confidence is Confidence.SUSPECTED or len(serving.pool.workers) < FEWEST_SHOWN)
    unsure = calls_back or hidden or heard or guess or watching or not _lasts(serving, target, still)
    confidence = Confidence.SUSPECTED if unsure else Confidence.LIKELY
    return confidence, severity, say("{agree}. Not certain, because {list}.", agree=agree, list=joined(" and ", doubts))


def _answers_come(target: Target) -> bool:
    """True if most of the connections have received something within the last moment: the service answers, however many wait for their turn here."""
    heard = [
        one
        for one in target.connections
        if one.info is not None
        and (one.info.bytes_received or one.info.data_segments_in)
        and one.info.last_received_ms is not None
        and one.info.last_received_ms < BRIEF * 1000
    ]
    return len(heard) > MAJORITY * len(target.connections)


def _is_cut(view: ProcessView, target: Target) -> bool:
    """True if rows are missing: the table says so, or it has the far listener and not the other halves of all these connections."""
    if view.coverage.sockets:
        return True
    halves = sum(row.remote is not None and view.table.get(row.remote, row.local) is not None for row in target.connections)
    return view.table.listener(target.remote) is not None and halves < len(target.connections)


def _nobody_suffers(serving: ServerPool, still: Standing | None) -> Message | None:
    """Why it may be no more than a moment; None if clients are seen to suffer, or the threads have stood there for long."""
    stood = has_stood(still)
    if serving.pressure.exists or (stood and still is not None and (still.seconds or 0) >= LONG_WAIT):
        return None
    if serving.abandoned:
        return say("no client is connected any more, and they may have come and gone between the dump and the table")
    if serving.pressure.unknown >= FEW_CLIENTS:
        return say("the table does not show whether those who left still waited for an answer")
    if not stood:
        return say("nobody has given up yet, so one dump may show a busy moment")
    return say("nobody has given up yet: a service that answers each call after some seconds shows the same")


def _lasts(serving: ServerPool, target: Target, still: Standing | None) -> bool:
    """False for what may be a busy moment: nobody suffers, no dump before shows the threads in the same place, and the service takes connections."""
    told = reported_for(serving.callers)
    return serving.pressure.exists or has_stood(still) or target.connecting or (told is not None and told[0] >= LONG_WAIT)


def _contradictions(serving: ServerPool, target: Target) -> list[str]:
    """What the rest of the evidence says against the join: packets that show answers, a dump of another process."""
    found: list[str] = []
    seen = serving.view.packets.seen(target.connections)
    answered = sum(
        captured.flow.unanswered is None and bool(captured.flow.by_server.last_data or captured.flow.by_server.rst) for captured in seen
    )
    if seen and answered > MAJORITY * len(seen):
        found.append(say("the capture shows answers (or resets) on these connections"))
    if serving.view.dump_basis is None or not serving.view.dump_basis.agrees:
        found.append(say("the dump and the sockets name different processes"))
    if far_apart(serving.view.snapshot):
        found.append(say("the artifacts were taken far apart in time"))
    return found


def _unseen_end(view: ProcessView, target: Target) -> str | None:
    """Why the far end may not be where the calls end: a proxy passes them on, and an end on this host that nobody owns may be anybody's."""
    halves = [far.half for row in target.connections if (far := view.peers.far(view, row)) is not None]
    listener = view.table.listener(target.remote)
    owners = {one.command for one in (*halves, listener) if one is not None and one.owners}
    if any(view.known.is_proxy(command) for command in owners):
        return say("the far end is a proxy, which passes the calls on to a service that is not in the evidence")
    on_this_host = target.remote.is_loopback or target.remote.host in view.table.local_hosts
    return say("the far end is on this host, and the table does not show whose it is") if on_this_host and not owners else None


def _target_evidence(target: Target) -> Evidence:
    shown = of_silence(target.connections, target.remote)
    if target.basis is Basis.DESCRIPTOR:
        return replace(shown, says=say("{says}: those whose descriptors the threads' system calls name", says=shown.says))
    return replace(
        shown,
        inferred=say(
            "A dump does not name the far end of a socket. That the threads wait on these connections rests on their number and on the absence of others."
        ),
    )


def _second_dump(view: ProcessView) -> Missing:
    pid = view.process.pid
    return Missing(
        say("second thread dump, ten seconds later"),
        say("whether the same threads are still in the same calls"),
        f"jstack -l {pid if pid is not None else 'PID'} > jstack-2.txt",
    )

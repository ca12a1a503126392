"""Picked threads that wait for an answer: the service behind them is the suspect, though neither it nor the rest of the pool is shown."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from analyzer.contention.leases import shortages
from analyzer.contention.locks import lock_queues
from analyzer.contention.scopes import scope_of
from analyzer.evidence.chosen_threads import chosen, few_threads
from analyzer.evidence.citations import of_silence, of_sockets, of_threads
from analyzer.evidence.doing import caller, doing, reported
from analyzer.evidence.full_servers import full_in_words, full_server
from analyzer.evidence.log_events import near, of_this_moment
from analyzer.evidence.multiples import multiple, picked_in_words, service_of
from analyzer.evidence.untimed_calls import of_call, untimed
from analyzer.model.finding import Confidence, Culprit, Doubt, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say, uncapitalized
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from analyzer.software.blockers import IDLE, application_frame, blocking_frame, waits_for_push
from analyzer.software.kinds import ActivityKind, PoolRole, SocketSide
from analyzer.software.knowledge import HTTP
from parsers.records import Counted, LogKind, Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.bean_locks import BeanLock
    from analyzer.evidence.late_consumers import Late
    from analyzer.evidence.log_events import Told
    from analyzer.join.connections import Connection
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint, Frame

TEXT: Final = Text(
    "",
    headline=Either(
        "unmade",
        "{count} {what}{made_by}{since}: {remote} has not answered the SYN of {connections}{no_deadlock}.",
        "{count} {what}{called}{untimed}{since}: what they call{target} does not answer, or answers slowly{late}{full}{dispatcher}{kept}.",
    ),
    explanation="{unknown}{connected} {besides}",
    why="The stack names the call. That it lasts, and that others wait alike, is what somebody chose to show, and not in the evidence.",
    do=(
        Do(
            When.NOW,
            Either(
                "tabled",
                "Save the whole dump twice, ten seconds apart: it shows how many wait, and whether they go on.",
                "Save the whole dump twice, ten seconds apart, and a socket table with owners: they show how many wait, and for whom.",
            ),
            "jstack -l {pid} > jstack-1.txt; sleep 10; jstack -l {pid} > jstack-2.txt",
        ),
        Do(
            When.FIX,
            "Make the call before the transaction begins, or after it ends: a connection is kept as long as it takes.",
            on="lender",
        ),
        Do(When.FIX, "Set connect and read timeouts{limits} on the client that {place} uses."),
        Do(
            When.PREVENT,
            "Bound how many threads may wait for this service at once (bulkhead), and stop calling it while it fails (circuit breaker).",
        ),
    ),
    figures=(("{pasted} pasted", "threads waiting for an answer"),),
    ask=(Ask("rest of the thread dump", "how many threads wait alike, and whether any is free", "jstack -l {pid} > jstack.txt"),),
    chain=(
        ("{who}", "waits for an answer", "{where}"),
        (Either("remote", "{remote}", Either("counted", "{counted}", "the service that is called")), "does not answer", ""),
    ),
    phrases={
        "unknown": Either(
            "twice",
            "They stand so in each of the dumps that were counted.",
            Either(
                "more",
                "For how long they wait so the lines that are here do not show.",
                Either(
                    "figures",
                    "All its workers were busy: how many of them wait so, and for how long, the lines that are here do not show.",
                    "How many threads wait so, and for how long, the lines that are here do not show.",
                ),
            ),
        ),
        "target": Either("remote", " ({remote})", Either("counted", ", by the numbers {counted},")),
        "untimed": Either("call", ", without a timeout ({call} is given none)"),
        "called": Either("frame", ", called from {frame}"),
        "full": Either("figures", ", and no worker is free ({figures})"),
        "dispatcher": Either("dispatches", "; {dispatches} waits for a free worker meanwhile, and starts nothing"),
        "kept": Either("lender", "; inside a transaction, which keeps a connection of {lender} meanwhile: the pool had none left"),
        "made_by": Either("own", ", called from {own}"),
        "no_deadlock": Either("alarm", " (no deadlock of locks, though {alarm} calls it one)"),
        "connected": Either(
            "remote",
            Either(
                "connecting",
                " Of the process {connections} to {remote} are being made, and nobody has answered.",
                " The process has {connections} to {remote}, with nothing left to read.",
            ),
            Either(
                "counted",
                " {counted_connections} to {counted} were counted: that they are the ones these threads wait for, numbers do not prove.",
            ),
        ),
        "besides": Either(
            "connecting",
            "A host that is down, a full queue of its listener and a firewall that drops packets look the same.",
            Either(
                "abroad",
                "{far}",
                Either("tabled", "{own_port}.", "{own_port}: a socket table would tell."),
            ),
        ),
        "own_port": "If the call leads to the server's own port, the server waits for itself",
        "far": Either(
            "database",
            "A slow statement, a lock in the database and a connection that was lost on the way look the same.",
            "A slow service and a connection that was lost on the way look the same.",
        ),
        "place": Either("frame", "{frame}", "this call"),
        "waiting": ByNumber("pasted", "{threads} waits for an answer", "{threads} wait for an answer"),
        "unanswered": "{connections} to {remote}, and nobody has answered the SYN",
    },
)
_CALLS: Final = frozenset({ActivityKind.CALL, ActivityKind.SOCKET_READ, ActivityKind.SOCKET_CONNECT})
TOLD: Final = "told"
"""The code of the doubt about numbers that the text alone tells."""
_OF_SERVICE: Final = Outlook(
    RecoversWhen.CAUSE,
    say("The threads are free when the service answers or closes; without a socket timeout a lost answer holds its thread for ever."),
)
"""Of drivers that talk to no database: what waits is no statement."""
_ALARMS: Final = frozenset({"c3p0"})
"""Pools whose logs call it a deadlock when all of their threads are busy."""
_NAMED: Final = 3
"""Names that a sentence holds."""


def suspicions(case: Case, rule: str, *, driver: bool) -> Iterator[Finding]:
    """One for each process of which somebody pasted threads that call out, over a driver of a known service or over anything else."""
    for view in case.latest:
        group = calling(case, view) if chosen(case, view) else ()
        if group and (group[0].activity.library in view.known.drivers) is driver and not calls_itself(case, view, group):
            yield _finding(case, view, group, rule, driver=driver)


def calls_itself(case: Case, view: ProcessView, group: Sequence[ThreadActivity]) -> bool:
    """True if the text says that these threads call their own server's port: another rule tells that."""
    if not case.counts.of(Counted.CALLED):
        return False
    from analyzer.evidence.told_addresses import own_address  # noqa: PLC0415 - for texts that name what is called

    return own_address(case, view, group) is not None


def callers_in_words(case: Case, near: ProcessView, hosts: Sequence[str]) -> str:
    """`` and threads like “web-4” (1 pasted) wait for an answer, called from …``: the picked threads whose calls the connections to these hosts may be."""
    for view in case.latest:
        group = calling(case, view) if chosen(case, view) else ()
        if not group or not any(row.remote is not None and row.remote.host in hosts for row in near.sockets if not near.calls_itself(row)):
            continue
        frame, app = blocking_frame(*group[0]) or group[0].thread.frames[0], caller(group[0])
        return say(
            ", and {threads} {what}{called}",
            threads=uncapitalized(picked_in_words(names(group), len(group), multiple(case, group))),
            what=doing(group[0], frame, several=True) or say("are in {frame}", frame=frame.call),
            called=say(", called from {frame}", frame=app) if app is not None and app != frame else "",
        )
    return ""


def calling(case: Case, view: ProcessView) -> Sequence[ThreadActivity]:
    """The largest group of threads that make the same call; not those that hold a lock or a pool's connections meanwhile, which another rule tells."""
    owners = {queue.owner.thread for queue in lock_queues(case) if queue.owner is not None and queue.noteworthy}
    owners |= {member.thread for crowd in shortages(case, HTTP) for member in crowd.users}
    groups: dict[object, list[ThreadActivity]] = defaultdict(list)
    for pool in view.pools:
        if pool.role in {PoolRole.JVM, PoolRole.EVENT_LOOP, PoolRole.ACCEPTOR}:
            continue
        for member in pool.members:
            if _calls(view, member) and member.thread not in owners:
                groups[member.activity.library, caller(member)].append(member)
    return max(groups.values(), key=len, default=())


def _calls(view: ProcessView, member: ThreadActivity) -> bool:
    """True if the thread waits for a service that it called: a bare read may be of a client. PHP reads none while a script runs."""
    found = member.activity
    if waits_for_push(view.known, member.thread):
        return False  # it waits for a push by its own wish
    if found.kind not in _CALLS or found.kind in IDLE or found.side is SocketSide.SERVER:
        return False
    outward = found.library is not None or found.side is SocketSide.CLIENT or view.known.runtime is Runtime.PHP
    return found.kind is ActivityKind.CALL or outward


def _finding(case: Case, view: ProcessView, group: Sequence[ThreadActivity], rule: str, *, driver: bool) -> Finding:
    member, app = group[0], caller(group[0])
    frame = blocking_frame(*member) or member.thread.frames[0]
    more = multiple(case, group)
    rows = _connections(view, group, more.number if more is not None else 0)
    remote = rows[0].remote if rows else None
    limits = view.known.limits_of(member.activity.library)
    service = service_of(case, view, group, more) if remote is None else None
    from analyzer.evidence.dispatchers import dispatcher_of  # noqa: PLC0415 - for picked threads alone

    dispatcher = dispatcher_of(view, group)
    late = _late(case, group)
    connecting = member.activity.kind is ActivityKind.SOCKET_CONNECT
    full = full_server(case.incident, view.known.runtime)
    twice = more is not None and more.times > 1
    call = untimed(case, group)
    pool = _kept_pool(case, view, group)
    text = TEXT.filled(
        view.process,
        figures=full_in_words(full) if full is not None else None,
        count=picked_in_words(names(group), len(group), more),
        more=more,
        twice=twice,
        pasted=len(group),
        what=doing(member, frame, several=True) or say("are in {frame}", frame=frame.call),
        frame=app if app is not None and app != frame else None,
        since=reported(member) if len(group) == 1 else "",
        call=call.subject if call is not None else None,
        late=late.words if late is not None else "",
        remote=remote,
        counted=service.remote if service is not None else None,
        counted_connections=plural(service.number if service is not None else 0, "connection"),
        connections=plural(len(rows), "connection"),
        abroad=driver or (remote is not None and _is_abroad(view, remote)),
        tabled=any(row.owners for row in view.sockets),
        database=member.activity.library in view.known.databases,
        connecting=connecting,
        unmade=connecting and remote is not None,
        own=application_frame(*member),
        alarm=_alarm(case),
        lender=pool.event.subject or pool.event.source if pool is not None else None,
        dispatches=say("“{name}”", name=dispatcher.member.thread.label) if dispatcher is not None else None,
        limits=f" ({limits})" if limits else "",
        who=say("“{name}”", name=member.thread.label),
        where=say("in {frame}", frame=frame.call),
        threads=plural(len(group), "thread"),
    )
    shown: list[Evidence] = [of_threads(group, text["waiting"])]
    beside = (
        *(one.evidence for one in (dispatcher, more, service, full, late, pool) if one is not None),
        *((of_call(call),) if call is not None else ()),
    )
    lasts = (late is not None and late.lasts) or twice
    sure = Confidence.LIKELY if lasts or (dispatcher is not None and more is not None) else Confidence.SUSPECTED
    if remote is not None:
        silent = of_silence(rows, remote) if rows[0].state is TcpState.ESTABLISHED else of_sockets(rows, text["unanswered"], ("SYN_SENT",))
        shown.append(silent)
    database = not driver or member.activity.library in view.known.databases
    return text.finding(
        severity=Severity.WARNING,
        confidence=sure,
        evidence=(*shown, *beside),
        rule=rule,
        chain=text.steps(tuple(shown[:1]), tuple(shown[1:])),
        culprit=_culprit(view, group, app, str(target) if (target := remote or (service and service.remote)) is not None else None),
        doubts=(
            few_threads()
            if sure is Confidence.SUSPECTED
            else Doubt(
                TOLD,
                say("that both dumps show the same threads is inferred from the numbers")
                if twice
                else say("that it lasts the text alone says")
                if lasts
                else say("how many wait so, the text alone says"),
                sure,
            ),
        ),
        outlook=None if database else _OF_SERVICE,
    )


def _kept_pool(case: Case, view: ProcessView, group: Sequence[ThreadActivity]) -> Told | None:
    """The pool of connections that had none left, by its own line, while these calls are made inside a transaction."""
    if not any(scope_of(member, view.known) is not None for member in group):
        return None
    empty = [one for one in of_this_moment(case.incident) if one.event.kind is LogKind.POOL_EMPTY]
    return empty[0] if empty else None


def _late(case: Case, group: Sequence[ThreadActivity]) -> Late | BeanLock | None:
    """What a log says that the wait does to others: its consumer came too late, or calls did not get a lock that it holds."""
    if next(near(case.incident), None) is None:
        return None
    from analyzer.evidence.bean_locks import bean_lock  # noqa: PLC0415 - for logs of containers
    from analyzer.evidence.late_consumers import late_consumer  # noqa: PLC0415 - for logs of consumers

    return late_consumer(case, group) or bean_lock(case, group)


def _culprit(view: ProcessView, group: Sequence[ThreadActivity], app: Frame | None, remote: str | None) -> Culprit:
    thread, found = group[0]
    pool = next((pool for pool in view.pools if any(member.thread is thread for member in pool.members)), None)
    return Culprit(
        pool=pool.name if pool is not None else None,
        thread=thread.label,
        frame=str(app) if app is not None else None,
        remote=remote,
        library=found.library,
    )


def _alarm(case: Case) -> str | None:
    """The software whose log calls a pool of which all threads are busy a deadlock."""
    found = (one.event for one in of_this_moment(case.incident) if one.event.kind is LogKind.THREADS)
    return next((event.source for event in found if event.source in _ALARMS), None)


def names(group: Sequence[ThreadActivity]) -> str:
    """``“web-3”, “web-9”``; of many threads the first few."""
    every = list(dict.fromkeys(say("“{name}”", name=member.thread.label) for member in group))
    return joined(", ", every[:_NAMED]) + (say(" and others") if len(every) > _NAMED else "")


def _is_abroad(view: ProcessView, remote: Endpoint) -> bool:
    """True for a service at no address of this host."""
    return not (remote.is_loopback or remote.is_wildcard or remote.host in view.table.local_hosts)


def _connections(view: ProcessView, group: Sequence[ThreadActivity], alike: int) -> Sequence[Connection]:
    """The connections that the calls may use: those to the only service of the library's ports, to the only one there is, or to the only one with as many as threads stand ``alike``."""
    state = TcpState.SYN_SENT if group[0].activity.kind is ActivityKind.SOCKET_CONNECT else TcpState.ESTABLISHED
    services: dict[Endpoint, list[Connection]] = defaultdict(list)
    for row in view.client_side:
        if row.remote is not None and row.state is state and not row.recv_q and not view.calls_itself(row):
            services[row.remote].append(row)
    library = group[0].activity.library
    wanted = view.known.ports_of({library} - {None})
    # What listens where databases, brokers and caches do is not whom a client of HTTP asks.
    others = view.known.service_ports - wanted if library is not None and library not in view.known.drivers else frozenset()
    meant = [rows for rows in services.values() if rows[0].remote is not None and rows[0].remote.port in wanted] or [
        rows for remote, rows in services.items() if remote.port not in others
    ]
    if len(services) > 1 and alike > 1 and not any(remote.port in wanted for remote in services):
        meant = [rows for rows in meant if len(rows) == alike]
    return meant[0] if len(meant) == 1 and len(meant[0]) >= len(group) else ()

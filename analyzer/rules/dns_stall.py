"""Names are not resolved: the threads wait for a name server.

Looks for: a thread in the resolver (Inet6AddressImpl.lookupAllHostAddr, RUNNABLE because the wait is native) and others that wait behind it for
the same look-up (InetAddress holds a lock per name while it asks), and the UDP socket to port 53. In other runtimes: threads in getaddrinfo.

Why it matters: each look-up may wait for as long as resolv.conf says (5 s × 2 attempts × name servers), no time limit of the HTTP client or the
driver covers it, and nothing is cached when it fails. No connection is ever opened, so every service looks innocent.

Do next: ask the name servers in /etc/resolv.conf one by one. Then shorten options timeout and attempts there, run a local cache, and keep
networkaddress.cache.ttl above zero.

Wrong when: one dump caught a slow answer; a second one shows whether it lasts. The resolver also asks /etc/hosts, LDAP or NIS (nsswitch.conf):
without the socket to port 53 it may be one of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import BlockedGroup, judge
from analyzer.contention.locks import within
from analyzer.evidence.citations import of_threads
from analyzer.families import blocked_threads, libuv_pool
from analyzer.model.finding import Confidence, Evidence, Finding, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say, say_of
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import IDLE
from analyzer.software.kinds import ActivityKind
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import SocketRow

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.TIMEOUT, say("Each look-up ends at the resolver's own limits (5 s a try by default), and the next one waits again.")
)
CLEAN: Final = say("no queue of threads behind a name lookup")
DNS_PORT: Final = 53
REVERSE: Final = "getHostByAddr"
ASKS: Final = frozenset({"lookupAllHostAddr", REVERSE})
"""The native calls that ask (``Inet6AddressImpl``, ``Inet4AddressImpl``): for the address of a name, for the name of an address."""
TEXT: Final = Text(
    "dns-stall",
    headline=Either(
        "reverse",
        "{count} wait for the name of an address: {name_server} does not answer.",
        Either(
            "single",
            "{count} waits for the address of a name: {name_server} does not answer{too}.",
            "{count} wait for the address of a name: {name_server} does not answer{too}.",
        ),
    ),
    explanation="{asks}, called from {site}{waits_behind}.{no_connection}{pool}{clients}",
    do=(
        Do(
            When.NOW,
            "Ask each name server of this host for the name; take the silent one out of resolv.conf.",
            "cat /etc/resolv.conf; getent hosts NAME; dig +time=2 @SERVER NAME",
        ),
        Do(When.FIX, "Set options timeout:1 attempts:1 in /etc/resolv.conf, or run a caching resolver on this host."),
        Do(
            When.PREVENT,
            Either(
                "jvm",
                "Keep networkaddress.cache.ttl (and .stale.ttl since JDK 21) above zero; bound how many requests may wait in {site}, for no timeout of the client covers a look-up.",
                "Keep the look-up in {site} out of a loop that serves others (a resolver without waiting, a thread of its own), and cache what it finds; no timeout of the client covers it.",
            ),
        ),
    ),
    figures=(("{asking_count:,}", "threads in the resolver"),),
    ask=(
        Ask(
            "socket table with UDP",
            "which name server is asked",
            "ss -uanp > ss-udp.txt; cat /etc/resolv.conf /etc/nsswitch.conf",
            on="unseen",
        ),
    ),
    chain=(("{pool_name}", "waits for a look-up by", "{count}, in {site}"), ("{thread}", "waits for an answer from", "{name_server}")),
    phrases={
        "waits_behind": Either("behind", "; {others} behind for the same look-up, whose lock InetAddress holds meanwhile"),
        "no_connection": Either("reverse", "", " No connection to the service is opened before that."),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose threads wait for names."""
    for view in case.latest:
        jvm = view.known.runtime is Runtime.JVM
        members = [
            member
            for pool in view.pools
            for member in pool.members
            if member.activity.kind not in IDLE
            and (within(member, view.known.tables.lookup.classes) if jvm else member.activity.kind is ActivityKind.DNS)
        ]
        asking = [member for member in members if member.thread.frames[0].method in ASKS or not jvm]
        if asking:
            blocked = BlockedGroup(case, view, members)
            if blocked.noteworthy or (not jvm and _is_all(blocked)):
                yield _finding(blocked, asking)


def _is_all(blocked: BlockedGroup) -> bool:
    """True if every worker of a pool is in the resolver while clients wait: a loop is one thread, and serves many."""
    return blocked.suffering and blocked.here == len(blocked.pool.workers)


def _finding(blocked: BlockedGroup, asking: list[ThreadActivity]) -> Finding:
    rows = _sockets(blocked.view)
    server = str(rows[0].remote) if rows else None
    behind = [member for member in blocked.members if member not in asking]
    name_server = say("the name server {server}", server=server) if server else say("a name server")
    too, pool = libuv_pool.behind_lookups(blocked.case, blocked.view, asking)
    evidence = _evidence(asking, behind, rows, jvm=blocked.view.known.runtime is Runtime.JVM)
    asks = say_of(
        len(asking),
        "{threads} asks {name_server}",
        "{threads} ask {name_server}",
        threads=plural(len(asking), "thread"),
        name_server=name_server,
    )
    text = TEXT.filled(
        blocked.view.process,
        **blocked_threads.words(blocked),
        jvm=blocked.view.known.runtime is Runtime.JVM,
        too=too,
        pool=pool,
        name_server=name_server,
        unseen=not rows,
        asks=asks,
        reverse=all(member.thread.frames[0].method == REVERSE for member in asking),
        behind=behind,
        others=plural(len(behind), "thread waits", "threads wait"),
        single=len(blocked.members) == 1 and not blocked.picked,
        asking_count=len(asking),
        thread=f"“{asking[0].thread.label}”",
    )
    return blocked_threads.finding(
        blocked,
        text,
        _judge(blocked, rows),
        evidence,
        (evidence[1:2] if behind else evidence[:1], evidence[:1]),
        culprit=blocked.culprit(blocked.frame, thread=asking[0].thread.label, remote=server),
    )


def _sockets(view: ProcessView) -> list[SocketRow]:
    """The process' UDP sockets to a name server, each once though several tables show it."""
    rows = [
        row
        for row in view.snapshot.rows
        if row.proto == "udp" and row.remote is not None and row.remote.port == DNS_PORT and row.pid in {view.pid, None}
    ]
    return list({(row.local, row.remote): row for row in reversed(rows)}.values())[::-1]


def _judge(blocked: BlockedGroup, rows: list[SocketRow]) -> tuple[Confidence, str]:
    doubts = list(blocked.doubts)
    if not rows:
        doubts.append(say("the socket to the name server is not in the evidence, so the resolver may wait for /etc/hosts, LDAP or NIS"))
    also = (
        say(", and the socket table {sockets} to port {DNS_PORT}", sockets=plural(len(rows), "socket"), DNS_PORT=DNS_PORT) if rows else ""
    )
    return judge(doubts, say("The stack shows a thread in the resolver's native call{also}.", also=also))


def _evidence(asking: list[ThreadActivity], behind: list[ThreadActivity], rows: list[SocketRow], *, jvm: bool) -> tuple[Evidence, ...]:
    found = [
        of_threads(
            asking,
            say("{threads} in the resolver: RUNNABLE, because the wait is native", threads=plural(len(asking), "thread"))
            if jvm
            else say("{threads} in the resolver", threads=plural(len(asking), "thread")),
        )
    ]
    if behind:
        found.append(
            of_threads(
                behind,
                say_of(
                    len(behind),
                    "{threads} waits for the same look-up",
                    "{threads} wait for the same look-up",
                    threads=plural(len(behind), "thread"),
                ),
            )
        )
    if rows:
        found.append(Evidence(rows[0].where, say("a question to a name server is open"), (str(rows[0].remote),), len(rows) - 1))
    return tuple(found)

"""Requests that proxies, or clients of proxies, gave up on, by their logs: how many, at which server, after how long, and who was the first.

An entry of such a log is written when a request ends. It proves whose patience ended and when, never why no answer came.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from analyzer.evidence.log_events import MANY, near, time_of
from analyzer.model.finding import Evidence
from analyzer.model.message import joined, plural, say
from analyzer.software.kinds import PoolRole
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from analyzer.model.incident import Incident
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import LogEvent

PROXIES: Final = frozenset({"nginx", "access log", "HAProxy", "Apache httpd", "Envoy"})
"""Software whose logs these are. An access log may be anybody's: what it calls 504 a server may have answered itself."""
ENDS: Final = (LogKind.PROXY_GAVE_UP, LogKind.CLIENT_GAVE_UP, LogKind.QUEUE_GAVE_UP, LogKind.CONNECT_TIMEOUT)
STALLS: Final = (
    "cross-system-deadlock",
    "lock-held-by-idle-transaction",
    "lost-session",
    "slow-statement",
    "self-call-starvation",
    "mutual-call-starvation",
    "nested-task-starvation",
    "common-pool-starvation",
    "sync-over-async",
    "slow-backend",
    "database-read-hang",
    "jdbc-pool-exhausted",
    "http-pool-exhausted",
    "nested-connection-lease",
    "object-pool-exhausted",
    "java-deadlock",
    "class-init-deadlock",
    "lock-order-inversion",
    "recursive-read-lock",
    "lock-convoy",
    "logging-stall",
    "dns-stall",
    "event-loop-blocked",
    "blocked-write",
    "blocking-commands",
    "queued-at-proxy",
    "connection-limit",
    "acceptor-stalled",
    "async-never-completed",
    "backlog-overflow",
    "fd-exhaustion",
    "cpu-spin",
    "gc-thrash",
    "idle-connections-pin-threads",
    "virtual-thread-pinning",
    "process-stopped",
    "entropy-stall",
    "disk-stall",
    "pool-stuck",
)
"""Rules whose finding on a server says why a proxy in front of it had no answer."""
FEW: Final = 3
"""Requests below which nothing is said: every healthy proxy has a client that left, and a slow answer, now and then."""
ALIKE: Final = 0.1
"""Durations that differ by no more than this share of the middle one …"""
SCATTER: Final = 0.3
"""… or by these seconds end at one limit; if that is so for …"""
MOST: Final = 0.8
"""… this share of them."""
SHORTEST: Final = 0.5
"""Seconds below which nobody has a time limit: who leaves earlier has gone to another page."""
_WINDOW: Final = 200
"""Lines of an access log among which ten requests that were given up are no ordinary noise."""
_SHARE: Final = 0.1
"""The same for fewer than ten: share of the lines from the first of them on."""
_BURST: Final = timedelta(minutes=10)
"""For a log that has lines of errors only: the time in which ten …"""
_MOMENT: Final = timedelta(minutes=1)
"""… or three of them must come."""


_WORDS: Final = {
    LogKind.PROXY_GAVE_UP: say("{proxy} gave up {requests}{to}{after}"),
    LogKind.CLIENT_GAVE_UP: say("clients of {proxy} gave up {requests}{to}{after}"),
    LogKind.QUEUE_GAVE_UP: say("{proxy} dropped {requests}{to} from its queue{after}"),
    LogKind.CONNECT_TIMEOUT: say("{proxy} found no connection for {requests}{to}{after}"),
}
"""What is said of each kind: the first names the server, the others go on with it."""


class Ended(msgspec.Struct, frozen=True):
    """Requests that ended in one way, as the lines of one log have them. ``limit``: the time after which most ended, None if they do not agree."""

    events: tuple[LogEvent, ...]
    limit: float | None

    @property
    def number(self) -> int:
        """How many requests."""
        return len(self.events)

    @property
    def shortest(self) -> float | None:
        """The shortest duration; None if no line has one."""
        return min((seconds for event in self.events if (seconds := event.figure("seconds")) is not None), default=None)

    @property
    def after(self) -> str:
        """``after 3.0 s``, ``after 0.8 to 4.1 s``, or nothing."""
        if self.limit is not None:
            return say(" after {seconds:.1f} s", seconds=self.limit)
        found = sorted(seconds for event in self.events if (seconds := event.figure("seconds")) is not None)
        return say(" after {least:.1f} to {most:.1f} s", least=found[0], most=found[-1]) if found else ""

    def evidence(self, says: str) -> Evidence:
        """The last line, and how many are like it."""
        last = self.events[-1]
        return Evidence(last.where, says, (last.subject,) if last.subject else (), self.number - 1)


class GivenUp(NamedTuple):
    """What a proxy's log says of one server behind it. ``upstream`` is None where no line names one; ``proxies`` are who wrote it."""

    upstream: str | None
    ends: Mapping[LogKind, Ended]
    proxies: tuple[str, ...]

    @property
    def proxy(self) -> str:
        """The proxy's name."""
        named = [name for name in self.proxies if name != "access log"]
        return joined(say(" and "), named) if named else say("the proxy")

    @property
    def of_proxy(self) -> bool:
        """True if a limit of the proxy's own is proven: it says so itself, or its answers took one time."""
        gave_up = self.ends.get(LogKind.PROXY_GAVE_UP)
        return any(kind in self.ends for kind in (LogKind.QUEUE_GAVE_UP, LogKind.CONNECT_TIMEOUT)) or (
            gave_up is not None and (gave_up.limit is not None or any(event.source != "access log" for event in gave_up.events))
        )


def given_up(incident: Incident) -> Iterator[GivenUp]:
    """What counts: one for each server behind a proxy for which so many requests were given up that it is no noise."""
    groups: dict[str | None, list[LogEvent]] = defaultdict(list)
    for event in near(incident):
        if event.kind in ENDS and event.source in PROXIES:
            groups[_server(event)].append(event)
    # Without a server's name, lines of the only one there is.
    named = [server for server in groups if server is not None]
    if len(named) == 1 and None in groups:
        groups[named[0]] += groups.pop(None)
    for server, events in groups.items():
        ends = {kind: one for kind in ENDS if (one := _ended([event for event in events if event.kind is kind])) is not None}
        if ends and _is_trouble(incident, events, ends):
            label = next((name for event in reversed(events) if (name := _label(event)) is not None), server)
            yield GivenUp(label, ends, tuple(sorted({event.source for event in events})))


def _server(event: LogEvent) -> str | None:
    """The server behind the proxy; HAProxy's by its backend, as a request in the queue has no server yet."""
    return event.subject.partition("/")[0] if event.source == "HAProxy" and event.subject else event.subject


def _label(event: LogEvent) -> str | None:
    return event.subject if event.subject and not event.subject.endswith("<NOSRV>") else None


def _ended(events: Sequence[LogEvent]) -> Ended | None:
    """The requests by the log that tells of most of them: an error log and an access log tell of the same."""
    sources: dict[str, list[LogEvent]] = defaultdict(list)
    for event in events:
        sources[event.source].append(event)
    if not sources:
        return None
    # Of as many lines those with a time.
    best = max(sources.values(), key=lambda found: (len(found), sum(event.figure("seconds") is not None for event in found)))
    seconds = [value for event in events if (value := event.figure("seconds")) is not None]
    return Ended(tuple(best), _limit(seconds))


def _limit(seconds: Sequence[float]) -> float | None:
    """The time limit that durations show: most of them are one."""
    if not seconds:
        return None
    middle = sorted(seconds)[len(seconds) // 2]
    alike = sum(abs(value - middle) <= max(ALIKE * middle, SCATTER) for value in seconds)
    return middle if middle >= SHORTEST and alike >= MOST * len(seconds) else None


def _is_trouble(incident: Incident, events: Sequence[LogEvent], ends: Mapping[LogKind, Ended]) -> bool:
    """False for what a healthy proxy's log has, too."""
    if set(ends) == {LogKind.CLIENT_GAVE_UP}:
        clients = ends[LogKind.CLIENT_GAVE_UP]
        # Clients leave for reasons of their own: only one time for most of them is a limit, and only very many without a time are a sign.
        if clients.limit is None and (clients.shortest is not None or clients.number < MANY):
            return False
    if sum(one.number for one in ends.values()) < FEW:
        return False
    of_access = [event for event in events if event.source not in {"nginx", "Apache httpd"}]
    if of_access:
        return any(_dense(incident, file, found) for file, found in _by_file(of_access))
    return _together(events, MANY, _BURST) or _together(events, FEW, _MOMENT)


def _by_file(events: Iterable[LogEvent]) -> Iterable[tuple[str, list[LogEvent]]]:
    files: dict[str, list[LogEvent]] = defaultdict(list)
    for event in events:
        files[event.where.file].append(event)
    return files.items()


def _dense(incident: Incident, file: str, events: Sequence[LogEvent]) -> bool:
    """True if they are many among the lines around them."""
    at = sorted(event.where.first for event in events)
    if any(last - first < _WINDOW for first, last in zip(at, at[MANY - 1 :], strict=False)):
        return True
    ends = max((log.where.last for artifact in incident.artifacts if artifact.file == file for log in artifact.logs), default=0)
    return any(len(at) - index >= _SHARE * (ends - first + 1) and len(at) - index >= FEW for index, first in enumerate(at))


def _together(events: Sequence[LogEvent], count: int, within: timedelta) -> bool:
    """True if so many came within a time, or no times are known."""
    times = [time for event in events if (time := time_of(event.time)) is not None]
    if len(times) < len(events):
        return len(events) >= count
    times = sorted(time.replace(tzinfo=None) for time in times)
    return any(last - first <= within for first, last in zip(times, times[count - 1 :], strict=False))


def in_words(one: GivenUp) -> Iterator[str]:
    """Who ended how many requests, whose patience ended first before the others. The first sentence names the server, the others go on with it."""
    order = sorted(one.ends.items(), key=lambda item: (item[1].limit is None, item[1].limit or 0.0))
    for place, (kind, ended) in enumerate(order):
        whole = place == 0
        server = one.upstream or say("a server behind it")
        to = say(" to {server}", server=server) if whole else ""
        requests = plural(ended.number, "request") if whole else f"{ended.number:,}"
        yield say(_WORDS[kind].template, proxy=one.proxy, requests=requests, to=to, after=ended.after)


def each_in_words(one: GivenUp) -> Iterator[str]:
    """What the lines of each kind say, in the order of the kinds."""
    for kind, ended in one.ends.items():
        yield next(in_words(one._replace(ends={kind: ended})))


def is_told(event: LogEvent, rules: set[str]) -> bool:
    """True for a line of a proxy or a collector, where a finding of ``rules`` says what such lines say."""
    if "gc-thrash" in rules and event.kind is LogKind.PAUSE and event.source in {"garbage collector", "jstat"}:
        return True
    return "proxy-timeout" in rules and event.kind in ENDS and event.source in PROXIES


def patience(one: GivenUp) -> str:
    """Whose limit was the first, as far as the times tell."""
    proxy, clients = one.ends.get(LogKind.PROXY_GAVE_UP), one.ends.get(LogKind.CLIENT_GAVE_UP)
    if proxy is None and clients is not None:
        return say("The clients' patience ended first, before that of {proxy}.", proxy=one.proxy)
    if proxy is None or clients is None:
        return say("The patience of {proxy} ended: its own limit is the shortest that this log knows of.", proxy=one.proxy)
    if proxy.limit is not None and clients.limit is not None and clients.limit < proxy.limit:
        return say(
            "Some clients have less patience than {proxy} and left first; for the others the limit of {proxy} ended first.", proxy=one.proxy
        )
    return say("For some requests the limit of {proxy} ended first, for others the client left first.", proxy=one.proxy)


def server_of(case: Case, one: GivenUp) -> ProcessView | None:
    """The process that listens where the proxy asked; where no line says where, the only one that serves requests."""
    port = (one.upstream or "").rpartition(":")[2]
    if port.isdecimal():
        listening = [
            view for view in case.latest if int(port) in view.listeners or any(pool.port == int(port) for pool in view.named_pools)
        ]
        return listening[0] if len(listening) == 1 else None
    serving = [view for view in case.latest if any(pool.role == PoolRole.SERVER for pool in view.pools)]
    return serving[0] if len(serving) == 1 else None

"""Something that a command counted against its limit: local ports, descriptors, threads, connections that the host tracks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from analyzer.evidence.log_events import Told, caller_in_words, of_this_moment
from analyzer.families.counted_sockets import shown
from analyzer.families.local_ports import DEFAULT_RANGE, FULL, SMALLEST_DEFAULT
from analyzer.families.shown_closes import closed_towards
from analyzer.join.counts import is_place
from analyzer.model.finding import Action, Confidence, Culprit, Evidence, Finding, Missing, Process, Severity, Step, When
from analyzer.model.message import say
from parsers.records import Counted, Endpoint, LogKind, TcpState
from parsers.text.endpoint import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.families.shown_closes import Closed
    from analyzer.join.counts import Count
    from analyzer.waits.case import Case
    from parsers.records import Setting

WINDOWS_RANGE: Final = (49152, 65535)
"""The local ports that Windows gives out where nothing else is set (``netsh int ipv4 show dynamicport tcp``)."""
_WINDOWS: Final = re.compile(r"\bfind(?:str)? +(?:/|\")|\bGet-NetTCP|\bMeasure-Object|\bGroup-Object", re.IGNORECASE).search
NEARLY: Final = 0.8
"""Share of the range of ports that connections of one moment take when connect fails: counting takes a while, and ports come back meanwhile."""
FULL_TABLE: Final = 0.97
"""Share of a table in use at which the next burst finds it full."""
PIPES: Final = frozenset({"pipe", "pipe:", "PIPE", "FIFO", "S_IFIFO"})
SOCKETS: Final = frozenset({"S_IFSOCK", "socket", "socket:", "sock", "TCP", "IPv4", "IPv6", "unix"})
_STATE_SHARE: Final = 0.5
_SMALL: Final = 256
"""The limit that macOS and Solaris give by default."""
MOST: Final = 3


def told_of(case: Case, kind: LogKind) -> Told | None:
    """The last line of the logs that proves it."""
    return next((one for one in of_this_moment(case.incident) if one.event.kind is kind), None)


_NEAR_FULL: Final = 0.9
"""Share of the tasks that a container may have from which on a count agrees with a refusal: some end at once."""


class TasksOfContainer(NamedTuple):
    """How many tasks the container has, of those that it may have."""

    used: Setting
    most: Setting

    @property
    def words(self) -> str:
        """``8,190 of at most 8,192 tasks (pids.max)``."""
        return say("{used:,} of at most {most:,} tasks (pids.max)", used=self.used.values[0], most=self.most.values[0])

    @property
    def evidence(self) -> Evidence:
        """The line with the number that is in use."""
        return Evidence(self.used.where, say("tasks of the container"), (str(self.used.values[0]),))


def container_full(case: Case) -> TasksOfContainer | None:
    """The tasks of the container, where they have all but reached what it may have."""
    used, most = case.counts.setting("pids.current"), case.counts.setting("pids.max")
    if used is None or most is None or used.values[0] < _NEAR_FULL * most.values[0]:
        return None
    return TasksOfContainer(used, most)


class _Ports(msgspec.Struct, frozen=True):
    first: int
    last: int
    stated: Setting | None

    @property
    def windows(self) -> bool:
        """True for the range that only Windows has."""
        return (self.first, self.last) == WINDOWS_RANGE

    @property
    def assumed(self) -> str:
        """Whose default it is, where the range itself is not here."""
        if self.stated is not None:
            return ""
        if self.windows:
            return say(" (the default of Windows; the range itself is not here)")
        return say(" (the default of Linux; the range itself is not here)")

    @property
    def wider(self) -> str:
        """What a larger range is good for."""
        if self.windows:
            return say("A wider range (netsh int ipv4 set dynamicport tcp) only moves the limit.")
        return say("A wider range (net.ipv4.ip_local_port_range) or net.ipv4.tcp_tw_reuse only moves the limit.")

    @property
    def shown_by(self) -> str:
        """The command that prints it."""
        return "netsh int ipv4 show dynamicport tcp" if self.windows else "sysctl net.ipv4.ip_local_port_range"

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Where the range stands."""
        if self.stated is None:
            return ()
        says = say("the range of local ports: {first} to {last}", first=self.first, last=self.last)
        return (Evidence(self.stated.where, says, (str(self.last),)),)

    @property
    def size(self) -> int:
        return self.last - self.first + 1


def ports(case: Case) -> Iterator[Finding]:
    """Local ports towards one service that are used up, by the number of connections to it: one port each."""
    known = case.counts.port_range()
    windows = any(_WINDOWS(one.last.command or "") for one in case.counts.of(Counted.SOCKETS))
    usual = _Ports(*WINDOWS_RANGE, None) if windows else _Ports(32768, 32768 + DEFAULT_RANGE - 1, None)
    stated = _Ports(*known) if known is not None else usual
    failed = told_of(case, LogKind.ADDRESSES)
    told: set[str | None] = set()
    # A count of all places together is that of the one that fills the range once more.
    for (host, remote), counts in sorted(_by_place(case, failed).items(), key=lambda item: item[0][1].host == "*"):
        if remote.host == "*" and host in told:
            continue
        number = sum(one.number for one in counts)
        share = number / stated.size
        # Where no range is stated, it may be the smaller one that other systems use.
        full = share >= FULL or (failed is not None and (share >= NEARLY or (known is None and number >= NEARLY * SMALLEST_DEFAULT)))
        if full and number <= stated.size * (2 - FULL):
            rows = closed_towards(case, host)
            rows = rows if rows is not None and rows.remote == remote else None
            process = Process(host, *case.counts.process(counts[0]))
            owner = rows.process if rows is not None and process.pid is None else None
            told.add(host)
            yield _of_ports(case, owner or process, remote, counts, stated, failed, rows)


def _by_place(case: Case, failed: Told | None) -> dict[tuple[str | None, Endpoint], list[Count]]:
    """Counts of connections to one place; where connect failed, also those whose port was cut off, and of all places together."""
    called = endpoint(failed.event.subject) if failed is not None and failed.event.subject else None
    found: dict[tuple[str | None, Endpoint], list[Count]] = {}
    for count in case.counts.of(Counted.SOCKETS):
        remote = count.last.remote
        if count.last.state is TcpState.LISTEN or is_place(count.last.local) or count.last.end is not None:
            continue
        if remote is not None and is_place(remote):
            found.setdefault((count.host, remote), []).append(count)
        elif remote is not None and called is not None and called.host == remote.host:
            found.setdefault((count.host, called), []).append(count)
        elif remote is None and count.last.state is TcpState.TIME_WAIT and count.last.local is None:
            rows = closed_towards(case, count.host) if called is None and count.last.number is None else None
            if rows is not None or failed is not None:
                found.setdefault((count.host, rows.remote if rows is not None else called or Endpoint("*", None)), []).append(count)
    return found


def _of_ports(
    case: Case, process: Process, end: Endpoint, counts: Sequence[Count], span: _Ports, failed: Told | None, rows: Closed | None
) -> Finding:
    remote = str(end) if end.host != "*" else say("the service that is called")
    number = sum(one.number for one in counts)
    waiting = sum(one.number for one in counts if one.last.state is TcpState.TIME_WAIT)
    of_one = rows is not None or all(one.last.remote for one in counts)
    proven = span.stated is not None and failed is not None and number >= FULL * span.size and of_one
    confidence = (
        Confidence.CERTAIN if proven else Confidence.LIKELY if span.stated is not None or failed is not None else Confidence.SUSPECTED
    )
    caller = caller_in_words(failed.event, case.known) if failed is not None else ""
    return Finding(
        rule="ephemeral-port-exhaustion",
        severity=Severity.WARNING,
        confidence=confidence,
        headline=say(
            "The local ports for connections to {remote} are used up: {number:,} of {size:,} are in use, {waiting:,} of them in TIME_WAIT.",
            remote=remote,
            number=number,
            size=span.size,
            waiting=waiting,
        ),
        explanation=say(
            "Each connection to {remote} takes a local port of its own, {first} to {last}{assumed}; {number:,} are taken. TIME_WAIT keeps a port for {long} after this side has closed: short connections one after the other use them up, and connect fails{caller}.{rows} Routes and the far end are not the cause. It heals when the rate falls.",
            remote=remote,
            first=span.first,
            last=span.last,
            assumed=span.assumed,
            number=number,
            long=say("two to four minutes (TcpTimedWaitDelay)") if span.windows else say("a minute"),
            caller=caller,
            rows=rows.words if rows is not None else "",
        ),
        why_confident=say("The count, the range and the error that connect reports agree.")
        if proven
        else say("The count fills the range; the error that connect reports is not here.")
        if failed is None
        else say("Connect failed for want of an address; what share of the range was in use at that moment, the count tells only about."),
        evidence=(
            *(shown(one.last.where, one, one.number) for one in counts),
            *((rows.evidence,) if rows is not None else ()),
            *span.evidence,
            *((failed.evidence,) if failed is not None else ()),
        ),
        process=process,
        culprit=Culprit(remote=str(remote)),
        chain=(
            Step(
                say("short connections"),
                say("leave their ports in"),
                say("TIME_WAIT"),
                (shown(counts[0].last.where, counts[0], counts[0].number),),
            ),
            Step(say("connect"), say("finds no free port for"), str(remote), (failed.evidence,) if failed is not None else ()),
        ),
        actions=(
            Action(
                When.FIX,
                say(
                    "Reuse connections to {remote}: one client with keep-alive or a pool, instead of a connection for each call{caller}.",
                    remote=remote,
                    caller=caller,
                ),
            ),
            Action(When.NOW, span.wider),
        ),
        figures=(
            (say("{number:,} of {size:,}", number=number, size=span.size), say("local ports in use")),
            (f"{waiting:,}", say("TIME_WAIT to {remote}", remote=remote)),
        ),
        missing=() if span.stated is not None else (Missing(say("range of local ports"), say("how many ports there are"), span.shown_by),),
    )


class Tracked(msgspec.Struct, frozen=True):
    """The table of tracked connections of a host: entries, how many it may have, where both stand, and the states that fill it."""

    used: int
    most: int
    evidence: tuple[Evidence, ...]
    states: tuple[Count, ...]


def tracked(case: Case) -> Tracked | None:
    """The table of tracked connections, if it is full."""
    used, most = case.counts.setting("net.netfilter.nf_conntrack_count"), case.counts.setting("net.netfilter.nf_conntrack_max")
    if used is None or most is None or not 0 < FULL_TABLE * most.values[0] <= used.values[0]:
        return None
    evidence = (
        Evidence(used.where, say("entries of the table"), (str(used.values[0]),)),
        Evidence(most.where, say("entries that the table may have"), (str(most.values[0]),)),
    )
    return Tracked(used.values[0], most.values[0], evidence, case.counts.of(Counted.TRACKED))

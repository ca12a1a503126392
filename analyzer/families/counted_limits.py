"""Something that a command counted against its limit: local ports, descriptors, threads, connections that the host tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.log_events import Told, caller_in_words, of_this_moment
from analyzer.families.counted_sockets import SHOWN, ends_in_words, place, process_of, shown
from analyzer.families.local_ports import DEFAULT_RANGE, FULL, SMALLEST_DEFAULT
from analyzer.join.counts import is_place
from analyzer.join.descriptors import USUAL_LIMITS, limit_evidence
from analyzer.model.finding import Action, Confidence, Culprit, Evidence, Finding, Missing, Process, Severity, Step, When
from analyzer.model.message import Message, joined, say
from analyzer.model.text import Do, Either, Text
from parsers.records import Counted, Endpoint, LogKind, TcpState
from parsers.text.endpoint import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.counts import Count
    from analyzer.waits.case import Case
    from parsers.records import Limit, Setting

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


class _Ports(msgspec.Struct, frozen=True):
    first: int
    last: int
    stated: Setting | None

    @property
    def size(self) -> int:
        return self.last - self.first + 1


def ports(case: Case) -> Iterator[Finding]:
    """Local ports towards one service that are used up, by the number of connections to it: one port each."""
    known = case.counts.port_range()
    stated = _Ports(*known) if known is not None else _Ports(32768, 32768 + DEFAULT_RANGE - 1, None)
    failed = told_of(case, LogKind.ADDRESSES)
    for (host, remote), counts in _by_place(case, failed).items():
        number = sum(one.number for one in counts)
        share = number / stated.size
        # Where no range is stated, it may be the smaller one that other systems use.
        full = share >= FULL or (failed is not None and (share >= NEARLY or (known is None and number >= NEARLY * SMALLEST_DEFAULT)))
        if full and number <= stated.size * (2 - FULL):
            yield _of_ports(case, Process(host, *case.counts.process(counts[0])), remote, counts, stated, failed)


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
        elif remote is None and failed is not None and count.last.state is TcpState.TIME_WAIT and count.last.local is None:
            found.setdefault((count.host, called or Endpoint("*", None)), []).append(count)
    return found


def _of_ports(case: Case, process: Process, end: Endpoint, counts: Sequence[Count], span: _Ports, failed: Told | None) -> Finding:
    remote = str(end) if end.host != "*" else say("the service that is called")
    number = sum(one.number for one in counts)
    waiting = sum(one.number for one in counts if one.last.state is TcpState.TIME_WAIT)
    proven = span.stated is not None and failed is not None and number >= FULL * span.size and all(one.last.remote for one in counts)
    confidence = (
        Confidence.CERTAIN if proven else Confidence.LIKELY if span.stated is not None or failed is not None else Confidence.SUSPECTED
    )
    caller = caller_in_words(failed.event, case.known) if failed is not None else ""
    setting = (
        (
            Evidence(
                span.stated.where, say("the range of local ports: {first} to {last}", first=span.first, last=span.last), (str(span.last),)
            ),
        )
        if span.stated is not None
        else ()
    )
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
            "Each connection to {remote} takes a local port of its own, {first} to {last}{assumed}; {number:,} are taken. TIME_WAIT keeps a port for a minute after this side has closed: short connections one after the other use them up, and connect fails{caller}. Routes and the far end are not the cause. It heals when the rate falls.",
            remote=remote,
            first=span.first,
            last=span.last,
            assumed="" if span.stated is not None else say(" (the default of Linux; the range itself is not here)"),
            number=number,
            caller=caller,
        ),
        why_confident=say("The count, the range and the error that connect reports agree.")
        if proven
        else say("The count fills the range; the error that connect reports is not here.")
        if failed is None
        else say("Connect failed for want of an address; what share of the range was in use at that moment, the count tells only about."),
        evidence=(
            *(shown(one.last.where, one, one.number) for one in counts),
            *setting,
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
            Action(When.NOW, say("A wider range (net.ipv4.ip_local_port_range) or net.ipv4.tcp_tw_reuse only moves the limit.")),
        ),
        figures=(
            (say("{number:,} of {size:,}", number=number, size=span.size), say("local ports in use")),
            (f"{waiting:,}", say("TIME_WAIT to {remote}", remote=remote)),
        ),
        missing=()
        if span.stated is not None
        else (Missing(say("range of local ports"), say("how many ports there are"), "sysctl net.ipv4.ip_local_port_range"),),
    )


def descriptors(case: Case) -> Iterator[Finding]:
    """Descriptors that were counted by what they are, against the limit of open files, or a usual one where the log says that none was left."""
    limit = case.counts.limit()
    failed = told_of(case, LogKind.DESCRIPTORS)
    listed = sum(1 for snapshot in case.incident.snapshots for one in snapshot.open_files if one.tool in {"proc_fd", "lsof"})
    groups: dict[tuple[Process, str | None], list[Count]] = {}
    for count in case.counts.of(Counted.DESCRIPTORS):
        if count.last.end is None and count.last.local is None:
            groups.setdefault((process_of(case, count), count.last.command), []).append(count)
    # Where most of them are listed, the list tells more.
    few = {key: counts for key, counts in groups.items() if listed < SHOWN * sum(one.number for one in counts)}
    full = {key: (counts, most) for key, counts in few.items() if (most := _limit_of(counts, limit, failed)) is not None}
    # The same descriptors counted once more, without their kinds, are no second finding.
    by_kind = {process for (process, _), (counts, _) in full.items() if any(one.last.name is not None for one in counts)}
    for (process, _), (counts, most) in full.items():
        if process not in by_kind or any(one.last.name is not None for one in counts):
            yield _of_descriptors(_Descriptors(case, process, counts, most, limit), failed)


def _limit_of(counts: Sequence[Count], limit: Limit | None, failed: Told | None) -> int | None:
    """The limit that so many descriptors reach: the stated one, else a usual one."""
    used = sum(one.number for one in counts)
    named = any(one.last.name is not None for one in counts)
    usual = (_SMALL, *USUAL_LIMITS) if failed is not None and named else ()
    candidates = (limit.soft,) if limit is not None and limit.soft is not None else usual
    return next((most for most in candidates if FULL_TABLE * most <= used <= most + MOST), None)


class _Descriptors(msgspec.Struct, frozen=True):
    """Descriptors of a process that reach their limit. ``stated``: the row with the limit, None if it is only a usual one."""

    case: Case
    process: Process
    counts: Sequence[Count]
    limit: int
    stated: Limit | None

    @property
    def used(self) -> int:
        """How many there are."""
        return sum(one.number for one in self.counts)

    @property
    def named(self) -> list[Count]:
        """Those of a known kind, the most first."""
        return sorted((one for one in self.counts if one.last.name is not None), key=lambda one: -one.number)

    def of_kind(self, kinds: frozenset[str]) -> int:
        """How many are of one of these kinds."""
        return sum(one.number for one in self.counts if one.last.name in kinds)

    @property
    def unconnected(self) -> int:
        """Sockets that lsof finds no connection for, where they are most of what was counted."""
        return found if (found := self.of_kind(frozenset({"sock"}))) >= _STATE_SHARE * self.used else 0

    @property
    def towards(self) -> Count | None:
        """The connections to one service that were counted, if they are most of the descriptors."""
        found = [
            one
            for one in self.case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED)
            if is_place(one.last.remote or one.last.end)
            and (one.last.local, self.case.counts.process(one)[0]) in {(None, None), (None, self.process.pid)}
            and _STATE_SHARE * self.used <= one.number <= self.used
        ]
        return found[0] if len(found) == 1 else None

    @property
    def unclosed(self) -> Count | None:
        """The sockets in CLOSE_WAIT that were counted, if they are most of the process' sockets."""
        found = [
            one
            for one in self.case.counts.of(Counted.SOCKETS, TcpState.CLOSE_WAIT)
            if self.case.counts.process(one)[0] in {None, self.process.pid}
        ]
        return next((one for one in found if _STATE_SHARE * self.of_kind(SOCKETS) <= one.number <= self.used), None)


def _of_descriptors(found: _Descriptors, failed: Told | None) -> Finding:
    named, unclosed, process, towards = found.named, found.unclosed, found.process, found.towards
    top = named[0].last.name if named else None
    files = top is not None and top not in SOCKETS | PIPES
    text = DESCRIPTORS.filled(
        process,
        used=found.used,
        limit=found.limit,
        top=top is not None,
        files=files,
        pipes=top in PIPES,
        sockets=not files and top not in PIPES and not found.unconnected and (bool(named) or towards is None),
        name=top or say("descriptors"),
        list=_listed(named) if named else None,
        no_sockets=_no_sockets(found.of_kind(SOCKETS), found.used) if files else "",
        failed=failed,
        both=failed is not None and found.stated is not None,
        stated=found.stated,
        left=unclosed if top in SOCKETS else None,
        unclosed=unclosed.number if unclosed is not None else 0,
        ends=ends_in_words(unclosed) if unclosed is not None else "",
        socket_count=found.of_kind(SOCKETS),
        of_one_kind=len(found.counts) == len(named) == 1 and "grep" in (named[0].last.command or ""),
        unconnected=found.unconnected,
        towards=None if named else towards,
        connection_count=towards.number if towards is not None else 0,
        remote=place(end) if towards is not None and (end := towards.last.remote or towards.last.end) is not None else None,
    )
    filled = tuple(shown(one.last.where, one, one.number) for one in (*named, *found.counts)[:MOST])
    error = (failed.evidence,) if failed is not None else ()
    return text.finding(
        severity=Severity.CRITICAL if failed is not None else Severity.WARNING,
        confidence=Confidence.CERTAIN if failed is not None and found.stated is not None else Confidence.LIKELY,
        evidence=(
            *filled,
            *((shown(towards.last.where, towards, towards.number),) if towards is not None and not named else ()),
            *((shown(unclosed.last.where, unclosed, unclosed.number),) if unclosed is not None and top in SOCKETS else ()),
            *((limit_evidence(found.stated),) if found.stated is not None else ()),
            *error,
        ),
        chain=text.steps(filled[:1], error),
        figures=text.figures if named else text.figures[:1],
    )


DESCRIPTORS: Final = Text(
    "fd-exhaustion",
    headline=Either(
        "of_one_kind",
        "The process has used up its file descriptors: {used:,} of {limit:,} are {what}.",
        "The process has used up its file descriptors: {used:,} of {limit:,}{most}.",
    ),
    explanation="{used:,} descriptors were counted, and {the_limit}{listed}.{no_sockets}{why_left}{log} Whoever needs another one fails with “Too many open files”.",
    why=Either(
        "both",
        "The count, the limit and the error in the log agree.",
        Either(
            "failed",
            "The count reaches a usual limit, and the log says that none was left; the process' own limit is not in the evidence.",
            "The count and the limit agree; an error for want of a descriptor is not here.",
        ),
    ),
    do=(
        Do(When.NOW, "Save the list of descriptors, then restart.", "ls -l /proc/{pid}/fd > fd.txt"),
        Do(
            When.FIX,
            "If the process needs that many files (a store with many index or data files does), raise the limit of its service (LimitNOFILE, ulimit -n); if they grow, find who opens them and does not close.",
            on="files",
        ),
        Do(
            When.FIX,
            "Close both ends of the pipes of each child that is started, and wait for it (communicate, waitpid): count its children, and the zombies among them. A higher limit only delays it.",
            on="pipes",
        ),
        Do(
            When.FIX,
            "Close each connection when its far end has closed (read returns 0), after errors too: no setting of the kernel ends CLOSE_WAIT, and a higher limit only delays it.",
            on="left",
        ),
        Do(
            When.FIX,
            "Close the socket on every path on which connect, or what follows it, fails: a loop that tries again leaves one with each try. A higher limit only delays it.",
            on="unconnected",
        ),
        Do(
            When.FIX,
            "Look at the code that calls {remote}: one client for all calls, and each answer read to its end or closed on every path. A higher limit only delays it.",
            on="towards",
        ),
        Do(When.FIX, "Find who opens them and does not close, and raise the limit only above what a healthy process needs.", on="sockets"),
    ),
    figures=(("{used:,} of {limit:,}", "file descriptors used"), ("{socket_count:,}", "sockets")),
    chain=(("{name}", "fill", "{used:,} of {limit:,} descriptors"), ("the process", "can open and accept nothing", "")),
    phrases={
        "most": Either("top", ", most of them {what}", Either("towards", ", {connection_count:,} of them connections to {remote}")),
        "what": Either(
            "files",
            "files ({name})",
            Either(
                "pipes",
                "pipes",
                Either("left", "sockets, {unclosed:,} in CLOSE_WAIT", Either("unconnected", "sockets without a connection", "sockets")),
            ),
        ),
        "the_limit": Either("stated", "the limit is {limit:,}", "{limit:,} is a usual limit"),
        "listed": Either("list", ": {list}"),
        "log": Either("failed", " The log says that none was left."),
        "why_left": Either(
            "left",
            " {unclosed:,} sockets{ends} were counted in CLOSE_WAIT: their far ends have closed, and this process has not.",
            Either(
                "pipes",
                " Pipes come in pairs, for the children that a program starts: what reads them, or what is done when they end, does not close them.",
                Either(
                    "unconnected",
                    " {unconnected:,} are sockets that lsof finds no connection for, and that netstat and ss do not show: made and never connected, refused, or reset, and not closed since.",
                    Either(
                        "towards",
                        " {connection_count:,} of them are connections to {remote}, which this process opened and keeps: a client that is made for each call, or answers that are not read to their end (after an error status, for example), keep one each.",
                    ),
                ),
            ),
        ),
    },
)


def _listed(counts: Sequence[Count]) -> Message:
    return joined(", ", (say("{count:,} {name}", count=one.number, name=one.last.name) for one in counts[:MOST]))


def _no_sockets(sockets: int, used: int) -> Message | str:
    """That it is no leak of sockets, where few of the descriptors are some."""
    if sockets >= _STATE_SHARE * used:
        return ""
    return say(" Only {sockets:,} of them are sockets: no connections are what fills the table.", sockets=sockets)


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

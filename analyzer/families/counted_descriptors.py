"""Descriptors of a process that a command counted by what they are, against the limit of open files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.log_events import site_of
from analyzer.families.counted_limits import FULL_TABLE, MOST, told_of
from analyzer.families.counted_sockets import SHOWN, ends_in_words, place, process_of, shown
from analyzer.join.counts import is_place
from analyzer.join.descriptors import USUAL_LIMITS, limit_evidence
from analyzer.model.finding import Confidence, Process, Severity, When
from analyzer.model.message import Message, joined, say
from analyzer.model.text import Do, Either, Text
from parsers.records import Counted, LogKind, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.log_events import Told
    from analyzer.join.counts import Count
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import Frame, Limit

PIPES: Final = frozenset({"pipe", "pipe:", "PIPE", "FIFO", "S_IFIFO"})
SOCKETS: Final = frozenset({"S_IFSOCK", "socket", "socket:", "sock", "TCP", "IPv4", "IPv6", "unix"})
POLLS: Final = frozenset({"eventpoll", "[eventpoll]", "anon_inode:[eventpoll]", "anon_inode:eventpoll"})
ANONYMOUS: Final = "a_inode"
"""What lsof calls the type of every file without a name: epoll, eventfd, timerfd, inotify."""
WAKERS: Final = frozenset({"eventfd", "[eventfd]", "anon_inode:[eventfd]", "anon_inode:eventfd"})
"""What wakes a selector of the JVM since JDK 16; before, both ends of a pipe did."""
_STATE_SHARE: Final = 0.5
_SMALL: Final = 256
"""The limit that macOS and Solaris give by default."""
_ALIKE: Final = 0.1
"""Share by which what wakes selectors may differ from their number."""
_MEETS_IT: Final = re.compile(
    r"\baccept|\.open0\Z|\b(?:FileInputStream|FileOutputStream|RandomAccessFile|UnixNativeDispatcher|FileDispatcherImpl|ProcessBuilder|ProcessImpl|UNIXProcess)\b",
    re.IGNORECASE,
)
"""Calls that need a descriptor for something else than a selector: they meet the full table, and do not fill it."""
_LOOPS: Final = 100
"""Selectors from which on they are no loops of a server: it has one or two for each processor."""


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


def kind_of(name: str | None) -> str | None:
    """The kind without its number: people mask that of ``socket:[81231]`` to count."""
    kind, bracket, _ = (name or "").partition(":[")
    return kind if bracket and kind in {"socket", "pipe"} else name


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
        return sum(one.number for one in self.counts if kind_of(one.last.name) in kinds)

    @property
    def loops(self) -> int:
        """Selectors of event loops, each with what wakes it, where they are most of what was counted."""
        pipes, wakers = self.of_kind(PIPES), self.of_kind(WAKERS)
        # A count by type does not tell epoll from what wakes it; with both ends of a pipe for each, it is epoll.
        polls = self.of_kind(POLLS) or self.of_kind(frozenset({ANONYMOUS}))
        alike = (wakers and abs(polls - wakers) <= _ALIKE * polls) or abs(2 * polls - pipes) <= 2 * _ALIKE * polls
        return polls if polls >= _LOOPS and alike and 2 * polls >= _STATE_SHARE * self.used else 0

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
    top = kind_of(named[0].last.name) if named else None
    files = top is not None and top not in SOCKETS | PIPES | {ANONYMOUS}
    text = DESCRIPTORS.filled(
        process,
        used=found.used,
        limit=found.limit,
        top=top is not None,
        files=files and not found.loops,
        loops=found.loops,
        maker=_maker(failed, found.case),
        pipes=top in PIPES,
        anonymous=top == ANONYMOUS,
        sockets=not files and top not in {*PIPES, ANONYMOUS} and not found.unconnected and (bool(named) or towards is None),
        name=say("selectors and what wakes them") if found.loops else top or say("descriptors"),
        list=_listed(named) if named else None,
        no_sockets=_no_sockets(found.of_kind(SOCKETS), found.used) if files and not found.loops else "",
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
        "The process has used up its file descriptors: {used:,} of {limit:,}{most}{whose}.",
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
            "Make one client (or event loop group) and share it, instead of one for each call{for_each}; close those that are made for a while. A higher limit only delays it.",
            on="loops",
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
        "whose": Either(
            "loops",
            Either(
                "maker",
                ": clients or event loops that {maker} makes again and again, and nobody closes",
                ": clients or event loops that are made again and again, and never closed",
            ),
        ),
        "for_each": Either("maker", " of {maker}"),
        "what": Either(
            "loops",
            "of {loops:,} selectors",
            Either("files", "files ({name})", "{other}"),
        ),
        "other": Either(
            "pipes",
            "pipes",
            Either("anonymous", "files without a name ({name}: epoll, eventfd, timerfd or inotify)", "{of_sockets}"),
        ),
        "of_sockets": Either(
            "left", "sockets, {unclosed:,} in CLOSE_WAIT", Either("unconnected", "sockets without a connection", "sockets")
        ),
        "the_limit": Either("stated", "the limit is {limit:,}", "{limit:,} is a usual limit"),
        "listed": Either("list", ": {list}"),
        "log": Either("failed", " The log says that none was left."),
        "why_left": Either(
            "loops",
            " An event loop has a descriptor of epoll and what wakes it; a server has one or two for each processor. So many are left by clients that are made for each call: each has a thread of its own, too, and keeps its connections.",
            "{why_kept}",
        ),
        "why_kept": Either(
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


_LOOP: Final = re.compile(r"selector|epoll|kqueue|event_?loop|reactor|dispatcher|https?_?client", re.IGNORECASE)
"""Frames of what has a selector of its own: an event loop, or a client that runs one."""


def _maker(failed: Told | None, case: Case) -> Frame | None:
    """The application's frame that failed to make a further selector."""
    if failed is None or any(_MEETS_IT.search(frame.call) for frame in failed.event.frames):
        return None
    if not any(_LOOP.search(frame.call) for frame in failed.event.frames):
        return None
    site = site_of(failed.event, case.known)
    return site if site is not None and case.known.is_application(site.cls) else None


def _listed(counts: Sequence[Count]) -> Message:
    return joined(", ", (say("{count:,} {name}", count=one.number, name=one.last.name) for one in counts[:MOST]))


def _no_sockets(sockets: int, used: int) -> Message | str:
    """That it is no leak of sockets, where few of the descriptors are some."""
    if sockets >= _STATE_SHARE * used:
        return ""
    return say(" Only {sockets:,} of them are sockets: no connections are what fills the table.", sockets=sockets)

"""What stands beside a line about a limit that was reached: the setting, how many there are, which host has most of them, who waits for what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.doing import doing
from analyzer.evidence.log_events import near
from analyzer.families.counted_limits import container_full
from analyzer.families.heaps import anew_in_words, made_anew
from analyzer.model.finding import Evidence
from analyzer.model.message import joined, plural, say
from analyzer.software.blockers import application_frame, blocking_frame
from parsers.records import SILENT, THREADS_IN, Counted, LogKind, Runtime

if TYPE_CHECKING:
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case
    from parsers.records import LogEvent

MOSTLY: Final = 0.5
"""Share of the limit, or of all that were counted, from which on one host has most of it."""
FEWEST: Final = 5
_NEAR_FULL: Final = 0.9
"""Share of a table's limit from which on a count agrees with the line: entries come and go."""
_BELOW: Final = 6
"""Lines below the runtime's word in which the goroutines that it speaks of begin."""
_MEMBERS: Final = 3
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_EMPTY: Final = frozenset({"max", "limit", "number", "of", "default", "active", "server", "maximum"})
_THRESHOLDS: Final = ("net.ipv4.neigh.default.gc_thresh3", "net.ipv6.neigh.default.gc_thresh3")
_PILE: Final = 500
"""Threads of one name from which on they are no pool that somebody sized."""
_SHARE: Final = 0.25
_OF_PROCESSES: Final = frozenset({LogKind.NO_THREAD, LogKind.DESCRIPTORS, LogKind.MEMORY})
_OF_LIMITS: Final = frozenset({LogKind.REACHED, LogKind.SLOTS})


class Joined(NamedTuple):
    """The words that end the headline, the evidence for them, and whether nothing is left open."""

    words: str
    evidence: tuple[Evidence, ...]
    proven: bool = False


def beside(case: Case, event: LogEvent) -> Joined | None:
    """What is here beside the line, None if nothing is that belongs to it."""
    if event.kind is LogKind.NEIGHBOURS:
        return _neighbours(case)
    if event.kind is LogKind.TRACKED:
        return _tracked(case)
    if event.kind is LogKind.ARCHIVE:
        return _archive(case)
    if event.kind is LogKind.ENDED:
        return _ended(case, event)
    if event.kind is LogKind.WORKER_ENDED:
        return _left_behind(case) or _workers(case, event)
    if event.kind in _OF_PROCESSES:
        parts = [found for of in (_tasks, _named, _clients) if event.kind is LogKind.NO_THREAD or of is _clients if (found := of(case))]
        if event.kind is LogKind.NO_THREAD and (made := _made(event)) is not None:
            parts.append(made)
        return Joined(joined("", (one.words for one in parts)), tuple(proof for one in parts for proof in one.evidence)) if parts else None
    return _limit(case, event) if event.kind in _OF_LIMITS else None


def _tasks(case: Case) -> Joined | None:
    """How many tasks the container has of those that it may have, where its limit is reached."""
    tasks = container_full(case)
    return Joined(say(", as the container has {tasks}", tasks=tasks.words), (tasks.evidence,)) if tasks is not None else None


def _named(case: Case) -> Joined | None:
    """The name that most of the threads have which a command counted, if there are far too many of it."""
    named = [one for one in case.counts.of(Counted.THREADS) if one.last.name and not one.last.name.startswith(THREADS_IN)]
    if not named or named[0].number < _PILE or named[0].number < _SHARE * sum(one.number for one in named):
        return None
    most = named[0]
    words = say(", and {count:,} threads are called “{name}”", count=most.number, name=most.last.name or "?")
    return Joined(words, (Evidence(most.last.where, say("threads of one name"), (str(most.number),)),))


def _made(event: LogEvent) -> Joined | None:
    """The object with threads of its own that was being made when the thread was refused, and by whom."""
    makes = [
        at for at, frame in enumerate(event.frames) if frame.method == "<init>" and not frame.cls.startswith(("java.", "jdk.", "sun."))
    ]
    if not makes or makes[-1] + 1 >= len(event.frames):
        return None
    what, caller = event.frames[makes[-1]].cls.rpartition(".")[2], event.frames[makes[-1] + 1]
    words = say("; {caller} was making another {what}, which has threads of its own", caller=caller.call, what=what)
    return Joined(words, (Evidence(event.where, say("where the thread was wanted"), (what,)),))


def _clients(case: Case) -> Joined | None:
    """The clients with threads and connections of their own that a heap has by the hundred."""
    anew = made_anew(case)
    if anew is None:
        return None
    shown = Evidence(anew.last.where, say("objects of {name}", name=anew.last.name or "?"), (str(anew.number),))
    return Joined(say(": {clients}", clients=anew_in_words(anew)), (shown,))


def _neighbours(case: Case) -> Joined | None:
    """The limit of the table, and how many entries were counted."""
    limit = next((found for name in _THRESHOLDS if (found := case.counts.setting(name)) is not None), None)
    if limit is None:
        return None
    shown = Evidence(limit.where, say("entries that the table may have"), (str(limit.values[0]),))
    counts = [one for one in near(case.incident) if one.kind is LogKind.BESIDE_LIMIT and one.source == "neighbours"]
    held = counts[-1].figure("held") or 0 if counts else 0
    if held < _NEAR_FULL * limit.values[0]:
        return Joined(say(": it may have {limit:,} entries ({name})", limit=limit.values[0], name=limit.name), (shown,))
    words = say(
        ": {count:,.0f} entries were counted, and it may have {limit:,} ({name})", count=held, limit=limit.values[0], name=limit.name
    )
    return Joined(words, (shown, Evidence(counts[-1].where, say("entries of the table"))))


def _tracked(case: Case) -> Joined | None:
    """A reading of the table that has room: the line is of another moment, or of another network namespace."""
    used, most = case.counts.setting("net.netfilter.nf_conntrack_count"), case.counts.setting("net.netfilter.nf_conntrack_max")
    if used is None or most is None:
        return None
    words = say(
        ", while a reading shows {used:,} of {most:,}: it was full at another moment, or in another network namespace",
        used=used.values[0],
        most=most.values[0],
    )
    return Joined(words, (Evidence(used.where, say("entries of the table"), (str(used.values[0]),)),))


def _archive(case: Case) -> Joined | None:
    """The full store behind an archiver that stopped, and how many sessions wait."""
    events = list(near(case.incident))
    full = max((one for one in events if one.kind is LogKind.STORE_FULL), key=lambda one: one.figure("percent") or 0, default=None)
    waiting = next((one for one in reversed(events) if one.kind is LogKind.ARCHIVE and one.figure("sessions")), None)
    parts = []
    if full is not None and (percent := full.figure("percent")) is not None and full.subject is not None:
        parts.append(
            say(
                ": {name} ({limit:,.0f} bytes) is {percent:.0f} % used", name=full.subject, limit=full.figure("limit") or 0, percent=percent
            )
        )
    elif full is not None:
        parts.append(say(": the place where logs are archived is full"))
    if waiting is not None:
        parts.append(say(", and for that {sessions} wait", sessions=plural(int(waiting.figure("sessions") or 0), "session")))
    shown = [Evidence(full.where, say("the place where logs are archived is full"))] if full is not None else []
    shown += [Evidence(waiting.where, say("sessions wait for the archiver"))] if waiting is not None else []
    return Joined(joined("", parts), tuple(shown)) if parts else None


def _limit(case: Case, event: LogEvent) -> Joined | None:
    """The setting of the limit, and the host that has most of what it limits."""
    events = [one for one in near(case.incident) if one.kind is LogKind.BESIDE_LIMIT and one.where.file == event.where.file]
    settings = [one for one in events if one.source == "setting" and _is_of(one, event)]
    named = min(settings, key=lambda one: len(one.subject or ""), default=None)
    limit = event.figure("limit") or (named.figure("most") if named is not None else None)
    counts = [one for one in events if one.source == "count"]
    top = max(counts, key=lambda one: one.figure("held") or 0, default=None)
    held = top.figure("held") or 0 if top is not None else 0
    total = max(sum(one.figure("held") or 0 for one in counts), limit or 0)
    parts, shown = [], []
    if named is not None:
        parts.append(say(": {name} is {most:.0f}", name=named.subject, most=named.figure("most") or 0))
        shown.append(Evidence(named.where, say("the setting of the limit")))
    if top is not None and limit and FEWEST <= held <= limit and held >= MOSTLY * total:
        parts.append(say(", and {host} has {held:.0f} of {limit:.0f}", host=top.subject, held=held, limit=limit))
        shown.append(Evidence(top.where, say("what one host has")))
    return Joined(joined("", parts), tuple(shown)) if parts else None


def _stem(name: str) -> str:
    words = [word.lower() for word in _WORDS.findall(name.rpartition(": ")[2])]
    return " ".join(word.removesuffix("es" if word.endswith("sses") else "s") for word in words if word not in _EMPTY)


def _is_of(setting: LogEvent, event: LogEvent) -> bool:
    """True for a setting whose name, or whose number and kind, is that of the limit which was reached."""
    of, what = _stem(setting.subject or ""), _stem(event.subject or "")
    return bool(of) and of == what and event.figure("limit") in {None, setting.figure("most")}


def _left_behind(case: Case) -> Joined | None:
    """Where a worker was when its server ended it, by the trace that it left."""
    members = [member for view in case.latest for pool in view.pools for member in pool.members if member.thread.native_state == SILENT]
    for member in members[:1]:
        frame, caller = blocking_frame(*member) or member.thread.frames[0], application_frame(*member)
        called = say(", called from {caller}", caller=caller) if caller is not None and caller is not frame else ""
        words = say("; the trace that one left ends in {frame}{called}", frame=frame.call, called=called)
        return Joined(words, (Evidence(member.thread.where, say("stack of a worker that was ended"), ()),))
    return None


def _workers(case: Case, event: LogEvent) -> Joined | None:
    """Where the worker stood as its server says, and the queue that is full behind it."""
    from analyzer.families.ended_workers import behind  # noqa: PLC0415 - of servers that end their workers

    found = behind(case, event)
    return Joined(found.words, found.evidence) if found is not None else None


def _ended(case: Case, event: LogEvent) -> Joined | None:
    """What each of the goroutines waits for that the runtime printed below its word."""
    for view in case.latest:
        dump = view.dump
        if (
            dump is None
            or dump.runtime is not Runtime.GO
            or dump.where.file != event.where.file
            or not 0 < dump.where.first - event.where.first <= _BELOW
        ):
            continue
        members = [member for pool in view.pools for member in pool.members if member.thread.frames]
        said = [words for member in members[:_MEMBERS] if (words := _waits(member))]
        if not said:
            continue
        copied = next((one for one in near(case.incident) if one.kind is LogKind.COPIED and one.where.file == event.where.file), None)
        more = (
            say(
                "; the code hands {what} over by value ({place}), so that Done counts a copy down and nobody sees it",
                what="sync.WaitGroup",
                place=str(copied.where),
            )
            if copied is not None and any("WaitGroup" in frame.call for member in members for frame in member.thread.frames)
            else ""
        )
        evidence = (Evidence(copied.where, say("the group is handed over by value")),) if more and copied is not None else ()
        return Joined(
            say(": {list}{more}", list=joined(", ", said), more=more),
            (Evidence(dump.where, say("the goroutines that waited")), *evidence),
            proven=True,
        )
    return None


def _waits(member: ThreadActivity) -> str:
    frame = blocking_frame(*member) or member.thread.frames[0]
    app = application_frame(*member)
    group = next((one for one in member.thread.frames if "WaitGroup" in one.cls and one.method == "Wait"), None)
    what = (
        say("waits for a WaitGroup, of which a Done is missing")
        if group is not None
        else doing(member, frame, several=False) or say("is in {frame}", frame=frame.call)
    )
    called = say(" in {frame}", frame=app) if app is not None and app != frame else ""
    return say("“{name}” {what}{called}", name=member.thread.name, what=what, called=called)

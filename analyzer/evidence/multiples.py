"""How many threads stand like the few that somebody pasted: a command counted them, or the text beside them says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.goroutine_states import counted_with
from analyzer.model.finding import Evidence
from analyzer.model.message import joined, plural, say
from analyzer.software.blockers import application_frame, waited_lock
from parsers.records import Counted, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint, Tally

_COUNTS: Final = re.compile(r"\bgrep\s+(?:-[A-Za-z]+\s+)*?-[A-Za-z]*c[A-Za-z]*\s|\bgrep\b[^|]*\|\s*wc\s+-l\s*$")
_WORD: Final = re.compile(r"\bgrep\s+(?:-[A-Za-z]+\s+)*(?:'(?P<single>[^']+)'|\"(?P<double>[^\"]+)\"|(?P<bare>[^\s'\"|]+))")
_INVERTS: Final = re.compile(r"\bgrep\s+(?:-[A-Za-z]+\s+)*-(?:[A-Za-z]*v|-invert-match)")
_ESCAPE: Final = re.compile(r"\\(.)")
_AT: Final = re.compile(r" @ (?=\d)")
"""How SOS writes the line of a source: "Desk.cs @ 57"."""
_SHORTEST: Final = 6
"""Letters of a word that was looked for, below which it may stand in any line."""
_LINE: Final = "line "
_NAMED: Final = 3
"""Names that a sentence holds."""
_NEAR: Final = 10
"""Lines between a stack and the words that count others like it."""


_RIGHT_BELOW: Final = 3
"""Lines between the end of a stack and words that can only speak of it."""


class Multiple(msgspec.Struct, frozen=True):
    """How many stand alike; ``told``: the text says so, and no command counted them; ``by_state``: only that they are in the same state was counted.

    ``times``: in how many dumps, each of which was counted, about as many do.
    """

    number: int
    tally: Tally
    by_state: bool = False
    times: int = 1

    @property
    def told(self) -> bool:
        """True for a number in somebody's words."""
        return self.tally.told

    @property
    def words(self) -> str:
        """``200 counted``."""
        if self.by_state:
            return say("{number:,} counted in this state", number=self.number)
        if self.times > 1:
            return say("{number:,} counted in each of {times} dumps", number=self.number, times=self.times)
        return say("{number:,} as the text says", number=self.number) if self.told else say("{number:,} counted", number=self.number)

    @property
    def evidence(self) -> Evidence:
        """The line with the number."""
        return Evidence(self.tally.where, say("{number} stand so", number=self.words), (f"{self.tally.count}",))


def picked_in_words(names: str, pasted: int, more: Multiple | None) -> str:
    """``Threads like “web-3” (1 pasted, 200 counted)``."""
    if more is None:
        return say("Threads like {names} ({pasted} pasted)", names=names, pasted=pasted)
    return say("Threads like {names} ({pasted} pasted, {more})", names=names, pasted=pasted, more=more.words)


def loops_in_words(pasted: int, more: Multiple) -> str:
    """``4 event loops (1 pasted, 4 as the text says)``."""
    return say("{number:,} event loops ({pasted} pasted, {more})", number=more.number, pasted=pasted, more=more.words)


def names_of(members: Sequence[ThreadActivity]) -> str:
    """``“web-3” and “web-9”``; of many threads the first few."""
    names = list(dict.fromkeys(say("“{name}”", name=member.thread.label) for member in members))
    if len(names) > _NAMED:
        return joined(", ", names[:_NAMED]) + say(" and others")
    return joined(say(" and "), names)


def multiple(case: Case, members: Sequence[ThreadActivity]) -> Multiple | None:
    """How many threads stand like these, where the evidence says so and they are more than are here; what a command counted before what is told."""
    found = [*_counted(case, members), *_told(case, members)]
    more = [one for one in found if one.number > len(members)]
    words: dict[str | None, Multiple] = {}
    for one in more:
        if not one.told and (one.tally.command not in words or words[one.tally.command].number < one.number):
            words[one.tally.command] = one
    if words:
        # Who stands like these has every word that was counted: no more than have the rarest one.
        return min(words.values(), key=lambda one: one.number)
    return max(more, key=lambda one: one.number, default=None)


def _counted(case: Case, members: Sequence[ThreadActivity]) -> Iterator[Multiple]:
    """Lines that were counted by a word which stands in a frame of all these threads' waits: each such thread has one such line."""
    for tally in (*_tallies(case, Counted.LINES), *_tallies(case, Counted.THREADS)):
        word = looked_for(tally.command or "")
        if word is not None and all(_prints_once(member, word) for member in members) and not _elsewhere(case, members, word):
            alike = [one for one in _tallies(case, tally.what) if one.command == tally.command and _agree(one.count, tally.count)]
            yield Multiple(tally.count, tally, times=len({one.name for one in alike}) if tally.name is not None else 1)
    if (in_state := counted_with(case, members)) is not None:
        yield Multiple(in_state.number, in_state.tally, by_state=True)


def _elsewhere(case: Case, members: Sequence[ThreadActivity], word: str) -> bool:
    """True if a thread that does something else has the word, too: then its lines were counted with theirs."""
    inside = {id(member.thread) for member in members}
    others = (thread for view in case.latest if view.dump is not None for thread in view.dump.threads if id(thread) not in inside)
    return any(word in frame.full for thread in others for frame in thread.frames)


def _prints_once(member: ThreadActivity, word: str) -> bool:
    """True if one line of the thread's stack has the word: a frame's, or that of the lock which it waits for."""
    lock = waited_lock(member.thread)
    if lock is not None and lock.address and lock.address in word:
        before = word.partition(lock.address)[0]
        return any(verb in before for verb in ("lock", "wait", "park")) or word.startswith(lock.address)
    plain = _AT.sub(":", word)
    return sum(plain in frame.full or (plain != word and plain == frame.source) for frame in member.thread.frames) == 1


def looked_for(command: str) -> str | None:
    """The word that a command counts lines of a dump by, where that is all it does."""
    if not _COUNTS.search(command) or _INVERTS.search(command):
        return None
    words = [_ESCAPE.sub(r"\1", match["single"] or match["double"] or match["bare"]) for match in _WORD.finditer(command)]
    return words[0] if len(words) == 1 and len(words[0]) >= _SHORTEST and '"' not in words[0] else None


def _told(case: Case, members: Sequence[ThreadActivity]) -> Iterator[Multiple]:
    """Numbers in the words just above or below one of these threads."""
    for tally in _tallies(case, Counted.THREADS):
        if not tally.told:
            continue
        at = tally.name is not None and all(_stands_at(member, tally.name) for member in members)
        if tally.ordinal:
            beside = _is_meant(case, tally, members)
        else:
            beside = any(_is_beside(tally, member) or _is_alone(case, tally, member) or _closes(case, tally, member) for member in members)
        if at or (tally.name is None and beside):
            yield Multiple(tally.count + (len(members) if tally.before else 0), tally)


def _tallies(case: Case, what: Counted) -> Iterator[Tally]:
    return (tally for snapshot in case.incident.snapshots for tally in snapshot.tallies if tally.what is what)


class Service(msgspec.Struct, frozen=True):
    """Connections to one service that a command counted: as many as threads stand alike, or to a port of their client's."""

    remote: Endpoint
    number: int
    tally: Tally

    @property
    def evidence(self) -> Evidence:
        """The line with the number."""
        says = say("{connections} to {remote} were counted", connections=plural(self.number, "connection"), remote=self.remote)
        return Evidence(self.tally.where, says, (str(self.tally.count),))


def service_of(case: Case, view: ProcessView, members: Sequence[ThreadActivity], more: Multiple | None) -> Service | None:
    """The only service to which as many connections were counted as threads stand alike, or the only one at a port of their library; None if that is not clear."""
    number = more.number if more is not None else len(members)
    ports = view.known.ports_of({member.activity.library for member in members} - {None})
    counts = [
        Service(end, one.number, one.last)
        for one in case.counts.of(Counted.SOCKETS)
        if (end := one.last.remote or one.last.end) is not None
        and one.last.state in {TcpState.ESTABLISHED, TcpState.CLOSE_WAIT}
        and end.port is not None
        and end.port not in view.listeners
        and one.number >= len(members)
    ]
    meant = [one for one in counts if one.remote.port in ports] or [one for one in counts if number > 1 and _agree(one.number, number)]
    return meant[0] if len(meant) == 1 else None


def _agree(one: int, other: int) -> bool:
    return abs(one - other) <= max(1 if other >= _NEAR else 0, _SHARE * other)


_SHARE: Final = 0.05
"""Share by which two counts of the same things may differ: they were taken one after the other."""


def _stands_at(member: ThreadActivity, place: str) -> bool:
    """True if the thread's stack has what the words name: ``Category.java:204``, ``Category.callAppenders``, ``line 46``, a lock's address, or its name."""
    if place.startswith("0x"):
        lock = waited_lock(member.thread)
        return lock is not None and lock.address is not None and lock.address.lower().lstrip("0x") == place.lower().lstrip("0x")
    if place.startswith(_LINE):
        app = application_frame(*member)
        return app is not None and (app.source or "").endswith(":" + place.removeprefix(_LINE))
    if any(place in {frame.source, frame.full, frame.method} or frame.full.endswith("." + place) for frame in member.thread.frames):
        return True
    if "." not in place and any(frame.cls.endswith(("." + place, "$" + place)) for frame in member.thread.frames):
        return True
    first, cut, last = place.replace("...", "…").partition("…")
    name = member.thread.name or ""
    return place in {
        name,
        str(member.thread.native_id or ""),
        str(member.thread.java_id or ""),
        member.thread.label.rpartition(" ")[2],
    } or (bool(cut) and bool(last) and name.startswith(first) and name.endswith(last))


def _is_alone(case: Case, tally: Tally, member: ThreadActivity) -> bool:
    """True if the words stand right above this thread and below no other: then they speak of it, too."""
    here, there = tally.where, member.thread.where
    if tally.before is not False or here.file != there.file or not 0 < there.first - here.last <= _NEAR:
        return False
    threads = (thread for view in case.latest if view.dump is not None for thread in view.dump.threads)
    return all(thread.where.file != here.file or thread.where.first > here.last for thread in threads)


def _closes(case: Case, tally: Tally, member: ThreadActivity) -> bool:
    """True if the words, which would speak of what follows, stand right below this thread, and no other follows: "24 threads are in this state"."""
    here, there = tally.where, member.thread.where
    if tally.before is not None or here.file != there.file or not 0 < here.first - there.last <= _RIGHT_BELOW:
        return False
    threads = (thread for view in case.latest if view.dump is not None for thread in view.dump.threads)
    return not any(thread.where.file == here.file and 0 < thread.where.first - here.last <= _NEAR for thread in threads)


def _is_meant(case: Case, tally: Tally, members: Sequence[ThreadActivity]) -> bool:
    """True if the words mean the dump, or in a single dump the thread, that these threads are: "the second one"."""
    dumps = sorted(
        (view.dump for view in case.latest if view.dump is not None and view.dump.where.file == tally.where.file),
        key=lambda dump: dump.where.first,
    )
    threads = sorted((thread for dump in dumps for thread in dump.threads if thread.frames), key=lambda thread: thread.where.first)
    places = [dump.where for dump in dumps] if len(dumps) > 1 else [thread.where for thread in threads]
    at = (tally.ordinal or 0) - ((tally.ordinal or 0) > 0)
    if not -len(places) <= at < len(places):
        return False
    return any(places[at].first <= member.thread.where.first <= places[at].last for member in members)


def _is_beside(tally: Tally, member: ThreadActivity) -> bool:
    """True if the number speaks of this thread: ``100 x`` stands above it, ``45 more like this`` below."""
    here, there = tally.where, member.thread.where
    if here.file != there.file:
        return False
    return 0 < there.first - here.last <= _NEAR if tally.before is None else there.first < here.first and here.first - there.last <= _NEAR

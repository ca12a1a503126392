"""Logs: what a program wrote, line by line, while it ran. Lines that prove something become records; the others are counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.logs import (
    containers,
    databases,
    deadlocks,
    failures,
    harakiri,
    kernel,
    leaks,
    limits,
    loops,
    pauses,
    pools,
    products,
    queues,
    reached,
    runtime_pools,
    servers,
    sizes,
    space,
    traces,
    watchdogs,
)
from parsers.logs.client_ends import clients_of
from parsers.logs.heap_sizes import Heap
from parsers.logs.lines import read
from parsers.logs.stamps import begins_entry, stamp
from parsers.records import LogEvent, LogKind, LogLines, Session
from parsers.text.lines import Lines
from parsers.text.stack import frame_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from parsers.logs.lines import LineFact
    from parsers.records import Frame
    from parsers.text.source import Section

NAME: Final = "log"
MOST: Final = 10_000
"""Events of one file that are kept, and as many lines that are looked at from its end for errors."""
LONGEST: Final = 4000
"""Characters of a line that are looked at: what it proves stands in front."""
_SHAPES: Final = (
    *space.SHAPES,
    *pools.SHAPES,
    *watchdogs.SHAPES,
    *containers.SHAPES,
    *limits.SHAPES,
    *products.SHAPES,
    *failures.SHAPES,
    *databases.SHAPES,
    *servers.SHAPES,
    *leaks.SHAPES,
    *pauses.SHAPES,
    *kernel.SHAPES,
    *loops.SHAPES,
    *runtime_pools.SHAPES,
    *queues.SHAPES,
    *reached.SHAPES,
)


def _shortest(words: Iterable[str]) -> tuple[str, ...]:
    """The words that hold no other one of them: where a longer one stands, the shorter one does."""
    every = tuple(dict.fromkeys(words))
    text = "\n".join(every)
    inside = [word for word in every if text.count(word) > 1]  # few; each with each would take a hundredth of a small incident
    return tuple(word for word in every if not any(other in word for other in inside if other != word))


WORDS: Final = _shortest(shape.word for shape in _SHAPES)
"""Words of which one stands in every line that proves something, entries of access logs aside."""
_WORDS: Final = _shortest((*WORDS, *servers.WORDS))
_EXCEPTION: Final = re.compile(
    r"(?:Caused by: |Exception in thread \"[^\"\n]{1,200}\" |Unhandled exception\. )?(?P<name>(?:[A-Za-z_$][\w$]{0,80}\.){1,12}[A-Z][\w$]{2,80}(?:Exception|Error|Throwable))(?:: (?P<message>[^\n]{0,400}))?\s*$"
)
_MESSAGE: Final = 100
"""Characters of an exception's message that are kept: what it was about stands in front."""
_BLOCK: Final = 2000
_SAMPLE: Final = 200
_SAMPLES: Final = 500
_FEWEST: Final = 3
_EXPLAINED: Final = 0.7
_STACKS: Final = 2
"""Stacks without an exception above them from which on a text is no log of entries: dumps come in shapes that nobody reads."""
_ERRORS: Final = 5
_DEEPEST: Final = 80
"""Lines below one that proves something in which its stack is looked for."""

_OWN_CLOCK: Final = frozenset({LogKind.COLLECTED})
"""Kinds of lines that stand alone, by the thousand, with a clock of their own."""
_FRAME: Final = re.compile(r"\s+at [\w.$/@<>-]{1,400}\(|\s+\.\.\. \d+ (?:more|common)|\s+File \"|\s+Suppressed: ")
_BARE_FRAME: Final = re.compile(r"\s*[\w$]{1,100}(?:\.[\w$<>]{1,200}){2,30}\([\w$]{1,100}\.java:\d{1,7}\)\s*$")
"""A frame without "at", as GlassFish prints the stack of a leak."""
_JAR: Final = re.compile(r" ~?\[[^\[\]\n]{1,200}\]\s*$")
_THROWN: Final = re.compile(r"Exception|Error\b|Throwable|Traceback|Caused by:|Suppressed:")
_CAUSE: Final = re.compile(r"\s*(?:Caused by|Wrapped by): ")
_CARRIED: Final = re.compile(
    r"^(?:[\w.-]{1,60} +\| )?(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.,\d]{0,12}(?:Z|[+-]\d\d:?\d\d)(?: std(?:out|err) [FP])?(?: |$)"
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]{1,60} [\w./-]{1,60}\[\d{1,10}\]: ?|! (?=at |\.\.\.|[\w.$]{1,200}(?:Exception|Error|Throwable)\b|Caused by: ))"
)
_SEVERE: Final = re.compile(r"\b(?:ERROR|SEVERE|FATAL|CRITICAL|CRIT|EMERG|PANIC)\b")
_WAIT: Final = re.compile(
    r"exhaust|is empty|none (?:left|available)|no more|too many|limit|time[d-]? ?out|deadlock|\bhung\b|\bstuck\b|\bhang|reject|unavailable",
    re.IGNORECASE,
)


class Log(NamedTuple):
    """The log that a section is, and what its lines prove."""

    lines: LogLines
    events: tuple[LogEvent, ...]
    clients: tuple[Session, ...] = ()


def log_of(section: Section) -> Log | None:
    """A section that no format knows, as a log; None if it is none, or if stacks stand in it that no exception explains."""
    if not _is_log(section.lines):
        return None
    where = section.where(0, len(section.lines) - 1)
    first = max(0, len(section.lines) - MOST)
    tail = [line[:LONGEST] for line in section.lines[first:]]
    until = next((time for line in reversed(tail) if (time := stamp(line)) is not None), None)
    errors = [
        section.where(first + index)
        for index, line in enumerate(tail)
        if _SEVERE.search(line, 0, _SAMPLE) and _WAIT.search(line) and _fact(line) is None
    ]
    lines = LogLines(where=where, lines=section.nonblank, until=until, errors=tuple(errors[-_ERRORS:]))
    return Log(lines, events_of(section), clients_of(section))


def events_of(section: Section) -> tuple[LogEvent, ...]:
    """What the lines of a section prove; of very many the last ones. A line without a time has that of the entry above it."""
    events: list[LogEvent] = []
    heap = Heap(section)
    first = 0
    for lines in _blocks(section.lines):
        text = "\n".join((*lines, ""))
        heap.read(text, lines, first)
        for index in _telling(text):
            line = lines[index][:LONGEST]
            if (fact := _fact(line)) is None or (fact := containers.known(fact, lines, index)) is None:
                continue
            fact = harakiri.known(fact, lines, index)
            if (figures := _figures_of(fact, lines, index)) is None:
                continue
            fact = space.known(fact, lines, index)
            events.append(
                LogEvent(
                    where=section.where(first + index),
                    kind=fact.kind,
                    source=fact.source,
                    time=stamp(line) or (_time_above(lines, index) if fact.kind not in _OWN_CLOCK else None),
                    subject=fact.subject,
                    figures=figures,
                    frames=_frames_of(lines, index),
                    sides=deadlocks.sides_of(lines, index) if fact.kind is LogKind.DEADLOCK else (),
                )
            )
        first += len(lines)
        del events[:-MOST]
    places = {event.where for event in events}
    beside = (*sizes.events_of(section), *reached.events_of(section))
    return (*events, *heap.events(), *(event for event in beside if event.where not in places))


_AFTER: Final = 400
"""Lines below a broker's alarm in which it may say that it is over."""


def _ended(lines: Sequence[str], index: int, what: str | None) -> bool:
    """True if a line below says that a broker takes messages again."""
    limit = "disk" if "disk" in (what or "").lower() else "memory"
    words = (f"{limit} resource limit alarm cleared", "ill unblock producers", "nblocking message production")
    below = lines[index + 1 : index + _AFTER]
    return any(word in line for line in below if "lear" in line or "nblock" in line for word in words)


def _figures_of(fact: LineFact, lines: Sequence[str], index: int) -> tuple[tuple[str, float], ...] | None:
    """The figures of a line, and those of lines beside it that belong to them; None where these say that nothing is wrong."""
    if fact.kind is LogKind.QUEUE_GAVE_UP:
        return (*fact.figures, *servers.served_beside(lines, index))
    if fact.source == runtime_pools.SOURCE:
        figures = tuple({**dict(runtime_pools.beside(lines, index)), **dict(fact.figures)}.items())
        return figures if runtime_pools.is_short(figures) else None
    if fact.kind is LogKind.UNREAD and (queues.is_laid_aside(fact.subject) or queues.is_no_report(fact.subject, lines[index])):
        return None
    if fact.kind is LogKind.ALARM and _ended(lines, index, fact.subject):
        return None
    if fact.kind is LogKind.STORE and kernel.answers_again(lines, index, fact.subject):
        return None
    return fact.figures


def thrown_in(section: Section) -> tuple[LogEvent, ...]:
    """The last exception of a text that proves nothing else, with the stack below it: what was thrown, and where the program was."""
    found = [(index, match) for index, line in section.rows() if (match := _EXCEPTION.match(_bare(line))) is not None]
    lines = section.lines
    for index, match in reversed(found):
        frames = _frames_of(lines, index)
        if frames:
            name = match["name"].rpartition(".")[2]
            message = (match["message"] or "").strip()
            subject = f"{name} ({message[:_MESSAGE]}{'…' if len(message) > _MESSAGE else ''})" if message else name
            return (
                LogEvent(
                    where=section.where(index),
                    kind=LogKind.THROWN,
                    source="program",
                    time=_time_above(lines, index),
                    subject=subject,
                    frames=frames,
                ),
            )
    return ()


def _fact(line: str) -> LineFact | None:
    """What a line proves, None for nearly all lines."""
    fact = read(_SHAPES, line)
    if fact is not None and (reached.is_told_only(fact, line) or space.is_told_only(fact, line)):
        return None
    return fact or servers.request(line)


def _telling(text: str) -> list[int]:
    """The indices of the lines that hold a word of some shape. Looking for each word in a block costs far less than asking each line for all."""
    places = set()
    for word in (*_WORDS, *servers.FLAGS) if servers.DATED in text else _WORDS:
        at = text.find(word)
        while at >= 0:
            places.add(text.count("\n", 0, at))
            end = text.find("\n", at)
            at = text.find(word, end)
    return sorted(places)


def _frames_of(lines: Sequence[str], index: int) -> tuple[Frame, ...]:
    """The frames of the exception that a line begins; of a cause also those of the exception above it, which it shares all others with."""
    found = list(_frames_below(lines, index)) or traces.frames_above([_bare(above) for above in lines[max(0, index - _DEEPEST) : index]])
    return (*found, *_frames_above(lines, index)) if _CAUSE.match(_bare(lines[index])) else tuple(found)


def _frames_above(lines: Sequence[str], index: int) -> Sequence[Frame]:
    """The frames of the exception whose cause a line begins."""
    found: list[Frame] = []
    for above in reversed(lines[max(0, index - _DEEPEST) : index]):
        line = _bare(above)
        if (frame := _frame(line)) is not None:
            found.append(frame)
        elif not line.lstrip().startswith(("...", "…")):
            break
    return found[::-1]


def _frame(line: str) -> Frame | None:
    if not line.lstrip().startswith("at "):
        return frame_of(line.strip()) if _BARE_FRAME.match(line[:LONGEST]) else None
    return traces.other_frame(line) or frame_of(_JAR.sub("", line[:LONGEST]).rstrip())


def _bare(line: str) -> str:
    """The line without what its carrier put in front: the time of ``kubectl logs --timestamps``, the host and program of journald, a quote's mark."""
    return _CARRIED.sub("", line[line[:1] == ">" : LONGEST], count=1)


def _frames_below(lines: Sequence[str], index: int) -> Iterator[Frame]:
    """The frames of the exception that a line begins, or that is printed right below it; of the kernel's trace of a task, and of a list of JavaScript's."""
    begun = False
    if found := traces.frames_below([_bare(below) for below in lines[index + 1 : index + 1 + _DEEPEST]]):
        yield from found
        return
    for at, below in enumerate(lines[index + 1 : index + 1 + _DEEPEST], index + 1):
        line = _bare(below)
        if begun and not line and kernel.traced_frame("".join(lines[at + 1 : at + 2])[:LONGEST]) is not None:
            continue  # the rest of the line above stood here, before the parts were joined
        if (other := loops.quoted_frame(line) or kernel.traced_frame(line)) is not None:
            begun = True
            yield other
        elif kernel.is_heading(line):
            continue
        elif (frame := _frame(line)) is not None:
            begun = True
            yield frame
        elif begun and line.strip(" \t[](){}<>") in {"...", "…", "...."}:
            continue  # somebody left frames out
        elif begun or not (not line or line[0].isspace() or _THROWN.search(line[:LONGEST])):
            return


def _time_above(lines: Sequence[str], index: int) -> str | None:
    """The time of the entry that an exception stands below."""
    return next((time for line in reversed(lines[max(0, index - _SAMPLE) : index]) if (time := stamp(line)) is not None), None)


def _blocks(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    if isinstance(lines, Lines):
        yield from lines.blocks()
        return
    for start in range(0, len(lines), _BLOCK):
        yield lines[start : start + _BLOCK]


def _is_log(lines: Sequence[str]) -> bool:
    """True if nearly all lines are entries or belong to the one above. Of a long text as many pieces are looked at, from end to end."""
    step = max(_SAMPLE, len(lines) // _SAMPLES)
    entries = explained = stacks = total = 0
    for start in range(0, len(lines), step):
        piece = _Piece(lines[start : start + _SAMPLE])
        entries, explained = entries + piece.entries, explained + piece.explained
        stacks, total = stacks + piece.stacks, total + piece.total
        if stacks >= _STACKS:
            return False
    return entries >= _FEWEST and explained >= _EXPLAINED * total


class _Piece:
    """Counts of a piece: entries, lines that are explained by one, stacks that no exception explains, lines that are not blank."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.entries = self.explained = self.stacks = self.total = 0
        thrown = below = framed = False
        for line in lines:
            if not line or line.isspace():
                continue
            self.total += 1
            if begins_entry(line):
                self.entries += 1
                self.explained += 1
                thrown, below, framed = _THROWN.search(line[:LONGEST]) is not None, True, False
            elif _FRAME.match(line[:LONGEST]):
                self.explained += thrown
                self.stacks += below and not thrown and not framed
                framed = True
            elif _THROWN.search(line[:LONGEST]):
                self.explained += below
                thrown, framed = True, False
            elif framed and not line[0].isspace():
                thrown = framed = False

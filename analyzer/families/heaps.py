"""What the objects of a JVM's heap tell, counted by class: what there is most of, what keeps it, and whether it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.families.counted_sockets import growth_in_words
from analyzer.model.message import joined, say
from parsers.records import Counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.counts import Count
    from analyzer.waits.case import Case

MANY: Final = 10_000
"""Objects of one class of the application from which on it is worth a sentence that they are there."""
NEAR: Final = 0.02
"""Share by which the entries of a container may differ from what they hold."""
_TOLD: Final = 3
_JDK: Final = ("[", "java.", "javax.", "jdk.", "sun.", "com.sun.", "<", "scala.", "kotlin.", "clojure.")
_QUEUES: Final = (
    "java.util.concurrent.LinkedBlockingQueue$Node",
    "java.util.concurrent.LinkedBlockingDeque$Node",
    "java.util.concurrent.LinkedTransferQueue$Node",
    "java.util.concurrent.LinkedTransferQueue$DualNode",
    "java.util.concurrent.ConcurrentLinkedQueue$Node",
    "java.util.concurrent.ConcurrentLinkedDeque$Node",
)
_TASKS: Final = ("java.util.concurrent.FutureTask", "java.util.concurrent.ScheduledThreadPoolExecutor$ScheduledFutureTask")
_KEEPERS: Final = (
    "java.util.HashMap$Node",
    "java.util.concurrent.ConcurrentHashMap$Node",
    "java.util.LinkedHashMap$Entry",
    "java.util.LinkedList$Node",
)


def heap_in_words(case: Case) -> Iterator[str]:
    """Sentences without their full stops about the classes of the application of which there are many."""
    counts = case.counts.of(Counted.OBJECTS)
    own = [one for one in counts if one.number >= MANY and case.known.is_application(one.last.name or "")]
    if not own:
        return
    yield say(
        "the objects of a heap were counted by class; of the application's own there are most of {list}",
        list=joined(", ", (say("{name} ({count:,})", name=one.last.name or "?", count=one.number) for one in own[:_TOLD])),
    )
    for one in own[:_TOLD]:
        if one.grown:
            yield say("objects of {name}:{growth}", name=one.last.name or "?", growth=growth_in_words(one).rstrip("."))
    yield from _kept(own, counts)


def filling(case: Case) -> str | None:
    """The class outside the JDK of which most objects were counted, with their number; None if none has many."""
    counts = case.counts.of(Counted.OBJECTS)
    found = [one for one in counts if one.number >= MANY and not (one.last.name or "[").startswith(_JDK)]
    if not found:
        return None
    most = max(found, key=lambda one: (case.known.is_application(one.last.name or ""), one.number))
    return say("{name} ({count:,})", name=most.last.name or "?", count=most.number)


def _kept(own: Sequence[Count], counts: Sequence[Count]) -> Iterator[str]:
    """What holds the objects, as far as numbers that agree tell."""
    for kinds, words in (
        (_QUEUES, say("about as many entries of a queue are there ({entry}, {count:,}): more is put into it than is taken out")),
        (_TASKS, say("about as many tasks of an executor are there ({entry}, {count:,}): more are given to it than it ends")),
        (_KEEPERS, say("about as many entries of a map or list are there ({entry}, {count:,}), which may keep them")),
    ):
        entry = next(
            (one for one in counts if one.last.name in kinds and any(abs(one.number - mine.number) <= NEAR * one.number for mine in own)),
            None,
        )
        if entry is not None:
            yield say(words.template, entry=entry.last.name or "?", count=entry.number)
            return

"""What a JVM's heap tells: its objects by class, what keeps them and whether they grow; and how full its collections leave it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from analyzer.families.counted_sockets import growth_in_words
from analyzer.model.message import joined, plural, say
from parsers.records import Counted, LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.counts import Count
    from analyzer.waits.case import Case
    from parsers.records import LogEvent

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


FEWEST_ANEW: Final = 100
"""Clients of one kind that live at once from which on somebody makes one for each use: a program needs a few."""
_ONE_IS_ENOUGH: Final = frozenset(
    {
        "okhttp3.OkHttpClient",
        "com.squareup.okhttp.OkHttpClient",
        "org.apache.http.impl.client.InternalHttpClient",
        "org.apache.http.impl.conn.PoolingHttpClientConnectionManager",
        "org.apache.http.impl.nio.client.InternalHttpAsyncClient",
        "org.apache.hc.client5.http.impl.classic.InternalHttpClient",
        "org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManager",
        "jdk.internal.net.http.HttpClientImpl",
        "org.eclipse.jetty.client.HttpClient",
        "org.asynchttpclient.DefaultAsyncHttpClient",
        "io.netty.channel.nio.NioEventLoopGroup",
        "io.netty.channel.epoll.EpollEventLoopGroup",
        "io.grpc.internal.ManagedChannelImpl",
        "com.zaxxer.hikari.pool.HikariPool",
        "org.apache.commons.dbcp2.BasicDataSource",
        "redis.clients.jedis.JedisPool",
        "io.lettuce.core.RedisClient",
        "org.redisson.Redisson",
        "com.mongodb.client.internal.MongoClientImpl",
        "org.apache.kafka.clients.producer.KafkaProducer",
        "org.elasticsearch.client.RestClient",
        "com.datastax.driver.core.Cluster",
        "com.amazonaws.services.s3.AmazonS3Client",
        "java.util.TimerThread",
        "java.util.concurrent.ScheduledThreadPoolExecutor",
    }
)
"""Classes whose objects have threads, or a pool of connections, of their own: their documentation asks to make one and to share it."""


def made_anew(case: Case) -> Count | None:
    """The objects with threads or connections of their own of which far more live than a program needs, the most frequent."""
    found = [one for one in case.counts.of(Counted.OBJECTS) if one.number >= FEWEST_ANEW and one.last.name in _ONE_IS_ENOUGH]
    return max(found, key=lambda one: one.number, default=None)


def anew_in_words(one: Count) -> str:
    """``5,812 okhttp3.OkHttpClient live in the heap, each …``."""
    return say(
        "{count:,} objects of {name} live in the heap, each with threads or connections of its own: they are made again and again where one is enough",
        count=one.number,
        name=one.last.name or "?",
    )


def heap_in_words(case: Case) -> Iterator[str]:
    """Sentences without their full stops about how full collections leave the heap, and about the application's classes of which there are many."""
    yield from _collected(case)
    counts = case.counts.of(Counted.OBJECTS)
    if (anew := made_anew(case)) is not None:
        yield anew_in_words(anew)
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


def _collected(case: Case) -> Iterator[str]:
    """How a heap came and went whose collector never had to look through all of it."""
    for event in _heaps(case):
        yield from _in_words(event)


def _heaps(case: Case) -> Iterator[LogEvent]:
    """The heap of each text, as its collector's log shows it, where nothing else of the log tells of trouble."""
    for artifact in case.incident.artifacts:
        of_heap = [event for event in artifact.events if event.kind is LogKind.HEAP]
        if of_heap and not any(event.kind in _FULL for event in artifact.events):
            yield of_heap[-1]


def calm_heaps(case: Case) -> Iterator[str]:
    """The sentence about a heap that comes back to what it was, with pauses as short as a collector aims at; none of picked lines, which may hide the others."""
    cut = {one.file for one in case.incident.artifacts if any(_picks(part.prompt) is not None for part in one.parts if part.prompt)}
    for event in _heaps(case):
        if event.where.file not in cut and _comes_back(event) and (event.figure("seconds") or 0.0) <= _SHORT:
            yield next(_in_words(event))


def _comes_back(event: LogEvent) -> bool:
    first, then = event.figure("lowest_first") or 0.0, event.figure("lowest_then") or 0.0
    return then <= first * _BACK and (event.figure("highest") or 0.0) <= _ROOM * (event.figure("size") or 0.0)


def _in_words(event: LogEvent) -> Iterator[str]:
    number, size, highest = (int(event.figure(name) or 0) for name in ("collections", "size", "highest"))
    first, then = event.figure("lowest_first") or 0.0, event.figure("lowest_then") or 0.0
    lasted = say(
        "the longest pause took {ms:.0f} ms, and no collection was of the whole heap", ms=_MILLIS * (event.figure("seconds") or 0.0)
    )
    if _comes_back(event):
        yield say(
            "behind each of {collections} that the log shows the heap holds {lowest:,} to {highest:,} MiB of {size:,} MiB, and it comes back to what it was; {lasted}: the collector frees what is garbage, and of a leak this span shows no sign",
            collections=plural(number, "collection"),
            lowest=int(min(first, then)),
            highest=highest,
            size=size,
            lasted=lasted,
        )
        yield say(
            "the memory that the system shows for the process (RES) stays as large as the heap once was, whatever is free in it: that alone is no leak"
        )
        return
    if then > first * _BACK:
        yield say(
            "behind {collections} the lowest that the heap holds goes from {first:,} to {then:,} MiB of {size:,} MiB; {lasted}. Garbage of the old generation counts among it until a mixed collection, or one of the whole heap: what is left behind that tells whether it leaks",
            collections=plural(number, "collection"),
            first=int(first),
            then=int(then),
            size=size,
            lasted=lasted,
        )


_MILLIS: Final = 1000.0
_picks: Final = re.compile(r"\b(?:[efz]?grep|rg|awk|sed)\b").search
_SHORT: Final = 0.2
"""Seconds of a pause that G1 aims at by itself (MaxGCPauseMillis of 200)."""
_FULL: Final = frozenset({LogKind.PAUSE, LogKind.COLLECTED, LogKind.MEMORY})
"""What shows that a heap, or its collector, has a trouble."""
_BACK: Final = 1.1
"""How much more than before the lowest may be that a heap comes back to."""
_ROOM: Final = 0.75
"""Share of the heap up to which it has room behind each collection."""


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

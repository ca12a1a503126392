"""Thousands of goroutines on one stack: those of Go's HTTP client whose answers nobody closes, and those that hang at a channel.

A profile (``?debug=1``) has no states, but the runtime's frames above the first function that it names tell a channel from a socket. A goroutine of a server's
own connection waits for its request's work and is none of these.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.goroutine_states import is_stuck
from analyzer.families.counted_sockets import kept, shown
from analyzer.model.finding import Action, Confidence, Culprit, Evidence, Finding, Process, Severity, Step, When
from analyzer.model.message import Message, joined, plural, say
from parsers.records import Counted, Runtime, TcpState, Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.counts import Count
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame, Thread

MANY: Final = 1000
"""Goroutines on one stack from which on they are a heap: a busy server has some hundred requests at a time."""
GROWN: Final = 200
"""Goroutines on one stack from which on their growth over the dumps tells: what a burst of requests leaves is less, and ends."""
FACTOR: Final = 1.5
"""How many times the first dump's number the last one's is where they grow: load does not swing so much without a server's goroutines swinging as well."""
_LEAP: Final = 4
"""How many times as many they must be in the second of two dumps."""
STEADY: Final = 3
"""Dumps over which growth is no accident of two moments."""
SHARE: Final = 0.3
"""Share of all goroutines that the heap has: what is smaller is beside something else."""
LIKE: Final = 0.1
"""Share of the heap that may differ, or be busy with it: goroutines come and go while a profile is made."""
_READS: Final = "net/http.(*persistConn).readLoop"
_PEEKS: Final = "bufio.(*Reader).Peek"
_WRITES: Final = "net/http.(*persistConn).writeLoop"
_USES: Final = ("net/http.(*persistConn).roundTrip", "net/http.(*bodyEOFSignal).Read", "net/http.(*http2Transport).RoundTrip")
_LIBRARY: Final = (
    "runtime.",
    "internal/",
    "sync.",
    "net/",
    "net.",
    "os.",
    "os/",
    "io.",
    "bufio.",
    "time.",
    "crypto/",
    "context.",
    "database/sql",
    "google.golang.org/",
    "golang.org/x/",
    "syscall.",
    "log.",
)
_SERVED: Final = ("net/http.(*conn).serve", "google.golang.org/grpc.(*Server)")


_SECOND: Final = Action(
    When.NOW,
    say("Take a second profile some minutes later: growth makes it a leak."),
    "curl -s 'localhost:PPROF_PORT/debug/pprof/goroutine?debug=1' > goroutines-2.txt",
)


class _Heap(msgspec.Struct, frozen=True):
    threads: tuple[Thread, ...]
    share: float
    told: Thread | None = None

    @property
    def frames(self) -> tuple[Frame, ...]:
        return self.threads[0].frames

    @property
    def where(self) -> Where:
        where = self.threads[0].where
        return Where(where.file, where.first, min(where.last, where.first + len(self.frames)))


def _heaps(view: ProcessView, least: int = MANY) -> tuple[list[_Heap], int]:
    """Goroutines by stack and state, the most first; and how many there are in all, as far as the dump says."""
    if view.dump is None or view.dump.runtime is not Runtime.GO:
        return [], 0
    groups: dict[tuple[object, ...], list[Thread]] = {}
    for thread in view.dump.threads:
        groups.setdefault((thread.frames, thread.native_state), []).append(thread)
    total = max(len(view.dump.threads), view.dump.total or 0)
    heaps = [_Heap(tuple(group), len(group) / total) for group in groups.values() if len(group) >= least]
    return sorted(heaps, key=lambda one: -len(one.threads)), total


def _counts(case: Case, view: ProcessView, heap: _Heap) -> tuple[int, ...]:
    """How many goroutines stood on the heap's stack in each whole dump of the process, the last one's at the end: a cut one would look like growth."""
    seen = [other for other in case.history(view) if other.snapshot.index <= view.snapshot.index and not other.coverage.threads]
    dumps = [other.dump for other in seen if other.dump is not None and not other.dump.fragment and other.dump.complete is not False]
    return tuple(sum(1 for thread in dump.threads if thread.frames == heap.frames) for dump in dumps)


def _grows(counts: Sequence[int]) -> bool:
    return len(counts) > 1 and counts[-1] >= FACTOR * max(counts[0], 1) and all(b >= a for a, b in pairwise(counts))


def unclosed_bodies(case: Case) -> Iterator[Finding]:
    """Connections of Go's HTTP client that wait for somebody to read or close an answer, while nobody does."""
    for view in case.latest:
        heaps, _ = _heaps(view)
        reading = [one for one in heaps if one.frames and one.frames[-1].full == _READS and one.threads[0].native_state == "select"]
        number = sum(len(one.threads) for one in reading)
        if not reading or view.sockets or view.dump is None:
            continue
        threads = view.dump.threads
        users = sum(1 for thread in threads if any(frame.full in _USES for frame in thread.frames))
        writers = sum(1 for thread in threads if thread.frames and thread.frames[-1].full == _WRITES)
        if users > LIKE * number or sum(one.share for one in reading) < SHARE:
            continue
        ends = list(kept(case, near=False))
        finding = _of_bodies(
            view,
            reading,
            writers,
            users,
            ends[0].evidence if ends else (),
            str(ends[0].end) if ends else None,
            ends[0].counted.number if ends else 0,
        )
        from analyzer.families.counted_profiles import with_course  # noqa: PLC0415 - of Go's profiles alone

        yield with_course(case, view, finding, reading[0].frames, number, users)


def _of_bodies(
    view: ProcessView, reading: Sequence[_Heap], writers: int, users: int, rows: Sequence[Evidence], remote: str | None, closed: int
) -> Finding:
    number = sum(len(one.threads) for one in reading)
    stack = Evidence(
        reading[0].where,
        say(
            "{goroutines} in readLoop, at a select: the answer's body is neither read to its end nor closed",
            goroutines=plural(number, "goroutine"),
        ),
        ("readLoop",),
    )
    return Finding(
        rule="connection-leak",
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if remote is not None else Confidence.SUSPECTED,
        headline=say(
            "{number:,} answers of HTTP calls{remote} were never closed: Go's client waits for each body to be read or closed.",
            number=number,
            remote=say(" to {remote}", remote=remote) if remote is not None else "",
        ),
        explanation=say(
            "{number:,} connections of Go's HTTP client have their readLoop at a select ({place}){writers}: the answer has come, and the client waits until somebody reads its body to the end or closes it. {users}{closed} A limit of idle connections does not matter, as none of these is idle.",
            number=number,
            place=reading[0].frames[0].source,
            writers=say(", and {writers:,} their writeLoop", writers=writers) if writers else "",
            users=say("No goroutine that is here reads one.")
            if not users
            else say("{goroutines} reading one.", goroutines=plural(users, "goroutine is", "goroutines are")),
            closed=say(
                " {closed:,} connections to {remote} are in CLOSE_WAIT: the far end has closed them meanwhile, and they stay.",
                closed=closed,
                remote=remote,
            )
            if remote is not None
            else "",
        ),
        why_confident=say("The goroutines and the sockets agree; which call forgets its answer, neither shows.")
        if remote is not None
        else say(
            "The goroutines show it as far as they are here; as many answers that are being read at this moment would look the same in a dump that is cut."
        ),
        evidence=(stack, *rows),
        process=view.process,
        culprit=Culprit(remote=remote, library="net/http"),
        chain=(
            Step(say("the application"), say("neither reads nor closes the body of"), plural(number, "answer"), (stack,)),
            Step(say("Go's HTTP client"), say("keeps"), say("two goroutines and a connection for each"), tuple(rows)),
        ),
        actions=(
            Action(
                When.FIX,
                say(
                    "Close every answer in all paths, also after errors and for answers that nobody wants (defer resp.Body.Close()), and read it to its end where the connection is to be used again."
                ),
            ),
            Action(When.PREVENT, say("Let a linter look for it (bodyclose), and watch the number of goroutines.")),
        ),
        figures=(
            (f"{number:,}", say("answers that nobody closes")),
            *(((f"{closed:,}", say("CLOSE_WAIT to {remote}", remote=remote)),) if remote is not None else ()),
        ),
    )


def kept_idle(case: Case) -> Iterator[Finding]:
    """Thousands of connections of Go's HTTP client that rest: each waits for a next request, which may never come."""
    for view in case.latest:
        heaps, total = _heaps(view)
        resting = [
            one for one in heaps if one.frames and one.frames[-1].full == _READS and any(frame.full == _PEEKS for frame in one.frames)
        ]
        if resting and sum(one.share for one in resting) >= SHARE:
            yield _of_idle(view, resting[0], sum(len(one.threads) for one in resting), total)


def _of_idle(view: ProcessView, heap: _Heap, number: int, total: int) -> Finding:
    stack = Evidence(
        heap.where,
        say("{goroutines} in readLoop, at a Peek: the connection rests until its next request", goroutines=plural(number, "goroutine")),
        ("readLoop",),
    )
    return Finding(
        rule="connection-leak",
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        headline=say(
            "{number:,} connections of Go's HTTP client are kept open and rest, as where a client or Transport is made anew for each call.",
            number=number,
        ),
        explanation=say(
            "{number:,} of {total:,} goroutines are the readLoop of connections that rest: they wait for the first byte of an answer, and few other goroutines are there that could have asked for one. Each http.Transport has a pool of its own; one that is made for each call, without IdleConnTimeout, leaves its connection and two goroutines behind. A gateway that really talks to thousands of hosts keeps as many; then their number follows that of the hosts.",
            number=number,
            total=total,
        ),
        why_confident=say(
            "The stacks show that the connections rest; that nobody will use them again, a second profile or the code would show."
        ),
        evidence=(stack,),
        process=view.process,
        culprit=Culprit(library="net/http"),
        chain=(
            Step(say("the application"), say("may make"), say("a Transport for each call"), ()),
            Step(say("Go's HTTP client"), say("keeps"), say("two goroutines and a connection for each"), (stack,)),
        ),
        actions=(
            Action(When.FIX, say("Make one http.Client (and Transport) and share it; set IdleConnTimeout and MaxIdleConnsPerHost.")),
            _SECOND,
        ),
        figures=((f"{number:,}", say("connections that rest")),),
    )


def never_ended(case: Case) -> Iterator[Finding]:
    """Goroutines of one function that hang at a channel and do not end: a heap of them, or fewer that grow from dump to dump."""
    for view in case.latest:
        heaps, total = _heaps(view, GROWN)
        for heap in heaps[:1]:
            if heap.share < SHARE or not _hangs_at_channel(heap):
                continue
            counts = _counts(case, view, heap)
            if len(heap.threads) >= MANY or _grows(counts):
                yield _of_heap(view, _with_one(case, heap), total, counts, _few_connections(case, len(heap.threads)))


def _with_one(case: Case, heap: _Heap) -> _Heap:
    """A profile's heap, which says "chan", with a goroutine on the same line that is told in full: what it does there, and for how long."""
    frame = heap.frames[0]
    if heap.threads[0].native_state != "chan":
        return heap
    told = (
        thread
        for snapshot in case.incident.snapshots
        for dump in snapshot.dumps
        for thread in dump.threads
        if thread.frames and thread.frames[0] == frame and (thread.native_state or "").startswith("chan ")
    )
    one = next(told, None)
    return msgspec.structs.replace(heap, told=one) if one is not None else heap


def _few_connections(case: Case, number: int) -> Count | None:
    """The most connections that a command counted, where there are far fewer than goroutines: then these serve no subscribers, one for each."""
    most = next((one for one in case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED) if one.last.local is not None), None)
    return most if most is not None and most.number <= LIKE * number else None


def _hangs_at_channel(heap: _Heap) -> bool:
    """True for goroutines of the application's own function that wait at a channel and serve no connection."""
    return own_at_channel(heap.threads[0])


def own_at_channel(thread: Thread) -> bool:
    """True for a goroutine that waits at a channel in the application's own function, and serves no connection."""
    state = thread.native_state or ""
    return bool(thread.frames) and state.startswith(("chan", "select")) and _own(thread.frames[0]) and not _serves(thread.frames)


def _own(frame: Frame) -> bool:
    return not frame.full.startswith(_LIBRARY)


def _serves(frames: Sequence[Frame]) -> bool:
    return any(frame.full.startswith(_SERVED) for frame in frames)


def _of_heap(view: ProcessView, heap: _Heap, total: int, counts: Sequence[int], few: Count | None) -> Finding:
    frame = heap.frames[0]
    number = len(heap.threads)
    doing = _at_channel((heap.told or heap.threads[0]).native_state or "")
    course = joined(" → ", (say("{count:,}", count=count) for count in counts))
    grows = _grows(counts)
    long = is_stuck(heap.told) if heap.told is not None else all(map(is_stuck, heap.threads))
    stack = Evidence(
        heap.where,
        say("{goroutines} {doing} in {frame}", goroutines=plural(number, "goroutine"), doing=doing, frame=frame),
        (str(frame.source),),
    )
    return Finding(
        rule="thread-leak",
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if _steadily(counts) or few is not None or long else Confidence.SUSPECTED,
        headline=say(
            "{number:,} of {total:,} goroutines {doing} in {frame}: they were begun and do not end{grown}.",
            number=number,
            total=total,
            doing=doing,
            frame=frame,
            grown=say(" ({course} from dump to dump)", course=course) if grows else "",
        ),
        explanation=say(
            "{number:,} goroutines that began in {began} {doing} at {source}. Whoever should take the other side of that channel has gone, or is too slow: mostly a caller that returned at its time limit or error, while the goroutine still wants to hand over its result. A design with one goroutine for each subscriber that waits for news looks the same; then their number follows that of the subscribers.{few}",
            number=number,
            began=heap.frames[-1].full,
            doing=doing,
            source=frame.source,
            few=say(" It does not here: {connections} were counted.", connections=plural(few.number, "connection"))
            if few is not None
            else "",
        ),
        why_confident=say("They grow from dump to dump. More load or more subscribers would look the same, if nobody ever leaves.")
        if grows
        else say("There are far fewer connections than goroutines, so they wait for no subscriber each. One profile cannot show growth.")
        if few is not None
        else say("The one that is told in full has wanted to hand over its value for ten minutes at least, which is no moment.")
        if long and heap.told is not None
        else say("Each has wanted to hand over its value for ten minutes at least, which is no moment.")
        if long
        else say("One profile cannot show growth, and the stack does not show the other side of the channel."),
        evidence=(stack, *_in_full(heap), *((shown(few.last.where, few, few.number),) if few is not None else ())),
        process=Process(view.process.host, view.process.pid, view.process.command),
        culprit=Culprit(frame=str(frame)),
        chain=(
            Step(
                say("the code that began them"),
                say("no longer takes part in"),
                say("the channel at {source}", source=frame.source),
                (stack,),
            ),
            Step(say("its goroutines"), say("never end"), ""),
        ),
        actions=(
            Action(
                When.FIX,
                say(
                    "Look at {source}: give the channel a buffer of one where each goroutine sends once, or let it select on the context's Done as well, so that it ends when nobody takes part any more.",
                    source=frame.source,
                ),
            ),
            *(() if grows else (_SECOND,)),
        ),
        figures=((say("{number:,} of {total:,}", number=number, total=total), say("goroutines")),),
    )


def _steadily(counts: Sequence[int]) -> bool:
    """True if they grow over several dumps, or from one to the next by more than any load does."""
    return _grows(counts) and (len(counts) >= STEADY or (counts[-1] >= MANY and counts[-1] >= _LEAP * max(1, counts[0])))


def _in_full(heap: _Heap) -> tuple[Evidence, ...]:
    """The goroutine that is told in full beside the profile."""
    if heap.told is None:
        return ()
    return (Evidence(heap.told.where, say("one of them in full: {state}", state=heap.told.native_state), (heap.told.native_state or "",)),)


def _at_channel(state: str) -> Message:
    """What they do at the channel: the runtime's own word where it is printed."""
    if state == "chan":
        return say("hang at a channel (a send or a receive)")
    if state.startswith("select"):
        return say("hang at a select of channels")
    return say("hang at a channel ({state})", state=state)

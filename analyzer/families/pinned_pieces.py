"""Pieces of a dump with virtual threads that keep their carriers while they wait, by the runtime's own report or by their stacks: the rest may find no carrier."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from analyzer.evidence.chosen_threads import FEW, chosen, few_threads
from analyzer.evidence.citations import of_threads
from analyzer.evidence.doing import doing, meanwhile
from analyzer.evidence.multiples import multiple, names_of, picked_in_words
from analyzer.model.finding import Confidence, Culprit, Doubt, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from analyzer.software.blockers import activity, application_frame, blocking_frame
from analyzer.software.kinds import ActivityKind
from analyzer.software.pools import ThreadActivity
from parsers.records import PINNED, LockVerb, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Thread

_UNMOUNTS: Final = "VirtualThread.park"
"""Where a virtual thread parks that has left its carrier."""
_PARKED: Final = "parkOnCarrierThread"
_carrier = re.compile(r"(?:@|#\d{1,18},)(?P<name>[^,\]\s]{1,200})")
TEXT: Final = Text(
    "virtual-thread-pinning",
    headline=ByNumber(
        "carriers_count",
        "{carriers}{here} is pinned: its virtual thread waits{for_lease} in {frame} and does not let go of it{lacking}.",
        "All {carriers}{here} are pinned: their virtual threads wait{for_lease} in {frame} and do not let go of them{lacking}.",
    ),
    explanation="A virtual thread that waits inside synchronized (up to JDK 23), a class initializer or a native frame keeps its carrier, and there are about as many carriers as processors.{does}{entering} Where all are kept no other virtual thread runs, and if what they wait for needs a carrier itself, nothing goes on any more.{circle} No deadlock is reported.",
    why="The stacks, or the runtime's own reports, show the pinned threads, and the dump the carriers that carry them. Whether there are other carriers, and for how long these are kept, is not here.",
    do=(
        Do(
            When.NOW, "Save a dump file with all virtual threads, then restart.", "jcmd {pid} Thread.dump_to_file -format=json threads.json"
        ),
        Do(When.FIX, "Take the wait out of synchronized in {frame} or its callers: a ReentrantLock does not pin, and neither does JDK 24."),
        Do(When.PREVENT, "Watch the JFR event jdk.VirtualThreadPinned."),
    ),
    figures=(("{count:,}", "virtual threads that keep their carrier"),),
    ask=(Ask("dump file with all virtual threads", "who waits for a carrier", "jcmd {pid} Thread.dump_to_file -format=json threads.json"),),
    chain=(("virtual threads", "wait for a free carrier", ""), ("the carriers", "are pinned in", "{frame}")),
    phrases={
        "does": Either("doing", " One that is here {doing}."),
        "entering": Either(
            "owner",
            ByNumber(
                "entering_count",
                " {entering_count} of them waits to enter a monitor that {owner} holds.",
                " {entering_count} of them wait to enter a monitor that {owner} holds.",
            ),
        ),
        "lacking": Either("unmounted", "; “{unmounted}”, which is on no carrier, waits for a lock there, too"),
        "here": Either("told", " ({pasted} pasted, {told})", ByNumber("carriers_count", " that is here", " that are here")),
        "for_lease": Either("lease", " for a connection from a pool"),
        "circle": Either(
            "holder",
            " {holder} uses a connection and is on no carrier: it cannot give the connection back before a carrier runs it, and the carriers wait for a connection. Neither a larger pool nor a faster database mends that.",
            Either(
                "unmounted",
                " “{unmounted}” waits for a lock in the same place and is on no carrier: if it is next to get the lock, it cannot run, and those that are pinned wait for it.",
            ),
        ),
    },
)


_OTHERS: Final = Doubt("other-carriers", say("whether there are other carriers these lines do not show"), Confidence.LIKELY)
_CIRCLE: Final = Outlook(RecoversWhen.RESTART, say("If the lock is handed to a virtual thread that is on no carrier, nobody lets it run."))
ALONE: Final = Text(
    "virtual-thread-pinning",
    headline=ByNumber(
        "number",
        "{count} is pinned: it {does}, called from {frame}, and keeps its carrier meanwhile{lacking}.",
        "{count} are pinned: each {does}, called from {frame}, and keeps its carrier meanwhile{lacking}.",
    ),
    explanation="parkOnCarrierThread says that the wait stands inside synchronized (up to JDK 23), a class initializer or a native frame: the virtual thread cannot leave its carrier. There are about as many carriers as processors; when as many are kept, no other virtual thread runs, whatever it waits for has come or not.{others} Neither a larger pool nor a faster service mends that.",
    why="The stacks show that these threads keep their carriers. How many carriers there are, and that all are kept, is not among these lines.",
    do=(
        Do(
            When.NOW, "Save a dump file with all virtual threads, then restart.", "jcmd {pid} Thread.dump_to_file -format=json threads.json"
        ),
        Do(When.FIX, "Take the wait out of synchronized in {frame} or its callers: a ReentrantLock does not pin, and neither does JDK 24."),
        Do(When.PREVENT, "Watch the JFR event jdk.VirtualThreadPinned."),
    ),
    figures=(("{pasted} pasted", "virtual threads that keep their carrier"),),
    ask=(Ask("dump file with all virtual threads", "who waits for a carrier", "jcmd {pid} Thread.dump_to_file -format=json threads.json"),),
    chain=(("virtual threads", "wait for a free carrier", ""), ("the carriers", "are pinned in", "{frame}")),
    phrases={
        "lacking": Either("unmounted", "; {unmounted}, which is not on a carrier, needs one to go on"),
        "others": Either(
            "lease",
            " What these wait for others may have, which need a carrier to give it back: then each waits for the other until a time limit ends it.",
        ),
        "shown": "{threads} and keep their carriers",
    },
)


def suspicions(case: Case) -> Iterator[Finding]:
    """One for each process of which somebody pasted pinned threads."""
    for view in case.latest:
        if view.dump is None or not chosen(case, view):
            continue
        # The runtime's reports, carriers and single threads are pieces of different kinds: each is a dump of its own.
        threads = [
            thread
            for dump in view.snapshot.dumps
            if dump.pid in {None, view.pid, view.dump.pid} and dump.runtime is Runtime.JVM
            for thread in dump.threads
        ]
        pinned = [thread for thread in threads if _is_pinned(thread)]
        carriers = [thread for thread in threads if thread.carrying is not None]
        # The runtime reports a thread that was pinned for a moment, too: what matters is that no carrier is left.
        if pinned and carriers and len(threads) <= FEW and all(_carries(one, pinned) for one in carriers):
            yield _finding(case, view, carriers, pinned, [one for one in threads if one not in pinned])
            return
        if (kept := [one for one in pinned if one.native_state != PINNED]) and not carriers:
            yield _without_carriers(case, view, kept, [one for one in threads if one not in kept])
            return


def _is_pinned(thread: Thread) -> bool:
    return thread.native_state == PINNED or keeps_carrier(thread) or _enters_mounted(thread)


def _enters_mounted(thread: Thread) -> bool:
    """True for a virtual thread on a carrier that waits to enter a monitor: up to JDK 23 it keeps the carrier meanwhile."""
    return thread.virtual and thread.carrier is not None and any(lock.verb is LockVerb.WAITING_TO_LOCK for lock in thread.locks)


def keeps_carrier(thread: Thread) -> bool:
    """True for a virtual thread that waits and keeps its carrier."""
    return any(frame.method == _PARKED for frame in thread.frames)


def _holds(thread: Thread, other: Thread) -> bool:
    """True if the thread has the monitor that the other one waits to enter."""
    wanted = {lock.address for lock in other.locks if lock.verb is LockVerb.WAITING_TO_LOCK and lock.address}
    return any(lock.verb is LockVerb.LOCKED and lock.address in wanted for lock in thread.locks)


def _without_carriers(case: Case, view: ProcessView, pinned: Sequence[Thread], others: Sequence[Thread]) -> Finding:
    """Threads that keep their carriers, of which the dump shows none."""
    seen = {member.thread: member for pool in view.pools for member in pool.members}
    members = [seen.get(thread) or ThreadActivity(thread, activity(thread, view.known)) for thread in pinned]
    first, at = members[0], application_frame(*members[0]) or members[0].thread.frames[0]
    more = multiple(case, members)
    unmounted = next((one for one in others if any(frame.call == _UNMOUNTS for frame in one.frames)), None)
    text = ALONE.filled(
        view.process,
        count=picked_in_words(names_of(members), len(members), more) if more is not None else names_of(members),
        number=more.number if more is not None else len(members),
        pasted=len(members),
        does=meanwhile(first),
        frame=at,
        unmounted=say("“{name}”", name=unmounted.label) if unmounted is not None else None,
        lease=first.activity.kind is ActivityKind.LEASE,
        threads=plural(len(members), "virtual thread waits", "virtual threads wait"),
    )
    shown = of_threads(members, text["shown"])
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=(shown, *((more.evidence,) if more is not None else ())),
        chain=text.steps((), (shown,)),
        culprit=Culprit(pool=say("carriers"), frame=str(at)),
        doubts=(few_threads(),),
    )


def _finding(case: Case, view: ProcessView, carriers: Sequence[Thread], pinned: Sequence[Thread], others: Sequence[Thread]) -> Finding:
    members = [ThreadActivity(thread, activity(thread, view.known)) for thread in pinned]
    # Reports of the runtime have the frame that holds the monitor, stacks what it waits for.
    deep = max(members, key=lambda one: len(one.thread.frames))
    at = application_frame(*members[0]) or application_frame(*deep) or members[0].thread.frames[0]
    stands = blocking_frame(*deep)
    # Words beside a virtual thread count such threads, which may be thousands; only those beside a carrier count carriers.
    more = multiple(case, [ThreadActivity(carrier, activity(carrier, view.known)) for carrier in carriers])
    number = more.number if more is not None else len(carriers)
    lease = deep.activity.kind is ActivityKind.LEASE
    beside = _unmounted(view, others, deep) if deep.activity.kind is ActivityKind.LOCK else None
    holder = _holder(view, others) if lease else None
    entering = [thread for thread in pinned if _enters_mounted(thread)]
    owner = next((thread for thread in pinned if entering and all(_holds(thread, other) for other in entering)), None)
    text = TEXT.filled(
        view.process,
        carriers=plural(number, "carrier"),
        carriers_count=number,
        told=more.words if more is not None else None,
        pasted=len(carriers),
        frame=at,
        count=len(members),
        doing=doing(deep, stands, several=False) if stands is not None else None,
        unmounted=beside.label if beside is not None else None,
        lease=lease,
        holder=say("“{name}”", name=holder.thread.label) if holder is not None else None,
        owner=say("“{name}”", name=owner.label) if owner is not None else None,
        entering_count=len(entering),
    )
    shown = of_threads(
        members, say("{threads} and keep their carriers", threads=plural(len(members), "virtual thread waits", "virtual threads wait"))
    )
    sure = Confidence.LIKELY if number > 1 else Confidence.SUSPECTED
    held = (of_threads([holder], say("a virtual thread on no carrier uses a connection")),) if holder is not None else ()
    return text.finding(
        severity=Severity.WARNING,
        confidence=sure,
        evidence=(shown, *held, *((more.evidence,) if more is not None else ())),
        chain=text.steps((), (shown,)),
        culprit=Culprit(pool=say("carriers"), frame=str(at)),
        outlook=_CIRCLE if beside is not None else None,
        doubts=(_OTHERS if number > 1 else few_threads(),),
    )


def _holder(view: ProcessView, others: Sequence[Thread]) -> ThreadActivity | None:
    """A virtual thread on no carrier that is in a call of a database's driver: it has a connection."""
    found = (
        ThreadActivity(thread, activity(thread, view.known)) for thread in others if any(one.call == _UNMOUNTS for one in thread.frames)
    )
    return next((one for one in found if one.activity.library in view.known.drivers and one.activity.kind is not ActivityKind.LEASE), None)


def _unmounted(view: ProcessView, others: Sequence[Thread], pinned: ThreadActivity) -> Thread | None:
    """A virtual thread on no carrier that waits for a lock where a pinned one does."""
    at = application_frame(*pinned)
    for thread in others:
        found = activity(thread, view.known)
        parked = any(frame.call == _UNMOUNTS for frame in thread.frames)
        if parked and at is not None and application_frame(thread, found) == at:
            return thread
    return None


def _carries(carrier: Thread, pinned: Sequence[Thread]) -> bool:
    """True if one of the pinned threads is on the carrier, by number or by the carrier's name in the report."""
    return any(
        one.java_id == carrier.carrying or ((found := _carrier.search(one.name)) is not None and found["name"] == carrier.name)
        for one in pinned
    )

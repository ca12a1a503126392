"""A thread that waits for itself in a signal's handler: what the signal interrupted has the lock that the handler wants.

A handler runs on top of whatever the thread did. Few functions may be called there (signal-safety(7)): neither those of the allocator, nor syslog, nor those that
ask for the time zone, nor a function of the program that takes a lock which the interrupted code may have. Streams of the C library are none of these: their locks
know their owner.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.citations import of_threads
from analyzer.evidence.multiples import names_of
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import say, say_of
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.waits.server_pools import pressure
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame

_HANDLERS: Final = frozenset({"<signal handler called>", "_sigtramp", "__restore_rt", "__restore"})
"""What a debugger shows between a handler and the code that its signal interrupted (Linux and FreeBSD, macOS, elfutils)."""
_WAITS: Final = (
    "lll_lock_wait",
    "__lll_lock_wait",
    "lll_mutex_lock",
    "_L_lock",
    "_L_mutex_lock",
    "pthread_mutex_lock",
    "futex_wait",
    "__psynch",
)
_plain = re.compile(r"(?>_*)(?:GI_)?(?>_*)(?:libc_|int_|(?P<other>je_|tc_)|IO_)?(?>_*)(?P<name>[a-z]\w*)").match
_ALLOCATES: Final = "allocator"
_NAMES: Final = "name service"
_LOCKED: Final = {
    **dict.fromkeys(
        (
            *("malloc", "calloc", "realloc", "free", "cfree", "memalign", "posix_memalign", "aligned_alloc", "malloc_consolidate"),
            *("sysmalloc", "systrim", "unlink_chunk", "mallopt", "malloc_trim", "mallinfo", "arena_get2", "valloc"),
        ),
        _ALLOCATES,
    ),
    **dict.fromkeys(("syslog", "vsyslog", "vsyslog_internal", "vsyslog_chk", "syslog_chk", "openlog", "closelog"), "syslog"),
    **dict.fromkeys(
        (
            "tz_convert",
            "localtime",
            "localtime_r",
            "gmtime",
            "gmtime_r",
            "mktime",
            "timelocal",
            "tzset",
            "tzset_internal",
            "strftime",
            "ctime",
        ),
        "time zone",
    ),
    **dict.fromkeys(("setenv", "unsetenv", "putenv", "add_to_environ", "clearenv"), "environment"),
    **dict.fromkeys(("getpwnam", "getpwuid", "getgrnam", "getgrgid", "gethostbyname", "gethostbyaddr", "getservbyname"), _NAMES),
}
"""Functions of the C library by the lock that they take, which is no recursive one."""
_LETS_GO: Final = frozenset({"strftime", "strftime_internal", "ctime", "mktime", "mktime_internal", "timelocal"})
"""What takes the lock of the time zone and lets it go again before it goes on: it has none while it works itself."""
_COPIES: Final = re.compile(r"_*(?:GI_+)?mem(?:set|cpy|move|pcpy)").match
"""What calloc and realloc do after they have let the lock go."""
_OF_LIBC: Final = ("libc", "libpthread", "ld-", "libsystem")
_OF_LOCKS: Final = (*_OF_LIBC, "std::", "lib-", "libstdc++", "__gnu_cxx", "boost")
TEXT: Final = Text(
    "lock-convoy",
    headline="“{name}” waits for itself: the handler of a signal wants {lock} in {wants}, and {has}, which the signal interrupted in the same thread, {holds}.",
    explanation="A signal came while “{name}” was in {has}. Its handler{handler} calls {wants}, which needs {lock}{which}. The interrupted code goes on when the handler returns, and the handler waits until that code lets the lock go: for ever.{others}",
    why=Either(
        "own",
        "The stack shows that the handler is in a function which the signal interrupted. That the lock was held at that very moment is inferred: another thread that has it would look the same.",
        "The stack shows both: who wants the lock, and whom the signal interrupted inside the functions that take it. Another thread that has the lock at this moment would look the same, but would let it go.",
    ),
    do=(
        Do(
            When.NOW,
            "End the process (kill -9) and start it again: the thread never goes on. Save the stacks of all threads before.",
            "gdb -p {pid} -batch -ex 'thread apply all bt' > stacks.txt",
        ),
        Do(
            When.FIX,
            "Let the handler{handler} only set a flag of type sig_atomic_t, or write a byte into a pipe (signalfd, self-pipe), and do the work in the program's own loop.",
        ),
        Do(When.PREVENT, "Call in handlers only what signal-safety(7) lists: no memory, no log, no time zone, no lock."),
    ),
    chain=(
        ("“{name}”, in the handler,", "waits for {lock}, which has", "{wants}"),
        ("“{name}” itself, below the handler:", "it cannot go on before the handler returns", "{has}"),
    ),
    phrases={
        "handler": Either("by", " ({by})"),
        "which": Either("own", "", ", and is not made to be called from a handler"),
        "holds": Either("own", "seems to have it", "has it"),
        "shown": "the handler waits for a lock above “<signal handler called>”, and {has} stands below it",
    },
)
_OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("The thread waits for a lock that only it could let go."))


class SelfWait(NamedTuple):
    """A thread whose handler wants what it interrupted: the function that wants the lock, the one that has it, and the handler itself."""

    view: ProcessView
    member: ThreadActivity
    wants: str
    has: str
    handler: Frame | None
    lock: str
    """Which lock of the C library it is; empty for one of the program."""


def self_waits(case: Case) -> tuple[SelfWait, ...]:
    """All such threads."""
    return tuple(
        found
        for view in case.latest
        if view.known.runtime is Runtime.NATIVE
        for pool in view.pools
        for member in pool.members
        if (found := _of(view, member)) is not None
    )


def findings(waits: Sequence[SelfWait]) -> Iterator[Finding]:
    """One for each."""
    yield from map(_finding, waits)


def _of(view: ProcessView, member: ThreadActivity) -> SelfWait | None:
    frames = member.thread.frames
    at = next((at for at, frame in enumerate(frames) if frame.method in _HANDLERS), 0)
    above, below = frames[:at], frames[at + 1 :]
    if not at or not _waits(above):
        return None
    by = next((frame for frame in reversed(above) if view.known.is_application(frame.cls) and frame.method != "??"), None)
    wants = next(((frame, lock) for frame in above if (lock := _lock_of(frame))), None)
    if wants is not None:
        has = next((place for place, frame in enumerate(below) if _lock_of(frame) == wants[1]), None)
        # What waited for the lock itself when the signal came has nothing, nor has what let it go before.
        if has is None or _waits(below[:has]) or _name(below[has]).strip("_") in _LETS_GO or _COPIES(below[0].method):
            return None
        return SelfWait(view, member, _name(wants[0]), _name(below[has]), by, wants[1])
    app = application_frame(*member)
    if app is None or member.activity.app >= at or not all(frame.cls.startswith(_OF_LOCKS) for frame in above[: member.activity.app]):
        return None
    place = next((place for place, frame in enumerate(below) if frame.full == app.full), None)
    return (
        SelfWait(view, member, app.call, app.call, by if by != app else None, "")
        if place is not None and not _waits(below[:place])
        else None
    )


def _waits(frames: Sequence[Frame]) -> bool:
    return any(frame.method.startswith(_WAITS) for frame in frames)


def _lock_of(frame: Frame) -> str:
    """Which lock of the C library the function takes; empty for any other function."""
    match = _plain(frame.method) if not frame.cls or frame.cls.startswith(_OF_LIBC) else None
    lock = _LOCKED.get(match["name"], "") if match is not None else ""
    if match is not None and lock == _NAMES:
        return f"{lock}/{match['name']}"  # each of them has a lock of its own
    # Another allocator has locks of its own; a bare name may be either's.
    return f"{lock}/{match['other']}" if match is not None and lock and match["other"] else lock


def _name(frame: Frame) -> str:
    """``malloc`` of ``__GI___libc_malloc``; what is inside it as it is printed."""
    match = _plain(frame.method)
    return match["name"] if match is not None and frame.method.startswith("__") else frame.method


_WORDS: Final = {
    _ALLOCATES: say("the allocator's lock"),
    "syslog": say("the lock of syslog"),
    "time zone": say("the lock of the time zone"),
    "environment": say("the lock of the environment"),
    "name service": say("the lock of the name service"),
}


def _finding(found: SelfWait) -> Finding:
    others = [
        member
        for pool in found.view.pools
        for member in pool.members
        if member is not found.member
        and found.lock
        and _waits(member.thread.frames)
        and any(_lock_of(frame) == found.lock for frame in member.thread.frames)
    ]
    elsewhere = found.lock and any(
        not _waits(member.thread.frames) and any(_lock_of(frame) == found.lock for frame in member.thread.frames)
        for pool in found.view.pools
        for member in pool.members
    )
    text = TEXT.filled(
        found.view.process,
        name=found.member.thread.label,
        wants=found.wants,
        has=found.has,
        own=not found.lock,
        by=found.handler,
        lock=_WORDS.get(found.lock.partition("/")[0]) or say("a lock"),
        others=say_of(len(others), " {names} waits behind it.", " {names} wait behind it.", names=names_of(others)) if others else "",
    )
    shown = of_threads((found.member,), text["shown"])
    return text.finding(
        # It never goes on: where others wait behind it, or clients for the process, nothing is served until somebody ends it.
        severity=Severity.CRITICAL
        if others or any(pressure(found.view, port).exists for port in found.view.listeners)
        else Severity.WARNING,
        confidence=Confidence.LIKELY if found.lock and not elsewhere else Confidence.SUSPECTED,
        outlook=_OUTLOOK,
        evidence=(shown,),
        chain=text.steps((shown,), (shown,)),
        culprit=Culprit(thread=found.member.thread.label, frame=str(found.handler) if found.handler is not None else None),
    )

"""Threads → pools.

Threads of one pool have alike names: the same but for a number, an address, a time or an id. Where names do not group them (a server may
name a thread after the request it serves), the frames do that they share from the bottom of their stacks. What role a pool plays its stacks
say before its name: a name is given by anybody, a frame is not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from analyzer.model.finding import Confidence
from analyzer.model.message import say
from analyzer.software.blockers import IDLE, Activity, activity, calls_of
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.software.thread_names import common_name, is_numbered, short_hashes, stem
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.software.knowledge import Knowledge
    from parsers.records import Frame, Thread

VIRTUAL: Final = say("virtual threads")
"""What the nameless virtual threads of a process are called together: they have no pool, and mostly no name."""
_NOT_WORKERS: Final = frozenset({ActivityKind.ACCEPT, ActivityKind.SELECT, ActivityKind.RESERVED})
_UNNAMED: Final = frozenset({"Thread", VIRTUAL})
"""Names that say nothing: those that the JDK gives to whoever asks for none."""
_LOOSE: Final = frozenset({None, PoolRole.EXECUTOR, PoolRole.OTHER})
"""Roles of names that stacks may correct: everybody calls threads so."""
WAITS_FOR_ANYTHING: Final = frozenset({ActivityKind.OBJECT_WAIT, ActivityKind.CONDITION, ActivityKind.PARK, ActivityKind.WAITING})
"""Kinds of waits that are for work as well as for a result."""
_TAKES: Final = ("take", "poll")
SHALLOW: Final = 2
"""Application frames on the stack of a worker that waits for work: the loop of the worker, and a method that gets the next piece."""
_MADE: Final = ("$$EnhancerBy", "$$FastClassBy", "$$SpringCGLIB", "$Proxy", "_$$_javassist", "$$_WeldClientProxy")
"""Classes that a framework makes of the program's own at run time, to stand in front of them."""
_PROXY: Final = "$$Lambda"
"""Classes that the VM makes for lambdas: their one frame says nothing, and their names differ from run to run."""
_LAST_NAMED: Final = "main"
PICKED: Final = 20
"""Threads that somebody may have picked by hand."""
_OWN_RUN: Final = ".run"
"""Where the stack of a thread begins whose class is the application's own: no frame of the JDK is below."""
_ROOT: Final = frozenset({None, "<root>"})
"""What the VM says of a thread that no executor made."""


class ThreadActivity(NamedTuple):
    """A thread and what it does."""

    thread: Thread
    activity: Activity


class ThreadSet:
    """Threads by identity: names repeat, and virtual threads have none."""

    __slots__ = ("_threads",)

    def __init__(self, members: Iterable[ThreadActivity]) -> None:
        """The threads of ``members``."""
        self._threads = {member.thread for member in members}

    def __contains__(self, member: ThreadActivity) -> bool:
        """True for a thread of the set, whatever it does."""
        return member.thread in self._threads


class Pool(msgspec.Struct, frozen=True, dict=True, eq=False):
    """Threads of one pool in one dump. Every rule asks who of them is busy: that is found once.

    ``port`` is the listener's: from the threads' names, or inferred. ``basis`` says in words what an inferred role rests on, None if a
    name or a frame says it; ``sure`` how sure that is. ``bounded``: False where a new thread is made for each piece of work.
    """

    name: str
    role: PoolRole
    port: int | None
    members: tuple[ThreadActivity, ...]
    basis: str | None = None
    sure: Confidence = Confidence.CERTAIN
    bounded: bool = True

    @cached_property
    def workers(self) -> tuple[ThreadActivity, ...]:
        """Members that could run a task: not its acceptors and selectors (Jetty runs those on pool threads).

        Where each connection has a thread of its own, one that waits for its client's next request is in no request.
        """
        return tuple(member for member in self.members if member.activity.kind not in _NOT_WORKERS and not self._reads_next(member))

    @cached_property
    def busy(self) -> tuple[ThreadActivity, ...]:
        """Workers that are not waiting for work."""
        return tuple(member for member in self.members if member.activity.kind not in IDLE and not self._reads_next(member))

    def _reads_next(self, member: ThreadActivity) -> bool:
        """True for a thread of one connection that waits for its client's next request. Below a server's frames, the application's is a handler."""
        found = member.activity
        return not self.bounded and found.kind is ActivityKind.REQUEST_READ and (found.serving is None or found.app < 0)

    @property
    def idle(self) -> int:
        """How many workers wait for work."""
        return len(self.workers) - len(self.busy)

    def doing(self) -> dict[ActivityKind, int]:
        """Threads by kind of activity, the most first."""
        counts = Counter(member.activity.kind for member in self.members)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def named_ports(threads: Iterable[Thread], known: Knowledge) -> frozenset[int]:
    """The ports that threads' names say their pools serve."""
    names = {thread.name for thread in threads if thread.group is None}
    return frozenset(match.port for name in names if (match := known.pool_of(name)) is not None and match.port is not None)


def pools(threads: Iterable[Thread], known: Knowledge, *, picked: bool = False) -> tuple[Pool, ...]:
    """Group threads into pools, in order of first appearance; single threads are pools of one. ``picked``: they are a piece of a dump."""
    groups: dict[tuple[str, PoolRole | None], list[ThreadActivity]] = defaultdict(list)
    ports: dict[tuple[str, PoolRole | None], int] = {}
    members_of = [ThreadActivity(thread, activity(thread, known)) for thread in threads]
    hashed = short_hashes({thread.name for thread, _ in members_of if thread.group is None})
    if known.runtime is Runtime.PYTHON:
        members_of = with_silent_locks(members_of)
    for thread, found in members_of:
        member = ThreadActivity(thread, found)
        match = known.pool_of(thread.name) if thread.group is None else None
        if picked and match is not None and thread.name == _LAST_NAMED and len(members_of) <= PICKED:
            match = None  # of a few threads that somebody picked, it is no bystander
        if match is None or match.role in _LOOSE:
            member = _at_rest(member, known)
        key: tuple[str, PoolRole | None]
        if thread.group is not None:
            key = thread.group, None
        elif match is not None:
            key = match.pool, match.role
        else:
            key = VIRTUAL if thread.virtual and not thread.name else hashed.get(thread.name) or stem(thread.name), None
        if match and match.port is not None:
            ports.setdefault(key, match.port)
        groups[key].append(member)
    if known.runtime is Runtime.NATIVE:
        _split_native(groups, known)
    if known.runtime is not Runtime.GO:
        _split_unnamed(groups, known)
        _merge_containers(groups)
        _adopt_renamed(groups)
        _merge_alike(groups, known)
    return tuple(
        Pool(
            name,
            _confirmed(role, members, known),
            ports.get((name, role)),
            tuple(members),
            bounded=not members[0].thread.virtual and known.runtime not in {Runtime.GO, Runtime.ERLANG},
        )
        for (name, role), members in groups.items()
    )


def _split_native(groups: dict[tuple[str, PoolRole | None], list[ThreadActivity]], known: Knowledge) -> None:
    """Linux names all threads of a program alike: they are one pool if they began in one function.

    The thread that began in ``main`` is none of the workers. The largest part keeps the name.
    """
    for key, members in list(groups.items()):
        parts: dict[str | None, list[ThreadActivity]] = defaultdict(list)
        for member in members:
            frames = application_frames(member.thread, known)
            parts[frames[-1].full if frames else None].append(member)
        if len(parts) == 1:
            continue
        kept = max(
            (one for one in parts if one is not None and one.rpartition(".")[2] != "main"), key=lambda one: len(parts[one]), default=None
        )
        groups[key] = [*parts.pop(kept, ()), *(parts.pop(None, ()) if kept is not None else ())]
        for began, part in parts.items():
            groups[f"{key[0]} ({began or '?'})", key[1]] = part


def with_silent_locks(members: list[ThreadActivity]) -> list[ThreadActivity]:
    """The threads, those before a lock as such: Python's locks have no frame, so such a thread stands on the line that takes one.

    A call into C has no frame either. What tells them apart is a thread that is past that line in the same function while the others stand on it.
    """
    standing = Counter(member.thread.frames[0] for member in members if is_silent(member))
    deeper = Counter(full for member in members for full in {frame.full for frame in member.thread.frames[1:]})
    locks = {frame for frame, count in standing.items() if count >= SHALLOW and deeper[frame.full] == 1}
    return [
        ThreadActivity(member.thread, member.activity._replace(kind=ActivityKind.LOCK, frame=0))
        if is_silent(member) and member.thread.frames[0] in locks
        else member
        for member in members
    ]


def is_silent(member: ThreadActivity) -> bool:
    """True for a thread that waits in C code, as far as a Python stack tells: no frame of it shows a wait, and it does not run."""
    return (
        member.activity.app == 0
        and member.activity.kind in {ActivityKind.RUNNING, ActivityKind.WAITING}
        and not (member.thread.native_state or "").startswith("active")
    )


def is_made(cls: str) -> bool:
    """True for a class that a framework made of the program's own."""
    return any(part in cls for part in _MADE)


def called_proxy(member: ThreadActivity) -> str | None:
    """``AuditTrail.append``: what the application's frame calls through a class that the framework made of the program's own."""
    made = next((frame for frame in reversed(member.thread.frames[: max(0, member.activity.app)]) if is_made(frame.cls)), None)
    return f"{made.cls.partition('$$')[0].rpartition('.')[2]}.{made.method}" if made is not None else None


def application_frames(thread: Thread, known: Knowledge) -> tuple[Frame, ...]:
    """The frames outside the JDK and known frameworks, the last called first."""
    return tuple(frame for frame in thread.frames if known.is_application(frame.cls) and _PROXY not in frame.cls)


@lru_cache(maxsize=8192)
def _entry(frames: tuple[Frame, ...], known: Knowledge) -> tuple[str, ...] | None:
    """The calls from the bottom of a stack up to the first one of the application; None if there is none."""
    found: list[str] = []
    for frame in reversed(frames):
        found.append(frame.full)
        if known.is_application(frame.cls) and _PROXY not in frame.cls:
            return tuple(found)
    return None


def entry(member: ThreadActivity, known: Knowledge) -> tuple[str, ...] | None:
    """The frames that a thread shares, from the bottom, with all others that began as it did; None if no application frame is among them."""
    return _entry(member.thread.frames, known)


def _at_rest(member: ThreadActivity, known: Knowledge) -> ThreadActivity:
    """The member as idle if it takes from a queue in a worker's own loop: a few application frames, no task and no request below."""
    thread, found = member
    if found.serving is not None or found.kind != ActivityKind.QUEUE or found.app < 0:
        return member
    if thread.frames[found.frame].method not in _TAKES and not thread.frames[found.frame].method.startswith(_TAKES):
        return member
    return ThreadActivity(thread, found._replace(kind=ActivityKind.IDLE)) if in_own_loop(member, known) else member


def in_own_loop(member: ThreadActivity, known: Knowledge) -> bool:
    """True for a thread that waits in a worker's own loop: a few application frames, no task and no request below. It may wait for work."""
    thread, found = member
    return (
        found.serving is None
        and found.app >= 0
        and len(application_frames(thread, known)) <= SHALLOW
        and known.task_frames.isdisjoint(calls_of(thread.frames))
    )


def _confirmed(role: PoolRole | None, members: list[ThreadActivity], known: Knowledge) -> PoolRole:
    """The role that the stacks show; the name's where they show none, or no other one."""
    by_stack = _role(members, known)
    if role is None:
        return by_stack
    if role in _LOOSE and by_stack in {PoolRole.SERVER, PoolRole.EVENT_LOOP, PoolRole.ACCEPTOR, PoolRole.CLIENT}:
        return by_stack
    if role in {PoolRole.EVENT_LOOP, PoolRole.CLIENT} and by_stack in {PoolRole.EXECUTOR, PoolRole.OTHER} and _is_own_code(members, known):
        return by_stack
    return role


def _is_own_code(members: list[ThreadActivity], known: Knowledge) -> bool:
    """True if nothing but the JDK and the application is on the stacks: then the threads are not those of the library they are named like."""
    frames = [frame for member in members for frame in member.thread.frames]
    return any(known.is_application(frame.cls) for frame in frames) and all(
        known.is_application(frame.cls) or frame.cls.startswith(("java.", "jdk.", "sun.", "javax."))
        for frame in frames
        if known.library(frame.cls) is None
    )


@lru_cache(maxsize=8192)
def _entry_roles(frames: tuple[Frame, ...], known: Knowledge) -> frozenset[PoolRole]:
    return frozenset(role for frame in frames if (role := known.entry(frame.full)) is not None)


def _role(members: list[ThreadActivity], known: Knowledge) -> PoolRole:
    """The role that stacks tell: an entry frame's, server if any member serves requests, executor if tasks run in it."""
    roles = Counter(role for member in members for role in _entry_roles(member.thread.frames, known))
    if roles and (first := roles.most_common(1)[0])[1] * 2 > len(members):
        return first[0]
    if any(member.activity.serving for member in members) or known.runtime is Runtime.PHP:
        return PoolRole.SERVER
    if any(
        frame.full.endswith(("ThreadPoolExecutor.runWorker", "ThreadPoolExecutor$Worker.run", "ForkJoinWorkerThread.run"))
        for member in members
        for frame in member.thread.frames
    ):
        return PoolRole.EXECUTOR
    return PoolRole.OTHER


def _split_unnamed(groups: dict[tuple[str, PoolRole | None], list[ThreadActivity]], known: Knowledge) -> None:
    """Take threads apart that only have the JDK's default name in common: by where their application code begins."""
    for key in [key for key in groups if key[0] in _UNNAMED and key[1] is None and len(groups[key]) > 1]:
        parts: dict[tuple[str, ...] | None, list[ThreadActivity]] = defaultdict(list)
        for member in groups[key]:
            parts[entry(member, known)].append(member)
        named = {frames: members for frames, members in parts.items() if frames is not None}
        if len(named) <= 1:
            continue
        largest = max(named, key=lambda frames: len(named[frames]))
        groups[key] = [member for frames, members in parts.items() if frames in {None, largest} for member in members]
        for frames, members in named.items():
            if frames != largest:
                cls, _, method = frames[-1].rpartition(".")
                groups[say("{name} in {call}", name=key[0], call=f"{cls.rpartition('.')[2]}.{method}"), None].extend(members)


def _merge_containers(groups: dict[tuple[str, PoolRole | None], list[ThreadActivity]]) -> None:
    """Join threads of one executor, whatever each is called: the VM itself says (JDK 21) to which one a thread belongs.

    Virtual threads stay apart: one executor makes them for work of any kind.
    """
    homes: dict[str | None, list[tuple[str, PoolRole | None]]] = defaultdict(list)
    for key, members in groups.items():
        containers = {None if member.thread.virtual else member.thread.container for member in members}
        if key[1] is None and len(containers) == 1 and containers.isdisjoint(_ROOT):
            homes[containers.pop()].append(key)
    for keys in homes.values():
        if len(keys) > 1:
            largest = max(keys, key=lambda key: len(groups[key]))
            every = [member for key in keys for member in groups[key]]
            name = largest[0] if len(groups[largest]) > 1 else common_name([member.thread.name for member in every]) or largest[0]
            for key in keys:
                del groups[key]
            groups[name, None].extend(every)


def _adopt_renamed(groups: dict[tuple[str, PoolRole | None], list[ThreadActivity]]) -> None:
    """Move single threads that serve a request under another name into the one server pool there is."""
    servers = [key for key in groups if key[1] == PoolRole.SERVER]
    if len(servers) != 1:
        return
    for key in [key for key, members in groups.items() if key[1] is None and len(members) == 1]:
        if groups[key][0].activity.serving:
            groups[servers[0]].extend(groups.pop(key))


def _merge_alike(groups: dict[tuple[str, PoolRole | None], list[ThreadActivity]], known: Knowledge) -> None:
    """Join single threads at work whose stacks begin in the same application code: they are named after what they do, not after a pool."""
    alike: dict[tuple[str, ...], list[tuple[str, PoolRole | None]]] = defaultdict(list)
    for key, members in groups.items():
        if key[1] is None and len(members) == 1 and members[0].activity.kind not in IDLE and key[0] != _LAST_NAMED:
            frames = None if is_numbered(members[0].thread.name) else entry(members[0], known)
            if frames is not None and (len(frames) > 1 or frames[0].endswith(_OWN_RUN)):
                alike[frames].append(key)
    for frames, keys in alike.items():
        if len(keys) > 1:
            members = [groups.pop(key)[0] for key in keys]
            cls, _, method = frames[-1].rpartition(".")
            name = common_name([member.thread.name for member in members]) or say(
                "threads of {call}", call=f"{cls.rpartition('.')[2]}.{method}"
            )
            groups[name, None].extend(members)

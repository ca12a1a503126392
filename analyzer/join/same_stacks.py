"""Stacks of runtimes that are no JVM: which process they are of, and which to keep where several tools printed them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from analyzer.join.dump_basis import DumpBasis
from analyzer.join.socket_table import listening_ports
from analyzer.software.runtimes import may_run
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.join.process_draft import ProcessDraft
    from analyzer.software.knowledge import Knowledge
    from parsers.records import ThreadDump


def seen_already(found: Iterable[ProcessDraft], dump: ThreadDump, known: Knowledge) -> ProcessDraft | None:
    """The view that has stacks of the same process already: by pid, else by equal stacks (a tool's dump and the one in the log)."""
    taken = [view for view in found if view.dump is not None]
    if dump.pid is not None:
        return next((view for view in taken if dump.pid in {view.pid, view.dump and view.dump.pid}), None)
    alike = [view for view in taken if view.dump is not None and view.dump.runtime is dump.runtime]
    if not alike:
        return None
    mine = _places(dump, known)
    return next((view for view in alike if view.dump and (mine & _places(view.dump, known)).total() * 2 > mine.total()), None)


def _places(dump: ThreadDump, known: Knowledge) -> Counter[tuple[str, ...]]:
    """Where the threads of a dump stand in the application, without what tools print differently."""
    stacks = ([frame for frame in thread.frames if known.is_application(frame.cls)] for thread in dump.threads)
    return Counter(
        tuple(f"{frame.method.rpartition('.')[2]}:{(frame.source or '').rpartition(':')[2]}" for frame in frames)
        for frames in stacks
        if frames
    )


def tells_more(dump: ThreadDump, other: ThreadDump | None) -> bool:
    """True if a dump shows more than another one of the same process: the interpreter's stacks more than native ones, then frames, states and locks."""
    return other is None or _telling(dump) > _telling(other)


def _telling(dump: ThreadDump) -> tuple[bool, int, int, int]:
    threads = dump.threads
    return (
        dump.runtime is not Runtime.NATIVE,
        len(threads),
        sum(bool(thread.locks) + (thread.state is not None) + (thread.native_id is not None) for thread in threads),
        _depth(dump),
    )


def _depth(dump: ThreadDump) -> int:
    """How much of the stacks is here, where tools differ in that: a debugger's frames, and lines of a script beside its mere name."""
    if dump.runtime is Runtime.NATIVE:
        return sum(len(thread.frames) for thread in dump.threads)
    return sum(frame.source is not None for thread in dump.threads for frame in thread.frames) if dump.runtime is Runtime.PHP else 0


def only_candidate(candidates: Iterable[ProcessDraft], runtime: Runtime, known: Knowledge) -> tuple[ProcessDraft | None, DumpBasis | None]:
    """The only process that may be of this runtime by what it is called; of several the only one that listens."""
    possible = [view for view in candidates if may_run(view.command, runtime) and not known.is_proxy(view.command)]
    serving = [view for view in possible if listening_ports(view.sockets)]
    possible = serving if len(serving) == 1 else possible
    return (possible[0], DumpBasis.ONLY) if len(possible) == 1 and possible[0].sockets else (None, None)

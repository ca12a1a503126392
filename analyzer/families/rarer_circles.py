"""Circles of waits that few dumps show, each told by a module of its own: shutdown hooks of a JVM, ends of threads that Windows runs under a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsers.records import Runtime
from parsers.records.stack_records import END_OF_THREAD, LOADER_LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView
    from analyzer.waits.deadlocks import Cycle


def findings(case: Case) -> Iterator[Finding]:
    """What the modules find whose kind of circle may be here."""
    if any(_begins_its_end(view) for view in case.latest):
        from analyzer.families import shutdown_hooks  # noqa: PLC0415 - few dumps show a shutdown

        yield from shutdown_hooks.findings(case)
    if any(_has_ends(view) for view in case.latest):
        from analyzer.families import awaited_ends  # noqa: PLC0415 - few dumps are of Windows

        yield from awaited_ends.findings(case)


def tells(cycle: Cycle) -> bool:
    """True for a circle that is told here, and not as one of locks."""
    return len(cycle.edges) == 2 and any(edge.lock.cls == END_OF_THREAD for edge in cycle.edges)  # noqa: PLR2004 - a pair


def _begins_its_end(view: ProcessView) -> bool:
    """True if a thread runs the hooks of the JVM's shutdown."""
    return view.dump is not None and any(frame.method == "runHooks" for thread in view.dump.threads for frame in thread.frames[:8])


def _has_ends(view: ProcessView) -> bool:
    """True if a thread of Windows waits for the loader lock, or for another one's end."""
    native = view.dump is not None and view.known.runtime is Runtime.NATIVE
    return native and any(
        lock.cls in {LOADER_LOCK, END_OF_THREAD} for thread in (view.dump.threads if view.dump else ()) for lock in thread.locks
    )

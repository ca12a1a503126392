"""A client's own thread that waits for an answer of the same client: a callback that it runs calls back into it, and it alone could bring the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.software.kinds import ActivityKind

if TYPE_CHECKING:
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import ProcessView

_AWAITS: Final = frozenset({ActivityKind.CALL, ActivityKind.FUTURE, ActivityKind.COMPLETABLE_FUTURE, ActivityKind.LATCH})
_RUN: Final = "java.lang.Thread"


def waits_for_itself(view: ProcessView, member: ThreadActivity) -> bool:
    """True if the thread was begun by a client library, runs code of the application, and waits there for the same library."""
    frames, found = member.thread.frames, member.activity
    if found.kind not in _AWAITS or found.app < 0:
        return False
    first = next((frame for frame in reversed(frames) if frame.cls != _RUN), None)
    own = view.known.library(first.cls) if first is not None else None
    if own is None or own.name != found.library or own.side != "client":
        return False
    return any(frame.cls.startswith(own.prefixes) for frame in frames[: found.app])

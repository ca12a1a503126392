"""Lines of a log that stand out beside dumps and tables in which nothing is seen to be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.log_events import in_words, of_this_moment
from analyzer.model.message import plural, say
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.incident import Incident

MOST: Final = 2
_NOW_AND_THEN: Final = frozenset(
    {
        LogKind.READ_TIMEOUT,
        LogKind.CONNECT_TIMEOUT,
        LogKind.SLOW_STATEMENT,
        LogKind.PAUSE,
        LogKind.OVERFLOW,
        LogKind.LOCK_WAIT,
        LogKind.THROWN,
        LogKind.CLIENT_LEFT,
        LogKind.CLIENT_GAVE_UP,
        LogKind.PROXY_GAVE_UP,
        LogKind.SIZE,
        LogKind.HEAP,
    }
)
"""Kinds of lines that every healthy server's log has."""


def logged(incident: Incident) -> Iterator[str]:
    """What a log of this moment tells of that a healthy server's does not, a sentence without its full stop for each kind."""
    told = [one for one in of_this_moment(incident) if one.event.kind not in _NOW_AND_THEN]
    for one in told[:MOST]:
        yield say("the log says in {lines}: {event}", lines=plural(one.lines, "line"), event=in_words(one.event))

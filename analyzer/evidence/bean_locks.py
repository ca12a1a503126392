"""A bean whose lock calls wait for in vain, as a log says, and the picked thread that is at work in that bean: it should have the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.log_events import near
from analyzer.model.finding import Evidence
from analyzer.model.message import say
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case
    from parsers.records import LogEvent

_CONTAINERS: Final = ("ContainerManagedConcurrency", "SingletonContainer", "SingletonBeanContainer", "SingletonComponent", "SingletonEJB")
"""What stands in the frame of a container that takes a bean's lock for a call."""


class BeanLock(msgspec.Struct, frozen=True):
    """The bean, and the last line of a call that did not get its lock."""

    bean: str
    event: LogEvent
    lasts: bool = False

    @property
    def words(self) -> str:
        """What the thread keeps meanwhile, and from whom."""
        return say("; meanwhile it seems to hold the lock of {bean}, for which other calls wait in vain, as the log says", bean=self.bean)

    @property
    def evidence(self) -> Evidence:
        """The line."""
        return Evidence(self.event.where, say("a call did not get the lock of {bean} in time", bean=self.bean), ())


def bean_lock(case: Case, group: Sequence[ThreadActivity]) -> BeanLock | None:
    """The lock of the bean that the only thread of a group is at work in; several threads in it would share no such lock."""
    event = next((one for one in reversed(list(near(case.incident))) if one.kind is LogKind.BEAN_LOCK), None)
    if event is None or len(group) != 1:
        return None
    thread, found = group[0]
    own = [frame.cls.partition("$")[0] for frame in thread.frames[max(found.app, 0) :]]
    if event.subject is not None:
        name = event.subject.rpartition(".")[2]
        return BeanLock(name, event) if any(cls.rpartition(".")[2] == name for cls in own) else None
    app = own[0].rpartition(".")[2] if found.app >= 0 and own else ""
    guarded = any(word in frame.cls for frame in thread.frames for word in _CONTAINERS)
    return BeanLock(app, event) if app and guarded else None

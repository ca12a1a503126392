"""A consumer of messages that came back too late, as a log says, beside the picked thread of a consumer that waits for an answer: the call is why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.log_events import Told, of_this_moment
from analyzer.evidence.settings_beside import long_batch
from analyzer.model.message import say
from parsers.records import Counted, LogKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.model.finding import Evidence
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case

_CONSUMES: Final = ("kafka", "listener", "consumer", "rabbit", "amqp", "subscriber", "pollloop", "poll_loop", "celery", "sidekiq")
"""What stands in the name or the frames of a thread that works on messages."""
_BROKERS: Final = {"Kafka consumer": "kafka", "Kafka client": "kafka", "RabbitMQ": "rabbit"}
_OTHER: Final = {"kafka": ("rabbit", "amqp"), "rabbit": ("kafka",)}
"""What stands in a thread of another broker's consumer."""


class Late(msgspec.Struct, frozen=True):
    """The line of the log; ``lasts``: the text says that other dumps show the same."""

    told: Told
    lasts: bool

    @property
    def words(self) -> str:
        """What the wait does to the consumer."""
        if self.told.event.kind is LogKind.POLLED_LATE:
            return say("; that is why the consumer polls too late and leaves its group, as the log says")
        return say("; that is why its message is not acknowledged in time and the broker closes its channel, as the log says")

    @property
    def evidence(self) -> Evidence:
        """The line."""
        return self.told.evidence


def late_consumer(case: Case, group: Sequence[ThreadActivity]) -> Late | None:
    """The line that fits the consumer's thread; None where the size of a batch explains it."""
    lines = [one for one in of_this_moment(case.incident) if one.event.kind in {LogKind.POLLED_LATE, LogKind.WORKER_ENDED}]
    told = next((one for one in lines if one.event.source in _BROKERS), None)
    if told is None or long_batch(case.incident) is not None:
        return None
    others = _OTHER[_BROKERS[told.event.source]]
    words = [[member.thread.name or "", *(frame.full for frame in member.thread.frames)] for member in group]
    plain = [" ".join(one).lower() for one in words]
    if not all(any(word in one for word in _CONSUMES) and not any(word in one for word in others) for one in plain):
        return None
    return Late(told, bool(case.counts.of(Counted.DUMPS)))

"""What counts and other lines beside a line of a log tell of its cause: who has a full server's connections, who holds a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.evidence.log_events import MANY, of_this_moment
from analyzer.families.counted_sockets import process_of, whose
from analyzer.model.message import plural, say
from parsers.records import Counted, LogKind, TcpState

if TYPE_CHECKING:
    from analyzer.join.counts import Count
    from analyzer.waits.case import Case


def who_has_them(case: Case) -> str:
    """The process that has most of the connections which were counted by their far end and owner, if these are many to one port."""
    owned: dict[tuple[str, int | None], list[Count]] = {}
    for one in case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED):
        process, remote = process_of(case, one), one.last.remote
        if remote is not None and remote.port is not None and (process.pid is not None or process.command is not None):
            owned.setdefault((whose(process), remote.port), []).append(one)
    (who, port), most = max(owned.items(), key=lambda item: sum(one.number for one in item[1]), default=(("", None), []))
    number = sum(one.number for one in most)
    if number < MANY:
        return ""
    hosts = plural(len({one.last.remote.host for one in most if one.last.remote is not None}), "host")
    return say(
        ", while {who} has {connections} to port {port} of {hosts}",
        who=who,
        connections=plural(number, "connection"),
        port=str(port),
        hosts=hosts,
    )


def who_holds(case: Case) -> float | None:
    """The session that a line names as the holder of a lock, None if no line names one."""
    held = (one.event.figure("holder") for one in of_this_moment(case.incident) if one.event.kind is LogKind.LOCK_WAIT)
    return next((number for number in held if number is not None), None)


def counted_to(case: Case, subject: str) -> str:
    """How many connections to the port that a line names were counted."""
    port = subject.rpartition(":")[2]
    ends = ((one, one.last.remote or one.last.end) for one in case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED))
    number = max((one.number for one, end in ends if end is not None and port.isdigit() and end.port == int(port)), default=0)
    return say(" {connections} to port {port} were counted.", connections=plural(number, "connection"), port=port) if number >= MANY else ""

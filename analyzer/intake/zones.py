"""Times without a zone get the one that the user states."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from analyzer.model.message import say

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from analyzer.model.incident import Incident
    from parsers.records import ThreadDump


def zone_of(name: str | None) -> ZoneInfo | None:
    """The zone of that name.

    Raises:
        ValueError: if no such zone is known.
    """
    if name is None:
        return None
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - rarely asked for

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(say("--timezone {name!r}: no such zone; use a name such as Asia/Seoul or UTC", name=name)) from error


def in_zone(incident: Incident, zone: ZoneInfo) -> Incident:
    """Give times without a zone the stated one."""

    def stamp(dump: ThreadDump) -> ThreadDump:
        if dump.time is None:
            return dump
        time = datetime.fromisoformat(dump.time)
        return dump if time.tzinfo else replace(dump, time=time.replace(tzinfo=zone).isoformat())

    snapshots = (replace(one, dumps=tuple(stamp(dump) for dump in one.dumps)) for one in incident.snapshots)
    return replace(incident, snapshots=tuple(snapshots))

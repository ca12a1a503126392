"""Incidents that may be one outage of several hosts: saved within minutes, each with connections to the addresses of the other."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.intake.several import WITHIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from analyzer.model.incident import Incident

_MOST: Final = 500
"""Addresses of one incident that are kept; a proxy has thousands of clients, a cluster some dozens of hosts."""
_NEAR: Final = 64
"""Incidents of one minute with one address that are looked at: a common address (a test network) tells nothing."""


class Ends(msgspec.Struct, frozen=True):
    """The addresses of an incident's own hosts, those they are connected with, and its first and last time."""

    own: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None


def ends_of(incident: Incident) -> Ends:
    """The ends of an incident; loopback and cut addresses name no host."""
    own: set[str] = set()
    peers: set[str] = set()
    for row in (row for snapshot in incident.snapshots for row in snapshot.rows):
        near, far = row.local, row.remote
        if far is None or near.truncated or far.truncated or near.is_wildcard or near.is_loopback or far.is_wildcard or far.is_loopback:
            continue
        own.add(near.host)
        peers.add(far.host)
    times = sorted(snapshot.time for snapshot in incident.snapshots if snapshot.time)
    return Ends(tuple(sorted(own)[:_MOST]), tuple(sorted(peers)[:_MOST]), times[0] if times else None, times[-1] if times else None)


def outages(ends: Mapping[int, Ends]) -> list[tuple[int, ...]]:
    """The numbers of incidents that may be one, in order; those that state no time or no address are in none."""
    spans = {number: span for number, one in ends.items() if one.own and (span := _span(one)) is not None}
    leaders = {number: number for number in spans}
    for one, other in _pairs(ends, spans):
        first, second = sorted((_leader(leaders, one), _leader(leaders, other)))
        leaders[second] = first
    groups: dict[int, list[int]] = defaultdict(list)
    for number in sorted(spans):
        groups[_leader(leaders, number)].append(number)
    return [tuple(members) for members in groups.values() if len(members) > 1]


def _pairs(ends: Mapping[int, Ends], spans: Mapping[int, tuple[datetime, datetime]]) -> Iterator[tuple[int, int]]:
    """Incidents that were saved within minutes and name each other."""
    at: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for number, (first, _) in sorted(spans.items(), key=lambda item: (item[1], item[0])):
        for address in ends[number].own:
            at[address].append((first, number))
    within = timedelta(seconds=WITHIN)
    for number, (first, last) in spans.items():
        for address in ends[number].peers:
            those = at.get(address, [])
            start = bisect_left(those, (first - within, -1))
            for begin, other in those[start : start + _NEAR]:
                if begin > last + within:
                    break
                if other != number and _name_each_other(ends[number], ends[other]):
                    yield number, other


def _leader(leaders: dict[int, int], number: int) -> int:
    """The smallest number of those that belong together."""
    while leaders[number] != number:
        leaders[number] = leaders[leaders[number]]
        number = leaders[number]
    return number


def _span(ends: Ends) -> tuple[datetime, datetime] | None:
    times = [_time(time) for time in (ends.first, ends.last) if time is not None]
    return (min(times), max(times)) if times else None


def _time(time: str) -> datetime:
    return datetime.fromisoformat(time).replace(tzinfo=None)


def _name_each_other(one: Ends, other: Ends) -> bool:
    """True if each has connections with addresses that are the other's alone."""
    return _names(one.peers, other.own, one.own) and _names(other.peers, one.own, other.own)


def _names(peers: Iterable[str], far: Iterable[str], near: Iterable[str]) -> bool:
    return bool(set(peers) & (set(far) - set(near)))

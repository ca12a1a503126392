"""One incident or several: what tells the folders of one outage from the folders of many.

Moments (``snap1/``, ``snap2/``), drawers (``threads/``, ``net/``) and hosts (``web1/``, ``web2/``) of one incident lie in folders, and so do incidents
that have nothing to do with each other. Process ids, times and connections tell them apart: the moments of one process have its pid; hosts of
one outage were saved within minutes, and each names the addresses of the others. What is undecided is never said to be several.
"""

from __future__ import annotations

import re
from datetime import datetime
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.intake.parts import time_of
from analyzer.intake.snapshots import counts_moments
from analyzer.model.host_labels import LETTERED, holds
from parsers.records import HostFact, SocketRow, ThreadDump

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyzer.intake.read import Reading

APART: Final = 3600.0
"""Seconds between two incidents that have nothing in common; between the hosts of one outage people need minutes."""
WITHIN: Final = 900.0
"""Seconds within which somebody goes from host to host and saves."""
MOST_HOSTS: Final = 16
"""Folders beyond which nobody reads the hosts of one outage side by side."""
_FEW: Final = 1000  # pids of containers; they tell no process from another
_DRAWERS: Final = frozenset(
    ["net", "network", "java", "os", "system", "host", "jvm", "app", "logs", "log", "sys", "kernel", "db", "database"]
)
_INCIDENT: Final = re.compile(r"(?:inc|incident|case|ticket|issue|outage|sample|bug|sr|cs|req|bundle|report)[-_. #]?\d+.*", re.IGNORECASE)
_TICKET: Final = re.compile(r"(?!(?:WEB|APP|DB|SRV|NODE|HOST|VM|API|CACHE|PROXY|LB|MQ)-)[A-Z][A-Z0-9]{1,9}-\d{1,7}(?:[-_. ].*)?")
_NUMBERED: Final = re.compile(r"(?P<stem>[A-Za-z][A-Za-z-]*?)[-_.]?(?:\d{1,4}|(?<=[a-z])[A-Z]|(?<=[-_.])[a-z])")
_DOMAIN: Final = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+){2,}")
_HOST_STEMS: Final = LETTERED | {
    "api",
    "frontend",
    "backend",
    "front",
    "back",
    "cache",
    "gateway",
    "gw",
    "proxy",
    "lb",
    "mq",
    "tomcat",
    "master",
    "replica",
}


class Facts(msgspec.Struct, frozen=True):
    """What tells one folder's evidence from another's: pids of processes, first and last time, both ends of connections, and what was saved."""

    pids: frozenset[int]
    first: datetime | None
    last: datetime | None
    connections: frozenset[tuple[str, str]]
    addresses: frozenset[str]
    threads: bool
    sockets: bool

    @property
    def tells(self) -> bool:
        """True if a diagnosis can be made of it."""
        return self.threads or self.sockets

    @property
    def whole(self) -> bool:
        """True if both halves of the join are there."""
        return self.threads and self.sockets


def facts_of(readings: Iterable[Reading]) -> Facts:
    """The facts of some files."""
    pids: set[int] = set()
    times: list[datetime] = []
    connections: set[tuple[str, str]] = set()
    addresses: set[str] = set()
    threads = sockets = False
    for part in (part for reading in readings for part in reading.parts):
        if (stated := time_of(part)) is not None:
            times.append(datetime.fromisoformat(stated).replace(tzinfo=None))
        dumps, rows = part.of(ThreadDump), part.of(SocketRow)
        threads, sockets = threads or bool(dumps), sockets or bool(rows) or part.is_empty_table
        pids.update(dump.pid for dump in dumps if dump.pid is not None)
        for row in rows:
            pids.update(owner.pid for owner in row.owners or ())
            if row.remote is None or row.remote.port is None or row.local.truncated or row.remote.truncated:
                continue
            if not (row.remote.is_loopback or row.remote.is_wildcard or row.local.is_wildcard):
                connections.add((str(row.local), str(row.remote)))
                addresses.add(row.local.host)
    return Facts(
        frozenset(pid for pid in pids if pid >= _FEW),
        min(times, default=None),
        max(times, default=None),
        *_frozen(connections, addresses),
        threads,
        sockets,
    )


def _frozen(connections: set[tuple[str, str]], addresses: set[str]) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    return frozenset(connections), frozenset(addresses)


def hosts_named(readings: Iterable[Reading]) -> tuple[str, ...]:
    """The hosts that ``uname`` names."""
    return tuple(sorted({fact.host for reading in readings for part in reading.parts for fact in part.of(HostFact) if fact.host}))


def gap(one: Facts, other: Facts) -> float | None:
    """Seconds between two spans of time: 0 if they overlap, None where a time is not known."""
    if one.first is None or one.last is None or other.first is None or other.last is None:
        return None
    early, late = sorted(((one.first, one.last), (other.first, other.last)))
    return max(0.0, (late[0] - early[1]).total_seconds())


def share_connections(one: Facts, other: Facts) -> bool:
    """True if a connection is seen from both of its ends; whatever the clocks say, the two were there at one time.

    A connection of a host with itself has both ends in one table, and tells nothing of another.
    """
    halves = ((local, remote) for local, remote in one.connections if (remote, local) not in one.connections)
    return any((remote, local) in other.connections and (local, remote) not in other.connections for local, remote in halves)


def name_each_other(one: Facts, other: Facts) -> bool:
    """True if each has connections with addresses that are the other's alone."""
    own, far = one.addresses - other.addresses, other.addresses - one.addresses
    return any(_host(remote) in far for _, remote in one.connections) and any(_host(remote) in own for _, remote in other.connections)


def _host(endpoint: str) -> str:
    return endpoint.rpartition(":")[0].strip("[]")


def belong_together(folders: Mapping[str, Facts]) -> bool:
    """True if something shows that the folders are moments, drawers or hosts of one incident.

    ``folders`` are siblings; of very many some are enough.
    """
    telling = [facts for facts in folders.values() if facts.tells]
    names = [name for name, facts in folders.items() if facts.tells]
    if len(telling) < 2:  # noqa: PLR2004 - one is no company
        return True
    pairs = list(combinations(telling, 2))
    if any(share_connections(one, other) or (name_each_other(one, other) and (gap(one, other) or 0) <= WITHIN) for one, other in pairs):
        return True
    if any(_INCIDENT.fullmatch(name) or _TICKET.fullmatch(name) for name in names):
        return False
    if all(map(counts_moments, names)):
        return not any(one.pids and other.pids and not one.pids & other.pids for one, other in pairs)
    if not any(facts.whole for facts in telling) and all(_is_drawer(name) for name in names):
        return not any((gap(one, other) or 0) > APART for one, other in pairs)
    gaps = [gap(one, other) for one, other in pairs]
    return _hosts(names, known=all(value is not None for value in gaps)) and all((value or 0) <= WITHIN for value in gaps)


def _is_drawer(name: str) -> bool:
    return any(holds(word) or word.lower() in _DRAWERS for word in re.split(r"[-_. ]", name) if word)


def _hosts(names: Sequence[str], *, known: bool) -> bool:
    """True for names of machines: domain names, or one word with a number or a letter. ``known``: the times are, so that less of a name is enough."""
    if all(_DOMAIN.fullmatch(name) for name in names):
        return True
    numbered = [_NUMBERED.fullmatch(name) for name in names]
    stems = {match["stem"].lower().rstrip("-_.") for match in numbered if match is not None}
    if len(stems) != 1 or not all(numbered) or len(names) > MOST_HOSTS:
        return False
    return known or bool({part for part in re.split(r"[-_.]", stems.pop()) if part} & _HOST_STEMS)


def surely_several(folders: Mapping[str, Facts]) -> tuple[str, str] | None:
    """Two folders that cannot be one incident: other processes, hours apart, without a connection between them; None if there are none."""
    telling = {name: facts for name, facts in folders.items() if facts.tells}
    if len(telling) < 2 or belong_together(folders):  # noqa: PLR2004 - see above
        return None
    dated = sorted((facts.first, name) for name, facts in telling.items() if facts.first is not None)
    for (_, first), (_, second) in pairwise(dated):
        one, other = telling[first], telling[second]
        if (gap(one, other) or 0) > APART and not one.pids & other.pids:
            return first, second
    named = [name for name in telling if _INCIDENT.fullmatch(name) or _TICKET.fullmatch(name)]
    for first, second in combinations(named[:MOST_HOSTS], 2):
        if not telling[first].pids & telling[second].pids:
            return first, second
    return None


def folders_of(readings: Iterable[Reading]) -> dict[str, list[Reading]]:
    """The outermost folders that lie side by side, with what lies around them → their files; empty if a file that was recognised lies beside them."""
    below = [(reading.file, reading) for reading in readings]
    around = ""
    while below and all("/" in name for name, _ in below) and len({name.partition("/")[0] for name, _ in below}) == 1:
        around += below[0][0].partition("/")[0] + "/"
        below = [(name.partition("/")[2], reading) for name, reading in below]
    found: dict[str, list[Reading]] = {}
    for name, reading in below:
        folder, slash, _ = name.partition("/")
        if slash:
            found.setdefault(around + folder, []).append(reading)
        elif any(part.form is not None for part in reading.parts) or reading.capture is not None:
            return {}
    return found

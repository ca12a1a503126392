"""What commands counted, put together: whose the things are, at which end, and how often they were counted.

The same count taken twice is two moments, never a sum. Ends that a row leaves open are told by the other rows of the evidence: a port that somebody listens
on is the near end, an end that another count has as a far one is the far one here, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from parsers.records import Counted, Endpoint, Pid, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyzer.model.incident import Incident, Snapshot
    from parsers.records import Limit, Setting, Tally

_SEVERAL: Final = 3
"""Rows of one port that tell which host a count of that port means."""
_RANGES: Final = (("net.ipv4.ip_local_port_range",), ("dynamicport",), ("net.inet.ip.portrange.first", "net.inet.ip.portrange.last"))
"""Settings of the range of local ports: one of two values, or two."""


_PAIR: Final = ("earlier", "later")
"""Readings that words like "an hour before" tell apart."""


class Count(msgspec.Struct, frozen=True):
    """A thing that was counted: its readings in their order, each the sum of rows that say the same. ``seconds`` lie between first and last, None if nothing tells."""

    host: str | None
    readings: tuple[Tally, ...]
    seconds: float | None

    @property
    def last(self) -> Tally:
        """The last reading."""
        return self.readings[-1]

    @property
    def number(self) -> int:
        """What the last reading counted."""
        return self.last.count

    @property
    def grown(self) -> int:
        """By how much it has grown, 0 if it has not, or was read once."""
        counts = [one.count for one in self.readings]
        return counts[-1] - counts[0] if counts == sorted(counts) else 0


class Counts:
    """All that was counted in an incident, and what says more about it."""

    def __init__(self, incident: Incident) -> None:
        """Put the tallies of an incident together."""
        self.incident = incident
        self._names = {row.pid: _program(row.command) for snapshot in incident.snapshots for row in snapshot.processes}
        for snapshot in incident.snapshots if any(one.tallies for one in incident.snapshots) else ():
            self._names.update({owner.pid: owner.command for row in snapshot.rows for owner in row.owners or () if owner.command})
        self._pids = {*self._names, *(dump.pid for snapshot in incident.snapshots for dump in snapshot.dumps)}
        self._ports = {row.local.port for snapshot in incident.snapshots for row in snapshot.rows} if self._names or self._pids else set()
        self._far_ports = (
            {row.remote.port for snapshot in incident.snapshots for row in snapshot.rows if row.remote} if self._ports else set()
        )
        self.all = tuple(count for host in dict.fromkeys(one.host for one in incident.snapshots) for count in self._of_host(host))

    def of(self, what: Counted, state: TcpState | None = None) -> tuple[Count, ...]:
        """Counts of one kind, the largest first."""
        found = (one for one in self.all if one.last.what is what and (state is None or one.last.state is state))
        return tuple(sorted(found, key=lambda one: -one.number))

    def limit(self) -> Limit | None:
        """The limit of open files, if the evidence states one alone."""
        found = [
            one for snapshot in self.incident.snapshots for one in snapshot.limits if one.name == "Max open files" and one.soft is not None
        ]
        return found[0] if len({one.soft for one in found}) == 1 else None

    def setting(self, name: str) -> Setting | None:
        """The last value of a setting."""
        return next(
            (one for snapshot in reversed(self.incident.snapshots) for one in reversed(snapshot.settings) if one.name == name), None
        )

    def port_range(self) -> tuple[int, int, Setting] | None:
        """The first and the last local port that the kernel gives out, where the evidence says so."""
        for names in _RANGES:
            found = [setting for name in names if (setting := self.setting(name)) is not None]
            values = [value for one in found for value in one.values]
            if len(found) == len(names) and len(values) == 2 and 0 < values[0] < values[1]:  # noqa: PLR2004 - first and last
                return values[0], values[1], found[0]
        return None

    def process(self, count: Count) -> tuple[Pid | None, str | None]:
        """Whose the things are: by the count itself, else by the only process whose descriptors at that port were counted."""
        pid, name = count.last.pid, count.last.process
        port = count.last.local.port if count.last.local is not None else None
        if pid is None and name is None and port is not None:
            ends = ((one, one.last.local or one.last.end) for one in self.of(Counted.DESCRIPTORS))
            owners = {one.last.pid for one, end in ends if end is not None and end.port == port and one.number >= count.number}
            pid = owners.pop() if len(owners) == 1 else None
        return pid, name or (self._names.get(pid) if pid is not None else None)

    def _looked_for(self, tally: Tally) -> Tally:
        """The tally, with the number that was looked for as its pid or port where another line of the evidence names such a process, or has such a port."""
        if tally.number is None:
            return tally
        if tally.pid is not None:
            port = tally.number != tally.pid and tally.number in self._far_ports and tally.end is None
            return replace(tally, end=Endpoint("*", tally.number), number=None) if port else tally
        if tally.number in self._pids:
            return replace(tally, pid=Pid(tally.number), number=None)
        return replace(tally, end=Endpoint("*", tally.number), number=None) if tally.number in self._ports and tally.end is None else tally

    def _of_host(self, host: str | None) -> list[Count]:
        snapshots = [one for one in self.incident.snapshots if one.host == host]
        found = (self._looked_for(tally) for one in snapshots for tally in one.tallies)
        tallies = _placed(snapshots, sorted(found, key=lambda one: (one.where.file, one.where.first)))
        groups: dict[tuple[object, ...], dict[tuple[str, int], Tally]] = {}
        for tally in tallies:
            key = (
                tally.what,
                tally.state,
                tally.local,
                tally.remote,
                tally.end,
                tally.pid,
                tally.process,
                tally.name,
                _same(tally.command),
            )
            readings = groups.setdefault(key, {})
            listing = (tally.where.file, tally.listing)
            known = readings.get(listing)
            unread = tally.recv_q if known is None or known.recv_q == tally.recv_q else None
            readings[listing] = tally if known is None else replace(known, count=known.count + tally.count, recv_q=unread)
        return [_count(host, list(readings.values())) for readings in groups.values()]


def _count(host: str | None, readings: Sequence[Tally]) -> Count:
    said = [one for one in readings if one.before is not None and len(readings) > 1]
    ordered = sorted(readings, key=lambda one: 0 if one.before else 1) if said else list(readings)
    apart = {one.apart for one in said if one.apart}
    rounds = {one.apart for one in readings if one.before is None and one.apart}
    pair = len(readings) == len(_PAIR)
    seconds = apart.pop() if pair and len(apart) == 1 else rounds.pop() * (len(readings) - 1) if len(rounds) == 1 and not said else None
    return Count(host, tuple(ordered), seconds)


def _same(command: str | None) -> str:
    """The command without blanks that change nothing, and without what somebody noted behind it."""
    return " ".join((command or "").partition(" # ")[0].split())


def _program(command: str) -> str | None:
    """The name of a program in its command line."""
    words = command.split()
    return words[0].rpartition("/")[2] or None if words and not words[0].startswith(("[", "-")) else None


def _placed(snapshots: Iterable[Snapshot], tallies: Sequence[Tally]) -> list[Tally]:
    """Tallies whose open ends are told by others, and copies without their command joined to those with one."""
    if not tallies:
        return []
    near = {end.port for one in tallies if (end := one.local) is not None and one.state is TcpState.LISTEN}
    sides: dict[tuple[TcpState | None, int | None], set[str]] = {}
    far: dict[int | None, list[str]] = {}
    for snapshot in snapshots:
        near |= {row.local.port for row in snapshot.rows if row.state is TcpState.LISTEN}
        for row in snapshot.rows:
            if row.remote is not None and row.state is not TcpState.LISTEN:
                far.setdefault(row.remote.port, []).append(row.remote.host)
                sides.setdefault((row.state, row.local.port), set()).add("near")
                sides.setdefault((row.state, row.remote.port), set()).add("far")
    sided = [one for one in tallies if one.command is not None and (one.local is not None or one.remote is not None)]
    servers = {(one.pid, one.end.port) for one in tallies if one.end is not None and one.state is TcpState.LISTEN}
    return [_as_others(_sided(one, _near_of(one, near, sides, servers), far), sided) for one in tallies]


def _near_of(
    tally: Tally,
    near: set[int | None],
    sides: Mapping[tuple[TcpState | None, int | None], set[str]],
    servers: set[tuple[Pid | None, int | None]],
) -> set[int | None]:
    """The near ports for one tally: its port is one where its process listens there, or where all rows of its state have it as their near end."""
    port = tally.end.port if tally.end is not None else None
    if tally.pid is not None and any(other == port for _, other in servers):
        return near | {port} if (tally.pid, port) in servers else near - {port}
    return near | {port} if tally.state is not None and sides.get((tally.state, port)) == {"near"} else near


def _sided(tally: Tally, near: set[int | None], far: Mapping[int | None, Sequence[str]]) -> Tally:
    """The tally with its end on the side where the rows have that port, and with the host that all of them name."""
    end = tally.end
    if end is None or end.port is None:
        return tally
    if end.port in near and tally.local is None:
        return replace(tally, local=end, end=None)
    if end.port in far and end.port not in near and tally.remote is None:
        hosts = far[end.port]
        only = hosts[0] if end.host == "*" and len(hosts) >= _SEVERAL and len(set(hosts)) == 1 else end.host
        return replace(tally, remote=replace(end, host=only), end=None)
    return tally


def _as_others(tally: Tally, others: Sequence[Tally]) -> Tally:
    """A count that was copied without its command, as the one of the same place and state that has it."""
    if tally.command is not None or tally.state is None:
        return tally
    for other in others:
        if (
            other.state is tally.state
            and (tally.local, tally.remote) in {(other.local, other.remote), (None, None)}
            and tally.end in {None, other.local, other.remote}
        ):
            if tally.end is None and (tally.local, tally.remote) == (None, None):
                continue  # a state alone may be counted over everything
            return replace(
                tally, local=other.local, remote=other.remote, end=None, pid=other.pid, process=other.process, command=other.command
            )
    return tally


def is_place(end: Endpoint | None) -> bool:
    """True for an end with a port that many connections share: it is one service or listener."""
    return end is not None and end.port is not None

"""Sockets, pools and their course over time, as bars and points."""

from __future__ import annotations

from collections import Counter
from math import floor
from typing import TYPE_CHECKING

from reports.language.catalogue import tell
from reports.text_safety import clip, plain
from reports.view.model import Bar, BarChart, Figure, Point, PoolChart, SocketChart, Trend
from reports.view.wording import count, doing, in_words, instant, listed, number, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence
    from typing import TypeVar

    from analyzer.model.finding import CloseWait, Link, PoolTable, Process, SocketTable
    from analyzer.model.timeline import DescriptorLimit, Ending, Moment, Patience, Turnover

    TableT = TypeVar("TableT", SocketTable, PoolTable)

SOCKET_CHARTS = 6
POOL_CHARTS = 10
PATIENCE_CHARTS = 3
ENDING_CHARTS = 3
BARS = 8
"""Steps of a histogram: more are not read."""
STEPS = (0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 7200)
"""Seconds that a step may take."""
CALLED = 2
"""Services that a pool's line names; the links have all."""
STATES = 8
POINTS = 24
"""Snapshots drawn in the line chart; of more, every n-th and the last."""
FAR = 5
"""A limit of more than so many times the highest value is told, not drawn: the course would be a flat line."""
LEFT, RIGHT, TOP, BOTTOM = 34.0, 326.0, 22.0, 118.0
"""The plot inside the 360 by 140 view box of the line chart."""
_EPSILON = 1e-6
_CLOSE_WAIT = "CLOSE_WAIT"
_QUIET_ROLES = {"jvm", "acceptor"}


def snapshots(tables: Sequence[SocketTable] | Sequence[PoolTable]) -> tuple[str, ...]:
    """The snapshots in the order in which the diagnosis lists them."""
    return tuple(dict.fromkeys(table.snapshot for table in tables))


def socket_charts(tables: Sequence[SocketTable]) -> tuple[tuple[SocketChart, ...], str]:
    """The latest table of each port, those with most CLOSE_WAIT first, and a sentence on those left out."""
    latest = _latest_sockets(tables)
    ranked = sorted(latest, key=lambda table: (-table.close_wait.total, -sum(table.states.values())))
    several = len(snapshots(tables)) > 1
    shown = tuple(_socket_chart(table, several=several) for table in ranked[:SOCKET_CHARTS])
    left = ranked[SOCKET_CHARTS:]
    waiting = sum(table.close_wait.total for table in left)
    rest = (
        tell("{tables} with {waiting} in CLOSE_WAIT: in the JSON format.", tables=count(len(left), "more table"), waiting=number(waiting))
        if left
        else ""
    )
    return shown, rest


def close_wait_split(split: CloseWait) -> str:
    """What the CLOSE_WAIT sockets consist of, in words; empty when there are none."""
    if not split.total:
        return ""
    unknown = split.total - split.fin_only - split.unread - split.drained - split.unaccepted
    parts = [
        (split.fin_only, tell("with everything read but the FIN (Recv-Q 1)")),
        (split.unread, tell("with bytes that nobody read (Recv-Q over 1)")),
        (split.drained, tell("read to the end and not closed (Recv-Q 0)")),
        (split.unaccepted, tell("still in the accept queue, without an owner (inode 0)")),
        (unknown, tell("of which the table does not give the queue")),
    ]
    told = "; ".join(tell("{number} {what}", number=number(value), what=what) for value, what in parts if value > 0)
    return tell("{total} in CLOSE_WAIT: {told}.", total=number(split.total), told=told)


def trend(
    tables: Sequence[SocketTable],
    process: Process | None,
    moments: Sequence[Moment] = (),
    limits: Sequence[DescriptorLimit] = (),
    changes: Sequence[Turnover] = (),
) -> tuple[Trend | None, str]:
    """CLOSE_WAIT of one process over the snapshots, against its limit of descriptors; without a second snapshot a sentence instead."""
    if not tables:
        return None, ""
    owner, series = _series(tables, process)
    times = {moment.snapshot: moment.time for moment in moments if moment.host == owner[0]}
    if len({times.get(name) for name in series} - {None}) == len(series):
        series = {times[name]: value for name, value in series.items()}
    limit = next((one.limit for one in limits if (one.host, one.pid) == owner and not one.assumed), None)
    if len(series) < 2:  # noqa: PLR2004 - a line needs two points
        total = sum(table.close_wait.total for table in tables)
        return None, tell("Only one snapshot: a second one would show whether CLOSE_WAIT grows.") if total else ""
    values = list(series.values())
    if not any(values):
        return None, tell("No socket in CLOSE_WAIT in any of {number} snapshots.", number=in_words(len(values)))
    if len(set(values)) == 1:
        return None, tell(
            "{number} snapshots, {count} in CLOSE_WAIT in each of them: no growth.",
            number=in_words(len(values)).capitalize(),
            count=number(values[0]),
        ) + _fate(changes, owner)
    near = limit is not None and limit <= FAR * max(values)
    highest = max(*values, limit) if limit is not None and near else max(values)
    points = _thinned(_points(series, highest))
    line = " ".join(f"{point.x},{point.y}" for point in points)
    drawn = tell(" {number} of them are drawn.", number=len(points)) if len(points) < len(series) else ""
    stated = tell(" The process may have {limit} descriptors.", limit=number(limit)) if limit is not None else ""
    ceiling = (
        Point(f"{RIGHT:.1f}", f"{_height(limit, highest):.1f}", number(limit), tell("limit of descriptors"))
        if limit is not None and near
        else None
    )
    return Trend(f"{_rate(series)}{_fate(changes, owner)}{stated}{drawn}", points, line, points[0], points[-1], ceiling), ""


def _fate(changes: Sequence[Turnover], owner: tuple[str | None, int | None]) -> str:
    """What became of the sockets of the first table; empty where that is not known."""
    change = next((one for one in changes if (one.host, one.pid) == owner), None)
    if change is None:
        return ""
    return tell(
        " Of those in the first {stayed} stayed and {went} went; {came} came.",
        stayed=number(change.stayed),
        went=number(change.went),
        came=number(change.came),
    )


def patience_chart(found: Sequence[Patience]) -> tuple[BarChart, ...]:
    """How long clients waited before they gave up, by server: one bar per step of time."""
    return tuple(_patience(one) for one in found[:PATIENCE_CHARTS])


def _patience(found: Patience) -> BarChart:
    first, last = found.seconds[0], found.seconds[-1]
    step = next((step for step in STEPS if (last - first) / step < BARS), STEPS[-1])
    # A tenth is no binary fraction: without the tolerance 4.0 would fall into the step that begins at 3.9.
    base = floor(first / step + _EPSILON)
    groups = Counter(min(floor(second / step + _EPSILON) - base, BARS - 1) for second in found.seconds)
    most = max(groups.values())
    bars = [
        _bar(tell("{begin:g} to {end:g} s", begin=(base + index) * step, end=(base + index + 1) * step), groups[index], most, hot=False)
        for index in range(max(groups) + 1)
    ]
    middle = found.seconds[len(found.seconds) // 2]
    caption = tell(
        "{clients} of {server} gave up without an answer, half of them within {middle}.",
        clients=count(len(found.seconds), "client"),
        server=plain(found.server, 80),
        middle=seconds(middle),
    )
    return BarChart(caption, tuple(bars))


def ending_charts(found: Sequence[Ending]) -> tuple[BarChart, ...]:
    """Who closed the connections of each server first; those with ends that never followed before others."""
    ranked = sorted(found, key=lambda one: (-one.server_never_closed - one.client_never_closed, -one.client_first - one.server_first))
    return tuple(_ending(one) for one in ranked[:ENDING_CHARTS])


def _ending(found: Ending) -> BarChart:
    rows = (
        (tell("client first"), found.client_first, False),
        (tell("and never the server"), found.server_never_closed, True),
        (tell("server first"), found.server_first, False),
        (tell("and never the client"), found.client_never_closed, True),
        (tell("reset by the client"), found.reset_by_client, False),
        (tell("reset by the server"), found.reset_by_server, False),
        (tell("still open"), found.open, False),
    )
    most = max(value for _, value, _ in rows)
    bars = tuple(_bar(label, value, most, hot=hot) for label, value, hot in rows if value)
    between = (
        tell(" Half of the second FINs came within {seconds}.", seconds=seconds(found.seconds_between))
        if found.seconds_between is not None
        else ""
    )
    return BarChart(tell("Connections of {server} in the capture.{between}", server=plain(found.server, 80), between=between), bars)


def pool_charts(tables: Sequence[PoolTable], links: Sequence[Link] = ()) -> tuple[tuple[PoolChart, ...], str]:
    """The latest state of each pool, full ones first, and over which sockets; acceptors and the threads of the VM itself only where they are busy."""
    latest = _latest_pools(tables)
    loud = [table for table in latest if table.role not in _QUIET_ROLES]
    ranked = sorted(loud, key=lambda table: (not _full(table), -table.busy, -table.size, table.name))
    hosts = len({(table.host, table.pid) for table in latest}) > 1
    shown = tuple(_pool_chart(table, _over(table, links), named=hosts) for table in ranked[:POOL_CHARTS])
    left, quiet = ranked[POOL_CHARTS:], [table for table in latest if table.role in _QUIET_ROLES]
    parts = []
    if left:
        parts.append(
            tell("{pools} with {threads}", pools=count(len(left), "more pool"), threads=count(sum(table.size for table in left), "thread"))
        )
    if quiet:
        parts.append(tell("{threads} of the VM and of acceptors", threads=count(sum(table.size for table in quiet), "thread")))
    return shown, tell("Not shown: {parts}.", parts=listed(parts)) if parts else ""


def busy_of(tables: Sequence[PoolTable]) -> tuple[tuple[str, str], ...]:
    """Each pool's name and ``8 of 8 busy`` in the latest snapshot, long names first so that the longest match wins.

    Of pools of one name (Jetty accepts on threads of its pool) the largest is meant.
    """
    latest = _latest(tables, lambda table: (table.name, table.role))
    named = [
        (table.name, tell("{busy} of {size} busy", busy=number(table.busy), size=number(table.size)))
        for table in sorted(latest, key=lambda table: -table.size)
        if table.name
    ]
    return tuple(sorted(named, key=lambda pair: -len(pair[0])))


def figures(sockets: Sequence[SocketTable], pools: Sequence[PoolTable]) -> Iterator[Figure]:
    """What the latest tables count, for a page whose verdict has no numbers of its own."""
    if sockets:
        latest = _latest_sockets(sockets)
        yield Figure(number(sum(table.close_wait.total for table in latest)), tell("sockets in CLOSE_WAIT"))
        yield Figure(number(sum(sum(table.states.values()) for table in latest)), tell("sockets seen"))
    if pools:
        named = _latest_pools(pools)
        yield Figure(
            tell("{some} of {all}", some=number(sum(table.busy for table in named)), all=number(sum(table.size for table in named))),
            tell("threads busy"),
        )


def _latest_sockets(tables: Sequence[SocketTable]) -> list[SocketTable]:
    return _latest(tables, lambda table: (table.host, table.pid, table.local_port, table.side, table.remote))


def _latest_pools(tables: Sequence[PoolTable]) -> list[PoolTable]:
    return _latest(tables, lambda table: (table.host, table.pid, table.name))


def _latest(tables: Sequence[TableT], key: Callable[[TableT], Hashable]) -> list[TableT]:
    """The last table of each key, in the order in which the keys appear."""
    return list({key(table): table for table in tables}.values())


def _socket_chart(table: SocketTable, *, several: bool) -> SocketChart:
    states = sorted(table.states.items(), key=lambda pair: (pair[0] != _CLOSE_WAIT, -pair[1], pair[0]))
    longest = max(table.states.values(), default=0)
    bars = tuple(_bar(plain(state, 40), value, longest, hot=state == _CLOSE_WAIT) for state, value in states[:STATES])
    other = sum(value for _, value in states[STATES:])
    if other:
        bars += (_bar(tell("other"), other, longest, hot=False),)
    return SocketChart(_socket_caption(table, several=several), bars, close_wait_split(table.close_wait))


def _socket_caption(table: SocketTable, *, several: bool) -> str:
    port = "" if table.local_port is None else tell("port {local_port}", local_port=table.local_port)
    if table.side == "client":
        where = tell("connections to {remote}", remote=plain(table.remote or tell("other services"), 80))
    elif table.side == "server":
        where = tell("{port}, as server", port=port) if port else tell("as server")
    else:
        where = port or tell("every port")
    parts = [where, _process(table), tell("snapshot {snapshot}", snapshot=plain(table.snapshot, 60)) if several else "", _sockets(table)]
    text = " · ".join(part for part in parts if part)
    return text[:1].upper() + text[1:]


def _sockets(table: SocketTable) -> str:
    return count(sum(table.states.values()), "socket")


def _process(table: SocketTable | PoolTable) -> str:
    pid = "" if table.pid is None else tell("pid {pid}", pid=table.pid)
    host = plain(table.host or "", 80)
    return tell("{process} on {host}", process=pid, host=host) if pid and host else pid or host


def _bar(label: str, value: int, longest: int, *, hot: bool) -> Bar:
    share = 100 * value / longest if longest else 0.0
    return Bar(label, number(value), f"{max(share, 0.4) if value else 0.0:.1f}", hot)


def _full(table: PoolTable) -> bool:
    return table.size > 1 and table.busy >= table.size


def _over(table: PoolTable, links: Sequence[Link]) -> list[str]:
    """Over how many connections the pool's threads call whom, and how many requests of clients it has or has not read."""
    mine = [
        link
        for link in links
        if link.pool == table.name and (link.snapshot, link.host, link.pid) == (table.snapshot, table.host, table.pid)
    ]
    calls = Counter(link.remote for link in mine if link.role == "calls" and link.remote)
    said = [
        tell("{calls} to {remote}", calls=count(number_of, "call"), remote=plain(remote, 80))
        for remote, number_of in sorted(calls.items(), key=lambda item: (-item[1], item[0]))[:CALLED]
    ]
    served, queued = (sum(link.role == role for link in mine) for role in ("serves", "queued"))
    if served:
        said.append(tell("serves {connections}", connections=count(served, "connection")))
    if queued:
        said.append(tell("{queued} queued", queued=number(queued)))
    return said


def _pool_chart(table: PoolTable, over: list[str], *, named: bool) -> PoolChart:
    most = [plain(what, 120) for what in doing(table.doing)]
    busy = tell("{busy} of {size} busy", busy=number(table.busy), size=number(table.size))
    name = f"{plain(table.name, 100)} ({_process(table)})" if named and _process(table) else plain(table.name, 100)
    bar = _bar(name, table.busy, table.size, hot=_full(table) and table.role != "event-loop")
    return PoolChart(name, busy, "; ".join(part for part in (listed(most, 4), listed(over, 4)) if part), bar)


def _series(tables: Sequence[SocketTable], process: Process | None) -> tuple[tuple[str | None, int | None], dict[str, int]]:
    """Host and pid, and CLOSE_WAIT by snapshot: of the process if it is known and has tables, else of the one that has most."""
    totals: dict[tuple[str | None, int | None], dict[str, int]] = {}
    for table in tables:
        owner = totals.setdefault((table.host, table.pid), {})
        owner[table.snapshot] = owner.get(table.snapshot, 0) + table.close_wait.total
    if process is not None and (process.host, process.pid) in totals:
        return (process.host, process.pid), totals[process.host, process.pid]
    return max(totals.items(), key=lambda item: (len(item[1]) > 1, max(item[1].values())))


def _height(value: int, highest: int) -> float:
    return BOTTOM - (BOTTOM - TOP) * value / highest


def _points(series: dict[str, int], highest: int) -> tuple[Point, ...]:
    return tuple(
        Point(
            x=f"{LEFT + (RIGHT - LEFT) * share:.1f}",
            y=f"{_height(value, highest):.1f}",
            value=number(value),
            label=_time_label(name),
        )
        for (name, value), share in zip(series.items(), _shares(tuple(series)), strict=True)
    )


def _thinned(points: tuple[Point, ...]) -> tuple[Point, ...]:
    step = -(-len(points) // POINTS)
    return points if step == 1 else (*points[:-1:step][: POINTS - 1], points[-1])


def _minutes(names: Sequence[str]) -> list[float]:
    """Minutes since the first snapshot; empty unless every name is a time and they ascend."""
    times = [instant(name) for name in names]
    known = [time for time in times if time is not None]
    if len(known) < len(names) or len({time.tzinfo is None for time in known}) > 1:
        return []
    minutes = [(time - known[0]).total_seconds() / 60 for time in known]
    return minutes if minutes == sorted(set(minutes)) else []


def _shares(names: Sequence[str]) -> list[float]:
    """Where each snapshot stands between the first (0) and the last (1): by time, or evenly if the times are not known."""
    minutes = _minutes(names)
    if minutes:
        return [value / minutes[-1] for value in minutes]
    return [index / (len(names) - 1) for index in range(len(names))]


def _time_label(name: str) -> str:
    time = instant(name)
    return f"{time:%H:%M:%S}" if time else clip(plain(name, 80), 14)


def _rate(series: dict[str, int]) -> str:
    names, values = tuple(series), tuple(series.values())
    minutes = _minutes(names)
    change = values[-1] - values[0]
    start = tell(
        "{number} snapshots, from {first} to {last}",
        number=in_words(len(values)).capitalize(),
        first=number(values[0]),
        last=number(values[-1]),
    )
    if not change:
        return tell(
            "{number} snapshots, {first} in the first and in the last: no growth.",
            number=in_words(len(values)).capitalize(),
            first=number(values[0]),
        )
    if not minutes:
        return tell("{start}. The snapshots carry no time, so there is no rate.", start=start)
    rate = change / minutes[-1]
    return (
        tell("{start}: {rate:+,.0f} a minute.", start=start, rate=rate)
        if abs(rate) >= 1
        else tell("{start}: {rate:+,.1f} an hour.", start=start, rate=rate * 60)
    )

"""Ports that several worker processes serve together: their clients are counted as one server's."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from analyzer.evidence.departures import before, left
from analyzer.join.connections import close_wait
from analyzer.model.message import plural, say
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import CloseWait
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint


class SharedPort(NamedTuple):
    """A port, the processes that listen there and hold clients that have closed, and what became of these clients.

    ``went``: as many are gone that stood so in the table before.
    """

    port: int
    views: tuple[ProcessView, ...]
    counts: CloseWait
    total: int
    went: bool


def shared_ports(case: Case) -> list[SharedPort]:
    """Ports with clients that have closed in the hands of several processes with the same listener."""
    groups: dict[tuple[str, str | None, Endpoint, int], list[ProcessView]] = defaultdict(list)
    for view in case.latest:
        for end, port in {(row.local, row.local.port) for row in view.sockets.of(TcpState.LISTEN)}:
            if port is not None and left(port, view):
                groups[view.snapshot.name, view.snapshot.host, end, port].append(view)
    # A server may listen on two addresses of one port.
    together = {(name, host, port): tuple(views) for (name, host, _, port), views in groups.items() if len(views) > 1}
    return [_of(case, port, views) for (_, _, port), views in together.items()]


def _of(case: Case, port: int, views: tuple[ProcessView, ...]) -> SharedPort:
    rows = list(chain.from_iterable(view.server_side(port) for view in views))
    then = {end for view in views if (earlier := before(case, view)) is not None for end in left(port, earlier)}
    now = {end for view in views for end in left(port, view)}
    return SharedPort(port, views, close_wait(rows), len(rows), len(then) >= len(now) and now.isdisjoint(then))


def of_shared(ports: list[SharedPort]) -> Iterator[str]:
    """A sentence for each, without its full stop."""
    for one in ports:
        yield say(
            "{clients} of port {port} disconnected and {processes}{whose} that serve it together have not closed their side ({connections} in CLOSE_WAIT)",
            clients=plural(one.counts.total, "client"),
            port=one.port,
            processes=plural(len(one.views), "process", "processes"),
            whose=say(" of {command}", command=one.views[0].command) if one.views[0].command else "",
            connections=plural(one.counts.total, "connection"),
        )

"""Tables of two hosts in one text: the client's and the server's, one below the other.

A host that holds both ends of a connection shows both in its own table. Where each of two tables has one end alone, and no address of one is an
address of the other, they are of two hosts, whatever stands above them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.records import SocketRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.intake.parts import Part
    from parsers.records import Endpoint

_FEW: Final = tuple(range(2, 33))
"""Tables of one text that are held against each other."""

_PASTED: Final = 5000
"""Rows of a table that somebody put below another host's; of larger ones each has a file of its own."""


class _Ends(NamedTuple):
    """The connections of a table, and the addresses of its host."""

    pairs: frozenset[tuple[Endpoint, Endpoint]]
    hosts: frozenset[str]
    usual: str


def far_tables(parts: Sequence[Part]) -> Mapping[int, str]:
    """The number of each part that is a table of another host than the first table of the text, and that host's address."""
    found = [(number, rows) for number, part in enumerate(parts) if (rows := part.of(SocketRow))]
    if len(found) not in _FEW or max(len(rows) for _, rows in found) > _PASTED:
        return {}
    tables = {number: ends for number, rows in found if (ends := _ends(rows)) is not None}
    if len(tables) < _FEW[0]:
        return {}
    (_, home), *others = tables.items()
    far = {number: ends for number, ends in others if _mirrored(home, ends)}
    # What was read of a far host once more shows perhaps other connections.
    away = frozenset(host for ends in far.values() for host in ends.hosts)
    return {number: ends.usual for number, ends in others if number in far or (ends.hosts <= away and not ends.hosts & home.hosts)}


def _ends(rows: Sequence[SocketRow]) -> _Ends | None:
    """The connections of a table; None if it has none with two addresses."""
    pairs = frozenset(
        (row.local, row.remote)
        for row in rows
        if row.proto == "tcp"
        and row.remote is not None
        and not row.local.truncated
        and not row.remote.truncated
        and not row.local.is_loopback
    )
    hosts = Counter(local.host for local, _ in pairs)
    return _Ends(pairs, frozenset(hosts), hosts.most_common(1)[0][0]) if hosts else None


def _mirrored(one: _Ends, other: _Ends) -> bool:
    """True if each shows an end of a connection that both have, and nothing speaks for one host."""
    if one.hosts & other.hosts:
        return False
    return any((remote, local) in one.pairs for local, remote in other.pairs)

"""Rows with resolved names (lsof without -n) or cut addresses (netstat without -W): which whole rows show the same sockets."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from parsers.records import SocketRow, TcpState
from parsers.text.endpoint import is_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def join_loose(merged: dict[object, list[SocketRow]]) -> None:
    """Give rows with resolved names (lsof without -n) or cut addresses (netstat without -W) to the whole rows of the same sockets.

    One process and the same two ports make a pair. Where several clients happen to have the same port, what is left of the address, or what
    the other rows tell of the names, decides; if that does not, they stay apart.
    """
    loose = [
        key for key, rows in merged.items() if rows[0].remote is not None and rows[0].state is not TcpState.LISTEN and _is_loose(rows[0])
    ]
    if not loose:
        return
    whole: dict[tuple[int | None, int | None], list[object]] = {}
    for key, rows in merged.items():
        if rows[0].remote is not None and not _is_loose(rows[0]):
            whole.setdefault(_ports(rows[0]), []).append(key)
    found = {key: [one for one in whole.get(_ports(merged[key][0]), ()) if _same_owner(merged[key], merged[one])] for key in loose}
    names: dict[str, Counter[str]] = {}
    for key, keys in found.items():
        if len(keys) == 1:
            for name, address in zip(_hosts(merged[key][0]), _hosts(merged[keys[0]][0]), strict=True):
                names.setdefault(name, Counter())[address] += 1
    known = {name: counts.most_common(1)[0][0] for name, counts in names.items()}
    for key, keys in found.items():
        meant = keys if len(keys) == 1 else [one for one in keys if _is_same(merged[key][0], merged[one][0], known)]
        if len(meant) == 1:
            merged[meant[0]] += merged.pop(key)


def _is_loose(row: SocketRow) -> bool:
    """True if an end is a name, or a cut address."""
    ends = [end for end in (row.local, row.remote) if end is not None]
    return any(end.truncated or not (end.is_wildcard or is_address(end.host)) for end in ends)


def _is_same(loose: SocketRow, whole: SocketRow, known: Mapping[str, str]) -> bool:
    """True if both ends fit: by name as far as it is known, by the beginning of a cut address, or exactly."""
    ends = ((loose.local, whole.local), (loose.remote, whole.remote))
    return all(
        one is not None
        and other is not None
        and (other.host.startswith(one.host) if one.truncated else known.get(one.host, one.host) == other.host)
        for one, other in ends
    )


def _ports(row: SocketRow) -> tuple[int | None, int | None]:
    return row.local.port, row.remote.port if row.remote is not None else None


def _hosts(row: SocketRow) -> tuple[str, str]:
    return row.local.host, row.remote.host if row.remote is not None else ""


def _same_owner(one: Sequence[SocketRow], other: Sequence[SocketRow]) -> bool:
    """False only if both show owners, and different ones."""
    first, second = ({owner.pid for row in rows for owner in row.owners or ()} for rows in (one, other))
    return not first or not second or bool(first & second)

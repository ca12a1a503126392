"""Large socket tables: the usual rows are read by compiled code, all others by the reader of the format, in their order.

``rows`` (a class for each tool) and ``shapes`` → ``usual``. Where a compiler was at hand, ``compiled`` holds all as one module of C; else the readers get every row,
with the same results. Must not: know what a cell means; the readers say it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsers.sockets.kernel.usual import Usual


def reader_of(kind: str, reader: Any, records: list[Any]) -> Usual | None:
    """The compiled reader of a table of lsof, netstat or ss, which puts its rows into ``records``; None where nothing was compiled."""
    try:
        from parsers.sockets.kernel import compiled  # type: ignore[attr-defined]  # noqa: PLC0415 - not everywhere
    except ImportError:
        return None
    found: Usual = {"lsof": compiled.UsualLsof, "netstat": compiled.UsualNetstat, "ss": compiled.UsualSs}[kind](reader, records)
    return found


_KINDS: Final = {"lsof": 0, "netstat": 1, "ss": 2}


def skim() -> Callable[[str, bytes, int, int], int] | None:
    """What passes rows of a format in a text that is cut into outputs; None where nothing was compiled."""
    try:
        from parsers.sockets.kernel import compiled  # type: ignore[attr-defined]  # noqa: PLC0415 - not everywhere
    except ImportError:
        return None
    skimmed = compiled.skimmed
    return lambda name, data, at, stop: skimmed(_KINDS[name], data, at, min(stop, len(data))) if name in _KINDS else at

"""The kernel in both its forms: compiled, if this checkout has been built, and the same source interpreted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import parsers.capture.kernel
from parsers.capture import kernel
from parsers.capture.kernel import rows, walker

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsers.capture.kernel.walker import Walker

HOME = Path(parsers.capture.kernel.__file__).parent


def is_compiled() -> bool:
    """True if this checkout's kernel has been built."""
    return kernel.Walker is not walker.Walker


WALKERS: dict[str, Callable[..., Walker]] = {"interpreted": walker.Walker}
if is_compiled():
    WALKERS["compiled"] = kernel.Walker

SIDE = [name for name in rows.Side.__slots__ if name not in {"hole", "hole_end", "hole_time", "is_hole", "known"}]
FLOW = [name for name in rows.FlowRow.__slots__ if name != "sides"]


def told(walker: Walker) -> dict[str, Any]:
    """Everything that a walk found, as plain values."""
    counters = ("other", "fragments", "tunnelled", "cut", "damaged")
    attributes = (
        "kind",
        "packets",
        "fault",
        "offset",
        "earliest",
        "latest",
        "untimed",
        "unplaced",
        "dropped",
        "sliced",
        "lost",
        "snap",
        "links_seen",
        "strange",
    )
    table = walker.table
    return {
        **{name: getattr(walker, name) for name in attributes},
        **{name: getattr(walker.frames, name) for name in counters},
        "table": (table.segments, table.tracker.copies, table.dropped_clean, table.dropped_attempts, table.dropped_silent),
        "flows": [
            {
                **{name: getattr(flow, name) for name in FLOW},
                **{f"{number}.{name}": getattr(side, name) for number, side in enumerate(flow.sides) for name in SIDE},
            }
            for flow in (table.rows[place] for place in range(len(table.rows)))
        ],
        "texts": (table.tracker.lines, table.tracker.hosts, table.tracker.names),
    }


def walked(data: bytes, kernel: str = "interpreted", most: int = 1000, piece: int | None = None) -> Walker:
    """Feed ``data`` to a new walker of that kernel, in pieces of so many octets."""
    walker = WALKERS[kernel](most)
    step = piece or len(data) or 1
    rest = b""
    for start in range(0, len(data), step):
        rest += data[start : start + step]
        rest = rest[walker.feed(rest, len(rest)) :]
    return walker

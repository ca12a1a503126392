"""The kernel in both its forms: compiled, if this checkout has been built, and the same source interpreted."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import parsers.capture

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from parsers.capture.walker import Walker

HOME = Path(parsers.capture.__file__).parent
MODULES = ("octets", "frames", "payload", "flows", "table", "walker")


def interpreted() -> dict[str, ModuleType]:
    """The kernel's modules from their source, beside those that everybody else imports."""
    names = [f"parsers.capture.{module}" for module in MODULES]
    kept = {name: sys.modules.get(name) for name in names}
    try:
        for name, module in zip(names, MODULES, strict=True):
            spec = importlib.util.spec_from_file_location(name, HOME / f"{module}.py")
            assert spec is not None
            assert spec.loader is not None
            sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
        return {module: sys.modules[name] for name, module in zip(names, MODULES, strict=True)}
    finally:
        for name, old in kept.items():
            if old is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = old


def is_compiled() -> bool:
    """True if this checkout's kernel has been built."""
    return not str(importlib.import_module("parsers.capture.walker").__file__).endswith(".py")


PLAIN = interpreted()
WALKERS: dict[str, Callable[..., Walker]] = {"interpreted": PLAIN["walker"].Walker}
if is_compiled():
    WALKERS["compiled"] = importlib.import_module("parsers.capture.walker").Walker

SIDE = [name for name in PLAIN["flows"].Side.__slots__ if name not in {"hole", "hole_end", "hole_time", "is_hole", "known"}]
FLOW = [name for name in PLAIN["flows"].Flow.__slots__ if name not in {"lower", "upper"}]


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
                **{f"{end}.{name}": getattr(getattr(flow, end), name) for end in ("lower", "upper") for name in SIDE},
            }
            for flow in table.flows
        ],
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

"""The kernel's door. Where a compiler was at hand, a module of this name stands in front of this file: the same sources, compiled as one."""

from __future__ import annotations

from parsers.capture.walker import Walker

__all__ = ["Walker"]

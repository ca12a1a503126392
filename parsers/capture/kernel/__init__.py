"""The capture kernel: octets of a capture → flows of a table, one pass, no object a packet.

``walker`` (containers) → ``signs``, ``table`` → ``flows`` (connections) → ``rows``, ``bits``, ``frames``, ``payload``, ``octets``: each module knows those
behind it.
Where a compiler was at hand, ``compiled`` holds the same sources as one module of C; see BUILD.md. Else they run interpreted, slower, with the
same results. Must not: import anything of the project outside this folder. Use it through :class:`Walker` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parsers.capture.kernel.walker import Walker
else:
    try:
        from parsers.capture.kernel.compiled import Walker
    except ImportError:
        from parsers.capture.kernel.walker import Walker

__all__ = ["Walker"]

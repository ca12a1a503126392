"""Classes of a library that somebody's build has moved into a package of their own, so that two versions of it can live in one program (shading)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_DOMAINS: Final = (".com.", ".org.", ".net.", ".io.lettuce.", ".io.netty.", ".redis.clients.")
"""How names of libraries begin that may stand inside another name. Shorter beginnings are words that anybody's package may have."""


@lru_cache(maxsize=65536)
def before_moving(cls: str) -> str:
    """``net.moor.libs.org.postgresql.Driver`` → ``org.postgresql.Driver``: the name inside the name; empty if there is none."""
    starts = [at + 1 for domain in _DOMAINS if (at := cls.find(domain, 1)) > 0]
    return cls[min(starts) :] if starts else ""

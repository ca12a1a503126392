"""The head of the contract ``diagnosis/1``: the tool and the incident."""

from __future__ import annotations

import msgspec


class Tool(msgspec.Struct, frozen=True):
    """What made the report."""

    name: str
    version: str


class Incident(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """The span is ISO 8601, with a zone only if the evidence has one."""

    name: str
    hosts: tuple[str, ...]
    first: str | None
    last: str | None
    zone: str | None = None
    vm: str | None = None
    uptime: float | None = None
    kernel: str | None = None
    collected_by: int | None = None

"""The JSON of a history, ``history/1``: which causes are new, which came back, which go on, which are gone. Fields may be added, never changed."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

import msgspec

from analyzer.model.finding import Severity  # noqa: TC001 - msgspec reads the annotations

SCHEMA: Final = "history/1"


class State(StrEnum):
    """What a cause does within the span of time that was asked for."""

    NEW = "new"
    RETURNED = "returned"
    KNOWN = "known"
    GONE = "gone"


class Share(msgspec.Struct, frozen=True):
    """Incidents of a cause in one service and one version of its runtime, within the span and before it."""

    service: str | None
    version: str | None
    incidents: int
    before: int


class Cause(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """One fingerprint. ``gone_since``: for one that returned, its last incident before the span in which the service did without it."""

    fingerprint: str
    state: State
    rule: str | None
    severity: Severity | None
    headline: str
    frame: str | None
    incidents: int
    before: int
    first: str
    last: str
    gone_since: str | None
    shares: tuple[Share, ...]
    days: dict[str, int]
    """Day → incidents, within the span."""


class History(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """The span ends with the newest incident that is kept, whatever the clock says. ``undated``: those that state no time count when they were kept."""

    schema: Literal["history/1"]
    first: str
    last: str
    kept: int
    incidents: int
    undated: int
    causes: tuple[Cause, ...]
    days: dict[str, int]

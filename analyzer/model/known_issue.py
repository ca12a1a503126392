"""Defects of other software that the evidence resembles: what public trackers say of them, and whether the version fits."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from analyzer.model.finding import Confidence  # noqa: TC001 - msgspec reads the annotations when the classes are made


class Fit(StrEnum):
    """What the version in the evidence says: it has the defect, it has the fix, or no artifact states one version."""

    AFFECTED = "affected"
    FIXED = "fixed"
    UNKNOWN = "unknown"


class KnownIssue(msgspec.Struct, frozen=True, kw_only=True):
    """A defect that a public tracker knows, and the stack that looks like it. It is information only: no verdict rests on it.

    ``says`` compares the version of the evidence with the fixed ones. ``threads`` counts the threads on such a stack; the place is the first
    one's. ``finding`` is the id of the finding that it may be the deeper reason of, None if it stands alone. ``own``: a user's entry, not the tool's.
    """

    id: str
    title: str
    says: str
    product: str
    version: str | None
    fixed: tuple[str, ...]
    fit: Fit
    confidence: Confidence
    link: str
    workaround: str
    finding: str | None
    threads: int
    file: str
    first: int
    last: int
    own: bool = False

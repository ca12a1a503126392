"""One of the sides of a comparison: a report of ``diagnosis/1`` as far as it is compared. Other fields are passed over, so that older ones can be read."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from analyzer.model.finding import CloseWait, Confidence, Outcome, Severity, Status
from parsers import formats_showing
from parsers.records.shows import Shows

if TYPE_CHECKING:
    from collections.abc import Sequence


class Culprit(msgspec.Struct, frozen=True):
    """The parts of a culprit that tell two findings of a rule apart."""

    pool: str | None = None
    frame: str | None = None


class Finding(msgspec.Struct, frozen=True):
    """A finding as far as it is compared."""

    id: str
    rule: str
    severity: Severity
    confidence: Confidence
    headline: str
    culprit: Culprit = Culprit()
    consequence_of: str | None = None

    @property
    def key(self) -> str:
        """Equal for the same cause in the same code, on whatever host, port or day: as the verdict's fingerprint is made."""
        frame = (self.culprit.frame or "").partition("(")[0]
        pool = re.sub(r"\d+", "#", self.culprit.pool or "")
        return hashlib.sha256(f"{self.rule}\n{frame}\n{pool}".encode()).hexdigest()[:12]


class Table(msgspec.Struct, frozen=True):
    """Connections of one process on one port or towards one service."""

    snapshot: str
    local_port: int | None
    side: str | None
    states: dict[str, int]
    close_wait: CloseWait
    host: str | None = None
    pid: int | None = None


class Pool(msgspec.Struct, frozen=True):
    """A thread pool in one snapshot."""

    snapshot: str
    name: str
    role: str
    size: int
    busy: int
    doing: dict[str, int] = {}


class Stack(msgspec.Struct, frozen=True):
    """Threads with equal stacks."""

    snapshot: str
    count: int
    doing: str
    frames: tuple[str, ...]
    application_frame: str | None = None
    idle: bool = False
    gone: bool = False


class Taken(msgspec.Struct, frozen=True):
    """When a snapshot was taken."""

    snapshot: str
    time: str
    host: str | None = None


class Check(msgspec.Struct, frozen=True):
    """What became of a rule."""

    rule: str
    outcome: Outcome
    why: str = ""


class Input(msgspec.Struct, frozen=True):
    """A file that was read."""

    format: str | None = None
    records: int = 0


class Incident(msgspec.Struct, frozen=True, rename={"first": "from"}):
    """Name, first moment, and seconds for which the process ran."""

    name: str
    first: str | None = None
    uptime: float | None = None


class Verdict(msgspec.Struct, frozen=True):
    """The verdict in short."""

    status: Status
    headline: str
    severity: Severity | None = None
    rule: str | None = None


class Side(msgspec.Struct, frozen=True):
    """One of the diagnoses: a report of ``diagnosis/1``, as far as it is compared. Other fields are passed over."""

    incident: Incident
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    sockets: tuple[Table, ...] = ()
    pools: tuple[Pool, ...] = ()
    checked: tuple[Check, ...] = ()
    inputs: tuple[Input, ...] = ()
    stacks: tuple[Stack, ...] = ()
    moments: tuple[Taken, ...] = ()

    @property
    def kinds(self) -> frozenset[str]:
        """``threads`` and ``sockets``, as far as the files show them."""
        formats = {form for item in self.inputs if item.records for form in (item.format or "").split(" + ")}
        return frozenset(kind.value for kind in (Shows.THREADS, Shows.SOCKETS) if formats & formats_showing(kind))

    @property
    def trouble(self) -> tuple[Finding, ...]:
        """Findings that hurt, causes and consequences."""
        return tuple(finding for finding in self.findings if finding.severity is not Severity.INFO)

    def last(self, items: Sequence[Table] | Sequence[Pool] | Sequence[Stack]) -> set[str]:
        """The last snapshot that these are of."""
        names = {item.snapshot for item in items}
        return {max(names, key=lambda name: (int(name) if name.isdecimal() else 0, name))} if names else set()

    @property
    def servers(self) -> tuple[Table, ...]:
        """The served ports in the last snapshot."""
        served = [table for table in self.sockets if table.side == "server"]
        return tuple(table for table in served if table.snapshot in self.last(served))

    @property
    def now(self) -> tuple[Pool, ...]:
        """The pools in the last snapshot."""
        return tuple(pool for pool in self.pools if pool.snapshot in self.last(self.pools))

    @property
    def in_use(self) -> bool:
        """True if somebody is connected or a request thread works: without load no stall can show."""
        return any(table.states.get("ESTABLISHED") for table in self.servers) or any(
            pool.busy for pool in self.now if pool.role == "server"
        )

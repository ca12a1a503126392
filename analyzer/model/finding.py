"""What a diagnosis is made of: findings with their evidence, and the tables that stand beside them.

Everything here is plain data, ready to be shown; nothing refers back to parsers but the places of evidence. No finding is without any.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.model.groups import SocketGroup, StackGroup
    from analyzer.model.incident_facts import IncidentFacts
    from analyzer.model.inputs import Input
    from analyzer.model.known_issue import KnownIssue
    from analyzer.model.timeline import DescriptorLimit, Ending, FlowSummary, Moment, Patience, Turnover
    from parsers.records import Where


CAUSE_UNKNOWN: Final = frozenset({"pool-stuck"})
"""Rules whose findings name no cause: reports label them so."""


class Severity(StrEnum):
    """How much the finding hurts: critical (the service does not answer), warning (it grows or will hurt), info."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class Confidence(StrEnum):
    """How sure: certain (two independent artifacts, or one that proves it), likely, suspected (other causes show the same)."""

    CERTAIN = "certain"
    LIKELY = "likely"
    SUSPECTED = "suspected"

    @property
    def rank(self) -> int:
        """0 for the surest."""
        return list(Confidence).index(self)


class Basis(StrEnum):
    """What a link between a socket and a thread rests on, the strongest first."""

    DESCRIPTOR = "descriptor"
    NAME = "name"
    UNIQUE = "unique"
    POOL_PORT = "pool-port"
    FRAME_PORT = "frame-port"
    COUNT = "count"


class Evidence(msgspec.Struct, frozen=True):
    """A claim and the place that shows it. ``mark``: words to highlight in the excerpt; ``more``: how many further places show the same.

    ``others`` are these places, following lines as one, as far as they are known.
    ``inferred`` is a sentence for claims that rest on a conclusion, not on what the line says; None if the line says it.
    """

    where: Where
    says: str
    mark: tuple[str, ...] = ()
    more: int = 0
    inferred: str | None = None
    others: tuple[Where, ...] = ()


class Doubt(msgspec.Struct, frozen=True):
    """A reason to claim less, and how sure the finding may still be. ``code`` is for scripts; ``text`` completes "not certain, because …"."""

    code: str
    text: str
    ceiling: Confidence


class Kind(StrEnum):
    """The halves of the join that a conclusion from absence may rest on."""

    THREADS = "threads"
    SOCKETS = "sockets"


class Step(msgspec.Struct, frozen=True):
    """One link of a causal chain: ``actor`` ``verb`` what the next step's actor is; ``detail`` in a few words."""

    actor: str
    verb: str
    detail: str = ""
    evidence: tuple[Evidence, ...] = ()


class When(StrEnum):
    """When an action is due."""

    NOW = "now"
    FIX = "fix"
    PREVENT = "prevent"


class RecoversWhen(StrEnum):
    """What ends the trouble: a restart only; the load stopping; a time limit; whatever it waits for moving again; or the evidence does not tell."""

    RESTART = "restart"
    LOAD = "load"
    TIMEOUT = "timeout"
    CAUSE = "cause"
    UNKNOWN = "unknown"


class Outlook(msgspec.Struct, frozen=True):
    """Whether it heals by itself, and why: ``why`` is one sentence."""

    heals: RecoversWhen
    why: str


class Action(msgspec.Struct, frozen=True):
    """Something to do. ``command`` is a shell command, None if there is none."""

    when: When
    text: str
    command: str | None = None


class Missing(msgspec.Struct, frozen=True, order=True):
    """An artifact that is not here, what it would show, and the command that gets it."""

    artifact: str
    would_show: str
    command: str


class Process(msgspec.Struct, frozen=True):
    """A process as far as the evidence names it."""

    host: str | None = None
    pid: int | None = None
    command: str | None = None


class Culprit(msgspec.Struct, frozen=True, kw_only=True):
    """What to blame, each part None unless it applies. ``frame``: the first application frame, ``pkg.Class.method(File.java:12)``."""

    pool: str | None = None
    thread: str | None = None
    frame: str | None = None
    listener: str | None = None
    remote: str | None = None
    lock: str | None = None
    library: str | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One cause, or one consequence of another finding.

    ``headline`` is one complete sentence, ending in a full stop; ``explanation`` one paragraph: who waits for whom and why it does not
    recover. ``outlook`` says whether it heals by itself; where a finding has none the engine takes its rule's. ``waits_for``: another process of the evidence whose
    own trouble would explain this one. ``figures`` are the few numbers that tell the story, as (value, label). ``consequence_of`` is the rule of the finding
    that this one follows from; the engine turns it into the finding's id.

    Raises:
        ValueError: when there is no evidence.
    """

    rule: str
    severity: Severity
    confidence: Confidence
    headline: str
    explanation: str
    why_confident: str
    evidence: tuple[Evidence, ...]
    id: str = ""
    contradicted_by: tuple[str, ...] = ()
    process: Process | None = None
    culprit: Culprit = Culprit()
    consequence_of: str | None = None
    chain: tuple[Step, ...] = ()
    loop: bool = False
    ends_in: str | None = None
    """What a chain that is no loop ends in: whatever is waited for. The engine tells it."""
    outlook: Outlook | None = None
    waits_for: Process | None = None
    actions: tuple[Action, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()
    missing: tuple[Missing, ...] = ()
    absent: tuple[Kind, ...] = ()
    """What the claim concludes from not being shown. The engine doubts it where the artifact cannot show everything."""
    doubts: tuple[Doubt, ...] = ()
    """Reasons that lowered ``confidence``, the engine's own among them."""
    over: bool = False
    """True if an earlier snapshot shows it and the last one, with evidence of the same kinds, no longer does."""

    def __post_init__(self) -> None:
        """Refuse a claim that nothing shows."""
        if not self.evidence:
            raise ValueError(f"a finding needs evidence: {self.rule}")

    @property
    def cause_unknown(self) -> bool:
        """True for a finding that says what is stuck and where, not why."""
        return self.rule in CAUSE_UNKNOWN

    def has_doubt(self, *codes: str) -> bool:
        """True if one of its doubts has one of these codes."""
        return any(doubt.code in codes for doubt in self.doubts)


class Outcome(StrEnum):
    """What became of a rule: found, clean (looked, and it is not so), skipped (input was missing), fault (the rule broke)."""

    FOUND = "found"
    CLEAN = "clean"
    SKIPPED = "skipped"
    FAULT = "fault"


class Check(msgspec.Struct, frozen=True):
    """A rule's outcome and the reason in one line."""

    rule: str
    outcome: Outcome
    why: str


class Status(StrEnum):
    """The verdict in one word. Insufficient: the evidence supports neither a cause nor health."""

    PROBLEM = "problem"
    HEALTHY = "healthy"
    INSUFFICIENT = "insufficient"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The highest finding that is no consequence of another, or what the evidence supports instead."""

    status: Status
    finding: str | None
    rule: str | None
    severity: Severity | None
    confidence: Confidence | None
    headline: str
    summary: str
    fingerprint: str
    pid: int | None = None
    host: str | None = None
    calm: bool = False
    """Of too little evidence for health: nothing is wrong in what it shows."""


class CloseWait(msgspec.Struct, frozen=True):
    """CLOSE_WAIT sockets by what their Recv-Q says (it counts the FIN).

    ``fin_only`` (1): all was read, the FIN was not. ``unread`` (over 1): request bytes were never read. ``drained`` (0): read past the
    FIN. ``unaccepted``: inode 0, still in the accept queue (these count in no other class). ``total`` also has those of unknown queue.
    """

    total: int = 0
    fin_only: int = 0
    unread: int = 0
    drained: int = 0
    unaccepted: int = 0


class SocketTable(msgspec.Struct, frozen=True, kw_only=True):
    """Connections of one process on one local port (``side`` server) or towards one remote service (``side`` client)."""

    snapshot: str
    host: str | None
    pid: int | None
    command: str | None
    local_port: int | None
    side: str | None
    remote: str | None
    states: dict[str, int]
    close_wait: CloseWait


class PoolTable(msgspec.Struct, frozen=True, kw_only=True):
    """A thread pool in one snapshot: ``doing`` counts its threads by what they wait for or do."""

    snapshot: str
    host: str | None
    pid: int | None
    name: str
    role: str
    size: int
    busy: int
    idle: int
    listener: str | None
    doing: dict[str, int]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A socket and the thread (or, if only that is known, the pool) that serves, calls over, holds or left it queued."""

    snapshot: str
    host: str | None
    pid: int | None
    role: str
    local: str
    remote: str | None
    state: str | None
    inode: int | None
    thread: str | None
    tid: int | None
    pool: str | None
    basis: Basis
    confidence: Confidence


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Who waits for whom: a thread on an object, its holder if known, and what the claim rests on."""

    snapshot: str
    waiter: str
    waiter_pool: str | None
    on: str
    object: str | None
    holder: str | None
    holder_pool: str | None
    basis: str
    confidence: Confidence


class SessionFact(msgspec.Struct, frozen=True, kw_only=True):
    """A session as the far side lists it: ``since`` in seconds before that, ``local`` our socket behind it, ``statement`` with ``?`` for literals."""

    server: str
    id: str
    client: str | None
    local: str | None
    thread: str | None
    state: str
    since: float | None
    waits_on: str | None
    blocked_by: tuple[str, ...]
    statement: str | None


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a report may say.

    ``excerpts`` has the lines behind each place of evidence; ``notes`` are warnings about the evidence; ``moments``, ``limits`` and ``turnover`` are
    what a chart over time needs, ``patience`` one of clients that gave up, ``endings`` one of who closes first.
    """

    incident: IncidentFacts
    verdict: Verdict
    findings: tuple[Finding, ...]
    sockets: tuple[SocketTable, ...]
    pools: tuple[PoolTable, ...]
    links: tuple[Link, ...]
    waits: tuple[Wait, ...]
    flows: tuple[FlowSummary, ...]
    checked: tuple[Check, ...]
    missing: tuple[Missing, ...]
    inputs: tuple[Input, ...]
    excerpts: dict[Where, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    moments: tuple[Moment, ...] = ()
    patience: tuple[Patience, ...] = ()
    endings: tuple[Ending, ...] = ()
    limits: tuple[DescriptorLimit, ...] = ()
    turnover: tuple[Turnover, ...] = ()
    sessions: tuple[SessionFact, ...] = ()
    stacks: tuple[StackGroup, ...] = ()
    socket_groups: tuple[SocketGroup, ...] = ()
    known_issues: tuple[KnownIssue, ...] = ()
    clocks: tuple[str, ...] = ()
    """When files were saved by the clock of a capture, where their own times agree with it."""
    heads: dict[Where, str] = msgspec.field(default_factory=dict)
    """The heading of the table that a place is a row of."""

    def finding(self, ident: str | None) -> Finding | None:
        """The finding of that id, None if there is none."""
        return next((finding for finding in self.findings if finding.id == ident), None)

    @property
    def primary(self) -> Finding | None:
        """The finding that the verdict rests on."""
        return self.finding(self.verdict.finding)


def order_of(finding: Finding) -> tuple[int, int, int, str, Sequence[object]]:
    """Sort key: severity, confidence, how many doubts, rule, in how many places its evidence shows one thing, first evidence."""
    where, most = finding.evidence[0].where, max(one.more for one in finding.evidence)
    place = (-most, where.file, where.first, finding.headline)
    return finding.severity.rank, finding.confidence.rank, len(finding.doubts), finding.rule, place

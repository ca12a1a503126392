"""The versioned JSON contract, ``diagnosis/1``: what scripts rely on. Fields may be added within version 1, never changed.

Unknown is null, none is [] or 0; addresses and native ids are strings. The structs below are the contract, and its JSON Schema is
made from them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from analyzer.model.finding import Basis, CloseWait, Confidence, Outcome, Process, RecoversWhen, Severity, Verdict, When  # noqa: TC001

# msgspec reads the annotations when the classes are made, so these are needed at run time.
from analyzer.model.known_issue import KnownIssue  # noqa: TC001
from analyzer.model.timeline import DescriptorLimit, Ending, FlowSummary, Moment, Patience, Turnover  # noqa: TC001
from parsers.records import Unit  # noqa: TC001
from reports.contract.groups_v1 import Place, SocketGroup, Stack, socket_group_of, stack_of
from reports.contract.head_v1 import Incident, Tool

if TYPE_CHECKING:
    from typing import TypeVar

    from analyzer.model import finding as model
    from analyzer.model import inputs
    from analyzer.model.finding import Diagnosis

    StructT = TypeVar("StructT", bound=msgspec.Struct)

SCHEMA: Literal["diagnosis/1"] = "diagnosis/1"
NAME = "closewait"
_UNSAFE = re.compile(r"[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\U000e0000-\U000e007f]")


class Evidence(msgspec.Struct, frozen=True):
    """A claim and the place that shows it; ``more`` further places show the same, ``inferred`` says what it was concluded from.

    ``others`` are these places, following lines as one, where they are known.
    """

    file: str
    first: int
    last: int
    unit: Unit
    says: str
    excerpt: tuple[str, ...]
    mark: tuple[str, ...]
    more: int
    inferred: str | None
    head: str | None = None
    others: tuple[Place, ...] = ()


class Culprit(msgspec.Struct, frozen=True):
    """What to blame; each part null unless it applies."""

    pool: str | None
    thread: str | None
    frame: str | None
    listener: str | None
    remote: str | None
    lock: str | None
    library: str | None


class Step(msgspec.Struct, frozen=True):
    """One link of the causal chain."""

    actor: str
    verb: str
    detail: str
    evidence: tuple[Evidence, ...]


class Action(msgspec.Struct, frozen=True):
    """Something to do."""

    when: When
    text: str
    command: str | None


class Missing(msgspec.Struct, frozen=True):
    """An artifact that is not here."""

    artifact: str
    would_show: str
    command: str


class Figure(msgspec.Struct, frozen=True):
    """A number that tells the story."""

    value: str
    label: str


class Outlook(msgspec.Struct, frozen=True):
    """Whether it heals by itself (restart: only then; load: when the load stops; timeout; cause: when what it waits for moves; unknown), and why."""

    heals: RecoversWhen
    why: str


class Doubt(msgspec.Struct, frozen=True):
    """A reason why the finding is not surer. ``code`` stays the same in every language."""

    code: str
    text: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A cause, or a consequence of another finding."""

    id: str
    rule: str
    severity: Severity
    confidence: Confidence
    headline: str
    explanation: str
    why_confident: str
    contradicted_by: tuple[str, ...]
    process: Process | None
    culprit: Culprit
    consequence_of: str | None
    chain: tuple[Step, ...]
    loop: bool
    actions: tuple[Action, ...]
    evidence: tuple[Evidence, ...]
    outlook: Outlook | None
    figures: tuple[Figure, ...]
    missing: tuple[Missing, ...]
    doubts: tuple[Doubt, ...] = ()
    ends_in: str | None = None


class Sockets(msgspec.Struct, frozen=True):
    """Connections of one process on one local port or towards one remote service, counted by state."""

    snapshot: str
    host: str | None
    pid: int | None
    command: str | None
    local_port: int | None
    side: str | None
    remote: str | None
    states: dict[str, int]
    close_wait: CloseWait


class Pool(msgspec.Struct, frozen=True):
    """A thread pool in one snapshot."""

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


class Link(msgspec.Struct, frozen=True):
    """A socket and its thread or pool, and what the link rests on."""

    snapshot: str
    host: str | None
    pid: int | None
    role: str
    local: str
    remote: str | None
    state: str | None
    inode: int | None
    thread: str | None
    tid: str | None
    pool: str | None
    basis: Basis
    confidence: Confidence


class Session(msgspec.Struct, frozen=True):
    """A session of a database, pooler or proxy. ``since``: seconds before its list was taken. ``local``, ``thread``: ours behind it, if it is ours."""

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


class Wait(msgspec.Struct, frozen=True):
    """Who waits for whom."""

    snapshot: str
    waiter: str
    waiter_pool: str | None
    on: str
    object: str | None
    holder: str | None
    holder_pool: str | None
    basis: str
    confidence: Confidence


class Checked(msgspec.Struct, frozen=True):
    """A rule's outcome."""

    rule: str
    outcome: Outcome
    why: str


class Unread(msgspec.Struct, frozen=True):
    """A run of ``lines`` lines that nobody understood; ``line`` is the first."""

    line: int
    why: str
    lines: int


class Input(msgspec.Struct, frozen=True):
    """A file; ``format`` null if unknown, ``elided`` places where lines were cut out, ``sha256`` empty (and ``sha256_head`` of 64 MiB) for large captures."""

    file: str
    format: str | None
    records: int
    unread: tuple[Unread, ...]
    sha256: str
    bytes: int
    snapshot: str | None
    elided: int
    note: str | None
    sha256_head: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A diagnosis. ``notes`` are warnings about the evidence; ``cut`` says what a report left out of its copy (never this format)."""

    schema: Literal["diagnosis/1"]
    tool: Tool
    incident: Incident
    verdict: Verdict
    findings: tuple[Finding, ...]
    sockets: tuple[Sockets, ...]
    pools: tuple[Pool, ...]
    links: tuple[Link, ...]
    waits: tuple[Wait, ...]
    flows: tuple[FlowSummary, ...]
    checked: tuple[Checked, ...]
    missing: tuple[Missing, ...]
    inputs: tuple[Input, ...]
    patience: tuple[Patience, ...]
    endings: tuple[Ending, ...]
    turnover: tuple[Turnover, ...]
    notes: tuple[str, ...]
    cut: tuple[str, ...]
    sessions: tuple[Session, ...] = ()
    stacks: tuple[Stack, ...] = ()
    socket_groups: tuple[SocketGroup, ...] = ()
    moments: tuple[Moment, ...] = ()
    limits: tuple[DescriptorLimit, ...] = ()
    known_issues: tuple[KnownIssue, ...] = ()
    clocks: tuple[str, ...] = ()


def render(diagnosis: Diagnosis, version: str) -> str:
    """The whole diagnosis, two blanks of indent, keys in the contract's order."""
    return msgspec.json.format(encode(report(diagnosis, version)), indent=2) + "\n"


def schema() -> str:
    """The JSON Schema (2020-12) of the format."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **msgspec.json.schema(Report)}
    return msgspec.json.format(msgspec.json.encode(made), indent=2).decode() + "\n"


def encode(made: msgspec.Struct) -> str:
    """Compact JSON without a raw character that a terminal or an editor would act on: those are written as escapes."""
    try:
        text = msgspec.json.encode(made, enc_hook=str).decode()
    except UnicodeEncodeError:
        text = msgspec.json.encode(_decodable(msgspec.to_builtins(made, enc_hook=str))).decode()
    return text if text.isascii() else _UNSAFE.sub(_escaped, text)


def report(diagnosis: Diagnosis, version: str, cut: tuple[str, ...] = ()) -> Report:
    """The contract's structs, filled."""
    return Report(
        schema=SCHEMA,
        tool=Tool(NAME, version),
        incident=_same(Incident, diagnosis.incident),
        verdict=diagnosis.verdict,
        findings=tuple(_finding(item, diagnosis) for item in diagnosis.findings),
        sockets=tuple(_same(Sockets, table) for table in diagnosis.sockets),
        pools=tuple(_same(Pool, table) for table in diagnosis.pools),
        links=tuple(_link(link) for link in diagnosis.links),
        waits=tuple(_same(Wait, wait) for wait in diagnosis.waits),
        sessions=tuple(_same(Session, session) for session in diagnosis.sessions),
        stacks=tuple(stack_of(group) for group in diagnosis.stacks),
        socket_groups=tuple(socket_group_of(group) for group in diagnosis.socket_groups),
        flows=diagnosis.flows,
        checked=tuple(_same(Checked, check) for check in diagnosis.checked),
        missing=tuple(_same(Missing, gap) for gap in diagnosis.missing),
        inputs=tuple(_input(item) for item in diagnosis.inputs),
        patience=diagnosis.patience,
        endings=diagnosis.endings,
        turnover=diagnosis.turnover,
        notes=diagnosis.notes,
        cut=cut,
        moments=diagnosis.moments,
        limits=diagnosis.limits,
        known_issues=diagnosis.known_issues,
        clocks=diagnosis.clocks,
    )


def _same(cls: type[StructT], item: msgspec.Struct) -> StructT:
    """A contract struct whose fields are all found under the same names."""
    return cls(*(getattr(item, field) for field in cls.__struct_fields__))


def _finding(item: model.Finding, diagnosis: Diagnosis) -> Finding:
    return Finding(
        id=item.id,
        rule=item.rule,
        severity=item.severity,
        confidence=item.confidence,
        headline=item.headline,
        explanation=item.explanation,
        why_confident=item.why_confident,
        contradicted_by=item.contradicted_by,
        process=item.process,
        culprit=_same(Culprit, item.culprit),
        consequence_of=item.consequence_of,
        chain=tuple(Step(step.actor, step.verb, step.detail, _evidence(step.evidence, diagnosis)) for step in item.chain),
        loop=item.loop,
        actions=tuple(_same(Action, action) for action in item.actions),
        evidence=_evidence(item.evidence, diagnosis),
        outlook=None if item.outlook is None else _same(Outlook, item.outlook),
        figures=tuple(Figure(value, label) for value, label in item.figures),
        missing=tuple(_same(Missing, gap) for gap in item.missing),
        ends_in=item.ends_in,
        doubts=tuple(Doubt(doubt.code, doubt.text) for doubt in item.doubts),
    )


def _evidence(items: tuple[model.Evidence, ...], diagnosis: Diagnosis) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            file=item.where.file,
            first=item.where.first,
            last=item.where.last,
            unit=item.where.unit,
            says=item.says,
            excerpt=diagnosis.excerpts.get(item.where, ()),
            mark=item.mark,
            more=item.more,
            inferred=item.inferred,
            head=diagnosis.heads.get(item.where),
            others=tuple(Place(place.file, place.first, place.last) for place in item.others),
        )
        for item in items
    )


def _link(link: model.Link) -> Link:
    fields = {field: getattr(link, field) for field in Link.__struct_fields__}
    return Link(**{**fields, "tid": None if link.tid is None else str(link.tid)})


def _input(item: inputs.Input) -> Input:
    fields = {field: getattr(item, field) for field in Input.__struct_fields__}
    return Input(**{**fields, "unread": tuple(_same(Unread, run) for run in item.unread)})


def _escaped(match: re.Match[str]) -> str:
    """The character as JSON escapes it: one or two UTF-16 units."""
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _decodable(value: object) -> object:
    """Plain data with the lone surrogates of undecodable names replaced, which JSON in UTF-8 cannot hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_decodable(key): _decodable(item) for key, item in value.items()}
    return [_decodable(item) for item in value] if isinstance(value, list | tuple) else value

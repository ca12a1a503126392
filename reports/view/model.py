"""The view: what every format prints, already worded, counted, ordered and cut. Renderers add markup and nothing else."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec


class Piece(msgspec.Struct, frozen=True):
    """A run of text: prose, an identifier, a decisive word of an excerpt, or a frame of the application."""

    text: str
    kind: Literal["", "code", "mark", "app"] = ""


Words: TypeAlias = tuple[Piece, ...]


class Figure(msgspec.Struct, frozen=True):
    """A number that tells the story, and what it counts."""

    value: str
    label: str


class Todo(msgspec.Struct, frozen=True):
    """One thing to do. ``command`` is empty if there is none."""

    words: Words
    command: str


HEALS: Final = "heals"
"""The kind of an agenda's last part: whether it heals by itself, which is no action."""


class Agenda(msgspec.Struct, frozen=True):
    """What to do at one time. ``kind`` is now, fix, prevent or ``HEALS``; ``when`` says it to readers."""

    kind: str
    when: str
    todos: tuple[Todo, ...]


class Proof(msgspec.Struct, frozen=True):
    """A claim, the place that shows it, the lines there. ``id`` is E1…; empty below findings that have no number of their own."""

    id: str
    says: Words
    place: str
    more: str
    others: str
    """The further places, for a tooltip; empty where they are not known."""
    head: str
    """The heading of the table that is quoted; empty if it is none."""
    excerpt: tuple[Words, ...]
    left_out: str
    inferred: str


class Node(msgspec.Struct, frozen=True):
    """An actor of the chain, and the edge that leaves it. ``proofs`` are ids of evidence."""

    actor: Words
    note: str
    verb: str
    detail: Words
    proofs: tuple[str, ...]
    end: bool = False
    """True for the last node of a chain that is no loop: what everything waits for. It has no edge; ``verb`` and ``detail`` say what it does."""


class Case(msgspec.Struct, frozen=True):
    """A finding with all that is known about it."""

    id: str
    rule: str
    word: str
    """The severity as readers see it; ``confidence`` likewise."""
    grave: bool
    """False for what is information only."""
    confidence: str
    headline: str
    explanation: Words
    why: str
    against: tuple[str, ...]
    follows: str
    who: str
    agenda: tuple[Agenda, ...]
    chain: tuple[Node, ...]
    loop: bool
    loop_from: int
    """The node that the loop goes back to: what stands before it waits for the loop."""
    closing: Words
    proofs: tuple[Proof, ...]
    cut: str
    told: bool
    """True when the page tells this finding in full above the list of all."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A known defect that a stack looks like: a sentence with versions, what the defect is, what helps, where to read on."""

    id: str
    says: str
    title: str
    note: str
    """How sure, how many threads, beside which finding."""
    workaround: str
    link: str
    place: str


class Bar(msgspec.Struct, frozen=True):
    """A bar: ``percent`` of the full width, ``hot`` in the signal colour."""

    label: str
    value: str
    percent: str
    hot: bool


class SocketChart(msgspec.Struct, frozen=True):
    """Connections of one process on one port, by state; ``split`` says in words what CLOSE_WAIT consists of."""

    caption: str
    bars: tuple[Bar, ...]
    split: str


class Point(msgspec.Struct, frozen=True):
    """A snapshot in the line chart, in units of its view box."""

    x: str
    y: str
    value: str
    label: str


class Trend(msgspec.Struct, frozen=True):
    """CLOSE_WAIT over time."""

    caption: str
    points: tuple[Point, ...]
    line: str
    first: Point
    last: Point
    limit: Point | None = None
    """The limit of descriptors, where it is near enough to be drawn."""


class BarChart(msgspec.Struct, frozen=True):
    """Counts of one server: how long its clients waited before they gave up, or who closed its connections."""

    caption: str
    bars: tuple[Bar, ...]


class PoolChart(msgspec.Struct, frozen=True):
    """A thread pool: how many of its threads are busy, and with what."""

    name: str
    busy: str
    doing: str
    bar: Bar


class Rung(msgspec.Struct, frozen=True):
    """A line of the packet ladder: ``way`` is out (client to server), back, gap or missing. ``y`` in units of the view box."""

    way: Literal["out", "back", "gap", "missing"]
    text: str
    y: int


class Ladder(msgspec.Struct, frozen=True):
    """One connection of a capture, the one that tells most."""

    caption: str
    client: str
    server: str
    rungs: tuple[Rung, ...]
    height: int


class Checked(msgspec.Struct, frozen=True):
    """Rules with the same outcome and the same reason."""

    rules: tuple[str, ...]
    why: str


class Gap(msgspec.Struct, frozen=True):
    """An artifact that is missing."""

    artifact: str
    would_show: str
    command: str


class Source(msgspec.Struct, frozen=True):
    """A file that was read. ``unread`` says which lines were not understood; ``sum`` is a line as sha256sum prints it, or says what was hashed."""

    file: str
    kind: str
    size: str
    records: str
    unread: tuple[str, ...]
    unread_lines: str
    remarks: str
    sha256: str
    sum: str
    known: bool


class Row(msgspec.Struct, frozen=True):
    """A row of a table with three columns."""

    first: str
    second: str
    third: str


class Table(msgspec.Struct, frozen=True):
    """A table that may have been cut; ``rest`` then says how much is not shown."""

    head: Row
    rows: tuple[Row, ...]
    rest: str


class Course(msgspec.Struct, frozen=True):
    """Threads with the same course: a letter for each dump, how many they are, their names."""

    cells: tuple[str, ...]
    count: str
    names: str


class StackView(msgspec.Struct, frozen=True, kw_only=True):
    """Threads with equal stacks: one line, and below it the stack (the waiting frame first), its place, and the threads dump by dump."""

    title: str
    note: str
    told: bool
    """True where the verdict speaks of these threads."""
    place: str
    frames: tuple[Words, ...]
    frames_rest: str
    heads: tuple[str, ...]
    rows: tuple[Course, ...]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report, top to bottom. Empty text or tuple: there is nothing to say."""

    status: Literal["problem", "healthy", "insufficient"]
    word: str
    alarm: bool
    incident: str
    meta: tuple[str, ...]
    facts: tuple[str, ...]
    """The runtime, how long the process runs, the kernel, who collected."""
    headline: str
    summary: Words
    warnings: tuple[str, ...]
    rivals: str
    figures: tuple[Figure, ...]
    cases: tuple[Case, ...]
    """The causes that the page tells in full, the verdict's first."""
    followed: tuple[Case, ...]
    also: tuple[Case, ...]
    known: tuple[Known, ...]
    """Known defects of other software that a stack looks like: information only."""
    findings: tuple[Case, ...]
    findings_rest: str
    last_id: str
    """The id of the last finding, shown or not; empty without any."""
    sockets: tuple[SocketChart, ...]
    sockets_rest: str
    trend: Trend | None
    trend_note: str
    patience: tuple[BarChart, ...]
    endings: tuple[BarChart, ...]
    pools_title: str
    pools: tuple[PoolChart, ...]
    pools_rest: str
    ladder: Ladder | None
    clean: tuple[Checked, ...]
    skipped: tuple[Checked, ...]
    faults: tuple[Checked, ...]
    checked_note: str
    """How many causes were checked and do not fit, and how many lacked input, as one line."""
    missing: tuple[Gap, ...]
    sources: tuple[Source, ...]
    sources_note: str
    clocks: tuple[str, ...]
    """How the files' times lie to the clock of a capture."""
    stacks: tuple[StackView, ...]
    stacks_rest: str
    stacks_legend: str
    connections: Table | None
    """Sockets by far host, state and queue."""
    waits: Table | None
    links: Table | None
    command: str
    tool: str
    fingerprint: str
    data: str = ""
    """The embedded JSON, compact and possibly cut; empty until the page asks for it."""

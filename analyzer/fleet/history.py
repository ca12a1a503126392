"""What was seen before: incidents, findings and counts in one file of SQLite.

The file is in WAL mode, and each run is one transaction that waits for its turn: two writers at once lose nothing. ``PRAGMA user_version`` is
the version of the schema; an older file is migrated forward when it is opened, a newer one is refused. The same bytes are one incident, wherever they lie.
"""

from __future__ import annotations

import re
import sqlite3
from bisect import bisect_left
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.model.errors import UsageError
from analyzer.model.finding import Severity, Status
from analyzer.model.message import say
from reports.fleet.history import SCHEMA, Cause, History, Share, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from reports.fleet.contract import Row

MIGRATIONS: Final = (
    """
    CREATE TABLE incident (
        key TEXT PRIMARY KEY, path TEXT NOT NULL, name TEXT NOT NULL, host TEXT, pid INTEGER, service TEXT, version TEXT,
        moment TEXT NOT NULL, dated INTEGER NOT NULL,
        status TEXT NOT NULL, rule TEXT, severity TEXT, confidence TEXT, headline TEXT NOT NULL, frame TEXT, fingerprint TEXT NOT NULL
    );
    CREATE TABLE finding (
        key TEXT NOT NULL REFERENCES incident(key) ON DELETE CASCADE, place INTEGER NOT NULL,
        rule TEXT NOT NULL, severity TEXT NOT NULL, confidence TEXT NOT NULL, frame TEXT, consequence INTEGER NOT NULL,
        PRIMARY KEY (key, place)
    );
    """,
    """
    CREATE TABLE count (
        key TEXT NOT NULL REFERENCES incident(key) ON DELETE CASCADE, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (key, name)
    );
    CREATE INDEX incident_by_cause ON incident (fingerprint, moment);
    CREATE INDEX incident_by_service ON incident (service, moment);
    """,
)
"""Each brings the schema one version further; a version is never changed once it was released."""
GONE_FOR: Final = timedelta(days=1)
"""A cause is gone if its service was seen without it for so long; hosts of one service differ within a day."""
_PATIENCE: Final = 60.0  # seconds that a writer waits for another one
_SPAN: Final = re.compile(r"(?P<number>\d{1,5})(?P<unit>[hdw])")
_HOURS: Final = {"h": 1, "d": 24, "w": 168}
_COLUMNS: Final = (
    *("key", "path", "name", "host", "pid", "service", "version", "moment", "dated"),
    *("status", "rule", "severity", "confidence", "headline", "frame", "fingerprint"),
)


class Kept(NamedTuple):
    """An incident as far as a history compares it. ``moment``: what the evidence states, else when it was kept."""

    key: str
    service: str | None
    version: str | None
    moment: str
    dated: bool
    status: str
    rule: str | None
    severity: str | None
    headline: str
    frame: str | None
    fingerprint: str

    @property
    def day(self) -> str:
        """The date."""
        return self.moment[:10]


class Store:
    """The file."""

    def __init__(self, file: Path) -> None:
        """Open or make it, and bring its schema up to date.

        Raises:
            UsageError: if it is none of ours, or of a later version of this tool, or cannot be opened.
        """
        self._file = file
        try:
            self._base = sqlite3.connect(file, timeout=_PATIENCE, isolation_level=None)
        except sqlite3.Error as error:
            raise UsageError(say("--store: {file}: {error}", file=file, error=error)) from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._base.close()
            raise UsageError(say("--store: {file}: {error}", file=file, error=error)) from error
        except UsageError:
            self._base.close()
            raise

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Let go of it."""
        self._base.close()

    def _prepare(self) -> None:
        self._base.execute("PRAGMA foreign_keys = ON")
        self._base.execute("BEGIN IMMEDIATE")
        try:
            for number in range(self._version(), len(MIGRATIONS)):
                for statement in MIGRATIONS[number].split(";"):
                    self._base.execute(statement)
                self._base.execute(f"PRAGMA user_version = {number + 1}")
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")
        self._base.execute("PRAGMA journal_mode = WAL")

    def _version(self) -> int:
        """The version of the file's schema, 0 for an empty file."""
        version: int = self._base.execute("PRAGMA user_version").fetchone()[0]
        (tables,) = self._base.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()
        if version > len(MIGRATIONS):
            raise UsageError(
                say(
                    "--store: {file} was made by a later version of this tool (schema {version}, known: {known})",
                    file=self._file,
                    version=version,
                    known=len(MIGRATIONS),
                )
            )
        if version == 0 and tables:
            raise UsageError(say("--store: {file} is a database of something else", file=self._file))
        return version

    def known(self, rows: Mapping[str, Row]) -> dict[str, str]:
        """Fingerprint → "new", "known" or "returned", for the problems of a run (key → row), against what was kept before."""
        kept = [one for one in self.incidents() if one.key not in rows]
        timeline = Timeline(kept)
        said: dict[str, str] = {}
        for fingerprint in {row.fingerprint for row in rows.values() if row.status is Status.PROBLEM and row.fingerprint}:
            now = [(row.first or _now(), row.service) for row in rows.values() if row.fingerprint == fingerprint]
            before = [one for one in kept if one.fingerprint == fingerprint]
            if not before:
                said[fingerprint] = State.NEW.value
                continue
            gone = False
            for moment, service in now:
                last = max((one.moment for one in before if one.service == service and one.moment < moment), default=None)
                gone = gone or (last is not None and timeline.was_gone(fingerprint, service, last, moment))
            said[fingerprint] = (State.RETURNED if gone else State.KNOWN).value
        return said

    def keep(self, rows: Mapping[str, Row]) -> None:
        """Write the incidents of a run; what was kept of the same bytes is replaced.

        Raises:
            UsageError: if it cannot be written to.
        """
        try:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                for key, row in rows.items():
                    if row.error is None:
                        self._write(key, row)
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")
        except sqlite3.Error as error:
            raise UsageError(say("--store: {file}: {error}", file=self._file, error=error)) from error

    def _write(self, key: str, row: Row) -> None:
        old = self._base.execute("SELECT moment FROM incident WHERE key = ? AND dated = 0", (key,)).fetchone()
        values = (
            *(key, _text(row.path), _text(row.name), _text(row.host), row.pid, _text(row.service), _text(row.version)),
            *(row.first or (old[0] if old else _now()), int(row.first is not None)),
            *(row.status, row.rule, row.severity, row.confidence, _text(row.headline), _text(row.frame), row.fingerprint),
        )
        self._base.execute("DELETE FROM incident WHERE key = ?", (key,))
        marks = ", ".join("?" * len(_COLUMNS))
        self._base.execute(f"INSERT INTO incident ({', '.join(_COLUMNS)}) VALUES ({marks})", values)  # noqa: S608 - names of ours alone
        self._base.executemany(
            "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (key, place, one.rule, one.severity, one.confidence, _text(one.frame), int(one.consequence))
                for place, one in enumerate(row.findings)
            ],
        )
        self._base.executemany("INSERT INTO count VALUES (?, ?, ?)", [(key, name, value) for name, value in row.counts.items()])

    def incidents(self) -> list[Kept]:
        """Everything that is kept, in the order of time."""
        wanted = ", ".join(Kept._fields)
        rows = self._base.execute(f"SELECT {wanted} FROM incident ORDER BY moment, key").fetchall()  # noqa: S608 - names of ours alone
        return [Kept(*row)._replace(dated=bool(row[4])) for row in rows]


def _text(value: str | None) -> str | None:
    """The text without the lone surrogates of undecodable names, which SQLite does not take."""
    return None if value is None else value.encode("utf-8", "replace").decode()


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def _time(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=None)


class Timeline:
    """Every incident of each service, in the order of time."""

    def __init__(self, kept: Iterable[Kept]) -> None:
        """``kept`` in the order of time; what was not enough evidence shows neither a cause nor its absence."""
        self._of: dict[str | None, list[Kept]] = defaultdict(list)
        for one in kept:
            if one.status != Status.INSUFFICIENT.value:
                self._of[one.service].append(one)
        self._moments = {service: [one.moment for one in inside] for service, inside in self._of.items()}

    def was_gone(self, cause: str, service: str | None, last: str, again: str) -> bool:
        """True if the service was seen without the cause between its incidents at ``last`` and ``again``: a day or more later, healthy or with another cause."""
        moments = self._moments.get(service, [])
        start = bisect_left(moments, (_time(last) + GONE_FOR).isoformat())
        between = self._of[service][start : bisect_left(moments, again)]
        return any(one.fingerprint != cause for one in between)


def span_of(text: str) -> timedelta:
    """``30d``, ``12h``, ``4w``.

    Raises:
        UsageError: for anything else.
    """
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or int(found["number"]) == 0:
        raise UsageError(say("--since: {text!r} is no span of time; say 12h, 30d or 4w", text=text))
    return timedelta(hours=int(found["number"]) * _HOURS[found["unit"]])


def history(kept: Sequence[Kept], span: timedelta) -> History:
    """What became of each cause within ``span`` before the newest incident."""
    if not kept:
        return History(schema=SCHEMA, first="", last="", kept=0, incidents=0, undated=0, causes=(), days={})
    last = max((one.moment for one in kept if one.dated), default=kept[-1].moment)
    first = (_time(last) - span).isoformat()
    within = [one for one in kept if one.moment >= first]
    by_cause: dict[str, list[Kept]] = defaultdict(list)
    for one in kept:
        if one.status == Status.PROBLEM.value:
            by_cause[one.fingerprint].append(one)
    timeline = Timeline(kept)
    causes = [_cause(members, timeline, first) for members in by_cause.values()]
    order = list(State)
    return History(
        schema=SCHEMA,
        first=first,
        last=last,
        kept=len(kept),
        incidents=len(within),
        undated=sum(not one.dated for one in within),
        causes=tuple(sorted(causes, key=lambda cause: (order.index(cause.state), -cause.incidents, -cause.before, cause.fingerprint))),
        days=dict(sorted(Counter(one.day for one in within).items())),
    )


def _cause(members: Sequence[Kept], timeline: Timeline, first: str) -> Cause:
    """``members`` are the incidents of one fingerprint, in the order of time."""
    within, before = [one for one in members if one.moment >= first], [one for one in members if one.moment < first]
    gone, previous = None, dict[str | None, str]()
    for one in members:
        since = previous.get(one.service)
        if since is not None and one.moment >= first and timeline.was_gone(one.fingerprint, one.service, since, one.moment):
            gone = since
        previous[one.service] = one.moment
    if not within:
        state = State.GONE
    elif gone is not None:
        state = State.RETURNED
    else:
        state = State.KNOWN if before else State.NEW
    newest = members[-1]
    shares = Counter((one.service, one.version, one.moment >= first) for one in members)
    pairs = sorted({key[:2] for key in shares}, key=lambda pair: (-shares[*pair, True], str(pair[0]), str(pair[1])))
    return Cause(
        fingerprint=newest.fingerprint,
        state=state,
        rule=newest.rule,
        severity=None if newest.severity is None else Severity(newest.severity),
        headline=newest.headline,
        frame=newest.frame,
        incidents=len(within),
        before=len(before),
        first=members[0].moment,
        last=newest.moment,
        gone_since=gone,
        shares=tuple(
            Share(service, version, shares[service, version, True], shares[service, version, False]) for service, version in pairs
        ),
        days=dict(sorted(Counter(one.day for one in within).items())),
    )

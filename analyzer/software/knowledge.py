"""Reads ``knowledge.toml`` and what a user adds to it: what is known of software, as typed rows with fast look-ups."""

from __future__ import annotations

import re
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from analyzer.model.message import say
from analyzer.software.compiled_tables import stamp
from analyzer.software.kinds import ActivityKind, PoolRole, SocketSide
from analyzer.software.known_issues import Issue  # noqa: TC001 - msgspec reads the annotations when the classes are made
from analyzer.software.moved_classes import before_moving
from parsers.records import Runtime
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

AnyT = TypeVar("AnyT")

HTTP: Final = "HTTP connection"
JDBC: Final = "JDBC connection"
OBJECT: Final = "object"
SETTINGS_FILE: Final = "analyze.toml"
"""A user's own rows, in the folder of an incident."""

_SLOW: Final = re.compile(r"\((?:[^()\\]|\\.)*[*+}](?:[^()\\]|\\.)*\)[*+{]")
"""A group with a repetition inside that is repeated itself: the shape that makes matching take exponential time."""
_PLAIN: Final = re.compile(r"\w+")
_SHOWN: Final = "analyzer/software/knowledge.toml shows every table"
_PORT: Final = 5
_LONGEST_NAME: Final = 1000
"""Characters of a thread's name that patterns look at: what comes after is no part of a pool's name, and a pattern may be slow on it."""


class PoolName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pattern for thread names; its group ``pool`` is the pool's name, ``port`` (optional) its listener's port."""

    software: str
    role: PoolRole
    name: str

    def check(self) -> None:
        """Refuse a pattern that is none, or names no pool.

        Raises:
            ValueError: with the pattern and what is wrong with it.
        """
        try:
            pattern = re.compile(self.name, re.DOTALL)
        except re.error as error:
            raise ValueError(f"{self.name!r} is no pattern: {error}") from error
        if "pool" not in pattern.groupindex:
            raise ValueError(f"{self.name!r} has no group (?P<pool>…)")
        if _SLOW.search(self.name):
            raise ValueError(f"{self.name!r} repeats what repeats itself: such a pattern may take for ever on a name that does not fit")


class Serves(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Frames below which a thread serves a request."""

    software: str
    frames: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Frames near the bottom of a stack that tell a thread's role, whatever it is called and does at the moment."""

    software: str
    role: PoolRole
    frames: tuple[str, ...]


class Blocker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Frames that say what a thread waits for or does. ``final``: nothing further down can say it better.

    ``above``: the calls that one of the frames must have made for the row to count, "" for none at all (the frame is on top).
    """

    kind: ActivityKind
    frames: tuple[str, ...]
    final: bool = False
    above: tuple[str, ...] = ()


class Waits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a runtime's own word for a thread's state means, where no frame tells."""

    state: str
    kind: ActivityKind


SETTINGS: Final = ("limit", "patience", "watch")
"""Fields of a lender that name settings, some with a word about them."""


class Lender(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Software that lends: the frames in which a thread waits for a lease, and the settings that a fix is about.

    ``through``: packages that must stand on the stack too, for a lender that is built on another one's pool; empty for none.
    ``uses``: libraries whose sockets are what is lent (for JDBC every database's). Settings that are more than a name are messages.
    """

    software: str
    lends: Literal["HTTP connection", "JDBC connection", "object"]
    frames: tuple[str, ...]
    limit: str
    patience: str
    watch: str
    through: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Let what has words of ours be translated."""
        for name in SETTINGS:
            text = getattr(self, name)
            if " " in text:
                msgspec.structs.force_setattr(self, name, say(text))


class Library(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On whose behalf a socket is used: ``client`` of a service (with its default ports) or ``server`` of a request.

    ``limits`` names the settings that bound a call, as its documentation spells them.
    """

    name: str
    side: SocketSide
    prefixes: tuple[str, ...]
    ports: tuple[int, ...] = ()
    database: bool = False
    limits: str = ""


class Held(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Frames reached only with a lease in hand, anywhere or below the application's first; a transaction (``scope``) has one until it ends, one of its own inside it (``renewed``) wants another."""

    anywhere: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()


class Logging(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Packages that write log lines, classes that write them to the console."""

    packages: tuple[str, ...] = ()
    console: tuple[str, ...] = ()


class Lookup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Classes that ask for the address of a name."""

    classes: tuple[str, ...] = ()


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Frames right below a task that a pool runs; or calls that wait for a push of the far side by their own wish."""

    frames: tuple[str, ...] = ()


class Framework(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Packages that are not the application (prefixes), and marks of generated classes."""

    prefixes: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


class Application(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Packages that are the application, whatever ``Framework`` says of them (prefixes)."""

    prefixes: tuple[str, ...] = ()


class Proxy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Commands of programs that pass requests on."""

    commands: tuple[str, ...] = ()


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it stands; a user's own may have any part of it."""

    pool: tuple[PoolName, ...] = ()
    serves: tuple[Serves, ...] = ()
    entry: tuple[Entry, ...] = ()
    blocker: tuple[Blocker, ...] = ()
    wait: tuple[Waits, ...] = ()
    lease: tuple[Lender, ...] = ()
    library: tuple[Library, ...] = ()
    held: Held = Held()
    logging: Logging = Logging()
    lookup: Lookup = Lookup()
    task: Task = Task()
    push: Task = Task()
    framework: Framework = Framework()
    application: Application = Application()
    proxy: Proxy = Proxy()
    issue: tuple[Issue, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows and list entries there are."""
        lists = (self.pool, self.serves, self.entry, self.blocker, self.wait, self.lease, self.library, self.issue)
        single = (self.held, self.logging, self.lookup, self.task, self.push, self.framework, self.application, self.proxy)
        return sum(map(len, lists)) + sum(len(values) for table in single for values in msgspec.structs.astuple(table))


class PoolMatch(msgspec.Struct, frozen=True):
    """What a thread's name says: pool, role, port of its listener if the name has one."""

    pool: str
    role: PoolRole
    port: int | None


class Knowledge:
    """The tables, indexed."""

    def __init__(self, tables: Tables, own: Tables | None = None, runtime: Runtime = Runtime.JVM) -> None:
        """Index ``tables``. The first row that knows a frame, a name or a class counts. ``own``: those of them that a user added."""
        self.tables = tables
        self.own = own or Tables()
        self.runtime = runtime
        self._others: dict[Runtime, Knowledge] = {}
        self._foreign = None if runtime is Runtime.JVM else _whole_words(tables.framework.prefixes)
        self.waits = {row.state: row.kind for row in reversed(tables.wait)}
        leases = (Blocker(ActivityKind.LEASE, row.frames) for row in tables.lease)
        self._blockers = {frame: row for row in reversed((*tables.blocker, *leases)) for frame in row.frames}
        self._anywhere = any(frame.startswith("*.") for frame in self._blockers)
        self._serves = {frame: row.software for row in reversed(tables.serves) for frame in row.frames}
        self._entries = {frame: row.role for row in reversed(tables.entry) for frame in row.frames}
        self._names = [(lazy(row.name, re.DOTALL), row) for row in tables.pool]
        self.task_frames = frozenset(tables.task.frames)
        self.push_frames = frozenset(tables.push.frames)

    def of(self, runtime: Runtime) -> Knowledge:
        """What is known of another runtime's stacks; what a user added and what is known of proxies holds for every runtime."""
        if runtime is self.runtime:
            return self
        if runtime not in self._others:
            tables = runtime_tables().get(runtime, Tables())
            self._others[runtime] = Knowledge(_all(self.own, replace(tables, proxy=self.tables.proxy)), self.own, runtime)
        return self._others[runtime]

    @cached_property
    def service_ports(self) -> frozenset[int]:
        """Default ports of every known service that is no HTTP server."""
        return frozenset(port for row in self.tables.library for port in row.ports)

    @cached_property
    def databases(self) -> frozenset[str]:
        """Names of the libraries whose connections JDBC pools lend."""
        return frozenset(row.name for row in self.tables.library if row.database)

    @cached_property
    def lease_frames(self) -> frozenset[str]:
        """Every frame in which a thread waits for a lease."""
        return frozenset(frame for row in self.tables.lease for frame in row.frames)

    @cached_property
    def drivers(self) -> frozenset[str]:
        """Names of the libraries that talk to services with ports of their own."""
        return frozenset(row.name for row in self.tables.library if row.ports and row.side == SocketSide.CLIENT)

    def ports_of(self, libraries: AbstractSet[str | None]) -> frozenset[int]:
        """Default ports of the services that these libraries talk to."""
        return frozenset(port for row in self.tables.library if row.name in libraries for port in row.ports)

    def limits_of(self, library: str | None) -> str:
        """The settings that bound a call of a library, empty if none is known."""
        return next((row.limits for row in self.tables.library if row.name == library), "")

    def blocker(self, frame: str) -> Blocker | None:
        """The row of a frame ``pkg.Class.method``."""
        cls, _, method = frame.rpartition(".")
        return (
            self._blockers.get(frame) or self._blockers.get(cls + ".*") or (self._blockers.get("*." + method) if self._anywhere else None)
        )

    def serves(self, frame: str) -> str | None:
        """The server software whose request this frame handles."""
        return self._serves.get(frame) or self._serves.get(frame.rpartition(".")[0] + ".*")

    def entry(self, frame: str) -> PoolRole | None:
        """The role of the threads that this frame is an entry of."""
        return self._entries.get(frame) or self._entries.get(frame.rpartition(".")[0] + ".*")

    def library(self, cls: str) -> Library | None:
        """The library that a class belongs to, also where somebody's build has moved it into a package of their own."""
        moved = before_moving(cls) if self._foreign is None else ""
        return next((row for row in self.tables.library if cls.startswith(row.prefixes) or moved.startswith(row.prefixes)), None)

    def is_application(self, cls: str) -> bool:
        """True for a class outside the JDK and every known framework, and for one that the user calls the application."""
        framework, prefixes = self.tables.framework, self.tables.framework.prefixes
        if self._foreign is not None:
            return bool(self.tables.application.prefixes and cls.startswith(self.tables.application.prefixes)) or not f"{cls}.".startswith(
                self._foreign
            )
        if self.tables.application.prefixes and cls.startswith(self.tables.application.prefixes):
            return True
        return not (cls.startswith(prefixes) or before_moving(cls).startswith(prefixes) or any(mark in cls for mark in framework.marks))

    def is_proxy(self, command: str | None) -> bool:
        """True for a command that passes requests on (the tables cut names: ``nginx: worker p``)."""
        return command is not None and command.partition(":")[0].lower() in self.tables.proxy.commands

    def pool_of(self, name: str) -> PoolMatch | None:
        """What a thread's name says, None for a name that no row knows."""
        for pattern, row in self._names:
            if match := pattern.fullmatch(name[:_LONGEST_NAME]):
                groups = match.groupdict()
                port = groups.get("port")
                return PoolMatch(groups["pool"] or "", row.role, int(port) if port and port.isdecimal() and len(port) <= _PORT else None)
        return None


@cache
def knowledge() -> Knowledge:
    """The tables that come with the tool."""
    return Knowledge(_shipped("knowledge.toml", Tables))


def read_tables(file: str, text: str) -> Tables:
    """The tables in a TOML text; ``file`` names it in errors.

    Raises:
        ValueError: with the file, the line or the row, and what is wrong there.
    """
    import tomllib  # noqa: PLC0415 - for a user's own file alone

    try:
        tables = msgspec.convert(tomllib.loads(text), Tables)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: no TOML: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{file}: no TOML: nested too deep") from error
    except msgspec.ValidationError as error:
        raise ValueError(f"{file}: {error}; {_SHOWN}") from error
    for number, row in enumerate(tables.pool):
        try:
            row.check()
        except ValueError as error:
            raise ValueError(f"{file}: {error} - at `$.pool[{number}]`; {_SHOWN}") from error
    return tables


class _Compiled(msgspec.Struct):
    """A table as :mod:`analyzer.software.compiled_tables` writes it."""

    made_of: str
    tables: msgspec.Raw


def _shipped(file: str, kind: type[AnyT]) -> AnyT:
    """A table of this folder: from its JSON if that was made of these bytes, else from its TOML."""
    path = Path(__file__).with_name(file)
    toml = path.read_bytes()
    try:
        made = msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=_Compiled)
    except (OSError, msgspec.DecodeError):
        made = None
    if made is not None and made.made_of == stamp(toml):
        return msgspec.json.decode(made.tables, type=kind)
    return msgspec.toml.decode(toml, type=kind)


def _whole_words(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """The prefixes; a plain name stands for the module of that name and what is below it, not for all that begin alike."""
    return tuple(prefix + end for prefix in prefixes for end in ((".", "/", "::") if _PLAIN.fullmatch(prefix) else ("",)))


@cache
def runtime_tables() -> dict[Runtime, Tables]:
    """What comes with the tool of runtimes other than the JVM."""
    return _shipped("runtimes.toml", dict[Runtime, Tables])


def extended(base: Knowledge, tables: Tables) -> Knowledge:
    """``base`` with a user's own rows before it: where both know a name, a frame or a class, the user's row counts."""
    return Knowledge(_all(tables, base.tables), _all(tables, base.own))


def _all(first: Tables, second: Tables) -> Tables:
    return Tables(**{field: _joined(getattr(first, field), getattr(second, field)) for field in Tables.__struct_fields__})


def _joined(first: Any, second: Any) -> Any:
    """Two tables of one kind as one: lists of rows, or structs whose fields are lists."""
    if isinstance(first, tuple):
        return (*first, *second)
    values = zip(msgspec.structs.astuple(first), msgspec.structs.astuple(second), strict=True)
    return type(first)(*((*one, *other) for one, other in values))

"""Reads ``knowledge.toml``: what is known of software, as typed rows with fast look-ups."""

from __future__ import annotations

import re
import tomllib
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import msgspec


class PoolName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pattern for thread names; its group ``pool`` is the pool's name, ``port`` (optional) its listener's port."""

    software: str
    role: str
    name: str


class Serves(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Frames below which a thread serves a request."""

    software: str
    frames: tuple[str, ...]


class Blocker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Frames that say what a thread waits for or does. ``final``: nothing further down can say it better."""

    kind: str
    frames: tuple[str, ...]
    final: bool = False


class Library(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On whose behalf a socket is used: ``client`` of a service (with its default ports) or ``server`` of a request."""

    name: str
    side: str
    prefixes: tuple[str, ...]
    ports: tuple[int, ...] = ()


class Framework(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Packages that are not the application (prefixes), and marks of generated classes."""

    prefixes: tuple[str, ...]
    marks: tuple[str, ...] = ()


class Proxy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Commands of programs that pass requests on."""

    commands: tuple[str, ...]


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it stands."""

    pool: tuple[PoolName, ...]
    serves: tuple[Serves, ...]
    blocker: tuple[Blocker, ...]
    library: tuple[Library, ...]
    framework: Framework
    proxy: Proxy


class PoolMatch(NamedTuple):
    """What a thread's name says: pool, role, port of its listener if the name has one."""

    pool: str
    role: str
    port: int | None


class Knowledge:
    """The tables, indexed."""

    def __init__(self, tables: Tables) -> None:
        """Index ``tables``."""
        self.tables = tables
        self._blockers = {frame: row for row in tables.blocker for frame in row.frames}
        self._serves = {frame: row.software for row in tables.serves for frame in row.frames}
        self._names = [(re.compile(row.name, re.DOTALL), row) for row in tables.pool]

    @cached_property
    def service_ports(self) -> frozenset[int]:
        """Default ports of every known service that is no HTTP server."""
        return frozenset(port for row in self.tables.library for port in row.ports)

    def blocker(self, frame: str) -> Blocker | None:
        """The row of a frame ``pkg.Class.method``."""
        return self._blockers.get(frame) or self._blockers.get(frame.rpartition(".")[0] + ".*")

    def serves(self, frame: str) -> str | None:
        """The server software whose request this frame handles."""
        return self._serves.get(frame) or self._serves.get(frame.rpartition(".")[0] + ".*")

    def library(self, cls: str) -> Library | None:
        """The library that a class belongs to."""
        return next((row for row in self.tables.library if cls.startswith(row.prefixes)), None)

    def is_application(self, cls: str) -> bool:
        """True for a class outside the JDK and every known framework."""
        framework = self.tables.framework
        return not cls.startswith(framework.prefixes) and not any(mark in cls for mark in framework.marks)

    def is_proxy(self, command: str | None) -> bool:
        """True for a command that passes requests on (the tables cut names: ``nginx: worker p``)."""
        return command is not None and command.partition(":")[0].lower() in self.tables.proxy.commands

    def pool_of(self, name: str) -> PoolMatch | None:
        """What a thread's name says, None for a name that no row knows."""
        for pattern, row in self._names:
            if match := pattern.fullmatch(name):
                groups = match.groupdict()
                port = groups.get("port")
                return PoolMatch(groups["pool"], row.role, int(port) if port else None)
        return None


@cache
def knowledge() -> Knowledge:
    """The table that comes with the tool."""
    text = Path(__file__).parent.parent.joinpath("knowledge.toml").read_text(encoding="utf-8")
    return Knowledge(msgspec.convert(tomllib.loads(text), Tables))

"""Full file systems, held together: which lines of logs and which rows of df tell of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict, cast

import msgspec

from analyzer.evidence.file_systems import NEARLY, SMALL, Held, Mounted, held_of, host_of, in_bytes, mounted, of_path
from analyzer.evidence.log_events import of_this_moment, site_of
from analyzer.model.finding import Confidence
from analyzer.model.message import capitalized, plural, say
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.log_events import Told
    from analyzer.waits.case import Case

_TELLING: Final = (LogKind.NO_SPACE, LogKind.NEARLY_FULL, LogKind.QUOTA, LogKind.UNSAVED)
"""Kinds of lines, the one that says most first."""


class Values(TypedDict):
    """What the sentences of the rule are filled with."""

    shown: object
    agreed: object
    alone: object
    told: object
    near: object
    inodes: object
    bytes: object
    unsized: object
    unshown: object
    doubted: object
    quota: object
    nearly: object
    unsaved: object
    path: object
    percent_left: object
    who: object
    who_small: object
    site: object
    often: object
    target: object
    unheld: object
    mount: object
    device: object
    figures: object
    reserve: object
    roomy: object
    free: object
    used: object
    holder: object
    sized: object
    files: object
    kept_bytes: object
    holder_pid: object
    fd: object


class FullDisk(msgspec.Struct, frozen=True):
    """One trouble: the lines that tell of it, and the file system of df. ``sure``: that file system is the one that the lines are about."""

    told: tuple[Told, ...] = ()
    system: Mounted | None = None
    sure: bool = False

    @property
    def kind(self) -> LogKind | None:
        """What the lines say; None where df alone tells."""
        return self.told[0].event.kind if self.told else None

    @property
    def shown(self) -> bool:
        """True if df shows that there is no room."""
        return self.system is not None and self.system.full and self.kind is not LogKind.QUOTA

    @property
    def near(self) -> bool:
        """True if a store refuses writes on a nearly full disk, and df shows it so."""
        space = self.system.space if self.system is not None else None
        return self.kind is LogKind.NEARLY_FULL and space is not None and (space.used_percent or 0) >= NEARLY

    @property
    def agreed(self) -> bool:
        """True if the lines and df tell the same of one file system."""
        return bool(self.told) and self.sure and (self.near or self.shown)


def full_disks(case: Case) -> Iterator[FullDisk]:
    """What lines of this moment tell, each file system or kind once, the gravest first; then what df alone shows."""
    systems = mounted(case)
    groups: dict[object, list[tuple[Told, Mounted | None, bool]]] = {}
    for one in of_this_moment(case.incident):
        if one.event.kind in _TELLING:
            system, sure = _met_on(case, systems, one)
            groups.setdefault(system or one.event.kind, []).append((one, system, sure))
    found = [_of_group(group) for group in groups.values()]
    yield from sorted(found, key=lambda one: (not one.agreed, not one.shown, _TELLING.index(one.kind or LogKind.UNSAVED)))
    told = {one.system for one in found}
    yield from (FullDisk((), one) for one in systems if one.full and not one.is_image and one not in told)


def _of_group(group: Sequence[tuple[Told, Mounted | None, bool]]) -> FullDisk:
    group = sorted(group, key=lambda one: (_TELLING.index(one[0].event.kind), -one[0].lines))
    return FullDisk(tuple(told for told, _, _ in group), group[0][1], any(sure for _, _, sure in group))


def _met_on(case: Case, systems: Sequence[Mounted], told: Told) -> tuple[Mounted | None, bool]:
    """The file system that a line is about, and whether that is certain. By its path it is; the only one that is full is likely the one."""
    host = host_of(case, told.event.where.file)
    here = [one for one in systems if one.host == host] or (list(systems) if len({one.host for one in systems}) == 1 else [])
    path = told.event.subject
    if path is not None and path.startswith("/"):
        system = of_path(here, path)
        # What df was asked for one path does not show what lies below it.
        return system, system is not None and (system.mount != "/" or system.whole)
    if told.event.kind is not LogKind.NO_SPACE:
        return None, False  # a store's answer may stand in the log of a client, on another host
    full = [one for one in here if one.full and not one.is_image and not one.is_boot]
    return (full[0], False) if len(full) == 1 else (None, False)  # which one it met the line does not say


def is_grave(found: FullDisk) -> bool:
    """False for what is a full file system alone, on which hardly anybody writes."""
    system = found.system
    return bool(found.told) or (system is not None and not system.is_boot and (system.row.inodes or (system.row.size or 0) >= SMALL))


def sure_of(found: FullDisk) -> Confidence:
    """How sure it is. That df shows room, or df alone a full one, leaves other causes as likely."""
    if found.agreed:
        return Confidence.CERTAIN
    alone = found.kind in {None, LogKind.UNSAVED}
    contradicted = found.system is not None and not found.shown and found.kind is LogKind.NO_SPACE
    return Confidence.SUSPECTED if alone or contradicted else Confidence.LIKELY


def held_on(case: Case, found: FullDisk) -> Held | None:
    """The process that keeps most of the room by deleted files; looked for where df or a path tells the file system."""
    return held_of(case, mounted(case), found.system) if found.system is not None else None


def values_of(case: Case, found: FullDisk, held: Held | None) -> Values:
    """What the sentences of the rule are filled with."""
    system = found.system
    main = found.told[0].event if found.told else None
    inodes = found.shown and system is not None and system.row.inodes
    lines = sum(one.lines for one in found.told)
    who = (main.source if main.source not in _ANYONE else say("a program")) if main is not None else say("whoever")
    path = main.subject if main is not None else None
    return cast(
        "Values",
        {
            "shown": found.shown,
            "agreed": found.agreed,
            "alone": not found.told,
            "told": bool(found.told),
            "near": found.near,
            "inodes": inodes,
            "bytes": found.shown and not inodes,
            "unsized": found.shown and not inodes and not (held is not None and held.size),
            "unshown": system is None,
            "doubted": bool(found.told) and not found.shown and found.kind in {LogKind.NO_SPACE, LogKind.QUOTA},
            "quota": found.kind is LogKind.QUOTA,
            "nearly": found.kind is LogKind.NEARLY_FULL,
            "unsaved": found.kind is LogKind.UNSAVED,
            "path": path,
            "percent_left": main.figure("left") if main is not None else None,
            "who": capitalized(who),
            "who_small": who,
            "site": site_of(main, case.known) if main is not None else None,
            "often": say(", in {lines}", lines=plural(lines, "line")) if lines > 1 else "",
            "target": system.mount if system is not None else path or say("the disk"),
            "unheld": held is None and not inodes and found.kind is not LogKind.QUOTA,
            **_of_system(system),
            **_of_held(held),
        },
    )


_ANYONE: Final = frozenset({"program", "Windows"})
"""Sources of lines that name no software."""


def _of_system(system: Mounted | None) -> dict[str, object]:
    if system is None:
        return dict.fromkeys(("mount", "device", "figures", "reserve", "roomy", "free", "used"))
    space = system.space
    free = max(0, (space.available or 0) if space is not None else 0)
    return {
        "mount": system.mount,
        "device": system.row.device,
        "figures": system.figures,
        "reserve": in_bytes(system.reserve) if system.no_bytes and system.reserve else None,
        "roomy": free > 0,
        "free": in_bytes(free),
        "used": space.used_percent if space is not None else None,
    }


def _of_held(held: Held | None) -> dict[str, object]:
    """The values that tell of files which are deleted and still open."""
    if held is None:
        return dict.fromkeys(("holder", "sized", "files", "kept_bytes", "holder_pid", "fd"))
    return {
        "holder": say("{command} (pid {pid})", command=held.command or say("a process"), pid=held.pid if held.pid is not None else "?"),
        "sized": held.size > 0,
        "files": held.files,
        "kept_bytes": in_bytes(held.size),
        "holder_pid": held.pid,
        "fd": held.largest.fd.rstrip("rwuRW- "),
    }

"""File systems as df shows them: which of them is full, on which one a path lies, and what room files keep that are deleted and still open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Evidence
from analyzer.model.message import say
from parsers.sockets.lsof import size_of_deleted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.waits.case import Case
    from parsers.records import FileSystem, OpenFile

LEAST: Final = 1024**2
"""Bytes below which next to nothing can be written, where df rounds what is used to 100 %."""
SMALL: Final = 16 * 1024**2
"""Bytes of a file system below which it is no store of anything: variables of a firmware, a mount of one file."""
FULL: Final = 100
NEARLY: Final = 90
"""Percent from which on stores begin to refuse writes (Elasticsearch: 95, Kafka and brokers by bytes)."""
WHOLE: Final = 3
"""Rows from which on a table of df is of the host, and not of a path that somebody asked for."""
RESERVED: Final = 0.01
"""Share of a file system from which on what is neither used nor available is a reserve, and no rounding."""
_IMAGES: Final = frozenset(
    {"squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs", "snapfuse", "fuse.snapfuse", "efivarfs", "devfs", "autofs", "composefs"}
    | {"cd9660", "hsfs", "lofs", "objfs", "ctfs", "mntfs", "sharefs", "proc", "linprocfs", "fdescfs", "nullfs", "fuse.portal"}
)
"""Types that are full by nature: images that are only read, and what the kernel shows of itself."""
_DEVICES: Final = re.compile(
    r"/dev/(?:loop|sr|cd|dvd|mtdblock|ubiblock|lofi|block/)|(?:devfs|map |efivarfs|proc|snapfuse|drivers|rootfs-ro|/usr/lib/libc/)"
).match
_PLACES: Final = re.compile(
    r"/(?:snap|var/lib/snapd/snap|media|cdrom|mnt/cdrom|rom|apex|Volumes|run/media|run/live|run/archiso|run/initramfs|lib/live|run/rootfsbase"
    r"|sys|proc|tmp/\.mount_\w{1,40}|Library/Developer/CoreSimulator|usr/lib/wsl|System/Volumes/(?!Data$))(?:/|$)"
).match
_BOOT: Final = re.compile(r"/(?:boot|efi)(?:/|$)").match
_DELETED: Final = " (deleted)"
_MEMORY: Final = re.compile(r"/(?:memfd:|SYSV|anon)").match
_UNITS: Final = (("TiB", 1024**4), ("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))


class Mounted(msgspec.Struct, frozen=True):
    """A file system of a host by its last rows: of bytes, of inodes, or both. ``whole``: they stand among those of others."""

    host: str | None
    mount: str
    space: FileSystem | None = None
    nodes: FileSystem | None = None
    whole: bool = False

    @property
    def row(self) -> FileSystem:
        """The row that tells: of inodes only where bytes are left, or unknown."""
        rows = (self.nodes, self.space) if self.no_inodes else (self.space, self.nodes)
        return next(row for row in rows if row is not None)

    @property
    def no_bytes(self) -> bool:
        """True if nothing is available to users."""
        one = self.space
        if one is None or not one.size or one.available is None:
            return False
        return one.available <= 0 or ((one.used_percent or 0) >= FULL and one.available < LEAST)

    @property
    def no_inodes(self) -> bool:
        """True if no inode is free, while bytes are. Where bytes are used up, APFS, XFS and others count no free inode, either."""
        return not self.no_bytes and self.nodes is not None and bool(self.nodes.size) and self.nodes.available == 0

    @property
    def full(self) -> bool:
        """True if nothing, or no further file, can be written by users."""
        return self.no_bytes or self.no_inodes

    @property
    def is_image(self) -> bool:
        """True for what is full by nature: images that are only read, and what is no store."""
        row = self.row
        tiny = self.space is not None and 0 < (self.space.size or 0) < SMALL
        return tiny or (row.kind or "") in _IMAGES or _DEVICES(row.device) is not None or _PLACES(self.mount) is not None

    @property
    def is_boot(self) -> bool:
        """True for the partition that holds kernels: only installing one writes there."""
        return _BOOT(self.mount) is not None

    @property
    def reserve(self) -> int:
        """Bytes that are neither used nor available to users; 0 where that is no more than rounding, or the type has no reserve."""
        one = self.space
        if one is None or one.size is None or one.used is None or one.available is None or one.available < 0:
            return 0
        left = one.size - one.used - one.available
        kept = (one.kind or "ext4").startswith(("ext", "ufs", "ffs"))
        return left if kept and left > RESERVED * one.size else 0

    @property
    def figures(self) -> str:
        """``0 of 40.0 GiB available``, ``0 of 2,621,440 inodes free``."""
        row = self.row
        if row.inodes:
            return say("{free:,} of {size:,} inodes free", free=row.available or 0, size=row.size or 0)
        return say("{left} of {size} available", left=in_bytes(max(0, row.available or 0)), size=in_bytes(row.size or 0))

    @property
    def evidence(self) -> Evidence:
        """The row of df."""
        return Evidence(self.row.where, say("{mount}: {figures}", mount=self.mount, figures=self.figures), (self.mount,))


class Held(msgspec.Struct, frozen=True):
    """What deleted files that are still open keep: the process with most of it, its largest file, and all bytes; 0 where no list has sizes."""

    pid: int | None
    command: str | None
    size: int
    files: int
    largest: OpenFile
    evidence: Evidence


def in_bytes(number: int) -> str:
    """``39.2 GiB``, ``512 bytes``."""
    for unit, size in _UNITS:
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number:,}" if not number else f"{number:,} bytes"


def mounted(case: Case) -> tuple[Mounted, ...]:
    """The file systems of every host, by their last rows."""
    found: dict[tuple[str | None, str], Mounted] = {}
    for snapshot in case.incident.snapshots:
        rows: dict[tuple[str, bool], int] = {}
        for row in snapshot.file_systems:
            rows[row.where.file, row.inodes] = rows.get((row.where.file, row.inodes), 0) + 1
        for row in snapshot.file_systems:
            key = snapshot.host, row.mount
            old = found.get(key) or Mounted(*key)
            changed = {"nodes": row} if row.inodes else {"space": row}
            found[key] = msgspec.structs.replace(old, **changed, whole=old.whole or rows[row.where.file, row.inodes] >= WHOLE)
    return tuple(found.values())


def host_of(case: Case, file: str) -> str | None:
    """The host that a file was saved on; None where nothing tells."""
    name = next((one.snapshot for one in case.incident.artifacts if one.file == file), None)
    return next((one.host for one in case.incident.snapshots if one.name == name), None)


def of_path(systems: Iterable[Mounted], path: str) -> Mounted | None:
    """The file system that a path lies on: the one with the longest mount in front of it."""
    return max((one for one in systems if _holds(one.mount, path)), key=lambda one: len(one.mount), default=None)


def _holds(mount: str, path: str) -> bool:
    return path == mount or path.startswith(mount.rstrip("/") + "/")


def held_of(case: Case, systems: Iterable[Mounted], system: Mounted) -> Held | None:
    """The process that keeps most of a file system's room by deleted files that it has open; None if lists show none."""
    systems = tuple(systems)
    sizes: dict[tuple[int | None, str | None], dict[str, tuple[int, OpenFile]]] = {}
    for snapshot in case.incident.snapshots:
        if snapshot.host not in {None, system.host}:
            continue
        for file in snapshot.open_files:
            if not file.target.endswith(_DELETED) or _MEMORY(file.target) or of_path(systems, file.target) != system:
                continue
            lines = case.text(file.where)
            node, size = (size_of_deleted(lines[0]) if lines else None) or (file.target, 0)
            sizes.setdefault((file.pid, file.command), {})[node] = size, file
    if not sizes:
        return None
    (pid, command), files = max(sizes.items(), key=lambda item: sum(size for size, _ in item[1].values()))
    size, largest = max(files.values(), key=lambda one: one[0])
    total = sum(one for one, _ in files.values())
    says = say("a deleted file of {size} that is still open", size=in_bytes(size)) if size else say("a deleted file that is still open")
    return Held(pid, command, total, len(files), largest, Evidence(largest.where, says, (_DELETED.strip(),), len(files) - 1))

r"""Lines of programs that found no room for what they wrote, and those that only read so.

    java.io.IOException: No space left on device
    [ERROR] [MY-010283] [Server] Disk is full writing '/data/mysql/binlog.000012' (OS errno 28 - No space left on device). Waiting for someone to free space...
    PANIC:  could not write to file "pg_wal/xlogtemp.6101": No space left on device
    flood stage disk watermark [95%] exceeded on [kV3][es-1][/data/es] free: 1.1gb[2.7%], all indices on this node will be marked read-only
    MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.
    OSError: [Errno 122] Disk quota exceeded: '/home/lena/out.csv'
    Error: ENOSPC: System limit for number of file watchers reached, watch '/srv/shop'

The kernel has one number (ENOSPC, 28) for a full file system and for limits of its own: watches of inotify, semaphores and segments of System V, namespaces, control
groups. Those are no full disk, and are told by what they are. Written after the documentation and sources of these programs; the first is captured.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.logs.lines import Shape
from parsers.logs.stamps import begins_entry
from parsers.records import LogKind
from parsers.text.hedges import hedged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.logs.lines import LineFact

_NONE: Final = r"[Nn]o space left on device"
_WORD: Final = "o space left on device"


def _shape(source: str, kind: LogKind, word: str, pattern: str, *, loud: bool = True) -> Shape:
    return Shape(source, kind, word, re.compile(pattern), loud)


SETTINGS: Final = {
    "inotify": "fs.inotify.max_user_watches",
    "epoll": "fs.epoll.max_user_watches",
    "semaphores of System V": "kernel.sem",
    "shared memory of System V": "kernel.shmmni, kernel.shmall",
    "control groups": "/proc/cgroups",
    "namespaces": "user.max_*_namespaces, fs.mount-max",
    "keys of the kernel": "kernel.keys.maxkeys",
}
"""What has such a limit, and the setting of the kernel that it is."""
_LIKE: Final = (
    ("inotify", r"inotify|fsnotify|file watchers|\b(?:to|cannot|not|a) watch(?:er)? |device, watch "),
    ("epoll", r"epoll_ctl"),
    (
        "semaphores of System V",
        r"semget|sem_init|semop|create (?:\w{1,20} )?semaphores?|(?:create|accept|global) (?:lock|mutex)|create the [\w-]{1,40} mutex",
    ),
    ("shared memory of System V", r"shmget|create shared memory segment"),
    ("control groups", r"/sys/fs/cgroup/"),
    ("namespaces", r"\bunshare(?:\(|: )|\bclone\b[^\n]{0,40}namespace|create (?:\w{1,20} )?namespace"),
)
"""What stands in a line in which the kernel's number for a full device means another limit."""
_BESIDE: Final = tuple(
    (source, re.compile(rf"(?:{words})[^\n]{{0,200}}?{_NONE}|{_NONE}[^\n]{{0,80}}?(?:{words})")) for source, words in _LIKE
)
_ABOVE: Final = (
    ("inotify", re.compile(r"inotify|LinuxWatchService|fsnotify|watchdog[./]observers")),
    ("semaphores of System V", re.compile(r"Failed system call was semget|\bsemget\(")),
    ("shared memory of System V", re.compile(r"Failed system call was shmget|\bshmget\(")),
)
_SHARED: Final = re.compile(r"\bSemLock\b|sem_open|resize shared memory segment|\bshm_open")
"""What lies in the memory file system of a host or container, 64 MiB in those of Docker."""
SHM: Final = "/dev/shm"  # noqa: S108 - named, never written to
_LINES: Final = 12
"""Lines of a trace around the message in which its cause is looked for."""

SHAPES: Final = (
    *(Shape(source, LogKind.KERNEL_LIMIT, _WORD, pattern) for source, pattern in _BESIDE),
    _shape("inotify", LogKind.KERNEL_LIMIT, "number of file watchers reached", r"System limit for number of file watchers reached"),
    _shape("inotify", LogKind.KERNEL_LIMIT, "inotify watch", r"(?:[Ll]imit of inotify watches|inotify watch limit) (?:was )?reached"),
    _shape("inotify", LogKind.KERNEL_LIMIT, "ENOSPC", r"\bwatch /\S{1,200} ENOSPC"),
    _shape("keys of the kernel", LogKind.KERNEL_LIMIT, "isk quota exceeded", r"(?:session key|keyring|keyctl|add_key)[^\n]{0,80}?[Dd]isk quota exceeded"),
    _shape("MySQL", LogKind.NO_SPACE, "isk is full writing", r"Disk is full writing '", loud=False),
    _shape("MySQL", LogKind.NO_SPACE, "rrcode: 28", r"\(Errcode: 28\b", loud=False),
    _shape("InnoDB", LogKind.NO_SPACE, "rror number 28 means", r"InnoDB: Error number 28 means", loud=False),
    _shape("PostgreSQL", LogKind.NO_SPACE, _WORD, rf"could not (?:write to|extend|create|fsync|open|resize)[^\n]{{0,300}}?: {_NONE}", loud=False),
    _shape("Redis", LogKind.NO_SPACE, _WORD, rf"(?:Write error (?:saving|writing)|Error (?:writing to the AOF|trying to save)|MISCONF Errors writing|opening the temp RDB file)[^\n]{{0,200}}?{_NONE}"),
    _shape("MongoDB", LogKind.NO_SPACE, _WORD, rf"WiredTiger[^\n]{{0,600}}?{_NONE}", loud=False),
    _shape("MongoDB", LogKind.NO_SPACE, "while out of disk space", r"Can't take a write lock while out of disk space"),
    _shape("nginx", LogKind.NO_SPACE, _WORD, rf"\d#\d{{1,10}}: [^\n]{{0,600}}?\(28: {_NONE}", loud=False),
    _shape("program", LogKind.NO_SPACE, _WORD, _NONE),
    _shape("program", LogKind.NO_SPACE, "ENOSPC", r"(?<![\w-])ENOSPC\b"),
    _shape("program", LogKind.NO_SPACE, "rrno", r"\b(?:OS )?[Ee]rrno[ :=]{1,2}-?28\b"),
    _shape("Windows", LogKind.NO_SPACE, "not enough space on the disk", r"[Tt]here is not enough space on the disk"),
    _shape("Windows", LogKind.NO_SPACE, "공간이 부족합니다", r"디스크(?:에)? 공간이 부족합니다"),
    _shape("program", LogKind.QUOTA, "isk quota exceeded", r"[Dd]isk quota exceeded"),
    _shape("program", LogKind.QUOTA, "EDQUOT", r"(?<![\w-])EDQUOT\b"),
    _shape(
        "Elasticsearch",
        LogKind.NEARLY_FULL,
        "flood stage disk watermark",
        r"flood stage disk watermark \[[^\]\n]{1,40}\] exceeded on (?:\[[^\]\n]{1,120}\]){1,2}?\[(?P<subject>/[^\]\n]{1,200})\] free: [^\[\n]{1,20}\[(?P<left>\d{1,3}(?:\.\d{1,3})?)%\]",
        loud=False,
    ),
    _shape("Elasticsearch", LogKind.NEARLY_FULL, "FORBIDDEN/12/index read-only", r"FORBIDDEN/12/index read-only / allow delete", loud=False),
    _shape("Elasticsearch", LogKind.NEARLY_FULL, "flood-stage watermark", r"disk usage exceeded flood-stage watermark", loud=False),
    _shape("Redis", LogKind.UNSAVED, "MISCONF Redis is configured", r"MISCONF Redis is configured to save RDB snapshots", loud=False),
    _shape("SQLite", LogKind.UNSAVED, "database or disk is full", r"database or disk is full"),
)  # fmt: skip
KINDS: Final = frozenset({LogKind.NO_SPACE, LogKind.QUOTA, LogKind.NEARLY_FULL, LogKind.UNSAVED, LogKind.KERNEL_LIMIT})
_words = re.compile(
    rf"{_NONE}|Disk is full writing|[Tt]here is not enough space on the disk|[Dd]isk quota exceeded|디스크(?:에)? 공간이|ENOSPC|EDQUOT|[Ee]rr(?:no|code)[ :=]{{1,2}}-?28"
)
_PATH: Final = r"(?P<path>(?:/|[A-Z]:\\)[^\s'\"‘’“”`:,()\[\]]{1,300})"
_before = re.compile(rf"(?:^|[\s'\"‘“`(=\[]){_PATH}(?:['\"’”`)]?(?::|\)|,| failed\b| \(| has\b)|['\"’”`]? $)").finditer
_after = re.compile(rf"[^\n]{{0,60}}?(?:['\"‘“]|\bpath[=:] ?){_PATH}").match
_folder = re.compile(r" (?:in (?:log )?dir(?:ectory)?|checkpoint file) (?P<path>/[^\s'\",:()\[\]]{1,300})").search
_message = re.compile(rf"(?:[:(\]>]|28[):]|^|\d) ?(?:{_words.pattern})").search
_TRACED: Final = re.compile(r"[ \t]+\S|Traceback |Caused by: ").match
_LOOKED_AT: Final = 400


def is_told_only(fact: LineFact, line: str) -> bool:
    """True for a sentence in somebody's words that denies or supposes; what stands behind a colon or a bracket is a program's message."""
    return fact.kind in KINDS and not begins_entry(line) and hedged(line) is not None and _message(line) is None


def known(fact: LineFact, lines: Sequence[str], index: int) -> LineFact:
    """What a line says, with the path that could not be written, or the limit that is meant instead, as far as the lines beside it tell."""
    if fact.kind not in KINDS:
        return fact
    if fact.kind is LogKind.NO_SPACE and fact.source in {"program", "PostgreSQL"}:
        around = "\n".join(line[:_LOOKED_AT] for line in _trace(lines, index))
        source = next((name for name, pattern in _ABOVE if pattern.search(around)), None)
        if source is not None:
            fact = fact._replace(kind=LogKind.KERNEL_LIMIT, source=source)
        elif _SHARED.search(around):
            return fact._replace(subject=SHM)
    if fact.kind is LogKind.KERNEL_LIMIT:
        return fact._replace(subject=SETTINGS[fact.source])
    if _SHARED.search(lines[index][:_LOOKED_AT]):
        return fact._replace(subject=SHM)
    return fact if fact.subject else fact._replace(subject=_path(lines[index]) or _path_above(lines, index))


def _trace(lines: Sequence[str], index: int) -> list[str]:
    """The message with what stands around it in the same entry: indented lines and those of a trace."""
    first = index
    while first > max(0, index - _LINES) and _TRACED(lines[first - 1]):
        first -= 1
    last = index + 1
    while last < min(len(lines), index + _LINES) and lines[last].strip() and (lines[last][:1].isspace() or "DETAIL:" in lines[last]):
        last += 1
    return [*lines[first:last]]


def _path(line: str) -> str | None:
    """The path that a message names, before its words or in quotes behind them."""
    match = _words.search(line)
    if match is None:
        return None
    start = max(0, match.start() - _LOOKED_AT)
    found = [one["path"] for one in _before(line[start : match.start()])]
    if found:
        return found[-1]
    behind = _after(line[match.end() : match.end() + _LOOKED_AT])
    return behind["path"] if behind is not None else None


def _path_above(lines: Sequence[str], index: int) -> str | None:
    """The folder that the entry names which an exception stands below."""
    if begins_entry(lines[index]):
        match = _folder(lines[index][:_LOOKED_AT])
        return match["path"] if match else None
    for line in reversed(lines[max(0, index - 4 * _LINES) : index]):
        if (match := _folder(line[:_LOOKED_AT])) is not None:
            return match["path"]
        if begins_entry(line):
            return None
    return None

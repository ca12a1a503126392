"""Which artifacts belong together: hosts by folder or by their names in those of the files, moments by number, time or folder.

Operators number what they save (``jstack-1.txt``, ``snap2/netstat.txt``, ``ss_101530.txt``), or append to one file. Artifacts whose names
differ only in a number form a series; the n-th members of all series form the n-th snapshot. A number that is a pid of the incident
counts as part of the name. Sibling folders that count (``snap1/``, ``snap2/``) are moments, whatever was saved in each. An artifact outside every series was taken once; it joins the moment of the folder it lies in, if that
folder has only one, else the last snapshot, for the tables are usually saved after the dumps, unless its own time says better.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from analyzer.intake import layouts, rounds
from analyzer.intake.moment_words import is_moment_word, numbered_names
from analyzer.model.host_labels import TABLES, formats_of, labelled_hosts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_NUMBER = re.compile(r"\d+")
# Folder names that count moments, not machines.
_MOMENT_FOLDER = re.compile(
    r"(?:snap(?:shot)?|round|dump|set|run|capture|sample|step|iteration|minute|min|take|time|t|pass|s|n)?[-_. ]?\d[\d\-_.:T]*",
    re.IGNORECASE,
)
_PROCESS_FOLDER = re.compile(r"(?:(?P<word>proc|process|pid)|[A-Za-z][\w.]*?)[-_. ]?(?P<pid>\d+)", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(?:zip|jar|tar|t[gx]z|tzst|tar\.(?:gz|xz|zst))$", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")
_OF_PROC = frozenset({"proc", "task"})  # below them, folders are processes and threads
_BESIDE = "host_facts"
_ENDING_NUMBER = re.compile(r"(?:[-_.]|(?<!\d))\d+$")
_SMALL = 1000  # a counter of snapshots, not a time
# What ``analyze collect`` packs: the folder and the archive have this name.
_COLLECTION = re.compile(r"closewait-(?P<host>[\w.-]+)-\d+-\d{8}T\d{6}Z")


class SeriesPiece(NamedTuple):
    """One output: its file (relative, with ``/``), its number in the file, what kind it is, and its own time if it states one."""

    file: str
    section: int
    kind: str
    time: str | None
    clock: str | None = None
    """The time of day, where it states no date: ``15:52:19``."""


class Place(msgspec.Struct, frozen=True):
    """The host (None: not known) and the snapshot's number on that host, from 0."""

    host: str | None
    order: int


def place(
    pieces: Sequence[SeriesPiece],
    pids: Collection[int],
    named: Mapping[str, str] | None = None,
    far: Mapping[tuple[str, int], str] | None = None,
) -> list[Place]:
    """The place of every piece, in the order of ``pieces``; independent of that order otherwise.

    ``named``: the hosts that files name themselves; ``far``: file and number of pieces that are of another host than the rest of their file, and that host.
    """
    files, own = {piece.file for piece in pieces}, {str(pid) for pid in pids}
    names = numbered_names(files, {piece.file for piece in pieces if piece.kind.partition(" ")[0] in TABLES})
    hosts = (
        layouts.hosts_of(files, named or {})
        or _hosts(files, named or {}, own)
        or labelled_hosts(formats_of([(piece.file, piece.kind) for piece in pieces]), _BESIDE)
    )
    result: list[Place | None] = [None] * len(pieces)
    by_host: dict[str | None, list[int]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        by_host[(far or {}).get((piece.file, piece.section)) or hosts.get(piece.file)].append(number)
    for host, numbers in by_host.items():
        indices = _indices([pieces[number]._replace(file=names.get(pieces[number].file, pieces[number].file)) for number in numbers], own)
        for number, index in zip(numbers, indices, strict=True):
            result[number] = Place(host, index)
    return [found for found in result if found is not None]


def _hosts(files: Collection[str], named: Mapping[str, str], pids: Collection[str]) -> dict[str, str]:
    """File → host, where sibling folders or archives hold the same kinds of files and their names count neither moments nor processes (``pids``).

    ``named``: file → the host that its content names.
    """
    collected = {file: match["host"] for file in files if (match := _COLLECTION.search(file))}
    if collected:
        # Two collections of one host are not two hosts; the files of one alone, or beside loose ones, need no name to be told apart.
        return collected if len(set(collected.values())) > 1 else {}
    below = {file: file for file in files}
    while len({path.partition("/")[0] for path in below.values()}) == 1 and all("/" in path for path in below.values()):
        below = {file: path.partition("/")[2] for file, path in below.items()}  # a folder around everything is a way of packing
    folders: dict[str, dict[str, str]] = defaultdict(dict)
    for file, path in below.items():
        folder, slash, rest = path.partition("/")
        if slash and not counts_moments(_ARCHIVE.sub("", folder)) and not _is_of_process(folder, pids):
            folders[folder][file] = rest
    if len(folders) < 2:  # noqa: PLR2004 - one folder is a way of packing
        return {}
    archives = all(map(_ARCHIVE.search, folders))
    packed = {folder: _around(list(rests.values())) if archives else "" for folder, rests in folders.items()}
    shared = set.intersection(
        *({_NUMBER.sub("#", rest.removeprefix(packed[folder])) for rest in rests.values()} for folder, rests in folders.items())
    )
    # sos_commands/ says web01 and etc/ web01.example.com: what lies in folders may name one host twice.
    own = [_host_told({named[file] for file in rests if file in named}) if archives else "" for rests in folders.values()]
    stems = {_ENDING_NUMBER.sub("", folder) for folder in folders}
    # web1/ and web2/ are two machines, whatever was saved of each; threads/ and net/ are two drawers of one.
    if not shared and not _differ(own) and (len(stems) > 1 or "" in stems):
        return {}
    # An archive's name is that of a ticket or a day; what lies in it knows better.
    inner = ["" if counts_moments(around.rstrip("/")) else around.rstrip("/") for around in packed.values()]
    labels = next(filter(_differ, (own, inner)), list(folders))
    return {file: label for label, rests in zip(labels, folders.values(), strict=True) for file in rests}


def _host_told(names: Collection[str]) -> str:
    """The shortest of one host's names; empty if they are of several, or none."""
    return min(names, key=len) if len({name.partition(".")[0] for name in names}) == 1 else ""


def _around(paths: Sequence[str]) -> str:
    """The one folder around all the paths, with its slash; empty if there is none."""
    tops = {path.partition("/")[0] + "/" if "/" in path else "" for path in paths}
    return tops.pop() if len(tops) == 1 else ""


def _differ(names: Sequence[str]) -> bool:
    """True if every name is known, and no two are of one host."""
    return all(names) and len({name if _ADDRESS.fullmatch(name) else name.partition(".")[0] for name in names}) == len(names)


def _is_of_process(folder: str, pids: Collection[str]) -> bool:
    """True for the folder of one process: ``proc-4105``, ``pid_4105``, or ``worker-4105`` where a process of the incident has that pid."""
    match = _PROCESS_FOLDER.fullmatch(folder)
    return match is not None and (match["word"] is not None or match["pid"] in pids)


def counts_moments(folder: str) -> bool:
    """True for the name of a folder that counts moments, by a number or a word; an address names a machine."""
    return is_moment_word(folder) or (_MOMENT_FOLDER.fullmatch(folder) is not None and _ADDRESS.fullmatch(folder) is None)


def _indices(pieces: Sequence[SeriesPiece], pids: Collection[str]) -> list[int]:
    """The snapshot index of each piece of one host. What only says when and where (``date``) makes no moment, but belongs to what follows it."""
    bundled = layouts.sos_roots([piece.file for piece in pieces])
    facts = {number for number, piece in enumerate(pieces) if piece.kind.startswith(_BESIDE)}
    beside = facts | rounds.beside(pieces) | {number for number, piece in enumerate(pieces) if layouts.is_of_sos(piece.file, bundled)}
    order = [number for number in range(len(pieces)) if number not in beside]
    if not order:
        return [0] * len(pieces)
    followers = {number: _follower(pieces, number, order, pids) for number in facts}
    told = {followers[number]: pieces[number].time for number in sorted(facts) if pieces[number].time}
    timed = [pieces[number]._replace(time=pieces[number].time or told.get(number)) for number in order]
    found = dict(zip(order, rounds.by_time(timed) or _moments(timed, pids), strict=True))
    last = max(found.values())
    stated: dict[int, str] = {}
    for number, piece in zip(order, timed, strict=True):
        if piece.time and rounds.is_telling(piece):
            stated[found[number]] = min(piece.time, stated.get(found[number], piece.time))
    for number in beside - facts:
        found[number] = rounds.nearest(pieces[number], stated, last)
    return [found.get(followers.get(number, number) if number in facts else number, last) for number in range(len(pieces))]


def _follower(pieces: Sequence[SeriesPiece], number: int, order: Sequence[int], pids: Collection[str]) -> int:
    """The next output of the same file, else the one before; of a file of its own, what has the same number (date-2.txt, lsof-2.txt); else -1."""
    here = pieces[number]
    same = [other for other in order if pieces[other].file == here.file]
    after = [other for other in same if pieces[other].section > here.section]
    if after:
        return min(after, key=lambda other: pieces[other].section)
    if same:
        return max(same, key=lambda other: pieces[other].section)
    counts = _family(here.file, pids)[1]
    alike = [other for other in order if counts and _folder(pieces[other].file) == _folder(here.file)]
    return next((other for other in alike if _family(pieces[other].file, pids)[1] == counts), -1)


def _moments(pieces: Sequence[SeriesPiece], pids: Collection[str]) -> list[int]:
    """The snapshot index of each piece that was captured."""
    pids = _without_counters({piece.file for piece in pieces}, pids)
    series: dict[tuple[str, str], list[tuple[tuple[int, ...], int]]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        family, counts = _family(piece.file, pids)
        series[family, piece.kind].append(((*counts, piece.section), number))
    keys = _folder_keys(pieces, series, pids)
    for members in series.values():
        if len(members) > 1 and not all(number in keys for _, number in members):
            members.sort()
            keys.update(_keys(members))
    if not keys:
        return [0] * len(pieces)
    for members in series.values():
        # Saved once, but with a number that the others count with: jstack-1.txt beside ss-1.txt and ss-2.txt.
        if len(members) == 1 and len(members[0][0]) == 2 and members[0][0][0] in keys.values():  # noqa: PLR2004 - the number and the section's
            keys[members[0][1]] = members[0][0][0]
    ranks = {key: rank for rank, key in enumerate(sorted(set(keys.values())))}
    times = _times(pieces, keys, ranks)
    last = len(ranks) - 1
    neighbours = _folders(pieces, keys)
    for number, piece in enumerate(pieces):
        if number not in keys and len(neighbours[_folder(piece.file)]) == 1:
            keys[number] = min(neighbours[_folder(piece.file)])
    return [
        ranks[keys[number]]
        if number in keys
        else rounds.nearest(piece, times, last)
        if piece.clock is not None
        else _nearest(piece.time, times, last)
        for number, piece in enumerate(pieces)
    ]


def _folder_keys(
    pieces: Sequence[SeriesPiece], series: Mapping[tuple[str, str], Sequence[tuple[tuple[int, ...], int]]], pids: Collection[str]
) -> dict[int, int]:
    """Piece number → sorting key by the folder that counts moments; empty where there are not several, or where files in them count too."""
    folders: dict[str, list[tuple[tuple[int, ...], str, int]]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        if (found := _moment_folder(piece.file, pids)) is not None:
            family, counts = _family(found, pids)
            folders[family].append((counts, found, number))
    keys: dict[int, int] = {}
    for members in folders.values():
        moments = {folder: counts for counts, folder, _ in members}
        home = {number: folder for _, folder, number in members}
        # Of each kind at most one in each folder, or the files themselves are a series within it.
        counted = any(
            len(inside) > len(set(inside)) for one in series.values() if (inside := [home[number] for _, number in one if number in home])
        )
        # 1/jstack.txt, 2/ss.txt, 3/lsof.txt number the outputs of one moment.
        outputs = {pieces[number].kind for _, _, number in members}
        numbered = len(members) == len(moments) == len(outputs) and all(folder.rpartition("/")[2].isdecimal() for folder in moments)
        if len(moments) > 1 and not counted and not numbered:
            ranked = _keys(sorted(((*counts, 0), index) for index, counts in enumerate(moments.values())))
            rank = {folder: ranked[index] for index, folder in enumerate(moments)}
            keys.update({number: rank[folder] for number, folder in home.items()})
    return keys


def _moment_folder(file: str, pids: Collection[str]) -> str | None:
    """The path up to the innermost folder that counts moments; None if there is none. A pid counts none, nor do the folders of /proc."""
    parts = file.split("/")[:-1]
    for depth, name in reversed(list(enumerate(parts))):
        above = parts[depth - 1] if depth else ""
        if counts_moments(name) and not set(_NUMBER.findall(name)) & set(pids) and above not in _OF_PROC:
            return "/".join(parts[: depth + 1])
    return None


def _folder(file: str) -> str:
    return file.rpartition("/")[0]


def _folders(pieces: Sequence[SeriesPiece], keys: dict[int, int]) -> dict[str, set[int]]:
    """Folder → the moments of the series in it: what was saved once, but beside artifacts of one moment, is of that moment."""
    found: dict[str, set[int]] = defaultdict(set)
    for number, key in keys.items():
        found[_folder(pieces[number].file)].add(key)
    return found


def _keys(members: Sequence[tuple[tuple[int, ...], int]]) -> dict[int, int]:
    """Piece number → sorting key within a series: the counter itself where it is one, else the rank."""
    columns = list(zip(*(counts for counts, _ in members), strict=True))
    varying = [column for column in columns if len(set(column)) > 1]
    if len(varying) == 1 and varying[0] is not columns[-1] and max(varying[0]) < _SMALL and len(set(varying[0])) == len(members):
        return {number: value for value, (_, number) in zip(varying[0], members, strict=True)}
    return {number: rank for rank, (_, number) in enumerate(members, start=1)}


def _without_counters(files: Collection[str], pids: Collection[str]) -> set[str]:
    """The pids, but for small ones that names count with: a container's JVM is pid 1, and so is the first of three dumps."""
    small = {pid for pid in pids if int(pid) < _SMALL}
    if not small:
        return set(pids)
    shapes: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for file in files:
        shapes[_NUMBER.sub("#", file)].add(tuple(_NUMBER.findall(file)))
    columns = [set(column) for rows in shapes.values() if len(rows) > 1 for column in zip(*rows, strict=True)]
    counters = {pid for pid in small for column in columns if pid in column and column - set(pids)}
    return set(pids) - counters


def _family(file: str, pids: Collection[str]) -> tuple[str, tuple[int, ...]]:
    """The name with its numbers taken out, and the numbers; pids stay in the name."""
    counts: list[int] = []

    def take(match: re.Match[str]) -> str:
        if match[0] in pids:
            return match[0]
        counts.append(int(match[0][:18]))
        return "#"

    return _NUMBER.sub(take, layouts.numbered(file)), tuple(counts)


def _times(pieces: Sequence[SeriesPiece], keys: dict[int, int], ranks: dict[int, int]) -> dict[int, str]:
    """Snapshot index → the earliest time stated in it."""
    times: dict[int, str] = {}
    for number, piece in enumerate(pieces):
        if piece.time and number in keys:
            index = ranks[keys[number]]
            times[index] = min(piece.time, times.get(index, piece.time))
    return times


def _nearest(time: str | None, times: dict[int, str], last: int) -> int:
    """The snapshot that a single artifact joins: the latest that is not later than its time, else the last."""
    if time is None or not times:
        return last
    earlier = [index for index, stated in times.items() if stated <= time]
    return max(earlier, default=min(times))

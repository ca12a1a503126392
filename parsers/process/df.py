r"""How full file systems are, as ``df`` prints it: GNU, BusyBox, the BSDs and macOS, Solaris, AIX; bytes (``-h``, ``-k``, ``-P``, ``-T``) and inodes (``-i``).

    Filesystem     Type   Size  Used Avail Use% Mounted on
    /dev/vda1      ext4    40G   38G     0 100% /
    tmpfs          tmpfs  7.8G  1.2M  7.8G   1% /run
    /dev/loop3     squashfs 64M   64M     0 100% /snap/core20/2318

What is available is so for users: ext4 keeps some blocks (5 % by default) for root alone, and the BSDs print them as less than nothing. ``Use%`` is rounded up, so that 100 %
may have gigabytes left. The heading names the columns; those of macOS, and of AIX, have bytes and inodes in one row. A device whose name is too long stands on a line
of its own. Without a heading, as behind ``grep``, rows are read where a suffix tells bytes, or a command above tells what they are of. Headings are read
in English, Korean, Japanese and German. GNU's forms are captured from coreutils 9.1, the others written after their manuals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import FileSystem, Parsed
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "df"
SHOWS: Final = frozenset({Shows.PROCESS})
_HEAD: Final = r"(?:Filesystem|Dateisystem|파일[ ]?시스템|ファイルシス(?:テム)?)"
_LAST: Final = r"(?:Mounted(?:[ ]on)?|Eingehängt[ ]auf|마운트위치|マウント位置)"
HEADER: Final = rf"[ ]{{0,40}}{_HEAD}[ ]+[^\n]{{8,160}}?[ ]{_LAST}[ ]*$"
_AMOUNT: Final = r"-?\d{1,18}(?:[.,]\d{1,2})?"
ROW_SHAPE: Final = (
    rf"[^\s:]\S{{0,200}}[ ]+{_AMOUNT}[KMGTP]i?[ ]+{_AMOUNT}[KMGTPB]?i?[ ]+{_AMOUNT}[KMGTPB]?i?[ ]+\d{{1,3}}%[ ]+/(?![^\n]*[ ]\d{{1,3}}%)"
)
_heading = lazy(HEADER).match
_row = lazy(ROW_SHAPE).match
_cell = lazy(r"(?P<number>-?\d{1,18}(?:[.,]\d{1,3})?)(?P<unit>[KMGTPEZk]?)(?:Bi|i?[Bb]?)\Z").match
_percent = lazy(r"(?P<number>-?\d{1,4})(?:[.,]\d{1,2})?%\Z").match
_blocks = lazy(r"(?P<number>\d{0,5})(?P<unit>[KMGT]?)i?B?-?(?:blocks|블록|ブロック|Blöcke)\Z").match
_remark = lazy(r"(?:\S{0,80}/)?df: |total[ ]+\S+[ ]+\S+[ ]+\S+[ ]+\S+[ ]+-\s*$").match
_asked = lazy(r"(?:^|[;&|][ ]?|\bsudo[ ])(?:/\S{0,60}/)?df\b(?P<options>[^|;&>\n]{0,200})").search
_letters = lazy(r"(?<!\S)-([a-zA-Z]{1,8})").findall
_UNITS: Final = "KMGTPEZ"
_PLAIN: Final = 1024
_PLAIN_COLUMNS: Final = ("size", "used", "available", "percent")
_INODES: Final = ("inodes", "iused", "ifree", "ipercent")
_COLUMNS: Final = {
    **dict.fromkeys(("Type", "Typ", "형식", "タイプ"), "kind"),
    **dict.fromkeys(("Size", "size", "kbytes", "Größe", "크기", "サイズ"), "size"),
    **dict.fromkeys(("Used", "used", "Benutzt", "사용", "使用"), "used"),
    **dict.fromkeys(
        ("Available", "Avail", "available", "avail", "Free", "free", "Verfügbar", "Verf.", "가용", "使用可", "残り"), "available"
    ),
    **dict.fromkeys(
        ("Use%", "Capacity", "capacity", "%Used", "%used", "Verw%", "Kapazität", "사용%", "용량", "使用%", "使用率", "容量"), "percent"
    ),
    **dict.fromkeys(("Inodes", "inodes", "Iノード"), "inodes"),
    **dict.fromkeys(("IUsed", "Iused", "iused", "IBenutzt", "I사용", "I使用"), "iused"),
    **dict.fromkeys(("IFree", "Ifree", "ifree", "IFrei", "I残り"), "ifree"),
    **dict.fromkeys(("IUse%", "%Iused", "%iused", "I使用%", "I사용%"), "ipercent"),
}
"""What the columns of every df are called, and what is in them."""
_OF_INODES: Final = {"used": "iused", "available": "ifree", "percent": "ipercent"}
"""BusyBox calls the columns of ``-i`` as those of bytes."""


def sniff(head: Sequence[str]) -> bool:
    """True if a heading, or a row with a suffix of bytes, a percentage and a path, is among the lines."""
    return any(_row(line) or (_heading(line) and _columns(line) is not None) for line in head)


def below(section: Section) -> Parsed | None:
    """Rows without a heading below a command that asks df alone: whether their numbers are of bytes, its options tell."""
    asked = _asked(section.prompt or "")
    if asked is None or any(_heading(line) for line in section.head(_MOST_REMARKS)):
        return None
    letters = "".join(_letters(asked["options"]))
    columns = list(_INODES if "i" in letters or "--inodes" in asked["options"] else _PLAIN_COLUMNS)
    if "T" in letters or "--print-type" in asked["options"]:
        columns.insert(0, "kind")
    parsed = _parsed(section, columns, 1024**2 if "m" in letters else 1024**3 if "g" in letters else _PLAIN)
    return parsed if parsed.records else None


_MOST_REMARKS: Final = 40
"""Lines above the heading that are looked at: df complains of each mount that it may not see."""


def parse(section: Section) -> Parsed:
    """Read every row: one record for its bytes, one for its inodes."""
    return _parsed(section, [], _PLAIN)


def _parsed(section: Section, columns: list[str], unit: int) -> Parsed:
    records: list[FileSystem] = []
    unread: list[tuple[int, str]] = []
    read = 0
    device: tuple[int, str] | None = None  # a name that is alone on its line
    for index, line in section.rows():
        if _heading(line) and (named := _columns(line)) is not None:
            columns, unit = named
        elif _remark(line) is None:
            known = columns or (list(_PLAIN_COLUMNS) if _row(line) else [])
            cells = line.split()
            found = _split(cells, known, device[1] if device is not None and line[0].isspace() else None)
            if found is None:
                if device is not None:
                    unread.append((device[0], "no row of df"))
                device = (index, cells[0]) if len(cells) == 1 and known and not line[0].isspace() else None
                if device is None:
                    unread.append((index, "no row of df"))
                continue
            if device is not None and line[0].isspace():
                read += 1
            elif device is not None:
                unread.append((device[0], "no row of df"))
            device = None
            records += _of_row(section, index, line, found, known, unit)
        read += 1
    if device is not None:
        unread.append((device[0], "no row of df"))
    gaps, elisions = leftovers(section, sorted(unread))
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _columns(line: str) -> tuple[list[str], int] | None:
    """What the columns between device and mount are, and the bytes of a plain number; None if one of them is not known."""
    for words in ("Mounted on", "Eingehängt auf", "파일 시스템", "GB blocks", "MB blocks"):
        line = line.replace(words, words.replace(" ", "-"))
    unit, found = _PLAIN, []
    for word in line.split()[1:-1]:
        if (match := _blocks(word)) is not None:
            unit = int(match["number"] or 1) * 1024 ** (_UNITS.find(match["unit"]) + 1 if match["unit"] else 0)
            unit = unit if match["number"] or match["unit"] else 512
            found.append("size")
        elif word in _COLUMNS:
            found.append(_COLUMNS[word])
        else:
            return None
    if "inodes" in found and "iused" not in found:
        found = [_OF_INODES.get(name, name) for name in found]
    told = {"available", "percent"} <= set(found) or {"ifree", "ipercent"} <= set(found)
    return (found, unit) if told and len(set(found)) == len(found) else None


def _split(cells: Sequence[str], columns: Sequence[str], device: str | None) -> tuple[str, dict[str, str], int] | None:
    """The device, the cells by their columns, and the number of words before the mount; names of devices may hold blanks."""
    for at in range(0 if device is not None else 1, 1 if device is not None else len(cells) - len(columns)):
        end = at + len(columns)
        values = dict(zip(columns, cells[at:end], strict=False))
        if not columns or end >= len(cells) or not (cells[end].startswith("/") or cells[end][1:3] == ":/"):
            continue
        if all(name == "kind" or value == "-" or _cell(value) or _percent(value) for name, value in values.items()):
            return device or " ".join(cells[:at]), values, end
    return None


def _of_row(
    section: Section, index: int, line: str, found: tuple[str, dict[str, str], int], columns: Sequence[str], unit: int
) -> list[FileSystem]:
    device, cells, before = found
    mount = line.split(None, before)[-1].rstrip()
    kind = cells.get("kind")
    where = section.where(index)
    made = []
    if "available" in columns:
        size, available = (_bytes(cells.get(name, "-"), unit) for name in ("size", "available"))
        used = _bytes(cells.get("used", "-"), unit)
        percent = _share(cells.get("percent", "-"))
        made.append(
            FileSystem(where=where, device=device, mount=mount, kind=kind, size=size, used=used, available=available, used_percent=percent)
        )
    if "ipercent" in columns:
        used, free = (_bytes(cells.get(name, "-"), 1) for name in ("iused", "ifree"))
        size = _bytes(cells.get("inodes", "-"), 1)
        size = used + free if size is None and used is not None and free is not None else size
        percent = _share(cells.get("ipercent", "-"))
        made.append(
            FileSystem(
                where=where,
                device=device,
                mount=mount,
                kind=kind,
                size=size,
                used=used,
                available=free,
                used_percent=percent,
                inodes=True,
            )
        )
    return made


def _bytes(cell: str, unit: int) -> int | None:
    """A number in bytes (or inodes): ``38G`` and ``1.5Gi`` are powers of 1024, a bare number is of the heading's unit."""
    match = _cell(cell)
    if match is None:
        return None
    number = float(match["number"].replace(",", "."))
    if match["unit"] == "k":
        return int(number * 1000)
    if match["unit"]:
        return int(number * 1024 ** (_UNITS.index(match["unit"]) + 1))
    return int(number) if "B" in cell else int(number * unit)


def _share(cell: str) -> int | None:
    match = _percent(cell)
    return int(match["number"]) if match is not None else None

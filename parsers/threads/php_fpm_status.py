r"""PHP-FPM's status page (``pm.status_path``), short, ``?full`` and ``?json``: how many children are busy, and what each of them serves.

    pool:                 www
    process manager:      dynamic
    listen queue:         12
    idle processes:       0
    active processes:     5
    ************************
    pid:                  25712
    state:                Running
    request duration:     6960707
    request URI:          /invoice.php?id=3
    script:               /srv/app/invoice.php

A child serves one request at a time: one dump a process, whose only frame is the script; an idle one waits in FastCGI's accept. The slow log has the
stack itself. A pool without an idle child while connections wait for one is an event of its own. Captured from PHP-FPM 8.2
(``sapi/fpm/fpm/fpm_status.c``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Frame, JavaState, LogEvent, LogKind, NativeId, Parsed, Pid, Record, Runtime, ThreadDump
from parsers.records.shows import Shows
from parsers.text.json_lines import Document, JsonObject
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "php_fpm_status"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"pool:[ ]{4,40}\S{1,200}[ ]*$"
ROW_SHAPE: Final = r"process manager:[ ]{1,40}(?:static|dynamic|ondemand)|\{\"pool\":\"[^\"\n]{1,200}\",\"process manager\":"

_json = lazy(r'\s*\{\s*"pool"\s*:\s*"[^"]{1,200}"\s*,\s*"process manager"\s*:').match
_manager = lazy(r"process manager:\s+(?:static|dynamic|ondemand)\s*$").match
_field = lazy(r"(?P<key>[a-z][A-Za-z ]{2,30}):\s+(?P<value>\S.*?)\s*$").match
_rule = lazy(r"\*{20,40}\s*$").match
_served = lazy(r"(?:[A-Z][\w-]{2,40}: \S|HTTP/\d|Status: \d)").match
"""Headers of the answer, which ``cgi-fcgi`` and ``curl -i`` print above the page."""
_KEYS: Final = frozenset(
    (
        *("pool", "process manager", "start time", "start since", "accepted conn", "listen queue", "max listen queue", "listen queue len"),
        *(
            "idle processes",
            "active processes",
            "total processes",
            "max active processes",
            "max children reached",
            "slow requests",
            "memory peak",
        ),
        *(
            "pid",
            "state",
            "requests",
            "request duration",
            "request method",
            "request URI",
            "request uri",
            "content length",
            "user",
            "script",
        ),
        *("last request cpu", "last request memory"),
    )
)
_FIGURES: Final = (
    ("active processes", "active"),
    ("total processes", "total"),
    ("listen queue", "queue"),
    ("max children reached", "limit reached"),
)
_DECIDES: Final = "idle processes"
_IDLE: Final = "Idle"
_ACCEPTS: Final = Frame("", "fcgi_accept_request")


def sniff(head: Sequence[str]) -> bool:
    """True if the head of a page is among the lines."""
    return _json("\n".join(head[:3])) is not None or any(map(_manager, head))


def parse(section: Section) -> Parsed:
    """Read a page, or several one after the other."""
    return _of_json(section) if _json("\n".join(section.head(3))) else _of_text(section)


def _of_text(section: Section) -> Parsed:
    blocks: list[tuple[int, int, dict[str, str]]] = []
    unread: list[tuple[int, str]] = []
    shown: dict[int, int] = {}
    read = 0
    for index, line in section.rows():
        match = _field(line)
        key = match["key"] if match else None
        if match and key in _KEYS:
            if key in {"pool", "pid"} or not blocks:
                blocks.append((index, index, {}))
            first, _, fields = blocks[-1]
            fields[key] = match["value"]
            if key == _DECIDES:
                shown[first] = index
            blocks[-1] = first, index, fields
        elif not (_rule(line) or _served(line)):
            unread.append((index, "no line of a status page"))
            continue
        read += 1
    records: list[Record] = []
    pool = ""
    for first, last, fields in blocks:
        pool = fields.get("pool", pool)
        found = _process(section, first, last, fields, pool) if "pid" in fields else _event(section, shown.get(first, first), fields)
        records += [found] if found is not None else []
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _of_json(section: Section) -> Parsed:
    document = Document(section.lines)
    odd = [(index, "no JSON") for index in document.odd if section.lines[index] and not section.lines[index].isspace()]
    gaps, elisions = leftovers(section, odd)
    read = section.nonblank - len(odd) + len(elisions)
    root = document.root
    if not isinstance(root, JsonObject):
        return Parsed(elisions, read, gaps)
    pages = [(root, _event(section, root.first, _texts(root)))]
    records: list[Record] = [event for _, event in pages if event is not None]
    for child in root.objects("processes"):
        found = _process(section, child.first, child.last, _texts(child), root.text("pool") or "")
        records += [found] if found is not None else []
    return Parsed((*records, *elisions), read, gaps)


def _texts(fields: JsonObject) -> dict[str, str]:
    return {key: str(value) for key, value in fields.items() if isinstance(value, str | int | float)}


def _event(section: Section, index: int, fields: dict[str, str]) -> LogEvent | None:
    """What a page proves that shows no idle child while connections wait for one."""
    figures = {name: float(text) for key, name in _FIGURES if (text := fields.get(key, "")).isdecimal()}
    if fields.get(_DECIDES) != "0" or not figures.get("active") or not figures.get("queue"):
        return None
    return LogEvent(
        where=section.where(index),
        kind=LogKind.WORKERS,
        source="PHP-FPM",
        subject=fields.get("pool"),
        figures=tuple(figures.items()),
    )


def _process(section: Section, first: int, last: int, fields: dict[str, str], pool: str) -> ThreadDump | None:
    """A child as a dump of one thread; None for a number that is none."""
    number = fields.get("pid", "")
    if not number.isdecimal() or len(number) > 10:  # noqa: PLR2004 - digits of a pid
        return None
    state = fields.get("state")
    stack = Stack(section, first, last)
    script = fields.get("script", "-").rpartition("/")[2]
    if state == _IDLE:
        stack.frame(_ACCEPTS, first)
    elif script not in {"", "-"}:
        stack.frame(Frame("", script), first)
    stack.reach(last)
    thread = stack.thread(
        name=f"{pool} {number}",
        native_id=NativeId(int(number)),
        group=pool or None,
        native_state=state,
        state=JavaState.WAITING if state == _IDLE else None,
    )
    return ThreadDump(where=thread.where, dialect=NAME, threads=(thread,), pid=Pid(int(number)), runtime=Runtime.PHP)

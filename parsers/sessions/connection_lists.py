"""Connections as RabbitMQ, ZooKeeper and memcached list them: ``list_connections``, ``cons``, ``stats conns``.

     /10.0.0.5:43210[1](queued=0,recved=12,sent=12,sid=0x1000066a1fa0000,lop=PING,est=1795878422486,to=30000)
     /10.0.0.6:50112[1](queued=7,recved=31,sent=24,sid=0x1000066a1fa0001,lop=GETD,est=1795878422490,to=30000)

RabbitMQ's columns are as asked (``user``, ``peer_host``, ``peer_port``, ``state`` …), between tabs, in a box, or JSON. ``blocked``, ``blocking`` and ``flow``: the
broker holds publishers back (an alarm, or its own pace). ZooKeeper counts packets of the client that it read and sent; queued ones the client has not taken.
memcached prints a line a field, ``STAT 27:addr tcp:10.0.0.5:43210``. Names and states were captured from RabbitMQ 3.10, ZooKeeper 3.8 and memcached 1.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, Session, SessionState
from parsers.records.shows import Shows
from parsers.sessions.common import client_end, parse_rows
from parsers.text.endpoint import endpoint
from parsers.text.json_lines import Document, JsonObject
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.tables import Cells, columns_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.records import Record

NAME: Final = "connection_lists"
SHOWS: Final = frozenset({Shows.SESSIONS})
_NAMES: Final = "user|peer_host|peer_port|state|pid|name|host|port|vhost|channels|protocol|ssl|node|connected_at|timeout|recv_oct|send_oct|client_properties"
# An alternative that begins with a sign or a set is passed over at any other sign; one that begins with a group is not.
_REST: Final = "|".join(sorted({name[1:] for name in _NAMES.split("|")}))
_INITIALS: Final = "".join(sorted({name[0] for name in _NAMES.split("|")}))
_ROW: Final = r"(?=[^\n]{0,600}\bpeer_(?:host|port)\b)[^\n]*$"
_TABLE: Final = rf"[{_INITIALS}](?:{_REST})\t{_ROW}|│{_ROW}|┌[─┬┐]+[ ]*\n│{_ROW}"
HEADER: Final = (
    rf"Listing connections \.\.\.[ ]*\n(?:{_TABLE}|[^\n\t]{{1,60}}\t[^\n]{{1,400}}$|(?=\[))"
    rf"|name\t[^\n]{{1,400}}\n[^\n\t]{{3,200}} -> |peer_(?:host|port)\t[^\n]*$|{_TABLE}|\[\s{{0,20}}\{{[^\]\n]{{0,400}}\"peer_(?:host|port)\"[ ]*:"
)
_END: Final = r"/[\[0-9a-fA-F][^\s\[(]{3,60}\]?:\d{1,5}\[\d+\]\((?:queued|recved)="
ROW_SHAPE: Final = rf"[ ]{_END}|{_END}|STAT \d+:(?:addr|listen_addr|state|secs_since_last_cmd) "
_cons = lazy(r"\s*/(?P<end>\S+:\d{1,5})\[\d+\]\((?P<cells>[^)]*)\)\s*$").match
_stat = lazy(r"STAT (?P<id>\d+):(?P<name>\w+) (?P<value>.*?)\s*$").match
_remark = lazy(r"\s*(?:Listing connections \.\.\.|Timeout: [\d.]+ seconds? \.\.\.|\.\.\.done\.|END|[┌├└][─┬┼┴┐┤┘]+)\s*$").match
_of_stat = lazy(
    r"\s*(?:Zookeeper version: .*|Clients:|Latency min/avg/max: .*|(?:Received|Sent|Connections|Outstanding|Node count): -?\d+|Zxid: 0x[0-9a-f]+|Mode: \w+"
    r"|Proposal sizes last/min/max: .*)\s*$"
).match
_CELL: Final = lazy(r"(?<!\w)(\w+)=([^,]*)")
_HELD_BACK: Final = frozenset({"blocked", "blocking", "flow"})
_PLAIN: Final = ("user", "peer_host", "peer_port", "state")
"""What ``list_connections`` shows where nothing is asked for; before 3.8 without a heading."""
_RABBIT: Final = ({"peer_host", "peer_port"}, {"peer_port", "state"})
_named = lazy(r"[^\t]*\S:\d{1,5} -> \S{1,300}:\d{1,5}(?:\t|\s*$)").match


def sniff(head: Sequence[str]) -> bool:
    """True if a list of one of them is among the lines."""
    lines = _listed(head)
    return (
        any(_cons(line) or _connection(line) for line in head)
        or any(need <= columns_of(lines) for need in _RABBIT)
        or (len(lines) > 1 and columns_of(lines) >= {"name", "state"} and _named(lines[1]) is not None)
        or _is_json(lines)
        or _is_bare(head)
    )


def parse(section: Section) -> Parsed:
    """Read every connection."""
    lines = [text for _, text in section.rows()]
    if any(map(_cons, lines)):
        return _of_zookeeper(section)
    if any(map(_connection, lines)):
        return _of_memcached(section)
    if _is_json(_listed(lines)):
        return _of_json(section)
    return _of_rabbit(section, bare=_is_bare(lines))


def _listed(head: Sequence[str]) -> list[str]:
    """The lines of a table, without what stands around it and with tabs for the bars of a box."""
    return [_between_bars(line) for line in head if not _remark(line)]


def _between_bars(line: str) -> str:
    return "\t".join(cell.strip() for cell in line.strip().strip("│").split("│")) if line.lstrip().startswith("│") else line


def _is_bare(head: Sequence[str]) -> bool:
    """True for the default columns below the preamble, without a heading."""
    lines = _listed(head)
    cells = lines[0].split("\t") if lines and any(line.startswith("Listing connections") for line in head[:3]) else []
    return len(cells) == len(_PLAIN) and cells[2].isdigit()


def _is_json(lines: Sequence[str]) -> bool:
    begin = "\n".join(lines[:40])[:3000]
    return begin.lstrip().startswith("[") and '"peer_port"' in begin and '"threadName"' not in begin


def _connection(line: str) -> bool:
    match = _stat(line)
    return match is not None and match["name"] in {"addr", "listen_addr", "state", "secs_since_last_cmd"}


def _of_rabbit(section: Section, *, bare: bool) -> Parsed:
    """The table without what stands around it: blank lines keep the numbers."""
    lines = ["" if _remark(line) else _between_bars(line) for line in section.lines]
    known = sum(1 for line in section.lines if line.strip() and _remark(line))
    if bare:
        unread: list[tuple[int, str]] = []
        records: list[Record] = []
        for index, text in enumerate(lines):
            cells = text.split("\t")
            record = _rabbit(section, index, index, Cells(zip(_PLAIN, cells, strict=False))) if len(cells) == len(_PLAIN) else None
            if record is not None:
                records.append(record)
            elif text.strip():
                unread.append((index, "no row of the table"))
        gaps, elisions = leftovers(section, unread)
        return Parsed((*records, *elisions), section.nonblank - sum(gap.lines for gap in gaps), gaps)
    table = section._replace(lines=lines)
    parsed = parse_rows(table, lambda row: _rabbit(section, row.first, row.last, row.cells))
    return Parsed(parsed.records, parsed.read + known, parsed.unread)


def _rabbit(section: Section, first: int, last: int, cells: Cells) -> Session | None:
    client = client_end(cells["peer_host"], cells["peer_port"]) or endpoint(cells["name"].partition(" -> ")[0])
    if client is None:
        return None
    printed = cells["state"]
    return Session(
        where=section.where(first, last),
        server="rabbitmq",
        id=str(client),  # a pid has the name of the broker's host in it
        client=client,
        user=cells["user"] or None,
        database=cells["vhost"] or None,
        application=cells["user_provided_name"] or None,
        printed_state=printed,
        waits_on=f"publishers are held back ({printed})" if printed in _HELD_BACK else None,
    )


def _of_json(section: Section) -> Parsed:
    document = Document(["" if _remark(line) else line for line in section.lines])
    records = []
    for entry in document.root or ():
        if isinstance(entry, JsonObject):
            cells = Cells({key: str(value) for key, value in entry.items() if isinstance(value, str | int) and not isinstance(value, bool)})
            record = _rabbit(section, entry.first, entry.last, cells)
            records += [record] if record is not None else []
    gaps, elisions = leftovers(section, [(index, "no JSON") for index in document.odd])
    return Parsed((*records, *elisions), section.nonblank - sum(gap.lines for gap in gaps), gaps)


def _of_zookeeper(section: Section) -> Parsed:
    records: list[Session] = []
    unread: list[tuple[int, str]] = []
    for index, text in section.rows():
        match = _cons(text)
        if match is None:
            if not _of_stat(text):
                unread.append((index, "no connection"))
            continue
        cells = Cells(_CELL.findall(match["cells"]))
        queued, received, sent = (int(cells[name]) if cells[name].isdigit() else 0 for name in ("queued", "recved", "sent"))
        records.append(
            Session(
                where=section.where(index),
                server="zookeeper",
                id=cells["sid"] or match["end"],
                client=endpoint(match["end"]),
                state=SessionState.ACTIVE if received > sent else SessionState.IDLE,
                printed_state=f"queued={queued} recved={received} sent={sent}",
                waits_on="the client takes no answers" if queued else None,
                statement=cells["lop"] or None,
                age=(int(last) - int(since)) / 1000 if (last := cells["lresp"]).isdigit() and (since := cells["est"]).isdigit() else None,
            )
        )
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), section.nonblank - sum(gap.lines for gap in gaps), gaps)


_MEMCACHED: Final = {
    "conn_read": SessionState.IDLE,
    "conn_waiting": SessionState.IDLE,
    "conn_new_cmd": SessionState.IDLE,
    "conn_nread": SessionState.IDLE,
    "conn_swallow": SessionState.IDLE,
}
_BUSY: Final = frozenset({"conn_parse_cmd", "conn_write", "conn_mwrite", "conn_io_queue", "conn_io_resume"})


def _of_memcached(section: Section) -> Parsed:
    found: dict[str, dict[str, str]] = {}
    lines: dict[str, list[int]] = {}
    unread: list[tuple[int, str]] = []
    for index, text in section.rows():
        match = _stat(text)
        if match is not None:
            found.setdefault(match["id"], {})[match["name"]] = match["value"]
            lines.setdefault(match["id"], []).append(index)
        elif not _remark(text):
            unread.append((index, "no connection"))
    records = [
        _memcached(section, number, cells, lines[number]) for number, cells in found.items() if cells.get("state") != "conn_listening"
    ]
    gaps, elisions = leftovers(section, unread)
    return Parsed((*(one for one in records if one is not None), *elisions), section.nonblank - sum(gap.lines for gap in gaps), gaps)


def _memcached(section: Section, number: str, cells: dict[str, str], lines: Sequence[int]) -> Session | None:
    kind, _, address = cells.get("addr", "").partition(":")
    client = endpoint(address) if kind in {"tcp", "tcp6", "udp", "udp6"} else None
    if client is None or client.port is None:
        return None
    state, seconds = cells.get("state", ""), cells.get("secs_since_last_cmd", "")
    return Session(
        where=section.where(lines[0], lines[-1]),
        server="memcached",
        id=number,
        client=client,
        state=SessionState.ACTIVE if state in _BUSY else _MEMCACHED.get(state, SessionState.UNKNOWN),
        printed_state=state,
        waits_on="the rest of a value from the client" if state == "conn_nread" else None,
        state_age=float(seconds) if seconds.isdigit() else None,
    )

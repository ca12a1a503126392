r"""Packets as tcpdump prints them: what became of each connection, as far as these lines tell.

    09:12:44.120511 IP 10.4.0.7.51820 > 10.4.0.9.9092: Flags [S], seq 177120, win 64240, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0
    09:12:44.120933 IP 10.4.0.9.9092 > 10.4.0.7.51820: Flags [R.], seq 0, ack 177121, win 0, length 0
    09:12:45.1 eth0  Out IP6 fd00::7.51822 > fd00::9.9092: Flags [S], seq 88, win 64800, length 0

With ``-v`` the addresses stand on a second line, with ``-e`` behind the frame's own. A filter may have hidden the other direction, so what is missing proves
nothing by itself: but a SYN that is sent again was not answered, whoever looks. Data that is sent again was not acknowledged in time.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from parsers.records import Endpoint, FarCount, Fate, Parsed
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "tcpdump_text"
SHOWS: Final = frozenset({Shows.PROCESS})

_TIME: Final = r"(?:\d{4}-\d\d-\d\d[ ])?(?:\d\d:\d\d:\d\d\.\d{1,9}|\d{9,10}\.\d{1,9}|[ ]?00:00:\d\d\.\d{1,9})"
HEADER: Final = r"(?!)"
_BEHIND: Final = (
    r"\.\d{1,9}[ ](?:[a-z][\w.-]{0,15}[ ]{1,2}(?:In|Out|B|M|P)[ ]{1,3})?(?:IP6?[ ][^\s>]|ARP, |[0-9a-f]{2}(?::[0-9a-f]{2}){5} > )"
)
ROW_SHAPE: Final = (
    rf"\d\d:\d\d:\d\d{_BEHIND}|\d{{4}}-\d\d-\d\d[ ]\d\d:\d\d:\d\d{_BEHIND}|\d{{9,10}}{_BEHIND}|[ ]00:00:\d\d{_BEHIND}"
    r"|tcpdump: (?:verbose output|listening on|data link)|dropped privs to tcpdump"
    r"|reading from file [^\n]{1,200}, link-type|listening on [\w.-]{1,40}, link-type"
)
_packet = lazy(rf"\s*(?:\d{{1,9}}\s{{1,4}})?{_TIME}\s").match
_flags = lazy(r"(?:Flags \[(?P<flags>[SFPRWEU.none]{1,8})\]|(?P<old>[SFPRWE.]{1,6})(?= (?:\d|ack|win)))").match
_seq = lazy(r"(?:seq )?(?P<seq>\d{1,12})(?::(?P<end>\d{1,12}))?(?:\((?P<size>\d{1,9})\))?").search
_length = lazy(r", length (?P<length>\d{1,9})").search
_remark = lazy(
    r"\s*(?:tcpdump: |dropped privs to tcpdump|reading from file |listening on |\d{1,9} packets? (?:captured|received by filter|dropped by (?:kernel|interface))|\^C|0x[0-9a-f]{4}: )"
).match
_ARROW: Final = " > "
_COUNT: Final = 2


def sniff(head: Sequence[str]) -> bool:
    """True if a packet of TCP is among the lines."""
    return any(_ARROW in line and _ends(line) is not None for line in head)


def parse(section: Section) -> Parsed:
    """Read every packet, and what became of each connection."""
    flows: dict[tuple[str, str], _Flow] = {}
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        found = _ends(line) if _ARROW in line else None
        if found is None:
            if _remark(line) or (_packet(line) and (" IP" in line or " ARP" in line)):
                read += 1
            else:
                unread.append((index, "no packet as tcpdump prints it"))
            continue
        read += 1
        source, target, flags, rest = found
        key = (source, target) if source < target else (target, source)
        flow = flows.setdefault(key, _Flow(index))
        flow.take(source, target, flags, rest)
    gaps, elisions = leftovers(section, unread)
    return Parsed((*_counted(section, list(flows.values())), *elisions), read + len(elisions), gaps)


def _ends(line: str) -> tuple[str, str, str, str] | None:
    """Source, target, flags and what stands behind them; None for what is no packet of TCP."""
    left, _, right = line.rpartition(_ARROW) if line.count(_ARROW) == 1 else _last_arrow(line)
    target, sign, rest = right.partition(": ")
    match = _flags(rest) if sign else None
    source = left.rpartition(" ")[2]
    if match is None or "." not in source or "." not in target or " " in target:
        return None
    return source, target, match["flags"] or match["old"], rest[match.end() :]


def _last_arrow(line: str) -> tuple[str, str, str]:
    """With ``-e`` the frame's own addresses stand in front, with an arrow between them, too."""
    head, sign, tail = line.partition(_ARROW)
    before, more, behind = tail.partition(_ARROW)
    return (f"{head}{_ARROW}{before}", more, behind) if more else (head, sign, tail)


class _Flow:
    """The packets of one connection, in order."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.client = self.server = ""
        self.syns: Counter[str] = Counter()
        self.answered = self.refused = False
        self.reset: str | None = None
        self.sent: Counter[tuple[str, str]] = Counter()

    def take(self, source: str, target: str, flags: str, rest: str) -> None:
        """Count a packet."""
        seq = _seq(rest[:60])
        if "S" in flags and "." not in flags and " ack " not in rest[:80]:
            self.client, self.server = source, target
            self.syns[seq["seq"] if seq is not None else ""] += 1
        elif "R" in flags:
            if self.syns and not self.answered and source == self.server:
                self.refused = True
            else:
                self.reset = self.reset or source
                self.client, self.server = (self.client, self.server) if self.client else _guess(source, target)
        elif "S" in flags or source == (self.server or None):
            self.answered = True
            self.client, self.server = (self.client, self.server) if self.client else (target, source)
        length = _length(rest)
        size = int(length["length"]) if length is not None else int(seq["size"] or 0) if seq is not None else 0
        if size and seq is not None and not set(flags) & {"S", "R"}:
            self.sent[source, seq["seq"]] += 1
            self.client, self.server = (self.client, self.server) if self.client else _guess(source, target)

    @property
    def fate(self) -> Fate | None:
        """What became of it, None where nothing is wrong in these lines."""
        if self.refused:
            return Fate.REFUSED
        if self.syns and not self.answered and self.reset is None:
            return Fate.UNANSWERED if max(self.syns.values()) >= _COUNT else Fate.SILENT
        if self.reset is not None:
            return Fate.RESET_BY_SERVER if self.reset == self.server else Fate.RESET_BY_CLIENT
        return Fate.AGAIN if any(count >= _COUNT for count in self.sent.values()) else None

    @property
    def packets(self) -> int:
        """How many packets tell it."""
        if self.syns and not self.answered:
            return sum(self.syns.values())
        return sum(count - 1 for count in self.sent.values() if count >= _COUNT)


def _guess(source: str, target: str) -> tuple[str, str]:
    """Client and server of a connection whose beginning is not here: the smaller port, or the one with a name, is the server's."""
    first, second = source.rpartition(".")[2], target.rpartition(".")[2]
    if not second.isdigit() or (first.isdigit() and int(second) < int(first)):
        return source, target
    return target, source


def _counted(section: Section, flows: Sequence[_Flow]) -> list[FarCount]:
    """The connections by server and fate."""
    groups: dict[tuple[str, Fate], list[_Flow]] = {}
    for flow in flows:
        if (fate := flow.fate) is not None:
            groups.setdefault((flow.server, fate), []).append(flow)
    return [
        FarCount(
            where=section.where(alike[0].index),
            tool=NAME,
            remote=remote,
            count=len(alike),
            fate=fate,
            packets=sum(flow.packets for flow in alike),
        )
        for (server, fate), alike in groups.items()
        if (remote := _endpoint(server)) is not None
    ]


def _endpoint(text: str) -> Endpoint | None:
    """``10.0.0.9.9092``, ``fd00::9.9092``, ``broker-2.postgresql``."""
    host, _, port = text.rpartition(".")
    return endpoint(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") if host and port else None

r"""Packets as tcpdump prints them: what became of each connection, as far as these lines tell.

    09:12:44.120511 IP 10.4.0.7.51820 > 10.4.0.9.9092: Flags [S], seq 177120, win 64240, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0
    09:12:44.120933 IP 10.4.0.9.9092 > 10.4.0.7.51820: Flags [R.], seq 0, ack 177121, win 0, length 0
    09:12:45.1 eth0  Out IP6 fd00::7.51822 > fd00::9.9092: Flags [S], seq 88, win 64800, length 0

With ``-v`` the addresses stand on a second line, with ``-e`` behind the frame's own. A filter may have hidden the other direction, so what is missing proves
nothing by itself: but a SYN that is sent again was not answered, whoever looks. Data that is sent again was not acknowledged in time.
A server that closes a connection on which nothing was sent for a while, and resets it when a request crosses its FIN, never saw that request.
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

    from parsers.records import Where

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
_clock = lazy(
    r"\s*(?:\d{1,9}\s{1,4})?(?:\d{4}-\d\d-\d\d[ ])?(?!00:00:)(?:(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d\.\d{1,9})|(?P<epoch>\d{9,10}\.\d{1,9}))\s"
).match
"""The time of day; what begins with 00:00 may be the time since the packet before (``-ttt``)."""
_ack = lazy(r"\back (\d{1,12})").search
_remark = lazy(
    r"\s*(?:tcpdump: |dropped privs to tcpdump|reading from file |listening on |\d{1,9} packets? (?:captured|received by filter|dropped by (?:kernel|interface))|\^C|0x[0-9a-f]{4}: )"
).match
_ARROW: Final = " > "
_COUNT: Final = 2
_DAY: Final = 86400.0
_IDLE: Final = 1.0
"""Seconds without a packet of data from which on a connection rested."""
_AT_ONCE: Final = 1.0
"""Seconds from a request to a FIN that does not acknowledge it: they met on the way."""
_PROMPT: Final = 3.0
"""Seconds in which a closed socket answers by a reset; one that comes later is of something else."""
_VAIN: Final = 3
"""Repetitions of one packet from which on some seconds have passed without an answer."""
_NEAR: Final = 5.0
"""Seconds around SYNs without an answer in which an answer to another one shows that the server is up."""
_RESTED: Final = frozenset({Fate.CROSSED, Fate.VAIN})
_LINES: Final = 12
"""Lines that are shown as one place."""


def sniff(head: Sequence[str]) -> bool:
    """True if a packet of TCP is among the lines."""
    return any(_ARROW in line and _ends(line) is not None for line in head)


def parse(section: Section) -> Parsed:
    """Read every packet, and what became of each connection."""
    flows: dict[tuple[str, str], _Flow] = {}
    unread: list[tuple[int, str]] = []
    read = 0
    at: float | None = None
    for index, line in section.rows():
        at = _time(line, at)
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
        flow.time(at, source, flags)
        flow.watch(index, at, source, flags, rest)
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


def _time(line: str, before: float | None) -> float | None:
    """Seconds of the packet's time; with ``-v`` its addresses stand on a second line, which has the time of the first."""
    match = _clock(line)
    if match is None:
        return None if _packet(line) else before
    return float(match["epoch"]) if match["epoch"] else 3600 * int(match["h"]) + 60 * int(match["m"]) + float(match["s"])


def _between(earlier: float, later: float) -> float:
    """Seconds from one time to another, over midnight too."""
    return later - earlier if later >= earlier else later - earlier + _DAY


class _Close:
    """Whether the server closes the connection while it rests, and a request crosses that."""

    def __init__(self) -> None:
        self.answered: tuple[int, float] | None = None
        self.asked: tuple[float, int] | None = None
        self.fin: float | None = None
        self.sent = -1
        self.idle = self.late = 0.0
        self.over = False
        self.lines: tuple[int, int] | None = None

    def take(self, index: int, at: float, flags: str, rest: str, size: int, *, by_server: bool) -> None:
        """A packet with its time."""
        seq, ack = _seq(rest[:60]), _ack(rest[:120])
        begins = int(seq["seq"]) if seq is not None else -1
        if self.over or self.lines is not None:
            return
        if "R" in flags:
            self._reset(index, at, by_server=by_server)
        elif "F" in flags:
            self.over = not by_server or size > 0 or self.fin is not None or not self._closes(at, int(ack[1]) if ack else None)
        elif size and by_server:
            self.answered, self.asked = (index, at), None
        elif size and begins > self.sent:
            self.sent = begins
            self.asked = self.asked or (at, begins)

    def _closes(self, at: float, ack: int | None) -> bool:
        """True if the server closes what has rested: a request is on its way at most, and not acknowledged by the FIN."""
        if self.answered is None:
            return False
        self.fin, self.idle = at, _between(self.answered[1], at)
        if self.asked is None:
            return self.idle >= _IDLE
        asked, begins = self.asked
        crossed = ack is not None and ack <= begins and _between(asked, at) <= _AT_ONCE
        return crossed and _between(self.answered[1], asked) >= _IDLE

    def _reset(self, index: int, at: float, *, by_server: bool) -> None:
        if by_server and self.fin is not None and self.asked is not None and self.answered is not None:
            asked = self.asked[0]
            behind = _between(self.fin, asked)
            self.late = behind if behind < _DAY / 2 else 0.0
            if _between(max(self.fin, asked), at) <= _PROMPT:
                self.lines = self.answered[0], index
        self.over = True


class _Repeats:
    """Data that one end sends again and again, and whether anything comes back."""

    def __init__(self) -> None:
        self.last: float | None = None
        self.source, self.seq, self.ack = "", "", ""
        self.ends: set[str] = set()
        self.begun: tuple[int, float] | None = None
        self.until: tuple[int, float] | None = None
        self.idle = 0.0
        self.count = 0

    def take(self, index: int, at: float, source: str, seq: str, ack: str, size: int) -> None:
        """A packet with its time. An end that acknowledges more than before has got something, though the lines do not show it."""
        self.ends.add(source)
        if self.begun is not None and (source != self.source or (ack and self.ack and ack != self.ack)):
            self.begun, self.count = None, 0
        elif size and self.begun is not None and seq == self.seq:
            self.count, self.until = self.count + 1, (index, at)
        elif size and self.begun is None:
            self.source, self.seq, self.ack, self.begun, self.until, self.count = source, seq, ack, (index, at), (index, at), 0
            self.idle = _between(self.last, at) if self.last is not None else 0.0
        self.last = at

    @property
    def vain(self) -> bool:
        """True if data was repeated several times, and the other end, of which packets are here, has sent nothing since."""
        return self.begun is not None and self.count >= _VAIN and len(self.ends) > 1

    @property
    def span(self) -> float:
        """Seconds from the first of that data to the last repetition."""
        return _between(self.begun[1], self.until[1]) if self.begun is not None and self.until is not None else 0.0


class _Flow:
    """The packets of one connection, in order."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.client = self.server = ""
        self.syns: Counter[str] = Counter()
        self.answered = self.refused = False
        self.reset: str | None = None
        self.sent: Counter[tuple[str, str]] = Counter()
        self.began: float | None = None
        self.sent_last: float | None = None
        self.met: float | None = None
        self.close = _Close()
        self.repeats = _Repeats()

    def time(self, at: float | None, source: str, flags: str) -> None:
        """Note when the SYNs were sent, and when one was answered."""
        if at is None or "S" not in flags:
            return
        if source == self.client and not self.answered:
            self.began = at if self.began is None else self.began
            self.sent_last = at
        elif source == self.server and self.met is None:
            self.met = at

    def meets(self, other: _Flow) -> bool:
        """True if the other one, to the same server, was answered while this one sent its SYNs, or some seconds before or after."""
        if self.began is None or self.sent_last is None or other.met is None or other.server != self.server:
            return False
        return _between(self.began - _NEAR, other.met) % _DAY <= _between(self.began, self.sent_last) + 2 * _NEAR

    def watch(self, index: int, at: float | None, source: str, flags: str, rest: str) -> None:
        """See whether the server closes it while a request is on its way."""
        if "S" in flags:
            self.close = _Close()
        elif self.client and at is not None:
            seq = _seq(rest[:60])
            ack = _ack(rest[:120])
            self.repeats.take(index, at, source, seq["seq"] if seq is not None else "", ack[1] if ack else "", _size(rest))
            self.close.take(index, at, flags, rest, _size(rest), by_server=source == self.server)

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
        if _size(rest) and seq is not None and not set(flags) & {"S", "R"}:
            self.sent[source, seq["seq"]] += 1
            self.client, self.server = (self.client, self.server) if self.client else _guess(source, target)

    @property
    def fate(self) -> Fate | None:
        """What became of it, None where nothing is wrong in these lines."""
        if self.refused:
            return Fate.REFUSED
        if self.syns and not self.answered and self.reset is None:
            return Fate.UNANSWERED if max(self.syns.values()) >= _COUNT else Fate.SILENT
        if self.close.lines is not None:
            return Fate.CROSSED
        if self.reset is not None:
            return Fate.RESET_BY_SERVER if self.reset == self.server else Fate.RESET_BY_CLIENT
        if self.repeats.vain:
            return Fate.VAIN
        return Fate.AGAIN if any(count >= _COUNT for count in self.sent.values()) else None

    @property
    def packets(self) -> int:
        """How many packets tell it."""
        if self.syns and not self.answered:
            return sum(self.syns.values())
        if self.repeats.vain:
            return self.repeats.count
        return sum(count - 1 for count in self.sent.values() if count >= _COUNT)


def _size(rest: str) -> int:
    """Bytes of data."""
    length = _length(rest)
    if length is not None:
        return int(length["length"])
    seq = _seq(rest[:60])
    return int(seq["size"] or 0) if seq is not None else 0


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
            where=_where(section, alike[0]),
            tool=NAME,
            remote=remote,
            count=len(alike),
            fate=fate,
            packets=sum(flow.packets for flow in alike),
            idle=(min(rests), max(rests)) if (rests := [_rest(flow, fate) for flow in alike]) and fate in _RESTED else None,
            late=max(_lasted(flow, fate) for flow in alike),
            alive=_is_alive(fate, server, alike, flows),
        )
        for (server, fate), alike in groups.items()
        if (remote := _endpoint(server)) is not None
    ]


def _lasted(flow: _Flow, fate: Fate) -> float:
    """Seconds from the close to a request, or from the first packet that was not answered to its last repetition."""
    if fate is Fate.UNANSWERED and flow.began is not None and flow.sent_last is not None:
        return _between(flow.began, flow.sent_last)
    return (flow.close.late if fate is Fate.CROSSED else flow.repeats.span) if fate in _RESTED else 0.0


def _is_alive(fate: Fate, server: str, alike: Sequence[_Flow], flows: Sequence[_Flow]) -> bool:
    """True if another connection to the same place got an answer; where SYNs got none, in the same seconds."""
    if fate is Fate.UNANSWERED:
        answered = [one for one in flows if one.met is not None and one.server == server]
        return any(flow.meets(one) for flow in alike for one in answered)
    return fate is Fate.VAIN and any(one.answered and one.server == server and not one.repeats.vain for one in flows)


def _rest(flow: _Flow, fate: Fate) -> float:
    """For how many seconds the connection had rested."""
    return flow.close.idle if fate is Fate.CROSSED else flow.repeats.idle


def _where(section: Section, flow: _Flow) -> Where:
    """The line of its first packet, or those from the last answer to the reset where they stand together."""
    lines = flow.close.lines
    if lines is None and flow.repeats.begun is not None and flow.repeats.until is not None and flow.repeats.vain:
        lines = flow.repeats.begun[0], flow.repeats.until[0]
    if lines is None:
        return section.where(flow.index)
    return section.where(*lines) if lines[1] - lines[0] < _LINES else section.where(lines[1])


def _endpoint(text: str) -> Endpoint | None:
    """``10.0.0.9.9092``, ``fd00::9.9092``, ``broker-2.postgresql``."""
    host, _, port = text.rpartition(".")
    return endpoint(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") if host and port else None

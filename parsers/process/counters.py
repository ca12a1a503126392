r"""Kernel counters: nstat, ``netstat -s``, ``/proc/net/netstat``, ``/proc/net/snmp``, ``snmp6`` and ``sockstat``.

    TcpExtListenOverflows           152                0.0
    TcpExtListenDrops               152                0.0

All are named as nstat names them (group and field of the kernel's table), so ``152 times the listen queue of a socket overflowed`` is
``TcpExtListenOverflows`` too. ``netstat -s`` translates a field into a sentence (net-tools ``statistics.c``) whose wording changed over the
years; a sentence that is not in the table below keeps its words as its name. Counters run since boot, nstat's since its last run. Behind a
filter (``netstat -s | grep -i listen``) the headings are gone: then sentences that are in the table are counters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counter, Parsed
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "counters"
SHOWS: Final = frozenset({Shows.PROCESS})

_GROUP: Final = r"(?:Ip|Icmp|IcmpMsg|Tcp|Udp|UdpLite|TcpExt|IpExt|MPTcpExt|Sctp|Ip6|Icmp6|Udp6|UdpLite6)"
HEADER: Final = r"#kernel[ ]*$|#\d+\.\d+[ ]sampling|Ip:[ ]*$"
ROW_SHAPE: Final = (
    rf"{_GROUP}[A-Z]\w+[ \t]+\d+[ ]+\d+\.\d+[ ]*$|{_GROUP}:(?:[ ][A-Z]\w+)+[ ]*\n{_GROUP}:[ ]-?\d|{_GROUP}:[ ]*\n[ ]{{4}}\S"
    r"|Ip6InReceives[ \t]+\d|sockets:[ ]used[ ]\d|[ ]*\d{1,19}[ ](?:times the listen queue of a socket overflowed|SYNs to LISTEN sockets (?:dropped|ignored))"
)

ROW = lazy(rf"(?P<name>{_GROUP}[A-Z]\w*)\s+(?P<value>-?\d{{1,19}})(?:\s+(?P<rate>\d+[.,]\d+))?\s*$")
NAMES_ROW = lazy(r"(?P<group>[A-Z]\w+): (?P<fields>[A-Z]\w*(?: [A-Z]\w*)*)\s*$")
VALUES_ROW = lazy(r"(?P<group>[A-Z]\w+): (?P<values>-?\d{1,19}(?: -?\d{1,19})*)\s*$")
SENTENCE = lazy(r"\s++(?P<before>\D*?)(?P<value>-?\d{1,19})(?P<after>(?:\s\D*)?)$")
FIELD = lazy(r"\s+(?P<field>\w+): (?P<value>-?\d{1,19})\s*$")
SOCKSTAT_ROW = lazy(r"(?P<group>sockets|TCP6?|UDP6?|UDPLITE6?|RAW6?|FRAG6?): (?P<pairs>[a-z]+ -?\d{1,19}(?: [a-z]+ -?\d{1,19})*)\s*$")
_listens = lazy(r"\s*\d{1,19} (?:times the listen queue of a socket overflowed|SYNs to LISTEN sockets (?:dropped|ignored))\s*$").match
_row = ROW.match
_names_row = NAMES_ROW.match
_values_row = VALUES_ROW.match
_sentence = SENTENCE.match
_field = FIELD.match
_sockstat_row = SOCKSTAT_ROW.match
_heading = lazy(r"(?P<group>[A-Z]\w+):\s*$").match
_known_heading = lazy(rf"{_GROUP}:\s*$").match
_remark = lazy(r"#|\s++[^\d:]++:\s*$|\s++[^\d:]*ICMP\s*$|error parsing /proc").match

_SENTENCES: Final = {
    "active connection openings": "TcpActiveOpens",
    "active connections openings": "TcpActiveOpens",
    "passive connection openings": "TcpPassiveOpens",
    "failed connection attempts": "TcpAttemptFails",
    "connection resets received": "TcpEstabResets",
    "connections established": "TcpCurrEstab",
    "segments received": "TcpInSegs",
    "segments sent out": "TcpOutSegs",
    "segments send out": "TcpOutSegs",
    "segments retransmitted": "TcpRetransSegs",
    "segments retransmited": "TcpRetransSegs",
    "bad segments received": "TcpInErrs",
    "bad segments received.": "TcpInErrs",
    "resets sent": "TcpOutRsts",
    "times the listen queue of a socket overflowed": "TcpExtListenOverflows",
    "SYNs to LISTEN sockets dropped": "TcpExtListenDrops",
    "SYNs to LISTEN sockets ignored": "TcpExtListenDrops",
    "connections reset due to unexpected data": "TcpExtTCPAbortOnData",
    "connections reset due to early user close": "TcpExtTCPAbortOnClose",
    "connections aborted due to memory pressure": "TcpExtTCPAbortOnMemory",
    "connections aborted due to timeout": "TcpExtTCPAbortOnTimeout",
    "connections aborted after user close in linger timeout": "TcpExtTCPAbortOnLinger",
    "times unable to send RST due to no memory": "TcpExtTCPAbortFailed",
    "other TCP timeouts": "TcpExtTCPTimeouts",
    "fast retransmits": "TcpExtTCPFastRetrans",
    "retransmits in slow start": "TcpExtTCPSlowStartRetrans",
    "packets pruned from receive queue because of socket buffer overrun": "TcpExtPruneCalled",
    "packets pruned from receive queue": "TcpExtRcvPruned",
    "packets collapsed in receive queue due to low socket buffer": "TcpExtTCPRcvCollapsed",
    "SYN cookies sent": "TcpExtSyncookiesSent",
    "SYN cookies received": "TcpExtSyncookiesRecv",
    "invalid SYN cookies received": "TcpExtSyncookiesFailed",
    "resets received for embryonic SYN_RECV sockets": "TcpExtEmbryonicRsts",
    "TCP sockets finished time wait in fast timer": "TcpExtTW",
    "time wait sockets recycled by time stamp": "TcpExtTWRecycled",
    "passive connections rejected because of time stamp": "TcpExtPAWSPassive",
    "delayed acks sent": "TcpExtDelayedACKs",
}
"""``netstat -s`` → nstat, for the counters of TCP."""


_KNOWN: Final = frozenset(_SENTENCES.values())


def sniff(head: Sequence[str]) -> bool:
    """True if a counter with its group's name, a pair of lines, or the group headings of ``netstat -s`` are among the lines."""
    return any(
        line.startswith("#kernel")
        or ((match := _row(line)) is not None and (match["rate"] is not None or line.startswith("Ip6")))
        or _sockstat_row(line)
        or _known_heading(line)
        or _listens(line)
        or (_names_row(line) and index + 1 < len(head) and _values_row(head[index + 1]))
        for index, line in enumerate(head)
    )


def parse(section: Section) -> Parsed:
    """Read every counter."""
    reader = _Reader(section)
    records: list[Counter] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        found = reader.take(index, line)
        if found is None:
            unread.append((index, "no counter"))
        else:
            read += 1
            records.extend(found)
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


class _Reader:
    """What a line means depends on those above it: the heading of ``netstat -s``, the line of names of /proc."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.group = ""
        self.names: tuple[int, str, list[str]] | None = None

    def take(self, index: int, line: str) -> list[Counter] | None:
        """The counters of a line, none for a line that only names, None if it was not understood."""
        here = self.section.where(index)
        if not self.group and (match := _sentence(f" {line.lstrip()}")) and (name := _name_of(match)) in _KNOWN:
            return [Counter(here, name, int(match["value"]))]  # behind a filter the heading is gone
        if match := _row(line):
            return [Counter(here, match["name"], int(match["value"]))]
        if line[0].isspace():
            return self._indented(index, line)
        if match := _names_row(line):
            self.names = index, match["group"], match["fields"].split()
            return []
        if match := _values_row(line):
            names, self.names = self.names, None
            return _pair(self.section, index, match, names)
        if match := _sockstat_row(line):
            words = match["pairs"].split()
            return [Counter(here, f"{match['group']} {name}", int(value)) for name, value in zip(words[::2], words[1::2], strict=True)]
        if match := _heading(line):
            self.group = match["group"]
            return []
        return [] if _remark(line) else None

    def _indented(self, index: int, line: str) -> list[Counter] | None:
        """A line below a heading of ``netstat -s``: ``TCPTimeouts: 2``, or a sentence with a number in it."""
        if not self.group:
            return None
        here = self.section.where(index)
        if match := _field(line):
            return [Counter(here, self.group + match["field"], int(match["value"]))]
        if match := _sentence(line):
            return [Counter(here, _name_of(match), int(match["value"]))]
        return [] if _remark(line) else None


def _pair(section: Section, index: int, match: re.Match[str], names: tuple[int, str, list[str]] | None) -> list[Counter] | None:
    """The counters of a line of values, named by the line of names above it; None if that is missing or of another length."""
    values = match["values"].split()
    if names is None or names[1] != match["group"] or len(names[2]) != len(values):
        return None
    where = section.where(names[0], index)
    return [Counter(where, names[1] + name, int(value)) for name, value in zip(names[2], values, strict=True)]


def _name_of(match: re.Match[str]) -> str:
    """Nstat's name of a sentence, else the sentence without its number."""
    words = " ".join(f"{match['before']} {match['after']}".split()).rstrip(":")
    return _SENTENCES.get(words, words)

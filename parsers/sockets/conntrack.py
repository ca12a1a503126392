r"""Connections that a Linux host tracks: ``conntrack -L``, ``/proc/net/nf_conntrack``.

    tcp      6 117 SYN_SENT src=10.7.0.4 dst=10.7.9.20 sport=40112 dport=6379 [UNREPLIED] src=10.7.9.20 dst=10.7.0.4 sport=6379 dport=40112 mark=0 use=1
    ipv4     2 udp      17 21 src=10.7.0.4 dst=10.96.0.10 sport=40400 dport=53 src=10.244.1.5 dst=10.7.0.4 sport=53 dport=40400 [ASSURED] mark=0 use=2
    conntrack v1.4.6 (conntrack-tools): 2 flow entries have been shown.

A router, a firewall or a node of a cluster prints it, mostly not one of the two ends: so it is no table of sockets, and a state here is what passed by.
``UNREPLIED``: no packet came back. The second ``src`` is where an answer is expected from: another one than the first ``dst`` where addresses are translated.
Rows are counted by destination, state and answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Endpoint, FarCount, Fate, Parsed
from parsers.records.shows import Shows
from parsers.text.endpoint import normal_host, port_of
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "conntrack"
SHOWS: Final = frozenset({Shows.PROCESS})

_ROW: Final = r"(?:ipv[46][ ]+\d{1,3}[ ]+)?(?:tcp|udp|udplite|sctp|dccp|icmp|icmpv6|gre|unknown)[ ]+\d{1,3}[ ]+(?:\d{1,9}[ ]+)?(?:[A-Z_0-9]{3,12}[ ]+)?(?:\[[A-Z]+\][ ]+)?src="
HEADER: Final = r"(?!)"
ROW_SHAPE: Final = _ROW
_row = lazy(
    r"\s*(?:\[(?:NEW|UPDATE|DESTROY)\]\s+)?(?:ipv[46]\s+\d{1,3}\s+)?(?P<proto>tcp|udp|udplite|sctp|dccp|icmp|icmpv6|gre|unknown)\s+\d{1,3}\s+(?:\d{1,9}\s+)?(?:(?P<state>[A-Z][A-Z_0-9]{2,11})\s+)?(?:\[[A-Z]+\]\s+)?src=\S{1,60} (?P<rest>dst=.*)$"
).match
_to = lazy(r"dst=(?P<host>\S{1,60})(?: sport=\S{1,9} dport=(?P<port>\d{1,5}))?").match
_back = lazy(r" src=(?P<host>\S{1,60}) dst=\S{1,60}(?: sport=(?P<port>\d{1,5}))?").search
_foot = lazy(r"\s*conntrack v\d[\w.]* \(conntrack-tools\): \d+ flow entries").match
_UNREPLIED: Final = "[UNREPLIED]"


def sniff(head: Sequence[str]) -> bool:
    """True if a tracked connection is among the lines."""
    return any("src=" in line and _row(line) for line in head)


def parse(section: Section) -> Parsed:
    """Count the rows by where they lead, their state, and whether an answer passed by."""
    groups: dict[tuple[object, ...], FarCount] = {}
    counts: dict[tuple[object, ...], int] = {}
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        match = _row(line) if "src=" in line else None
        if match is None:
            if _foot(line):
                read += 1
            else:
                unread.append((index, "no tracked connection"))
            continue
        read += 1
        to = _to(match["rest"])
        if to is None or to["port"] is None:
            continue
        back = _back(match["rest"])
        expected = (back["host"], back["port"]) if back is not None else None
        key = match["proto"], match["state"], _UNREPLIED in line, to["host"], to["port"], expected
        counts[key] = counts.get(key, 0) + 1
        if key not in groups:
            remote = Endpoint(normal_host(to["host"]), port_of(to["port"]))
            onward = Endpoint(normal_host(expected[0]), port_of(expected[1] or "")) if expected is not None and expected[1] else None
            groups[key] = FarCount(
                where=section.where(index),
                tool=NAME,
                remote=remote,
                count=1,
                fate=Fate.SILENT if _UNREPLIED in line else Fate.LISTED,
                state=match["state"],
                proto=match["proto"],
                onward=onward if onward != remote else None,
            )
    gaps, elisions = leftovers(section, unread)
    records = [_counted(groups[key], count) for key, count in counts.items()]
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _counted(one: FarCount, count: int) -> FarCount:
    return FarCount(
        where=one.where,
        tool=one.tool,
        remote=one.remote,
        count=count,
        fate=one.fate,
        state=one.state,
        proto=one.proto,
        onward=one.onward,
    )

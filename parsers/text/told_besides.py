"""What a sentence beside pasted evidence says of other things than threads and sockets: a pool, an address that is called, more dumps, a statement's plan.

    Connection pool max = 50; 30 connections, all "Sleep"
    it calls http://localhost:8080/api/prices
    three dumps a minute apart, always the same place
    id: 1  table: o  type: ALL  rows: 18422109  Extra: Using where

What a person tells is no output of a tool: it is marked as told. An address that somebody opens, tests with a command or measures is none that the program
calls: a sentence must speak of a call, or the line be a setting or a line of a program.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.records import Counted, Endpoint, SessionCount, SessionState, Tally
from parsers.text.endpoint import port_of
from parsers.text.hedges import hedged
from parsers.text.numerals import number_of
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.text.source import Section

_LONGEST: Final = 400
_HINTS: Final = ("pool", "Pool", "max", "Max")
_limit = lazy(
    r"\b(?:max(?:imum)?[-_ ]?(?:active|total|pool[-_ ]?size|capacity|connections)|(?:connection |conn |jdbc |db )pool(?: size| max(?:imum)?| limit)?(?: size)?|pool[-_ ]?size)\b[\"']?"
    r" {0,2}(?:(?:is|was|of|has|set to|=|:|>|value=)[ \"']{0,3}){1,2}(?P<count>[1-9]\d{0,4})\b(?!\.\d|[:%-])(?! ?(?:ms|s|sec|seconds|min|threads?)\b)",
    flags=re.IGNORECASE,
).search
_rest = lazy(
    r"(?<![\w.:/-])(?P<count>\d{1,5}) (?:[a-z]{2,12} ){0,2}?(?:connections?|sessions?|conns?|backends?)\b(?P<between>[^.;\n]{0,80}?)\b(?P<all>all|each|every one|none active)\b[^.;\n]{0,30}?[\"'“`(]?"
    r"(?P<state>idle in transaction|idle|sleep(?:ing)?)\b",
    flags=re.IGNORECASE,
).search
_unsaid = lazy(r"\bthread ?pool|executor", flags=re.IGNORECASE).search
_busy = lazy(r"\b(?:none|no|which|who|active|busy|running|but|from)\b", flags=re.IGNORECASE).search
_SERVERS: Final = {
    "mysql": "mysql",
    "mariadb": "mysql",
    "processlist": "mysql",
    "postgres": "postgresql",
    "pg_stat": "postgresql",
    "pgsql": "postgresql",
}
"""Words that name the server whose sessions are told of."""


def pools_in(section: Section, index: int, line: str) -> Iterator[Tally | SessionCount]:
    """What a line says of pools."""
    text = line[:_LONGEST]
    if _unsaid(text) is not None or hedged(text) is not None:
        return
    if any(word in text for word in _HINTS) and (limit := _limit(text)) is not None and _is_of_a_pool(text, limit[0]):
        yield Tally(where=section.where(index), what=Counted.LENT, count=int(limit["count"]), listing=section.first + index, told=True)
    rest = _rest(text) if "all" in text or "each" in text or "every" in text else None
    server = next((name for word, name in _SERVERS.items() if word in text.lower()), None)
    if rest is not None and server is not None and int(rest["count"]) > 1 and _busy(text, rest.end("all"), rest.start("state")) is None:
        in_transaction = "transaction" in rest["state"].lower()
        yield SessionCount(
            where=section.where(index),
            server=server,
            count=int(rest["count"]),
            state=SessionState.IN_TRANSACTION if in_transaction else SessionState.IDLE,
            printed_state=rest["state"],
            told=True,
        )


def _is_of_a_pool(text: str, words: str) -> bool:
    """False for the connections that a server takes at most."""
    return "connections" not in words.lower() or "pool" in text.lower()


_OWN: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "0.0.0.0"})  # noqa: S104 - compared, never bound
_PORTS: Final = {"http": 80, "https": 443}
_addresses = lazy(
    r"\b(?P<scheme>https?)://(?P<host>\[[0-9a-fA-F:]{2,40}\]|[A-Za-z0-9][\w.-]{0,80}?)(?::(?P<port>\d{1,5}))?(?=[/\s`\"'<>),;?]|$)"
).finditer
_NEAR: Final = 80
"""Letters in front of an address in which the word stands that says what is done with it."""
_calls = lazy(
    r"\b(?:calls?|calling|requests? (?:to|goes|go)|fetch(?:es)?|invokes?|talks? to|address (?:it|they|which|that)|client|base[_-]?ur[li]|endpoint|target)\b"
    r"|[\w.-]{0,60}(?:url|uri|endpoint|host|address)[\"']?\s{0,3}[=:]\s{0,3}[\"'`]?https?://|\w\(\s{0,3}[\"'`]https?://|[=+]\s{0,3}[\"']https?://",
    flags=re.IGNORECASE,
).search
_opened = lazy(
    r"\b(?:curl|wget|browser?|browse|open(?:ed|ing)?|visit(?:ing)?|jmeter|wrk|gatling|postman|swagger|tests?|testing|tested|if I|when I|I (?:call|access|go|get|request)|clients? (?:call|request|get)|users? (?:call|open|request|get)|health ?check|probe)\b|\bab -",
    flags=re.IGNORECASE,
).search
_elsewhere = lazy(
    r"\b(?:nginx|apache|httpd|haproxy|envoy|side-?car|prox(?:y|ies)|load ?balancer|front[- ]?end|monitor(?:ing)?|agents?|scripts?|scraper|cron|upstream|ingress|gateway)\b"
    r"|\b(?:redirect|callback|cors|allow(?:ed)?|origins?|public|external|issuer|site|canonical|server|listen|bind|advertised?)[._-]?(?:base[._-]?)?(?:url|uri|endpoint|host|address)[\"']?\s{0,3}[=:]"
    r"|\b(?:redirect|callback|cors|allow(?:ed)?|origins?|public|external|issuer|management|actuator|metrics)[._-][\w.-]{1,30}\s{0,3}[=:]"
    r"|^\s{0,20}(?:#|//|--|;) ?|\b(?:containers?|docker)\b",
    flags=re.IGNORECASE,
).search
"""Others that call the address, and settings of an address under which others reach the server."""
_end = lazy(r"[.;!?](?= )|\?$").search
_ends = lazy(r"[.;!?] ").finditer
_stamped = lazy(r"\W{0,3}\d{4}[-/.]\d\d[-/.]\d\d|[\d.:a-f]{3,40} - ").match
"""An entry of a log: it may tell of any request."""
_itself = lazy(
    r"\b(?:itself|(?:its|our|my|the) own|same (?:app|application|server|instance|process|tomcat|jetty|pod|jvm)|self[- ]?calls?)\b",
    flags=re.IGNORECASE,
).search


def called_in(section: Section, index: int, line: str) -> Iterator[Tally]:
    """The address that a line says is called, if it is this host's own: by its name, or because the line says so."""
    text = line[:_LONGEST]
    found = list(_addresses(text)) if "://" in text else []
    if len({(one["host"], one["port"]) for one in found}) != 1 or _opened(text) is not None or _stamped(text) is not None:
        return
    match = found[0]
    if _calls(text[max(0, match.start() - _NEAR) : match.end("scheme") + 3]) is None:
        return
    said = _sentence(text, match)
    if said.endswith("?") or _elsewhere(said) is not None or hedged(said) is not None:
        return
    port = port_of(match["port"]) if match["port"] else _PORTS[match["scheme"]]
    if port is not None and (match["host"].lower() in _OWN or _itself(said) is not None):
        yield Tally(
            where=section.where(index),
            what=Counted.CALLED,
            count=1,
            listing=section.first + index,
            end=Endpoint(match["host"].lower(), port),
            told=True,
        )


def _sentence(text: str, match: re.Match[str]) -> str:
    """The sentence in which an address stands."""
    first = max((one.end() for one in _ends(text, 0, match.start())), default=0)
    last = _end(text, match.end())
    return text[first : last.end() if last is not None else len(text)]


_SEVERAL: Final = {"several": 2, "both": 2, "multiple": 2}
"""The fewest that such a word means."""
_dumps = lazy(
    r"\b(?P<count>\d{1,2}|two|three|four|five|six|ten|several|both|multiple)\b(?: [a-z-]{2,14}){0,3}? (?:thread ?|stack ?)?(?:dumps?|jstacks?|traces|samples)\b(?P<rest>[^\n]{0,160})",
    flags=re.IGNORECASE,
).search
_same = lazy(
    r"\b(?:always|all|each|every|both|still|never)\b[^\n]{0,80}\b(?:same|identical|there|at it|here|unchanged|at this|in this|moves?|moved)\b|\b(?:the )?same (?:place|line|stack|frame|picture|thread)\b|\bthe same (?:each|every|both) times?\b|\bthe same (?:in|on|at) (?:all|each|every|both)\b|\bidentical\b"
    r"|\b(?:are|is|look|show|were|was) (?:all |both |exactly |just )?(?:the )?(?:same|alike)\b|\balways (?:at|in) (?!work|use|progress)",
    flags=re.IGNORECASE,
).search
_differs = lazy(r"\bnot (?:the|always|all|identical)|n't\b|\bdifferent|\bexcept\b|\bif\b|\bwould\b", flags=re.IGNORECASE).search


def dumps_in(section: Section, index: int, line: str) -> Iterator[Tally]:
    """How many dumps a line tells of that show the same."""
    text = line[:_LONGEST]
    match = _dumps(text)
    if match is None or _same(match["rest"]) is None or _differs(text) is not None:
        return
    count = _SEVERAL.get(match["count"].lower()) or number_of(match["count"])
    if count > 1:
        yield Tally(where=section.where(index), what=Counted.DUMPS, count=count, listing=section.first + index, told=True)


_scan = lazy(
    r"\btable: {0,4}[\"'`]?(?P<table>[\w.$]{1,64})[\"'`]?[^\n]{0,120}?\btype: {0,4}ALL\b[^\n]{0,160}?\brows: {0,4}(?P<rows>\d{1,15})"
    r"|^\s{0,8}\|\s{0,8}\d{1,6}\s{0,20}\|[^|\n]{0,40}\|\s{0,8}(?P<table2>[\w.$<>,]{1,64})\s{0,64}\|(?:[^|\n]{0,200}\|)?\s{0,8}ALL\s{0,20}\|(?:[^|\n]{0,300}\|){4}\s{0,20}(?P<rows2>\d{1,15})\s{0,20}\|"
    r"|\bSeq Scan on (?P<table3>[\w.$]{1,64})[^\n]{0,120}?\brows=(?P<rows3>\d{1,15})"
).search
LARGE: Final = 10_000
"""Rows of a table from which on it matters that all are read."""


def scans_in(section: Section, index: int, line: str) -> Iterator[Tally]:
    """The table that a line of a plan reads as a whole, and its rows."""
    match = _scan(line[:_LONGEST]) if "ALL" in line or "Seq Scan" in line else None
    if match is None:
        return
    rows = int(match["rows"] or match["rows2"] or match["rows3"])
    if rows >= LARGE:
        table = match["table"] or match["table2"] or match["table3"]
        yield Tally(where=section.where(index), what=Counted.SCANNED, count=rows, listing=section.first + index, name=table)


def besides_in(section: Section, index: int, line: str) -> Iterator[Tally | SessionCount]:
    """All that a line says of such things."""
    yield from pools_in(section, index, line)
    yield from called_in(section, index, line)
    yield from dumps_in(section, index, line)
    yield from scans_in(section, index, line)

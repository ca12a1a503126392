r"""Lines in which a component says itself that a limit of its own was reached, or that a table or store of it is full, and the setting beside them.

    master: Warning: service(imap-login): process_limit (100) reached, client connections are being dropped
    AMQ9513: Maximum number of channels reached.
    ORA-19815: WARNING: db_recovery_file_dest_size of 9000000000 bytes is 100.00% used, and has 0 remaining bytes available.
    ARCH: Archival stopped, error occurred. Will continue retrying
    log file switch (archiving needed)                                      212
    MUTATION messages were dropped in last 5000 ms: 312 internal and 1029 cross node.
    MaxChannels=100
         91    CONNAME(10.8.2.31)                      CURRENT

What the limit is of is one of a few nouns: retries, sizes and rates have limits that healthy programs reach. A sentence that denies or supposes is none, nor is a line
that only states the limit. Settings and counted hosts are read in short texts alone, and tell nothing without such a line. Written after documentation, not captured here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.logs.lines import LineFact, Shape
from parsers.logs.stamps import begins_entry
from parsers.records import LogEvent, LogKind
from parsers.text.hedges import hedged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.text.source import Section

MOST: Final = 400
"""Lines of a text in which settings and counts are looked for: somebody wrote it by hand."""
_NOUN: Final = r"(?:connection|client|channel|process|worker|thread|session|user|handle|socket|child|task|login|consumer|subscriber|server|peer|slot|cursor|transaction|instance|agent|descriptor)"
_ITS: Final = r"(?:(?:active|concurrent|open|simultaneous|server|client|database|user|worker|child|incoming|running|parallel) ){0,2}"
_DONE: Final = r"(?:has been |have been |was |were |is )?(?:reached|exceeded)\b"
_N: Final = r"(?:[ ]?[(\[=:]?[ ]?(?P<limit>\d{1,9})[)\]]?)?"


def _shape(source: str, kind: LogKind, word: str, pattern: str, *, loud: bool = True) -> Shape:
    return Shape(source, kind, word, re.compile(pattern), loud=loud)


SHAPES: Final = (
    _shape("IBM MQ", LogKind.SLOTS, "AMQ9513", r"AMQ9513[EWIS]?: Maximum number of (?P<subject>channels) reached"),
    _shape(
        "Oracle",
        LogKind.STORE_FULL,
        "% used, and has ",
        r"(?P<subject>db_recovery_file_dest_size) of (?P<limit>\d{1,18}) bytes is (?P<percent>9[5-9]|100)(?:\.\d{1,2})?% used",
        loud=False,
    ),
    _shape("Oracle", LogKind.STORE_FULL, "ORA-19809", r"ORA-19809: limit exceeded for recovery files", loud=False),
    _shape("Oracle", LogKind.ARCHIVE, "rchival stopped", r"\bARC[H\d]{1,2}: Archival stopped", loud=False),
    _shape("Oracle", LogKind.ARCHIVE, "ORA-16038", r"ORA-16038: log \d{1,6} sequence# ?\d{1,12} cannot be archived", loud=False),
    _shape("Oracle", LogKind.ARCHIVE, "ORA-00257", r"ORA-00257: [Aa]rchiver error", loud=False),
    _shape(
        "Oracle",
        LogKind.ARCHIVE,
        "(archiving needed)",
        r"log file switch \(archiving needed\)[ |\t]{1,80}(?P<sessions>[1-9]\d{0,8})\s*\|?\s*$",
        loud=False,
    ),
    _shape(
        "Cassandra",
        LogKind.DISCARDED,
        " messages were dropped in last ",
        r"\b(?P<subject>[A-Z_]{4,40}) messages were dropped in (?:the )?last \d{1,9} ms: (?P<internal>\d{1,9}) (?:for )?internal(?: timeout)? and (?P<cross>\d{1,9})",
        loud=False,
    ),
    _shape(
        "Dovecot",
        LogKind.REACHED,
        "_limit (",
        r"(?P<subject>service\([\w-]{1,40}\): (?:process|client)_limit) \((?P<limit>\d{1,9})\) reached",
    ),
    _shape(
        "kernel", LogKind.DESCRIPTORS, "VFS: file-max limit", r"VFS: (?P<subject>file-max) limit (?P<limit>\d{1,12}) reached", loud=False
    ),
    _shape("kernel", LogKind.DESCRIPTORS, "file: table is full", r"(?:^|[\s:\]])file: table is full", loud=False),
    _shape("kernel", LogKind.NO_THREAD, "proc: table is full", r"(?:^|[\s:\]])proc: table is full", loud=False),
    _shape(
        "program",
        LogKind.REACHED,
        "aximum number of ",
        rf"\b[Mm]aximum number of (?P<subject>{_ITS}{_NOUN}(?:s|es|ren)?){_N} {_DONE}",
    ),
    _shape(
        "program",
        LogKind.REACHED,
        "imit",
        rf"(?<![\w-])(?P<subject>{_ITS}{_NOUN}(?:s|es|ren)?) limit{_N} {_DONE}",
    ),
    _shape(
        "program",
        LogKind.REACHED,
        "reached",
        rf"\b(?P<subject>(?i:(?:max_{_NOUN}\w{{0,12}}|max{_NOUN}\w{{0,12}}|{_NOUN}(?:s|es)?_limit))){_N} {_DONE}",
    ),
    _shape(
        "program",
        LogKind.REACHED,
        "oo many ",
        rf"(?:^|[:\]>] )[Tt]oo many (?P<subject>{_ITS}{_NOUN}(?:s|es|ren)) ?\((?P<limit>\d{{1,9}})\)",
    ),
)
_WORDS: Final = frozenset(
    {LogKind.REACHED, LogKind.STORE_FULL, LogKind.ARCHIVE, LogKind.DISCARDED, LogKind.ENDED, LogKind.NEIGHBOURS, LogKind.TRACKED}
)
_setting = re.compile(
    r"[\s#>*-]{0,12}(?P<name>(?=[\w.-]{0,60}?(?:max|limit|MAX|LIMIT|Max|Limit))[A-Za-z][\w.-]{2,60})[\"']? ?[=:] ?[\"']?(?P<most>\d{1,9})[\"',;]?\s*$"
).match
_counted = re.compile(r"\s{0,12}(?P<held>\d{1,7})\s{1,8}(?:[A-Za-z_]{2,20}[(=:]\[?)?(?P<host>\d{1,3}(?:\.\d{1,3}){3})(?:[\s)\]:,]|$)").match
_asked_neighbours = re.compile(r"\b(?:ip\s+(?:-\w+\s+){0,3}n(?:eigh\w*)?|arp)\b[^|\n]{0,80}\|\s{0,4}wc\s+-l").search
_number = re.compile(r"\s{0,12}(?P<held>\d{1,9})\s*$").match
_asked_uniq = re.compile(r"\|\s{0,4}(?:sort\b[^|\n]{0,40}\|\s{0,4})?uniq -c\b").search


def is_told_only(fact: LineFact, line: str) -> bool:
    """True for a sentence in somebody's words that denies, supposes, or tells of another time: a limit that was not reached."""
    return fact.kind in _WORDS and not begins_entry(line) and hedged(line) is not None


def events_of(section: Section) -> Iterator[LogEvent]:
    """Settings of limits, and hosts with how many of something they have (``sort | uniq -c``), in a short text."""
    if len(section.lines) > MOST:
        return
    counting = _asked_uniq(section.prompt or "") is not None
    above = section.prompt or ""
    for index, line in section.rows():
        if (match := _number(line)) is not None and _asked_neighbours(above) is not None:
            yield LogEvent(
                where=section.where(index), kind=LogKind.BESIDE_LIMIT, source="neighbours", figures=(("held", float(match["held"])),)
            )
        above = line[:300]
        counting = counting or _asked_uniq(line[:300]) is not None
        if (match := _setting(line[:200])) is not None and int(match["most"]):
            yield LogEvent(
                where=section.where(index),
                kind=LogKind.BESIDE_LIMIT,
                source="setting",
                subject=match["name"],
                figures=(("most", float(match["most"])),),
            )
        elif counting and (match := _counted(line[:200])) is not None:
            yield LogEvent(
                where=section.where(index),
                kind=LogKind.BESIDE_LIMIT,
                source="count",
                subject=match["host"],
                figures=(("held", float(match["held"])),),
            )

"""Sockets that a sentence counts: "about 4000 connections in CLOSE_WAIT", "CLOSE_WAIT went from 120 to 3900 in two hours".

What a person tells is no output of a tool: a number that may be rounded, of a moment that nobody knows. So such a count is marked as told, and makes
no more than a suspicion. A sentence about what was once, what would be or what must not be counts nothing, and neither does one that denies.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from parsers.records import Counted, Elision, Endpoint, Parsed, Tally, TcpState, Unread
from parsers.records.shows import Shows
from parsers.text.endpoint import port_of
from parsers.text.grammar import tcp_state
from parsers.text.patterns import lazy
from parsers.text.told_threads import told_in

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

    from parsers.records import SessionCount
    from parsers.text.source import Section

NAME: Final = "told_counts"
SHOWS: Final = frozenset({Shows.PROCESS})
HEADER: Final = r"(?!)"
ROW_SHAPE: Final = r"(?!)"

MOST: Final = 400
"""Lines of a text that somebody wrote: a longer one is a log or a table."""
_LINES: Final = 2000
"""Lines with the empty ones, which are quick to count."""
_LONGEST: Final = 600
_STATE: Final = r"(?P<state>CLOSE[_ -]?WAIT|FIN[_ -]?WAIT[_ -]?2|TIME[_ -]?WAIT|(?i:ESTAB(?:LISHED)?))"
_TIMES: Final = {"k": 1000, "thousand": 1000, "hundred": 100, "million": 1_000_000}
"""What stands behind a number and multiplies it."""
_MANY: Final = r"(?:[kK]\b| ?(?:thousand|hundred|million)\b)?"
_NUMBER: Final = rf"(?P<count>\d{{1,3}}(?:,\d{{3}})+|\d{{1,7}}(?:\.\d{{1,2}})?{_MANY})"
_THINGS: Final = r"(?:[\w/-]{1,20} ){0,3}?(?:connections?|conns?|sockets?|entries|descriptors?|handles|fds?)"
_state = lazy(r"(?i:CLOSE|FIN|TIME)[_ -]?(?i:WAIT)|\b(?i:ESTAB)").search
_counts = lazy(
    rf"(?<![\w.:/]){_NUMBER}\+? {_THINGS}(?: [a-z]{{2,12}}){{0,5}} (?:in|with|as|of)(?: the| a| state| status){{0,3}} [`'\"*(]{{0,2}}{_STATE}(?!\w)"
    rf"|(?<![\w.:/]){_NUMBER.replace('count', 'count2')}\+? (?:[a-z]{{2,12}} ){{0,2}}?[`'\"*(]{{0,2}}{_STATE.replace('state', 'state2')}[`'\"*)]{{0,2}}(?: {_THINGS}| state)?(?=[\s.,;:!?)]|$)"
    rf"|{_STATE.replace('state', 'state3')}[`'\"*)]{{0,2}}(?: [a-z]{{3,12}}){{0,4}}?(?: ?[:=]| is| at| was| are| reaches| reached| of| count| number| grew to| rises to| goes up to| up to){{1,3}}(?: now| about| around| over){{0,2}} ~?{_NUMBER.replace('count', 'count3')}(?=[\s.,;:!?)]|$)",
).finditer
_grows = lazy(
    rf"{_STATE}[`'\"*)]{{0,2}}[^.\n\d]{{0,60}}?\bfrom ~?(?:about |around )?(?P<first>\d{{1,3}}(?:,\d{{3}})+|\d{{1,7}}{_MANY}) [^.\n\d]{{0,30}}?\bto ~?(?:about |around |over )?(?P<last>\d{{1,3}}(?:,\d{{3}})+|\d{{1,7}}{_MANY})"
    r"(?:[^.\n\d]{0,30}?\b(?:in|within|over|after) (?:about |the last |around )?(?P<span>\d{1,4}|half an?|an?|one|two|three|four|five|six|ten|twelve) ?(?P<unit>s|sec|m|min|h|hour|day|week)[a-z]*)?"
).search
_denied = lazy(
    r"(?i:\bno longer\b|\bany ?more\b|\bnot? (?:a |any |single )*(?:CLOSE|FIN|TIME)|\bafter (?:the|this|that|my|our) (?:fix|patch|workaround)|\b(?:is|was|got|been|now|has) fixed\b|\bused to\b|\b(?:days?|weeks?|months?|years?) ago\b|\bold (?:server|host|box|machine|version)\b|\bpreviously\b|\bformerly\b|\bin the past\b|\bbefore (?:there|we|it|that|the (?:fix|patch))\b"
    r"|\b(?:read|heard|was told) that\b|\b(?:can|may|might) (?:\w+ly )?(?:hang|stall|block|cause|lead|kill|break|exhaust|happen|occur|mean|be)\b|\bif (?!I\b)|\bwould\b|\bshould\b|\bcould\b|\bexpect|\blimit|\balert|\bthreshold|\bwhen (?:the number|there are more)|\bmore than .{0,40}\bmeans?\b|\bgone\b|\bwent away\b|\bdropped\b|\bnever\b)"
).search
_to = lazy(
    r"\b(?P<word>to|towards|with|from|on|at|of|for)(?: the| our| my| its| a){0,2}(?: [a-z]{2,14}){0,2}? \(?[`'\"]?(?P<host>\d{1,3}(?:\.\d{1,3}){3}|[a-zA-Z][\w.-]{1,60}):(?P<port>\d{2,5})(?![\w:])"
).search
_port = lazy(r"\b(?:port|PORT|Port)[ :]{0,2}(?P<port>\d{2,5})(?![\w:])").search
_SPANS: Final = {
    "half a": 0.5,
    "half an": 0.5,
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "ten": 10,
    "twelve": 12,
}
_NAMES: Final = (
    "ool size",
    "ool max",
    "ool limit",
    "ool of",
    "ool is",
    "ool has",
    "ool=",
    "ool =",
    "oolSize",
    "ax",
    "://",
    "dump",
    "jstacks",
    "traces",
    "samples",
    "idle",
    "leep",
    "type: ALL",
    "| ALL",
    "Seq Scan",
)
"""One of these stands in every line that says something of pools, of an address or of other dumps."""
_course = lazy(
    r"[ \t>*-]{0,8}(?:(?P<day>Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}[, ]{1,2}|(?P<date>\d{4}-\d\d-\d\d)[T ])?(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?[ \t:|=-]{1,12}(?P<count>\d{1,7})(?: (?:connections?|sockets?|(?i:close|fin|time)[_ -]?(?i:wait)(?:[_ -]?2)?))?[ \t|]*"
).fullmatch
"""A row of a table that somebody wrote: a time of the day and a number."""
_sockets = lazy(r"(?i:\b(?:connections?|sockets?|netstat|ss -))").search
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY: Final = 86400.0
_ROWS: Final = 3
"""Rows from which on times and numbers are a course."""
_ABOVE: Final = 25
"""Lines above a course in which the state stands that it counts."""
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def sniff(head: Sequence[str]) -> bool:
    """True if a sentence may count; a text is asked only where no format knows it."""
    return any(_state(line[:_LONGEST]) for line in head)


def parse(section: Section) -> Parsed:
    """The counts of the sentences; all other lines stay what nobody understood."""
    nothing = Parsed((), 0, (Unread(section.where(0, len(section.lines) - 1), section.nonblank, "no format that is known"),))
    return with_told(section, nothing) or nothing


def with_told(section: Section, parsed: Parsed) -> Parsed | None:
    """What was made of a section, with the counts of its sentences that nobody understood; None where they count nothing."""
    if not (parsed.unread or Elision in parsed.kinds) or len(section.lines) > _LINES or section.nonblank > MOST:
        return None
    # "[40 more like this]" says that something was left out, and how much.
    found: list[Tally | SessionCount] = [
        tally
        for elision in parsed.of(Elision)
        if 0 <= (at := elision.where.first - section.first) < len(section.lines)
        for tally in told_in(section, at, section.lines[at])
    ]
    gaps: list[Unread] = []
    read = 0
    for gap in parsed.unread:
        first = gap.where.first - section.first
        lines = section.lines[first : gap.where.last - section.first + 1]
        found += [one for at, line in enumerate(lines) for one in _named(section, first + at, line[:_LONGEST])]
        told = {at: tallies for at, line in enumerate(lines) if (tallies := _of_line(section, first + at, line))}
        told |= _courses(section, first, lines)
        if told:
            found += [tally for tallies in told.values() for tally in tallies]
            gaps += _left(section, first, len(lines), set(told), gap)
            read += len(told)
        else:
            gaps.append(gap)
    return replace(parsed, records=(*parsed.records, *found), read=parsed.read + read, unread=tuple(gaps)) if found else None


def _left(section: Section, first: int, count: int, told: set[int], gap: Unread) -> Iterator[Unread]:
    """The gap without the lines that count."""
    begin: int | None = None
    for at in range(count + 1):
        ends = at == count or at in told
        if begin is not None and ends:
            lines = sum(1 for line in section.lines[first + begin : first + at] if line and not line.isspace())
            if lines:
                yield replace(gap, where=section.where(first + begin, first + at - 1), lines=lines)
            begin = None
        elif begin is None and not ends:
            begin = at


def _courses(section: Section, first: int, lines: Sequence[str]) -> dict[int, list[Tally]]:
    """Runs of rows with a time and a number below lines that name one state: the first and the last count, where the last is the highest."""
    found: dict[int, list[Tally]] = {}
    run: list[tuple[int, re.Match[str]]] = []
    for at, line in enumerate((*lines, "end")):
        row = _course(line[:_LONGEST])
        if row is not None:
            run.append((at, row))
        elif not line.strip() and run:
            continue
        else:
            if len(run) >= _ROWS:
                found |= _of_course(section, first, run)
            run = []
    return found


def _of_course(section: Section, first: int, run: Sequence[tuple[int, re.Match[str]]]) -> dict[int, list[Tally]]:
    above = section.lines[max(0, first + run[0][0] - _ABOVE) : first + run[0][0]]
    heading = next((line for line in reversed(above) if line.strip()), "")
    if _state(heading[:_LONGEST]) is None and _sockets(heading[:_LONGEST]) is None:
        return {}  # the numbers may be of anything: of requests, of megabytes
    names = {_spelled(match[0]) for line in above if (match := _state(line[:_LONGEST])) is not None}
    state = tcp_state(next(iter(names))) if len(names) == 1 else None
    counts = [int(row["count"]) for _, row in run]
    if state is None or counts[-1] <= counts[0] or counts[-1] < max(counts):
        return {}
    seconds, (at, _) = _apart([row for _, row in run]), run[-1]
    where, listing = run[0][0], section.first + first
    begins = _tally(section, first + where, counts[0], state, "", listing=-(listing + where), before=True, apart=seconds)
    ends = _tally(section, first + at, counts[-1], state, "", listing=listing + at, before=False, apart=seconds)
    return {one: [] for one, _ in run} | {where: [begins], at: [ends]}


def _apart(rows: Sequence[re.Match[str]]) -> float | None:
    """Seconds from the first row to the last one; None where their dates do not tell."""
    total, earlier = 0.0, None
    for row in rows:
        moment = int(row["hour"]) * 3600.0 + int(row["minute"]) * 60 + int(row["second"] or 0)
        if row["date"]:
            try:
                moment += date.fromisoformat(row["date"]).toordinal() * _DAY
            except ValueError:  # no day of the calendar
                return None
        elif row["day"]:
            moment += _DAYS.index(row["day"]) * _DAY
        if earlier is not None:
            step = moment - earlier
            total += step if step >= 0 else step % (7 * _DAY if row["day"] else _DAY)
        earlier = moment
    return total or None


def _named(section: Section, index: int, text: str) -> Iterator[Tally | SessionCount]:
    """What a line says of pools, of addresses that are called and of more dumps; it may be a line of a log that proves more."""
    if not any(word in text for word in _NAMES):
        return
    from parsers.text.told_besides import besides_in  # noqa: PLC0415 - for texts with such words

    yield from besides_in(section, index, text)


def _of_line(section: Section, index: int, line: str) -> list[Tally]:
    """The counts of a line's sentences."""
    text = line[:_LONGEST]
    threads = list(told_in(section, index, line))
    if _state(text) is None or "|" in text or text.lstrip().startswith(("$", "#", "tcp", "TCP")):
        return threads
    return threads + [tally for sentence in _sentences(text) for tally in _of_sentence(section, index, sentence)]


def _sentences(text: str) -> list[str]:
    return text.replace("; ", ". ").replace("? ", ". ").replace("! ", ". ").split(". ")


def _of_sentence(section: Section, index: int, text: str) -> Iterator[Tally]:
    if _state(text) is None or _denied(text) is not None:
        return
    grown = _grows(text)
    if grown is not None and (state := tcp_state(_spelled(grown["state"]))) is not None:
        first, last = _value(grown["first"]), _value(grown["last"])
        if last > first:
            seconds = _span(grown)
            where = section.where(index)
            for count, before in ((first, True), (last, False)):
                yield _tally(
                    section, index, count, state, text, listing=-where.first if before else where.first, before=before, apart=seconds
                )
        return
    for match in _counts(text):
        number = match["count"] or match["count2"] or match["count3"]
        found = tcp_state(_spelled(match["state"] or match["state2"] or match["state3"]))
        if found is not None and (count := _value(number)):
            tally = _tally(section, index, count, found, text, listing=section.first + index)
            if found is not TcpState.ESTABLISHED or tally.remote is not None:  # open connections tell nothing, but to whom they lead
                yield tally
            return


def _tally(section: Section, index: int, count: int, state: TcpState, text: str, **moment: Any) -> Tally:
    """A count as told, with the end that the sentence names: "to rates:9000" is the far one, "on port 8443" may be either."""
    match = _to(text) or _port(text)
    port = port_of(match["port"]) if match is not None else None
    remote = end = None
    if match is not None and port is not None:
        said = match.groupdict()
        host = said.get("host")
        if host and said["word"] in {"to", "towards", "with"}:
            remote = Endpoint(host, port)
        else:
            end = Endpoint(host or "*", port)
    return Tally(where=section.where(index), what=Counted.SOCKETS, count=count, state=state, told=True, remote=remote, end=end, **moment)


def _spelled(word: str) -> str:
    """``close wait``, ``CLOSEWAIT``, ``FIN-WAIT-2`` → as netstat spells it."""
    plain = word.upper().replace("-", "").replace("_", "").replace(" ", "")
    return (
        "ESTABLISHED"
        if plain.startswith("ESTAB")
        else {"CLOSEWAIT": "CLOSE_WAIT", "TIMEWAIT": "TIME_WAIT", "FINWAIT2": "FIN_WAIT2"}.get(plain, word)
    )


def _value(text: str) -> int:
    plain = text.replace(",", "")
    word = next((word for word in _TIMES if plain.lower().endswith(word)), "")
    return round(float(plain[: len(plain) - len(word)]) * _TIMES.get(word, 1))


def _span(match: re.Match[str]) -> float:
    span = match["span"]
    if span is None:
        return 0.0
    number = float(span) if span.isdecimal() else _SPANS.get(span, 0.0)
    return number * _SECONDS[match["unit"][0]]

"""Prefixes that something put before each line of a paste, as patterns: a log's time and level, ``kubectl logs --prefix``, a line's number, blanks."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Final

from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_SHAPES: Final = 4
"""Prefixes that are tried, the commonest first."""
_MOST_BLANKS: Final = 6
"""Blanks in a prefix: dates, hosts and programs of a log have so many."""
_OPENING: Final = frozenset("[{")
"""What JSON that is one line begins with."""
_LONGEST_PREFIX: Final = 200
_WINDOW: Final = 500
MOST_ALIKE: Final = 200
_MOST_GROUPED: Final = 1000
_FEWEST_GROUPED: Final = 4
_DIGITS: Final = re.compile(r"\d+")

# What stands at the beginning of lines that a person would know at once. Only such a line shows where a prefix ends.
_ANCHOR: Final = lazy(
    r"\"[^\"\n]{1,200}\" (?:#\d|daemon |prio=|\[\d|[iI]d=\d|- Thread t@\d|os_prio=|tid=)"
    r"|\"[^\"\n]{1,200}\":\s*$|(?:tcp|udp)[46]{0,2} +\d+ +\d+ +\S|(?:TCP|UDP) +\S{1,60}:\w+ +\S+:[\w*]"
    r"|(?:ESTAB|SYN-SENT|SYN-RECV|FIN-WAIT-1|FIN-WAIT-2|TIME-WAIT|CLOSE-WAIT|LAST-ACK|LISTEN|UNCONN) +\d+ +\d+ +\S"
    r"|(?:Netid +)?State +Recv-Q|Proto +Recv-Q|Proto +Local Address|COMMAND +PID |Active (?:Internet c|C)onnections|Full thread dump |(?<!=)={3,} FULL THREAD"
    r"|[\w.\\+-]{2,20} +\d+ +[a-z_][\w.-]{0,20} +[*\d]\d*[rwu]? +(?:IPv[46]|sock|REG|FIFO|CHR|a_inode) +\S"
    r"|Found (?:one|a|\d+) Java-level deadlock|[0-5][A-Z]{2,3}[A-Z0-9]{4,20} +\S|Thread \d{1,10}: \(state = |Thread-0x[0-9a-f]+ \"|#\d+ \"[^\"\n]{0,200}\""
    r"|(?<!\d)\d+: [0-9A-F]{8,32}:[0-9A-F]{4} |sl +local_address|l[r-][w-][x-]\S+ +\d+ +\S+ +\S+ +\d+ |Max [a-z][a-z ]{5,20}  |(?:Tcp|Ip|TcpExt): |Tcp(?:Ext)?[A-Z]\w+ +\d+ +\d"
    r"|PID +(?:USER|TID|PPID) |top - \d|Name:\t|\[pid +\d+\] \w+\(|strace: Process \d"
    r"|(?:\t| {4}|)at [\w$.@/<>-]{3,200}\((?:Native Method|Unknown Source|[\w$-]{1,80}\.(?:java|kt|scala|groovy|clj)(?::\d{1,6})?)\)"
    r"|Current Thread: \S|goroutine \d+ (?:gp=\S{1,20} m=\S{1,20} (?:mp=\S{1,20} )?)?\[|(?:Current t|T)hread 0x[0-9a-f]{4,16} [\[(]|Thread \d+ \((?:idle|active|Thread 0x|LWP)|Thread \(0x[0-9A-Fa-f]+\):|Process \d+: [/\w]"
)
_HINTS: Final = (
    *(
        '" ',
        '":',
        "(Native ",
        ".java",
        ".kt:",
        ".scala:",
        "tcp",
        "udp",
        "TCP ",
        "UDP ",
        "ESTAB",
        "-WAIT",
        "LISTEN",
        "Recv-Q",
        "Proto",
        "PID",
        "Active ",
        "hread",
        "THREAD",
        "IPv",
    ),
    *(
        "deadlock",
        "XM",
        "LK",
        "SECTION",
        "local_address",
        "l[r",
        "lrwx",
        "lr-x",
        "Max ",
        "Tcp",
        "Name:",
        "strace",
        "goroutine ",
        "Process ",
    ),
)
_TOKEN: Final = lazy(r"[ ]*\d+|[A-Za-z]+|[ ]+|.", re.DOTALL)
_MONTHS: Final = frozenset(
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
)
_LEVELS: Final = frozenset(["TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "SEVERE", "FATAL", "FINE"])
_SEPARATORS: Final = frozenset(" \t:|>])}-*.;,#\"'")


def prefixes(sample: Sequence[str]) -> Iterator[tuple[re.Pattern[str], re.Pattern[str]]]:
    """Prefixes of the lines as patterns: the commonest in front of something known, then what neighbouring lines begin with alike."""
    counts: Counter[str] = Counter()
    first: dict[str, Sequence[str]] = {}
    for line in sample:
        if not any(hint in line for hint in _HINTS):
            continue
        match = _ANCHOR.search(line[:_WINDOW])
        if match is None or not 0 < match.start() <= _LONGEST_PREFIX or line[match.start() - 1].isalnum():
            continue
        tokens = _TOKEN.findall(line[: match.start()])
        shape = _shape(tokens)
        counts[shape] += 1
        first.setdefault(shape, tokens)
    seen: set[str] = set()
    found = [first[shape] for shape, _ in counts.most_common(MOST_SHAPES)]
    # Of several blanks at the end, all but one may be the line's own: headers of tables begin with some.
    alike = list(_alike(sample))
    less: list[Sequence[str]] = [
        [*tokens[:-1], " "] for tokens in (*found, *alike) if len(tokens) > 1 and len(tokens[-1]) > 1 and tokens[-1].isspace()
    ]
    for candidate in (*found, *less, *alike, *_most_alike(sample), *_indented(sample)):
        shape = _shape(candidate)
        if shape not in seen:
            seen.add(shape)
            yield re.compile(shape), _blank(candidate)


def _alike(sample: Sequence[str]) -> Iterator[Sequence[str]]:
    """What all of the first lines begin with, up to each of the last places where it may end, and each of the first blanks: rows are alike, too."""
    lines = [_TOKEN.findall(line[:_LONGEST_PREFIX]) for line in sample[:MOST_ALIKE] if line and not line.isspace()]
    if len(lines) < 2:  # noqa: PLR2004 - one line has nothing in common with another
        yield from (tokens[:at] for tokens in lines for at, token in enumerate(tokens) if at and token in _OPENING)
        return
    kinds = [[_kind(token) for token in tokens] for tokens in lines]
    length = 0
    while all(len(kind) > length and kind[length] == kinds[0][length] for kind in kinds):
        length += 1
    indent = min(len(line) - len(line.lstrip(" ")) for line in map("".join, lines))
    if indent:
        yield [" " * indent]
    if length and all(len(tokens) > length and tokens[length][0] == " " for tokens in lines):
        yield [*lines[0][:length], " "]  # a blank in front of a number belongs to neither
    inside = (at for at in range(1, length) if lines[0][at][0] == " " and not lines[0][at].isspace())
    for at in islice(inside, MOST_SHAPES):
        yield [*lines[0][:at], " "]
    ends = [end for end in range(length, 0, -1) if lines[0][end - 1][-1] in _SEPARATORS]
    blanks = [end for end in reversed(ends) if lines[0][end - 1].isspace()]
    for end in dict.fromkeys((*ends[:MOST_SHAPES], *blanks[:_MOST_BLANKS])):
        yield lines[0][:end]


def _most_alike(sample: Sequence[str]) -> Iterator[Sequence[str]]:
    """What the largest group of lines with the same first word begins with: a paste between words of a person."""
    groups: dict[str, list[str]] = {}
    for line in sample[:_MOST_GROUPED]:
        if line and not line[0].isspace() and line[0] not in "#*-":  # signs of Markdown
            groups.setdefault(_DIGITS.sub("0", line[:_LONGEST_PREFIX].split(None, 1)[0]), []).append(line)
    largest = max(groups.values(), key=len, default=[])
    if _FEWEST_GROUPED <= len(largest) < len(sample):
        yield from _alike(largest)


def _indented(sample: Sequence[str]) -> Iterator[Sequence[str]]:
    """The indentation of what somebody quotes among lines of their own: as few blanks as any indented line begins with."""
    widths = [len(line) - len(line.lstrip(" ")) for line in sample[:MOST_ALIKE] if line.startswith("  ") and not line.isspace()]
    if len(widths) > 1:
        yield [" " * min(widths)]


def _kind(token: str) -> str:
    """What a token has in common with the same place of other lines."""
    if token[-1].isdigit():
        return "0"
    return "Month" if token in _MONTHS else "LEVEL" if token in _LEVELS else " " if token.isspace() else token


def _shape(tokens: Sequence[str]) -> str:
    """A pattern for prefixes like this one: numbers, months and levels change from line to line. Without a way back: linear on any line."""
    if all(token.isspace() for token in tokens):
        return re.escape("".join(tokens))
    parts: list[str] = []
    for at, token in enumerate(tokens):
        kind = _kind(token)
        if kind == " " and at == len(tokens) - 1:
            parts.append(re.escape(token))  # what stands in more blanks behind it is the line's own
        elif kind == "0":
            parts.append(r"[ ]*+\d++")
        elif kind == "Month":
            parts.append(r"[A-Z][a-z]{2}")
        elif kind == "LEVEL":
            parts.append(r"[A-Z]{4,7}+[ ]*+")
        elif kind == " ":
            parts.append(r"[ ]*+" if parts and parts[-1].endswith("[ ]*+") else r"[ ]++" if len(token) > 1 else "[ ]")
        else:
            # grep -n -A marks a line that matches with a colon, one around it with a hyphen.
            numbered = kind == ":" == tokens[-1] and bool(parts) and parts[-1].endswith(r"\d++")
            parts.append("[:-]" if numbered else re.escape(token))
    return "".join(parts)


def _blank(tokens: Sequence[str]) -> re.Pattern[str]:
    """A line of which only the prefix is left: the blanks at its end may be lost."""
    kept = list(tokens)
    while kept and kept[-1].isspace():
        kept.pop()
    return re.compile(_shape(kept) + r"\s*+\Z") if kept else re.compile(r"\s*+\Z")


def stripped(lines: Sequence[str], shape: re.Pattern[str], blank: re.Pattern[str]) -> list[str]:
    """The lines without the prefix; one that is nothing else becomes empty."""
    return [line[match.end() :] if (match := shape.match(line)) else "" if blank.match(line) else line for line in lines]

r"""What copying does to evidence, undone line by line: prefixes, escapes, colours, curly quotes, wrapped lines.

    2026-11-28T10:00:00.123456789Z stdout F "http-1" #31 prio=5 tid=0x00007f10d0a1f000 nid=0x251f runnable
    > &quot;http-1&quot; #31 prio=5 tid=0x00007f10d0a1f000 nid=0x251f runnable
    {"log":"\"http-1\" #31 prio=5 tid=0x00007f10d0a1f000 nid=0x251f runnable\n","stream":"stdout"}
    12:tcp6     410      0 10.0.0.5:8080           10.0.0.9:40000          CLOSE_WAIT  1493/java

Nothing here knows a format. It only proposes; the caller takes a proposal if more lines are understood with it than without. A proposal
keeps the number of lines, so that places stay; only what packs several lines into one is unpacked.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from parsers.text.packed import from_json, mostly_json, packs_stack
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

Undo: TypeAlias = "Callable[[Sequence[str]], list[str]]"

MOST_SHAPES: Final = 4
"""Prefixes that are tried, the commonest first."""
MOST_LOST: Final = 20_000
"""Lines that nobody understood in which a prefix is looked for."""
_MOST_BLANKS: Final = 6
"""Blanks in a prefix: dates, hosts and programs of a log have so many."""
_OPENING: Final = frozenset("[{")
"""What JSON that is one line begins with."""
_FEW: Final = 50
_FIRST: Final = 2000
_LONGEST_PREFIX: Final = 200
_WINDOW: Final = 500
_MOST_ALIKE: Final = 200
_NARROWEST, _WIDEST = 50, 260

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
    r"|Current Thread: \S|goroutine \d+ \[|(?:Current t|T)hread 0x[0-9a-f]{4,16} [\[(]|Thread \d+ \((?:idle|active|Thread 0x|LWP)|Thread \(0x[0-9A-Fa-f]+\):|Process \d+: [/\w]"
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

_COLOURS: Final = lazy(
    r"\x1b\[[0-?]*+[ -/]*+[@-~]|\x1b\][^\x07\x1b]*+(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b[=>]|\^\[\[[0-9;]{0,20}[mK]|[\x07\x08]"
)
_INVISIBLE: Final = {
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\r")),
    **dict.fromkeys(map(ord, "\u00a0\u202f\u2007\u2009\u3000"), " "),
}
CURLY: Final = {
    **dict.fromkeys(map(ord, "“”„‟″«»＂"), '"'),
    **dict.fromkeys(map(ord, "‘’‚‛′"), "'"),
    **dict.fromkeys(map(ord, "–—−"), "-"),
}
_MARKUP: Final = lazy(r"</?(?:br|p|div|span|code|pre|tt|samp|td|tr|li)\b[^<>]{0,200}>", re.IGNORECASE)
_BREAK: Final = lazy(r"<br\s*/?>(?=[^\n])|</p>\s*<p>", re.IGNORECASE)
_ESCAPED: Final = lazy(r"&(?:lt|gt|quot|amp|nbsp|apos|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_torn = lazy(
    r"\s*(?:at|-|- (?:locked|parking|waiting|eliminated)[^()\n]{0,200}|- [^()\n]{1,200}\(a|\"[^\"\n]{1,300}\" (?=[^\n]{0,300}(?:prio|tid|[nN]id)=)[^\n\]]{1,400})\s*$"
).match
_no_end = lazy(r"\s*at\s*$|\"[^\"\n]{1,300}\" [^\n]{0,300}\bnid=\S{1,20} (?:in|waiting|waiting on|waiting for)\s*$").match
_commanded = lazy(r"[^\n$#%>]{0,80}[$#%>] {1,3}(?:sudo )?(?:netstat|ss|lsof|ps|jstack|cat|ls|grep|awk)\b").match
_BEGINS: Final = lazy(r"\s*(?:at |- |\"|java\.lang\.Thread\.State: |[#>*])")
_whole = lazy(r"\s+at [\w.$<>/@-]{3,300}\([^()\n]{1,120}\)\s*$").match
"""A frame that stands below the exception which it is of: no end of a line."""
_QUOTES: Final = 3
"""Quoted lines from which on they may hold something of their own."""
_QUOTED: Final = lazy(r"^> ?")
_SPAN: Final = lazy(r"[ \t]*+(?:[-*+•][ \t]++|\d{1,4}[.)][ \t]++)?(`{1,3}+)(?P<span>[^`\n]++)\1[ \t]*+")
"""A line that Markdown shows as code by itself, in a list or not."""
_BAR: Final = lazy(r"(?<![ \t])[ \t]*+\|[ \t]*+$")


class Proposal(NamedTuple):
    """A way to undo what was done to the lines. ``joins``: lines go to the end of others, which must tell more then; ``torn`` of those are no ends. ``plain``: escapes of HTML become letters, which is right even if it tells no more."""

    undo: Undo
    joins: bool = False
    torn: int = 0
    plain: bool = False


def proposals(lines: Sequence[str], lost: Sequence[int]) -> Iterator[Proposal]:
    """What may have been done to ``lines``, of which those with the indices ``lost`` were not understood."""
    sample = [lines[index] for index in _around(lost, len(lines))]
    cleaned = _escapes(sample)
    if cleaned is not None:
        yield cleaned
    undone = sample if cleaned is None else cleaned.undo(sample)
    for shape, blank in _prefixes(undone):
        strip = partial(_stripped, shape=shape, blank=blank)
        if cleaned is None:
            yield Proposal(strip)
        else:
            yield Proposal(_then(cleaned.undo, strip))
            if len(undone) == len(sample) and not any("{" in line for line in sample[:_FEW]):
                yield Proposal(strip)
    if sum(line.startswith(">") for line in undone) >= _QUOTES:
        yield Proposal(lambda given: [_QUOTED.sub("", line) for line in given])  # the answer below a quoted text is not quoted
    if any(map(_torn, undone[:_MOST_ALIKE])) or any(_open(lines[index - 1]) for index in islice(lost, _MOST_ALIKE) if index):
        yield Proposal(_mended, joins=True, torn=sum(_no_end(line) is not None for line in lines))
    yield from _ends_of_lines(undone, cleaned)
    known = frozenset(lost)
    for width, glue in _widths(lines, lost):
        yield Proposal(partial(_joined, lost=known, width=width, glue=glue), joins=True)


def _ends_of_lines(undone: Sequence[str], cleaned: Proposal | None) -> Iterator[Proposal]:
    """Lines that Markdown shows as code one by one, bars and blanks at the ends of lines."""
    if sum(_SPAN.fullmatch(line) is not None for line in undone) > 1:
        spans = Proposal(lambda given: [match["span"] if (match := _SPAN.fullmatch(line)) else line for line in given])
        yield spans if cleaned is None else Proposal(_then(cleaned.undo, spans.undo))
    if sum(_BAR.search(line) is not None for line in undone) > len(undone) // 2:
        yield Proposal(lambda given: [_BAR.sub("", line) for line in given])
    if sum(line.endswith((" ", "\t")) for line in undone) > len(undone) // 2:
        yield Proposal(lambda given: [line.rstrip() for line in given])


def escaped(lines: Sequence[str]) -> list[int]:
    """The indices of lines that hold escapes of HTML, of the first lines: who escapes a text escapes all of it."""
    return [index for index, line in enumerate(islice(lines, _FIRST)) if "&" in line and _ESCAPED.search(line)]


def _around(lost: Sequence[int], end: int) -> Sequence[int]:
    """The lines to look at: where only few are lost, a format sees through what is done to the ones below, which tell more of it."""
    if len(lost) > _FEW:
        return lost[:MOST_LOST]
    return sorted({near for index in lost for near in range(index, min(index + 4, end))})


def _then(first: Undo, second: Undo) -> Undo:
    return lambda lines: second(first(lines))


def _escapes(sample: Sequence[str]) -> Proposal | None:
    """Colours, escapes of HTML and JSON, characters that word processors put in place of the keyboard's; all that is there at once."""
    steps: list[Undo] = []
    shown = sample
    # What was escaped may have been an object of a log driver, and the other way round.
    order = (_without_colours, _without_objects, _without_colours, _without_markup, _without_objects, _without_markup, _with_plain_letters)
    for step_of in order:
        step = step_of(shown)
        if step is not None:
            steps.append(step)
            shown = step(shown)

    def undo(lines: Sequence[str]) -> list[str]:
        result = list(lines)
        for step in steps:
            result = step(result)
        return result

    return Proposal(undo, plain=any(_ESCAPED.search(line) for line in sample)) if steps else None


def _without_colours(sample: Sequence[str]) -> Undo | None:
    has = any("\x1b" in line or "^[[" in line or "\x07" in line for line in sample)
    return (lambda lines: [_COLOURS.sub("", line) for line in lines]) if has else None


def _without_objects(sample: Sequence[str]) -> Undo | None:
    return from_json if mostly_json(sample) or any(packs_stack(line) for line in sample[:_MOST_ALIKE]) else None


def _without_markup(sample: Sequence[str]) -> Undo | None:
    if not any(_ESCAPED.search(line) or _MARKUP.search(line) for line in sample):
        return None
    if sum(len(_BREAK.findall(line)) for line in sample) > len(sample):
        return lambda lines: [_unescaped(part) for part in _broken(lines)]
    return lambda lines: list(map(_unescaped, lines))


def _unescaped(line: str) -> str:
    if "&" not in line and "<" not in line:
        return line
    import html  # noqa: PLC0415 - its table of names is large

    return html.unescape(_MARKUP.sub("", line)).replace("\n", " ").translate(_INVISIBLE)


def _with_plain_letters(sample: Sequence[str]) -> Undo | None:
    text = "\n".join(sample)
    table = {char: put for char, put in {**_INVISIBLE, **CURLY}.items() if chr(char) in text}
    if not table and "#011" not in text and "\\_" not in text:  # rsyslog's tab, Markdown's underscore
        return None
    return lambda lines: [line.translate(table).replace("#011", "\t").replace("\\_", "_") for line in lines]


def _broken(lines: Sequence[str]) -> list[str]:
    """Lines that only ``<br>`` tells apart."""
    return [part for line in lines for part in _BREAK.sub("\n", line).split("\n")]


def _prefixes(sample: Sequence[str]) -> Iterator[tuple[re.Pattern[str], re.Pattern[str]]]:
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
    for candidate in (*found, *less, *alike, *_indented(sample)):
        shape = _shape(candidate)
        if shape not in seen:
            seen.add(shape)
            yield re.compile(shape), _blank(candidate)


def _alike(sample: Sequence[str]) -> Iterator[Sequence[str]]:
    """What all of the first lines begin with, up to each of the last places where it may end, and each of the first blanks: rows are alike, too."""
    lines = [_TOKEN.findall(line[:_LONGEST_PREFIX]) for line in sample[:_MOST_ALIKE] if line and not line.isspace()]
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


def _indented(sample: Sequence[str]) -> Iterator[Sequence[str]]:
    """The indentation of what somebody quotes among lines of their own: as few blanks as any indented line begins with."""
    widths = [len(line) - len(line.lstrip(" ")) for line in sample[:_MOST_ALIKE] if line.startswith("  ") and not line.isspace()]
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


def _stripped(lines: Sequence[str], shape: re.Pattern[str], blank: re.Pattern[str]) -> list[str]:
    return [line[match.end() :] if (match := shape.match(line)) else "" if blank.match(line) else line for line in lines]


def _open(line: str) -> bool:
    """True for a command line that ends inside quotes: mail wraps at a blank of awk's program as well."""
    return "|" in line and line.count("'") % 2 == 1 and _commanded(line) is not None


def _mended(lines: Sequence[str]) -> list[str]:
    """Every line of a stack that ends where none can goes on with the next: mail wraps at a blank, each line at another width."""
    found = list(lines)
    for index in range(len(lines) - 1):
        line, below = found[index], found[index + 1]
        if below.strip() and ((not _BEGINS.match(below) and _torn(line)) or _open(line)):
            found[index], found[index + 1] = "", f"{line.rstrip()} {below.lstrip()}"
    return found


def _widths(lines: Sequence[str], lost: Sequence[int]) -> Iterator[tuple[int, str]]:
    """The width at which lines were wrapped, and what stood at the end of each: nothing, or a blank that the line end replaced."""
    above = [width_of(lines[index - 1]) for index in islice(lost, _MOST_ALIKE * 2) if index]
    widest = max(above, default=0)
    if _NARROWEST <= widest <= _WIDEST:
        yield widest, ""
        yield widest, " "


def width_of(line: str) -> int:
    """Columns that a line takes on a terminal."""
    return len(line.expandtabs()) if "\t" in line else len(line)


def _joined(lines: Sequence[str], lost: Collection[int], width: int, glue: str) -> list[str]:
    """Every line that was not understood goes to the end of the one before, if that had no room for its beginning."""
    found = list(lines)
    head = -1
    for index, line in enumerate(lines):
        before = lines[index - 1] if index else ""
        room = width - width_of(before)
        begins = len(line.split(None, 1)[0]) if line.split() else 0
        full = room == 0 if not glue else 0 <= room <= begins
        if index in lost and before and begins and full and _whole(line) is None:
            head = index - 1 if head < 0 else head
            found[head] += glue + (line.lstrip() if glue else line)
            found[index] = ""
        else:
            head = -1
    return found

"""One artifact: decoded once, its lines numbered before anything is dropped, and cut into the outputs it holds.

People paste. A file may hold one command's output, a terminal session with prompts, a ticket with fenced blocks, or a log with
thread dumps in it. ``cut`` finds the places where an output begins; every piece is then recognised by itself.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from parsers.records import Elision, Unread, Where
from parsers.text.lines import Lines, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from parsers.text.shapes import Shapes

# A prompt with one of the commands that operators save: "$ lsof -i:8080", "[root@app01 ~]# ss -tanp", "app@web1:~$ sudo jstack 12", "app@mini ~ % lsof -p 12", "app1:~ # ss -s".
# What stands before the sign is short, so that a line of prose or of a stack cannot pass for a prompt.
_COMMAND = (
    r"[ \t]+(?:sleep[ \t]+[\d.]{1,6}[smh]?[ \t]*(?:;|&&)[ \t]*)?(?P<command>(?:sudo[ \t]+(?:-\w+[ \t]+(?:\w+[ \t]+)?)*)?(?:\S*/)?"
    r"(?:netstat|lsof|lsfd|ss|jstack|jcmd|jhsdb|jps|kill|cat|df|top|ps|ls|nstat|date|uptime|uname|hostname|ulimit|prlimit|tcpdump|strace|truss|py-spy|conntrack|nettop|pstack|gdb"
    r"|[efz]?grep|g?awk|sed|wc|sysctl|pfiles|pargs|lslocks|procstat|sockstat|fstat|jq|Get-NetTCPConnection|curl|wget|dmesg|journalctl|rabbitmqctl|while|for|watch"
    r"|kubectl|oc|docker|podman|crictl|nsenter|ip[ ]netns|ssh|head|tail|free|vmstat|iostat|pidstat|mpstat|systemctl|ping|du|find|sort|timeout)\b[^\n]*)"
)
PROMPT = re.compile(
    rf"^[ \t]*+(?:\(\w+\)[ ]*)?(?P<host>[/~][^\s$#>]{{0,60}}[ ]|[\w.-]{{1,60}}:[/~][^\s$#>]{{0,60}}[ ](?=#)|[\w.-]{{1,40}}@[\w.-]{{1,60}}[ ][^\s$#>%]{{1,60}}[ ](?=%)|[^\s$#>]{{0,80}}(?:[ ][^\s$#>]{{1,60}})?)[$#>%]{_COMMAND}$",
    re.MULTILINE,
)
FENCE = re.compile(r"^[ \t]*+(?:```|~~~|\{%-?[ ]*(?:end)?highlight\b|\{code|\{noformat|</?pre\b)[^\n]*$", re.MULTILINE)
# What a prompt or a fence cannot do without. Nearly all text has none of it, and is passed many times faster than line by line.
_FENCES = {"`": ("``",), "~": ("~~",), "{": ("%", "code", "noformat"), "<": ("pre", "/pre")}
_command = re.compile(_COMMAND).match
# The prompt of Windows: a drive and a folder; no blank need stand behind it.
_drive = re.compile(
    r"[ \t]*+(?P<host>(?:PS[ ])?[A-Z]:\\[^\n<>|]{0,100}>)[ \t]{0,3}(?P<command>(?:netstat|netsh|Get-NetTCPConnection|Get-Process|tasklist|jstack|jcmd|type|curl)\b[^\n]*)$",
    re.MULTILINE,
).match
# A command that counts, alone on its line: people copy it without the prompt. The number or the counted rows stand below it.
_COUNTS = ("uniq -", "wc -l", "grep -", "Measure-Object", "Group-Object", "++")
_counting = re.compile(
    r"[ \t]*+(?P<command>(?:sudo[ \t]+)?(?:netstat|lsof|ss|conntrack|ls|Get-NetTCPConnection)\b[^\n|`]{0,200}\|[^\n`]{0,600}?"
    r"(?:uniq[ ]+-\w*c|wc[ ]+-l|grep[ ](?:[^\n|]{0,100}[ ])?-[a-zA-Z]*c|\bMeasure-Object|\bGroup-Object|\+\+)(?![^\n]*[:?][ \t]*\d)[^\n`]*)$",
    re.MULTILINE,
).match
_LEFT_OUT = r"(?:\.{2,}|…|snip|cut|omitted|removed|truncated|stripped|skipped|more|others?|same|similar|identical|repeat(?:ed|s)?|etc|and so on|above|deleted|lines)"
# Dots alone; words in brackets, between marks or behind dots that say what was left out: "[... 40 more like this]", "<snip>", "--- cut ---".
# Java's own "\t... 3 more" below a cause is no work of a person.
ELISION = re.compile(
    r"^[ \t]*(?:\.{3,}|…|\[\.\.\.\]|\(\.\.\.\)|\.(?:[ \t]+\.){2,})[ \t]*$"
    rf"|^[ \t]*(?:\[[^\[\]\n]{{0,60}}?\b{_LEFT_OUT}(?!\w)[^\[\]\n]{{0,60}}\]|\([^()\n]{{0,60}}?\b{_LEFT_OUT}(?!\w)[^()\n]{{0,60}}\)|<[^<>\n]{{0,60}}?\b{_LEFT_OUT}(?!\w)[^<>\n]{{0,60}}>)[ \t.]*$"
    rf"|^(?![ \t]+\.\.\. \d+ (?:more|common))[ \t]*(?:-{{2,}}|\*+|={{2,}}|~+|\.{{2,}}|…)[ \t]*(?:[^\n]{{0,60}}?\b)?{_LEFT_OUT}(?!\w)[^\n]{{0,60}}$",
    re.IGNORECASE,
)

_FIELDS = re.compile(rb"p\d{1,10}\x00(?:[a-zA-Z][^\x00-\x1f]*\x00)*\n")

LONGEST = 8192
"""Characters of the longest line that is read: ss lists every owner of a listener, some 30 characters each for hundreds of workers."""

LARGE = 4 << 20
"""Characters from which on the lines of a text are not held in memory one by one: below, a list is small, and quicker to go back in."""


class Section(NamedTuple):
    """A run of lines that one command printed. ``lines[0]`` has the number ``first``; ``prompt`` is the command line above it, if any."""

    file: str
    first: int
    lines: Sequence[str]
    prompt: str | None = None

    def where(self, start: int, stop: int | None = None) -> Where:
        """The place of the lines with index ``start`` up to ``stop`` (included; default: the one line)."""
        first = self.first + start
        return Where(self.file, first, first if stop is None else self.first + stop)

    def rows(self) -> Iterator[tuple[int, str]]:
        """Index and text of every line that is not blank. A line too long for any tool comes as U+FFFD, which no format reads.

        Damage makes such lines (a binary tail, a log without line ends), and patterns with two open ends take quadratic time on them.
        """
        if isinstance(self.lines, Lines):
            return chain.from_iterable(_rows(lines, start) for lines, start in _numbered(self.lines.blocks()))
        return _rows(self.lines, 0)

    def blocks(self) -> Iterator[tuple[list[str], int]]:
        """The lines some hundred at a time, blank ones too, each list with the index of its first line; of a small text all at once."""
        if isinstance(self.lines, Lines):
            return ((_readable(lines), start) for lines, start in _numbered(self.lines.blocks()))
        return iter([(_readable(self.lines), 0)])

    def held(self) -> Section:
        """The section with its lines in a list, for formats that go back and forth in them."""
        return self._replace(lines=list(self.lines)) if isinstance(self.lines, Lines) else self

    def head(self, most: int) -> list[str]:
        """The first ``most`` rows. Of JSON on one line, the only text whose lines are long by right, the beginning is shown."""
        lines = islice((line for line in self.lines if line and not line.isspace()), most)
        return [
            line if len(line) <= LONGEST else line[:LONGEST] if line.startswith(("{", "[")) else "\N{REPLACEMENT CHARACTER}"
            for line in lines
        ]

    @property
    def nonblank(self) -> int:
        """How many lines hold more than white space."""
        return sum(1 for line in self.lines if line and not line.isspace())


def _readable(lines: Sequence[str]) -> list[str]:
    """The lines, those that are too long as U+FFFD; see :meth:`Section.rows`."""
    if max(map(len, lines), default=0) > LONGEST:
        return [line if len(line) <= LONGEST or line.isspace() else "\N{REPLACEMENT CHARACTER}" for line in lines]
    return lines if isinstance(lines, list) else list(lines)


def _rows(lines: Sequence[str], start: int) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, counted from ``start``; see :meth:`Section.rows`."""
    lines = _readable(lines)
    # A table has no blank lines; asking for that costs less than asking every line.
    if "" not in lines and not any(map(str.isspace, lines)):
        return enumerate(lines, start)
    return ((index, line) for index, line in enumerate(lines, start) if line and not line.isspace())


def _numbered(blocks: Iterable[list[str]]) -> Iterator[tuple[list[str], int]]:
    """Every block with the index of its first line."""
    start = 0
    for lines in blocks:
        yield lines, start
        start += len(lines)


class Source:
    """A text artifact.

    Attributes:
        file: the name that places show, relative to the incident.
        lines: the decoded lines without their ends; line N of the file is ``lines[N - 1]``. Of a large text they are not all in memory.
        size: bytes as read.
        sha256: of the bytes as read.
    """

    __slots__ = ("_text", "file", "lines", "sha256", "size")

    def __init__(self, file: str, data: bytes) -> None:
        """Decode ``data``; never raises: bytes that no encoding explains become U+FFFD."""
        self.file = file
        self.size = len(data)
        self.sha256 = hashlib.sha256(data).hexdigest()
        text = decode(data)
        # Only LF ends a line, as in editors and grep -n: str.splitlines would also count form feeds and U+2028 inside a thread's name.
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        self.lines: Sequence[str] = lines_of(data, text) if len(text) >= LARGE else split(text)
        self._text: str | None = text

    def undone(self, lines: Sequence[str]) -> Source:
        """The same artifact with other lines: what was done to it when it was copied is undone in them."""
        source = Source.__new__(Source)
        source.file, source.size, source.sha256, source.lines = self.file, self.size, self.sha256, lines
        source._text = None  # noqa: SLF001 - of this class
        return source

    def take_text(self) -> str:
        """All lines as one text that ends in a line end; for :func:`cut`. It is not kept beyond the first call: the lines hold it once more."""
        text, self._text = self._text, None
        if text is None:
            return "\n".join((*self.lines, ""))
        return f"{text}\n" if text and not text.endswith("\n") else text

    def excerpt(self, where: Where, most: int = 5) -> tuple[str, ...]:
        """The lines of a place, at most ``most`` of them: of a longer one the first, and its end, where a stack has the frame of the application."""
        first, last = where.first - 1, where.last
        if last - first <= most:
            return tuple(self.lines[first:last])
        return (self.lines[first], f"{_blanks(self.lines[first])}…", *self.lines[last - most + 2 : last])


def _blanks(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def split(text: str) -> list[str]:
    """The lines of a text, without their ends."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def decode(data: bytes) -> str:
    """Text of an artifact: byte-order mark, UTF-8, UTF-16 without a mark (PowerShell), else Windows-1252, in this order."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    head = data[:4096]
    if head.count(0) > len(head) // 3:
        little = head[1::2].count(0) >= head[0::2].count(0)
        return data.decode("utf-16-le" if little else "utf-16-be", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A multi-byte character that the end of the file cuts is a cut file, not another encoding.
        if error.start >= len(data) - 3 and error.end == len(data):
            return data.decode("utf-8", "replace")
    return data.decode("cp1252", "replace")


def is_binary(data: bytes) -> bool:
    """True for data that is no text in any encoding ``decode`` knows: NUL bytes without a UTF-16 pattern, or lsof -F0's."""
    head = data[:4096]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    zeros = head.count(0)
    if not zeros:
        return False
    if _FIELDS.match(head):
        return False
    utf16 = zeros > len(head) // 3 and max(head[0::2].count(0), head[1::2].count(0)) > 0.9 * zeros
    return not utf16


def cut(source: Source, shapes: Shapes) -> list[Section]:
    """Cut a source where an output begins: at prompts, at fences, and where ``shapes`` says so.

    Prompts and fences belong to no section; blank sections are dropped. Every other non-blank line is in exactly one section.
    """
    text = source.take_text()
    data = source.lines.whole() if isinstance(source.lines, Lines) and text.isascii() else None
    cuts: dict[int, tuple[int, str | None]] = {0: (0, None)}  # offset of the cut → offset of the first content line, prompt
    if _has_fence(text):
        for match in FENCE.finditer(text):
            cuts[match.start()] = (match.end() + 1, None)
    for match in _prompts(text):
        cuts[match.start()] = (match.end() + 1, match["command"])
    fixed = sorted(cuts)
    passed: list[tuple[int, int]] = []
    for begin, end in zip(fixed, [*fixed[1:], len(text)], strict=True):
        content, prompt = cuts[begin]
        for number, start in enumerate(shapes.starts(text, content, end, data, passed)):
            # The first output below a prompt is the prompt's, even if a warning or an empty line stands in front of it.
            if number or prompt is None:
                cuts.setdefault(start, (start, None))
    marked = set(shapes.marked(text, passed))
    beside = marked.difference(cuts)
    cuts.update({start: (start, None) for start in beside})
    sections: list[Section] = []
    line = position = 0
    ordered = sorted(cuts)
    ordered = [start for before, start in zip([-1, *ordered], ordered, strict=False) if start not in beside or before not in marked]
    for begin, end in zip(ordered, [*ordered[1:], len(text) + 1], strict=True):
        content, prompt = cuts[begin]
        line += text.count("\n", position, content)
        stop = line + text.count("\n", content, end) if end <= len(text) else len(source.lines)
        lines = source.lines if line == 0 and stop == len(source.lines) else source.lines[line:stop]
        if any(row and not row.isspace() for row in lines):
            sections.append(Section(source.file, line + 1, lines, prompt))
        line, position = stop, end
    return sections


def _has_fence(text: str) -> bool:
    """True if something in the text may be a fence."""
    for sign, rest in _FENCES.items():
        found = text.find(sign)
        while found >= 0:
            if text.startswith(rest, found + 1):
                return True
            found = text.find(sign, found + 1)
    return False


def _prompts(text: str) -> Iterator[re.Match[str]]:
    """Every line that is a prompt with a known command, in order. The text ends in a line end."""
    lines: set[int] = set()
    for sign in "$#>%":
        # One character is looked for at the speed of memory; a search for a pattern goes character by character.
        found = text.find(sign)
        while found >= 0:
            if text[found + 1] in " \t" and _command(text, found + 1):
                lines.add(text.rfind("\n", 0, found) + 1)
            found = text.find(sign, found + 1)
    # No command counts without a pipe: where a text has none, the words need not be looked for.
    words = _COUNTS if "|" in text else ()
    bare = {text.rfind("\n", 0, found) + 1 for word in words for found in _places(text, word)} - lines
    drives = {text.rfind("\n", 0, found) + 1 for found in _places(text, ":\\")} - lines
    for begin in sorted(lines | bare | drives):
        if match := PROMPT.match(text, begin) if begin in lines else _counting(text, begin) or (_drive(text, begin) if drives else None):
            yield match


def _places(text: str, word: str) -> Iterator[int]:
    """Where a word stands in a text."""
    found = text.find(word)
    while found >= 0:
        yield found
        found = text.find(word, found + 1)


def leftovers(section: Section, unread: Iterable[tuple[int, str]]) -> tuple[tuple[Unread, ...], tuple[Elision, ...]]:
    """Turn (index, reason) of lines that a format did not read into records: neighbours with one reason become one entry.

    Lines of dots are elisions: they were understood, and what they say is that lines are missing.
    """
    gaps: list[Unread] = []
    elisions: list[Elision] = []
    for index, why in unread:
        if ELISION.match(section.lines[index]):
            elisions.append(Elision(section.where(index)))
            continue
        here = section.where(index)
        previous = gaps[-1] if gaps else None
        if previous and previous.why == why and previous.where.last == here.first - 1:
            gaps[-1] = Unread(Where(here.file, previous.where.first, here.last), previous.lines + 1, why)
        else:
            gaps.append(Unread(here, 1, why))
    return tuple(gaps), tuple(elisions)

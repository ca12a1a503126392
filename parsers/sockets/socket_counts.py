"""Things counted by a command line: sockets by state and ends, descriptors by target, threads by name; and what ``wc -l`` or ``grep -c`` counted.

       1208 CLOSE_WAIT
        601 ESTABLISHED
          1 Foreign
          4 FIN_WAIT2

     412 10.4.0.9:8983 CLOSE_WAIT

       2210 CLOSE-WAIT 187 10.4.0.5:8443 x.x.x.x

PowerShell's ``Group-Object State -NoElement`` prints ``16201 TimeWait``; ``awk '{++S[$NF]} END {…}'`` prints the number last. The commonest paste of all.
The command above says what the columns are (:mod:`parsers.text.pipelines`). A bare number below ``… | wc -l`` counts the lines of that command, of which
the table below may show only some; several numbers below a loop are its rounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from parsers.records import THREADS_IN, Counted, Counter, Endpoint, Parsed, Pid, Tally, TcpState
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint, hex_endpoint, normal_host, port_of
from parsers.text.grammar import HEX_STATES, POWERSHELL_STATES, STATES, tcp_state
from parsers.text.patterns import lazy
from parsers.text.pipelines import KERNEL, REPORT, TOOLS, Pipeline, header_lines, pipeline, plain_row, shows_pids
from parsers.text.source import ELISION, Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

NAME: Final = "socket_counts"
SHOWS: Final = frozenset({Shows.PROCESS})

UNCONNECTED: Final = "sock"
"""lsof's type of a socket that it finds no connection for: "can't identify protocol"."""
_PROSE: Final = 100
"""Lines of a text, up to which a sentence that counts is looked for in each."""
_LINE: Final = 1000
_LONGEST_NAME: Final = 200
_WORD: Final = "|".join(sorted(sorted({*STATES, *(word.replace("_", "-") for word in STATES), *POWERSHELL_STATES}), key=len, reverse=True))
HEADER: Final = r"(?!)"
_V4: Final = r"(?:::ffff:)?\d{1,3}(?:\.\d{1,3}){3}"
_END: Final = rf"(?:{_V4}|\[?[0-9a-fA-F]{{0,4}}:[0-9a-fA-F:.]{{2,40}}\]?|\*|localhost)[:.](?:\d{{1,5}}|\*)"
_OCTET: Final = r"(?:\d{1,3}|[xX*#]{1,4})"
_MASKED: Final = rf"\[?(?:::ffff:)?{_OCTET}(?:\.{_OCTET}){{3}}\]?"
_HIDDEN: Final = rf"(?:[xX*]{{1,4}}\.){{1,3}}[xX*\d]{{1,4}}(?::(?:\d{{1,5}}|[xX*]{{1,5}}))?|{_MASKED}(?:[:.](?:\d{{1,5}}|[xX*]{{1,5}}))?|<[\w .-]{{1,30}}>(?::\d{{1,5}})?|[xX]{{3,20}}|\*{{2,8}}"
_CELL: Final = rf"(?:{_END}|{_V4}|{_HIDDEN}|\[[0-9a-fA-F:.]{{2,45}}\]|\*|localhost|[a-zA-Z][\w.-]{{1,80}}:\d{{1,5}}|tcp[46]?6?|\d{{1,10}}(?:/[\w.:-]{{0,40}})?|-)"
ROW_SHAPE: Final = rf"[ \t]*\d{{1,9}}[ \t]+(?:{_CELL}[ \t,]+){{0,5}}(?:{_WORD})(?:[ \t,]+{_CELL}){{0,5}}[ \t]*(?:\{{[^\n]*)?$|(?:{_WORD})[ \t]*[:=]?[ \t]+\d{{1,9}}[ \t]*$"
_row = lazy(rf"\s*(?P<count>\d{{1,9}})\s+(?P<cells>(?:{_CELL}[\s,]+){{0,5}}(?:{_WORD})(?:[\s,]+{_CELL}){{0,5}})\s*(?:\{{[^\n]*)?$").match
_after = lazy(rf"\s*(?P<cells>{_WORD})\s*[:=]?\s+(?P<count>\d{{1,9}})\s*$").match
_cells = lazy(rf"\s*(?P<count>\d{{1,9}})\s+(?P<cells>(?:(?:{_CELL}|{_WORD})[\s,]+){{0,6}}(?:{_CELL}|{_WORD}))\s*(?:\{{[^\n]*)?$").match
_any = lazy(r"\s*(?P<count>\d{1,9})\s+(?P<cells>\S[^\n]{0,200}?)\s*$").match
_named = lazy(r"\s*(?P<count>\d{1,9})\s+(?P<name>(?!0\s*$)\S[^\n]*?)\s*$").match  # ls -l begins with "total 0"
_v4 = lazy(rf"{_V4}\Z").match
_of_pid = lazy(r"\s*(?P<count>\d{1,9})\s+(?P<pid>\d{1,10})\s*$").match
_clock = lazy(r"\s*\d\d?:\d\d(?::\d\d)?(?:[ ]?[AP]M)?\s*$").match
_host = lazy(rf"{_V4}\Z|\[?[0-9a-fA-F]{{0,4}}:[0-9a-fA-F:]{{2,40}}\]?\Z|localhost\Z").match
_end = lazy(rf"{_END}\Z|[a-zA-Z][\w.-]{{1,80}}:\d{{1,5}}\Z").match
_hex_end = lazy(r"(?P<address>[0-9A-F]{8}|[0-9A-F]{32}):(?P<port>[0-9A-F]{4})\Z").match
_hidden = lazy(rf"(?:{_HIDDEN})\Z").match
_threads = lazy(r"\s*(?P<count>\d{1,7})\s+java\.lang\.Thread\.State: (?P<state>[A-Z_]{3,15}(?: \([\w ]{1,40}\))?)\s*$").match
_command = lazy(
    r"\s*(?P<command>(?:sudo\s+)?(?:netstat|lsof|ss|ls|ps|jstack)\b[^\n]{0,300}?(?:\|\s*wc\s+-l|\bgrep\s[^\n|]{0,100}?-[a-zA-Z]*c\b[^\n|]{0,60}))\s*$"
).match
# The table's own header, split at blanks and counted with the rest.
_remark = lazy(
    r"\s*\d{1,9}\s+(?:established\)|servers\)|Foreign|State|\(state\)|st|(?:local|rem|remote)_address|Address|and|Local|Peer|Recv-Q)\b[^\n]{0,40}$|Count\s+Name\b[^\n]{0,20}$|-----\s+----[ -]*$"
).match
_measured = lazy(r"\s*(?:Lines\s+Words\s+Characters\b|Count\s+Average\b|-{4,}(?:[ \t]+-{4,}){1,5}[ \t]*$)").match
"""What Measure-Object prints above its number."""
_bare = lazy(r"\s*(?P<count>\d{1,9})\s*$").match
_quoted = lazy(
    r"(?P<command>(?:\b(?:netstat|lsof|ss)\b[^\n`|]{0,120}|(?<=`))\|[^\n`]{0,160}?(?:wc -l|grep -c[^\n`]{0,60}?|Measure-Object[^\n`]{0,40}?))`?\W{0,3}"
    r"(?:(?:(?:it|this|that) )?(?:\S{1,4}|gives|gave|returns|returned|shows|showed|says|said|prints|printed|is|was|reports|reported|outputs)\s{1,3}(?:me |us |about |around )?)?[`*]{0,3}(?P<count>\d{1,3}(?:,\d{3})+|\d{1,9})\b"
).search
_lists_threads = lazy(r"\bps\s+(?:-\w*[LT]|\w*[HT])").search
_dump = lazy(r"['\"^]\s*\^?\\?\"|\bjstack\b|Thread\.print").search


def _state_of(word: str) -> TcpState | None:
    """The state that a tool's word means."""
    return POWERSHELL_STATES.get(word) or tcp_state(word)


def sniff(head: Sequence[str]) -> bool:
    """True if a count of a state is among the lines."""
    return any(_row(line) or _after(line) for line in head)


def is_count(section: Section) -> bool:
    """True if the command above the section counts, and its first line is the number."""
    first = next((line for line in section.lines if line and not line.isspace() and not _measured(line)), "")
    line = pipeline(section.prompt) if section.prompt is not None and _bare(first) is not None else None
    return line is not None and line.counts


def leading(section: Section) -> int:
    """How many lines are what the command above counted: its number, of a loop the numbers of its rounds, or the rows with theirs."""
    line = pipeline(section.prompt) if section.prompt is not None else None
    what = _what(line) if line is not None else None
    last = 0
    for index, text in section.rows() if line is not None else ():
        if line is not None and line.counts:
            if line.loops and _clock(text):
                continue
            if _measured(text) and not last:
                continue
            if _bare(text) is None or (last and not line.loops):
                break
        elif line is None or what is None or not (_of_row(section, index, text, line, what) or _remark(text) or ELISION.match(text)):
            break
        last = index + 1
    return last


def quoted(section: Section) -> Parsed | None:
    """What a sentence counts: "`lsof -p 77 | grep -c CLOSE_WAIT` gives 912"; None if none does."""
    if section.nonblank > _PROSE:
        return None
    counts: list[Tally] = []
    unread: list[tuple[int, str]] = []
    above = ""
    for index, line in section.rows():
        match = _quoted(line[:_LINE]) if "|" in line else None
        counter, above = _command(above[:_LINE]), line
        if match is None and counter is not None and (number := _bare(line)) is not None:
            counts.append(of_number(section, index, counter["command"], int(number["count"])))
        elif match is None:
            unread.append((index, "no format that is known"))
        else:
            counts.append(of_number(section, index, match["command"], int(match["count"].replace(",", ""))))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*counts, *elisions), len(counts) + len(elisions), gaps) if counts else None


def threads(section: Section) -> Parsed | None:
    """Threads counted by state: ``jstack PID | grep State | sort | uniq -c``; None if none are. An editor's line numbers in front of a dump look alike."""
    rows = list(section.rows()) if section.nonblank <= _PROSE else []
    counts = [
        Counter(section.where(index), f"{THREADS_IN}{match['state']}", int(match["count"]))
        for index, line in rows
        if (match := _threads(line))
    ]
    if not counts or any(" at " in line or "\tat " in line for _, line in rows):
        return None
    gaps, elisions = leftovers(section, ((index, "no count of a state") for index, line in rows if not _threads(line)))
    return Parsed((*counts, *elisions), len(counts) + len(elisions), gaps)


def below(section: Section) -> Parsed | None:
    """What the command above the section counted by its columns; None where it counted nothing, or no row of it is here."""
    line = pipeline(section.prompt) if section.prompt is not None and section.nonblank <= _PROSE else None
    if line is None or not (line.tallies or (line.counts and line.loops)):
        return None
    what = _what(line)
    if what is None or any(_threads(text) for _, text in section.rows()):
        return None
    parsed = _parsed(section, line, what)
    return parsed if any(isinstance(record, Tally) for record in parsed.records) else None


def parse(section: Section) -> Parsed:
    """A tally for each row; one that names the command for a bare number."""
    line = pipeline(section.prompt) if section.prompt is not None else None
    return _parsed(section, line, (_what(line) if line is not None else None) or Counted.SOCKETS)


def _what(line: Pipeline) -> Counted | None:
    """What a command counts: the rows of its tool."""
    if line.tool == "conntrack":
        return Counted.TRACKED
    if line.tool == "pfiles" or (line.tool == "ls" and "/fd" in line.text):
        return Counted.DESCRIPTORS
    if line.tool == "lsof" and "-i" not in line.text and line.process is None:
        named = line.columns in {("name",), ("type",)}
        if (named or line.counts) and line.state is None and line.end is None:
            return Counted.DESCRIPTORS
    if line.tool == "ps":
        return Counted.THREADS if _lists_threads(line.text) is not None and line.columns == ("pid",) else None
    if line.tool in TOOLS or (line.tool == REPORT and line.columns):
        return Counted.SOCKETS
    return (
        Counted.THREADS
        if _dump(line.text) is not None and line.tool in {"grep", "egrep", "zgrep", "jstack", "cat", "jcmd", "awk"}
        else None
    )


def _parsed(section: Section, line: Pipeline | None, what: Counted) -> Parsed:
    records: list[Tally] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, text in section.rows():
        tally = _of_row(section, index, text, line, what)
        if tally is not None:
            records.append(tally)
        elif not (_remark(text) or _measured(text) or (line is not None and line.loops and _clock(text))):
            unread.append((index, "no count of a state"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*_about_one(records, line), *elisions), read + len(elisions), gaps)


def _of_row(section: Section, index: int, text: str, line: Pipeline | None, what: Counted) -> Tally | None:
    """The tally of a row; None for a line that counts nothing."""
    if line is not None and (match := _bare(text)):
        return of_number(section, index, line.text, int(match["count"]))
    if what is Counted.THREADS and line is not None and line.columns == ("pid",):
        match = _of_pid(text)
        pid = Pid(int(match["pid"])) if match is not None else None
        where = section.where(index)
        return (
            Tally(where=where, what=what, count=int(match["count"]), command=line.text, listing=section.first, pid=pid) if match else None
        )
    if what in {Counted.DESCRIPTORS, Counted.THREADS}:
        match = _named(text)
        return (
            None
            if match is None
            else Tally(
                where=section.where(index),
                what=what,
                count=int(match["count"]),
                command=line.text if line else None,
                listing=section.first,
                pid=Pid(line.pid) if line and line.pid is not None else None,
                name=match["name"][:_LONGEST_NAME].strip("'\" "),
            )
        )
    text = _spelled(text, line) if line is not None and line.tool == KERNEL else plain_row(text)
    match = _row(text) or _after(text) or (_cells(text) or _in_columns(text, line) if line is not None else None)
    if match is None:
        # A tracker's other columns: "3300 udp src=10.4.3.18".
        match = _named(text) if what is Counted.TRACKED else None
        return (
            None
            if match is None
            else Tally(
                where=section.where(index), what=what, count=int(match["count"]), listing=section.first, name=match["name"][:_LONGEST_NAME]
            )
        )
    cells = match["cells"].replace(",", " ").split()
    roles = line.columns if line is not None and len(line.columns) == len(cells) else _roles(line, cells)
    values: dict[str, Any] = {}
    for role, cell in zip(roles, cells, strict=True):
        _take(values, role, cell, line.text if line is not None else None)
    return Tally(
        where=section.where(index),
        what=what,
        count=int(match["count"]),
        command=line.text if line is not None else None,
        listing=section.first,
        **_with_command(values, line),
    )


def _spelled(text: str, line: Pipeline) -> str:
    """A row of the kernel's own table as other tools print it: its states and ends are hexadecimal."""
    count, *cells = text.split() or [""]
    if len(cells) != len(line.columns):
        return text
    said = [
        HEX_STATES[cell.upper()]
        if role == "state" and cell.upper() in HEX_STATES
        else str(hex_endpoint(end["address"], end["port"]))
        if role in {"local", "remote"} and (end := _hex_end(cell)) is not None
        else cell
        for role, cell in zip(line.columns, cells, strict=True)
    ]
    return " ".join((count, *said))


def _in_columns(text: str, line: Pipeline) -> re.Match[str] | None:
    """A row of which every column is known: names of processes look like anything."""
    match = _any(text) if line.columns and None not in line.columns else None
    cells = match["cells"].replace(",", " ").split() if match is not None else []
    fits = len(cells) == len(line.columns) and all(_fits(role, cell) for role, cell in zip(line.columns, cells, strict=True))
    return match if fits and (line.state is not None or "state" in line.columns) else None


def _fits(role: str | None, cell: str) -> bool:
    """True for a cell that may stand in a column: names of processes look like anything, states and ends do not."""
    if role == "state":
        return _state_of(cell.strip("()")) is not None
    if role in {"local", "remote"} and port_of(cell) is not None:
        return True  # of an end only the port was kept
    return _is_end(cell) if role in {"local", "remote"} else cell.isdecimal() if role in {"pid", "recv", "send"} else True


def _roles(line: Pipeline | None, cells: Sequence[str]) -> tuple[str | None, ...]:
    """The roles of cells that no column names: those of the columns for ends in their order, or what two ends are everywhere."""
    ends = [cell for cell in cells if _is_end(cell)]
    known = [role for role in (line.columns if line is not None else ()) if role in {"local", "remote"}]
    order = iter(known if len(known) == len(ends) else ("local", "remote") if len(ends) == 2 else (None,) * len(ends))  # noqa: PLR2004 - of a pair the near end comes first
    return tuple(next(order) or "end" if _is_end(cell) else None for cell in cells)


def _is_end(cell: str) -> bool:
    return _end(cell) is not None or _host(cell) is not None or _hidden(cell) is not None


def _take(values: dict[str, Any], role: str | None, cell: str, command: str | None) -> None:
    """A cell's value, by its role and by what it looks like."""
    if role in {"local", "remote"} and port_of(cell) is not None:
        values[role] = Endpoint("*", port_of(cell))
    elif (state := _state_of(cell.strip("()"))) is not None and not cell.isdecimal():
        values["state"] = state
    elif role in {"local", "remote", "end"} or (role is None and _is_end(cell)):
        values[role or "end"] = _place(cell)
    elif role == "recv" and cell.isdecimal():
        values["recv_q"] = int(cell)
    elif role == "pid" and cell.isdecimal():
        values["pid"] = Pid(int(cell[:10]))
    elif role == "process":
        values["process"] = cell
    elif role == "name":
        near, arrow, far = cell.partition("->")
        values["local" if arrow else "remote" if "->" in (command or "") else "end"] = _place(near)
        if arrow:
            values["remote"] = _place(far)
    elif (role in {"owner", None}) and "/" in cell and (pid := cell.partition("/")[0]).isdecimal():
        values["pid"], values["process"] = Pid(int(pid[:10])), cell.partition("/")[2] or None


def _place(cell: str) -> Endpoint:
    """An end as far as the row has it: without a port where that was cut off."""
    if _end(cell) is not None and _v4(cell) is None:
        found = endpoint(cell if ":" in cell else ":".join(cell.rpartition(".")[::2]))
        if found is not None:
            return found
    if _hidden(cell) is not None:
        host, _, port = cell.rpartition(":")
        if not host or (port_of(port) is None and port.strip("xX*")):
            host, port = cell, ""
        return Endpoint(host.strip("[]").removeprefix("::ffff:"), port_of(port))
    return Endpoint(normal_host(cell), None)


def _with_command(values: dict[str, Any], line: Pipeline | None) -> dict[str, Any]:
    """What the command says of every row: the state, an end's port, the process."""
    if line is None:
        return values
    if line.state is not None:
        values.setdefault("state", line.state)
    if line.pid is not None:
        values.setdefault("pid", Pid(line.pid))
    if line.process is not None:
        values.setdefault("process", line.process)
    known = [end for end in (values.get("local"), values.get("remote"), values.get("end")) if end is not None]
    for side, end in (("local", line.local), ("remote", line.remote), ("end", line.end)):
        if end is not None and (side != "end" or not any(_is_same(one, end) for one in known)):
            values.setdefault(side, end)
    return values


def _is_same(end: Endpoint, asked: Endpoint) -> bool:
    """True for an end that a filter asked for: its port, or its address where no port was named."""
    return end.port == asked.port if asked.port is not None else end.host == asked.host


def _about_one(records: Sequence[Tally], line: Pipeline | None) -> Iterator[Tally]:
    """The tallies of one command, with the number that was looked for: a pid, unless an end has such a port."""
    from msgspec.structs import replace  # noqa: PLC0415 - few inputs have counts

    number = line.number if line is not None else None
    ends = {end.port for one in records for end in (one.local, one.remote, one.end) if end is not None}
    if number is None or line is None or number in ends:
        yield from records
    elif not shows_pids(line) and port_of(str(number)) is not None:
        yield from (replace(one, end=Endpoint("*", number)) if one.end is None else one for one in records)
    elif shows_pids(line) and port_of(str(number)) is None:
        yield from (replace(one, pid=Pid(number)) if one.pid is None else one for one in records)
    else:
        # Of a port or of a process: only other lines tell.
        yield from (replace(one, number=number) for one in records)


def of_number(section: Section, index: int, command: str, count: int) -> Tally:
    """A bare number: what the command counts is all that is known of the things."""
    line = pipeline(command)
    what = _what(line) if line is not None else None
    where = section.where(index)
    if line is None or what is None:
        return Tally(where=where, what=Counted.LINES, count=count, command=command.strip(), listing=section.first)
    tally = Tally(
        where=where,
        what=what,
        count=0 if count <= header_lines(line) else count,  # of many, the line of the header does not matter
        command=command.strip(),
        listing=where.first if line.loops else section.first,
        apart=line.every,
        name=UNCONNECTED if what is Counted.DESCRIPTORS and "identify protocol" in command else None,
        **_with_command({}, line),
    )
    return next(iter(_about_one((tally,), line)))

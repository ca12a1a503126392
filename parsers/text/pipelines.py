"""What a command line says of the rows that it counts: the tool, the columns that were kept, the state, ports and process that were asked for.

    netstat -anp | grep 4711 | awk '{print $5, $6}' | sort | uniq -c
    ss -tn state close-wait | awk '{print $4}' | sed 's/:[0-9]*$//' | sort | uniq -c
    lsof -nP -p 77 | grep -c CLOSE_WAIT

A column's number means what the tool prints there: ``ss`` leaves the state out where it was asked for one, and prints a protocol where it was asked for
several. What is not known of a command stays open.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.records import Endpoint
from parsers.text.endpoint import port_of
from parsers.text.grammar import HEX_STATES, POWERSHELL_STATES, tcp_state
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from parsers.records import TcpState

LONGEST: Final = 1000
"""Characters of a command line that are looked at."""
_stages = lazy(r"'[^']*'|\"[^\"]*\"|\\.|\|\||[^|'\"\\]+|['\"\\]|(?P<pipe>\|)").finditer
_words = lazy(r"(?:'[^']*'|\"[^\"]*\"|\\.|[^\s'\"\\])+|['\"\\]").findall
_prints = lazy(r"\{\s*print\s+(?P<columns>[^}]{1,120})\}").search
_field = lazy(r"\$(?:(?P<number>\d{1,2})|\(?NF(?:-(?P<back>\d))?\)?)").finditer
_array = lazy(r"\[\s*(?P<column>\$(?:\d{1,2}|NF|\(NF-\d\)))\s*\]").search
_port = lazy(r"(?:^|[:.=]|\\\.|\\b)\s*:?(?P<port>\d{1,5})(?:\b|$)").search
_address = lazy(r"(?P<host>\d{1,3}(?:\\?\.\d{1,3}){3})(?:(?::|\\?\.)(?P<port>\d{1,5}))?(?![\d.])").search
_asked = lazy(r"\bstate\s+(?P<state>[a-zA-Z][\w-]{2,20})(?![\w-])").findall
_side = lazy(
    r"\b(?P<side>sport|dport|src|dst)\s*(?:=|eq\s|==)?\s*(?:(?P<host>\d{1,3}(?:\.\d{1,3}){3})(?::(?P<port>\d{1,5}))?|:(?P<alone>\d{1,5}))"
).finditer
_lsof_port = lazy(r"-i\s*(?:[46]?(?:TCP|tcp))?(?:@[\w.-]{1,80})?:(?P<port>\d{1,5})\b").search
_of_powershell = lazy(r"-State\s+[\"']?(?P<state>[A-Z]\w{3,14})").search
_grouped = lazy(r"\|\s*(?:Group-Object|group)\s+(?:-Property\s+)?(?P<names>[A-Za-z]+(?:\s*,\s*[A-Za-z]+)*)").search
_PROPERTIES: Final = {
    "State": "state",
    "OwningProcess": "pid",
    "LocalPort": "local",
    "LocalAddress": "local",
    "RemotePort": "remote",
    "RemoteAddress": "remote",
}
"""Properties of a connection as PowerShell names them."""
_lsof_state = lazy(r"-s\s*(?:TCP|tcp):(?P<state>\w{4,14})").search
_pid = lazy(r"(?:-p\s*|pfiles\s+|/proc/|\bpid[ =])(?P<pid>\d{1,10})\b").search
_name = lazy(r"[A-Za-z][\w.-]{2,40}\Z").match
_owned = lazy(r"(?P<pid>\d{1,10})/(?P<name>[\w.-]*)\Z").match
_counts = lazy(
    r"\|\s*wc\s+-l\b|\b(?:z|e|f)?grep\s+(?:\S+\s+)*?(?:-[a-zA-Z]*c[a-zA-Z]*|--count)\b|\bMeasure-Object\b|\bfind(?:\.exe)?\s+/[cC]\b"
).search
_tallies = lazy(
    r"\buniq\s+(?:-\w+\s+)*-\w*c|\buniq\s+--count|\bGroup-Object\b|\|\s*group\b|\bawk\b[^|]*\[[^\]]{1,40}\]\s*(?:\+\+|\+=)|\bawk\b[^|]*\+\+\s*\w+\["
).search
_loops = lazy(r"\s*(?:while|for|watch|until)\b").match
_sleep = lazy(r"\bsleep\s+(?P<number>\d{1,6})(?P<unit>[smhd]?)\b|\bwatch\s+(?:-\w+\s+)*-n\s*(?P<watch>\d{1,5})").search
_SECONDS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_GREPS: Final = frozenset(
    {"grep", "egrep", "fgrep", "zgrep", "findstr", "find", "rg", "ag", "Select-String", "sls", "gawk", "awk", "where", "where-object"}
)
_PROTOCOLS: Final = frozenset({"tcp", "tcp4", "tcp6", "udp", "udp6", "TCP", "UDP", "IPv4", "IPv6"})
KERNEL: Final = "/proc/net/tcp"
"""The kernel's own table in hexadecimal, as a tool that prints sockets."""
REPORT: Final = "jq"
"""What people take a report of Node.js apart with: its handles have the ends of each connection."""
TOOLS: Final = frozenset({"netstat", "ss", "lsof", "conntrack", "Get-NetTCPConnection", "sockstat", "fstat", KERNEL})
"""Tools that print sockets."""
_LAYOUTS: Final = {
    "netstat": {4: "local", 5: "remote", 6: "state", 7: "owner", 2: "recv", 3: "send", 1: "proto"},
    "solaris": {1: "local", 2: "remote", 7: "state", 4: "send", 6: "recv"},
    "windows": {1: "proto", 2: "local", 3: "remote", 4: "state", 5: "pid"},
    "lsof": {1: "process", 2: "pid", 5: "type", 9: "name", 10: "state"},
    "conntrack": {1: "proto", 4: "state"},
    KERNEL: {2: "local", 3: "remote", 4: "state"},
    "sockstat": {2: "process", 3: "pid", 6: "local", 7: "remote"},
    "ps": {1: "user", 2: "pid"},
}
_SS: Final = ("recv", "send", "local", "remote", "owner")
_hex = lazy(r"/net/tcp6?\b").search
_LAST: Final = {"netstat": "state", "solaris": "state", "windows": "state", "lsof": "state", "sockstat": "state"}


class Pipeline(NamedTuple):
    """A command line, taken apart. ``columns``: the roles of the columns that were kept, None for a role that is not known; () if all were kept."""

    text: str
    tool: str
    state: TcpState | None
    columns: tuple[str | None, ...]
    local: Endpoint | None
    remote: Endpoint | None
    end: Endpoint | None
    pid: int | None
    process: str | None
    number: int | None
    """A number that was looked for, which may be a pid or a port."""
    counts: bool
    """True if it prints one number."""
    tallies: bool
    """True if it prints how often each row occurs."""
    every: float | None
    """Seconds between the rounds of a loop."""
    loops: bool


@lru_cache(maxsize=256)
def pipeline(command: str) -> Pipeline | None:
    """Take a command line apart; None for one that counts nothing."""
    text = command.strip()[:LONGEST]
    counts, tallies = _counts(text) is not None, _tallies(text) is not None
    if not counts and not tallies:
        return None
    stages = [stage for part in _split(text) if (stage := tuple(_words(part)))]
    tool, first = _tool(stages)
    if tool in {"cat", *_GREPS, "head", "tail"} and _hex(text) is not None:
        tool = KERNEL
    terms = [term for stage in stages for term in _terms(stage)]
    states = {state for term in terms for state in (_of_hex(term) if tool == KERNEL else _states(term))}
    if tool == "Get-NetTCPConnection" and (match := _of_powershell(text)) is not None and match["state"] in POWERSHELL_STATES:
        states.add(POWERSHELL_STATES[match["state"]])
    asked = [state for word in _asked(text) if (state := tcp_state(word)) is not None] if tool == "ss" else []
    if tool == "lsof" and (match := _lsof_state(text)) is not None and (state := tcp_state(match["state"])) is not None:
        states.add(state)
    states.update(asked)
    asked_for = _Asked(
        *_ends(text, tool), int(match["pid"]) if tool != KERNEL and (match := _pid(text)) is not None else None, _process(tool, first), None
    )
    for term in terms if tool != KERNEL else ():
        asked_for = _looked_for(asked_for, _bare(term), tool, owners=_shows_owners(tool, first), is_state=bool(_states(term)))
    sleep = _sleep(text)
    return Pipeline(
        text,
        tool,
        states.pop() if len(states) == 1 else None,
        _columns(stages, tool, first, stateless=bool(asked)),
        *asked_for,
        counts and not tallies,
        tallies,
        (float(sleep["watch"]) if sleep["watch"] else float(sleep["number"]) * _SECONDS[sleep["unit"]]) if sleep else None,
        _loops(text) is not None,
    )


class _Asked(NamedTuple):
    """The ends, the process and the number that a command lets through."""

    local: Endpoint | None
    remote: Endpoint | None
    end: Endpoint | None
    pid: int | None
    process: str | None
    number: int | None


def _ends(text: str, tool: str) -> tuple[Endpoint | None, Endpoint | None, Endpoint | None]:
    """Near, far and either end of filters: ``sport = :8080``, ``dst 10.0.0.9:9200``, ``-i:8080``."""
    local = remote = None
    for match in _side(text):
        port = port_of(match["port"] or match["alone"] or "")
        end = Endpoint(match["host"] or "*", port) if match["host"] or port is not None else None
        if match["side"] in {"sport", "src"}:
            local = end
        else:
            remote = end
    asked = _lsof_port(text) if tool == "lsof" else None
    return local, remote, Endpoint("*", port_of(asked["port"])) if asked is not None else None


def _looked_for(asked: _Asked, term: str, tool: str, *, owners: bool, is_state: bool) -> _Asked:
    """What was asked for, with one more pattern of a filter."""
    if (owned := _owned(term)) is not None:
        return asked._replace(pid=int(owned["pid"]), process=owned["name"] or asked.process)
    if term.isdecimal() and tool in TOOLS:
        return asked._replace(number=int(term[:10]))
    if (match := _address(term)) is not None:
        if asked.end is not None and asked.end.port is not None and not match["port"]:
            return asked  # a host beside a port that was asked for before: it may be the other end
        return asked._replace(end=Endpoint(match["host"].replace("\\", ""), port_of(match["port"] or "")))
    if not is_state and (match := _port(term)) is not None:
        return asked._replace(end=Endpoint("*", port_of(match["port"])))
    if asked.process is None and owners and _name(term) and not is_state and term not in _PROTOCOLS:
        return asked._replace(process=term)
    return asked


def _split(text: str) -> list[str]:
    """The commands of a pipeline; a bar between quotes is none of its bars."""
    parts = [""]
    for match in _stages(text):
        if match["pipe"]:
            parts.append("")
        else:
            parts[-1] += match[0]
    return parts


def _tool(stages: list[tuple[str, ...]]) -> tuple[str, tuple[str, ...]]:
    """The tool that printed the rows, and the words of its command."""
    for stage in stages[:1]:
        for at, word in enumerate(stage):
            name = word.rpartition("/")[2].strip("$(;'\"")
            if name in TOOLS or name in {REPORT, "ls", "jstack", "ps", "cat", "pfiles", "jcmd", "kill", *_GREPS}:
                return name, stage[at:]
    return "", stages[0] if stages else ()


def _terms(stage: tuple[str, ...]) -> list[str]:
    """What a filter lets through; nothing for one that leaves lines out."""
    name = stage[0].rpartition("/")[2]
    options = [word for word in stage[1:] if word.startswith(("-", "/")) and len(word) > 1]
    if name not in _GREPS or any("v" in word[1:] for word in options if not word.startswith("--")):
        return []
    words = [_bare(word) for word in stage[1:] if word not in options]
    if name in {"awk", "gawk"}:
        pattern = words[0].partition("{")[0].strip() if words else ""
        return [pattern.strip("/ ")] if pattern.startswith("/") or _states(pattern) else []
    # The first word is the pattern, the others are files; findstr takes several.
    return [part for word in (words if name == "findstr" else words[:1]) for part in word.split("|")]


def _bare(word: str) -> str:
    return word.rstrip(";").strip("'\"").strip().strip("()^$ ").removesuffix("\\b").removesuffix("\\>").rstrip("\\")


def _states(term: str) -> set[TcpState]:
    """The states that a pattern names, in any tool's spelling."""
    words = term.replace("-", "_").replace('"', " ").replace("'", " ").replace(",", " ").replace("(", " ").replace(")", " ").split()
    found = {POWERSHELL_STATES.get(word) or tcp_state(word.upper().strip("^$*.")) for word in words}
    return {state for state in found if state is not None}


def _of_hex(term: str) -> set[TcpState]:
    """The state that a pattern for the kernel's own table asks for: a number alone between blanks."""
    state = HEX_STATES.get(term.strip().upper())
    return {state} if state is not None else set()


def _flags(words: tuple[str, ...]) -> str:
    return "".join(word[1:] for word in words[1:] if word.startswith("-") and not word.startswith("--"))


def _shows_owners(tool: str, first: tuple[str, ...]) -> bool:
    """True for a tool that prints the processes behind sockets."""
    return tool in {"lsof", "sockstat"} or (tool in {"netstat", "ss"} and ("p" in _flags(first) or "b" in _flags(first)))


_HEADS: Final = {"ss": 1, "netstat": 2, "lsof": 1, "sockstat": 1}
"""Lines of a tool's own header, which are counted with its rows."""
_BARE_COUNT: Final = 2
"""Commands of a pipeline that counts all that a tool prints."""


def header_lines(line: Pipeline) -> int:
    """How many lines of what was counted are the tool's header: none where a filter stands between, or the tool was told to print none."""
    parts = _split(line.text)
    words = tuple(_words(parts[0]))
    plain = len(parts) == _BARE_COUNT and parts[1].split()[:1] == ["wc"]
    if not plain or (line.tool == "ss" and ("H" in _flags(words) or "--no-header" in words)):
        return 0
    return _HEADS.get(line.tool, 0)


def shows_pids(line: Pipeline) -> bool:
    """True if a number that was looked for may be a pid."""
    words = tuple(_words(_split(line.text)[0]))
    return _shows_owners(line.tool, words) or (line.tool == "netstat" and "o" in _flags(words))


def _process(tool: str, first: tuple[str, ...]) -> str | None:
    """``lsof -c nginx``."""
    if tool != "lsof":
        return None
    return next((first[at + 1] for at, word in enumerate(first[:-1]) if word == "-c"), None)


def _layout(tool: str, first: tuple[str, ...], *, stateless: bool) -> dict[int, str]:
    """Column → what the tool prints there."""
    flags = _flags(first)
    if tool == "ss":
        families = [letter for letter in "tuxw" if letter in flags]
        roles = (*(() if len(families) == 1 else ("proto",)), *(() if stateless else ("state",)), *_SS)
        return dict(enumerate(roles, start=1))
    if tool == "netstat" and "P" in flags:
        return _LAYOUTS["solaris"]
    if tool == "netstat" and ("o" in flags and "t" not in flags):
        return _LAYOUTS["windows"]
    return _LAYOUTS.get(tool, {})


def _columns(stages: list[tuple[str, ...]], tool: str, first: tuple[str, ...], *, stateless: bool) -> tuple[str | None, ...]:
    if tool == REPORT:
        ends = [name for name in ("local", "remote") if f"{name}Endpoint" in " ".join(first)]
        return tuple(ends) if len(ends) == 1 else ()
    layout = _layout(tool, first, stateless=stateless)
    if tool == "Get-NetTCPConnection" and (match := _grouped(" | ".join(" ".join(stage) for stage in stages))) is not None:
        return tuple(_PROPERTIES.get(name.strip()) for name in match["names"].split(","))
    for stage in stages[0 if tool == KERNEL else 1 :]:
        text = " ".join(stage)
        name = stage[0].rpartition("/")[2]
        if name in {"awk", "gawk"} and "-F" not in text:
            match = _prints(text)
            kept = match["columns"] if match is not None else (array["column"] if (array := _array(text)) is not None else "")
            if fields := list(_field(kept)):
                return tuple(_role(layout, tool, one["number"], one["back"], first) for one in fields)
        if name == "cut" and ("-d' '" in text or '-d" "' in text):
            kept = next((word.removeprefix("-f") for word in stage if word.startswith("-f")), "")
            return tuple(layout.get(int(one)) for one in kept.split(",") if one.isdecimal() and len(one) < 3)  # noqa: PLR2004
    return ()


def _role(layout: dict[int, str], tool: str, number: str | None, back: str | None, first: tuple[str, ...]) -> str | None:
    if number is not None:
        return layout.get(int(number))
    # The last column is the state, unless the owner stands behind it.
    owners = _shows_owners(tool, first) and tool == "netstat"
    if back is None:
        return "owner" if owners else _LAST.get(tool)
    return "state" if owners and back == "1" else "name" if tool == "lsof" and back == "1" else None


_arrow = lazy(r"(\S{1,120})->(\S{1,120})")
_bracketed = lazy(r"[ \t]\(([A-Z][A-Z0-9_]{2,14})\)")
_protocol = lazy(r"\bTCP\b")


def plain_row(text: str) -> str:
    """A row of lsof's last columns as other tools print it: no arrow between two ends, no brackets around a state."""
    return _bracketed.sub(r" \1", _protocol.sub("tcp", _arrow.sub(r"\1 \2", text))) if "->" in text else text

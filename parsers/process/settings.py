"""Settings and counters of the kernel: ``sysctl``, ``cat /proc/sys/…``, ``ulimit -u``, Windows' range of local ports.

    net.ipv4.ip_local_port_range = 32768    60999
    net.netfilter.nf_conntrack_max = 262144
    net.inet.ip.portrange.first: 10000

``cat`` prints the values alone: the command above names the files, in the order of the lines. ``ulimit`` tells the limit of the shell that asked, which
is that of a service only by chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, Setting
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "settings"
SHOWS: Final = frozenset({Shows.PROCESS})
ULIMIT: Final = "ulimit -"
"""What the name of a shell's limit begins with; the letter of the option follows."""
PORTS: Final = "dynamicport"
"""The name of Windows' range of local ports."""

_GROUP: Final = r"(?:net|kern|fs|vm|user|kernel)(?:\.[\w-]{1,60}){1,8}"
_TELLING: Final = (
    r"(?:(?:net\.ipv4\.(?:ip_local_port_range|tcp_max_orphans|tcp_mem)|net\.(?:netfilter|nf)[._]\w*conntrack_\w+|net\.ipv4\.(?:netfilter\.)?ip_conntrack_\w+|net\.ipv[46]\.neigh\.default\.gc_thresh[123]|fs\.file-nr|kernel\.(?:threads-max|pid_max))[ ]?="
    r"|(?:net\.inet\.ip\.portrange\.\w+|kern\.(?:openfiles|maxfiles\w*))(?:[ ]?=|:))[ ]?-?"
)
"""Settings by which the text is known: tables that may be full, and the range of local ports. Linux has a sign of equality behind the name, the BSDs a colon."""
HEADER: Final = r"Protocol[ ]tcp[ ]Dynamic[ ]Port[ ]Range"
ROW_SHAPE: Final = rf"{_TELLING}\d{{1,19}}(?:[ \t]+-?\d{{1,19}}){{0,5}}[ \t]*$"
_row = lazy(rf"\s*(?P<name>{_GROUP}) ?[=:] ?(?P<values>-?\d{{1,19}}(?:\s+-?\d{{1,19}}){{0,5}})\s*$").match
_tells = lazy(rf"\s*(?:{_TELLING}\d|Protocol tcp Dynamic Port Range)").match
_other = lazy(rf"\s*{_GROUP} ?[=:] ?[^\n]{{0,200}}$").match
_windows = lazy(r"\s*(?P<name>Start Port|Number of Ports)\s*:\s*(?P<value>\d{1,5})\s*$").match
_heading = lazy(r"\s*(?:Protocol tcp Dynamic Port Range|-{5,}\s*$)").match
_files = lazy(
    r"(?:/proc/sys/|/sys/fs/cgroup/(?:[\w.@-]{1,120}/){0,12}?(?=pids\.(?:max|current)\b))(?P<name>[\w./-]{3,120}?)(?=[\s;|&\"']|$)"
).findall
_files_of = lazy(r"\s*(?:sudo\s+)?(?:cat|head|more|tail)\s").match
_asked_names = lazy(rf"(?<![\w./-]){_GROUP}(?![\w/])").findall
_quiet = lazy(r"\bsysctl\b[^\n|]*\s-\w*n").search
_ulimit = lazy(r"\s*ulimit\s+(?:-[HS]+\s*)?-[HS]?(?P<option>[nu])\s*$").match
_values = lazy(r"\s*(?P<values>-?\d{1,19}(?:\s+-?\d{1,19}){0,5})\s*$").match


def sniff(head: Sequence[str]) -> bool:
    """True if a setting with its name, or the heading of Windows' range, is among the lines."""
    return any(_tells(line) for line in head)


def leading(section: Section) -> int:
    """How many lines are values without names, below the command that names them."""
    names = _names(section.prompt or "")
    count = last = 0
    for index, line in section.rows() if names else ():
        if count == len(names) or _values(line) is None:
            break
        count, last = count + 1, index + 1
    return last


def _names(prompt: str) -> list[str]:
    """The settings whose values a command prints alone."""
    limit = _ulimit(prompt)
    if limit is not None:
        return [f"{ULIMIT}{limit['option']}"]
    if _files_of(prompt):
        return [name.replace("/", ".") for name in _files(prompt)]
    return _asked_names(prompt) if _quiet(prompt) else []


def below(section: Section) -> Parsed | None:
    """Values without names, below the command that names them; None for any other text."""
    names = _names(section.prompt or "")
    rows = [(index, match) for index, line in section.rows() if (match := _values(line)) is not None] if names else []
    if not rows or len(rows) > len(names) or len(rows) != section.nonblank:
        return None
    records = (Setting(section.where(index), name, _numbers(match["values"])) for (index, match), name in zip(rows, names, strict=False))
    return Parsed(tuple(records), len(rows))


def parse(section: Section) -> Parsed:
    """Read every setting whose values are numbers."""
    records: list[Setting] = []
    unread: list[tuple[int, str]] = []
    read = 0
    start: tuple[int, int] | None = None
    for index, line in section.rows():
        if match := _row(line):
            records.append(Setting(section.where(index), match["name"], _numbers(match["values"])))
        elif match := _windows(line):
            if match["name"] == "Start Port":
                start = index, int(match["value"])
            elif start is not None:
                records.append(Setting(section.where(start[0], index), PORTS, (start[1], start[1] + int(match["value"]) - 1)))
        elif not (_heading(line) or _other(line)):
            unread.append((index, "no setting"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split())

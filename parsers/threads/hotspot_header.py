"""The line above a thread of a HotSpot dump, also one of which a word is not understood.

"http-1" #31 daemon prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x251f waiting for monitor entry  [0x00007f108a1fd000]

A line that begins with a quoted name and holds ``tid=`` or ``nid=`` is a header whatever else stands in it: what is not understood costs that
word, not the thread. People shorten headers, too; then the state or the frames below tell that the quoted line is one.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from parsers.text.grammar import THREAD_HEADER

_strict = THREAD_HEADER.match
_long = re.compile(str(THREAD_HEADER.pattern), re.DOTALL).match
_named = re.compile(r'"(?P<name>.*?)"(?=,? (?:#\d|\[\d|\(?daemon\b|\w{1,20}=)|:?,?\s*$)(?P<rest>.*)$').match
_quoted_field = re.compile(r'"(?P<name>.*?)"(?= (?:daemon )?(?:prio|os_prio|cpu|allocated|user)=)(?P<rest>.*)$').match
_word = re.compile(
    r"(?<![\w=])(?:#(?P<jid>\d{1,18})\b|\[(?P<bracket>\d{1,18})\](?= )|(?P<key>[a-z]\w{0,30})=(?P<value>[^\s,]*)|(?P<daemon>daemon)\b)"
)
_time = re.compile(r"(?P<cpu>\d{1,18}(?:[.,]\d+)?)(?:ms|s)?")
_number = re.compile(r"0x[0-9a-fA-F]{1,16}|-?\d{1,18}").fullmatch
_STATES: Final = re.compile(
    r"\b(?:runnable|waiting for monitor entry|waiting on condition|in Object\.wait\(\)|sleeping|at breakpoint|allocated|initialized|zombie|waiting|blocked)(?![\w=])"
)
_below = re.compile(r"\s*(?:java\.lang\.Thread\.State: [A-Z]|at [\w$.@/<>+-]+\(|[- ] locked <0x)").match
HINT: Final = re.compile(r'\W{0,8}"[^"]|.{0,200}?(?:\b[tn]id=\S|\bprio=\d| #\d{1,9} (?:\[|daemon|prio))')
"""What an unread line has that may be the header of another thread: the lines below it belong to nobody who is known."""


class Header(NamedTuple):
    """The fields of a header, as printed; None for one that is not there. ``cpu`` and ``elapsed`` without their units."""

    name: str
    jid: str | None
    nid: str | None
    daemon: bool
    cpu: str | None
    elapsed: str | None
    state: str | None


def header_of(text: str, below: str = "") -> Header | None:
    """The header on a line; ``below`` is the next one, which tells of a shortened header that it is one."""
    # No whole header lacks a tid; a line of thousands of quotes is not tried at each of them.
    match, named = _strict(text) if "tid=" in text else None, None
    if match:
        # A quote further on (SAP prints user="…") ends no name in front of which fields stand already.
        named = _quoted_field(text) if '"' in match["name"] else None
        if named is None:
            return _whole(match)
    named = named or _named(text)
    if named is None:
        return None
    rest = named["rest"]
    return _loose(named["name"], rest) if "tid=" in rest or "nid=" in rest or _below(below) else None


def long_header(text: str) -> Header | None:
    """The header on several lines: the name has line ends in it."""
    match = _long(text)
    return _whole(match) if match else None


def _whole(match: re.Match[str]) -> Header:
    name, jid, bracket, daemon, cpu, elapsed, vendor, nid, lwp, state = match.group(
        "name", "jid", "tidb", "daemon", "cpu", "elapsed", "vendor", "nid", "lwp", "state"
    )
    is_daemon = daemon is not None or (vendor is not None and " daemon" in vendor)
    return Header(name, jid, _native(nid, lwp, bracket), is_daemon, cpu, elapsed, state.strip() or None)


def _native(nid: str | None, lwp: str | None, bracket: str | None) -> str | None:
    """The kernel's number. HP-UX prints it beside its own, and -1 for a thread that has none."""
    if lwp is not None:
        return None if lwp.startswith("-") else lwp
    return bracket if nid is None or nid == "NA" else nid


def _loose(name: str, rest: str) -> Header:
    """What is understood of a header that is not printed as any VM is known to do."""
    fields: dict[str, str] = {}
    for match in _word.finditer(rest):
        if match["key"]:
            fields.setdefault(match["key"], match["value"])
        elif kind := match.lastgroup:
            fields.setdefault(kind, match[kind])
    state = _STATES.search(rest)
    nid = fields.get("nid", "")
    times = {key: found["cpu"] for key in ("cpu", "elapsed") if (found := _time.match(fields.get(key, "")))}
    return Header(
        name,
        fields.get("jid"),
        _native(nid if _number(nid) else None, None, fields.get("bracket")),
        "daemon" in fields,
        times.get("cpu"),
        times.get("elapsed"),
        state[0] if state else None,
    )

r"""Lines of web servers and proxies about requests that somebody gave up on: who, at which server, after how long.

    2026/11/28 15:05:38 [error] 20581#20581: *5 upstream timed out (110: Connection timed out) while reading response header from upstream, … upstream: "http://127.0.0.1:9081/slow", …
    127.0.0.1 - - [28/Nov/2026:15:05:38 +0000] "GET /slow HTTP/1.1" 504 167 "-" "curl/7.88.1" rt=3.003 urt=3.003 ua=127.0.0.1:9081 us=504
    127.0.0.1:38124 [28/Nov/2026:15:04:42.882] web app/app1 0/0/0/-1/6001 504 198 - - sH-- 3/3/2/2/0 0/0 "GET /slow?n=1 HTTP/1.1"
    [Sat Nov 28 15:05:38 2026] [proxy:error] [pid 9] (111)Connection refused: AH00957: http: attempt to connect to 127.0.0.1:9083 (127.0.0.1:9083) failed

Such a line is written when the request ends: the requests that hang now are not in the log yet. A request that another server answered in the end is
no failure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.logs.lines import LineFact, Shape
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Sequence

_UPSTREAM: Final = r"(?:[^\n]{0,4000}?upstream: \"[a-z]{2,8}://(?P<subject>[^/\"\n]{1,120}))?"
_ENVOY: Final = (
    r"(?:\S{1,60} - \"[^\"\n]{0,200}\" )?\d{1,15} \d{1,15} (?P<ms>\d{1,12}) "
    r"(?:\S{1,12} (?:\"[^\"\n]{0,600}\" ){4}\"(?P<subject>[\w.\[\]:-]{1,80}:\d{1,5})\")?"
)
"""Duration, then who called with what, then the host that was called."""


def _shape(source: str, kind: LogKind, word: str, pattern: str) -> Shape:
    return Shape(source, kind, word, re.compile(pattern), loud=False)


SHAPES: Final = (
    _shape(
        "nginx",
        LogKind.PROXY_GAVE_UP,
        "upstream timed out",
        rf"upstream timed out \(\d{{1,3}}: [^)\n]{{1,60}}\) while (?:reading|sending|proxying|SSL)[^,\n]{{0,80}},{_UPSTREAM}",
    ),
    _shape(
        "nginx",
        LogKind.CONNECT_TIMEOUT,
        "upstream timed out",
        rf"upstream timed out \(\d{{1,3}}: [^)\n]{{1,60}}\) while connecting to upstream,{_UPSTREAM}",
    ),
    _shape(
        "nginx",
        LogKind.REFUSED,
        "connect() failed",
        rf"connect\(\) failed \(111: [^)\n]{{1,60}}\) while connecting to upstream,{_UPSTREAM}",
    ),
    _shape(
        "nginx",
        LogKind.CLIENT_GAVE_UP,
        "client prematurely closed connection",
        rf"client prematurely closed connection, so upstream connection is closed too{_UPSTREAM}",
    ),
    _shape(
        "Apache httpd",
        LogKind.PROXY_GAVE_UP,
        "The timeout specified has expired",
        r"\[proxy[\w:]{0,20}\][^\n]{0,200}\(70007\)The timeout specified has expired: (?:[^\n]{0,200}?remote server (?P<subject>[\w.-]{1,120}(?::\d{1,5})?))?",
    ),
    _shape(
        "Apache httpd",
        LogKind.REFUSED,
        "AH00957",
        r"\(111\)Connection refused: AH00957: \w{1,10}: attempt to connect to (?P<subject>[\w.\[\]:-]{1,120}:\d{1,5}) ",
    ),
    _shape(
        "Envoy",
        LogKind.PROXY_GAVE_UP,
        '" 504 UT',
        rf"\" (?P<status>504) UT {_ENVOY}",
    ),
    _shape(
        "Envoy",
        LogKind.OVERFLOW,
        '" 503 UO',
        r"\" (?P<status>503) UO (?:\S{1,60} - \"[^\"\n]{0,200}\" )?\d{1,15} \d{1,15} \d{1,12} \S{1,12} (?:\"[^\"\n]{0,600}\" ){3}\"(?P<subject>[\w.\[\]:-]{1,200})\"",
    ),
    _shape(
        "Envoy",
        LogKind.REFUSED,
        '" 503 UF',
        r"\" (?P<status>503) UF(?:,URX)? (?=[^\n]{0,300}?(?:111|[Cc]onnection[_ ]refused))(?:\S{1,200} - \"[^\"\n]{0,200}\" )?\d{1,15} \d{1,15} (?P<ms>\d{1,12}) \S{1,12} (?:\"[^\"\n]{0,600}\" ){4}\"(?P<subject>[\w.\[\]:-]{1,80}:\d{1,5})\"",
    ),
    _shape(
        "Envoy",
        LogKind.CLIENT_GAVE_UP,
        '" 0 DC',
        rf"\" 0 DC {_ENVOY}",
    ),
)

_HAPROXY: Final = re.compile(
    r"\S{1,60}:(?P<port>\d{1,5}) \[[0-3]\d/[A-Z][a-z]{2}/\d{4}:[^\]\n]{8,20}\] \S{1,120} (?P<subject>[^\s/]{1,120}/[^\s/]{1,120}) "
    r"(?P<timers>-?\d{1,9}(?:/[-+]?\d{1,9}){2,4}) (?:(?P<status>-?\d{1,3}) )?\+?\d{1,15} (?:\S{1,200} \S{1,200} )?(?P<flags>[CScsPRLUDIKk-][RQCHDLTt-][\w-]{0,2}) "
)
_TIMERS: Final = 5
_COUNTS: Final = re.compile(r"\d{1,9}/\d{1,9}/\d{1,9}/(?P<server>\d{1,9})/\+?\d{1,9} ")
_ACCESS: Final = re.compile(r"\"(?:GET|POST|PUT|HEAD|DELETE|PATCH|OPTIONS|CONNECT) [^\"\n]{0,4000}\" (?P<status>499|504)(?= )")
_JSON_STATUS: Final = re.compile(r"\"status\": ?\"?(?P<status>499|504)\b")
_SECONDS: Final = re.compile(
    r"(?:\b|\")(?:rt|request_time|upstream_response_time|urt)(?:\"?[=:] ?\"?)(?:[\d.]{1,12}, |- ?[,:] )*(?P<s>\d{1,9}\.\d{1,6})"
)
_SERVER: Final = re.compile(
    r"(?:\b|\")(?:ua|upstream_addr|upstream)(?:\"?[=:] ?\"?)(?:[\w.:\[\]-]{3,80}, ){0,20}(?P<subject>[\w.\[\]-]{1,80}:\d{1,5})"
)

_STATUS: Final = {"499": LogKind.CLIENT_GAVE_UP, "504": LogKind.PROXY_GAVE_UP}
_ENDED: Final = {
    "sH": LogKind.PROXY_GAVE_UP,
    "sD": LogKind.PROXY_GAVE_UP,
    "sQ": LogKind.QUEUE_GAVE_UP,
    "sC": LogKind.CONNECT_TIMEOUT,
    "SC": LogKind.REFUSED,
    "CH": LogKind.CLIENT_GAVE_UP,
    "cH": LogKind.CLIENT_GAVE_UP,
    "CC": LogKind.CLIENT_GAVE_UP,
    "CQ": LogKind.CLIENT_GAVE_UP,
    "CD": LogKind.CLIENT_LEFT,
    "cD": LogKind.CLIENT_LEFT,
}
"""HAProxy's first two flags: who ended the session, and where it stood."""
_BARE_SECONDS: Final = re.compile(r"(?<=[\" ])(?P<s>\d{1,6}\.\d{3})(?=[ \",]|$)")
"""nginx' $request_time without a name: seconds with three decimals, behind the user agent."""
_BARE_SERVER: Final = re.compile(r"(?<=[\" ])(?P<subject>(?:\d{1,3}\.){3}\d{1,3}:\d{2,5}|\[[\da-f:]{3,39}\]:\d{2,5})(?=[ \",]|$)")


def request(line: str) -> LineFact | None:
    """An entry of an access log about a request that was given up."""
    if "/" in line and (match := _HAPROXY.search(line)) is not None:
        kind = _ENDED.get(match["flags"][:2])
        if kind is None:
            return None
        figures = [("seconds", float(match["timers"].rpartition("/")[2].lstrip("+")) / 1000), ("port", float(match["port"]))]
        return LineFact(kind, "HAProxy", match["subject"], tuple(figures))
    match = _ACCESS.search(line) or (_JSON_STATUS.search(line) if line.lstrip().startswith("{") else None)
    if match is None:
        return None
    named = _SECONDS.search(line, match.end()) or _SECONDS.search(line)
    seconds = named or _BARE_SECONDS.search(line, match.end())
    server = _SERVER.search(line) or (None if named else _BARE_SERVER.search(line, match.end()))
    figures_of_status = (("status", float(match["status"])), *((("seconds", float(seconds["s"])),) if seconds else ()))
    return LineFact(_STATUS[match["status"]], "access log", server["subject"] if server else None, figures_of_status)


def served_beside(lines: Sequence[str], index: int, near: int = 200) -> tuple[tuple[str, float], ...]:
    """How long the servers of the same HAProxy backend took, and how many requests each had, by the entries of requests that they answered beside."""
    mine = _HAPROXY.search(lines[index])
    if mine is None:
        return ()
    backend = mine["subject"].partition("/")[0]
    took: list[float] = []
    places: list[float] = []
    for line in lines[max(0, index - near) : index + near]:
        if f" {backend}/" not in line or (found := _HAPROXY.search(line)) is None or found["flags"][:2] != "--":
            continue
        timers = found["timers"].split("/")
        counts = _COUNTS.match(line, found.end())
        if len(timers) == _TIMERS and timers[3].isdigit():
            took.append(float(timers[3]) / 1000)
        if counts is not None:
            places.append(float(counts["server"]))
    if not took:
        return ()
    took.sort()
    return (("answered", took[len(took) // 2]), *((("places", max(places)),) if places else ()))


WORDS: Final = ('" 499', '" 504', '"status"')
"""What such an entry cannot do without."""
FLAGS: Final = tuple(f" {flags}" for flags in _ENDED)
"""What an entry of HAProxy cannot do without. Short words take the longest to look for, so that they are only where such entries are:"""
DATED: Final = "/20"
"""the year of their time, which stands behind a slash."""

r"""The call stack of JavaScript's only thread as debuggers show it: the inspector's list, ``bt`` of ``node inspect``, and the console's lines with a sign.

    cleanTitle               title.js:31
    handle                   routes/books.js:12
    next                     node_modules/express/lib/router/route.js:137

    #0 cleanTitle lib/title.js:31:12
    cleanTitle @ title.js:31

A function and its place, three of them one below the other. The inspector shows a file without its folder; a name of one of Node's own files before Node 16 is Node's.
Of several stacks of one text the first is kept: they are moments of the same loop. Written after the tools' interfaces, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, Runtime, ThreadDump
from parsers.records.shows import Shows
from parsers.text.node_frames import node_frame
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.records import Frame

NAME: Final = "inspector_stacks"
SHOWS: Final = frozenset({Shows.THREADS})
HEADER: Final = r"(?!)"
_NAMED: Final = r"(?:\(anonymous(?: function)?\)|<anonymous>|(?!(?:FAIL|PASS|SKIP|WARN|WARNING|ERROR|INFO|OK|ok|warning|error|info|modified|deleted)\b)[A-Za-z_$][\w$.#<>]{0,80}(?: \[as [\w$.]{1,60}\])?)"
_FILE: Final = r"[\w@.:/\\-]{1,300}\.(?:[cm]?js|jsx|tsx?):\d{1,7}(?::\d{1,7})?"
ROW_SHAPE: Final = (
    rf"[ \t]{{0,16}}(?:{_NAMED}(?:[ ]{{2,60}}|\t[ \t]{{0,8}}|[ ]@[ ]){_FILE}|\#\d{{1,3}}[ ]{{1,3}}{_NAMED}[ ]{{1,4}}{_FILE})[ \t]*$"
)
_row = lazy(
    rf"\s{{0,16}}(?:\#\d{{1,3}}\s{{1,3}})?(?P<name>{_NAMED})(?:[ \t]{{1,60}}@?[ \t]{{0,4}})(?P<file>[\w@.:/\\-]{{1,300}}\.(?:[cm]?js|jsx|tsx?)):(?P<line>\d{{1,7}})(?::\d{{1,7}})?\s*$"
).match
_FEWEST: Final = 3
"""Rows below which it may be a list of anything."""
_OF_NODE: Final = frozenset(
    {"net.js", "events.js", "fs.js", "http.js", "https.js", "timers.js", "domain.js", "module.js", "_http_server.js", "_http_common.js", "_stream_readable.js"}
    | {"_stream_writable.js", "_tls_wrap.js", "bootstrap_node.js", "child_process.js", "zlib.js", "dns.js"}
)  # fmt: skip


def sniff(head: Sequence[str]) -> bool:
    """True if three rows stand one below the other."""
    run = 0
    for line in head:
        run = run + 1 if _row(line) else 0
        if run == _FEWEST:
            return True
    return False


def parse(section: Section) -> Parsed:
    """The first stack as the loop's thread; further ones are moments of the same loop."""
    unread: list[tuple[int, str]] = []
    runs: list[list[tuple[int, Frame]]] = []
    read, last = 0, -2
    for index, line in section.rows():
        frame = _frame(line)
        if frame is None:
            unread.append((index, "no call of a stack"))
            continue
        if index != last + 1 or not runs:
            runs.append([])
        runs[-1].append((index, frame))
        last, read = index, read + 1
    gaps, elisions = leftovers(section, unread)
    first = next((run for run in runs if len(run) >= _FEWEST), None)
    dump = (_dump(section, first),) if first is not None else ()
    return Parsed((*dump, *elisions), read + len(elisions), gaps)


def _dump(section: Section, run: Sequence[tuple[int, Frame]]) -> ThreadDump:
    stack = Stack(section, run[0][0])
    for index, frame in run:
        stack.frame(frame, index)
    where = section.where(run[0][0], run[-1][0])
    return ThreadDump(where=where, dialect=NAME, threads=(stack.thread(name="event loop"),), fragment=True, runtime=Runtime.NODE)


def _frame(line: str) -> Frame | None:
    match = _row(line)
    if match is None:
        return None
    file = match["file"].replace("\\", "/")
    bare = "/" not in file and file not in _OF_NODE
    relative = not file.startswith(("node:", "/", ".", "internal/")) and ":" not in file
    name = "<anonymous>" if "anonymous" in match["name"] else match["name"]
    return node_frame(f"at {name} ({'./' if bare or (relative and '/' in file) else ''}{file}:{match['line']}:1)")

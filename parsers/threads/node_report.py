r"""Node.js' diagnostic report: ``kill -USR2 PID`` with ``--report-on-signal``, ``process.report.writeReport()``.

    { "header": { "reportVersion": 4, "event": "SIGUSR2", "trigger": "Signal", "dumpEventTime": "2026-11-28T15:12:10Z", "processId": 8208, "commandLine": [ "node" ] },
      "javascriptStack": { "stack": [ "at fetch (/srv/app/shop.js:26:9)" ] },
      "libuv": [ { "type": "tcp", "is_active": false, "fd": 22, "localEndpoint": { "host": "localhost", "ip4": "127.0.0.1", "port": 47038 },
                   "remoteEndpoint": { "host": "localhost", "ip4": "127.0.0.1", "port": 9000 } } ] }

One thread runs all requests; a report is written from its loop, so a loop that is blocked writes none, and one made by a signal shows no stack. ``is_active`` false: nobody reads that
connection. ``environmentVariables`` holds secrets and is never kept. Captured from Node 20 (``src/node_report.cc``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Endpoint, LoopHandle, Parsed, Pid, Record, Runtime, ThreadDump
from parsers.records.shows import Shows
from parsers.text.json_lines import Document, JsonObject
from parsers.text.node_frames import node_frame
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack, iso_time, number

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "node_report"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"\{\s*\"header\":\s*\{\s*\"reportVersion\":"
ROW_SHAPE: Final = HEADER

_begins = lazy(r'\s*\{\s*"header"\s*:\s*\{\s*"reportVersion"\s*:').match


def sniff(head: Sequence[str]) -> bool:
    """True if the lines begin as a report does."""
    return _begins("\n".join(head[:5])) is not None


def parse(section: Section) -> Parsed:
    """Read the loop's thread and its TCP handles; a text that ends early gives what is there."""
    document = Document(section.lines)
    odd = [(index, "no JSON") for index in document.odd if section.lines[index] and not section.lines[index].isspace()]
    gaps, elisions = leftovers(section, odd)
    read = section.nonblank - len(odd) + len(elisions)
    root = document.root
    if not isinstance(root, JsonObject):
        return Parsed(elisions, read, gaps)
    header = root.inner("header")
    pid = number(header.get("processId"))
    records: list[Record] = [_dump(section, root, header, pid, complete=document.complete and not odd)]
    for handle in root.objects("libuv"):
        found = _handle(section, handle, pid) if handle.get("type") == "tcp" else None
        if found is not None:
            records.append(found)
    return Parsed((*records, *elisions), read, gaps)


def _dump(section: Section, root: JsonObject, header: JsonObject, pid: int | None, *, complete: bool) -> ThreadDump:
    script = root.inner("javascriptStack")
    first = script.first if script else header.first
    stack = Stack(section, first, max(first, script.last))
    trace = script.items_of("stack")
    for text, line in zip(trace, trace.lines, strict=True):
        if isinstance(text, str) and (frame := node_frame(text.strip())) is not None:
            stack.frame(frame, line)
    cpu, elapsed = _usage(root.inner("resourceUsage"))
    time = (header.text("dumpEventTime") or "").removesuffix("Z") or None
    return ThreadDump(
        where=section.where(root.first, root.last),
        dialect=NAME,
        threads=(stack.thread(name="event loop", cpu=cpu, elapsed=elapsed),),
        pid=Pid(pid) if pid is not None else None,
        time=iso_time(time),
        complete=complete,
        runtime=Runtime.NODE,
    )


def _usage(usage: JsonObject) -> tuple[float | None, float | None]:
    """Seconds of processor time that the process has used, and since when it runs, by the share that the report names."""
    user, share = usage.get("userCpuSeconds"), usage.get("userCpuConsumptionPercent", usage.get("cpuConsumptionPercent"))
    if not isinstance(user, int | float) or not isinstance(share, int | float) or share <= 0:
        return None, None
    return float(user), float(user) * 100 / share


def _handle(section: Section, handle: JsonObject, pid: int | None) -> LoopHandle | None:
    local, remote = _end(handle.inner("localEndpoint")), _end(handle.inner("remoteEndpoint"))
    if local is None or pid is None:
        return None
    where = section.where(handle.first, handle.last)
    return LoopHandle(
        where=where,
        pid=Pid(pid),
        descriptor=number(handle.get("fd")),
        local=local,
        remote=remote,
        reading=handle.get("is_active") is not False,
    )


def _end(end: JsonObject) -> Endpoint | None:
    host, port = end.text("ip4") or end.text("ip6") or end.text("host"), number(end.get("port"))
    return Endpoint(host.removeprefix("::ffff:") if "." in host else host, port) if host and port is not None else None

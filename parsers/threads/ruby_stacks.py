r"""Stacks of Ruby threads: puma's ``thread-backtraces`` (JSON), what puma prints on SIGINFO or SIGPWR, and sigdump.

    [{"name":"Thread: TID-w8 puma srv tp 001","backtrace":["/usr/lib/ruby/3.1.0/net/protocol.rb:219:in `wait_readable'","/srv/app/config.ru:4:in `fetch_price'"]}]

Sidekiq logs ``WARN: Thread TID-grsu3 processor`` on TTIN, and the frames below. puma's text has ``Thread: TID-w8 puma srv tp 001`` above the frames, sigdump ``  Thread #<Thread:0x00007f0a> status=sleep priority=0``. A frame's class is its file without what all libraries share: ``ruby/net/protocol``, ``gems/puma/server``, else the file's name. Ruby 3.4 writes ``'Class#method'``. Blocks count as
their method. Functions written in C stand at their caller's line. JSON captured from puma 5.6 on Ruby 3.1; sigdump is from its documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, Pid, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.json_lines import Document, JsonObject
from parsers.text.patterns import lazy
from parsers.text.ruby_frames import as_ruby_frame
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "ruby_stacks"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"\[\s*\{\s*\"name\":\s*\"Thread: TID-|Sigdump at \d"
_LOGGED: Final = r"(?:\d{4}-\d\d-\d\dT[\d:.]{8,18}Z[ ]\S{1,20}[ ]\S{1,30}(?:[ ][\w=:.-]{1,60}){0,3}[ ])?WARN:[ ]"
ROW_SHAPE: Final = rf"Thread: TID-\w|[ ]{{0,12}}Thread #<Thread:0x|{_LOGGED}Thread TID-\w"

_json = lazy(r'\s*\[\s*\{\s*"name"\s*:\s*"Thread: TID-').match
_thread = lazy(r"(?:\S{0,40} )?Thread: (?P<id>TID-\w{1,40})(?: (?P<name>.*?))?\s*$").match
_logged = lazy(rf"{_LOGGED}Thread (?P<id>TID-\w{{1,40}})(?: (?P<name>\S.{{0,200}}?))?\s*$").match
_lead = lazy(rf"{_LOGGED}(?=/|<internal:|<no backtrace)").match
_dumped = lazy(
    r"\s{0,12}Thread #<Thread:(?P<id>0x[0-9a-f]{1,16})(?:@(?P<name>[^>]{0,120}?))?(?: [^ >]{1,300}:\d{1,7})?(?: \w{1,20})?> status=(?P<state>\w+)"
).match
_sigdump = lazy(r"Sigdump at .* process (?P<pid>\d{1,10}) \(").match
_frame = lazy(r"\s*(?P<file>(?:<internal:)?[^:\s][^:]*):(?P<line>\d{1,9}):in [`'](?P<name>[^'`]*)'\s*$").match
_remark = lazy(r"  (?:GC stat|Built-in objects|All objects|Memory|String ).*|\s{4,}[\d,]+:? |\s{4,}\w+: ").match


def sniff(head: Sequence[str]) -> bool:
    """True if the lines begin as puma's JSON does, or a thread of puma's text or sigdump's is among them."""
    return _json("\n".join(head[:5])) is not None or any(_thread(line) or _sigdump(line) or _dumped(line) or _logged(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read one dump."""
    return _of_json(section) if _json("\n".join(section.head(5))) else _of_text(section)


def _of_json(section: Section) -> Parsed:
    document = Document(section.lines)
    odd = [(index, "no JSON") for index in document.odd if section.lines[index] and not section.lines[index].isspace()]
    threads = []
    for one in document.root or ():
        if isinstance(one, JsonObject):
            stack = Stack(section, one.first, one.last)
            trace = one.items_of("backtrace")
            for text, line in zip(trace, trace.lines, strict=True):
                if isinstance(text, str) and (match := _frame(text)):
                    stack.frame(as_ruby_frame(match["file"], match["line"], match["name"]), line)
            header = _thread(one.text("name") or "")
            threads.append(stack.thread(name=(header["name"] or header["id"]) if header else one.text("name") or "thread"))
    gaps, elisions = leftovers(section, odd)
    read = section.nonblank - len(odd) + len(elisions)
    dump = _dump(section, threads, None, complete=document.complete and not odd)
    return Parsed((*dump, *elisions), read, gaps)


def _of_text(section: Section) -> Parsed:
    threads: list[Thread] = []
    unread: list[tuple[int, str]] = []
    read = 0
    pid: Pid | None = None
    stack: Stack | None = None
    name = ""
    for index, text in section.rows():
        line = text[lead.end() :] if (lead := _lead(text)) else text
        if match := _thread(line) or _dumped(line):
            if stack is not None:
                threads.append(stack.thread(name=name))
            stack, name = Stack(section, index), match["name"] or match["id"]
        elif match := _logged(line):
            if stack is not None:
                threads.append(stack.thread(name=name))
            # All of Sidekiq's processors have one name.
            stack, name = Stack(section, index), f"sidekiq {match['name'] or 'thread'} {match['id']}"
        elif match := _sigdump(line):
            pid = Pid(int(match["pid"]))
        elif stack is not None and (match := _frame(line)):
            stack.frame(as_ruby_frame(match["file"], match["line"], match["name"]), index)
        elif not (stack is not None and _remark(line)):
            unread.append((index, "no line of a Ruby stack"))
            continue
        read += 1
    if stack is not None:
        threads.append(stack.thread(name=name))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*_dump(section, threads, pid, complete=None), *elisions), read + len(elisions), gaps)


def _dump(section: Section, threads: Sequence[Thread], pid: Pid | None, *, complete: bool | None) -> tuple[ThreadDump, ...]:
    if not threads:
        return ()
    where = section.where(threads[0].where.first - section.first, threads[-1].where.last - section.first)
    return (ThreadDump(where=where, dialect=NAME, threads=tuple(threads), pid=pid, complete=complete, runtime=Runtime.RUBY),)

r"""Tasks of Python's asyncio and what each awaits: the trees and tables of 3.14, ``Task.print_stack``, and ``print(asyncio.all_tasks())``.

    └── (T) Task-1
        └──  main server.py:41
            └──  TaskGroup._aexit Lib/asyncio/taskgroups.py:121
                └── (T) fetch-1
                    └──  fetch server.py:19

That is ``python -m asyncio pstree PID``. ``asyncio.print_call_graph`` prints ``* Task(name='fetch-1', id=0x1039f0fe0)`` and below it
``|   File 'server.py', line 19, in async fetch()``; ``python -m asyncio ps PID`` a row for each task, ``81  0x7fc930c18230  fetch-1  sleep -> fetch``;
``Task.print_stack`` ``Stack for <Task pending name='fetch-1' coro=<fetch() running at server.py:19>> (most recent call last):`` and a traceback.

A task is no thread: all of a loop share one. What a task awaits, its frames tell, innermost first. Written after CPython's sources
(``Lib/asyncio/tools.py``, ``graph.py``, ``base_tasks.py``), not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import TASK, Frame, JavaState, Parsed, Record, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.one_pass import read_by
from parsers.text.patterns import lazy
from parsers.text.python_frames import python_frame
from parsers.text.stack import Stack

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from parsers.text.source import Section

NAME: Final = "asyncio_tasks"
SHOWS: Final = frozenset({Shows.THREADS})

_TREE: Final = r"[ \u2502]{0,400}[\u251c\u2514]\u2500\u2500 "
_REPR: Final = r"<Task (?:pending|finished|cancelling|cancelled) name="
HEADER: Final = rf"{_TREE}\(T\) |[ ]{{0,200}}\* Task\(name='|Stack for {_REPR}|tid +task id +task name +coroutine|[\[{{(]{{0,3}}{_REPR}"
ROW_SHAPE: Final = _TREE

_task = lazy(rf"(?P<lead>{_TREE})\(T\) (?P<name>\S[^\n]{{0,300}}?)\s*$").match
_coroutine = lazy(rf"(?P<lead>{_TREE}) ?(?P<name>[^\s(][^\s]{{0,200}})(?: (?P<file>\S[^\n]{{0,400}}?):(?P<line>\d{{1,9}}))?\s*$").match
_graph = lazy(
    r"(?P<lead> {0,200})\* (?:Task|Future)\((?:name=(?P<quote>['\"])(?P<name>.{0,300}?)(?P=quote), )?id=(?P<id>0x[0-9a-fA-F]{1,16})\)\s*$"
).match
_graph_frame = lazy(
    r" {0,200}\|   File (?P<quote>['\"])(?P<file>.{0,400}?)(?P=quote), line (?P<line>\d{1,9}), in (?:async |generator )?(?P<name>\S{1,200}?)(?:\(\))?\s*$"
).match
_graph_remark = lazy(r" {0,200}(?:\+ (?:Call stack:|Awaited by:)|\|)\s*$").match
_stack = lazy(r"(?:Stack|Traceback) for (?P<task><Task .*) \(most recent call last\):\s*$").match
_stack_frame = lazy(r'  File "(?P<file>[^"\n]{1,400})", line (?P<line>\d{1,9}), in (?P<name>\S{1,200})\s*$').match
_source = lazy(r"    \S").match
_row = lazy(
    r"(?P<tid>\d{1,10}) +(?P<id>0x[0-9a-f]{4,16}) +(?P<name>\S(?:[^\n]{0,200}?\S)?)(?: {2,}| (?=\S{1,200} -> ))(?P<stack>\S{1,200}(?: -> \S{1,200}){0,60})(?: {1,}.*)?$"
).match
_head = lazy(r"tid +task id +task name +coroutine|-{40,}\s*$").match
_shown = lazy(
    # "Executing <Task …> took 4.1 seconds" is a line of the loop's log.
    r"(?<!Executing )<Task (?![^\n]{0,1500}> took \d)(?P<state>pending|cancelling|cancelled|finished) name=(?P<quote>['\"])(?P<name>.{0,300}?)(?P=quote) coro=<(?P<coro>[^\s()<>]{1,200})(?:\(\))?"
    r"(?: (?:running|done)(?: at|, defined at) (?P<file>[^<>\n]{1,400}?):(?P<line>\d{1,9}))?>"
)
_ARROW: Final = " -> "


def sniff(head: Sequence[str]) -> bool:
    """True if a task is among the lines in any of these shapes."""
    return any(_task(line) or (_graph(line) and "Task(" in line) or _stack(line) or _shown.search(line) for line in head) or (
        any(_head(line) and "task id" in line for line in head)
    )


def parse(section: Section) -> Parsed:
    """Every task as a piece of a dump; a task that comes again keeps its longest stack."""
    return read_by(_Reader(section), section, "no line of a task")


class _Open:
    """A task while the lines below it are read: its depth, and its frames with their lines."""

    def __init__(self, name: str, depth: int, index: int) -> None:
        self.name, self.depth, self.index = name, depth, index
        self.frames: list[tuple[int, Frame]] = []


class _Reader:
    """One pass over a section: the tasks so far, and those that are open: a tree has one inside another."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.records: list[Record] = []
        self.tasks: dict[str, Thread] = {}
        self.open: list[_Open] = []
        self.outer_first = False
        self.stacked = False

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of a task."""
        if match := _task(line):
            self._begin(match["name"], _depth(match), index, outer_first=True)
        elif (match := _graph(line)) is not None:
            self._begin(match["name"] or match["id"], len(match["lead"]), index, outer_first=False)
        elif (match := _stack(line)) is not None and (task := _shown.search(match["task"])) is not None:
            self._begin(task["name"], 0, index, outer_first=True)
            self.stacked = True
        elif self.open and (match := (_stack_frame(line) if self.stacked else _graph_frame(line) or _coroutine(line))):
            self._frame(match, index)
        elif (match := _row(line)) is not None:
            self._close(0)
            frames = [Frame(*_split(name), "") for name in match["stack"].split(_ARROW)]
            self._add(_Open(match["name"], 0, index), [(index, frame) for frame in frames])
        elif _shown.search(line) is not None:
            self._close(0)
            for task in _shown.finditer(line):
                self._repr(task, index)
        else:
            return bool(_head(line) or (self.open and (_graph_remark(line) or (self.stacked and _source(line)))))
        return True

    def _begin(self, name: str, depth: int, index: int, *, outer_first: bool) -> None:
        self._close(depth if not self.stacked else 0)
        self.outer_first, self.stacked = outer_first, False
        self.open.append(_Open(name, depth, index))

    def _frame(self, match: re.Match[str], index: int) -> None:
        """A coroutine belongs to the innermost task that stands further left."""
        fields = match.groupdict()
        if fields.get("lead") is not None:
            self._close(_depth(match))
        if self.open:
            file, line = fields.get("file"), fields.get("line")
            frame = python_frame(_below_library(file), line, match["name"]) if file else Frame(*_split(match["name"]), "")
            self.open[-1].frames.append((index, frame))

    def _close(self, depth: int) -> None:
        """End the tasks that do not stand further left than ``depth``."""
        while self.open and self.open[-1].depth >= depth:
            task = self.open.pop()
            self._add(task, task.frames[::-1] if self.outer_first else task.frames)

    def _repr(self, match: re.Match[str], index: int) -> None:
        """A finished task waits for nothing."""
        if match["state"] in {"finished", "cancelled"}:
            return
        frame = python_frame(match["file"], match["line"], match["coro"]) if match["file"] else Frame(*_split(match["coro"]), "")
        self._add(_Open(match["name"], 0, index), [(index, frame)])

    def _add(self, task: _Open, frames: Sequence[tuple[int, Frame]]) -> None:
        before = self.tasks.get(task.name)
        if before is not None and len(before.frames) >= len(frames):
            return
        stack = Stack(self.section, task.index)
        for index, frame in frames:
            stack.frame(frame, index)
        self.tasks[task.name] = stack.thread(name=task.name, state=JavaState.WAITING, native_state=TASK, virtual=True)

    def end(self) -> None:
        """Close what is open, and make one piece of a dump of it."""
        self._close(0)
        if not self.tasks:
            return
        threads = tuple(self.tasks.values())
        first, last = min(one.where.first for one in threads), max(one.where.last for one in threads)
        where = self.section.where(first - self.section.first, last - self.section.first)
        self.records.append(ThreadDump(where=where, dialect=NAME, threads=threads, fragment=True, runtime=Runtime.PYTHON))


def _depth(match: re.Match[str]) -> int:
    return len(match["lead"])


def _below_library(file: str) -> str:
    """The tree's paths begin at the library's folder: ``Lib/asyncio/taskgroups.py``, ``site-packages/aiohttp/client.py``."""
    return file.removeprefix("Lib/").removeprefix("site-packages/")


def _split(name: str) -> tuple[str, str]:
    """``TaskGroup._aexit`` as class and method; a function has no class."""
    cls, _, method = name.rpartition(".")
    return cls, method

r"""Stacks of Python threads: ``py-spy dump`` (text), and faulthandler's dumps in logs.

    Process 7120: /srv/venv/bin/python3.11 /srv/venv/bin/gunicorn -k gthread shop:app
    Python v3.11.2 (/usr/bin/python3.11)

    Thread 7162 (idle): "ThreadPoolExecutor-0_0"
        SocketIO.readinto (socket.py:706)
        HTTPResponse._read_status (http/client.py:279)
        fetch (shop.py:26)

faulthandler writes ``Thread 0x00007f6bb9dfa6c0 (most recent call first):`` and ``  File "/srv/app/shop.py", line 31 in cached``. A frame's class is its module (``http.client``), its method the function as printed. ``idle`` means no CPU, not no work. A wait for a lock has no frame of its own. A dump of
faulthandler names no process and no thread. Captured from py-spy 0.4 and Python 3.11 (``Modules/faulthandler.c``, ``Python/traceback.c``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import JavaState, NativeId, Parsed, Pid, Record, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.one_pass import read_by
from parsers.text.patterns import lazy
from parsers.text.python_frames import python_frame
from parsers.text.stack import Stack

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from parsers.text.source import Section

NAME: Final = "python_stacks"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = (
    r"Process \d{1,10}: [^\n]{1,4000}\nPython v\d|(?:Fatal Python error: |Timeout \(\d)[^\n]{0,200}\n\s*(?:Thread|Current thread|Stack) "
)
ROW_SHAPE: Final = (
    r"Thread (?:\d{1,10}|0x[0-9A-Fa-f]{4,16}) \((?:idle|active)[^)\n]{0,20}\)|(?:Current thread|Thread) 0x[0-9a-f]{4,16} (?:\[[^\]\n]{0,80}\] )?\(most recent call first\):"
    r"|Stack \(most recent call first\):"
)

_process = lazy(r"Process (?P<pid>\d{1,10}): ").match
_spied = lazy(
    r'Thread (?:(?P<tid>\d{1,10})|(?P<id>0x[0-9A-Fa-f]{4,16})) \((?P<state>idle|active(?:\+gil)?)[^)]{0,20}\)(?:: "(?P<name>.*)")?:?\s*$'
).match
_fault = lazy(r"(?:Current thread|Thread) (?P<id>0x[0-9a-f]{4,16}) (?:\[(?P<name>[^\]]*)\] )?\(most recent call first\):\s*$").match
_alone = lazy(r"Stack \(most recent call first\):\s*$").match
_spied_frame = lazy(r"    (?P<name>\S.*?) \((?P<file>[^()]*?)(?::(?P<line>\d{1,9}))?\)\s*$").match
_native = lazy(r"    \S.*? \((?:[^()\s]{1,400}\.so(?:\.\d{1,4}){0,3}|\[vdso\]|(?:\S{0,300}/)?python3?(?:\.\d{1,3})?)\)\s*$").match
_fault_frame = lazy(r'  File "(?P<file>[^"]*)", line (?P<line>\d{1,9}) in (?P<name>\S.*?)\s*$').match
_local = lazy(r"        (?:Arguments|Locals):\s*$|            \S").match
_remark = lazy(
    r"Python v\d|-{60,}\s*$|Parent Process \d|Fatal Python error: |Timeout \(\d|  <no Python frame>|  \.\.\.|<Cannot show all threads|Extension modules: |Python runtime state: "
).match


def sniff(head: Sequence[str]) -> bool:
    """True if a thread's header of py-spy or faulthandler is among the lines."""
    return any(_spied(line) or _fault(line) or _alone(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every process of a section; faulthandler's threads are one dump until one of them comes again."""
    return read_by(_Reader(section), section, "no line of a Python stack")


class _Reader:
    """One pass over a section: the processes so far, the open one, and its open thread."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.records: list[Record] = []
        self.threads: list[Thread] = []
        self.names: set[str] = set()
        self.pid: Pid | None = None
        self.open: Stack | None = None
        self.header: re.Match[str] | None = None
        self.last = 0

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of a stack."""
        if match := _process(line):
            self.end()
            self.pid = Pid(int(match["pid"]))
        elif match := _spied(line) or _fault(line) or _alone(line):
            self._start(index, match)
        elif self.open is not None and _native(line):
            pass  # py-spy --native: Python's own frame below it says what is called
        elif self.open is not None and (match := _spied_frame(line) or _fault_frame(line)):
            self.open.frame(python_frame(match["file"], match["line"], match["name"]), index)
        elif not (_remark(line) or (self.open is not None and _local(line))):
            return False
        self.last = index
        return True

    def _start(self, index: int, match: re.Match[str]) -> None:
        self._close()
        fields = match.groupdict()
        if "id" in fields and fields["id"] in self.names:
            self.end()
        self.names.add(fields.get("id") or "")
        self.open, self.header = Stack(self.section, index), match

    def _close(self) -> None:
        if self.open is not None and self.header is not None:
            fields = self.header.groupdict()
            tid, state = fields.get("tid"), fields.get("state")
            name = fields.get("name") or (f"thread {tid or fields['id']}" if tid or fields.get("id") else "MainThread")
            self.threads.append(
                self.open.thread(
                    name=name,
                    native_id=NativeId(int(tid)) if tid else None,
                    state=None if state is None else JavaState.WAITING if state == "idle" else JavaState.RUNNABLE,
                    native_state=state,
                )
            )
        self.open = self.header = None

    def end(self) -> None:
        """Close the process that is open."""
        self._close()
        if self.threads:
            where = self.section.where(self.threads[0].where.first - self.section.first, self.last)
            self.records.append(ThreadDump(where=where, dialect=NAME, threads=tuple(self.threads), pid=self.pid, runtime=Runtime.PYTHON))
        self.threads, self.names, self.pid = [], set(), None

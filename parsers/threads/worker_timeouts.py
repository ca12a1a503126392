r"""Workers that gunicorn ended because they were silent: WORKER TIMEOUT, and the trace that each of them leaves.

    [2026-11-28 15:08:45 +0000] [4105] [CRITICAL] WORKER TIMEOUT (pid:4117)
    [2026-11-28 15:08:45 +0000] [4117] [ERROR] Error handling request /price?id=0
    Traceback (most recent call last):
      File "/usr/lib/python3/dist-packages/gunicorn/workers/sync.py", line 178, in handle_request
        respiter = self.wsgi(environ, resp.start_response)
      File "/srv/app/shop.py", line 26, in fetch
        with urllib.request.urlopen(URL) as answer:
                                   ^^^^
      File "/usr/lib/python3.11/socket.py", line 706, in readinto
        return self._sock.recv_into(b)
      File "/usr/lib/python3/dist-packages/gunicorn/workers/base.py", line 204, in handle_abort
        sys.exit(1)
    SystemExit: 1
    [2026-11-28 15:08:45 +0000] [4117] [INFO] Worker exiting (pid: 4117)

The arbiter sends SIGABRT, whose handler raises in the worker: what stands below ``handle_abort`` is where the worker was blocked. Such a trace is the stack of one
worker at the moment of its end, no snapshot of all; of each worker the last is kept, and what stands below no line of the log is that of some worker. Traces of other errors say nothing of a wait. Shape of gunicorn
20 to 23 (``arbiter.py``, ``workers/base.py``, ``glogging.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import SILENT, NativeId, Parsed, Pid, Runtime, ThreadDump
from parsers.records.shows import Shows
from parsers.text.one_pass import read_by
from parsers.text.patterns import lazy
from parsers.text.python_frames import python_frame
from parsers.text.stack import Stack

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from parsers.records import Frame
    from parsers.text.source import Section

NAME: Final = "worker_timeouts"
SHOWS: Final = frozenset({Shows.THREADS})

_LOGGED: Final = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\][ ]\[\d{1,10}\][ ]\[[A-Z]{4,10}\][ ]"
HEADER: Final = r"(?!)"
_ABORT_FRAME: Final = r"File \"[^\"\n]{1,500}gunicorn/workers/base\.py\", line \d{1,9}, in handle_abort"
ROW_SHAPE: Final = rf"{_LOGGED}WORKER TIMEOUT \(pid:\d|[ ]*File \"[^\"\n]{{1,500}}\", line \d{{1,9}}, in [^\n]{{1,200}}(?=(?:\n[ ]{{1,40}}\S[^\n]{{0,400}}){{0,40}}?\n[ ]*{_ABORT_FRAME})"

_logged = lazy(r"\[(?P<day>\d{4}-\d\d-\d\d) (?P<clock>\d\d:\d\d:\d\d) [+-]\d{4}\] \[(?P<pid>\d{1,10})\] \[[A-Z]{4,10}\] ").match
_timeout = lazy(_LOGGED + r"WORKER TIMEOUT \(pid:(?P<worker>\d{1,10})\)").match
_began = lazy(r"Traceback \(most recent call last\):\s*$").match
_frame = lazy(r"  File \"(?P<file>[^\"]{1,1000})\", line (?P<line>\d{1,9}), in (?P<name>\S.{0,300}?)\s*$").match
_source = lazy(r" {4}\S|\s+[~^]+\s*$|  \[Previous line repeated ").match
_ended = lazy(r"SystemExit(?:: \d{1,9})?\s*$").match
_ABORT: Final = "handle_abort"
_aborted = lazy(rf"\s*{_ABORT_FRAME}").match


def sniff(head: Sequence[str]) -> bool:
    """True if a worker's timeout, or the end of the trace that one leaves, is among the lines."""
    return any(_timeout(line) or _aborted(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read the trace of each worker that was ended; other lines of the log are understood and give nothing."""
    return read_by(_Reader(section), section, "no line of gunicorn's log")


class _Reader:
    """One pass over a section: the workers so far, and the trace that is open."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self._dumps: dict[Pid, ThreadDump] = {}
        self._loose: list[ThreadDump] = []
        self.late: set[int] = set()
        self.logged: re.Match[str] | None = None
        self.trace: list[tuple[int, Frame]] | None = None

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it belongs neither to the log nor to a trace."""
        if match := _logged(line):
            self._close()
            self.logged = match
            if timeout := _timeout(line):
                self.late.add(int(timeout["worker"]))
            return True
        if self.logged is not None and _began(line):
            self._close()
            self.trace = []
            return True
        if self.trace is None and _frame(line):
            # A trace that somebody copied without its beginning: no line of the log says whose it is.
            self.logged, self.trace = None, []
        if self.trace is None:
            return False
        if match := _frame(line):
            self.trace.append((index, python_frame(match["file"], match["line"], match["name"])))
            return True
        if _ended(line):
            self._close()
            return True
        return _source(line) is not None

    @property
    def records(self) -> Sequence[ThreadDump]:
        """The last stack of each worker."""
        return (*self._dumps.values(), *self._loose)

    def end(self) -> None:
        """A trace may end with the log."""
        self._close()

    def _close(self) -> None:
        """The open trace is whole: that of a worker that was ended becomes its stack, the last call first."""
        trace, self.trace = self.trace, None
        if not trace or trace[-1][1].method != _ABORT:
            return
        if self.logged is None:
            self._loose.append(self._of_some_worker(trace))
            return
        if int(self.logged["pid"]) not in self.late:
            return
        pid = Pid(int(self.logged["pid"]))
        stack = Stack(self.section, trace[0][0], trace[-1][0])
        for index, frame in reversed(trace[:-1]):
            stack.frame(frame, index)
        thread = stack.thread(name=f"worker {pid}", native_id=NativeId(int(pid)), group="gunicorn workers", native_state=SILENT)
        time = f"{self.logged['day']}T{self.logged['clock']}"
        self._dumps.pop(pid, None)
        self._dumps[pid] = ThreadDump(where=thread.where, dialect=NAME, threads=(thread,), pid=pid, runtime=Runtime.PYTHON, time=time)

    def _of_some_worker(self, trace: Sequence[tuple[int, Frame]]) -> ThreadDump:
        """The stack of a worker that nothing names."""
        stack = Stack(self.section, trace[0][0], trace[-1][0])
        for index, frame in reversed(trace[:-1]):
            stack.frame(frame, index)
        thread = stack.thread(name="a worker", group="gunicorn workers", native_state=SILENT)
        return ThreadDump(where=thread.where, dialect=NAME, threads=(thread,), runtime=Runtime.PYTHON, fragment=True)

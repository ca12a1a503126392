r"""Elixir's reports of processes that ended in a call without an answer.

    10:02:41.377 [error] GenServer Depot.Stock terminating
    ** (stop) exited in: GenServer.call(Depot.Ledger, {:book, 7}, 5000)
        ** (EXIT) time out
        (elixir 1.15.7) lib/gen_server.ex:1063: GenServer.call/3
        (depot 0.4.0) lib/depot/stock.ex:88: Depot.Stock.handle_call/3

The report says who was called, and that the call ended by its time limit: such a wait is over, and comes again. Written after the documentation of Elixir, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Frame, JavaState, LockVerb, Parsed, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.one_pass import read_by
from parsers.text.patterns import lazy
from parsers.text.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section

NAME: Final = "elixir_errors"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"(?!)"
_NAME: Final = r"(?:\{:global, )?:?\"?(?P<name>[A-Za-z][\w.]{0,120}|#PID<[\d.]{3,30}>)\"?\}?"
ROW_SHAPE: Final = (
    r"(?:[\d:.,TZ-]{8,30} )?(?:[\d:.,]{8,16} )?(?:\[error\] ?)?GenServer :?[\w.#<>{}]{1,120} terminating"
    r"|\*\* \((?:stop|exit|EXIT)\) exited in: (?:GenServer|:gen_server|:gen_statem)\.call\("
)
_ends = lazy(rf"[^\n]{{0,60}}?\bGenServer {_NAME} terminating").match
_called = lazy(rf"\s{{0,8}}\*\* \((?:stop|exit|EXIT)\) exited in: (?:GenServer|:gen_server|:gen_statem)\.call\({_NAME}(?:,|\))").match
_time_out = lazy(r"\s{0,8}\*\* \(EXIT\) time ?out\s*$").match
_frame = lazy(
    r"\s{0,8}(?:\([\w.]{1,60}(?: [\w.+-]{1,40})?\) )?(?P<file>[\w./-]{1,200}\.(?:ex|erl|exs)):(?P<line>\d{1,7}): :?(?P<call>[\w.]{1,160})\.(?P<function>[\w?!]{1,80}|\"[^\"\n]{1,80}\")/(?P<arity>\d{1,3})\s*$"
).match
_rest = lazy(r"\s{0,12}(?:Last message|State: |Client |\.\.\.\s*$|\(\w[\w. +-]{0,60}\) )").match


def sniff(head: Sequence[str]) -> bool:
    """True if a report of a call is among the lines."""
    return any(_called(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read the processes that a text names, each once."""
    return read_by(_Reader(section), section, "no line of a report of Elixir")


class _Reader:
    """One pass over a section: the processes so far, and whom each has called."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.records: list[ThreadDump] = []
        self.stacks: dict[str, Stack] = {}
        self.called: dict[str, tuple[str, int]] = {}
        self.timed: set[str] = set()
        self.name = ""

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of a process."""
        if (match := _ends(line)) is not None:
            self._begin(match["name"], index)
        elif (match := _called(line)) is not None:
            self._begin(self.name or "caller", index)
            self.called.setdefault(self.name, (match["name"], index))
        elif _time_out(line) is not None:
            self.timed.add(self.name)
        elif (match := _frame(line)) is not None and self.name:
            file = (match["file"] or "").rpartition("/")[2]
            cls = match["call"]
            erlang = not cls[:1].isupper()
            frame = Frame(
                cls if erlang else f"Elixir.{cls}", f"{match['function']}/{match['arity']}", f"{file}:{match['line']}" if file else None
            )
            if frame not in self.stacks[self.name].frames:
                self.stacks[self.name].frame(frame, index)
        else:
            return bool(self.name) and _rest(line) is not None
        return True

    def _begin(self, name: str, index: int) -> None:
        self.name = name
        self.stacks.setdefault(name, Stack(self.section, index))

    def end(self) -> None:
        """All that are named, with whom they call: told as a lock that the called one has, as of a crash dump."""
        waits = {name: told for name, told in self.called.items() if name in self.timed}
        callees = {callee for callee, _ in waits.values()}
        threads: list[Thread] = []
        for name, stack in self.stacks.items():
            if not stack.frames:
                continue
            if name in waits:
                callee, line = waits[name]
                stack.lock(LockVerb.WAITING_TO_LOCK, callee, callee, line, depth=0)
            if name in callees:
                stack.lock(LockVerb.LOCKED, name, name, stack.first, depth=len(stack.frames))
            threads.append(stack.thread(name=name, state=JavaState.TIMED_WAITING if name in waits else None))
        if threads:
            first, last = threads[0].where.first, max(thread.where.last for thread in threads)
            where = self.section.where(first - self.section.first, last - self.section.first)
            self.records.append(ThreadDump(where=where, dialect=NAME, threads=tuple(threads), runtime=Runtime.ERLANG, fragment=True))

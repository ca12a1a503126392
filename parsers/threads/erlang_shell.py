r"""Single processes of an Erlang node as its shell and its tools print them: ``process_info``, ``etop``, observer's table.

    {current_stacktrace,[{gen,do_call,4,[{file,"gen.erl"},{line,237}]},
                         {shop_cart,price,2,[{file,"src/shop_cart.erl"},{line,51}]}]}
    {message_queue_len,18233}
    <0.412.0> [{registered_name,shop_price_server},
               {current_stacktrace,

etop and observer print a row for each process: ``<0.412.0>  shop_price_server  '-'  12033  918234  18233 gen:do_call/4``. What is printed so is a piece: it says nothing of processes that are not there. A long queue of messages before one process is a fact of its own. Written after
the documentation of OTP, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import Frame, Lock, LockVerb, LogEvent, LogKind, Parsed, Record, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "erlang_shell"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"Pid[ ]+Name or Initial Func[ ]"
ROW_SHAPE: Final = (
    r"(?:\([\w@.-]{1,80}\))?\d{1,4}>[ ](?=[^\n]{0,400}?(?:message_queue_len|process_info\())|[ ]*\[\{(?:<\d+\.\d+\.\d+>,[ ]?\d|registered_name,)|"
    r"[ ]*\[?\{(?:current_stacktrace,|message_queue_len,[ ]?\d)|[ ]{0,4}<\d+\.\d+\.\d+>[ ]{1,20}\S+[ ]+\S+[ ]+\d+[ ]+\d+[ ]+\d+[ ]+[\w.@']+:"
)

_begins = lazy(r"[^\n]{0,80}?\{current_stacktrace,")
_call = lazy(
    r"\{(?P<module>'?[a-zA-Z][\w.@']{0,100}),(?P<name>'?[\w.@/<>?!-]{1,150}'?),(?:(?P<arity>\d{1,3})|\[[^\]]{0,200}\]),\s*\[(?:\{file,\"(?P<file>[^\"]{1,300})\"\},\s*\{line,(?P<line>\d{1,9})\})?"
)
_begun = lazy(r"\{'?[a-zA-Z][\w.@']{0,100},'?[\w.@/<>?!-]{1,150}'?,\d{1,3},\s*$").search
_queue = lazy(r"[^\n]{0,120}?\{message_queue_len,\s?(?P<length>\d{1,12})\}")
_registered = lazy(r"[^\n]{0,120}?\{registered_name,\s?'?(?P<name>[\w.@]{1,120})'?\}")
_listed_one = lazy(r"\s{0,4}(?:\{)?(?P<pid><\d{1,9}\.\d{1,9}\.\d{1,9}>)\s{0,4},?\s{0,4}\[\{[a-z_]{3,30},").match
"""A process of a list that was printed with ``io:format("~p ~p~n", [P, process_info(P, …)])``."""
_initial = lazy(
    r"[^\n]{0,80}?\{initial_call,\s{0,4}\{'?(?P<module>[a-zA-Z][\w.@]{0,100})'?,'?(?P<name>[\w.@/<>?!-]{1,150})'?,(?P<arity>\d{1,3})\}"
).match
_asked = lazy(
    r"[^\n]{0,80}?(?:process_info|current_stacktrace)[^\n]{0,20}?\(\s?(?:whereis\(\s?)?'?(?P<name>(?:pid\([\d, ]{5,30}\)|<[\d.]{5,30}>|[a-zA-Z][\w.@]{0,80}))"
)
_row = lazy(
    r"\s{0,4}(?P<pid><[\d.]{5,30}>)\s{1,20}(?P<name>\S{1,100})\s{1,30}(?:\S{1,12}\s{1,20})?(?P<reds>\d{1,15})\s{1,20}(?P<memory>\d{1,15})\s{1,20}(?P<queue>\d{1,12})\s{1,20}(?P<function>[\w.@']{1,100}:[\w.@'/<>-]{1,150}/\d{1,3})\s*$"
)
_heading = lazy(r"\s*(?:Pid\s+Name or Initial Func\s|={10,}|-{10,}|'?[\w.-]{1,80}@[\w.-]{1,80}'?\s+\d\d:\d\d:\d\d|Load:\s|procs\s|runq\s)")
_rest = lazy(r"\s*(?:\{[a-z_]+,|[\[\]{},]|\d{1,4}> |\(?[\w.@-]{0,80}\)?\d{0,4}> )")
_pair = lazy(r"\{<(?P<pid>[\d.]{5,30})>,\s?(?P<length>\d{1,12})\}").finditer
_pairs = lazy(r"[^\n]{0,40}?\[\{<[\d.]{5,30}>,\s?\d{1,12}\}[,\]]").match
_asks_queues = lazy(r"[^\n]{0,400}?message_queue_len").match
_quoted = lazy(
    r"\s{0,8}(?:[lL]ine )?(?P<line>\d{1,6})(?::|\s+is\b|\s)\s{0,20}[^\n]{0,160}?\bgen_(?:server|statem):call\(\s?\{?(?:global,\s?)?'?(?P<callee>[a-z][\w@.]{0,80})'?\}?,"
).match
"""A line of the source, with its number, that calls another process by its name: a stack does not name who is called."""
_GEN: Final = ("gen", "gen_server", "gen_statem", "proc_lib")
_of_number = lazy(r"pid\((?P<numbers>[\d, ]{5,30})\)").match
_MANY: Final = 1000
"""Messages before a process that are no ordinary load: more than a busy one takes in a moment."""


def sniff(head: Sequence[str]) -> bool:
    """True if a stack, a queue of messages or a row of etop is among the lines."""
    return any(_begins.match(line) or _queue.match(line) or _row.match(line) for line in head)


def parse(section: Section) -> Parsed:
    """A piece of a dump with the processes that are printed, and an event for each long queue."""
    reader = _Reader(section)
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if reader.take(index, line[:4000]):
            read += 1
        else:
            unread.append((index, "no line of a process"))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*reader.records(), *elisions), read + len(elisions), gaps)


class _Reader:
    """One pass over a section: the processes so far, and the one that is asked about."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.threads: list[Thread] = []
        self.events: list[LogEvent] = []
        self.open: Stack | None = None
        self.name = ""
        self.pid = ""
        """The number that was asked for: a list of queues has no names."""
        self.names: dict[str, str] = {}
        self.group: str | None = None
        self.begun = ""
        """A call whose place stands in the next line."""
        self.calls: dict[str, str] = {}
        """Lines of the source that somebody quoted, by number, and whom they call."""
        self.lists = False
        """True below a question for the lengths of queues."""

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of a process."""
        taken = False
        if self._listed(index, line):
            return True
        if (match := _asked.match(line)) is not None:
            self._close()
            self.name, taken = match["name"], True
            numbers = _of_number(match["name"])
            self.pid = f"<{numbers['numbers'].replace(' ', '').replace(',', '.')}>" if numbers is not None else match["name"]
        if (match := _listed_one(line)) is not None:
            self._close()
            self.name = self.pid = match["pid"]
            self.group, taken = None, True
        if (match := _registered.match(line)) is not None:
            self.name, taken = match["name"], True
            self.names[self.pid] = self.name
        if (match := _row.match(line)) is not None:
            self._row_of(index, match["pid"], match["name"], match["function"], int(match["queue"]))
            return True
        if _begins.match(line) is not None:
            self._close()
            self.open, taken = Stack(self.section, index), True
        if (match := _quoted(line)) is not None:
            self.calls[match["line"]] = match["callee"]
            return True
        if (match := _initial(line)) is not None:
            # Processes that begin in one function are of one kind; those of a behaviour all begin alike, and are told apart by their names.
            began = f"{match['module']}:{match['name']}/{match['arity']}"
            self.group, taken = None if began.startswith(("proc_lib:", "erlang:")) else began, True
        else:
            taken = self._frames(index, line) or taken
        if (match := _queue.match(line)) is not None:
            self._queued(index, self.name, int(match["length"]))
            taken = True
        return taken or _heading.match(line) is not None or _rest.match(line) is not None

    def _listed(self, index: int, line: str) -> bool:
        """A list of processes and the lengths of their queues, below the question for it."""
        self.lists = self.lists or _asks_queues(line) is not None
        if not self.lists or _pairs(line) is None:
            return False
        self.lists = False
        for pair in _pair(line):
            self._queued(index, f"<{pair['pid']}>", int(pair["length"]))
        return True

    def _frames(self, index: int, line: str) -> bool:
        """Calls of the stack that is open; the place of one may stand in the next line."""
        if self.open is None:
            return False
        text, self.begun = self.begun + line.strip("> \t") if self.begun else line, ""
        if (match := _begun(text)) is not None:
            self.begun = match[0]
        taken = False
        for call in _call.finditer(text):
            self.open.frame(_frame(call["module"], call["name"], call["arity"], call["file"], call["line"]), index)
            taken = True
        return taken

    def _row_of(self, index: int, pid: str, name: str, function: str, queue: int) -> None:
        self._close()
        stack = Stack(self.section, index)
        module, _, call = function.partition(":")
        stack.frame(Frame(module.strip("'"), call, None), index)
        self.threads.append(stack.thread(name=f"{pid} {name}"))
        self._queued(index, name, queue)

    def _queued(self, index: int, name: str, length: int) -> None:
        if length >= _MANY:
            figures = (("messages", float(length)),)
            self.events.append(
                LogEvent(where=self.section.where(index), kind=LogKind.MAILBOX, source="Erlang", subject=name or None, figures=figures)
            )

    def _close(self) -> None:
        if self.open is not None and self.open.frames:
            self.threads.append(self.open.thread(name=self.name or f"process {len(self.threads) + 1}", group=self.group))
        self.open = None

    def records(self) -> tuple[Record, ...]:
        """The processes as a piece of a dump, and the queues."""
        self._close()
        self.events = [replace(one, subject=self.names.get(one.subject or "", one.subject)) for one in self.events]
        if not self.threads:
            return tuple(self.events)
        first, last = self.threads[0].where.first, self.threads[-1].where.last
        where = self.section.where(first - self.section.first, last - self.section.first)
        dump = ThreadDump(where=where, dialect=NAME, threads=self._with_calls(), runtime=Runtime.ERLANG, fragment=True)
        return (dump, *self.events)

    def _with_calls(self) -> tuple[Thread, ...]:
        """The processes, each that waits in a quoted call with whom it calls: told as a lock that the called one holds, as of a crash dump."""
        called = {thread.name: callee for thread in self.threads if (callee := self._callee(thread)) is not None}
        return tuple(
            replace(
                thread,
                locks=(
                    *(
                        (Lock(LockVerb.WAITING_TO_LOCK, callee, callee, 0, thread.frame_lines[0]),)
                        if (callee := called.get(thread.name))
                        else ()
                    ),
                    *(
                        (Lock(LockVerb.LOCKED, thread.name, thread.name, len(thread.frames), thread.where.first),)
                        if thread.name in called.values()
                        else ()
                    ),
                ),
            )
            for thread in self.threads
        )

    def _callee(self, thread: Thread) -> str | None:
        """Whom the process calls, if it stands in a call at a line of the source that was quoted."""
        own = next((frame for frame in thread.frames if frame.cls not in _GEN), None)
        if own is None or own is thread.frames[0]:
            return None
        return self.calls.get((own.source or "").rpartition(":")[2])


def _frame(module: str, name: str, arity: str | None, file: str | None, line: str | None) -> Frame:
    short = (file or "").rpartition("/")[2]
    return Frame(module.strip("'"), f"{name.strip(chr(39))}/{arity or '?'}", f"{short}:{line}" if file else None)

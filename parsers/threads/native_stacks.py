r"""Stacks of native threads: gdb's ``thread apply all bt``, ``pstack``, ``gstack``, ``eu-stack``, and ``info threads``.

    Thread 7 (Thread 0x7f31f4b386c0 (LWP 9312) "worker-5"):
    #0  __libc_recv (flags=<optimized out>, len=4096, buf=0x7f31f4b35df0, fd=17) at ../sysdeps/unix/sysv/linux/recv.c:28
    #2  0x000055f9c1fa03c7 in read_reply (backend_fd=17) at orderd.cpp:20
    [Inferior 1 (process 9305) detached]

eu-stack writes ``PID 9305 - process``, ``TID 9307:`` and frames without arguments; ``info threads`` a table with the top frame of each. The kernel's number
of a thread is its LWP or TID. A frame of the C library with ``fd=`` tells which descriptor the thread waits for: a record of its own. Functions
get the library they are of as class: that behind ``from``, the C library for its own and for reserved names (two underscores), else none. Captured from gdb 13 and elfutils 0.188.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Descriptor, Frame, LockVerb, NativeId, Parsed, Pid, Record, Runtime, TaskSyscall, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.records.task_records import DESCRIPTOR_FIRST
from parsers.text.one_pass import read_by
from parsers.text.patterns import lazy
from parsers.text.stack import Stack

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from parsers.records import Where
    from parsers.text.source import Section

NAME: Final = "native_stacks"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"PID \d{1,10} - (?:process|core)"
ROW_SHAPE: Final = (
    r"Thread \d{1,7} \((?:Thread|LWP|process) |TID \d{1,10}:[ ]*$|\[New (?:LWP|Thread) |\[Thread debugging using |[ ]{2}Id +Target Id +Frame"
    r"|#\d{1,4} {1,3}(?:0x[0-9a-f]{6,16}(?: in)? |[\w:~]+ \()"
)

_thread = lazy(
    r'Thread \d{1,7} \((?:(?:Thread (?:0x[0-9a-f]{1,16}|\d{1,16}) )?\(?(?:LWP|process) (?P<lwp>\d{1,10})\)?|Thread 0x[0-9a-f]{1,16})(?: "(?P<name>[^"]*)")?\):?\s*$'
).match
_tid = lazy(r"TID (?P<lwp>\d{1,10}):\s*$").match
_pid = lazy(
    r"(?:PID (?P<eu>\d{1,10}) - (?:process|core)|\[Inferior \d{1,4} \(process (?P<inferior>\d{1,10})\) (?P<end>detached|exited)|Attaching to process (?P<attach>\d{1,10}))"
).match
_frame = lazy(r"#(?P<number>\d{1,4}) {1,3}(?:0x(?P<pc>[0-9a-f]{1,16})(?: in)?(?: +- 1)?)?\s*(?P<rest>.*?)\s*$").match
_info = lazy(
    r'[* ] +\d{1,7} +Thread 0x[0-9a-f]{1,16} \(LWP (?P<lwp>\d{1,10})\)(?: "(?P<name>[^"]*)")? +(?:0x[0-9a-f]{1,16} in )?(?P<rest>\S.*?)\s*$'
).match
_columns = lazy(r"\s*Id +Target Id +Frame").match
_remark = lazy(
    r"\[(?:New |Thread debugging|Switching|Current thread)|Using host libthread_db|0x[0-9a-f]{1,16} in \S|\d{1,7}\t|Backtrace stopped|\(More stack frames|warning: "
    r"|__\w+ \(|\s+(?:No locals|[A-Za-z_]\w* = )|Reading symbols|GNU gdb|Core was generated|Program terminated|\$1 = |Quit\b|A debugging session|Inferior 1|Detaching from program"
).match
_number = lazy(r"(?<![\w])(?:\w*fd|sock|socket|s)=(?P<fd>\d{1,9})\b")
_AT: Final = lazy(r"\) at (?P<file>[^\s():]{1,500}):(?P<line>\d{1,9})$")
_FROM: Final = lazy(r"\) from (?P<lib>\S{1,500})$")
_WRAPPERS: Final = frozenset(
    [
        "recv",
        "recvfrom",
        "recvmsg",
        "read",
        "readv",
        "send",
        "sendto",
        "sendmsg",
        "write",
        "writev",
        "accept",
        "accept4",
        "connect",
        "poll",
        "ppoll",
        "select",
        "pselect",
        "pselect64",
        "epoll_wait",
        "epoll_pwait",
        "epoll_pwait2",
        "nanosleep",
        "clock_nanosleep",
        "sleep",
        "usleep",
        "futex_wait",
        "futex_abstimed_wait",
        "futex_wait_cancelable",
        "lll_lock_wait",
        "lll_lock_wait_private",
        "lll_mutex_lock_optimized",
        "pthread_mutex_lock",
        "pthread_mutex_timedlock",
        "pthread_cond_wait",
        "pthread_cond_timedwait",
        "pthread_cond_clockwait",
        "pthread_rwlock_rdlock",
        "pthread_rwlock_wrlock",
        "pthread_join",
        "sem_wait",
        "sem_timedwait",
        "futex_abstimed_wait_common",
        "futex_abstimed_wait_common64",
        "futex_abstimed_wait_cancelable64",
        "futex_abstimed_wait_cancelable",
        "futex_wait_cancel",
        "start_thread",
        "clone",
        "clone3",
        "fsync",
        "fdatasync",
        "open",
        "openat",
        "getaddrinfo",
        "wait4",
        "waitpid",
        "syscall",
        "raise",
        "abort",
        "sigwait",
        "sigwaitinfo",
        "sigtimedwait",
        "pause",
        "flock",
        "fcntl",
        "pread64",
        "pwrite64",
        "ioctl",
    ]
)
"""Functions of the C library that a thread waits in or begins with; stripped stacks name no file."""
_SPELLINGS: Final = lazy(
    r"^(?:__GI_+)?(?:_*libc_|_*new_|_+)?(?P<name>[a-z]\w*?)(?:_nocancel|_internal|_impl|_time64|64_time64|(?<=open|enat)64)?(?:@.*)?$"
)
_LIBRARIES: Final = (
    (lazy(r"_?Py[A-Z_]|_?PyEval"), "python"),
    (lazy(r"zend_|_?php_|zif_|execute_ex$|fcgi_"), "php"),
    (lazy(r"rb_|vm_exec|gvl_"), "ruby"),
    (lazy(r"ngx_"), "nginx"),
    (lazy(r"uv_"), "libuv"),
    (lazy(r"SSL_|ssl3_|BIO_|tls1_"), "libssl"),
    (lazy(r"[Cc]url_"), "libcurl"),
    (lazy(r"PQ[a-z]|pqs?[A-Z]"), "libpq"),
    (lazy(r"mysql_|my_net_|vio_|mysqlnd_"), "libmysqlclient"),
    (lazy(r"redis(?:Buffer|Get|Command)"), "libhiredis"),
    (lazy(r"event_base_|evbuffer_"), "libevent"),
    (lazy(r"g_main_|g_poll"), "libglib"),
)
"""Functions by how their names begin: what a library without ``from`` (static, or eu-stack) is told by."""
_SYSTEM: Final = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/")
_OF_LIBC: Final = lazy(r"\) at (?:\.\./sysdeps|\./?(?:resolv|nss|nptl|io|socket|misc|inet|libio|malloc|time|elf|csu|posix|stdlib))/")
"""Where glibc's own sources lie, relative to its build: what the debug symbols of distributions name."""
_OPERATOR: Final = list("operator")
_INNERMOST: Final = 6
"""Frames of the C library and of what the compiler inlined that may stand above the call."""
_LOCKS: Final = {
    "pthread_mutex_lock": "pthread_mutex_t",
    "pthread_mutex_timedlock": "pthread_mutex_t",
    "pthread_rwlock_rdlock": "pthread_rwlock_t",
    "pthread_rwlock_wrlock": "pthread_rwlock_t",
}
"""Functions that wait for a lock, whose first argument it is (with glibc's debug symbols), and the lock's type."""
_lock = lazy(r"^\((?:mutex|rwlock)=(?:\w+@entry=)?(?P<address>0x[0-9a-f]{1,16})(?: <(?P<name>[^<>]{1,200})>)?")
_CALLS: Final = {
    **{
        name: name
        for name in ("recvfrom", "recvmsg", "read", "readv", "accept", "accept4", "connect", "write", "writev", "sendto", "sendmsg")
    },
    **{
        name: name
        for name in (
            "poll",
            "ppoll",
            "select",
            "pselect",
            "epoll_wait",
            "epoll_pwait",
            "nanosleep",
            "clock_nanosleep",
            "wait4",
            "waitpid",
            "flock",
        )
    },
    **{
        name: "futex"
        for name in _WRAPPERS
        if name.startswith(("futex", "lll_lock", "pthread_cond", "pthread_mutex", "pthread_rwlock", "sem_"))
    },
    "recv": "recvfrom",
    "send": "sendto",
}
"""The system call behind a function of the C library."""


def sniff(head: Sequence[str]) -> bool:
    """True if a thread's header, a list of threads or a frame with an address is among the lines."""
    return any(
        _thread(line)
        or _tid(line)
        or (_columns(line) and "Target Id" in line)
        or ((match := _frame(line)) and match["pc"] and match["number"] == "0" and match["rest"])
        for line in head
    )


def parse(section: Section) -> Parsed:
    """Read every process of a section: gdb may be run for several, one after the other."""
    return read_by(_Reader(section), section, "no line of a native stack")


class _Reader:
    """One pass over a section: the processes so far, and the open thread of the open process."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.records: list[Record] = []
        self._reset()

    def _reset(self) -> None:
        self.threads: list[Thread] = []
        self.calls: list[tuple[Where, NativeId, str | None, int | None, str | None]] = []
        self.number: int | None = None
        self.pid: Pid | None = None
        self.open: Stack | None = None
        self.lwp: NativeId | None = None
        self.name = ""
        self.last = 0

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of a stack."""
        if match := _thread(line) or _tid(line):
            self._start(index, match["lwp"], match.groupdict().get("name"))
        elif match := _pid(line):
            self._process(match)
        elif (match := _info(line)) is not None:
            self._start(index, match["lwp"], match["name"])
            self._add(index, match["rest"])
            self._close()
        elif (match := _frame(line)) and (match["pc"] or match["rest"]):
            if self.open is None or (match["number"] == "0" and self.open.frames):
                self._start(index, None, None)
            self._add(index, match["rest"])
        elif not _remark(line) and not _columns(line):
            return False
        self.last = index
        return True

    def _process(self, match: re.Match[str]) -> None:
        if match["eu"] or match["attach"]:
            self.end()
        self.pid = Pid(int(match["eu"] or match["inferior"] or match["attach"]))
        if match["end"]:
            self.end()

    def _start(self, index: int, lwp: str | None, name: str | None) -> None:
        self._close()
        self.open = Stack(self.section, index)
        self.lwp, self.name, self.number = NativeId(int(lwp)) if lwp else None, name or "", None

    def _add(self, index: int, rest: str) -> None:
        stack = self.open
        if stack is None:
            return
        frame, arguments = _as_frame(rest)
        if (
            frame.cls == "libc"
            and self.number is None
            and all(one.cls == "libc" for one in stack.frames)
            and (match := _number.search(arguments))
        ):
            self.number = int(match["fd"])
        # gdb prints a wrapper twice where it was inlined into itself.
        if not (stack.frames and stack.frames[-1].full == frame.full and frame.cls == "libc"):
            stack.frame(frame, index)
        if frame.cls == "libc" and frame.method in _LOCKS and not stack.locks and (held := _lock.search(arguments)):
            stack.lock(LockVerb.WAITING_TO_LOCK, held["address"], held["name"] or _LOCKS[frame.method], index, depth=0)
        stack.reach(index)

    def _close(self) -> None:
        if self.open is not None and self.open.frames:
            name = self.name or f"thread {self.lwp if self.lwp is not None else len(self.threads) + 1}"
            self.threads.append(self.open.thread(name=name, native_id=self.lwp))
            if self.lwp is not None:
                where = self.section.where(self.open.first)
                self.calls.append((where, self.lwp, *_call_of(self.open.frames, self.number)))
        self.open = None

    def end(self) -> None:
        """Close the process that is open."""
        self._close()
        if self.threads:
            lwps = [thread.native_id for thread in self.threads if thread.native_id is not None]
            pid = self.pid if self.pid is not None else Pid(min(lwps)) if lwps else None
            first = self.threads[0].where.first - self.section.first
            self.records.append(
                ThreadDump(
                    where=self.section.where(first, max(first, self.last)),
                    dialect=NAME,
                    threads=tuple(self.threads),
                    pid=pid,
                    runtime=Runtime.NATIVE,
                )
            )
            for place, lwp, call, number, caller in self.calls if pid is not None else ():
                waits = (Descriptor(number),) if number is not None else None
                self.records.append(
                    TaskSyscall(where=place, pid=pid or Pid(0), native_id=lwp, call=call, descriptor=number, waits_for=waits, caller=caller)
                )
        self._reset()


def _call_of(frames: Sequence[Frame], number: int | None) -> tuple[str | None, int | None, str | None]:
    """The system call that a thread stands in, its descriptor, and the function that made it; none where the innermost functions are no calls."""
    at = next((at for at, frame in enumerate(frames[:_INNERMOST]) if frame.cls == "libc" and frame.method in _CALLS), None)
    if at is None:
        return None, None, None
    call = _CALLS[frames[at].method]
    caller = next((frame.method for frame in frames[at + 1 :] if frame.cls not in {"libc", "??"}), None)
    return call, number if call in DESCRIPTOR_FIRST else None, caller


def _as_frame(rest: str) -> tuple[Frame, str]:
    """A frame and its arguments as text."""
    name, arguments = _split(rest)
    place, lib = _AT.search(rest), _FROM.search(rest)
    source = f"{place['file'].rpartition('/')[2]}:{place['line']}" if place else lib["lib"].rpartition("/")[2] if lib else None
    if not name or name.startswith("??"):
        return Frame("??", "??", source), arguments
    spelled = _SPELLINGS.match(name)
    plain = spelled["name"] if spelled else name
    foreign = lib is None or "/libc" in lib["lib"] or "pthread" in lib["lib"]
    if plain in _WRAPPERS and foreign:
        return Frame("libc", plain, source), arguments
    if name.startswith(("__", "_start", "_dl_")) or name == "<signal handler called>":
        return Frame("libc", name.partition("@")[0], source), arguments
    if _OF_LIBC.search(rest):
        return Frame("libc", plain, source), arguments
    for pattern, library in _LIBRARIES:
        if pattern.match(name):
            return Frame(library, name, source), arguments
    scope, _, method = name.rpartition("::")
    if lib is not None and lib["lib"].startswith(_SYSTEM):
        return Frame(lib["lib"].rpartition("/")[2].partition(".so")[0], name, source), arguments
    return Frame(scope if scope != "std" else "std::", method, source), arguments


def _split(rest: str) -> tuple[str, str]:
    """The name without templates and arguments, and the arguments: ``a::b<void (*)()>::c (x=1) at f.c:3`` → ``a::b::c`` and the rest."""
    depth = 0
    name: list[str] = []
    for at, char in enumerate(rest):
        if char == "<" and name[-8:] != _OPERATOR:
            depth += 1
        elif char == ">" and depth:
            depth -= 1
        elif not depth:
            if char == "(" and not rest.startswith("(anonymous namespace)", at) and name[-8:] != _OPERATOR:
                return "".join(name).strip(), rest[at:]
            name.append(char)
    return "".join(name).strip() or rest.strip(), ""

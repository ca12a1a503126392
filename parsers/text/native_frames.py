"""Frames of native threads, for every debugger that prints them: the function, and the library that it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import DESCRIPTOR_FIRST, Frame
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Sequence

_AT: Final = lazy(r"\) at (?P<file>[^\s():]{1,500}):(?P<line>\d{1,9})$")
_FROM: Final = lazy(r"\) from (?P<lib>\S{1,500})$")
WRAPPERS: Final = frozenset(
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
_RESOLVER: Final = lazy(
    r"^(?:send_dg|send_vc|gaih_\w{1,40}|_nss_\w{1,60}|get_nss_addresses|res_n?(?:send|query|search|querydomain)\w{0,10})$"
)
"""Functions of glibc's resolver, inside getaddrinfo and its like: in a library of its own, or in a source that is printed without its folder."""
_LIBRARIES: Final = (
    (lazy(r"_?Py[A-Z_]|_?PyEval"), "python"),
    (lazy(r"zend_|_?php_|zif_|execute_ex$|fcgi_"), "php"),
    (lazy(r"rb_|vm_exec|gvl_"), "ruby"),
    (lazy(r"ngx_"), "nginx"),
    (lazy(r"uv_"), "libuv"),
    (lazy(r"SSL_|ssl3_|BIO_|tls1_"), "libssl"),
    (lazy(r"[Cc]url_"), "libcurl"),
    (lazy(r"PQ[a-z]|pqs?[A-Z]"), "libpq"),
    (lazy(r"mysql_|my_net_|net_(?:read|write)_(?:packet|raw_loop)|vio_|mysqlnd_"), "libmysqlclient"),
    (lazy(r"redis(?:Buffer|Get|Command)"), "libhiredis"),
    (_RESOLVER, "libc"),
    (lazy(r"event_base_|evbuffer_"), "libevent"),
    (lazy(r"g_main_|g_poll"), "libglib"),
)
"""Functions by how their names begin: what a library without ``from`` (static, or eu-stack) is told by."""
_SYSTEM: Final = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/")
_HEADERS: Final = ("/usr/include/c++/", "/usr/include/boost/", "/usr/local/include/c++/")
"""Headers of libraries whose code the compiler puts into the program itself."""
_OF_LIBC: Final = lazy(r"\) at (?:\.\./sysdeps|\./?(?:resolv|nss|nptl|io|socket|misc|inet|libio|malloc|time|elf|csu|posix|stdlib))/")
"""Where glibc's own sources lie, relative to its build: what the debug symbols of distributions name."""
_OPERATOR: Final = list("operator")
_OF_THE_SYSTEM: Final = ("/libc", "pthread", "libthr", "libsystem_")
"""What the libraries of C and of threads are called: glibc's, FreeBSD's, macOS'."""
_DARWIN: Final = {
    "__psynch_mutexwait": "pthread_mutex_lock",
    "_pthread_mutex_firstfit_lock_wait": "pthread_mutex_lock",
    "_pthread_mutex_firstfit_lock_slow": "pthread_mutex_lock",
    "_pthread_mutex_lock_wait": "pthread_mutex_lock",
    "_pthread_mutex_lock_slow": "pthread_mutex_lock",
    "_os_unfair_lock_lock_slow": "pthread_mutex_lock",
    "__ulock_wait": "pthread_mutex_lock",
    "__ulock_wait2": "pthread_mutex_lock",
    "__psynch_rw_rdlock": "pthread_rwlock_rdlock",
    "__psynch_rw_wrlock": "pthread_rwlock_wrlock",
    "__psynch_cvwait": "pthread_cond_wait",
    "_pthread_cond_wait": "pthread_cond_wait",
    "__semwait_signal": "nanosleep",
    "semaphore_wait_trap": "sem_wait",
    "kevent": "epoll_wait",
    "_kevent": "epoll_wait",
    "kevent64": "epoll_wait",
    "kevent_id": "epoll_wait",
    "kevent_qos": "epoll_wait",
    "mach_msg_trap": "epoll_wait",
    "mach_msg2_trap": "epoll_wait",
    "__workq_kernreturn": "epoll_wait",
    "_umtx_op_err": "futex_wait",
    "_umtx_op": "futex_wait",
}
"""Functions of macOS' and FreeBSD's libraries, as the one of Linux that waits for the same."""
INNERMOST: Final = 6
"""Frames of the C library and of what the compiler inlined that may stand above the call."""
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
        for name in WRAPPERS
        if name.startswith(("futex", "lll_lock", "pthread_cond", "pthread_mutex", "pthread_rwlock", "sem_"))
    },
    "recv": "recvfrom",
    "send": "sendto",
}
"""The system call behind a function of the C library."""


def native_frame(rest: str) -> tuple[Frame, str]:
    """A frame and its arguments as text."""
    rest = _with_type(rest)
    name, arguments = _split(rest)
    place, lib = _AT.search(rest), _FROM.search(rest)
    source = f"{place['file'].rpartition('/')[2]}:{place['line']}" if place else lib["lib"].rpartition("/")[2] if lib else None
    if not name or name.startswith(("??", "...")):
        return Frame("??", "??", source), arguments
    if name in _DARWIN:
        return Frame("libc", _DARWIN[name], source), arguments
    spelled = _SPELLINGS.match(name)
    plain = spelled["name"] if spelled else name
    foreign = lib is None or any(part in lib["lib"] for part in _OF_THE_SYSTEM)
    if plain in WRAPPERS and foreign:
        return Frame("libc", plain, source), arguments
    if name.startswith(("__", "_start", "_dl_", "_L_")) or name == "<signal handler called>":
        return Frame("libc", name.partition("@")[0], source), arguments
    if place is not None and place["file"].startswith(_HEADERS):
        return Frame("std::", name.rpartition("::")[2] if name.startswith("std::") else name, source), arguments
    if _OF_LIBC.search(rest):
        return Frame("libc", plain, source), arguments
    for pattern, library in _LIBRARIES:
        if pattern.match(name):
            return Frame(library, name, source), arguments
    scope, _, method = _scoped(name, source).rpartition("::")
    if lib is not None and lib["lib"].startswith(_SYSTEM):
        return Frame(lib["lib"].rpartition("/")[2].partition(".so")[0], name, source), arguments
    return Frame(scope if scope != "std" else "std::", method, source), arguments


def _scoped(name: str, source: str | None) -> str:
    """The name with its scope; libuv calls the function of its pool's threads ``worker``, as anybody may."""
    return f"libuv::{name}" if name == "worker" and (source or "").startswith("threadpool.c:") else name


def _with_type(rest: str) -> str:
    """Rust's method of a trait by the type that has it: ``<a::B<C> as d::E>::f`` is ``a::B<C>::f``."""
    if not rest.startswith("<") or " as " not in rest:
        return rest
    depth = 0
    for at, char in enumerate(rest):
        depth += (char == "<") - (char == ">" and rest[at - 1] != "-")
        if depth == 0:
            kind, of, _ = rest[1:at].partition(" as ")
            return kind + rest[at + 1 :] if of and rest.startswith("::", at + 1) else rest
    return rest


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


def call_of(frames: Sequence[Frame], number: int | None) -> tuple[str | None, int | None, str | None]:
    """The system call that a thread stands in, its descriptor, and the function that made it; none where the innermost functions are no calls."""
    at = next((at for at, frame in enumerate(frames[:INNERMOST]) if frame.cls == "libc" and frame.method in _CALLS), None)
    if at is None:
        return None, None, None
    call = _CALLS[frames[at].method]
    caller = next((frame.method for frame in frames[at + 1 :] if frame.cls not in {"libc", "??"}), None)
    return call, number if call in DESCRIPTOR_FIRST else None, caller

"""Two thread dumps of one process: whether they are, and what both show as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from parsers.records import Thread, ThreadDump


def same_threads(one: ThreadDump | None, other: ThreadDump | None) -> bool:
    """True if most platform threads of the smaller dump are in the other one, and nothing speaks against it."""
    if one is None or other is None:
        return False
    named = any(dump.fragment and not any(map(_number, dump.threads)) for dump in (one, other))
    first, second = (
        {(thread.name, None if named else _number(thread)) for thread in dump.threads if not thread.virtual} for dump in (one, other)
    )
    return len(first & second) * 2 > min(len(first), len(second)) and _agree(one, other)


def _number(thread: Thread) -> int | None:
    """The thread's number, by which equal names are told apart; a server's own warning prints none."""
    return thread.java_id or thread.native_id


def _agree(one: ThreadDump, other: ThreadDump) -> bool:
    """False if the two dumps name different pids, or their equal threads have different native ids."""
    if one.pid is not None and other.pid is not None and one.pid != other.pid:
        return False
    ids = {thread.name: thread.native_id for thread in one.threads if thread.native_id is not None and not thread.virtual}
    both = [thread for thread in other.threads if thread.native_id is not None and thread.name in ids]
    return sum(ids[thread.name] == thread.native_id for thread in both) * 2 >= len(both)


def merged(one: ThreadDump, other: ThreadDump) -> ThreadDump:
    """Two dumps of one process in one snapshot as one: the later whole one of the VM, and the virtual threads that only a dump file has.

    jstack and kill -3 into the log are the same picture twice; Thread.dump_to_file adds unmounted virtual threads, without locks' addresses.
    """
    if one.fragment and other.fragment:
        return _one_piece(one, other)
    main, extra = sorted(
        (one, other),
        key=lambda dump: (not dump.fragment, dump.dialect == "hotspot", dump.complete is not False, dump.time or ""),
        reverse=True,
    )
    known = {thread.java_id for thread in main.threads}
    added = tuple(thread for thread in extra.threads if thread.virtual and thread.java_id not in known)
    return replace(main, threads=(*main.threads, *added), pid=main.pid if main.pid is not None else extra.pid)


def _one_piece(one: ThreadDump, other: ThreadDump) -> ThreadDump:
    """Two pieces as one: a server's warning names a thread, and the piece of a dump below it shows what that thread, or the owner of its lock, does."""
    main, extra = sorted((one, other), key=_shown, reverse=True)
    remarks = {thread.name: thread.native_state for thread in extra.threads if thread.native_state is not None}
    threads = [
        thread if thread.native_state is not None or thread.name not in remarks else replace(thread, native_state=remarks[thread.name])
        for thread in main.threads
    ]
    known = {thread.name for thread in threads}
    threads += [thread for thread in extra.threads if thread.name not in known]
    return replace(main, threads=tuple(threads), pid=main.pid if main.pid is not None else extra.pid)


def _shown(dump: ThreadDump) -> int:
    """How much of its threads a dump shows."""
    return sum(len(thread.frames) + len(thread.locks) for thread in dump.threads)

"""The recorded truth of an incident: the verdict that was arranged, and what kernel and journal say happened."""

import re
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import kernel
from programs import Program


@dataclass(frozen=True)
class Verdict:
    """What is wrong in a scenario, by rule name."""

    cause: str
    culprit_frame: str | None = None
    also: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    pools: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """An open entry of a program's journal."""

    kind: str
    thread: str
    tid: int | None
    fields: tuple[str, ...]


def count(program: Program) -> dict[str, object]:
    """One snapshot's numbers, as the kernel has them now."""
    mine = program.sockets()
    return {
        "counts": dict(sorted(Counter(socket.state for socket in mine).items())),
        "close_wait": kernel.close_wait_kinds(mine, kernel.unaccepted(program.pid)),
    }


def open_entries(journal: Path) -> list[Entry]:
    """The entries that have begun and not ended."""
    entries: dict[str, Entry] = {}
    for line in journal.read_text().splitlines() if journal.exists() else []:
        word, key, *rest = line.split("\t")
        if word == "begin":
            kind, thread, tid, *fields = rest
            entries[key] = Entry(kind, thread, int(tid) if tid else None, tuple(fields))
        else:
            entries.pop(key, None)
    return list(entries.values())


def thread_names(program: Program) -> dict[int, str]:
    """Java name by native thread id, from a dump that is read for nothing else."""
    dump = subprocess.run(["timeout", "15", "jstack", str(program.pid)], capture_output=True, text=True, check=False).stdout
    found = re.findall(r'^"(.*)" .*?\bnid=(0x[0-9a-f]+|\d+)', dump, re.MULTILINE)
    return {int(number, 0): name for name, number in found}


def links(program: Program, entries: list[Entry]) -> list[dict[str, object]]:
    """Which thread has which socket: served ones by the journal, those of blocking system calls by the kernel."""
    socket_of = {socket.inode: socket for socket in program.sockets()}
    alive = {(socket.local, socket.remote) for socket in socket_of.values()}
    logged = [(entry, tuple(kernel.endpoint(field) for field in entry.fields)) for entry in entries if entry.kind in {"serves", "holds"}]
    rows: list[dict[str, object]] = [_row(entry.thread, entry.tid, *pair, entry.kind) for entry, pair in logged if pair in alive]
    known = {(row["local"], row["remote"]) for row in rows}
    names = thread_names(program)
    for tid, (_, inode) in sorted(kernel.blocked_on(program.pid).items()):
        socket = socket_of.get(inode)
        if socket and tid in names and socket.state != "LISTEN" and (socket.local, socket.remote) not in known:
            rows.append(_row(names[tid], tid, socket.local, socket.remote, "calls"))
    return rows


def futures(entries: list[Entry]) -> list[dict[str, str | None]]:
    """Who waits for a task, who runs it (nobody: it is still queued), and in which pool."""
    runner = {entry.fields[0]: entry.thread for entry in entries if entry.kind == "runs"}
    return [
        {"waiter": entry.thread, "runner": runner.get(entry.fields[0]), "pool": entry.fields[1]}
        for entry in entries
        if entry.kind == "waits"
    ]


def observed(program: Program, others: Sequence[Program], journals: Mapping[int, Path]) -> dict[str, object]:
    """What kernel and journals say now; the programs must still be in the state of the last snapshot. A program without a journal is no JVM."""
    listeners = program.sockets("LISTEN")
    kept = [(one, open_entries(journals[one.pid])) for one in (program, *others) if one.pid in journals]
    return {
        "process": {"pid": program.pid, "command": program.command},
        "others": [{"pid": other.pid, "command": other.command} for other in others],
        "listener": listeners[0].local if listeners else None,
        "sockets": [row for one, entries in kept for row in links(one, entries)],
        "futures": [row for _, entries in kept for row in futures(entries)],
    }


def _row(thread: str, tid: int | None, local: str, remote: str, role: str) -> dict[str, object]:
    return {"thread": thread, "tid": tid, "local": local, "remote": remote, "role": role}

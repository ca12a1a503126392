"""The children of a process that waits for one: who started whom, and what the last of them waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.message import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.model.message import Message
    from analyzer.waits.case import ProcessView
    from parsers.records import ProcessRow, TaskSyscall

_DEEPEST: Final = 16
"""Generations that are followed."""
_TERMINAL: Final = ("n_tty_read", "tty_read")
"""Where the kernel keeps who reads a terminal (``drivers/tty/n_tty.c``)."""
_NAMES: Final = 48
"""Characters of a command in a sentence."""


class ChildChain(msgspec.Struct, frozen=True):
    """From the child of the process at hand to the youngest, each with its row; ``task`` says where the youngest sleeps, if anything does."""

    rows: tuple[ProcessRow, ...]
    task: TaskSyscall | None

    @property
    def asks(self) -> bool:
        """True if the youngest reads a terminal: it waits for somebody to type."""
        return self.task is not None and (self.task.wait_channel or "") in _TERMINAL

    @property
    def youngest(self) -> ProcessRow:
        """The last of them."""
        return self.rows[-1]

    @property
    def in_words(self) -> Message:
        """``sh (pid 71) → git (pid 72)``."""
        text = say("{name} (pid {pid})", name=program(self.rows[0]), pid=self.rows[0].pid)
        for row in self.rows[1:]:
            text = say("{before} → {name} (pid {pid})", before=text, name=program(row), pid=row.pid)
        return text


def child_chain(view: ProcessView) -> ChildChain | None:
    """The children of the process, where the list of processes shows one line of descent; None where it shows none, or several."""
    rows = view.snapshot.processes
    children: dict[int, list[ProcessRow]] = {}
    for row in rows:
        if row.parent is not None:
            children.setdefault(row.parent, []).append(row)
    pid = view.process.pid if view.process.pid is not None else _root(rows, children)
    found: list[ProcessRow] = []
    while pid is not None and len(found) < _DEEPEST and len(children.get(pid, ())) == 1:
        (child,) = children[pid]
        found.append(child)
        pid = child.pid
    return ChildChain(tuple(found), _asleep(view, found[-1].pid)) if found else None


def program(row: ProcessRow) -> str:
    """The name of a row's program, without the tree that ``ps --forest`` draws and without its folder."""
    words = row.command.lstrip("\\_|`- ").split(" ")
    return words[0].rpartition("/")[2][:_NAMES] or row.command[:_NAMES]


def _root(rows: Sequence[ProcessRow], children: dict[int, list[ProcessRow]]) -> int | None:
    """The only listed process whose parent is not listed and which has children."""
    listed = {row.pid for row in rows}
    roots = [row.pid for row in rows if row.parent not in listed and row.pid in children]
    return roots[0] if len(roots) == 1 else None


def _asleep(view: ProcessView, pid: int) -> TaskSyscall | None:
    """Where a process sleeps: its kernel stack says more than its wait channel."""
    tasks = [task for task in view.snapshot.tasks if task.pid == pid and task.wait_channel]
    return next((task for task in tasks if task.wait_channel in _TERMINAL), tasks[-1] if tasks else None)

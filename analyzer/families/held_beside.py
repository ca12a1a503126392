"""A loop of Python that stands in C, and a file that its process and another one have open, which the other one has locked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.evidence.nouns import program_in_words
from analyzer.model.finding import Action, Evidence, When
from analyzer.model.message import joined, say
from parsers.records import Runtime

if TYPE_CHECKING:
    from analyzer.model.finding import Finding
    from analyzer.waits.case import ProcessView
    from parsers.records import OpenFile

_MODES: Final = "rwu"
_MARKS: Final = "wWuUxX"
"""How lsof marks a lock for writing on a part or all of a file, behind the descriptor's number and mode."""
_ASKS: Final = frozenset({"sqlite3InvokeBusyHandler", "fcntl", "__fcntl64_nocancel", "fcntl64", "flock", "lockf"})
"""Functions of C that stand in a wait for such a lock, or call what sleeps and asks again."""


def with_holder(view: ProcessView, found: Finding) -> Finding:
    """The finding with who has locked a file that the process has open, if lsof shows one such process alone."""
    if view.known.runtime is not Runtime.PYTHON or found.culprit.remote is not None:
        return found
    if (held := _locked(view)) is None:
        return found
    who, seen = program_in_words(held.command, held.pid), _asks(view)
    says = (
        say("The call waits for a lock on {file}: {who} has it.", file=held.target, who=who)
        if seen
        else say("{who} has a lock on {file}, which this process has open as well: the call may wait for it.", file=held.target, who=who)
    )
    shown = Evidence(held.where, say("{who} holds the lock on {place}", who=who, place=held.target), (held.fd,))
    look = Action(When.NOW, say("Look at {who}: what is it in?", who=who), f"py-spy dump --native --pid {held.pid}")
    return replace(
        found, explanation=joined(" ", (found.explanation, says)), evidence=(*found.evidence, shown), actions=(look, *found.actions)
    )


def _locked(view: ProcessView) -> OpenFile | None:
    """The file that the process has open and another process has locked, by the mark of lsof; the system's list of locks must not speak against it."""
    files = [one for one in view.snapshot.open_files if one.tool == "lsof" and one.target.startswith("/") and one.pid is not None]
    own = {one.target for one in files if one.pid == view.pid and one.fd[:1].isdigit()}
    listed = {one.pid for one in view.snapshot.file_locks if not one.waits}
    held = [one for one in files if one.pid != view.pid and one.target in own and _is_locked(one.fd) and (not listed or one.pid in listed)]
    return held[0] if len({(one.pid, one.target) for one in held}) == 1 else None


def _is_locked(fd: str) -> bool:
    return fd[-1:] in _MARKS and fd[-2:-1] in _MODES and fd[:-2].isdigit()


def _asks(view: ProcessView) -> bool:
    """True if a debugger shows a thread of the process that asks for the lock of a file."""
    return any(
        frame.method in _ASKS
        for dump in view.snapshot.dumps
        if dump.runtime is Runtime.NATIVE and dump.pid == view.pid
        for thread in dump.threads
        for frame in thread.frames
    )

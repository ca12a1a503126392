"""Of which process a dump of Python's faulthandler is: it names none, and what somebody wrote right above it does: ``the hanging child (pid 47)``.

A fork gives the child the parent's memory and with it the number of its main thread: two dumps with one thread's number are of one process only where no
words tell them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import Pid, ThreadDump
from parsers.text.hedges import DENIES
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers import Output

_DIALECT: Final = "python_stacks"
_NUMBERED: Final = "thread 0x"
"""How a thread is called of which only its number in memory is printed."""
_NEAR: Final = 8
"""Lines above a dump that speak of it."""
_LONGEST: Final = 400
_MOST: Final = 5000
"""Lines of a text that somebody wrote around stacks."""
_pid = lazy(
    r"\b(?:pid|process)(?: (?:id|number|no\.?))?[ :=#]{1,2}(?P<pid>\d{1,10})(?![\w/]|[.:]\d)|\bkill(?: -s)? -?(?:SIG)?(?:USR[12]|ABRT|\d{1,2}) (?P<sent>\d{1,10})\b",
).finditer
_other = lazy(rf"{DENIES}|\b(?:not|nor)\b[^.\n]{{0,40}}$").search
_parent = lazy(r"\b(?:parent|ppid)\b[^.\n]{0,20}$").search


def with_told_pids(found: Sequence[Output]) -> list[Output]:
    """The outputs of a text, faulthandler's dumps with the pid that the words above each name last."""
    if not any(one.form is not None and one.form.NAME == _DIALECT for one in found):
        return list(found)
    result: list[Output] = []
    above: list[str] = []
    for output in found:
        if output.form is None or output.form.NAME != _DIALECT or len(output.section.lines) > _MOST:
            above = [*above, *_words(output)] if ThreadDump not in output.parsed.kinds else []
            result.append(output)
            continue
        records, end = list(output.parsed.records), 0
        above = [*above, output.section.prompt or ""]
        for at, dump in enumerate(records):
            if not isinstance(dump, ThreadDump):
                continue
            first = dump.where.first - output.section.first
            above = [*above, *output.section.lines[end:first]]
            end = dump.where.last - output.section.first + 1
            if dump.pid is None and all(thread.name.startswith(_NUMBERED) for thread in dump.threads):
                records[at] = replace(dump, pid=_named(above))
            above = []
        above = list(output.section.lines[end:])
        result.append(output._replace(parsed=replace(output.parsed, records=tuple(records))))
    return result


def _words(output: Output) -> list[str]:
    """The last lines of an output, and the prompt above it."""
    lines = output.section.lines
    return [output.section.prompt or "", *(lines[at] for at in range(max(0, len(lines) - 2 * _NEAR), len(lines)))]


def _named(lines: Sequence[str]) -> Pid | None:
    """The pid that the lines name last, None for none."""
    for line in reversed([line for line in lines if line.strip()][-_NEAR:]):
        found = [match for match in _pid(line[:_LONGEST]) if not _other(line[: match.start()])]
        own = [match for match in found if len(found) == 1 or not _parent(line[: match.start()])]  # "pid 8 (its parent is pid 2)"
        if own:
            return Pid(int(own[-1]["pid"] or own[-1]["sent"]))
    return None

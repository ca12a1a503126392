"""What jstack, jcmd and jmap print when the VM gives no answer.

    9414: Unable to open socket file /tmp/.java_pid9414: target process 9414 doesn't respond within 10500ms or HotSpot VM not loaded

The tool asks with a file and SIGQUIT, and the VM's signal dispatcher has to open the socket (``VirtualMachineImpl.java``): no answer means that the
process is stopped, that it does not reach a safepoint, or that the tool was run as another user or in another container. So it is evidence
of a hang, not a failed capture. JDK 8 and older: ``Unable to open socket file: target process not responding or HotSpot VM not loaded``.
"No such process" and "Operation not permitted" are other things, and not read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import AttachFailure, Parsed, Pid
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "attach_failure"
SHOWS: Final = frozenset({Shows.PROCESS})

_PREFIX: Final = r"(?:\d{1,10}:[ ]*\n?)?(?:Exception in thread \"main\" )?(?:(?:com\.sun\.tools\.attach\.)?AttachNotSupportedException: |java\.io\.IOException: )?"
_SENTENCE: Final = r"(?:Unable to open socket file|The VM does not respond|target process (?:\d{1,10} )?(?:doesn't|not) respond)"
HEADER: Final = _PREFIX + _SENTENCE
ROW_SHAPE: Final = HEADER

FAILURE = lazy(
    r"(?:(?P<pid>\d{1,10}):\s+)?(?:Exception in thread \"main\" )?(?:[\w.]{1,80}Exception: )?"
    rf"(?P<text>{_SENTENCE}[^\n]*\S)\s*$"
)
_failure = FAILURE.match
_pid_line = lazy(r"(?P<pid>\d{1,10}):\s*$").match
_pid_in_text = lazy(r"(?:\.java_pid|target process )(?P<pid>\d{1,10})\b").search
_remark = lazy(r"The -F option can be used when|\s+at [\w.$/@<>-]{1,200}\([^()]*\)\s*$").match


def sniff(head: Sequence[str]) -> bool:
    """True if a tool says among the lines that the VM did not answer."""
    return any(_failure(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read the sentence, with the pid from its front, from inside it, or from the line above (jcmd)."""
    records: list[AttachFailure] = []
    unread: list[tuple[int, str]] = []
    read = 0
    above: Pid | None = None
    for index, line in section.rows():
        if match := _failure(line):
            records.append(AttachFailure(section.where(index), _pid(match, above), match["text"]))
        elif heading := _pid_line(line):
            above = Pid(int(heading["pid"]))
        elif not _remark(line):
            unread.append((index, "no message of an attaching tool"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _pid(match: re.Match[str], above: Pid | None) -> Pid | None:
    if match["pid"]:
        return Pid(int(match["pid"]))
    inside = _pid_in_text(match["text"])
    return Pid(int(inside["pid"])) if inside else above

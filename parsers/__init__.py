"""Ground floor: bytes become typed facts. No opinion; knows nothing of the floors above.

A format is a module with ``NAME``, ``HEADER``, ``ROW_SHAPE``, ``sniff`` and ``parse`` (:class:`Format`); its docstring shows a real
sample. A new format is one file, one entry in ``FORMATS``, one test.
"""

from __future__ import annotations

import gc
from functools import wraps
from typing import TYPE_CHECKING, Final, ParamSpec, Protocol, TypeVar

from parsers.process import collection, counters, host_facts, limits, proc_fd, proc_task, process_status, ps, strace, top
from parsers.sockets import lsfd, lsof, lsof_fields, lsof_json, netstat, netstat_bsd, netstat_solaris, netstat_windows, proc_net, ss
from parsers.text.source import Section, Shapes, Source, cut
from parsers.threads import attach_failure, hotspot, hotspot_agent, javacore, jrockit, management, thread_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsers.records import Parsed

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")

HEAD_LINES: Final = 80
"""How many non-blank lines a format may look at to recognise its text."""


class Format(Protocol):
    """What a format module offers.

    ``HEADER`` and ``ROW_SHAPE`` are patterns for the beginning of a line: a header always begins a new output, a row does so only
    after the output of something else (see :class:`parsers.text.source.Shapes`).
    ``sniff`` gets the first non-blank lines of a section. ``parse`` never raises, whatever the content.
    """

    NAME: str
    HEADER: str
    ROW_SHAPE: str

    def sniff(self, head: Sequence[str]) -> bool:
        """True if these lines are of this format."""

    def parse(self, section: Section) -> Parsed:
        """Records, and the lines that were not understood."""


FORMATS: Final[tuple[Format, ...]] = (
    management,
    hotspot_agent,
    hotspot,
    thread_file,
    javacore,
    jrockit,
    ss,
    netstat_bsd,
    netstat_windows,
    netstat_solaris,
    netstat,
    lsof,
    lsof_fields,
    lsof_json,
    lsfd,
    proc_net,
    proc_fd,
    proc_task,
    strace,
    collection,
    top,
    counters,
    limits,
    process_status,
    ps,
    attach_failure,
    host_facts,
)
"""Every format, the most telling first: the first whose ``sniff`` agrees gets the section, and tests hold that no other would."""

_STREAMED: Final = frozenset({lsof.NAME, netstat.NAME, ss.NAME})

SHAPES: Final = Shapes({form.NAME: (form.HEADER, form.ROW_SHAPE) for form in FORMATS})


def uncollected(function: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """Run a function without the cyclic collector: records hold no cycles, what is made of them a few, and to look for some takes a fifth of the time."""

    @wraps(function)
    def run(*args: _Given.args, **kwargs: _Given.kwargs) -> _Made:
        was_on = gc.isenabled()
        gc.disable()
        try:
            return function(*args, **kwargs)
        finally:
            if was_on:
                gc.enable()

    return run


def sections(source: Source) -> list[Section]:
    """The outputs that a source holds, in order."""
    return cut(source, SHAPES)


def parse(form: Format, section: Section) -> Parsed:
    """What a format makes of a section. Only tables are read line by line as they come; the other formats go back and forth."""
    return form.parse(section if form.NAME in _STREAMED else section.held())


def recognise(section: Section) -> Format | None:
    """The format of a section by its content, None if nobody knows it. Only a bare host's name needs more: the command that printed it."""
    head = section.head(HEAD_LINES)
    found = next((form for form in FORMATS if form.sniff(head)), None)
    return host_facts if found is None and host_facts.is_bare_name(section) else found

"""Ground floor: bytes become typed facts. No opinion; knows nothing of the floors above.

A format is a module with ``NAME``, ``HEADER``, ``ROW_SHAPE``, ``sniff`` and ``parse`` (:class:`Format`); its docstring shows a real
sample. A new format is one file, one entry in ``FORMATS``, one test.
"""

from __future__ import annotations

from itertools import accumulate, chain, islice
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from parsers import by_command
from parsers.pieces import one_dump, telling_of, weight_of
from parsers.process import (
    busybox_lsof,
    class_histogram,
    collection,
    counters,
    host_facts,
    iostat,
    jfr_events,
    jstat,
    kernel_stacks,
    limits,
    node_stats,
    pfiles,
    pidstat,
    pool_tables,
    proc_fd,
    proc_task,
    process_status,
    procstat_stacks,
    ps,
    puma_stats,
    settings,
    strace,
    top,
    wait_channels,
)
from parsers.records import Parsed, ThreadDump, Unread
from parsers.sessions import (
    connection_lists,
    haproxy,
    haproxy_info,
    haproxy_stat,
    innodb,
    mongodb,
    mysql,
    oracle,
    pgbouncer,
    postgresql,
    redis,
    session_counts,
    sqlserver,
)
from parsers.sockets import (
    conntrack,
    listen_queues,
    lsfd,
    lsof,
    lsof_fields,
    lsof_json,
    net_tcp_connection,
    netstat,
    netstat_bsd,
    netstat_solaris,
    netstat_windows,
    nettop,
    proc_net,
    socket_counts,
    sockstat,
    ss,
    tcpdump_text,
    told_counts,
)
from parsers.text.copies import MOST_LOST, escaped, proposals
from parsers.text.packed import packed
from parsers.text.shapes import Shapes
from parsers.text.source import Section, Source, cut
from parsers.text.wrappers import unwrapped
from parsers.threads import (
    asyncio_tasks,
    attach_failure,
    bare_stack,
    console_threads,
    dotnet_stacks,
    erlang_crash_dump,
    erlang_shell,
    goroutines,
    hot_threads,
    hotspot,
    hotspot_agent,
    javacore,
    jrockit,
    lldb_stacks,
    mac_sample,
    management,
    merged_stacks,
    named_stacks,
    native_stacks,
    node_report,
    php_fpm_status,
    php_slow_log,
    pinned_traces,
    python_json,
    python_stacks,
    python_traces,
    ruby_stacks,
    solr_threads,
    stuck_threads,
    thread_file,
    worker_timeouts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.records.shows import Shows
    from parsers.text.lines import Skim


HEAD_LINES: Final = 80
"""How many non-blank lines a format may look at to recognise its text."""

_MOST_REMARKS: Final = 20_000
"""Warnings of lsof above its header; a host with containers has thousands of mounts."""

_MOST_UNDONE: Final = 6
"""Things that copying does to one text, one inside another."""
_SMALL: Final = 800
"""Lines on which proposals are tried; a larger text is tried from a little above the first line that is not understood."""
_BEFORE: Final = 40
_FEWEST_TRIED: Final = 8
_MOST_TRIED: Final = 200_000
"""Characters on which proposals are tried: damage makes lines of thousands."""


class Format(Protocol):
    """What a format module offers.

    ``HEADER`` and ``ROW_SHAPE`` are patterns for the beginning of a line: a header always begins a new output, a row does so only
    after the output of something else (see :class:`parsers.text.shapes.Shapes`).
    ``sniff`` gets the first non-blank lines of a section. ``parse`` never raises, whatever the content.
    """

    NAME: str
    SHOWS: frozenset[Shows]
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
    stuck_threads,
    pinned_traces,
    console_threads,
    solr_threads,
    hot_threads,
    goroutines,
    native_stacks,
    lldb_stacks,
    mac_sample,
    merged_stacks,
    asyncio_tasks,
    python_stacks,
    python_json,
    python_traces,
    ruby_stacks,
    php_slow_log,
    php_fpm_status,
    worker_timeouts,
    node_report,
    dotnet_stacks,
    erlang_crash_dump,
    erlang_shell,
    conntrack,
    tcpdump_text,
    nettop,
    ss,
    netstat_bsd,
    sockstat,
    netstat_windows,
    netstat_solaris,
    listen_queues,
    net_tcp_connection,
    netstat,
    lsof,
    lsof_fields,
    lsof_json,
    lsfd,
    proc_net,
    socket_counts,
    proc_fd,
    busybox_lsof,
    proc_task,
    strace,
    collection,
    top,
    pidstat,
    iostat,
    jstat,
    class_histogram,
    counters,
    limits,
    pfiles,
    node_stats,
    puma_stats,
    pool_tables,
    settings,
    process_status,
    wait_channels,
    procstat_stacks,
    kernel_stacks,
    ps,
    attach_failure,
    pgbouncer,
    postgresql,
    innodb,
    mysql,
    redis,
    haproxy,
    haproxy_info,
    haproxy_stat,
    oracle,
    sqlserver,
    mongodb,
    connection_lists,
    session_counts,
    jfr_events,
    host_facts,
)


def formats_showing(what: Shows) -> frozenset[str]:
    """The names of the formats that show it."""
    return frozenset(form.NAME for form in (*FORMATS, bare_stack, named_stacks) if what in form.SHOWS)


"""Every format, the most telling first: the first whose ``sniff`` agrees gets the section, and tests hold that no other would."""

_STREAMED: Final = frozenset({goroutines.NAME, lsof.NAME, netstat.NAME, ss.NAME})

SHAPES: Final = Shapes(
    {form.NAME: (form.HEADER, form.ROW_SHAPE) for form in FORMATS},
    stuck_threads.MARKS,
    {goroutines.NAME: goroutines.BELOW},
)


def _skim() -> Skim | None:
    from parsers.sockets.kernel import skim  # noqa: PLC0415 - for large tables only

    return skim()


SHAPES.skim = _skim


def sections(source: Source) -> list[Section]:
    """The outputs that a source holds, in order."""
    return cut(source, SHAPES)


def parse(form: Format, section: Section) -> Parsed:
    """What a format makes of a section. Only tables are read line by line as they come; the other formats go back and forth."""
    return form.parse(section if form.NAME in _STREAMED else section.held())


def outputs(source: Source) -> list[Output]:
    """Everything that a source holds, each output read by its format.

    Where lines are not understood, what copying may have done to them is undone, as long as more are understood then than before. The source
    keeps its lines as they stand in the file, but for those that were packed into one.
    """
    bare = unwrapped(source.lines)
    lines: Sequence[str] = source.lines if bare is None else bare
    if len(lines) != len(source.lines):
        source.lines = lines
    found = _read(source if bare is None else source.undone(lines))
    for _ in range(_MOST_UNDONE):
        lost = _lost(found) or escaped(lines) or packed(lines)
        better = _undone(source, lines, lost, _weight(found)) if lost else None
        if better is None:
            break
        if len(better.lines) != len(lines):
            source.lines = better.lines
        lines, found = better
    alone = not _has_dump(found)
    whole = one_dump([_last(output, alone=alone) if output.form is None else output for output in found])
    told = ((one, told_counts.with_told(one.section, one.parsed)) for one in whole)
    return [one if parsed is None else Output(one.section, one.form or told_counts, parsed) for one, parsed in told]


def _has_dump(found: Sequence[Output]) -> bool:
    return any(ThreadDump in output.parsed.kinds for output in found)


def _last(output: Output, *, alone: bool) -> Output:
    """What only a text is that nobody else knows: threads counted by state, and frames where no thread is near whose they may be."""
    section = output.section
    if (counted := socket_counts.threads(section)) is not None:
        return Output(section, socket_counts, counted)
    if alone and named_stacks.sniff(section.head(HEAD_LINES)):
        return Output(section, named_stacks, named_stacks.parse(section.held()))
    if alone and bare_stack.sniff(section.head(HEAD_LINES)):
        return Output(section, bare_stack, bare_stack.parse(section.held()))
    return output


class Output(NamedTuple):
    """A section, the format that knows it (None: nobody does), and what was made of it."""

    section: Section
    form: Format | None
    parsed: Parsed


class _Undone(NamedTuple):
    lines: Sequence[str]
    found: list[Output]


def _read(source: Source) -> list[Output]:
    found = []
    for section in chain.from_iterable(by_command.apart(source, section, SHAPES) for section in sections(source)):
        if (told := by_command.read(section)) is not None:
            found.append(Output(section, *told))
            continue
        form = socket_counts if socket_counts.is_count(section) else recognise(section)
        if form is None and (counted := socket_counts.quoted(section)) is not None:
            found.append(Output(section, socket_counts, counted))
        elif form is None:
            where = section.where(0, len(section.lines) - 1)
            found.append(Output(section, None, Parsed((), 0, (Unread(where, section.nonblank, "no format that is known"),))))
        else:
            found.append(Output(section, form, parse(form, section)))
    return [
        output._replace(parsed=by_command.with_moment(source, output.section, output.parsed)) if output.form is socket_counts else output
        for output in found
    ]


def _lost(found: Sequence[Output]) -> list[int]:
    """The indices of lines that nobody understood."""
    gaps = [gap.where for output in found for gap in output.parsed.unread]
    return list(islice((number - 1 for where in gaps for number in range(where.first, where.last + 1)), MOST_LOST))


def _weight(found: Sequence[Output]) -> int:
    return sum(weight_of(output.parsed) for output in found)


def _told(found: Sequence[Output]) -> int:
    return sum(telling_of(output.parsed) for output in found)


def _unread(found: Sequence[Output]) -> int:
    return sum(gap.lines for output in found for gap in output.parsed.unread)


def _undone(source: Source, lines: Sequence[str], lost: Sequence[int], weight: int) -> _Undone | None:
    """The lines with the best of the proposals, if it lets more of them be understood and loses no record."""
    begin = 0 if len(lines) <= _SMALL else max(0, lost[0] - _BEFORE)
    end = min(len(lines), begin + _SMALL + _BEFORE)
    sizes = accumulate(map(len, lines[begin:end]))
    end = begin + max(sum(size <= _MOST_TRIED for size in sizes), min(_FEWEST_TRIED, end - begin))
    here = lines[begin:end]
    near = [index - begin for index in lost if begin <= index < begin + len(here)]
    plain = _read(source.undone(here))
    best, fewest, records, told = None, _unread(plain), _weight(plain), _told(plain)
    most = told
    for proposal in proposals(here, near):
        tried = proposal.undo(here)
        found = _read(source.undone(tried))
        unread, more = _unread(found), _weight(found)
        # A prefix may be all that lines have: then nothing is read, and nothing is left.
        if not any(line and not line.isspace() for line in tried):
            continue
        if proposal.joins and _told(found) - told < (len(tried) - tried.count("") - len(here) + list(here).count("")) / -2:
            continue
        # An escape may cost an address of a lock, and no line.
        richer = unread == fewest and not proposal.joins and _told(found) > most
        if (unread < fewest or richer) and more >= records:
            best, fewest, most = (proposal, _Undone(tried, found)), unread, max(most, _told(found))
    if best is None or len(here) == len(lines):
        return best[1] if best else None
    undone = best[0].undo(lines)
    found = _read(source.undone(undone))
    return _Undone(undone, found) if _weight(found) >= weight else None


def recognise(section: Section) -> Format | None:
    """The format of a section by its content, None if nobody knows it. Only a bare host's name needs more: the command that printed it."""
    head = section.head(HEAD_LINES)
    found = next((form for form in FORMATS if form.sniff(head)), None)
    if found is None and lsof.is_remark(head[-1] if head else ""):
        # As many warnings as file systems: with -b, which sosreport uses, there are four lines of them each.
        found = lsof if lsof.sniff([line for line in section.head(_MOST_REMARKS) if not lsof.is_remark(line)][:HEAD_LINES]) else None
    return host_facts if found is None and host_facts.is_bare_name(section) else found

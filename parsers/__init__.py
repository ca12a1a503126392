"""Ground floor: bytes become typed facts. No opinion; knows nothing of the floors above.

A format is a module with ``NAME``, ``HEADER``, ``ROW_SHAPE``, ``sniff`` and ``parse`` (:class:`Format`); its docstring shows a real
sample. A new format is one file, one entry in ``FORMATS``, one test.
"""

from __future__ import annotations

import re
from itertools import accumulate, chain, islice
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers import by_command
from parsers.formats import FORMATS, Format, formats_showing
from parsers.pieces import one_dump, telling_of, weight_of, with_alike
from parsers.process import host_facts, wait_channels
from parsers.records import Parsed, ThreadDump, Unread
from parsers.sockets import lsof, netstat, socket_counts, ss, told_counts
from parsers.text.copies import MOST_LOST, escaped, proposals
from parsers.text.notes import noted
from parsers.text.packed import packed
from parsers.text.shapes import Shapes
from parsers.text.source import Section, Source, cut
from parsers.text.wrapped_lines import joined
from parsers.text.wrappers import unwrapped
from parsers.threads import bare_stack, goroutines, named_stacks, native_stacks, python_stacks, stuck_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.lines import Skim


__all__ = ["FORMATS", "HEAD_LINES", "SHAPES", "Format", "Output", "formats_showing", "outputs", "parse", "recognise", "sections"]

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
    bare = unwrapped(source.lines) or joined(source.lines)
    lines: Sequence[str] = source.lines if bare is None else bare
    if len(lines) != len(source.lines):
        source.lines = lines
    found = _read(source if bare is None else source.undone(lines))
    for _ in range(_MOST_UNDONE):
        lost = _lost(found) or escaped(lines) or packed(lines) or noted(lines)
        better = _undone(source, lines, lost, _weight(found)) if lost else None
        if better is None:
            break
        if len(better.lines) != len(lines):
            source.lines = better.lines
        lines, found = better
    found = _with_commands(found)
    alone = not _has_dump(found)
    whole = one_dump([_last(output, alone=alone) if output.form is None else output for output in found])
    told = ((one, told_counts.with_told(one.section, one.parsed)) for one in whole)
    whole = [one if parsed is None else Output(one.section, one.form or told_counts, parsed) for one, parsed in told]
    return _with_words(with_alike(whole))


def _with_words(found: list[Output]) -> list[Output]:
    """The outputs, with what words around them say: which rows of a debugger's list have which stack, and of which process a dump of faulthandler is."""
    forms = {output.form.NAME for output in found if output.form is not None}
    if native_stacks.NAME in forms:
        from parsers.equal_threads import with_equal  # noqa: PLC0415 - of debuggers alone

        found = with_equal(found)
    if python_stacks.NAME in forms:
        from parsers.told_pids import with_told_pids  # noqa: PLC0415 - of faulthandler alone

        found = with_told_pids(found)
    return found


_LATER: Final = re.compile(r"(?:;|&&)\s*(?:\w+=\S*\s+|sudo\s+)*(?P<tool>[\w-]+)(?P<rest>[^;&]*)")


def _with_commands(found: Sequence[Output]) -> list[Output]:
    """Each output with its own command where one line has several: ``date; ss -tn 'sport = :80'``. Options of a command tell what its output leaves out."""
    result: list[Output] = []
    later: dict[str, str] = {}
    for output in found:
        if output.section.prompt is not None:
            later = {match["tool"]: f"{match['tool']}{match['rest']}".strip() for match in _LATER.finditer(output.section.prompt)}
        elif later and output.form is not None and (own := later.pop(output.form.NAME.partition("_")[0], None)) is not None:
            result.append(output._replace(section=output.section._replace(prompt=own)))
            continue
        result.append(output)
    return result


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
        joined = len(here) - list(here).count("") - len(tried) + tried.count("")
        if proposal.joins and _told(found) - told + proposal.torn < joined / 2:
            continue
        # An escape may cost an address of a lock, and no line.
        gained = _told(found) - most
        richer = unread == fewest and not proposal.joins and (gained > 0 or (proposal.plain and best is None and gained == 0))
        if (unread < fewest or richer) and more >= records:
            best, fewest, most = (proposal, _Undone(tried, found)), unread, max(most, _told(found))
    if best is None or len(here) == len(lines):
        return best[1] if best else None
    undone = best[0].undo(lines)
    found = _read(source.undone(undone))
    return _Undone(undone, found) if _weight(found) >= weight else None


def recognise(section: Section) -> Format | None:
    """The format of a section by its content, None if nobody knows it. Only a bare word or time needs more: the command that printed it, or the file's name."""
    head = section.head(HEAD_LINES)
    found = next((form for form in FORMATS if form.sniff(head)), None)
    if found is None and lsof.is_remark(head[-1] if head else ""):
        # As many warnings as file systems: with -b, which sosreport uses, there are four lines of them each.
        found = lsof if lsof.sniff([line for line in section.head(_MOST_REMARKS) if not lsof.is_remark(line)][:HEAD_LINES]) else None
    if found is None and wait_channels.is_one(section):
        return wait_channels
    return host_facts if found is None and (host_facts.is_bare_name(section) or host_facts.is_bare_date(section)) else found

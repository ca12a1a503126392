"""Outputs that the command itself cut: ``lsof -p 712 | head -20`` prints the first lines, and says nothing of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Elision
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from parsers.text.source import Section

_USUAL: Final = 10
"""Lines that ``head`` and ``tail`` print where nobody says how many."""
_cuts = lazy(r"\|\s{0,4}(?P<tool>head|tail)(?:\s{1,4}(?:-n\s{0,4}|-|--lines=)(?P<lines>\d{1,6}))?\s*$").search


def cut_off(section: Section) -> tuple[Elision, ...]:
    """The place where lines are missing, if the command above printed only so many lines as are here; none where it may have printed all."""
    match = _cuts(section.prompt) if section.prompt is not None and "|" in section.prompt else None
    if match is None or section.nonblank < int(match["lines"] or _USUAL):
        return ()
    places = [index for index, _ in section.rows()]
    return (Elision(section.where(places[0] if match["tool"] == "tail" else places[-1])),) if places else ()

r"""Traces of Python and Ruby below a line of a log: the frames, innermost first.

    Traceback (most recent call last):
      File "/srv/app/tasks.py", line 20, in sync_orders
        resp = session.get(url)

      /usr/lib/ruby/3.1.0/net/protocol.rb:219:in `wait_readable'
      app/controllers/quotes_controller.rb:9:in `show'

Python prints the innermost call last, Ruby first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.text.python_frames import python_frame
from parsers.text.ruby_frames import ruby_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.records import Frame

_LONGEST: Final = 1000
_ABOVE: Final = 2
"""Lines between the entry and its trace: an empty one, and the words that begin the trace."""
_began = re.compile(r"\s{0,8}Traceback \(most recent call last\):\s*$").match
_python = re.compile(r"\s{1,8}File \"(?P<file>[^\"\n]{1,400})\", line (?P<line>\d{1,9}), in (?P<name>\S[^\n]{0,200}?)\s*$").match
_source = re.compile(r"\s{3,}\S").match


def frames_below(lines: Sequence[str]) -> list[Frame]:
    """The frames of a trace that begins right below an entry; none where something else stands there."""
    for at, line in enumerate(lines[:_ABOVE]):
        if _began(line[:_LONGEST]):
            return _of_python(lines[at + 1 :])
        if (frame := ruby_frame(line[:_LONGEST])) is not None:
            return [frame, *_of_ruby(lines[at + 1 :])]
        if line.strip():
            break
    return []


def _of_python(lines: Sequence[str]) -> list[Frame]:
    found: list[Frame] = []
    for line in lines:
        match = _python(line[:_LONGEST])
        if match is not None:
            found.append(python_frame(match["file"], match["line"], match["name"]))
        elif not _source(line):
            break
    return found[::-1]


def _of_ruby(lines: Sequence[str]) -> list[Frame]:
    found: list[Frame] = []
    for line in lines:
        frame = ruby_frame(line[:_LONGEST])
        if frame is None:
            break
        found.append(frame)
    return found

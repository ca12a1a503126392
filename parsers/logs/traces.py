r"""Traces of Python, Ruby, .NET and Node below a line of a log: the frames, innermost first.

    Traceback (most recent call last):
      File "/srv/app/tasks.py", line 20, in sync_orders
        resp = session.get(url)

      /usr/lib/ruby/3.1.0/net/protocol.rb:219:in `wait_readable'
      app/controllers/quotes_controller.rb:9:in `show'

       at Mill.Orders.Load(Int32 id) in C:\src\Orders.cs:line 44
        at async load (/srv/mill/orders.js:21:15)

Python prints the innermost call last, the others first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.records import Frame
from parsers.text.node_frames import node_frame
from parsers.text.python_frames import python_frame
from parsers.text.ruby_frames import ruby_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST: Final = 1000
_ABOVE: Final = 2
"""Lines between the entry and its trace: an empty one, and the words that begin the trace."""
_began = re.compile(r"\s{0,8}Traceback \(most recent call last\):\s*$").match
_python = re.compile(r"\s{1,8}File \"(?P<file>[^\"\n]{1,400})\", line (?P<line>\d{1,9}), in (?P<name>\S[^\n]{0,200}?)\s*$").match
_source = re.compile(r"\s{3,}\S").match


_of_net = re.compile(
    r"\s*at (?P<call>[A-Za-z_<][\w.`+<>\[\],$|-]{2,300})\((?!Native Method\)|Unknown Source\)|<generated>\))(?P<arguments>(?:[\w.`+<>\[\],&*$]{1,120} \w{1,60}(?:, [\w.`+<>\[\],&*$]{1,120} \w{1,60}){0,40})?)\)"
    r"(?: in (?P<file>[^\n]{1,300}?):line (?P<line>\d{1,7}))?\s*$"
).match
_of_node = re.compile(r"\s*at (?:[^()\n]{1,200}? \()?[^()\s]{1,300}:\d{1,7}:\d{1,7}\)?\s*$").match
_machine = re.compile(r"(?P<cls>.+)\.<(?P<name>\w{1,120})>[bdg]?_{1,2}\w*(?:\.MoveNext)?$").match


def other_frame(line: str) -> Frame | None:
    """A frame as .NET or Node prints it below an exception; None for one of the JVM, and for what is none."""
    text = line[:_LONGEST]
    if _of_node(text) is not None:
        return node_frame(text.strip())
    match = _of_net(text)
    if match is None:
        return None
    machine = _machine(match["call"])
    cls, method = (machine["cls"], machine["name"]) if machine is not None else match["call"].rpartition(".")[::2]
    file = (match["file"] or "").replace("\\", "/").rpartition("/")[2]
    source = f"{file}:{match['line']}" if file else None
    return Frame(cls, method, source)


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


def frames_above(lines: Sequence[str]) -> list[Frame]:
    """The frames of Python's trace whose last line, the exception, stands below ``lines``; none where they end in something else."""
    for at in range(len(lines) - 1, -1, -1):
        if _began(lines[at][:_LONGEST]):
            return _of_python(lines[at + 1 :])
        if not _source(lines[at]) and _python(lines[at][:_LONGEST]) is None:
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

"""Every pattern of the tool takes time in proportion to the text, whatever the text: evidence may be one line of 50 MB.

Time itself is not asserted, only how it grows: four times the text may take ten times as long, a pattern that goes back and forth takes sixteen
times or for ever.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

import analyzer
import parsers
import reports
from parsers.text.patterns import _Method, _Pattern, lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

pytestmark = pytest.mark.slow

SHORT, LONG = 3_000, 12_000
GROWTH: Final = 10.0
WORTH: Final = 0.002
"""Seconds of processor time below which nothing is measured."""
UNITS = (
    "a", "A", "'", "`", "_", " ", "\t", "1", ".", ":", "-", "/", '"', "(", "[", "<", "=", ",", "a.", "a ", "a b ", "1.", "1:", " 1", "0x0", '"a" ', "at a(", "- <0x1> ", "a=1 ", "a,1 ",
    "[a] ", "(a) ", "<a> ", "{", "&lt;", "\\", "\n", " \n", "a\n", "\tat a.b(C.java:1)\n", "10.0.0.1:80 ", "tcp 0 0 ", "a::", "$", "#1 ", "é", "|", "| a ",
)  # fmt: skip
"""What hostile lines are made of."""
CUT: Final = {"analyzer.software.thread_names._TRAILING_NUMBER.match"}
"""Patterns that never meet more than the first thousand characters of a name."""
ENDS = ("", "!", '"x')


class Named(NamedTuple):
    """A method of a pattern, by the module and the name that it stands under."""

    name: str
    call: Callable[[str], object]


def modules() -> Iterator[ModuleType]:
    for package in (parsers, analyzer, reports):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "kernel" not in found.name and ".built." not in found.name and not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def methods() -> Iterator[Named]:
    """Each pattern at the top of a module, by the methods that its module calls."""
    for module in modules():
        source = inspect.getsource(module)
        for name, value in vars(module).items():
            label = f"{module.__name__}.{name}"
            if isinstance(value, _Method):
                yield Named(label, value)
            elif isinstance(value, re.Pattern | _Pattern):
                pattern = value if isinstance(value, re.Pattern) else value.compiled()
                if isinstance(pattern.pattern, bytes):
                    continue
                used = set(re.findall(rf"\b{re.escape(name)}\.(match|fullmatch|search|finditer|findall|sub)\b", source))
                for method in sorted(used & {"match", "fullmatch", "search"}):
                    yield Named(f"{label}.{method}", getattr(pattern, method))
                if used & {"finditer", "findall", "sub"}:
                    yield Named(f"{label}.findall", pattern.findall)
            elif inspect.isbuiltin(value):
                of = getattr(value, "__self__", None)
                if isinstance(of, re.Pattern) and isinstance(of.pattern, str):
                    yield Named(label, value)


METHODS = {named.name: named for named in methods()}


def seconds(call: Callable[[str], object], text: str) -> float:
    """The least processor time of three calls."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        call(text)
        taken.append(time.process_time() - start)
        if taken[0] < WORTH:
            break
    return min(taken)


def test_there_are_patterns() -> None:
    assert len(METHODS) > 300
    assert {"parsers.sockets.netstat._row", *CUT} <= METHODS.keys()


@pytest.mark.parametrize("name", sorted(METHODS.keys() - CUT))
def test_time_grows_with_the_text(name: str) -> None:
    call = METHODS[name].call
    for unit in UNITS:
        for end in ENDS:
            taken = seconds(call, unit * (LONG // len(unit)) + end)
            if taken > WORTH:
                before = max(seconds(call, unit * (SHORT // len(unit)) + end), WORTH / 16)
                assert taken / before < GROWTH, (
                    f"{unit!r} repeated, then {end!r}: {before:.4f} s for {SHORT}, {taken:.4f} s for {LONG} characters"
                )


def test_a_pattern_that_waits_has_what_a_pattern_has() -> None:
    pattern = lazy(r"(?P<n>\d+)")
    assert not hasattr(pattern, "cache_clear"), "it is taken for no cache"
    assert pattern.match("12") is not None
    assert pattern.groupindex == {"n": 1}

"""Patterns that are compiled when they are first used: most incidents meet few of the formats, and compiling takes longer than reading a small one."""

from __future__ import annotations

import gc
import re
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable


class _Method:
    """A method of a pattern; the pattern is compiled at the first call."""

    __slots__ = ("_call", "_name", "_pattern")

    def __init__(self, pattern: _Pattern, name: str) -> None:
        self._pattern = pattern
        self._name = name
        self._call: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        call = self._call
        if call is None:
            call = self._call = getattr(self._pattern.compiled(), self._name)
        return call(*arguments)


class _Pattern:
    """Stands for ``re.compile(pattern, flags)``."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._source = pattern, flags
        self._compiled: re.Pattern[str] | None = None

    def compiled(self) -> re.Pattern[str]:
        """The pattern itself."""
        if self._compiled is None:
            self._compiled = re.compile(*self._source)
        return self._compiled

    @property
    def pattern(self) -> str:
        """The text of the pattern, which needs no compiling."""
        return self._source[0]

    def __getattr__(self, name: str) -> Any:
        if self._compiled is not None:
            return getattr(self._compiled, name)
        if not hasattr(re.Pattern, name):
            raise AttributeError(f"'re.Pattern' object has no attribute {name!r}")
        return _Method(self, name)


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """``re.compile(pattern, flags)``, compiled at the first call of a method.

    Take a method where the pattern is defined (``lazy(…).match``): each call costs a tenth of a microsecond more than the pattern's own. So the
    formats of large tables and dumps, whose patterns meet each line, compile at once.
    """
    return cast("re.Pattern[str]", _Pattern(pattern, flags))


def compile_waiting() -> None:
    """Compile every pattern that waits: the build does, see :mod:`analyzer.app.compiled_patterns`."""
    for thing in gc.get_objects():
        if type(thing) is _Pattern:
            thing.compiled()

"""A Ruby frame from a line of a backtrace, for every tool that prints one."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from parsers.records import Frame
from parsers.text.patterns import lazy

_frame = lazy(r"\s*(?:from )?(?P<file>(?:<internal:)?[^:\s\"][^:\"]{0,400}):(?P<line>\d{1,9}):in [`'](?P<name>[^'`]{0,300})'\s*$").match
_GEM: Final = lazy(r".*/gems/[^/]+/(?:lib|app|bin|exe)/")
_RUBY: Final = lazy(r".*/ruby/(?:site_ruby/|vendor_ruby/)?\d(?:\.\d{1,3}){1,2}(?:/[\w-]+-linux[\w-]*)?/")
_BLOCK: Final = lazy(r"(?:(?:block|rescue|ensure)(?: \(\d{1,4} levels\))? in )+")


def ruby_frame(line: str) -> Frame | None:
    """``app/models/cart.rb:9:in `total'`` as a frame; None for another line."""
    match = _frame(line)
    return as_ruby_frame(match["file"], match["line"], match["name"]) if match is not None else None


@lru_cache(maxsize=65536)
def as_ruby_frame(file: str, line: str, name: str) -> Frame:
    """The file without what all libraries share as class, the method without its blocks."""
    plain = _BLOCK.sub("", name)
    method = plain.rpartition("#")[2] or plain
    if file.startswith("<internal:"):
        return Frame("ruby/" + file.removeprefix("<internal:").rstrip(">"), method, f"{file}:{line}")
    for pattern, kind in ((_GEM, "gems/"), (_RUBY, "ruby/")):
        if (below := pattern.sub("", file)) != file:
            return Frame(kind + below.removesuffix(".rb"), method, f"{below}:{line}")
    short = file.rpartition("/")[2]
    return Frame(short.removesuffix(".rb").removesuffix(".ru"), method, f"{short}:{line}")

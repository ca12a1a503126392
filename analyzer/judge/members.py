"""Findings about programs that have no threads to speak of: goroutines, Erlang's processes and forked workers by their own names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from analyzer.model.message import Message
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.model.finding import Finding, Process
    from analyzer.waits.case import Case

_WORDS: Final = {Runtime.GO: "goroutine", Runtime.ERLANG: "process", Runtime.PHP: "worker"}


def in_their_words(case: Case, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, each in the words of its process' runtime."""
    words: dict[Process | None, str] = {
        view.process: _WORDS[view.known.runtime] for view in case.latest if view.dump is not None and view.known.runtime in _WORDS
    }
    return (
        tuple(_said(finding, words[finding.process]) if finding.process in words else finding for finding in findings)
        if words
        else tuple(findings)
    )


def _said(value: Any, word: str) -> Any:
    if isinstance(value, Message):
        return value.in_words(word)
    if isinstance(value, tuple):
        return tuple(_said(item, word) for item in value)
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: _said(getattr(value, name), word) for name in value.__struct_fields__})
    return value

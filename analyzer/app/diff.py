"""``analyze diff BEFORE AFTER…``: incidents of one server, or reports that were kept of them, side by side."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.app.command import ANALYSED, DEFECT, FAILED, UNUSABLE, RunOptions, analysed
from analyzer.app.writing import STDOUT, complain, disclosed, inside_evidence, no_ending, no_folder, put, save
from analyzer.model.errors import Disclosed, Unusable, UsageError, text_of
from analyzer.model.message import say
from analyzer.version import VERSION
from reports.compare import text as difference_text
from reports.compare.compare import Change, compare
from reports.compare.report_v1 import Side
from reports.contract import json_v1 as json_contract
from reports.contract.kept import KeptError, embedded
from reports.language.catalogue import speaking, spoken, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.app.anonymous import Guard, Mask
    from reports.compare.compare import Difference

_ENDINGS: Final = {".md": "md", ".markdown": "md", ".json": "json", ".txt": "text", ".html": "html", ".htm": "html", ".jira": "jira"}
_LARGEST: Final = 1 << 30  # bytes of a kept report; one of a million sockets has some 300 MB
_HEAD: Final = 256  # bytes of a report in which its schema stands
_BAD: Final = {"worse": {Change.WORSE}, "same": {Change.WORSE, Change.SAME, Change.UNKNOWN}}
"""Results at which ``--fail-on`` exits with 1: "same" asks for an improvement that is shown."""


class Comparison(msgspec.Struct, frozen=True):
    """What the user asked for; see :class:`analyzer.app.command.RunOptions`. ``fail_on`` is "worse", "same" or None."""

    paths: Sequence[str]
    """At least two, in the order of time."""
    form: str | None = None
    output: str | None = None
    host: str | None = None
    timezone: str | None = None
    config: str | None = None
    fail_on: str | None = None
    anonymize: str | None = None
    anonymize_map: str | None = None
    language: str = "en"
    same_server: bool = False


def run(asked: Comparison) -> int:
    """Compare, print or write the comparison, and return the exit code: 0 whatever came out, 1 only through ``--fail-on``.

    Raises:
        UsageError: if an option does not fit.
    """
    if len(asked.paths) < 2:  # noqa: PLR2004 - a comparison
        raise UsageError(say("diff compares at least two: analyze diff BEFORE AFTER"))
    form = _form(asked)
    mask = _mask(asked)
    guards: list[Guard] = []
    try:
        with speaking(asked.language):
            sides = (_side(path, asked, mask, guards) for path in asked.paths)
            difference = compare(*sides, same_server=asked.same_server)
            text = _rendered(form, difference, to_terminal=asked.output is None or asked.output in STDOUT)
        target = None if asked.output is None or asked.output in STDOUT else Path(str(asked.output))
        for guard in guards:
            guard.check({form: text}, () if target is None else (target,))
    except Unusable as error:
        complain(error.text)
        return UNUSABLE
    except Disclosed as error:
        complain(disclosed(error))
        return DEFECT
    if target is None:
        put(text)
    else:
        _write(target, text, asked)
    if asked.fail_on and difference.change in _BAD[asked.fail_on]:
        complain(say("exit 1 because of --fail-on {asked}: {found}", asked=asked.fail_on, found=difference.change.value))
        return FAILED
    return ANALYSED


def _form(asked: Comparison) -> str:
    if asked.form:
        return asked.form
    if asked.output is None or asked.output in STDOUT:
        return "text"
    form = _ENDINGS.get(Path(str(asked.output)).suffix.lower())
    if form is None:
        raise UsageError(no_ending(asked.output))
    return form


def _mask(asked: Comparison) -> Mask | None:
    if asked.anonymize is None and asked.anonymize_map is None:
        return None
    from analyzer.app.anonymous import Mask  # noqa: PLC0415 - rarely asked for

    return Mask.made(asked.anonymize or "", asked.anonymize_map, asked.paths)


def _side(path: str, asked: Comparison, mask: Mask | None, guards: list[Guard]) -> Side:
    """A side: a kept report, or evidence to analyse now."""
    kept = _kept(Path(path))
    if kept is not None:
        if mask is not None:
            raise UsageError(say("--anonymize: {path} is a report already; anonymise it when it is made", path=path))
        return kept
    diagnosis, incident = analysed(RunOptions([path], host=asked.host, timezone=asked.timezone, config=asked.config))
    if not any(item.records for item in diagnosis.inputs):
        raise Unusable(say("{path}: nothing usable to read", path=path))
    if mask is not None:
        diagnosis, _, guard = mask.put_on(diagnosis, incident, "analyze", asked.host)
        guards.append(guard)
    return msgspec.convert(msgspec.to_builtins(json_contract.report(spoken(diagnosis), VERSION), enc_hook=str), Side)


def _kept(path: Path) -> Side | None:
    """A report in the JSON format, or a page that carries it; None for anything else.

    Raises:
        Unusable: if it says that it is one and cannot be read as one.
    """
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if b"<html" in head.lower():
            return msgspec.json.decode(embedded(path.read_bytes())[1], type=Side)
        if not head.lstrip().startswith(b"{") or b'"diagnosis/1"' not in head:
            return None
        return msgspec.json.decode(path.read_bytes(), type=Side)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, KeptError) as error:
        raise Unusable(say("{path}: a report that cannot be read: {error}", path=path, error=text_of(error))) from error


def _rendered(form: str, difference: Difference, *, to_terminal: bool) -> str:
    width = shutil.get_terminal_size((difference_text.WIDTH, 24)).columns if to_terminal else difference_text.WIDTH
    return difference_text.rendered(form, difference, max(40, min(width, 120)))


def _write(target: Path, text: str, asked: Comparison) -> None:
    if not target.parent.exists():
        raise UsageError(no_folder(target.parent))
    real = Path(os.path.realpath(target))
    for root in (Path(os.path.realpath(path)) for path in asked.paths):
        if real == root or (root.is_dir() and real.is_relative_to(root)):
            raise UsageError(inside_evidence(target))
    save(target, text)
    with speaking(asked.language):
        put(tell("Report: {path}", path=target) + "\n")

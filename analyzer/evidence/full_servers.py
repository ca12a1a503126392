"""A server that says itself that none of its workers is free: what makes a few picked stacks a picture of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.log_events import Told, of_this_moment
from analyzer.model.message import joined, say
from parsers.records import LogKind, Runtime

if TYPE_CHECKING:
    from analyzer.model.incident import Incident

_FULL: Final = frozenset({LogKind.WORKERS, LogKind.THREADS, LogKind.STARVED})
_RUNTIMES: Final = {
    "PHP-FPM": Runtime.PHP,
    "Puma": Runtime.RUBY,
    "Tomcat": Runtime.JVM,
    "Elasticsearch": Runtime.JVM,
    "WebLogic": Runtime.JVM,
    "WebSphere": Runtime.JVM,
    "nginx": Runtime.NATIVE,
    "gunicorn": Runtime.PYTHON,
    "uWSGI": Runtime.PYTHON,
}
"""Whose lines cannot be of a process of another runtime."""
_FIGURES: Final = 4


def full_server(incident: Incident, runtime: Runtime) -> Told | None:
    """The line that says most of a server of this runtime whose workers are all busy; None if there is none."""
    told = [one for one in of_this_moment(incident) if one.event.kind in _FULL and _RUNTIMES.get(one.event.source, runtime) is runtime]
    return max(told, key=lambda one: (len(one.event.figures), one.event.where), default=None)


def full_in_words(told: Told) -> str:
    """``PHP-FPM www: active 100, total 100, queue 129``."""
    event = told.event
    about = " ".join(filter(None, (event.source, event.subject)))
    figures = [f"{name} {value:g}" for name, value in event.figures if name != "seconds"][:_FIGURES]
    return say("{about}: {figures}", about=about, figures=joined(", ", figures)) if figures else about

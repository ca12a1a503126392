"""Request threads that all read an answer in a database's driver, where no socket table shows which service it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import SOCKETS_MISSING, chain_of, kind_in_words
from analyzer.evidence.citations import shown_of
from analyzer.families import remote_service as remote
from analyzer.model.finding import Confidence, Culprit, Finding, Missing, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case, ServerPool

SMALLEST_POOL: Final = 4
"""Request threads below which all of them may be in a statement for a moment: one dump then says nothing."""
_SETTINGS: Final = {
    "PostgreSQL driver": "socketTimeout",
    "MySQL driver": "socketTimeout",
    "MariaDB driver": "socketTimeout",
    "SQL Server driver": "socketTimeout",
    "Oracle driver": "oracle.jdbc.ReadTimeout",
    "DB2 driver": "blockingReadConnectionTimeout",
}
"""What each driver calls its socket timeout."""
TEXT: Final = Text(
    "database-read-hang",
    headline="{who} wait for the {library}, and no request thread of {name} is free: a database that does not answer, or a busy moment.",
    explanation="{who} are in {kind_in_words} of the {library}{called_from}. One dump does not show whether they move, and no socket table shows the connections. A database that hangs, slow statements, and a busy moment look the same.",
    why="The stacks name the driver; a second dump would tell a hang from a moment, the socket table the service.",
    do=(
        Do(When.NOW, "Take a second dump ten seconds later, and the socket table.", "jstack -l {pid} > jstack-2.txt"),
        Do(When.FIX, "Set a socket timeout for the {library}{setting} and a timeout for its statements."),
    ),
    figures=(("{blocked:,} of {workers:,}", "threads of {name} waiting"),),
    chain=(("the service of the {library}", "does not answer yet", "its address is not in the evidence"),),
    phrases={"called_from": Either("called_from", ", called from {culprit}")},
)


def suspicions(case: Case) -> Iterator[Finding]:
    """One finding per server pool all of whose threads are in a driver's read."""
    for serving in case.server_pools:
        if serving.saturated and serving.workers >= SMALLEST_POOL and not serving.targets and remote.is_driver(serving):
            yield _finding(serving)


def _finding(serving: ServerPool) -> Finding:
    """No socket tells which connections these are: the stacks show the driver, not whether it is a hang or a busy moment."""
    pool, library = serving.pool, serving.callers[0].activity.library or say("a driver")
    pid = serving.view.process.pid
    who = say(
        "{all_of} threads of {name}",
        all_of=shown_of(serving.view.dump, len(serving.callers), len(serving.calling_pool.workers)),
        name=serving.calling_pool.name,
    )
    text = TEXT.filled(
        serving.view.process,
        who=who,
        library=library,
        name=pool.name,
        kind_in_words=kind_in_words(serving.callers),
        called_from=serving.culprit,
        culprit=serving.culprit,
        setting=setting_of(library),
        blocked=serving.blocked,
        workers=serving.workers,
    )
    return text.finding(
        severity=Severity.CRITICAL if serving.pressure.exists else Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=tuple(evidence for step in chain_of(serving, None) for evidence in step.evidence),
        missing=(
            Missing(
                say("second thread dump, ten seconds later"),
                say("whether the same threads are still in the same reads"),
                f"jstack -l {(pid if pid is not None else 'PID')} > jstack-2.txt",
            ),
            SOCKETS_MISSING,
        ),
        chain=chain_of(serving, *text.steps()),
        culprit=Culprit(pool=pool.name, frame=str(serving.blamed) if serving.blamed else None, library=library),
    )


def setting_of(library: str) -> str:
    """What a driver calls its socket timeout; nothing where that is not known."""
    name = _SETTINGS.get(library)
    return say(" ({name})", name=name) if name else ""

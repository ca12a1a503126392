"""Sockets that hold a local port and neither connect nor listen, counted against the range of local ports: Windows lists them as Bound.

``Get-NetTCPConnection`` and ``netstat -anq`` show them, ``netstat -ano`` does not. A socket is so between bind and connect, for a moment; many that
stay are sockets whose program never went on, or never closed them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.families.counted_limits import NEARLY, told_of
from analyzer.families.counted_sockets import shown, whose
from analyzer.families.local_ports import SMALLEST_DEFAULT
from analyzer.model.finding import Confidence, Evidence, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, say
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import Counted, LogKind, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case

TEXT: Final = Text(
    "ephemeral-port-exhaustion",
    headline="{who_begins} holds {number:,} of the {size:,} local ports with sockets that are bound and neither connect nor listen: no port is left for new connections.",
    explanation="{number:,} sockets are bound to a local port and have no connection. Each keeps its port until it is closed, without a time limit: TIME_WAIT is not the cause, and no setting for it helps.{log} Such sockets are left where a program binds, fails or gives up, and does not close.",
    why=Either("failed", "The count, the range of ports and the error agree.", "The count and the range of local ports agree."),
    do=(
        Do(When.NOW, "Restart {who}: that frees the ports, without the rest of the host.", on="named"),
        Do(
            When.FIX,
            "Close each socket in every path, also where connect fails or is given up; do not bind a port before connect without need.",
        ),
    ),
    figures=(("{number:,} of {size:,}", "local ports in use"),),
    ask=(
        Ask(
            "bound sockets by process",
            "who holds them",
            "Get-NetTCPConnection -State Bound | Group-Object OwningProcess -NoElement | Sort-Object Count -Descending",
            on="unnamed",
        ),
    ),
    chain=(("{who}", "keeps bound", "{number:,} local ports"), ("connect", "finds no free port", "")),
    phrases={"log": Either("failed", " The log says that no port was left.")},
)


def findings(case: Case) -> Iterator[Finding]:
    """One for each process, or host where no count names one, whose bound sockets take nearly all local ports."""
    known = case.counts.port_range()
    size = known[1] - known[0] + 1 if known is not None else SMALLEST_DEFAULT
    counts = [
        one
        for one in case.counts.of(Counted.SOCKETS, TcpState.CLOSE)
        if one.last.local is None and one.last.remote is None and one.last.end is None and NEARLY * size <= one.number <= size + size // 10
    ]
    named = [one for one in counts if one.last.pid is not None]
    failed = told_of(case, LogKind.ADDRESSES)
    for one in named or counts:
        process = Process(one.host, *case.counts.process(one))
        text = TEXT.filled(
            process,
            who=whose(process),
            who_begins=capitalized(whose(process)),
            named=one.last.pid is not None,
            number=one.number,
            size=size,
            failed=failed,
            unnamed=one.last.pid is None,
        )
        says = shown(one.last.where, one, one.number)
        stated = (
            (Evidence(known[2].where, say("the range of local ports: {first} to {last}", first=known[0], last=known[1])),) if known else ()
        )
        yield text.finding(
            severity=Severity.CRITICAL if failed is not None else Severity.WARNING,
            confidence=Confidence.LIKELY if known is not None or failed is not None else Confidence.SUSPECTED,
            evidence=(says, *stated, *((failed.evidence,) if failed is not None else ())),
            outlook=Outlook(RecoversWhen.RESTART, say("Ports come back only when whatever holds the sockets closes them.")),
            chain=text.steps((says,), (failed.evidence,) if failed is not None else ()),
        )

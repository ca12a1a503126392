"""Connections that one host holds open and the other does not know: tables of both are here, and the far one has others of the same pair of hosts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.citations import of_sockets
from analyzer.evidence.log_events import time_of
from analyzer.families.chosen_calls import callers_in_words
from analyzer.model.finding import Confidence, Culprit, Process, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Do, Either, Text
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint

FEWEST: Final = 2
"""Connections without another half: a single one may have been made, or have ended, between the two tables."""
APART: Final = 60.0
"""Seconds by which the two tables may differ: in more, connections come and go."""
_ONLY: Final = re.compile(r"[^|]*\|\s*(?:e|f)?grep\s+(?:-[EFiwn]+\s+)?['\"]?[\w.:*-]+['\"]?\s*$").fullmatch
"""A command whose output was looked through once, for one word."""
TEXT: Final = Text(
    "lost-session",
    headline=Either(
        "sure",
        "{holder} holds {connections} to {remote} that {there} does not know{callers}: nobody will answer on them.",
        "{holder} holds {connections} to {remote} that the table of {there} does not have{callers}: if it is whole, nobody will answer on them.",
    ),
    explanation="The table of {there} has {others} of this host to the same port, and none of these: a firewall or NAT between them that forgets idle connections drops their packets without a word, or the far end closed or restarted and its farewell was lost.{unsent} A slow answer does not explain it: then the far end would still be there.",
    why=Either(
        "sure",
        "What was sent on them was never acknowledged, so they are no connections of a moment after the far table was saved.",
        "The two tables need not be whole, nor of one instant: what a filter left out, and connections that were made or ended in between, look the same.",
    ),
    do=(
        Do(
            When.NOW,
            "End the dead connections: the pool or the process here begins anew. See in the firewall's log or settings after how long it forgets idle connections.",
            "ss -tnoi dst {host}",
        ),
        Do(
            When.FIX,
            "Let the pool test a connection before it lends it, and set a read timeout and TCP keepalive below the idle limit of what lies between.",
        ),
        Do(When.PREVENT, "Let the pool retire idle connections before the firewall does."),
    ),
    figures=(("{count:,}", "connections that only one side knows"), ("{known}", "that both sides know")),
    chain=(("{here}", "waits for an answer on", "{group}"), ("{there}", "has no such connection", "{both}")),
    phrases={
        "unsent": Either("sent", " {bytes} bytes sent on them were never acknowledged."),
        "group": "{connections} to {remote} that the far table does not have",
        "both": "what both sides know",
    },
)


class _Forgotten(msgspec.Struct, frozen=True):
    """The connections of one service that its host does not know, and those that it does."""

    remote: Endpoint
    lost: tuple[Connection, ...]
    known: tuple[Connection, ...]


def findings(case: Case) -> Iterator[Finding]:
    """One per service whose own table lacks connections that a client's has."""
    views = {view.table: view for view in case.latest}
    for table, view in views.items():
        for far_table, far in views.items():
            if far_table is not table and far.snapshot.host != view.snapshot.host:
                yield from (_finding(case, view, far, found) for found in _forgotten(view, far))


def _forgotten(view: ProcessView, far: ProcessView) -> Iterator[_Forgotten]:
    hosts = far.table.local_hosts - view.table.local_hosts
    services: dict[Endpoint, list[Connection]] = {}
    for row in view.table.in_state(TcpState.ESTABLISHED) if hosts else ():
        remote = row.remote
        if remote is not None and remote.host in hosts and not remote.is_loopback and not row.local.truncated:
            services.setdefault(remote, []).append(row)
    for remote, rows in services.items():
        known = tuple(row for row in rows if far.table.get(remote, row.local) is not None)
        lost = tuple(row for row in rows if far.table.get(remote, row.local) is None)
        if known and len(lost) >= FEWEST:
            yield _Forgotten(remote, lost, known)


def _is_whole(view: ProcessView, far: ProcessView, found: _Forgotten) -> bool:
    """True if nothing says that the far table lacks rows of this pair of hosts: it was looked through for an address or the port at most, at the same time."""
    hosts = {row.local.host for row in (*found.lost, *found.known)} | {found.remote.host, str(found.remote.port)}
    near, later = time_of(view.snapshot.time), time_of(far.snapshot.time)
    if (
        near is not None
        and later is not None
        and (near.tzinfo is None) == (later.tzinfo is None)
        and abs((later - near).total_seconds()) > APART
    ):
        return False
    others = [row for row in far.table.in_state(TcpState.ESTABLISHED) if row.local == found.remote and row.remote is not None]
    if sum(row.remote is not None and row.remote.host not in view.table.local_hosts for row in others) >= len(found.lost):
        return False  # they may be the same connections under the address of a NAT
    prompts = far.coverage.prompts_of({row.where.file for row in far.table.connections})
    return all(
        _ONLY(prompt) is not None and any(host in prompt for host in hosts) for prompt in prompts if "|" in prompt or "state" in prompt
    )


def _finding(case: Case, view: ProcessView, far: ProcessView, found: _Forgotten) -> Finding:
    sent = all(row.send_q for row in found.lost)
    sure = sent and _is_whole(view, far, found)
    owner = next((row.owners[0] for row in found.lost if row.owners), None)
    text = TEXT.filled(
        Process(view.snapshot.host, owner.pid if owner else None, owner.command if owner else None),
        sent=sent,
        sure=sure,
        here=view.snapshot.host or say("this host"),
        holder=view.snapshot.host or say("This host"),
        there=far.snapshot.host or found.remote.host,
        remote=found.remote,
        host=found.remote.host,
        connections=plural(len(found.lost), "connection"),
        others=plural(len(found.known), "connection"),
        callers=callers_in_words(case, view, [found.remote.host]),
        bytes=f"{sum(row.send_q or 0 for row in found.lost):,}",
        count=len(found.lost),
        known=len(found.known),
    )
    shown = of_sockets(found.lost, text["group"], (str(found.lost[0].local),))
    mirrored = [one for row in found.known if (one := far.table.get(found.remote, row.local)) is not None]
    both = of_sockets(mirrored, text["both"], (str(mirrored[0].remote),))
    return text.finding(
        severity=Severity.CRITICAL if sure else Severity.WARNING,
        confidence=Confidence.LIKELY if sure else Confidence.SUSPECTED,
        evidence=(shown, both),
        chain=text.steps((shown, both)),
        culprit=Culprit(remote=str(found.remote)),
    )

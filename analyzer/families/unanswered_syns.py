"""Connections that cannot be made: SYNs to one service were sent again, and neither a SYN-ACK nor a reset came back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.families.counted_sockets import whose
from analyzer.model.finding import Confidence, Culprit, Process, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Do, Either, Text
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint

FEWEST: Final = 2
"""SYNs that were sent again: a single one may have been lost on the way."""
AGAIN: Final = 2
"""Retransmissions of one of them from which on some seconds have passed."""
MANY: Final = 5
"""SYNs without an answer from which on, in a table without timers, they are no moment's."""
TEXT: Final = Text(
    "vanished-peer",
    headline="{who} cannot connect to {remote}: {connections} wait for an answer to the SYN{again}, and none comes.",
    explanation="Neither a SYN-ACK nor a reset has come back from {remote}.{none}{others} A firewall or a route that drops the packets, a host that is down, and an accept queue there that is full look the same; a service that is merely slow would have accepted, and one that is not started would have refused.",
    why=Either(
        "most",
        "The timers show how often the SYNs were sent again. Where they, or their answers, are lost, a capture on both sides shows.",
        "The table shows the SYNs, and no timers: a burst at the moment of the table looks the same.",
    ),
    do=(
        Do(
            When.NOW,
            "Do the SYNs arrive there, and does an answer come back? See on both sides.",
            "tcpdump -ni any host {host} and port {port}",
        ),
        Do(When.NOW, "Ask what was changed between the two hosts: firewall rules, routes, NAT, allow lists of the far side."),
        Do(When.FIX, "Give connects a timeout of a few seconds, so that callers do not hang for two minutes."),
    ),
    figures=(("{count:,}", "SYNs to {remote} without an answer"), ("{most}", "retransmissions at most")),
    chain=(("{who}", "sends SYNs to", "{remote}"), ("{remote}", "does not answer", "{connections}")),
    phrases={
        "again": Either("most", ", sent again up to {most} times"),
        "none": Either("whole", " No connection to it is open."),
        "others": Either("other", " To {other} the same host has connections that are open, so not every way out is cut."),
        "group": "{connections} to {remote} in SYN_SENT{again}",
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One per service to which no SYN is answered; none where connections to it are open: there packets are lost, or its queue is full for a moment."""
    told: set[tuple[str | None, str]] = set()
    for view in {view.table: view for view in case.latest}.values():
        groups: dict[Endpoint, list[Connection]] = {}
        for row in view.table.in_state(TcpState.SYN_SENT):
            if row.remote is not None and row.remote.port is not None:
                groups.setdefault(row.remote, []).append(row)
        lasting = {remote: group for remote, group in groups.items() if _lasts(group)}
        made = {row.remote for row in view.table.connections if row.state is not TcpState.SYN_SENT} if lasting else set()
        for remote, group in sorted(lasting.items()):
            from analyzer.families.some_syns_unanswered import is_up  # noqa: PLC0415 - where a SYN has no answer

            if remote not in made and not is_up(case, remote) and (view.snapshot.host, str(remote)) not in told:
                told.add((view.snapshot.host, str(remote)))
                yield _finding(view, remote, group)


def _lasts(group: Sequence[Connection]) -> bool:
    if len(group) < FEWEST:
        return False
    again = [_again(row) for row in group]
    timed = any(row.timer is not None for row in group)
    return (sum(times > 0 for times in again) >= FEWEST and max(again) >= AGAIN) if timed else len(group) >= MANY


def _again(row: Connection) -> int:
    return (row.timer.retransmits or 0) if row.timer is not None else 0


def _finding(view: ProcessView, remote: Endpoint, group: Sequence[Connection]) -> Finding:
    owners = {row.owners[0] for row in group if row.owners}
    owner = next(iter(owners)) if len({(one.pid, one.command) for one in owners}) == 1 else None
    process = Process(view.snapshot.host, owner.pid if owner else None, owner.command if owner else None)
    most = max(_again(row) for row in group)
    open_rows = [row for row in view.table.in_state(TcpState.ESTABLISHED) if row.remote is not None]
    other = next((row.remote for row in open_rows if row.remote is not None and row.remote.port == remote.port), None)
    text = TEXT.filled(
        process,
        who=whose(process) if owner is not None else say("This host"),
        remote=remote,
        host=remote.host,
        port=remote.port,
        connections=plural(len(group), "connection"),
        count=len(group),
        most=most,
        whole=bool(open_rows or view.table.in_state(TcpState.LISTEN)),
        other=other,
    )
    shown = of_sockets(group, text["group"], ("SYN_SENT", str(remote)))
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if most >= AGAIN else Confidence.SUSPECTED,
        evidence=(shown,),
        chain=text.steps((shown,), (shown,)),
        culprit=Culprit(remote=str(remote)),
    )

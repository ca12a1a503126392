"""Half-closed connections of a proxy that a command counted: its clients have left, it has passed their end on, and who stands behind does not close."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.families.counted_sockets import MANY, NEAR, OUTLOOK, place, process_of, shown, stacks_of, whose
from analyzer.join.counts import is_place
from analyzer.model.finding import Action, Confidence, Culprit, Evidence, Finding, Process, Severity, Step, When
from analyzer.model.message import plural, say
from parsers.records import Counted, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case
    from parsers.records import Endpoint


def passed_on(case: Case) -> Iterator[Finding]:
    """A proxy that has passed the clients' end on, and the process behind it that does not close: both halves were counted, or rows show them."""
    ends = case.counts.of(Counted.SOCKETS, TcpState.CLOSE_WAIT)
    halves = [one for one in case.counts.of(Counted.SOCKETS, TcpState.FIN_WAIT2) if is_place(one.last.remote)]
    for half in halves:
        proxy = process_of(case, half)
        front = next(
            (one for one in ends if process_of(case, one) == proxy and is_place(one.last.local) and NEAR * one.number <= half.number), None
        )
        remote = half.last.remote
        if front is None or remote is None or half.number < MANY:
            continue
        behind, rows = _behind(case, remote)
        evidence = (shown(front.last.where, front, front.number), shown(half.last.where, half, half.number), *rows)
        name = proxy.command or say("the proxy")
        who = whose(behind) if behind.command or behind.pid else say("the process behind {remote}", remote=remote)
        yield Finding(
            rule="server-never-closes" if rows else "proxy-half-close",
            severity=Severity.WARNING,
            confidence=Confidence.LIKELY,
            headline=say(
                "{who} does not close {connections} of {remote}, whose end {proxy} has passed on; both halves stay open in {proxy}.",
                who=who,
                connections=plural(half.number, "connection"),
                remote=remote,
                proxy=name,
            ),
            explanation=say(
                "{proxy} has {front:,} connections of its clients in CLOSE_WAIT{at} and {half:,} of its own to {remote} in FIN_WAIT2: the clients left, and it has sent their end on. {remote} has acknowledged that and not closed its side{rows}. Until it does, or a time limit of {proxy} for half-closed connections comes, both halves stay and count against the limits of {proxy}.",
                proxy=name,
                front=front.number,
                half=half.number,
                at=say(" at {local}", local=place(front.last.local)) if front.last.local is not None else "",
                remote=remote,
                rows=say(": {who} has them in CLOSE_WAIT", who=who) if rows else "",
            ),
            why_confident=say(
                "Both halves are here: an end that was passed on, and a side that does not close. Why it does not close, its own stacks tell."
            ),
            evidence=evidence,
            process=behind if rows else proxy,
            outlook=OUTLOOK,
            culprit=Culprit(listener=f"*:{remote.port}", remote=str(remote)),
            chain=(
                Step(say("its clients"), say("leave"), str(name), evidence[:1]),
                Step(str(name), say("passes their end on to"), str(remote), evidence[1:2]),
                Step(str(who), say("does not close"), say("its own side"), rows),
            ),
            actions=(
                Action(When.NOW, say("Look at {who}: why does it keep a connection after the end of the stream?", who=who)),
                Action(
                    When.FIX,
                    say(
                        "Limit half-closed connections in the proxy (haproxy: timeout client-fin and server-fin; nginx: proxy_timeout), so that it does not wait for hours."
                    ),
                ),
            ),
            figures=(
                (f"{half.number:,}", say("FIN_WAIT2 to {remote}", remote=remote)),
                (f"{front.number:,}", say("CLOSE_WAIT of {proxy}", proxy=name)),
            ),
            missing=(stacks_of(behind),),
        )


def _behind(case: Case, remote: Endpoint) -> tuple[Process, tuple[Evidence, ...]]:
    """Who has connections of that end in CLOSE_WAIT, by rows or by another count."""
    rows = [
        (snapshot.host, row)
        for snapshot in case.incident.snapshots
        for row in snapshot.rows
        if row.state is TcpState.CLOSE_WAIT and row.local == remote
    ]
    if rows:
        host, first = rows[0]
        owner = first.owners[0] if first.owners else None
        says = say("{connections} of {remote} in CLOSE_WAIT", connections=plural(len(rows), "connection"), remote=remote)
        return Process(host, owner.pid if owner else None, owner.command if owner else None), (
            Evidence(first.where, says, ("CLOSE",), len(rows) - 1),
        )
    count = next((one for one in case.counts.of(Counted.SOCKETS, TcpState.CLOSE_WAIT) if one.last.local == remote), None)
    return (Process(), ()) if count is None else (process_of(case, count), (shown(count.last.where, count, count.number),))

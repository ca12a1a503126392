"""A pile of sockets in CLOSE_WAIT that was counted without their ends: whose they are, and which side of the connections they are, as far as rows beside it tell."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.families.counted_sockets import (
    MANY,
    OUTLOOK,
    POOLED,
    growth_in_words,
    kept,
    process_of,
    proof_of,
    shown,
    shown_in_rows,
    stacks_of,
    used_up_by,
    whose,
)
from analyzer.join.counts import is_place
from analyzer.model.finding import Action, Confidence, Culprit, Evidence, Finding, Missing, Process, Severity, Step, When
from analyzer.model.message import capitalized, plural, say
from parsers.records import Counted, Endpoint, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.counts import Count
    from analyzer.model.message import Message
    from analyzer.waits.case import Case
    from parsers.records import SocketRow


MOSTLY: Final = 0.8
"""Share of the rows that lead to one service from which on the pile is of that: some may be anything."""
FEWEST: Final = 4
"""Rows below which others among them count."""
_ANY: Final = "*"


class Pile(msgspec.Struct, frozen=True):
    """A pile, whose it is, what makes it more than a suspicion, that it used up the descriptors; the rows of it that are here, and the one service or the one port of its own that they are of."""

    counted: Count
    process: Process
    proof: Message | None
    full: Message | None
    rows: tuple[SocketRow, ...]
    service: Endpoint | None
    port: int | None

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The lines that count, and the rows."""
        counted = tuple(shown(one.where, self.counted, one.count) for one in reversed(self.counted.readings))
        if not self.rows:
            return counted
        says = say("of these {rows} here", rows=plural(len(self.rows), "row is", "rows are"))
        return (*counted, Evidence(self.rows[0].where, says, ("CLOSE",), len(self.rows) - 1))

    @property
    def there(self) -> int:
        """How many of the rows lead to the service."""
        return sum(_leads_to(row, self.service) for row in self.rows)

    @property
    def to(self) -> str | None:
        """The service in words: an end, or one port of several hosts."""
        if self.service is None or self.service.host != _ANY:
            return str(self.service) if self.service is not None else None
        hosts = {row.remote.host for row in self.rows if row.remote is not None and _leads_to(row, self.service)}
        return say("port {port} of {hosts}", port=self.service.port, hosts=plural(len(hosts), "host"))

    @property
    def others(self) -> str:
        """Of how many rows that are here."""
        return say(", of {number}", number=len(self.rows)) if self.there < len(self.rows) else ""

    @property
    def told(self) -> str:
        """That a person counts, and no tool."""
        return say(" A person tells the number; no output of a tool that counts is here.") if self.counted.last.told else ""

    @property
    def confidence(self) -> Confidence:
        """Never more than suspected without a proof."""
        return Confidence.LIKELY if self.proof is not None else Confidence.SUSPECTED


def piles(case: Case) -> Iterator[Pile]:
    """One per process: piles of which the process, the side or the growth is known. Of one that is only a number of a host no cause is told."""
    told = {one.process for near in (False, True) for one in kept(case, near=near)}
    for count in case.counts.of(Counted.SOCKETS, TcpState.CLOSE_WAIT):
        last, process = count.last, process_of(case, count)
        placed = is_place(last.local) or is_place(last.remote) or (last.end is not None and is_place(last.end) and not last.told)
        enough = count.number >= MANY or (count.grown and count.number > POOLED)
        if placed or not enough or process in told or shown_in_rows(case, count) or case.known.is_proxy(process.command):
            continue
        process, rows, service, port = _shown(case, count, process)
        pile = Pile(count, process, proof_of(case, count), used_up_by(case, count), rows, service, port)
        known = process.pid is not None or process.command is not None
        if (known or pile.proof or service is not None or port is not None or (last.told and count.grown)) and process not in told:
            told.add(process)
            yield pile


def _shown(case: Case, count: Count, process: Process) -> tuple[Process, tuple[SocketRow, ...], Endpoint | None, int | None]:
    """Whose the rows of the pile are, the rows, the one service that they call, and the one port of their own that several clients had called.

    Several connections from one near port come from clients: who calls takes another port for each.
    """
    rows = tuple(
        row
        for snapshot in case.incident.snapshots
        for row in snapshot.rows
        if snapshot.host == count.host and row.state is TcpState.CLOSE_WAIT and process.pid in {None, row.pid}
    )
    owners = {(row.pid, row.owners[0].command if row.owners else None) for row in rows}
    if process.pid is None and process.command is None and len(owners) == 1:
        process = Process(process.host, *owners.pop())
    ends = {row.remote for row in rows if row.remote is not None and row.remote.port is not None}
    near = {row.local.port for row in rows}
    if len(rows) < 2 or len(owners) > 1:  # noqa: PLR2004 - one row shows no place that is shared
        return process, rows, None, None
    listens = any(row.state is TcpState.LISTEN and row.local.port in near for snapshot in case.incident.snapshots for row in snapshot.rows)
    if len(near) == 1 and (listens or len({(one.host, one.port) for one in ends}) > 1):
        return process, rows, None, near.pop()
    service, number = Counter(row.remote for row in rows).most_common(1)[0]
    if service is not None and number < MOSTLY * len(rows):  # one port of several hosts: a service that runs on each
        port, number = Counter(row.remote.port if row.remote is not None else None for row in rows).most_common(1)[0]
        service = Endpoint(_ANY, port) if len(rows) >= FEWEST else service
    own = len({row.local.port for row in rows if _leads_to(row, service)}) == number  # who calls takes another port for each
    if service is None or service.port is None or not own or number < MOSTLY * len(rows) or (number < len(rows) and number < FEWEST):
        return process, rows, None, None
    return process, rows, service, None


def _leads_to(row: SocketRow, service: Endpoint | None) -> bool:
    """True for a connection to the service: an end, or that port of any host."""
    if service is None or row.remote is None:
        return row.remote is service
    return row.remote.port == service.port and service.host in {_ANY, row.remote.host}


def unclosed_by_one(case: Case) -> Iterator[Finding]:
    """CLOSE_WAIT of one process: it does not close calls of its own, or nothing tells that they are its clients' connections."""
    for pile in piles(case):
        if pile.port is not None:
            continue
        count, remote = pile.counted, pile.to
        evidence = pile.evidence
        yield Finding(
            rule="connection-leak",
            severity=Severity.WARNING,
            confidence=pile.confidence,
            culprit=Culprit(remote=remote),
            headline=say(
                "{who} keeps {sockets} in CLOSE_WAIT{shown}: their far ends have closed, and it has not{left}.",
                who=capitalized(whose(pile.process)) if pile.process.command is None and pile.process.pid is None else whose(pile.process),
                sockets=plural(count.number, "socket"),
                shown=say(
                    " ({rows} here{others}, to {remote})", rows=plural(pile.there, "row is", "rows are"), others=pile.others, remote=remote
                )
                if remote is not None
                else "",
                left=say(", until no descriptor was left") if pile.full is not None else "",
            ),
            explanation=say(
                "{sockets}{of} were counted in CLOSE_WAIT: each far end has closed, and the socket stays until the process calls close().{growth} No setting of the kernel ends that. {ends}{full}{told}",
                sockets=plural(count.number, "socket"),
                of=_of(pile),
                growth=growth_in_words(count),
                full=say(" {sentence}", sentence=pile.full) if pile.full is not None else "",
                ends=say(
                    "The rows that are here are calls of its own to {remote}, which has closed first: this side reads or closes no answer, or keeps what its pool forgot. Whether all the others lead there, too, a table of them tells.",
                    remote=remote,
                )
                if remote is not None
                else say(
                    "The count names no ends: they may be calls of its own whose answers nobody closes, or connections of its clients that threads which are stuck, or code that forgets, does not close. A table with addresses tells which, and to whom."
                ),
                told=pile.told,
            ),
            why_confident=pile.proof or say("A single count shows neither growth nor to whom they lead."),
            evidence=evidence,
            process=pile.process,
            outlook=OUTLOOK,
            chain=(
                Step(say("their far ends"), say("close"), plural(count.number, "connection"), evidence),
                Step(whose(pile.process), say("does not close"), say("its own side")),
            ),
            actions=(
                Action(When.NOW, say("Count by address: which port of its own, or which service, are they of?"))
                if remote is None
                else Action(When.NOW, say("Count them by process and far end: do all of them lead to {remote}?", remote=remote)),
                Action(When.NOW, say("Restart the process, which has no descriptor left: its sockets are closed with it."))
                if pile.full is not None
                else Action(When.NOW, say("See how far the limit of descriptors is; restart before it is reached.")),
                *(
                    (
                        Action(
                            When.FIX,
                            say(
                                "Read or close every answer of {remote} in all paths; keep one client, not one per request.", remote=remote
                            ),
                        ),
                    )
                    if remote is not None
                    else ()
                ),
            ),
            figures=((f"{count.number:,}", say("sockets in CLOSE_WAIT")),),
            missing=(
                Missing(say("socket table with owners"), say("to whom the connections lead"), "ss -tanpoei > ss.txt"),
                stacks_of(pile.process),
            ),
        )


def _of(pile: Pile) -> str:
    """Whose the counted sockets are, as far as is known: the rows may name a process where the count is of the whole host."""
    if pile.process.pid is not None and pile.counted.last.pid is None and pile.counted.last.process is None and pile.rows:
        return say(" of this host, of which the rows that are here are of {who},", who=whose(pile.process))
    return say(" of {who}", who=whose(pile.process))


def unclosed_at_port(case: Case) -> Iterator[Finding]:
    """A pile whose rows are all connections that clients made to one port."""
    for pile in piles(case):
        port = pile.port
        if port is None:
            continue
        count, rows, evidence = pile.counted, pile.rows, pile.evidence
        who = whose(pile.process) if pile.process.pid is not None or pile.process.command is not None else say("The server")
        yield Finding(
            rule="server-never-closes",
            severity=Severity.WARNING,
            confidence=pile.confidence,
            headline=say(
                "{who} keeps {sockets} in CLOSE_WAIT, and the {rows} here are all of its port {port}: the clients have closed, and the server has not.",
                who=who,
                sockets=plural(count.number, "socket"),
                rows=plural(len(rows), "row that is", "rows that are"),
                port=port,
            ),
            explanation=say(
                "{sockets} were counted in CLOSE_WAIT{beside}: the clients of port {port} have left, and the socket stays until the server calls close().{growth} Either its threads are stuck, so that nobody comes to close, or its code forgets to: what the threads do decides.{told}",
                sockets=plural(count.number, "socket"),
                beside=say(", of which {rows} here", rows=plural(len(rows), "row is", "rows are")),
                port=port,
                growth=growth_in_words(count),
                told=pile.told,
            ),
            why_confident=pile.proof or say("A single count shows neither growth nor what the threads of the server do."),
            evidence=evidence,
            process=pile.process,
            outlook=OUTLOOK,
            culprit=Culprit(listener=f"*:{port}"),
            chain=(
                Step(say("its clients"), say("leave"), say("port {port}", port=port), evidence),
                Step(who, say("does not close"), say("its own side")),
            ),
            actions=(
                Action(When.NOW, say("Take the stacks of all threads before a restart: whether they are stuck or free decides.")),
                Action(
                    When.FIX,
                    say("If threads are free: close the connection in every path once the client's end was read, also after errors."),
                ),
            ),
            figures=((f"{count.number:,}", say("sockets in CLOSE_WAIT")),),
            missing=(stacks_of(pile.process),),
        )

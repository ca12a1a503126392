"""Sockets that a command counted: who keeps them in CLOSE_WAIT, at which end, and whether they grow.

A count has no rows: whether requests were read, and what the threads do, it does not say. So it makes a suspicion; a second count that is larger, a limit
that is near, or the other half of the same connections makes it likely.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.log_events import of_this_moment
from analyzer.join.counts import is_place
from analyzer.model.finding import (
    Action,
    Confidence,
    Culprit,
    Evidence,
    Finding,
    Missing,
    Outlook,
    Process,
    RecoversWhen,
    Severity,
    Step,
    When,
)
from analyzer.model.message import Message, joined, plural, say
from analyzer.software.runtimes import runtime_of_command, stacks_command
from parsers.records import Counted, LogKind, Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.counts import Count
    from analyzer.waits.case import Case
    from parsers.records import Endpoint, Where

MANY: Final = 200
"""CLOSE_WAIT at one end from which on they are no idle members of a pool, which is rarely set above (Tomcat's and many gateways' default)."""
POOLED: Final = 50
"""CLOSE_WAIT that grew from which on they are more than pools keep by default."""
NEAR: Final = 0.9
"""Share of the limit of descriptors from which on it is near; and of one half of connections that the other half must have."""
_FULL: Final = 0.9
"""Share of the limit from which on a process that was counted may just have had no descriptor left."""
SHOWN: Final = 0.5
"""Share of the counted sockets whose rows are here from which on the rows tell more."""
OUTLOOK: Final = Outlook(
    RecoversWhen.UNKNOWN, say("CLOSE_WAIT has no time limit: it ends when the process closes the socket, or ends itself.")
)
REQUEST: Final = 37
"""Unread bytes above which it is a request: the farewell of TLS with the FIN behind it has no more."""
_HOUR: Final = 3600.0
_MINUTE: Final = 60.0


class Kept(NamedTuple):
    """Sockets in CLOSE_WAIT at one end: the count, the end, who has them, and what makes them more than a suspicion, None for nothing."""

    counted: Count
    end: Endpoint
    process: Process
    proof: Message | None

    @property
    def who(self) -> str:
        """The process in words."""
        return whose(self.process)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The lines that count."""
        return tuple(shown(one.where, self.counted, one.count) for one in reversed(self.counted.readings))


def whose(process: Process) -> str:
    """``relayd (pid 77)``; "the process" where nothing names it."""
    if process.command is None:
        return say("process {pid}", pid=process.pid) if process.pid is not None else say("a process of this host")
    return say("{command} (pid {pid})", command=process.command, pid=process.pid) if process.pid is not None else process.command


def shown(where: Where, count: Count, number: int) -> Evidence:
    """A line that counts."""
    last = count.last
    says = say(
        "{count:,} counted{state}{ends}",
        count=number,
        state=say(" in {state}", state=last.state.value) if last.state else "",
        ends=ends_in_words(count),
    )
    return Evidence(where, says, (str(number),))


def ends_in_words(count: Count) -> str:
    """``at 10.0.0.5:8443 with 10.0.0.9``: the ends that a count names, as far as it does."""
    last = count.last
    at = say(" at {local}", local=place(last.local)) if last.local is not None else ""
    to = (
        say(" to {remote}", remote=place(last.remote))
        if last.remote is not None and is_place(last.remote)
        else say(" with {remote}", remote=place(last.remote))
        if last.remote is not None
        else ""
    )
    either = say(" with {end} at one end", end=place(last.end)) if last.end is not None else ""
    return joined("", [one for one in (at, to, either) if one])


def place(end: Endpoint) -> str:
    """An end without a star for a port that was cut off; a port alone as that."""
    if end.port is None and end.service is None:
        return end.host
    return say("port {port}", port=end.port) if end.host == "*" and end.port is not None else str(end)


def growth_in_words(count: Count) -> str:
    """`` They grew from 3,102 to 3,216 in 60 minutes, 114 an hour.``; empty for what was counted once."""
    numbers = [one.count for one in count.readings]
    if len(numbers) < 2:  # noqa: PLR2004 - one reading is no course
        return ""
    listed = joined(" → ", (say("{count:,}", count=number) for number in numbers))
    if not count.grown:
        return say(" They were counted {times} times: {list}.", times=len(numbers), list=listed)
    if not count.seconds:
        return say(" They grow: {list}.", list=listed)
    return say(
        " They grow: {list} within {minutes:,.0f} minutes, which is {rate:,.0f} an hour.",
        list=listed,
        minutes=count.seconds / _MINUTE,
        rate=count.grown * _HOUR / count.seconds,
    )


def process_of(case: Case, count: Count) -> Process:
    """Whose the counted things are."""
    pid, name = case.counts.process(count)
    return Process(count.host, pid, name)


def shown_in_rows(case: Case, count: Count) -> bool:
    """True if about as many rows of the state are here: then the rows tell more than their number."""
    rows = Counter(row.state for snapshot in case.incident.snapshots for row in snapshot.rows if snapshot.host == count.host)
    return rows[count.last.state] >= SHOWN * count.number


def kept(case: Case, *, near: bool) -> Iterator[Kept]:
    """CLOSE_WAIT at a port of this host (``near``) or towards one service, enough of them to tell."""
    told: set[tuple[str | None, str]] = set()
    for count in case.counts.of(Counted.SOCKETS, TcpState.CLOSE_WAIT):
        local, remote = count.last.local, count.last.remote
        end = local if near else remote
        if end is None or not is_place(end) or (is_place(remote) if near else not is_place(remote)) or shown_in_rows(case, count):
            continue
        if count.number >= MANY or (count.grown and count.number > POOLED):
            process = process_of(case, count)
            if (count.host, str(end)) not in told:
                told.add((count.host, str(end)))
                yield Kept(count, end, process, proof_of(case, count))


def proof_of(case: Case, count: Count) -> Message | None:
    """What makes a count more than a suspicion; None for nothing, and for what a person tells."""
    limit = case.counts.limit()
    if count.last.told:
        return None
    if count.grown:
        return say("Two counts of the same sockets show that they grow; that none of the first was closed, only rows would show.")
    if limit is not None and limit.soft and count.number >= NEAR * limit.soft:
        return say("They take nearly all of the {limit:,} descriptors that the limit allows: no pool keeps that many.", limit=limit.soft)
    return used_up_by(case, count)


def used_up_by(case: Case, count: Count) -> Message | None:
    """That the log says that no descriptor was left, and that most of those of the process are these sockets; None where that is not so."""
    failed = any(one.event.kind is LogKind.DESCRIPTORS for one in of_this_moment(case.incident))
    process = process_of(case, count)
    all_of = [one.number for one in case.counts.of(Counted.DESCRIPTORS) if process_of(case, one) == process and one.last.name is None]
    used = max(all_of, default=0)
    limit = case.counts.limit()
    if limit is not None and limit.soft is not None and used < _FULL * limit.soft:
        return None  # what the log says was another process, or before somebody raised the limit
    if not failed or count.last.told or not count.number <= used or count.number < SHOWN * used:
        return None
    return say(
        "They are {number:,} of the {used:,} descriptors that were counted, and the log says that none was left.",
        number=count.number,
        used=used,
    )


def limit_in_words(case: Case, count: Count) -> Message | str:
    """The limit of descriptors beside the number, where the evidence states one; that none was left, where a log says so and the number is near it."""
    limit = case.counts.limit()
    if limit is None or limit.soft is None:
        return ""
    failed = any(one.event.kind is LogKind.DESCRIPTORS for one in of_this_moment(case.incident))
    if failed and _FULL * limit.soft <= count.number <= limit.soft:
        return say(
            " They are nearly all of the {limit:,} descriptors that it may have, and the log says that none was left.", limit=limit.soft
        )
    return say(" Its limit of descriptors is {limit:,}.", limit=limit.soft)


def unread_in_rows(case: Case, host: str | None, port: int | None) -> str:
    """That all rows of the port that are here hold requests which nobody has read; empty where one was read, or none is here."""
    rows = [
        row
        for snapshot in case.incident.snapshots
        if snapshot.host == host
        for row in snapshot.rows
        if row.local.port == port and row.remote
    ]
    left = [row for row in rows if row.state is TcpState.CLOSE_WAIT]
    if len(left) < 2 or not all((row.recv_q or 0) > REQUEST for row in left):  # noqa: PLR2004 - one may have come at the last moment
        return ""
    waiting = [row for row in rows if row.state is TcpState.ESTABLISHED and (row.recv_q or 0) > REQUEST]
    sizes = sorted(row.recv_q or 0 for row in left)
    return say(
        " {rows} {least:,} to {most:,} bytes that nobody has read{also}: whole requests, for which no thread has come. The clients are not to blame: they did close.",
        rows=plural(len(left), "row of them that is here has", "rows of them that are here have"),
        least=sizes[0],
        most=sizes[-1],
        also=say(", and {rows} ESTABLISHED", rows=plural(len(waiting), "further one that is", "further ones that are")) if waiting else "",
    )


def unclosed_by_client(case: Case) -> Iterator[Finding]:
    """Calls that the service closed and this side did not: one finding per process with the services that it calls."""
    groups: dict[Process, list[Kept]] = {}
    for one in kept(case, near=False):
        groups.setdefault(one.process, []).append(one)
    for process, ends in groups.items():
        first, proof = ends[0], next((one.proof for one in ends if one.proof is not None), None)
        more = [
            other
            for other in case.counts.of(Counted.SOCKETS, TcpState.CLOSE_WAIT)
            if is_place(other.last.remote)
            and other not in [one.counted for one in ends]
            and process_of(case, other) == process
            and other.last.remote != first.end
        ]
        total = sum(one.counted.number for one in ends) + sum(other.number for other in more)
        remote = str(place(first.end))
        yield Finding(
            rule="connection-leak",
            severity=Severity.WARNING,
            confidence=Confidence.LIKELY if proof is not None else Confidence.SUSPECTED,
            headline=say(
                "{who} keeps {connections} to {remote} in CLOSE_WAIT: {remote} has closed them, and this side has not.",
                who=say("The process that calls it") if process.command is None and process.pid is None else whose(process),
                connections=plural(first.counted.number, "connection"),
                remote=remote,
            ),
            explanation=say(
                "{connections} to one port of the far end were counted in CLOSE_WAIT{others}: this side opened them, the far end has closed, and the socket stays until this process calls close().{growth}{limit} Idle members of a pool look the same as long as they are few and do not grow. Which code keeps them, a count does not show.",
                connections=plural(first.counted.number, "connection"),
                others=say(" ({total:,} with those to other places)", total=total) if total > first.counted.number else "",
                limit=limit_in_words(case, first.counted),
                growth=growth_in_words(first.counted),
            ),
            why_confident=proof or say("A single count cannot show growth: a very large pool of stale connections looks the same."),
            evidence=tuple(evidence for one in ends for evidence in one.evidence),
            process=process,
            culprit=Culprit(remote=remote),
            chain=(
                Step(remote, say("closed its side of"), plural(first.counted.number, "connection"), first.evidence),
                Step(say("this side"), say("never closes"), say("its own side")),
            ),
            actions=(
                Action(When.NOW, say("See how far the limit of descriptors is; restart before it is reached.")),
                Action(
                    When.FIX,
                    say("Read or close every answer of {remote} in all paths; keep one client, not one per request.", remote=remote),
                ),
            ),
            figures=((f"{first.counted.number:,}", say("CLOSE_WAIT to {remote}", remote=remote)),),
            missing=(*(() if first.counted.grown else (_again(first),)), stacks_of(process)),
        )


def unclosed_by_server(case: Case) -> Iterator[Finding]:
    """Accepted connections that the clients closed and the server did not: one finding per port."""
    for one in kept(case, near=True):
        if case.known.is_proxy(one.process.command):
            continue
        port = one.end.port
        unread = unread_in_rows(case, one.counted.host, port)
        yield Finding(
            rule="server-never-closes",
            severity=Severity.WARNING,
            confidence=Confidence.LIKELY if one.proof is not None else Confidence.SUSPECTED,
            headline=say(
                "{who} keeps {connections} of its port {port} in CLOSE_WAIT: the clients have closed, and the server has not{even}.",
                even=say(", nor read what they sent") if unread else "",
                who=say("The server") if one.process.command is None and one.process.pid is None else one.who,
                connections=plural(one.counted.number, "connection"),
                port=port,
            ),
            explanation=say(
                "{connections} at port {port} were counted in CLOSE_WAIT: their clients have left, and the socket stays until the server calls close().{growth}{limit}{unread} Either its threads are stuck, so that nobody comes to close, or its code forgets to: what the threads do decides.",
                connections=plural(one.counted.number, "connection"),
                port=port,
                growth=growth_in_words(one.counted),
                unread=unread,
                limit=limit_in_words(case, one.counted),
            ),
            why_confident=one.proof or say("A single count shows neither growth nor what the threads of the server do."),
            evidence=one.evidence,
            process=one.process,
            outlook=OUTLOOK,
            culprit=Culprit(listener=f"*:{port}"),
            chain=(
                Step(say("its clients"), say("leave"), say("port {port}", port=port), one.evidence),
                Step(one.who, say("does not close"), say("its own side")),
            ),
            actions=(
                Action(When.NOW, say("Take the stacks of all threads before a restart: whether they are stuck or free decides.")),
                Action(
                    When.FIX,
                    say("If threads are free: close the connection in every path once the client's end was read, also after errors."),
                ),
            ),
            figures=((f"{one.counted.number:,}", say("CLOSE_WAIT at port {port}", port=port)),),
            missing=(stacks_of(one.process), *(() if one.counted.grown else (_again(one),))),
        )


def _again(one: Kept) -> Missing:
    """The same count once more."""
    counted = one.counted.last.command
    return Missing(say("the same count, some minutes later"), say("whether they grow"), counted or "ss -tanpoei > ss-2.txt")


def stacks_of(process: Process) -> Missing:
    """The stacks of a process, with the tool of its runtime; where nothing names it, with one that any process has."""
    runtime = runtime_of_command(process.command) or Runtime.NATIVE
    pid = str(process.pid) if process.pid is not None else "PID"
    artifact = say("thread dump") if runtime is Runtime.JVM else say("stacks of all threads")
    return Missing(
        artifact, say("whether its threads are stuck, and who keeps the connections"), stacks_command(runtime, pid, "stacks.txt")
    )

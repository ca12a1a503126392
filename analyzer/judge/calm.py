"""That nothing is wrong in what somebody saved, where what they wondered at is normal and nothing else of it is unusual.

Not health: that needs both halves of the join. A few threads at rest, sockets in TIME_WAIT, descriptors far from their limit answer the question that was
asked, and what they do not cover is said with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.at_rest import at_rest
from analyzer.evidence.calm_sessions import calm_in_words
from analyzer.evidence.log_events import of_this_moment
from analyzer.evidence.sessions import of_lists
from analyzer.families.heaps import calm_heaps
from analyzer.judge.counted import far_from_limit, quiet_in_words
from analyzer.judge.host_load import of_host
from analyzer.judge.kernel_counts import calm_sockets, uncounted
from analyzer.judge.shown import shown
from analyzer.judge.symptoms import Said, without_cause
from analyzer.model.finding import Missing
from analyzer.model.message import capitalized, joined, say
from parsers.records import Counted, TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case

MANY: Final = 200
"""Sockets that listen, or are half closed, from which on they are more than listeners."""
FEW: Final = 10
"""Sockets of a state that come and go on every server."""
_UNUSUAL: Final = (TcpState.CLOSE_WAIT, TcpState.SYN_SENT, TcpState.SYN_RECV, TcpState.LAST_ACK)
WHILE_IT_HANGS: Final = Missing(
    say("thread dumps while something hangs, if it does"),
    say("what the threads wait for then: those that are here are of another moment"),
    "jstack -l PID > jstack-1.txt; sleep 10; jstack -l PID > jstack-2.txt",
)
_DROPS: Final = frozenset({"TcpExtListenOverflows", "TcpExtListenDrops"})


def spoken(case: Case, findings: Sequence[Finding], *, restarted: bool) -> Said:
    """What to say where no rule found a cause; ``restarted``: what is here is of a new process, and nothing of it answers for the old one."""
    said = without_cause(case, findings)
    if not said.piece:
        return said
    if restarted:
        after = say("What is here was saved after the restart: it shows the new process, and not what the old one hung in.")
        return said._replace(summary=after)
    calm = nothing_wrong(case, findings, shown(case, findings))
    return said if calm is None else Said(said.status, *calm, piece=True, calm=True)


def nothing_wrong(case: Case, findings: Sequence[Finding], seen: Sequence[str]) -> tuple[str, str] | None:
    """Headline and summary where what is ``seen`` first is normal; None where anything else is not, or nobody knows."""
    if findings or not seen or next(iter(of_this_moment(case.incident)), None) is not None or _unusual(case):
        return None
    dumped = [view for view in case.latest if view.dump is not None]
    resting = [at_rest(case, view) for view in dumped]
    if any(calm is None for calm in resting) or seen[0] not in {*resting, *_of_numbers(case)}:
        return None
    left = (
        say("A hang shows in a dump alone that is taken while it lasts, best in two, ten seconds apart.")
        if dumped
        else say("What the threads of the programs do, numbers do not show.")
    )
    waiting = {*calm_sockets(case), *quiet_in_words(case)}
    if any(artifact.size and not artifact.formats for artifact in case.incident.artifacts) or _is_short(case):
        return None  # what nobody could read may say anything
    rest = [line for line in seen[1:] if seen[0] not in waiting or line not in waiting]
    return (
        say("Nothing is wrong in what is shown: {shown}.", shown=seen[0]),
        joined(" ", (*(say("{line}.", line=capitalized(line)) for line in rest), left)),
    )


def _of_numbers(case: Case) -> set[str]:
    """The sentences that call a number normal."""
    return {*calm_sockets(case), *far_from_limit(case), *quiet_in_words(case), *_calm_lists(case), *calm_heaps(case)}


def _calm_lists(case: Case) -> set[str]:
    """The sentence of a list of which every session waits by its own wish; none where one of any list does anything else."""
    lists = [snapshot.sessions for snapshot in case.incident.snapshots if snapshot.sessions]
    return set(of_lists(case.incident.snapshots)) if lists and all(calm_in_words(one) is not None for one in lists) else set()


def _is_short(case: Case) -> bool:
    """True if the host's own figures tell of load, many sockets may be half closed, processes sleep where no signal wakes them, or connections were dropped."""
    snapshots = case.incident.snapshots
    if any(uncounted(snapshot) > MANY for snapshot in snapshots) or any(any(of_host(case.incident, one)) for one in snapshots[-1:]):
        return True
    asleep = any((row.state or "").startswith("D") for snapshot in snapshots for row in snapshot.processes)
    return asleep or any(one.value and one.name in _DROPS for snapshot in snapshots for one in snapshot.counters)


def _unusual(case: Case) -> bool:
    """True for anything that may be a trouble, though no rule says so: states of sockets, bytes that wait, sessions, tasks."""
    snapshots = case.incident.snapshots
    open_ = sum(one.number for one in case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED))
    left = sum(one.number for one in case.counts.of(Counted.SOCKETS, TcpState.CLOSE_WAIT))
    if left > 1 and left >= open_:
        return True
    if any(one.number > FEW for state in _UNUSUAL for one in case.counts.of(Counted.SOCKETS, state)):
        return True
    if any(one.sessions for one in snapshots) and not _calm_lists(case):
        return True
    if any(snapshot.blocks or snapshot.session_counts or snapshot.tasks or snapshot.handles for snapshot in snapshots):
        return True
    rows = [row for snapshot in snapshots for row in snapshot.rows]
    waits = sum(bool(row.recv_q) for row in rows if row.state is not TcpState.LISTEN)
    full = any(row.recv_q and row.send_q and row.recv_q >= row.send_q for row in rows if row.state is TcpState.LISTEN)
    return full or waits > 1 or sum(row.state in _UNUSUAL for row in rows) > 1

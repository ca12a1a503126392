"""One client that does not read holds up all others: its window is closed, and since about that time nothing was sent to anybody else of the same port.

A client that reads slowly is no trouble by itself: a server that writes to each of them from its own thread, or never waits in a write, has one at any
time. Only that the others were sent nothing since tells that whoever writes waits for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.evidence.stalled_writes import SEGMENT
from analyzer.families.counted_sockets import whose
from analyzer.model.finding import Confidence, Culprit, Evidence, Process, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from parsers.records import TcpState, TimerKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView

FEWEST: Final = 2
"""Other clients that were sent nothing."""
SILENT: Final = 10_000
"""Milliseconds without a byte to any other client from which on it is no pause of a quiet server …"""
TOGETHER: Final = 0.2
"""… if all of them ended at the same time: the longest pause is longer than the shortest by no more than this share …"""
SCATTER: Final = 1_000
"""… or these milliseconds."""
_WRITES: Final = frozenset({"sk_stream_wait_memory", "sock_alloc_send_pskb", "wait_for_sndbuf"})
"""Functions of the kernel in which a write waits for room in a send buffer."""
TEXT: Final = Text(
    "blocked-write",
    headline=ByNumber(
        "others_count",
        "{who} waits for one client that does not read, {remote}: {bytes:,} bytes wait for it, its window is closed, and {others} of the same port has been sent nothing for {seconds:.0f} s.",
        "{who} waits for one client that does not read, {remote}: {bytes:,} bytes wait for it, its window is closed, and {others} of the same port have been sent nothing for {seconds:.0f} s.",
    ),
    explanation="{remote} is up, as its kernel still answers the probes, but the program there does not read. All others stopped at the same time: whoever writes to them in turn waits for this one.{stands} The way to the clients is well, and so is what the data comes from: it waits to be sent.",
    why=Either(
        "where",
        "The kernel's timers, the times of the last bytes and the thread in the write agree.",
        "The kernel's timers and the times of the last bytes agree. That one thread writes to all of them is inferred: a source that went silent at that moment would stop the others alike.",
    ),
    do=(
        Do(When.NOW, "End the connection to {remote}: all others go on.", "ss -K dst {host} dport = {port}"),
        Do(
            When.FIX,
            "Never wait in a write to one client: write without blocking, with a queue for each client and a limit at which it is dropped (or SO_SNDTIMEO).",
        ),
    ),
    figures=(("{bytes:,}", "bytes that one client does not take"), ("{others_count}", "other clients without data")),
    ask=(
        Ask(
            "stacks of all threads",
            "whether the one that writes waits in this write",
            "gdb -p {pid} --batch -ex 'thread apply all bt' > stacks.txt",
            on="unseen",
        ),
    ),
    chain=(("{who}", "waits in a write to", "{remote}"), ("{remote}", "does not read", "{closed}")),
    phrases={
        "closed": "{bytes:,} bytes wait, and the window of {remote} is closed",
        "silent": "{others} of the same port without a byte for {seconds:.0f} s",
        "stands": Either("where", " A thread of this host waits in the kernel for room in a send buffer ({where})."),
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One for each port of which one client takes nothing while all others get nothing."""
    for view in {view.table: view for view in case.latest}.values():
        ports: dict[int, list[Connection]] = {}
        opened = view.table.in_state(TcpState.ESTABLISHED)
        for row in opened if any(row.send_q and _is_closed(row) for row in opened) else ():
            if row.remote is not None and row.local.port is not None:
                ports.setdefault(row.local.port, []).append(row)
        for rows in ports.values():
            closed = [row for row in rows if _is_closed(row)]
            others = [row for row in rows if row not in closed]
            if len(closed) == 1 and (seconds := _silent(others)) is not None:
                yield _finding(view, closed[0], others, seconds)


def _is_closed(row: Connection) -> bool:
    return (row.send_q or 0) > SEGMENT and row.timer is not None and row.timer.kind is TimerKind.PROBE


def _silent(others: Sequence[Connection]) -> float | None:
    """Seconds since anything was sent to any of them, where all ended together and nothing waits; None where one goes on."""
    sent = [row.info.last_sent_ms for row in others if row.info is not None and row.info.last_sent_ms is not None]
    if len(sent) < max(FEWEST, len(others)) or any(row.send_q for row in others):
        return None
    least, most = min(sent), max(sent)
    return least / 1000 if least >= SILENT and most - least <= max(SCATTER, TOGETHER * least) else None


def _finding(view: ProcessView, closed: Connection, others: Sequence[Connection], seconds: float) -> Finding:
    task = next((one for one in view.snapshot.tasks if one.wait_channel in _WRITES), None)
    owner = closed.owners[0] if closed.owners else None
    process = Process(view.snapshot.host, owner.pid if owner else None, owner.command if owner else None)
    text = TEXT.filled(
        process,
        who=whose(process) if owner is not None else say("The server"),
        remote=closed.remote,
        host=closed.remote.host if closed.remote is not None else "",
        port=closed.remote.port if closed.remote is not None else "",
        bytes=closed.send_q or 0,
        others=plural(len(others), "other client"),
        others_count=len(others),
        seconds=seconds,
        where=task.wait_channel if task is not None else None,
        unseen=task is None,
    )
    shown = [of_sockets([closed], text["closed"], (str(closed.send_q), "persist")), of_sockets(others, text["silent"], ("lastsnd",))]
    if task is not None:
        shown.append(Evidence(task.where, say("a thread waits in {channel}", channel=task.wait_channel), (task.wait_channel or "",)))
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if task is not None else Confidence.SUSPECTED,
        evidence=tuple(shown),
        chain=text.steps(tuple(shown), tuple(shown[:1])),
        culprit=Culprit(remote=str(closed.remote), listener=f"*:{closed.local.port}"),
    )

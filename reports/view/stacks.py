"""Groups of equal stacks and of alike sockets, as a report shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.groups import Cell, Queue
from reports.language.catalogue import tell
from reports.text_safety import clip_path, plain
from reports.view.model import Course, Piece, Row, StackView, Table
from reports.view.wording import activity_of, count, listed, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.model.finding import Process
    from analyzer.model.groups import SocketGroup, StackGroup, ThreadRow
    from reports.view.model import Words

GROUPS: Final = 12
FRAMES: Final = 60
"""Frames of a stack: deeper ones are mostly a recursion or the server's own."""
LONG: Final = 200
NAMES: Final = 24
POOLS: Final = 3
ROWS: Final = 12
DUMPS: Final = 12
SOCKET_ROWS: Final = 40
HOLDERS: Final = 3


def stack_views(groups: Sequence[StackGroup], subject: Process | None) -> tuple[tuple[StackView, ...], str, str]:
    """The groups, a sentence on those that are left out, and what the letters of the dumps mean (empty where there is one dump)."""
    several = len({(group.host, group.pid) for group in groups}) > 1
    shown = tuple(_view(group, subject, named=several) for group in groups[:GROUPS])
    left = groups[GROUPS:]
    rest = (
        tell(
            "Not shown: {groups} with {threads}. The JSON format has them.",
            groups=count(len(left), "more group"),
            threads=count(sum(group.count for group in left), "thread"),
        )
        if left
        else ""
    )
    compared = any(len(group.heads) > 1 for group in shown)
    return shown, rest, _legend() if compared else ""


def _legend() -> str:
    meanings = (
        (Cell.PRESENT, tell("there")),
        (Cell.SAME, tell("on the same stack as in the dump before")),
        (Cell.WORKED, tell("on the same stack, but it has used CPU since")),
        (Cell.MOVED, tell("on another stack")),
        (Cell.NEW, tell("new")),
        (Cell.GONE, tell("gone")),
        (Cell.ABSENT, tell("not there")),
    )
    return ", ".join(f"{cell} {meaning}" for cell, meaning in meanings)


def _view(group: StackGroup, subject: Process | None, *, named: bool) -> StackView:
    pools = [plain(name, LONG) for name in group.pools]
    rows = tuple(_course(row) for row in group.rows[:ROWS])
    left = group.rows[ROWS:]
    if left:
        rows += (Course((), "", tell("{threads} with other courses", threads=count(sum(len(row.threads) for row in left), "thread"))),)
    return StackView(
        title=f"{number(group.count)} × {listed(pools, POOLS)}",
        note=" · ".join(_notes(group, subject, named=named)),
        told=group.told,
        place=f"{clip_path(plain(group.where.file, 100_000), 160)}:{group.where.first}",
        frames=tuple(_frame(group, index) for index in range(min(len(group.frames), FRAMES))),
        frames_rest=tell("and {frames}", frames=count(len(group.frames) - FRAMES, "more frame")) if len(group.frames) > FRAMES else "",
        heads=tuple(plain(name, 24) for name in group.dumps[-DUMPS:]),
        rows=rows,
    )


def _notes(group: StackGroup, subject: Process | None, *, named: bool) -> list[str]:
    """What the line of a group says besides its threads: dumps, CPU, the wait, the application's frame, the process if there are several."""
    said = []
    if group.gone:
        said.append(tell("gone since dump {snapshot}", snapshot=plain(group.snapshot, 24)))
    elif len(group.dumps) > 1:
        said.append(tell("in {some} of {all} dumps", some=number(len(group.seen_in)), all=number(len(group.dumps))))
        if group.no_cpu and not group.idle:
            said.append(tell("no CPU since"))
    what = activity_of(group.doing)
    frame = plain(group.waits_for or "", LONG)
    said.append(tell("{what} in {frame}", what=what, frame=frame) if frame else what)
    if group.application_frame:
        said.append(plain(group.application_frame, LONG))
    if named and (subject is None or (subject.host, subject.pid) != (group.host, group.pid)):
        pid = tell("pid {pid}", pid=group.pid) if group.pid is not None else ""
        host = plain(group.host or "", 80)
        said += [part for part in (tell("{process} on {host}", process=pid, host=host) if pid and host else pid or host,) if part]
    return said


def _frame(group: StackGroup, index: int) -> Words:
    text = plain(group.frames[index], 300)
    return (Piece(text, "app" if index in group.application else ""),)


def _course(row: ThreadRow) -> Course:
    names = [plain(name, LONG) for name in row.threads[:NAMES] if name]
    left = len(row.threads) - len(names)
    said = ", ".join(names)
    if left and names:
        said = tell("{names} and {number} more", names=said, number=number(left))
    return Course(tuple(row.cells[-DUMPS:]), number(len(row.threads)), said or tell("without a name"))


def socket_table(groups: Sequence[SocketGroup]) -> Table | None:
    """Far hosts, states and queues of the sockets, with the threads or pools that hold them."""
    if not groups:
        return None
    rows = tuple(_socket(group) for group in groups[:SOCKET_ROWS])
    left = sum(group.count for group in groups[SOCKET_ROWS:])
    rest = tell("{sockets} in the JSON format.", sockets=count(left, "more socket")) if left else ""
    return Table(Row(tell("Sockets"), tell("State and Recv-Q"), tell("Thread or pool")), rows, rest)


def _socket(group: SocketGroup) -> Row:
    remote = plain(group.remote, 120)
    where = (
        tell("{number} from {remote} to port {port}", number=number(group.count), remote=remote, port=group.port)
        if group.port is not None
        else tell("{number} to {remote}", number=number(group.count), remote=remote)
    )
    queue = _queues()[group.queue]
    held = [
        f"{plain(name, LONG)} ({number(times)})" if times != group.count else plain(name, LONG)
        for name, times in list(group.holders.items())[:HOLDERS]
    ]
    if len(group.holders) > HOLDERS:
        held.append(tell("{number} more", number=number(len(group.holders) - HOLDERS)))
    return Row(where, f"{plain(group.state, 40)}{', ' if queue else ''}{queue}", ", ".join(held) or "-")


def _queues() -> dict[Queue, str]:
    return {
        Queue.EMPTY: tell("nothing to read"),
        Queue.FIN: tell("only the FIN is unread"),
        Queue.UNREAD: tell("bytes unread"),
        Queue.UNACCEPTED: tell("not accepted yet"),
        Queue.UNKNOWN: "",
    }

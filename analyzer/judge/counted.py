"""What is said of numbers that a command counted, where they prove no cause: what the states mean, whose the things are, and what a second count tells."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.evidence.multiples import looked_for
from analyzer.families.counted_sockets import MANY, ends_in_words, growth_in_words, place, process_of, whose
from analyzer.families.opened_again import counts_lines
from analyzer.judge.descriptors import repeats_for_threads
from analyzer.model.message import Message, joined, plural, say
from parsers.records import Counted, TcpState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from analyzer.join.counts import Count
    from analyzer.model.incident import Snapshot
    from analyzer.waits.case import Case
    from parsers.records import Tally, Where

_own_files = re.compile(r"\bls\b[^|]*/proc/(?:\d+|\$\w+|\$\([^)]*\)|self)/fd\b[^|]*\|\s*wc\s+-l").search
_lists_all = re.compile(r"^\s*(?:sudo\s+)?lsof\b(?![^|]*\s-[idp]\b)[^|]*\|\s*(?:grep\s[^|]{1,80}\|\s*wc\s+-l|wc\s+-l|grep\s+-c\b)").search
_missing_port = re.compile(r"grep\b[^|]*(?i:cannot assign requested address|EADDRNOTAVAIL)").search
MOST: Final = 4
"""Places that are told one by one."""
FEW: Final = 10
"""CLOSE_WAIT that come and go on a healthy host."""
DEFAULT_RANGE: Final = 16384
"""Ports of the smallest range that a system in use has by default."""
STEADY: Final = 0.1
"""Share of the largest number by which counts of the same things may differ."""
QUIET: Final = 0.25
"""Share of the range of local ports up to which TIME_WAIT is nothing to look at."""
ROOM: Final = 0.5
"""Share up to which they do no harm where nobody got an error: the kernel prefers one half of the range for connections."""
_NOWHERE: Final = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 - compared, never bound
_RESTING: Final = frozenset(
    {
        TcpState.LISTEN,
        TcpState.ESTABLISHED,
        TcpState.TIME_WAIT,
        TcpState.CLOSE_WAIT,
        TcpState.FIN_WAIT1,
        TcpState.FIN_WAIT2,
        TcpState.CLOSING,
        TcpState.LAST_ACK,
        TcpState.CLOSE,
    }
)


def _listed(counts: Sequence[Count]) -> Message:
    return joined(
        ", ",
        (
            say("{count:,} {state}", count=one.number, state=one.last.state.value if one.last.state else one.last.name or "?")
            for one in counts[:MOST]
        ),
    )


def counted(case: Case, told: Collection[Where] = ()) -> Iterator[str]:
    """Sentences without their full stops, what tells most first. Numbers at places that are ``told`` stand in a finding already."""
    counts = case.counts.of(Counted.SOCKETS)
    rows = any(snapshot.rows for snapshot in case.incident.snapshots)
    yield from _unclosed(case, counts)
    far = list(far_from_limit(case))
    yield from far
    yield from _by_state(case, [one for one in counts if _is_bare(one) and not _is_number(one) and not _is_measured(case, one)], rows=rows)
    yield from _quiet_places(case, counts)
    yield from _by_place([one for one in counts if one.last.remote is not None or (one.last.end is not None and one.last.end.host != "*")])
    numbers = [
        one
        for one in case.counts.all
        if _is_number(one) and one.last.what is not Counted.TRACKED and not _is_pile(one) and one.last.where not in told
        if not far or not (_lists_all(one.last.command or "") or _own_files(one.last.command or ""))
    ]
    yield from (_of_number(case, one) for one in numbers[:MOST])
    files = [one for one in case.counts.of(Counted.DESCRIPTORS) if one.last.name is not None]
    if files:
        yield say("descriptors were counted by what they are ({list})", list=_names(files))
    named = [one for one in case.counts.of(Counted.THREADS) if one.last.name is not None and not one.last.told]
    if named:
        yield say("threads were counted by name ({list})", list=_names(named))
    if states := [one for one in case.counts.of(Counted.GOROUTINES) if one.last.where not in told]:
        yield say("goroutines were counted by state ({list}); where they stand only their stacks tell", list=_names(states))
    if tracking := case.counts.of(Counted.TRACKED):
        yield say("the host tracks connections in these states: {list}", list=_listed(tracking))


def far_from_limit(case: Case) -> Iterator[str]:
    """That the descriptors of a process are far from its limit, where somebody counted something larger: lsof repeats them for each thread."""
    limit = case.counts.limit()
    own = [one for one in case.counts.all if _own_files(one.last.command or "") is not None and _is_number(one)]
    if limit is None or limit.soft is None or not own or not 0 < own[0].number < QUIET * limit.soft:
        return
    larger = next(
        (one for one in case.counts.all if _is_number(one) and one.number > limit.soft and _lists_all(one.last.command or "")), None
    )
    yield say(
        "{used:,} descriptors of the process are open, far from its limit of {limit:,}{lsof}",
        used=own[0].number,
        limit=limit.soft,
        lsof=say(
            "; the {count:,} lines of “{command}” are no descriptors: lsof lists mapped files, too, and {repeats}",
            count=larger.number,
            command=larger.last.command or "",
            repeats=say("its rows here stand there again for each thread: no sign of a leak")
            if any(map(repeats_for_threads, case.incident.snapshots))
            else say("some of its versions repeat every row for each thread"),
        )
        if larger is not None
        else "",
    )


def quiet_in_words(case: Case) -> Iterator[str]:
    """The sentences that call sockets in TIME_WAIT normal."""
    counts = case.counts.of(Counted.SOCKETS)
    yield from _quiet(case, [one for one in counts if _is_bare(one) and not _is_number(one)])
    yield from _quiet_places(case, counts)
    waiting = (one for one in case.counts.of(Counted.SOCKETS, TcpState.TIME_WAIT) if _is_number(one) and _is_calm(case, one))
    yield from (_of_number(case, one) for one in waiting)


def _is_calm(case: Case, one: Count) -> bool:
    """True for a number of sockets in TIME_WAIT that is far from the range of local ports."""
    known = case.counts.port_range()
    size = known[1] - known[0] + 1 if known is not None else DEFAULT_RANGE
    return one.last.state is TcpState.TIME_WAIT and max(reading.count for reading in one.readings) <= QUIET * size


def _names(counts: Sequence[Count]) -> Message:
    return joined(
        ", ", (say("{count:,} {name}", count=one.number, name=one.last.name) for one in counts[:MOST] if one.last.name is not None)
    )


def _is_bare(count: Count) -> bool:
    last = count.last
    return last.local is None and last.remote is None and last.end is None and last.state is not None


def _is_number(count: Count) -> bool:
    """True for a number alone: the command counts one thing."""
    return count.last.what is Counted.LINES or (count.last.name is None and count.last.command is not None and _prints_one(count.last))


def _prints_one(tally: Tally) -> bool:
    return (
        "uniq" not in (tally.command or "")
        and "Group" not in (tally.command or "")
        and "[" not in (tally.command or "").partition("awk")[2]
    )


def _is_pile(one: Count) -> bool:
    return one.last.state is TcpState.CLOSE_WAIT and one.number >= MANY and not (one.last.local or one.last.remote)


def _unclosed(case: Case, counts: Sequence[Count]) -> Iterator[str]:
    """A pile of CLOSE_WAIT of which no end is known."""
    for one in counts:
        if _is_pile(one):
            process = process_of(case, one)
            known = process.pid is not None or process.command is not None
            yield say(
                "{who} has {sockets} in CLOSE_WAIT{ends}{command}: their far ends have closed, and the process that has them has not; no setting of the kernel or of a server ends that, only close() does{growth}",
                who=whose(process) if known else say("this host"),
                sockets=plural(one.number, "socket"),
                ends=ends_in_words(one),
                command=say(" (“{command}”)", command=one.last.command) if _is_number(one) else "",
                growth=say("; {growth}", growth=growth_in_words(one).strip().rstrip(".")) if len(one.readings) > 1 else "",
            )


def _by_state(case: Case, counts: Sequence[Count], *, rows: bool) -> Iterator[str]:
    states = [one for one in counts if one.number]
    if not states:
        return
    ordered = sorted(states, key=lambda one: one.last.where)
    if rows:
        yield from _quiet(case, states)
    else:
        listed = joined(
            ", ", (say("{count:,} {state}", count=one.number, state=one.last.state.value if one.last.state else "?") for one in ordered)
        )
        yield from _quiet(case, states)
        yield say(
            "sockets were counted by state ({list}); only rows tell whose they are, of which port, and whether requests were read",
            list=listed,
        )


def _quiet(case: Case, states: Sequence[Count]) -> Iterator[str]:
    """That nothing unusual is among the states, where that is so: many wonder at TIME_WAIT."""
    listed: dict[tuple[TcpState | None, int], int] = Counter()
    for one in states:
        listed[one.last.state, one.last.listing] += one.number
    numbers = Counter[TcpState | None]()
    for (state, _), number in listed.items():
        numbers[state] = max(numbers[state], number)  # the same sockets may be counted twice
    known = case.counts.port_range()
    size = known[1] - known[0] + 1 if known is not None else DEFAULT_RANGE
    waiting = numbers[TcpState.TIME_WAIT]
    # ss -s counts TIME_WAIT among the closed ones.
    if 0 < waiting <= numbers[TcpState.CLOSE] <= waiting + FEW:
        del numbers[TcpState.CLOSE]
    ending = sum(numbers[state] for state in (TcpState.FIN_WAIT1, TcpState.FIN_WAIT2, TcpState.CLOSING, TcpState.LAST_ACK))
    handshakes = numbers.pop(TcpState.SYN_RECV, 0) + numbers.pop(TcpState.SYN_SENT, 0)
    if (
        set(numbers) - _RESTING
        or handshakes > FEW
        or ending > max(MANY, numbers[TcpState.ESTABLISHED] // 10)
        or numbers[TcpState.CLOSE_WAIT] > FEW
        or numbers[TcpState.CLOSE] > MANY  # bound, and never connected
        or not (waiting > 0 and waiting - (served := _served(case)) <= QUIET * size)
        or len(numbers) < 2  # noqa: PLR2004 - one state alone tells nothing of the others
    ):
        return
    left = say("; {count:,} CLOSE_WAIT come and go", count=numbers[TcpState.CLOSE_WAIT]) if numbers[TcpState.CLOSE_WAIT] else ""
    if served:
        yield say(
            "nothing unusual is among the states that were counted: {waiting:,} TIME_WAIT are normal, as each connection that this host closes first stays so for a minute; {served:,} of them are of ports that it serves, and take no further local port{left}",
            waiting=waiting,
            served=min(served, waiting),
            left=left,
        )
        return
    yield say(
        "nothing unusual is among the states that were counted: {waiting:,} TIME_WAIT are normal, as each connection that this host closes first stays so for a minute, and are far fewer than the local ports ({size}){left}",
        waiting=waiting,
        size=say("{size:,} ports", size=size) if known is not None else say("{size:,} ports or more", size=size),
        left=left,
    )


def _served(case: Case) -> int:
    """TIME_WAIT of local ports that have many of them: ports that this host serves, as a client gets another one for each connection."""
    counts = case.counts.of(Counted.SOCKETS, TcpState.TIME_WAIT)
    return sum(one.number for one in counts if one.last.local is not None and one.last.local.port is not None and one.number >= MANY)


def _quiet_places(case: Case, counts: Sequence[Count]) -> Iterator[str]:
    """That TIME_WAIT to services is far from the range of local ports, which each of them has for itself."""
    ends = [
        (end, one.number) for one in counts if one.last.state is TcpState.TIME_WAIT and (end := one.last.remote or one.last.end) is not None
    ]
    known = case.counts.port_range()
    size = known[1] - known[0] + 1 if known is not None else DEFAULT_RANGE
    most = max((number for _, number in ends), default=0)
    errors = _port_errors(case)
    if not FEW < most <= (QUIET if errors is None else ROOM) * size or errors:
        return
    if most > QUIET * size:
        yield say(
            "the TIME_WAIT are normal: each connection that this host closes first stays so for a minute, without a descriptor, and the kernel removes it; the {most:,} to one service take {share:.0f} % of its {size:,} local ports, and no error of a missing port was counted",
            most=most,
            share=100 * most / size,
            size=size,
        )
        return
    yield say(
        "the TIME_WAIT are normal: each connection that this host closes first stays so for a minute and costs next to nothing; the {most:,} to one service are far from its {size}, which is where trouble would begin",
        most=most,
        size=say("{size:,} local ports", size=size) if known is not None else say("{size:,} local ports or more", size=size),
    )


def _port_errors(case: Case) -> int | None:
    """How many errors of missing local ports somebody counted; None where nobody counted them."""
    numbers = [one.number for one in case.counts.all if _is_number(one) and _missing_port(one.last.command or "") is not None]
    return max(numbers, default=None)


def _is_measured(case: Case, count: Count) -> bool:
    """True for a number of a person's sentence, where a command counted sockets of the same state."""
    if not count.last.told:
        return False
    kernels = {"TCP timewait": TcpState.TIME_WAIT}
    counters = (one for snapshot in case.incident.snapshots for one in snapshot.counters)
    return any(not one.last.told and one.number for one in case.counts.of(Counted.SOCKETS, count.last.state)) or any(
        kernels.get(one.name) is count.last.state for one in counters
    )


def _by_place(counts: Sequence[Count]) -> Iterator[str]:
    """Connections that were counted by their ends."""
    places = [(end, one) for one in counts if (end := one.last.remote or one.last.end) is not None and end.host not in _NOWHERE]
    if not places:
        return
    listed = joined(
        ", ",
        (
            say(
                "{count:,} with {remote}{state}",
                count=one.number,
                remote=place(end),
                state=say(" in {state}", state=one.last.state.value) if one.last.state else "",
            )
            for end, one in places[:MOST]
        ),
    )
    left = sum(one.number for _, one in places if one.last.state is TcpState.CLOSE_WAIT)
    yield say(
        "connections were counted by their far end ({list}{others}){closed}; only rows tell whose they are",
        list=listed,
        others=say(" and {places}", places=plural(len(places) - MOST, "other place")) if len(places) > MOST else "",
        closed=say(", of which {count:,} are closed by the far end and not by this side", count=left) if left else "",
    )


def _of_number(case: Case, one: Count) -> Message:
    """What ``wc -l`` or ``grep -c`` counted."""
    last = one.last
    said = say("the session counted {count:,} lines (“{command}”)", count=one.number, command=last.command or "")
    if not one.number and last.what is Counted.THREADS and (word := looked_for(last.command or "")) is not None:
        return say("no thread stands in {word} (“{command}” counted none)", word=word, command=last.command or "")
    if last.what is Counted.DESCRIPTORS and last.state is None:
        said = (
            say(
                "lsof printed {count:,} lines (“{command}”), which are more than its descriptors: a heading, the working directory, the program and mapped files are among them",
                count=one.number,
                command=last.command or "",
            )
            if counts_lines(one)
            else say("{count:,} descriptors were counted (“{command}”)", count=one.number, command=last.command or "")
        )
    if last.what is Counted.DESCRIPTORS and len(one.readings) > 1 and not one.grown:
        return say("{said}, {first:,} before: they do not grow", said=said, first=one.readings[0].count)
    if last.what is Counted.LINES or last.state is None:
        return said if len(one.readings) < 2 else say("{said};{growth}", said=said, growth=growth_in_words(one).rstrip("."))  # noqa: PLR2004
    process = process_of(case, one)
    known = process.pid is not None or process.command is not None
    range_of_ports = case.counts.port_range()
    size = range_of_ports[1] - range_of_ports[0] + 1 if range_of_ports is not None else DEFAULT_RANGE
    numbers = [reading.count for reading in one.readings]
    if _is_calm(case, one):
        return say(
            "{sockets} in TIME_WAIT were counted (“{command}”): they are normal, as each connection that this host closes first stays so for a minute, hold no descriptor, and are far from the range of local ports ({size}){steady}",
            sockets=plural(one.number, "socket"),
            command=last.command or "",
            size=say("{size:,} ports", size=size) if range_of_ports is not None else say("{size:,} ports or more", size=size),
            steady=say("; their number does not grow ({list})", list=joined(", ", (f"{number:,}" for number in numbers)))
            if len(numbers) > 2 and max(numbers) - numbers[0] <= STEADY * max(numbers)  # noqa: PLR2004 - two are no course
            else "",
        )
    return say(
        "{sockets}{of} in {state}{ends} were counted (“{command}”)",
        sockets=plural(one.number, "socket"),
        of=say(" of {who}", who=whose(process)) if known else "",
        state=last.state.value,
        ends=ends_in_words(one),
        command=last.command or "",
    )


def counted_beyond(snapshot: Snapshot, case: Case) -> Iterator[str]:
    """States of which more sockets were counted than there are rows: what is said of the rows is said of a few."""
    texts = {file for _, file in snapshot.tables}
    largest: dict[TcpState, int] = {}
    for one in case.counts.of(Counted.SOCKETS):
        if one.last.told and one.last.where.file not in texts:
            continue  # what somebody writes in another file may be of another moment
        if one.last.state is not None and one.host == snapshot.host:
            largest[one.last.state] = max(largest.get(one.last.state, 0), one.number)
    for counter in snapshot.counters:
        for state in (state for state in TcpState if counter.name == f"TCP {state.value}"):
            largest[state] = max(largest.get(state, 0), counter.value)
    rows = Counter([row.state for row in snapshot.rows]) if largest else Counter()
    for state, count in largest.items():
        if 0 < rows[state] < count:
            yield say(
                "{count:,} sockets in {state} were counted, of which {rows} here",
                count=count,
                state=state.value,
                rows=plural(rows[state], "row is", "rows are"),
            )


def lines_beyond(case: Case) -> Iterator[str]:
    """Numbers of lines that a command counted, of which what is shown may be a part."""
    for one in case.counts.all:
        if (
            _is_number(one)
            and one.last.state is None
            and one.last.what is not Counted.DESCRIPTORS
            and any(snapshot.rows for snapshot in case.incident.snapshots)
        ):
            yield say("the session counted {count:,} lines (“{command}”)", count=one.number, command=one.last.command or "")

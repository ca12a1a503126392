"""netstat of Linux (net-tools 1.60 to 2.10), with and without ``-n -t -o -p -a -e -W``, and BusyBox.

    Active Internet connections (w/o servers)
    Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name     Timer
    tcp6      58      0 127.0.0.1:38090         127.0.0.1:33320         CLOSE_WAIT  1493/java            keepalive (7194.90/0/0)
    tcp        0      0 10.0.0.5:51044          db01:postgresql         ESTABLISHED -                    off (0.00/0/0)

Column order with every option (net-tools ``netstat.c``): Proto Recv-Q Send-Q Local Foreign State User Inode PID/Program Timer. Widths
are minimums, headers and some states are translated, so a row is read by its shape: five tokens from the left, the timer from the
right, and what is left between them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from parsers.records import Endpoint, Inode, Owner, Parsed, Pid, SocketRow, TcpState, Timer, TimerKind, Where
from parsers.records.places import to_inode
from parsers.records.shows import Shows
from parsers.text.endpoint import LAST_PORT, V4_ENDPOINT, Ends, Hosts, endpoint
from parsers.text.grammar import NETSTAT_TIMER, STATES, TIMER_WORDS, netstat_timer, tcp_state
from parsers.text.one_pass import Rows, Usual
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "netstat"
SHOWS: Final = frozenset({Shows.SOCKETS})
_LISTEN: Final = TcpState.LISTEN

ROW = re.compile(
    r" {0,3}(?P<proto>tcp|udp|udpl|sctp|raw|dccp)[46]? ++(?P<recv>\d{1,18}+) ++(?P<send>\d{1,18}+) ++(?P<local>\S++) ++"
    rf"(?:{V4_ENDPOINT}|(?P<remote>\S++))(?: ++(?P<state>[^\W\da-z]\S++))?(?: ++(?P<user>[^\s/]++) ++(?P<inode>\d{{1,18}}+)(?![^ ]))? *+"
    r"(?P<owner>[^(]*+)(?:\((?P<left>\d{1,18}+\.\d++)/(?P<counts>\d{1,18}+/\d{1,18}+)\) *+)?$"
)
"""A row: the state's first letter is a capital in every language; behind the owner stands the timer's word. :func:`_rare` reads odd ones."""
RARE_ROW = re.compile(
    r"\s{0,3}(?P<proto>tcp|udp|udpl|sctp|raw|dccp)[46]?\s+(?P<recv>\d{1,18})\s+(?P<send>\d{1,18})\s+"
    r"(?P<local>(?=\S+?[:.]\S)\S++)\s+(?P<remote>(?=\S+?[:.]\S)\S++)(?P<rest>.*)$"
)
_row = ROW.match
_rare_row = RARE_ROW.match
_timer = re.compile(rf"(?:^|\s){NETSTAT_TIMER.pattern}\s*$").search
_RAW_STATE = re.compile(r"^\s*\d{1,3}(?=\s|$)")  # a number in place of TCP's word
_user_inode = re.compile(r"(?P<user>[^\s/]+)\s+(?P<inode>\d{1,18})(?:\s+|$)").match
_owner = re.compile(r"(?P<pid>\d{1,10})/(?P<command>.*\S)").match

# In English and in net-tools' catalogues cs, de, et, fr, ja and pt_BR: the line above the table, and its first columns.
_BANNERS: Final = (
    "Active Internet connections|Aktivní Internetová spojení|Aktive Internetverbindungen|Aktiivsed internetiühendused|Connexions Internet actives"
    "|稼働中のインターネット接続|Conexões Internet Ativas"
)
_COLUMNS: Final = r"Proto[ ]+(?:Recv-Q[ ]+Send-Q(?![ ]+(?:vendor|unit)\b)|Přích-F[ ]+Odch-F|VvJrk[ ]+SaatJrk|受信-Q[ ]+送信-Q)"
_HEADER = re.compile(rf"{_BANNERS}|Active UNIX|{_COLUMNS}")
# Without root, netstat says so on stderr: in a terminal or with 2>&1 that stands above the table and belongs to it.
_NOT_ROOT: Final = r"(?:\((?:Not all processes|No info could be read)[^\n]*\n(?:[ ]will not be shown[^\n]*\n)?)*"
HEADER: Final = _NOT_ROOT + rf"(?:{_BANNERS})[^\n]*(?:\n[ ]*{_COLUMNS}[^\n]*)?|[ ]*{_COLUMNS}"
# The state belongs to a tcp row's shape: "ss -a state close-wait" prints the same row without one. A port behind a dot is BSD's.
ROW_SHAPE: Final = r"[ ]{0,3}(?:tcp[46]?[ ]+\d+[ ]+\d+[ ]+\S+:[^\s.:]+[ ]+\S+:[^\s.:]+[ ]+[^\W\da-z]{4}|udp[46]?[ ]+\d+[ ]+\d+[ ]+(?!\S*\.[\w*]+[ ]+\S*\.)\S+?[:.]\S++[ ]+\S+?[:.]\S)"
_telling_row = re.compile(ROW_SHAPE).match
_BSD = re.compile(r"Recv-Q\s+Send-Q\s.*\(state\)|Rexmit\s+OOORcv|Rwind")
_UNIX_ROW = re.compile(
    r"unix\s+\d+\s+\[|Proto\s+\S+\s+\S+\s+\S+\s+\S+\s+(?:I-?\w|iノード)|.{0,60}\b(?:UNIX|unix)\b.{0,40}\(|.*UNIXドメインソケット"
)
_REMARK = re.compile(r"\(?(?:Not all processes|No info could be read|will not be shown|.*you would have to be root)", re.IGNORECASE)


def sniff(head: Sequence[str]) -> bool:
    """True if a row of the shape ``tcp 0 0 addr:port addr:port STATE`` or netstat's header is among the lines."""
    return any(_telling_row(line) or _HEADER.match(line) for line in head) and not any(_BSD.search(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every row; what is no row, header or known remark is counted as unread."""
    reader = _Reader(section)
    records: list[SocketRow] = []
    unread: list[tuple[int, str]] = []
    read = 0
    rows = Rows(section, lambda: _usual(reader, records))
    for index, line in rows:
        row = reader.row(index, line)
        if row is not None:
            records.append(row)
        elif _rare_row(line):
            unread.append((index, "an address or state that netstat does not print"))
            continue
        elif not (_HEADER.match(line.lstrip()) or _REMARK.match(line.lstrip()) or _UNIX_ROW.match(line)):
            unread.append((index, "no netstat row"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), rows.read + read + len(elisions), gaps)


def _usual(reader: _Reader, records: list[Any]) -> Usual | None:
    from parsers.sockets.kernel import reader_of  # noqa: PLC0415 - for large tables only

    return reader_of(NAME, reader, records)


class _Reader:
    """One pass over a table. Cells that stand in many rows are read, and held in memory, once."""

    def __init__(self, section: Section) -> None:
        self.section, self.file, self.first = section, section.file, section.first
        self.hosts, self.ends = Hosts(), Ends()
        self.users: dict[str, str] = {}
        self.owners: dict[str, tuple[tuple[Owner, ...] | None, TimerKind | None]] = {}
        self.timers: dict[tuple[TimerKind, str, str], Timer] = {}

    def row(self, index: int, line: str) -> SocketRow | None:
        """A socket's row; None if the line is none."""
        match = _row(line)
        if match is None:
            return self.rare(index, line)
        proto, recv, send, near, host, port, far, word, user, inode, cell, left, counts = match.groups()
        state, local = STATES.get(word), self.ends.get(near) or self.ends.one(near)
        if host:
            number = int(port)
            remote = Endpoint(self.hosts.get(host) or self.hosts.one(host), number) if number <= LAST_PORT else None
        else:
            remote = endpoint(far)
        if local is None or remote is None or state is None:
            return self.rare(index, line)
        owners, kind = self.owners.get(cell) or self.holder(cell)
        if kind is None:
            if left is not None:
                return self.rare(index, line)
            timer = None
        elif left is None:
            return self.rare(index, line)
        elif counts == "0/0" and left != "0.00":
            timer = Timer(kind, float(left), 0, 0)
        else:
            timer = self.timer(kind, left, counts)
        line_number = self.first + index
        return SocketRow(
            where=Where(self.file, line_number, line_number),
            tool=NAME,
            proto=proto,
            local=local,
            remote=None if state is _LISTEN or (remote.port is None and _is_any(remote)) else remote,
            state=state,
            recv_q=0 if recv == "0" else int(recv),
            send_q=0 if send == "0" else int(send),
            owners=owners,
            user=user and self.users.setdefault(user, user),
            inode=to_inode(inode) if inode else None,
            timer=timer,
        )

    def near(self, text: str) -> Endpoint | None:
        """The near end; None for what is none."""
        return self.ends.get(text) or self.ends.one(text)

    def far(self, text: str) -> Endpoint | None:
        """A far end that is no plain IPv4 address."""
        return endpoint(text)

    def state(self, word: str) -> TcpState | None:
        """The state behind a word."""
        return STATES.get(word)

    def user(self, text: str) -> str:
        """The one copy of a user."""
        return self.users.setdefault(text, text)

    def holder(self, cell: str) -> tuple[tuple[Owner, ...] | None, TimerKind | None]:
        """Who owns the socket, and which timer runs."""
        known = self.owners[cell] = _owner_and_kind(cell)
        return known

    def timer(self, kind: TimerKind, left: str, counts: str) -> Timer:
        """A timer that is off, as in many rows alike, or one with retransmissions."""
        key = kind, left, counts
        timer = self.timers.get(key)
        if timer is None:
            retransmits, _, probes = counts.partition("/")
            timer = self.timers[key] = Timer(kind, float(left), int(retransmits), int(probes))
        return timer

    def rare(self, index: int, line: str) -> SocketRow | None:
        """A row with tabs, with a user in capitals, or without a state, which is udp's; None if the line is none."""
        match = _rare_row(line)
        if match is None:
            return None
        local, remote = endpoint(match["local"]), endpoint(match["remote"])
        if local is None or remote is None:
            return None
        state, rest = _state(match["rest"])
        if state is None and match["proto"] == "tcp":
            return None
        timer, rest = _take_timer(rest)
        if match["proto"] == "raw":
            rest = _RAW_STATE.sub("", rest)
        user, inode, owners = _identity(rest)
        return SocketRow(
            where=self.section.where(index),
            tool=NAME,
            proto=match["proto"],
            local=local,
            remote=None if state is TcpState.LISTEN or _is_any(remote) else remote,
            state=state,
            recv_q=int(match["recv"]),
            send_q=int(match["send"]),
            owners=owners,
            user=user,
            inode=inode,
            timer=timer,
        )


def _is_any(remote: Endpoint) -> bool:
    return remote.port is None and remote.service is None and remote.is_wildcard


def _state(rest: str) -> tuple[TcpState | None, str]:
    """Split the state off; udp rows mostly have none."""
    word, *tail = rest.split(None, 1) or [""]
    state = tcp_state(word)
    return (state, "".join(tail)) if state else (None, rest)


def _take_timer(rest: str) -> tuple[Timer | None, str]:
    match = _timer(rest)
    if not match:
        return None, rest
    return netstat_timer(match["kind"], match["left"], match["retransmits"], match["probes"]), rest[: match.start()]


def _identity(rest: str) -> tuple[str | None, Inode | None, tuple[Owner, ...] | None]:
    """User, inode and owner from what stands between state and timer: ``[user inode] [pid/program]``.

    A ``-`` says nothing: not root, not yet accepted, or an orphan. Program names may hold blanks.
    """
    user: str | None = None
    inode: Inode | None = None
    rest = rest.strip()
    if match := _user_inode(rest):
        user, inode, rest = match["user"], Inode(int(match["inode"])), rest[match.end() :]
    return user, inode, _owners(rest)


def _owner_and_kind(cell: str) -> tuple[tuple[Owner, ...] | None, TimerKind | None]:
    """``27836/java           keepalive``: the last word is the timer's if it is one."""
    rest, _, word = f" {cell.rstrip()}".rpartition(" ")
    kind = TIMER_WORDS.get(word)
    return _owners(cell.strip() if kind is None else rest.strip()), kind


def _owners(cell: str) -> tuple[Owner, ...] | None:
    owner = _owner(cell)
    return (Owner(Pid(int(owner["pid"])), owner["command"]),) if owner else None

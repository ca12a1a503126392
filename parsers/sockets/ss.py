r"""ss of Linux (iproute2 3.x to 6.x) with every option mix, with and without header, State column and Netid column.

    State      Recv-Q Send-Q      Local Address:Port        Peer Address:Port Process
    LISTEN     0      10                        *:38092                  *:*     users:(("java",pid=3427,fd=7)) ino:180040 sk:1033 cgroup:/ v6only:0 <->
    CLOSE-WAIT 58     0        [::ffff:127.0.0.1]:38092 [::ffff:127.0.0.1]:54278 users:(("java",pid=3427,fd=14)) timer:(keepalive,119min,0) ino:180041 sk:1034 cgroup:/ -->
             ts sack bbr rto:200 rtt:0.02/0.01 mss:32768 cwnd:10 bytes_received:58 segs_in:4 lastsnd:7552 lastrcv:3540 lastack:3540

For LISTEN rows Recv-Q counts the connections that wait to be accepted and Send-Q is the backlog. ``-i``, ``-m`` and ``-e`` continue a row
on an indented line, ``-O`` does not. ``ss state close-wait`` leaves the State column out; only the prompt then tells the state.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from parsers.records import Counter, Endpoint, Inode, Owner, Parsed, Pid, SocketRow, TcpState, Timer, Where
from parsers.records.places import to_pid
from parsers.records.shows import Shows
from parsers.records.tcp_info import info_of, memory_of
from parsers.text.copies import CURLY
from parsers.text.endpoint import LAST_PORT, V4_ENDPOINT, Ends, Hosts, endpoint, is_v4
from parsers.text.grammar import SS_TIMER, ss_timer, tcp_state
from parsers.text.one_pass import Rows, Usual
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "ss"
SHOWS: Final = frozenset({Shows.SOCKETS})

_STATES: Final = (
    "ESTAB|SYN-SENT|SYN-RECV|NEW-SYN-RECV|FIN-WAIT-1|FIN-WAIT-2|TIME-WAIT|UNCONN|CLOSE-WAIT|LAST-ACK|LISTEN|CLOSING|BOUND-INACTIVE|UNKNOWN"
)
HEADER: Final = r"(?:Netid[ ]+)?(?:State[ ]+)?Recv-Q[ ]+Send-Q[ ]+Local Address:Port[ ]|Total:[ ]\d+[^\n]*\nTCP:[ ]+\d+[ ]\(estab"
ROW_SHAPE: Final = rf"(?:[a-z][\w?]{{1,5}}[ ]+)?(?:{_STATES})[ ]+\d+[ ]+\d+[ ]+\S+[ ]"

ROW = re.compile(
    rf"\s*(?:(?P<netid>[a-z][\w?]{{1,5}})\s+)?(?:(?P<state>{_STATES})\s+)?(?P<recv>\d{{1,18}})\s+(?P<send>\d{{1,18}})\s+"
    rf"(?P<local>(?=\S+?[:/]\S|\*\s)\S++)\s+(?:{V4_ENDPOINT}|(?P<remote>\S++))"
    r"(?:\s+users:\(\(\"(?P<command>[^\"]*)\",pid=(?P<pid>\d{1,10}),fd=(?P<fd>\d{1,10})\)\)(?!\S))?(?P<rest>.*)$"
)
"""A row with one owner, as nearly all have; several, and those of other ages, stay in the rest."""
# A unix, netlink or vsock row: its addresses may hold blanks.
OTHER_ROW = re.compile(rf"\s*(?:u_\w+|nl|p_\w+|v_\w+|xdp|ti_\w+|\?\?\?)\s+(?:(?:{_STATES})\s+)?\d+\s+\d+\s")
_row = ROW.match
_other_row = OTHER_ROW.match
_header = re.compile(r"\s*(?:Netid\s+)?(?:State\s+)?Recv-Q\s+Send-Q\s+Local Address:Port\s").match
_stateful_row = re.compile(rf"\s*(?:[a-z]\w{{1,5}}\s+)?(?:{_STATES})\s+\d+\s+\d+\s+\S+[:/*]").match
_summary = re.compile(
    r"Total:\s+\d+|TCP:\s+\d+\s+\(estab|Transport\s+Total\s+IP|(?:\*|RAW|UDP|TCP|INET|FRAG)\s+(?:\d+|-)\s+(?:\d+|-)\s+(?:\d+|-)\s*$"
).match
_totals = re.compile(r"\b(estab|closed|orphaned|timewait|synrecv) (\d{1,18})\b").findall
_total = re.compile(r"TCP:\s+(\d{1,18})\b").match
_timer = SS_TIMER.search
_users = re.compile(r"users:\((\(.*?\))\)(?=\s|$)").search
# iproute2 before 4.0 printed ("java",1234,56); -T adds tid= and -Z contexts between pid and descriptor. The name is raw.
_owners = re.compile(r'\("(?P<command>.*?)",(?:pid=)?(?P<pid>\d{1,10})(?:,(?!fd=)\w+=[^,)]*)*,(?:fd=)?(?P<fd>\d{1,10})\)').finditer
_inode = re.compile(r"\bino:(\d{1,18})").search
_uid = re.compile(r"\buid:(\S+)").search
_asked_state = re.compile(r"\bstate\s+(?P<state>[\w-]+)").search
_asked_udp = re.compile(r"\bss\s+(?:\S+\s+)*?(?:-(?![a-zA-Z]*t)[a-zA-Z]*u|--udp)").search
_one_owner = re.compile(r"users:\(\(\"([^\"]*)\",pid=(\d{1,10}),fd=(\d{1,10})\)\)(?!\S)(.*)").match
_WORDS: Final = frozenset(_STATES.split("|"))
_WITH_NETID: Final = 6  # Netid State Recv-Q Send-Q Local Peer
_LONGEST: Final = 18  # digits of both queues together: neither is more than 2^31
_LONGEST_PORT: Final = 5
_Cells: TypeAlias = tuple[Any, ...]
_LISTEN: Final = TcpState.LISTEN
_INTERNET: Final = {name: name for name in ("tcp", "udp", "raw", "sctp", "dccp", "mptcp", "udplite")}


def sniff(head: Sequence[str]) -> bool:
    """True if ss' header, its summary, or a row that begins with its spelling of a state is among the lines."""
    return any(_header(line) or _stateful_row(line) or _other_row(line) or (line.startswith("TCP:") and _summary(line)) for line in head)


def parse(section: Section) -> Parsed:
    """Read every row with the detail line below it. Unix and netlink sockets give no record, the summary gives counters."""
    reader = _Reader(section)
    unread: list[tuple[int, str]] = []
    read = known = 0
    rows = Rows(section, lambda: _usual(reader, reader.rows))
    rows.switch(on=reader.columns > 0)
    for index, line in rows:
        reader.last = reader.last or len(reader.rows) > known
        if reader.row(index, line) or reader.detail(index, line) or reader.total(index, line) or _other_row(line) or _header(line):
            read += 1
        else:
            unread.append((index, "no ss row"))
            reader.last = False
        known = len(reader.rows)
    gaps, elisions = leftovers(section, unread)
    return Parsed((*reader.rows, *reader.counters, *elisions), rows.read + read + len(elisions), gaps)


def _cells(line: str) -> _Cells | None:
    match = _row(line)
    return match.groups() if match else None


def _usual(reader: _Reader, records: list[Any]) -> Usual | None:
    from parsers.sockets.kernel import reader_of  # noqa: PLC0415 - for large tables only

    return reader_of(NAME, reader, records)


class _Reader:
    """One pass over a table: the rows so far, and what header and prompt say of all of them."""

    def __init__(self, section: Section) -> None:
        self.section, self.file, self.first = section, section.file, section.first
        self.hosts, self.ends = Hosts(), Ends()
        self.rows: list[SocketRow] = []
        self.counters: list[Counter] = []
        self.last = False
        """True while the line above belongs to the last of ``rows``: only then an indented line is a detail of it."""
        prompt = section.prompt or ""
        head = next((line for _, line in section.rows() if _header(line)), None)
        self.stateless = "State" not in head if head is not None else _asked_state(prompt) is not None
        self.columns = 0 if head is None or "State" not in head else _WITH_NETID if "Netid" in head else _WITH_NETID - 1
        """How many cells stand in front of the owner's where all of them do; 0 if the header does not say."""
        self.with_netid = self.columns == _WITH_NETID
        """True where a row begins with its protocol; asked of each row."""
        asked = _asked_state(prompt)
        self.state = tcp_state(asked["state"]) if asked else None
        self.states: dict[tuple[str, str], TcpState | None] = {}
        self.commands: dict[str, str] = {}
        self.pids: dict[str, Pid] = {}

    def row(self, index: int, line: str) -> bool:
        """Take a socket's row; False if the line is none."""
        match = self.cells(line) or _cells(line)
        if match is None:
            return False
        netid, word, recv, send, near, host, port, far, command, pid, fd, rest = match
        proto = netid or self.proto
        if (word is None and not self.stateless) or proto not in _INTERNET:
            return False
        local = self.ends.get(near) or self.ends.one(near)
        if host:
            number = int(port)
            remote = Endpoint(self.hosts.get(host) or self.hosts.one(host), number) if number <= LAST_PORT else None
        else:
            remote = endpoint(far)
        if local is None or remote is None:
            return False
        state = (self.states.get((word, proto)) or self.state_of(word, proto)) if word else self.state
        listening = state is _LISTEN
        send_q = 0 if send == "0" else int(send)
        line_number = self.first + index
        row = SocketRow(
            where=Where(self.file, line_number, line_number),
            tool=NAME,
            proto=_INTERNET[proto],
            local=local,
            remote=None if listening or (remote.port is None and remote.service is None) else remote,
            state=state,
            recv_q=0 if recv == "0" else int(recv),
            send_q=send_q,
            backlog=send_q if listening else None,
            owners=(Owner(self.pids.get(pid) or self.pid(pid), self.commands.setdefault(command, command), int(fd)),) if pid else None,
        )
        self.rows.append(row if not rest or rest.isspace() else msgspec.structs.replace(row, **_facts(rest)))
        self.last = True
        return True

    def near(self, text: str) -> Endpoint | None:
        """The near end; None for what is none."""
        return self.ends.get(text) or self.ends.one(text)

    def far(self, text: str) -> Endpoint | None:
        """A far end that is no plain IPv4 address."""
        return endpoint(text)

    def kind(self, text: str) -> tuple[str, TcpState | None] | None:
        """Protocol and state of the words in front of the queues; None for others."""
        *netid, word = text.split()
        proto = netid[0] if netid else self.proto
        return (_INTERNET[proto], self.state_of(word, proto)) if word in _WORDS and proto in _INTERNET else None

    @cached_property
    def proto(self) -> str:
        """The protocol of rows without a Netid column: nothing in a row tells TCP from UDP, but TCP shows no UNCONN sockets."""
        udp = bool(_asked_udp(self.section.prompt or "")) or any(line.startswith("UNCONN") for line in self.section.lines)
        return "udp" if udp else "tcp"

    def cells(self, line: str) -> _Cells | None:
        """The cells of :data:`ROW`, taken apart at the blanks, which is quicker; None for a row that has an unusual one."""
        if not self.columns or line[0] in " \t":
            return None
        parts = line.split(None, self.columns)
        if len(parts) == self.columns:
            parts.append("")
        if self.with_netid and len(parts) > _WITH_NETID:
            netid, word, recv, send, near, far, rest = parts
        elif self.columns < _WITH_NETID and len(parts) > self.columns:
            netid = self.proto
            word, recv, send, near, far, rest = parts
        else:
            return None
        host, _, port = far.rpartition(":")
        plain = word in _WORDS and netid in _INTERNET and recv.isdecimal() and send.isdecimal() and len(recv) + len(send) <= _LONGEST
        if not (plain and (host in self.hosts or is_v4(host)) and port.isdecimal() and len(port) <= _LONGEST_PORT):
            return None
        owner = _one_owner(rest)
        if owner is None:
            return netid, word, recv, send, near, host, port, None, None, None, None, f" {rest}"
        return netid, word, recv, send, near, host, port, None, *owner.groups()

    def total(self, index: int, line: str) -> bool:
        """Take a line of the summary (``ss -s``); TCP's says how many sockets of the host are in which state."""
        text = line.lstrip()
        if not _summary(text):
            return False
        if text.startswith("TCP:"):
            where = self.section.where(index)
            self.counters += [Counter(where, f"TCP {name}", int(count)) for name, count in _totals(text)]
            self.counters += [Counter(where, "sockets of TCP", int(total[1]))] if (total := _total(text)) else []
        return True

    def pid(self, text: str) -> Pid:
        """The one copy of a pid."""
        return self.pids.setdefault(text, to_pid(text))

    def state_of(self, word: str, proto: str) -> TcpState | None:
        """The state behind ss' word."""
        key = word, proto
        if key not in self.states:
            self.states[key] = _state(word, proto)
        return self.states[key]

    def detail(self, index: int, line: str) -> bool:
        """Take an indented line as more of the row above it."""
        if not self.last or line[0] not in " \t":
            return False
        row = self.rows[-1]
        where = Where(self.section.file, row.where.first, self.section.first + index)
        self.rows[-1] = msgspec.structs.replace(row, where=where, **_facts(line))
        return True


def _facts(text: str) -> dict[str, Any]:
    """The fields of a row that stand behind its addresses, in any order and as far as printed."""
    facts: dict[str, Any] = {}
    if "users:" in text and (owners := _owners_of(text.translate(CURLY) if not text.isascii() else text)):
        facts["owners"] = owners
    if "timer:" in text and (timer := _timer_of(text)):
        facts["timer"] = timer
    if "uid:" in text and (uid := _uid(text)):
        facts["user"] = uid[1]
    if "ino:" in text and (inode := _inode(text)):
        facts["inode"] = Inode(int(inode[1]))
    if "skmem:" in text and (memory := memory_of(text)):
        facts["memory"] = memory
    if "cwnd:" in text or "lastrcv:" in text or "bytes_" in text:
        info = info_of(text)
        if info is not None:
            facts["info"] = info
    return facts


def _state(text: str, netid: str) -> TcpState | None:
    """Ss' UNCONN is TCP's CLOSE; for UDP it means that there is no state."""
    if text in {"UNCONN", "BOUND-INACTIVE"}:
        return TcpState.CLOSE if netid in {"tcp", "mptcp"} else None
    return tcp_state(text.removeprefix("NEW-"))


def _owners_of(rest: str) -> tuple[Owner, ...] | None:
    users = _users(rest)
    if not users:
        return None
    found = _owners(users[1])
    return tuple(Owner(Pid(int(owner["pid"])), owner["command"], int(owner["fd"])) for owner in found) or None


def _timer_of(rest: str) -> Timer | None:
    match = _timer(rest)
    return ss_timer(match["kind"], match["min"], match["sec"], match["ms"], match["retr"]) if match else None

"""The usual rows of each tool; see ``usual.py``, with which ``build.py`` joins this into one module of C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsers.records import OpenFile, Owner, Pid, SocketRow, TcpState, Timer
from parsers.sockets.kernel.usual import MOST, Usual, bare_end, number, sign, word_end, word_start

if TYPE_CHECKING:
    from parsers.records import TimerKind

LONGEST_PID = 10
EXACT = 15
"""Digits of a number that a floating point number holds as it is."""
LISTEN = TcpState.LISTEN


class UsualNetstat(Usual):
    """Rows of netstat: ``tcp 0 0 near far STATE [user inode] owner timer (left/retransmits/probes)``."""

    def row(self, data: bytes, at: int, end: int) -> bool:
        """See :meth:`Usual.row`."""
        if end - at < 8 or data[at] != 116 or data[at + 1] != 99 or data[at + 2] != 112:
            return False
        at += 3
        if data[at] == 52 or data[at] == 54:
            at += 1
        if data[at] != 32:
            return False
        at = word_start(data, at, end)
        stop = word_end(data, at, end)
        received = number(data, at, stop)
        at = word_start(data, stop, end)
        stop = word_end(data, at, end)
        sending = number(data, at, stop)
        if received < 0 or sending < 0:
            return False
        at = word_start(data, stop, end)
        stop = word_end(data, at, end)
        local = self.near(data, at, stop)
        at = word_start(data, stop, end)
        stop = word_end(data, at, end)
        if local is None or at == stop:
            return False
        remote = self.far(data, at, stop)
        at = word_start(data, stop, end)
        stop = word_end(data, at, end)
        state = self.state(data[at:stop])
        if remote is None or state is None:
            return False
        at = word_start(data, stop, end)
        user: str | None = None
        inode: Any = None  # a call of Inode takes longer than the row itself
        stop = word_end(data, at, end)
        follow = word_start(data, stop, end)
        numbered = number(data, follow, word_end(data, follow, end))
        if numbered >= 0 and stop > at and sign(data, at, stop, 47) == stop:
            text = data[at:stop]
            user = self.cells.get(text)
            if user is None:
                user = self.cells[text] = self.reader.user(text.decode())
            inode = numbered
            at = word_start(data, word_end(data, follow, end), end)
        bracket = sign(data, at, end, 40)
        text = data[at : bare_end(data, at, bracket)]
        holder = self.holders.get(text)
        if holder is None:
            holder = self.reader.holder(text.decode())
            if len(self.holders) < MOST:
                self.holders[text] = holder
        owners, kind = holder
        timer = None
        if kind is not None:
            if bracket == end:
                return False
            timer = self.timer(data, bracket + 1, end, kind)
            if timer is None:
                return False
        elif bracket < end:
            return False
        self.records.append(
            SocketRow(
                self.where(),
                "netstat",
                "tcp",
                local,
                None if state is LISTEN else remote,
                state,
                received,
                sending,
                None,
                owners,
                user,
                inode,
                timer,
            )
        )
        return True

    def state(self, text: bytes) -> TcpState | None:
        """The state behind a word."""
        known: TcpState | None = self.words.get(text)
        if known is None:
            known = self.reader.state(text.decode())
            if known is not None:
                self.words[text] = known
        return known

    def timer(self, data: bytes, at: int, end: int, kind: TimerKind) -> Timer | None:
        """``7194.90/0/0)`` and blanks; None for anything else."""
        dot = sign(data, at, end, 46)
        slash = sign(data, dot, end, 47)
        second = sign(data, slash + 1, end, 47)
        close = sign(data, second, end, 41)
        if close >= end or word_start(data, close + 1, end) != end or slash - at > EXACT:
            return None
        whole = number(data, at, dot)
        part = number(data, dot + 1, slash)
        again = number(data, slash + 1, second)
        probes = number(data, second + 1, close)
        if whole < 0 or part < 0 or again < 0 or probes < 0:
            return None
        if again or probes or not (whole or part):
            text = data[at:close]
            known: Timer | None = self.timers.get((kind, text))
            if known is None:
                known = self.reader.timer(kind, data[at:slash].decode(), data[slash + 1 : close].decode())
                if len(self.timers) < MOST:
                    self.timers[kind, text] = known
            return known
        scale = 1
        for _ in range(slash - dot - 1):
            scale *= 10
        return Timer(kind, float(whole * scale + part) / float(scale), 0, 0)


class UsualSs(Usual):
    """Rows of ss: ``[netid] STATE 0 0 near far [users:(("command",pid=1,fd=2))]``."""

    def row(self, data: bytes, at: int, end: int) -> bool:
        """See :meth:`Usual.row`."""
        start = at
        if at == end or data[at] == 32:
            return False
        at = word_end(data, at, end)
        if self.reader.with_netid:
            at = word_end(data, word_start(data, at, end), end)
        text = data[start:at]
        holder = self.words.get(text)
        if holder is None:
            holder = self.reader.kind(text.decode())
            if holder is None:
                return False
            if len(self.words) < MOST:
                self.words[text] = holder
        proto, state = holder
        at = word_start(data, at, end)
        stop = word_end(data, at, end)
        received = number(data, at, stop)
        at = word_start(data, stop, end)
        stop = word_end(data, at, end)
        sending = number(data, at, stop)
        if received < 0 or sending < 0:
            return False
        at = word_start(data, stop, end)
        stop = word_end(data, at, end)
        local = self.near(data, at, stop)
        at = word_start(data, stop, end)
        stop = word_end(data, at, end)
        if local is None or at == stop:
            return False
        remote = self.far(data, at, stop)
        if remote is None:
            return False
        at = word_start(data, stop, end)
        owners = None
        if at < end:
            owners = self.users(data, at, end)
            if owners is None:
                return False
        listens = state is LISTEN
        self.records.append(
            SocketRow(
                self.where(),
                "ss",
                proto,
                local,
                None if listens else remote,
                state,
                received,
                sending,
                sending if listens else None,
                owners,
            )
        )
        return True

    def users(self, data: bytes, at: int, end: int) -> tuple[Owner, ...] | None:
        """``users:(("java",pid=3427,fd=14))`` and blanks; None for anything else."""
        quote = at + 9
        if end - at < 26 or data[at:quote] != b'users:(("':
            return None
        close = sign(data, quote, end, 34)
        stop = sign(data, close + 2, end, 44)
        if stop + 4 > end or close + 6 > stop or data[close : close + 6] != b'",pid=' or data[stop : stop + 4] != b",fd=":
            return None
        last = sign(data, stop, end, 41)
        descriptor = number(data, stop + 4, last)
        pid = number(data, close + 6, stop)
        if pid < 0 or stop - close - 6 > LONGEST_PID or descriptor < 0 or last - stop - 4 > LONGEST_PID:
            return None
        if last + 2 > end or data[last + 1] != 41 or word_start(data, last + 2, end) != end:
            return None
        text = data[quote:stop]
        holder = self.holders.get(text)
        if holder is None:
            holder = (Pid(pid), data[quote:close].decode())
            if len(self.holders) < MOST:
                self.holders[text] = holder
        return (Owner(holder[0], holder[1], descriptor),)


class UsualLsof(Usual):
    """Rows of lsof: ``command pid user 12u IPv4 inode 0t0 TCP near->far (STATE)``, and files with a path."""

    def row(self, data: bytes, at: int, end: int) -> bool:
        """See :meth:`Usual.row`."""
        start = at
        if at == end or data[at] == 32:
            return False
        at = word_start(data, word_end(data, at, end), end)
        stop = word_end(data, at, end)
        if number(data, at, stop) < 0 or stop - at > LONGEST_PID:
            return False
        stop = word_start(data, stop, end)
        if stop == end:
            return False
        at = word_end(data, stop, end)
        text = data[start:at]
        holder = self.holders.get(text)
        if holder is None:
            holder = self.reader.holder(*text.decode().split())
            if holder is None:
                return False
            if len(self.holders) < MOST:
                self.holders[text] = holder
        at = word_start(data, at, end)
        stop = word_end(data, at, end)
        mode = data[stop - 1] if stop - at > 1 else 0
        if mode not in (117, 114, 119):
            return False
        cut = data[at] == 42
        descriptor = number(data, at + 1 if cut else at, stop - 1)
        if descriptor < 0 or stop - at >= LONGEST_PID:
            return False
        name = at
        last = stop
        at = word_start(data, stop, end)
        stop = word_end(data, at, end)
        if stop - at == 4 and data[at] == 73 and data[at + 1] == 80 and data[at + 2] == 118 and (data[at + 3] == 52 or data[at + 3] == 54):
            return self.socket(data, stop, end, holder, -1 if cut else descriptor)
        if at == stop or data[at] == 73 or data[at] == 105 or data[at] == 115:
            return False
        return self.opened(data, at, stop, end, holder, data[name:last].decode())

    def socket(self, data: bytes, at: int, end: int, holder: tuple[Any, ...], descriptor: int) -> bool:
        """What stands behind the type of a socket; a descriptor of -1 is cut."""
        at = word_start(data, at, end)
        stop = word_end(data, at, end)
        inode = number(data, at, stop)
        if inode < 0 and not (stop - at > 1 and data[at] == 48 and data[at + 1] == 120):
            return False
        at = word_start(data, word_end(data, word_start(data, stop, end), end), end)
        stop = word_end(data, at, end)
        if stop - at != 3 or data[at + 2] != 80:
            return False
        if data[at] == 84 and data[at + 1] == 67:
            proto = "tcp"
        elif data[at] == 85 and data[at + 1] == 68:
            proto = "udp"
        else:
            return False
        at = word_start(data, stop, end)
        stop = word_end(data, at, end)
        arrow = sign(data, at, stop, 62)
        if arrow < stop and (arrow - at < 2 or data[arrow - 1] != 45):
            return False
        local = self.near(data, at, arrow - 1 if arrow < stop else stop)
        if local is None:
            return False
        remote = None
        if arrow < stop:
            remote = self.far(data, arrow + 1, stop)
            if remote is None:
                return False
        at = word_start(data, stop, end)
        stop = word_end(data, at, end)
        if word_start(data, stop, end) != end:
            return False
        text = data[at:stop]
        tail = self.words.get(text)
        if tail is None:
            tail = self.reader.tail(text.decode())
            if tail is None:
                return False
            if len(self.words) < MOST:
                self.words[text] = tail
        found: Any = None if inode < 0 else inode
        state, received, sending = tail
        self.records.append(
            SocketRow(
                self.where(),
                "lsof",
                proto,
                local,
                None if state is LISTEN else remote,
                state,
                received,
                sending,
                None,
                holder[3] if descriptor < 0 else (Owner(holder[0], holder[1], descriptor),),
                holder[2],
                found,
            )
        )
        return True

    def opened(self, data: bytes, at: int, stop: int, end: int, holder: tuple[Any, ...], descriptor: str) -> bool:
        """A file with a path: it stands behind the first blank with a slash."""
        text = data[at:stop]
        kind = self.cells.get(text)
        if kind is None:
            kind = text.decode()
            if len(self.cells) < MOST:
                self.cells[text] = kind
        at = word_start(data, stop, end)
        slash = sign(data, at, end, 47)
        while slash < end and slash > at and data[slash - 1] != 32:
            slash = sign(data, slash + 1, end, 47)
        if slash >= end or slash == at:
            return False
        self.records.append(
            OpenFile(self.where(), "lsof", holder[0], holder[1], descriptor, kind, data[slash : bare_end(data, slash, end)].decode())
        )
        return True

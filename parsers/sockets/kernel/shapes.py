"""Rows that are surely of a tool's table, told without reading them: a text is cut into outputs before anybody reads one.

Each function is True only for lines that the ``ROW_SHAPE`` of the format matches, and for nearly all of its rows; see ``usual.py``.
"""

from __future__ import annotations

from parsers.sockets.kernel.usual import line_end, number, sign, word_end, word_start

STATES = frozenset(
    (
        b"ESTAB",
        b"SYN-SENT",
        b"SYN-RECV",
        b"FIN-WAIT-1",
        b"FIN-WAIT-2",
        b"TIME-WAIT",
        b"CLOSE-WAIT",
        b"LAST-ACK",
        b"LISTEN",
        b"CLOSING",
        b"UNCONN",
    )
)


def skimmed(kind: int, data: bytes, at: int, stop: int) -> int:
    """Of a line end at ``at``: the end of the last of the lines below it that surely are rows of lsof (0), netstat (1) or ss (2)."""
    start = at + 1
    while start < stop:
        end = line_end(data, start, stop)
        if end < stop and data[end] != 10:
            break
        if kind == 0:
            row = is_lsof(data, start, end)
        elif kind == 1:
            row = is_netstat(data, start, end)
        else:
            row = is_ss(data, start, end)
        if not row:
            break
        at = end
        start = end + 1
    return at


def is_lsof(data: bytes, at: int, end: int) -> bool:
    """``command pid user 12u IPv4 inode 0t0 TCP `` or ``command pid user 12u REG 253``."""
    if at == end or data[at] == 32:
        return False
    at = word_start(data, word_end(data, at, end), end)
    stop = word_end(data, at, end)
    if number(data, at, stop) < 0:
        return False
    at = word_start(data, word_end(data, word_start(data, stop, end), end), end)
    stop = word_end(data, at, end)
    if stop - at < 2 or (data[stop - 1] != 117 and data[stop - 1] != 114 and data[stop - 1] != 119):
        return False
    if number(data, at + 1 if data[at] == 42 else at, stop - 1) < 0:
        return False
    at = word_start(data, stop, end)
    stop = word_end(data, at, end)
    if stop - at == 3 and data[at] == 82 and data[at + 1] == 69 and data[at + 2] == 71:
        at = word_start(data, stop, end)
        return at < end and 48 <= data[at] <= 57
    if stop - at != 4 or data[at] != 73 or data[at + 1] != 80 or data[at + 2] != 118 or (data[at + 3] != 52 and data[at + 3] != 54):
        return False
    at = word_start(data, word_end(data, word_start(data, stop, end), end), end)
    at = word_start(data, word_end(data, at, end), end)
    if at + 4 > end or data[at + 2] != 80 or data[at + 3] != 32:
        return False
    return (data[at] == 84 and data[at + 1] == 67) or (data[at] == 85 and data[at + 1] == 68)


def is_netstat(data: bytes, at: int, end: int) -> bool:
    """``tcp 0 0 address:port address:port STAT``."""
    if end - at < 8 or data[at] != 116 or data[at + 1] != 99 or data[at + 2] != 112:
        return False
    at += 3
    if data[at] == 52 or data[at] == 54:
        at += 1
    if data[at] != 32:
        return False
    for _ in range(2):
        at = word_start(data, at, end)
        stop = word_end(data, at, end)
        if number(data, at, stop) < 0:
            return False
        at = stop
    for _ in range(2):
        at = word_start(data, at, end)
        stop = word_end(data, at, end)
        colon = sign(data, at, stop, 58)
        if colon == at or colon + 1 >= stop:
            return False
        at = colon + 1
        while at < stop:  # one colon only: an IPv6 address is left to the pattern
            if data[at] == 58 or data[at] == 46:
                return False
            at += 1
    at = word_start(data, at, end)
    if at + 4 > end:
        return False
    stop = at + 4
    while at < stop and (65 <= data[at] <= 90 or data[at] == 95):
        at += 1
    return at == stop


def is_ss(data: bytes, at: int, end: int) -> bool:
    """``[netid] STATE 0 0 address ``."""
    if at == end:
        return False
    stop = word_end(data, at, end)
    if 97 <= data[at] <= 122:
        if stop - at < 2 or stop - at > 6:
            return False
        for place in range(at, stop):
            if not 97 <= data[place] <= 122:
                return False
        at = word_start(data, stop, end)
        stop = word_end(data, at, end)
    if data[at:stop] not in STATES:
        return False
    for _ in range(2):
        at = word_start(data, stop, end)
        stop = word_end(data, at, end)
        if number(data, at, stop) < 0:
            return False
    at = word_start(data, stop, end)
    return at < end and word_end(data, at, end) < end

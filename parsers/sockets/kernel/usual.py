"""What usual rows of large socket tables have in common: octets → records, in one look at each octet, with no string for a cell that is known already.

A row is usual if it is plain ASCII and has the cells that nearly all rows of its tool have. :meth:`Usual.read` stops at the first line that is not,
and leaves it to the reader of the format, which knows every odd one; so no row is read here that the reader would read otherwise. What a cell means
is asked of the reader once, and then known by its octets.

This is plain Python that ``build.py`` compiles, with the C types of the ``.pxd`` files. Interpreted it is slower than the readers, so it is used compiled only.
"""

from __future__ import annotations

from typing import Any

from parsers.records import Endpoint, Where

MOST = 8192
"""Cells of one kind that are kept; see :class:`parsers.text.endpoint.Hosts`."""
LAST_PORT = 65535
LONGEST_PORT = 5
LONGEST_NUMBER = 18
LONGEST_LINE = 1000


def line_end(data: bytes, at: int, stop: int) -> int:
    """Where the first octet stands that is no plain letter; at best the end of the line."""
    while at < stop and 32 <= data[at] < 127:
        at += 1
    return at


def word_end(data: bytes, at: int, end: int) -> int:
    """Where the word ends that begins at ``at``."""
    while at < end and data[at] != 32:
        at += 1
    return at


def word_start(data: bytes, at: int, end: int) -> int:
    """Where the next word begins; ``end`` if there is none."""
    while at < end and data[at] == 32:
        at += 1
    return at


def bare_end(data: bytes, at: int, end: int) -> int:
    """Where the text ends without the blanks behind it."""
    while end > at and data[end - 1] == 32:
        end -= 1
    return end


def sign(data: bytes, at: int, end: int, octet: int) -> int:
    """Where an octet stands first; ``end`` if nowhere."""
    while at < end and data[at] != octet:
        at += 1
    return at


def number(data: bytes, at: int, end: int) -> int:
    """The value of up to eighteen digits; -1 for anything else."""
    if at >= end or end - at > LONGEST_NUMBER:
        return -1
    value = 0
    while at < end:
        if data[at] < 48 or data[at] > 57:
            return -1
        value = value * 10 + (data[at] - 48)
        at += 1
    return value


def v4_end(data: bytes, at: int, end: int) -> int:
    """Where four numbers of up to three digits end that have dots between them; -1 if they are none."""
    for group in range(4):
        start = at
        while at < end and 48 <= data[at] <= 57:
            at += 1
        if at == start or at - start > 3:
            return -1
        if group < 3:
            if at >= end or data[at] != 46:
                return -1
            at += 1
    return at


class Usual:
    """A table that is read. The reader's rows and these go into one list, so they stay in order.

    Attributes:
        index: of the next line, from 0.
        count: rows that were read here.
        on: False while the columns are not the usual ones.
    """

    def __init__(self, reader: Any, records: list[Any]) -> None:
        """``records``: the list of all rows."""
        self.reader, self.records, self.file, self.first = reader, records, reader.file, reader.first
        self.index = self.count = 0
        self.on = True
        self.ends: dict[bytes, Endpoint] = {}
        self.hosts: dict[bytes, str] = {}
        self.words: dict[bytes, Any] = {}
        self.cells: dict[bytes, str] = {}
        self.holders: dict[bytes, tuple[Any, ...]] = {}
        self.timers: dict[tuple[Any, bytes], Any] = {}

    def read(self, data: bytes, at: int, stop: int) -> int:
        """Read rows from ``at`` on; where the first line begins that is no usual row, or ``stop``."""
        while self.on and at < stop:
            end = line_end(data, at, stop)
            if (end < stop and data[end] != 10) or end - at > LONGEST_LINE or not self.row(data, at, end):
                return at
            self.index += 1
            self.count += 1
            at = end + 1
        return min(at, stop)

    def row(self, _data: bytes, _at: int, _end: int) -> bool:
        """Read the line ``data[at:end]``; False if it is no usual row."""
        return False

    def near(self, data: bytes, at: int, end: int) -> Endpoint | None:
        """The near end; None if it is none."""
        text = data[at:end]
        known: Endpoint | None = self.ends.get(text)
        if known is None:
            known = self.reader.near(text.decode())
            if known is not None and len(self.ends) < MOST:
                self.ends[text] = known
        return known

    def far(self, data: bytes, at: int, end: int) -> Endpoint | None:
        """The far end, with a port; None if it is none, or one without."""
        colon = v4_end(data, at, end)
        if colon < 0:
            return self.named(data[at:end].decode())
        if colon >= end or data[colon] != 58 or end - colon - 1 > LONGEST_PORT:
            return None
        port = number(data, colon + 1, end)
        if port < 0 or port > LAST_PORT:
            return None
        text = data[at:colon]
        host = self.hosts.get(text)
        if host is None:
            host = text.decode()
            if len(self.hosts) < MOST:
                self.hosts[text] = host
        return Endpoint(host, port)

    def named(self, text: str) -> Endpoint | None:
        """A far end that is no plain IPv4 address."""
        found: Endpoint | None = self.reader.far(text)
        return found if found is not None and found.port is not None else None

    def where(self) -> Where:
        """The place of the line."""
        line = self.first + self.index
        return Where(self.file, line, line)

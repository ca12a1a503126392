"""The little that is read of a payload: an HTTP/1 request line with its Host, a status, a TLS server name, a TLS alert. Nothing else is kept.

Compiled or interpreted, as ``frames.py`` says. Sources: RFC 9112 (HTTP/1.1), RFC 8446 and 5246 (TLS records), RFC 6066 (server name).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsers.capture.kernel.octets import taken, u32

if TYPE_CHECKING:
    from parsers.capture.kernel.octets import Octets

LONGEST_LINE = 512
"""Octets of a request line that are kept: enough to recognise it, and a report shows fewer."""
LONGEST_HEAD = 4096
"""Octets of a request in which its Host is looked for; browsers send it first, and Tomcat's whole head is at most 8 KB."""
LONGEST_NAME = 255
"""Octets of a DNS name (RFC 1035)."""
MOST_RECORDS = 8
"""TLS records that are walked in one segment: an alert follows few others."""

NOTHING, REQUEST, STATUS, TLS = 0, 1, 2, 3
ENCRYPTED = 256
"""An alert whose content is encrypted: most likely close_notify, but the capture does not say."""
CR, LF, SPACE = 13, 10, 32
ALERT, HANDSHAKE, APPLICATION, CLIENT_HELLO, SERVER_NAME, LARGEST_RECORD = 21, 22, 23, 1, 0, 18432
GET_, PUT_, HEAD, POST = 0x47455420, 0x50555420, 0x48454144, 0x504F5354
PATC, ATCH, TRAC, RACE, DELE, LETE = 0x50415443, 0x41544348, 0x54524143, 0x52414345, 0x44454C45, 0x4C455445
OPTI, IONS, CONN, NECT = 0x4F505449, 0x494F4E53, 0x434F4E4E, 0x4E454354
"""The first and the last four letters of the methods, which tell them; of GET and PUT with the space behind."""


class Payload:
    """Looks at the beginning of one segment's payload; the results stand in the attributes until the next call.

    ``line`` and ``host``: of a request. ``status``: of a response, 0 if it is cut off. ``name``: the server name of a ClientHello.
    ``alert``: the description of a TLS alert, 256 if it is encrypted, -1 for none; ``is_hello``: a ClientHello.
    """

    __slots__ = ("alert", "host", "is_hello", "line", "name", "status")

    def __init__(self) -> None:
        """Nothing seen."""
        self.line: bytes | None = None
        self.host: bytes | None = None
        self.name: bytes | None = None
        self.status = 0
        self.alert = -1
        self.is_hello = 0

    def look(self, data: Octets, at: int, end: int) -> int:
        """What ``data[at:end]`` begins with: 0 nothing known, 1 an HTTP/1 request, 2 an HTTP/1 status line, 3 TLS records."""
        first = data[at]
        if 20 <= first <= APPLICATION:
            return self.records(data, at, end)
        # The letters that methods, and HTTP itself, begin with.
        if first in (0x43, 0x44, 0x47, 0x48, 0x4F, 0x50, 0x54):
            if end - at >= 7 and first == 0x48 and data[at + 1] == 0x54:
                return self.answer(data, at, end)
            return self.request(data, at, end)
        return NOTHING

    def answer(self, data: Octets, at: int, end: int) -> int:
        """``HTTP/1.1 200 …``."""
        if data[at + 2] != 0x54 or data[at + 3] != 0x50 or data[at + 4] != 0x2F or data[at + 5] != 0x31:
            return NOTHING
        self.status = 0
        if end - at >= 12:
            for place in range(at + 9, at + 12):
                digit = data[place] - 48
                if digit < 0 or digit > 9:
                    self.status = 0
                    break
                self.status = self.status * 10 + digit
        return STATUS

    def request(self, data: Octets, at: int, end: int) -> int:
        """``GET /path HTTP/1.1`` and the ``Host:`` below it, as far as they were captured."""
        stop = at
        while stop < end and stop - at < 8 and data[stop] != SPACE:
            stop += 1
        if stop >= end or data[stop] != SPACE or not self.is_method(data, at, stop):
            return NOTHING
        # A target begins with a slash, a scheme, a host name or an asterisk; text that merely begins with such a word has no version.
        limit = min(end, at + LONGEST_LINE)
        stop += 1
        begin = stop
        while stop < limit and data[stop] > SPACE and data[stop] != 127:
            stop += 1
        if stop == begin:
            return NOTHING
        if stop < limit:
            if data[stop] != SPACE or (end - stop >= 2 and data[stop + 1] != 0x48):
                return NOTHING
            if end - stop >= 7 and (data[stop + 5] != 0x2F or data[stop + 6] != 0x31):
                return NOTHING
        while stop < limit and data[stop] >= SPACE and data[stop] != 127:
            stop += 1
        self.line = taken(data, at, stop)
        self.host = None
        self.find_host(data, stop, min(end, at + LONGEST_HEAD))
        return REQUEST

    def is_method(self, data: Octets, at: int, stop: int) -> int:
        """True if ``data[at:stop]``, which a space follows, is a method of RFC 9110 or 5789."""
        size = stop - at
        if size < 3:
            return 0
        first = u32(data, at)
        if size == 3:
            return first in (GET_, PUT_)
        last = u32(data, stop - 4)
        if size == 4:
            return first in (HEAD, POST)
        if size == 5:
            return (first == PATC and last == ATCH) or (first == TRAC and last == RACE)
        if size == 6:
            return first == DELE and last == LETE
        return size == 7 and ((first == OPTI and last == IONS) or (first == CONN and last == NECT))

    def find_host(self, data: Octets, at: int, end: int) -> int:
        """Find a line ``Host: name`` in ``data[at:end]``; only a name whose end was captured is kept."""
        while at + 6 < end:
            if data[at] != LF:
                at += 1
                continue
            at += 1
            if data[at] in (CR, LF):
                return 0
            # "host:" in any case; setting bit 5 makes an ASCII letter small.
            if (
                data[at] | 32 == 0x68
                and data[at + 1] | 32 == 0x6F
                and data[at + 2] | 32 == 0x73
                and data[at + 3] | 32 == 0x74
                and data[at + 4] == 0x3A
            ):
                at += 5
                while at < end and data[at] == SPACE:
                    at += 1
                stop = at
                while stop < end and stop - at <= LONGEST_NAME and data[stop] > SPACE and data[stop] < 127:
                    stop += 1
                if stop < end and data[stop] in (CR, LF, SPACE):
                    self.host = taken(data, at, stop)
                return 1
        return 0

    def records(self, data: Octets, at: int, end: int) -> int:
        """Walk TLS records: type, version 3.x, length; notes a ClientHello and an alert."""
        self.alert = -1
        self.is_hello = 0
        self.name = None
        found = NOTHING
        for _ in range(MOST_RECORDS):
            if end - at < 5 or data[at] < 20 or data[at] > APPLICATION or data[at + 1] != 3 or data[at + 2] > 4:
                break
            length = data[at + 3] << 8 | data[at + 4]
            if length == 0 or length > LARGEST_RECORD:
                break
            found = TLS
            kind = data[at]
            at += 5
            if kind == ALERT:
                self.alert = ENCRYPTED
                if length == 2 and end - at >= 2 and data[at] in (1, 2):
                    self.alert = data[at + 1]
            elif kind == HANDSHAKE and end > at and data[at] == CLIENT_HELLO:
                self.is_hello = 1
                self.server_name(data, at + 4, min(end, at + length))
            at += length
        return found

    def server_name(self, data: Octets, at: int, end: int) -> int:
        """The server name extension of a ClientHello: version, random, then three vectors, then the extensions."""
        at += 34
        if at >= end:
            return 0
        at += 1 + data[at]
        if end - at < 2:
            return 0
        at += 2 + (data[at] << 8 | data[at + 1])
        if at >= end:
            return 0
        at += 1 + data[at]
        at += 2
        while end - at >= 4:
            kind = data[at] << 8 | data[at + 1]
            length = data[at + 2] << 8 | data[at + 3]
            at += 4
            if kind == SERVER_NAME:
                # A list of names: its length, type 0 for a host name, the name's length, the name.
                if end - at >= 5 and data[at + 2] == 0:
                    stop = at + 5 + (data[at + 3] << 8 | data[at + 4])
                    at += 5
                    if at < stop <= end and stop - at <= LONGEST_NAME:
                        self.name = taken(data, at, stop)
                        return 1
                return 0
            at += length
        return 0

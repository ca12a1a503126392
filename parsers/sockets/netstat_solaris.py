"""netstat of Solaris and illumos: ``netstat -an``, ``-P tcp``. Recv-Q is the last of four numbers.

    TCP: IPv4
       Local Address        Remote Address    Swind Send-Q Rwind Recv-Q    State
    -------------------- -------------------- ----- ------ ----- ------ -----------
    10.0.0.26.8080       10.0.0.149.60494     49640      0 49640     58 CLOSE_WAIT
          *.8080               *.*                0      0 49152      0 LISTEN

Written after illumos' ``netstat.c``, not captured here. Swind and Rwind are the windows of both ends, not queues: where bytes wait and
Swind is 0 the far end has closed its window, and TCP probes it until it opens (RFC 9293, 3.8.6.1). Only TCP gives rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Endpoint, Parsed, SocketRow, TcpState, Timer, TimerKind
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.grammar import tcp_state
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "netstat_solaris"
SHOWS: Final = frozenset({Shows.SOCKETS})

HEADER: Final = r"(?:TCP: IPv[46][ ]*\n)?[ ]*Local(?:/Remote)? Address[ ]+(?:Remote Address[ ]+)?Swind[ ]+Send-Q[ ]+Rwind[ ]+Recv-Q"
ROW_SHAPE: Final = r"[ ]*\S+\.[\w*]+[ ]+\S+\.[\w*]+[ ]+\d+[ ]+\d+[ ]+\d+[ ]+\d+[ ]+[A-Z_]{4}"

ROW = lazy(
    r"\s*(?P<local>\S+\.[\w*-]+)\s+(?P<remote>\S+\.[\w*-]+)\s+(?P<window>\d{1,18})\s+(?P<send>\d{1,18})\s+\d{1,18}\s+(?P<recv>\d{1,18})\s+(?P<state>[A-Z_0-9]+)"
    r"(?:\s+\S+)?\s*$"
)
_row = ROW.match
_remark = lazy(r"\s*(?:TCP: IPv[46]|UDP: IPv[46]|Local(?:/Remote)? Address|-{4,}+[ -]*+$|Active UNIX)").match
_telling = lazy(rf"{HEADER}|{ROW_SHAPE}").match


def sniff(head: Sequence[str]) -> bool:
    """True if the header with Swind and Rwind, or a row with four numbers, is among the lines."""
    return any(_telling(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every TCP row; what is no row or header is counted as unread."""
    records: list[SocketRow] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        match = _row(line)
        row = _socket_row(section, index, match) if match else None
        if row:
            records.append(row)
        elif not _remark(line):
            unread.append((index, "no netstat row"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _socket_row(section: Section, index: int, match: re.Match[str]) -> SocketRow | None:
    local, remote, state = _endpoint(match["local"]), _endpoint(match["remote"]), _state(match["state"])
    if local is None or remote is None or state is None:
        return None
    everyone = remote.port is None and remote.service is None and remote.is_wildcard
    return SocketRow(
        where=section.where(index),
        tool=NAME,
        proto="tcp",
        local=local,
        remote=None if state is TcpState.LISTEN or everyone else remote,
        state=state,
        recv_q=int(match["recv"]),
        send_q=int(match["send"]),
        timer=Timer(TimerKind.PROBE, None) if state is TcpState.ESTABLISHED and int(match["send"]) and not int(match["window"]) else None,
    )


def _endpoint(text: str) -> Endpoint | None:
    """``10.0.0.26.8080``; the last dot is the port's."""
    host, _, port = text.rpartition(".")
    return endpoint(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _state(word: str) -> TcpState | None:
    """Solaris has two words more: a socket that is bound, and one that is not."""
    return TcpState.CLOSE if word in {"BOUND", "IDLE"} else tcp_state(word)

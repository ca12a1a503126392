"""What ``ss -i`` and ``ss -m`` print of a socket, typed. Part of :mod:`parsers.records`.

    skmem:(r2304,rb131072,t0,tb87040,f1792,w0,o0,bl0,d0) ts sack cubic wscale:7,7 rto:204 rtt:3.1/1.2 mss:1448 cwnd:10 bytes_sent:7 lastrcv:3540

Names and units are those of iproute2's ``ss.c`` (``tcp_stats_print``, ``print_skmeminfo``; ss(8)) and of the kernel's ``tcp_info``. Older
versions print fewer fields, and zero is mostly left out: None means not printed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable


class SocketMemory(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """``skmem``: bytes of kernel memory, overhead included, except ``drops``, which counts packets dropped before they reached the socket.

    ``received`` waits in the receive queue, ``backlog`` in the queue of a socket that a process holds just then.
    """

    received: int | None = None
    receive_buffer: int | None = None
    sending: int | None = None
    send_buffer: int | None = None
    forward: int | None = None
    queued: int | None = None
    options: int | None = None
    backlog: int | None = None
    drops: int | None = None


class TcpInfo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """``tcp_info``. Times in milliseconds (``rtt`` with its mean deviation ``rtt_var``), amounts in bytes or segments as the name says.

    ``last_sent_ms``, ``last_received_ms``, ``last_ack_ms``: since data was sent, since data came, since an ACK came. ``retransmitting`` and
    ``retransmitted`` are segments unacknowledged after a retransmission, and retransmitted in all. ``app_limited``: the application wrote
    less than the connection would carry.
    """

    congestion: str | None = None
    rto_ms: float | None = None
    backoff: int | None = None
    rtt_ms: float | None = None
    rtt_var_ms: float | None = None
    min_rtt_ms: float | None = None
    mss: int | None = None
    cwnd: int | None = None
    bytes_sent: int | None = None
    bytes_acked: int | None = None
    bytes_received: int | None = None
    bytes_retransmitted: int | None = None
    segments_out: int | None = None
    segments_in: int | None = None
    data_segments_out: int | None = None
    data_segments_in: int | None = None
    last_sent_ms: int | None = None
    last_received_ms: int | None = None
    last_ack_ms: int | None = None
    unacked: int | None = None
    retransmitting: int | None = None
    retransmitted: int | None = None
    lost: int | None = None
    not_sent: int | None = None
    send_window: int | None = None
    busy_ms: int | None = None
    rwnd_limited_ms: int | None = None
    sndbuf_limited_ms: int | None = None
    app_limited: bool = False


def _whole(text: str) -> int:
    return int(text)


def _millis(text: str) -> int:
    return int(text.removesuffix("ms"))


_FIELDS: Final[dict[str, tuple[tuple[str, Callable[[str], float]], ...]]] = {
    "rto": (("rto_ms", float),),
    "backoff": (("backoff", _whole),),
    "rtt": (("rtt_ms", float), ("rtt_var_ms", float)),
    "minrtt": (("min_rtt_ms", float),),
    "mss": (("mss", _whole),),
    "cwnd": (("cwnd", _whole),),
    "bytes_sent": (("bytes_sent", _whole),),
    "bytes_acked": (("bytes_acked", _whole),),
    "bytes_received": (("bytes_received", _whole),),
    "bytes_retrans": (("bytes_retransmitted", _whole),),
    "segs_out": (("segments_out", _whole),),
    "segs_in": (("segments_in", _whole),),
    "data_segs_out": (("data_segments_out", _whole),),
    "data_segs_in": (("data_segments_in", _whole),),
    "lastsnd": (("last_sent_ms", _whole),),
    "lastrcv": (("last_received_ms", _whole),),
    "lastack": (("last_ack_ms", _whole),),
    "unacked": (("unacked", _whole),),
    "retrans": (("retransmitting", _whole), ("retransmitted", _whole)),
    "lost": (("lost", _whole),),
    "notsent": (("not_sent", _whole),),
    "snd_wnd": (("send_window", _whole),),
    "busy": (("busy_ms", _millis),),
    "rwnd_limited": (("rwnd_limited_ms", _millis),),
    "sndbuf_limited": (("sndbuf_limited_ms", _millis),),
}
_MEMORY: Final = {
    "r": "received",
    "rb": "receive_buffer",
    "t": "sending",
    "tb": "send_buffer",
    "f": "forward",
    "w": "queued",
    "o": "options",
    "bl": "backlog",
    "d": "drops",
}
_skmem = re.compile(r"skmem:\((?P<cells>(?:[a-z]{1,2}\d{1,18},?)+)\)").search
_cells = re.compile(r"(?<![a-z])([a-z]+)(\d+)").findall
# rtt:3.1/1.2, retrans:0/5, rwnd_limited:250ms(4.1%); nothing else of a line has a known name before its colon.
_pairs = re.compile(r"(?<!\S)([a-z_]+):(\d{1,18}(?:\.\d{1,9})?(?:ms)?)(?:/(\d{1,18}(?:\.\d{1,9})?))?(?=[(\s]|$)").findall
_congestion = re.compile(
    r"(?:^|\s)(cubic|reno|bbr\d?|dctcp|vegas|htcp|westwood|bic|hybla|illinois|veno|yeah|scalable|lp|nv|cdg)(?=\s|$)"
).search


def memory_of(text: str) -> SocketMemory | None:
    """The memory that a line of ``ss -m`` names, None if it names none."""
    match = _skmem(text)
    if match is None:
        return None
    cells = {_MEMORY[name]: int(value) for name, value in _cells(match["cells"]) if name in _MEMORY}
    return SocketMemory(**cells)


def info_of(text: str) -> TcpInfo | None:
    """The fields that a line of ``ss -i`` names, None if it names none. A value of another shape is left out."""
    found: dict[str, Any] = {}
    for name, *values in _pairs(text):
        for (field, read), value in zip(_FIELDS.get(name, ()), values, strict=False):
            if value:
                try:
                    found[field] = read(value)
                except ValueError:
                    continue
    if not found:
        return None
    if match := _congestion(text):
        found["congestion"] = match[1]
    if "app_limited" in text:
        found["app_limited"] = True
    return TcpInfo(**found)

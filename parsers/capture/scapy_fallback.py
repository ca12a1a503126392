"""Frames of link types that the fast path does not know: scapy's dissectors find the IP packet in them. The only module that imports scapy.

Importing scapy takes half a second and dissecting a packet a tenth of a millisecond, so this happens only when such a frame turns up, and for
a bounded number of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 5_000
"""Frames of one capture that are dissected: some seconds."""

# Link types (tcpdump.org/linktypes.html) and the scapy module and class that read them.
LAYERS: Final = {
    105: ("scapy.layers.dot11", "Dot11"),
    119: ("scapy.layers.dot11", "PrismHeader"),
    127: ("scapy.layers.dot11", "RadioTap"),
    192: ("scapy.layers.ppi", "PPI"),
    274: ("scapy.layers.l2", "MPacketPreamble"),
}


class Dissector:
    """Finds the outermost IP packet of a frame. ``read`` counts the frames in which there was one, ``beyond`` those past the limit."""

    def __init__(self, most: int = MOST) -> None:
        """Nothing dissected; scapy is not imported yet."""
        self.most = most
        self.read = self.tried = self.beyond = 0
        self._layers: dict[int, Callable[[bytes], bytes | None] | None] = {}

    def __call__(self, link: int, frame: bytes) -> bytes | None:
        """The IP packet in a frame, None if there is none, or nobody knows the link type. Never raises, whatever the frame."""
        if link not in LAYERS:
            return None
        if self.tried >= self.most:
            self.beyond += 1
            return None
        self.tried += 1
        if link not in self._layers:
            self._layers[link] = _layer(*LAYERS[link])
        dissect = self._layers[link]
        try:
            inner = dissect(frame) if dissect else None
        except Exception:  # noqa: BLE001 - hostile frames find every error that a dissector has
            inner = None
        self.read += inner is not None
        return inner


def _layer(module: str, name: str) -> Callable[[bytes], bytes | None] | None:
    """A function from a frame to the IP packet in it; None where this scapy has no such layer."""
    try:
        from scapy.config import conf  # noqa: PLC0415 - half a second

        # Otherwise the import opens a netlink socket and reads the routes of the machine that analyses.
        conf.route_autoload = False
        conf.route6_autoload = False
        inet = importlib.import_module("scapy.layers.inet")
        inet6 = importlib.import_module("scapy.layers.inet6")
        layer = getattr(importlib.import_module(module), name)
    except Exception:  # noqa: BLE001 - an installation without scapy, or with an older one, reads everything else
        return None

    def dissect(frame: bytes) -> bytes | None:
        packet = layer(frame)
        inner = packet.getlayer(inet.IP) or packet.getlayer(inet6.IPv6)
        return bytes(inner.original) if inner is not None else None

    return dissect

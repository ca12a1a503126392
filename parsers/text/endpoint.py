"""Endpoints as the socket tools print them, made comparable.

One address has many spellings: ``::ffff:10.0.0.5`` (old netstat), ``[::ffff:10.0.0.5]`` (ss), ``10.0.0.5`` under tcp6 (netstat 2.10) and
under TYPE IPv6 (lsof) are one IPv4 address on a dual-stack socket. Without this, pairs do not match.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final

from parsers.records import Endpoint
from parsers.text.services import PORTS

# What net-tools leaves of an IPv6 address that did not fit 22 columns does not parse as an address: that is how the cut is noticed.
_V4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z")
_MAPPED = re.compile(r"::ffff:(?P<v4>\d{1,3}(?:\.\d{1,3}){3})\Z", re.IGNORECASE)
# A resolver's name for the loopback address: /etc/hosts of every distribution in use has these.
_LOCALHOST = frozenset({"localhost", "localhost.localdomain", "localhost4", "ip6-localhost", "localhost6"})
_WIDTH_OF_NETSTAT = 22  # net-tools cuts the address so that address and port fit in 22 characters
LAST_PORT: Final = 0xFFFF
_LONGEST_PORT: Final = 5


V4_ENDPOINT: Final = r"(?P<host>\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}):(?P<port>\d{1,5})(?!\S)"
"""The far end in nearly every row; for the one pattern of a hot row, which then needs no second look."""


class Hosts(dict[str, str]):
    """The hosts of a table's far ends, each held in memory once.

    Most tables have some thousand. More are not looked for: a dictionary that no longer fits the processor's cache takes longer than it saves.
    """

    MOST: Final = 8192

    def one(self, host: str) -> str:
        """The one copy of a host that was not found."""
        if len(self) < self.MOST:
            self[host] = host
        return host


class Ends(dict[str, "Endpoint"]):
    """The near ends of a table: a server has a few, a client as many as calls. As of hosts, more than some thousand are not kept."""

    def one(self, text: str) -> Endpoint | None:
        """The end that was not found, None for what is none."""
        found = endpoint(text)
        if found is not None and len(self) < Hosts.MOST:
            self[text] = found
        return found


@lru_cache(maxsize=4096)
def endpoint(text: str) -> Endpoint | None:
    """Read ``host:port``; None if the text has no such shape. Ports may be ``*`` or service names.

    Accepts ``[v6]:port``, ``v6:port`` (the last colon counts), ``*:8080``, ``addr%iface:port``, ``localhost:webcache``.
    """
    host, _, port = text.rpartition(":")
    if not host or not port:
        return None
    number: int | None = None
    if port.isascii() and port.isdigit():
        number = int(port[:6])
        if number > LAST_PORT:
            return None
    if not _V4.match(host):
        return _other(text, host, port, number)
    return Endpoint(host, number) if number is not None else _named(host, port, truncated=False)


def _other(text: str, host: str, port: str, number: int | None) -> Endpoint:
    """An endpoint whose host is no plain IPv4 address: IPv6, mapped, a name, the wildcard."""
    host = normal_host(host)
    truncated = is_truncated(host, text)
    return Endpoint(host, number, truncated=truncated) if number is not None else _named(host, port, truncated=truncated)


def _named(host: str, port: str, *, truncated: bool) -> Endpoint:
    """An endpoint whose port is ``*`` or a service's name."""
    if port == "*":
        return Endpoint(host, None, truncated=truncated)
    known = PORTS.get(port)
    return Endpoint(host, known, None if known is not None else port, truncated=truncated)


def port_of(text: str) -> int | None:
    """The number of a port of up to five digits; None for anything else."""
    if not (text.isdigit() and text.isascii() and len(text) <= _LONGEST_PORT):
        return None
    number = int(text)
    return number if number <= LAST_PORT else None


@lru_cache(maxsize=65536)
def hex_endpoint(address: str, port: str) -> Endpoint:
    """``0100007F``, ``1F90`` of /proc/net/tcp → 127.0.0.1:8080. An IPv6 address is four words, each with its bytes reversed."""
    packed = b"".join(bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8))
    return Endpoint(normal_host(str(ipaddress.ip_address(packed))), int(port, 16))


is_address: Final = re.compile(r"[\d.]+\Z|[\da-fA-F]*:").match
"""Whether a host is an address and no name."""


def is_v4(host: str) -> bool:
    """True for four numbers with dots between, which need no other spelling."""
    return _V4.match(host) is not None


def normal_host(host: str) -> str:
    """The one spelling of a host: no brackets, no ``%iface``, IPv4-mapped as IPv4, ``localhost`` as 127.0.0.1, IPv6 compressed."""
    host = host.strip("[]")
    host = host.partition("%")[0] or host
    if _V4.match(host):
        return host
    if host in {"*", "", "::", "0.0.0.0"}:  # noqa: S104 - compared, never bound
        return host or "*"
    if mapped := _MAPPED.match(host):
        return mapped["v4"]
    if host.lower() in _LOCALHOST:
        return "127.0.0.1"
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            return host
        return str(address.ipv4_mapped or address)
    return host


def is_truncated(host: str, text: str) -> bool:
    """True if the tool cut the address: an IPv6 address that is none, or a name that fills netstat's column to its last character."""
    if _V4.match(host) or host == "*":
        return False
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return True
        return False
    return len(text) == _WIDTH_OF_NETSTAT and not host.endswith((".com", ".net", ".org", ".local", ".internal"))

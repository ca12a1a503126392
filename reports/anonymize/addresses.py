"""Addresses as they stand in texts: found in every notation that tools print, read, and written back in the same notation.

IPv4 with dots, with a port behind a fifth dot (BSD netstat), with dashes or underscores inside names (``ip-10-0-0-1``), as the kernel's
little-endian hexadecimal words (``/proc/net/tcp``); IPv6 compressed or not, with a port behind one more colon (netstat), IPv4-mapped.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"
V4: Final = rf"(?<![0-9])(?<![0-9]\.){_OCTET}(?:\.{_OCTET}){{3}}(?![0-9])"
"""Four octets. A port may follow behind a dot."""
DASHED: Final = rf"(?<![0-9])(?<![0-9][-_]){_OCTET}(?P<joint>[-_]){_OCTET}(?P=joint){_OCTET}(?P=joint){_OCTET}(?![0-9]|[-_][0-9])"
"""Four octets inside a name; only an address if the name says so or the address is known."""
V6: Final = (
    rf"(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{{0,4}}:){{2,8}}"
    rf"(?:{_OCTET}(?:\.{_OCTET}){{3}}(?![0-9]|\.[0-9])|[0-9A-Fa-f]{{1,5}}(?![0-9A-Za-z.])|(?<=::)(?![0-9A-Za-z:.])|(?<=[0-9A-Fa-f]:)(?![0-9A-Za-z:.]))"
)
"""Groups between colons: an address, one with a port, one that a tool has cut, or a time of day."""
HEX: Final = r"(?<![0-9A-Za-z])(?:[0-9A-F]{32}|[0-9A-F]{8})(?=:[0-9A-F]{4}(?![0-9A-Za-z]))"
"""An address of ``/proc/net/tcp`` before its port."""
_CUT_GROUPS: Final = 4
"""Groups of a token that is no address from which on it is taken for the beginning of one: a time of day has three."""
_PORT: Final = 65_535


@lru_cache(maxsize=65_536)
def parse(text: str) -> Address | None:
    """The address, None if the text is none. Octets may have leading zeros; a zone (``%eth0``) is dropped."""
    text = text.partition("%")[0]
    try:
        if not text.isascii():
            return None
        if ":" in text:
            return ipaddress.IPv6Address(text)
        return ipaddress.IPv4Address(".".join(str(int(octet)) for octet in text.split(".")))
    except ValueError:
        return None


def is_kept(address: Address) -> bool:
    """True for what identifies nobody: wildcard, loopback, link-local, multicast, broadcast. An IPv4-mapped address counts as IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if mapped is not None:
        return is_kept(mapped)
    if isinstance(address, ipaddress.IPv4Address):
        return (
            address.is_loopback or address.is_link_local or address.is_multicast or address.packed[0] == 0 or address.packed == b"\xff" * 4
        )
    return address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified


def split_v6(token: str, known: Collection[str]) -> tuple[Address, str, str] | None:
    """Address, its text and the rest of a token that ``V6`` found, or None if it holds none.

    ``2001:db8::1:443`` is an address or an address with a port; ``known`` (addresses as :mod:`ipaddress` writes them) decides, else it
    is the whole.
    """
    whole = parse(token)
    head, _, tail = token.rpartition(":")
    if not tail and whole is None:
        shorter = parse(head)
        return (shorter, head, ":") if shorter is not None else None
    front = parse(head) if tail.isdecimal() and int(tail) <= _PORT else None
    if whole is None:
        return (front, head, f":{tail}") if front is not None else None
    if front is not None and (str(front) in known or (str(whole) not in known and head in {"::", "::1"})):
        return front, head, f":{tail}"
    return whole, token, ""


def is_cut(token: str) -> bool:
    """True for the beginning of an IPv6 address that a table's column has cut. Six pairs of digits are a network card's address."""
    groups = token.strip(":").split(":")
    return len(groups) >= _CUT_GROUPS and any(len(group) > 2 for group in groups[:-1])  # noqa: PLR2004 - see above


def from_hex(text: str) -> Address:
    """The address behind the kernel's words, which are little-endian (x86, ARM)."""
    octets = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    return ipaddress.IPv4Address(octets) if len(octets) == 4 else ipaddress.IPv6Address(octets)  # noqa: PLR2004 - an IPv4 address


def to_hex(address: Address) -> str:
    """The kernel's words of an address."""
    octets = address.packed
    return b"".join(octets[at : at + 4][::-1] for at in range(0, len(octets), 4)).hex().upper()


FINDER: Final = re.compile(rf"(?P<v6>{V6})|(?P<v4>{V4})|(?P<hex>{HEX})")
"""Every notation that needs no context."""


def found_in(text: str, known: Collection[str] = ()) -> list[Address]:
    """Every address of a text that may identify somebody, in its order; the IPv4 address of an IPv4-mapped one."""
    found: list[Address] = []
    for match in FINDER.finditer(text):
        if match["v4"]:
            address = parse(match["v4"])
        elif match["hex"]:
            address = from_hex(match["hex"])
        else:
            split = split_v6(match["v6"], known)
            address = split[0] if split else None
        if address is not None and not is_kept(address):
            found.append(plain_of(address))
    return found


def plain_of(address: Address) -> Address:
    """IPv4-mapped addresses as IPv4: the same host writes both."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address

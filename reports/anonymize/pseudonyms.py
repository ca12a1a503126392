"""The private map of ``--anonymize``: which pseudonym stands for which value. It never goes into a report.

Pseudonyms are given in order of appearance, so the same evidence gives the same report, and a map that is kept gives a second report of
the same hosts the same names. What relations say is kept: the RFC 1918 block, who shares a /24 (IPv6: a /64), the host name in a longer
name, the domain that two hosts share.
"""

from __future__ import annotations

import ipaddress
import json
from itertools import chain
from typing import TYPE_CHECKING, Final

from analyzer.model.message import say
from reports.anonymize.addresses import Address, is_kept

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

SCHEMA: Final = "pseudonyms/1"
_NETWORK, _ADDRESS = "network", "address"
KINDS: Final = (_NETWORK, _ADDRESS, "host", "domain", "user", "word", "package")
_SHAPES: Final = {"host": "host-{}", "domain": "domain-{}.example", "user": "user-{}", "word": "name{}", "package": "pkg{}"}
_BLOCKS: Final = {
    "10": range(0x0A_00_01, 0x0B_00_00),
    "172": range(0xAC_10_01, 0xAC_20_00),
    "192": range(0xC0_A8_01, 0xC0_A9_00),
    "public": range(0xC6_12_00, 0xC6_14_00),
    "reserved": range(0xF0_00_00, 0x1_00_00_00),
}
"""The /24 networks to give out, by their upper 24 bits: the RFC 1918 blocks stay; everything else goes to the benchmark networks of RFC 2544
(198.18.0.0/15), and once these are used up to 240.0.0.0/4, which nobody routes."""
_PRIVATE: Final = {
    "10": ipaddress.IPv4Network("10.0.0.0/8"),
    "172": ipaddress.IPv4Network("172.16.0.0/12"),
    "192": ipaddress.IPv4Network("192.168.0.0/16"),
}
_UNIQUE_LOCAL: Final = ipaddress.IPv6Network("fc00::/7")
_DOCUMENTATION: Final = 0x2001_0DB8 << 96
_LOCAL: Final = 0xFD00 << 112


class MapError(Exception):
    """A map file that cannot be read or is none, or a map that has no room left."""


class Pseudonyms:
    """Gives pseudonyms and remembers them. ``used`` holds the (kind, original) pairs that this run has asked for."""

    def __init__(self, kept: dict[str, dict[str, str]] | None = None) -> None:
        """``kept`` is the map of an earlier run."""
        self._maps: dict[str, dict[str, str]] = {kind: dict((kept or {}).get(kind, {})) for kind in KINDS}
        self._given: dict[str, set[str]] = {kind: set(table.values()) for kind, table in self._maps.items()}
        self._free: dict[str, Iterator[int]] = {}
        self._avoid: set[str] = set()
        self._hosts: dict[str, int] = {}
        for original in self._maps[_ADDRESS]:
            self._count(original)
        self.used: set[tuple[str, str]] = set()

    def avoid(self, addresses: Iterable[Address]) -> None:
        """Originals of this run: no pseudonym is given in the networks they lie in, as long as others are left."""
        self._avoid |= {_network_of(address)[1] for address in addresses}

    def address(self, address: Address) -> str:
        """The pseudonym of an address; what identifies nobody stays. ``::ffff:a.b.c.d`` stands for the same host as ``a.b.c.d``."""
        if is_kept(address):
            return str(address)
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            return f"::ffff:{self.address(address.ipv4_mapped)}"
        original = str(address)
        self.used.add((_ADDRESS, original))
        made = self._maps[_ADDRESS].get(original, "")
        if not made:
            network = int(self._network(address), 16)
            number = self._count(original)
            if isinstance(address, ipaddress.IPv4Address):
                # From 1 on; 255 and 0 only in networks of which nearly every address occurs.
                made = str(ipaddress.IPv4Address(network << 8 | (number + 1) % 256))
            else:
                made = str(ipaddress.IPv6Address(network << 64 | number + 1))
            self._keep(_ADDRESS, original, made)
        return made

    def name(self, kind: str, original: str) -> str:
        """The pseudonym of a host label, domain, user, word of a path or part of a package. Hosts and domains do not know upper case."""
        original = original.lower() if kind in {"host", "domain"} else original
        self.used.add((kind, original))
        made = self._maps[kind].get(original, "")
        if not made:
            number = len(self._maps[kind]) + 1
            while (made := _SHAPES[kind].format(number)) in self._given[kind]:
                number += 1
            self._keep(kind, original, made)
        return made

    @property
    def addresses_given(self) -> frozenset[str]:
        """Every pseudonym of an address, as :mod:`ipaddress` writes it."""
        return frozenset(self._given[_ADDRESS])

    def asked(self, kind: str) -> frozenset[str]:
        """The originals that this run has asked for."""
        return frozenset(original for kept, original in self.used if kept == kind)

    def originals(self, kind: str) -> set[str]:
        """What this run replaced, without what is also a pseudonym of something else: a reader cannot tell the two."""
        return set(self.asked(kind)) - self._given[kind]

    def text(self) -> str:
        """The map as a file holds it; it is private."""
        return json.dumps({"schema": SCHEMA, **self._maps}, ensure_ascii=True, indent=1) + "\n"

    def _network(self, address: Address) -> str:
        """The pseudonym of the /24 or /64 around an address, in hexadecimal."""
        block, original = _network_of(address)
        known = self._maps[_NETWORK].get(original) or self._unused(block, self._avoid) or self._unused(block, frozenset())
        if known is None:
            raise MapError(say("more than {count:,} networks: there are no pseudonyms left", count=len(self._given[_NETWORK])))
        self._keep(_NETWORK, original, known)
        return known

    def _unused(self, block: str, avoided: Collection[str]) -> str | None:
        """The next network of a block that was not given out and is none of ``avoided``; None if there is none left."""
        series = self._free.setdefault(f"{block} {bool(avoided)}", _series(block))
        return next((f"{net:x}" for net in series if f"{net:x}" not in self._given[_NETWORK] and f"{net:x}" not in avoided), None)

    def _count(self, original: str) -> int:
        """How many addresses of the same network came before."""
        network = _network_of(ipaddress.ip_address(original))[1]
        self._hosts[network] = self._hosts.get(network, -1) + 1
        return self._hosts[network]

    def _keep(self, kind: str, original: str, pseudonym: str) -> None:
        self._maps[kind][original] = pseudonym
        self._given[kind].add(pseudonym)


def load(path: Path) -> Pseudonyms:
    """The map of an earlier run; an empty one if there is no such file.

    Raises:
        MapError: if the file is no map.
    """
    if not path.exists():
        return Pseudonyms()
    if not path.is_file():
        raise MapError(say("{path} is no regular file: no map can be kept in it", path=path))
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["schema"] != SCHEMA:
            raise MapError(say("{path} is not a map of pseudonyms ({schema})", path=path, schema=SCHEMA))
        tables = {kind: {str(original): str(pseudonym) for original, pseudonym in found.get(kind, {}).items()} for kind in KINDS}
        for original, pseudonym in tables[_ADDRESS].items():
            ipaddress.ip_address(original)
            ipaddress.ip_address(pseudonym)
        return Pseudonyms(tables)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MapError(say("{path} is not a map of pseudonyms ({schema}): {error}", path=path, schema=SCHEMA, error=error)) from error


def _network_of(address: Address) -> tuple[str, str]:
    """The block that an address stays in, and its /24 or /64 in hexadecimal."""
    if isinstance(address, ipaddress.IPv6Address):
        return "local" if address in _UNIQUE_LOCAL else "global", f"{int(address) >> 64:x}"
    block = next((name for name, network in _PRIVATE.items() if address in network), "public")
    return block, f"{int(address) >> 8:x}"


def _series(block: str) -> Iterator[int]:
    """The networks to give out in a block: 2001:db8:N:M::/64 of RFC 3849 for IPv6, fd00:0:N:M::/64 for unique local addresses."""
    if block in _BLOCKS:
        # The network with zeros comes last: 10.0.1.1 reads better than 10.0.0.1.
        return chain(_BLOCKS[block], _BLOCKS["reserved"] if block == "public" else (_BLOCKS[block].start - 1,))
    base = (_LOCAL if block == "local" else _DOCUMENTATION) >> 64
    return iter(range(base + 1, base + 0x1_0000_0000))

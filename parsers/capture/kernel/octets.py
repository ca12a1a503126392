"""What the kernel reads from: a buffer that gives integers, and numbers of several octets in it.

The compiled kernel has ``octets.h`` in the place of these functions, because C reads such a number with one instruction.
"""

from __future__ import annotations

from typing import TypeAlias

Octets: TypeAlias = bytes | bytearray
"""``data[i]`` is one octet. Compiled, it is a bare pointer, so every read is preceded by a comparison with the end."""


def u16(data: Octets, at: int) -> int:
    """Two octets in network order."""
    return data[at] << 8 | data[at + 1]


def u32(data: Octets, at: int) -> int:
    """Four octets in network order."""
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]


def u64(data: Octets, at: int) -> int:
    """Eight octets in network order."""
    return u32(data, at) << 32 | u32(data, at + 4)


def two(data: Octets, at: int, big: int) -> int:
    """Two octets in the byte order of the section."""
    return u16(data, at) if big else data[at + 1] << 8 | data[at]


def four(data: Octets, at: int, big: int) -> int:
    """Four octets in the byte order of the section."""
    return u32(data, at) if big else data[at + 3] << 24 | data[at + 2] << 16 | data[at + 1] << 8 | data[at]


def taken(data: Octets, at: int, stop: int) -> bytes:
    """A copy of some octets."""
    return bytes(data[at:stop])


def soon(_data: Octets, _at: int) -> int:
    """Octets that are read next: the compiled kernel has them fetched while it still works on others."""
    return 0

"""What the kernel reads from: a buffer that gives integers."""

from __future__ import annotations

from typing import TypeAlias

Octets: TypeAlias = bytes | bytearray
"""``data[i]`` is one octet. Compiled, it is a bare pointer, so every read is preceded by a comparison with the end."""

"""Versions as the evidence prints them: a JVM's banner, the name of a jar, the path of a module. They are compared by their numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBERS: Final = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,5}")
_UPDATE: Final = re.compile(r"(?:1\.)?8(?:\.0)?(?:_|u)(\d{1,4})")
"""Java 8: 1.8.0_312 and 8u312 are one release."""
_EIGHT: Final = re.compile(r"25\.(\d{1,4})-b\d")
"""HotSpot 25 is the VM of Java 8, its second number the update."""
_IN_BANNER: Final = re.compile(r"\((\d[\w.+-]{0,40})")
_IN_BUILD: Final = re.compile(r"\b(\d[\w.]{0,30})[+-]")
_GO: Final = re.compile(r"/go/?-?(1\.\d{1,3}(?:\.\d{1,3})?)(?:\.[a-z]+-[a-z\d]+)?/(?:x64/)?src/")
_PYTHON: Final = re.compile(r"\bPython v(\d{1,2}\.\d{1,3}(?:\.\d{1,3})?)")
_NAME: Final = re.compile(r"[\w.@/-]{1,120}")
_BEHIND: Final = r"(?:-bin)?\.jar|\.(?:dist|egg)-info|-py\d[\d.]{0,5}\.egg|[/\s:!\])]|$"
"""What may stand behind a version: the end of a jar's name, of an installed Python package's, of a folder's or a module's."""

Version = tuple[int, ...]


def numbers(text: str) -> Version:
    """The version as numbers: ``4.1.48.Final`` is (4, 1, 48), ``8u312`` and ``1.8.0_312`` are (8, 0, 312). Empty if it has none."""
    if match := _UPDATE.match(text):
        return 8, 0, int(match[1])
    match = _NUMBERS.search(text)
    return tuple(map(int, match[0].split("."))) if match else ()


def of_vm(banner: str) -> str | None:
    """The release of a JVM, as its dump's heading states it: ``OpenJDK 64-Bit Server VM (17.0.5+8 mixed mode)`` is 17.0.5."""
    if match := _EIGHT.search(banner):
        return f"8u{match[1]}"
    match = _IN_BANNER.search(banner) or _IN_BUILD.search(banner)
    return match[1].partition("+")[0].partition("-")[0] if match else None


def of_go(lines: Iterable[str]) -> set[str]:
    """The releases of Go whose standard library the paths name."""
    return {match[1] for line in lines for match in _GO.finditer(line)}


def of_python(lines: Iterable[str]) -> set[str]:
    """The releases of Python that a heading names."""
    return {match[1] for line in lines for match in _PYTHON.finditer(line)}


def of_artifacts(names: Iterable[str], lines: Iterable[str]) -> set[str]:
    """The versions of jars, modules and folders that lines name: ``netty-all-4.1.48.Final.jar``, ``github.com/lib/pq@v1.10.2``, ``gunicorn-25.1.0.dist-info``."""
    wanted = "|".join(re.escape(name) for name in names)
    if not wanted:
        return set()
    pattern = re.compile(rf"(?<![\w.-])(?:{wanted})[-@]v?(\d[\w.]{{0,40}}?)(?={_BEHIND})")
    return {match[1] for line in lines for match in pattern.finditer(line)}


def is_name(text: str) -> bool:
    """True for what may name a jar or a module."""
    return _NAME.fullmatch(text) is not None

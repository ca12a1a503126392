"""The words that this tool says itself.

A user called ``tomcat`` or a host called ``app`` cannot be told from these in prose, nor would replacing the word hide anybody; such names
are replaced where their place says that they are a user or a host.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT: Final = Path(__file__).parent.parent.parent
_FLOORS: Final = ("analyzer", "parsers", "reports")
_WORD: Final = re.compile(r"[A-Za-z]{2,}")
PLACES: Final = frozenset(
    [
        "bin",
        "boot",
        "cache",
        "conf",
        "config",
        "data",
        "dev",
        "etc",
        "home",
        "lib",
        "lib64",
        "local",
        "log",
        "logs",
        "media",
        "mnt",
        "opt",
        "proc",
        "root",
        "run",
        "sbin",
        "share",
        "snap",
        "spool",
        "srv",
        "srv",
        "sys",
        "temp",
        "tmp",
        "usr",
        "users",
        "var",
        "volumes",
        "windows",
        "program",
        "files",
        "java",
        "jdk",
        "jre",
        "jvm",
        "jmods",
        "classes",
        "webapps",
        "work",
        "target",
        "build",
        "static",
        "public",
        "api",
        "index",
        "html",
        "css",
        "js",
        "json",
        "xml",
        "yml",
        "yaml",
        "properties",
        "csv",
        "txt",
        "log",
        "out",
        "err",
        "gz",
        "zip",
        "tar",
        "tgz",
        "xz",
        "zst",
        "bz",
        "jar",
        "war",
        "ear",
        "so",
        "dll",
        "exe",
        "sh",
        "py",
        "md",
        "pid",
        "sock",
        "db",
        "old",
        "bak",
        "pcap",
        "pcapng",
        "hprof",
        "dump",
        "dumps",
        "jstack",
        "jcmd",
        "jps",
        "netstat",
        "lsof",
        "ss",
        "top",
        "ps",
        "kill",
        "threads",
        "thread",
        "sockets",
        "limits",
        "status",
        "tcp",
        "udp",
        "fd",
        "task",
        "snap",
        "snapshot",
        "before",
        "after",
        "during",
        "incident",
        "sample",
        "prod",
        "test",
        "dev",
        "stage",
        "staging",
        "qa",
        "node",
        "host",
        "server",
        "client",
        "app",
        "web",
        "report",
        "tomcat",
        "nginx",
        "apache",
        "mysql",
        "postgres",
        "oracle",
        "redis",
        "kafka",
        "anon",
        "inode",
        "socket",
        "pipe",
        "eventpoll",
        "eventfd",
        "memfd",
        "deleted",
        "self",
        "stdin",
    ]
)
"""Words of paths that say what a thing is, not whose it is."""


@cache
def spoken() -> frozenset[str]:
    """Lower-case words of every text constant in the code and of the data files beside it; docstrings are not printed in reports."""
    words: set[str] = set()
    for floor in _FLOORS:
        for path in sorted((_ROOT / floor).rglob("*")):
            if path.suffix == ".py":
                words.update(word for text in _constants(path) for word in _words(text))
            elif path.suffix in {".toml", ".html"}:
                words.update(_words(path.read_text(encoding="utf-8")))
    return frozenset(words)


def _words(text: str) -> Iterator[str]:
    return (word.lower() for word in _WORD.findall(text))


def _constants(path: Path) -> Iterator[str]:
    waiting: list[object] = [compile(path.read_bytes(), path.name, "exec", dont_inherit=True, optimize=2)]  # 2: without docstrings
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, CodeType):
            waiting += item.co_consts
        elif isinstance(item, tuple | frozenset):
            waiting += item

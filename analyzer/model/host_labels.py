"""Hosts in the names of files: ``web1-jstack.txt`` beside ``web2-netstat.txt``, ``ss_app02.txt``, ``lsof.nodeA``, ``10.0.0.5-threads.txt``.

A name that tells of two machines must not lead to one picture of both; but ``jstack1.txt`` and ``round2-ss.txt`` count moments, and
``tomcat1-jstack.txt`` beside ``netstat.txt`` a process of this host. A label is therefore a word and a number (or a letter) next to the
word that says what the file holds; the word is none that counts moments, or names a program or a protocol. Labels are hosts if two differ and
either every file has one, or both dumps and socket tables do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers import formats_showing
from parsers.records.shows import Shows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HOLDS: Final = _words(
    "jstack jcmd jhsdb jps thread threads threaddump threaddumps td tdump tdumps stack stacks dump dumps javacore kill3 "
    "netstat ss lsof lsfd socket sockets sock conn conns connection connections tcp tcpdump pcap capture fd fds files limits "
    "top ps proc status nstat jstat vmstat date uptime uname hostname strace syscall syscalls wchan heap gc catalina console"
)
"""Words that say what a file holds."""
_MOMENTS: Final = _words(
    "snap snapshot round set run sample step iteration iter minute min hour day take time t pass s n m h sec try attempt retry test phase stage part "
    "file log out output event incident case ticket issue hang hung stall before after pre post during first second third last start end "
    "begin no nr num count seq index txt gz batch wave cycle loop shot burst v version copy rev old new day night"
)
"""Words that count moments, attempts or pieces."""
_PROGRAMS: Final = _words(
    "java jvm jdk jre jboss wildfly tomcat catalina instance inst process pid worker thread pool port core cpu "
    "udp ip ipv v4 v6 utf http x el amd centos rhel ubuntu debian jdk8 log4j python node18"
)
"""Words of programs, protocols and platforms: what has a number of its own on one machine."""
_KINDS: Final = _words("full all long short raw text plain prod live sudo root user server client open list net remote local my the")
"""Words in front of a name that tell no machine from another."""
_SHORTEST_NAME: Final = 3
"""Letters of a word that may be a machine's or a program's name."""
LETTERED: Final = _words("node host server srv app web db vm pod box machine site member peer")
"""Words behind which a single letter tells machines apart (``nodeA``)."""
TABLES: Final = formats_showing(Shows.SOCKETS)
"""Formats that list sockets."""
_DUMPS: Final = formats_showing(Shows.THREADS)
"""Formats that list threads."""
_ADDRESS: Final = re.compile(r"(?<![\d.])(?:ip-(?:\d{1,3}-){3}\d{1,3}|(?:\d{1,3}\.){3}\d{1,3})(?![\d]|\.\d)")
_ENDING: Final = re.compile(r"(?:\.(?:txt|log|out|json|csv|md|dump|tdump|gz|xz|zst|bz2|lst|text))+$", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[^-_. ]+")
_NUMBERED: Final = re.compile(r"(?P<word>[A-Za-z]*[A-Za-z])(?P<number>\d{1,3})(?P<role>[a-z]{0,2})")
_CAMEL: Final = re.compile(r"(?P<word>[A-Za-z][a-z]+)(?P<letter>[A-Z])")
_COUNTER: Final = re.compile(r"\d{1,3}|[A-Za-z]")


def label(file: str) -> str | None:
    """The host that a file's name has beside the word for what it holds; None if it has none, or several."""
    name = _ENDING.sub("", file.rpartition("/")[2])
    if match := _ADDRESS.search(name):
        rest = f"{name[: match.start()]} {name[match.end() :]}"
        return match[0] if any(holds(token) for token in _TOKEN.findall(rest)) else None
    tokens = _TOKEN.findall(name)
    if not any(map(holds, tokens)):
        return None
    found: list[str] = []
    for number, token in enumerate(tokens):
        if _names_host(token):
            found.append(token)
        elif number and _COUNTER.fullmatch(token) and _is_host_word(tokens[number - 1], lettered=token.isalpha()):
            found.append(f"{tokens[number - 1]}-{token}")
    return found[0] if len(found) == 1 else None


def labelled_hosts(kinds: Mapping[str, Collection[str]], beside: str) -> dict[str, str]:
    """File → host, by its name; empty if the names do not surely tell of several.

    Args:
        kinds: file → the formats of its outputs.
        beside: the format that says only when and where, of which nothing depends.
    """
    found = {file: name for file in kinds if (name := label(file)) is not None}
    if len({name.lower() for name in found.values()}) < 2:  # noqa: PLR2004 - one host needs no name to be told apart
        return {}
    bare = [file for file, formats in kinds.items() if file not in found and set(formats) != {beside}]
    formats = {form for file in found for form in kinds[file]}
    return found if not bare or (formats & TABLES and formats & _DUMPS) else {}


def at_odds(one: str, other: str) -> bool:
    """True if two files are named alike but for a word in front (``alpha-jstack.txt``, ``beta-netstat.txt``): of two machines, or of two programs.

    What it is cannot be told, so the files stay together; but nothing that rests on their join is certain.
    """
    first, second = _front(one), _front(other)
    return first is not None and second is not None and first.lower() != second.lower()


def _front(file: str) -> str | None:
    """The one word in front of the word for what a file holds, if it is none that is known to mean something else."""
    tokens = _TOKEN.findall(_ENDING.sub("", file.rpartition("/")[2]))
    if len(tokens) < 2 or not holds(tokens[1]):  # noqa: PLR2004 - two words
        return None
    word = tokens[0]
    known = word.lower() in _HOLDS | _MOMENTS | _PROGRAMS | _KINDS
    return word if word.isalpha() and len(word) >= _SHORTEST_NAME and not known and not holds(word) else None


def holds(token: str) -> bool:
    """True for a word that says what a file holds, with or without a number behind it."""
    return token.lower().rstrip("0123456789") in _HOLDS or token.lower() in _HOLDS


def _is_host_word(word: str, *, lettered: bool) -> bool:
    known = word.lower()
    if lettered:
        return known in LETTERED
    return known.isalpha() and len(known) > 1 and not (known in _HOLDS or known in _MOMENTS or known in _PROGRAMS)


def _names_host(token: str) -> bool:
    if match := _NUMBERED.fullmatch(token):
        return token.lower() not in _PROGRAMS and _is_host_word(match["word"], lettered=False)
    match = _CAMEL.fullmatch(token)
    return match is not None and match["word"].lower() in LETTERED


def formats_of(pieces: Sequence[tuple[str, str]]) -> dict[str, set[str]]:
    """File → formats, from (file, kind) of its outputs; a kind begins with the format's name."""
    kinds: dict[str, set[str]] = {}
    for file, kind in pieces:
        kinds.setdefault(file, set()).add(kind.partition(" ")[0])
    return kinds

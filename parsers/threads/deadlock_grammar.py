"""The grammar of the deadlock report's two lines that have several spellings.

Only a dump with a deadlock report needs it. So :mod:`parsers.threads.hotspot_deadlock` loads it at the first such line: pyparsing takes as
long to load as a small incident to read.
"""

from __future__ import annotations

import re

import pyparsing as pp

# Thread names are printed raw: only the last quote ends one.
_quoted = pp.Suppress('"') + pp.Regex(r'.*(?="\s*$)', re.DOTALL)("holder") + pp.Suppress('"')
_address = pp.Combine("0x" + pp.Word(pp.hexnums))
_in_parentheses = (
    pp.Suppress(pp.Literal("(object") | "(Object@")
    + _address("address")
    + pp.Suppress(", a")
    + pp.Regex(r"[^)]+")("cls")
    + pp.Suppress(")")
)

DEADLOCK_WAIT = (
    pp.Suppress(pp.Optional("in JNI,"))
    + (
        (
            pp.Suppress(pp.Literal("waiting to lock monitor") | "waiting to lock JVMTI raw monitor" | "waiting to lock Monitor@")
            + pp.Suppress(_address)
            + pp.Optional(_in_parentheses)
        )
        | (
            pp.Suppress("waiting for ownable synchronizer")
            + _address("address")
            + pp.Suppress(",")
            + pp.Suppress("(a")
            + pp.Regex(r"[^)]+")("cls")
            + pp.Suppress(")")
        )
    )
    + pp.Suppress(pp.Optional(","))
)
"""``waiting to lock monitor 0x… (object 0x…, a java.lang.Object),`` or ``waiting for ownable synchronizer 0x…, (a …Sync),``."""

DEADLOCK_HOLDER = (
    pp.Suppress(pp.Optional("in JNI,")) + pp.Suppress("which is held by") + (_quoted | pp.Regex(r"UNKNOWN_owner_addr=\S+")("unknown"))
)
"""``which is held by "other"``; an owner that the VM cannot name prints its address."""


def wait_of(line: str) -> tuple[str | None, str | None]:
    """Address and class of what a thread waits for; (None, None) for a form that names none."""
    try:
        found: dict[str, str] = DEADLOCK_WAIT.parse_string(line.strip()).as_dict()
    except pp.ParseException:
        return None, None
    # The serviceability agent prints the VM's spelling of classes, java/lang/Object.
    return found.get("address"), found.get("cls", "").replace("/", ".") or None


def holder_of(line: str) -> str | None:
    """The thread that holds it; None for an owner that the VM could not name."""
    try:
        found: dict[str, str] = DEADLOCK_HOLDER.parse_string(line.strip()).as_dict()
    except pp.ParseException:
        return None
    return found.get("holder")

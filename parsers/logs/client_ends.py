"""Which session has which client: PostgreSQL's log says so once, when a connection begins (``log_connections``).

    2026-11-28 23:59:03.964 KST [2041] [unknown]@[unknown] LOG:  connection received: host=10.0.0.5 port=41234
    2026-11-28 23:59:03.964 KST,,,2041,"10.0.0.5:41234",638f…,1,"",…,LOG,00000,"connection received: host=10.0.0.5 port=41234",,,

The process id stands where log_line_prefix puts it: in brackets, behind ``pid=``, or as a field of the CSV log. A later connection from the same port, and a
``disconnection``, end what was known before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.records import Session
from parsers.sessions.common import client_end

if TYPE_CHECKING:
    from parsers.text.source import Section

_WORD: Final = "connection received: host="
_ENDED: Final = "disconnection: session time"
_PREFIX: Final = r"^(?P<prefix>[^\n]{0,300}?)"
_RECEIVED: Final = re.compile(_PREFIX + r"(?:LOG: {1,2}|\")connection received: host=(?P<host>[^\s\"\[\]]{1,255}) port=(?P<port>\d{1,5})\b")
_GONE: Final = re.compile(_PREFIX + r"(?:LOG: {1,2}|\")disconnection: session time")
_PID: Final = re.compile(r"\[(\d{1,10})(?:-\d{1,10})?\]|\bpid[=: ]{1,2}(\d{1,10})|,(\d{1,10}),\"[^\"\n]{0,300}:\d{1,5}\",")
MOST: Final = 20_000
"""Connections that are kept, the last ones: no server has as many at once."""


def clients_of(section: Section) -> tuple[Session, ...]:
    """The sessions whose client the log names and whose end it does not."""
    found: dict[str, Session] = {}
    ports: dict[tuple[str, str], str] = {}
    for index, line in section.rows():
        if _WORD in line and (match := _RECEIVED.match(line)) is not None:
            pid = _pid(match["prefix"])
            client = client_end(match["host"], match["port"])
            if pid is None or client is None:
                continue
            before = ports.get((match["host"], match["port"]))
            if before is not None:
                found.pop(before, None)
            ports[match["host"], match["port"]] = pid
            where = section.where(index)
            found.pop(pid, None)
            found[pid] = Session(where=where, server="postgresql", id=pid, client=client, client_from=where)
        elif _ENDED in line and (match := _GONE.match(line)) is not None and (pid := _pid(match["prefix"])) is not None:
            found.pop(pid, None)
    return tuple(found.values())[-MOST:]


def _pid(prefix: str) -> str | None:
    """The process id in front of a message; None where the prefix has none, or several things that look like one."""
    found = {one for match in _PID.finditer(prefix) for one in match.groups() if one}
    return found.pop() if len(found) == 1 else None

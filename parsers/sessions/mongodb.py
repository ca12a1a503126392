"""MongoDB's operations: ``db.currentOp()`` and ``$currentOp``, as the old shell, mongosh and drivers print them.

    { "inprog" : [ { "type" : "op", "desc" : "conn57", "connectionId" : 57, "client" : "10.0.0.5:43210", "appName" : "cart", "active" : true,
                     "opid" : NumberLong(812), "secs_running" : NumberLong(61), "op" : "update", "ns" : "shop.stock", "command" : { "q" : { } },
                     "waitingForLock" : true } ], "ok" : 1 }

Without ``true`` (``idleConnections``) idle connections are hidden, so absence proves nothing. Through a router ``client`` is the router's and ``client_s``
ours. Who holds a lock is not said: ``locks`` has what each operation keeps, and ``lockStats`` for what it waited. Of a command only its name is kept: all else is data. Written after MongoDB's manual, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, Session, SessionState
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.json_lines import Document, JsonList, JsonObject
from parsers.text.patterns import lazy
from parsers.text.shell_json import plain_json
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME: Final = "mongodb"
SHOWS: Final = frozenset({Shows.SESSIONS})
_KEY: Final = r"[\"']?(?:opid|connectionId|client|client_s|desc|secs_running|waitingForLock|currentOpTime|shard|host|type)[\"']?\s{0,4}:"
HEADER: Final = (
    r"\{\s{0,20}[\"']?inprog[\"']?\s{0,4}:\s{0,4}\["
    rf"|\[\s{{0,20}}\{{\s{{0,20}}{_KEY}(?=[^\]]{{0,3000}}[\"']?(?:opid|connectionId)[\"']?\s{{0,4}}:)"
    rf"|\{{\s{{0,20}}{_KEY}(?=[^\]\n]{{0,3000}}[\"']?(?:opid|connectionId)[\"']?\s{{0,4}}:)"
)
ROW_SHAPE: Final = r"(?!)"
_begins = lazy(rf"\s*(?:{HEADER})").match
_END: Final = frozenset("{}[], \t")
_KINDS: Final = ("find", "aggregate", "update", "insert", "delete", "findAndModify", "findandmodify", "getMore", "count", "distinct")


def sniff(head: Sequence[str]) -> bool:
    """True if the lines begin with operations."""
    return _begins("\n".join(head)[:4000]) is not None


def parse(section: Section) -> Parsed:
    """Read every operation of a client; the server's own have none."""
    lines = plain_json("\n".join(section.lines)).split("\n")
    document = Document(lines, many=True)
    records = [_session(section, op) for root in document.roots for op in _operations(root) if op.get("client") or op.get("client_s")]
    odd = [(index, "no JSON") for index in document.odd if lines[index].strip(" \t,;") and not set(lines[index]) <= _END]
    gaps, elisions = leftovers(section, odd)
    return Parsed((*records, *elisions), section.nonblank - sum(gap.lines for gap in gaps), gaps)


def _operations(value: JsonObject | JsonList) -> Iterator[JsonObject]:
    """The operations of a reply, of a list, or of one document each."""
    if isinstance(value, JsonList):
        yield from (one for one in value if isinstance(one, JsonObject))
    elif "inprog" in value:
        yield from value.objects("inprog")
    else:
        yield value


def _session(section: Section, op: JsonObject) -> Session:
    connection, opid = op.get("connectionId"), op.get("opid")
    connection = connection if not isinstance(connection, JsonObject) else int(_number(connection) or 0)
    opid = opid if not isinstance(opid, JsonObject) else int(_number(opid) or 0)
    state = _state(op)
    seconds, micros = _number(op.get("secs_running")), _number(op.get("microsecs_running"))
    users = op.objects("effectiveUsers")
    return Session(
        where=section.where(op.first, op.last),
        server=NAME,
        id=str(connection if connection is not None else op.text("desc") or opid or "?"),
        serial=str(opid) if opid is not None else None,
        client=endpoint(op.text("client_s") or op.text("client") or ""),
        user=users[0].text("user") if users else None,
        machines=tuple(name for name in ((op.text("host") or "").partition(":")[0],) if name),
        database=(op.text("ns") or "").partition(".")[0] or None,
        application=op.text("appName"),
        state=state,
        printed_state=_printed(op),
        waits_on=_awaited(op) if op.get("waitingForLock") is True else "flow control" if op.get("waitingForFlowControl") is True else None,
        statement=_statement(op),
        state_age=micros / 1e6 if micros is not None else seconds,
        transaction_age=_of_transaction(op),
        own_link=_held(op),
    )


def _state(op: JsonObject) -> SessionState:
    if op.get("waitingForLock") is True:
        return SessionState.LOCKED
    active = op.get("active")
    if active is True:
        command = op.inner("command")
        return SessionState.WAITING if _awaits(op, command) else SessionState.ACTIVE
    if op.text("type") == "idleSession" or op.inner("transaction"):
        return SessionState.IN_TRANSACTION
    return SessionState.IDLE if active is False else SessionState.UNKNOWN


def _awaits(op: JsonObject, command: JsonObject) -> bool:
    """True for a driver's hello that waits for a change, and for a tailable cursor that waits for the next entry, as those of the oplog are."""
    if "hello" in command or "isMaster" in command or "ismaster" in command or "awaitData" in command:
        return True
    cursor = op.inner("cursor")
    return (op.text("op") or "").lower() == "getmore" and (cursor.get("awaitData") is True or op.text("ns") == "local.oplog.rs")


def _awaited(op: JsonObject) -> str:
    """The innermost lock that it had to wait for: ``Collection lock``. The counts are kept after a wait: the one that took longest is the one."""
    waited = {
        name: sum(_number(micros) or 0.0 for micros in one.inner("timeAcquiringMicros").values())
        for name, one in op.inner("lockStats").items()
        if isinstance(one, JsonObject) and one.inner("acquireWaitCount")
    }
    return f"{max(waited, key=lambda name: waited[name])} lock" if waited else "lock"


def _held(op: JsonObject) -> str | None:
    """How many locks of its own it has that keep all others out (W, R; w and r are intents); None where the list does not say."""
    locks = op.get("locks")
    return str(sum(mode in {"W", "R"} for mode in locks.values())) if isinstance(locks, JsonObject) else None


def _printed(op: JsonObject) -> str:
    said = ["active" if op.get("active") is True else "idle" if op.get("active") is False else ""]
    said += [key for key in ("waitingForLock", "waitingForFlowControl", "killPending") if op.get(key) is True]
    return " ".join(word for word in said if word)


def _statement(op: JsonObject) -> str | None:
    """What runs, without its data: ``update shop.stock COLLSCAN``."""
    command = next((key for key in op.inner("command") if key in _KINDS), None)
    kind = op.text("op")
    words = [command if command is not None and kind in {None, "", "none", "command"} else kind, op.text("ns"), op.text("planSummary")]
    return " ".join(word.partition("{")[0].strip() for word in words if word and word != "none")[:300] or None


def _of_transaction(op: JsonObject) -> float | None:
    micros = _number(op.inner("transaction").get("timeOpenMicros"))
    return micros / 1e6 if micros is not None else None


def _number(value: object) -> float | None:
    """A number, or one that extended JSON wraps: ``{"$numberLong": "61"}``."""
    if isinstance(value, JsonObject):
        value = next((one for key, one in value.items() if key.startswith("$number")), None)
    try:
        return None if isinstance(value, bool) or not isinstance(value, int | float | str) else float(value)
    except ValueError:
        return None

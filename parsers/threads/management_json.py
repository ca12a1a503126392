r"""The JSON of Spring Boot's actuator, ``/actuator/threaddump`` (Boot 1: ``/dump``, a bare list), mostly one single line.

{ "threads": [ { "threadName": "http-nio-8080-exec-3", "threadId": 22, "daemon": true, "inNative": false, "threadState": "WAITING",
  "lockName": "java.util.concurrent.locks.ReentrantLock$NonfairSync@6615435c", "lockOwnerId": 23, "lockOwnerName": "right lock",
  "lockInfo": { "className": "java.util.concurrent.locks.ReentrantLock$NonfairSync", "identityHashCode": 1712407388 },
  "lockedMonitors": [ { "className": "java.lang.Object", "identityHashCode": 31, "lockedStackDepth": 2, "lockedStackFrame": { } } ],
  "lockedSynchronizers": [ ],
  "stackTrace": [ { "className": "jdk.internal.misc.Unsafe", "methodName": "park", "fileName": "Unsafe.java", "lineNumber": -2,
                    "moduleName": "java.base", "moduleVersion": "17", "nativeMethod": true } ] } ] }

``jq '.threads[] | select(…)'`` prints the threads that somebody chose, one object after the other.
Written after ``ThreadInfo``'s properties as Jackson serialises them. Hashes are decimal here and hexadecimal in ``lockName``. An owner id of -1 means none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsers.records import Frame, LockVerb, Parsed, Thread, ThreadDump
from parsers.text.grammar import JAVA_STATES
from parsers.text.json_lines import Document, JsonList, JsonObject
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack, identity, number

if TYPE_CHECKING:
    from collections.abc import Sequence

_begins = lazy(r'\s*(?:\{\s*"threads"\s*:\s*\[\s*(?:\{\s*"(?:threadName|threadId)"|\])|\[\s*\{\s*"threadName"|\{\s*"threadName"\s*:)').match


def is_json(head: Sequence[str]) -> bool:
    """True if the lines begin as the actuator's JSON does."""
    return _begins("\n".join(head[:5])) is not None


def json_dump(section: Section, dialect: str) -> Parsed:
    """Read the JSON; a text that ends early gives the threads up to there."""
    document = Document(section.lines, many=True)
    odd = [(index, "no JSON") for index in document.odd if section.lines[index] and not section.lines[index].isspace()]
    gaps, elisions = leftovers(section, odd)
    root = document.root
    single = isinstance(root, JsonObject) and "threadName" in root
    listed = root.objects("threads") if isinstance(root, JsonObject) else [one for one in root or () if isinstance(one, JsonObject)]
    threads = [one for one in document.roots if isinstance(one, JsonObject) and "threadName" in one] if single else listed
    read = section.nonblank - len(odd) + len(elisions)
    found = tuple(_thread(section, one) for one in threads)
    if not found:
        return Parsed(elisions, read, gaps)
    dump = ThreadDump(
        where=section.where(found[0].where.first - section.first, found[-1].where.last - section.first),
        dialect=dialect,
        threads=found,
        complete=document.complete and not odd and not single,
        fragment=single,
    )
    return Parsed((dump, *elisions), read, gaps)


def _thread(section: Section, one: JsonObject) -> Thread:
    stack = Stack(section, one.first, one.last)
    trace: JsonList = one.items_of("stackTrace")
    for element, line in zip(trace, trace.lines, strict=True):
        stack.frame(_frame(element if isinstance(element, JsonObject) else JsonObject()), line)
    state = JAVA_STATES.get(one.text("threadState") or "")
    if awaited := _object(one.inner("lockInfo")) or one.text("lockName"):
        stack.lock(stack.wait_verb(state), *identity(awaited), one.first, depth=0, owner=number(one.get("lockOwnerId")))
    for held in one.objects("lockedMonitors"):
        if what := _object(held):
            stack.lock(LockVerb.LOCKED, *identity(what), held.first, depth=number(held.get("lockedStackDepth")) or 0)
    for held in one.objects("lockedSynchronizers"):
        if what := _object(held):
            stack.lock(LockVerb.OWNS, *identity(what), held.first)
    return stack.thread(
        name=one.text("threadName") or "",
        java_id=number(one.get("threadId")),
        daemon=one.get("daemon") is True,
        state=state,
        native_state="in native" if one.get("inNative") is True else None,
        lists_synchronizers="lockedSynchronizers" in one,
    )


def _object(info: JsonObject) -> str | None:
    """``Class@hash``, as ``ThreadInfo.toString`` spells the same object."""
    cls, code = info.text("className"), info.get("identityHashCode")
    return f"{cls}@{code & 0xFFFFFFFF:x}" if cls and isinstance(code, int) else None


def _frame(element: JsonObject) -> Frame:
    file, line = element.text("fileName"), number(element.get("lineNumber"))
    where = f"{file}:{line}" if line is not None else file
    source = "Native Method" if element.get("nativeMethod") is True else where if file else "Unknown Source"
    return Frame(element.text("className") or "", element.text("methodName") or "?", source)

r"""The JSON form of thread files (``jcmd PID Thread.dump_to_file -format=json``): the only dump that says which executor a thread belongs to.

{ "threadDump": { "processId": "4125", "time": "2026-11-23T14:14:04.518883327Z", "runtimeVersion": "25.0.2+10-LTS",
  "threadContainers": [ { "container": "java.util.concurrent.ThreadPoolExecutor@7852e922", "parent": "<root>", "owner": null,
    "threads": [ { "tid": "31", "name": "pool-1-thread-1", "state": "WAITING",
      "parkBlocker": { "object": "java.util.concurrent.FutureTask@3a03464" },
      "stack": [ "java.base\/jdk.internal.misc.Unsafe.park(Native Method)" ],
      "monitorsOwned": [ { "depth": 0, "locks": [ "java.lang.Object@47f6473" ] } ] } ], "threadCount": "1" } ] } }

Numbers are strings up to JDK 26 and numbers later. JDK 21 to 24 have tid, name and stack only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsers.records import Frame, LockVerb, Parsed, Pid, Thread, ThreadDump
from parsers.text.grammar import JAVA_STATES
from parsers.text.json_lines import Document, JsonList, JsonObject
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import ELIDED, Stack, frame_of, identity, iso_time, number

if TYPE_CHECKING:
    from collections.abc import Sequence

_begins = lazy(r'\s*\{\s*"threadDump"\s*:').match
_PARKS = frozenset({"park", "parkNanos", "parkOnCarrierThread", "yieldContinuation"})
_WAITS = (("blockedOn", LockVerb.WAITING_TO_LOCK), ("waitingOn", LockVerb.WAITING_ON))


def is_json(head: Sequence[str]) -> bool:
    """True if the lines begin as the JSON form does."""
    return _begins("\n".join(head[:3])) is not None


def json_dump(section: Section, dialect: str) -> Parsed:
    """Read the JSON form; a text that ends early gives the threads up to there."""
    document = Document(section.lines)
    odd = [(index, "no JSON") for index in document.odd if section.lines[index] and not section.lines[index].isspace()]
    gaps, elisions = leftovers(section, odd)
    root = document.root
    if not isinstance(root, JsonObject) or not isinstance(root.get("threadDump"), JsonObject):
        return Parsed(elisions, section.nonblank - len(odd) + len(elisions), gaps)
    body = root.inner("threadDump")
    threads = [
        _thread(section, one, container.text("container"))
        for container in body.objects("threadContainers")
        for one in container.objects("threads")
    ]
    pid = number(body.get("processId"))
    dump = ThreadDump(
        where=section.where(root.first, root.last),
        dialect=dialect,
        threads=tuple(threads),
        time=iso_time(body.text("time")),
        vm=body.text("runtimeVersion"),
        pid=None if pid is None else Pid(pid),
        complete=document.complete and not odd,
    )
    return Parsed((dump, *elisions), section.nonblank - len(odd) + len(elisions), gaps)


def _thread(section: Section, one: JsonObject, container: str | None) -> Thread:
    stack = Stack(section, one.first, one.last)
    _frames(stack, one)
    for key, verb in _WAITS:
        if (what := one.text(key)) is not None:
            stack.lock(verb, *identity(what), one.first, depth=0)
    blocker = one.inner("parkBlocker")
    if (what := blocker.text("object")) is not None:
        stack.lock(LockVerb.PARKING, *identity(what), blocker.first, depth=0, owner=number(blocker.get("owner")))
    for held in one.objects("monitorsOwned"):
        depth = number(held.get("depth")) or 0
        for lock, line in zip(held.items_of("locks"), held.items_of("locks").lines, strict=True):
            if isinstance(lock, str):
                stack.lock(LockVerb.LOCKED, *identity(lock), line, depth=depth)
            elif lock is None:
                stack.lock(LockVerb.ELIMINATED, None, None, line, depth=depth)
    return stack.thread(
        name=one.text("name") or "",
        java_id=number(one.get("tid")),
        # JDK 21 to 24 do not say it.
        virtual=str(one.get("virtual")).lower() == "true" or _is_virtual(stack),
        carrier=number(one.get("carrier")),
        container=container,
        state=JAVA_STATES.get(one.text("state") or ""),
    )


def _is_virtual(stack: Stack) -> bool:
    """True if the stack begins in ``VirtualThread.run``, or waits as only a virtual thread does: somebody may have left the outer frames out."""
    own = [frame.cls == "java.lang.VirtualThread" for frame in stack.frames]
    return bool(own) and (own[-1] or any(mine and frame.method in _PARKS for mine, frame in zip(own[:3], stack.frames, strict=False)))


def _frames(stack: Stack, one: JsonObject) -> None:
    """Every element is a frame: depths count them, so one that cannot be read keeps its place."""
    texts: JsonList = one.items_of("stack")
    for text, line in zip(texts, texts.lines, strict=True):
        if isinstance(text, str) and text.strip() in ELIDED:
            continue
        frame = frame_of(text) if isinstance(text, str) else None
        stack.frame(frame or Frame("", text if isinstance(text, str) else "?"), line)

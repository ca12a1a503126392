r"""What log drivers and recorders wrap every line into, taken off before formats look: Docker, CRI, journald, Flight Recorder.

    {"log":"\"http-1\" #31 prio=5 tid=0x00007f10d0a1f000 nid=0x251f runnable\n","stream":"stdout","time":"2026-11-28T10:00:00.123456789Z"}
    2026-11-28T10:00:00.123456789Z stdout P the first part of a long line, and
    2026-11-28T10:00:00.123456790Z stdout F  the rest of it
    {"__REALTIME_TIMESTAMP":"1795878090000000","_HOSTNAME":"app07","_PID":"4711","MESSAGE":[72,101,108,108,111]}
    {"recording":{"events":[{"type":"jdk.ThreadDump","values":{"startTime":"2026-11-28T10:00:00Z","result":"2026-11-28 10:00:00\nFull thread dump …"}}]}}

Log drivers split long lines: Docker's json-file at 16 KB, without a line end, CRI with a P. journald writes a MESSAGE that is no UTF-8, or has
control characters, as a list of octets. What does not wrap lines keeps its number of lines, so that places stay: a part goes to the end of the line
that it belongs to, and leaves a blank one.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from parsers.text.json_lines import Document, JsonList, JsonObject
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LOOKED_AT: Final = 50
_SHARE: Final = 0.8
"""Share of the first lines that must be wrapped: others get in where a file is rotated or pasted."""
_LONGEST: Final = 1 << 20
"""Characters of one object; a program's memory in a log is nobody's line."""
_EVENTS_AT: Final = 400
_PARTS: Final = 4096
"""Parts of one line: 64 MB of Docker's."""
_cri: Final = lazy(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::[\w:]*)?(?: (.*))?\Z").match
_recording: Final = lazy(r'\s*\{\s*"recording"\s*:\s*\{\s*"events"\s*:\s*\[').match
_event: Final = lazy(r"jdk\.ThreadDump \{\s*\Z").match
_result: Final = lazy(r'\s+result = "(.*)\Z').match
_message: Final = lazy(r'\s*+\{\s*+"(?:__CURSOR|__REALTIME_TIMESTAMP|_[A-Z_]+|[A-Z][A-Z_]+)"\s*+:').match


def unwrapped(lines: Sequence[str]) -> list[str] | None:
    """The lines inside their wrapping, None if they are not wrapped."""
    head = [line for line in islice(lines, _LOOKED_AT * 4) if line and not line.isspace()][:_LOOKED_AT]
    if not head:
        return None
    first = head[0].lstrip()
    if first[0] in "{[":
        return _unwrapped_json(lines, head)
    if first[0].isdigit() and _mostly(_cri(line) is not None for line in head):
        return _of_cri(lines)
    return _of_events(lines) if any(_event(line) for line in head) else None


def _mostly(signs: Iterable[bool]) -> bool:
    found = list(signs)
    return sum(found) >= len(found) * _SHARE


def _unwrapped_json(lines: Sequence[str], head: Sequence[str]) -> list[str] | None:
    if _recording("\n".join(head)[:_EVENTS_AT]):
        return _of_recording(lines)
    if _mostly(_of_docker(line) is not None for line in head):
        return _of_objects(lines)
    if _mostly(_of_journal(line) is not None for line in head):
        return [text for line in lines for text in (_of_journal(line) or (line,))]
    begin = "\n".join(head)
    if head[0].strip() == "{" and _message(begin) and '"MESSAGE"' in begin:
        return _of_spread(lines)
    return _of_cloud(lines) if head[0].startswith("[") and '"textPayload"' in begin else None


def _object(line: str) -> dict[str, Any] | None:
    begin = line.lstrip()
    if not begin.startswith("{") or len(line) > _LONGEST:
        return None
    try:
        content = json.loads(begin)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _of_docker(line: str) -> tuple[str, str] | None:
    """Stream and text of a line of Docker's json-file driver."""
    content = _object(line)
    if content is None or not isinstance(text := content.get("log"), str):
        return None
    return (str(content.get("stream", "")), text) if "stream" in content or "time" in content else None


def _of_objects(lines: Sequence[str]) -> list[str]:
    """Docker's lines; a text without a line end goes on in the next object of its stream."""
    found: list[str] = []
    parts = _Parts(found)
    for line in lines:
        wrapped = _of_docker(line)
        if wrapped is None:
            found.append(line)
        else:
            parts.take(wrapped[0], wrapped[1].rstrip("\n"), more=not wrapped[1].endswith("\n"))
    return parts.joined()


def _of_cri(lines: Sequence[str]) -> list[str]:
    """CRI's lines; those with a P go on in the next of their stream."""
    found: list[str] = []
    parts = _Parts(found)
    for line in lines:
        match = _cri(line)
        if match is None:
            found.append(line)
        else:
            parts.take(match[1], match[3] or "", more=match[2] == "P")
    return parts.joined()


class _Parts:
    """Lines of several streams of which each may come in parts."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._open: dict[str, list[str]] = {}
        self._home: dict[str, int] = {}

    def take(self, stream: str, text: str, *, more: bool) -> None:
        """Take a part; ``more``: the line goes on."""
        known = self._open.setdefault(stream, [])
        self._home.setdefault(stream, len(self._lines))
        known.append(text)
        self._lines.append("")
        if not more or len(known) >= _PARTS:
            self._close(stream)

    def _close(self, stream: str) -> None:
        self._lines[self._home.pop(stream)] = "".join(self._open.pop(stream))

    def joined(self) -> list[str]:
        """All lines; one that never ended is kept as far as it goes."""
        for stream in list(self._open):
            self._close(stream)
        return self._lines


def _of_journal(line: str) -> list[str] | None:
    """The lines of an entry of ``journalctl -o json``."""
    if not _message(line):
        return None
    content = _object(line)
    return None if content is None or "MESSAGE" not in content else _lines_of(content["MESSAGE"])


def _lines_of(message: object) -> list[str]:
    """A MESSAGE: text, octets, several texts, or null for one that was too long."""
    if isinstance(message, list):
        if message and not all(isinstance(octet, int) and 0 <= octet <= 255 for octet in message):  # noqa: PLR2004 - an octet
            return [line for text in message if isinstance(text, str) for line in text.split("\n")] or [""]
        return bytes(message).decode("utf-8", "replace").rstrip("\n").split("\n")
    return message.rstrip("\n").split("\n") if isinstance(message, str) else [""]


def _of_spread(lines: Sequence[str]) -> list[str]:
    """``journalctl -o json-pretty``: an entry on many lines."""
    found: list[str] = []
    for entry in Document(lines, many=True).roots:
        if isinstance(entry, JsonObject) and "MESSAGE" in entry:
            found += _lines_of(entry["MESSAGE"])
    return found


def _of_cloud(lines: Sequence[str]) -> list[str] | None:
    """A download of Google Cloud's log: a list of entries, mostly the newest first."""
    root = Document(lines).root
    entries = [entry for entry in root or () if isinstance(entry, JsonObject) and entry.text("textPayload") is not None]
    entries.sort(key=lambda entry: entry.text("timestamp") or "")
    return [text for entry in entries for text in _lines_of(entry["textPayload"])] or None


def _of_recording(lines: Sequence[str]) -> list[str] | None:
    """``jfr print --json``: the dumps of its events as the text form has them; other events are one line each."""
    root = Document(lines).root
    recording = root.inner("recording") if isinstance(root, JsonObject) else JsonObject()
    found: list[str] = []
    for event in recording.objects("events"):
        kind, values = event.text("type") or "unknown", event.inner("values")
        result = values.text("result") if kind == "jdk.ThreadDump" else None
        found += [f"{kind} {{", f"  startTime = {values.text('startTime') or ''}"]
        if result is not None:
            found += result.rstrip("\n").split("\n")
        else:
            found += [*(f"  {name} = {_shown(value)}" for name, value in values.items() if name != "startTime"), "}"]
        found.append("")
    return found or None


def _shown(value: object) -> str:
    """A value of an event on one line; a thread shows by its name."""
    if isinstance(value, JsonObject):
        return f'"{value.text("javaName") or value.text("osName") or ""}"'
    return f"{len(value)} items" if isinstance(value, JsonList) else str(value).replace("\n", " ")


def _of_events(lines: Sequence[str]) -> list[str]:
    """``jfr print``: the dump of an event begins behind ``result = "`` and ends with a quote of its own."""
    found: list[str] = []
    inside = False
    for line in lines:
        if not inside and (match := _result(line)):
            inside = True
            found.append(match[1])
        elif inside and line.rstrip() == '"':
            inside = False
            found.append("")
        elif line.rstrip() == "}" and found and not found[-1]:
            found.append("")  # of the event whose dump ended
        else:
            found.append(line)
    return found

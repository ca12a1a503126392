"""What log drivers and recorders wrap around every line is taken off: Docker, CRI, journald, Flight Recorder, a cloud's download."""

from __future__ import annotations

import json

import pytest

from parsers import outputs
from parsers.records import Counter, ThreadDump
from parsers.text.source import Source
from parsers.text.wrappers import unwrapped
from tests.builders import READ, WORKER, dump, helpers_reading, idle_exec, thread

DUMP = dump(*idle_exec(3), *helpers_reading(2), thread("queue-of-the-billing-department-with-a-long-name", "RUNNABLE", *READ, *WORKER))
LINES = [f"2026-03-09 07:28:{second} INFO [main] cart started" for second in range(10, 40)] + DUMP.splitlines()
STAMP = "2026-03-09T07:28:37.000000001Z"


def docker(text: str, stream: str = "stdout") -> str:
    return json.dumps({"log": text, "stream": stream, "time": STAMP})


def threads(lines: list[str]) -> list[str]:
    source = Source("log", ("\n".join(lines) + "\n").encode())
    dumps = [record for _, _, parsed in outputs(source) for record in parsed.records if isinstance(record, ThreadDump)]
    return [thread.name for one in dumps for thread in one.threads]


NAMES = threads(DUMP.splitlines())


def in_docker() -> list[str]:
    return [docker(f"{line}\n") for line in LINES]


def in_docker_parts() -> list[str]:
    """A line over the limit comes in parts, of which only the last has a line end; another stream gets in between."""
    found = []
    for line in LINES:
        if len(line) > 40:
            found += [docker(line[:40]), docker("[gc] Pause\n", "stderr"), docker(f"{line[40:]}\n")]
        else:
            found.append(docker(f"{line}\n"))
    return found


def in_cri_parts() -> list[str]:
    found = []
    for line in LINES:
        if len(line) > 40:
            found += [f"{STAMP} stdout P {line[:40]}", f"{STAMP} stderr F [gc] Pause", f"{STAMP} stdout F {line[40:]}"]
        else:
            found.append(f"{STAMP} stdout F {line}")
    return found


def in_journal() -> list[str]:
    """Octets where the text has a control character; null where it was too long."""
    entries: list[object] = [list(f"{line} \x1b[0m".encode()) if number % 7 == 0 else line for number, line in enumerate(LINES)]
    return [json.dumps({"__REALTIME_TIMESTAMP": "1773041317000000", "_PID": "1", "MESSAGE": entry}) for entry in [*entries, None]]


def in_journal_of_one_entry() -> list[str]:
    return [json.dumps({"_HOSTNAME": "app", "MESSAGE": text}) for text in ("begin", DUMP, "end")]


def in_pretty_journal() -> list[str]:
    return [line for text in LINES for line in json.dumps({"_PID": "1", "MESSAGE": text}, indent=8).splitlines()]


def in_cloud() -> list[str]:
    entries = [{"timestamp": f"2026-03-09T07:{number:04d}", "textPayload": text} for number, text in enumerate(LINES)]
    return json.dumps(entries[::-1], indent=2).splitlines()


@pytest.mark.parametrize(
    "wrap",
    [in_docker, in_docker_parts, in_cri_parts, in_journal, in_journal_of_one_entry, in_pretty_journal, in_cloud],
    ids=lambda one: one.__name__,
)
def test_every_thread_is_found_in_its_wrapping(wrap: object) -> None:
    assert callable(wrap)
    assert threads(wrap()) == NAMES


def test_a_part_leaves_a_blank_line_so_that_places_stay() -> None:
    found = unwrapped([f"{STAMP} stdout P one ", f"{STAMP} stdout F two", f"{STAMP} stdout F  at x.Y.z(Y.java:1)"])
    assert found == ["one two", "", " at x.Y.z(Y.java:1)"]


def test_a_line_that_never_ended_is_kept() -> None:
    assert unwrapped([docker("first\n"), docker("cut of")]) == ["first", "cut of"]


def test_what_is_no_wrapping_stays_as_it_is() -> None:
    assert unwrapped(DUMP.splitlines()) is None
    assert unwrapped(['{"level":"INFO","message":"started"}']) is None
    assert unwrapped(["2026-03-09T07:28:37Z INFO stdout F is no level"]) is None
    assert unwrapped(['[{"threadName": "main", "threadId": 1}]']) is None


def test_garbage_between_wrapped_lines_is_kept_and_never_raises() -> None:
    lines = [*in_docker(), '{"log": "cut', "{" * 5000, '{"log": 5, "stream": "x"}', "[]"]
    assert unwrapped(lines) == [*LINES, '{"log": "cut', "{" * 5000, '{"log": 5, "stream": "x"}', "[]"]


def events(text: str) -> tuple[int, dict[str, int], int]:
    """Dumps, counted events, and lines that were not understood."""
    found = outputs(Source("jfr.txt", text.encode()))
    records = [record for _, _, parsed in found for record in parsed.records]
    counts = {record.name: record.value for record in records if isinstance(record, Counter)}
    unread = sum(gap.lines for _, _, parsed in found for gap in parsed.unread)
    return sum(isinstance(record, ThreadDump) for record in records), counts, unread


READS = "".join(
    f'jdk.SocketRead {{\n  startTime = 07:28:{second}.204\n  duration = 2.004 s\n  host = "stock"\n  port = 8443\n'
    '  eventThread = "checkout-3" (javaThreadId = 31)\n  stackTrace = [\n    java.net.SocketInputStream.read(byte[]) line: 129\n  ]\n}\n\n'
    for second in (11, 14)
)


def test_the_text_of_a_recording() -> None:
    text = READS + "".join(
        f'jdk.ThreadDump {{\n  startTime = 07:29:{second}.996\n  result = "{dump(*idle_exec(2), time=f"2026-03-09 07:29:{second}")}"\n}}\n\n'
        for second in (31, 41)
    )
    assert events(text) == (2, {"jdk.SocketRead": 2}, 0)


def test_the_json_of_a_recording() -> None:
    read = {
        "type": "jdk.SocketRead",
        "values": {"startTime": "x", "host": "stock", "eventThread": {"javaName": "checkout-3"}, "stackTrace": {}},
    }
    written = {"type": "jdk.ThreadDump", "values": {"startTime": "x", "result": dump(*idle_exec(2))}}
    recording = {"recording": {"events": [read, written, read, written]}}
    for indent in (None, 2):
        dumps, counts, unread = events(json.dumps(recording, indent=indent))
        assert (dumps, counts["jdk.SocketRead"], unread) == (2, 1, 0)

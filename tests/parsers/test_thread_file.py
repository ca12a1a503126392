"""Thread files of jcmd Thread.dump_to_file: text of JDK 21 and 25, JSON of 21, 25 and later, whole and cut."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from parsers import recognise, sections
from parsers.records import Frame, JavaState, LockVerb, Parsed, ThreadDump
from parsers.text.source import Section, Source
from parsers.threads import thread_file
from tests.builders import values
from tests.parsers.test_properties import calm, check

PREAMBLE = "4125\n2026-11-23T14:14:04.338278458Z\n25.0.2+10-LTS\n\n"
JSON_25 = r"""{
  "threadDump": {
    "processId": "4125",
    "time": "2026-11-23T14:14:04.518883327Z",
    "runtimeVersion": "25.0.2+10-LTS",
    "threadContainers": [
      {
        "container": "<root>",
        "parent": null,
        "owner": null,
        "threads": [
          {
            "tid": "20",
            "time": "2026-11-23T14:44:18.783862073Z",
            "name": "left",
            "state": "BLOCKED",
            "blockedOn": "java.lang.Object@6b143ee9",
            "stack": [
              "Demo.two(Demo.java:10)",
              "java.base\/java.lang.Thread.run(Unknown Source)"
            ],
            "monitorsOwned": [
              {
                "depth": 0,
                "locks": [
                  "java.lang.Object@47f6473",
                  null
                ]
              }
            ]
          }
        ],
        "threadCount": "1"
      },
      {
        "container": "java.util.concurrent.ThreadPerTaskExecutor@7276145",
        "parent": "<root>",
        "owner": null,
        "threads": [
          {
            "tid": "25",
            "virtual": true,
            "name": "",
            "state": "WAITING",
            "parkBlocker": {
              "object": "java.util.concurrent.locks.ReentrantLock$NonfairSync@1936f0f5",
              "owner": "20"
            },
            "stack": [
              "java.base\/java.lang.VirtualThread.park(Unknown Source)"
            ],
            "carrier": "26"
          }
        ],
        "threadCount": "1"
      }
    ]
  }
}
"""


def parse(text: str) -> Parsed:
    section = Section("threads", 1, text.split("\n"))
    parsed = thread_file.parse(section)
    assert parsed.read + sum(gap.lines for gap in parsed.unread) == section.nonblank
    return parsed


def dump(text: str) -> ThreadDump:
    (only,) = (record for record in parse(text).records if isinstance(record, ThreadDump))
    return only


def test_text_of_25() -> None:
    found = dump(
        PREAMBLE
        + '#20 "left" BLOCKED 2026-11-23T14:44:18.597Z\n    at Demo.two(Demo.java:10)\n'
        + "    - locked <java.lang.Object@47f6473>\n    - waiting to lock <java.lang.Object@6b143ee9>\n"
        + "    at java.base/java.lang.Thread.run(Unknown Source)\n"
    )
    assert (found.pid, found.time, found.vm) == (4125, "2026-11-23T14:14:04.338278458Z", "25.0.2+10-LTS")
    assert (found.complete, found.fragment) == (None, False)
    (left,) = found.threads
    assert (left.name, left.java_id, left.native_id, left.state, left.virtual) == ("left", 20, None, JavaState.BLOCKED, False)
    assert left.frames == (Frame("Demo", "two", "Demo.java:10"), Frame("java.lang.Thread", "run", "Unknown Source"))
    assert (left.where.first, left.where.last, left.frame_lines) == (5, 9, (6, 9))
    assert [(lock.verb, lock.address, lock.cls, lock.depth, lock.line) for lock in left.locks] == [
        (LockVerb.LOCKED, "java.lang.Object@47f6473", "java.lang.Object", 0, 7),
        (LockVerb.WAITING_TO_LOCK, "java.lang.Object@6b143ee9", "java.lang.Object", 0, 8),
    ]


def test_text_of_21_has_neither_state_nor_locks() -> None:
    found = dump('#27 "" virtual\n      java.base/java.lang.VirtualThread.parkNanos(Unknown Source)\n      Demo.nap(Demo.java:9)\n')
    (thread,) = found.threads
    assert (thread.name, thread.java_id, thread.virtual, thread.state) == ("", 27, True, None)
    assert [frame.full for frame in thread.frames] == ["java.lang.VirtualThread.parkNanos", "Demo.nap"]
    assert found.fragment


def test_an_early_access_form_begins_with_a_word() -> None:
    (thread,) = dump('Thread #27 "main" RUNNABLE\n    at Demo.main(Demo.java:9)\n').threads
    assert (thread.java_id, thread.name, thread.state) == (27, "main", JavaState.RUNNABLE)


def test_names_hold_quotes_line_ends_and_words_of_the_format() -> None:
    found = dump(
        '#24 "a "quoted" virtual name" TIMED_WAITING 2026-11-23T14:44:18.598208473Z\n    at Demo.nap(Demo.java:9)\n\n'
        '#25 "two\nlines" TIMED_WAITING 2026-11-23T14:44:18.598321441Z\n    at Demo.nap(Demo.java:9)\n'
    )
    assert [thread.name for thread in found.threads] == ['a "quoted" virtual name', "two\nlines"]
    assert (found.threads[1].where.first, found.threads[1].frame_lines) == (4, (6,))


def test_the_owner_of_a_lock_is_named() -> None:
    (thread,) = dump(
        '#34 "" virtual WAITING 2026-11-23T14:44:18.605Z\n    at java.base/java.lang.VirtualThread.park(Unknown Source)\n'
        "    - parking to wait for <java.util.concurrent.locks.ReentrantLock$NonfairSync@1936f0f5>, owner #22\n    - lock is eliminated\n"
    ).threads
    assert [(lock.verb, lock.owner) for lock in thread.locks] == [(LockVerb.PARKING, 22), (LockVerb.ELIMINATED, None)]


def test_a_log_line_in_between_is_unread() -> None:
    parsed = parse('#1 "main"\n      Demo.nap(Demo.java:9)\nCreated a file\n      Demo.main(Demo.java:25)\n')
    assert [(gap.where.first, gap.lines) for gap in parsed.unread] == [(3, 1)]


def test_json_of_25() -> None:
    found = dump(JSON_25)
    assert (found.pid, found.time, found.vm, found.complete) == (4125, "2026-11-23T14:14:04.518883327Z", "25.0.2+10-LTS", True)
    left, virtual = found.threads
    assert (left.container, left.state, left.where.first, left.where.last, left.frame_lines) == (
        "<root>",
        JavaState.BLOCKED,
        12,
        31,
        (19, 20),
    )
    assert [(lock.verb, lock.address, lock.depth, lock.line) for lock in left.locks] == [
        (LockVerb.WAITING_TO_LOCK, "java.lang.Object@6b143ee9", 0, 12),
        (LockVerb.LOCKED, "java.lang.Object@47f6473", 0, 26),
        (LockVerb.ELIMINATED, None, 0, 27),
    ]
    assert (virtual.name, virtual.java_id, virtual.virtual, virtual.carrier) == ("", 25, True, 26)
    assert virtual.container == "java.util.concurrent.ThreadPerTaskExecutor@7276145"
    assert [(lock.verb, lock.owner) for lock in virtual.locks] == [(LockVerb.PARKING, 20)]


def test_later_json_has_numbers() -> None:
    text = (
        JSON_25.replace('"4125"', "4125")
        .replace('"25"', "25")
        .replace('"26"', "26")
        .replace('"20"', "20")
        .replace('"depth": 0', '"depth": "0"')
    )
    assert values(dump(text).threads[1]) == values(dump(JSON_25).threads[1])
    assert dump(text).pid == 4125


def test_json_of_21_does_not_say_that_a_thread_is_virtual() -> None:
    text = (
        '{"threadDump": {"processId": "7", "threadContainers": [{"container": "<root>", "threads": [{"tid": "30", "name": "", "stack": ['
        r'"Demo.nap(Demo.java:9)", "java.base\/java.lang.VirtualThread.run(Unknown Source)"]}]}]}}'
    )
    (thread,) = dump(text).threads
    assert (thread.virtual, thread.state, thread.where.first, thread.frame_lines) == (True, None, 1, (1, 1))


def test_cut_json_gives_what_was_there() -> None:
    text = JSON_25[: JSON_25.index('"carrier"')]
    found = dump(text)
    assert found.complete is False
    assert [thread.java_id for thread in found.threads] == [20, 25]


def test_json_on_one_long_line_is_recognised() -> None:
    value = json.loads(JSON_25)
    value["threadDump"]["threadContainers"][0]["threads"] *= 200
    (section,) = sections(Source("threads.json", json.dumps(value).encode()))
    form = recognise(section)
    assert form is thread_file
    (record,) = form.parse(section).records
    assert isinstance(record, ThreadDump)
    assert len(record.threads) == 201


@calm
@given(st.data())
def test_damaged_json_loses_no_line(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(JSON_25)))
    stop = data.draw(st.integers(start, min(len(JSON_25), start + 80)))
    text = JSON_25[:start] + data.draw(st.text(alphabet='{}[]",:\\\n 1xe', max_size=12)) + JSON_25[stop:]
    check(thread_file, Section("x", 1, text.split("\n")))

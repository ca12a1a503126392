"""A large log keeps what tells, at its line; what it leaves out is counted."""

from __future__ import annotations

import io
import json

import pytest

from parsers.text import large_log

QUIET = "2026-05-06 07:08:09,123 INFO  [w-1] c.e.Till - sold item {n} with care\n"
LOUD = "2026-05-06 07:08:09,123 ERROR [w-1] c.e.Till - failed\njava.lang.IllegalStateException: no item\n\tat c.e.Till.find(Till.java:3)\n"
OWN = "2026-05-06 07:08:09,123 WARN  [w-1] c.e.Till - first line\n  second line of the message\n"
TELLS = "2026-05-06 07:08:09,123 WARN  [w-1] c.e.Till - the pool is drained\n"
DUMP = (
    'Full thread dump OpenJDK 64-Bit Server VM (17.0.1+1 mixed mode):\n\n"w-1" #1 prio=5 os_prio=0 tid=0x1 nid=0x2 runnable\n'
    "   java.lang.Thread.State: RUNNABLE\n\tat c.e.Till.run(Till.java:9)\n\n"
)
LOGGED = "2026-05-06 07:08:09,123 INFO  [w-1] c.e.Till -    java.lang.Thread.State: RUNNABLE\n"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_log, "_PIECE", 5000)


def read(text: str) -> large_log.LargeLog:
    made = large_log.read(io.BytesIO(text.encode()), [b"drained"])
    assert made is not None
    return made


def test_what_tells_stands_at_its_line_and_the_rest_is_counted() -> None:
    many = "".join(QUIET.format(n=n) for n in range(300))
    text = many + TELLS + many + DUMP + many + LOUD * 50 + many + OWN + LOGGED + many
    made = read(text)
    before, after = text.split("\n"), made.text.decode().split("\n")
    assert len(before) == len(after)
    assert all(new in {"", old} for old, new in zip(before, after, strict=True))
    assert made.left_out == sum(bool(old) and not new for old, new in zip(before, after, strict=True))
    assert len(made.text) < len(text) / 3
    assert made.size == len(text)
    for part in (TELLS, DUMP, OWN, LOGGED):
        assert part in made.text.decode()


def test_an_entry_goes_as_a_whole_or_stays() -> None:
    made = read("".join(QUIET.format(n=n) for n in range(100)) + LOUD * 300 + QUIET.format(n=1) * 100)
    text = made.text.decode()
    assert "IllegalStateException" not in text[10_000:-10_000]
    assert text.count("\tat ") == text.count("IllegalStateException") == text.count("ERROR")


def test_entries_with_other_numbers_are_still_told_by_their_words() -> None:
    lines = "".join(TELLS.replace("pool", f"pool {n}") for n in range(200))
    assert lines in read(QUIET.format(n=0) * 100 + lines + QUIET.format(n=0) * 100).text.decode()


@pytest.mark.parametrize("text", ["", "prose\n" * 3000, DUMP * 100, "tcp 0 0 10.0.0.1:80 10.0.0.2:4000 ESTABLISHED\n" * 500])
def test_other_texts_are_read_as_they_are(text: str) -> None:
    assert large_log.read(io.BytesIO(text.encode()), [b"drained"]) is None


def wrapped(text: str) -> str:
    """The lines as Docker's json-file driver writes them."""
    lines = (
        json.dumps({"log": f"{line}\n", "stream": "stdout", "time": "2026-05-06T07:08:09.1Z"}, separators=(",", ":"))
        for line in text.splitlines()
    )
    return "".join(f"{line}\n" for line in lines).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def test_a_log_that_docker_wrapped_is_left_out_alike_and_taken_out_of_its_objects() -> None:
    many = "".join(QUIET.format(n=n) for n in range(300))
    text = many + TELLS + many + DUMP + many + LOUD * 50 + many + OWN + many
    made = read(wrapped(text))
    before, after = text.split("\n"), made.text.decode().split("\n")
    assert len(before) == len(after)
    assert all(new in {"", old} for old, new in zip(before, after, strict=True))
    assert made.left_out > len(before) / 2
    assert made.size == len(wrapped(text))
    for part in (TELLS, DUMP, OWN):
        assert part in made.text.decode()


def test_words_are_found_in_the_escapes_of_docker() -> None:
    line = TELLS.replace("the pool is drained", 'the "pool" <main> & spare\tis drained')
    made = large_log.read(
        io.BytesIO(wrapped(QUIET.format(n=0) * 300 + line + QUIET.format(n=0) * 300).encode()), [b'"pool" <main> & spare\tis']
    )
    assert made is not None
    assert line in made.text.decode()


def test_a_broken_object_stays_as_it_is() -> None:
    text = wrapped(QUIET.format(n=0) * 300) + '{"log":"2026-05-06 07:0\n' + wrapped(QUIET.format(n=0) * 300)
    assert '{"log":"2026-05-06 07:0' in read(text).text.decode()


def test_a_log_behind_the_times_of_a_container_runtime_is_read_alike() -> None:
    lines = "".join(f"2026-05-06T07:08:09.123456789Z stdout F {QUIET.format(n=n)}" for n in range(600))
    assert read(lines).left_out > 100

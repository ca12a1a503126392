"""Whatever is done to a text: nothing raises, no line is lost, every place is inside the file."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from parsers import FORMATS, SHAPES, Format, recognise, sections
from parsers.records import Parsed, ThreadDump
from parsers.text.source import FENCE, PROMPT, Section, Source, cut

calm = settings(derandomize=True, deadline=None, max_examples=300, database=None)

SAMPLES = {form.NAME: [line[4:] for line in (form.__doc__ or "").split("\n") if line.startswith("    ")] for form in FORMATS}
LINES = [line for sample in SAMPLES.values() for line in sample] + [
    "",
    "   ",
    "...",
    "```",
    "$ netstat -tonp",
    "[root@app01 ~]# ss -tan state close-wait",
    "app@web1:~$ sudo jstack -l 12",
    "2026-11-23 12:27:08,123 ERROR c.e.App - java.lang.IllegalStateException: no",
    "Found one Java-level deadlock:",
    '"left":',
    "  waiting to lock monitor 0x01 (object 0x02, a java.lang.Object),",
    '  which is held by "right"',
    "Heap",
]
line = st.one_of(
    st.sampled_from(LINES),
    st.text(max_size=60).map(lambda text: text.replace("\n", " ")),
    st.tuples(st.sampled_from(LINES), st.integers(0, 120), st.text(max_size=6).map(lambda text: text.replace("\n", " "))).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :]
    ),
    st.tuples(st.sampled_from(LINES), st.integers(0, 120), st.integers(0, 120)).map(
        lambda parts: parts[0][: parts[1]] + parts[0][parts[2] :]
    ),
    st.tuples(st.sampled_from(LINES), st.sampled_from(LINES)).map(" ".join),
)
texts = st.lists(line, max_size=25)


def check(form: Format, section: Section) -> Parsed:
    """Read a section, and hold that every line is counted and every place inside it."""
    parsed = form.parse(section)
    assert parsed.read + sum(gap.lines for gap in parsed.unread) == section.nonblank
    last = section.first + len(section.lines) - 1
    for place in [*(record.where for record in parsed.records), *(gap.where for gap in parsed.unread)]:
        assert section.first <= place.first <= place.last <= last
    for dump in (record for record in parsed.records if isinstance(record, ThreadDump)):
        for thread in dump.threads:
            assert section.first <= thread.where.first <= thread.where.last <= last
            assert all(thread.where.first <= number <= thread.where.last for number in thread.frame_lines)
            assert all(lock.depth < len(thread.frames) for lock in thread.locks)
    return parsed


@calm
@given(
    texts,
    st.sampled_from(FORMATS),
    st.integers(1, 1000),
    st.sampled_from([None, "ss -tan state close-wait", "jstack 12", "ls -l /proc/7/fd", "top -Hb"]),
)
def test_every_format_survives_every_text(lines: list[str], form: Format, first: int, prompt: str | None) -> None:
    check(form, Section("x", first, lines, prompt))


@calm
@given(st.data())
def test_a_damaged_sample_loses_no_line(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(FORMATS))
    text = "\n".join(SAMPLES[form.NAME])
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, min(len(text), start + 40)))
    check(form, Section("x", 1, (text[:start] + data.draw(st.text(max_size=12)) + text[stop:]).split("\n")))


@calm
@given(st.binary(max_size=400))
def test_any_bytes_are_lines(data: bytes) -> None:
    source = Source("x", data)
    for section in sections(source):
        form = recognise(section)
        if form:
            check(form, section)


@calm
@given(texts)
def test_cutting_covers_every_line_once(lines: list[str]) -> None:
    source = Source("x", "\n".join(lines).encode(errors="replace"))
    covered: list[int] = []
    for section in cut(source, SHAPES):
        assert list(section.lines) == source.lines[section.first - 1 : section.first - 1 + len(section.lines)]
        covered += [section.first + index for index, text in enumerate(section.lines) if text and not text.isspace()]
    expected = [
        number
        for number, text in enumerate(source.lines, 1)
        if text and not text.isspace() and not PROMPT.match(text) and not FENCE.match(text)
    ]
    assert covered == expected

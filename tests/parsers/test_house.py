"""What holds for every format: its docstring shows a sample, and nobody else claims it."""

from __future__ import annotations

import pytest

from parsers import FORMATS, HEAD_LINES, Format, recognise, sections
from parsers.records import Elision, Limit, ProcessStatus, Session, ThreadDump
from parsers.text.source import Section, Source
from tests.builders import values

EACH = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.NAME)


# Lines that two dialects print alike: alone they are taken for the common one.
SHARED = {"hotspot_agent": '"', "netstat_bsd": "Active Internet", "jrockit": "Mon Nov"}


def sample(form: Format) -> list[str]:
    """The indented block of the module's docstring."""
    lines = (form.__doc__ or "").split("\n")
    block = [number for number, line in enumerate(lines) if line.startswith("    ")]
    return [line.removeprefix("    ") for line in lines[block[0] : block[-1] + 1]]


def claims(lines: list[str]) -> list[str]:
    head = [line for _, line in Section("x", 1, lines).rows()][:HEAD_LINES]
    return [form.NAME for form in FORMATS if form.sniff(head)]


@EACH
def test_the_docstring_sample_is_read_without_rest(form: Format) -> None:
    (section,) = sections(Source("sample.txt", "\n".join(sample(form)).encode()))
    assert recognise(section) is form
    parsed = form.parse(section)
    assert parsed.records
    assert parsed.unread == ()
    assert parsed.read == section.nonblank


@EACH
def test_nobody_else_claims_the_sample(form: Format) -> None:
    assert claims(sample(form)) == [form.NAME]


@EACH
def test_nobody_else_claims_a_line_of_it(form: Format) -> None:
    for line in sample(form):
        assert claims([line]) in ([], [form.NAME]) or line.startswith(SHARED.get(form.NAME, "\0")), line


@EACH
def test_a_sample_is_cut_where_it_begins(form: Format) -> None:
    text = "\n".join(["something before", *sample(form)])
    assert [(recognise(section), section.first) for section in sections(Source("x", text.encode()))] == [(None, 1), (form, 2)]


@EACH
def test_a_sample_below_every_other_sample_is_found(form: Format) -> None:
    for other in FORMATS:
        if other is not form:
            text = "\n".join([*sample(other), *sample(form)])
            assert [recognise(section) for section in sections(Source("x", text.encode()))] == [other, form], other.NAME


@EACH
def test_windows_line_ends_change_nothing(form: Format) -> None:
    unix, windows = (Source("x", end.join(sample(form)).encode()) for end in ("\n", "\r\n"))
    assert [values(form.parse(section)) for section in sections(unix)] == [values(form.parse(section)) for section in sections(windows)]


@EACH
def test_places_move_with_the_text(form: Format) -> None:
    lines = sample(form)
    here, there = form.parse(Section("x", 1, lines)), form.parse(Section("x", 101, lines))
    assert [record.where.first + 100 for record in here.records] == [record.where.first for record in there.records]


@EACH
@pytest.mark.parametrize(
    "text",
    ["", "hello", "Nov 23 12:00:00 app01 kernel: TCP: request_sock_TCP: Possible SYN flooding on port 8080.", "$ echo 1", "| a | b |"],
)
def test_other_text_is_nobodys(form: Format, text: str) -> None:
    assert not form.sniff([text])


def test_a_filtered_ss_table_is_not_netstats() -> None:
    assert claims(
        ["Netid Recv-Q Send-Q  Local Address:Port  Peer Address:Port Process", "tcp   19     0  127.0.0.1:45200  127.0.0.1:52310 "]
    ) == ["ss"]


def test_names_are_unique() -> None:
    assert len({form.NAME for form in FORMATS}) == len(FORMATS)


def test_every_record_says_where() -> None:
    for form in FORMATS:
        lines = sample(form)
        for record in form.parse(Section("x", 1, lines)).records:
            assert 1 <= record.where.first <= record.where.last <= len(lines)
            # lsof -F prints a descriptor on several lines.
            if not isinstance(record, ThreadDump | Elision | Limit | ProcessStatus | Session) and form.NAME != "lsof_fields":
                assert record.where.last - record.where.first <= 1

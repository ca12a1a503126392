"""Usual rows are taken apart at their blanks, odd ones read by the grammar: both must find the same in whatever both can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.records import OpenFile
from parsers.sockets import lsof, ss
from parsers.text.source import Section
from tests.builders import SAMPLES

if TYPE_CHECKING:
    import pytest

calm = settings(derandomize=True, deadline=None, max_examples=400, database=None)
LSOF_HEADER = "COMMAND    PID     USER   FD      TYPE             DEVICE  SIZE/OFF       NODE NAME"
SS_HEADER = "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process"
LSOF = (
    sorted({line for path in SAMPLES.rglob("lsof*.txt") for line in path.read_text().splitlines() if " " in line})[::7]
    + [line[4:] for line in (lsof.__doc__ or "").splitlines() if line.startswith("    ")]
    + [
        "java    27836   tomcat *345u  IPv4 844147418      0t0  TCP 10.0.0.26:8080->10.0.0.149:60494 (CLOSE_WAIT)",
        "java    27836   tomcat   12u  IPv4 0xfffff80012   0t0  TCP 10.0.0.26:8080->10.0.0.149:60494 (CLOSE_WAIT QR=19 QS=0)",
        "java    27836   tomcat  cwd    DIR  253,0  4096 12 /srv/my app",
        "java    27836   tomcat   12u  IPv4 844147418      0t0  UDP *:68",
        "java    27836   tomcat   12u  IPv6 844147418      0t0  TCP [::1]:8080->[::1]:60494 (ESTABLISHED)",
    ]
)
SS = sorted({line for path in SAMPLES.rglob("ss*.txt") for line in path.read_text().splitlines() if line[:1].isupper()})[::11]
BLANKS = st.text(alphabet=" \t", min_size=1, max_size=4)


def changed(lines: list[str]) -> st.SearchStrategy[str]:
    """A row with something cut out, put in, or with other blanks."""
    cut = st.tuples(st.sampled_from(lines), st.integers(0, 120), st.integers(0, 6), st.text(alphabet="a0:.*-> ()u%", max_size=3)).map(
        lambda parts: parts[0][: parts[1]] + parts[3] + parts[0][parts[1] + parts[2] :]
    )
    spaced = st.tuples(st.sampled_from(lines), BLANKS).map(lambda parts: parts[1].join(parts[0].split(" ")))
    return st.one_of(st.sampled_from(lines), cut, spaced)


def by_grammar(line: str) -> object:
    reader = lsof._Reader(Section("x", 1, [line]))
    reader.header(LSOF_HEADER)
    return reader.rare(0, line)


@calm
@given(changed(LSOF))
def test_lsof_finds_what_its_grammar_finds(line: str) -> None:
    reader = lsof._Reader(Section("x", 1, [line]))
    reader.header(LSOF_HEADER)
    assert reader.row(0, line) == by_grammar(line)


@calm
@given(changed(SS))
def test_ss_finds_what_its_grammar_finds(line: str) -> None:
    quick = ss._Reader(Section("x", 1, [SS_HEADER, line]))
    slow = ss._Reader(Section("x", 1, [SS_HEADER, line]))
    slow.columns = 0
    assert line == "" or (quick.row(1, line), quick.rows) == (slow.row(1, line), slow.rows)


def test_the_quick_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the two tests above compare a thing with itself."""

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(lsof._Reader, "rare", never)
    reader = lsof._Reader(Section("x", 1, LSOF))
    assert all(reader.row(0, line) for line in LSOF[-5:])
    monkeypatch.setattr(ss, "_cells", never)
    row = 'CLOSE-WAIT 58     0        10.0.0.5:8080      10.0.0.9:54278 users:(("java",pid=3427,fd=14))'
    assert ss._Reader(Section("x", 1, [SS_HEADER, row])).row(1, row)


def test_columns_in_front_of_the_user_are_left_to_the_grammar() -> None:
    """With PPID a user that is a number looks like a descriptor."""
    header = "COMMAND  PID PPID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME"
    (row,) = lsof.parse(Section("x", 1, [header, "java    1493    1 1000  cwd    DIR  253,0     4096   12 /srv"])).records
    assert isinstance(row, OpenFile)
    assert (row.fd, row.kind, row.target) == ("cwd", "DIR", "/srv")

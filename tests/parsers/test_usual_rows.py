"""The reader of usual rows, compiled and interpreted, finds what the formats' own readers find, in whatever stands between them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers import SHAPES, sections
from parsers.sockets import kernel, lsof, netstat, ss
from parsers.sockets.kernel import rows, shapes
from parsers.text import shapes as outputs
from parsers.text import source
from parsers.text.lines import Lines
from parsers.text.source import Section, Source
from tests.builders import SAMPLES
from tests.parsers.test_quick_rows import LSOF, LSOF_HEADER, SS, SS_HEADER, changed
from tests.parsers.usual import BANNER, CLASSES, FORMATS, HEADERS, SS_NETID, USUAL

if TYPE_CHECKING:
    from types import ModuleType

    from parsers.records import Parsed

HOME = Path(kernel.__file__).parent
try:
    from parsers.sockets.kernel import compiled  # type: ignore[attr-defined]
except ImportError:
    compiled = None
SKIMS = {"interpreted": shapes.skimmed, **({"compiled": compiled.skimmed} if compiled is not None else {})}
FORMS = {"interpreted": rows, **({"compiled": compiled} if compiled is not None else {})}
NETSTAT = sorted(
    {line for path in SAMPLES.rglob("netstat*.txt") for line in path.read_text(errors="replace").splitlines() if line.startswith("tcp")}
)[::23]
ODD = (
    "",
    "   ",
    "...",
    "\ttab",
    "prose about 10.0.0.5:8080",
    "x" * 9000,
    " " * 9000,
    "tcp 0 0 Ünïcode:80 10.0.0.1:80 ESTABLISHED",
    "java 1 root 5u IPv4 1 0t0 TCP \ud800:1->10.0.0.1:2 (ESTABLISHED)",
)
calm = settings(
    derandomize=True, deadline=None, max_examples=250, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(name: str, lines: list[str], form: ModuleType | None, prompt: str | None = None) -> Parsed:
    """What a format makes of the lines; with a form of the kernel from the bytes, without one from a list, by its own reader."""
    if form is None:
        return parsed(name, Section("x", 5, lines, prompt))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "reader_of", lambda kind, reader, records: getattr(form, CLASSES[kind])(reader, records))
        # The run lies inside of a text, as one of several outputs does.
        whole = Lines("\n".join(("before", *lines, "behind")).encode("utf-8", "surrogatepass"))
        return parsed(name, Section("x", 5, whole[1 : 1 + len(lines)], prompt))


def parsed(name: str, section: Section) -> Parsed:
    found: Parsed = FORMATS[name].parse(section)
    return found


def same(name: str, lines: list[str], prompt: str | None = None) -> None:
    expected = read(name, lines, None, prompt)
    for form in FORMS.values():
        assert read(name, lines, form, prompt) == expected


@pytest.mark.parametrize("name", FORMATS)
def test_usual_rows_are_read_by_the_kernel_and_not_by_the_reader(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    same(name, [*HEADERS[name], *USUAL[name]])

    def never(_: object, index: int, line: str) -> Any:
        raise AssertionError((index, line))

    monkeypatch.setattr(FORMATS[name]._Reader, "row", never)
    if name == "lsof":
        monkeypatch.setattr(lsof._Reader, "row", lambda _, index, line: None if index == 0 else never(_, index, line))
    if name == "netstat":
        monkeypatch.setattr(netstat._Reader, "row", lambda _, index, line: None if index < 2 else never(_, index, line))
    if name == "ss":
        monkeypatch.setattr(ss._Reader, "row", lambda _, index, line: False if index == 0 else never(_, index, line))
    for form in FORMS.values():
        assert len(read(name, [*HEADERS[name], *USUAL[name]], form).records) == len(USUAL[name])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("odd", ODD)
def test_odd_lines_stand_between_usual_ones(name: str, odd: str) -> None:
    usual = USUAL[name]
    same(name, [*HEADERS[name], odd, usual[0], odd, odd, *usual, odd])
    same(name, [odd, *usual])
    same(name, [*HEADERS[name], *([odd] * 3000), *usual, odd])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("end", ["cut", "\r", "\x1c", "\xa0", "\x7f", "\x00"])
def test_rows_may_be_cut_anywhere_and_hold_anything(name: str, end: str) -> None:
    for row in USUAL[name]:
        same(name, [*HEADERS[name], *(row[:place] + (end if end != "cut" else "") for place in range(len(row) + 1))])


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_behind_the_last_octet_is_looked_at(name: str) -> None:
    """Interpreted, such a look raises an error; compiled, it would read memory of others."""

    class Reader:
        file, first, with_netid = "x", 1, True

        def __getattr__(self, _: str) -> Any:
            return lambda *_: None

    for row in USUAL[name]:
        for place in range(len(row) + 1):
            found: list[Any] = []
            data = row[:place].encode()
            assert getattr(rows, CLASSES[name])(FORMATS[name]._Reader(Section("x", 1, [*HEADERS[name]])), found).read(
                data, 0, place
            ) == place * len(found)
            getattr(rows, CLASSES[name])(Reader(), found).read(data, 0, place)


@pytest.mark.parametrize("name", FORMATS)
def test_numbers_and_ends_out_of_range(name: str) -> None:
    for row in USUAL[name]:
        lines = [
            re.sub(rf"(?<!\d){number}(?!\d)", other, row)
            for number in set(re.findall(r"\d+", row))
            for other in ("", "0", "00", "7" * 5, "65535", "65536", "9" * 10, "1" * 11, "8" * 18, "9" * 19, "-1", "1.2", "x", "*", "0x1f")
        ]
        same(name, [*HEADERS[name], *lines])


def test_a_header_with_other_columns_leaves_the_rows_to_the_reader() -> None:
    other = "COMMAND     PID  PPID     USER   FD      TYPE             DEVICE  SIZE/OFF       NODE NAME"
    row = "java      27836  1  tomcat    12u  IPv4          844000000       0t0        TCP 10.80.0.21:8080->10.1.2.3:60494 (CLOSE_WAIT)"
    same("lsof", [LSOF_HEADER, USUAL["lsof"][0], other, row, USUAL["lsof"][0], LSOF_HEADER, *USUAL["lsof"]])


@pytest.mark.parametrize("prompt", [None, "ss -tn", "ss -un", "ss -tan state close-wait"])
@pytest.mark.parametrize("header", [SS_NETID, SS_HEADER, "Recv-Q Send-Q Local Address:Port Peer Address:Port", "no header"])
def test_ss_with_and_without_columns_and_details(header: str, prompt: str | None) -> None:
    detail = "\t cubic wscale:7,7 rto:204 rtt:3.1/1.2 mss:1448 cwnd:10 bytes_sent:7 lastrcv:3540"
    lines = [part for row in USUAL["ss"] for part in (row, row[7:], detail, row, "", detail)]
    same("ss", [header, *lines, "Total: 7", detail, *lines], prompt)


@calm
@given(st.lists(changed(LSOF), max_size=6))
def test_lsof_in_any_form(lines: list[str]) -> None:
    same("lsof", [LSOF_HEADER, *lines])


@calm
@given(st.lists(changed(SS), max_size=6))
def test_ss_in_any_form(lines: list[str]) -> None:
    same("ss", [SS_HEADER, *lines])


@calm
@given(st.lists(changed([*NETSTAT, *USUAL["netstat"]]), max_size=6))
def test_netstat_in_any_form(lines: list[str]) -> None:
    same("netstat", lines)


def skimmed(form: str, kind: int, lines: list[str]) -> int:
    """How many of the lines are passed as rows, on a text that ends with them."""
    text = "\n".join(("", *lines)).encode()
    place: int = SKIMS[form](kind, text, 0, len(text))
    return text[: place + 1].count(b"\n") - (place < len(text))


@pytest.mark.parametrize("form", SKIMS)
@pytest.mark.parametrize("name", FORMATS)
def test_rows_are_passed_and_all_that_is_passed_is_a_row(form: str, name: str) -> None:
    kind, shape = list(FORMATS).index(name), re.compile(FORMATS[name].ROW_SHAPE)
    usual = [row for row in USUAL[name] if "2001:db8" not in row and "(LISTEN)" not in row and not row.startswith(("tcp6", "my"))]
    assert skimmed(form, kind, usual) == len(usual) >= 3
    for row in USUAL[name]:
        for changed_row in (*(row[:place] for place in range(len(row))), *(row[:place] + " x" + row[place:] for place in range(len(row)))):
            assert not skimmed(form, kind, [changed_row]) or shape.match(changed_row), changed_row


@calm
@given(st.lists(changed([*LSOF, *SS, *NETSTAT, *(row for rows in USUAL.values() for row in rows)]), max_size=8))
def test_what_is_passed_is_a_row_in_any_form(lines: list[str]) -> None:
    ascii_lines = [line for line in lines if line.isascii() and "\n" not in line]
    for kind, name in enumerate(FORMATS):
        passed = [skimmed(form, kind, ascii_lines) for form in SKIMS]
        assert len(set(passed)) == 1
        assert all(re.match(FORMATS[name].ROW_SHAPE, line) for line in ascii_lines[: passed[0]])


STUCK = (
    '[1/2/26 10:00:00:000 UTC] 0a3f ThreadMonitor W   WSVR0605W: Thread "WebContainer : 3" (0a3f) has been active for 720000 milliseconds'
)


@calm
@given(
    st.lists(
        st.sampled_from([*(row for rows in USUAL.values() for row in rows), *LSOF[-5:], SS_NETID, BANNER, STUCK, "", "prose", "$ ss -tan"]),
        max_size=40,
    )
)
def test_a_text_is_cut_the_same_with_rows_passed(lines: list[str]) -> None:
    data = "\n".join(lines).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "LARGE", 1)
        patch.setattr(outputs, "LONGEST", 300)
        expected = None
        for skimmed_by in (lambda *_: 0, *SKIMS.values()):
            patch.setattr(
                SHAPES,
                "skim",
                lambda by=skimmed_by: lambda name, data, at, stop: by(list(FORMATS).index(name), data, at, stop) if name in FORMATS else at,
            )
            found = [(one.first, list(one.lines), one.prompt) for one in sections(Source("x", data))]
            expected = expected if expected is not None else found
            assert found == expected


def test_every_table_of_the_samples_in_any_form() -> None:
    for name in FORMATS:
        for path in sorted(SAMPLES.rglob(f"{name}*.txt"))[::9]:
            same(name, path.read_text(errors="replace").split("\n"))


@given(st.integers(0, 10**12), st.integers(0, 9999))
@calm
def test_the_rest_of_a_timer_is_the_number_that_is_printed(whole: int, part: int) -> None:
    for form in FORMS.values():
        timer = read("netstat", [f"tcp 0 0 10.0.0.1:1 10.0.0.2:2 ESTABLISHED - keepalive ({whole}.{part}/0/0)"], form).records[0].timer  # type: ignore[union-attr]
        assert timer is not None
        assert timer.remaining == float(f"{whole}.{part}")


def test_every_type_belongs_to_something_in_the_source() -> None:
    """A class or method that only the C types know would compile, and do nothing."""
    source, types = ("".join((HOME / f"{name}.{kind}").read_text() for name in ("usual", "rows", "shapes")) for kind in ("py", "pxd"))
    for name in re.findall(r"^cdef class (\w+)", types, re.MULTILINE):
        assert re.search(rf"^class {name}\b", source, re.MULTILINE), name
    for name in re.findall(r"^ *cp?def (?!class|readonly|public)[^(=\n]*?\b(\w+)\(", types, re.MULTILINE):
        assert f"def {name}(" in source, name


@pytest.mark.skipif(compiled is None, reason="this checkout is not compiled")
def test_what_is_compiled_is_no_older_than_its_source() -> None:
    built = max(path.stat().st_mtime for path in HOME.glob("compiled.*") if path.suffix in {".so", ".pyd"})
    for path in (path for kind in ("py", "pxd") for path in HOME.glob(f"*.{kind}") if path.stem in {"usual", "rows", "shapes"}):
        assert built >= path.stat().st_mtime, f"{path.name} has changed: python setup.py build_ext --inplace"

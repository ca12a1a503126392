"""Real evidence, whole and damaged: every line is counted, and exactly one format claims each output."""

from __future__ import annotations

import random
import re
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers import FORMATS, HEAD_LINES, recognise, sections
from parsers.logs import log_of
from parsers.text.source import Section, Source, is_binary
from tests.builders import SAMPLES
from tests.parsers.test_properties import check

if TYPE_CHECKING:
    from pathlib import Path

WINDOW = 60
"""Lines that a damaged piece has: enough for some threads or a screen of a table."""
CAPTURES = (".pcap", ".pcapng", ".gz", ".xz", ".zst", ".zip", ".tar")
PROSE = (".md", ".java", ".py", ".json")
INVENTORY = re.compile(
    r"/sosreport-[^/]*/(?:version\.txt|etc/host(?!name)|sos_commands/networking/(?:ip_-o_addr|(?:ip_netns_exec_remote_)?netstat_-W_-agn))"
)
"""What a support bundle says of the system, which no format reads."""


def evidence() -> list[Path]:
    return [
        path
        for path in sorted(SAMPLES.rglob("*"))
        if path.is_file()
        and path.relative_to(SAMPLES).parts[0] != "lab"
        and not path.name.endswith((*CAPTURES, *PROSE))
        and not INVENTORY.search(path.as_posix())
        and not is_binary(path.read_bytes()[:4096])
    ]


FILES = evidence()
calm = settings(derandomize=True, deadline=None, max_examples=400, database=None)


@cache
def lines_of(path: Path) -> list[str]:
    return list(Source(path.name, path.read_bytes()).lines)


def test_there_is_evidence_of_many_kinds() -> None:
    """The tests below say nothing if nothing is found."""
    found = {form.NAME for path in FILES for section in sections(Source("x", path.read_bytes())) if (form := recognise(section))}
    assert len(FILES) > 150
    assert {"hotspot", "netstat", "ss", "lsof", "limits", "top", "proc_net", "proc_fd", "thread_file"} <= found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SAMPLES)))
def test_one_format_claims_each_output_and_every_line_is_counted(path: Path) -> None:
    known = 0
    for section in sections(Source(path.name, path.read_bytes())):
        claims = [form.NAME for form in FORMATS if form.sniff(section.head(HEAD_LINES))]
        assert len(claims) <= 1, (section.first, claims)
        form = recognise(section)
        if form is not None:
            check(form, section)
        known += form is not None or log_of(section) is not None
    assert known or path.name.startswith(("dmesg", "port-range", "jstat", "finalizer"))  # what no format is made for


@pytest.mark.slow
@calm
@given(st.data())
def test_damage_loses_no_line(data: st.DataObject) -> None:
    """A piece of a real file, with lines lost, doubled, swapped, cut and glued: whatever format claims it counts every line."""
    lines = lines_of(data.draw(st.sampled_from(FILES)))
    start = data.draw(st.integers(0, max(0, len(lines) - 1)))
    piece = lines[start : start + WINDOW]
    chance = random.Random(data.draw(st.integers(0, 1 << 30)))
    for _ in range(data.draw(st.integers(0, 12))):
        damage(piece, chance)
    text = "\n".join(piece).encode(errors="replace")
    for section in sections(Source("x", text)):
        form = recognise(section)
        if form is not None:
            check(form, section)
    check(data.draw(st.sampled_from(FORMATS)), Section("x", 1, piece))


def damage(piece: list[str], chance: random.Random) -> None:
    """One accident to a text."""
    if not piece:
        return
    at, other = chance.randrange(len(piece)), chance.randrange(len(piece))
    line = piece[at]
    cut = chance.randrange(len(line) + 1)
    match chance.randrange(7):
        case 0:
            del piece[at]
        case 1:
            piece.insert(other, line)
        case 2:
            piece[at], piece[other] = piece[other], piece[at]
        case 3:
            piece[at] = line[:cut]
        case 4:
            piece[at] = line[cut:]
        case 5:
            piece[at] = line[:cut] + piece[other]
        case _:
            piece[at] = line[:cut] + chr(chance.choice((0, 9, 34, 40, 58, 60, 0xA0, 0x663, 0xFF11, 0x2028, 0x1F600))) + line[cut:]

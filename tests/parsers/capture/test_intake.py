"""Captures in an incident: recognised by their first octets, streamed from where they lie, hashed, counted."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import os
import random
import sys
import tarfile
import threading
import tracemalloc
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard

from analyzer.app.cli import main
from analyzer.intake import read as intake
from analyzer.intake.archives import expand
from analyzer.intake.read import read
from parsers.capture import reader
from tests.parsers.capture.traffic import write
from tests.parsers.capture.wire import enhanced, ether, interface, ip4, pcap, section, tcp

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = pcap(*[ether(ip4(tcp(b"abc", seq=1000 + 3 * number), ident=number)) for number in range(20)])


@pytest.fixture(autouse=True)
def never_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """No capture is ever read into memory."""
    whole = Path.read_bytes

    def watched(path: Path) -> bytes:
        data = whole(path)
        assert not data.startswith(b"\xd4\xc3\xb2\xa1"), f"{path} was read whole"
        return data

    monkeypatch.setattr(Path, "read_bytes", watched)


def test_a_capture_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "lo.pcap").write_bytes(DATA)
    (tmp_path / "named-wrongly.txt").write_bytes(gzip.compress(DATA))
    (tmp_path / "new.pcapng").write_bytes(section() + interface() + enhanced(ether(ip4(tcp()))))
    incident = read([str(tmp_path)]).incident
    assert [(one.file, len(one.flows), one.packets) for one in incident.captures] == [
        ("lo.pcap", 1, 20),
        ("named-wrongly.txt", 1, 20),
        ("new.pcapng", 1, 1),
    ]
    artifact = incident.artifacts[0]
    assert (artifact.formats, artifact.records, artifact.size, artifact.unread, artifact.note) == (("pcap",), 20, len(DATA), (), None)
    assert artifact.sha256 == incident.artifacts[1].sha256 == hashlib.sha256(DATA).hexdigest()
    assert str(incident.captures[0].flows[0].where) == "lo.pcap:1-20"


def test_captures_inside_archives(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one/lo.pcap", DATA)
        archive.writestr("two/lo.pcap.gz", gzip.compress(DATA))
        archive.writestr("note.txt", "text")
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo("three/lo.pcap")
        info.size = len(DATA)
        tar.addfile(info, io.BytesIO(DATA))
    incident = read([str(tmp_path)]).incident
    names = ["a.zip/one/lo.pcap", "a.zip/two/lo.pcap.gz", "b.tar.gz/three/lo.pcap"]
    assert [one.file for one in incident.captures] == names
    assert {one.packets for one in incident.captures} == {20}
    assert {one.sha256 for one in incident.artifacts if one.file in names} == {hashlib.sha256(DATA).hexdigest()}


@pytest.mark.slow
def test_a_bomb_in_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("lo.pcap", DATA + bytes(100 << 20))
    (capture,) = read([str(tmp_path)]).incident.captures
    assert "unpacks to far more than a capture would" in capture.unread[0].why


def packed_tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, zstandard.compress])
def test_a_capture_in_an_archive_is_never_held(pack: Callable[[bytes], bytes]) -> None:
    """Neither packed nor unpacked: only its stream leaves the archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("lo.pcap", pack(DATA))
    for data in (buffer.getvalue(), packed_tar({"lo.pcap": pack(DATA)})):
        contents = []
        for _, content in expand("x", data):
            assert not isinstance(content, bytes | str)
            contents.append(reader.read("x", content))
        assert [(one.capture.packets, one.sha256) for one in contents] == [(20, hashlib.sha256(DATA).hexdigest())]


def test_a_packed_tar_that_is_cut_gives_what_stands_before() -> None:
    noise = random.Random(1).randbytes(300_000)
    found = list(expand("x", packed_tar({"a.txt": b"text\n", "lo.pcap": DATA, "b.bin": noise})[:-100_000]))
    assert (found[0], found[1][0], found[-1][0]) == (("x/a.txt", b"text\n"), "x/lo.pcap", "x")
    assert "damaged" in str(found[-1][1])


@pytest.mark.slow
def test_a_bomb_is_told_as_it_unpacks() -> None:
    """What stands behind it makes the whole no bomb by its ratio, as its size alone does for one of three megabytes."""
    bomb = gzip.compress(bytes(300 << 20), 9) + gzip.compress(random.Random(1).randbytes(1 << 20))
    tar = packed_tar({"b.txt": bytes(300 << 20)})
    tracemalloc.start()
    try:
        ((_, text),) = expand("x", bomb)
        ((_, member),) = expand("x", tar)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "unpacks to far more" in str(text)
    assert "unpacks to far more" in str(member)
    assert peak < 128 << 20


def test_a_damaged_capture_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "cut.pcap").write_bytes(DATA[:-10])
    (tmp_path / "empty.pcap").write_bytes(DATA[:24])
    cut, empty = read([str(tmp_path)]).incident.artifacts
    assert (cut.records, cut.note, [gap.why for gap in cut.unread]) == (
        19,
        "the last record is cut short",
        ["the last record is cut short"],
    )
    assert (empty.records, empty.note) == (0, "holds no packets")


@pytest.mark.parametrize("data", [DATA, gzip.compress(DATA)])
def test_a_capture_from_a_pipe(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    out, into = os.pipe()
    with os.fdopen(out, "rb") as pipe:

        def fill() -> None:
            with os.fdopen(into, "wb") as end:
                end.write(data)

        thread = threading.Thread(target=fill)
        thread.start()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(pipe))
        incident = read(["-"]).incident
        thread.join()
    assert [(one.file, one.packets) for one in incident.captures] == [("stdin", 20)]


def test_a_text_that_begins_like_a_section_is_no_capture() -> None:
    assert intake.read_one("x", b"\n\r\r\nsome text of somebody\n").capture is None


def test_of_a_large_capture_the_beginning_is_hashed_unless_all_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = io.BytesIO()
    write(made, 600, 12)
    header, packets = made.getvalue()[:24], made.getvalue()[24:]
    content = header + packets * ((64 << 20) // len(packets) + 1)
    file = tmp_path / "lo.pcap"
    file.write_bytes(content)
    of_all, of_head = hashlib.sha256(content).hexdigest(), hashlib.sha256(content[: 64 << 20]).hexdigest()

    def said(*options: str, form: str = "json") -> str:
        with pytest.raises(SystemExit):
            main([str(file), "-f", form, "-o", "-", *options])
        return capsys.readouterr().out

    (plain,), (forced,) = json.loads(said())["inputs"], json.loads(said("--hash"))["inputs"]
    assert (plain["bytes"], plain["sha256"], plain["sha256_head"]) == (len(content), "", of_head)
    assert (forced["bytes"], forced["sha256"], forced["sha256_head"]) == (len(content), of_all, None)
    for form in ("html", "md", "jira"):
        assert f"{of_head} of its first 64 MiB" in said(form=form)
        assert of_all in said("--hash", form=form)

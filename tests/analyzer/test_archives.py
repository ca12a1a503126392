"""Archives are read without touching the disk, and hostile ones are refused in a sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
import zstandard

from analyzer.intake import archives
from analyzer.intake.archives import HARMLESS, expand, unpack
from analyzer.intake.read import read
from tests.builders import SAMPLES, judge

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = {path.name: path.read_bytes() for path in sorted((SAMPLES / "self-call-after").iterdir())}


def tar(files: dict[str, bytes], prefix: str = "incident/") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(prefix + name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


PACKED = {
    "incident.zip": zipped(FILES),
    "incident.tar": tar(FILES),
    "incident.tgz": gzip.compress(tar(FILES)),
    "incident.tar.bz2": bz2.compress(tar(FILES)),
    "incident.tar.xz": lzma.compress(tar(FILES)),
    "incident.tar.zst": zstandard.compress(tar(FILES)),
    "outer.zip": zipped({"inner.tar.gz": gzip.compress(tar(FILES))}),
}


@pytest.mark.parametrize("name", sorted(PACKED))
def test_an_archive_is_an_incident(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(PACKED[name])
    diagnosis = judge(read([str(path)]))
    assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("self-call-starvation", "certain")
    assert list(tmp_path.iterdir()) == [path]


def test_a_packed_file_keeps_its_name() -> None:
    assert list(expand("jstack.txt.gz", gzip.compress(b"a") + gzip.compress(b"b"))) == [("jstack.txt.gz", b"ab")]


def test_a_cut_off_file_gives_what_is_there() -> None:
    text = "\n".join(map(str, range(20_000))).encode()
    found = unpack(gzip.compress(text)[:-2000])
    assert isinstance(found, bytes)
    assert text.startswith(found)
    assert len(found) > 1000


@pytest.mark.slow
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_bombs_are_refused(pack: object) -> None:
    assert "not read" in str(unpack(pack(bytes(64 << 20))))  # type: ignore[operator]


def test_a_bomb_in_a_zip_is_refused_and_the_rest_read() -> None:
    found = dict(expand("x.zip", zipped({"bomb.txt": bytes(64 << 20), "note.txt": b"hello"})))
    assert found["x.zip/note.txt"] == b"hello"
    assert "not read" in str(found["x.zip/bomb.txt"])


def tarred(files: dict[str, bytes], mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("pack", [zipped, lambda files: tarred(files, "w:gz"), lambda files: tarred(files, "w:xz")])
def test_many_members_are_a_bomb_together(pack: Callable[[dict[str, bytes]], bytes]) -> None:
    """None of them is one by its own size: what they share is the archive's ratio."""
    bomb = {f"part-{n}.txt": b"y" * (20 << 20) for n in range(20)}
    found = dict(expand("x", pack({"first.txt": b"one", **bomb, "last.txt": b"two"})))
    read = [content for content in found.values() if isinstance(content, bytes)]
    assert sum(map(len, read)) < 4 * HARMLESS
    assert len(found) == len(bomb) + 2
    assert (found["x/first.txt"], found["x/last.txt"]) == (b"one", b"two"), "a bad member costs itself alone"
    assert "not read" in str(found["x/part-19.txt"])


def test_large_tables_that_pack_well_are_no_bomb() -> None:
    """A padded table packs a hundred times: many of them are an incident of a busy host."""
    row = "ESTAB 0 0 [::ffff:10.0.0.{}]:8080 [::ffff:10.1.{}.{}]:{}" + " " * 200 + "\n"
    table = "".join(row.format(n % 250, n % 7, n % 199, 1024 + n) for n in range(20_000)).encode()
    assert len(table) > 4 << 20
    found = list(expand("x", zipped({f"ss-{n}.txt": table for n in range(12)})))
    assert [content for _, content in found] == [table] * 12


def test_names_do_not_climb() -> None:
    hostile = {"../../etc/passwd": b"root", "/abs": b"x", "..\\..\\boot.ini": b"y"}
    assert [name for name, _ in expand("x.zip", zipped(hostile))] == ["x.zip/etc/passwd", "x.zip/abs", "x.zip/boot.ini"]


def test_nesting_stops() -> None:
    inner = zipped({"a.txt": b"a"})
    for _ in range(3):
        inner = zipped({"inner.zip": inner})
    assert any("not opened" in str(content) for _, content in expand("x.zip", inner))


def test_links_and_devices_in_a_tar_are_not_followed() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert list(expand("x.tar", buffer.getvalue())) == [("x.tar/link", "no regular file; not opened")]


@pytest.mark.parametrize(
    "data",
    [b"PK\x03\x04 not a zip", PACKED["incident.zip"][:-300], b"\x1f\x8b\x08 broken", b"\xfd7zXZ\x00broken", b"\x28\xb5\x2f\xfdbroken"],
)
def test_damaged_archives_are_said(data: bytes) -> None:
    assert any(isinstance(content, str) for _, content in expand("x", data))


def test_the_number_of_members_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    found = list(expand("x.zip", zipped({f"{n}.txt": b"x" for n in range(9)})))
    assert "the rest is not read" in str(found[-1][1])
    assert json.dumps([name for name, _ in found[:3]])


@pytest.mark.parametrize(("magic", "name"), [(b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07\x01", "RAR"), (b"\x04\x22\x4d\x18", "LZ4")])
def test_archives_that_are_not_opened_are_named(magic: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / "evidence"
    path.write_bytes(magic + bytes(range(256)))
    (artifact,) = judge(read([str(path)])).inputs
    assert artifact.note is not None
    assert name in artifact.note
    assert "not opened" in artifact.note


def test_a_cut_bzip2_file_gives_what_is_there() -> None:
    text = b"".join(b"%d\n" % number for number in range(400_000))
    found = unpack(bz2.compress(text, 1)[:-20_000])
    assert isinstance(found, bytes)
    assert text.startswith(found)
    assert len(found) > 100_000

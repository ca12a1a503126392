"""Archives that hold an incident: zip, tar, plain or packed with gzip, bzip2, xz or zstd, nested once. Nothing is ever unpacked onto the disk.

Archives are hostile: one may unpack to a thousand times its size, hold a million names, hold itself, or name a file ``../../etc/passwd``. So
bytes are counted while they are unpacked, members are counted, nesting stops, and names are only labels.
"""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Final

from parsers.capture.stream import PIECE, Counted, holds_capture, is_packed, unpacker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parsers.capture.stream import Stream

LARGEST: Final = 2 << 30
"""Bytes of everything unpacked; more would not fit a laptop's memory six times."""
HIGHEST_RATIO: Final = 400
"""Unpacked size by packed size. Socket tables pack 10 to 30 times, the padded ones of ss 100 times; gzip's limit, which bombs come near, is 1,032."""
MOST_MEMBERS: Final = 20_000
"""Files of one archive: a sosreport has a few thousand."""
DEEPEST: Final = 1
"""Archives inside an archive are opened, those inside them are not."""
HARMLESS: Final = 32 << 20
"""Unpacked bytes below which no ratio is suspicious: they cost a moment. All that is suspicious in an archive shares them."""
_CHUNK: Final = 1 << 20
_LOOK: Final = 4096  # bytes that tell a packed capture

_FIRST_BLOCK: Final = 1 << 20
"""Octets of a packed file that hold its first block: bzip2 packs up to 900 kB at once."""

ZIP: Final = b"PK\x03\x04"
_REFUSED = "unpacks to far more than a text file would; not read"


class _TooMuch(Exception):  # noqa: N818 - it says what the archive is
    """The archive unpacks to more than any incident."""


def expand(name: str, data: bytes, depth: int = 0) -> Iterator[tuple[str, bytes | str | Stream]]:
    """(name, content) of the file itself or of everything in it; content is a sentence where something is not read.

    A capture is not unpacked here: a packed one is given as it is, a member of an archive as a stream, to be read before the next one. Nor is a packed tar, which is walked as it is unpacked. A packed single file (``jstack.txt.gz``) keeps its name; members of archives are called ``archive/member``.
    """
    if is_packed(data) and not holds_capture(data[:_LOOK]):
        if depth <= DEEPEST and _packs_tar(data):
            yield from _members(name, _of_packed_tar(data), depth)
            return
        content = unpack(data)
        if isinstance(content, str):
            yield name, content
            return
        data = content
    if data.startswith(ZIP) or _is_tar(data):
        if depth > DEEPEST:
            yield name, "an archive inside an archive inside an archive; not opened"
            return
        yield from _members(name, _of_zip(data) if data.startswith(ZIP) else _of_tar(data), depth)
    else:
        yield name, data


def unpack(data: bytes) -> bytes | str:
    """The content of a gzip, bzip2, xz or zstd file, or a sentence that says why it is not read. A file that is cut off gives what is there."""
    packed = Counted(io.BytesIO(data))
    try:
        return _read(Counted(unpacker(packed, data)), _Ledger(lambda: packed.taken).member().check)
    except _TooMuch:
        return _REFUSED
    except Exception as error:  # noqa: BLE001 - lzma and zstandard have no error class in common, and are loaded only for such a file
        return f"packed, and cannot be unpacked: {error}"


class _Ledger:
    """What came out of an archive, held against what went in: fifty members of 40 MB are a bomb though each of them is not.

    ``taken``: how far the archive has been read, which may be up to ``ahead`` octets further than what came out.
    """

    def __init__(self, taken: Callable[[], int], ahead: int = 0) -> None:
        self.taken, self.ahead = taken, ahead
        self.packed = self.unpacked = self.suspicious = 0

    def member(self) -> _Member:
        """The account of the member that is read next."""
        return _Member(self)


class _Member:
    """One member's part of it. A member that is refused leaves the others what they have."""

    def __init__(self, ledger: _Ledger) -> None:
        self._ledger, self._begin = ledger, ledger.taken()

    @property
    def packed(self) -> int:
        """Octets that it took so far. What the unpacker read in advance counts for the member before."""
        return self._ledger.taken() - self._begin + self._ledger.ahead

    def check(self, size: int, packed: int | None = None) -> None:
        """Allow ``size`` bytes out of ``packed``, by default out of what was taken.

        Raises:
            _TooMuch: if that is a bomb.
        """
        whole, ledger = self._ledger.unpacked + size, self._ledger
        mine = size > HIGHEST_RATIO * (self.packed if packed is None else packed) and size + ledger.suspicious > HARMLESS
        every = packed is None and whole > HARMLESS and whole > HIGHEST_RATIO * (ledger.packed + self.packed)
        if size > LARGEST or mine or (every and size > _CHUNK):
            raise _TooMuch

    def close(self, size: int) -> None:
        """Count what was read of it."""
        self._ledger.packed += self.packed - self._ledger.ahead
        self._ledger.unpacked += size
        self._ledger.suspicious += size if size > HIGHEST_RATIO * self.packed else 0


def _read(stream: IO[bytes] | Counted, check: Callable[[int], None]) -> bytes:
    """Everything in ``stream``; ``check`` is asked as it unpacks, and refuses a bomb."""
    unpacked = bytearray()
    try:
        while chunk := stream.read(_CHUNK):
            unpacked += chunk
            check(len(unpacked))
    except EOFError:
        if not unpacked:
            raise
    return bytes(unpacked)


def _is_tar(data: bytes) -> bool:
    """True for ustar, GNU and pax archives (POSIX.1-2001: the magic stands at offset 257)."""
    return data[257:262] == b"ustar"


def _packs_tar(data: bytes) -> bool:
    """True if a tar is what a packed file begins with."""
    head = memoryview(bytearray(_LOOK))
    try:
        count = unpacker(Counted(io.BytesIO(data[:_FIRST_BLOCK])), data).readinto(head) or 0
    except Exception:  # noqa: BLE001 - damaged; said where it is unpacked
        return False
    return _is_tar(bytes(head[:count]))


def _members(name: str, members: Iterator[tuple[str, bytes | str | Stream]], depth: int) -> Iterator[tuple[str, bytes | str | Stream]]:
    count = total = 0
    try:
        for member, content in members:
            count += 1
            total += len(content) if isinstance(content, bytes | str) else 0
            if count > MOST_MEMBERS or total > LARGEST:
                yield name, f"holds more than {MOST_MEMBERS:,} files or {LARGEST >> 30} GB; the rest is not read"
                return
            label = f"{name}/{_label(member)}"
            if isinstance(content, bytes):
                yield from expand(label, content, depth + 1)
            else:
                yield label, content
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, RuntimeError, ValueError, NotImplementedError, zlib.error) as error:
        yield name, f"an archive that is damaged: {error}; {count} files of it were read"


_NO_HANGUL: Final = re.compile(r"[^\x20-\x7e가-힣]|[A-Za-z][가-힣]|[가-힣][A-Za-z]").search
"""What shows that bytes were no Korean: other letters, or a syllable inside a Latin word."""
_UTF8: Final = 0x800
"""The flag of a member whose name is UTF-8 (APPNOTE 4.4.4, bit 11)."""


def _of_zip(data: bytes) -> Iterator[tuple[str, bytes | str | Stream]]:
    file = io.BytesIO(data)
    ledger = _Ledger(file.tell)
    with zipfile.ZipFile(file) as archive:
        names = _names_of_zip(archive.infolist())
        for info, name in zip(archive.infolist(), names, strict=True):
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                yield name, "encrypted; not read"
                continue
            with archive.open(info) as stream:
                yield name, _whole(stream, ledger.member(), (info.file_size, info.compress_size))


def _names_of_zip(members: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The names. Without the flag for UTF-8 they are in the code page of whoever packed them: Korean Windows writes CP949.

    It is taken for that only where every odd name becomes Hangul: any bytes decode as CP437, which ``zipfile`` takes.
    """
    names = [info.filename for info in members]
    odd = [index for index, info in enumerate(members) if not info.flag_bits & _UTF8 and not info.filename.isascii()]
    for encoding in ("utf-8", "euc_kr", "cp949"):
        try:
            decoded = {index: names[index].encode("cp437").decode(encoding) for index in odd}
        except UnicodeError:
            continue
        if encoding == "utf-8" or not any(map(_NO_HANGUL, decoded.values())):
            return [decoded.get(index, name) for index, name in enumerate(names)]
    return names


def _of_tar(data: bytes) -> Iterator[tuple[str, bytes | str | Stream]]:
    file = io.BytesIO(data)
    with tarfile.open(fileobj=file, mode="r:") as archive:
        yield from _of_files(archive, _Ledger(file.tell))


def _of_packed_tar(data: bytes) -> Iterator[tuple[str, bytes | str | Stream]]:
    packed = Counted(io.BytesIO(data))
    with tarfile.open(fileobj=Counted(unpacker(packed, data)), mode="r|") as archive:  # type: ignore[call-overload]
        yield from _of_files(archive, _Ledger(lambda: packed.taken, PIECE))


def _of_files(archive: tarfile.TarFile, ledger: _Ledger) -> Iterator[tuple[str, bytes | str | Stream]]:
    for info in archive:
        if info.isdir():
            continue
        if not info.isreg():
            yield info.name, "no regular file; not opened"
            continue
        stream = archive.extractfile(info)
        yield info.name, _whole(stream, ledger.member()) if stream else b""


def _whole(stream: IO[bytes], member: _Member, declared: tuple[int, int] | None = None) -> bytes | str | Stream:
    """The content of a member, or why it is not read; of a capture only its stream, because it may be larger than the memory.

    ``declared``: its size and its packed size, where the archive says so before it is unpacked; more than that never comes out.
    """
    head = stream.read(_LOOK)
    if holds_capture(head):
        return _Capture(head, stream, lambda: member.packed)
    try:
        if declared is not None:
            member.check(*declared)
        content = head + _read(stream, member.check)
    except _TooMuch:
        return _REFUSED
    member.close(len(content))
    return content


class _Capture:
    """A capture in an archive, read as it is unpacked. One that unpacks to far too much stops with an error, which becomes a note."""

    def __init__(self, head: bytes, stream: IO[bytes], packed: Callable[[], int]) -> None:
        self._head, self._stream, self._packed, self._size = head, stream, packed, 0

    def readinto(self, view: memoryview, /) -> int:
        """Fill some of ``view``.

        Raises:
            ValueError: if more comes out than any capture packs.
        """
        piece = self._head[: len(view)] or self._stream.read(len(view))
        self._head = self._head[len(piece) :]
        view[: len(piece)] = piece
        self._size += len(piece)
        if self._size > HARMLESS and self._size > HIGHEST_RATIO * self._packed():
            raise ValueError("it unpacks to far more than a capture would")
        return len(piece)


def _label(member: str) -> str:
    """A member's name without what climbs: it only labels places, but a label must not look like a path of the analyst's."""
    return "/".join(part for part in member.replace("\\", "/").split("/") if part not in {"", ".", ".."}) or "member"

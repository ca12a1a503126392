"""From a file, a pipe or a buffer to the kernel: a pair of reused buffers, unpacked and hashed on the way.

``read()`` into a buffer that is used again is faster than mmap on whole captures, and serves pipes and packed files alike. SHA-256 takes
longer than everything else together; hashlib lets go of the interpreter's lock, so it runs beside the kernel on another core. Of a capture
that is larger than ``HASHED`` only the first octets are hashed, unless the caller wants all: the digest of all would be most of the time.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from queue import SimpleQueue
    from threading import Thread

    from parsers.capture.kernel import Walker

CHUNK = 1 << 20
"""Octets of one read: what the second-level cache holds while the kernel walks it."""
HASHED_CHUNK = 2 << 20
"""Octets of one read where a hash runs beside the kernel: what both find in the cache. A third less work than with 4 MB, in the same time."""
HASHED = 64 << 20
"""Octets whose SHA-256 is always taken; ``head -c 67108864 FILE | sha256sum`` prints the same for a larger file."""
PIECE = 1 << 16
"""Octets that are unpacked at a time."""
LONGEST_REST = 1 << 19
"""Octets that may be left over from a piece: less than one record, whose largest is half of this."""
WORTH_A_THREAD = 4 << 20
"""Octets from which hashing moves beside the kernel; below, a thread costs more than it saves."""
HIGHEST_RATIO = 400
"""Unpacked by packed size: a capture packs 3 to 20 times; gzip's limit, which bombs come near, is 1,032."""
HARMLESS = 32 << 20
"""Unpacked octets below which no ratio is suspicious."""
MOST_UNPACKED = 64 << 30
"""Unpacked octets that are read: an hour of a busy gigabit link, and minutes of work."""

GZIP, XZ, ZSTD, BZIP2 = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"BZh"
PACKED = (GZIP, XZ, ZSTD, *(BZIP2 + b"%d\x31\x41\x59\x26\x53\x59" % level for level in range(1, 10)))
"""What packed files begin with; behind bzip2's magic stand its level and the mark of a block."""
HEAD = 12
"""Octets that tell a capture."""
SECTION = b"\x0a\x0d\x0d\x0a"
BYTE_ORDERS = (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a")
MAGIC = (
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\xc3\xd4",
    b"\x4d\x3c\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x34\xcd\xb2\xa1",
    b"\xa1\xb2\xcd\x34",
    SECTION,
)


class Stream(Protocol):
    """What octets come from: a file opened without a buffer, a pipe, ``io.BytesIO``, or an unpacker."""

    def readinto(self, view: memoryview, /) -> int | None:
        """Fill some of ``view``; 0 at the end."""


class Passed(NamedTuple):
    """What went through: octets, the SHA-256 of the first ``hashed`` of them, octets left over at the end (part of a record), what stopped the reading early."""

    size: int
    sha256: str
    hashed: int
    rest: int
    trouble: str | None


class Digest:
    """SHA-256, beside the caller's work once that is worth it. At most one buffer is in the works."""

    def __init__(self) -> None:
        """Nothing hashed."""
        self._hash = hashlib.sha256()
        self._size = 0
        self._thread: Thread | None = None
        self._todo: SimpleQueue[memoryview | None] | None = None
        self._done: SimpleQueue[None] | None = None
        self._busy = 0

    def update(self, view: memoryview) -> None:
        """Hash ``view``, which must not change before the next call but one of ``wait``."""
        self._size += len(view)
        if self._size < WORTH_A_THREAD:
            self._hash.update(view)
            return
        if self._todo is None or self._done is None:
            from queue import SimpleQueue  # noqa: PLC0415 - only for captures that are large
            from threading import Thread  # noqa: PLC0415

            self._todo, self._done = SimpleQueue(), SimpleQueue()
            self._thread = Thread(target=self._work, args=(self._todo, self._done), daemon=True)
            self._thread.start()
        self._todo.put(view)
        self._busy += 1

    def wait(self, most: int) -> None:
        """Return when at most ``most`` views are still being hashed."""
        while self._done is not None and self._busy > most:
            self._done.get()
            self._busy -= 1

    def _work(self, todo: SimpleQueue[memoryview | None], done: SimpleQueue[None]) -> None:
        while (view := todo.get()) is not None:
            self._hash.update(view)
            done.put(None)

    def result(self) -> str:
        """The digest in hexadecimal."""
        self.wait(0)
        if self._todo is not None and self._thread is not None:
            self._todo.put(None)
            self._thread.join()
        return self._hash.hexdigest()


def is_capture(head: bytes) -> bool:
    """True if these first octets are those of a pcap or pcapng file; of the latter twelve are needed, its first four could begin a text."""
    return head.startswith(MAGIC) and (head[:4] != SECTION or head[8:12] in BYTE_ORDERS)


def holds_capture(head: bytes) -> bool:
    """True if these first octets are those of a capture, plain or packed. Of a packed one some hundred are needed."""
    if not is_packed(head):
        return is_capture(head)
    view = memoryview(bytearray(HEAD))
    try:
        count = unpacker(Counted(io.BytesIO(head)), head).readinto(view) or 0
    except Exception:  # noqa: BLE001 - damaged, or not packed at all; the libraries have no error class in common
        return False
    return is_capture(bytes(view[:count]))


def is_packed(head: bytes) -> bool:
    """True for gzip, xz, zstd and bzip2."""
    return head.startswith(PACKED)


def unpacker(stream: Stream, head: bytes) -> Stream:
    """What is packed in ``stream``, whose first octets ``head`` shows.

    Raises:
        ImportError: if the library for it is missing.
    """
    if head.startswith(GZIP):
        return Gunzip(stream)
    if head.startswith(XZ):
        import lzma  # noqa: PLC0415 - loaded only for such a file

        return lzma.LZMAFile(stream)  # type: ignore[arg-type]
    if head.startswith(BZIP2):
        import bz2  # noqa: PLC0415 - loaded only for such a file

        return bz2.BZ2File(stream)  # type: ignore[call-overload,no-any-return]
    import zstandard  # noqa: PLC0415 - loaded only for such a file

    return zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)  # type: ignore[arg-type]


class Gunzip:
    """All members of a gzip file, a piece at a time; what stands before a cut or damaged place is given."""

    def __init__(self, stream: Stream) -> None:
        """Nothing read."""
        self._stream = stream
        self._buffer = bytearray(PIECE)
        self._unpacker = zlib.decompressobj(wbits=31)
        self._packed = b""
        self._error: EOFError | None = None

    def readinto(self, view: memoryview, /) -> int:
        """Fill ``view``; less at the end.

        Raises:
            EOFError: at an end that comes too early or at damage, once everything in front of it was given.
        """
        size = 0
        # In small pieces, because zlib gives nothing of the piece in which it finds damage.
        while size < len(view) and self._error is None:
            try:
                piece = self._piece(min(PIECE, len(view) - size))
            except EOFError as error:
                self._error = error
                break
            if not piece:
                return size
            view[size : size + len(piece)] = piece
            size += len(piece)
        if self._error is not None and not size:
            raise self._error
        return size

    def _piece(self, most: int) -> bytes:
        """Some octets; none at the end, which something else may follow."""
        while True:
            if self._unpacker.eof:
                rest = self._unpacker.unused_data or self._more()
                if not rest.startswith(GZIP[:1]):
                    return b""
                self._unpacker, self._packed = zlib.decompressobj(wbits=31), rest
            self._packed = self._packed or self._more()
            if not self._packed:
                raise EOFError("the packed data end in the middle")
            try:
                piece = self._unpacker.decompress(self._packed, most)
            except zlib.error as error:
                raise EOFError(f"the packed data are damaged: {error}") from error
            self._packed = self._unpacker.unconsumed_tail
            if piece:
                return piece

    def _more(self) -> bytes:
        return bytes(self._buffer[: self._stream.readinto(memoryview(self._buffer)) or 0])


class Counted:
    """A stream that counts what is taken from it."""

    def __init__(self, stream: Stream) -> None:
        """Nothing taken."""
        self._stream = stream
        self.taken = 0

    def readinto(self, view: memoryview, /) -> int:
        """Fill some of ``view``."""
        count = self._stream.readinto(view) or 0
        self.taken += count
        return count

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` octets, for libraries that read."""
        buffer = bytearray(CHUNK if size < 0 else min(size, CHUNK))
        return bytes(buffer[: self.readinto(memoryview(buffer))])


def pump(stream: Stream, walker: Walker, packed: Counted | None = None, *, hashed: int | None = HASHED) -> Passed:
    """Give everything in ``stream`` to ``walker``. Never raises for what the octets say.

    Args:
        stream: where the octets come from.
        walker: what walks them.
        packed: the stream below, if ``stream`` unpacks it; bombs are told by what it has taken.
        hashed: octets from the beginning whose SHA-256 is taken; None for all, 0 for none.
    """
    step = CHUNK if hashed == 0 else HASHED_CHUNK
    buffers = [bytearray(LONGEST_REST + step), bytearray(LONGEST_REST + step)]
    views = [memoryview(buffer) for buffer in buffers]
    digest = Digest()
    size = rest = turn = done = 0
    trouble: str | None = None
    while True:
        buffer, view = buffers[turn], views[turn]
        try:
            count = stream.readinto(view[rest : rest + step]) or 0
        except Exception as error:  # noqa: BLE001 - lzma, zstandard and the system have no error class in common
            trouble = str(error) or type(error).__name__
            break
        if not count:
            break
        size += count
        if packed is not None and size > HARMLESS and (size > HIGHEST_RATIO * packed.taken or size > MOST_UNPACKED):
            trouble = "it unpacks to far more than a capture would"
            break
        wanted = count if hashed is None else min(count, hashed - done)
        if wanted:
            digest.update(view[rest : rest + wanted])
            done += wanted
        used = walker.feed(buffer, rest + count)
        # The piece before the last is hashed by now, or is waited for; the rest of a record moves in front of the next piece.
        digest.wait(1)
        turn = 1 - turn
        left = rest + count - used
        views[turn][:left] = view[used : rest + count]
        rest = left
    return Passed(size, digest.result() if hashed != 0 else "", done, rest, trouble)

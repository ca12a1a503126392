"""A line on stderr for long work: what is done now, how much there is, for how long. Only on a terminal, and only after a second."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

PATIENCE: Final = 1.0
"""Seconds of silence: most incidents are done by then."""
_BEAT: Final = 0.2  # seconds between two lines
_LARGEST: Final = 3  # files that are named
_WORTH: Final = 1_000_000  # bytes from which on a file is worth its name
_WIDTH: Final = 78
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """Shows where the work stands, from another thread, so that the work need not ask for the time. Silent where nobody looks."""

    def __init__(self, paths: Sequence[str], *, shown: bool | None = None) -> None:
        """``paths`` are what is read; ``shown`` overrides the question whether stderr is a terminal."""
        self._paths = paths
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._doing = "reading"
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._printed = False

    def step(self, doing: str) -> None:
        """What is done from now on."""
        self._doing = doing

    def __enter__(self) -> Self:
        """Begin to watch."""
        if self._shown:
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End, and take the line away."""
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        if self._printed:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def _watch(self) -> None:
        began = time.monotonic()
        if self._done.wait(PATIENCE):
            return
        size = _sizes(self._paths)
        while not self._done.is_set():
            seconds = time.monotonic() - began
            line = f"analyze: {self._doing} {size}, {seconds:.0f} s"
            self._printed = True
            sys.stderr.write(_CLEAR + "".join(char if char.isprintable() else "?" for char in line)[:_WIDTH])
            sys.stderr.flush()
            self._done.wait(_BEAT)


def _sizes(paths: Sequence[str]) -> str:
    """``312.4 MB (jstack-3.txt 200.1 MB, ss.txt 90.0 MB)``."""
    found = sorted(_files(paths), reverse=True)
    total = sum(size for size, _ in found)
    named = [f"{name} {size / 1e6:.1f} MB" for size, name in found[:_LARGEST] if size >= _WORTH]
    return f"{total / 1e6:.1f} MB" + (f" ({', '.join(named)})" if named and len(found) > 1 else "")


def _files(paths: Sequence[str]) -> Iterator[tuple[int, str]]:
    for path in paths:
        try:
            root = Path(path)
            for file in root.rglob("*") if root.is_dir() else (root,):
                if file.is_file() and not file.is_symlink():
                    yield file.stat().st_size, file.name
        except OSError:
            continue

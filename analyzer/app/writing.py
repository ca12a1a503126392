"""How the tool writes: files whole or not at all, through links, into pipes and devices as they are, and text on standard output.

The tool may run as root: then a rename in ``/dev`` would put a file in the place of a device. So only a regular file, or a name that is
still free, is ever replaced.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analyzer.model.errors import UsageError
from analyzer.model.message import Message, say

if TYPE_CHECKING:
    from typing import TextIO

    from analyzer.model.errors import Disclosed

STDOUT: Final = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
"""What ``-o`` calls standard output."""
_DESCRIPTOR: Final = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,9})|/dev/std(err)")
"""A descriptor that the shell opened: its file must be written on with it, or what stands in it already is lost."""


def save(target: Path, text: str) -> None:
    """Write a file that the user named.

    Raises:
        UsageError: if it cannot be written, with the reason.
    """
    try:
        write_whole(target, text)
    except OSError as error:
        raise UsageError(
            say("cannot write {target}: {error}; choose another place with -o", target=target, error=error.strerror or error)
        ) from error


def write_whole(target: Path, text: str, *, private: bool = False) -> None:
    """Write to a neighbour and rename: an interrupted run leaves no half report. Of a link, what it leads to is replaced.

    What is no regular file is written into. ``private``: only the owner may read the file.

    Raises:
        OSError: if that is not possible: a folder of that name, a disk, a folder that cannot be made.
    """
    data = text.encode()
    opened = _DESCRIPTOR.fullmatch(str(target))
    if opened is not None:
        _pour(os.dup(int(opened[1] or 2)), data)
        return
    try:
        old = target.stat()
    except FileNotFoundError:
        old = None
    if old is None or stat.S_ISREG(old.st_mode):
        _replace(Path(os.path.realpath(target)), data, old, private=private)
    elif private:
        raise OSError(errno.EINVAL, "it is no regular file, and nothing would be kept in it")
    elif stat.S_ISDIR(old.st_mode) or stat.S_ISBLK(old.st_mode):
        raise OSError(errno.EINVAL, "it is a folder" if stat.S_ISDIR(old.st_mode) else "it is a disk")
    else:
        _pour(os.open(target, os.O_WRONLY | os.O_CLOEXEC), data)


def _pour(descriptor: int, data: bytes) -> None:
    """Write into what is open, and close it."""
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _replace(target: Path, data: bytes, old: os.stat_result | None, *, private: bool) -> None:
    """Put a file in the place of ``target``, with the permissions and the owner of the old one."""
    import tempfile  # noqa: PLC0415 - what goes to stdout does not wait for it

    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".analyze-", dir=target.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        if not private:
            Path(name).chmod(0o666 & ~_mask() if old is None else stat.S_IMODE(old.st_mode) & 0o777)
        if old is not None:
            with suppress(OSError):  # only root may give a file away
                os.chown(name, old.st_uid, old.st_gid)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def no_folder(folder: Path) -> str:
    """The folder of ``-o`` does not exist."""
    return say("-o: there is no folder {folder}; mkdir -p {quoted} makes it", folder=folder, quoted=shlex.quote(str(folder)))


def no_ending(name: str | None) -> str:
    """The file of ``-o`` has an ending that no format has."""
    return say("-o: the ending of {name!r} names no format; add -f", name=name)


def inside_evidence(target: Path) -> str:
    """The file of ``-o`` would lie among what is analysed."""
    return say("-o: {target} lies inside the evidence, which is never written to", target=target)


def disclosed(error: Disclosed) -> str:
    """A report is not written because it would show what was to be hidden."""
    return say(
        "--anonymize refuses: {error}. Nothing was written. Please report it, without that name: it should have been replaced",
        error=error.text,
    )


def put(text: str) -> None:
    """Print on standard output. A reader that has seen enough (``head``, ``less``) is no failure: the rest is dropped.

    Raises:
        UsageError: if standard output is closed, or takes no more.
    """
    if sys.stdout is None:
        if text:
            raise UsageError(say("cannot write to stdout: it is closed"))
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
    except OSError as error:
        silence(sys.stdout)
        raise UsageError(say("cannot write to stdout: {error}; choose a place with -o", error=error.strerror or error)) from error


def complain(message: str) -> None:
    """A sentence about a problem, for people."""
    note(f"analyze: {_in_words(message)}\n")


def _in_words(text: str) -> str:
    """A sentence for the terminal, in its language; what is no message of ours stays as it is."""
    if not isinstance(text, Message):
        return text
    from reports.language.catalogue import tell  # noqa: PLC0415 - only where something went wrong

    return tell(text)


def note(text: str) -> None:
    """Print on stderr; where nobody can read it, the exit code has to do."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Let a stream lead nowhere: what is left in its buffer must not fail again when the interpreter ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)

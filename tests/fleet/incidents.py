"""Small incidents on the disk: a dump and a table of one process, with a pid, a time and addresses of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders import dump, netstat, thread

if TYPE_CHECKING:
    from pathlib import Path


def deadlock(name: str = "io.harbor.Crane") -> list[str]:
    """Two threads that hold what the other wants."""
    one, two = "0x000000070f000010", "0x000000070f000020"
    return [
        thread(
            f"loader-{number}",
            "BLOCKED (on object monitor)",
            f"{name}.lift",
            f"- waiting to lock <{wanted}> (a java.lang.Object)",
            f"- locked <{held}> (a java.lang.Object)",
            native="waiting for monitor entry",
            nid=0x200 + number,
        )
        for number, held, wanted in ((1, one, two), (2, two, one))
    ]


def save(
    folder: Path,
    pid: int,
    time: str,
    *rows: tuple[str, str, str],
    stacks: list[str] | None = None,
    files: tuple[str, str] = ("jstack.txt", "netstat.txt"),
) -> Path:
    """An incident in a folder."""
    folder.mkdir(parents=True)
    (folder / files[0]).write_text(dump(*(deadlock() if stacks is None else stacks), time=time), encoding="utf-8")
    text = netstat(*(f"0 {local} {remote} {state} {pid}/java" for local, remote, state in (("0.0.0.0:8300", "0.0.0.0:*", "LISTEN"), *rows)))
    (folder / files[1]).write_text(text, encoding="utf-8")
    return folder

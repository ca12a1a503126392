"""The numbers of the first screen, counted again from the raw text by other means than the tool's: split lines and plain words.

Nothing of the parsers is used here. A sample whose files are in an archive, or whose tables are of another kind, is left out by its files.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.builders import SAMPLES, sample
from tests.test_goldens import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROW = re.compile(r"^tcp6?\s+(\d+)\s+\d+\s+(\S+):(\d+)\s+(\S+):(\d+|\*)\s+([A-Z_0-9]+)\s([^\n]*)", re.MULTILINE)
LEFT_OUT = {
    "seed-2015": "excerpts of several tables, cut at different places",
}


def netstat_files(name: str) -> list[Path]:
    return sorted(path for path in (SAMPLES / name).rglob("netstat*") if path.is_file() and path.suffix == ".txt")


def dumps(name: str) -> list[Path]:
    return [path for path in sorted((SAMPLES / name).rglob("*.txt")) if "Full thread dump" in path.read_text(errors="replace")]


def rows(name: str) -> list[tuple[str, ...]]:
    """Rows of the last netstat file: Recv-Q, local address and port, far address and port, state."""
    return _ROW.findall(netstat_files(name)[-1].read_text(errors="replace"))


def with_one_table() -> Iterator[str]:
    """Samples of one process whose first screen counts CLOSE_WAIT on a port, from a table of netstat."""
    for name in NAMES:
        primary = sample(name).primary
        if name in LEFT_OUT or primary is None or primary.culprit.listener is None or not netstat_files(name):
            continue
        if any("CLOSE_WAIT" in label for _, label in primary.figures):
            yield name


def figure(name: str, label: str) -> str | None:
    primary = sample(name).primary
    assert primary is not None
    return next((value for value, text in primary.figures if label in text), None)


@pytest.mark.parametrize("name", list(with_one_table()))
def test_sockets_in_close_wait_are_as_many_as_rows_of_that_port(name: str) -> None:
    primary = sample(name).primary
    assert primary is not None
    port = (primary.culprit.listener or "").rpartition(":")[2]
    counted = [row for row in rows(name) if row[5] == "CLOSE_WAIT" and row[2] == port]
    assert figure(name, "CLOSE_WAIT") == f"{len(counted):,}"
    read = [row for row in counted if int(row[0]) <= 1]
    unread = [row for row in counted if int(row[0]) > 1]
    if (match := re.search(r"The server had read ([\d,]+) of their requests", primary.explanation)) is not None:
        assert match[1] == f"{len(read):,}"
    if (
        match := re.search(r"never read (?:the other )?([\d,]+)", primary.explanation)
    ) is not None and "accepted" not in primary.explanation:
        assert match[1] == f"{len(unread):,}"


def with_own_calls() -> Iterator[str]:
    for name in NAMES:
        primary = sample(name).primary
        if primary is not None and netstat_files(name) and any("own calls to port" in text for _, text in primary.figures):
            yield name


@pytest.mark.parametrize("name", list(with_own_calls()))
def test_own_calls_are_rows_from_this_host_to_the_own_port(name: str) -> None:
    primary = sample(name).primary
    assert primary is not None
    port = next(re.findall(r"\d+", text)[0] for _, text in primary.figures if "own calls to port" in text)
    pid = primary.process.pid if primary.process is not None else None
    listening = {row[2] for row in rows(name) if row[5] == "LISTEN"}
    locals_of = {row[1] for row in rows(name)}
    near = [
        row
        for row in rows(name)
        if row[4] == port
        and row[3] in locals_of | {"127.0.0.1", "::1"}
        and row[2] not in listening
        and row[5] in {"ESTABLISHED", "SYN_SENT"}
        and (re.search(rf"(?<!\d){pid}/", row[6]) or not re.search(r"\d/[A-Za-z]", row[6]))
    ]
    assert figure(name, "own calls to port") == f"{len(near):,}"


def with_a_pool() -> Iterator[str]:
    for name in NAMES:
        primary = sample(name).primary
        if primary is not None and primary.culprit.pool and dumps(name):
            yield name


@pytest.mark.parametrize("name", list(with_a_pool()))
def test_pools_have_as_many_threads_as_the_last_dump_has_headers(name: str) -> None:
    diagnosis = sample(name)
    primary = diagnosis.primary
    assert primary is not None
    value = next((value for value, text in primary.figures if text.startswith("threads of ") and text.endswith(" waiting")), None)
    if value is None:
        pytest.skip("its first screen counts no pool")
    pool = next(text for figure_value, text in primary.figures if figure_value == value and text.startswith("threads of "))
    stem = re.escape(pool.removeprefix("threads of ").removesuffix(" waiting"))
    last = max(dumps(name), key=lambda path: path.name if path.parent == SAMPLES / name else str(path))
    text = last.read_text(errors="replace")
    threads = re.findall(rf'^"({stem}[-_ #]?\d+)"[^\n]*\n(.*?)\n\n', text, re.MULTILINE | re.DOTALL)
    if not threads:
        pytest.skip("its threads are not called so")
    # Jetty runs its selectors and acceptors on threads of the pool: they serve nobody.
    serving = {
        thread
        for thread, stack in threads
        if not re.search(
            r"ManagedSelector|ServerConnector\.accept|ReservedThread", stack.partition("org.eclipse.jetty.server.HttpChannel")[0]
        )
    }
    assert value.rpartition(" of ")[2] in {f"{len(serving):,}", f"{len({thread for thread, _ in threads}):,}"}

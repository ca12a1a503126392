"""A loop of Python that stands in C, while another process has locked a file that both have open."""

from __future__ import annotations

import pytest

from tests.analyzer.test_held_loops import ASYNCIO, WORK, clients, pyspy
from tests.builders import diagnosis_of, found

ROWS = "COMMAND PID USER   FD      TYPE             DEVICE SIZE/OFF    NODE NAME\n"
OURS = "python3  71 kiln    8u      REG              254,0     8192 2270137 /srv/kiln/batches.db\n"
THEIRS = "stoker  312 kiln    3{mark}     REG              254,0     8192 2270137 /srv/kiln/{name}\n"
LOCKS = "1: POSIX  ADVISORY  WRITE {pid} fe:00:2270137 1073741824 1073742335\n"
GDB = "#0  0x00007f79506a3f00 in clock_nanosleep () at x.c:4\n#1  0x00007f7f17ddd939 in {asks} () from /lib/libsqlite3.so.0\n#2  0x00007f7f17dfcc77 in main ()\n[Inferior 1 (process 71) detached]\n"


def told(state: str = "active", *, mark: str = "uw", name: str = "batches.db", ours: str = OURS, **other: str) -> str:
    """What the finding explains."""
    files = {"pyspy.txt": pyspy(state, WORK, ASYNCIO), "ss.txt": clients(8), "lsof.txt": ROWS + ours + THEIRS.format(mark=mark, name=name)}
    (finding,) = found(diagnosis_of({**files, **{f"{key}.txt": text for key, text in other.items()}}), "event-loop-blocked")
    assert any("--pid 312" in (one.command or "") for one in finding.actions) == ("stoker" in finding.explanation)
    return finding.explanation


@pytest.mark.parametrize("state", ["active", "idle"])
def test_who_has_locked_a_file_that_the_loops_process_has_open_may_keep_it(state: str) -> None:
    says = "stoker (pid 312) has a lock on /srv/kiln/batches.db, which this process has open as well: the call may wait for it."
    assert says in told(state)
    assert says in told(state, locks=LOCKS.format(pid=312))


def test_a_debugger_that_shows_the_asking_for_the_lock_makes_it_sure() -> None:
    assert "waits for a lock on /srv/kiln/batches.db: stoker (pid 312) has it." in told(gdb=GDB.format(asks="sqlite3InvokeBusyHandler"))
    assert "may wait for it" in told(gdb=GDB.format(asks="sqlite3VdbeExec"))


@pytest.mark.parametrize(
    "other",
    [
        {"mark": "u "},
        {"mark": "ur"},
        {"name": "other.db"},
        {"ours": ""},
        {"ours": OURS.replace(" 8u ", "mem ")},
        {"ours": OURS + THEIRS.format(mark="uw", name="batches.db").replace("312", "313")},
        {"locks": LOCKS.format(pid=999)},
    ],
    ids=["no lock", "a lock for reading", "another file", "not open here", "only mapped", "two have it", "the list says another"],
)
def test_a_lock_that_nobody_is_seen_to_want_is_not_told(other: dict[str, str]) -> None:
    assert "stoker" not in told(**other)

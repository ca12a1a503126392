"""The worker that holds a session's lock, in an entry of the slow log of its own, by the mark of lsof."""

from __future__ import annotations

from tests.builders import diagnosis_of, found

ENTRY = "[14-May-2024 {at}]  [pool quay] pid {pid}\nscript_filename = /srv/quay/index.php\n[0x00007f0b3d8140d0] {calls}\n\n"
WAITS = "session_start() /srv/quay/src/Desk.php:186\n[0x00007f0b3d813a10] open() /srv/quay/src/Tile.php:28"
WORKS = "fetchAll() /srv/quay/src/Ledger.php:112\n[0x00007f0b3d814300] sum() /srv/quay/src/Report.php:54"
OPEN = "COMMAND     PID     USER   FD   TYPE DEVICE SIZE/OFF    NODE NAME\n"


def lsof(mark: str, *pids: int) -> str:
    rows = "".join(
        f"php-fpm8. {pid} www    {'9u' + (mark if pid == 790 else ' '):<4}  REG  254,1     4188 1312771 /var/lib/php/sessions/sess_6h0m3q7v\n"
        for pid in pids
    )
    return f"# lsof /var/lib/php/sessions/sess_6h0m3q7v\n{OPEN}{rows}"


def told(mark: str = "W", waiting: tuple[int, ...] = (817, 820, 826)) -> str:
    entries = "".join(ENTRY.format(at="11:21:03", pid=pid, calls=WAITS) for pid in waiting)
    other = ENTRY.format(at="11:19:12", pid=790, calls=WORKS)
    return f"The log:\n\n{entries}\nand one that is different:\n\n{other}\n{lsof(mark, 790, 817, 820, 826)}"


def test_an_entry_of_minutes_before_is_of_the_holder() -> None:
    (finding,) = found(diagnosis_of({"post.txt": told()}), "lock-convoy")
    assert "wait for one lock on /var/lib/php/sessions/sess_6h0m3q7v, and “quay 790” holds it" in finding.headline
    (picked,) = found(diagnosis_of({"post.txt": told(waiting=(817,))}), "lock-convoy")
    assert "“quay 790” seems to hold it" in picked.headline


def test_without_a_mark_nobody_is_named() -> None:
    assert not any("790" in one.headline for one in found(diagnosis_of({"post.txt": told(mark=" ")}), "lock-convoy"))

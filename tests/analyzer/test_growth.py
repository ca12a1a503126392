"""How fast a leak grows, and when it meets the limit: only from times and limits that the evidence states."""

from __future__ import annotations

from tests.builders import diagnosis_of, dump, found, idle_exec, netstat

LIMITS = "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            {soft}                 524288               files     \n"


def leak(sizes: list[int], *, minutes: int = 10, timed: bool = True, soft: int | None = 1024) -> str:
    """The explanation of a leak that a series of snapshots shows."""
    files = {}
    for number, size in enumerate(sizes, start=1):
        rows = [
            "0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java",
            *(f"1 10.0.0.1:{40000 + n} 10.0.0.9:443 CLOSE_WAIT 77/java" for n in range(size)),
        ]
        files[f"netstat-{number}.txt"] = netstat(*rows)
        if timed:
            files[f"jstack-{number}.txt"] = dump(*idle_exec(4), time=f"2026-01-02 03:{(number - 1) * minutes:02}:00")
    if soft is not None:
        files["limits.txt"] = LIMITS.format(soft=soft)
    (finding,) = found(diagnosis_of(files), "connection-leak")
    return finding.explanation


def test_rate_and_time_to_the_limit_of_the_file() -> None:
    said = leak([100, 150, 220])
    assert "They grow: 100 → 150 → 220. That is 6 a minute." in said
    assert "At that rate the limit of 1,024 descriptors, of which 221 are in use, is reached in about 2 hours." in said


def test_a_usual_limit_is_said_to_be_assumed() -> None:
    assert "the limit of 1,024 descriptors (assumed: a usual one; no limits file is here) is reached in about 2 hours" in leak(
        [100, 150, 220], soft=None
    )


def test_without_times_there_is_no_rate() -> None:
    said = leak([100, 150, 220], timed=False)
    assert "They grow: 100 → 150 → 220." in said
    assert "a minute" not in said


def test_snapshots_of_one_moment_give_no_rate() -> None:
    assert "a minute" not in leak([100, 150, 220], minutes=0)


def test_slow_growth_keeps_its_digits() -> None:
    assert "That is 0.15 a minute." in leak([100, 101, 103], minutes=10)


def test_moments_and_limits_are_told_for_the_chart() -> None:
    rows = ["0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java"]
    diagnosis = diagnosis_of({"netstat.txt": netstat(*rows), "jstack.txt": dump(*idle_exec(4)), "limits.txt": LIMITS.format(soft=4096)})
    assert [(one.snapshot, one.time) for one in diagnosis.moments] == [("1", "2026-01-02T03:04:05")]
    assert [(one.pid, one.used, one.limit, one.assumed) for one in diagnosis.limits] == [(77, 1, 4096, False)]


def test_which_sockets_stayed_came_and_went() -> None:
    """The same two ends with another inode are another connection."""

    def table(*sockets: tuple[int, int]) -> str:
        head = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
        return head + "".join(
            f'CLOSE-WAIT 1 0 10.0.0.1:{port} 10.0.0.9:443 users:(("java",pid=77,fd=9)) uid:0 ino:{inode} sk:1 <->\n'
            for port, inode in sockets
        )

    first = table((40001, 1), (40002, 2), (40003, 3))
    (found,) = diagnosis_of({"ss-1.txt": first, "ss-2.txt": table((40001, 1), (40002, 9), (40004, 4))}).turnover
    assert (found.pid, found.stayed, found.came, found.went) == (77, 1, 2, 2)
    plain = table((40001, 1), (40002, 2)).replace("ino:1 ", "").replace("ino:2 ", "")
    (found,) = diagnosis_of({"ss-1.txt": first, "ss-2.txt": plain}).turnover
    assert (found.stayed, found.came, found.went) == (2, 0, 1)
    assert diagnosis_of({"ss-1.txt": first}).turnover == ()

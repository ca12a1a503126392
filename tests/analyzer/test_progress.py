"""Two dumps: who stands still, and who only stands in the same place again."""

from __future__ import annotations

from analyzer.model.finding import Confidence
from tests.builders import SERVED, diagnosis_of, dump, found, netstat, thread

READ = ("sun.nio.ch.Net.poll", "sun.nio.ch.NioSocketImpl.park", "sun.nio.ch.NioSocketImpl.implRead", "sun.nio.ch.NioSocketImpl.read")
HTTP = ("sun.net.www.http.HttpClient.parseHTTP", "com.example.shop.Cart.total")
THREADS = 6


def stuck(cpu: float | None, *, time: str, app: str = HTTP[1]) -> str:
    """A dump in which every request thread reads, with its CPU time in the header (milliseconds) or without."""
    threads = [
        thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *READ, HTTP[0], app, *SERVED, native="runnable", nid=0x200 + n)
        for n in range(THREADS)
    ]
    header = "" if cpu is None else f"cpu={cpu:.2f}ms elapsed=99.00s tid="
    return dump(*(one.replace("tid=", header, 1) if header else one for one in threads), time=time)


def said(first: str | None, second: str) -> tuple[str, Confidence]:
    rows = [
        "0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java",
        *(f"1 10.0.0.1:8080 10.0.0.9:4{n:03} CLOSE_WAIT 77/java" for n in range(THREADS)),
        *(f"0 10.0.0.1:5{n:03} 10.2.2.2:9300 ESTABLISHED 77/java" for n in range(THREADS)),
    ]
    files = {"netstat.txt": netstat(*rows), "jstack-2.txt": second, **({"jstack-1.txt": first} if first else {})}
    (finding,) = found(diagnosis_of(files), "slow-backend")
    return finding.explanation, finding.confidence


FIRST, LATER = "2026-01-02 03:04:05", "2026-01-02 03:04:15"


def test_threads_that_used_no_cpu_stand_still() -> None:
    text, confidence = said(stuck(12.5, time=FIRST), stuck(12.5, time=LATER))
    assert "All of them stood on the same stack in the dump before, 10 seconds earlier, and have used no CPU since." in text
    assert confidence is Confidence.CERTAIN


def test_threads_that_worked_in_between_are_slow_not_stuck() -> None:
    """The same stacks, but each served other requests meanwhile."""
    text, confidence = said(stuck(12.5, time=FIRST), stuck(90.0, time=LATER))
    assert "stood on the same stack" not in text
    assert confidence is Confidence.LIKELY


def test_headers_without_cpu_tell_of_stacks_only() -> None:
    text, _ = said(stuck(None, time=FIRST), stuck(None, time=LATER))
    assert "All of them stood on the same stack in the dump before, 10 seconds earlier." in text


def test_another_place_before_says_nothing() -> None:
    text, _ = said(stuck(12.5, time=FIRST, app="com.example.shop.Cart.other"), stuck(12.5, time=LATER))
    assert "in the dump before" not in text


def test_one_dump_says_nothing() -> None:
    text, _ = said(None, stuck(12.5, time=LATER))
    assert "in the dump before" not in text

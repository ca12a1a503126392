"""Two counted profiles of goroutines in one text: the later counts, growth is told, and connections that were counted as often are joined."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding
from tests.analyzer.test_counted import goroutines
from tests.builders import diagnosis_of, found

PLACES = ("/go/net/http/transport.go:2213", "/go/net/http/transport.go:2392")
OTHER = (40, 0, "net/http.(*conn).serve", "/go/net/http/server.go:2009")
COMMAND = "$ curl -s localhost:6061/debug/pprof/goroutine?debug=1\n"


def profile(number: int, *more: tuple[int, int, str, str]) -> str:
    read, write = PLACES
    return goroutines((number, 2, "net/http.(*persistConn).readLoop", read), (number, 2, "net/http.(*persistConn).writeLoop", write), *more)


def sockets(count: int, *more: str) -> str:
    rows = "".join(f"   {count} {end} (ESTABLISHED)\n" for end in ("10.9.0.7:9443", *more))
    return f"\n$ lsof -nP -p 1 | awk '/TCP/ {{print $(NF-1), $NF}}' | sed 's/.*->//' | sort | uniq -c\n{rows}"


def leak(text: str) -> Finding:
    (finding,) = found(diagnosis_of({"post.md": f"It grows.\n\n{text}"}), "connection-leak")
    return finding


@pytest.mark.parametrize("prompt", [COMMAND, ""])
def test_the_later_profile_counts(prompt: str) -> None:
    finding = leak(f"{prompt}{profile(1300)}\nand three hours later:\n\n{profile(7000, OTHER)}")
    assert finding.headline.startswith("7,000 answers")
    assert finding.confidence is Confidence.LIKELY
    assert "grew from 1,300 to 7,000, and all goroutines from 2,600 to 14,040." in finding.explanation


def test_what_did_not_grow_is_no_more_than_before() -> None:
    finding = leak(f"{COMMAND}{profile(6800)}\nlater:\n\n{profile(7000, OTHER)}")
    assert finding.confidence is Confidence.SUSPECTED
    assert "grew" not in finding.explanation


def test_a_profile_that_hides_many_may_hide_who_reads() -> None:
    cut = profile(7000).replace("total 14000", "total 19000")
    assert leak(f"{COMMAND}{profile(1300)}\nlater:\n\n{cut}").confidence is Confidence.SUSPECTED


@pytest.mark.parametrize(("rows", "told"), [(sockets(6990), True), (sockets(3100), False), (sockets(7000, "10.9.0.8:9443"), False)])
def test_as_many_connections_to_one_end(rows: str, told: bool) -> None:
    finding = leak(profile(7000) + rows)
    assert ("As many connections to 10.9.0.7:9443 were counted" in finding.explanation) is told
    assert finding.culprit is not None
    assert (finding.culprit.remote == "10.9.0.7:9443") is told

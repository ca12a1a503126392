"""Does it heal by itself? Only where the stacks show it, and never more than they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.model.finding import RecoversWhen, Severity
from analyzer.rules import RULES, Rule, slug
from tests.builders import SERVED, WORKER, diagnosis_of, dump, found, netstat, sample, thread, waiting_for_future

if TYPE_CHECKING:
    from analyzer.model.finding import Finding

UNTIMED = ("sun.nio.ch.Net.poll", "sun.nio.ch.NioSocketImpl.park", "sun.nio.ch.NioSocketImpl.implRead", "sun.nio.ch.NioSocketImpl.read")
TIMED = ("sun.nio.ch.Net.poll", "sun.nio.ch.NioSocketImpl.timedRead", "sun.nio.ch.NioSocketImpl.implRead", "sun.nio.ch.NioSocketImpl.read")
OLD = ("java.net.SocketInputStream.socketRead0", "java.net.SocketInputStream.read")
HTTP = ("sun.net.www.http.HttpClient.parseHTTP", "com.example.shop.Search.lambda$all$0")
THREADS = 6


def stuck(read: tuple[str, ...], rows: list[str], rule: str, *, timed_future: bool = False) -> Finding:
    """Request threads wait for helpers that stand in ``read``."""
    waiting = waiting_for_future(THREADS)
    if timed_future:
        waiting = [one.replace("State: WAITING", "State: TIMED_WAITING") for one in waiting]
    helpers = [thread(f"pool-1-thread-{n}", "RUNNABLE", *read, *HTTP, *WORKER, native="runnable") for n in range(THREADS)]
    (finding,) = found(diagnosis_of({"jstack.txt": dump(*waiting, *helpers), "netstat.txt": netstat(*rows)}), rule)
    return finding


def clients() -> list[str]:
    return [
        "0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java",
        *(f"1 10.0.0.1:8080 10.0.0.9:4{n:03} CLOSE_WAIT 77/java" for n in range(THREADS)),
    ]


def own_calls() -> list[str]:
    near = [f"0 127.0.0.1:5{n:03} 127.0.0.1:8080 ESTABLISHED 77/java" for n in range(THREADS)]
    far = [f"150 127.0.0.1:8080 127.0.0.1:5{n:03} ESTABLISHED 77/java" for n in range(THREADS)]
    return [*clients(), *near, *far]


def calls_away() -> list[str]:
    return [*clients(), *(f"0 10.0.0.1:5{n:03} 10.2.2.2:9300 ESTABLISHED 77/java" for n in range(THREADS))]


@pytest.mark.parametrize(
    ("read", "heals", "says"),
    [
        (UNTIMED, RecoversWhen.RESTART, "no call in it has a timeout"),
        (TIMED, RecoversWhen.TIMEOUT, "lasts until the timeout of the calls"),
        (OLD, RecoversWhen.UNKNOWN, "unless the calls have a timeout, which the stacks do not show"),
    ],
)
def test_a_server_that_waits_for_itself(read: tuple[str, ...], heals: RecoversWhen, says: str) -> None:
    finding = stuck(read, own_calls(), "self-call-starvation")
    assert finding.outlook is not None
    assert finding.outlook.heals is heals
    assert says in finding.explanation


def test_a_future_with_a_time_limit_frees_the_request_thread() -> None:
    finding = stuck(UNTIMED, own_calls(), "self-call-starvation", timed_future=True)
    assert finding.outlook is not None
    assert finding.outlook.heals is RecoversWhen.TIMEOUT


@pytest.mark.parametrize(
    ("read", "heals", "says"),
    [
        (UNTIMED, RecoversWhen.CAUSE, "no call has a timeout"),
        (TIMED, RecoversWhen.TIMEOUT, "timeout"),
        (OLD, RecoversWhen.CAUSE, "do not show"),
    ],
)
def test_a_server_that_waits_for_another(read: tuple[str, ...], heals: RecoversWhen, says: str) -> None:
    finding = stuck(read, calls_away(), "slow-backend")
    assert finding.outlook is not None
    assert finding.outlook.heals is heals
    assert says in finding.outlook.why


@pytest.mark.parametrize("rule", RULES, ids=slug)
def test_each_rule_has_an_outlook_of_one_sentence(rule: Rule) -> None:
    assert rule.OUTLOOK.why[0].isupper()
    assert rule.OUTLOOK.why.endswith(".")


@pytest.mark.parametrize("name", ["self-call-after", "jdbc-pool-leaked", "seed-2015", "leak-growing"])
def test_every_cause_says_whether_it_heals(name: str) -> None:
    findings = [one for one in sample(name).findings if one.severity is not Severity.INFO]
    assert findings
    assert all(one.outlook is not None for one in findings)


def test_the_server_on_its_own_frames_is_not_asked_for_limits() -> None:
    """A stall of the direct kind: the request threads themselves read the own port."""
    threads = [
        thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *UNTIMED, *HTTP, *SERVED, native="runnable", nid=0x200 + n) for n in range(THREADS)
    ]
    files = {"jstack.txt": dump(*threads), "netstat.txt": netstat(*own_calls())}
    (finding,) = found(diagnosis_of(files), "self-call-starvation")
    assert finding.outlook is not None
    assert finding.outlook.heals is RecoversWhen.RESTART

"""Requests that a proxy or its clients gave up on: whose patience ended, after how long, at which server; and logs that every healthy proxy has."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Finding, Severity, Status
from tests.builders import diagnosis_of, dump, found, netstat, sample, waiting_for_future

OK = '10.7.0.{n} - - [04/Mar/2026:06:00:{n:02} +0000] "GET /tide HTTP/1.1" 200 512 "-" "gull/2" rt=0.0{n:02} urt=0.0{n:02} ua=10.8.0.2:7001 us=200\n'
GONE = (
    '10.7.0.{n} - - [04/Mar/2026:06:01:{n:02} +0000] "GET /moor HTTP/1.1" 499 0 "-" "gull/2" rt={s:.3f} urt={s:.3f} ua=10.8.0.2:7001 us=-\n'
)
LATE = '10.7.0.{n} - - [04/Mar/2026:06:01:{n:02} +0000] "GET /moor HTTP/1.1" 504 160 "-" "gull/2" rt={s:.3f} urt={s:.3f} ua=10.8.0.2:7001 us=504\n'
TIMED_OUT = (
    "2026/03/04 06:01:{n:02} [error] 71#71: *{n} upstream timed out (110: Connection timed out) while reading response header from upstream, "
    'client: 10.7.0.{n}, server: , request: "GET /moor HTTP/1.1", upstream: "http://10.8.0.2:7001/moor", host: "quay"\n'
)
HAPROXY = '10.7.0.{n}:4{n:04} [04/Mar/2026:06:01:{n:02}.882] quay {where} 0/{timers}/{ms} {status} 198 - - {flags} 3/3/2/2/0 0/0 "GET /moor HTTP/1.1"\n'
ENVOY = '[2026-03-04T06:01:{n:02}.004Z] "GET /moor HTTP/1.1" 504 UT 0 24 {ms} - "10.7.0.9" "gull/2" "5b1e-{n}" "quay:80" "10.8.0.2:7001"\n'
INGRESS = (
    '10.7.0.{n} - - [04/Mar/2026:06:01:{n:02} +0000] "GET /moor HTTP/1.1" 504 160 "-" "gull/2" 210 {s:.3f} [quay-moor-7001] [] '
    "10.8.0.2:7001 0 {s:.3f} 504 5b1e\n"
)
JSON = '{{"time":"2026-03-04T06:01:{n:02}+00:00","request":"GET /moor HTTP/1.1","status":504,"request_time":{s:.3f},"upstream_addr":"10.8.0.2:7001"}}\n'
APACHE = (
    "[Wed Mar 04 06:01:{n:02}.123456 2026] [proxy_http:error] [pid 71] (70007)The timeout specified has expired: [client 10.7.0.9:41000] "
    "AH01102: error reading status line from remote server 10.8.0.2:7001\n"
)


def lines(shape: str, count: int, **values: object) -> str:
    return "".join(shape.format(n=n, **values) for n in range(1, count + 1))


def only(files: dict[str, str]) -> Finding:
    diagnosis = diagnosis_of(files)
    assert diagnosis.verdict.status is Status.PROBLEM
    assert diagnosis.verdict.rule == "proxy-timeout"
    (finding,) = found(diagnosis, "proxy-timeout")
    return finding


def nothing(files: dict[str, str]) -> Diagnosis:
    diagnosis = diagnosis_of(files)
    assert not found(diagnosis, "proxy-timeout")
    return diagnosis


def test_whose_patience_ended_first_after_how_long_and_for_whom() -> None:
    finding = only({"access.log": lines(OK, 30) + lines(GONE, 4, s=2.001) + lines(LATE, 9, s=5.002), "error.log": lines(TIMED_OUT, 9)})
    assert finding.headline == (
        "Clients of nginx gave up 4 requests to 10.8.0.2:7001 after 2.0 s, and nginx gave up 9 after 5.0 s: no answer came in time."
    )
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    assert finding.culprit.remote == "10.8.0.2:7001"
    assert finding.process is None
    assert "look alike in this log" in finding.explanation
    assert {item.where.file for item in finding.evidence} == {"access.log"}


@pytest.mark.parametrize(
    ("line", "values", "proxy"),
    [
        (TIMED_OUT, {}, "Nginx gave up 12 requests to 10.8.0.2:7001:"),
        (LATE, {"s": 5.002}, "The proxy gave up 12 requests to 10.8.0.2:7001 after 5.0 s"),
        (INGRESS, {"s": 5.002}, "The proxy gave up 12 requests to 10.8.0.2:7001 after 5.0 s"),
        (JSON, {"s": 5.002}, "The proxy gave up 12 requests to 10.8.0.2:7001 after 5.0 s"),
        (ENVOY, {"ms": 15001}, "Envoy gave up 12 requests to 10.8.0.2:7001 after 15.0 s"),
        (APACHE, {}, "Apache httpd gave up 12 requests to 10.8.0.2:7001:"),
        (
            HAPROXY,
            {"where": "tide/tide1", "timers": "0/0/-1", "ms": 6001, "status": 504, "flags": "sH--"},
            "HAProxy gave up 12 requests to tide/tide1 after 6.0 s",
        ),
        (
            HAPROXY,
            {"where": "tide/tide1", "timers": "0/0/-1", "ms": 3001, "status": -1, "flags": "CH--"},
            "Clients of HAProxy gave up 12 requests to tide/tide1 after 3.0 s",
        ),
    ],
)
def test_every_proxy_says_it_in_its_own_words(line: str, values: dict[str, object], proxy: str) -> None:
    finding = only({"proxy.log": lines(line, 12, **values)})
    assert finding.headline.lower().startswith(proxy.lower())
    assert finding.confidence is not Confidence.CERTAIN


def test_a_status_without_a_time_is_suspected_only() -> None:
    plain = '10.7.0.9 - - [04/Mar/2026:06:01:09 +0000] "GET /moor HTTP/1.1" 504 160 "-" "gull/2"\n'
    finding = only({"access.log": plain * 12})
    assert finding.confidence is Confidence.SUSPECTED
    assert any("$request_time" in action.text for action in finding.actions)


@pytest.mark.parametrize(
    "log",
    [
        lines(OK, 40) + lines(GONE, 2, s=5.0),
        lines(OK, 40) + lines(LATE, 1, s=60.0),
        lines(OK, 50) * 400 + lines(LATE, 1, s=60.0).join(lines(OK, 50) * 30 for _ in range(13)),
        lines(OK, 40) + "".join(lines(GONE, 1, s=s) for s in (0.02, 0.11, 0.3, 0.05, 0.2, 0.4, 0.06, 0.1, 0.09, 0.31, 0.22)),
        lines(OK, 40) + "".join(lines(GONE, 1, s=s) for s in (0.9, 3.1, 7.7, 1.2, 12.0, 5.1, 2.2, 9.4, 0.7, 4.4, 6.1)),
        lines(OK, 40) + lines(HAPROXY, 12, where="tide/tide1", timers="0/0/9", ms=3001, status=200, flags="CD--"),
        lines(OK, 40) + lines(HAPROXY, 12, where="tide/tide1", timers="0/0/9", ms=60001, status=200, flags="cD--"),
        lines(TIMED_OUT, 2),
    ],
    ids=[
        "two left",
        "one late",
        "few of very many",
        "other pages",
        "no common time",
        "left in the answer",
        "took no more",
        "two in an error log",
    ],
)
def test_what_every_healthy_proxy_has_raises_nothing(log: str) -> None:
    assert nothing({"proxy.log": log}).verdict.status is not Status.PROBLEM


def test_timeouts_that_are_hours_apart_are_no_moment() -> None:
    spread = "".join(TIMED_OUT.format(n=n).replace("06:01", f"{n:02}:01") for n in range(1, 13))
    assert nothing({"error.log": spread}).verdict.status is not Status.PROBLEM


def test_beside_the_servers_own_dump_it_follows_from_what_that_shows() -> None:
    diagnosis = sample("proxy-gave-up")
    (finding,) = found(diagnosis, "proxy-timeout")
    primary = diagnosis.primary
    assert primary is not None
    assert primary.rule == "self-call-starvation"
    assert finding.consequence_of == primary.id
    assert finding.process == primary.process


def test_beside_another_servers_dump_it_is_told_and_judges_nothing() -> None:
    files = {
        "jstack.txt": dump(*waiting_for_future(8, port=9443), time="2026-03-04 06:01:30"),
        "ss.txt": netstat("0 0.0.0.0:9443 0.0.0.0:* LISTEN 77/java"),
        "error.log": lines(TIMED_OUT, 12),
    }
    diagnosis = diagnosis_of(files)
    (finding,) = found(diagnosis, "proxy-timeout")
    assert finding.severity is Severity.INFO
    assert diagnosis.verdict.rule != "proxy-timeout"


PAUSE = "[2026-03-04T06:01:{second:02}.500+0000][info][gc] GC(41) Pause Full (G1 Compaction Pause) 4021M->3990M(4096M) {ms:.3f}ms\n"


def test_a_pause_as_long_as_the_limits_explains_them() -> None:
    (finding,) = found(
        diagnosis_of({"access.log": lines(OK, 30) + lines(LATE, 9, s=5.002), "gc.log": PAUSE.format(second=8, ms=9200.5)}), "proxy-timeout"
    )
    assert "A pause explains it: the virtual machine stood still for 9.2 s" in finding.explanation
    assert "gc.log" in {item.where.file for item in finding.evidence}


@pytest.mark.parametrize("pause", [PAUSE.format(second=8, ms=1800.5), PAUSE.format(second=58, ms=9200.5)], ids=["shorter", "later"])
def test_a_shorter_pause_or_one_of_another_moment_explains_nothing(pause: str) -> None:
    finding = only({"access.log": lines(OK, 30) + lines(LATE, 9, s=5.002), "gc.log": pause})
    assert "pause" not in finding.explanation


def test_where_a_pause_explains_them_the_pause_is_what_is_told_first() -> None:
    diagnosis = diagnosis_of({"access.log": lines(OK, 30) + lines(LATE, 9, s=5.002), "gc.log": PAUSE.format(second=8, ms=9200.5)})
    assert (diagnosis.verdict.rule, diagnosis.verdict.confidence) == ("gc-thrash", Confidence.LIKELY)
    (finding,) = found(diagnosis, "proxy-timeout")
    assert finding.consequence_of == diagnosis.verdict.finding


def test_a_pause_beside_one_limit_is_an_accident() -> None:
    files = {"access.log": lines(OK, 30) + lines(LATE, 1, s=1.002), "gc.log": lines(OK, 0) + PAUSE.format(second=2, ms=1500.5)}
    assert diagnosis_of(files).verdict.confidence is not Confidence.LIKELY


def test_lines_that_are_no_whole_log_are_judged_alike() -> None:
    queue = lines(HAPROXY, 3, where="tide/<NOSRV>", timers="4002/-1/-1", ms=4002, status=503, flags="sQ--")
    late = lines(HAPROXY, 4, where="tide/tide1", timers="0/0/-1", ms=6001, status=504, flags="sH--")
    for text in (queue + late, "".join(f"<134>Mar  4 06:01:09 haproxy[71]: {line}\n\n" for line in (queue + late).splitlines())):
        finding = only({"proxy.log": text})
        assert (
            finding.headline
            == "HAProxy dropped 3 requests to tide/tide1 from its queue after 4.0 s, and HAProxy gave up 4 after 6.0 s: no answer came in time."
        )
        assert "no server has seen" in finding.explanation

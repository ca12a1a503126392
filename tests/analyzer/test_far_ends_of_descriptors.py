"""No descriptor left, as Node writes it, and where most of the counted connections lead; what a log tells is said beside tables that show nothing."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Status
from tests.builders import diagnosis_of, dump, found, idle_exec, netstat

FAILED = "Error: connect EMFILE 10.40.0.9:8443 - Local (undefined:undefined)\n    at internalConnect (node:net:1087:16)\n"
COUNTED = """$ jq -r '.libuv[] | select(.type=="tcp") | .remoteEndpoint.host + ":" + (.remoteEndpoint.port|tostring)' handles.json | sort | uniq -c | sort -rn
{rows}"""
MANY = "  640 10.40.0.9:8443\n   12 10.40.0.5:6379\n    1 :null\n"
REPORT = """{"header": {"reportVersion": 3, "event": "JavaScript API", "trigger": "GetReport", "dumpEventTime": "2026-01-24T06:10:44Z", "processId": 1, "commandLine": ["node", "tariffs.js"], "nodejsVersion": "v18.19.0"},
 "libuv": [{"type": "timer", "is_active": true, "is_referenced": false, "address": "0x00007ffd0c2a5ab0", "repeat": 0, "firesInMsFromNow": 112, "expired": false}]}
"""


def post(rows: str = MANY, failed: str = FAILED) -> str:
    counted = COUNTED.replace("{rows}", rows)
    return f"It fails after two days.\n\n```\n{failed}```\n\n```\n{counted}```\n"


@pytest.mark.parametrize("beside", [{}, {"report.json": REPORT}], ids=["alone", "beside a report without a stack"])
def test_where_most_of_the_connections_lead_is_told(beside: dict[str, str]) -> None:
    (finding,) = found(diagnosis_of({"post.md": post(), **beside}), "fd-exhaustion")
    assert "640 connections lead to 10.40.0.9:8443, of those that were counted" in finding.headline


@pytest.mark.parametrize(
    "rows", ["  12 10.40.0.9:8443\n  3 10.40.0.5:6379\n", "  300 10.40.0.9:8443\n  290 10.40.0.5:6379\n"], ids=["few", "two of them"]
)
def test_few_or_several_ends_are_none_that_keeps_them(rows: str) -> None:
    (finding,) = found(diagnosis_of({"post.md": post(rows)}), "fd-exhaustion")
    assert "lead to" not in finding.headline


@pytest.mark.parametrize("call", ["accept EMFILE", "spawn EMFILE", "open EMFILE"])
def test_calls_of_node_that_found_none(call: str) -> None:
    assert found(diagnosis_of({"post.md": f"It fails.\n\n```\nError: {call}\n```\n"}), "fd-exhaustion")


def test_no_trouble_is_not_said_beside_a_log_that_tells_of_one() -> None:
    table = netstat("0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java", "0 10.0.0.1:8080 10.0.0.9:41000 ESTABLISHED 77/java")
    files = {"jstack.txt": dump(*idle_exec(4, 8080)), "netstat.txt": table}
    log = "2026-01-02 03:04:01 ERROR java.net.SocketException: Too many open files\n"
    quiet, loud = (diagnosis_of(one).verdict for one in (files, {**files, "app.log": log}))
    assert loud.status is not Status.HEALTHY
    assert "No trouble is seen" not in loud.headline
    assert "no file descriptor was left" in loud.headline + loud.summary or loud.rule == "fd-exhaustion"
    assert quiet.headline != loud.headline

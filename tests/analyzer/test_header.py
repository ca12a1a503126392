"""What the head of a report says: host, zone, VM, how long the process runs, kernel; and that the verdict's finding is the first."""

from __future__ import annotations

import json

import pytest

from reports.contract import json_v1 as json_contract
from reports.formats import html, jira, markdown, text
from reports.view import build as view
from tests.builders import diagnosis_of, dump, sample, thread
from tests.test_goldens import NAMES

MANIFEST = """closewait collection 1
host: depot-7
kernel: Linux 6.1.0-18-amd64 x86_64
began: 2026-03-01T10:00:00Z
run by: uid 998
process: 4711, uid 998 (depot), in its container 4711
java: 21.0.4
FILE | BEGAN | TOOK | RESULT | COMMAND | REMARK
round1/jstack.txt | 2026-03-01T10:00:02Z | 0 s | exit 0 | jstack -l 4711 | -
ended: 2026-03-01T10:00:08Z
"""


def collection(printed: str) -> dict[str, str]:
    made = thread("lane-1", "RUNNABLE", "org.depot.Lane.run").replace("os_prio=0", "os_prio=0 cpu=5.00ms elapsed=187.30s")
    return {"x/manifest.txt": MANIFEST, "x/round1/jstack.txt": dump(made, time=printed)}


def test_a_manifest_names_host_and_kernel_and_who_collected() -> None:
    facts = diagnosis_of(collection("2026-03-01 10:00:02")).incident
    assert (facts.hosts, facts.kernel, facts.collected_by) == (("depot-7",), "Linux 6.1.0-18-amd64 x86_64", 998)
    assert facts.vm == "OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing)"
    assert facts.uptime == 187.3


@pytest.mark.parametrize(
    ("printed", "zone"),
    [
        ("2026-03-01 10:00:02", "+00:00"),
        ("2026-03-01 19:00:03", "+09:00"),
        ("2026-03-01 04:30:02", "-05:30"),
        ("2026-03-01 10:07:02", None),
        ("2026-03-03 10:00:02", None),
    ],
)
def test_the_collectors_clock_tells_the_zone_of_a_dump(printed: str, zone: str | None) -> None:
    facts = diagnosis_of(collection(printed)).incident
    assert facts.zone == zone
    assert (facts.first or "").endswith(zone or printed[-2:])


def test_without_a_manifest_nothing_is_filled_in() -> None:
    facts = diagnosis_of({"jstack.txt": dump(thread("lane-1", "RUNNABLE", "org.depot.Lane.run"))}).incident
    assert (facts.hosts, facts.zone, facts.uptime, facts.kernel, facts.collected_by) == ((), None, None, None, None)


def test_every_format_shows_them() -> None:
    shown = view.build(diagnosis_of(collection("2026-03-01 10:00:02")), "analyze x", "0")
    assert shown.facts == ("OpenJDK 17.0.15+6", "up 3 min", "Linux 6.1.0-18-amd64 x86_64", "collected as uid 998")
    for made in (html.render(shown), markdown.render(shown), jira.render(shown), text.render(shown)):
        plain = " ".join(made.replace("\\", "").split())
        assert "17.0.15+6" in plain
        assert "collected as uid 998" in plain


@pytest.mark.parametrize("name", NAMES)
def test_the_first_finding_is_the_verdicts(name: str) -> None:
    made = json.loads(json_contract.render(sample(name), "0"))
    verdict, findings = made["verdict"], made["findings"]
    assert [finding["id"] for finding in findings] == [f"F{number}" for number in range(1, len(findings) + 1)]
    if verdict["finding"] is not None:
        assert verdict["finding"] == findings[0]["id"] == "F1"
        assert (verdict["pid"], verdict["host"]) == ((findings[0]["process"] or {}).get("pid"), (findings[0]["process"] or {}).get("host"))
    known = {finding["id"]: finding for finding in findings}
    for finding in findings:
        if finding["consequence_of"] is not None:
            assert finding["consequence_of"] in known
            assert finding["consequence_of"] != finding["id"]

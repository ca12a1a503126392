"""How a container ended: exit codes of kubectl describe, and of the status in YAML and JSON."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence
from tests.builders import diagnosis_of, found

DESCRIBED = """Our pod restarts.

Containers:
  tillbox:
    Port:           9000/TCP
    State:          Running
      Started:      Mon, 04 May 2026 10:39:53 +0200
    Last State:     Terminated
      Reason:       {reason}
      Exit Code:    {code}
      Finished:     Mon, 04 May 2026 10:39:52 +0200
    Ready:          True
    Restart Count:  9
    Limits:
      memory:  2Gi
    Liveness:     http-get http://:9000/live delay=20s timeout=2s period=10s #success=1 #failure=3
Events:                      <none>
"""
YAML = """  containerStatuses:
  - containerID: containerd://77
    lastState:
      terminated:
        exitCode: {code}
        finishedAt: "2026-05-04T08:39:52Z"
        reason: {reason}
    name: tillbox
    ready: true
    restartCount: 9
"""
JSON = """    "lastState": {{
        "terminated": {{
            "exitCode": {code},
            "reason": "{reason}"
        }}
    }},
    "name": "tillbox",
    "restartCount": 9,
"""


@pytest.mark.parametrize("text", [DESCRIBED, YAML, JSON], ids=["describe", "yaml", "json"])
def test_a_kill_has_two_candidates(text: str) -> None:
    (one,) = found(diagnosis_of({"report.md": text.format(reason="Error", code=137)}), "pool-stuck")
    assert one.headline.startswith(
        "Kubernetes tillbox: a container was ended with SIGKILL, exit code 137 (restarts 9): the kernel for want of memory, or the kubelet"
    )
    assert ("timeout of 2 s" in one.headline) == (text is DESCRIBED)
    assert one.confidence is Confidence.SUSPECTED
    assert "leak" not in one.headline + one.explanation
    assert "journalctl -u kubelet" in str(one.actions)


def test_memory_that_ran_out_is_told_by_its_reason() -> None:
    diagnosis = diagnosis_of({"report.md": DESCRIBED.format(reason="OOMKilled", code=137)})
    assert not any("SIGKILL, exit code" in one.headline for one in diagnosis.findings)
    assert "memory ran out" in diagnosis.verdict.headline


def test_a_container_that_was_asked_to_end() -> None:
    (one,) = found(diagnosis_of({"report.md": DESCRIBED.format(reason="Error", code=143)}), "pool-stuck")
    assert "asked to end with SIGTERM, exit code 143" in one.headline


def test_a_pod_that_was_removed_was_asked_to_end() -> None:
    text = DESCRIBED.format(reason="Error", code=143).replace("    State:          Running\n", "").replace("Last State", "State")
    assert not any("SIGTERM" in one.headline for one in diagnosis_of({"report.md": text}).findings)


@pytest.mark.parametrize(("reason", "code"), [("Error", 1), ("Error", 139), ("Completed", 0), ("ContainerStatusUnknown", 137)])
def test_other_codes_and_reasons_say_nothing_of_a_signal(reason: str, code: int) -> None:
    assert not any("SIG" in one.headline for one in diagnosis_of({"report.md": DESCRIBED.format(reason=reason, code=code)}).findings)


def test_a_probe_that_failed_is_told_before_the_code() -> None:
    event = "  Normal   Killing    101s (x11 over 81m)    kubelet  Container tillbox failed liveness probe, will be restarted\n"
    (one,) = found(
        diagnosis_of(
            {"report.md": DESCRIBED.format(reason="Error", code=137).replace("Events:                      <none>\n", f"Events:\n{event}")}
        ),
        "pool-stuck",
    )
    assert "did not answer its health check" in one.headline

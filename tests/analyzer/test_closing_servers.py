"""A server of Node.js that waits for its clients' connections to end after it has closed its listener; and the lists of handles that show it."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, RecoversWhen
from parsers.formats import FORMATS
from parsers.process import node_handles
from parsers.records import Counter
from parsers.text.source import Section
from tests.builders import diagnosis_of, found
from tests.parsers.test_properties import check

WHY = "There are 3 handles keeping the process running\n\n# Timeout\n/srv/ferry/index.js:40 - setTimeout(stop, 9000)\n\n# TCPWRAP\n(unknown stack trace)\n\n# TCPWRAP\n(unknown stack trace)\n"
ACTIVE = "[\n  'TTYWrap',\n  'TCPSocketWrap',\n  'TCPSocketWrap',\n  'Timeout'\n]\n"
HEAD = "COMMAND PID USER   FD   TYPE   DEVICE SIZE/OFF NODE NAME\n"
IN = (
    "node    61 ferry  21u  IPv4 30211834      0t0  TCP 10.91.2.31:9300->10.91.1.7:45212 (ESTABLISHED)\n"
    "node    61 ferry  24u  IPv4 30213377      0t0  TCP 10.91.2.31:9300->10.91.1.9:45390 (ESTABLISHED)\n"
)
LISTEN = "node    61 ferry  19u  IPv4 30211001      0t0  TCP *:9300 (LISTEN)\n"
OUT = (
    "node    61 ferry  21u  IPv4 30211834      0t0  TCP 10.91.2.31:45212->10.91.1.7:27017 (ESTABLISHED)\n"
    "node    61 ferry  24u  IPv4 30213377      0t0  TCP 10.91.2.31:45390->10.91.1.7:27017 (ESTABLISHED)\n"
)


def told(handles: str, rows: str) -> Diagnosis:
    return diagnosis_of({"post.md": f"It does not end:\n\n```\n{handles}```\n\n```\n{HEAD}{rows}```\n"})


@pytest.mark.parametrize("handles", [WHY, ACTIVE, "[ 'TCPSocketWrap', 'TCPSocketWrap', 'Timeout' ]\n"])
def test_close_waits_for_the_connections_that_clients_keep(handles: str) -> None:
    (finding,) = found(told(handles, IN), "idle-connections-pin-threads")
    assert finding.confidence is Confidence.LIKELY
    assert "The server of port 9300 has closed its listener and waits for 2 open connections of 10.91.1.7, 10.91.1.9" in finding.headline
    assert finding.outlook is not None
    assert finding.outlook.heals is RecoversWhen.TIMEOUT
    assert any("closeIdleConnections" in action.text for action in finding.actions)


@pytest.mark.parametrize(
    ("handles", "rows"),
    [
        (WHY, LISTEN + IN),
        (WHY, OUT),
        (WHY.replace("# Timeout", "# TCPSERVERWRAP"), IN),
        (WHY + "\n# TCPWRAP\n(unknown stack trace)\n", IN),
    ],
    ids=["listens", "calls", "its listener is a handle", "other connections"],
)
def test_others_are_not_waited_for(handles: str, rows: str) -> None:
    assert not found(told(handles, rows), "idle-connections-pin-threads")


@pytest.mark.parametrize("text", [WHY, ACTIVE, "[ 'TCPServerWrap', 'TCPSocketWrap', 'TCPSocketWrap' ]"])
def test_handles_are_counted_by_kind(text: str) -> None:
    lines = text.splitlines()
    assert [form.NAME for form in FORMATS if form.sniff(lines)] == [node_handles.NAME]
    records = check(node_handles, Section("x", 1, lines)).records
    assert ("Node handles: connections", 2) in [(one.name, one.value) for one in records if isinstance(one, Counter)]

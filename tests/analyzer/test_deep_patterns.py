"""A picked thread deep in a regular expression, or one that computes while words tell of a busy processor."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis
from tests.builders import diagnosis_of, found

HEAD = '"desk-7" #41 daemon prio=5 os_prio=0 tid=0x00007f0a runnable\n   java.lang.Thread.State: RUNNABLE\n'
MATCH = (
    "java.util.regex.Pattern$Curly.match0(Pattern.java:4260)",
    "java.util.regex.Pattern$GroupTail.match(Pattern.java:4717)",
    "java.util.regex.Pattern$Loop.match(Pattern.java:4785)",
    "java.util.regex.Matcher.match(Matcher.java:1270)",
    "java.util.regex.Matcher.matches(Matcher.java:604)",
)
OWN = ("net.umbra.Desk.parse(Desk.java:31)", "net.umbra.Desk.run(Desk.java:12)", "java.lang.Thread.run(Thread.java:748)")


def told(*frames: str, words: str = "") -> Diagnosis:
    return diagnosis_of({"report.md": f"One request hangs. {words}\n\n{HEAD}" + "".join(f"\tat {frame}\n" for frame in frames)})


def test_a_deep_match_is_suspected_to_try_all_ways() -> None:
    (finding,) = found(told(*MATCH, *OWN), "cpu-spin")
    assert finding.confidence is Confidence.SUSPECTED
    assert "called from net.umbra.Desk.parse(Desk.java:31), deep in a regular expression" in finding.headline
    assert "processor" not in finding.headline
    assert "A short match looks the same" in finding.explanation


def test_a_plain_match_is_not() -> None:
    assert not found(told(*MATCH[3:], *OWN), "cpu-spin")


@pytest.mark.parametrize(("words", "busy"), [("The process is at 100 % CPU.", True), ("CPU is at 3 %.", False), ("", False)])
def test_words_tell_of_the_processor(words: str, busy: bool) -> None:
    findings = found(told(*OWN, words=words), "cpu-spin")
    assert bool(findings) is busy
    if busy:
        assert "the text tells of 100 % of a processor" in findings[0].headline
        assert findings[0].confidence is Confidence.SUSPECTED
        assert all("{" not in (action.command or "") for action in findings[0].actions)

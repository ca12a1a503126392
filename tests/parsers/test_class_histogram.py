"""Objects of a heap by class: what there is most of, what keeps it, and whether it grows."""

from __future__ import annotations

from parsers import FORMATS
from parsers.process import class_histogram
from parsers.records import Tally
from parsers.text.source import Section
from tests.builders import diagnosis_of, thread
from tests.parsers.test_properties import check

ROWS = """ num     #instances         #bytes  class name (module)
-------------------------------------------------------
   1:        981231       94198185  [B (java.base@17.0.2)
   2:        {jobs}       50402352  nl.mill.Job
   3:        {nodes}       67203872  java.util.concurrent.LinkedBlockingQueue$Node (java.base@17.0.2)
   4:          9121         875625  java.lang.String (java.base@17.0.2)
Total       1822376      120018500
"""


def rows(jobs: int, nodes: int) -> str:
    return ROWS.format(jobs=jobs, nodes=nodes)


def said(files: dict[str, str]) -> str:
    verdict = diagnosis_of(files).verdict
    return f"{verdict.headline} {verdict.summary}"


def test_classes_are_counted_and_arrays_are_not_kept() -> None:
    lines = rows(210_009, 210_021).splitlines()
    tallies = [one for one in check(class_histogram, Section("x", 1, lines)).records if isinstance(one, Tally)]
    assert [(one.name, one.count) for one in tallies] == [
        ("nl.mill.Job", 210_009),
        ("java.util.concurrent.LinkedBlockingQueue$Node", 210_021),
        ("java.lang.String", 9_121),
    ]
    assert [form.NAME for form in FORMATS if form.sniff(lines)] == [class_histogram.NAME]
    assert class_histogram.sniff(lines[2:])


def test_a_queue_that_fills_is_told() -> None:
    text = said({"histo.txt": rows(210_009, 210_021)})
    assert "nl.mill.Job (210,009)" in text
    assert "more is put into it than is taken out" in text


def test_other_numbers_are_no_queue_of_these() -> None:
    assert "put into it" not in said({"histo.txt": rows(210_009, 99)})
    assert "nl.mill.Job" not in said({"histo.txt": rows(12, 12)})


def test_two_histograms_show_growth() -> None:
    text = said({"histo-1.txt": rows(110_009, 110_021), "histo-2.txt": rows(210_009, 210_021)})
    assert "objects of nl.mill.Job: They grow: 110,009 → 210,009" in text.replace("Objects of", "objects of")


def test_beside_a_picked_thread_the_heap_is_told_too() -> None:
    stack = thread(
        "mail-1",
        "RUNNABLE",
        "java.net.SocketInputStream.socketRead0",
        "com.sun.mail.smtp.SMTPTransport.readServerResponse",
        "nl.mill.Mailer.send",
    )
    assert "more is put into it than is taken out" in said({"post.md": f"It hangs:\n\n{rows(210_009, 210_021)}\n{stack}\n\nWhy?\n"})

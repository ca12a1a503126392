"""Threads that clients of a library have of their own, by the thousand, where no further thread can be made."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, RecoversWhen
from tests.builders import diagnosis_of, found

ERROR = """Exception in thread "dock-4" java.lang.OutOfMemoryError: unable to create new native thread
	at java.lang.Thread.start0(Native Method)
	at java.lang.Thread.start(Thread.java:717)
	at nl.quay.Mail.send(Mail.java:31)
"""
MADE = "        OkHttpClient http = new OkHttpClient.Builder().build();\n        return http.newCall(letter).execute();\n"


def told(counts: dict[str, int], code: str = "", limit: str = "") -> Diagnosis:
    rows = "".join(f'   {number} "{name}"\n' for name, number in counts.items())
    counted = f"$ jstack 7 | grep '^\"' | sed 's/ #.*//' | sort | uniq -c | sort -rn | head\n{rows}"
    return diagnosis_of({"post.md": f"It runs with {limit or 'docker'}.\n\n```\n{ERROR}```\n\n```\n{counted}```\n\n```\n{code}```\n"})


def test_clients_made_for_each_call_are_told_by_the_names_of_their_threads() -> None:
    counts = {"OkHttp ConnectionPool": 970, "OkHttp mail.quay.example": 968, "dock-4": 12}
    (finding,) = found(told(counts, MADE, "`docker run --pids-limit 2048`"), "thread-leak")
    assert finding.confidence is Confidence.LIKELY
    assert "as 1,950 threads were counted and the container may have 2,048 tasks" in finding.headline
    assert "970 “OkHttp ConnectionPool” are the threads of as many objects OkHttpClient" in finding.headline
    assert "the 968 “OkHttp mail.quay.example” are the second of each" in finding.explanation
    assert "The pasted code makes one (post.md:" in finding.explanation
    assert finding.outlook is not None
    assert finding.outlook.heals is RecoversWhen.LOAD


def test_a_client_in_a_field_is_made_once_and_a_far_limit_is_not_the_one() -> None:
    kept = "    private static final OkHttpClient HTTP = new OkHttpClient.Builder().build();\n"
    (finding,) = found(told({"OkHttp ConnectionPool": 970}, kept, "`docker run --pids-limit 9000`"), "thread-leak")
    assert "The pasted code" not in finding.explanation
    assert "tasks" not in finding.headline


@pytest.mark.parametrize(
    ("name", "client"),
    [("kafka-producer-network-thread | producer-N", "KafkaProducer"), ("HttpClient-N-SelectorManager", "java.net.http.HttpClient")],
)
def test_clients_whose_threads_do_not_end_by_themselves(name: str, client: str) -> None:
    (finding,) = found(told({name: 611}), "thread-leak")
    assert f"of as many objects {client}" in finding.headline
    assert finding.outlook is not None
    assert finding.outlook.heals is RecoversWhen.RESTART


@pytest.mark.parametrize("counts", [{"dock-N": 1900}, {"OkHttp ConnectionPool": 6, "dock-N": 1900}, {"HttpClient-N-Worker-N": 700}])
def test_other_threads_are_not_those_of_clients(counts: dict[str, int]) -> None:
    assert not any("of as many objects" in one.headline for one in told(counts).findings)

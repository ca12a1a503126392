"""What other runtimes have in place of threads: in sentences of ours, in both languages, and nowhere else."""

from __future__ import annotations

import pytest

from analyzer.model.message import MEMBERS, capitalized, plural, say, say_of
from reports.language.catalogue import speaking, spoken
from reports.language.members import in_words as in_korean
from tests.analyzer.test_runtimes import goroutine
from tests.analyzer.test_runtimes_forked import slow_log, workers
from tests.builders import diagnosis_of


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The threads are free when {service} answers.", "The goroutines are free when db answers."),
        ("A thread still works on it.", "A goroutine still works on it."),
        ("every request thread of {service} waits", "every goroutine of db waits"),
        ("what do its own threads wait for?", "what do its own threads wait for?"),
        ("a thread dump of {service}, thread apply all bt", "a thread dump of db, thread apply all bt"),
        ("Threads like it", "Goroutines like it"),
        ("{threads} wait", "2 goroutines wait"),
    ],
)
def test_the_word_stands_in_for_threads(text: str, shown: str) -> None:
    made = say(text, service="db", threads=plural(2, "thread")).in_words("goroutine")
    assert made == shown
    assert made.template == text, "the key of the catalogue stays"


def test_evidence_is_never_touched() -> None:
    made = say("“{name}” waits in {frame}", name="request thread 7", frame="java.lang.Thread.run").in_words("worker")
    assert made == "“request thread 7” waits in java.lang.Thread.run"


@pytest.mark.parametrize(("word", "one", "many"), [(word, f"1 {word}", f"3 {many}") for word, many in MEMBERS.items()])
def test_numbers(word: str, one: str, many: str) -> None:
    assert (plural(1, "thread").in_words(word), plural(3, "thread").in_words(word)) == (one, many)
    assert plural(3, "socket").in_words(word) == "3 sockets"


def test_the_word_outlives_other_values_and_forms() -> None:
    made = say_of(2, "{n} thread of {pool} waits", "{n} threads of {pool} wait", n=2, pool="a").in_words("worker")
    assert made == "2 workers of a wait"
    assert made.refilled(lambda value: "b" if value == "a" else value) == "2 workers of b wait"
    assert made.numbered(1, {"n": 1, "pool": "c"}) == "1 worker of c waits"
    assert capitalized(say("threads wait")).in_words("goroutine") == "Goroutines wait"


@pytest.mark.parametrize(
    ("text", "word", "shown"),
    [
        ("스레드가 기다린다", "goroutine", "고루틴이(가) 기다린다"),
        ("요청 스레드를 막는다", "worker", "워커을(를) 막는다"),
        ("스레드들은 락을 놓지 않는다", "goroutine", "고루틴들은 락을 놓지 않는다"),
        ("스레드 덤프와 스레드 풀", "goroutine", "스레드 덤프와 스레드 풀"),
        ("스레드가 기다린다", "", "스레드가 기다린다"),
    ],
)
def test_korean(text: str, word: str, shown: str) -> None:
    assert in_korean(text, word) == shown


def test_a_pool_of_workers_is_told_so_in_the_whole_finding() -> None:
    stacks = slow_log(*[("session_start", 3)] * 4, ("fgets", 9))
    finding = diagnosis_of({"slow.log": stacks, "netstat.txt": workers(5, connected=0)}).findings[0]
    said = " ".join([finding.headline, finding.explanation, *(evidence.says for evidence in finding.evidence)])
    assert "workers" in said
    assert "thread" not in said.lower()
    with speaking("ko"):
        assert "스레드" not in str(spoken(finding.headline)) + str(spoken(finding.explanation))


def test_goroutines_are_told_so_from_their_stacks_alone() -> None:
    waits = "sync.(*Mutex).Lock(...)\n\t/go/mutex.go:71\nmain.load(0x1)\n\t/b/main.go:21 +0x1\n"
    go = diagnosis_of({"goroutines.txt": "".join(goroutine(n, "sync.Mutex.Lock", waits) for n in range(5, 13))})
    assert "thread" not in " ".join(finding.headline for finding in go.findings).lower()

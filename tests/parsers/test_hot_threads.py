"""Hot threads of Elasticsearch: a sample of the busiest, of each the stack that most samples share."""

from __future__ import annotations

from parsers import outputs
from parsers.records import ThreadDump
from parsers.text.source import Source
from tests.builders import diagnosis_of, dump, evidence_of, idle_exec, netstat

HOT = """::: {es-2}{aBcDeF}{GhIjKl}{10.4.0.2}{10.4.0.2:9300}{dim}{xpack.installed=true}
   Hot threads at 2026-05-04T08:09:10.112Z, interval=500ms, busiestThreads=3, ignoreIdleThreads=true:
   .
   97.0% [cpu=96.0%, other=1.0%] (485ms out of 500ms) cpu usage by thread 'elasticsearch[es-2][search][T#3]'
     3/10 snapshots sharing following 2 elements
       java.base@21.0.1/java.util.HashMap.get(HashMap.java:554)
       java.base@21.0.1/java.lang.Thread.run(Thread.java:1583)
     7/10 snapshots sharing following 3 elements
       app//org.acme.plugin.Score.slow(Score.java:17)
       app//org.elasticsearch.search.SearchService.lambda$run$2(SearchService.java:500)
       java.base@21.0.1/java.lang.Thread.run(Thread.java:1583)

::: {es-3}{bBcDeF}{HhIjKl}{10.4.0.3}{10.4.0.3:9300}{dim}
   Hot threads at 2026-05-04T08:09:10.119Z, interval=500ms, busiestThreads=3, ignoreIdleThreads=true:
   .
    3.4% (17.1ms out of 500ms) wait usage by thread 'elasticsearch[es-3][write][T#1]'
     unique snapshot
       java.base@21.0.1/jdk.internal.misc.Unsafe.park(Native Method)

""".replace("   .\n", "   \n")


def dumps(text: str) -> list[ThreadDump]:
    found = outputs(Source("nodes_hot_threads.txt", text.encode()))
    assert not any(parsed.unread for _, _, parsed in found)
    return [record for _, _, parsed in found for record in parsed.records if isinstance(record, ThreadDump)]


def test_of_each_thread_the_commonest_sample() -> None:
    (one,) = dumps(HOT)
    assert (one.sampled, one.fragment, one.time) == (True, True, "2026-05-04T08:09:10")
    assert [(thread.name, len(thread.frames)) for thread in one.threads] == [
        ("elasticsearch[es-2][search][T#3]", 3),
        ("elasticsearch[es-3][write][T#1]", 1),
    ]
    assert one.threads[0].frames[0].method == "slow"


def test_one_thread_alone_is_known() -> None:
    text = "\n".join(HOT.split("\n")[3:8]) + "\n"
    assert [len(thread.frames) for one in dumps(text) for thread in one.threads] == [2]


def test_a_sample_stands_back_where_all_threads_are() -> None:
    files = {"jstack.txt": dump(*idle_exec(4)), "hot.txt": HOT, "netstat.txt": netstat("0 :::8080 :::* LISTEN 77/java")}
    (snapshot,) = evidence_of(files).incident.snapshots
    assert [one.where.file for one in snapshot.dumps] == ["jstack.txt"]


def test_a_sample_alone_proves_no_health() -> None:
    assert diagnosis_of({"hot.txt": HOT}).verdict.status.value == "insufficient"

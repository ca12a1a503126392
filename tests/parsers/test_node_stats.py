"""Statistics of Elasticsearch's nodes: pools of threads whose tasks wait."""

from __future__ import annotations

import json

import pytest

from parsers import FORMATS
from parsers.process import node_stats
from parsers.records import Counter, LogEvent
from parsers.text.source import Section
from tests.parsers.test_properties import check


def stats(queue: int, *, indent: int | None) -> list[str]:
    pools = {
        "search": {"threads": 7, "queue": queue, "active": 7, "rejected": 22817},
        "write": {"threads": 4, "queue": 0, "active": 0, "rejected": 0},
    }
    node = {"timestamp": 1795449181231, "name": "es-1", "process": {"open_file_descriptors": 712}, "thread_pool": pools}
    text = {"_nodes": {"total": 1, "successful": 1, "failed": 0}, "cluster_name": "shop", "nodes": {"Qk3nsMaUSu26wb8m1fNA": node}}
    return json.dumps(text, indent=indent).splitlines()


@pytest.mark.parametrize("indent", [None, 2])
def test_a_pool_whose_tasks_wait_is_told(indent: int | None) -> None:
    lines = stats(981, indent=indent)
    records = check(node_stats, Section("x", 1, lines)).records
    assert [(one.name, one.value) for one in records if isinstance(one, Counter)] == [
        ("Elasticsearch search pending", 981),
        ("Elasticsearch write pending", 0),
    ]
    (event,) = (one for one in records if isinstance(one, LogEvent))
    assert (event.subject, dict(event.figures)) == ("search", {"active": 7.0, "pending": 981.0})
    assert '"search"' in lines[event.where.first - 1]
    assert [form.NAME for form in FORMATS if form.sniff(lines)] == [node_stats.NAME]


def test_a_calm_one_is_no_event() -> None:
    assert not any(isinstance(one, LogEvent) for one in check(node_stats, Section("x", 1, stats(3, indent=2))).records)


def test_a_list_of_nodes_without_their_time_is_another_one() -> None:
    assert not node_stats.sniff([line for line in stats(981, indent=2) if "timestamp" not in line])


def test_a_file_that_ends_early_gives_what_it_has() -> None:
    assert check(node_stats, Section("x", 1, stats(981, indent=2)[:30])).records is not None

"""What brokers list of their queues, web servers of their workers, Redis of its clients and slow commands."""

from __future__ import annotations

import pytest

from parsers import FORMATS
from parsers.process import pool_tables, queue_lists, server_status
from parsers.records import Counter, LogEvent, LogKind
from parsers.sessions import redis
from parsers.text.source import Section
from tests.builders import diagnosis_of, found
from tests.parsers.test_properties import check

RABBIT = "Listing queues for vhost / ...\nname\tmessages\tconsumers\nsaw.orders\t{unread}\t{consumers}\nmail\t12\t4\n"
KAFKA = """GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID               HOST            CLIENT-ID
mill            saw             0          1412311         1998211         585900          consumer-mill-1-5b0f1a    /10.1.2.3       consumer-mill-1
mill            saw             1          1402311         1978211         575900          -                         -               -
"""
APACHE = """Apache Server Status for www.example.org (via 10.0.0.4)
Server uptime: 3 days 1 hour 12 minutes
{busy} requests currently being processed, {idle} idle workers

WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW
WWWWWWWWWWWWWWWWWWWWWW..........................................
"""
NGINX = """Active connections: 5120
server accepts handled requests
 9812311 9801211 22311987
Reading: 0 Writing: 5012 Waiting: 108
"""
INFO = "# Clients\nconnected_clients:{clients}\ncluster_connections:0\nmaxclients:10000\nblocked_clients:12\n"
SLOWLOG = """1) 1) (integer) 14
   2) (integer) 1783281411
   3) (integer) {took}
   4) 1) "KEYS"
      2) "saw:*"
   5) "10.0.0.7:52110"
2) 1) (integer) 13
   2) (integer) 1783281400
   3) (integer) 12042
   4) 1) "GET"
      2) "saw:1"
"""


def events(form: object, text: str) -> list[LogEvent]:
    return [one for one in check(form, Section("x", 1, text.splitlines())).records if isinstance(one, LogEvent)]  # type: ignore[arg-type]


def test_a_queue_without_a_consumer_is_told() -> None:
    (event,) = events(queue_lists, RABBIT.format(unread=812311, consumers=0))
    assert (event.kind, event.source, event.subject) == (LogKind.UNREAD, "RabbitMQ", "saw.orders")
    (other,) = events(queue_lists, KAFKA)
    assert (other.source, other.subject, other.figure("messages")) == ("Kafka", "mill saw-1", 575900.0)
    assert (
        "saw.orders: messages lie in a queue that nobody reads"
        in found(diagnosis_of({"queues.txt": RABBIT.format(unread=812311, consumers=0)}), "pool-stuck")[0].headline
    )


@pytest.mark.parametrize(("unread", "consumers"), [(812311, 3), (7, 0)], ids=["read", "few"])
def test_a_queue_that_is_read_or_nearly_empty_is_none(unread: int, consumers: int) -> None:
    assert not events(queue_lists, RABBIT.format(unread=unread, consumers=consumers))


def test_a_web_server_without_an_idle_worker_is_told() -> None:
    (event,) = events(server_status, APACHE.format(busy=150, idle=0))
    assert (event.kind, event.figure("busy")) == (LogKind.THREADS, 150.0)
    assert not events(server_status, APACHE.format(busy=12, idle=60))


def test_what_nginx_does_at_the_moment_is_said() -> None:
    counters = [one for one in check(server_status, Section("x", 1, NGINX.splitlines())).records if isinstance(one, Counter)]
    assert [(one.name, one.value) for one in counters] == [("nginx requests being served", 5012), ("nginx idle connections", 108)]
    verdict = diagnosis_of({"status.txt": NGINX}).verdict
    assert "requests being served: 5,012" in f"{verdict.headline} {verdict.summary}"


def test_redis_that_is_full_or_slow_is_told() -> None:
    (event,) = events(redis, INFO.format(clients=10000))
    assert (event.kind, event.figure("limit")) == (LogKind.SLOTS, 10000.0)
    assert not events(redis, INFO.format(clients=9981))
    (slow,) = events(redis, SLOWLOG.format(took=2811042))
    assert (slow.kind, slow.subject, slow.figure("seconds")) == (LogKind.SLOW_STATEMENT, "KEYS", 2.811042)
    assert not events(redis, SLOWLOG.format(took=2811))


@pytest.mark.parametrize(
    ("text", "form"),
    [(KAFKA, queue_lists), (APACHE.format(busy=1, idle=1), server_status), (NGINX, server_status), (SLOWLOG.format(took=1), redis)],
    ids=["Kafka", "Apache", "nginx", "Redis"],
)
def test_nobody_else_reads_them(text: str, form: object) -> None:
    assert [one for one in FORMATS if one.sniff(text.splitlines())] == [form]


def test_a_pool_of_elasticsearch_whose_name_was_not_asked_for_is_told_by_its_node() -> None:
    table = "node_name  active queue rejected completed\nsaw-01          1     0        0   9120440\nsaw-03         13  1000    41877   8263561\n"
    (event,) = events(pool_tables, table)
    assert (event.subject, event.figure("pending")) == ("saw-03", 1000.0)

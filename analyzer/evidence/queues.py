"""Queues of proxies and poolers in words: who waits for a place, at what, and how many places are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.model.message import Message, plural, say

if TYPE_CHECKING:
    from parsers.records import ProxyLoad


def queue_in_words(load: ProxyLoad) -> Message:
    """``HAProxy has 31 requests in the queue of carts/c1, which has 20 sessions of 20``."""
    if load.software == "PgBouncer":
        return say(
            "PgBouncer lets {clients} of {pool} wait for a connection to the database{longest}, and has {current:,} in use{idle}",
            clients=plural(load.queued or 0, "client"),
            pool=load.proxy,
            longest=say(", the longest for {seconds:.0f} s", seconds=load.waits) if load.waits else "",
            current=load.current or 0,
            idle=say(" and {idle:,} free", idle=load.idle) if load.idle is not None else "",
        )
    return say(
        "HAProxy has {requests} in the queue of {server}{places}",
        requests=plural(load.queued or 0, "request"),
        server=name_of(load),
        places=say(", which has {current:,} sessions of {limit:,}", current=load.current, limit=load.limit)
        if load.current is not None and load.limit and load.server != "BACKEND"
        else "",
    )


def name_of(load: ProxyLoad) -> str:
    """``carts/c1``; a backend, and a pooler's pool, by its name alone."""
    return f"{load.proxy}/{load.server}" if load.server not in {"BACKEND", ""} else load.proxy

"""What is known of the far end of calls: whose it is, and whether it may wait for this process in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.evidence.callbacks import unread_from
from analyzer.evidence.calls import process_in_words
from analyzer.model.message import plural, say, say_of
from analyzer.waits.targets import one_sided_calls_back

if TYPE_CHECKING:
    from analyzer.model.message import Message
    from analyzer.waits.case import ProcessView, ServerPool
    from analyzer.waits.targets import Target
    from parsers.records import Endpoint


def service(view: ProcessView, remote: Endpoint, noun: str, far: ProcessView | None) -> str:
    """The service in words: its address, and its process if the evidence shows it."""
    owner = whose(view, remote, far)
    if not owner:
        return say("The {noun} at {remote}", noun=noun, remote=remote)
    if far is not None and far.snapshot.host != view.snapshot.host:
        return say("The {noun} at {remote}, {process_in_words},", noun=noun, remote=remote, process_in_words=owner)
    return say("The {noun} at {remote} ({whose}, on the same host)", noun=noun, remote=remote, whose=owner)


def whose(view: ProcessView, remote: Endpoint, far: ProcessView | None) -> str:
    """The process of the service, on another host or on this one; empty if the evidence does not show it."""
    if far is not None and far.snapshot.host != view.snapshot.host:
        return process_in_words(far, view)
    listener = view.table.listener(remote)
    if listener is None or listener.pid is None:
        return ""
    return say("{command}, pid {pid}", command=listener.command or say("process"), pid=listener.pid)


def leads(serving: ServerPool, target: Target) -> str:
    """Whether the service waits for this server in turn, as far as its own requests show."""
    back = unread_from(serving, target)
    return (
        say_of(
            len(back),
            "but {requests} from {host} lies here unread, so that it may wait for this server in turn",
            "but {requests} from {host} lie here unread, so that it may wait for this server in turn",
            requests=plural(len(back), "request"),
            host=target.remote.host,
        )
        if back
        else say("and none of them leads back to this process")
        if not serving.view.coverage.sockets
        and not any(pair.near.remote == target.remote for pair in serving.view.pairs)
        and not one_sided_calls_back(serving.view, target.connections)
        else say("and whether one of them leads back to this process the table cannot show")
    )


def ways_back(serving: ServerPool, target: Target) -> list[Message]:
    """What says that the service may wait for this process in turn."""
    found: list[Message] = []
    if back := unread_from(serving, target):
        found.append(
            say_of(
                len(back),
                "{requests} from {host} lies here unread: the two may wait for each other",
                "{requests} from {host} lie here unread: the two may wait for each other",
                requests=plural(len(back), "request"),
                host=target.remote.host,
            )
        )
    if one_sided := one_sided_calls_back(serving.view, target.connections):
        found.append(
            say_of(
                len(one_sided),
                "no table shows whether {calls} from there to this process has been read, so the two may wait for each other",
                "no table shows whether {calls} from there to this process have been read, so the two may wait for each other",
                calls=plural(len(one_sided), "call"),
            )
        )
    return found

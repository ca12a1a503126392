"""A server process of Erlang that everybody calls: what a lock's owner is elsewhere. It is no lock, and is told in words of its own."""

from __future__ import annotations

from typing import Final

from analyzer.model.finding import Outlook, RecoversWhen, When
from analyzer.model.message import say
from analyzer.model.text import Do, Either, Text
from parsers.records import Runtime

CALLED: Final = Text(
    "lock-convoy",
    headline=Either(
        "owner",
        "{count} wait for an answer of the process “{name}”, which itself {doing}.",
        "{count} wait for an answer of one process.",
    ),
    explanation="{count} wait for an answer of {called}, called in {site}. {owner_in_words}{others}{clients}",
    do=(
        Do(
            When.NOW,
            "Look at {remote}: when it goes on, the calls are answered one by one. A second dump shows whether it moves.",
            "jstack -l {pid} > jstack-2.txt",
        ),
        Do(
            When.FIX,
            "Let the process answer later (gen_server:reply), and do the slow work of {place} in a process of its own, or in several. Give the call a timeout.",
        ),
        Do(
            When.PREVENT,
            "Let no server process that many call wait for others itself, and give gen_server:call a timeout that ends in an error.",
        ),
    ),
    figures=(("1", "process that all call"),),
    chain=(("{pool_name}", "waits for an answer of", "{count}, in {site}"), ("{who}", "{doing}", "in {place}{at}")),
    phrases={
        "called": Either("named", "{lock}", Either("owner", "“{name}”", "one process")),
        "owner_in_words": Either(
            "owner",
            "“{name}” answers one call after the other, and {doing}{to}, in {owner_place}. All others go on when it does.",
            "What it does is not in the dump.",
        ),
        "to": Either("target", " from {remote}"),
        "at": Either("target", ", calling {remote}"),
        "does": "“{name}” {doing}",
        "holds": "“{name}” is the process that is called",
    },
)
RING: Final = Text(
    "java-deadlock",
    headline=Either(
        "timed",
        "{threads} call each other, and each waits for the answer until its time limit: {list}{and_others}.",
        "{threads} are deadlocked: {list}{and_others} call each other, and each waits for the answer.",
    ),
    explanation=Either(
        "timed",
        "{edges} A process answers nothing while it waits in a call of its own, so only the time limit ends both calls, and messages to them pile up meanwhile.{queue_in_words} Without a limit (infinity) neither would ever go on.",
        "{edges} A process answers nothing while it waits in a call of its own, so none of them can ever go on.{queue_in_words} Messages to them pile up.",
    ),
    do=(
        Do(When.NOW, "Restart these processes, or end one of them: its supervisor starts it anew."),
        Do(
            When.FIX,
            "Make one of the calls a message without an answer (cast), or answer later (gen_server:reply) from another process{see}{and_}.",
        ),
        Do(When.PREVENT, "Let calls go in one direction between server processes, and give them a timeout: infinity never ends."),
    ),
    figures=(("{names_count}", "processes in the ring"), ("{queue_count:,}", "processes waiting behind them")),
    phrases={
        "and_others": Either("more", " and others"),
        "see": Either("frames", ": see {frames}"),
        "and_": Either("second_frame", " and {second_frame}"),
        "behind": "{waiting} wait behind the deadlock",
    },
)
CALL: Final = Text(
    "java-deadlock",
    headline="",
    explanation="“{name}”{in_} waits for an answer of “{name2}”.",
    chain=(("{thread}", "waits for an answer of", "{name2}"),),
    phrases={"in_": Either("frame", " in {frame}")},
)
"""One process of the ring, and the next one that it calls."""
_GOES_ON: Final = Outlook(RecoversWhen.CAUSE, say("The calls are answered one by one when the process that is called goes on."))


def outlook_of(runtime: Runtime) -> Outlook | None:
    """Whether it heals by itself, where a process is called; None where a lock is held, of which the rule tells."""
    return _GOES_ON if runtime is Runtime.ERLANG else None

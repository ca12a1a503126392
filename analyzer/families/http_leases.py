"""How sure it is that a pool of an HTTP client is empty because its connections were not given back, and what state they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.contention.blocked_group import judge
from analyzer.join.connections import states
from analyzer.model.message import joined, plural, say

if TYPE_CHECKING:
    from analyzer.contention.leases import Shortage
    from analyzer.join.connections import Connection
    from analyzer.model.finding import Confidence


def judged(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Confidence, str]:
    """How sure it is that these are the pool's connections, and why."""
    doubts = list(shortage.doubts)
    if shortage.users:
        if not rows:
            doubts.append(say("the socket table does not show which service the holders wait for"))
        proof = say("The stacks show who waits for a connection and who reads over one.")
        if is_own(shortage, rows):
            return judge(
                doubts, proof, other_cause=say("they read the server's own port: self-call-starvation may be what empties the pool")
            )
        return judge(doubts, proof)
    if not rows:
        proof = say("The stacks show the wait; nobody reads over the pool.")
        if shortage.connections:
            return judge(
                [*doubts, say("the process is connected to several services, and which one the pool is full of is not clear")], proof
            )
        if shortage.view.sockets and not shortage.view.coverage.sockets:
            return judge(doubts, proof, other_cause=say("no connection is open that could be lent"))
        return judge([*doubts, say("without a socket table the lent connections are not seen")], proof)
    if shortage.busy:
        others = plural(len(shortage.busy), "thread that does something else", "threads that do something else")
        doubts.append(say("{others} may still work on a response", others=others))
    return judge(
        doubts,
        say(
            "Two independent artifacts: the stacks show the wait and nobody who reads, the sockets {connections} ({states}) that an idle pool would have lent.",
            connections=plural(len(rows), "connection"),
            states=states_in_words(rows),
        ),
    )


def is_own(shortage: Shortage, rows: tuple[Connection, ...]) -> bool:
    """True if the connections lead back to this process."""
    return any(pair.near in rows for pair in shortage.view.pairs)


def states_in_words(rows: tuple[Connection, ...]) -> str:
    """``3 CLOSE_WAIT, 1 ESTABLISHED``."""
    return joined(", ", (say("{count} {state}", count=count, state=state) for state, count in states(rows).items()))

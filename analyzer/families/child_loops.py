"""An event loop that waits for the end of a child process: nothing else runs until the child ends, and the list of processes says what the child waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.child_chains import ChildChain, child_chain, program
from analyzer.evidence.citations import of_threads
from analyzer.model.finding import Confidence, Culprit, Evidence, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import application_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.evidence.movement import Standing
    from analyzer.evidence.multiples import Multiple
    from analyzer.model.finding import Finding
    from analyzer.model.message import Message
    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import ProcessView

TEXT: Final = Text(
    "event-loop-blocked",
    headline="The event loop waits for the end of a child process{called}{child}: until then it serves nobody.",
    explanation="A call that starts a program and waits for it, as execSync and spawnSync do, stops the only thread that answers requests, timers and signals' handlers, too.{chain}{asks}",
    why=Either(
        "asks",
        "The stack shows the wait, the list of processes the children, and the kernel's stack what the last of them reads.",
        Either("chain", "The stack shows the wait, and the list of processes the children.", "The stack shows the wait."),
    ),
    do=(
        Do(
            When.NOW,
            "Answer the question in that terminal, or end the child: the loop goes on when it ends.",
            "ls -l /proc/{youngest}/fd; tr '\\0' ' ' < /proc/{youngest}/cmdline; kill {youngest}",
            on="asks",
        ),
        Do(
            When.NOW,
            "See what the child waits for; the loop goes on when it ends.",
            "ps -eo pid,ppid,tty,stat,wchan:24,etime,args --forest",
            on="unasked",
        ),
        Do(
            When.FIX,
            "Start the program without waiting for it (exec, spawn, execFile with a callback or a promise), and give it a time limit.",
        ),
        Do(
            When.PREVENT,
            "Give children no terminal to ask: close their input (stdio: ['ignore', …]), and let them fail instead (for ssh BatchMode=yes, for git GIT_TERMINAL_PROMPT=0).",
        ),
    ),
    chain=(
        ("the event loop", "waits for the end of", "{first}"),
        ("{last}", Either("asks", "waits for somebody to type", "has not ended"), ""),
    ),
    phrases={
        "called": Either("frame", ", called from {frame}"),
        "child": Either("asks", ", and {last} (pid {youngest}) waits for somebody to type at its terminal"),
        "chain": Either("rows", " Its children: {rows}."),
        "asks": Either(
            "asked",
            " {last} reads from a terminal ({channel}): it asks for something, such as a password, or whether a host that it does not know may be trusted.",
        ),
        "stand": "the event loop waits for a child process",
    },
)


def finding(
    view: ProcessView, pool: Pool, blocked: Sequence[ThreadActivity], still: Standing | None, more: Multiple | None = None
) -> Finding:
    """One for the loop, with its children where they are listed."""
    chain, frame = child_chain(view), application_frame(*blocked[0])
    own = frame is not None and not frame.cls.startswith("node::")
    asks = chain is not None and chain.asks
    text = TEXT.filled(
        view.process,
        frame=frame if own else None,
        asks=asks,
        asked=asks,
        unasked=not asks,
        chain=chain is not None,
        rows=chain.in_words if chain is not None else None,
        youngest=chain.youngest.pid if chain is not None else None,
        first=program(chain.rows[0]) if chain is not None else say("a child process"),
        last=program(chain.youngest) if chain is not None else say("the child"),
        channel=_channel(chain) if chain is not None else None,
    )
    stands = of_threads(blocked, text["stand"])
    children = (
        _shown(chain, say("{last} sleeps in {channel}", last=program(chain.youngest), channel=_channel(chain))) if chain is not None else ()
    )
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if chain is not None or still is not None else Confidence.SUSPECTED,
        evidence=(stands, *children, *((more.evidence,) if more is not None else ())),
        chain=text.steps((stands,), children),
        culprit=Culprit(pool=pool.name, frame=str(frame) if own else None),
    )


def _channel(chain: ChildChain) -> str | None:
    return chain.task.wait_channel if chain.task is not None else None


def _shown(chain: ChildChain, sleeps: Message) -> tuple[Evidence, ...]:
    rows = tuple(Evidence(row.where, row.command) for row in (chain.rows[0], chain.youngest)[: len(chain.rows)])
    return (*rows, Evidence(chain.task.where, sleeps)) if chain.task is not None else rows

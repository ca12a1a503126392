"""Tasks wait for subtasks that are queued on their own full pool.

Looks for: a pool of which every thread runs a task that waits for the result of another task, while no pool of the process runs any task of
the code that waits. The subtasks can only be in the pool's own queue, and no thread is left to take them.

Why it matters: it is a deadlock without a lock: no detector reports it, nothing times out, and whoever waits for this pool's results stops
too. It needs as many outer tasks at once as the pool has threads, so it can lie in wait for months.

Do next: run the subtasks in a pool of their own, or in the calling thread (ThreadPoolExecutor.CallerRunsPolicy does so only when the queue is
bounded), or compose the futures instead of waiting for them. A larger pool only moves the moment.

Wrong when: the result comes from elsewhere (an asynchronous client completes a CompletableFuture without a waiting thread, a message counts a
latch down), or the subtask was dropped by a discarding policy. Pools of one or two threads are not judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import judge
from analyzer.contention.tasks import Starved, starved
from analyzer.evidence.calls import kind_in_words
from analyzer.evidence.chosen_threads import chosen, few_threads
from analyzer.evidence.citations import of_threads
from analyzer.families import blocked_threads, starved_workers
from analyzer.model.finding import Confidence, Evidence, Finding, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = ("self-call-starvation", "mutual-call-starvation", "slow-backend", "database-read-hang")
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("What the threads wait for is queued behind them."))
CLEAN: Final = say("no pool is full of tasks that wait for tasks of their own pool")
NO_TASK: Final = say("a message from outside, or a task that was never submitted, could be what they wait for")
INFERRED: Final = say(
    "A dump does not name the pool behind a future. That it is the same one rests on the absence of any thread that runs such a task."
)
TEXT: Final = Text(
    "nested-task-starvation",
    headline=Either(
        "stranger",
        "Every thread of {name} waits for a task: one that is queued behind them, or one that {stranger} has not finished.",
        Either(
            "plain",
            "Every thread of {name} waits for a task that only {name} could run.",
            "Every thread of {name} waits for a result: of a task that is queued behind them, or one that nobody makes.",
        ),
    ),
    explanation="{count} wait in {kind_in_words}, called from {frame}, and are tasks of this pool themselves. {whose}{behind}{clients}{forever}",
    do=(
        Do(When.NOW, "Restart the process: no thread of the pool comes back by itself.", "jstack -l {starving_pid} > jstack.txt"),
        Do(
            When.FIX,
            "In {frame}: hand the subtasks to a second pool, or run them in the calling thread, or compose the futures (thenCombine, allOf) instead of waiting.",
        ),
        Do(
            When.PREVENT,
            "Never wait inside a pool for a task of the same pool; give every get a timeout, and bound the pool's queue with CallerRunsPolicy.",
        ),
    ),
    phrases={
        "run": "{threads} of {name} run a task and wait in {kind_in_words}",
        "whose": Either(
            "stranger",
            "If what they wait for is queued in the same pool, it never comes. If {stranger} runs it, that pool is the one to look at.",
            Either(
                "plain",
                "No thread of the process runs what they wait for: it is queued behind them.",
                "No thread of the process is seen to make what they wait for. If it is a task of the same pool, it is queued behind them and never comes.",
            ),
        ),
        "forever": Either("stranger", "", Either("plain", " It never ends without a restart.")),
    },
    figures=(("0", "threads left for the subtasks"),),
    ask=(
        Ask(
            "socket table with owners",
            "whether the calls go to the server's own port or to another service",
            "ss -tanpoei > ss.txt; lsof -nP -p {pid} > lsof.txt",
            on="unseen",
        ),
        Ask(
            "queue of the pool",
            "whether the subtasks wait in the pool's own queue",
            "jcmd {pid} GC.heap_dump queue.hprof",
            on="doubted",
        ),
    ),
    chain=(("{name}", "waits for a result of", "{count} in {kind_in_words}"), ("{name}", "has no thread left for", "the queued subtasks")),
)


PICKED: Final = Text(
    "nested-task-starvation",
    headline="{count} are tasks of {name} and wait for other tasks in {kind_in_words}: a pool that waits for itself, if these are queued behind them.",
    explanation="{count} wait{unlimited} in {kind_in_words}, called from {frame}, and are tasks of a pool themselves. If what they wait for is queued in the same pool and none of its threads is free, it never comes. If another pool runs it, that pool is the one to look at.",
    why="The stack shows a task that waits for tasks. Which pool these were given to, and whether all its threads wait, is not in the evidence.",
    do=(
        Do(
            When.NOW,
            "Save the whole dump: do all threads of {name} wait so, and does any thread run what they wait for?",
            "jstack -l {pid} > jstack.txt",
        ),
        Do(
            When.FIX,
            "In {frame}: hand the subtasks to a second pool, or run them in the calling thread, or compose the futures (thenCombine, allOf) instead of waiting.",
        ),
    ),
    ask=(
        Ask("rest of the thread dump", "whether any thread runs what these tasks wait for", "jstack -l {pid} > jstack.txt"),
        Ask("queue of the pool", "whether the subtasks wait in the pool's own queue", "jcmd {pid} GC.heap_dump queue.hprof"),
    ),
    chain=(("{name}", "waits for a result of", "{count} in {kind_in_words}"), ("the pool of the subtasks", "does not deliver", "")),
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pool that waits for itself."""
    for pool in starved(case, common=False):
        if pool.noteworthy:
            yield _finding(pool)
        elif pool.few and pool.named and chosen(case, pool.view):
            yield _of_picked(pool)
    yield from starved_workers.suspicions(case)


def _of_picked(starving: Starved) -> Finding:
    """The suspicion that one or two tasks raise which somebody picked out of a dump."""
    text = PICKED.filled(
        starving.view.process,
        name=starving.pool.name,
        **blocked_threads.words(starving),
        kind_in_words=kind_in_words(starving.members),
        unlimited="" if any(member.activity.timed for member in starving.members) else say(", without a timeout,"),
        frame=starving.site,
    )
    waiting = of_threads(starving.members, say("{tasks} for tasks", tasks=plural(len(starving.members), "task waits", "tasks wait")))
    judged = Confidence.SUSPECTED, text.said(PICKED.why)
    return blocked_threads.finding(starving, text, judged, (waiting,), ((waiting,),), doubts=(few_threads(),))


def _finding(starving: Starved) -> Finding:
    pool, frame = starving.pool, starving.frame
    judged = _judge(starving)
    text = TEXT.filled(
        starving.view.process,
        name=pool.name,
        stranger=starving.strangers[0].name if starving.strangers else None,
        **blocked_threads.words(starving),
        unseen=not starving.view.sockets,
        plain=starving.plain and not starving.view.coverage.threads,  # another pool may be among the threads that are not here
        doubted=judged[0] is not Confidence.CERTAIN,
        kind_in_words=kind_in_words(starving.members),
        frame=frame,
        behind=""
        if not starving.before or starving.serving is None
        else say(
            " {request_thread} of {name} wait for their results.",
            request_thread=plural(len(starving.serving.waiters), "request thread"),
            name=starving.serving.pool.name,
        ),
        starving_pid=starving.pid,
        threads=plural(len(starving.members), "thread"),
    )
    waiting = of_threads(starving.members, text["run"], INFERRED)
    return blocked_threads.finding(starving, text, judged, (waiting, *_callers(starving)), ((waiting,),), loop=True)


def _judge(starving: Starved) -> tuple[Confidence, str]:
    proof = say("Every thread of the pool runs a task and waits for a result, and no thread of the dump runs code that could deliver it.")
    doubts = list(starving.doubts)
    if starving.strangers:
        other = say("{name} runs tasks too, and a dump does not name the pool behind a future", name=starving.strangers[0].name)
        return judge(doubts, proof, other_cause=other)
    if not starving.plain:
        return judge(doubts, proof, other_cause=NO_TASK)
    if not starving.named:
        doubts.append(say("what they wait for need not be a task"))
    if not starving.view.sockets:
        doubts.append(say("there is no socket table that shows what clients suffer"))
    return judge(doubts, proof + (say(" The process has no outgoing connection either.") if not starving.calls_out else ""))


def _callers(starving: Starved) -> list[Evidence]:
    if not starving.before or starving.serving is None:
        return []
    waiters, name = starving.serving.waiters, starving.serving.pool.name
    said = say(
        "{threads} of {name} wait for results of {name2}", threads=plural(len(waiters), "thread"), name=name, name2=starving.pool.name
    )
    return [of_threads(waiters, said)]

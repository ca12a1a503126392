"""The log cannot be written, and every thread that logs waits.

Looks for: threads that wait inside a logging framework (log4j, logback, java.util.logging) for its appender's lock or for room in its queue, or to
print to the console, and the one that writes: in FileOutputStream.writeBytes, or in a socket.

Why it matters: logging is on the way of every request. When standard output is a pipe that nobody reads, the disk is full or slow, or a log
server does not take its bytes, the whole server stops although nothing of its own is wrong.

Do next: see where the descriptor leads (ls -l /proc/PID/fd) and make whoever should read it read; free the disk. Then log through an
asynchronous appender that drops lines when its queue is full, and not to standard output of a process whose parent may stall.

Wrong when: one dump caught a burst of log lines: then the writer moves, and another thread writes in the next dump. Which end is slow (pipe, disk,
NFS) is not in the stacks; only the descriptor tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import judge
from analyzer.contention.log_appenders import LogQueue, log_queues
from analyzer.evidence.calls import kind_in_words
from analyzer.evidence.citations import of_threads
from analyzer.families import blocked_threads
from analyzer.model.finding import Confidence, Finding, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, ByNumber, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = ("java-deadlock",)
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The threads go on when the log is written again."))
CLEAN: Final = say("no queue of threads behind a log appender")
TEXT: Final = Text(
    "logging-stall",
    headline="{count} wait{locked} to write a log line: {what}.",
    explanation="The threads that wait log in {site}.{end}{clients} The threads go on as soon as the bytes are taken{by_the}.",
    do=(
        Do(When.NOW, "Let {reader} go on, which is stopped: the threads go on by themselves.", "kill -CONT {reader_pid}", on="stopped"),
        Do(
            When.NOW,
            "See where the log goes, and make its reader read or its disk take bytes: the threads go on by themselves.",
            "ls -l /proc/{pid}/fd; df -h",
            on="near",
        ),
        Do(
            When.NOW,
            "Find who has the other end of the pipe, and why it does not read: the threads go on by themselves when it does.",
            "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -F '{pipe}'; lsof -nP | grep FIFO",
            on="pipe",
        ),
        Do(When.NOW, "Look why {inside} does not return: the threads go on when it does.", on="inside"),
        Do(
            When.NOW,
            "Look at {remote}: why does it not read? The threads go on as soon as it does. ss -tnoi tells a closed window from a lost path.",
            "ss -tnoi dst {host}",
            on="far",
        ),
        Do(
            When.FIX,
            "Keep what the appender's own client logs out of that appender (a logger of its own for its package, to a file or to nothing), and give its send a short time limit.",
            on="needed",
        ),
        Do(
            When.FIX,
            "Log through an asynchronous appender that drops lines when its queue is full (logback: neverBlock=true, log4j 2: AsyncQueueFullPolicy=Discard).",
        ),
        Do(When.PREVENT, "Do not log to standard output of a process whose parent may stop reading; log less on the way of every request."),
    ),
    figures=(("{writers}", "thread that writes"),),
    ask=(
        Ask("descriptors of the process", "whether the log goes to a pipe, a disk or NFS", "ls -l /proc/{pid}/fd; df -h", on="unseen"),
        Ask("thread dump with lock owners", "which thread holds the appender's lock", "jstack -l {pid} > jstack.txt", on="doubted"),
    ),
    chain=(("{pool_name}", "waits to log behind", "{count}, called from {site}"), ("{who}", "waits for", "{end_of_wait}")),
    phrases={
        "by_the": Either("pipes", " by the reader of the pipe"),
        "what": Either(
            "remote",
            "“{writer}” is writing to {remote}, which does not take the bytes",
            Either(
                "inside",
                "“{writer}”, which writes for all of them, is in {inside}{stays}{cycle}",
                Either("writer", "“{writer}” is writing{onto}, in {where}{stays}{behind}", "who writes is not in the dump"),
            ),
        ),
        "stays": Either("stands", ", and does not come back"),
        "cycle": Either(
            "needed",
            ", as “{needed}”, the client's own thread, waits to log a line itself: each waits for the other, until a time limit ends one of the waits",
        ),
        "end": Either(
            "reader",
            " Standard output is a pipe, and {reader}, which has to read it, {reads_not}.",
            Either("pipes", " Standard output is a pipe: whoever should read it does not."),
        ),
        "reads_not": Either("stopped", "is stopped", "does not"),
        "behind": Either(
            "stopped",
            ", as {reader} at the other end of the pipe is stopped",
            Either(
                "reader",
                ", as {reader} at the other end of the pipe does not read",
                Either("pipes", ": that is a pipe, and whoever should read it does not"),
            ),
        ),
        "who": Either("writer", "“{writer}”", "the writer"),
        "end_of_wait": Either(
            "pipes",
            Either("reader", "{reader}, the reader of its pipe", "the reader of the pipe behind standard output"),
            Either("remote", "{remote}", "the end of a write{in_}"),
        ),
        "locked": Either("lock", " for the lock of {lock}"),
        "onto": Either("standard", " to standard output", Either("console", " to the console (standard output)")),
        "in_": Either("where", ", in {where}"),
        "waits": ByNumber(
            "waiting", "{threads} waits to write to the log or the console", "{threads} wait to write to the log or the console"
        ),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose threads wait to log."""
    return map(_finding, log_queues(case))


def _finding(found: LogQueue) -> Finding:
    blocked, writer, pipes, reader = found.blocked, found.writer, found.pipes, found.reader
    judged = _judge(found)
    unread = next((pipe.target for pipe in pipes if pipe.target.startswith("pipe:[")), None) if reader is None else None
    text = TEXT.filled(
        blocked.view.process,
        **blocked_threads.words(blocked),
        threads=plural(len(blocked.members), "thread"),
        waiting=len(blocked.members),
        writer=found.name,
        writers="1" if writer is not None else "0",
        where=kind_in_words((writer,)) if writer is not None else None,
        pipes=pipes,
        reader=reader.name if reader is not None else None,
        reader_pid=reader.file.pid if reader is not None else None,
        stopped=reader is not None and reader.stopped,
        remote=found.remote,
        standard=found.standard,
        console=found.console,
        lock=found.lock_class,
        inside=found.inside.call if found.inside is not None else None,
        needed=found.needed.thread.label if found.needed is not None else None,
        far=found.remote,
        near=found.remote is None and found.inside is None and not (reader is not None and reader.stopped) and unread is None,
        pipe=unread,
        host=found.remote.host if found.remote is not None else None,
        unseen=not pipes and found.remote is None and found.inside is None,
        stands=blocked.lasting or blocked.suffering or found.lasts or (reader is not None and reader.stopped),
        doubted=judged[0] is not Confidence.CERTAIN and not found.named,
    )
    waiting = of_threads(blocked.members, text["waits"])
    ends = tuple(found.ends())
    culprit = blocked.culprit(blocked.frame, thread=found.name, lock=found.lock)
    return blocked_threads.finding(blocked, text, judged, (waiting, *ends), ((waiting,), ends), culprit=culprit, lasts=found.lasts)


def _judge(found: LogQueue) -> tuple[Confidence, str]:
    doubts = list(found.blocked.doubts)
    if found.writer is None:
        burst = say("no thread is seen to write: a burst of log lines looks the same for a moment")
        return judge(doubts, say("The dump shows the wait."), other_cause=burst)
    to_pipe = say(", and the descriptors that it writes to a pipe") if found.pipes else ""
    to_far = say(", and the sockets the bytes that the far end does not take") if found.remote is not None else ""
    proof = say("The stacks show the waiters and the one thread that writes{and_the}.", and_the=to_pipe or to_far)
    if found.pipes and found.blocked.suffering:
        proof += say(" Clients have given up meanwhile.")
    elif not found.named and found.remote is None:
        doubts.append(say("no lock line names the writer as the owner of the lock"))
    return judge(doubts, proof)

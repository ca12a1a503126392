"""A child process keeps the connections of its parent open: one socket, two owners, or only the wrong one.

Looks for: connections in CLOSE_WAIT that two processes hold (one inode, two pids), where the second is another program than the first. Or, after the
parent closed its own: a listener that two programs hold, one of which serves its connections, while the other one has only some in
CLOSE_WAIT.

Why it matters: when the parent closes its descriptor the connection stays open, because the child has one too. The peer waits for a FIN
that does not come, and the parent's code looks correct. An inherited listener also keeps the port taken after the parent has ended.

Do next: open sockets with close-on-exec (SOCK_CLOEXEC; the JDK does), or close descriptors before exec. Ending the child ends the connections.

Wrong when: the processes share sockets on purpose (worker processes of nginx, PostgreSQL or PHP, socket activation): these run the same
program, or the one that shares the listener serves nothing itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.evidence.inherited import Inherited, inherited
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case
    from parsers.records import Owner

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("The socket is free only when the process that inherited it ends."))
CLEAN: Final = say("no connection in CLOSE_WAIT is held by two programs")
TEXT: Final = Text(
    "inherited-fd",
    headline="{child} holds {connections} of {parent} open.",
    explanation=Either(
        "closed",
        "{connections} in CLOSE_WAIT have two owners, {parent} and {child}: the second inherited the descriptors when it was started. Even if the first closes them, the peer gets no FIN before the second ends.",
        "{connections} in CLOSE_WAIT on port {port} belong to {child} alone, which serves nothing there: {parent} does, and both hold the listener. So {child} inherited the descriptors when it was started; {first_command} has closed its own since, and the peer gets no FIN before the other ends.",
    ),
    why=Either(
        "closed",
        "The table shows both owners of the same sockets. Which of them should have closed needs the program.",
        "The table shows who serves the port and who only keeps. That the one started the other, its parent's pid shows (ps -o pid,ppid,comm).",
    ),
    do=(
        Do(When.NOW, "End {child} if it can be spared: its descriptors go with it.", "ls -l /proc/{second_pid}/fd"),
        Do(When.FIX, "Open sockets close-on-exec (SOCK_CLOEXEC, FD_CLOEXEC), or close descriptors above 2 between fork and exec."),
    ),
    figures=(("{group_count:,}", Either("closed", "connections with two owners", "connections that {command} keeps")),),
    chain=(("{parent}", "starts with its descriptors open", "{child}"), ("{child}", "keeps open", "{connections}")),
    phrases={
        "shown": "the listener is held by {parent} and {child}",
        "group": Either("closed", "{connections} held by {parent} and {child}", "{connections} to port {port} held by {child} alone"),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pair of processes."""
    return map(_finding, inherited(case))


def _finding(found: Inherited) -> Finding:
    first, second, listener = found.parent, found.child, found.listener
    marks = (str(first.pid), str(second.pid))
    text = TEXT.filled(
        Process(found.host, first.pid, first.command),
        child=_in_words(second),
        parent=_in_words(first),
        connections=plural(len(found.rows), "connection"),
        group_count=len(found.rows),
        closed=listener is None,
        port=listener.local.port if listener is not None else None,
        first_command=first.command,
        command=second.command,
        second_pid=second.pid,
    )
    shown = of_sockets(found.rows, text["group"], marks)
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        evidence=(shown, *([of_sockets([listener], text["shown"], marks)] if listener is not None else [])),
        chain=text.steps((shown,)),
        culprit=Culprit(library=second.command, listener=f"*:{listener.local.port}" if listener is not None else None),
    )


def _in_words(owner: Owner) -> str:
    return say("{command} (pid {pid})", command=owner.command, pid=owner.pid)

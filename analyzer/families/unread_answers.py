"""Connections that a process opened, whose answers have come and that nobody reads: the leak of a response before the service closes its side.

A body that is larger than the kernel's buffer keeps the service from closing: no row is in CLOSE_WAIT, and bytes lie unread. A service that is slow, or
an idle pool, leaves nothing unread; an answer that is being read is not read a moment later.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.evidence.held_answers import held_answers
from analyzer.model.finding import Confidence, Culprit, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, Do, Text
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import Endpoint

TEXT: Final = Text(
    "connection-leak",
    headline="{who} keeps {connections} to {remote} whose answers nobody reads: responses that were not closed.",
    explanation="{connections} to {remote} hold {bytes_count:,} bytes that have come and that nobody reads. {held} The service cannot close its side before they are read, so the rows are not in CLOSE_WAIT yet; each keeps a descriptor here and a connection there.",
    do=(
        Do(
            When.NOW,
            "See how far the limit of descriptors is; restart before it is reached.",
            "ls /proc/{pid}/fd | wc -l; grep 'open files' /proc/{pid}/limits",
        ),
        Do(
            When.FIX,
            "Read or close every answer of {remote} in all paths, also where only its status counts (Go: defer resp.Body.Close(); Node: res.resume()).",
        ),
        Do(When.PREVENT, "Set a limit for the whole call on the client (Go: http.Client.Timeout): it closes what is forgotten."),
    ),
    figures=(("{number:,}", "answers to {remote} that nobody reads"),),
    ask=(Ask("second socket table, some minutes later", "whether the sockets to {remote} grow", "lsof -nP -a -i -p {pid} > lsof-2.txt"),),
    chain=(("{remote}", "has answered on", "{connections}"), ("{who}", "never reads", "the answers")),
    phrases={"shown": "{connections} to {remote} with an answer that nobody has read"},
)


def unread_answers(case: Case) -> Iterator[Finding]:
    """One per process and service, where the runtime's own stacks say that the answers were taken and put aside."""
    for view in case.latest:
        groups: dict[Endpoint, list[Connection]] = defaultdict(list)
        for row in view.client_side.of(TcpState.ESTABLISHED):
            if row.recv_q and row.remote is not None:
                groups[row.remote].append(row)
        for remote, rows in sorted(groups.items()):
            held = held_answers(view, rows)
            if held is None:
                continue
            text = TEXT.filled(
                view.process,
                who=view.command or say("The process"),
                connections=plural(len(rows), "connection"),
                remote=remote,
                bytes_count=sum(row.recv_q or 0 for row in rows),
                held=held.why,
                number=len(rows),
            )
            shown = of_sockets(rows, text["shown"], (str(rows[0].recv_q),))
            yield text.finding(
                severity=Severity.WARNING,
                confidence=Confidence.LIKELY,
                evidence=(shown, held.evidence),
                why_confident=say("Sockets and stacks agree. Not certain: one moment, in which answers may be about to be read."),
                chain=text.steps((shown,), (held.evidence,)),
                culprit=Culprit(remote=str(remote)),
            )

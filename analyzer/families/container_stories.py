"""What the exit code of a container lets one suspect: the code tells the signal, and not who sent it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.families.story import Story
from analyzer.model.finding import Outlook, RecoversWhen
from analyzer.model.message import say
from parsers.records import LogKind

if TYPE_CHECKING:
    from parsers.records import LogEvent

_LOOK: Final = "kubectl get events -A --sort-by=.lastTimestamp | grep -iE 'unhealthy|killing|oom'; journalctl -k | grep -i -E 'oom|killed process'; journalctl -u kubelet | grep -iE 'liveness|killing'"
_AGAIN: Final = Outlook(RecoversWhen.UNKNOWN, say("The container is started again; what ended it may come back."))
STORIES: Final = {
    LogKind.SIGKILLED: Story(
        "pool-stuck",
        say(
            "Exit code 137 is 128 + 9: the container was ended with SIGKILL, and wrote no last words. Two senders are usual, and the code is the same: the kernel when memory runs out, of the container or of the node, and the kubelet when the liveness probe got no answer in time several times and the program did not end within the grace period (30 s by default) after SIGTERM. The reason here is not OOMKilled, which speaks against a limit of memory and does not exclude it: where only a child was killed, or the node ran out, it may be missing."
        ),
        say(
            "See which of the two it was: events of the next restart (they are kept for an hour), the kernel's log and the kubelet's log of the node."
        ),
        _LOOK,
        say(
            "Where it was the probe: see what the program does while it does not answer, give the probe a longer timeout, and answer it apart from the work. Where it was memory: find which job needs so much, before the limit is raised."
        ),
        say("was ended with SIGKILL"),
        say(": the kernel for want of memory, or the kubelet after a failed liveness probe"),
        say("The exit code tells the signal; who sent it, it does not say."),
        outlook=_AGAIN,
    ),
    LogKind.SIGTERMED: Story(
        "pool-stuck",
        say(
            "Exit code 143 is 128 + 15: the container was asked to end with SIGTERM, and ended. The kubelet asks so after failed liveness probes, before it removes a pod (a rollout, a drained node) and when the node shuts down; a supervisor inside of the container may ask, too. Memory that ran out ends a container with SIGKILL (137), and an error of the program with a code of its own."
        ),
        say("See who asked: the events of the pod, and the kubelet's log of the node at that second."),
        _LOOK,
        say(
            "Where it was the probe: see what the program does while it does not answer. Where it was a rollout or a drained node, nothing is wrong."
        ),
        say("was asked to end"),
        say(": the kubelet asks so after failed liveness probes, and before it removes a pod"),
        say("The exit code tells the signal; who sent it, it does not say."),
        outlook=_AGAIN,
    ),
}


def tail_of(event: LogEvent) -> str:
    """The two that may have sent the signal, with the timeout of the probe where the lines name it."""
    seconds = event.figure("probe") if event.kind is LogKind.SIGKILLED else None
    return (
        say(
            ": the kernel for want of memory, or the kubelet after its liveness probe failed, which has a timeout of {seconds:g} s",
            seconds=seconds,
        )
        if seconds is not None
        else ""
    )

"""What is known against the process that another one waits for: one of the same host that listens on the port of the wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.judge.subject import owner_of
from analyzer.model.finding import Severity
from analyzer.model.message import say, unended
from parsers.text.endpoint import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding


def far_cause(finding: Finding, findings: Sequence[Finding]) -> Finding | None:
    """The finding about the listener that ``finding`` waits for, of another process of its host; None if nothing is known against it."""
    end = endpoint(finding.culprit.remote or "")
    if end is None or not end.is_loopback or finding.process is None:
        return None  # the address of another host: the port alone names no process
    for other in findings:
        near, far = owner_of(finding), owner_of(other)
        listens = (other.culprit.listener or "").rpartition(":")[2] == str(end.port)
        if (
            listens
            and other.severity is not Severity.INFO
            and near[0] == far[0]
            and far[1] not in {None, near[1]}
            and not _waits_back(other, finding)
        ):
            return other
    return None


def _waits_back(far: Finding, near: Finding) -> bool:
    """True if the far process waits for the near one in turn: neither is the cause."""
    port = (near.culprit.listener or "").rpartition(":")[2]
    return bool(port) and (far.culprit.remote or "").rpartition(":")[2] == port


def behind(primary: Finding, findings: Sequence[Finding]) -> Iterator[str]:
    """A sentence about what is known of the process that the verdict's finding waits for, where that is less sure than the wait itself."""
    far = far_cause(primary, findings)
    if far is not None and far.process is not None:
        yield say("Of that process {finding} says: {headline}.", finding=far.id, headline=unended(far.headline))

r"""How a container ended, as ``kubectl describe pod`` and the status of ``kubectl get pod -o yaml`` or ``-o json`` say.

        Last State:     Terminated
          Reason:       Error
          Exit Code:    137
        Restart Count:  4
        Liveness:       http-get http://:8080/live delay=5s timeout=1s period=10s #success=1 #failure=3

137 is 128 + 9: SIGKILL, 143 is 128 + 15: SIGTERM. Who sent it the code does not say; where the reason is OOMKilled another reader tells it, and a
node that was lost has a reason of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.logs.lines import Shape
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.logs.lines import LineFact

_CODE: Final = r"^[\s>\-]{0,60}\"?[Ee]xit ?[Cc]ode\"?:\s{0,20}"
SOURCE: Final = "Kubernetes"
KINDS: Final = frozenset({LogKind.SIGKILLED, LogKind.SIGTERMED})
SHAPES: Final = tuple(
    Shape(SOURCE, kind, word, re.compile(rf"{_CODE}{code}\b,?\s*$"), loud=False)
    for kind, code in ((LogKind.SIGKILLED, 137), (LogKind.SIGTERMED, 143))
    for word in ("xit Code:", "xitCode")
)
_reason: Final = re.compile(r"[\s>\-]{0,60}\"?[Rr]eason\"?:\s{0,20}\"?(?P<reason>\w{1,60})").match
_restarts: Final = re.compile(r"[\s>\-]{0,60}\"?(?:Restart Count|restartCount)\"?:\s{0,20}(?P<number>\d{1,7})\b").match
_probe: Final = re.compile(r"\s{0,60}Liveness:\s[^\n]{1,400}?\btimeout=(?P<seconds>\d{1,5})s").match
_container: Final = re.compile(r"(?P<blanks>\s{0,60})(?P<name>[a-z0-9][a-z0-9.-]{0,62}):\s*$").match
_named: Final = re.compile(r"[\s>\-]{0,60}\"?name\"?:\s{0,20}\"?(?P<name>[a-z0-9][a-z0-9.-]{0,62})\"?,?\s*$").match
_ANOTHER: Final = frozenset({"OOMKilled", "ContainerStatusUnknown", "NodeLost", "NodeShutdown", "Terminated", "Evicted"})
"""Reasons that tell more than the code does."""
_BESIDE: Final = 4
"""Lines beside the code in which its reason stands."""
_AROUND: Final = 30
"""Lines in which the other words of the same container stand."""
_LONGEST: Final = 500


def known(fact: LineFact, lines: Sequence[str], index: int) -> LineFact | None:
    """What a line says, with the container's name, its restarts and the timeout of its probe; None where the reason tells more than the code, or nothing is wrong."""
    if fact.kind not in KINDS:
        return fact
    near = [line[:_LONGEST] for line in lines[max(0, index - _BESIDE) : index + _BESIDE + 1]]
    if any(match["reason"] in _ANOTHER for line in near if (match := _reason(line)) is not None):
        return None
    above = [line[:_LONGEST] for line in lines[max(0, index - _AROUND) : index]]
    below = [line[:_LONGEST] for line in lines[index + 1 : index + 1 + _AROUND]]
    if fact.kind is LogKind.SIGTERMED and not any(word in line for line in above[-_BESIDE:] for word in ("Last State", "lastState")):
        return None  # a pod that was removed was asked to end, as it should be
    figures: list[tuple[str, float]] = []
    described = "xit Code:" in lines[index]
    if (restarts := next((match for line in below if (match := _restarts(line)) is not None), None)) is not None:
        figures.append(("restarts", float(restarts["number"])))
    if described and (probe := next((match for line in below if (match := _probe(line)) is not None), None)) is not None:
        figures.append(("probe", float(probe["seconds"])))
    name = (
        _heading(above, lines[index]) if described else next((match["name"] for line in below if (match := _named(line)) is not None), None)
    )
    return fact._replace(subject=name, figures=tuple(figures))


def _heading(above: Sequence[str], line: str) -> str | None:
    """The container's name, which stands alone above its words and less indented."""
    width = len(line) - len(line.lstrip())
    names = (match["name"] for one in reversed(above) if (match := _container(one)) is not None and len(match["blanks"]) < width)
    return next(names, None)

"""Where the evidence comes from, by all of it: the runtime of the process, its pid, and what the words around pasted outputs say of them.

    Node 16.14, express, behind ingress-nginx
    py-spy on both children gives the same
    this time I took a jstack right after the restart

Advice that a runtime cannot follow is none: so a name of a command, a log's shape, a prompt and a word of the report count alike. What two of them
contradict is not known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.software.runtimes import OF_LOGS, runtime_of_command
from parsers.records import BESIDE, Counted, Pid, Runtime, Where
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

_SMALL: Final = 100_000
"""Bytes of a text that somebody wrote around outputs; a larger file is an output."""
_LINES: Final = 1500
_STEP: Final = 5
"""Lines that are fetched at once: of more an excerpt leaves some out."""
_LONGEST: Final = 400
_KERNELS: Final = frozenset({0, 4})
"""Windows' own pids: sockets of no process stand under them."""
_WORDS: Final = {
    Runtime.NODE: r"node\.?js|node v?\d{1,2}\b|\bnpm\b|\bnode [\w./-]{1,60}\.m?js\b|\bnode \(?express\b|\bhttp\.createServer\(|\bapp\.listen\(",
    Runtime.PYTHON: r"\bpython ?(?:[23]\b|\d\.\d)|\bpython\d|\bdjango\b|\bflask\b|\bgunicorn\b|\buvicorn\b|\bcelery\b|\bfastapi\b|\bpy-spy\b",
    Runtime.RUBY: r"\bruby\b|\brails\b|\bpuma\b|\bsidekiq\b",
    Runtime.PHP: r"\bphp(?:\d(?:\.\d)?)?-fpm\b|\bphp ?\d|\blaravel\b|\bsymfony\b",
    Runtime.GO: r"\bgolang\b|\bgo ?1\.\d{1,2}\b|\bgoroutines?\b",
    Runtime.DOTNET: r"(?<![\w.])\.net (?:core|framework|\d)|\bdotnet\b|\basp\.net\b|\bnet4\d{1,2}\b|\bw3wp\b|\bnetcoreapp",
    Runtime.JVM: r"\bjava\b|\bjvm\b|\bopenjdk\b|\bjdk ?-?\d|\btomcat\b|\bjetty\b|\bjboss\b|\bwildfly\b|\bspring boot\b|\bjstack\b|\bjcmd\b|\bjps\b|\bcatalina\b|\bweblogic\b",
    Runtime.ERLANG: r"\berlang\b|\belixir\b|\bbeam\.smp\b|\brabbitmq",
}
"""Words by which people call a runtime and what runs on it alone."""
_words = lazy("|".join(f"(?P<{runtime.name}>{words})" for runtime, words in _WORDS.items()), flags=re.IGNORECASE).finditer
_framework = lazy(r"\bnet4\d{1,2}\b|(?<![\w.])\.net framework\b|(?<![\w.])\.net 4\.\d", flags=re.IGNORECASE).search
_pids = lazy(
    r"(?:(?<![\w-])(?:-p|--pid|-pid)[ =]{0,3}|/proc/|\b(?:jstack|jcmd|pstack|pfiles|pmap|truss -p|kill -(?:3|QUIT))(?: -[a-z]){0,2} )(?P<pid>\d{1,10})\b"
).finditer
_restarted = lazy(
    r"\b(?:right |directly |immediately |just |shortly |short |minutes |seconds )?(?:after|since|following) (?:(?:the|a|that|this|our|its|we|i|my|it|was|had|have|have to) ){0,3}(?:last )?re-?start(?:ed)?\b",
    flags=re.IGNORECASE,
).search
_took = lazy(
    r"\b(?:took|taken|take|made|captured|collected|got|is|are|was|were)\b[^.\n]{0,60}\b(?:jstack|dump|dumps|stacks?|trace|netstat|ss|table|output|outputs|this|these|it)\b"
    r"|\b(?:jstack|dump|dumps|stacks?|traces?|netstat|table|outputs?)\b[^.\n]{0,60}\b(?:took|taken|made|captured|collected|is|are|from|of)\b",
    flags=re.IGNORECASE,
).search
_denied = lazy(
    r"\b(?:not|never|before|again|until|if|when|happens|hangs|came back|same)\b|n't\b|\d{1,4} ?(?:h|hours?|days?|weeks?)\b",
    flags=re.IGNORECASE,
).search
_PROXIES: Final = frozenset({Runtime.NATIVE})
"""Servers that stand in front of an application, which is what hangs."""


class Origin(NamedTuple):
    """``runtime``, ``pid``: None where nothing tells or several do; ``framework``: the old .NET of Windows; ``restarted``: it was saved after a restart.

    ``alike``: the text tells of several dumps that show the same. ``text``: the outputs and the words around them.
    """

    runtime: Runtime | None
    pid: int | None
    framework: bool
    restarted: bool
    alike: bool
    text: str


def origin_of(case: Case) -> Origin:
    """What all evidence says of the process that it comes from."""
    lines = tuple(_lines(case))
    text = "\n".join(lines)
    return Origin(
        _runtime(case, text),
        _pid(case, lines),
        _framework(text) is not None,
        any(_is_after(one) for line in lines for one in line.split(". ")),
        bool(case.counts.of(Counted.DUMPS)),
        text,
    )


def _lines(case: Case) -> Iterator[str]:
    """The lines of the texts: outputs, and the words around them."""
    for artifact in case.incident.artifacts:
        if artifact.size > _SMALL or not any(part.read or part.unread for part in artifact.parts):
            continue
        for first in range(1, _LINES, _STEP):
            found = case.text(Where(artifact.file, first, first + _STEP - 1))
            yield from (line[:_LONGEST] for line in found)
            if len(found) < _STEP:
                break


def _runtime(case: Case, text: str) -> Runtime | None:
    """The runtime that the strongest kind of evidence names alone: stacks, then commands and logs, then words."""
    snapshots = case.incident.snapshots
    dumps = {dump.runtime for snapshot in snapshots for dump in snapshot.dumps}
    if dumps:
        return dumps.pop() if len(dumps) == 1 else None
    names = {view.command for view in case.views} | {task.command for snapshot in snapshots for task in snapshot.tasks}
    names |= {tally.process for snapshot in snapshots for tally in snapshot.tallies}
    names |= {row.command for snapshot in snapshots for row in snapshot.processes}
    found = {runtime for name in names if (runtime := runtime_of_command(name)) is not None}
    events = (event for artifact in case.incident.artifacts for event in artifact.events if event.kind not in BESIDE)
    found |= {OF_LOGS[event.source] for event in events if event.source in OF_LOGS}
    said = {Runtime[match.lastgroup] for match in _words(text) if match.lastgroup is not None}
    return _only(found - _PROXIES or said or found)


def _only(found: set[Runtime]) -> Runtime | None:
    """The one that is found, a proxy in front of it apart; None for none or several."""
    own = found - _PROXIES or found
    return next(iter(own)) if len(own) == 1 else None


def _pid(case: Case, lines: tuple[str, ...]) -> int | None:
    """The only pid: of the processes whose threads are here, else of all that tables and commands name."""
    dumped = {view.process.pid for view in case.views if view.dump is not None} - {None}
    if dumped:
        return dumped.pop() if len(dumped) == 1 else None
    named = {view.process.pid for view in case.views} - {None, *_KERNELS}
    named |= {row.pid for snapshot in case.incident.snapshots for row in snapshot.processes}
    asked = {Pid(int(match["pid"])) for line in lines for match in _pids(line)} - _KERNELS
    found = named | asked
    return found.pop() if len(found) == 1 else None


def _is_after(sentence: str) -> bool:
    """True for a sentence that says that what is here was saved after a restart."""
    return _restarted(sentence) is not None and _took(sentence) is not None and _denied(sentence) is None

"""Descriptors of files that grow from list to list: files that are opened, and not closed, perhaps after they were deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.join.coverage import is_filtered
from analyzer.join.descriptors import DELETED, files_by_name, limit_evidence, usage
from analyzer.model.finding import Confidence, Culprit, Evidence, Severity, When
from analyzer.model.message import joined, say
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.descriptors import Usage
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import OpenFile

GROWTH: Final = 20
"""Descriptors of one kind by which a process must have grown: a burst of work opens some."""
TIMES: Final = 1.3
"""By how much the last list must surpass the first."""
MANY: Final = 100
"""Descriptors of one kind from which on hardly any work has so many open at once."""
TEXT: Final = Text(
    "fd-leak-without-tcp",
    headline=Either(
        "kept",
        "{command} opens files and does not close them: its descriptors of {what} grew from {first:,} to {last:,}.",
        "{command} has more and more files open: its descriptors of {what} grew from {first:,} to {last:,}.",
    ),
    explanation="{last:,} of its {used:,} descriptors are of {what}. {counts}{gone}{limit} Sockets are not what grows. A program that works on more files at once looks the same, as long as they go down again.",
    why=Either(
        "many",
        Either(
            "kept",
            "They grow from list to list, and so many are no work of a moment.",
            "They grow from list to list. A store that keeps each of its data files open grows so, too, as its data do.",
        ),
        "They grow between the lists. Few of them may be work of a moment: a third list would show.",
    ),
    do=(
        Do(
            When.NOW,
            "Count them once more, some minutes later, and see when the limit is reached.",
            "ls -l /proc/{pid}/fd | grep -c -F '{place}'",
        ),
        Do(When.NOW, "Restart before the limit is reached: it closes them, and gives the disk its space back.", on="deleted"),
        Do(
            When.FIX,
            "Find who opens files in {place}, and close them in every path, also after an error; keep no open file in a cache or a list.",
        ),
        Do(When.PREVENT, "Watch the number of open descriptors. A higher limit only delays the end."),
    ),
    figures=(("{last:,}", "descriptors of {what}"), ("{grown:,}", "more than in the first list")),
    chain=(
        ("{command}", Either("kept", "opens and does not close", "has more and more open of"), "{what}"),
        ("its descriptors", "grow", ""),
    ),
    phrases={
        "gone": Either(
            "deleted",
            " Their names are deleted, so that no folder shows them; their space on the disk is kept until they are closed (df counts it, du does not).",
        ),
        "limit": Either("soft", " The limit is {soft:,}: about {rounds} more such steps reach it."),
        "counts": "They were {list}.",
        "shown": "{last:,} descriptors of {what}",
        "before": "{first:,} before",
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One for each process, of the files that grow most."""
    for view in case.latest:
        lists = [one for one in case.history(view) if usage(one) is not None]
        cut = any(is_filtered(case.incident, found.listing.file) for one in lists if (found := usage(one)) is not None)
        if len(lists) > 1 and not cut and (used := usage(lists[-1])) is not None:
            before, after = files_by_name(lists[0]), files_by_name(lists[-1])
            grown = {name: len(files) - len(before.get(name, ())) for name, files in after.items()}
            name = max(grown, key=lambda one: grown[one], default=None)
            if name is not None and grown[name] >= GROWTH and len(after[name]) >= TIMES * len(before.get(name, ())):
                yield _finding(view, used, name, [files_by_name(one).get(name, []) for one in lists])


def _finding(view: ProcessView, used: Usage, name: str, rows: Sequence[Sequence[OpenFile]]) -> Finding:
    counts = [len(files) for files in rows]
    grown, steady = counts[-1] - counts[0], counts == sorted(counts)
    soft = used.limit.soft if used.limit is not None else None
    # Files that are deleted, and one that is open again and again, are kept by mistake; of files that exist a store may have more and more.
    many, kept = steady and counts[-1] >= MANY, name.endswith(DELETED) or len({file.target for file in rows[-1]}) == 1
    command = view.process.command or next((file.command for file in rows[-1] if file.command), None)
    text = TEXT.filled(
        view.process,
        command=command or say("The process"),
        what=name,
        place=name.removesuffix(DELETED).rpartition("/")[0],
        deleted=name.endswith(DELETED),
        first=counts[0],
        last=counts[-1],
        grown=grown,
        used=used.used,
        list=joined(", ", (say("{count:,}", count=count) for count in counts)),
        soft=soft,
        rounds=max(1, round((soft - used.used) * (len(counts) - 1) / grown)) if soft else 0,
        many=many,
        kept=kept,
        pid=view.process.pid if view.process.pid is not None else "PID",
    )
    shown = Evidence(rows[-1][0].where, text["shown"], (rows[-1][0].target,), counts[-1] - 1)
    before = (Evidence(rows[0][0].where, text["before"], (rows[0][0].target,), counts[0] - 1),) if rows[0] else ()
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if many and kept else Confidence.SUSPECTED,
        evidence=(shown, *before, *((limit_evidence(used.limit),) if used.limit is not None else ())),
        chain=text.steps((shown,)),
        culprit=Culprit(),
    )

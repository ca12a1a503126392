"""Known defects of other software that a stack looks like, as readers see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.message import plural
from reports.language.catalogue import known_issue, label_of, tell
from reports.text_safety import clip_path, plain
from reports.view.model import Known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.model.known_issue import KnownIssue

_TEXT: Final = 400
_PLACE: Final = 120


def known_views(issues: Sequence[KnownIssue]) -> tuple[Known, ...]:
    """The issues, worded."""
    return tuple(_view(issue) for issue in issues)


def _view(issue: KnownIssue) -> Known:
    note = tell(
        "{confidence}, {threads} on such a stack", confidence=label_of(issue.confidence.value), threads=plural(issue.threads, "thread")
    )
    if issue.finding is not None:
        note = tell("{note}, beside {finding}", note=note, finding=issue.finding)
    return Known(
        id=plain(issue.id, _TEXT),
        says=plain(issue.says, _TEXT),
        title=plain(known_issue(issue.title), _TEXT),
        note=note,
        workaround=plain(known_issue(issue.workaround), _TEXT),
        link=plain(issue.link, _TEXT),
        place=clip_path(plain(f"{issue.file}:{issue.first}-{issue.last}", 100_000), _PLACE),
    )

"""A message for a chat: at most five lines and 700 characters, in Slack's mrkdwn (``*bold*``, commands between backticks).

The verdict, why, what to do now with its command, the fix, and where to look. A pager shows the first line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reports.language.catalogue import tell
from reports.text_safety import BREAK, clip, clip_path, without_references
from reports.view.wording import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.view.model import View

LIMIT: Final = 700
_HEADLINE: Final = 220
_ACTION: Final = (140, 100, 60, 0)
"""Characters of an action, tried in turn."""
_COMMAND: Final = 110
_LAST: Final = 170
_SHORTEST_WHY: Final = 60
_PLACE: Final = 60
_IDS: Final = 6
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9“가-힣])")
_KINDS: Final = frozenset({"now", "fix"})


def render(view: View) -> str:
    """The message. Why it is so gets the room that the other lines leave."""
    first = f"*{_inert(view.word.upper())}* {clip(_inert(view.headline), _HEADLINE)}"
    last = _last(view)
    for longest in _ACTION:
        others = [*_actions(view, longest), last]
        room = LIMIT - len("\n".join((first, *others))) - 2
        if room >= _SHORTEST_WHY:
            break
    return "\n".join(line for line in (first, _why(view, room), *others) if line)[: LIMIT - 1] + "\n"


def _why(view: View, room: int) -> str:
    """As many whole sentences as there is room for; the first one cut where even that is too long."""
    said, *more = _SENTENCE.split(text_of(view.summary))
    text = _inert(
        " ".join(part for part in (view.rivals, said, *view.warnings[:1], *more, "" if view.cases else view.sources_note) if part)
    )
    kept = ""
    for sentence in _SENTENCE.split(text):
        longer = f"{kept} {sentence}".strip()
        if len(longer) > room:
            break
        kept = longer
    return kept or (clip(text, room) if room >= _SHORTEST_WHY else "")


def _actions(view: View, longest: int) -> Iterator[str]:
    """The first thing to do now, and the first fix; without a cause, what would decide."""
    for case in view.cases[:1]:
        for part in case.agenda:
            if part.kind in _KINDS:
                yield _action(part.when, text_of(part.todos[0].words), part.todos[0].command, longest)
    if not view.cases:
        for gap in view.missing[:1]:
            yield _action(tell("Missing"), gap.artifact, gap.command, longest)


def _action(when: str, text: str, command: str, longest: int) -> str:
    code = _code(command) if command and len(command) <= _COMMAND else ""
    said = next(iter(_SENTENCE.split(_inert(text))))
    return " ".join(part for part in (f"*{_inert(when)}:*", clip(said, longest), code) if part)


def _last(view: View) -> str:
    """Process, time and certainty, the first place to look at, and the findings' ids."""
    ids = [case.id for case in view.findings] + ([view.last_id] if view.findings_rest else [])
    told = f"{ids[0]} {view.findings[0].rule}" if len(ids) == 1 else ", ".join(ids)
    if len(ids) > _IDS:
        told = tell("findings {first} to {last}", first=ids[0], last=ids[-1])
    parts = [*view.meta, *(clip_path(proof.place, _PLACE) for case in view.cases[:1] for proof in case.proofs[:1])]
    known = clip(_inert(" · ".join(clip(part, _PLACE) for part in parts)), _LAST)
    return " · ".join(part for part in (known, told) if part)


def _code(command: str) -> str:
    """The command as it can be pasted, unless a chat would make something of it."""
    return f"`{command}`" if not re.search(r"`|@\w|<[!@#]|://", command) else _inert(command)


def _inert(text: str) -> str:
    """Without what chats turn into mentions, channels and links: ``@here``, ``<!channel>``, ``http://``."""
    return re.sub(r"<(?=[!@#\w])", "<" + BREAK, without_references(text))

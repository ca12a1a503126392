"""Fits a report into the place it goes to: what is needed least goes first, the verdict never, and the report says what is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reports.language.catalogue import tell
from reports.view.wording import listed, number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reports.view.model import View

ALWAYS = 0
"""The rank of what is never cut."""


class Block(msgspec.Struct, frozen=True):
    """A piece of a report in the part of that name. The higher the rank, the sooner it is cut; ``ALWAYS`` stays."""

    part: str
    text: str
    rank: int = ALWAYS
    tight: bool = False
    """True for an item of a list: no blank line between it and the one before it in the same part."""


def fit(blocks: Sequence[Block], limit: int, heading: Callable[[str], str], note: Callable[[str], str]) -> str:
    """The blocks in their order, at most ``limit`` characters, each part under its heading.

    Within a rank the last block goes first. Blocks of rank ``ALWAYS`` must fit by themselves; if they do not, the end is cut off.
    """
    kept = dict(enumerate(blocks))
    order = sorted((index for index, block in kept.items() if block.rank), key=lambda index: (-kept[index].rank, -index))
    cut: dict[str, int] = {}
    text = _joined(blocks, heading)
    while len(text) > limit and order:
        excess = len(text) - limit
        while order and excess > 0:
            gone = kept.pop(order.pop(0))
            excess -= len(gone.text)
            cut[gone.part] = cut.get(gone.part, 0) + 1
        said = listed([tell("{number} of “{part}”", number=number(times), part=part or tell("the rest")) for part, times in cut.items()], 6)
        last = Block(
            "", note(tell("Cut to fit {limit} characters: {said}. The html and json formats have them.", limit=number(limit), said=said))
        )
        text = _joined([*kept.values(), last], heading)
    return text if len(text) <= limit else text[: limit - 2] + "…\n"


def all_findings(view: View, limit: int) -> str:
    """Every finding's id, with its rule while that fits ``limit`` characters."""
    rest = f" {view.findings_rest}" if view.findings_rest else ""
    for listing in (
        "; ".join(f"{case.id} {case.rule} ({case.word}, {case.confidence})" for case in view.findings),
        "; ".join(f"{case.id} {case.rule}" for case in view.findings),
        ", ".join(case.id for case in view.findings),
    ):
        if len(listing) + len(rest) <= limit:
            break
    return f"{listing}.{rest}" if listing else tell("none.")


def _joined(blocks: Sequence[Block], heading: Callable[[str], str]) -> str:
    texts: list[str] = []
    part = ""
    for block in blocks:
        if not block.text:
            continue
        joint = "\n" if block.tight and block.part == part and texts else "\n\n"
        if block.part and block.part != part:
            texts.append(f"\n\n{heading(block.part)}")
        part = block.part
        texts.append(f"{joint}{block.text}")
    return "".join(texts).strip("\n") + "\n"

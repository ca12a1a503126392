"""The HTML page: one file, no script, no request to anywhere, light and dark, readable on a phone and on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from reports.formats.environment import data_block, page, style
from reports.language.catalogue import tag, tell

if TYPE_CHECKING:
    from reports.view.model import View

LIMIT = 1_000_000
"""Bytes. The view is cut so that a page stays far below; the steps in ``render`` are for what nobody foresaw."""


def render(view: View) -> str:
    """The page, at most ``LIMIT`` bytes: the embedded data goes first, then folded parts, the verdict never."""
    text = _page(view)
    if len(text.encode()) > LIMIT:
        text = _page(replace(view, data=""))
    if len(text.encode()) > LIMIT:
        text = _page(
            replace(view, data="", findings=(), findings_rest=tell("Cut: the page would be too large."), links=None, waits=None, sources=())
        )
    return text


def _page(view: View) -> str:
    return page().render(v=view, css=style(), data=data_block(view.data), language=tag())

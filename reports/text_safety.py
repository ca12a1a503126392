"""Evidence is hostile text: a client chooses request lines, a stranger chooses file names. Here it becomes inert.

``plain`` runs over every word of a view, so no renderer meets a control character. The other functions escape for one kind of markup.
"""

from __future__ import annotations

import re
import unicodedata

_ESCAPE_SEQUENCE = re.compile(
    r"""(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]                      # CSI: colours, cursor moves
      | (?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?   # OSC: window titles, links, clipboard
      | (?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)?   # DCS, SOS, PM, APC
      | \x1b[ -/]*[0-~]                                       # every other two-character sequence
    """,
    re.VERBOSE,
)
REPLACEMENT = "\ufffd"
"""Stands for a character that was taken out, so that a reader sees that something was there."""
BREAK = "\u200b"
"""Zero-width space: keeps trackers and chats from turning text into mentions and links; a backslash does not stop them."""

# Mentions and issues; references of GitLab, which need a boundary before them; addresses; emoji codes.
_REFERENCE = re.compile(r"[@#](?=\w)|(?<!\w)[!~$&%](?=\w)|:(?=//|[a-z+_-][\w+-]*:)|\b(?:www|GH)(?=[.-])|\bmailto(?=:)", re.IGNORECASE)
_MARKDOWN = re.compile(r"[\\`*_\[\]<>#|~$&]")
_MARKDOWN_START = re.compile(r"^(\s*)(?:(\d+)(?=[.)])|(?=[-+=]))")
_JIRA = re.compile(r"[\\{}\[\]|!*?^~]|(?<!\w)[-+_]|[-+_](?!\w)|(?<=[:;])[()DPp/]|&")
_JIRA_START = re.compile(r"^(\s*)(#|bq\.|h\d\.)")
_NOT_MERMAID = re.compile(r"[^\w .,:()/+'·→-]")


def plain(text: str, limit: int = 2_000) -> str:
    """The text without escape sequences, controls, direction marks and invisible characters, cut to ``limit`` characters.

    White space becomes a blank; anything else that does not print becomes U+FFFD, lone surrogates of undecodable names included.
    """
    if len(text) <= limit and text.isprintable():
        return text
    text = _ESCAPE_SEQUENCE.sub("", text[: limit * 4])
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " if char.isspace() else REPLACEMENT for char in text)
    return clip(text, limit)


def clip(text: str, limit: int) -> str:
    """At most ``limit`` characters, the last one an ellipsis if something was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def clip_path(path: str, limit: int) -> str:
    """At most ``limit`` characters with the middle left out: the end of a path says more than its start."""
    if len(path) <= limit:
        return path
    head = limit // 3
    return path[:head] + "…" + path[-(limit - head - 1) :]


def width_of(text: str) -> int:
    """Columns that a terminal takes: two for East Asian wide characters, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def clip_columns(text: str, columns: int) -> str:
    """At most ``columns`` wide, the last one an ellipsis if something was cut."""
    if width_of(text) <= columns:
        return text
    used, kept = 1, []
    for char in text:
        used += width_of(char)
        if used > columns:
            break
        kept.append(char)
    return "".join(kept) + "…"


def without_references(text: str) -> str:
    """The text with ``@name``, ``#12``, ``http://`` and their like broken by an invisible character."""
    return _REFERENCE.sub(lambda match: match[0] + BREAK, text)


def escape_markdown(text: str) -> str:
    """Text for Markdown prose and table cells: no markup, HTML, links, mentions or references of GitHub and GitLab."""
    return _MARKDOWN_START.sub(r"\1\2\\", _MARKDOWN.sub(r"\\\g<0>", without_references(text)))


def code_markdown(text: str, *, cell: bool = False) -> str:
    """A code span with a fence longer than any run of backticks inside. ``cell``: pipes escaped, which GFM splits before code spans."""
    text = text.strip()
    if not text:
        return ""
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    if cell:
        # A backslash before the pipe would join the one that escapes it.
        text = text.replace("\\|", "\\ |").replace("|", "\\|")
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fence_markdown(lines: tuple[str, ...], language: str = "text") -> str:
    """A fenced block that no line of its content can close."""
    ticks = "`" * max(3, _longest_run("\n".join(lines)) + 1)
    return "\n".join((f"{ticks}{language}", *lines, ticks))


def escape_jira(text: str) -> str:
    """Text for Jira's wiki markup: no macro, link, image, table cell, emphasis or emoticon comes of it."""
    escaped = _JIRA.sub(lambda match: "&amp;" if match[0] == "&" else f"\\{match[0]}", without_references(text))
    return _JIRA_START.sub(r"\1\\\2", escaped)


def noformat_jira(lines: tuple[str, ...]) -> str:
    """A block that Jira prints as it is; its content cannot close it."""
    body = re.sub(r"\{(?=\s*noformat)", "{" + BREAK, "\n".join(lines), flags=re.IGNORECASE)
    return f"{{noformat}}\n{body}\n{{noformat}}"


def mermaid_label(text: str, limit: int = 70) -> str:
    """A quoted label of a Mermaid node: letters, digits and harmless punctuation only."""
    return '"' + clip(" ".join(_NOT_MERMAID.sub(" ", text).split()), limit) + '"'


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)

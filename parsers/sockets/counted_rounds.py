r"""A loop over files that counts in each, and prints the file's name above its rows; and a command that goes on in the next line.

    $ for f in first.json second.json; do echo $f; \
      jq -r '.libuv[] | …' $f | sort | uniq -c; done
    first.json
        412 10.4.0.9:5672

Each file is a moment, or a process, of its own: its rows are not those of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.text.source import Section

_MOST: Final = 200
"""Lines that such a paste has at most."""
_LONGEST: Final = 2000
_CONTINUED: Final = 4
"""Lines over which a command goes on at most."""
_over = lazy(r"\s*for\s+\w{1,30}\s+in\s+(?P<words>[^;\n]{1,600});\s*do\s+echo\b").match


def continued(section: Section) -> Section:
    """The section with all of its command as the prompt, where a backslash ends the command's first line."""
    for _ in range(_CONTINUED):
        prompt = (section.prompt or "").rstrip()
        if not prompt.endswith("\\") or len(prompt) > _LONGEST or not section.lines or len(section.lines) > _MOST:
            break
        section = section._replace(
            prompt=f"{prompt[:-1].rstrip()} {section.lines[0].strip()}", first=section.first + 1, lines=section.lines[1:]
        )
    return section


def rounds(section: Section) -> Iterator[Section]:
    """The section; of a loop that prints each file's name the rows of each file, and the names by themselves."""
    match = _over(section.prompt or "") if len(section.lines) <= _MOST else None
    words = set(match["words"].split()) if match is not None else set()
    heads = [at for at, line in enumerate(section.lines) if line.strip() in words] if words else []
    if not heads:
        yield section
        return
    for at, until in zip(heads, [*heads[1:], len(section.lines)], strict=True):
        yield section._replace(first=section.first + at, lines=section.lines[at : at + 1], prompt=None)
        if until > at + 1:
            yield section._replace(first=section.first + at + 1, lines=section.lines[at + 1 : until])

"""Files that nobody reads, or in which nothing tells: what each of them is, and what would tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.message import joined, say
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.incident import Incident
    from analyzer.model.message import Message

_SHOWN: Final = 3
"""Files that are told one by one."""
_QUOTED: Final = 2
"""Lines that are quoted where nothing is understood."""
_HEADLINE: Final = say("Not enough evidence for a verdict: what was saved is of a known kind, and nothing in it tells.")
_WORDS: Final = {
    "tcpdump_text": lambda file: say("{file} has packets, and none of these lines shows a connection that fails.", file=file),
    "kernel_stacks": lambda file: say(
        "{file} is a stack of the kernel, and does not say of which process: its path must stand above it (tail -n +1 /proc/PID/task/*/stack).",
        file=file,
    ),
}


def headline_and_summary(incident: Incident) -> tuple[str, str]:
    """What to say of files none of which gave a fact: those of a known kind are told as that."""
    beside = joined("", (_stand_out(incident), _looks(incident)))
    if (known := in_words(incident)) is not None:
        return _HEADLINE, joined("", (beside, known))
    return (
        say("None of the files is of a kind that this tool reads."),
        beside or say("Save lsof, netstat or ss, and jstack output, or run the collector script."),
    )


def understood(incident: Incident) -> list[tuple[str, str]]:
    """Files of which lines were understood and with their formats, where no file gave a fact."""
    return [
        (artifact.file, part.format) for artifact in incident.artifacts for part in artifact.parts if part.format is not None and part.read
    ]


def in_words(incident: Incident) -> Message | None:
    """What these files are; None if there are none."""
    found = list(dict.fromkeys(understood(incident)))
    return joined(" ", (*_each(found[:_SHOWN]), say("A thread dump and a socket table of the same moment would tell."))) if found else None


def _each(found: list[tuple[str, str]]) -> Iterator[Message]:
    for file, name in found:
        yield (
            _WORDS[name](file)
            if name in _WORDS
            else say("{file} is understood ({format}), and nothing in it tells of trouble.", file=file, format=name)
        )


def _stand_out(incident: Incident) -> Message:
    """Lines of texts that nobody reads, quoted as they are: no claim is made of them."""
    noted = [event for artifact in incident.artifacts for event in artifact.events if event.kind is LogKind.NOTED][:_QUOTED]
    lines = joined(", ", (say("“{line}” ({place})", line=event.subject, place=str(event.where)) for event in noted))
    return say("Not understood, but these lines stand out: {lines}. ", lines=lines) if noted else joined("", ())


def _looks(incident: Incident) -> Message:
    """What the files look like that nobody reads: who saved something is told what it was taken for."""
    looks = dict.fromkeys(
        (artifact.file, part.looks_like)
        for artifact in incident.artifacts
        for part in artifact.parts
        if part.format is None and part.looks_like
    )
    return joined("", (say("{file} looks like {kind}, which is not read. ", file=file, kind=kind) for file, kind in list(looks)[:_SHOWN]))

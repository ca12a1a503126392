"""What a chain that does not close ends in: the thing that is waited for, so that a report can draw it as the last node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.model.message import say

if TYPE_CHECKING:
    from analyzer.model.finding import Finding

PREPOSITIONS: Final = frozenset({"for", "of", "in", "by", "to", "on", "at", "from", "with", "behind"})
TRANSITIVE: Final = frozenset({"leave", "fills", "keeps open", "makes another", "starts with its descriptors open", "runs a statement"})
"""Verbs whose object stands in the detail."""
_WAITS: Final = (
    "waits for",
    "wait for",
    "waits in the queue",
    "waits to log",
    "waits to hand over",
    "may wait for",
    "needs",
    "closed its side",
    "has lent",
)
_OF: Final = frozenset({"of", "from", "by", "for", "at", "behind", "to"})
_COMPLETE: Final = ("to go on",)
_LONGEST: Final = 90
_IDLE_WORDS: Final = ("in ", "at ", "while ", "since ", "for ")
"""What a detail begins with that tells how, not what."""


def is_open(verb: str) -> bool:
    """True for a verb that needs an object after it."""
    return verb in TRANSITIVE or (verb.rpartition(" ")[2] in PREPOSITIONS and not verb.endswith(_COMPLETE))


def takes_next(verb: str) -> bool:
    """True for a verb whose object is the next actor of the chain; that of others stands in the detail."""
    return verb.startswith(_WAITS) and verb.rpartition(" ")[2] in _OF and not verb.endswith(_COMPLETE)


def ended(finding: Finding) -> Finding:
    """The finding with the end of its chain; a loop has none, nor has a chain whose last verb is complete and names no far end."""
    if finding.loop or not finding.chain or finding.ends_in is not None:
        return finding
    last, culprit = finding.chain[-1], finding.culprit
    told = f"{last.actor} {last.detail}" if not is_open(last.verb) else last.actor
    named = next((one for one in (culprit.remote, culprit.lock, culprit.frame) if one and one not in told), None)
    if is_open(last.verb):
        detail = last.detail
        if detail and len(detail) <= _LONGEST and not detail.startswith(_IDLE_WORDS):
            chain = (*finding.chain[:-1], replace(last, detail=""))
            return replace(finding, chain=chain, ends_in=detail)
        return replace(finding, ends_in=named or say("nothing that the evidence names"))
    if last.verb.startswith(("waits for", "wait for", "waits in", "reads")) and culprit.remote and culprit.remote not in last.actor:
        return replace(finding, ends_in=culprit.remote)
    return finding

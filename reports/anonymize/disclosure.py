"""The check behind ``--anonymize``: nothing leaves that still names somebody.

Two looks that do not trust the replacement: every address in the data must be one of the map's, or identify nobody; and every original that
was replaced anywhere is searched in every finished report, through the escapes and line breaks that a format adds.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from analyzer.model.errors import Disclosed
from analyzer.model.message import say
from reports.anonymize.addresses import found_in
from reports.anonymize.identities import LOCAL_NAMES, strings
from reports.anonymize.patterns import any_of
from reports.anonymize.replacer import SHORTEST
from reports.anonymize.vocabulary import PLACES, spoken
from reports.text_safety import BREAK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from analyzer.model.finding import Diagnosis
    from reports.anonymize.pseudonyms import Pseudonyms
    from reports.anonymize.replacer import Replacer

_MODULE: Final = re.compile(r"(?:java|jdk)\.[a-z.]+@[\d.]+")


_MADE: Final = re.compile(r"(?:host|domain|user|name)-?\d+(?:\.|$)", re.IGNORECASE)
"""Pseudonyms of an earlier run."""
REMOVED: Final = "(removed)"
"""What stands where a secret stood: an earlier run may have left it."""


def check_data(diagnosis: Diagnosis, pseudonyms: Pseudonyms) -> None:
    """Every address in the diagnosis is a pseudonym or identifies nobody.

    Raises:
        Disclosed: if one is not.
    """
    given = pseudonyms.addresses_given
    for text in strings(diagnosis):
        for address in found_in(_MODULE.sub("", text), given):
            if str(address) not in given:
                raise Disclosed(say("the address {address} is left in “{text}”", address=address, text=text[:200]))


def check_reports(texts: Mapping[str, str], originals: Iterable[str]) -> None:
    """No original occurs in any of the finished texts (name → text).

    Raises:
        Disclosed: if one does.
    """
    wanted = sorted({original.lower() for original in originals})
    if not wanted:
        return
    finder = re.compile(any_of(wanted))
    for name, text in texts.items():
        for reading in _readings(text.lower()):
            found = finder.search(reading)
            if found:
                around = reading[max(0, found.start() - 60) : found.end() + 60]
                raise Disclosed(
                    say("“{found}” is left in {name}: “…{around}…”", found=found[0], name=name, around=" ".join(around.split()))
                )


def originals_of(by: Replacer, pseudonyms: Pseudonyms, *, addresses: bool) -> set[str]:
    """Whatever was replaced and can be told from the tool's own words."""
    found = {
        name for name in by.hosts if len(name) > 1 and not _is_ordinary(name) and not LOCAL_NAMES.match(name) and not _MADE.match(name)
    }
    found |= {text for text in by.gone if len(text) >= SHORTEST and text != REMOVED and not _is_ordinary(text)}
    for kind in ("host", "domain", "user"):
        found |= {name for name in pseudonyms.originals(kind) if len(name) > 1 and not _is_ordinary(name) and not LOCAL_NAMES.match(name)}
    return found | (pseudonyms.originals("address") if addresses else set())


def _is_ordinary(name: str) -> bool:
    return name.lower() in PLACES or (name.isalpha() and name.lower() in spoken())


def _readings(text: str) -> Iterable[str]:
    """The text as it stands, as a browser or an editor shows it, and with words joined that a line's end has cut."""
    yield text
    shown = html.unescape(text).replace(BREAK, "").replace("\\", "")
    yield shown
    yield re.sub(r"\n\s*", "", shown)

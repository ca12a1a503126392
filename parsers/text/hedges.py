"""Words by which a sentence tells of something else than what is here: it denies, supposes, or speaks of another time or another machine."""

from __future__ import annotations

import re
from typing import Final

from parsers.text.patterns import lazy

_MACHINES: Final = r"(?:servers?|nodes?|hosts?|box(?:es)?|machines?|pods?|instances?|environments?|clusters?|programs?|processes)"
_GOES: Final = r"(?! (?:come|return|recover|answer|respond|reply|move|change|go|end|finish|progress|react|help|heal)\b)"
"""Not what a thing that hangs fails to do."""
NOT: Final = rf"\bnot\b{_GOES}|n[’']t\b{_GOES}"
DENIES: Final = rf"{NOT}|\bunlike\b|\bdifferent|\bexcept\b|\bused to\b|\bwould\b|\bif\b|\byesterday\b|\bnormally\b|\busually\b|\bbut (?:this|these|one)\b"
"""Words by which a sentence says that others are not like what is here, or not now."""
_HEDGES: Final = (
    rf"{NOT}|\bno longer\b|\bany ?more\b|\bnever\b|\bunlike\b|\bdifferent|\bexcept\b|\binstead\b"
    r"|\bif\b|\bwould\b|\bshould\b|\bcould\b|\bmight\b|\bsuspect|\bsupposed?\b|\bexpect|\bthought\b"
    r"|\bused to\b|\byesterday\b|\blast (?:week|month|year|night|time)\b|\b(?:days?|weeks?|months?|years?) ago\b|\bpreviously\b|\bformerly\b|\bold(?:er)?\b"
    r"|\bafter (?:the|we|our|my|i|a) (?:\w{2,12} ){0,2}?(?:fix|fixed|upgrade|restart(?:ed)?|change|raised|mended)\b|\bbefore (?:the|we|i|our)\b|\bbefore,"
    r"|\bnormally\b|\busually\b|\bby default\b|\bdefault\b|\bby design\b"
    rf"|\bstaging\b|\blaptop\b|\blocally\b|\btest {_MACHINES}|\b(?:an)?other {_MACHINES}|\breplica\b"
)
hedged = lazy(_HEDGES, flags=re.IGNORECASE).search
"""A match for a line with such words, None for any other."""

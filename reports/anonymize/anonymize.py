"""``--anonymize``: a diagnosis whose every text has pseudonyms for whoever it names.

Works on the result, never on the evidence: what was found does not depend on names. The same value has the same pseudonym wherever it
stands. Kept, since a diagnosis needs them: classes, methods, pools, ports, pids, line numbers, commands, states, times, and addresses that
identify nobody (wildcard, loopback, link-local, multicast).
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from reports.anonymize.identities import gather, is_name
from reports.anonymize.pseudonyms import Pseudonyms
from reports.anonymize.replacer import Replacer

if TYPE_CHECKING:
    from collections.abc import Collection

    from analyzer.model.finding import Diagnosis
    from analyzer.model.incident import Incident

KINDS: Final = ("addresses", "hosts", "users", "packages")
"""What can be replaced. Paths, requests, queries and secrets always are."""
DEFAULT: Final = ("addresses", "hosts", "users")
_SAID: Final = frozenset({"--format", "-f", "--timezone", "--fail-on", "--anonymize", "--lang"})
"""Options whose values name nobody."""
_ROUNDS: Final = 3
"""Dry runs at most: what one finds can lead to another name, seldom to a third."""


def anonymized(
    diagnosis: Diagnosis,
    pseudonyms: Pseudonyms,
    kinds: Collection[str] = DEFAULT,
    incident: Incident | None = None,
    given: Collection[str] = (),
) -> tuple[Diagnosis, Replacer]:
    """The diagnosis with pseudonyms, and what made it. ``incident`` adds names that only the records have, ``given`` the user's own."""
    known = gather(diagnosis, incident, given)
    for _ in range(_ROUNDS):
        # A dry run finds the names that only URLs, mail addresses and domains hold, so that they go elsewhere too.
        trial = Pseudonyms()
        tried = Replacer(trial, known, kinds)
        tried.whole(diagnosis)
        hosts = {name for name in trial.asked("host") if is_name(name)} - {name.partition(".")[0].lower() for name in known.hosts}
        users, gone = trial.asked("user") - known.users, frozenset(tried.gone.items()) - known.gone
        if not hosts and not users and not gone:
            break
        known = replace(known, hosts=known.hosts | hosts, users=known.users | users, gone=known.gone | gone)
    pseudonyms.avoid(known.parsed)
    made = Replacer(pseudonyms, known, kinds)
    return made.whole(diagnosis), made


def command(line: str) -> str:
    """The command line of this run without any path: a name of an archive or a folder tells who somebody is."""
    made, option = list[str](), ""
    for word in shlex.split(line)[1:]:
        if word.startswith("-") and word != "-":
            name = word.partition("=")[0]
            option = "" if "=" in word else name
            if name in _SAID:
                made.append(word)
        else:
            if option in _SAID:
                made.append(word)
            option = ""
    if not any(word.startswith("--anonymize") for word in made):
        made.append("--anonymize")
    return f"{shlex.join(('analyze', *made))} INCIDENT..."

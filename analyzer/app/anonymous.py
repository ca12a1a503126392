"""``--anonymize`` around the reports: the private map, the pseudonyms, and the check before anything is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from analyzer.app.writing import write_whole
from analyzer.model.errors import UsageError, text_of
from analyzer.model.message import say
from reports.anonymize.anonymize import DEFAULT, KINDS, anonymized, command
from reports.anonymize.disclosure import check_data, check_reports, originals_of
from reports.anonymize.pseudonyms import MapError, Pseudonyms, load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.model.finding import Diagnosis
    from analyzer.model.incident import Incident
    from reports.anonymize.replacer import Replacer


def kinds_of(text: str) -> tuple[str, ...]:
    """What to replace, from ``addresses,hosts``; the default if it is empty.

    Raises:
        UsageError: if a word is none of the kinds.
    """
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    wrong = [word for word in words if word not in KINDS]
    if wrong:
        raise UsageError(say("--anonymize: {wrong} is none of {kinds}", wrong=", ".join(wrong), kinds=", ".join(KINDS)))
    return words or DEFAULT


class Mask(msgspec.Struct, frozen=True):
    """Pseudonyms of one run. ``file`` is where the private map is kept, None if it is not."""

    pseudonyms: Pseudonyms
    kinds: tuple[str, ...]
    file: Path | None

    @classmethod
    def made(cls, kinds: str, file: str | None, evidence: Sequence[str]) -> Mask:
        """A mask with the map of an earlier run, if there is one.

        Raises:
            UsageError: if a kind or the map does not fit, or the map would lie in the evidence, which people pass on.
        """
        path = None if file is None else Path(file)
        if path is not None:
            real = Path(os.path.realpath(path))
            for root in (Path(os.path.realpath(one)) for one in evidence if one != "-"):
                if real == root or real.is_relative_to(root):
                    raise UsageError(say("--anonymize-map: {path} lies inside the evidence, which is never written to", path=path))
        try:
            return cls(Pseudonyms() if path is None else load(path), kinds_of(kinds), path)
        except MapError as error:
            raise UsageError(say("--anonymize-map: {error}", error=text_of(error))) from error

    def put_on(self, diagnosis: Diagnosis, incident: Incident | None, line: str, host: str | None = None) -> tuple[Diagnosis, str, Guard]:
        """The diagnosis and the command line with pseudonyms, and the guard of their reports.

        Raises:
            UsageError: if the map has no room left.
            Disclosed: if an address is left in the data.
        """
        try:
            made, by = anonymized(diagnosis, self.pseudonyms, self.kinds, incident, () if host is None else (host,))
            masked = command(line)
        except MapError as error:
            raise UsageError(say("--anonymize: {error}", error=text_of(error))) from error
        if "addresses" in self.kinds:
            check_data(made, self.pseudonyms)
        return made, masked, Guard(self, by)


class Guard(msgspec.Struct, frozen=True):
    """Stands between finished reports and the places they are written to."""

    mask: Mask
    by: Replacer

    def check(self, texts: Mapping[str, str], targets: Sequence[Path]) -> None:
        """Search every text (name → text) for every original; then keep the map.

        Raises:
            Disclosed: if an original is left.
            UsageError: if the map cannot be written, or is one of ``targets``.
        """
        named = {"the file name": " ".join(target.name for target in targets)}
        check_reports({**texts, **named}, originals_of(self.by, self.mask.pseudonyms, addresses="addresses" in self.mask.kinds))
        file = self.mask.file
        if file is None:
            return
        if os.path.realpath(file) in {os.path.realpath(target) for target in targets}:
            raise UsageError(say("--anonymize-map: {file} is a report of this run; the map is private", file=file))
        try:
            write_whole(file, self.mask.pseudonyms.text(), private=True)
        except OSError as error:
            raise UsageError(say("--anonymize-map: cannot write {file}: {error}", file=file, error=error.strerror or error)) from error

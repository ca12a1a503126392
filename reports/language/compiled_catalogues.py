"""Compiles the .po catalogues to the .mo files that gettext reads. Runs when the package is built; needs Babel, and nothing of this project.

python reports/language/compiled_catalogues.py     compile what is missing or older than its source
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_HOME: Final = Path(__file__).parent / "locale"
_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No time stands in a compiled catalogue: the same texts make the same bytes."""


def compiled(source: Path) -> bytes:
    """The bytes of the .mo file for a .po file. Texts without a translation are left out: gettext answers with the English text."""
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - absent where the package only runs
    from babel.messages.pofile import read_po  # noqa: PLC0415

    with source.open("rb") as file:
        catalogue = read_po(file, locale=source.parent.parent.name, domain=source.stem)
    catalogue.creation_date = catalogue.revision_date = _NEVER
    made = io.BytesIO()
    write_mo(made, catalogue)
    return made.getvalue()


def compile_all(home: Path = _HOME) -> None:
    """Write each .mo file that differs from what its .po file makes."""
    for source in sorted(home.glob("*/LC_MESSAGES/*.po")):
        target, made = source.with_suffix(".mo"), compiled(source)
        if not target.exists() or target.read_bytes() != made:
            target.write_bytes(made)
        target.touch()  # make compares times


if __name__ == "__main__":
    compile_all()

"""The tables of software, written as JSON when the package is built: TOML takes ten times as long to read.

Needs the standard library, and nothing of this project.

python analyzer/software/compiled_tables.py     write FILE.json beside each FILE.toml of this folder
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

HOME: Final = Path(__file__).parent


def stamp(toml: bytes) -> str:
    """What a JSON file says of the TOML file that it was made of."""
    return f"{zlib.crc32(toml):08x}"


def compile_all(home: Path = HOME) -> None:
    """Write each JSON file that differs from what its TOML file makes."""
    import json  # noqa: PLC0415
    import tomllib  # noqa: PLC0415 - the analysis takes the stamp alone

    for source in sorted(home.glob("*.toml")):
        toml = source.read_bytes()
        made = json.dumps({"made_of": stamp(toml), "tables": tomllib.loads(toml.decode())}, ensure_ascii=False, separators=(",", ":"))
        target = source.with_suffix(".json")
        if not target.exists() or target.read_text(encoding="utf-8") != made:
            target.write_text(made, encoding="utf-8")
        target.touch()  # make compares times


if __name__ == "__main__":
    compile_all()

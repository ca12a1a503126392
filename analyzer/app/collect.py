"""The collector: a shell script for the host of the incident, where neither Python nor this tool is."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

USE: Final = """analyze collect > collect.sh; sh collect.sh PID              # on the host of the incident; makes an archive
analyze collect | ssh HOST sudo sh -s PID                    # over a pipe; the archive stays on HOST
analyze collect | kubectl exec -i POD -- sh -s 1             # in a container
"""
"""What a terminal gets instead of the script."""


def script() -> str:
    """The text of collect.sh, as ``analyze collect`` prints it."""
    return files("analyzer.app").joinpath("collect.sh").read_text(encoding="utf-8")

"""The collector: a shell script for the host of the incident, where neither Python nor this tool is."""

from __future__ import annotations

import subprocess
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

USE: Final = """analyze collect PID                                    # here: collects, then analyses (as root or the process' user)
analyze collect > collect.sh; sh collect.sh [PID]      # on the host of the incident; without PID it lists what runs there
analyze collect | ssh HOST sudo sh -s -- --stdout PID > incident.tar.gz      # or: | kubectl exec -i POD -- sh -s -- --stdout 1
"""
"""What a terminal gets instead of the script."""


def script() -> str:
    """The text of collect.sh, as ``analyze collect`` prints it."""
    return _SCRIPT.read_text(encoding="utf-8")


_SCRIPT: Final = files("analyzer.app").joinpath("collect.sh")


def collected(arguments: Sequence[str]) -> tuple[int, str]:
    """Run the script here. Its exit code, and the archive that it made in the current folder (empty: none).

    The script asks and says things on stderr. Ctrl-C reaches it, too: it packs what it has, and this waits for it.

    Raises:
        OSError: if there is no shell.
    """
    with as_file(_SCRIPT) as path, subprocess.Popen(["sh", str(path), *arguments], stdout=subprocess.PIPE, text=True) as running:  # noqa: S603, S607
        while True:
            try:
                output, _ = running.communicate()
            except KeyboardInterrupt:
                continue
            return running.returncode, output.strip()

"""Joins the modules of the reader of usual rows into the source of one module of C, which ``setup.py`` compiles.

Nothing of the project is imported here: it runs before the package is installed. The modules and their types are joined under the name of the compiled
one, as those of the capture kernel are: so C calls from one to the other, and both forms can be imported side by side.
"""

from __future__ import annotations

import re
from pathlib import Path

HOME = Path("parsers", "sockets", "kernel")
MODULES = ("usual", "rows", "shapes")
AMONG_THEM = re.compile(r"^from __future__ .*\n|^from parsers\.sockets\.kernel\.usual c?import .*\n|^cimport cython\n", re.MULTILINE)
"""What the modules import of each other: dropped, for they are one."""


def joined() -> tuple[str, str]:
    """The modules as one, and their types as one."""
    source, types = (
        AMONG_THEM.sub("", "\n".join((HOME / f"{name}.{kind}").read_text(encoding="utf-8") for name in MODULES)) for kind in ("py", "pxd")
    )
    return "from __future__ import annotations\n" + source, "cimport cython\n" + types

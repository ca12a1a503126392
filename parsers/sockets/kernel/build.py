"""Builds the reader of usual rows as a module of C; ``setup.py`` calls it.

Nothing of the project is imported here: it runs before the package is installed. The modules and their types are joined under the name of the compiled
one, as those of the capture kernel are: so C calls from one to the other, and both forms can be imported side by side.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from setuptools import Extension

HOME = Path("parsers", "sockets", "kernel")
JOINED = Path("build", "kernel")
STABLE_ABI = "0x030B0000"  # one build serves Python 3.11 and every later one
MODULES = ("usual", "rows", "shapes")
AMONG_THEM = re.compile(r"^from __future__ .*\n|^from parsers\.sockets\.kernel\.usual c?import .*\n|^cimport cython\n", re.MULTILINE)
"""What the modules import of each other: dropped, for they are one."""
FLAGS = [] if sys.platform == "win32" else ["-O3", "-g0"]
DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,  # the .pxd file gives the types; the annotations are for mypy
    "boundscheck": False,  # positions are compared with the end of the line before each read
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,  # nothing is divided
}


def joined() -> Path:
    """Write the modules as one, and their types as one; where."""
    folder = JOINED / HOME
    folder.mkdir(parents=True, exist_ok=True)
    for parent in (folder, *list(folder.parents)[:2]):
        (parent / "__init__.py").touch()
    for kind, first in (("py", "from __future__ import annotations\n"), ("pxd", "cimport cython\n")):
        text = first + AMONG_THEM.sub("", "\n".join((HOME / f"{name}.{kind}").read_text(encoding="utf-8") for name in MODULES))
        path = folder / f"compiled.{kind}"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return folder / "compiled.py"


def extensions() -> list[Extension]:
    """The reader, or nothing where Cython is missing."""
    try:
        from Cython.Build import cythonize  # noqa: PLC0415 - absent on purpose where no compiler is wanted
    except ImportError:
        return []
    try:
        module = Extension(
            ".".join((*HOME.parts, "compiled")),
            [str(joined())],
            py_limited_api=True,
            define_macros=[("Py_LIMITED_API", STABLE_ABI)],
            extra_compile_args=FLAGS,
        )
        built: list[Extension] = cythonize([module], include_path=[str(JOINED)], compiler_directives=DIRECTIVES, quiet=True)
    except Exception as error:  # noqa: BLE001 - an older Cython, an unwritable checkout: the install must live
        sys.stderr.write(f"the reader of usual rows is not compiled: {error}\n")
        return []
    for one in built:
        one.optional = True  # cythonize makes new ones and forgets it
    return built

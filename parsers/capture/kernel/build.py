"""Builds the kernel's modules as one module of C; ``setup.py`` calls it. BUILD.md says how and why.

Nothing of the project is imported here: it runs before the package is installed.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

from setuptools import Extension

HOME = Path("parsers", "capture", "kernel")
PACKAGE = ".".join(HOME.parts)
TYPES = ("octets", "frames", "payload", "rows", "flows", "table", "walker")
SOURCES = ("frames.py", "payload.py", "rows.pyx", "flows.py", "table.py", "walker.py")
JOINED = Path("build", "kernel")
STABLE_ABI = "0x030B0000"  # one build serves Python 3.11 and every later one

FLAGS = [] if sys.platform == "win32" else ["-O3", "-g0"]

DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,  # the .pxd files give the types; the annotations are for mypy
    "boundscheck": False,  # positions in packets are compared before each read
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,  # nothing negative is ever divided
}

# Imports between kernel modules; removed because the modules are concatenated: "from parsers.capture.kernel.rows import at, end_of".
AMONG_THEM = re.compile(
    r"^from __future__ .*\n|^from parsers\.capture\.kernel\.\w+ c?import .*\n|^if TYPE_CHECKING:\n(?:    .*\n|\n(?=    ))+|^cimport cython\n",
    re.MULTILINE,
)
# "cdef int SYN, ACK": numbers whose C type a .pxd file declares.
DECLARED = re.compile(r"^cdef ((?:unsigned |long )*\w+) ([A-Z][A-Z0-9_]*(?:, [A-Z][A-Z0-9_]*)*)$", re.MULTILINE)
# "SYN, ACK = 2, 16": their values in the source.
NUMBERS = re.compile(r"^([A-Z][A-Z0-9_]*(?:, [A-Z][A-Z0-9_]*)*) = ([0-9A-Fa-fx_, ]+)(?:  #.*)?\n", re.MULTILINE)


def joined() -> Path:
    """Write the modules as one, and their types as one; where.

    Numbers whose type is declared become constants of C: a module's attribute would be read from memory each time.
    """
    source = AMONG_THEM.sub("", "\n".join((HOME / name).read_text(encoding="utf-8") for name in SOURCES))
    types = AMONG_THEM.sub("", "\n".join((HOME / f"{name}.pxd").read_text(encoding="utf-8") for name in TYPES))
    declared = {name for _, names in DECLARED.findall(types) for name in names.split(", ")}
    values: dict[str, int] = {}

    def taken(line: re.Match[str]) -> str:
        names, value = line[1].split(", "), ast.literal_eval(line[2])
        if not declared.issuperset(names):
            return line[0]
        values.update(zip(names, value if isinstance(value, tuple) else (value,), strict=True))
        return ""

    def defined(line: re.Match[str]) -> str:
        names = line[2].split(", ")
        macros = "".join(f"    #define closewait_{name} (({line[1]}){values[name]}ULL)\n" for name in names)
        return f'cdef extern from *:\n    """\n{macros}    """\n' + "".join(f'    {line[1]} {name} "closewait_{name}"\n' for name in names)

    source = NUMBERS.sub(taken, source)
    folder = JOINED / HOME
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("__init__.py", ""),
        ("../__init__.py", ""),
        ("../../__init__.py", ""),
        ("compiled.pxd", "cimport cython\n" + DECLARED.sub(defined, types)),
        ("compiled.py", "from __future__ import annotations\n" + source),
    ):
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return folder / "compiled.py"


def extensions() -> list[Extension]:
    """The kernel, or nothing where Cython is missing."""
    try:
        from Cython.Build import cythonize  # noqa: PLC0415 - absent on purpose where no compiler is wanted
    except ImportError:
        return []
    try:
        module = Extension(
            f"{PACKAGE}.compiled",
            [str(joined())],
            include_dirs=[str(HOME)],
            depends=[str(HOME / "octets.h")],
            py_limited_api=True,
            define_macros=[("Py_LIMITED_API", STABLE_ABI)],
            extra_compile_args=FLAGS,
        )
        built: list[Extension] = cythonize([module], include_path=[str(JOINED)], compiler_directives=DIRECTIVES, quiet=True)
    except Exception as error:  # noqa: BLE001 - an older Cython, an unwritable checkout: the install must live
        sys.stderr.write(f"the capture kernel is not compiled: {error}\n")
        return []
    for one in built:
        one.optional = True  # cythonize makes new ones and forgets it
    return built

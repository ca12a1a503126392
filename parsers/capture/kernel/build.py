"""Joins the kernel's modules into the source of one module of C, which ``setup.py`` compiles. BUILD.md says how and why.

Nothing of the project is imported here: it runs before the package is installed.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

HOME = Path("parsers", "capture", "kernel")
TYPES = ("octets", "frames", "payload", "rows", "flows", "table", "bits", "signs", "walker")
SOURCES = ("frames.py", "payload.py", "rows.pyx", "flows.py", "table.py", "bits.py", "signs.py", "walker.py")

# Imports between kernel modules; removed because the modules are concatenated: "from parsers.capture.kernel.rows import at, end_of".
AMONG_THEM = re.compile(
    r"^from __future__ .*\n|^from parsers\.capture\.kernel\.\w+ c?import (?:\(\n(?:    .*\n)+\)|.*)\n|^if TYPE_CHECKING:\n(?:    .*\n|\n(?=    ))+|^cimport cython\n",
    re.MULTILINE,
)
# "cdef int SYN, ACK": numbers whose C type a .pxd file declares.
DECLARED = re.compile(r"^cdef ((?:unsigned |long )*\w+) ([A-Z][A-Z0-9_]*(?:, [A-Z][A-Z0-9_]*)*)$", re.MULTILINE)
# "SYN, ACK = 2, 16": their values in the source.
NUMBERS = re.compile(r"^([A-Z][A-Z0-9_]*(?:, [A-Z][A-Z0-9_]*)*) = ([0-9A-Fa-fx_, ]+)(?:  #.*)?\n", re.MULTILINE)


def joined() -> tuple[str, str]:
    """The modules as one, and their types as one.

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
    return "from __future__ import annotations\n" + source, "cimport cython\n" + DECLARED.sub(defined, types)

"""The compiled form of the capture kernel. Everything else about the build is in pyproject.toml.

The kernel's modules are plain Python; Cython compiles them with the C types of the ``.pxd`` files beside them. Without Cython or without a
compiler the install goes on, and the same source runs interpreted, slower and with the same results.
"""

from __future__ import annotations

import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

KERNEL = ("frames", "payload", "flows", "table", "walker")
STABLE_ABI = "0x030B0000"  # one build serves Python 3.11 and every later one

FLAGS = [] if sys.platform == "win32" else ["-O3", "-g0"]

DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,  # the .pxd files give the types; the annotations are for mypy
    "boundscheck": False,  # of the one array that is indexed by a masked number; positions in packets are compared before each read
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,  # nothing negative is ever divided
}


class KernelOrNot(build_ext):
    """Builds what can be built. ``optional`` alone forgives a compiler that fails, not one that is missing."""

    def build_extension(self, ext: Extension) -> None:
        """Compile one module, or say why it stays interpreted."""
        try:
            super().build_extension(ext)
        except Exception as error:  # noqa: BLE001 - no compiler, no headers, no room: the install must live
            sys.stderr.write(f"{ext.name} is not compiled: {error}\n")


def extensions() -> list[Extension]:
    """The kernel's modules, or none where Cython is missing."""
    try:
        from Cython.Build import cythonize  # noqa: PLC0415 - absent on purpose where no compiler is wanted
    except ImportError:
        return []
    modules = [
        Extension(
            f"parsers.capture.{name}",
            [f"parsers/capture/{name}.py"],
            py_limited_api=True,
            define_macros=[("Py_LIMITED_API", STABLE_ABI)],
            extra_compile_args=FLAGS,
        )
        for name in KERNEL
    ]
    try:
        built: list[Extension] = cythonize(modules, build_dir="build/cython", compiler_directives=DIRECTIVES, quiet=True)
    except Exception as error:  # noqa: BLE001 - an older Cython, an unwritable checkout: the install must live
        sys.stderr.write(f"the capture kernel is not compiled: {error}\n")
        return []
    for module in built:
        module.optional = True  # cythonize makes new ones and forgets it
    return built


setup(ext_modules=extensions(), cmdclass={"build_ext": KernelOrNot}, options={"bdist_wheel": {"py_limited_api": "cp311"}})

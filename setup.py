"""The compiled forms of the capture kernel, the translations, the templates and the tables of software. Everything else about the build is in pyproject.toml.

Without Cython or without a compiler the install goes on, and the kernel runs interpreted: slower, with the same results.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

KERNEL = Path("parsers", "capture", "kernel", "build.py")


class KernelOrNot(build_ext):
    """Builds what can be built. ``optional`` alone forgives a compiler that fails, not one that is missing."""

    def build_extension(self, ext: Extension) -> None:
        """Compile one module, or say why it stays interpreted."""
        try:
            super().build_extension(ext)
        except Exception as error:  # noqa: BLE001 - no compiler, no headers, no room: the install must live
            sys.stderr.write(f"{ext.name} is not compiled: {error}\n")


def extensions() -> list[Extension]:
    """The kernel's, which its own folder describes: loaded by path, for the package is not installed yet."""
    spec = importlib.util.spec_from_file_location("kernel_build", KERNEL)
    assert spec is not None and spec.loader is not None  # noqa: PT018 - the file lies beside this one
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: list[Extension] = module.extensions()
    return found


COMPILED = {
    Path("reports", "language", "compiled_catalogues.py"): "the translations are not compiled: Babel is missing",
    Path("analyzer", "software", "compiled_tables.py"): "the tables of software are not compiled",
    Path("reports", "formats", "compiled_templates.py"): "the templates are not compiled: Jinja is missing",
}
"""What is compiled beside its sources, and what to say where that fails. Without it reports are in English, and made slower."""


def compile_sources() -> None:
    """Run each script that compiles sources; the install goes on without what it makes."""
    for script, failure in COMPILED.items():
        if script.exists() and subprocess.run([sys.executable, str(script)], check=False).returncode:  # noqa: S603
            sys.stderr.write(f"{failure}\n")


compile_sources()
setup(ext_modules=extensions(), cmdclass={"build_ext": KernelOrNot}, options={"bdist_wheel": {"py_limited_api": "cp311"}})

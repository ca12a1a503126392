"""The compiled forms of the kernels, the translations, the templates, the tables of software and the patterns. Everything else about the build is in pyproject.toml.

Without Cython or without a compiler the install goes on, and the kernel of captures runs interpreted, and rows are read by Python: slower, with the same results.
"""

from __future__ import annotations

import gzip
import importlib.util
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

KERNELS = (Path("parsers", "capture", "kernel"), Path("parsers", "sockets", "kernel"))
JOINED = Path("build", "kernel")
STABLE_ABI = "0x030B0000"  # one build serves Python 3.11 and every later one
FLAGS = [] if sys.platform == "win32" else ["-O3", "-g0"]
DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,  # the .pxd files give the types; the annotations are for mypy
    "boundscheck": False,  # positions are compared with the end before each read
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,  # nothing negative is ever divided
}
RELEASED = int(os.environ.get("SOURCE_DATE_EPOCH", "1577836800"))
SBOM = Path("release", "closewait.cdx.json")


class KernelOrNot(build_ext):
    """Builds what can be built. ``optional`` alone forgives a compiler that fails, not one that is missing."""

    def build_extension(self, ext: Extension) -> None:
        """Compile one module, or say why it stays interpreted."""
        try:
            super().build_extension(ext)
        except Exception as error:  # noqa: BLE001 - no compiler, no headers, no room: the install must live
            sys.stderr.write(f"{ext.name} is not compiled: {error}\n")


class TruthfulWheel(bdist_wheel):
    """A wheel for every platform where nothing was compiled, and the list of what the tool is made of inside (PEP 770)."""

    def run(self) -> None:
        """Build first, then name the wheel after what came out."""
        self.run_command("build")
        self.skip_build = True
        if not any(Path(self.get_finalized_command("build").build_lib).rglob("*.so")):
            self.distribution.ext_modules = []
            self.root_is_pure, self.py_limited_api = True, False
        super().run()

    def write_wheelfile(self, wheelfile_base: str, *args: str) -> None:
        """Put the bill of materials beside the metadata."""
        super().write_wheelfile(wheelfile_base, *args)
        target = Path(wheelfile_base, "sboms", SBOM.name)
        target.parent.mkdir()
        target.write_bytes(SBOM.read_bytes())


class SameSdist(sdist):
    """The archive of the sources, with the time of the release in place of the times of files: the same sources make the same bytes."""

    def make_archive(self, base_name: str, format: str, root_dir: str | None = None, base_dir: str | None = None, **of: str) -> str:  # noqa: A002
        """Pack the folder ``base_dir``."""
        if format != "gztar" or base_dir is None or root_dir is not None:
            made: str = super().make_archive(base_name, format, root_dir, base_dir, **of)
            return made
        name = f"{base_name}.tar.gz"
        with (
            Path(name).open("wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=RELEASED) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in sorted(Path(base_dir).rglob("*")):
                if path.is_file():
                    archive.add(path, recursive=False, filter=_settled)
        return name


def _settled(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member without what differs from one machine to the next."""
    member.mtime, member.uid, member.gid, member.uname, member.gname = RELEASED, 0, 0, "", ""
    member.mode = 0o755 if member.mode & 0o100 else 0o644
    return member


def extensions() -> list[Extension]:
    """A module of C for each kernel, or nothing where Cython is missing or too old: the install goes on."""
    try:
        from Cython.Build import cythonize  # noqa: PLC0415 - absent on purpose where no compiler is wanted
    except ImportError:
        return []
    found: list[Extension] = []
    for home in KERNELS:
        try:
            found += cythonize([_module(home)], include_path=[str(JOINED)], compiler_directives=DIRECTIVES, quiet=True)
        except Exception as error:  # noqa: BLE001 - an older Cython, an unwritable checkout: the install must live
            sys.stderr.write(f"{home} is not compiled: {error}\n")
    for one in found:
        one.optional = True  # cythonize makes new ones and forgets it
    return found


def _module(home: Path) -> Extension:
    """What a kernel's ``build.py`` joins, written below ``JOINED``. The file is loaded by its path: the package is not installed yet."""
    spec = importlib.util.spec_from_file_location("kernel_build", home / "build.py")
    assert spec is not None and spec.loader is not None  # noqa: PT018 - the file lies beside the kernel
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    folder = JOINED / home
    folder.mkdir(parents=True, exist_ok=True)
    source, types = build.joined()
    texts = {"__init__.py": "", "../__init__.py": "", "../../__init__.py": "", "compiled.pxd": types, "compiled.py": source}
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return Extension(
        ".".join((*home.parts, "compiled")),
        [str(folder / "compiled.py")],
        include_dirs=[str(home)],
        depends=[str(header) for header in sorted(home.glob("*.h"))],
        py_limited_api=True,
        define_macros=[("Py_LIMITED_API", STABLE_ABI)],
        extra_compile_args=FLAGS,
    )


COMPILED = {
    Path("reports", "language", "compiled_catalogues.py"): "the translations are not compiled: Babel is missing",
    Path("analyzer", "software", "compiled_tables.py"): "the tables of software are not compiled",
    Path("reports", "formats", "compiled_templates.py"): "the templates are not compiled: Jinja is missing",
    Path("analyzer", "app", "compiled_patterns.py"): "the patterns are not compiled",
}
"""What is compiled beside its sources, and what to say where that fails. Without it reports are in English, and made slower."""


def compile_sources() -> None:
    """Run each script that compiles sources; the install goes on without what it makes."""
    for script, failure in COMPILED.items():
        if script.exists() and subprocess.run([sys.executable, str(script)], check=False).returncode:  # noqa: S603
            sys.stderr.write(f"{failure}\n")


compile_sources()
setup(
    ext_modules=extensions(),
    cmdclass={"build_ext": KernelOrNot, "bdist_wheel": TruthfulWheel, "sdist": SameSdist},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)

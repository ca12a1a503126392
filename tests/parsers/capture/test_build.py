"""The kernel is compiled where that is possible; where it is not, the build goes on without it. Two sources of truth never drift apart."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from parsers.capture.kernel import rows
from tests.builders import SAMPLES
from tests.parsers.capture import kernels

if TYPE_CHECKING:
    from pathlib import Path

ROOT = SAMPLES.parent
COMPILED = ("frames", "payload", "flows", "table", "signs", "walker")
SOURCES = [
    path
    for kind in ("py", "pyx", "pxd", "h")
    for path in kernels.HOME.glob(f"*.{kind}")
    if path.stem in {*COMPILED, "bits", "octets", "rows"}
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The sources of the kernels, alone, without what was built of them."""
    pytest.importorskip("setuptools", reason="the build needs setuptools")
    for room in ("capture", "sockets"):
        home = ROOT / "parsers" / room / "kernel"
        shutil.copytree(home, tmp_path / "parsers" / room / "kernel", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    shutil.copy(ROOT / "parsers" / "__init__.py", tmp_path / "parsers")
    shutil.copy(ROOT / "setup.py", tmp_path)
    return tmp_path


def build(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    return subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_build_without_cython_goes_on(checkout: Path) -> None:
    hidden = checkout / "hidden" / "Cython"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError\n")
    run = build(checkout, PYTHONPATH=str(hidden.parent))
    assert run.returncode == 0, run.stderr
    assert not list(checkout.rglob("*.so"))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("Cython") is None, reason="Cython is not installed")
def test_a_build_without_a_compiler_goes_on(checkout: Path) -> None:
    run = build(checkout, CC="no-such-compiler")
    assert run.returncode == 0, run.stderr
    assert not list(checkout.rglob("*.so"))


@pytest.mark.parametrize("module", COMPILED)
def test_every_type_belongs_to_something_in_the_source(module: str) -> None:
    """A class or method that only the C types know would compile, and do nothing."""
    source = (kernels.HOME / f"{module}.py").read_text()
    types = (kernels.HOME / f"{module}.pxd").read_text()
    classes = re.findall(r"^cdef class (\w+)", types, re.MULTILINE)
    functions = re.findall(r"^ *cp?def (?!class|readonly|public)[^(=\n]*?\b(\w+)\(", types, re.MULTILINE)
    assert functions or classes
    for name in classes:
        assert f"class {name}:" in source, name
    for name in functions:
        assert f"def {name}(" in source, name


@pytest.mark.parametrize("structure", [rows.Side, rows.FlowRow])
def test_both_forms_of_a_row_have_the_same_fields(structure: type[rows.Side | rows.FlowRow]) -> None:
    types = (kernels.HOME / "rows.pxd").read_text()
    body = types.partition(f"cdef struct {structure.__name__}:\n")[2].partition("\n\n")[0]
    fields = re.findall(r"(\w+)(?:\[2\])?(?=,|$)", body, re.MULTILINE)
    assert sorted(fields) == sorted(structure.__slots__)


def test_both_forms_of_the_exchanged_modules_have_the_same_functions() -> None:
    def named(file: str, pattern: str) -> list[str]:
        return sorted(name for name in re.findall(pattern, (kernels.HOME / file).read_text(), re.MULTILINE) if not name.startswith("__"))

    assert named("octets.py", r"^def (\w+)") == named("octets.pxd", r'(\w+) "closewait_') == named("octets.h", r"closewait_(\w+)\(.*\{$")
    assert named("rows.py", r"^ *def (\w+)") == [name for name in named("rows.pyx", r"^ *def (\w+)") if name != "shown"]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("Cython") is None or shutil.which("cc") is None, reason="no Cython, or no compiler")
def test_a_build_compiles_every_module_and_makes_constants_of_its_numbers(checkout: Path) -> None:
    run = build(checkout)
    assert run.returncode == 0, run.stderr
    for room in ("capture", "sockets"):
        assert [path.name.partition(".")[0] for path in checkout.glob(f"parsers/{room}/kernel/*.so")] == ["compiled"], run.stderr
    source = (checkout / "build" / "kernel" / "parsers" / "capture" / "kernel" / "compiled.py").read_text()
    assert not re.findall(r"^[A-Z][A-Z0-9_]+ = .*", source, re.MULTILINE)
    assert all(f"class {name}:" in source for name in ("Frames", "Payload", "Rows", "Tracker", "FlowTable", "Signs", "Walker"))


@pytest.mark.skipif(not kernels.is_compiled(), reason="the kernel of this checkout is not compiled")
def test_what_is_compiled_is_no_older_than_its_source() -> None:
    built = max(path.stat().st_mtime for path in kernels.HOME.glob("compiled.*") if path.suffix in {".so", ".pyd"})
    for source in SOURCES:
        assert built >= source.stat().st_mtime, f"{source.name} has changed: python setup.py build_ext --inplace"

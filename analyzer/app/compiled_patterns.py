"""Regular expressions, compiled when the package is built: to compile the five hundred that a run meets takes a quarter of a small incident's time.

``re`` turns a pattern into a list of numbers, in Python, and gives the list to its engine, which checks it. The lists are kept in a file beside
this module. While :func:`kept` is open ``re`` asks the file before it compiles. A pattern is found by its whole text and its flags, so that
no list can be of another pattern. The file is of one version of Python: another version, a file that is missing or damaged, or a pattern that is
not in it make no difference but time. Only the command does this, never whoever imports the packages. Needs the standard library alone to read.

python analyzer/app/compiled_patterns.py     write the file for this Python
"""

from __future__ import annotations

import marshal
import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

ROOT: Final = Path(__file__).parent.parent.parent
FILE: Final = Path(__file__).with_name(f"patterns.{sys.implementation.cache_tag}.bin")


class Compiled(NamedTuple):
    """What ``re`` gives to its engine for one pattern, beside the text."""

    flags: int
    code: bytes
    groups: int
    names: tuple[tuple[str, int], ...]
    of_groups: tuple[str | None, ...]


class Tools(msgspec.Struct, frozen=True):
    """The parts of ``re`` that compile: its compiler and its engine."""

    compiler: ModuleType
    engine: ModuleType

    @property
    def made_for(self) -> str:
        """Which lists of numbers this engine takes."""
        return f"{sys.version_info[:2]} {self.engine.MAGIC} {self.engine.CODESIZE} {sys.byteorder}"


@contextmanager
def kept(file: Path = FILE) -> Iterator[None]:
    """Let ``re`` take patterns from the file while this is open."""
    tools = _tools()
    known = read(file, tools) if tools is not None else {}
    if tools is None or not known:
        yield
        return
    compiles = tools.compiler.compile
    tools.compiler.compile = _reader(known, tools.engine, compiles)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        tools.compiler.compile = compiles  # type: ignore[attr-defined]


def read(file: Path, tools: Tools) -> Mapping[tuple[str, int], tuple[Any, ...]]:
    """What the file holds; nothing if it is of another Python or cannot be read."""
    try:
        made_for, known = marshal.loads(file.read_bytes())  # noqa: S302 - of this package, as the bytecode beside it
    except (OSError, ValueError, TypeError, EOFError):
        return {}
    return known if made_for == tools.made_for and isinstance(known, dict) else {}


def _tools() -> Tools | None:
    try:
        tools = Tools(import_module("re._compiler"), import_module("_sre"))
    except ImportError:
        return None
    return tools if hasattr(tools.compiler, "compile") and tools.engine.CODESIZE == 4 else None  # noqa: PLR2004 - bytes, as "I" below


def _reader(
    known: Mapping[tuple[str, int], tuple[Any, ...]], engine: ModuleType, compiles: Callable[..., re.Pattern[Any]]
) -> Callable[..., re.Pattern[Any]]:
    make = engine.compile

    def compile(pattern: Any, flags: int = 0) -> re.Pattern[Any]:  # noqa: A001 - the name that it stands in for
        there = known.get((pattern, flags)) if type(pattern) is str else None
        if there is None:
            return compiles(pattern, flags)
        all_flags, code, groups, names, of_groups = there
        try:
            made: re.Pattern[Any] = make(pattern, all_flags, memoryview(code).cast("I").tolist(), groups, dict(names), of_groups)
        except (RuntimeError, TypeError, ValueError, OverflowError):  # the engine refuses what is no code of its own
            return compiles(pattern, flags)
        return made

    return compile


class _Listener:
    """Stands between the compiler and the engine, and writes down what the one gives to the other."""

    def __init__(self, engine: ModuleType) -> None:
        self._engine = engine
        self.given: list[Compiled] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def compile(
        self, pattern: object, flags: int, code: list[int], groups: int, names: Mapping[str, int], of_groups: tuple[str | None, ...]
    ) -> Any:
        """Compile, and keep what it was compiled of."""
        from array import array  # noqa: PLC0415 - a run does not need it

        self.given.append(Compiled(flags, array("I", code).tobytes(), groups, tuple(names.items()), tuple(of_groups)))
        return self._engine.compile(pattern, flags, code, groups, names, of_groups)


@contextmanager
def recorded() -> Iterator[dict[tuple[str, int], Compiled]]:
    """Every pattern that is compiled while this is open. What ``re`` compiled before is compiled anew."""
    import re  # noqa: PLC0415 - a run has not needed it yet

    tools = _tools()
    made: dict[tuple[str, int], Compiled] = {}
    if tools is None:
        yield made
        return
    compiles, listener = tools.compiler.compile, _Listener(tools.engine)

    def compile(pattern: Any, flags: int = 0) -> re.Pattern[Any]:  # noqa: A001 - the name that it stands in for
        result: re.Pattern[Any] = compiles(pattern, flags)
        if type(pattern) is str:
            made[pattern, int(flags)] = listener.given[-1]
        return result

    re.purge()
    tools.compiler._sre, tools.compiler.compile = listener, compile  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        yield made
    finally:
        tools.compiler._sre, tools.compiler.compile = tools.engine, compiles  # type: ignore[attr-defined]  # noqa: SLF001


def write(file: Path, made: Mapping[tuple[str, int], Compiled]) -> None:
    """Write a file with these patterns; the same patterns make the same bytes."""
    tools = _tools()
    if tools is None:
        return
    plain = {key: tuple(made[key]) for key in sorted(made)}
    file.write_bytes(marshal.dumps((tools.made_for, plain), 0))  # of later forms the bytes depend on what else is in memory


def compile_all(file: Path = FILE) -> None:
    """Import every module, which compiles most patterns, and ask for those that wait."""
    import pkgutil  # noqa: PLC0415 - a run does not need it

    with recorded() as made:
        for package in ("parsers", "analyzer", "reports"):
            home = import_module(package)
            for found in pkgutil.walk_packages(home.__path__, f"{package}."):
                if "kernel" not in found.name and not found.name.endswith("__main__"):
                    try:
                        import_module(found.name)
                    except ImportError as error:  # a module of a dependency that is not there while the package is built
                        sys.stderr.write(f"patterns of {found.name} are not compiled: {error}\n")
        import_module("analyzer.software.knowledge").knowledge()
        for form in import_module("parsers").FORMATS:
            import_module("re").compile(form.HEADER)
        import_module("parsers.text.patterns").compile_waiting()
    write(file, made)


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    try:
        compile_all()
    except ImportError as missing:
        sys.exit(str(missing))

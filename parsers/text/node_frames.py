"""A frame of JavaScript as V8 prints it, for every tool that shows one."""

from __future__ import annotations

from parsers.records import Frame
from parsers.text.patterns import lazy

_frame = lazy(r"(?:at )?(?:async )?(?:(?P<name>\S.*?) \()?(?P<file>[^()\s]+?):(?P<line>\d{1,9}):\d{1,9}\)?\s*$").match

_built_in = lazy(r"at (?P<cls>[A-Z][\w]{0,60})\.(?P<name>[\w$]{1,80}) \(<anonymous>\)\s*$").match
"""A function of V8's own: ``at RegExp.exec (<anonymous>)``."""


def node_frame(text: str) -> Frame | None:
    """``at pack (/opt/mill/sack.js:52:14)``: the file as class, of a library with its folder below ``node_modules``; None for what is no frame."""
    match = _frame(text)
    if match is None:
        built_in = _built_in(text)
        return Frame(built_in["cls"], built_in["name"], None) if built_in is not None else None
    file = match["file"].removeprefix("file://")
    folder, _, short = file.rpartition("/")
    # Node before 16 names its own modules without "node:", and without a folder or below "internal".
    if not file.startswith(("node:", "/", ".")) and (not folder or folder.startswith("internal")) and file.endswith(".js"):
        file = f"node:{file.removesuffix('.js')}"
    library = file.startswith("node:") or "/node_modules/" in file
    module = file.partition("/node_modules/")[2] if "/node_modules/" in file else file if library else short
    name = (match["name"] or "<anonymous>").replace("new ", "").partition(" [")[0]
    prefix = "node_modules/" if "/node_modules/" in folder else ""
    return Frame(prefix + module.rpartition(".")[0] if "." in module else prefix + module, name, f"{short}:{match['line']}")

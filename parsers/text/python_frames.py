"""A Python frame from its file, line and function, for every tool that prints one."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from parsers.records import Frame

_LIBRARY: Final = re.compile(r"\A.*[/\\](?:site-packages|dist-packages|python\d(?:\.\d{1,2})?|lib-dynload)[/\\]")
_SUFFIX: Final = re.compile(r"(?:[/\\]__init__)?\.(?:py[cx]?|so|pyd)$")
_SHORT: Final = 2


@lru_cache(maxsize=65536)
def python_frame(file: str, line: str | int | None, name: str) -> Frame:
    """``http.client`` and ``HTTPResponse._read_status`` at ``http/client.py:279``: the module as class, the function as printed.

    A path below a library's folder says the module. Of any other path only the file counts: where the program's own modules begin is not said.
    """
    below = _LIBRARY.sub("", file)
    short = (
        below
        if below != file or not (file.startswith(("/", "\\")) or file[1:_SHORT] == ":")
        else file.replace("\\", "/").rpartition("/")[2]
    )
    module = _SUFFIX.sub("", short).replace("\\", ".").replace("/", ".")
    plain = name.replace("\\_", "_")  # Markdown escapes underscores
    return Frame(module, plain, f"{short}:{line}" if line is not None else short)

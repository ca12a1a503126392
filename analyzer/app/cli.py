"""Entry point: arguments in, exit code out, no thinking.

The usual calls, ``analyze incident/`` and those with the usual options, need no option parser; loading one costs as much as half of the analysis
of a small incident. Whatever has another option or another command goes to :mod:`analyzer.app.options`.
"""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from analyzer.app.command import ANALYSED, COMMANDS, DEFECT, USAGE, interrupted, run
from analyzer.app.compiled_patterns import kept
from analyzer.app.usual_options import usual
from analyzer.app.writing import complain, put, silence
from analyzer.model.errors import UsageError
from analyzer.model.message import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

_LANGUAGE: Final = "--lang"
NAMES: Final = ("analyze", "closewait")
"""What the program is called; shells complete each by itself."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit. A word that names an existing path is a path, even if it is also a command's name."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _plain_output()
    try:
        with kept(), _speaking(given):
            code = _code(given)
    except KeyboardInterrupt:
        code = interrupted()
    except Exception as error:
        if {"-v", "--verbose"} & set(given):
            raise
        complain(
            say(
                "a defect of this tool: {kind}: {error}. Please report it; -v shows where it happened",
                kind=type(error).__name__,
                error=error,
            )
        )
        code = DEFECT
    sys.exit(code)


def _speaking(given: Sequence[str]) -> AbstractContextManager[None]:
    """Within it the terminal speaks the language of the command line: English, unless another one is named that there is."""
    asked = _asked(given)
    if asked is None:
        return nullcontext()
    from reports.language.catalogue import ENGLISH, LANGUAGES, speaking  # noqa: PLC0415 - English needs no catalogue

    return speaking(asked if asked in LANGUAGES else ENGLISH)


def _asked(given: Sequence[str]) -> str | None:
    """The last value of the option."""
    words, asked = list(given), None
    for index, word in enumerate(words):
        if word == "--":
            break
        if word == _LANGUAGE and index + 1 < len(words):
            asked = words[index + 1]
        elif word.startswith(f"{_LANGUAGE}="):
            asked = word.partition("=")[2]
    return asked


def _code(given: list[str]) -> int | str | None:
    """The exit code of a command line, with all that it printed on its way."""
    try:
        code: int | str | None = _dispatch(given)
        put("")
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # the option parser's answer to a reader that has seen enough is 1
            silence(sys.stdout)
            return ANALYSED
        code = ended.code
    except UsageError as error:
        complain(error.text)
        return USAGE
    except OSError as error:
        if error.filename is not None:
            raise
        silence(sys.stdout)  # what the option parser prints itself: help, completion
        complain(say("cannot write to stdout: {error}", error=error.strerror or error))
        return USAGE
    return code


def _dispatch(given: list[str]) -> int:
    given = _command_first(given)
    words = given or _completed()
    other = bool(words) and words[0] in COMMANDS and not Path(words[0]).exists()
    if given:
        _refuse_near(words)
    if not other and (request := usual(given)) is not None:
        return run(request, shlex.join(["analyze", *given]))
    from analyzer.app import fleet_options, options  # noqa: PLC0415 - see above

    (fleet_options.commands if other else options.app)(options.prepared(given), prog_name=_called(), standalone_mode=True, obj=tuple(given))
    return 0


def _command_first(given: list[str]) -> list[str]:
    """The command line with the language behind the command: whoever speaks another one says so first."""
    taken = 1 if given[:1] and given[0].startswith(f"{_LANGUAGE}=") else 2 if given[:1] == [_LANGUAGE] else 0
    if not taken or len(given) <= taken or given[taken] not in COMMANDS or Path(given[taken]).exists():
        return given
    return [given[taken], *given[:taken], *given[taken + 1 :]]


def _refuse_near(words: Sequence[str]) -> None:
    """Say which command was meant by a first word that is neither one nor a path.

    Raises:
        UsageError: if a command is near.
    """
    first = words[0] if words else ""
    if not first.isalpha() or first in COMMANDS or Path(first).exists():
        return
    if first == "help":
        raise UsageError(say("did you mean '{line}'?", line="analyze --help"))
    if first == "analyze":
        raise UsageError(say("did you mean '{line}'?", line=" ".join(words)))
    import difflib  # noqa: PLC0415 - only a wrong word needs it

    near = difflib.get_close_matches(first, COMMANDS, 1, 0.75)
    if near:
        raise UsageError(say("no such file or folder: {first}; did you mean 'analyze {near}'?", first=first, near=near[0]))


def _completed() -> list[str]:
    """What stands on the line that a shell asks to complete; typer answers it, for the command that it begins with."""
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    return line.split()[1:] if any(f"_{name.upper()}_COMPLETE" in os.environ for name in NAMES) else []


def _called() -> str:
    """The name under which the program was started."""
    name = Path(sys.argv[0]).stem if sys.argv else ""
    return name if name in NAMES else NAMES[0]


def _plain_output() -> None:
    """Text that the terminal's encoding cannot show must not end the analysis."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")

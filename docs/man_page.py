"""The manual page, made from the commands and options as they are declared, so that it cannot drift from ``--help``."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, get_args, get_type_hints

from typer.models import ArgumentInfo, ParameterInfo

from analyzer.app import fleet_options, options
from analyzer.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DESCRIPTION = (
    "analyze reads what was saved of a hung or leaking server before its restart (socket tables, thread dumps, lsof, captures), joins sockets with"
    " threads, and says in one sentence what is wrong: with the evidence by file and line, what to do, and a report for the ticket."
    " A word that names an existing path is a path, even if it is also the name of a command."
)
EXITS = (
    ("0", "Analysed, whatever was found."),
    ("1", "Only through --fail-on: something of that severity was found, or no improvement is shown."),
    ("2", "Wrong usage."),
    ("3", "Nothing usable to read."),
    ("4", "A defect of the tool; also when --anonymize finds that a name is left. Nothing is written then."),
    ("130", "Interrupted; no unfinished report is left behind."),
)
ENVIRONMENT = (
    ("NO_COLOR", "If set, the verdict has no colours. Output into a pipe never has any."),
    ("COLUMNS", "Width of the verdict, 40 to 120."),
)
EXAMPLES = (
    ("analyze incident/", "The verdict on the terminal, and incident-report.html beside it."),
    ("analyze -f jira -f json -o out/ incident.tar.gz", "Two formats of an archive into a folder."),
    ("analyze --anonymize --anonymize-map ~/private.json incident/", "A report to pass on, and the key to it, which stays here."),
    ("analyze diff before/ after/", "What a fix has changed."),
    ("ssh app01 'sh -s 1493' < collect.sh", "Gather the evidence with the script of analyze collect."),
)


def page() -> str:
    """The page in the man macros of roff."""
    lines = [
        f'.TH ANALYZE 1 "" "closewait {VERSION}" "User Commands"',
        ".SH NAME",
        r"analyze, closewait \- post-mortem analyzer for hung and leaking servers",
        ".SH SYNOPSIS",
        ".B analyze",
        r"[\fIOPTIONS\fR] \fIINCIDENT\fR...",
    ]
    commands = sorted((str(one.name), one.callback) for one in fleet_options.commands.registered_commands if one.callback)
    for name, made in commands:
        lines += [".br", rf".B analyze {name}", _synopsis(made)]
    lines += [".SH DESCRIPTION", _text(DESCRIPTION), ".SH OPTIONS", *_parameters(options.incident), *_completion(), ".SH COMMANDS"]
    for name, made in commands:
        lines += [f".SS analyze {name} {_synopsis(made)}".rstrip(), _text(made.__doc__ or ""), *_parameters(made)]
    for title, rows in (("EXIT STATUS", EXITS), ("ENVIRONMENT", ENVIRONMENT)):
        lines.append(f".SH {title}")
        for word, said in rows:
            lines += [".TP", rf"\fB{_text(word)}\fR", _text(said)]
    lines.append(".SH EXAMPLES")
    for command, said in EXAMPLES:
        lines += [".TP", rf"\fB{_text(command)}\fR", _text(said)]
    lines += [".SH SEE ALSO", r"\fBjstack\fR(1), \fBlsof\fR(8), \fBss\fR(8), \fBnetstat\fR(8)"]
    return "\n".join(line for line in lines if line) + "\n"


def _declared(command: Callable[..., None]) -> Iterator[tuple[str, object, ParameterInfo]]:
    """Name, type and typer's description of every argument and option."""
    for name, hint in get_type_hints(command, include_extras=True).items():
        for info in getattr(hint, "__metadata__", ()):
            if isinstance(info, ParameterInfo):
                yield name, get_args(hint)[0], info


def _parameters(command: Callable[..., None]) -> Iterator[str]:
    for name, kind, info in _declared(command):
        if isinstance(info, ArgumentInfo):
            names = rf"\fI{_text((info.metavar or name.upper()).strip('[]'))}\fR"
        else:
            value = "" if kind is bool else rf" \fI{_text(info.metavar or _choices(kind))}\fR"
            # Inside Annotated, typer keeps the first name as the default.
            words = [str(word) for word in (info.default, *(info.param_decls or ())) if str(word).startswith("-")]
            names = ", ".join(rf"\fB{_text(word)}\fR" for word in sorted(words, key=len)) + value
        yield from (".TP", names, _text(info.help or ""))
    yield from (".TP", r"\fB\-h\fR, \fB\-\-help\fR", "Show the usage and exit.")


def _completion() -> Iterator[str]:
    """Typer's own options, which no function declares."""
    yield from (".TP", r"\fB\-\-install\-completion\fR", "Install completion for the current shell (bash, zsh, fish, PowerShell).")
    yield from (".TP", r"\fB\-\-show\-completion\fR", "Print the completion script of the current shell.")


def _choices(kind: object) -> str:
    """The values of an enumeration inside an annotation, joined by bars."""
    for one in (kind, *get_args(kind), *(inner for outer in get_args(kind) for inner in get_args(outer))):
        if isinstance(one, type) and issubclass(one, Enum):
            return "|".join(str(member.value) for member in one)
    return "VALUE"


def _synopsis(command: Callable[..., None]) -> str:
    words = [(info.metavar or name.upper()) for name, _, info in _declared(command) if isinstance(info, ArgumentInfo)]
    return " ".join(rf"\fI{_text(word)}\fR" for word in words)


def _text(text: str) -> str:
    """Escaped for roff: backslashes, dashes that people paste, and a dot or quote at the start of a line."""
    escaped = " ".join(text.split()).replace("\\", r"\e").replace("-", r"\-")
    escaped = "".join(sign if sign.isascii() else rf"\[u{ord(sign):04X}]" for sign in escaped)  # groff_char(7)
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped

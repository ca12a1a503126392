r"""Calls of native Windows programs as debuggers print them: ``ledger!Journal::Append+0x33 [d:\src\journal.cpp @ 77]``."""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec.structs import replace

from parsers.records import Frame
from parsers.text.native_frames import native_frame
from parsers.text.patterns import lazy

_row = lazy(
    r"\s{0,8}(?:(?P<number>[0-9a-f]{2,4})(?: |(?=\())\s{0,12}(?:[0-9a-f]{1,5}\s{1,12})?)?"
    r"(?P<columns>(?:(?:[0-9A-Fa-f]{8}(?:`?[0-9A-Fa-f]{8})?|\(Inline(?: Function\))?\)?|-{8}(?:`-{8})?|:)\s{1,12}){0,10})(?P<rest>[A-Za-z_?@$~`<0][^\n]{2,1500}?)\s*$"
).match
_place = lazy(r"[0-9A-Fa-f`]{8,17}").findall
_remark = lazy(r" \((?:FPO|CONV): ").search
_SYSTEM: Final = frozenset(
    """ntdll kernelbase kernel32 user32 win32u gdi32 gdi32full ws2_32 mswsock wsock32 combase ole32 oleaut32 rpcrt4 advapi32 sechost
    bcrypt bcryptprimitives crypt32 schannel secur32 sspicli winhttp wininet webio dnsapi iphlpapi fltlib ucrtbase ucrtbased msvcrt wow64 wow64cpu wow64win
    shell32 shlwapi shcore setupapi cfgmgr32 imm32 uxtheme dwmapi winspool winmm httpapi wtsapi32 winsta netapi32 wevtapi odbc32 msodbcsql17
    msodbcsql18 sqlncli11 sqlncli10 sqlsrv32 oraociei19 clr coreclr mscorwks mscoreei clrjit hostfxr hostpolicy w3wphost w3tp w3dt iiscore iisutil nativerd webengine4
    """.split()  # noqa: SIM905 - a list of names is longer than what it says
)
_RUNTIMES: Final = "msvcr", "msvcp", "vcruntime", "mfc", "atl", "concrt", "api-ms-win", "ext-ms-win"
"""Modules of Windows itself, of Microsoft's run-time libraries and database drivers: nobody's own code."""


class Row(NamedTuple):
    """A line of a stack: the number of the call, the columns of addresses, and the call itself."""

    number: str | None
    columns: tuple[str, ...]
    rest: str


def columns_of(line: str) -> Row | None:
    """The parts of a line that may be a call; None for any other line."""
    match = _row(line)
    if match is None or (match["number"] is None and not match["columns"] and "!" not in match["rest"]):
        return None
    return Row(match["number"], tuple(one.replace("`", "") for one in _place(match["columns"])), match["rest"])


def is_system(module: str) -> bool:
    """True for a module that comes with Windows or with Microsoft's compiler."""
    plain = module.lower()
    return plain in _SYSTEM or plain.startswith(_RUNTIMES)


def called(rest: str) -> Frame:
    """A call: functions of Windows have their module as class, those of a program the type that they belong to."""
    text, source = rest, None
    if rest.endswith("]") and " @ " in rest:
        text, _, place = rest.rpartition(" [")
        path, _, line = place[:-1].rpartition(" @ ")
        source = f"{path.replace(chr(92), '/').rpartition('/')[2]}:{line.strip()}"
    if (remark := _remark(text)) is not None:
        text = text[: remark.start()]
    name = text.rpartition("+0x")[0] or text
    module, bang, symbol = name.strip().partition("!")
    for end in (".dll", ".exe", ".DLL", ".EXE"):
        module = module.removesuffix(end)
    if not bang:
        return Frame("??", "??", None if module.startswith("0x") else module)
    if is_system(module):
        plain = symbol.partition("(")[0] if not symbol.startswith("operator") else symbol
        return Frame(module.lower(), f"Nt{plain[2:]}" if plain.startswith("Zw") else plain, source)
    frame, _ = native_frame(f"{symbol}{'' if '(' in symbol else ' ('}) from /{module}")
    return replace(frame, cls=frame.cls or module, source=source)

"""Commands that the platform of the evidence has: Windows has no ss, macOS no /proc."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.model.finding import When
from analyzer.software.runtimes import fitted
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from analyzer.judge.origin import Origin
    from analyzer.model.finding import Finding, Missing
    from analyzer.model.incident import Incident

_PLATFORMS: Final = {
    "netstat_windows": "windows",
    "net_tcp_connection": "windows",
    "netstat_bsd": "bsd",
    "sockstat": "bsd",
    "netstat_solaris": "solaris",
}
_INSTEAD: Final[dict[str, dict[str, str]]] = {
    # What Linux' command begins with → what the platform has in its place; empty for nothing.
    "windows": {"ss ": "netstat -ano > netstat.txt", "nstat ": "netstat -s -p tcp", "netstat ": "netstat -ano > netstat.txt", "lsof ": "", "gdb ": "dotnet-stack report -p PID > stacks.txt", "top ": "", "cat ": "", "ls ": "", "sysctl ": "netsh int ipv4 show dynamicport tcp", "sleep ": "timeout /t 60"},
    "bsd": {"ss ": "netstat -anv > netstat.txt", "nstat ": "netstat -s -p tcp", "gdb ": "lldb -p PID --batch -o 'bt all' > stacks.txt", "cat /proc": "", "ls /proc": "lsof -p PID", "ls -l /proc": "lsof -p PID > fd.txt", "grep files /proc": ""},
    "solaris": {"ss ": "netstat -an -P tcp > netstat.txt", "nstat ": "netstat -s -P tcp", "lsof ": "", "gdb ": "pstack PID > stacks.txt", "cat /proc": "", "ls /proc": "pfiles PID", "ls -l /proc": "pfiles PID > fd.txt", "grep files /proc": ""},
    "aix": {"ss ": "netstat -Aan > netstat.txt", "nstat ": "netstat -s -p tcp", "lsof ": "", "gdb ": "procstack PID > stacks.txt", "cat /proc": "", "ls /proc": "procfiles -n PID", "ls -l /proc": "procfiles -n PID > fd.txt", "grep files /proc": "", "sysctl ": ""},
}  # fmt: skip
_INSTEAD["windows-native"] = {**_INSTEAD["windows"], "gdb ": 'cdb -pv -p PID -c "~*kb; !locks; q" > stacks.txt'}


_JAVA: Final = re.compile(r"\b(?:java|jstack|jcmd|jps|tomcat|catalina|jsvc)\b", re.IGNORECASE)
_COMMANDS: Final = (
    ("windows", re.compile(r"\bfindstr\b|\bGet-NetTCP|Select-String|\bnetsh\b")),
    ("aix", re.compile(r"\b(?:rmsock|procfiles|procstack|lsattr|netstat -Aan)\b|^\s*no -[oa]")),
    ("solaris", re.compile(r"\bpfiles\b|\bnetstat\b[^|]* -P tcp")),
    (
        "bsd",
        re.compile(r"\bnetstat\b[^|]* -p tcp|\b(?:sockstat|procstat|fstat)\b|\bsysctl\b[^|]* (?:kern|net\.inet)\.|\blaunchctl\b|^KQUEUE$"),
    ),
)
"""Commands that one system alone has."""
_MAC: Final = ("/Users/", "/System/Library/", "/System/Volumes/", "/private/", "/Applications/")
"""Folders that only macOS has."""
_NAMES: Final = {
    "bsd": r"\bmac ?os\b|\bos x\b|\bdarwin\b|\bfreebsd\b|\bopenbsd\b",
    "solaris": r"\bsolaris\b|\bsunos\b|\billumos\b|\bsmartos\b",
    "aix": r"\baix\b",
    "windows": r"\bwindows (?:server|\d)|\biis\b",
    "linux": r"\blinux\b|\bubuntu\b|\bdebian\b|\bcentos\b|\brhel\b|\bred hat\b|\balpine\b|/proc/\d|\bkubectl\b|\bdocker\b",
}
_names = {system: lazy(words, flags=re.IGNORECASE).search for system, words in _NAMES.items()}
_HINTS: Final = {
    "bsd": ("mac", "os x", "darwin", "bsd"),
    "solaris": ("solaris", "sunos", "illumos", "smartos"),
    "aix": ("aix",),
    "windows": ("windows", "iis"),
    "linux": ("linux", "ubuntu", "debian", "centos", "rhel", "red hat", "alpine", "/proc/", "kubectl", "docker"),
}
"""What each of a system's names has: a text without any need not be searched."""
_EVERYWHERE: Final = frozenset({"lsof"})
"""Tools that print alike on all systems."""


def platform_of(incident: Incident, text: str = "") -> str | None:
    """The system that a socket table was printed on, whose commands stand above the outputs, or which the text alone names; None for Linux or where nothing tells."""
    if any(dump.dialect == "windows_stacks" for snapshot in incident.snapshots for dump in snapshot.dumps):
        return "windows-native"
    tools = {snapshot.rows[0].tool for snapshot in incident.snapshots if snapshot.rows}
    found = {_PLATFORMS[tool] for tool in tools if tool in _PLATFORMS}
    prompts = [part.prompt for artifact in incident.artifacts for part in artifact.parts if part.prompt]
    prompts += [word for snapshot in incident.snapshots for tally in snapshot.tallies for word in (tally.command, tally.name) if word]
    named = {platform for platform, pattern in _COMMANDS if any(pattern.search(prompt) for prompt in prompts)}
    if found == {"bsd"} and named == {"aix"}:
        return "aix"  # its netstat prints as BSD's
    if tools <= {"lsof"} and any(
        one.tool == "lsof" and one.target.startswith(_MAC) for snapshot in incident.snapshots for one in snapshot.open_files
    ):
        return "bsd"
    if tools - _EVERYWHERE:
        return found.pop() if len(found) == 1 and len(tools) == 1 else None
    named = named or _named_in(text)
    only = named.pop() if len(named) == 1 else None
    return only if only in _INSTEAD else None


def _named_in(text: str) -> set[str]:
    """The systems that a text names."""
    plain = text.lower()
    return {system for system, search in _names.items() if any(hint in plain for hint in _HINTS[system]) and search(text)}


def speaks_of_jvm(incident: Incident) -> bool:
    """True if something says that the process is a JVM: a command, a stack of Java below a line of a log, the name of a process."""
    said = [part.prompt or "" for artifact in incident.artifacts for part in artifact.parts]
    said += [row.command for snapshot in incident.snapshots for row in snapshot.processes]
    said += [tally.process or "" for snapshot in incident.snapshots for tally in snapshot.tallies]
    said += [owner.command or "" for snapshot in incident.snapshots for row in snapshot.rows for owner in row.owners or ()]
    if any(_JAVA.search(one) for one in said):
        return True
    events = [event for artifact in incident.artifacts for event in artifact.events]
    return any(event.source == "JVM" or any(".java" in str(frame) for frame in event.frames) for event in events)


class Commands:
    """The commands that the system and the VM have that the evidence comes from."""

    def __init__(self, incident: Incident, origin: Origin) -> None:
        """Look at the outputs of ``incident``, which come from ``origin``."""
        self._incident = incident
        self._origin = origin
        self._platform = platform_of(incident, origin.text)
        self._dump = _dump_command(incident)

    def fitting(self, missing: Missing, pid: int | None = None) -> Missing:
        """The same with commands that they have; ``pid``: of the process that it is asked for, where that is known."""
        missing = _answerable(self._incident, missing)
        return replace(missing, command=self._fit(missing.command, pid) or missing.command)

    def possible(self, finding: Finding) -> Finding:
        """The finding with commands that they have: what they lack is left out, and what the evidence shows already is not asked for."""
        pid = finding.process.pid if finding.process is not None else None
        actions = tuple(
            replace(one, command=self._fit(one.command, pid) if one.command else one.command)
            for one in finding.actions
            if not (self._origin.alike and one.when is When.NOW and _asks_again(one.command))
        )
        asked = (one for one in finding.missing if not (self._origin.alike and _asks_again(one.command)))
        return replace(finding, actions=actions, missing=tuple(self.fitting(one, pid) for one in asked))

    def _fit(self, command: str, pid: int | None) -> str | None:
        command = _of_vm(command, self._dump)
        if self._origin.runtime is not None:
            command = fitted(command, self._origin.runtime)
        if self._origin.framework:
            command = _DOTNET_STACK.sub(r"procdump -ma \g<pid>  # .NET Framework: clrstack -all in WinDbg with SOS", command)
        fit = command if self._platform is None else _on(command, self._platform)
        known = pid if pid is not None else self._origin.pid
        return _PID.sub(str(known), fit) if fit is not None and known is not None else fit


_DOTNET_STACK: Final = re.compile(r"dotnet-stack report -p (?P<pid>\w+) > \S+")
_PID: Final = re.compile(r"\bPID\b")
_SECOND: Final = re.compile(r"(?:jstack|stacks|threads)-2\.txt\b")


def _asks_again(command: str | None) -> bool:
    """True for a command that takes nothing but a second dump of the threads."""
    return command is not None and ";" not in command and _SECOND.search(command) is not None


def _on(command: str, platform: str) -> str | None:
    instead = _INSTEAD[platform]
    pid = re.search(r"(?:-p |/proc/)(\d+)", command)
    parts = [part.strip() for part in command.split(";")]
    chosen = [next((put for begin, put in instead.items() if part.startswith(begin)), part) for part in parts]
    kept = list(dict.fromkeys(part for part in chosen if part))
    if not kept and any(part.startswith("lsof ") for part in parts):
        kept = [instead["ss "]]
    if "-2.txt" in command:
        kept = [part.replace("netstat.txt", "netstat-2.txt") for part in kept]
    text = "; ".join(kept) or None
    return text.replace("PID", pid[1]) if text is not None and pid is not None else text


_JSTACK: Final = re.compile(r"jstack(?: -l)? (?P<pid>\w+) > \S+")
_DUMP_COMMANDS: Final = {
    "javacore": "kill -3 {pid}  # IBM's VM writes a javacore file into the working directory of the server",
    "jrockit": "jrcmd {pid} print_threads > threads.txt",
}
"""How a VM that has no jstack, known by its dump, is asked for a dump."""


def _dump_command(incident: Incident) -> str | None:
    """The command that makes a dump of the only VM that the dumps are of, None where jstack does."""
    found = {dump.dialect for snapshot in incident.snapshots for dump in snapshot.dumps}
    return _DUMP_COMMANDS.get(found.pop()) if len(found) == 1 else None


def _of_vm(command: str, instead: str | None) -> str:
    """The command with what the VM has in place of jstack."""
    match = _JSTACK.search(command) if instead is not None else None
    return command[: match.start()] + (instead or "").format(pid=match["pid"]) if match is not None else command


def _answerable(incident: Incident, missing: Missing) -> Missing:
    """What is missing, by a command that needs no answer of the VM where it gave none to jstack."""
    failed = [failure for snapshot in incident.snapshots for failure in snapshot.attach_failures]
    if not failed or not missing.command.startswith("jstack"):
        return missing
    pid = next((str(failure.pid) for failure in failed if failure.pid is not None), "PID")
    return replace(missing, command=f"kill -3 {pid}  # stacks go to its standard output; top -H -b -n 1 -p {pid} > top.txt")

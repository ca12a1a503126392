r"""Who holds what on Windows, as its debuggers tell it beside the stacks: critical sections, the loader lock, handles of threads, derived chains of waits.

    CritSec ledger!g_journal+0 at 00007ff702c6a010        DebugInfo          = 0x00007ffc1f3c5d40
    LockCount          1                                   Critical section   = 0x00007ff702c6a010 (ledger!g_journal+0x0)
    OwningThread       11f8                                LOCKED
    *** Locked                                             OwningThread       = 0x00000000000011f8

``dt _RTL_CRITICAL_SECTION`` prints the fields of one, ``!handle 2f4 f`` whose thread a handle is, ``!analyze -hang`` a chain of waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from parsers.records import Frame, LockVerb, NativeId
from parsers.records.stack_records import END_OF_THREAD, LOADER_LOCK
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from parsers.text.source import Section
    from parsers.text.stack import Stack
    from parsers.text.windows_frames import Row

_critsec = lazy(r"\s*CritSec (?P<name>\S{1,300}?)(?:\+0x0|\+0)? at (?P<address>[0-9A-Fa-f`]{8,17})\s*$").match
_section = lazy(r"\s*Critical section\s+= 0x(?P<address>[0-9A-Fa-f`]{8,17})(?: \((?P<name>[^()\n]{1,300}?)(?:\+0x0)?\))?\s*$").match
_typed = lazy(r"dt\s[^\n]{0,60}?RTL_CRITICAL_SECTION\s{1,4}(?:0x)?(?P<name>[\w!:`]{3,200})").match
_owner = lazy(
    r"\s*(?:\+0x[0-9a-f]{2,4} )?OwningThread\s*[:=]?\s*(?:0x)?(?P<owner>[0-9A-Fa-f]{1,8}(?:`[0-9A-Fa-f]{1,8})?|[0-9A-Fa-f]{16})(?:\s+Void)?\s*$"
).match
_field = lazy(
    r"\s*(?:\+0x[0-9a-f]{2,4} )?(?:DebugInfo|WaiterWoken|LockCount|RecursionCount|EntryCount|ContentionCount|LockSemaphore|SpinCount|OwningThread DbgId|OwningThread)\b\s*[:=]?"
    r"|\s*\*\*\* (?:Locked|Not Locked)|\s*(?:NOT )?LOCKED\s*$|\s*!?(?:Scanned|Stopped scanning) "
).match
_handle = lazy(r"\s*Handle (?:0x)?(?P<handle>[0-9A-Fa-f`]{1,17})\s*$").match
_thread_id = lazy(r"\s*Thread Id\s+(?P<pid>[0-9A-Fa-f]{1,8})\.(?P<tid>[0-9A-Fa-f]{1,8})\s*$").match
_of_handle = lazy(
    r"\s*(?:Type\s|Attributes\s|GrantedAccess\s|HandleCount\s|PointerCount\s|Name\s|Object [Ss]pecific|Priority\s|Base Priority|Start Address|Handles? of type|(?:Delete|Synch|ReadControl|None|Query|Terminate)\w*,)"
).match
_link = lazy(
    r"\s{0,4}(?P<dead>x?)\s{1,4}(?P<number>\d{1,4})\s{1,6}(?P<pid>[0-9A-Fa-f]{1,8})\.(?P<tid>[0-9A-Fa-f]{1,8})\s{1,4}(?P<kind>[A-Z][A-Za-z/ ]{2,40}?)\s*(?P<arrow>-->|--\^)?\s*$"
).match
_ENTERS: Final = frozenset(
    {
        "RtlEnterCriticalSection",
        "RtlpWaitOnCriticalSection",
        "RtlpWaitForCriticalSection",
        "RtlpEnterCriticalSectionContended",
        "EnterCriticalSection",
    }
)
_WAITS_FOR_LOADER: Final = frozenset({"LdrpAcquireLoaderLock", "LdrLockLoaderLock", "LdrpDrainWorkQueue"})
_UNDER_LOADER: Final = frozenset({"LdrShutdownThread", "LdrpInitializeThread", "LdrShutdownProcess", "_LdrpInitialize"})
"""The start and the end of a thread, which Windows runs under the loader lock: who waits for a critical section at once above them waits for it."""
_HAS_LOADER: Final = frozenset(
    {"LdrpCallInitRoutine", "LdrpCallInitRoutineInternal", "LdrpCallTlsInitializers", "LdrpRunInitializeRoutines", "LdrpProcessDetachNode"}
)
_WAITS: Final = frozenset(
    {"NtWaitForSingleObject", "NtWaitForMultipleObjects", "WaitForSingleObject", "WaitForSingleObjectEx", "WaitForMultipleObjectsEx"}
)
_SHORT: Final = 8
"""Digits of an address of 32 bits, whose stacks print the arguments that were passed."""
_PLACES: Final = 2
"""Columns of addresses in front of the arguments; where the stack's own is not printed it is one."""


class _Link(NamedTuple):
    """A line of the debugger's own chain of waits."""

    at_line: int
    number: int
    tid: int
    kind: str
    arrow: str
    dead: bool


class _Wait:
    """What the calls of one thread say of its wait: the critical section or handle that its first argument is, and the call's line."""

    def __init__(self) -> None:
        self.enters = self.loader = self.has_loader = False
        self.exact: str | None = None
        self.seen: set[str] = set()
        self.line = 0
        self.handles: set[str] = set()
        self.on_object = False


class Sections:
    """Collects what is told beside the stacks, and ties it to the threads at the end."""

    def __init__(self, section: Section) -> None:
        """Begin with nothing."""
        self.section = section
        self.names: dict[str, str] = {}
        self.owners: dict[str, int] = {}
        self.handles: dict[str, int] = {}
        self.waits: dict[int, _Wait] = {}
        self.links: list[_Link] = []
        self._at: str | None = None
        self._handle: str | None = None

    def asked(self, command: str) -> None:
        """Somebody asks the debugger: for the fields of a section, or of a handle."""
        typed = _typed(command)
        self._handle, self._at = None, None
        if typed is not None:
            name = typed["name"].replace("`", "").lower() if _is_address(typed["name"]) else typed["name"]
            self._at = _plain(name) if _is_address(name) else name
            self.names[self._at] = "" if _is_address(name) else name

    def take(self, index: int, line: str) -> bool:
        """Take a line of a section, a handle or a chain; False if it is none."""
        if (match := _critsec(line) or _section(line)) is not None:
            self._at = _plain(match["address"])
            self.names[self._at] = match["name"] or ""
        elif (match := _owner(line)) is not None:
            if self._at is not None and (owner := int(match["owner"].replace("`", ""), 16)):
                self.owners[self._at] = owner
        elif (match := _handle(line)) is not None:
            self._handle = _plain(match["handle"])
        elif (match := _thread_id(line)) is not None:
            if self._handle is not None:
                self.handles[self._handle] = int(match["tid"], 16)
        elif (match := _link(line)) is not None:
            self.links.append(
                _Link(index, int(match["number"]), int(match["tid"], 16), match["kind"].strip(), match["arrow"] or "", bool(match["dead"]))
            )
        else:
            return _field(line) is not None or (self._handle is not None and _of_handle(line) is not None)
        return True

    def call(self, stack: Stack, frame: Frame, row: Row, index: int) -> None:
        """A call of a thread: what its name and its arguments say of locks."""
        wait = self.waits.setdefault(id(stack), _Wait())
        if frame.cls not in {"ntdll", "kernelbase", "kernel32"}:
            return
        own = all(one.cls in {"ntdll", "kernelbase", "kernel32"} for one in stack.frames)
        first = row.columns[_PLACES] if len(row.columns) > _PLACES else None
        if frame.method in _WAITS_FOR_LOADER or (frame.method in _UNDER_LOADER and wait.enters):
            wait.loader, wait.line = own, wait.line or index
        elif frame.method in _ENTERS and own:
            wait.enters, wait.line = True, index
            wait.exact = _plain(first) if first is not None and len(first) == _SHORT else wait.exact
            wait.seen.update(_plain(one) for one in row.columns)
        elif frame.method in _WAITS and own:
            wait.on_object = True
            wait.handles.update(_plain(one) for one in row.columns[1:])
        elif frame.method in _HAS_LOADER:
            wait.has_loader = True

    def chained(self) -> Iterator[tuple[int, NativeId, int]]:
        """The threads of the derived chain of waits: the debugger's number, the kernel's, and the line that names it."""
        return ((link.number, NativeId(link.tid), link.at_line) for link in self.links)

    def tie(self, stacks: Mapping[NativeId, Stack], alone: Sequence[Stack]) -> None:
        """Give each thread the locks that it waits for, and those that it has."""
        every = [*stacks.values(), *alone]
        loader = next((address for address, name in self.names.items() if name == LOADER_LOCK), LOADER_LOCK)
        for tid, stack in [*stacks.items(), *((None, stack) for stack in alone)]:
            wait = self.waits.get(id(stack))
            if wait is None:
                continue
            at, guessed = (loader, False) if wait.loader else self._entered(wait, tid, loader) if wait.enters else (None, False)
            if at is not None:
                stack.lock(LockVerb.WAITING_TO_LOCK, at, self._name(at), wait.line, depth=0)
                stack.locks[-1] = replace(stack.locks[-1], guessed=guessed)
            elif wait.on_object:
                self._end_of(stack, tid, wait, stacks)
        for address, owner in self.owners.items():
            holder = stacks.get(NativeId(owner))
            if holder is not None:
                _owned(holder, address, self._name(address))
        if loader not in self.owners:
            has = [stack for stack in every if (wait := self.waits.get(id(stack))) is not None and wait.has_loader and not wait.loader]
            if len(has) == 1:
                _owned(has[0], loader, LOADER_LOCK)
        self._chain(stacks)

    def _name(self, address: str) -> str:
        return LOADER_LOCK if address == LOADER_LOCK else self.names.get(address) or "critical section"

    def _entered(self, wait: _Wait, tid: NativeId | None, loader: str) -> tuple[str | None, bool]:
        """The section that a thread enters, and whether it is only the one that is left."""
        if wait.exact is not None:
            return wait.exact, False
        shown = [address for address in self.owners if address in wait.seen]
        if len(shown) == 1:
            return shown[0], False
        left = [address for address, owner in self.owners.items() if owner != tid and address != loader]
        return (left[0], True) if len(left) == 1 else (None, False)

    def _end_of(self, stack: Stack, tid: NativeId | None, wait: _Wait, stacks: Mapping[NativeId, Stack]) -> None:
        """A wait for a thread's handle: the handle is among the arguments."""
        ends = {owner for handle, owner in self.handles.items() if handle in wait.handles and owner != tid}
        if len(ends) == 1 and (holder := stacks.get(NativeId(ends.pop()))) is not None:
            _tied(stack, holder, END_OF_THREAD, wait.line or stack.first)

    def _chain(self, stacks: Mapping[NativeId, Stack]) -> None:
        """The debugger's own chain: each waits for the one in the next line, the last one with ``--^`` for the first that is marked."""
        marked = next((link.tid for link in self.links if link.dead), None)
        for at, (index, _, tid, kind, arrow, _) in enumerate(self.links):
            after = self.links[at + 1].tid if arrow == "-->" and at + 1 < len(self.links) else marked if arrow == "--^" else None
            stack, holder = stacks.get(NativeId(tid)), stacks.get(NativeId(after)) if after is not None else None
            waits = stack is not None and any(lock.verb is LockVerb.WAITING_TO_LOCK and not lock.guessed for lock in stack.locks)
            if stack is not None and holder is not None and holder is not stack and not waits:
                stack.locks[:] = [lock for lock in stack.locks if lock.verb is not LockVerb.WAITING_TO_LOCK]
                _tied(stack, holder, END_OF_THREAD if "Thread" in kind else kind.lower(), index)


def _tied(stack: Stack, holder: Stack, what: str, index: int) -> None:
    address = f"{what}@{holder.section.first + holder.first}"
    last = stack.last
    stack.lock(LockVerb.WAITING_TO_LOCK, address, what, index, depth=0)
    stack.last = last
    _owned(holder, address, what)


def _owned(stack: Stack, address: str, name: str) -> None:
    if not any(lock.address == address for lock in stack.locks):
        stack.lock(LockVerb.LOCKED, address, name, stack.first, depth=len(stack.frames))


def _is_address(text: str) -> bool:
    plain = text.replace("`", "")
    return len(plain) >= _SHORT and all(char in "0123456789abcdefABCDEF" for char in plain)


def _plain(text: str) -> str:
    """An address without leading zeros and separators, as all outputs may print it."""
    return f"0x{text.replace('`', '').lower().lstrip('0') or '0'}"

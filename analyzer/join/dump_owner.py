"""Which process a thread dump is of: by pid, by a listener's port in a pool's name, by native ids, else the only candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.join.dump_basis import DumpBasis
from analyzer.join.same_stacks import only_candidate
from analyzer.join.socket_table import listening_ports
from analyzer.software.pools import named_ports
from analyzer.software.runtimes import may_run, runtime_of_command
from parsers.records import Pid, Runtime, TcpState, ThreadDump

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from analyzer.join.process_draft import ProcessDraft
    from analyzer.software.knowledge import Knowledge

_INIT: Final = 1
NEAREST_IDS: Final = 16
"""How far the VM's first thread id may lie behind its pid: a busy host hands out a few ids in between."""


def owner_of(
    free: Iterable[ProcessDraft], dump: ThreadDump, known: Knowledge, inner: Mapping[Pid, Pid]
) -> tuple[ProcessDraft | None, DumpBasis | None]:
    """The process and why it is the one. ``inner``: a container's own number of a process → its pid on the host."""
    candidates = list(free)
    if dump.pid is not None and (same := [view for view in candidates if view.pid == inner.get(dump.pid, dump.pid)]):
        # A container's JVM is its pid 1, and so is the init of the host, which listens too: the port in the pools' names decides.
        by_port = _with_port(candidates, dump, known)
        if by_port is None or by_port is same[0] or dump.pid in inner:
            return same[0], DumpBasis.PID
        return by_port, DumpBasis.PORT_AGAINST_PID
    if dump.pid is not None and any(view.pid is not None for view in candidates):
        # Another pid: a container's own numbering, a restarted process, another host. The port may still tell, but it is said.
        by_port = _with_port(candidates, dump, known)
        return (by_port, DumpBasis.PORT_AGAINST_PID) if by_port else (None, None)
    if by_port := _with_port(candidates, dump, known):
        return by_port, DumpBasis.PORT
    if by_ids := _with_native_ids(candidates, dump) if dump.runtime is Runtime.JVM else _with_main_thread(candidates, dump):
        return by_ids, DumpBasis.NATIVE_IDS
    ports = _ports_in_names(dump, known)
    candidates = [view for view in candidates if not _listens_elsewhere(view, ports)]
    possible = [view for view in candidates if view.command is None or "java" in view.command.lower()]
    if dump.runtime is not Runtime.JVM:
        return only_candidate(candidates, dump.runtime, known)
    # A proxy is no JVM, nor is what is called after another runtime, or a service of the system.
    possible = possible or [view for view in candidates if not known.is_proxy(view.command) and may_run(view.command, Runtime.JVM)]
    return (possible[0], DumpBasis.ONLY) if len(possible) == 1 and possible[0].sockets else (None, None)


def _ports_in_names(dump: ThreadDump, known: Knowledge) -> set[int]:
    """The ports that the dump's pools are named after."""
    return set(named_ports(dump.threads, known))


def _listens_elsewhere(view: ProcessDraft, ports: set[int]) -> bool:
    """True if the process has listeners, and neither one nor a connection of it has a port that the dump names: it is another VM."""
    listens = any(socket.state is TcpState.LISTEN for socket in view.sockets)
    return bool(ports) and listens and not ports & view.local_ports


def _with_port(candidates: Iterable[ProcessDraft], dump: ThreadDump, known: Knowledge) -> ProcessDraft | None:
    """The one process that listens on a port which a pool of the dump is named after."""
    ports = _ports_in_names(dump, known)
    if not ports:
        return None
    matching = [view for view in candidates if ports & listening_ports(view.sockets).keys()]
    return matching[0] if len(matching) == 1 else None


def _with_native_ids(candidates: Iterable[ProcessDraft], dump: ThreadDump) -> ProcessDraft | None:
    """The one process whose pid comes right before the dump's lowest thread id.

    The launcher starts the VM's first threads at once (``java.c``, ``ContinueInNewThread``), so their kernel ids follow the pid. A container
    numbers its own ids from 1: these follow no pid of the host's table.
    """
    ids = [thread.native_id for thread in dump.threads if thread.native_id is not None]
    if not ids:
        return None
    near = [view for view in candidates if view.pid is not None and 0 < min(ids) - view.pid <= NEAREST_IDS]
    return near[0] if len(near) == 1 else None


def _with_main_thread(candidates: Iterable[ProcessDraft], dump: ThreadDump) -> ProcessDraft | None:
    """The process whose pid is the lowest id of the dump's threads: on Linux the main thread has the number of its process."""
    first = min((int(thread.native_id) for thread in dump.threads if thread.native_id is not None), default=None)
    same = next((view for view in candidates if view.pid is not None and int(view.pid) == first), None)
    # A container's first process is 1, and so is the host's init, which listens for others.
    return same if same is not None and (first != _INIT or runtime_of_command(same.command) is dump.runtime) else None

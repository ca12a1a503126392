"""The kernel's own tables: what is true of a process while its files are taken."""

import contextlib
import ipaddress
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

STATES = (
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "NEW_SYN_RECV",
)

# System calls of x86-64 that can block on a socket and name its descriptor first (arch/x86/entry/syscalls).
BLOCKING = {0: "read", 1: "write", 20: "writev", 42: "connect", 44: "sendto", 45: "recvfrom"}
POLL = 7


@dataclass(frozen=True)
class Socket:
    """One row of /proc/net/tcp or tcp6; the queues are bytes, for a listener its accept queue."""

    local: str
    remote: str
    state: str
    send_queue: int
    receive_queue: int
    inode: int

    @property
    def local_port(self) -> int:
        """The port of this end."""
        return int(self.local.rpartition(":")[2])

    @property
    def remote_port(self) -> int:
        """The port of the other end."""
        return int(self.remote.rpartition(":")[2])


def sockets(pid: int) -> list[Socket]:
    """All TCP sockets of the network namespace of a process."""
    rows = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, remote, state, queues, _, _, _, _, inode, *_ = line.split()
            send, receive = (int(part, 16) for part in queues.split(":"))
            name = STATES[int(state, 16) - 1]
            rows.append(Socket(_endpoint(local), _endpoint(remote), name, send, receive, int(inode)))
    return rows


def owned(pid: int) -> list[Socket]:
    """The TCP sockets that the process has a descriptor of."""
    inodes = set(descriptors(pid).values())
    return [socket for socket in sockets(pid) if socket.inode in inodes]


def unaccepted(pid: int) -> list[Socket]:
    """Connections to a listener of the process that it has not accepted: in the tables they have no inode yet."""
    ports = {socket.local_port for socket in owned(pid) if socket.state == "LISTEN"}
    queued = ("ESTABLISHED", "CLOSE_WAIT")
    return [s for s in sockets(pid) if s.inode == 0 and s.local_port in ports and s.state in queued]


def descriptors(pid: int) -> dict[int, int]:
    """Socket inode by descriptor."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since the listing
            match = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
            if match:
                found[int(link.name)] = int(match[1])
    return found


def blocked_on(pid: int) -> dict[int, tuple[str, int]]:
    """System call and socket inode by native thread id, of the threads that stand in such a call now."""
    inode_of = descriptors(pid)
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread ended
            number, *arguments = (task / "syscall").read_text().split()
            if not arguments or not number.isdecimal():
                continue
            call = int(number)
            if call in BLOCKING:
                name, descriptor = BLOCKING[call], int(arguments[0], 16)
            elif call == POLL:
                name, descriptor = "poll", _first_polled(pid, int(arguments[0], 16))
            else:
                continue
            if descriptor in inode_of:
                found[int(task.name)] = (name, inode_of[descriptor])
    return found


def close_wait_kinds(owned_sockets: list[Socket], queued: list[Socket]) -> dict[str, int]:
    """CLOSE_WAIT by receive queue; the FIN counts as one byte of it."""
    kinds: Counter[str] = Counter(fin_only=0, unread=0, drained=0, unaccepted=0)
    for socket in owned_sockets:
        if socket.state == "CLOSE_WAIT":
            kinds["drained" if socket.receive_queue == 0 else "fin_only" if socket.receive_queue == 1 else "unread"] += 1
    kinds["unaccepted"] = sum(socket.state == "CLOSE_WAIT" for socket in queued)
    return dict(kinds)


def endpoint(text: str) -> str:
    """An address and port, however a program writes them, as this module does."""
    address, _, port = text.rpartition(":")
    return _shown(ipaddress.ip_address(address.strip("[]").partition("%")[0]), int(port))


def _first_polled(pid: int, address: int) -> int:
    """The descriptor in the struct pollfd at an address of the process."""
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        return int.from_bytes(os.pread(memory, 4, address), "little", signed=True)
    except OSError:
        return -1
    finally:
        os.close(memory)


def _endpoint(text: str) -> str:
    """``0A00007F:1F90`` as ``127.0.0.10:8080``; each 32-bit word of the address is in host order."""
    address, _, port = text.partition(":")
    packed = b"".join(bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8))
    return _shown(ipaddress.ip_address(packed), int(port, 16))


def _shown(ip: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    """IPv6 in brackets, but an IPv4 address mapped into it as the IPv4 address."""
    text = str(ip.ipv4_mapped or f"[{ip}]") if isinstance(ip, ipaddress.IPv6Address) else str(ip)
    return f"{text}:{port}"

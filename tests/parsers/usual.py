"""Usual rows of each tool; run as a program, it drives both forms of their reader over changed and cut ones, as ``tests/parsers/capture/sanitize.sh`` does.

python -m tests.parsers.usual [ROUNDS]
"""

from __future__ import annotations

import random
import sys
from typing import Any

from parsers.sockets import lsof, netstat, ss
from parsers.sockets.kernel import rows, shapes
from parsers.text.source import Section

FORMATS: dict[str, Any] = {"lsof": lsof, "netstat": netstat, "ss": ss}
CLASSES = {"lsof": "UsualLsof", "netstat": "UsualNetstat", "ss": "UsualSs"}
LSOF_HEADER = "COMMAND    PID     USER   FD      TYPE             DEVICE  SIZE/OFF       NODE NAME"
BANNER = "Active Internet connections (servers and established)"
NETSTAT_HEADER = (
    "Proto Recv-Q Send-Q Local Address           Foreign Address         State       User       Inode      PID/Program name     Timer"
)
SS_NETID = "Netid  State       Recv-Q  Send-Q       Local Address:Port        Peer Address:Port  Process"
HEADERS = {"lsof": (LSOF_HEADER,), "netstat": (BANNER, NETSTAT_HEADER), "ss": (SS_NETID,)}
USUAL = {
    "lsof": (
        "java      27836   tomcat    12u  IPv4          844000000       0t0        TCP 10.80.0.21:8080->10.1.2.3:60494 (CLOSE_WAIT)",
        "java      27836   tomcat  *345w  IPv6          844000001       0t0        TCP 10.80.0.21:8080->[2001:db8::7]:60494 (ESTABLISHED)  ",
        "my\\x20prog   1   tomcat    12u  IPv4 0xfffff8001234abcd       0t0        TCP *:8080 (LISTEN)",
        "java      27836   tomcat    13u  IPv4                  7       0t0        UDP *:68",
        "java      27836   tomcat    14r   REG              253,0       104         12 /srv/app/data/part one.db",
    ),
    "netstat": (
        "tcp       58      0 10.80.0.21:8080         10.1.2.3:60494          CLOSE_WAIT  1001       844000000  27836/java           keepalive (7194.90/0/0)",
        "tcp6       0      0 10.80.0.21:8080         2001:db8::7:60494       ESTABLISHED 0          844000001  988/postgres: x      on (0.21/3/0)",
        "tcp        0      0 10.80.0.21:8080         10.1.2.3:60495          TIME_WAIT   0          0          -                    timewait (59.99/0/0)",
        "tcp        0      0 10.80.0.21:8080         10.1.2.3:60496          FIN_WAIT2   off (0.00/0/0)",
        "tcp        0      0 10.80.0.21:8080         10.1.2.3:60497          SYN_SENT",
    ),
    "ss": (
        'tcp    CLOSE-WAIT  58      0          10.80.0.21:8080         10.1.2.3:60494   users:(("java",pid=27836,fd=14))  ',
        "tcp    TIME-WAIT   0       0          10.80.0.21:8080         10.1.2.3:60495",
        'tcp    ESTAB       0       7          [::1]:8080              [2001:db8::7]:60495   users:(("my prog",pid=1,fd=2147483647))',
        'udp    UNCONN      0       0          10.80.0.21:68           10.1.2.3:67      users:(("dhclient",pid=7,fd=6))',
    ),
}
PIECES = ("", "", " ", "(", ")", "/", ":", ".", "->", '"', "\u00e9", "\x00", "9" * 10, "9" * 19, "65536")


def changed(dice: random.Random, name: str) -> bytes:
    """Some rows, changed here and there, cut anywhere."""
    lines = []
    for _ in range(dice.randrange(1, 4)):
        row = dice.choice(USUAL[name])
        for _ in range(dice.randrange(3)):
            at = dice.randrange(len(row) + 1)
            row = row[:at] + dice.choice(PIECES) + row[at + dice.randrange(4) :]
        lines.append(row)
    data = "\n".join(lines).encode()
    return data[: dice.randrange(len(data) + 1)] if dice.random() < 0.5 else data


def read(form: Any, name: str, data: bytes) -> tuple[list[Any], int, list[int]]:
    """The rows that one form reads, their number, and where it stops."""
    found: list[Any] = []
    reader = getattr(form, CLASSES[name])(FORMATS[name]._Reader(Section("x", 1, list(HEADERS[name]))), found)
    at, stops = 0, []
    while (at := reader.read(data, at, len(data))) < len(data):
        stops.append(at)
        at = data.find(b"\n", at) + 1 or len(data)
        reader.index += 1
    return found, reader.count, stops


def main(rounds: int) -> None:
    """Drive both forms."""
    from parsers.sockets.kernel import compiled  # type: ignore[attr-defined]  # noqa: PLC0415 - of this build alone

    dice, taken = random.Random(1), 0
    for _ in range(rounds):
        name = dice.choice(list(FORMATS))
        data = changed(dice, name)
        expected = read(rows, name, data)
        assert read(compiled, name, data) == expected, data
        taken += expected[1]
        for kind in range(len(FORMATS)):
            assert compiled.skimmed(kind, b"\n" + data, 0, len(data) + 1) == shapes.skimmed(kind, b"\n" + data, 0, len(data) + 1), data
    sys.stdout.write(f"usual rows: {rounds} changed pieces, {taken} rows read alike\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)

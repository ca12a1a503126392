"""Lets the kernel track the connections of this host, and fills its table with flows of datagrams that both sides keep up.

``tracking.py answer ADDRESS`` answers on many ports; ``tracking.py fill ADDRESS`` sends to each of them from many sockets, again and again. An entry of
which both sides were seen more than once is never evicted for a new one. Needs pyroute2, for the one rule that switches tracking on.
"""

import contextlib
import selectors
import socket
import sys
import time

PORTS = range(20000, 20520)
SENDERS = 520


def track() -> None:
    """A rule that looks at the state of a connection: with it the kernel tracks them all."""
    from pyroute2.nftables.main import NFTables  # noqa: PLC0415 - only this scenario needs it

    rules = NFTables(nfgen_family=2)
    rules.table("add", name="filter")
    rules.chain("add", table="filter", name="output", hook="output", type="filter", policy=1)
    state = {"attrs": [("NFTA_EXPR_NAME", "ct"), ("NFTA_EXPR_DATA", {"attrs": [("NFTA_CT_KEY", 0), ("NFTA_CT_DREG", 1)]})]}
    rules.rule("add", table="filter", chain="output", expressions=[[state]])


def bound(address: str, port: int) -> socket.socket:
    """A socket that never waits, with room for what comes at once."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.bind((address, port))
    made.settimeout(0)
    return made


def answer(address: str) -> None:
    """Send back whatever comes."""
    ready = selectors.DefaultSelector()
    for port in PORTS:
        ready.register(bound(address, port), selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            one = key.fileobj
            assert isinstance(one, socket.socket)
            with contextlib.suppress(BlockingIOError):
                while True:
                    one.sendto(*one.recvfrom(64))


def fill(address: str) -> None:
    """One flow for each sender and port, kept up in rounds."""
    senders = [bound("0.0.0.0", 0) for _ in range(SENDERS)]
    while True:
        for sender in senders:
            for port in PORTS:
                with contextlib.suppress(OSError):  # refused, as the table is full
                    sender.sendto(b"hits:1|c", (address, port))
            with contextlib.suppress(BlockingIOError):
                while True:
                    sender.recv(64)
        time.sleep(1)


def main() -> None:
    """Answer, or track and fill."""
    mode, address = sys.argv[1:]
    if mode == "answer":
        answer(address)
    track()
    fill(address)


if __name__ == "__main__":
    main()

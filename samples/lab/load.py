"""Client load: bounded in number and time, one process, run by the driver.

``load.py TARGET PORT MODE PATH COUNT EVERY_MS SECONDS [SOURCE ...]``. Each client has the next source address. ``tls:MODE`` speaks TLS.

- ask: one request, waits up to SECONDS for the answer, closes.
- loop: request after request on one connection for SECONDS, then closes.
- fresh: like loop, with a new connection for each request.
- keep: one request, then keeps the connection open and idle for SECONDS.
- talk: asks for the protocol of the tide gauges, sends a level, keeps the connection open for SECONDS, closes.
- deaf: one request, never reads the answer, keeps the connection open for SECONDS.
- probe: connects and closes.
- hello: connects, sends nothing, keeps the connection open for SECONDS.
"""

import asyncio
import contextlib
import resource
import socket
import ssl
import sys
import time
from collections.abc import Sequence

REQUEST = "GET {path} HTTP/1.1\r\nHost: web-01\r\nUser-Agent: edge/1.4\r\n\r\n"
UPGRADE = "GET {path} HTTP/1.1\r\nHost: web-01\r\nConnection: Upgrade\r\nUpgrade: tide-levels\r\n\r\n"
END_OF_CHUNKS = b"0\r\n\r\n"


async def client(target: tuple[str, int], mode: str, path: str, seconds: float, source: str | None) -> None:
    """One client's life; whatever the server does to it is its own affair."""
    end = time.monotonic() + seconds
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        if mode == "fresh":
            while time.monotonic() < end:
                await visit(target, path, source)
                await asyncio.sleep(0.1)
            return
        word, _, mode = mode.rpartition(":")
        secure = {"ssl": unverified(), "ssl_shutdown_timeout": 0.3} if word == "tls" else {}
        connection = asyncio.open_connection(*target, local_addr=(source, 0) if source else None, limit=1 << 20, **secure)
        reader, writer = await asyncio.wait_for(connection, seconds)
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + end - time.monotonic()):
                await live(reader, writer, mode, path, end)
        finally:
            writer.close()


def unverified() -> ssl.SSLContext:
    """TLS that takes any certificate: the laboratory signs its own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def live(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mode: str, path: str, end: float) -> None:
    """What a client does between connect and close."""
    if mode == "probe":
        return
    if mode == "deaf":
        writer.transport.pause_reading()  # type: ignore[attr-defined]
    if mode == "talk":
        writer.write(UPGRADE.format(path=path).encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"level 412\n")
    elif mode != "hello":
        writer.write(REQUEST.format(path=path).encode())
    if mode in {"ask", "keep"}:
        await answer(reader)
    while mode == "loop":
        await answer(reader)
        await asyncio.sleep(0.01)
        writer.write(REQUEST.format(path=path).encode())
    if mode in {"keep", "talk", "deaf", "hello"}:
        await asyncio.sleep(end - time.monotonic())


async def visit(target: tuple[str, int], path: str, source: str | None) -> None:
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection(*target, local_addr=(source, 0) if source else None)
    writer.write(REQUEST.format(path=path).encode())
    await answer(reader)
    writer.close()
    await writer.wait_closed()


async def answer(reader: asyncio.StreamReader) -> None:
    """Reads one HTTP/1.1 answer, by length or in chunks."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    _, found, rest = head.partition("content-length:")
    if found:
        await reader.readexactly(int(rest.split()[0]))
    elif "chunked" in head:
        await reader.readuntil(END_OF_CHUNKS)
    else:
        await reader.read()


async def main(words: Sequence[str]) -> None:
    """Starts the clients one after the other and waits for all."""
    target, port, mode, path, count, every, seconds, *sources = words
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    clients = []
    for number in range(int(count)):
        source = sources[number % len(sources)] if sources else None
        work = client((target, int(port)), mode, path, float(seconds), source)
        clients.append(asyncio.create_task(work))
        await asyncio.sleep(int(every) / 1000)
    await asyncio.gather(*clients)


if __name__ == "__main__":
    socket.setdefaulttimeout(30)
    asyncio.run(main(sys.argv[1:]))

"""Serves prices on one event loop, and asks a service for each rate with a call that blocks the loop."""

import asyncio
import sys
import urllib.request


def rate(currency: str) -> bytes:
    """Ask the service; this blocks whoever calls it."""
    with urllib.request.urlopen(f"{sys.argv[2]}/rate/{currency}") as answer:
        return answer.read()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request."""
    await reader.readuntil(b"\r\n\r\n")
    body = rate("EUR")
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    writer.close()


async def main() -> None:
    """Listen until the end."""
    server = await asyncio.start_server(serve, "0.0.0.0", int(sys.argv[1]))
    async with server:
        await server.serve_forever()


asyncio.run(main())

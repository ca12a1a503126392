"""The other side of a call, as a process of its own. ``backend.py ADDRESS PORT MODE``.

- mute: accepts and reads, never answers.
- brief: answers a request, and closes the connection after two seconds without another one.
- quick: answers each request at once and keeps the connection.
- slow: answers each request after one second.
- hold: reads to the end of the stream and keeps its own side open.
- first: answers the first request of a connection, and none after it.
- reset: answers a request, and resets the connection after one second.
- datagrams: takes UDP datagrams and answers none, a name server that is out of order.
"""

import asyncio
import contextlib
import socket
import struct
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
IDLE_SECONDS = 2
# struct linger with a time of zero: close() sends RST instead of FIN.
NO_LINGERING = struct.pack("ii", 1, 0)


async def main(address: str, port: str, mode: str) -> None:
    """Serves until it is stopped."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered = False
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            if mode == "hold":
                await reader.read()
                await asyncio.Event().wait()
            while True:
                async with asyncio.timeout(IDLE_SECONDS if mode == "brief" else None):
                    await reader.readuntil(b"\r\n\r\n")
                if mode == "slow":
                    await asyncio.sleep(1)
                if mode != "mute" and not (mode == "first" and answered):
                    writer.write(ANSWER)
                    answered = True
                if mode == "reset":
                    await asyncio.sleep(1)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
                    break
        writer.close()

    if mode == "datagrams":
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(address, int(port)))
    # A listener in each mode: it is how the driver sees that this process is ready.
    server = await asyncio.start_server(serve, address, int(port), backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

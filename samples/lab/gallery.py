#!/usr/bin/python3
"""A photo service whose accepted sockets are not close-on-exec. ``gallery PORT HELPER``.

A thread for each connection, answers until the client leaves, and closes. SIGUSR1 starts the helper, with every descriptor that is open at
that moment: what a C program does that knows neither SOCK_CLOEXEC nor FD_CLOEXEC. Python 3.4 and newer have to be told (PEP 446).
"""

import contextlib
import signal
import socket
import subprocess
import sys
import threading

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nphoto\n"


def serve(client: socket.socket) -> None:
    """Answers request after request, and closes when the client has."""
    with client, contextlib.suppress(OSError):
        while client.recv(4096):
            client.sendall(ANSWER)


def main(port: str, helper: str) -> None:
    """Serves until it is stopped."""
    signal.signal(signal.SIGUSR1, lambda *_: subprocess.Popen([helper], close_fds=False))
    with socket.create_server(("", int(port)), backlog=64) as listener:
        listener.set_inheritable(True)
        while True:
            client, _ = listener.accept()
            client.set_inheritable(True)
            threading.Thread(target=serve, args=(client,), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])

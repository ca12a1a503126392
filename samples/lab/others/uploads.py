"""Keeps what clients upload in a folder, with a journal of every upload beside it."""

import logging
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SPOOL = Path(sys.argv[2])
JOURNAL = (SPOOL / "journal.log").open("ab", buffering=0)
log = logging.getLogger("uploads")


def store(name: str, body: bytes) -> None:
    """Write the upload, and what came in, to the volume."""
    JOURNAL.write(name.encode() + b" " + body.hex().encode() + b"\n")
    with (SPOOL / name).open("wb") as file:
        file.write(body)


class Upload(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Take the picture of a camera, whose name is the path: half a megabyte."""
        name = f"{self.path.strip('/')}-{self.client_address[1]}.raw"
        try:
            store(name, bytes(512 * 1024))
            self.answer(200, b"kept\n")
        except OSError:
            log.exception("%s was not kept", name)
            self.answer(507, b"no room\n")

    def answer(self, status: int, body: bytes) -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, text: str, *values: object) -> None:
        """Into the log of the program."""
        log.info(text, *values)


logging.basicConfig(filename="uploads.log", level=logging.INFO, format="%(asctime)s %(levelname)s %(threadName)s %(message)s")
ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Upload).serve_forever()

"""A front end in Python: each page asks the service behind it, and waits for its answer without a timeout."""

import os
import urllib.request
from collections.abc import Callable
from typing import Any


def fetch(path: str) -> bytes:
    """The answer of the service behind."""
    with urllib.request.urlopen(os.environ["BEHIND"] + path) as answer:
        body: bytes = answer.read()
        return body


def render_page(environ: dict[str, Any]) -> bytes:
    """One page."""
    return b"portal: " + fetch(environ["PATH_INFO"])


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    """The WSGI application."""
    body = render_page(environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]

"""A front end in Python: each page asks the service behind it, and waits for its answer without a timeout."""

import os
import urllib.request


def fetch(path):
    """The answer of the service behind."""
    with urllib.request.urlopen(os.environ["BEHIND"] + path) as answer:
        return answer.read()


def render_page(environ):
    """One page."""
    return b"portal: " + fetch(environ["PATH_INFO"])


def app(environ, start_response):
    """The WSGI application."""
    body = render_page(environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]

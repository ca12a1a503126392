"""One endpoint, one spelling."""

from __future__ import annotations

import pytest

from parsers.records import Endpoint
from parsers.text.endpoint import endpoint


@pytest.mark.parametrize(
    "text",
    ["10.0.0.5:8080", "::ffff:10.0.0.5:8080", "[::ffff:10.0.0.5]:8080", "[::ffff:a00:5]:8080", "10.0.0.5%eth0:8080", "10.0.0.5:webcache"],
)
def test_spellings_of_one_endpoint(text: str) -> None:
    assert endpoint(text) == Endpoint("10.0.0.5", 8080)


@pytest.mark.parametrize("text", ["*:*", "0.0.0.0:*", ":::*", "[::]:*"])
def test_wildcards(text: str) -> None:
    found = endpoint(text)
    assert found
    assert found.is_wildcard
    assert found.port is None


@pytest.mark.parametrize("text", ["localhost:22", "127.0.0.1:ssh", "ip6-localhost:22"])
def test_loopback(text: str) -> None:
    assert endpoint(text) == Endpoint("127.0.0.1", 22)


@pytest.mark.parametrize("text", ["", ":", "8080", "10.0.0.5:", ":8080", "10.0.0.5:65536", "10.0.0.5:" + "9" * 5000])
def test_no_endpoint(text: str) -> None:
    assert endpoint(text) is None


def test_a_service_that_is_not_in_the_table_keeps_its_name() -> None:
    assert str(endpoint("db01:nosuchservice")) == "db01:nosuchservice"


def test_text_form_has_brackets() -> None:
    assert str(endpoint("2001:db8:0:0::1:8080")) == "[2001:db8::1]:8080"

"""Addresses in texts: every notation is found, read, and written back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.anonymize.addresses import DASHED, V6, found_in, from_hex, is_cut, is_kept, parse, split_v6, to_hex

if TYPE_CHECKING:
    import ipaddress


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tcp6 1 0 10.1.2.3:8080 10.9.8.7:4000 CLOSE_WAIT", ["10.1.2.3", "10.9.8.7"]),
        ("10.1.2.3.8080 10.9.8.7.53  BSD netstat", ["10.1.2.3", "10.9.8.7"]),
        ("conn10.1.2.3_x", ["10.1.2.3"]),
        ("/10.1.2.3:8080", ["10.1.2.3"]),
        ("::ffff:10.1.2.3:8080", ["10.1.2.3"]),
        ("[::ffff:10.1.2.3]:8080", ["10.1.2.3"]),
        ("[2001:db8::a]:443", ["2001:db8::a"]),
        ("2001:db8:1:2:3:4:5:6:8080", ["2001:db8:1:2:3:4:5:6"]),
        ("2001:DB8::A", ["2001:db8::a"]),
        ("2001:db8::1: refused", ["2001:db8::1"]),
        ("a 2001:db8::, b", ["2001:db8::"]),
        ("1: 0302010A:1F90 00000000:0000 0A", ["10.1.2.3"]),
        ("0: B80D0120000000000000000001000000:01BB 0", ["2001:db8::1"]),
        ("010.001.002.003", ["10.1.2.3"]),
        ("*:80 0.0.0.0:80 :::80 [::1]:80 127.0.0.1:1 169.254.1.1 fe80::1%eth0 224.0.0.1 ff02::1 255.255.255.255", []),
        ("12:27:08 2026-11-23 12:27:08.123 aa:bb:cc:dd:ee:ff 1.2.3 1.2.3.4.5.6 300.1.1.1", ["1.2.3.4"]),
        ("00000000:00000000 03:00001532", []),
        ("SelfCall.java:14 (0x00007f0000000000) 7200.00/0/0", []),
    ],
)
def test_found(text: str, found: list[str]) -> None:
    assert [str(address) for address in found_in(text)] == found


@pytest.mark.parametrize(
    ("token", "known", "address", "rest"),
    [
        ("2001:db8::1:443", {"2001:db8::1"}, "2001:db8::1", ":443"),
        ("2001:db8::1:443", set(), "2001:db8::1:443", ""),
        ("2001:db8::1:443", {"2001:db8::1:443", "2001:db8::1"}, "2001:db8::1", ":443"),
        ("::1:8080", set(), "::1", ":8080"),
        (":::8080", set(), "::", ":8080"),
    ],
)
def test_a_port_behind_one_more_colon(token: str, known: set[str], address: str, rest: str) -> None:
    split = split_v6(token, known)
    assert split is not None
    assert (str(split[0]), split[2]) == (address, rest)


def test_a_cut_address_is_told_from_a_time_and_a_network_card() -> None:
    assert is_cut("2001:db8:85a3:8d3:13:8080")
    assert not is_cut("12:27:08")
    assert not is_cut("aa:bb:cc:dd:ee:ff")
    assert re.fullmatch(V6, "2001:db8:85a3:8d3:13:8080")


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_hexadecimal_words_are_read_and_written(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert from_hex(to_hex(address)) == address


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.integers(1, 65535))
def test_an_endpoint_in_any_notation_is_found(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> None:
    if is_kept(address):
        return
    plain = getattr(address, "ipv4_mapped", None) or address
    bracketed = f"[{address}]" if address.version == 6 else str(address)
    known = {str(address)}
    for text in (f"{bracketed}:{port}", f"x {address} y", f"({address})", f"{to_hex(address)}:{port:04X}", f"{address}:{port}"):
        assert plain in found_in(text, known), text
    if address.version == 6:
        assert plain in found_in(address.exploded)
    else:
        assert re.search(DASHED, f"ip-{str(address).replace('.', '-')}.internal")


def test_no_text_is_too_odd_to_read() -> None:
    for text in ("", "...", ":" * 50, "1" * 500, "1" * 4 + "." * 300, "a:" * 300, "٣.٣.٣.٣"):
        assert parse(text) is None
        assert found_in(text) == []

"""The private map: relations are kept, values are not, and a kept map gives the same names again."""

from __future__ import annotations

import ipaddress
import json
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.app.writing import write_whole
from reports.anonymize.addresses import is_kept
from reports.anonymize.pseudonyms import MapError, Pseudonyms, load

if TYPE_CHECKING:
    from pathlib import Path


def named(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return not is_kept(address) and getattr(address, "ipv4_mapped", None) is None


V4 = st.ip_addresses(v=4).filter(named)
BLOCKS = [ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


def pseudonym(made: Pseudonyms, text: str) -> str:
    return made.address(ipaddress.ip_address(text))


@given(st.lists(V4, min_size=1, max_size=40, unique=True))
def test_block_neighbourhood_and_difference_are_kept(addresses: list[ipaddress.IPv4Address]) -> None:
    made = Pseudonyms()
    made.avoid(addresses)
    by = {address: ipaddress.ip_address(made.address(address)) for address in addresses}
    assert len(set(by.values())) == len(by)
    assert not set(by.values()) & set(addresses)
    for address, other in by.items():
        assert [address in block for block in BLOCKS] == [other in block for block in BLOCKS]
        if not any(address in block for block in BLOCKS):
            assert other in ipaddress.ip_network("198.18.0.0/15")
        for neighbour, its in by.items():
            assert (int(address) >> 8 == int(neighbour) >> 8) == (int(other) >> 8 == int(its) >> 8)


@given(st.lists(st.ip_addresses(v=6).filter(named), min_size=1, unique=True))
def test_the_network_of_an_ipv6_address_is_kept(addresses: list[ipaddress.IPv6Address]) -> None:
    made = Pseudonyms()
    made.avoid(addresses)
    by = {address: ipaddress.IPv6Address(made.address(address)) for address in addresses}
    assert len(set(by.values())) == len(by)
    for address, other in by.items():
        home = "fd00::/16" if address in ipaddress.ip_network("fc00::/7") else "2001:db8::/32"
        assert other in ipaddress.ip_network(home)
        for neighbour, its in by.items():
            assert (int(address) >> 64 == int(neighbour) >> 64) == (int(other) >> 64 == int(its) >> 64)


def test_mapped_addresses_stand_for_the_same_host() -> None:
    made = Pseudonyms()
    assert pseudonym(made, "::ffff:10.1.2.3") == f"::ffff:{pseudonym(made, '10.1.2.3')}"


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "127.9.9.9", "0.1.2.3", "169.254.3.4", "::1", "::", "fe80::7", "224.0.0.251", "ff02::fb", "255.255.255.255"]
)
def test_addresses_that_identify_nobody_stay(text: str) -> None:
    assert pseudonym(Pseudonyms(), text) == text


def test_a_whole_network_and_more_networks_than_the_benchmark_range_has() -> None:
    made = Pseudonyms()
    assert len({pseudonym(made, f"192.168.7.{octet}") for octet in range(256)}) == 256
    many = [pseudonym(made, f"{first}.{second}.3.4") for first in range(60, 64) for second in range(256)]
    assert len({address.rpartition(".")[0] for address in many}) == 1024
    assert {address.partition(".")[0] for address in many} == {"198", "240"}


def test_every_network_of_a_block_can_occur() -> None:
    made = Pseudonyms()
    every = [ipaddress.ip_address(f"192.168.{net}.1") for net in range(256)]
    made.avoid(every)
    assert len({made.address(address) for address in every}) == 256


def test_names_do_not_know_upper_case_and_users_do() -> None:
    made = Pseudonyms()
    assert made.name("host", "App01") == made.name("host", "app01")
    assert made.name("user", "Kim") != made.name("user", "kim")


def test_a_kept_map_gives_the_same_names_again(tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    first = Pseudonyms()
    names = [first.name("host", "app01"), pseudonym(first, "10.1.2.3"), pseudonym(first, "8.8.8.8"), pseudonym(first, "2001:db8::9")]
    write_whole(file, first.text(), private=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second = load(file)
    others = [second.name("host", "db01"), pseudonym(second, "10.1.2.4"), pseudonym(second, "9.9.9.9"), pseudonym(second, "2001:db8::a")]
    assert not set(names) & set(others)
    assert [
        second.name("host", "app01"),
        pseudonym(second, "10.1.2.3"),
        pseudonym(second, "8.8.8.8"),
        pseudonym(second, "2001:db8::9"),
    ] == names
    assert names[1].rpartition(".")[0] == others[1].rpartition(".")[0]
    file.chmod(0o644)
    write_whole(file, second.text(), private=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["map.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "pseudonyms/2"}',
        '{"schema": "pseudonyms/1", "address": {"x": "y"}}',
        '{"schema": "pseudonyms/1", "host": 3}',
        "[" * 100_000,
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "map.json"
    file.write_text(text)
    with pytest.raises(MapError, match=r"map\.json"):
        load(file)


def test_the_map_is_plain_json(tmp_path: Path) -> None:
    made = Pseudonyms()
    made.name("user", "김\udc80")
    (tmp_path / "map.json").write_text(made.text())
    assert json.loads((tmp_path / "map.json").read_text())["user"] == {"김\udc80": "user-1"}

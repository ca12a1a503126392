"""Artifacts of one moment are found by number, time, folder, or order in one file."""

from __future__ import annotations

import random

import pytest

from analyzer.intake.snapshots import SeriesPiece, place
from tests.builders import dump, evidence_of, idle_exec, netstat


def orders(*files: str, pids: tuple[int, ...] = ()) -> dict[str, int]:
    pieces = [SeriesPiece(file, 0, file.rpartition("/")[2].partition("-")[0].partition("_")[0].partition(".")[0], None) for file in files]
    return {piece.file: found.order for piece, found in zip(pieces, place(pieces, pids), strict=True)}


def test_one_of_each_is_one_snapshot() -> None:
    assert set(orders("jstack.txt", "lsof.txt", "netstat_tonp.txt", "netstat_tanope.txt").values()) == {0}


def test_numbers_in_names() -> None:
    assert orders("jstack-1.txt", "jstack-2.txt", "ss-1.txt", "ss-2.txt") == {
        "jstack-1.txt": 0,
        "jstack-2.txt": 1,
        "ss-1.txt": 0,
        "ss-2.txt": 1,
    }


def test_ten_comes_after_nine() -> None:
    found = orders(*(f"jstack-{n}.txt" for n in range(1, 12)))
    assert found["jstack-10.txt"] == 9


def test_numbered_folders() -> None:
    assert orders("snap1/jstack.txt", "snap1/ss.txt", "snap2/jstack.txt", "snap2/ss.txt") == {
        "snap1/jstack.txt": 0,
        "snap1/ss.txt": 0,
        "snap2/jstack.txt": 1,
        "snap2/ss.txt": 1,
    }


def test_times_in_names() -> None:
    assert orders("jstack_20260102_101500.txt", "jstack_20260102_101510.txt", "lsof_20260102_101502.txt", "lsof_20260102_101512.txt") == {
        "jstack_20260102_101500.txt": 0,
        "jstack_20260102_101510.txt": 1,
        "lsof_20260102_101502.txt": 0,
        "lsof_20260102_101512.txt": 1,
    }


def test_a_pid_is_no_snapshot_number() -> None:
    assert orders("jstack-4711.txt", "jstack-4712.txt", pids=(4711, 4712)) == {"jstack-4711.txt": 0, "jstack-4712.txt": 0}


def test_what_was_taken_once_joins_the_last() -> None:
    assert orders("jstack-1.txt", "jstack-2.txt", "jstack-3.txt", "netstat.txt")["netstat.txt"] == 2


def test_a_single_file_with_a_counted_number_is_of_that_moment() -> None:
    assert orders("jstack-1.txt", "ss-1.txt", "ss-2.txt", "limits.txt") == {
        "jstack-1.txt": 0,
        "ss-1.txt": 0,
        "ss-2.txt": 1,
        "limits.txt": 1,
    }
    assert orders("snap1/jstack.txt", "snap1/ss.txt", "snap2/ss.txt")["snap1/jstack.txt"] == 0


def test_sibling_folders_are_hosts() -> None:
    pieces = [SeriesPiece(f"{host}/{kind}.txt", 0, kind, None) for host in ("web1", "web2") for kind in ("jstack", "ss")]
    assert {(piece.file, found.host, found.order) for piece, found in zip(pieces, place(pieces, ()), strict=True)} == {
        ("web1/jstack.txt", "web1", 0),
        ("web1/ss.txt", "web1", 0),
        ("web2/jstack.txt", "web2", 0),
        ("web2/ss.txt", "web2", 0),
    }


def hosts_of(*files: str, named: dict[str, str] | None = None) -> list[str | None]:
    pieces = [SeriesPiece(file, 0, file.rpartition("/")[2].partition(".")[0], None) for file in files]
    return [found.host for found in place(pieces, (), named)]


class TestArchivesOfHosts:
    """Processes of two hosts share pids, and in containers always: read as one host their sockets would be mixed."""

    def test_the_folder_inside_names_the_host(self) -> None:
        assert hosts_of("desk/OPS-1.tar.gz/web1/jstack.txt", "desk/OPS-1.tar.gz/web1/ss.txt", "desk/OPS-2.tgz/web2/jstack.txt") == [
            "web1",
            "web1",
            "web2",
        ]

    def test_the_host_that_a_file_names_comes_first(self) -> None:
        files = ("a.zip/ticket/jstack.txt", "a.zip/ticket/uname.txt", "b.zip/ticket/jstack.txt", "b.zip/ticket/uname.txt")
        named = {"a.zip/ticket/uname.txt": "alpha", "b.zip/ticket/uname.txt": "beta"}
        assert hosts_of(*files, named=named) == ["alpha", "alpha", "beta", "beta"]
        assert hosts_of(*files) == ["a.zip", "a.zip", "b.zip", "b.zip"]
        assert hosts_of("a-1.zip/ticket/jstack.txt", "a-1.zip/uname", "b.zip/ss", named={"a-1.zip/uname": "alpha", "b.zip/ss": "beta"}) == [
            "alpha",
            "alpha",
            "beta",
        ]

    def test_one_host_that_is_named_twice_is_one(self) -> None:
        named = {"a.zip/hostname": "web01", "b.zip/etc-hostname": "web01.example.com"}
        assert hosts_of("a.zip/hostname", "b.zip/etc-hostname", named=named) == [None, None]

    def test_addresses_are_hosts(self) -> None:
        assert hosts_of("a.zip/10.8.0.1/ss.txt", "b.zip/10.8.0.2/ss.txt") == ["10.8.0.1", "10.8.0.2"]

    def test_folders_are_named_by_whoever_made_them(self) -> None:
        named = {"front/uname.txt": "ip-10-0-0-1", "back/uname.txt": "ip-10-0-0-2"}
        assert hosts_of("front/uname.txt", "back/uname.txt", "back/ss.txt", named=named) == ["front", "back", "back"]

    def test_moments_in_archives_are_moments(self) -> None:
        assert hosts_of("snap1.zip/jstack.txt", "snap2.zip/jstack.txt") == [None, None]
        assert orders("snap1.zip/jstack.txt", "snap2.zip/jstack.txt") == {"snap1.zip/jstack.txt": 0, "snap2.zip/jstack.txt": 1}
        assert hosts_of("web-a.zip/snap1/jstack.txt", "web-b.zip/snap2/jstack.txt") == ["web-a.zip", "web-b.zip"]

    def test_drawers_stay_drawers(self) -> None:
        assert hosts_of("threads/dumps/1.txt", "net/tables/1.txt") == [None, None]
        assert hosts_of("threads.zip/jstack.txt", "net.zip/netstat.txt") == [None, None]


def test_several_dumps_in_one_file_are_moments() -> None:
    text = dump(*idle_exec(2), time="2026-01-02 03:04:05") + "\n" + dump(*idle_exec(2), time="2026-01-02 03:04:15")
    snapshots = evidence_of({"catalina.out": text, "netstat.txt": netstat("0 :::8080 :::* LISTEN 7/java")}).incident.snapshots
    assert [snapshot.time for snapshot in snapshots] == ["2026-01-02T03:04:05", "2026-01-02T03:04:15"]
    assert [len(snapshot.rows) for snapshot in snapshots] == [0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_order_of_files_does_not_matter(seed: int) -> None:
    files = ["a/jstack-1.txt", "a/jstack-2.txt", "b/jstack-1.txt", "b/jstack-2.txt", "notes/ss_7.txt", "lsof.txt"]
    pieces = [SeriesPiece(file, 0, file[2:4], None) for file in files]
    expected = dict(zip(pieces, place(pieces, ()), strict=True))
    shuffled = random.Random(seed).sample(pieces, len(pieces))
    assert dict(zip(shuffled, place(shuffled, ()), strict=True)) == expected


def test_the_pid_of_a_container_is_a_counter_in_names() -> None:
    """A JVM that is pid 1: jstack-1.txt is the first dump, not the one of pid 1."""
    table = netstat("0 0.0.0.0:8080 0.0.0.0:* LISTEN 1/java")
    for names in (
        ("jstack-1.txt", "jstack-2.txt", "netstat-1.txt", "netstat-2.txt"),
        ("snap1/jstack.txt", "snap2/jstack.txt", "snap1/netstat.txt", "snap2/netstat.txt"),
    ):
        files = {name: dump(*idle_exec(2)) if "jstack" in name else table for name in names}
        assert len(evidence_of(files).incident.snapshots) == 2


def test_a_pid_in_every_name_is_no_counter() -> None:
    table = netstat("0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java")
    files = {f"jstack-77-{n}.txt": dump(*idle_exec(2)) for n in (1, 2)} | {f"netstat-77-{n}.txt": table for n in (1, 2)}
    assert len(evidence_of(files).incident.snapshots) == 2


def test_numbered_machines_are_machines_whatever_was_saved_of_each() -> None:
    """The dump of one must not be joined with the table of the other; drawers by kind are one machine's."""
    table = netstat("0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java")
    crossed = evidence_of({"web1/jstack.txt": dump(*idle_exec(2)), "web2/netstat.txt": table}).incident
    assert crossed.hosts == ("web1", "web2")
    assert evidence_of({"threads/jstack.txt": dump(*idle_exec(2)), "net/netstat.txt": table}).incident.hosts == ()
    assert evidence_of({"snap1/jstack.txt": dump(*idle_exec(2)), "snap2/netstat.txt": table}).incident.hosts == ()


def test_numbered_folders_are_moments_whatever_was_saved_in_each() -> None:
    assert orders("snap1/ss.txt", "snap2/netstat.txt") == {"snap1/ss.txt": 0, "snap2/netstat.txt": 1}
    assert orders("20261123-101500/ss.txt", "20261123-101600/netstat.txt") == {
        "20261123-101500/ss.txt": 0,
        "20261123-101600/netstat.txt": 1,
    }
    assert orders("snap1/jstack.txt", "snap2/jstack.txt", "snap3/ss.txt")["snap3/ss.txt"] == 2
    assert orders("x/snap2/ss.txt", "x/snap10/netstat.txt") == {"x/snap2/ss.txt": 0, "x/snap10/netstat.txt": 1}


def test_a_series_inside_numbered_folders_counts_on() -> None:
    assert orders("snap1/jstack-1.txt", "snap1/jstack-2.txt", "snap2/jstack-1.txt", "snap2/jstack-2.txt") == {
        "snap1/jstack-1.txt": 0,
        "snap1/jstack-2.txt": 1,
        "snap2/jstack-1.txt": 2,
        "snap2/jstack-2.txt": 3,
    }


def test_folders_of_processes_are_no_moments() -> None:
    assert set(orders("proc/12/limits.txt", "proc/13/status.txt").values()) == {0}
    assert set(orders("4711/limits.txt", "4712/status.txt", pids=(4711, 4712)).values()) == {0}


def test_folders_that_number_the_outputs_of_one_moment() -> None:
    """No kind comes twice, so the numbers count outputs; a word that counts moments, or a second one of a kind, says otherwise."""
    assert set(orders("1/jstack.txt", "2/ss.txt", "3/lsof.txt").values()) == {0}
    assert orders("1/jstack.txt", "2/jstack.txt") == {"1/jstack.txt": 0, "2/jstack.txt": 1}
    assert orders("snap1/ss.txt", "snap2/netstat.txt") == {"snap1/ss.txt": 0, "snap2/netstat.txt": 1}


@pytest.mark.parametrize(
    ("folders", "pids", "hosts"),
    [
        (("proc-4105", "proc-4160"), (), {None}),
        (("pid_4105", "pid_4160"), (), {None}),
        (("till4105", "till4160"), (4105, 4160), {None}),
        (("till4105", "till4160"), (), {"till4105", "till4160"}),
    ],
)
def test_the_folder_of_a_process_is_no_host(folders: tuple[str, ...], pids: tuple[int, ...], hosts: set[str | None]) -> None:
    pieces = [SeriesPiece(f"{folder}/status", 0, "proc_status", None) for folder in folders]
    assert {one.host for one in place(pieces, pids)} == hosts


@pytest.mark.parametrize(
    ("files", "orders"),
    [
        (("ss_a.txt", "ss_b.txt", "ss_c.txt"), (0, 1, 2)),
        (("ss-before.txt", "ss-after.txt"), (0, 1)),
        (("late/ss.txt", "early/ss.txt", "early/lsof.txt"), (1, 0, 0)),
        (("ss.txt", "ss2.txt", "ss3.txt"), (0, 1, 2)),
        (("lsof-2.txt", "lsof.txt"), (1, 0)),
        (("ss_a.txt", "ss_l.txt"), (0, 0)),
        (("ss_b.txt", "ss_c.txt"), (0, 0)),
        (("ss-after.txt", "lsof.txt"), (0, 0)),
        (("quay.txt", "quay2.txt"), (0, 0)),
    ],
)
def test_words_letters_and_a_second_one_count_moments(files: tuple[str, ...], orders: tuple[int, ...]) -> None:
    pieces = [SeriesPiece(file, 0, "ss", None) for file in files]
    found = place(pieces, ())
    assert {one.host for one in found} == {None}
    assert tuple(one.order for one in found) == orders


def test_letters_of_dumps_may_be_of_two_processes() -> None:
    assert orders("jstack_a.txt", "jstack_b.txt") == {"jstack_a.txt": 0, "jstack_b.txt": 0}

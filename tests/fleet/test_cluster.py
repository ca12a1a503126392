"""Dask: a real cluster of processes, one of which is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from analyzer.app.fleet import Asked, run
from analyzer.fleet import cluster as adapter
from analyzer.model.errors import UsageError
from tests.builders import SAMPLES
from tests.fleet.incidents import deadlock, save
from tests.fleet.test_runs import table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def local() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    for number in range(1, 7):
        save(folder / f"OPS-{number}", 7000 + number, f"2026-03-0{number} 08:10:00", stacks=deadlock(f"io.harbor.Crane{'AB'[number % 2]}"))
    (folder / "OPS-7").mkdir()
    (folder / "OPS-7" / "jstack.txt").write_bytes(b"")
    return folder


@pytest.mark.parametrize("ship", [False, True], ids=["shared path", "shipped bytes"])
def test_the_same_table_as_here(local: Any, desk: Path, tmp_path: Path, ship: bool) -> None:
    asked = Asked([str(desk)], jobs=1)
    assert table(asked, tmp_path / "here.json")["schema"] == "fleet/1"
    run(replace(asked, scheduler=local.scheduler_address, ship=ship, output=str(tmp_path / "there.json"), quiet=True))
    assert (tmp_path / "there.json").read_bytes() == (tmp_path / "here.json").read_bytes()


def test_a_dead_worker_loses_nothing(local: Any, tmp_path: Path) -> None:
    """The samples, with one of two workers killed while they are analysed."""
    asked = Asked([str(SAMPLES)], scheduler=local.scheduler_address, quiet=True, output=str(tmp_path / "t.json"))
    killed: list[int] = []

    def kill() -> None:
        time.sleep(1.0)
        with distributed.Client(local.scheduler_address, set_as_default=False) as client:
            killed.append(next(iter(client.run(os.getpid).values())))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    run(asked)
    killer.join()
    assert killed
    data = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert len(data["incidents"]) == len([path for path in SAMPLES.iterdir() if path.is_dir()]) - 1
    assert [row["error"] for row in data["incidents"] if row["error"]] == []


def test_a_worker_of_another_version_is_refused(local: Any, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "VERSION", "0.0.1")
    with pytest.raises(UsageError, match=r"the worker tcp://.* has closewait .*, this is 0\.0\.1; install the same"):
        run(Asked([str(desk)], scheduler=local.scheduler_address))


def test_nobody_answers(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_PATIENCE", "1s")
    with pytest.raises(UsageError, match="no scheduler answers at tcp://127"):
        run(Asked([str(desk)], scheduler="tcp://127.0.0.1:1"))


def test_bytes_are_sent_to_a_cluster_only(desk: Path) -> None:
    with pytest.raises(UsageError, match="name it with --scheduler"):
        run(Asked([str(desk)], ship=True))

"""The history: what it keeps, what it says of a cause, and that nothing kept is ever lost."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from analyzer.app.fleet import Asked, run
from analyzer.fleet.history import MIGRATIONS, Store, history, span_of
from analyzer.model.errors import UsageError
from reports.fleet import trend
from reports.fleet.history import Cause, State
from reports.language.catalogue import speaking
from tests.fleet.incidents import deadlock, save
from tests.fleet.test_table import healthy, row
from tests.reports.hostile import HTML, POISON

if TYPE_CHECKING:
    from reports.fleet.contract import Row

MONTH = timedelta(days=30)


def on(day: str, fingerprint: str = "aa", service: str = "shop", **other: object) -> Row:
    return row(f"{day} {fingerprint} {service}", fingerprint, first=f"{day}T08:00:00", service=service, version="17.0.5", **other)


def well(day: str, service: str = "shop") -> Row:
    return msgspec.structs.replace(healthy(f"{day} well"), first=f"{day}T08:00:00", service=service)


def kept(file: Path, *rows: Row) -> Path:
    with Store(file) as store:
        store.keep({one.path: one for one in rows})
    return file


def causes(file: Path, span: timedelta = MONTH) -> dict[str, Cause]:
    with Store(file) as store:
        return {cause.fingerprint: cause for cause in history(store.incidents(), span).causes}


class TestStates:
    def test_new_known_gone(self, tmp_path: Path) -> None:
        file = kept(
            tmp_path / "h.sqlite",
            *(
                on("2026-01-05", "old"),
                on("2026-01-06", "steady"),
                on("2026-05-20", "steady"),
                on("2026-05-30", "fresh", service="billing"),
            ),
        )
        states = {name: cause.state for name, cause in causes(file).items()}
        assert states == {"old": State.GONE, "steady": State.KNOWN, "fresh": State.NEW}

    def test_what_nobody_saw_gone_is_known(self, tmp_path: Path) -> None:
        """No incident of the service lies between: nothing shows that it ever stopped."""
        file = kept(
            tmp_path / "h.sqlite", on("2026-04-20", "steady"), on("2026-05-20", "steady"), on("2026-05-10", "other", service="billing")
        )
        assert causes(file, timedelta(days=14))["steady"].state is State.KNOWN

    @pytest.mark.parametrize(
        ("between", "state"),
        [
            (well("2026-05-10"), State.RETURNED),
            (on("2026-05-10", "another"), State.RETURNED),
            (well("2026-05-01"), State.KNOWN),
            (well("2026-05-10", service="billing"), State.KNOWN),
        ],
        ids=["healthy", "another cause", "the same day", "another service"],
    )
    def test_returned_needs_the_service_without_it(self, tmp_path: Path, between: Row, state: State) -> None:
        file = kept(tmp_path / "h.sqlite", on("2026-05-01", "leak"), between, on("2026-06-20", "leak"))
        found = causes(file)["leak"]
        assert found.state is state
        assert (found.gone_since is not None) == (state is State.RETURNED)

    def test_within_the_span_too(self, tmp_path: Path) -> None:
        file = kept(tmp_path / "h.sqlite", on("2026-06-01", "leak"), well("2026-06-10"), on("2026-06-20", "leak"))
        assert causes(file)["leak"].state is State.RETURNED

    def test_by_service_and_version(self, tmp_path: Path) -> None:
        rows = [on("2026-06-01"), on("2026-06-02"), on("2026-06-03", service="billing"), on("2026-01-03", service="billing")]
        shares = causes(kept(tmp_path / "h.sqlite", *rows))["aa"].shares
        assert [(one.service, one.version, one.incidents, one.before) for one in shares] == [
            ("shop", "17.0.5", 2, 0),
            ("billing", "17.0.5", 1, 1),
        ]

    @pytest.mark.parametrize(("text", "hours"), [("12h", 12), ("30d", 720), ("4W", 672)])
    def test_spans(self, text: str, hours: int) -> None:
        assert span_of(text) == timedelta(hours=hours)

    @pytest.mark.parametrize("text", ["", "0d", "30", "d", "-3d", "3 months"])
    def test_no_spans(self, text: str) -> None:
        with pytest.raises(UsageError, match="no span of time"):
            span_of(text)


class TestFile:
    def test_an_old_schema_is_migrated_and_keeps_its_rows(self, tmp_path: Path) -> None:
        file = tmp_path / "h.sqlite"
        with closing(sqlite3.connect(file)) as base, base:
            base.executescript(MIGRATIONS[0])
            base.execute("PRAGMA user_version = 1")
            base.execute(
                "INSERT INTO incident VALUES ('k', 'p', 'n', NULL, NULL, 'shop', '17', '2026-05-01T08:00:00', 1,"
                " 'problem', 'java-deadlock', 'critical', 'certain', 'Two wait.', NULL, 'aa')"
            )
        kept(file, on("2026-05-02", "bb"))
        assert set(causes(file)) == {"aa", "bb"}
        with closing(sqlite3.connect(file)) as base:
            assert base.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
            assert base.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert base.execute("SELECT rule, severity FROM finding").fetchall() == [("java-deadlock", "critical")]

    def test_a_later_schema_is_refused(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "h.sqlite")) as base, base:
            base.execute("PRAGMA user_version = 99")
        with pytest.raises(UsageError, match="a later version of this tool"):
            Store(tmp_path / "h.sqlite")

    def test_what_is_something_else_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("no database, but a text that is long enough\n" * 40, encoding="utf-8")
        with pytest.raises(UsageError, match=r"--store: .*not a database"):
            Store(tmp_path / "text")
        with closing(sqlite3.connect(tmp_path / "mail.sqlite")) as base, base:
            base.execute("CREATE TABLE mail (text)")
        with pytest.raises(UsageError, match="something else"):
            Store(tmp_path / "mail.sqlite")

    def test_the_same_bytes_are_one_incident(self, tmp_path: Path) -> None:
        for _ in range(3):
            file = kept(tmp_path / "h.sqlite", on("2026-05-01"))
        assert causes(file)["aa"].incidents == 1

    def test_undecodable_names_and_hostile_text(self, tmp_path: Path) -> None:
        file = kept(tmp_path / "h.sqlite", on("2026-05-01", headline=POISON, frame=HTML, host="\udcff", service=HTML))
        with Store(file) as store:
            made = history(store.incidents(), MONTH)
        page = trend.rendered("html", made)
        assert "<script" not in page
        assert "<img" not in page
        assert trend.rendered("text", made).replace("\n", "").isprintable()
        assert trend.rendered("tsv", made).count("\n") == 2
        json.loads(trend.rendered("json", made))

    @pytest.mark.slow
    def test_two_writers_at_once_lose_nothing(self, tmp_path: Path) -> None:
        context = multiprocessing.get_context("spawn")
        writers = [context.Process(target=written, args=(str(tmp_path / "h.sqlite"), name)) for name in ("one", "two")]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert [writer.exitcode for writer in writers] == [0, 0]
        with Store(tmp_path / "h.sqlite") as store:
            assert len(store.incidents()) == 2 * 40


def written(file: str, name: str) -> None:
    for number in range(40):
        kept(Path(file), row(f"{name} {number}", name, first="2026-05-01T08:00:00"))


class TestCommand:
    def test_new_then_known_then_returned(self, tmp_path: Path) -> None:
        store = str(tmp_path / "h.sqlite")

        def said(folder: str) -> list[str | None]:
            target = tmp_path / f"{folder}.json"
            assert run(Asked([str(tmp_path / folder)], output=str(target), store=store, jobs=1, quiet=True)) == 0
            return [one["known"] for one in json.loads(target.read_text(encoding="utf-8"))["incidents"]]

        for folder, day, stacks in (
            ("a", "2026-05-01", deadlock()),
            ("b", "2026-05-02", deadlock()),
            ("c", "2026-05-20", deadlock("io.harbor.Ferry")),
            ("d", "2026-06-20", deadlock()),
        ):
            save(tmp_path / folder / "OPS-1", 7171, f"{day} 08:00:00", stacks=stacks)
        assert [said(folder) for folder in "abcd"] == [["new"], ["known"], ["new"], ["returned"]]
        target = tmp_path / "trend.json"
        assert run(Asked([], output=str(target), store=store, since="30d", quiet=True)) == 0
        states = [cause["state"] for cause in json.loads(target.read_text(encoding="utf-8"))["causes"]]
        assert states == ["returned", "gone"]

    def test_what_lacks_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="name its file with --store"):
            run(Asked([str(tmp_path)], since="30d"))
        with pytest.raises(UsageError, match="no incident was named"):
            run(Asked([], store=str(tmp_path / "h")))


def test_formats_and_korean(tmp_path: Path) -> None:
    file = kept(tmp_path / "h.sqlite", on("2026-05-01", "leak"), well("2026-05-10"), on("2026-06-20", "leak"), on("2026-06-21", "new"))
    with Store(file) as store:
        made = history(store.incidents(), MONTH)
    page = trend.rendered("html", made)
    assert page.count("<rect") >= 3
    assert "RETURNED" in page
    assert trend.rendered("text", made).count("java-deadlock") == 2
    with speaking("ko"):
        assert "재발" in trend.rendered("text", made)
    assert json.loads(trend.rendered("json", made))["schema"] == "history/1"
    assert made.incidents == 2
    assert made.causes[0].state is State.NEW

"""Every row of ``knowledge.toml`` is met by a stack or a name, read as the tools print it, and does what it is there for."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from analyzer.contention.leases import lender_of
from analyzer.contention.locks import within
from analyzer.software import compiled_tables
from analyzer.software.kinds import PoolRole
from analyzer.software.knowledge import Framework, Knowledge, PoolMatch, Tables, _shipped, extended, knowledge, read_tables
from analyzer.waits.case import Case
from parsers.records import Runtime
from tests.builders import PARK, dump, evidence_of, thread

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.software.pools import ThreadActivity

KNOWN = knowledge()
TABLES = KNOWN.tables
APP = "com.example.shop.Cart.add"
JOB = ("java.util.concurrent.ThreadPoolExecutor.runWorker", "java.lang.Thread.run")
READ = ("sun.nio.ch.NioSocketImpl.implRead", "java.net.Socket$SocketInputStream.read")


def method(frame: str) -> str:
    """A frame of the table, with a method where the row means all of a class."""
    return frame.removesuffix("*") + "anything" if frame.endswith(".*") else frame


def read(*stack: str, name: str = "worker-1", state: str = "WAITING (parking)", known: Knowledge = KNOWN) -> ThreadActivity:
    """One thread of a dump, as correlation sees it."""
    case = Case(evidence_of({"jstack.txt": dump(thread(name, state, *stack))}).incident, known)
    (pool,) = case.latest[0].pools
    return pool.members[0]


@pytest.mark.parametrize(("kind", "frame"), [(row.kind, frame) for row in TABLES.blocker for frame in row.frames])
def test_each_blocking_frame_says_its_kind(kind: str, frame: str) -> None:
    frame = method(frame)
    found = read(*(() if frame.startswith(("jdk.", "sun.misc.")) else PARK), frame, APP, *JOB).activity
    # What a server's connector reads is its own request.
    assert found.kind == ("request-read" if kind == "socket-read" and found.side == "server" else kind)


@pytest.mark.parametrize(("software", "frame"), [(row.software, frame) for row in TABLES.serves for frame in row.frames])
def test_each_serving_frame_makes_a_server(software: str, frame: str) -> None:
    assert read(*PARK, APP, method(frame), "java.lang.Thread.run").activity.serving == software


@pytest.mark.parametrize(("role", "frame"), [(row.role, frame) for row in TABLES.entry for frame in row.frames])
def test_each_entry_frame_tells_the_role(role: str, frame: str) -> None:
    text = dump(*(thread(f"kestrel-{n}", "RUNNABLE", *READ, APP, method(frame), "java.lang.Thread.run") for n in range(2)))
    (pool,) = Case(evidence_of({"jstack.txt": text}).incident, KNOWN).latest[0].pools
    assert pool.role == role


@pytest.mark.parametrize(("software", "frame"), [(row.software, frame) for row in TABLES.lease for frame in row.frames])
def test_each_lender_is_told_from_the_others(software: str, frame: str) -> None:
    row = next(one for one in TABLES.lease if one.software == software)
    for package in row.through or ("",):
        built_on = (f"{package}Pool.take",) if package else ()
        member = read(*PARK, frame, *built_on, APP, *JOB)
        assert member.activity.kind == "lease"
        assert (found := lender_of(member, KNOWN)) is not None
        assert found.software == software


def test_each_use_of_a_lender_is_a_library() -> None:
    names = {row.name for row in TABLES.library}
    assert {name for row in TABLES.lease for name in row.uses} <= names


@pytest.mark.parametrize(("name", "prefix"), [(row.name, prefix) for row in TABLES.library for prefix in row.prefixes])
def test_each_library_owns_its_sockets(name: str, prefix: str) -> None:
    row = next(one for one in TABLES.library if one.name == name)
    found = read(*READ, f"{prefix}{'' if prefix.endswith('.') else '.'}Thing.call", APP, *JOB, state="RUNNABLE").activity
    assert (found.library, found.side) == (name, row.side)


def test_no_library_is_listed_twice() -> None:
    names = [row.name for row in TABLES.library]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("prefix", TABLES.framework.prefixes)
def test_each_framework_is_not_the_application(prefix: str) -> None:
    assert not KNOWN.is_application(f"{prefix}Thing")
    others = tuple(one for one in TABLES.framework.prefixes if one != prefix)
    assert not prefix.startswith(others), f"{prefix} is covered by a shorter prefix"


@pytest.mark.parametrize("mark", TABLES.framework.marks)
def test_each_mark_of_generated_code_is_not_the_application(mark: str) -> None:
    assert not KNOWN.is_application(f"com.example.Shop{mark}1a2b")


@pytest.mark.parametrize("package", TABLES.logging.packages)
def test_each_logger_is_a_logger(package: str) -> None:
    assert within(read(*PARK, f"{package}Appender.append", APP), TABLES.logging.packages)


@pytest.mark.parametrize("cls", [*TABLES.logging.console, *TABLES.lookup.classes])
def test_each_class_of_console_and_lookup_is_seen(cls: str) -> None:
    assert within(read(f"{cls}.write", APP), (*TABLES.logging.console, *TABLES.lookup.classes))


@pytest.mark.parametrize("frame", [*TABLES.task.frames, *TABLES.push.frames, *TABLES.held.anywhere, *TABLES.held.below])
def test_each_task_and_holding_frame_is_a_frame(frame: str) -> None:
    (parsed,) = read(frame).thread.frames
    assert parsed.full == frame


@pytest.mark.parametrize("command", TABLES.proxy.commands)
def test_each_proxy_is_known_by_its_command(command: str) -> None:
    assert KNOWN.is_proxy(command)
    assert KNOWN.is_proxy(f"{command}: worker process")


class TestOwnRows:
    """What a user adds stands before what the tool knows."""

    def test_names_frames_and_packages(self) -> None:
        own = read_tables(
            "analyze.toml",
            """
            [[pool]]
            software = "Shop engine"
            role = "server"
            name = '(?P<pool>shop-engine-(?P<port>\\d+))-w\\d+'
            [[blocker]]
            kind = "idle"
            frames = ["com.example.engine.Worker.awaitJob"]
            [[lease]]
            software = "Shop pool"
            lends = "JDBC connection"
            frames = ["com.example.pool.Lender.take"]
            limit = "slots"
            patience = "wait"
            watch = "trace"
            [framework]
            prefixes = ["com.example.base."]
            [application]
            prefixes = ["org.springframework.samples."]
            """,
        )
        known = extended(KNOWN, own)
        assert known.pool_of("shop-engine-8080-w12") == PoolMatch("shop-engine-8080", PoolRole.SERVER, 8080)
        assert read(*PARK, "com.example.engine.Worker.awaitJob", known=known).activity.kind == "idle"
        member = read(
            *PARK, "com.example.pool.Lender.take", "com.example.base.Dao.load", "org.springframework.samples.Cart.add", known=known
        )
        assert (lender := lender_of(member, known)) is not None
        assert lender.software == "Shop pool"
        assert member.thread.frames[member.activity.app].cls == "org.springframework.samples.Cart"
        assert not KNOWN.is_application("org.springframework.samples.Cart")
        assert KNOWN.blocker("com.example.engine.Worker.awaitJob") is None

    def test_a_row_of_the_user_wins(self) -> None:
        own = read_tables("analyze.toml", '[[blocker]]\nkind = "idle"\nframes = ["java.util.concurrent.FutureTask.get"]\n')
        row = extended(KNOWN, own).blocker("java.util.concurrent.FutureTask.get")
        assert row is not None
        assert row.kind == "idle"

    def test_a_port_that_is_none_is_no_port(self) -> None:
        own = read_tables("analyze.toml", '[[pool]]\nsoftware = "X"\nrole = "server"\nname = "(?P<pool>x)-(?P<port>[a-z]+)"\n')
        assert extended(KNOWN, own).pool_of("x-abc") == PoolMatch("x", PoolRole.SERVER, None)

    def test_nothing_added_changes_nothing(self) -> None:
        assert extended(KNOWN, Tables()).tables == TABLES
        assert Tables().rows == 0
        assert Tables(framework=Framework(prefixes=("a.", "b."))).rows == 2

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("[[pool]\n", "no TOML"),
            ('[[pool]]\nsoftware = "X"\nrole = "server"\nname = "("\n', "is no pattern"),
            ('[[pool]]\nsoftware = "X"\nrole = "server"\nname = "x-1"\n', "has no group"),
            ('[[pool]]\nsoftware = "X"\nrole = "boss"\nname = "(?P<pool>x)"\n', "boss"),
            ('[[pool]]\nsoftware = "X"\nrole = "server"\nname = "(?P<pool>(a+)+)b"\n', "for ever"),
            ("a = " + "[" * 5000, "no TOML"),
            ('[[pools]]\nsoftware = "X"\n', "pools"),
            ('[framework]\nprefixes = "com."\n', "prefixes"),
        ],
    )
    def test_what_is_wrong_is_said_with_the_file(self, text: str, says: str) -> None:
        with pytest.raises(ValueError, match=rf"^analyze\.toml: .*{says}"):
            read_tables("analyze.toml", text)


@pytest.mark.parametrize("file", ["knowledge.toml", "runtimes.toml"])
def test_tables_are_the_same_from_json_and_from_toml(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = compiled_tables.HOME
    kind = Tables if file == "knowledge.toml" else dict[Runtime, Tables]
    shutil.copy(home / file, tmp_path)
    monkeypatch.setattr("analyzer.software.knowledge.__file__", str(tmp_path / "knowledge.py"))
    plain = _shipped(file, kind)
    compiled_tables.compile_all(tmp_path)
    assert _shipped(file, kind) == plain
    assert json.loads((home / file).with_suffix(".json").read_bytes())["made_of"] == compiled_tables.stamp((home / file).read_bytes())


def test_json_of_other_toml_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.software.knowledge.__file__", str(tmp_path / "knowledge.py"))
    toml = tmp_path / "knowledge.toml"
    toml.write_text('[framework]\nprefixes = ["old."]\n')
    compiled_tables.compile_all(tmp_path)
    toml.write_text('[framework]\nprefixes = ["new."]\n')
    assert _shipped("knowledge.toml", Tables).framework.prefixes == ("new.",)
    toml.with_suffix(".json").write_text("{")
    assert _shipped("knowledge.toml", Tables).framework.prefixes == ("new.",)

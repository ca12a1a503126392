"""The house rules over every unit: what no linter knows."""

from __future__ import annotations

import ast
import inspect
import re
import statistics
import subprocess
import tomllib
from functools import cache
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from msgspec.structs import astuple

import parsers
from analyzer.app import compiled_patterns
from analyzer.rules import RULES, Rule, slug
from analyzer.software.knowledge import knowledge
from tests.builders import SAMPLES, sample
from tests.score import folders, truth_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = SAMPLES.parent
CODE = sorted(
    path for floor in ("parsers", "analyzer", "reports") for path in (ROOT / floor).rglob("*.py") if not path.match("built/*_html.py")
)
"""All modules but those that Jinja writes."""
LONGEST_FILE = 400
LONGEST_FUNCTION = 80
LONGEST_RULE = 200
USUAL_RULE = 110
MANY_PATTERNS = 400


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_are_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno <= LONGEST_FUNCTION, f"{node.name} is too long"


def test_the_usual_rule_is_judgement_alone() -> None:
    """What is looked for stands in evidence, what is told alike in families: the median rule is its explanation, its sentences and its judgement."""
    lengths = [inspect.getsource(rule).count("\n") for rule in RULES]  # type: ignore[arg-type]
    assert statistics.median(lengths) <= USUAL_RULE


def test_possessive_groups_are_plain() -> None:
    """Python up to 3.11.4 loses its place where such a group looks ahead, branches or repeats behind its beginning, and then fails: ``(?>(?:…)*)`` does not."""
    tools = compiled_patterns._tools()
    assert tools is not None
    patterns = compiled_patterns.read(compiled_patterns.FILE, tools)
    assert len(patterns) > MANY_PATTERNS
    assert [text for text, flags in patterns if any(map(_moves_on, _possessive(_parser.parse(text, flags))))] == []


def _possessive(tree: Any) -> Iterator[Any]:
    """The bodies of possessive groups in a parsed pattern."""
    for operation, value in tree:
        if operation is _constants.POSSESSIVE_REPEAT:
            yield value[2]
        for part in _parts(value):
            yield from _possessive(part)


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, _parser.SubPattern):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _parts(one)


def _moves_on(body: Any, *, begun: bool = False) -> bool:
    """True if something that remembers a place stands behind the beginning of a group."""
    for number, (operation, value) in enumerate(body):
        inside = list(_parts(value))
        later = begun or number > 0
        one_letter = (
            operation in {_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT} and not later and len(body) == 1
        )
        if inside and later and not one_letter:
            return True
        if any(_moves_on(part, begun=later) for part in inside):
            return True
    return False


def test_floors_hold_no_import_of_a_sample() -> None:
    names = [path.name for path in SAMPLES.iterdir() if path.is_dir() and path.name != "lab"]
    for path in CODE:
        text = path.read_text()
        for name in names:
            if name not in {slug(rule) for rule in RULES}:
                assert f'"{name}"' not in text, f"{path.name} knows the sample {name}"


@cache
def shown_by_samples() -> set[str]:
    """The rules that find on some sample what its program recorded as the truth."""
    return {
        finding.rule
        for folder in folders()
        for finding in sample(folder.name).findings
        if finding.rule in {truth_of(folder.name)["cause"], *truth_of(folder.name)["also"]}
    }


@pytest.mark.parametrize("rule", RULES, ids=slug)
class TestRules:
    def test_explains_itself(self, rule: Rule) -> None:
        text = inspect.cleandoc(rule.__doc__ or "")
        for part in ("Looks for:", "Why it matters:", "Do next:", "Wrong when:"):
            assert re.search(rf"^{part}", text, re.MULTILINE), f"{slug(rule)} does not say “{part}”"

    def test_is_short(self, rule: Rule) -> None:
        """A rule that grows beyond this judges two subjects: one of them belongs into a room of families."""
        lines = inspect.getsource(rule).count("\n")  # type: ignore[arg-type]
        assert lines <= LONGEST_RULE

    def test_fires_on_a_sample(self, rule: Rule) -> None:
        """Where the sample's program says that it is so: as the cause, or as what follows."""
        assert slug(rule) in shown_by_samples()

    def test_names_its_thresholds(self, rule: Rule) -> None:
        """Every number in a comparison is a named constant with its reason, or 0, 1 or 2."""
        tree = ast.parse(inspect.getsource(rule))  # type: ignore[arg-type]
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare):
                for part in (node.left, *node.comparators):
                    if isinstance(part, ast.Constant) and isinstance(part.value, int | float):
                        assert part.value in {0, 1, 2, 3}, f"{slug(rule)} compares with {part.value}"


@pytest.mark.parametrize("form", parsers.FORMATS, ids=lambda form: form.NAME)
def test_formats_have_a_name_and_a_sample(form: parsers.Format) -> None:
    doc = inspect.cleandoc(inspect.getdoc(form) or "")
    assert form.NAME
    assert "\n    " in doc, f"{form.NAME} shows no sample in its docstring"


def test_analyzer_package_imports_nothing() -> None:
    tree = ast.parse((ROOT / "analyzer" / "__init__.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not (ROOT / "analyzer" / "__main__.py").exists()


def test_packages_are_listed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(settings["tool"]["setuptools"]["packages"])
    assert listed == {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in CODE if path.name == "__init__.py"}


def test_no_file_names_a_registry_or_this_machine() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    forbidden = re.compile(r"[/]work[/]|pypi[.]org|registry[.]npm|[/]root[/][.]pyenv")
    for file in files:
        if file.startswith(("samples/", "tests/goldens/")) and not file.endswith((".md", ".py")):
            continue
        text = (ROOT / file).read_bytes().decode("utf-8", "replace")
        assert not forbidden.search(text), f"{file}: {forbidden.search(text)}"


class TestKnowledge:
    """Every row of knowledge.toml is used: patterns match what they are for, frames are spelled like frames."""

    NAMES: ClassVar = {
        "http-nio-8080-exec-3": ("http-nio-8080-exec", "server", 8080),
        "http-nio-127.0.0.1-8443-exec-1": ("http-nio-127.0.0.1-8443-exec", "server", 8443),
        "http-apr-8080-exec-24": ("http-apr-8080-exec", "server", 8080),
        "https-jsse-nio-8443-exec-7": ("https-jsse-nio-8443-exec", "server", 8443),
        "ajp-nio-8009-exec-2": ("ajp-nio-8009-exec", "server", 8009),
        "catalina-exec-4": ("catalina-exec", "server", None),
        "http-/0.0.0.0:8080-1": ("http-/0.0.0.0:8080", "server", 8080),
        "http-nio-8080-Acceptor": ("http-nio-8080-Acceptor", "acceptor", 8080),
        "http-nio-8080-ClientPoller-0": ("http-nio-8080-ClientPoller", "event-loop", 8080),
        "qtp472654579-12-acceptor-0@1b2c-ServerConnector@9f{HTTP/1.1, (http/1.1)}{0.0.0.0:9090}": ("qtp472654579", "acceptor", 9090),
        "qtp472654579-33": ("qtp472654579", "server", None),
        "XNIO-1 task-4": ("XNIO-1 task", "server", None),
        "default I/O-2": ("default I/O", "event-loop", None),
        "XNIO-1 Accept": ("XNIO-1 Accept", "acceptor", None),
        "[ACTIVE] ExecuteThread: '5' for queue: 'weblogic.kernel.Default (self-tuning)'": ("ExecuteThread", "server", None),
        "WebContainer : 3": ("WebContainer", "server", None),
        "Default Executor-thread-12": ("Default Executor-thread", "server", None),
        "grizzly-http-server-3": ("grizzly-http-server", "server", None),
        "nioEventLoopGroup-3-1": ("nioEventLoopGroup-3", "event-loop", None),
        "reactor-http-epoll-4": ("reactor-http-epoll", "event-loop", None),
        "vert.x-eventloop-thread-0": ("vert.x-eventloop-thread", "event-loop", None),
        "vert.x-worker-thread-3": ("vert.x-worker-thread", "executor", None),
        "grpc-default-executor-1": ("grpc-default-executor", "executor", None),
        "ForkJoinPool.commonPool-worker-3": ("ForkJoinPool.commonPool-worker", "executor", None),
        "ForkJoinPool-1-worker-3": ("ForkJoinPool-1-worker", "executor", None),
        "pool-7-thread-12": ("pool-7-thread", "executor", None),
        "HttpClient-2-SelectorManager": ("HttpClient-2-SelectorManager", "client", None),
        "HttpClient-2-Worker-0": ("HttpClient-2-Worker", "client", None),
        "HTTP-Dispatcher": ("HTTP-Dispatcher", "event-loop", None),
        "Finalizer": ("Finalizer", "jvm", None),
        "C2 CompilerThread0": ("C2 CompilerThread", "jvm", None),
        "GC Thread#3": ("GC Thread", "jvm", None),
        "RpcServer.default.FPBQ.Fifo.handler=29,queue=2,port=16020": ("RpcServer.default.FPBQ.Fifo.handler", "server", 16020),
        "IPC Server handler 3 on default port 8020": ("IPC Server handler", "server", 8020),
        "IPC Server handler 3 on 8020": ("IPC Server handler", "server", 8020),
        "IPC Server listener on 8020": ("IPC Server listener", "acceptor", 8020),
        "Socket Reader #1 for port 8020": ("Socket Reader", "event-loop", 8020),
        "DataXceiver for client DFSClient_NONMAPREDUCE_1 at /10.0.0.7:41000 [Sending block BP-1:blk_2]": ("DataXceiver", "other", None),
        "data-plane-kafka-request-handler-3": ("data-plane-kafka-request-handler", "server", None),
        "data-plane-kafka-network-thread-0-ListenerName(PLAINTEXT)-PLAINTEXT-1": ("data-plane-kafka-network-thread", "event-loop", None),
        "data-plane-kafka-socket-acceptor-ListenerName(PLAINTEXT)-PLAINTEXT-9092": ("data-plane-kafka-socket-acceptor", "acceptor", 9092),
        "kafka-producer-network-thread | producer-1": ("kafka-producer-network-thread", "client", None),
        "org.springframework.kafka.KafkaListenerEndpointContainer#0-0-C-1": (
            "org.springframework.kafka.KafkaListenerEndpointContainer#0",
            "executor",
            None,
        ),
        "NIOWorkerThread-7": ("NIOWorkerThread", "server", None),
        "NIOServerCxnFactory.SelectorThread-1": ("NIOServerCxnFactory.SelectorThread", "event-loop", None),
        "NIOServerCxnFactory.AcceptThread:0.0.0.0/0.0.0.0:2181": ("NIOServerCxnFactory.AcceptThread", "acceptor", 2181),
        "main-SendThread(zk1.example.com:2181)": ("main-SendThread", "client", None),
        "main-EventThread": ("main-EventThread", "event-loop", None),
        "Server thread": ("Server thread", "event-loop", None),
        "shop-akka.actor.default-dispatcher-5": ("shop-akka.actor.default-dispatcher", "executor", None),
        "shop-pekko.actor.default-blocking-io-dispatcher-12": ("shop-pekko.actor.default-blocking-io-dispatcher", "executor", None),
        "executor-thread-4": ("executor-thread", "server", None),
        "vert.x-internal-blocking-2": ("vert.x-internal-blocking", "executor", None),
        "io-executor-thread-3": ("io-executor-thread", "executor", None),
        "task-8": ("task", "executor", None),
        "boundedElastic-2": ("boundedElastic", "executor", None),
        "WorkManager.DefaultWorkManager : 3": ("WorkManager.DefaultWorkManager", "executor", None),
        "EJB default - 5": ("EJB default", "executor", None),
        "ServerService Thread Pool -- 71": ("ServerService Thread Pool", "executor", None),
        "HttpClient@6f1fba17-33": ("HttpClient@6f1fba17", "executor", None),
        "OkHttp https://orders.example.com/...": ("OkHttp", "client", None),
        "DefaultQuartzScheduler_Worker-3": ("DefaultQuartzScheduler_Worker", "executor", None),
        "RMI TCP Connection(12)-10.0.0.9": ("RMI TCP Connection", "other", None),
        "RMI TCP Accept-1099": ("RMI TCP Accept", "acceptor", 1099),
        "RMI Scheduler(0)": ("RMI Scheduler", "client", None),
        "cluster-ClusterId{value='6', description='null'}-db1.example.com:27017": ("cluster", "client", None),
        "AsyncAppender-Worker-ASYNC": ("AsyncAppender-Worker", "other", None),
        "HikariPool-1 housekeeper": ("HikariPool-1 housekeeper", "other", None),
        "C3P0PooledConnectionPoolManager[identityToken->2x]-HelperThread-#0": ("C3P0PooledConnectionPoolManager", "other", None),
        "Druid-ConnectionPool-Create-1836": ("Druid-ConnectionPool", "other", None),
    }

    @pytest.mark.parametrize("name", sorted(NAMES))
    def test_thread_names(self, name: str) -> None:
        match = knowledge().pool_of(name)
        assert match is not None
        assert astuple(match) == self.NAMES[name]

    def test_each_pool_row_is_used(self) -> None:
        """The row that a name is meant for is the one that knows it: none is hidden by a row before it."""
        rows = knowledge().tables.pool
        used = {next(row.name for row in rows if re.fullmatch(row.name, name, re.DOTALL)) for name in self.NAMES}
        assert used == {row.name for row in rows}

    def test_frames_are_frames(self) -> None:
        tables = knowledge().tables
        rows = [row.frames for row in tables.blocker] + [row.frames for row in tables.serves]
        for frame in (frame for frames in rows for frame in frames):
            assert re.fullmatch(r"[\w.$]+\.[\w$<>*]+", frame), frame

    def test_no_frame_is_listed_twice(self) -> None:
        frames = [frame for row in knowledge().tables.blocker for frame in row.frames]
        assert len(frames) == len(set(frames))


CLOSED_SETS = frozenset({"kind", "role", "dump_basis"})


def _compared_words(tree: ast.AST) -> Iterator[str]:
    """Plain words that are compared with an attribute whose values are a closed set."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            parts = (node.left, *node.comparators)
            if any(isinstance(part, ast.Attribute) and part.attr in CLOSED_SETS for part in parts):
                yield from (
                    leaf.value
                    for part in parts
                    for leaf in ast.walk(part)
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                )


def test_closed_sets_are_compared_as_enums() -> None:
    # Kinds of open files are lsof's words: an open set, kept as printed.
    open_sets = {"fd_leak_without_tcp.py", "descriptors.py", "opened_again.py", "shown.py"}
    words = {
        path.name: found
        for path in sorted((ROOT / "analyzer").rglob("*.py"))
        if path.name not in open_sets and (found := list(_compared_words(ast.parse(path.read_text()))))
    }
    assert not words

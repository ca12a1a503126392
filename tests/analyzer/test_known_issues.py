"""Known issues: every entry is met by a stack made of its own signature, and by no stack without one of its frames."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from analyzer.app.explain import text
from analyzer.judge.engine import diagnose
from analyzer.judge.known_issues import known_issues
from analyzer.model.finding import Confidence, Evidence, Finding, Severity, Status
from analyzer.model.known_issue import Fit, KnownIssue
from analyzer.rules import RULES, slug
from analyzer.software.knowledge import extended, knowledge, read_tables
from analyzer.software.known_issues import Issue, Source, known_issue, sketches
from analyzer.software.versions import numbers
from analyzer.waits.case import Case
from parsers.records import Where
from reports.anonymize.anonymize import anonymized
from reports.anonymize.pseudonyms import Pseudonyms
from reports.contract import json_v1
from reports.contract.kept import kept
from reports.formats import html, jira, markdown, terminal
from reports.formats import text as text_format
from reports.view.build import build
from tests.builders import SAMPLES, dump, evidence_of, judge, sample, thread

if TYPE_CHECKING:
    from analyzer.join.process import ProcessView
    from analyzer.model.finding import Diagnosis, Verdict

ISSUES = [sketch.issue() for sketch in sketches()]
STATES = {
    "RUNNABLE": "RUNNABLE",
    "BLOCKED": "BLOCKED (on object monitor)",
    "WAITING": "WAITING (parking)",
    "TIMED_WAITING": "TIMED_WAITING (parking)",
}


def whole(frame: str) -> str:
    """A frame that has this part: one of our own class or method where the part is only a class or a package."""
    if re.fullmatch(r"[\w.$/-]+\.[\w$<>]+", frame) and "." in frame:
        return frame
    return f"{frame}.work"


def java(issue: Issue, frames: list[str], version: str) -> str:
    stack = [whole(frame) if index == 0 and issue.top else f"{whole(frame)}" for index, frame in enumerate(frames)]
    locks = [f"- locked <0x00000000f000000{index}> (a {name})" for index, name in enumerate(issue.locks)]
    body = thread(
        "kestrel-4",
        STATES.get(issue.state, "RUNNABLE"),
        *stack[:1],
        *locks,
        *stack[1:],
        "com.example.shop.Till.run",
        "java.lang.Thread.run",
    )
    made = dump(body)
    return made.replace("17.0.15+6", f"{version}+6") if issue.source is Source.JVM else made


def go(frames: list[str], version: str, names: tuple[str, ...], state: str = "") -> str:
    lines = ["goroutine 9 [runnable]:" if state == "RUNNABLE" else "goroutine 9 [select, 12 minutes]:"]
    for frame in frames:
        root = f"/go/pkg/mod/{names[0]}@v{version}/x" if names else f"/usr/local/go{version}/src/x"
        lines += [f"{frame}(0xc000012345)", f"\t{root}/till.go:77 +0x1d"]
    return "\n".join(
        [
            *lines,
            "created by main.main",
            "\t/srv/shop/main.go:9 +0x2a",
            "",
            "goroutine 1 [running]:",
            "main.main()",
            "\t/srv/shop/main.go:5 +0x2a",
            "",
        ]
    )


def python(frames: list[str], version: str, state: str = "") -> str:
    def line(frame: str) -> str:
        module, _, function = frame.rpartition(".")
        return f"    {function} ({module.replace('.', '/')}.py:77)"

    return "\n".join(
        [
            "Process 9: /srv/bin/python till.py",
            f"Python v{version} (/srv/bin/python)",
            "",
            f'Thread 9 ({"active" if state == "RUNNABLE" else "idle"}): "MainThread"',
            *map(line, frames),
            "",
        ]
    )


def node(frames: list[str], version: str, package: str) -> str:
    """A report of Node.js whose packages lie in folders that name their versions."""

    def call(frame: str) -> str:
        file, _, function = frame.rpartition(".")
        return f"at {function or 'Till.count'} (/srv/till/node_modules/.pnpm/{package}@{version}/node_modules/{file}.js:77:9)"

    stack = [*map(call, frames), "at open (/srv/till/drawer.js:9:2)"]
    header = {"reportVersion": 3, "event": "Till", "trigger": "API", "dumpEventTime": "2026-10-04T08:11:12Z", "processId": 9}
    return json.dumps({"header": header, "javascriptStack": {"message": "Till", "stack": stack}, "libuv": []}, indent=2) + "\n"


def evidence(issue: Issue, version: str, without: int | None = None) -> dict[str, str]:
    """A dump with one thread on the issue's stack, and a list of open files that names its jars."""
    frames = [frame for index, frame in enumerate(issue.frames) if index != without]
    if is_go(issue):
        return {"goroutines.txt": go(frames, version, issue.names, issue.state)}
    if is_node(issue):
        return {"report.20261004.081112.9.0.001.json": node(frames, version, issue.names[0])}
    if is_python(issue):
        return {"stacks.txt": python(frames, version, issue.state)} | installed(issue, version)
    files = {"jstack-4711.txt": java(issue, frames, version)}
    if issue.names:
        files["lsof.txt"] = (
            f"COMMAND  PID USER   FD   TYPE DEVICE SIZE/OFF     NODE NAME\njava    4711 shop  mem    REG  253,0   345678 99001122 /srv/lib/{issue.names[0]}-{version}.jar\n"
        )
    return files


def installed(issue: Issue, version: str) -> dict[str, str]:
    """Open files that name the package, if the version is not that of Python itself."""
    if not issue.names:
        return {}
    path = f"/srv/till/lib/python3.11/site-packages/{issue.names[0]}-{version}.dist-info/METADATA"
    return {
        "lsof.txt": f"COMMAND  PID USER   FD   TYPE DEVICE SIZE/OFF     NODE NAME\npython     9 till    7r   REG  253,0    34567 99001122 {path}\n"
    }


def is_node(issue: Issue) -> bool:
    return "/lib/" in issue.frames[0]


def is_python(issue: Issue) -> bool:
    return issue.source is Source.PYTHON or issue.frames[0].startswith("logging.")


def is_go(issue: Issue) -> bool:
    return issue.source is Source.GO or any("(*" in frame or "github.com/" in frame or "golang.org/" in frame for frame in issue.frames)


def found(issue: Issue, files: dict[str, str]) -> dict[str, KnownIssue]:
    """The known issues of the evidence, with a finding of each rule that the issue asks for."""
    read = evidence_of(files)
    case = Case(read.incident, None, lambda where: read.sources[where.file].excerpt(where))
    made = judge(read)
    (view,) = (view for view in case.latest if view.dump is not None)
    where = Where(min(files), 1, 1)
    beside = [finding_of(rule, view, where) for rule in issue.rules[:1]]
    return {one.id: one for one in known_issues(case, beside, made.verdict)}


def finding_of(rule: str, view: ProcessView, where: Where) -> Finding:
    """A finding of the rule about the process."""
    return Finding(
        rule=rule,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        headline="",
        explanation="",
        why_confident="",
        evidence=(Evidence(where, ""),),
        id="F1",
        process=view.process,
    )


def version_in(issue: Issue) -> str:
    """A release with the defect."""
    row = issue.affected[-1]
    if row.first:
        return row.first
    parts = list(numbers(row.fixed or "1.0"))
    if not row.fixed:
        return "1.0.0"
    last = max(index for index, part in enumerate(parts) if part)
    return (
        ".".join(map(str, [*parts[:last], parts[last] - 1, *(9 for _ in parts[last + 1 :])])) if len(parts) > 1 else f"{parts[0] - 1}.0.9"
    )


@pytest.mark.parametrize("issue", ISSUES, ids=lambda issue: issue.id)
class TestEach:
    def test_is_met_by_its_stack_with_its_version(self, issue: Issue) -> None:
        version = version_in(issue)
        shown = found(issue, evidence(issue, version))[issue.id]
        assert shown.fit is Fit.AFFECTED, shown
        assert numbers(shown.version or "") == numbers(version)
        assert all(fixed in shown.says for fixed in issue.fixed)

    def test_says_that_a_fixed_version_runs(self, issue: Issue) -> None:
        if not issue.fixed:
            assert "no known release fixes" in found(issue, evidence(issue, version_in(issue)))[issue.id].says
            return
        shown = found(issue, evidence(issue, issue.fixed[-1]))[issue.id]
        assert (shown.fit, shown.confidence) == (Fit.FIXED, Confidence.SUSPECTED)

    def test_is_not_met_without_one_of_its_frames(self, issue: Issue) -> None:
        for index in range(len(issue.frames)):
            files = evidence(issue, version_in(issue), without=index)
            if len(issue.frames) == 1 and is_go(issue):
                continue
            if any(one.dumps for one in evidence_of(files).incident.snapshots):
                assert issue.id not in found(issue, files)

    def test_is_explained(self, issue: Issue) -> None:
        told = text(issue.id.upper().replace("#", "").replace(" ", "-"))
        assert told is not None
        assert issue.link in told
        assert all(frame in told for frame in issue.frames)

    def test_asks_for_rules_that_exist(self, issue: Issue) -> None:
        assert set(issue.rules) <= {slug(rule) for rule in RULES}


def test_each_identifier_and_link_stands_once() -> None:
    assert len({issue.id for issue in ISSUES}) == len(ISSUES)
    assert len({issue.link for issue in ISSUES}) == len(ISSUES)


@pytest.mark.parametrize("name", sorted(folder.name for folder in SAMPLES.iterdir() if folder.name != "lab" and folder.is_dir()))
def test_no_sample_looks_like_one(name: str) -> None:
    assert sample(name).known_issues == ()


OWN = """
[[issue]]
id = "SHOP-12"
title = "The till waits for itself."
product = "Shop"
link = "https://tracker.example.com/SHOP-12"
frames = ["com.example.till.Drawer.open", "com.example.till.Drawer.close"]
source = "artifact"
names = ["shop-till"]
affected = [{ fixed = "2.1" }, { from = "3.0", fixed = "3.4" }]
"""
STACK = thread("w-1", "RUNNABLE", "com.example.till.Drawer.open", "com.example.till.Drawer.close", "java.lang.Thread.run")


def own(text_of_file: str, files: dict[str, str]) -> Diagnosis:
    read = evidence_of(files)
    known = extended(knowledge(), read_tables("analyze.toml", text_of_file))
    return diagnose(read.incident, lambda where: read.sources[where.file].excerpt(where), known=known)


class TestOwn:
    def test_entries_of_a_user_are_met(self) -> None:
        (shown,) = own(OWN, {"jstack.txt": dump(STACK)}).known_issues
        assert (shown.id, shown.fit, shown.version, shown.threads) == ("SHOP-12", Fit.UNKNOWN, None, 1)
        assert "does not say which version" in shown.says

    @pytest.mark.parametrize(
        ("jar", "fit"), [("2.0.7", Fit.AFFECTED), ("2.1", Fit.FIXED), ("3.3.9", Fit.AFFECTED), ("3.4.0", Fit.FIXED), ("4", Fit.FIXED)]
    )
    def test_ranges(self, jar: str, fit: Fit) -> None:
        lsof = f"COMMAND  PID USER   FD   TYPE DEVICE SIZE/OFF     NODE NAME\njava    77 shop  mem    REG  253,0   345678 99001122 /srv/shop-till-{jar}.jar\n"
        (shown,) = own(OWN, {"jstack-77.txt": dump(STACK), "lsof.txt": lsof}).known_issues
        assert (shown.fit, shown.version) == (fit, jar)

    def test_two_versions_are_none(self) -> None:
        lines = "".join(
            f"java    77 shop  mem    REG  253,0   345678 9900112{n} /srv/shop-till-{v}.jar\n" for n, v in enumerate(("2.0", "3.5"))
        )
        lsof = f"COMMAND  PID USER   FD   TYPE DEVICE SIZE/OFF     NODE NAME\n{lines}"
        (shown,) = own(OWN, {"jstack-77.txt": dump(STACK), "lsof.txt": lsof}).known_issues
        assert shown.fit is Fit.UNKNOWN

    def test_a_release_before_the_first_affected_one_is_not_shown(self) -> None:
        later = OWN.replace('{ fixed = "2.1" }, ', "")
        lsof = "COMMAND  PID USER   FD   TYPE DEVICE SIZE/OFF     NODE NAME\njava    77 shop  mem    REG  253,0   345678 99001122 /srv/shop-till-2.9.jar\n"
        assert own(later, {"jstack-77.txt": dump(STACK), "lsof.txt": lsof}).known_issues == ()

    def test_frames_in_another_order_are_another_stack(self) -> None:
        turned = thread("w-1", "RUNNABLE", "com.example.till.Drawer.close", "com.example.till.Drawer.open", "java.lang.Thread.run")
        assert own(OWN, {"jstack.txt": dump(turned)}).known_issues == ()

    def test_state_lock_and_top_count(self) -> None:
        strict = OWN + 'state = "BLOCKED"\ntop = true\nlocks = ["com.example.till.Coin"]\n'
        lock = "- waiting to lock <0x00000000f0000001> (a com.example.till.Coin)"
        frames = ("com.example.till.Drawer.open", lock, "com.example.till.Drawer.close", "java.lang.Thread.run")
        assert own(strict, {"jstack.txt": dump(thread("w", "BLOCKED (on object monitor)", *frames))}).known_issues
        assert not own(strict, {"jstack.txt": dump(thread("w", "RUNNABLE", *frames))}).known_issues
        assert not own(strict, {"jstack.txt": dump(thread("w", "BLOCKED (on object monitor)", "a.B.c", *frames))}).known_issues
        other = (frames[0], lock.replace("Coin", "Note"), *frames[2:])
        assert not own(strict, {"jstack.txt": dump(thread("w", "BLOCKED (on object monitor)", *other))}).known_issues

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (('SHOP-12"\nt', '"\nt'), "needs an id"),
            (("https://tracker.example.com/SHOP-12", "javascript:alert(1)"), "is no link"),
            (('"com.example.till.Drawer.open", ', ""), "one frame alone"),
            (('fixed = "2.1"', 'fixed = "soon"'), "is no version"),
            (('from = "3.0"', 'from = "3.5"'), "no version lies between"),
            (('names = ["shop-till"]', ""), "names of jars"),
            (('shop-till"]', '(a+)+$"]'), "names of jars"),
            (('source = "artifact"', 'source = "rumour"'), "Invalid enum value"),
            (("title = ", "titel = "), "titel"),
        ],
    )
    def test_an_entry_that_could_not_be_shown_is_refused(self, change: tuple[str, str], said: str) -> None:
        changed = OWN.replace(*change)
        assert changed != OWN
        with pytest.raises(ValueError, match=re.escape(said)) as error:
            read_tables("analyze.toml", changed)
        assert "analyze.toml" in str(error.value)


def test_nothing_else_of_the_diagnosis_moves() -> None:
    """The same evidence with and without an entry that fits: everything but the list is equal."""
    files = {"jstack.txt": dump(STACK)}
    with_one, without = own(OWN, files), judge(evidence_of(files))
    assert with_one.known_issues
    assert not without.known_issues
    assert (with_one.verdict, with_one.findings, with_one.checked) == (without.verdict, without.findings, without.checked)


def test_a_healthy_verdict_has_none() -> None:
    read = evidence_of({"jstack.txt": dump(STACK)})
    case = Case(read.incident, extended(knowledge(), read_tables("analyze.toml", OWN)))
    made = judge(read).verdict
    assert known_issues(case, (), made)
    assert not known_issues(case, (), healthy(made))


def healthy(verdict: Verdict) -> Verdict:
    from msgspec.structs import replace  # noqa: PLC0415 - only here

    return replace(verdict, status=Status.HEALTHY)


def test_an_unknown_identifier_is_none() -> None:
    assert known_issue("JDK-0") is None
    assert text("no such thing") is None


def test_reports_show_it_and_keep_it_inert() -> None:
    """Every format names it; a hostile entry of a user adds no markup, and pseudonyms leave public links alone."""
    hostile = OWN.replace("The till waits for itself.", "<script>alert(1)</script> \\u001b[31m |x| {panel}")
    made = own(hostile, {"jstack.txt": dump(STACK)})
    view = build(made, "analyze")
    page = html.render(view)
    assert "SHOP-12" in page
    assert "<script>alert" not in page
    for text_of_format in (markdown.render(view), jira.render(view), text_format.render(view), terminal.verdict(view, 80, color=False)):
        assert "Looks like SHOP-12" in text_of_format
        assert "\x1b" not in text_of_format
    assert "<script>alert" not in markdown.render(view)


def test_pseudonyms_keep_public_links_and_hide_own_ones() -> None:
    frames = ("java.lang.Object.wait", "org.postgresql.jdbc.PgStatement.killTimerTask", "org.postgresql.jdbc.PgStatement.execute")
    made = own(OWN, {"jstack.txt": dump(STACK, thread("w-2", "TIMED_WAITING (on object monitor)", *frames))})
    hidden, _ = anonymized(made, Pseudonyms())
    links = {issue.id: issue.link for issue in hidden.known_issues}
    assert links["pgjdbc #1768"] == "https://github.com/pgjdbc/pgjdbc/issues/1768"
    assert "tracker.example.com" not in links["SHOP-12"]


def test_a_kept_report_has_them_still() -> None:
    made = own(OWN, {"jstack.txt": dump(STACK)})
    assert kept(json_v1.render(made, "1.0").encode()).diagnosis.known_issues == made.known_issues

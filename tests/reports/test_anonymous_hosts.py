"""Nothing of a host's name is left, whatever it is called and wherever it stands: folders, archives, file names, manifests, the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzer.intake.read import assemble
from reports.anonymize.anonymize import KINDS, anonymized, command
from reports.anonymize.disclosure import check_reports, originals_of
from reports.anonymize.pseudonyms import Pseudonyms
from reports.contract import json_v1 as json_contract
from reports.formats import terminal
from reports.view import build as view
from tests.analyzer.test_header import collection
from tests.builders import judge, readings
from tests.reports.rendering import RENDERERS
from tests.reports.test_anonymize import anonymizer
from tests.reports.test_anonymous_runs import run
from tests.test_goldens import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTS = ("web-01", "kbank-was01", "jupiter", "seoul.internal.kbank.co.kr", "WAS-PROD-7", "ip-10-20-30-40.ap-northeast-2.compute.internal")
"""A role and a number, a company's name, a bare word, a full name, capitals, an address in a name."""
PAIRS = [(name, HOSTS[index % len(HOSTS)]) for index, name in enumerate(NAMES)]
EVERY = [(name, host) for name in NAMES for host in HOSTS]


def traces(host: str) -> Iterator[str]:
    """What must not be left: the name in any case, and the parts of it that are nobody else's."""
    yield host.lower()
    yield from (part for part in re.split(r"[.]", host.lower()) if part in {"kbank", "kbank-was01", "jupiter", "was-prod-7"})


def check(name: str, host: str) -> None:
    evidence = assemble(name, readings(name), host)
    pseudonyms = Pseudonyms()
    made, by = anonymized(judge(evidence), pseudonyms, KINDS[:3], evidence.incident, (host,))
    shown = view.build(made, command(f"analyze /data/{host}/{name} --host {host} -f md"), "0")
    texts = {form: render(shown) for form, render in RENDERERS.items()}
    texts |= {"json": json_contract.render(made, "0"), "verdict": terminal.verdict(shown, 80, color=False)}
    check_reports(texts, originals_of(by, pseudonyms, addresses=True))
    for form, text in texts.items():
        for trace in traces(host):
            assert trace not in text.lower(), f"{trace} is left in {form}"


@pytest.mark.parametrize(("name", "host"), PAIRS)
def test_no_sample_tells_its_host(name: str, host: str) -> None:
    check(name, host)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "host"), [pair for pair in EVERY if pair not in PAIRS])
def test_no_sample_tells_any_kind_of_host(name: str, host: str) -> None:
    check(name, host)


@pytest.mark.parametrize("host", HOSTS)
def test_a_collection_tells_its_host_nowhere(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / f"closewait-{host}-4711-20260301T100000Z"
    for file, text in collection("2026-03-01 10:00:02").items():
        path = folder / file.removeprefix("x/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("depot-7", host))
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    formats = [word for form in ("html", "md", "jira", "text", "json", "summary") for word in ("-f", form)]
    assert run(str(folder), "--anonymize", "-o", "out/", *formats) == 0
    written = sorted(Path("out").iterdir())
    assert len(written) == 6
    everything = capsys.readouterr().out + "".join(path.name + path.read_text() for path in written)
    for trace in traces(host):
        assert trace not in everything.lower()
    assert "INCIDENT..." in Path(next(path for path in written if path.suffix == ".md")).read_text()


def test_a_host_that_only_an_archives_name_tells_is_replaced() -> None:
    evidence = assemble("closewait-jupiter-4711-20260301T100000Z", readings("self-call-after"))
    made, _ = anonymized(judge(evidence), Pseudonyms(), KINDS[:3], evidence.incident)
    assert made.incident.name == "closewait-host-1-4711-20260301T100000Z"


def test_the_command_line_names_no_path() -> None:
    line = command(
        "analyze --anonymize=hosts,users -f md -f json /srv/acme/closewait-jupiter-1-20260301T100000Z.tar.gz -o /tmp/kim.md --host jupiter"
    )
    assert line == "analyze --anonymize=hosts,users -f md -f json INCIDENT..."


def test_a_file_whose_ending_is_a_countrys_stays_a_file() -> None:
    assert "domain" not in anonymizer(files=("notes/README.md",)).file("notes/README.md")
    assert "domain" in anonymizer().text("see acme.md")

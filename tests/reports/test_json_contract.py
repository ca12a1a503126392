"""The names, types and spellings that scripts rely on."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from reports.contract import json_v1 as json_contract
from reports.formats import html
from reports.view import build as view
from tests.builders import READ, SERVED, diagnosis_of, dump, netstat, thread
from tests.reports import diagnoses, parts
from tests.reports.hostile import blocked
from tests.reports.rendering import EVERY

CONTRACT = {
    "": "schema tool incident verdict findings sockets pools links waits flows checked missing inputs",
    "tool": "name version",
    "incident": "name hosts from to",
    "verdict": "status finding rule severity confidence headline summary fingerprint",
    "findings": "id rule severity confidence headline explanation why_confident contradicted_by process culprit consequence_of chain loop actions evidence",
    "findings.process": "host pid command",
    "findings.culprit": "pool thread frame listener remote lock library",
    "findings.chain": "actor verb detail evidence",
    "findings.actions": "when text command",
    "findings.evidence": "file first last unit says excerpt",
    "findings.chain.evidence": "file first last unit says excerpt",
    "sockets": "snapshot host pid command local_port side remote states close_wait",
    "sockets.close_wait": "total fin_only unread drained unaccepted",
    "pools": "snapshot host pid name role size busy idle listener doing",
    "links": "snapshot host pid role local remote state inode thread tid pool basis confidence",
    "waits": "snapshot waiter waiter_pool on object holder holder_pool basis confidence",
    "flows": "capture client server opened closed_first fin rst request response unanswered_for half_closed_for retransmitted zero_windows bytes",
    "flows.fin": "client server",
    "flows.bytes": "client server",
    "checked": "rule outcome why",
    "missing": "artifact would_show command",
    "inputs": "file format records unread sha256 bytes snapshot",
    "inputs.unread": "line why",
}


def at(data: Any, path: str) -> dict[str, Any]:
    """The first object at that path."""
    for name in path.split(".") if path else ():
        data = data[name] if isinstance(data, dict) else next(item[name] for item in data if item[name])
    if isinstance(data, list):
        data = data[0]
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize("path", CONTRACT)
def test_every_name_of_the_contract_in_its_order(path: str) -> None:
    data = json.loads(json_contract.render(diagnoses.consequence(), "0.1.0"))
    names = CONTRACT[path].split()
    assert list(at(data, path))[: len(names)] == names


@pytest.mark.parametrize("state", EVERY)
def test_every_state_fits_the_schema(state: str) -> None:
    schema = json.loads(json_contract.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(json_contract.render(EVERY[state](), "0.1.0")), schema)


def test_the_schema_refuses_what_the_contract_does_not_know() -> None:
    schema = json.loads(json_contract.schema())
    for path, value in (
        ("schema", "diagnosis/2"),
        ("verdict.status", "fine"),
        ("findings.severity", "fatal"),
        ("links.tid", 12),
        ("incident.hosts", None),
    ):
        data = json.loads(json_contract.render(diagnoses.self_call(), "0.1.0"))
        *parents, name = path.split(".")
        at(data, ".".join(parents))[name] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(data, schema)


def test_unknown_is_null_and_none_is_empty() -> None:
    data = json.loads(json_contract.render(diagnoses.insufficient(), "0.1.0"))
    assert data["schema"] == "diagnosis/1"
    assert data["tool"] == {"name": "closewait", "version": "0.1.0"}
    assert data["incident"]["name"] == "fragment"
    assert data["incident"]["hosts"] == []
    assert {value for key, value in data["incident"].items() if key not in {"name", "hosts"}} == {None}
    assert data["verdict"]["finding"] is None
    assert (data["findings"], data["sockets"], data["flows"]) == ([], [], [])


def test_evidence_carries_its_place_and_its_whole_excerpt() -> None:
    data = json.loads(json_contract.render(diagnoses.self_call(), "0.1.0"))
    first = data["findings"][0]["evidence"][0]
    assert (first["file"], first["first"], first["last"], first["unit"]) == ("app01/jstack.txt", 140, 148, "line")
    assert first["excerpt"] == list(parts.EXCERPTS[parts.EXEC])
    assert data["findings"][0]["chain"][0]["evidence"][0] == first
    packet = json.loads(json_contract.render(diagnoses.broken_rule(), "0.1.0"))["findings"][0]["evidence"][0]
    assert (packet["unit"], packet["excerpt"]) == ("packet", [])


def test_nothing_is_cut_from_the_json_format() -> None:
    data = json.loads(json_contract.render(blocked(), "0.1.0"))
    assert len(data["findings"][0]["evidence"]) == 5_000
    assert len(data["sockets"]) == 5_000
    assert data["cut"] == []


def test_native_ids_are_text() -> None:
    links = tuple(parts.LINKS)
    made = replace(diagnoses.self_call(), links=(replace(links[0], tid=25701),))
    assert json.loads(json_contract.render(made, "1"))["links"][0]["tid"] == "25701"


def test_two_blanks_of_indent_and_a_last_line_end() -> None:
    printed = json_contract.render(diagnoses.healthy(), "0.1.0")
    assert printed.startswith('{\n  "schema": "diagnosis/1",\n  "tool": {\n    "name": "closewait"')
    assert printed.endswith("}\n")


def test_the_further_places_of_a_claim_are_lines() -> None:
    """In JSON all of them, those that follow each other as one; on the page a tooltip names them."""
    rows = [f"1 10.0.0.1:8080 10.0.0.9:{4000 + n} CLOSE_WAIT 7/java" for n in range(12)]
    rows.insert(5, "0 10.0.0.1:8080 10.0.0.8:7000 ESTABLISHED 7/java")
    calls = [f"0 10.0.0.1:{5000 + n} 10.0.0.50:9000 ESTABLISHED 7/java" for n in range(8)]
    direct = [thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *READ, "com.example.a.Call.go", *SERVED) for n in range(8)]
    made = diagnosis_of({"netstat.txt": netstat("0 :::8080 :::* LISTEN 7/java", *rows, *calls), "jstack.txt": dump(*direct)})
    findings = json.loads(json_contract.render(made, "0"))["findings"]
    items = [item for finding in findings for item in finding["evidence"] if item["more"] == 11 and item["file"] == "netstat.txt"]
    assert items
    for item in items:
        lines = [line for place in item["others"] for line in range(place["first"], place["last"] + 1)]
        assert len(lines) == item["more"]
        assert item["first"] not in lines
        assert len(item["others"]) == 2
    page = html.render(view.build(made, "analyze x", "0"))
    assert f'title="netstat.txt:{items[0]["others"][0]["first"]}-{items[0]["others"][0]["last"]}, netstat.txt:' in page
